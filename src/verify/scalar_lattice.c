/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining, meeting and widening of scalars (scalar.h).
 *
 * Widening comes to rest: a bound that moves goes to the next step outward, of which there are finitely many, and
 * bits that become unknown take all bits above the lowest of them along, so the number of known low bits
 * only falls. Reduction afterwards may draw a bound back in, but only as far as the known bits say.
 */
#include "base/num.h"
#include "verify/domain.h"

#define WIDTH 64

/* Where bounds rest when the program names no constant: the ends of the numbers of 8, 16 and 32 bits. */
static const int64_t ends[] = {
	INT32_MIN, INT16_MIN, INT8_MIN,	  -1,	     0,		 INT8_MAX,
	UINT8_MAX, INT16_MAX, UINT16_MAX, INT32_MAX, UINT32_MAX,
};

struct steps {
	const int64_t *at;
	size_t n;
	unsigned int width;
};

struct scalar scalar_join(const struct scalar *a, const struct scalar *b)
{
	return domain_join(a, b, WIDTH);
}

bool scalar_meet(const struct scalar *a, const struct scalar *b, struct scalar *ret)
{
	return domain_meet(a, b, WIDTH, ret);
}

/* Step @i: the ends, then the program's. */
static int64_t step_at(const struct steps *s, size_t i)
{
	return i < ARRAY_SIZE(ends) ? ends[i] : s->at[i - ARRAY_SIZE(ends)];
}

static void widen_signed(const struct steps *s, const struct view *old, struct view *to)
{
	int64_t lo = width_smin(s->width), hi = width_smax(s->width);

	for (size_t i = 0; i < ARRAY_SIZE(ends) + s->n; i++) {
		int64_t x = step_at(s, i);

		if (x <= to->smin && x > lo)
			lo = x;
		if (x >= to->smax && x < hi)
			hi = x;
	}
	to->smin = to->smin < old->smin ? lo : old->smin;
	to->smax = to->smax > old->smax ? hi : old->smax;
}

static void widen_unsigned(const struct steps *s, const struct view *old, struct view *to)
{
	uint64_t lo = 0, hi = width_ones(s->width);

	for (size_t i = 0; i < ARRAY_SIZE(ends) + s->n; i++) {
		uint64_t x = (uint64_t)step_at(s, i) & width_ones(s->width);

		if (x <= to->umin && x > lo)
			lo = x;
		if (x >= to->umax && x < hi)
			hi = x;
	}
	to->umin = to->umin < old->umin ? lo : old->umin;
	to->umax = to->umax > old->umax ? hi : old->umax;
}

struct scalar scalar_widen(const struct scalar *old, const struct scalar *add, const int64_t *steps,
			   size_t nsteps)
{
	struct steps s = { steps, steps ? nsteps : 0, WIDTH };
	struct view whole = view_whole(old), low = view_low(old, WIDTH / 2), to = view_whole(add);
	struct scalar ret = domain_full(WIDTH);
	uint64_t grown;

	if (scalar_is_within(add, old))
		return *old;
	to.t = tnum_join(whole.t, to.t);
	grown = to.t.mask & ~whole.t.mask;
	if (grown) {
		to.t.mask |= ~((grown & -grown) - 1);
		to.t.value &= ~to.t.mask;
	}
	widen_signed(&s, &whole, &to);
	widen_unsigned(&s, &whole, &to);
	whole = to;
	s.width = WIDTH / 2;
	to = view_low(add, s.width);
	widen_signed(&s, &low, &to);
	widen_unsigned(&s, &low, &to);
	to.t = tnum_cast(whole.t, s.width);
	(void)domain_make(&whole, &to, WIDTH, &ret);
	(void)domain_reduce(&ret, WIDTH);
	return ret;
}
