/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs in the assembler's notation, a space of two maps, and one call that runs a program and gives
 * its result or its error. For the tests of exec/.
 */
#ifndef TESTS_UNIT_EXEC_FIXTURE_H
#define TESTS_UNIT_EXEC_FIXTURE_H

#include "check.h"
#include "exec/exec.h"

#define FIX_COUNTS 0 /* index of the map 'counts': an array of 4 values of 16 bytes */
#define FIX_CONFIG 1 /* '.rodata', read-only, 16 bytes: 7, then zeros, then "text" */
#define FIX_PROGS 2  /* 'jumps', a prog array of 4 */
#define FIX_MAPS 3

/* What the space of the fixture's programs is made of; zero-initialise. */
struct fix {
	uint64_t counts[8];
	uint8_t gap[64];
	uint8_t config[16];
	const struct exec_prog *slots[4];
	const struct exec_native *natives[4]; /* of the slots; NULL: interpreted */
	struct exec_map maps[FIX_MAPS];
	uint8_t mem[64]; /* the context: plain memory of 64 bytes */
};

static inline const struct exec_map *fix_map(void *space, uint64_t addr)
{
	struct fix *f = space;

	for (int i = 0; i < FIX_MAPS; i++)
		if ((uint64_t)(uintptr_t)&f->maps[i] == addr)
			return &f->maps[i];
	return NULL;
}

static inline bool fix_value(void *space, uint64_t addr, struct exec_region *ret)
{
	struct fix *f = space;
	uint64_t counts = (uint64_t)(uintptr_t)f->counts, config = (uint64_t)(uintptr_t)f->config;

	if (addr - counts < sizeof(f->counts)) {
		*ret = (struct exec_region){ .base = addr - (addr - counts) % 16,
					     .size = 16,
					     .kind = REGION_MAP_VALUE,
					     .writable = true,
					     .name = "counts" };
		return true;
	}
	if (addr - config >= sizeof(f->config))
		return false;
	*ret = (struct exec_region){
		.base = config, .size = 16, .kind = REGION_RODATA, .name = ".rodata"
	};
	return true;
}

static inline const struct exec_prog *fix_tail(void *space, void *map, uint32_t index)
{
	struct fix *f = space;

	(void)map;
	return index < 4 ? f->slots[index] : NULL;
}

static inline const struct exec_native *fix_native(void *space, const struct exec_prog *prog)
{
	struct fix *f = space;

	for (int i = 0; i < 4; i++)
		if (f->natives[i] && f->slots[i] == prog)
			return f->natives[i];
	return NULL;
}

static const struct exec_space_ops fix_ops = {
	.map = fix_map, .value = fix_value, .tail = fix_tail, .native = fix_native
};

static inline void fix_init(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	f->config[0] = 7;
	memcpy(f->config + 8, "text", 5);
	f->maps[FIX_COUNTS] = (struct exec_map){ &f->counts, "counts", MAP_ARRAY, 4, 16 };
	f->maps[FIX_CONFIG] = (struct exec_map){ &f->config, ".rodata", MAP_ARRAY, 4, 16 };
	f->maps[FIX_PROGS] = (struct exec_map){ &f->slots, "jumps", MAP_PROG_ARRAY, 4, 4 };
	for (int i = 0; i < 64; i++)
		f->mem[i] = (uint8_t)(i + 1);
}

/* Helper bodies of these tests. */
static uint8_t ring_memory[32];

static inline uint64_t t_lookup(struct exec_run *run, uint64_t map, uint64_t key, uint64_t c,
				uint64_t d, uint64_t e)
{
	uint32_t k;

	(void)c, (void)d, (void)e;
	memcpy(&k, (const void *)(uintptr_t)key, sizeof(k));
	return k < 4 ? (uint64_t)(uintptr_t)exec_map_of(run, map)->map + k * 16 : 0;
}

static inline uint64_t t_ok(struct exec_run *run, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
			    uint64_t e)
{
	(void)run, (void)a, (void)b, (void)c, (void)d, (void)e;
	return 0;
}

static inline uint64_t t_reserve(struct exec_run *run, uint64_t map, uint64_t size, uint64_t c,
				 uint64_t d, uint64_t e)
{
	(void)map, (void)c, (void)d, (void)e;
	exec_region_add(run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)ring_memory,
						    .size = size,
						    .kind = REGION_RING,
						    .writable = true,
						    .name = "events" });
	return (uint64_t)(uintptr_t)ring_memory;
}

static inline uint64_t t_submit(struct exec_run *run, uint64_t data, uint64_t b, uint64_t c,
				uint64_t d, uint64_t e)
{
	(void)b, (void)c, (void)d, (void)e;
	exec_region_remove(run, REGION_RING, data);
	return 0;
}

