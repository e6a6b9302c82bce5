// SPDX-License-Identifier: Apache-2.0
/*
 * One line against the texts of isa.def, the same that the disassembler fills in, so what it prints can
 * be read back by construction. The first row that matches wins; if none does, the error is that of the
 * row that got furthest. Blanks between tokens do not count, so `+=` may be written `+ =`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "isa/internal.h"

static bool fail_match(struct asm_match *m, const struct err_def *why, const char *wanted)
{
	m->why = why;
	m->wanted = wanted;
	m->wanted_len = wanted ? (int)strlen(wanted) : 0;
	m->literal = false;
	return false;
}

/* Where a register must be. */
enum reg_width { REG_WIDE, REG_HALF, REG_EITHER };

static bool match_register(struct asm_match *m, const struct isa_shape *shape, enum isa_field field,
			   enum reg_width width)
{
	bool *have = field == ISA_FIELD_DST ? &m->have_dst : &m->have_src;
	unsigned int shift = field == ISA_FIELD_DST ? 0 : 4;

	if (m->t->kind != ASM_REG ||
	    (m->style != SKEP_INSN_ASM && width != REG_EITHER && m->t->half != (width == REG_HALF)))
		return fail_match(m, &ERR_ASM_OPERANDS,
				  m->style == SKEP_INSN_ASM ? "a register" :
				  width == REG_HALF	    ? "a register of 32 bits (w0 to w10)" :
							      "a register (r0 to r10)");
	if (*have && m->t->value != (m->in[0].regs >> shift & 15u))
		return fail_match(m, &ERR_ASM_OPERANDS, "the same register again");
	if ((int32_t)m->t->value > shape->field[field].hi)
		return fail_match(m, &ERR_ASM_READ_ONLY, NULL);
	m->in[0].regs |= (uint8_t)(m->t->value << shift);
	*have = true;
	m->t++;
	return true;
}

/* A number with an optional sign, from -@below to @above. */
static bool match_number(struct asm_match *m, uint64_t below, uint64_t above, uint64_t *ret)
{
	bool negative = asm_is_punct(m->t, '-');
	const struct asm_token *t = m->t + (negative || asm_is_punct(m->t, '+'));

	if (t->kind != ASM_NUMBER)
		return fail_match(m, &ERR_ASM_OPERANDS, "a number");
	if (t->value > (negative ? below : above))
		return fail_match(m, &ERR_ASM_RANGE, NULL);
	*ret = negative ? 0 - t->value : t->value;
	m->t = t + 1;
	return true;
}

/* 32 bits may be written signed or unsigned. */
static bool match_imm(struct asm_match *m, int32_t *ret)
{
	uint64_t value;

	if (!match_number(m, 1ULL << 31, UINT32_MAX, &value))
		return false;
	*ret = (int32_t)(uint32_t)value;
	return true;
}

static bool match_wide(struct asm_match *m)
{
	uint64_t value;

	if (!match_number(m, 1ULL << 63, UINT64_MAX, &value))
		return false;
	m->in[0].imm = (int32_t)(uint32_t)value;
	m->in[1].imm = (int32_t)(uint32_t)(value >> 32);
	return true;
}

static bool match_off(struct asm_match *m)
{
	uint64_t value;

	if (!match_number(m, 1 << 15, INT16_MAX, &value))
		return false;
	m->in[0].off = (int16_t)(uint16_t)value;
	return true;
}

/* `+n`, `-n`, or what ends the address. */
static bool match_address_off(struct asm_match *m)
{
	if (asm_is_punct(m->t, ']') || asm_is_punct(m->t, ')') || asm_is_punct(m->t, ','))
		return true;
	if (!asm_is_punct(m->t, '+') && !asm_is_punct(m->t, '-'))
		return fail_match(m, &ERR_ASM_OPERANDS,
				  m->style == SKEP_INSN_ASM ? "+n, -n or ']'" : "+n, -n or ')'");
	return match_off(m);
}

/* What listings append to a target: `<label>`, `#function`. */
static void skip_remark(struct asm_match *m)
{
	const struct asm_token *t = m->t;

	if (m->style == SKEP_INSN_ASM)
		return;
	if (asm_is_punct(t, '#') && t[1].kind == ASM_WORD)
		m->t += 2;
	if (!asm_is_punct(t, '<'))
		return;
	while (t->kind != ASM_END && !asm_is_punct(t, '>'))
		t++;
	if (t->kind != ASM_END)
		m->t = t + 1;
}

/* `+n`, `-n` or a label. */
static bool match_target(struct asm_match *m, bool in_imm)
{
	uint64_t value;

	if (m->t->kind == ASM_WORD) {
		m->label = m->t++;
		m->label_in_imm = in_imm;
		return true;
	}
	if (!asm_is_punct(m->t, '+') && !asm_is_punct(m->t, '-'))
		return fail_match(m, &ERR_ASM_OPERANDS, "+n, -n or a label");
	if (!in_imm) {
		if (!match_off(m))
			return false;
	} else {
		if (!match_number(m, 1ULL << 31, INT32_MAX, &value))
			return false;
		m->in[0].imm = (int32_t)(uint32_t)value;
	}
	skip_remark(m);
	return true;
}

