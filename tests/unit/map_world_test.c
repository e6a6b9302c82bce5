// SPDX-License-Identifier: Apache-2.0
/* Worlds and what their objects are in maps: values that come and go with objects, seen by a naive twin. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "check.h"
#include "map/object.h"
#include "map_model.h"

#define STEPS 20000
#define OBJECTS 12

static struct btf *make_types(uint32_t *ret_key, uint32_t *ret_value)
{
	struct btf_builder *b = btf_builder_new();
	struct btf *btf = NULL;

	*ret_key = (uint32_t)btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	*ret_value = (uint32_t)btf_add_int(b, "long", 8, 0);
	CHECK_EQ_INT(btf_finish(b, "types", &btf, NULL), 0);
	btf_builder_free(b);
	return btf;
}

static struct map *make(struct map_world *w, uint32_t type, uint32_t key_size, uint32_t value_size,
			uint32_t max, uint32_t flags)
{
	struct map_attr attr = { .name = "m",
				 .type = type,
				 .key_size = key_size,
				 .value_size = value_size,
				 .max_entries = max,
				 .flags = flags,
				 .memory_limit = 1u << 22,
				 .world = w };
	struct skep_error *err = NULL;
	struct map *map = NULL;

	attr.btf = make_types(&attr.key_type, &attr.value_type);
	CHECK_EQ_INT(map_new(&attr, &map, &err), 0);
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	btf_unref(attr.btf);
	return map;
}

/* Descriptors of the tests are the numbers of objects. */
static int find_object(void *ctx, enum map_object_kind kind, int fd, struct map_object_desc *ret)
{
	(void)ctx;
	if (fd < 0 || fd >= OBJECTS)
		return -EBADF;
	ret->id = (uint64_t)fd + 100;
	if (kind == MAP_OBJECT_SOCK)
		ret->sock = (struct map_sock){ AF_INET,	   SOCK_STREAM,	  IPPROTO_TCP,
					       TCP_LISTEN, .bound = true, .reuseport = true };
	return 0;
}

static const struct map_world_ops ops = { .object = find_object };

/* Storage ------------------------------------------------------------------------------------------------ */

struct story {
	struct map_world *world;
	struct map *map[2]; /* the second is for clones */
	struct map_object object[OBJECTS];
	bool here[OBJECTS], has[2][OBJECTS];
	uint64_t value[2][OBJECTS];
	uint64_t state;
};

static void object_comes_or_goes(struct story *s, uint32_t n)
{
	if (s->here[n]) {
		map_object_done(&s->object[n]);
		s->here[n] = s->has[0][n] = s->has[1][n] = false;
		return;
	}
	CHECK_EQ_INT(map_object_init(&s->object[n], s->world, MAP_OBJECT_SOCK, n + 100, &s->value),
		     0);
	CHECK_EQ_INT(map_object_init(&(struct map_object){ 0 }, s->world, MAP_OBJECT_SOCK, n + 100,
				     NULL),
		     -EEXIST);
	s->here[n] = true; /* what user space gave its number stays */
}

static void storage_get(struct story *s, uint32_t m, uint32_t n)
{
	uint64_t init = model_random(&s->state), *v;
	bool create = model_random(&s->state) % 2;
	bool zero = model_random(&s->state) % 4 == 0;

	if (!s->here[n])
		return;
	v = map_storage_get(s->map[m], &s->object[n], zero ? NULL : &init,
			    create ? MAP_STORAGE_CREATE : 0);
	CHECK(!v == (!create && !s->has[m][n]));
	if (!s->has[m][n] && create) {
		s->has[m][n] = true;
		s->value[m][n] = zero ? 0 : init;
	}
	if (v) {
		CHECK_EQ_INT(*v, s->value[m][n]);
		*v = s->value[m][n] = init + 1;
	}
	CHECK(!map_storage_get(s->map[m], &s->object[n], &init, 2));
}

static void storage_clone(struct story *s, uint32_t n, uint32_t to)
{
	if (n == to || !s->here[n] || !s->here[to])
		return;
	CHECK_EQ_INT(map_storage_clone(&s->object[n], &s->object[to]), 0);
	if (s->has[1][n]) {
		s->has[1][to] = true;
		s->value[1][to] = s->value[1][n];
	}
}

