/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The middle of the compiler: linear SSA. A function is a list of blocks, each a stretch of ins[]; an operand is the
 * index of the instruction that made it. Constants are shared and belong to no block. Invariants: ins[0] is a NOP
 * ("no value"); blocks lie in reverse postorder except that loops stay together as written; block 0 is the entry
 * and has no predecessor; a PHI has one operand for each of its block's preds, in their order; an edge from a
 * block with several successors never reaches a block with several predecessors once edges are split (opt.c).
 */
#ifndef JIT_IR_H
#define JIT_IR_H

#include "base/arena.h"
#include "exec/view.h"
#include "jit/jit.h"

enum ir_op {
#define IR(id, ...) IR_##id,
#include "jit/ir.def"
#undef IR
	IR_COUNT,
};

enum ir_flag {
	IR_IS_NONE = 0,
	IR_IS_PURE = 1,
	IR_IS_LOAD = 2,
	IR_IS_EFFECT = 4,
	IR_IS_END = 8,
	IR_IS_COMM = 16,
	IR_IS_VOID = 32,
	IR_IS_THIRD = 64,
	IR_IS_LIST = 128,
	IR_IS_FIXED = 256,
	/* of the table, not of ir.def: what it reads, and that this has to be there when the result is written */
	IR_HAS_A = 512,
	IR_HAS_B = 1024,
	IR_HAS_LATE = 2048,
};

/* Conditions in pairs: the opposite of cc is cc ^ 1. */
enum ir_cc {
	CC_EQ,
	CC_NE,
	CC_LT,
	CC_GE,
	CC_GT,
	CC_LE,
	CC_SLT,
	CC_SGE,
	CC_SGT,
	CC_SLE,
	CC_SET,	  /* (a & b) != 0 */
	CC_CLEAR, /* (a & b) == 0 */
};

enum ir_load {
	LOAD_ZERO,
	LOAD_SIGN,
	LOAD_ORDERED, /* zero-extends; never shared or moved */
	LOAD_SUM,     /* the sum of 4, 8 or 16 bytes */
	/*
	 * From an address that may be bad: then 0. Such a load is never widened, nor made an operand of another instruction;
	 * where a back end writes it, it says so to jit_probe().
	 */
	LOAD_PROBE,
	LOAD_PROBE_SIGN,
};

/* Of the y of a LOAD, whose upper half is a scale. */
static inline bool ir_load_signs(uint8_t y)
{
	return (y & 15) == LOAD_SIGN || (y & 15) == LOAD_PROBE_SIGN;
}
static inline bool ir_load_probes(uint8_t y)
{
	return (y & 15) >= LOAD_PROBE;
}

/* A CALL of args (run, ctx, map, index) whose x is not 0 goes on in another program, or gives the helper's result: imm is this. */
struct ir_tail {
	struct map_form form; /* of the map, if it is known: `slots` */
	uint64_t kin;	      /* of this program, or 0 */
	uint32_t insn;
};

/* Of a STORE; those from ADD on operate on what is in memory (inside.c). */
enum ir_store {
	STORE_PLAIN,
	STORE_RELEASE,
	STORE_ADD,
	STORE_SUB,
	STORE_AND,
	STORE_OR,
	STORE_XOR,
	STORE_SWAP, /* the bytes of what is stored */
};

enum ir_rmw {
	RMW_ADD,
	RMW_OR,
	RMW_AND,
	RMW_XOR,
	RMW_FETCH_ADD,
	RMW_FETCH_OR,
	RMW_FETCH_AND,
	RMW_FETCH_XOR,
	RMW_XCHG,
	RMW_CMPXCHG,
};

_Static_assert(IR_COUNT <= 64, "a set of them fits a word");

struct ir_ins {
	uint8_t op, w, x, y;
	uint32_t a, b, c;
	uint64_t imm;
};

struct ir_block {
	uint32_t start, end;   /* of ins */
	uint32_t pred, npreds; /* in preds[] */
	uint32_t succ[2];      /* BR: if true, if false; NO_BLOCK */
	uint32_t idom, dom_in, dom_out;
	uint8_t loops; /* around it */
	bool reached;
};
#define NO_BLOCK UINT32_MAX
#define RUN_ARG 0

