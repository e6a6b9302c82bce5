// SPDX-License-Identifier: Apache-2.0
/*
 * LRU hash maps (kernel document bpf/map_hash.rst): an update of a full map evicts instead of failing. A
 * look-up by a program marks the element as used, one by user space does not. BPF_F_NO_COMMON_LRU rounds
 * max_entries to a multiple of the CPUs, as in the kernel; eviction is by one clock all the same.
 */
#include "map/internal.h"

static int init(struct map *map, struct skep_error **reterr)
{
	struct table *t = (struct table *)map;
	uint32_t entries = map->attr.max_entries, over = entries % map->possible;

	if (map->attr.flags & MAP_F_NO_COMMON_LRU && over) {
		if (entries <= UINT32_MAX - (map->possible - over))
			entries += map->possible - over;
		else
			entries -= over;
		map->attr.max_entries = entries;
	}
	t->lru = true;
	return table_init(map, reterr);
}

static inline void *touch(const struct table *t, struct table_elem *e, uint32_t cpu)
{
	if (!e)
		return NULL;
	if (!__atomic_load_n(&e->used, __ATOMIC_RELAXED))
		__atomic_store_n(&e->used, 1, __ATOMIC_RELAXED);
	return table_value(t, e, cpu);
}

static void *lookup(struct map *map, const void *key, uint32_t cpu)
{
	const struct table *t = (const struct table *)map;

	(void)cpu;
	return touch(t, table_find(t, key), 0);
}

const struct map_ops map_lru_hash_ops = {
	.size = sizeof(struct table),
	.state = sizeof(struct table_state),
	.shares = true,
	.check = map_check_hash,
	.init = init,
	.done = table_done,
	.user_take = table_user_take,
	.fields = MAP_FIELDS_LRU,
	.batches = true,
	.iterates = true,
	.lookup = lookup,
	.update = table_put,
	.remove = table_remove,
	.next_key = table_next_key,
	.user_lookup = table_user_lookup,
	.user_update = table_user_update,
	.form = table_form,
};

static void *percpu_lookup(struct map *map, const void *key, uint32_t cpu)
{
	const struct table *t = (const struct table *)map;

	return cpu < map->ncpus ? touch(t, table_find(t, key), cpu) : NULL;
}

const struct map_ops map_lru_percpu_hash_ops = {
	.size = sizeof(struct table),
	.state = sizeof(struct table_state),
	.shares = true,
	.check = map_check_hash,
	.init = init,
	.done = table_done,
	.user_take = table_user_take,
	.fields = MAP_FIELDS_KPTR,
	.batches = true,
	.iterates = true,
	.lookup = percpu_lookup,
	.update = table_put_percpu,
	.remove = table_remove,
	.next_key = table_next_key,
	.user_lookup = table_user_lookup,
	.user_update = table_user_update,
	.form = table_form,
	.lookup_percpu = percpu_lookup,
};
