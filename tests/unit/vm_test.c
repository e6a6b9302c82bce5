// SPDX-License-Identifier: Apache-2.0
/*
 * The embedder's machine: engines, layouts, helpers with and without a context, states on many threads, the code
 * itself. Each test runs on every engine that this build has.
 */
#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "skep/vm.h"

static const struct {
	const char *name;
	enum skep_engine engine;
	bool checks;
} engines[] = {
	{ "interpreter", SKEP_ENGINE_INTERP, true },
	{ "checked", SKEP_ENGINE_CHECKED, true },
	{ "jit", SKEP_ENGINE_JIT, false },
};

static int new_vm(const char *text, const struct skep_vm_opts *opts, struct skep_vm **ret,
		  struct skep_error **err)
{
	struct skep_insn *insns = NULL;
	size_t n;
	int r = skep_insn_assemble(text, &insns, &n, err);

	if (r == 0)
		r = skep_vm_new(insns, n, opts, ret, err);
	free(insns);
	return r;
}

/* Opens @text on engines[@e]; false: this build does not have it, and the case says so. */
static bool open_on(size_t e, const char *text, struct skep_vm_opts *opts, struct skep_vm **ret)
{
	struct skep_error *err = NULL;
	int r;

	opts->size = sizeof(*opts);
	opts->engine = engines[e].engine;
	r = new_vm(text, opts, ret, &err);
	if (r == -EOPNOTSUPP && engines[e].engine != SKEP_ENGINE_INTERP) {
		/* compilers take these programs, but for calls that are decided at run time */
		CHECK(strstr(text, "callx") || strcmp(skep_error_id(err), "J0002") != 0);
		skep_error_free(err);
		return false;
	}
	CHECK_MSG(r == 0, "%s", err ? skep_error_message(err) : "failed");
	skep_error_free(err);
	return r == 0;
}

static uint64_t add(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)c, (void)d, (void)e;
	*(uint64_t *)ctx += 1;
	return a + b;
}

/* Writes through an address of the program's. */
static uint64_t fill(void *state, uint64_t addr, uint64_t len, uint64_t c, uint64_t d, uint64_t e)
{
	void *p = skep_vm_memory(state, addr, len, 1);

	(void)d, (void)e;
	if (p)
		memset(p, (int)c, len);
	return p ? len : 0;
}

static uint64_t count(void *state, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)a, (void)b, (void)c, (void)d, (void)e;
	return ++*(uint64_t *)skep_vm_user(state);
}

static uint64_t leave(void *state, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)b, (void)c, (void)d, (void)e;
	skep_vm_end(state, a);
	return 1;
}

static const struct skep_vm_helper with_ctx[] = { { .id = 7, .name = "add", .fn = add }, { 0 } };
static const struct skep_vm_helper with_state[] = { { .id = 1, .name = "fill", .fn = fill },
						    { .id = 2, .name = "count", .fn = count },
						    { .id = 3, .name = "leave", .fn = leave },
						    { 0 } };

static void helpers(void)
{
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		uint64_t calls = 0, r0 = 0;
		struct skep_vm_opts opts = { .helpers = with_ctx, .ctx = &calls };
		struct skep_vm *vm = NULL;
		uint8_t mem[16] = { 0 };

		CHECK_CASE("%s, a context", engines[e].name);
		if (open_on(e, "mov %r1, 30\nmov %r2, 12\ncall 7\nexit\n", &opts, &vm)) {
			CHECK_EQ_INT(skep_vm_run(vm, NULL, 0, &r0, NULL), 0);
			CHECK_EQ_INT(r0, 42);
			CHECK_EQ_INT(calls, 1);
		}
		skep_vm_free(vm);
		vm = NULL;
		opts = (struct skep_vm_opts){ .helpers = with_state };
		CHECK_CASE("%s, the state: memory", engines[e].name);
		if (open_on(e, "add %r1, 4\nmov %r2, 8\nmov %r3, 0x11\ncall 1\nexit\n", &opts,
			    &vm)) {
			CHECK_EQ_INT(skep_vm_run(vm, mem, sizeof(mem), &r0, NULL), 0);
			CHECK_EQ_INT(r0, 8);
			CHECK_EQ_MEM(mem, "\0\0\0\0\x11\x11\x11\x11\x11\x11\x11\x11\0\0\0\0", 16);
		}
		skep_vm_free(vm);
		vm = NULL;
		CHECK_CASE("%s, the state: memory of the stack", engines[e].name);
		if (open_on(e,
			    "mov %r1, %r10\nadd %r1, -8\nmov %r2, 8\nmov %r3, 0x22\ncall 1\n"
			    "ldxdw %r0, [%r10-8]\nexit\n",
			    &opts, &vm)) {
			CHECK_EQ_INT(skep_vm_run(vm, NULL, 0, &r0, NULL), 0);
			CHECK_EQ_INT(r0, 0x2222222222222222);
		}
		skep_vm_free(vm);
	}
}

