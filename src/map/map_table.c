// SPDX-License-Identifier: Apache-2.0
/*
 * The hash table under hash, LRU and hash-of-maps. Elements lie in one block and are named by number; a bucket
 * is a chain of numbers. Readers take no lock. Elements are never unmapped, but a freed one may be used again
 * for another key while a reader stands on it; so a chain ends with a mark that names its bucket,
 * and a reader that arrives at the mark of another bucket starts again. Writers of a bucket hold its stripe's lock.
 *
 * User space copies a value without the lock, too, and once more, with it, when a writer was at work meanwhile.
 *
 * A present key is replaced by a new element, as in the kernel, so that a program that holds the old value keeps
 * seeing it whole; each stripe keeps one spare element for that. Per-CPU values are written in place.
 *
 * In a space (space.h) a writer may die between any two stores. One store puts an element into its chain or takes it
 * out, so chains are always whole; what lists and counters say is made anew from them by table_sweep(), which the next
 * writer calls who takes over a lock, or sees that someone did (`stale`).
 *
 * LRU: one stripe, and a clock (second chance) over the elements. A look-up marks its element, the hand
 * clears marks and evicts the first element without one, after at most CLOCK_STEPS steps any: O(1).
 */
#include "map/table.h"

#define MAX_STRIPES 64u
#define CLOCK_STEPS 128u

uint64_t map_hash_bytes(const void *bytes, uint32_t len, uint64_t seed)
{
	const uint8_t *key = bytes;
	uint64_t h = seed ^ len;

	for (; len >= 16; len -= 16, key += 16)
		h = fold(bytes_u64(key, false) ^ FOLD_A ^ h, bytes_u64(key + 8, false) ^ FOLD_B);
	if (len >= 8) {
		h = fold(bytes_u64(key, false) ^ FOLD_A ^ h, FOLD_B);
		len -= 8;
		key += 8;
	}
	if (len)
		h = fold(tail_word(key, len) ^ FOLD_B ^ h, FOLD_A);
	return fold(h ^ FOLD_B, FOLD_A);
}

static inline uint32_t hash_key(const struct table *t, const void *key)
{
	uint32_t size = t->map.attr.key_size;

	if (size == 4)
		return hash_word(bytes_u32(key, false), t->seed);
	if (size == 8)
		return hash_word(bytes_u64(key, false), t->seed);
	return finish(map_hash_bytes(key, size, t->seed));
}

/* Keys are kept in whole words, filled up with zeroes, and read and written by words: a reader may stand
 * on an element whose key is being written, and must then see some key, not undefined behaviour. */

static inline bool same_key(const struct table *t, const struct table_elem *e, const uint8_t *key)
{
	uint32_t size = t->map.attr.key_size, i;

	for (i = 0; size >= 8; i++, size -= 8, key += 8)
		if (load_word(&e->key[i]) != bytes_u64(key, false))
			return false;
	return !size || load_word(&e->key[i]) == tail_word(key, size);
}

static void store_key(const struct table *t, struct table_elem *e, const uint8_t *key)
{
	uint32_t size = t->map.attr.key_size, i;

	for (i = 0; size >= 8; i++, size -= 8, key += 8)
		__atomic_store_n(&e->key[i], bytes_u64(key, false), __ATOMIC_RELAXED);
	if (size)
		__atomic_store_n(&e->key[i], tail_word(key, size), __ATOMIC_RELAXED);
}

/* Looking up ----------------------------------------------------------------------------------------- */

static struct table_stripe *stripe_of(const struct table *t, uint32_t hash)
{
	return &t->stripes[hash & t->mask & (t->nstripes - 1)];
}

static inline bool is_stale(const struct table *t)
{
	return __atomic_load_n(&t->map.sh->stale, __ATOMIC_ACQUIRE);
}

/* Whoever had it died: all is swept before anybody writes again. */
static void note_death(const struct table *t)
{
	__atomic_store_n(&t->map.sh->stale, 1, __ATOMIC_RELEASE);
}

static void stripe_lock(const struct table *t, struct table_stripe *stripe)
{
	for (;;) {
		if (map_lock(&t->map, &stripe->lock))
			note_death(t);
		if (__builtin_expect(!is_stale(t), 1))
			return;
		map_unlock(&stripe->lock);
		table_sweep(t);
	}
}

