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
		for (int i = 0; i < 200; i++) {
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

	for (int i = 0; i < 4000; i++) {
		gen_straight(&t, i, memory);
		CHECK_CASE("seed %d, %u instructions", i, t.n);
		fixture_same(&t, memory);
	}
}

CHECK_MAIN({ "every_op", every_op }, { "straight_programs", straight_programs })
