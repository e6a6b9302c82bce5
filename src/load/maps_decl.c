// SPDX-License-Identifier: Apache-2.0
/*
 * Maps as the section .maps declares them: each variable is a struct whose members say the attributes by
 * their types. A number N is `int (*name)[N]` or an anonymous enum of the one value N; a type T is
 * `T *name`; `values` is a last, flexible array of pointers: to the template of inner maps, or to functions. libbpf's
 * documentation of BTF-defined maps (bpf_helpers.h: __uint, __ulong, __type, __array).
 *
 * A member that is not known is refused: leaving it out would make another map than was meant.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "load/internal.h"

#define PIN_BY_NAME 1

struct decl {
	struct loader *l;
	const struct btf *btf;
	const char *name;
	struct load_map *map;
	bool is_inner;
	uint64_t values; /* offset of `values`, 0 none */
	uint64_t pinning;
	uint64_t number[8]; /* by enum number_member */
};

enum number_member {
	N_TYPE,
	N_KEY_SIZE,
	N_VALUE_SIZE,
	N_MAX_ENTRIES,
	N_FLAGS,
	N_NUMA_NODE,
	N_MAP_EXTRA,
	N_PINNING,
	N_COUNT,
};

static const char *const number_names[N_COUNT] = {
	[N_TYPE] = "type",
	[N_KEY_SIZE] = "key_size",
	[N_VALUE_SIZE] = "value_size",
	[N_MAX_ENTRIES] = "max_entries",
	[N_FLAGS] = "map_flags",
	[N_NUMA_NODE] = "numa_node",
	[N_MAP_EXTRA] = "map_extra",
	[N_PINNING] = "pinning",
};

static int refuse(struct decl *d, const struct err_def *def, struct skep_error **reterr,
		  const char *member, const char *why)
{
	return skep_fail(reterr, def, SKEP_AT_MAP(d->l->obj->name, d->name), "'%.128s' %s", member,
			 why);
}

static bool read_number(const struct btf *btf, uint32_t type, uint64_t *ret)
{
	uint32_t id = btf_strip_all(btf, type);

	if (btf_kind(btf, id) == BTF_PTR) {
		id = btf_strip_all(btf, btf_ref_type(btf, id));
		if (btf_kind(btf, id) != BTF_ARRAY)
			return false;
		*ret = btf_array_len(btf, id);
		return true;
	}
	if (btf_kind(btf, id) != BTF_ENUM && btf_kind(btf, id) != BTF_ENUM64)
		return false;
	if (btf_vlen(btf, id) != 1)
		return false;
	*ret = (uint64_t)btf_enumerator(btf, id, 0).value;
	return true;
}

static int read_number_member(struct decl *d, unsigned int n, const struct btf_member *m,
			      struct skep_error **reterr)
{
	uint64_t value;

	if (!read_number(d->btf, m->type, &value))
		return refuse(d, &ERR_MAP_DECL, reterr, m->name,
			      "is no number: it must be written __uint(name, N)");
	if (n != N_MAP_EXTRA && value > UINT32_MAX)
		return refuse(d, &ERR_MAP_DECL, reterr, m->name, "does not fit into 32 bits");
	if ((n == N_KEY_SIZE && d->map->key_type && value != d->number[n]) ||
	    (n == N_VALUE_SIZE && d->map->value_type && value != d->number[n]))
		return refuse(d, &ERR_MAP_DECL, reterr, m->name,
			      "differs from the size of the type");
	d->number[n] = value;
	return 0;
}

static int read_type_member(struct decl *d, bool key, const struct btf_member *m,
			    struct skep_error **reterr)
{
	unsigned int n = key ? N_KEY_SIZE : N_VALUE_SIZE;
	uint32_t ptr = btf_strip_all(d->btf, m->type), type;
	uint64_t size;

	if (btf_kind(d->btf, ptr) != BTF_PTR)
		return refuse(d, &ERR_MAP_DECL, reterr, m->name,
			      "is no type: it must be written __type(name, T)");
	type = btf_ref_type(d->btf, ptr);
	size = btf_size(d->btf, type);
	if (!size || size > UINT32_MAX)
		return refuse(d, &ERR_MAP_DECL, reterr, m->name,
			      size ? "is larger than 4 GiB" : "is a type without a size");
	if (d->number[n] && d->number[n] != size)
		return refuse(d, &ERR_MAP_DECL, reterr, number_names[n],
			      "differs from the size of the type");
	d->number[n] = size;
	*(key ? &d->map->key_type : &d->map->value_type) = type;
	return 0;
}

static int read_decl(struct decl *d, uint32_t type, struct skep_error **reterr);

static int read_inner(struct decl *d, uint32_t type, struct skep_error **reterr)
{
	struct decl inner = { .l = d->l, .btf = d->btf, .is_inner = true };
	char *name = TEXT(d->l, "%.256s.inner", d->name);

	inner.map = ARENA_NEW(&d->l->obj->arena, struct load_map);
	if (!inner.map || !name)
		return skep_fail_nomem(reterr);
	inner.map->name = inner.name = name;
	inner.map->section = d->map->section;
	d->map->inner = inner.map;
	return read_decl(&inner, type, reterr);
}

