// SPDX-License-Identifier: Apache-2.0
/* Hash and per-CPU hash maps (kernel document bpf/map_hash.rst) on the table of map_table.c. */
#include "map/internal.h"

static void *lookup(struct map *map, const void *key, uint32_t cpu)
{
	const struct table *t = (const struct table *)map;
	struct table_elem *e = table_find(t, key);

	(void)cpu;
	return e ? table_value(t, e, 0) : NULL;
}

const struct map_ops map_hash_ops = {
	.size = sizeof(struct table),
	.state = sizeof(struct table_state),
	.shares = true,
	.check = map_check_hash,
	.init = table_init,
	.done = table_done,
	.user_take = table_user_take,
	.fields = MAP_FIELDS_ARRAY,
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
	struct table_elem *e = cpu < map->ncpus ? table_find(t, key) : NULL;

	return e ? table_value(t, e, cpu) : NULL;
}

const struct map_ops map_percpu_hash_ops = {
	.size = sizeof(struct table),
	.state = sizeof(struct table_state),
	.shares = true,
	.check = map_check_hash,
	.init = table_init,
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
