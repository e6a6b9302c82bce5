// SPDX-License-Identifier: Apache-2.0
/*
 * Jumps through tables (jit/jump_table.c): distances from the table to the blocks, which lies behind the function's code. Not in
 * hardened code, where no jump is indirect.
 */
#include <string.h>

#include "jit/x86_64/x86.h"

#define MAX_TABLES 4 /* a function */

void x86_find_tables(struct x86_emit *e)
{
	const struct jit_alloc *a = e->a;
	struct jit_table table;

	if (a->nlayout < JIT_TABLE_NODES || !e->f->fold || e->out->harden)
		return;
	for (uint32_t i = 0; i < a->nlayout && e->ntables < MAX_TABLES; i++) {
		uint32_t k = a->layout[i];

		if (e->forward[k] != k || !jit_table(a, e->forward, k, &table))
			continue;
		if (!e->tables)
			e->tables = ARENA_RAW(a->arena, struct jit_table, MAX_TABLES);
		if (!e->tables)
			return;
		e->tables[e->ntables++] = table;
		for (uint32_t n = 0; n < table.ninner; n++)
			e->forward[table.inner[n]] = NO_BLOCK;
	}
}

bool x86_jump_table(struct x86_emit *e, uint32_t block)
{
	struct jit_table *t = NULL;
	int reg;

	for (uint32_t i = 0; i < e->ntables && !t; i++)
		if (e->tables[i].root == block)
			t = &e->tables[i];
	if (!t)
		return false;
	reg = x86_use(e, t->value, R11);
	if (t->first) {
		x86_lea(e->out, t->w, R11,
			(struct x86_mem){ .base = (uint8_t)reg,
					  .index = NO_INDEX,
					  .disp = -(int32_t)t->first });
		reg = R11;
	} else if (!t->w && !x86_is_small(e, t->value)) {
		x86_mov(e->out, 0, R11, reg);
		reg = R11;
	}
	if (!t->all) {
		x86_alu_ri(e->out, t->w, ALU_CMP, reg, (int32_t)t->n - 1);
		x86_gap(e, COND_A, t->other, 6);
	}
	t->fix = e->out->nfixes;
	x86_bytes(e->out, "\x4c\x8d", 2); /* lea table(%rip), %r10 */
	x86_fix_later(e, 0x15, FIX_PLACE, 0);
	x86_rm(e->out, 1, 0x63, R11, /* movslq */
	       (struct x86_mem){ .base = R10, .index = (uint8_t)reg, .scale = 2 });
	x86_alu_rr(e->out, 1, ALU_ADD, R11, R10);
	x86_byte(e->out, 0x3e); /* notrack: its targets have no endbr64 */
	x86_rr(e->out, 0, 0xff, 4, R11);
	return true;
}

void x86_write_tables(struct x86_emit *e)
{
	struct jit_code_buf *out = e->out;

	for (uint32_t i = 0; i < e->ntables; i++) {
		const struct jit_table *t = &e->tables[i];
		uint32_t at;

		while (out->len % 4 && !out->failed)
			x86_byte(out, e->a->target->fill);
		at = (uint32_t)out->len;
		if (!out->failed)
			out->fixes[t->fix].address = at;
		for (uint32_t k = 0; k < t->n; k++)
			x86_u32(out, e->offset[t->to[k]] - at);
	}
}
