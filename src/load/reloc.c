// SPDX-License-Identifier: Apache-2.0
/*
 * What each instruction refers to: ELF relocations (kernel document bpf/llvm_reloc.rst), and the calls that the
 * compiler resolved itself because caller and callee share a section. A reference that no engine can
 * serve (an undefined symbol, a section with no meaning) makes its users unusable, not the object.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "load/internal.h"

#define SLOT sizeof(struct skep_insn)

struct site {
	struct loader *l;
	struct code *c;
	uint32_t code, insn;
	const struct elf_symbol *sym;
	const struct skep_insn *in;
};

static int misfit(const struct site *x, const struct err_def *def, struct skep_error **reterr,
		  const char *why)
{
	return skep_fail(reterr, def, at_section(x->l, x->c->section, (uint64_t)x->insn * SLOT),
			 "'%s' %s", x->sym ? x->sym->name : "instruction", why);
}

static int unusable(const struct site *x, struct ref *ref, struct skep_error **reterr,
		    const char *what)
{
	const struct elf *elf = &x->l->obj->elf;
	const char *section = x->sym->section && x->sym->section < elf->nsections ?
				      elf->sections[x->sym->section].name :
				      "";

	ref->kind = REF_NOTHING;
	ref->why = TEXT(x->l, "it refers to '%s', %s%s%s", x->sym->name, what,
			*section ? " in section " : "", section);
	return ref->why ? 0 : skep_fail_nomem(reterr);
}

/* A function at byte @at of section @code; those of nobody's code may lead anywhere. */
static int to_function(const struct site *x, uint32_t code, uint64_t at, enum ref_kind kind,
		       struct ref *ref, struct skep_error **reterr)
{
	const struct fn *f = at % SLOT ? NULL : fn_at(x->l, code, at / SLOT);

	if (!f)
		return skep_fail(reterr, &ERR_CALL_TARGET,
				 at_section(x->l, x->c->section, (uint64_t)x->insn * SLOT),
				 "it goes to byte %" PRId64 " of '%s'", (int64_t)at,
				 x->l->codes[code].section->name);
	ref->kind = kind;
	ref->index = f->use;
	return 0;
}

static int to_data(const struct site *x, uint32_t map, struct ref *ref, struct skep_error **reterr)
{
	const struct load_map *m = &x->l->obj->maps[map];
	int64_t off = (int64_t)x->sym->value + x->in->imm;
	uint32_t size = m->type == MAP_ARENA ? m->variables : m->value_size;

	if (x->sym->value > UINT32_MAX || off < 0 || off >= size)
		return skep_fail(reterr, &ERR_REL_TARGET,
				 at_section(x->l, x->c->section, (uint64_t)x->insn * SLOT),
				 "it goes to byte %" PRId64 " of '%s', which has %u", off, m->name,
				 size);
	*ref = (struct ref){ .insn = x->insn, .kind = REF_DATA, .index = map, .addend = off };
	return 0;
}

static int to_map(const struct site *x, struct ref *ref, struct skep_error **reterr)
{
	uint64_t at = x->sym->value + (uint64_t)(int64_t)x->in->imm;
	const struct map_place *p = map_place_at(x->l, at);

	if (!p || p->start != at)
		return misfit(x, &ERR_REL_TARGET, reterr, "is not the start of a map");
	ref->kind = REF_MAP;
	ref->index = p->map;
	return 0;
}

/* A symbol with a size is one jump table. */
static int to_table(const struct site *x, struct ref *ref, struct skep_error **reterr)
{
	if (x->in->imm || x->sym->value % 8 || x->sym->size % 8 || !x->sym->size ||
	    !num_inside(x->sym->value, x->sym->size, x->l->jump_tables->size))
		return misfit(x, &ERR_REL_TARGET, reterr, "is not a jump table");
	*ref = (struct ref){ .insn = x->insn,
			     .kind = REF_TABLE,
			     .index = (uint32_t)x->sym->value,
			     .addend = (int64_t)x->sym->size };
	return 0;
}

static int to_extern(const struct site *x, int32_t index, bool call, struct ref *ref,
		     struct skep_error **reterr)
{
	const struct load_extern *e;

