// SPDX-License-Identifier: Apache-2.0
/*
 * Maps shared by processes: who joins sees what others wrote, at the same addresses, and processes that are killed at random
 * points leave nothing behind. Workers note in plain shared memory what they are about to do and what is done; after each
 * kill the map must show one or the other, and at the end have room for exactly what it declares.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "map/map.h"
#include "map_model.h"

#define WORKERS 3u
#define KEYS 24u /* of each worker */
#define ROOM (WORKERS * KEYS)

/* What a worker does and did; 0: the key is absent. */
struct diary {
	uint64_t state, next;
	uint64_t value[KEYS];
	uint32_t key, busy;
	uint64_t coming;
	uint64_t steps;
	pid_t pid;
};

static struct map_space *new_space(uint64_t limit)
{
	struct map_space *space = NULL;

	CHECK_EQ_INT(map_space_new(limit, &space, NULL), 0);
	return space;
}

static struct map *new_map(struct map_space *space, const char *name, uint32_t type, uint32_t key,
			   uint32_t value, uint32_t max)
{
	struct map_attr attr = { .name = name,
				 .type = type,
				 .key_size = key,
				 .value_size = value,
				 .max_entries = max,
				 .flags = type == MAP_LPM_TRIE ? MAP_F_NO_PREALLOC : 0,
				 .ncpus = 2,
				 .space = space };
	struct map *map = NULL;
	struct skep_error *err = NULL;

	CHECK_MSG(map_new(&attr, &map, &err) == 0, "%s", err ? skep_error_message(err) : "?");
	skep_error_free(err);
	return map;
}

static void *shared_pages(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED) {
		fprintf(stderr, "no memory\n");
		exit(3);
	}
	return mem;
}

/* Joining -------------------------------------------------------------------------------------------- */

static void send_fd(int sock, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &io,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	CHECK_EQ_INT(sendmsg(sock, &msg, 0), 1);
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec io = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &io,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* What the joiner finds: 0, or the number of the step that failed. */
static int look_around(int sock)
{
	struct map_space *space = NULL;
	struct map *map = NULL, *again = NULL, *array = NULL;
	uint64_t key = 7, value = 0, *at;
	int fd = receive_fd(sock);

	if (fd < 0 || map_space_join(fd, &space, NULL) < 0)
		return 1;
	close(fd);
	if (map_open(space, "absent", NULL, &map, NULL) != -ENOENT)
		return 2;
	if (map_open(space, "table", NULL, &map, NULL) < 0 ||
	    map_open(space, "table", NULL, &again, NULL) < 0 || again != map)
		return 3;
	if (map_attr(map)->max_entries != 10 || map_user_lookup(map, &key, &value) < 0 ||
	    value != 4711)
		return 4;
	at = map_lookup(map, &key, 0);
	*at = 4712; /* seen without a call */
	key = 8;
	if (map_update(map, &key, at, MAP_NOEXIST, 0) < 0 ||
	    map_update(map, &key, at, MAP_NOEXIST, 0) != -EEXIST)
		return 5;
	if (map_open(space, "row", NULL, &array, NULL) < 0)
		return 6;
	*(uint64_t *)(uintptr_t)map_direct_value(array) = (uintptr_t)at;
	map_unref(again);
	map_unref(map);
	map_unref(array);
	map_space_unref(space);
	return 0;
}

static void joins(void)
{
	int pair[2], status = -1;
	struct map_space *space;
	struct map *map, *array;
	struct map_stats stats;
	uint64_t key = 7, value = 4711;
	pid_t pid;

	CHECK_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork(); /* before there is a space: it inherits nothing */
	if (pid == 0)
		_exit(look_around(pair[1]));
	space = new_space(0);
	map = new_map(space, "table", MAP_HASH, 8, 8, 10);
	array = new_map(space, "row", MAP_ARRAY, 4, 8, 4);
	CHECK_EQ_INT(map_update(map, &key, &value, MAP_ANY, 0), 0);
	send_fd(pair[0], map_space_fd(space));
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK_EQ_INT(status, 0);
	CHECK_EQ_INT(map_user_lookup(map, &key, &value), 0);
	CHECK_EQ_INT(value, 4712);
	CHECK_EQ_INT(*(uint64_t *)(uintptr_t)map_direct_value(array),
		     (uintptr_t)map_lookup(map, &key, 0));
	map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries, 2);
	map_unref(map);
	map_unref(array);
	map_space_unref(space);
	close(pair[0]);
	close(pair[1]);
}

