// SPDX-License-Identifier: Apache-2.0
/*
 * A program is put together: its own function first, then each function that it reaches, once, in the order
 * in which a walk down the calls meets them. Then references are turned into instructions, and lines,
 * poisons and CO-RE answers move along. The walk keeps its own stack: call chains are the file's choice.
 */
#include <stdlib.h>
#include <string.h>

#include "load/internal.h"

#define SLOT sizeof(struct skep_insn)

struct build {
	struct loader *l;
	struct load_prog *prog;
	/* By function: where it starts in the program that `stamp` names. */
	uint32_t *start, *stamp, now;
	/* Functions of this program in order, and the walk's stack of (function, next reference). */
	uint32_t *order, norder;
	struct visit {
		uint32_t fn, ref;
	} * stack;
	uint32_t size, nlines, npoisons, ncores, ntables;
};

/* The first of a section's sorted records that is at @insn or later. */
#define FIRST_AT(list, n, insn_)                                   \
	__extension__({                                            \
		uint32_t low_ = 0, high_ = (n);                    \
		while (low_ < high_) {                             \
			uint32_t mid_ = low_ + (high_ - low_) / 2; \
			if ((list)[mid_].insn < (insn_))           \
				low_ = mid_ + 1;                   \
			else                                       \
				high_ = mid_;                      \
		}                                                  \
		low_;                                              \
	})

