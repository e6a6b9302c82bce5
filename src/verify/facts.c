/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The analysis of facts.h: blocks, their states, the fixpoint, and the facts.
 *
 * States are kept where blocks begin. Blocks are visited in the order of the program until nothing changes; a jump
 * back widens its target from the third visit on. Every cycle has such a jump, so it ends. Then two rounds narrow:
 * the state of each block is computed anew from those before it, which stays above what can happen.
 */
#include "verify/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "isa/alu.h"

#define MAX_STEPS 64
#define PATIENCE 3
#define NARROWINGS 2

_Static_assert(ISA_COUNT <= UINT8_MAX, "an op fits in a byte");

struct block {
	uint32_t at, end; /* slots */
	uint32_t nslots;  /* of the function's frame */
	uint32_t visits;
	bool dirty, entry;
	struct flow *state; /* NULL until reached */
	struct flow *next;  /* while narrowing */
};

struct facts {
	const struct facts_in *in;
	struct arena arena;
	uint8_t *ops;
	uint32_t *block_of; /* of leaders; else UINT32_MAX */
	struct block *blocks;
	uint32_t nblocks;
	int64_t steps[MAX_STEPS];
	size_t nsteps;
	bool callbacks, narrowing, failed; /* failed: out of memory */
	struct flow now;
};

static bool walked(const struct facts *f, uint32_t at, unsigned int what)
{
	return f->in->walk && f->in->walk[at] & what;
}

static uint32_t target(const struct facts *f, uint32_t at)
{
	return (uint32_t)((int64_t)at + 1 + isa_jump_delta(f->ops[at], &f->in->insns[at]));
}

static bool ends_block(enum isa_op op)
{
	return isa_is_jump(op) || isa_kind(op) == ISA_KIND_EXIT;
}

/* Blocks ------------------------------------------------------------------------------------------ */

/* Slots that are accessed through r10, from @at up to the next function: as many as are worth following. */
static uint32_t frame_slots(const struct facts *f, uint32_t at, const uint8_t *starts)
{
	uint32_t deepest = 0;

	for (uint32_t i = at; i < f->in->n && (i == at || !starts[i]); i++) {
		const struct skep_insn *in = &f->in->insns[i];
		enum isa_kind kind = isa_kind(f->ops[i]);
		bool load = kind == ISA_KIND_LOAD && insn_src(in) == ISA_REG_FP;
		bool store = kind == ISA_KIND_STORE && insn_dst(in) == ISA_REG_FP;

		if ((load || store) && in->off < 0 && in->off >= -ISA_STACK_SIZE)
			deepest = deepest > (uint32_t)-in->off ? deepest : (uint32_t)-in->off;
	}
	return (deepest + 7) / 8;
}

static void mark(uint8_t *marks, uint32_t n, uint32_t at)
{
	if (at < n)
		marks[at] = 1;
}

static void find_leaders(struct facts *f, uint8_t *leaders, uint8_t *starts)
{
	uint32_t n = f->in->n;

	leaders[0] = starts[0] = 1;
	for (uint32_t i = 0; i < n; i += isa_slots(f->ops[i])) {
		enum isa_op op = f->ops[i];

		if (op == ISA_CALL_LOCAL || op == ISA_LD_FUNC) {
			mark(starts, n, target(f, i));
			mark(leaders, n, target(f, i));
			f->callbacks |= op == ISA_LD_FUNC;
		} else if (ends_block(op)) {
			mark(leaders, n, i + 1);
			if (isa_is_jump(op))
				mark(leaders, n, target(f, i));
		}
	}
}

static bool make_blocks(struct facts *f)
{
	uint32_t n = f->in->n, nslots = 0;
	uint8_t *leaders = arena_alloc(&f->arena, n, 1), *starts = arena_alloc(&f->arena, n, 1);

	f->ops = arena_alloc(&f->arena, n, 1);
	f->block_of = ARENA_ARRAY(&f->arena, uint32_t, n);
	if (!leaders || !starts || !f->ops || !f->block_of)
		return false;
	for (uint32_t i = 0; i < n; i += isa_slots(f->ops[i])) {
		enum isa_op op = isa_decode(&f->in->insns[i], n - i);

		f->ops[i] = (uint8_t)(op == ISA_INVALID ? isa_nearest(&f->in->insns[i]) : op);
	}
	find_leaders(f, leaders, starts);
	for (uint32_t i = 0; i < n; i++)
		f->nblocks += leaders[i];
	f->blocks = ARENA_ARRAY(&f->arena, struct block, f->nblocks);
	if (!f->blocks)
		return false;
	f->nblocks = 0;
	for (uint32_t i = 0; i < n; i++) {
		f->block_of[i] = UINT32_MAX;
		if (!leaders[i])
			continue;
		if (starts[i])
			nslots = frame_slots(f, i, starts);
		if (f->nblocks)
			f->blocks[f->nblocks - 1].end = i;
		f->block_of[i] = f->nblocks;
		f->blocks[f->nblocks++] =
			(struct block){ .at = i, .end = n, .nslots = nslots, .entry = starts[i] };
	}
	return true;
}

