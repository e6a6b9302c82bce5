// SPDX-License-Identifier: Apache-2.0
/*
 * The registry of map types and what all maps share: life cycle, access rules of user space, and the value that
 * holds an address. The switch over spec/map_types.def names every type, so a new row does not build until
 * it is decided here, and the rows' served column must agree with it.
 */
#include "map/object.h"
#include "map/space.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct map_ops *ops_of(enum spec_map_type type)
{
	switch (type) {
	case MAP_HASH:
		return &map_hash_ops;
	case MAP_ARRAY:
		return &map_array_ops;
	case MAP_PROG_ARRAY:
		return &map_progs_ops;
	case MAP_PERF_EVENT_ARRAY:
		return &map_perf_ops;
	case MAP_PERCPU_HASH:
		return &map_percpu_hash_ops;
	case MAP_PERCPU_ARRAY:
		return &map_percpu_array_ops;
	case MAP_LRU_HASH:
		return &map_lru_hash_ops;
	case MAP_LRU_PERCPU_HASH:
		return &map_lru_percpu_hash_ops;
	case MAP_LPM_TRIE:
		return &map_lpm_ops;
	case MAP_ARRAY_OF_MAPS:
		return &map_array_of_maps_ops;
	case MAP_HASH_OF_MAPS:
		return &map_hash_of_maps_ops;
	case MAP_QUEUE:
		return &map_queue_ops;
	case MAP_STACK_MAP:
		return &map_stack_ops;
	case MAP_BLOOM_FILTER:
		return &map_bloom_ops;
	case MAP_RINGBUF:
		return &map_ring_ops;
	case MAP_ARENA:
		return &map_arena_ops;
	case MAP_STACK_TRACE:
		return &map_stack_trace_ops;
	case MAP_CGROUP_ARRAY:
		return &map_cgroup_array_ops;
	case MAP_DEVMAP:
		return &map_dev_ops;
	case MAP_SOCKMAP:
		return &map_sock_ops;
	case MAP_CPUMAP:
		return &map_cpu_ops;
	case MAP_XSKMAP:
		return &map_xsk_ops;
	case MAP_SOCKHASH:
		return &map_sock_hash_ops;
	case MAP_CGROUP_STORAGE:
		return &map_cgroup_storage_ops;
	case MAP_REUSEPORT_SOCKARRAY:
		return &map_reuseport_ops;
	case MAP_PERCPU_CGROUP_STORAGE:
		return &map_percpu_cgroup_storage_ops;
	case MAP_SK_STORAGE:
		return &map_sk_storage_ops;
	case MAP_DEVMAP_HASH:
		return &map_dev_hash_ops;
	case MAP_STRUCT_OPS:
		return &map_struct_ops_ops;
	case MAP_INODE_STORAGE:
		return &map_inode_storage_ops;
	case MAP_TASK_STORAGE:
		return &map_task_storage_ops;
	case MAP_USER_RINGBUF:
		return &map_user_ring_ops;
	case MAP_CGRP_STORAGE:
		return &map_cgrp_storage_ops;
	case MAP_INSN_ARRAY:
		return &map_insn_ops;
	case MAP_UNSPEC:
	case MAP_TYPE_COUNT:
		break;
	}
	return NULL;
}

bool map_type_served(uint32_t type)
{
	return type < MAP_TYPE_COUNT && ops_of((enum spec_map_type)type);
}

bool map_type_shared(uint32_t type)
{
	const struct map_ops *ops = type < MAP_TYPE_COUNT ? ops_of((enum spec_map_type)type) : NULL;

	return ops && ops->shares;
}

/* CPUs that the machine may ever have: the last number of "0-3" or "0,2-5". */
uint32_t map_possible_cpus(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	char line[256];
	uint32_t n = 0;

	if (file) {
		if (fgets(line, sizeof(line), file)) {
			size_t len = strcspn(line, "\n");

			while (len && line[len - 1] >= '0' && line[len - 1] <= '9')
				len--;
			n = (uint32_t)strtoul(line + len, NULL, 10) + 1;
		}
		fclose(file);
	}
	if (!n) {
		long conf = sysconf(_SC_NPROCESSORS_CONF);

		n = conf > 0 ? (uint32_t)conf : 1;
	}
	return n < MAP_MAX_CPUS ? n : MAP_MAX_CPUS;
}

