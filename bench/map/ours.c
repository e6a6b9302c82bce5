// SPDX-License-Identifier: Apache-2.0
/* The programs on our engine: compiled in trusted mode, called straight. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "jit/jit.h"
#include "load/load.h"
#include "map/engine.h"
#include "skep/skep.h"

struct ours {
	struct load_obj *spec;
	struct core_obj *core;
	struct jit_pool *pool;
	struct jit_prog *jit[OP_COUNT];
	struct exec_run run;
	struct map *ring, *hash;
	uint64_t readable[READABLE];
	char *data;
};

static int say(const char *what, int r, struct skep_error *err)
{
	char text[1024] = "";

	if (err)
		skep_error_text(err, text, sizeof(text));
	fprintf(stderr, "%s: %s\n%s", what, strerror(-r), text);
	skep_error_free(err);
	return r;
}

static struct map *find(const struct ours *o, const char *name)
{
	for (size_t i = 0; i < core_nmaps(o->core); i++)
		if (!strcmp(map_attr(core_map(o->core, i))->name, name))
			return core_map(o->core, i);
	return NULL;
}

static int fill(struct ours *o)
{
	static const char *const names[] = { "hash", "percpu_hash", "lru" };
	uint64_t *values = calloc(map_possible_cpus(), sizeof(*values));
	uint64_t *data = (uint64_t *)(uintptr_t)map_direct_value(find(o, ".bss"));
	int r = values && data ? 0 : -ENOMEM;

	for (uint64_t key = 0; r == 0 && key < ENTRIES; key++) {
		const uint32_t route[2] = { 32, route_of((uint32_t)key) };

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++)
			r = map_user_update(find(o, names[i]), &key, values, 0);
		if (r == 0)
			r = map_user_update(find(o, "lpm"), route, &key, 0);
	}
	if (data)
		data[1] = (uintptr_t)o->readable;
	free(values);
	return r;
}

static int compile(struct ours *o, struct skep_error **reterr)
{
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	int r = jit_pool_new(&o->pool, reterr);

	opts.pool = o->pool;
	for (size_t i = 0; i < core_nprogs(o->core) && r == 0; i++) {
		struct core_prog *prog = core_prog(o->core, i);

		for (int k = 0; k < OP_COUNT && r == 0; k++) {
			if (strcmp(prog->name, op_programs[k]))
				continue;
			if (!prog->exec)
				return say(prog->name, -EINVAL, NULL);
			r = jit_new(prog->exec, &opts, &o->jit[k], reterr);
			if (r == 0)
				prog->native = jit_native(o->jit[k]);
			if (r == 0 && k == OP_tail)
				r = map_slot_set(find(o, "progs"), 0, prog, NULL);
		}
	}
	return r;
}

static int read_user(void *ctx, void *out, uint64_t addr, size_t len)
{
	const struct ours *o = ctx;

	if (addr - (uintptr_t)o->readable >= sizeof(o->readable))
		return -EFAULT;
	memcpy(out, (const void *)(uintptr_t)addr, len);
	return 0;
}

static const struct exec_host host = { .read_user = read_user, .own_user = true };

static void close_ours(void *self)
{
	struct ours *o = self;

	for (int k = 0; k < OP_COUNT; k++)
		jit_free(o->jit[k]);
	jit_pool_unref(o->pool);
	if (o->run.stack)
		exec_run_done(&o->run);
	core_free(o->core);
	load_close(o->spec);
	free(o->data);
	free(o);
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

static int open_ours(const char *build, void **ret)
{
	struct ours *o = calloc(1, sizeof(*o));
	struct skep_error *err = NULL;
	char path[4096];
	size_t size = 0;
	int r;

	if (!o)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/bench/map_engine.bpf.o", build);
	o->data = read_file(path, &size);
	r = o->data ? load_open(o->data, size, path, NULL, &o->spec, &err) : -ENOMEM;
	if (r == 0)
		r = core_new(o->spec, NULL, &o->core, &err);
	if (r == 0)
		r = exec_run_init(&o->run, &err);
	if (r == 0)
		r = compile(o, &err);
	if (r == 0)
		r = fill(o);
	if (r < 0) {
		close_ours(o);
		return say(path, r, err);
	}
	o->run.host = &host;
	o->run.host_ctx = o;
	o->ring = find(o, "ring");
	o->hash = find(o, "hash");
	*ret = o;
	return 0;
}

static int on_record(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	(void)ctx, (void)cpu, (void)data, (void)len;
	return 0;
}

static int run(void *self, enum map_op op, uint64_t times, double *ret_ns, uint32_t *ret_value)
{
	struct ours *o = self;
	jit_entry entry = jit_code(o->jit[op], NULL);
	uint64_t v = 0, r1 = (uintptr_t)o->readable;
	double begin;

	exec_run_start(&o->run, INT64_MAX);
	if (jit_run(o->jit[op], &o->run, r1, &v, NULL) < 0) /* leaves the run as a run has it */
		return -EIO;
	begin = map_now();
	for (uint64_t i = 0; i < times; i++) {
		o->run.tail_calls = 0;
		v = entry(&o->run, r1, 0);
	}
	*ret_ns = (map_now() - begin) / (double)times;
	*ret_value = (uint32_t)v;
	map_ring_drain(o->ring, on_record, NULL);
	return o->run.fault ? -EIO : 0;
}

static int api(void *self, uint64_t times, double *ret_ns)
{
	const struct ours *o = self;
	double begin = map_now();
	uint64_t value;

	for (uint64_t i = 0, key = 0; i < times; i++, key = i % ENTRIES)
		if (map_user_lookup(o->hash, &key, &value) < 0)
			return -ENOENT;
	*ret_ns = (map_now() - begin) / (double)times;
	return 0;
}

const struct map_engine map_ours = {
	.name = "skep", .open = open_ours, .close = close_ours, .run = run, .api = api
};
