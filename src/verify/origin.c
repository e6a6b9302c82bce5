// SPDX-License-Identifier: Apache-2.0
/*
 * Origins through arithmetic (summary.h): value = what the place held at the loop's head + delta, modulo 2^64. And `by_rounds`:
 * the number is a constant in each round, so that who walks every round would know it.
 */
#include "isa/alu.h"
#include "verify/summary.h"

HOT void origin_add(struct reg *r, int64_t x)
{
	if (r->origin && r->delta + x == (int32_t)(r->delta + x))
		r->delta += (int32_t)x;
	else
		origin_lose(r);
}

/* Does the low half plus @x stay in 32 bits, and is the high half zero? */
static bool fits_low(const struct scalar *s, int64_t x)
{
	return s->umax <= UINT32_MAX && (int64_t)s->umin + x >= 0 &&
	       (int64_t)s->umax + x <= UINT32_MAX;
}

static bool known(const struct reg *r)
{
	return r->by_rounds || scalar_is_const(&r->s);
}

/* Before dst = dst op src is computed. */
void origin_alu(enum isa_op op, struct reg *dst, const struct reg *src)
{
	bool add = false, narrow = false;
	int64_t x = (int64_t)scalar_value(&src->s);

	dst->by_rounds = known(dst) && known(src);
	switch ((unsigned int)op) {
	case ISA_ADD64_IMM:
	case ISA_ADD64_REG:
		add = true;
		break;
	case ISA_SUB64_IMM:
	case ISA_SUB64_REG:
		add = scalar_is_const(&src->s) && x != INT64_MIN;
		x = add ? -x : 0;
		break;
	case ISA_ADD32_IMM:
	case ISA_ADD32_REG:
		add = narrow = true;
		x = (int32_t)x;
		break;
	case ISA_SUB32_IMM:
	case ISA_SUB32_REG:
		add = narrow = scalar_is_const(&src->s);
		x = -(int64_t)(int32_t)x;
		break;
	default:
		break;
	}
	if (add && scalar_is_const(&src->s)) {
		if (narrow && !fits_low(&dst->s, x))
			origin_lose(dst);
		else
			origin_add(dst, x);
		return;
	}
	if (add && !narrow && src->origin && scalar_is_const(&dst->s)) {
		x = (int64_t)scalar_value(&dst->s);
		dst->origin = src->origin;
		dst->delta = src->delta;
		origin_add(dst, x);
		return;
	}
	origin_lose(dst);
}

/*
 * The kernel asks anew for the packet's end when a pointer moves by what is not known. In a summary that number is known in each
 * round, so what is known of the end stays.
 */
int32_t summary_range(const struct reg *ptr, const struct reg *off, bool add)
{
	if (!add || !off->by_rounds || off->s.smin < 0 || ptr->range <= 0 ||
	    off->s.umax >= (uint64_t)ptr->range)
		return 0;
	return ptr->range - (int32_t)off->s.umax;
}
