// SPDX-License-Identifier: Apache-2.0
/*
 * What is known of compiled code: the line table says of the place that a helper returns to which instruction called it, in
 * every form of code; perf's map has each function's place; what cannot be written is said. tests/sh/gdb.sh has
 * debuggers.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "exec/exec.h"
#include "jit/jit.h"

#define CALLS 8

static struct {
	uint64_t mark[CALLS]; /* first arguments, and where the calls returned to */
	uintptr_t from[CALLS];
	uint32_t n;
} seen;

static __attribute__((noinline)) uint64_t helper(void *ctx, uint64_t a1, uint64_t a2, uint64_t a3,
						 uint64_t a4, uint64_t a5)
{
	(void)ctx, (void)a3, (void)a4, (void)a5;
	if (seen.n < CALLS) {
		seen.mark[seen.n] = a1;
		seen.from[seen.n++] = (uintptr_t)__builtin_return_address(0);
	}
	return a2;
}

/* Each call's first argument is its own instruction's number. */
static const char text[] = "mov %r6, %r1\n"	   /* 0 */
			   "mov %r1, 2\n"	   /* 1 */
			   "call 1\n"		   /* 2 */
			   "mov %r7, 3\n"	   /* 3 */
			   "again: mov %r1, 6\n"   /* 4 */
			   "mov %r2, %r7\n"	   /* 5 */
			   "call 1\n"		   /* 6 */
			   "sub %r7, 1\n"	   /* 7 */
			   "jne %r7, 0, again\n"   /* 8 */
			   "mov %r1, 0x123456\n"   /* 9 */
			   "call local inner\n"	   /* 10 */
			   "jgt %r0, 5, big\n"	   /* 11 */
			   "mov %r1, 13\n"	   /* 12 */
			   "call 1\n"		   /* 13 */
			   "big: exit\n"	   /* 14 */
			   "inner: mov %r0, %r1\n" /* 15 */
			   "mov %r1, 18\n"	   /* 16 */
			   "mov %r2, 1\n"	   /* 17 */
			   "call 1\n"		   /* 18 */
			   "exit\n";		   /* 19 */

static struct exec_prog *make(void)
{
	static const struct exec_custom customs[] = { { .id = 1, .name = "helper", .fn = helper } };
	struct exec_prog_opts o = { .object = "o",
				    .name = "a program\n",
				    .prog_type = -1,
				    .customs = customs,
				    .ncustoms = 1,
				    .custom_ctx = (void *)1 };
	struct exec_prog *prog = NULL;
	struct skep_insn *insns = NULL;
	size_t n;

	CHECK_EQ_INT(skep_insn_assemble(text, &insns, &n, NULL), 0);
	o.insns = insns;
	o.ninsns = (uint32_t)n;
	CHECK_EQ_INT(exec_prog_new(&o, &prog, NULL), 0);
	free(insns);
	return prog;
}

/* The instruction whose code the byte before @at belongs to. */
static uint32_t insn_of(const struct jit_prog *jit, uintptr_t at)
{
	const struct jit_line *lines;
	uint32_t insn = UINT32_MAX;
	size_t n;

	lines = jit_lines(jit, &n);
	for (size_t i = 0; i < n; i++)
		if ((uintptr_t)jit_code(jit, NULL) + lines[i].code < at)
			insn = lines[i].insn;
	return insn;
}

static void lines(void)
{
	static const struct jit_opts variants[] = {
		{ .mode = JIT_TRUSTED, .lines = true },
		{ .mode = JIT_TRUSTED, .lines = true, .no_optimise = true },
		{ .mode = JIT_TRUSTED, .lines = true, .blind = true },
		{ .mode = JIT_TRUSTED, .lines = true, .debugger = true },
	};
	struct exec_prog *prog;

	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	prog = make();
	for (size_t v = 0; prog && v < ARRAY_SIZE(variants); v++) {
		const struct jit_line *table;
		struct jit_prog *jit = NULL;
		struct exec_run run;
		size_t n, size;
		uint64_t r0;

		CHECK_CASE("variant %zu", v);
		CHECK_EQ_INT(jit_new(prog, &variants[v], &jit, NULL), 0);
		CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
		if (!jit)
			break;
		jit_code(jit, &size);
		table = jit_lines(jit, &n);
		CHECK(n > 8);
		for (size_t i = 0; i < n; i++) {
			CHECK(table[i].insn < 20 && table[i].code < size);
			CHECK(!i || table[i].code > table[i - 1].code);
		}
		CHECK_EQ_INT(table[0].code, 0);
		seen.n = 0;
		exec_run_start(&run, 0);
		CHECK_EQ_INT(jit_run(jit, &run, 0, &r0, NULL), 0);
		CHECK_EQ_INT(seen.n, 6);
		for (uint32_t i = 0; i < seen.n; i++)
			CHECK_EQ_INT(insn_of(jit, seen.from[i]), seen.mark[i]);
		exec_run_done(&run);
		jit_free(jit);
	}
	exec_prog_free(prog);
}

