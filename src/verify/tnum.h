/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tristate numbers: what is known of each bit. A bit of `mask` says that the bit is unknown; a known
 * bit is in `value`, which is zero below the mask. A tnum always has members, so the empty set is no
 * tnum: what can yield it returns false.
 *
 * Vishwanathan, Shachnai, Narayana, Nagarakatte: Sound, Precise, and Fast Abstract Interpretation with
 * Tristate Numbers, CGO 2022 (addition, subtraction, multiplication); Onderka, Ratschan: Fast Three-Valued
 * Abstract Bit-Vector Arithmetic, VMCAI 2022.
 *
 * A number of fewer than 64 bits is a tnum whose upper bits are known to be zero.
 */
#ifndef VERIFY_TNUM_H
#define VERIFY_TNUM_H

#include <stdbool.h>
#include <stdint.h>

/* What every program comes to lies together, so that few lines and pages of it are fetched: verifying is short. */
#define HOT __attribute__((hot))

struct tnum {
	uint64_t value, mask;
};

#define TNUM_UNKNOWN ((struct tnum){ 0, ~0ull })

static inline struct tnum tnum_const(uint64_t value)
{
	return (struct tnum){ value, 0 };
}

static inline bool tnum_is_const(struct tnum a)
{
	return !a.mask;
}

static inline bool tnum_is_unknown(struct tnum a)
{
	return !~a.mask;
}

static inline bool tnum_equal(struct tnum a, struct tnum b)
{
	return a.value == b.value && a.mask == b.mask;
}

/* Is @x one of its members? */
static inline bool tnum_has(struct tnum a, uint64_t x)
{
	return !((x ^ a.value) & ~a.mask);
}

/* Is every member of @a a member of @b? */
static inline bool tnum_in(struct tnum a, struct tnum b)
{
	return !(a.mask & ~b.mask) && !((a.value ^ b.value) & ~b.mask);
}

/* Is every member a multiple of @size, a power of two? */
static inline bool tnum_is_aligned(struct tnum a, uint64_t size)
{
	return !((a.value | a.mask) & (size - 1));
}

/* The smallest tnum with all of [min, max], min <= max. */
struct tnum tnum_range(uint64_t min, uint64_t max);

struct tnum tnum_add(struct tnum a, struct tnum b);
struct tnum tnum_sub(struct tnum a, struct tnum b);
struct tnum tnum_neg(struct tnum a);
struct tnum tnum_mul(struct tnum a, struct tnum b);
struct tnum tnum_and(struct tnum a, struct tnum b);
struct tnum tnum_or(struct tnum a, struct tnum b);
struct tnum tnum_xor(struct tnum a, struct tnum b);
struct tnum tnum_not(struct tnum a);
/* Shifts by a known count below the width; tnum_arsh() of a number of @width bits. */
struct tnum tnum_lsh(struct tnum a, unsigned int count);
struct tnum tnum_rsh(struct tnum a, unsigned int count);
struct tnum tnum_arsh(struct tnum a, unsigned int count, unsigned int width);

/* The smallest tnum with the members of both. */
struct tnum tnum_join(struct tnum a, struct tnum b);
/* What both have; false: nothing. */
bool tnum_meet(struct tnum a, struct tnum b, struct tnum *ret);

/* The low @width bits, zero-extended, sign-extended to @to bits; the low half, the high half in place. */
struct tnum tnum_cast(struct tnum a, unsigned int width);
struct tnum tnum_sext(struct tnum a, unsigned int width, unsigned int to);
/* @a with its low @width bits replaced by those of @low. */
struct tnum tnum_with_low(struct tnum a, struct tnum low, unsigned int width);
/* The low @width bits (16, 32, 64) with their bytes in the other order. */
struct tnum tnum_bswap(struct tnum a, unsigned int width);

/* The smallest member that is >= @x, the largest that is <= @x; false: there is none. */
bool tnum_next(struct tnum a, uint64_t x, uint64_t *ret);
bool tnum_prev(struct tnum a, uint64_t x, uint64_t *ret);

#endif
