// SPDX-License-Identifier: Apache-2.0
/*
 * Random programs (tests/unit/fuzz_gen.h, fuzz_soup.h) on every engine that there is: the interpreter is the reference; compiled
 * code, optimised, straight, for any CPU, and checked, must give the same r0 and leave the same memory, and checked
 * code must end with the same error at the same instruction. Every KERNELth program also runs in the kernel,
 * through BPF_PROG_TEST_RUN, where it may. Every eighth one has no structure: it may fault or not end, and then
 * only checked code has to agree. A program that differs is made as small as it will go and printed.
 *
 *	difffuzz [-n PROGRAMS] [-t SECONDS] [-s SEED] [-k KERNEL] [-j PROCESSES] [-a] [-v]
 *
 * Every program is compiled as usual and, in turn, in one other form; with -a in all of them. Without -n and -t:
 * 100,000 programs. PROCESSES take the seeds in turn, and all end when one finds a difference. Exit status 1 if a
 * program differs, 77 if there is no compiler here.
 */
#include "skep/insn.h"

#include <signal.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/exec_fixture.h"
#include "../unit/fuzz_soup.h"
#include "../unit/oracle.h"
#include "exec/exec.h"
#include "jit/jit.h"

#define BUDGET 2000000
#define SOUP_BUDGET 5000
#define INPUTS 2
#define HANG_SECONDS (getenv("SKEP_EMULATED") ? 60 : 5)
#define FUZZ_MAP sizeof(((struct fix *)0)->counts)

static const struct form {
	const char *name;
	struct jit_opts opts;
} forms[] = {
	{ "jit", { .mode = JIT_TRUSTED } },
	{ "jit without optimising", { .mode = JIT_TRUSTED, .no_optimise = true } },
	{ "jit for any CPU", { .mode = JIT_TRUSTED, .portable = true } },
#ifdef __x86_64__
	{ "jit blinded and hardened", { .mode = JIT_TRUSTED, .blind = true, .harden = true } },
	{ "checked, blinded and hardened", { .mode = JIT_CHECKED, .blind = true, .harden = true } },
#else
	{ "jit blinded", { .mode = JIT_TRUSTED, .blind = true } },
#endif
	{ "checked", { .mode = JIT_CHECKED } },
	{ "checked without optimising", { .mode = JIT_CHECKED, .no_optimise = true } },
};
#define FORMS ARRAY_SIZE(forms)

struct outcome {
	int r;
	uint64_t r0;
	const char *id; /* of the error */
	uint64_t at;	/* its instruction */
	uint8_t mem[FUZZ_MEM], map[FUZZ_MAP];
};

static struct exec_run run;
static struct jit_pool *pool; /* some programs have pages of their own */
static uint8_t mem[FUZZ_MEM] __attribute__((aligned(16))), input[INPUTS][FUZZ_MEM];
/* What each process counted, and whether it found a difference; in memory that all share. */
static struct tally {
	uint64_t made, ran, faulted, not_compiled, in_kernel, refused, refused_soup;
	bool ended, good;
} * tally;
static char why[600];
static bool all_forms, minimising;
static bool with_maps, soup; /* the program at hand */
static struct fix fix;
static uint64_t now_seed;
static const char *now_form;

/* Signals in compiled code become an outcome; in the compiler they end it all, with the seed. */
static sigjmp_buf escape;
static volatile sig_atomic_t escaping;

static void on_signal(int sig)
{
	char text[160];
	int n;

	if (escaping)
		siglongjmp(escape, sig);
	n = snprintf(text, sizeof(text),
		     "seed %" PRIu64 " differs: %s in the compiler or the engine (%s)\n", now_seed,
		     sig == SIGALRM ? "no end" : strsignal(sig), now_form);
	__atomic_store_n(&tally->ended, true, __ATOMIC_RELEASE); /* and not well */
	if (write(STDOUT_FILENO, text, (size_t)n) < 0)
		_exit(70);
	_exit(1);
}

static void set_alarm(int seconds)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_sec = seconds }, NULL);
}