static void no_lines(void)
{
	static const struct jit_opts plain = { .mode = JIT_TRUSTED };
	struct exec_prog *prog;
	struct jit_prog *jit = NULL;
	size_t n = 7;

	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	prog = make();
	CHECK_EQ_INT(jit_new(prog, &plain, &jit, NULL), 0);
	CHECK(jit && !jit_lines(jit, &n) && n == 0);
	jit_free(jit);
	exec_prog_free(prog);
}

static void map_path(char path[64])
{
	snprintf(path, 64, P_tmpdir "/perf-%d.map", (int)getpid());
}

/* In a process of its own, whose number nobody else's map has. */
static int in_child(int (*run)(const struct exec_prog *prog))
{
	struct exec_prog *prog = make();
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		char path[64];
		int r = run(prog);

		map_path(path);
		unlink(path);
		rmdir(path);
		_exit(r);
	}
	waitpid(pid, &status, 0);
	exec_prog_free(prog);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int reads_map(const struct exec_prog *prog)
{
	/* not optimised: the function is not written where it is called */
	static const struct jit_opts opts = { .mode = JIT_TRUSTED,
					      .perf_map = true,
					      .no_optimise = true };
	struct jit_prog *jits[2];
	unsigned long start, size, next = 0;
	char path[64], line[256], name[128];
	size_t all;
	FILE *f;

	for (int i = 0; i < 2; i++)
		if (jit_new(prog, &opts, &jits[i], NULL) < 0)
			return 1;
	map_path(path);
	f = fopen(path, "r");
	for (int i = 0; i < 4; i++) { /* two functions of two programs */
		uintptr_t code = (uintptr_t)jit_code(jits[i / 2], &all);

		if (!f || !fgets(line, sizeof(line), f) ||
		    sscanf(line, "%lx %lx %127s\n", &start, &size, name) != 3)
			return 2;
		if (strcmp(name, i % 2 ? "bpf_prog_a_program_.15" : "bpf_prog_a_program_") != 0)
			return 3;
		if (start != (i % 2 ? next : code) || !size || start + size > code + all)
			return 4;
		next = start + size;
		if (i % 2 && next != code + all)
			return 5;
	}
	return fgets(line, sizeof(line), f) ? 6 : 0;
}

static int cannot_write(const struct exec_prog *prog)
{
	static const struct jit_opts opts = { .mode = JIT_TRUSTED, .perf_map = true };
	struct skep_error *err = NULL;
	struct jit_prog *jit;
	char path[64];

	map_path(path);
	if (mkdir(path, 0700) < 0)
		return 1;
	if (jit_new(prog, &opts, &jit, &err) != -EIO)
		return 2;
	if (strcmp(skep_error_id(err), "J0005") != 0)
		return 3;
	skep_error_free(err);
	rmdir(path);
	/* someone else's trap */
	if (symlink("/dev/null", path) < 0)
		return 4;
	return jit_new(prog, &opts, &jit, NULL) == -EIO ? 0 : 5;
}

static void perf_map(void)
{
	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	CHECK_CASE("functions and their places");
	CHECK_EQ_INT(in_child(reads_map), 0);
	CHECK_CASE("it cannot be written");
	CHECK_EQ_INT(in_child(cannot_write), 0);
}

CHECK_MAIN({ "lines", lines }, { "no_lines", no_lines }, { "perf_map", perf_map })