static uint64_t sum(void *ctx, uint64_t a, uint64_t n, uint64_t out, uint64_t d, uint64_t e)
{
	uint64_t total = 0;

	(void)ctx, (void)d, (void)e;
	for (uint64_t i = 0; i < n; i++)
		total += ((const uint8_t *)(uintptr_t)a)[i];
	*(uint64_t *)(uintptr_t)out = total;
	return 0;
}

static uint64_t text_length(void *ctx, uint64_t mem, uint64_t text, uint64_t c, uint64_t d,
			    uint64_t e)
{
	(void)ctx, (void)mem, (void)c, (void)d, (void)e;
	return strlen((const char *)(uintptr_t)text);
}

static const struct skep_vm_helper typed[] = {
	{ 1, "sum", sum, { SKEP_ARG_READ, SKEP_ARG_SIZE, SKEP_ARG_WORD } },
	{ 2, "text_length", text_length, { SKEP_ARG_MEM, SKEP_ARG_TEXT } },
	{ 0 },
};

/* Arguments are checked before the call, by number and through a register. */
static void arguments(void)
{
	static const struct {
		const char *text, *id;
		uint64_t r0;
	} rows[] = {
		{ "mov %r3, %r10\nadd %r3, -8\nmov %r2, 4\ncall 1\nldxdw %r0, [%r10-8]\nexit\n",
		  NULL, 1 + 2 + 3 + 4 },
		{ "mov %r3, %r10\nadd %r3, -8\nmov %r2, 17\ncall 1\nexit\n", "X0201", 0 },
		{ "mov %r3, %r10\nadd %r3, -8\nmov %r2, 0\ncall 1\nexit\n", "X0202", 0 },
		{ "mov %r3, %r10\nadd %r3, -7\nmov %r2, 4\ncall 1\nexit\n", "X0201", 0 },
		{ "mov %r3, %r10\nadd %r3, -7\nmov %r2, 4\nmov %r4, 1\ncallx %r4\nexit\n", "X0201",
		  0 },
		{ "mov %r2, %r1\nadd %r2, 4\ncall 2\nexit\n", NULL, 3 },
		{ "mov %r2, %r1\nadd %r2, 4\nmov %r4, 2\ncallx %r4\nexit\n", NULL, 3 },
		{ "mov %r2, %r1\nadd %r2, 8\ncall 2\nexit\n", "X0203", 0 },
		{ "mov %r2, %r1\nadd %r2, 4\nadd %r1, 1\ncall 2\nexit\n", "X0205", 0 },
	};

	for (size_t e = 0; e < ARRAY_SIZE(engines); e++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct skep_vm_opts opts = { .helpers = typed };
			struct skep_error *err = NULL;
			struct skep_vm *vm = NULL;
			uint8_t mem[16] = { 1, 2, 3, 4, 'a', 'b', 'c', 0, 1, 1, 1, 1, 1, 1, 1, 1 };
			uint64_t r0 = 0;

			if (!engines[e].checks && rows[i].id)
				continue;
			CHECK_CASE("%s: %s", engines[e].name, rows[i].text);
			if (open_on(e, rows[i].text, &opts, &vm)) {
				skep_vm_run(vm, mem, sizeof(mem), &r0, &err);
				CHECK_ERR(err, rows[i].id);
				CHECK_EQ_INT(r0, rows[i].r0);
			}
			skep_error_free(err);
			skep_vm_free(vm);
		}
}

