// SPDX-License-Identifier: Apache-2.0
/*
 * Building the IR: append, constants, value numbering. Equal pure instructions get one name when the older one
 * dominates (dominator intervals; Cooper, Harvey and Kennedy 2001 for the tree); loads also need the same memory
 * epoch. Folding happens at every append, so a pass is: walk the old function, append to the new one.
 */
#include <stddef.h>
#include <string.h>

#include "jit/ir.h"

#define NONE IR_IS_NONE
#define PURE IR_IS_PURE
#define LOAD IR_IS_LOAD
#define EFFECT IR_IS_EFFECT
#define END IR_IS_END
#define COMM IR_IS_COMM
#define VOID IR_IS_VOID
#define THIRD IR_IS_THIRD
#define LIST IR_IS_LIST
#define FIXED IR_IS_FIXED
#define READS(id, operands)                                                    \
	(((operands) >= 1 ? IR_HAS_A : 0) | ((operands) >= 2 ? IR_HAS_B : 0) | \
	 ((id) == IR_ATOMIC || (id) == IR_SPEND ? IR_HAS_LATE : 0))
const uint16_t ir_flags[IR_COUNT] = {
#define IR(id, operands, flags) [IR_##id] = (flags) | READS(IR_##id, operands),
#include "jit/ir.def"
#undef IR
};
#undef NONE
#undef PURE
#undef LOAD
#undef EFFECT
#undef END
#undef COMM
#undef VOID
#undef THIRD
#undef LIST
#undef FIXED
const uint8_t ir_operands[IR_COUNT] = {
#define IR(id, operands, flags) [IR_##id] = operands,
#include "jit/ir.def"
#undef IR
};

#define MAX_CHAIN 8 /* older values looked at for one new */

void ir_init(struct ir_fn *f, struct arena *arena, uint32_t insns, uint32_t nblocks, bool fold)
{
	uint32_t size = 64;

	memset(f, 0, sizeof(*f));
	f->arena = arena;
	f->fold = fold;
	f->room = insns + insns / 2 + 64;
	f->args_room = insns + 64;
	while (size < f->room)
		size *= 2;
	f->hash_mask = size - 1;
	f->ins = ARENA_RAW(arena, struct ir_ins, f->room);
	f->zero = ARENA_RAW(arena, uint64_t, f->room);
	f->home = ARENA_RAW(arena, uint32_t, f->room);
	f->next = ARENA_RAW(arena, uint32_t, f->room);
	f->args = ARENA_RAW(arena, uint32_t, f->args_room);
	f->hash = ARENA_ARRAY(arena, uint32_t, size);
	f->blocks = ARENA_ARRAY(arena, struct ir_block, nblocks);
	f->nblocks = nblocks;
	f->failed = !f->ins || !f->zero || !f->home || !f->next || !f->args || !f->hash ||
		    !f->blocks;
	f->n = 1;
	f->epoch = 1;
	if (f->failed)
		return;
	f->ins[0] = (struct ir_ins){ .op = IR_NOP };
	f->zero[0] = 0;
	f->home[0] = 0;
}

void ir_trace(struct ir_fn *f, uint32_t at)
{
	f->origin = ARENA_ARRAY(f->arena, uint32_t, f->room);
	f->failed |= !f->origin;
	f->at = at;
}

static bool grow(struct ir_fn *f)
{
	uint32_t room = f->room * 2;
	struct ir_ins *ins = ARENA_RAW(f->arena, struct ir_ins, room);
	uint64_t *zero = ARENA_RAW(f->arena, uint64_t, room);
	uint32_t *home = ARENA_RAW(f->arena, uint32_t, room);
	uint32_t *next = ARENA_RAW(f->arena, uint32_t, room);

	f->failed |= !ins || !zero || !home || !next || room > UINT32_MAX / 4;
	if (f->failed)
		return false;
	f->ins = memcpy(ins, f->ins, f->n * sizeof(*ins));
	f->zero = memcpy(zero, f->zero, f->n * sizeof(*zero));
	f->home = memcpy(home, f->home, f->n * sizeof(*home));
	f->next = memcpy(next, f->next, f->n * sizeof(*next));
	if (f->origin) {
		uint32_t *origin = ARENA_ARRAY(f->arena, uint32_t, room);

		f->failed |= !origin;
		if (f->failed)
			return false;
		f->origin = memcpy(origin, f->origin, f->n * sizeof(*origin));
	}
	f->room = room;
	return true;
}

