// SPDX-License-Identifier: Apache-2.0
// Moves a service to another port, stateless and both ways, and takes one off the TTL or hop limit.
// Run: skep run build/examples/tc_rewrite.bpf.o --pcap mixed.pcap --write out.pcap
// Look at: out.pcap, where every checksum is still right; `rewrites`, what was changed how often.
//
// On a live interface attach it at ingress: what the machine itself sends has no checksum yet when
// it passes egress, and only a checksum that is in the packet is corrected here.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "packet.h"

enum rewrite {
	TTL,
	DESTINATION_PORT,
	SOURCE_PORT,
	TTL_EXPIRED,
};

/* clients ask for `port`, the server listens on `server_port` */
const volatile __u16 port = 80;
const volatile __u16 server_port = 8080;
const volatile _Bool change_ttl = 1;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, enum rewrite);
	__type(value, __u64);
} rewrites SEC(".maps");

static __always_inline void count(enum rewrite what)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(&rewrites, &what);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&rewrites, &what, &one, BPF_NOEXIST);
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), for one changed word of 32 bits. */
static __always_inline __u16 updated(__u16 checksum, __be32 old, __be32 new)
{
	__u32 sum = bpf_csum_diff(&old, sizeof(old), &new, sizeof(new), (__u16)~checksum);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* False if the packet has come to its end. IPv6 has no checksum of its own (RFC 8200). */
static __always_inline int age(struct packet *p)
{
	__be32 old, new;

	if (p->version == 6) {
		if (p->v6->hop_limit <= 1)
			return 0;
		p->v6->hop_limit--;
		return 1;
	}
	if (p->v4->ttl <= 1)
		return 0;
	old = bpf_htonl((__u32)p->v4->ttl << 24);
	new = bpf_htonl((__u32)(p->v4->ttl - 1) << 24);
	p->v4->check = updated(p->v4->check, old, new);
	p->v4->ttl--;
	return 1;
}

/* The first word of both headers: source port, destination port. */
static __always_inline __be32 moved(__be32 ports, enum rewrite *ret_what)
{
	__u32 word = bpf_ntohl(ports), source = word >> 16, dest = word & 0xffff;

	if (dest == port) {
		*ret_what = DESTINATION_PORT;
		return bpf_htonl(source << 16 | server_port);
	}
	if (source == server_port) {
		*ret_what = SOURCE_PORT;
		return bpf_htonl((__u32)port << 16 | dest);
	}
	return ports;
}

static __always_inline void move_tcp(struct cursor *c)
{
	struct tcphdr *tcp = take(c, struct tcphdr);
	enum rewrite what = TTL;
	__be32 old, new;

	if (!tcp)
		return;
	old = *(__be32 *)tcp;
	new = moved(old, &what);
	if (new == old)
		return;
	*(__be32 *)tcp = new;
	tcp->check = updated(tcp->check, old, new);
	count(what);
}

/* RFC 768: a checksum of zero says that there is none, so a sum of zero is sent as ones. */
static __always_inline void move_udp(struct cursor *c)
{
	struct udphdr *udp = take(c, struct udphdr);
	enum rewrite what = TTL;
	__be32 old, new;

	if (!udp)
		return;
	old = *(__be32 *)udp;
	new = moved(old, &what);
	if (new == old)
		return;
	*(__be32 *)udp = new;
	if (udp->check) {
		udp->check = updated(udp->check, old, new);
		if (!udp->check)
			udp->check = 0xffff;
	}
	count(what);
}

SEC("tc")
int tc_rewrite(struct __sk_buff *skb)
{
	struct cursor c = { (void *)(long)skb->data, (void *)(long)skb->data_end };
	struct packet p = {};

	parse_packet(&c, &p);
	if (p.cut || !p.version)
		return TC_ACT_OK;
	/* neighbour discovery needs its hop limit of 255, group membership its 1: leave them alone */
	if (p.protocol != IPPROTO_TCP && p.protocol != IPPROTO_UDP)
		return TC_ACT_OK;
	if (change_ttl) {
		if (!age(&p)) {
			count(TTL_EXPIRED);
			return TC_ACT_SHOT;
		}
		count(TTL);
	}
	if (p.later)
		return TC_ACT_OK;
	if (p.protocol == IPPROTO_TCP)
		move_tcp(&c);
	else
		move_udp(&c);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