static void attr_done(struct map_attr *attr)
{
	free((char *)attr->name);
	btf_unref(attr->btf);
	if (attr->inner) {
		attr_done((struct map_attr *)attr->inner);
		free((struct map_attr *)attr->inner);
	}
}

/* An inner template has no template of its own, so this does not go deeper than two. */
static int attr_dup(struct map_attr *to, const struct map_attr *from, bool inner)
{
	*to = *from;
	to->inner = NULL;
	to->btf = from->btf ? btf_ref(from->btf) : NULL;
	to->name = strdup(from->name ? from->name : "");
	if (!to->name)
		goto nomem;
	if (inner && from->inner) {
		struct map_attr *copy = calloc(1, sizeof(*copy));

		if (!copy)
			goto nomem;
		if (attr_dup(copy, from->inner, false) < 0) {
			free(copy);
			goto nomem;
		}
		to->inner = copy;
	}
	return 0;
nomem:
	attr_done(to);
	return -ENOMEM;
}

/* Locks of maps that only this process sees. */
static const uint32_t alone = 1;

static void destroy(struct map *map)
{
	if (map->ops->done)
		map->ops->done(map);
	map_give(map, map->values, map->values_size);
	if (map->space)
		space_leave(map);
	else
		free(map->sh);
	attr_done(&map->attr);
	free(map->fields);
	map_world_unref(map->world);
	free(map);
}

static int find_ops(const struct map_attr *attr, const struct map_ops **ret,
		    struct skep_error **reterr)
{
	const char *name = attr->type ? spec_map_type_name((int)attr->type) : NULL;

	*ret = name ? ops_of((enum spec_map_type)attr->type) : NULL;
	if (!*ret)
		return skep_fail(reterr, &ERR_TYPE, map_place(attr), "'%s' has type %u", attr->name,
				 attr->type);
	if (attr->ncpus > MAP_MAX_CPUS)
		return skep_fail(reterr, &ERR_CPUS, map_place(attr),
				 "'%s' is for %u CPUs, at most %u", attr->name, attr->ncpus,
				 MAP_MAX_CPUS);
	return (*ret)->check(attr, reterr);
}

static int check_shared(const struct map_attr *attr, const struct map_ops *ops,
			struct skep_error **reterr)
{
	if (!attr->space || ops->shares)
		return 0;
	return skep_fail(reterr, &ERR_SPACE_TYPE, map_place(attr), "'%s' is of type %s", attr->name,
			 spec_map_type_name((int)attr->type));
}

/* Where its counters and the state of its family lie. */
static int find_state(struct map *map, struct skep_error **reterr)
{
	size_t size = map->ops->state ? map->ops->state : sizeof(struct map_shared);
	int r;

	map->me = &alone;
	if (!map->space) {
		map->sh = calloc(1, size);
		return map->sh ? 0 : skep_fail_nomem(reterr);
	}
	assert(size <= SPACE_FAMILY);
	map->me = map->space->me;
	r = map->joined ? 0 : space_enter(map, reterr);
	if (r == 0)
		map->sh = (struct map_shared *)(void *)map->record->family;
	return r;
}

static int find_world(struct map *map, struct skep_error **reterr)
{
	struct map_world *given = map->attr.world;

	map->attr.world = NULL;
	if (!map->ops->worldly)
		return 0;
	map->world = given ? map_world_ref(given) : map_world_new(NULL, NULL);
	map->attr.world = map->world;
	return map->world ? 0 : skep_fail_nomem(reterr);
}

/* @record: it is there already. With the space locked. */
static int make(const struct map_attr *attr, struct space_record *record, struct map **ret,
		struct skep_error **reterr)
{
	const struct map_ops *ops = NULL;
	struct map *map;
	int r = find_ops(attr, &ops, reterr);