static int read_values(struct decl *d, const struct btf_member *m, bool last,
		       struct skep_error **reterr)
{
	uint32_t id = btf_strip_all(d->btf, m->type);

	if (d->is_inner)
		return refuse(d, &ERR_MAP_DECL, reterr, m->name,
			      "of an inner map: maps nest to one level only");
	if (!last || btf_kind(d->btf, id) != BTF_ARRAY || btf_array_len(d->btf, id) ||
	    m->bit_off % 8 || m->bit_size)
		return refuse(d, &ERR_MAP_DECL, reterr, m->name,
			      "must be the last member and written __array(values, T)");
	d->values = m->bit_off / 8;
	id = btf_strip_all(d->btf, btf_array_elem(d->btf, id));
	if (btf_kind(d->btf, id) == BTF_PTR)
		id = btf_strip_all(d->btf, btf_ref_type(d->btf, id));
	else
		id = 0;
	if (btf_kind(d->btf, id) != BTF_STRUCT && btf_kind(d->btf, id) != BTF_FUNC_PROTO)
		return refuse(d, &ERR_MAP_DECL, reterr, m->name,
			      "must hold pointers to a map declaration or to functions");
	if (d->number[N_VALUE_SIZE] && d->number[N_VALUE_SIZE] != 4)
		return refuse(d, &ERR_MAP_DECL, reterr, number_names[N_VALUE_SIZE],
			      "must be 4 in a map of maps or programs");
	d->number[N_VALUE_SIZE] = 4;
	return btf_kind(d->btf, id) == BTF_STRUCT ? read_inner(d, id, reterr) : 0;
}

static int unknown_member(struct decl *d, const char *name, struct skep_error **reterr)
{
	skep_fail(reterr, &ERR_MAP_MEMBER, SKEP_AT_MAP(d->l->obj->name, d->name), "'%.128s'", name);
	skep_known(reterr, "type, key, value, key_size, value_size, max_entries, map_flags, "
			   "map_extra, numa_node, pinning, values");
	return -ERR_MAP_MEMBER.code;
}

static int read_member(struct decl *d, const struct btf_member *m, bool last,
		       struct skep_error **reterr)
{
	for (unsigned int n = 0; n < N_COUNT; n++)
		if (!strcmp(m->name, number_names[n]))
			return read_number_member(d, n, m, reterr);
	if (!strcmp(m->name, "key") || !strcmp(m->name, "value"))
		return read_type_member(d, m->name[0] == 'k', m, reterr);
	if (!strcmp(m->name, "values"))
		return read_values(d, m, last, reterr);
	return unknown_member(d, m->name, reterr);
}

/* What the members say together. */
static int check_decl(struct decl *d, struct skep_error **reterr)
{
	struct load_map *m = d->map;
	bool of_maps = m->type == MAP_ARRAY_OF_MAPS || m->type == MAP_HASH_OF_MAPS;

	if (!m->type)
		return refuse(d, &ERR_MAP_DECL, reterr, "type",
			      "is missing, as in __uint(type, BPF_MAP_TYPE_HASH)");
	if (d->pinning > PIN_BY_NAME || (d->pinning && d->is_inner))
		return refuse(d, &ERR_MAP_DECL, reterr, "pinning",
			      "must be LIBBPF_PIN_NONE or LIBBPF_PIN_BY_NAME, not of an inner map");
	if (d->values && !of_maps && m->type != MAP_PROG_ARRAY)
		return refuse(d, &ERR_MAP_DECL, reterr, "values",
			      "needs a map of maps, or a prog array");
	if (d->values && of_maps != (m->inner != NULL))
		return refuse(d, &ERR_MAP_DECL, reterr, "values",
			      of_maps ? "of a map of maps must declare a map" :
					"of a prog array must declare a function");
	if (m->inner && (m->inner->type == MAP_ARRAY_OF_MAPS || m->inner->type == MAP_HASH_OF_MAPS))
		return refuse(d, &ERR_MAP_DECL, reterr, "values",
			      "holds maps of maps: maps nest to one level only");
	return 0;
}

static int read_decl(struct decl *d, uint32_t type, struct skep_error **reterr)
{
	uint32_t n = btf_vlen(d->btf, type);
	struct load_map *m = d->map;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		struct btf_member member = btf_member(d->btf, type, i);

		r = read_member(d, &member, i + 1 == n, reterr);
		if (r < 0)
			return r;
	}
	m->type = (uint32_t)d->number[N_TYPE];
	m->key_size = (uint32_t)d->number[N_KEY_SIZE];
	m->value_size = (uint32_t)d->number[N_VALUE_SIZE];
	m->max_entries = (uint32_t)d->number[N_MAX_ENTRIES];
	m->flags = (uint32_t)d->number[N_FLAGS];
	m->numa_node = (uint32_t)d->number[N_NUMA_NODE];
	m->map_extra = d->number[N_MAP_EXTRA];
	d->pinning = d->number[N_PINNING];
	m->pin_by_name = d->pinning == PIN_BY_NAME;
	return check_decl(d, reterr);
}

