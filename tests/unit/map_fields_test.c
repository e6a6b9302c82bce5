// SPDX-License-Identifier: Apache-2.0
/*
 * Special fields of values: which maps may have which, as the kernel says; that user space neither sees nor writes them; that
 * what they hold is released once. And operations with BPF_F_LOCK, batches, and taking entries out, beside the kernel's.
 */
#include "base/buf.h"
#include "base/num.h"
#include "check.h"
#include "map/map.h"
#include "map_model.h"
#include "oracle.h"

#define STEPS 3000

/* Types of values: one struct for each kind of field, 8 bytes of number before it, 8 behind. ---------------- */

static const struct field_kind {
	const char *name; /* of a struct, or the tag of a pointer */
	uint32_t kind, size;
} field_kinds[] = {
	{ "bpf_spin_lock", MAP_FIELD_SPIN_LOCK, 4 },
	{ "bpf_res_spin_lock", MAP_FIELD_RES_SPIN_LOCK, 4 },
	{ "bpf_timer", MAP_FIELD_TIMER, 16 },
	{ "bpf_wq", MAP_FIELD_WORKQUEUE, 16 },
	{ "bpf_task_work", MAP_FIELD_TASK_WORK, 8 },
	{ "bpf_refcount", MAP_FIELD_REFCOUNT, 4 },
	{ "kptr_untrusted", MAP_FIELD_KPTR, 8 },
	{ "kptr", MAP_FIELD_KPTR_REF, 8 },
	{ "uptr", MAP_FIELD_UPTR, 8 },
};
#define POINTERS (MAP_FIELD_KPTR | MAP_FIELD_KPTR_REF | MAP_FIELD_UPTR)
#define NKINDS ARRAY_SIZE(field_kinds)

struct types {
	struct btf *btf;
	int fd;
	uint32_t key, plain, pair, value[NKINDS], twice[NKINDS], list, bare_list;
};

/* struct SIZE { int a; } of the kernel's name, or a tagged pointer. */
static uint32_t add_field(struct btf_builder *b, const struct field_kind *k, uint32_t word,
			  uint32_t user)
{
	struct btf_member m[4] = { { .name = "w0", .type = word },
				   { .name = "w1", .type = word, .bit_off = 32 },
				   { .name = "w2", .type = word, .bit_off = 64 },
				   { .name = "w3", .type = word, .bit_off = 96 } };
	uint32_t target;

	if (k->kind == MAP_FIELD_UPTR) {
		target = user;
	} else if (k->kind & (MAP_FIELD_KPTR | MAP_FIELD_KPTR_REF)) {
		target = (uint32_t)btf_add_composite(b, BTF_STRUCT, "task_struct", 16, m, 4);
	} else {
		return (uint32_t)btf_add_composite(b, BTF_STRUCT, k->name, k->size, m, k->size / 4);
	}
	target = (uint32_t)btf_add_ref(b, BTF_TYPE_TAG, k->name, target);
	return (uint32_t)btf_add_ref(b, BTF_PTR, NULL, target);
}

/* struct NAME { long a; FIELD f[n]; long z; } */
static uint32_t add_value(struct btf_builder *b, const char *name, uint32_t number, uint32_t field,
			  uint32_t size, uint32_t n)
{
	uint32_t end = 8 + (n - 1) * num_align(size, 8) + num_align(size, 8);
	struct btf_member m[4] = { { .name = "a", .type = number } };

	for (uint32_t i = 0; i < n; i++)
		m[1 + i] = (struct btf_member){ .name = i ? "g" : "f",
						.type = field,
						.bit_off = (8 + i * (uint32_t)num_align(size, 8)) *
							   8 };
	m[1 + n] = (struct btf_member){ .name = "z", .type = number, .bit_off = end * 8 };
	return (uint32_t)btf_add_composite(b, BTF_STRUCT, name, end + 8, m, 2 + n);
}

