// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes as the declaration of a map and operations on it. What map_new() refuses comes with an error of that errno. Maps whose
 * results are exact are compared with the naive twin of the tests after each operation; of all others the
 * number of entries must be what a walk finds. An input begins with a byte: the kind of the twin's table,
 * or above it a declaration of 12 bytes; then four bytes an operation.
 */
#include <stdlib.h>

#include "../tests/unit/map_model.h"
#include "base/error.h"
#include "map/object.h"

#define KINDS (sizeof(model_kinds) / sizeof(model_kinds[0]))
#define MAX_OPS 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t byte(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static uint32_t half(struct input *in)
{
	uint32_t low = byte(in);

	return low | (uint32_t)byte(in) << 8;
}

struct subject {
	struct map *map;
	struct model m; /* n is not kept when it is not exact */
	bool exact;
	uint8_t *value, *got;
};

static void declare(struct input *in, struct map_attr *attr, struct map_attr *inner)
{
	*inner = (struct map_attr){
		.name = "inner", .type = MAP_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};
	*attr = (struct map_attr){ .name = "fuzz", .inner = inner, .memory_limit = 1u << 22 };
	attr->type = byte(in) % 40;
	attr->key_size = byte(in);
	attr->value_size = half(in);
	attr->max_entries = byte(in);
	if (attr->type == MAP_RINGBUF || attr->type == MAP_USER_RINGBUF)
		attr->max_entries *= 4096;
	attr->flags = half(in) | (uint32_t)byte(in) << 16;
	attr->ncpus = byte(in) % 5;
	attr->map_extra = byte(in) % 20;
	if (attr->type == MAP_ARENA)
		attr->map_extra = 0; /* an address */
}

static bool make(struct input *in, struct subject *s)
{
	struct map_attr attr, inner;
	struct skep_error *err = NULL;
	uint8_t which = byte(in);
	int r;

	memset(s, 0, sizeof(*s));
	if (which < KINDS) {
		const struct model_kind *k = &model_kinds[which];

		attr = (struct map_attr){ .name = k->name,
					  .type = k->type,
					  .key_size = k->key_size,
					  .value_size = k->value_size,
					  .max_entries = k->max,
					  .flags = k->flags,
					  .ncpus = 2 };
		s->exact = true;
	} else {
		declare(in, &attr, &inner);
	}
	r = map_new(&attr, &s->map, &err);
	check((r == 0) == !err && (!err || skep_error_code(err) == r));
	skep_error_free(err);
	if (r < 0)
		return false;
	model_init(&s->m, attr.type, attr.key_size, map_user_value_size(s->map),
		   s->exact ? attr.max_entries : 0);
	s->value = calloc(1, map_user_value_size(s->map) + 64);
	s->got = calloc(1, map_user_value_size(s->map) + 64);
	check(s->value && s->got);
	return true;
}

static void make_key(struct subject *s, uint8_t a, uint8_t b, uint8_t *key)
{
	memset(key, b & 0x11, 512);
	key[0] = a;
	if (s->m.key_size >= 4)
		memset(key + 1, 0, 3);
	if (s->exact && s->m.type == MAP_LPM_TRIE)
		key[0] = (uint8_t)(a % ((s->m.key_size - 4) * 8 + 2));
}

static void update(struct subject *s, const uint8_t *key, uint8_t flags)
{
	int r = map_user_update(s->map, key, s->value, flags);

	if (s->exact)
		check(r == model_update(&s->m, key, s->value, flags));
	if (r == 0 && s->exact)
		check(map_user_lookup(s->map, key, s->got) == 0);
}

static void lookup(struct subject *s, const uint8_t *key, bool take)
{
	uint8_t want[MODEL_VALUE];
	bool can = s->exact && !model_is_array(&s->m) && s->m.type != MAP_LPM_TRIE;
	int r;

	if (take && s->exact && !can)
		return;
	r = take ? map_user_lookup_and_delete(s->map, key, s->got, 0) :
		   map_user_lookup(s->map, key, s->got);
	if (!s->exact)
		return;
	check(r == model_lookup(&s->m, key, want));
	check(r < 0 || !memcmp(s->got, want, s->m.value_size));
	if (take && r == 0)
		model_delete(&s->m, key);
}

static void as_program(struct subject *s, const uint8_t *key, uint8_t how)
{
	uint64_t flags = how >> 4;

	if (s->exact)
		return;
	map_lookup(s->map, key, how & 1);
	if (how & 2)
		map_update(s->map, key, s->value, flags, how & 1);
	if (how & 4)
		map_push(s->map, s->value, flags);
	if (how & 8)
		map_pop(s->map, s->got);
	map_lookup_percpu(s->map, key, how & 3);
}

static void batch(struct subject *s, uint8_t how)
{
	static uint8_t keys[8 * 512], out[512];
	struct map_batch b = { .out = out, .keys = keys, .count = how % 8 };

	if (s->exact)
		return;
	b.values = calloc(8, map_user_value_size(s->map) + 1);
	check(b.values);
	memset(keys, how, sizeof(keys));
	map_user_batch(s->map, (enum map_batch_op)(how >> 6), &b);
	check(b.count <= 8);
	free(b.values);
}

static void step(struct subject *s, struct input *in)
{
	uint8_t what = byte(in), a = byte(in), b = byte(in), c = byte(in), key[512];

	make_key(s, a, b, key);
	memset(s->value, c, map_user_value_size(s->map));
	switch (what % 8) {
	case 0:
	case 1:
		update(s, key, what >> 3 & 7);
		break;
	case 2:
		lookup(s, key, what & 8);
		break;
	case 3:
		if (s->exact)
			check(map_user_delete(s->map, key) == model_delete(&s->m, key));
		else
			map_user_delete(s->map, key);
		break;
	case 4:
		as_program(s, key, c);
		break;
	case 5:
		batch(s, c);
		break;
	default:
		map_next_key(s->map, what & 8 ? key : NULL, key);
	}
}

/* Hash tables count what they have. */
static void count(struct subject *s)
{
	uint32_t type = s->m.type;
	struct map_stats stats;
	uint8_t key[512];
	uint64_t n = 0;

	if ((type != MAP_HASH && type != MAP_PERCPU_HASH && type != MAP_LRU_HASH &&
	     type != MAP_LRU_PERCPU_HASH && type != MAP_LPM_TRIE) ||
	    map_attr(s->map)->flags & MAP_F_WRONLY)
		return;
	for (int r = map_next_key(s->map, NULL, key); r == 0 && n <= 1000;
	     r = map_next_key(s->map, key, key))
		n++;
	map_stats(s->map, &stats);
	check(stats.entries == n && n <= map_attr(s->map)->max_entries);
	if (s->exact)
		check(n == s->m.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct subject s;

	if (!make(&in, &s))
		return 0;
	for (int n = 0; in.size && n < MAX_OPS; n++)
		step(&s, &in);
	count(&s);
	map_unref(s.map);
	free(s.value);
	free(s.got);
	return 0;
}
