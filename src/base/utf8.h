/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that somebody else chose, made safe to print: names in hostile files may hold terminal escapes, new
 * lines or bytes that are no UTF-8 (RFC 3629).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Length of the well-formed character at @s (at most @len bytes), 0 when there is none. */
size_t utf8_char(const char *s, size_t len);
bool utf8_valid(const char *s, size_t len);
/*
 * Appends @s with what would not show as itself spelt out: `\n`, `\r`, `\t`, else `\xNN` for each byte.
 * Those are control characters (C0, DEL, C1), line and direction changing ones (U+2028, U+202E ...) and
 * bytes that are no UTF-8.
 */
void utf8_escape(struct buf *out, const char *s, size_t len);

#endif
