// SPDX-License-Identifier: Apache-2.0
/*
 * Loads through pointers that may be bad (FACT_PROBE): on the interpreter and in every form of compiled code a bad one
 * gives 0 and a good one its bytes, whatever stands around it: registers that run out, loads that could be widened or
 * shared, jumps that move code. On one thread and on many, while programs come and go beside.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "exec/exec.h"
#include "jit/jit.h"

#define PAGE 4096
#define MOST 512
#define THREADS 8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 100
#define SANITIZED 1
#else
#define ROUNDS 1000
#define SANITIZED 0
#endif

struct sample {
	struct skep_insn *insns;
	size_t n;
	struct spec_fact facts[MOST];
	struct exec_prog *prog;
};

static uint8_t *pages; /* readable, not readable */

static uint8_t *ends(void)
{
	if (!pages) {
		pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		if (pages == MAP_FAILED)
			abort();
		for (int i = 0; i < PAGE; i++)
			pages[i] = (uint8_t)(i * 7 + 129);
		mprotect(pages + PAGE, PAGE, PROT_NONE);
	}
	return pages + PAGE;
}

/* @probes: every load is one. */
static bool make(struct sample *s, const char *text, bool probes)
{
	struct exec_prog_opts o = { .object = "fault", .name = "fault", .prog_type = -1 };
	struct skep_error *err = NULL;
	char why[512];

	memset(s, 0, sizeof(*s));
	if (skep_insn_assemble(text, &s->insns, &s->n, &err) == 0 && s->n <= MOST) {
		for (size_t i = 0; probes && i < s->n; i++)
			if (isa_kind(isa_decode(&s->insns[i], s->n - i)) == ISA_KIND_LOAD)
				s->facts[i].flags = FACT_PROBE;
		o.insns = s->insns;
		o.ninsns = (uint32_t)s->n;
		o.facts = s->facts;
		if (exec_prog_new(&o, &s->prog, &err) == 0)
			return true;
	}
	skep_error_text(err, why, sizeof(why));
	skep_error_free(err);
	free(s->insns);
	return CHECK_MSG(false, "%s in '%s'", why, text);
}

static void done(struct sample *s)
{
	exec_prog_free(s->prog);
	free(s->insns);
}

static const struct jit_opts variants[] = {
	{ .mode = JIT_TRUSTED },
	{ .mode = JIT_TRUSTED, .portable = true },
	{ .mode = JIT_TRUSTED, .no_optimise = true },
	{ .mode = JIT_TRUSTED, .blind = true },
	{ .mode = JIT_CHECKED },
	{ .mode = JIT_CHECKED, .no_optimise = true },
	{ .mode = JIT_CHECKED, .blind = true },
};

/* Not every back end has checked mode. */
static bool serves(const struct jit_opts *opts)
{
	struct jit_prog *jit = NULL;
	struct sample s;
	int r = -EOPNOTSUPP;

	if (!jit_available() || !make(&s, "mov %r0, 0\nexit", false))
		return false;
	r = jit_new(s.prog, opts, &jit, NULL);
	jit_free(jit);
	done(&s);
	return opts->mode != JIT_CHECKED || r != -EOPNOTSUPP;
}

/* NULL: on the interpreter */
static uint64_t run(const struct sample *s, const struct jit_opts *opts, uint64_t arg,
		    const char **bad)
{
	struct jit_prog *jit = NULL;
	struct jit_opts with = { 0 };
	struct exec_run r;
	uint64_t r0 = 0;
	int e = exec_run_init(&r, NULL);

	if (opts) {
		with = *opts;
		with.facts = s->facts;
	}
	exec_run_start(&r, 0);
	if (e == 0 && opts)
		e = jit_new(s->prog, &with, &jit, NULL);
	if (e == 0)
		e = opts ? jit_run(jit, &r, arg, &r0, NULL) : exec(s->prog, &r, arg, &r0, NULL);
	if (e < 0)
		*bad = strerror(-e);
	jit_free(jit);
	exec_run_done(&r);
	return r0;
}

static void everywhere(const struct sample *s, uint64_t arg, uint64_t want)
{
	const char *bad = NULL;

	CHECK_EQ_INT(run(s, NULL, arg, &bad), want);
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		uint64_t got = serves(&variants[i]) ? run(s, &variants[i], arg, &bad) : want;

		CHECK_MSG(got == want, "variant %zu: 0x%" PRIx64 ", expected 0x%" PRIx64, i, got,
			  want);
	}
	CHECK_MSG(!bad, "%s", bad);
}

