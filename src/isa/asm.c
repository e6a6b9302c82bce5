// SPDX-License-Identifier: Apache-2.0
/*
 * The assembler: lines to instructions (asm_match.c), labels, and which notation a text is in. Jumps to
 * labels are patched at the end, when all labels are known. A text of unknown notation is read in each;
 * the first in which it is right wins, and if there is none, the error is that of the one that got
 * furthest.
 */
#include <inttypes.h>
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
	enum skep_insn_style style;
	struct skep_insn *insns;
	uint32_t *lines; /* of each slot */
	size_t n, cap, line_cap;
	struct label *labels;
	size_t label_count, label_cap;
	struct fixup *fixups;
	size_t fixup_count, fixup_cap;
	bool listed; /* the text has indexes, which begin at first_index */
	uint64_t first_index;
	struct asm_line line;
	struct skep_error **reterr;
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

/* The next index of a listing must be the next slot: a log of branches taken is no program. */
static int check_index(struct assembler *a)
{
	if (!a->line.has_index)
		return 0;
	if (!a->listed)
		a->first_index = a->line.index - a->n;
	a->listed = true;
	if (a->line.index == a->first_index + a->n)
		return 0;
	return skep_fail(a->reterr, &ERR_ASM_INDEX, SKEP_AT_TEXT(NULL, a->line.number, 1),
			 "instruction %" PRIu64 " where %" PRIu64 " should follow", a->line.index,
			 a->first_index + a->n);
}

static int add_slots(struct assembler *a, const struct skep_insn *in, unsigned int slots)
{
	int r = 0;

	if (a->n + slots > MAX_SLOTS)
		return skep_fail(a->reterr, &ERR_ASM_TOO_MANY,
				 SKEP_AT_TEXT(NULL, a->line.number, a->line.tokens->col),
				 "at most %d instructions", MAX_SLOTS);
	for (unsigned int i = 0; i < slots; i++) {
		r = grow(&a->insns, &a->cap, a->n, sizeof(*a->insns), a->reterr);
		if (r == 0)
			r = grow(&a->lines, &a->line_cap, a->n, sizeof(*a->lines), a->reterr);
		if (r < 0)
			return r;
		a->lines[a->n] = a->line.number;
		a->insns[a->n++] = in[i];
	}
	return 0;
}

/* The bytes of an object's listing: little-endian. */
static int add_bytes(struct assembler *a)
{
	struct skep_insn in[2] = { 0 };
	unsigned int n = a->line.nbytes / 8;
	char why[128];

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *b = a->line.bytes + 8 * i;

		in[i] = (struct skep_insn){ b[0], b[1], (int16_t)(b[2] | b[3] << 8),
					    (int32_t)(b[4] | b[5] << 8 | b[6] << 16 |
						      (uint32_t)b[7] << 24) };
	}
	if (isa_slots(isa_decode(in, n)) == n && isa_decode(in, n) != ISA_INVALID)
		return add_slots(a, in, n);
	isa_why_invalid(in, n, why, sizeof(why));
	return skep_fail(a->reterr, &ERR_ASM_BYTES, SKEP_AT_TEXT(NULL, a->line.number, 1), "%s",
			 why);
}

static int add_line(struct assembler *a)
{
	const struct asm_token *t = a->line.tokens;
	struct asm_match m;
	enum isa_op op;
	int r;

	for (; t->kind == ASM_WORD && asm_is_punct(t + 1, ':'); t += 2) {
		r = add_label(a, t);
		if (r < 0)
			return r;
	}
	if (t->kind == ASM_END && !a->line.nbytes)
		return 0;
	r = check_index(a);
	if (r < 0)
		return r;
	if (a->line.nbytes)
		return add_bytes(a);
	op = asm_match_line(&a->line, t, a->style, &m, a->reterr);
	if (op == ISA_INVALID)
		return -EINVAL;
	if (m.label) {
		r = add_fixup(a, m.label, m.label_in_imm);
		if (r < 0)
			return r;
	}
	return add_slots(a, m.in, isa_slots(op));
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
		skep_hint(a->reterr, "%s reaches any instruction",
			  a->style == SKEP_INSN_ASM ? "ja32" : "gotol");
		return -EINVAL;
	}
	a->insns[f->target.slot].off = (int16_t)delta;
	return 0;
}

