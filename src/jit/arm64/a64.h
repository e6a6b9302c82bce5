/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arm64 back end. x15 to x17 are its scratch registers: addresses are made in x16 (an index in x17), stored values
 * and the addresses of far slots in x15. x18 is the system's and never touched. Register 31 is ZR or SP, as the
 * instruction has it.
 */
#ifndef JIT_ARM64_A64_H
#define JIT_ARM64_A64_H

#include "jit/alloc.h"

enum a64_reg {
	X0,
	X1,
	X2,
	X3,
	X4,
	X5,
	X6,
	X7,
	X8,
	X9,
	X10,
	X11,
	X12,
	X13,
	X14,
	X15,
	X16,
	X17,
	X18,
	X19,
	X20,
	X21,
	X22,
	X23,
	X24,
	X25,
	X26,
	X27,
	X28,
	X29,
	X30,
	XZR,
	XSP = XZR,
};
#define NO_INDEX 0xff

enum a64_feature {
	A64_LSE = 1, /* atomic instructions (Armv8.1) */
};

/* The register forms; those with an immediate are made from them. */
enum a64_alu {
	A64_AND = 0x0a000000,
	A64_BIC = 0x0a200000,
	A64_ORR = 0x2a000000,
	A64_ORN = 0x2a200000,
	A64_EOR = 0x4a000000,
	A64_TST = 0x6a000000, /* ANDS */
	A64_ADD = 0x0b000000,
	A64_CMN = 0x2b000000, /* ADDS */
	A64_SUB = 0x4b000000,
	A64_CMP = 0x6b000000, /* SUBS */
};

enum a64_pair { /* of two registers */
		A64_UDIV = 0x1ac00800,
		A64_SDIV = 0x1ac00c00,
		A64_LSLV = 0x1ac02000,
		A64_LSRV = 0x1ac02400,
		A64_ASRV = 0x1ac02800,
};

enum a64_cond {
	A64_EQ,
	A64_NE,
	A64_HS,
	A64_LO,
	A64_HI = 8,
	A64_LS,
	A64_GE,
	A64_LT,
	A64_GT,
	A64_LE,
};

enum a64_select { /* if the condition does not hold: b, b + 1, ~b */
		  A64_CSEL = 0x1a800000,
		  A64_CSINC = 0x1a800400,
		  A64_CSINV = 0x5a800000,
};

enum a64_move {
	A64_MOVN = 0x12800000,
	A64_MOVZ = 0x52800000,
	A64_MOVK = 0x72800000,
};

enum a64_rmw { /* of LSE, with acquire and release */
	       A64_LDADD = 0x38e00000,
	       A64_LDCLR = 0x38e01000,
	       A64_LDEOR = 0x38e02000,
	       A64_LDSET = 0x38e03000,
	       A64_SWP = 0x38e08000,
	       A64_ORDERED = 0x00c00000, /* without these bits nothing is ordered */
};

/* [base + disp], or [base + (index << scale)] with scale 0 or the access's */
struct a64_mem {
	uint8_t base, index, scale;
	int32_t disp;
};

/* imm.c: which constants instructions hold. @w: 64 bits, else 32 */
bool a64_bitmask(int w, uint64_t value, uint32_t *ret); /* of a logical instruction */
bool a64_is_arith(int w, uint64_t value,
		  bool *ret_minus);	    /* of ADD, SUB, CMP, or of the opposite */
bool a64_is_offset(int64_t disp, int size); /* of a load or store */
/* rd = value, in one to four instructions */
void a64_mov_imm(struct jit_code_buf *out, int rd, uint64_t value);

/* encode.c: one instruction each */
void a64_word(struct jit_code_buf *out, uint32_t word);
void a64_alu(struct jit_code_buf *out, int w, enum a64_alu op, int rd, int rn, int rm, int lsl);
/* @value as a64_is_arith() and a64_bitmask() allow */
void a64_arith_imm(struct jit_code_buf *out, int w, enum a64_alu op, int rd, int rn,
		   uint64_t value);
