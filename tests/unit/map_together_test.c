// SPDX-License-Identifier: Apache-2.0
/*
 * Threads on one map: values with a lock are whole, walks see what is there all the time exactly once whatever else comes
 * and goes, and storage of an object is made once.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "map/object.h"
#include "map_model.h"

#define STABLE 300u
#define CHURN 300u

static struct btf *lock_types(uint32_t *ret_key, uint32_t *ret_value)
{
	struct btf_builder *b = btf_builder_new();
	uint32_t word = (uint32_t)btf_add_int(b, "int", 4, 0);
	uint32_t number = (uint32_t)btf_add_int(b, "long", 8, 0);
	struct btf_member in = { .name = "val", .type = word };
	uint32_t lock = (uint32_t)btf_add_composite(b, BTF_STRUCT, "bpf_spin_lock", 4, &in, 1);
	struct btf_member m[] = { { .name = "a", .type = number },
				  { .name = "lock", .type = lock, .bit_off = 64 },
				  { .name = "z", .type = number, .bit_off = 128 } };
	struct btf *btf = NULL;

	*ret_key = word;
	*ret_value = (uint32_t)btf_add_composite(b, BTF_STRUCT, "value", 24, m, 3);
	CHECK_EQ_INT(btf_finish(b, "types", &btf, NULL), 0);
	btf_builder_free(b);
	return btf;
}

static struct map *make(uint32_t type, uint32_t value_size, uint32_t max, uint32_t flags, bool lock)
{
	struct map_attr attr = { .name = "m",
				 .type = type,
				 .key_size = 4,
				 .value_size = value_size,
				 .max_entries = max,
				 .flags = flags,
				 .memory_limit = 1u << 24 };
	struct map *map = NULL;

	attr.btf = lock_types(&attr.key_type, &attr.value_type);
	if (!lock && value_size != 24)
		attr.value_type = attr.key_type;
	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	btf_unref(attr.btf);
	return map;
}

struct team {
	struct map *map;
	struct map_object *object;
	uint32_t stop, torn, made;
};

static bool stopped(const struct team *t)
{
	return __atomic_load_n(&t->stop, __ATOMIC_ACQUIRE);
}

static void run_with(struct team *t, void *(*fn)(void *), void (*self)(struct team *))
{
	pthread_t thread;

	if (!CHECK_EQ_INT(pthread_create(&thread, NULL, fn, t), 0))
		return;
	self(t);
	__atomic_store_n(&t->stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	map_unref(t->map);
}

/* Values with a lock --------------------------------------------------------------------------------------- */

struct locked {
	uint64_t a, lock, z;
};

static void *write_locked(void *arg)
{
	struct team *t = arg;

	for (uint64_t n = 1; !stopped(t); n++) {
		uint32_t key = (uint32_t)(n % 2);
		struct locked v = { n, 99, n * 3 };

		map_user_update(t->map, &key, &v, MAP_LOCK);
	}
	return NULL;
}

static void read_locked(struct team *t)
{
	for (uint64_t n = 1; n < 30000; n++) {
		uint32_t key = (uint32_t)(n % 2);
		struct locked v = { n, 99, n * 3 };

		if (n % 4 == 0)
			map_update(t->map, &key, &v, MAP_LOCK, 0);
		else if (map_user_lookup_flags(t->map, &key, &v, MAP_LOCK) == 0)
			t->torn += v.z != v.a * 3 || v.lock != 0;
	}
	CHECK_EQ_INT(t->torn, 0);
}

static void locked_values(void)
{
	static const uint32_t types[] = { MAP_HASH, MAP_ARRAY };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct team t = { .map = make(types[i], 24, 4, 0, true) };

		CHECK_CASE("%s", spec_map_type_name((int)types[i]));
		run_with(&t, write_locked, read_locked);
	}
}

/* A process that dies with the lock of a value. */
static void dead_holder(void)
{
	struct map *map = make(MAP_ARRAY, 24, 1, MAP_F_MMAPABLE, true);
	uint32_t key = 0;
	struct locked v = { 1, 0, 3 };
	uint32_t *lock = (uint32_t *)map_lookup(map, &key, 0) + 2;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	CHECK_EQ_INT(waitpid(child, NULL, 0), child);
	*lock = (uint32_t)child;
	CHECK_EQ_INT(map_update(map, &key, &v, MAP_LOCK, 0), 0);
	CHECK_EQ_INT(*lock, 0);
	map_unref(map);
}

