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

struct scan {
	struct jit_alloc *a;
	struct event *events;
	uint32_t nevents, every; /* every: all registers that any event destroys */
	struct {
		struct active *list;
		uint32_t n, room;
	} regs[MAX_REGS];
	uint8_t *want; /* by value: register that a user of it prefers */
};

static bool find_events(struct scan *s)
{
	struct jit_alloc *a = s->a;
	uint32_t room = 0;

	for (uint32_t v = 1; v < a->f->n; v++)
		room += a->target->clobbers(a, &a->f->ins[v]) != 0;
	s->events = ARENA_ARRAY(a->arena, struct event, room);
	if (!s->events)
		return false;
	for (uint32_t i = 0; i < a->nlayout; i++) {
		const struct ir_block *b = &a->f->blocks[a->layout[i]];

		for (uint32_t v = b->start; v < b->end; v++) {
			uint32_t mask = a->target->clobbers(a, &a->f->ins[v]);

			if (!mask)
				continue;
			s->events[s->nevents++] = (struct event){ a->pos[v], mask };
			s->every |= mask;
		}
	}
	return true;
}

/* Registers that are destroyed while the value lives. */
static uint32_t destroyed(const struct scan *s, uint32_t v)
{
	uint32_t mask = 0;

	for (uint32_t r = 0; r < s->a->nranges[v]; r++) {
		const struct jit_range *range = &s->a->live[v][r];
		uint32_t lo = 0, hi = s->nevents;

		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (s->events[mid].pos < range->start)
				lo = mid + 1;
			else
				hi = mid;
		}
		for (; lo < s->nevents && s->events[lo].pos + 1 < range->end; lo++) {
			mask |= s->events[lo].mask;
			if (mask == s->every)
				return mask;
		}
	}
	return mask;
}

