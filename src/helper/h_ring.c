// SPDX-License-Identifier: Apache-2.0
/* Ring buffers. A reservation is a region of the run until it is submitted or discarded. */
#include "helper/internal.h"

static struct map *ring_of(struct exec_run *run, uint64_t addr)
{
	struct map *map = map_of(run, addr);

	if (map && map_attr(map)->type == MAP_RINGBUF)
		return map;
	exec_fault(run, &ERR_MAP_TYPE, "'%s' is no ring buffer", map ? map_attr(map)->name : "?");
	return NULL;
}

BODY(ringbuf_output)
{
	struct map *map = ring_of(run, a1);

	return map ? result(map_ring_output(map, pointer(a2), a3, a4)) : 0;
}

uint64_t ring_reserve(struct exec_run *run, struct map *ring, uint64_t size, uint64_t flags)
{
	struct exec_region *region = &run->regions[run->nregions];
	void *sample;

	if (run->nregions == EXEC_MAX_REGIONS)
		return exec_fault(run, &ERR_RESERVED, "at most %d regions", EXEC_MAX_REGIONS);
	sample = map_ring_reserve(ring, size, flags);
	if (!sample)
		return 0;
	/* in place: copying what was just written would wait for it */
	region->base = (uintptr_t)sample;
	region->size = size;
	region->kind = REGION_RING;
	region->writable = true;
	region->name = map_attr(ring)->name;
	region->ctx = NULL;
	region->backing = NULL;
	run->nregions++;
	return (uintptr_t)sample;
}

BODY(ringbuf_reserve)
{
	struct map *map = ring_of(run, a1);

	return map ? ring_reserve(run, map, a2, a3) : 0;
}

static bool close_reservation(struct exec_run *run, uint64_t sample)
{
	if (exec_region_remove(run, REGION_RING, sample) == 0)
		return true;
	exec_fault(run, &ERR_NOT_RESERVED, "0x%llx", (unsigned long long)sample);
	return false;
}

BODY(ringbuf_submit)
{
	if (close_reservation(run, a1))
		map_ring_submit(NULL, pointer(a1), a2);
	return 0;
}

BODY(ringbuf_discard)
{
	if (close_reservation(run, a1))
		map_ring_discard(NULL, pointer(a1), a2);
	return 0;
}

BODY(ringbuf_query)
{
	struct map *map = ring_of(run, a1);

	return map ? map_ring_query(map, a2) : 0;
}
