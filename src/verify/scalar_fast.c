// SPDX-License-Identifier: Apache-2.0
/*
 * Short ways to what domain.h's algebra gives, for the numbers that are most common: those of which bits are known and
 * nothing else. A set of all numbers that agree with a tnum has the bounds that its bits give, and the bitwise operations and
 * shifts by a known count give such a set again, so that there is nothing to reduce. Each function here says false where it
 * does not know; unit/scalar compares what it says with the algebra.
 */
#include "verify/domain.h"

#define SIGN DOMAIN_SIGN
#define LOW_SIGN DOMAIN_LOW_SIGN

/* Are the low 32 bits a number of which only bits are known? */
static bool low_is_bits(const struct scalar *s)
{
	uint32_t value = (uint32_t)s->t.value, mask = (uint32_t)s->t.mask, sign = mask & LOW_SIGN,
		 most = value | mask;

	return s->u32_min == value && s->u32_max == most && s->s32_min == (int32_t)(value | sign) &&
	       s->s32_max == (int32_t)(most & ~sign);
}

HOT static bool is_bits(const struct scalar *s)
{
	uint64_t most = s->t.value | s->t.mask, sign = s->t.mask & SIGN;

	return s->umin == s->t.value && s->umax == most &&
	       s->smin == (int64_t)(s->t.value | sign) && s->smax == (int64_t)(most & ~sign) &&
	       low_is_bits(s);
}

static bool low_is_full(const struct scalar *s)
{
	return (uint32_t)s->t.mask == UINT32_MAX && low_is_bits(s);
}

static bool is_full(const struct scalar *s)
{
	return s->t.mask == UINT64_MAX && is_bits(s);
}

static struct tnum low_of(const struct scalar *s)
{
	return (struct tnum){ (uint32_t)s->t.value, (uint32_t)s->t.mask };
}

/* What bits and @count give, when both are what the operation needs. */
HOT static bool bitwise(enum domain_op op, struct tnum a, struct tnum b, unsigned int width,
			struct tnum *ret)
{
	unsigned int count = (unsigned int)b.value & (width - 1);

	switch (op) {
	case DOMAIN_AND:
		*ret = tnum_and(a, b);
		return true;
	case DOMAIN_OR:
		*ret = tnum_or(a, b);
		return true;
	case DOMAIN_XOR:
		*ret = tnum_xor(a, b);
		return true;
	case DOMAIN_LSH:
		*ret = tnum_cast(tnum_lsh(a, count), width);
		return !b.mask;
	case DOMAIN_RSH:
		*ret = tnum_rsh(a, count);
		return !b.mask;
	case DOMAIN_ARSH:
		/* copies of an unknown sign are alike */
		*ret = tnum_arsh(a, count, width);
		return !b.mask && !(a.mask >> (width - 1));
	case DOMAIN_ADD:
	case DOMAIN_SUB:
	case DOMAIN_MUL:
	case DOMAIN_DIV:
	case DOMAIN_SDIV:
	case DOMAIN_MOD:
	case DOMAIN_SMOD:
	case DOMAIN_MOV:
	case DOMAIN_OP_COUNT:
		break;
	}
	return false;
}

static bool alu_low(enum domain_op op, struct scalar *dst, const struct scalar *src)
{
	struct tnum t;

	if (op == DOMAIN_MOV) {
		if (!low_is_bits(src))
			return false;
		*dst = fast_bits(low_of(src));
		return true;
	}
	if (op == DOMAIN_ADD || op == DOMAIN_SUB) {
		if (!low_is_full(dst) && !low_is_full(src))
			return false;
		*dst = fast_bits((struct tnum){ 0, UINT32_MAX });
		return true;
	}
	if (!bitwise(op, low_of(dst), low_of(src), 32, &t) || !low_is_bits(dst) ||
	    ((uint32_t)src->t.mask && !low_is_bits(src)))
		return false;
	*dst = fast_bits(t);
	return true;
}

HOT bool fast_alu(enum domain_op op, bool narrow, struct scalar *dst, const struct scalar *src)
{
	struct tnum t;

	if (narrow)
		return alu_low(op, dst, src);
	if (op == DOMAIN_ADD || op == DOMAIN_SUB) {
		if (!is_full(dst) && !is_full(src))
			return false;
		*dst = fast_bits(TNUM_UNKNOWN);
		return true;
	}
	if (!bitwise(op, dst->t, src->t, 64, &t) || !is_bits(dst) || (src->t.mask && !is_bits(src)))
		return false;
	*dst = fast_bits(t);
	return true;
}

HOT bool fast_zext(const struct scalar *s, unsigned int bits, struct scalar *ret)
{
	if (bits > 32 || !low_is_bits(s))
		return false;
	*ret = fast_bits(tnum_cast(s->t, bits));
	return true;
}

/* Comparisons ------------------------------------------------------------------------------------- */

HOT static bool has(const struct scalar *s, uint64_t x)
{
	uint32_t low = (uint32_t)x;

	return tnum_has(s->t, x) && x >= s->umin && x <= s->umax && (int64_t)x >= s->smin &&
	       (int64_t)x <= s->smax && low >= s->u32_min && low <= s->u32_max &&
	       (int32_t)low >= s->s32_min && (int32_t)low <= s->s32_max;
}

