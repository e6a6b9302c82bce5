// SPDX-License-Identifier: Apache-2.0
/*
 * The state at a loop's head (summary.h): what came there, made wider by what is known of each place so far; and what comes
 * back, held against it.
 */
#include "verify/summary.h"

#define OPEN (INT64_MAX / 2) /* a bound that is not known */

static struct place *place_of(const struct trial *t, uint32_t origin)
{
	uint32_t i = origin - t->first;

	return origin >= t->first && i < PLACES * ISA_MAX_FRAMES && i / PLACES <= t->depth ?
		       &t->places[i / PLACES][i % PLACES] :
		       NULL;
}

static bool is_live(struct verifier *v, const struct trial *t, unsigned int regno)
{
	return live_regs(v, t->loop->head) & 1u << regno;
}

/* May such a pointer move through its object? */
static bool walks(const struct reg *r)
{
	return r->type == T_PKT || r->type == T_PKT_META || r->type == T_MAP_VALUE ||
	       r->type == T_MAP_KEY || r->type == T_MEM || r->type == T_STACK;
}

static bool whole(const struct slot *s)
{
	return s->type[0] == SLOT_SPILL;
}

/* Making ------------------------------------------------------------------------------------------ */

/* [lo, hi], and the low bits that no step changes. */
static struct scalar stepped(int64_t lo, int64_t hi, const struct place *p, struct tnum from)
{
	struct scalar s = scalar_srange(lo, hi);
	uint64_t low = p->dbits ? (uint64_t)(p->dbits & -p->dbits) - 1 : ~0ull;

	low &= ~from.mask;
	s.t.value = (s.t.value & ~low) | (from.value & low);
	s.t.mask &= ~low;
	if (!scalar_sync(&s))
		s = scalar_srange(lo, hi);
	return s;
}

/* How far the place has moved after at most t->rounds. False: too far, or not known. */
static bool moved(const struct trial *t, const struct place *p, int64_t *ret_lo, int64_t *ret_hi)
{
	int64_t lo = 0, hi = 0;

	if (!t->rank || t->rounds > INT32_MAX ||
	    __builtin_mul_overflow(p->dmin < 0 ? p->dmin : 0, (int64_t)t->rounds, &lo) ||
	    __builtin_mul_overflow(p->dmax > 0 ? p->dmax : 0, (int64_t)t->rounds, &hi))
		return false;
	*ret_lo = lo;
	*ret_hi = hi;
	return true;
}

static void make_number(const struct trial *t, const struct place *p, struct reg *r)
{
	int64_t lo, hi, min = r->s.smin, max = r->s.smax;
	bool known = scalar_is_const(&r->s) || r->by_rounds;

	r->id = 0;
	r->off = 0;
	r->by_rounds = known && p->dmin == p->dmax;
	if (p == t->rank) {
		if (t->falls)
			min = t->bound < min ? t->bound : min;
		else
			max = t->bound > max ? t->bound : max;
	} else if (!moved(t, p, &lo, &hi) || __builtin_add_overflow(min, lo, &min) ||
		   __builtin_add_overflow(max, hi, &max)) {
		/* it may wrap; while no bound is known, a trial that shall find one assumes that it does not */
		min = p->dmin < 0 || t->rank ? INT64_MIN : r->s.smin;
		max = p->dmax > 0 || t->rank ? INT64_MAX : r->s.smax;
	}
	r->s = stepped(min, max, p, r->s.t);
}

static void make_pointer(struct verifier *v, const struct trial *t, const struct place *p,
			 struct reg *r)
{
	struct scalar by;
	int64_t lo, hi;

	if (!moved(t, p, &lo, &hi) || hi >= MAX_OFFSET || lo <= -MAX_OFFSET) {
		if (t->rank) {
			reg_clear(r);
			return;
		}
		lo = p->dmin < 0 ? -MAX_OFFSET : 0;
		hi = p->dmax > 0 ? MAX_OFFSET : 0;
	}
	r->by_rounds = (scalar_is_const(&r->s) || r->by_rounds) && p->dmin == p->dmax;
	by = stepped(lo, hi, p, tnum_const(0));
	r->s = scalar_add(&r->s, &by);
	if (!reg_is_packet(r))
		return;
	r->id = next_id(v);
	if (r->range > 0)
		r->range = hi < r->range ? r->range - (int32_t)hi : 0;
}

