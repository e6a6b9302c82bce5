// SPDX-License-Identifier: Apache-2.0
/*
 * The assembler: each line is matched with the assembler texts of isa.def, the same that the
 * disassembler fills in, so what it prints can be read back by construction. Of the rows that begin
 * with the line's first word the first that matches wins; if none does, the error is that of the row
 * that got furthest. Jumps to labels are patched at the end, when all labels are known.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/internal.h"

/* As many as the kernel takes; keeps slot numbers in 32 bits. */
#define MAX_SLOTS 1000000

struct label {
	const char *name;
	size_t len;
	size_t slot;
	uint32_t line, col;
};

/* A jump to a label: its place in the program and in the text. */
struct fixup {
	struct label target; /* slot: of the jump */
	bool in_imm;
};

struct assembler {
	struct skep_insn *insns;
	size_t n, cap;
	struct label *labels;
	size_t label_count, label_cap;
	struct fixup *fixups;
	size_t fixup_count, fixup_cap;
	struct asm_line line;
	struct skep_error **reterr;
};

/* How far the match of a row got, and what it wanted there. */
struct match {
	const struct asm_token *t; /* the next token */
	struct skep_insn in[2];
	const struct asm_token *label; /* the jump's target, if it is one */
	bool label_in_imm;
	const char *wanted; /* for ASM_OPERANDS */
	int wanted_len;
	bool literal;		   /* wanted as it stands, so shown in quotes */
	const struct err_def *why; /* what is wrong with *t; NULL while it matches */
};

/* Makes room for one more element. */
static int grow(void *array, size_t *cap, size_t count, size_t size, struct skep_error **reterr)
{
	void **memory = array;
	size_t more = *cap ? *cap * 2 : 64;
	void *grown;

	if (count < *cap)
		return 0;
	grown = reallocarray(*memory, more, size);
	if (!grown)
		return skep_fail_nomem(reterr);
	*memory = grown;
	*cap = more;
	return 0;
}

static bool fail_match(struct match *m, const struct err_def *why, const char *wanted)
{
	m->why = why;
	m->wanted = wanted;
	m->wanted_len = wanted ? (int)strlen(wanted) : 0;
	return false;
}

/* How many characters of a token an error shows. */
static int shown(const struct asm_token *t)
{
	return t->len < 40 ? (int)t->len : 40;
}

static bool is_punct(const struct asm_token *t, char c)
{
	return t->kind == ASM_PUNCT && t->text[0] == c;
}

static bool match_register(struct match *m, struct isa_range range, unsigned int shift)
{
	if (m->t->kind != ASM_REG)
		return fail_match(m, &ERR_ASM_OPERANDS, "a register");
	if ((int32_t)m->t->value > range.hi)
		return fail_match(m, &ERR_ASM_READ_ONLY, NULL);
	m->in[0].regs |= (uint8_t)(m->t->value << shift);
	m->t++;
	return true;
}

/* A number with an optional sign, from -@below to @above. */
static bool match_number(struct match *m, uint64_t below, uint64_t above, uint64_t *ret)
{
	bool negative = is_punct(m->t, '-');
	const struct asm_token *t = m->t + (negative || is_punct(m->t, '+'));

	if (t->kind != ASM_NUMBER)
		return fail_match(m, &ERR_ASM_OPERANDS, "a number");
	if (t->value > (negative ? below : above))
		return fail_match(m, &ERR_ASM_RANGE, NULL);
	*ret = negative ? 0 - t->value : t->value;
	m->t = t + 1;
	return true;
}

/* 32 bits may be written signed or unsigned. */
static bool match_imm(struct match *m, int32_t *ret)
{
	uint64_t value;

	if (!match_number(m, 1ULL << 31, UINT32_MAX, &value))
		return false;
	*ret = (int32_t)(uint32_t)value;
	return true;
}

static bool match_wide(struct match *m)
{
	uint64_t value;

	if (!match_number(m, 1ULL << 63, UINT64_MAX, &value))
		return false;
	m->in[0].imm = (int32_t)(uint32_t)value;
	m->in[1].imm = (int32_t)(uint32_t)(value >> 32);
	return true;
}

static bool match_off(struct match *m)
{
	uint64_t value;

	if (!match_number(m, 1 << 15, INT16_MAX, &value))
		return false;
	m->in[0].off = (int16_t)(uint16_t)value;
	return true;
}

/* `+n`, `-n` or a label. */
static bool match_target(struct match *m, bool in_imm)
{
	uint64_t value;

	if (m->t->kind == ASM_WORD) {
		m->label = m->t++;
		m->label_in_imm = in_imm;
		return true;
	}
	if (!is_punct(m->t, '+') && !is_punct(m->t, '-'))
		return fail_match(m, &ERR_ASM_OPERANDS, "+n, -n or a label");
	if (!in_imm)
		return match_off(m);
	if (!match_number(m, 1ULL << 31, INT32_MAX, &value))
		return false;
	m->in[0].imm = (int32_t)(uint32_t)value;
	return true;
}

