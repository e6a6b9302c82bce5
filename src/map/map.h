/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of maps. Programs see pointers to values that stay mapped and in place until the map goes, so a
 * pointer kept across a delete reads old data and never faults. Memory is bounded by what the map declares.
 * errno values, flag rules and per-CPU layout are the kernel's (bpf(2), bpf/map_*.rst). Every operation is
 * safe to call from any thread.
 */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include "base/error.h"
#include "btf/btf.h"
#include "spec/form.h"
#include "spec/spec.h"

/* Update flags of the UAPI. */
#define MAP_ANY 0
#define MAP_NOEXIST 1
#define MAP_EXIST 2
#define MAP_LOCK 4

struct map;
struct map_space;
struct map_world; /* object.h */

struct map_attr {
	const char *name; /* copied */
	uint32_t type, key_size, value_size, max_entries, flags, numa_node;
	uint64_t map_extra;
	uint32_t ncpus; /* 0: the machine's possible CPUs */
	/* BTF for display; referenced. Ids 0 when none. */
	struct btf *btf;
	uint32_t key_type, value_type;
	const struct map_attr *inner; /* template of map-in-map, else NULL */
	uint64_t memory_limit; /* bytes; 0: the default of 1 GiB. More gets -E2BIG / -ENOMEM and an error that says so */
	struct map_space *space; /* where others find the map, or NULL */
	bool keep;		 /* in its space: it stays when nobody has it open */
	struct map_world *world; /* whose objects it holds; referenced. NULL: its own */
};

struct map_stats {
	uint64_t entries; /* now; arrays: max_entries */
	uint64_t full;	  /* updates refused with E2BIG, ENOSPC or EAGAIN for want of room */
	uint64_t lost;	  /* records dropped by a ring or perf buffer */
	uint64_t lost_bytes;
	uint64_t evicted; /* LRU */
	uint64_t memory;  /* bytes */
};

/* Does this engine have maps of this type? */
bool map_type_served(uint32_t type);
uint32_t map_possible_cpus(void);
/* Errors concern the declaration. */
int map_new(const struct map_attr *attr, struct map **ret, struct skep_error **reterr);
struct map *map_ref(struct map *map);
struct map *map_unref(struct map *map);
const struct map_attr *map_attr(const struct map *map);
void map_stats(const struct map *map, struct map_stats *ret);
/* User space may no longer write it; .rodata after load. -EPERM when it was frozen before. */
int map_freeze(struct map *map);

/*
 * Spaces: maps that several processes share, in memory that all of them see at the same addresses, without system
 * calls. A process may be killed at any instruction: the others take over its locks, and no entry is lost, doubled
 * or left locked (src/map/space.h). Shared are hash, LRU, their per-CPU kinds, array, per-CPU array, LPM trie, queue, stack,
 * Bloom filter and ring buffer; others get -EOPNOTSUPP.
 */
/* @limit: bytes that all its maps may have, 0: 64 GiB. Costs memory only as maps are written. */
int map_space_new(uint64_t limit, struct map_space **ret, struct skep_error **reterr);
/* The space behind @fd, which stays the caller's. -EBADF: it is none; -EADDRINUSE: something of this process lies there. */
int map_space_join(int fd, struct map_space **ret, struct skep_error **reterr);
/* For passing on: SCM_RIGHTS, or inheritance. Valid as long as the space. */
int map_space_fd(const struct map_space *space);
struct map_space *map_space_ref(struct map_space *space);
struct map_space *map_space_unref(struct map_space *space);
/* May maps of this type lie in a space? */
bool map_type_shared(uint32_t type);
/*
 * A map that somebody made there; the same object when this process has it already. -ENOENT. @like, if not NULL: it must
 * be declared so (-EINVAL), and gets the types for display from there.
 */
int map_open(struct map_space *space, const char *name, const struct map_attr *like,
	     struct map **ret, struct skep_error **reterr);
/* Names: *at starts as 0. -ENOENT at the end. */
int map_space_next(struct map_space *space, uint32_t *at, char *ret_name, size_t size);

/* As a program does: @key of key_size bytes; this CPU's value. @cpu is the current CPU. */
void *map_lookup(struct map *map, const void *key, uint32_t cpu);
int map_update(struct map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu);
int map_delete(struct map *map, const void *key);
void *map_lookup_percpu(struct map *map, const void *key, uint32_t cpu);
/* Queues, stacks, Bloom filters (peek: is the value in?). -EOPNOTSUPP for other types. */
int map_push(struct map *map, const void *value, uint64_t flags);
int map_pop(struct map *map, void *value);
int map_peek(struct map *map, void *value);

