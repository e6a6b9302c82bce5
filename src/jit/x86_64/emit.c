// SPDX-License-Identifier: Apache-2.0
/*
 * A function in machine code, block by block. Only the registers that the caller wants kept and that are used are pushed; the native frame holds the slots,
 * aligned to 16 at calls.
 */
#include <string.h>

#include "jit/x86_64/x86.h"

#define CALLEE_SAVED (1u << RBX | 1u << RBP | 1u << R12 | 1u << R13 | 1u << R14 | 1u << R15)
#define CALLER_SAVED \
	(1u << RAX | 1u << RCX | 1u << RDX | 1u << RSI | 1u << RDI | 1u << R8 | 1u << R9)

struct x86_mem x86_slot_of(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];

	if (in->op == IR_INSIDE)
		return x86_address(e, in, in->c != 0);
	return (struct x86_mem){ .base = RSP,
				 .index = NO_INDEX,
				 .disp = (int32_t)(8 * (e->a->slot[v] - 1)) };
}

void x86_copy(struct x86_emit *e, int reg, uint32_t v)
{
	int have = x86_reg_of(e, v);
	uint64_t c;

	if (have == reg)
		return;
	if (have >= 0)
		x86_mov(e->out, !x86_is_small(e, v), reg, have);
	else if (x86_is_const(e, v, &c))
		x86_mov_imm(e->out, reg, c);
	else
		x86_load(e->out, reg, x86_slot_of(e, v),
			 ir_is(e->f, v, IR_INSIDE) ? e->f->ins[v].x : 8, false);
}

int x86_use(struct x86_emit *e, uint32_t v, int scratch)
{
	int have = x86_reg_of(e, v);

	if (have >= 0)
		return have;
	x86_copy(e, scratch, v);
	return scratch;
}

int x86_target(const struct x86_emit *e, uint32_t v)
{
	int reg = x86_reg_of(e, v);

	return reg >= 0 ? reg : R11;
}

void x86_finish(struct x86_emit *e, uint32_t v, int reg)
{
	int want = x86_reg_of(e, v);

	if (want < 0 && e->a->slot[v])
		x86_store(e->out, x86_slot_of(e, v), reg, 8);
	else if (want >= 0 && want != reg)
		x86_mov(e->out, 1, want, reg);
}

static uint32_t saved(const struct x86_emit *e)
{
	return e->a->used & CALLEE_SAVED;
}

static uint8_t dwarf_of(int reg)
{
	static const uint8_t numbers[] = { 0, 2, 1, 3, 7, 6, 4, 5 };

	return reg < 8 ? numbers[reg] : (uint8_t)reg;
}

static void prologue(struct x86_emit *e)
{
	uint32_t pushes = (uint32_t)__builtin_popcount(saved(e)), cfa = 8;

	if (e->out->harden)
		x86_bytes(e->out, "\xf3\x0f\x1e\xfa", 4); /* endbr64 */
	for (int r = 0; r < 16; r++)
		if (saved(e) >> r & 1) {
			x86_push(e->out, r);
			jit_note(e->out, NOTE_CFA, 0, cfa += 8);
			jit_note(e->out, NOTE_SAVED, dwarf_of(r), cfa);
		}
	e->frame = e->a->nslots * 8;
	if (e->a->calls && (8 + 8 * pushes + e->frame) % 16)
		e->frame += 8;
	if (e->frame)
		x86_alu_ri(e->out, 1, ALU_SUB, RSP, (int32_t)e->frame);
	jit_note(e->out, NOTE_CFA, 0, cfa + e->frame);
}

uint32_t x86_cfa(const struct x86_emit *e)
{
	return 8 + 8 * (uint32_t)__builtin_popcount(saved(e)) + e->frame;
}

void x86_leave(struct x86_emit *e)
{
	uint32_t cfa = 8 + 8 * (uint32_t)__builtin_popcount(saved(e));

	jit_note(e->out, NOTE_LEAVE, 0, 0);
	if (e->frame)
		x86_alu_ri(e->out, 1, ALU_ADD, RSP, (int32_t)e->frame);
	jit_note(e->out, NOTE_CFA, 0, cfa);
	for (int r = 15; r >= 0; r--)
		if (saved(e) >> r & 1) {
			x86_pop(e->out, r);
			jit_note(e->out, NOTE_RESTORED, dwarf_of(r), 0);
			jit_note(e->out, NOTE_CFA, 0, cfa -= 8);
		}
}

