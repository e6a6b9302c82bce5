// SPDX-License-Identifier: Apache-2.0
// Packets and bytes for each layer of each packet, and how packet sizes are spread.
// Run: skep run build/examples/xdp_stats.bpf.o --pcap examples/captures/mixed.pcap
// Look at: `layers` (a packet counts once in every layer it has), `sizes` (slot n: 2^n bytes on).

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "log2.h"
#include "packet.h"

enum layer {
	ALL,
	VLAN,
	ARP,
	IPV4,
	IPV6,
	OTHER_ETHERTYPE,
	FRAGMENT,
	ICMP,
	TCP,
	UDP,
	ICMPV6,
	OTHER_PROTOCOL,
	CUT_SHORT,
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct sizes {
	__u64 packets;
	__u64 slots[LOG2_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 32);
	__type(key, enum layer);
	__type(value, struct traffic);
} layers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sizes);
} sizes SEC(".maps");

static __always_inline void count(enum layer layer, __u64 bytes)
{
	struct traffic first = { .packets = 1, .bytes = bytes };
	struct traffic *t = bpf_map_lookup_elem(&layers, &layer);

	if (!t) {
		bpf_map_update_elem(&layers, &layer, &first, BPF_ANY);
		return;
	}
	t->packets++;
	t->bytes += bytes;
}

static __always_inline void count_size(__u64 bytes)
{
	__u32 zero = 0;
	struct sizes *s = bpf_map_lookup_elem(&sizes, &zero);

	if (!s)
		return;
	s->packets++;
	log2_count(s->slots, bytes);
}

static __always_inline enum layer network_layer(const struct packet *p)
{
	switch (p->ethertype) {
	case ETH_P_ARP:
		return ARP;
	case ETH_P_IP:
		return IPV4;
	case ETH_P_IPV6:
		return IPV6;
	default:
		return OTHER_ETHERTYPE;
	}
}

static __always_inline enum layer transport_layer(const struct packet *p)
{
	switch (p->protocol) {
	case IPPROTO_ICMP:
		return ICMP;
	case IPPROTO_TCP:
		return TCP;
	case IPPROTO_UDP:
		return UDP;
	case IPPROTO_ICMPV6:
		return ICMPV6;
	default:
		return OTHER_PROTOCOL;
	}
}

SEC("xdp")
int xdp_stats(struct xdp_md *ctx)
{
	struct cursor c = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };
	struct packet p = {};
	__u64 bytes = c.end - c.at;

	count(ALL, bytes);
	count_size(bytes);
	parse_packet(&c, &p);
	if (p.cut) {
		count(CUT_SHORT, bytes);
		return XDP_PASS;
	}
	if (p.vlans)
		count(VLAN, bytes);
	count(network_layer(&p), bytes);
	if (p.fragmented)
		count(FRAGMENT, bytes);
	if (p.version)
		count(transport_layer(&p), bytes);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
