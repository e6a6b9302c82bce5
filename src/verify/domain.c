/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reduction: bounds and bits made to follow from each other.
 *
 * The members of a scalar are the numbers in at most two 64-bit parts whose bits agree with the tnum and whose low
 * half is a member of at most two 32-bit parts. The member next to any number is found directly (tnum_next()
 * in the upper half, the low parts in the lower), so all eight bounds are exact. The tnum is what the parts
 * have in common, met with what was known; when that tells more, the bounds are looked at again. It is the
 * best one in all but a few cases (docs/verifier-domains.md).
 */
#include <assert.h>

#include "verify/domain.h"

/* The low half's parts and the upper half's bits: what decides whether a number between the bounds is a member. */
struct shape {
	struct part low[2];
	unsigned int nlow, half;
	struct tnum high;
};

struct view view_full(unsigned int width)
{
	return (struct view){
		.t = { 0, width_ones(width) },
		.umax = width_ones(width),
		.smin = width_smin(width),
		.smax = width_smax(width),
	};
}

bool view_is_full(const struct view *v, unsigned int width)
{
	return v->t.mask == width_ones(width) && !v->umin && v->umax == width_ones(width) &&
	       v->smin == width_smin(width) && v->smax == width_smax(width);
}

struct view view_const(uint64_t x, unsigned int width)
{
	return (struct view){
		.t = tnum_const(x),
		.umin = x,
		.umax = x,
		.smin = width_sext(x, width),
		.smax = width_sext(x, width),
	};
}

struct view view_whole(const struct scalar *s)
{
	return (struct view){ s->t, s->umin, s->umax, s->smin, s->smax };
}

struct view view_low(const struct scalar *s, unsigned int half)
{
	return (struct view){ tnum_cast(s->t, half), s->u32_min, s->u32_max, s->s32_min,
			      s->s32_max };
}

static uint64_t greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What lies in [lo, hi] and between the unsigned bounds, if anything. */
static unsigned int cut(const struct view *v, uint64_t lo, uint64_t hi, struct part *ret)
{
	lo = greater(lo, v->umin);
	hi = lesser(hi, v->umax);
	if (lo > hi)
		return 0;
	*ret = (struct part){ v->t, lo, hi };
	return 1;
}

/* Where the bounds overlap, whatever the bits are. */
static unsigned int view_spans(const struct view *v, unsigned int width, struct part parts[2])
{
	uint64_t ones = width_ones(width), lo = (uint64_t)v->smin & ones,
		 hi = (uint64_t)v->smax & ones;
	unsigned int n;

	if (v->smin > v->smax)
		return 0;
	if ((v->smin < 0) == (v->smax < 0))
		return cut(v, lo, hi, parts);
	n = cut(v, 0, hi, parts);
	return n + cut(v, lo, ones, parts + n);
}

static bool part_tighten(struct part *p)
{
	return tnum_next(p->t, p->lo, &p->lo) && tnum_prev(p->t, p->hi, &p->hi) && p->lo <= p->hi;
}

unsigned int view_parts(const struct view *v, unsigned int width, struct part parts[2])
{
	unsigned int n = view_spans(v, width, parts), kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (!part_tighten(&parts[i]))
			continue;
		(void)tnum_meet(v->t, tnum_range(parts[i].lo, parts[i].hi), &parts[i].t);
		parts[kept++] = parts[i];
	}
	return kept;
}

void view_clip(struct view *v, uint64_t lo, uint64_t length, unsigned int width)
{
	uint64_t hi;
	int64_t slo, shi;

	if (length >= width_ones(width))
		return;
	hi = (lo + length) & width_ones(width);
	lo &= width_ones(width);
	slo = width_sext(lo, width);
	shi = width_sext(hi, width);
	if (lo <= hi) {
		v->umin = greater(v->umin, lo);
		v->umax = lesser(v->umax, hi);
	}
	if (slo <= shi) {
		v->smin = slo > v->smin ? slo : v->smin;
		v->smax = shi < v->smax ? shi : v->smax;
	}
}

