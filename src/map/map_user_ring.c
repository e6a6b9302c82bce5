// SPDX-License-Identifier: Apache-2.0
/*
 * User ring buffer: user space produces, programs drain (bpf-helpers(7), bpf_user_ringbuf_drain; layout of the UAPI and of the kernel document
 * bpf/ringbuf.rst). A page with the consumer's position, one with the producer's, and the data twice in a
 * row. The producer is not trusted: its position and its headers are checked at each step, so that a sample always lies
 * within what it published and within the ring.
 */
#include "map/internal.h"

#include <errno.h>
#include <unistd.h>

#include "map/object.h"

#define HEADER 8u
#define BUSY MAP_RING_BUSY
#define DISCARD MAP_RING_DISCARD
#define WAKEUP_FLAGS 3ull
#define MAX_SAMPLES (128u << 10)
#define MAX_SAMPLE ((1u << 24) - 1) /* what a dynptr can hold */

struct user_ring {
	struct map map;
	uint64_t *consumer, *producer;
	uint8_t *data;
	uint64_t mask, page;
	struct map_lock draining, producing;
};

static int init(struct map *map, struct skep_error **reterr)
{
	struct user_ring *ring = (struct user_ring *)map;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint8_t *mem = NULL;
	int r = map_take_twice(map, page * 2, map->attr.max_entries, &mem, reterr);

	if (r < 0)
		return r;
	ring->page = page;
	ring->mask = map->attr.max_entries - 1;
	ring->consumer = (uint64_t *)(void *)mem;
	ring->producer = (uint64_t *)(void *)(mem + page);
	ring->data = mem + 2 * page;
	return 0;
}

static void done(struct map *map)
{
	const struct user_ring *ring = (const struct user_ring *)map;

	if (ring->data)
		map_give_twice(map, ring->data - 2 * ring->page, 2 * ring->page,
			       map->attr.max_entries);
}

static uint32_t *header_at(const struct user_ring *ring, uint64_t pos)
{
	return (uint32_t *)(void *)(ring->data + (pos & ring->mask));
}

/* Draining ------------------------------------------------------------------------------------------------- */

/* 1 and a sample, 1 and none: it was discarded, 0: nothing more, or -errno. */
static int peek(struct user_ring *ring, uint64_t at, const void **ret, uint32_t *ret_len)
{
	uint64_t producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE), bytes;
	uint32_t word, len;

	if (producer % 8)
		return -EINVAL;
	if (at >= producer)
		return 0;
	word = __atomic_load_n(header_at(ring, at), __ATOMIC_ACQUIRE);
	len = word & ~(BUSY | DISCARD);
	bytes = num_align((uint64_t)len + HEADER, 8);
	if (bytes > producer - at)
		return -EINVAL;
	if (bytes > ring->mask + 1 || len > MAX_SAMPLE)
		return -E2BIG;
	*ret_len = len;
	*ret = NULL;
	if (word & DISCARD)
		return 1;
	if (word & BUSY)
		return 0;
	*ret = header_at(ring, at) + 2;
	return 1;
}

static int64_t drain(struct user_ring *ring, int64_t (*fn)(void *, const void *, uint32_t),
		     void *ctx)
{
	int64_t samples = 0;

	for (uint32_t i = 0; i < MAX_SAMPLES; i++) {
		uint64_t at = *ring->consumer;
		const void *data = NULL;
		uint32_t len = 0;
		int64_t stop = 0;
		int r = peek(ring, at, &data, &len);

		if (r < 0)
			return r;
		if (!r)
			break;
		if (data) {
			stop = fn(ctx, data, len);
			samples++;
		}
		__atomic_store_n(ring->consumer, at + num_align((uint64_t)len + HEADER, 8),
				 __ATOMIC_RELEASE);
		if (stop)
			break;
	}
	return samples;
}

int64_t map_user_ring_drain(struct map *map,
			    int64_t (*fn)(void *ctx, const void *data, uint32_t len), void *ctx,
			    uint64_t flags)
{
	struct user_ring *ring = (struct user_ring *)map;
	int64_t n;

	if (map->attr.type != MAP_USER_RINGBUF || flags & ~WAKEUP_FLAGS)
		return -EINVAL;
	if (!map_trylock(map, &ring->draining))
		return -EBUSY;
	n = drain(ring, fn, ctx);
	map_unlock(&ring->draining);
	return n;
}

/* Producing ------------------------------------------------------------------------------------------------ */

void *map_user_ring_reserve(struct map *map, uint32_t size)
{
	struct user_ring *ring = (struct user_ring *)map;
	uint64_t bytes = num_align((uint64_t)size + HEADER, 8), at;
	uint32_t *head = NULL;

	if (map->attr.type != MAP_USER_RINGBUF) {
		errno = EINVAL;
		return NULL;
	}
	if (size & (BUSY | DISCARD) || bytes > ring->mask + 1) {
		errno = E2BIG;
		return NULL;
	}
	map_lock(map, &ring->producing);
	at = *ring->producer;
	if (at - __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE) + bytes <= ring->mask + 1) {
		head = header_at(ring, at);
		head[1] = 0;
		__atomic_store_n(head, size | BUSY, __ATOMIC_RELAXED);
		__atomic_store_n(ring->producer, at + bytes, __ATOMIC_RELEASE);
	}
	map_unlock(&ring->producing);
	if (head)
		return head + 2;
	map_count(&map->sh->full, 1);
	errno = ENOSPC;
	return NULL;
}

static void commit(void *sample, uint32_t discard)
{
	uint32_t *head = (uint32_t *)sample - 2;
	uint32_t size = __atomic_load_n(head, __ATOMIC_RELAXED) & ~BUSY;

	__atomic_store_n(head, size | discard, __ATOMIC_RELEASE);
}

void map_user_ring_submit(struct map *map, void *sample)
{
	(void)map;
	commit(sample, 0);
}

void map_user_ring_discard(struct map *map, void *sample)
{
	(void)map;
	commit(sample, DISCARD);
}

static bool pending(const struct map *map)
{
	const struct user_ring *ring = (const struct user_ring *)map;

	return __atomic_load_n(ring->consumer, __ATOMIC_RELAXED) !=
	       __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

static int refuse_key(struct map *map, const void *key)
{
	(void)map, (void)key;
	return -MAP_ENOTSUPP;
}

static int refuse_next(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -MAP_ENOTSUPP;
}

static int refuse_write(struct map *map, const void *key, const void *value, uint64_t flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	return -MAP_ENOTSUPP;
}

const struct map_ops map_user_ring_ops = {
	.size = sizeof(struct user_ring),
	.check = map_check_ring,
	.init = init,
	.done = done,
	.lookup = map_refuse_lookup,
	.update = map_refuse_update,
	.remove = refuse_key,
	.next_key = refuse_next,
	.user_lookup = map_refuse_user_lookup,
	.user_update = refuse_write,
	.pending = pending,
};
