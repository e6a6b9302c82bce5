// SPDX-License-Identifier: Apache-2.0
/*
 * Initial slots: relocations of .maps put the addresses of maps or programs into the `values` of a
 * declaration, 8 bytes a slot. They become (index, target) pairs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "load/internal.h"

struct slot_rel {
	const struct map_place *place;
	struct load_slot slot;
};

static int refuse(const struct loader *l, const struct map_place *p, struct skep_error **reterr,
		  uint64_t index, const char *name, const char *why)
{
	return skep_fail(reterr, &ERR_MAP_SLOT,
			 SKEP_AT_MAP(l->obj->name, l->obj->maps[p->map].name),
			 "slot %" PRIu64 ": '%s' %s", index, name, why);
}

/* Where the symbol of a relocation points to in its section. */
static uint64_t pointed(const struct loader *l, const struct elf_section *s,
			const struct elf_rel *rel, const struct elf_symbol *sym)
{
	uint64_t addend = (uint64_t)rel->addend;

	if (!addend && s->data && rel->type == ELF_R_BPF_64_ABS64)
		addend = bytes_u64(s->data + rel->offset, l->obj->elf.swap);
	return sym->value + addend;
}

static int find_target(struct loader *l, const struct elf_section *s, const struct elf_rel *rel,
		       struct slot_rel *out, struct skep_error **reterr)
{
	const struct elf_symbol *sym = &l->obj->elf.symbols[rel->symbol];
	const struct map_place *p = out->place, *to;
	bool progs = l->obj->maps[p->map].type == MAP_PROG_ARRAY;
	uint64_t at = pointed(l, s, rel, sym);
	const struct fn *f;

	if (progs) {
		if (sym->section >= l->obj->elf.nsections || l->code_of[sym->section] < 0)
			return refuse(l, p, reterr, out->slot.index, sym->name, "is no program");
		f = at % 8 ? NULL : fn_at(l, (uint32_t)l->code_of[sym->section], at / 8);
		if (!f || l->fns[f->use].prog < 0)
			return refuse(
				l, p, reterr, out->slot.index, sym->name,
				"is no program: it must be a global function in a section of its type");
		out->slot.target = l->fns[f->use].prog;
		return 0;
	}
	if (sym->section != l->maps_section)
		return refuse(l, p, reterr, out->slot.index, sym->name, "is no map");
	to = map_place_at(l, at);
	if (!to || to->start != at)
		return refuse(l, p, reterr, out->slot.index, sym->name,
			      "does not name the start of a map");
	out->slot.target = (int)to->map;
	return 0;
}

static int read_slot(struct loader *l, const struct elf_section *s, const struct elf_rel *rel,
		     struct slot_rel *out, struct skep_error **reterr)
{
	const struct map_place *p = map_place_at(l, rel->offset);
	const char *name = l->obj->elf.symbols[rel->symbol].name;
	const struct load_map *m;
	uint64_t at;

	if (!p || !p->values || rel->offset - p->start < p->values)
		return skep_fail(reterr, &ERR_MAP_SLOT, at_section(l, s, rel->offset),
				 "'%s' is put where no map has 'values'", name);
	m = &l->obj->maps[p->map];
	at = rel->offset - p->start - p->values;
	out->place = p;
	if (at % 8)
		return refuse(l, p, reterr, at / 8, name, "lies between two slots");
	if (at / 8 >= m->max_entries) {
		skep_fail(reterr, &ERR_MAP_SLOT, SKEP_AT_MAP(l->obj->name, m->name),
			  "slot %" PRIu64 ", and max_entries is %u", at / 8, m->max_entries);
		skep_hint(reterr, "raise max_entries");
		return -ERR_MAP_SLOT.code;
	}
	out->slot.index = (uint32_t)(at / 8);
	return find_target(l, s, rel, out, reterr);
}

static int by_map(const void *a, const void *b)
{
	const struct slot_rel *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->slot.index < y->slot.index ? -1 : x->slot.index > y->slot.index;
}

static int give_to_maps(struct loader *l, struct slot_rel *rels, size_t n,
			struct skep_error **reterr)
{
	struct load_slot *slots = ARENA_ARRAY(&l->obj->arena, struct load_slot, n);

	if (!slots)
		return skep_fail_nomem(reterr);
	if (n)
		qsort(rels, n, sizeof(rels[0]), by_map);
	for (size_t i = 0; i < n; i++) {
		struct load_map *m = &l->obj->maps[rels[i].place->map];

		if (m->nslots && m->slots[m->nslots - 1].index == rels[i].slot.index)
			return skep_fail(reterr, &ERR_MAP_SLOT, SKEP_AT_MAP(l->obj->name, m->name),
					 "slot %u is filled twice", rels[i].slot.index);
		slots[i] = rels[i].slot;
		if (!m->nslots++)
			m->slots = &slots[i];
	}
	return 0;
}

int maps_fill_slots(struct loader *l, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;
	const struct elf_section *rel = NULL;
	struct slot_rel *rels;
	size_t n = 0, room = 0;
	struct elf_rel one;
	int r;

	if (!l->maps_section)
		return 0;
	while ((rel = elf_rel_section(elf, l->maps_section, rel ? rel->index : 0)))
		room += elf_rel_count(rel);
	rels = ARENA_ARRAY(&l->tmp, struct slot_rel, room);
	if (!rels)
		return skep_fail_nomem(reterr);
	while ((rel = elf_rel_section(elf, l->maps_section, rel ? rel->index : 0))) {
		for (size_t i = 0; i < elf_rel_count(rel); i++) {
			r = elf_rel_get(elf, rel, i, &one, reterr);
			if (r < 0)
				return r;
			if (one.type == ELF_R_BPF_NONE)
				continue;
			if (one.type != ELF_R_BPF_64_ABS64)
				return skep_fail(reterr, &ERR_REL_TYPE, at_section(l, rel, i * 16),
						 "type %u in '.maps'", one.type);
			r = read_slot(l, &elf->sections[l->maps_section], &one, &rels[n++], reterr);
			if (r < 0)
				return r;
		}
	}
	return give_to_maps(l, rels, n, reterr);
}