static void catch_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM };
	static char stack[65536];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER };

	sigaltstack(&alt, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

/* Helpers: two that compute, one that turns bytes of memory over. */
static uint64_t help_mix(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)ctx;
	return ((((a * 31 + b) * 31 ^ c) * 31 + d) * 31) ^ e;
}

static uint64_t help_small(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)ctx, (void)c, (void)d, (void)e;
	return (uint32_t)(a >> 7) + (b & 15);
}

static uint64_t help_bytes(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	uint8_t *p = (uint8_t *)(uintptr_t)a;
	uint64_t sum = 0;

	(void)ctx, (void)c, (void)d, (void)e;
	for (uint64_t i = 0; i < b && i < 16; i++) {
		sum = sum * 3 + p[i];
		p[i] = (uint8_t)(p[i] * 5 + 1);
	}
	return sum;
}

static const struct exec_custom customs[] = { { .id = 1, .name = "mix", .fn = help_mix },
					      { .id = 2, .name = "small", .fn = help_small },
					      { .id = 3, .name = "bytes", .fn = help_bytes } };

static void begin(const uint8_t *from)
{
	memcpy(mem, from, FUZZ_MEM);
	memcpy(fix.counts, from, FUZZ_MAP);
	exec_run_start(&run, soup ? SOUP_BUDGET : BUDGET);
	exec_region_add(&run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)mem,
						     .size = FUZZ_MEM,
						     .kind = REGION_MEM,
						     .writable = true,
						     .name = "memory" });
	run.ctx_len = FUZZ_MEM;
	run.packet = mem;
	run.packet_len = FUZZ_MEM;
}

static void finish(struct outcome *o, struct skep_error *err)
{
	if (err) {
		static char ids[8][16];
		static unsigned int n;

		snprintf(ids[++n % 8], sizeof(ids[0]), "%s", skep_error_id(err));
		o->id = ids[n % 8];
		o->at = skep_error_place(err)->at;
		skep_error_free(err);
	}
	memcpy(o->mem, mem, FUZZ_MEM);
	memcpy(o->map, fix.counts, FUZZ_MAP);
}

static void interpret(const struct exec_prog *prog, const uint8_t *from, struct outcome *o)
{
	struct skep_error *err = NULL;

	*o = (struct outcome){ 0 };
	begin(from);
	o->r = exec(prog, &run, (uint64_t)(uintptr_t)mem, &o->r0, &err);
	finish(o, err);
}

static void run_code(const struct jit_prog *jit, const uint8_t *from, struct outcome *o)
{
	struct skep_error *err = NULL;
	int sig;

	*o = (struct outcome){ 0 };
	begin(from);
	sig = sigsetjmp(escape, 0);
	if (sig) {
		escaping = 0;
		o->r = -EFAULT;
		o->id = sig == SIGALRM ? "no end" : strsignal(sig);
		return;
	}
	if (minimising)
		set_alarm(1);
	escaping = 1;
	o->r = jit_run(jit, &run, (uint64_t)(uintptr_t)mem, &o->r0, &err);
	escaping = 0;
	finish(o, err);
}

static bool same(const char *name, const struct outcome *want, const struct outcome *got)
{
	char text[2][160];
	const struct outcome *o[] = { want, got };

	if (want->r == got->r && (want->r < 0 || want->r0 == got->r0) &&
	    !memcmp(want->mem, got->mem, FUZZ_MEM) && !memcmp(want->map, got->map, FUZZ_MAP) &&
	    (want->r == 0 || (got->id && !strcmp(want->id, got->id) && want->at == got->at)))
		return true;
	for (int i = 0; i < 2; i++) {
		if (o[i]->r == 0)
			snprintf(text[i], sizeof(text[i]), "r0 0x%" PRIx64, o[i]->r0);
		else
			snprintf(text[i], sizeof(text[i]), "%s at %" PRIu64, o[i]->id, o[i]->at);
	}
	snprintf(why, sizeof(why), "%s: %s, but the interpreter has %s", name, text[1], text[0]);
	for (int i = 0; i < FUZZ_MEM; i++)
		if (want->mem[i] != got->mem[i]) {
			snprintf(why + strlen(why), sizeof(why) - strlen(why),
				 "; byte %d of the memory is 0x%02x, not 0x%02x", i, got->mem[i],
				 want->mem[i]);
			return false;
		}
	if (memcmp(want->map, got->map, FUZZ_MAP))
		snprintf(why + strlen(why), sizeof(why) - strlen(why), "; the map's values differ");
	return false;
}