static void ends(void)
{
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		struct skep_vm_opts opts = { .helpers = with_state };
		struct skep_error *err = NULL;
		struct skep_vm *vm = NULL;
		uint64_t r0 = 0;
		uint8_t mem[16] = { 0 };

		CHECK_CASE("%s, a helper ends the run", engines[e].name);
		if (open_on(e, "mov %r1, 5\ncall 3\nmov %r0, 6\nexit\n", &opts, &vm)) {
			CHECK_EQ_INT(skep_vm_run(vm, NULL, 0, &r0, &err), 0);
			CHECK_EQ_INT(r0, 5);
			CHECK(err == NULL);
		}
		skep_vm_free(vm);
		vm = NULL;
		CHECK_CASE("%s, inside a function", engines[e].name);
		if (open_on(e,
			    "call local inner\nmov %r0, 9\nexit\n"
			    "inner: mov %r1, 4\ncall 3\nmov %r0, 6\nexit\n",
			    &opts, &vm)) {
			CHECK_EQ_INT(skep_vm_run(vm, NULL, 0, &r0, &err), 0);
			CHECK_EQ_INT(r0, 4);
		}
		skep_vm_free(vm);
		vm = NULL;
		CHECK_CASE("%s, a helper is given bad memory", engines[e].name);
		if (open_on(e, "add %r1, 12\nmov %r2, 8\ncall 1\nmov %r0, 1\nexit\n", &opts, &vm)) {
			CHECK_EQ_INT(skep_vm_run(vm, mem, sizeof(mem), &r0, &err), -EACCES);
			CHECK_ERR(err, "A0008");
		}
		skep_error_free(err);
		skep_vm_free(vm);
	}
}

static uint64_t elsewhere[4];

static void layouts(void)
{
	static const struct skep_vm_region layout[] = {
		{ "in", .offset = 0, .size = 8 },
		{ "out", .offset = 8, .size = 8, .writable = 1 },
		{ "table", .base = elsewhere, .size = sizeof(elsewhere), .writable = 1 },
		{ 0 },
	};
	static const struct {
		const char *text, *id;
		uint64_t r0;
	} rows[] = {
		{ "ldxdw %r0, [%r1+0]\nstxdw [%r1+8], %r0\nexit\n", NULL, 3 },
		{ "stxdw [%r1+0], %r1\nmov %r0, 0\nexit\n", "X0103", 0 },
		{ "ldxdw %r0, [%r1+16]\nexit\n", "X0101", 0 },
		{ "ldxdw %r0, [%r1+4]\nexit\n", "X0101", 0 },
		{ "ldxdw %r2, [%r1+0]\nstxdw [%r2+8], %r2\nexit\n", "X0102", 0 },
	};

	for (size_t e = 0; e < ARRAY_SIZE(engines); e++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct skep_vm_opts opts = { .regions = layout };
			struct skep_error *err = NULL;
			struct skep_vm *vm = NULL;
			uint64_t mem[4] = { 3, 0, 0, 0 }, r0 = 0;

			if (!engines[e].checks && rows[i].id)
				continue;
			CHECK_CASE("%s: %s", engines[e].name, rows[i].text);
			if (open_on(e, rows[i].text, &opts, &vm)) {
				skep_vm_run(vm, mem, sizeof(mem), &r0, &err);
				CHECK_ERR(err, rows[i].id);
				CHECK_EQ_INT(r0, rows[i].r0);
			}
			skep_error_free(err);
			skep_vm_free(vm);
		}
	CHECK_CASE("memory that lies elsewhere");
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		struct skep_vm_opts opts = { .regions = layout };
		struct skep_vm *vm = NULL;
		uint64_t mem[2] = { (uint64_t)(uintptr_t)elsewhere, 0 }, r0 = 0;

		elsewhere[1] = 77;
		if (open_on(e, "ldxdw %r2, [%r1+0]\nldxdw %r0, [%r2+8]\nexit\n", &opts, &vm)) {
			CHECK_EQ_INT(skep_vm_run(vm, mem, sizeof(mem), &r0, NULL), 0);
			CHECK_EQ_INT(r0, 77);
		}
		skep_vm_free(vm);
	}
}

