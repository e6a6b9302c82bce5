// SPDX-License-Identifier: Apache-2.0
/*
 * Stack traces (bpf-helpers(7), bpf_get_stackid): a trace's id is its hash cut to the number of buckets, so each bucket has one
 * trace, which the next of the same hash finds or, if it may, replaces. There are max_entries traces and as many
 * buckets, rounded up to a power of two. Traces are named by number, 1 + index; one lock guards all.
 */
#include "map/internal.h"

#include "map/object.h"

#define SKIP_MASK 0xffull
#define USER_STACK 256u
#define FAST_COMPARE 512u
#define REUSE 1024u
#define MAX_DEPTH 127u /* kernel.perf_event_max_stack */
#define ADDRESS 8u
#define BUILD_ID 32u

struct trace {
	uint32_t hash, n;
	uint32_t next_free;
	uint32_t unused;
	uint8_t entries[];
};

struct traces {
	struct map map;
	struct map_lock lock;
	uint32_t *bucket;
	uint8_t *trace;
	uint64_t trace_bytes, bucket_bytes;
	uint32_t nbuckets, stride, free, fresh;
};

uint32_t map_stack_entry(const struct map *map)
{
	return map->attr.flags & MAP_F_STACK_BUILD_ID ? BUILD_ID : ADDRESS;
}

uint32_t map_stack_depth(const struct map *map)
{
	return map->attr.value_size / map_stack_entry(map);
}

int map_check_stack_trace(const struct map_attr *attr, struct skep_error **reterr)
{
	uint32_t entry = attr->flags & MAP_F_STACK_BUILD_ID ? BUILD_ID : ADDRESS;
	int r = map_check_flags(
		attr, MAP_F_NUMA_NODE | MAP_F_RDONLY | MAP_F_WRONLY | MAP_F_STACK_BUILD_ID, reterr);

	if (r < 0)
		return r;
	if (!attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries", 0);
	if (attr->key_size != 4)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "a key of 4 bytes", attr->key_size);
	if (!attr->value_size || attr->value_size % entry || attr->value_size / entry > MAX_DEPTH)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr,
				  entry == ADDRESS ? "a value of 1 to 127 addresses of 8 bytes" :
						     "a value of 1 to 127 build ids of 32 bytes",
				  attr->value_size);
	if (attr->max_entries > 1u << 31)
		return skep_fail(reterr, &ERR_TOO_MANY, map_place(attr),
				 "'%s' has %u entries, at most 2^31", attr->name,
				 attr->max_entries);
	return 0;
}

static int init(struct map *map, struct skep_error **reterr)
{
	struct traces *t = (struct traces *)map;
	uint64_t n = 1;
	void *mem;
	int r;

	while (n < map->attr.max_entries)
		n <<= 1;
	t->nbuckets = (uint32_t)n;
	t->stride = (uint32_t)num_align(sizeof(struct trace) + map->attr.value_size, 8);
	t->trace_bytes = map_bytes(0, map->attr.max_entries, t->stride);
	t->bucket_bytes = n * sizeof(*t->bucket);
	r = map_take(map, t->bucket_bytes, &mem, reterr);
	if (r < 0)
		return r;
	t->bucket = mem;
	r = map_take(map, t->trace_bytes, &mem, reterr);
	if (r == 0)
		t->trace = mem;
	return r;
}

static void done(struct map *map)
{
	struct traces *t = (struct traces *)map;

	map_give(map, t->bucket, t->bucket_bytes);
	map_give(map, t->trace, t->trace_bytes);
}

static struct trace *trace_at(const struct traces *t, uint32_t number)
{
	return (struct trace *)(void *)(t->trace + (number - 1) * (uint64_t)t->stride);
}

/* With the lock. 0: all are taken. */
static uint32_t take(struct traces *t)
{
	uint32_t number = t->free;

	if (number)
		t->free = trace_at(t, number)->next_free;
	else if (t->fresh < t->map.attr.max_entries)
		number = ++t->fresh;
	return number;
}

static void give(struct traces *t, uint32_t number)
{
	trace_at(t, number)->next_free = t->free;
	t->free = number;
}