/* Do the ranges of @v meet those of an active value? */
static bool meets(const struct scan *s, struct active *act, uint32_t v)
{
	const struct jit_range *x = s->a->live[act->value], *y = s->a->live[v];
	uint32_t nx = s->a->nranges[act->value], ny = s->a->nranges[v], i, k = 0;

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

/* Is the register free for @v? Else *cost is the weight of those in its way. */
static bool is_free(struct scan *s, uint32_t reg, uint32_t v, float *cost)
{
	uint32_t kept = 0;
	bool is = true;

	*cost = 0;
	for (uint32_t i = 0; i < s->regs[reg].n; i++) {
		struct active *act = &s->regs[reg].list[i];
		bool clash;

		if (s->a->reg[act->value] != reg)
			continue; /* gave way */
		clash = meets(s, act, v);
		if (act->at == s->a->nranges[act->value])
			continue; /* over */
		if (clash) {
			is = false;
			*cost += s->a->weight[act->value];
		}
		s->regs[reg].list[kept++] = *act;
	}
	s->regs[reg].n = kept;
	return is;
}

static bool give(struct scan *s, uint32_t reg, uint32_t v)
{
	uint32_t n = s->regs[reg].n;

	if (n == s->regs[reg].room) {
		uint32_t room = n ? n * 2 : 16;
		struct active *list = ARENA_ARRAY(s->a->arena, struct active, room);

		if (!list)
			return false;
		if (n)
			memcpy(list, s->regs[reg].list, n * sizeof(*list));
		s->regs[reg].list = list;
		s->regs[reg].room = room;
	}
	s->regs[reg].list[s->regs[reg].n++] = (struct active){ v, 0 };
	s->a->reg[v] = (uint8_t)reg;
	s->a->used |= 1u << reg;
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

/* Tries the registers that save a move, best first. */
static uint32_t hinted(struct scan *s, uint32_t v, uint32_t allowed)
{
	struct jit_alloc *a = s->a;
	const struct ir_fn *f = a->f;
	const struct ir_ins *in = &f->ins[v];
	uint32_t hints[12], n = 0, ops[8], count;
	float cost;

	if (a->phi_of[v])
		hints[n++] = a->reg[a->phi_of[v]];
	if (in->op == IR_PHI)
		for (uint32_t k = 0; k < in->b && n < 4; k++)
			if (jit_placed(f, f->args[in->a + k]))
				hints[n++] = a->reg[f->args[in->a + k]];
	if (a->phi_of[v])
		hints[n++] = s->want[a->phi_of[v]];
	hints[n++] = s->want[v];
	hints[n++] = a->target->prefers(in, -1);
	if (in->op != IR_PHI && in->op != IR_CALL && in->op != IR_CALL_LOCAL) {
		count = jit_operands(f, in, ops);
		for (uint32_t k = 0; k < count && n < 12; k++)
			if (jit_placed(f, ops[k]))
				hints[n++] = a->reg[ops[k]];
	}
	for (uint32_t i = 0; i < n; i++)
		if (hints[i] != NO_REG && allowed >> hints[i] & 1 && is_free(s, hints[i], v, &cost))
			return hints[i];
	return NO_REG;
}

static bool place(struct scan *s, uint32_t v)
{
	struct jit_alloc *a = s->a;
	uint32_t allowed = a->target->registers & ~destroyed(s, v), best = NO_REG;
	float least = 0, cost;
	uint32_t reg = hinted(s, v, allowed);

	if (reg != NO_REG)
		return give(s, reg, v);
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; a->target->order[i] != NO_REG; i++) {
			bool dear;

			reg = a->target->order[i];
			dear = !(a->target->caller_saved >> reg & 1) && !(a->used >> reg & 1);
			if (!(allowed >> reg & 1) || dear != (pass == 1))
				continue;
			if (is_free(s, reg, v, &cost))
				return give(s, reg, v);
			if (best == NO_REG || cost < least) {
				best = reg;
				least = cost;
			}
		}
	if (best == NO_REG || least >= a->weight[v]) {
		to_slot(a, v);
		return true;
	}
	evict(s, best, v);
	return give(s, best, v);
}

/* What users of values would like, and weights by length. */
static void prepare(struct scan *s)
{
	struct jit_alloc *a = s->a;
	const struct ir_fn *f = a->f;
	uint32_t ops[8], n;

	memset(s->want, NO_REG, f->n);
	memset(a->reg, NO_REG, f->n);
	for (uint32_t v = 1; v < f->n; v++) {
		const struct ir_ins *in = &f->ins[v];

		if (in->op == IR_PHI)
			continue;
		n = jit_operands(f, in, ops);
		for (uint32_t k = 0; k < n; k++) {
			uint8_t reg = a->target->prefers(in, (int)k);

			if (reg != NO_REG)
				s->want[ops[k]] = reg;
		}
		if (a->nranges[v]) {
			const struct jit_range *r = a->live[v];

			a->weight[v] /= (float)(r[a->nranges[v] - 1].end - r[0].start + 4);
		}
	}
	for (uint32_t v = 1; v < f->n; v++)
		if (ir_is(f, v, IR_PHI) && a->nranges[v])
			a->weight[v] /= (float)(a->live[v][a->nranges[v] - 1].end -
						a->live[v][0].start + 4);
}

/* In the order of starts, which is not that of definitions: a loop's body may lie before its head. */
static int visit(struct scan *s)
{
	struct jit_alloc *a = s->a;
	uint32_t end = 0, *first, *next = ARENA_ARRAY(a->arena, uint32_t, a->f->n);

	for (uint32_t i = 0; i < a->nlayout; i++)
		if (a->block_end[a->layout[i]] > end)
			end = a->block_end[a->layout[i]];
	first = ARENA_ARRAY(a->arena, uint32_t, (size_t)end + 2);
	if (!first || !next)
		return -ENOMEM;
	for (uint32_t i = a->nlayout; i-- > 0;) {
		const struct ir_block *b = &a->f->blocks[a->layout[i]];

		for (uint32_t v = b->end; v-- > b->start;) {
			if (!a->nranges[v])
				continue;
			next[v] = first[a->live[v][0].start];
			first[a->live[v][0].start] = v;
		}
	}
	for (uint32_t at = 0; at < end + 2; at++)
		for (uint32_t v = first[at]; v; v = next[v])
			if (!place(s, v))
				return -ENOMEM;
	return 0;
}

int jit_registers(struct jit_alloc *a)
{
	struct scan s = { .a = a };

	a->reg = ARENA_ARRAY(a->arena, uint8_t, a->f->n);
	a->slot = ARENA_ARRAY(a->arena, uint32_t, a->f->n);
	s.want = ARENA_ARRAY(a->arena, uint8_t, a->f->n);
	if (!a->reg || !a->slot || !s.want || !find_events(&s))
		return -ENOMEM;
	prepare(&s);
	return visit(&s);
}
