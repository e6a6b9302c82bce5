// SPDX-License-Identifier: Apache-2.0
/* Maps against the kernel's: the same operations through bpf(2) and src/map, results and errno compared. */
#include <sched.h>
#include <stdlib.h>

#include "base/num.h"
#include "check.h"
#include "map/map.h"
#include "map_model.h"
#include "oracle.h"

#define STEPS 3000

struct pair {
	struct map *map;
	int fd;
	struct model m; /* sizes, and the twin */
	bool fixed_order;
};

static bool open_pair(struct pair *p, const struct model_kind *k)
{
	struct map_attr attr = { .name = "m",
				 .type = k->type,
				 .key_size = k->key_size,
				 .value_size = k->value_size,
				 .max_entries = k->max,
				 .flags = k->flags };

	CHECK_EQ_INT(map_new(&attr, &p->map, NULL), 0);
	p->fd = oracle_map_new(k->type, k->key_size, k->value_size, k->max, k->flags, 0);
	if (!CHECK_MSG(p->fd >= 0, "the kernel gives errno %d", -p->fd))
		return false;
	model_init(&p->m, k->type, k->key_size, map_user_value_size(p->map), k->max);
	p->fixed_order = k->type == MAP_LPM_TRIE || model_is_array(&p->m);
	return CHECK(p->m.value_size <= MODEL_VALUE);
}

static void close_pair(struct pair *p)
{
	map_unref(p->map);
	if (p->fd >= 0)
		close(p->fd);
}

static void same_lookup(struct pair *p, const uint8_t *key)
{
	uint8_t got[MODEL_VALUE] = { 0 }, want[MODEL_VALUE] = { 0 };
	int r = oracle_lookup(p->fd, key, want);

	CHECK_EQ_INT(map_user_lookup(p->map, key, got), r);
	CHECK_EQ_INT(model_lookup(&p->m, key, want), r);
	if (r == 0)
		CHECK_EQ_MEM(got, want, p->m.value_size);
}

static void same_update(struct pair *p, const uint8_t *key, uint64_t *state)
{
	static const uint8_t some_flags[] = { 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 8 };
	uint64_t flags = some_flags[model_random(state) % ARRAY_SIZE(some_flags)];
	uint8_t value[MODEL_VALUE];
	int r;

	for (uint32_t i = 0; i < p->m.value_size; i++)
		value[i] = (uint8_t)model_random(state);
	r = oracle_update(p->fd, key, value, flags);
	CHECK_EQ_INT(map_user_update(p->map, key, value, flags), r);
	CHECK_EQ_INT(model_update(&p->m, key, value, flags), r);
}

static void same_next(struct pair *p, const uint8_t *key)
{
	uint8_t got[MODEL_KEY] = { 0 }, want[MODEL_KEY] = { 0 };
	int r = oracle_next(p->fd, key, want);

	if (!p->fixed_order) {
		if (!key)
			CHECK_EQ_INT(map_next_key(p->map, key, got), r);
		return;
	}
	CHECK_EQ_INT(map_next_key(p->map, key, got), r);
	if (r == 0) {
		CHECK_EQ_MEM(got, want, p->m.key_size);
		CHECK_EQ_INT(model_next(&p->m, key, want), 0);
		CHECK_EQ_MEM(got, want, p->m.key_size);
	}
}

static void same_step(struct pair *p, uint64_t *state)
{
	uint8_t key[MODEL_KEY];
	int r;

	model_key(&p->m, state, key);
	switch (model_random(state) % 10) {
	case 0:
	case 1:
	case 2:
	case 3:
		same_update(p, key, state);
		break;
	case 4:
	case 5:
		r = oracle_delete(p->fd, key);
		CHECK_EQ_INT(map_user_delete(p->map, key), r);
		CHECK_EQ_INT(model_delete(&p->m, key), r);
		break;
	case 6:
		same_next(p, model_random(state) % 8 ? key : NULL);
		break;
	default:
		same_lookup(p, key);
	}
}

static void same_operations(void)
{
	const char *missing = oracle_missing();

	if (missing)
		CHECK_SKIP(missing);
	for (size_t i = 0; i < ARRAY_SIZE(model_kinds); i++) {
		struct pair p = { .fd = -1 };
		uint64_t state = 77 + i;

		CHECK_CASE("%s", model_kinds[i].name);
		if (open_pair(&p, &model_kinds[i]))
			for (unsigned long n = 0; n < model_steps(STEPS) && !check_state.bad; n++)
				same_step(&p, &state);
		close_pair(&p);
	}
}

