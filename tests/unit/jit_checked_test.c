// SPDX-License-Identifier: Apache-2.0
/*
 * Checked code against the interpreter where programs go astray: accesses at and around both ends of regions of
 * every kind, by every instruction that touches memory; pointers that wander between regions; regions that a helper
 * takes away; every budget from 1 to enough. Both must give the same result, error, place and memory.
 */
#include "helper/helper.h"
#include "jit_fixture.h"

#define ARENA 1024
#define OPEN "X0109"

/* A run's memory: regions with room between them, and a list of pointers that programs walk. */
struct world {
	uint8_t bytes[ARENA];
	uint64_t list[16];
	struct exec_run run;
	uint64_t budget;
	char id[8]; /* how the interpreter ended */
};

struct end {
	int r;
	uint64_t r0;
	char id[8];
	uint64_t at;
	uint8_t bytes[ARENA];
};

static const struct {
	const char *name;
	uint32_t off, size;
	enum exec_region_kind kind;
	bool writable;
} regions[] = {
	{ "memory", 64, 64, REGION_MEM, true },
	{ "read-only", 192, 32, REGION_RODATA, false },
	{ "one byte", 256, 1, REGION_MEM, true },
	{ "three bytes", 323, 3, REGION_MEM, true },
	{ "reservation", 400, 24, REGION_RING, true },
	{ "packet", 501, 61, REGION_PACKET, true },
};

/* Takes the reservation away, as submitting does. */
static uint64_t drop(void *run, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)b, (void)c, (void)d, (void)e;
	exec_region_remove(run, REGION_RING, a);
	return 0;
}

static uint64_t end_here(void *run, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	static const struct err_def def = { "T0001", EINVAL, "a helper ended it" };

	(void)b, (void)c, (void)d, (void)e;
	if (a)
		exec_fault(run, &def, NULL);
	return 7;
}

static const struct exec_custom helpers[] = {
	{ .id = 1, .name = "drop", .fn = drop, .args = { ARG_ANY } },
	{ .id = 2, .name = "end", .fn = end_here, .args = { ARG_ANY } },
	{ .id = 3, .name = "look", .fn = end_here, .args = { ARG_MEM, ARG_SIZE } },
};

static void prepare(struct world *w)
{
	exec_run_start(&w->run, w->budget);
	for (size_t i = 0; i < ARENA; i++)
		w->bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		exec_region_add(&w->run,
				&(struct exec_region){ .base = (uintptr_t)w->bytes + regions[i].off,
						       .size = regions[i].size,
						       .kind = regions[i].kind,
						       .writable = regions[i].writable,
						       .name = regions[i].name });
	exec_region_add(&w->run, &(struct exec_region){ .base = (uintptr_t)w->list,
							.size = sizeof(w->list),
							.kind = REGION_KERNEL,
							.name = "list" });
	w->run.ctx_len = sizeof(w->list);
}

static struct end run_on(struct world *w, const struct exec_prog *prog, const struct jit_prog *jit)
{
	struct skep_error *err = NULL;
	struct end end = { 0 };
	uint64_t ctx = (uintptr_t)w->list;

	prepare(w);
	end.r = jit ? jit_run(jit, &w->run, ctx, &end.r0, &err) :
		      exec(prog, &w->run, ctx, &end.r0, &err);
	if (err) {
		snprintf(end.id, sizeof(end.id), "%s", skep_error_id(err));
		end.at = skep_error_place(err)->at;
		skep_error_free(err);
	}
	memcpy(end.bytes, w->bytes, ARENA);
	return end;
}

static struct exec_prog *prog_of(const struct text *t)
{
	struct exec_prog_opts o = { .object = "t",
				    .name = "t",
				    .insns = t->in,
				    .ninsns = t->n,
				    .prog_type = -1,
				    .customs = helpers,
				    .ncustoms = ARRAY_SIZE(helpers) };
	struct exec_prog *prog = NULL;

	CHECK_EQ_INT(exec_prog_new(&o, &prog, NULL), 0);
	return prog;
}

static const struct jit_opts variants[] = {
	{ .mode = JIT_CHECKED },
	{ .mode = JIT_CHECKED, .no_optimise = true },
};

