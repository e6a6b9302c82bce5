// SPDX-License-Identifier: Apache-2.0
/*
 * The real receive path: in a network namespace of its own, a veth pair whose one end has the
 * program of a compiled object at tc ingress (clsact, libbpf), and each frame of the committed
 * capture sent into the other end. What the program read must be what ours reads, VLAN tags above
 * all; and the counts of tests/bpf/packets.bpf.c at that point are the golden file
 * tests/captures/mixed.ingress (written anew with SKEP_REBASE=1). The namespace goes with the
 * process. Needs root.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include "net_object.h"

#define MAX_FRAMES 1024
#define GOLDEN "tests/captures/mixed.ingress"

struct seen {
	uint64_t runs, length, meta;
	uint32_t head[4], words[48];
};

static const char *missing;
static struct buf capture;
static struct seen ours[MAX_FRAMES];
static size_t nours;
static struct net_map ours_map;

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static bool command(const char *text)
{
	char all[512];

	snprintf(all, sizeof(all), "{ %s; } >/dev/null 2>&1", text);
	return system(all) == 0;
}

/* The namespace and the pair, once. IPv6 would send packets of its own. */
static const char *make_pair(void)
{
	static bool made;

	if (made || missing)
		return missing;
	made = true;
	if (geteuid() != 0)
		return missing = "needs root";
	missing = oracle_missing();
	if (missing)
		return missing;
	if (unshare(CLONE_NEWNET) < 0)
		return missing = "no network namespace";
	command("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
		"echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	if (!command(
		    "ip link add sk0 type veth peer name sk1 && ip link set sk0 up && ip link set sk1 up"))
		return missing = "no veth pair";
	libbpf_set_print(quiet);
	return NULL;
}

static struct bpf_object *attach(const char *object, const char *prog)
{
	struct bpf_object *obj;
	struct bpf_program *p;
	char path[512];

	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("sk1"),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, o, .handle = 1, .priority = 1, .flags = BPF_TC_F_REPLACE);
	net_object_path(path, sizeof(path), object);
	obj = bpf_object__open_file(path, NULL);
	if (!CHECK(obj != NULL))
		return NULL;
	bpf_object__for_each_program(p, obj)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), prog));
	if (!CHECK(bpf_object__load(obj) == 0)) {
		bpf_object__close(obj);
		return NULL;
	}
	bpf_tc_hook_create(&hook);
	o.prog_fd = bpf_program__fd(bpf_object__find_program_by_name(obj, prog));
	if (!CHECK_MSG(bpf_tc_attach(&hook, &o) == 0, "attach: %s", strerror(errno))) {
		bpf_object__close(obj);
		return NULL;
	}
	return obj;
}

static struct net_map kernel_map(struct bpf_object *obj, const char *name)
{
	return (struct net_map){ NULL, bpf_map__fd(bpf_object__find_map_by_name(obj, name)) };
}

/* Sends frame @i; false at the end of the capture. */
static bool send_frame(int fd, size_t i, uint32_t *ret_len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex("sk0") };
	uint32_t len;
	const uint8_t *p = kit_written(&capture, i, ret_len, &len);

	return p && CHECK_MSG(sendto(fd, p, *ret_len, 0, (struct sockaddr *)&to, sizeof(to)) ==
				      (ssize_t)*ret_len,
			      "send: %s", strerror(errno));
}

/* Waits until a program has counted @n packets. */
static bool wait_runs(struct net_map m, uint64_t n)
{
	static uint8_t value[4096];
	uint64_t runs;

	for (int i = 0; i < 20000; i++) {
		if (net_map_get(m, &(uint32_t){ 0 }, value) == 0) {
			memcpy(&runs, value, sizeof(runs));
			if (runs == n)
				return true;
		}
		usleep(50);
	}
	return false;
}

static void each(struct kit *k)
{
	(void)k;
	if (nours < MAX_FRAMES)
		net_map_get(ours_map, &(uint32_t){ 0 }, &ours[nours++]);
}

#define WORD(field) (offsetof(struct __sk_buff, field) / 4)