static uint32_t value_bytes(uint32_t size, uint32_t n)
{
	return 16 + n * (uint32_t)num_align(size, 8);
}

/* A list of struct node, with a lock beside it or without. */
static void add_lists(struct btf_builder *b, struct types *t, uint32_t word, uint32_t number,
		      uint32_t lock, bool own)
{
	struct btf_member quad[4] = { { .name = "q0", .type = number },
				      { .name = "q1", .type = number, .bit_off = 64 },
				      { .name = "q2", .type = number, .bit_off = 128 } };
	uint32_t node = (uint32_t)btf_add_composite(b, BTF_STRUCT, "bpf_list_node", 24, quad, 3);
	uint32_t head = (uint32_t)btf_add_composite(b, BTF_STRUCT, "bpf_list_head", 16, quad, 2);
	struct btf_member in[2] = { { .name = "link", .type = node },
				    { .name = "n", .type = word, .bit_off = 192 } };
	struct btf_member m[3] = { { .name = "a", .type = number },
				   { .name = "h", .type = head, .bit_off = 64 },
				   { .name = "l", .type = lock, .bit_off = 192 } };

	btf_add_composite(b, BTF_STRUCT, "node", 32, in, 2);
	t->list = (uint32_t)btf_add_composite(b, BTF_STRUCT, "with_list", 32, m, 3);
	btf_add_decl_tag(b, "contains:node:link", t->list, 1);
	if (!own)
		return;
	t->bare_list = (uint32_t)btf_add_composite(b, BTF_STRUCT, "with_bare_list", 32, m, 2);
	btf_add_decl_tag(b, "contains:node:link", t->bare_list, 1);
}

/* The kernel refuses wrong ones of these with their types already. */
#define IN_OBJECTS (MAP_FIELD_SPIN_LOCK | MAP_FIELD_RES_SPIN_LOCK | MAP_FIELD_REFCOUNT)

/* @own: for ours alone, wrong ones too. */
static void make_types(struct types *t, bool own)
{
	struct btf_builder *b = btf_builder_new();
	struct buf bytes = { 0 };
	uint32_t word, number, user, lock = 0;
	union bpf_attr a;

	t->key = (uint32_t)btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	word = t->key;
	number = t->plain = (uint32_t)btf_add_int(b, "long", 8, 0);
	user = t->pair = (uint32_t)btf_add_composite(
		b, BTF_STRUCT, "user", 8, &(struct btf_member){ .name = "n", .type = number }, 1);
	for (size_t i = 0; i < NKINDS; i++) {
		uint32_t field = add_field(b, &field_kinds[i], word, user);

		if (!i)
			lock = field;
		t->value[i] = add_value(b, "v", number, field, field_kinds[i].size, 1);
		if (own || !(field_kinds[i].kind & IN_OBJECTS))
			t->twice[i] = add_value(b, "w", number, field, field_kinds[i].size, 2);
	}
	add_lists(b, t, word, number, lock, own);
	CHECK_EQ_INT(btf_builder_bytes(b, &bytes), 0);
	memset(&a, 0, sizeof(a));
	a.btf = (uintptr_t)bytes.data;
	a.btf_size = (uint32_t)bytes.len;
	t->fd = own || oracle_missing() ? -1 : oracle_bpf(BPF_BTF_LOAD, &a);
	if (!own && !oracle_missing())
		CHECK_MSG(t->fd >= 0, "the kernel refuses the types with %d", -t->fd);
	CHECK_EQ_INT(btf_finish(b, "types", &t->btf, NULL), 0);
	buf_done(&bytes);
	btf_builder_free(b);
}

static void drop_types(struct types *t)
{
	btf_unref(t->btf);
	if (t->fd >= 0)
		close(t->fd);
}

