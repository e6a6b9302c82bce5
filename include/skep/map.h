/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps of an object, as user space sees them through bpf(2): values of per-CPU maps are arrays of
 * `round_up(value_size, 8)` bytes a CPU. Errors are the kernel's errno values. Look-up, update, delete and
 * next_key need a loaded object (-EINVAL before). Safe from any thread. Source: bpf(2), bpf/map_*.rst.
 */
#ifndef SKEP_MAP_H
#define SKEP_MAP_H

#include "skep/object.h"

#ifdef __cplusplus
extern "C" {
#endif

struct skep_map_info {
	const char *name;
	uint32_t type;
	const char *type_name; /**< "hash" */
	const char *section;   /**< ".maps", ".rodata" */
	bool internal;	       /**< a data section of the object */
	bool read_only;	       /**< internal and constant for programs (.rodata, .kconfig) */
	bool per_cpu;
	uint32_t key_size, value_size, max_entries, flags, numa_node;
	uint64_t map_extra;
	bool pinned;
	const char *inner;	       /**< type name of the inner maps, or NULL */
	uint32_t key_type, value_type; /**< type ids (btf.h), 0 none */
	uint32_t ncpus;		       /**< of per-CPU values; 1 for others */
	uint32_t user_value_size;      /**< bytes that lookup and update exchange */
	const void *initial;	       /**< initial contents of an internal map, or NULL: zeros */
};
SKEP_API void skep_map_info(const struct skep_map *map, struct skep_map_info *ret);

/**
 * Sizes the map, whatever the object declares; before skep_obj_load(), which checks it. -EINVAL for a data section,
 * -EALREADY when the object is loaded. Not thread-safe.
 */
SKEP_API int skep_map_set_max_entries(struct skep_map *map, uint32_t n, struct skep_error **reterr);

/** For flags of look-ups and updates, and of batches' elements: under the value's struct bpf_spin_lock. */
#define SKEP_MAP_LOCK 4

/** -ENOENT when there is no such key, -EOPNOTSUPP for types without look-up. */
SKEP_API int skep_map_lookup(struct skep_map *map, const void *key, void *value);
/** @flags: 0 or SKEP_MAP_LOCK. */
SKEP_API int skep_map_lookup_flags(struct skep_map *map, const void *key, void *value,
				   uint64_t flags);
/** Takes the entry out: hash kinds, queues, stacks, stack traces; of others -524 (the kernel's ENOTSUPP). */
SKEP_API int skep_map_lookup_and_delete(struct skep_map *map, const void *key, void *value,
					uint64_t flags);
/** @flags: 0 any, 1 only new (-EEXIST), 2 only existing (-ENOENT). -E2BIG when full. */
SKEP_API int skep_map_update(struct skep_map *map, const void *key, const void *value,
			     uint64_t flags);
SKEP_API int skep_map_delete(struct skep_map *map, const void *key);
/** The key after @key (NULL: the first) into @next; -ENOENT at the end. */
SKEP_API int skep_map_next_key(struct skep_map *map, const void *key, void *next);

/** From now on only programs may write it. -EPERM when it was frozen before. */
SKEP_API int skep_map_freeze(struct skep_map *map);

/**
 * Many entries in one call, as bpf(2)'s batches: keys and values lie side by side. `count` becomes how many were done,
 * also when a later one failed. A look-up begins with `in` NULL and goes on at the `out` of the one before; -ENOENT:
 * that was the last. -ENOSPC: there is no room for a bucket's entries. -524: the type has no batches.
 */
enum skep_map_batch_op {
	SKEP_MAP_LOOKUP_BATCH,
	SKEP_MAP_LOOKUP_AND_DELETE_BATCH,
	SKEP_MAP_UPDATE_BATCH,
	SKEP_MAP_DELETE_BATCH,
};
struct skep_map_batch {
	size_t size; /**< of this struct */
	const void *in;
	void *out; /**< skep_map_batch_size() bytes, as `in` */
	void *keys, *values;
	uint32_t count;
	uint64_t elem_flags, flags;
};
SKEP_API int skep_map_batch(struct skep_map *map, enum skep_map_batch_op op,
			    struct skep_map_batch *b);
SKEP_API uint32_t skep_map_batch_size(const struct skep_map *map);

struct skep_map_stats {
	uint64_t entries, full, lost, lost_bytes, evicted, memory;
};
/** Counters: entries now, updates refused because full, records lost, LRU evictions, bytes. */
SKEP_API void skep_map_stats(const struct skep_map *map, struct skep_map_stats *ret);

#ifdef __cplusplus
}
#endif
#endif
