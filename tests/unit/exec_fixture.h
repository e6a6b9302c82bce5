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
	uint8_t config[16];
	const struct exec_prog *slots[4];
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

static const struct exec_space_ops fix_ops = { .map = fix_map,
					       .value = fix_value,
					       .tail = fix_tail };

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

/* Replaces what the callers' helpers, prog type and so on are by those of @with (may be NULL). */
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