static int kernel_map(const struct map_attr *attr, int btf_fd)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.btf_fd = (uint32_t)btf_fd;
	a.btf_key_type_id = attr->key_type;
	a.btf_value_type_id = attr->value_type;
	a.map_type = attr->type;
	a.key_size = attr->key_size;
	a.value_size = attr->value_size;
	a.max_entries = attr->max_entries;
	a.map_flags = attr->flags;
	return oracle_bpf(BPF_MAP_CREATE, &a);
}

/* Which maps may have which ------------------------------------------------------------------------------- */

static const uint32_t map_types[] = {
	MAP_HASH,	   MAP_ARRAY,		MAP_PERCPU_HASH,  MAP_PERCPU_ARRAY,
	MAP_LRU_HASH,	   MAP_LRU_PERCPU_HASH, MAP_LPM_TRIE,	  MAP_SK_STORAGE,
	MAP_INODE_STORAGE, MAP_TASK_STORAGE,	MAP_CGRP_STORAGE, MAP_CGROUP_STORAGE,
};

static struct map_attr attr_of(const struct types *t, uint32_t type, uint32_t value_type,
			       uint32_t value_size, uint32_t flags)
{
	bool storage = type == MAP_SK_STORAGE || type == MAP_INODE_STORAGE ||
		       type == MAP_TASK_STORAGE || type == MAP_CGRP_STORAGE;

	return (struct map_attr){
		.name = "m",
		.type = type,
		.btf = t->btf,
		.key_type = type == MAP_LPM_TRIE       ? t->pair :
			    type == MAP_CGROUP_STORAGE ? t->plain :
							 t->key,
		.value_type = value_type,
		.key_size = type == MAP_LPM_TRIE || type == MAP_CGROUP_STORAGE ? 8 : 4,
		.value_size = value_size,
		.max_entries = storage || type == MAP_CGROUP_STORAGE ? 0 : 4,
		.flags = flags | (storage || type == MAP_LPM_TRIE ? MAP_F_NO_PREALLOC : 0),
		.memory_limit = 1u << 24,
	};
}

static void compare_new(const struct types *t, const struct map_attr *attr, const char *what)
{
	struct map *map = NULL;
	int r = map_new(attr, &map, NULL), fd;

	if (t->fd >= 0) {
		fd = kernel_map(attr, t->fd);
		CHECK_MSG(r == (fd < 0 ? fd : 0), "map type %u, %s, flags 0x%x: got %d, kernel %d",
			  attr->type, what, attr->flags, r, fd);
		if (fd >= 0)
			close(fd);
	}
	CHECK_MSG(r == 0 || r == -EOPNOTSUPP || r == -E2BIG || r == -EACCES || r == -EINVAL, "%d",
		  r);
	map_unref(map);
}

static void which_maps(void)
{
	struct types t = { 0 };

	make_types(&t, false);
	for (size_t m = 0; m < ARRAY_SIZE(map_types); m++) {
		struct map_attr attr;

		CHECK_CASE("type %u", map_types[m]);
		for (size_t k = 0; k < NKINDS; k++) {
			uint32_t size = field_kinds[k].size;

			attr = attr_of(&t, map_types[m], t.value[k], value_bytes(size, 1), 0);
			compare_new(&t, &attr, field_kinds[k].name);
			attr.flags |= MAP_F_RDONLY_PROG;
			compare_new(&t, &attr, field_kinds[k].name);
			if (!t.twice[k])
				continue;
			attr = attr_of(&t, map_types[m], t.twice[k], value_bytes(size, 2), 0);
			compare_new(&t, &attr, "two of it");
		}
		attr = attr_of(&t, map_types[m], t.list, 32, 0);
		compare_new(&t, &attr, "a list");
		attr = attr_of(&t, map_types[m], t.value[0], value_bytes(4, 1), MAP_F_RDONLY_PROG);
		compare_new(&t, &attr, "a lock, read-only");
	}
	drop_types(&t);
}