/* Kernel helpers of a program without its own, over this process's memory. */
static void own_memory(void)
{
	static const char text[] =
		"mov %r6, %r1\nldxdw %r3, [%r1]\nmov %r1, %r10\nadd %r1, -8\n"
		"mov %r2, 8\ncall 113\njne %r0, 0, bad\nldxdw %r0, [%r10-8]\nexit\n"
		"bad: ldxdw %r1, [%r10-8]\nadd %r0, %r1\nexit\n";
	static const struct {
		unsigned int flags;
		bool good;
		int64_t want;
	} rows[] = {
		{ SKEP_VM_OWN_MEMORY, true, 4711 },
		{ SKEP_VM_OWN_MEMORY, false, -ERANGE },
		{ 0, true, -ERANGE },
	};
	static const uint64_t value = 4711;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		struct skep_vm_opts opts = { .size = sizeof(opts),
					     .flags = rows[i / 2].flags,
					     .engine = i % 2 ? SKEP_ENGINE_JIT :
							       SKEP_ENGINE_INTERP };
		uint64_t addr = rows[i / 2].good ? (uintptr_t)&value : 16, r0 = 0;
		struct skep_vm *vm = NULL;
		int r;

		CHECK_CASE("row %zu, engine %zu", i / 2, i % 2);
		r = new_vm(text, &opts, &vm, NULL);
		if (r == -EOPNOTSUPP && i % 2)
			continue; /* no compiler for this CPU */
		if (!CHECK_EQ_INT(r, 0))
			continue;
		CHECK_EQ_INT(skep_vm_run(vm, &addr, sizeof(addr), &r0, NULL), 0);
		CHECK_EQ_INT(r0, rows[i / 2].want);
		skep_vm_free(vm);
	}
}

/* Where machine code comes from. */
static void code_lines(void)
{
	for (int engine = 0; engine < 2; engine++) {
		struct skep_vm_opts opts = { .size = sizeof(opts),
					     .engine = engine ? SKEP_ENGINE_JIT :
								SKEP_ENGINE_INTERP,
					     .flags = SKEP_VM_LINES | SKEP_VM_DEBUGGER };
		const struct skep_vm_line *lines;
		struct skep_vm *vm = NULL;
		size_t n = 1, size = 1;
		const void *bytes;
		int r = new_vm("mov %r0, %r1\nadd %r0, %r2\nmul %r0, 5\nexit\n", &opts, &vm, NULL);

		CHECK_CASE("engine %d", engine);
		if (r == -EOPNOTSUPP && engine)
			continue; /* no compiler for this CPU */
		CHECK_EQ_INT(r, 0);
		lines = skep_vm_lines(vm, &n);
		bytes = skep_vm_bytes(vm, &size);
		if (engine) {
			CHECK(lines && bytes && n >= 2 && n <= 4);
			CHECK(lines && lines[0].code == 0 && lines[n - 1].insn == 3 &&
			      lines[n - 1].code < size);
		} else {
			CHECK(!lines && !bytes && !n && !size);
		}
		skep_vm_free(vm);
	}
}

static void refusals(void)
{
	struct skep_vm_region many[18] = { { 0 } };
	struct skep_vm_opts opts = { .size = sizeof(opts), .regions = many };
	struct skep_error *err = NULL;
	struct skep_vm *vm = NULL;
	uint64_t r0;

	for (int i = 0; i < 17; i++)
		many[i].name = "part";
	CHECK_CASE("too many regions");
	CHECK_EQ_INT(new_vm("mov %r0, 0\nexit\n", &opts, &vm, &err), -E2BIG);
	CHECK_ERR(err, "A0015");
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("no such engine");
	opts.regions = NULL;
	opts.engine = (enum skep_engine)9;
	CHECK_EQ_INT(new_vm("mov %r0, 0\nexit\n", &opts, &vm, &err), -EOPNOTSUPP);
	CHECK_ERR(err, "A0016");
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("no such flag");
	opts.engine = SKEP_ENGINE_INTERP;
	opts.flags = 1u << 30;
	CHECK_EQ_INT(new_vm("mov %r0, 0\nexit\n", &opts, &vm, &err), -EINVAL);
	CHECK_ERR(err, "A0019");
	skep_error_free(err);
	err = NULL;
	opts.flags = 0;
	CHECK_CASE("options of an older caller");
	opts.size = offsetof(struct skep_vm_opts, engine);
	if (CHECK_EQ_INT(new_vm("mov %r0, 3\nexit\n", &opts, &vm, &err), 0)) {
		CHECK_EQ_INT(skep_vm_run(vm, NULL, 0, &r0, NULL), 0);
		CHECK_EQ_INT(r0, 3);
	}
	skep_vm_free(vm);
	skep_vm_free(NULL);
	skep_vm_state_free(NULL);
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		CHECK_CASE("%s: an endless program", engines[e].name);
		opts = (struct skep_vm_opts){ .budget = 1000 };
		vm = NULL;
		if (engines[e].checks &&
		    open_on(e, "mov %r0, 0\nagain: add %r0, 1\nja again\nexit\n", &opts, &vm)) {
			CHECK_EQ_INT(skep_vm_run(vm, NULL, 0, &r0, &err), -ELOOP);
			CHECK_ERR(err, "X0106");
		}
		skep_error_free(err);
		err = NULL;
		skep_vm_free(vm);
	}
}

