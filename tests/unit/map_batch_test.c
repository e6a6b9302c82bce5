// SPDX-License-Identifier: Apache-2.0
/*
 * Batches, taking entries out, and iteration: random ones on our maps, on the naive twin and on the kernel's. Where the
 * order is the map's own, what all batches of one walk gave is compared as a set.
 */
#include <stdlib.h>

#include "base/num.h"
#include "check.h"
#include "map/map.h"
#include "map_model.h"
#include "oracle.h"

#define STEPS 4800 /* a batch has eight or so */
#define ROOM 160u

struct pair {
	struct map *map;
	int fd;
	struct model m;
	uint64_t state;
};

struct space {
	uint8_t keys[ROOM * MODEL_KEY], values[ROOM * MODEL_VALUE];
	uint8_t place[MODEL_KEY];
	uint32_t n;
};

static int kernel_batch(int command, int fd, const void *in, struct space *s, uint64_t elem_flags,
			uint64_t flags)
{
	union bpf_attr a;
	int r;

	memset(&a, 0, sizeof(a));
	a.batch.map_fd = (uint32_t)fd;
	a.batch.in_batch = (uintptr_t)in;
	a.batch.keys = (uintptr_t)s->keys;
	a.batch.values = (uintptr_t)s->values;
	a.batch.count = s->n;
	a.batch.elem_flags = elem_flags;
	a.batch.flags = flags;
	if (command == BPF_MAP_LOOKUP_BATCH || command == BPF_MAP_LOOKUP_AND_DELETE_BATCH)
		a.batch.out_batch = (uintptr_t)s->place;
	else
		a.batch.in_batch = 0;
	if (command == BPF_MAP_DELETE_BATCH)
		a.batch.values = 0;
	r = oracle_bpf(command, &a);
	s->n = a.batch.count;
	return r;
}

static int our_batch(struct map *map, enum map_batch_op op, const void *in, struct space *s,
		     uint64_t elem_flags, uint64_t flags)
{
	struct map_batch b = { .in = in,
			       .out = s->place,
			       .keys = s->keys,
			       .values = s->values,
			       .count = s->n,
			       .elem_flags = elem_flags,
			       .flags = flags };
	int r = map_user_batch(map, op, &b);

	s->n = b.count;
	return r;
}

static bool open_pair(struct pair *p, const struct model_kind *k)
{
	struct map_attr attr = { .name = "m",
				 .type = k->type,
				 .key_size = k->key_size,
				 .value_size = k->value_size,
				 .max_entries = k->max,
				 .flags = k->flags };

	memset(p, 0, sizeof(*p));
	p->fd = oracle_missing() ?
			-1 :
			oracle_map_new(k->type, k->key_size, k->value_size, k->max, k->flags, 0);
	if (!CHECK_EQ_INT(map_new(&attr, &p->map, NULL), 0))
		return false;
	model_init(&p->m, k->type, k->key_size, map_user_value_size(p->map), k->max);
	p->state = k->type + k->max;
	return CHECK(map_batch_size(p->map) <= MODEL_KEY);
}

static void close_pair(struct pair *p)
{
	map_unref(p->map);
	if (p->fd >= 0)
		close(p->fd);
}

static void fill(struct pair *p, struct space *s)
{
	s->n = 1 + (uint32_t)(model_random(&p->state) % 12);
	for (uint32_t i = 0; i < s->n; i++)
		model_key(&p->m, &p->state, s->keys + (size_t)i * p->m.key_size);
	for (uint32_t i = 0; i < s->n * p->m.value_size; i++)
		s->values[i] = (uint8_t)model_random(&p->state);
}

/* Writing: one after the other, up to the first that fails. */
static void write_batch(struct pair *p, bool remove)
{
	struct space s, twin;
	uint32_t n = 0;
	int r = 0, want = 0;

	fill(p, &s);
	twin = s;
	if (remove && model_is_array(&p->m))
		want = -MAP_ENOTSUPP;
	for (; !want && n < twin.n; n++) {
		const uint8_t *key = twin.keys + (size_t)n * p->m.key_size;

		want = remove ? model_delete(&p->m, key) :
				model_update(&p->m, key, twin.values + (size_t)n * p->m.value_size,
					     0);
		if (want)
			break;
	}
	r = our_batch(p->map, remove ? MAP_BATCH_DELETE : MAP_BATCH_UPDATE, NULL, &s, 0, 0);
	CHECK_EQ_INT(r, want);
	if (want != -MAP_ENOTSUPP)
		CHECK_EQ_INT(s.n, n);
	if (p->fd < 0)
		return;
	s.n = twin.n;
	r = kernel_batch(remove ? BPF_MAP_DELETE_BATCH : BPF_MAP_UPDATE_BATCH, p->fd, NULL, &s, 0,
			 0);
	CHECK_EQ_INT(r, want);
	if (want != -MAP_ENOTSUPP)
		CHECK_EQ_INT(s.n, n);
}

