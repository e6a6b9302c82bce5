// SPDX-License-Identifier: Apache-2.0
/* Maps against the naive twin of map_model.h, and the promises of map.h that a twin does not show. */
#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"
#include "check.h"
#include "map/map.h"
#include "map_model.h"

#define STEPS 6000

/* Sanitizers keep books of their own, so what is resident says nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static struct map *make(uint32_t type, uint32_t key, uint32_t value, uint32_t max, uint32_t flags)
{
	struct map_attr attr = { .name = "m",
				 .type = type,
				 .key_size = key,
				 .value_size = value,
				 .max_entries = max,
				 .flags = flags,
				 .ncpus = 3 };
	struct skep_error *err = NULL;
	struct map *map = NULL;

	map_new(&attr, &map, &err);
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	return map;
}

/* Walks all keys: as many as the twin has, each once, and in the twin's order where there is one. */
static void check_keys(struct map *map, const struct model *m)
{
	uint8_t key[MODEL_KEY], want[MODEL_KEY], seen[MODEL_ENTRIES] = { 0 };
	bool ordered = m->type == MAP_LPM_TRIE || model_is_array(m), first = true;
	uint32_t n = 0;

	while (n <= m->n && map_next_key(map, first ? NULL : key, key) == 0) {
		int at = model_find(m, key);

		if (!CHECK_MSG(at >= 0, "a key that is not in the map"))
			return;
		CHECK_MSG(!seen[at]++, "a key comes twice");
		if (ordered) {
			CHECK_EQ_INT(model_next(m, first ? NULL : want, want), 0);
			CHECK_EQ_MEM(key, want, m->key_size);
		}
		first = false;
		n++;
	}
	CHECK_EQ_INT(n, m->n);
}

static void check_memory(struct map *map, void *at, uint32_t size)
{
	uint64_t base = 0, start, bytes;
	uint32_t len = 0;

	map_value_range(map, &start, &bytes);
	CHECK((uintptr_t)at >= start && (uintptr_t)at + size <= start + bytes);
	CHECK(map_value_at(map, (uintptr_t)at, &base, &len));
	CHECK_EQ_INT(base, (uintptr_t)at);
	CHECK_EQ_INT(len, size);
	CHECK(map_value_at(map, (uintptr_t)at + size - 1, &base, &len));
	CHECK_EQ_INT(base, (uintptr_t)at);
	if (size % 8)
		CHECK(!map_value_at(map, (uintptr_t)at + size, &base, &len));
}

static void check_lookup(struct map *map, const struct model *m, const uint8_t *key)
{
	uint8_t want[MODEL_VALUE], got[MODEL_VALUE];
	int r = model_lookup(m, key, want);
	uint32_t size = map_attr(map)->value_size;
	uint8_t *at = map_lookup(map, key, 0);

	CHECK_EQ_INT(map_user_lookup(map, key, got), r);
	if (!CHECK_EQ_INT(at != NULL, r == 0) || !at)
		return;
	CHECK_EQ_MEM(got, want, m->value_size);
	for (uint32_t cpu = 0; cpu < m->value_size / (uint32_t)num_align(size, 8); cpu++) {
		at = map_lookup(map, key, cpu);
		CHECK_EQ_MEM(at, want + cpu * num_align(size, 8), size);
		check_memory(map, at, size);
	}
}

static void step(struct map *map, struct model *m, uint64_t *state)
{
	static const uint8_t some_flags[] = { 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 8 };
	uint64_t flags = some_flags[model_random(state) % ARRAY_SIZE(some_flags)];
	uint8_t key[MODEL_KEY], value[MODEL_VALUE];

	model_key(m, state, key);
	for (uint32_t i = 0; i < m->value_size; i++)
		value[i] = (uint8_t)model_random(state);
	switch (model_random(state) % 8) {
	case 0:
	case 1:
	case 2:
		CHECK_EQ_INT(map_user_update(map, key, value, flags),
			     model_update(m, key, value, flags));
		break;
	case 3:
		if (m->value_size != map_attr(map)->value_size)
			break;
		CHECK_EQ_INT(map_update(map, key, value, flags, 0),
			     model_update(m, key, value, flags));
		break;
	case 4:
	case 5:
		CHECK_EQ_INT(map_delete(map, key), model_delete(m, key));
		break;
	default:
		check_lookup(map, m, key);
	}
}

