// SPDX-License-Identifier: Apache-2.0
/*
 * Facts of each op, straight from its row of isa.def.
 */
#include "isa/internal.h"

struct row {
	const char *name, *since;
	const char *texts[SKEP_INSN_STYLES];
	uint8_t kind, group, reads, writes;
};

_Static_assert(SKEP_INSN_KERNEL == 0 && SKEP_INSN_ASM == 1 && SKEP_INSN_CLANG == 2,
	       "order of the texts in a row");

static const struct row rows[ISA_COUNT] = {
	[ISA_INVALID] = { "INVALID",
			  "none",
			  { "invalid", "invalid", "invalid" },
			  ISA_KIND_NONE,
			  0,
			  0,
			  0 },
#define INSN(id, code, src, off, imm, kind, reads, writes, group, since, ktext, atext, ctext)      \
	[ISA_##id] = { #id,   #since, { ktext, atext, ctext }, ISA_KIND_##kind, ISA_GROUP_##group, \
		       reads, writes },
#include "isa/isa.def"
#undef INSN
};

static const struct row *row_of(enum isa_op op)
{
	return &rows[(unsigned int)op < ISA_COUNT ? op : ISA_INVALID];
}

const char *isa_name(enum isa_op op)
{
	return row_of(op)->name;
}

const char *isa_text(enum isa_op op, enum skep_insn_style style)
{
	return row_of(op)->texts[style];
}

enum isa_group isa_group(enum isa_op op)
{
	return (enum isa_group)row_of(op)->group;
}

enum isa_kind isa_kind(enum isa_op op)
{
	return (enum isa_kind)row_of(op)->kind;
}

const char *isa_since(enum isa_op op)
{
	return row_of(op)->since;
}

unsigned int isa_slots(enum isa_op op)
{
	return op > ISA_INVALID && op < ISA_COUNT ? isa_shapes[op].slots : 1;
}

bool isa_is_jump(enum isa_op op)
{
	enum isa_kind kind = isa_kind(op);

	return kind == ISA_KIND_JUMP || kind == ISA_KIND_BRANCH;
}

int32_t isa_jump_delta(enum isa_op op, const struct skep_insn *in)
{
	if (op == ISA_JA32 || op == ISA_CALL_LOCAL || op == ISA_LD_FUNC)
		return in->imm;
	return isa_is_jump(op) ? in->off : 0;
}

bool isa_is_local_call(enum isa_op op)
{
	return op == ISA_CALL_LOCAL;
}

bool isa_is_helper_call(enum isa_op op)
{
	return op == ISA_CALL_HELPER;
}

bool isa_is_wide_load(enum isa_op op)
{
	return isa_kind(op) == ISA_KIND_WIDE_LOAD;
}

bool isa_writes_dst(enum isa_op op)
{
	return row_of(op)->writes & DST;
}

unsigned int isa_reads(enum isa_op op)
{
	return row_of(op)->reads;
}

unsigned int isa_writes(enum isa_op op)
{
	return row_of(op)->writes;
}

/* Bits 3 and 4 of a load's or store's opcode (RFC 9669 section 5). */
unsigned int isa_access_size(enum isa_op op)
{
	static const uint8_t sizes[] = { 4, 2, 1, 8 };
	enum isa_kind kind = isa_kind(op);

	if (kind != ISA_KIND_LOAD && kind != ISA_KIND_STORE && kind != ISA_KIND_ATOMIC &&
	    kind != ISA_KIND_PACKET)
		return 0;
	return sizes[isa_shapes[op].code >> 3 & 3];
}
