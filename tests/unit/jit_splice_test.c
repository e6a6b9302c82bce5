// SPDX-License-Identifier: Apache-2.0
/*
 * Functions that are written where they are called: many calls of one that is full of calls or of long instructions, which take
 * more room than the program's own instructions do; callees of callees; several ways out. All engines must agree.
 */
#include "jit_fixture.h"

#define SITES 10

enum body {
	BODY_HELPERS,
	BODY_DIVISIONS,
	BODY_BRANCHES,
	BODY_CALLEE, /* calls another one, which is long and called there only */
	BODY_COUNT,
};

static void put_call(struct text *t, uint32_t to)
{
	put(t, 0x85, 0, 1, 0, (int32_t)(to - t->n - 1));
}

static void put_body(struct text *t, enum body body)
{
	switch (body) {
	case BODY_HELPERS:
		put(t, 0xbf, 0, 1, 0, 0);
		for (int i = 0; i < 11; i++) {
			put(t, 0xbf, 1, 0, 0, 0);
			put(t, 0x85, 0, 0, 0, 2);
		}
		break;
	case BODY_DIVISIONS:
		put(t, 0xbf, 0, 1, 0, 0);
		for (int i = 0; i < 20; i++)
			put(t, i % 2 ? 0x9f : 0x3f, i % 3 ? 0 : 1, i % 3 ? 1 : 2, 1, 0);
		break;
	case BODY_BRANCHES:
		put(t, 0xb7, 0, 0, 0, 5);
		for (int i = 0; i < 6; i++) {
			put(t, 0x25, 1, 0, 2, 1 << i);
			put(t, 0x07, 0, 0, 0, i);
			put(t, 0x95, 0, 0, 0, 0);
		}
		break;
	case BODY_CALLEE:
		put(t, 0x07, 1, 0, 0, 3);
		put_call(t, t->n + 2);
		put(t, 0x95, 0, 0, 0, 0);
		put(t, 0xbf, 0, 1, 0, 0);
		for (int i = 0; i < 60; i++)
			put(t, i % 3 ? 0x27 : 0xa7, 0, 0, 0, 0x1001 + i);
		break;
	case BODY_COUNT:
		break;
	}
	put(t, 0x95, 0, 0, 0, 0);
}

static void many_sites(void)
{
	static const uint8_t memory[MEMORY] = { 1, 2, 3 };

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (int body = 0; body < BODY_COUNT; body++) {
		struct text t = { .n = 0 };
		uint32_t callee = 2 + 6 * SITES + 2;

		CHECK_CASE("body %d", body);
		put(&t, 0xb7, 7, 0, 0, 0);
		put(&t, 0xb7, 8, 0, 0, 11);
		for (int i = 0; i < SITES; i++) {
			put(&t, 0xbf, 1, 8, 0, 0);
			put(&t, 0xb7, 2, 0, 0, i - 3);
			put_call(&t, callee);
			put(&t, 0x27, 7, 0, 0, 31);
			put(&t, 0x0f, 7, 0, 0, 0);
			put(&t, 0x07, 8, 0, 0, -7 * i);
		}
		put(&t, 0xbf, 0, 7, 0, 0);
		put(&t, 0x95, 0, 0, 0, 0);
		CHECK_EQ_INT(t.n, callee);
		put_body(&t, (enum body)body);
		if (!fixture_same(&t, memory))
			return;
	}
}

#define FUNCTIONS 3
#define CALLS 4

static uint32_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* One access by r1 or r2, of a whole slot mostly. */
static void put_access(struct text *t, bool odd)
{
	static const uint8_t loads[] = { 0x79, 0x61, 0x69, 0x71, 0x81, 0x89, 0x91 };
	static const uint8_t stores[] = { 0x7b, 0x63, 0x6b, 0x73 };
	uint32_t kind = odd ? pick(7) : 0, by = 1 + pick(2);
	int off = (int)(odd && pick(2) ? 8 * pick(3) + 4 : 8 * pick(4));

	if (pick(2))
		put(t, loads[kind], 4 + pick(2), by, off, 0);
	else
		put(t, stores[kind % 4], by, 3 + pick(3), off, 0);
}

/* Takes two addresses and a number. */
static void put_worker(struct text *t, bool odd)
{
	put(t, 0xbf, 4, 3, 0, 0);
	put(t, 0xb7, 5, 0, 0, 77);
	for (uint32_t i = 0, n = 4 + pick(10); i < n; i++) {
		if (pick(3) == 0)
			put(t, 0x25, 3, 0, 1, (int32_t)pick(200));
		if (pick(3) == 0)
			put(t, pick(2) ? 0x0f : 0xaf, 4, 5, 0, 0);
		else
			put_access(t, odd && pick(3) == 0);
	}
	put(t, 0xbf, 0, 4, 0, 0);
	put(t, 0x95, 0, 0, 0, 0);
}

