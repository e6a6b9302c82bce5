// SPDX-License-Identifier: Apache-2.0
/*
 * Checks inline and out of line. Inline is a comparison against the window of the kind of pointer; what it does not
 * decide goes behind the function's code, has the value in x16, the run in x17 and the place in w15, and calls a stub
 * that keeps every register but those three. The stub gives 0 for a fault: the function then returns 0.
 */
#include <stddef.h>

#include "jit/arm64/a64.h"

#define RUN(field) ((int32_t)offsetof(struct exec_run, field))
#define FAULT UINT32_MAX /* value of a struct a64_slow that leaves the function */
#define ENTRY (UINT32_MAX - 1)
#define GUARDS (UINT32_MAX - 3) /* and the one after: an entry's guard */
#define WINDOW(field) ((int32_t)offsetof(struct exec_window, field))

#define STUB_FRAME 144 /* x29 and x30, x0 to x14 */

static void leave(struct a64_emit *e, uint32_t v, const struct a64_test *t)
{
	if (e->nslow == e->slow_room) {
		e->out->failed = true;
		return;
	}
	if (e->slow_long) /* around a jump */
		a64_branch(e->out, t, true, 8);
	e->slow[e->nslow++] = (struct a64_slow){ (uint32_t)e->out->len, 0, v };
	if (e->slow_long)
		a64_b(e->out, 0);
	else
		a64_branch(e->out, t, false, 0);
}

static void leave_if(struct a64_emit *e, uint32_t v, enum a64_cond cc)
{
	leave(e, v, &(struct a64_test){ .kind = TEST_COND, .cc = (uint8_t)cc });
}

static void come_back(struct a64_emit *e, uint32_t first)
{
	for (uint32_t i = first; i < e->nslow; i++)
		e->slow[i].back = (uint32_t)e->out->len;
}

/* The address that is checked, in a register: that of the base, or x16. */
static int address(struct a64_emit *e, const struct ir_ins *in)
{
	int base = a64_use(e, in->a, X16);

	if (!ir_check_off(in))
		return base;
	a64_add_const(e->out, 1, X16, base, (uint64_t)(int64_t)ir_check_off(in), X15);
	return X16;
}

/* rd = a field of the run, which is in register @run */
static void field(struct a64_emit *e, int rd, int run, int32_t off)
{
	struct a64_mem m = { .base = (uint8_t)run, .index = NO_INDEX, .disp = off };

	if (!a64_is_offset(off, 8)) {
		a64_mov_imm(e->out, rd, (uint64_t)off);
		m.index = (uint8_t)rd;
	}
	a64_load(e->out, rd, m, 8, false);
}

/* @op of rn and a constant; the flags are set */
static void with_flags(struct a64_emit *e, enum a64_alu op, int rd, int rn, uint64_t value)
{
	bool minus;

	if (a64_is_arith(1, value, &minus) && !minus) {
		a64_arith_imm(e->out, 1, op, rd, rn, value);
		return;
	}
	a64_mov_imm(e->out, X15, value);
	a64_alu(e->out, 1, op, rd, rn, X15, 0);
}

static int32_t window_at(const struct a64_emit *e, const struct ir_ins *in)
{
	return RUN(checks.windows) +
	       (int32_t)(ir_check_window(e->f, in->a) * sizeof(struct exec_window));
}

/* Are n bytes at @at, n any number, inside the window of run? x16 = address - base + n passes neither n nor the size. */
static void inside(struct a64_emit *e, uint32_t v, int at, int run, int32_t window, uint32_t n,
		   bool write)
{
	field(e, X15, run, window + WINDOW(base));
	a64_alu(e->out, 1, A64_SUB, X16, at, X15, 0);
	with_flags(e, A64_CMN, X16, X16, n);
	leave_if(e, v, A64_HS);
	field(e, X15, run, window + WINDOW(size) + 8 * write);
	a64_alu(e->out, 1, A64_CMP, XZR, X16, X15, 0);
	leave_if(e, v, A64_HI);
}

static void check(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int32_t window = window_at(e, in);
	uint32_t first = e->nslow, place = ir_check_place(in), mask;
	bool write = place & EXEC_PLACE_WRITE;
	int run, at = address(e, in);

	if (place & EXEC_PLACE_ATOMIC && a64_bitmask(0, in->x - 1u, &mask)) {
		a64_logic_imm(e->out, 0, A64_TST, XZR, at, mask);
		leave_if(e, v, A64_NE);
	}
	run = a64_use(e, in->b, X17);
	field(e, X15, run, window + WINDOW(base));
	a64_alu(e->out, 1, A64_SUB, X16, at, X15, 0);
	field(e, X15, run, window + WINDOW(room) + 32 * write + 8 * __builtin_ctz(in->x));
	a64_alu(e->out, 1, A64_CMP, XZR, X16, X15, 0);
	leave_if(e, v, A64_HS);
	come_back(e, first);
}

