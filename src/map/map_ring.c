// SPDX-License-Identifier: Apache-2.0
/*
 * Ring buffer (kernel document bpf/ringbuf.rst). Memory is laid out as the UAPI has it: a page with the consumer's
 * position, one with the producer's, and the data twice in a row, so a sample that wraps around is contiguous.
 * Positions only grow; a record is a header of 8 bytes (length with the busy and discard bits, then a word that
 * consumers do not read) and the sample, rounded up to 8. Producers reserve under a lock and commit without one, in any
 * order; the consumer reads up to the first busy record, so samples come in the order of reservation. Invariant:
 * consumer <= producer <= consumer + size - 1. What finds no room is counted.
 *
 * The header's second word is the mark of who reserved. In a space (space.h) a busy record whose producer died is
 * discarded, and counted as lost, by who finds it in the way.
 */
#include "map/space.h"

#include <sys/mman.h>
#include <unistd.h>

#define HEADER 8u
#define MAX_RECORD (UINT32_MAX / 4)
#define NO_WAKEUP 1u
#define FORCE_WAKEUP 2u

struct ring_state {
	struct map_shared shared;
	struct map_lock draining;
	struct map_lock lock __attribute__((aligned(64)));
	uint64_t pending; /* first record that was busy when last looked at */
};

struct ring {
	struct map map;
	struct ring_state *state;
	uint64_t *consumer, *producer;
	uint8_t *data;
	uint64_t mask, page;
};

/* Memory ------------------------------------------------------------------------------------------------- */

static uint8_t *map_twice(int fd, uint64_t head, uint64_t bytes)
{
	int rw = PROT_READ | PROT_WRITE, how = MAP_SHARED | MAP_FIXED;
	uint64_t all = head + bytes * 2;
	uint8_t *mem =
		mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	if (mmap(mem, head + bytes, rw, how, fd, 0) == MAP_FAILED ||
	    mmap(mem + head + bytes, bytes, rw, how, fd, (off_t)head) == MAP_FAILED) {
		munmap(mem, all);
		return NULL;
	}
	return mem;
}

static int take_shared_twice(struct map *map, uint64_t head, uint64_t bytes, uint8_t **ret,
			     struct skep_error **reterr)
{
	void *mem = NULL;
	int r = space_take(map, head + bytes * 2, head, &mem, reterr);

	if (r < 0)
		return r;
	map->memory += bytes;
	*ret = mem;
	return 0;
}

int map_take_twice(struct map *map, uint64_t head, uint64_t bytes, uint8_t **ret,
		   struct skep_error **reterr)
{
	int r = map_over_limit(map, map->memory + bytes, reterr), fd, e;
	uint8_t *mem = NULL;

	if (r < 0)
		return r;
	if (map->space)
		return take_shared_twice(map, head, bytes, ret, reterr);
	fd = memfd_create("skep-ring", MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, (off_t)(head + bytes)) == 0)
		mem = map_twice(fd, head, bytes);
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

void map_give_twice(const struct map *map, uint8_t *mem, uint64_t head, uint64_t bytes)
{
	if (mem && !map->space)
		munmap(mem, head + bytes * 2);
}

static int init(struct map *map, struct skep_error **reterr)
{
	struct ring *ring = (struct ring *)map;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint8_t *mem = NULL;
	int r = map_take_twice(map, page * 2, map->attr.max_entries, &mem, reterr);

	if (r < 0)
		return r;
	ring->page = page;
	ring->mask = map->attr.max_entries - 1;
	ring->state = (struct ring_state *)map->sh;
	ring->consumer = (uint64_t *)(void *)mem;
	ring->producer = (uint64_t *)(void *)(mem + page);
	ring->data = mem + 2 * page;
	return 0;
}