/* A program that exec refuses, or that faults where it may not, leaves its reason in `why`. */
static int make_prog(const struct text *t, struct exec_prog **ret)
{
	struct exec_prog_opts o = { .object = "difffuzz",
				    .name = "program",
				    .insns = t->in,
				    .ninsns = t->n,
				    .prog_type = -1,
				    .customs = customs,
				    .ncustoms = ARRAY_SIZE(customs),
				    .custom_ctx = mem };
	struct skep_error *err = NULL;
	int r;

	if (with_maps) {
		struct exec_prog_opts kernel = { .prog_type = -1,
						 .helpers = bodies,
						 .nhelpers = HELPER_COUNT,
						 .insns = t->in,
						 .ninsns = t->n };

		r = fix_new(&fix, NULL, &kernel, ret, &err);
	} else {
		r = exec_prog_new(&o, ret, &err);
	}
	if (r < 0)
		snprintf(why, sizeof(why), "exec refuses: %s", skep_error_message(err));
	skep_error_free(err);
	return r;
}

enum verdict { SAME, DIFFERS, UNUSABLE };

static enum verdict compare_form(const struct exec_prog *prog, const struct form *form,
				 const struct outcome *want)
{
	struct jit_opts opts = form->opts;
	struct jit_prog *jit = NULL;
	struct skep_error *err = NULL;
	enum verdict verdict = SAME;
	struct outcome got;
	int r;

	opts.pool = now_seed % 16 ? pool : NULL;

	now_form = form->name;
	r = jit_new(prog, &opts, &jit, &err);
	if (r == -EOPNOTSUPP) {
		tally->not_compiled++;
		skep_error_free(err);
		return SAME;
	}
	if (r < 0) {
		snprintf(why, sizeof(why), "%s: not compiled: %s", form->name,
			 skep_error_message(err));
		skep_error_free(err);
		return DIFFERS;
	}
	for (int i = 0; i < INPUTS && verdict == SAME; i++) {
		if (want[i].r == -ELOOP || (want[i].r < 0 && form->opts.mode == JIT_TRUSTED))
			continue;
		run_code(jit, input[i], &got);
		tally->ran++;
		if (!same(form->name, &want[i], &got))
			verdict = DIFFERS;
	}
	jit_free(jit);
	return verdict;
}

/* @may_fault: else a program that does is not usable (while it is made smaller). */
static enum verdict compare(const struct text *t, bool may_fault)
{
	struct exec_prog *prog = NULL;
	struct outcome want[INPUTS];
	enum verdict verdict = SAME;

	if (make_prog(t, &prog) < 0)
		return UNUSABLE;
	for (int i = 0; i < INPUTS; i++) {
		interpret(prog, input[i], &want[i]);
		tally->faulted += want[i].r < 0;
		if (want[i].r == 0 || soup || (may_fault && want[i].r != -ELOOP))
			continue;
		snprintf(why, sizeof(why), "%s at %" PRIu64, want[i].id, want[i].at);
		verdict = UNUSABLE;
	}
	for (size_t f = 0; f < FORMS && verdict == SAME; f++)
		if (f == 0 || all_forms || f == 1 + now_seed % (FORMS - 1))
			verdict = compare_form(prog, &forms[f], want);
	exec_prog_free(prog);
	return verdict;
}

/* In the kernel; UNUSABLE: it refuses the program. */
static enum verdict compare_kernel(const struct fuzz *f)
{
	struct text ours, theirs;
	struct exec_prog *prog = NULL;
	struct outcome want, got = { 0 };
	union bpf_attr attr;
	int fd, r;