/* Compiles once; the caller runs it in several worlds. False: there is no checked mode here. */
struct pair {
	struct exec_prog *prog;
	struct jit_prog *jit[2];
};

static bool open_pair(struct pair *p, const struct text *t)
{
	bool good;

	*p = (struct pair){ .prog = prog_of(t) };
	good = p->prog != NULL;
	for (size_t i = 0; good && i < ARRAY_SIZE(variants); i++)
		good = jit_new(p->prog, &variants[i], &p->jit[i], NULL) == 0;
	return good;
}

static void close_pair(struct pair *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++)
		jit_free(p->jit[i]);
	exec_prog_free(p->prog);
}

/* True: it ended by an error, but for the reservation that is left open. */
static bool agree(struct world *w, const struct pair *p, bool places)
{
	struct end want = run_on(w, p->prog, NULL);

	memcpy(w->id, want.id, sizeof(w->id));
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		struct end got = run_on(w, p->prog, p->jit[i]);

		CHECK_MSG(got.r == want.r && got.r0 == want.r0 && !strcmp(got.id, want.id) &&
				  (!places || got.at == want.at) &&
				  !memcmp(got.bytes, want.bytes, ARENA),
			  "variant %zu: %d 0x%llx %s at %llu, interpreter %d 0x%llx %s at %llu", i,
			  got.r, (unsigned long long)got.r0, got.id, (unsigned long long)got.at,
			  want.r, (unsigned long long)want.r0, want.id,
			  (unsigned long long)want.at);
	}
	return want.r < 0 && strcmp(want.id, OPEN) != 0;
}

static bool none(void)
{
	struct pair p;
	struct text t = { .n = 0 };
	bool have;

	put(&t, 0xb7, 0, 0, 0, 1);
	put(&t, 0x95, 0, 0, 0, 0);
	have = open_pair(&p, &t);
	close_pair(&p);
	return !have;
}

static const struct {
	const char *name;
	uint8_t code;
	int32_t imm;
	bool load;
} accesses[] = {
	{ "ldxb", 0x71, 0, true },	    { "ldxh", 0x69, 0, true },
	{ "ldxw", 0x61, 0, true },	    { "ldxdw", 0x79, 0, true },
	{ "ldxsb", 0x91, 0, true },	    { "ldxsh", 0x89, 0, true },
	{ "ldxsw", 0x81, 0, true },	    { "stb", 0x72, 5, false },
	{ "stxh", 0x6b, 0, false },	    { "stxw", 0x63, 0, false },
	{ "stdw", 0x7a, 9, false },	    { "stxdw", 0x7b, 0, false },
	{ "add64", 0xdb, 0, false },	    { "fetch or32", 0xc3, 0x41, false },
	{ "xchg64", 0xdb, 0xe1, false },    { "cmpxchg32", 0xc3, 0xf1, false },
	{ "acquire16", 0xcb, 0x100, true }, { "release64", 0xdb, 0x110, false },
};

/* The access through register @p: a load into r8, a store of r8 or of a constant. */
static void put_one(struct text *t, size_t a, unsigned int p, int off)
{
	unsigned int src = accesses[a].load ? p : (accesses[a].code & 7) == 2 ? 0 : 8;

	put(t, accesses[a].code, accesses[a].load ? 8 : p, src, off, accesses[a].imm);
}

/* The pointer as a constant, and from memory; each with the offset in the instruction or in the pointer. */
static void put_access(struct text *t, size_t a, uint64_t addr, int off, int how)
{
	unsigned int p = 6;

	t->n = 0;
	put(t, 0xbf, 7, 1, 0, 0);
	put(t, 0xb7, 0, 0, 0, 77);
	put(t, 0xb7, 8, 0, 0, 0x1234);
	if (how & 1)
		put_lddw(t, p, addr);
	else
		put(t, 0x79, p, 7, 0, 0);
	if (how & 2) {
		put(t, 0x07, p, 0, 0, off);
		off = 0;
	}
	put_one(t, a, p, off);
	put(t, 0xaf, 0, 8, 0, 0);
	put(t, 0x95, 0, 0, 0, 0);
}

