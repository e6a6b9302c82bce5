// SPDX-License-Identifier: Apache-2.0
/*
 * The format language of bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf (bpf-helpers(7), core-api/printk-formats):
 * %% %c %s %pks %pus %d %i %u %x %X with l and ll, %p %px %pK %ps %pS %pB %pi4 %pI4 %pi6 %pI6; flags 0 + - and space,
 * and a width. First the whole format is checked and the arguments are read into FORMAT_ROOM bytes as the kernel
 * packs them, so that a bad format prints nothing and long strings are cut where the kernel cuts them; then it
 * is printed. Compared with the kernel by tests/unit/helper_oracle_test.c.
 */
#include "helper/internal.h"

#include <ctype.h>
#include <stdio.h>

#define FORMAT_ROOM 512u
#define WIDTH_MAX ((1u << 23) - 1)

enum kind {
	KIND_NUMBER,
	KIND_CHAR,
	KIND_STR,     /* read into room */
	KIND_TEXT,    /* the same, of %pks and addresses: printed without width */
	KIND_POINTER, /* %px: digits */
	KIND_HASHED,  /* %p, %pK: an address that must not be shown */
	KIND_SYMBOL,  /* %ps, %pS: no symbols here, so 0x... */
};

struct spec {
	enum kind kind;
	const char *end; /* behind the conversion */
	bool left, plus, space, zero;
	uint32_t width;
	unsigned int bytes; /* of a number or pointer: 4 or 8 */
	char conv;	    /* d i u x X; of an address 4 or 6, */
	char form;	    /* and i or I */
	enum mem_from from;
	bool swallows; /* %p and its kin: letters and digits behind it are not printed, as in the kernel */
};

struct out {
	char *at;
	uint64_t size, len;
};

struct room {
	char bytes[FORMAT_ROOM];
	uint32_t used;
};

/* Reading the format ------------------------------------------------------------------------------------ */

/* The kernel classes bytes by Latin-1. */
static bool ends_word(char c)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0x80)
		return (u >= 0xa0 && u < 0xc0) || u == 0xd7 || u == 0xf7;
	return !u || isspace(u) || ispunct(u);
}

static bool is_word(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 0x80 ? u >= 0xc0 && !ends_word(c) : isalnum(u);
}

static bool is_plain(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 0x80 || isprint(u) || isspace(u);
}

static const char *parse_flags(const char *p, struct spec *s)
{
	for (;; p++) {
		if (*p == '0')
			s->zero = true;
		else if (*p == '+')
			s->plus = true;
		else if (*p == '-')
			s->left = true;
		else if (*p == ' ')
			s->space = true;
		else
			break;
	}
	while (*p >= '0' && *p <= '9') {
		if (s->width < WIDTH_MAX)
			s->width = s->width * 10 + (uint32_t)(*p - '0');
		p++;
	}
	if (s->width > WIDTH_MAX)
		s->width = WIDTH_MAX;
	return p;
}

/* @p is behind "%p". */
static int parse_pointer(const char *p, struct spec *s)
{
	s->bytes = 8;
	s->conv = 'x';
	s->swallows = true;
	if ((*p == 'k' || *p == 'u') && p[1] == 's') {
		s->kind = KIND_TEXT;
		s->from = *p == 'k' ? MEM_KERNEL : MEM_USER;
		s->end = p + 2;
		return ends_word(p[2]) ? 0 : -EINVAL;
	}
	if (*p == 'x' || *p == 's' || *p == 'S' || *p == 'K') {
		s->kind = *p == 'x' ? KIND_POINTER : *p == 'K' ? KIND_HASHED : KIND_SYMBOL;
		s->end = p + 1;
		return 0;
	}
	if (*p == 'B') {
		s->kind = KIND_TEXT;
		s->form = 'B';
		s->end = p + 1;
		return 0;
	}
	if (ends_word(*p)) {
		s->kind = KIND_HASHED;
		s->end = p;
		return 0;
	}
	if ((*p != 'i' && *p != 'I') || (p[1] != '4' && p[1] != '6'))
		return -EINVAL;
	s->kind = KIND_TEXT;
	s->form = *p;
	s->conv = p[1];
	s->end = p + 2;
	return 0;
}

