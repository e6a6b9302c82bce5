// SPDX-License-Identifier: Apache-2.0
/*
 * Tail calls. What the map's slot holds at that moment is jumped to when it is a program of our kind that is compiled and needs
 * nothing done first (exec_native.kin); the epilogue comes before. All else, an empty slot among it, is for exec_tail_code(),
 * around which run and context lie on the stack.
 */
#include <stddef.h>

#include "jit/x86_64/x86.h"

#define RUN(field) ((int32_t)offsetof(struct exec_run, field))
#define NATIVE(field) ((int32_t)offsetof(struct exec_native, field))
#define MOST_EXITS 8

struct exits {
	uint32_t at[MOST_EXITS], n; /* ends of jumps to the slow path */
};

static struct x86_mem at(int base, int32_t disp)
{
	return (struct x86_mem){ .base = (uint8_t)base, .index = NO_INDEX, .disp = disp };
}

static void leave_if(struct x86_emit *e, struct exits *x, enum x86_cond cc)
{
	x86_byte(e->out, 0x0f);
	x86_byte(e->out, (uint8_t)(0x80 | cc));
	x86_u32(e->out, 0);
	x->at[x->n++] = (uint32_t)e->out->len;
}

static void land(struct x86_emit *e, const struct exits *x)
{
	for (uint32_t i = 0; i < x->n && !e->out->failed; i++) {
		uint32_t delta = (uint32_t)e->out->len - x->at[i];

		for (uint32_t k = 0; k < 4; k++)
			e->out->bytes[x->at[i] - 4 + k] = (uint8_t)(delta >> 8 * k);
	}
}

/* r10 = what lies in the slot; an index in rcx, if it is no constant */
static void find_slot(struct x86_emit *e, const struct ir_tail *t, uint32_t index, struct exits *x)
{
	const struct map_form *form = &t->form;
	struct x86_mem m = at(R10, 0);
	uint64_t c;

	if (x86_is_const(e, index, &c)) {
		x86_mov_imm(e->out, R10, form->slots + c * form->slot_stride);
	} else {
		x86_alu_ri(e->out, 0, ALU_CMP, RCX, (int32_t)form->count);
		leave_if(e, x, COND_AE);
		x86_mov_imm(e->out, R10, form->slots);
		x86_imul_i(e->out, 1, RAX, RCX, form->slot_stride);
		m.index = RAX;
	}
	x86_load(e->out, R10, m, 8, false);
	x86_test_rr(e->out, 1, R10, R10);
	leave_if(e, x, COND_E);
}

static void jump_out(struct x86_emit *e, struct x86_mem *where)
{
	x86_load(e->out, RDX, at(RDI, RUN(ctx_len)), 8, false);
	x86_leave(e);
	if (where)
		x86_rm(e->out, 0, 0xff, 4, *where);
	else
		x86_rr(e->out, 0, 0xff, 4, RAX);
	jit_note(e->out, NOTE_BACK, 0, 0);
}

static void straight(struct x86_emit *e, const struct ir_tail *t, uint32_t index, struct exits *x)
{
	struct jit_code_buf *out = e->out;
	struct x86_mem entry = at(R10, NATIVE(entry));

	x86_alu_mi(out, 0, ALU_CMP, at(RDI, RUN(tail_calls)), ISA_MAX_TAIL_CALLS);
	leave_if(e, x, COND_AE);
	find_slot(e, t, index, x);
	x86_load(out, R10, at(R10, t->form.native_at), 8, false);
	x86_test_rr(out, 1, R10, R10);
	leave_if(e, x, COND_E);
	x86_mov_imm(out, R11, t->kin);
	x86_alu_rm(out, 1, ALU_CMP, R11, at(R10, NATIVE(kin)));
	leave_if(e, x, COND_NE);
	x86_alu_mi(out, 0, ALU_ADD, at(RDI, RUN(tail_calls)), 1);
	x86_load(out, RAX, at(R10, NATIVE(prog)), 8, false);
	x86_store(out, at(RDI, RUN(prog)), RAX, 8);
	x86_store(out, at(RDI, RUN(native)), R10, 8);
	x86_load(out, RAX, at(R10, NATIVE(depth)), 4, false);
	x86_store(out, at(RDI, RUN(depth)), RAX, 4);
	jump_out(e, &entry);
}

/* Run and context are kept around the call, which the stack is aligned for. */
static void slowly(struct x86_emit *e, const struct ir_tail *t)
{
	uint32_t cfa = x86_cfa(e), pad = cfa % 16 ? 8 : 0, done;
	struct jit_code_buf *out = e->out;

	x86_store_imm(out, at(RDI, RUN(insn)), (int32_t)t->insn, 4);
	x86_push(out, RDI);
	x86_push(out, RSI);
	if (pad)
		x86_push(out, RSI);
	jit_note(out, NOTE_CFA, 0, cfa + 16 + pad);
	x86_call_helper(e, (uintptr_t)exec_tail_code);
	if (pad)
		x86_pop(out, RSI);
	x86_pop(out, RSI);
	x86_pop(out, RDI);
	jit_note(out, NOTE_CFA, 0, cfa);
	x86_test_rr(out, 1, RDX, RDX);
	done = x86_jcc8(out, COND_E);
	x86_mov(out, 1, RAX, RDX);
	jump_out(e, NULL);
	x86_here(out, done);
}

void x86_tail_call(struct x86_emit *e, const struct ir_ins *call)
{
	const struct ir_tail *t = (const struct ir_tail *)(uintptr_t)call->imm;
	const uint32_t *args = &e->f->args[call->a];
	struct exits x = { .n = 0 };
	uint64_t index;
	bool constant = x86_is_const(e, args[3], &index);

	if (t->kin && (!constant || index < t->form.count)) { /* the map is a constant, too */
		x86_pass(e, call, constant ? 3 : 11);
		straight(e, t, args[3], &x);
		land(e, &x);
		x86_pass(e, call, constant ? 12 : 4);
	} else {
		x86_pass(e, call, UINT32_MAX);
	}
	slowly(e, t);
}
