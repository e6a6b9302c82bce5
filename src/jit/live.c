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
	uint32_t *place;		      /* of a block in the sequence */
	uint64_t *bits;			      /* by place; 0 but in sort_dense() */
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

static bool collect_uses(struct walk *w)
{
	struct jit_alloc *a = w->a;
	const struct ir_fn *f = a->f;
	uint32_t ops[8], n;

	w->uses = ARENA_RAW(a->arena, struct use, (size_t)a->nuses + 1);
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
			if (jit_is_simple(in)) {
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

static int by_number(const void *x, const void *y)
{
	const uint32_t *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

/* Many of all blocks: each sets a bit. */
static void sort_dense(struct walk *w, uint32_t first, uint32_t last)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n; i++)
		w->bits[w->list[i] / 64] |= 1ull << w->list[i] % 64;
	for (uint32_t word = first / 64; word <= last / 64; word++) {
		uint64_t bits = w->bits[word];

		w->bits[word] = 0;
		for (; bits; bits &= bits - 1)
			w->list[n++] = word * 64 + (uint32_t)__builtin_ctzll(bits);
	}
}

/* The blocks of a value by position: a few at a time, and mostly in the opposite order. */
static void sort(struct walk *w)
{
	uint32_t first = NO_BLOCK, last = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t at = w->list[i] = w->place[w->list[i]];

		first = at < first ? at : first;
		last = at > last ? at : last;
	}
	if (w->n > 16 && (last - first) / 64 < w->n) {
		sort_dense(w, first, last);
	} else if (w->n > 16) {
		qsort(w->list, w->n, sizeof(*w->list), by_number);
	} else {
		for (uint32_t i = 1; i < w->n; i++) {
			uint32_t x = w->list[i], k = i;

			for (; k && w->list[k - 1] > x; k--)
				w->list[k] = w->list[k - 1];
			w->list[k] = x;
		}
	}
}

static bool write_ranges(struct walk *w, uint32_t v)
{
	struct jit_alloc *a = w->a;
	uint32_t home = a->f->home[v], n = 0;
	struct jit_range *r = ARENA_RAW(a->arena, struct jit_range, w->n);

	if (!r)
		return false;
	sort(w);
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t k = a->sequence[w->list[i]], start = a->block_pos[k];

		if (k == home)
			start = a->pos[v] + (a->pos[v] != a->block_pos[k]);
		r[i] = (struct jit_range){ start, w->end[k] };
	}
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
	w.place = ARENA_RAW(a->arena, uint32_t, f->nblocks);
	w.bits = ARENA_ARRAY(a->arena, uint64_t, f->nblocks / 64 + 1);
	a->live = ARENA_RAW(a->arena, struct jit_range *, f->n);
	a->nranges = ARENA_ARRAY(a->arena, uint32_t, f->n);
	a->weight = ARENA_ARRAY(a->arena, float, f->n);
	a->phi_of = ARENA_ARRAY(a->arena, uint32_t, f->n);
	if (!w.near || !w.far || !w.stamp || !w.end || !w.stack || !w.list || !w.place || !w.bits ||
	    !a->live || !a->nranges || !a->weight || !a->phi_of || !collect_uses(&w))
		return -ENOMEM;
	for (uint32_t i = 0; i < a->nlayout; i++)
		w.place[a->sequence[i]] = i;
	for (uint32_t i = 0; i < a->nlayout; i++) {
		const struct ir_block *b = &f->blocks[a->sequence[i]];

		for (uint32_t v = b->start; v < b->end; v++) {
			if (!jit_has_result(&f->ins[v]))
				continue;
			if (!live_of(&w, v))
				return w.total > w.limit ? -EOPNOTSUPP : -ENOMEM;
			a->jumbled |= a->live[v][0].start < a->block_pos[a->sequence[i]];
		}
	}
	return 0;
}