/* Is what a walk gave what the twin has? Takes it out of the twin if @take. */
static void compare_all(struct pair *p, const struct space *all, bool take, const char *whose)
{
	struct model m = p->m;
	uint8_t want[MODEL_VALUE];

	CHECK_MSG(all->n == p->m.n, "%s: %u entries, not %u", whose, all->n, p->m.n);
	for (uint32_t i = 0; i < all->n; i++) {
		const uint8_t *key = all->keys + (size_t)i * p->m.key_size;
		int at = model_find(&m, key);

		if (!CHECK_MSG(at >= 0, "%s: entry %u is not there, or twice", whose, i))
			return;
		memcpy(want, m.value[at], p->m.value_size);
		CHECK_EQ_MEM(all->values + (size_t)i * p->m.value_size, want, p->m.value_size);
		m.n--; /* not twice */
		memmove(m.key[at], m.key[m.n], sizeof(m.key[0]));
		memmove(m.value[at], m.value[m.n], sizeof(m.value[0]));
	}
	if (take)
		p->m.n = 0;
}

/* All entries by batches of @count; larger ones where a bucket asks for it. */
static void walk(struct pair *p, bool kernel, bool take, uint32_t count, struct space *all)
{
	uint8_t in[MODEL_KEY];
	bool first = true;
	int r = 0;

	all->n = 0;
	for (int rounds = 0; r == 0 && rounds < 400; rounds++) {
		struct space s = { .n = count };

		if (kernel)
			r = kernel_batch(take ? BPF_MAP_LOOKUP_AND_DELETE_BATCH :
						BPF_MAP_LOOKUP_BATCH,
					 p->fd, first ? NULL : in, &s, 0, 0);
		else
			r = our_batch(p->map, take ? MAP_BATCH_LOOKUP_AND_DELETE : MAP_BATCH_LOOKUP,
				      first ? NULL : in, &s, 0, 0);
		if (r == -ENOSPC) {
			count *= 2;
			r = 0;
			continue;
		}
		if (!CHECK_MSG(r == 0 || r == -ENOENT, "a batch gives %d", r) ||
		    !CHECK(all->n + s.n <= ROOM))
			return;
		memcpy(all->keys + (size_t)all->n * p->m.key_size, s.keys,
		       (size_t)s.n * p->m.key_size);
		memcpy(all->values + (size_t)all->n * p->m.value_size, s.values,
		       (size_t)s.n * p->m.value_size);
		all->n += s.n;
		memcpy(in, s.place, sizeof(in));
		first = false;
	}
	CHECK_EQ_INT(r, -ENOENT);
}

static bool may_take(const struct pair *p)
{
	return !model_is_array(&p->m) && p->m.type != MAP_LPM_TRIE;
}

static void read_batches(struct pair *p, bool take)
{
	uint32_t count = 1 + (uint32_t)(model_random(&p->state) % 20);
	struct space ours = { .n = 4 }, theirs = { .n = 4 };
	bool fixed = !may_take(p);

	if (take && fixed) {
		CHECK_EQ_INT(our_batch(p->map, MAP_BATCH_LOOKUP_AND_DELETE, NULL, &ours, 0, 0),
			     -MAP_ENOTSUPP);
		if (p->fd >= 0)
			CHECK_EQ_INT(kernel_batch(BPF_MAP_LOOKUP_AND_DELETE_BATCH, p->fd, NULL,
						  &theirs, 0, 0),
				     -MAP_ENOTSUPP);
		return;
	}
	walk(p, false, take, count, &ours);
	if (p->fd >= 0) {
		walk(p, true, take, count, &theirs);
		compare_all(p, &theirs, false, "kernel");
		if (fixed && CHECK_EQ_INT(ours.n, theirs.n)) {
			CHECK_EQ_MEM(ours.keys, theirs.keys, ours.n * p->m.key_size);
			CHECK_EQ_MEM(ours.values, theirs.values, ours.n * p->m.value_size);
		}
	}
	compare_all(p, &ours, take, "ours");
}

/* Taking one out. */
static void take_one(struct pair *p)
{
	uint8_t key[MODEL_KEY], got[MODEL_VALUE] = { 0 }, want[MODEL_VALUE] = { 0 };
	uint64_t flags = model_random(&p->state) % 8 ? 0 : model_random(&p->state) % 9;
	int r;

	model_key(&p->m, &p->state, key);
	r = flags ? -EINVAL : !may_take(p) ? -MAP_ENOTSUPP : model_lookup(&p->m, key, want);
	CHECK_EQ_INT(map_user_lookup_and_delete(p->map, key, got, flags), r);
	if (r == 0) {
		CHECK_EQ_MEM(got, want, p->m.value_size);
		model_delete(&p->m, key);
	}
	if (p->fd < 0)
		return;
	memset(got, 0, sizeof(got));
	CHECK_EQ_INT(oracle_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, p->fd, key, got, flags), r);
	if (r == 0)
		CHECK_EQ_MEM(got, want, p->m.value_size);
}

