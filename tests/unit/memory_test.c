// SPDX-License-Identifier: Apache-2.0
/*
 * Out of memory at every point: each scenario runs again and again, the nth allocation of the library failing, until
 * one run needs fewer. Each must end with ENOMEM or do its work, and give back all that it took. The linker leads
 * malloc(3) and the like of the library through this file (--wrap).
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/error.h"
#include "lib_kit.h"
#include "map/object.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t off);

void *__real_arena_alloc(struct arena *a, size_t n, size_t size);
char *__real_arena_strdup(struct arena *a, const char *s);
void *__real_arena_dup(struct arena *a, const void *src, size_t len);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__wrap_arena_alloc(struct arena *a, size_t n, size_t size);
char *__wrap_arena_strdup(struct arena *a, const char *s);
void *__wrap_arena_dup(struct arena *a, const void *src, size_t len);

#define LIVE 65536 /* a power of two, more than any scenario holds at once */

static struct {
	bool on, pages;	       /* pages of the system fail as well */
	size_t fail_at, count; /* allocations since reset */
	void *live[LIVE];      /* open addressing */
	size_t nlive;
} memory;

static size_t slot_of(const void *p)
{
	size_t i = ((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15 >> 48 & (LIVE - 1);

	while (memory.live[i] && memory.live[i] != p)
		i = (i + 1) & (LIVE - 1);
	return i;
}

static void *keep(void *p)
{
	if (p && memory.on) {
		if (memory.nlive == LIVE / 2)
			abort();
		memory.live[slot_of(p)] = p;
		memory.nlive++;
	}
	return p;
}

static void drop(void *p)
{
	size_t i = slot_of(p);

	if (!p || !memory.live[i])
		return;
	memory.live[i] = NULL;
	memory.nlive--;
	/* those that were pushed past this slot move back */
	for (size_t k = (i + 1) & (LIVE - 1); memory.live[k]; k = (k + 1) & (LIVE - 1)) {
		void *moved = memory.live[k];

		memory.live[k] = NULL;
		memory.live[slot_of(moved)] = moved;
	}
}

static bool fails(void)
{
	return memory.on && ++memory.count == memory.fail_at;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : keep(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : keep(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	void *grown;

	if (fails())
		return NULL;
	drop(p);
	grown = __real_realloc(p, size);
	return keep(grown ? grown : p) == p && !grown ? NULL : grown;
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return size && n > SIZE_MAX / size ? NULL : __wrap_realloc(p, n * size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : keep(__real_strdup(s));
}

void __wrap_free(void *p)
{
	drop(p);
	__real_free(p);
}

/* An arena rarely needs memory; its users must be ready all the same. */
void *__wrap_arena_alloc(struct arena *a, size_t n, size_t size)
{
	return fails() ? NULL : __real_arena_alloc(a, n, size);
}

char *__wrap_arena_strdup(struct arena *a, const char *s)
{
	return fails() ? NULL : __real_arena_strdup(a, s);
}

void *__wrap_arena_dup(struct arena *a, const void *src, size_t len)
{
	return fails() ? NULL : __real_arena_dup(a, src, len);
}

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t off)
{
	if (memory.pages && fails()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mmap(at, size, prot, flags, fd, off);
}

struct scenario {
	const char *name, *object;
	char *const *argv;
	const char *pcap, *global;
	size_t step; /* a run with a process takes time: every so many allocations */
	int (*play)(struct skep_error **err); /* instead of an object's life */
};

static int play(const struct scenario *sc, const char *path, struct skep_error **err)
{
	struct skep_run_opts o = {
		.size = sizeof(o), .argv = sc->argv, .pcap = sc->pcap, .max_packets = 20
	};
	struct skep_obj *obj = NULL;
	int r;

	if (sc->play)
		return sc->play(err);
	r = skep_obj_open(path, NULL, &obj, err);
	if (r < 0)
		return r;
	if (sc->global)
		r = skep_obj_set_global(obj, sc->global, "1", err);
	if (r == 0)
		r = skep_obj_load(obj, err);
	if (r == 0 && (sc->argv || sc->pcap))
		r = skep_run(obj, &o, NULL, err);
	skep_obj_close(obj);
	return r;
}

/* One run; the error's code, or 0. */
static int once(const struct scenario *sc, const char *path, size_t fail_at)
{
	struct skep_error *err = NULL;
	char text[512] = "";
	int r;

	memory.count = 0;
	memory.fail_at = fail_at;
	memory.on = true;
	r = play(sc, path, &err);
	memory.on = false;
	if (err) {
		skep_error_text(err, text, sizeof(text));
		CHECK_MSG(skep_error_code(err) == r, "%s: code %d, returned %d", text,
			  skep_error_code(err), r);
	}
	CHECK_MSG((r == 0) == (err == NULL), "returned %d with %s error", r, err ? "an" : "no");
	skep_error_free(err);
	CHECK_MSG(memory.nlive == 0, "allocation %zu failed: %zu blocks left, returned %d %s",
		  fail_at, memory.nlive, r, text);
	memset(memory.live, 0, sizeof(memory.live));
	memory.nlive = 0;
	return r;
}

static int play_capture(struct skep_error **err)
{
	const struct skep_capture_opts o = { .size = sizeof(o), .expr = "tcp port 80" };
	struct skep_capture *c;
	int r = skep_capture_open("examples/captures/small.pcapng", &o, &c, err);

	if (r < 0)
		return r;
	r = skep_capture_run(c, err);
	skep_capture_close(c);
	return r;
}

static int play_text(struct skep_error **err)
{
	const struct skep_asm_opts o = { .size = sizeof(o), .style = SKEP_INSN_ANY };
	struct skep_insn *insns;
	struct skep_cbpf *cbpf;
	void *object;
	size_t n, size;
	int r = skep_insn_assemble_as("a: mov %r0, 1\nja a", &o, &insns, &n, err);

	if (r < 0)
		return r;
	r = skep_insn_object(insns, n, NULL, &object, &size, err);
	free(insns);
	if (r < 0)
		return r;
	free(object);
	r = skep_cbpf_parse("ld [nla]\njeq #0 jt 2 jf 3\nret #1\nret", NULL, &cbpf, &n, err);
	if (r < 0)
		return r;
	r = skep_cbpf_translate(cbpf, n, &insns, &n, err);
	free(cbpf);
	if (r == 0)
		free(insns);
	return r;
}

static void hear(void *ctx, const struct skep_verify_finding *f)
{
	*(size_t *)ctx += f->ncauses;
}

/* Why a program is rejected. What is only wording is done without. */
static int play_explain(struct skep_error **err)
{
	const char *dir = getenv("SKEP_BUILD");
	struct skep_obj *obj = NULL;
	char path[512];
	size_t causes = 0;
	int r;

	snprintf(path, sizeof(path), "%s/tests/bpf/cli/rejected.bpf.o", dir ? dir : "build");
	r = skep_obj_open(path, NULL, &obj, err);
	if (r < 0)
		return r;
	r = skep_prog_explain(skep_obj_find_prog(obj, "three"), NULL, hear, &causes, err);
	skep_obj_close(obj);
	if (r == -ENOMEM)
		return r;
	return r == -EACCES ? 0 : r;
}

/* Every type of map: made, filled, emptied. */
static const struct map_plan {
	uint32_t type, key_size, value_size, max, flags;
} map_plans[] = {
	{ MAP_HASH, 8, 8, 4, 0 },
	{ MAP_ARRAY, 4, 8, 4, 0 },
	{ MAP_PROG_ARRAY, 4, 4, 4, 0 },
	{ MAP_PERF_EVENT_ARRAY, 4, 4, 4, 0 },
	{ MAP_PERCPU_HASH, 4, 8, 4, 0 },
	{ MAP_PERCPU_ARRAY, 4, 8, 4, 0 },
	{ MAP_STACK_TRACE, 4, 80, 4, 0 },
	{ MAP_CGROUP_ARRAY, 4, 4, 4, 0 },
	{ MAP_LRU_HASH, 4, 8, 4, 0 },
	{ MAP_LRU_PERCPU_HASH, 4, 8, 4, 0 },
	{ MAP_LPM_TRIE, 8, 8, 4, MAP_F_NO_PREALLOC },
	{ MAP_ARRAY_OF_MAPS, 4, 4, 4, 0 },
	{ MAP_HASH_OF_MAPS, 4, 4, 4, 0 },
	{ MAP_DEVMAP, 4, 8, 4, 0 },
	{ MAP_SOCKMAP, 4, 8, 4, 0 },
	{ MAP_CPUMAP, 4, 8, 4, 0 },
	{ MAP_XSKMAP, 4, 4, 4, 0 },
	{ MAP_SOCKHASH, 4, 8, 4, 0 },
	{ MAP_CGROUP_STORAGE, 8, 8, 0, 0 },
	{ MAP_REUSEPORT_SOCKARRAY, 4, 8, 4, 0 },
	{ MAP_PERCPU_CGROUP_STORAGE, 16, 8, 0, 0 },
	{ MAP_QUEUE, 0, 8, 4, 0 },
	{ MAP_STACK_MAP, 0, 8, 4, 0 },
	{ MAP_SK_STORAGE, 4, 8, 0, MAP_F_NO_PREALLOC },
	{ MAP_DEVMAP_HASH, 4, 8, 4, 0 },
	{ MAP_STRUCT_OPS, 4, 16, 1, 0 },
	{ MAP_RINGBUF, 0, 0, 4096, 0 },
	{ MAP_INODE_STORAGE, 4, 8, 0, MAP_F_NO_PREALLOC },
	{ MAP_TASK_STORAGE, 4, 8, 0, MAP_F_NO_PREALLOC | MAP_F_CLONE },
	{ MAP_BLOOM_FILTER, 0, 8, 4, 0 },
	{ MAP_USER_RINGBUF, 0, 0, 4096, 0 },
	{ MAP_CGRP_STORAGE, 4, 8, 0, MAP_F_NO_PREALLOC },
	{ MAP_ARENA, 0, 0, 2, MAP_F_MMAPABLE },
	{ MAP_INSN_ARRAY, 4, 16, 4, 0 },
};
_Static_assert(ARRAY_SIZE(map_plans) + 1 == MAP_TYPE_COUNT, "every type");

/* Descriptors are the numbers of objects, here. */
static int any_object(void *ctx, enum map_object_kind kind, int fd, struct map_object_desc *ret)
{
	(void)ctx, (void)kind;
	*ret = (struct map_object_desc){ .id = (uint64_t)fd };
	ret->sock.family = AF_UNIX;
	ret->sock.type = SOCK_DGRAM;
	return 0;
}

static struct btf *plan_types(void)
{
	struct btf_builder *b = btf_builder_new();
	struct btf_member m[2] = { { .name = "a", .type = 2 },
				   { .name = "t", .type = 3, .bit_off = 0 } };
	struct btf *btf = NULL;

	if (!b)
		return NULL;
	btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	btf_add_int(b, "long", 8, 0);
	btf_add_composite(b, BTF_STRUCT, "data", 8, m, 1);
	m[0].type = 2;
	m[1].bit_off = 64;
	btf_add_composite(b, BTF_STRUCT, "value", 16, m, 2);
	btf_finish(b, "types", &btf, NULL);
	btf_builder_free(b);
	return btf;
}

static int use_map(struct map *map, struct map_world *w)
{
	uint64_t key[4] = { 1 }, value[512] = { 1 }, next[4], out[4], keys[8], values[512];
	struct map_batch b = { .out = out, .keys = keys, .values = values, .count = 2 };
	uint32_t type = map_attr(map)->type;
	struct map_object *o;
	int r = map_user_update(map, key, value, 0);

	if (r == -ENOMEM)
		return r;
	r = map_user_batch(map, MAP_BATCH_LOOKUP, &b);
	if (r == -ENOMEM)
		return r;
	map_next_key(map, NULL, next);
	map_user_lookup(map, key, value);
	map_user_delete(map, key);
	if (type == MAP_SK_STORAGE || type == MAP_TASK_STORAGE) {
		o = map_object_find(w, type == MAP_SK_STORAGE ? MAP_OBJECT_SOCK : MAP_OBJECT_TASK,
				    9, true);
		if (!o || !map_storage_get(map, o, NULL, MAP_STORAGE_CREATE))
			return -ENOMEM;
	}
	if (type == MAP_CGROUP_STORAGE) {
		o = map_object_find(w, MAP_OBJECT_CGROUP, 9, true);
		return o ? map_cgroup_storage_attach(map, o, 1) : -ENOMEM;
	}
	return 0;
}

static int play_plan(const struct map_plan *plan, struct map_world *w, struct btf *types,
		     struct skep_error **err)
{
	struct map_attr inner = {
		.name = "i", .type = MAP_HASH, .key_size = 4, .value_size = 4, .max_entries = 2
	};
	struct map_attr attr = { .name = "m",
				 .type = plan->type,
				 .key_size = plan->key_size,
				 .value_size = plan->value_size,
				 .max_entries = plan->max,
				 .flags = plan->flags,
				 .memory_limit = 1u << 20,
				 .btf = types,
				 .key_type = 1,
				 .value_type = plan->value_size == 16 ? 4 : 2,
				 .inner = &inner,
				 .world = w };
	struct map *map = NULL;
	int r = map_new(&attr, &map, err);

	if (r < 0)
		return r;
	r = use_map(map, w);
	map_unref(map);
	return r < 0 ? skep_fail_nomem(err) : 0;
}

static int play_maps(struct skep_error **err)
{
	static const struct map_world_ops ops = { .object = any_object };
	struct map_world *w;
	struct btf *types;
	int r = 0;

	memory.pages = true;
	w = map_world_new(&ops, NULL);
	types = w ? plan_types() : NULL;
	if (!types)
		r = skep_fail_nomem(err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(map_plans); i++)
		r = play_plan(&map_plans[i], w, types, err);
	btf_unref(types);
	map_world_unref(w);
	memory.pages = false;
	return r;
}

/* Verdict, log, costs, the rewritten program; and the facts that a load takes. */
static int play_verify(struct skep_error **err)
{
	const struct skep_obj_opts oo = { .size = sizeof(oo), .verify = true };
	const struct skep_verify_opts vo = {
		.size = sizeof(vo), .log_level = 2, .want_lines = true, .want_rewritten = true
	};
	struct skep_verify_result v = { .size = sizeof(v) };
	const char *dir = getenv("SKEP_BUILD");
	struct skep_obj *obj = NULL;
	char path[512];
	int r;

	snprintf(path, sizeof(path), "%s/tests/bpf/cli/rejected.bpf.o", dir ? dir : "build");
	r = skep_obj_open(path, &oo, &obj, err);
	if (r == 0)
		r = skep_prog_verify(skep_obj_find_prog(obj, "fine"), &vo, &v, err);
	skep_verify_result_done(&v);
	if (r == 0)
		r = skep_obj_load(obj, err);
	skep_obj_close(obj);
	return r;
}

static char *const run_true[] = { (char *)"true", NULL };

static const struct scenario scenarios[] = {
	{ "a filter over a capture", "", .step = 1, .play = play_capture },
	{ "text to instructions", "", .step = 1, .play = play_text },
	{ "open and load", "tests/bpf/cli/report", NULL, NULL, "start_at", 1, NULL },
	{ "relocations of types", "tests/bpf/cli/misses", NULL, NULL, NULL, 1, NULL },
	{ "prog arrays, inner maps", "tests/bpf/cli/slots", NULL, NULL, NULL, 1, NULL },
	{ "many functions", "examples/xdp_firewall", NULL, NULL, NULL, 1, NULL },
	{ "packets", "examples/xdp_stats", NULL, "examples/captures/mixed.pcap", NULL, 1, NULL },
	{ "rewritten packets", "examples/tc_rewrite", NULL, "examples/captures/small.pcapng", NULL,
	  1, NULL },
	{ "a verdict", "", .step = 1, .play = play_verify },
	{ "an explanation", "", .step = 1, .play = play_explain },
	{ "maps of every type", "", .step = 1, .play = play_maps },
	{ "a command", "examples/opensnoop", run_true, NULL, NULL, 1, NULL },
};

static void nth_fails(void)
{
	const char *dir = getenv("SKEP_BUILD");
	char path[512];

	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		const struct scenario *sc = &scenarios[i];
		size_t need, refused = 0, n;
		unsigned int bad = 0;

		CHECK_CASE("%s", sc->name);
		snprintf(path, sizeof(path), "%s/%s.bpf.o", dir ? dir : "build", sc->object);
		if (!CHECK_EQ_INT(once(sc, path, 0), 0))
			continue;
		need = memory.count;
		CHECK(need > 10);
		for (n = 1; n <= need && bad < 5; n += sc->step) {
			int r = once(sc, path, n);

			refused += r == -ENOMEM;
			/* some memory only makes a name or a reason, and is done without */
			bad += !CHECK_MSG(r == 0 || r == -ENOMEM, "allocation %zu of %zu: %d", n,
					  need, r);
		}
		CHECK_MSG(refused * 2 * sc->step > need, "only %zu of %zu refused", refused, need);
	}
}

CHECK_MAIN({ "nth_fails", nth_fails })
