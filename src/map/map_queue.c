// SPDX-License-Identifier: Apache-2.0
/*
 * Queues and stacks (kernel document bpf/map_queue_stack.rst): a circle of max_entries + 1 values. The newest lies
 * before `head`, the oldest at `tail`; both are one word, so that one store changes them and a writer that dies has
 * written or not. The value beyond the newest is free, also in a full one: there the next is made ready, before
 * BPF_EXIST lets it take the place of the oldest.
 */
#include "map/internal.h"

struct ends {
	uint32_t head, tail;
};

struct queue_state {
	struct map_shared shared;
	struct map_lock lock;
	uint64_t ends; /* head << 32 | tail */
};

static struct queue_state *state_of(struct map *map)
{
	return (struct queue_state *)map->sh;
}

static int init(struct map *map, struct skep_error **reterr)
{
	return map_take_values(map, map->attr.max_entries + 1ull, 0, reterr);
}

static uint8_t *at(struct map *map, uint32_t position)
{
	return map->values + position * map->stride;
}

static uint32_t after(const struct map *map, uint32_t position)
{
	return position == map->attr.max_entries ? 0 : position + 1;
}

static uint32_t before(const struct map *map, uint32_t position)
{
	return position ? position - 1 : map->attr.max_entries;
}

static uint32_t count(const struct map *map, struct ends e)
{
	return e.head >= e.tail ? e.head - e.tail : map->attr.max_entries - (e.tail - e.head) + 1;
}

static struct ends take(struct map *map)
{
	struct queue_state *q = state_of(map);
	uint64_t word;

	map_lock(map, &q->lock); /* who died under it left it whole */
	word = __atomic_load_n(&q->ends, __ATOMIC_RELAXED);
	return (struct ends){ .head = (uint32_t)(word >> 32), .tail = (uint32_t)word };
}

static void give(struct map *map, struct ends e)
{
	struct queue_state *q = state_of(map);

	__atomic_store_n(&q->ends, (uint64_t)e.head << 32 | e.tail, __ATOMIC_RELEASE);
	__atomic_store_n(&map->sh->entries, count(map, e), __ATOMIC_RELAXED);
	map_unlock(&q->lock);
}

static int push(struct map *map, const void *value, uint64_t flags)
{
	struct ends e;
	bool full;
	int r = 0;

	if (flags & MAP_NOEXIST || flags > MAP_EXIST)
		return -EINVAL;
	e = take(map);
	full = count(map, e) == map->attr.max_entries;
	if (full && flags != MAP_EXIST) {
		map_count(&map->sh->full, 1);
		r = -E2BIG;
	} else {
		memcpy(at(map, e.head), value, map->attr.value_size);
		e.head = after(map, e.head);
		if (full)
			e.tail = after(map, e.tail);
	}
	give(map, e);
	return r;
}

/* An empty one gives zeroes, as in the kernel. */
static int get(struct map *map, void *value, bool remove)
{
	bool stack = map->attr.type == MAP_STACK_MAP;
	struct ends e = take(map);
	uint32_t where = stack ? before(map, e.head) : e.tail;
	bool empty = e.head == e.tail;

	if (empty)
		memset(value, 0, map->attr.value_size);
	else
		memcpy(value, at(map, where), map->attr.value_size);
	if (!empty && remove && stack)
		e.head = where;
	else if (!empty && remove)
		e.tail = after(map, e.tail);
	give(map, e);
	return empty ? -ENOENT : 0;
}

static int pop(struct map *map, void *value)
{
	return get(map, value, true);
}

static int peek(struct map *map, void *value)
{
	return get(map, value, false);
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	(void)key;
	return peek(map, value);
}

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	(void)key;
	return push(map, value, flags);
}

static int next_key(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -EINVAL;
}

#define QUEUE_OPS                                                                                 \
	{                                                                                         \
		.size = sizeof(struct map), .state = sizeof(struct queue_state), .shares = true,  \
		.check = map_check_queue, .init = init, .lookup = map_refuse_lookup,              \
		.update = map_refuse_update, .remove = map_refuse_remove, .next_key = next_key,   \
		.user_lookup = user_lookup, .user_update = user_update, .push = push, .pop = pop, \
		.peek = peek,                                                                     \
	}

const struct map_ops map_queue_ops = QUEUE_OPS;
const struct map_ops map_stack_ops = QUEUE_OPS;
