/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts against runs: what facts_make() says of an instruction must hold whenever it is interpreted. Random programs
 * (fuzz_gen.h) are watched step by step; then programs by hand, whose facts are stated.
 */
#include "exec_fixture.h"
#include "fuzz_gen.h"
#include "isa/alu.h"
#include "verify/facts.h"

#define RUNS 3

struct watcher {
	const struct skep_insn *insns;
	const struct spec_fact *facts;
	struct fix *fix;
	bool kernel_helpers;
	uint32_t before, depth; /* the instruction looked at last; UINT32_MAX: none */
	uint64_t steps, checked, broken;
};

static uint64_t seed_now;

static void breach(struct watcher *w, uint32_t at, const char *what, uint64_t got)
{
	const struct spec_fact *f = &w->facts[at];

	w->broken++;
	CHECK_MSG(false,
		  "seed %" PRIu64 ", instruction %u (%s): %s, 0x%" PRIx64 "; value 0x%" PRIx64
		  ", 0x%" PRIx64 " to 0x%" PRIx64,
		  seed_now, at, isa_name(isa_decode(&w->insns[at], 2)), what, got, f->value,
		  f->umin, f->umax);
}

static void after(struct watcher *w, uint32_t at, uint32_t now, const uint64_t *r)
{
	const struct spec_fact *f = &w->facts[at];
	const struct skep_insn *in = &w->insns[at];
	enum isa_op op = isa_decode(in, 2);
	bool went = now != at + 1;

	if (f->flags & (FACT_TAKEN | FACT_NOT_TAKEN) && in->off) {
		w->checked++;
		if (went != !!(f->flags & FACT_TAKEN))
			breach(w, at, "the jump goes the other way", now);
	}
	if (!(isa_writes(op) & ISA_USE_DST) || isa_kind(op) == ISA_KIND_CALL)
		return;
	if (f->flags & FACT_CONST) {
		w->checked++;
		if (r[insn_dst(in)] != f->value)
			breach(w, at, "not the constant", r[insn_dst(in)]);
	}
	if (f->flags & FACT_RANGE) {
		w->checked++;
		if (r[insn_dst(in)] < f->umin || r[insn_dst(in)] > f->umax)
			breach(w, at, "outside of the range", r[insn_dst(in)]);
	}
}

static void at_call(struct watcher *w, uint32_t at, const uint64_t *r)
{
	const struct spec_fact *f = &w->facts[at];
	uint32_t key;

	if (!(f->flags & FACT_MAP) || !w->kernel_helpers)
		return;
	w->checked++;
	if (r[1] != (uint64_t)(uintptr_t)&w->fix->maps[f->value])
		breach(w, at, "another map", r[1]);
	if (!(f->flags & FACT_KEY))
		return;
	memcpy(&key, (const void *)(uintptr_t)r[2], sizeof(key));
	if (key != f->umin)
		breach(w, at, "another key", key);
}

static bool look(void *ctx, struct exec_run *run, const uint64_t *r)
{
	struct watcher *w = ctx;
	enum isa_op op = isa_decode(&w->insns[run->insn], 2);

	w->steps++;
	if (w->facts[run->insn].flags & FACT_DEAD)
		breach(w, run->insn, "it is not dead", 0);
	if (w->before != UINT32_MAX && w->depth == run->depth)
		after(w, w->before, run->insn, r);
	if (op == ISA_CALL_HELPER)
		at_call(w, run->insn, r);
	w->depth = run->depth;
	w->before = isa_kind(op) == ISA_KIND_CALL || isa_kind(op) == ISA_KIND_EXIT ? UINT32_MAX :
										     run->insn;
	return true;
}

static uint64_t help(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)ctx, (void)c, (void)d, (void)e;
	return a * 31 + b;
}

static uint64_t help_bytes(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	uint8_t *p = (uint8_t *)(uintptr_t)a;

	(void)ctx, (void)c, (void)d, (void)e;
	for (uint64_t i = 0; i < b && i < 16; i++)
		p[i] = (uint8_t)(p[i] * 5 + 1);
	return b;
}

