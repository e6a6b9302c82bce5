/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs without structure: instructions in any order, with jumps to anywhere, so loops that are entered
 * in the middle, dead code, registers that hold addresses. A program may not end and may fault; then it is not run
 * compiled without checks. exec may also refuse it.
 */
#ifndef TESTS_UNIT_FUZZ_SOUP_H
#define TESTS_UNIT_FUZZ_SOUP_H

#include "fuzz_gen.h"

static inline void soup_access(struct text *t, const struct row *row)
{
	unsigned int reg = below(10), base = one_in(3) ? 1 : one_in(8) ? below(10) : 10;
	int off = base == 10 ? -8 * (1 + (int)below(8)) : (int)below(FUZZ_MEM / 8) * 8;

	if (row->kind == ISA_KIND_LOAD)
		put_row(t, row, reg, base, off, 0);
	else
		put_row(t, row, base, reg, off, (int32_t)interesting());
}

static inline void fuzz_soup(struct text *t, uint64_t seed)
{
	uint32_t n = 6 + (uint32_t)(seed >> 3) % 60;

	state = seed * 0x9e3779b97f4a7c15ull ^ 0x5bf03635f0935ad1ull;
	t->n = 0;
	for (unsigned int r = 0; r < 10; r++)
		if (r != 1)
			put(t, 0xb7, r, 0, 0, (int32_t)interesting());
	for (n += t->n; t->n < n;) {
		const struct row *row = &rows[1 + below(ISA_COUNT - 1)];
		int to = one_in(4) ? (int)below(n) : (int)t->n + 1 + (int)below(8);

		if (to > (int)n)
			to = (int)n;
		to -= (int)t->n + 1;
		if (row->kind == ISA_KIND_ALU)
			put_row(t, row, below(9) + (below(9) == 8), below(11), 0,
				(int32_t)interesting());
		else if (row->kind == ISA_KIND_BRANCH)
			put_row(t, row, below(10), below(10), to, (int32_t)interesting());
		else if (row->kind == ISA_KIND_LOAD || row->kind == ISA_KIND_STORE ||
			 row->kind == ISA_KIND_ATOMIC)
			soup_access(t, row);
		else if (row->kind == ISA_KIND_WIDE_LOAD && one_in(3))
			put_lddw(t, below(10), interesting());
		else if (row->kind == ISA_KIND_EXIT && one_in(2))
			put(t, 0x95, 0, 0, 0, 0);
		else if (row->kind == ISA_KIND_JUMP && row->code == 0x05)
			put(t, 0x05, 0, 0, to, 0);
	}
	put(t, 0x95, 0, 0, 0, 0);
}

#endif
