/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a comparison that holds says of both its operands. A view of one width is refined, and the rest follows by
 * reduction. Since the bounds that come in are attained, one round is enough.
 */
#include "verify/domain.h"

static bool refine_less(struct view *a, struct view *b, bool or_equal)
{
	uint64_t gap = !or_equal;

	if (b->umax < gap || a->umin > b->umax - gap)
		return false;
	if (a->umax > b->umax - gap)
		a->umax = b->umax - gap;
	if (b->umin < a->umin + gap)
		b->umin = a->umin + gap;
	return true;
}

static bool refine_less_signed(struct view *a, struct view *b, bool or_equal, unsigned int width)
{
	int64_t gap = !or_equal;

	if (b->smax < width_smin(width) + gap || a->smin > b->smax - gap)
		return false;
	if (a->smax > b->smax - gap)
		a->smax = b->smax - gap;
	if (b->smin < a->smin + gap)
		b->smin = a->smin + gap;
	return true;
}

/* Takes the number @x away where it is a bound. */
static bool remove_const(struct view *v, uint64_t x, unsigned int width)
{
	int64_t sx = width_sext(x, width);

	if (v->umin == v->umax)
		return v->umin != x;
	v->umin += v->umin == x;
	v->umax -= v->umax == x;
	if (v->smin == v->smax)
		return v->smin != sx;
	v->smin += v->smin == sx;
	v->smax -= v->smax == sx;
	return true;
}

static bool refine_unequal(struct view *a, struct view *b, unsigned int width)
{
	if (b->umin == b->umax && !remove_const(a, b->umin, width))
		return false;
	return a->umin != a->umax || remove_const(b, a->umin, width);
}

/* a & b is not zero: if only one bit can be in both, it is; neither is less than the lowest that can. */
static bool refine_set(struct view *a, struct view *b)
{
	uint64_t both = (a->t.value | a->t.mask) & (b->t.value | b->t.mask);

	if (!both)
		return false;
	if (!(both & (both - 1))) {
		a->t = (struct tnum){ a->t.value | both, a->t.mask & ~both };
		b->t = (struct tnum){ b->t.value | both, b->t.mask & ~both };
	}
	both &= -both;
	a->umin = a->umin < both ? both : a->umin;
	b->umin = b->umin < both ? both : b->umin;
	return true;
}

/* a & b is zero: a bit that one has the other has not. */
static bool refine_clear(struct view *a, struct view *b)
{
	uint64_t in_a = a->t.value, in_b = b->t.value;

	if (in_a & in_b)
		return false;
	a->t.mask &= ~in_b;
	b->t.mask &= ~in_a;
	return true;
}

static bool refine_view(enum domain_cond cond, struct view *a, struct view *b, unsigned int width)
{
	switch (cond) {
	case DOMAIN_JEQ:
		if (!view_meet(a, b))
			return false;
		*b = *a;
		return true;
	case DOMAIN_JNE:
		return refine_unequal(a, b, width);
	case DOMAIN_JLT:
	case DOMAIN_JLE:
		return refine_less(a, b, cond == DOMAIN_JLE);
	case DOMAIN_JSLT:
	case DOMAIN_JSLE:
		return refine_less_signed(a, b, cond == DOMAIN_JSLE, width);
	case DOMAIN_JSET:
		return refine_set(a, b);
	case DOMAIN_JCLEAR:
		return refine_clear(a, b);
	case DOMAIN_COND_COUNT:
		break;
	}
	return true;
}

/* @s with one of its views replaced by what is known now. */
static bool put_view(struct scalar *s, const struct view *v, bool narrow, unsigned int width)
{
	struct view whole = narrow ? view_whole(s) : *v;
	struct view low = narrow ? *v : view_low(s, width / 2);
	struct scalar ret;

	/* The halves of the tnum are stored once: each side has its own news. */
	if (narrow)
		whole.t = tnum_with_low(whole.t, v->t, width / 2);
	else
		low.t = tnum_cast(v->t, width / 2);
	if (!domain_make(&whole, &low, width, &ret) || !domain_reduce(&ret, width))
		return false;
	*s = ret;
	return true;
}

bool domain_refine(enum domain_cond cond, bool narrow, struct scalar *a, struct scalar *b,
		   unsigned int width)
{
	unsigned int half = width / 2;
	struct scalar x = *a, y = *b;
	struct view va, vb;

	if (cond == DOMAIN_JEQ && !narrow) {
		if (!domain_meet(a, b, width, &x))
			return false;
		*a = *b = x;
		return true;
	}
	va = narrow ? view_low(a, half) : view_whole(a);
	vb = narrow ? view_low(b, half) : view_whole(b);
	if (!refine_view(cond, &va, &vb, narrow ? half : width) ||
	    !put_view(&x, &va, narrow, width) || !put_view(&y, &vb, narrow, width))
		return false;
	*a = x;
	*b = y;
	return true;
}