struct load_map *map_add(struct loader *l, const char *name, enum load_map_kind kind)
{
	struct load_map *m = &l->obj->maps[l->obj->nmaps++];

	m->name = name;
	m->kind = kind;
	return m;
}

static int declare_one(struct loader *l, const struct elf_section *s, struct btf_secinfo var,
		       struct skep_error **reterr)
{
	const struct btf *btf = l->obj->btf;
	struct decl d = { .l = l, .btf = btf, .name = btf_name(btf, var.type) };
	const struct elf_symbol *sym;
	uint32_t type;
	int r;

	if (strnlen(d.name, MAX_NAME + 1) > MAX_NAME)
		return skep_fail(reterr, &ERR_NAME_LONG, at_section(l, s, var.offset),
				 "map '%.32s...' has more than %d characters", d.name, MAX_NAME);
	if (btf_kind(btf, var.type) != BTF_VAR || btf_linkage(btf, var.type) == BTF_EXTERN)
		return refuse(&d, &ERR_MAP_DECL, reterr, d.name,
			      "is not defined in this object: link the objects first");
	type = btf_strip_all(btf, btf_ref_type(btf, var.type));
	if (btf_kind(btf, type) != BTF_STRUCT)
		return refuse(&d, &ERR_MAP_DECL, reterr, d.name, "is no struct");
	sym = var_find(l, s->index, d.name);
	d.map = map_add(l, d.name, LOAD_MAP_USER);
	d.map->section = s->name;
	r = read_decl(&d, type, reterr);
	if (r < 0)
		return r;
	l->places[l->nplaces++] = (struct map_place){
		.start = var.offset,
		.size = sym ? num_max(sym->size, var.size) : var.size,
		.values = d.values,
		.map = l->obj->nmaps - 1,
	};
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct map_place *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Room for every map that can come: declarations, data sections, struct_ops variables, .kconfig. */
static int reserve(struct loader *l, uint32_t ndecls, struct skep_error **reterr)
{
	static const char *const names[] = { ".struct_ops", ".struct_ops.link" };
	const struct elf *elf = &l->obj->elf;
	size_t n = elf->nsections + ndecls + 1;

	for (size_t k = 0; l->obj->btf && k < ARRAY_SIZE(names); k++) {
		uint32_t id = btf_find(l->obj->btf, names[k], BTF_DATASEC, 0);

		n += id ? btf_vlen(l->obj->btf, id) : 0;
	}
	l->obj->maps = ARENA_ARRAY(&l->obj->arena, struct load_map, n);
	l->map_of = ARENA_ARRAY(&l->tmp, int32_t, elf->nsections);
	l->places = ARENA_ARRAY(&l->tmp, struct map_place, ndecls);
	if (!l->obj->maps || !l->map_of || !l->places)
		return skep_fail_nomem(reterr);
	memset(l->map_of, 0xff, elf->nsections * sizeof(l->map_of[0]));
	return 0;
}

int maps_declare(struct loader *l, struct skep_error **reterr)
{
	const struct elf_section *s = section_find(l, ".maps");
	const struct btf *btf = l->obj->btf;
	uint32_t id = s && btf ? btf_find(btf, ".maps", BTF_DATASEC, 0) : 0;
	uint32_t n = id ? btf_vlen(btf, id) : 0;
	int r = reserve(l, n, reterr);

	if (r < 0 || !s || !s->size)
		return r;
	if (!id) {
		skep_fail(reterr, &ERR_MAP_BTF, at_section(l, s, 0), "of '.maps'");
		skep_hint(reterr, "compile with -g, and do not strip .BTF");
		return -ERR_MAP_BTF.code;
	}
	l->maps_section = s->index;
	for (uint32_t i = 0; i < n; i++) {
		r = declare_one(l, s, btf_secinfo(btf, id, i), reterr);
		if (r < 0)
			return r;
	}
	if (l->nplaces)
		qsort(l->places, l->nplaces, sizeof(l->places[0]), by_start);
	for (uint32_t i = 1; i < l->nplaces; i++)
		if (l->places[i].start - l->places[i - 1].start < l->places[i - 1].size)
			return skep_fail(
				reterr, &ERR_MAP_DECL,
				SKEP_AT_MAP(l->obj->name, l->obj->maps[l->places[i].map].name),
				"it overlaps '%s'", l->obj->maps[l->places[i - 1].map].name);
	return 0;
}

const struct map_place *map_place_at(const struct loader *l, uint64_t off)
{
	uint32_t low = 0, high = l->nplaces;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (l->places[mid].start <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low && off - l->places[low - 1].start < l->places[low - 1].size ?
		       &l->places[low - 1] :
		       NULL;
}