/* What is no sound set of fields is plain memory. */
static void unsound_fields(void)
{
	struct types t = { 0 };
	struct map_attr attr;
	struct map *map;

	make_types(&t, true);
	for (size_t k = 0; k <= NKINDS; k++) {
		const struct field_kind *f = &field_kinds[k % NKINDS];
		bool list = k == NKINDS, many = !list && f->size == 8 && f->kind & POINTERS;

		CHECK_CASE("%s", list ? "a list without a lock" : f->name);
		attr = attr_of(&t, !list && f->kind == MAP_FIELD_UPTR ? MAP_TASK_STORAGE : MAP_HASH,
			       list ? t.bare_list : t.twice[k], list ? 32 : value_bytes(f->size, 2),
			       0);
		if (!CHECK_EQ_INT(map_new(&attr, &map, NULL), 0))
			continue;
		CHECK(many ? map_fields(map) && map_fields(map)->n == 2 : !map_fields(map));
		map_unref(map);
	}
	drop_types(&t);
}

static void told(void)
{
	struct types t = { 0 };
	struct skep_error *err = NULL;
	struct map_attr attr;
	struct map *map;

	make_types(&t, true);
	attr = attr_of(&t, MAP_HASH, t.value[0], value_bytes(4, 1), MAP_F_RDONLY_PROG);
	CHECK_EQ_INT(map_new(&attr, &map, &err), -EACCES);
	CHECK_ERR(err, "M0028");
	skep_error_free(err);
	err = NULL;
	attr = attr_of(&t, MAP_LPM_TRIE, t.value[0], value_bytes(4, 1), 0);
	CHECK_EQ_INT(map_new(&attr, &map, &err), -EOPNOTSUPP);
	CHECK_ERR(err, "M0029");
	skep_error_free(err);
	err = NULL;
	attr = attr_of(&t, MAP_SK_STORAGE, 0, 8, 0);
	CHECK_EQ_INT(map_new(&attr, &map, &err), -EINVAL);
	CHECK_ERR(err, "M0030");
	skep_error_free(err);
	drop_types(&t);
}

/* With a lock: user space's operations ------------------------------------------------------------------- */

struct locked {
	uint64_t a;
	uint32_t lock, hole;
	uint64_t z;
};

static void lock_step(struct map *map, int fd, struct model *model, uint64_t *state)
{
	static const uint8_t some[] = { 0, 0, 1, 2, 4, 4, 4, 5, 6, 7, 8, 12 };
	uint64_t flags = some[model_random(state) % ARRAY_SIZE(some)];
	uint8_t key[MODEL_KEY] = { (uint8_t)(model_random(state) % 6) };
	struct locked v = { model_random(state), 7, 9, model_random(state) }, got = { 0 },
		      want = { 0 };
	int r, expect;

	switch (model_random(state) % 4) {
	case 0:
	case 1:
		expect = flags & 8 ? -EINVAL : 0;
		r = map_user_update(map, key, &v, flags);
		v.lock = 0; /* which the twin cannot know, so it has what is seen of it */
		if (!expect)
			expect = model_update(model, key, &v, flags & ~4ull);
		CHECK_EQ_INT(r, expect);
		v.lock = 7;
		if (fd >= 0)
			CHECK_EQ_INT(oracle_update(fd, key, &v, flags), r);
		break;
	case 2:
		r = map_user_lookup_flags(map, key, &got, flags);
		expect = flags & ~4ull ? -EINVAL : model_lookup(model, key, &want);
		CHECK_EQ_INT(r, expect);
		if (r == 0)
			CHECK_EQ_MEM(&got, &want, sizeof(got));
		memset(&want, 0, sizeof(want));
		if (fd >= 0)
			CHECK_EQ_INT(oracle_elem(BPF_MAP_LOOKUP_ELEM, fd, key, &want, flags), r);
		if (fd >= 0 && r == 0)
			CHECK_EQ_MEM(&got, &want, sizeof(got));
		break;
	default:
		r = map_user_delete(map, key);
		CHECK_EQ_INT(r, model_delete(model, key));
		if (fd >= 0)
			CHECK_EQ_INT(oracle_delete(fd, key), r);
	}
}