	if (index < 0)
		return unusable(
			x, ref, reterr,
			"which is defined nowhere: link the objects, or declare it __ksym or __kconfig");
	e = &x->l->obj->externs[index];
	if (call && e->kind != LOAD_EXTERN_KFUNC)
		return misfit(x, &ERR_REL_INSN, reterr, "is called and is no function");
	if (!call && e->kind == LOAD_EXTERN_KCONFIG &&
	    (x->in->imm < 0 || (uint32_t)x->in->imm >= e->size))
		return misfit(x, &ERR_REL_TARGET, reterr, "is left behind by its offset");
	ref->kind = REF_EXTERN;
	ref->why = e->weak ? NULL : e->problem;
	ref->index = (uint32_t)index;
	ref->addend = call ? 0 : x->in->imm;
	return 0;
}

/* A wide load of an address. */
static int resolve_address(const struct site *x, uint32_t symbol, struct ref *ref,
			   struct skep_error **reterr)
{
	const struct loader *l = x->l;
	uint32_t s = x->sym->section;

	if (s == ELF_SHN_UNDEF)
		return to_extern(x, l->extern_of[symbol], false, ref, reterr);
	if (s >= l->obj->elf.nsections)
		return unusable(x, ref, reterr, "which has no place in memory");
	if (l->code_of[s] >= 0)
		return to_function(x, (uint32_t)l->code_of[s],
				   x->sym->value + (uint64_t)(int64_t)x->in->imm, REF_FUNC, ref,
				   reterr);
	if (l->maps_section && s == l->maps_section)
		return to_map(x, ref, reterr);
	if (l->jump_tables && s == l->jump_tables->index)
		return to_table(x, ref, reterr);
	if (l->map_of[s] >= 0)
		return to_data(x, (uint32_t)l->map_of[s], ref, reterr);
	return unusable(x, ref, reterr, "which is no data");
}

static int resolve_call(const struct site *x, uint32_t symbol, struct ref *ref,
			struct skep_error **reterr)
{
	const struct loader *l = x->l;
	uint32_t s = x->sym->section;

	if (s == ELF_SHN_UNDEF)
		return to_extern(x, l->extern_of[symbol], true, ref, reterr);
	if (s >= l->obj->elf.nsections || l->code_of[s] < 0)
		return misfit(x, &ERR_CALL_TARGET, reterr, "is no code");
	return to_function(x, (uint32_t)l->code_of[s],
			   x->sym->value + (uint64_t)(((int64_t)x->in->imm + 1) * (int64_t)SLOT),
			   REF_CALL, ref, reterr);
}

static int resolve(struct site *x, const struct elf_rel *rel, struct ref *ref,
		   struct skep_error **reterr)
{
	enum isa_op op = isa_decode(x->in, fn_left(x->l, x->code, x->insn));

	if (rel->addend)
		return misfit(x, &ERR_REL_TYPE, reterr, "has an addend of its own (RELA)");
	if (rel->type == ELF_R_BPF_64_64 && isa_is_wide_load(op))
		return resolve_address(x, rel->symbol, ref, reterr);
	if (rel->type == ELF_R_BPF_64_32 && isa_is_local_call(op))
		return resolve_call(x, rel->symbol, ref, reterr);
	if (rel->type != ELF_R_BPF_64_64 && rel->type != ELF_R_BPF_64_32) {
		const char *name = elf_rel_name(rel->type);

		return skep_fail(reterr, &ERR_REL_TYPE,
				 at_section(x->l, x->c->section, rel->offset), "type %u (%s)",
				 rel->type, name ? name : "unknown");
	}
	return misfit(x, &ERR_REL_INSN, reterr,
		      "needs a wide load for an address, or a local call for a function");
}

static int read_one(struct loader *l, uint32_t code, const struct elf_rel *rel,
		    struct skep_error **reterr)
{
	struct code *c = &l->codes[code];
	struct site x = { .l = l, .c = c, .code = code };
	struct ref *ref = &c->refs[c->nrefs];
	int r;

