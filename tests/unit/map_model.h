/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A naive twin of maps as user space sees them: a list of keys and values, searched from end to end. Every rule of
 * bpf(2) is written out once more, in the plainest way. Used to judge src/map and, the other way round, to
 * judge the twin itself by the kernel.
 */
#ifndef TESTS_UNIT_MAP_MODEL_H
#define TESTS_UNIT_MAP_MODEL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "map/map.h"

#define MODEL_ENTRIES 128
#define MODEL_KEY 40
#define MODEL_VALUE 64

struct model {
	uint32_t type, key_size, value_size, max;
	uint32_t n;
	uint8_t key[MODEL_ENTRIES][MODEL_KEY];
	uint8_t value[MODEL_ENTRIES][MODEL_VALUE];
};

static inline bool model_is_array(const struct model *m)
{
	return m->type == MAP_ARRAY || m->type == MAP_PERCPU_ARRAY;
}

static inline uint32_t model_len(const void *key)
{
	uint32_t len;

	memcpy(&len, key, 4);
	return len;
}

static inline unsigned int model_bit(const void *key, uint32_t i)
{
	return ((const uint8_t *)key)[4 + i / 8] >> (7 - i % 8) & 1;
}

/* Do the first @len bits of both keys agree? */
static inline bool model_bits_agree(const void *a, const void *b, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (model_bit(a, i) != model_bit(b, i))
			return false;
	return true;
}

static inline void model_init(struct model *m, uint32_t type, uint32_t key_size,
			      uint32_t value_size, uint32_t max)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	m->key_size = key_size;
	m->value_size = value_size;
	m->max = max;
	if (model_is_array(m))
		for (m->n = 0; m->n < max; m->n++)
			memcpy(m->key[m->n], &m->n, 4);
}

/* The entry of exactly this key (of tries: this prefix), or -1. */
static inline int model_find(const struct model *m, const void *key)
{
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->type == MAP_LPM_TRIE) {
			if (model_len(m->key[i]) == model_len(key) &&
			    model_bits_agree(m->key[i], key, model_len(key)))
				return (int)i;
		} else if (!memcmp(m->key[i], key, m->key_size)) {
			return (int)i;
		}
	}
	return -1;
}

static inline bool model_too_long(const struct model *m, const void *key)
{
	return m->type == MAP_LPM_TRIE && model_len(key) > (m->key_size - 4) * 8;
}

static inline int model_lookup(const struct model *m, const void *key, void *value)
{
	int best = -1;

	if (model_too_long(m, key))
		return -ENOENT;
	if (m->type != MAP_LPM_TRIE)
		best = model_find(m, key);
	for (uint32_t i = 0; m->type == MAP_LPM_TRIE && i < m->n; i++) {
		uint32_t len = model_len(m->key[i]);

		if (len <= model_len(key) && model_bits_agree(m->key[i], key, len) &&
		    (best < 0 || len > model_len(m->key[best])))
			best = (int)i;
	}
	if (best < 0)
		return -ENOENT;
	memcpy(value, m->value[best], m->value_size);
	return 0;
}

static inline int model_update(struct model *m, const void *key, const void *value, uint64_t flags)
{
	int at;

	if (flags > 2)
		return -EINVAL;
	if (model_is_array(m) && model_len(key) >= m->max)
		return -E2BIG;
	if (model_too_long(m, key))
		return -EINVAL;
	at = model_find(m, key);
	if (at >= 0 && flags == 1)
		return -EEXIST;
	if (at < 0 && flags == 2)
		return -ENOENT;
	if (at < 0) {
		if (m->n == m->max)
			return m->type == MAP_LPM_TRIE ? -ENOSPC : -E2BIG;
		at = (int)m->n++;
	}
	memcpy(m->key[at], key, m->key_size);
	memcpy(m->value[at], value, m->value_size);
	return 0;
}

static inline int model_delete(struct model *m, const void *key)
{
	int at;

	if (model_is_array(m) || model_too_long(m, key))
		return -EINVAL;
	at = model_find(m, key);
	if (at < 0)
		return -ENOENT;
	m->n--;
	memmove(m->key[at], m->key[m->n], sizeof(m->key[0]));
	memmove(m->value[at], m->value[m->n], sizeof(m->value[0]));
	return 0;
}

