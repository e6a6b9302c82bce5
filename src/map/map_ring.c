// SPDX-License-Identifier: Apache-2.0
/*
 * Ring buffer (kernel document bpf/ringbuf.rst). Positions only grow; a record is a header of 8 bytes (length with the
 * busy and discard bits, then a word of zero) and the sample, rounded up to 8. Producers reserve under a
 * lock and commit without one, in any order; the consumer reads up to the first busy record, so samples come
 * in the order of reservation. Invariant: consumer <= producer <= consumer + size - 1. The data lies twice in a
 * row in memory, so a sample that wraps around is contiguous. What finds no room is counted.
 */
#include "map/internal.h"

#include <sys/mman.h>
#include <unistd.h>

#define HEADER 8u
#define MAX_RECORD (UINT32_MAX / 4)
#define NO_WAKEUP 1u
#define FORCE_WAKEUP 2u

struct ring {
	struct map map;
	uint8_t *data;
	uint64_t mask;
	struct map_lock lock;
	uint32_t draining;
	uint64_t producer __attribute__((aligned(64)));
	uint64_t pending; /* first record that was busy when last looked at */
	uint64_t consumer __attribute__((aligned(64)));
};

/* Memory ------------------------------------------------------------------------------------------------- */

static uint8_t *map_twice(int fd, uint64_t bytes)
{
	int rw = PROT_READ | PROT_WRITE, how = MAP_SHARED | MAP_FIXED;
	uint8_t *mem = mmap(NULL, bytes * 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	if (mmap(mem, bytes, rw, how, fd, 0) == MAP_FAILED ||
	    mmap(mem + bytes, bytes, rw, how, fd, 0) == MAP_FAILED) {
		munmap(mem, bytes * 2);
		return NULL;
	}
	return mem;
}

int map_take_twice(struct map *map, uint64_t bytes, uint8_t **ret, struct skep_error **reterr)
{
	int r = map_over_limit(map, map->memory + bytes, reterr), fd, e;
	uint8_t *mem = NULL;

	if (r < 0)
		return r;
	fd = memfd_create("skep-ring", MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, (off_t)bytes) == 0)
		mem = map_twice(fd, bytes);
	e = errno;
	if (fd >= 0)
		close(fd);
	if (!mem)
		return skep_fail(reterr, &ERR_MAPPING, map_place(&map->attr),
				 "'%s' asked for a ring of %llu bytes: %s", map->attr.name,
				 (unsigned long long)bytes, strerror(e));
	map->memory += bytes;
	*ret = mem;
	return 0;
}

void map_give_twice(uint8_t *mem, uint64_t bytes)
{
	if (mem)
		munmap(mem, bytes * 2);
}

static int init(struct map *map, struct skep_error **reterr)
{
	struct ring *ring = (struct ring *)map;

	ring->mask = map->attr.max_entries - 1;
	return map_take_twice(map, map->attr.max_entries, &ring->data, reterr);
}

static void done(struct map *map)
{
	map_give_twice(((struct ring *)map)->data, map->attr.max_entries);
}

static struct ring *ring_of(struct map *map)
{
	return map->attr.type == MAP_RINGBUF ? (struct ring *)map : NULL;
}

/* Producers ------------------------------------------------------------------------------------------------ */

static uint32_t *header_at(const struct ring *ring, uint64_t pos)
{
	return (uint32_t *)(ring->data + (pos & ring->mask));
}

static uint64_t record_bytes(uint32_t head)
{
	return num_align((head & ~(MAP_RING_BUSY | MAP_RING_DISCARD)) + HEADER, 8);
}

/* Moves past what is no longer busy: a busy record and all after it must not be overwritten, even when
 * the consumer's position, which others may set, says so. */
static uint64_t find_pending(struct ring *ring, uint64_t producer)
{
	uint64_t at = ring->pending;

	while (at < producer) {
		uint32_t head = __atomic_load_n(header_at(ring, at), __ATOMIC_ACQUIRE);

		if (head & MAP_RING_BUSY)
			break;
		at += record_bytes(head);
	}
	ring->pending = at;
	return at;
}

void *map_ring_reserve(struct map *map, uint64_t size, uint64_t flags)
{
	struct ring *ring = ring_of(map);
	uint64_t bytes, producer, consumer;
	uint32_t *head = NULL;

	if (!ring || flags || size > MAX_RECORD)
		return NULL;
	bytes = num_align(size + HEADER, 8);
	consumer = __atomic_load_n(&ring->consumer, __ATOMIC_ACQUIRE);
	map_lock(&ring->lock);
	producer = ring->producer;
	if (bytes <= ring->mask && producer + bytes - consumer <= ring->mask &&
	    producer + bytes - find_pending(ring, producer) <= ring->mask) {
		head = header_at(ring, producer);
		head[1] = 0;
		__atomic_store_n(head, (uint32_t)size | MAP_RING_BUSY, __ATOMIC_RELAXED);
		__atomic_store_n(&ring->producer, producer + bytes, __ATOMIC_RELEASE);
	}
	map_unlock(&ring->lock);
	if (!head) {
		map_count(&map->lost, 1);
		map_count(&map->lost_bytes, (int64_t)size);
		map_count(&map->full, 1);
		return NULL;
	}
	return head + 2;
}

