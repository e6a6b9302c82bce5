// SPDX-License-Identifier: Apache-2.0
/*
 * Maps of objects: random operations on ours, on a naive twin, and, where bpf(2) is allowed, on the kernel's, with the
 * same descriptors, devices and CPUs; results and errno must be equal. MAPS_STEPS sets how many steps each map gets.
 */
#include <net/if.h>

#include "base/buf.h"
#include "check.h"
#include "map/object.h"
#include "map_model.h"
#include "map_socks.h"
#include "oracle.h"

#define STEPS 3000
#define SLOTS 8u

enum shape { INDEXED, HASHED, BY_OBJECT };

struct kind {
	const char *name;
	uint32_t type, key_size, value_size;
	enum shape shape;
	int answer; /* enum answer; -1: a device, -2: a CPU's queue */
};

static const struct kind kinds[] = {
	{ "devmap", MAP_DEVMAP, 4, 4, INDEXED, -1 },
	{ "devmap with programs", MAP_DEVMAP, 4, 8, INDEXED, -1 },
	{ "devmap_hash", MAP_DEVMAP_HASH, 4, 4, HASHED, -1 },
	{ "devmap_hash with programs", MAP_DEVMAP_HASH, 4, 8, HASHED, -1 },
	{ "cpumap", MAP_CPUMAP, 4, 4, INDEXED, -2 },
	{ "cpumap with programs", MAP_CPUMAP, 4, 8, INDEXED, -2 },
	{ "xskmap", MAP_XSKMAP, 4, 4, INDEXED, A_XSK },
	{ "sockmap", MAP_SOCKMAP, 4, 8, INDEXED, A_SOCK },
	{ "sockmap of descriptors", MAP_SOCKMAP, 4, 4, INDEXED, A_SOCK },
	{ "sockhash", MAP_SOCKHASH, 7, 8, HASHED, A_SOCK },
	{ "sockhash of descriptors", MAP_SOCKHASH, 4, 4, HASHED, A_SOCK },
	{ "reuseport_sockarray", MAP_REUSEPORT_SOCKARRAY, 4, 8, INDEXED, A_REUSE },
	{ "reuseport_sockarray of descriptors", MAP_REUSEPORT_SOCKARRAY, 4, 4, INDEXED, A_REUSE },
	{ "cgroup_array", MAP_CGROUP_ARRAY, 4, 4, INDEXED, A_CGROUP },
	{ "sk_storage", MAP_SK_STORAGE, 4, 8, BY_OBJECT, A_SK },
	{ "inode_storage", MAP_INODE_STORAGE, 4, 8, BY_OBJECT, A_INODE },
	{ "task_storage", MAP_TASK_STORAGE, 4, 8, BY_OBJECT, A_TASK },
	{ "cgrp_storage", MAP_CGRP_STORAGE, 4, 8, BY_OBJECT, A_CGRP },
};

/* The naive twin: what lies under each of some keys. ------------------------------------------------------ */

#define TWIN_KEYS 24
struct twin {
	const struct kind *k;
	const struct pool *pool;
	uint32_t ncpus;
	bool used[TWIN_KEYS];
	uint64_t value[TWIN_KEYS];
};

static uint32_t twin_count(const struct twin *t)
{
	uint32_t n = 0;

	for (int i = 0; i < TWIN_KEYS; i++)
		n += t->used[i];
	return n;
}

static bool device_exists(uint32_t index)
{
	char name[IF_NAMESIZE];

	return if_indextoname(index, name);
}

