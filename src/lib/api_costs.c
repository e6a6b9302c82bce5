// SPDX-License-Identifier: Apache-2.0
/* What the verifier spent, by source line. */
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"

static int by_place(const void *a, const void *b)
{
	const struct skep_verify_line *x = a, *y = b;
	int r = !x->file || !y->file ? (x->file != NULL) - (y->file != NULL) :
				       strcmp(x->file, y->file);

	if (r == 0)
		r = (x->line > y->line) - (x->line < y->line);
	if (r == 0 && x->line)
		return 0;
	return r ? r : (x->insn > y->insn) - (x->insn < y->insn);
}

static int by_cost(const void *a, const void *b)
{
	const struct skep_verify_line *x = a, *y = b;

	if (x->walked != y->walked)
		return x->walked < y->walked ? 1 : -1;
	return (x->insn > y->insn) - (x->insn < y->insn);
}

static size_t collect(const struct load_prog *p, const struct verify_cost *costs,
		      struct skep_verify_line *lines)
{
	uint32_t at = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < p->ninsns; i++) {
		const struct load_line *l;

		while (at < p->nlines && p->lines[at].insn <= i)
			at++;
		if (!costs[i].walked)
			continue;
		l = at ? &p->lines[at - 1] : NULL;
		lines[n++] = (struct skep_verify_line){ .file = l ? l->file : NULL,
							.source = l ? l->text : NULL,
							.line = l ? l->line : 0,
							.insn = i,
							.walked = costs[i].walked,
							.kept = costs[i].kept,
							.time_ns = costs[i].time_ns };
	}
	return n;
}

struct skep_verify_line *lib_lines(const struct load_prog *p, const struct verify_cost *costs,
				   size_t *ret_n)
{
	struct skep_verify_line *lines = calloc(p->ninsns + 1, sizeof(*lines));
	size_t n, out = 0;

	*ret_n = 0;
	if (!lines || !costs) {
		free(lines);
		return NULL;
	}
	n = collect(p, costs, lines);
	qsort(lines, n, sizeof(*lines), by_place);
	for (size_t i = 0; i < n; i++) {
		struct skep_verify_line *last = out ? &lines[out - 1] : NULL;

		if (!last || by_place(last, &lines[i]) != 0) {
			lines[out++] = lines[i];
			continue;
		}
		last->insn = last->insn < lines[i].insn ? last->insn : lines[i].insn;
		last->walked += lines[i].walked;
		last->kept += lines[i].kept;
		last->time_ns += lines[i].time_ns;
	}
	qsort(lines, out, sizeof(*lines), by_cost);
	*ret_n = out;
	return lines;
}
