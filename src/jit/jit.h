/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of the JIT: a program that exec has decoded and checked becomes machine code with the same
 * meaning. The middle (ir, optimiser, register allocation) is target-neutral; a back end is one struct
 * jit_target in a folder of its own. Code pages are never writable and executable at once.
 *
 * The ABI of compiled code: `uint64_t code(struct exec_run *run, uint64_t r1, uint64_t r2)`; helpers are called
 * as exec does, `fn(run, a1..a5)`. A compiled program is immutable and runs on any number of threads, each with
 * its own exec_run.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "base/error.h"
#include "exec/exec.h"

struct jit_prog;
struct jit_target;

/*
 * Where code lives: one for all programs of an embedder, so that they are packed; counted, and safe for threads.
 */
struct jit_pool;
int jit_pool_new(struct jit_pool **ret, struct skep_error **reterr);
struct jit_pool *jit_pool_ref(struct jit_pool *pool);
struct jit_pool *jit_pool_unref(struct jit_pool *pool); /* NULL */
size_t jit_pool_used(struct jit_pool *pool);

enum jit_mode {
	JIT_TRUSTED, /* accesses are not checked: a verifier, or the caller, vouches for the program */
	JIT_CHECKED, /* accesses, helper arguments and the budget are checked, as exec does */
};

struct jit_opts {
	enum jit_mode mode;
	const struct jit_target
		*target;  /* NULL: this host's; another one's code does not run (tests) */
	bool portable;	  /* only what every CPU of this architecture has (tests) */
	bool blind;	  /* no constant that the program chose stands in its code */
	bool harden;	  /* no indirect call or jump in it that speculation can be led astray at */
	bool no_optimise; /* straight translation (tests: the slow twin of the optimiser) */
	struct jit_pool *pool; /* NULL: pages of its own */
	bool count; /* checked: run->budget tells afterwards how many instructions ran, without loops too */
	bool lines;    /* keep where code comes from: jit_lines() */
	bool perf_map; /* tell perf(1) of it, in the file that it looks for */
	bool debugger; /* tell gdb and lldb of it: names, lines, frames */
	const struct spec_fact
		*facts; /* one a slot of the program; read only during jit_new; NULL: none */
};

struct jit_stats {
	size_t code_bytes;
	uint64_t compile_ns;
	uint32_t insns;	   /* of the program */
	uint32_t ir_insns; /* after optimisation */
};

/* Is there a back end for this host? */
bool jit_available(void);
/*
 * Compiles @prog, which must outlive the result. -EOPNOTSUPP: no back end, or an instruction that it does not
 * compile (the caller interprets instead).
 */
int jit_new(const struct exec_prog *prog, const struct jit_opts *opts, struct jit_prog **ret,
	    struct skep_error **reterr);
void jit_free(struct jit_prog *jit);
/* As exec(): 0 and *ret_r0, or -errno and the error that ended the run. */
int jit_run(const struct jit_prog *jit, struct exec_run *run, uint64_t ctx, uint64_t *ret_r0,
	    struct skep_error **reterr);
/*
 * The entry for embedders and benchmarks. In checked mode after exec_begin(), and a fault is in run->fault afterwards.
 */
typedef uint64_t (*jit_entry)(struct exec_run *run, uint64_t r1, uint64_t r2);
jit_entry jit_code(const struct jit_prog *jit, size_t *ret_size);
const uint8_t *jit_bytes(const struct jit_prog *jit, size_t *ret_size);
/* Code from `code` on, up to the next one's, is of instruction `insn`. Ascending by code; none without jit_opts.lines. */
struct jit_line {
	uint32_t code, insn;
};
const struct jit_line *jit_lines(const struct jit_prog *jit, size_t *ret_n);
/* For exec_space_ops.native, so that tail calls reach the compiled form. */
const struct exec_native *jit_native(const struct jit_prog *jit);
void jit_stats(const struct jit_prog *jit, struct jit_stats *ret);

#endif
