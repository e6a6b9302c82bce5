/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on views: each pair of parts (domain.h) gives a view of the result, and the views are joined.
 * Bounds are computed in 128 bits and laid on the circle, so what wraps as a whole keeps its length.
 *
 * An operation of the whole width whose low half depends on low halves alone is also done on the low views; what
 * else is known of the low half follows by reduction.
 */
#include "verify/domain.h"

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 s128;

struct pair {
	const struct part *a, *b;
	unsigned int width;
};

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static struct view view_bits(struct tnum t, unsigned int width)
{
	struct view v = view_full(width);

	v.t = tnum_cast(t, width);
	return v;
}

/* The result lies in [lo, hi], of any size. */
static void clip(struct view *v, s128 lo, s128 hi, unsigned int width)
{
	if ((u128)(hi - lo) <= width_ones(width))
		view_clip(v, (uint64_t)lo, (uint64_t)(hi - lo), width);
}

static void clip_unsigned(struct view *v, u128 lo, u128 hi, unsigned int width)
{
	if (hi - lo <= width_ones(width))
		view_clip(v, (uint64_t)lo, (uint64_t)(hi - lo), width);
}

static s128 low_signed(const struct part *p, unsigned int width)
{
	return width_sext(p->lo, width);
}

static s128 high_signed(const struct part *p, unsigned int width)
{
	return width_sext(p->hi, width);
}

static struct view pair_add(const struct pair *p)
{
	struct view v = view_bits(tnum_add(p->a->t, p->b->t), p->width);

	clip_unsigned(&v, (u128)p->a->lo + p->b->lo, (u128)p->a->hi + p->b->hi, p->width);
	return v;
}

static struct view pair_sub(const struct pair *p)
{
	struct view v = view_bits(tnum_sub(p->a->t, p->b->t), p->width);

	clip(&v, (s128)p->a->lo - p->b->hi, (s128)p->a->hi - p->b->lo, p->width);
	return v;
}

/* Clips to the hull of what @f gives at the four corners, for an @f that is monotone in both. */
static void clip_corners(struct view *v, const struct pair *p, s128 blo, s128 bhi,
			 s128 (*f)(s128, s128))
{
	s128 alo = low_signed(p->a, p->width), ahi = high_signed(p->a, p->width);
	s128 at[4] = { f(alo, blo), f(alo, bhi), f(ahi, blo), f(ahi, bhi) };
	s128 lo = at[0], hi = at[0];

	for (int i = 1; i < 4; i++) {
		lo = at[i] < lo ? at[i] : lo;
		hi = at[i] > hi ? at[i] : hi;
	}
	clip(v, lo, hi, p->width);
}

static s128 times(s128 a, s128 b)
{
	return a * b;
}

static s128 over(s128 a, s128 b)
{
	return a / b;
}

static struct view pair_mul(const struct pair *p)
{
	struct view v = view_bits(tnum_mul(p->a->t, p->b->t), p->width);

	clip_unsigned(&v, (u128)p->a->lo * p->b->lo, (u128)p->a->hi * p->b->hi, p->width);
	clip_corners(&v, p, low_signed(p->b, p->width), high_signed(p->b, p->width), times);
	return v;
}

/* A quotient whose divisor is not zero. */
static struct view pair_div(const struct pair *p)
{
	uint64_t lo = greater(p->b->lo, 1), hi = greater(p->b->hi, 1);
	struct view v = view_full(p->width);

	if (lo == hi && !(lo & (lo - 1)))
		v.t = tnum_rsh(p->a->t, (unsigned int)__builtin_ctzll(lo));
	clip_unsigned(&v, p->a->lo / hi, p->a->hi / lo, p->width);
	return v;
}

static struct view pair_sdiv(const struct pair *p)
{
	s128 lo = low_signed(p->b, p->width), hi = high_signed(p->b, p->width);
	struct view v = view_full(p->width);

	if (lo == 0)
		lo = 1;
	clip_corners(&v, p, lo, hi, over);
	return v;
}

/* A rest whose divisor is not zero. */
static struct view pair_mod(const struct pair *p)
{
	uint64_t alo = p->a->lo, ahi = p->a->hi, lo = greater(p->b->lo, 1), hi = p->b->hi;
	struct view v = view_full(p->width);

