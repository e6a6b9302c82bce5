// SPDX-License-Identifier: Apache-2.0
/*
 * Linear scan over live ranges with holes (Wimmer and Franz 2010, without splitting). Values are visited in the order
 * in which they start; each register keeps the values that may still meet the one at hand. Registers that
 * instructions destroy (calls, division) are kept out by looking up those between a range's ends. Preferences: the
 * register of a PHI the value flows into, of an operand that ends here, of an argument it becomes. When none is free,
 * what is used least for its length gives way, to a slot of the stack frame.
 */
#include <stdlib.h>
#include <string.h>

#include "jit/alloc.h"

struct event { /* an instruction that destroys registers */
	uint32_t pos, mask;
};

struct active {
	uint32_t value, at; /* at: first range that has not ended */
};

/* What is known without looking at the list: taken before `taken`, free from `over` on. */
struct reg_state {
	struct active *list;
	uint32_t n, room, taken, over;
};

struct scan {
	struct jit_alloc *a;
	struct event *events;
	uint32_t nevents, next_event; /* that a value which starts now can meet */
	uint32_t start;		      /* of the value at hand */
	uint32_t every;		      /* all registers that any event destroys */
	struct reg_state regs[MAX_REGS];
	uint8_t *want; /* by value: register that a user of it prefers */
};

static bool find_events(struct scan *s)
{
	struct jit_alloc *a = s->a;

	s->events = ARENA_RAW(a->arena, struct event, a->nfixed);
	if (!s->events)
		return false;
	for (uint32_t i = 0; i < a->nfixed; i++) {
		const struct jit_fixed *at = &a->fixed[i];
		uint32_t mask = a->target->clobbers(a, &a->f->ins[at->value]);

		if (!mask)
			continue;
		s->events[s->nevents++] = (struct event){ at->pos, mask };
		s->every |= mask;
	}
	return true;
}

