// SPDX-License-Identifier: Apache-2.0
/*
 * What does not fit into an instruction: branches over more than 32 KiB and 1 MiB of code, thousands of spill slots,
 * displacements of every size, constants; and code that takes the place of other code, which caches and
 * emulators may remember. The interpreter is the reference.
 */
#include <stdlib.h>

#include "check.h"
#include "exec/exec.h"
#include "jit/jit.h"

#define MEMORY 256

struct text {
	struct skep_insn *in;
	uint32_t n, room;
};

static void put(struct text *t, uint8_t code, unsigned int dst, unsigned int src, int off,
		int32_t imm)
{
	if (t->n == t->room) {
		t->room = t->room ? t->room * 2 : 1024;
		t->in = realloc(t->in, t->room * sizeof(*t->in));
		if (!t->in)
			abort();
	}
	t->in[t->n++] = (struct skep_insn){ code, insn_regs(dst, src), (int16_t)off, imm };
}

static struct exec_prog *prog_of(const struct text *t)
{
	struct exec_prog_opts o = {
		.object = "far", .name = "far", .insns = t->in, .ninsns = t->n, .prog_type = -1
	};
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

static bool run_on(struct exec_run *run, const struct exec_prog *prog, const struct jit_prog *jit,
		   uint8_t *memory, size_t size, size_t at, uint64_t *ret)
{
	struct exec_region region = { .base = (uintptr_t)memory,
				      .size = size,
				      .kind = REGION_MEM,
				      .writable = true,
				      .name = "memory" };
	struct skep_error *err = NULL;
	char text[512];
	int r;

	exec_run_start(run, 1 << 24);
	exec_region_add(run, &region);
	run->ctx_len = size;
	r = jit ? jit_run(jit, run, region.base + at, ret, &err) :
		  exec(prog, run, region.base + at, ret, &err);
	if (err) {
		skep_error_text(err, text, sizeof(text));
		CHECK_MSG(false, "%s", text);
		skep_error_free(err);
	}
	return r == 0;
}

/* The program over memory of @size bytes, r1 at @at of it, on all engines. */
static void same_over(const struct text *t, size_t size, size_t at)
{
	static const struct jit_opts variants[] = {
		{ .mode = JIT_TRUSTED },
		{ .mode = JIT_TRUSTED, .portable = true },
		{ .mode = JIT_TRUSTED, .no_optimise = true },
	};
	struct exec_prog *prog = prog_of(t);
	uint8_t *before = calloc(1, size), *want = calloc(1, size), *got = calloc(1, size);
	uint64_t want_r0 = 0, r0;
	struct exec_run run;

	if (!prog || !before || !want || !got || exec_run_init(&run, NULL) < 0)
		abort();
	for (size_t i = 0; i < size; i++)
		before[i] = (uint8_t)(i * 167 + 13);
	memcpy(want, before, size);
	CHECK(run_on(&run, prog, NULL, want, size, at, &want_r0));
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		struct jit_prog *jit = NULL;

		memcpy(got, before, size);
		r0 = ~want_r0;
		if (!CHECK_EQ_INT(jit_new(prog, &variants[i], &jit, NULL), 0))
			continue;
		CHECK(run_on(&run, prog, jit, got, size, at, &r0));
		CHECK_MSG(r0 == want_r0, "variant %zu: 0x%llx, interpreter 0x%llx", i,
			  (unsigned long long)r0, (unsigned long long)want_r0);
		CHECK_MSG(!memcmp(got, want, size), "variant %zu: memory differs", i);
		jit_free(jit);
	}
	exec_run_done(&run);
	exec_prog_free(prog);
	free(before);
	free(want);
	free(got);
}

/* @insns that compute, none of which another one makes superfluous: r0 from r0 and r2. */
static void put_filler(struct text *t, uint32_t insns)
{
	for (uint32_t i = 0; i < insns; i += 2) {
		put(t, i % 4 ? 0x0f : 0xaf, 0, 2, 0, 0);
		put(t, 0x27, 0, 0, 0, (int32_t)(i * 2654435761u | 1));
	}
}