static void storage_user(struct story *s, uint32_t m, uint32_t n)
{
	uint64_t value = model_random(&s->state), got = 0;
	int r = map_user_lookup(s->map[m], &n, &got);

	CHECK_EQ_INT(r, s->has[m][n] ? 0 : -ENOENT);
	if (r == 0)
		CHECK_EQ_INT(got, s->value[m][n]);
	r = map_user_update(s->map[m], &n, &value, s->has[m][n] ? MAP_EXIST : MAP_NOEXIST);
	CHECK_EQ_INT(r, 0);
	s->has[m][n] = true;
	s->value[m][n] = value;
}

static void storage_step(struct story *s)
{
	uint32_t n = (uint32_t)(model_random(&s->state) % OBJECTS);
	uint32_t m = (uint32_t)(model_random(&s->state) % 2);

	switch (model_random(&s->state) % 8) {
	case 0:
		object_comes_or_goes(s, n);
		break;
	case 1:
		storage_clone(s, n, (uint32_t)(model_random(&s->state) % OBJECTS));
		break;
	case 2:
		if (s->here[n]) {
			CHECK_EQ_INT(map_storage_delete(s->map[m], &s->object[n]),
				     s->has[m][n] ? 0 : -ENOENT);
			s->has[m][n] = false;
		}
		break;
	case 3:
		storage_user(s, m, n);
		break;
	case 4:
		CHECK_EQ_INT(map_user_delete(s->map[m], &n), s->has[m][n] ? 0 : -ENOENT);
		s->has[m][n] = false;
		break;
	default:
		storage_get(s, m, n);
	}
}

static uint64_t count(const struct story *s, uint32_t m)
{
	uint64_t n = 0;

	for (int i = 0; i < OBJECTS; i++)
		n += s->has[m][i];
	return n;
}

static void storage(void)
{
	unsigned long steps = model_steps(STEPS);
	struct story s = { .state = 1 };
	struct map_stats stats;

	s.world = map_world_new(&ops, NULL);
	s.map[0] = make(s.world, MAP_SK_STORAGE, 4, 8, 0, MAP_F_NO_PREALLOC);
	s.map[1] = make(s.world, MAP_SK_STORAGE, 4, 8, 0, MAP_F_NO_PREALLOC | MAP_F_CLONE);
	CHECK(map_world_of(s.map[0]) == s.world);
	for (unsigned long i = 0; i < steps && !check_state.bad; i++)
		storage_step(&s);
	for (uint32_t m = 0; m < 2; m++) {
		map_stats(s.map[m], &stats);
		CHECK_EQ_INT(stats.entries, count(&s, m));
	}
	map_unref(s.map[0]); /* before the objects, and after them */
	for (uint32_t n = 0; n < OBJECTS; n++)
		if (s.here[n])
			map_object_done(&s.object[n]);
	map_unref(s.map[1]);
	map_world_unref(s.world);
}

static void other_kinds(void)
{
	struct map_world *w = map_world_new(&ops, NULL), *other = map_world_new(&ops, NULL);
	struct map *map = make(w, MAP_TASK_STORAGE, 4, 8, 0, MAP_F_NO_PREALLOC);
	struct map *hash = make(w, MAP_HASH, 4, 8, 1, 0);
	struct map_object *task = map_object_find(w, MAP_OBJECT_TASK, 7, true), *inode, *stranger;
	uint64_t *v;

	CHECK(task && task->own && map_object_find(w, MAP_OBJECT_TASK, 7, false) == task);
	CHECK(!map_object_find(w, MAP_OBJECT_INODE, 7, false));
	inode = map_object_find(w, MAP_OBJECT_INODE, 7, true);
	stranger = map_object_find(other, MAP_OBJECT_TASK, 7, true);
	v = map_storage_get(map, task, NULL, MAP_STORAGE_CREATE);
	CHECK(v && *v == 0);
	CHECK(!map_storage_get(map, inode, NULL, MAP_STORAGE_CREATE));
	CHECK(!map_storage_get(map, stranger, NULL, MAP_STORAGE_CREATE));
	CHECK(!map_storage_get(map, NULL, NULL, MAP_STORAGE_CREATE));
	CHECK(!map_storage_get(hash, task, NULL, MAP_STORAGE_CREATE));
	CHECK_EQ_INT(map_storage_delete(hash, task), -ENOENT);
	map_object_forget(w, MAP_OBJECT_TASK, 7);
	CHECK(!map_object_find(w, MAP_OBJECT_TASK, 7, false));
	map_object_forget(w, MAP_OBJECT_TASK, 7);
	map_unref(map);
	map_unref(hash);
	map_world_unref(w);
	map_world_unref(other);
}