/* Walks ---------------------------------------------------------------------------------------------------- */

static void *churn(void *arg)
{
	struct team *t = arg;
	uint64_t state = 4, value = 1;

	while (!stopped(t)) {
		uint32_t key = STABLE + (uint32_t)(model_random(&state) % CHURN);

		if (model_random(&state) % 2)
			map_update(t->map, &key, &value, 0, 0);
		else
			map_delete(t->map, &key);
		key = (uint32_t)(model_random(&state) % STABLE); /* a new value for who stays */
		map_update(t->map, &key, &value, 0, 0);
	}
	return NULL;
}

struct seen {
	uint8_t times[STABLE];
	uint32_t others;
};

static void count_key(struct seen *s, uint32_t key)
{
	if (key < STABLE)
		s->times[key]++;
	else
		s->others++;
}

static int64_t see(void *ctx, const void *key, void *value)
{
	uint32_t number;

	(void)value;
	memcpy(&number, key, 4);
	count_key(ctx, number);
	return 0;
}

static void walk_batches(struct map *map, struct seen *s)
{
	uint32_t keys[64], in, out;
	uint64_t values[64];
	struct map_batch b = { .out = &out, .keys = keys, .values = values };
	int r;

	do {
		b.count = 64;
		r = map_user_batch(map, MAP_BATCH_LOOKUP, &b);
		for (uint32_t i = 0; i < b.count && (r == 0 || r == -ENOENT); i++)
			count_key(s, keys[i]);
		in = out;
		b.in = &in;
	} while (r == 0);
	CHECK_EQ_INT(r, -ENOENT);
}

static void check_seen(const struct seen *s)
{
	uint32_t missed = 0, twice = 0;

	for (uint32_t i = 0; i < STABLE; i++) {
		missed += !s->times[i];
		twice += s->times[i] > 1;
	}
	CHECK_MSG(!missed && !twice, "%u missed, %u seen twice", missed, twice);
}

static void walk(struct team *t)
{
	for (int n = 0; n < 150 && !check_state.bad; n++) {
		struct seen s = { 0 };

		if (n % 2)
			walk_batches(t->map, &s);
		else
			map_each(t->map, 0, see, &s);
		check_seen(&s);
	}
}

static void walks(void)
{
	struct team t = { .map = make(MAP_HASH, 8, STABLE + CHURN, 0, false) };

	for (uint32_t key = 0; key < STABLE; key++) {
		uint64_t value = key;

		CHECK_EQ_INT(map_update(t.map, &key, &value, 0, 0), 0);
	}
	run_with(&t, churn, walk);
}

/* Storage --------------------------------------------------------------------------------------------------- */

static void use_storage(struct team *t)
{
	for (int n = 0; n < 20000; n++) {
		uint64_t *v = map_storage_get(t->map, t->object, NULL, MAP_STORAGE_CREATE);

		if (v)
			__atomic_fetch_add(v, 1, __ATOMIC_RELAXED);
		if (n % 16 == 0)
			map_storage_delete(t->map, t->object);
	}
}

static void *use_too(void *arg)
{
	use_storage(arg);
	return NULL;
}

static void storage(void)
{
	struct team t = { .map = make(MAP_TASK_STORAGE, 8, 0, MAP_F_NO_PREALLOC, false) };
	struct map_world *w = map_world_ref(map_world_of(t.map));
	struct map_stats stats;
	struct map *map = map_ref(t.map);

	t.object = map_object_find(w, MAP_OBJECT_TASK, 1, true);
	run_with(&t, use_too, use_storage);
	map_stats(map, &stats);
	CHECK(stats.entries <= 1);
	map_object_forget(w, MAP_OBJECT_TASK, 1);
	map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries, 0);
	map_unref(map);
	map_world_unref(w);
}

CHECK_MAIN({ "locked_values", locked_values }, { "dead_holder", dead_holder }, { "walks", walks },
	   { "storage", storage })