static void refuses(void)
{
	struct map_space *space = new_space(64 << 20), *twice = NULL;
	struct map_attr attr = { .name = "p",
				 .type = MAP_PROG_ARRAY,
				 .key_size = 4,
				 .value_size = 4,
				 .max_entries = 4,
				 .space = space };
	struct map *map = NULL, *kept;
	int fd = memfd_create("no-space", 0);
	char name[64];
	uint32_t at = 0;

	CHECK_EQ_INT(map_new(&attr, &map, NULL), -EOPNOTSUPP);
	attr.type = MAP_ARRAY;
	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	CHECK_EQ_INT(map_new(&attr, &kept, NULL), -EEXIST);
	map_unref(map); /* nobody has it now: the name is free */
	attr.keep = true;
	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	map_unref(map);
	CHECK_EQ_INT(map_space_next(space, &at, name, sizeof(name)), 0);
	CHECK(!strcmp(name, "p"));
	CHECK_EQ_INT(map_space_next(space, &at, name, sizeof(name)), -ENOENT);
	attr.name = "large";
	attr.max_entries = 16 << 20;
	CHECK_EQ_INT(map_new(&attr, &map, NULL), -ENOSPC);
	CHECK_EQ_INT(map_open(space, "large", NULL, &map, NULL), -ENOENT);
	CHECK_EQ_INT(map_space_join(map_space_fd(space), &twice, NULL), -EADDRINUSE);
	CHECK_EQ_INT(map_space_join(fd, &twice, NULL), -EBADF);
	CHECK_EQ_INT(map_space_join(-1, &twice, NULL), -EBADF);
	CHECK_EQ_INT(map_space_new(1 << 10, &twice, NULL), -EINVAL);
	close(fd);
	map_space_unref(space);
}

/* Memory that maps gave back is used again, and zero. */
static void reuses(void)
{
	struct map_space *space = new_space(32 << 20);

	for (uint32_t i = 0; i < 100; i++) {
		struct map *map = new_map(space, "m", MAP_ARRAY, 4, 1024, 8 << 10);
		uint32_t key = i;
		uint64_t *at = map_lookup(map, &key, 0);

		CHECK_EQ_INT(*at, 0);
		*at = i + 1;
		map_unref(map);
	}
	map_space_unref(space);
}

/* Killing -------------------------------------------------------------------------------------------- */

static void make_key(const struct map *map, uint32_t worker, uint32_t k, uint8_t *key)
{
	uint32_t word = worker * KEYS + k, len;

	memset(key, 0, 8);
	memcpy(key, &word, 4);
	if (map_attr(map)->type != MAP_LPM_TRIE)
		return;
	len = 16 +
	      k % 17; /* none is a prefix of another, so that a look-up finds itself or nothing */
	memcpy(key, &len, 4);
	key[4] = (uint8_t)(worker + 1);
	key[5] = (uint8_t)(k * 37);
	key[6] = key[7] = 0;
}

static int write_key(struct map *map, const uint8_t *key, uint64_t value)
{
	uint64_t words[2] = { value, ~value };

	return value ? map_update(map, key, words, MAP_ANY, 0) : map_delete(map, key);
}

