// SPDX-License-Identifier: Apache-2.0
/*
 * Arrays of objects: prog arrays and arrays of maps (kernel documents bpf/map_array.rst, bpf/map_of_maps.rst).
 * The objects are core's; a slot owns one reference, given with the function that releases it. Programs read slots
 * without a lock.
 */
#include "map/internal.h"

#include <stddef.h>

struct slot {
	void *obj;
	void (*put)(void *obj);
};

struct slots {
	struct map map;
	struct slot *slot;
	struct map_lock lock;
};

static int init(struct map *map, struct skep_error **reterr)
{
	struct slots *s = (struct slots *)map;
	void *mem;
	int r = map_take(map, map_bytes(0, map->attr.max_entries, sizeof(struct slot)), &mem,
			 reterr);

	if (r == 0)
		s->slot = mem;
	return r;
}

static void put(struct slot old)
{
	if (old.obj && old.put)
		old.put(old.obj);
}

static void done(struct map *map)
{
	struct slots *s = (struct slots *)map;
	uint64_t used = s->slot ? map->sh->entries : 0;

	for (uint32_t i = 0; used && i < map->attr.max_entries; i++) {
		if (s->slot[i].obj)
			used--;
		put(s->slot[i]);
	}
	map_give(map, s->slot, map->attr.max_entries * sizeof(struct slot));
}

static struct slot exchange(struct slots *s, uint32_t index, struct slot now)
{
	struct slot old;

	map_lock(&s->map, &s->lock);
	old = s->slot[index];
	s->slot[index].put = now.put;
	__atomic_store_n(&s->slot[index].obj, now.obj, __ATOMIC_RELEASE);
	map_count(&s->map.sh->entries, (now.obj != NULL) - (old.obj != NULL));
	map_unlock(&s->lock);
	return old;
}

static int slot_update(struct map *map, const void *key, void *obj, void (*release)(void *),
		       uint64_t flags)
{
	struct slots *s = (struct slots *)map;
	uint32_t index = map_index(key);

	if (flags != MAP_ANY)
		return -EINVAL;
	if (index >= map->attr.max_entries)
		return -E2BIG;
	put(exchange(s, index, (struct slot){ obj, release }));
	return 0;
}

static void *slot_find(struct map *map, const void *key)
{
	struct slots *s = (struct slots *)map;
	uint32_t index = map_index(key);

	if (index >= map->attr.max_entries)
		return NULL;
	return __atomic_load_n(&s->slot[index].obj, __ATOMIC_ACQUIRE);
}

static int slot_remove(struct map *map, const void *key)
{
	uint32_t index = map_index(key);
	struct slot old;

	if (index >= map->attr.max_entries)
		return -E2BIG;
	old = exchange((struct slots *)map, index, (struct slot){ NULL, NULL });
	put(old);
	return old.obj ? 0 : -ENOENT;
}

static void form(const struct map *map, struct map_form *ret)
{
	ret->slots = (uintptr_t)((const struct slots *)map)->slot;
	ret->slot_stride = sizeof(struct slot);
	ret->count = map->attr.max_entries;
}
_Static_assert(offsetof(struct slot, obj) == 0, "as the form says");

const struct map_ops map_progs_ops = {
	.size = sizeof(struct slots),
	.check = map_check_fds,
	.untyped = true,
	.init = init,
	.done = done,
	.lookup = map_refuse_lookup,
	.update = map_refuse_update,
	.remove = slot_remove,
	.next_key = map_index_next,
	.user_lookup = map_refuse_user_lookup,
	.user_update = map_refuse_user_update,
	.slot_update = slot_update,
	.slot_find = slot_find,
	.form = form,
};

static void *inner_lookup(struct map *map, const void *key, uint32_t cpu)
{
	(void)cpu;
	return slot_find(map, key);
}

const struct map_ops map_array_of_maps_ops = {
	.size = sizeof(struct slots),
	.check = map_check_inner_array,
	.untyped = true,
	.init = init,
	.done = done,
	.lookup = inner_lookup,
	.update = map_refuse_update,
	.remove = slot_remove,
	.next_key = map_index_next,
	.user_lookup = map_refuse_user_lookup,
	.user_update = map_refuse_user_update,
	.slot_update = slot_update,
	.slot_find = slot_find,
};