static void guard(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	uint32_t first = e->nslow, place = ir_check_place(in);
	int at = address(e, in), run = a64_use(e, in->b, X17), reg = a64_target(e, v);

	inside(e, v, at, run, window_at(e, in), place & (EXEC_PLACE_WRITE - 1),
	       place & EXEC_PLACE_WRITE);
	a64_mov_imm(e->out, reg, 1);
	come_back(e, first);
	a64_finish(e, v, reg);
}

/* Where the budget is while it is counted: x17 is the run's. */
static int budget_reg(const struct a64_emit *e, uint32_t v)
{
	int reg = a64_reg_of(e, v);

	return reg >= 0 ? reg : X16;
}

static void spend(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	uint32_t first = e->nslow;
	int reg = budget_reg(e, v);

	with_flags(e, A64_CMP, reg, a64_use(e, in->a, X16), (uint64_t)(int64_t)ir_check_off(in));
	leave_if(e, v, A64_LT); /* it may have been below 0 before: what was put off */
	come_back(e, first);
	a64_finish(e, v, reg);
}

void a64_check(struct a64_emit *e, uint32_t v)
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
		field(e, X15, a64_use(e, in->a, X17), RUN(fault));
		leave(e, FAULT,
		      &(struct a64_test){ .kind = TEST_ZERO, .set = true, .reg = X15, .w = 1 });
	}
}

/* x16 = the start of what the entry asks for */
static void guard_start(struct a64_emit *e, const struct jit_guard *g)
{
	a64_add_const(e->out, 1, X16, e->a->target->args[1], (uint64_t)(int64_t)g->start, X15);
}

void a64_check_enter(struct a64_emit *e)
{
	int run = e->a->target->args[0];

	e->nslow = 0;
	if (e->a->most) {
		field(e, X16, run, RUN(budget));
		with_flags(e, A64_CMP, XZR, X16, e->a->most);
		leave_if(e, ENTRY, A64_LO);
	}
	for (uint32_t write = 0; write < 2 && e->a->twin; write++) {
		const struct jit_guard *g = &e->a->guards[write];
		uint32_t first = e->nslow;

		if (!g->asked)
			continue;
		guard_start(e, g);
		inside(e, GUARDS + write, X16, run, RUN(checks.windows),
		       (uint32_t)(g->end - g->start), write);
		come_back(e, first);
	}
}