/* An LRU map may keep other keys than the kernel's, but never refuses where it does not, and what it has is right. */
static void lru_presence(void)
{
	const char *missing = oracle_missing();
	struct model_kind kind = { "lru", MAP_LRU_HASH, 4, 8, 64, 0 };
	uint64_t state = 5, last[512] = { 0 }, got, want;
	struct pair p = { .fd = -1 };
	uint32_t both = 0, ours = 0;

	if (missing)
		CHECK_SKIP(missing);
	if (!open_pair(&p, &kind))
		return;
	for (int n = 0; n < 5000; n++) {
		uint32_t key = (uint32_t)(model_random(&state) % 512);

		last[key] = model_random(&state);
		CHECK_EQ_INT(map_user_update(p.map, &key, &last[key], 0),
			     oracle_update(p.fd, &key, &last[key], 0));
		CHECK_EQ_INT(map_user_lookup(p.map, &key, &got), 0);
		CHECK_EQ_INT(got, last[key]);
	}
	for (uint32_t key = 0; key < 512; key++) {
		bool here = map_user_lookup(p.map, &key, &got) == 0;
		bool there = oracle_lookup(p.fd, &key, &want) == 0;

		ours += here;
		both += here && there;
		if (here)
			CHECK_EQ_INT(got, last[key]);
		if (here && there)
			CHECK_EQ_INT(got, want);
	}
	CHECK_EQ_INT(ours, 64);
	CHECK_MSG(both > 0, "not one key of the kernel's");
	close_pair(&p);
}

static void queues(void)
{
	const char *missing = oracle_missing();

	if (missing)
		CHECK_SKIP(missing);
	for (int stack = 0; stack < 2; stack++) {
		struct model_kind kind = { "q", stack ? MAP_STACK_MAP : MAP_QUEUE, 0, 8, 5, 0 };
		struct pair p = { .fd = -1 };
		uint64_t state = 9, got, want;

		CHECK_CASE("%s", stack ? "stack" : "queue");
		if (!open_pair(&p, &kind))
			continue;
		for (unsigned long n = 0; n < model_steps(STEPS); n++) {
			uint64_t value = model_random(&state), flags = model_random(&state) % 4;

			got = want = 0;
			switch (model_random(&state) % 3) {
			case 0:
				CHECK_EQ_INT(map_user_update(p.map, NULL, &value, flags),
					     oracle_update(p.fd, NULL, &value, flags));
				break;
			case 1:
				CHECK_EQ_INT(map_pop(p.map, &got), oracle_pop(p.fd, &want));
				break;
			default:
				CHECK_EQ_INT(map_user_lookup(p.map, NULL, &got),
					     oracle_lookup(p.fd, NULL, &want));
			}
			CHECK_EQ_INT(got, want);
		}
		close_pair(&p);
	}
}

/* What the kernel makes of an attribute, and what we do, for random attributes near the sensible ones. */
static int ask_ours(const struct map_attr *attr)
{
	struct skep_error *err = NULL;
	struct map *map = NULL;
	int r = map_new(attr, &map, &err);

	if (r < 0)
		CHECK_MSG(err && skep_error_code(err) == r, "no error, or another code");
	skep_error_free(err);
	map_unref(map);
	return r;
}

static uint32_t pick(uint64_t *state, const uint32_t *from, size_t n)
{
	return from[model_random(state) % n];
}

static void random_attr(struct map_attr *attr, uint64_t *state)
{
	static const uint32_t keys[] = { 0, 1, 4, 4, 4, 5, 8, 260, 261 };
	static const uint32_t values[] = { 0, 4, 4, 8, 32768, 32769, 4193 };
	static const uint32_t entries[] = { 0, 1, 3, 64, 4096, 8192, 6144 };
	uint64_t bits = model_random(state);

	attr->key_size = pick(state, keys, ARRAY_SIZE(keys));
	attr->value_size = pick(state, values, ARRAY_SIZE(values));
	attr->max_entries = pick(state, entries, ARRAY_SIZE(entries));
	if (attr->value_size > 4096 && attr->max_entries > 64) /* memory of the machine's kernel */
		attr->max_entries = 64;
	attr->flags = attr->type == MAP_LPM_TRIE && bits & 1 ? MAP_F_NO_PREALLOC : 0;
	if (bits & 6)
		attr->flags |= 1u << (bits >> 8) % 14;
	if ((bits & 24) == 24)
		attr->flags |= 1u << (bits >> 16) % 14;
	if ((attr->type == MAP_RINGBUF || attr->type == MAP_USER_RINGBUF) && bits & 96)
		attr->key_size = attr->value_size = 0;
	if (attr->type == MAP_STACK_TRACE && bits & 96)
		attr->value_size = 8 + (uint32_t)(bits >> 40) % 200 * 8;
	if (attr->type == MAP_CPUMAP &&
	    attr->max_entries > 64) /* the kernel's limit is its configuration's */
		attr->max_entries = 64;
	if (attr->type == MAP_CGROUP_STORAGE || attr->type == MAP_PERCPU_CGROUP_STORAGE) {
		attr->key_size = bits & 32 ? 16 : attr->key_size;
		if (bits & 256)
			attr->value_size = bits & 512 ? 65407 : 65408;
		attr->max_entries = bits & 192 ? 0 : attr->max_entries;
	}
	if ((attr->type == MAP_QUEUE || attr->type == MAP_STACK_MAP ||
	     attr->type == MAP_BLOOM_FILTER) &&
	    bits & 96)
		attr->key_size = 0;
	attr->map_extra = (bits >> 24) % 16 ? 0 : (bits >> 32) % 20;
}