void a64_logic_imm(struct jit_code_buf *out, int w, enum a64_alu op, int rd, int rn, uint32_t mask);
void a64_move_wide(struct jit_code_buf *out, int w, enum a64_move op, int rd, uint32_t imm,
		   int half);
void a64_mov(struct jit_code_buf *out, int w, int rd, int rm);
void a64_pair_op(struct jit_code_buf *out, int w, enum a64_pair op, int rd, int rn, int rm);
void a64_madd(struct jit_code_buf *out, int w, int rd, int rn, int rm, int ra);
void a64_msub(struct jit_code_buf *out, int w, int rd, int rn, int rm, int ra);
void a64_umulh(struct jit_code_buf *out, int rd, int rn, int rm);
void a64_umull(struct jit_code_buf *out, int rd, int rn, int rm);
/* Bits [lo, lo + width) to the bottom, zero-extended or sign-extended. */
void a64_extract(struct jit_code_buf *out, int w, bool sign, int rd, int rn, int lo, int width);
void a64_lsl(struct jit_code_buf *out, int w, int rd, int rn, int count);
void a64_ror(struct jit_code_buf *out, int w, int rd, int rn, int count);
void a64_rev(struct jit_code_buf *out, int w, int rd, int rn);
void a64_rev16(struct jit_code_buf *out, int rd, int rn);
void a64_select(struct jit_code_buf *out, int w, enum a64_select op, int rd, int rn, int rm,
		enum a64_cond cc);
/* @size: bytes; a signed load extends to 64 bits */
void a64_load(struct jit_code_buf *out, int rt, struct a64_mem m, int size, bool sign);
void a64_store(struct jit_code_buf *out, int rt, struct a64_mem m, int size);
/* v0 takes 4, 8 or 16 bytes from [rn]; rd is the sum of them. */
void a64_vector_load(struct jit_code_buf *out, int rn, int size);
void a64_vector_sum(struct jit_code_buf *out, int size);
void a64_vector_get(struct jit_code_buf *out, int rd);
void a64_acquire(struct jit_code_buf *out, int rt, int rn, int size); /* ldar */
void a64_release(struct jit_code_buf *out, int rt, int rn, int size); /* stlr */
void a64_exclusive_load(struct jit_code_buf *out, int rt, int rn, int size, bool ordered);
void a64_exclusive_store(struct jit_code_buf *out, int status, int rt, int rn, int size,
			 bool ordered);
void a64_rmw(struct jit_code_buf *out, uint32_t op, int rs, int rt, int rn, int size);
void a64_cas(struct jit_code_buf *out, int rs, int rt, int rn, int size);
void a64_barrier(struct jit_code_buf *out); /* dmb ish */
/* Pairs, and one register, of 64 bits; @pre: sp -= the size first, or += it afterwards */
void a64_stp(struct jit_code_buf *out, int rt, int rt2, int off, bool pre);
void a64_ldp(struct jit_code_buf *out, int rt, int rt2, int off, bool post);
void a64_push(struct jit_code_buf *out, int rt, int size);
void a64_pop(struct jit_code_buf *out, int rt, int size);
/* Distances in bytes from the instruction itself. */
void a64_b(struct jit_code_buf *out, int32_t delta);
void a64_bl(struct jit_code_buf *out, int32_t delta);
void a64_b_cond(struct jit_code_buf *out, enum a64_cond cc, int32_t delta);
void a64_cb(struct jit_code_buf *out, int w, bool nonzero, int rt, int32_t delta);
void a64_tb(struct jit_code_buf *out, bool set, int rt, int bit, int32_t delta);
void a64_blr(struct jit_code_buf *out, int rn);
void a64_br(struct jit_code_buf *out, int rn);
void a64_ret(struct jit_code_buf *out);
void a64_adrp(struct jit_code_buf *out, int rd, int32_t pages);
/* Changes where the instruction at @at goes: B, BL, B.cond, CBZ, TBZ. False: it does not reach. */
bool a64_patch(struct jit_code_buf *out, uint32_t at, int64_t delta);

