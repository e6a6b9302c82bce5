/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a number in a register: its bits (tnum.h), and its least and greatest value read as
 * unsigned and signed, 64 bits and the low 32. The concrete set is what satisfies all of them.
 *
 * Invariant: every struct scalar that a function here returns is reduced: none of the bounds can be
 * tightened by what the others say (scalar_sync()), and it has members. What can become empty returns
 * false and leaves its operands alone.
 *
 * A pure algebra: no allocation, no environment, the same on every host. Instructions are named by
 * enum isa_op; an immediate operand is scalar_const(alu_imm(imm)), its 32-bit form too.
 * docs/verifier-domains.md has the figures of precision.
 */
#ifndef VERIFY_SCALAR_H
#define VERIFY_SCALAR_H

#include "base/buf.h"
#include "isa/isa.h"
#include "verify/tnum.h"

struct scalar {
	struct tnum t;
	int64_t smin, smax;
	uint64_t umin, umax;
	int32_t s32_min, s32_max;
	uint32_t u32_min, u32_max;
};

enum scalar_truth {
	SCALAR_UNDECIDED,
	SCALAR_ALWAYS,
	SCALAR_NEVER,
};

/* Making ------------------------------------------------------------------------------------------ */

struct scalar scalar_unknown(void);
struct scalar scalar_const(uint64_t value);
struct scalar scalar_urange(uint64_t min, uint64_t max); /* min <= max */
struct scalar scalar_srange(int64_t min, int64_t max);
/* All numbers of @size bytes (1, 2, 4, 8), zero-extended: what a load gives; sign-extended: an LDXS's. */
struct scalar scalar_sized(unsigned int size);
struct scalar scalar_signed(unsigned int size);
struct scalar scalar_bits(struct tnum t);
/*
 * After changing fields by hand: makes the bounds and bits follow from each other, as tight as they can be.
 * False: no number satisfies them; *s is then as it was.
 */
bool scalar_sync(struct scalar *s);

/* Asking ------------------------------------------------------------------------------------------ */

static inline bool scalar_is_const(const struct scalar *s)
{
	return !s->t.mask;
}

/* Of a constant. */
static inline uint64_t scalar_value(const struct scalar *s)
{
	return s->t.value;
}

static inline bool scalar_is_zero(const struct scalar *s)
{
	return !s->umax;
}

/* Are the low 32 bits known? */
static inline bool scalar_is_const32(const struct scalar *s)
{
	return !(uint32_t)s->t.mask;
}

static inline bool scalar_fits32(const struct scalar *s)
{
	return !((s->t.value | s->t.mask) >> 32);
}

bool scalar_is_unknown(const struct scalar *s);
bool scalar_equal(const struct scalar *a, const struct scalar *b);
bool scalar_has(const struct scalar *s, uint64_t x);
/* Is all that @a may be among what @b may be? */
bool scalar_is_within(const struct scalar *a, const struct scalar *b);
/* A member, which one @seed decides; small seeds give those at the bounds. For fuzzers. */
uint64_t scalar_member(const struct scalar *s, uint64_t seed);

/* Computing --------------------------------------------------------------------------------------- */

/*
 * dst = dst op src, for every row of kind ALU: 64 and 32 bits, immediate and register, moves (dst is only
 * written), sign-extending moves, negation, byte orders (@src may be NULL for those two). False: no such row.
 * @src may be @dst.
 */
bool scalar_alu(enum isa_op op, struct scalar *dst, const struct scalar *src);
/* The low @size bytes (1, 2, 4, 8), zero- or sign-extended: narrow fills and loads, zero extension. */
struct scalar scalar_zext(const struct scalar *s, unsigned int size);
struct scalar scalar_sext(const struct scalar *s, unsigned int size);
struct scalar scalar_add(const struct scalar *a, const struct scalar *b);
struct scalar scalar_sub(const struct scalar *a, const struct scalar *b);

/* Branching --------------------------------------------------------------------------------------- */

/* Is the conditional jump @op (kind BRANCH) taken? The same pointer twice: the same number twice. */
enum scalar_truth scalar_branch(enum isa_op op, const struct scalar *dst, const struct scalar *src);
/*
 * What is known of both on the way where the jump is @taken or not. False: nobody goes there; both are left as
 * they were. @src of an immediate is a scalar_const() of the caller's, which does not change.
 */
bool scalar_refine(enum isa_op op, bool taken, struct scalar *dst, struct scalar *src);

/* Lattice ----------------------------------------------------------------------------------------- */

struct scalar scalar_join(const struct scalar *a, const struct scalar *b);
bool scalar_meet(const struct scalar *a, const struct scalar *b, struct scalar *ret);
/*
 * An upper bound of both such that every chain s1 = widen(s0, x0), s2 = widen(s1, x1)... comes to rest: a bound that
 * moves goes to the next of @steps (sorted, @nsteps; constants that the program compares with; may be NULL) or of
 * the ends of the 8, 16, 32 and 64-bit numbers.
 */
struct scalar scalar_widen(const struct scalar *old, const struct scalar *add, const int64_t *steps,
			   size_t nsteps);

/* Printing ---------------------------------------------------------------------------------------- */

/* As in the kernel's log, behind "R1=": "42", "scalar()", "scalar(smin=0,smax=umax=255,var_off=(0x0; 0xff))". */
void scalar_print(struct buf *out, const struct scalar *s);
/*
 * Only the "smin=0,...,var_off=(...)" part, for pointers with a variable offset; @sep (",") before it when
 * anything is printed.
 */
void scalar_print_bounds(struct buf *out, const struct scalar *s, const char *sep);
/* A number as the log has it: small ones decimal, others hexadecimal. */
void scalar_print_signed(struct buf *out, int64_t x);
void scalar_print_unsigned(struct buf *out, uint64_t x);

#endif