/* The element of @key in its chain, and where its number stands; the stripe is locked. */
static struct table_elem *find_locked(const struct table *t, const void *key, uint32_t hash,
				      uint32_t **ret_where)
{
	uint32_t *where = &t->buckets[hash & t->mask];

	while (!is_end(*where)) {
		struct table_elem *e = elem_at(t, *where);

		if (e->hash == hash && same_key(t, e, key)) {
			*ret_where = where;
			return e;
		}
		where = &e->next;
	}
	return NULL;
}

struct table_elem *table_find_slowly(const struct table *t, const void *key, uint32_t hash)
{
	struct table_stripe *stripe = stripe_of(t, hash);
	struct table_elem *e;
	uint32_t *where;

	stripe_lock(t, stripe);
	e = find_locked(t, key, hash, &where);
	map_unlock(&stripe->lock);
	return e;
}

/* Keys of up to 8 bytes: comparing the key is as cheap as comparing its hash. */
static struct table_elem *find_word(const struct table *t, const void *key, uint32_t hash)
{
	uint32_t size = t->map.attr.key_size;
	uint64_t word = size == 8 ? bytes_u64(key, false) : tail_word(key, size);

	return table_find_word(t, word, hash);
}

static struct table_elem *find_hashed(const struct table *t, const void *key, uint32_t hash)
{
	uint32_t bucket = hash & t->mask, number;

	if (t->words == 1)
		return find_word(t, key, hash);
	for (unsigned int tries = 0; tries < MAX_RETRIES; tries++) {
		number = __atomic_load_n(&t->buckets[bucket], __ATOMIC_ACQUIRE);
		while (!is_end(number)) {
			struct table_elem *e = elem_at(t, number);

			if (__atomic_load_n(&e->hash, __ATOMIC_RELAXED) == hash &&
			    same_key(t, e, key))
				return e;
			number = __atomic_load_n(&e->next, __ATOMIC_ACQUIRE);
		}
		if (!number || number == end_of(bucket))
			return NULL;
	}
	return table_find_slowly(t, key, hash);
}

struct table_elem *table_find(const struct table *t, const void *key)
{
	return find_hashed(t, key, hash_key(t, key));
}

/* Values: copied by words, because others may read or write them meanwhile --------------------------- */

/* From a map: @from is aligned. */
static inline void copy_words(void *to, const void *from, uint32_t size)
{
	const uint8_t *in = from;
	uint8_t *out = to;

	for (; size >= 8; size -= 8, in += 8, out += 8) {
		uint64_t word = load_word((const uint64_t *)(const void *)in);

		memcpy(out, &word, 8);
	}
	for (; size; size--)
		*out++ = __atomic_load_n(in++, __ATOMIC_RELAXED);
}

/* Into a map: @to is aligned. @from may be another value of the same element. */
static inline void put_words(void *to, const void *from, uint32_t size)
{
	const uint8_t *in = from;
	uint8_t *out = to;

	if (in < out && out < in + size) {
		memmove(out, in, size);
		return;
	}
	for (; size >= 8; size -= 8, in += 8, out += 8)
		__atomic_store_n((uint64_t *)(void *)out, bytes_u64(in, false), __ATOMIC_RELAXED);
	for (; size; size--)
		__atomic_store_n(out++, *in++, __ATOMIC_RELAXED);
}

/* Elements: free, spare, evicted --------------------------------------------------------------------- */

static void lock_free(struct table *t)
{
	if (map_lock(&t->map, &t->state->free_lock))
		note_death(t);
}

static uint32_t pop_free(struct table *t)
{
	uint32_t number;

	lock_free(t);
	number = t->state->free_top;
	if (number)
		t->state->free_top = elem_at(t, number)->link;
	else if (t->state->fresh < t->limit)
		number = ++t->state->fresh;
	map_unlock(&t->state->free_lock);
	return number;
}

static void push_free(struct table *t, uint32_t number)
{
	lock_free(t);
	elem_at(t, number)->link = t->state->free_top;
	__atomic_store_n(&t->state->free_top, number, __ATOMIC_RELEASE);
	map_unlock(&t->state->free_lock);
}

/*
 * An element for a new key: live and spare ones leave one free for each stripe without a spare, so there is always one.
 */
static uint32_t take_elem(struct table *t, struct table_stripe *stripe)
{
	uint32_t number = stripe->spare;

	stripe->spare = 0;
	return number ? number : pop_free(t);
}

static void give_spare(struct table *t, struct table_stripe *stripe, uint32_t number)
{
	elem_at(t, number)->link = 0;
	stripe->spare = number;
}

