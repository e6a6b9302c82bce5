// SPDX-License-Identifier: Apache-2.0
/*
 * Many entries at once: batches of user space (bpf(2), BPF_MAP_LOOKUP_BATCH and so on) and iteration by programs
 * (bpf-helpers(7), bpf_for_each_map_elem). A batch is the single operations in a row; where the next one goes on is a key,
 * and for hash tables a bucket, so that entries which come and go meanwhile neither stop nor repeat the others.
 */
#include "map/table.h"

#include <stdlib.h>

static bool is_table(const struct map *map)
{
	return map->ops->user_take == table_user_take;
}

uint32_t map_batch_size(const struct map *map)
{
	return is_table(map) ? 4 : map->attr.key_size < 4 ? 4 : map->attr.key_size;
}

/* By key: arrays, tries, maps of maps. ------------------------------------------------------------------ */

static int look_by_key(struct map *map, struct map_batch *b, uint32_t *n)
{
	uint32_t key_size = map->attr.key_size, value_size = map_user_value_size(map);
	const void *at = b->in;
	int r = 0;

	while (*n < b->count) {
		uint8_t *key = (uint8_t *)b->keys + (uint64_t)*n * key_size;
		uint8_t *value = (uint8_t *)b->values + (uint64_t)*n * value_size;

		r = map->ops->next_key(map, at, key);
		if (r < 0)
			break;
		at = key;
		r = map_user_lookup_flags(map, key, value, b->elem_flags);
		if (r == -ENOENT) /* it went meanwhile: its place is the next one's */
			continue;
		if (r < 0)
			break;
		++*n;
	}
	if (*n)
		memcpy(b->out, (uint8_t *)b->keys + (uint64_t)(*n - 1) * key_size, key_size);
	return r;
}

/* By bucket: its keys first, then each entry for itself, if it is still there. ------------------------------- */

/* 1: the bucket has more than there is room for. */
static int look_in_bucket(struct map *map, struct map_batch *b, uint32_t bucket, bool take,
			  uint32_t *n)
{
	uint32_t key_size = map->attr.key_size, size = map_user_value_size(map), len;
	uint8_t *keys = (uint8_t *)b->keys + (uint64_t)*n * key_size;

	len = table_bucket_keys((const struct table *)map, bucket, keys, b->count - *n);
	if (len > b->count - *n)
		return 1;
	for (uint32_t i = 0; i < len; i++) {
		uint8_t *key = keys + (uint64_t)i * key_size;
		uint8_t *value = (uint8_t *)b->values + (uint64_t)*n * size;
		int r = take ? table_user_take(map, key, value, b->elem_flags) :
			       map_user_lookup_flags(map, key, value, b->elem_flags);

		if (r < 0)
			continue;
		memmove((uint8_t *)b->keys + (uint64_t)*n * key_size, key, key_size);
		++*n;
	}
	return 0;
}

static int look_by_bucket(struct map *map, struct map_batch *b, bool take, uint32_t *n)
{
	const struct table *t = (const struct table *)map;
	uint32_t bucket = b->in ? bytes_u32(b->in, false) : 0;

	if (bucket > t->mask)
		return -ENOENT;
	while (bucket <= t->mask && !look_in_bucket(map, b, bucket, take, n))
		bucket++;
	memcpy(b->out, &bucket, sizeof(bucket));
	if (bucket > t->mask)
		return -ENOENT;
	return *n ? 0 : -ENOSPC;
}

/* All ------------------------------------------------------------------------------------------------------- */

static int check(const struct map *map, enum map_batch_op op, const struct map_batch *b)
{
	bool reads = op == MAP_BATCH_LOOKUP || op == MAP_BATCH_LOOKUP_AND_DELETE;

	if (reads && map->attr.flags & MAP_F_WRONLY)
		return -EPERM;
	if (op != MAP_BATCH_LOOKUP && !map_user_may_write(map))
		return -EPERM;
	if (!map->ops->batches || (op == MAP_BATCH_LOOKUP_AND_DELETE && !is_table(map)))
		return -MAP_ENOTSUPP;
	if (op == MAP_BATCH_DELETE && map->ops->remove == map_refuse_remove)
		return -MAP_ENOTSUPP;
	if (b->elem_flags & ~(uint64_t)MAP_LOCK || (b->flags && reads && is_table(map)))
		return -EINVAL;
	return b->elem_flags && !map_has_field(map, MAP_FIELD_SPIN_LOCK) ? -EINVAL : 0;
}