/* Programs share memory for code, which outlives its handle. */
static void pools(void)
{
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		struct skep_vm *vm[3] = { NULL };
		struct skep_vm_opts opts = { 0 };
		char text[64];
		uint64_t r0;

		CHECK_CASE("%s", engines[e].name);
		CHECK_EQ_INT(skep_vm_pool_new(&opts.pool, NULL), 0);
		for (int i = 0; i < 3; i++) {
			snprintf(text, sizeof(text), "mov %%r0, %d\nexit\n", i);
			open_on(e, text, &opts, &vm[i]);
		}
		skep_vm_pool_free(opts.pool);
		for (int i = 0; i < 3; i++) {
			if (vm[i]) {
				CHECK_EQ_INT(skep_vm_run(vm[i], NULL, 0, &r0, NULL), 0);
				CHECK_EQ_INT(r0, i);
			}
			skep_vm_free(vm[i]);
		}
	}
	skep_vm_pool_free(NULL);
}

#define THREADS 4
#define RUNS 2000

struct thread {
	pthread_t id;
	struct skep_vm *vm;
	uint64_t calls, bad;
};

static void *run_many(void *arg)
{
	struct thread *t = arg;
	struct skep_vm_state *state = NULL;
	uint64_t mem[2], r0;

	if (skep_vm_state_new(&t->calls, &state, NULL) < 0)
		return NULL;
	for (uint64_t i = 0; i < RUNS; i++) {
		mem[0] = i;
		mem[1] = 0;
		if (skep_vm_run_on(t->vm, state, mem, sizeof(mem), &r0, NULL) < 0 || r0 != i + 1 ||
		    mem[1] != i)
			t->bad++;
	}
	skep_vm_state_free(state);
	return NULL;
}

/* One program on many threads: each has its own stack, and helpers see the state that runs. */
static void threads(void)
{
	static const char text[] = "ldxdw %r6, [%r1+0]\nstxdw [%r10-8], %r6\nmov %r7, %r1\ncall 2\n"
				   "ldxdw %r6, [%r10-8]\nstxdw [%r7+8], %r6\nexit\n";

	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		struct skep_vm_opts opts = { .helpers = with_state };
		struct thread t[THREADS] = { { 0 } };
		struct skep_vm *vm = NULL;

		CHECK_CASE("%s", engines[e].name);
		if (!open_on(e, text, &opts, &vm))
			continue;
		for (int i = 0; i < THREADS; i++) {
			t[i].vm = vm;
			CHECK_EQ_INT(pthread_create(&t[i].id, NULL, run_many, &t[i]), 0);
		}
		for (int i = 0; i < THREADS; i++) {
			pthread_join(t[i].id, NULL);
			CHECK_EQ_INT(t[i].bad, 0);
			CHECK_EQ_INT(t[i].calls, RUNS);
		}
		skep_vm_free(vm);
	}
}

/* Says that it runs, for the thread that stops it. */
static uint64_t tell(void *state, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)a, (void)b, (void)c, (void)d, (void)e;
	__atomic_store_n((int *)skep_vm_user(state), 1, __ATOMIC_RELEASE);
	return 0;
}