/* When a branch is taken. */
struct a64_test {
	enum { TEST_ALWAYS, TEST_COND, TEST_ZERO, TEST_BIT } kind;
	uint8_t cc; /* COND: enum a64_cond */
	bool set;   /* ZERO: if not zero; BIT: if set */
	uint8_t reg, bit, w;
};

struct a64_jump {
	uint32_t at, block;
	uint8_t kind; /* of its test */
	bool is_long; /* the short form would not reach */
};

/* Where checked code leaves its path, and where it comes back. */
struct a64_slow {
	uint32_t at, back, value;
};

/* A function being written. */
struct a64_emit {
	const struct jit_alloc *a;
	const struct ir_fn *f;
	struct jit_code_buf *out;
	uint32_t *offset;  /* of blocks */
	uint32_t *forward; /* where a jump to the block ends up */
	struct a64_jump *jumps;
	struct a64_slow *slow;
	uint32_t nslow, slow_room;
	uint32_t njumps;
	uint32_t next; /* block that follows in the code */
	uint8_t saved[12];
	uint32_t nsaved, frame, merged,
		slots;	/* bytes: below the saved registers, with them; where slots start */
	bool second;	/* pass */
	bool slow_long; /* ways out of line are far */
};

/* emit.c */
void a64_epilogue(struct a64_emit *e);

/* place.c: where values are */
bool a64_is_const(const struct a64_emit *e, uint32_t v, uint64_t *ret);
int a64_reg_of(const struct a64_emit *e, uint32_t v); /* -1: in no register */
/* The register that holds @v, @scratch loaded with it if none does; the second one gives ZR for 0. */
int a64_use(struct a64_emit *e, uint32_t v, int scratch);
int a64_use_zero(struct a64_emit *e, uint32_t v, int scratch);
/* Register to compute @v in, and the end of that. */
int a64_target(const struct a64_emit *e, uint32_t v);
void a64_finish(struct a64_emit *e, uint32_t v, int reg);
/* reg = v */
void a64_copy(struct a64_emit *e, int reg, uint32_t v);
/* Number @slot, from 1 on. */
void a64_load_slot(struct a64_emit *e, int reg, uint32_t slot, int size, bool sign);
void a64_store_slot(struct a64_emit *e, uint32_t slot, int reg);
/* rd = rn + value */
void a64_add_const(struct jit_code_buf *out, int w, int rd, int rn, uint64_t value, int scratch);

/* moves.c: moves that happen at once */
void a64_arguments(struct a64_emit *e);
void a64_edge(struct a64_emit *e, uint32_t block);
bool a64_edge_is_empty(const struct a64_emit *e, uint32_t block);
void a64_call_moves(struct a64_emit *e, const struct ir_ins *in);
void a64_results(struct a64_emit *e, uint32_t v);

/* ops.c, mem.c, atomic.c, a64_flow.c */
void a64_value(struct a64_emit *e, uint32_t v);
void a64_memory(struct a64_emit *e, uint32_t v);
int a64_pointer(struct a64_emit *e, const struct ir_ins *in); /* the address, in one register */
void a64_atomic(struct a64_emit *e, uint32_t v);
/* Writes a comparison; the branch that goes with it, or with @flags only conditions. */
struct a64_test a64_compare(struct a64_emit *e, enum ir_cc cc, int w, uint32_t x, uint32_t y,
			    bool flags);
void a64_branch(struct jit_code_buf *out, const struct a64_test *t, bool opposite, int32_t delta);
void a64_control(struct a64_emit *e, uint32_t v, uint32_t block);
void a64_call(struct a64_emit *e, uint32_t v);
void a64_link(struct jit_code_buf *out, uint32_t at, uint64_t start, uint64_t to);

/* a64_check.c */
bool a64_check_init(struct a64_emit *e);
void a64_check_enter(struct a64_emit *e); /* before the prologue */
void a64_check(struct a64_emit *e, uint32_t v);
bool a64_check_end(
	struct a64_emit *e); /* after the function's code; false: a way out does not reach */

#endif