static void wrong_flags(struct pair *p)
{
	static const struct {
		uint64_t elem, flags;
		uint32_t n;
	} tries[] = { { 1, 0, 3 }, { 4, 0, 3 }, { 8, 0, 3 }, { 0, 1, 3 }, { 0, 0, 0 }, { 1, 0, 0 } };
	static const struct {
		enum map_batch_op ours;
		int theirs;
	} ops[] = { { MAP_BATCH_LOOKUP, BPF_MAP_LOOKUP_BATCH },
		    { MAP_BATCH_LOOKUP_AND_DELETE, BPF_MAP_LOOKUP_AND_DELETE_BATCH },
		    { MAP_BATCH_UPDATE, BPF_MAP_UPDATE_BATCH },
		    { MAP_BATCH_DELETE, BPF_MAP_DELETE_BATCH } };

	for (size_t o = 0; p->fd >= 0 && o < ARRAY_SIZE(ops); o++)
		for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
			struct space a, b;
			int r;

			fill(p, &a);
			a.n = tries[i].n;
			b = a;
			if (ops[o].ours >= MAP_BATCH_UPDATE && !tries[i].elem && a.n)
				continue; /* that writes */
			r = our_batch(p->map, ops[o].ours, NULL, &a, tries[i].elem, tries[i].flags);
			if (r == 0 && tries[i].n && ops[o].ours == MAP_BATCH_LOOKUP)
				continue;
			CHECK_MSG(kernel_batch(ops[o].theirs, p->fd, NULL, &b, tries[i].elem,
					       tries[i].flags) == r,
				  "operation %zu, try %zu: the kernel does not give %d", o, i, r);
			CHECK_MSG(a.n == b.n, "operation %zu, try %zu: count %u, kernel %u", o, i,
				  a.n, b.n);
		}
}

static void same_batches(void)
{
	unsigned long steps = model_steps(STEPS) / 8 + 1;

	for (size_t i = 0; i < ARRAY_SIZE(model_kinds); i++) {
		struct pair p;

		CHECK_CASE("%s", model_kinds[i].name);
		if (open_pair(&p, &model_kinds[i])) {
			wrong_flags(&p);
			for (unsigned long n = 0; n < steps && !check_state.bad; n++) {
				uint64_t what = model_random(&p.state) % 16;

				if (what < 9)
					write_batch(&p, false);
				else if (what < 11)
					write_batch(&p, true);
				else if (what < 14)
					take_one(&p);
				else
					read_batches(&p, what == 15);
			}
		}
		close_pair(&p);
	}
}

/* Iteration by programs ------------------------------------------------------------------------------------ */

struct seen {
	struct pair *p;
	uint32_t n, stop, bad;
	bool erase;
};

static int64_t see(void *ctx, const void *key, void *value)
{
	struct seen *s = ctx;
	uint8_t copy[MODEL_KEY];
	int at = model_find(&s->p->m, key);

	if (at < 0 || memcmp(value, s->p->m.value[at], s->p->m.value_size) != 0)
		s->bad++;
	s->n++;
	memcpy(copy, key, s->p->m.key_size);
	if (s->erase && map_delete(s->p->map, copy) < 0)
		s->bad++;
	return s->n == s->stop;
}

static void iterates(void)
{
	static const struct model_kind some[] = {
		{ "hash", MAP_HASH, 8, 16, 60, 0 },
		{ "array", MAP_ARRAY, 4, 8, 60, 0 },
		{ "LRU hash", MAP_LRU_HASH, 4, 8, 60, 0 },
		{ "trie", MAP_LPM_TRIE, 8, 8, 60, MAP_F_NO_PREALLOC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
		struct pair p;
		struct seen s = { .p = &p };

		CHECK_CASE("%s", some[i].name);
		if (!open_pair(&p, &some[i]))
			continue;
		for (int n = 0; n < 40; n++) {
			uint8_t key[MODEL_KEY] = { (uint8_t)n },
				value[MODEL_VALUE] = { 1, (uint8_t)n };

			map_user_update(p.map, key, value, 0);
			model_update(&p.m, key, value, 0);
		}
		if (p.m.type == MAP_LPM_TRIE) {
			CHECK_EQ_INT(map_each(p.map, 0, see, &s), -EOPNOTSUPP);
			close_pair(&p);
			continue;
		}
		CHECK_EQ_INT(map_each(p.map, 0, see, &s), p.m.n);
		CHECK_EQ_INT(s.n, p.m.n);
		s = (struct seen){ .p = &p, .stop = 7 };
		CHECK_EQ_INT(map_each(p.map, 0, see, &s), 7);
		CHECK_EQ_INT(s.bad, 0);
		s = (struct seen){ .p = &p, .erase = true };
		if (!model_is_array(&p.m)) {
			CHECK_EQ_INT(map_each(p.map, 0, see, &s), p.m.n);
			CHECK_EQ_INT(s.bad, 0);
			CHECK_EQ_INT(map_each(p.map, 0, see, &s), 0);
		}
		close_pair(&p);
	}
}

CHECK_MAIN({ "same_batches", same_batches }, { "iterates", iterates })
