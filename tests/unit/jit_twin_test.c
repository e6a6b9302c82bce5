// SPDX-License-Identifier: Apache-2.0
/*
 * Compiled programs do what the interpreter does: every instruction with operands at the edges, as constants (which
 * the compiler folds) and from memory (which it cannot); then random programs, straight and with loops, calls and
 * memory. Each runs optimised, without the newer instructions of this CPU, and translated one by one.
 */
#include "jit_fixture.h"

static void seed_memory(uint8_t *memory)
{
	for (int i = 0; i < MEMORY; i += 8) {
		uint64_t v = interesting();

		memcpy(memory + i, &v, 8);
	}
}

/* Registers from the memory, or as constants. */
static void put_inputs(struct text *t, bool constants)
{
	for (unsigned int r = 9; r < 10; r--) {
		if (constants && r != 1)
			put_lddw(t, r, interesting());
		else if (r != 1)
			put(t, 0x79, r, 1, (int)(8 * r), 0);
	}
}

static bool program_of(struct text *t, const struct row *row, bool constants)
{
	int32_t imm = (int32_t)interesting();

	t->n = 0;
	put_inputs(t, constants);
	put(t, 0x7b, 10, 3, -16, 0);
	switch (row->kind) {
	case ISA_KIND_ALU:
		put_row(t, row, 3, 4, 0, imm);
		break;
	case ISA_KIND_BRANCH:
	case ISA_KIND_JUMP:
		put_row(t, row, 3, 4, 1, row->kind == ISA_KIND_JUMP ? 1 : imm);
		put(t, 0x07, 4, 0, 0, 77);
		break;
	case ISA_KIND_LOAD:
		put_row(t, row, 3, 10, -16, 0);
		put_row(t, row, 6, 1, 24, 0);
		break;
	case ISA_KIND_STORE:
	case ISA_KIND_ATOMIC:
		put_row(t, row, 1, 6, 32, imm);
		put_row(t, row, 10, 4, -16, imm);
		break;
	case ISA_KIND_PACKET:
		put_lddw(t, 4, random64() % 6);
		put_row(t, row, 0, 4, 0, (int32_t)(random64() % 10) - 1);
		put(t, 0xb7, 3, 0, 0, 0); /* r1-r5 do not survive it */
		put(t, 0xb7, 4, 0, 0, 0);
		break;
	case ISA_KIND_WIDE_LOAD:
	case ISA_KIND_EXIT:
	case ISA_KIND_CALL:
	case ISA_KIND_CAST:
	case ISA_KIND_JUMP_REG:
	case ISA_KIND_NONE:
		return false;
	}
	put(t, 0x79, 5, 10, -16, 0);
	put(t, 0xaf, 0, 5, 0, 0);
	for (unsigned int r = 3; r <= 6; r += r == 4 ? 2 : 1) {
		put(t, 0x27, 0, 0, 0, 31);
		put(t, 0x0f, 0, r, 0, 0);
	}
	put(t, 0x95, 0, 0, 0, 0);
	return true;
}

static void every_op(void)
{
	uint8_t memory[MEMORY];
	struct text t;

	state = 1;
	for (int op = 1; op < ISA_COUNT; op++) {
		if (!program_of(&t, &rows[op], false))
			continue; /* below, or refused */
		CHECK_CASE("%s", rows[op].name);
		for (int i = 0; i < check_rounds(200); i++) {
			seed_memory(memory);
			if (!program_of(&t, &rows[op], i % 4 == 0) || !fixture_same(&t, memory))
				break;
		}
	}
}

/* The address of the stack goes to memory, where the compiler does not look; then it is wiped out. */
static void put_escape(struct text *t)
{
	put(t, 0x7b, 1, 10, 248, 0);
	put(t, 0x7a, 1, 0, 248, 0);
}

static void gen_straight(struct text *text, int i, uint8_t *memory)
{
	uint32_t end;

	state = 0x9e3779b97f4a7c15ull * (uint64_t)(i + 1);
	seed_memory(memory);
	text->n = 0;
	put_inputs(text, false);
	if (i % 3 == 0)
		put_escape(text); /* the address of the stack is known elsewhere */
	put(text, 0x79, 1, 1, 8, 0);
	for (unsigned int s = 1; s <= 8; s++)
		put(text, 0x7b, 10, s, -8 * (int)s, 0);
	end = text->n + 20 + (uint32_t)(random64() % 200);
	while (text->n < end)
		put_random(text, end, false);
	for (unsigned int r = 1; r < 10; r++) {
		put(text, 0x27, 0, 0, 0, 31);
		put(text, 0xaf, 0, r, 0, 0);
	}
	put(text, 0x95, 0, 0, 0, 0);
}

static void straight_programs(void)
{
	uint8_t memory[MEMORY];
	struct text t;

	for (int i = 0; i < check_rounds(4000); i++) {
		gen_straight(&t, i, memory);
		CHECK_CASE("seed %d, %u instructions", i, t.n);
		fixture_same(&t, memory);
	}
}

