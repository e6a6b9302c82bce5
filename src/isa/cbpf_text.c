// SPDX-License-Identifier: Apache-2.0
/*
 * Classic BPF as text: the lines of `tcpdump -d` from the rows of cbpf.def, and back; and the two numeric forms, `-dd`
 * (C arrays) and `-ddd` (the number of instructions, then code, jt, jf and k of each; xt_bpf writes the same
 * with commas).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/cbpf.h"
#include "isa/internal.h"

static void put_operand(struct buf *out, const struct cbpf_row *row, const struct skep_cbpf *in,
			size_t at)
{
	const struct cbpf_ext *ext = cbpf_ext(in->k);

	for (const char *t = row->operand; *t; t++) {
		if (*t != '%')
			buf_addc(out, *t);
		else if (*++t == 'x')
			buf_printf(out, "0x%x", in->k);
		else if (*t == 't')
			buf_printf(out, "%" PRIu64, (uint64_t)at + 1 + in->k);
		else if (*t == 'a' && ext)
			buf_adds(out, ext->text);
		else
			buf_printf(out, "%d", (int32_t)in->k);
	}
}

int skep_cbpf_print(const struct skep_cbpf *insns, size_t at, char *buf, size_t size)
{
	const struct skep_cbpf *in = &insns[at];
	const struct cbpf_row *row = cbpf_row(in->code);
	struct buf operand;
	int r = 0;

	if (!row) {
		if (size)
			snprintf(buf, size, "(%03zu) unknown  0x%x jt %u jf %u k 0x%x", at,
				 in->code, in->jt, in->jf, in->k);
		return -EINVAL;
	}
	buf_init(&operand);
	put_operand(&operand, row, in, at);
	if (operand.failed)
		r = -ENOMEM;
	if (size && (row->kind == CBPF_JUMP_K || row->kind == CBPF_JUMP_X))
		snprintf(buf, size, "(%03zu) %-8s %-16s jt %zu\tjf %zu", at, row->mnemonic,
			 buf_str(&operand), at + 1 + in->jt, at + 1 + in->jf);
	else if (size)
		snprintf(buf, size, "(%03zu) %-8s %s", at, row->mnemonic, buf_str(&operand));
	buf_done(&operand);
	return r;
}

struct reader {
	const char *name, *p, *line_start;
	uint32_t line;
	struct skep_cbpf *insns;
	size_t n, cap;
	struct skep_error **reterr;
};

static int fail_here(const struct reader *r, const char *wanted)
{
	size_t len = strcspn(r->p, " \t\r\n");

	return skep_fail(r->reterr, &ERR_CBPF_TEXT,
			 SKEP_AT_TEXT(r->name, r->line, (uint32_t)(r->p - r->line_start) + 1),
			 "expected %s, found %s%.*s%s", wanted, len ? "'" : "the end of the line",
			 len < 40 ? (int)len : 40, r->p, len ? "'" : "");
}

static int add(struct reader *r, const struct skep_cbpf *in)
{
	if (r->n == SKEP_CBPF_MAX)
		return skep_fail(r->reterr, &ERR_CBPF_LENGTH, SKEP_AT_TEXT(r->name, r->line, 1),
				 "more than %d instructions", SKEP_CBPF_MAX);
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 32;
		struct skep_cbpf *grown = reallocarray(r->insns, cap, sizeof(*grown));

		if (!grown)
			return skep_fail_nomem(r->reterr);
		r->insns = grown;
		r->cap = cap;
	}
	r->insns[r->n++] = *in;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || *r->p == '\r')
		r->p++;
}

/* Decimal or, after 0x, hexadecimal; at most @max. */
static bool read_number(struct reader *r, uint64_t max, uint64_t *ret)
{
	bool negative = *r->p == '-' && is_digit(r->p[1]);
	const char *p = r->p + negative;
	bool hex = p[0] == '0' && (p[1] | 32) == 'x';
	uint64_t value = 0;
	char *end;

	if (!is_digit(*p))
		return false;
	errno = 0;
	value = strtoull(p, &end, hex ? 16 : 10);
	if (errno || value > max || is_letter(*end) || (negative && value > 1u << 31))
		return false;
	*ret = negative ? (uint32_t)(0 - value) : value;
	r->p = end;
	return true;
}

/* Blanks, commas, braces and ends of lines between numbers. */
static void skip_between(struct reader *r)
{
	for (; *r->p && strchr(" \t\r\n,{}", *r->p); r->p++)
		if (*r->p == '\n') {
			r->line++;
			r->line_start = r->p + 1;
		}
}

static int read_numbers(struct reader *r, bool counted)
{
	uint64_t count = SKEP_CBPF_MAX, v[4];
	static const uint64_t max[4] = { UINT16_MAX, UINT8_MAX, UINT8_MAX, UINT32_MAX };
	int err = 0;

	if (counted && !read_number(r, SKEP_CBPF_MAX, &count))
		return fail_here(r, "a number of instructions up to 4096");
	for (skip_between(r); *r->p && err == 0; skip_between(r)) {
		for (int i = 0; i < 4; i++) {
			skip_between(r);
			if (!read_number(r, max[i], &v[i]))
				return fail_here(r, i == 0 ? "a code of 16 bits" :
						    i == 3 ? "a number of 32 bits" :
							     "a number of 8 bits");
		}
		err = add(r, &(struct skep_cbpf){ (uint16_t)v[0], (uint8_t)v[1], (uint8_t)v[2],
						  (uint32_t)v[3] });
	}
	if (err == 0 && counted && r->n != count)
		return skep_fail(r->reterr, &ERR_CBPF_TEXT, SKEP_AT_TEXT(r->name, 1, 1),
				 "%" PRIu64 " instructions are announced, %zu are there", count,
				 r->n);
	return err;
}