	if (ahi < lo) {
		v.t = p->a->t;
		view_clip(&v, alo, ahi - alo, p->width);
	} else if (lo == hi && alo / lo == ahi / lo) {
		v.t = tnum_sub(p->a->t, tnum_const(alo / lo * lo));
		v.t = tnum_cast(v.t, p->width);
		view_clip(&v, alo % lo, ahi - alo, p->width);
	} else {
		uint64_t shared = lo == hi ? lo & -lo : 1;

		/* A rest agrees with the dividend below the divisor's lowest bit. */
		v.t = tnum_with_low(v.t, p->a->t, (unsigned int)__builtin_ctzll(shared));
		view_clip(&v, 0, lesser(ahi, hi - 1), p->width);
	}
	return v;
}

static struct view pair_smod(const struct pair *p)
{
	s128 alo = low_signed(p->a, p->width), ahi = high_signed(p->a, p->width);
	s128 blo = low_signed(p->b, p->width), bhi = high_signed(p->b, p->width);
	struct view v = view_full(p->width);
	s128 least, most, bound;

	if (blo < 0) {
		least = -bhi;
		most = -blo;
	} else {
		least = blo ? blo : 1;
		most = bhi;
	}
	bound = most - 1;
	if ((ahi < 0 ? -alo : ahi) < least) {
		v.t = p->a->t;
		clip(&v, alo, ahi, p->width);
	} else if (least == most && alo / least == ahi / least) {
		clip(&v, alo % least, ahi % least, p->width);
	} else if (ahi < 0) {
		clip(&v, -alo < bound ? alo : -bound, 0, p->width);
	} else {
		clip(&v, 0, ahi < bound ? ahi : bound, p->width);
	}
	return v;
}

static struct view pair_and(const struct pair *p)
{
	struct view v = view_bits(tnum_and(p->a->t, p->b->t), p->width);

	view_clip(&v, 0, lesser(p->a->hi, p->b->hi), p->width);
	return v;
}

static struct view pair_or(const struct pair *p)
{
	struct view v = view_bits(tnum_or(p->a->t, p->b->t), p->width);
	uint64_t lo = greater(p->a->lo, p->b->lo);

	view_clip(&v, lo, width_ones(p->width) - lo, p->width);
	return v;
}

static struct view pair_xor(const struct pair *p)
{
	struct view v = view_bits(tnum_xor(p->a->t, p->b->t), p->width);
	uint64_t ones = width_ones(p->width);

	/* All ones on one side: the complement, which turns the range round. */
	if (p->b->lo == ones)
		view_clip(&v, ones - p->a->hi, p->a->hi - p->a->lo, p->width);
	if (p->a->lo == ones)
		view_clip(&v, ones - p->b->hi, p->b->hi - p->b->lo, p->width);
	return v;
}

static struct view shift_part(enum domain_op op, const struct part *a, unsigned int count,
			      unsigned int width)
{
	uint64_t ones = width_ones(width);
	struct view v;

	if (op == DOMAIN_LSH) {
		v = view_bits(tnum_lsh(a->t, count), width);
		clip_unsigned(&v, (u128)a->lo << count, (u128)a->hi << count, width);
	} else if (op == DOMAIN_RSH) {
		v = view_bits(tnum_rsh(a->t, count), width);
		view_clip(&v, a->lo >> count, (a->hi >> count) - (a->lo >> count), width);
	} else {
		uint64_t lo = (uint64_t)(width_sext(a->lo, width) >> count) & ones;
		uint64_t hi = (uint64_t)(width_sext(a->hi, width) >> count) & ones;

		v = view_bits(tnum_arsh(a->t, count, width), width);
		view_clip(&v, lo, hi - lo, width);
	}
	return v;
}

/* A shift to the left by a known count: only as many low bits as stay matter, and each part of those moves. */
static struct view shift_left(const struct scalar *a, unsigned int count, unsigned int width)
{
	unsigned int left = width - count, half = width / 2, n;
	struct view from = left > half ? view_whole(a) : view_low(a, half), ret = view_full(width);
	struct part parts[2];

	if (left != half)
		from = view_trunc(&from, left > half ? width : half, left);
	n = view_parts(&from, left, parts);
	for (unsigned int i = 0; i < n; i++) {
		struct view one = view_bits(tnum_lsh(parts[i].t, count), width);

		view_clip(&one, parts[i].lo << count, (parts[i].hi - parts[i].lo) << count, width);
		if (i)
			view_join(&ret, &one);
		else
			ret = one;
	}
	return ret;
}