static void make_reg(struct verifier *v, const struct trial *t, const struct place *p,
		     struct reg *r, uint32_t origin)
{
	switch ((enum place_kind)p->kind) {
	case PLACE_LINEAR:
		if (r->type == T_SCALAR)
			make_number(t, p, r);
		else
			make_pointer(v, t, p, r);
		break;
	case PLACE_WIDENED:
		reg_scalar(r, p->s);
		break;
	case PLACE_BYTES:
	case PLACE_NOTHING:
		reg_clear(r);
		break;
	case PLACE_SAME:
		if (t->no_links && r->type == T_SCALAR) {
			r->id = 0;
			r->off = 0;
		}
		break;
	}
	r->delta = 0;
	r->origin = r->type == T_SCALAR || walks(r) ? origin : 0;
}

static void make_slot(struct verifier *v, const struct trial *t, const struct place *p,
		      struct slot *s, uint32_t origin)
{
	if (p->kind == PLACE_BYTES || p->kind == PLACE_NOTHING) {
		memset(s, 0, sizeof(*s));
		if (p->kind == PLACE_BYTES)
			memcpy(s->type, p->bytes, sizeof(s->type));
	} else if (whole(s)) {
		make_reg(v, t, p, &s->spill, origin);
	} else if (slot_is_spill(s)) {
		origin_lose(&s->spill);
		if (t->no_links) {
			s->spill.id = 0;
			s->spill.off = 0;
		}
	}
}

struct state *head_make(struct verifier *v, struct trial *t)
{
	struct state *st = state_copy(v, t->base, false);

	st->parent = t->base->parent;
	for (uint32_t i = 0; i <= st->cur && !v->oom; i++) {
		struct frame *f = frame_own(v, st, i);
		uint32_t first = t->first + i * PLACES;

		for (unsigned int r = 0; r < FP && i == st->cur; r++) {
			if (is_live(v, t, r))
				make_reg(v, t, &t->places[i][r], &f->regs[r], first + r);
			else
				reg_clear(&f->regs[r]);
			t->places[i][r].back = t->places[i][r].assigned = false;
		}
		if (!f->stack)
			continue;
		stack_own(v, f, f->stack->n);
		for (uint32_t s = 0; s < f->stack->n; s++) {
			struct place *p = &t->places[i][10 + s];

			make_slot(v, t, p, &f->stack->slots[s], first + 10 + s);
			p->back = p->assigned = false;
		}
	}
	return st;
}

/* What comes back --------------------------------------------------------------------------------- */

static void come_back(struct place *p, const struct reg *a)
{
	int64_t lo = a->type == T_SCALAR ? a->s.smin : 0, hi = a->type == T_SCALAR ? a->s.smax : 0;

	p->lo = p->back && p->lo < lo ? p->lo : lo;
	p->hi = p->back && p->hi > hi ? p->hi : hi;
	p->back = true;
}

static void moved_by(struct trial *t, struct place *p, int64_t delta)
{
	if (p->kind == PLACE_SAME) {
		p->kind = PLACE_LINEAR;
		p->dmin = p->dmax = p->dbits = delta;
		t->changed = true;
	}
	if (delta < p->dmin || delta > p->dmax || (p->dbits | delta) != p->dbits)
		t->changed = true;
	p->dmin = delta < p->dmin ? delta : p->dmin;
	p->dmax = delta > p->dmax ? delta : p->dmax;
	p->dbits |= delta;
}

static void widen_place(struct place *p, const struct scalar *old, const struct scalar *now)
{
	struct scalar both = scalar_join(old, now);

	if (!p->level)
		p->s = scalar_widen(old, now, NULL, 0);
	else if (p->level == 1 && both.umax <= UINT32_MAX)
		p->s = scalar_sized(4);
	else
		p->s = scalar_unknown();
	p->level++;
	p->kind = PLACE_WIDENED;
}

