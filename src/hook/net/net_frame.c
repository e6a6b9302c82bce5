// SPDX-License-Identifier: Apache-2.0
/*
 * The buffer of a packet, and what the kernel does to it on the way in.
 *
 * Room around it is that of a kernel's XDP frame: 256 bytes before (XDP_PACKET_HEADROOM), and after
 * it what a page of 4096 has left beside struct skb_shared_info (320 bytes on 64-bit CPUs), so 3520
 * bytes in all for data. A longer packet is in one piece, unlike the kernel's, and has no room
 * behind it. Captures without an Ethernet header get one with zero addresses: raw IP, BSD null and
 * loop, Linux cooked v1 and v2.
 *
 * A socket buffer has its outer VLAN tag (802.1Q or 802.1ad) beside the data: __netif_receive_skb
 * takes it off before taps and tc see the packet. protocol and pkt_type follow the rules of
 * eth_type_trans; as a capture does not tell whose addresses were its machine's, unicast is taken
 * as for this host.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "hook/net/internal.h"

#define FRAME_SIZE 4096
#define HEADROOM 256
#define SHARED_INFO 320
#define MEM_SIZE (HEADROOM + NET_SNAPLEN + 64)

/* Smallest EtherType; below it the field is an 802.3 length (IEEE 802.3, 3.2.6). */
#define ETHERTYPE_MIN 0x600

enum {
	ETHERTYPE_802_3 = 1, /* Novell's, without LLC; as linux/if_ether.h numbers them */
	ETHERTYPE_802_2 = 4,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_SERVICE_VLAN = 0x88a8,
};

/* DLT_NULL's families: IPv4 is 2 everywhere, IPv6 differs by system. */
enum {
	FAMILY_IPV4 = 2,
	FAMILY_IPV6_LINUX = 10,
	FAMILY_IPV6_BSD = 24,
	FAMILY_IPV6_FREEBSD = 28,
	FAMILY_IPV6_DARWIN = 30
};

