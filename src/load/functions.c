// SPDX-License-Identifier: Apache-2.0
/*
 * Code sections in host byte order, and the functions in them. A function is an STT_FUNC symbol;
 * several symbols of one range are one function, the global one names it. A section may hold bytes of no
 * function (what a static linker left of overridden weak ones): nobody can reach them.
 *
 * A weak function gives way to a strong one of its name, the second of two weak ones to the first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "load/internal.h"

#define SLOT sizeof(struct skep_insn)
#define VISIBILITY_INTERNAL 1
#define VISIBILITY_HIDDEN 2

static bool is_code(const struct elf_section *s)
{
	return s->type == ELF_SHT_PROGBITS && (s->flags & ELF_SHF_EXECINSTR) && s->size;
}

static struct skep_insn read_insn(const uint8_t *p, bool swap, bool big_endian)
{
	uint8_t regs = p[1];

	return (struct skep_insn){
		.code = p[0],
		.regs = big_endian ? (uint8_t)(regs << 4 | regs >> 4) : regs,
		.off = (int16_t)bytes_u16(p + 2, swap),
		.imm = (int32_t)bytes_u32(p + 4, swap),
	};
}

static int read_code(struct loader *l, const struct elf_section *s, struct code *c,
		     struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;

	if (s->size % SLOT || s->size / SLOT > UINT32_MAX)
		return skep_fail(reterr, &ERR_CODE_SIZE, at_section(l, s, s->size & ~(SLOT - 1)),
				 "'%s' has %" PRIu64 " bytes, instructions have 8", s->name,
				 s->size);
	c->section = s;
	c->ninsns = (uint32_t)(s->size / SLOT);
	c->insns = ARENA_ARRAY(&l->tmp, struct skep_insn, c->ninsns);
	if (!c->insns)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < c->ninsns; i++)
		c->insns[i] = read_insn(s->data + i * SLOT, elf->swap, elf->big_endian);
	return 0;
}

static int read_codes(struct loader *l, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;
	uint32_t n = 0;
	int r;

	l->code_of = ARENA_ARRAY(&l->tmp, int32_t, elf->nsections);
	if (!l->code_of)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < elf->nsections; i++)
		n += is_code(&elf->sections[i]);
	l->codes = ARENA_ARRAY(&l->tmp, struct code, n);
	if (!l->codes)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < elf->nsections; i++) {
		l->code_of[i] = -1;
		if (!is_code(&elf->sections[i]))
			continue;
		l->code_of[i] = (int32_t)l->ncodes;
		r = read_code(l, &elf->sections[i], &l->codes[l->ncodes++], reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Functions by place; of those of one place the longest, then the one that is not local, comes first. */
static int by_place(const void *a, const void *b)
{
	const struct fn *x = a, *y = b;

	if (x->code != y->code)
		return x->code < y->code ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	if (x->local != y->local)
		return x->local ? 1 : -1;
	if (x->weak != y->weak)
		return x->weak ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int read_function(struct loader *l, const struct elf_symbol *s, struct skep_error **reterr)
{
	uint32_t index = (uint32_t)l->code_of[s->section];
	const struct code *c = &l->codes[index];
	struct fn *f = &l->fns[l->nfns++];

	if (!s->size || s->value % SLOT || s->size % SLOT ||
	    !num_inside(s->value, s->size, c->section->size))
		return skep_fail(reterr, &ERR_FUNC_RANGE, at_section(l, c->section, s->value),
				 "'%s' has %" PRIu64 " bytes at %" PRIu64
				 ", the section has %" PRIu64
				 ": functions are one or more whole instructions of 8 bytes",
				 s->name, s->size, s->value, c->section->size);
	*f = (struct fn){ .name = s->name,
			  .code = index,
			  .start = (uint32_t)(s->value / SLOT),
			  .len = (uint32_t)(s->size / SLOT),
			  .prog = -1,
			  .local = s->bind == ELF_LOCAL,
			  .weak = s->bind == ELF_WEAK };
	f->global = !f->local && s->visibility != VISIBILITY_HIDDEN &&
		    s->visibility != VISIBILITY_INTERNAL;
	return 0;
}

/* Several symbols of one range become one; everything else that overlaps is an error. */
static int merge_functions(struct loader *l, struct skep_error **reterr)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->nfns; i++) {
		const struct fn *f = &l->fns[i], *last = n ? &l->fns[n - 1] : NULL;

		if (!last || last->code != f->code || last->start + last->len <= f->start) {
			l->fns[n++] = *f;
			continue;
		}
		if (last->start == f->start && last->len == f->len)
			continue;
		return skep_fail(reterr, &ERR_FUNC_OVERLAP,
				 at_section(l, l->codes[f->code].section,
					    (uint64_t)f->start * SLOT),
				 "'%s' starts inside '%s', which has %u instructions from %u on",
				 f->name, last->name, last->len, last->start);
	}
	l->nfns = n;
	for (uint32_t i = 0; i < n; i++) {
		struct code *c = &l->codes[l->fns[i].code];

		if (!c->nfns++)
			c->first = i;
	}
	return 0;
}

