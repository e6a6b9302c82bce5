// SPDX-License-Identifier: Apache-2.0
/*
 * Worlds (object.h): a table of objects by kind and number, chained, under one lock that all slow paths of storage and socket
 * maps take too. An object lists the places in maps that name it; whoever fills or empties such a place adds and
 * drops the note, so that an object that goes takes its values along. The lock may be taken again by its holder, for
 * releasing a value may make another object go. Order: the world before a map.
 */
#include "map/world.h"

#include <assert.h>
#include <stdlib.h>

#define BUCKETS 256u

static struct map_object **bucket_of(struct map_world *w, enum map_object_kind kind, uint64_t id)
{
	uint64_t word = id * 0x9e3779b97f4a7c15ull + kind;

	return &w->buckets[word >> 56 & (BUCKETS - 1)];
}

struct map_world *map_world_new(const struct map_world_ops *ops, void *ctx)
{
	struct map_world *w = calloc(1, sizeof(*w) + BUCKETS * sizeof(w->buckets[0]));
	pthread_mutexattr_t attr;

	if (!w)
		return NULL;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&w->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	w->refs = 1;
	w->ops = world_ops_of_process;
	if (ops && ops->object)
		w->ops.object = ops->object;
	if (ops && ops->device)
		w->ops.device = ops->device;
	if (ops && ops->prog)
		w->ops.prog = ops->prog;
	if (ops && ops->put_prog)
		w->ops.put_prog = ops->put_prog;
	w->ctx = ctx;
	return w;
}

struct map_world *map_world_ref(struct map_world *w)
{
	__atomic_fetch_add(&w->refs, 1, __ATOMIC_RELAXED);
	return w;
}

