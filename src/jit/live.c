// SPDX-License-Identifier: Apache-2.0
/*
 * Live ranges, value by value: from each use back to the definition, over every path (Boissinot et al. 2008, "by use").
 * It holds for any control flow, loops or not, and the work is the size of the result, which a program of eleven
 * registers keeps small; MAX_LIVE bounds what a hostile one can make of it.
 */
#include <string.h>

#include "jit/alloc.h"

#define MAX_LIVE 64 /* live blocks for each instruction, on average */

#define POOL 256 /* ranges allocated at once */

/* A use in another block than the value's. */
struct use {
	uint32_t block, pos, next;
};

struct reach {
	uint32_t value, end;
};

struct walk {
	struct jit_alloc *a;
	struct use *uses; /* 0: none */
	uint32_t *far;	  /* by value: first of its uses */
	uint32_t nuses;
	uint32_t *wide, nwide; /* the values that have such uses */
	uint32_t *phis, nphis;
	struct reach *reach;	/* by place: up to where this value lives in its block */
	uint32_t *stack;	/* of blocks */
	uint32_t *place;	/* of a block in the sequence */
	uint64_t *bits;		/* the places that were reached */
	uint32_t first, last;	/* of those */
	struct jit_range *pool; /* not in use yet */
	uint32_t npool;
	uint32_t n, top;
	uint64_t total, limit;
};

static void add_far(struct walk *w, uint32_t v, uint32_t block, uint32_t pos)
{
	uint32_t first = w->far[v];

	if (first && w->uses[first].block == block) {
		if (w->uses[first].pos < pos)
			w->uses[first].pos = pos;
		return;
	}
	if (!first)
		w->wide[w->nwide++] = v;
	w->uses[w->nuses] = (struct use){ block, pos, first };
	w->far[v] = w->nuses++;
}

static void add_inside(struct walk *w, uint32_t v, uint32_t block, uint32_t pos);

/* Positions of a block ascend: its last use is the end. */
static inline void add_use(struct walk *w, uint32_t v, uint32_t block, uint32_t pos)
{
	if (!jit_placed(w->a->f, v)) {
		if (ir_is(w->a->f, v, IR_INSIDE))
			add_inside(w, v, block, pos);
	} else if (w->a->f->home[v] == block) {
		w->a->life[v].whole.end = pos;
	} else {
		add_far(w, v, block, pos);
	}
}

/* What an operand in memory needs. */
static void add_inside(struct walk *w, uint32_t v, uint32_t block, uint32_t pos)
{
	const struct ir_ins *in = &w->a->f->ins[v];

	add_use(w, in->a, block, pos);
	if (in->c)
		add_use(w, in->c, block, pos);
}

/* Unused results are written, too. */
static inline void add_result(struct walk *w, uint32_t v, uint32_t start, uint32_t end)
{
	struct jit_life *life = &w->a->life[v];

	life->whole = (struct jit_range){ start, end };
	life->n = 1;
}

/* Must the operand be there when the result is written? */
static bool outlives(const struct ir_ins *in, uint32_t operand)
{
	return in->op == IR_ATOMIC || (in->op == IR_SPEND && operand);
}

/* What has operands in a list, or such that outlive it. */
static __attribute__((noinline)) void add_special(struct walk *w, uint32_t v, uint32_t k,
						  uint32_t pos)
{
	const struct ir_ins *in = &w->a->f->ins[v];
	uint32_t ops[8], n = jit_operands(w->a->f, in, ops);

	if (jit_has_result(in))
		add_result(w, v, pos + 1, pos + 2);
	for (uint32_t late = 0; late < 2; late++)
		for (uint32_t j = 0; j < n; j++)
			if (outlives(in, j) == late)
				add_use(w, ops[j], k, pos + 1 + late);
}

static void add_fixed(struct jit_alloc *a, uint32_t v, uint32_t pos)
{
	const struct ir_ins *in = &a->f->ins[v];

	a->calls |= (in->op == IR_CALL && !in->x) || in->op == IR_CALL_LOCAL;
	if ((in->op != IR_SHL && in->op != IR_SHR && in->op != IR_SAR) ||
	    !ir_is(a->f, in->b, IR_CONST))
		a->fixed[a->nfixed++] = (struct jit_fixed){ v, pos };
}

