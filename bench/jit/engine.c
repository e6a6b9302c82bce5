// SPDX-License-Identifier: Apache-2.0
/*
 * Workloads on the engines of this process: native code, the JIT's two modes, the interpreter. Nothing
 * but the run itself is inside the clock: the run's memory is set up once a sample, with a budget that lasts. The
 * clock is that of the thread's CPU time, as others may want the CPU; so is the kernel's.
 */
#include "jit/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exec/view.h"
#include "jit/jit.h"
#include "lib/vm_elf.h"

#define COMPILES 31

typedef uint64_t (*native_fn)(uint8_t *packet, uint64_t len);

#define WORKLOAD(name, label)                          \
	uint64_t gcc_##name(uint8_t *p, uint64_t len); \
	uint64_t clang_##name(uint8_t *p, uint64_t len);
WORKLOADS(WORKLOAD)
#undef WORKLOAD

static const struct {
	const char *name;
	native_fn gcc, clang;
} workloads[] = {
#define WORKLOAD(name, label) { #name, gcc_##name, clang_##name },
	WORKLOADS(WORKLOAD)
#undef WORKLOAD
};

struct work {
	enum engine engine;
	native_fn native;
	struct exec_prog *prog;
	struct exec_run run;
	struct jit_prog *jit;
	jit_entry entry;
	struct kernel_work *kernel;
	struct maps_work *maps; /* has the program */
	struct work_info info;
};

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int say(const char *what, int r, struct skep_error *err)
{
	fprintf(stderr, "jit_bench: %s: %s\n", what, err ? skep_error_message(err) : strerror(-r));
	skep_error_free(err);
	return r;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int compile(struct work *w, struct skep_error **reterr)
{
	static struct jit_pool *pool; /* as an embedder has one for all its programs */
	struct jit_opts opts = { .mode = w->engine == ENGINE_JIT || w->engine == ENGINE_MAPS ?
						 JIT_TRUSTED :
						 JIT_CHECKED };
	struct spec_fact *facts = NULL;
	double ns[COMPILES];
	struct jit_stats stats;

	if (!pool && jit_pool_new(&pool, reterr) < 0)
		return -ENOMEM;
	opts.pool = pool;
	if (w->engine == ENGINE_FACTS) {
		facts = calloc(w->info.insns, sizeof(*facts));
		if (!facts)
			return -ENOMEM;
		for (uint32_t i = 0; i < w->info.insns; i++)
			facts[i].flags = FACT_SAFE | (i ? 0 : FACT_BOUNDED);
		opts.facts = facts;
	}
	for (int i = 0; i < COMPILES; i++) {
		double start;
		int r;

		jit_free(w->jit);
		w->jit = NULL;
		start = now(CLOCK_MONOTONIC);
		r = jit_new(w->prog, &opts, &w->jit, reterr);
		if (r < 0) {
			free(facts);
			return r;
		}
		ns[i] = now(CLOCK_MONOTONIC) - start;
	}
	free(facts);
	qsort(ns, COMPILES, sizeof(ns[0]), compare);
	jit_stats(w->jit, &stats);
	w->entry = jit_code(w->jit, NULL);
	w->info.compile_ns = ns[COMPILES / 2];
	w->info.code_bytes = stats.code_bytes;
	return 0;
}

static char *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	char *data = malloc(1 << 20);

	*ret_size = f && data ? fread(data, 1, 1 << 20, f) : 0;
	if (f)
		fclose(f);
	return data;
}

static int open_ours(struct work *w, const char *name, const char *path, bool maps)
{
	struct exec_prog_opts o = { .object = path,
				    .name = name,
				    .prog_type = -1,
				    .customs = bench_helpers,
				    .ncustoms = BENCH_HELPERS,
				    .custom_ctx = w };
	struct skep_insn *insns = NULL;
	struct skep_error *err = NULL;
	size_t size, n = 0;
	char *data = read_file(path, &size);
	int r = -ENOMEM;

	if (data && maps) {
		r = maps_open(data, size, path, &w->maps, &w->prog, &err);
		data = NULL;
		w->info.insns = r == 0 ? exec_view_count(w->prog) : 0;
	} else if (data) {
		r = vm_elf_read(data, size, path, name, &insns, &n, &err);
		o.insns = insns;
		o.ninsns = w->info.insns = (uint32_t)n;
		if (r == 0)
			r = exec_prog_new(&o, &w->prog, &err);
	}
	if (r == 0)
		r = exec_run_init(&w->run, &err);
	if (r == 0 && w->engine != ENGINE_INTERP)
		r = compile(w, &err);
	free(insns);
	free(data);
	if (r == -EOPNOTSUPP) {
		skep_error_free(err);
		return r;
	}
	return r < 0 ? say(name, r, err) : 0;
}