static void put_address(struct text *t, unsigned int reg)
{
	put(t, 0xbf, reg, 10, 0, 0);
	put(t, 0x07, reg, 0, 0, -64 + 8 * (int32_t)pick(5));
}

/*
 * A caller with eight slots whose addresses functions get, perhaps in a loop, perhaps of which a helper gets one, too, perhaps
 * with accesses that overlap; all slots count.
 */
static void put_slots(struct text *t, bool odd, bool leaks, bool loops)
{
	uint32_t calls[CALLS], top;

	t->n = 0;
	put(t, 0xbf, 6, 1, 0, 0);
	put(t, 0xb7, 7, 0, 0, 0);
	put(t, 0xb7, 8, 0, 0, 3);
	for (int i = 0; i < 7; i++) { /* the last one is not written: it is 0 */
		put(t, 0x79, 2, 6, 8 * i, 0);
		put(t, 0x7b, 10, 2, -64 + 8 * i, 0);
	}
	put(t, 0x7a, 10, 0, -8, 0);
	top = t->n;
	for (int i = 0; i < CALLS; i++) {
		put_address(t, 1);
		put_address(t, 2);
		put(t, 0x71, 3, 6, (int)pick(64), 0);
		calls[i] = t->n;
		put(t, 0x85, 0, 1, 0, 0);
		put(t, 0x27, 7, 0, 0, 31);
		put(t, 0x0f, 7, 0, 0, 0);
		if (leaks && i == 2) { /* the difference of two addresses is the same everywhere */
			put(t, 0xbf, 1, 10, 0, 0);
			put(t, 0x07, 1, 0, 0, -16);
			put(t, 0x1f, 1, 10, 0, 0);
			put(t, 0x0f, 7, 1, 0, 0);
		}
	}
	put(t, 0x07, 8, 0, 0, -1);
	if (loops)
		put(t, 0x55, 8, 0, (int)top - (int)t->n - 1, 0);
	for (int i = 0; i < 8; i++) {
		put(t, 0x79, 2, 10, -64 + 8 * i, 0);
		put(t, 0x27, 7, 0, 0, 31);
		put(t, 0xaf, 7, 2, 0, 0);
	}
	put(t, 0xbf, 0, 7, 0, 0);
	put(t, 0x95, 0, 0, 0, 0);
	for (int f = 0; f < FUNCTIONS; f++) {
		for (int i = f; i < CALLS; i += FUNCTIONS)
			t->in[calls[i]].imm = (int32_t)(t->n - calls[i] - 1);
		put_worker(t, odd);
	}
}

static void slots_by_address(void)
{
	uint8_t memory[MEMORY];
	struct text t;

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (int i = 0; i < MEMORY; i++)
		memory[i] = (uint8_t)(i * 37 + 11);
	for (uint32_t i = 0; i < 300; i++) {
		CHECK_CASE("program %u", i);
		seed = i + 1;
		put_slots(&t, i % 3 == 1, i % 5 == 4, i & 1);
		if (!fixture_same(&t, memory))
			return;
	}
}

/* A function that adds to what it gets the address of: nothing of it is in memory. */
static void slots_become_values(void)
{
	static const struct jit_opts trusted = { .mode = JIT_TRUSTED },
				     checked = { .mode = JIT_CHECKED };
	static const struct jit_opts *const modes[] = { &trusted, &checked };
	struct text t = { .n = 0 };
	struct exec_prog *prog;
	struct jit_prog *jit;

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	put(&t, 0x7a, 10, 0, -8, 5);
	put(&t, 0xbf, 1, 10, 0, 0);
	put(&t, 0x07, 1, 0, 0, -8);
	put_call(&t, 6);
	put(&t, 0x79, 0, 10, -8, 0);
	put(&t, 0x95, 0, 0, 0, 0);
	put(&t, 0x79, 2, 1, 0, 0);
	put(&t, 0x07, 2, 0, 0, 4);
	put(&t, 0x7b, 1, 2, 0, 0);
	put(&t, 0xb7, 0, 0, 0, 0);
	put(&t, 0x95, 0, 0, 0, 0);
	prog = fixture_prog(&t);
	for (size_t i = 0; prog && i < (FIXTURE_CHECKS ? 2 : 1); i++) {
		struct jit_stats stats;

		if (!CHECK_EQ_INT(jit_new(prog, modes[i], &jit, NULL), 0))
			break;
		jit_stats(jit, &stats);
		CHECK_MSG(stats.ir_insns <= (i ? 8 : 4), "%u instructions are left",
			  stats.ir_insns);
		jit_free(jit);
	}
	exec_prog_free(prog);
}

CHECK_MAIN({ "many_sites", many_sites }, { "slots_by_address", slots_by_address },
	   { "slots_become_values", slots_become_values })
