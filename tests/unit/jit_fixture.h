/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program on every engine: the interpreter, the compiler's optimised code, its straight translation, and what
 * every CPU runs. All must agree in r0 and in the memory that the program may write.
 */
#ifndef TESTS_UNIT_JIT_FIXTURE_H
#define TESTS_UNIT_JIT_FIXTURE_H

#include "check.h"
#include "exec/exec.h"
#include "exec_gen.h"
#include "jit/jit.h"

#define MEMORY 256

#ifdef __x86_64__
#define FIXTURE_HARDENS true
#define FIXTURE_CHECKS true
#else /* these back ends have neither hardened calls nor checked mode */
#define FIXTURE_HARDENS false
#define FIXTURE_CHECKS false
#endif

struct outcome {
	int r;
	uint64_t r0;
	uint8_t memory[MEMORY];
};

static const uint8_t fixture_packet[] = { 1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0xa0, 0xb0, 0xc0 };

static inline uint64_t fixture_mix(void *ctx, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
				   uint64_t a5)
{
	return (uintptr_t)ctx + a1 * 3 + (a2 ^ a3 << 7) + (a4 | a5 >> 3);
}

static inline uint64_t fixture_one(void *ctx, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
				   uint64_t a5)
{
	(void)ctx, (void)a2, (void)a3, (void)a4, (void)a5;
	return a1 * a1 + 1;
}

static const struct exec_custom fixture_helpers[] = {
	{ .id = 1, .name = "mix", .fn = fixture_mix }, { .id = 2, .name = "one", .fn = fixture_one }
};

static inline struct exec_prog *fixture_prog(const struct text *t)
{
	struct exec_prog_opts o = { .object = "t",
				    .name = "t",
				    .insns = t->in,
				    .ninsns = t->n,
				    .prog_type = -1,
				    .customs = fixture_helpers,
				    .ncustoms = ARRAY_SIZE(fixture_helpers),
				    .custom_ctx = (void *)(uintptr_t)0x1234567 };
	struct exec_prog *prog = NULL;
	struct skep_error *err = NULL;
	char text[512];

	if (exec_prog_new(&o, &prog, &err) < 0) {
		skep_error_text(err, text, sizeof(text));
		CHECK_MSG(false, "%s", text);
		skep_error_free(err);
	}
	return prog;
}

/* @opts NULL: interpreted */
static inline struct outcome fixture_run(const struct exec_prog *prog, const struct jit_opts *opts,
					 const uint8_t *memory)
{
	struct outcome out = { 0 };
	struct jit_prog *jit = NULL;
	struct skep_error *err = NULL;
	struct exec_run run;
	struct exec_region region = { .base = (uintptr_t)out.memory,
				      .size = MEMORY,
				      .kind = REGION_MEM,
				      .writable = true,
				      .name = "memory" };
	char text[512];

	memcpy(out.memory, memory, MEMORY);
	if (exec_run_init(&run, NULL) < 0)
		abort();
	exec_run_start(&run, 0);
	exec_region_add(&run, &region);
	run.ctx_len = MEMORY;
	run.packet = fixture_packet;
	run.packet_len = sizeof(fixture_packet);
	if (opts)
		out.r = jit_new(prog, opts, &jit, &err);
	if (out.r == 0)
		out.r = opts ? jit_run(jit, &run, region.base, &out.r0, &err) :
			       exec(prog, &run, region.base, &out.r0, &err);
	if (err) {
		skep_error_text(err, text, sizeof(text));
		CHECK_MSG(opts != NULL && out.r == -EOPNOTSUPP, "%s", text);
		skep_error_free(err);
	}
	jit_free(jit);
	exec_run_done(&run);
	return out;
}

static inline bool fixture_same(const struct text *t, const uint8_t *memory)
{
	static const struct jit_opts variants[] = {
		{ .mode = JIT_TRUSTED },
		{ .mode = JIT_TRUSTED, .portable = true },
		{ .mode = JIT_TRUSTED, .no_optimise = true },
		{ .mode = JIT_TRUSTED, .blind = true, .harden = FIXTURE_HARDENS },
#ifdef __x86_64__ /* an emulated CPU has no time for it */
		{ .mode = JIT_TRUSTED, .blind = true, .no_optimise = true },
#endif
		{ .mode = JIT_CHECKED },
		{ .mode = JIT_CHECKED, .no_optimise = true },
		{ .mode = JIT_CHECKED, .blind = true, .harden = FIXTURE_HARDENS },
	};
	struct exec_prog *prog = fixture_prog(t);
	struct outcome want, got;
	bool same = prog != NULL;

	if (!prog)
		return false;
	want = fixture_run(prog, NULL, memory);
	for (size_t i = 0; same && i < ARRAY_SIZE(variants); i++) {
		if (variants[i].mode == JIT_CHECKED && !FIXTURE_CHECKS)
			continue;
		got = fixture_run(prog, &variants[i], memory);
		same = CHECK_MSG(got.r == want.r && got.r0 == want.r0 &&
					 !memcmp(got.memory, want.memory, MEMORY),
				 "variant %zu: %d, 0x%llx, interpreter %d, 0x%llx, memory %s", i,
				 got.r, (unsigned long long)got.r0, want.r,
				 (unsigned long long)want.r0,
				 memcmp(got.memory, want.memory, MEMORY) ? "differs" : "the same");
	}
	exec_prog_free(prog);
	return same;
}

#endif
