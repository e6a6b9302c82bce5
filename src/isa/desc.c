// SPDX-License-Identifier: Apache-2.0
/*
 * Facts of each op, straight from its row of isa.def.
 */
#include "isa/internal.h"

struct row {
	const char *name, *since;
	const char *texts[SKEP_INSN_STYLES];
	uint8_t group;
};

_Static_assert(SKEP_INSN_KERNEL == 0 && SKEP_INSN_ASM == 1 && SKEP_INSN_CLANG == 2,
	       "order of the texts in a row");

static const struct row rows[ISA_COUNT] = {
	[ISA_INVALID] = { "INVALID", "none", { "invalid", "invalid", "invalid" }, 0 },
#define INSN(id, code, src, off, imm, kind, reads, writes, group, since, ktext, atext, ctext) \
	[ISA_##id] = { #id, #since, { ktext, atext, ctext }, ISA_GROUP_##group },
#include "isa/isa.def"
#undef INSN
};

_Static_assert(ISA_COUNT < 256, "an op is a byte");

#define HAS_SIZE(kind)                                                                       \
	((kind) == ISA_KIND_LOAD || (kind) == ISA_KIND_STORE || (kind) == ISA_KIND_ATOMIC || \
	 (kind) == ISA_KIND_PACKET)
/* 4, 2, 1 or 8, by bits 3 and 4 of a load's or store's opcode (RFC 9669 section 5). */
#define SIZE_OF(code) (0x8124u >> 4 * ((code) >> 3 & 3) & 15)
#define IS_JUMP(kind) ((kind) == ISA_KIND_JUMP || (kind) == ISA_KIND_BRANCH)
#define IN_IMM(op) ((op) == ISA_JA32 || (op) == ISA_CALL_LOCAL || (op) == ISA_LD_FUNC)
#define WIDE_ZERO 0
#define WIDE_ANY 0
#define WIDE_IS(n) 0
#define WIDE_WIDE ISA_MORE_WIDE
#define WIDE_LOW ISA_MORE_WIDE

const struct isa_fact isa_facts[256] = {
#define INSN(id, code, src, off, imm, kind, reads, writes, ...)                      \
	[ISA_##id] = { ISA_KIND_##kind, reads, writes,                               \
		       WIDE_##imm | (IS_JUMP(ISA_KIND_##kind) ? ISA_MORE_JUMP : 0) | \
			       (IN_IMM(ISA_##id) ? ISA_MORE_IN_IMM : 0) |            \
			       (HAS_SIZE(ISA_KIND_##kind) ? SIZE_OF(code) << 4 : 0) },
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

const char *isa_since(enum isa_op op)
{
	return row_of(op)->since;
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
	return isa_writes(op) & DST;
}