/* Until it is killed. Leaves by 1 when the map answers what it must not. */
static void work(struct map *map, uint32_t worker, struct diary *d)
{
	uint8_t key[8];
	int r;

	for (;;) {
		uint32_t k = (uint32_t)(model_random(&d->state) % KEYS);
		uint64_t value = model_random(&d->state) % 3 ? ++d->next : 0;
		bool absent = !d->value[k];

		make_key(map, worker, k, key);
		d->key = k;
		d->coming = value;
		__atomic_store_n(&d->busy, 1, __ATOMIC_SEQ_CST);
		r = write_key(map, key, value);
		d->value[k] = value;
		__atomic_store_n(&d->busy, 0, __ATOMIC_SEQ_CST);
		d->steps++;
		if (r != (!value && absent ? -ENOENT : 0))
			_exit(1);
	}
}

/* After a kill: what is there is what the diary says, before or after the step that it was at. */
static void compare(struct map *map, uint32_t worker, struct diary *d)
{
	uint64_t got[2];
	uint8_t key[8];

	for (uint32_t k = 0; k < KEYS; k++) {
		make_key(map, worker, k, key);
		got[0] = 0;
		got[1] = ~0ull;
		map_user_lookup(map, key, got);
		CHECK_MSG(got[1] == ~got[0], "key %u of %u is torn", k, worker);
		if (d->busy && d->key == k && got[0] == d->coming)
			d->value[k] = d->coming;
		CHECK_MSG(got[0] == d->value[k], "key %u of %u: %llu, not %llu", k, worker,
			  (unsigned long long)got[0], (unsigned long long)d->value[k]);
	}
	d->busy = 0;
}

/* Some come by inheritance, some leave all that and join anew. */
static struct map *come_in(struct map_space *space, struct map *map, bool anew)
{
	int fd;

	if (!anew)
		return map;
	fd = dup(map_space_fd(space));
	map_unref(map);
	map_space_unref(space);
	if (map_space_join(fd, &space, NULL) < 0 || map_open(space, "m", NULL, &map, NULL) < 0)
		_exit(2);
	close(fd);
	return map;
}

static void start(struct map_space *space, struct map *map, uint32_t worker, struct diary *d,
		  bool anew, void (*fn)(struct map *, uint32_t, struct diary *))
{
	pid_t pid = fork();

	if (pid < 0) {
		fprintf(stderr, "no process\n");
		exit(3);
	}
	if (pid == 0) {
		fn(come_in(space, map, anew), worker, d);
		_exit(0);
	}
	d->pid = pid; /* the diary is the child's, too */
}

/* True: it lived until it was killed. */
static bool end(struct diary *d)
{
	int status = 0;

	kill(d->pid, SIGKILL);
	if (waitpid(d->pid, &status, 0) != d->pid)
		return false;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void nap(uint64_t *state)
{
	struct timespec t = { .tv_nsec = (long)(model_random(state) % 1500000) };

	nanosleep(&t, NULL);
}

static uint32_t rounds(void)
{
	return getenv("SKEP_EMULATED") ? 10 : 170;
}

static uint32_t count_keys(struct map *map)
{
	uint8_t key[8], next[8];
	uint32_t n = 0;
	bool first = true;

	while (n <= ROOM && map_next_key(map, first ? NULL : key, next) == 0) {
		memcpy(key, next, 8);
		first = false;
		n++;
	}
	return n;
}

/* Every element is there again: it can be filled to the last, and emptied, twice. */
static void fill_and_empty(struct map *map)
{
	struct map_stats stats;
	uint8_t key[8];
	uint32_t full = MAP_UNSPEC;

	map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries, count_keys(map));
	for (uint32_t turn = 0; turn < 4; turn++)
		for (uint32_t i = 0; i < ROOM; i++) {
			make_key(map, i / KEYS, i % KEYS, key);
			CHECK(write_key(map, key, turn % 2 ? 0 : i + 1) == 0);
			full += turn == 0;
			if (turn == 0 && i == ROOM - 1)
				CHECK_EQ_INT(count_keys(map), ROOM);
		}
	map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries, 0);
	CHECK_EQ_INT(full, ROOM);
}

