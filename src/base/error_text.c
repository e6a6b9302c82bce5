// SPDX-License-Identifier: Apache-2.0
/*
 * Rendering of an error for people. One error, one text: problem, place, source excerpt, what was
 * needed and known, what to try. Tests elsewhere assert ids and places; only this file's tests
 * assert wording.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

/* A bounded sink that keeps counting past its end, as snprintf does. */
struct sink {
	char *buf;
	size_t size, len;
};

static void put_raw(struct sink *s, const char *text, size_t len)
{
	size_t room = s->len < s->size ? s->size - s->len : 0;

	if (room) {
		size_t n = len < room - 1 ? len : room - 1;

		memcpy(s->buf + s->len, text, n);
		s->buf[s->len + n] = '\0';
	}
	s->len += len;
}

/* One line of text: what a file's author put into a name cannot break it or reach the terminal. */
static void put(struct sink *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct sink *s, const char *fmt, ...)
{
	struct buf line, clean;
	bool ends;
	va_list ap;

	buf_init(&line);
	buf_init(&clean);
	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	ends = line.len && line.data[line.len - 1] == '\n';
	utf8_escape(&clean, buf_str(&line), line.len - ends);
	put_raw(s, buf_str(&clean), clean.len);
	if (ends)
		put_raw(s, "\n", 1);
	buf_done(&line);
	buf_done(&clean);
}

static const char *or_q(const char *s)
{
	return s ? s : "?";
}

/* Characters in the first @bytes. */
static size_t columns(const char *text, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static void put_source(struct sink *s, const struct skep_place *at)
{
	const char *text = at->text;
	struct buf flat;
	size_t start;

	if (at->src)
		put(s, " (%s:%u:%u)", at->src, at->line, at->col);
	put_raw(s, "\n", 1);
	if (!text || !at->line)
		return;
	start = strspn(text, " \t");
	buf_init(&flat);
	for (const char *p = text + start; *p; p++)
		buf_addc(&flat, *p == '\t' ? ' ' : *p);
	put(s, "%5u | %s\n", at->line, buf_str(&flat));
	if (at->col > start && at->col <= start + flat.len && utf8_valid(text, strlen(text)))
		put(s, "      | %*c\n", (int)columns(text + start, at->col - start), '^');
	buf_done(&flat);
}

static void put_place(struct sink *s, const struct skep_place *at)
{
	switch (at->kind) {
	case SKEP_PLACE_NONE:
		return;
	case SKEP_PLACE_FILE:
		put(s, "  --> %s", or_q(at->name));
		if (at->at)
			put(s, ", offset %" PRIu64, at->at);
		put_raw(s, "\n", 1);
		return;
	case SKEP_PLACE_TEXT:
		put(s, "  --> %s:%u:%u", or_q(at->name), at->line, at->col);
		put_source(s, at);
		return;
	case SKEP_PLACE_ELF:
		put(s, "  --> %s, section '%s', offset %" PRIu64 "\n", or_q(at->name),
		    or_q(at->part), at->at);
		return;
	case SKEP_PLACE_BTF:
		put(s, "  --> %s, BTF type %" PRIu64 " '%s'\n", or_q(at->name), at->at,
		    or_q(at->part));
		return;
	case SKEP_PLACE_INSN:
		put(s, "  --> %s, program '%s', instruction %" PRIu64, or_q(at->name),
		    or_q(at->part), at->at);
		put_source(s, at);
		return;
	case SKEP_PLACE_MAP:
		put(s, "  --> %s, map '%s'\n", or_q(at->name), or_q(at->part));
		return;
	}
}

size_t skep_error_text(const struct skep_error *err, char *buf, size_t size)
{
	struct sink s = { .buf = buf, .size = size };
	const char *more;

	put(&s, "error[%s]: %s\n", skep_error_id(err), skep_error_message(err));
	put_place(&s, skep_error_place(err));
	if ((more = skep_error_needed(err)))
		put(&s, "  needed: %s\n", more);
	if ((more = skep_error_known(err)))
		put(&s, "  known:  %s\n", more);
	if ((more = skep_error_help(err)))
		put(&s, "  help:   %s\n", more);
	for (size_t i = 0; (more = skep_error_context(err, i)); i++)
		put(&s, "  while:  %s\n", more);
	return s.len;
}