static void edges(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct text t;
	struct pair p;
	int faults = 0;

	if (none())
		CHECK_SKIP("no checked mode for this machine");
	if (!w || exec_run_init(&w->run, NULL) < 0)
		abort();
	for (size_t r = 0; r < ARRAY_SIZE(regions); r++)
		for (size_t a = 0; a < ARRAY_SIZE(accesses); a += getenv("SKEP_EMULATED") ? 4 : 1)
			for (int how = 0; how < 4; how++)
				for (int side = 0; side < 2; side++)
					for (int off = -9; off <= 9; off++) {
						uint64_t base = (uintptr_t)w->bytes +
								regions[r].off +
								(side ? regions[r].size : 0);

						CHECK_CASE("%s of %s, side %d, offset %d, form %d",
							   accesses[a].name, regions[r].name, side,
							   off, how);
						w->list[0] = base;
						put_access(&t, a, base, off, how);
						if (open_pair(&p, &t))
							faults += agree(w, &p, true);
						close_pair(&p);
					}
	CHECK(faults > 1000);
	exec_run_done(&w->run);
	free(w);
}

/* The stack: both ends of the frame, by constants and by sums; addresses that are nothing. */
static void stack_and_wild(void)
{
	static const uint64_t wild[] = { 0,
					 1,
					 8,
					 4095,
					 0xbad0c0debad0c0de,
					 UINT64_MAX,
					 UINT64_MAX - 7,
					 1ull << 63,
					 0x7fffffffffff };
	struct world *w = calloc(1, sizeof(*w));
	struct text t;
	struct pair p;

	if (none())
		CHECK_SKIP("no checked mode for this machine");
	if (!w || exec_run_init(&w->run, NULL) < 0)
		abort();
	for (size_t a = 0; a < ARRAY_SIZE(accesses); a++) {
		for (int off = -530; off <= 12; off += off < -494 || off > -20 ? 1 : 59)
			for (int how = 0; how < 3; how++) {
				CHECK_CASE("%s at r10%+d, form %d", accesses[a].name, off, how);
				t.n = 0;
				w->list[0] = (uint64_t)(int64_t)off;
				put(&t, 0xb7, 0, 0, 0, 77);
				put(&t, 0xb7, 8, 0, 0, 0x1234);
				put(&t, 0xbf, 6, 10, 0, 0);
				if (how == 2)
					put(&t, 0x79, 7, 1, 0, 0);
				if (how == 2)
					put(&t, 0x0f, 6, 7, 0, 0);
				put_one(&t, a, how ? 6 : 10, how == 2 ? 0 : off);
				put(&t, 0xaf, 0, 8, 0, 0);
				put(&t, 0x95, 0, 0, 0, 0);
				if (open_pair(&p, &t))
					agree(w, &p, true);
				close_pair(&p);
			}
		for (size_t i = 0; i < ARRAY_SIZE(wild); i++)
			for (int how = 0; how < 4; how++) {
				CHECK_CASE("%s at 0x%llx", accesses[a].name,
					   (unsigned long long)wild[i]);
				w->list[0] = wild[i];
				put_access(&t, a, wild[i], 3, how);
				if (open_pair(&p, &t))
					agree(w, &p, true);
				close_pair(&p);
			}
	}
	exec_run_done(&w->run);
	free(w);
}

/* One access in a loop over a list of pointers, most of them good. */
static void wandering(void)
{
	struct world *w = calloc(1, sizeof(*w));
	int ends[2] = { 0 };

	if (none())
		CHECK_SKIP("no checked mode for this machine");
	if (!w || exec_run_init(&w->run, NULL) < 0)
		abort();
	state = 0x243f6a8885a308d3;
	for (size_t a = 0; a < ARRAY_SIZE(accesses); a++) {
		struct text t = { .n = 0 };
		struct pair p;
		uint32_t top;

		put(&t, 0xbf, 7, 1, 0, 0);
		put(&t, 0xb7, 8, 0, 0, 3);
		put(&t, 0xb7, 9, 0, 0, 16);
		put(&t, 0xb7, 0, 0, 0, 0);
		top = t.n;
		put(&t, 0x79, 6, 7, 0, 0);
		put_one(&t, a, 6, 0);
		put(&t, 0x27, 0, 0, 0, 31);
		put(&t, 0xaf, 0, 8, 0, 0);
		put(&t, 0x07, 7, 0, 0, 8);
		put(&t, 0x07, 9, 0, 0, -1);
		put(&t, 0x55, 9, 0, (int)top - (int)t.n - 1, 0);
		put(&t, 0x95, 0, 0, 0, 0);
		if (!open_pair(&p, &t))
			abort();
		for (int i = 0; i < 200; i++) {
			CHECK_CASE("%s, list %d", accesses[a].name, i);
			for (int k = 0; k < 16; k++) {
				size_t r = random64() % ARRAY_SIZE(regions);

				r = accesses[a].load || random64() % 8 == 0 || r != 1 ? r : 0;
				w->list[k] = (uintptr_t)w->bytes + regions[r].off;
				if (regions[r].size > 16)
					w->list[k] += random64() % (regions[r].size - 7) & ~7ull;
				if (random64() % 24 == 0)
					w->list[k] += random64() % 64;
				if (regions[r].size < 8 && random64() % 4)
					w->list[k] = (uintptr_t)w->bytes + 64;
			}
			ends[agree(w, &p, true)]++;
		}
		close_pair(&p);
	}
	CHECK(ends[0] > 50 && ends[1] > 50);
	exec_run_done(&w->run);
	free(w);
}