struct map_world *map_world_unref(struct map_world *w)
{
	if (!w || __atomic_sub_fetch(&w->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return NULL;
	for (uint32_t i = 0; i < BUCKETS; i++) {
		struct map_object *o = w->buckets[i];

		while (o) { /* modelled ones hold a reference, so these are the world's own */
			struct map_object *next = o->next;

			assert(o->own && !o->held);
			free(o);
			o = next;
		}
	}
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

struct map_world *map_world_of(const struct map *map)
{
	return map->world;
}

void world_lock(struct map_world *w)
{
	pthread_mutex_lock(&w->lock);
}

void world_unlock(struct map_world *w)
{
	pthread_mutex_unlock(&w->lock);
}

/* Objects ---------------------------------------------------------------------------------------------- */

static struct map_object *find(struct map_world *w, enum map_object_kind kind, uint64_t id)
{
	struct map_object *o = *bucket_of(w, kind, id);

	while (o && (o->kind != kind || o->id != id))
		o = o->next;
	return o;
}

static void enter(struct map_object *o)
{
	struct map_object **head = bucket_of(o->world, o->kind, o->id);

	o->next = *head;
	*head = o;
}

static void leave(struct map_object *o)
{
	struct map_object **at = bucket_of(o->world, o->kind, o->id);

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
}

int map_object_init(struct map_object *o, struct map_world *w, enum map_object_kind kind,
		    uint64_t id, void *model)
{
	struct map_object *before;
	int r = 0;

	o->world = w;
	o->kind = kind;
	o->id = id;
	o->model = model;
	o->held = NULL;
	o->own = o->gone = false;
	world_lock(w);
	before = find(w, kind, id);
	if (before && !before->own) {
		r = -EEXIST;
	} else {
		if (before) {
			leave(before);
			o->held = before->held;
			free(before);
			for (struct map_held *h = o->held; h; h = h->next)
				if (h->map->ops->adopt)
					h->map->ops->adopt(h->map, h->key, o);
		}
		enter(o);
		map_world_ref(w);
	}
	if (r < 0)
		o->world = NULL;
	world_unlock(w);
	return r;
}

/* Whoever is told to forget drops the note. */
static void drop_all(struct map_object *o)
{
	o->gone = true;
	while (o->held) {
		struct map_held *h = o->held;

		h->map->ops->forget(h->map, o, h->key);
		assert(o->held != h);
	}
}

void map_object_done(struct map_object *o)
{
	struct map_world *w = o->world;

	if (!w)
		return;
	world_lock(w);
	drop_all(o);
	leave(o);
	o->world = NULL;
	world_unlock(w);
	map_world_unref(w);
}

static struct map_object *make(struct map_world *w, enum map_object_kind kind,
			       const struct map_object_desc *desc)
{
	struct map_object *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->world = w;
	o->kind = kind;
	o->id = desc->id;
	o->sock = desc->sock;
	o->own = true;
	enter(o);
	return o;
}

struct map_object *map_object_find(struct map_world *w, enum map_object_kind kind, uint64_t id,
				   bool create)
{
	const struct map_object_desc desc = { .id = id };
	struct map_object *o;

	world_lock(w);
	o = find(w, kind, id);
	if (!o && create)
		o = make(w, kind, &desc);
	world_unlock(w);
	return o;
}

/* The world is locked. */
static void forget(struct map_object *o)
{
	drop_all(o);
	leave(o);
	free(o);
}

void map_object_forget(struct map_world *w, enum map_object_kind kind, uint64_t id)
{
	struct map_object *o;

	world_lock(w);
	o = find(w, kind, id);
	if (o && o->own)
		forget(o);
	world_unlock(w);
}

int world_object(struct map_world *w, enum map_object_kind kind, int fd, bool create,
		 struct map_object **ret)
{
	struct map_object_desc desc = { 0 };
	int r = w->ops.object(w->ctx, kind, fd, &desc);
	struct map_object *o;

	if (r < 0)
		return r;
	o = find(w, kind, desc.id);
	if (o && o->own)
		o->sock = desc.sock; /* as it is now */
	if (!o && create) {
		o = make(w, kind, &desc);
		if (!o)
			return -ENOMEM;
	}
	*ret = o;
	return 0;
}

/* Notes ------------------------------------------------------------------------------------------------ */

int world_hold(struct map_object *o, struct map *map, const void *key, uint32_t key_size)
{
	struct map_held *h = malloc(sizeof(*h) + key_size);

	if (!h)
		return -ENOMEM;
	h->map = map;
	h->next = o->held;
	memcpy(h->key, key, key_size);
	o->held = h;
	return 0;
}

void world_drop(struct map_object *o, const struct map *map, const void *key, uint32_t key_size)
{
	for (struct map_held **at = &o->held; *at; at = &(*at)->next) {
		struct map_held *h = *at;

		if (h->map != map || memcmp(h->key, key, key_size) != 0)
			continue;
		*at = h->next;
		free(h);
		break;
	}
}

bool world_holds(const struct map_object *o, const struct map_ops *ops)
{
	for (const struct map_held *h = o->held; h; h = h->next)
		if (h->map->ops == ops)
			return true;
	return false;
}

/* Tables inside: what the map declares of fields is checked already. ---------------------------------------- */

int world_table(struct map *map, uint32_t key_size, uint32_t value_size, uint32_t max_entries,
		bool with_fields, struct map **ret, struct skep_error **reterr)
{
	struct map_attr attr = {
		.name = map->attr.name,
		.type = map_is_percpu(map->attr.type) ? MAP_PERCPU_HASH : MAP_HASH,
		.key_size = key_size,
		.value_size = value_size,
		.max_entries = max_entries,
		.ncpus = map->possible,
		.memory_limit = map->attr.memory_limit,
	};
	struct map *table;
	int r = map_new(&attr, &table, reterr);

	if (r < 0)
		return r;
	map->memory += table->memory;
	if (with_fields && map->fields) {
		table->fields = malloc(sizeof(*table->fields));
		if (!table->fields) {
			map_unref(table);
			return skep_fail_nomem(reterr);
		}
		*table->fields = *map->fields;
		table->attr.btf = btf_ref(map->attr.btf);
		table->attr.value_type = map->attr.value_type;
	}
	*ret = table;
	return 0;
}

int world_table_lookup(const struct map *map, const void *key, void *value)
{
	bool lock = map_has_field(map, MAP_FIELD_SPIN_LOCK);

	return map_user_lookup_flags(map->inside, key, value, lock ? MAP_LOCK : 0);
}
