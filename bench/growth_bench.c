// SPDX-License-Identifier: Apache-2.0
/*
 * Maps as they grow: nanoseconds of a look-up and of an update of a present key, in random order, and bytes an entry,
 * for 10^2 entries and up; the kernel's memory beside ours; and how much more two threads do than one, pinned to two CPUs and
 * interleaved with one. The operations are the library's own functions, called from C as helpers call them. The smallest
 * of the rounds counts. Also counts the map types that the tables say are served.
 *
 *	growth_bench [FILE]	prints; adds one JSON object a line to FILE. GROWTH=n in the environment: up to 10^n entries
 */
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "map/map.h"

#define OPS 20000u /* of a round: shorter than a slice of a busy machine */
#define ROUNDS 21
#define SCALE_ROUNDS 101
#define LARGEST 7
#define USUAL 5
#define SCALE_ENTRIES 10000u

static const struct kind {
	const char *name;
	uint32_t type, key_size, flags;
} kinds[] = {
	{ "array", MAP_ARRAY, 4, 0 },
	{ "hash", MAP_HASH, 8, 0 },
	{ "percpu_hash", MAP_PERCPU_HASH, 8, 0 },
	{ "lru_hash", MAP_LRU_HASH, 8, 0 },
	{ "lpm_trie", MAP_LPM_TRIE, 8, MAP_F_NO_PREALLOC },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static FILE *json;

static void say(const char *figure, double value, const char *unit)
{
	if (json)
		fprintf(json, "{\"figure\": \"%s\", \"value\": %.3f, \"unit\": \"%s\"}\n", figure,
			value, unit);
}

/* Of growing maps, time of this thread alone: the machine may be busy. Two threads need the wall's. */
static clockid_t clock_used = CLOCK_THREAD_CPUTIME_ID;

static double now(void)
{
	struct timespec t;

	clock_gettime(clock_used, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t scramble(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Key @i of a map: a number, or a prefix of 32 bits. */
static uint64_t key_of(const struct kind *k, uint32_t i)
{
	if (k->type == MAP_LPM_TRIE)
		return 32 | (uint64_t)(i * 2654435761u) << 32;
	return i;
}

static struct map *make(const struct kind *k, uint32_t n)
{
	struct map_attr attr = { .name = k->name,
				 .type = k->type,
				 .key_size = k->key_size,
				 .value_size = 8,
				 .max_entries = n,
				 .flags = k->flags,
				 .memory_limit = 1ull << 33 };
	struct map *map = NULL;

	if (map_new(&attr, &map, NULL) < 0)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t key = key_of(k, i), value = i;

		if (map_update(map, &key, &value, MAP_ANY, 0) < 0) {
			map_unref(map);
			return NULL;
		}
	}
	return map;
}

static double look(struct map *map, const struct kind *k, uint32_t n, uint32_t ops)
{
	double start = now();
	uint64_t sum = 0;

	for (uint32_t i = 0; i < ops; i++) {
		uint64_t key = key_of(k, (uint32_t)(scramble(i) % n));
		const uint64_t *value = map_lookup(map, &key, 0);

		sum += value ? *value : 0;
	}
	__asm__ volatile("" ::"r"(sum));
	return (now() - start) / ops;
}

static double put(struct map *map, const struct kind *k, uint32_t n, uint32_t ops)
{
	double start = now();

	for (uint32_t i = 0; i < ops; i++) {
		uint64_t key = key_of(k, (uint32_t)(scramble(i) % n)), value = i;

		map_update(map, &key, &value, MAP_ANY, 0);
	}
	return (now() - start) / ops;
}

/* What making the keys costs. */
static double nothing(const struct kind *k, uint32_t n)
{
	double start = now();
	uint64_t sum = 0;

	for (uint32_t i = 0; i < OPS; i++) {
		uint64_t key = key_of(k, (uint32_t)(scramble(i) % n));

		__asm__ volatile("" : "+r"(key));
		sum += key;
	}
	__asm__ volatile("" ::"r"(sum));
	return (now() - start) / OPS;
}

/* The kernel's memory for as many entries; 0: it cannot be asked. */
static uint64_t kernel_bytes(const struct kind *k, uint32_t n)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	union bpf_attr a;
	FILE *file;
	long fd;

	if (n > 1000000) /* memory of the machine's kernel */
		return 0;
	memset(&a, 0, sizeof(a));
	a.map_type = k->type;
	a.key_size = k->key_size;
	a.value_size = 8;
	a.max_entries = n;
	a.map_flags = k->flags;
	fd = syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));
	if (fd < 0)
		return 0;
	for (uint32_t i = 0; k->type == MAP_LPM_TRIE && i < n; i++) {
		uint64_t key = key_of(k, i), value = i;

		memset(&a, 0, sizeof(a));
		a.map_fd = (uint32_t)fd;
		a.key = (uintptr_t)&key;
		a.value = (uintptr_t)&value;
		syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &a, sizeof(a));
	}
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%ld", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (file)
		fclose(file);
	close((int)fd);
	return bytes;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

