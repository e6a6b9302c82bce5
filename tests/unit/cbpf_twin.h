/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF a second time: an interpreter as plain as can be, written from Documentation/networking/filter.rst, and
 * random programs and packets from a seed. Each instruction is taken apart by the bits of its code, not by rows.
 */
#ifndef TESTS_UNIT_CBPF_TWIN_H
#define TESTS_UNIT_CBPF_TWIN_H

#include "check.h"
#include "skep/filter.h"

enum { TWIN_MEM = 16, TWIN_PROGRAM = 64, TWIN_PACKET = 96 };

struct twin {
	const struct skep_filter_ctx *ctx;
	bool pcap;  /* libpcap's meaning of a shift by 32 and more: the kernel takes five bits */
	bool ended; /* by a load outside the packet */
	uint32_t a, x, mem[TWIN_MEM];
};

/* The @size bytes at @off, a 32-bit number whose sign chooses a header. */
static inline uint32_t twin_load(struct twin *t, uint32_t off, unsigned int size)
{
	const uint8_t *packet = (const uint8_t *)(uintptr_t)t->ctx->data;
	int64_t at = (int32_t)off;
	uint32_t v = 0;

	if (at < -0x200000)
		at = -1;
	else if (at < -0x100000)
		at += 0x200000;
	else if (at < 0)
		at += 0x100000 + (int64_t)t->ctx->net_off;
	if (at < 0 || at + size > t->ctx->len) {
		t->ended = true;
		return 0;
	}
	for (unsigned int i = 0; i < size; i++)
		v = v << 8 | packet[at + i];
	return v;
}

static inline uint32_t twin_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static inline uint32_t twin_attribute(const struct twin *t, bool nest)
{
	const uint8_t *packet = (const uint8_t *)(uintptr_t)t->ctx->data;
	int64_t at = t->a, left = (int64_t)t->ctx->len - at;

	if (left < 4)
		return 0;
	if (nest) {
		if (twin_u16(packet + at) > left)
			return 0;
		left = (int64_t)twin_u16(packet + at) - 4;
		at += 4;
	}
	while (left >= 4) {
		uint32_t len = twin_u16(packet + at), type = twin_u16(packet + at + 2) & 0x3fff;

		if (len < 4 || len > left)
			return 0;
		if (type == t->x)
			return (uint32_t)at;
		len = (len + 3) / 4 * 4;
		at += len;
		left -= len;
	}
	return 0;
}

static inline void twin_extension(struct twin *t, uint32_t which)
{
	const struct skep_filter_ctx *c = t->ctx;
	const uint32_t fields[16] = {
		c->protocol,	 c->pkttype,	c->ifindex, 0,		 0, c->mark,
		c->queue,	 c->hatype,	c->rxhash,  c->cpu,	 0, c->vlan_tci,
		c->vlan_present, c->pay_offset, 0,	    c->vlan_tpid
	};

	if (which == 12 || which == 16)
		t->a = twin_attribute(t, which == 16);
	else if (which == 40)
		t->a ^= t->x;
	else
		t->a = fields[which / 4];
}

/* False: it ended with 0 for a division by zero. */
static inline bool twin_compute(struct twin *t, unsigned int op, uint32_t b)
{
	unsigned int shift = t->pcap && b > 31 ? 32 : b & 31;

	if ((op == 3 || op == 9) && !b)
		return false;
	switch (op) {
	case 0:
		t->a += b;
		break;
	case 1:
		t->a -= b;
		break;
	case 2:
		t->a *= b;
		break;
	case 3:
		t->a /= b;
		break;
	case 4:
		t->a |= b;
		break;
	case 5:
		t->a &= b;
		break;
	case 6:
		t->a = shift == 32 ? 0 : t->a << shift;
		break;
	case 7:
		t->a = shift == 32 ? 0 : t->a >> shift;
		break;
	case 8:
		t->a = 0 - t->a;
		break;
	case 9:
		t->a %= b;
		break;
	case 10:
		t->a ^= b;
		break;
	}
	return true;
}