/* Maps of sockets and cgroups ------------------------------------------------------------------------------ */

static const struct {
	uint32_t type, key_size, value_size;
	enum map_object_kind kind;
} holders[] = {
	{ MAP_SOCKMAP, 4, 8, MAP_OBJECT_SOCK },
	{ MAP_SOCKHASH, 4, 8, MAP_OBJECT_SOCK },
	{ MAP_REUSEPORT_SOCKARRAY, 4, 8, MAP_OBJECT_SOCK },
	{ MAP_CGROUP_ARRAY, 4, 4, MAP_OBJECT_CGROUP },
};

static void slots(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++) {
		struct map_world *w = map_world_new(&ops, NULL);
		struct map *map =
			make(w, holders[i].type, holders[i].key_size, holders[i].value_size, 8, 0);
		struct map_object o = { .sock = { AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_LISTEN } };
		struct map_target t = { 0 };
		uint32_t key = 3, other = 4;
		uint64_t fd = 5;
		int model;

		CHECK_CASE("%s", spec_map_type_name((int)holders[i].type));
		CHECK_EQ_INT(map_target(map, &key, &t), -ENOENT);
		CHECK_EQ_INT(map_user_update(map, &key, &fd, 0), 0);
		CHECK_EQ_INT(map_target(map, &key, &t), 0);
		CHECK(t.object && t.object->id == 105 && t.object->own && !t.object->model);
		/* Then somebody models it, the place is the model's. */
		CHECK_EQ_INT(map_object_init(&o, w, holders[i].kind, 105, &model), 0);
		CHECK_EQ_INT(map_target(map, &key, &t), 0);
		CHECK(t.object == &o && map_lookup(map, &key, 0) == &model);
		if (holders[i].type == MAP_SOCKMAP || holders[i].type == MAP_SOCKHASH) {
			CHECK_EQ_INT(map_sock_update(map, &other, &o, MAP_NOEXIST), 0);
			CHECK_EQ_INT(map_sock_update(map, &other, &o, MAP_NOEXIST), -EEXIST);
			CHECK_EQ_INT(map_target(map, &other, &t), 0);
		} else {
			CHECK_EQ_INT(map_sock_update(map, &other, &o, 0), -EOPNOTSUPP);
		}
		map_object_done(&o);
		CHECK_EQ_INT(map_target(map, &key, &t), -ENOENT);
		CHECK_EQ_INT(map_target(map, &other, &t), -ENOENT);
		/* Left in it when it goes. */
		CHECK_EQ_INT(map_user_update(map, &key, &fd, 0), 0);
		map_unref(map);
		map_world_unref(w);
	}
}

/* Cgroup storage --------------------------------------------------------------------------------------------- */

static void cgroup_storage(void)
{
	for (uint32_t percpu = 0; percpu < 2; percpu++) {
		struct map_world *w = map_world_new(&ops, NULL);
		struct map *map = make(w, percpu ? MAP_PERCPU_CGROUP_STORAGE : MAP_CGROUP_STORAGE,
				       16, 8, 0, 0);
		struct map_object cg = { 0 };
		struct {
			uint64_t cgroup;
			uint32_t type, hole;
		} key = { 105, 2, 0 }, next;
		uint64_t values[256] = { 0 }, *v;
		uint32_t n = map_user_value_size(map) / 8;

		CHECK_CASE("%s", percpu ? "per CPU" : "one");
		CHECK_EQ_INT(n, percpu ? map_possible_cpus() : 1);
		map_object_init(&cg, w, MAP_OBJECT_CGROUP, 105, NULL);
		CHECK_EQ_INT(map_user_update(map, &key, values, 0), -ENOENT);
		CHECK(!map_cgroup_storage_get(map, &cg, 2, 0));
		CHECK_EQ_INT(map_cgroup_storage_attach(map, &cg, 2), 0);
		CHECK_EQ_INT(map_cgroup_storage_attach(map, &cg, 2), 0);
		CHECK_EQ_INT(map_cgroup_storage_attach(map, &cg, 3), 0);
		v = map_cgroup_storage_get(map, &cg, 2, n - 1);
		if (CHECK(v && *v == 0))
			*v = 77;
		CHECK_EQ_INT(map_user_lookup(map, &key, values), 0);
		CHECK_EQ_INT(values[n - 1], 77);
		values[0] = 5;
		CHECK_EQ_INT(map_user_update(map, &key, values, MAP_EXIST), 0);
		v = map_cgroup_storage_get(map, &cg, 2, 0);
		CHECK(v && *v == 5);
		CHECK_EQ_INT(map_user_update(map, &key, values, MAP_NOEXIST), -EINVAL);
		CHECK_EQ_INT(map_next_key(map, NULL, &next), 0);
		CHECK_EQ_INT(next.cgroup, 105);
		CHECK_EQ_INT(map_user_delete(map, &key), -EINVAL);
		map_object_done(&cg);
		CHECK_EQ_INT(map_user_lookup(map, &key, values), -ENOENT);
		CHECK_EQ_INT(map_next_key(map, NULL, &next), -ENOENT);
		map_unref(map);
		map_world_unref(w);
	}
}

