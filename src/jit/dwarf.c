// SPDX-License-Identifier: Apache-2.0
/*
 * Debugging information of one program (DWARF 4): a unit with its functions, lines, and how to unwind. Where the program
 * has no source lines the instructions themselves are the lines, of a file that is named after it.
 */
#include <stdlib.h>
#include <string.h>

#include "jit/debug.h"

/* DWARF 4: section 7 has the numbers. */
enum {
	TAG_UNIT = 0x11,
	TAG_FUNCTION = 0x2e,
	AT_NAME = 0x03,
	AT_LINES = 0x10,
	AT_LOW = 0x11,
	AT_HIGH = 0x12,
	AT_LANGUAGE = 0x13,
	AT_PRODUCER = 0x25,
	FORM_ADDRESS = 0x01,
	FORM_DATA2 = 0x05,
	FORM_DATA4 = 0x06,
	FORM_STRING = 0x08,
	FORM_OFFSET = 0x17,
	LANGUAGE_C11 = 0x1d,
	LINE_EXTENDED = 0,
	LINE_COPY = 1,
	LINE_ADVANCE_PC = 2,
	LINE_ADVANCE_LINE = 3,
	LINE_SET_FILE = 4,
	LINE_SET_COLUMN = 5,
	LINE_END = 1,	  /* extended */
	LINE_ADDRESS = 2, /* extended */
	CFA_ADVANCE4 = 0x04,
	CFA_REMEMBER = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEFINE = 0x0c,
	CFA_OFFSET_ONLY = 0x0e,
	CFA_OFFSET = 0x80,  /* | register */
	CFA_RESTORE = 0xc0, /* | register */
	DWARF_RSP = 7,
	DWARF_RIP = 16,
};

static void u8(struct buf *b, uint32_t v)
{
	buf_addc(b, (char)v);
}

static void u16(struct buf *b, uint16_t v)
{
	buf_add(b, &v, 2);
}

static void u32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, 4);
}

static void u64(struct buf *b, uint64_t v)
{
	buf_add(b, &v, 8);
}

static void text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s) + 1);
}

static void uleb(struct buf *b, uint64_t v)
{
	do {
		u8(b, (v & 127) | (v > 127 ? 128 : 0));
		v >>= 7;
	} while (v);
}

static void sleb(struct buf *b, int64_t v)
{
	bool more;

	do {
		uint32_t low = v & 127;

		v >>= 7;
		more = !((v == 0 && !(low & 64)) || (v == -1 && low & 64));
		u8(b, low | (more ? 128 : 0));
	} while (more);
}

/* A length in front of what was written since @at, where its place is. */
static void close_length(struct buf *b, size_t at)
{
	uint32_t n = (uint32_t)(b->len - at - 4);

	if (!b->failed)
		memcpy(b->data + at, &n, 4);
}

static void abbreviations(struct buf *b)
{
	static const uint8_t forms[] = { 1,
					 TAG_UNIT,
					 1,
					 AT_PRODUCER,
					 FORM_STRING,
					 AT_LANGUAGE,
					 FORM_DATA2,
					 AT_NAME,
					 FORM_STRING,
					 AT_LOW,
					 FORM_ADDRESS,
					 AT_HIGH,
					 FORM_DATA4,
					 AT_LINES,
					 FORM_OFFSET,
					 0,
					 0,
					 2,
					 TAG_FUNCTION,
					 0,
					 AT_NAME,
					 FORM_STRING,
					 AT_LOW,
					 FORM_ADDRESS,
					 AT_HIGH,
					 FORM_DATA4,
					 0,
					 0,
					 0 };

	buf_add(b, forms, sizeof(forms));
}

static void unit(const struct jit_code_info *info, struct buf *b)
{
	struct jit_code_func f;
	uint32_t at = 0;

	u32(b, 0);
	u16(b, 4);
	u32(b, 0); /* abbreviations */
	u8(b, 8);
	uleb(b, 1);
	text(b, "skep");
	u16(b, LANGUAGE_C11);
	text(b, exec_prog_name(info->prog));
	u64(b, info->start);
	u32(b, info->size);
	u32(b, 0); /* lines */
	while (jit_next_func(info, &at, &f)) {
		uleb(b, 2);
		text(b, f.name);
		u64(b, info->start + f.start);
		u32(b, f.end - f.start);
	}
	u8(b, 0);
	close_length(b, 0);
}

/* Lines ----------------------------------------------------------------------------------------------------------- */

#define MOST_FILES 64

struct files {
	const char *name[MOST_FILES]; /* the first one is the instructions themselves */
	uint32_t n;
};

static uint32_t file_of(struct files *files, const char *name)
{
	uint32_t i = 1;

	while (i < files->n && files->name[i] != name && strcmp(files->name[i], name) != 0)
		i++;
	if (i == MOST_FILES)
		return 0;
	if (i == files->n)
		files->name[files->n++] = name;
	return i;
}

/* File number from 0, line and column of an instruction. */
static uint32_t source(const struct jit_code_info *info, uint32_t insn, struct files *files,
		       uint32_t *line, uint32_t *col)
{
	struct skep_place at = exec_view_place(info->prog, insn);

	*line = at.line;
	*col = at.col;
	if (at.src && at.line)
		return file_of(files, at.src);
	*line = insn + 1;
	*col = 0;
	return 0;
}

