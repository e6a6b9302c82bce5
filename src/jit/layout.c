// SPDX-License-Identifier: Apache-2.0
/*
 * The last form of a function before registers: edges from a branch to a block with PHIs get a block for their moves;
 * blocks stay in the order of the program, which compilers chose with care, but for those of edges: one that goes
 * back (a loop) follows its branch, one that goes forward lies behind everything. Sums that only serve as
 * addresses are folded into the accesses: [a + (c << scale) + imm], scale in the upper half of y.
 */
#include <string.h>

#include "jit/alloc.h"

#define MAX_ADDRESS_USES 6

uint32_t jit_list(const struct ir_fn *f, const struct ir_ins *in, uint32_t ret[8])
{
	uint32_t n = 0, count = in->op == IR_SELECT ? 4 : in->b;

	if (in->op == IR_CALL && in->c)
		ret[n++] = in->c;
	for (uint32_t k = 0; k < count; k++)
		ret[n++] = f->args[in->a + k];
	return n;
}

/* One use less; without any, sums and shifts go, and so do their uses. */
static void unuse(struct jit_alloc *a, uint32_t v)
{
	struct ir_ins *in = &a->f->ins[v], old = *in;

	if (--a->uses[v] || (in->op != IR_ADD && in->op != IR_SHL))
		return;
	*in = (struct ir_ins){ .op = IR_NOP };
	for (int k = 0; k < 2; k++) {
		uint32_t part = k ? old.b : old.a;

		if (--a->uses[part] == 0 && ir_is(a->f, part, IR_SHL)) {
			a->uses[a->f->ins[part].a]--;
			a->f->ins[part] = (struct ir_ins){ .op = IR_NOP };
		}
	}
}

/* (y << k), k <= 3, used only here, becomes y and k. */
static uint32_t scaled(struct jit_alloc *a, uint32_t v, uint32_t uses, uint8_t *scale)
{
	struct ir_fn *f = a->f;
	const struct ir_ins *in = &f->ins[v];

	*scale = 0;
	if (in->op != IR_SHL || !in->w || !ir_is(f, in->b, IR_CONST) || f->ins[in->b].imm > 3 ||
	    !f->ins[in->b].imm || a->uses[v] != uses)
		return v;
	*scale = (uint8_t)f->ins[in->b].imm;
	return in->a;
}

/* Is all that uses the sum accesses, which can add themselves? */
static bool is_address(const struct jit_alloc *a, const uint32_t *address_uses, uint32_t v)
{
	const struct ir_ins *sum = &a->f->ins[v];

	return sum->op == IR_ADD && sum->w && !sum->y && address_uses[v] == a->uses[v] &&
	       a->uses[v] <= MAX_ADDRESS_USES && !ir_is(a->f, sum->b, IR_CONST);
}

/* Takes sums out of the code that only addresses use. */
static bool fold_addresses(struct jit_alloc *a)
{
	struct ir_fn *f = a->f;
	uint32_t *address_uses = NULL;

	for (uint32_t v = 1; v < f->n; v++) {
		const struct ir_ins *in = &f->ins[v];

		if ((in->op != IR_LOAD && (in->op != IR_STORE || in->b == in->a)) ||
		    !ir_is(f, in->a, IR_ADD))
			continue;
		if (!address_uses)
			address_uses = ARENA_ARRAY(a->arena, uint32_t, f->n);
		if (!address_uses)
			return false;
		address_uses[in->a]++;
	}
	for (uint32_t v = 1; address_uses && v < f->n; v++) {
		struct ir_ins *in = &f->ins[v];
		const struct ir_ins *sum = &f->ins[in->a];
		uint32_t base = in->a, x, y;
		uint8_t scale;

		if ((in->op != IR_LOAD && in->op != IR_STORE) || !is_address(a, address_uses, base))
			continue;
		x = sum->a;
		y = scaled(a, sum->b, 1, &scale);
		if (!scale) {
			x = sum->b;
			y = scaled(a, sum->a, 1, &scale);
		}
		in->a = x;
		in->c = y;
		in->y = (uint8_t)(in->y | scale << 4);
		a->uses[x]++;
		a->uses[y]++;
		address_uses[base]--;
		unuse(a, base);
	}
	return true;
}

/* A sum takes a scaled operand. */
static void fuse_sum(struct jit_alloc *a, struct ir_ins *in)
{
	uint32_t shifted = in->b, y;
	uint8_t scale;

	y = scaled(a, in->b, 1, &scale);
	if (!scale) {
		shifted = in->a;
		y = scaled(a, in->a, 1, &scale);
		if (!scale)
			return;
		in->a = in->b;
	}
	in->b = y;
	in->y = scale;
	a->uses[y]++;
	unuse(a, shifted);
}

