// SPDX-License-Identifier: Apache-2.0
/*
 * Packets of a live interface, in a network namespace of the test's own with a veth pair: the
 * committed capture sent into one end is counted at the other as from the file, tags and all; which
 * way packets go; what was dropped; an interface that goes down. Needs root.
 */
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "net_object.h"

#define RETURN(v) "mov %r0, " #v "\nexit"

static const char *missing;

static bool command(const char *text)
{
	char all[512];

	snprintf(all, sizeof(all), "{ %s; } >/dev/null 2>&1", text);
	return system(all) == 0;
}

static const char *make_pair(void)
{
	static bool made;

	if (made)
		return missing;
	made = true;
	if (unshare(CLONE_NEWNET) < 0)
		return missing = "no network namespace of its own (needs root)";
	command("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
		"echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	if (!command("ip link set lo up && ip link add sk0 type veth peer name sk1 && "
		     "ip link set sk0 up && ip link set sk1 up"))
		return missing = "no veth pair";
	return NULL;
}

/* A child that sends the capture into @name when the socket of this process is surely open. */
static pid_t send_capture(const char *name, unsigned int after_ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sockaddr_ll to = { .sll_family = AF_PACKET,
					  .sll_ifindex = (int)if_nametoindex(name) };
		int fd = socket(AF_PACKET, SOCK_RAW, 0);
		struct buf b;
		uint32_t n, len;
		const uint8_t *p;

		buf_init(&b);
		kit_read(CAPTURE, &b);
		usleep(after_ms * 1000);
		for (size_t i = 0; (p = kit_written(&b, i, &n, &len)); i++)
			if (sendto(fd, p, n, 0, (struct sockaddr *)&to, sizeof(to)) != (ssize_t)n)
				_exit(1);
		_exit(0);
	}
	return pid;
}

static void finish(pid_t pid)
{
	int status = -1;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ_INT(status, 0);
}

/* The counts of a program at the interface are those that the golden file has of the capture. */
static void same_counts(void)
{
	static const struct {
		const char *prog, *golden;
		bool frames;
	} rows[] = { { "count_xdp", "tests/captures/mixed.packets", true },
		     { "count_tc", "tests/captures/mixed.ingress", false },
		     { "pop_vlan", "tests/captures/mixed.packets", true } };

	if (make_pair())
		CHECK_SKIP(missing);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { .opts = { .iface = "sk1", .max_packets = 993, .seconds = 20 } };
		struct net_object o;
		struct buf lines;
		struct core_prog *p;
		char hex[65];
		size_t n, bytes;
		pid_t pid;

		CHECK_CASE("%s", rows[i].prog);
		buf_init(&lines);
		if (net_object_open(&o, "tests/bpf/packets") &&
		    (p = net_object_prog(&o, rows[i].prog))) {
			pid = send_capture("sk0", 100);
			kit_output(&k);
			kit_run_progs(&k, &p, 1);
			finish(pid);
			KIT_FINE(&k);
			CHECK_EQ_INT(k.stats.packets, 993);
			CHECK_EQ_INT(k.stats.dropped, 0);
			CHECK_EQ_INT(k.stats.truncated, 0);
			CHECK_EQ_INT(k.stats.bytes, 312370);
			net_digest(k.out_path, &n, &bytes, hex);
			/* mixed.ingress has no digest: what leaves is what came */
			if (rows[i].frames)
				buf_printf(&lines, "frames %s %zu %zu %s\n", rows[i].prog, n, bytes,
					   hex);
			net_lines_packets(&lines, rows[i].prog, net_object_map(&o, "sums"),
					  net_object_map(&o, "verdicts"),
					  net_object_map(&o, "ethertypes"),
					  net_object_map(&o, "lengths"), 2);
			net_compare(rows[i].golden ? rows[i].golden :
						     "tests/captures/mixed.packets",
				    rows[i].prog, &lines);
		}
		buf_done(&lines);
		net_object_close(&o);
		kit_done(&k);
	}
}

