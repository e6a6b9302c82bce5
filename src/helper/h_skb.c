// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of a packet behind a __sk_buff (bpf-helpers(7)): loads and stores, sums (RFC 1624), ends, room, VLAN tags. A packet
 * lies in one piece between hard_start and frame_end, so pulling needs nothing, and growing ends where that room does (-ENOMEM).
 * Invariant after each: data <= data_end, len is their distance, and the packet's region is the bytes between them.
 */
#include <arpa/inet.h>

#include "helper/packet.h"

#define FAR 0xffffu /* the last offset that checksum helpers take */
#define MAX_PACKET 65535u
#define IPV4_LEN 20u
#define IPV6_LEN 40u
#define VLAN_LEN 4u

struct ctx_skb *skb_of(struct exec_run *run)
{
	const uint8_t *data;
	uint64_t len;

	if (packet_of(run, &data, &len) == PACKET_SKB)
		return run->ctx_backing;
	exec_fault(run, &ERR_CONTEXT, "of a __sk_buff");
	return NULL;
}

bool skb_writable(const struct exec_run *run)
{
	for (uint32_t i = 0; i < run->nregions; i++)
		if (run->regions[i].kind == REGION_PACKET)
			return run->regions[i].writable;
	return false;
}

void skb_moved(struct exec_run *run, struct ctx_skb *skb)
{
	skb->len = (uint32_t)(skb->data_end - skb->data);
	skb->data_meta = skb->data;
	exec_region_move(run, REGION_PACKET, skb->data, skb->len);
	if (run->packet) {
		run->packet = pointer(skb->data);
		run->packet_len = skb->len;
	}
}

uint8_t *skb_bytes(const struct ctx_skb *skb, uint64_t off, uint64_t len)
{
	return num_inside(off, len, skb->data_end - skb->data) ? pointer(skb->data + off) : NULL;
}

bool skb_insert(struct exec_run *run, struct ctx_skb *skb, uint32_t off, uint32_t n)
{
	if (skb->data - skb->hard_start < n || off > skb->len)
		return false;
	skb->data -= n;
	memmove(pointer(skb->data), pointer(skb->data + n), off);
	memset(pointer(skb->data + off), 0, n);
	skb_moved(run, skb);
	return true;
}

void skb_remove(struct exec_run *run, struct ctx_skb *skb, uint32_t off, uint32_t n)
{
	memmove(pointer(skb->data + n), pointer(skb->data), off);
	skb->data += n;
	skb_moved(run, skb);
}

