// SPDX-License-Identifier: Apache-2.0
/*
 * Patterns of several instructions: rotates, loads put together from bytes, division by constants.
 *
 * Division of 32 bits by d: multiply by ceil(2^(32 + k) / d), k = ceil(log2 d), and shift (Granlund and Montgomery
 * 1994, section 4). The multiplier has up to 33 bits; it is used where it and the dividend fit 64 bits together.
 */
#include "jit/ir.h"

static bool constant(const struct ir_fn *f, uint32_t v, uint64_t *ret)
{
	*ret = f->ins[v].imm;
	return v && f->ins[v].op == IR_CONST;
}

/* (x << k) | (x >> (width - k)), in either order; also with + and ^, as the bits do not meet. */
static uint32_t rotate(struct ir_fn *f, const struct ir_ins *in)
{
	const struct ir_ins *l = &f->ins[in->a], *r = &f->ins[in->b];
	uint64_t k, m, width;

	if (l->op == IR_SHR) {
		const struct ir_ins *t = l;

		l = r;
		r = t;
	}
	if (l->op != IR_SHL || r->op != IR_SHR || l->a != r->a || l->w != r->w ||
	    (in->w && !l->w && in->op == IR_ADD))
		return 0;
	if (!in->w && l->w)
		return 0;
	width = l->w ? 64 : 32;
	if (!constant(f, l->b, &k) || !constant(f, r->b, &m) || k + m != width || !k || !m)
		return 0;
	return ir_binary(f, IR_ROL, l->w, l->a, ir_const(f, k));
}

#define MAX_PARTS 8

struct part {
	uint32_t load, shift;
};

static bool add_part(const struct ir_fn *f, struct part *parts, uint32_t *n, uint32_t v,
		     uint32_t shift)
{
	const struct ir_ins *in = &f->ins[v];
	uint64_t k;

	while (true) {
		if (in->op == IR_SHL && constant(f, in->b, &k) && shift + k < 64) {
			shift += (uint32_t)k;
		} else if (in->op != IR_ZEXT || in->x < 4) {
			break;
		}
		v = in->a;
		in = &f->ins[v];
	}
	if (in->op == IR_OR)
		return *n < MAX_PARTS - 1 && add_part(f, parts, n, in->a, shift) &&
		       add_part(f, parts, n, in->b, shift);
	if (in->op != IR_LOAD || in->y != LOAD_ZERO || *n == MAX_PARTS)
		return false;
	parts[(*n)++] = (struct part){ v, shift };
	return true;
}

/*
 * An OR of loads from adjoining addresses, shifted into adjoining places, is one load: as it lies in memory, or with
 * its bytes swapped. All loads must see the same memory.
 */
static uint32_t wide_load(struct ir_fn *f, const struct ir_ins *in)
{
	struct part parts[MAX_PARTS];
	const struct ir_ins *first;
	uint32_t n = 0, bytes = 0, v;
	uint64_t low = UINT64_MAX;
	bool little = true, big = true;

	if (!add_part(f, parts, &n, in->a, 0) || !add_part(f, parts, &n, in->b, 0))
		return 0;
	first = &f->ins[parts[0].load];
	for (uint32_t i = 0; i < n; i++) {
		const struct ir_ins *l = &f->ins[parts[i].load];

		if (l->a != first->a || l->c != first->c || l->c != f->epoch)
			return 0;
		bytes += l->x;
		if ((int64_t)(l->imm - low) < 0 || low == UINT64_MAX)
			low = l->imm;
	}
	if (bytes > 8 || (bytes & (bytes - 1)) || (bytes == 8 && !in->w))
		return 0;
	for (uint32_t i = 0, seen = 0; i < n; i++) {
		const struct ir_ins *l = &f->ins[parts[i].load];
		uint64_t at = l->imm - low;
		uint32_t mask;

		if (at >= bytes || at + l->x > bytes)
			return 0;
		mask = ((1u << l->x) - 1) << at;
		if (seen & mask)
			return 0;
		seen |= mask;
		little &= parts[i].shift == 8 * at;
		big &= l->x == 1 && parts[i].shift == 8 * (bytes - 1 - at);
	}
	if (!little && !big)
		return 0;
	v = ir_emit(
		f, (struct ir_ins){
			   .op = IR_LOAD, .w = 1, .x = (uint8_t)bytes, .a = first->a, .imm = low });
	return little ? v : ir_unary(f, IR_BSWAP, 1, (int)bytes, v);
}

