// SPDX-License-Identifier: Apache-2.0
/*
 * User ring buffers: samples of all sizes come out once and in order; a producer that writes anything into its page and
 * the data gets errno, and never makes a sample that lies outside of what it published.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "map/object.h"
#include "map_model.h"

#define SIZE 4096u
#define STEPS 100000

static struct map *make(void)
{
	struct map_attr attr = { .name = "ring", .type = MAP_USER_RINGBUF, .max_entries = SIZE };
	struct map *map = NULL;

	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	return map;
}

/* The naive twin: sizes and first bytes of what was reserved and not yet drained. */
struct twin {
	struct {
		uint32_t size, state; /* 0 busy, 1 submitted, 2 discarded */
		uint8_t mark;
		uint8_t *at;
	} queue[SIZE / 8];
	uint32_t n, used;
	uint32_t seen, stop;
	uint64_t state;
};

static uint32_t bytes_of(uint32_t size)
{
	return (size + 8 + 7) / 8 * 8;
}

static void pop(struct twin *t)
{
	t->used -= bytes_of(t->queue[0].size);
	t->n--;
	memmove(&t->queue[0], &t->queue[1], t->n * sizeof(t->queue[0]));
}

static int64_t see(void *ctx, const void *data, uint32_t len)
{
	struct twin *t = ctx;

	while (t->n && t->queue[0].state == 2)
		pop(t);
	if (!CHECK(t->n && t->queue[0].state == 1))
		return 1;
	CHECK_EQ_INT(len, t->queue[0].size);
	CHECK(data == t->queue[0].at);
	if (len)
		CHECK_EQ_INT(*(const uint8_t *)data, t->queue[0].mark);
	pop(t);
	return ++t->seen == t->stop;
}

static void reserve(struct map *map, struct twin *t)
{
	uint32_t size =
		(uint32_t)(model_random(&t->state) % (model_random(&t->state) % 8 ? 64 : 5000));
	bool fits = t->used + bytes_of(size) <= SIZE;
	uint8_t *at = map_user_ring_reserve(map, size);

	CHECK(!!at == fits);
	if (!at) {
		CHECK_EQ_INT(errno, bytes_of(size) > SIZE ? E2BIG : ENOSPC);
		return;
	}
	t->queue[t->n].size = size;
	t->queue[t->n].state = 0;
	t->queue[t->n].at = at;
	if (size)
		*at = t->queue[t->n].mark = (uint8_t)t->state;
	t->n++;
	t->used += bytes_of(size);
}

static void commit(struct map *map, struct twin *t)
{
	uint32_t i;

	if (!t->n)
		return;
	i = (uint32_t)(model_random(&t->state) % t->n);
	if (t->queue[i].state)
		return;
	t->queue[i].state = 1 + model_random(&t->state) % 2;
	if (t->queue[i].state == 1)
		map_user_ring_submit(map, t->queue[i].at);
	else
		map_user_ring_discard(map, t->queue[i].at);
}

static void drain(struct map *map, struct twin *t)
{
	uint32_t ready = 0, i = 0;

	t->seen = 0;
	t->stop = model_random(&t->state) % 3 ? 0 : 1 + (uint32_t)(model_random(&t->state) % 3);
	for (; i < t->n && t->queue[i].state && (!t->stop || ready < t->stop); i++)
		ready += t->queue[i].state == 1;
	CHECK_EQ_INT(map_user_ring_drain(map, see, t, model_random(&t->state) % 4), ready);
	while (t->n && t->queue[0].state == 2 && (!t->stop || t->seen < t->stop))
		pop(t);
}

static void in_order(void)
{
	unsigned long steps = model_steps(STEPS);
	struct map *map = make();
	static struct twin t;

	memset(&t, 0, sizeof(t));
	t.state = 8;
	CHECK_EQ_INT(map_user_ring_drain(map, see, &t, 4), -EINVAL);
	CHECK(!map_pending(map));
	for (unsigned long n = 0; n < steps && !check_state.bad; n++)
		switch (model_random(&t.state) % 8) {
		case 0:
			drain(map, &t);
			break;
		case 1:
		case 2:
		case 3:
			reserve(map, &t);
			break;
		default:
			commit(map, &t);
		}
	map_unref(map);
}

/* A hostile producer ------------------------------------------------------------------------------------- */

struct bounds {
	const uint8_t *base;
	uint64_t samples;
};

static int64_t inside(void *ctx, const void *data, uint32_t len)
{
	struct bounds *b = ctx;
	uint64_t off = (uint64_t)((const uint8_t *)data - b->base);

	CHECK_MSG(off >= 8 && off + len <= 2 * SIZE && len <= SIZE, "a sample of %u at %llu", len,
		  (unsigned long long)off);
	b->samples++;
	return 0;
}

static void hostile(void)
{
	uint64_t state = 9, errors = 0, big = 0, *producer, *consumer;
	struct bounds b = { 0 };
	struct map *map = make();
	uint8_t *first = map_user_ring_reserve(map, 0);

	b.base = first - 8;
	producer = (uint64_t *)(void *)(first - 8 - 4096);
	consumer = (uint64_t *)(void *)(first - 8 - 8192);
	for (int n = 0; n < 20000; n++) {
		uint32_t word = (uint32_t)model_random(&state);
		int64_t r;

		*consumer = model_random(&state) % 8 * 8;
		*producer = *consumer + model_random(&state) % (2 * SIZE);
		if (model_random(&state) % 4)
			*producer &= ~7ull;
		if (model_random(&state) % 3)
			word &= 0x1fff;
		memcpy((uint8_t *)(uintptr_t)b.base + *consumer, &word, 4);
		r = map_user_ring_drain(map, inside, &b, 0);
		CHECK(r >= 0 || r == -EINVAL || r == -E2BIG);
		errors += r == -EINVAL;
		big += r == -E2BIG;
	}
	CHECK(errors > 100 && big > 100 && b.samples > 100);
	map_unref(map);
}

/* One thread produces, another drains -------------------------------------------------------------------- */

#define MANY 100000u

static void *produce(void *arg)
{
	struct map *map = arg;

	for (uint32_t i = 0; i < MANY;) {
		uint32_t *at = map_user_ring_reserve(map, 4);

		if (!at) {
			sched_yield();
			continue;
		}
		*at = i++;
		map_user_ring_submit(map, at);
	}
	return NULL;
}

static int64_t next_number(void *ctx, const void *data, uint32_t len)
{
	uint32_t *want = ctx, got;

	memcpy(&got, data, len);
	CHECK_EQ_INT(got, *want);
	++*want;
	return 0;
}

static void two_threads(void)
{
	struct map *map = make();
	uint32_t want = 0;
	pthread_t thread;

	if (!CHECK_EQ_INT(pthread_create(&thread, NULL, produce, map), 0))
		return;
	while (want < MANY && !check_state.bad)
		if (map_user_ring_drain(map, next_number, &want, 0) == 0)
			sched_yield();
	pthread_join(thread, NULL);
	CHECK_EQ_INT(want, MANY);
	map_unref(map);
}

CHECK_MAIN({ "in_order", in_order }, { "hostile", hostile }, { "two_threads", two_threads })
