// SPDX-License-Identifier: Apache-2.0
/*
 * Words, numbers, registers and punctuation of one line of assembler text. `#` starts a comment. After
 * `lock`, `fetch_add` is read as the two words `fetch add`; `swap16` as `bswap16`: both are met.
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
	if (i == t->len)
		return skep_fail(reterr, &ERR_ASM_NUMBER, SKEP_AT_TEXT(NULL, line, t->col),
				 "'%.*s'", (int)t->len, t->text);
	for (; i < t->len; i++) {
		unsigned int digit = (unsigned int)digit_value(t->text[i]);

		if (digit >= base)
			return skep_fail(reterr, &ERR_ASM_NUMBER, SKEP_AT_TEXT(NULL, line, t->col),
					 "'%.*s'", t->len < 40 ? (int)t->len : 40, t->text);
		if (!num_mul(t->value, base, &t->value) || !num_add(t->value, digit, &t->value))
			return skep_fail(reterr, &ERR_ASM_RANGE, SKEP_AT_TEXT(NULL, line, t->col),
					 "'%.*s' has more than 64 bits",
					 t->len < 40 ? (int)t->len : 40, t->text);
	}
	t->kind = ASM_NUMBER;
	return 0;
}

/* `%r0` to `%r10`. */
static int lex_register(struct asm_token *t, uint32_t line, struct skep_error **reterr)
{
	t->kind = ASM_REG;
	t->value = ISA_REGS;
	if (t->len == 3 && t->text[1] == 'r' && is_digit(t->text[2]))
		t->value = (uint64_t)(t->text[2] - '0');
	else if (t->len == 4 && t->text[1] == 'r' && t->text[2] == '1' && t->text[3] == '0')
		t->value = ISA_REG_FP;
	if (t->value < ISA_REGS)
		return 0;
	return skep_fail(reterr, &ERR_ASM_REGISTER, SKEP_AT_TEXT(NULL, line, t->col),
			 "'%.*s' is none of %%r0 to %%r10", t->len < 40 ? (int)t->len : 40,
			 t->text);
}

static size_t word_length(const char *p)
{
	size_t len = 0;

	while (is_word(p[len]))
		len++;
	return len;
}

static int lex_token(const char *p, struct asm_token *t, uint32_t line, struct skep_error **reterr)
{
	t->text = p;
	if (*p == '%') {
		t->len = 1 + word_length(p + 1);
		return lex_register(t, line, reterr);
	}
	t->len = word_length(p);
	if (is_digit(*p))
		return lex_number(t, line, reterr);
	if (t->len) {
		t->kind = ASM_WORD;
		return 0;
	}
	t->kind = ASM_PUNCT;
	t->len = 1;
	if (strchr(",[]+-:", *p))
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

int asm_lex_line(const char **text, struct asm_line *line, struct skep_error **reterr)
{
	const char *p = *text, *start = p;
	int r;

	if (!*p)
		return 0;
	line->number++;
	line->count = 0;
	for (;;) {
		struct asm_token *t = &line->tokens[line->count];

		while (*p == ' ' || *p == '\t' || *p == '\r')
			p++;
		*t = (struct asm_token){ .kind = ASM_END,
					 .text = p,
					 .col = (uint32_t)(p - start) + 1 };
		if (!*p || *p == '\n' || *p == '#')
			break;
		if (line->count + 2 > ASM_LINE_TOKENS)
			return skep_fail(reterr, &ERR_ASM_LONG_LINE,
					 SKEP_AT_TEXT(NULL, line->number, t->col),
					 "more than %d words", ASM_LINE_TOKENS - 1);
		r = lex_token(p, t, line->number, reterr);
		if (r < 0)
			return r;
		p += t->len;
		line->count += respell(t, line->count && is_lock(t - 1)) ? 2 : 1;
	}
	while (*p && *p != '\n')
		p++;
	*text = *p ? p + 1 : p;
	return 1;
}