void x86_epilogue(struct x86_emit *e)
{
	x86_leave(e);
	x86_ret(e->out);
	jit_note(e->out, NOTE_BACK, 0, 0);
}

static void block_code(struct x86_emit *e, uint32_t k)
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
		case IR_SECOND: /* with its call */
		case IR_COUNT:
			break;
		case IR_LOAD:
		case IR_STORE:
		case IR_ATOMIC:
			x86_memory(e, v);
			break;
		case IR_CALL:
		case IR_CALL_LOCAL:
			x86_call(e, v);
			break;
		case IR_CHECK:
		case IR_GUARD:
		case IR_SPEND:
		case IR_FAULTED:
			x86_check(e, v);
			break;
		case IR_JMP:
		case IR_BR:
		case IR_RET:
			x86_control(e, v, k);
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
			x86_values[in->op](e, v);
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
static void find_forwards(struct x86_emit *e)
{
	for (uint32_t i = 0; i < e->a->nlayout; i++)
		e->forward[e->a->layout[i]] = e->a->layout[i];
	for (uint32_t i = e->a->nlayout; i-- > 0;) {
		uint32_t k = e->a->layout[i], to = e->f->blocks[k].succ[0];

		if (x86_edge_is_empty(e, k) && final(e->forward, to) != k)
			e->forward[k] = final(e->forward, to);
	}
	for (uint32_t i = 0; i < e->a->nlayout; i++)
		e->forward[e->a->layout[i]] = final(e->forward, e->a->layout[i]);
}

/* Loops start where a jump back ends up. */
static void find_heads(struct x86_emit *e)
{
	uint32_t *at = e->first_gap; /* not in use yet */

	for (uint32_t i = 0; i < e->a->nlayout; i++)
		at[e->a->layout[i]] = i;
	for (uint32_t i = 0; i < e->a->nlayout; i++)
		for (int s = 0; s < 2; s++) {
			uint32_t to = e->f->blocks[e->a->layout[i]].succ[s];

			if (to != NO_BLOCK && at[to] <= i && e->forward[to] == to)
				e->heads[to] = true;
		}
}

static void write_all(struct x86_emit *e)
{
	const struct jit_alloc *a = e->a;

	x86_check_enter(e);
	prologue(e);
	x86_arguments(e);
	for (uint32_t i = 0; i < a->nlayout; i++) {
		uint32_t k = a->layout[i];

		if (e->heads[k])
			x86_gap(e, 0, NO_BLOCK, LOOP_ALIGN - 1);
		e->offset[k] = (uint32_t)e->out->len;
		e->first_gap[k] = e->ngaps;
		if (e->forward[k] != k)
			continue;
		e->next = NO_BLOCK;
		for (uint32_t n = i + 1; n < a->nlayout && e->next == NO_BLOCK; n++)
			if (e->forward[a->layout[n]] == a->layout[n])
				e->next = a->layout[n];
		e->after_call = 0;
		e->block = k;
		block_code(e, k);
	}
}

static void emit(const struct jit_alloc *a, struct jit_code_buf *out)
{
	struct x86_emit e = { .a = a, .f = a->f, .out = out };
	size_t start = out->len;
	uint32_t fixes = out->nfixes, probes = out->nprobes, notes = out->nnotes;

	e.offset = ARENA_ARRAY(a->arena, uint32_t, a->f->nblocks);
	e.first_gap = ARENA_ARRAY(a->arena, uint32_t, a->f->nblocks);
	e.forward = ARENA_ARRAY(a->arena, uint32_t, a->f->nblocks);
	e.heads = ARENA_ARRAY(a->arena, bool, a->f->nblocks);
	e.gaps = ARENA_RAW(a->arena, struct x86_gap, 3 * (size_t)a->nlayout + a->nfixed + 1);
	out->failed |= !e.offset || !e.first_gap || !e.forward || !e.heads || !e.gaps;
	out->failed |= !x86_check_init(&e);
	if (out->failed)
		return;
	find_forwards(&e);
	x86_find_tables(&e);
	find_heads(&e);
	write_all(&e);
	if (e.ngaps && !out->failed)
		x86_relax(&e, start, (struct x86_records){ fixes, probes, notes, 0 });
	x86_write_tables(&e);
	x86_check_end(&e);
}

#if defined(__clang__) && __clang_major__ < 19
#define HAS_MOVBE 0 /* it does not know how to ask */
#else
#define HAS_MOVBE __builtin_cpu_supports("movbe")
#endif

