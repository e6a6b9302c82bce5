/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of the instruction set. isa.def declares every instruction variant (RFC 9669 and what the
 * kernel has since); everything here is made from it. Ops are enum isa_op, ISA_<ID>; a wide
 * instruction is one op of two slots.
 */
#ifndef ISA_ISA_H
#define ISA_ISA_H

#include <stdbool.h>

#include "base/buf.h"
#include "skep/insn.h"

enum isa_op {
	ISA_INVALID,
#define INSN(id, ...) ISA_##id,
#include "isa/isa.def"
#undef INSN
	ISA_COUNT,
};

/* Register numbers and facts of RFC 9669, section 2 and the kernel's calling convention. */
#define ISA_REGS 11
#define ISA_REG_FP 10
#define ISA_STACK_SIZE 512
#define ISA_MAX_FRAMES 8
#define ISA_MAX_TAIL_CALLS 33

/* Values of src in a wide load (RFC 9669 section 5.4; linux/bpf.h BPF_PSEUDO_*). */
enum isa_pseudo {
	ISA_PSEUDO_IMM = 0,
	ISA_PSEUDO_MAP_FD = 1,
	ISA_PSEUDO_MAP_VALUE = 2,
	ISA_PSEUDO_BTF_ID = 3,
	ISA_PSEUDO_FUNC = 4,
	ISA_PSEUDO_MAP_IDX = 5,
	ISA_PSEUDO_MAP_IDX_VALUE = 6,
};

/* Conformance groups of RFC 9669 section 2.4, and what came after. */
enum isa_group {
	ISA_GROUP_BASE32,
	ISA_GROUP_BASE64,
	ISA_GROUP_DIVMUL32,
	ISA_GROUP_DIVMUL64,
	ISA_GROUP_ATOMIC32,
	ISA_GROUP_ATOMIC64,
	ISA_GROUP_PACKET,
	ISA_GROUP_CALLX,
	ISA_GROUP_LINUX, /* not in the RFC */
};

/* What an instruction does: the families that readers of isa.def tell apart. */
enum isa_kind {
	ISA_KIND_NONE, /* of ISA_INVALID */
	ISA_KIND_ALU,
	ISA_KIND_CAST,	   /* between address spaces */
	ISA_KIND_JUMP,	   /* unconditional, or decided by the machine (may_goto) */
	ISA_KIND_JUMP_REG, /* to the address in a register */
	ISA_KIND_BRANCH,   /* conditional on operands */
	ISA_KIND_CALL,
	ISA_KIND_EXIT,
	ISA_KIND_LOAD,	    /* memory to register, also load-acquire */
	ISA_KIND_STORE,	    /* also store-release */
	ISA_KIND_ATOMIC,    /* read-modify-write */
	ISA_KIND_WIDE_LOAD, /* two slots */
	ISA_KIND_PACKET,    /* legacy packet access */
};

/* Sets of operands, for isa_reads() and isa_writes(). ARGS are r1-r5, CALLER r0-r5. */
enum isa_use {
	ISA_USE_NONE = 0,
	ISA_USE_DST = 1,
	ISA_USE_SRC = 2,
	ISA_USE_R0 = 4,
	ISA_USE_R6 = 8,
	ISA_USE_ARGS = 16,
	ISA_USE_CALLER = 32,
};

/* What is asked of an op at every turn; one row of isa.def in four bytes. */
enum isa_more { ISA_MORE_WIDE = 1, ISA_MORE_JUMP = 2, ISA_MORE_IN_IMM = 4, ISA_MORE_SIZE = 240 };

struct isa_fact {
	uint8_t kind, reads, writes;
	uint8_t more; /* enum isa_more; ISA_MORE_SIZE: the size of the access, times 16 */
};

extern const struct isa_fact isa_facts[256];

static inline unsigned int insn_dst(const struct skep_insn *in)
{
	return in->regs & 15;
}

static inline unsigned int insn_src(const struct skep_insn *in)
{
	return in->regs >> 4;
}

static inline uint8_t insn_regs(unsigned int dst, unsigned int src)
{
	return (uint8_t)(dst | src << 4);
}

/* The op of in[0]; ISA_INVALID for what is not an instruction: unknown code, reserved fields not
 * zero, registers beyond r10, a write to r10, a wide one whose second slot is missing (n < 2) or bad. */
enum isa_op isa_decode(const struct skep_insn *in, size_t n);
/* What an instruction of one slot would be if its fields fitted: the op with the fewest that do not; or ISA_INVALID. */
enum isa_op isa_nearest(const struct skep_insn *in);
/* Why isa_decode() said ISA_INVALID, in a few words ("reserved field 'off' is 4, must be 0"). */
void isa_why_invalid(const struct skep_insn *in, size_t n, char *buf, size_t size);
const char *isa_name(enum isa_op op); /* "ADD64_REG" */
enum isa_group isa_group(enum isa_op op);
const char *isa_since(enum isa_op op); /* kernel version that first took it, "3.18"; or "none" */
bool isa_is_local_call(enum isa_op op);
bool isa_is_helper_call(enum isa_op op);
bool isa_is_wide_load(enum isa_op op);
bool isa_writes_dst(enum isa_op op);

static inline const struct isa_fact *isa_fact(enum isa_op op)
{
	return &isa_facts[(uint8_t)op];
}

static inline enum isa_kind isa_kind(enum isa_op op)
{
	return (enum isa_kind)isa_fact(op)->kind;
}

/* 1 or 2 */
static inline unsigned int isa_slots(enum isa_op op)
{
	return 1 + (isa_fact(op)->more & ISA_MORE_WIDE);
}

/* Has a target in this program (not call, not exit). */
static inline bool isa_is_jump(enum isa_op op)
{
	return isa_fact(op)->more & ISA_MORE_JUMP;
}

/* Target of a jump, local call or function pointer (LD_FUNC), relative to the next slot: off or imm as
 * the op says; 0 for others. */
static inline int32_t isa_jump_delta(enum isa_op op, const struct skep_insn *in)
{
	if (isa_fact(op)->more & ISA_MORE_IN_IMM)
		return in->imm;
	return isa_is_jump(op) ? in->off : 0;
}

/* enum isa_use */
static inline unsigned int isa_reads(enum isa_op op)
{
	return isa_fact(op)->reads;
}

static inline unsigned int isa_writes(enum isa_op op)
{
	return isa_fact(op)->writes;
}

/* Bytes of memory touched: 1, 2, 4, 8; 0: none. */
static inline unsigned int isa_access_size(enum isa_op op)
{
	return isa_fact(op)->more >> 4;
}

/* Text; all styles of insn.h. @names may be NULL, and so may its members: turn helper and kfunc ids, functions and
 * map references into names (kernel style only), and targets into labels (all styles). */
struct isa_names {
	const char *(*helper)(void *ctx, int32_t id);
	/* the object of a wide load's pseudo source, e.g. "map 'counts'"; NULL: unknown */
	const char *(*pseudo)(void *ctx, const struct skep_insn *in);
	/* the function that a local call or a function pointer reaches; NULL: unknown */
	const char *(*func)(void *ctx, int64_t target);
	const char *(*kfunc)(void *ctx, const struct skep_insn *in);
	/* the label at a target of a jump, call or function pointer; NULL: none, a number is printed */
	const char *(*label)(void *ctx, int64_t target);
	void *ctx;
};
/* Returns slots consumed, or -EINVAL (text is the raw bytes). @at is the instruction's index. */
int isa_print(struct buf *out, const struct skep_insn *in, size_t n, size_t at,
	      enum skep_insn_style style, const struct isa_names *names);

#endif