/* Calls: what is gone afterwards, bad arguments, a helper that ends the run. */
static void calls(void)
{
	static const struct {
		const char *name;
		uint32_t helper, r1, r2; /* offsets in the memory; r2 a number */
		const char *id;
	} cases[] = {
		{ "dropped", 1, 400, 0, "X0101" },    { "another", 1, 64, 0, "" },
		{ "ends", 2, 1, 0, "T0001" },	      { "good argument", 3, 64, 64, "T0001" },
		{ "long argument", 3, 64, 65, NULL }, { "no size", 3, 64, 0, NULL },
		{ "before it", 3, 63, 2, NULL },
	};
	struct world *w = calloc(1, sizeof(*w));
	struct text t;
	struct pair p;

	if (none())
		CHECK_SKIP("no checked mode for this machine");
	if (!w || exec_run_init(&w->run, NULL) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int loop = 0; loop < 2; loop++) {
			CHECK_CASE("%s, %d", cases[i].name, loop);
			w->list[0] = (uintptr_t)w->bytes + 400;
			t.n = 0;
			put(&t, 0x79, 6, 1, 0, 0);
			put(&t, 0xbf, 7, 6, 0, 0);
			put(&t, 0x79, 8, 7, 0, 0); /* what is checked before the call */
			put_lddw(&t, 1, (uintptr_t)w->bytes + cases[i].r1);
			put(&t, 0xb7, 2, 0, 0, (int32_t)cases[i].r2);
			put(&t, 0x85, 0, 0, 0, (int32_t)cases[i].helper);
			put(&t, 0x79, 0, 7, 0, 0);
			put(&t, 0x7b, 7, 0, 8, 0);
			if (loop) /* for ever */
				put(&t, 0x05, 0, 0, -8, 0);
			put_lddw(&t, 1, (uintptr_t)w->bytes + 400);
			put(&t, 0x85, 0, 0, 0, 1); /* one that is left open is an error */
			put(&t, 0x95, 0, 0, 0, 0);
			w->budget = 1000;
			if (!open_pair(&p, &t))
				abort();
			agree(w, &p, !loop);
			if (cases[i].id && !loop)
				CHECK_EQ_STR(w->id, cases[i].id);
			else
				CHECK(*w->id);
			close_pair(&p);
		}
	exec_run_done(&w->run);
	free(w);
}

/* Rounds that are paid for behind the loop, which is left at two places; or two such loops in one that pays by the round. */
static void put_rounds(struct text *t, bool early)
{
	if (early) {
		put(t, 0x79, 4, 1, 0, 0);
		put(t, 0x27, 4, 0, 0, 8);
		put(t, 0x07, 4, 0, 0, 5);
		put(t, 0xb7, 2, 0, 0, 0);
		put(t, 0x07, 0, 0, 0, 7);
		put(t, 0x1d, 2, 4, 2, 0);
		put(t, 0x07, 2, 0, 0, 1);
		put(t, 0xa5, 2, 0, -4, 10);
		put(t, 0x27, 0, 0, 0, 3);
		return;
	}
	put(t, 0xb7, 2, 0, 0, 2);
	put(t, 0x35, 2, 0, 3, 12);
	put(t, 0x0f, 0, 2, 0, 0);
	put(t, 0x07, 2, 0, 0, 3);
	put(t, 0x05, 0, 0, -4, 0);
	put(t, 0xb7, 2, 0, 0, 0);
	put(t, 0x07, 2, 0, 0, 2);
	put(t, 0x07, 0, 0, 0, 1);
	put(t, 0x55, 2, 0, -3, 6);
	put(t, 0x07, 6, 0, 0, -3);
	put(t, 0x65, 6, 0, -11, 0);
}