/* What the memory at [base + off] holds: a value that was stored, or loaded. */
#define MEM_FACTS 8
struct ir_mem {
	uint32_t base, value;
	int64_t off;
	uint8_t size; /* 0: nothing */
	bool loaded, sign;
};

/* What a SPEND pays besides: cost for each step of the counter beyond from, and what value `within` says. */
struct ir_debt {
	uint32_t counter, within;
	int64_t from, step;
	uint32_t cost;
};

#define SMALL_CONSTS 65
struct ir_fn {
	struct ir_ins *ins;
	uint64_t *zero;	  /* bits of each value that are known to be 0 */
	uint32_t *home;	  /* block of each value */
	uint32_t *origin; /* instruction that each comes from; NULL: no one wants to know */
	uint32_t at;	  /* what is being translated: of the next values */
	uint32_t n, room;
	uint32_t *args; /* operands of PHI, CALL, SELECT */
	uint32_t nargs, args_room;
	struct ir_block *blocks;
	uint32_t nblocks;
	uint32_t *order; /* reached blocks in reverse postorder, after NO_BLOCKs */
	uint32_t *preds, npreds;
	bool failed;	 /* out of memory or over a limit */
	bool fold;	 /* optimise */
	bool spliced;	 /* with what it called */
	bool promotes;	 /* the frame's memory starts as 0, and stack slots may become values */
	bool summed;	 /* ir_sum() has seen it */
	bool loops;	 /* ir_dominators() saw an edge back */
	uint32_t bytes;	 /* that are added */
	bool maybe_null; /* it has a choice between a pointer and NULL */
	/* from ir_drop_dead() on: uses of each value, of all (at most); are there accesses at sums, sums of shifted values? */
	uint32_t *uses, nuses;
	bool sums, scaled;
	struct arena *arena;
	/* value numbering */
	uint32_t *hash, *next;
	uint32_t hash_mask;
	uint32_t small[SMALL_CONSTS]; /* names of these constants */
	uint32_t block;		      /* being built */
	uint32_t epoch;		      /* of memory */
	struct ir_mem mem[MEM_FACTS];
	uint32_t mem_next;
	struct ir_checks {
		bool moves;	       /* calls may take regions away */
		uint32_t frame;	       /* of run->stack */
		uint32_t epoch;	       /* of the regions */
		struct ir_debt *debts; /* by c - 1 of a SPEND; NULL: none */
		uint32_t ndebts;
	} checks;
};

extern const uint16_t ir_flags[IR_COUNT];
extern const uint8_t ir_operands[IR_COUNT];

static inline bool ir_is(const struct ir_fn *f, uint32_t v, enum ir_op op)
{
	return f->ins[v].op == op;
}
static inline bool ir_has(const struct ir_ins *in, enum ir_flag flag)
{
	return ir_flags[in->op] & flag;
}

/* PHIs come first in their block: can there be one from @v on? */
static inline bool ir_in_head(const struct ir_fn *f, uint32_t v)
{
	return f->ins[v].op <= IR_CONST || f->ins[v].op == IR_PHI;
}

/* ir.c: building. All give the name of a value, which may be an older one. */
void ir_init(struct ir_fn *f, struct arena *arena, uint32_t insns, uint32_t nblocks, bool fold);
/* Keeps origins, which start with @at. */
void ir_trace(struct ir_fn *f, uint32_t at);
uint32_t ir_append(struct ir_fn *f, struct ir_ins in);
uint32_t ir_const(struct ir_fn *f, uint64_t value);
uint32_t ir_args(struct ir_fn *f, const uint32_t *v, uint32_t n); /* place in args[] */
/* Nothing is known about memory any more. */
void ir_forget(struct ir_fn *f);
/* Simplified, numbered, or appended. */
uint32_t ir_emit(struct ir_fn *f, struct ir_ins in);
uint32_t ir_binary(struct ir_fn *f, enum ir_op op, int w, uint32_t a, uint32_t b);
uint32_t ir_unary(struct ir_fn *f, enum ir_op op, int w, int x, uint32_t a);
void ir_dominators(struct ir_fn *f);
bool ir_dominates(const struct ir_fn *f, uint32_t a, uint32_t b);

