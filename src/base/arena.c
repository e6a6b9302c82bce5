// SPDX-License-Identifier: Apache-2.0
/*
 * A list of chunks, each twice the last up to 1 MiB; large requests get a chunk of their own. Those come as zeroed pages
 * from the system; what others hold is zeroed when it is handed out, so that no more is touched than is used.
 * Invariant: `used` never exceeds `limit` when there is one; the top chunk is zero from `clean` on, and from `at`
 * on if that is more.
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
#define PAGE 4096
#define BATCH ((size_t)64 << 10)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	bool borrowed;
	_Alignas(ARENA_ALIGN) unsigned char data[];
};

void arena_init(struct arena *a, size_t limit)
{
	*a = (struct arena){ .limit = limit };
}

/* @ready: how many of its bytes were asked for; @dirty: how many may not be zero */
static void use_chunk(struct arena *a, struct arena_chunk *c, size_t ready, size_t dirty)
{
	a->top = c;
	a->at = c->data;
	a->end = c->data + ready;
	a->clean = c->data + dirty;
}

void arena_init_on(struct arena *a, size_t limit, void *memory, size_t size)
{
	struct arena_chunk *c = memory;

	arena_init(a, limit);
	if (size < sizeof(*c) + ARENA_ALIGN)
		return;
	size = (size - sizeof(*c)) & ~(size_t)(ARENA_ALIGN - 1);
	*c = (struct arena_chunk){ .size = size, .borrowed = true };
	use_chunk(a, c, size, size);
}

void arena_init_from(struct arena *a, struct arena_chunk *chunk)
{
	arena_init(a, 0);
	if (chunk)
		use_chunk(a, chunk, chunk->size, chunk->size);
}

void arena_done(struct arena *a)
{
	struct arena_chunk *c, *next;

	for (c = a->top; c; c = next) {
		next = c->next;
		if (!c->borrowed)
			free(c);
	}
	arena_init(a, a->limit);
}

static bool chunk_new(struct arena *a, size_t need)
{
	size_t size = a->top ? a->top->size * 2 : FIRST_CHUNK;
	struct arena_chunk *c;

	if (size > LARGEST_CHUNK)
		size = LARGEST_CHUNK;
	if (size < need)
		size = (need + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	c = size > LARGEST_CHUNK ? calloc(1, sizeof(*c) + size) : malloc(sizeof(*c) + size);
	if (!c)
		return false;
	*c = (struct arena_chunk){ .next = a->top, .size = size };
	use_chunk(a, c, size > LARGEST_CHUNK || size < BATCH ? size : 0,
		  size > LARGEST_CHUNK ? 0 : size);
	return true;
}

void arena_reset(struct arena *a, size_t keep)
{
	size_t used = a->used;
	struct arena_chunk *c = a->top;

	if (c && !c->next && c->size <= keep) {
		a->clean = a->at > a->clean ? a->at : a->clean;
		a->at = c->data;
		a->used = 0;
		return;
	}
	arena_done(a);
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
static void get_ready(struct arena *a, size_t len)
{
	unsigned char *end = a->top->data + a->top->size;
	uintptr_t from = (uintptr_t)a->end & -(uintptr_t)PAGE, to;

	a->end = (size_t)(end - a->at) - len > BATCH ? a->at + len + BATCH : end;
	to = (uintptr_t)a->end & -(uintptr_t)PAGE;
	if (to > from)
		(void)madvise((void *)from, to - from, MADV_POPULATE_WRITE);
}

void *arena_more(struct arena *a, size_t n, size_t size)
{
	struct arena_chunk *c = a->top;
	unsigned char *p;
	size_t len;

	if (__builtin_mul_overflow(n, size, &len) || len > SIZE_MAX / 2)
		return NULL;
	len = (len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!len)
		len = ARENA_ALIGN;
	if (a->limit && (len > a->limit || a->used > a->limit - len))
		return NULL;
	if ((!c || (size_t)(c->data + c->size - a->at) < len) && !chunk_new(a, len))
		return NULL;
	if ((size_t)(a->end - a->at) < len)
		get_ready(a, len);
	p = a->at;
	a->at += len;
	a->used += len;
	return p;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	unsigned char *p = arena_alloc_raw(a, n, size);

	if (p && p < a->clean)
		memset(p, 0, (size_t)((a->at < a->clean ? a->at : a->clean) - p));
	return p;
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