static inline bool twin_compare(const struct twin *t, unsigned int op, uint32_t b)
{
	return op == 1 ? t->a == b : op == 2 ? t->a > b : op == 3 ? t->a >= b : (t->a & b) != 0;
}

static inline void twin_get(struct twin *t, const struct skep_cbpf *in)
{
	static const unsigned int sizes[] = { 4, 2, 1 };
	unsigned int mode = in->code >> 5, size = sizes[in->code >> 3 & 3];
	uint32_t v;

	if ((in->code & 7) == 0 && mode == 1 && in->k >= 0xfffff000u) {
		twin_extension(t, in->k - 0xfffff000u);
		return;
	}
	if (mode == 0)
		v = in->k;
	else if (mode == 1)
		v = twin_load(t, in->k, size);
	else if (mode == 2 && t->pcap && (uint64_t)in->k + t->x > INT32_MAX)
		v = twin_load(t, INT32_MAX, size);
	else if (mode == 2)
		v = twin_load(t, in->k + t->x, size);
	else if (mode == 3)
		v = t->mem[in->k];
	else if (mode == 4)
		v = t->ctx->wirelen;
	else
		v = (twin_load(t, in->k, 1) & 15) * 4;
	if (t->ended)
		return;
	*((in->code & 7) ? &t->x : &t->a) = v;
}

/* The program has been checked: it ends. */
static inline uint32_t twin_run(const struct skep_cbpf *in, const struct skep_filter_ctx *ctx,
				bool pcap)
{
	struct twin t = { .ctx = ctx, .pcap = pcap };

	for (;; in++) {
		unsigned int op = in->code >> 4;
		uint32_t b = in->code & 8 ? t.x : in->k;

		switch (in->code & 7) {
		case 0:
		case 1:
			twin_get(&t, in);
			if (t.ended)
				return 0;
			break;
		case 2:
		case 3:
			t.mem[in->k] = (in->code & 7) == 2 ? t.a : t.x;
			break;
		case 4:
			if (!twin_compute(&t, op, b))
				return 0;
			break;
		case 5:
			in += op == 0 ? in->k : twin_compare(&t, op, b) ? in->jt : in->jf;
			break;
		case 6:
			return in->code & 16 ? t.a : in->k;
		default:
			if (in->code & 0x80)
				t.a = t.x;
			else
				t.x = t.a;
		}
	}
}

/* xorshift64* */
static uint64_t twin_state = 1;

static inline uint32_t twin_random(uint32_t below)
{
	twin_state ^= twin_state << 13;
	twin_state ^= twin_state >> 7;
	twin_state ^= twin_state << 17;
	return (uint32_t)((twin_state * 0x2545f4914f6cdd1dull >> 32) % below);
}

static inline uint32_t twin_number(void)
{
	static const uint32_t edges[] = { 0,	       1,	    2,		31,	32,
					  63,	       0x7f,	    0xff,	0xffff, 0x7fffffff,
					  0x80000000u, 0xffffffffu, 0xfffffffcu };

	return twin_random(3) ? twin_random(TWIN_PACKET) :
	       twin_random(4) ? edges[twin_random(ARRAY_SIZE(edges))] :
				twin_random(UINT32_MAX);
}

/* What a random program may have. */
enum {
	TWIN_HEADERS = 1, /* addresses from a header */
	TWIN_FIELDS = 2,  /* extensions that give fields */
	TWIN_SEARCH = 4,  /* nla and nlan */
};

static inline uint32_t twin_address(unsigned int flags)
{
	if (!(flags & TWIN_HEADERS) || twin_random(3))
		return twin_random(16) ? twin_random(twin_random(8) ? 24 : TWIN_PACKET + 4) :
					 twin_number() & INT32_MAX;
	return (twin_random(2) ? 0xfff00000u : 0xffe00000u) +
	       twin_random(twin_random(8) ? 24 : TWIN_PACKET);
}