static int by_fn_name(const void *a, const void *b)
{
	const struct fn *const *x = a, *const *y = b;
	int r = strcmp((*x)->name, (*y)->name);

	if (r)
		return r;
	if ((*x)->weak != (*y)->weak)
		return (*x)->weak ? 1 : -1;
	return *x < *y ? -1 : 1;
}

static int override_weak(struct loader *l, struct skep_error **reterr)
{
	struct fn **names = ARENA_ARRAY(&l->tmp, struct fn *, l->nfns);
	const struct fn *best = NULL;
	uint32_t n = 0;

	if (!names)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < l->nfns; i++) {
		l->fns[i].use = i;
		if (!l->fns[i].local)
			names[n++] = &l->fns[i];
	}
	if (n)
		qsort(names, n, sizeof(names[0]), by_fn_name);
	for (uint32_t i = 0; i < n; i++) {
		struct fn *f = names[i];

		if (!best || strcmp(best->name, f->name)) {
			best = f;
			continue;
		}
		if (!f->weak)
			return skep_fail(
				reterr, &ERR_FUNC_TWICE,
				at_section(l, l->codes[f->code].section, (uint64_t)f->start * SLOT),
				"'%s' is also in '%s' at %u", f->name,
				l->codes[best->code].section->name, best->start * (uint32_t)SLOT);
		f->use = best->use;
	}
	return 0;
}

/* Binds the sections of .BTF.ext to those of the file, and the functions to their types. */
static void bind_ext(struct loader *l)
{
	const struct btf *btf = l->obj->btf;

	for (uint32_t i = 0; l->obj->has_ext && i < l->obj->ext.nsecs; i++) {
		const struct btf_ext_sec *ext = &l->obj->ext.secs[i];
		const struct elf_section *s = section_find(l, ext->section);
		struct code *c;

		if (!s || l->code_of[s->index] < 0)
			continue;
		c = &l->codes[l->code_of[s->index]];
		if (c->ext)
			continue;
		c->ext = ext;
		for (uint32_t k = 0; k < ext->nfuncs; k++) {
			const struct btf_func_info *info = &ext->funcs[k];
			struct fn *f = info->insn_off % SLOT ? NULL :
							       fn_at(l, (uint32_t)(c - l->codes),
								     info->insn_off / SLOT);

			if (f && info->type < btf_count(btf) &&
			    btf_kind(btf, info->type) == BTF_FUNC)
				f->btf_id = info->type;
		}
	}
}

int functions_read(struct loader *l, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;
	uint32_t n = 0;
	int r = read_codes(l, reterr);

	if (r < 0)
		return r;
	for (size_t i = 1; i < elf->nsymbols; i++)
		n += elf->symbols[i].type == ELF_FUNC;
	l->fns = ARENA_ARRAY(&l->tmp, struct fn, n);
	if (!l->fns)
		return skep_fail_nomem(reterr);
	for (size_t i = 1; i < elf->nsymbols; i++) {
		const struct elf_symbol *s = &elf->symbols[i];

		if (s->type != ELF_FUNC || s->section >= elf->nsections ||
		    l->code_of[s->section] < 0)
			continue;
		r = read_function(l, s, reterr);
		if (r < 0)
			return r;
	}
	if (l->nfns)
		qsort(l->fns, l->nfns, sizeof(l->fns[0]), by_place);
	r = merge_functions(l, reterr);
	if (r == 0)
		r = override_weak(l, reterr);
	if (r == 0)
		bind_ext(l);
	return r;
}

struct fn *fn_around(const struct loader *l, uint32_t code, uint64_t at)
{
	const struct code *c = &l->codes[code];
	uint32_t low = c->first, high = c->first + c->nfns;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (l->fns[mid].start <= at)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == c->first)
		return NULL;
	low--;
	return at - l->fns[low].start < l->fns[low].len ? &l->fns[low] : NULL;
}

struct fn *fn_at(const struct loader *l, uint32_t code, uint64_t at)
{
	struct fn *f = fn_around(l, code, at);

	return f && f->start == at ? f : NULL;
}

uint32_t fn_left(const struct loader *l, uint32_t code, uint64_t at)
{
	const struct fn *f = fn_around(l, code, at);

	return f ? f->start + f->len - (uint32_t)at : 0;
}