struct link {
	uint32_t size; /* of the header that is taken off */
	uint16_t ethertype;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint8_t *at(uint64_t addr)
{
	return (uint8_t *)(uintptr_t)addr;
}

static uint16_t ip_ethertype(const uint8_t *p, uint32_t n)
{
	unsigned int version = n ? p[0] >> 4 : 0;

	return version == 4 ? ETHERTYPE_IPV4 : version == 6 ? ETHERTYPE_IPV6 : 0;
}

static uint16_t family_ethertype(uint32_t family)
{
	switch (family) {
	case FAMILY_IPV4:
		return ETHERTYPE_IPV4;
	case FAMILY_IPV6_LINUX:
	case FAMILY_IPV6_BSD:
	case FAMILY_IPV6_FREEBSD:
	case FAMILY_IPV6_DARWIN:
		return ETHERTYPE_IPV6;
	default:
		return 0;
	}
}

/* The family was written in the order of the capturing machine; it is small, so the order shows. */
static uint16_t null_ethertype(const uint8_t *p)
{
	uint32_t family = (uint32_t)get16(p) << 16 | get16(p + 2);

	return family_ethertype(family < 0x10000 ? family : __builtin_bswap32(family));
}

/* An 802.2 frame in a cooked capture has a pseudo type; Ethernet has its length there. */
static uint16_t cooked_ethertype(uint16_t proto, uint32_t payload)
{
	if (proto != ETHERTYPE_802_3 && proto != ETHERTYPE_802_2)
		return proto;
	return (uint16_t)num_min(payload, ETHERTYPE_MIN - 1);
}

static void cooked_type(struct net_record *rec, unsigned int type)
{
	if (type > PKT_OUTGOING)
		return;
	rec->pkt_type = (int)type;
	rec->dir = type == PKT_OUTGOING ? NET_OUT : NET_IN;
}

/* False: the record is too short for its link header. */
static bool read_link(int linktype, struct net_record *rec, struct link *ret)
{
	const uint8_t *p = rec->bytes;
	uint32_t n = rec->caplen;

	switch (linktype) {
	case DLT_RAW:
		*ret = (struct link){ 0, ip_ethertype(p, n) };
		return true;
	case DLT_IPV4:
		*ret = (struct link){ 0, ETHERTYPE_IPV4 };
		return true;
	case DLT_IPV6:
		*ret = (struct link){ 0, ETHERTYPE_IPV6 };
		return true;
	case DLT_NULL:
	case DLT_LOOP:
		if (n < NULL_SIZE)
			return false;
		*ret = (struct link){ NULL_SIZE, null_ethertype(p) };
		return true;
	case DLT_LINUX_SLL:
		if (n < SLL_SIZE)
			return false;
		*ret = (struct link){ SLL_SIZE,
				      cooked_ethertype(get16(p + 14), rec->len - SLL_SIZE) };
		cooked_type(rec, get16(p));
		return true;
	case DLT_LINUX_SLL2:
		if (n < SLL2_SIZE)
			return false;
		*ret = (struct link){ SLL2_SIZE, cooked_ethertype(get16(p), rec->len - SLL2_SIZE) };
		cooked_type(rec, p[10]);
		rec->ifindex = (uint32_t)get16(p + 4) << 16 | get16(p + 6);
		return true;
	default:
		return false;
	}
}

int net_linktype_check(const char *name, int linktype, struct skep_error **reterr)
{
	const char *dlt = pcap_datalink_val_to_name(linktype);
	const char *what = pcap_datalink_val_to_description(linktype);

	switch (linktype) {
	case DLT_EN10MB:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
		return 0;
	default:
		break;
	}
	skep_fail(reterr, &ERR_LINKTYPE, SKEP_AT_FILE(name, 0), "link type %d, DLT_%s (%s)",
		  linktype, dlt ? dlt : "?", what ? what : "unknown to libpcap");
	skep_need(reterr,
		  "EN10MB (Ethernet), or RAW, IPV4, IPV6, NULL, LOOP, LINUX_SLL, LINUX_SLL2, "
		  "which become Ethernet frames with zero addresses");
	return -ERR_LINKTYPE.code;
}

int net_frame_init(struct net_frame *f, struct skep_error **reterr)
{
	memset(f, 0, sizeof(*f));
	f->mem = calloc(1, MEM_SIZE);
	return f->mem ? 0 : skep_fail_nomem(reterr);
}

void net_frame_done(struct net_frame *f)
{
	free(f->mem);
	f->mem = NULL;
}

/* The room before the packet is zero for each, so that runs do not depend on earlier packets. */
static void place(struct net_frame *f, uint32_t len, uint32_t ifindex)
{
	uint64_t start = (uint64_t)(uintptr_t)f->mem;

	memset(f->mem, 0, HEADROOM);
	f->is_skb = false;
	f->loaded = len;
	f->xdp = (struct ctx_xdp){ .data = start + HEADROOM,
				   .data_meta = start + HEADROOM,
				   .data_end = start + HEADROOM + len,
				   .ingress_ifindex = ifindex,
				   .hard_start = start,
				   .frame_end = start + FRAME_SIZE - SHARED_INFO };
	if (f->xdp.frame_end < f->xdp.data_end)
		f->xdp.frame_end = f->xdp.data_end;
}

bool net_frame_load(struct net_frame *f, int linktype, struct net_record *rec)
{
	uint8_t *data = f->mem + HEADROOM;
	struct link link;
	uint32_t n;

	if (linktype == DLT_EN10MB) {
		n = (uint32_t)num_min(rec->caplen, NET_SNAPLEN);
		memcpy(data, rec->bytes, n);
		f->missing = rec->len - n;
		place(f, n, rec->ifindex);
		return true;
	}
	if (!read_link(linktype, rec, &link))
		return false;
	n = (uint32_t)num_min(rec->caplen - link.size, NET_SNAPLEN);
	memset(data, 0, ETH_ADDRS);
	put16(data + ETH_ADDRS, link.ethertype);
	memcpy(data + ETH_SIZE, rec->bytes + link.size, n);
	f->missing = rec->len - link.size - n;
	place(f, n + ETH_SIZE, rec->ifindex);
	return true;
}

/* The EtherType of what follows @p, or the pseudo types that the kernel gives to 802.3 frames. */
static uint16_t protocol_at(const uint8_t *p, const uint8_t *end)
{
	uint16_t type = get16(p);

	if (type >= ETHERTYPE_MIN)
		return type;
	return end - p >= 4 && get16(p + 2) == 0xffff ? ETHERTYPE_802_3 : ETHERTYPE_802_2;
}

static uint16_t network_order(uint16_t v)
{
	uint8_t b[2];

	put16(b, v);
	return bytes_u16(b, false);
}

/* Moves the addresses, and metadata that XDP put before them, over the tag. */
static void untag(struct ctx_skb *skb)
{
	uint8_t *data = at(skb->data);
	uint64_t meta = skb->data - skb->data_meta;

	skb->vlan_present = 1;
	skb->vlan_proto = network_order(get16(data + ETH_ADDRS));
	skb->vlan_tci = get16(data + ETH_ADDRS + 2);
	memmove(data - meta + VLAN_SIZE, data - meta, ETH_ADDRS + meta);
	skb->data += VLAN_SIZE;
	skb->data_meta += VLAN_SIZE;
}

static uint32_t type_of(const uint8_t *dest)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (!memcmp(dest, all, sizeof(all)))
		return PKT_BROADCAST;
	return dest[0] & 1 ? PKT_MULTICAST : PKT_HOST;
}

