// SPDX-License-Identifier: Apache-2.0
/* Where values are: registers, slots of the native frame, constants. Slots that an offset does not reach go through x15. */
#include "jit/arm64/a64.h"

bool a64_is_const(const struct a64_emit *e, uint32_t v, uint64_t *ret)
{
	const struct ir_ins *in = &e->f->ins[v];

	*ret = in->op == IR_CONST ? in->imm : 0;
	return in->op == IR_CONST || in->op == IR_UNDEF || in->op == IR_NOP;
}

int a64_reg_of(const struct a64_emit *e, uint32_t v)
{
	return jit_placed(e->f, v) && e->a->reg[v] != NO_REG ? e->a->reg[v] : -1;
}

static struct a64_mem slot_mem(struct a64_emit *e, uint32_t slot, int size)
{
	uint32_t off = e->slots + 8 * (slot - 1);
	struct a64_mem m = { .base = XSP, .index = NO_INDEX, .disp = (int32_t)off };

	if (!a64_is_offset(off, size)) {
		a64_mov_imm(e->out, X15, off);
		m.index = X15;
	}
	return m;
}

void a64_load_slot(struct a64_emit *e, int reg, uint32_t slot, int size, bool sign)
{
	a64_load(e->out, reg, slot_mem(e, slot, size), size, sign);
}

void a64_store_slot(struct a64_emit *e, uint32_t slot, int reg)
{
	a64_store(e->out, reg, slot_mem(e, slot, 8), 8);
}

void a64_copy(struct a64_emit *e, int reg, uint32_t v)
{
	int have = a64_reg_of(e, v);
	uint64_t c;

	if (have == reg)
		return;
	if (have >= 0)
		a64_mov(e->out, 1, reg, have);
	else if (a64_is_const(e, v, &c))
		a64_mov_imm(e->out, reg, c);
	else
		a64_load_slot(e, reg, e->a->slot[v], 8, false);
}

int a64_use(struct a64_emit *e, uint32_t v, int scratch)
{
	int have = a64_reg_of(e, v);

	if (have >= 0)
		return have;
	a64_copy(e, scratch, v);
	return scratch;
}

int a64_use_zero(struct a64_emit *e, uint32_t v, int scratch)
{
	uint64_t c;

	return a64_is_const(e, v, &c) && !c ? XZR : a64_use(e, v, scratch);
}

int a64_target(const struct a64_emit *e, uint32_t v)
{
	int reg = a64_reg_of(e, v);

	return reg >= 0 ? reg : X17;
}

void a64_finish(struct a64_emit *e, uint32_t v, int reg)
{
	int want = a64_reg_of(e, v);

	if (want < 0 && e->a->slot[v])
		a64_store_slot(e, e->a->slot[v], reg);
	else if (want >= 0 && want != reg)
		a64_mov(e->out, 1, want, reg);
}

void a64_add_const(struct jit_code_buf *out, int w, int rd, int rn, uint64_t value, int scratch)
{
	bool minus;

	if (a64_is_arith(w, value, &minus)) {
		a64_arith_imm(out, w, A64_ADD, rd, rn, value);
		return;
	}
	a64_mov_imm(out, scratch, w ? value : (uint32_t)value);
	a64_alu(out, w, A64_ADD, rd, rn, scratch, 0);
}