	if (r == 0)
		r = check_shared(attr, ops, reterr);
	if (r < 0)
		return r;
	map = calloc(1, ops->size);
	if (!map)
		return skep_fail_nomem(reterr);
	if (attr_dup(&map->attr, attr, true) < 0) {
		free(map);
		return skep_fail_nomem(reterr);
	}
	map->ops = ops;
	map->refs = 1;
	map->space = attr->space;
	map->record = record;
	map->joined = record != NULL;
	map->possible = attr->ncpus ? attr->ncpus : map_possible_cpus();
	map->attr.ncpus = map->possible;
	map->ncpus = map_is_percpu(attr->type) ? map->possible : 1;
	r = find_state(map, reterr);
	if (r < 0) {
		attr_done(&map->attr);
		free(map);
		return r;
	}
	r = find_world(map, reterr);
	if (r == 0)
		r = map_take_fields(map, reterr);
	if (r == 0)
		r = ops->init(map, reterr);
	if (r < 0) {
		destroy(map);
		return r;
	}
	if (map->space)
		map_space_ref(map->space);
	*ret = map;
	return 0;
}

int map_new(const struct map_attr *attr, struct map **ret, struct skep_error **reterr)
{
	struct map_attr named = *attr;
	int r;

	if (!named.name)
		named.name = "";
	if (!attr->space)
		return make(&named, NULL, ret, reterr);
	pthread_mutex_lock(&attr->space->lock);
	r = make(&named, NULL, ret, reterr);
	if (r == 0)
		space_publish(*ret);
	pthread_mutex_unlock(&attr->space->lock);
	return r;
}

int map_join(const struct map_attr *attr, struct space_record *record, struct map **ret,
	     struct skep_error **reterr)
{
	return make(attr, record, ret, reterr);
}

struct map *map_ref(struct map *map)
{
	__atomic_fetch_add(&map->refs, 1, __ATOMIC_RELAXED);
	return map;
}

/* With the space locked, so that nobody opens a map that is going. */
static void unref_shared(struct map *map)
{
	struct map_space *space = map->space;
	bool last;

	pthread_mutex_lock(&space->lock);
	last = __atomic_sub_fetch(&map->refs, 1, __ATOMIC_ACQ_REL) == 0;
	if (last)
		destroy(map);
	pthread_mutex_unlock(&space->lock);
	if (last)
		map_space_unref(space);
}

struct map *map_unref(struct map *map)
{
	if (map && map->space)
		unref_shared(map);
	else if (map && __atomic_sub_fetch(&map->refs, 1, __ATOMIC_ACQ_REL) == 0)
		destroy(map);
	return NULL;
}

const struct map_attr *map_attr(const struct map *map)
{
	return &map->attr;
}

void map_stats(const struct map *map, struct map_stats *ret)
{
	ret->entries = __atomic_load_n(&map->sh->entries, __ATOMIC_RELAXED);
	ret->full = __atomic_load_n(&map->sh->full, __ATOMIC_RELAXED);
	ret->lost = __atomic_load_n(&map->sh->lost, __ATOMIC_RELAXED);
	ret->lost_bytes = __atomic_load_n(&map->sh->lost_bytes, __ATOMIC_RELAXED);
	ret->evicted = __atomic_load_n(&map->sh->evicted, __ATOMIC_RELAXED);
	ret->memory = map->memory;
}

int map_freeze(struct map *map)
{
	if (map->attr.flags & MAP_F_RDONLY ||
	    __atomic_exchange_n(&map->sh->frozen, true, __ATOMIC_ACQ_REL))
		return -EPERM;
	return 0;
}

/* As programs do ----------------------------------------------------------------------------------- */

void *map_lookup(struct map *map, const void *key, uint32_t cpu)
{
	return map->ops->lookup(map, key, cpu);
}

int map_update(struct map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	return map->ops->update(map, key, value, flags, cpu);
}

int map_delete(struct map *map, const void *key)
{
	return map->ops->remove(map, key);
}

