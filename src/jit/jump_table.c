// SPDX-License-Identifier: Apache-2.0
/*
 * Jump tables. Compilers turn a switch into a tree of comparisons of one value with constants, as BPF had no jump
 * through a table for long. A tree of blocks that do nothing else is one again: what it decides is asked of it for each
 * number between the constants, and once for each side of them, on which all numbers fare alike.
 */
#include "jit/alloc.h"

#define MAX_NODES 256
#define MAX_BASE 16  /* a table of values from here on, or lower, starts at 0 */
#define MAX_SPREAD 8 /* entries a comparison */

struct tree {
	const struct jit_alloc *a;
	uint32_t value, *nodes, n;
	uint64_t lo, hi; /* of the constants */
	uint8_t w;
	bool *inner; /* by block */
	const uint32_t *forward;
};

/* Is it a comparison with a constant that is not negative? */
static bool compares(const struct ir_fn *f, const struct ir_ins *br, uint8_t w, uint64_t *ret)
{
	if (br->op != IR_BR || br->w != w || br->x >= CC_SET || !ir_is(f, br->b, IR_CONST))
		return false;
	*ret = w ? f->ins[br->b].imm : (uint32_t)f->ins[br->b].imm;
	return *ret <= INT32_MAX;
}

/* A block of the tree, but its root: it has one way in, and only compares. */
static bool is_node(const struct tree *t, uint32_t k, uint64_t *ret)
{
	const struct ir_fn *f = t->a->f;
	const struct ir_block *b = &f->blocks[k];
	const struct ir_ins *br = &f->ins[b->end - 1];

	if (b->npreds != 1 || br->a != t->value || !compares(f, br, t->w, ret))
		return false;
	for (uint32_t v = b->start; v + 1 < b->end; v++)
		if (f->ins[v].op > IR_CONST)
			return false;
	return true;
}

static void add_node(struct tree *t, uint32_t k, uint64_t constant)
{
	t->nodes[t->n++] = k;
	t->lo = constant < t->lo ? constant : t->lo;
	t->hi = constant > t->hi ? constant : t->hi;
}

/* Where the tree leads from its root; a block of it that was left out counts as any other. */
static uint32_t leads_to(const struct tree *t, uint64_t value)
{
	const struct ir_fn *f = t->a->f;
	uint32_t k = t->nodes[0];

	do {
		const struct ir_block *b = &f->blocks[k];
		const struct ir_ins *br = &f->ins[b->end - 1];
		bool yes = ir_compare((enum ir_cc)br->x, t->w, value, f->ins[br->b].imm);

		k = b->succ[yes ? 0 : 1];
	} while (t->inner[k]);
	return t->forward[k];
}

static void grow(struct tree *t)
{
	uint64_t constant;

	for (uint32_t i = 0; i < t->n; i++)
		for (int e = 0; e < 2 && t->n < MAX_NODES; e++) {
			uint32_t to = t->a->f->blocks[t->nodes[i]].succ[e];

			if (is_node(t, to, &constant))
				add_node(t, to, constant);
		}
}

/* Which numbers the table is of; false: too many for what they decide, or all of 32 bits. */
static bool choose(struct tree *t, struct jit_table *ret)
{
	uint64_t known = ~t->a->f->zero[t->value], most = (uint64_t)MAX_SPREAD * t->n;

	if (t->lo <= MAX_BASE)
		t->lo = 0;
	if (!t->w)
		known = (uint32_t)known;
	*ret = (struct jit_table){ .value = t->value, .first = t->lo, .w = t->w };
	ret->all = !t->lo && known < most;
	ret->n = (uint32_t)(ret->all ? known + 1 : t->hi - t->lo + 1);
	return t->hi - t->lo < most;
}

static bool fill(struct tree *t, struct jit_table *ret)
{
	struct arena *arena = t->a->arena;

	ret->to = ARENA_RAW(arena, uint32_t, ret->n);
	ret->inner = ARENA_RAW(arena, uint32_t, t->n);
	t->inner = ARENA_ARRAY(arena, bool, t->a->f->nblocks);
	if (!ret->to || !ret->inner || !t->inner)
		return false;
	for (uint32_t i = 1; i < t->n; i++) {
		ret->inner[ret->ninner++] = t->nodes[i];
		t->inner[t->nodes[i]] = true;
	}
	for (uint32_t i = 0; i < ret->n; i++)
		ret->to[i] = leads_to(t, t->lo + i);
	ret->other = leads_to(t, t->hi + 1);
	return ret->all || (leads_to(t, UINT64_MAX) == ret->other &&
			    (!t->lo || leads_to(t, t->lo - 1) == ret->other));
}

bool jit_table(const struct jit_alloc *a, const uint32_t *forward, uint32_t root,
	       struct jit_table *ret)
{
	const struct ir_fn *f = a->f;
	const struct ir_ins *br = &f->ins[f->blocks[root].end - 1];
	uint32_t nodes[MAX_NODES]; /* not cleared: few branches come so far */
	struct tree t;
	uint64_t constant;

	if (!compares(f, br, br->w, &constant) || !jit_placed(f, br->a))
		return false;
	t = (struct tree){ .a = a,
			   .forward = forward,
			   .value = br->a,
			   .w = br->w,
			   .lo = UINT64_MAX,
			   .nodes = nodes };
	add_node(&t, root, constant);
	grow(&t);
	if (t.n < JIT_TABLE_NODES || !choose(&t, ret))
		return false;
	ret->root = root;
	return fill(&t, ret);
}