struct stopping {
	struct skep_vm *vm;
	struct skep_vm_state *state;
	int running, r;
	char id[16];
};

static void *run_until_stopped(void *arg)
{
	struct stopping *s = arg;
	struct skep_error *err = NULL;
	uint64_t r0;

	s->r = skep_vm_run_on(s->vm, s->state, NULL, 0, &r0, &err);
	snprintf(s->id, sizeof(s->id), "%s", err ? skep_error_id(err) : "");
	skep_error_free(err);
	return NULL;
}

/* Endless programs: a bare loop, one that calls a helper, one that calls a function. */
static void stops(void)
{
	static const struct skep_vm_helper own[] = { { .id = 1, .name = "tell", .fn = tell },
						     { 0 } };
	static const char *const texts[] = {
		"call 1\nagain: ja again\nexit\n",
		"again: call 1\nja again\nexit\n",
		"call 1\nagain: call local inner\nja again\nexit\ninner: mov %r0, 1\nexit\n",
	};

	for (size_t e = 0; e < ARRAY_SIZE(engines); e++)
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
			struct skep_vm_opts opts = { .helpers = own, .budget = UINT64_MAX };
			struct stopping s = { 0 };
			struct skep_error *err = NULL;
			pthread_t id;
			uint64_t r0;

			if (!engines[e].checks)
				continue;
			CHECK_CASE("%s: %s", engines[e].name, texts[i]);
			if (!open_on(e, texts[i], &opts, &s.vm))
				continue;
			CHECK_EQ_INT(skep_vm_state_new(&s.running, &s.state, NULL), 0);
			CHECK_EQ_INT(pthread_create(&id, NULL, run_until_stopped, &s), 0);
			while (!__atomic_load_n(&s.running, __ATOMIC_ACQUIRE))
				sched_yield();
			skep_vm_stop(s.state);
			pthread_join(id, NULL);
			CHECK_EQ_INT(s.r, -ECANCELED);
			CHECK_EQ_STR(s.id, "X0112");
			CHECK_EQ_INT(skep_vm_run_on(s.vm, s.state, NULL, 0, &r0, &err), -ECANCELED);
			CHECK_ERR(err, "A0018");
			skep_error_free(err);
			skep_vm_resume(s.state);
			skep_vm_state_free(s.state);
			skep_vm_free(s.vm);
		}
}

static void code(void)
{
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		bool trusted = engines[e].engine == SKEP_ENGINE_JIT;
		uint64_t calls = 0, mem[2] = { 40, 2 };
		struct skep_vm_opts opts = { .helpers = with_ctx, .ctx = &calls };
		struct skep_vm_stats stats = { .size = sizeof(stats) };
		struct skep_vm_state *state = NULL;
		struct skep_vm *vm = NULL;
		skep_vm_code entry;

		CHECK_CASE("%s", engines[e].name);
		CHECK_EQ_INT(skep_vm_state_new(NULL, &state, NULL), 0);
		if (open_on(e,
			    "mov %r3, %r1\nldxdw %r1, [%r3+0]\nldxdw %r2, [%r3+8]\ncall 7\n"
			    "stxdw [%r10-8], %r0\nldxdw %r0, [%r10-8]\nexit\n",
			    &opts, &vm)) {
			entry = skep_vm_entry(vm, state);
			CHECK(trusted == (entry != NULL));
			for (int i = 0; entry && i < 3; i++)
				CHECK_EQ_INT(entry(state, (uint64_t)(uintptr_t)mem, sizeof(mem)),
					     42);
			skep_vm_stats(vm, &stats);
			CHECK_EQ_INT(stats.insns, 7);
			CHECK((stats.code_bytes > 0) == (e > 0));
		}
		skep_vm_state_free(state);
		skep_vm_free(vm);
	}
}

CHECK_MAIN({ "helpers", helpers }, { "arguments", arguments }, { "ends", ends },
	   { "layouts", layouts }, { "own_memory", own_memory }, { "code_lines", code_lines },
	   { "refusals", refusals }, { "pools", pools }, { "threads", threads }, { "stops", stops },
	   { "code", code })