static void same_refusals(void)
{
	static const uint32_t types[] = { MAP_HASH,	      MAP_ARRAY,
					  MAP_PROG_ARRAY,     MAP_PERF_EVENT_ARRAY,
					  MAP_PERCPU_HASH,    MAP_PERCPU_ARRAY,
					  MAP_LRU_HASH,	      MAP_LRU_PERCPU_HASH,
					  MAP_LPM_TRIE,	      MAP_QUEUE,
					  MAP_STACK_MAP,      MAP_BLOOM_FILTER,
					  MAP_RINGBUF,	      MAP_STACK_TRACE,
					  MAP_CGROUP_ARRAY,   MAP_DEVMAP,
					  MAP_DEVMAP_HASH,    MAP_CPUMAP,
					  MAP_XSKMAP,	      MAP_SOCKMAP,
					  MAP_SOCKHASH,	      MAP_REUSEPORT_SOCKARRAY,
					  MAP_CGROUP_STORAGE, MAP_PERCPU_CGROUP_STORAGE,
					  MAP_USER_RINGBUF,   200 };
	const char *missing = oracle_missing();
	uint64_t state = 3;

	if (missing)
		CHECK_SKIP(missing);
	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct map_attr attr = { .name = "a", .type = types[t] };
		uint32_t made = 0;

		CHECK_CASE("type %u", types[t]);
		for (int n = 0; n < 300; n++) {
			int fd, r;

			random_attr(&attr, &state);
			fd = oracle_map_new(attr.type, attr.key_size, attr.value_size,
					    attr.max_entries, attr.flags, attr.map_extra);
			if (fd >= 0)
				close(fd);
			made += fd >= 0;
			r = ask_ours(&attr);
			if (fd == -ENOMEM || fd == -EPERM)
				continue;
			CHECK_MSG(
				r == (fd < 0 ? fd : 0),
				"key %u value %u entries %u flags 0x%x extra %u: got %d, kernel %d",
				attr.key_size, attr.value_size, attr.max_entries, attr.flags,
				(unsigned int)attr.map_extra, r, fd);
		}
		CHECK_MSG(types[t] == 200 || made > 3, "only %u maps were made", made);
	}
}

static void same_access_rules(void)
{
	static const uint32_t flags[] = { MAP_F_RDONLY, MAP_F_WRONLY, MAP_F_RDONLY_PROG, 0 };
	const char *missing = oracle_missing();

	if (missing)
		CHECK_SKIP(missing);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct model_kind kind = { "a", MAP_HASH, 4, 8, 4, flags[i] };
		struct pair p = { .fd = -1 };
		uint64_t value = 1;
		uint32_t key = 1, next;

		CHECK_CASE("flags 0x%x", flags[i]);
		if (!open_pair(&p, &kind))
			continue;
		for (int frozen = 0; frozen < 2; frozen++) {
			CHECK_EQ_INT(map_user_update(p.map, &key, &value, 0),
				     oracle_update(p.fd, &key, &value, 0));
			CHECK_EQ_INT(map_user_lookup(p.map, &key, &value),
				     oracle_lookup(p.fd, &key, &value));
			CHECK_EQ_INT(map_next_key(p.map, NULL, &next),
				     oracle_next(p.fd, NULL, &next));
			CHECK_EQ_INT(map_user_delete(p.map, &key), oracle_delete(p.fd, &key));
			CHECK_EQ_INT(map_freeze(p.map), oracle_freeze(p.fd));
		}
		close_pair(&p);
	}
}

/* Answers of ring buffers and object arrays to user space. */
static void same_refused_operations(void)
{
	static const struct model_kind kinds[] = {
		{ "ring buffer", MAP_RINGBUF, 0, 0, 4096, 0 },
		{ "prog array", MAP_PROG_ARRAY, 4, 4, 4, 0 },
		{ "perf event array", MAP_PERF_EVENT_ARRAY, 4, 4, 4, 0 },
		{ "Bloom filter", MAP_BLOOM_FILTER, 0, 8, 4, 0 },
	};
	const char *missing = oracle_missing();

	if (missing)
		CHECK_SKIP(missing);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct pair p = { .fd = -1 };
		bool keyed = kinds[i].key_size;
		uint32_t key = 1, ours = 0, theirs = 0;

		CHECK_CASE("%s", kinds[i].name);
		if (!open_pair(&p, &kinds[i]))
			continue;
		CHECK_EQ_INT(map_next_key(p.map, keyed ? &key : NULL, &ours),
			     oracle_next(p.fd, keyed ? &key : NULL, &theirs));
		CHECK_EQ_INT(ours, theirs);
		CHECK_EQ_INT(map_user_delete(p.map, keyed ? &key : NULL),
			     oracle_delete(p.fd, keyed ? &key : NULL));
		key = 9;
		CHECK_EQ_INT(map_user_delete(p.map, keyed ? &key : NULL),
			     oracle_delete(p.fd, keyed ? &key : NULL));
		close_pair(&p);
	}
}

CHECK_MAIN({ "same_operations", same_operations }, { "lru_presence", lru_presence },
	   { "queues", queues }, { "same_refusals", same_refusals },
	   { "same_access_rules", same_access_rules },
	   { "same_refused_operations", same_refused_operations })
