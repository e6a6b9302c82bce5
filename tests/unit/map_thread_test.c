// SPDX-License-Identifier: Apache-2.0
/* Maps under several threads; run with SAN=thread too. What one thread wrote another must find whole. */
#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "map/map.h"
#include "map_model.h"

#define THREADS 4
#define ROUNDS 20000u

struct job {
	struct map *map;
	uint32_t id;
	uint64_t bad, sent;
	pthread_t thread;
	uint32_t *running;
};

static struct map *make(uint32_t type, uint32_t key, uint32_t value, uint32_t max, uint32_t flags)
{
	struct map_attr attr = { .name = "t",
				 .type = type,
				 .key_size = key,
				 .value_size = value,
				 .max_entries = max,
				 .flags = flags,
				 .ncpus = THREADS };
	struct map *map = NULL;

	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	return map;
}

/* Runs @fn on THREADS threads, each with a job, and then checks that none saw something wrong. */
static void run(struct map *map, struct job *jobs, void *(*fn)(void *), uint32_t *running)
{
	for (uint32_t i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){ .map = map, .id = i, .running = running };
		if (pthread_create(&jobs[i].thread, NULL, fn, &jobs[i])) {
			fprintf(stderr, "no thread\n");
			exit(3);
		}
	}
}

static void join(struct job *jobs)
{
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(jobs[i].thread, NULL);
		CHECK_EQ_INT(jobs[i].bad, 0);
	}
}

/* Threads share keys, write values of two equal halves, read them under the map's own lock. */
static void *hash_worker(void *arg)
{
	struct job *job = arg;
	uint64_t state = job->id;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t key = (uint32_t)(model_random(&state) % 96);
		uint64_t value[2] = { model_random(&state) }, got[2] = { 0 }, next;
		int r;

		value[1] = ~value[0];
		switch (i % 4) {
		case 0:
			r = map_update(job->map, &key, value, MAP_ANY, 0);
			job->bad += r != 0 && r != -E2BIG;
			break;
		case 1:
			r = map_delete(job->map, &key);
			job->bad += r != 0 && r != -ENOENT;
			break;
		case 2:
			r = map_user_lookup(job->map, &key, got);
			job->bad += r == 0 && got[0] != ~got[1];
			break;
		default:
			map_lookup(job->map, &key, 0);
			map_next_key(job->map, &key, &next);
		}
	}
	return NULL;
}

static void shared_keys(void)
{
	static const struct {
		uint32_t type, max, flags;
	} rows[] = {
		{ MAP_HASH, 64, 0 },
		{ MAP_HASH, 200, MAP_F_NO_PREALLOC },
		{ MAP_LRU_HASH, 64, 0 },
	};
	struct job jobs[THREADS];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct map *map = make(rows[i].type, 4, 16, rows[i].max, rows[i].flags);
		struct map_stats stats;
		uint32_t n = 0, key;
		bool first = true;

		CHECK_CASE("%s of %u", spec_map_type_name((int)rows[i].type), rows[i].max);
		run(map, jobs, hash_worker, NULL);
		join(jobs);
		while (map_next_key(map, first ? NULL : &key, &key) == 0) {
			first = false;
			n++;
		}
		map_stats(map, &stats);
		CHECK_EQ_INT(n, stats.entries);
		CHECK(n <= rows[i].max);
		map_unref(map);
	}
}

/* Keys of one's own are always found, whatever the others do in the same buckets. */
static void *own_keys_worker(void *arg)
{
	struct job *job = arg;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t key = job->id << 16 | i % 50, gone = job->id << 16 | (i + 25) % 50;
		uint64_t value = i;

		job->bad += map_update(job->map, &key, &value, MAP_ANY, 0) != 0;
		job->bad += !map_lookup(job->map, &key, 0);
		map_delete(job->map, &gone);
		job->bad += map_lookup(job->map, &gone, 0) != NULL;
	}
	return NULL;
}

static void own_keys(void)
{
	struct map *map = make(MAP_HASH, 4, 8, 50 * THREADS, 0);
	struct job jobs[THREADS];

	run(map, jobs, own_keys_worker, NULL);
	join(jobs);
	map_unref(map);
}

static void *trie_worker(void *arg)
{
	struct job *job = arg;
	uint64_t state = job->id + 100;

	for (uint32_t i = 0; i < ROUNDS / 4; i++) {
		uint8_t key[8] = { (uint8_t)(8 + model_random(&state) % 25), 0, 0, 0,
				   (uint8_t)(10 + job->id) };
		uint8_t inside[8] = { 32, 0, 0, 0, (uint8_t)(10 + job->id), 1, 2, 3 };
		uint64_t value = job->id;

		key[5] = (uint8_t)(model_random(&state) & 3);
		job->bad += map_update(job->map, key, &value, MAP_ANY, 0) != 0;
		key[0] = 8;
		job->bad += map_update(job->map, key, &value, MAP_ANY, 0) != 0;
		job->bad += !map_lookup(job->map, inside, 0);
		key[0] = (uint8_t)(8 + model_random(&state) % 25);
		map_delete(job->map, key);
	}
	return NULL;
}

static void tries(void)
{
	struct map *map = make(MAP_LPM_TRIE, 8, 8, 1000, MAP_F_NO_PREALLOC);
	struct job jobs[THREADS];

	run(map, jobs, trie_worker, NULL);
	join(jobs);
	map_unref(map);
}

/* Several producers, one consumer: each producer's records arrive once, whole, in its order; the rest is counted. */
struct seen {
	uint64_t next[THREADS], records;
	bool bad;
};

static int see(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	struct seen *seen = ctx;
	const uint64_t *words = data;

	(void)cpu;
	if (len < 16 || words[0] >= THREADS || words[1] < seen->next[words[0]] ||
	    len != 16 + words[1] % 5 * 8) {
		seen->bad = true;
		return -EINVAL;
	}
	for (size_t i = 2; i < len / 8; i++)
		seen->bad |= words[i] != words[1] * i;
	seen->next[words[0]] = words[1] + 1;
	seen->records++;
	return 0;
}

static void *ring_worker(void *arg)
{
	struct job *job = arg;

	for (uint64_t n = 0; n < ROUNDS; n++) {
		size_t words = 2 + n % 5;
		uint64_t *at = map_ring_reserve(job->map, words * 8, 0);

		if (!at)
			continue;
		at[0] = job->id;
		at[1] = n;
		for (size_t i = 2; i < words; i++)
			at[i] = n * i;
		if (n % 7 == 3) {
			map_ring_discard(job->map, at, 0);
		} else {
			map_ring_submit(job->map, at, 0);
			job->sent++;
		}
	}
	__atomic_sub_fetch(job->running, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void ring(void)
{
	struct map *map = make(MAP_RINGBUF, 0, 0, 4096, 0);
	uint32_t running = THREADS;
	struct job jobs[THREADS];
	struct seen seen = { 0 };
	uint64_t sent = 0;

	run(map, jobs, ring_worker, &running);
	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE))
		CHECK(map_ring_drain(map, see, &seen) >= 0);
	join(jobs);
	CHECK(map_ring_drain(map, see, &seen) >= 0);
	for (uint32_t i = 0; i < THREADS; i++)
		sent += jobs[i].sent;
	CHECK(!seen.bad);
	CHECK_EQ_INT(seen.records, sent);
	CHECK_EQ_INT(map_ring_query(map, 0), 0);
	map_unref(map);
}

CHECK_MAIN({ "shared_keys", shared_keys }, { "own_keys", own_keys }, { "tries", tries },
	   { "ring", ring })