/* Packets that this machine sends are for egress programs and packet sockets, not for XDP. */
static void directions(void)
{
	static const struct {
		const char *section, *text;
		uint64_t packets;
	} rows[] = {
		{ "xdp", RETURN(2), 0 },	  { "tcx/ingress", RETURN(0), 0 },
		{ "tcx/egress", RETURN(0), 993 }, { "netkit/primary", RETURN(0), 993 },
		{ "socket", RETURN(1), 993 },
	};

	if (make_pair())
		CHECK_SKIP(missing);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { .opts = { .iface = "sk0", .seconds = 1 } };
		pid_t pid;

		CHECK_CASE("%s where they are sent", rows[i].section);
		k.opts.max_packets = rows[i].packets;
		kit_add(&k, rows[i].section, rows[i].text);
		pid = send_capture("sk0", 50);
		kit_run(&k);
		finish(pid);
		KIT_FINE(&k);
		CHECK_EQ_INT(k.stats.packets, rows[i].packets);
		CHECK_EQ_INT(k.progs[0].core.runs, rows[i].packets);
		kit_done(&k);
	}
	{
		struct kit k = { .opts = { .iface = "sk1", .seconds = 20, .max_packets = 993 } };
		pid_t pid;

		CHECK_CASE("a filter with tags, where they arrive");
		k.opts.max_packets = 20;
		k.opts.filter = "vlan 100 and vlan 200";
		kit_add(&k, "tc", RETURN(0));
		pid = send_capture("sk0", 50);
		kit_run(&k);
		finish(pid);
		KIT_FINE(&k);
		CHECK_EQ_INT(k.stats.packets, 20);
		kit_done(&k);
	}
}

/* A program that reads the clock of the machine, not of a capture: live time moves on by itself. */
static void live_time(void)
{
	struct kit k = { .opts = { .iface = "sk1", .seconds = 5, .max_packets = 5 } };
	pid_t pid;

	if (make_pair())
		CHECK_SKIP(missing);
	/* monotonic: far less than 30 years */
	kit_add(&k, "xdp",
		"call 5\nlddw %r1, 1000000000000000000\njlt %r0, %r1, yes\n" RETURN(
			1) "\nyes:\n" RETURN(2));
	pid = send_capture("sk0", 50);
	kit_run(&k);
	finish(pid);
	CHECK_EQ_INT(kit_count(&k, 0, "XDP_PASS"), 5);
	kit_done(&k);
}

/*
 * What the socket's buffer could not take is counted. At the first packet the session waits until
 * all are sent, which is more than fits, and ends when as many were seen or dropped as a second
 * socket, the witness, was offered; the kernel's own queues may lose some before both.
 */
#define SENDERS 60

static pid_t senders[SENDERS];
static int witness;
static uint64_t offered;

static void wait_for_all(struct kit *k)
{
	struct tpacket_stats st = { 0 };
	struct hook_stats hs;
	socklen_t len = sizeof(st);

	if (k->after == 1)
		for (size_t i = 0; i < SENDERS; i++)
			finish(senders[i]);
	/* the counts start anew with each look; tp_packets has the dropped ones in it */
	if (getsockopt(witness, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		offered += st.tp_packets;
	hook_net.stats(k->source, &hs);
	if (hs.packets + hs.dropped >= offered)
		k->stop = 1;
}

static void drops(void)
{
	struct kit k = { .opts = { .iface = "sk1", .seconds = 30 }, .each = wait_for_all };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	if (make_pair())
		CHECK_SKIP(missing);
	at.sll_ifindex = (int)if_nametoindex("sk1");
	witness = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (!CHECK(witness >= 0 && bind(witness, (struct sockaddr *)&at, sizeof(at)) == 0))
		return;
	kit_add(&k, "xdp", RETURN(2));
	for (size_t i = 0; i < SENDERS; i++)
		senders[i] = send_capture("sk0", 200);
	kit_run(&k);
	KIT_FINE(&k);
	CHECK(k.stats.dropped > 0);
	CHECK(offered > 993);
	CHECK_EQ_INT(k.stats.packets + k.stats.dropped, offered);
	close(witness);
	kit_done(&k);
}

static void goes_down(void)
{
	struct kit k = { .opts = { .iface = "sk1", .seconds = 5 } };
	pid_t pid;

	if (make_pair())
		CHECK_SKIP(missing);
	kit_add(&k, "xdp", RETURN(2));
	pid = fork();
	if (pid == 0) {
		usleep(200000);
		_exit(command("ip link set sk1 down") ? 0 : 1);
	}
	kit_run(&k);
	finish(pid);
	KIT_FAILED(&k, "N0012", "down");
	CHECK_EQ_INT(k.result, -ENETDOWN);
	kit_done(&k);
}

CHECK_MAIN({ "same_counts", same_counts }, { "directions", directions }, { "live_time", live_time },
	   { "drops", drops }, { "goes_down", goes_down })