static int64_t put(struct traces *t, const void *entries, uint32_t n, uint32_t hash, uint64_t flags)
{
	uint32_t id = hash & (t->nbuckets - 1), old = t->bucket[id], number;
	uint32_t bytes = n * map_stack_entry(&t->map);
	struct trace *trace = old ? trace_at(t, old) : NULL;

	if (trace && trace->hash == hash &&
	    (flags & FAST_COMPARE ||
	     (trace->n == n && memcmp(trace->entries, entries, bytes) == 0)))
		return id;
	if (old && !(flags & REUSE))
		return -EEXIST;
	number = take(t);
	if (!number) {
		map_count(&t->map.sh->full, 1);
		return -ENOMEM;
	}
	trace = trace_at(t, number);
	trace->hash = hash;
	trace->n = n;
	memcpy(trace->entries, entries, bytes);
	t->bucket[id] = number;
	if (old)
		give(t, old);
	else
		map_count(&t->map.sh->entries, 1);
	return id;
}

int64_t map_stack_id(struct map *map, const void *entries, uint32_t n, uint64_t flags)
{
	struct traces *t = (struct traces *)map;
	uint32_t skip = (uint32_t)(flags & SKIP_MASK), entry, hash;
	const uint8_t *from = entries;
	int64_t id;

	if (map->attr.type != MAP_STACK_TRACE ||
	    flags & ~(SKIP_MASK | USER_STACK | FAST_COMPARE | REUSE))
		return -EINVAL;
	if (n <= skip)
		return -EFAULT;
	entry = map_stack_entry(map);
	from += (uint64_t)skip * entry;
	n = (uint32_t)num_min(n - skip, map_stack_depth(map));
	hash = (uint32_t)map_hash_bytes(from, n * entry, 0);
	map_lock(map, &t->lock);
	id = put(t, from, n, hash, flags);
	map_unlock(&t->lock);
	return id;
}

/* User space ----------------------------------------------------------------------------------------------- */

static int get(struct map *map, const void *key, void *value, bool remove)
{
	struct traces *t = (struct traces *)map;
	uint32_t id = map_index(key), number, bytes;

	if (id >= t->nbuckets)
		return -ENOENT;
	map_lock(map, &t->lock);
	number = t->bucket[id];
	if (number) {
		bytes = trace_at(t, number)->n * map_stack_entry(map);
		memcpy(value, trace_at(t, number)->entries, bytes);
		memset((uint8_t *)value + bytes, 0, map->attr.value_size - bytes);
	}
	if (number && remove) {
		t->bucket[id] = 0;
		give(t, number);
		map_count(&map->sh->entries, -1);
	}
	map_unlock(&t->lock);
	return number ? 0 : -ENOENT;
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	return get(map, key, value, false);
}

static int user_take(struct map *map, const void *key, void *value, bool locked)
{
	(void)locked;
	return get(map, key, value, true);
}

static int remove_trace(struct map *map, const void *key)
{
	struct traces *t = (struct traces *)map;
	uint32_t id = map_index(key), number;

	if (id >= t->nbuckets)
		return -E2BIG;
	map_lock(map, &t->lock);
	number = t->bucket[id];
	t->bucket[id] = 0;
	if (number) {
		give(t, number);
		map_count(&map->sh->entries, -1);
	}
	map_unlock(&t->lock);
	return number ? 0 : -ENOENT;
}

/* After an id that is not there comes the first. */
static int next_key(struct map *map, const void *key, void *next)
{
	struct traces *t = (struct traces *)map;
	uint32_t id = 0;

	map_lock(map, &t->lock);
	if (key && map_index(key) < t->nbuckets && t->bucket[map_index(key)])
		id = map_index(key) + 1;
	while (id < t->nbuckets && !t->bucket[id])
		id++;
	map_unlock(&t->lock);
	if (id >= t->nbuckets)
		return -ENOENT;
	memcpy(next, &id, sizeof(id));
	return 0;
}

const struct map_ops map_stack_trace_ops = {
	.size = sizeof(struct traces),
	.check = map_check_stack_trace,
	.untyped = true,
	.init = init,
	.done = done,
	.lookup = map_refuse_lookup,
	.update = map_refuse_update,
	.remove = remove_trace,
	.next_key = next_key,
	.user_lookup = user_lookup,
	.user_update = map_refuse_user_update,
	.user_take = user_take,
};