static void line_header(const struct jit_code_info *info, struct files *files, struct buf *b)
{
	static const uint8_t lengths[] = { 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1 };
	size_t at;

	u32(b, 0);
	u16(b, 4);
	at = b->len;
	u32(b, 0);
	u8(b, 1); /* bytes an instruction */
	u8(b, 1); /* operations an instruction */
	u8(b, 1); /* statements */
	u8(b, 0xfb);
	u8(b, 14);
	u8(b, 13); /* first special opcode */
	buf_add(b, lengths, sizeof(lengths));
	u8(b, 0); /* no directories */
	for (uint32_t i = 0; i < files->n; i++) {
		if (i)
			text(b, files->name[i]);
		else
			buf_printf(b, "%s.insns", exec_prog_name(info->prog)), u8(b, 0);
		u8(b, 0);
		u8(b, 0);
		u8(b, 0);
	}
	u8(b, 0);
	close_length(b, at);
}

static void line_rows(const struct jit_code_info *info, const struct jit_line *lines, uint32_t n,
		      struct files *files, struct buf *b)
{
	uint32_t file = 0, line = 1, at = 0, f, l, c;

	u8(b, LINE_EXTENDED);
	uleb(b, 9);
	u8(b, LINE_ADDRESS);
	u64(b, info->start);
	for (uint32_t i = 0; i < n; i++) {
		f = source(info, lines[i].insn, files, &l, &c);
		if (lines[i].code != at) {
			u8(b, LINE_ADVANCE_PC);
			uleb(b, lines[i].code - at);
		}
		if (f != file) {
			u8(b, LINE_SET_FILE);
			uleb(b, f + 1);
		}
		u8(b, LINE_SET_COLUMN);
		uleb(b, c);
		if (l != line) {
			u8(b, LINE_ADVANCE_LINE);
			sleb(b, (int64_t)l - line);
		}
		u8(b, LINE_COPY);
		file = f;
		line = l;
		at = lines[i].code;
	}
	u8(b, LINE_ADVANCE_PC);
	uleb(b, info->size - at);
	u8(b, LINE_EXTENDED);
	uleb(b, 1);
	u8(b, LINE_END);
}

static void line_program(const struct jit_code_info *info, struct buf *b)
{
	struct files files = { .n = 1 };
	struct jit_line *lines = NULL;
	uint32_t n = 0, l, c;

	b->failed |= jit_line_table(info, &lines, &n) < 0;
	if (b->failed)
		return;
	for (uint32_t i = 0; i < n; i++) /* the files are named before the rows */
		source(info, lines[i].insn, &files, &l, &c);
	line_header(info, &files, b);
	line_rows(info, lines, n, &files, b);
	close_length(b, 0);
	free(lines);
}

/* Unwinding ------------------------------------------------------------------------------------------------------- */

static void pad(struct buf *b, size_t start)
{
	while ((b->len - start) % 8 != 4 && !b->failed) /* behind the length */
		u8(b, 0);				/* does nothing */
}

static void common_entry(struct buf *b)
{
	size_t at = b->len;

	u32(b, 0);
	u32(b, 0);
	u8(b, 1);
	text(b, "");
	uleb(b, 1);
	sleb(b, -8);
	u8(b, DWARF_RIP);
	u8(b, CFA_DEFINE);
	uleb(b, DWARF_RSP);
	uleb(b, 8);
	u8(b, CFA_OFFSET | DWARF_RIP);
	uleb(b, 1);
	pad(b, at + 4);
	close_length(b, at);
}

static void frame_note(struct buf *b, const struct jit_note *note)
{
	switch ((enum jit_note_kind)note->kind) {
	case NOTE_CFA:
		u8(b, CFA_OFFSET_ONLY);
		uleb(b, note->value);
		break;
	case NOTE_SAVED:
		u8(b, CFA_OFFSET | note->reg);
		uleb(b, note->value / 8);
		break;
	case NOTE_RESTORED:
		u8(b, CFA_RESTORE | note->reg);
		break;
	case NOTE_LEAVE:
		u8(b, CFA_REMEMBER);
		break;
	case NOTE_BACK:
		u8(b, CFA_RESTORE_STATE);
		break;
	case NOTE_FUNC:
	case NOTE_INSN:
		break;
	}
}

static void function_entry(const struct jit_code_info *info, const struct jit_code_func *f,
			   struct buf *b)
{
	size_t length = b->len;
	uint32_t at = f->start;

	u32(b, 0);
	u32(b, (uint32_t)b->len); /* back to the common entry, at 0 */
	u64(b, info->start + f->start);
	u64(b, f->end - f->start);
	for (uint32_t i = 0; i < info->nnotes; i++) {
		const struct jit_note *note = &info->notes[i];

		if (note->at < f->start || note->at >= f->end || note->kind == NOTE_INSN ||
		    note->kind == NOTE_FUNC)
			continue;
		if (note->at != at) {
			u8(b, CFA_ADVANCE4);
			u32(b, note->at - at);
			at = note->at;
		}
		frame_note(b, note);
	}
	pad(b, length + 4);
	close_length(b, length);
}

static void frames(const struct jit_code_info *info, struct buf *b)
{
	struct jit_code_func f;
	uint32_t at = 0;

	common_entry(b);
	while (jit_next_func(info, &at, &f))
		function_entry(info, &f, b);
	u32(b, 0);
}

void jit_dwarf(const struct jit_code_info *info, struct jit_dwarf *ret)
{
	abbreviations(&ret->abbrev);
	unit(info, &ret->info);
	line_program(info, &ret->line);
	frames(info, &ret->frame);
}
