// SPDX-License-Identifier: Apache-2.0
/*
 * The exception table of a program: its loads from addresses that may be bad, and where each goes on. The loads cost
 * nothing while their addresses are good. The table is found by the address of the instruction that faulted
 * (exec/guard.c), from when the code has its place until it is freed.
 */
#include <stdlib.h>

#include "jit/alloc.h"

struct jit_faults {
	struct exec_guard_code *code;
	struct exec_guard_fix *fixes;
};

void jit_probe(struct jit_code_buf *out, size_t at, size_t next, uint8_t reg)
{
	struct exec_guard_fix *more;

	if (out->nprobes == out->probes_room) {
		uint32_t room = out->probes_room * 2 + 32;

		more = realloc(out->probes, room * sizeof(*more));
		if (!more) {
			out->failed = true;
			return;
		}
		out->probes = more;
		out->probes_room = room;
	}
	out->probes[out->nprobes++] = (struct exec_guard_fix){ (uint32_t)at, (uint32_t)next, reg };
}

int jit_faults_new(struct jit_code_buf *out, const void *start, struct jit_faults **ret)
{
	struct jit_faults *f;

	*ret = NULL;
	if (!out->nprobes)
		return 0;
	f = calloc(1, sizeof(*f));
	if (!f || exec_guard_add(start, out->len, out->probes, out->nprobes, &f->code) < 0) {
		free(f);
		return -ENOMEM;
	}
	f->fixes = out->probes;
	out->probes = NULL;
	out->nprobes = out->probes_room = 0;
	*ret = f;
	return 0;
}

void jit_faults_free(struct jit_faults *f)
{
	if (!f)
		return;
	exec_guard_remove(f->code);
	free(f->fixes);
	free(f);
}