static uint32_t features(void)
{
#ifdef __x86_64__
	/* cpuid itself traps in a virtual machine; the compiler's library has asked once */
	__builtin_cpu_init();
	return (__builtin_cpu_supports("bmi2") ? X86_BMI2 : 0) | (HAS_MOVBE ? X86_MOVBE : 0);
#else
	return X86_BMI2 | X86_MOVBE; /* for whoever looks at the code */
#endif
}

static bool is_constant(const struct jit_alloc *a, uint32_t v)
{
	return a->f->ins[v].op == IR_CONST;
}

static uint32_t clobbers(const struct jit_alloc *a, const struct ir_ins *in)
{
	switch ((int)in->op) { /* those that destroy registers */
	case IR_CALL:
	case IR_CALL_LOCAL:
		return CALLER_SAVED;
	case IR_UDIV:
	case IR_UMOD:
	case IR_SDIV:
	case IR_SMOD:
	case IR_MULHU:
		return 1u << RAX | 1u << RDX;
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
		return is_constant(a, in->b) || a->features & X86_BMI2 ? 0 : 1u << RCX;
	case IR_ATOMIC:
		return in->y >= RMW_FETCH_OR && in->y != RMW_XCHG ? 1u << RAX : 0;
	default:
		return 0;
	}
}

static uint8_t prefers(const struct ir_ins *in, int operand)
{
	static const uint8_t args[] = { RDI, RSI, RDX, RCX, R8, R9 };

	switch ((int)in->op) { /* those that use fixed registers */
	case IR_CALL:
		if (operand < 0)
			return RAX;
		operand -= in->c != 0;
		return operand < 0 ? RAX : args[operand];
	case IR_CALL_LOCAL:
		return operand < 0 ? RAX : args[operand];
	case IR_ARG:
		return args[in->imm];
	case IR_RET:
		return RAX;
	case IR_SECOND:
	case IR_MULHU:
		return operand < 0 ? RDX : RAX;
	case IR_UDIV:
	case IR_SDIV:
		return operand <= 0 ? RAX : NO_REG;
	case IR_UMOD:
	case IR_SMOD:
		return operand < 0 ? RDX : operand == 0 ? RAX : NO_REG;
	default:
		return NO_REG;
	}
}

static void link_call(struct jit_code_buf *out, uint32_t at, uint64_t start, uint64_t to)
{
	uint32_t delta = (uint32_t)(to - (start + at + 4));

	memcpy(&out->bytes[at], &delta, sizeof(delta));
}

/* Is this thread's shadow stack on? rdsspq does nothing where there is none. */
static bool has_shadow_stack(void)
{
#if defined(__x86_64__)
	uint64_t ssp = 0;

	__asm__ volatile("rdsspq %0" : "+r"(ssp));
	return ssp != 0;
#else
	return false;
#endif
}

/*
 * Calls of what rax holds: a return to it, while speculation is kept in a loop (a retpoline). A shadow stack would not
 * let that return, so there the jump waits for its address to be known instead.
 */
static void thunk(struct jit_code_buf *out)
{
	static const char retpoline[] = "\xe8\x07\x00\x00\x00" /* call 2f */
					"\xf3\x90"	       /* 1: pause */
					"\x0f\xae\xe8"	       /* lfence */
					"\xeb\xf9"	       /* jmp 1b */
					"\x48\x89\x04\x24"     /* 2: mov %rax, (%rsp) */
					"\xc3";		       /* ret */
	static const char fenced[] = "\x0f\xae\xe8"	       /* lfence */
				     "\xff\xe0";	       /* jmp *%rax */

	if (has_shadow_stack())
		x86_bytes(out, fenced, sizeof(fenced) - 1);
	else
		x86_bytes(out, retpoline, sizeof(retpoline) - 1);
}

static const uint8_t order[] = { RAX, RCX, RDX, RSI, RDI, R8,  R9,
				 RBX, RBP, R12, R13, R14, R15, NO_REG };

const struct jit_target jit_x86_64 = {
	.name = "x86_64",
	.registers = CALLER_SAVED | CALLEE_SAVED,
	.caller_saved = CALLER_SAVED,
	.args = { RDI, RSI, RDX, RCX, R8, R9 },
	.result = RAX,
	.order = order,
	.features = features,
	.clobbers = clobbers,
	.prefers = prefers,
	.emit = emit,
	.link = link_call,
	.thunk = thunk,
	.fill = 0xcc,
	.checks = true,
	.tails = true,
	.inside = true,
	.swaps = X86_MOVBE,
};
