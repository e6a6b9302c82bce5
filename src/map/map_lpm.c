// SPDX-License-Identifier: Apache-2.0
/*
 * Longest-prefix match (kernel document bpf/map_lpm_trie.rst): a binary trie in which a node stands for
 * a whole prefix, so a path has no node that neither holds an entry nor branches. An inner node without
 * entry has two children; n entries need at most 2n - 1 nodes. Nodes are named by number, values lie in
 * a block of their own, and a replaced value keeps its bytes for who still looks at them.
 *
 * Writers hold the lock and make the sequence number odd meanwhile. Readers take no lock, walk, and walk
 * again if the number changed. A walk over a trie in change sees wrong nodes but only valid numbers, and
 * its steps are bounded; every load of it acquires, so that the number is read last. In a space (space.h) whoever takes
 * the lock over from a dead writer repairs first (lpm_repair.c): one store puts an entry in or takes it out.
 */
#include "map/lpm.h"

#define MAX_WORDS 32
#define TRIES_TO_LOCK 64

/* A key taken apart; words are filled up with zeroes. */
struct prefix {
	uint32_t len;
	const uint8_t *data;
	uint64_t word[MAX_WORDS];
};

static void take_apart(const struct lpm *t, const void *key, struct prefix *ret)
{
	uint32_t left = t->bits / 8, i = 0;

	ret->len = bytes_u32(key, false);
	ret->data = (const uint8_t *)key + 4;
	for (; left >= 8; left -= 8, i++)
		ret->word[i] = bytes_u64(ret->data + i * 8, false);
	if (left == 4) {
		ret->word[i] = bytes_u32(ret->data + i * 8, false);
	} else if (left) {
		ret->word[i] = 0;
		memcpy(&ret->word[i], ret->data + i * 8, left);
	}
}

static unsigned int bit_of(const uint8_t *data, uint32_t i)
{
	return data[i / 8] >> (7 - i % 8) & 1;
}

/* Bits that node and key have in common, at most the shorter of them. */
static uint32_t common(const struct lpm_node *n, const struct prefix *key)
{
	uint32_t limit = __atomic_load_n(&n->len, __ATOMIC_ACQUIRE);

	if (key->len < limit)
		limit = key->len;
	for (uint32_t i = 0; i * 64 < limit; i++) {
		uint64_t diff = __atomic_load_n(&n->data[i], __ATOMIC_ACQUIRE) ^ key->word[i];

		if (diff) {
			uint32_t at = i * 64 + (uint32_t)__builtin_clzll(__builtin_bswap64(diff));

			return at < limit ? at : limit;
		}
	}
	return limit;
}

static uint32_t walk(const struct lpm *t, const struct prefix *key)
{
	uint32_t at = __atomic_load_n(&t->s->root, __ATOMIC_ACQUIRE), best = 0;

	for (uint32_t steps = 0; at && steps <= t->bits; steps++) {
		const struct lpm_node *n = lpm_node_at(t, at);
		uint32_t len = __atomic_load_n(&n->len, __ATOMIC_ACQUIRE), value;

		if (common(n, key) < len)
			break;
		value = __atomic_load_n(&n->value, __ATOMIC_ACQUIRE);
		if (value)
			best = value;
		if (len >= t->bits || len >= key->len)
			break;
		at = __atomic_load_n(&n->child[bit_of(key->data, len)], __ATOMIC_ACQUIRE);
	}
	return best;
}

static void lock_tree(struct lpm *t)
{
	if (map_lock(&t->map, &t->s->lock))
		lpm_repair(t);
}

static void *lookup(struct map *map, const void *key, uint32_t cpu)
{
	struct lpm *t = (struct lpm *)map;
	struct prefix prefix;
	uint32_t before, after, best;

	(void)cpu;
	take_apart(t, key, &prefix);
	if (prefix.len > t->bits)
		return NULL;
	for (uint32_t tries = 1;; tries++) {
		before = __atomic_load_n(&t->s->sequence, __ATOMIC_ACQUIRE);
		best = walk(t, &prefix);
		after = __atomic_load_n(&t->s->sequence, __ATOMIC_RELAXED);
		if (!(before & 1) && before == after)
			break;
		sched_yield();
		if (tries % TRIES_TO_LOCK == 0) { /* the writer may be dead */
			lock_tree(t);
			map_unlock(&t->s->lock);
		}
	}
	return best ? map->values + (best - 1) * map->stride : NULL;
}

/* Writing: under the lock ------------------------------------------------------------------------------ */

static void write_lock(struct lpm *t)
{
	lock_tree(t);
	__atomic_fetch_add(&t->s->sequence, 1, __ATOMIC_ACQ_REL);
}

static void write_unlock(struct lpm *t)
{
	__atomic_fetch_add(&t->s->sequence, 1, __ATOMIC_ACQ_REL);
	map_unlock(&t->s->lock);
}

static void set(uint32_t *at, uint32_t to)
{
	__atomic_store_n(at, to, __ATOMIC_RELEASE);
}