static int twin_device(struct twin *t, uint32_t key, uint64_t value, uint64_t flags)
{
	uint32_t number = (uint32_t)value;
	int fd = t->k->value_size == 8 ? (int)(value >> 32) : 0;
	bool hash = t->k->shape == HASHED;

	if (flags > 2 || (hash && !number))
		return -EINVAL;
	if (!hash && key >= SLOTS)
		return -E2BIG;
	if (flags == 1 && (!hash || t->used[key]))
		return -EEXIST;
	if (t->k->answer == -2) {
		if (number > 16384)
			return -EOVERFLOW;
		if (key >= t->ncpus)
			return -ENODEV;
		if (number && fd > 0)
			return -ENOMEM;
	} else if (fd > 0 || (number && !device_exists(number))) {
		return -EINVAL;
	}
	if (hash && !t->used[key] && twin_count(t) == SLOTS)
		return -E2BIG;
	t->used[key] = number != 0;
	t->value[key] = number;
	return 0;
}

/* @what: of the pool. */
static int twin_object(struct twin *t, uint32_t key, uint32_t what, uint64_t flags)
{
	const struct pool_entry *e = &t->pool->list[what];
	int answer = e->answer[t->k->answer];
	bool early = t->k->answer == A_REUSE || t->k->answer == A_XSK || t->k->answer == A_CGROUP;
	int exists = 0;

	if (flags > 2 || (t->k->answer == A_CGROUP && flags))
		return early || answer == 0 ? -EINVAL : answer;
	if (t->k->shape == INDEXED && key >= SLOTS)
		return early || answer == 0 ? -E2BIG : answer;
	if (flags == 1 && t->used[key])
		exists = -EEXIST;
	if (flags == 2 && !t->used[key])
		exists = -ENOENT;
	if (t->k->answer == A_REUSE && exists && answer != -EBADF && answer != -ENOTSOCK)
		return exists;
	if (answer)
		return answer;
	if (t->k->answer == A_REUSE)
		for (int i = 0; i < TWIN_KEYS; i++)
			if (t->used[i] && t->value[i] == e->id)
				return -EBUSY;
	if (t->k->answer == A_XSK && t->used[key] && t->value[key] == e->id)
		return 0;
	if (exists)
		return exists;
	if (t->k->shape == HASHED && !t->used[key] && twin_count(t) == SLOTS)
		return -E2BIG;
	t->used[key] = true;
	t->value[key] = e->id;
	return 0;
}

static int twin_storage(struct twin *t, uint32_t key, uint64_t value, uint64_t flags)
{
	int answer = t->pool->list[key].answer[t->k->answer];

	if (answer)
		return answer;
	if (flags > 2)
		return -EINVAL;
	if (flags == 1 && t->used[key])
		return -EEXIST;
	if (flags == 2 && !t->used[key])
		return -ENOENT;
	t->used[key] = true;
	t->value[key] = value;
	return 0;
}

static int twin_delete(struct twin *t, uint32_t key)
{
	bool had = t->used[key];

	if (t->k->shape == BY_OBJECT && t->pool->list[key].answer[t->k->answer])
		return t->pool->list[key].answer[t->k->answer];
	if (t->k->shape == INDEXED && key >= SLOTS)
		return t->k->answer == A_REUSE || t->k->answer == A_CGROUP ? -E2BIG : -EINVAL;
	t->used[key] = false;
	if (had || t->k->answer < 0 || t->k->answer == A_XSK)
		return t->k->shape == HASHED && !had ? -ENOENT : 0;
	return t->k->shape == INDEXED && t->k->answer == A_SOCK ? -EINVAL : -ENOENT;
}

