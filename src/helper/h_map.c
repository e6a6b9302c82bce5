// SPDX-License-Identifier: Apache-2.0
/*
 * Maps: look up, update, delete, push, pop, peek. What the kernel's verifier refuses at load (a helper on the wrong type
 * of map, access against BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG) ends the run here.
 */
#include "helper/internal.h"

enum use { USE_LOOKUP = 1, USE_UPDATE = 2, USE_DELETE = 4, USE_QUEUE = 8, USE_PERCPU = 16 };

static unsigned int uses_of(uint32_t type)
{
	switch (type) {
	case MAP_HASH:
	case MAP_LRU_HASH:
	case MAP_LPM_TRIE:
	case MAP_ARRAY:
		return USE_LOOKUP | USE_UPDATE | USE_DELETE;
	case MAP_PERCPU_HASH:
	case MAP_LRU_PERCPU_HASH:
	case MAP_PERCPU_ARRAY:
		return USE_LOOKUP | USE_UPDATE | USE_DELETE | USE_PERCPU;
	case MAP_ARRAY_OF_MAPS:
	case MAP_HASH_OF_MAPS:
	case MAP_DEVMAP:
	case MAP_DEVMAP_HASH:
	case MAP_XSKMAP:
		return USE_LOOKUP;
	case MAP_QUEUE:
	case MAP_STACK_MAP:
	case MAP_BLOOM_FILTER:
		return USE_QUEUE;
	default:
		return 0;
	}
}

/* The map of an argument if the helper may use it so; NULL after a fault. */
static struct map *use(struct exec_run *run, uint64_t addr, enum use how, bool reads, bool writes)
{
	struct map *map = map_of(run, addr);
	const struct map_attr *attr;

	if (!map) {
		exec_fault(run, &ERR_MAP_TYPE, "0x%llx is no map", (unsigned long long)addr);
		return NULL;
	}
	attr = map_attr(map);
	if (!(uses_of(attr->type) & how)) {
		exec_fault(run, &ERR_MAP_TYPE, "'%s' is of type %s", attr->name,
			   spec_map_type_name((int)attr->type));
		return NULL;
	}
	if (reads && !map_prog_may_read(map)) {
		exec_fault(run, &ERR_MAP_READ, "'%s' has BPF_F_WRONLY_PROG", attr->name);
		return NULL;
	}
	if (writes && !map_prog_may_write(map)) {
		exec_fault(run, &ERR_MAP_WRITE, "'%s' has BPF_F_RDONLY_PROG", attr->name);
		return NULL;
	}
	return map;
}

BODY(map_lookup_elem)
{
	struct map *map = use(run, a1, USE_LOOKUP, true, false);

	return map ? (uintptr_t)map_lookup(map, pointer(a2), cpu_of(run)) : 0;
}

BODY(map_update_elem)
{
	struct map *map = use(run, a1, USE_UPDATE, false, true);

	return map ? result(map_update(map, pointer(a2), pointer(a3), a4, cpu_of(run))) : 0;
}

BODY(map_delete_elem)
{
	struct map *map = use(run, a1, USE_DELETE, false, true);

	return map ? result(map_delete(map, pointer(a2))) : 0;
}

BODY(map_lookup_percpu_elem)
{
	struct map *map = use(run, a1, USE_PERCPU, true, false);

	return map ? (uintptr_t)map_lookup_percpu(map, pointer(a2), (uint32_t)a3) : 0;
}

BODY(map_push_elem)
{
	struct map *map = use(run, a1, USE_QUEUE, false, true);

	return map ? result(map_push(map, pointer(a2), a3)) : 0;
}

BODY(map_pop_elem)
{
	struct map *map = use(run, a1, USE_QUEUE, true, true);

	return map ? result(map_pop(map, pointer(a2))) : 0;
}

BODY(map_peek_elem)
{
	struct map *map = use(run, a1, USE_QUEUE, true, false);

	return map ? result(map_peek(map, pointer(a2))) : 0;
}