/* Constants that jumps compare with, and their neighbours: where widening rests. */
static void find_steps(struct facts *f)
{
	for (uint32_t i = 0; i < f->in->n && f->nsteps + 3 <= MAX_STEPS;
	     i += isa_slots(f->ops[i])) {
		int64_t x = f->in->insns[i].imm;
		bool known = false;

		if (isa_kind(f->ops[i]) != ISA_KIND_BRANCH || isa_reads(f->ops[i]) & ISA_USE_SRC)
			continue;
		for (size_t k = 0; k < f->nsteps; k++)
			known |= f->steps[k] == x;
		for (int64_t k = -1; k <= 1 && !known; k++)
			f->steps[f->nsteps++] = x + k;
	}
}

/* Flow -------------------------------------------------------------------------------------------- */

static size_t flow_size(uint32_t nslots)
{
	return offsetof(struct flow, slots) + nslots * sizeof(struct flow_slot);
}

static bool same_value(const struct flow_value *a, const struct flow_value *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == FLOW_NUMBER)
		return scalar_equal(&a->s, &b->s);
	return a->kind == FLOW_ANY || a->off == b->off;
}

static bool same_slot(const struct flow_slot *a, const struct flow_slot *b)
{
	return a->form == b->form && (a->form == FLOW_EMPTY || same_value(&a->v[0], &b->v[0])) &&
	       (a->form != FLOW_HALVES || same_value(&a->v[1], &b->v[1]));
}

static void widen(struct facts *f, struct flow_value *to, const struct flow_value *old)
{
	if (to->kind == FLOW_NUMBER && old->kind == FLOW_NUMBER)
		to->s = scalar_widen(&old->s, &to->s, f->steps, f->nsteps);
}

/* Joins @from into @to; true if @to changed. */
static bool merge(struct facts *f, struct flow *to, const struct flow *from, bool wide)
{
	bool changed = false;

	for (unsigned int r = 0; r < ISA_REGS; r++) {
		struct flow_value old = to->regs[r];

		flow_join(&to->regs[r], &from->regs[r]);
		if (same_value(&old, &to->regs[r]))
			continue;
		changed = true;
		if (wide)
			widen(f, &to->regs[r], &old);
	}
	for (uint32_t i = 0; i < to->nslots; i++) {
		struct flow_slot old = to->slots[i];

		flow_join_slot(&to->slots[i], &from->slots[i]);
		if (same_slot(&old, &to->slots[i]))
			continue;
		changed = true;
		if (!wide || to->slots[i].form == FLOW_EMPTY)
			continue;
		widen(f, &to->slots[i].v[0], &old.v[0]);
		if (to->slots[i].form == FLOW_HALVES)
			widen(f, &to->slots[i].v[1], &old.v[1]);
	}
	return changed;
}

static void flow_into(struct facts *f, uint32_t from, uint32_t to, const struct flow *state)
{
	struct block *b;
	struct flow **at;

	/* No accepted program leaves its function; one that does gets no facts. */
	if (to >= f->in->n || f->block_of[to] == UINT32_MAX ||
	    f->blocks[f->block_of[to]].nslots != state->nslots) {
		f->failed = true;
		return;
	}
	b = &f->blocks[f->block_of[to]];
	at = f->narrowing ? &b->next : &b->state;
	if (!*at) {
		*at = arena_dup(&f->arena, state, flow_size(state->nslots));
		f->failed |= !*at;
		b->dirty = true;
		return;
	}
	if (merge(f, *at, state, !f->narrowing && to <= from && b->visits >= PATIENCE))
		b->dirty = true;
}

