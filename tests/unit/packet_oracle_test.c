// SPDX-License-Identifier: Apache-2.0
/*
 * Helpers on packets against the kernel: sequences of calls on the same packet, with the same results, the same bytes in `out`, the
 * same context fields afterwards and the same packet.
 */
#include <arpa/inet.h>

#include "both.h"

#define MAX_CALLS 4
/* Arguments: numbers, or addresses in `in` and `out`. */
#define IN(off) (1ull << 63 | (off))
#define OUT(off) (1ull << 62 | (off))
#define KIND_MASK (3ull << 62)

struct call {
	int helper;
	uint64_t args[4];
};

struct row {
	const char *name;
	int type;   /* 0: sched_cls */
	int packet; /* of packets[] */
	struct call calls[MAX_CALLS];
};

static const uint8_t ipv4[98] = { 2,  0, 0,  0,	   0,	 1,    2, 0,  0, 0,    0,    2,	 8, 0, 0x45,
				  1,  0, 84, 0x12, 0x34, 0x40, 0, 64, 6, 0x12, 0x34, 10, 0, 0, 1,
				  10, 0, 0,  2,	   0x1f, 0x90, 0, 80, 1, 2,    3,    4,	 5 };
static const uint8_t ipv6[98] = { 2,	0,    0,    0, 0, 1, 2,	 0, 0,	0,    0, 2,   0x86,
				  0xdd, 0x60, 0x10, 0, 0, 0, 44, 6, 64, 0x20, 1, 0xd, 0xb8 };
static const uint8_t vlan[98] = { 2, 0,	   0, 0,    0,	  1, 2, 0, 0, 0,    0, 2, 0x81,
				  0, 0x20, 5, 0x88, 0xa8, 0, 7, 8, 0, 0x45, 0, 0, 60 };
static const uint8_t arp[64] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1 };

static const struct {
	const uint8_t *bytes;
	uint32_t len;
} packets[] = {
	{ ipv4, sizeof(ipv4) }, { ipv6, sizeof(ipv6) }, { vlan, sizeof(vlan) }, { arp, sizeof(arp) }
};

/* What the helper reads: 64 bytes that are easy to recognise. */
static void fill(struct both_case *c)
{
	for (int i = 0; i < 256; i++)
		c->in[i] = (uint8_t)(i * 7 + 1);
}

static void build(struct both_case *c, const struct row *row)
{
	static const int32_t fields[] = {
		offsetof(struct __sk_buff, len),      offsetof(struct __sk_buff, pkt_type),
		offsetof(struct __sk_buff, protocol), offsetof(struct __sk_buff, vlan_present),
		offsetof(struct __sk_buff, vlan_tci), offsetof(struct __sk_buff, vlan_proto),
	};
	struct asm_code *a = &c->code;

	*c = (struct both_case){ .type = row->type ? row->type : PROG_SCHED_CLS,
				 .packet = packets[row->packet].bytes,
				 .packet_len = packets[row->packet].len };
	fill(c);
	asm_move(a, 6, 1);
	for (int i = 0; i < MAX_CALLS && row->calls[i].helper; i++) {
		const struct call *call = &row->calls[i];

		asm_move(a, 1, 6);
		for (int k = 0; k < 4; k++)
			if ((call->args[k] & KIND_MASK) == IN(0))
				asm_value(a, k + 2, MAP_IN, (int32_t)call->args[k]);
			else if ((call->args[k] & KIND_MASK) == OUT(0))
				asm_value(a, k + 2, MAP_OUT, (int32_t)call->args[k]);
			else
				asm_const(a, k + 2,
					  call->args[k] == UINT64_MAX ? ~0ull : call->args[k]);
		asm_call(a, call->helper);
		asm_keep(a, i * 8);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields) && c->type != PROG_XDP; i++) {
		asm_add(a, BPF_LDX | BPF_MEM | BPF_W, 0, 6, fields[i], 0);
		asm_keep(a, 64 + (int32_t)i * 8);
	}
	asm_exit(a, 0);
}

static struct both_result ours, kernel;

