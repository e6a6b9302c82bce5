// SPDX-License-Identifier: Apache-2.0
/*
 * What tests/sh/gdb.sh debugs: a compiled program with source lines, two functions, saved registers and a stack, whose
 * helper is called from the inner one. `gdb_subject twice` makes a second program, after the first is freed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "jit/jit.h"
#include <skep/insn.h>

uint64_t subject_helper(void *ctx, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

__attribute__((noinline)) uint64_t subject_helper(void *ctx, uint64_t a1, uint64_t a2, uint64_t a3,
						  uint64_t a4, uint64_t a5)
{
	(void)ctx, (void)a3, (void)a4, (void)a5;
	__asm__ volatile("" ::: "memory");
	return a1 + a2;
}

static const char text[] = "mov %r6, %r1\n"	    /* 0: line 10 */
			   "mov %r7, 3\n"	    /* 1 */
			   "stxdw [%r10-16], %r6\n" /* 2: line 11 */
			   "mov %r1, %r10\n"	    /* 3: line 12 */
			   "add %r1, -16\n"	    /* 4 */
			   "call local inner\n"	    /* 5: line 13 */
			   "add %r0, %r7\n"	    /* 6: line 14 */
			   "add %r0, %r6\n"	    /* 7 */
			   "exit\n"		    /* 8 */
			   "inner: mov %r6, %r1\n"  /* 9: line 20 */
			   "ldxdw %r7, [%r1]\n"	    /* 10 */
			   "mov %r1, %r7\n"	    /* 11: line 21 */
			   "mov %r2, 5\n"	    /* 12 */
			   "call 1\n"		    /* 13: line 22 */
			   "ldxdw %r8, [%r6]\n"	    /* 14: line 23 */
			   "add %r0, %r7\n"	    /* 15 */
			   "add %r0, %r8\n"	    /* 16 */
			   "exit\n";		    /* 17 */

static const struct exec_line lines[] = {
	{ 0, "subject.bpf.c", "int subject(...)", 10, 1 },
	{ 2, "subject.bpf.c", "x = n;", 11, 2 },
	{ 3, "subject.bpf.c", "", 12, 2 },
	{ 5, "subject.bpf.c", "inner(&x);", 13, 9 },
	{ 6, "subject.bpf.c", "return", 14, 2 },
	{ 9, "inner.h", "inner()", 20, 1 },
	{ 11, "inner.h", "", 21, 1 },
	{ 13, "inner.h", "help();", 22, 3 },
	{ 14, "inner.h", "return", 23, 1 },
};

static int run_one(const char *name, uint64_t arg, bool told)
{
	static const struct exec_custom customs[] = {
		{ .id = 1, .name = "help", .fn = subject_helper }
	};
	struct exec_prog_opts o = { .object = "subject.bpf.o",
				    .name = name,
				    .prog_type = -1,
				    .customs = customs,
				    .ncustoms = 1,
				    .custom_ctx = (void *)1,
				    .lines = lines,
				    .nlines = told ? sizeof(lines) / sizeof(lines[0]) : 0 };
	struct jit_opts opts = { .mode = JIT_TRUSTED, .debugger = true };
	struct skep_insn *insns;
	struct exec_prog *prog;
	struct jit_prog *jit;
	struct exec_run run;
	uint64_t r0 = 0;
	size_t n;

	if (skep_insn_assemble(text, &insns, &n, NULL) < 0)
		return 1;
	o.insns = insns;
	o.ninsns = (uint32_t)n;
	if (exec_prog_new(&o, &prog, NULL) < 0 || jit_new(prog, &opts, &jit, NULL) < 0 ||
	    exec_run_init(&run, NULL) < 0)
		return 1;
	exec_run_start(&run, 0);
	if (jit_run(jit, &run, arg, &r0, NULL) < 0)
		return 1;
	printf("r0 %llu\n", (unsigned long long)r0);
	exec_run_done(&run);
	jit_free(jit);
	exec_prog_free(prog);
	free(insns);
	return 0;
}

int main(int argc, char **argv)
{
	if (!jit_available())
		return 77;
	if (run_one("subject", 100, true))
		return 1;
	return argc > 1 && !strcmp(argv[1], "twice") ? run_one("unlined", 7, false) : 0;
}