/* Programs: struct_ops, device maps --------------------------------------------------------------------------- */

static int progs_out;

static int find_prog(void *ctx, uint32_t map_type, int fd, void **ret_prog, uint32_t *ret_id)
{
	(void)ctx, (void)map_type;
	if (fd < 50)
		return -EBADF;
	*ret_prog = &progs_out;
	*ret_id = (uint32_t)fd + 1000;
	progs_out++;
	return 0;
}

static void put_prog(void *prog)
{
	--*(int *)prog;
}

static bool any_device(void *ctx, uint32_t ifindex)
{
	(void)ctx;
	return ifindex < 10;
}

static const struct map_world_ops prog_ops = { find_object, any_device, find_prog, put_prog };

/* struct { int refs, state; struct { void (*f)(void); long n; void (*g)(void); } data; } */
static struct map *make_operations(struct map_world *w, uint32_t flags)
{
	struct btf_builder *b = btf_builder_new();
	uint32_t word = (uint32_t)btf_add_int(b, "int", 4, 0);
	uint32_t number = (uint32_t)btf_add_int(b, "long", 8, 0);
	uint32_t fn =
		(uint32_t)btf_add_ref(b, BTF_PTR, NULL, (uint32_t)btf_add_proto(b, 0, NULL, 0));
	struct btf_member in[] = { { .name = "f", .type = fn },
				   { .name = "n", .type = number, .bit_off = 64 },
				   { .name = "g", .type = fn, .bit_off = 128 } };
	uint32_t data = (uint32_t)btf_add_composite(b, BTF_STRUCT, "ops", 24, in, 3);
	struct btf_member out[] = { { .name = "refs", .type = word },
				    { .name = "state", .type = word, .bit_off = 32 },
				    { .name = "data", .type = data, .bit_off = 64 } };
	struct map_attr attr = { .name = "ops",
				 .type = MAP_STRUCT_OPS,
				 .key_size = 4,
				 .value_size = 32,
				 .max_entries = 1,
				 .flags = flags,
				 .world = w };
	struct map *map = NULL;

	attr.value_type = (uint32_t)btf_add_composite(b, BTF_STRUCT, "value", 32, out, 3);
	CHECK_EQ_INT(btf_finish(b, "types", &attr.btf, NULL), 0);
	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	btf_unref(attr.btf);
	btf_builder_free(b);
	return map;
}

static void operations(void)
{
	struct map_world *w = map_world_new(&prog_ops, NULL);
	struct map *map = make_operations(w, 0), *link = make_operations(w, 1u << 13);
	uint64_t value[4] = { 0, 60, 7, 0 }, got[4], bad[4] = { 0, 3, 0, 60 };
	uint32_t key = 0, one = 1, next;

	CHECK(!map_struct_ops_prog(map, 0) && !map_struct_ops_data(map));
	CHECK_EQ_INT(map_user_lookup(map, &key, got), 0);
	CHECK_EQ_INT(got[1], 0);
	CHECK_EQ_INT(map_user_lookup(map, &one, got), -ENOENT);
	CHECK_EQ_INT(map_user_delete(map, &key), -ENOENT);
	CHECK_EQ_INT(map_user_update(map, &one, value, 0), -E2BIG);
	CHECK_EQ_INT(map_user_update(map, &key, value, 1), -EINVAL);
	CHECK_EQ_INT(map_user_update(map, &key, bad, 0), -EBADF);
	bad[0] = 1;
	CHECK_EQ_INT(map_user_update(map, &key, bad, 0), -EINVAL);
	CHECK_EQ_INT(progs_out, 0);
	CHECK_EQ_INT(map_user_update(map, &key, value, 0), 0);
	CHECK_EQ_INT(map_user_update(map, &key, value, 0), -EBUSY);
	CHECK(map_struct_ops_prog(map, 0) == &progs_out && !map_struct_ops_prog(map, 8) &&
	      !map_struct_ops_prog(map, 16));
	CHECK_EQ_INT(((const uint64_t *)map_struct_ops_data(map))[1], 7);
	CHECK_EQ_INT(map_user_lookup(map, &key, got), 0);
	CHECK_EQ_INT(got[0] >> 32, 1); /* in use */
	CHECK_EQ_INT(got[1], 1060);
	CHECK_EQ_INT(map_next_key(map, NULL, &next), 0);
	CHECK_EQ_INT(map_next_key(map, &key, &next), -ENOENT);
	CHECK_EQ_INT(map_user_delete(map, &key), 0);
	CHECK_EQ_INT(map_user_delete(map, &key), -EINPROGRESS);
	CHECK(!map_struct_ops_prog(map, 0));
	CHECK_EQ_INT(map_user_update(link, &key, value, 0), 0);
	CHECK_EQ_INT(map_user_delete(link, &key), -EOPNOTSUPP);
	CHECK(map_struct_ops_prog(link, 0));
	map_unref(map);
	map_unref(link);
	CHECK_EQ_INT(progs_out, 0);
	map_world_unref(w);
}

