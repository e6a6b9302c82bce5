// SPDX-License-Identifier: Apache-2.0
/*
 * Operands in memory: loads that are used once, by each operation and comparison that may take them there, of each
 * size, at plain and at indexed addresses, with stores in between or not; operations on memory; swapped bytes.
 */
#include "jit_fixture.h"

static uint32_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const uint8_t loads[] = { 0x79, 0x61, 0x69, 0x71, 0x81, 0x89, 0x91 };
static const uint8_t stores[] = { 0x7b, 0x63, 0x6b, 0x73 };
/* or, and, xor, add, sub; with 32 bits or 64, of a register */
static const uint8_t alus[] = { 0x4f, 0x5f, 0xaf, 0x0f, 0x1f, 0x4c, 0x5c, 0xac, 0x0c, 0x1c };
static const uint8_t jumps[] = { 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0 };
static const int32_t constants[] = { 0,	   1,	      0x40,	 0x7f,	  0x80,
				     0xff, 0x100,     0x8000,	 0xffff,  -1,
				     -128, INT32_MIN, INT32_MAX, 0x12345, 0x40000000 };

static int32_t constant(void)
{
	return constants[pick(ARRAY_SIZE(constants))];
}

/* r4: memory and something, or r1 itself */
static unsigned int put_base(struct text *t)
{
	uint32_t kind = pick(3);

	if (!kind)
		return 1;
	put(t, 0xbf, 4, 3, 0, 0);
	put(t, 0x57, 4, 0, 0, 0x38);
	if (kind == 2) {
		put(t, 0x77, 4, 0, 0, 3);
		put(t, 0x67, 4, 0, 0, (int32_t)pick(4));
	}
	put(t, 0x0f, 4, 1, 0, 0);
	return 4;
}

static void put_between(struct text *t)
{
	if (pick(4) == 0)
		put(t, stores[pick(4)], 1, 3, (int)pick(64), 0);
}

static void put_swap(struct text *t, unsigned int reg)
{
	static const int32_t bits[] = { 16, 32, 64 };

	put(t, pick(2) ? 0xdc : 0xd7, reg, 0, 0, bits[pick(3)]);
}

static void put_pattern(struct text *t)
{
	unsigned int base = put_base(t);
	uint32_t size = pick(4), kind = pick(8);
	int off = (int)pick(64);

	if (kind != 5)
		put(t, loads[kind == 4 ? size : pick(7)], 2, base, off, 0);
	put_between(t);
	switch (kind) {
	case 0:
	case 1:
		put(t, alus[pick(ARRAY_SIZE(alus))], 3, 2, 0, 0);
		return;
	case 2:
		put(t, (uint8_t)(jumps[pick(ARRAY_SIZE(jumps))] | (pick(2) ? 5 : 6)), 2, 0, 1,
		    constant());
		break;
	case 3:
		put(t, pick(2) ? 0x57 : 0x54, 2, 0, 0, constant());
		put(t, (uint8_t)(pick(2) ? 0x15 : 0x55), 2, 0, 1, 0);
		break;
	case 4: /* on memory, of the size that it was loaded with */
		if (pick(2))
			put(t, alus[pick(ARRAY_SIZE(alus))], 2, 3, 0, 0);
		else
			put(t, (uint8_t)(alus[pick(ARRAY_SIZE(alus))] & ~8), 2, 0, 0, constant());
		put(t, stores[size], base, 2, off + (pick(6) == 0), 0);
		return;
	case 5:
		put(t, 0xbf, 2, 3, 0, 0);
		put_swap(t, 2);
		put(t, stores[size], base, 2, off, 0);
		return;
	case 6:
		put_swap(t, 2);
		put(t, alus[pick(ARRAY_SIZE(alus))], 3, 2, 0, 0);
		return;
	default: /* the other way around, so that the load is on the left */
		put(t, alus[pick(ARRAY_SIZE(alus))], 2, 3, 0, 0);
		put(t, 0xbf, 3, 2, 0, 0);
		return;
	}
	put(t, 0x07, 3, 0, 0, (int32_t)pick(1000));
}

static void random_patterns(void)
{
	uint8_t memory[MEMORY];
	struct text t;

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (uint32_t i = 0; i < 1500; i++) {
		CHECK_CASE("program %u", i);
		seed = i + 1;
		for (int k = 0; k < MEMORY; k++)
			memory[k] = (uint8_t)(pick(3) ? pick(256) : (uint32_t)constants[pick(8)]);
		t.n = 0;
		put(&t, 0x79, 3, 1, 64, 0);
		put(&t, 0x79, 6, 1, 72, 0);
		for (uint32_t k = 0, n = 1 + pick(24); k < n; k++)
			put_pattern(&t);
		put(&t, 0xbf, 0, 3, 0, 0);
		put(&t, 0x95, 0, 0, 0, 0);
		if (!fixture_same(&t, memory))
			return;
	}
}

CHECK_MAIN({ "random_patterns", random_patterns })