static void locked_values(void)
{
	static const uint32_t types[] = { MAP_HASH, MAP_ARRAY };
	unsigned long steps = model_steps(STEPS);
	struct types t = { 0 };

	make_types(&t, false);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct map_attr attr = attr_of(&t, types[i], t.value[0], sizeof(struct locked), 0);
		struct map *map = NULL;
		struct model model;
		uint64_t state = 11 + i;
		int fd = t.fd >= 0 ? kernel_map(&attr, t.fd) : -1;

		CHECK_CASE("type %u", types[i]);
		model_init(&model, types[i], 4, sizeof(struct locked), 4);
		if (CHECK_EQ_INT(map_new(&attr, &map, NULL), 0))
			for (unsigned long n = 0; n < steps && !check_state.bad; n++)
				lock_step(map, fd, &model, &state);
		map_unref(map);
		if (fd >= 0)
			close(fd);
	}
	drop_types(&t);
}

/* What fields hold is released ------------------------------------------------------------------------- */

struct counter {
	uint64_t released, sum;
};

static void count_release(void *ctx, struct map *map, const struct map_field *field, void *at)
{
	struct counter *c = ctx;
	uint64_t word;

	(void)map;
	memcpy(&word, at, 8);
	c->released++;
	c->sum += word;
	memset(at, 0, field->size);
}

struct timed {
	uint64_t a, timer[2], z;
};

/* As a program that starts a timer in the value. */
static bool plant(struct map *map, uint32_t key, uint64_t number)
{
	struct timed *v = map_lookup(map, &key, 0);

	if (!v || v->timer[0])
		return false;
	v->timer[0] = number;
	return true;
}

static void release_steps(struct map *map, struct counter *c, uint64_t *planted, uint64_t *sum)
{
	uint64_t state = 3;

	for (int n = 0; n < 4000; n++) {
		uint32_t key = (uint32_t)(model_random(&state) % 6);
		struct timed v = { (uint64_t)n, { 5, 5 }, 1 }, got;

		switch (model_random(&state) % 4) {
		case 0:
			map_user_update(map, &key, &v, 0);
			break;
		case 1:
			map_update(map, &key, &v, 0, 0);
			break;
		case 2:
			if (plant(map, key, (uint64_t)n + 1)) {
				++*planted;
				*sum += (uint64_t)n + 1;
			}
			break;
		default:
			map_user_delete(map, &key);
		}
		if (map_user_lookup(map, &key, &got) == 0)
			CHECK(!got.timer[0] && !got.timer[1]);
		CHECK(c->released <= *planted);
	}
}

static void releases(void)
{
	static const uint32_t types[] = { MAP_HASH, MAP_ARRAY, MAP_LRU_HASH };
	struct types t = { 0 };

	make_types(&t, false);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct map_attr attr = attr_of(&t, types[i], t.value[2], sizeof(struct timed), 0);
		struct counter c = { 0 };
		uint64_t planted = 0, sum = 0;
		struct map *map = NULL;

		CHECK_CASE("type %u", types[i]);
		if (!CHECK_EQ_INT(map_new(&attr, &map, NULL), 0))
			continue;
		CHECK(map_fields(map) && map_fields(map)->n == 1);
		CHECK_EQ_INT(map_fields(map)->list[0].off, 8);
		map_on_release(map, count_release, &c);
		release_steps(map, &c, &planted, &sum);
		CHECK(c.released > 100);
		map_unref(map);
		CHECK_EQ_INT(c.released, planted);
		CHECK_EQ_INT(c.sum, sum);
	}
	drop_types(&t);
}

CHECK_MAIN({ "which_maps", which_maps }, { "unsound_fields", unsound_fields }, { "told", told },
	   { "locked_values", locked_values }, { "releases", releases })