/* @s is the head's, @a came back. False: the place cannot be kept as a register. */
static bool meet_reg(struct verifier *v, struct trial *t, struct place *p, const struct reg *s,
		     const struct reg *a)
{
	bool same = s->origin && a->origin == s->origin && a->type == s->type;

	if (s->type == T_NOT_INIT)
		return true;
	if (same && p->kind == PLACE_SAME && !a->delta)
		return true;
	if (same && (p->kind == PLACE_LINEAR || (p->kind == PLACE_SAME && a->delta))) {
		moved_by(t, p, a->delta);
		come_back(p, a);
		return true;
	}
	if (p->kind != PLACE_LINEAR && prune_reg_within(v, s, a)) {
		p->assigned = true;
		return true;
	}
	t->changed = true;
	if (s->type != T_SCALAR || a->type != T_SCALAR)
		return false;
	widen_place(p, &s->s, &a->s);
	return true;
}

/* What is left of both: kinds of bytes. */
static void meet_bytes(struct trial *t, struct place *p, const struct slot *s, const struct slot *a)
{
	bool pointer = (slot_is_spill(s) && s->spill.type != T_SCALAR) ||
		       (slot_is_spill(a) && a->spill.type != T_SCALAR);

	t->changed = true;
	t->failed |= s->type[0] >= SLOT_DYNPTR || a->type[0] >= SLOT_DYNPTR;
	p->kind = PLACE_BYTES;
	for (unsigned int i = 0; i < 8; i++) {
		uint8_t x = s->type[i], y = a->type[i];

		if (pointer || x == SLOT_INVALID || y == SLOT_INVALID)
			p->bytes[i] = SLOT_INVALID;
		else
			p->bytes[i] = x == y && x != SLOT_SPILL ? x : SLOT_MISC;
	}
}

static void meet_slot(struct verifier *v, struct trial *t, struct place *p, const struct slot *s,
		      const struct slot *a)
{
	if (whole(s) && whole(a)) {
		if (!meet_reg(v, t, p, &s->spill, &a->spill))
			p->kind = PLACE_NOTHING;
	} else if (p->kind == PLACE_LINEAR || !prune_slot_within(v, s, a)) {
		meet_bytes(t, p, s, a);
	} else {
		p->assigned = true;
	}
}

/* In the round in which all else fits: with moved places put back, is it the head's state? */
static void meet_whole(struct verifier *v, struct trial *t)
{
	struct state *st = state_copy(v, v->st, false), *head = t->head;

	for (uint32_t i = 0; i <= st->cur && !v->oom; i++) {
		struct frame *f = frame_own(v, st, i);
		const struct frame *h = head->frames[i];

		for (unsigned int r = 0; r < FP && i == st->cur; r++)
			if (t->places[i][r].kind == PLACE_LINEAR)
				f->regs[r] = h->regs[r];
		if (!f->stack || !h->stack)
			continue;
		stack_own(v, f, f->stack->n);
		for (uint32_t s = 0; s < f->stack->n && s < h->stack->n; s++)
			if (t->places[i][10 + s].kind == PLACE_LINEAR)
				f->stack->slots[s] = h->stack->slots[s];
	}
	if (!v->oom && !prune_within(v, head, st)) {
		t->failed |= t->no_links;
		t->changed = t->no_links = true;
	}
	state_free(v, st);
}

/* Has the number that ends the loop gone too far? */
static void meet_rank(struct trial *t)
{
	const struct place *p = t->rank;
	int64_t x;

	if (!p || !p->back || p->kind != PLACE_LINEAR)
		return;
	x = t->falls ? p->lo : p->hi;
	/* a number that starts at one value and steps evenly takes only these */
	if (t->rank_min == t->rank_max && p->dmin == p->dmax) {
		__int128 way = ((__int128)x - t->rank_min) / p->dmin;

		x = (int64_t)(t->rank_min + way * p->dmin);
	}
	if (t->falls ? x < t->bound : x > t->bound)
		t->changed = true;
	else
		t->bounded = true;
}