static inline uint64_t t_loop(struct exec_run *run, uint64_t n, uint64_t func, uint64_t ctx,
			      uint64_t d, uint64_t e)
{
	(void)d, (void)e;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t args[5] = { i, ctx }, ret;

		if (exec_callback(run, func, args, &ret) < 0)
			return 0;
		if (ret)
			return i + 1;
	}
	return n;
}

static inline uint64_t t_fault(struct exec_run *run, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
			       uint64_t e)
{
	static const struct err_def own = { "T0001", EPERM, "the helper says no" };

	(void)a, (void)b, (void)c, (void)d, (void)e;
	return exec_fault(run, &own, "%d", 42);
}

/* A callback value that the checks of ARG_FUNC never saw. */
static inline uint64_t t_bad_callback(struct exec_run *run, uint64_t a, uint64_t b, uint64_t c,
				      uint64_t d, uint64_t e)
{
	uint64_t ret;

	(void)a, (void)b, (void)c, (void)d, (void)e;
	exec_callback(run, 0x1234, (uint64_t[5]){ 0 }, &ret);
	return 0;
}

__attribute__((unused)) static const exec_helper_fn bodies[HELPER_COUNT] = {
	[HELPER_map_lookup_elem] = t_lookup,
	[HELPER_map_update_elem] = t_ok,
	[HELPER_ktime_get_ns] = t_ok,
	[HELPER_get_current_comm] = t_ok,
	[HELPER_get_current_pid_tgid] = t_fault,
	[HELPER_get_smp_processor_id] = t_bad_callback,
	[HELPER_perf_event_output] = t_ok,
	[HELPER_csum_diff] = t_ok,
	[HELPER_snprintf] = t_ok,
	[HELPER_ringbuf_reserve] = t_reserve,
	[HELPER_ringbuf_submit] = t_submit,
	[HELPER_loop] = t_loop,
	[HELPER_strncmp] = t_ok,
	[HELPER_strtol] = t_ok,
	[HELPER_check_mtu] = t_ok,
	[HELPER_map_pop_elem] = t_ok,
	[HELPER_sk_release] = t_ok,
};

__attribute__((unused)) static const struct exec_prog_opts tracing = { .prog_type = PROG_TRACEPOINT,
								       .helpers = bodies,
								       .nhelpers = HELPER_COUNT };

/* @with: type, helpers, lines; may be NULL. The space and the maps are the fixture's. */
static inline int fix_new(struct fix *f, const char *text, const struct exec_prog_opts *with,
			  struct exec_prog **ret, struct skep_error **reterr)
{
	uint64_t ptr[FIX_MAPS], value[FIX_MAPS] = { (uint64_t)(uintptr_t)f->counts,
						    (uint64_t)(uintptr_t)f->config, 0 };
	struct exec_prog_opts o = { .prog_type = PROG_TRACEPOINT };
	struct skep_insn *insns = NULL;
	size_t n = 0;
	int r;

	if (with)
		o = *with;
	for (int i = 0; i < FIX_MAPS; i++)
		ptr[i] = (uint64_t)(uintptr_t)&f->maps[i];
	o.object = "test.bpf.o";
	o.name = "prog";
	o.map_ptr = ptr;
	o.map_value = value;
	o.nmaps = FIX_MAPS;
	o.space = f;
	o.space_ops = &fix_ops;
	if (text) {
		r = skep_insn_assemble(text, &insns, &n, reterr);
		if (r < 0)
			return r;
		o.insns = insns;
		o.ninsns = (uint32_t)n;
	}
	r = exec_prog_new(&o, ret, reterr);
	free(insns);
	return r;
}

/* A run's own part: the context, budget; 0: default. */
static inline int fix_exec(struct fix *f, struct exec_run *run, const struct exec_prog *prog,
			   uint64_t budget, uint64_t *ret_r0, struct skep_error **reterr)
{
	exec_run_start(run, budget);
	exec_region_add(run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)f->mem,
						    .size = sizeof(f->mem),
						    .kind = REGION_CTX,
						    .writable = true,
						    .name = "record" });
	run->packet = f->mem;
	run->packet_len = sizeof(f->mem);
	return exec(prog, run, (uint64_t)(uintptr_t)f->mem, ret_r0, reterr);
}

/* Makes and runs once. */
static inline int fix_run(struct fix *f, const char *text, const struct exec_prog_opts *with,
			  uint64_t budget, uint64_t *ret_r0, struct skep_error **reterr)
{
	struct exec_prog *prog = NULL;
	struct exec_run run;
	int r;

	r = fix_new(f, text, with, &prog, reterr);
	if (r == 0)
		r = exec_run_init(&run, reterr);
	if (r < 0) {
		exec_prog_free(prog);
		return r;
	}
	r = fix_exec(f, &run, prog, budget, ret_r0, reterr);
	exec_run_done(&run);
	exec_prog_free(prog);
	return r;
}

#endif