static void commit(void *sample, uint32_t discard)
{
	uint32_t *head = (uint32_t *)sample - 2;
	uint32_t size = __atomic_load_n(head, __ATOMIC_RELAXED) & ~MAP_RING_BUSY;

	__atomic_store_n(head, size | discard, __ATOMIC_RELEASE);
}

void map_ring_submit(struct map *map, void *sample, uint64_t flags)
{
	(void)map, (void)flags;
	commit(sample, 0);
}

void map_ring_discard(struct map *map, void *sample, uint64_t flags)
{
	(void)map, (void)flags;
	commit(sample, MAP_RING_DISCARD);
}

uint64_t map_ring_sample_size(struct map *map, const void *sample)
{
	(void)map;
	return __atomic_load_n((const uint32_t *)sample - 2, __ATOMIC_RELAXED) &
	       ~(MAP_RING_BUSY | MAP_RING_DISCARD);
}

int map_ring_output(struct map *map, const void *data, uint64_t size, uint64_t flags)
{
	void *sample;

	if (flags & ~(uint64_t)(NO_WAKEUP | FORCE_WAKEUP))
		return -EINVAL;
	sample = map_ring_reserve(map, size, 0);
	if (!sample)
		return -EAGAIN;
	memcpy(sample, data, size);
	commit(sample, 0);
	return 0;
}

uint64_t map_ring_query(struct map *map, uint64_t flags)
{
	struct ring *ring = ring_of(map);
	uint64_t consumer, producer;

	if (!ring)
		return 0;
	consumer = __atomic_load_n(&ring->consumer, __ATOMIC_ACQUIRE);
	producer = __atomic_load_n(&ring->producer, __ATOMIC_ACQUIRE);
	switch (flags) {
	case 0: /* BPF_RB_AVAIL_DATA */
		return producer - consumer;
	case 1: /* BPF_RB_RING_SIZE */
		return ring->mask + 1;
	case 2: /* BPF_RB_CONS_POS */
		return consumer;
	case 3: /* BPF_RB_PROD_POS */
		return producer;
	default:
		return 0;
	}
}

/* Consumer ------------------------------------------------------------------------------------------------- */

int64_t map_ring_drain(struct map *map, map_record_fn fn, void *ctx)
{
	struct ring *ring = ring_of(map);
	int64_t n = 0;
	uint64_t at;
	int r = 0;

	if (!ring)
		return -EINVAL;
	if (__atomic_exchange_n(&ring->draining, 1, __ATOMIC_ACQUIRE))
		return -EBUSY;
	at = ring->consumer;
	while (!r && at < __atomic_load_n(&ring->producer, __ATOMIC_ACQUIRE)) {
		uint32_t *head = header_at(ring, at);
		uint32_t word = __atomic_load_n(head, __ATOMIC_ACQUIRE);

		if (word & MAP_RING_BUSY)
			break;
		if (!(word & MAP_RING_DISCARD)) {
			r = fn(ctx, 0, head + 2, word);
			n++;
		}
		at += record_bytes(word);
		__atomic_store_n(&ring->consumer, at, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&ring->draining, 0, __ATOMIC_RELEASE);
	return r < 0 ? r : n;
}

static bool pending(const struct map *map)
{
	const struct ring *ring = (const struct ring *)map;
	uint64_t at;

	at = __atomic_load_n(&ring->consumer, __ATOMIC_RELAXED);
	if (at == __atomic_load_n(&ring->producer, __ATOMIC_ACQUIRE))
		return false;
	return !(__atomic_load_n(header_at(ring, at), __ATOMIC_ACQUIRE) & MAP_RING_BUSY);
}

bool map_ring_owns(const struct map *map, uint64_t addr)
{
	const struct ring *ring = (const struct ring *)map;

	return map->attr.type == MAP_RINGBUF && addr - (uintptr_t)ring->data < (ring->mask + 1) * 2;
}

static int refuse_user(struct map *map, const void *key)
{
	(void)map, (void)key;
	return -MAP_ENOTSUPP;
}

static int refuse_next(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -MAP_ENOTSUPP;
}

static int refuse_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	return -MAP_ENOTSUPP;
}

const struct map_ops map_ring_ops = {
	.size = sizeof(struct ring),
	.check = map_check_ring,
	.init = init,
	.done = done,
	.lookup = map_refuse_lookup,
	.update = map_refuse_update,
	.remove = refuse_user,
	.next_key = refuse_next,
	.user_lookup = map_refuse_user_lookup,
	.user_update = refuse_user_update,
	.pending = pending,
};
