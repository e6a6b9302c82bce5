// SPDX-License-Identifier: Apache-2.0
/*
 * Live ranges, value by value: from each use back to the definition, over every path (Boissinot et al. 2008, "by use").
 * It holds for any control flow, loops or not, and the work is the size of the result, which a program of eleven
 * registers keeps small; MAX_LIVE bounds what a hostile one can make of it.
 */
#include <stdlib.h>
#include <string.h>

#include "jit/alloc.h"

#define MAX_LIVE 64 /* live blocks for each instruction, on average */

/* A use in another block than the value's. */
struct use {
	uint32_t block, pos, next;
};

struct walk {
	struct jit_alloc *a;
	struct jit_range *near; /* by value: from its definition to its last use in its block */
	struct use *uses;	/* 0: none */
	uint32_t *far;		/* by value: first of its uses */
	uint32_t nuses;
	uint32_t *stamp, *end, *stack, *list; /* by block */
	uint32_t n, top;
	uint64_t total, limit;
};

static float block_weight(const struct ir_fn *f, uint32_t k)
{
	static const float weights[] = { 1, 8, 64, 512, 4096, 32768, 262144 };

	return weights[f->blocks[k].loops];
}

static inline void add_use(struct walk *w, uint32_t v, uint32_t block, uint32_t pos, float weight)
{
	struct jit_alloc *a = w->a;

	if (!jit_placed(a->f, v))
		return;
	a->weight[v] += weight;
	if (a->f->home[v] != block) {
		w->uses[w->nuses] = (struct use){ block, pos, w->far[v] };
		w->far[v] = w->nuses++;
	} else if (w->near[v].end < pos) {
		w->near[v].end = pos;
	}
}

static void add_phi(struct walk *w, const struct ir_block *b, uint32_t v)
{
	struct jit_alloc *a = w->a;
	const struct ir_fn *f = a->f;
	const struct ir_ins *in = &f->ins[v];

	for (uint32_t p = 0; p < in->b; p++) {
		uint32_t from = f->preds[b->pred + p], arg = f->args[in->a + p];

		add_use(w, arg, from, a->block_end[from], block_weight(f, from));
		if (jit_placed(f, arg))
			a->phi_of[arg] = v;
	}
}

/* Must the operand be there when the result is written? */
static bool outlives(const struct ir_ins *in, uint32_t operand)
{
	return in->op == IR_ATOMIC || (in->op == IR_SPEND && operand);
}

/* Operands are where the instruction says, and end with it. */
static inline bool is_simple(const struct ir_ins *in)
{
	return !ir_has(in, IR_IS_LIST) && in->op != IR_ATOMIC && in->op != IR_SPEND;
}

static bool collect_uses(struct walk *w)
{
	struct jit_alloc *a = w->a;
	const struct ir_fn *f = a->f;
	uint32_t ops[8], n;
	size_t total = 1;

	for (uint32_t v = 1; v < f->n; v++)
		total += a->uses[v];
	w->uses = ARENA_RAW(a->arena, struct use, total);
	if (!w->uses)
		return false;
	w->nuses = 1;
	for (uint32_t i = 0; i < a->nlayout; i++) {
		uint32_t k = a->layout[i];
		const struct ir_block *b = &f->blocks[k];
		float weight = block_weight(f, k);

		for (uint32_t v = b->start; v < b->end; v++) {
			const struct ir_ins *in = &f->ins[v];

			if (in->op <= IR_CONST)
				continue;
			if (jit_has_result(in)) {
				uint32_t start = a->pos[v] + (a->pos[v] != a->block_pos[k]);

				a->weight[v] += weight;
				w->near[v].start = start;
				/* unused results are written too; a loop's PHI was used before */
				if (w->near[v].end < a->pos[v] + 2)
					w->near[v].end = a->pos[v] + 2;
			}
			if (in->op == IR_PHI) {
				add_phi(w, b, v);
				continue;
			}
			if (is_simple(in)) {
				if (ir_operands[in->op] >= 1)
					add_use(w, in->a, k, a->pos[v] + 1, weight);
				if (ir_operands[in->op] >= 2)
					add_use(w, in->b, k, a->pos[v] + 1, weight);
				if (ir_has(in, IR_IS_THIRD) && in->c)
					add_use(w, in->c, k, a->pos[v] + 1, weight);
				continue;
			}
			n = jit_operands(f, in, ops);
			for (uint32_t j = 0; j < n; j++)
				add_use(w, ops[j], k, a->pos[v] + (outlives(in, j) ? 2 : 1),
					weight);
		}
	}
	return true;
}

