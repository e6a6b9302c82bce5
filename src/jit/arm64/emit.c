// SPDX-License-Identifier: Apache-2.0
/*
 * A function in machine code. It is written once; only if a branch does not reach its block, a second time, with the
 * long form of those that may not (a branch becomes at most twice as long, so one that reaches half as far does).
 * Functions that call have a frame record (x29, x30); only the registers that the caller wants kept and that
 * are used are saved, above the slots' room or, if that is large, above a frame of its own.
 */
#include "jit/arm64/a64.h"

#ifdef __aarch64__
#include <sys/auxv.h>
#endif

#define CALLER_SAVED 0x7fffu	     /* x0 to x14 */
#define CALLEE_SAVED (0x3ffu << X19) /* to x28 */
#define MAX_FRAME (16u << 20)
#define LOOP_REGS (1u << X13 | 1u << X14)

static uint32_t round16(uint32_t n)
{
	return (n + 15) & ~15u;
}

static void find_frame(struct a64_emit *e)
{
	uint32_t bytes;

	if (e->a->calls) {
		e->saved[e->nsaved++] = X29;
		e->saved[e->nsaved++] = X30;
	}
	for (uint8_t r = X19; r <= X28; r++)
		if (e->a->used >> r & 1)
			e->saved[e->nsaved++] = r;
	bytes = 8 * e->nsaved;
	e->frame = round16(8 * e->a->nslots);
	e->merged = round16(bytes);
	if (e->nsaved && e->frame && bytes + 8 * e->a->nslots <= (e->nsaved > 1 ? 496 : 240)) {
		e->merged = round16(bytes + 8 * e->a->nslots);
		e->slots = bytes;
		e->frame = 0;
	}
}

static void move_sp(struct a64_emit *e, enum a64_alu op, uint32_t bytes)
{
	if (bytes >> 12)
		a64_arith_imm(e->out, 1, op, XSP, XSP, bytes & ~4095u);
	if (bytes & 4095)
		a64_arith_imm(e->out, 1, op, XSP, XSP, bytes & 4095);
}

static void prologue(struct a64_emit *e)
{
	if (e->nsaved == 1)
		a64_push(e->out, e->saved[0], (int)e->merged);
	for (uint32_t i = 0; i + 1 < e->nsaved; i += 2)
		a64_stp(e->out, e->saved[i], e->saved[i + 1], i ? (int)(8 * i) : (int)e->merged,
			!i);
	if (e->nsaved > 1 && e->nsaved % 2)
		a64_store(e->out, e->saved[e->nsaved - 1],
			  (struct a64_mem){ .base = XSP,
					    .index = NO_INDEX,
					    .disp = (int32_t)(8 * (e->nsaved - 1)) },
			  8);
	if (e->a->calls)
		a64_arith_imm(e->out, 1, A64_ADD, X29, XSP, 0);
	move_sp(e, A64_SUB, e->frame);
}

void a64_epilogue(struct a64_emit *e)
{
	move_sp(e, A64_ADD, e->frame);
	if (e->nsaved > 1 && e->nsaved % 2)
		a64_load(e->out, e->saved[e->nsaved - 1],
			 (struct a64_mem){ .base = XSP,
					   .index = NO_INDEX,
					   .disp = (int32_t)(8 * (e->nsaved - 1)) },
			 8, false);
	for (uint32_t i = e->nsaved / 2 * 2; i >= 2; i -= 2)
		a64_ldp(e->out, e->saved[i - 2], e->saved[i - 1],
			i > 2 ? (int)(8 * (i - 2)) : (int)e->merged, i == 2);
	if (e->nsaved == 1)
		a64_pop(e->out, e->saved[0], (int)e->merged);
	a64_ret(e->out);
}

static void block_code(struct a64_emit *e, uint32_t k)
{
	for (uint32_t v = e->f->blocks[k].start; v < e->f->blocks[k].end; v++) {
		const struct ir_ins *in = &e->f->ins[v];

		if (e->out->noting && in->op > IR_PHI)
			jit_note_write(e->out, NOTE_INSN, 0, e->f->origin[v]);
		switch ((enum ir_op)in->op) {
		case IR_NOP:
		case IR_UNDEF:
		case IR_INSIDE:
		case IR_CONST:
		case IR_ARG:
		case IR_PHI:
		case IR_COUNT:
		case IR_SECOND: /* with its call */
			break;
		case IR_LOAD:
		case IR_STORE:
		case IR_ATOMIC:
			a64_memory(e, v);
			break;
		case IR_CALL:
		case IR_CALL_LOCAL:
			a64_call(e, v);
			break;
		case IR_JMP:
		case IR_BR:
		case IR_RET:
			a64_control(e, v, k);
			break;
		case IR_ADD:
		case IR_SUB:
		case IR_MUL:
		case IR_AND:
		case IR_OR:
		case IR_XOR:
		case IR_SHL:
		case IR_SHR:
		case IR_SAR:
		case IR_ROL:
		case IR_UDIV:
		case IR_UMOD:
		case IR_SDIV:
		case IR_SMOD:
		case IR_MULHU:
		case IR_NEG:
		case IR_BSWAP:
		case IR_ZEXT:
		case IR_SEXT:
		case IR_SELECT:
			a64_value(e, v);
			break;
		case IR_CHECK:
		case IR_GUARD:
		case IR_SPEND:
		case IR_FAULTED:
			a64_check(e, v);
			break;
		}
	}
}

