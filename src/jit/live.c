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

struct use {
	uint32_t block, pos;
};

struct walk {
	struct jit_alloc *a;
	struct use *uses;
	uint32_t *first_use;
	uint32_t *stamp, *end, *stack, *list; /* by block */
	uint32_t n, top;
	uint64_t total, limit, room;
};

static float block_weight(const struct ir_fn *f, uint32_t k)
{
	static const float weights[] = { 1, 8, 64, 512, 4096, 32768, 262144 };

	return weights[f->blocks[k].loops];
}

static void add_use(struct walk *w, uint32_t *fill, uint32_t v, uint32_t block, uint32_t pos)
{
	if (!jit_placed(w->a->f, v))
		return;
	w->uses[fill[v]++] = (struct use){ block, pos };
	w->a->weight[v] += block_weight(w->a->f, block);
}

static bool collect_uses(struct walk *w)
{
	struct jit_alloc *a = w->a;
	const struct ir_fn *f = a->f;
	uint32_t total = 0, *fill = ARENA_ARRAY(a->arena, uint32_t, f->n + 1), ops[8], n;

	w->first_use = ARENA_ARRAY(a->arena, uint32_t, f->n + 1);
	if (!fill || !w->first_use)
		return false;
	for (uint32_t v = 1; v < f->n; v++) {
		w->first_use[v] = fill[v] = total;
		total += a->uses[v];
	}
	w->first_use[f->n] = total;
	w->uses = ARENA_ARRAY(a->arena, struct use, total);
	if (!w->uses)
		return false;
	for (uint32_t i = 0; i < a->nlayout; i++) {
		const struct ir_block *b = &f->blocks[a->layout[i]];

		for (uint32_t v = b->start; v < b->end; v++) {
			const struct ir_ins *in = &f->ins[v];

			if (in->op == IR_PHI) {
				for (uint32_t p = 0; p < in->b; p++) {
					uint32_t from = f->preds[b->pred + p];

					add_use(w, fill, f->args[in->a + p], from,
						a->block_end[from]);
					if (jit_placed(f, f->args[in->a + p]))
						a->phi_of[f->args[in->a + p]] = v;
				}
				continue;
			}
			n = jit_operands(f, in, ops);
			for (uint32_t k = 0; k < n; k++)
				add_use(w, fill, ops[k], a->layout[i],
					a->pos[v] + (in->op == IR_ATOMIC ? 2 : 1));
			if (jit_has_result(in))
				a->weight[v] += block_weight(f, a->layout[i]);
		}
	}
	for (uint32_t v = 1; v < f->n; v++)
		a->uses[v] = fill[v] - w->first_use[v];
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

static bool write_ranges(struct walk *w, uint32_t v)
{
	struct jit_alloc *a = w->a;
	uint32_t home = a->f->home[v], n = 0;
	struct jit_range *r = ARENA_ARRAY(a->arena, struct jit_range, w->n);

	if (!r)
		return false;
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t k = w->list[i], start = a->block_pos[k];

		if (k == home)
			start = a->pos[v] + (a->pos[v] != a->block_pos[k]);
		r[i] = (struct jit_range){ start, w->end[k] };
	}
	if (w->n > 1)
		qsort(r, w->n, sizeof(*r), by_place);
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
	const struct ir_fn *f = a->f;
	uint32_t home = f->home[v], def = a->pos[v];

	w->n = 0;
	reach_block(w, v, home, def + 2); /* unused results are written too */
	for (uint32_t u = w->first_use[v]; u < w->first_use[v] + a->uses[v]; u++) {
		uint32_t k = w->uses[u].block;

		if (reach_block(w, v, k, w->uses[u].pos) && k != home)
			spread(w, v, k);
	}
	w->total += w->n;
	return w->total <= w->limit && write_ranges(w, v);
}

int jit_live(struct jit_alloc *a)
{
	const struct ir_fn *f = a->f;
	struct walk w = { .a = a, .limit = (uint64_t)MAX_LIVE * f->n + 100000 };

	w.stamp = ARENA_ARRAY(a->arena, uint32_t, f->nblocks);
	w.end = ARENA_ARRAY(a->arena, uint32_t, f->nblocks);
	w.stack = ARENA_ARRAY(a->arena, uint32_t, f->nblocks + 1);
	w.list = ARENA_ARRAY(a->arena, uint32_t, f->nblocks);
	a->live = ARENA_ARRAY(a->arena, struct jit_range *, f->n);
	a->nranges = ARENA_ARRAY(a->arena, uint32_t, f->n);
	a->weight = ARENA_ARRAY(a->arena, float, f->n);
	a->phi_of = ARENA_ARRAY(a->arena, uint32_t, f->n);
	if (!w.stamp || !w.end || !w.stack || !w.list || !a->live || !a->nranges || !a->weight ||
	    !a->phi_of || !collect_uses(&w))
		return -ENOMEM;
	for (uint32_t i = 0; i < a->nlayout; i++) {
		const struct ir_block *b = &f->blocks[a->layout[i]];

		for (uint32_t v = b->start; v < b->end; v++)
			if (jit_has_result(&f->ins[v]) && !live_of(&w, v))
				return w.total > w.limit ? -EOPNOTSUPP : -ENOMEM;
	}
	return 0;
}