static void unlink_elem(struct table *t, uint32_t *where)
{
	__atomic_store_n(where, elem_at(t, *where)->next, __ATOMIC_RELEASE);
}

/* LRU only, its one stripe locked, the map full. */
static void evict(struct table *t)
{
	for (uint32_t steps = 0;; steps++) {
		uint32_t number = t->state->hand >= t->state->fresh ? 1 : t->state->hand + 1,
			 *where;
		struct table_elem *e = elem_at(t, number);

		t->state->hand = number;
		if (e->link != TABLE_LIVE)
			continue;
		if (steps < CLOCK_STEPS && __atomic_load_n(&e->used, __ATOMIC_RELAXED)) {
			__atomic_store_n(&e->used, 0, __ATOMIC_RELAXED);
			continue;
		}
		if (!find_locked(t, e->key, e->hash, &where))
			continue;
		unlink_elem(t, where);
		map_release_values(&t->map, table_value(t, e, 0), t->map.ncpus);
		push_free(t, number);
		map_count(&t->map.sh->entries, -1);
		map_count(&t->map.sh->evicted, 1);
		return;
	}
}

/* What the dead still hold counts as well, until it is swept. */
static bool someone_died(const struct table *t)
{
	for (uint32_t i = 0; t->map.space && i < t->nstripes; i++)
		if (map_is_dead(&t->map, &t->stripes[i].lock))
			return true;
	return false;
}