static void compare(const struct row *row)
{
	struct both_case c;

	CHECK_CASE("%s", row->name);
	build(&c, row);
	both_ours(&c, &ours);
	both_kernel(&c, &kernel);
	CHECK_MSG(kernel.loaded == 0, "the kernel says %d: %s", kernel.loaded, kernel.why);
	CHECK_MSG(ours.loaded == 0, "%d: %s", ours.loaded, ours.why);
	if (kernel.loaded || ours.loaded)
		return;
	for (int i = 0; i < 14; i++)
		CHECK_MSG(both_word(&ours, i * 8) == both_word(&kernel, i * 8),
			  "word %d: %lld, kernel %lld", i, (long long)both_word(&ours, i * 8),
			  (long long)both_word(&kernel, i * 8));
	CHECK_EQ_MEM(ours.out, kernel.out, BOTH_OUT);
	CHECK_EQ_INT(ours.packet_len, kernel.packet_len);
	if (ours.packet_len == kernel.packet_len)
		CHECK_EQ_MEM(ours.packet, kernel.packet, ours.packet_len);
}

#define CALL(name, ...)             \
	{                           \
		BPF_FUNC_##name,    \
		{                   \
			__VA_ARGS__ \
		}                   \
	}

static const struct row rows[] = {
	{ "store_bytes",
	  0,
	  0,
	  { CALL(skb_store_bytes, 0, IN(0), 12, 0), CALL(skb_store_bytes, 90, IN(3), 8, 2) } },
	{ "store_bytes past the end",
	  0,
	  0,
	  { CALL(skb_store_bytes, 91, IN(0), 8, 0), CALL(skb_store_bytes, 98, IN(0), 1, 0),
	    CALL(skb_store_bytes, 0x80000000, IN(0), 1, 0) } },
	{ "store_bytes flags",
	  0,
	  0,
	  { CALL(skb_store_bytes, 20, IN(0), 4, 1), CALL(skb_store_bytes, 20, IN(0), 4, 4),
	    CALL(skb_store_bytes, 30, IN(9), 4, 3) } },
	{ "load_bytes",
	  0,
	  0,
	  { CALL(skb_load_bytes, 0, OUT(128), 32), CALL(skb_load_bytes, 97, OUT(256), 1),
	    CALL(skb_load_bytes, 97, OUT(300), 2),
	    CALL(skb_load_bytes, 0xffffffff, OUT(400), 2) } },
	{ "load_bytes_relative",
	  0,
	  0,
	  { CALL(skb_load_bytes_relative, 0, OUT(128), 20, 0),
	    CALL(skb_load_bytes_relative, 0, OUT(200), 20, 1),
	    CALL(skb_load_bytes_relative, 0, OUT(300), 20, 2),
	    CALL(skb_load_bytes_relative, 80, OUT(400), 20, 1) } },
	{ "l3 sum",
	  0,
	  0,
	  { CALL(l3_csum_replace, 24, 0x1234, 0x4321, 2),
	    CALL(l3_csum_replace, 24, 0x11223344, 0x99887766, 4),
	    CALL(l3_csum_replace, 24, 0, 0xabcdef, 0), CALL(l3_csum_replace, 24, 1, 2, 3) } },
	{ "l3 sum, bad",
	  0,
	  0,
	  { CALL(l3_csum_replace, 25, 1, 2, 2), CALL(l3_csum_replace, 98, 1, 2, 2),
	    CALL(l3_csum_replace, 24, 1, 2, 0x12), CALL(l3_csum_replace, 0x10000, 1, 2, 2) } },
	{ "l4 sum",
	  0,
	  0,
	  { CALL(l4_csum_replace, 50, 0x1234, 0x4321, 2),
	    CALL(l4_csum_replace, 50, 0x11223344, 0x99887766, 0x14),
	    CALL(l4_csum_replace, 50, 0, 0xabcdef, 0x10), CALL(l4_csum_replace, 60, 1, 2, 0x22) } },
	{ "l4 sum, bad",
	  0,
	  0,
	  { CALL(l4_csum_replace, 51, 1, 2, 2), CALL(l4_csum_replace, 97, 1, 2, 2),
	    CALL(l4_csum_replace, 50, 1, 2, 0x100), CALL(l4_csum_replace, 50, 1, 2, 1) } },
	{ "l4 sum that becomes 0",
	  0,
	  0,
	  { CALL(l4_csum_replace, 60, 0, 0xffff, 0x62), CALL(l4_csum_replace, 62, 1, 0, 0x22) } },
	{ "sums that the device gave",
	  0,
	  0,
	  { CALL(csum_update, 7), CALL(csum_level, 0), CALL(csum_level, 1), CALL(csum_level, 4) } },
	{ "sum levels", 0, 0, { CALL(csum_level, 2), CALL(csum_level, 3), CALL(csum_level, 0) } },
	{ "hash", 0, 0, { CALL(set_hash, 77), CALL(get_hash_recalc) } },
	{ "pull_data",
	  0,
	  0,
	  { CALL(skb_pull_data, 0), CALL(skb_pull_data, 98), CALL(skb_pull_data, 99) } },
	{ "change_type",
	  0,
	  0,
	  { CALL(skb_change_type, 3), CALL(skb_change_type, 4), CALL(skb_change_type, 0) } },
	{ "change_proto to IPv6", 0, 0, { CALL(skb_change_proto, 0xdd86, 0) } },
	{ "change_proto to IPv4", 0, 1, { CALL(skb_change_proto, 0x0008, 0) } },
	{ "change_proto, bad",
	  0,
	  0,
	  { CALL(skb_change_proto, 0xdd86, 1), CALL(skb_change_proto, 0x0008, 0),
	    CALL(skb_change_proto, 0x0608, 0) } },
	{ "change_tail",
	  0,
	  0,
	  { CALL(skb_change_tail, 60, 0), CALL(skb_change_tail, 120, 0),
	    CALL(skb_change_tail, 13, 0), CALL(skb_change_tail, 50, 1) } },
	{ "change_tail, edges",
	  0,
	  0,
	  { CALL(skb_change_tail, 14, 0), CALL(skb_change_tail, 0, 0) } },
	{ "change_head",
	  0,
	  0,
	  { CALL(skb_change_head, 16, 0), CALL(skb_change_head, 0, 0),
	    CALL(skb_change_head, 4, 1) } },
	{ "adjust_room, network",
	  0,
	  0,
	  { CALL(skb_adjust_room, 8, 0, 0), CALL(skb_adjust_room, (uint32_t)-8, 0, 0) } },
	{ "adjust_room, link",
	  0,
	  0,
	  { CALL(skb_adjust_room, 20, 1, 2), CALL(skb_adjust_room, (uint32_t)-20, 1, 0) } },
	{ "adjust_room, bad",
	  0,
	  0,
	  { CALL(skb_adjust_room, 8, 2, 0), CALL(skb_adjust_room, 8, 0, 0x10000),
	    CALL(skb_adjust_room, 0x1000, 0, 0), CALL(skb_adjust_room, (uint32_t)-84, 1, 0) } },
	{ "adjust_room, bad protocol",
	  0,
	  3,
	  { CALL(skb_adjust_room, 8, 0, 0), CALL(skb_adjust_room, 0x2000, 0, 0) } },
	{ "adjust_room, IPv6",
	  0,
	  1,
	  { CALL(skb_adjust_room, 8, 0, 0), CALL(skb_adjust_room, (uint32_t)-60, 0, 0),
	    CALL(skb_adjust_room, (uint32_t)-40, 1, 0) } },
	{ "vlan_push", 0, 0, { CALL(skb_vlan_push, 0x0081, 5) } },
	{ "vlan_push twice",
	  0,
	  0,
	  { CALL(skb_vlan_push, 0x0081, 0x2005), CALL(skb_vlan_push, 0xa888, 7) } },
	{ "vlan_push and pop",
	  0,
	  0,
	  { CALL(skb_vlan_push, 0x1234, 5), CALL(skb_vlan_push, 0x0081, 6), CALL(skb_vlan_pop),
	    CALL(skb_vlan_pop) } },
	{ "vlan_pop of nothing", 0, 0, { CALL(skb_vlan_pop) } },
	{ "vlan_pop of two", 0, 2, { CALL(skb_vlan_pop), CALL(skb_vlan_pop) } },
	{ "set_tstamp",
	  0,
	  0,
	  { CALL(skb_set_tstamp, 1000, 1), CALL(skb_set_tstamp, 0, 1), CALL(skb_set_tstamp, 0, 0),
	    CALL(skb_set_tstamp, 5, 7) } },
	{ "set_tstamp of ARP", 0, 3, { CALL(skb_set_tstamp, 1000, 1) } },
	{ "ecn", 0, 0, { CALL(skb_ecn_set_ce) } },
	{ "ecn, IPv6", 0, 1, { CALL(skb_ecn_set_ce) } },
	{ "ecn, ARP", 0, 3, { CALL(skb_ecn_set_ce) } },
};

static void packet_helpers(void)
{
	if (geteuid() != 0)
		CHECK_SKIP("needs root");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		compare(&rows[i]);
}

CHECK_MAIN({ "packet_helpers", packet_helpers })
