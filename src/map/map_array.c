// SPDX-License-Identifier: Apache-2.0
/*
 * Arrays (kernel document bpf/map_array.rst): one block of zeroed values, value i at i * round_up(value_size, 8),
 * which is also what user space sees of a mapped array. Elements always exist.
 */
#include "map/internal.h"

static int init(struct map *map, struct skep_error **reterr)
{
	int r = map_take_values(map, map->attr.max_entries, 0, reterr);

	if (r == 0 && !map->joined)
		map->sh->entries = map->attr.max_entries;
	return r;
}

static void *lookup(struct map *map, const void *key, uint32_t cpu)
{
	uint32_t index = map_index(key);

	(void)cpu;
	if (index >= map->attr.max_entries)
		return NULL;
	return map->values + index * (uint64_t)map->vstride;
}

static int check_slot(struct map *map, uint32_t index, uint64_t flags)
{
	int r = map_check_update(map, flags);

	if (r < 0)
		return r;
	if (index >= map->attr.max_entries) {
		map_count(&map->sh->full, 1);
		return -E2BIG;
	}
	return (flags & MAP_NOEXIST) ? -EEXIST : 0;
}

/* What the fields of the old value held goes. */
static void put_value(struct map *map, void *at, const void *value, uint64_t flags)
{
	if (!map->fields) {
		memmove(at, value, map->attr.value_size);
	} else if (flags & MAP_LOCK) {
		map_put_locked(map, at, value);
	} else {
		map_put_value(map, at, value, false);
		map_release_value(map, at);
	}
}

static void done(struct map *map)
{
	if (!map->values || map->space)
		return;
	for (uint64_t i = 0; map->fields && i < map->attr.max_entries; i++)
		map_release_values(map, map->values + i * map->stride, map->ncpus);
}

static int update(struct map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	int r = check_slot(map, map_index(key), flags);

	if (r == 0)
		put_value(map, lookup(map, key, cpu), value, flags);
	return r;
}

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	return update(map, key, value, flags, 0);
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	void *at = lookup(map, key, 0);

	if (!at)
		return -ENOENT;
	if (map->fields)
		map_get_value(map, value, at, false);
	else
		memcpy(value, at, map->attr.value_size);
	return 0;
}

/* One value an element, or one a CPU. */
static void form(const struct map *map, struct map_form *ret)
{
	bool percpu = map_is_percpu(map->attr.type);

	ret->array = true;
	ret->base = (uintptr_t)map->values;
	ret->count = map->attr.max_entries;
	ret->stride = (uint32_t)map->stride;
	ret->cpu_stride = percpu ? map->vstride : 0;
	ret->cpus = percpu ? map->ncpus : 0;
}

const struct map_ops map_array_ops = {
	.size = sizeof(struct map),
	.check = map_check_array,
	.init = init,
	.done = done,
	.fields = MAP_FIELDS_ARRAY,
	.batches = true,
	.iterates = true,
	.lookup = lookup,
	.update = update,
	.remove = map_refuse_remove,
	.next_key = map_index_next,
	.user_lookup = user_lookup,
	.user_update = user_update,
	.form = form,
	.shares = true,
};

/* Per-CPU arrays: element i holds the values of all CPUs side by side. */

static uint8_t *element(struct map *map, uint32_t index)
{
	return map->values + index * map->stride;
}

static void *percpu_lookup(struct map *map, const void *key, uint32_t cpu)
{
	uint32_t index = map_index(key);

	if (index >= map->attr.max_entries || cpu >= map->ncpus)
		return NULL;
	return element(map, index) + (uint64_t)cpu * map->vstride;
}

static int percpu_update(struct map *map, const void *key, const void *value, uint64_t flags,
			 uint32_t cpu)
{
	int r = check_slot(map, map_index(key), flags);

	if (r < 0)
		return r;
	if (cpu >= map->ncpus)
		return -EINVAL;
	put_value(map, percpu_lookup(map, key, cpu), value, flags);
	return 0;
}

static int percpu_user_lookup(struct map *map, const void *key, void *value)
{
	uint32_t index = map_index(key);

	if (index >= map->attr.max_entries)
		return -ENOENT;
	memcpy(value, element(map, index), map->stride);
	for (uint32_t cpu = 0; map->fields && cpu < map->ncpus; cpu++)
		map_get_value(map, (uint8_t *)value + (uint64_t)cpu * map->vstride,
			      element(map, index) + (uint64_t)cpu * map->vstride, false);
	return 0;
}

static int percpu_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	uint32_t index = map_index(key);
	int r = check_slot(map, index, flags);

	if (r < 0)
		return r;
	if (!map->fields)
		memmove(element(map, index), value, map->stride);
	for (uint32_t cpu = 0; map->fields && cpu < map->ncpus; cpu++)
		put_value(map, element(map, index) + (uint64_t)cpu * map->vstride,
			  (const uint8_t *)value + (uint64_t)cpu * map->vstride, flags);
	return 0;
}

const struct map_ops map_percpu_array_ops = {
	.size = sizeof(struct map),
	.check = map_check_percpu_array,
	.init = init,
	.done = done,
	.fields = MAP_FIELDS_KPTR,
	.batches = true,
	.iterates = true,
	.lookup = percpu_lookup,
	.update = percpu_update,
	.remove = map_refuse_remove,
	.next_key = map_index_next,
	.user_lookup = percpu_user_lookup,
	.user_update = percpu_user_update,
	.lookup_percpu = percpu_lookup,
	.form = form,
	.shares = true,
};