/* Gives the block its positions from @here on, and notes its values and uses but for those of PHIs. Its end. */
static uint32_t number_block(struct walk *w, uint32_t k, uint32_t here)
{
	struct jit_alloc *a = w->a;
	const struct ir_block *b = &a->f->blocks[k];
	const struct ir_ins *in = &a->f->ins[b->start];
	uint32_t pos = here + 2;

	for (uint32_t v = b->start, end = b->end; v < end; v++, in++) {
		uint32_t flags = ir_flags[in->op];

		if (in->op <= IR_PHI) {
			if (in->op <= IR_CONST)
				continue;
			add_result(w, v, here, here + 2);
			if (in->op == IR_PHI)
				w->phis[w->nphis++] = v;
			else
				add_fixed(a, v, here);
			continue;
		}
		if (flags & (IR_IS_LIST | IR_HAS_LATE)) {
			add_special(w, v, k, pos);
		} else {
			if (!(flags & IR_IS_VOID))
				add_result(w, v, pos + 1, pos + 2);
			if (flags & IR_HAS_A)
				add_use(w, in->a, k, pos + 1);
			if (flags & IR_HAS_B)
				add_use(w, in->b, k, pos + 1);
			if (flags & IR_IS_THIRD && in->c)
				add_use(w, in->c, k, pos + 1);
		}
		if (flags & IR_IS_FIXED)
			add_fixed(a, v, pos);
		pos += 2;
	}
	return pos;
}

static void add_phis(struct walk *w)
{
	struct jit_alloc *a = w->a;
	const struct ir_fn *f = a->f;

	for (uint32_t i = 0; i < w->nphis; i++) {
		const struct ir_ins *in = &f->ins[w->phis[i]];
		const struct ir_block *b = &f->blocks[f->home[w->phis[i]]];

		for (uint32_t p = 0; p < in->b; p++) {
			uint32_t from = f->preds[b->pred + p], arg = f->args[in->a + p];

			if (f->home[arg] != from || a->life[arg].whole.end < a->block_end[from])
				add_use(w, arg, from, a->block_end[from]);
			a->life[arg].phi = w->phis[i];
		}
	}
}

static void collect_uses(struct walk *w)
{
	struct jit_alloc *a = w->a;
	uint32_t pos = 0;

	for (uint32_t i = 0; i < a->nlayout; i++) {
		uint32_t k = a->sequence[i];

		w->place[k] = i;
		a->block_pos[k] = pos;
		pos = a->block_end[k] = number_block(w, k, pos);
	}
	a->ninsns = pos / 2 - a->nlayout + w->nphis;
	add_phis(w);
}

/* The value lives in the block up to @end. True: that it lives there is news. */
static inline bool reach_block(struct walk *w, uint32_t value, uint32_t block, uint32_t end)
{
	uint32_t at = w->place[block];
	struct reach *r = &w->reach[at];

	if (r->value != value) {
		*r = (struct reach){ value, end };
		w->bits[at / 64] |= 1ull << at % 64;
		w->first = at < w->first ? at : w->first;
		w->last = at > w->last ? at : w->last;
		w->n++;
		return true;
	}
	if (end > r->end)
		r->end = end;
	return false;
}

static void spread(struct walk *w, uint32_t value, uint32_t block)
{
	const struct ir_fn *f = w->a->f;
	uint32_t home = f->home[value];

	while (true) {
		const struct ir_block *b = &f->blocks[block];
		uint32_t next = NO_BLOCK;

		for (uint32_t p = 0; p < b->npreds; p++) {
			uint32_t from = f->preds[b->pred + p];

			if (!reach_block(w, value, from, w->a->block_end[from]) || from == home)
				continue;
			if (next != NO_BLOCK)
				w->stack[w->top++] = next;
			next = from;
		}
		if (next == NO_BLOCK && !w->top)
			return;
		block = next != NO_BLOCK ? next : w->stack[--w->top];
	}
}

static struct jit_range *take_ranges(struct walk *w, uint32_t n)
{
	struct jit_range *r;

	if (w->npool < n) {
		w->npool = n < POOL ? POOL : n;
		w->pool = ARENA_RAW(w->a->arena, struct jit_range, w->npool);
		if (!w->pool)
			return NULL;
	}
	r = w->pool;
	w->pool += n;
	w->npool -= n;
	return r;
}