static void kill_workers(uint32_t type)
{
	struct map_space *space = new_space(0);
	struct map *map = new_map(space, "m", type, 8, 16, ROOM);
	struct diary *d = shared_pages(sizeof(*d) * WORKERS);
	uint64_t state = type, steps = 0;
	uint32_t lived = 0;

	for (uint32_t w = 0; w < WORKERS; w++) {
		d[w].state = w * 77 + 1;
		start(space, map, w, &d[w], w == 1, work);
	}
	for (uint32_t i = 0; i < rounds(); i++) {
		uint32_t w = (uint32_t)(model_random(&state) % WORKERS);

		nap(&state);
		lived += end(&d[w]);
		compare(map, w, &d[w]);
		start(space, map, w, &d[w], i % 2, work);
	}
	CHECK_EQ_INT(lived, rounds());
	for (uint32_t w = 0; w < WORKERS; w++) {
		CHECK(end(&d[w]));
		compare(map, w, &d[w]);
		steps += d[w].steps;
	}
	CHECK(steps > rounds());
	fill_and_empty(map);
	munmap(d, sizeof(*d) * WORKERS);
	map_unref(map);
	map_space_unref(space);
}

static void killed_writers(void)
{
	static const uint32_t types[] = { MAP_HASH, MAP_LRU_HASH, MAP_LPM_TRIE };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		CHECK_CASE("%s", spec_map_type_name((int)types[i]));
		kill_workers(types[i]);
	}
}

/* Queues: each value is pushed once, and comes out once. */

#define VALUES (1u << 20)

static uint8_t *seen[WORKERS];

static void push_and_pop(struct map *map, uint32_t worker, struct diary *d)
{
	uint64_t value;

	while (d->next < VALUES) {
		value = (uint64_t)worker << 32 | d->next;
		__atomic_store_n(&d->busy, 1, __ATOMIC_SEQ_CST);
		if (map_push(map, &value, 0) == 0)
			d->next++;
		__atomic_store_n(&d->busy, 2, __ATOMIC_SEQ_CST);
		if (map_pop(map, &value) == 0)
			__atomic_fetch_add(&seen[value >> 32][(uint32_t)value], 1,
					   __ATOMIC_SEQ_CST);
		__atomic_store_n(&d->busy, 0, __ATOMIC_SEQ_CST);
		d->steps++;
	}
	pause();
}

static void note_end(struct diary *d, uint32_t *pops)
{
	CHECK(end(d));
	*pops += d->busy == 2;
	d->next += d->busy == 1; /* that one may be in, or not */
	d->busy = 0;
}

static void count_values(const struct diary *d, uint32_t pushes, uint32_t pops)
{
	uint32_t twice = 0, missing = 0;

	for (uint32_t w = 0; w < WORKERS; w++)
		for (uint32_t i = 0; i < d[w].next; i++) {
			twice += seen[w][i] > 1;
			missing += !seen[w][i];
		}
	CHECK_EQ_INT(twice, 0);
	CHECK_MSG(missing <= pops + pushes, "%u are missing, %u died at a pop", missing, pops);
}

