// SPDX-License-Identifier: Apache-2.0
/*
 * Loads, stores and atomics. x86-64 orders plain loads as acquires and plain stores as releases, so the ordered forms
 * are the same instructions. Atomics that fetch and have no instruction of their own are a compare-and-swap loop.
 */
#include "jit/x86_64/x86.h"

struct x86_mem x86_address(struct x86_emit *e, const struct ir_ins *in, bool indexed)
{
	struct x86_mem m = { .index = NO_INDEX, .disp = (int32_t)(int64_t)in->imm };
	int base = x86_reg_of(e, in->a), index = indexed ? x86_reg_of(e, in->c) : -1;
	uint64_t c;

	if (indexed && index < 0) { /* r10 = (index << scale) + base */
		x86_copy(e, R10, in->c);
		if (in->y >> 4)
			x86_shift_i(e->out, 1, SHIFT_SHL, R10, in->y >> 4);
		if (base >= 0)
			x86_alu_rr(e->out, 1, ALU_ADD, R10, base);
		else if (x86_is_const(e, in->a, &c))
			x86_alu_rr(e->out, 1, ALU_ADD, R10, x86_use(e, in->a, R11));
		else
			x86_alu_rm(e->out, 1, ALU_ADD, R10, x86_slot_of(e, in->a));
		m.base = R10;
		return m;
	}
	if (base < 0 && x86_is_const(e, in->a, &c)) {
		c += (uint64_t)(int64_t)m.disp;
		m.disp = 0;
		x86_mov_imm(e->out, R10, c);
		base = R10;
	}
	m.base = (uint8_t)(base >= 0 ? base : x86_use(e, in->a, R10));
	if (indexed) {
		m.index = (uint8_t)index;
		m.scale = in->y >> 4;
	}
	return m;
}

bool x86_addresses(const struct x86_emit *e, uint32_t v, int reg)
{
	const struct ir_ins *in = &e->f->ins[v];

	return in->op == IR_INSIDE &&
	       (x86_reg_of(e, in->a) == reg || (in->c && x86_reg_of(e, in->c) == reg));
}

/* A store that operates on what is there. */
static void operate(struct x86_emit *e, const struct ir_ins *in)
{
	static const uint8_t ops[] = { [STORE_ADD] = ALU_ADD,
				       [STORE_SUB] = ALU_SUB,
				       [STORE_AND] = ALU_AND,
				       [STORE_OR] = ALU_OR,
				       [STORE_XOR] = ALU_XOR };
	struct x86_mem m = x86_address(e, in, in->c != 0);
	uint8_t kind = in->y & 15;
	uint64_t c;

	if (kind == STORE_SWAP)
		x86_movbe_store(e->out, in->x == 8, m, x86_use(e, in->b, R11));
	else if (x86_is_const(e, in->b, &c))
		x86_op_mi(e->out, (enum x86_alu)ops[kind], m,
			  in->x == 1 ? (int8_t)c :
			  in->x == 2 ? (int16_t)c :
				       (int32_t)c,
			  in->x);
	else
		x86_op_mr(e->out, (enum x86_alu)ops[kind], m, x86_use(e, in->b, R11), in->x);
}

static void store(struct x86_emit *e, const struct ir_ins *in)
{
	struct x86_mem m = x86_address(e, in, in->c != 0);
	uint64_t c;

	if (x86_is_const(e, in->b, &c) && x86_fits(c, in->x == 8))
		x86_store_imm(e->out, m, (int32_t)c, in->x);
	else
		x86_store(e->out, m, x86_use(e, in->b, R11), in->x);
}

static enum x86_alu alu_of(uint8_t kind)
{
	switch (kind) {
	case RMW_ADD:
	case RMW_FETCH_ADD:
		return ALU_ADD;
	case RMW_OR:
	case RMW_FETCH_OR:
		return ALU_OR;
	case RMW_AND:
	case RMW_FETCH_AND:
		return ALU_AND;
	default:
		return ALU_XOR;
	}
}