static int grow(const struct kind *k, uint32_t n)
{
	double bare = 1e9, lookup = 1e9, update = 1e9, bytes, theirs;
	struct map *map = make(k, n);
	struct map_stats stats;
	char figure[64];

	if (!map)
		return -ENOMEM;
	for (int i = 0; i < ROUNDS; i++) {
		bare = least(bare, nothing(k, n));
		lookup = least(lookup, look(map, k, n, OPS));
		update = least(update, put(map, k, n, OPS));
	}
	map_stats(map, &stats);
	bytes = (double)stats.memory / n;
	theirs = (double)kernel_bytes(k, n) / n;
	printf("| %s | %u | %.1f | %.1f | %.0f |", k->name, n, lookup - bare, update - bare, bytes);
	printf(theirs > 0 ? " %.0f |\n" : " |\n", theirs);
	if (n == SCALE_ENTRIES) {
		snprintf(figure, sizeof(figure), "map.%s.bytes", k->name);
		say(figure, bytes, "bytes");
		snprintf(figure, sizeof(figure), "map.%s.bytes.vs_kernel", k->name);
		if (theirs > 0)
			say(figure, bytes / theirs, "ratio");
	}
	map_unref(map);
	return 0;
}

/* Two threads ------------------------------------------------------------------------------------------------ */

struct worker {
	struct map *map;
	const struct kind *kind;
	int cpu;
	pthread_barrier_t *start;
	bool writes;
	double ns;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)w->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	pthread_barrier_wait(w->start);
	w->ns = w->writes ? put(w->map, w->kind, SCALE_ENTRIES, OPS) :
			    look(w->map, w->kind, SCALE_ENTRIES, OPS);
	return NULL;
}

/* Operations a nanosecond of @n threads. */
static double rate(struct map *map, const struct kind *k, int n, bool writes)
{
	struct worker w[2];
	pthread_t thread[2];
	pthread_barrier_t start;
	double sum = 0;
	int made = 0;

	pthread_barrier_init(&start, NULL, (unsigned int)n);
	for (int i = 0; i < n; i++) {
		w[i] = (struct worker){ map, k, i, &start, writes, 0 };
		made += pthread_create(&thread[i], NULL, work, &w[i]) == 0;
	}
	if (made < n) /* whoever runs waits for ever */
		exit(1);
	for (int i = 0; i < n; i++) {
		pthread_join(thread[i], NULL);
		sum += 1 / w[i].ns;
	}
	pthread_barrier_destroy(&start);
	return sum;
}

static int scale(const struct kind *k)
{
	struct map *map = make(k, SCALE_ENTRIES);
	double best[2] = { 0 };
	char figure[64];

	if (!map)
		return -ENOMEM;
	for (int writes = 0; writes < 2; writes++) {
		double one = 0, two = 0;

		for (int i = 0; i < SCALE_ROUNDS; i++) {
			double x = rate(map, k, 1, writes), y = rate(map, k, 2, writes);

			one = x > one ? x : one;
			two = y > two ? y : two;
		}
		best[writes] = two / one;
	}
	printf("| %s | %.2f | %.2f |\n", k->name, best[0], best[1]);
	snprintf(figure, sizeof(figure), "map.%s.scale", k->name);
	say(figure, best[0], "ratio");
	map_unref(map);
	return 0;
}

static uint32_t count_types(void)
{
	uint32_t n = 0;

	for (int i = 0; i < MAP_TYPE_COUNT; i++)
		n += spec_map_type_served(i);
	return n;
}

int main(int argc, char **argv)
{
	const char *text = getenv("GROWTH");
	int most = text ? atoi(text) : USUAL, r = 0;

	json = argc > 1 ? fopen(argv[1], "a") : NULL;
	if (argc > 2 || (argc > 1 && !json) || most < 2 || most > LARGEST)
		return 2;
	printf("map types served: %u\n", count_types());
	say("count.maps", count_types(), "types");
	printf("\n| map | entries | look-up, ns | update, ns | bytes an entry | kernel's |\n");
	printf("| --- | --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; r == 0 && i < NKINDS; i++)
		for (uint32_t n = 100, d = 2; r == 0 && d <= (uint32_t)most; n *= 10, d++)
			r = grow(&kinds[i], n);
	clock_used = CLOCK_MONOTONIC;
	printf("\n| two threads against one | look-ups | updates |\n| --- | --- | --- |\n");
	for (size_t i = 0; r == 0 && i < NKINDS; i++)
		r = scale(&kinds[i]);
	if (json)
		fclose(json);
	if (r < 0)
		fprintf(stderr, "growth_bench: %s\n", strerror(-r));
	return r < 0;
}
