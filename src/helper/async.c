// SPDX-License-Identifier: Apache-2.0
/*
 * The thread of timers and work (helper/async.h). Entries lie in a hash table by address; those that wait also in a heap by their
 * time. A callback runs without the lock, on a run of its own, interpreted; its entry cannot go while it does.
 * Invariant: entry->slot is its place in the heap, or NOWHERE.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "helper/async.h"

#define NOWHERE UINT32_MAX
#define BUCKETS 1024u
#define MAX_ENTRIES (1u << 20)
#define BILLION 1000000000u

struct entry {
	enum async_kind kind;
	uint64_t addr, map_addr, func, due; /* due: of CLOCK_MONOTONIC */
	struct map *map;
	const struct exec_prog *prog;
	int clock;
	uint32_t slot;
	bool running, gone;
	struct entry *next;
};

struct service {
	struct model *model;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool started, stop;
	struct entry *bucket[BUCKETS], *now; /* whose callback runs */
	struct entry **heap;
	uint32_t n, room, count;
};

static uint64_t read_clock(int clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * BILLION + (uint64_t)t.tv_nsec;
}

/* The heap ------------------------------------------------------------------------------------------------- */

static void place(struct service *s, struct entry *e, uint32_t slot)
{
	s->heap[slot] = e;
	e->slot = slot;
}

static void rise(struct service *s, uint32_t i)
{
	struct entry *e = s->heap[i];

	for (; i && s->heap[(i - 1) / 2]->due > e->due; i = (i - 1) / 2)
		place(s, s->heap[(i - 1) / 2], i);
	place(s, e, i);
}

static void sink(struct service *s, uint32_t i)
{
	struct entry *e = s->heap[i];

	for (uint32_t child; (child = 2 * i + 1) < s->n; i = child) {
		if (child + 1 < s->n && s->heap[child + 1]->due < s->heap[child]->due)
			child++;
		if (s->heap[child]->due >= e->due)
			break;
		place(s, s->heap[child], i);
	}
	place(s, e, i);
}

static void take_out(struct service *s, struct entry *e)
{
	uint32_t i = e->slot;
	struct entry *last;

	if (i == NOWHERE)
		return;
	e->slot = NOWHERE;
	last = s->heap[--s->n];
	if (last == e)
		return;
	place(s, last, i);
	rise(s, i);
	sink(s, last->slot);
}

