// SPDX-License-Identifier: Apache-2.0
/*
 * Classic BPF to eBPF over struct skep_filter_ctx, with the kernel's semantics: A and X are 32 bits wide and
 * start at 0, a load outside the packet and a division by X = 0 return 0, shifts by X take its low five bits.
 *
 * Registers: r0 A, r6 the packet, r7 X, r8 its length, r9 the context, r1-r5 scratch; M[] is at r10-64. Invariant:
 * the upper halves of r0, r7 and r8 are 0. The first pass takes sizes, the second has all targets. A jump
 * within 16 bits is a short one; programs that are too long for it are translated once more with long jumps
 * and with a return of 0 beside each load, not one at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "isa/cbpf.h"
#include "isa/internal.h"

enum { A = 0, T1 = 1, T2 = 2, T3 = 3, T4 = 4, T5 = 5, PACKET = 6, X = 7, LEN = 8, CTX = 9 };

#define FIELD(name) ((int16_t)offsetof(struct skep_filter_ctx, name))
#define HELPER_RANDOM 7
#define NLA_HEADER 4
#define NLA_TYPE_MASK 0x3fff

struct translator {
	const struct skep_cbpf *in;
	size_t n, at;
	struct skep_insn *out; /* NULL in the first pass */
	size_t len;	       /* slots so far */
	uint32_t *start; /* of each instruction's code, [n]: the return of 0; [n + 1]: the search */
	bool far, uses_search;
	bool too_far; /* found in this pass */
};

static void emit(struct translator *t, enum isa_op op, unsigned int dst, unsigned int src, int off,
		 int64_t imm)
{
	const struct isa_shape *shape = &isa_shapes[op];

	if (off < INT16_MIN || off > INT16_MAX) {
		t->too_far = true;
		off = 0;
	}
	if (t->out)
		t->out[t->len] = (struct skep_insn){
			.code = shape->code,
			.regs = insn_regs(dst,
					  shape->field[ISA_FIELD_SRC].lo ==
							  shape->field[ISA_FIELD_SRC].hi ?
						  (unsigned int)shape->field[ISA_FIELD_SRC].lo :
						  src),
			.off = (int16_t)off,
			.imm = (int32_t)imm
		};
	t->len++;
}

/* From the next slot that is emitted to slot @target, known from the second pass on. */
static int64_t delta_to(const struct translator *t, uint32_t target)
{
	return t->out ? (int64_t)target - (int64_t)t->len - 1 : 0;
}

static void go_to(struct translator *t, uint32_t target)
{
	int64_t delta = delta_to(t, target);

	if (t->far)
		emit(t, ISA_JA32, 0, 0, 0, delta);
	else
		emit(t, ISA_JA, 0, 0, (int)delta, 0);
}

static void return_zero(struct translator *t)
{
	emit(t, ISA_MOV32_IMM, A, 0, 0, 0);
	emit(t, ISA_EXIT, 0, 0, 0, 0);
}

/* Returns 0 if @fails holds of its operands; @holds is the opposite condition. */
static void fail_if(struct translator *t, enum isa_op fails, enum isa_op holds, unsigned int dst,
		    unsigned int src, int64_t imm)
{
	if (!t->far) {
		emit(t, fails, dst, src, (int)delta_to(t, t->start[t->n]), imm);
		return;
	}
	emit(t, holds, dst, src, 2, imm);
	return_zero(t);
}

static unsigned int size_of(enum isa_op load)
{
	return isa_access_size(load);
}

/* @dst = the number at @base + @off in network order. */
static void load_number(struct translator *t, enum isa_op load, unsigned int dst, unsigned int base,
			int off)
{
	emit(t, load, dst, base, off, 0);
	if (size_of(load) == 2)
		emit(t, ISA_BE16, dst, 0, 0, 16);
	else if (size_of(load) == 4)
		emit(t, ISA_BE32, dst, 0, 0, 32);
}

/* @dst = the number at r1, an offset in the packet of 64 bits. */
static void load_at_r1(struct translator *t, enum isa_op load, unsigned int dst)
{
	emit(t, ISA_MOV64_REG, T2, T1, 0, 0);
	emit(t, ISA_ADD64_IMM, T2, 0, 0, size_of(load));
	fail_if(t, ISA_JGT64_REG, ISA_JLE64_REG, T2, LEN, 0);
	emit(t, ISA_ADD64_REG, T1, PACKET, 0, 0);
	load_number(t, load, dst, T1, 0);
}

