// SPDX-License-Identifier: Apache-2.0
/*
 * The space of an object: from an address in a program to the map or the map value it belongs to. Ranges are
 * sorted by address and never overlap, so a look-up is one binary search; a map then finds the value in O(1).
 */
#include <stdlib.h>

#include "core/internal.h"

static int by_base(const void *a, const void *b)
{
	const struct core_range *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

int core_space_init(struct core_obj *obj, struct skep_error **reterr)
{
	uint64_t slots = 0;

	for (uint32_t i = 0; i < obj->spec->nprogs; i++)
		for (uint32_t k = 0; k < obj->spec->progs[i].ntables; k++)
			slots += obj->spec->progs[i].tables[k].n;
	obj->tables = ARENA_ARRAY(&obj->arena, uint64_t, slots);
	obj->tables_size = slots * sizeof(*obj->tables);
	obj->ranges = ARENA_ARRAY(&obj->arena, struct core_range, obj->nmaps);
	obj->buffers = ARENA_ARRAY(&obj->arena, uint32_t, obj->nmaps);
	if (!obj->tables || !obj->ranges || !obj->buffers)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < obj->nmaps; i++) {
		struct core_range *r = &obj->ranges[obj->nranges];
		const struct map *map = obj->maps[i].map;

		if (!map)
			continue;
		if (map_attr(map)->type == MAP_RINGBUF ||
		    map_attr(map)->type == MAP_PERF_EVENT_ARRAY)
			obj->buffers[obj->nbuffers++] = i;
		map_value_range(map, &r->base, &r->size);
		r->map = i;
		if (r->size)
			obj->nranges++;
	}
	qsort(obj->ranges, obj->nranges, sizeof(*obj->ranges), by_base);
	return 0;
}

static const struct core_range *find_range(const struct core_obj *obj, uint64_t addr)
{
	size_t lo = 0, hi = obj->nranges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct core_range *r = &obj->ranges[mid];

		if (addr < r->base)
			hi = mid;
		else if (addr - r->base >= r->size)
			lo = mid + 1;
		else
			return r;
	}
	return NULL;
}

static bool space_value(void *space, uint64_t addr, struct exec_region *ret)
{
	const struct core_obj *obj = space;
	const struct core_range *r = find_range(obj, addr);
	const struct core_map *m;
	uint32_t size;

	if (!r && addr - (uintptr_t)obj->tables < obj->tables_size) {
		*ret = (struct exec_region){ .base = (uintptr_t)obj->tables,
					     .size = obj->tables_size,
					     .kind = REGION_RODATA,
					     .name = ".jumptables" };
		return true;
	}
	if (!r)
		return false;
	m = &obj->maps[r->map];
	if (!map_value_at(m->map, addr, &ret->base, &size))
		return false;
	ret->size = size;
	ret->writable = map_prog_may_write(m->map);
	ret->kind = ret->writable ? REGION_MAP_VALUE : REGION_RODATA;
	ret->name = m->ref.name;
	ret->ctx = NULL;
	ret->backing = NULL;
	return true;
}

static const struct exec_map *space_map(void *space, uint64_t addr)
{
	const struct core_obj *obj = space;

	for (size_t i = 0; i < obj->nmaps; i++)
		if (obj->maps[i].map && (uint64_t)(uintptr_t)obj->maps[i].map == addr)
			return &obj->maps[i].ref;
	return NULL;
}

static const struct exec_prog *space_tail(void *space, void *map, uint32_t index)
{
	struct core_prog *prog;

	(void)space;
	prog = map_slot_get(map, index);
	return prog ? prog->exec : NULL;
}

static const struct exec_native *space_native(void *space, const struct exec_prog *prog)
{
	(void)space;
	return ((const struct core_prog *)exec_prog_owner(prog))->native;
}

static bool space_form(void *space, uint64_t addr, struct map_form *ret)
{
	const struct exec_map *m = space_map(space, addr);

	if (!m || !map_form(m->map, ret))
		return false;
	ret->native_at =
		offsetof(struct core_prog, native); /* of what is in a prog array's slots */
	return true;
}

static const struct btf *space_types(void *space)
{
	return ((const struct core_obj *)space)->spec->btf;
}

const struct exec_space_ops core_space_ops = {
	.map = space_map,
	.value = space_value,
	.tail = space_tail,
	.native = space_native,
	.form = space_form,
	.types = space_types,
};
