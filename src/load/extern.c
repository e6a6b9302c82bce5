// SPDX-License-Identifier: Apache-2.0
/*
 * Externs: undefined symbols that BTF puts into the DATASEC .kconfig (values of the kernel's configuration, which
 * become one read-only map) or .ksyms (functions and variables of the kernel, looked up in the target's
 * BTF). A weak one that is not found is zero. A strong one has a `problem`, which makes the programs
 * that refer to it unusable, and no others.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "load/internal.h"
#include "spec/kfunc.h"

#define MAX_KCONFIG (1 << 20)

/* An extern of BTF, by name. */
struct declared {
	const char *name;
	uint32_t type;	/* VAR or FUNC */
	uint32_t entry; /* of its DATASEC */
	bool kconfig;
	struct load_extern *found;
};

struct externs {
	struct loader *l;
	struct core core;
	struct declared *decls;
	uint32_t ndecls;
};

static int by_name(const void *a, const void *b)
{
	const struct declared *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : x->type < y->type ? -1 : x->type > y->type;
}

static int collect(struct externs *e, struct skep_error **reterr)
{
	static const char *const names[] = { ".kconfig", ".ksyms" };
	const struct btf *btf = e->l->obj->btf;
	uint32_t secs[ARRAY_SIZE(names)], n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		secs[k] = btf ? btf_find(btf, names[k], BTF_DATASEC, 0) : 0;
		n += secs[k] ? btf_vlen(btf, secs[k]) : 0;
	}
	e->decls = ARENA_ARRAY(&e->l->tmp, struct declared, n);
	if (!e->decls)
		return skep_fail_nomem(reterr);
	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		for (uint32_t i = 0; secs[k] && i < btf_vlen(btf, secs[k]); i++) {
			uint32_t id = btf_secinfo(btf, secs[k], i).type;
			const char *name = btf_name(btf, id);

			if (strnlen(name, MAX_NAME + 1) > MAX_NAME)
				return skep_fail(reterr, &ERR_NAME_LONG,
						 SKEP_AT_BTF(e->l->obj->name, names[k], id),
						 "'%.32s...' has more than %d characters", name,
						 MAX_NAME);
			e->decls[e->ndecls++] = (struct declared){
				.name = name, .type = id, .entry = i, .kconfig = k == 0
			};
		}
	}
	if (e->ndecls)
		qsort(e->decls, e->ndecls, sizeof(e->decls[0]), by_name);
	return 0;
}

