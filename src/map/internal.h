/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of map/ share: the operations of a map type, the base object, its memory, locks and hashes.
 *
 * Every family keeps its values in one block of equal elements, so the value that holds an address
 * is found by arithmetic: element i lies at values + i * stride, and in it one value (of each CPU)
 * every vstride bytes from value_off on.
 */
#ifndef MAP_INTERNAL_H
#define MAP_INTERNAL_H

#include <sched.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "map/map.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "map/errors.def"
#undef ERR

#define MAP_DEFAULT_MEMORY (1ull << 30)
#define MAP_MAX_CPUS 4096u
/* Limits of the kernel: the largest slab allocation, the smallest per-CPU unit. */
#define MAP_MAX_ELEMENT (1u << 22)
#define MAP_MAX_PERCPU (32u << 10)
#define MAP_ARENA_FLAGS (MAP_F_MMAPABLE | MAP_F_SEGV_ON_FAULT | MAP_F_NO_USER_CONV)
#define MAP_ACCESS_FLAGS (MAP_F_RDONLY | MAP_F_WRONLY | MAP_F_RDONLY_PROG | MAP_F_WRONLY_PROG)

/* The kernel's ENOTSUPP, which libc does not know. */
#define MAP_ENOTSUPP 524

/* A type of map. Members that may be NULL say what the map then answers. */
struct map_ops {
	size_t size; /* of the family's struct, which starts with struct map */
	int (*check)(const struct map_attr *attr, struct skep_error **reterr);
	int (*init)(struct map *map, struct skep_error **reterr);
	void (*done)(struct map *map); /* NULL: nothing but the values */
	void *(*lookup)(struct map *map, const void *key, uint32_t cpu);
	int (*update)(struct map *map, const void *key, const void *value, uint64_t flags,
		      uint32_t cpu);
	int (*remove)(struct map *map, const void *key);
	int (*next_key)(struct map *map, const void *key, void *next);
	int (*user_lookup)(struct map *map, const void *key, void *value);
	int (*user_update)(struct map *map, const void *key, const void *value, uint64_t flags);
	/* Per-CPU types only: NULL answers NULL. */
	void *(*lookup_percpu)(struct map *map, const void *key, uint32_t cpu);
	/* Queues, stacks, Bloom filters: NULL answers -EOPNOTSUPP. */
	int (*push)(struct map *map, const void *value, uint64_t flags);
	int (*pop)(struct map *map, void *value);
	int (*peek)(struct map *map, void *value);
	/* Types that hold objects: NULL answers -EINVAL, or NULL. */
	int (*slot_update)(struct map *map, const void *key, void *obj, void (*put)(void *),
			   uint64_t flags);
	void *(*slot_find)(struct map *map, const void *key);
	/* How it is built into compiled code, whatever programs may do; NULL: not at all. */
	void (*form)(const struct map *map, struct map_form *ret);
	/* Rings and buffers: NULL answers false. */
	bool (*pending)(const struct map *map);
};

struct map {
	const struct map_ops *ops;
	struct map_attr attr; /* owned copy; max_entries as the map really has */
	uint8_t *values;
	uint64_t values_size, stride;
	uint32_t value_off, vstride;
	uint32_t ncpus;	   /* values an element: 1 unless per-CPU */
	uint32_t possible; /* CPUs of the machine that the map serves */
	uint32_t refs;
	bool frozen;
	uint64_t memory;
	uint64_t entries, full, lost, lost_bytes, evicted; /* by atomics */
};

extern const struct map_ops map_array_ops, map_percpu_array_ops, map_hash_ops, map_percpu_hash_ops,
	map_lru_hash_ops, map_lru_percpu_hash_ops, map_lpm_ops, map_progs_ops,
	map_array_of_maps_ops, map_hash_of_maps_ops, map_ring_ops, map_perf_ops, map_queue_ops,
	map_stack_ops, map_bloom_ops, map_arena_ops;

/* map_mem.c ---------------------------------------------------------------------------------------- */

/* Zeroed memory of the system that costs nothing until it is touched. Checks the limit of the map, where
 * @bytes of UINT64_MAX stand for a number that overflowed. */
int map_take(struct map *map, uint64_t bytes, void **ret, struct skep_error **reterr);
void map_give(void *mem, uint64_t bytes);
int map_over_limit(const struct map *map, uint64_t bytes, struct skep_error **reterr);
/* Sets up values, stride ... for @count elements with @head bytes before their values. */
int map_take_values(struct map *map, uint64_t count, uint32_t head, struct skep_error **reterr);
uint64_t map_random_seed(const struct map *map);
/* base + n * size, or UINT64_MAX. */
uint64_t map_bytes(uint64_t base, uint64_t n, uint64_t size);

/* map_check.c ---------------------------------------------------------------------------------------- */