static uint32_t final(uint32_t *forward, uint32_t k)
{
	while (forward[k] != k) {
		forward[k] = forward[forward[k]];
		k = forward[k];
	}
	return k;
}

/* Where jumps to each block end up: past blocks without code that jump on. */
static void find_forwards(struct a64_emit *e)
{
	for (uint32_t i = 0; i < e->a->nlayout; i++)
		e->forward[e->a->layout[i]] = e->a->layout[i];
	for (uint32_t i = e->a->nlayout; i-- > 0;) {
		uint32_t k = e->a->layout[i], to = e->f->blocks[k].succ[0];

		if (a64_edge_is_empty(e, k) && final(e->forward, to) != k)
			e->forward[k] = final(e->forward, to);
	}
	for (uint32_t i = 0; i < e->a->nlayout; i++)
		e->forward[e->a->layout[i]] = final(e->forward, e->a->layout[i]);
}

/* Fills in the jumps. False: one does not reach; those that may not are marked. */
static bool patch_jumps(struct a64_emit *e)
{
	bool good = true;

	for (uint32_t i = 0; i < e->njumps && !e->out->failed; i++) {
		struct a64_jump *j = &e->jumps[i];
		int64_t delta = (int64_t)e->offset[j->block] - j->at;
		int64_t half = j->kind == TEST_BIT ? 1 << 14 : 1 << 19;

		good &= a64_patch(e->out, j->at, delta);
		j->is_long = delta < -half || delta > half;
	}
	return good;
}

static bool write_once(struct a64_emit *e, size_t start)
{
	const struct jit_alloc *a = e->a;
	bool good;

	e->out->len = start;
	e->njumps = 0;
	a64_check_enter(e);
	prologue(e);
	a64_arguments(e);
	for (uint32_t i = 0; i < a->nlayout; i++) {
		uint32_t k = a->layout[i];

		e->offset[k] = (uint32_t)e->out->len;
		if (e->forward[k] != k)
			continue;
		e->next = NO_BLOCK;
		for (uint32_t n = i + 1; n < a->nlayout && e->next == NO_BLOCK; n++)
			if (e->forward[a->layout[n]] == a->layout[n])
				e->next = a->layout[n];
		block_code(e, k);
	}
	good = a64_check_end(e);
	e->slow_long = !good;
	return patch_jumps(e) && good;
}

static void emit(const struct jit_alloc *a, struct jit_code_buf *out)
{
	struct a64_emit e = { .a = a, .f = a->f, .out = out };
	size_t start = out->len;
	uint32_t fixes = out->nfixes, probes = out->nprobes, notes = out->nnotes;

	e.offset = ARENA_ARRAY(a->arena, uint32_t, a->f->nblocks);
	e.forward = ARENA_ARRAY(a->arena, uint32_t, a->f->nblocks);
	e.jumps = ARENA_ARRAY(a->arena, struct a64_jump, 2 * (size_t)a->nlayout + 2);
	out->failed |= !e.offset || !e.forward || !e.jumps || !a64_check_init(&e);
	if (out->failed)
		return;
	find_frame(&e);
	out->failed |= e.frame >= MAX_FRAME;
	find_forwards(&e);
	if (write_once(&e, start) || out->failed)
		return;
	e.second = true;
	out->nfixes = fixes;
	out->nprobes = probes;
	out->nnotes = notes;
	out->failed |= !write_once(&e, start);
}

static uint32_t features(void)
{
#ifdef __aarch64__
	return getauxval(AT_HWCAP) & HWCAP_ATOMICS ? A64_LSE : 0;
#else
	return A64_LSE; /* for whoever looks at the code */
#endif
}

static uint32_t clobbers(const struct jit_alloc *a, const struct ir_ins *in)
{
	switch ((int)in->op) { /* those that destroy registers */
	case IR_CALL:
	case IR_CALL_LOCAL:
		return CALLER_SAVED;
	case IR_ATOMIC:
		return a->features & A64_LSE ? 0 : LOOP_REGS;
	default:
		return 0;
	}
}

static uint8_t prefers(const struct ir_ins *in, int operand)
{
	switch ((int)in->op) { /* those that use fixed registers */
	case IR_CALL:
		if (operand < 0)
			return X0;
		operand -= in->c != 0;
		return operand < 0 ? NO_REG : (uint8_t)operand;
	case IR_CALL_LOCAL:
		return operand < 0 ? X0 : (uint8_t)operand;
	case IR_ARG:
		return (uint8_t)in->imm;
	case IR_RET:
		return X0;
	case IR_SECOND:
		return X1;
	default:
		return NO_REG;
	}
}

static const uint8_t order[] = { X0, X8, X9,  X10, X11, X12, X13, X14, X7,  X6,	 X5,  X4,  X3,
				 X2, X1, X19, X20, X21, X22, X23, X24, X25, X26, X27, X28, NO_REG };

const struct jit_target jit_arm64 = {
	.name = "arm64",
	.registers = CALLER_SAVED | CALLEE_SAVED,
	.caller_saved = CALLER_SAVED,
	.args = { X0, X1, X2, X3, X4, X5 },
	.result = X0,
	.order = order,
	.features = features,
	.clobbers = clobbers,
	.prefers = prefers,
	.emit = emit,
	.link = a64_link,
	.checks = true,
};