/* From the blocks that were reached, in the order of their places. */
static bool write_ranges(struct walk *w, uint32_t v)
{
	struct jit_alloc *a = w->a;
	struct jit_life *life = &a->life[v];
	uint32_t home = a->f->home[v], n = 0;
	struct jit_range *r = take_ranges(w, w->n);

	if (!r)
		return false;
	for (uint32_t word = w->first / 64; word <= w->last / 64; word++) {
		uint64_t bits = w->bits[word];

		w->bits[word] = 0;
		for (; bits; bits &= bits - 1) {
			uint32_t at = word * 64 + (uint32_t)__builtin_ctzll(bits);
			uint32_t k = a->sequence[at], end = w->reach[at].end;
			uint32_t start = k == home ? life->whole.start : a->block_pos[k];

			if (n && r[n - 1].end == start)
				r[n - 1].end = end;
			else
				r[n++] = (struct jit_range){ start, end };
		}
	}
	life->whole = (struct jit_range){ r[0].start, r[n - 1].end };
	life->ranges = r;
	life->n = n;
	a->jumbled |= r[0].start < a->block_pos[home];
	return true;
}

/* A value that is used in other blocks than its own. */
static bool live_of(struct walk *w, uint32_t v)
{
	w->n = w->last = 0;
	w->first = UINT32_MAX;
	reach_block(w, v, w->a->f->home[v], w->a->life[v].whole.end);
	for (uint32_t u = w->far[v]; u; u = w->uses[u].next)
		if (reach_block(w, v, w->uses[u].block, w->uses[u].pos))
			spread(w, v, w->uses[u].block);
	w->total += w->n;
	return w->total <= w->limit && write_ranges(w, v);
}

static bool make_room(struct walk *w)
{
	struct jit_alloc *a = w->a;
	const struct ir_fn *f = a->f;

	w->uses = ARENA_RAW(a->arena, struct use, (size_t)f->nuses + 1);
	w->far = ARENA_ARRAY(a->arena, uint32_t, f->n);
	w->wide = ARENA_RAW(a->arena, uint32_t, f->n);
	w->phis = ARENA_RAW(a->arena, uint32_t, f->n);
	w->reach = ARENA_ARRAY(a->arena, struct reach, f->nblocks);
	w->stack = ARENA_RAW(a->arena, uint32_t, f->nblocks + 1);
	w->place = ARENA_RAW(a->arena, uint32_t, f->nblocks);
	w->bits = ARENA_ARRAY(a->arena, uint64_t, f->nblocks / 64 + 1);
	a->block_pos = ARENA_RAW(a->arena, uint32_t, f->nblocks);
	a->block_end = ARENA_RAW(a->arena, uint32_t, f->nblocks);
	a->fixed = ARENA_RAW(a->arena, struct jit_fixed, f->n);
	a->life = ARENA_ARRAY(a->arena, struct jit_life, f->n);
	return w->uses && w->far && w->wide && w->phis && w->reach && w->stack && w->place &&
	       w->bits && a->block_pos && a->block_end && a->fixed && a->life;
}

int jit_live(struct jit_alloc *a)
{
	struct walk w = { .a = a, .nuses = 1, .limit = (uint64_t)MAX_LIVE * a->f->n + 100000 };

	if (!make_room(&w))
		return -ENOMEM;
	collect_uses(&w);
	for (uint32_t i = 0; i < w.nwide; i++)
		if (!live_of(&w, w.wide[i]))
			return w.total > w.limit ? -EOPNOTSUPP : -ENOMEM;
	return 0;
}

static float block_weight(const struct ir_fn *f, uint32_t k)
{
	static const float weights[] = { 1, 8, 64, 512, 4096, 32768, 262144 };

	return weights[f->blocks[k].loops];
}

bool jit_weigh(struct jit_alloc *a)
{
	const struct ir_fn *f = a->f;
	uint32_t ops[8], n;
	struct jit_range *r;

	a->weight = ARENA_ARRAY(a->arena, float, f->n);
	for (uint32_t i = 0; i < a->nlayout && a->weight; i++) {
		const struct ir_block *b = &f->blocks[a->layout[i]];
		float weight = block_weight(f, a->layout[i]);

		for (uint32_t v = b->start; v < b->end; v++) {
			const struct ir_ins *in = &f->ins[v];

			a->weight[v] += weight;
			if (in->op == IR_PHI) {
				for (uint32_t p = 0; p < in->b; p++)
					a->weight[f->args[in->a + p]] +=
						block_weight(f, f->preds[b->pred + p]);
				continue;
			}
			n = jit_operands(f, in, ops);
			for (uint32_t k = 0; k < n; k++)
				a->weight[ops[k]] += weight;
		}
	}
	for (uint32_t v = 0; a->weight && v < f->n; v++) {
		r = &a->life[v].whole; /* short ones leave the register to others soon */
		a->weight[v] /= (float)(r->end - r->start + 4);
	}
	return a->weight;
}