/* r1: the end of what is readable. */
static const struct {
	const char *name, *text;
	uint64_t want;
} cases[] = {
	{ "a good byte", "ldxb %r0, [%r1-1]\nexit", 0x7a },
	{ "a bad byte", "mov %r0, 5\nldxb %r0, [%r1]\nexit", 0 },
	{ "sizes across the end",
	  "ldxdw %r0, [%r1-7]\nldxw %r2, [%r1-3]\nldxh %r3, [%r1-1]\nadd %r0, %r2\nadd %r0, %r3\nexit",
	  0 },
	{ "sizes before the end",
	  "ldxdw %r0, [%r1-8]\nldxw %r2, [%r1-4]\nldxh %r3, [%r1-2]\nxor %r0, %r2\nxor %r0, %r3\nexit",
	  0x7a736c655e574e05 },
	{ "signed",
	  "ldxsb %r0, [%r1-18]\nldxsh %r2, [%r1-1]\nldxsw %r3, [%r1+8]\nadd %r0, %r2\n"
	  "add %r0, %r3\nexit",
	  3 },
	{ "the null pointer", "mov %r2, 0\nldxdw %r0, [%r2+16]\nadd %r0, 1\nexit", 1 },
	{ "no address", "lddw %r2, 0x0123456789abcdef\nldxdw %r0, [%r2+8]\nadd %r0, 1\nexit", 1 },
	{ "its own base", "mov %r0, %r1\nldxdw %r0, [%r0]\nldxw %r0, [%r0+64]\nexit", 0 },
	{ "bytes that look like one word",
	  "ldxb %r0, [%r1-2]\nldxb %r2, [%r1-1]\nlsh %r2, 8\nor %r0, %r2\nldxb %r2, [%r1]\n"
	  "lsh %r2, 16\nor %r0, %r2\nldxb %r2, [%r1+1]\nlsh %r2, 24\nor %r0, %r2\nexit",
	  0x7a73 },
	{ "the same load twice", "ldxw %r0, [%r1]\nldxw %r2, [%r1]\nadd %r0, %r2\nadd %r0, 3\nexit",
	  3 },
	{ "a result that no one reads", "ldxw %r2, [%r1]\nmov %r0, 9\nexit", 9 },
	{ "an index",
	  "mov %r2, 3\nldxb %r3, [%r1-1]\nand %r3, 2\nlsh %r3, 3\nadd %r3, %r1\n"
	  "ldxdw %r0, [%r3+8]\nadd %r0, %r2\nexit",
	  3 },
	{ "an operand of a sum",
	  "mov %r0, 100\nldxdw %r2, [%r1]\nadd %r0, %r2\nldxdw %r2, [%r1-8]\n"
	  "xor %r0, %r2\nexit",
	  0x7a736c655e57502d },
	{ "a comparison", "ldxdw %r2, [%r1]\nmov %r0, 1\njeq %r2, 0, +1\nmov %r0, 2\nexit", 1 },
	{ "a loop over the end",
	  "mov %r6, -20\nmov %r0, 0\nmov %r2, %r1\nsub %r2, 20\n"
	  "again: ldxb %r3, [%r2]\nadd %r0, %r3\nadd %r2, 1\nadd %r6, 1\njslt %r6, 20, again\nexit",
	  0 },
	{ "a store before it",
	  "mov %r0, 0\nstdw [%r10-8], 5\nldxdw %r0, [%r10-8]\nldxdw %r2, [%r1]\n"
	  "add %r0, %r2\nexit",
	  5 },
};

static uint64_t word_before_end(void)
{
	uint64_t v;

	memcpy(&v, ends() - 8, 8);
	return v;
}

static void programs(void)
{
	const uint64_t word = word_before_end();
	struct sample s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t want = cases[i].want;

		CHECK_CASE("%s", cases[i].name);
		/* what depends on the bytes before the end */
		if (!strcmp(cases[i].name, "a good byte"))
			want = word >> 56;
		else if (!strcmp(cases[i].name, "sizes before the end"))
			want = word ^ word >> 32 ^ word >> 48;
		else if (!strcmp(cases[i].name, "bytes that look like one word"))
			want = word >> 48;
		else if (!strcmp(cases[i].name, "an operand of a sum"))
			want = word ^ 100;
		else if (!strcmp(cases[i].name, "signed"))
			want = (uint64_t)(int8_t)ends()[-18];
		else if (!strcmp(cases[i].name, "a loop over the end")) {
			want = 0;
			for (int k = 1; k <= 20; k++)
				want += ends()[-k];
		}
		if (!make(&s, cases[i].text, true))
			continue;
		everywhere(&s, (uintptr_t)ends(), want);
		done(&s);
	}
}