/* Programs that take some 60 instructions: straight, branching, looping, calling, uneven functions, may_goto. */
static uint32_t put_budget(struct text *t, int kind)
{
	t->n = 0;
	put(t, 0xb7, 6, 0, 0, kind == 0 ? 0 : 8);
	put(t, 0xb7, 0, 0, 0, 0);
	put_lddw(t, 7, 3);
	switch (kind) {
	case 0: /* no loop: the branch decides between two lengths */
		put(t, 0x79, 2, 1, 0, 0);
		put(t, 0x45, 2, 0, 3, 1);
		for (int i = 0; i < 3; i++)
			put(t, 0x07, 0, 0, 0, 3);
		put(t, 0x07, 0, 0, 0, 1);
		break;
	case 1:
		put(t, 0x0f, 0, 6, 0, 0);
		put(t, 0x45, 6, 0, 2, 1);
		put(t, 0x07, 0, 0, 0, 9);
		put(t, 0x27, 0, 0, 0, 3);
		put(t, 0x07, 6, 0, 0, -1);
		put(t, 0x55, 6, 0, -6, 0);
		break;
	case 2: /* a helper that sees the run */
		put(t, 0xb7, 1, 0, 0, 0);
		put(t, 0x85, 0, 0, 0, 2);
		put(t, 0x07, 6, 0, 0, -1);
		put(t, 0x55, 6, 0, -4, 0);
		break;
	case 5:
	case 6:
		put_rounds(t, kind == 5);
		break;
	default: /* a function of the program, even (3) or uneven (4) */
		put(t, 0xbf, 1, 6, 0, 0);
		put(t, 0x85, 0, 1, 0, 3);
		put(t, 0x07, 6, 0, 0, -1);
		put(t, 0x55, 6, 0, -4, 0);
		put(t, 0x95, 0, 0, 0, 0);
		put(t, 0xbf, 0, 1, 0, 0);
		if (kind == 4)
			put(t, 0x45, 0, 0, 2, 1);
		put(t, 0x07, 0, 0, 0, 5);
		put(t, 0x07, 0, 0, 0, 5);
	}
	put(t, 0x95, 0, 0, 0, 0);
	return 200;
}

static void budgets(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct text t;
	struct pair p;

	if (none())
		CHECK_SKIP("no checked mode for this machine");
	if (!w || exec_run_init(&w->run, NULL) < 0)
		abort();
	for (int kind = 0; kind < 7; kind++) {
		uint32_t most = put_budget(&t, kind), enough = 0;

		if (!open_pair(&p, &t))
			abort();
		for (w->budget = 1; w->budget <= most; w->budget++)
			for (w->list[0] = 0; w->list[0] < 2; w->list[0]++) {
				CHECK_CASE("program %d, budget %llu", kind,
					   (unsigned long long)w->budget);
				/* the reservation is left open */
				enough += strcmp(run_on(w, p.prog, NULL).id, "X0106") != 0;
				agree(w, &p, false);
			}
		CHECK(enough > 100 && enough < 2 * most);
		close_pair(&p);
	}
	exec_run_done(&w->run);
	free(w);
}

