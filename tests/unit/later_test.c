// SPDX-License-Identifier: Apache-2.0
/*
 * What runs later or ends early, on our engine: the programs of tests/bpf/later.bpf.c, interpreted and compiled. Timers and work run
 * on a thread of their own.
 */
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "btf/btf.h"
#include "check.h"
#include "core/core.h"
#include "load/load.h"
#include "map/object.h"

static struct load_obj *spec;
static struct core_obj *obj;
static struct btf *types;

static uint64_t host_pid(void *ctx)
{
	(void)ctx;
	return (uint64_t)getpid() << 32 | (uint32_t)getpid();
}

static const struct exec_host host = { .pid_tgid = host_pid };

static bool open_object(bool interpret)
{
	const char *build = getenv("SKEP_BUILD");
	struct core_opts opts = { .interpret = interpret };
	struct load_opts how = { .target_name = "the model kernel" };
	struct skep_error *err = NULL;
	struct buf bytes;
	char path[512];
	int r;

	snprintf(path, sizeof(path), "%s/tests/bpf/later.bpf.o", build ? build : "build");
	buf_init(&bytes);
	r = spec_model_btf(&types, &err);
	how.target = types;
	if (r == 0)
		r = file_read(path, 1 << 24, &bytes, &err);
	if (r == 0)
		r = load_open(bytes.data, bytes.len, "later", &how, &spec, &err);
	if (r == 0)
		r = core_new(spec, &opts, &obj, &err);
	CHECK_MSG(r == 0, "%s", err ? skep_error_message(err) : "");
	skep_error_free(err);
	buf_done(&bytes);
	return r == 0;
}

static void close_object(void)
{
	core_free(obj);
	load_close(spec);
	types = btf_unref(types);
	obj = NULL;
	spec = NULL;
}

static struct map *find_map(const char *name)
{
	for (size_t i = 0; i < core_nmaps(obj); i++)
		if (core_map(obj, i) && !strcmp(map_attr(core_map(obj, i))->name, name))
			return core_map(obj, i);
	CHECK_MSG(false, "no map %s", name);
	return NULL;
}

static int64_t variable(const char *name)
{
	uint32_t zero = 0, id = btf_find(spec->btf, ".bss", BTF_DATASEC, 0);
	uint8_t bytes[256] = { 0 };
	int64_t v = -1;

	map_user_lookup(find_map(".bss"), &zero, bytes);
	for (uint32_t i = 0; id && i < btf_vlen(spec->btf, id); i++) {
		struct btf_secinfo s = btf_secinfo(spec->btf, id, i);

		if (!strcmp(btf_name(spec->btf, s.type), name))
			memcpy(&v, bytes + s.offset, 8);
	}
	return v;
}

static int64_t run_prog(const char *name)
{
	struct skep_error *err = NULL;
	struct exec_run run;
	static uint64_t args[2];
	const struct exec_region region = { .base = (uintptr_t)args,
					    .size = sizeof(args),
					    .kind = REGION_CTX };
	uint64_t r0 = 0;
	int r = -ENOENT;

	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	run.host = &host;
	for (size_t i = 0; i < core_nprogs(obj); i++) {
		struct core_prog *p = core_prog(obj, i);

		if (strcmp(p->name, name))
			continue;
		CHECK_MSG(!p->refused, "%s: %s", name,
			  p->refused ? skep_error_message(p->refused) : "");
		if (p->refused)
			continue;
		exec_run_start(&run, 0);
		exec_region_add(&run, &region);
		r = core_run(p, &run, region.base, &r0, &err);
	}
	CHECK_MSG(r == 0, "%s: %s", name, err ? skep_error_message(err) : "no such program");
	skep_error_free(err);
	exec_run_done(&run);
	return (int32_t)r0;
}

static bool wait_for(const char *name, int64_t value)
{
	const struct timespec nap = { 0, 1000000 };

	for (int i = 0; i < 20000 && variable(name) != value; i++)
		nanosleep(&nap, NULL);
	return variable(name) == value;
}

static void all(bool interpret)
{
	CHECK_CASE(interpret ? "interpreted" : "compiled");
	if (!open_object(interpret))
		return;
	CHECK_EQ_INT(run_prog("start"), 0);
	CHECK_EQ_INT(run_prog("work"), 0);
	CHECK_EQ_INT(run_prog("cancel"), 0);
	CHECK_EQ_INT(variable("cancelled"), 10);
	CHECK(wait_for("ticks", 5));
	CHECK(wait_for("works", 2));
	CHECK_EQ_INT(run_prog("throws"), 300);
	CHECK_EQ_INT(run_prog("handled"), 501);
	CHECK_EQ_INT(run_prog("visit"), 0);
	CHECK_EQ_INT(run_prog("visit"), 0);
	CHECK_EQ_INT(variable("stored"), 2);
	CHECK_EQ_INT(variable("wrong"), 0);
	close_object();
}

static void later(void)
{
	all(true);
	all(false);
}

static void samples(void)
{
	struct map *map;

	if (!open_object(false))
		return;
	map = find_map("samples");
	for (int32_t i = 1; map && i < 5; i++) {
		void *s = map_user_ring_reserve(map, 4);

		CHECK(s != NULL);
		memcpy(s, i == 4 ? (int32_t[]){ 99 } : &i, 4);
		map_user_ring_submit(map, s);
	}
	CHECK_EQ_INT(run_prog("drain"), 4);
	CHECK_EQ_INT(variable("sum"), 105);
	CHECK_EQ_INT(run_prog("drain"), 0);
	close_object();
}

/* Timers that wait go with their object; so does one whose entry is deleted. */
static void ends(void)
{
	int32_t key = 7;

	for (int i = 0; i < 20; i++) {
		if (!open_object(true))
			return;
		run_prog("start");
		run_prog("work");
		if (i & 1)
			map_user_delete(find_map("timers"), &key);
		close_object();
	}
}

CHECK_MAIN({ "later", later }, { "samples", samples }, { "ends", ends })