/* @dst = the number at the constant address @k: from the start of the packet or, if negative, of a header. */
static void load_absolute(struct translator *t, enum isa_op load, unsigned int dst, int32_t k)
{
	if (k >= 0 && k <= INT32_MAX - 4) {
		fail_if(t, ISA_JLT64_IMM, ISA_JGE64_IMM, LEN, 0, k + (int32_t)size_of(load));
		if (k <= INT16_MAX) {
			load_number(t, load, dst, PACKET, k);
			return;
		}
		emit(t, ISA_MOV64_REG, T1, PACKET, 0, 0);
		emit(t, ISA_ADD64_IMM, T1, 0, 0, k);
		load_number(t, load, dst, T1, 0);
	} else if (k < 0 && k >= CBPF_NET_OFF) {
		emit(t, ISA_LDX_W, T1, CTX, FIELD(net_off), 0);
		emit(t, ISA_ADD64_IMM, T1, 0, 0, k - CBPF_NET_OFF);
		load_at_r1(t, load, dst);
	} else if (k < 0 && k >= CBPF_LL_OFF) {
		load_absolute(t, load, dst, k - CBPF_LL_OFF);
	} else {
		return_zero(t); /* no packet is that long */
	}
}

/* The same at X + @k, with a sign. */
static void load_indirect(struct translator *t, enum isa_op load, uint32_t k)
{
	emit(t, ISA_MOV32_REG, T1, X, 0, 0);
	emit(t, ISA_ADD32_IMM, T1, 0, 0, (int32_t)k);
	emit(t, ISA_JSGE32_IMM, T1, 0, t->far ? 9 : 7, 0);
	fail_if(t, ISA_JSLT32_IMM, ISA_JSGE32_IMM, T1, 0, CBPF_LL_OFF);
	emit(t, ISA_JSLT32_IMM, T1, 0, 4, CBPF_NET_OFF);
	emit(t, ISA_ADD32_IMM, T1, 0, 0, -CBPF_NET_OFF);
	emit(t, ISA_LDX_W, T2, CTX, FIELD(net_off), 0);
	emit(t, ISA_ADD64_REG, T1, T2, 0, 0);
	emit(t, ISA_JA, 0, 0, 1, 0);
	emit(t, ISA_ADD32_IMM, T1, 0, 0, -CBPF_LL_OFF);
	load_at_r1(t, load, A);
}

static void load_extension(struct translator *t, const struct cbpf_ext *ext)
{
	switch (ext->how) {
	case CBPF_EXT_FIELD:
		emit(t, ISA_LDX_W, A, CTX, ext->field, 0);
		break;
	case CBPF_EXT_XOR_X:
		emit(t, ISA_XOR32_REG, A, X, 0, 0);
		break;
	case CBPF_EXT_RANDOM:
		emit(t, ISA_CALL_HELPER, 0, 0, 0, HELPER_RANDOM);
		emit(t, ISA_MOV32_REG, A, A, 0, 0);
		break;
	case CBPF_EXT_NLATTR:
	case CBPF_EXT_NLATTR_NEST:
		t->uses_search = true;
		emit(t, ISA_MOV64_REG, T1, PACKET, 0, 0);
		emit(t, ISA_MOV64_REG, T2, LEN, 0, 0);
		emit(t, ISA_MOV64_REG, T3, A, 0, 0);
		emit(t, ISA_MOV64_REG, T4, X, 0, 0);
		emit(t, ISA_MOV64_IMM, T5, 0, 0, ext->how == CBPF_EXT_NLATTR_NEST);
		emit(t, ISA_CALL_LOCAL, 0, 0, 0, delta_to(t, t->start[t->n + 1]));
		break;
	}
}

/*
 * The function of the extensions nla and nlan: r1 packet, r2 its length, r3 where the search starts, r4 the type,
 * r5 whether to search inside the attribute there. Gives the offset of the attribute of that type, or 0. An
 * attribute is its length (of 16 bits, with this header), its type and what it holds, filled to 4 bytes
 * (linux/netlink.h); all in the host's order.
 */