static uint32_t first_line(const struct code *c, uint32_t insn)
{
	uint32_t low = 0, high = c->ext ? c->ext->nlines : 0;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (c->ext->lines[mid].insn_off < (uint64_t)insn * SLOT)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int too_large(const struct build *b, const struct err_def *def, uint32_t limit,
		     struct skep_error **reterr)
{
	return skep_fail(reterr, def, SKEP_AT_INSN(b->l->obj->name, b->prog->name, 0),
			 "more than %u instructions with what they call", limit);
}

static int append(struct build *b, uint32_t fn, uint32_t *depth, struct skep_error **reterr)
{
	const struct fn *f = &b->l->fns[fn];
	const struct code *c = &b->l->codes[f->code];

	if (f->len > MAX_PROG_INSNS - b->size)
		return too_large(b, &ERR_PROG_LARGE, MAX_PROG_INSNS, reterr);
	if (f->len > MAX_OBJECT_INSNS - b->l->made)
		return too_large(b, &ERR_OBJECT_LARGE, MAX_OBJECT_INSNS, reterr);
	b->stamp[fn] = b->now;
	b->start[fn] = b->size;
	b->order[b->norder++] = fn;
	b->size += f->len;
	b->l->made += f->len;
	b->nlines += first_line(c, f->start + f->len) - first_line(c, f->start);
	b->npoisons += FIRST_AT(c->poisons, c->npoisons, f->start + f->len) -
		       FIRST_AT(c->poisons, c->npoisons, f->start);
	b->ncores += FIRST_AT(c->cores, c->ncores, f->start + f->len) -
		     FIRST_AT(c->cores, c->ncores, f->start);
	b->stack[(*depth)++] =
		(struct visit){ .fn = fn, .ref = FIRST_AT(c->refs, c->nrefs, f->start) };
	return 0;
}

/* @start and what it calls. */
static int reach(struct build *b, uint32_t start, struct skep_error **reterr)
{
	uint32_t depth = 0;
	int r = append(b, start, &depth, reterr);

	while (r == 0 && depth) {
		struct visit *v = &b->stack[depth - 1];
		const struct fn *f = &b->l->fns[v->fn];
		const struct code *c = &b->l->codes[f->code];
		const struct ref *ref = v->ref < c->nrefs ? &c->refs[v->ref] : NULL;

		if (!ref || ref->insn - f->start >= f->len) {
			depth--;
			continue;
		}
		v->ref++;
		if (ref->why && !b->prog->unusable)
			b->prog->unusable = ref->why;
		if (ref->kind == REF_EXTERN)
			b->npoisons++;
		if (ref->kind == REF_TABLE)
			b->ntables++;
		if ((ref->kind == REF_CALL || ref->kind == REF_FUNC) &&
		    b->stamp[ref->index] != b->now)
			r = append(b, ref->index, &depth, reterr);
	}
	return r;
}

#define EXCEPTION_TAG "exception_callback:"

/* Nobody calls it: the function that decl tags of the program name for what is thrown. */
static const char *exception_callback(const struct loader *l, uint32_t main)
{
	const struct btf *btf = l->obj->btf;
	uint32_t func = l->fns[main].btf_id;

	for (uint32_t id = 1; btf && func && id < btf_count(btf); id++)
		if (btf_kind(btf, id) == BTF_DECL_TAG && btf_ref_type(btf, id) == func &&
		    btf_decl_tag_index(btf, id) == -1 &&
		    strncmp(btf_name(btf, id), EXCEPTION_TAG, strlen(EXCEPTION_TAG)) == 0)
			return btf_name(btf, id) + strlen(EXCEPTION_TAG);
	return NULL;
}

static int walk(struct build *b, uint32_t main, struct skep_error **reterr)
{
	const char *name = exception_callback(b->l, main);
	int r = reach(b, main, reterr);

	for (uint32_t i = 0; r == 0 && name && i < b->l->nfns; i++) {
		const struct fn *f = &b->l->fns[i];

		if (f->use == i && f->global && strcmp(f->name, name) == 0 && b->stamp[i] != b->now)
			return reach(b, i, reterr);
	}
	return r;
}

static int room(struct build *b, struct skep_error **reterr)
{
	struct load_prog *p = b->prog;
	struct arena *a = &b->l->obj->arena;

	p->insns = ARENA_ARRAY(a, struct skep_insn, b->size);
	p->funcs = ARENA_ARRAY(a, struct load_func, b->norder);
	p->lines = ARENA_ARRAY(a, struct load_line, b->nlines);
	p->poisons = ARENA_ARRAY(a, struct load_poison, b->npoisons);
	p->cores = ARENA_ARRAY(a, struct load_core, b->ncores);
	p->tables = ARENA_ARRAY(a, struct load_table, b->ntables);
	if (!p->tables || !p->insns || !p->funcs || !p->lines || !p->poisons || !p->cores)
		return skep_fail_nomem(reterr);
	p->ninsns = b->size;
	p->nfuncs = b->norder;
	return 0;
}

static void copy_lines(struct load_prog *p, const struct code *c, const struct fn *f,
		       uint32_t start)
{
	for (uint32_t i = first_line(c, f->start); c->ext && i < c->ext->nlines; i++) {
		const struct btf_line_info *from = &c->ext->lines[i];
		uint32_t insn = from->insn_off / (uint32_t)SLOT;
		struct load_line *to;

		if (insn - f->start >= f->len)
			return;
		insn = insn - f->start + start;
		if (from->insn_off % SLOT)
			continue;
		/* Of several lines of one instruction the last counts. */
		if (!p->nlines || p->lines[p->nlines - 1].insn != insn)
			p->nlines++;
		to = &p->lines[p->nlines - 1];
		*to = (struct load_line){ insn, from->file, from->text, from->line, from->col };
	}
}

static int patch_extern(struct build *b, const struct ref *ref, uint32_t at, struct skep_insn *in,
			struct skep_error **reterr)
{
	const struct load_extern *e = &b->l->obj->externs[ref->index];
	struct load_prog *p = b->prog;
	unsigned int dst = insn_dst(in);
	bool absent = e->weak && !e->resolved;

	if (e->kind == LOAD_EXTERN_KCONFIG) {
		in->regs = insn_regs(dst, ISA_PSEUDO_MAP_IDX_VALUE);
		in[0].imm = b->l->kconfig_map;
		in[1].imm = (int32_t)(e->offset + ref->addend);
		return 0;
	}
	if (isa_is_wide_load(isa_decode(in, 2))) {
		in->regs = insn_regs(dst, absent ? ISA_PSEUDO_IMM : ISA_PSEUDO_BTF_ID);
		in[0].imm = absent ? 0 : (int32_t)ref->index;
		in[1].imm = 0;
		return 0;
	}
	if (!absent) {
		*in = (struct skep_insn){ .code = in->code,
					  .regs = insn_regs(0, LOAD_CALL_KFUNC),
					  .imm = (int32_t)ref->index };
		return 0;
	}
	*in = core_bad_insn();
	p->poisons[p->npoisons].insn = at;
	p->poisons[p->npoisons].reason = TEXT(b->l,
					      "a call of a kernel function that is absent: %s",
					      e->problem ? e->problem : e->name);
	return p->poisons[p->npoisons++].reason ? 0 : skep_fail_nomem(reterr);
}

/* @f is the function that refers, at @start of the program. */
static int patch(struct build *b, const struct ref *ref, const struct fn *f, uint32_t start,
		 struct skep_error **reterr)
{
	uint32_t at = ref->insn - f->start + start;
	struct skep_insn *in = &b->prog->insns[at];
	unsigned int dst = insn_dst(in);

	switch (ref->kind) {
	case REF_MAP:
		in->regs = insn_regs(dst, ISA_PSEUDO_MAP_IDX);
		in[0].imm = (int32_t)ref->index;
		in[1].imm = 0;
		return 0;
	case REF_DATA:
		in->regs = insn_regs(dst, ISA_PSEUDO_MAP_IDX_VALUE);
		in[0].imm = (int32_t)ref->index;
		in[1].imm = (int32_t)ref->addend;
		return 0;
	case REF_FUNC:
		in->regs = insn_regs(dst, ISA_PSEUDO_FUNC);
		in[0].imm = (int32_t)(b->start[ref->index] - at - 1);
		in[1].imm = 0;
		return 0;
	case REF_CALL:
		in->imm = (int32_t)(b->start[ref->index] - at - 1);
		return 0;
	case REF_EXTERN:
		return patch_extern(b, ref, at, in, reterr);
	case REF_TABLE:
		in->regs = insn_regs(dst, ISA_PSEUDO_MAP_IDX_VALUE);
		in[0].imm = (int32_t)(b->l->obj->nmaps + b->prog->ntables);
		in[1].imm = 0;
		b->prog->tables[b->prog->ntables].insn = at;
		return table_read(b->l, ref, f, start, &b->prog->tables[b->prog->ntables++],
				  reterr);
	case REF_NOTHING:
		if (isa_is_wide_load(isa_decode(in, 2)))
			in[1] = core_bad_insn();
		in[0] = core_bad_insn();
		return 0;
	}
	return 0;
}

static int place(struct build *b, uint32_t i, struct skep_error **reterr)
{
	const struct fn *f = &b->l->fns[b->order[i]];
	const struct code *c = &b->l->codes[f->code];
	uint32_t start = b->start[b->order[i]], end = f->start + f->len;
	struct load_prog *p = b->prog;
	int r;

	p->funcs[i] = (struct load_func){ f->name, start, f->len, f->btf_id, f->global };
	memcpy(p->insns + start, c->insns + f->start, f->len * SLOT);
	copy_lines(p, c, f, start);
	for (uint32_t k = FIRST_AT(c->poisons, c->npoisons, f->start);
	     k < c->npoisons && c->poisons[k].insn < end; k++) {
		p->poisons[p->npoisons] = c->poisons[k];
		p->poisons[p->npoisons++].insn += start - f->start;
	}
	for (uint32_t k = FIRST_AT(c->cores, c->ncores, f->start);
	     k < c->ncores && c->cores[k].insn < end; k++) {
		p->cores[p->ncores] = c->cores[k];
		p->cores[p->ncores++].insn += start - f->start;
	}
	for (uint32_t k = FIRST_AT(c->refs, c->nrefs, f->start);
	     k < c->nrefs && c->refs[k].insn < end; k++) {
		r = patch(b, &c->refs[k], f, start, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_insn(const void *a, const void *b)
{
	const struct load_poison *x = a, *y = b;

	return x->insn < y->insn ? -1 : x->insn > y->insn;
}

static int put_together(struct build *b, uint32_t fn, struct skep_error **reterr)
{
	const char *name;
	int r;

	b->now++;
	b->norder = b->size = b->nlines = b->npoisons = b->ncores = b->ntables = 0;
	r = walk(b, fn, reterr);
	if (r == 0)
		r = room(b, reterr);
	for (uint32_t i = 0; r == 0 && i < b->norder; i++)
		r = place(b, i, reterr);
	name = exception_callback(b->l, fn);
	for (uint32_t i = 0; r == 0 && name && i < b->prog->nfuncs; i++)
		if (b->prog->funcs[i].global && strcmp(b->prog->funcs[i].name, name) == 0)
			b->prog->exception = b->prog->funcs[i].start + 1;
	if (r == 0 && b->prog->npoisons)
		qsort(b->prog->poisons, b->prog->npoisons, sizeof(b->prog->poisons[0]), by_insn);
	return r;
}

static int name_section(struct loader *l, struct load_prog *p, struct skep_error **reterr)
{
	const char *name = p->section, *near;

	p->autoload = *name != '?';
	name += *name == '?';
	p->def = spec_section_find(name, &p->target);
	if (p->def)
		return 0;
	near = nearest_section(name);
	p->unusable = near ? TEXT(l,
				  "no program type has the section name '%s'; the nearest is '%s'",
				  name, near) :
			     TEXT(l, "no program type has the section name '%s'", name);
	return p->unusable ? 0 : skep_fail_nomem(reterr);
}

static int is_program(struct loader *l, const struct fn *f, struct skep_error **reterr)
{
	const struct elf_section *s = l->codes[f->code].section;

	if (name_is(s->name, ".text"))
		return 0;
	if (f->local) {
		skep_fail(reterr, &ERR_STATIC_ENTRY, at_section(l, s, (uint64_t)f->start * SLOT),
			  "'%s' is static", f->name);
		skep_hint(reterr, "drop 'static', or SEC() if it is only called");
		return -ERR_STATIC_ENTRY.code;
	}
	return f->use == (uint32_t)(f - l->fns);
}

int progs_make(struct loader *l, struct skep_error **reterr)
{
	struct build b = { .l = l };
	int r = 0;

	b.start = ARENA_ARRAY(&l->tmp, uint32_t, l->nfns);
	b.stamp = ARENA_ARRAY(&l->tmp, uint32_t, l->nfns);
	b.order = ARENA_ARRAY(&l->tmp, uint32_t, l->nfns);
	b.stack = ARENA_ARRAY(&l->tmp, struct visit, l->nfns);
	l->obj->progs = ARENA_ARRAY(&l->obj->arena, struct load_prog, l->nfns);
	if (!b.start || !b.stamp || !b.order || !b.stack || !l->obj->progs)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < l->nfns; i++) {
		struct fn *f = &l->fns[i];

		r = is_program(l, f, reterr);
		if (r < 0)
			return r;
		if (!r)
			continue;
		f->prog = (int32_t)l->obj->nprogs;
		b.prog = &l->obj->progs[l->obj->nprogs++];
		b.prog->name = f->name;
		b.prog->section = l->codes[f->code].section->name;
		r = name_section(l, b.prog, reterr);
		if (r == 0)
			r = put_together(&b, i, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}