int map_check_array(const struct map_attr *attr, struct skep_error **reterr);
int map_check_percpu_array(const struct map_attr *attr, struct skep_error **reterr);
int map_check_fds(const struct map_attr *attr, struct skep_error **reterr);
int map_check_hash(const struct map_attr *attr, struct skep_error **reterr);
int map_check_inner_array(const struct map_attr *attr, struct skep_error **reterr);
int map_check_inner_hash(const struct map_attr *attr, struct skep_error **reterr);
int map_check_lpm(const struct map_attr *attr, struct skep_error **reterr);
int map_check_ring(const struct map_attr *attr, struct skep_error **reterr);
int map_check_queue(const struct map_attr *attr, struct skep_error **reterr);
int map_check_arena(const struct map_attr *attr, struct skep_error **reterr);
int map_check_bloom(const struct map_attr *attr, struct skep_error **reterr);

static inline struct skep_place map_place(const struct map_attr *attr)
{
	return SKEP_AT_MAP(NULL, attr->name);
}

/* Shared by array-like types ------------------------------------------------------------------------- */

int map_index_next(struct map *map, const void *key, void *next);
int map_refuse_remove(struct map *map, const void *key);
int map_refuse_update(struct map *map, const void *key, const void *value, uint64_t flags,
		      uint32_t cpu);
int map_refuse_user_lookup(struct map *map, const void *key, void *value);
int map_refuse_user_update(struct map *map, const void *key, const void *value, uint64_t flags);
void *map_refuse_lookup(struct map *map, const void *key, uint32_t cpu);

static inline uint32_t map_index(const void *key)
{
	return bytes_u32(key, false);
}

/* NOEXIST, EXIST or neither; locks in values are not served, so MAP_LOCK never fits. */
static inline int map_check_update(uint64_t flags)
{
	return flags > MAP_EXIST ? -EINVAL : 0;
}

static inline bool map_is_percpu(uint32_t type)
{
	return type == MAP_PERCPU_ARRAY || type == MAP_PERCPU_HASH || type == MAP_LRU_PERCPU_HASH;
}

/* Counters that any thread moves. */
static inline void map_count(uint64_t *counter, int64_t by)
{
	__atomic_fetch_add(counter, (uint64_t)by, __ATOMIC_RELAXED);
}

/* A spin lock for sections of some ten instructions; gives the CPU away when its holder sleeps. */
struct map_lock {
	uint32_t held;
};

static inline void map_lock(struct map_lock *lock)
{
	unsigned int tries = 0;

	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			if (++tries % 64 == 0)
				sched_yield();
	}
}

static inline void map_unlock(struct map_lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/* map_table.c: buckets of chained elements, under every hash map -------------------------------------- */

struct table_elem {
	uint32_t next; /* in the chain: 1 + number of an element, or an end mark */
	uint32_t hash;
	uint32_t link; /* in the list of free elements, or TABLE_LIVE */
	uint32_t used; /* looked at since the hand passed (LRU) */
	uint64_t key[];
};

#define TABLE_LIVE UINT32_MAX

struct table_stripe {
	struct map_lock lock;
	uint32_t spare;	   /* 1 + number of an element kept for replacing, or 0 */
	uint32_t sequence; /* odd while a writer is at work */
} __attribute__((aligned(64)));

struct table {
	struct map map;
	uint32_t *buckets; /* 1 + number of the first element; 0 and end marks: empty */
	uint32_t mask, words;
	uint64_t seed;
	struct table_stripe *stripes;
	uint32_t nstripes; /* power of two */
	uint32_t hand;	   /* of the clock that evicts */
	bool lru;
	struct map_lock free_lock;
	uint32_t free_top, fresh; /* freed elements; elements that were never used start at fresh */
	uint32_t limit;		  /* elements in memory, spares included */
	void (**puts)(void *);	  /* hash_of_maps: how to release the object in an element */
};

int table_init(struct map *map, struct skep_error **reterr);
void table_done(struct map *map);
/* Without a lock. NULL: no such key. Says nothing about use. */
struct table_elem *table_find(const struct table *t, const void *key);
/* The value of CPU @cpu in an element. */
static inline void *table_value(const struct table *t, const struct table_elem *e, uint32_t cpu)
{
	return (uint8_t *)(uintptr_t)e + t->map.value_off + (uint64_t)cpu * t->map.vstride;
}

/* What a write puts into an element: into all CPUs, or one (and zeroes into the others when it is new). */
struct table_write {
	const void *value;
	uint64_t flags;
	bool all_cpus;
	uint32_t cpu;
};
int table_update(struct map *map, const void *key, const struct table_write *w);
/* As map_ops.update: the one value of a key, or one CPU's. */
int table_put(struct map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu);
int table_put_percpu(struct map *map, const void *key, const void *value, uint64_t flags,
		     uint32_t cpu);
int table_remove(struct map *map, const void *key);
int table_next_key(struct map *map, const void *key, void *next);
/* Copies the value of every CPU, under the lock. */
int table_user_lookup(struct map *map, const void *key, void *value);
int table_user_update(struct map *map, const void *key, const void *value, uint64_t flags);

void table_form(const struct map *map, struct map_form *ret); /* table_form.c */

uint64_t map_hash_bytes(const void *bytes, uint32_t len, uint64_t seed);

/* map_ring.c: bytes that lie twice in a row, so what wraps around the end is contiguous ------------------ */

int map_take_twice(struct map *map, uint64_t bytes, uint8_t **ret, struct skep_error **reterr);
void map_give_twice(uint8_t *mem, uint64_t bytes);

#endif
