// SPDX-License-Identifier: Apache-2.0
/*
 * Sections and variables by name, sorted once. A name that means something to the loader (of data, of
 * .maps) may stand once only: BTF and relocations could not tell two of them apart.
 */
#include <stdlib.h>
#include <string.h>

#include "load/internal.h"

bool name_is(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(name, prefix, n) && (!name[n] || name[n] == '.');
}

struct skep_place at_section(const struct loader *l, const struct elf_section *s, uint64_t off)
{
	return SKEP_AT_ELF(l->obj->name, s->name, off);
}

static int by_section_name(const void *a, const void *b)
{
	const struct elf_section *const *x = a, *const *y = b;
	int r = strcmp((*x)->name, (*y)->name);

	return r ? r : (*x)->index < (*y)->index ? -1 : 1;
}

static int compare_var(uint32_t section, const char *name, const struct elf_symbol *s)
{
	return section != s->section ? (section < s->section ? -1 : 1) : strcmp(name, s->name);
}

static int by_var(const void *a, const void *b)
{
	const struct elf_symbol *const *x = a, *const *y = b;

	return compare_var((*x)->section, (*x)->name, *y);
}

static bool must_be_single(const char *name)
{
	return name_is(name, ".data") || name_is(name, ".rodata") || name_is(name, ".bss") ||
	       !strcmp(name, ".maps") || !strcmp(name, "license");
}

static int sort_sections(struct loader *l, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;

	l->sections = ARENA_ARRAY(&l->tmp, const struct elf_section *, elf->nsections);
	if (!l->sections)
		return skep_fail_nomem(reterr);
	for (size_t i = 1; i < elf->nsections; i++) {
		const struct elf_section *s = &elf->sections[i];

		if (strnlen(s->name, MAX_NAME + 1) > MAX_NAME)
			return skep_fail(reterr, &ERR_NAME_LONG, SKEP_AT_ELF(l->obj->name, "", 0),
					 "section %zu, '%.32s...', has more than %d characters", i,
					 s->name, MAX_NAME);
		l->sections[l->nsections++] = s;
	}
	if (l->nsections)
		qsort(l->sections, l->nsections, sizeof(l->sections[0]), by_section_name);
	for (size_t i = 1; i < l->nsections; i++)
		if (must_be_single(l->sections[i]->name) &&
		    !strcmp(l->sections[i - 1]->name, l->sections[i]->name))
			return skep_fail(reterr, &ERR_SECTION_TWICE,
					 at_section(l, l->sections[i], 0),
					 "'%s' is the name of sections %u and %u",
					 l->sections[i]->name, l->sections[i - 1]->index,
					 l->sections[i]->index);
	return 0;
}

static int sort_vars(struct loader *l, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;

	l->vars = ARENA_ARRAY(&l->tmp, const struct elf_symbol *, elf->nsymbols);
	if (!l->vars)
		return skep_fail_nomem(reterr);
	for (size_t i = 1; i < elf->nsymbols; i++) {
		const struct elf_symbol *s = &elf->symbols[i];

		if (s->type == ELF_SECTION || s->type == ELF_FILE || !*s->name)
			continue;
		if (strnlen(s->name, MAX_NAME + 1) > MAX_NAME)
			return skep_fail(reterr, &ERR_NAME_LONG, SKEP_AT_ELF(l->obj->name, "", 0),
					 "symbol %zu, '%.32s...', has more than %d characters", i,
					 s->name, MAX_NAME);
		if (s->type != ELF_FUNC && s->section && s->section < elf->nsections)
			l->vars[l->nvars++] = s;
	}
	if (l->nvars)
		qsort(l->vars, l->nvars, sizeof(l->vars[0]), by_var);
	return 0;
}

static int refuse_legacy(struct loader *l, struct skep_error **reterr)
{
	const struct elf_section *s = section_find(l, "maps");

	if (!s)
		return 0;
	skep_fail(reterr, &ERR_LEGACY_MAPS, at_section(l, s, 0),
		  "'struct bpf_map_def SEC(\"maps\")' says nothing about types of keys and values");
	skep_need(reterr, "maps that are declared in the section '.maps'");
	skep_hint(reterr,
		  "write: struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1024); "
		  "__type(key, __u32); __type(value, __u64); } counts SEC(\".maps\");");
	return -ERR_LEGACY_MAPS.code;
}

int sections_index(struct loader *l, struct skep_error **reterr)
{
	int r = sort_sections(l, reterr);

	if (r == 0)
		r = sort_vars(l, reterr);
	if (r == 0) {
		l->jump_tables = section_find(l, ".jumptables");
		if (l->jump_tables &&
		    (l->jump_tables->type != ELF_SHT_PROGBITS || l->jump_tables->size > UINT32_MAX))
			l->jump_tables = NULL;
		r = refuse_legacy(l, reterr);
	}
	return r;
}

const struct elf_section *section_find(const struct loader *l, const char *name)
{
	size_t low = 0, high = l->nsections;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(l->sections[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->nsections && !strcmp(l->sections[low]->name, name) ? l->sections[low] :
									     NULL;
}

const struct elf_symbol *var_find(const struct loader *l, uint32_t section, const char *name)
{
	size_t low = 0, high = l->nvars;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = compare_var(section, name, l->vars[mid]);

		if (!r)
			return l->vars[mid];
		if (r > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}