/* The value lives in the block up to @end. */
static bool reach_block(struct walk *w, uint32_t value, uint32_t block, uint32_t end)
{
	bool fresh = w->stamp[block] != value;

	if (fresh) {
		w->stamp[block] = value;
		w->end[block] = 0;
		w->list[w->n++] = block;
	}
	if (end > w->end[block])
		w->end[block] = end;
	return fresh;
}

static void spread(struct walk *w, uint32_t value, uint32_t block)
{
	const struct ir_fn *f = w->a->f;
	uint32_t home = f->home[value];

	w->stack[w->top++] = block;
	while (w->top) {
		const struct ir_block *b = &f->blocks[w->stack[--w->top]];

		for (uint32_t p = 0; p < b->npreds; p++) {
			uint32_t from = f->preds[b->pred + p];
			bool fresh = reach_block(w, value, from, w->a->block_end[from]);

			if (fresh && from != home)
				w->stack[w->top++] = from;
		}
	}
}

static int by_place(const void *x, const void *y)
{
	const struct jit_range *a = x, *b = y;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* A few at a time, and mostly in the opposite order. */
static void sort(struct jit_range *r, uint32_t n)
{
	if (n > 16) {
		qsort(r, n, sizeof(*r), by_place);
		return;
	}
	for (uint32_t i = 1; i < n; i++) {
		struct jit_range x = r[i];
		uint32_t k = i;

		for (; k && r[k - 1].start > x.start; k--)
			r[k] = r[k - 1];
		r[k] = x;
	}
}

static bool write_ranges(struct walk *w, uint32_t v)
{
	struct jit_alloc *a = w->a;
	uint32_t home = a->f->home[v], n = 0;
	struct jit_range *r = ARENA_RAW(a->arena, struct jit_range, w->n);

	if (!r)
		return false;
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t k = w->list[i], start = a->block_pos[k];

		if (k == home)
			start = a->pos[v] + (a->pos[v] != a->block_pos[k]);
		r[i] = (struct jit_range){ start, w->end[k] };
	}
	sort(r, w->n);
	for (uint32_t i = 1; i < w->n; i++) {
		if (r[n].end == r[i].start)
			r[n].end = r[i].end;
		else
			r[++n] = r[i];
	}
	a->live[v] = r;
	a->nranges[v] = n + 1;
	return true;
}

static bool live_of(struct walk *w, uint32_t v)
{
	struct jit_alloc *a = w->a;
	uint32_t home = a->f->home[v];

	if (!w->far[v]) {
		a->live[v] = &w->near[v];
		a->nranges[v] = 1;
		return true;
	}
	w->n = 0;
	reach_block(w, v, home, w->near[v].end);
	for (uint32_t u = w->far[v]; u; u = w->uses[u].next)
		if (reach_block(w, v, w->uses[u].block, w->uses[u].pos))
			spread(w, v, w->uses[u].block);
	w->total += w->n;
	return w->total <= w->limit && write_ranges(w, v);
}

int jit_live(struct jit_alloc *a)
{
	const struct ir_fn *f = a->f;
	struct walk w = { .a = a, .limit = (uint64_t)MAX_LIVE * f->n + 100000 };

	w.near = ARENA_ARRAY(a->arena, struct jit_range, f->n);
	w.far = ARENA_ARRAY(a->arena, uint32_t, f->n);
	w.stamp = ARENA_ARRAY(a->arena, uint32_t, f->nblocks);
	w.end = ARENA_ARRAY(a->arena, uint32_t, f->nblocks);
	w.stack = ARENA_ARRAY(a->arena, uint32_t, f->nblocks + 1);
	w.list = ARENA_ARRAY(a->arena, uint32_t, f->nblocks);
	a->live = ARENA_RAW(a->arena, struct jit_range *, f->n);
	a->nranges = ARENA_ARRAY(a->arena, uint32_t, f->n);
	a->weight = ARENA_ARRAY(a->arena, float, f->n);
	a->phi_of = ARENA_ARRAY(a->arena, uint32_t, f->n);
	if (!w.near || !w.far || !w.stamp || !w.end || !w.stack || !w.list || !a->live ||
	    !a->nranges || !a->weight || !a->phi_of || !collect_uses(&w))
		return -ENOMEM;
	for (uint32_t i = 0; i < a->nlayout; i++) {
		const struct ir_block *b = &f->blocks[a->layout[i]];

		for (uint32_t v = b->start; v < b->end; v++)
			if (jit_has_result(&f->ins[v]) && !live_of(&w, v))
				return w.total > w.limit ? -EOPNOTSUPP : -ENOMEM;
	}
	return 0;
}
