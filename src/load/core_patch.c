// SPDX-License-Identifier: Apache-2.0
/*
 * Puts the answer into the instruction: the immediate of an ALU instruction, the offset of a load or store
 * (whose width follows the field's), the 64 bits of a wide load. The instruction must hold what the compiler
 * would have put there; where it does not, the object is damaged. An answer that does not fit, or none,
 * makes a poisoned instruction of the same length, which no engine runs.
 */
#include "load/internal.h"

enum {
	SOURCE_REG = 0x08, /* RFC 9669 section 4: the operand is a register */
	SIZE_MASK = 0x18,  /* RFC 9669 section 5: W, H, B, DW */
	BAD_HELPER = 0xbad2310,
};

/* The opcode bytes, by the names of isa.def. */
enum {
#define INSN(id, code, ...) CODE_##id = code,
#include "isa/isa.def"
#undef INSN
};

struct skep_insn core_bad_insn(void)
{
	return (struct skep_insn){ .code = CODE_CALL_HELPER, .imm = BAD_HELPER };
}

static int misfit(struct core *c, const struct code *code, uint32_t insn, const char *why,
		  struct skep_error **reterr)
{
	return skep_fail(reterr, &ERR_CORE_INSN,
			 at_section(c->l, code->section, (uint64_t)insn * sizeof(struct skep_insn)),
			 "%s", why);
}

/* The size bits of an access of @size bytes, or -1. */
static int size_bits(uint64_t size)
{
	static const struct {
		uint8_t size, bits;
	} rows[] = { { 4, 0x00 }, { 2, 0x08 }, { 1, 0x10 }, { 8, 0x18 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].size == size)
			return rows[i].bits;
	return -1;
}

static int patch_access(struct core *c, struct code *code, uint32_t insn, struct core_result *res,
			struct skep_error **reterr)
{
	struct skep_insn *in = &code->insns[insn];
	unsigned int width = isa_access_size(isa_decode(in, 1));
	int bits;

	if (res->check && (uint64_t)(int64_t)in->off != res->old_value)
		return misfit(c, code, insn, "the offset of the access is not the field's", reterr);
	if (res->new_value > INT16_MAX) {
		res->trouble = "lies too far from the start for one access";
		return 0;
	}
	if (res->bad_size) {
		res->trouble = res->bad_size;
		return 0;
	}
	if (res->new_size != res->old_size) {
		bits = size_bits(res->new_size);
		if (width != res->old_size || bits < 0) {
			res->trouble = "has another size, for which the access cannot be changed";
			return 0;
		}
		in->code = (uint8_t)((in->code & ~SIZE_MASK) | bits);
	}
	in->off = (int16_t)res->new_value;
	return 0;
}

static int patch_wide(struct core *c, struct code *code, uint32_t insn, struct core_result *res,
		      struct skep_error **reterr)
{
	struct skep_insn *in = &code->insns[insn];
	uint64_t held = (uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32;

	if (insn_src(in) != ISA_PSEUDO_IMM)
		return misfit(c, code, insn, "the wide load is no number", reterr);
	if (res->check && held != res->old_value)
		return misfit(c, code, insn, "the wide load does not hold the local value", reterr);
	in[0].imm = (int32_t)res->new_value;
	in[1].imm = (int32_t)(res->new_value >> 32);
	return 0;
}

static int patch_immediate(struct core *c, struct code *code, uint32_t insn,
			   struct core_result *res, struct skep_error **reterr)
{
	struct skep_insn *in = &code->insns[insn];

	if (in->code & SOURCE_REG)
		return misfit(c, code, insn, "the instruction has no immediate", reterr);
	if (res->check && (uint64_t)(int64_t)in->imm != res->old_value)
		return misfit(c, code, insn, "the immediate is not the local value", reterr);
	if (res->new_value > INT32_MAX && (int64_t)res->new_value < INT32_MIN) {
		res->trouble = "has a value that does not fit into 32 bits";
		return 0;
	}
	in->imm = (int32_t)res->new_value;
	return 0;
}

static int patch(struct core *c, struct code *code, uint32_t insn, enum isa_kind kind,
		 struct core_result *res, struct skep_error **reterr)
{
	switch (kind) {
	case ISA_KIND_ALU:
		return patch_immediate(c, code, insn, res, reterr);
	case ISA_KIND_LOAD:
	case ISA_KIND_STORE:
	case ISA_KIND_ATOMIC:
		return patch_access(c, code, insn, res, reterr);
	case ISA_KIND_WIDE_LOAD:
		return patch_wide(c, code, insn, res, reterr);
	case ISA_KIND_NONE:
	case ISA_KIND_CAST:
	case ISA_KIND_JUMP:
	case ISA_KIND_JUMP_REG:
	case ISA_KIND_BRANCH:
	case ISA_KIND_CALL:
	case ISA_KIND_EXIT:
	case ISA_KIND_PACKET:
		break;
	}
	return misfit(c, code, insn, "the instruction has no place for a value", reterr);
}

int core_patch(struct core *c, struct code *code, uint32_t insn, struct core_result *res,
	       struct skep_error **reterr)
{
	struct skep_insn *in = &code->insns[insn];
	uint32_t left = fn_left(c->l, (uint32_t)(code - c->l->codes), insn);
	enum isa_op op = isa_decode(in, left);
	bool wide = isa_is_wide_load(op);
	int r = 0;

	if (!res->poison) {
		r = patch(c, code, insn, isa_kind(op), res, reterr);
		if (r < 0)
			return r;
		if (!res->trouble && isa_decode(in, left) == ISA_INVALID)
			res->trouble = "has a size that this instruction cannot have";
	}
	if (res->poison || res->trouble) {
		in[0] = core_bad_insn();
		if (wide)
			in[1] = core_bad_insn();
	}
	return wide;
}