static const struct exec_custom customs[] = { { .id = 1, .name = "mix", .fn = help },
					      { .id = 2, .name = "small", .fn = help },
					      { .id = 3, .name = "bytes", .fn = help_bytes } };

static const struct verify_map maps[FIX_MAPS] = {
	{ .name = "counts", .type = MAP_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 4 },
	{ .name = ".rodata", .type = MAP_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 1 },
	{ .name = "jumps", .type = MAP_PROG_ARRAY, .key_size = 4, .value_size = 4 },
};

static int make(struct fix *fix, const struct text *t, bool kernel, struct exec_prog **ret)
{
	struct exec_prog_opts o = { .prog_type = -1, .insns = t->in, .ninsns = t->n };
	struct skep_error *err = NULL;
	int r;

	if (kernel) {
		o.helpers = bodies;
		o.nhelpers = HELPER_COUNT;
	} else {
		o.customs = customs;
		o.ncustoms = ARRAY_SIZE(customs);
		o.custom_ctx = fix;
	}
	r = fix_new(fix, NULL, &o, ret, &err);
	skep_error_free(err);
	return r;
}

static void run_watched(struct watcher *w, struct exec_run *run, const struct exec_prog *prog)
{
	static uint8_t mem[FUZZ_MEM] __attribute__((aligned(16)));
	struct skep_error *err = NULL;
	uint64_t r0;

	for (unsigned int i = 0; i < FUZZ_MEM; i++)
		mem[i] = (uint8_t)(random64() >> 30);
	memcpy(w->fix->counts, mem, sizeof(w->fix->counts));
	exec_run_start(run, 200000);
	exec_region_add(run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)mem,
						    .size = FUZZ_MEM,
						    .kind = REGION_MEM,
						    .writable = true,
						    .name = "memory" });
	run->packet = mem;
	run->packet_len = FUZZ_MEM;
	run->watch = look;
	run->watch_ctx = w;
	w->before = UINT32_MAX;
	(void)exec(prog, run, (uint64_t)(uintptr_t)mem, &r0, &err);
	skep_error_free(err);
}

static void random_programs(void)
{
	uint64_t programs = getenv("FACTS_ALL") ? 100000 : 1500, made = 0, said = 0;
	static uint8_t walk[FUZZ_ROOM + 8];
	static struct spec_fact facts[FUZZ_ROOM + 8];
	struct watcher w = { .facts = facts };
	struct exec_run run;
	struct fix fix;

	memset(walk, FACTS_SEEN, sizeof(walk));
	fix_init(&fix);
	w.fix = &fix;
	if (!CHECK(exec_run_init(&run, NULL) == 0))
		return;
	for (uint64_t seed = 1; seed <= programs && w.broken < 5; seed++) {
		struct fuzz f = { .maps = seed & 1 };
		struct exec_prog *prog = NULL;
		struct text t;

		seed_now = seed;
		if (!fuzz_body(&f, seed, seed % 16 ? 60 : 200))
			continue;
		fuzz_ours(&f, &t);
		if (!CHECK(make(&fix, &t, f.maps, &prog) == 0))
			continue;
		w.insns = t.in;
		w.kernel_helpers = f.maps;
		CHECK_EQ_INT(facts_make(&(struct facts_in){ .insns = t.in,
							    .n = t.n,
							    .maps = maps,
							    .nmaps = FIX_MAPS,
							    .walk = walk },
					facts),
			     0);
		made++;
		for (uint32_t i = 0; i < t.n; i++)
			said += (uint32_t)__builtin_popcount(facts[i].flags);
		for (int i = 0; i < RUNS; i++)
			run_watched(&w, &run, prog);
		exec_prog_free(prog);
	}
	exec_run_done(&run);
	printf("# %" PRIu64 " programs, %" PRIu64 " facts, %" PRIu64 " steps, %" PRIu64
	       " facts looked at, %" PRIu64 " broken\n",
	       made, said, w.steps, w.checked, w.broken);
	CHECK_EQ_INT(w.broken, 0);
	CHECK(w.checked > programs * 20);
}