static void against_the_twin(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(model_kinds); i++) {
		const struct model_kind *k = &model_kinds[i];
		uint64_t state = 1000 + i;
		struct map_stats stats;
		struct model m;
		struct map *map;

		CHECK_CASE("%s", k->name);
		map = make(k->type, k->key_size, k->value_size, k->max, k->flags);
		if (!map)
			continue;
		model_init(&m, k->type, k->key_size, map_user_value_size(map), k->max);
		for (int n = 0; n < STEPS && !check_state.bad; n++) {
			step(map, &m, &state);
			if (n % 100 == 0)
				check_keys(map, &m);
		}
		map_stats(map, &stats);
		CHECK_EQ_INT(stats.entries, m.n);
		map_unref(map);
	}
}

static void served_types_are_the_tables(void)
{
#define MAP_ROW(id, value, name, since, served) { value, #id, #served[0] == 'Y' },
	static const struct {
		uint32_t type;
		const char *name;
		bool served;
	} rows[] = {
#include "spec/map_types.def"
	};
#undef MAP_ROW
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("%s", rows[i].name);
		CHECK_EQ_INT(map_type_served(rows[i].type), rows[i].served);
	}
}

/* An LRU map never refuses, keeps what was used last, and tells old values from new ones. */
static void lru(void)
{
	static const uint32_t types[] = { MAP_LRU_HASH, MAP_LRU_PERCPU_HASH };

	for (size_t t = 0; t < ARRAY_SIZE(types) * 2; t++) {
		uint32_t flags = t >= 2 ? MAP_F_NO_COMMON_LRU : 0, max = 32;
		struct map *map = make(types[t % 2], 4, 8, max, flags);
		struct map_stats stats;
		uint32_t hot = 7;

		CHECK_CASE("%s, flags %u", spec_map_type_name((int)types[t % 2]), flags);
		max = map_attr(map)->max_entries;
		CHECK_EQ_INT(max, flags ? 33 : 32);
		for (uint32_t k = 0; k < 1000; k++) {
			uint64_t value = k * 3ull;

			CHECK_EQ_INT(map_update(map, &k, &value, MAP_ANY, 1), 0);
			CHECK_EQ_INT(*(uint64_t *)map_lookup(map, &k, 1), value);
			if (k >= hot)
				CHECK_MSG(map_lookup(map, &hot, 1), "used key is gone at %u", k);
		}
		map_stats(map, &stats);
		CHECK_EQ_INT(stats.entries, max);
		CHECK_EQ_INT(stats.evicted, 1000 - max);
		CHECK_EQ_INT(stats.full, 0);
		map_unref(map);
	}
}

/* All elements marked as used: the hand must still give up soon. */
static void lru_all_in_use(void)
{
	struct map *map = make(MAP_LRU_HASH, 4, 4, 4096, 0);
	uint32_t n = 0;

	for (uint32_t k = 0; k < 4096; k++)
		map_update(map, &k, &k, MAP_ANY, 0);
	for (uint32_t k = 4096; k < 6000; k++) {
		for (uint32_t i = 0; i < 16; i++) {
			uint32_t old = (k * 31 + i) % 4096;

			map_lookup(map, &old, 0);
		}
		CHECK_EQ_INT(map_update(map, &k, &k, MAP_ANY, 0), 0);
	}
	for (uint32_t k = 0; k < 6000; k++)
		n += map_lookup(map, &k, 0) != NULL;
	CHECK_EQ_INT(n, 4096);
	map_unref(map);
}

static void values_stay(void)
{
	static const uint32_t types[] = { MAP_HASH, MAP_LPM_TRIE };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct map *map =
			make(types[i], 8, 8, 4, types[i] == MAP_LPM_TRIE ? MAP_F_NO_PREALLOC : 0);
		uint8_t key[8] = { 32, 0, 0, 0, 10, 0, 0, 1 };
		uint64_t one = 1, two = 2, base, *at, *now;
		uint32_t size;

		CHECK_CASE("%s", spec_map_type_name((int)types[i]));
		CHECK_EQ_INT(map_update(map, key, &one, MAP_ANY, 0), 0);
		at = map_lookup(map, key, 0);
		CHECK_EQ_INT(map_update(map, key, &two, MAP_ANY, 0), 0);
		now = map_lookup(map, key, 0);
		CHECK_MSG(at != now, "a replaced value is written in place");
		CHECK_EQ_INT(*at, 1);
		CHECK_EQ_INT(*now, 2);
		CHECK_EQ_INT(map_delete(map, key), 0);
		CHECK_EQ_INT(*now, 2);
		CHECK(map_value_at(map, (uintptr_t)now, &base, &size));
		map_unref(map);
	}
}

