// SPDX-License-Identifier: Apache-2.0
/*
 * What can be reached when branches on constants are decided. Objects that suit many kernels ask
 * first ("is there a ring buffer?") and CO-RE, .rodata and .kconfig turn the answer into a constant;
 * a call on the other side must not keep the program from running. This is conditional constant
 * propagation (Wegman and Zadeck 1991) on registers: a state at each jump target holds what every
 * path so far agrees on, and only ever forgets, so the work is bounded by the registers.
 */
#include <string.h>

#include "exec/internal.h"
#include "isa/alu.h"

struct state {
	uint32_t known; /* bit n: r[n] holds v[n] on every path */
	bool seen, queued;
	uint64_t v[ISA_REGS];
};

struct walk {
	struct exec_prog *prog;
	struct state **at; /* by instruction; NULL where no jump lands */
	uint32_t *queue, queued;
};

static void forget(struct state *s, unsigned int uses)
{
	if (uses & ISA_USE_CALLER)
		s->known &= ~0x3fu;
	if (uses & ISA_USE_R0)
		s->known &= ~1u;
}

/* Joins @s into the state at @to; what changes there is walked again. */
static void join(struct walk *w, uint32_t to, const struct state *s)
{
	struct state *t = w->at[to];
	uint32_t known = t->seen ? t->known & s->known : s->known;

	for (int i = 0; t->seen && i < ISA_REGS; i++)
		if (t->v[i] != s->v[i])
			known &= ~(1u << i);
	if (t->seen && known == t->known)
		return;
	if (!t->seen)
		memcpy(t->v, s->v, sizeof(t->v));
	t->seen = true;
	t->known = known;
	if (!t->queued) {
		t->queued = true;
		w->queue[w->queued++] = to;
	}
}

/* The result of a computing instruction whose operands are @a and @b. */
static bool evaluate(enum isa_op op, uint64_t a, uint64_t b, uint64_t *ret)
{
#define BINARY(OP, fn)                     \
	case ISA_##OP##64_IMM:             \
	case ISA_##OP##64_REG:             \
		*ret = alu_##fn##64(a, b); \
		return true;               \
	case ISA_##OP##32_IMM:             \
	case ISA_##OP##32_REG:             \
		*ret = alu_##fn##32(a, b); \
		return true;
#define UNARY(OP, fn)               \
	case ISA_##OP:              \
		*ret = alu_##fn(a); \
		return true;
#define MOVSX(OP, fn)               \
	case ISA_##OP:              \
		*ret = alu_##fn(b); \
		return true;

	switch ((int)op) { /* the lists of alu.h, not all ops */
		ALU_BINARY(BINARY)
		ALU_BRANCH(BINARY)
		ALU_UNARY(UNARY)
		ALU_MOVSX(MOVSX)
	default:
		return false;
	}
}

bool load_constant(const struct exec_prog *prog, enum isa_op op, uint64_t addr, uint64_t *ret)
{
	const struct exec_space_ops *ops = prog->space_ops;
	struct exec_region reg = { 0 };
	uint32_t size = isa_access_size(op);

	if (op < ISA_LDX_B || op > ISA_LDX_DW || !ops || !ops->value ||
	    !ops->value(prog->space, addr, &reg) || reg.writable || reg.kind != REGION_RODATA ||
	    !num_inside(addr - reg.base, size, reg.size))
		return false;
	*ret = 0;
	memcpy(ret, (const void *)(uintptr_t)addr, size);
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || size == 8;
}

static bool is_known(const struct state *s, unsigned int reg)
{
	return s->known >> reg & 1;
}

/* Effect of an instruction that stays in line. */
static void step(struct walk *w, enum isa_op op, const struct exec_op *o, struct state *s)
{
	unsigned int reads = isa_reads(op), writes = isa_writes(op);
	bool ready = !(reads & ISA_USE_DST && !is_known(s, o->dst)) &&
		     !(reads & ISA_USE_SRC && !is_known(s, o->src));
	uint64_t b = reads & ISA_USE_SRC ? s->v[o->src] : o->imm, result = 0;
	bool good = false;

	if (isa_kind(op) == ISA_KIND_ALU)
		good = ready && evaluate(op, s->v[o->dst], b, &result);
	else if (isa_kind(op) == ISA_KIND_LOAD)
		good = ready && load_constant(w->prog, op, b + (uint64_t)(int64_t)o->off, &result);
	else if (isa_kind(op) == ISA_KIND_WIDE_LOAD && op != ISA_LD_FUNC) {
		result = o->imm;
		good = true;
	}
	forget(s, writes);
	if (writes & ISA_USE_SRC)
		s->known &= ~(1u << o->src);
	if (writes & ISA_USE_DST) {
		s->known &= ~(1u << o->dst);
		s->known |= (uint32_t)good << o->dst;
		s->v[o->dst] = result;
	}
}