/* Loops over r1 whose bytes the entry asks for at once: up to both ends of the region, and beyond. */
static void loops(void)
{
	static const struct {
		uint8_t jump;
		int top; /* the comparison stands at the top, and leaves */
	} forms[] = { { 0x55, 0 }, { 0xa5, 0 }, { 0xb5, 0 }, { 0x3d, 1 }, { 0x35, 1 }, { 0x15, 1 } };
	struct world *w = calloc(1, sizeof(*w));
	int faults = 0, runs = 0;

	if (none())
		CHECK_SKIP("no checked mode for this machine");
	if (!w || exec_run_init(&w->run, NULL) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(w->list); i++)
		w->list[i] = i * 0x9e3779b97f4a7c15;
	for (size_t form = 0; form < ARRAY_SIZE(forms); form++)
		for (int step = 1; step <= 8; step *= 2)
			for (int limit = 112; limit <= 136; limit += step)
				for (int early = 0; early < 2; early++) {
					struct text t = { .n = 0 };
					struct pair p;
					uint32_t top;

					if (forms[form].jump & 8 && forms[form].top)
						continue; /* with a register: no constant */
					CHECK_CASE("form %zu, step %d, limit %d, early %d", form,
						   step, limit, early);
					put(&t, 0xb7, 0, 0, 0, 0);
					put(&t, 0xb7, 2, 0, 0, 0);
					put(&t, 0x79, 5, 1, 0, 0);
					top = t.n;
					if (forms[form].top)
						put(&t, forms[form].jump, 2, 0, 6 + early, limit);
					put(&t, 0xbf, 3, 1, 0, 0);
					put(&t, 0x0f, 3, 2, 0, 0);
					put(&t, 0x71, 4, 3, 0, 0);
					if (early)
						put(&t, 0x25, 4, 0, 3, 250);
					put(&t, 0x0f, 0, 4, 0, 0);
					put(&t, 0x07, 2, 0, 0, step);
					if (forms[form].top)
						put(&t, 0x05, 0, 0, (int)top - (int)t.n - 1, 0);
					else
						put(&t, forms[form].jump, 2, 0,
						    (int)top - (int)t.n - 1, limit);
					put(&t, 0x95, 0, 0, 0, 0);
					if (!open_pair(&p, &t))
						abort();
					faults += agree(w, &p, true);
					runs++;
					close_pair(&p);
				}
	CHECK(faults > 20 && faults < runs);
	exec_run_done(&w->run);
	free(w);
}

enum meeting {
	MEET_ARGUMENT, /* the callee accesses what it is given: an element of the list */
	MEET_CALLER,   /* and what lies around the caller's frame */
	MEET_OWN,      /* and around its own */
	MEET_LATER,    /* the caller accesses the callee's frame, which is gone */
	MEET_DEEPER,   /* the callee's callee accesses the caller's frame */
	MEET_BRANCHES, /* one of two ways through the callee does */
	MEET_COUNT,
};

/* A small callee, called twice, and what its frame has to do with an access; @off goes to the pointer. */
static void put_meeting(struct text *t, size_t a, enum meeting how, int off)
{
	uint32_t calls[2];

	t->n = 0;
	put(t, 0xb7, 8, 0, 0, 0x1234);
	put(t, 0x7b, 10, 8, -8, 0);
	put(t, 0x79, 6, 1, 0, 0);
	for (int site = 0; site < 2; site++) {
		put(t, 0xbf, 1, how == MEET_ARGUMENT ? 6 : 10, 0, 0);
		put(t, 0x07, 1, 0, 0, off);
		put(t, 0xb7, 2, 0, 0, site);
		calls[site] = t->n;
		put(t, 0x85, 0, 1, 0, 0);
		if (!site) {
			put(t, how == MEET_LATER ? 0x71 : 0xb7, 5, 0, 0, 0);
			put(t, 0x0f, 8, 5, 0, 0);
		}
	}
	put(t, 0x0f, 0, 8, 0, 0);
	put(t, 0x79, 1, 10, -8, 0);
	put(t, 0x0f, 0, 1, 0, 0);
	put(t, 0x95, 0, 0, 0, 0);
	for (int site = 0; site < 2; site++)
		t->in[calls[site]].imm = (int32_t)(t->n - calls[site] - 1);
	if (how == MEET_DEEPER) {
		put(t, 0x7b, 10, 1, -16, 0);
		put(t, 0x85, 0, 1, 0, 2);
		put(t, 0x0f, 0, 0, 0, 0);
		put(t, 0x95, 0, 0, 0, 0);
	}
	put(t, 0xb7, 8, 0, 0, 0x77);
	put(t, 0xbf, 6, how == MEET_OWN ? 10 : 1, 0, 0);
	if (how == MEET_OWN)
		put(t, 0x07, 6, 0, 0, off);
	if (how == MEET_BRANCHES)
		put(t, 0x15, 2, 0, 1, 0);
	if (how != MEET_LATER)
		put_one(t, a, 6, 0);
	put(t, 0xbf, 0, 8, 0, 0);
	if (how == MEET_LATER) {
		put(t, 0xbf, 0, 10, 0, 0);
		put(t, 0x07, 0, 0, 0, off);
	}
	put(t, 0x95, 0, 0, 0, 0);
}