static inline uint32_t append(struct ir_fn *f, const struct ir_ins *in)
{
	uint32_t v = f->n;

	if (f->failed || (v == f->room && !grow(f)))
		return 0;
	f->ins[v] = *in;
	f->home[v] = f->block;
	if (f->origin)
		f->origin[v] = f->at;
	if (in->op == IR_CONST)
		f->zero[v] = ~in->imm;
	else if (ir_flags[in->op] & IR_IS_VOID || in->op == IR_PHI)
		f->zero[v] = 0;
	else
		f->zero[v] = ir_known_zero(f, in);
	f->n = v + 1;
	return v;
}

uint32_t ir_append(struct ir_fn *f, struct ir_ins in)
{
	return append(f, &in);
}

uint32_t ir_args(struct ir_fn *f, const uint32_t *v, uint32_t n)
{
	uint32_t at = f->nargs, *args;

	if (f->failed)
		return 0;
	if (n > f->args_room - f->nargs) {
		args = ARENA_ARRAY(f->arena, uint32_t, f->args_room * 2 + n);
		f->failed |= !args;
		if (f->failed)
			return 0;
		f->args = memcpy(args, f->args, f->nargs * sizeof(*args));
		f->args_room = f->args_room * 2 + n;
	}
	if (v)
		memcpy(&f->args[at], v, n * sizeof(*v));
	else
		memset(&f->args[at], 0, n * sizeof(*v));
	f->nargs += n;
	return at;
}

static inline uint32_t bucket(const struct ir_fn *f, const struct ir_ins *in)
{
	const uint64_t k = 0x9e3779b97f4a7c15ull;
	uint64_t word[2], h;

	memcpy(word, in, sizeof(word)); /* all but imm */
	h = ((word[0] * k ^ word[1]) * k ^ in->imm) * k;
	return (uint32_t)(h >> 32) & f->hash_mask;
}
_Static_assert(offsetof(struct ir_ins, imm) == 16 && sizeof(struct ir_ins) == 24, "no gaps");

/* Older equal value that holds here, or the new one. */
static uint32_t number(struct ir_fn *f, const struct ir_ins *in, bool anywhere)
{
	uint32_t *head, v;
	int chain = 0;

	if (f->failed)
		return 0;
	head = &f->hash[bucket(f, in)];
	for (v = *head; v && chain < MAX_CHAIN; v = f->next[v], chain++)
		if (!memcmp(&f->ins[v], in, sizeof(*in)) &&
		    (anywhere || ir_dominates(f, f->home[v], f->block)))
			return v;
	v = append(f, in);
	if (!v)
		return 0;
	f->next[v] = *head;
	*head = v;
	return v;
}

uint32_t ir_const(struct ir_fn *f, uint64_t value)
{
	uint32_t v;

	if (value < SMALL_CONSTS && f->small[value])
		return f->small[value];
	v = number(f, &(struct ir_ins){ .op = IR_CONST, .w = 1, .imm = value }, true);
	if (value < SMALL_CONSTS)
		f->small[value] = v;
	return v;
}

void ir_forget(struct ir_fn *f)
{
	f->epoch++;
	f->mem_next = 0;
}

/* How many of mem[] are facts: the last ones. */
static inline uint32_t facts(const struct ir_fn *f)
{
	return f->mem_next < MEM_FACTS ? f->mem_next : MEM_FACTS;
}

/* The value that a load would give, if the last accesses tell. */
static uint32_t forwarded(struct ir_fn *f, const struct ir_ins *in)
{
	for (uint32_t i = 0, n = facts(f); i < n; i++) {
		const struct ir_mem *m = &f->mem[i];

		if (m->off != (int64_t)in->imm || m->base != in->a || m->size != in->x ||
		    (m->loaded && m->sign != ir_load_signs(in->y)))
			continue;
		if (m->loaded)
			return m->value;
		return ir_unary(f, ir_load_signs(in->y) ? IR_SEXT : IR_ZEXT, 1, in->x, m->value);
	}
	return 0;
}

