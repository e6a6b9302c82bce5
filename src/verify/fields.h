/* SPDX-License-Identifier: Apache-2.0 */
/* Special fields of map values and allocated objects: locks, timers, kptrs, lists (fields.c). Inside verify/ only. */
#ifndef VERIFY_FIELDS_H
#define VERIFY_FIELDS_H

#include "verify/walk.h"

enum field_kind {
	FK_SPIN_LOCK = 1,
	FK_RES_SPIN_LOCK = 2,
	FK_TIMER = 4,
	FK_WORKQUEUE = 8,
	FK_TASK_WORK = 16,
	FK_KPTR_UNREF = 32,
	FK_KPTR_REF = 64,
	FK_KPTR_PERCPU = 128,
	FK_UPTR = 256,
	FK_LIST_HEAD = 512,
	FK_LIST_NODE = 1024,
	FK_RB_ROOT = 2048,
	FK_RB_NODE = 4096,
	FK_REFCOUNT = 8192,
	FK_KPTR = FK_KPTR_UNREF | FK_KPTR_REF | FK_KPTR_PERCPU | FK_UPTR,
};

struct field {
	uint32_t kind, off, size;
	const struct btf *btf; /* of what a kptr points to */
	uint32_t btf_id;
	const char *node; /* member of `btf_id` that links a list or tree */
	uint32_t node_off;
};

struct fields {
	uint32_t n, kinds;
	struct field list[11];
};

/* Of a struct type, or NULL when it has none. Kept by the verifier. */
const struct fields *fields_of(struct verifier *v, const struct btf *btf, uint32_t type);
const struct fields *fields_of_map(struct verifier *v, const struct verify_map *map);
const struct field *fields_at(const struct fields *f, uint32_t off, uint32_t kinds);
const struct field *fields_find(const struct fields *f, uint32_t kinds);
const char *field_name(uint32_t kind);
/* Bytes [min, max) of the value may be touched. */
int fields_overlap(struct verifier *v, unsigned int regno, const struct verify_map *map,
		   int64_t min, int64_t max, uint64_t size, bool indirect, bool write);
/* Is it a load or store of a kptr? Then it is done here. */
int fields_kptr(struct verifier *v, const struct access *a, const struct verify_map *map,
		int64_t off, bool *ret_is);

#endif