/* Random programs --------------------------------------------------------------------------------------------- */

static uint64_t state = 1;

static uint32_t below(uint32_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % n;
}

/* Loads near the end of the page and at bad bases into all registers, mixed, with jumps over them. */
static void random_text(char *text, size_t size)
{
	static const char *const loads[] = { "ldxb",  "ldxh",  "ldxw", "ldxdw",
					     "ldxsb", "ldxsh", "ldxsw" };
	static const char *const mixes[] = { "add", "xor", "sub", "or", "and", "mul", "add32" };
	int n = snprintf(text, size, "mov %%r9, %%r1\n");
	uint32_t lines = 20 + below(60), jump = 0;

	for (int r = 0; r < 9; r++)
		n += snprintf(text + n, size - (size_t)n, "mov %%r%d, %u\n", r, below(1000));
	for (uint32_t i = 0; i < lines; i++) {
		uint32_t dst = below(8), src = below(8);

		switch (below(8)) {
		case 0:
			n += snprintf(text + n, size - (size_t)n, "%s %%r%u, %%r%u\n",
				      mixes[below(ARRAY_SIZE(mixes))], dst, src);
			break;
		case 1: /* over up to three loads */
			n += snprintf(text + n, size - (size_t)n, "jgt %%r%u, %u, l%u\n", dst,
				      below(300), jump);
			for (uint32_t k = below(4); k; k--)
				n += snprintf(text + n, size - (size_t)n, "%s %%r%u, [%%r9%+d]\n",
					      loads[below(ARRAY_SIZE(loads))], below(8),
					      (int)below(24) - 16);
			n += snprintf(text + n, size - (size_t)n, "l%u:\n", jump++);
			break;
		case 2: /* through a number */
			n += snprintf(text + n, size - (size_t)n,
				      "and %%r%u, 0xfff\n%s %%r%u, [%%r%u+%u]\n", src,
				      loads[below(ARRAY_SIZE(loads))], dst, src, below(100));
			break;
		case 3: /* through a computed address */
			n += snprintf(
				text + n, size - (size_t)n,
				"and %%r%u, 15\nmov %%r8, %%r9\nadd %%r8, %%r%u\n%s %%r%u, [%%r8-8]\n",
				src, src, loads[below(ARRAY_SIZE(loads))], dst);
			break;
		default:
			n += snprintf(text + n, size - (size_t)n, "%s %%r%u, [%%r9%+d]\n",
				      loads[below(ARRAY_SIZE(loads))], dst, (int)below(24) - 16);
		}
	}
	for (int r = 1; r < 8; r++)
		n += snprintf(text + n, size - (size_t)n, "mul %%r0, 31\nxor %%r0, %%r%d\n", r);
	snprintf(text + n, size - (size_t)n, "exit\n");
}

static void random_programs(void)
{
	char text[32768];
	struct sample s;

	for (int i = 0; i < ROUNDS; i++) {
		const char *bad = NULL;
		uint64_t want;

		state = (uint64_t)i * 77 + 5;
		random_text(text, sizeof(text));
		if (!make(&s, text, true))
			return;
		want = run(&s, NULL, (uintptr_t)ends(), &bad);
		for (size_t v = 0; v < ARRAY_SIZE(variants); v++) {
			uint64_t got = serves(&variants[v]) ?
					       run(&s, &variants[v], (uintptr_t)ends(), &bad) :
					       want;

			if (!CHECK_MSG(got == want && !bad,
				       "seed %d, variant %zu: 0x%" PRIx64 ", interpreter 0x%" PRIx64
				       ", %s\n%s",
				       i, v, got, want, bad ? bad : "", text))
				i = ROUNDS;
		}
		done(&s);
	}
}

/* Threads ------------------------------------------------------------------------------------------------------- */

static const char chase[] = "mov %r6, 40\nmov %r0, 0\nmov %r7, %r1\nsub %r7, 20\n"
			    "again: ldxb %r3, [%r7]\nadd %r0, %r3\nadd %r7, 1\nsub %r6, 1\n"
			    "jne %r6, 0, again\nexit\n";

