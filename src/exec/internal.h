/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of exec/ share: programs as the dispatch loop reads them, frames, and faults.
 *
 * The stack of a run is ISA_MAX_FRAMES frames of ISA_STACK_SIZE bytes, FRAME_STRIDE apart. What lies
 * between them is never accessible, so running over either end of a frame is caught.
 */
#ifndef EXEC_INTERNAL_H
#define EXEC_INTERNAL_H

#include "base/arena.h"
#include "base/num.h"
#include "exec/view.h"

#define ERR(name, id, code, problem) \
	static const struct err_def ERR_##name __attribute__((unused)) = { id, code, problem };
#include "exec/errors.def"
#undef ERR

#define MAX_INSNS 1000000 /* the kernel's limit for one program */
#define FRAME_STRIDE EXEC_FRAME_STRIDE
#define STACK_BYTES (ISA_MAX_FRAMES * FRAME_STRIDE)
_Static_assert(FRAME_STRIDE >= 2 * ISA_STACK_SIZE, "a gap as large as a frame");

/* What r1 to r5 hold after a helper call: a value that is no address and easy to recognise. */
#define SCRUBBED 0xbad0c0debad0c0deull

/*
 * One decoded instruction. Indexes are those of the instructions: the second slot of a wide one is a
 * filler. `code` is an enum isa_op or an enum exec_code; `off` the distance of a jump from the next
 * one, else the offset of an access; `imm` the operand, sign-extended, or a wide load's value, or an
 * index into calls[].
 */
struct exec_op {
	uint16_t code;
	uint8_t dst, src;
	int32_t off;
	uint64_t imm;
};
_Static_assert(sizeof(struct exec_op) == 16, "four to a cache line");

/* Ops beyond those of the instruction set. */
enum exec_code {
	OP_HELPER = ISA_COUNT, /* a helper whose arguments need checks */
	OP_HELPER_PLAIN,       /* a helper without such arguments */
	OP_CUSTOM,	       /* a helper of an embedder */
	OP_CUSTOM_CHECKED,     /* one whose arguments need checks */
	OP_TAIL_CALL,
	OP_POISON,  /* imm: index into poisons */
	OP_REFUSED, /* dead code that this engine could not run */
	OP_PROBE,   /* a load from an address that may be bad; imm: the enum isa_op */
	OP_COUNT,
};

struct exec_prog {
	struct arena arena;
	const char *object, *name;
	struct exec_op *ops;
	struct skep_insn *insns; /* as given, for messages */
	uint8_t *marks;		 /* enum exec_mark of each instruction */
	uint32_t n;
	int prog_type;
	bool scrub;    /* helper calls destroy r1 to r5 */
	bool stack;    /* an instruction uses r10 */
	uint8_t needs; /* enum helper_need: what compiled code reads of the run */
	bool has_arena;
	uint64_t arena_base;
	uint32_t *func; /* start of the function that holds the instruction; NULL: no indirect jumps */
	size_t nkfuncs;
	struct spec_helper *kfunc_rows; /* by index: what calls of them check, which is nothing */
	struct exec_call *calls;
	uint32_t ncalls;
	struct exec_custom *customs;
	struct spec_helper *custom_rows; /* of each: its arguments; no name: it has none to check */
	size_t ncustoms;
	void *custom_ctx;
	const exec_helper_fn *helpers; /* for calls through a register */
	size_t nhelpers;
	struct exec_line *lines;
	size_t nlines;
	struct exec_poison *poisons;
	size_t npoisons;
	void *space;
	const struct exec_space_ops *space_ops;
	uint32_t exception; /* 1 + an instruction; 0: none */
	void *owner;
};

enum exec_mark {
	MARK_FILLER = 1, /* second slot of a wide instruction */
	MARK_FUNC = 2,	 /* a function starts here */
	MARK_JUMP = 4,	 /* a jump lands here */
	MARK_REACHED = 8,
	MARK_TABLE = 16, /* stands in a jump table */
	MARK_SPREAD =
		32, /* reach.c: the jump tables of the function that starts here were followed */
};

/* What a call saves; frames[d] belongs to the call from depth d to d + 1. */
struct exec_frame {
	const struct exec_prog *prog;
	const struct exec_op *ret;
	uint64_t saved[4]; /* r6 to r9 */
};

