// SPDX-License-Identifier: Apache-2.0
/*
 * Checks inline and out of line. Inline is a comparison against the window of the kind of pointer; what it does not
 * decide goes behind the function's code, loads r11 with the value, r10 with the run, pushes the place and calls a
 * stub that keeps every register but those two. The stub gives 0 for a fault: the function then returns 0.
 */
#include <stddef.h>

#include "jit/x86_64/x86.h"

#define RUN(field) ((int32_t)offsetof(struct exec_run, field))
#define FAULT UINT32_MAX /* value of a struct x86_slow that leaves the function */
#define ENTRY (UINT32_MAX - 1)
#define GUARDS (UINT32_MAX - 3) /* and the one after: an entry's guard */

static const uint8_t kept[] = { RAX, RCX, RDX, RSI, RDI, R8, R9, RBX };
#define KEPT ((int32_t)sizeof(kept))

static struct x86_mem at(int base, int32_t disp)
{
	return (struct x86_mem){ .base = (uint8_t)base, .index = NO_INDEX, .disp = disp };
}

/* A jump with 32 bits; @cc negative: always, and opcode 0xe8 when -2: a call. Returns its end. */
static uint32_t far(struct jit_code_buf *out, int cc)
{
	if (cc >= 0)
		x86_byte(out, 0x0f);
	x86_byte(out, (uint8_t)(cc == -2 ? 0xe8 : cc < 0 ? 0xe9 : 0x80 | cc));
	x86_u32(out, 0);
	return (uint32_t)out->len;
}

static void land(struct jit_code_buf *out, uint32_t from, uint32_t to)
{
	uint32_t delta = to - from;

	for (int i = 0; i < 4 && !out->failed; i++)
		out->bytes[from - 4 + (uint32_t)i] = (uint8_t)(delta >> 8 * i);
}

static void leave(struct x86_emit *e, uint32_t v, int cc)
{
	uint32_t from = far(e->out, cc);

	if (e->nslow < e->slow_room)
		e->slow[e->nslow++] = (struct x86_slow){ from, 0, v };
	else
		e->out->failed = true;
}

static void come_back(struct x86_emit *e, uint32_t first)
{
	for (uint32_t i = first; i < e->nslow; i++)
		e->slow[i].back = (uint32_t)e->out->len;
}

/* r11 = the address that is checked */
static void address(struct x86_emit *e, const struct ir_ins *in)
{
	int base = x86_use(e, in->a, R11);
	int32_t off = ir_check_off(in);

	if (off)
		x86_lea(e->out, 1, R11, at(base, off));
	else if (base != R11)
		x86_mov(e->out, 1, R11, base);
}

static int32_t window_at(uint32_t window)
{
	return RUN(checks.windows) + (int32_t)(window * sizeof(struct exec_window));
}

static void check(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int32_t window = window_at(ir_check_window(e->f, in->a));
	uint32_t first = e->nslow, place = ir_check_place(in);
	bool write = place & EXEC_PLACE_WRITE;
	int run;

	address(e, in);
	if (place & EXEC_PLACE_ATOMIC && in->x > 1) {
		x86_test_ri(e->out, 0, R11, in->x - 1);
		leave(e, v, COND_NE);
	}
	run = x86_use(e, in->b, R10);
	x86_alu_rm(e->out, 1, ALU_SUB, R11,
		   at(run, window + (int32_t)offsetof(struct exec_window, base)));
	x86_alu_rm(e->out, 1, ALU_CMP, R11,
		   at(run, window + (int32_t)offsetof(struct exec_window, room) + 32 * write +
				   8 * __builtin_ctz(in->x)));
	leave(e, v, COND_AE);
	come_back(e, first);
}

/* Bytes of any number: r11 = address - base + n, which must not pass n from above, nor the size. */
static void guard(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int32_t window = window_at(ir_check_window(e->f, in->a));
	uint32_t first = e->nslow, place = ir_check_place(in);
	int run, reg = x86_target(e, v);

	address(e, in);
	run = x86_use(e, in->b, R10);
	x86_alu_rm(e->out, 1, ALU_SUB, R11,
		   at(run, window + (int32_t)offsetof(struct exec_window, base)));
	x86_alu_ri(e->out, 1, ALU_ADD, R11, (int32_t)(place & (EXEC_PLACE_WRITE - 1)));
	leave(e, v, COND_B);
	x86_alu_rm(e->out, 1, ALU_CMP, R11,
		   at(run, window + (int32_t)offsetof(struct exec_window, size) +
				   8 * !!(place & EXEC_PLACE_WRITE)));
	leave(e, v, COND_A);
	x86_mov_imm(e->out, R11, 1);
	come_back(e, first);
	if (reg != R11)
		x86_mov(e->out, 1, reg, R11);
	x86_finish(e, v, reg);
}

