// SPDX-License-Identifier: Apache-2.0
/*
 * Storage that hangs on objects (kernel documents bpf/map_sk_storage.rst, bpf/map_cgrp_storage.rst, bpf/map_lsm.rst): a
 * table inside, from the object's number to its value, and at the object a note for each map that has a value for
 * it, so that the value goes with the object. Looking one up takes no lock. The table has room for as many as the map's
 * memory limit gives, for the declaration sets no bound; memory is taken as values come.
 */
#include "map/world.h"

#include <stdlib.h>

#define LARGEST (1u << 20)

static enum map_object_kind kind_of(const struct map *map)
{
	switch (map->attr.type) {
	case MAP_SK_STORAGE:
		return MAP_OBJECT_SOCK;
	case MAP_INODE_STORAGE:
		return MAP_OBJECT_INODE;
	case MAP_TASK_STORAGE:
		return MAP_OBJECT_TASK;
	default:
		return MAP_OBJECT_CGROUP;
	}
}

static uint32_t room(const struct map *map)
{
	uint64_t limit = map->attr.memory_limit ? map->attr.memory_limit : MAP_DEFAULT_MEMORY;
	uint64_t each = sizeof(struct table_elem) + 8 + num_align(map->attr.value_size, 8) + 16;
	uint64_t n = limit / 2 / each;

	return (uint32_t)num_min(n ? n : 1, LARGEST);
}

static int init(struct map *map, struct skep_error **reterr)
{
	return world_table(map, 8, map->attr.value_size, room(map), true, &map->inside, reterr);
}

/* Everybody who has a note about this map. */
static void done(struct map *map)
{
	enum map_object_kind kind = kind_of(map);
	uint64_t id;

	if (!map->inside)
		return;
	world_lock(map->world);
	while (map_next_key(map->inside, NULL, &id) == 0) {
		struct map_object *o = map_object_find(map->world, kind, id, false);

		if (o)
			world_drop(o, map, &id, sizeof(id));
		map_delete(map->inside, &id);
	}
	world_unlock(map->world);
	map_unref(map->inside);
}

/* With the world locked. */
static int put(struct map *map, struct map_object *o, const void *value, uint64_t flags)
{
	bool there = map_lookup(map->inside, &o->id, 0) != NULL;
	int r = !there && !(flags & MAP_EXIST) ? world_hold(o, map, &o->id, sizeof(o->id)) : 0;

	if (r < 0)
		return r;
	r = map_update(map->inside, &o->id, value, flags, 0);
	if (r < 0 && !there)
		world_drop(o, map, &o->id, sizeof(o->id));
	map->sh->entries = map->inside->sh->entries;
	map->sh->full = map->inside->sh->full;
	return r == -E2BIG ? -ENOMEM : r;
}

static int take_out(struct map *map, struct map_object *o)
{
	int r = map_delete(map->inside, &o->id);

	if (r == 0)
		world_drop(o, map, &o->id, sizeof(o->id));
	map->sh->entries = map->inside->sh->entries;
	return r;
}

static void forget(struct map *map, struct map_object *o, const void *key)
{
	(void)key;
	take_out(map, o);
}

/* Programs --------------------------------------------------------------------------------------------- */

static bool fits(const struct map *map, const struct map_object *o)
{
	return map->ops->forget == forget && o && o->world == map->world && o->kind == kind_of(map);
}

static int put_zero(struct map *map, struct map_object *o)
{
	void *zeroes = calloc(1, map->attr.value_size);
	int r = zeroes ? put(map, o, zeroes, MAP_NOEXIST) : -ENOMEM;

	free(zeroes);
	return r;
}

void *map_storage_get(struct map *map, struct map_object *o, const void *init_value, uint64_t flags)
{
	void *value;

	if (!fits(map, o) || flags & ~(uint64_t)MAP_STORAGE_CREATE)
		return NULL;
	value = map_lookup(map->inside, &o->id, 0);
	if (value || !(flags & MAP_STORAGE_CREATE))
		return value;
	world_lock(map->world);
	if (!o->gone && !map_lookup(map->inside, &o->id, 0)) {
		if (init_value)
			put(map, o, init_value, MAP_NOEXIST);
		else
			put_zero(map, o);
	}
	value = map_lookup(map->inside, &o->id, 0);
	world_unlock(map->world);
	return value;
}

int map_storage_delete(struct map *map, struct map_object *o)
{
	int r;

	if (!fits(map, o))
		return -ENOENT;
	world_lock(map->world);
	r = take_out(map, o);
	world_unlock(map->world);
	return r;
}

int map_storage_clone(struct map_object *from, struct map_object *to)
{
	int r = 0;

	world_lock(from->world);
	for (struct map_held *h = from->held; h && r == 0; h = h->next) {
		const void *value;

		if (h->map->ops->forget != forget || !(h->map->attr.flags & MAP_F_CLONE))
			continue;
		value = map_lookup(h->map->inside, &from->id, 0);
		if (value)
			r = put(h->map, to, value, MAP_ANY);
	}
	world_unlock(from->world);
	return r;
}

/* User space: the key is a descriptor. ------------------------------------------------------------------ */

static int user_object(struct map *map, const void *key, bool create, struct map_object **ret)
{
	int r = world_object(map->world, kind_of(map), (int)map_index(key), create, ret);

	if (r == 0 && *ret && (*ret)->gone)
		return -ENOENT;
	return r;
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	struct map_object *o = NULL;
	int r;

	world_lock(map->world);
	r = user_object(map, key, false, &o);
	if (r == 0)
		r = o ? world_table_lookup(map, &o->id, value) : -ENOENT;
	world_unlock(map->world);
	return r;
}

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	struct map_object *o = NULL;
	int r;

	world_lock(map->world);
	r = user_object(map, key, true, &o);
	if (r == 0)
		r = put(map, o, value, flags);
	world_unlock(map->world);
	return r;
}

static int user_remove(struct map *map, const void *key)
{
	struct map_object *o = NULL;
	int r;

	world_lock(map->world);
	r = user_object(map, key, false, &o);
	if (r == 0)
		r = o ? take_out(map, o) : -ENOENT;
	world_unlock(map->world);
	return r;
}

static int next_key(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -MAP_ENOTSUPP;
}

#define STORAGE_OPS(more)                                                                \
	{                                                                                \
		.size = sizeof(struct map), .check = map_check_storage, .init = init,    \
		.done = done, .lookup = map_refuse_lookup, .update = map_refuse_update,  \
		.remove = user_remove, .next_key = next_key, .user_lookup = user_lookup, \
		.user_update = user_update, .worldly = true, .forget = forget,           \
		.fields = MAP_FIELDS_STORAGE | (more),                                   \
	}

const struct map_ops map_sk_storage_ops = STORAGE_OPS(0);
const struct map_ops map_inode_storage_ops = STORAGE_OPS(0);
const struct map_ops map_task_storage_ops = STORAGE_OPS(MAP_FIELD_UPTR);
const struct map_ops map_cgrp_storage_ops = STORAGE_OPS(0);
