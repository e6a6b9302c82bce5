// SPDX-License-Identifier: Apache-2.0
/*
 * The life of compiled code: what is freed is given back, however often; programs are made, run and freed on
 * several threads at once in one pool; one program runs on many threads; code is never writable while it is
 * executable.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "exec/exec.h"
#include "jit/jit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CYCLES 2000
#define THREAD_CYCLES 200
#else
#define CYCLES 100000
#define THREAD_CYCLES 2000
#endif
#define THREADS 4

#ifdef __SANITIZE_ADDRESS__
#define QUARANTINE 1
#else
#define QUARANTINE 0
#endif

/* sum(n) = n * n + seed, by a loop, on the stack, in a function */
static const char text[] = "mov %r6, %r1\n"
			   "mov %r7, 0\n"
			   "stdw [%r10-8], SEED\n"
			   "again: mov %r1, %r6\n"
			   "call local add\n"
			   "add %r7, 1\n"
			   "jlt %r7, %r6, again\n"
			   "ldxdw %r1, [%r10-8]\n"
			   "mov %r0, %r6\n"
			   "mul %r0, %r6\n"
			   "add %r0, %r1\n"
			   "exit\n"
			   "add: mov %r0, %r1\n"
			   "exit\n";

static struct exec_prog *make(unsigned int seed)
{
	struct exec_prog_opts o = { .object = "life", .name = "life", .prog_type = -1 };
	struct exec_prog *prog = NULL;
	struct skep_insn *insns;
	char source[512], number[16];
	const char *at = strstr(text, "SEED");
	size_t n;

	snprintf(number, sizeof(number), "%u", seed);
	snprintf(source, sizeof(source), "%.*s%s%s", (int)(at - text), text, number, at + 4);
	if (skep_insn_assemble(source, &insns, &n, NULL) < 0)
		return NULL;
	o.insns = insns;
	o.ninsns = (uint32_t)n;
	if (exec_prog_new(&o, &prog, NULL) < 0)
		prog = NULL;
	free(insns);
	return prog;
}

static const char *no_compiler(void)
{
	return jit_available() ? NULL : "there is no compiler for this CPU";
}

/* Pages of this process that are in memory. */
static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, pages = 0;

	if (f && fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages;
}

static bool once(const struct exec_prog *prog, struct jit_pool *pool, struct exec_run *run,
		 unsigned int seed)
{
	struct jit_opts opts = { .mode = JIT_TRUSTED, .pool = pool };
	struct jit_prog *jit;
	uint64_t r0 = 0;
	int r;

	if (jit_new(prog, &opts, &jit, NULL) < 0)
		return false;
	exec_run_start(run, 0);
	r = jit_run(jit, run, 3, &r0, NULL);
	jit_free(jit);
	return r == 0 && r0 == 9 + seed;
}

static void cycles(void)
{
	struct exec_prog *prog = make(5);
	struct jit_pool *pool = NULL;
	struct exec_run run;
	const char *why = no_compiler();

	if (why) {
		exec_prog_free(prog);
		CHECK_SKIP(why);
	}
	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	for (int with_pool = 1; with_pool >= 0; with_pool--) {
		int n = check_rounds(with_pool ? CYCLES : CYCLES / 10);
		bool good = true;
		long before;

		CHECK_CASE("%d times, %s", n, with_pool ? "in a pool" : "in pages of its own");
		if (with_pool)
			CHECK_EQ_INT(jit_pool_new(&pool, NULL), 0);
		for (int i = 0; i < 100; i++)
			good = once(prog, pool, &run, 5) && good;
		before = resident();
		for (int i = 0; i < n && good; i++)
			good = once(prog, pool, &run, 5);
		CHECK(good);
		/* AddressSanitizer keeps what was freed in quarantine, an emulator what it translated: only the pool tells */
		CHECK_MSG(QUARANTINE || getenv("SKEP_EMULATED") || resident() - before < 64,
			  "%ld pages more than before", resident() - before);
		if (pool)
			CHECK_EQ_INT(jit_pool_used(pool), 0);
		pool = jit_pool_unref(pool);
	}
	exec_run_done(&run);
	exec_prog_free(prog);
}