static void spend(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	uint32_t first = e->nslow;
	int reg = x86_target(e, v);

	x86_copy(e, reg, in->a);
	x86_alu_ri(e->out, 1, ALU_SUB, reg, ir_check_off(in));
	leave(e, v, COND_L); /* it may have been below 0 before: what was put off */
	come_back(e, first);
	x86_finish(e, v, reg);
}

void x86_check(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];

	switch ((int)in->op) { /* those of checked code */
	case IR_CHECK:
		check(e, v);
		return;
	case IR_GUARD:
		guard(e, v);
		return;
	case IR_SPEND:
		spend(e, v);
		return;
	default: /* IR_FAULTED */
		x86_alu_mi(e->out, 1, ALU_CMP, at(x86_use(e, in->a, R10), RUN(fault)), 0);
		leave(e, FAULT, COND_NE);
	}
}

/* r11 = the start of what the entry asks for */
static void guard_start(struct x86_emit *e, const struct jit_guard *g)
{
	x86_lea(e->out, 1, R11, at(e->a->target->args[1], g->start));
}

static void entry_guard(struct x86_emit *e, int write)
{
	const struct jit_guard *g = &e->a->guards[write];
	int run = e->a->target->args[0];
	uint32_t first = e->nslow;

	guard_start(e, g);
	x86_alu_rm(e->out, 1, ALU_SUB, R11,
		   at(run, window_at(0) + (int32_t)offsetof(struct exec_window, base)));
	x86_alu_ri(e->out, 1, ALU_ADD, R11, g->end - g->start);
	leave(e, GUARDS + (uint32_t)write, COND_B);
	x86_alu_rm(e->out, 1, ALU_CMP, R11,
		   at(run, window_at(0) + (int32_t)offsetof(struct exec_window, size) + 8 * write));
	leave(e, GUARDS + (uint32_t)write, COND_A);
	come_back(e, first);
}

void x86_check_enter(struct x86_emit *e)
{
	e->nslow = 0;
	if (e->a->most) {
		x86_alu_mi(e->out, 1, ALU_CMP, at(e->a->target->args[0], RUN(budget)),
			   (int32_t)e->a->most);
		leave(e, ENTRY, COND_B);
	}
	for (int write = 0; write < 2 && e->a->twin; write++)
		if (e->a->guards[write].asked)
			entry_guard(e, write);
}

/* Calls @fn(run in r10, value in r11, place, frame); the result in r11, and the zero flag of it. */
static void stub(struct x86_emit *e, uintptr_t fn)
{
	struct jit_code_buf *out = e->out;

	for (int i = 0; i < KEPT; i++)
		x86_push(out, kept[i]);
	x86_mov(out, 1, RBX, RSP);
	x86_alu_ri(out, 1, ALU_AND, RSP, -16);
	x86_mov(out, 1, RDI, R10);
	x86_mov(out, 1, RSI, R11);
	x86_load(out, RDX, at(RBX, 8 * KEPT + 8), 4, false);
	x86_mov_imm(out, RCX, e->a->frame);
	x86_mov_imm(out, RAX, fn);
	x86_through_rax(e, true);
	x86_mov(out, 1, R11, RAX);
	x86_mov(out, 1, RSP, RBX);
	for (int i = KEPT; i-- > 0;)
		x86_pop(out, kept[i]);
	x86_test_rr(out, 1, R11, R11);
	x86_byte(out, 0xc2); /* ret 8: the place goes too */
	x86_byte(out, 8);
	x86_byte(out, 0);
}

static const struct {
	uint8_t op;
	uintptr_t fn;
} stubs[] = {
	{ IR_CHECK, (uintptr_t)exec_check_access },
	{ IR_GUARD, (uintptr_t)exec_check_range },
	{ IR_SPEND, (uintptr_t)exec_check_budget },
};
#define STUBS (sizeof(stubs) / sizeof(stubs[0]))

/* Pushes the place and calls the stub. */
static uint32_t call_stub(struct x86_emit *e, uint32_t place)
{
	x86_byte(e->out, 0x68); /* push */
	x86_u32(e->out, place);
	return far(e->out, -2);
}

