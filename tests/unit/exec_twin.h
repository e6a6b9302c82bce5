/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The naive twin of the interpreter: RFC 9669 read field by field, with no table and nothing of src/. It
 * knows computing, jumps, stack and packet access, atomics. Memory is one stack of 512 bytes below r10
 * (as address TWIN_FP) and a packet; whatever else a program does ends the twin with -1.
 */
#ifndef TESTS_UNIT_EXEC_TWIN_H
#define TESTS_UNIT_EXEC_TWIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "skep/insn.h"

#define TWIN_FP 0x10000ull
#define TWIN_STACK 512

struct twin {
	uint64_t r[16];
	uint8_t stack[TWIN_STACK];
	const uint8_t *packet;
	uint32_t packet_len;
	long steps;
};

static inline uint64_t twin_mask(int bits)
{
	return bits == 64 ? ~0ull : (1ull << bits) - 1;
}

static inline int64_t twin_signed(uint64_t v, int bits)
{
	uint64_t sign = 1ull << (bits - 1);

	return (int64_t)(((v & twin_mask(bits)) ^ sign) - sign);
}

/* Section 4.1; @op is the high half of the opcode, @off tells the signed variants. */
static inline bool twin_alu(int op, int bits, int off, uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t m = twin_mask(bits), x = a & m, y = b & m, v;
	int64_t sx = twin_signed(a, bits), sy = twin_signed(b, bits);
	unsigned int shift = (unsigned int)(b % (uint64_t)bits);

	switch (op) {
	case 0x0:
		v = x + y;
		break;
	case 0x1:
		v = x - y;
		break;
	case 0x2:
		v = x * y;
		break;
	case 0x3:
		if (!y)
			v = 0;
		else if (off == 1)
			v = sy == -1 ? 0 - x : (uint64_t)(sx / sy);
		else
			v = x / y;
		break;
	case 0x4:
		v = x | y;
		break;
	case 0x5:
		v = x & y;
		break;
	case 0x6:
		v = x << shift;
		break;
	case 0x7:
		v = x >> shift;
		break;
	case 0x8:
		v = 0 - x;
		break;
	case 0x9:
		if (!y)
			v = x;
		else if (off == 1)
			v = sy == -1 ? 0 : (uint64_t)(sx % sy);
		else
			v = x % y;
		break;
	case 0xa:
		v = x ^ y;
		break;
	case 0xb:
		v = off ? (uint64_t)twin_signed(b, off) : y;
		break;
	case 0xc:
		v = (uint64_t)(sx >> shift);
		break;
	default:
		return false;
	}
	*ret = v & m;
	return true;
}

/* Section 4.2, on a little-endian host. */
static inline uint64_t twin_swap(uint64_t v, int bits, bool swap)
{
	uint64_t out = 0;

	for (int i = 0; i < bits / 8; i++)
		out |= (v >> 8 * (swap ? bits / 8 - 1 - i : i) & 0xff) << 8 * i;
	return out;
}

static inline bool twin_compare(int op, int bits, uint64_t a, uint64_t b, bool *ret)
{
	uint64_t x = a & twin_mask(bits), y = b & twin_mask(bits);
	int64_t sx = twin_signed(a, bits), sy = twin_signed(b, bits);
	const bool table[] = {
		true,	  x == y, x > y, x >= y, (x & y) != 0, x != y,	sx > sy,
		sx >= sy, false,  false, x < y,	 x <= y,       sx < sy, sx <= sy,
	};

	if (op > 0xd || op == 0x8 || op == 0x9)
		return false;
	*ret = table[op];
	return true;
}

static inline uint8_t *twin_at(struct twin *t, uint64_t addr, int size)
{
	uint64_t off = addr - (TWIN_FP - TWIN_STACK);

	return off <= (uint64_t)(TWIN_STACK - size) ? &t->stack[off] : NULL;
}