/* May a member of @b, taken modulo the width, be @count? */
static bool may_count(const struct part *b, unsigned int count, unsigned int width)
{
	unsigned int bits = (unsigned int)__builtin_ctz(width);
	uint64_t x;
	struct tnum t;

	if (width & (width - 1)) /* only of tests */
		return true;
	if (!tnum_meet(tnum_cast(b->t, bits), tnum_const(count), &t))
		return false;
	t = tnum_with_low(b->t, t, bits);
	return tnum_next(t, b->lo, &x) && x <= b->hi;
}

static struct view pair_shift(enum domain_op op, const struct pair *p)
{
	unsigned int width = p->width;
	struct view ret = view_full(width);
	bool any = false;

	if (!p->b->t.mask)
		return shift_part(op, p->a, (unsigned int)p->b->t.value & (width - 1), width);
	for (unsigned int count = 0; count < width; count++) {
		struct view one;

		if (!may_count(p->b, count, width))
			continue;
		one = shift_part(op, p->a, count, width);
		if (any)
			view_join(&ret, &one);
		else
			ret = one;
		any = true;
	}
	return ret;
}

static struct view pair_alu(enum domain_op op, const struct pair *p)
{
	switch (op) {
	case DOMAIN_ADD:
		return pair_add(p);
	case DOMAIN_SUB:
		return pair_sub(p);
	case DOMAIN_MUL:
		return pair_mul(p);
	case DOMAIN_DIV:
		return pair_div(p);
	case DOMAIN_SDIV:
		return pair_sdiv(p);
	case DOMAIN_MOD:
		return pair_mod(p);
	case DOMAIN_SMOD:
		return pair_smod(p);
	case DOMAIN_OR:
		return pair_or(p);
	case DOMAIN_AND:
		return pair_and(p);
	case DOMAIN_XOR:
		return pair_xor(p);
	case DOMAIN_LSH:
	case DOMAIN_RSH:
	case DOMAIN_ARSH:
		return pair_shift(op, p);
	case DOMAIN_MOV:
	case DOMAIN_OP_COUNT:
		break;
	}
	return view_full(p->width);
}

/* What dividing @a by zero gives. */
static struct view by_zero(enum domain_op op, const struct view *a, unsigned int width)
{
	return op == DOMAIN_DIV || op == DOMAIN_SDIV ? view_const(0, width) : *a;
}

static bool divides(enum domain_op op)
{
	return op == DOMAIN_DIV || op == DOMAIN_SDIV || op == DOMAIN_MOD || op == DOMAIN_SMOD;
}

/* Anything times @v: all multiples of the lowest power of two in it. */
static struct view multiples(const struct view *v, unsigned int width)
{
	uint64_t bits = v->t.value | v->t.mask;

	if (!bits)
		return view_const(0, width);
	return view_bits((struct tnum){ 0, ~((bits & -bits) - 1) }, width);
}

/* For what works bit by bit, a number of which nothing is known need not be cut. */
static unsigned int operand_parts(enum domain_op op, const struct view *v, unsigned int width,
				  struct part parts[2])
{
	if ((op != DOMAIN_AND && op != DOMAIN_OR) || !view_is_full(v, width))
		return view_parts(v, width, parts);
	parts[0] = (struct part){ v->t, v->umin, v->umax };
	return 1;
}

struct view view_alu(enum domain_op op, const struct view *a, const struct view *b,
		     unsigned int width)
{
	struct part pa[2], pb[2];
	unsigned int na, nb, done = 0;
	struct view ret = view_full(width);

	if (op == DOMAIN_MOV)
		return *b;
	if ((op == DOMAIN_ADD || op == DOMAIN_SUB || op == DOMAIN_XOR) &&
	    (view_is_full(a, width) || view_is_full(b, width)))
		return ret;
	if (op == DOMAIN_MUL && (view_is_full(a, width) || view_is_full(b, width)))
		return multiples(view_is_full(a, width) ? b : a, width);
	na = operand_parts(op, a, width, pa);
	nb = operand_parts(op, b, width, pb);
	if (divides(op) && nb && !pb[0].lo) {
		ret = by_zero(op, a, width);
		done++;
	}
	for (unsigned int i = 0; i < na; i++)
		for (unsigned int k = 0; k < nb; k++) {
			struct pair p = { &pa[i], &pb[k], width };
			struct view one;

			if (divides(op) && !pb[k].hi)
				continue;
			one = pair_alu(op, &p);
			if (na * nb > 1)
				(void)view_reduce(&one, width);
			if (done++)
				view_join(&ret, &one);
			else
				ret = one;
		}
	return ret;
}

