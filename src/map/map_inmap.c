// SPDX-License-Identifier: Apache-2.0
/*
 * Hash of maps (kernel document bpf/map_of_maps.rst): a private hash map from the key to the object and its release
 * function. A program's look-up gives the object itself. Replacing takes a lock so that each object is
 * released once; looking up takes none.
 */
#include "map/internal.h"

struct held {
	void *obj;
	void (*put)(void *obj);
};

struct inmap {
	struct map map;
	struct map *table;
	struct map_lock lock;
};

static int init(struct map *map, struct skep_error **reterr)
{
	struct inmap *m = (struct inmap *)map;
	struct map_attr attr = map->attr;
	int r;

	attr.type = MAP_HASH;
	attr.value_size = sizeof(struct held);
	attr.flags &= MAP_F_ZERO_SEED;
	attr.inner = NULL;
	attr.btf = NULL;
	r = map_new(&attr, &m->table, reterr);
	if (r == 0)
		map->memory = m->table->memory;
	return r;
}

static void release(const struct held *old)
{
	if (old->obj && old->put)
		old->put(old->obj);
}

static void done(struct map *map)
{
	struct inmap *m = (struct inmap *)map;
	struct table *t = (struct table *)m->table;

	if (!t)
		return;
	for (uint32_t i = 0; i < t->state->fresh; i++) {
		struct table_elem *e = (struct table_elem *)(t->map.values + i * t->map.stride);

		if (e->link == TABLE_LIVE)
			release(table_value(t, e, 0));
	}
	map_unref(m->table);
}

static void *slot_find(struct map *map, const void *key)
{
	struct held *held = map_lookup(((struct inmap *)map)->table, key, 0);

	return held ? held->obj : NULL;
}

static void *lookup(struct map *map, const void *key, uint32_t cpu)
{
	(void)cpu;
	return slot_find(map, key);
}

/* Takes the entry of @key out into @old; -ENOENT. */
static int take_out(struct inmap *m, const void *key, struct held *old)
{
	struct held *held = map_lookup(m->table, key, 0);

	*old = held ? *held : (struct held){ NULL, NULL };
	return map_delete(m->table, key);
}

static int slot_update(struct map *map, const void *key, void *obj, void (*put)(void *),
		       uint64_t flags)
{
	struct inmap *m = (struct inmap *)map;
	struct held now = { obj, put }, old = { NULL, NULL }, *held;
	int r;

	map_lock(map, &m->lock);
	if (!obj) {
		r = take_out(m, key, &old);
	} else {
		held = map_lookup(m->table, key, 0);
		if (held)
			old = *held;
		r = map_update(m->table, key, &now, flags, 0);
		if (r < 0)
			old.obj = NULL;
	}
	map->sh->entries = m->table->sh->entries;
	map->sh->full = m->table->sh->full;
	map_unlock(&m->lock);
	release(&old);
	return r;
}

static int slot_remove(struct map *map, const void *key)
{
	return slot_update(map, key, NULL, NULL, MAP_ANY);
}

static int next_key(struct map *map, const void *key, void *next)
{
	return map_next_key(((struct inmap *)map)->table, key, next);
}

const struct map_ops map_hash_of_maps_ops = {
	.size = sizeof(struct inmap),
	.check = map_check_inner_hash,
	.untyped = true,
	.init = init,
	.done = done,
	.lookup = lookup,
	.update = map_refuse_update,
	.remove = slot_remove,
	.next_key = next_key,
	.user_lookup = map_refuse_user_lookup,
	.user_update = map_refuse_user_update,
	.slot_update = slot_update,
	.slot_find = slot_find,
};