static void per_cpu_values(void)
{
	static const uint32_t types[] = { MAP_PERCPU_ARRAY, MAP_PERCPU_HASH, MAP_LRU_PERCPU_HASH };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct map *map = make(types[i], 4, 4, 4, 0);
		uint32_t key = 2, all[6] = { 1, 0, 2, 0, 3, 0 }, got[6], v = 9;

		CHECK_CASE("%s", spec_map_type_name((int)types[i]));
		CHECK_EQ_INT(map_user_value_size(map), 24);
		CHECK_EQ_INT(map_update(map, &key, &v, MAP_ANY, 1), 0);
		CHECK_EQ_INT(map_user_lookup(map, &key, got), 0);
		CHECK_EQ_INT(got[0], 0);
		CHECK_EQ_INT(got[2], 9);
		CHECK_EQ_INT(got[4], 0);
		CHECK_EQ_INT(map_user_update(map, &key, all, MAP_ANY), 0);
		CHECK_EQ_INT(*(uint32_t *)map_lookup_percpu(map, &key, 2), 3);
		CHECK(!map_lookup_percpu(map, &key, 3));
		CHECK(!map_lookup(map, &key, 3));
		CHECK_EQ_INT(map_update(map, &key, &v, MAP_ANY, 2), 0);
		CHECK_EQ_INT(*(uint32_t *)map_lookup(map, &key, 2), 9);
		CHECK_EQ_INT(*(uint32_t *)map_lookup(map, &key, 0), 1);
		map_unref(map);
	}
}

static void access_rules(void)
{
	struct map *map = make(MAP_ARRAY, 4, 8, 2, MAP_F_RDONLY_PROG);
	uint64_t v = 5;
	uint32_t key = 1;

	CHECK(!map_prog_may_write(map));
	CHECK(map_prog_may_read(map));
	CHECK_EQ_INT(map_user_update(map, &key, &v, MAP_ANY), 0);
	CHECK_EQ_INT(map_freeze(map), 0);
	CHECK_EQ_INT(map_freeze(map), -EPERM);
	CHECK_EQ_INT(map_user_update(map, &key, &v, MAP_ANY), -EPERM);
	CHECK_EQ_INT(map_user_delete(map, &key), -EPERM);
	CHECK_EQ_INT(map_user_lookup(map, &key, &v), 0);
	CHECK_EQ_INT(map_direct_value(map), (uintptr_t)map_lookup(map, &key, 0) - 8);
	map_unref(map);
	map = make(MAP_HASH, 4, 8, 2, MAP_F_RDONLY);
	CHECK_EQ_INT(map_user_update(map, &key, &v, MAP_ANY), -EPERM);
	CHECK_EQ_INT(map_update(map, &key, &v, MAP_ANY, 0), 0);
	CHECK_EQ_INT(map_direct_value(map), 0);
	map_unref(map);
	map = make(MAP_HASH, 4, 8, 2, MAP_F_WRONLY);
	CHECK_EQ_INT(map_user_lookup(map, &key, &v), -EPERM);
	CHECK_EQ_INT(map_next_key(map, NULL, &key), -EPERM);
	map_unref(map);
}