/* Calls @fn(run in x17, value in x16, place in w15, frame); the result in x16. */
static void stub(struct a64_emit *e, uintptr_t fn)
{
	struct jit_code_buf *out = e->out;
	const struct a64_mem last = { .base = XSP, .index = NO_INDEX, .disp = STUB_FRAME - 16 };

	a64_stp(out, X29, X30, STUB_FRAME, true);
	a64_arith_imm(out, 1, A64_ADD, X29, XSP, 0);
	for (int r = X0; r < X14; r += 2)
		a64_stp(out, r, r + 1, 16 + 8 * r, false);
	a64_store(out, X14, last, 8);
	a64_mov(out, 1, X0, X17);
	a64_mov(out, 1, X1, X16);
	a64_mov(out, 0, X2, X15);
	a64_mov_imm(out, X3, e->a->frame);
	a64_mov_imm(out, X16, fn);
	a64_blr(out, X16);
	a64_mov(out, 1, X16, X0);
	a64_load(out, X14, last, 8, false);
	for (int r = X0; r < X14; r += 2)
		a64_ldp(out, r, r + 1, 16 + 8 * r, false);
	a64_ldp(out, X29, X30, STUB_FRAME, true);
	a64_ret(out);
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

static void go_back(struct a64_emit *e, const struct a64_slow *s)
{
	a64_b(e->out, (int32_t)(s->back - (uint32_t)e->out->len));
}

/* Calls the stub with what x16 holds. */
static uint32_t call_stub(struct a64_emit *e, uint32_t place)
{
	uint32_t call;

	a64_mov_imm(e->out, X15, place);
	a64_push(e->out, X30, 16);
	call = (uint32_t)e->out->len;
	a64_bl(e->out, 0);
	a64_pop(e->out, X30, 16);
	return call;
}

/* At the entry all arguments are where they came: to the interpreter, or to the twin. */
static uint32_t entry_way(struct a64_emit *e, const struct a64_slow *s)
{
	struct jit_code_buf *out = e->out;
	uint32_t write = s->value - GUARDS, call;

	if (s->value == ENTRY) {
		a64_mov_imm(out, X16, (uintptr_t)exec_interpret);
		a64_br(out, X16);
		return 0;
	}
	guard_start(e, &e->a->guards[write]);
	a64_mov(out, 1, X17, e->a->target->args[0]);
	call = call_stub(e, (uint32_t)(e->a->guards[write].end - e->a->guards[write].start) |
				    (write ? EXEC_PLACE_WRITE : 0));
	a64_cb(out, 1, false, X16, 8);
	go_back(e, s);
	if (out->nfixes < out->fixes_room)
		out->fixes[out->nfixes++] =
			(struct jit_call_fix){ .at = (uint32_t)out->len, .to = e->a->twin };
	else
		out->failed = true;
	a64_b(out, 0);
	return call;
}

static enum ir_op stub_of(const struct a64_emit *e, const struct a64_slow *s)
{
	return s->value >= GUARDS ? IR_GUARD : (enum ir_op)e->f->ins[s->value].op;
}

/* The way through the stub; gives the call to it, and *ret_fault the branch to take after a fault. */
static uint32_t slow_way(struct a64_emit *e, const struct a64_slow *s, uint32_t *ret_fault)
{
	const struct ir_ins *in = &e->f->ins[s->value];
	uint32_t place = ir_check_place(in), call;
	int value, run;

	if (in->op == IR_SPEND) {
		value = budget_reg(e, s->value);
	} else {
		value = address(e, in);
		place |= ir_check_window(e->f, in->a) << EXEC_PLACE_WINDOW;
	}
	if (value != X16)
		a64_mov(e->out, 1, X16, value);
	run = a64_use(e, in->b, X17);
	if (run != X17)
		a64_mov(e->out, 1, X17, run);
	call = call_stub(e, place);
	if (in->op == IR_GUARD) {
		a64_mov(e->out, 1, a64_target(e, s->value), X16);
	} else {
		a64_cb(e->out, 1, true, X16, 8);
		*ret_fault = (uint32_t)e->out->len;
		a64_b(e->out, 0);
	}
	if (in->op == IR_SPEND)
		a64_arith_imm(e->out, 1, A64_SUB, budget_reg(e, s->value), X16, 1);
	go_back(e, s);
	return call;
}

static bool land(struct a64_emit *e, uint32_t from, uint32_t to)
{
	return e->out->failed || a64_patch(e->out, from, (int64_t)to - from);
}

static bool write_stubs(struct a64_emit *e, const uint32_t *calls)
{
	bool good = true;

	for (uint32_t k = 0; k < STUBS; k++) {
		uint32_t at = 0;

		for (uint32_t i = 0; i < e->nslow; i++) {
			if (!calls[i] || stub_of(e, &e->slow[i]) != (enum ir_op)stubs[k].op)
				continue;
			if (!at) {
				at = (uint32_t)e->out->len;
				stub(e, stubs[k].fn);
			}
			good &= land(e, calls[i], at);
		}
	}
	return good;
}

bool a64_check_end(struct a64_emit *e)
{
	uint32_t n = e->nslow, at = 0;
	uint32_t *calls, *faults;
	bool good = true;

	if (!n)
		return true;
	calls = ARENA_ARRAY(e->a->arena, uint32_t, n);
	faults = ARENA_ARRAY(e->a->arena, uint32_t, n);
	e->out->failed |= !calls || !faults;
	for (uint32_t i = 0; i < n && !e->out->failed; i++) {
		const struct a64_slow *s = &e->slow[i];

		if (s->value == FAULT) {
			faults[i] = s->at;
			continue;
		}
		good &= land(e, s->at, (uint32_t)e->out->len);
		calls[i] = s->value >= GUARDS ? entry_way(e, s) : slow_way(e, s, &faults[i]);
	}
	if (e->out->failed)
		return true;
	good &= write_stubs(e, calls);
	for (uint32_t i = 0; i < n; i++) {
		if (!faults[i])
			continue;
		if (!at) {
			at = (uint32_t)e->out->len;
			a64_mov_imm(e->out, X0, 0);
			a64_epilogue(e);
		}
		good &= land(e, faults[i], at);
	}
	return good;
}

/* Room for the ways out of line: two of an atomic check or a guard. */
bool a64_check_init(struct a64_emit *e)
{
	uint32_t n = 5; /* those of the entry */

	if (!e->a->checked)
		return true;
	for (uint32_t v = 1; v < e->f->n; v++)
		n += 2 * (ir_is(e->f, v, IR_CHECK) || ir_is(e->f, v, IR_GUARD) ||
			  ir_is(e->f, v, IR_SPEND) || ir_is(e->f, v, IR_FAULTED));
	e->slow = ARENA_ARRAY(e->a->arena, struct a64_slow, n);
	e->slow_room = n;
	return e->slow != NULL;
}
