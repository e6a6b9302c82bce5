// SPDX-License-Identifier: Apache-2.0
/*
 * Queues and stacks (kernel document bpf/map_queue_stack.rst): the newest value is at position head - 1, the
 * oldest at tail, of a circle of max_entries values. BPF_EXIST pushes the oldest out of a full one.
 */
#include "map/internal.h"

struct queue {
	struct map map;
	struct map_lock lock;
	uint64_t head, tail; /* grow; count is head - tail */
};

static int init(struct map *map, struct skep_error **reterr)
{
	return map_take_values(map, map->attr.max_entries, 0, reterr);
}

static uint8_t *at(struct queue *q, uint64_t position)
{
	return q->map.values + position % q->map.attr.max_entries * q->map.stride;
}

static int push(struct map *map, const void *value, uint64_t flags)
{
	struct queue *q = (struct queue *)map;
	int r = 0;

	if (flags & MAP_NOEXIST || flags > MAP_EXIST)
		return -EINVAL;
	map_lock(&q->lock);
	if (q->head - q->tail == map->attr.max_entries) {
		if (flags == MAP_EXIST)
			q->tail++;
		else
			r = -E2BIG;
	}
	if (r == 0)
		memcpy(at(q, q->head++), value, map->attr.value_size);
	else
		map_count(&map->full, 1);
	__atomic_store_n(&map->entries, q->head - q->tail, __ATOMIC_RELAXED);
	map_unlock(&q->lock);
	return r;
}

/* An empty one gives zeroes, as in the kernel. */
static int get(struct map *map, void *value, bool take)
{
	struct queue *q = (struct queue *)map;
	bool stack = map->attr.type == MAP_STACK_MAP;
	int r = 0;

	map_lock(&q->lock);
	if (q->head == q->tail) {
		memset(value, 0, map->attr.value_size);
		r = -ENOENT;
	} else {
		memcpy(value, at(q, stack ? q->head - 1 : q->tail), map->attr.value_size);
		if (take && stack)
			q->head--;
		else if (take)
			q->tail++;
	}
	__atomic_store_n(&map->entries, q->head - q->tail, __ATOMIC_RELAXED);
	map_unlock(&q->lock);
	return r;
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

#define QUEUE_OPS                                                                              \
	{                                                                                      \
		.size = sizeof(struct queue), .check = map_check_queue, .init = init,          \
		.lookup = map_refuse_lookup, .update = map_refuse_update,                      \
		.remove = map_refuse_remove, .next_key = next_key, .user_lookup = user_lookup, \
		.user_update = user_update, .push = push, .pop = pop, .peek = peek,            \
	}

const struct map_ops map_queue_ops = QUEUE_OPS;
const struct map_ops map_stack_ops = QUEUE_OPS;
