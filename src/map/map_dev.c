// SPDX-License-Identifier: Apache-2.0
/*
 * Maps of devices and CPUs, to which packets are redirected (kernel documents bpf/map_devmap.rst, bpf/map_cpumap.rst).
 * A value is what user space wrote, with the number of the program in place of its descriptor; programs read it. An
 * empty slot's first word is 0: no device has that index, no queue that size. Slots are arrays, or, for devmap_hash, a table
 * inside. The programs lie beside them, one place a slot.
 */
#include "map/world.h"

#define MAX_QUEUE 16384u

struct entry {
	uint32_t number; /* device, or size of the queue */
	int32_t fd;
};

struct attached {
	void *prog;
	uint32_t id;
};

struct dev {
	struct map map;
	struct attached *progs; /* a slot each; NULL: values have no program */
	uint64_t progs_bytes;
	uint32_t slots;
};

static bool is_hash(const struct map *map)
{
	return map->attr.type == MAP_DEVMAP_HASH;
}

static int init(struct map *map, struct skep_error **reterr)
{
	struct dev *d = (struct dev *)map;
	void *mem;
	int r;

	d->slots = map->attr.max_entries;
	if (is_hash(map)) {
		r = world_table(map, 4, map->attr.value_size, map->attr.max_entries, false,
				&map->inside, reterr);
		if (r == 0) /* spares of the table's stripes included */
			d->slots = ((struct table *)map->inside)->limit;
	} else {
		r = map_take_values(map, map->attr.max_entries, 0, reterr);
	}
	if (r < 0 || map->attr.value_size < sizeof(struct entry))
		return r;
	d->progs_bytes = map_bytes(0, d->slots, sizeof(*d->progs));
	r = map_take(map, d->progs_bytes, &mem, reterr);
	if (r == 0)
		d->progs = mem;
	return r;
}

static struct attached *prog_at(const struct dev *d, const void *value)
{
	const struct map *where = d->map.inside ? d->map.inside : &d->map;

	return d->progs ? &d->progs[((uintptr_t)value - (uintptr_t)where->values) / where->stride] :
			  NULL;
}

static void put_prog(const struct map *map, struct attached *a)
{
	if (a && a->prog)
		map->world->ops.put_prog(a->prog);
	if (a)
		*a = (struct attached){ NULL, 0 };
}

static void done(struct map *map)
{
	struct dev *d = (struct dev *)map;

	for (uint32_t i = 0; d->progs && i < d->slots; i++)
		put_prog(map, &d->progs[i]);
	map_give(map, d->progs, d->progs_bytes);
	map_unref(map->inside);
}

/* The slot of a key, taken or not; NULL: there is none. */
static void *slot(struct map *map, const void *key)
{
	uint32_t index = map_index(key);

	if (is_hash(map))
		return map_lookup(map->inside, key, 0);
	return index < map->attr.max_entries ? map->values + index * map->stride : NULL;
}

static void *lookup(struct map *map, const void *key, uint32_t cpu)
{
	uint32_t *value = slot(map, key);

	(void)cpu;
	return value && __atomic_load_n(value, __ATOMIC_ACQUIRE) ? value : NULL;
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	const void *at;

	world_lock(map->world);
	at = lookup(map, key, 0);
	if (at)
		memcpy(value, at, map->attr.value_size);
	world_unlock(map->world);
	return at ? 0 : -ENOENT;
}

/* What user space wrote, as a slot has it. */
struct wanted {
	uint32_t words[2];
	struct attached prog;
};

static int find_prog(struct map *map, const struct entry *e, struct wanted *w)
{
	struct map_world *world = map->world;
	int r;

	if (map->attr.value_size < sizeof(*e) || e->fd <= 0)
		return 0;
	r = world->ops.prog(world->ctx, map->attr.type, e->fd, &w->prog.prog, &w->prog.id);
	w->words[1] = w->prog.id;
	return r;
}

/* An empty slot, if the first word is 0. */
static int prepare(struct map *map, const void *value, struct wanted *ret)
{
	struct entry e = { 0 };
	bool cpu = map->attr.type == MAP_CPUMAP;

	memcpy(&e, value, map->attr.value_size);
	*ret = (struct wanted){ .words = { e.number } };
	if (!e.number) /* a queue of no size is an empty slot, whatever its program */
		return !cpu && e.fd > 0 ? -EINVAL : 0;
	if (!cpu && !map->world->ops.device(map->world->ctx, e.number))
		return -EINVAL;
	if (find_prog(map, &e, ret) < 0)
		return cpu ? -ENOMEM : -EINVAL;
	return 0;
}