static struct declared *find_declared(const struct externs *e, const char *name)
{
	struct declared key = { .name = name };
	uint32_t low = 0, high = e->ndecls;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (by_name(&e->decls[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < e->ndecls && !strcmp(e->decls[low].name, name) ? &e->decls[low] : NULL;
}

static const char *kconfig_text(const struct load_opts *opts, const char *name)
{
	for (const struct load_kconfig *k = opts->kconfig; k && k->name; k++)
		if (!strcmp(k->name, name))
			return k->value;
	return NULL;
}

/* A kernel name without its flavour ("___x"), as it stands in the target. */
static uint32_t find_target(const struct btf *target, const char *name, enum btf_kind kind)
{
	char plain[MAX_NAME + 1];
	size_t n = core_essential(name);

	if (!target || n > MAX_NAME)
		return 0;
	memcpy(plain, name, n);
	plain[n] = 0;
	return btf_find(target, plain, kind, 0);
}

static int resolve_ksym(struct externs *e, struct load_extern *x, struct skep_error **reterr)
{
	const struct btf *btf = e->l->obj->btf, *target = e->core.target;
	bool is_func = btf_kind(btf, x->btf_id) == BTF_FUNC;
	uint32_t type = btf_ref_type(btf, x->btf_id), id;
	int r;

	x->kind = is_func ? LOAD_EXTERN_KFUNC : LOAD_EXTERN_KSYM;
	id = find_target(target, x->name, is_func ? BTF_FUNC : BTF_VAR);
	if (!id && !is_func && btf_strip_all(btf, type) == BTF_VOID) {
		x->problem = TEXT(e->l, "the address of the kernel symbol '%s' is not known here",
				  x->name);
		return x->problem ? 0 : skep_fail_nomem(reterr);
	}
	if (!id && is_func && spec_kfunc_find(x->name) && spec_kfunc_find(x->name)->why) {
		x->problem = TEXT(e->l, "the kernel function '%s' needs a kernel: %s", x->name,
				  spec_kfunc_find(x->name)->why);
		return x->problem ? 0 : skep_fail_nomem(reterr);
	}
	if (!id) {
		x->problem = TEXT(e->l, "%s '%s' does not exist in %.64s",
				  is_func ? "the kernel function" : "the kernel variable", x->name,
				  e->core.target_name);
		return x->problem ? 0 : skep_fail_nomem(reterr);
	}
	r = core_types_compatible(&e->core, type, btf_ref_type(target, id), 0);
	if (r < 0)
		return skep_fail(reterr, &ERR_CORE_WORK, SKEP_AT_BTF(e->l->obj->name, x->name, id),
				 "comparing it with the target's");
	if (!r) {
		x->problem =
			TEXT(e->l, "'%s' has another type in %.64s", x->name, e->core.target_name);
		return x->problem ? 0 : skep_fail_nomem(reterr);
	}
	x->resolved = true;
	x->value = id;
	return 0;
}

static int type_refused(struct externs *e, const struct load_extern *x, struct skep_error **reterr)
{
	skep_fail(reterr, &ERR_KCONFIG_TYPE, SKEP_AT_BTF(e->l->obj->name, x->name, x->btf_id),
		  "'%s'", x->name);
	skep_need(reterr, "bool, char, an integer, enum libbpf_tristate, or an array of char");
	return -ERR_KCONFIG_TYPE.code;
}

static int add_extern(struct externs *e, const struct elf_symbol *s, struct declared *d,
		      struct skep_error **reterr)
{
	struct load_extern *x = &e->l->obj->externs[e->l->obj->nexterns++];
	const struct btf *btf = e->l->obj->btf;
	enum btf_kind kind = btf_kind(btf, d->type);
	struct kconfig_type type;

	*x = (struct load_extern){ .name = s->name,
				   .kind = LOAD_EXTERN_KCONFIG,
				   .weak = s->bind == ELF_WEAK,
				   .btf_id = d->type };
	if (kind != BTF_VAR && (kind != BTF_FUNC || d->kconfig))
		return type_refused(e, x, reterr);
	if (!d->kconfig)
		return resolve_ksym(e, x, reterr);
	type = kconfig_type(btf, btf_ref_type(btf, d->type));
	if (type.kind == KCONFIG_UNKNOWN)
		return type_refused(e, x, reterr);
	x->size = type.size;
	d->found = x;
	return 0;
}

static int read_symbols(struct externs *e, struct skep_error **reterr)
{
	const struct elf *elf = &e->l->obj->elf;

	for (size_t i = 1; i < elf->nsymbols; i++) {
		const struct elf_symbol *s = &elf->symbols[i];
		struct declared *d = NULL;
		int r;

		e->l->extern_of[i] = -1;
		if (s->section == ELF_SHN_UNDEF && s->bind != ELF_LOCAL && *s->name)
			d = find_declared(e, s->name);
		if (!d)
			continue;
		e->l->extern_of[i] = (int32_t)e->l->obj->nexterns;
		r = add_extern(e, s, d, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static uint32_t alignment(const struct externs *e, const struct declared *d)
{
	return kconfig_type(e->l->obj->btf, btf_ref_type(e->l->obj->btf, d->type)).align;
}

/* The strictest alignment first, so that there are no gaps; the strings, of alignment 1, come last. */
static int lay_out(struct externs *e, uint32_t *ret_size, struct skep_error **reterr)
{
	uint32_t at = 0;

	for (uint32_t align = 8; align; align /= 2) {
		for (uint32_t i = 0; i < e->ndecls; i++) {
			struct load_extern *x = e->decls[i].found;

			if (!x || num_max(1, num_min(8, alignment(e, &e->decls[i]))) != align)
				continue;
			if (x->size > MAX_KCONFIG - at)
				return skep_fail(reterr, &ERR_DATA,
						 SKEP_AT_ELF(e->l->obj->name, ".kconfig", at),
						 "'%s' makes it larger than %d bytes", x->name,
						 MAX_KCONFIG);
			x->offset = at;
			at += x->size;
		}
	}
	*ret_size = at;
	return 0;
}

static int set_kconfig(struct externs *e, const struct declared *d, uint8_t *data,
		       struct skep_error **reterr)
{
	const struct btf *btf = e->l->obj->btf;
	struct load_extern *x = d->found;
	const char *text = kconfig_text(e->l->opts, x->name), *why;

	if (!text && x->weak)
		return 0;
	if (!text) {
		x->problem = TEXT(e->l, "the kernel configuration value '%s' is not set", x->name);
		return x->problem ? 0 : skep_fail_nomem(reterr);
	}
	why = kconfig_set(kconfig_type(btf, btf_ref_type(btf, d->type)), text, data + x->offset,
			  &x->value);
	x->resolved = !why;
	if (!why)
		return 0;
	x->problem = TEXT(e->l, "'%s': %s", x->name, why);
	return x->problem ? 0 : skep_fail_nomem(reterr);
}

static int add_kconfig_map(struct externs *e, struct skep_error **reterr)
{
	struct loader *l = e->l;
	uint32_t size = 0, id = l->obj->btf ? btf_find(l->obj->btf, ".kconfig", BTF_DATASEC, 0) : 0;
	struct load_map *m;
	uint8_t *data;
	int r = lay_out(e, &size, reterr);

	if (r < 0 || !size)
		return r;
	data = arena_alloc(&l->obj->arena, size, 1);
	if (!data)
		return skep_fail_nomem(reterr);
	l->kconfig_map = (int32_t)l->obj->nmaps;
	m = map_add(l, ".kconfig", LOAD_MAP_KCONFIG);
	m->type = MAP_ARRAY;
	m->key_size = 4;
	m->value_size = size;
	m->max_entries = 1;
	m->flags = MAP_F_MMAPABLE | MAP_F_RDONLY_PROG;
	m->section = ".kconfig";
	m->data = data;
	m->value_type = id;
	btf_set_datasec_size(l->obj->btf, id, size);
	for (uint32_t i = 0; r == 0 && i < e->ndecls; i++) {
		const struct declared *d = &e->decls[i];

		if (!d->found)
			continue;
		btf_set_secinfo(l->obj->btf, id, d->entry, d->found->offset, d->found->size);
		r = set_kconfig(e, d, data, reterr);
	}
	return r;
}

int externs_read(struct loader *l, struct skep_error **reterr)
{
	const struct elf *elf = &l->obj->elf;
	struct externs e = { .l = l };
	int r;

	l->extern_of = ARENA_ARRAY(&l->tmp, int32_t, elf->nsymbols);
	l->obj->externs = ARENA_ARRAY(&l->obj->arena, struct load_extern, elf->nsymbols);
	if (!l->extern_of || !l->obj->externs)
		return skep_fail_nomem(reterr);
	core_init(&e.core, l);
	r = collect(&e, reterr);
	if (r == 0)
		r = read_symbols(&e, reterr);
	if (r == 0)
		r = add_kconfig_map(&e, reterr);
	return r;
}
