// SPDX-License-Identifier: Apache-2.0
// A firewall: drops by source prefix (LPM tries), by destination port, and whoever scans ports.
// Run: skep run build/examples/xdp_firewall.bpf.o --pcap examples/captures/mixed.pcap
// Look at: `verdicts`, packets by reason; `drops`, one record each; `scans`, who tried how many.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "packet.h"

#define RULES 8

enum reason {
	PASSED,
	PASSED_NOT_IP,
	PASSED_PORT, /* its port is on the list of those always allowed */
	DROPPED_SOURCE,
	DROPPED_PORT,
	DROPPED_SCAN,
	DROPPED_CUT_SHORT,
};

enum action {
	NO_RULE,
	ALLOW,
	DROP,
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct prefix4 {
	__u32 length;
	__u8 address[4];
};

struct prefix6 {
	__u32 length;
	__u8 address[16];
};

struct port {
	__u16 number;
	__u16 protocol;
};

struct port_rule {
	enum action action;
	struct port port;
};

struct port_state {
	enum action action;
	__u32 pad;
	__u64 packets;
};

/* IPv4 sources are written as IPv6 ones, ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2) */
struct source {
	__u8 address[16];
};

struct scan {
	__u64 syns;
	__u32 ports; /* different ones, modulo 256 */
	__u32 dropped;
	__u64 seen[4]; /* one bit a port modulo 256 */
};

struct drop {
	enum reason reason;
	__u16 protocol;
	__u16 vlans;
	__u16 source_port;
	__u16 port;
	__u32 bytes;
	char source[40];
};

/*
 * The rules. A loader may write others here before it loads; length 0 and NO_RULE end a list.
 * Maps cannot have initial contents, so the first packet moves the rules into the maps.
 */
const volatile struct prefix4 drop4[RULES] = {
	{ 24, { 203, 0, 113, 0 } },
	{ 32, { 10, 77, 0, 13 } },
	{ 16, { 198, 18, 0, 0 } },
};

const volatile struct prefix6 drop6[RULES] = {
	{ 64, { 0x20, 0x01, 0x0d, 0xb8, 0, 0xba, 0xd0, 0 } },
	{ 128, { 0xfd, 0x77, [15] = 0x13 } },
};

const volatile struct port_rule port_rules[RULES] = {
	{ ALLOW, { 80, IPPROTO_TCP } }, { ALLOW, { 443, IPPROTO_TCP } },
	{ ALLOW, { 53, IPPROTO_UDP } }, { DROP, { 23, IPPROTO_TCP } },
	{ DROP, { 445, IPPROTO_TCP } }, { DROP, { 1900, IPPROTO_UDP } },
};

/* connection attempts to more different ports than this make a source a scanner */
const volatile __u32 scan_limit = 16;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix4);
	__type(value, struct traffic);
} sources4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix6);
	__type(value, struct traffic);
} sources6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct port);
	__type(value, struct port_state);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct source);
	__type(value, struct scan);
} scans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16);
	__type(key, enum reason);
	__type(value, struct traffic);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} drops SEC(".maps");

/* drops that found no room in the ring */
__u64 lost;

/* the rules are in the maps; not static, or clang makes one byte of it where BTF says four */
__u32 ready;

static const struct traffic no_traffic;
static const struct scan no_scan;

/* keeps the record's type in BTF, where a reader of the ring finds it by its size */
const struct drop *const drop_type;

/* BPF_NOEXIST: two CPUs may both be first, and neither may lose the other's counts. */
static __noinline int install_rules(void)
{
	struct port_state state = {};
	struct prefix4 p4;
	struct prefix6 p6;
	struct port port;
	int i, k;

	for (i = 0; i < RULES && drop4[i].length; i++) {
		p4.length = drop4[i].length;
		for (k = 0; k < 4; k++)
			p4.address[k] = drop4[i].address[k];
		bpf_map_update_elem(&sources4, &p4, &no_traffic, BPF_NOEXIST);
	}
	for (i = 0; i < RULES && drop6[i].length; i++) {
		p6.length = drop6[i].length;
		for (k = 0; k < 16; k++)
			p6.address[k] = drop6[i].address[k];
		bpf_map_update_elem(&sources6, &p6, &no_traffic, BPF_NOEXIST);
	}
	for (i = 0; i < RULES && port_rules[i].action != NO_RULE; i++) {
		port.number = port_rules[i].port.number;
		port.protocol = port_rules[i].port.protocol;
		state.action = port_rules[i].action;
		bpf_map_update_elem(&ports, &port, &state, BPF_NOEXIST);
	}
	ready = 1;
	return 0;
}

static __always_inline void name_source(const struct packet *p, struct source *s)
{
	__builtin_memset(s, 0, sizeof(*s));
	if (p->version == 4) {
		s->address[10] = 0xff;
		s->address[11] = 0xff;
		__builtin_memcpy(&s->address[12], &p->v4->saddr, 4);
	} else {
		__builtin_memcpy(s->address, &p->v6->saddr, 16);
	}
}