void head_meet(struct verifier *v, struct trial *t)
{
	static const struct slot none;
	const struct state *st = v->st, *head = t->head;

	if (t->arrivals == 1)
		t->bounded = false;
	t->failed |= st->may_goto_depth != head->may_goto_depth ||
		     st->callback_depth != head->callback_depth;
	for (unsigned int r = 0; r < FP; r++) {
		struct place *p = &t->places[t->depth][r];

		if (is_live(v, t, r) &&
		    !meet_reg(v, t, p, &frame_of(t->head)->regs[r], &frame_of(v->st)->regs[r]))
			p->kind = PLACE_NOTHING;
	}
	for (uint32_t i = 0; i <= t->depth; i++) {
		const struct stack *h = head->frames[i]->stack, *a = st->frames[i]->stack;

		for (uint32_t s = 0; h && s < h->n; s++)
			meet_slot(v, t, &t->places[i][10 + s], &h->slots[s],
				  a && s < a->n ? &a->slots[s] : &none);
	}
	meet_rank(t);
	if (!t->changed && !t->failed)
		meet_whole(v, t);
}

/* Guessing ---------------------------------------------------------------------------------------- */

void summary_hint(struct verifier *v, const struct reg *a, const struct reg *b)
{
	struct trial *t = v->trial;

	for (int turn = 0; turn < 2; turn++) {
		const struct reg *x = turn ? b : a, *with = turn ? a : b;
		struct place *p = x->type == T_SCALAR && with->type == T_SCALAR ?
					  place_of(t, x->origin) :
					  NULL;
		struct hint h = { with->s.smin, with->s.smax, x->delta };
		bool known = !p || p->nhints == HINTS;

		for (unsigned int i = 0; !known && i < p->nhints; i++)
			known = memcmp(&p->hints[i], &h, sizeof(h)) == 0;
		if (!known)
			p->hints[p->nhints++] = h;
	}
}

/* The nearest value at @least or beyond that a comparison gives, in the direction of the step; OPEN: none. */
static int64_t nearest(const struct place *p, int64_t least, bool falls)
{
	int64_t best = OPEN, step = falls ? p->dmin : p->dmax;

	for (unsigned int i = 0; i < p->nhints; i++)
		for (int64_t edge = 1; edge >= 0; edge--) {
			const struct hint *h = &p->hints[i];
			int64_t end = falls ? h->min : h->max, x;

			if (end >= OPEN || end <= -OPEN)
				continue;
			x = end + step - h->delta;
			x += falls ? edge : -edge;
			if (falls) {
				x = -x;
				if (x >= -least && x < best)
					best = x;
			} else if (x >= least && x < best) {
				best = x;
			}
		}
	return best == OPEN ? OPEN : falls ? -best : best;
}

/* The next bound for a place that each round moves one way. */
static void guess(struct place *p, const struct reg *r, bool falls)
{
	int64_t start = falls ? r->s.smin : r->s.smax, far = falls ? p->lo : p->hi, x;

	if (falls ? far > start : far < start)
		far = start;
	if (p->guessed && p->bound != OPEN && (falls ? far >= p->bound : far <= p->bound))
		return;
	if (p->guessed && p->bound == OPEN) { /* it was seen where it comes back of itself */
		p->bound = falls ? (far > -OPEN ? far : OPEN) : (far < OPEN ? far : OPEN);
		p->open |= p->bound == OPEN;
		return;
	}
	x = p->open ? OPEN : nearest(p, far, falls);
	if (x != OPEN && r->s.smin == r->s.smax && p->dmin == p->dmax)
		x -= (x - start) % p->dmin; /* it takes only these */
	p->guessed = true;
	p->bound = x;
}

static void rank(struct trial *t, struct place *p, const struct reg *r)
{
	bool falls = p->dmax <= -1;
	__int128 way;
	uint64_t rounds;

	if (r->type != T_SCALAR || p->kind != PLACE_LINEAR || (!falls && p->dmin < 1) ||
	    r->s.smin <= -OPEN || r->s.smax >= OPEN)
		return;
	guess(p, r, falls);
	if (p->bound == OPEN)
		return;
	way = falls ? (__int128)r->s.smax - p->bound : (__int128)p->bound - r->s.smin;
	rounds = way <= 0 ? 0 : (uint64_t)(way / (falls ? -p->dmax : p->dmin));
	if (t->rank && t->rounds <= rounds)
		return;
	t->rank = p;
	t->falls = falls;
	t->bound = p->bound;
	t->rounds = rounds;
	t->rank_min = r->s.smin;
	t->rank_max = r->s.smax;
}

