/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that build SSA share: cfg.c (blocks, liveness), ssa.c (instructions), flow.c (calls, control). */
#ifndef JIT_BUILD_H
#define JIT_BUILD_H

#include "isa/alu.h"
#include "jit/known.h"

#define MAX_VARS 128
#define FIRST_SLOT ISA_REGS /* variables: r0-r9, then slots */

/* A set of variables. */
typedef unsigned __int128 var_set;
#define VAR(r) ((var_set)1 << (r))
static inline uint32_t build_first(var_set set)
{
	return (uint64_t)set ? (uint32_t)__builtin_ctzll((uint64_t)set) :
			       64 + (uint32_t)__builtin_ctzll((uint64_t)(set >> 64));
}
static inline var_set build_rest(var_set set)
{
	return (uint64_t)set ? set & ~(var_set)((uint64_t)set & -(uint64_t)set) : set & (set - 1);
}

/* A basic block of the program's instructions; number 0 is the entry, without instructions. */
struct span {
	uint32_t start, end, last;   /* last: the instruction that ends it */
	uint32_t succ[2];	     /* spans; NO_BLOCK */
	var_set reads, writes, live; /* of variables; live at the start */
	var_set assumed;     /* variables that are taken to keep their value around the loop */
	bool leaves;	     /* its last instruction may end the program: one more block */
	bool loop;	     /* a turn of the loop that the span before it ends with */
	uint32_t limit, ctx; /* of that loop: values */
	uint32_t pivot; /* an indirect jump goes to succ[0] if its target is before this instruction */
	bool inner;	/* of an indirect jump, behind its first comparison: no instructions */
};

/* The bytes of the stack frame that are variables; indexes are offsets from its lowest byte. */
struct slots {
	uint8_t var[ISA_STACK_SIZE]; /* the variable that starts here; 0: none */
	uint8_t size[ISA_STACK_SIZE]; /* of the accesses that start here, when all are alike: a tile */
};

struct build {
	struct jit_unit *u;
	const struct jit_func *fn;
	struct ir_fn *f;
	struct arena *arena;
	struct span *spans;
	uint32_t nspans, nleaves;
	uint32_t *span_at;   /* by instruction - fn->start */
	struct slots *slots; /* NULL: none */
	uint32_t nvars;
	uint32_t *var;	/* values now */
	uint32_t *exit; /* values at the end of each span */
	uint32_t run, fp, undef, ctx;
	const uint32_t *order; /* spans in reverse postorder, after NO_BLOCKs */
	uint32_t *place;       /* of each in it */
	uint32_t looked;       /* spans that assume() has looked at */
	bool naive;	       /* every live variable gets a PHI in a loop's head */
	int left;	       /* variable of the budget, or -1 */
	int turn;	       /* that of the turns of loops that calls of bpf_loop are */
	uint32_t *pending;     /* by span: instructions at its end that are not charged yet */
	uint32_t at, charge;   /* the instruction at hand; those not charged yet */
};

/* Is a tail call one instruction here? Only the entry's frame can be left for good. */
static inline bool build_jumps_on(const struct build *b)
{
	return b->u->jumps_on && b->fn == b->u->funcs;
}

/* cfg.c */
int build_spans(struct build *b);
int build_find_slots(struct build *b); /* before the spans are made */
int build_liveness(struct build *b);
int build_slot(const struct build *b, int32_t off, uint32_t size); /* variable, or -1 */
bool build_tiled(const struct build *b, int32_t off,
		 uint32_t size);				  /* are these bytes whole tiles? */
uint64_t build_arg_mask(const struct jit_unit *u, uint32_t insn); /* registers that a call takes */

/* ssa.c: an instruction that is no transfer of control */
void build_insn(struct build *b, uint32_t i);

/* flow.c */
static inline uint32_t build_get(const struct build *b, int var)
{
	return var == ISA_REG_FP ? b->fp : b->var[var];
}
static inline void build_set(struct build *b, int var, uint32_t value)
{
	b->var[var] = value;
}
uint32_t build_access(struct build *b, struct ir_ins *in);
void build_call(struct build *b, uint32_t i);
void build_at(struct build *b, uint32_t i); /* where a fault of the call to come is */
void build_clobber(struct build *b, uint32_t r0, bool local); /* as calls do */
/* @moves: it may take regions away */
uint32_t build_call_to(struct build *b, uintptr_t fn, const uint32_t *args, uint32_t n, bool moves);

/* inline.c: the loop that a call of bpf_loop is: before it, and a turn of it. The conditions to go on. */
struct ir_ins build_loop_start(struct build *b, uint32_t insn, struct span *turn);
struct ir_ins build_loop_turn(struct build *b, uint32_t insn, const struct span *turn);
/* *ret is the result; false: it is a call like any other. */
bool build_inline(struct build *b, uint32_t i, uint32_t *ret);

/* context.c: an access whose base may be a context that is converted; false: it is none. */
bool build_context_load(struct build *b, const struct exec_view *v, uint32_t base, uint32_t size,
			uint32_t *ret);
bool build_context_store(struct build *b, const struct exec_view *v, uint32_t base, uint32_t size,
			 uint32_t value);

/* checks.c */
void build_check(struct build *b, const struct ir_ins *access, int32_t off);
void build_set_run(struct build *b, size_t field, uint32_t value, int size);
uint32_t build_get_run(struct build *b, size_t field, int size);
/* Charges what is pending. */
void build_spend(struct build *b);
/* The budget goes back to the run, for whoever looks at it; and is taken from it again. */
void build_give_back(struct build *b);
void build_take(struct build *b);
/* The budget at the start of a function, and at its end. */
void build_budget_in(struct build *b);
void build_budget_out(struct build *b);
void build_faulted(struct build *b);
/* Around a call: the budget where the callee finds it. */
void build_before_call(struct build *b, uint32_t insn);
void build_after_call(struct build *b, uint32_t insn);
/* ... of a function of the program */
void build_before_local(struct build *b, const struct jit_func *to);
void build_after_local(struct build *b, const struct jit_func *to);
/* The helper's body, or what checks its arguments first. */
uintptr_t build_body(const struct build *b, uint32_t insn);
bool build_moves(const struct exec_view *v, const struct exec_prog *prog);

#endif