static int put_in(struct service *s, struct entry *e, uint64_t due)
{
	struct entry **more;

	take_out(s, e);
	if (s->n == s->room) {
		more = realloc(s->heap, (s->room ? s->room * 2 : 16) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->heap = more;
		s->room = s->room ? s->room * 2 : 16;
	}
	e->due = due;
	place(s, e, s->n++);
	rise(s, e->slot);
	return 0;
}

/* Entries -------------------------------------------------------------------------------------------------- */

static struct entry **find(struct service *s, uint64_t addr)
{
	struct entry **at = &s->bucket[(addr >> 3) * 0x9e3779b1u % BUCKETS];

	while (*at && ((*at)->addr != addr || (*at)->gone))
		at = &(*at)->next;
	return at;
}

static void remove_entry(struct service *s, struct entry *e)
{
	struct entry **at = &s->bucket[(e->addr >> 3) * 0x9e3779b1u % BUCKETS];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	take_out(s, e);
	s->count--;
	map_unref(e->map);
	free(e);
}

/* The thread ----------------------------------------------------------------------------------------------- */

static void call(struct service *s, struct entry *e)
{
	uint64_t args[5] = { e->map_addr, 0, 0 }, base, ret;
	const struct map_attr *attr = map_attr(e->map);
	struct exec_run run;
	uint32_t size, scratch;
	const void *key;
	void *copy;

	if (!map_value_at(e->map, e->addr, &base, &size) || exec_run_init(&run, NULL) < 0)
		return;
	key = map_key_of(e->map, base, &scratch);
	copy = key ? model_alloc(s->model, MODEL_SLICE, attr->key_size, 0) : NULL;
	if (copy) {
		memcpy(copy, key, attr->key_size);
		args[1] = (uintptr_t)copy;
		args[2] = base;
		run.model = s->model;
		run.model_find = helper_find_object;
		run.user = e;
		exec_async(e->prog, &run, e->func, args, &ret, NULL);
		model_unref(s->model, copy);
	}
	exec_run_done(&run);
}

static void wait_until(struct service *s, uint64_t due)
{
	const struct timespec t = { (time_t)(due / BILLION), (long)(due % BILLION) };

	pthread_cond_timedwait(&s->changed, &s->lock, &t);
}

static void *serve(void *arg)
{
	struct service *s = arg;
	struct entry *e;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		e = s->n ? s->heap[0] : NULL;
		if (!e) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		if (e->due > read_clock(CLOCK_MONOTONIC)) {
			wait_until(s, e->due);
			continue;
		}
		take_out(s, e);
		e->running = true;
		s->now = e;
		pthread_mutex_unlock(&s->lock);
		call(s, e);
		pthread_mutex_lock(&s->lock);
		e->running = false;
		s->now = NULL;
		if (e->gone)
			remove_entry(s, e);
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void stop(void *arg)
{
	struct service *s = arg;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (s->started)
		pthread_join(s->thread, NULL);
	for (uint32_t i = 0; i < BUCKETS; i++)
		while (s->bucket[i])
			remove_entry(s, s->bucket[i]);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s->heap);
	free(s);
}

static struct service *make(struct model *m)
{
	struct service *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->model = m;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

/* Locked; NULL: no memory. */
static struct service *service_of(struct model *m, bool create)
{
	struct service *s;

	model_lock(m);
	s = model_service(m);
	if (!s && create) {
		s = make(m);
		if (s)
			model_set_service(m, s, stop);
	}
	model_unlock(m);
	if (s)
		pthread_mutex_lock(&s->lock);
	return s;
}

int async_init(struct model *m, enum async_kind kind, uint64_t addr, struct map *map,
	       uint64_t map_addr, int clock)
{
	struct service *s = service_of(m, true);
	struct entry **at, *e;
	int r = -ENOMEM;

	if (!s)
		return r;
	at = find(s, addr);
	e = *at ? NULL : calloc(1, sizeof(*e));
	if (*at)
		r = -EBUSY;
	if (e && s->count < MAX_ENTRIES) {
		*e = (struct entry){ .kind = kind,
				     .addr = addr,
				     .map = map_ref(map),
				     .map_addr = map_addr,
				     .clock = clock,
				     .slot = NOWHERE };
		*at = e;
		s->count++;
		e = NULL;
		r = 0;
	}
	free(e);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* The entry, locked; NULL, unlocked: there is none. */
static struct entry *hold(struct model *m, enum async_kind kind, uint64_t addr,
			  struct service **ret)
{
	struct service *s = service_of(m, false);
	struct entry *e = s ? *find(s, addr) : NULL;

	*ret = s;
	if (e && e->kind == kind)
		return e;
	if (s)
		pthread_mutex_unlock(&s->lock);
	return NULL;
}

int async_callback(struct model *m, enum async_kind kind, uint64_t addr,
		   const struct exec_prog *prog, uint64_t func)
{
	struct service *s;
	struct entry *e = hold(m, kind, addr, &s);

	if (!e)
		return -EINVAL;
	e->prog = prog;
	e->func = func;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int async_start(struct model *m, enum async_kind kind, uint64_t addr, uint64_t when, bool absolute)
{
	struct service *s;
	struct entry *e = hold(m, kind, addr, &s);
	uint64_t now = read_clock(CLOCK_MONOTONIC), base;
	int r = -EINVAL;

	if (!e)
		return r;
	base = absolute ? read_clock(e->clock) : 0;
	if (absolute)
		when = when > base ? when - base : 0;
	if (e->prog && kind == ASYNC_TASK_WORK && e->slot != NOWHERE)
		r = -EBUSY;
	else if (e->prog && kind == ASYNC_WORK && e->slot != NOWHERE)
		r = 0; /* queued already */
	else if (e->prog)
		r = put_in(s, e, when > UINT64_MAX / 2 - now ? UINT64_MAX / 2 : now + when);
	if (r == 0 && !s->started) {
		s->started = pthread_create(&s->thread, NULL, serve, s) == 0;
		if (!s->started) {
			take_out(s, e);
			r = -ENOMEM;
		}
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int async_cancel(struct model *m, enum async_kind kind, uint64_t addr)
{
	struct service *s;
	struct entry *e = hold(m, kind, addr, &s);
	int r;

	if (!e)
		return -EINVAL;
	if (e->running && s->started && pthread_equal(pthread_self(), s->thread)) {
		pthread_mutex_unlock(&s->lock);
		return -EDEADLK;
	}
	r = e->slot != NOWHERE;
	take_out(s, e);
	while (e && e->running) {
		pthread_cond_wait(&s->changed, &s->lock);
		e = *find(s, addr);
	}
	if (e) {
		e->prog = NULL;
		take_out(s, e);
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

void async_forget(struct model *m, uint64_t addr)
{
	struct service *s = service_of(m, false);
	struct entry *e = s ? *find(s, addr) : NULL;

	if (e && e->running)
		e->gone = true;
	else if (e)
		remove_entry(s, e);
	if (s)
		pthread_mutex_unlock(&s->lock);
}

void async_settle(struct model *m)
{
	struct service *s = service_of(m, false);

	if (!s)
		return;
	while (s->now || (s->n && s->heap[0]->due <= read_clock(CLOCK_MONOTONIC)))
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}