void *map_lookup_percpu(struct map *map, const void *key, uint32_t cpu)
{
	if (!map->ops->lookup_percpu || cpu >= map->ncpus)
		return NULL;
	return map->ops->lookup_percpu(map, key, cpu);
}

int map_push(struct map *map, const void *value, uint64_t flags)
{
	return map->ops->push ? map->ops->push(map, value, flags) : -EOPNOTSUPP;
}

int map_pop(struct map *map, void *value)
{
	return map->ops->pop ? map->ops->pop(map, value) : -EOPNOTSUPP;
}

int map_peek(struct map *map, void *value)
{
	return map->ops->peek ? map->ops->peek(map, value) : -EOPNOTSUPP;
}

/* As user space does ------------------------------------------------------------------------------- */

bool map_user_may_write(const struct map *map)
{
	return !(map->attr.flags & MAP_F_RDONLY) &&
	       !__atomic_load_n(&map->sh->frozen, __ATOMIC_ACQUIRE);
}

uint32_t map_user_value_size(const struct map *map)
{
	if (map_is_percpu(map->attr.type))
		return map->vstride * map->ncpus;
	return map->attr.value_size;
}

int map_user_lookup(struct map *map, const void *key, void *value)
{
	if (map->attr.flags & MAP_F_WRONLY)
		return -EPERM;
	return map->ops->user_lookup(map, key, value);
}

/* Before the type has its say. */
static int check_lock(const struct map *map, uint64_t flags)
{
	return flags & MAP_LOCK && !map_has_field(map, MAP_FIELD_SPIN_LOCK) ? -EINVAL : 0;
}

int map_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	if (!map_user_may_write(map))
		return -EPERM;
	if (check_lock(map, flags) < 0)
		return -EINVAL;
	return map->ops->user_update(map, key, value, flags);
}

int map_user_lookup_flags(struct map *map, const void *key, void *value, uint64_t flags)
{
	void *at;

	if (map->attr.flags & MAP_F_WRONLY)
		return -EPERM;
	if (flags & ~(uint64_t)MAP_LOCK || check_lock(map, flags) < 0)
		return -EINVAL;
	if (!flags || map->ops->worldly)
		return map->ops->user_lookup(map, key, value);
	at = map->ops->lookup(map, key, 0);
	if (!at)
		return -ENOENT;
	map_get_value(map, value, at, true);
	return 0;
}

int map_user_lookup_and_delete(struct map *map, const void *key, void *value, uint64_t flags)
{
	if (!map_user_may_write(map) || map->attr.flags & MAP_F_WRONLY)
		return -EPERM;
	if (flags & ~(uint64_t)MAP_LOCK || check_lock(map, flags) < 0)
		return -EINVAL;
	if (map->attr.type == MAP_QUEUE || map->attr.type == MAP_STACK_MAP)
		return flags ? -EINVAL : map_pop(map, value);
	return map->ops->user_take ? map->ops->user_take(map, key, value, flags & MAP_LOCK) :
				     -MAP_ENOTSUPP;
}

int map_user_delete(struct map *map, const void *key)
{
	if (!map_user_may_write(map))
		return -EPERM;
	return map->ops->remove(map, key);
}

int map_next_key(struct map *map, const void *key, void *next)
{
	if (map->attr.flags & MAP_F_WRONLY)
		return -EPERM;
	return map->ops->next_key(map, key, next);
}

/* Memory of values --------------------------------------------------------------------------------- */

void map_value_range(const struct map *map, uint64_t *ret_base, uint64_t *ret_size)
{
	if (map->inside)
		map = map->inside;
	*ret_base = (uintptr_t)map->values;
	*ret_size = map->values_size;
}

bool map_value_at(const struct map *map, uint64_t addr, uint64_t *ret_base, uint32_t *ret_size)
{
	uint64_t off, in;

	if (map->inside)
		map = map->inside;
	off = addr - (uintptr_t)map->values;
	if (off >= map->values_size)
		return false;
	if (map->attr.type == MAP_ARENA) {
		*ret_base = (uintptr_t)map->values;
		*ret_size = (uint32_t)num_min(map->values_size, UINT32_MAX);
		return true;
	}
	in = off % map->stride;
	if (in < map->value_off)
		return false;
	in = (in - map->value_off) % map->vstride;
	if (in >= map->attr.value_size)
		return false;
	*ret_base = addr - in;
	*ret_size = map->attr.value_size;
	return true;
}