static inline uint64_t twin_get(const uint8_t *p, int size)
{
	uint64_t v = 0;

	for (int i = size; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static inline void twin_put(uint8_t *p, int size, uint64_t v)
{
	for (int i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Section 5.3, and load-acquire and store-release. */
static inline bool twin_atomic(struct twin *t, const struct skep_insn *in, int size)
{
	int dst = in->regs & 15, src = in->regs >> 4;
	bool load = in->imm == 0x100;
	uint8_t *p = twin_at(t, t->r[load ? src : dst] + (uint64_t)(int64_t)in->off, size);
	uint64_t mask = twin_mask(size * 8), old, b = t->r[src] & mask;

	if (!p)
		return false;
	old = twin_get(p, size);
	if (load)
		t->r[dst] = old;
	else if (in->imm == 0x110)
		twin_put(p, size, b);
	else if (in->imm == 0xf1) {
		if (old == (t->r[0] & mask))
			twin_put(p, size, b);
		t->r[0] = old;
	} else {
		uint64_t v = old + b;

		if ((in->imm & ~1) == 0x40)
			v = old | b;
		else if ((in->imm & ~1) == 0x50)
			v = old & b;
		else if ((in->imm & ~1) == 0xa0)
			v = old ^ b;
		else if (in->imm == 0xe1)
			v = b;
		else if (in->imm & ~1)
			return false;
		twin_put(p, size, v);
		if (in->imm & 1)
			t->r[src] = old;
	}
	return true;
}

/* Classes 0 to 3. */
static inline bool twin_memory(struct twin *t, const struct skep_insn *in, bool *ret_end)
{
	static const int sizes[] = { 4, 2, 1, 8 };
	int dst = in->regs & 15, src = in->regs >> 4, class = in->code & 7;
	int size = sizes[in->code >> 3 & 3], mode = in->code >> 5;
	uint8_t *p;

	if (class == 0 && (mode == 1 || mode == 2)) {
		int64_t at = (int32_t)(in->imm + (mode == 2 ? (int32_t)t->r[src] : 0));

		t->r[0] = 0;
		*ret_end = at < 0 || at + size > t->packet_len;
		for (int i = 0; !*ret_end && i < size; i++)
			t->r[0] = t->r[0] << 8 | t->packet[at + i];
		return true;
	}
	if (class == 3 && mode == 6)
		return twin_atomic(t, in, size);
	p = twin_at(t, t->r[class == 1 ? src : dst] + (uint64_t)(int64_t)in->off, size);
	if (!p || (mode != 3 && !(mode == 4 && class == 1)))
		return false;
	if (class == 1)
		t->r[dst] = mode == 4 ? (uint64_t)twin_signed(twin_get(p, size), size * 8) :
					twin_get(p, size);
	else
		twin_put(p, size, class == 2 ? (uint64_t)(int64_t)in->imm : t->r[src]);
	return true;
}

static inline bool twin_compute(struct twin *t, const struct skep_insn *in)
{
	int dst = in->regs & 15, bits = (in->code & 7) == 7 ? 64 : 32, op = in->code >> 4;
	uint64_t b = in->code & 8 ? t->r[in->regs >> 4] : (uint64_t)(int64_t)in->imm;

	if (op == 0xd) {
		t->r[dst] = twin_swap(t->r[dst], in->imm, bits == 64 || in->code & 8);
		return true;
	}
	return twin_alu(op, bits, in->off, t->r[dst], b, &t->r[dst]);
}

/* 0 and r0 in t->r[0]; -1: it does not know. */
static inline int twin_run(struct twin *t, const struct skep_insn *in, uint32_t n)
{
	bool taken, end = false;

	t->r[10] = TWIN_FP;
	for (uint32_t pc = 0; pc < n && t->steps < 1000000; pc++, t->steps++) {
		const struct skep_insn *i = &in[pc];
		int class = i->code & 7, op = i->code >> 4, bits = class == 5 ? 64 : 32;
		uint64_t b = i->code & 8 ? t->r[i->regs >> 4] : (uint64_t)(int64_t)i->imm;

		if (i->code == 0x95)
			return 0;
		if (i->code == 0x18 && !(i->regs >> 4) && pc + 1 < n) {
			t->r[i->regs & 15] = (uint32_t)i->imm | (uint64_t)(uint32_t)in[pc + 1].imm
									<< 32;
			pc++;
		} else if (class == 4 || class == 7) {
			if (!twin_compute(t, i))
				return -1;
		} else if (class < 4) {
			if (!twin_memory(t, i, &end))
				return -1;
			if (end)
				return 0;
		} else if (i->code == 0xe5) {
			continue; /* may_goto: the machine may go on */
		} else if (!twin_compare(op, bits, t->r[i->regs & 15], b, &taken)) {
			return -1;
		} else if (taken) {
			pc += (uint32_t)(i->code == 0x06 ? i->imm : i->off);
		}
	}
	return -1;
}

#endif
