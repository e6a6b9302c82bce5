// SPDX-License-Identifier: Apache-2.0
/*
 * A list of chunks, each twice the last up to 1 MiB; large requests get a chunk of their own. Those come as zeroed pages
 * from the system; what others hold is zeroed when it is handed out, so that no more is touched than is used.
 * Invariant: `used` never exceeds `limit` when there is one; a chunk is zero from `dirty` on.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

#define FIRST_CHUNK 4096
#define LARGEST_CHUNK ((size_t)1 << 20)
#define ALIGN 16
#define PAGE 4096
#define BATCH ((size_t)64 << 10)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used, dirty;
	size_t ready; /* the pages up to here were asked for */
	bool borrowed;
	_Alignas(ALIGN) unsigned char data[];
};

void arena_init(struct arena *a, size_t limit)
{
	*a = (struct arena){ .limit = limit };
}

void arena_init_on(struct arena *a, size_t limit, void *memory, size_t size)
{
	struct arena_chunk *c = memory;

	arena_init(a, limit);
	if (size <= sizeof(*c))
		return;
	*c = (struct arena_chunk){ .size = size - sizeof(*c), .borrowed = true };
	c->dirty = c->ready = c->size;
	a->top = c;
}

void arena_done(struct arena *a)
{
	struct arena_chunk *c, *next;

	for (c = a->top; c; c = next) {
		next = c->next;
		if (!c->borrowed)
			free(c);
	}
	a->top = NULL;
	a->used = 0;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t need)
{
	size_t size = a->top ? a->top->size * 2 : FIRST_CHUNK;
	struct arena_chunk *c;

	if (size > LARGEST_CHUNK)
		size = LARGEST_CHUNK;
	if (size < need)
		size = need;
	c = size > LARGEST_CHUNK ? calloc(1, sizeof(*c) + size) : malloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	*c = (struct arena_chunk){ .next = a->top,
				   .size = size,
				   .dirty = size > LARGEST_CHUNK ? 0 : size,
				   .ready = size > LARGEST_CHUNK || size < BATCH ? size : 0 };
	a->top = c;
	return c;
}

void arena_reset(struct arena *a, size_t keep)
{
	size_t used = a->used, limit = a->limit;
	struct arena_chunk *c = a->top;

	if (c && !c->next && c->size <= keep) {
		c->dirty = c->used > c->dirty ? c->used : c->dirty;
		c->used = a->used = 0;
		return;
	}
	arena_done(a);
	arena_init(a, limit);
	if (used && used <= keep)
		arena_reserve(a, used);
}

void arena_reserve(struct arena *a, size_t size)
{
	if (!a->top)
		(void)chunk_new(a, size);
}

/*
 * Pages that are touched one after the other fault one by one, which costs several times what they cost together. That the
 * system refuses is no matter.
 */
static void get_ready(struct arena_chunk *c, size_t upto)
{
	uintptr_t from = ((uintptr_t)c->data + c->ready) & -(uintptr_t)PAGE, to;

	c->ready = upto + BATCH < c->size ? upto + BATCH : c->size;
	to = ((uintptr_t)c->data + c->ready) & -(uintptr_t)PAGE;
	if (to > from)
		(void)madvise((void *)from, to - from, MADV_POPULATE_WRITE);
}

/* @ret_dirty: how many of the bytes may not be zero */
static void *take(struct arena *a, size_t n, size_t size, size_t *ret_dirty)
{
	struct arena_chunk *c = a->top;
	size_t len;
	void *p;

	if (__builtin_mul_overflow(n, size, &len) || len > SIZE_MAX / 2)
		return NULL;
	len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!len)
		len = ALIGN;
	if (a->limit && (len > a->limit || a->used > a->limit - len))
		return NULL;
	if (!c || c->size - c->used < len) {
		c = chunk_new(a, len);
		if (!c)
			return NULL;
	}
	if (c->used + len > c->ready)
		get_ready(c, c->used + len);
	p = c->data + c->used;
	*ret_dirty = c->dirty <= c->used ? 0 : c->dirty - c->used < len ? c->dirty - c->used : len;
	c->used += len;
	a->used += len;
	return p;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t dirty;
	void *p = take(a, n, size, &dirty);

	if (p && dirty)
		memset(p, 0, dirty);
	return p;
}

void *arena_alloc_raw(struct arena *a, size_t n, size_t size)
{
	size_t dirty;

	return take(a, n, size, &dirty);
}

void *arena_dup(struct arena *a, const void *src, size_t len)
{
	void *p = arena_alloc_raw(a, len, 1);

	if (p && len)
		memcpy(p, src, len);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1, 1);

	if (p)
		memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1, 1);
	if (!p)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
