/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86-64 back end's own contract. encode.c writes single instructions; emit.c and relax.c a function; ops.c values; x86_flow.c
 * moves, calls and branches. r10 and r11 are never given to values: r10 serves addresses and second operands,
 * r11 results and cycles of moves.
 */
#ifndef JIT_X86_64_X86_H
#define JIT_X86_64_X86_H

#include "jit/alloc.h"

enum x86_reg {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15,
};
#define NO_INDEX 0xff

enum x86_feature {
	X86_BMI2 = 1,
	X86_MOVBE = 2,
};

struct x86_mem {
	uint8_t base, index, scale; /* index NO_INDEX: none */
	int32_t disp;
};

/* Opcodes: one byte, or 0x0f00 | byte, or 0x0f3800 | byte. */
enum x86_alu { ALU_ADD, ALU_OR, ALU_AND = 4, ALU_SUB, ALU_XOR, ALU_CMP };
enum x86_shift { SHIFT_ROL, SHIFT_SHL = 4, SHIFT_SHR, SHIFT_SAR = 7 };
enum x86_xmm { XMM_XOR = 0x0fef, XMM_SUM_BYTES = 0x0ff6, XMM_ADD = 0x0ffe };
enum x86_size { SIZE_8 = 1, SIZE_16 = 2, SIZE_32 = 4, SIZE_64 = 8 };
enum x86_cond {
	COND_B = 2,
	COND_AE,
	COND_E,
	COND_NE,
	COND_BE,
	COND_A,
	COND_L = 12,
	COND_GE,
	COND_LE,
	COND_G,
};

/* encode.c; @w: 64-bit operands, else 32 */
void x86_byte(struct jit_code_buf *out, uint8_t b);
void x86_u32(struct jit_code_buf *out, uint32_t v);
void x86_bytes(struct jit_code_buf *out, const char *bytes, size_t n);
void x86_rr(struct jit_code_buf *out, int w, uint32_t opcode, int reg, int rm);
void x86_rm(struct jit_code_buf *out, int w, uint32_t opcode, int reg, struct x86_mem m);
void x86_mov(struct jit_code_buf *out, int w, int dst, int src);
void x86_mov_imm(struct jit_code_buf *out, int dst, uint64_t imm);
void x86_load(struct jit_code_buf *out, int dst, struct x86_mem m, int size, bool sign);
void x86_store(struct jit_code_buf *out, struct x86_mem m, int src, int size);
void x86_store_imm(struct jit_code_buf *out, struct x86_mem m, int32_t imm, int size);
void x86_alu_rr(struct jit_code_buf *out, int w, enum x86_alu op, int dst, int src);
void x86_alu_rm(struct jit_code_buf *out, int w, enum x86_alu op, int dst, struct x86_mem m);
void x86_alu_mr(struct jit_code_buf *out, int w, enum x86_alu op, struct x86_mem m, int src);
void x86_alu_ri(struct jit_code_buf *out, int w, enum x86_alu op, int dst, int32_t imm);
void x86_alu_mi(struct jit_code_buf *out, int w, enum x86_alu op, struct x86_mem m, int32_t imm);
void x86_test_rr(struct jit_code_buf *out, int w, int a, int b);
void x86_test_ri(struct jit_code_buf *out, int w, int a, int32_t imm);
/* Operations on @size bytes of memory */
void x86_op_mr(struct jit_code_buf *out, enum x86_alu op, struct x86_mem m, int src, int size);
void x86_op_mi(struct jit_code_buf *out, enum x86_alu op, struct x86_mem m, int32_t imm, int size);
void x86_test_mi8(struct jit_code_buf *out, struct x86_mem m, uint8_t imm);
void x86_movbe_load(struct jit_code_buf *out, int w, int dst, struct x86_mem m);
void x86_movbe_store(struct jit_code_buf *out, int w, struct x86_mem m, int src);
void x86_lea(struct jit_code_buf *out, int w, int dst, struct x86_mem m);
void x86_shift_i(struct jit_code_buf *out, int w, enum x86_shift op, int dst, int count);
void x86_shift_cl(struct jit_code_buf *out, int w, enum x86_shift op, int dst);
void x86_shift_v(struct jit_code_buf *out, int w, enum x86_shift op, int dst, int src,
		 int count);						     /* BMI2 */