void net_frame_to_skb(struct net_frame *f, const struct net_record *rec)
{
	const struct ctx_xdp *x = &f->xdp;
	struct ctx_skb *skb = &f->skb;
	uint32_t len = net_frame_len(f);
	uint16_t type;

	*skb = (struct ctx_skb){ .data = x->data,
				 .data_end = x->data_end,
				 .data_meta = x->data_meta,
				 .hard_start = x->hard_start,
				 .frame_end = x->frame_end,
				 .ifindex = rec->ifindex,
				 .ingress_ifindex = rec->dir == NET_OUT ? 0 : rec->ifindex,
				 .pkt_type = rec->pkt_type < 0 ? PKT_HOST : (uint32_t)rec->pkt_type,
				 .tstamp = rec->sec * 1000000000ull + rec->nsec };
	if (len >= ETH_SIZE) {
		type = get16(at(x->data) + ETH_ADDRS);
		if (rec->pkt_type < 0)
			skb->pkt_type = type_of(at(x->data));
		if ((type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE_VLAN) &&
		    len >= ETH_SIZE + VLAN_SIZE)
			untag(skb);
		skb->protocol =
			network_order(protocol_at(at(skb->data) + ETH_ADDRS, at(skb->data_end)));
	}
	skb->len = (uint32_t)(skb->data_end - skb->data);
	skb->wire_len = skb->len + f->missing;
	f->is_skb = true;
}

uint32_t net_frame_len(const struct net_frame *f)
{
	return (uint32_t)(f->is_skb ? f->skb.data_end - f->skb.data :
				      f->xdp.data_end - f->xdp.data);
}

/* The tag goes back to where it came from, so there is room. */
static void retag(struct ctx_skb *skb)
{
	uint8_t *data = at(skb->data - VLAN_SIZE);

	memmove(data, data + VLAN_SIZE, ETH_ADDRS);
	memcpy(data + ETH_ADDRS, &(uint16_t){ (uint16_t)skb->vlan_proto }, 2);
	put16(data + ETH_ADDRS + 2, (uint16_t)skb->vlan_tci);
	skb->data -= VLAN_SIZE;
}

const uint8_t *net_frame_take(struct net_frame *f, uint32_t keep, uint32_t *ret_len)
{
	uint32_t len = (uint32_t)num_min(keep, net_frame_len(f));

	if (!f->is_skb) {
		*ret_len = len;
		return at(f->xdp.data);
	}
	if (f->skb.vlan_present && len >= ETH_ADDRS &&
	    f->skb.data - VLAN_SIZE >= f->skb.hard_start) {
		retag(&f->skb);
		len += VLAN_SIZE;
	}
	*ret_len = len;
	return at(f->skb.data);
}
