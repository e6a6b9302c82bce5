// SPDX-License-Identifier: Apache-2.0
/*
 * Switches with a default: random trees of comparisons of one value with constants, some of which become jump tables, over values at, next to and far
 * from the constants; what becomes a table and what does not.
 */
#include "jit_fixture.h"

#define VALUES (MEMORY / 8)
#define MOST_JUMPS 512

struct gen {
	struct text text;
	uint32_t rnd;
	uint32_t exits[MOST_JUMPS], nexits, others[MOST_JUMPS], nothers;
	int32_t base, step;
	bool wide, sorted; /* sorted: as compilers write them, else anything */
};

static uint32_t next(struct gen *g)
{
	g->rnd = g->rnd * 1664525 + 1013904223;
	return g->rnd >> 8;
}

static void leaf(struct gen *g)
{
	struct text *t = &g->text;

	put(t, 0x07, 0, 0, 0, (int32_t)(next(g) & 0xffff));
	if (next(g) & 1)
		put(t, 0xaf, 0, 6, 0, 0);
	g->exits[g->nexits++] = t->n;
	put(t, 0x05, 0, 0, 0, 0);
}

/* A tree over case numbers lo to hi. */
static void tree(struct gen *g, int32_t lo, int32_t hi)
{
	static const uint8_t ops[] = { 0x10, 0x20, 0x30, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0 };
	struct text *t = &g->text;
	int32_t mid = lo + (hi - lo) / 2;
	uint8_t op = g->sorted ? (lo == hi ? 0x10 :
				  g->wide  ? 0x20 :
					     0x60) :
				 ops[next(g) % ARRAY_SIZE(ops)];
	uint32_t at = t->n;

	if (lo > hi || g->nexits + 4 > MOST_JUMPS) {
		leaf(g);
		return;
	}
	put(t, (uint8_t)(op | (g->wide ? 5 : 6)), 6, 0, 0, g->base + mid * g->step);
	if (lo == hi) {
		put(t, 0x05, 0, 0, 0, 0);
		g->others[g->nothers++] = t->n - 1;
		t->in[at].off = (int16_t)(t->n - at - 1);
		leaf(g);
		return;
	}
	tree(g, lo, mid);
	t->in[at].off = (int16_t)(t->n - at - 1);
	tree(g, mid + 1, hi);
}

/* r0 gathers where each of the values in memory leads. */
static void make(struct gen *g, int32_t cases, int32_t mask)
{
	struct text *t = &g->text;
	uint32_t top;

	t->n = 0;
	g->nexits = g->nothers = 0;
	put(t, 0xbf, 7, 1, 0, 0);
	put(t, 0xb7, 0, 0, 0, 0);
	put(t, 0xb7, 8, 0, 0, 0);
	top = t->n;
	put(t, 0x79, 6, 7, 0, 0);
	if (mask)
		put(t, 0x57, 6, 0, 0, mask);
	tree(g, 0, cases - 1);
	for (uint32_t i = 0; i < g->nothers; i++)
		t->in[g->others[i]].off = (int16_t)(t->n - g->others[i] - 1);
	leaf(g);
	for (uint32_t i = 0; i < g->nexits; i++)
		t->in[g->exits[i]].off = (int16_t)(t->n - g->exits[i] - 1);
	put(t, 0x27, 0, 0, 0, 31);
	put(t, 0x07, 7, 0, 0, 8);
	put(t, 0x07, 8, 0, 0, 1);
	put(t, 0xa5, 8, 0, (int16_t)(top - t->n - 1), VALUES);
	put(t, 0x95, 0, 0, 0, 0);
}

static void fill(struct gen *g, int32_t cases, uint8_t *memory)
{
	static const uint64_t far[] = { 0,	    1,		UINT64_MAX, INT32_MAX, 1ull << 31,
					UINT32_MAX, 1ull << 32, INT64_MAX,  1ull << 63 };

	for (size_t i = 0; i < VALUES; i++) {
		uint64_t v = (uint64_t)(int64_t)(g->base +
						 (int32_t)(next(g) % (uint32_t)cases) * g->step);

		if (i < ARRAY_SIZE(far))
			v = far[i];
		else if (i % 4 == 0)
			v += (uint64_t)(next(g) % 3) - 1;
		else if (i % 4 == 1)
			v += (uint64_t)next(g) << 32;
		memcpy(memory + 8 * i, &v, 8);
	}
}

static void random_trees(void)
{
	static struct gen g = { .rnd = 7 };
	static const int32_t bases[] = { 0, 3, 17, 1000, INT32_MAX - 9, -5, INT32_MIN };
	static const int32_t masks[] = { 0, 0, 15, 63 };
	uint8_t memory[MEMORY];

	for (int i = 0; i < 400; i++) {
		int32_t cases = 1 + (int32_t)(next(&g) % 40);

		g.base = bases[next(&g) % ARRAY_SIZE(bases)];
		g.step = next(&g) % 4 ? 1 : (int32_t)(next(&g) % 20);
		if (g.base > 1000)
			g.step = 0 - g.step;
		g.wide = next(&g) & 1;
		g.sorted = next(&g) & 1;
		make(&g, cases, masks[next(&g) % ARRAY_SIZE(masks)]);
		fill(&g, cases, memory);
		if (!fixture_same(&g.text, memory)) {
			CHECK_MSG(false, "tree %d: %d cases from %d by %d", i, cases, g.base,
				  g.step);
			return;
		}
	}
}

#ifdef __x86_64__
static bool has_table(const struct gen *g, const struct jit_opts *opts)
{
	static const uint8_t jump[] = { 0x3e, 0x41, 0xff, 0xe3 };
	struct exec_prog *prog = fixture_prog(&g->text);
	struct jit_prog *jit = NULL;
	const uint8_t *code;
	bool found = false;
	size_t size;

	if (prog && CHECK_EQ_INT(jit_new(prog, opts, &jit, NULL), 0)) {
		code = jit_bytes(jit, &size);
		for (size_t i = 0; i + sizeof(jump) <= size; i++)
			found |= !memcmp(code + i, jump, sizeof(jump));
	}
	jit_free(jit);
	exec_prog_free(prog);
	return found;
}

static void what_becomes_a_table(void)
{
	static const struct {
		int32_t base, step, cases, mask;
		bool harden, blind, plain, yes;
	} table[] = {
		{ 0, 1, 16, 0, false, false, false, true },
		{ 0, 1, 16, 15, false, false, false, true },
		{ 40, 3, 20, 0, false, false, false, true },
		{ 0, 1, 3, 0, false, false, false, false },    /* too small */
		{ 0, 100, 16, 0, false, false, false, false }, /* too sparse */
		{ -16, 1, 16, 0, false, false, false, false }, /* negative */
		{ 0, 1, 16, 0, true, false, false, false },
		{ 1000, 1, 16, 0, false, true, false, false },
		{ 0, 1, 16, 0, false, false, true, false },
	};
	static struct gen g = { .sorted = true };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for (int wide = 0; wide < 2; wide++) {
			struct jit_opts opts = { .harden = table[i].harden,
						 .blind = table[i].blind,
						 .no_optimise = table[i].plain };

			g.base = table[i].base;
			g.step = table[i].step;
			g.wide = wide;
			make(&g, table[i].cases, table[i].mask);
			CHECK_MSG(has_table(&g, &opts) == table[i].yes, "row %zu, wide %d", i,
				  wide);
		}
}
#endif

CHECK_MAIN({ "random_trees", random_trees },
#ifdef __x86_64__
	   { "what_becomes_a_table", what_becomes_a_table },
#endif
)