static bool read_ext(struct reader *r, uint32_t *ret)
{
	for (const struct cbpf_ext *e = cbpf_exts; e->text; e++) {
		size_t len = strlen(e->text);

		if (strncmp(r->p, e->text, len) != 0 || is_letter(r->p[len]))
			continue;
		r->p += len;
		*ret = (uint32_t)CBPF_AD_OFF + e->offset;
		return true;
	}
	return false;
}

/* What stands for k; %t is an instruction behind this one. */
static bool read_k(struct reader *r, char directive, uint32_t *ret)
{
	const char *start = r->p;
	uint64_t value;

	if (directive == 'a' && read_ext(r, ret))
		return true;
	if (!read_number(r, UINT32_MAX, &value))
		return false;
	if (directive == 't' && value <= r->n) {
		r->p = start;
		return false;
	}
	*ret = (uint32_t)(directive == 't' ? value - r->n - 1 : value);
	return true;
}

static bool read_operand(struct reader *r, const char *t, uint32_t *ret_k)
{
	for (; *t; t++) {
		skip_blanks(r);
		if (*t == ' ')
			continue;
		if (*t == '%') {
			if (!read_k(r, *++t, ret_k))
				return false;
		} else if (*r->p++ != *t) {
			r->p--;
			return false;
		}
	}
	skip_blanks(r);
	return true;
}

static int read_way(struct reader *r, const char *word, uint8_t *ret)
{
	uint64_t value;

	skip_blanks(r);
	if (strncmp(r->p, word, 2) != 0)
		return fail_here(r, word);
	r->p += 2;
	skip_blanks(r);
	if (!read_number(r, UINT32_MAX, &value) || value <= r->n || value - r->n - 1 > UINT8_MAX)
		return fail_here(r, "an instruction up to 256 behind this one");
	*ret = (uint8_t)(value - r->n - 1);
	return 0;
}

static bool ends(const struct reader *r)
{
	return !*r->p || *r->p == '\n' || *r->p == ';';
}

/* The row whose mnemonic (at @r) and operand fit best: *@ret_in has its code and k; r->p stands behind it. */
static const struct cbpf_row *read_row(struct reader *r, struct skep_cbpf *ret_in)
{
	size_t len = 0;
	const char *start, *furthest;

	while (is_letter(r->p[len]))
		len++;
	start = furthest = r->p;
	for (const struct cbpf_row *row = cbpf_rows; row->mnemonic; row++) {
		bool jumps = row->kind == CBPF_JUMP_K || row->kind == CBPF_JUMP_X;

		if (strlen(row->mnemonic) != len || memcmp(row->mnemonic, start, len) != 0)
			continue;
		*ret_in = (struct skep_cbpf){ .code = row->code };
		r->p = start + len;
		if (read_operand(r, row->operand, &ret_in->k) && (jumps || ends(r)))
			return row;
		if (r->p > furthest)
			furthest = r->p;
	}
	r->p = furthest;
	return NULL;
}

/* `(012) jeq      #0x800           jt 2	jf 5`; the index may be missing. */
static int read_line(struct reader *r)
{
	const struct cbpf_row *row;
	struct skep_cbpf in;
	uint64_t index;
	int err = 0;

	skip_blanks(r);
	if (*r->p == '(') {
		r->p++;
		if (!read_number(r, UINT32_MAX, &index) || *r->p != ')' || index != r->n)
			return fail_here(r, "the index of this instruction");
		r->p++;
		skip_blanks(r);
	}
	if (ends(r))
		return 0;
	row = read_row(r, &in);
	if (!row)
		return fail_here(r, "an instruction of classic BPF");
	if (row->kind == CBPF_JUMP_K || row->kind == CBPF_JUMP_X) {
		err = read_way(r, "jt", &in.jt);
		if (err == 0)
			err = read_way(r, "jf", &in.jf);
		skip_blanks(r);
	}
	if (err == 0 && !ends(r))
		err = fail_here(r, "the end of the line");
	return err == 0 ? add(r, &in) : err;
}

static int read_lines(struct reader *r)
{
	int err = 0;

	while (*r->p && err == 0) {
		err = read_line(r);
		r->p += strcspn(r->p, "\n");
		if (!*r->p)
			break;
		r->line_start = ++r->p;
		r->line++;
	}
	return err;
}

int skep_cbpf_parse(const char *text, const char *name, struct skep_cbpf **ret_insns, size_t *ret_n,
		    struct skep_error **reterr)
{
	struct reader r = {
		.name = name, .p = text, .line_start = text, .line = 1, .reterr = reterr
	};
	const char *first = text + strspn(text, " \t\r\n,");
	int err;

	if (*first == '{' || is_digit(*first)) {
		if (*first != '{')
			skip_between(&r);
		err = read_numbers(&r, *first != '{');
	} else {
		err = read_lines(&r);
	}
	if (err < 0) {
		free(r.insns);
		return err;
	}
	*ret_insns = r.insns;
	*ret_n = r.n;
	return 0;
}
