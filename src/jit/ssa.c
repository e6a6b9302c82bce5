// SPDX-License-Identifier: Apache-2.0
/*
 * From decoded instructions to SSA. The variables are r0 to r9 and the stack slots that only plain accesses through
 * r10 touch (a slot of one offset and one size, while no address of the frame is taken). A live variable gets a PHI
 * where paths join that give it different values, or at the head of a loop that writes it; those that choose
 * nothing fall away in opt.c (after Braun et al. 2013). r1 to r5 are undefined after a call.
 */
#include <stddef.h>
#include <string.h>

#include "jit/build.h"

/* What instructions become. */
enum rule_kind {
	RULE_NONE, /* not compiled: jit_scan() refuses programs that reach one */
	RULE_BINARY_IMM,
	RULE_BINARY_REG,
	RULE_MOV_IMM,
	RULE_MOV_REG,
	RULE_UNARY,
	RULE_EXTEND,
	RULE_LOAD,
	RULE_STORE_IMM,
	RULE_STORE_REG,
	RULE_ATOMIC,
	RULE_CONST,
	RULE_CAST, /* x: a null pointer stays one */
	RULE_CALL,
	RULE_FLOW, /* flow.c */
};

struct rule {
	uint8_t kind, op, w, x, y;
	uint8_t fill[3]; /* one load */
};

#define IR_OF_ADD IR_ADD
#define IR_OF_SUB IR_SUB
#define IR_OF_MUL IR_MUL
#define IR_OF_DIV IR_UDIV
#define IR_OF_SDIV IR_SDIV
#define IR_OF_OR IR_OR
#define IR_OF_AND IR_AND
#define IR_OF_LSH IR_SHL
#define IR_OF_RSH IR_SHR
#define IR_OF_MOD IR_UMOD
#define IR_OF_SMOD IR_SMOD
#define IR_OF_XOR IR_XOR
#define IR_OF_MOV IR_NOP
#define IR_OF_ARSH IR_SAR
#define KIND_OF(OP, how) (IR_OF_##OP == IR_NOP ? RULE_MOV_##how : RULE_BINARY_##how)