static void emit_search(struct translator *t)
{
	emit(t, ISA_MOV32_IMM, A, 0, 0, 0);
	emit(t, ISA_SUB64_REG, T2, T3, 0, 0); /* bytes left */
	emit(t, ISA_JSLT64_IMM, T2, 0, 19, NLA_HEADER);
	emit(t, ISA_ADD64_REG, T3, T1, 0, 0); /* the attribute */
	emit(t, ISA_JEQ64_IMM, T5, 0, 5, 0);
	emit(t, ISA_LDX_H, T5, T3, 0, 0);
	emit(t, ISA_JGT64_REG, T5, T2, 15, 0);
	emit(t, ISA_MOV64_REG, T2, T5, 0, 0);
	emit(t, ISA_SUB64_IMM, T2, 0, 0, NLA_HEADER);
	emit(t, ISA_ADD64_IMM, T3, 0, 0, NLA_HEADER);
	/* each attribute */
	emit(t, ISA_JSLT64_IMM, T2, 0, 11, NLA_HEADER);
	emit(t, ISA_LDX_H, T5, T3, 0, 0);
	emit(t, ISA_JLT64_IMM, T5, 0, 9, NLA_HEADER);
	emit(t, ISA_JGT64_REG, T5, T2, 8, 0);
	emit(t, ISA_LDX_H, A, T3, 2, 0);
	emit(t, ISA_AND32_IMM, A, 0, 0, NLA_TYPE_MASK);
	emit(t, ISA_JEQ64_REG, A, T4, 7, 0);
	emit(t, ISA_ADD64_IMM, T5, 0, 0, 3);
	emit(t, ISA_AND64_IMM, T5, 0, 0, -4);
	emit(t, ISA_ADD64_REG, T3, T5, 0, 0);
	emit(t, ISA_SUB64_REG, T2, T5, 0, 0);
	emit(t, ISA_JA, 0, 0, -12, 0);
	/* none */
	return_zero(t);
	/* found */
	emit(t, ISA_MOV64_REG, A, T3, 0, 0);
	emit(t, ISA_SUB64_REG, A, T1, 0, 0);
	emit(t, ISA_EXIT, 0, 0, 0, 0);
}

static int16_t word_at(uint32_t k)
{
	return (int16_t)(4 * (int)k - 4 * CBPF_MEM);
}

static enum isa_op opposite(enum isa_op jump)
{
	static const enum isa_op pairs[][2] = {
		{ ISA_JEQ32_IMM, ISA_JNE32_IMM }, { ISA_JGT32_IMM, ISA_JLE32_IMM },
		{ ISA_JGE32_IMM, ISA_JLT32_IMM }, { ISA_JEQ32_REG, ISA_JNE32_REG },
		{ ISA_JGT32_REG, ISA_JLE32_REG }, { ISA_JGE32_REG, ISA_JLT32_REG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i][0] == jump)
			return pairs[i][1];
	return ISA_INVALID; /* of jset: there is none */
}

static void branch(struct translator *t, enum isa_op op, const struct skep_cbpf *in)
{
	const uint32_t *next = &t->start[t->at + 1];
	enum isa_op not = opposite(op);
	int64_t imm = isa_reads(op) & SRC ? 0 : (int32_t)in->k;

	if (in->jt == in->jf) {
		if (in->jt)
			go_to(t, next[in->jt]);
		return;
	}
	if (!in->jt && not != ISA_INVALID && !t->far) {
		emit(t, not, A, X, (int)delta_to(t, next[in->jf]), imm);
		return;
	}
	if (t->far) {
		emit(t, op, A, X, 1, imm);
		go_to(t, next[in->jf]);
		go_to(t, next[in->jt]);
		return;
	}
	emit(t, op, A, X, (int)delta_to(t, next[in->jt]), imm);
	if (in->jf)
		go_to(t, next[in->jf]);
}

static void load(struct translator *t, const struct cbpf_row *row, const struct skep_cbpf *in)
{
	if (row->kind == CBPF_LDX_MSH) {
		load_absolute(t, row->op, X, (int32_t)in->k);
		emit(t, ISA_AND32_IMM, X, 0, 0, 15);
		emit(t, ISA_LSH32_IMM, X, 0, 0, 2);
		return;
	}
	if (row->kind == CBPF_LD_IND)
		load_indirect(t, row->op, in->k);
	else if (in->k >= (uint32_t)CBPF_AD_OFF)
		load_extension(t, cbpf_ext(in->k));
	else
		load_absolute(t, row->op, A, (int32_t)in->k);
}