static void swap_loop(struct x86_emit *e, const struct ir_ins *in, struct x86_mem m)
{
	int w = in->x == 8, b = x86_reg_of(e, in->b);
	enum x86_alu op = alu_of(in->y);
	uint32_t top, jump;
	uint64_t c;

	x86_load(e->out, RAX, m, in->x, false);
	top = (uint32_t)e->out->len;
	if (b >= 0) {
		x86_mov(e->out, w, R11, RAX);
		x86_alu_rr(e->out, w, op, R11, b);
	} else if (x86_is_const(e, in->b, &c)) {
		x86_mov_imm(e->out, R11, c);
		x86_alu_rr(e->out, w, op, R11, RAX);
	} else {
		x86_mov(e->out, w, R11, RAX);
		x86_alu_rm(e->out, w, op, R11, x86_slot_of(e, in->b));
	}
	x86_cmpxchg(e->out, w, m, R11);
	jump = x86_jcc8(e->out, COND_NE);
	if (!e->out->failed)
		e->out->bytes[jump - 1] = (uint8_t)(top - jump);
}

static void atomic(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	struct x86_mem m = x86_address(e, in, false);
	int w = in->x == 8;
	uint64_t c;

	switch ((enum ir_rmw)in->y) {
	case RMW_ADD:
	case RMW_OR:
	case RMW_AND:
	case RMW_XOR:
		if (x86_is_const(e, in->b, &c) && x86_fits(c, w)) {
			x86_lock(e->out);
			x86_alu_mi(e->out, w, alu_of(in->y), m, (int32_t)c);
		} else {
			int b = x86_use(e, in->b, R11);

			x86_lock(e->out);
			x86_alu_mr(e->out, w, alu_of(in->y), m, b);
		}
		return;
	case RMW_FETCH_ADD:
		x86_copy(e, R11, in->b);
		x86_xadd(e->out, w, m, R11);
		x86_finish(e, v, R11);
		return;
	case RMW_XCHG:
		x86_copy(e, R11, in->b);
		x86_xchg(e->out, w, m, R11);
		x86_finish(e, v, R11);
		return;
	case RMW_FETCH_OR:
	case RMW_FETCH_AND:
	case RMW_FETCH_XOR:
		swap_loop(e, in, m);
		x86_finish(e, v, RAX);
		return;
	case RMW_CMPXCHG:
		x86_copy(e, R11, in->b);
		x86_copy(e, RAX, in->c);
		if (!w)
			x86_mov(e->out, 0, RAX, RAX);
		x86_cmpxchg(e->out, w, m, R11);
		x86_finish(e, v, RAX);
		return;
	}
}

/* By psadbw; xmm0 and xmm1 are no one's. */
static void byte_sum(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int reg = x86_target(e, v);

	x86_xmm_load(e->out, 0, x86_address(e, in, in->c != 0), in->x);
	x86_xmm(e->out, XMM_XOR, 1, 1);
	x86_xmm(e->out, XMM_SUM_BYTES, 0, 1);
	if (in->x == 16) {
		x86_xmm_upper(e->out, 1, 0);
		x86_xmm(e->out, XMM_ADD, 0, 1);
	}
	x86_xmm_get(e->out, reg, 0);
	x86_finish(e, v, reg);
}

void x86_memory(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	struct x86_mem m;
	size_t at;
	int reg;

	if (in->op == IR_STORE) {
		if ((in->y & 15) > STORE_RELEASE)
			operate(e, in);
		else
			store(e, in);
		return;
	}
	if (in->op == IR_ATOMIC) {
		atomic(e, v);
		return;
	}
	if ((in->y & 15) == LOAD_SUM) {
		byte_sum(e, v);
		return;
	}
	reg = x86_target(e, v);
	m = x86_address(e, in, in->c != 0);
	at = e->out->len;
	x86_load(e->out, reg, m, in->x, ir_load_signs(in->y));
	if (ir_load_probes(in->y))
		jit_probe(e->out, at, e->out->len, (uint8_t)reg);
	x86_finish(e, v, reg);
}
