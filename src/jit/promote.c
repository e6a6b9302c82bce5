// SPDX-License-Identifier: Apache-2.0
/*
 * Stack slots whose address was passed to a function that is now spliced in: known.c saw their address leave, and kept them in
 * memory. Here all that is done with addresses of the frame is in sight. When it is loads and stores at known places, of
 * whole slots that do not overlap, opt.c makes them values again, while it rebuilds the function: a load is what the slot
 * holds there, a PHI where that differs (Braun et al. 2013). They start as 0, as other slots do.
 */
#include <stddef.h>
#include <string.h>

#include "jit/ir.h"

struct promote {
	const struct ir_fn *f;
	bool *is_addr;		      /* by value: run->stack and a constant */
	int64_t *at;		      /* then: that constant */
	uint8_t size[ISA_STACK_SIZE]; /* of the slot that starts here */
	bool bad[ISA_STACK_SIZE];     /* by start of a slot: it stays in memory */
	int16_t owner[ISA_STACK_SIZE];
	uint32_t accesses;
};

static bool is_access(const struct ir_ins *in)
{
	return in->op == IR_LOAD || in->op == IR_STORE;
}

/* Is it an address of the stack, by its own operation? */
static bool derive(struct promote *p, uint32_t v)
{
	const struct ir_fn *f = p->f;
	const struct ir_ins *in = &f->ins[v];

	if (in->op == IR_LOAD && in->imm == offsetof(struct exec_run, stack) &&
	    ir_is(f, in->a, IR_ARG) && f->ins[in->a].imm == RUN_ARG) {
		p->at[v] = 0;
		return true;
	}
	if (in->op != IR_ADD || !in->w || !p->is_addr[in->a] || !ir_is(f, in->b, IR_CONST))
		return false;
	p->at[v] = p->at[in->a] + (int64_t)f->ins[in->b].imm;
	return true;
}

/* Offset from the start of the frame, or negative: it is not in it. */
static int64_t place(const struct promote *p, int64_t at)
{
	at -= (int64_t)p->f->checks.frame * EXEC_FRAME_STRIDE;
	return at <= ISA_STACK_SIZE ? at : -1;
}

/* An access of the frame. False: it leaves it, or is not plain. */
static bool note(struct promote *p, const struct ir_ins *in)
{
	int64_t at = place(p, p->at[in->a] + (int64_t)in->imm);
	bool plain = in->op == IR_STORE ? !in->y && in->b != in->a : in->y <= LOAD_SIGN;

	if (at < 0)
		return place(p, p->at[in->a]) < 0; /* of another function's */
	if (!plain || at + in->x > ISA_STACK_SIZE)
		return false;
	if (p->size[at] && p->size[at] != in->x)
		p->bad[at] = true;
	p->size[at] = in->x > p->size[at] ? in->x : p->size[at];
	for (int64_t b = at; b < at + in->x; b++) {
		if (p->owner[b] < 0)
			p->owner[b] = (int16_t)at;
		if (p->owner[b] != at)
			p->bad[p->owner[b]] = p->bad[at] = true;
	}
	p->accesses++;
	return true;
}

/* May the value be used so? As an address of an access, for another address, or if it is not of this frame. */
static bool is_harmless(const struct promote *p, uint32_t user, uint32_t v)
{
	const struct ir_ins *in = &p->f->ins[user];

	if (!p->is_addr[v] || p->is_addr[user])
		return true;
	if (p->at[v] && place(p, p->at[v]) < 0)
		return true;
	return (is_access(in) && in->a == v && (in->op == IR_LOAD || in->b != v)) ||
	       (in->op == IR_CHECK && in->a == v);
}

static bool uses_are_harmless(const struct promote *p, uint32_t v)
{
	const struct ir_fn *f = p->f;
	const struct ir_ins *in = &f->ins[v];
	uint32_t n = ir_operands[in->op], list = 0;
	bool fine = true;

	if (in->op == IR_PHI || ir_has(in, IR_IS_LIST)) {
		list = in->op == IR_SELECT ? 4 : in->b;
		n = 0;
	}
	for (uint32_t k = 0; k < list; k++)
		fine &= is_harmless(p, v, f->args[in->a + k]);
	if (n >= 1)
		fine &= is_harmless(p, v, in->a);
	if (n >= 2)
		fine &= is_harmless(p, v, in->b);
	if (in->op == IR_ATOMIC || in->op == IR_CALL)
		fine &= is_harmless(p, v, in->c);
	return fine;
}

