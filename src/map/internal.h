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

struct map_object;
struct map_target;

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
	/* Types whose state other processes may share: bytes of it, a struct map_shared first; 0: it has but that. */
	size_t state;
	bool shares;
	/* How it is built into compiled code, whatever programs may do; NULL: not at all. */
	void (*form)(const struct map *map, struct map_form *ret);
	/* Rings and buffers: NULL answers false. */
	bool (*pending)(const struct map *map);
	/* NULL: user_lookup then remove, of types that hash; else -MAP_ENOTSUPP. */
	int (*user_take)(struct map *map, const void *key, void *value, bool locked);
	/* Types that hold objects of a world: its lock is held. */
	bool worldly;
	void (*forget)(struct map *map, struct map_object *o, const void *key);
	void (*adopt)(struct map *map, const void *key, struct map_object *now);
	int (*target)(struct map *map, const void *key, struct map_target *ret);
	/* Which fields a value may have (enum map_field_kind), whether user space may batch, and programs iterate. */
	uint32_t fields;
	bool batches, iterates;
	bool untyped; /* whatever type a value is said to have: it is a descriptor, or the map's own */
};

/* What all who use a map see; behind it lies the state of its family. In a space it lies in the map's record there. */
struct map_shared {
	uint64_t entries, full, lost, lost_bytes, evicted; /* by atomics */
	uint32_t frozen;
	uint32_t stale; /* who died left something behind: whoever writes next tidies up */
};

struct map {
	const struct map_ops *ops;
	struct map_shared *sh;
	const uint32_t *me;	 /* who takes locks: space.h */
	struct map_space *space; /* NULL: nobody else sees the map */
	struct space_record *record;
	struct map *next_open; /* of the same space */
	uint32_t nblocks;      /* that it has of its record */
	bool joined;	       /* others made it: what init() takes has its contents */
	struct map_attr attr;  /* owned copy; max_entries as the map really has */
	uint8_t *values;
	uint64_t values_size, stride;
	uint32_t value_off, vstride;
	uint32_t ncpus;	   /* values an element: 1 unless per-CPU */
	uint32_t possible; /* CPUs of the machine that the map serves */
	uint32_t refs;
	uint64_t memory;
	struct map *inside;	   /* the table that has its values, or NULL */
	struct map_world *world;   /* of types that hold objects */
	struct map_fields *fields; /* of its values, or NULL */
	map_release_fn release;
	void *release_ctx;
};

extern const struct map_ops map_array_ops, map_percpu_array_ops, map_hash_ops, map_percpu_hash_ops,
	map_lru_hash_ops, map_lru_percpu_hash_ops, map_lpm_ops, map_progs_ops,
	map_array_of_maps_ops, map_hash_of_maps_ops, map_ring_ops, map_perf_ops, map_queue_ops,
	map_stack_ops, map_bloom_ops, map_arena_ops, map_stack_trace_ops, map_cgroup_array_ops,
	map_dev_ops, map_dev_hash_ops, map_cpu_ops, map_xsk_ops, map_sock_ops, map_sock_hash_ops,
	map_reuseport_ops, map_cgroup_storage_ops, map_percpu_cgroup_storage_ops,
	map_sk_storage_ops, map_inode_storage_ops, map_task_storage_ops, map_cgrp_storage_ops,
	map_struct_ops_ops, map_user_ring_ops, map_insn_ops;

/* map.c: what others made in @attr's space and noted in @record. */
struct space_record;
int map_join(const struct map_attr *attr, struct space_record *record, struct map **ret,
	     struct skep_error **reterr);

bool map_user_may_write(const struct map *map); /* map.c */

/* map_mem.c ---------------------------------------------------------------------------------------- */

/* Zeroed memory of the system that costs nothing until it is touched. Checks the limit of the map, where
 * @bytes of UINT64_MAX stand for a number that overflowed. */
int map_take(struct map *map, uint64_t bytes, void **ret, struct skep_error **reterr);
void map_give(const struct map *map, void *mem, uint64_t bytes);
int map_over_limit(const struct map *map, uint64_t bytes, struct skep_error **reterr);
/* Sets up values, stride ... for @count elements with @head bytes before their values. */
int map_take_values(struct map *map, uint64_t count, uint32_t head, struct skep_error **reterr);
uint64_t map_random_seed(const struct map *map);
/* base + n * size, or UINT64_MAX. */
uint64_t map_bytes(uint64_t base, uint64_t n, uint64_t size);

/* map_check.c: refusals that tell which map and what it needs. ------------------------------------------ */

int map_refuse(struct skep_error **reterr, const struct err_def *def, const struct map_attr *attr,
	       const char *needs, uint32_t has);
int map_check_flags(const struct map_attr *attr, uint32_t allowed, struct skep_error **reterr);

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

int map_check_stack_trace(const struct map_attr *attr, struct skep_error **reterr);
int map_check_dev(const struct map_attr *attr, struct skep_error **reterr);
int map_check_cpu(const struct map_attr *attr, struct skep_error **reterr);
int map_check_socks(const struct map_attr *attr, struct skep_error **reterr);
int map_check_reuseport(const struct map_attr *attr, struct skep_error **reterr);
int map_check_cgroup_storage(const struct map_attr *attr, struct skep_error **reterr);
int map_check_storage(const struct map_attr *attr, struct skep_error **reterr);
int map_check_struct_ops(const struct map_attr *attr, struct skep_error **reterr);
int map_check_insns(const struct map_attr *attr, struct skep_error **reterr);

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