static const struct map_attr inner_array = { .name = "in", .type = MAP_ARRAY };
static const struct map_attr inner_nested = { .name = "in", .type = MAP_ARRAY_OF_MAPS };
static const struct {
	struct map_attr attr;
	const char *id;
	int code;
} refused[] = {
	{ { .type = 99, .key_size = 4, .value_size = 4, .max_entries = 1 }, "M0001", EINVAL },
	{ { .type = 0 }, "M0001", EINVAL },
	{ { .type = MAP_ARRAY, .key_size = 8, .value_size = 4, .max_entries = 1 }, "M0003", EINVAL },
	{ { .type = MAP_HASH, .key_size = 8, .max_entries = 1 }, "M0004", EINVAL },
	{ { .type = MAP_RINGBUF, .max_entries = 12288 }, "M0005", EINVAL },
	{ { .type = MAP_LPM_TRIE, .key_size = 8, .value_size = 4, .max_entries = 1 },
	  "M0006",
	  EINVAL },
	{ { .type = MAP_LRU_HASH,
	    .key_size = 8,
	    .value_size = 4,
	    .max_entries = 1,
	    .flags = MAP_F_NO_PREALLOC },
	  "M0007",
	  524 },
	{ { .type = MAP_HASH, .key_size = 8, .value_size = 4, .max_entries = 1, .map_extra = 1 },
	  "M0008",
	  EINVAL },
	{ { .type = MAP_HASH, .key_size = 8, .value_size = 1u << 22, .max_entries = 1 },
	  "M0009",
	  E2BIG },
	{ { .type = MAP_HASH, .key_size = 8, .value_size = 8, .max_entries = UINT32_MAX },
	  "M0010",
	  E2BIG },
	{ { .type = MAP_ARRAY, .key_size = 4, .value_size = 8, .max_entries = UINT32_MAX },
	  "M0011",
	  ENOMEM },
	{ { .type = MAP_LPM_TRIE,
	    .key_size = 8,
	    .value_size = 8,
	    .max_entries = UINT32_MAX,
	    .flags = MAP_F_NO_PREALLOC },
	  "M0011",
	  ENOMEM },
	{ { .type = MAP_ARRAY,
	    .key_size = 4,
	    .value_size = 8,
	    .max_entries = 1000,
	    .memory_limit = 4096 },
	  "M0011",
	  ENOMEM },
	{ { .type = MAP_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4, .max_entries = 1 },
	  "M0013",
	  EBADF },
	{ { .type = MAP_HASH_OF_MAPS,
	    .key_size = 4,
	    .value_size = 4,
	    .max_entries = 1,
	    .inner = &inner_nested },
	  "M0014",
	  EINVAL },
	{ { .type = MAP_HASH_OF_MAPS,
	    .key_size = 4,
	    .value_size = 8,
	    .max_entries = 1,
	    .inner = &inner_array },
	  "M0004",
	  EINVAL },
	{ { .type = MAP_HASH, .key_size = 4, .value_size = 8, .max_entries = 1, .ncpus = 5000 },
	  "M0015",
	  EINVAL },
	{ { .type = MAP_ARRAY,
	    .key_size = 4,
	    .value_size = 1u << 20,
	    .max_entries = UINT32_MAX,
	    .memory_limit = UINT64_MAX },
	  "M0012",
	  ENOMEM },
};

static void refusals(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct map_attr attr = refused[i].attr;
		struct skep_error *err = NULL;
		struct map *map = NULL;
		int r;

		attr.name = "big";
		CHECK_CASE("row %zu, %s", i, refused[i].id);
		r = map_new(&attr, &map, &err);
		CHECK_EQ_INT(r, -refused[i].code);
		CHECK_ERR(err, refused[i].id);
		CHECK(err && strstr(skep_error_message(err), "'big'"));
		skep_error_free(err);
		map_unref(map);
	}
}

/* A large map costs address space, not memory: this one would be 512 MiB. */
static void large_maps_are_lazy(void)
{
	struct map *map = make(MAP_HASH, 4, 64, 5000000, 0);
	uint64_t value[8] = { 1 }, resident = 0, pages[2] = { 0 };
	uint32_t key = 77;
	FILE *f;

	CHECK_EQ_INT(map_update(map, &key, value, MAP_ANY, 0), 0);
	f = fopen("/proc/self/statm", "r");
	if (f && fscanf(f, "%" SCNu64 " %" SCNu64, &pages[0], &pages[1]) == 2)
		resident = pages[1] * (uint64_t)sysconf(_SC_PAGESIZE);
	if (f)
		fclose(f);
	CHECK_MSG(SANITIZED || resident < 64u << 20, "%" PRIu64 " bytes are resident", resident);
	CHECK_EQ_INT(map_next_key(map, NULL, &key), 0);
	CHECK_EQ_INT(key, 77);
	map_unref(map);
}

static unsigned int puts_seen;

static void count_put(void *obj)
{
	*(int *)obj += 1;
	puts_seen++;
}

static void slots(void)
{
	struct map_attr inner = {
		.name = "in", .type = MAP_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 2
	};
	static const uint32_t types[] = { MAP_PROG_ARRAY, MAP_ARRAY_OF_MAPS, MAP_HASH_OF_MAPS };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct map_attr attr = { .name = "slots",
					 .type = types[i],
					 .key_size = 4,
					 .value_size = 4,
					 .max_entries = 4,
					 .inner = &inner };
		int a = 0, b = 0;
		uint32_t key = 1, next;
		struct map *map;

		CHECK_CASE("%s", spec_map_type_name((int)types[i]));
		puts_seen = 0;
		CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
		CHECK_EQ_INT(map_slot_set(map, 1, &a, count_put), 0);
		CHECK(map_slot_get(map, 1) == &a);
		CHECK(map_lookup(map, &key, 0) == (types[i] == MAP_PROG_ARRAY ? NULL : &a));
		CHECK_EQ_INT(map_slot_set(map, 1, &b, count_put), 0);
		CHECK_EQ_INT(a, 1);
		CHECK(map_slot_find(map, &key) == &b);
		CHECK(!map_slot_get(map, 2));
		CHECK_EQ_INT(map_next_key(map, NULL, &next), 0);
		CHECK_EQ_INT(map_user_delete(map, &key), 0);
		CHECK_EQ_INT(map_user_delete(map, &key), -ENOENT);
		CHECK_EQ_INT(b, 1);
		CHECK_EQ_INT(map_slot_set(map, 3, &a, count_put), 0);
		if (types[i] != MAP_HASH_OF_MAPS)
			CHECK_EQ_INT(map_slot_set(map, 4, &a, count_put), -E2BIG);
		map_unref(map);
		CHECK_EQ_INT(puts_seen, 3);
	}
}