/* Counts one entry more if there is room. -EAGAIN: not before a sweep. */
static int claim(struct table *t)
{
	uint64_t now = __atomic_load_n(&t->map.sh->entries, __ATOMIC_RELAXED);

	do {
		if (now >= t->map.attr.max_entries) {
			if (!t->lru && someone_died(t))
				return -EAGAIN;
			if (!t->lru) {
				map_count(&t->map.sh->full, 1);
				return -E2BIG;
			}
			evict(t);
			now = __atomic_load_n(&t->map.sh->entries, __ATOMIC_RELAXED);
		}
	} while (!__atomic_compare_exchange_n(&t->map.sh->entries, &now, now + 1, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return 0;
}

/* Writing -------------------------------------------------------------------------------------------- */

/* Around the special fields. What those of a value in place held goes. */
static void write_fields(struct table *t, struct table_elem *e, const struct table_write *w,
			 bool fresh)
{
	for (uint32_t cpu = 0; cpu < t->map.ncpus; cpu++) {
		const uint8_t *from = w->value;
		void *to = table_value(t, e, cpu);

		if (w->all_cpus)
			from += (uint64_t)cpu * t->map.vstride;
		if (!w->all_cpus && cpu != w->cpu) {
			if (fresh)
				memset(to, 0, t->map.vstride);
			continue;
		}
		map_put_value(&t->map, to, from, fresh);
		if (!fresh)
			map_release_value(&t->map, to);
	}
}

static void write_value(struct table *t, struct table_elem *e, const struct table_write *w,
			bool fresh)
{
	uint64_t all = (uint64_t)t->map.vstride * t->map.ncpus;
	uint8_t *values = table_value(t, e, 0);

	if (__builtin_expect(t->map.fields != NULL, 0)) {
		write_fields(t, e, w, fresh);
		return;
	}
	if (w->all_cpus && t->map.ncpus > 1) {
		put_words(values, w->value, (uint32_t)all);
		return;
	}
	for (uint32_t i = 0; fresh && t->map.ncpus > 1 && i < all / 8; i++)
		__atomic_store_n((uint64_t *)(void *)values + i, 0, __ATOMIC_RELAXED);
	put_words(values + (uint64_t)w->cpu * t->map.vstride, w->value, t->map.attr.value_size);
}

static int insert(struct table *t, struct table_stripe *stripe, const void *key, uint32_t hash,
		  const struct table_write *w)
{
	uint32_t *bucket = &t->buckets[hash & t->mask], number;
	struct table_elem *e;
	int r = claim(t);

	if (r < 0)
		return r;
	number = take_elem(t, stripe);
	if (!number) { /* the dead have it */
		map_count(&t->map.sh->entries, -1);
		return -EAGAIN;
	}
	e = elem_at(t, number);
	store_key(t, e, key);
	__atomic_store_n(&e->hash, hash, __ATOMIC_RELAXED);
	__atomic_store_n(&e->used, 0, __ATOMIC_RELAXED);
	e->link = TABLE_LIVE;
	write_value(t, e, w, true);
	__atomic_store_n(&e->next, is_end(*bucket) ? end_of(hash & t->mask) : *bucket,
			 __ATOMIC_RELEASE);
	__atomic_store_n(bucket, number, __ATOMIC_RELEASE);
	return 0;
}

static int replace(struct table *t, struct table_stripe *stripe, uint32_t *where,
		   const struct table_write *w)
{
	uint32_t old = *where, number = take_elem(t, stripe);
	struct table_elem *from = elem_at(t, old), *e;

	if (!number)
		return -EAGAIN;
	e = elem_at(t, number);
	for (uint32_t i = 0; i < t->words; i++)
		__atomic_store_n(&e->key[i], from->key[i], __ATOMIC_RELAXED);
	__atomic_store_n(&e->hash, from->hash, __ATOMIC_RELAXED);
	__atomic_store_n(&e->used, 1, __ATOMIC_RELAXED);
	e->link = TABLE_LIVE;
	write_value(t, e, w, true);
	__atomic_store_n(&e->next, from->next, __ATOMIC_RELEASE);
	__atomic_store_n(where, number, __ATOMIC_RELEASE);
	map_release_values(&t->map, table_value(t, from, 0), t->map.ncpus);
	give_spare(t, stripe, old);
	return 0;
}

/* The thread sanitizer knows no fences; all that is read between them is atomic, which is what it looks at. */
#ifdef __SANITIZE_THREAD__
#define FENCE(order) (void)0
#else
#define FENCE(order) __atomic_thread_fence(order)
#endif

static void write_lock(const struct table *t, struct table_stripe *stripe)
{
	stripe_lock(t, stripe);
	__atomic_store_n(&stripe->sequence, stripe->sequence + 1, __ATOMIC_RELAXED);
	FENCE(__ATOMIC_RELEASE);
}

static void write_unlock(struct table_stripe *stripe)
{
	__atomic_store_n(&stripe->sequence, stripe->sequence + 1, __ATOMIC_RELEASE);
	map_unlock(&stripe->lock);
}

/* -EAGAIN: after a sweep. */
static inline int try_update(struct table *t, const void *key, uint32_t hash,
			     const struct table_write *w)
{
	struct table_stripe *stripe = stripe_of(t, hash);
	struct table_elem *e;
	uint32_t *where;
	int r = 0;

	write_lock(t, stripe);
	e = find_locked(t, key, hash, &where);
	if (e && w->flags & MAP_NOEXIST) {
		r = -EEXIST;
	} else if (!e && w->flags & MAP_EXIST) {
		r = -ENOENT;
	} else if (!e) {
		r = insert(t, stripe, key, hash, w);
	} else if (w->flags & MAP_LOCK) {
		map_put_locked(&t->map, table_value(t, e, 0), w->value);
	} else if (map_is_percpu(t->map.attr.type)) {
		__atomic_store_n(&e->used, 1, __ATOMIC_RELAXED);
		write_value(t, e, w, false);
	} else {
		r = replace(t, stripe, where, w);
	}
	write_unlock(stripe);
	return r;
}

static int update_hashed(struct map *map, const void *key, uint32_t hash,
			 const struct table_write *w)
{
	struct table *t = (struct table *)map;
	int r = map_check_update(map, w->flags);

	if (r < 0)
		return r;
	if (w->cpu >= map->ncpus)
		return -EINVAL;
	while ((r = try_update(t, key, hash, w)) == -EAGAIN)
		note_death(t);
	return r;
}

int table_update(struct map *map, const void *key, const struct table_write *w)
{
	return update_hashed(map, key, hash_key((struct table *)map, key), w);
}

int table_update_word(struct map *map, uint64_t key, const struct table_write *w)
{
	return update_hashed(map, &key, hash_word(key, ((struct table *)map)->seed), w);
}

/* For user space. */
static void copy_out(const struct table *t, const struct table_elem *e, void *value, bool locked)
{
	if (!t->map.fields) {
		copy_words(value, table_value(t, e, 0), map_user_value_size(&t->map));
		return;
	}
	for (uint32_t cpu = 0; cpu < t->map.ncpus; cpu++)
		map_get_value(&t->map, (uint8_t *)value + (uint64_t)cpu * t->map.vstride,
			      table_value(t, e, cpu), locked);
}

/* @value, if not NULL, gets a copy. */
static int remove_hashed(struct map *map, const void *key, uint32_t hash, void *value, bool locked)
{
	struct table *t = (struct table *)map;
	uint32_t *where, number;
	struct table_stripe *stripe = stripe_of(t, hash);
	struct table_elem *e;

	write_lock(t, stripe);
	e = find_locked(t, key, hash, &where);
	if (e) {
		number = *where;
		unlink_elem(t, where);
		if (value)
			copy_out(t, e, value, locked);
		map_release_values(map, table_value(t, e, 0), map->ncpus);
		if (stripe->spare)
			push_free(t, number);
		else
			give_spare(t, stripe, number);
		map_count(&map->sh->entries, -1);
	}
	write_unlock(stripe);
	return e ? 0 : -ENOENT;
}

int table_remove(struct map *map, const void *key)
{
	return remove_hashed(map, key, hash_key((struct table *)map, key), NULL, false);
}

int table_remove_word(struct map *map, uint64_t key)
{
	return remove_hashed(map, &key, hash_word(key, ((struct table *)map)->seed), NULL, false);
}

int table_user_take(struct map *map, const void *key, void *value, bool locked)
{
	return remove_hashed(map, key, hash_key((struct table *)map, key), value, locked);
}

/* User space ------------------------------------------------------------------------------------------- */

static int copy_locked(const struct table *t, const void *key, uint32_t hash, void *value)
{
	struct table_stripe *stripe = stripe_of(t, hash);
	struct table_elem *e;
	uint32_t *where;

	stripe_lock(t, stripe);
	e = find_locked(t, key, hash, &where);
	if (e)
		copy_out(t, e, value, false);
	map_unlock(&stripe->lock);
	return e ? 0 : -ENOENT;
}

/* Keys and values of one word each: few branches, as each that is not foreseen costs as much as the rest. */
static int user_lookup_word(const struct table *t, const void *key, void *value)
{
	uint64_t word = bytes_u64(key, false), found;
	uint32_t hash = hash_word(word, t->seed);
	const struct table_stripe *stripe = stripe_of(t, hash);
	uint32_t before = __atomic_load_n(&stripe->sequence, __ATOMIC_ACQUIRE);
	const struct table_elem *e = table_find_word(t, word, hash);

	if (e) {
		found = load_word(table_value(t, e, 0));
		memcpy(value, &found, sizeof(found));
	}
	FENCE(__ATOMIC_ACQUIRE);
	if (before & 1 || __atomic_load_n(&stripe->sequence, __ATOMIC_RELAXED) != before)
		return copy_locked(t, key, hash, value);
	return e ? 0 : -ENOENT;
}

int table_user_lookup(struct map *map, const void *key, void *value)
{
	const struct table *t = (const struct table *)map;
	uint32_t hash, before;
	const struct table_stripe *stripe;
	struct table_elem *e;

	if (t->word_pairs)
		return user_lookup_word(t, key, value);
	hash = hash_key(t, key);
	stripe = stripe_of(t, hash);
	before = __atomic_load_n(&stripe->sequence, __ATOMIC_ACQUIRE);
	if (before & 1)
		return copy_locked(t, key, hash, value);
	e = find_hashed(t, key, hash);
	if (e)
		copy_out(t, e, value, false);
	FENCE(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&stripe->sequence, __ATOMIC_RELAXED) != before)
		return copy_locked(t, key, hash, value);
	return e ? 0 : -ENOENT;
}

int table_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	struct table_write w = { .value = value, .flags = flags, .all_cpus = true };

	return table_update(map, key, &w);
}