/* @text's facts; n of them. */
static uint32_t facts_of(const char *text, const uint8_t *walk, struct spec_fact *ret)
{
	struct skep_insn *insns = NULL;
	size_t n = 0;

	if (!CHECK(skep_insn_assemble(text, &insns, &n, NULL) == 0))
		return 0;
	CHECK_EQ_INT(facts_make(&(struct facts_in){ .insns = insns,
						    .n = (uint32_t)n,
						    .maps = maps,
						    .nmaps = FIX_MAPS,
						    .walk = walk },
				ret),
		     0);
	free(insns);
	return (uint32_t)n;
}

static void a_loop_has_its_bound(void)
{
	struct spec_fact f[16];

	if (!CHECK_EQ_INT(facts_of("mov %r0, 0\nmov %r1, 0\nadd %r0, 3\nadd %r1, 1\n"
				   "jlt %r1, 100, -3\nmov %r2, %r1\nexit\n",
				   NULL, f),
			  7))
		return;
	CHECK_EQ_INT(f[3].flags & FACT_RANGE, FACT_RANGE);
	CHECK_EQ_INT(f[3].umin, 1);
	CHECK_EQ_INT(f[3].umax, 100);
	CHECK_EQ_INT(f[5].flags & FACT_CONST, FACT_CONST);
	CHECK_EQ_INT(f[5].value, 100);
}

static void an_unequal_exit_has_its_bound(void)
{
	struct spec_fact f[16];

	if (!CHECK_EQ_INT(facts_of("mov %r1, 0\nadd %r1, 1\njne %r1, 64, -2\nmov %r0, %r1\nexit\n",
				   NULL, f),
			  5))
		return;
	CHECK_EQ_INT(f[3].value, 64);
	CHECK_EQ_INT(f[3].flags & FACT_CONST, FACT_CONST);
}

static void a_constant_key(void)
{
	static const char text[] = "stw [%r10-4], 3\nlddw %r1, 0x0\nmov %r2, %r10\nadd %r2, -4\n"
				   "call 1\nexit\n";
	struct skep_insn *insns = NULL;
	struct spec_fact f[16];
	size_t n = 0;

	if (!CHECK(skep_insn_assemble(text, &insns, &n, NULL) == 0) || !CHECK_EQ_INT(n, 7))
		return;
	insns[1].regs = insn_regs(1, ISA_PSEUDO_MAP_IDX);
	facts_make(&(struct facts_in){ .insns = insns, .n = 7, .maps = maps, .nmaps = FIX_MAPS },
		   f);
	CHECK_EQ_INT(f[5].flags & (FACT_MAP | FACT_KEY), FACT_MAP | FACT_KEY);
	CHECK_EQ_INT(f[5].value, 0);
	CHECK_EQ_INT(f[5].umin, 3);
	/* Not when it may have been written over. */
	insns[0].imm = 4;
	insns[4].imm = -8;
	facts_make(&(struct facts_in){ .insns = insns, .n = 7, .maps = maps, .nmaps = FIX_MAPS },
		   f);
	CHECK_EQ_INT(f[5].flags & (FACT_MAP | FACT_KEY), FACT_MAP);
	free(insns);
}

static void decided_and_dead(void)
{
	struct spec_fact f[16];

	if (!CHECK_EQ_INT(facts_of("mov %r1, 5\njgt %r1, 3, +1\nmov %r0, 1\nmov %r0, 2\nexit\n",
				   NULL, f),
			  5))
		return;
	CHECK_EQ_INT(f[1].flags, FACT_TAKEN);
	CHECK_EQ_INT(f[2].flags, FACT_DEAD);
	CHECK_EQ_INT(f[3].flags & FACT_DEAD, 0);
}

static void what_the_walk_says(void)
{
	static const uint8_t walk[] = { FACTS_SEEN | FACTS_SAFE,
					FACTS_SEEN | FACTS_NEVER,
					FACTS_SEEN | FACTS_SAFE | FACTS_CTX,
					FACTS_SEEN,
					0,
					0 };
	struct spec_fact f[16];

	if (!CHECK_EQ_INT(facts_of("ldxw %r2, [%r1]\njeq %r2, 7, +2\nldxw %r3, [%r1]\nexit\n"
				   "mov %r0, 0\nexit\n",
				   walk, f),
			  6))
		return;
	CHECK_EQ_INT(f[0].flags, FACT_SAFE | FACT_RANGE);
	CHECK_EQ_INT(f[0].umax, UINT32_MAX);
	CHECK_EQ_INT(f[1].flags, FACT_NOT_TAKEN);
	CHECK_EQ_INT(f[2].flags, FACT_SAFE);
	CHECK_EQ_INT(f[4].flags, FACT_DEAD);
}