static void kill_queues(uint32_t type)
{
	struct map_space *space = new_space(0);
	struct map *map = new_map(space, "m", type, 0, 8, 64);
	struct diary *d = shared_pages(sizeof(*d) * WORKERS);
	uint64_t state = type, value;
	uint32_t pops = 0, n = 0;

	for (uint32_t w = 0; w < WORKERS; w++)
		seen[w] = shared_pages(VALUES);
	for (uint32_t w = 0; w < WORKERS; w++)
		start(space, map, w, &d[w], w == 1, push_and_pop);
	for (uint32_t i = 0; i < rounds(); i++) {
		uint32_t w = (uint32_t)(model_random(&state) % WORKERS);

		nap(&state);
		note_end(&d[w], &pops);
		start(space, map, w, &d[w], i % 2, push_and_pop);
	}
	for (uint32_t w = 0; w < WORKERS; w++)
		note_end(&d[w], &pops);
	while (map_pop(map, &value) == 0 && n++ < 64)
		seen[value >> 32][(uint32_t)value]++;
	count_values(d, rounds() + WORKERS, pops);
	for (n = 0; map_push(map, &value, 0) == 0;)
		n++;
	CHECK_EQ_INT(n, 64);
	for (uint32_t w = 0; w < WORKERS; w++)
		munmap(seen[w], VALUES);
	munmap(d, sizeof(*d) * WORKERS);
	map_unref(map);
	map_space_unref(space);
}

static void killed_in_queues(void)
{
	CHECK_CASE("queue");
	kill_queues(MAP_QUEUE);
	CHECK_CASE("stack");
	kill_queues(MAP_STACK_MAP);
}

/* Rings: what was submitted arrives once, in its producer's order; what was only reserved does not stop the reader. */

static void produce(struct map *map, uint32_t worker, struct diary *d)
{
	for (;;) {
		uint64_t *sample = map_ring_reserve(map, 16, 0);

		if (!sample) {
			sched_yield();
			continue;
		}
		sample[0] = worker;
		sample[1] = d->next + 1;
		__atomic_store_n(&d->busy, 1, __ATOMIC_SEQ_CST);
		map_ring_submit(map, sample, 0);
		d->next++;
		__atomic_store_n(&d->busy, 0, __ATOMIC_SEQ_CST);
	}
}

struct reader {
	uint64_t last[WORKERS], bad;
};

static int read_sample(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	struct reader *r = ctx;
	uint64_t sample[2];

	(void)cpu;
	memcpy(sample, data, sizeof(sample));
	if (len != 16 || sample[0] >= WORKERS || sample[1] != r->last[sample[0]] + 1)
		r->bad++;
	else
		r->last[sample[0]]++;
	return 0;
}

static void killed_producers(void)
{
	struct map_space *space = new_space(0);
	struct map *map = new_map(space, "m", MAP_RINGBUF, 0, 0, 4096);
	struct diary *d = shared_pages(sizeof(*d) * WORKERS);
	struct reader reader = { { 0 }, 0 };
	uint64_t state = 5;

	for (uint32_t w = 0; w < WORKERS; w++)
		start(space, map, w, &d[w], w == 1, produce);
	for (uint32_t i = 0; i < rounds() * 3; i++) {
		uint32_t w = (uint32_t)(model_random(&state) % WORKERS);

		nap(&state);
		CHECK(map_ring_drain(map, read_sample, &reader) >= 0);
		if (i % 3)
			continue;
		CHECK(end(&d[w]));
		map_ring_drain(map, read_sample, &reader);
		if (d[w].busy && reader.last[w] == d[w].next + 1)
			d[w].next++; /* submitted, but not noted */
		d[w].busy = 0;
		start(space, map, w, &d[w], i % 2, produce);
	}
	for (uint32_t w = 0; w < WORKERS; w++)
		CHECK(end(&d[w]));
	while (map_ring_drain(map, read_sample, &reader) > 0)
		;
	CHECK_EQ_INT(reader.bad, 0);
	for (uint32_t w = 0; w < WORKERS; w++)
		CHECK(reader.last[w] == d[w].next || reader.last[w] == d[w].next + 1);
	CHECK_EQ_INT(map_ring_query(map, 0), 0);
	munmap(d, sizeof(*d) * WORKERS);
	map_unref(map);
	map_space_unref(space);
}

CHECK_MAIN({ "joins", joins }, { "refuses", refuses }, { "reuses", reuses },
	   { "killed_writers", killed_writers }, { "killed_in_queues", killed_in_queues },
	   { "killed_producers", killed_producers })
