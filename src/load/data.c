// SPDX-License-Identifier: Apache-2.0
/*
 * Global variables. Each data section is an array map of one value, its bytes. Clang leaves the sizes of
 * DATASECs, and the offsets in them, to the linker (kernel document bpf/btf.rst, section 2.2.15), and
 * no linker runs: they are taken from the ELF sections and symbols here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "load/internal.h"

static int place_one(struct loader *l, const struct elf_section *s, uint32_t id, uint32_t i,
		     struct skep_error **reterr)
{
	struct btf *btf = l->obj->btf;
	struct btf_secinfo var = btf_secinfo(btf, id, i);
	const char *name = btf_name(btf, var.type);
	const struct elf_symbol *sym;
	uint64_t off = var.offset, size = var.size;

	if (btf_kind(btf, var.type) != BTF_VAR || btf_linkage(btf, var.type) == BTF_EXTERN)
		return 0;
	sym = var_find(l, s->index, name);
	if (sym)
		off = sym->value;
	if (!size)
		size = btf_size(btf, var.type);
	if (!num_inside(off, size, s->size))
		return skep_fail(reterr, &ERR_VARIABLE, at_section(l, s, off),
				 "'%.128s' has %" PRIu64 " bytes at %" PRIu64
				 ", the section has %" PRIu64,
				 name, size, off, s->size);
	btf_set_secinfo(btf, id, i, (uint32_t)off, (uint32_t)size);
	return 0;
}

int data_place_variables(struct loader *l, struct skep_error **reterr)
{
	struct btf *btf = l->obj->btf;
	uint32_t count = btf ? btf_count(btf) : 0;

	for (uint32_t id = 1; id < count; id++) {
		const struct elf_section *s;

		if (btf_kind(btf, id) != BTF_DATASEC)
			continue;
		s = section_find(l, btf_name(btf, id));
		if (!s)
			continue;
		if (s->size > UINT32_MAX)
			return skep_fail(reterr, &ERR_DATA, at_section(l, s, 0),
					 "it has %" PRIu64 " bytes, more than 4 GiB", s->size);
		btf_set_datasec_size(btf, id, (uint32_t)s->size);
		for (uint32_t i = 0; i < btf_vlen(btf, id); i++) {
			int r = place_one(l, s, id, i, reterr);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* false: no data section. */
static bool data_kind(const char *name, enum load_map_kind *ret)
{
	if (name_is(name, ".data"))
		*ret = LOAD_MAP_DATA;
	else if (name_is(name, ".rodata"))
		*ret = LOAD_MAP_RODATA;
	else if (name_is(name, ".bss"))
		*ret = LOAD_MAP_BSS;
	else
		return false;
	return true;
}

static uint32_t count_pointers(const struct loader *l, uint32_t section)
{
	const struct elf_section *rel = NULL;
	uint64_t n = 0;

	while ((rel = elf_rel_section(&l->obj->elf, section, rel ? rel->index : 0)))
		n += elf_rel_count(rel);
	return (uint32_t)num_min(n, UINT32_MAX);
}

static int add_data_map(struct loader *l, const struct elf_section *s, enum load_map_kind kind,
			struct skep_error **reterr)
{
	struct load_map *m;

	if (s->size > UINT32_MAX)
		return skep_fail(reterr, &ERR_DATA, at_section(l, s, 0),
				 "it has %" PRIu64 " bytes, more than 4 GiB", s->size);
	if (s->flags & ELF_SHF_COMPRESSED)
		return skep_fail(reterr, &ERR_DATA, at_section(l, s, 0), "it is compressed");
	l->map_of[s->index] = (int32_t)l->obj->nmaps;
	m = map_add(l, s->name, kind);
	m->type = MAP_ARRAY;
	m->key_size = 4;
	m->value_size = (uint32_t)s->size;
	m->max_entries = 1;
	m->flags = MAP_F_MMAPABLE | (kind == LOAD_MAP_RODATA ? MAP_F_RDONLY_PROG : 0);
	m->data = s->data;
	m->section = s->name;
	m->unfilled = count_pointers(l, s->index);
	if (l->obj->btf)
		m->value_type = btf_find(l->obj->btf, s->name, BTF_DATASEC, 0);
	return 0;
}

/* Variables in the address space of an arena lie in the object's arena. */
static int add_arena_data(struct loader *l, const struct elf_section *s, struct skep_error **reterr)
{
	for (uint32_t i = 0; i < l->obj->nmaps; i++) {
		struct load_map *m = &l->obj->maps[i];

		if (m->type != MAP_ARENA || m->kind != LOAD_MAP_USER)
			continue;
		if (s->size > (uint64_t)m->max_entries * ARENA_PAGE)
			return skep_fail(reterr, &ERR_DATA, at_section(l, s, 0),
					 "it has %" PRIu64 " bytes, the arena '%s' has %u pages",
					 s->size, m->name, m->max_entries);
		l->map_of[s->index] = (int32_t)i;
		m->data = s->data;
		m->variables = (uint32_t)s->size;
		return 0;
	}
	return skep_fail(reterr, &ERR_DATA, at_section(l, s, 0),
			 "its variables lie in an arena, and no map is one");
}

int data_maps(struct loader *l, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;
	enum load_map_kind kind;

	for (size_t i = 1; i < elf->nsections; i++) {
		const struct elf_section *s = &elf->sections[i];
		int r = 0;

		if (!s->size || l->code_of[i] >= 0 ||
		    (s->type != ELF_SHT_PROGBITS && s->type != ELF_SHT_NOBITS))
			continue;
		if (!strcmp(s->name, ".addr_space.1"))
			r = add_arena_data(l, s, reterr);
		else if (data_kind(s->name, &kind))
			r = add_data_map(l, s, kind, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Each variable of a struct_ops section is a map that only the kernel can fill. */
int struct_ops_maps(struct loader *l, struct skep_error **reterr)
{
	static const char *const names[] = { ".struct_ops", ".struct_ops.link" };
	const struct btf *btf = l->obj->btf;

	(void)reterr;
	for (size_t k = 0; btf && k < ARRAY_SIZE(names); k++) {
		const struct elf_section *s = section_find(l, names[k]);
		uint32_t id = s ? btf_find(btf, names[k], BTF_DATASEC, 0) : 0;

		for (uint32_t i = 0; id && i < btf_vlen(btf, id); i++) {
			struct btf_secinfo var = btf_secinfo(btf, id, i);
			struct load_map *m =
				map_add(l, btf_name(btf, var.type), LOAD_MAP_STRUCT_OPS);

			m->type = MAP_STRUCT_OPS;
			m->key_size = 4;
			m->value_size = var.size;
			m->value_type = btf_strip_all(btf, btf_ref_type(btf, var.type));
			m->max_entries = 1;
			m->section = s->name;
			m->unusable = "struct_ops: it replaces operations of the kernel itself";
		}
	}
	return 0;
}
