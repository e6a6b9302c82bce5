/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From IR to places: the order of blocks, positions, live ranges, registers. What a back end is (struct jit_target)
 * and what it is given (struct jit_alloc).
 *
 * A value has one place for its whole life: a register, or a slot of the native stack frame. Constants have none; back
 * ends write them where they are used. An instruction at position p reads at p and writes at p + 1, so a result may
 * take the register of an operand that ends there. PHIs and ARGs are written together at the start of their block.
 */
#ifndef JIT_ALLOC_H
#define JIT_ALLOC_H

#include "base/buf.h"
#include "exec/guard.h"
#include "jit/ir.h"

#define NO_REG 0xff
#define MAX_REGS 32

struct jit_range {
	uint32_t start, end; /* half open */
};

/* When a value lives: in one range, or in n of them (ascending), from the start of the first to the end of the last. */
struct jit_life {
	struct jit_range whole;
	struct jit_range *ranges; /* when n > 1 */
	uint32_t n;		  /* 0: it needs no place */
	uint32_t phi;		  /* a PHI that takes the value */
};

/* An instruction that ir.def marks FIXED. */
struct jit_fixed {
	uint32_t value, pos;
};

/* Bytes [start, end) from r1 on that the entry asks for. */
struct jit_guard {
	int32_t start, end;
	bool asked;
};

struct jit_alloc {
	struct ir_fn *f;
	const struct jit_target *target;
	struct arena *arena;
	uint32_t features;	   /* of the CPU, as the target knows them */
	uint32_t *layout, nlayout; /* blocks in the order of the code */
	uint32_t nlate;		   /* of those, at its end: of edges that are seldom taken */
	uint32_t ninsns;	   /* in them, but for constants */
	uint32_t *sequence; /* in the order of positions: those of edges follow their branch */
	uint32_t *block_pos, *block_end; /* by block */
	uint8_t *reg;			 /* by value; NO_REG: slot, or none */
	uint32_t *slot;			 /* by value: 1 + number of its slot; 0: none */
	uint32_t nslots;
	uint32_t used;	/* registers that were given */
	uint32_t *uses; /* by value */
	bool calls;
	struct jit_fixed *fixed; /* by position */
	uint32_t nfixed;
	struct jit_life *life; /* by value */
	float *weight;	       /* by value; NULL: not asked for yet */
	bool jumbled;	       /* some values start before one of an earlier block */
	bool failed;
	/* checked code */
	bool checked;
	uint32_t frame; /* of run->stack */
	/* the entry of a program that does not count: instructions that it takes at most */
	uint64_t most;
	struct jit_guard guards[2]; /* of the entry: to be read, to be written */
	uint32_t twin;		    /* the function to run instead if they do not hold; 0: none */
};

/* The call at `at` (4 bytes) goes to function `to` of the program, or to an address. */
struct jit_call_fix {
	uint32_t at, to;
	uint64_t address;
};
#define FIX_ADDRESS UINT32_MAX
#define FIX_PLACE (UINT32_MAX - 2) /* an offset in the code, `address` */
#define FIX_THUNK (UINT32_MAX - 1) /* the target's: calls what a register holds */

/* What debuggers are told of the code from `at` on; for those that ask (jit_code_buf.noting). */
enum jit_note_kind {
	NOTE_FUNC,     /* a function of the program starts, with this instruction */
	NOTE_INSN,     /* code of this instruction */
	NOTE_CFA,      /* the caller's stack pointer is so many bytes above ours */
	NOTE_SAVED,    /* register reg (in DWARF's numbers) lies so many bytes below that */
	NOTE_RESTORED, /* it is back */
	NOTE_LEAVE,    /* an epilogue starts; behind it all is as here again */
	NOTE_BACK,
};
struct jit_note {
	uint32_t at;
	uint8_t kind, reg;
	uint32_t value;
};

struct jit_code_buf {
	uint8_t *bytes;
	size_t len, room;
	uint8_t spare[32]; /* written when there is no memory */
	uint64_t lo, hi;   /* bytes[0] will run somewhere in between; 0: anywhere */
	bool failed;
	struct jit_call_fix *fixes;
	uint32_t nfixes, fixes_room;
	struct exec_guard_fix *probes;
	uint32_t nprobes, probes_room;
	bool noting;
	struct jit_note *notes; /* ascending */
	uint32_t nnotes, notes_room;
	bool harden;
	uint32_t thunk; /* where it is; 0: not yet, or not needed */
};

/*
 * fault.c: the instruction at [at, next) is a LOAD_PROBE that writes @reg (the CPU's number) and nothing else. Ascending.
 * Whoever moves code moves both offsets with it.
 */
void jit_probe(struct jit_code_buf *out, size_t at, size_t next, uint8_t reg);
/* Publishes the table of the code at @start, and takes it from @out; NULL when there are no such loads. 0 or -ENOMEM. */
struct jit_faults;
int jit_faults_new(struct jit_code_buf *out, const void *start, struct jit_faults **ret);
void jit_faults_free(struct jit_faults *faults);

