// SPDX-License-Identifier: Apache-2.0
/*
 * Words, numbers, registers and punctuation of one line of assembler text. In the conformance files' notation
 * registers are `%r1`, and `#` starts a comment; after `lock`, `fetch_add` is read as the two words `fetch add`;
 * `swap16` as `bswap16`: both are met. In the other two registers are `r1` and `w1`, and `;`, `//` or a `#` that
 * does not join a name and a number (`call unknown#5`) start a comment; what a listing has before the
 * instruction (its index, opcode or bytes) goes into the line's own fields.
 */
#include <string.h>

#include "isa/internal.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_letter(c) || is_digit(c);
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

static int lex_number(struct asm_token *t, uint32_t line, struct skep_error **reterr)
{
	unsigned int base = t->len > 1 && t->text[0] == '0' && (t->text[1] | 32) == 'x' ? 16 : 10;
	size_t i = base == 16 ? 2 : 0;

	t->value = 0;
	t->hex = base == 16;
	if (i == t->len)
		return skep_fail(reterr, &ERR_ASM_NUMBER, SKEP_AT_TEXT(NULL, line, t->col),
				 "'%.*s'", (int)t->len, t->text);
	for (; i < t->len; i++) {
		unsigned int digit = (unsigned int)digit_value(t->text[i]);

		if (digit >= base)
			return skep_fail(reterr, &ERR_ASM_NUMBER, SKEP_AT_TEXT(NULL, line, t->col),
					 "'%.*s'", asm_shown(t), t->text);
		if (!num_mul(t->value, base, &t->value) || !num_add(t->value, digit, &t->value))
			return skep_fail(reterr, &ERR_ASM_RANGE, SKEP_AT_TEXT(NULL, line, t->col),
					 "'%.*s' has more than 64 bits", asm_shown(t), t->text);
	}
	t->kind = ASM_NUMBER;
	return 0;
}

/* The number in a register's name behind its letter, or ISA_REGS. */
static uint64_t register_number(const char *digits, size_t len)
{
	if (len == 1 && is_digit(digits[0]))
		return (uint64_t)(digits[0] - '0');
	return len == 2 && digits[0] == '1' && digits[1] == '0' ? ISA_REG_FP : ISA_REGS;
}

/* `%r0` to `%r10`. */
static int lex_register(struct asm_token *t, uint32_t line, struct skep_error **reterr)
{
	t->kind = ASM_REG;
	t->value = ISA_REGS;
	if (t->len > 2 && t->text[1] == 'r')
		t->value = register_number(t->text + 2, t->len - 2);
	if (t->value < ISA_REGS)
		return 0;
	return skep_fail(reterr, &ERR_ASM_REGISTER, SKEP_AT_TEXT(NULL, line, t->col),
			 "'%.*s' is none of %%r0 to %%r10", asm_shown(t), t->text);
}

/* `r7` and `w7`; a word if it is not r or w and digits. */
static int lex_bare_register(struct asm_token *t, uint32_t line, struct skep_error **reterr)
{
	t->kind = ASM_WORD;
	if (t->len < 2 || (t->text[0] != 'r' && t->text[0] != 'w'))
		return 0;
	for (size_t i = 1; i < t->len; i++)
		if (!is_digit(t->text[i]))
			return 0;
	t->kind = ASM_REG;
	t->half = t->text[0] == 'w';
	t->value = register_number(t->text + 1, t->len - 1);
	if (t->value < ISA_REGS)
		return 0;
	return skep_fail(reterr, &ERR_ASM_REGISTER, SKEP_AT_TEXT(NULL, line, t->col),
			 "'%.*s' is none of %c0 to %c10", asm_shown(t), t->text, t->text[0],
			 t->text[0]);
}

static size_t word_length(const char *p)
{
	size_t len = 0;

	while (is_word(p[len]))
		len++;
	return len;
}

static int lex_token(const char *p, enum skep_insn_style style, struct asm_token *t, uint32_t line,
		     struct skep_error **reterr)
{
	bool bare = style != SKEP_INSN_ASM;

	t->text = p;
	if (*p == '%' && !bare) {
		t->len = 1 + word_length(p + 1);
		return lex_register(t, line, reterr);
	}
	t->len = word_length(p);
	if (is_digit(*p))
		return lex_number(t, line, reterr);
	if (t->len) {
		t->kind = ASM_WORD;
		return bare ? lex_bare_register(t, line, reterr) : 0;
	}
	t->kind = ASM_PUNCT;
	t->len = 1;
	if (strchr(bare ? ",[]+-:*()=<>&|^/!%#" : ",[]+-:", *p))
		return 0;
	if (*p > ' ' && *p < 127)
		return skep_fail(reterr, &ERR_ASM_CHARACTER, SKEP_AT_TEXT(NULL, line, t->col),
				 "'%c'", *p);
	return skep_fail(reterr, &ERR_ASM_CHARACTER, SKEP_AT_TEXT(NULL, line, t->col),
			 "byte 0x%02x", (unsigned char)*p);
}

