/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the hash table: what map_table.c shares with table_form.c, whose functions are for keys of one word. The
 * rules are told in map_table.c.
 */
#ifndef MAP_TABLE_H
#define MAP_TABLE_H

#include "map/internal.h"

#define END_MARK 0x80000000u
#define MAX_RETRIES 64u

/* Hashing: multiply and fold 64 bits to 128 and back. The constants are odd and random. */

#define FOLD_A 0x8f7a6d1be93c5421ull
#define FOLD_B 0xd2b4c693a75f1e8bull

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t tail_word(const uint8_t *key, uint32_t len)
{
	uint64_t word = 0;

	if (len == 4)
		return bytes_u32(key, false);
	memcpy(&word, key, len);
	return word;
}

static inline uint32_t finish(uint64_t h)
{
	return (uint32_t)(h ^ h >> 32);
}

static inline uint32_t hash_word(uint64_t word, uint64_t seed)
{
	return finish(fold(word ^ seed ^ FOLD_A, FOLD_B));
}

static inline uint64_t load_word(const uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static inline struct table_elem *elem_at(const struct table *t, uint32_t number)
{
	return (struct table_elem *)(t->map.values + (number - 1) * t->map.stride);
}

static inline bool is_end(uint32_t number)
{
	return !number || number & END_MARK;
}

static inline uint32_t end_of(uint32_t bucket)
{
	return END_MARK | (bucket & ~END_MARK);
}

/* table_sweep.c: after a death, without a lock. */
void table_sweep(const struct table *t);

/* With the lock of the key's stripe. */
struct table_elem *table_find_slowly(const struct table *t, const void *key, uint32_t hash);

/* Keys of up to 8 bytes, in whole words: comparing the key is as cheap as comparing its hash. */
static inline struct table_elem *table_find_word(const struct table *t, uint64_t key, uint32_t hash)
{
	uint32_t bucket = hash & t->mask, number;

	for (unsigned int tries = 0; tries < MAX_RETRIES; tries++) {
		number = __atomic_load_n(&t->buckets[bucket], __ATOMIC_ACQUIRE);
		while (!is_end(number)) {
			struct table_elem *e = elem_at(t, number);

			if (load_word(e->key) == key)
				return e;
			number = __atomic_load_n(&e->next, __ATOMIC_ACQUIRE);
		}
		if (!number || number == end_of(bucket))
			return NULL;
	}
	return table_find_slowly(t, &key, hash);
}

/* The keys of a bucket, if it has at most @room. Its length. */
uint32_t table_bucket_keys(const struct table *t, uint32_t bucket, void *keys, uint32_t room);
/* Keys of 4 or 8 bytes. */
int table_update_word(struct map *map, uint64_t key, const struct table_write *w);
int table_remove_word(struct map *map, uint64_t key);

#endif
