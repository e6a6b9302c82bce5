// SPDX-License-Identifier: Apache-2.0
/*
 * Hash maps as compiled code calls them: one function a kind of map, for keys and values that are words. Nothing is
 * looked up that the map's declaration decides.
 */
#include "map/table.h"

static uint64_t look(const struct table *t, uint64_t key, uint32_t cpu, bool lru)
{
	struct table_elem *e = table_find_word(t, key, hash_word(key, t->seed));

	if (!e)
		return 0;
	if (lru && !__atomic_load_n(&e->used, __ATOMIC_RELAXED))
		__atomic_store_n(&e->used, 1, __ATOMIC_RELAXED);
	return (uintptr_t)table_value(t, e, cpu);
}

static uint64_t lookup(const struct table *t, uint64_t key)
{
	return look(t, key, 0, false);
}

static uint64_t lookup_lru(const struct table *t, uint64_t key)
{
	return look(t, key, 0, true);
}

static uint64_t lookup_percpu(const struct table *t, uint64_t key, uint64_t cpu)
{
	return cpu < t->map.ncpus ? look(t, key, (uint32_t)cpu, false) : 0;
}

static uint64_t lookup_lru_percpu(const struct table *t, uint64_t key, uint64_t cpu)
{
	return cpu < t->map.ncpus ? look(t, key, (uint32_t)cpu, true) : 0;
}

static uint64_t update(struct map *map, uint64_t key, const void *value, uint64_t flags,
		       uint64_t cpu)
{
	struct table_write w = { .value = value, .flags = flags, .cpu = (uint32_t)cpu };

	return (uint64_t)(int64_t)table_update_word(map, key, &w);
}

static uint64_t update_one(struct map *map, uint64_t key, const void *value, uint64_t flags)
{
	return update(map, key, value, flags, 0);
}

static uint64_t update_word(struct map *map, uint64_t key, uint64_t value, uint64_t flags)
{
	return update(map, key, &value, flags, 0);
}

static uint64_t remove_word(struct map *map, uint64_t key)
{
	return (uint64_t)(int64_t)table_remove_word(map, key);
}

/* Longer keys: past the dispatch only. */
static uint64_t lookup_long(const struct table *t, const void *key)
{
	struct table_elem *e = table_find(t, key);

	return e ? (uintptr_t)table_value(t, e, 0) : 0;
}

static uint64_t remove_long(struct map *map, const void *key)
{
	return (uint64_t)(int64_t)table_remove(map, key);
}

void table_form(const struct map *map, struct map_form *ret)
{
	const struct map_attr *attr = &map->attr;
	bool lru = ((const struct table *)map)->lru, percpu = map_is_percpu(attr->type);
	bool word = attr->value_size == 1 || attr->value_size == 2 || attr->value_size == 4 ||
		    attr->value_size == 8;

	if (attr->key_size != 4 && attr->key_size != 8) {
		if (!lru && !percpu)
			ret->lookup.fn = (uintptr_t)lookup_long;
		ret->remove.fn = (uintptr_t)remove_long;
		return;
	}
	ret->lookup.fn = percpu ? (lru ? (uintptr_t)lookup_lru_percpu : (uintptr_t)lookup_percpu) :
			 lru	? (uintptr_t)lookup_lru :
				  (uintptr_t)lookup;
	ret->update.fn = percpu ? (uintptr_t)update :
			 word	? (uintptr_t)update_word :
				  (uintptr_t)update_one;
	ret->remove.fn = (uintptr_t)remove_word;
	ret->update.value_word = word && !percpu;
	ret->lookup.cpu = ret->update.cpu = percpu;
	ret->lookup.key_word = ret->update.key_word = ret->remove.key_word = true;
}