static int twin_lookup(const struct twin *t, uint32_t key, uint64_t *value)
{
	if (t->k->answer == A_XSK)
		return -EOPNOTSUPP;
	if (t->k->answer == A_CGROUP)
		return -NOTSUPP;
	if ((t->k->answer == A_SOCK || t->k->answer == A_REUSE) && t->k->value_size == 4)
		return -ENOSPC;
	if (t->k->shape == BY_OBJECT && t->pool->list[key].answer[t->k->answer])
		return t->pool->list[key].answer[t->k->answer];
	if (!t->used[key])
		return -ENOENT;
	*value = t->value[key];
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------ */

struct trio {
	struct twin t;
	struct map *map;
	int fd; /* the kernel's, or -1 */
	uint64_t state;
};

/* int, and long for values. */
struct types {
	struct btf *btf;
	int fd; /* the kernel's, or -1 */
	uint32_t key, value;
};

static void make_types(struct types *t, bool kernel)
{
	struct btf_builder *b = btf_builder_new();
	struct buf bytes = { 0 };
	union bpf_attr a;

	t->key = (uint32_t)btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	t->value = (uint32_t)btf_add_int(b, "long", 8, 0);
	CHECK_EQ_INT(btf_builder_bytes(b, &bytes), 0);
	memset(&a, 0, sizeof(a));
	a.btf = (uintptr_t)bytes.data;
	a.btf_size = (uint32_t)bytes.len;
	t->fd = kernel ? oracle_bpf(BPF_BTF_LOAD, &a) : -1;
	CHECK_EQ_INT(btf_finish(b, "types", &t->btf, NULL), 0);
	buf_done(&bytes);
	btf_builder_free(b);
}

static int kernel_map(const struct map_attr *attr, const struct types *types)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	if (attr->btf) {
		a.btf_fd = (uint32_t)types->fd;
		a.btf_key_type_id = attr->key_type;
		a.btf_value_type_id = attr->value_type;
	}
	a.map_type = attr->type;
	a.key_size = attr->key_size;
	a.value_size = attr->value_size;
	a.max_entries = attr->max_entries;
	a.map_flags = attr->flags;
	return oracle_bpf(BPF_MAP_CREATE, &a);
}

static bool open_trio(struct trio *t, const struct kind *k, const struct pool *pool)
{
	bool storage = k->shape == BY_OBJECT;
	struct map_attr attr = { .name = k->name,
				 .type = k->type,
				 .key_size = k->key_size,
				 .value_size = k->value_size,
				 .max_entries = storage ? 0 : SLOTS,
				 .memory_limit = 1u << 24,
				 .flags = storage ? MAP_F_NO_PREALLOC : 0 };
	struct types types;

	memset(t, 0, sizeof(*t));
	t->t.k = k;
	t->t.pool = pool;
	t->t.ncpus = map_possible_cpus();
	t->state = k->type * 1000 + k->value_size;
	make_types(&types, !oracle_missing());
	if (storage) {
		attr.btf = types.btf;
		attr.key_type = types.key;
		attr.value_type = types.value;
	}
	CHECK_EQ_INT(map_new(&attr, &t->map, NULL), 0);
	t->fd = oracle_missing() ? -1 : kernel_map(&attr, &types);
	if (!oracle_missing())
		CHECK_MSG(t->fd >= 0, "the kernel gives errno %d", -t->fd);
	btf_unref(types.btf);
	if (types.fd >= 0)
		close(types.fd);
	return t->map;
}

static void make_key(const struct trio *t, uint32_t n, uint8_t *key)
{
	memset(key, 0, 8);
	if (t->t.k->shape == BY_OBJECT)
		n = (uint32_t)t->t.pool->list[n].fd;
	memcpy(key, &n, 4);
}

static uint64_t random_device(struct trio *t)
{
	static const uint32_t some[] = { 0, 1, 1, 1, 2, 0x7fff, 16384, 16385, 100 };
	static const int fds[] = { 0, 0, 0, 0, -1, 0x7ffffff0 };
	uint64_t number = some[model_random(&t->state) % ARRAY_SIZE(some)];
	uint32_t fd = (uint32_t)fds[model_random(&t->state) % ARRAY_SIZE(fds)];

	return number | (t->t.k->value_size == 8 ? (uint64_t)fd << 32 : 0);
}