struct worker {
	pthread_t thread;
	const struct sample *s;
	const struct jit_prog *shared;
	struct jit_pool *pool;
	uint64_t want;
	unsigned int wrong;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct exec_run r;
	struct jit_opts opts = { .mode = JIT_TRUSTED, .pool = w->pool, .facts = w->s->facts };

	if (exec_run_init(&r, NULL) < 0)
		return NULL;
	for (int i = 0; i < ROUNDS / 10; i++) {
		struct jit_prog *own = NULL;
		uint64_t r0 = 0;

		exec_run_start(&r, 0);
		w->wrong += jit_run(w->shared, &r, (uintptr_t)ends(), &r0, NULL) < 0 ||
			    r0 != w->want;
		w->wrong += jit_new(w->s->prog, &opts, &own, NULL) < 0;
		exec_run_start(&r, 0);
		w->wrong += own &&
			    (jit_run(own, &r, (uintptr_t)ends(), &r0, NULL) < 0 || r0 != w->want);
		jit_free(own);
	}
	exec_run_done(&r);
	return NULL;
}

static void threads(void)
{
	struct worker w[THREADS] = { 0 };
	struct jit_prog *jit = NULL;
	struct jit_pool *pool = NULL;
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct sample s;
	uint64_t want = 0;

	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	for (int k = 1; k <= 20; k++)
		want += ends()[-k];
	if (!make(&s, chase, true))
		return;
	CHECK_EQ_INT(jit_pool_new(&pool, NULL), 0);
	opts.facts = s.facts;
	CHECK_EQ_INT(jit_new(s.prog, &opts, &jit, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .s = &s, .shared = jit, .pool = pool, .want = want };
		CHECK_EQ_INT(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		CHECK_EQ_INT(w[i].wrong, 0);
	}
	jit_free(jit);
	jit_pool_unref(pool);
	done(&s);
}

/* More programs at once than the first stretch of the registry holds. */
static void many_programs(void)
{
	static struct jit_prog *jits[2000];
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct exec_run r;
	struct sample s;
	bool good = true;

	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	if (!make(&s, "ldxdw %r0, [%r1]\nldxb %r2, [%r1-1]\nadd %r0, %r2\nexit", true))
		return;
	opts.facts = s.facts;
	CHECK_EQ_INT(jit_pool_new(&opts.pool, NULL), 0);
	CHECK_EQ_INT(exec_run_init(&r, NULL), 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = round; i < ARRAY_SIZE(jits); i += (size_t)round + 1)
			good = jit_new(s.prog, &opts, &jits[i], NULL) == 0 && good;
		for (size_t i = 0; i < ARRAY_SIZE(jits) && good; i++) {
			uint64_t r0 = 0;

			exec_run_start(&r, 0);
			good = jit_run(jits[i], &r, (uintptr_t)ends(), &r0, NULL) == 0 &&
			       r0 == ends()[-1];
		}
		CHECK(good);
		for (size_t i = 1; i < ARRAY_SIZE(jits) && !round; i += 2)
			jit_free(jits[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(jits); i++)
		jit_free(jits[i]);
	exec_run_done(&r);
	jit_pool_unref(opts.pool);
	done(&s);
}

/* A load that no fact calls a probe is none: its fault is the process's, beside one that is. */
static void others_still_fault(void)
{
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct jit_prog *jit = NULL;
	struct exec_run r;
	struct sample s;
	int status = 0;
	pid_t pid;

	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	if (!make(&s, "ldxdw %r2, [%r1]\nldxdw %r0, [%r1+8]\nadd %r0, %r2\nexit", true))
		return;
	s.facts[1].flags = 0;
	opts.facts = s.facts;
	exec_prog_free(s.prog);
	CHECK_EQ_INT(exec_prog_new(&(struct exec_prog_opts){ .insns = s.insns,
							     .ninsns = (uint32_t)s.n,
							     .prog_type = -1 },
				   &s.prog, NULL),
		     0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct rlimit no_core = { 0, 0 };
		uint64_t r0;

		setrlimit(RLIMIT_CORE, &no_core);
		close(2);
		if (exec_run_init(&r, NULL) < 0 || jit_new(s.prog, &opts, &jit, NULL) < 0)
			_exit(55);
		exec_run_start(&r, 0);
		jit_run(jit, &r, (uintptr_t)ends(), &r0, NULL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (SANITIZED)
		CHECK(status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 55));
	else
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	done(&s);
}

CHECK_MAIN({ "programs", programs }, { "random_programs", random_programs }, { "threads", threads },
	   { "many_programs", many_programs }, { "others_still_fault", others_still_fault })