/* @p is behind the '%'. */
static int parse(const char *p, struct spec *s)
{
	*s = (struct spec){ .from = MEM_EITHER, .bytes = 4 };
	p = parse_flags(p, s);
	if (*p == 'p')
		return parse_pointer(p + 1, s);
	if (*p == 'c') {
		s->kind = KIND_CHAR;
		s->end = p + 1;
		return 0;
	}
	if (*p == 's') {
		s->kind = KIND_STR;
		s->end = p + 1;
		return ends_word(p[1]) ? 0 : -EINVAL;
	}
	for (int longs = 0; *p == 'l' && longs < 2; longs++, p++)
		s->bytes = 8;
	if (!*p || !strchr("diuxX", *p))
		return -EINVAL;
	s->kind = KIND_NUMBER;
	s->conv = *p;
	s->end = p + 1;
	return 0;
}

/* Reading the arguments --------------------------------------------------------------------------------- */

static int take_number(struct room *room, unsigned int bytes)
{
	room->used = (uint32_t)num_align(room->used, 4);
	if (FORMAT_ROOM < room->used || FORMAT_ROOM - room->used < bytes)
		return -ENOSPC;
	room->used += bytes;
	return 0;
}

static void format_address(char *out, size_t size, const struct spec *s, const uint8_t *ip)
{
	size_t n = 0;

	if (s->conv == '4') {
		snprintf(out, size, s->form == 'i' ? "%03u.%03u.%03u.%03u" : "%u.%u.%u.%u", ip[0],
			 ip[1], ip[2], ip[3]);
		return;
	}
	for (unsigned int i = 0; i < 16; i += 2)
		n += (size_t)snprintf(out + n, size - n, "%s%02x%02x",
				      i && s->form == 'I' ? ":" : "", ip[i], ip[i + 1]);
}

static int take_text(struct exec_run *run, struct room *room, const struct spec *s, uint64_t arg)
{
	char text[64];
	uint8_t ip[16];
	uint32_t left = FORMAT_ROOM - room->used, need = s->conv == '4' ? 4 : 16, len;

	if (s->conv == 'x') {
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)arg);
	} else {
		if (left < need)
			return -ENOSPC;
		if (mem_read_kernel(run, ip, arg, need) < 0)
			memset(ip, 0, sizeof(ip));
		format_address(text, sizeof(text), s, ip);
	}
	if (!left)
		return -ENOSPC;
	len = (uint32_t)num_min(strlen(text), left - 1);
	memcpy(room->bytes + room->used, text, len);
	room->bytes[room->used + len] = '\0';
	room->used += len + 1;
	return 0;
}

static int take_str(struct exec_run *run, struct room *room, const struct spec *s, uint64_t arg)
{
	char *at = room->bytes + room->used;
	int64_t r;

	if (room->used >= FORMAT_ROOM)
		return -ENOSPC;
	r = mem_read_str(run, s->from, at, FORMAT_ROOM - room->used, arg);
	if (r < 0) {
		*at = '\0';
		r = 1;
	}
	room->used += (uint32_t)r;
	return 0;
}

static int take(struct exec_run *run, struct room *room, const struct spec *s, uint64_t arg)
{
	switch (s->kind) {
	case KIND_STR:
		return take_str(run, room, s, arg);
	case KIND_TEXT:
		return s->form ? take_text(run, room, s, arg) : take_str(run, room, s, arg);
	case KIND_CHAR:
		if (room->used >= FORMAT_ROOM)
			return -ENOSPC;
		room->used++;
		return 0;
	case KIND_NUMBER:
	case KIND_POINTER:
	case KIND_HASHED:
	case KIND_SYMBOL:
		break;
	}
	return take_number(room, s->bytes);
}

/* Checks all of @fmt and packs what it refers to; texts[i] is where argument i's text lies. */
static int prepare(struct exec_run *run, const char *fmt, const uint64_t *args, uint32_t nargs,
		   struct room *room, const char **texts)
{
	uint32_t n = 0;

	for (const char *p = fmt; *p; p++) {
		struct spec s;
		int r;

		if (!is_plain(*p))
			return -EINVAL;
		if (*p != '%')
			continue;
		if (p[1] == '%') {
			p++;
			continue;
		}
		if (n >= nargs || parse(p + 1, &s) < 0)
			return -EINVAL;
		texts[n] = room->bytes + room->used;
		r = take(run, room, &s, args[n]);
		if (r < 0)
			return r;
		n++;
		p = s.end - 1;
	}
	return 0;
}

