// SPDX-License-Identifier: Apache-2.0
/*
 * Perf event array (bpf-helpers(7), bpf_perf_event_output): a buffer for each CPU that user space opened. Records are
 * a word of length and the bytes, rounded up to 8, in a ring that lies twice in a row. Producers of one CPU
 * take its lock; the consumer does not. What finds no room is counted and told in order, after the records
 * that did. Programs that wrote a record of n bytes are read n bytes: the padding of perf's format is not shown.
 */
#include "map/internal.h"

#include <stdlib.h>
#include <unistd.h>

#define INDEX_MASK 0xffffffffull
#define CURRENT_CPU 0xffffffffull
#define CTXLEN_MASK (0xfffffull << 32)
#define HEADER 8u
#define MAX_PAGES (1u << 18)
/* perf's record header has 16 bits of size; 8 of it, 4 of length and the rounding are no data. */
#define MAX_RECORD (UINT16_MAX - 8 - 4 - 7)

struct buffer {
	struct map_lock lock;
	uint8_t *data;
	uint64_t size;
	uint64_t producer, consumer, lost;
};

struct perf {
	struct map map;
	struct buffer **slot;
	uint64_t slot_bytes;
	uint32_t opened; /* slots that may hold a buffer lie below */
	uint32_t draining;
	struct map_lock lock;
};

static int init(struct map *map, struct skep_error **reterr)
{
	struct perf *p = (struct perf *)map;
	void *mem;
	int r;

	p->slot_bytes = map->attr.max_entries * (uint64_t)sizeof(*p->slot);
	r = map_take(map, p->slot_bytes, &mem, reterr);
	if (r == 0)
		p->slot = mem;
	return r;
}

static void buffer_free(const struct map *map, struct buffer *b)
{
	if (!b)
		return;
	map_give_twice(map, b->data, 0, b->size);
	free(b);
}

static void done(struct map *map)
{
	struct perf *p = (struct perf *)map;

	for (uint32_t i = 0; i < p->opened; i++)
		buffer_free(map, p->slot[i]);
	map_give(map, p->slot, p->slot_bytes);
}

int map_perf_open(struct map *map, uint32_t cpu, uint32_t pages)
{
	struct perf *p = (struct perf *)map;
	struct buffer *b;
	int r = -EBUSY;

	if (map->attr.type != MAP_PERF_EVENT_ARRAY || !num_is_pow2(pages) || pages > MAX_PAGES)
		return -EINVAL;
	if (cpu >= map->attr.max_entries)
		return -E2BIG;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	map_lock(map, &p->lock);
	if (!p->slot[cpu]) {
		b->size = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
		r = map_take_twice(map, 0, b->size, &b->data, NULL);
	}
	if (r == 0) {
		__atomic_store_n(&p->slot[cpu], b, __ATOMIC_RELEASE);
		if (cpu >= p->opened)
			__atomic_store_n(&p->opened, cpu + 1, __ATOMIC_RELEASE);
		map_count(&map->sh->entries, 1);
	}
	map_unlock(&p->lock);
	if (r < 0)
		buffer_free(map, b);
	return r;
}

static uint32_t *header_at(const struct buffer *b, uint64_t pos)
{
	return (uint32_t *)(b->data + (pos & (b->size - 1)));
}

static int write_record(struct buffer *b, const void *data, uint64_t size, const void *tail,
			uint64_t tail_len)
{
	uint64_t bytes = num_align(size + tail_len + HEADER, 8), producer = b->producer;
	uint32_t *head;

	if (producer + bytes - __atomic_load_n(&b->consumer, __ATOMIC_ACQUIRE) > b->size)
		return -ENOSPC;
	head = header_at(b, producer);
	head[0] = (uint32_t)(size + tail_len);
	memcpy(head + 2, data, size);
	if (tail_len)
		memcpy((uint8_t *)(head + 2) + size, tail, tail_len);
	__atomic_store_n(&b->producer, producer + bytes, __ATOMIC_RELEASE);
	return 0;
}