/* Every row of isa.def stands in one of these lists or in rules.def; a new one does not compile until it does. */
#define BINARY_RULES(OP, fn)                                 \
	_(OP##64_IMM, KIND_OF(OP, IMM), IR_OF_##OP, 1, 0, 0) \
	_(OP##64_REG, KIND_OF(OP, REG), IR_OF_##OP, 1, 0, 0) \
	_(OP##32_IMM, KIND_OF(OP, IMM), IR_OF_##OP, 0, 0, 0) \
	_(OP##32_REG, KIND_OF(OP, REG), IR_OF_##OP, 0, 0, 0)
#define BRANCH_RULES(OP, fn)                 \
	_(OP##64_IMM, RULE_FLOW, 0, 0, 0, 0) \
	_(OP##64_REG, RULE_FLOW, 0, 0, 0, 0) \
	_(OP##32_IMM, RULE_FLOW, 0, 0, 0, 0) _(OP##32_REG, RULE_FLOW, 0, 0, 0, 0)
#define SIZE_RULES(OP, bits)                                              \
	_(LDX_##OP, RULE_LOAD, IR_LOAD, 1, (bits) / 8, LOAD_ZERO)         \
	_(ST_##OP, RULE_STORE_IMM, IR_STORE, 1, (bits) / 8, 0)            \
	_(STX_##OP, RULE_STORE_REG, IR_STORE, 1, (bits) / 8, 0)           \
	_(LOAD_ACQ_##OP, RULE_LOAD, IR_LOAD, 1, (bits) / 8, LOAD_ORDERED) \
	_(STORE_REL_##OP, RULE_STORE_REG, IR_STORE, 1, (bits) / 8, 1)
#define ATOMIC_RULES(OP, fn)                                                 \
	_(ATOMIC64_##OP, RULE_ATOMIC, IR_ATOMIC, 1, 8, RMW_##OP)             \
	_(ATOMIC32_##OP, RULE_ATOMIC, IR_ATOMIC, 0, 4, RMW_##OP)             \
	_(ATOMIC64_FETCH_##OP, RULE_ATOMIC, IR_ATOMIC, 1, 8, RMW_FETCH_##OP) \
	_(ATOMIC32_FETCH_##OP, RULE_ATOMIC, IR_ATOMIC, 0, 4, RMW_FETCH_##OP)
#define FAMILY_RULES             \
	ALU_BINARY(BINARY_RULES) \
	ALU_BRANCH(BRANCH_RULES) ALU_SIZES(SIZE_RULES) ALU_ATOMIC(ATOMIC_RULES)

enum rule_have {
#define _(id, ...) HAVE_##id,
	FAMILY_RULES
#include "jit/rules.def"
#undef _
};
__attribute__((unused)) static const uint16_t complete[] = {
#define INSN(id, ...) HAVE_##id,
#include "isa/isa.def"
#undef INSN
};
static const struct rule rules[ISA_COUNT] = {
#define _(id, kind, op, w, x, y) [ISA_##id] = { kind, op, w, x, y, { 0 } },
	FAMILY_RULES
#include "jit/rules.def"
#undef _
};

static uint32_t address(struct build *b, uint32_t base, int32_t off, struct ir_ins *in)
{
	in->a = base;
	in->imm = (uint64_t)(int64_t)off;
	if (b->u->checked && (in->op != IR_LOAD || !ir_load_probes(in->y)))
		build_check(b, in, off);
	return build_access(b, in);
}

static void load(struct build *b, uint32_t i, const struct exec_view *v, struct rule rule)
{
	struct ir_ins in = { .op = IR_LOAD, .w = 1, .x = rule.x, .y = rule.y };
	int slot = build_slot(b, jit_frame_off(b->u, i), rule.x);
	uint32_t addr, value;
	uint64_t known;

	if (v->probe && rule.y != LOAD_ORDERED)
		in.y = rule.y == LOAD_SIGN ? LOAD_PROBE_SIGN : LOAD_PROBE;
	if (slot >= 0) {
		value = build_get(b, slot);
		if (rule.y == LOAD_SIGN)
			value = ir_unary(b->f, IR_SEXT, 1, rule.x, value);
		build_set(b, v->dst, value);
		return;
	}
	addr = build_get(b, v->src);
	if (b->f->fold && ir_is(b->f, addr, IR_CONST) &&
	    exec_view_constant(b->u->prog, v->op, b->f->ins[addr].imm + (uint64_t)(int64_t)v->off,
			       &known)) {
		build_set(b, v->dst, ir_const(b->f, known));
		return;
	}
	if (!ir_load_probes(in.y) && in.y != LOAD_ORDERED &&
	    build_context_load(b, v, addr, rule.x, &value)) {
		if (rule.y == LOAD_SIGN)
			value = ir_unary(b->f, IR_SEXT, 1, rule.x, value);
		build_set(b, v->dst, value);
		return;
	}
	build_set(b, v->dst, address(b, addr, v->off, &in));
}

static void store(struct build *b, uint32_t i, const struct exec_view *v, struct rule rule,
		  uint32_t value)
{
	struct ir_ins in = {
		.op = IR_STORE, .w = rule.x == 8, .x = rule.x, .y = rule.y, .b = value
	};
	int slot = build_slot(b, jit_frame_off(b->u, i), rule.x);

	if (slot >= 0)
		build_set(b, slot, ir_unary(b->f, IR_ZEXT, 1, rule.x, value));
	else if (rule.y || !build_context_store(b, v, build_get(b, v->dst), rule.x, value))
		address(b, build_get(b, v->dst), v->off, &in);
}

static void atomic(struct build *b, const struct exec_view *v, struct rule rule)
{
	struct ir_ins in = { .op = IR_ATOMIC, .w = rule.w, .x = rule.x, .y = rule.y };
	uint32_t old;

	in.b = build_get(b, v->src);
	if (rule.y == RMW_CMPXCHG)
		in.c = build_get(b, 0);
	old = address(b, build_get(b, v->dst), v->off, &in);
	if (rule.y == RMW_CMPXCHG)
		build_set(b, 0, old);
	else if (rule.y >= RMW_FETCH_ADD)
		build_set(b, v->src, old);
}

static void extend(struct build *b, const struct exec_view *v, struct rule rule)
{
	uint32_t value = build_get(b, v->src);

	build_set(b, v->dst, ir_unary(b->f, IR_SEXT, rule.w, rule.x, value));
}

static void move(struct build *b, const struct exec_view *v, bool wide)
{
	uint32_t value = build_get(b, v->src);

	build_set(b, v->dst, wide ? value : ir_unary(b->f, IR_ZEXT, 1, 4, value));
}

/* A pointer into the arena is its lower half there. */
static void cast(struct build *b, const struct exec_view *v, bool null)
{
	struct ir_fn *f = b->f;
	uint32_t low = ir_unary(f, IR_ZEXT, 1, 4, build_get(b, v->src)), zero = ir_const(f, 0);
	uint32_t whole = ir_binary(f, IR_OR, 1, low, ir_const(f, v->imm));
	uint32_t args[4] = { low, zero, zero, whole };

	if (null)
		whole = ir_emit(f, (struct ir_ins){ .op = IR_SELECT,
						    .w = 1,
						    .x = CC_EQ,
						    .y = 1,
						    .a = ir_args(f, args, 4) });
	build_set(b, v->dst, whole);
}

void build_insn(struct build *b, uint32_t i)
{
	const struct exec_view *v = &b->u->view[i];
	const struct rule rule = rules[v->op];
	uint64_t imm = rule.w || rule.kind != RULE_MOV_IMM ? v->imm : (uint32_t)v->imm;
	struct ir_fn *f = b->f;

	switch ((enum rule_kind)rule.kind) {
	case RULE_BINARY_IMM:
		build_set(b, v->dst,
			  ir_binary(f, rule.op, rule.w, build_get(b, v->dst),
				    ir_const(f, rule.w ? imm : (uint32_t)imm)));
		break;
	case RULE_BINARY_REG:
		build_set(b, v->dst,
			  ir_binary(f, rule.op, rule.w, build_get(b, v->dst),
				    build_get(b, v->src)));
		break;
	case RULE_MOV_IMM:
	case RULE_CONST:
		build_set(b, v->dst, ir_const(f, imm));
		break;
	case RULE_MOV_REG:
		move(b, v, rule.w);
		break;
	case RULE_UNARY:
		if (rule.x != 8 || rule.op != IR_ZEXT)
			build_set(b, v->dst,
				  ir_unary(f, rule.op, rule.w, rule.x, build_get(b, v->dst)));
		break;
	case RULE_CAST:
		cast(b, v, rule.x);
		break;
	case RULE_EXTEND:
		extend(b, v, rule);
		break;
	case RULE_LOAD:
		load(b, i, v, rule);
		break;
	case RULE_STORE_IMM:
		store(b, i, v, rule, ir_const(f, imm));
		break;
	case RULE_STORE_REG:
		store(b, i, v, rule, build_get(b, v->src));
		break;
	case RULE_ATOMIC:
		atomic(b, v, rule);
		break;
	case RULE_CALL:
		if (!jit_loop_callee(b->u, i))
			build_call(b, i);
		break;
	case RULE_NONE:
	case RULE_FLOW:
		break;
	}
}