/* fold.c: an older value or a simpler instruction; 0: *in stands as it is (perhaps changed). */
uint32_t ir_fold(struct ir_fn *f, struct ir_ins *in);
uint64_t ir_known_zero(const struct ir_fn *f, const struct ir_ins *in);
/* The result of a binary operation on constants. */
uint64_t ir_compute(enum ir_op op, int w, uint64_t a, uint64_t b);
bool ir_compare(enum ir_cc cc, int w, uint64_t a, uint64_t b);
/* idiom.c: patterns of several instructions; the same contract as ir_fold(). */
uint32_t ir_combine(struct ir_fn *f, struct ir_ins *in);
static inline uint32_t ir_idiom(struct ir_fn *f, struct ir_ins *in)
{
	const uint64_t parts = 1ull << IR_SHL | 1ull << IR_SHR | 1ull << IR_ZEXT | 1ull << IR_OR |
			       1ull << IR_LOAD;

	if (in->op == IR_ADD || in->op == IR_OR || in->op == IR_XOR) {
		if (!(parts >> f->ins[in->a].op & parts >> f->ins[in->b].op & 1))
			return 0;
	} else if (in->op != IR_UDIV && in->op != IR_UMOD) {
		return 0;
	}
	return ir_combine(f, in);
}
uint32_t ir_divide(struct ir_fn *f, struct ir_ins *in);
/* sum.c: sums of bytes. How many bytes a function adds at least, for it to be worthwhile. */
#define IR_MANY_BYTES 8
static inline bool ir_adds_byte(const struct ir_fn *f, const struct ir_ins *in)
{
	const struct ir_ins *a = &f->ins[in->a], *b = &f->ins[in->b];

	return (a->op == IR_LOAD && a->x == 1 && a->y == LOAD_ZERO) ||
	       (b->op == IR_LOAD && b->x == 1 && b->y == LOAD_ZERO);
}
/* By value: an operand of another sum? NULL: no memory. */
uint8_t *ir_inner_sums(const struct ir_fn *f, struct arena *arena);
/* Sum @v of @from, whose values are map[] in @to, made of wide loads; 0: it cannot be. */
uint32_t ir_sum(const struct ir_fn *from, struct ir_fn *to, const uint32_t *map, uint32_t v);
/* promote.c: stack slots that a spliced function's loads and stores name, as values while opt.c rebuilds it. */
#define IR_MAX_SLOTS 16
struct ir_slots {
	uint32_t n;
	uint8_t *of;   /* by value: 1 + the slot that it loads or stores; 0: none */
	uint32_t *end; /* by block and slot: the value at its end, in the new function */
	uint32_t now[IR_MAX_SLOTS];
};
bool ir_find_slots(const struct ir_fn *f, struct arena *arena, struct ir_slots *ret);
void ir_enter_slots(struct ir_slots *s, struct ir_fn *to, uint32_t k);
void ir_leave_slots(struct ir_slots *s, uint32_t k);
uint32_t ir_slot_access(struct ir_slots *s, struct ir_fn *to, const struct ir_ins *in,
			uint32_t slot, uint32_t value);
/* The slot of a PHI that ir_enter_slots() made; -1: another one */
static inline int ir_slot_of(const struct ir_ins *phi)
{
	return phi->c > UINT32_MAX - IR_MAX_SLOTS ? (int)(UINT32_MAX - phi->c) : -1;
}
/* unroll.c: how often to write block @k, a loop (1: as it is); *ret_back: which of its preds leads back. */
uint32_t ir_unroll(const struct ir_fn *f, uint32_t k, uint32_t *ret_back);

/* Facts of instructions, from isa.def, without a call. */
struct jit_op {
	uint8_t kind, reads, writes, bytes; /* enum isa_kind, isa_use; of memory */
	bool plain;			    /* one slot, computes or accesses memory, goes on */
	bool jumps, stops;		    /* has a target; control does not fall through */
	bool newer;			    /* than RFC 9669 */
	/* what it reads of the registers that dst and src name and of r0, a set; writes in the upper half */
	uint64_t dst, src, r0;
};
extern const struct jit_op jit_ops[ISA_COUNT];
/* checks.c: an IR_CHECK that says nothing new: an older value, or any other; 0: it stands. */
uint32_t ir_check(struct ir_fn *f, struct ir_ins *in);
uint32_t ir_check_add(struct ir_fn *f, struct ir_ins in);
/* Which window an access through @v is compared with. */
uint32_t ir_check_window(const struct ir_fn *f, uint32_t v);
static inline int32_t ir_check_off(const struct ir_ins *in)
{
	return (int32_t)(uint32_t)in->imm;
}
static inline uint32_t ir_check_place(const struct ir_ins *in)
{
	return (uint32_t)(in->imm >> 32);
}