/* The way through the stub; what the call to it must be landed on. */
static uint32_t slow_way(struct x86_emit *e, const struct x86_slow *s, uint32_t *ret_fault)
{
	const struct ir_ins *in = &e->f->ins[s->value];
	uint32_t place = ir_check_place(in), from;
	int run, reg = x86_target(e, s->value);

	if (in->op == IR_SPEND) {
		if (reg != R11)
			x86_mov(e->out, 1, R11, reg);
	} else {
		address(e, in);
		place |= ir_check_window(e->f, in->a) << EXEC_PLACE_WINDOW;
	}
	run = x86_use(e, in->b, R10);
	if (run != R10)
		x86_mov(e->out, 1, R10, run);
	from = call_stub(e, place);
	if (in->op == IR_CHECK) {
		land(e->out, far(e->out, COND_NE), s->back);
		*ret_fault = far(e->out, -1);
		return from;
	}
	if (in->op == IR_SPEND) {
		*ret_fault = far(e->out, COND_E);
		x86_lea(e->out, 1, reg, at(R11, -1));
	}
	land(e->out, far(e->out, -1), s->back);
	return from;
}

/* At the entry all arguments are where they came: to the interpreter, or to the twin. */
static uint32_t entry_way(struct x86_emit *e, const struct x86_slow *s)
{
	struct jit_code_buf *out = e->out;
	uint32_t write = s->value - GUARDS, from;

	if (s->value == ENTRY) {
		x86_mov_imm(out, RAX, (uintptr_t)exec_interpret);
		x86_through_rax(e, false);
		return 0;
	}
	guard_start(e, &e->a->guards[write]);
	x86_mov(out, 1, R10, e->a->target->args[0]);
	from = call_stub(e, (uint32_t)(e->a->guards[write].end - e->a->guards[write].start) |
				    (write ? EXEC_PLACE_WRITE : 0));
	land(out, far(out, COND_NE), s->back);
	x86_byte(out, 0xe9);
	if (out->nfixes < out->fixes_room)
		out->fixes[out->nfixes++] =
			(struct jit_call_fix){ .at = (uint32_t)out->len, .to = e->a->twin };
	else
		out->failed = true;
	x86_u32(out, 0);
	return from;
}

static enum ir_op stub_of(const struct x86_emit *e, const struct x86_slow *s)
{
	return s->value >= GUARDS ? IR_GUARD : (enum ir_op)e->f->ins[s->value].op;
}

void x86_check_end(struct x86_emit *e)
{
	uint32_t n = e->nslow, calls[STUBS] = { 0 };
	uint32_t *from = ARENA_ARRAY(e->a->arena, uint32_t, n), *faults;

	faults = ARENA_ARRAY(e->a->arena, uint32_t, n);
	e->out->failed |= n && (!from || !faults);
	for (uint32_t i = 0; i < n && !e->out->failed; i++) {
		const struct x86_slow *s = &e->slow[i];

		if (s->value == FAULT) {
			faults[i] = s->at;
			continue;
		}
		land(e->out, s->at, (uint32_t)e->out->len);
		from[i] = s->value >= GUARDS ? entry_way(e, s) : slow_way(e, s, &faults[i]);
	}
	for (uint32_t k = 0; k < STUBS && !e->out->failed; k++)
		for (uint32_t i = 0; i < n; i++) {
			if (!from[i] || stub_of(e, &e->slow[i]) != (enum ir_op)stubs[k].op)
				continue;
			if (!calls[k]) {
				calls[k] = (uint32_t)e->out->len;
				stub(e, stubs[k].fn);
			}
			land(e->out, from[i], calls[k]);
		}
	for (uint32_t i = 0, start = 0; i < n && !e->out->failed; i++) {
		if (!faults[i])
			continue;
		if (!start) {
			start = (uint32_t)e->out->len;
			x86_mov_imm(e->out, RAX, 0);
			x86_epilogue(e);
		}
		land(e->out, faults[i], start);
	}
}

/* Room for the ways out of line: two of an atomic check or a guard. */
bool x86_check_init(struct x86_emit *e)
{
	uint32_t n = 5; /* those of the entry */

	if (!e->a->checked)
		return true;
	for (uint32_t v = 1; v < e->f->n; v++)
		n += 2 * (ir_is(e->f, v, IR_CHECK) || ir_is(e->f, v, IR_GUARD) ||
			  ir_is(e->f, v, IR_SPEND) || ir_is(e->f, v, IR_FAULTED));
	e->slow = ARENA_ARRAY(e->a->arena, struct x86_slow, n);
	e->slow_room = n;
	return e->slow != NULL;
}