/* Callees that are written where they are called fault as they would have, and each knows its own frame. */
static void spliced(void)
{
	struct world *w = calloc(1, sizeof(*w));
	int faults[MEET_COUNT] = { 0 }, runs = 0;

	if (none())
		CHECK_SKIP("no checked mode for this machine");
	if (!w || exec_run_init(&w->run, NULL) < 0)
		abort();
	w->budget = 1000;
	for (size_t a = 0; a < ARRAY_SIZE(accesses); a += getenv("SKEP_EMULATED") ? 5 : 1)
		for (int how = 0; how < MEET_COUNT; how++)
			for (int off = -520; off <= 9; off += off < -503 || off > -18 ? 1 : 97) {
				struct text t;
				struct pair p;

				CHECK_CASE("%s at %d, form %d", accesses[a].name, off, how);
				w->list[0] = (uintptr_t)w->bytes + 576;
				put_meeting(&t, a, (enum meeting)how, off);
				if (!open_pair(&p, &t))
					abort();
				faults[how] += agree(w, &p, true);
				runs++;
				close_pair(&p);
			}
	for (int how = 0; how < MEET_COUNT; how++)
		CHECK(faults[how] > 20 && faults[how] < runs / MEET_COUNT + (how == MEET_LATER));
	exec_run_done(&w->run);
	free(w);
}

/* Words of the entry's frame that are variables, but where some are read unwritten, or a callee has their address. */
static void words(void)
{
	struct world *w = calloc(1, sizeof(*w));

	if (none())
		CHECK_SKIP("no checked mode for this machine");
	if (!w || exec_run_init(&w->run, NULL) < 0)
		abort();
	w->budget = 1000;
	for (int how = 0; how < 16; how++) {
		struct text t = { .n = 0 };
		uint32_t call;
		struct pair p;

		CHECK_CASE("form %d", how);
		put(&t, 0x79, 7, 1, 0, 0);
		put(&t, 0xb7, 8, 0, 0, 21);
		for (int i = 1; i <= 40; i++) {
			put(&t, 0x07, 8, 0, 0, i);
			put(&t, 0x7b, 10, 8, -8 * i, 0);
		}
		if (how & 1)
			put(&t, 0x15, 7, 0, 1, 0);
		put(&t, 0x7b, 10, 8, -8 * 41, 0);
		put(&t, 0xbf, 1, how & 2 ? 10 : 8, 0, 0);
		call = t.n;
		put(&t, 0x85, 0, 1, 0, 0);
		for (int i = 1; i <= (how & 8 ? 42 : 41); i++) { /* the last is never written */
			put(&t, 0x79, 9, 10, -8 * i, 0);
			put(&t, 0xaf, 0, 9, 0, 0);
		}
		if (how & 4) /* a part of a word */
			put(&t, 0x71, 3, 10, -8 * 3 + 2, 0);
		if (how & 4)
			put(&t, 0x0f, 0, 3, 0, 0);
		put(&t, 0x95, 0, 0, 0, 0);
		t.in[call].imm = (int32_t)(t.n - call - 1);
		put(&t, 0xbf, 0, 1, 0, 0);
		if (how & 2)
			put(&t, 0x7a, 1, 0, -16, 99);
		put(&t, 0x95, 0, 0, 0, 0);
		for (w->list[0] = 0; w->list[0] < 2; w->list[0]++) {
			if (!open_pair(&p, &t))
				abort();
			CHECK(!agree(w, &p, true));
			close_pair(&p);
		}
	}
	exec_run_done(&w->run);
	free(w);
}

CHECK_MAIN({ "edges", edges }, { "stack_and_wild", stack_and_wild }, { "wandering", wandering },
	   { "calls", calls }, { "budgets", budgets }, { "loops", loops }, { "spliced", spliced },
	   { "words", words })
