// SPDX-License-Identifier: Apache-2.0
/*
 * Classic BPF, asked of the kernel: random programs are attached to a socket. The kernel's verdict at the attachment
 * must be skep_cbpf_check()'s, and what arrives of a packet must be as long as skep's result says. As only lengths
 * up to the packet's can be seen, a few bits of each result are made the length. Two ways: a pair of Unix
 * sockets, without privileges; and packet sockets on the loopback of a network namespace of our own, where there is a
 * network header.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cbpf_twin.h"

#define PROGRAMS 4000
#define HEADER 14
/* Local and experimental: no protocol of the kernel takes these frames. */
#define ETHERTYPE 0x88b5

struct wire {
	int tx, rx;
	bool frames;
};

static void dump(const struct skep_cbpf *in, size_t n)
{
	char text[96];

	for (size_t i = 0; i < n; i++) {
		skep_cbpf_print(in, i, text, sizeof(text));
		printf("#   %s\n", text);
	}
}

/* 0, or the errno of the refusal. */
static int attach(int fd, const struct skep_cbpf *in, size_t n)
{
	const struct sock_fprog p = { (unsigned short)n, (struct sock_filter *)in };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) < 0 ? errno : 0;
}

/* A result becomes six bits of it, or 64: each of A, and of constants where they are. */
static size_t show_bits(struct skep_cbpf *in, size_t n, uint32_t shift)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (in[i].code == 0x16)
			in[i] = (struct skep_cbpf){ .code = 0x06, .k = 1 + twin_random(60) };
		else if (in[i].code == 0x06)
			in[i].k = twin_random(70);
	n--;
	in[n++] = (struct skep_cbpf){ .code = 0x74, .k = shift };
	in[n++] = (struct skep_cbpf){ .code = 0x54, .k = 63 };
	in[n++] = (struct skep_cbpf){ .code = 0x16 };
	return n;
}

/* How many bytes of the packet came through; 0: none. */
static uint32_t send_through(const struct wire *w, const uint8_t *packet, uint32_t len)
{
	uint8_t got[4 * TWIN_PACKET];
	ssize_t n;

	if (send(w->tx, packet, len, 0) != (ssize_t)len && errno != EPERM)
		return UINT32_MAX;
	n = recv(w->rx, got, sizeof(got), MSG_DONTWAIT);
	return n < 0 ? 0 : (uint32_t)n;
}

static uint32_t make_packet(const struct wire *w, uint8_t *packet, bool attributes)
{
	uint32_t len = twin_packet(packet, attributes);

	if (!w->frames)
		return len;
	if (len < HEADER + 2)
		len = HEADER + 2;
	memset(packet, 0, 12);
	packet[12] = ETHERTYPE >> 8;
	packet[13] = ETHERTYPE & 255;
	return len;
}

/* False: stop. */
static bool compare(const struct wire *w, unsigned int flags, unsigned int *useful)
{
	struct skep_cbpf in[TWIN_PROGRAM + 4];
	size_t n = twin_program(in, flags);
	struct skep_filter *f = NULL;
	uint8_t packet[TWIN_PACKET + HEADER];
	bool good = true;
	int refused;

	if (!twin_random(6)) /* spoil it */
		in[twin_random((uint32_t)n)] =
			(struct skep_cbpf){ (uint16_t)twin_random(256), (uint8_t)twin_random(40),
					    (uint8_t)twin_random(40), twin_number() };
	else
		n = show_bits(in, n, twin_random(27));
	refused = attach(w->rx, in, n);
	skep_filter_new(in, n, NULL, &f, NULL);
	good = CHECK_MSG(!refused == !!f, "the kernel %s it, skep %s",
			 refused ? "refuses" : "takes", f ? "takes" : "refuses");
	for (int i = 0; good && f && i < 3; i++) {
		uint32_t len = make_packet(w, packet, flags & TWIN_SEARCH), got, want;
		struct skep_filter_ctx ctx = { .data = (uint64_t)(uintptr_t)packet,
					       .len = len,
					       .wirelen = len,
					       .net_off = HEADER,
					       .protocol = w->frames ? ETHERTYPE : 0 };

		got = send_through(w, packet, len);
		want = skep_filter_run_ctx(f, &ctx);
		if (want > len)
			want = len;
		*useful += want != 0;
		good = CHECK_MSG(got == want, "the kernel kept %u of %u bytes, skep %u", got, len,
				 want);
	}
	if (!good)
		dump(in, n);
	skep_filter_free(f);
	return good;
}

static void compare_many(const struct wire *w, unsigned int flags, uint64_t seed)
{
	unsigned int useful = 0;

	CHECK_CASE("%s, kind %u, seed %" PRIu64, w->frames ? "frames" : "Unix", flags, seed);
	twin_state = seed;
	for (int i = 0; i < PROGRAMS; i++)
		if (!compare(w, flags, &useful))
			break;
	CHECK_MSG(useful > PROGRAMS / 5, "only %u packets came through", useful);
}

static void over_unix_sockets(void)
{
	struct wire w = { .frames = false };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0)
		CHECK_SKIP("no Unix sockets");
	w.tx = fds[0];
	w.rx = fds[1];
	if (attach(w.rx, (const struct skep_cbpf[]){ { 6, 0, 0, 1 } }, 1)) {
		close(w.tx);
		close(w.rx);
		CHECK_SKIP("the kernel attaches no classic filters");
	}
	compare_many(&w, 0, 1);
	compare_many(&w, TWIN_FIELDS, 2);
	compare_many(&w, TWIN_SEARCH, 3);
	close(w.tx);
	close(w.rx);
}

static int raw_socket(int protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons((uint16_t)protocol),
				  .sll_ifindex = (int)if_nametoindex("lo") };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool up;

	r.ifr_flags = IFF_UP;
	up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
	if (fd >= 0)
		close(fd);
	return up;
}

/* The last of all: the process stays in its namespace. */
static void over_packet_sockets(void)
{
	struct wire w = { .frames = true };

	if (unshare(CLONE_NEWNET) < 0 || !loopback_up())
		CHECK_SKIP("no network namespace of our own: "
			   "needs CAP_SYS_ADMIN");
	w.rx = raw_socket(ETHERTYPE);
	w.tx = raw_socket(0);
	if (CHECK(w.rx >= 0 && w.tx >= 0)) {
		compare_many(&w, 0, 4);
		compare_many(&w, TWIN_HEADERS, 5);
		compare_many(&w, TWIN_SEARCH, 6);
	}
	close(w.tx);
	close(w.rx);
}

CHECK_MAIN({ "over_unix_sockets", over_unix_sockets },
	   { "over_packet_sockets", over_packet_sockets })