/* The first key in buckets [bucket, end): locks one bucket at a time. */
static int first_from(const struct table *t, uint64_t bucket, void *next)
{
	for (; bucket <= t->mask; bucket++) {
		struct table_stripe *stripe;
		uint32_t number;

		if (is_end(__atomic_load_n(&t->buckets[bucket], __ATOMIC_RELAXED)))
			continue;
		stripe = stripe_of(t, (uint32_t)bucket);
		stripe_lock(t, stripe);
		number = t->buckets[bucket];
		if (!is_end(number))
			memcpy(next, elem_at(t, number)->key, t->map.attr.key_size);
		map_unlock(&stripe->lock);
		if (!is_end(number))
			return 0;
	}
	return -ENOENT;
}

int table_next_key(struct map *map, const void *key, void *next)
{
	const struct table *t = (const struct table *)map;
	struct table_stripe *stripe;
	struct table_elem *e;
	uint32_t hash, *where;
	bool found = false;

	if (!key)
		return first_from(t, 0, next);
	hash = hash_key(t, key);
	stripe = stripe_of(t, hash);
	stripe_lock(t, stripe);
	e = find_locked(t, key, hash, &where);
	if (e && !is_end(e->next)) {
		memcpy(next, elem_at(t, e->next)->key, map->attr.key_size);
		found = true;
	}
	map_unlock(&stripe->lock);
	if (found)
		return 0;
	return first_from(t, e ? (uint64_t)(hash & t->mask) + 1 : 0, next);
}

