// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup_storage and percpu_cgroup_storage (kernel document bpf/map_cgroup_storage.rst): a value for each cgroup that a program with
 * the map is attached to, or, when the key says so, for each cgroup and attach type. A value comes with the first
 * attachment and stays until the cgroup or the map goes, in a table inside; user space and programs only read and write it.
 */
#include "map/world.h"

#include <stdlib.h>

#define LARGEST (1u << 16)

/* struct bpf_cgroup_storage_key of the UAPI; a short key is its first word. */
struct key {
	uint64_t cgroup;
	uint32_t attach_type, hole;
};

static int init(struct map *map, struct skep_error **reterr)
{
	uint64_t limit = map->attr.memory_limit ? map->attr.memory_limit : MAP_DEFAULT_MEMORY;
	uint64_t each =
		sizeof(struct table_elem) + 32 + num_align(map->attr.value_size, 8) * map->ncpus;
	uint64_t n = limit / 2 / each;

	map->vstride = (uint32_t)num_align(map->attr.value_size, 8);
	return world_table(map, map->attr.key_size, map->attr.value_size,
			   (uint32_t)num_min(n ? n : 1, LARGEST), true, &map->inside, reterr);
}

static struct map_object *cgroup_of(struct map *map, const void *key)
{
	return map_object_find(map->world, MAP_OBJECT_CGROUP, bytes_u64(key, false), false);
}

static void done(struct map *map)
{
	struct key key;

	if (!map->inside)
		return;
	world_lock(map->world);
	while (map_next_key(map->inside, NULL, &key) == 0) {
		struct map_object *o = cgroup_of(map, &key);

		if (o)
			world_drop(o, map, &key, map->attr.key_size);
		map_delete(map->inside, &key);
	}
	world_unlock(map->world);
	map_unref(map->inside);
}

static void forget(struct map *map, struct map_object *o, const void *key)
{
	struct key copy = { 0 };

	memcpy(&copy, key, map->attr.key_size);
	world_drop(o, map, &copy, map->attr.key_size);
	map_delete(map->inside, &copy);
	map->sh->entries = map->inside->sh->entries;
}

static bool fits(const struct map *map, const struct map_object *cgroup)
{
	return map->ops->forget == forget && cgroup->world == map->world &&
	       cgroup->kind == MAP_OBJECT_CGROUP;
}

int map_cgroup_storage_attach(struct map *map, struct map_object *cgroup, uint32_t attach_type)
{
	struct key key = { cgroup->id, attach_type, 0 };
	void *zeroes;
	int r;

	if (!fits(map, cgroup))
		return -EINVAL;
	zeroes = calloc(1, map_user_value_size(map));
	if (!zeroes)
		return -ENOMEM;
	world_lock(map->world);
	r = map_lookup(map->inside, &key, 0) ? -EEXIST :
					       world_hold(cgroup, map, &key, map->attr.key_size);
	if (r == 0) {
		r = map_user_update(map->inside, &key, zeroes, MAP_NOEXIST);
		if (r < 0)
			world_drop(cgroup, map, &key, map->attr.key_size);
	}
	map->sh->entries = map->inside->sh->entries;
	world_unlock(map->world);
	free(zeroes);
	return r == -EEXIST ? 0 : r == -E2BIG ? -ENOMEM : r;
}

void *map_cgroup_storage_get(struct map *map, struct map_object *cgroup, uint32_t attach_type,
			     uint32_t cpu)
{
	struct key key = { cgroup->id, attach_type, 0 };

	return fits(map, cgroup) ? map_lookup(map->inside, &key, cpu) : NULL;
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	return world_table_lookup(map, key, value);
}

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	if (flags & ~(uint64_t)(MAP_LOCK | MAP_EXIST))
		return -EINVAL;
	return map_user_update(map->inside, key, value, flags | MAP_EXIST);
}

static int next_key(struct map *map, const void *key, void *next)
{
	struct key copy;

	/* A key that is not there has no next one. */
	if (key && !map_lookup(map->inside, key, 0))
		return -ENOENT;
	if (map_next_key(map->inside, key, &copy) < 0)
		return -ENOENT;
	memcpy(next, &copy, map->attr.key_size);
	return 0;
}

#define CGROUP_STORAGE_OPS(which)                                                               \
	{                                                                                       \
		.size = sizeof(struct map), .check = map_check_cgroup_storage, .init = init,    \
		.done = done, .lookup = map_refuse_lookup, .update = map_refuse_update,         \
		.remove = map_refuse_remove, .next_key = next_key, .user_lookup = user_lookup,  \
		.user_update = user_update, .worldly = true, .forget = forget, .fields = which, \
	}

const struct map_ops map_cgroup_storage_ops = CGROUP_STORAGE_OPS(MAP_FIELDS_LOCK);
const struct map_ops map_percpu_cgroup_storage_ops = CGROUP_STORAGE_OPS(0);