static bool match_directive(struct match *m, char directive, const struct isa_shape *shape)
{
	switch (directive) {
	case 'd':
		return match_register(m, shape->field[ISA_FIELD_DST], 0);
	case 's':
		return match_register(m, shape->field[ISA_FIELD_SRC], 4);
	case 'i':
	case 'x':
		return match_imm(m, &m->in[0].imm);
	case 'u':
		return match_imm(m, &m->in[1].imm);
	case 'q':
		return match_wide(m);
	case 'n':
		return match_off(m);
	case 'o':
		if (is_punct(m->t, ']'))
			return true;
		if (!is_punct(m->t, '+') && !is_punct(m->t, '-'))
			return fail_match(m, &ERR_ASM_OPERANDS, "+n, -n or ']'");
		return match_off(m);
	case 't':
	case 'l':
		return match_target(m, directive == 'l');
	default:
		return fail_match(m, &ERR_ASM_OPERANDS, "a text that isa.def declares wrongly");
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
static bool match_literal(struct match *m, const char *text, size_t len)
{
	if (m->t->len == len && !memcmp(m->t->text, text, len)) {
		m->t++;
		return true;
	}
	fail_match(m, &ERR_ASM_OPERANDS, text);
	m->wanted_len = (int)len;
	m->literal = true;
	return false;
}

/* Fills m->in as @op says; false with m->why when the line does not match. */
static bool match_op(struct match *m, enum isa_op op)
{
	const struct isa_shape *shape = &isa_shapes[op];
	const char *text = isa_text(op, SKEP_INSN_ASM);

	while (*text) {
		size_t len = word_length(text);

		if (*text == '%') {
			if (!match_directive(m, text[1], shape))
				return false;
			text += 2;
		} else if (*text == ' ') {
			text++;
		} else {
			if (!match_literal(m, text, len ? len : 1))
				return false;
			text += len ? len : 1;
		}
	}
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

static void quote_wanted(const struct match *m, char *buf, size_t size)
{
	const char *quote = m->literal ? "'" : "";

	snprintf(buf, size, "%s%.*s%s", quote, m->wanted_len, m->wanted, quote);
}

/* The error of the best failed match, and of another that got as far but wanted something else:
 * "expected a number or a register". */
static int fail_line(struct assembler *a, const struct match *best, const struct match *other)
{
	const struct asm_token *t = best->t;
	struct skep_place at = SKEP_AT_TEXT(NULL, a->line.number, t->col);
	char found[64], wanted[64], or_wanted[64];

	if (best->why == &ERR_ASM_READ_ONLY)
		return skep_fail(a->reterr, best->why, at, "%%r%" PRIu64 " cannot be written",
				 t->value);
	if (best->why == &ERR_ASM_RANGE) {
		bool negative = is_punct(t, '-');

		t += t->kind == ASM_PUNCT;
		return skep_fail(a->reterr, best->why, at, "'%s%.*s' does not fit its field",
				 negative ? "-" : "", shown(t), t->text);
	}
	if (t->kind == ASM_END)
		snprintf(found, sizeof(found), "the end of the line");
	else
		snprintf(found, sizeof(found), "'%.*s'", shown(t), t->text);
	quote_wanted(best, wanted, sizeof(wanted));
	if (!other->wanted)
		return skep_fail(a->reterr, best->why, at, "expected %s, found %s", wanted, found);
	quote_wanted(other, or_wanted, sizeof(or_wanted));
	return skep_fail(a->reterr, best->why, at, "expected %s or %s, found %s", wanted, or_wanted,
			 found);
}

/* Keeps the failed match that got furthest, and beside it one that wanted something else there. */
static void keep_match(struct match *best, struct match *other, const struct match *m)
{
	if (!best->t || m->t > best->t) {
		*best = *m;
		other->wanted = NULL;
	} else if (m->t == best->t && m->wanted && best->wanted && !other->wanted &&
		   (m->wanted_len != best->wanted_len ||
		    memcmp(m->wanted, best->wanted, (size_t)m->wanted_len) != 0)) {
		*other = *m;
	}
}

/* Finds the row that matches the tokens from @first on; ISA_INVALID after an error. */
static enum isa_op match_line(struct assembler *a, const struct asm_token *first, struct match *m)
{
	struct match best = { .t = NULL }, other = { .t = NULL };

	for (unsigned int op = ISA_INVALID + 1; op < ISA_COUNT; op++) {
		const char *text = isa_text((enum isa_op)op, SKEP_INSN_ASM);

		if (strncmp(text, first->text, first->len) != 0 || is_word(text[first->len]))
			continue;
		*m = (struct match){ .t = first };
		if (match_op(m, (enum isa_op)op))
			return (enum isa_op)op;
		keep_match(&best, &other, m);
	}
	if (best.t)
		fail_line(a, &best, &other);
	else
		skep_fail(a->reterr, &ERR_ASM_UNKNOWN,
			  SKEP_AT_TEXT(NULL, a->line.number, first->col), "'%.*s'", shown(first),
			  first->text);
	return ISA_INVALID;
}

static int add_label(struct assembler *a, const struct asm_token *t)
{
	int r = grow(&a->labels, &a->label_cap, a->label_count, sizeof(*a->labels), a->reterr);

	if (r < 0)
		return r;
	a->labels[a->label_count++] =
		(struct label){ t->text, t->len, a->n, a->line.number, t->col };
	return 0;
}

static int add_fixup(struct assembler *a, const struct asm_token *t, bool in_imm)
{
	int r = grow(&a->fixups, &a->fixup_cap, a->fixup_count, sizeof(*a->fixups), a->reterr);

	if (r < 0)
		return r;
	a->fixups[a->fixup_count++] =
		(struct fixup){ { t->text, t->len, a->n, a->line.number, t->col }, in_imm };
	return 0;
}

static int add_line(struct assembler *a)
{
	const struct asm_token *t = a->line.tokens;
	struct match m;
	enum isa_op op;
	int r;

	for (; t->kind == ASM_WORD && is_punct(t + 1, ':'); t += 2) {
		r = add_label(a, t);
		if (r < 0)
			return r;
	}
	if (t->kind == ASM_END)
		return 0;
	op = match_line(a, t, &m);
	if (op == ISA_INVALID)
		return -EINVAL;
	if (m.label) {
		r = add_fixup(a, m.label, m.label_in_imm);
		if (r < 0)
			return r;
	}
	if (a->n + isa_slots(op) > MAX_SLOTS)
		return skep_fail(a->reterr, &ERR_ASM_TOO_MANY,
				 SKEP_AT_TEXT(NULL, a->line.number, t->col),
				 "at most %d instructions", MAX_SLOTS);
	for (unsigned int i = 0; i < isa_slots(op); i++) {
		r = grow(&a->insns, &a->cap, a->n, sizeof(*a->insns), a->reterr);
		if (r < 0)
			return r;
		a->insns[a->n++] = m.in[i];
	}
	return 0;
}

static int label_shown(const struct label *l)
{
	return l->len < 40 ? (int)l->len : 40;
}

static int compare_labels(const void *x, const void *y)
{
	const struct label *a = x, *b = y;
	int r = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);

	if (r)
		return r;
	return a->len == b->len ? 0 : a->len < b->len ? -1 : 1;
}

static bool is_before(const struct label *a, const struct label *b)
{
	return a->line != b->line ? a->line < b->line : a->col < b->col;
}

/* Sorts the labels by name, so that fixups find them. */
static int sort_labels(struct assembler *a)
{
	if (a->label_count)
		qsort(a->labels, a->label_count, sizeof(*a->labels), compare_labels);
	for (size_t i = 1; i < a->label_count; i++) {
		const struct label *x = &a->labels[i - 1], *y = &a->labels[i];
		const struct label *first = is_before(x, y) ? x : y, *second = first == x ? y : x;

		if (compare_labels(x, y) == 0)
			return skep_fail(a->reterr, &ERR_ASM_LABEL_TWICE,
					 SKEP_AT_TEXT(NULL, second->line, second->col),
					 "'%.*s', first in line %u", label_shown(x), x->name,
					 first->line);
	}
	return 0;
}

static int apply_fixup(struct assembler *a, const struct fixup *f)
{
	struct skep_place at = SKEP_AT_TEXT(NULL, f->target.line, f->target.col);
	const struct label *label = NULL;
	int64_t delta;

	if (a->label_count)
		label = bsearch(&f->target, a->labels, a->label_count, sizeof(*label),
				compare_labels);
	if (!label)
		return skep_fail(a->reterr, &ERR_ASM_LABEL_MISSING, at, "'%.*s'",
				 label_shown(&f->target), f->target.name);
	delta = (int64_t)label->slot - (int64_t)f->target.slot - 1;
	if (f->in_imm) {
		a->insns[f->target.slot].imm = (int32_t)delta;
		return 0;
	}
	if (delta < INT16_MIN || delta > INT16_MAX) {
		skep_fail(a->reterr, &ERR_ASM_TOO_FAR, at,
			  "'%.*s' is %" PRId64
			  " instructions away, the field holds -32768 to 32767",
			  label_shown(&f->target), f->target.name, delta);
		skep_hint(a->reterr, "ja32 reaches any instruction");
		return -EINVAL;
	}
	a->insns[f->target.slot].off = (int16_t)delta;
	return 0;
}

static int assemble(struct assembler *a, const char *text)
{
	int r;

	while ((r = asm_lex_line(&text, &a->line, a->reterr)) > 0) {
		r = add_line(a);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = sort_labels(a);
	for (size_t i = 0; r == 0 && i < a->fixup_count; i++)
		r = apply_fixup(a, &a->fixups[i]);
	return r;
}

int skep_insn_assemble(const char *text, struct skep_insn **ret_insns, size_t *ret_n,
		       struct skep_error **reterr)
{
	struct assembler a = { .reterr = reterr };
	int r = assemble(&a, text);

	if (r == 0) {
		*ret_insns = a.insns;
		*ret_n = a.n;
	} else {
		free(a.insns);
	}
	free(a.labels);
	free(a.fixups);
	return r;
}