/* A load from memory that no one may write any more is a constant; reach.c. */
bool load_constant(const struct exec_prog *prog, enum isa_op op, uint64_t addr, uint64_t *ret);
/* Marks what can be reached when branches on constants are decided; see reach.c. */
int reach(struct exec_prog *prog, struct skep_error **reterr);

/* frames.c: samples of the host what @prog needs. */
void sample(const struct exec_prog *prog, struct exec_run *run);

/* interp.c: runs from @entry in the frame run->depth. 0, or -errno with run->fault set. */
int interp(struct exec_run *run, const struct exec_op *entry, const uint64_t args[5],
	   uint64_t *ret_r0);
/* view.c: the same from compiled code, on the stack from @frame on; 0 after a fault. Changes run->native and ->depth. */
uint64_t interpret_at(struct exec_run *run, const struct exec_op *entry, const uint64_t args[5],
		      uint32_t frame);

/* access.c: what the fast paths of the loop do not decide. False: run->fault is set. */
bool access_load(struct exec_run *run, uint64_t addr, uint32_t size, uint64_t *ret);
bool access_store(struct exec_run *run, uint64_t addr, uint32_t size, uint64_t value);
/* The memory of an atomic access of @size bytes, or NULL with the fault set. */
void *access_atomic(struct exec_run *run, uint64_t addr, uint32_t size, bool write);
/* The load @op of any address; 0 from a bad one. */
uint64_t access_probe(enum isa_op op, uint64_t addr);
/* LD_ABS and LD_IND; false: outside the packet. */
bool access_packet(const struct exec_run *run, int32_t off, uint32_t size, uint64_t *ret);
/* The region that holds @addr: the run's, a live stack frame, or a map value. */
bool access_find(const struct exec_run *run, uint64_t addr, struct exec_region *ret);
void access_forget(struct exec_run *run);
void access_close(struct exec_run *run);

/* guard_copy.c: what faults, and where a fault at @pc goes on. */
int guard_copy(void *dst, const void *src, size_t n);
int64_t guard_str(char *dst, const void *src, size_t n);
bool guard_find(uintptr_t pc, uintptr_t *ret_next);

/* call_check.c: the arguments r1 to r5 against the helper's row. False: run->fault is set. */
bool call_check(struct exec_run *run, const struct exec_call *call, const uint64_t *r);

/* frames.c: the program to go on with after a tail call, or NULL and the helper's return value. */
const struct exec_prog *tail_target(struct exec_run *run, const uint64_t *r, uint64_t *ret_r0);
/* The embedder's helper of this id, or NULL with the fault set. */
const struct exec_custom *custom_find(struct exec_run *run, uint64_t id);
/* callx: calls the helper of this id, r[1] to r[5] its arguments, r[0] its result. False: run->fault is set. */
bool call_by_id(struct exec_run *run, uint64_t id, uint64_t *r);
/* First argument of an embedder's helper. */
static inline void *custom_self(struct exec_run *run)
{
	return run->prog->custom_ctx ? run->prog->custom_ctx : run;
}
/* The instruction that the value of a jump table means for the jump at @insn; -1: none, and the fault is set. */
int64_t table_target(struct exec_run *run, uint32_t insn, uint64_t value);
bool func_is_valid(const struct exec_prog *prog, uint64_t func);

/* trap.c: faults at run->insn of run->prog. The first fault of a run is kept. */
struct skep_place trap_place(const struct exec_prog *prog, uint32_t insn);
void trap(struct exec_run *run, const struct err_def *def, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* @what: "read", "write", "atomic access". */
void trap_access(struct exec_run *run, const char *what, uint64_t addr, uint64_t size);
/* "offset 16 of map value 'counts' (16 bytes)", "address 0x10"; for messages. */
void trap_where(const struct exec_run *run, uint64_t addr, char *buf, size_t size);
/* An instruction that this engine does not run. */
void trap_refused(struct exec_run *run);
void trap_stopped(struct exec_run *run);
void trap_budget(struct exec_run *run);
/* Why this engine does not run the op in this program; NULL: it does. */
const char *refused_reason(const struct exec_prog *prog, enum isa_op op);
void trap_field(struct exec_run *run, const struct exec_region *reg, const char *what, uint32_t off,
		uint32_t size);

#endif