static bool is_text(const struct asm_token *t, const char *text)
{
	return t->len == strlen(text) && !memcmp(t->text, text, t->len);
}

/* `name#5`, or the number alone. */
static bool match_helper(struct asm_match *m)
{
	if (m->t->kind == ASM_WORD) {
		if (!asm_is_punct(m->t + 1, '#')) {
			m->t++;
			return fail_match(m, &ERR_ASM_OPERANDS, "'#' and a number");
		}
		m->t += 2;
	}
	return match_imm(m, &m->in[0].imm);
}

/* `kernel-function#5`, and `, 3` for its module. */
static bool match_kfunc(struct asm_match *m)
{
	if (!is_text(m->t, "kernel") || !asm_is_punct(m->t + 1, '-') ||
	    !is_text(m->t + 2, "function") || !asm_is_punct(m->t + 3, '#'))
		return fail_match(m, &ERR_ASM_OPERANDS, "a name and '#'");
	m->t += 4;
	if (!match_imm(m, &m->in[0].imm))
		return false;
	if (!asm_is_punct(m->t, ','))
		return true;
	m->t++;
	return match_off(m);
}

static bool match_imm_field(struct asm_match *m, char directive)
{
	switch (directive) {
	case 'j':
		if (m->t->hex)
			return fail_match(m, &ERR_ASM_OPERANDS, "a decimal number");
		return match_imm(m, &m->in[0].imm);
	case 'v':
		if (m->t->kind != ASM_NUMBER)
			return fail_match(m, &ERR_ASM_OPERANDS, "a number");
		return match_imm(m, &m->in[0].imm);
	case 'c':
		if (!asm_is_punct(m->t, '+'))
			return true;
		m->t++;
		return match_imm(m, &m->in[0].imm);
	case 'u':
		return match_imm(m, &m->in[1].imm);
	case 'q':
	case 'Q':
		return match_wide(m);
	default:
		return match_imm(m, &m->in[0].imm);
	}
}

static bool match_directive(struct asm_match *m, char directive, const struct isa_shape *shape)
{
	switch (directive) {
	case 'd':
		return match_register(m, shape, ISA_FIELD_DST, REG_WIDE);
	case 'D':
		return match_register(m, shape, ISA_FIELD_DST, REG_HALF);
	case 'e':
		return match_register(m, shape, ISA_FIELD_DST, REG_EITHER);
	case 's':
		return match_register(m, shape, ISA_FIELD_SRC, REG_WIDE);
	case 'S':
		return match_register(m, shape, ISA_FIELD_SRC, REG_HALF);
	case 'g':
		return match_register(m, shape, ISA_FIELD_SRC, REG_EITHER);
	case 'n':
		return match_off(m);
	case 'o':
	case 'f':
		return match_address_off(m);
	case 't':
	case 'l':
		return match_target(m, directive == 'l');
	case 'h':
		return match_helper(m);
	case 'k':
		return match_kfunc(m);
	case 'p':
		return true;
	default:
		return match_imm_field(m, directive);
	}
}

/* Of the words in isa.def. */
static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t word_length(const char *p)
{
	size_t len = 0;

	while (is_word(p[len]))
		len++;
	return len;
}

/* A word or a mark of @text as it stands. */
static bool match_literal(struct asm_match *m, const char *text, size_t len)
{
	bool same = m->t->len == len && !memcmp(m->t->text, text, len);

	if (same ||
	    (len == 1 && m->t->kind == ASM_NUMBER && m->t->value + '0' == (uint64_t)*text)) {
		m->t++;
		return true;
	}
	fail_match(m, &ERR_ASM_OPERANDS, text);
	m->wanted_len = (int)len;
	m->literal = true;
	return false;
}

/* One element of the row's text at *@text, which moves behind it. */
static bool match_element(struct asm_match *m, const struct isa_shape *shape, const char **text)
{
	const char *t = *text;
	size_t len = word_length(t);

	if (*t == ' ') {
		*text = t + 1;
		return true;
	}
	if (t[0] == '%' && t[1] != '%') {
		*text = t + 2;
		return match_directive(m, t[1], shape);
	}
	/* `pc` of the kernel's targets need not be there, and is not before a label */
	if (len == 2 && !strncmp(t, "pc%", 3) &&
	    (!is_text(m->t, "pc") ||
	     (!asm_is_punct(m->t + 1, '+') && !asm_is_punct(m->t + 1, '-')))) {
		*text = t + 2;
		return true;
	}
	t += t[0] == '%';
	*text = t + (len ? len : 1);
	return match_literal(m, t, len ? len : 1);
}