void view_join(struct view *v, const struct view *with)
{
	v->t = tnum_join(v->t, with->t);
	v->umin = lesser(v->umin, with->umin);
	v->umax = greater(v->umax, with->umax);
	v->smin = v->smin < with->smin ? v->smin : with->smin;
	v->smax = v->smax > with->smax ? v->smax : with->smax;
}

bool view_meet(struct view *v, const struct view *with)
{
	v->umin = greater(v->umin, with->umin);
	v->umax = lesser(v->umax, with->umax);
	v->smin = v->smin > with->smin ? v->smin : with->smin;
	v->smax = v->smax < with->smax ? v->smax : with->smax;
	return v->umin <= v->umax && v->smin <= v->smax && tnum_meet(v->t, with->t, &v->t);
}

/* The bounds of parts that do not cross the sign. */
static void view_of_parts(struct view *v, const struct part *parts, unsigned int n,
			  unsigned int width)
{
	v->umin = v->umax = parts[0].lo;
	v->smin = v->smax = width_sext(parts[0].lo, width);
	for (unsigned int i = 0; i < n; i++) {
		int64_t lo = width_sext(parts[i].lo, width), hi = width_sext(parts[i].hi, width);

		v->umin = lesser(v->umin, parts[i].lo);
		v->umax = greater(v->umax, parts[i].hi);
		v->smin = lo < v->smin ? lo : v->smin;
		v->smax = hi > v->smax ? hi : v->smax;
	}
}

bool view_reduce(struct view *v, unsigned int width)
{
	struct part parts[2];
	struct tnum t;
	unsigned int n;

	do {
		t = v->t;
		n = view_parts(v, width, parts);
		if (!n)
			return false;
		v->t = n == 1 ? parts[0].t : tnum_join(parts[0].t, parts[1].t);
		view_of_parts(v, parts, n, width);
	} while (!tnum_equal(t, v->t));
	return true;
}

struct view view_trunc(const struct view *v, unsigned int from, unsigned int to)
{
	struct view ret = { .t = { 0, 0 } };
	struct part parts[2];
	unsigned int n = view_parts(v, from, parts);

	for (unsigned int i = 0; i < n; i++) {
		struct view one = view_full(to);

		one.t = tnum_cast(parts[i].t, to);
		view_clip(&one, parts[i].lo, parts[i].hi - parts[i].lo, to);
		if (i)
			view_join(&ret, &one);
		else
			ret = one;
	}
	return ret;
}

static bool low_next(const struct shape *m, uint64_t x, uint64_t *ret)
{
	for (unsigned int i = 0; i < m->nlow; i++)
		if (x <= m->low[i].hi && tnum_next(m->low[i].t, greater(x, m->low[i].lo), ret))
			return true;
	return false;
}

static bool low_prev(const struct shape *m, uint64_t x, uint64_t *ret)
{
	for (unsigned int i = m->nlow; i-- > 0;)
		if (x >= m->low[i].lo && tnum_prev(m->low[i].t, lesser(x, m->low[i].hi), ret))
			return true;
	return false;
}

static bool shape_next(const struct shape *m, uint64_t x, uint64_t *ret)
{
	uint64_t high = x >> m->half, low;

	if (tnum_has(m->high, high) && low_next(m, x & width_ones(m->half), &low)) {
		*ret = high << m->half | low;
		return true;
	}
	if (!tnum_next(m->high, high + 1, &high))
		return false;
	*ret = high << m->half | m->low[0].lo;
	return true;
}

static bool shape_prev(const struct shape *m, uint64_t x, uint64_t *ret)
{
	uint64_t high = x >> m->half, low;

	if (tnum_has(m->high, high) && low_prev(m, x & width_ones(m->half), &low)) {
		*ret = high << m->half | low;
		return true;
	}
	if (!high || !tnum_prev(m->high, high - 1, &high))
		return false;
	*ret = high << m->half | m->low[m->nlow - 1].hi;
	return true;
}