static bool is_lock(const struct asm_token *t)
{
	return t->kind == ASM_WORD && t->len == 4 && !memcmp(t->text, "lock", 4);
}

/* Other assemblers' spellings. Returns true if the word became two tokens. */
static bool respell(struct asm_token *t, bool after_lock)
{
	static const char fetch[] = "fetch_";
	static const char swap[3][2][8] = { { "swap16", "bswap16" },
					    { "swap32", "bswap32" },
					    { "swap64", "bswap64" } };

	if (t->kind != ASM_WORD)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(swap); i++)
		if (t->len == 6 && !memcmp(t->text, swap[i][0], 6)) {
			t->text = swap[i][1];
			t->len = 7;
		}
	if (!after_lock || t->len < sizeof(fetch) || memcmp(t->text, fetch, sizeof(fetch) - 1) != 0)
		return false;
	t[1] = t[0];
	t[1].text += sizeof(fetch) - 1;
	t[1].len -= sizeof(fetch) - 1;
	t[1].col += sizeof(fetch) - 1;
	t[0].len = sizeof(fetch) - 2;
	return true;
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

/* `07 01 00 00 05 00 00 00`, and a blank or the end behind it. */
static const char *lex_bytes(const char *p, uint8_t bytes[8])
{
	for (unsigned int i = 0; i < 8; i++) {
		int hi, lo;

		p = skip_blanks(p);
		hi = digit_value(p[0]);
		lo = hi < 16 ? digit_value(p[1]) : 99;
		if (lo > 15 || is_word(p[2]))
			return NULL;
		bytes[i] = (uint8_t)(hi << 4 | lo);
		p += 2;
	}
	return p;
}

/* `12:`, then `(bf)` or 8 or 16 bytes. Returns what is behind it. */
static const char *lex_listing(const char *p, struct asm_line *line)
{
	const char *start = skip_blanks(p), *q = start, *next;
	uint64_t index = 0;

	line->has_index = line->has_code = false;
	line->nbytes = 0;
	while (is_digit(*q) && q - start < 12)
		index = index * 10 + (uint64_t)(*q++ - '0');
	if (q == start || *q != ':')
		return p;
	line->has_index = true;
	line->index = index;
	q = skip_blanks(q + 1);
	if (q[0] == '(' && digit_value(q[1]) < 16 && digit_value(q[2]) < 16 && q[3] == ')') {
		line->has_code = true;
		line->code = (uint8_t)(digit_value(q[1]) << 4 | digit_value(q[2]));
		return q + 4;
	}
	while (line->nbytes < 16 && (next = lex_bytes(q, line->bytes + line->nbytes))) {
		line->nbytes += 8;
		q = next;
	}
	return q;
}

/* Is the `#` at @p, behind @line's tokens so far, part of a name: `call unknown#5`, `call pc+2#f`? */
static bool is_joint(const struct asm_line *line, const char *p)
{
	const struct asm_token *last = &line->tokens[line->count];

	if (!line->count || last[-1].text + last[-1].len != p || !is_word(p[1] == '-' ? '0' : p[1]))
		return false;
	for (const struct asm_token *t = line->tokens; t < last; t++)
		if (t->kind == ASM_WORD && t->len == 4 && !memcmp(t->text, "call", 4))
			return true;
	return false;
}

static bool ends_line(const struct asm_line *line, enum skep_insn_style style, const char *p)
{
	if (!*p || *p == '\n')
		return true;
	if (style == SKEP_INSN_ASM)
		return *p == '#';
	return *p == ';' || (p[0] == '/' && p[1] == '/') || (*p == '#' && !is_joint(line, p));
}

int asm_lex_line(const char **text, enum skep_insn_style style, struct asm_line *line,
		 struct skep_error **reterr)
{
	const char *p = *text, *start = p;
	int r;

	if (!*p)
		return 0;
	line->number++;
	line->count = 0;
	if (style != SKEP_INSN_ASM)
		p = lex_listing(p, line);
	for (;;) {
		struct asm_token *t = &line->tokens[line->count];

		p = skip_blanks(p);
		*t = (struct asm_token){ .kind = ASM_END,
					 .text = p,
					 .col = (uint32_t)(p - start) + 1 };
		if (ends_line(line, style, p))
			break;
		if (line->count + 2 > ASM_LINE_TOKENS)
			return skep_fail(reterr, &ERR_ASM_LONG_LINE,
					 SKEP_AT_TEXT(NULL, line->number, t->col),
					 "more than %d words", ASM_LINE_TOKENS - 1);
		r = lex_token(p, style, t, line->number, reterr);
		if (r < 0)
			return r;
		p += t->len;
		if (style == SKEP_INSN_ASM)
			line->count += respell(t, line->count && is_lock(t - 1)) ? 2 : 1;
		else
			line->count++;
	}
	while (*p && *p != '\n')
		p++;
	*text = *p ? p + 1 : p;
	return 1;
}