/* Along one way of a conditional jump; does nothing when it is never taken. */
static void branch_way(struct facts *f, uint32_t at, bool taken, uint32_t to)
{
	const struct skep_insn *in = &f->in->insns[at];
	struct flow *way = &f->now;
	struct flow_value *dst = &way->regs[insn_dst(in)], was_dst = *dst, was_src;
	struct scalar a = flow_number(dst), b = scalar_const(alu_imm(in->imm));
	bool reg = isa_reads(f->ops[at]) & ISA_USE_SRC, self = reg && insn_src(in) == insn_dst(in);
	struct flow_value *src = &way->regs[insn_src(in)];

	was_src = *src;
	if (reg)
		b = flow_number(src);
	if (walked(f, at, taken ? FACTS_NEVER : FACTS_ALWAYS) ||
	    !scalar_refine(f->ops[at], taken, &a, self ? &a : &b))
		return;
	if (dst->kind == FLOW_NUMBER)
		dst->s = a;
	if (reg && !self && src->kind == FLOW_NUMBER)
		src->s = b;
	flow_into(f, at, to, way);
	*src = was_src;
	*dst = was_dst;
}

static struct flow_step step_at(const struct facts *f, uint32_t at)
{
	return (struct flow_step){
		.in = &f->in->insns[at],
		.op = f->ops[at],
		.ctx = !f->in->walk || walked(f, at, FACTS_CTX),
		.callbacks = f->callbacks,
	};
}

/* From f->now at the start of @b to its end, and into what follows. */
static void run_block(struct facts *f, const struct block *b)
{
	uint32_t at, next;

	for (at = b->at; at < b->end; at = next) {
		struct flow_step step = step_at(f, at);

		next = at + isa_slots(step.op);
		if (f->in->walk && !walked(f, at, FACTS_SEEN))
			return;
		if (isa_kind(step.op) == ISA_KIND_EXIT)
			return;
		if (isa_kind(step.op) == ISA_KIND_BRANCH) {
			branch_way(f, at, false, next);
			branch_way(f, at, true, target(f, at));
			return;
		}
		if (isa_is_jump(step.op)) {
			flow_into(f, at, target(f, at), &f->now);
			if (step.op == ISA_MAY_GOTO)
				flow_into(f, at, next, &f->now);
			return;
		}
		flow_step(&f->now, &step);
	}
	if (at < f->in->n)
		flow_into(f, at - 1, at, &f->now);
}

static void enter(struct facts *f, struct block *b, const struct flow *state)
{
	memcpy(&f->now, state, flow_size(b->nslots));
}

static void start_functions(struct facts *f)
{
	for (uint32_t i = 0; i < f->nblocks; i++) {
		if (!f->blocks[i].entry)
			continue;
		flow_start(&f->now, f->blocks[i].nslots);
		flow_into(f, 0, f->blocks[i].at, &f->now);
	}
}

static void rise(struct facts *f)
{
	bool again = true;

	start_functions(f);
	while (again && !f->failed) {
		again = false;
		for (uint32_t i = 0; i < f->nblocks; i++) {
			struct block *b = &f->blocks[i];

			if (!b->dirty || f->failed)
				continue;
			again = true;
			b->dirty = false;
			b->visits++;
			enter(f, b, b->state);
			run_block(f, b);
		}
	}
}

/* The states of all blocks, computed once more from those there are. */
static void narrow(struct facts *f)
{
	f->narrowing = true;
	start_functions(f);
	for (uint32_t i = 0; i < f->nblocks && !f->failed; i++) {
		if (!f->blocks[i].state)
			continue;
		enter(f, &f->blocks[i], f->blocks[i].state);
		run_block(f, &f->blocks[i]);
	}
	f->narrowing = false;
	for (uint32_t i = 0; i < f->nblocks && !f->failed; i++) {
		f->blocks[i].state = f->blocks[i].next;
		f->blocks[i].next = NULL;
	}
}

/* Facts ------------------------------------------------------------------------------------------- */

static void fact_value(struct spec_fact *fact, const struct flow_value *v)
{
	if (v->kind != FLOW_NUMBER)
		return;
	if (scalar_is_const(&v->s)) {
		fact->flags |= FACT_CONST;
		fact->value = scalar_value(&v->s);
	}
	if (v->s.umin || v->s.umax != UINT64_MAX) {
		fact->flags |= FACT_RANGE;
		fact->umin = v->s.umin;
		fact->umax = v->s.umax;
	}
}