	fuzz_ours(f, &ours);
	fuzz_kernel(f, &theirs);
	fd = oracle_load(BPF_PROG_TYPE_XDP, (const struct bpf_insn *)(const void *)theirs.in,
			 theirs.n, NULL, 0);
	if (fd < 0 || make_prog(&ours, &prog) < 0) {
		tally->refused++;
		return UNUSABLE;
	}
	tally->in_kernel++;
	interpret(prog, input[0], &want);
	exec_prog_free(prog);
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.data_in = (uintptr_t)input[0];
	attr.test.data_size_in = FUZZ_MEM;
	attr.test.data_out = (uintptr_t)got.mem;
	attr.test.data_size_out = FUZZ_MEM;
	attr.test.repeat = 1;
	r = oracle_bpf(BPF_PROG_TEST_RUN, &attr);
	close(fd);
	memcpy(got.map, want.map, FUZZ_MAP);
	got.r0 = attr.test.retval;
	want.r0 = (uint32_t)want.r0;
	if (r < 0) {
		snprintf(why, sizeof(why), "the kernel does not run it: %s", strerror(-r));
		return DIFFERS;
	}
	return same("the kernel", &want, &got) ? SAME : DIFFERS;
}

#include "../unit/fuzz_min.h"

static void print_program(const struct text *t)
{
	char text[200];

	for (uint32_t i = 0; i < t->n;) {
		int slots = skep_insn_print(&t->in[i], t->n - i, SKEP_INSN_ASM, text, sizeof(text));

		printf("%4u: %s\n", i, text);
		i += slots > 0 ? (uint32_t)slots : 1;
	}
	printf("hex: ");
	for (uint32_t i = 0; i < t->n * 8; i++)
		printf("%02x%s", ((const uint8_t *)t->in)[i], i % 8 == 7 ? " " : "");
	printf("\nmemory: ");
	for (int i = 0; i < FUZZ_MEM; i++)
		printf("%02x", input[0][i]);
	putchar('\n');
}

static void report(uint64_t seed, const struct text *t, bool kernel)
{
	struct text small = *t;

	printf("seed %" PRIu64 " differs: %s\n", seed, why);
	fflush(stdout);
	if (!kernel) {
		minimising = true;
		minimise(&small);
		printf("made smaller: %s\n", why);
	}
	print_program(&small);
}

