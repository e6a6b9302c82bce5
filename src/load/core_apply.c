// SPDX-License-Identifier: Apache-2.0
/*
 * CO-RE: for each record the candidates that have what it names are asked, and all must give one answer. None,
 * or two answers, poison the instruction: a program that checks first, as bpf_core_field_exists() is for,
 * never reaches it; one that does is told what was missing. Kernel document bpf/llvm_reloc.rst; which
 * questions have an answer when nothing matched is libbpf's contract.
 */
#include <stdlib.h>
#include <string.h>

#include "load/internal.h"

#define SLOT sizeof(struct skep_insn)

void core_init(struct core *c, struct loader *l)
{
	*c = (struct core){ .l = l,
			    .local = l->obj->btf,
			    .target = l->opts->target,
			    .target_name = l->opts->target_name,
			    .tmp = &l->tmp };
	if (!c->target)
		c->target_name = "the kernel (none was given to relocate against)";
	else if (!c->target_name)
		c->target_name = "the target";
}

/* Everything about one record. */
struct job {
	struct core *c;
	struct code *code;
	const struct btf_core_reloc *rel;
	struct core_spec local, found, one;
	struct core_value have, want;
	struct core_cands cands;
	uint32_t nmatches;
	const char *text; /* describes the access */
	struct core_result res;
};

static struct skep_place place_of(const struct job *j)
{
	return at_section(j->c->l, j->code->section, j->rel->insn_off);
}

/* Two candidates give two answers, or one answer about two places, which no two records would share. */
static const char *ambiguous(struct job *j, const struct core_value *other)
{
	const struct btf *btf = j->c->target;
	bool places = other->value == j->want.value;

	return TEXT(j->c->l,
		    "'%s' is ambiguous in %.64s: '%.128s' (type %u) says %s%" PRIu64
		    ", '%.128s' (type %u) says %s%" PRIu64,
		    j->text, j->c->target_name, btf_name(btf, j->found.root), j->found.root,
		    places ? "bit " : "", places ? j->found.bit_off : j->want.value,
		    btf_name(btf, j->one.root), j->one.root, places ? "bit " : "",
		    places ? j->one.bit_off : other->value);
}

/* Asks one candidate. 1: go on, 0: poisoned, negative: error. */
static int ask(struct job *j, uint32_t id, struct skep_error **reterr)
{
	bool big = j->c->l->obj->elf.big_endian;
	struct core_value value;
	const char *why;
	int r = core_match(j->c, &j->local, id, &j->one);

	if (r < 0)
		return skep_fail(reterr, &ERR_CORE_WORK, place_of(j), "looking for '%s'", j->text);
	if (!r)
		return 1;
	why = core_value(&j->one, j->rel->kind, big, &value);
	if (why) {
		j->res.poison = TEXT(j->c->l, "'%s' %s in %.64s", j->text, why, j->c->target_name);
		return j->res.poison ? 0 : skep_fail_nomem(reterr);
	}
	if (!j->nmatches++) {
		j->want = value;
		j->found = j->one;
		return 1;
	}
	if (j->one.bit_off == j->found.bit_off && value.value == j->want.value)
		return 1;
	j->res.poison = ambiguous(j, &value);
	return j->res.poison ? 0 : skep_fail_nomem(reterr);
}

static const char *what_kind(uint32_t kind)
{
	return core_is_enum(kind) ? "enumerator" : "field";
}

/* Why there is no answer. */
static const char *missing(struct job *j)
{
	const char *target = j->c->target_name;
	struct core_spec root = { .btf = j->c->local, .root = j->rel->type };

	if (!j->cands.n) {
		const char *name = core_describe(j->c->tmp, &root);

		return name ? TEXT(j->c->l, "%s '%s': '%s' does not exist in %.64s",
				   what_kind(j->rel->kind), j->text, name, target) :
			      NULL;
	}
	if (j->c->other_kind)
		return TEXT(j->c->l, "%s '%s' has a type of another kind in %.64s",
			    what_kind(j->rel->kind), j->text, target);
	return TEXT(j->c->l, "%s '%s' does not exist in %.64s", what_kind(j->rel->kind), j->text,
		    target);
}

static bool may_change_size(const struct btf *local, uint32_t a, const struct btf *target,
			    uint32_t b)
{
	enum btf_kind kind = btf_kind(local, a);

	if (kind != btf_kind(target, b))
		return false;
	if (kind == BTF_PTR)
		return true;
	return kind == BTF_INT && btf_int_encoding(local, a) != BTF_INT_SIGNED &&
	       btf_int_encoding(target, b) != BTF_INT_SIGNED;
}

static int search(struct job *j, struct skep_error **reterr)
{
	const char *why;
	int r;

	r = core_candidates(j->c, j->rel->type, &j->cands, reterr);
	if (r < 0)
		return r;
	j->c->other_kind = false;
	for (uint32_t i = 0; i < j->cands.n; i++) {
		r = ask(j, j->cands.ids[i], reterr);
		if (r <= 0)
			return r;
	}
	if (!j->nmatches) {
		why = core_value(NULL, j->rel->kind, false, &j->want);
		if (!why)
			return 0;
		j->res.poison = missing(j);
		return j->res.poison ? 0 : skep_fail_nomem(reterr);
	}
	j->res.resolved = true;
	if (j->have.size != j->want.size &&
	    !may_change_size(j->c->local, j->have.type, j->c->target, j->want.type))
		j->res.bad_size = "has another size, and is neither unsigned nor a pointer";
	return 0;
}

