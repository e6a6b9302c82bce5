// SPDX-License-Identifier: Apache-2.0
/*
 * A bare program out of an ELF object: the function asked for and, appended once each, the functions it reaches by
 * local calls. Objects of this form come without BTF and maps, so the loader's rules for section names do not apply.
 */
#include "lib/vm_elf.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lib/internal.h"

#define MAX_FUNCS 256
#define MAX_INSNS 1000000

struct placed {
	uint32_t section;
	uint64_t offset, size; /* bytes in the section */
	size_t start;	       /* in the program */
};

struct gather {
	struct elf elf;
	struct placed funcs[MAX_FUNCS];
	size_t nfuncs;
	struct skep_insn *insns;
	size_t n;
};

static const struct elf_symbol *find_func(const struct elf *elf, const char *name)
{
	const struct elf_symbol *first = NULL;

	for (size_t i = 1; i < elf->nsymbols; i++) {
		const struct elf_symbol *s = &elf->symbols[i];

		if (s->type != ELF_FUNC || s->section == ELF_SHN_UNDEF ||
		    s->section >= elf->nsections)
			continue;
		if (strcmp(s->name, name ? name : "main") == 0)
			return s;
		if (!first)
			first = s;
	}
	return name ? NULL : first;
}

/* The end of the function that starts at @offset: its symbol's, or the section's. */
static uint64_t func_size(const struct elf *elf, uint32_t section, uint64_t offset)
{
	for (size_t i = 1; i < elf->nsymbols; i++) {
		const struct elf_symbol *s = &elf->symbols[i];

		if (s->type == ELF_FUNC && s->section == section && s->value == offset && s->size)
			return s->size;
	}
	return elf->sections[section].size - offset;
}

static int copy_func(struct gather *g, struct placed *f, struct skep_error **reterr)
{
	const struct elf_section *sec = &g->elf.sections[f->section];
	size_t n = f->size / sizeof(struct skep_insn);
	struct skep_insn *grown;

	if (!sec->data || f->size % sizeof(struct skep_insn) ||
	    f->offset % sizeof(struct skep_insn) || f->offset > sec->size ||
	    f->size > sec->size - f->offset || !n || n > MAX_INSNS - g->n)
		return skep_fail(reterr, &ERR_NO_FUNC,
				 SKEP_AT_ELF(g->elf.name, sec->name, f->offset),
				 "a function of %llu bytes does not lie in its section",
				 (unsigned long long)f->size);
	grown = realloc(g->insns, (g->n + n) * sizeof(*grown));
	if (!grown)
		return skep_fail_nomem(reterr);
	g->insns = grown;
	f->start = g->n;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = sec->data + f->offset + i * sizeof(struct skep_insn);
		struct skep_insn *in = &g->insns[g->n++];

		in->code = p[0];
		in->regs = g->elf.big_endian ? (uint8_t)(p[1] << 4 | p[1] >> 4) : p[1];
		in->off = (int16_t)bytes_u16(p + 2, g->elf.swap);
		in->imm = (int32_t)bytes_u32(p + 4, g->elf.swap);
	}
	return 0;
}

/* Where a local call at byte @at of @section goes: by its relocation, else relative. */
static int call_target(const struct gather *g, uint32_t section, uint64_t at, int32_t imm,
		       uint32_t *ret_section, uint64_t *ret_offset, struct skep_error **reterr)
{
	const struct elf_section *rel = NULL;

	while ((rel = elf_rel_section(&g->elf, section, rel ? rel->index : 0)))
		for (size_t i = 0; i < elf_rel_count(rel); i++) {
			const struct elf_symbol *sym;
			struct elf_rel r;

			if (elf_rel_get(&g->elf, rel, i, &r, NULL) < 0 || r.offset != at)
				continue;
			sym = &g->elf.symbols[r.symbol];
			if (sym->section == ELF_SHN_UNDEF || sym->section >= g->elf.nsections)
				return skep_fail(reterr, &ERR_VM_MAPS,
						 SKEP_AT_ELF(g->elf.name,
							     g->elf.sections[section].name, at),
						 "'%s' is not in the object", sym->name);
			*ret_section = sym->section;
			*ret_offset = sym->value;
			if (sym->type == ELF_SECTION)
				*ret_offset += ((uint64_t)(int64_t)imm + 1) * 8;
			return 0;
		}
	*ret_section = section;
	*ret_offset = at + ((uint64_t)(int64_t)imm + 1) * 8;
	return 0;
}

