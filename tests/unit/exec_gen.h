/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs from a seed: random instructions of all rows of isa.def that compute, branch forward or touch
 * the stack, with operands near the edges. The result depends on every register.
 */
#ifndef TESTS_UNIT_EXEC_GEN_H
#define TESTS_UNIT_EXEC_GEN_H

#include "check.h"
#include "isa/isa.h"

/* Fields of a row: what is written there, or WILD. */
enum { WILD = 1 << 30, ZERO = 0, ANY = WILD, REG = WILD, WREG = WILD, WIDE = WILD, LOW = WILD };
#define IS(n) (n)

static const struct row {
	const char *name;
	uint8_t code;
	int src, off, imm;
	enum isa_kind kind;
} rows[] = {
	{ .name = "INVALID" }, /* as in enum isa_op, whose order this is */
#define INSN(id, code, src, off, imm, kind, ...) { #id, code, src, off, imm, ISA_KIND_##kind },
#include "isa/isa.def"
#undef INSN
};
_Static_assert(ARRAY_SIZE(rows) == ISA_COUNT, "a row for each op");

/* xorshift64*, seeded by whoever makes a program */
static uint64_t state;

static inline uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static inline uint64_t interesting(void)
{
	static const uint64_t edge[] = { 0,	    1,		2,	    0x7f,	0x80,
					 0xff,	    0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32,
					 INT64_MAX, 1ull << 63, UINT64_MAX, 31,		32,
					 63,	    64 };

	if (random64() % 3 == 0)
		return random64() >> random64() % 64;
	return edge[random64() % ARRAY_SIZE(edge)];
}

struct text {
	struct skep_insn in[512];
	uint32_t n;
};

static inline void put(struct text *t, uint8_t code, unsigned int dst, unsigned int src, int off,
		       int32_t imm)
{
	t->in[t->n++] = (struct skep_insn){ code, insn_regs(dst, src), (int16_t)off, imm };
}

static inline void put_lddw(struct text *t, unsigned int dst, uint64_t v)
{
	put(t, 0x18, dst, 0, 0, (int32_t)v);
	put(t, 0, 0, 0, 0, (int32_t)(v >> 32));
}

static inline void put_row(struct text *t, const struct row *row, unsigned int dst,
			   unsigned int src, int off, int32_t imm)
{
	enum isa_op op = (enum isa_op)(row - rows);

	if (!((isa_reads(op) | isa_writes(op)) & ISA_USE_DST))
		dst = 0;
	put(t, row->code, dst, row->src == WILD ? src : (unsigned int)row->src,
	    row->off == WILD ? off : row->off, row->imm == WILD ? imm : row->imm);
}

/* What the verifier takes: no constant division by 0, no shift by a constant beyond the width. */
static inline int32_t in_width(const struct row *row, int32_t imm)
{
	switch (row->code & 0xf0) {
	case 0x60:
	case 0x70:
	case 0xc0:
		return imm & ((row->code & 7) == 7 ? 63 : 31);
	case 0x30:
	case 0x90:
		return imm ? imm : 1;
	default:
		return imm;
	}
}

/* Appends one random instruction of a kind that the twin knows; memory is 8 slots below r10. */
static inline void put_random(struct text *t, uint32_t end, bool strict)
{
	const struct row *row = &rows[1 + random64() % (ISA_COUNT - 1)];
	unsigned int dst = random64() % 10, src = random64() % 10;
	int slot = -8 * (int)(1 + random64() % 8);
	int32_t imm = (int32_t)interesting();
	int ahead = (int)(random64() % 6);

	switch (row->kind) {
	case ISA_KIND_ALU:
		put_row(t, row, dst, src, 0, strict ? in_width(row, imm) : imm);
		break;
	case ISA_KIND_BRANCH:
		if (t->n + 1 + (uint32_t)ahead <= end)
			put_row(t, row, dst, src, ahead, (int32_t)interesting());
		break;
	case ISA_KIND_LOAD:
		put_row(t, row, dst, 10, slot, 0);
		break;
	case ISA_KIND_STORE:
	case ISA_KIND_ATOMIC:
		put_row(t, row, 10, src, slot, (int32_t)interesting());
		break;
	case ISA_KIND_JUMP:
	case ISA_KIND_JUMP_REG:
	case ISA_KIND_CAST:
	case ISA_KIND_CALL:
	case ISA_KIND_EXIT:
	case ISA_KIND_WIDE_LOAD:
	case ISA_KIND_PACKET:
	case ISA_KIND_NONE:
		break;
	}
}

/* @strict: what the kernel's verifier takes. */
static inline void gen_program(struct text *t, uint64_t seed, uint32_t most, bool strict)
{
	uint32_t end;

	state = seed;
	t->n = 0;
	for (unsigned int r = 0; r < 10; r++)
		put_lddw(t, r, interesting());
	for (unsigned int s = 1; s <= 8; s++)
		put(t, 0x7b, 10, s, -8 * (int)s, 0);
	end = t->n + 20 + (uint32_t)(random64() % most);
	while (t->n < end)
		put_random(t, end, strict);
	for (unsigned int r = 1; r < 10; r++) {
		put(t, 0x27, 0, 0, 0, 31);
		put(t, 0xaf, 0, r, 0, 0);
	}
	put(t, 0x95, 0, 0, 0, 0);
}

#endif
