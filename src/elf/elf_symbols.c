// SPDX-License-Identifier: Apache-2.0
/*
 * The symbol table: at most one, every symbol copied to host order with its name and section
 * resolved. Section indices that do not fit 16 bits come from the SHT_SYMTAB_SHNDX section.
 */
#include "base/bytes.h"
#include "base/num.h"
#include "elf/internal.h"

struct symtab {
	const struct elf_section *table, *strings;
	const struct elf_section *xindex; /* NULL when there is none */
};

/* Finds the table and the sections that go with it; no table is fine. */
static int find_symtab(const struct elf *elf, struct symtab *ret, struct skep_error **reterr)
{
	*ret = (struct symtab){ 0 };
	for (size_t i = 1; i < elf->nsections; i++) {
		const struct elf_section *s = &elf->sections[i];

		if (s->type != ELF_SHT_SYMTAB)
			continue;
		if (ret->table)
			return skep_fail(reterr, &ERR_SYMTAB, SKEP_AT_ELF(elf->name, s->name, 0),
					 "sections %u and %zu both are one", ret->table->index, i);
		ret->table = s;
	}
	if (!ret->table)
		return 0;
	for (size_t i = 1; i < elf->nsections; i++) {
		const struct elf_section *s = &elf->sections[i];

		if (s->type == SHT_SYMTAB_SHNDX && s->link == ret->table->index)
			ret->xindex = s;
	}
	return 0;
}

static int check_symtab(const struct elf *elf, struct symtab *tab, struct skep_error **reterr)
{
	const struct elf_section *t = tab->table;
	int r;

	if (t->entsize != SYM_SIZE || t->size % SYM_SIZE)
		return skep_fail(reterr, &ERR_SYMTAB, SKEP_AT_ELF(elf->name, t->name, 0),
				 "%" PRIu64 " bytes in entries of %" PRIu64 " instead of %d",
				 t->size, t->entsize, SYM_SIZE);
	if (t->size / SYM_SIZE > UINT32_MAX)
		return skep_fail(reterr, &ERR_SYMTAB, SKEP_AT_ELF(elf->name, t->name, 0),
				 "%" PRIu64 " symbols", t->size / SYM_SIZE);
	if (tab->xindex && tab->xindex->size / 4 < t->size / SYM_SIZE)
		return skep_fail(reterr, &ERR_SYMTAB, SKEP_AT_ELF(elf->name, tab->xindex->name, 0),
				 "%" PRIu64 " section indices for %" PRIu64 " symbols",
				 tab->xindex->size / 4, t->size / SYM_SIZE);
	r = elf_check_strtab(elf, t, t->link, reterr);
	if (r < 0)
		return r;
	tab->strings = &elf->sections[t->link];
	return 0;
}

/* The section index of symbol @i from its 16-bit field; false for one that does not exist. */
static bool resolve_section(const struct elf *elf, const struct symtab *tab, size_t i, uint32_t raw,
			    uint32_t *ret)
{
	if (raw == SHN_FILE_ABS)
		*ret = ELF_SHN_ABS;
	else if (raw == SHN_FILE_COMMON)
		*ret = ELF_SHN_COMMON;
	else if (raw == SHN_XINDEX && tab->xindex)
		*ret = bytes_u32(tab->xindex->data + i * 4, elf->swap);
	else if (raw >= SHN_LORESERVE)
		return false;
	else
		*ret = raw;
	return *ret < elf->nsections || raw == SHN_FILE_ABS || raw == SHN_FILE_COMMON;
}

static int read_symbol(const struct elf *elf, const struct symtab *tab, size_t i,
		       struct elf_symbol *sym, struct skep_error **reterr)
{
	const uint8_t *p = tab->table->data + i * SYM_SIZE;
	uint32_t name = bytes_u32(p, elf->swap), raw = bytes_u16(p + 6, elf->swap);

	sym->name = elf_string(tab->strings, name);
	sym->bind = p[4] >> 4;
	sym->type = p[4] & 0xf;
	sym->visibility = p[5] & 3;
	sym->value = bytes_u64(p + 8, elf->swap);
	sym->size = bytes_u64(p + 16, elf->swap);
	if (!sym->name)
		return skep_fail(reterr, &ERR_NAME,
				 SKEP_AT_ELF(elf->name, tab->table->name, i * SYM_SIZE),
				 "symbol %zu has its name at %u of %" PRIu64 " bytes", i, name,
				 tab->strings->size);
	if (!resolve_section(elf, tab, i, raw, &sym->section))
		return skep_fail(reterr, &ERR_SYMBOL,
				 SKEP_AT_ELF(elf->name, tab->table->name, i * SYM_SIZE),
				 "symbol %zu '%s' lies in section 0x%x, there are %zu sections", i,
				 sym->name, raw, elf->nsections);
	if (sym->type == ELF_SECTION && sym->section < elf->nsections)
		sym->name = elf->sections[sym->section].name;
	return 0;
}

int elf_read_symbols(struct elf *elf, struct skep_error **reterr)
{
	struct symtab tab;
	int r;

	r = find_symtab(elf, &tab, reterr);
	if (r == 0 && tab.table)
		r = check_symtab(elf, &tab, reterr);
	if (r < 0)
		return r;
	elf->nsymbols = tab.table && tab.table->size ? tab.table->size / SYM_SIZE : 1;
	elf->symbols = ARENA_ARRAY(&elf->arena, struct elf_symbol, elf->nsymbols);
	if (!elf->symbols)
		return skep_fail_nomem(reterr);
	elf->symbols[0].name = "";
	if (tab.table)
		elf->symtab = tab.table->index;
	for (size_t i = 1; i < elf->nsymbols; i++) {
		r = read_symbol(elf, &tab, i, &elf->symbols[i], reterr);
		if (r < 0)
			return r;
	}
	return 0;
}
