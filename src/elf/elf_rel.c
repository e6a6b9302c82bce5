// SPDX-License-Identifier: Apache-2.0
/*
 * Relocation sections: their shape is checked when the file is opened, their entries when they are
 * read. Sections are chained to the section they apply to, so that finding them for every section of
 * a file takes linear time.
 */
#include <assert.h>

#include "base/bytes.h"
#include "base/num.h"
#include "elf/internal.h"

/* 0 for a section that holds no relocations. */
static unsigned int entry_size(const struct elf_section *s)
{
	return s->type == ELF_SHT_REL ? REL_SIZE : s->type == ELF_SHT_RELA ? RELA_SIZE : 0;
}

static int check_shape(const struct elf *elf, const struct elf_section *s,
		       struct skep_error **reterr)
{
	unsigned int size = entry_size(s);

	if (s->entsize != size || s->size % size)
		return skep_fail(reterr, &ERR_RELTAB, SKEP_AT_ELF(elf->name, s->name, 0),
				 "%" PRIu64 " bytes in entries of %" PRIu64 " instead of %u",
				 s->size, s->entsize, size);
	if (s->info >= elf->nsections)
		return skep_fail(reterr, &ERR_RELTAB, SKEP_AT_ELF(elf->name, s->name, 0),
				 "it applies to section %u, there are %zu", s->info,
				 elf->nsections);
	if (s->info == s->index)
		return skep_fail(reterr, &ERR_RELTAB, SKEP_AT_ELF(elf->name, s->name, 0),
				 "it applies to itself");
	return 0;
}

int elf_index_rels(struct elf *elf, struct skep_error **reterr)
{
	int r;

	elf->rel_first = ARENA_ARRAY(&elf->arena, uint32_t, elf->nsections);
	elf->rel_next = ARENA_ARRAY(&elf->arena, uint32_t, elf->nsections);
	if (!elf->rel_first || !elf->rel_next)
		return skep_fail_nomem(reterr);
	for (size_t i = elf->nsections - 1; i > 0; i--) {
		const struct elf_section *s = &elf->sections[i];

		if (!entry_size(s))
			continue;
		r = check_shape(elf, s, reterr);
		if (r < 0)
			return r;
		elf->rel_next[i] = elf->rel_first[s->info];
		elf->rel_first[s->info] = s->index;
	}
	return 0;
}

const struct elf_section *elf_rel_section(const struct elf *elf, uint32_t index, uint32_t after)
{
	uint32_t i;

	if (!index || index >= elf->nsections || after >= elf->nsections)
		return NULL;
	if (after && entry_size(&elf->sections[after]) && elf->sections[after].info == index)
		i = elf->rel_next[after];
	else
		i = elf->rel_first[index];
	while (i && i <= after)
		i = elf->rel_next[i];
	return i ? &elf->sections[i] : NULL;
}

size_t elf_rel_count(const struct elf_section *rel)
{
	unsigned int size = entry_size(rel);

	return size ? rel->size / size : 0;
}

/* How many bytes from its offset on a relocation may touch; at least one for unknown types. */
static unsigned int rel_width(const struct elf *elf, uint32_t type)
{
	if (elf->machine != ELF_EM_BPF && elf->machine != 0)
		return 1;
	switch (type) {
#define REL(name, value, bytes) \
	case value:             \
		return bytes;
#include "elf/rels.def"
#undef REL
	default:
		return 1;
	}
}

int elf_rel_get(const struct elf *elf, const struct elf_section *rel, size_t i, struct elf_rel *ret,
		struct skep_error **reterr)
{
	unsigned int size = entry_size(rel);
	const struct elf_section *target;
	const uint8_t *p;
	struct elf_rel out;
	uint64_t info;

	assert(i < elf_rel_count(rel));
	p = rel->data + i * size;
	info = bytes_u64(p + 8, elf->swap);
	target = &elf->sections[rel->info];
	out.offset = bytes_u64(p, elf->swap);
	out.type = (uint32_t)info;
	out.symbol = (uint32_t)(info >> 32);
	out.addend = rel->type == ELF_SHT_RELA ? (int64_t)bytes_u64(p + 16, elf->swap) : 0;
	if (rel->link != elf->symtab || !rel->info)
		return skep_fail(reterr, &ERR_REL, SKEP_AT_ELF(elf->name, rel->name, i * size),
				 "relocation %zu has no symbol table or no section", i);
	if (out.symbol >= elf->nsymbols)
		return skep_fail(reterr, &ERR_REL, SKEP_AT_ELF(elf->name, rel->name, i * size),
				 "relocation %zu names symbol %u, there are %zu", i, out.symbol,
				 elf->nsymbols);
	if (!num_inside(out.offset, rel_width(elf, out.type), target->size))
		return skep_fail(reterr, &ERR_REL, SKEP_AT_ELF(elf->name, rel->name, i * size),
				 "relocation %zu changes offset %" PRIu64
				 " of '%s', which has %" PRIu64 " bytes",
				 i, out.offset, target->name, target->size);
	*ret = out;
	return 0;
}