static void look(const struct seen *a, const struct seen *b, size_t i)
{
	CHECK_EQ_INT(a->length, b->length);
	CHECK_EQ_INT(a->meta, b->meta);
	CHECK_EQ_MEM(a->head, b->head, sizeof(a->head));
	CHECK_EQ_INT(b->words[WORD(ifindex)], b->words[WORD(ingress_ifindex)]);
	for (size_t w = 0; w < ARRAY_SIZE(a->words); w++) {
		/* the interface is another; a time stamp is taken only if somebody wants it */
		if (w == WORD(ifindex) || w == WORD(ingress_ifindex) || w == WORD(tstamp) ||
		    w == WORD(tstamp) + 1)
			continue;
		/* the capture's unicast is not for this veth's address */
		if (w == WORD(pkt_type) && b->words[w] == 3 && a->words[w] == 0)
			continue;
		/* set to the length behind the Ethernet header here, as TEST_RUN does not */
		if (w == WORD(wire_len))
			continue;
		CHECK_MSG(a->words[w] == b->words[w],
			  "frame %zu, offset %zu: 0x%x, the kernel's is 0x%x", i, w * 4,
			  a->words[w], b->words[w]);
	}
}

static void fields(void)
{
	struct kit k = { .opts.pcap = CAPTURE, .each = each };
	int fd = -1;
	struct net_object o = { 0 };
	struct bpf_object *obj;
	struct core_prog *p;
	uint32_t len;

	if (make_pair())
		CHECK_SKIP(missing);
	buf_init(&capture);
	kit_read(CAPTURE, &capture);
	obj = attach("tests/bpf/fields", "tc_fields");
	if (obj && net_object_open(&o, "tests/bpf/fields") &&
	    (p = net_object_prog(&o, "tc_fields"))) {
		struct net_map theirs = kernel_map(obj, "seen");
		struct seen seen;

		nours = 0;
		ours_map = net_object_map(&o, "seen");
		kit_run_progs(&k, &p, 1);
		fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
		for (size_t i = 0; fd >= 0 && send_frame(fd, i, &len); i++) {
			if (!CHECK_MSG(wait_runs(theirs, i + 1), "frame %zu did not arrive", i))
				break;
			net_map_get(theirs, &(uint32_t){ 0 }, &seen);
			if (CHECK(i < nours))
				look(&ours[i], &seen, i);
		}
		CHECK_EQ_INT(nours, 993);
	}
	if (fd >= 0)
		close(fd);
	bpf_object__close(obj);
	net_object_close(&o);
	buf_done(&capture);
	kit_done(&k);
}

static void write_golden(const struct buf *lines)
{
	FILE *f = fopen(GOLDEN, "w");

	if (!CHECK(f != NULL))
		return;
	fputs("# SPDX-License-Identifier: Apache-2.0\n"
	      "# What Linux made of examples/captures/mixed.pcap at tc ingress of a veth pair, with\n"
	      "# count_tc of tests/bpf/packets.bpf.c: as mixed.packets, but the outer VLAN tag is beside the\n"
	      "# data. Written by tests/unit/net_ingress_oracle_test.c. The frames that pass are those of the\n"
	      "# capture, whole: their digest is that of count_tc in mixed.packets.\n",
	      f);
	fputs(buf_str(lines), f);
	fclose(f);
}

static void counts(void)
{
	struct bpf_object *obj;
	struct buf lines;
	uint32_t len;
	size_t n = 0;
	int fd;

	if (make_pair())
		CHECK_SKIP(missing);
	buf_init(&capture);
	buf_init(&lines);
	kit_read(CAPTURE, &capture);
	obj = attach("tests/bpf/packets", "count_tc");
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (obj && CHECK(fd >= 0)) {
		struct net_map sums = kernel_map(obj, "sums");

		while (send_frame(fd, n, &len) && CHECK(wait_runs(sums, n + 1)))
			n++;
		CHECK_EQ_INT(n, 993);
		net_lines_packets(&lines, "count_tc", sums, kernel_map(obj, "verdicts"),
				  kernel_map(obj, "ethertypes"), kernel_map(obj, "lengths"),
				  map_possible_cpus());
		if (getenv("SKEP_REBASE"))
			write_golden(&lines);
		net_compare(GOLDEN, "count_tc", &lines);
	}
	if (fd >= 0)
		close(fd);
	bpf_object__close(obj);
	buf_done(&lines);
	buf_done(&capture);
}

CHECK_MAIN({ "fields", fields }, { "counts", counts })
