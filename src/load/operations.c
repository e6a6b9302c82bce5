// SPDX-License-Identifier: Apache-2.0
/*
 * Which operation a struct_ops program is: the variable of a struct_ops section that has the program's address in a member says so. A
 * program that none has is for no operation.
 */
#include <string.h>

#include "base/bytes.h"
#include "load/internal.h"

/* The variable of a section's DATASEC that holds byte @off; its struct, and where it starts. */
static uint32_t variable_at(const struct btf *b, const char *section, uint64_t off, uint32_t *start)
{
	uint32_t id = btf_find(b, section, BTF_DATASEC, 0);

	for (uint32_t i = 0; id && i < btf_vlen(b, id); i++) {
		struct btf_secinfo s = btf_secinfo(b, id, i);

		if (off < s.offset || off - s.offset >= s.size)
			continue;
		*start = s.offset;
		return btf_strip_all(b, btf_ref_type(b, s.type));
	}
	return 0;
}

static const char *member_at(const struct btf *b, uint32_t type, uint64_t off)
{
	for (uint32_t i = 0; btf_kind(b, type) == BTF_STRUCT && i < btf_vlen(b, type); i++) {
		struct btf_member m = btf_member(b, type, i);

		if (m.bit_off == off * 8 && m.name)
			return m.name;
	}
	return NULL;
}

static void one(struct loader *l, const struct elf_section *s, const struct elf_rel *rel)
{
	const struct elf_symbol *sym = &l->obj->elf.symbols[rel->symbol];
	const struct btf *b = l->obj->btf;
	uint64_t at = sym->value + (uint64_t)rel->addend;
	struct load_prog *p;
	uint32_t start = 0, type;
	const struct fn *f;

	if (sym->section >= l->obj->elf.nsections || l->code_of[sym->section] < 0)
		return;
	if (!rel->addend && s->data && rel->offset + 8 <= s->size)
		at += bytes_u64(s->data + rel->offset, l->obj->elf.swap);
	f = at % 8 ? NULL : fn_at(l, (uint32_t)l->code_of[sym->section], at / 8);
	if (!f || l->fns[f->use].prog < 0)
		return;
	p = &l->obj->progs[l->fns[f->use].prog];
	type = variable_at(b, s->name, rel->offset, &start);
	if (!type || p->member)
		return;
	p->member = member_at(b, type, rel->offset - start);
	p->ops = p->member ? btf_name(b, type) : NULL;
}

int struct_ops_progs(struct loader *l, struct skep_error **reterr)
{
	static const char *const names[] = { ".struct_ops", ".struct_ops.link", "?.struct_ops",
					     "?.struct_ops.link" };
	const struct elf *elf = &l->obj->elf;

	for (size_t k = 0; l->obj->btf && k < sizeof(names) / sizeof(names[0]); k++) {
		const struct elf_section *s = section_find(l, names[k]), *rel = NULL;

		while (s && (rel = elf_rel_section(elf, s->index, rel ? rel->index : 0)))
			for (size_t i = 0; i < elf_rel_count(rel); i++) {
				struct elf_rel r;
				int err = elf_rel_get(elf, rel, i, &r, reterr);

				if (err < 0)
					return err;
				if (r.type == ELF_R_BPF_64_ABS64)
					one(l, s, &r);
			}
	}
	return 0;
}
