/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes. After an allocation fails the buffer is `failed`: further writes do nothing, so a
 * writer checks once at the end. buf_str() always gives a NUL-terminated string.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* NUL-terminated when not NULL; NUL not counted in len */
	size_t len, cap;
	bool failed;
};

void buf_init(struct buf *b);
void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
void buf_add(struct buf *b, const void *src, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* The contents as a string: "" when empty. Borrowed until the next write. */
const char *buf_str(const struct buf *b);
/* Hands the memory (a string) to the caller, who frees it; NULL if the buffer failed. */
char *buf_give(struct buf *b);

#endif