static void fill_inputs(void)
{
	for (int i = 0; i < INPUTS; i++)
		for (int k = 0; k < FUZZ_MEM; k += 8) {
			uint64_t v = i ? interesting() : random64();

			memcpy(&input[i][k], &v, 8);
		}
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct args {
	uint64_t programs, seed, kernel;
	double seconds;
	bool verbose;
	uint32_t processes;
};

static bool one(const struct args *a, uint64_t seed)
{
	static struct fuzz f;
	struct text t;
	bool kernel = a->kernel && tally->made % a->kernel == 0;

	now_seed = seed;
	now_form = "interpreter";
	f.strict = kernel;
	f.faults = !kernel && seed % 8 == 0;
	f.maps = with_maps = !kernel && seed % 4 == 1;
	soup = !kernel && seed % 8 == 6;
	if (soup)
		fuzz_soup(&t, seed);
	else if (!fuzz_body(&f, seed, seed % 16 ? 60 : 200))
		return true;
	else
		fuzz_ours(&f, &t);
	tally->made++;
	fill_inputs();
	if (a->verbose)
		print_program(&t);
	if (kernel && compare_kernel(&f) == DIFFERS) {
		report(seed, &t, true);
		return false;
	}
	switch (compare(&t, f.faults || soup)) {
	case SAME:
		return true;
	case UNUSABLE:
		if (soup) {
			tally->refused_soup++;
			return true;
		}
		printf("not a program that the generator may make: ");
		report(seed, &t, true);
		return false;
	case DIFFERS:
		report(seed, &t, false);
		return false;
	}
	return false;
}

static int parse(int argc, char **argv, struct args *a)
{
	int c;

	while ((c = getopt(argc, argv, "n:t:s:k:j:av")) != -1)
		switch (c) {
		case 'n':
			a->programs = strtoull(optarg, NULL, 0);
			break;
		case 't':
			a->seconds = strtod(optarg, NULL);
			break;
		case 's':
			a->seed = strtoull(optarg, NULL, 0);
			break;
		case 'k':
			a->kernel = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			a->processes = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'a':
			all_forms = true;
			break;
		case 'v':
			a->verbose = true;
			break;
		default:
			return 2;
		}
	if (!a->programs && a->seconds == 0)
		a->programs = 100000;
	return 0;
}

/* Has another process found something? */
static bool others_good(const struct args *a, const struct tally *all)
{
	for (uint32_t i = 0; i < a->processes; i++)
		if (__atomic_load_n(&all[i].ended, __ATOMIC_ACQUIRE) && !all[i].good)
			return false;
	return true;
}

/* Every a->processes'th program from @first on. */
static bool work(const struct args *a, const struct tally *all, uint32_t first)
{
	double start = seconds();
	bool good = true;

	if (exec_run_init(&run, NULL) < 0 || jit_pool_new(&pool, NULL) < 0)
		return false;
	fix_init(&fix);
	catch_signals();
	for (uint64_t n = 0, i = first; good && (!a->programs || i < a->programs);
	     n++, i += a->processes) {
		if (n % 64 == 0) {
			if ((a->seconds > 0 && seconds() - start > a->seconds) ||
			    !others_good(a, all))
				break;
			set_alarm(HANG_SECONDS);
		}
		good = one(a, a->seed + i);
	}
	exec_run_done(&run);
	if (good && jit_pool_used(pool)) {
		printf("%zu bytes of code are still in use\n", jit_pool_used(pool));
		good = false;
	}
	jit_pool_unref(pool);
	return good;
}

static bool fork_all(const struct args *a, struct tally *all)
{
	bool good = true;

	fflush(stdout);
	for (uint32_t i = 0; i < a->processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return false;
		if (pid)
			continue;
		tally = &all[i];
		tally->good = work(a, all, i);
		__atomic_store_n(&tally->ended, true, __ATOMIC_RELEASE);
		fflush(stdout);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	for (uint32_t i = 0; i < a->processes; i++)
		good &= all[i].ended && all[i].good; /* who crashed ended nothing */
	return good;
}

static struct tally sum(const struct args *a, const struct tally *all)
{
	struct tally t = { 0 };

	for (uint32_t i = 0; i < a->processes; i++) {
		t.made += all[i].made;
		t.ran += all[i].ran;
		t.faulted += all[i].faulted;
		t.not_compiled += all[i].not_compiled;
		t.in_kernel += all[i].in_kernel;
		t.refused += all[i].refused;
		t.refused_soup += all[i].refused_soup;
	}
	return t;
}

int main(int argc, char **argv)
{
	struct args a = { .seed = 1, .processes = 1 };
	struct tally *all, t;
	double start;
	bool good;

	if (parse(argc, argv, &a) || !a.processes || a.processes > 256) {
		fprintf(stderr, "usage: difffuzz [-n PROGRAMS] [-t SECONDS] [-s SEED] [-k KERNEL] "
				"[-j PROCESSES] [-a] [-v]\n");
		return 2;
	}
	if (a.kernel && oracle_missing()) {
		printf("not in the kernel: %s\n", oracle_missing());
		a.kernel = 0;
	}
	all = mmap(NULL, a.processes * sizeof(*all), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		return 70;
	start = seconds();
	tally = all;
	good = a.processes > 1 ? fork_all(&a, all) : work(&a, all, 0);
	t = sum(&a, all);
	printf("%" PRIu64 " programs from seed %" PRIu64 ", %" PRIu64 " compiled runs, %" PRIu64
	       " ended by a fault, %" PRIu64 " not compiled, %" PRIu64 " in the kernel (%" PRIu64
	       " refused), %" PRIu64 " of no structure refused, %.0f programs a second: %s\n",
	       t.made, a.seed, t.ran, t.faulted, t.not_compiled, t.in_kernel, t.refused,
	       t.refused_soup, (double)t.made / (seconds() - start),
	       good ? "no difference" : "a difference");
	if (good && !jit_available()) {
		printf("no compiler is built for this CPU\n");
		return 77;
	}
	return good ? 0 : 1;
}