static void remember(struct ir_fn *f, const struct ir_ins *in, uint32_t value, bool loaded)
{
	f->mem[f->mem_next++ % MEM_FACTS] = (struct ir_mem){ .base = in->a,
							     .off = (int64_t)in->imm,
							     .size = in->x,
							     .value = value,
							     .loaded = loaded,
							     .sign = ir_load_signs(in->y) };
}

/* A store changes what may overlap it: all but other places from the same base. */
static void stored(struct ir_fn *f, const struct ir_ins *in)
{
	int64_t off = (int64_t)in->imm;

	f->epoch++;
	for (uint32_t i = 0, n = facts(f); i < n; i++) {
		struct ir_mem *m = &f->mem[i];

		if (m->base != in->a || (off < m->off + m->size && m->off < off + in->x))
			m->size = 0;
	}
	remember(f, in, in->b, false);
}

/* Memory, control, and what stands for itself. */
static uint32_t emit_effect(struct ir_fn *f, struct ir_ins *in)
{
	bool plain = in->op == IR_LOAD && in->y != LOAD_ORDERED, value = plain && in->y != LOAD_SUM;
	uint32_t v;

	v = in->op == IR_CHECK ? ir_check(f, in) : ir_fold(f, in);
	if (!v && value)
		v = forwarded(f, in);
	if (v)
		return v;
	if (in->op == IR_CHECK)
		return ir_check_add(f, *in);
	if (in->op == IR_STORE && !in->y)
		stored(f, in);
	else if (in->op == IR_STORE || in->op == IR_ATOMIC || in->op == IR_CALL ||
		 in->op == IR_CALL_LOCAL || (in->op == IR_LOAD && !plain))
		ir_forget(f);
	f->checks.epoch += (in->op == IR_CALL || in->op == IR_CALL_LOCAL) && in->y;
	if (!plain)
		return append(f, in);
	in->c = f->epoch;
	v = number(f, in, false);
	if (value)
		remember(f, in, v, true);
	return v;
}

static uint32_t emit(struct ir_fn *f, struct ir_ins *in)
{
	uint32_t v;

	if (f->failed)
		return 0;
	if (!f->fold)
		return append(f, in);
	if (!ir_has(in, IR_IS_PURE))
		return emit_effect(f, in);
	v = ir_fold(f, in);
	if (!v)
		v = ir_idiom(f, in);
	if (v)
		return v;
	if (in->op == IR_SELECT)
		return append(f, in);
	if (in->op == IR_ADD)
		f->bytes += ir_adds_byte(f, in);
	return number(f, in, false);
}

uint32_t ir_emit(struct ir_fn *f, struct ir_ins in)
{
	return emit(f, &in);
}

uint32_t ir_binary(struct ir_fn *f, enum ir_op op, int w, uint32_t a, uint32_t b)
{
	return emit(f, &(struct ir_ins){ .op = (uint8_t)op, .w = (uint8_t)w, .a = a, .b = b });
}

uint32_t ir_unary(struct ir_fn *f, enum ir_op op, int w, int x, uint32_t a)
{
	return emit(
		f, &(struct ir_ins){ .op = (uint8_t)op, .w = (uint8_t)w, .x = (uint8_t)x, .a = a });
}

bool ir_dominates(const struct ir_fn *f, uint32_t a, uint32_t b)
{
	const struct ir_block *x = &f->blocks[a], *y = &f->blocks[b];

	return a == b || (x->dom_in < y->dom_in && y->dom_out <= x->dom_out && x->dom_out);
}

static uint32_t meet(const struct ir_fn *f, const uint32_t *order, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (order[a] > order[b])
			a = f->blocks[a].idom;
		else
			b = f->blocks[b].idom;
	}
	return a;
}

/* Reverse postorder in @rpo, its inverse in @order; unreached blocks are left out. */
static uint32_t postorder(struct ir_fn *f, uint32_t *rpo, uint32_t *order, uint32_t *stack)
{
	uint32_t depth = 0, at = f->nblocks;
	uint8_t *next = ARENA_ARRAY(f->arena, uint8_t, f->nblocks);

	f->failed |= !next;
	if (f->failed)
		return at;
	for (uint32_t b = 0; b < f->nblocks; b++)
		f->blocks[b].reached = false;
	stack[depth++] = 0;
	f->blocks[0].reached = true;
	while (depth) {
		uint32_t b = stack[depth - 1], s;

		if (next[b] == 2) {
			rpo[--at] = b;
			depth--;
			continue;
		}
		s = f->blocks[b].succ[next[b]++];
		if (s != NO_BLOCK && !f->blocks[s].reached) {
			f->blocks[s].reached = true;
			stack[depth++] = s;
		}
	}
	for (uint32_t i = at; i < f->nblocks; i++)
		order[rpo[i]] = i;
	return at;
}