/* One statement of a structured program: r1 is memory, r6-r9 live across calls, r0 and r2-r5 do not. */
static void put_statement(struct text *t, bool calls)
{
	unsigned int dst = 6 + random64() % 4, src = 6 + random64() % 4;
	int off = (int)(random64() % 24) * 8, part = (int)(random64() % 8), k;
	static const uint8_t loads[] = { 0x71, 0x69, 0x61, 0x79, 0x91, 0x89, 0x81 };
	static const uint8_t stores[] = { 0x73, 0x6b, 0x63, 0x7b };
	static const uint8_t codes[] = { 0x0f, 0x1f, 0x2f, 0x4f, 0x5f, 0xaf,
					 0x0c, 0x1c, 0x2c, 0x4c, 0xac };

	switch (random64() % (calls ? 10 : 8)) {
	case 0:
		put(t, loads[random64() % 7], dst, 1, off, 0);
		break;
	case 1:
		put(t, stores[random64() % 4], 1, src, off, 0);
		break;
	case 2:
	case 3:
		put(t, codes[random64() % ARRAY_SIZE(codes)], dst, src, 0, 0);
		break;
	case 4: /* rotate */
		k = 1 + (int)(random64() % 31);
		put(t, 0xbf, 2, src, 0, 0);
		put(t, 0x64, 2, 0, 0, k);
		put(t, 0x74, src, 0, 0, 32 - k);
		put(t, 0x4f, src, 2, 0, 0);
		break;
	case 5: /* bytes put together, the one or the other way round */
		put(t, 0x71, 2, 1, off, 0);
		put(t, 0x71, 3, 1, off + 1, 0);
		put(t, 0x67, part & 1 ? 2 : 3, 0, 0, 8);
		put(t, 0x4f, 2, 3, 0, 0);
		put(t, 0xaf, dst, 2, 0, 0);
		break;
	case 6: /* an address with an index */
		put(t, 0xbf, 2, src, 0, 0);
		put(t, 0x57, 2, 0, 0, 15);
		put(t, 0x67, 2, 0, 0, part & 3);
		put(t, 0x0f, 2, 1, 0, 0);
		put(t, 0x71, 3, 2, part, 0);
		put(t, 0x0f, dst, 3, 0, 0);
		break;
	case 7: /* through the stack */
		put(t, 0x7b, 10, src, -64 + (off & 0x10), 0);
		put(t, 0x79, dst, 10, -64 + (off & 0x10), 0);
		put(t, 0x97 | (part & 1 ? 0 : 0x30), dst, 0, 0, (int32_t)(1 + random64() % 1000));
		break;
	default: /* r1 is kept on the stack */
		put(t, 0x7b, 10, 1, -8, 0);
		for (unsigned int r = 1; r <= 5; r++)
			put(t, 0xbf, r, 5 + r > 9 ? 6 : 5 + r, 0, 0);
		put(t, 0x85, 0, 0, 0, 1 + (part & 1));
		put(t, 0x0f, dst, 0, 0, 0);
		put(t, 0x79, 1, 10, -8, 0);
	}
}

/* Statements, ifs and bounded loops, nested. */
static void put_block(struct text *t, int depth, bool calls)
{
	int n = 1 + (int)(random64() % 5);
	static const uint8_t conds[] = { 0x15, 0x25, 0x35, 0x45, 0x55, 0x65, 0x75, 0xa5, 0xb5,
					 0xc5, 0xd5, 0x16, 0x26, 0x56, 0x66, 0xa6, 0xc6 };

	for (int i = 0; i < n && t->n < 380; i++) {
		uint32_t at = t->n;

		if (depth && random64() % 3 == 0) {
			put(t, conds[random64() % ARRAY_SIZE(conds)], 6 + random64() % 4, 0, 0,
			    (int32_t)interesting());
			put_block(t, depth - 1, calls);
			t->in[at].off = (int16_t)(t->n - at - 1);
		} else if (depth && random64() % 3 == 0) {
			int slot = -16 - 8 * depth;

			put(t, 0x7a, 10, 0, slot, (int32_t)(1 + random64() % 5));
			at = t->n;
			put_block(t, depth - 1, calls);
			put(t, 0x79, 2, 10, slot, 0);
			put(t, 0x07, 2, 0, 0, -1);
			put(t, 0x7b, 10, 2, slot, 0);
			put(t, 0x55, 2, 0, (int)at - (int)t->n - 1, 0);
		} else {
			put_statement(t, calls);
		}
	}
}

static void structured_programs(void)
{
	uint8_t memory[MEMORY];
	struct text t;

	for (int i = 0; i < check_rounds(4000); i++) {
		state = 0xd1342543de82ef95ull * (uint64_t)(i + 1);
		seed_memory(memory);
		t.n = 0;
		for (unsigned int r = 6; r < 10; r++)
			put(&t, 0x79, r, 1, (int)(8 * r), 0);
		for (int slot = -64; slot < 0; slot += 8)
			put(&t, 0x7a, 10, 0, slot, slot);
		if (i % 4 == 0)
			put_escape(&t);
		put_block(&t, 3, i % 2);
		put(&t, 0xbf, 0, 6, 0, 0);
		for (unsigned int r = 7; r < 10; r++) {
			put(&t, 0x27, 0, 0, 0, 31);
			put(&t, 0xaf, 0, r, 0, 0);
		}
		put(&t, 0x95, 0, 0, 0, 0);
		CHECK_CASE("seed %d, %u instructions", i, t.n);
		fixture_same(&t, memory);
	}
}

CHECK_MAIN({ "structured_programs", structured_programs }, { "every_op", every_op },
	   { "straight_programs", straight_programs })