/* May @a be the constant @b? */
static bool equal(bool narrow, const struct scalar *a, const struct scalar *b, bool *ret)
{
	if (narrow ? !scalar_is_const32(b) : !scalar_is_const(b))
		return false;
	if (!narrow)
		*ret = has(a, b->t.value);
	else if (scalar_fits32(a))
		*ret = has(a, (uint32_t)b->t.value);
	else if (is_bits(a))
		*ret = tnum_has(low_of(a), (uint32_t)b->t.value);
	else
		return false;
	return true;
}

/* May they differ? */
static bool unequal(bool narrow, const struct scalar *a, const struct scalar *b, bool *ret)
{
	if (narrow) {
		if (!scalar_is_const32(b))
			return false;
		*ret = !scalar_is_const32(a) || (uint32_t)a->t.value != (uint32_t)b->t.value;
		return true;
	}
	if (!scalar_is_const(b))
		return false;
	*ret = !scalar_is_const(a) || a->t.value != b->t.value;
	return true;
}

/* All bounds are attained, so that two of them tell. */
HOT bool fast_feasible(enum domain_cond cond, bool narrow, const struct scalar *a,
		       const struct scalar *b, bool *ret)
{
	switch (cond) {
	case DOMAIN_JEQ:
		return equal(narrow, a, b, ret);
	case DOMAIN_JNE:
		return unequal(narrow, a, b, ret);
	case DOMAIN_JLT:
		*ret = narrow ? a->u32_min < b->u32_max : a->umin < b->umax;
		return true;
	case DOMAIN_JLE:
		*ret = narrow ? a->u32_min <= b->u32_max : a->umin <= b->umax;
		return true;
	case DOMAIN_JSLT:
		*ret = narrow ? a->s32_min < b->s32_max : a->smin < b->smax;
		return true;
	case DOMAIN_JSLE:
		*ret = narrow ? a->s32_min <= b->s32_max : a->smin <= b->smax;
		return true;
	case DOMAIN_JSET:
	case DOMAIN_JCLEAR:
	case DOMAIN_COND_COUNT:
		break;
	}
	return false;
}

/* Is @x no bound of @s, so that taking it away tells nothing? */
static bool is_inside(bool narrow, const struct scalar *s, uint64_t x)
{
	uint32_t low = (uint32_t)x;

	if (narrow)
		return low != s->u32_min && low != s->u32_max && (int32_t)low != s->s32_min &&
		       (int32_t)low != s->s32_max;
	return x != s->umin && x != s->umax && (int64_t)x != s->smin && (int64_t)x != s->smax;
}

/* Numbers of bits below 2^31 without the least or the greatest of them. */
static bool without(struct scalar *s, uint64_t x)
{
	uint64_t low = s->t.mask & -s->t.mask, least = s->t.value, most = least | s->t.mask;

	if (s->umax > INT32_MAX || !s->t.mask || !is_bits(s))
		return false;
	if (s->t.mask == low) {
		*s = fast_bits(tnum_const(x == least ? most : least));
		return true;
	}
	if (x == least)
		s->umin = s->u32_min = (uint32_t)(least | low);
	else
		s->umax = s->u32_max = (uint32_t)(most & ~low);
	s->smin = (int64_t)s->umin;
	s->smax = (int64_t)s->umax;
	s->s32_min = (int32_t)s->umin;
	s->s32_max = (int32_t)s->umax;
	return true;
}

HOT bool fast_refine(enum domain_cond cond, bool narrow, struct scalar *a, const struct scalar *b)
{
	switch (cond) {
	case DOMAIN_JEQ:
		if (!scalar_is_const(b) || (narrow && !scalar_fits32(a)) ||
		    (narrow && !scalar_fits32(b)) || !has(a, b->t.value))
			return false;
		*a = *b;
		return true;
	case DOMAIN_JNE:
		if (!scalar_is_const(b))
			return false;
		return is_inside(narrow, a, b->t.value) ||
		       ((b->t.value == a->umin || b->t.value == a->umax) && without(a, b->t.value));
	case DOMAIN_JLT:
		return narrow ? a->u32_max < b->u32_max && a->u32_min < b->u32_min :
				a->umax < b->umax && a->umin < b->umin;
	case DOMAIN_JLE:
		return narrow ? a->u32_max <= b->u32_max && a->u32_min <= b->u32_min :
				a->umax <= b->umax && a->umin <= b->umin;
	case DOMAIN_JSLT:
		return narrow ? a->s32_max < b->s32_max && a->s32_min < b->s32_min :
				a->smax < b->smax && a->smin < b->smin;
	case DOMAIN_JSLE:
		return narrow ? a->s32_max <= b->s32_max && a->s32_min <= b->s32_min :
				a->smax <= b->smax && a->smin <= b->smin;
	case DOMAIN_JSET:
	case DOMAIN_JCLEAR:
	case DOMAIN_COND_COUNT:
		break;
	}
	return false;
}
