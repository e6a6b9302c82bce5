// SPDX-License-Identifier: Apache-2.0
/*
 * Bloom filter (kernel document bpf/map_bloom_filter.rst): push adds a value, peek says that it may be in (0) or is not
 * (-ENOENT). The filter has n * k / ln 2 bits, rounded up to a power of two, for n values and k hashes.
 * Bits are only ever set, by atomics; no lock. The k positions are a + i * b of two halves of one hash
 * (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
 */
#include "map/internal.h"

struct bloom_state {
	struct map_shared shared;
	uint64_t seed;
};

struct bloom {
	struct map map;
	uint64_t *bits;
	uint64_t mask, bytes, seed;
	uint32_t hashes;
};

static int init(struct map *map, struct skep_error **reterr)
{
	struct bloom *b = (struct bloom *)map;
	struct bloom_state *state = (struct bloom_state *)map->sh;
	uint64_t want, n = 64;
	void *mem;
	int r;

	b->hashes = (uint32_t)map->attr.map_extra;
	if (!b->hashes)
		b->hashes = 5;
	want = (uint64_t)map->attr.max_entries * b->hashes * 7 / 5;
	while (n < want && n < 1ull << 32)
		n <<= 1;
	b->mask = n - 1;
	b->bytes = n / 8;
	if (!map->joined)
		state->seed = map_random_seed(map);
	b->seed = state->seed;
	r = map_take(map, b->bytes, &mem, reterr);
	if (r == 0)
		b->bits = mem;
	return r;
}

static void done(struct map *map)
{
	struct bloom *b = (struct bloom *)map;

	map_give(map, b->bits, b->bytes);
}

static bool touch(struct bloom *b, const void *value, bool add)
{
	uint64_t h = map_hash_bytes(value, b->map.attr.value_size, b->seed), step = h >> 32 | 1;

	for (uint32_t i = 0; i < b->hashes; i++, h += step) {
		uint64_t bit = h & b->mask, mask = 1ull << bit % 64, *word = &b->bits[bit / 64];

		if (add)
			__atomic_fetch_or(word, mask, __ATOMIC_RELAXED);
		else if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & mask))
			return false;
	}
	return true;
}

static int push(struct map *map, const void *value, uint64_t flags)
{
	if (flags != MAP_ANY)
		return -EINVAL;
	touch((struct bloom *)map, value, true);
	return 0;
}

static int peek(struct map *map, void *value)
{
	return touch((struct bloom *)map, value, false) ? 0 : -ENOENT;
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	(void)key;
	return peek(map, value);
}

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	(void)key;
	return push(map, value, flags);
}

static int bloom_remove(struct map *map, const void *key)
{
	(void)map, (void)key;
	return -EOPNOTSUPP;
}

static int next_key(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -EOPNOTSUPP;
}

const struct map_ops map_bloom_ops = {
	.size = sizeof(struct bloom),
	.check = map_check_bloom,
	.init = init,
	.done = done,
	.lookup = map_refuse_lookup,
	.update = map_refuse_update,
	.remove = bloom_remove,
	.next_key = next_key,
	.user_lookup = user_lookup,
	.user_update = user_update,
	.push = push,
	.peek = peek,
	.state = sizeof(struct bloom_state),
	.shares = true,
};