static void step_update(struct trio *t, uint32_t n, const uint8_t *key)
{
	static const uint8_t some[] = { 0, 0, 0, 0, 1, 1, 2, 2, 3, 8 };
	uint64_t flags = some[model_random(&t->state) % ARRAY_SIZE(some)], value;
	const char *what = NULL;
	int want, theirs;

	if (t->t.k->answer < 0) {
		value = random_device(t);
		want = twin_device(&t->t, n, value, flags);
	} else if (t->t.k->shape == BY_OBJECT) {
		value = model_random(&t->state);
		want = twin_storage(&t->t, n, value, flags);
	} else {
		uint32_t i = (uint32_t)(model_random(&t->state) % t->t.pool->n);

		value = (uint32_t)t->t.pool->list[i].fd;
		what = t->t.pool->list[i].name;
		want = twin_object(&t->t, n, i, flags);
	}
	CHECK_EQ_INT(map_user_update(t->map, key, &value, flags), want);
	theirs = t->fd >= 0 ? oracle_update(t->fd, key, &value, flags) : want;
	CHECK_MSG(theirs == want,
		  "key %u, value 0x%llx (%s), flags %d: the kernel gives %d, not %d", n,
		  (unsigned long long)value, what ? what : "", (int)flags, theirs, want);
}

static void step_lookup(struct trio *t, uint32_t n, const uint8_t *key)
{
	uint64_t want = 0, got[2] = { 0 }, theirs[2] = { 0 };
	int r = twin_lookup(&t->t, n, &want);

	CHECK_EQ_INT(map_user_lookup(t->map, key, got), r);
	if (r == 0)
		CHECK_EQ_INT(got[0], want);
	if (t->fd < 0)
		return;
	CHECK_EQ_INT(oracle_lookup(t->fd, key, theirs), r);
	if (r == 0)
		CHECK_EQ_INT(theirs[0], want);
}

static void step_next(struct trio *t, const uint8_t *key)
{
	uint8_t got[8] = { 0 }, theirs[8] = { 0 };
	bool fixed = t->t.k->shape == INDEXED;
	int r;

	if (t->t.k->shape == HASHED)
		key = NULL;
	r = map_next_key(t->map, key, got);
	if (t->t.k->shape == BY_OBJECT)
		CHECK_EQ_INT(r, -NOTSUPP);
	else if (t->t.k->shape == HASHED)
		CHECK_EQ_INT(r, twin_count(&t->t) ? 0 : -ENOENT);
	if (t->fd < 0)
		return;
	CHECK_EQ_INT(oracle_next(t->fd, key, theirs), r);
	if (r == 0 && fixed)
		CHECK_EQ_MEM(got, theirs, 4);
}

static void step(struct trio *t)
{
	uint32_t keys = t->t.k->shape == BY_OBJECT ? t->t.pool->n : SLOTS + 4;
	uint32_t n = (uint32_t)(model_random(&t->state) % keys);
	uint8_t key[8];
	int r;

	make_key(t, n, key);
	switch (model_random(&t->state) % 10) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		step_update(t, n, key);
		break;
	case 5:
	case 6:
		r = twin_delete(&t->t, n);
		CHECK_EQ_INT(map_user_delete(t->map, key), r);
		if (t->fd >= 0)
			CHECK_EQ_INT(oracle_delete(t->fd, key), r);
		break;
	case 7:
		step_next(t, model_random(&t->state) % 8 ? key : NULL);
		break;
	default:
		step_lookup(t, n, key);
	}
}

static void same_operations(void)
{
	unsigned long steps = model_steps(STEPS);
	struct pool pool;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct trio t;

		pool_open(&pool);
		CHECK_CASE("%s", kinds[i].name);
		if (open_trio(&t, &kinds[i], &pool))
			for (unsigned long n = 0; n < steps && !check_state.bad; n++)
				step(&t);
		map_unref(t.map);
		if (t.fd >= 0)
			close(t.fd);
		pool_close(&pool);
	}
}

CHECK_MAIN({ "same_operations", same_operations })
