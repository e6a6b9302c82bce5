/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What debuggers and profilers learn of compiled code: note.c keeps notes and makes the line table, dwarf.c and
 * symfile.c an object file of them in memory, gdb.c hands it over, perf_map.c writes the file that perf reads.
 */
#ifndef JIT_DEBUG_H
#define JIT_DEBUG_H

#include "jit/alloc.h"

/* Code that has its place. Ascending lists. */
struct jit_code_info {
	const struct exec_prog *prog;
	uint64_t start;
	uint32_t size;
	const struct jit_note *notes;
	uint32_t nnotes;
};

struct jit_code_func {
	uint32_t insn, start, end;
	char name[128];
};

/* note.c: the function that starts at a NOTE_FUNC of @at or later, moving @at behind it; false: none is left. */
bool jit_next_func(const struct jit_code_info *info, uint32_t *at, struct jit_code_func *ret);
int jit_line_table(const struct jit_code_info *info, struct jit_line **ret, uint32_t *ret_n);

/* perf_map.c: appends to the file of this process. 0 or -errno. */
int jit_perf_map(const struct jit_code_info *info);

/* dwarf.c: the contents of sections; checked by buf->failed. */
struct jit_dwarf {
	struct buf info, abbrev, line, frame;
};
void jit_dwarf(const struct jit_code_info *info, struct jit_dwarf *ret);
/* symfile.c: an ELF object of it all. */
void jit_symfile(const struct jit_code_info *info, struct buf *out);

/* gdb.c: tells debuggers of the code, until it is forgotten. 0 or -ENOMEM. */
struct jit_gdb;
int jit_gdb_new(const struct jit_code_info *info, struct jit_gdb **ret);
void jit_gdb_free(struct jit_gdb *g);

#endif