static void store(struct map *map, void *at, const struct wanted *w)
{
	struct dev *d = (struct dev *)map;
	struct attached *a = prog_at(d, at);
	uint32_t *words = at;
	bool was = words[0] != 0;

	put_prog(map, a);
	if (a) {
		*a = w->prog;
		__atomic_store_n(&words[1], w->words[1], __ATOMIC_RELAXED);
	}
	__atomic_store_n(&words[0], w->words[0], __ATOMIC_RELEASE);
	if (!is_hash(map))
		map_count(&map->sh->entries, (w->words[0] != 0) - was);
}

static int array_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	uint32_t index = map_index(key);
	struct wanted w;
	int r;

	if (flags > MAP_EXIST)
		return -EINVAL;
	if (index >= map->attr.max_entries)
		return -E2BIG;
	if (flags == MAP_NOEXIST)
		return -EEXIST;
	if (map->attr.type == MAP_CPUMAP) {
		if (bytes_u32(value, false) > MAX_QUEUE)
			return -EOVERFLOW;
		if (index >= map->possible)
			return -ENODEV;
	}
	world_lock(map->world);
	r = prepare(map, value, &w);
	if (r == 0)
		store(map, slot(map, key), &w);
	world_unlock(map->world);
	return r;
}

static int hash_store(struct map *map, const void *key, const struct wanted *w)
{
	void *at = slot(map, key);
	int r = 0;

	if (!at) {
		r = map_update(map->inside, key, w->words, MAP_ANY, 0);
		at = slot(map, key);
	}
	if (r == 0)
		store(map, at, w);
	map->sh->entries = map->inside->sh->entries;
	map->sh->full = map->inside->sh->full;
	return r;
}

static int hash_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	struct wanted w;
	int r;

	if (flags > MAP_EXIST || !bytes_u32(value, false))
		return -EINVAL;
	world_lock(map->world);
	r = slot(map, key) && flags == MAP_NOEXIST ? -EEXIST : prepare(map, value, &w);
	if (r == 0) {
		r = hash_store(map, key, &w);
		if (r < 0)
			put_prog(map, &w.prog);
	}
	world_unlock(map->world);
	return r;
}

static int array_remove(struct map *map, const void *key)
{
	static const struct wanted nothing;

	if (map_index(key) >= map->attr.max_entries)
		return -EINVAL;
	world_lock(map->world);
	store(map, slot(map, key), &nothing);
	world_unlock(map->world);
	return 0;
}

static int hash_remove(struct map *map, const void *key)
{
	void *at;

	world_lock(map->world);
	at = slot(map, key);
	if (at) {
		put_prog(map, prog_at((struct dev *)map, at));
		map_delete(map->inside, key);
	}
	map->sh->entries = map->inside->sh->entries;
	world_unlock(map->world);
	return at ? 0 : -ENOENT;
}

static int hash_next(struct map *map, const void *key, void *next)
{
	return map_next_key(map->inside, key, next);
}

static int target(struct map *map, const void *key, struct map_target *ret)
{
	const uint32_t *at;
	const struct attached *a;

	world_lock(map->world);
	at = lookup(map, key, 0);
	if (at) {
		a = prog_at((struct dev *)map, at);
		*ret = (struct map_target){ .number = at[0],
					    .prog = a ? a->prog : NULL,
					    .prog_id = a ? a->id : 0 };
		if (map->attr.type == MAP_CPUMAP) {
			ret->qsize = at[0];
			ret->number = map_index(key);
		}
	}
	world_unlock(map->world);
	return at ? 0 : -ENOENT;
}

#define DEV_OPS(check_fn, update_fn, remove_fn, next_fn)                                   \
	{                                                                                  \
		.size = sizeof(struct dev), .check = check_fn, .init = init, .done = done, \
		.lookup = lookup, .update = map_refuse_update, .remove = remove_fn,        \
		.next_key = next_fn, .user_lookup = user_lookup, .user_update = update_fn, \
		.worldly = true, .untyped = true, .target = target,                        \
	}

const struct map_ops map_dev_ops =
	DEV_OPS(map_check_dev, array_update, array_remove, map_index_next);
const struct map_ops map_dev_hash_ops = DEV_OPS(map_check_dev, hash_update, hash_remove, hash_next);
const struct map_ops map_cpu_ops =
	DEV_OPS(map_check_cpu, array_update, array_remove, map_index_next);