/* As user space does through bpf(2): values of per-CPU maps are round_up(value_size, 8) * ncpus. */
uint32_t map_user_value_size(const struct map *map);
int map_user_lookup(struct map *map, const void *key, void *value);
int map_user_update(struct map *map, const void *key, const void *value, uint64_t flags);
int map_user_delete(struct map *map, const void *key);
/* @flags: MAP_LOCK, or 0: -EINVAL for others. Types without it: -MAP_ENOTSUPP. */
int map_user_lookup_flags(struct map *map, const void *key, void *value, uint64_t flags);
int map_user_lookup_and_delete(struct map *map, const void *key, void *value, uint64_t flags);
/* @key NULL: the first. -ENOENT at the end. @next of key_size bytes may be @key. */
int map_next_key(struct map *map, const void *key, void *next);

/*
 * Batches, as bpf(2)'s: @count entries of keys and of values side by side. count becomes how many were done, also when
 * a later one fails; what is refused outright leaves it alone. Look-ups go on at @in, the @out of the one before, NULL to begin; both of map_batch_size() bytes.
 * -ENOENT: that was the last. -ENOSPC: not even one bucket's entries fit. Types without batches: -MAP_ENOTSUPP.
 */
#define MAP_ENOTSUPP 524 /* the kernel's ENOTSUPP, which libc does not know */
enum map_batch_op {
	MAP_BATCH_LOOKUP,
	MAP_BATCH_LOOKUP_AND_DELETE,
	MAP_BATCH_UPDATE,
	MAP_BATCH_DELETE,
};
struct map_batch {
	const void *in;
	void *out, *keys, *values;
	uint32_t count;
	uint64_t elem_flags, flags;
};
int map_user_batch(struct map *map, enum map_batch_op op, struct map_batch *b);
uint32_t map_batch_size(const struct map *map);

/*
 * bpf_for_each_map_elem: every entry and this CPU's value, until @fn returns non-zero. Entries may be deleted and updated
 * meanwhile. Number of entries seen; -EOPNOTSUPP: the type has none, -ENOMEM.
 */
int64_t map_each(struct map *map, uint32_t cpu,
		 int64_t (*fn)(void *ctx, const void *key, void *value), void *ctx);

/*
 * Special fields of values, found by the declared BTF type. User space never sees nor writes them: look-ups give zeroes there,
 * updates leave them alone or, in a new entry, zero. What they hold is given to the release function when an entry
 * goes, is deleted, or its map goes.
 */
enum map_field_kind {
	MAP_FIELD_SPIN_LOCK = 1,
	MAP_FIELD_RES_SPIN_LOCK = 2,
	MAP_FIELD_TIMER = 4,
	MAP_FIELD_WORKQUEUE = 8,
	MAP_FIELD_TASK_WORK = 16,
	MAP_FIELD_KPTR = 32, /* __kptr_untrusted, __kptr, __percpu_kptr, __uptr */
	MAP_FIELD_KPTR_REF = 64,
	MAP_FIELD_KPTR_PERCPU = 128,
	MAP_FIELD_UPTR = 256,
	MAP_FIELD_LIST_HEAD = 512,
	MAP_FIELD_LIST_NODE = 1024,
	MAP_FIELD_RB_ROOT = 2048,
	MAP_FIELD_RB_NODE = 4096,
	MAP_FIELD_REFCOUNT = 8192,
};
struct map_field {
	uint32_t kind, off, size;
	uint32_t type; /* in map_attr.btf: what a kptr points to, what a list or tree contains; 0: unknown */
	uint32_t node_off; /* of the member that links it */
};
#define MAP_MAX_FIELDS 11
struct map_fields {
	uint32_t n, kinds;
	struct map_field list[MAP_MAX_FIELDS]; /* by offset */
};
const struct map_fields *map_fields(const struct map *map); /* NULL: none */
/*
 * The special fields of any type, e.g. of what bpf_obj_new() makes. False: more than MAP_MAX_FIELDS, or a pointer to
 * no struct, and the kernel takes all for plain bytes.
 */
bool map_fields_find(const struct btf *btf, uint32_t type, struct map_fields *ret);
/* @at: the field. Called with a lock of the map held: must not use the map, nor
 * wait for whoever may; must leave the field zero. Set before the map is used. */