static inline bool map_has_field(const struct map *map, uint32_t kinds)
{
	return map->fields && map->fields->kinds & kinds;
}

/* NOEXIST, EXIST or neither; MAP_LOCK when values have a lock. */
static inline int map_check_update(const struct map *map, uint64_t flags)
{
	if (flags & MAP_LOCK && map_has_field(map, MAP_FIELD_SPIN_LOCK))
		flags &= ~(uint64_t)MAP_LOCK;
	return flags > MAP_EXIST ? -EINVAL : 0;
}

static inline bool map_is_percpu(uint32_t type)
{
	return type == MAP_PERCPU_ARRAY || type == MAP_PERCPU_HASH || type == MAP_LRU_PERCPU_HASH ||
	       type == MAP_PERCPU_CGROUP_STORAGE;
}

/* map_fields.c: values with special fields ------------------------------------------------------------ */

/* What a type's values may have. */
#define MAP_FIELDS_LOCK (MAP_FIELD_SPIN_LOCK | MAP_FIELD_RES_SPIN_LOCK)
#define MAP_FIELDS_WORK (MAP_FIELD_TIMER | MAP_FIELD_WORKQUEUE | MAP_FIELD_TASK_WORK)
#define MAP_FIELDS_KPTR \
	(MAP_FIELD_KPTR | MAP_FIELD_KPTR_REF | MAP_FIELD_KPTR_PERCPU | MAP_FIELD_REFCOUNT)
#define MAP_FIELDS_GRAPH \
	(MAP_FIELD_LIST_HEAD | MAP_FIELD_RB_ROOT | MAP_FIELD_LIST_NODE | MAP_FIELD_RB_NODE)
#define MAP_FIELDS_LRU (MAP_FIELDS_WORK | MAP_FIELDS_KPTR | MAP_FIELDS_GRAPH)
#define MAP_FIELDS_ARRAY (MAP_FIELDS_LOCK | MAP_FIELDS_LRU)
#define MAP_FIELDS_STORAGE (MAP_FIELDS_LOCK | MAP_FIELDS_KPTR)

int map_take_fields(struct map *map, struct skep_error **reterr);
/* All but the fields, into a value that others may read; zeroes into the fields of a @fresh one. */
void map_put_value(const struct map *map, void *to, const void *from, bool fresh);
/* The same under the value's lock. */
void map_put_locked(const struct map *map, void *to, const void *from);
/* A copy for user space: zeroes for the fields. */
void map_get_value(const struct map *map, void *to, const void *from, bool locked);
/* What the fields of this value hold goes. */
void map_release_value(struct map *map, void *value);
void map_release_cpus(struct map *map, void *values, uint32_t ncpus);

static inline void map_release_values(struct map *map, void *values, uint32_t ncpus)
{
	if (__builtin_expect(map->fields != NULL, 0))
		map_release_cpus(map, values, ncpus);
}

/* Counters that any thread moves. */
static inline void map_count(uint64_t *counter, int64_t by)
{
	__atomic_fetch_add(counter, (uint64_t)by, __ATOMIC_RELAXED);
}

/*
 * A spin lock for sections of some ten instructions; gives the CPU away when its holder sleeps. It holds the mark of
 * who took it, so that it can be taken over when that process died: then map_lock() is true, and what the lock protects
 * may be as the dead left it, between any two of its stores.
 */
struct map_lock {
	uint32_t owner;
};

bool map_lock_slowly(const struct map *map, struct map_lock *lock); /* map_space.c */

static inline bool map_lock_fast(const struct map *map, struct map_lock *lock)
{
	uint32_t me = __atomic_load_n(map->me, __ATOMIC_RELAXED), none = 0;

	return me && __atomic_compare_exchange_n(&lock->owner, &none, me, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED);
}

static inline bool map_lock(const struct map *map, struct map_lock *lock)
{
	return !map_lock_fast(map, lock) && map_lock_slowly(map, lock);
}

/* Not when a living process has it. */
bool map_trylock(const struct map *map, struct map_lock *lock);

/* Held by who died. */
bool map_is_dead(const struct map *map, const struct map_lock *lock);

static inline void map_unlock(struct map_lock *lock)
{
	__atomic_store_n(&lock->owner, 0, __ATOMIC_RELEASE);
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

struct table_state {
	struct map_shared shared;
	uint64_t seed;
	uint32_t hand;		  /* of the clock that evicts */
	uint32_t free_top, fresh; /* freed elements; elements that were never used start at fresh */
	struct map_lock free_lock, sweep_lock;
};

struct table {
	struct map map;
	struct table_state *state;
	uint32_t *buckets; /* 1 + number of the first element; 0 and end marks: empty */
	uint32_t mask, words;
	uint64_t seed;
	struct table_stripe *stripes;
	uint32_t nstripes; /* power of two */
	bool lru;
	bool word_pairs; /* keys and values of 8 bytes, one value an element */
	uint32_t limit;	 /* elements in memory, spares included */
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
int table_user_take(struct map *map, const void *key, void *value, bool locked);

void table_form(const struct map *map, struct map_form *ret); /* table_form.c */

uint64_t map_hash_bytes(const void *bytes, uint32_t len, uint64_t seed);

/* map_ring.c: bytes that lie twice in a row, so what wraps around the end is contiguous ------------------ */

/* @head bytes, a multiple of the page, before them lie once. */
int map_take_twice(struct map *map, uint64_t head, uint64_t bytes, uint8_t **ret,
		   struct skep_error **reterr);
void map_give_twice(const struct map *map, uint8_t *mem, uint64_t head, uint64_t bytes);

#endif
