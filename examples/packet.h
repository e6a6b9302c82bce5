/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk through a packet's headers for all the packet examples.
 *
 * A cursor moves forward; each step proves to the verifier that the header it returns lies before
 * data_end, and returns NULL otherwise. All loops have a constant bound: VLAN_MAX tags,
 * EXTENSION_MAX IPv6 extension headers (RFC 8200, section 4). Of a fragmented packet, only the
 * fragment with offset 0 has ports.
 */
#ifndef EXAMPLES_PACKET_H
#define EXAMPLES_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_MAX 2
#define EXTENSION_MAX 6
#define FRAGMENT_MASK 0x1fff /* offset, in the IPv4 header's frag_off */
#define MORE_FRAGMENTS 0x2000

struct cursor {
	void *at;
	void *end;
};

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

/* a hop-by-hop, routing or destination header; the fragment header has the same size, 8 bytes */
struct extension {
	__u8 next;
	__u8 len;
	__be16 fragment;
	__be32 rest;
};

struct packet {
	struct ethhdr *eth;
	union {
		struct iphdr *v4;
		struct ipv6hdr *v6;
	};
	__u16 ethertype; /* of what the VLAN tags, if any, carry */
	__u8 protocol;	 /* IPPROTO_*, after the extension headers */
	__u8 version;	 /* 4, 6, or 0: no IP */
	__u8 vlans;
	__u8 fragmented;
	__u8 later; /* a fragment other than the first */
	__u8 cut;   /* a header is announced and not there */
};

#define take(cursor, type) ((type *)take_bytes(cursor, sizeof(type)))

static __always_inline void *take_bytes(struct cursor *c, __u32 size)
{
	void *at = c->at;

	if (at + size > c->end)
		return NULL;
	c->at = at + size;
	return at;
}

static __always_inline int parse_ethernet(struct cursor *c, struct packet *p)
{
	struct vlan_tag *tag;
	int i;

	p->eth = take(c, struct ethhdr);
	if (!p->eth)
		return -1;
	p->ethertype = bpf_ntohs(p->eth->h_proto);
	for (i = 0; i < VLAN_MAX; i++) {
		if (p->ethertype != ETH_P_8021Q && p->ethertype != ETH_P_8021AD)
			break;
		tag = take(c, struct vlan_tag);
		if (!tag)
			return -1;
		p->ethertype = bpf_ntohs(tag->proto);
		p->vlans++;
	}
	return 0;
}

static __always_inline int parse_ipv4(struct cursor *c, struct packet *p)
{
	struct iphdr *ip = take(c, struct iphdr);
	__u32 options, fragment;

	if (!ip || ip->ihl < 5)
		return -1;
	options = (ip->ihl - 5) * 4;
	if (c->at + options > c->end)
		return -1;
	c->at += options;
	fragment = bpf_ntohs(ip->frag_off);
	p->v4 = ip;
	p->version = 4;
	p->protocol = ip->protocol;
	p->fragmented = (fragment & (MORE_FRAGMENTS | FRAGMENT_MASK)) != 0;
	p->later = (fragment & FRAGMENT_MASK) != 0;
	return 0;
}

static __always_inline int is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

static __always_inline int parse_ipv6(struct cursor *c, struct packet *p)
{
	struct ipv6hdr *ip = take(c, struct ipv6hdr);
	struct extension *x;
	__u32 more;
	int i;

	if (!ip)
		return -1;
	p->v6 = ip;
	p->version = 6;
	p->protocol = ip->nexthdr;
	for (i = 0; i < EXTENSION_MAX; i++) {
		if (!is_extension(p->protocol) || p->later)
			break;
		x = take(c, struct extension);
		if (!x)
			return -1;
		if (p->protocol == IPPROTO_FRAGMENT) {
			p->fragmented = 1;
			p->later = (bpf_ntohs(x->fragment) & 0xfff8) != 0;
		} else {
			more = x->len * 8;
			if (c->at + more > c->end)
				return -1;
			c->at += more;
		}
		p->protocol = x->next;
	}
	return 0;
}

/* Leaves the cursor at the transport header. */
static __always_inline void parse_packet(struct cursor *c, struct packet *p)
{
	int r = parse_ethernet(c, p);

	if (!r && p->ethertype == ETH_P_IP)
		r = parse_ipv4(c, p);
	else if (!r && p->ethertype == ETH_P_IPV6)
		r = parse_ipv6(c, p);
	p->cut = r != 0;
}

#endif