static bool look(struct promote *p)
{
	const struct ir_fn *f = p->f;

	for (uint32_t v = 1; v < f->n; v++)
		p->is_addr[v] = derive(p, v);
	for (uint32_t v = 1; v < f->n; v++) {
		const struct ir_ins *in = &f->ins[v];

		if (in->op <= IR_CONST || !f->blocks[f->home[v]].reached)
			continue;
		if (!uses_are_harmless(p, v))
			return false;
		if (is_access(in) && p->is_addr[in->a] && !note(p, in))
			return false;
	}
	return p->accesses;
}

/* Numbers the slots that are left, and their accesses. */
static bool number(struct promote *p, struct arena *arena, struct ir_slots *s)
{
	const struct ir_fn *f = p->f;
	uint8_t names[ISA_STACK_SIZE] = { 0 };

	for (uint32_t at = 0; at < ISA_STACK_SIZE && s->n < IR_MAX_SLOTS; at++)
		if (p->size[at] && !p->bad[at])
			names[at] = (uint8_t)++s->n;
	if (!s->n)
		return false;
	s->of = ARENA_ARRAY(arena, uint8_t, f->n);
	s->end = ARENA_ARRAY(arena, uint32_t, (size_t)f->nblocks * s->n);
	if (!s->of || !s->end)
		return false;
	for (uint32_t v = 1; v < f->n; v++) {
		const struct ir_ins *in = &f->ins[v];
		int64_t at;

		if (!is_access(in) || !p->is_addr[in->a])
			continue;
		at = place(p, p->at[in->a] + (int64_t)in->imm);
		if (at >= 0 && at < ISA_STACK_SIZE)
			s->of[v] = names[at];
	}
	return true;
}

bool ir_find_slots(const struct ir_fn *f, struct arena *arena, struct ir_slots *ret)
{
	struct promote p = { .f = f,
			     .is_addr = ARENA_ARRAY(arena, bool, f->n),
			     .at = ARENA_RAW(arena, int64_t, f->n) };

	memset(p.owner, -1, sizeof(p.owner));
	*ret = (struct ir_slots){ .n = 0 };
	return p.is_addr && p.at && look(&p) && number(&p, arena, ret);
}

static uint32_t phi(struct ir_fn *to, const struct ir_block *block, uint32_t slot)
{
	/* its operands come when all blocks are there */
	return ir_append(to, (struct ir_ins){ .op = IR_PHI,
					      .w = 1,
					      .a = ir_args(to, NULL, block->npreds),
					      .b = block->npreds,
					      .c = UINT32_MAX - slot });
}

/* What the slots hold at the start of block @k, whose predecessors are @to's; those that lead back have nothing yet. */
void ir_enter_slots(struct ir_slots *s, struct ir_fn *to, uint32_t k)
{
	const struct ir_block *block = &to->blocks[k];

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t one = 0;
		bool same = true;

		for (uint32_t p = 0; p < block->npreds; p++) {
			uint32_t v = s->end[(size_t)to->preds[block->pred + p] * s->n + i];

			same &= v && (!one || v == one);
			one = v;
		}
		if (!block->npreds)
			s->now[i] = ir_const(to, 0);
		else
			s->now[i] = same ? one : phi(to, block, i);
	}
}

void ir_leave_slots(struct ir_slots *s, uint32_t k)
{
	memcpy(&s->end[(size_t)k * s->n], s->now, s->n * sizeof(*s->now));
}

/* An access of a slot: the value of a load; @value: what is stored. */
uint32_t ir_slot_access(struct ir_slots *s, struct ir_fn *to, const struct ir_ins *in,
			uint32_t slot, uint32_t value)
{
	if (in->op == IR_STORE)
		return s->now[slot] = value;
	value = s->now[slot];
	if (in->x == 8)
		return value;
	return ir_unary(to, ir_load_signs(in->y) ? IR_SEXT : IR_ZEXT, 1, in->x, value);
}