static inline uint32_t twin_operand(uint16_t code, unsigned int flags)
{
	static const uint32_t zero_fields[] = { 0, 4, 20, 24, 32, 44, 48, 60 };

	switch (code & 7) {
	case 0:
		if (code >> 5 == 1 && (flags & TWIN_FIELDS) && !twin_random(4))
			return 0xfffff000u + zero_fields[twin_random(ARRAY_SIZE(zero_fields))];
		if (code >> 5 == 1 && (flags & TWIN_SEARCH) && !twin_random(3))
			return 0xfffff000u + (twin_random(2) ? 12 : twin_random(2) ? 16 : 40);
		/* fall through */
	case 1:
		if (code >> 5 == 1 || code >> 5 == 5)
			return twin_address(flags);
		if (code >> 5 == 2)
			return twin_random(2) ? twin_random(16) : twin_address(flags);
		return code >> 5 == 3 ? twin_random(TWIN_MEM) : twin_number();
	case 2:
	case 3:
		return twin_random(TWIN_MEM);
	case 4:
		return code >> 4 == 6 || code >> 4 == 7 ? twin_random(32) : twin_number();
	default:
		return twin_number();
	}
}

static const uint16_t twin_codes[] = { 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x00, 0x60, 0x80, 0x01,
				       0x61, 0x81, 0xb1, 0x02, 0x03, 0x04, 0x14, 0x24, 0x34, 0x94,
				       0x44, 0x54, 0xa4, 0x64, 0x74, 0x0c, 0x1c, 0x2c, 0x3c, 0x9c,
				       0x4c, 0x5c, 0xac, 0x6c, 0x7c, 0x84, 0x05, 0x15, 0x25, 0x35,
				       0x45, 0x1d, 0x2d, 0x3d, 0x4d, 0x06, 0x16, 0x07, 0x87 };

/*
 * A program whose last instruction returns A; most write all scratch memory first, so that they pass the check. @loads
 * in 4 instructions are loads of the packet, without which little depends on it.
 */
static inline size_t twin_program(struct skep_cbpf *in, unsigned int flags)
{
	size_t n = 0, len = 4 + twin_random(TWIN_PROGRAM - 24);

	if (twin_random(8))
		for (uint32_t i = 0; i < TWIN_MEM; i++)
			in[n++] = (struct skep_cbpf){ .code = i % 2 ? 2 : 3, .k = i };
	len += n;
	while (n + 1 < len) {
		uint16_t code = twin_codes[twin_random(ARRAY_SIZE(twin_codes))];
		uint32_t left = (uint32_t)(len - n - 2);

		if (!twin_random(4))
			code = twin_codes[twin_random(6)];
		if ((code & 7) == 6 && twin_random(4))
			continue; /* not so many returns */
		in[n] = (struct skep_cbpf){ .code = code, .k = twin_operand(code, flags) };
		if ((code & 7) == 5 && code != 5) {
			in[n].jt = (uint8_t)(left ? twin_random(left < 12 ? left : 12) : 0);
			in[n].jf = (uint8_t)(left ? twin_random(left < 12 ? left : 12) : 0);
		} else if (code == 5) {
			in[n].k = left ? twin_random(left) : 0;
		}
		n++;
	}
	in[n++] = (struct skep_cbpf){ .code = 0x16 };
	return n;
}

/* Random bytes, or attributes of netlink one behind the other. */
static inline uint32_t twin_packet(uint8_t *packet, bool attributes)
{
	uint32_t len = twin_random(4) ? 40 + twin_random(TWIN_PACKET - 40) :
					1 + twin_random(TWIN_PACKET);
	uint32_t at = 0;

	for (uint32_t i = 0; i < len; i++)
		packet[i] = (uint8_t)twin_random(twin_random(2) ? 256 : 8);
	while (attributes && at + 4 <= len) {
		uint16_t size = (uint16_t)(4 + twin_random(12)), type = (uint16_t)twin_random(8);

		memcpy(packet + at, &size, 2);
		memcpy(packet + at + 2, &type, 2);
		at += twin_random(3) ? (size + 3u) / 4 * 4 : 4; /* inside it */
	}
	return len;
}

#endif