void head_guess(struct verifier *v, struct trial *t)
{
	const struct state *base = t->base;

	(void)v;
	t->rank = NULL;
	for (unsigned int r = 0; r < FP; r++)
		rank(t, &t->places[t->depth][r], &frame_of(t->base)->regs[r]);
	for (uint32_t i = 0; i <= t->depth; i++) {
		const struct stack *s = base->frames[i]->stack;

		for (uint32_t k = 0; s && k < s->n; k++)
			if (whole(&s->slots[k]))
				rank(t, &t->places[i][10 + k], &s->slots[k].spill);
	}
}

/* Leaving ----------------------------------------------------------------------------------------- */

static const struct reg *at_place(const struct state *st, uint32_t i)
{
	const struct frame *f = st->frames[i / PLACES];

	i %= PLACES;
	return i < 10 ? &f->regs[i] : &f->stack->slots[i - 10].spill;
}

static void leave(struct verifier *v, struct reg *r, void *ctx)
{
	struct trial *t = ctx;
	struct place *p = r->origin ? place_of(t, r->origin) : NULL;
	const struct reg *was;
	int32_t delta = r->delta;

	(void)v;
	if (!p)
		return;
	was = at_place(t->base, r->origin - t->first);
	if (p->kind != PLACE_SAME || p->assigned || !t->outer || !was->origin) {
		origin_lose(r);
		return;
	}
	r->origin = was->origin;
	r->delta = was->delta;
	origin_add(r, delta);
}

void head_leave(struct verifier *v, struct trial *t, struct state *st)
{
	state_each_reg(v, st, leave, t);
}

static bool counts(const struct reg *was, const struct reg *head)
{
	return was->type == T_SCALAR && head->type == T_SCALAR && !scalar_is_unknown(&head->s);
}

void head_marks(struct verifier *v, const struct trial *t, struct marks *ret)
{
	const struct state *base = t->base, *head = t->head;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i <= base->cur; i++) {
		const struct frame *f = base->frames[i], *h = head->frames[i];
		bool inner = i == base->cur;

		for (unsigned int r = 0; r < FP; r++)
			if (counts(&f->regs[r], &h->regs[r]) && (!inner || is_live(v, t, r)))
				ret->regs[i] |= (uint16_t)(1u << r);
		for (uint32_t s = 0; f->stack && s < f->stack->n; s++)
			if (slot_is_spill(&f->stack->slots[s]) &&
			    slot_is_spill(&h->stack->slots[s]) &&
			    counts(&f->stack->slots[s].spill, &h->stack->slots[s].spill))
				ret->slots[i] |= 1ull << s;
	}
}

/* Within a trial: has each place of @now that @old gives an origin the same one? */
bool summary_same_origins(struct verifier *v, const struct state *old, const struct state *now)
{
	for (uint32_t i = 0; i <= old->cur && i <= now->cur; i++) {
		const struct frame *a = old->frames[i], *b = now->frames[i];
		uint32_t n = a->stack && b->stack ? a->stack->n : 0;

		for (unsigned int r = 0; r < FP; r++)
			if (a->regs[r].origin && (i < old->cur || live_regs(v, v->at) & 1u << r) &&
			    (a->regs[r].origin != b->regs[r].origin ||
			     a->regs[r].delta != b->regs[r].delta))
				return false;
		for (uint32_t s = 0; s < n && s < b->stack->n; s++)
			if (a->stack->slots[s].spill.origin &&
			    (a->stack->slots[s].spill.origin != b->stack->slots[s].spill.origin ||
			     a->stack->slots[s].spill.delta != b->stack->slots[s].spill.delta))
				return false;
	}
	return true;
}
