/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dynptrs: 16 bytes in the program's stack. Their contents are the program's to forge, where nobody verified it, so each use checks
 * again that the memory they name may be touched.
 */
#ifndef HELPER_DYNPTR_H
#define HELPER_DYNPTR_H

#include "helper/internal.h"

enum dynptr_kind { DYNPTR_NONE, DYNPTR_LOCAL, DYNPTR_RING, DYNPTR_SKB, DYNPTR_XDP, DYNPTR_META };

#define DYNPTR_MAX 0xffffffu

struct dynptr {
	uint64_t base; /* of memory; 0: of the packet */
	uint32_t off;
	uint32_t info; /* size, kind << 24, read-only << 31 */
};
_Static_assert(sizeof(struct dynptr) == 16, "struct bpf_dynptr of linux/bpf.h");

static inline uint32_t dynptr_size(const struct dynptr *p)
{
	return p->info & DYNPTR_MAX;
}

static inline enum dynptr_kind dynptr_kind(const struct dynptr *p)
{
	return (enum dynptr_kind)(p->info >> 24 & 0x7f);
}

static inline bool dynptr_rdonly(const struct dynptr *p)
{
	return p->info >> 31;
}

/* The dynptr of an argument; NULL: it is none that may be written, and the run ends. */
struct dynptr *dynptr_of(struct exec_run *run, const char *name, uint64_t addr);
void dynptr_set(struct dynptr *p, enum dynptr_kind kind, uint64_t base, uint32_t size, bool rdonly);
/*
 * Its bytes [off, off + len), readable or writable: NULL and *why -EINVAL of a null dynptr or of one that may not be written,
 * -E2BIG outside of it.
 */
uint8_t *dynptr_bytes(struct exec_run *run, const struct dynptr *p, uint64_t off, uint64_t len,
		      bool write, int *why);

#endif