static bool shape_of(const struct scalar *s, unsigned int width, struct shape *ret)
{
	struct view low = view_low(s, width / 2);

	ret->half = width / 2;
	ret->high = tnum_rsh(s->t, ret->half);
	ret->nlow = view_parts(&low, ret->half, ret->low);
	return ret->nlow > 0;
}

static unsigned int shape_parts(const struct shape *m, const struct scalar *s, unsigned int width,
				struct part parts[2])
{
	struct view whole = view_whole(s);
	unsigned int n = view_spans(&whole, width, parts), kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct part p = parts[i];

		if (!shape_next(m, p.lo, &p.lo) || !shape_prev(m, p.hi, &p.hi) || p.lo > p.hi)
			continue;
		(void)tnum_meet(s->t, tnum_range(p.lo, p.hi), &p.t);
		parts[kept++] = p;
	}
	return kept;
}

/* Adds the members of the low parts that lie in [lo, hi]. */
static unsigned int low_between(const struct shape *m, uint64_t lo, uint64_t hi, struct part *ret)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->nlow; i++) {
		struct part p = m->low[i];

		p.lo = greater(p.lo, lo);
		p.hi = lesser(p.hi, hi);
		if (p.lo > p.hi || !part_tighten(&p))
			continue;
		(void)tnum_meet(p.t, tnum_range(p.lo, p.hi), &p.t);
		ret[n++] = p;
	}
	return n;
}

/* The low halves of the members in @p: all where a whole round of them fits in. At most 4. */
static unsigned int low_of_part(const struct shape *m, const struct part *p, struct part *ret)
{
	uint64_t ones = width_ones(m->half), first = p->lo >> m->half, last = p->hi >> m->half,
		 middle;
	unsigned int n;

	if (first == last)
		return low_between(m, p->lo & ones, p->hi & ones, ret);
	if (tnum_next(m->high, first + 1, &middle) && middle < last)
		return low_between(m, 0, ones, ret);
	n = low_between(m, p->lo & ones, ones, ret);
	return n + low_between(m, 0, p->hi & ones, ret + n);
}

static struct tnum parts_bits(const struct part *parts, unsigned int n)
{
	struct tnum t = parts[0].t;

	for (unsigned int i = 1; i < n; i++)
		t = tnum_join(t, parts[i].t);
	return t;
}

static void scalar_set_whole(struct scalar *s, const struct view *v)
{
	s->umin = v->umin;
	s->umax = v->umax;
	s->smin = v->smin;
	s->smax = v->smax;
}

static void scalar_set_low(struct scalar *s, const struct view *v)
{
	s->u32_min = (uint32_t)v->umin;
	s->u32_max = (uint32_t)v->umax;
	s->s32_min = (int32_t)v->smin;
	s->s32_max = (int32_t)v->smax;
}

/* One round; false: no members. */
static bool reduce_once(struct scalar *s, unsigned int width)
{
	struct part parts[2], lows[8];
	unsigned int n, nlows = 0;
	struct view v;
	struct shape m;

	if (!shape_of(s, width, &m))
		return false;
	n = shape_parts(&m, s, width, parts);
	if (!n)
		return false;
	for (unsigned int i = 0; i < n; i++)
		nlows += low_of_part(&m, &parts[i], lows + nlows);
	assert(nlows);
	view_of_parts(&v, parts, n, width);
	scalar_set_whole(s, &v);
	view_of_parts(&v, lows, nlows, m.half);
	scalar_set_low(s, &v);
	s->t = parts_bits(parts, n);
	(void)tnum_meet(tnum_cast(s->t, m.half), parts_bits(lows, nlows), &v.t);
	s->t = tnum_with_low(s->t, v.t, m.half);
	return true;
}

static bool reduce_const(struct scalar *s, unsigned int width)
{
	uint64_t x = s->t.value;
	struct view v;

	if (!domain_has(s, x, width))
		return false;
	v = view_const(x, width);
	scalar_set_whole(s, &v);
	v = view_const(x & width_ones(width / 2), width / 2);
	scalar_set_low(s, &v);
	return true;
}