static void spills_keep_their_range(void)
{
	struct spec_fact f[16];

	if (!CHECK_EQ_INT(facts_of("and %r1, 0xff\nstxdw [%r10-8], %r1\nldxdw %r2, [%r10-8]\n"
				   "ldxw %r3, [%r10-4]\nldxb %r4, [%r10-7]\nstxdw [%r3+0], %r4\n"
				   "ldxdw %r5, [%r10-8]\nexit\n",
				   NULL, f),
			  8))
		return;
	CHECK_EQ_INT(f[2].umax, 255);
	CHECK_EQ_INT(f[3].value, 0);
	CHECK_EQ_INT(f[3].flags & FACT_CONST, FACT_CONST);
	CHECK_EQ_INT(f[6].umax, 255);
}

static void little_memory(void)
{
	static const uint8_t walk[] = { FACTS_SEEN | FACTS_SAFE, 0, FACTS_SEEN };
	struct skep_insn in[3] = { { .code = 0xb7, .imm = 1 },
				   { .code = 0x05, .imm = 0 },
				   { .code = 0x95 } };
	struct spec_fact f[3];

	CHECK_EQ_INT(
		facts_make(&(struct facts_in){ .insns = in, .n = 3, .walk = walk, .memory = 64 },
			   f),
		0);
	CHECK_EQ_INT(f[0].flags, FACT_SAFE);
	CHECK_EQ_INT(f[1].flags, FACT_DEAD);
	CHECK_EQ_INT(f[2].flags, 0);
}

/* A load of the stack, or of what the host gives, in either order: the check stays. */
static void foreign_memory(void)
{
	struct skep_insn in[] = {
		{ 0xb7, 4, 0, 0 },    { 0x7b, 0x4a, -8, 0 }, { 0x79, 0x12, 144, 0 },
		{ 0xbf, 0xa3, 0, 0 }, { 0x07, 3, 0, -8 },    { 0x85, 0, 0, 7 },
		{ 0x15, 0, 1, 0 },    { 0xbf, 0x23, 0, 0 },  { 0x61, 0x30, 0, 0 },
		{ 0x57, 0, 0, 1 },    { 0x95, 0, 0, 0 },
	};
	const struct verify_opts o = { .insns = in,
				       .n = 11,
				       .prog_type = PROG_FLOW_DISSECTOR,
				       .attach_type = ATTACH_NONE,
				       .gpl = true,
				       .caps = VERIFY_CAPS_ALL,
				       .want_facts = true };

	for (int k = 0; k < 3; k++) {
		struct verify_result r;

		CHECK_CASE("order %d", k);
		in[5] = (struct skep_insn){ 0x71, 0x20, 0, 0 }; /* r0: unknown */
		in[6].code = k == 1 ? 0x55 : 0x15;
		in[7] = k == 2 ? (struct skep_insn){ 0xbf, 0xa1, 0, 0 } :
				 (struct skep_insn){ 0xbf, 0x23, 0, 0 };
		if (CHECK_EQ_INT(verify_prog(&o, &r, NULL), 0) && CHECK(r.facts != NULL))
			CHECK_EQ_INT(r.facts[8].flags & FACT_SAFE, k == 2 ? FACT_SAFE : 0);
		verify_done(&r);
	}
}

CHECK_MAIN({ "foreign_memory", foreign_memory }, { "random_programs", random_programs },
	   { "a_loop_has_its_bound", a_loop_has_its_bound },
	   { "an_unequal_exit_has_its_bound", an_unequal_exit_has_its_bound },
	   { "a_constant_key", a_constant_key }, { "decided_and_dead", decided_and_dead },
	   { "what_the_walk_says", what_the_walk_says },
	   { "spills_keep_their_range", spills_keep_their_range },
	   { "little_memory", little_memory })
