// SPDX-License-Identifier: Apache-2.0
/*
 * Notes about code, made while it is written and moved with it, and what follows from them: which instruction of the program
 * a place in the code belongs to, and where functions start and end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jit/debug.h"

void jit_note_write(struct jit_code_buf *out, enum jit_note_kind kind, uint8_t reg, uint32_t value)
{
	struct jit_note note = {
		.at = (uint32_t)out->len, .kind = (uint8_t)kind, .reg = reg, .value = value
	};
	struct jit_note *more;

	if (out->nnotes == out->notes_room) {
		uint32_t room = out->notes_room * 2 + 64;

		more = realloc(out->notes, room * sizeof(*more));
		if (!more) {
			out->failed = true;
			return;
		}
		out->notes = more;
		out->notes_room = room;
	}
	out->notes[out->nnotes++] = note;
}

/* Names are text of the object's author: one line, no surprises. */
static void name_function(const struct exec_prog *prog, struct jit_code_func *f)
{
	snprintf(f->name, sizeof(f->name), f->insn ? "%.100s.%u" : "%.100s", exec_prog_name(prog),
		 f->insn);
	for (char *p = f->name; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			*p = '_';
}

bool jit_next_func(const struct jit_code_info *info, uint32_t *at, struct jit_code_func *ret)
{
	uint32_t i = *at;

	while (i < info->nnotes && info->notes[i].kind != NOTE_FUNC)
		i++;
	if (i == info->nnotes)
		return false;
	ret->insn = info->notes[i].value;
	ret->start = info->notes[i].at;
	for (i++; i < info->nnotes && info->notes[i].kind != NOTE_FUNC;)
		i++;
	ret->end = i < info->nnotes ? info->notes[i].at : info->size;
	*at = i;
	name_function(info->prog, ret);
	return true;
}

int jit_line_table(const struct jit_code_info *info, struct jit_line **ret, uint32_t *ret_n)
{
	struct jit_line *lines = malloc((info->nnotes + 1) * sizeof(*lines));
	uint32_t n = 0;

	if (!lines)
		return -ENOMEM;
	for (uint32_t i = 0; i < info->nnotes; i++) {
		const struct jit_note *note = &info->notes[i];

		if (note->kind != NOTE_INSN && note->kind != NOTE_FUNC)
			continue;
		if (n && lines[n - 1].insn == note->value)
			continue;
		if (n && lines[n - 1].code == note->at) /* what became no code */
			n--;
		lines[n++] = (struct jit_line){ note->at, note->value };
	}
	*ret = lines;
	*ret_n = n;
	return 0;
}