void x86_rorx(struct jit_code_buf *out, int w, int dst, int src, int count); /* BMI2 */
void x86_imul_rr(struct jit_code_buf *out, int w, int dst, int src);
void x86_imul_i(struct jit_code_buf *out, int w, int dst, int src, int32_t imm);
void x86_group3(struct jit_code_buf *out, int w, int ext, int rm); /* 3 neg, 4 mul, 6 div, 7 idiv */
void x86_bswap(struct jit_code_buf *out, int w, int reg);
void x86_rol16(struct jit_code_buf *out, int reg, int count);
void x86_extend(struct jit_code_buf *out, int w, int dst, int src, int size, bool sign);
void x86_cdq(struct jit_code_buf *out, int w);
void x86_cmov(struct jit_code_buf *out, int w, enum x86_cond cc, int dst, int src);
void x86_xadd(struct jit_code_buf *out, int w, struct x86_mem m, int src); /* lock */
void x86_xchg(struct jit_code_buf *out, int w, struct x86_mem m, int src);
void x86_cmpxchg(struct jit_code_buf *out, int w, struct x86_mem m, int src); /* lock */
void x86_lock(struct jit_code_buf *out);
/* xmm registers: 4, 8 or 16 bytes into one, an operation of two, the upper half of one into another one, 4 bytes out */
void x86_xmm_load(struct jit_code_buf *out, int xmm, struct x86_mem m, int size);
void x86_xmm(struct jit_code_buf *out, enum x86_xmm op, int dst, int src);
void x86_xmm_upper(struct jit_code_buf *out, int dst, int src);
void x86_xmm_get(struct jit_code_buf *out, int dst, int xmm);
void x86_push(struct jit_code_buf *out, int reg);
void x86_pop(struct jit_code_buf *out, int reg);
void x86_nop(struct jit_code_buf *out, uint32_t n); /* n < 16 bytes */
void x86_nop_at(uint8_t *p, uint32_t n);
void x86_skip(struct jit_code_buf *out, uint32_t n); /* room for n < 16 bytes */
void x86_ret(struct jit_code_buf *out);
void x86_call_reg(struct jit_code_buf *out, int reg);
/* Short jumps inside one value's code: the place to give to x86_here(). */
uint32_t x86_jcc8(struct jit_code_buf *out, enum x86_cond cc);
uint32_t x86_jmp8(struct jit_code_buf *out);
void x86_here(struct jit_code_buf *out, uint32_t jump);

/* Where checked code leaves its path, and where it comes back. */
struct x86_slow {
	uint32_t at, back, value;
};

/* A function being written. */
#define LOOP_ALIGN 16
/* Calls closer together than this end at a multiple of it: each return then enters a fetch window of its own, at its start */
#define CALL_ALIGN 32
#define CALL_LOOPS 64 /* with the bytes of a call: aligned if half of that is enough */

/* Bytes [at - room, at) that a jump to a block takes, or padding (NO_BLOCK; cc: bytes behind it that are to end aligned, 0: it is itself). */
struct x86_gap {
	uint32_t at, block, saved;
	uint8_t room;
	int8_t cc; /* negative: always */
	bool is_short;
};

struct x86_emit {
	const struct jit_alloc *a;
	const struct ir_fn *f;
	struct jit_code_buf *out;
	uint32_t *offset, *first_gap; /* of blocks: place, and how many gaps lie before it */
	uint32_t *forward;	      /* where a jump to the block ends up */
	bool *heads;		      /* blocks that start a loop */
	struct x86_gap *gaps;
	uint32_t ngaps;
	uint32_t next; /* block that follows in the code */
	uint32_t frame;
	uint32_t block;	     /* that is written */
	uint32_t after_call; /* end of the last one in this block; 0: none yet */
	struct jit_table *tables;
	uint32_t ntables;
	struct x86_slow *slow;
	uint32_t nslow, slow_room;
};