/* An indirect jump: all that the tables of this program name in its function. Once for each function. */
static void spread(struct walk *w, uint32_t i)
{
	struct exec_prog *prog = w->prog;
	static const struct state nothing;
	uint32_t start;

	if (!prog->func)
		return;
	start = prog->func[i];
	if (prog->marks[start] & MARK_SPREAD)
		return;
	prog->marks[start] |= MARK_SPREAD;
	for (uint32_t k = start; k < prog->n && prog->func[k] == start; k++)
		if (prog->marks[k] & MARK_TABLE)
			join(w, k, &nothing);
}

/* The successors of a transfer of control at @i; true if the next instruction is one. */
static bool transfer(struct walk *w, enum isa_op op, uint32_t i, const struct state *s)
{
	const struct exec_op *o = &w->prog->ops[i];
	unsigned int reads = isa_reads(op);
	uint32_t to = (uint32_t)((int64_t)i + 1 + o->off);
	uint64_t b = reads & ISA_USE_SRC ? s->v[o->src] : o->imm, taken = 0;
	static const struct state nothing;

	if (op == ISA_EXIT)
		return false;
	if (op == ISA_JA_REG) {
		spread(w, i);
		return false;
	}
	if (op == ISA_CALL_LOCAL || op == ISA_LD_FUNC) {
		join(w, to, &nothing);
		return true;
	}
	if (op == ISA_JA || op == ISA_JA32 || op == ISA_MAY_GOTO) {
		join(w, to, s);
		return op == ISA_MAY_GOTO;
	}
	if (isa_kind(op) != ISA_KIND_BRANCH)
		return true;
	if (is_known(s, o->dst) && (!(reads & ISA_USE_SRC) || is_known(s, o->src)) &&
	    evaluate(op, s->v[o->dst], b, &taken)) {
		if (taken)
			join(w, to, s);
		return !taken;
	}
	join(w, to, s);
	return true;
}

static void follow(struct walk *w, uint32_t i)
{
	struct exec_prog *prog = w->prog;
	struct state s = *w->at[i];

	for (bool first = true; i < prog->n; first = false) {
		enum isa_op op = isa_decode(&prog->insns[i], prog->n - i);

		if (!first && w->at[i]) {
			join(w, i, &s);
			return;
		}
		prog->marks[i] |= MARK_REACHED;
		if (!transfer(w, op, i, &s))
			return;
		step(w, op, &prog->ops[i], &s);
		i += isa_slots(op);
	}
}

int reach(struct exec_prog *prog, struct skep_error **reterr)
{
	struct arena scratch;
	struct walk w = { .prog = prog };
	uint32_t leaders = 0;
	struct state *states;

	for (uint32_t i = 0; i < prog->n; i++)
		leaders += (prog->marks[i] & (MARK_FUNC | MARK_JUMP)) != 0;
	arena_init(&scratch, 0);
	w.at = ARENA_ARRAY(&scratch, struct state *, prog->n);
	w.queue = ARENA_ARRAY(&scratch, uint32_t, leaders);
	states = ARENA_ARRAY(&scratch, struct state, leaders);
	if (!w.at || !w.queue || !states) {
		arena_done(&scratch);
		return skep_fail_nomem(reterr);
	}
	for (uint32_t i = 0; i < prog->n; i++)
		if (prog->marks[i] & (MARK_FUNC | MARK_JUMP))
			w.at[i] = states++;
	join(&w, 0, &(struct state){ 0 });
	if (prog->exception)
		join(&w, prog->exception - 1, &(struct state){ 0 });
	while (w.queued) {
		uint32_t i = w.queue[--w.queued];

		w.at[i]->queued = false;
		follow(&w, i);
	}
	arena_done(&scratch);
	return 0;
}