/* A comparison of a masked value with 0 tests the bits. */
static void fuse_test(struct jit_alloc *a, struct ir_ins *in)
{
	struct ir_fn *f = a->f;
	struct ir_ins *mask = &f->ins[in->a];

	if ((in->x != CC_EQ && in->x != CC_NE) || !ir_is(f, in->b, IR_CONST) || f->ins[in->b].imm ||
	    mask->op != IR_AND || a->uses[in->a] != 1)
		return;
	a->uses[in->b]--;
	a->uses[in->a] = 0;
	in->x = in->x == CC_EQ ? CC_CLEAR : CC_SET;
	in->w &= mask->w;
	in->b = mask->b;
	in->a = mask->a;
	*mask = (struct ir_ins){ .op = IR_NOP };
}

static void fuse(struct jit_alloc *a, bool scaled_values)
{
	struct ir_fn *f = a->f;

	for (uint32_t v = 1; scaled_values && v < f->n; v++) {
		struct ir_ins *in = &f->ins[v];

		if (in->op == IR_ADD && !in->y && in->w && !ir_is(f, in->b, IR_CONST))
			fuse_sum(a, in);
	}
	for (uint32_t k = 0; k < f->nblocks; k++) {
		const struct ir_block *b = &f->blocks[k];

		if (b->reached && ir_is(f, b->end - 1, IR_BR))
			fuse_test(a, &f->ins[b->end - 1]);
	}
}

static bool has_phis(const struct ir_fn *f, uint32_t k)
{
	const struct ir_block *b = &f->blocks[k];

	for (uint32_t v = b->start; v < b->end; v++) {
		if (ir_is(f, v, IR_PHI))
			return true;
		if (!ir_is(f, v, IR_NOP) && !ir_is(f, v, IR_CONST))
			return false;
	}
	return false;
}

/* A block for the edge @from -> @to. */
static uint32_t split(struct jit_alloc *a, uint32_t from, int edge)
{
	struct ir_fn *f = a->f;
	uint32_t to = f->blocks[from].succ[edge], k = f->nblocks++, at = f->n;
	struct ir_block *b = &f->blocks[k];

	f->block = k;
	f->at = f->origin ? f->origin[f->blocks[from].end - 1] : 0;
	*b = (struct ir_block){ .reached = true, .npreds = 1, .pred = f->blocks[to].pred };
	ir_append(f, (struct ir_ins){ .op = IR_JMP });
	b->start = at;
	b->end = f->n;
	b->succ[0] = to;
	b->succ[1] = NO_BLOCK;
	f->preds[f->npreds] = from;
	b->pred = f->npreds++;
	for (uint32_t p = 0; p < f->blocks[to].npreds; p++)
		if (f->preds[f->blocks[to].pred + p] == from)
			f->preds[f->blocks[to].pred + p] = k;
	f->blocks[from].succ[edge] = k;
	return k;
}

static bool make_room(struct jit_alloc *a, uint32_t edges)
{
	struct ir_fn *f = a->f;
	uint32_t preds = 0;
	struct ir_block *blocks;
	uint32_t *list;

	a->layout = ARENA_RAW(a->arena, uint32_t, f->nblocks + edges);
	a->sequence = ARENA_RAW(a->arena, uint32_t, f->nblocks + edges);
	if (!a->layout || !a->sequence || !edges)
		return a->layout && a->sequence;
	blocks = ARENA_RAW(a->arena, struct ir_block, f->nblocks + edges);
	for (uint32_t k = 0; k < f->nblocks; k++)
		if (f->blocks[k].pred + f->blocks[k].npreds > preds)
			preds = f->blocks[k].pred + f->blocks[k].npreds;
	list = ARENA_RAW(a->arena, uint32_t, preds + edges);
	if (!blocks || !list)
		return false;
	memcpy(blocks, f->blocks, f->nblocks * sizeof(*blocks));
	memcpy(list, f->preds, preds * sizeof(*list));
	f->blocks = blocks;
	f->preds = list;
	f->npreds = preds;
	return true;
}

/* Edges from a block with several successors to one with PHIs. */
static uint32_t count_edges(const struct ir_fn *f)
{
	uint32_t edges = 0;

	for (uint32_t k = 0; k < f->nblocks; k++) {
		const struct ir_block *b = &f->blocks[k];

		if (b->reached && b->succ[1] != NO_BLOCK)
			edges += has_phis(f, b->succ[0]) + has_phis(f, b->succ[1]);
	}
	return edges;
}