void jit_note_write(struct jit_code_buf *out, enum jit_note_kind kind, uint8_t reg, uint32_t value);
/* note.c: at the end of what was written */
static inline void jit_note(struct jit_code_buf *out, enum jit_note_kind kind, uint8_t reg,
			    uint32_t value)
{
	if (out->noting)
		jit_note_write(out, kind, reg, value);
}

struct jit_target {
	const char *name;
	uint32_t registers;    /* that may be given */
	uint32_t caller_saved; /* of those */
	uint8_t args[6], result;
	const uint8_t *order; /* preference; registers that cost a save come last */
	uint32_t (*features)(void);
	/*
	 * Asked of instructions that ir.def marks FIXED: registers that the instruction destroys while it reads its
	 * operands.
	 */
	uint32_t (*clobbers)(const struct jit_alloc *a, const struct ir_ins *in);
	/* Asked of the same: a register in which operand (0, 1) or result (-1) is best: NO_REG: no matter. */
	uint8_t (*prefers)(const struct ir_ins *in, int operand);
	/* Appends the function's code. */
	void (*emit)(const struct jit_alloc *a, struct jit_code_buf *out);
	/* Makes the call at fix.at go to the address @to, when the buffer's bytes are to lie at @start. */
	void (*link)(struct jit_code_buf *out, uint32_t at, uint64_t start, uint64_t to);
	uint8_t fill; /* between functions: does not run */
	/* Appends what FIX_THUNK calls go through. NULL: the target does not harden. */
	void (*thunk)(struct jit_code_buf *out);
	bool checks;	/* it has a form of IR_CHECK and those after it */
	bool tails;	/* and of a CALL that is a tail call */
	bool inside;	/* it takes operands in memory, inside.c */
	uint32_t swaps; /* the feature with which those of a BSWAP may be there */
};

extern const struct jit_target jit_x86_64, jit_arm64;

/* guards.c: drops checks of the entry function for what it gives back; false: it leaves them. */
bool jit_guards(struct ir_fn *f, struct jit_guard ret[2]);
/* A PHI that starts at a constant, grows by a constant on each way back, and never exceeds one. */
struct jit_count {
	int64_t from, most, step;
	uint32_t next; /* what comes back: the sum */
};
bool jit_counter(const struct ir_fn *f, uint32_t phi, struct jit_count *ret);
/* charges.c: charges of loops go behind them, once the function is rebuilt; false: there are none such. */
bool jit_put_off(struct ir_fn *f, struct arena *arena);
/*
 * jump_table.c: the tree of comparisons that starts with the branch of block @root, as a table: value `first` + i leads to
 * to[i], others to `other`; blocks inner[] are not needed then. @forward: by block, where jumps to it end up. False:
 * there is none, or it is too small.
 */
#define JIT_TABLE_NODES 7
struct jit_table {
	uint32_t root, value, n, *to, other, *inner, ninner;
	uint64_t first;
	uint8_t w;    /* of the comparisons */
	bool all;     /* there are no others */
	uint32_t fix; /* the back end's */
};
bool jit_table(const struct jit_alloc *a, const uint32_t *forward, uint32_t root,
	       struct jit_table *ret);
/* inside.c */
void jit_inside(struct jit_alloc *a, bool swaps);
/* layout.c: splits edges, orders blocks, folds addresses. */
int jit_layout(struct jit_alloc *a);
/* live.c */
int jit_live(struct jit_alloc *a);
/* What a slot for each value would cost for its length: uses, by the loops around. False: no memory. */
bool jit_weigh(struct jit_alloc *a);
/* regalloc.c */
int jit_registers(struct jit_alloc *a);

uint32_t jit_list(const struct ir_fn *f, const struct ir_ins *in, uint32_t ret[8]);
/* Operands of a value's instruction (not of a PHI): at most 8 names in ret. */
static inline uint32_t jit_operands(const struct ir_fn *f, const struct ir_ins *in, uint32_t ret[8])
{
	uint32_t n = ir_operands[in->op], flags = ir_flags[in->op];

	if (flags & IR_IS_LIST)
		return jit_list(f, in, ret);
	ret[0] = in->a;
	ret[1] = in->b;
	ret[n] = in->c;
	return n + (flags & IR_IS_THIRD && in->c);
}
/* Operands are where the instruction says, and end with it. */
static inline bool jit_is_simple(const struct ir_ins *in)
{
	return !(ir_flags[in->op] & (IR_IS_LIST | IR_HAS_LATE));
}
/* Has the value a place? Constants and undefined ones have none. */
static inline bool jit_placed(const struct ir_fn *f, uint32_t v)
{
	return f->ins[v].op > IR_CONST;
}
_Static_assert(IR_NOP < IR_CONST && IR_UNDEF < IR_CONST && IR_CONST < IR_ARG && IR_ARG < IR_PHI,
	       "those without a place come first, then those that start with their block");
static inline bool jit_has_result(const struct ir_ins *in)
{
	return !(ir_flags[in->op] & IR_IS_VOID) && (in->op != IR_ATOMIC || in->y >= RMW_FETCH_ADD);
}
/* dump.c; @a may be NULL */
void jit_dump(const struct ir_fn *f, const struct jit_alloc *a, struct buf *out);

#endif