static void inner_maps_must_fit(void)
{
	struct map_attr inner = {
		.name = "in", .type = MAP_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 2
	};
	struct map_attr attr = { .name = "outer",
				 .type = MAP_ARRAY_OF_MAPS,
				 .key_size = 4,
				 .value_size = 4,
				 .max_entries = 4,
				 .inner = &inner };
	struct map *outer, *same = make(MAP_ARRAY, 4, 8, 2, 0),
			   *longer = make(MAP_ARRAY, 4, 8, 3, 0);
	struct map *wider = make(MAP_ARRAY, 4, 16, 2, 0), *other = make(MAP_HASH, 4, 8, 2, 0);

	CHECK_EQ_INT(map_new(&attr, &outer, NULL), 0);
	CHECK_EQ_INT(map_inner_fits(outer, same), 0);
	CHECK_EQ_INT(map_inner_fits(outer, longer), -EINVAL);
	CHECK_EQ_INT(map_inner_fits(outer, wider), -EINVAL);
	CHECK_EQ_INT(map_inner_fits(outer, other), -EINVAL);
	map_unref(outer);
	map_unref(same);
	map_unref(longer);
	map_unref(wider);
	map_unref(other);
}

static void queues(void)
{
	for (int stack = 0; stack < 2; stack++) {
		struct map *map = make(stack ? MAP_STACK_MAP : MAP_QUEUE, 0, 4, 3, 0);
		uint32_t v, got;

		CHECK_CASE("%s", stack ? "stack" : "queue");
		CHECK_EQ_INT(map_pop(map, &got), -ENOENT);
		for (v = 1; v <= 3; v++)
			CHECK_EQ_INT(map_push(map, &v, MAP_ANY), 0);
		CHECK_EQ_INT(map_push(map, &v, MAP_ANY), -E2BIG);
		CHECK_EQ_INT(map_push(map, &v, MAP_NOEXIST), -EINVAL);
		CHECK_EQ_INT(map_push(map, &v, MAP_EXIST), 0);
		CHECK_EQ_INT(map_peek(map, &got), 0);
		CHECK_EQ_INT(got, stack ? 4 : 2);
		for (v = 0; v < 3; v++) {
			CHECK_EQ_INT(map_pop(map, &got), 0);
			CHECK_EQ_INT(got, stack ? 4 - v : 2 + v);
		}
		got = 77;
		CHECK_EQ_INT(map_peek(map, &got), -ENOENT);
		CHECK_EQ_INT(got, 0);
		map_unref(map);
	}
}

static void bloom(void)
{
	struct map *map = make(MAP_BLOOM_FILTER, 0, 8, 1000, 0);
	uint64_t v;
	unsigned int wrong = 0;

	for (v = 0; v < 1000; v++)
		CHECK_EQ_INT(map_push(map, &v, MAP_ANY), 0);
	for (v = 0; v < 1000; v++)
		CHECK_EQ_INT(map_peek(map, &v), 0);
	for (v = 1000; v < 11000; v++)
		wrong += map_peek(map, &v) == 0;
	CHECK_MSG(wrong < 500, "%u of 10000 are wrong", wrong);
	CHECK_EQ_INT(map_push(map, &v, MAP_EXIST), -EINVAL);
	CHECK_EQ_INT(map_pop(map, &v), -EOPNOTSUPP);
	map_unref(map);
}

CHECK_MAIN({ "against_the_twin", against_the_twin },
	   { "served_types_are_the_tables", served_types_are_the_tables }, { "lru", lru },
	   { "lru_all_in_use", lru_all_in_use }, { "values_stay", values_stay },
	   { "per_cpu_values", per_cpu_values }, { "access_rules", access_rules },
	   { "refusals", refusals }, { "large_maps_are_lazy", large_maps_are_lazy },
	   { "slots", slots }, { "inner_maps_must_fit", inner_maps_must_fit }, { "queues", queues },
	   { "bloom", bloom })