/* Branches of each kind over code of each length, forwards and backwards, taken and not. */
static void branches(void)
{
	static const uint32_t lengths[] = { 10, 6000, 20000, 300000 };
	static const struct {
		uint8_t code;
		int32_t imm;
	} conds[] = { { 0x45, 1 }, { 0x55, 0 }, { 0xc5, 0 }, { 0x25, 1000 }, { 0x46, 0x300 } };

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
		struct text t = { 0 };

		CHECK_CASE("over %u instructions", lengths[l]);
		put(&t, 0x79, 2, 1, 0, 0);
		put(&t, 0xb7, 0, 0, 0, 3);
		put(&t, 0xb7, 3, 0, 0, 0);
		for (size_t c = 0; c < ARRAY_SIZE(conds); c++) { /* past the code */
			put(&t, 0x79, 4, 1, (int)(8 * c + 8), 0);
			put(&t, conds[c].code, 4, 0, 1, conds[c].imm);
			put(&t, 0x05, 0, 0, 1, 0);
			put(&t, 0x06, 0, 0, 0, 0); /* filled in below: far */
		}
		put_filler(&t, lengths[l]);
		for (uint32_t i = 0; i < 32; i++)
			if (t.in[i].code == 0x06)
				t.in[i].imm = (int32_t)(t.n - i - 1);
		put(&t, 0x07, 3, 0, 0, 1);
		put(&t, 0x2f, 2, 3, 0, 0);
		put(&t, 0x35, 3, 0, 1, 3); /* three times around */
		put(&t, 0x06, 0, 0, 0, (int32_t)(2 - (int32_t)t.n));
		put(&t, 0x95, 0, 0, 0, 0);
		same_over(&t, MEMORY, 0);
		free(t.in);
	}
}

/* More values at a time than there are registers, so many that slots lie beyond 32 KiB of the frame. */
static void slots(void)
{
	const int vars = 48;
	struct text t = { 0 };

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (int i = 0; i < vars; i++) {
		put(&t, 0x79, 2, 1, 8 * (i % 31), 0);
		put(&t, 0x07, 2, 0, 0, i);
		put(&t, 0x7b, 10, 2, -8 * (i + 1), 0);
	}
	for (int i = 0; i < 400 * vars; i++) {
		put(&t, 0x79, 2, 10, -8 * (i % vars + 1), 0);
		put(&t, 0x79, 3, 10, -8 * (i * 7 % vars + 1), 0);
		put(&t, i % 2 ? 0x2f : 0x1f, 2, 3, 0, 0);
		put(&t, 0x07, 2, 0, 0, i * 9999);
		put(&t, 0x7b, 10, 2, -8 * (i % vars + 1), 0);
	}
	put(&t, 0xb7, 0, 0, 0, 0);
	for (int i = 0; i < vars; i++) {
		put(&t, 0x79, 2, 10, -8 * (i + 1), 0);
		put(&t, 0x27, 0, 0, 0, 31);
		put(&t, 0xaf, 0, 2, 0, 0);
	}
	put(&t, 0x95, 0, 0, 0, 0);
	same_over(&t, MEMORY, 0);
	free(t.in);
}

/*
 * A loop that moves @vars values around, so that those without a register go from slot to slot at once; with a call in
 * it, which few registers survive.
 */
static void put_rotation(struct text *t, int vars, bool calls)
{
	uint32_t top;

	for (int i = 0; i < vars; i++) {
		put(t, 0x79, 2, 1, 8 * (i % 31), 0);
		put(t, 0x07, 2, 0, 0, i * 77);
		put(t, 0x7b, 10, 2, -8 * (i + 2), 0);
	}
	put(t, 0x7a, 10, 0, -8, 9); /* rounds */
	top = t->n;
	if (calls) {
		put(t, 0x79, 1, 10, -24, 0);
		put(t, 0x79, 2, 10, -16, 0);
		put(t, 0x85, 0, 1, 0, 0); /* filled in below */
		put(t, 0x7b, 10, 0, -24, 0);
	}
	put(t, 0x79, 4, 10, -16, 0);
	for (int i = 0; i + 1 < vars; i++) {
		put(t, 0x79, 3, 10, -8 * (i + 3), 0);
		if (i % 5 == 0)
			put(t, 0x94, 3, 0, 0, i + 3); /* of 32 bits, of a slot's lower half */
		if (i % 7 == 0)
			put(t, 0xbf, 3, 3, 32, 0);
		put(t, 0x7b, 10, 3, -8 * (i + 2), 0);
	}
	put(t, 0x7b, 10, 4, -8 * (vars + 1), 0);
	put(t, 0x79, 5, 10, -8, 0);
	put(t, 0x07, 5, 0, 0, -1);
	put(t, 0x7b, 10, 5, -8, 0);
	put(t, 0x55, 5, 0, (int)top - (int)t->n - 1, 0);
	put(t, 0xb7, 0, 0, 0, 0);
	for (int i = 0; i < vars; i++) {
		put(t, 0x79, 2, 10, -8 * (i + 2), 0);
		put(t, 0x27, 0, 0, 0, 31);
		put(t, 0xaf, 0, 2, 0, 0);
	}
	put(t, 0x95, 0, 0, 0, 0);
	if (!calls)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->in[i].code == 0x85)
			t->in[i].imm = (int32_t)(t->n - i - 1);
	put(t, 0xbf, 0, 1, 0, 0);
	put(t, 0x2f, 0, 2, 0, 0);
	put(t, 0x07, 0, 0, 0, 1);
	put(t, 0x95, 0, 0, 0, 0);
}