static uint32_t divide32(struct ir_fn *f, uint32_t a, uint32_t d)
{
	unsigned int k = 32 - (unsigned int)__builtin_clz(d - 1); /* d is no power of two */
	unsigned __int128 one = 1;
	uint64_t m = (uint64_t)(((one << (32 + k)) + d - 1) / d);
	uint32_t wide = ir_unary(f, IR_ZEXT, 1, 4, a), q, t;

	while (!(m & 1) && k) { /* a shorter multiplier of the same quotient */
		m >>= 1;
		k--;
	}
	if (!(m >> 32) || !(f->zero[wide] >> 31 != UINT64_MAX >> 31)) {
		if (k == 32) /* the dividend is below 2^31, the divisor above */
			return ir_const(f, 0);
		q = ir_binary(f, IR_MUL, 1, wide, ir_const(f, m));
		return ir_binary(f, IR_SHR, 1, q, ir_const(f, 32 + k));
	}
	/* the multiplier is 2^32 + m: q = (a * m >> 32), then ((a - q) / 2 + q) >> (k - 1) */
	q = ir_binary(f, IR_MUL, 1, wide, ir_const(f, (uint32_t)m));
	q = ir_binary(f, IR_SHR, 1, q, ir_const(f, 32));
	t = ir_binary(f, IR_SHR, 0, ir_binary(f, IR_SUB, 0, wide, q), ir_const(f, 1));
	t = ir_binary(f, IR_ADD, 0, t, q);
	return ir_binary(f, IR_SHR, 0, t, ir_const(f, k - 1));
}

static uint32_t divide64(struct ir_fn *f, uint32_t a, uint64_t d)
{
	unsigned int k = 64 - (unsigned int)__builtin_clzll(d - 1);
	unsigned __int128 num, m;
	uint32_t q, t;

	/* m = ceil(2^(64 + k) / d) - 2^64, computed as (2^64 (2^k - d) + d - 1) / d */
	num = (unsigned __int128)((k == 64 ? 0 : 1ull << k) - d) << 64;
	m = num / d + 1;
	q = ir_binary(f, IR_MULHU, 1, a, ir_const(f, (uint64_t)m));
	t = ir_binary(f, IR_SHR, 1, ir_binary(f, IR_SUB, 1, a, q), ir_const(f, 1));
	t = ir_binary(f, IR_ADD, 1, t, q);
	return ir_binary(f, IR_SHR, 1, t, ir_const(f, k - 1));
}

uint32_t ir_divide(struct ir_fn *f, struct ir_ins *in)
{
	uint64_t d;
	uint32_t q;

	if (!constant(f, in->b, &d))
		return 0;
	if (!in->w)
		d = (uint32_t)d;
	if (d < 3 || !(d & (d - 1)))
		return 0;
	q = in->w ? divide64(f, in->a, d) : divide32(f, in->a, (uint32_t)d);
	if (in->op == IR_UDIV)
		return q;
	return ir_binary(f, IR_SUB, in->w, in->a, ir_binary(f, IR_MUL, in->w, q, ir_const(f, d)));
}

uint32_t ir_combine(struct ir_fn *f, struct ir_ins *in)
{
	uint32_t v = 0;

	switch ((int)in->op) { /* those with idioms */
	case IR_OR:
	case IR_XOR:
	case IR_ADD:
		v = rotate(f, in);
		if (!v && in->op == IR_OR)
			v = wide_load(f, in);
		return v;
	case IR_UDIV:
	case IR_UMOD:
		return ir_divide(f, in);
	default:
		return 0;
	}
}
