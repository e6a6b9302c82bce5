// SPDX-License-Identifier: Apache-2.0
/* Maps of an object, as user space sees them. */
#include "lib/internal.h"

struct map *lib_map(const struct skep_map *map)
{
	return map->obj->core ? core_map(map->obj->core, map->index) : NULL;
}

void skep_map_info(const struct skep_map *map, struct skep_map_info *ret)
{
	const struct load_map *m = &map->obj->spec->maps[map->index];
	const struct map *live = lib_map(map);
	bool per_cpu = m->type == MAP_PERCPU_HASH || m->type == MAP_PERCPU_ARRAY ||
		       m->type == MAP_LRU_PERCPU_HASH || m->type == MAP_PERCPU_CGROUP_STORAGE;

	*ret = (struct skep_map_info){
		.name = m->name,
		.type = m->type,
		.type_name = spec_map_type_name((int)m->type),
		.section = m->section,
		.internal = m->kind != LOAD_MAP_USER,
		.read_only = m->kind == LOAD_MAP_RODATA || m->kind == LOAD_MAP_KCONFIG,
		.per_cpu = per_cpu,
		.key_size = m->key_size,
		.value_size = m->value_size,
		.max_entries = live ? map_attr(live)->max_entries : m->max_entries,
		.flags = m->flags,
		.numa_node = m->numa_node,
		.map_extra = m->map_extra,
		.pinned = m->pin_by_name,
		.inner = m->inner ? spec_map_type_name((int)m->inner->type) : NULL,
		.key_type = m->key_type,
		.value_type = m->value_type,
		.ncpus = per_cpu && live ? map_attr(live)->ncpus : 1,
		.user_value_size = live ? map_user_value_size(live) : m->value_size,
		.initial = m->data,
	};
	if (!ret->type_name)
		ret->type_name = "unknown";
}

int skep_map_lookup(struct skep_map *map, const void *key, void *value)
{
	struct map *live = lib_map(map);

	return live ? map_user_lookup(live, key, value) : -EINVAL;
}

int skep_map_lookup_flags(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	struct map *live = lib_map(map);

	return live ? map_user_lookup_flags(live, key, value, flags) : -EINVAL;
}

int skep_map_lookup_and_delete(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	struct map *live = lib_map(map);

	return live ? map_user_lookup_and_delete(live, key, value, flags) : -EINVAL;
}

int skep_map_freeze(struct skep_map *map)
{
	struct map *live = lib_map(map);

	return live ? map_freeze(live) : -EINVAL;
}

int skep_map_batch(struct skep_map *map, enum skep_map_batch_op op, struct skep_map_batch *b)
{
	static const enum map_batch_op ops[] = {
		[SKEP_MAP_LOOKUP_BATCH] = MAP_BATCH_LOOKUP,
		[SKEP_MAP_LOOKUP_AND_DELETE_BATCH] = MAP_BATCH_LOOKUP_AND_DELETE,
		[SKEP_MAP_UPDATE_BATCH] = MAP_BATCH_UPDATE,
		[SKEP_MAP_DELETE_BATCH] = MAP_BATCH_DELETE,
	};
	struct map *live = lib_map(map);
	struct map_batch batch;
	int r;

	if (!live || b->size < sizeof(*b) || (unsigned int)op >= sizeof(ops) / sizeof(ops[0]))
		return -EINVAL;
	batch = (struct map_batch){ b->in,    b->out,	     b->keys, b->values,
				    b->count, b->elem_flags, b->flags };
	r = map_user_batch(live, ops[op], &batch);
	b->count = batch.count;
	return r;
}

uint32_t skep_map_batch_size(const struct skep_map *map)
{
	const struct map *live = lib_map(map);

	return live ? map_batch_size(live) : 0;
}

int skep_map_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	struct map *live = lib_map(map);

	return live ? map_user_update(live, key, value, flags) : -EINVAL;
}

int skep_map_delete(struct skep_map *map, const void *key)
{
	struct map *live = lib_map(map);

	return live ? map_user_delete(live, key) : -EINVAL;
}

int skep_map_next_key(struct skep_map *map, const void *key, void *next)
{
	struct map *live = lib_map(map);

	return live ? map_next_key(live, key, next) : -EINVAL;
}

void skep_map_stats(const struct skep_map *map, struct skep_map_stats *ret)
{
	const struct map *live = lib_map(map);
	struct map_stats s = { 0 };

	if (live)
		map_stats(live, &s);
	*ret =
		(struct skep_map_stats){ s.entries,    s.full,	  s.lost,
					 s.lost_bytes, s.evicted, s.memory };
}