static void done(struct map *map)
{
	const struct ring *ring = (const struct ring *)map;

	if (ring->data)
		map_give_twice(map, ring->data - 2 * ring->page, 2 * ring->page,
			       map->attr.max_entries);
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

/* A record that stays busy because its producer died is nobody's any more. */
static bool bury(struct map *map, uint32_t *head, uint32_t word)
{
	uint32_t mark = __atomic_load_n(head + 1, __ATOMIC_RELAXED);
	uint32_t dead = (word & ~MAP_RING_BUSY) | MAP_RING_DISCARD;

	if (!map->space || space_alive(map->space, mark))
		return false;
	if (__atomic_compare_exchange_n(head, &word, dead, false, __ATOMIC_ACQ_REL,
					__ATOMIC_RELAXED)) {
		map_count(&map->sh->lost, 1);
		map_count(&map->sh->lost_bytes, word & ~(MAP_RING_BUSY | MAP_RING_DISCARD));
	}
	return true;
}

/* Moves past what is no longer busy: a busy record and all after it must not be overwritten, even when
 * the consumer's position, which others may set, says so. */
static uint64_t find_pending(struct ring *ring, uint64_t producer)
{
	uint64_t at = ring->state->pending;

	while (at < producer) {
		uint32_t head = __atomic_load_n(header_at(ring, at), __ATOMIC_ACQUIRE);

		if (head & MAP_RING_BUSY)
			break;
		at += record_bytes(head);
	}
	ring->state->pending = at;
	return at;
}

/* With the lock: the header of a new record of @bytes, or NULL. */
static uint32_t *make_room(struct ring *ring, uint64_t bytes)
{
	uint64_t consumer = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
	uint64_t producer = *ring->producer, pending;
	uint32_t *head, word;

	if (bytes > ring->mask || producer + bytes - consumer > ring->mask)
		return NULL;
	for (;;) {
		pending = find_pending(ring, producer);
		if (producer + bytes - pending <= ring->mask)
			return header_at(ring, producer);
		head = header_at(ring, pending);
		word = __atomic_load_n(head, __ATOMIC_ACQUIRE);
		if (word & MAP_RING_BUSY && !bury(&ring->map, head, word))
			return NULL;
	}
}

void *map_ring_reserve(struct map *map, uint64_t size, uint64_t flags)
{
	struct ring *ring = ring_of(map);
	uint64_t bytes;
	uint32_t *head;

	if (!ring || flags || size > MAX_RECORD)
		return NULL;
	bytes = num_align(size + HEADER, 8);
	map_lock(map, &ring->state->lock);
	head = make_room(ring, bytes);
	if (head) {
		__atomic_store_n(head + 1, *map->me, __ATOMIC_RELAXED);
		__atomic_store_n(head, (uint32_t)size | MAP_RING_BUSY, __ATOMIC_RELAXED);
		__atomic_store_n(ring->producer, *ring->producer + bytes, __ATOMIC_RELEASE);
	}
	map_unlock(&ring->state->lock);
	if (!head) {
		map_count(&map->sh->lost, 1);
		map_count(&map->sh->lost_bytes, (int64_t)size);
		map_count(&map->sh->full, 1);
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
	consumer = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
	producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
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

/* Records up to one that is busy, or that @fn refuses. */
static int64_t drain(struct ring *ring, map_record_fn fn, void *ctx)
{
	uint64_t at = *ring->consumer;
	int64_t n = 0;
	int r = 0;

	while (!r && at < __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE)) {
		uint32_t *head = header_at(ring, at);
		uint32_t word = __atomic_load_n(head, __ATOMIC_ACQUIRE);

		if (word & MAP_RING_BUSY) {
			if (bury(&ring->map, head, word))
				continue;
			break;
		}
		if (!(word & MAP_RING_DISCARD)) {
			r = fn(ctx, 0, head + 2, word);
			n++;
		}
		at += record_bytes(word);
		__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
	}
	return r < 0 ? r : n;
}

int64_t map_ring_drain(struct map *map, map_record_fn fn, void *ctx)
{
	struct ring *ring = ring_of(map);
	int64_t n;

	if (!ring)
		return -EINVAL;
	if (!map_trylock(map, &ring->state->draining))
		return -EBUSY;
	n = drain(ring, fn, ctx);
	map_unlock(&ring->state->draining);
	return n;
}

static bool pending(const struct map *map)
{
	const struct ring *ring = (const struct ring *)map;
	uint64_t at;

	at = __atomic_load_n(ring->consumer, __ATOMIC_RELAXED);
	if (at == __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE))
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
	.state = sizeof(struct ring_state),
	.shares = true,
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