static void translate_insn(struct translator *t, const struct cbpf_row *row,
			   const struct skep_cbpf *in)
{
	switch (row->kind) {
	case CBPF_UNKNOWN:
		break;
	case CBPF_LD_ABS:
	case CBPF_LD_IND:
	case CBPF_LDX_MSH:
		load(t, row, in);
		break;
	case CBPF_LD_IMM:
	case CBPF_LDX_IMM:
		emit(t, ISA_MOV32_IMM, row->kind == CBPF_LD_IMM ? A : X, 0, 0, (int32_t)in->k);
		break;
	case CBPF_LD_MEM:
	case CBPF_LDX_MEM:
		emit(t, ISA_LDX_W, row->kind == CBPF_LD_MEM ? A : X, ISA_REG_FP, word_at(in->k), 0);
		break;
	case CBPF_LD_LEN:
	case CBPF_LDX_LEN:
		emit(t, ISA_LDX_W, row->kind == CBPF_LD_LEN ? A : X, CTX, FIELD(wirelen), 0);
		break;
	case CBPF_ST:
	case CBPF_STX:
		emit(t, ISA_STX_W, ISA_REG_FP, row->kind == CBPF_ST ? A : X, word_at(in->k), 0);
		break;
	case CBPF_ALU_K:
	case CBPF_DIV_K:
	case CBPF_SHIFT_K:
		emit(t, row->op, A, 0, 0, (int32_t)in->k);
		break;
	case CBPF_DIV_X:
		fail_if(t, ISA_JEQ32_IMM, ISA_JNE32_IMM, X, 0, 0);
		emit(t, row->op, A, X, 0, 0);
		break;
	case CBPF_ALU_X:
	case CBPF_NEG:
		emit(t, row->op, A, X, 0, 0);
		break;
	case CBPF_JA:
		if (in->k)
			go_to(t, t->start[t->at + 1 + in->k]);
		break;
	case CBPF_JUMP_K:
	case CBPF_JUMP_X:
		branch(t, row->op, in);
		break;
	case CBPF_RET_K:
		emit(t, ISA_MOV32_IMM, A, 0, 0, (int32_t)in->k);
		emit(t, ISA_EXIT, 0, 0, 0, 0);
		break;
	case CBPF_RET_A:
		emit(t, ISA_EXIT, 0, 0, 0, 0);
		break;
	case CBPF_TAX:
	case CBPF_TXA:
		emit(t, ISA_MOV32_REG, row->kind == CBPF_TAX ? X : A, row->kind == CBPF_TAX ? A : X,
		     0, 0);
		break;
	}
}

static void pass(struct translator *t)
{
	t->len = 0;
	emit(t, ISA_MOV64_REG, CTX, T1, 0, 0);
	emit(t, ISA_LDX_DW, PACKET, CTX, FIELD(data), 0);
	emit(t, ISA_LDX_W, LEN, CTX, FIELD(len), 0);
	emit(t, ISA_MOV32_IMM, A, 0, 0, 0);
	emit(t, ISA_MOV32_IMM, X, 0, 0, 0);
	for (t->at = 0; t->at < t->n; t->at++) {
		t->start[t->at] = (uint32_t)t->len;
		translate_insn(t, cbpf_row(t->in[t->at].code), &t->in[t->at]);
	}
	t->start[t->n] = (uint32_t)t->len;
	if (!t->far)
		return_zero(t);
	t->start[t->n + 1] = (uint32_t)t->len;
	if (t->uses_search)
		emit_search(t);
}

/* Sizes, memory, code. */
static int translate(struct translator *t, struct skep_error **reterr)
{
	pass(t);
	t->out = calloc(t->len, sizeof(*t->out));
	if (!t->out)
		return skep_fail_nomem(reterr);
	pass(t);
	return 0;
}

int skep_cbpf_translate(const struct skep_cbpf *insns, size_t n, struct skep_insn **ret_insns,
			size_t *ret_n, struct skep_error **reterr)
{
	struct translator t = { .in = insns, .n = n };
	int r = skep_cbpf_check(insns, n, reterr);

	if (r < 0)
		return r;
	t.start = calloc(n + 2, sizeof(*t.start));
	if (!t.start)
		return skep_fail_nomem(reterr);
	r = translate(&t, reterr);
	if (r == 0 && t.too_far) {
		free(t.out);
		t.out = NULL;
		t.far = true;
		r = translate(&t, reterr);
	}
	free(t.start);
	if (r < 0)
		return r;
	*ret_insns = t.out;
	*ret_n = t.len;
	return 0;
}