/* Finds the answer; the instruction is not looked at. */
static int answer(struct job *j, struct skep_error **reterr)
{
	const struct btf *btf = j->c->local;
	const char *why;

	if (j->rel->type >= btf_count(btf))
		return skep_fail(reterr, &ERR_CORE_RECORD, place_of(j),
				 "it names type %u, there are %u", j->rel->type, btf_count(btf));
	if (!core_is_field(j->rel->kind) && !core_is_type(j->rel->kind) &&
	    !core_is_enum(j->rel->kind)) {
		j->text = "";
		j->res.poison =
			TEXT(j->c->l, "a CO-RE record of the unknown kind %u", j->rel->kind);
		return j->res.poison ? 0 : skep_fail_nomem(reterr);
	}
	why = core_parse(btf, j->rel, &j->local);
	if (why)
		return skep_fail(reterr, &ERR_CORE_ACCESS, place_of(j), "'%.64s' of type %u: %s",
				 j->rel->access, j->rel->type, why);
	j->text = core_describe(&j->c->l->obj->arena, &j->local);
	if (!j->text)
		return skep_fail_nomem(reterr);
	why = core_value(&j->local, j->rel->kind, j->c->l->obj->elf.big_endian, &j->have);
	if (why) {
		j->res.poison = TEXT(j->c->l, "'%s' %s", j->text, why);
		return j->res.poison ? 0 : skep_fail_nomem(reterr);
	}
	if (j->rel->kind == BTF_CORE_TYPE_ID_LOCAL) {
		j->want = j->have;
		j->res.resolved = true;
		return 0;
	}
	if (!*btf_name(btf, j->rel->type)) {
		j->res.poison = TEXT(j->c->l, "'%s' cannot be found: it has no name", j->text);
		return j->res.poison ? 0 : skep_fail_nomem(reterr);
	}
	return search(j, reterr);
}

static int add_poison(struct job *j, uint32_t insn, bool wide, struct skep_error **reterr)
{
	const char *reason = j->res.poison;
	struct code *code = j->code;

	if (!reason && !j->res.trouble)
		return 0;
	if (!reason)
		reason = TEXT(j->c->l, "'%s' %s in %.64s", j->text, j->res.trouble,
			      j->c->target_name);
	if (!reason)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i <= wide; i++)
		code->poisons[code->npoisons++] = (struct load_poison){ insn + i, reason };
	return 0;
}

static int apply(struct core *c, struct code *code, const struct btf_core_reloc *rel,
		 struct skep_error **reterr)
{
	struct job j = { .c = c, .code = code, .rel = rel };
	uint32_t insn = rel->insn_off / (uint32_t)SLOT;
	int r;

	if (rel->insn_off % SLOT || insn >= code->ninsns)
		return skep_fail(reterr, &ERR_CORE_RECORD, place_of(&j),
				 "it names byte %u of '%s', which has %u instructions",
				 rel->insn_off, code->section->name, code->ninsns);
	if (!fn_around(c->l, (uint32_t)(code - c->l->codes), insn))
		return 0;
	if (code->ncores && code->cores[code->ncores - 1].insn == insn)
		return skep_fail(reterr, &ERR_CORE_RECORD, place_of(&j),
				 "two records for one instruction");
	r = answer(&j, reterr);
	if (r < 0)
		return r;
	j.res.old_value = j.have.value;
	j.res.new_value = j.want.value;
	j.res.old_size = j.have.size;
	j.res.new_size = j.want.size;
	j.res.check = j.have.check;
	r = core_patch(c, code, insn, &j.res, reterr);
	if (r < 0)
		return r;
	code->cores[code->ncores++] = (struct load_core){ .insn = insn,
							  .kind = rel->kind,
							  .local = j.text,
							  .resolved = j.res.resolved,
							  .old_value = j.res.old_value,
							  .new_value = j.res.new_value };
	return add_poison(&j, insn, r, reterr);
}

static int by_offset(const void *a, const void *b)
{
	const struct btf_core_reloc *const *x = a, *const *y = b;

	return (*x)->insn_off < (*y)->insn_off ? -1 : (*x)->insn_off > (*y)->insn_off;
}

static int apply_section(struct core *c, struct code *code, struct skep_error **reterr)
{
	uint32_t n = code->ext ? code->ext->ncores : 0;
	const struct btf_core_reloc **sorted;

	if (!n)
		return 0;
	sorted = ARENA_ARRAY(c->tmp, const struct btf_core_reloc *, n);
	code->cores = ARENA_ARRAY(c->tmp, struct load_core, n);
	code->poisons = ARENA_ARRAY(c->tmp, struct load_poison, (size_t)n * 2);
	if (!sorted || !code->cores || !code->poisons)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < n; i++)
		sorted[i] = &code->ext->cores[i];
	qsort(sorted, n, sizeof(sorted[0]), by_offset);
	for (uint32_t i = 0; i < n; i++) {
		int r = apply(c, code, sorted[i], reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

int core_relocate(struct loader *l, struct skep_error **reterr)
{
	struct core c;

	if (!l->obj->has_ext)
		return 0;
	core_init(&c, l);
	c.cands = ARENA_ARRAY(&l->tmp, struct core_cands, btf_count(l->obj->btf));
	if (!c.cands)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < l->ncodes; i++) {
		int r = apply_section(&c, &l->codes[i], reterr);

		if (r < 0)
			return r;
	}
	return 0;
}