/* Fills m->in as @op says; false with m->why when the line does not match. */
static bool match_op(struct asm_match *m, enum isa_op op)
{
	const struct isa_shape *shape = &isa_shapes[op];
	const char *text = isa_text(op, m->style);

	while (*text)
		if (!match_element(m, shape, &text))
			return false;
	if (m->t->kind != ASM_END)
		return fail_match(m, &ERR_ASM_OPERANDS, "the end of the line");
	m->in[0].code = shape->code;
	if (shape->field[ISA_FIELD_SRC].lo == shape->field[ISA_FIELD_SRC].hi)
		m->in[0].regs |= (uint8_t)(shape->field[ISA_FIELD_SRC].lo << 4);
	if (shape->field[ISA_FIELD_OFF].lo == shape->field[ISA_FIELD_OFF].hi)
		m->in[0].off = (int16_t)shape->field[ISA_FIELD_OFF].lo;
	if (shape->field[ISA_FIELD_IMM].lo == shape->field[ISA_FIELD_IMM].hi)
		m->in[0].imm = shape->field[ISA_FIELD_IMM].lo;
	return true;
}

static void quote_wanted(const struct asm_match *m, char *buf, size_t size)
{
	const char *quote = m->literal ? "'" : "";

	snprintf(buf, size, "%s%.*s%s", quote, m->wanted_len, m->wanted, quote);
}

/* The error of the best failed match, and of another that got as far but wanted something else:
 * "expected a number or a register". */
static int fail_line(const struct asm_line *line, const struct asm_match *best,
		     const struct asm_match *other, struct skep_error **reterr)
{
	const struct asm_token *t = best->t;
	struct skep_place at = SKEP_AT_TEXT(NULL, line->number, t->col);
	char found[64], wanted[64], or_wanted[64];

	if (best->why == &ERR_ASM_READ_ONLY)
		return skep_fail(reterr, best->why, at, "%.*s cannot be written", asm_shown(t),
				 t->text);
	if (best->why == &ERR_ASM_RANGE) {
		bool negative = asm_is_punct(t, '-');

		t += t->kind == ASM_PUNCT;
		return skep_fail(reterr, best->why, at, "'%s%.*s' does not fit its field",
				 negative ? "-" : "", asm_shown(t), t->text);
	}
	if (t->kind == ASM_END)
		snprintf(found, sizeof(found), "the end of the line");
	else
		snprintf(found, sizeof(found), "'%.*s'", asm_shown(t), t->text);
	quote_wanted(best, wanted, sizeof(wanted));
	if (!other->wanted)
		return skep_fail(reterr, best->why, at, "expected %s, found %s", wanted, found);
	quote_wanted(other, or_wanted, sizeof(or_wanted));
	return skep_fail(reterr, best->why, at, "expected %s or %s, found %s", wanted, or_wanted,
			 found);
}

/* Keeps the failed match that got furthest, and beside it one that wanted something else there. */
static void keep_match(struct asm_match *best, struct asm_match *other, const struct asm_match *m)
{
	if (!best->t || m->t > best->t ||
	    (m->t == best->t && m->why == &ERR_ASM_READ_ONLY && best->why != m->why)) {
		*best = *m;
		other->wanted = NULL;
	} else if (m->t == best->t && m->wanted && best->wanted && !other->wanted &&
		   (m->wanted_len != best->wanted_len ||
		    memcmp(m->wanted, best->wanted, (size_t)m->wanted_len) != 0)) {
		*other = *m;
	}
}

/* May the row begin like the line? Only the conformance files' notation has a word first in each. */
static bool may_begin(enum isa_op op, const struct asm_token *first, enum skep_insn_style style)
{
	const char *text = isa_text(op, style);

	if (style != SKEP_INSN_ASM && !is_word(*text))
		return first->kind == (*text == '%' ? ASM_REG : ASM_PUNCT);
	return strncmp(text, first->text, first->len) == 0 && !is_word(text[first->len]);
}

enum isa_op asm_match_line(const struct asm_line *line, const struct asm_token *first,
			   enum skep_insn_style style, struct asm_match *m,
			   struct skep_error **reterr)
{
	struct asm_match best = { .t = NULL }, other = { .t = NULL };

	for (unsigned int op = ISA_INVALID + 1; op < ISA_COUNT; op++) {
		if (!may_begin((enum isa_op)op, first, style) ||
		    (line->has_code && line->code != isa_shapes[op].code))
			continue;
		*m = (struct asm_match){ .t = first, .style = style };
		if (match_op(m, (enum isa_op)op))
			return (enum isa_op)op;
		keep_match(&best, &other, m);
	}
	if (best.t && (best.t > first || style == SKEP_INSN_ASM || best.why == &ERR_ASM_READ_ONLY))
		fail_line(line, &best, &other, reterr);
	else
		skep_fail(reterr, &ERR_ASM_UNKNOWN, SKEP_AT_TEXT(NULL, line->number, first->col),
			  "'%.*s'", asm_shown(first), first->text);
	return ISA_INVALID;
}