/* The low half of a result of the whole width. */
static struct view low_alu(enum domain_op op, const struct scalar *a, const struct scalar *b,
			   unsigned int half)
{
	struct view la = view_low(a, half), lb = view_low(b, half);

	switch (op) {
	case DOMAIN_ADD:
	case DOMAIN_SUB:
	case DOMAIN_MUL:
	case DOMAIN_OR:
	case DOMAIN_AND:
	case DOMAIN_XOR:
	case DOMAIN_MOV:
		return view_alu(op, &la, &lb, half);
	case DOMAIN_LSH:
		if (b->umin == b->umax && b->umin < half)
			return view_alu(op, &la, &lb, half);
		return view_full(half);
	case DOMAIN_DIV:
	case DOMAIN_SDIV:
	case DOMAIN_MOD:
	case DOMAIN_SMOD:
	case DOMAIN_RSH:
	case DOMAIN_ARSH:
	case DOMAIN_OP_COUNT:
		break;
	}
	return view_full(half);
}

static struct scalar make(const struct view *whole, const struct view *low, unsigned int width)
{
	struct scalar ret = domain_full(width);

	if (domain_make(whole, low, width, &ret))
		(void)domain_reduce(&ret, width);
	return ret;
}

/* A number of half the width. */
static struct scalar widened(const struct view *low, unsigned int width)
{
	struct view whole = view_full(width);

	whole.t = low->t;
	whole.umin = low->umin;
	whole.umax = low->umax;
	return make(&whole, low, width);
}

struct scalar domain_alu(enum domain_op op, bool narrow, const struct scalar *a,
			 const struct scalar *b, unsigned int width)
{
	uint64_t small = (uint64_t)width_smax(width / 2);
	struct view x, y, low;

	if (narrow) {
		x = view_low(a, width / 2);
		y = view_low(b, width / 2);
		low = view_alu(op, &x, &y, width / 2);
		return widened(&low, width);
	}
	if (op == DOMAIN_MOV)
		return *b;
	x = view_whole(a);
	y = view_whole(b);
	if (op == DOMAIN_LSH && !y.t.mask)
		x = shift_left(a, (unsigned int)y.t.value & (width - 1), width);
	else
		x = view_alu(op, &x, &y, width);
	/* Of small numbers the halves know nothing that the whole does not. */
	if (a->umax <= small && b->umax <= small && x.umax <= small)
		low = view_full(width / 2);
	else
		low = low_alu(op, a, b, width / 2);
	return make(&x, &low, width);
}

struct scalar domain_zext(const struct scalar *s, unsigned int bits, unsigned int width)
{
	struct view low;

	if (bits >= width)
		return *s;
	low = view_low(s, width / 2);
	if (bits < width / 2) {
		struct view cut = view_trunc(&low, width / 2, bits);

		low = view_full(width / 2);
		low.t = cut.t;
		low.umin = cut.umin;
		low.umax = cut.umax;
	}
	return widened(&low, width);
}

/* Sign-extends every part by itself: none crosses the sign. */
static struct view sext_view(const struct view *low, unsigned int bits, unsigned int to)
{
	struct view ret = view_full(to);
	struct part parts[2];
	unsigned int n = view_parts(low, bits, parts);

	for (unsigned int i = 0; i < n; i++) {
		struct view one = view_bits(tnum_sext(parts[i].t, bits, to), to);
		uint64_t lo = (uint64_t)width_sext(parts[i].lo, bits);

		view_clip(&one, lo, parts[i].hi - parts[i].lo, to);
		if (i)
			view_join(&ret, &one);
		else
			ret = one;
	}
	return ret;
}

struct scalar domain_sext(const struct scalar *s, unsigned int bits, bool narrow,
			  unsigned int width)
{
	struct view low, ret, half;

	if (bits >= width)
		return *s;
	low = view_low(s, width / 2);
	if (bits < width / 2)
		low = view_trunc(&low, width / 2, bits);
	ret = sext_view(&low, bits, narrow ? width / 2 : width);
	if (narrow)
		return widened(&ret, width);
	half = sext_view(&low, bits, width / 2);
	return make(&ret, &half, width);
}
