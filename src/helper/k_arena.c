// SPDX-License-Identifier: Apache-2.0
/* Pages of an arena (kernel document bpf/kfuncs.rst; map/map_arena.c). */
#include "helper/internal.h"

static struct map *arena_of(struct exec_run *run, const char *name, uint64_t addr)
{
	struct map *map = map_of(run, addr);

	if (map && map_attr(map)->type == MAP_ARENA)
		return map;
	exec_fault(run, &ERR_KFUNC_MAP, "%s: 0x%llx is no arena", name, (unsigned long long)addr);
	return NULL;
}

KBODY(bpf_arena_alloc_pages)
{
	struct map *map = arena_of(run, "bpf_arena_alloc_pages", a1);

	/* The node is a wish, and no flag is defined. */
	return map && !a5 ? map_arena_alloc(map, a2, (uint32_t)a3) : 0;
}

KBODY(bpf_arena_free_pages)
{
	struct map *map = arena_of(run, "bpf_arena_free_pages", a1);

	if (map)
		map_arena_free(map, a2, (uint32_t)a3);
	return 0;
}