static void order_blocks(struct jit_alloc *a, uint32_t edges)
{
	struct ir_fn *f = a->f;
	uint32_t n = 0, count = f->nblocks, *late = ARENA_RAW(a->arena, uint32_t, edges), nlate = 0;

	a->failed |= !late;
	if (a->failed)
		return;
	for (uint32_t k = 0; k < count; k++) {
		if (!f->blocks[k].reached)
			continue;
		a->layout[a->nlayout++] = a->sequence[n++] = k;
		/* the second successor is where the branch falls to: its moves come first */
		for (int e = 1; edges && e >= 0 && f->blocks[k].succ[1] != NO_BLOCK; e--) {
			uint32_t to = f->blocks[k].succ[e], edge;

			if (!has_phis(f, to))
				continue;
			edge = a->sequence[n++] = split(a, k, e);
			if (e == 0 && to > k)
				late[nlate++] = edge;
			else
				a->layout[a->nlayout++] = edge;
		}
	}
	for (uint32_t i = 0; i < nlate; i++)
		a->layout[a->nlayout++] = late[i];
	a->nlate = nlate;
}

static bool only_jumps(const struct ir_fn *f, uint32_t k)
{
	return f->blocks[k].end - f->blocks[k].start == 1 && f->blocks[k].succ[1] == NO_BLOCK;
}

/*
 * The last of two blocks that lead to @k, from further down, if it does nothing else; 0: there is none. Compilers write the
 * step of a loop in front of its body, and jump there from above: behind the body it saves a jump each turn.
 */
static uint32_t body_end(const struct jit_alloc *a, const uint32_t *at, uint32_t k)
{
	const struct ir_fn *f = a->f;
	const struct ir_block *b = &f->blocks[k];
	uint32_t before = a->layout[at[k] - 1], last = 0;

	if (!b->npreds || b->npreds > 2 || f->blocks[before].succ[0] == k ||
	    f->blocks[before].succ[1] == k)
		return 0;
	for (uint32_t p = 0; p < b->npreds; p++) {
		uint32_t from = f->preds[b->pred + p];

		if (at[from] <= at[k])
			return 0;
		if (f->blocks[from].succ[1] == NO_BLOCK && at[from] > last)
			last = at[from];
	}
	return last;
}

/* Moves such blocks, with those of their edges, behind the body; not among those that lie behind everything. */
static void rotate_loops(struct jit_alloc *a, uint32_t *at)
{
	const struct ir_fn *f = a->f;

	for (uint32_t i = 1; i + a->nlate + 1 < a->nlayout; i++) {
		uint32_t k = a->layout[i], last = body_end(a, at, k), n = 1, moved[3] = { k };

		while (n < 3 && last > i + n && only_jumps(f, a->layout[i + n]) &&
		       f->preds[f->blocks[a->layout[i + n]].pred] == k) {
			moved[n] = a->layout[i + n];
			n++;
		}
		if (last < i + n || last >= a->nlayout - a->nlate)
			continue;
		memmove(&a->layout[i], &a->layout[i + n], (last - i - n + 1) * sizeof(*a->layout));
		memcpy(&a->layout[last - n + 1], moved, n * sizeof(*moved));
		for (uint32_t p = i; p <= last; p++)
			at[a->layout[p]] = p;
	}
}

/* Puts loops in their order. How many are around each block, taking an edge back for a loop over all that lies between. */
static bool count_loops(struct jit_alloc *a)
{
	struct ir_fn *f = a->f;
	uint32_t *at = ARENA_ARRAY(a->arena, uint32_t, f->nblocks);
	int32_t *delta = ARENA_ARRAY(a->arena, int32_t, a->nlayout + 1), depth = 0, loops = 0;

	if (!at || !delta)
		return false;
	for (uint32_t i = 0; i < a->nlayout; i++)
		at[a->layout[i]] = i;
	for (uint32_t i = 0; i < a->nlayout; i++)
		for (int e = 0; e < 2; e++) {
			uint32_t to = f->blocks[a->layout[i]].succ[e];

			if (to == NO_BLOCK || at[to] > i)
				continue;
			delta[at[to]]++;
			delta[i + 1]--;
		}
	for (uint32_t i = 0; i < a->nlayout; i++) {
		depth += delta[i];
		f->blocks[a->layout[i]].loops = (uint8_t)(depth > 6 ? 6 : depth);
		loops |= depth;
	}
	if (loops && f->fold)
		rotate_loops(a, at);
	return true;
}

int jit_layout(struct jit_alloc *a)
{
	struct ir_fn *f = a->f;
	uint32_t edges;

	a->uses = f->uses;
	if (f->fold && f->sums && !fold_addresses(a))
		return -ENOMEM;
	if (f->fold)
		fuse(a, f->scaled);
	if (f->fold && a->target->inside)
		jit_inside(a, a->features & a->target->swaps);
	edges = count_edges(f);
	if (!make_room(a, edges))
		return -ENOMEM;
	order_blocks(a, edges);
	return a->failed || f->failed || !count_loops(a) ? -ENOMEM : 0;
}