static void programs_of_devices(void)
{
	static const uint32_t types[] = { MAP_DEVMAP, MAP_DEVMAP_HASH, MAP_CPUMAP };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct map_world *w = map_world_new(&prog_ops, NULL);
		struct map *map = make(w, types[i], 4, 8, 2, 0);
		struct map_target t;
		uint32_t key = 0, value[2] = { 3, 77 }, got[2];

		CHECK_CASE("%s", spec_map_type_name((int)types[i]));
		CHECK_EQ_INT(map_user_update(map, &key, value, 0), 0);
		CHECK_EQ_INT(map_user_update(map, &key, value, 0), 0);
		CHECK_EQ_INT(progs_out, 1);
		CHECK_EQ_INT(map_target(map, &key, &t), 0);
		CHECK(t.prog == &progs_out && t.prog_id == 1077);
		CHECK_EQ_INT(types[i] == MAP_CPUMAP ? t.qsize : t.number, 3);
		CHECK_EQ_INT(map_user_lookup(map, &key, got), 0);
		CHECK_EQ_INT(got[1], 1077);
		CHECK_EQ_INT(map_user_delete(map, &key), 0);
		CHECK_EQ_INT(progs_out, 0);
		CHECK_EQ_INT(map_user_update(map, &key, value, 0), 0);
		map_unref(map);
		CHECK_EQ_INT(progs_out, 0);
		map_world_unref(w);
	}
}

/* Instruction arrays ------------------------------------------------------------------------------------------ */

static void instructions(void)
{
	struct map *map = make(NULL, MAP_INSN_ARRAY, 4, 16, 3, 0);
	struct {
		uint32_t original, rewritten, compiled, hole;
	} v = { 9, 0, 0, 0 }, got;
	uint32_t key = 2, far = 3;

	CHECK_EQ_INT(map_user_update(map, &key, &v, 0), 0);
	CHECK_EQ_INT(map_user_update(map, &key, &v, MAP_NOEXIST), -EEXIST);
	CHECK_EQ_INT(map_user_update(map, &key, &v, 3), -EINVAL);
	CHECK_EQ_INT(map_user_update(map, &far, &v, MAP_NOEXIST), -E2BIG);
	CHECK_EQ_INT(map_insn_set(map, 2, 11, 40), 0);
	CHECK_EQ_INT(map_insn_set(map, 3, 11, 40), -EINVAL);
	CHECK_EQ_INT(map_user_lookup(map, &key, &got), 0);
	CHECK(got.original == 9 && got.rewritten == 11 && got.compiled == 40);
	CHECK_EQ_INT(map_user_update(map, &key, &got, 0), -EINVAL);
	CHECK_EQ_INT(map_user_lookup(map, &far, &got), -ENOENT);
	CHECK_EQ_INT(map_user_delete(map, &key), -EINVAL);
	CHECK_EQ_INT(map_freeze(map), 0);
	CHECK_EQ_INT(map_user_update(map, &key, &v, 0), -EPERM);
	map_unref(map);
}

CHECK_MAIN({ "storage", storage }, { "other_kinds", other_kinds }, { "slots", slots },
	   { "cgroup_storage", cgroup_storage }, { "operations", operations },
	   { "programs_of_devices", programs_of_devices }, { "instructions", instructions })