static uint32_t new_node(struct lpm *t, uint32_t len, const struct prefix *key, uint32_t value)
{
	uint32_t number = t->s->free_node;
	struct lpm_node *n;

	if (number)
		t->s->free_node = lpm_node_at(t, number)->child[0];
	else
		number = ++t->s->fresh_node;
	n = lpm_node_at(t, number);
	set(&n->child[0], 0);
	set(&n->child[1], 0);
	set(&n->len, len);
	set(&n->value, value);
	for (uint32_t i = 0; i < t->words; i++)
		__atomic_store_n(&n->data[i], key->word[i], __ATOMIC_RELAXED);
	return number;
}

static void free_node(struct lpm *t, uint32_t number)
{
	set(&lpm_node_at(t, number)->child[0], t->s->free_node);
	t->s->free_node = number;
}

static uint32_t new_value(struct lpm *t, const void *value)
{
	uint32_t number = t->s->free_value;

	if (number)
		t->s->free_value = t->value_link[number - 1];
	else
		number = ++t->s->fresh_value;
	memcpy(t->map.values + (number - 1) * t->map.stride, value, t->map.attr.value_size);
	return number;
}

static void free_value(struct lpm *t, uint32_t number)
{
	t->value_link[number - 1] = t->s->free_value;
	t->s->free_value = number;
}

/* Where in the trie the key belongs: *ret_match are the bits that the node there has in common with it. */
static uint32_t *find_place(struct lpm *t, const struct prefix *key, uint32_t *ret_match)
{
	uint32_t *where = &t->s->root;

	*ret_match = 0;
	while (*where) {
		struct lpm_node *n = lpm_node_at(t, *where);

		*ret_match = common(n, key);
		if (*ret_match < n->len || n->len == key->len)
			break;
		where = &n->child[bit_of(key->data, n->len)];
	}
	return where;
}

/* The node at @where becomes one of exactly @key with a new value. */
static void put_entry(struct lpm *t, uint32_t *where, const struct prefix *key, uint32_t match,
		      const void *value)
{
	uint32_t old = *where, number, branch;
	struct lpm_node *n = old ? lpm_node_at(t, old) : NULL;

	number = new_node(t, key->len, key, new_value(t, value));
	if (!n) {
		set(where, number);
	} else if (match == n->len && n->len == key->len) {
		set(&lpm_node_at(t, number)->child[0], n->child[0]);
		set(&lpm_node_at(t, number)->child[1], n->child[1]);
		if (n->value)
			free_value(t, n->value);
		set(where, number);
		free_node(t, old);
	} else if (match == key->len) {
		set(&lpm_node_at(t, number)->child[bit_of((const uint8_t *)n->data, match)], old);
		set(where, number);
	} else {
		unsigned int side = bit_of(key->data, match);

		branch = new_node(t, match, key, 0);
		set(&lpm_node_at(t, branch)->child[side], number);
		set(&lpm_node_at(t, branch)->child[!side], old);
		set(where, branch);
	}
}

static int update(struct map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	struct lpm *t = (struct lpm *)map;
	struct prefix prefix;
	uint32_t *where, match;
	int r = map_check_update(map, flags);
	bool present;

	(void)cpu;
	if (r < 0)
		return r;
	take_apart(t, key, &prefix);
	if (prefix.len > t->bits)
		return -EINVAL;
	write_lock(t);
	where = find_place(t, &prefix, &match);
	present = *where && lpm_node_at(t, *where)->len == prefix.len && match == prefix.len &&
		  lpm_node_at(t, *where)->value;
	if (present && flags == MAP_NOEXIST) {
		r = -EEXIST;
	} else if (!present && flags == MAP_EXIST) {
		r = -ENOENT;
	} else if (!present && map->sh->entries >= map->attr.max_entries) {
		map_count(&map->sh->full, 1);
		r = -ENOSPC;
	} else {
		put_entry(t, where, &prefix, match, value);
		map_count(&map->sh->entries, !present);
	}
	write_unlock(t);
	return r;
}

/* Takes the entry out of the node at @where; @above is where its parent stands, or NULL. */
static void take_entry(struct lpm *t, uint32_t *where, uint32_t *above)
{
	uint32_t old = *where, parent, child;
	struct lpm_node *n = lpm_node_at(t, old);

	free_value(t, n->value);
	set(&n->value, 0);
	if (n->child[0] && n->child[1])
		return;
	child = n->child[0] ? n->child[0] : n->child[1];
	parent = above ? *above : 0;
	if (!child && parent && !lpm_node_at(t, parent)->value) {
		struct lpm_node *p = lpm_node_at(t, parent);

		set(above, where == &p->child[0] ? p->child[1] : p->child[0]);
		free_node(t, parent);
	} else {
		set(where, child);
	}
	free_node(t, old);
}