bool map_prog_may_write(const struct map *map)
{
	return !(map->attr.flags & MAP_F_RDONLY_PROG) && map->attr.type != MAP_DEVMAP &&
	       map->attr.type != MAP_DEVMAP_HASH;
}

bool map_prog_may_read(const struct map *map)
{
	return !(map->attr.flags & MAP_F_WRONLY_PROG);
}

uint64_t map_direct_value(const struct map *map)
{
	return map->attr.type == MAP_ARRAY || map->attr.type == MAP_ARENA ? (uintptr_t)map->values :
									    0;
}

bool map_form(const struct map *map, struct map_form *ret)
{
	const struct map_form_fn none = { 0 };

	*ret = (struct map_form){ 0 };
	if (!map->ops->form)
		return false;
	map->ops->form(map, ret);
	if (!map_prog_may_read(map)) {
		ret->array = false;
		ret->lookup = none;
	}
	if (!map_prog_may_write(map))
		ret->update = ret->remove = none;
	return true;
}

bool map_pending(const struct map *map)
{
	return map->ops->pending && map->ops->pending(map);
}

/* Objects in slots --------------------------------------------------------------------------------- */

int map_slot_update(struct map *map, const void *key, void *obj, void (*put)(void *obj),
		    uint64_t flags)
{
	if (!map->ops->slot_update)
		return -EINVAL;
	return map->ops->slot_update(map, key, obj, put, flags);
}

void *map_slot_find(struct map *map, const void *key)
{
	return map->ops->slot_find ? map->ops->slot_find(map, key) : NULL;
}

int map_slot_set(struct map *map, uint32_t index, void *obj, void (*put)(void *obj))
{
	if (map->attr.key_size != sizeof(index))
		return -EINVAL;
	return map_slot_update(map, &index, obj, put, MAP_ANY);
}

void *map_slot_get(struct map *map, uint32_t index)
{
	return map->attr.key_size == sizeof(index) ? map_slot_find(map, &index) : NULL;
}

int map_inner_fits(const struct map *outer, const struct map *inner)
{
	const struct map_attr *want = outer->attr.inner, *has = &inner->attr;

	if (!want || want->type != has->type || want->key_size != has->key_size ||
	    want->value_size != has->value_size || want->flags != has->flags)
		return -EINVAL;
	if (has->type == MAP_ARRAY && !(want->flags & MAP_F_INNER_MAP) &&
	    want->max_entries != has->max_entries)
		return -EINVAL;
	return 0;
}

int map_target(struct map *map, const void *key, struct map_target *ret)
{
	return map->ops->target ? map->ops->target(map, key, ret) : -ENOENT;
}

/* What array-like and object-holding types share ----------------------------------------------------- */

int map_index_next(struct map *map, const void *key, void *next)
{
	uint32_t index = key ? map_index(key) : UINT32_MAX;

	if (index >= map->attr.max_entries)
		index = UINT32_MAX;
	else if (index == map->attr.max_entries - 1)
		return -ENOENT;
	index++;
	memcpy(next, &index, sizeof(index));
	return 0;
}

int map_refuse_remove(struct map *map, const void *key)
{
	(void)map, (void)key;
	return -EINVAL;
}

int map_refuse_update(struct map *map, const void *key, const void *value, uint64_t flags,
		      uint32_t cpu)
{
	(void)map, (void)key, (void)value, (void)flags, (void)cpu;
	return -EINVAL;
}

int map_refuse_user_lookup(struct map *map, const void *key, void *value)
{
	(void)map, (void)key, (void)value;
	return -MAP_ENOTSUPP;
}

int map_refuse_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	return -EINVAL;
}

void *map_refuse_lookup(struct map *map, const void *key, uint32_t cpu)
{
	(void)map, (void)key, (void)cpu;
	return NULL;
}