	x.sym = &l->obj->elf.symbols[rel->symbol];
	if (rel->offset % SLOT)
		return skep_fail(reterr, &ERR_REL_INSN, at_section(l, c->section, rel->offset),
				 "'%s' is put into the middle of an instruction", x.sym->name);
	x.insn = (uint32_t)(rel->offset / SLOT);
	x.in = &c->insns[x.insn];
	if (!fn_around(l, code, x.insn))
		return 0;
	*ref = (struct ref){ .insn = x.insn };
	r = resolve(&x, rel, ref, reterr);
	if (r == 0)
		c->nrefs++;
	return r;
}

static int by_insn(const void *a, const void *b)
{
	const struct ref *x = a, *y = b;

	return x->insn < y->insn ? -1 : x->insn > y->insn;
}

static int sort_refs(struct loader *l, struct code *c, struct skep_error **reterr)
{
	if (c->nrefs)
		qsort(c->refs, c->nrefs, sizeof(c->refs[0]), by_insn);
	for (uint32_t i = 1; i < c->nrefs; i++)
		if (c->refs[i].insn == c->refs[i - 1].insn)
			return skep_fail(
				reterr, &ERR_REL_TWICE,
				at_section(l, c->section, (uint64_t)c->refs[i].insn * SLOT),
				"instruction %u of '%s'", c->refs[i].insn, c->section->name);
	return 0;
}

/* Calls and function pointers without a relocation are relative to the next slot. */
static int read_local_calls(struct loader *l, uint32_t code, struct skep_error **reterr)
{
	struct code *c = &l->codes[code];
	uint32_t relocated = c->nrefs, next = 0;

	for (uint32_t i = 0; i < c->ninsns; i++) {
		struct site x = { .l = l, .c = c, .code = code, .insn = i, .in = &c->insns[i] };
		uint32_t left = fn_left(l, code, i);
		enum isa_op op = left ? isa_decode(x.in, left) : ISA_INVALID;
		bool wide = isa_is_wide_load(op);
		struct ref *ref = &c->refs[c->nrefs];
		int r;

		while (next < relocated && c->refs[next].insn < i)
			next++;
		if ((next == relocated || c->refs[next].insn != i) &&
		    (isa_is_local_call(op) || (wide && insn_src(x.in) == ISA_PSEUDO_FUNC))) {
			*ref = (struct ref){ .insn = i };
			r = to_function(&x, code,
					(uint64_t)(((int64_t)i + 1 + x.in->imm) * (int64_t)SLOT),
					wide ? REF_FUNC : REF_CALL, ref, reterr);
			if (r < 0)
				return r;
			c->nrefs++;
		}
		i += wide;
	}
	return 0;
}

static uint64_t count_refs(const struct loader *l, const struct code *c)
{
	const struct elf_section *rel = NULL;
	uint64_t n = 0;

	while ((rel = elf_rel_section(&l->obj->elf, c->section->index, rel ? rel->index : 0)))
		n += elf_rel_count(rel);
	return n + c->ninsns;
}

static int read_section(struct loader *l, uint32_t code, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;
	struct code *c = &l->codes[code];
	const struct elf_section *rel = NULL;
	struct elf_rel one;
	int r;

	c->refs = ARENA_ARRAY(&l->tmp, struct ref, count_refs(l, c));
	if (!c->refs)
		return skep_fail_nomem(reterr);
	while ((rel = elf_rel_section(elf, c->section->index, rel ? rel->index : 0))) {
		for (size_t i = 0; i < elf_rel_count(rel); i++) {
			r = elf_rel_get(elf, rel, i, &one, reterr);
			if (r == 0 && one.type != ELF_R_BPF_NONE)
				r = read_one(l, code, &one, reterr);
			if (r < 0)
				return r;
		}
	}
	r = sort_refs(l, c, reterr);
	if (r == 0)
		r = read_local_calls(l, code, reterr);
	return r < 0 ? r : sort_refs(l, c, reterr);
}

int refs_read(struct loader *l, struct skep_error **reterr)
{
	for (uint32_t i = 0; i < l->ncodes; i++) {
		int r = read_section(l, i, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}