int work_open(enum engine engine, enum workload workload, const char *build, struct work **ret,
	      const char **ret_why)
{
	struct work *w = calloc(1, sizeof(*w));
	const char *name = workloads[workload].name;
	char path[4096];
	int r = 0;

	if (!w)
		return -ENOMEM;
	w->engine = engine;
	snprintf(path, sizeof(path), "%s/bench/workloads/%s.%s.o", build, name,
		 engine == ENGINE_KERNEL ? "xdp" :
		 engine == ENGINE_MAPS	 ? "map" :
					   "vm");
	if (engine == ENGINE_GCC || engine == ENGINE_CLANG) {
		w->native = engine == ENGINE_GCC ? workloads[workload].gcc :
						   workloads[workload].clang;
	} else if (engine == ENGINE_KERNEL) {
		r = kernel_open(path, &w->kernel, &w->info);
		*ret_why = "bpf(2) is refused";
		if (r < 0 && r != -EPERM)
			say(path, r, NULL);
	} else {
		r = open_ours(w, name, path, engine == ENGINE_MAPS);
		*ret_why = "not compiled on this host";
	}
	if (r < 0) {
		work_close(w);
		return r;
	}
	*ret = w;
	return 0;
}

void work_close(struct work *work)
{
	if (!work)
		return;
	if (work->jit)
		jit_free(work->jit);
	if (work->run.stack)
		exec_run_done(&work->run);
	if (!work->maps)
		exec_prog_free(work->prog);
	maps_close(work->maps);
	kernel_close(work->kernel);
	free(work);
}

const struct work_info *work_info(const struct work *work)
{
	return &work->info;
}

static int start(struct work *w, uint8_t *packet)
{
	const struct exec_region region = { .base = (uint64_t)(uintptr_t)packet,
					    .size = PACKET_SIZE,
					    .kind = REGION_MEM,
					    .writable = true,
					    .name = "packet" };

	exec_run_start(&w->run, INT64_MAX);
	exec_begin(w->prog, &w->run, (uint64_t)(uintptr_t)packet);
	w->run.ctx_len = PACKET_SIZE;
	exec_region_add(&w->run, &region);
	return bench_tables_allow(&w->run);
}

/* The loops are apart, so that each calls straight what it measures and none has its counter in memory. */
static __attribute__((noinline)) uint64_t loop_native(native_fn fn, uint8_t *packet, uint64_t times)
{
	uint64_t v = 0;

	for (uint64_t i = 0; i < times; i++)
		v = fn(packet, PACKET_SIZE);
	return v;
}

static __attribute__((noinline)) uint64_t loop_code(jit_entry entry, struct exec_run *run,
						    uint64_t ctx, uint64_t times)
{
	uint64_t v = 0;

	for (uint64_t i = 0; i < times; i++)
		v = entry(run, ctx, PACKET_SIZE);
	return v;
}

static int loop(struct work *w, uint8_t *packet, uint64_t times, uint64_t *ret)
{
	uint64_t ctx = (uint64_t)(uintptr_t)packet, v = 0;
	struct skep_error *err = NULL;
	int r = 0;

	if (w->native) {
		v = loop_native(w->native, packet, times);
	} else if (w->entry) {
		v = loop_code(w->entry, &w->run, ctx, times);
	} else if (w->jit) {
		for (uint64_t i = 0; i < times && r == 0; i++)
			r = jit_run(w->jit, &w->run, ctx, &v, &err);
	} else {
		for (uint64_t i = 0; i < times && r == 0; i++)
			r = exec(w->prog, &w->run, ctx, &v, &err);
	}
	*ret = v;
	return r < 0 ? say("a run ended", r, err) : 0;
}

int work_run(struct work *work, uint8_t *packet, uint64_t times, double *ret_ns,
	     uint32_t *ret_value)
{
	double begin;
	uint64_t v = 0;
	int r;

	if (work->kernel)
		return kernel_run(work->kernel, packet, times, ret_ns, ret_value);
	if (work->prog) {
		r = start(work, packet);
		if (r < 0)
			return r;
	}
	begin = now(CLOCK_THREAD_CPUTIME_ID);
	r = loop(work, packet, times, &v);
	*ret_ns = (now(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)times;
	*ret_value = (uint32_t)v;
	return r;
}
