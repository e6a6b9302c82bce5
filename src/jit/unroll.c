// SPDX-License-Identifier: Apache-2.0
/*
 * Which loops are worth unrolling: one block that loads or stores, calls nothing, and counts by constants from a constant
 * to a constant, so that the number of its rounds is known. A factor that divides it needs no test in between.
 * opt.c writes the block so many times.
 */
#include "jit/ir.h"

#define MAX_BODY 8
#define MAX_BYTES 32  /* added in one round */
#define MAX_ROUNDS 64 /* that are counted one by one */

/* The block's way back to itself: through nothing, or through a block that only jumps. */
static bool leads_back(const struct ir_fn *f, uint32_t k, uint32_t succ)
{
	const struct ir_block *b = &f->blocks[succ];

	if (succ == k)
		return true;
	if (!b->reached || b->succ[0] != k || b->succ[1] != NO_BLOCK || b->npreds != 1)
		return false;
	for (uint32_t v = b->start; v + 1 < b->end; v++)
		if (!ir_is(f, v, IR_NOP)) /* what was a charge */
			return false;
	return true;
}

/* Is the body small and plain? */
static bool is_plain(const struct ir_fn *f, const struct ir_block *b)
{
	uint32_t count = 0;
	bool memory = false;

	for (uint32_t v = b->start; v + 1 < b->end; v++) {
		const struct ir_ins *in = &f->ins[v];

		if (in->op <= IR_CONST || in->op == IR_PHI)
			continue;
		if (!ir_has(in, IR_IS_PURE) && in->op != IR_LOAD && in->op != IR_STORE)
			return false;
		memory |= in->op == IR_LOAD || in->op == IR_STORE;
		if (++count > MAX_BODY)
			return false;
	}
	return memory;
}

/* Operand @which of the PHI as a constant. */
static bool phi_constant(const struct ir_fn *f, uint32_t phi, uint32_t which, uint64_t *ret)
{
	uint32_t v = f->args[f->ins[phi].a + which];

	*ret = f->ins[v].imm;
	return ir_is(f, v, IR_CONST);
}

/* Rounds until @value, which grows by @step, is @bound; 0: it may never be. */
static uint64_t until_equal(uint64_t value, uint64_t step, uint64_t bound, bool wide)
{
	uint64_t mask = wide ? UINT64_MAX : UINT32_MAX, distance = bound - value;

	if ((step & mask) > mask / 2) { /* downwards */
		step = 0 - step;
		distance = 0 - distance;
	}
	step &= mask;
	distance &= mask;
	return !step || distance % step ? 0 : distance / step + 1;
}

/* How often the block runs when it is entered; 0: unknown. */
static uint64_t rounds(const struct ir_fn *f, const struct ir_block *b, uint32_t entry, bool stay)
{
	const struct ir_ins *br = &f->ins[b->end - 1], *test = &f->ins[br->a];
	uint32_t phi = ir_is(f, br->a, IR_PHI) ? br->a : test->a, next;
	const struct ir_ins *step;
	enum ir_cc cc = (enum ir_cc)(stay ? br->x : br->x ^ 1);
	uint64_t value, by;

	if (!ir_is(f, br->b, IR_CONST) || !ir_is(f, phi, IR_PHI) || phi < b->start ||
	    phi >= b->end || !phi_constant(f, phi, entry, &value))
		return 0;
	next = f->args[f->ins[phi].a + !entry];
	step = &f->ins[next];
	if (step->op != IR_ADD || step->a != phi || !ir_is(f, step->b, IR_CONST) ||
	    (br->a != phi && br->a != next))
		return 0;
	by = f->ins[step->b].imm;
	if (br->a == next)
		value = ir_compute(IR_ADD, step->w, value, by);
	if (cc == CC_NE)
		return until_equal(value, by, f->ins[br->b].imm, br->w && step->w);
	for (uint32_t n = 1; n <= MAX_ROUNDS; n++) {
		if (!ir_compare(cc, br->w, value, f->ins[br->b].imm))
			return n;
		value = ir_compute(IR_ADD, step->w, value, by);
	}
	return 0;
}

/* Does it add a byte to a sum? Many of them are added at once (sum.c). */
static bool adds_bytes(const struct ir_fn *f, const struct ir_block *b)
{
	bool found = false;

	for (uint32_t v = b->start; v + 1 < b->end; v++) {
		const struct ir_ins *in = &f->ins[v], *x = &f->ins[in->a], *y = &f->ins[in->b];

		if (in->op == IR_STORE)
			return false;
		if (in->op == IR_ADD && x->op == IR_PHI)
			found |= y->op == IR_LOAD && y->x == 1 && y->y == LOAD_ZERO;
	}
	return found;
}

uint32_t ir_unroll(const struct ir_fn *f, uint32_t k, uint32_t *ret_back)
{
	const struct ir_block *b = &f->blocks[k];
	uint32_t back, from;
	uint64_t n;

	if (!b->reached || b->npreds != 2 || b->end < b->start + 2 || !ir_is(f, b->end - 1, IR_BR))
		return 1;
	back = leads_back(f, k, b->succ[0]) ? 0 : 1;
	if (!leads_back(f, k, b->succ[back]) || leads_back(f, k, b->succ[!back]) || !is_plain(f, b))
		return 1;
	from = b->succ[back] == k ? k : b->succ[back];
	*ret_back = f->preds[b->pred] == from ? 0 : 1;
	if (f->preds[b->pred + *ret_back] != from)
		return 1;
	n = rounds(f, b, !*ret_back, back == 0);
	for (uint32_t times = MAX_BYTES; n && times > 4 && adds_bytes(f, b); times -= 4)
		if (n % times == 0)
			return times;
	return !n || n % 2 ? 1 : n % 4 ? 2 : 4;
}
