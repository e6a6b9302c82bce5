// SPDX-License-Identifier: Apache-2.0
/*
 * Loops that count by constants, which the compiler may write several times over: every comparison, upwards and
 * downwards, of 64 and 32 bits, that test the counter before or after it changes, and that wrap around.
 */
#include "jit_fixture.h"

#define MOST 400 /* rounds */

struct loop {
	uint64_t from, bound;
	int32_t step;
	uint8_t jump; /* upper half of the opcode */
	bool wide_step, wide_test, after;
};

static bool compare(const struct loop *l, uint64_t a, uint64_t b)
{
	int64_t x = l->wide_test ? (int64_t)a : (int32_t)a;
	int64_t y = l->wide_test ? (int64_t)b : (int32_t)b;

	a = l->wide_test ? a : (uint32_t)a;
	b = l->wide_test ? b : (uint32_t)b;
	switch (l->jump) {
	case 0x10:
		return a == b;
	case 0x20:
		return a > b;
	case 0x30:
		return a >= b;
	case 0x50:
		return a != b;
	case 0x60:
		return x > y;
	case 0x70:
		return x >= y;
	case 0xa0:
		return a < b;
	case 0xb0:
		return a <= b;
	case 0xc0:
		return x < y;
	default:
		return x <= y;
	}
}

static uint64_t next_of(const struct loop *l, uint64_t v)
{
	v += (uint64_t)(int64_t)l->step;
	return l->wide_step ? v : (uint32_t)v;
}

static int rounds_of(const struct loop *l)
{
	uint64_t v = l->from;
	int n = 0;

	while (n++ < MOST) {
		uint64_t next = next_of(l, v);

		if (!compare(l, l->after ? next : v, l->bound))
			return n;
		v = next;
	}
	return n;
}

static void put_loop(struct text *t, const struct loop *l)
{
	uint32_t top;

	t->n = 0;
	put_lddw(t, 2, l->from);
	put_lddw(t, 7, l->bound);
	put(t, 0xb7, 3, 0, 0, 1);
	top = t->n;
	put(t, 0xbf, 6, 2, 0, 0); /* the counter as it was */
	put(t, 0xbf, 5, 2, 0, 0);
	put(t, 0x57, 5, 0, 0, 0x38);
	put(t, 0x0f, 5, 1, 0, 0);
	put(t, 0x79, 0, 5, 0, 0);
	put(t, 0x0f, 3, 0, 0, 0);
	put(t, 0x7b, 5, 3, 64, 0);
	put(t, l->wide_step ? 0x07 : 0x04, 2, 0, 0, l->step);
	put(t, l->jump | 0x08 | (l->wide_test ? 5 : 6), l->after ? 2 : 6, 7,
	    (int)top - (int)t->n - 1, 0);
	put(t, 0xbf, 0, 3, 0, 0);
	put(t, 0x27, 0, 0, 0, 31);
	put(t, 0xaf, 0, 2, 0, 0);
	put(t, 0x27, 0, 0, 0, 31);
	put(t, 0xaf, 0, 6, 0, 0);
	put(t, 0x95, 0, 0, 0, 0);
}

static void counted_loops(void)
{
	static const uint8_t jumps[] = {
		0x10, 0x20, 0x30, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0
	};
	static const uint64_t near[] = { 0,	     1,		  0x7fffffff, 0x80000000,
					 0xffffffff, 0x100000000, INT64_MAX,  UINT64_MAX };
	static const int32_t steps[] = { 1, 2, 3, 8, -1, -2, -8, INT32_MIN, 0 };
	uint8_t memory[MEMORY];
	int several = 0;
	struct text t;

	state = 7;
	for (int i = 0; i < MEMORY; i++)
		memory[i] = (uint8_t)random64();
	for (int i = 0; i < 30000; i++) {
		struct loop l = { .from = near[random64() % ARRAY_SIZE(near)] + random64() % 40 -
					  20,
				  .step = steps[random64() % ARRAY_SIZE(steps)],
				  .jump = jumps[random64() % ARRAY_SIZE(jumps)],
				  .wide_step = random64() & 1,
				  .wide_test = random64() & 1,
				  .after = random64() & 1 };
		int rounds;

		l.bound =
			l.from + (uint64_t)(int64_t)l.step * (random64() % 50) + random64() % 3 - 1;
		rounds = rounds_of(&l);
		if (rounds > MOST || (rounds == 1 && i % 16))
			continue;
		several += rounds > 1;
		CHECK_CASE("loop %d: from 0x%llx by %d, jump 0x%x to 0x%llx, %d rounds", i,
			   (unsigned long long)l.from, l.step, l.jump, (unsigned long long)l.bound,
			   rounds);
		put_loop(&t, &l);
		if (!fixture_same(&t, memory))
			return;
	}
	CHECK(several > 1000);
}

/* What the compiler's memory held before does not matter: the same code, from a pool that served others. */
static void same_code(void)
{
	struct jit_opts fresh = { .mode = JIT_TRUSTED }, used = fresh;
	struct text t;

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	if (!CHECK_EQ_INT(jit_pool_new(&used.pool, NULL), 0))
		return;
	state = 11;
	for (int i = 0; i < 300; i++) {
		struct jit_prog *a = NULL, *b = NULL;
		struct exec_prog *prog;
		size_t na = 0, nb = 0;

		t.n = 0;
		for (unsigned int r = 2; r < 10; r++)
			put_lddw(&t, r, interesting());
		for (uint32_t end = t.n + (uint32_t)(random64() % 180); t.n < end;)
			put_random(&t, end, false);
		put(&t, 0xb7, 0, 0, 0, 0);
		put(&t, 0x95, 0, 0, 0, 0);
		CHECK_CASE("program %d, %u instructions", i, t.n);
		prog = fixture_prog(&t);
		if (prog && CHECK_EQ_INT(jit_new(prog, &fresh, &a, NULL), 0) &&
		    CHECK_EQ_INT(jit_new(prog, &used, &b, NULL), 0)) {
			const void *x = (const void *)jit_code(a, &na);
			const void *y = (const void *)jit_code(b, &nb);

			CHECK(na == nb && !memcmp(x, y, na));
		}
		jit_free(a);
		jit_free(b);
		exec_prog_free(prog);
	}
	jit_pool_unref(used.pool);
}

CHECK_MAIN({ "counted_loops", counted_loops }, { "same_code", same_code })