/* Index of the first event at @pos or later, from @lo on. */
static uint32_t event_at(const struct scan *s, uint32_t lo, uint32_t pos)
{
	uint32_t hi = s->nevents;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->events[mid].pos < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The ranges of a value. */
static inline const struct jit_range *ranges(const struct jit_life *life)
{
	return life->n > 1 ? life->ranges : &life->whole;
}

/* Registers that are destroyed while the value lives, which starts at the place of the scan or later. */
static uint32_t destroyed_by(struct scan *s, uint32_t v, bool later)
{
	const struct jit_life *life = &s->a->life[v];
	const struct jit_range *range = ranges(life);
	uint32_t mask = 0, at;

	while (!later && s->next_event < s->nevents &&
	       s->events[s->next_event].pos < life->whole.start)
		s->next_event++;
	at = s->next_event;
	for (uint32_t r = 0; r < life->n && at < s->nevents; r++, range++) {
		if (r || later)
			at = event_at(s, at, range->start);
		for (; at < s->nevents && s->events[at].pos + 1 < range->end; at++) {
			mask |= s->events[at].mask;
			if (mask == s->every)
				return mask;
		}
	}
	return mask;
}

static inline uint32_t destroyed(struct scan *s, uint32_t v, bool later)
{
	return s->next_event < s->nevents ? destroyed_by(s, v, later) : 0;
}

/* Do the ranges of @v meet those of an active value? */
static bool meets(const struct scan *s, struct active *act, uint32_t v)
{
	const struct jit_life *one = &s->a->life[act->value], *other = &s->a->life[v];
	const struct jit_range *x = ranges(one), *y = ranges(other);
	uint32_t nx = one->n, ny = other->n, i, k = 0;

	if (one->whole.start >= other->whole.end || other->whole.start >= one->whole.end) {
		if (one->whole.end <= other->whole.start)
			act->at = nx;
		return false;
	}
	if (nx == 1 && ny == 1)
		return true;
	while (act->at < nx && x[act->at].end <= y[0].start)
		act->at++;
	i = act->at;
	while (i < nx && k < ny) {
		if (x[i].end <= y[k].start)
			i++;
		else if (y[k].end <= x[i].start)
			k++;
		else
			return true;
	}
	return false;
}

/* Is the register free for @v in a hole of what has it? Forgets what is over. */
static bool is_hole(struct scan *s, uint32_t number, uint32_t v)
{
	const struct jit_life *other = &s->a->life[v];
	const uint32_t first_end = ranges(other)->end;
	struct reg_state *reg = &s->regs[number];
	uint32_t kept = 0, over = 0;
	bool is = true;

	for (uint32_t i = 0; i < reg->n; i++) {
		struct active act = reg->list[i];
		const struct jit_life *life = &s->a->life[act.value];
		const struct jit_range *r = ranges(life);

		if (s->a->reg[act.value] != number || life->whole.end <= s->start)
			continue; /* gave way, or over */
		while (r[act.at].end <= s->start)
			act.at++;
		/* most values have one range, which the next one of the other does not reach */
		is = is && r[act.at].start >= first_end && (other->n == 1 || !meets(s, &act, v));
		if (r[act.at].start <= s->start)
			reg->taken = r[act.at].end;
		if (life->whole.end > over)
			over = life->whole.end;
		reg->list[kept++] = act;
	}
	reg->n = kept;
	reg->over = over;
	return is;
}

/* Is the register free for @v, which starts here? */
static inline bool is_free(struct scan *s, uint32_t number, uint32_t v)
{
	struct reg_state *reg = &s->regs[number];

	if (reg->over <= s->start) {
		reg->n = 0;
		return true;
	}
	return reg->taken <= s->start && is_hole(s, number, v);
}

/* The weight of what is in the way of @v, or a part of it that is @enough. */
static float cost_of(struct scan *s, uint32_t number, uint32_t v, float enough)
{
	float cost = 0;

	for (uint32_t i = 0; i < s->regs[number].n && cost < enough; i++) {
		struct active *act = &s->regs[number].list[i];

		if (s->a->reg[act->value] != number || !meets(s, act, v))
			continue;
		cost += s->a->weight[act->value];
	}
	return cost;
}

static __attribute__((noinline)) bool more_room(struct scan *s, struct reg_state *reg)
{
	uint32_t room = reg->n ? reg->n * 2 : 16;
	struct active *list = ARENA_RAW(s->a->arena, struct active, room);

	if (!list)
		return false;
	if (reg->n)
		memcpy(list, reg->list, reg->n * sizeof(*list));
	reg->list = list;
	reg->room = room;
	return true;
}

static inline bool give(struct scan *s, uint32_t number, uint32_t v)
{
	const struct jit_life *life = &s->a->life[v];
	struct reg_state *reg = &s->regs[number];

	if (reg->n == reg->room && !more_room(s, reg))
		return false;
	if (!reg->n || reg->over < life->whole.end)
		reg->over = life->whole.end;
	reg->taken = ranges(life)->end;
	reg->list[reg->n++] = (struct active){ v, 0 };
	s->a->reg[v] = (uint8_t)number;
	s->a->used |= 1u << number;
	return true;
}

static void to_slot(struct jit_alloc *a, uint32_t v)
{
	a->reg[v] = NO_REG;
	if (!a->slot[v])
		a->slot[v] = ++a->nslots;
}

static void evict(struct scan *s, uint32_t reg, uint32_t v)
{
	for (uint32_t i = 0; i < s->regs[reg].n; i++) {
		struct active *act = &s->regs[reg].list[i];

		if (s->a->reg[act->value] == reg && meets(s, act, v))
			to_slot(s->a, act->value);
	}
}

/* Tries a register that saves a move, once. */
static inline bool try(struct scan *s, uint32_t v, uint32_t reg, uint32_t *left)
{
	if (reg == NO_REG || !(*left >> reg & 1))
		return false;
	*left &= ~(1u << reg);
	return is_free(s, reg, v);
}

/* The register that saves most moves; those that were tried are taken out of @left. */
static uint32_t hinted(struct scan *s, uint32_t v, uint32_t *left)
{
	struct jit_alloc *a = s->a;
	const struct ir_fn *f = a->f;
	const struct ir_ins *in = &f->ins[v];
	uint32_t ops[8], n, reg, phi = a->life[v].phi;

#define TRY(which)                        \
	do {                              \
		reg = (which);            \
		if (try(s, v, reg, left)) \
			return reg;       \
	} while (0)
	if (phi)
		TRY(a->reg[phi]);
	if (in->op == IR_PHI)
		for (uint32_t k = 0; k < in->b && k < 4; k++)
			TRY(a->reg[f->args[in->a + k]]);
	if (phi)
		TRY(s->want[phi]);
	TRY(s->want[v]);
	if (ir_has(in, IR_IS_FIXED))
		TRY(a->target->prefers(in, -1));
	if (in->op == IR_PHI || in->op == IR_CALL || in->op == IR_CALL_LOCAL)
		return NO_REG;
	n = jit_operands(f, in, ops);
	for (uint32_t k = 0; k < n; k++)
		TRY(a->reg[ops[k]]);
#undef TRY
	return NO_REG;
}

/* The register whose values weigh least, if they weigh less than @v. */
static uint32_t lightest(struct scan *s, uint32_t v, uint32_t allowed)
{
	float least = s->a->weight[v];
	uint32_t best = NO_REG;

	for (const uint8_t *reg = s->a->target->order; *reg != NO_REG; reg++) {
		float cost;

		if (!(allowed >> *reg & 1))
			continue;
		cost = cost_of(s, *reg, v, least);
		if (cost < least) {
			best = *reg;
			least = cost;
		}
	}
	return best;
}

static uint32_t first_free(struct scan *s, uint32_t v, uint32_t mask)
{
	for (const uint8_t *r = s->a->target->order; mask && *r != NO_REG; r++) {
		if (mask >> *r & 1 && is_free(s, *r, v))
			return *r;
		mask &= ~(1u << *r);
	}
	return NO_REG;
}

/* A free register; NO_REG: there is none. */
static uint32_t choose(struct scan *s, uint32_t v, uint32_t allowed)
{
	struct jit_alloc *a = s->a;
	uint32_t phi = a->life[v].phi, left = allowed, cheap;
	uint32_t reg = hinted(s, v, &left);

	if (reg != NO_REG)
		return reg;
	/* a PHI that takes the value but starts later: a register that is good for both */
	if (phi && a->reg[phi] == NO_REG && !a->slot[phi] && a->life[phi].n &&
	    a->life[phi].whole.start > s->start) {
		uint32_t both = left & ~destroyed(s, phi, true);

		reg = both == left ? NO_REG : first_free(s, v, both & a->used);
		if (reg == NO_REG && both != left)
			reg = first_free(s, v, both);
		if (reg != NO_REG)
			return reg;
	}
	/* those that have to be saved first only when there is no other */
	cheap = left & (a->target->caller_saved | a->used);
	reg = first_free(s, v, cheap);
	return reg != NO_REG ? reg : first_free(s, v, left & ~cheap);
}

/* Makes room for the value in a register, or gives it a slot. */
static uint32_t make_way(struct scan *s, uint32_t v, uint32_t allowed)
{
	uint32_t best;

	s->a->failed |= !s->a->weight && !jit_weigh(s->a);
	if (s->a->failed)
		return NO_REG;
	best = lightest(s, v, allowed);
	if (best == NO_REG)
		to_slot(s->a, v);
	else
		evict(s, best, v);
	return best;
}

static bool place(struct scan *s, uint32_t v)
{
	uint32_t allowed = s->a->target->registers & ~destroyed(s, v, false), reg;

	s->start = s->a->life[v].whole.start;
	reg = choose(s, v, allowed);
	if (reg == NO_REG)
		reg = make_way(s, v, allowed);
	return reg == NO_REG ? !s->a->failed : give(s, reg, v);
}

/* What users of values would like. */
static void prepare(struct scan *s)
{
	struct jit_alloc *a = s->a;
	const struct ir_fn *f = a->f;
	uint32_t ops[8], n;

	memset(s->want, NO_REG, f->n);
	memset(a->reg, NO_REG, f->n);
	for (uint32_t i = 0; i < a->nfixed; i++) {
		const struct ir_ins *in = &f->ins[a->fixed[i].value];

		n = jit_operands(f, in, ops);
		for (uint32_t k = 0; k < n; k++) {
			uint8_t reg = a->target->prefers(in, (int)k);

			if (reg != NO_REG)
				s->want[ops[k]] = reg;
		}
	}
}

/* In the order of starts where that is not the one of definitions: a loop's body may lie before its head. */
static int visit_jumbled(struct scan *s)
{
	struct jit_alloc *a = s->a;
	uint32_t end = 0, *first, *next = ARENA_RAW(a->arena, uint32_t, a->f->n);

	for (uint32_t i = 0; i < a->nlayout; i++)
		if (a->block_end[a->layout[i]] > end)
			end = a->block_end[a->layout[i]];
	first = ARENA_ARRAY(a->arena, uint32_t, (size_t)end + 2);
	if (!first || !next)
		return -ENOMEM;
	for (uint32_t i = a->nlayout; i-- > 0;) {
		const struct ir_block *b = &a->f->blocks[a->sequence[i]];

		for (uint32_t v = b->end; v-- > b->start;) {
			if (!a->life[v].n)
				continue;
			next[v] = first[a->life[v].whole.start];
			first[a->life[v].whole.start] = v;
		}
	}
	for (uint32_t at = 0; at < end + 2; at++)
		for (uint32_t v = first[at]; v; v = next[v])
			if (!place(s, v))
				return -ENOMEM;
	return 0;
}

/* Those that start with their block (PHIs, arguments) come before the others. */
static int visit(struct scan *s)
{
	struct jit_alloc *a = s->a;

	if (a->jumbled)
		return visit_jumbled(s);
	for (uint32_t i = 0; i < a->nlayout; i++) {
		uint32_t k = a->sequence[i], here = a->block_pos[k], v;
		const struct ir_block *b = &a->f->blocks[k];

		for (v = b->start; v < b->end && (k == 0 || ir_in_head(a->f, v)); v++)
			if (a->life[v].n && a->life[v].whole.start == here && !place(s, v))
				return -ENOMEM;
		for (v = k == 0 ? b->start : v; v < b->end; v++)
			if (a->life[v].n && a->life[v].whole.start != here && !place(s, v))
				return -ENOMEM;
	}
	return 0;
}

int jit_registers(struct jit_alloc *a)
{
	struct scan s = { .a = a };

	a->reg = ARENA_RAW(a->arena, uint8_t, a->f->n);
	a->slot = ARENA_ARRAY(a->arena, uint32_t, a->f->n);
	s.want = ARENA_RAW(a->arena, uint8_t, a->f->n);
	if (!a->reg || !a->slot || !s.want || !find_events(&s))
		return -ENOMEM;
	prepare(&s);
	return visit(&s);
}