static __always_inline int bad_source(const struct packet *p, __u64 bytes)
{
	struct prefix4 p4 = { .length = 32 };
	struct prefix6 p6 = { .length = 128 };
	struct traffic *t;

	if (p->version == 4) {
		__builtin_memcpy(p4.address, &p->v4->saddr, 4);
		t = bpf_map_lookup_elem(&sources4, &p4);
	} else {
		__builtin_memcpy(p6.address, &p->v6->saddr, 16);
		t = bpf_map_lookup_elem(&sources6, &p6);
	}
	if (!t)
		return 0;
	__sync_fetch_and_add(&t->packets, 1);
	__sync_fetch_and_add(&t->bytes, bytes);
	return 1;
}

static __always_inline enum action port_action(const struct port *port)
{
	struct port_state *s = bpf_map_lookup_elem(&ports, port);

	if (!s)
		return NO_RULE;
	__sync_fetch_and_add(&s->packets, 1);
	return s->action;
}

/* Called for each first SYN of a connection; true if its sender has tried too many ports. */
static __always_inline int scanning(const struct source *source, __u16 port)
{
	struct scan *s = bpf_map_lookup_elem(&scans, source);
	__u64 bit = 1ULL << (port & 63);
	__u64 *word;

	if (!s) {
		bpf_map_update_elem(&scans, source, &no_scan, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&scans, source);
		if (!s)
			return 0;
	}
	__sync_fetch_and_add(&s->syns, 1);
	word = &s->seen[port >> 6 & 3];
	if (!(__sync_fetch_and_or(word, bit) & bit))
		__sync_fetch_and_add(&s->ports, 1);
	if (s->ports <= scan_limit)
		return 0;
	__sync_fetch_and_add(&s->dropped, 1);
	return 1;
}

static __always_inline enum reason judge(struct cursor *c, struct packet *p, struct drop *d)
{
	struct source source;
	struct port port = { .protocol = p->protocol };
	struct tcphdr *tcp = NULL;
	struct udphdr *udp;
	enum action action;

	if (p->cut)
		return DROPPED_CUT_SHORT;
	if (!p->version)
		return PASSED_NOT_IP;
	if (bad_source(p, d->bytes))
		return DROPPED_SOURCE;
	if (p->later || (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP))
		return PASSED;
	/* both begin with the two ports, so a UDP header is a view of either */
	udp = take(c, struct udphdr);
	if (!udp)
		return DROPPED_CUT_SHORT;
	d->source_port = bpf_ntohs(udp->source);
	d->port = port.number = bpf_ntohs(udp->dest);
	action = port_action(&port);
	if (action != NO_RULE)
		return action == DROP ? DROPPED_PORT : PASSED_PORT;
	if (p->protocol != IPPROTO_TCP)
		return PASSED;
	tcp = (struct tcphdr *)udp;
	if ((void *)(tcp + 1) > c->end)
		return DROPPED_CUT_SHORT;
	name_source(p, &source);
	if (tcp->syn && !tcp->ack && scanning(&source, d->port))
		return DROPPED_SCAN;
	return PASSED;
}

static __always_inline void count(enum reason reason, __u64 bytes)
{
	struct traffic first = { .packets = 1, .bytes = bytes };
	struct traffic *t = bpf_map_lookup_elem(&verdicts, &reason);

	if (!t) {
		bpf_map_update_elem(&verdicts, &reason, &first, BPF_ANY);
		return;
	}
	t->packets++;
	t->bytes += bytes;
}

static __always_inline void tell(const struct packet *p, struct drop *d)
{
	static const char v4[] = "%pI4", v6[] = "%pI6";
	struct source source;
	__u64 arg = (__u64)&source.address;

	if (p->version == 4) {
		name_source(p, &source);
		arg += 12;
		bpf_snprintf(d->source, sizeof(d->source), v4, &arg, sizeof(arg));
	} else if (p->version == 6) {
		name_source(p, &source);
		bpf_snprintf(d->source, sizeof(d->source), v6, &arg, sizeof(arg));
	}
	d->protocol = p->protocol;
	d->vlans = p->vlans;
	if (bpf_ringbuf_output(&drops, d, sizeof(*d), 0))
		__sync_fetch_and_add(&lost, 1);
}

SEC("xdp")
int xdp_firewall(struct xdp_md *ctx)
{
	struct cursor c = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };
	struct drop d = { .bytes = c.end - c.at };
	struct packet p = {};

	if (!ready)
		install_rules();
	parse_packet(&c, &p);
	d.reason = judge(&c, &p, &d);
	count(d.reason, d.bytes);
	if (d.reason < DROPPED_SOURCE)
		return XDP_PASS;
	tell(&p, &d);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