static int assemble(struct assembler *a, const char *text)
{
	int r;

	while ((r = asm_lex_line(&text, a->style, &a->line, a->reterr)) > 0) {
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

static void done(struct assembler *a)
{
	free(a->insns);
	free(a->lines);
	free(a->labels);
	free(a->fixups);
}

/* Leaves the program in *@ret, for done(). */
static int assemble_style(struct assembler *ret, const char *text, enum skep_insn_style style,
			  struct skep_error **reterr)
{
	int r;

	*ret = (struct assembler){ .style = style, .reterr = reterr };
	r = assemble(ret, text);
	if (r < 0) {
		done(ret);
		*ret = (struct assembler){ 0 };
	}
	return r;
}

static bool got_further(const struct skep_error *a, const struct skep_error *b)
{
	const struct skep_place *x = skep_error_place(a), *y = skep_error_place(b);

	return x->line != y->line ? x->line > y->line : x->col > y->col;
}

static int assemble_any(struct assembler *ret, const char *text, struct skep_error **reterr)
{
	static const enum skep_insn_style order[] = { SKEP_INSN_CLANG, SKEP_INSN_KERNEL,
						      SKEP_INSN_ASM };
	struct skep_error *best = NULL;
	int r = 0, best_r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		struct skep_error *err = NULL;

		r = assemble_style(ret, text, order[i], &err);
		if (r == 0)
			break;
		if (r == -ENOMEM) {
			skep_error_free(best);
			best = err;
			best_r = r;
			break;
		}
		if (!best || got_further(err, best)) {
			skep_error_free(best);
			best = err;
			best_r = r;
		} else {
			skep_error_free(err);
		}
	}
	if (r == 0 || !reterr)
		skep_error_free(best);
	else
		*reterr = best;
	return r == 0 ? 0 : best_r;
}

/* Names the file, and shows the line. */
static void show_line(struct skep_error **reterr, const char *name, const char *text)
{
	struct skep_place at;
	char *shown;

	if (!reterr || !skep_error_place(*reterr)->line)
		return;
	at = *skep_error_place(*reterr);
	for (uint32_t i = 1; i < at.line && strchr(text, '\n'); i++)
		text = strchr(text, '\n') + 1;
	shown = strndup(text, strcspn(text, "\r\n"));
	at.text = shown;
	if (name)
		at.name = name;
	skep_relocate(reterr, at);
	free(shown);
}

int skep_insn_assemble_as(const char *text, const struct skep_asm_opts *opts,
			  struct skep_insn **ret_insns, size_t *ret_n, struct skep_error **reterr)
{
	struct assembler a;
	int r;

	if (opts->style == SKEP_INSN_ANY)
		r = assemble_any(&a, text, reterr);
	else if (opts->style >= 0 && opts->style < SKEP_INSN_STYLES)
		r = assemble_style(&a, text, (enum skep_insn_style)opts->style, reterr);
	else
		return skep_fail(reterr, &ERR_ASM_STYLE, SKEP_NOWHERE, "%d", opts->style);
	if (r < 0) {
		show_line(reterr, opts->name, text);
		return r;
	}
	*ret_insns = a.insns;
	*ret_n = a.n;
	a.insns = NULL;
	if (opts->size >= sizeof(*opts) && opts->ret_lines) {
		*opts->ret_lines = a.lines;
		a.lines = NULL;
	}
	done(&a);
	return 0;
}

int skep_insn_assemble(const char *text, struct skep_insn **ret_insns, size_t *ret_n,
		       struct skep_error **reterr)
{
	const struct skep_asm_opts opts = { .size = sizeof(opts), .style = SKEP_INSN_ASM };

	return skep_insn_assemble_as(text, &opts, ret_insns, ret_n, reterr);
}
