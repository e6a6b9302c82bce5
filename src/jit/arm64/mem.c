// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and stores. A displacement that the instruction does not hold is split: the part above its low 12 bits is added
 * in x16. An index stays in the instruction when nothing is added to it. Ordered accesses take a bare register.
 */
#include "jit/arm64/a64.h"

/* base += what does not fit, so that @m can be accessed with @size bytes */
static void reduce(struct a64_emit *e, struct a64_mem *m, int size)
{
	int32_t low = m->disp & 4095;
	int64_t high = (int64_t)m->disp - low;
	bool minus;

	if (a64_is_offset(m->disp, size))
		return;
	if (low % size == 0 && a64_is_arith(1, (uint64_t)high, &minus)) {
		a64_arith_imm(e->out, 1, A64_ADD, X16, m->base, (uint64_t)high);
		m->base = X16;
		m->disp = low;
		return;
	}
	a64_mov_imm(e->out, X17, (uint64_t)(int64_t)m->disp);
	m->index = X17;
}

/* The address of an access; what is in no register goes through x16 and x17. */
static struct a64_mem address(struct a64_emit *e, const struct ir_ins *in)
{
	struct a64_mem m = { .index = NO_INDEX, .disp = (int32_t)(int64_t)in->imm };
	int index, scale = in->y >> 4;
	uint64_t c;

	if (a64_is_const(e, in->a, &c)) {
		c += (uint64_t)(int64_t)m.disp;
		m.disp = (int32_t)(c & (uint64_t)(4096 - in->x));
		a64_mov_imm(e->out, X16, c - (uint64_t)m.disp);
		m.base = X16;
	} else {
		m.base = (uint8_t)a64_use(e, in->a, X16);
	}
	if (in->c) {
		index = a64_use(e, in->c, X17);
		if (!m.disp && (!scale || 1 << scale == in->x)) {
			m.index = (uint8_t)index;
			m.scale = (uint8_t)scale;
			return m;
		}
		a64_alu(e->out, 1, A64_ADD, X16, m.base, index, scale);
		m.base = X16;
	}
	reduce(e, &m, in->x);
	return m;
}

/* All of it in a register. */
int a64_pointer(struct a64_emit *e, const struct ir_ins *in)
{
	int base = a64_use(e, in->a, X16);

	if (in->c && in->op != IR_ATOMIC) {
		a64_alu(e->out, 1, A64_ADD, X16, base, a64_use(e, in->c, X17), in->y >> 4);
		base = X16;
	}
	if (in->imm) {
		a64_add_const(e->out, 1, X16, base, in->imm, X17);
		base = X16;
	}
	return base;
}

static void store(struct a64_emit *e, const struct ir_ins *in)
{
	struct a64_mem m;
	int value, base;

	if (in->y & 15) {
		base = a64_pointer(e, in);
		value = a64_use_zero(e, in->b, X15);
		a64_release(e->out, value, base, in->x);
		return;
	}
	m = address(e, in);
	value = a64_use_zero(e, in->b, X15);
	a64_store(e->out, value, m, in->x);
}

void a64_memory(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	struct a64_mem m;
	size_t at;
	int rd;

	if (in->op == IR_STORE) {
		store(e, in);
		return;
	}
	if (in->op == IR_ATOMIC) {
		a64_atomic(e, v);
		return;
	}
	rd = a64_target(e, v);
	if ((in->y & 15) == LOAD_ORDERED) {
		a64_acquire(e->out, rd, a64_pointer(e, in), in->x);
		a64_finish(e, v, rd);
		return;
	}
	if ((in->y & 15) == LOAD_SUM) {
		a64_vector_load(e->out, a64_pointer(e, in), in->x);
		a64_vector_sum(e->out, in->x);
		a64_vector_get(e->out, rd);
		a64_finish(e, v, rd);
		return;
	}
	m = address(e, in);
	at = e->out->len;
	a64_load(e->out, rd, m, in->x, ir_load_signs(in->y));
	if (ir_load_probes(in->y))
		jit_probe(e->out, at, e->out->len, (uint8_t)rd);
	a64_finish(e, v, rd);
}