/* emit.c: where values are */
static inline bool x86_is_const(const struct x86_emit *e, uint32_t v, uint64_t *ret)
{
	const struct ir_ins *in = &e->f->ins[v];

	*ret = in->op == IR_CONST ? in->imm : 0;
	return in->op == IR_CONST || in->op == IR_UNDEF || in->op == IR_NOP;
}
/* as an immediate of 32 bits */
static inline bool x86_fits(uint64_t imm, int w)
{
	return !w || imm == (uint64_t)(int64_t)(int32_t)imm;
}
_Static_assert((int8_t)NO_REG == -1, "as x86_reg_of() says");
/* -1: in no register */
static inline int x86_reg_of(const struct x86_emit *e, uint32_t v)
{
	return (int8_t)e->a->reg[v];
}
/* the upper half is known to be 0 */
static inline bool x86_is_small(const struct x86_emit *e, uint32_t v)
{
	return e->f->zero[v] >> 32 == UINT32_MAX;
}
/* Where a value lies that is in no register: its slot, or it is an operand in memory. May take r10. */
struct x86_mem x86_slot_of(struct x86_emit *e, uint32_t v);
/* An operand in memory whose address needs this register? */
bool x86_addresses(const struct x86_emit *e, uint32_t v, int reg);
/* The register that holds @v, @scratch loaded with it if none does. */
int x86_use(struct x86_emit *e, uint32_t v, int scratch);
/* Register to compute @v in, and the end of that. */
int x86_target(const struct x86_emit *e, uint32_t v);
void x86_finish(struct x86_emit *e, uint32_t v, int reg);
/* reg = v */
void x86_copy(struct x86_emit *e, int reg, uint32_t v);

/* relax.c: chooses the form of each jump, and moves the code together. Takes the function's start and first call. */
void x86_gap(struct x86_emit *e, int cc, uint32_t block, uint32_t room);
/* Records of places in the code: how many were before the function's. */
struct x86_records {
	uint32_t fix, probe, note, slow;
};
void x86_relax(struct x86_emit *e, size_t start, struct x86_records first);

/* ops.c */
extern void (*const x86_values[IR_COUNT])(struct x86_emit *, uint32_t); /* by operation */
/* mem.c; the address of a load or store, or an operand in memory: what is in no register goes through r10 */
struct x86_mem x86_address(struct x86_emit *e, const struct ir_ins *in, bool indexed);
void x86_memory(struct x86_emit *e, uint32_t v);
/* x86_check.c */
bool x86_check_init(struct x86_emit *e);
void x86_check_enter(struct x86_emit *e); /* before the prologue */
void x86_check(struct x86_emit *e, uint32_t v);
void x86_check_end(struct x86_emit *e); /* after the function's code */
/* x86_table.c: which trees of comparisons become tables; the jump at the end of such a block, false: it has none; behind the code */
void x86_find_tables(struct x86_emit *e);
bool x86_jump_table(struct x86_emit *e, uint32_t block);
void x86_write_tables(struct x86_emit *e);
/* x86_tail.c: a tail call; falls through with the helper's result in rax */
void x86_tail_call(struct x86_emit *e, const struct ir_ins *call);
/* x86_flow.c */
/* Arguments of a call, those with a bit in @which, to where they belong; and what it calls to rax. */
void x86_pass(struct x86_emit *e, const struct ir_ins *call, uint32_t which);
void x86_call_helper(struct x86_emit *e, uint64_t fn);
/* Bytes from the stack pointer to the caller's. */
uint32_t x86_cfa(const struct x86_emit *e);
/* An instruction that ends with the distance to what is known when the code has its place. */
void x86_fix_later(struct x86_emit *e, uint8_t opcode, uint32_t to, uint64_t address);
void x86_compare(struct x86_emit *e, enum ir_cc cc, int w, uint32_t x, uint32_t y,
		 enum x86_cond *ret);
void x86_control(struct x86_emit *e, uint32_t v, uint32_t block);
void x86_call(struct x86_emit *e, uint32_t v);
/* Calls what rax holds, or jumps there: hardened if that is asked for. */
void x86_through_rax(struct x86_emit *e, bool call);
void x86_arguments(struct x86_emit *e);
bool x86_edge_is_empty(const struct x86_emit *e, uint32_t block);
void x86_leave(struct x86_emit *e); /* all of an epilogue but its return */
void x86_epilogue(struct x86_emit *e);

#endif