/* Printing ---------------------------------------------------------------------------------------------- */

static void emit(struct out *o, const char *text, uint64_t len)
{
	if (o->len < o->size)
		memcpy(o->at + o->len, text, num_min(len, o->size - o->len));
	o->len += len;
}

static void fill(struct out *o, char c, uint64_t n)
{
	if (o->len < o->size)
		memset(o->at + o->len, c, num_min(n, o->size - o->len));
	o->len += n;
}

static void emit_padded(struct out *o, const struct spec *s, const char *text, uint64_t len)
{
	uint64_t pad = s->width > len ? s->width - len : 0;

	if (!s->left)
		fill(o, ' ', pad);
	emit(o, text, len);
	if (s->left)
		fill(o, ' ', pad);
}

static void emit_number(struct out *o, const struct spec *s, uint64_t arg)
{
	bool is_signed = s->conv == 'd' || s->conv == 'i', minus = false;
	char digits[24], sign = 0;
	uint64_t len, pad;

	if (s->bytes == 4)
		arg = is_signed ? (uint64_t)(int64_t)(int32_t)arg : (uint32_t)arg;
	if (is_signed && (int64_t)arg < 0) {
		minus = true;
		arg = -arg;
	}
	if (is_signed)
		sign = minus ? '-' : s->plus ? '+' : s->space ? ' ' : 0;
	len = (uint64_t)snprintf(digits, sizeof(digits),
				 s->conv == 'x' ? "%llx" :
				 s->conv == 'X' ? "%llX" :
						  "%llu",
				 (unsigned long long)arg);
	pad = s->width > len + (sign != 0) ? s->width - len - (sign != 0) : 0;
	if (!s->left && !s->zero)
		fill(o, ' ', pad);
	if (sign)
		emit(o, &sign, 1);
	if (!s->left && s->zero)
		fill(o, '0', pad);
	emit(o, digits, len);
	if (s->left)
		fill(o, ' ', pad);
}

static void emit_pointer(struct out *o, struct spec s, uint64_t arg)
{
	if (s.kind == KIND_HASHED && arg)
		arg = (arg ^ 0x5bd1e995u) * 0x9e3779b97f4a7c15ull >> 32;
	if (!s.width) {
		s.width = 16;
		s.zero = true;
	}
	emit_number(o, &s, arg);
}

static void print(struct out *o, const struct spec *s, uint64_t arg, const char *text)
{
	char symbol[24], c;

	switch (s->kind) {
	case KIND_NUMBER:
		emit_number(o, s, arg);
		break;
	case KIND_CHAR:
		c = (char)arg;
		emit_padded(o, s, &c, 1);
		break;
	case KIND_STR:
		emit_padded(o, s, text, strlen(text));
		break;
	case KIND_TEXT:
		emit(o, text, strlen(text));
		break;
	case KIND_POINTER:
	case KIND_HASHED:
		emit_pointer(o, *s, arg);
		break;
	case KIND_SYMBOL:
		snprintf(symbol, sizeof(symbol), "0x%llx", (unsigned long long)arg);
		emit_padded(o, s, symbol, strlen(symbol));
		break;
	}
}

int64_t format_text(struct exec_run *run, char *out, uint64_t size, const char *fmt,
		    uint64_t fmt_size, const uint64_t *args, uint32_t nargs)
{
	struct out o = { .at = out, .size = size };
	const char *texts[FORMAT_MAX_ARGS];
	struct room room;
	uint32_t n = 0;
	int r;

	if (nargs > FORMAT_MAX_ARGS || !memchr(fmt, 0, fmt_size))
		return -EINVAL;
	room.used = 0;
	r = prepare(run, fmt, args, nargs, &room, texts);
	if (r < 0)
		return r;
	for (const char *p = fmt; *p; p++) {
		struct spec s;

		if (*p != '%' || p[1] == '%') {
			emit(&o, p, 1);
			p += *p == '%';
			continue;
		}
		parse(p + 1, &s);
		print(&o, &s, args[n], texts[n]);
		n++;
		p = s.end - 1;
		while (s.swallows && is_word(p[1]))
			p++;
	}
	if (size)
		out[o.len < size ? o.len : size - 1] = '\0';
	return (int64_t)o.len;
}
