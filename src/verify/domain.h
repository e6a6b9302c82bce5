/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algebra behind scalar.h, for any width: a scalar of 2 * n bits has the ranges of its low n bits in the
 * 32-bit fields. The verifier uses 64; tests go through every value and every pair at small widths. Unsigned
 * fields hold numbers below 2^width, signed ones sign-extended numbers.
 *
 * A view is one width of a scalar. A set of numbers between bounds, unsigned and signed, is cut where the sign
 * changes into at most two parts; within a part both orders are the same, so operations are done on pairs of
 * parts and joined. What an operation knows of its result are arcs: [lo, lo + length] on the circle of 2^width.
 */
#ifndef VERIFY_DOMAIN_H
#define VERIFY_DOMAIN_H

#include "verify/scalar.h"

/* Operations without a width. */
enum domain_op {
	DOMAIN_ADD,
	DOMAIN_SUB,
	DOMAIN_MUL,
	DOMAIN_DIV,
	DOMAIN_SDIV,
	DOMAIN_MOD,
	DOMAIN_SMOD,
	DOMAIN_OR,
	DOMAIN_AND,
	DOMAIN_XOR,
	DOMAIN_LSH,
	DOMAIN_RSH,
	DOMAIN_ARSH,
	DOMAIN_MOV,
	DOMAIN_OP_COUNT,
};

enum domain_cond {
	DOMAIN_JEQ,
	DOMAIN_JNE,
	DOMAIN_JLT,
	DOMAIN_JLE,
	DOMAIN_JSLT,
	DOMAIN_JSLE,
	DOMAIN_JSET,
	DOMAIN_JCLEAR, /* JSET not taken */
	DOMAIN_COND_COUNT,
};

struct view {
	struct tnum t;
	uint64_t umin, umax;
	int64_t smin, smax;
};

struct part {
	struct tnum t;
	uint64_t lo, hi; /* both members */
};

static inline uint64_t width_ones(unsigned int width)
{
	return ~0ull >> (64 - width);
}

static inline int64_t width_sext(uint64_t x, unsigned int width)
{
	return (int64_t)(x << (64 - width)) >> (64 - width);
}

static inline int64_t width_smin(unsigned int width)
{
	return (int64_t)(~0ull << (width - 1));
}

static inline int64_t width_smax(unsigned int width)
{
	return (int64_t)(width_ones(width) >> 1);
}

/* domain.c: views and the reduction. */
struct view view_full(unsigned int width);
bool view_is_full(const struct view *v, unsigned int width);
struct view view_const(uint64_t x, unsigned int width);
struct view view_whole(const struct scalar *s); /* of 64 bits, or the test's width */
struct view view_low(const struct scalar *s, unsigned int half);
/* The non-empty parts, in unsigned order; 0 to 2. */
unsigned int view_parts(const struct view *v, unsigned int width, struct part parts[2]);
/* Cuts the bounds down to those of [lo, lo + length] modulo 2^width. */
void view_clip(struct view *v, uint64_t lo, uint64_t length, unsigned int width);
void view_join(struct view *v, const struct view *with);
/* False: nothing in common. */
bool view_meet(struct view *v, const struct view *with);
/* False: it has no members. */
bool view_reduce(struct view *v, unsigned int width);
/* The low @to bits of a view of @from bits. */
struct view view_trunc(const struct view *v, unsigned int from, unsigned int to);

/* A scalar of both views, not yet reduced; false: their bits contradict. */
bool domain_make(const struct view *whole, const struct view *low, unsigned int width,
		 struct scalar *ret);
bool domain_reduce(struct scalar *s, unsigned int width);
/* The least member >= @x, the greatest <= @x; @s is reduced. */
bool domain_next(const struct scalar *s, uint64_t x, unsigned int width, uint64_t *ret);
struct scalar domain_full(unsigned int width);
struct scalar domain_join(const struct scalar *a, const struct scalar *b, unsigned int width);
bool domain_meet(const struct scalar *a, const struct scalar *b, unsigned int width,
		 struct scalar *ret);
bool domain_has(const struct scalar *s, uint64_t x, unsigned int width);

/* domain_alu.c: @narrow: the operation on the low halves, zero-extended. */
struct view view_alu(enum domain_op op, const struct view *a, const struct view *b,
		     unsigned int width);
struct scalar domain_alu(enum domain_op op, bool narrow, const struct scalar *a,
			 const struct scalar *b, unsigned int width);
/* The low @bits of @s, extended to the width; @narrow (signed only): to half of it, then with zeros. */
struct scalar domain_zext(const struct scalar *s, unsigned int bits, unsigned int width);
struct scalar domain_sext(const struct scalar *s, unsigned int bits, bool narrow,
			  unsigned int width);

/* scalar_fast.c: numbers of 64 bits, quickly. False: the algebra has to be asked. */
#define DOMAIN_SIGN (1ull << 63)
#define DOMAIN_LOW_SIGN (1u << 31)

/* All numbers with these bits: the bounds follow. */
static inline struct scalar fast_bits(struct tnum t)
{
	uint64_t most = t.value | t.mask, sign = t.mask & DOMAIN_SIGN;
	uint32_t least32 = (uint32_t)t.value, most32 = (uint32_t)most,
		 sign32 = (uint32_t)t.mask & DOMAIN_LOW_SIGN;

	return (struct scalar){
		.t = t,
		.smin = (int64_t)(t.value | sign),
		.smax = (int64_t)(most & ~sign),
		.umin = t.value,
		.umax = most,
		.s32_min = (int32_t)(least32 | sign32),
		.s32_max = (int32_t)(most32 & ~sign32),
		.u32_min = least32,
		.u32_max = most32,
	};
}

/* As domain_alu(). */
bool fast_alu(enum domain_op op, bool narrow, struct scalar *dst, const struct scalar *src);
bool fast_zext(const struct scalar *s, unsigned int bits, struct scalar *ret);
/* Can the comparison hold? */
bool fast_feasible(enum domain_cond cond, bool narrow, const struct scalar *a,
		   const struct scalar *b, bool *ret);
/* It holds, which tells nothing of @b; what it tells of @a. */
bool fast_refine(enum domain_cond cond, bool narrow, struct scalar *a, const struct scalar *b);

/* domain_branch.c: what is known of both when a cond b holds; false: it does not. */
bool domain_refine(enum domain_cond cond, bool narrow, struct scalar *a, struct scalar *b,
		   unsigned int width);

#endif