/* A function of the program while it is compiled. */
struct jit_func {
	uint32_t start, end;	  /* instructions */
	uint32_t frame;		  /* of run->stack */
	uint32_t deepest;	  /* of those that its code names */
	uint32_t sites;		  /* that call it by number */
	uint16_t live_in;	  /* registers read before they are written */
	bool uses_run;		  /* it or what it calls */
	bool uses_stack, touches; /* it names its frame; its code does, too */
	bool reached, callback;
	bool called;		  /* compiled code does */
	bool calls, indirect;	  /* it has calls of helpers, jumps by register */
	bool names_frame;	  /* r10 is more than the base of plain accesses */
	uint32_t targets, others; /* jump targets, and instructions that are not `plain` */
	bool known, escaped; /* known.c: it was looked at; addresses of its frame are anywhere */
	uint32_t code;	     /* offset in the program's code */
	/* checked: it keeps the budget; if not, it takes at least and at most so many instructions */
	bool counts;
	uint64_t least, most;
};

struct jit_unit {
	const struct exec_prog *prog;
	const struct jit_opts *opts;
	struct exec_view *view;
	uint32_t n;
	struct jit_func *funcs;
	uint32_t nfuncs;
	uint32_t *func_of; /* by instruction: number of the function that starts there */
	uint32_t *call_of; /* by instruction: 1 + number in calls[], 0: no helper call; NULL: none is known */
	int16_t *frame_off;
	struct jit_known_call *calls;
	struct arena *arena, *scratch; /* of the program; of the function at hand */
	const struct exec_native *native;
	bool has_callbacks, has_tails, has_locals;
	bool jumps_on; /* tail calls are one instruction, which does not come back if it goes well */
	bool checked, moves; /* moves: a helper may take regions away */
	bool vouched;	     /* facts cover all accesses */
	bool keeps_args;     /* r1 to r5 survive helper calls */
	const char *why;     /* it cannot be compiled */
	uint32_t why_insn, frames, ir_insns;
	uint32_t calls_out;	    /* instructions that may call */
	uint64_t blind;		    /* state of the random numbers */
	bool no_map;		    /* perf's could not be written */
	const struct spec_ctx *ctx; /* the context is converted by it, or NULL */
	uint32_t *contexts;	    /* then by instruction: context.c */
	bool noting;		    /* where code comes from is to be known */
};

/* scan.c: functions, frames, what they use. -EOPNOTSUPP and unit->why, or -ENOMEM. */
int jit_scan(struct jit_unit *u);
uint32_t jit_target_of(const struct jit_unit *u, uint32_t insn);
/* context.c: which registers may hold the context, before each instruction */
int jit_contexts(struct jit_unit *u);
/* checks.c: how the budget is kept */
void jit_plan(struct jit_unit *u);
static inline bool jit_fact(const struct jit_unit *u, uint32_t insn, uint32_t flags)
{
	return u->opts->facts && u->opts->facts[insn].flags & flags;
}
/* ssa.c */
int jit_build(struct jit_unit *u, const struct jit_func *fn, struct arena *scratch,
	      struct ir_fn *ret);
int jit_live_in(struct jit_unit *u, struct jit_func *fn, struct arena *scratch);
/* splice.c: puts functions where they are called; those with several calls up to so many instructions of each caller */
#define JIT_MOST_GROWTH 256
int jit_splice(struct jit_unit *u, struct jit_func *fn, struct arena *arena, struct ir_fn *f);
/* blind.c: makes constants random, the last thing before layout. @state starts from jit_blind_seed(). */
int jit_blind(struct ir_fn *f, struct arena *scratch, uint64_t *state);
bool jit_blind_seed(uint64_t *ret);
/* opt.c: rebuilds @f optimised, with its edges split. */
int jit_optimise(struct ir_fn *f, struct arena *scratch);
/* Its last step: what no effect needs becomes NOP, and uses are counted. False: no memory. */
bool ir_drop_dead(struct ir_fn *f, struct arena *arena);

#endif