typedef void (*map_release_fn)(void *ctx, struct map *map, const struct map_field *field, void *at);
void map_on_release(struct map *map, map_release_fn fn, void *ctx);

/* struct bpf_spin_lock in a value, for programs and BPF_F_LOCK: 0, or the number of the process that holds it. */
void map_spin_lock(uint32_t *lock);
void map_spin_unlock(uint32_t *lock);

/* Value memory for exec: range of addresses, and the one value that holds an address. */
void map_value_range(const struct map *map, uint64_t *ret_base, uint64_t *ret_size);
bool map_value_at(const struct map *map, uint64_t addr, uint64_t *ret_base, uint32_t *ret_size);
/* The key of the live entry whose value lies at @addr, in arrays (then *scratch) and hash tables; NULL: there is none. */
const void *map_key_of(const struct map *map, uint64_t addr, uint32_t *scratch);
bool map_prog_may_write(const struct map *map);
bool map_prog_may_read(const struct map *map);
/* Start of an array map's value 0 (ISA_PSEUDO_MAP_IDX_VALUE), or 0. */
uint64_t map_direct_value(const struct map *map);

/* How compiled code does what programs do with it; false: it calls the helpers. Holds as long as the map. */
bool map_form(const struct map *map, struct map_form *ret);

/*
 * Objects in slots: programs (prog array) and maps (map-in-map). Slots hold what core gives; `put` releases it as
 * soon as it is replaced or removed, so it must not free what a run on another thread may still use. @obj NULL
 * empties the slot. map_lookup() on a map of maps gives the object.
 */
int map_slot_set(struct map *map, uint32_t index, void *obj, void (*put)(void *obj));
void *map_slot_get(struct map *map, uint32_t index);
/* The same by key, also for hash_of_maps; flags are those of an update. */
int map_slot_update(struct map *map, const void *key, void *obj, void (*put)(void *obj),
		    uint64_t flags);
void *map_slot_find(struct map *map, const void *key);
/* May @inner go into @outer? 0 or -EINVAL: type, sizes, flags, and max_entries of an array, must be the template's. */
int map_inner_fits(const struct map *outer, const struct map *inner);

/*
 * Arena: @pages pages in a row, zeroed, at @addr if that is not 0; its lower half counts, as in every pointer into an
 * arena. 0: there are none, or they are taken. What is given back need not have been taken.
 */
uint64_t map_arena_alloc(struct map *map, uint64_t addr, uint32_t pages);
void map_arena_free(struct map *map, uint64_t addr, uint32_t pages);
/* Pages that nobody is to get: 0, -EINVAL outside of it, -EBUSY when one is taken. */
int map_arena_reserve(struct map *map, uint64_t addr, uint32_t pages);

/* Ring buffer: producer side. */
#define MAP_RING_BUSY (1u << 31)
#define MAP_RING_DISCARD (1u << 30)
void *map_ring_reserve(struct map *map, uint64_t size, uint64_t flags);
void map_ring_submit(struct map *map, void *sample, uint64_t flags);
void map_ring_discard(struct map *map, void *sample, uint64_t flags);
uint64_t map_ring_sample_size(struct map *map, const void *sample);
int map_ring_output(struct map *map, const void *data, uint64_t size, uint64_t flags);
uint64_t map_ring_query(struct map *map, uint64_t flags);
/*
 * Consumer: calls @fn for each committed record; stops after the one for which it returns non-zero. Returns the number
 * of records, or that value if < 0. -EBUSY while another drain is under way.
 */
typedef int (*map_record_fn)(void *ctx, uint32_t cpu, const void *data, size_t len);
int64_t map_ring_drain(struct map *map, map_record_fn fn, void *ctx);
/* Is there something to drain? Ring and perf maps. */
bool map_pending(const struct map *map);
/* Does a sample at @addr lie in this ring? */
bool map_ring_owns(const struct map *map, uint64_t addr);

/* Perf event array. A CPU's slot must be opened (with a buffer of @pages pages, a power of two) before output, else -ENOENT. */
int map_perf_open(struct map *map, uint32_t cpu, uint32_t pages);
/* @tail: packet bytes that the BPF_F_CTXLEN part of flags asked for, may be NULL. */
int map_perf_output(struct map *map, uint32_t cpu, uint64_t flags, const void *data, uint64_t size,
		    const void *tail, uint64_t tail_len);
int64_t map_perf_drain(struct map *map, map_record_fn fn, void *ctx,
		       void (*lost)(void *ctx, uint32_t cpu, uint64_t n));

#endif
