/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocation: what lives together dies together. Memory is zeroed and aligned to 16 bytes. An
 * arena may carry a limit, so that a hostile file cannot make its reader allocate more than a small
 * multiple of itself. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *top;
	unsigned char *at, *end; /* what is free of the top chunk, and was asked for */
	unsigned char *clean;	 /* from here on it is zero */
	size_t used;		 /* bytes handed out */
	size_t limit;		 /* 0: none */
};

/* @limit 0 means no limit. Needs no memory; cannot fail. */
void arena_init(struct arena *a, size_t limit);
/* The same, and begins with @memory of the caller's, aligned to 16 bytes, such as a piece of its stack. */
void arena_init_on(struct arena *a, size_t limit, void *memory, size_t size);
/* An arena without a limit, on the one chunk that another had left; NULL: on none. */
void arena_init_from(struct arena *a, struct arena_chunk *chunk);
void arena_done(struct arena *a);
/* Empty again; memory of up to @keep bytes stays for what comes next, in one piece. */
void arena_reset(struct arena *a, size_t keep);
/* Room for @size bytes in one piece, in an arena that has no memory yet; that there is none is no matter. */
void arena_reserve(struct arena *a, size_t size);
/* What there is no room for at hand. */
void *arena_more(struct arena *a, size_t n, size_t size);

#define ARENA_ALIGN 16
/* Memory, or NULL when out of memory, over the limit, or n * size overflows. n or size 0 gives a valid pointer. */
static inline void *arena_alloc_raw(struct arena *a, size_t n, size_t size)
{
	unsigned char *p = a->at;
	size_t len;

	/* what is left is a multiple of the alignment */
	if (__builtin_mul_overflow(n, size, &len) || !len || len > (size_t)(a->end - p) || a->limit)
		return arena_more(a, n, size);
	len = (len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	a->at = p + len;
	a->used += len;
	return p;
}
/* The same, zeroed. */
void *arena_alloc(struct arena *a, size_t n, size_t size);
void *arena_dup(struct arena *a, const void *src, size_t len);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), (n), sizeof(type)))
#define ARENA_RAW(a, type, n) ((type *)arena_alloc_raw((a), (n), sizeof(type)))

#endif