static int write_all(struct map *map, enum map_batch_op op, const struct map_batch *b, uint32_t *n)
{
	uint32_t size = map_user_value_size(map);
	int r = 0;

	for (; *n < b->count; ++*n) {
		const uint8_t *key = (const uint8_t *)b->keys + (uint64_t)*n * map->attr.key_size;
		const uint8_t *value = (const uint8_t *)b->values + (uint64_t)*n * size;

		r = op == MAP_BATCH_DELETE ? map_user_delete(map, key) :
					     map_user_update(map, key, value, b->elem_flags);
		if (r < 0)
			break;
	}
	return r;
}

int map_user_batch(struct map *map, enum map_batch_op op, struct map_batch *b)
{
	uint32_t n = 0;
	int r = check(map, op, b);

	if (r < 0 || !b->count)
		return r;
	if (op == MAP_BATCH_UPDATE || op == MAP_BATCH_DELETE)
		r = write_all(map, op, b, &n);
	else if (is_table(map))
		r = look_by_bucket(map, b, op == MAP_BATCH_LOOKUP_AND_DELETE, &n);
	else
		r = look_by_key(map, b, &n);
	b->count = n;
	return r;
}

/* Programs ------------------------------------------------------------------------------------------------ */

#define ROOM 4096u

struct each {
	struct map *map;
	uint32_t cpu;
	int64_t (*fn)(void *ctx, const void *key, void *value);
	void *ctx;
	int64_t n;
	uint8_t *keys;
	void *large; /* they lie there, or NULL */
	uint32_t room;
};

static void each_index(struct each *e)
{
	for (uint32_t i = 0; i < e->map->attr.max_entries; i++) {
		void *value = e->map->ops->lookup(e->map, &i, e->cpu);
		uint32_t key = i;

		e->n++;
		if (e->fn(e->ctx, &key, value))
			return;
	}
}

/* The keys of a bucket as they are when it is looked at, in memory that grows with need. */
static int64_t keys_of(struct each *e, uint32_t bucket)
{
	const struct table *t = (const struct table *)e->map;
	uint32_t n;

	while ((n = table_bucket_keys(t, bucket, e->keys, e->room)) > e->room) {
		void *more = realloc(e->large, (uint64_t)n * e->map->attr.key_size);

		if (!more)
			return -ENOMEM;
		e->keys = e->large = more;
		e->room = n;
	}
	return n;
}

/* Then each for itself, if it is still there: what is replaced meanwhile is seen once, too. 1: the function says stop. */
static int64_t each_in_bucket(struct each *e, uint32_t bucket)
{
	const struct table *t = (const struct table *)e->map;
	int64_t n = keys_of(e, bucket);

	for (int64_t i = 0; i < n; i++) {
		const uint8_t *key = e->keys + (uint64_t)i * e->map->attr.key_size;
		struct table_elem *elem = table_find(t, key);

		if (!elem)
			continue;
		e->n++;
		if (e->fn(e->ctx, key, table_value(t, elem, e->cpu)))
			return 1;
	}
	return n < 0 ? n : 0;
}

static int64_t each_entry(struct each *e)
{
	const struct table *t = (const struct table *)e->map;
	uint64_t small[ROOM / 8];
	int64_t r = 0;

	e->keys = (uint8_t *)small;
	e->room = ROOM / e->map->attr.key_size;
	for (uint64_t i = 0; r == 0 && i <= t->mask; i++)
		r = each_in_bucket(e, (uint32_t)i);
	free(e->large);
	return r < 0 ? r : e->n;
}

int64_t map_each(struct map *map, uint32_t cpu,
		 int64_t (*fn)(void *ctx, const void *key, void *value), void *ctx)
{
	struct each e = { .map = map, .cpu = map->ncpus > 1 ? cpu : 0, .fn = fn, .ctx = ctx };

	if (!map->ops->iterates)
		return -EOPNOTSUPP;
	if (e.cpu >= map->ncpus)
		return -EINVAL;
	if (is_table(map))
		return each_entry(&e);
	each_index(&e);
	return e.n;
}
