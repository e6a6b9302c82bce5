/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on tristate numbers: see tnum.h.
 *
 * Addition and subtraction compute the two extreme sums; a bit where they differ, or where an operand is
 * unknown, is unknown (CGO 2022, section 4: optimal). Multiplication joins, for each unknown bit of the
 * multiplier, the sum with and without its row, both ways round, and meets that with the paper's own way,
 * which first multiplies what is known and then adds the unknown: none of the three is always the best.
 */
#include "verify/tnum.h"

#include <stddef.h>

static uint64_t ones(unsigned int width)
{
	return width >= 64 ? ~0ull : (1ull << width) - 1;
}

/* Bit positions from the highest set bit of @x down. */
static uint64_t fill_down(uint64_t x)
{
	return x ? ~0ull >> __builtin_clzll(x) : 0;
}

struct tnum tnum_range(uint64_t min, uint64_t max)
{
	uint64_t differ = fill_down(min ^ max);

	return (struct tnum){ min & ~differ, differ };
}

struct tnum tnum_add(struct tnum a, struct tnum b)
{
	uint64_t least = a.value + b.value, most = least + a.mask + b.mask;
	uint64_t mask = (least ^ most) | a.mask | b.mask;

	return (struct tnum){ least & ~mask, mask };
}

struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	uint64_t difference = a.value - b.value;
	uint64_t mask = ((difference + a.mask) ^ (difference - b.mask)) | a.mask | b.mask;

	return (struct tnum){ difference & ~mask, mask };
}

struct tnum tnum_neg(struct tnum a)
{
	return tnum_sub(tnum_const(0), a);
}

HOT struct tnum tnum_and(struct tnum a, struct tnum b)
{
	uint64_t one = a.value & b.value, maybe = (a.value | a.mask) & (b.value | b.mask);

	return (struct tnum){ one, maybe & ~one };
}

HOT struct tnum tnum_or(struct tnum a, struct tnum b)
{
	uint64_t one = a.value | b.value;

	return (struct tnum){ one, (a.mask | b.mask) & ~one };
}

HOT struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	uint64_t mask = a.mask | b.mask;

	return (struct tnum){ (a.value ^ b.value) & ~mask, mask };
}

struct tnum tnum_not(struct tnum a)
{
	return (struct tnum){ ~a.value & ~a.mask, a.mask };
}

HOT struct tnum tnum_lsh(struct tnum a, unsigned int count)
{
	return (struct tnum){ a.value << count, a.mask << count };
}

HOT struct tnum tnum_rsh(struct tnum a, unsigned int count)
{
	return (struct tnum){ a.value >> count, a.mask >> count };
}

static uint64_t spread_sign(uint64_t x, unsigned int width, unsigned int to)
{
	return (uint64_t)((int64_t)(x << (64 - width)) >> (64 - width)) & ones(to);
}

struct tnum tnum_arsh(struct tnum a, unsigned int count, unsigned int width)
{
	/* An unknown sign bit is copied into the mask, a known one into the value. */
	return (struct tnum){
		(uint64_t)((int64_t)spread_sign(a.value, width, 64) >> count) & ones(width),
		(uint64_t)((int64_t)spread_sign(a.mask, width, 64) >> count) & ones(width),
	};
}

struct tnum tnum_join(struct tnum a, struct tnum b)
{
	uint64_t mask = a.mask | b.mask | (a.value ^ b.value);

	return (struct tnum){ a.value & ~mask, mask };
}

bool tnum_meet(struct tnum a, struct tnum b, struct tnum *ret)
{
	if ((a.value ^ b.value) & ~(a.mask | b.mask))
		return false;
	*ret = (struct tnum){ a.value | b.value, a.mask & b.mask };
	return true;
}

/* Shift and add over the bits of @a that may be one. */
static struct tnum mul_rows(struct tnum a, struct tnum b)
{
	struct tnum sum = tnum_const(0);

	for (uint64_t bits = a.value | a.mask; bits; bits &= bits - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(bits);
		struct tnum with = tnum_add(sum, tnum_lsh(b, i));

		sum = a.mask >> i & 1 ? tnum_join(sum, with) : with;
	}
	return sum;
}

/* What is known of the product exactly, plus the rows whose bits are unknown. */
static struct tnum mul_split(struct tnum a, struct tnum b)
{
	struct tnum sum = tnum_const(0);

	for (uint64_t bits = a.value | a.mask; bits; bits &= bits - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(bits);
		uint64_t row = a.mask >> i & 1 ? b.value | b.mask : b.mask;

		sum = tnum_add(sum, (struct tnum){ 0, row << i });
	}
	return tnum_add(tnum_const(a.value * b.value), sum);
}

struct tnum tnum_mul(struct tnum a, struct tnum b)
{
	struct tnum ret;

	if (!a.mask && !b.mask)
		return tnum_const(a.value * b.value);
	/* All contain the product of any two members, so they have something in common. */
	ret = mul_rows(a, b);
	(void)tnum_meet(ret, mul_rows(b, a), &ret);
	(void)tnum_meet(ret, mul_split(a, b), &ret);
	(void)tnum_meet(ret, mul_split(b, a), &ret);
	return ret;
}

HOT struct tnum tnum_cast(struct tnum a, unsigned int width)
{
	return (struct tnum){ a.value & ones(width), a.mask & ones(width) };
}

struct tnum tnum_sext(struct tnum a, unsigned int width, unsigned int to)
{
	return (struct tnum){ spread_sign(a.value, width, to), spread_sign(a.mask, width, to) };
}

struct tnum tnum_with_low(struct tnum a, struct tnum low, unsigned int width)
{
	return (struct tnum){
		(a.value & ~ones(width)) | (low.value & ones(width)),
		(a.mask & ~ones(width)) | (low.mask & ones(width)),
	};
}

HOT struct tnum tnum_bswap(struct tnum a, unsigned int width)
{
	return (struct tnum){
		__builtin_bswap64(a.value << (64 - width)) & ones(width),
		__builtin_bswap64(a.mask << (64 - width)) & ones(width),
	};
}

bool tnum_next(struct tnum a, uint64_t x, uint64_t *ret)
{
	uint64_t wrong = (x ^ a.value) & ~a.mask, below, rise;

	if (!wrong) {
		*ret = x;
		return true;
	}
	/* Down to the highest bit that is wrong @x is kept, then all is as small as can be... */
	below = fill_down(wrong);
	if (a.value & ~(below >> 1) & below) {
		*ret = (x & ~below) | (a.value & below);
		return true;
	}
	/* ... unless @x has a one there: then the next bit above that may rise has to. */
	rise = a.mask & ~x & ~below;
	if (!rise)
		return false;
	rise &= -rise;
	below = rise - 1;
	*ret = (x & ~below) | rise | (a.value & below);
	return true;
}

bool tnum_prev(struct tnum a, uint64_t x, uint64_t *ret)
{
	if (!tnum_next(tnum_not(a), ~x, ret))
		return false;
	*ret = ~*ret;
	return true;
}