static void rotations(void)
{
	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (int vars = 3; vars <= 52; vars++)
		for (int calls = 0; calls < 2; calls++) {
			struct text t = { 0 };

			CHECK_CASE("%d values%s", vars, calls ? ", calls" : "");
			put_rotation(&t, vars, calls);
			same_over(&t, MEMORY, 0);
			free(t.in);
		}
}

/* Accesses of every size at displacements around the limits, and with an index. */
static void displacements(void)
{
	static const int offs[] = { 0,	    1,	    -1,	    7,	   248,	  255,	 256,
				    -256,   -257,   4088,   4095,  4096,  4097,	 8190,
				    8191,   16380,  16384,  32752, 32760, 32766, -4096,
				    -32768, -32767, -32760, -4104 };
	static const uint8_t loads[] = { 0x71, 0x69, 0x61, 0x79, 0x91, 0x89, 0x81 };
	static const uint8_t stores[] = { 0x73, 0x6b, 0x63, 0x7b };

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (size_t i = 0; i < ARRAY_SIZE(offs); i++)
		for (int shift = 0; shift <= 4; shift++) {
			struct text t = { 0 };

			CHECK_CASE("at %d, index shifted by %d", offs[i], shift);
			put(&t, 0xb7, 0, 0, 0, 0);
			put(&t, 0x79, 4, 1, 8, 0);
			for (size_t k = 0; k < ARRAY_SIZE(loads) + ARRAY_SIZE(stores); k++) {
				int load = k < ARRAY_SIZE(loads);

				put(&t, 0x71, 3, 1, (int)k, 0);
				if (shift)
					put(&t, 0x67, 3, 0, 0, shift - 1);
				else
					put(&t, 0xb7, 3, 0, 0, 0);
				put(&t, 0x0f, 3, 1, 0, 0);
				if (load)
					put(&t, loads[k], 5, 3, offs[i], 0);
				else
					put(&t, stores[k - ARRAY_SIZE(loads)], 3, 4, offs[i], 0);
				if (!load)
					continue;
				put(&t, 0x27, 0, 0, 0, 31);
				put(&t, 0xaf, 0, 5, 0, 0);
			}
			for (int k = 0; k < 2 && offs[i] % 8 == 0;
			     k++) /* atomics, at a multiple of 8 */
				put(&t, k ? 0xdb : 0xc3, 1, 4, offs[i], k ? 1 : 0xa0);
			put(&t, 0xaf, 0, 4, 0, 0);
			put(&t, 0x95, 0, 0, 0, 0);
			same_over(&t, 3 * 32768, 32768);
			free(t.in);
		}
}

/* Programs with other constants, one after the other in the same place of a pool: what runs is what was written. */
static void same_place(void)
{
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct exec_run run;
	int moved = 0, wrong = 0;
	const void *place = NULL;
	uint8_t memory[MEMORY] = { 0 };

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	CHECK_EQ_INT(jit_pool_new(&opts.pool, NULL), 0);
	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	for (int i = 0; i < 2000; i++) {
		struct text t = { 0 };
		struct exec_prog *prog;
		struct jit_prog *jit;
		uint64_t r0 = 0;

		put(&t, 0xb7, 0, 0, 0, i);
		put(&t, 0x95, 0, 0, 0, 0);
		prog = prog_of(&t);
		if (!CHECK_EQ_INT(jit_new(prog, &opts, &jit, NULL), 0))
			break;
		moved += place && (const void *)(uintptr_t)jit_code(jit, NULL) != place;
		place = (const void *)(uintptr_t)jit_code(jit, NULL);
		for (int k = 0; k < 3; k++)
			wrong += !run_on(&run, prog, jit, memory, MEMORY, 0, &r0) ||
				 r0 != (uint64_t)i;
		jit_free(jit);
		exec_prog_free(prog);
		free(t.in);
	}
	CHECK_EQ_INT(moved, 0);
	CHECK_EQ_INT(wrong, 0);
	exec_run_done(&run);
	jit_pool_unref(opts.pool);
}

CHECK_MAIN({ "branches", branches }, { "slots", slots }, { "rotations", rotations },
	   { "displacements", displacements }, { "same_place", same_place })