/* Programs of several sizes come and go in another order than they came. */
static void mixed(void)
{
	struct exec_prog *progs[8];
	struct jit_prog *jits[64] = { NULL };
	struct jit_pool *pool = NULL;
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct exec_run run;
	const char *why = no_compiler();
	uint32_t x = 1;
	bool good = true;

	if (why)
		CHECK_SKIP(why);
	CHECK_EQ_INT(jit_pool_new(&pool, NULL), 0);
	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	opts.pool = pool;
	for (unsigned int i = 0; i < ARRAY_SIZE(progs); i++)
		progs[i] = make(i * 1000000);
	for (int i = 0; i < check_rounds(CYCLES) / 10 && good; i++) {
		uint64_t r0 = 0;
		unsigned int k;

		x = x * 1664525 + 1013904223;
		k = x >> 26;
		if (jits[k]) {
			exec_run_start(&run, 0);
			good = jit_run(jits[k], &run, 2, &r0, NULL) == 0 &&
			       r0 == 4 + (uint64_t)(k % 8) * 1000000;
			jit_free(jits[k]);
			jits[k] = NULL;
		} else {
			good = jit_new(progs[k % 8], &opts, &jits[k], NULL) == 0;
		}
	}
	CHECK(good);
	for (size_t i = 0; i < ARRAY_SIZE(jits); i++)
		jit_free(jits[i]);
	for (size_t i = 0; i < ARRAY_SIZE(progs); i++)
		exec_prog_free(progs[i]);
	CHECK_EQ_INT(jit_pool_used(pool), 0);
	jit_pool_unref(pool);
	exec_run_done(&run);
}

struct thread {
	pthread_t id;
	struct jit_pool *pool;
	const struct jit_prog *shared;
	unsigned int seed, bad;
};

static void *live(void *arg)
{
	struct thread *t = arg;
	struct exec_prog *prog = make(t->seed);
	struct exec_run run;

	if (!prog || exec_run_init(&run, NULL) < 0) {
		t->bad = 1;
		exec_prog_free(prog);
		return NULL;
	}
	for (int i = 0; i < check_rounds(THREAD_CYCLES); i++) {
		uint64_t r0 = 0;

		t->bad += !once(prog, t->pool, &run, t->seed);
		exec_run_start(&run, 0);
		t->bad += jit_run(t->shared, &run, 4, &r0, NULL) < 0 || r0 != 16 + 77;
	}
	exec_run_done(&run);
	exec_prog_free(prog);
	return NULL;
}

/* Loading, running and unloading at the same time, beside a program that all run. */
static void threads(void)
{
	struct thread t[THREADS] = { { 0 } };
	struct exec_prog *prog = make(77);
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct jit_pool *pool = NULL;
	struct jit_prog *shared = NULL;
	const char *why = no_compiler();

	if (why) {
		exec_prog_free(prog);
		CHECK_SKIP(why);
	}
	CHECK_EQ_INT(jit_pool_new(&pool, NULL), 0);
	opts.pool = pool;
	if (CHECK_EQ_INT(jit_new(prog, &opts, &shared, NULL), 0)) {
		for (unsigned int i = 0; i < THREADS; i++) {
			t[i] = (struct thread){ .pool = pool, .shared = shared, .seed = i * 1000 };
			CHECK_EQ_INT(pthread_create(&t[i].id, NULL, live, &t[i]), 0);
		}
		for (int i = 0; i < THREADS; i++) {
			pthread_join(t[i].id, NULL);
			CHECK_EQ_INT(t[i].bad, 0);
		}
	}
	jit_free(shared);
	CHECK_EQ_INT(jit_pool_used(pool), 0);
	jit_pool_unref(pool);
	exec_prog_free(prog);
}

/* No mapping of this process may be written and executed, and none maps the code's file for both. */
static void protection(void)
{
	struct exec_prog *prog = make(1);
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct jit_prog *jit[2] = { NULL, NULL };
	const char *why = no_compiler();
	char line[512];
	int executable = 0;
	FILE *f;

	if (why) {
		exec_prog_free(prog);
		CHECK_SKIP(why);
	}
	CHECK_EQ_INT(jit_new(prog, &opts, &jit[0], NULL), 0);
	CHECK_EQ_INT(jit_pool_new(&opts.pool, NULL), 0);
	CHECK_EQ_INT(jit_new(prog, &opts, &jit[1], NULL), 0);
	f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long from, to;
		char rights[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3)
			continue;
		CHECK_MSG(!(strchr(rights, 'w') && strchr(rights, 'x')), "both in %s", line);
		for (int i = 0; i < 2; i++) {
			unsigned long code =
				(unsigned long)(uintptr_t)(void (*)(void))jit_code(jit[i], NULL);

			executable += code >= from && code < to && strchr(rights, 'x') != NULL;
		}
	}
	if (f)
		fclose(f);
	CHECK_EQ_INT(executable, 2);
	jit_free(jit[0]);
	jit_free(jit[1]);
	jit_pool_unref(opts.pool);
	exec_prog_free(prog);
}

CHECK_MAIN({ "cycles", cycles }, { "mixed", mixed }, { "threads", threads },
	   { "protection", protection })