/* A relocation that no local call explains: a map, data or an extern, which a bare program has not. */
static int refuse_relocs(const struct gather *g, const struct placed *f, struct skep_error **reterr)
{
	const struct elf_section *sec = &g->elf.sections[f->section], *rel = NULL;
	struct elf_rel r;

	while ((rel = elf_rel_section(&g->elf, f->section, rel ? rel->index : 0)))
		for (size_t i = 0; i < elf_rel_count(rel); i++) {
			size_t at;

			if (elf_rel_get(&g->elf, rel, i, &r, NULL) < 0 || r.offset < f->offset ||
			    r.offset - f->offset >= f->size)
				continue;
			at = f->start + (r.offset - f->offset) / sizeof(struct skep_insn);
			if (isa_is_local_call(isa_decode(&g->insns[at], g->n - at)))
				continue;
			return skep_fail(reterr, &ERR_VM_MAPS,
					 SKEP_AT_ELF(g->elf.name, sec->name, r.offset), "'%s'",
					 g->elf.symbols[r.symbol].name);
		}
	return 0;
}

static int place(struct gather *g, uint32_t section, uint64_t offset, struct placed **ret,
		 struct skep_error **reterr)
{
	struct placed *f;
	int r;

	for (size_t i = 0; i < g->nfuncs; i++)
		if (g->funcs[i].section == section && g->funcs[i].offset == offset) {
			*ret = &g->funcs[i];
			return 0;
		}
	if (g->nfuncs == MAX_FUNCS || section >= g->elf.nsections ||
	    offset >= g->elf.sections[section].size)
		return skep_fail(reterr, &ERR_NO_FUNC, SKEP_AT_FILE(g->elf.name, offset),
				 "a call leaves the section, or there are more than %d functions",
				 MAX_FUNCS);
	f = &g->funcs[g->nfuncs++];
	*f = (struct placed){ section, offset, func_size(&g->elf, section, offset), 0 };
	*ret = f;
	r = copy_func(g, f, reterr);
	return r < 0 ? r : refuse_relocs(g, f, reterr);
}

static int resolve_calls(struct gather *g, struct skep_error **reterr)
{
	for (size_t k = 0; k < g->nfuncs; k++) {
		size_t n = g->funcs[k].size / sizeof(struct skep_insn);

		for (size_t i = 0; i < n; i++) {
			struct placed from = g->funcs[k], *to;
			size_t at = from.start + i;
			enum isa_op op = isa_decode(&g->insns[at], g->n - at);
			uint32_t section = 0;
			uint64_t offset = 0;
			int r;

			if (isa_is_wide_load(op))
				i++;
			if (!isa_is_local_call(op))
				continue;
			r = call_target(g, from.section, from.offset + i * 8, g->insns[at].imm,
					&section, &offset, reterr);
			if (r == 0)
				r = place(g, section, offset, &to, reterr);
			if (r < 0)
				return r;
			g->insns[at].imm = (int32_t)((int64_t)to->start - (int64_t)at - 1);
		}
	}
	return 0;
}

static int gather_all(struct gather *g, const char *func, struct skep_error **reterr)
{
	const struct elf_symbol *sym;
	struct placed *entry;
	int r = elf_check_bpf(&g->elf, reterr);

	if (r < 0)
		return r;
	sym = find_func(&g->elf, func);
	if (!sym)
		return skep_fail(reterr, &ERR_NO_FUNC, SKEP_AT_FILE(g->elf.name, 0), "'%s'",
				 func ? func : "main");
	r = place(g, sym->section, sym->value, &entry, reterr);
	return r < 0 ? r : resolve_calls(g, reterr);
}

int vm_elf_read(const void *data, size_t size, const char *name, const char *func,
		struct skep_insn **ret_insns, size_t *ret_n, struct skep_error **reterr)
{
	struct gather *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return skep_fail_nomem(reterr);
	r = elf_open(&g->elf, data, size, name, reterr);
	if (r < 0) {
		free(g);
		return r;
	}
	r = gather_all(g, func, reterr);
	if (r == 0) {
		*ret_insns = g->insns;
		*ret_n = g->n;
	} else {
		free(g->insns);
	}
	elf_close(&g->elf);
	free(g);
	return r;
}