int map_perf_output(struct map *map, uint32_t cpu, uint64_t flags, const void *data, uint64_t size,
		    const void *tail, uint64_t tail_len)
{
	struct perf *p = (struct perf *)map;
	uint64_t index = flags & INDEX_MASK;
	struct buffer *b;
	int r;

	if (map->attr.type != MAP_PERF_EVENT_ARRAY || flags & ~(INDEX_MASK | CTXLEN_MASK))
		return -EINVAL;
	if (index == CURRENT_CPU)
		index = cpu;
	if (index >= map->attr.max_entries)
		return -E2BIG;
	b = __atomic_load_n(&p->slot[index], __ATOMIC_ACQUIRE);
	if (!b)
		return -ENOENT;
	if (index != cpu)
		return -EOPNOTSUPP;
	if (size > MAX_RECORD || tail_len > MAX_RECORD - size)
		return -E2BIG;
	map_lock(map, &b->lock);
	r = write_record(b, data, size, tail, tail_len);
	if (r < 0)
		map_count(&b->lost, 1);
	map_unlock(&b->lock);
	if (r < 0) {
		map_count(&map->sh->lost, 1);
		map_count(&map->sh->lost_bytes, (int64_t)(size + tail_len));
		map_count(&map->sh->full, 1);
	}
	return r;
}

static int drain_one(struct buffer *b, uint32_t cpu, map_record_fn fn, void *ctx, int64_t *n)
{
	uint64_t at = b->consumer;
	int r = 0;

	while (!r && at < __atomic_load_n(&b->producer, __ATOMIC_ACQUIRE)) {
		uint32_t *head = header_at(b, at);
		uint32_t len = head[0];

		r = fn(ctx, cpu, head + 2, len);
		++*n;
		at += num_align((uint64_t)len + HEADER, 8);
		__atomic_store_n(&b->consumer, at, __ATOMIC_RELEASE);
	}
	return r;
}

int64_t map_perf_drain(struct map *map, map_record_fn fn, void *ctx,
		       void (*lost)(void *ctx, uint32_t cpu, uint64_t n))
{
	struct perf *p = (struct perf *)map;
	int64_t n = 0;
	int r = 0;

	if (map->attr.type != MAP_PERF_EVENT_ARRAY)
		return -EINVAL;
	if (__atomic_exchange_n(&p->draining, 1, __ATOMIC_ACQUIRE))
		return -EBUSY;
	for (uint32_t i = 0; !r && i < __atomic_load_n(&p->opened, __ATOMIC_ACQUIRE); i++) {
		struct buffer *b = __atomic_load_n(&p->slot[i], __ATOMIC_ACQUIRE);
		uint64_t gone;

		if (!b)
			continue;
		r = drain_one(b, i, fn, ctx, &n);
		gone = __atomic_exchange_n(&b->lost, 0, __ATOMIC_RELAXED);
		if (gone && lost)
			lost(ctx, i, gone);
	}
	__atomic_store_n(&p->draining, 0, __ATOMIC_RELEASE);
	return r < 0 ? r : n;
}

static bool pending(const struct map *map)
{
	const struct perf *p = (const struct perf *)map;

	for (uint32_t i = 0; i < __atomic_load_n(&p->opened, __ATOMIC_ACQUIRE); i++) {
		const struct buffer *b = __atomic_load_n(&p->slot[i], __ATOMIC_ACQUIRE);

		if (b && (__atomic_load_n(&b->producer, __ATOMIC_ACQUIRE) !=
				  __atomic_load_n(&b->consumer, __ATOMIC_RELAXED) ||
			  __atomic_load_n(&b->lost, __ATOMIC_RELAXED)))
			return true;
	}
	return false;
}

/* Deleting an entry closes its event in the kernel; here buffers stay until the map goes. */
static int perf_remove(struct map *map, const void *key)
{
	return map_index(key) >= map->attr.max_entries ? -E2BIG : -ENOENT;
}

const struct map_ops map_perf_ops = {
	.size = sizeof(struct perf),
	.check = map_check_fds,
	.untyped = true,
	.init = init,
	.done = done,
	.lookup = map_refuse_lookup,
	.update = map_refuse_update,
	.remove = perf_remove,
	.next_key = map_index_next,
	.user_lookup = map_refuse_user_lookup,
	.user_update = map_refuse_user_update,
	.pending = pending,
};