/* A number whose upper half is zero is its low half. */
static bool reduce_small(struct scalar *s, unsigned int width)
{
	struct view low = view_low(s, width / 2);

	if (s->smax < 0)
		return false;
	low.umin = greater(low.umin, greater(s->umin, s->smin > 0 ? (uint64_t)s->smin : 0));
	low.umax = lesser(low.umax, lesser(s->umax, (uint64_t)s->smax));
	if (!view_reduce(&low, width / 2))
		return false;
	scalar_set_low(s, &low);
	s->t = low.t;
	s->umin = low.umin;
	s->umax = low.umax;
	s->smin = (int64_t)low.umin;
	s->smax = (int64_t)low.umax;
	return true;
}

static bool is_full(const struct scalar *s, unsigned int width)
{
	struct view whole = view_whole(s), low = view_low(s, width / 2);

	return view_is_full(&whole, width) && view_is_full(&low, width / 2);
}

bool domain_reduce(struct scalar *s, unsigned int width)
{
	struct scalar work = *s;
	struct tnum t;

	if (is_full(s, width))
		return true;
	if (work.t.mask && !((work.t.value | work.t.mask) >> width / 2)) {
		if (!reduce_small(&work, width))
			return false;
		*s = work;
		return true;
	}
	do {
		if (!work.t.mask) {
			if (!reduce_const(&work, width))
				return false;
			break;
		}
		t = work.t;
		if (!reduce_once(&work, width))
			return false;
	} while (!tnum_equal(t, work.t));
	*s = work;
	return true;
}

bool domain_make(const struct view *whole, const struct view *low, unsigned int width,
		 struct scalar *ret)
{
	struct tnum t;

	if (!tnum_meet(tnum_cast(whole->t, width / 2), low->t, &t))
		return false;
	ret->t = tnum_with_low(whole->t, t, width / 2);
	scalar_set_whole(ret, whole);
	scalar_set_low(ret, low);
	return true;
}

struct scalar domain_full(unsigned int width)
{
	struct view whole = view_full(width), low = view_full(width / 2);
	struct scalar s;

	(void)domain_make(&whole, &low, width, &s);
	return s;
}

bool domain_next(const struct scalar *s, uint64_t x, unsigned int width, uint64_t *ret)
{
	struct part parts[2];
	struct shape m;
	unsigned int n;

	if (!shape_of(s, width, &m))
		return false;
	n = shape_parts(&m, s, width, parts);
	for (unsigned int i = 0; i < n; i++)
		if (x <= parts[i].hi && shape_next(&m, greater(x, parts[i].lo), ret))
			return true;
	return false;
}

bool domain_has(const struct scalar *s, uint64_t x, unsigned int width)
{
	uint64_t low = x & width_ones(width / 2);
	int64_t sx = width_sext(x, width), slow = width_sext(low, width / 2);

	return tnum_has(s->t, x) && x >= s->umin && x <= s->umax && sx >= s->smin &&
	       sx <= s->smax && low >= s->u32_min && low <= s->u32_max && slow >= s->s32_min &&
	       slow <= s->s32_max;
}

struct scalar domain_join(const struct scalar *a, const struct scalar *b, unsigned int width)
{
	struct view whole = view_whole(a), low = view_low(a, width / 2), other = view_whole(b);
	struct scalar ret;

	view_join(&whole, &other);
	other = view_low(b, width / 2);
	view_join(&low, &other);
	(void)domain_make(&whole, &low, width, &ret);
	(void)domain_reduce(&ret, width);
	return ret;
}

bool domain_meet(const struct scalar *a, const struct scalar *b, unsigned int width,
		 struct scalar *ret)
{
	struct view whole = view_whole(a), low = view_low(a, width / 2), other = view_whole(b);
	struct scalar s;

	if (!view_meet(&whole, &other))
		return false;
	other = view_low(b, width / 2);
	if (!view_meet(&low, &other) || !domain_make(&whole, &low, width, &s) ||
	    !domain_reduce(&s, width))
		return false;
	*ret = s;
	return true;
}