static void fact_branch(const struct facts *f, uint32_t at, struct spec_fact *fact)
{
	const struct skep_insn *in = &f->in->insns[at];
	const struct flow_value *dst = &f->now.regs[insn_dst(in)];
	bool reg = isa_reads(f->ops[at]) & ISA_USE_SRC, self = reg && insn_src(in) == insn_dst(in);
	struct scalar a = flow_number(dst), b = reg ? flow_number(&f->now.regs[insn_src(in)]) :
						      scalar_const(alu_imm(in->imm));
	enum scalar_truth truth = scalar_branch(f->ops[at], &a, self ? &a : &b);

	if (truth == SCALAR_ALWAYS || walked(f, at, FACTS_ALWAYS))
		fact->flags |= FACT_TAKEN;
	else if (truth == SCALAR_NEVER || walked(f, at, FACTS_NEVER))
		fact->flags |= FACT_NOT_TAKEN;
}

/* A helper's map and key. */
static void fact_call(const struct facts *f, struct spec_fact *fact)
{
	const struct flow_value *map = &f->now.regs[1], *key = &f->now.regs[2];
	const struct verify_map *m;
	struct flow_value v;

	if (map->kind != FLOW_MAP || (uint32_t)map->off >= f->in->nmaps)
		return;
	m = &f->in->maps[map->off];
	fact->flags |= FACT_MAP;
	fact->value = m->address ? m->address : (uint64_t)map->off;
	if (key->kind != FLOW_STACK || !num_is_pow2(m->key_size) || m->key_size > 8)
		return;
	v = flow_load(&f->now, key->off, m->key_size);
	if (v.kind != FLOW_NUMBER || !scalar_is_const(&v.s))
		return;
	fact->flags |= FACT_KEY;
	fact->umin = scalar_value(&v.s);
}

static void fact_insn(struct facts *f, uint32_t at, struct spec_fact *fact)
{
	struct flow_step step = step_at(f, at);

	if (walked(f, at, FACTS_SAFE))
		fact->flags |= FACT_SAFE;
	if (walked(f, at, FACTS_PROBE))
		fact->flags |= FACT_PROBE;
	if (isa_kind(step.op) == ISA_KIND_BRANCH)
		fact_branch(f, at, fact);
	if (step.op == ISA_CALL_HELPER)
		fact_call(f, fact);
	flow_step(&f->now, &step);
	if (isa_writes(step.op) & ISA_USE_DST)
		fact_value(fact, &f->now.regs[insn_dst(step.in)]);
}

static void make_facts(struct facts *f, struct spec_fact *ret)
{
	for (uint32_t i = 0; i < f->nblocks; i++) {
		struct block *b = &f->blocks[i];

		if (b->state)
			enter(f, b, b->state);
		for (uint32_t at = b->at; at < b->end; at += isa_slots(f->ops[at])) {
			if (!b->state || (f->in->walk && !walked(f, at, FACTS_SEEN)))
				ret[at].flags |= FACT_DEAD;
			else
				fact_insn(f, at, &ret[at]);
		}
	}
}

/* What the walk alone says. */
static void plain_facts(const struct facts_in *in, struct spec_fact *ret)
{
	for (uint32_t at = 0; in->walk && at < in->n;
	     at += isa_slots(isa_decode(&in->insns[at], in->n - at))) {
		unsigned int w = in->walk[at];

		ret[at].flags = !(w & FACTS_SEEN) ?
					FACT_DEAD :
					(w & FACTS_ALWAYS ? FACT_TAKEN : 0u) |
						(w & FACTS_NEVER ? FACT_NOT_TAKEN : 0u) |
						(w & FACTS_SAFE ? FACT_SAFE : 0u) |
						(w & FACTS_PROBE ? FACT_PROBE : 0u);
	}
}

int facts_make(const struct facts_in *in, struct spec_fact *ret)
{
	struct facts *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	memset(ret, 0, in->n * sizeof(*ret));
	f->in = in;
	arena_init(&f->arena, in->memory);
	f->failed = !in->n || !make_blocks(f);
	if (!f->failed) {
		find_steps(f);
		rise(f);
	}
	for (int i = 0; i < NARROWINGS && !f->failed; i++)
		narrow(f);
	if (f->failed)
		plain_facts(in, ret);
	else
		make_facts(f, ret);
	arena_done(&f->arena);
	free(f);
	return 0;
}