/* For batches and iteration. */
uint32_t table_bucket_keys(const struct table *t, uint32_t bucket, void *keys, uint32_t room)
{
	struct table_stripe *stripe = stripe_of(t, bucket);
	uint32_t n = 0, at;

	if (is_end(__atomic_load_n(&t->buckets[bucket], __ATOMIC_RELAXED)))
		return 0;
	stripe_lock(t, stripe);
	for (at = t->buckets[bucket]; !is_end(at); at = elem_at(t, at)->next, n++)
		if (n < room)
			memcpy((uint8_t *)keys + (uint64_t)n * t->map.attr.key_size,
			       elem_at(t, at)->key, t->map.attr.key_size);
	map_unlock(&stripe->lock);
	return n;
}

/* Life ------------------------------------------------------------------------------------------------- */

/* Two or more for each entry: most chains then have one element. */
static uint32_t buckets_for(uint32_t entries)
{
	uint32_t n = 1;

	while (n < entries && n < 1u << 30)
		n <<= 1;
	return n < 1u << 30 ? n * 2 : n;
}

int table_init(struct map *map, struct skep_error **reterr)
{
	struct table *t = (struct table *)map;
	uint32_t nbuckets = buckets_for(map->attr.max_entries);
	uint64_t head, bytes;
	void *mem;
	int r;

	t->nstripes = t->lru ? 1 : (uint32_t)num_min(MAX_STRIPES, nbuckets);
	t->mask = nbuckets - 1;
	t->words = (map->attr.key_size + 7) / 8;
	t->word_pairs = map->attr.key_size == 8 && map->attr.value_size == 8 &&
			!map_is_percpu(map->attr.type);
	t->state = (struct table_state *)map->sh;
	if (!map->joined)
		t->state->seed = map_random_seed(map);
	t->seed = t->state->seed;
	head = sizeof(struct table_elem) + t->words * 8ull;
	bytes = map_bytes((uint64_t)nbuckets * 4, (uint64_t)map->attr.max_entries + t->nstripes,
			  head + num_align(map->attr.value_size, 8) * map->ncpus);
	r = map_over_limit(map, bytes, reterr);
	if (r < 0)
		return r;
	if (map->attr.max_entries > END_MARK - 1 - MAX_STRIPES)
		return skep_fail(reterr, &ERR_TOO_MANY, map_place(&map->attr),
				 "'%s' has %u entries, at most %u", map->attr.name,
				 map->attr.max_entries, END_MARK - 1 - MAX_STRIPES);
	t->limit = map->attr.max_entries + t->nstripes;
	r = map_take(map, t->nstripes * sizeof(*t->stripes), &mem, reterr);
	if (r < 0)
		return r;
	t->stripes = mem;
	r = map_take(map, (uint64_t)nbuckets * 4, &mem, reterr);
	if (r < 0)
		return r;
	t->buckets = mem;
	return map_take_values(map, t->limit, (uint32_t)head, reterr);
}

void table_done(struct map *map)
{
	struct table *t = (struct table *)map;

	for (uint32_t i = 1; map->fields && !map->space && map->values && i <= t->state->fresh; i++)
		if (elem_at(t, i)->link == TABLE_LIVE)
			map_release_values(map, table_value(t, elem_at(t, i), 0), map->ncpus);
	map_give(map, t->buckets, ((uint64_t)t->mask + 1) * 4);
	map_give(map, t->stripes, t->nstripes * sizeof(*t->stripes));
}

int table_put(struct map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	struct table_write w = { .value = value, .flags = flags };

	(void)cpu;
	return table_update(map, key, &w);
}

int table_put_percpu(struct map *map, const void *key, const void *value, uint64_t flags,
		     uint32_t cpu)
{
	struct table_write w = { .value = value, .flags = flags, .cpu = cpu };

	return table_update(map, key, &w);
}