static int lpm_remove(struct map *map, const void *key)
{
	struct lpm *t = (struct lpm *)map;
	struct prefix prefix;
	uint32_t *where = &t->s->root, *above = NULL;
	int r = -ENOENT;

	take_apart(t, key, &prefix);
	if (prefix.len > t->bits)
		return -EINVAL;
	write_lock(t);
	while (*where) {
		struct lpm_node *n = lpm_node_at(t, *where);

		if (common(n, &prefix) < n->len || n->len == prefix.len)
			break;
		above = where;
		where = &n->child[bit_of(prefix.data, n->len)];
	}
	if (*where && lpm_node_at(t, *where)->len == prefix.len && lpm_node_at(t, *where)->value &&
	    common(lpm_node_at(t, *where), &prefix) == prefix.len) {
		take_entry(t, where, above);
		map_count(&map->sh->entries, -1);
		r = 0;
	}
	write_unlock(t);
	return r;
}

/* User space --------------------------------------------------------------------------------------------- */

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	return update(map, key, value, flags, 0);
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	struct lpm *t = (struct lpm *)map;
	void *at;

	lock_tree(t);
	at = lookup(map, key, 0);
	if (at)
		memcpy(value, at, map->attr.value_size);
	map_unlock(&t->s->lock);
	return at ? 0 : -ENOENT;
}

/* The first node below @number in an order that gives children before parents. */
static uint32_t first_below(const struct lpm *t, uint32_t number)
{
	for (;;) {
		const struct lpm_node *n = lpm_node_at(t, number);

		if (n->child[0])
			number = n->child[0];
		else if (n->child[1])
			number = n->child[1];
		else
			return number;
	}
}

/* The node of exactly @key and the nodes above it in @path; 0: none. */
static uint32_t find_path(const struct lpm *t, const struct prefix *key, uint32_t *path,
			  uint32_t *ret_n)
{
	uint32_t at = t->s->root;

	*ret_n = 0;
	while (at) {
		const struct lpm_node *n = lpm_node_at(t, at);

		if (common(n, key) < n->len)
			return 0;
		if (n->len == key->len)
			return n->value ? at : 0;
		path[(*ret_n)++] = at;
		at = n->child[bit_of(key->data, n->len)];
	}
	return 0;
}

static uint32_t node_after(const struct lpm *t, uint32_t at, const uint32_t *path, uint32_t n)
{
	while (n) {
		uint32_t above = path[--n];
		const struct lpm_node *p = lpm_node_at(t, above);

		if (at == p->child[0] && p->child[1])
			return first_below(t, p->child[1]);
		if (p->value)
			return above;
		at = above;
	}
	return 0;
}

/* More specific keys come before less specific ones; an unknown key starts again. */
static int next_key(struct map *map, const void *key, void *next)
{
	struct lpm *t = (struct lpm *)map;
	struct prefix prefix = { .len = 0 };
	uint32_t path[LPM_MAX_BITS + 1], n = 0, at = 0;
	int r = -ENOENT;

	if (key)
		take_apart(t, key, &prefix);
	lock_tree(t);
	if (key && prefix.len <= t->bits)
		at = find_path(t, &prefix, path, &n);
	if (at)
		at = node_after(t, at, path, n);
	else if (t->s->root)
		at = first_below(t, t->s->root);
	if (at) {
		memcpy(next, &lpm_node_at(t, at)->len, 4);
		memcpy((uint8_t *)next + 4, lpm_node_at(t, at)->data, map->attr.key_size - 4);
		r = 0;
	}
	map_unlock(&t->s->lock);
	return r;
}

/* Life ---------------------------------------------------------------------------------------------------- */

static int init(struct map *map, struct skep_error **reterr)
{
	struct lpm *t = (struct lpm *)map;
	uint64_t entries = map->attr.max_entries, values = entries + 1, bytes;
	void *mem;
	int r;

	t->s = (struct lpm_state *)map->sh;
	t->bits = (map->attr.key_size - 4) * 8;
	t->words = (map->attr.key_size - 4 + 7) / 8;
	t->node_stride = sizeof(struct lpm_node) + t->words * 8ull;
	/* one more of each: a replacement stands beside what it replaces */
	t->nodes_size = map_bytes(0, entries * 2 + 2, t->node_stride);
	bytes = map_bytes(t->nodes_size, values, num_align(map->attr.value_size, 8) + 4);
	r = map_over_limit(map, bytes, reterr);
	if (r < 0)
		return r;
	r = map_take(map, t->nodes_size, &mem, reterr);
	if (r < 0)
		return r;
	t->nodes = mem;
	r = map_take(map, values * 4, &mem, reterr);
	if (r < 0)
		return r;
	t->value_link = mem;
	return map_take_values(map, values, 0, reterr);
}

static void done(struct map *map)
{
	struct lpm *t = (struct lpm *)map;

	map_give(map, t->nodes, t->nodes_size);
	map_give(map, t->value_link, ((uint64_t)map->attr.max_entries + 1) * 4);
}

const struct map_ops map_lpm_ops = {
	.size = sizeof(struct lpm),
	.state = sizeof(struct lpm_state),
	.shares = true,
	.check = map_check_lpm,
	.batches = true,
	.init = init,
	.done = done,
	.lookup = lookup,
	.update = update,
	.remove = lpm_remove,
	.next_key = next_key,
	.user_lookup = user_lookup,
	.user_update = user_update,
};