/* Order of a trie: more specific before less specific, else by the first bit that differs. */
static inline bool model_before(const void *a, const void *b)
{
	uint32_t la = model_len(a), lb = model_len(b), len = la < lb ? la : lb;

	for (uint32_t i = 0; i < len; i++)
		if (model_bit(a, i) != model_bit(b, i))
			return model_bit(a, i) < model_bit(b, i);
	return la > lb;
}

/* Arrays and tries, whose order is fixed. */
static inline int model_next(const struct model *m, const void *key, void *next)
{
	int from = key && !model_too_long(m, key) ? model_find(m, key) : -1, best = -1;

	if (model_is_array(m)) {
		if (from == (int)m->max - 1)
			return -ENOENT;
		memcpy(next, m->key[from + 1], 4);
		return 0;
	}
	for (int i = 0; i < (int)m->n; i++) {
		if (i == from || (from >= 0 && !model_before(m->key[from], m->key[i])))
			continue;
		if (best < 0 || model_before(m->key[i], m->key[best]))
			best = i;
	}
	if (best < 0)
		return -ENOENT;
	memcpy(next, m->key[best], m->key_size);
	return 0;
}

/* Sequences of operations ---------------------------------------------------------------------------- */

struct model_kind {
	const char *name;
	uint32_t type, key_size, value_size, max, flags;
};

/* Small maps of every kind whose results are exact. */
static const struct model_kind model_kinds[] = {
	{ "hash of 4 bytes", MAP_HASH, 4, 4, 8, 0 },
	{ "hash of 8 bytes", MAP_HASH, 8, 16, 16, 0 },
	{ "hash of odd keys", MAP_HASH, 13, 9, 16, 0 },
	{ "hash of long keys", MAP_HASH, 35, 24, 10, 0 },
	{ "hash of one", MAP_HASH, 4, 8, 1, 0 },
	{ "hash without preallocation", MAP_HASH, 6, 3, 12, MAP_F_NO_PREALLOC },
	{ "per-CPU hash", MAP_PERCPU_HASH, 4, 8, 8, 0 },
	{ "per-CPU hash without preallocation", MAP_PERCPU_HASH, 3, 8, 8, MAP_F_NO_PREALLOC },
	{ "array", MAP_ARRAY, 4, 8, 8, 0 },
	{ "array of odd values", MAP_ARRAY, 4, 7, 5, 0 },
	{ "array of one", MAP_ARRAY, 4, 64, 1, 0 },
	{ "mappable array", MAP_ARRAY, 4, 12, 9, MAP_F_MMAPABLE },
	{ "per-CPU array", MAP_PERCPU_ARRAY, 4, 8, 6, 0 },
	{ "LPM trie of IPv4", MAP_LPM_TRIE, 8, 4, 16, MAP_F_NO_PREALLOC },
	{ "LPM trie of bytes", MAP_LPM_TRIE, 5, 1, 60, MAP_F_NO_PREALLOC },
	{ "LPM trie of odd keys", MAP_LPM_TRIE, 15, 8, 24, MAP_F_NO_PREALLOC },
};

static inline uint64_t model_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ull;
	uint64_t z = *state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Steps of a random sequence: MAPS_STEPS in the environment, or @usual. */
static inline unsigned long model_steps(unsigned long usual)
{
	const char *text = getenv("MAPS_STEPS");

	return text ? strtoul(text, NULL, 10) : usual;
}

/* A key from a range a little larger than the map, sometimes one that cannot be. */
static inline void model_key(const struct model *m, uint64_t *state, uint8_t *key)
{
	uint32_t n = (uint32_t)(model_random(state) % (m->max + m->max / 2 + 2));

	memset(key, 0x5a, m->key_size);
	if (m->type != MAP_LPM_TRIE) {
		memcpy(key, &n, m->key_size < 4 ? m->key_size : 4);
		if (m->key_size > 8)
			key[m->key_size - 1] = (uint8_t)(n & 1);
		return;
	}
	n = (uint32_t)(model_random(state) % ((m->key_size - 4) * 8 + 2));
	memcpy(key, &n, 4);
	for (uint32_t i = 4; i < m->key_size; i++)
		key[i] = (uint8_t)(model_random(state) & model_random(state) & 0x99);
}

#endif