/* The same where every edge goes forward, so that the order of the blocks is one; 0: some do not. */
static uint32_t in_order(struct ir_fn *f, uint32_t *rpo, uint32_t *order)
{
	uint32_t count = 1, at;

	for (uint32_t k = 1; k < f->nblocks; k++)
		f->blocks[k].reached = false;
	f->blocks[0].reached = true;
	for (uint32_t k = 0; k < f->nblocks; k++)
		for (int e = 0; e < 2 && f->blocks[k].reached; e++) {
			uint32_t s = f->blocks[k].succ[e];

			if (s == NO_BLOCK)
				continue;
			if (s <= k)
				return 0;
			count += !f->blocks[s].reached;
			f->blocks[s].reached = true;
		}
	at = f->nblocks - count;
	for (uint32_t k = 0, i = at; k < f->nblocks; k++)
		if (f->blocks[k].reached) {
			order[k] = i;
			rpo[i++] = k;
		}
	return at + 1;
}

/* Entry and exit times in the dominator tree, from children counted bottom up. */
static void number_tree(struct ir_fn *f, const uint32_t *rpo, uint32_t first, uint32_t *size)
{
	for (uint32_t i = first; i < f->nblocks; i++)
		size[rpo[i]] = 1;
	for (uint32_t i = f->nblocks; i-- > first + 1;)
		size[f->blocks[rpo[i]].idom] += size[rpo[i]];
	for (uint32_t i = first; i < f->nblocks; i++) {
		struct ir_block *b = &f->blocks[rpo[i]];
		if (i == first) {
			b->dom_in = 1;
			b->dom_out = 1 + size[rpo[i]];
			size[rpo[i]] = 2; /* from here on: next free time below this node */
			continue;
		}
		b->dom_in = size[b->idom];
		b->dom_out = b->dom_in + size[rpo[i]];
		size[b->idom] = b->dom_out;
		size[rpo[i]] = b->dom_in + 1;
	}
}

void ir_dominators(struct ir_fn *f)
{
	uint32_t *rpo = ARENA_ARRAY(f->arena, uint32_t, f->nblocks);
	uint32_t *order = ARENA_ARRAY(f->arena, uint32_t, f->nblocks);
	uint32_t *stack = ARENA_ARRAY(f->arena, uint32_t, f->nblocks);
	uint32_t first;
	bool changed = true, back = false;

	f->failed |= !rpo || !order || !stack;
	if (f->failed)
		return;
	first = in_order(f, rpo, order);
	first = first ? first - 1 : postorder(f, rpo, order, stack);
	if (f->failed)
		return;
	memset(rpo, 0xff, first * sizeof(*rpo));
	f->order = rpo;
	for (uint32_t b = 0; b < f->nblocks; b++)
		f->blocks[b].idom = NO_BLOCK;
	f->blocks[0].idom = 0;
	for (int round = 0; changed && round < 32; round++) {
		changed = false;
		for (uint32_t i = first + 1; i < f->nblocks; i++) {
			struct ir_block *b = &f->blocks[rpo[i]];
			uint32_t idom = NO_BLOCK;

			for (uint32_t p = 0; p < b->npreds; p++) {
				uint32_t from = f->preds[b->pred + p];

				if (f->blocks[from].idom == NO_BLOCK) {
					back = true;
					continue;
				}
				idom = idom == NO_BLOCK ? from : meet(f, order, from, idom);
			}
			changed |= idom != b->idom;
			b->idom = idom;
		}
		changed &= back; /* else once is enough */
	}
	f->loops = back;
	if (changed) /* a graph that needs more rounds: nothing dominates but the entry */
		for (uint32_t i = first + 1; i < f->nblocks; i++)
			f->blocks[rpo[i]].idom = 0;
	number_tree(f, rpo, first, stack);
}
