// SPDX-License-Identifier: Apache-2.0
/* From a value back to its key: by the element's number in arrays, by the element itself in tables. */
#include "map/internal.h"

const void *map_key_of(const struct map *map, uint64_t addr, uint32_t *scratch)
{
	uint64_t off = addr - (uintptr_t)map->values, i;
	const struct table_elem *e;

	if (off >= map->values_size || !map->stride)
		return NULL;
	i = off / map->stride;
	switch (map->attr.type) {
	case MAP_ARRAY:
		*scratch = (uint32_t)i;
		return i < map->attr.max_entries ? scratch : NULL;
	case MAP_HASH:
	case MAP_LRU_HASH:
		e = (const struct table_elem *)(map->values + i * map->stride);
		return __atomic_load_n(&e->link, __ATOMIC_ACQUIRE) == TABLE_LIVE ? e->key : NULL;
	default:
		return NULL;
	}
}
