// SPDX-License-Identifier: Apache-2.0
/*
 * Jump tables. Clang puts those of a switch into the section .jumptables, one symbol each: numbers of 8 bytes, the
 * byte in the section of the function that jumps. Here they become instructions of the program; a table belongs to
 * one function, which it must not leave.
 */
#include "base/bytes.h"
#include "base/num.h"
#include "load/internal.h"

#define SLOT sizeof(struct skep_insn)

int table_read(struct loader *l, const struct ref *ref, const struct fn *f, uint32_t start,
	       struct load_table *ret, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;
	const uint8_t *entry = l->jump_tables->data + ref->index;
	uint32_t n = (uint32_t)(ref->addend / 8);

	if (n > MAX_OBJECT_INSNS - l->made)
		return skep_fail(reterr, &ERR_OBJECT_LARGE,
				 at_section(l, l->jump_tables, ref->index),
				 "more than %d instructions and entries of jump tables",
				 MAX_OBJECT_INSNS);
	l->made += n;
	ret->to = ARENA_ARRAY(&l->obj->arena, uint32_t, n);
	if (!ret->to)
		return skep_fail_nomem(reterr);
	for (ret->n = 0; ret->n < n; ret->n++, entry += 8) {
		uint64_t byte = bytes_u64(entry, elf->swap), in = byte / SLOT - f->start;

		if (byte % SLOT || byte / SLOT < f->start || in >= f->len)
			return skep_fail(reterr, &ERR_TABLE,
					 at_section(l, l->jump_tables, ref->index + 8 * ret->n),
					 "entry %u is byte %" PRIu64 ", '%s' has bytes %zu to %zu",
					 ret->n, byte, f->name, f->start * SLOT,
					 (f->start + (size_t)f->len) * SLOT);
		ret->to[ret->n] = (uint32_t)in + start;
	}
	return 0;
}