BODY(skb_store_bytes)
{
	struct ctx_skb *skb = skb_of(run);
	uint8_t *to;

	if (!skb)
		return 0;
	if (a5 & ~(uint64_t)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
		return fail(EINVAL);
	to = (uint32_t)a2 > INT32_MAX ? NULL : skb_bytes(skb, (uint32_t)a2, (uint32_t)a4);
	if (!to)
		return fail(EFAULT);
	memmove(to, pointer(a3), (uint32_t)a4);
	if (a5 & BPF_F_INVALIDATE_HASH)
		skb->hash = 0;
	return 0;
}

static uint64_t load(const uint8_t *from, uint64_t to, uint32_t len)
{
	if (!from) {
		memset(pointer(to), 0, len);
		return fail(EFAULT);
	}
	memmove(pointer(to), from, len);
	return 0;
}

BODY(skb_load_bytes)
{
	const uint8_t *data;
	uint64_t size;

	if (packet_of(run, &data, &size) != PACKET_SKB)
		return exec_fault(run, &ERR_CONTEXT, "of a __sk_buff");
	if ((uint32_t)a2 > INT32_MAX || !num_inside((uint32_t)a2, (uint32_t)a4, size))
		data = NULL;
	return load(data ? data + (uint32_t)a2 : NULL, a3, (uint32_t)a4);
}

BODY(skb_load_bytes_relative)
{
	struct ctx_skb *skb = skb_of(run);
	uint64_t off = (uint32_t)a2;

	if (!skb)
		return 0;
	if (a5 == BPF_HDR_START_NET)
		off += ETH_LEN;
	if (off > FAR || a5 > BPF_HDR_START_NET)
		return load(NULL, a3, (uint32_t)a4);
	return load(skb_bytes(skb, off, (uint32_t)a4), a3, (uint32_t)a4);
}

/* Sums ------------------------------------------------------------------------------------------------- */

static uint32_t csum_add(uint32_t a, uint32_t b)
{
	uint32_t sum = a + b;

	return sum + (sum < a);
}

static uint16_t csum_fold(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

static void replace(uint8_t *at, uint32_t from, uint32_t to)
{
	uint16_t sum;

	memcpy(&sum, at, 2);
	sum = csum_fold(csum_add(csum_add((uint16_t)~sum, ~from), to));
	memcpy(at, &sum, 2);
}

/* A difference that bpf_csum_diff() gave. */
static void replace_by(uint8_t *at, uint32_t diff)
{
	uint16_t sum;

	memcpy(&sum, at, 2);
	sum = csum_fold(csum_add((uint16_t)~sum, diff));
	memcpy(at, &sum, 2);
}

BODY(l3_csum_replace)
{
	struct ctx_skb *skb = skb_of(run);
	uint8_t *at;

	if (!skb)
		return 0;
	if (a5 & ~(uint64_t)BPF_F_HDR_FIELD_MASK)
		return fail(EINVAL);
	at = (uint32_t)a2 > FAR || a2 & 1 ? NULL : skb_bytes(skb, (uint32_t)a2, 2);
	if (!at)
		return fail(EFAULT);
	if (a5 == 0 && !a3)
		replace_by(at, (uint32_t)a4);
	else if (a5 == 2)
		replace(at, (uint16_t)a3, (uint16_t)a4);
	else if (a5 == 4)
		replace(at, (uint32_t)a3, (uint32_t)a4);
	else
		return fail(EINVAL);
	return 0;
}

BODY(l4_csum_replace)
{
	const uint64_t known = BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE |
			       BPF_F_HDR_FIELD_MASK | F_IPV6;
	struct ctx_skb *skb = skb_of(run);
	uint64_t size = a5 & BPF_F_HDR_FIELD_MASK;
	bool mangled = a5 & BPF_F_MARK_MANGLED_0;
	uint8_t *at;

	if (!skb)
		return 0;
	if (a5 & ~known)
		return fail(EINVAL);
	at = (uint32_t)a2 > FAR || a2 & 1 ? NULL : skb_bytes(skb, (uint32_t)a2, 2);
	if (!at)
		return fail(EFAULT);
	if (mangled && !(a5 & BPF_F_MARK_ENFORCE) && !at[0] && !at[1])
		return 0;
	if (size == 0 && !a3)
		replace_by(at, (uint32_t)a4);
	else if (size == 2)
		replace(at, (uint16_t)a3, (uint16_t)a4);
	else if (size == 4)
		replace(at, (uint32_t)a3, (uint32_t)a4);
	else
		return fail(EINVAL);
	if (mangled && !at[0] && !at[1])
		memset(at, 0xff, 2);
	return 0;
}

BODY(csum_update)
{
	const struct helper_event *e = run->event;

	if (!e || !e->csum_complete)
		return fail(HELPER_ENOTSUPP);
	event_of(run)->csum = csum_add(e->csum, (uint32_t)a2);
	return event_of(run)->csum;
}

BODY(csum_level)
{
	struct helper_event *e = run->event;

	switch (a2) {
	case BPF_CSUM_LEVEL_QUERY:
		return e && e->csum_checked ? e->csum_level : fail(EACCES);
	case BPF_CSUM_LEVEL_INC:
		if (e && e->csum_checked && e->csum_level < 3)
			e->csum_level++;
		return 0;
	case BPF_CSUM_LEVEL_DEC:
		if (e && e->csum_checked && e->csum_level)
			e->csum_level--;
		else if (e)
			e->csum_checked = false;
		return 0;
	case BPF_CSUM_LEVEL_RESET:
		if (e)
			e->csum_checked = false;
		return 0;
	default:
		return fail(EINVAL);
	}
}

/* Hashes ----------------------------------------------------------------------------------------------- */

BODY(set_hash_invalid)
{
	struct ctx_skb *skb = skb_of(run);

	if (skb)
		skb->hash = 0;
	return 0;
}

BODY(set_hash)
{
	struct ctx_skb *skb = skb_of(run);

	if (skb)
		skb->hash = (uint32_t)a2;
	return 0;
}

/* Of the flow: addresses, protocol and ports; never 0. */
static uint32_t flow_hash(const struct ctx_skb *skb)
{
	const uint8_t *ip = skb_bytes(skb, ETH_LEN, IPV4_LEN);
	uint64_t h = 0x9e3779b97f4a7c15ull;
	uint32_t from = 0, len = 0;

	if (ip && *ip >> 4 == 4) {
		from = ETH_LEN + 12;
		len = 8 + (*ip & 15u) * 4 - IPV4_LEN + 4;
		h ^= ip[9];
	} else if (ip && skb_bytes(skb, ETH_LEN, IPV6_LEN)) {
		from = ETH_LEN + 8;
		len = 36;
		h ^= ip[6];
	}
	for (uint32_t i = 0; i < len && from + i < skb->len; i++)
		h = (h ^ *(uint8_t *)pointer(skb->data + from + i)) * 0x100000001b3ull;
	h ^= h >> 32;
	return (uint32_t)h ? (uint32_t)h : 1;
}

BODY(get_hash_recalc)
{
	struct ctx_skb *skb = skb_of(run);

	if (!skb)
		return 0;
	if (!skb->hash)
		skb->hash = flow_hash(skb);
	return skb->hash;
}

/* Ends and room ---------------------------------------------------------------------------------------- */

BODY(skb_pull_data)
{
	struct ctx_skb *skb = skb_of(run);

	return !skb || (uint32_t)a2 <= skb->len ? 0 : fail(ENOMEM);
}

BODY(skb_change_type)
{
	struct ctx_skb *skb = skb_of(run);

	if (!skb)
		return 0;
	if (skb->pkt_type > 3 || (uint32_t)a2 > 3)
		return fail(EINVAL);
	skb->pkt_type = (uint32_t)a2;
	return 0;
}

BODY(skb_change_proto)
{
	struct ctx_skb *skb = skb_of(run);
	uint32_t now, to = ntohs((uint16_t)a2), n = IPV6_LEN - IPV4_LEN;

	if (!skb)
		return 0;
	if (a3)
		return fail(EINVAL);
	now = ntohs((uint16_t)skb->protocol);
	if (now == PROTO_IPV4 && to == PROTO_IPV6) {
		if (!skb_insert(run, skb, ETH_LEN, n))
			return fail(ENOMEM);
	} else if (now == PROTO_IPV6 && to == PROTO_IPV4) {
		if (skb->len < ETH_LEN + n)
			return fail(ENOMEM);
		skb_remove(run, skb, ETH_LEN, n);
	} else {
		return fail(HELPER_ENOTSUPP);
	}
	skb->protocol = htons((uint16_t)to);
	skb->hash = 0;
	return 0;
}

BODY(skb_change_tail)
{
	struct ctx_skb *skb = skb_of(run);
	uint32_t len = (uint32_t)a2;

	if (!skb)
		return 0;
	if (a3 || len > MAX_PACKET || len < ETH_LEN)
		return fail(EINVAL);
	if (skb->data + len > skb->frame_end && len > skb->len)
		return fail(ENOMEM);
	if (len > skb->len)
		memset(pointer(skb->data_end), 0, len - skb->len);
	skb->data_end = skb->data + len;
	skb_moved(run, skb);
	return 0;
}

BODY(skb_change_head)
{
	struct ctx_skb *skb = skb_of(run);

	if (!skb)
		return 0;
	if (a3 || (uint32_t)a2 > MAX_PACKET || skb->len + (uint32_t)a2 > MAX_PACKET)
		return fail(EINVAL);
	return skb_insert(run, skb, 0, (uint32_t)a2) ? 0 : fail(ENOMEM);
}

static bool room_flags_fit(uint64_t flags, int32_t diff)
{
	const uint64_t known = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
			       BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE |
			       BPF_F_ADJ_ROOM_ENCAP_L4_UDP | BPF_F_ADJ_ROOM_NO_CSUM_RESET |
			       BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(0xff) |
			       F_DECAP_L3;

	return !(flags & ~known) && (diff <= 0 || !(flags & F_DECAP_L3) || flags & F_DECAP_L3);
}

BODY(skb_adjust_room)
{
	struct ctx_skb *skb = skb_of(run);
	int32_t diff = (int32_t)a2;
	uint32_t n = diff < 0 ? 0u - (uint32_t)diff : (uint32_t)diff, off = ETH_LEN, proto, least;

	if (!skb)
		return 0;
	if (!room_flags_fit(a4, diff))
		return fail(EINVAL);
	if (n > 0xfff)
		return fail(EFAULT);
	proto = ntohs((uint16_t)skb->protocol);
	if (proto != PROTO_IPV4 && proto != PROTO_IPV6)
		return fail(HELPER_ENOTSUPP);
	least = proto == PROTO_IPV4 ? IPV4_LEN : IPV6_LEN;
	if (a4 & F_DECAP_L3) {
		if (diff >= 0 || (a4 & F_DECAP_L3) == F_DECAP_L3)
			return fail(EINVAL);
		least = a4 & F_DECAP_IPV4 ? IPV4_LEN : IPV6_LEN;
	}
	if (a3 == BPF_ADJ_ROOM_NET)
		off += proto == PROTO_IPV4 ? IPV4_LEN : IPV6_LEN;
	else if (a3 != BPF_ADJ_ROOM_MAC)
		return fail(HELPER_ENOTSUPP);
	if (diff < 0 && (n >= skb->len - ETH_LEN || skb->len - ETH_LEN - n < least))
		return fail(HELPER_ENOTSUPP);
	if (diff > 0 && skb->len + n > MAX_PACKET)
		return fail(HELPER_ENOTSUPP);
	if (diff < 0)
		skb_remove(run, skb, off, n);
	else if (!skb_insert(run, skb, off, n))
		return fail(ENOMEM);
	if (a4 & F_DECAP_L3)
		skb->protocol = htons(a4 & F_DECAP_IPV4 ? PROTO_IPV4 : PROTO_IPV6);
	if (diff > 0 && a4 & (BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6))
		skb->protocol = htons(a4 & BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 ? PROTO_IPV4 : PROTO_IPV6);
	skb->hash = 0;
	return 0;
}

/* VLAN tags: the outer one stands beside the packet, what is under it in the packet --------------------- */

static bool is_vlan(uint32_t proto)
{
	return proto == htons(0x8100) || proto == htons(0x88a8);
}

BODY(skb_vlan_push)
{
	struct ctx_skb *skb = skb_of(run);
	uint16_t proto = (uint16_t)a2, tag[2];

	if (!skb)
		return 0;
	if (!is_vlan(proto))
		proto = htons(0x8100);
	if (skb->vlan_present) {
		if (!skb_insert(run, skb, ETH_LEN - 2, VLAN_LEN))
			return fail(ENOMEM);
		tag[0] = (uint16_t)skb->vlan_proto;
		tag[1] = htons((uint16_t)skb->vlan_tci);
		memcpy(pointer(skb->data + ETH_LEN - 2), tag, sizeof(tag));
		skb->protocol = skb->vlan_proto;
	}
	skb->vlan_present = 1;
	skb->vlan_proto = proto;
	skb->vlan_tci = (uint16_t)a3;
	return 0;
}

/* Takes the tag out of the packet; its number. */
static uint16_t take_tag(struct exec_run *run, struct ctx_skb *skb)
{
	uint16_t tci, proto;

	memcpy(&tci, pointer(skb->data + ETH_LEN), 2);
	memcpy(&proto, pointer(skb->data + ETH_LEN + 2), 2);
	skb_remove(run, skb, ETH_LEN - 2, VLAN_LEN);
	memcpy(pointer(skb->data + ETH_LEN - 2), &proto, 2);
	skb->protocol = proto;
	return ntohs(tci);
}

BODY(skb_vlan_pop)
{
	struct ctx_skb *skb = skb_of(run);
	uint32_t proto;

	if (!skb)
		return 0;
	if (skb->vlan_present)
		skb->vlan_present = skb->vlan_tci = skb->vlan_proto = 0;
	else if (is_vlan(skb->protocol) && skb->len >= ETH_LEN + VLAN_LEN)
		take_tag(run, skb);
	else
		return 0;
	if (!is_vlan(skb->protocol) || skb->len < ETH_LEN + VLAN_LEN)
		return 0;
	proto = skb->protocol;
	skb->vlan_tci = take_tag(run, skb);
	skb->vlan_proto = proto;
	skb->vlan_present = 1;
	return 0;
}

/* Fields ------------------------------------------------------------------------------------------------ */

BODY(skb_set_tstamp)
{
	struct ctx_skb *skb = skb_of(run);
	uint32_t proto;

	if (!skb)
		return 0;
	proto = ntohs((uint16_t)skb->protocol);
	if (proto != PROTO_IPV4 && proto != PROTO_IPV6)
		return fail(EOPNOTSUPP);
	if (a3 > 2 || (a3 == 0) != (a2 == 0))
		return fail(EINVAL);
	skb->tstamp = a2;
	skb->tstamp_type = (uint8_t)a3;
	return 0;
}

BODY(skb_ecn_set_ce)
{
	struct ctx_skb *skb = skb_of(run);
	uint8_t *ip, old;

	if (!skb)
		return 0;
	ip = skb_bytes(skb, ETH_LEN, IPV4_LEN);
	if (ip && skb->protocol == htons(PROTO_IPV4)) {
		old = ip[1];
		if ((old & 3) == 0)
			return 0;
		ip[1] |= 3;
		replace(ip + 10, htons(old), htons(ip[1]));
		return 1;
	}
	ip = skb_bytes(skb, ETH_LEN, IPV6_LEN);
	if (!ip || skb->protocol != htons(PROTO_IPV6) || !(ip[1] & 0x30))
		return 0;
	ip[1] |= 0x30;
	return 1;
}

/* Room for an outer IP header, which the program gives. */
BODY(lwt_push_encap)
{
	struct ctx_skb *skb = skb_of(run);
	const uint8_t *hdr = pointer(a3);
	uint32_t len = (uint32_t)a4, version;

	if (!skb)
		return 0;
	if (a2 != BPF_LWT_ENCAP_IP || len < IPV4_LEN || len > 255)
		return fail(EINVAL);
	version = hdr[0] >> 4;
	if ((version != 4 && version != 6) || (version == 6 && len < IPV6_LEN))
		return fail(EINVAL);
	if (!skb_insert(run, skb, 0, len))
		return fail(ENOMEM);
	memcpy(pointer(skb->data), hdr, len);
	skb->protocol = htons(version == 4 ? PROTO_IPV4 : PROTO_IPV6);
	return 0;
}
