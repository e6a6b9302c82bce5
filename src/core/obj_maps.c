// SPDX-License-Identifier: Apache-2.0
/*
 * Maps of an object: created as declared, filled with their initial contents, frozen where the program sees
 * constants. A type that this engine lacks is kept as a refused map, so that only its users are refused.
 */
#include <string.h>
#include <unistd.h>

#include "core/internal.h"
#include "map/object.h"

/*
 * As libbpf does: a perf event array that says no size has a slot for each CPU, and a ring buffer gets the next
 * size that the kernel takes.
 */
static uint32_t entries_of(const struct load_map *spec, const struct core_opts *opts)
{
	uint64_t ring = (uint64_t)sysconf(_SC_PAGESIZE);

	if ((spec->type == MAP_RINGBUF || spec->type == MAP_USER_RINGBUF) && spec->max_entries) {
		while (ring < spec->max_entries)
			ring *= 2;
		return ring <= UINT32_MAX ? (uint32_t)ring : spec->max_entries;
	}
	if (spec->type != MAP_PERF_EVENT_ARRAY || spec->max_entries)
		return spec->max_entries;
	return opts && opts->ncpus ? opts->ncpus : (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
}

static struct map_attr attr_of(const struct core_obj *obj, const struct load_map *spec,
			       const struct core_opts *opts)
{
	return (struct map_attr){
		.name = spec->name,
		.type = spec->type,
		.key_size = spec->key_size,
		.value_size = spec->value_size,
		.max_entries = entries_of(spec, opts),
		.flags = spec->flags,
		.numa_node = spec->numa_node,
		.map_extra = spec->map_extra,
		.ncpus = opts ? opts->ncpus : 0,
		.memory_limit = opts ? opts->memory_limit : 0,
		.btf = obj->spec->btf,
		.key_type = spec->key_type,
		.value_type = spec->value_type,
		.world = obj->world,
	};
}

/* Pages for the variables of an arena. */
static int fill_arena(struct core_map *m, const struct load_map *spec)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	uint64_t at = map_direct_value(m->map);

	if (!map_arena_alloc(m->map, at, (spec->variables + page - 1) / page))
		return -ENOSPC;
	if (spec->data)
		memcpy((void *)(uintptr_t)at, spec->data, spec->variables);
	return 0;
}

static int fill_internal(struct core_map *m, const struct load_map *spec)
{
	uint32_t zero = 0;
	int r;

	if (spec->variables)
		return fill_arena(m, spec);
	if (spec->kind == LOAD_MAP_USER)
		return 0;
	if (spec->data) {
		r = map_user_update(m->map, &zero, spec->data, MAP_ANY);
		if (r < 0)
			return r;
	}
	if (spec->kind == LOAD_MAP_RODATA || spec->kind == LOAD_MAP_KCONFIG)
		return map_freeze(m->map);
	return 0;
}

/* In a space it is the one that somebody else made, if it is declared alike. */
static int find_map(const struct map_attr *attr, struct map **ret, struct skep_error **reterr)
{
	struct skep_error *err = NULL;
	int r = -ENOENT;

	if (!attr->space)
		return map_new(attr, ret, reterr);
	for (int tries = 0; tries < 8 && (r == -ENOENT || r == -EEXIST); tries++) {
		skep_error_free(err);
		err = NULL;
		r = tries % 2 ? map_new(attr, ret, &err) :
				map_open(attr->space, attr->name, attr, ret, &err);
	}
	if (reterr)
		*reterr = err;
	else
		skep_error_free(err);
	return r;
}

static int make_map(struct core_obj *obj, uint32_t i, const struct core_opts *opts,
		    struct skep_error **reterr)
{
	const struct load_map *spec = &obj->spec->maps[i];
	struct map_attr attr = attr_of(obj, spec, opts), inner;
	struct core_map *m = &obj->maps[i];
	struct skep_error *err = NULL;
	int r;

	if (spec->inner) {
		inner = attr_of(obj, spec->inner, opts);
		attr.inner = &inner;
	}
	m->ref = (struct exec_map){ .name = spec->name,
				    .type = spec->type,
				    .key_size = spec->key_size,
				    .value_size = spec->value_size };
	if (opts && spec->kind == LOAD_MAP_USER && map_type_shared(spec->type))
		attr.space = opts->space;
	r = find_map(&attr, &m->map, &err);
	if (r == -EOPNOTSUPP) {
		m->why = arena_strdup(&obj->arena, skep_error_message(err));
		skep_error_free(err);
		return m->why ? 0 : skep_fail_nomem(reterr);
	}
	if (r < 0) {
		skep_relocate(&err, SKEP_AT_MAP(obj->spec->name, spec->name));
		if (!attr.max_entries)
			skep_hint(&err,
				  "the object leaves its size to the loader: "
				  "skep_map_set_max_entries(), skep run --entries %s=N",
				  spec->name);
		if (reterr)
			*reterr = err;
		else
			skep_error_free(err);
		return r;
	}
	m->ref.map = m->map;
	r = fill_internal(m, spec);
	return r < 0 ? skep_fail(reterr, &ERR_FILL, SKEP_AT_MAP(obj->spec->name, spec->name), "%s",
				 strerror(-r)) :
		       0;
}

int core_maps_init(struct core_obj *obj, const struct core_opts *opts, struct skep_error **reterr)
{
	int r;

	obj->maps = ARENA_ARRAY(&obj->arena, struct core_map, obj->spec->nmaps);
	if (!obj->maps)
		return skep_fail_nomem(reterr);
	obj->nmaps = obj->spec->nmaps;
	obj->world = opts && opts->world ? map_world_ref(opts->world) : map_world_new(NULL, NULL);
	if (!obj->world)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < obj->nmaps; i++) {
		r = make_map(obj, i, opts, reterr);
		if (r < 0)
			return r;
	}
	return core_space_init(obj, reterr);
}

static void put_map(void *map)
{
	map_unref(map);
}

static void *slot_object(struct core_obj *obj, const struct core_map *m, int target)
{
	if (m->ref.type == MAP_PROG_ARRAY) {
		struct core_prog *prog = &obj->progs[target];

		return prog->exec ? prog : NULL;
	}
	return obj->maps[target].map ? map_ref(obj->maps[target].map) : NULL;
}

int core_maps_slots(struct core_obj *obj, struct skep_error **reterr)
{
	for (uint32_t i = 0; i < obj->nmaps; i++) {
		const struct load_map *spec = &obj->spec->maps[i];
		struct core_map *m = &obj->maps[i];
		bool progs = m->ref.type == MAP_PROG_ARRAY;

		for (uint32_t k = 0; m->map && k < spec->nslots; k++) {
			const struct load_slot *slot = &spec->slots[k];
			void *o = slot->target < 0 ? NULL : slot_object(obj, m, slot->target);
			int r = o && !progs ? map_inner_fits(m->map, o) : 0;

			if (r == 0 && o)
				r = map_slot_set(m->map, slot->index, o, progs ? NULL : put_map);
			else if (o)
				put_map(o);
			if (r < 0)
				return skep_fail(reterr, &ERR_SLOT,
						 SKEP_AT_MAP(obj->spec->name, spec->name),
						 "slot %u: %s", slot->index, strerror(-r));
		}
	}
	return 0;
}

void core_maps_done(struct core_obj *obj)
{
	for (uint32_t i = 0; i < obj->nmaps; i++)
		map_unref(obj->maps[i].map);
	map_world_unref(obj->world);
}

struct map_world *core_world(const struct core_obj *obj)
{
	return obj->world;
}
