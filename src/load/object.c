// SPDX-License-Identifier: Apache-2.0
/*
 * load_open(): the phases from bytes to a description, in order. What lives as long as the object is in its
 * arena; what only the phases need is in the loader's, which ends here.
 */
#include <stdlib.h>
#include <string.h>

#include "load/internal.h"

/* All that a hostile file can make us keep; programs are at most MAX_OBJECT_INSNS with their lines. */
#define ARENA_LIMIT ((size_t)384 << 20)

static int read_license(struct loader *l, struct skep_error **reterr)
{
	const struct elf_section *s = section_find(l, "license");
	size_t n;

	l->obj->license = "";
	if (!s || !s->data)
		return 0;
	n = strnlen((const char *)s->data, s->size);
	if (n == s->size || n > MAX_NAME)
		return skep_fail(reterr, &ERR_LICENSE, at_section(l, s, 0),
				 "%" PRIu64 " bytes without a NUL among the first %d", s->size,
				 MAX_NAME);
	l->obj->license = (const char *)s->data;
	return 0;
}

static int read_btf(struct loader *l, struct skep_error **reterr)
{
	const struct elf_section *btf = section_find(l, ".BTF"), *ext = section_find(l, ".BTF.ext");
	struct load_obj *obj = l->obj;
	int r;

	if (!btf || !btf->data)
		return 0;
	r = btf_open(btf->data, btf->size, obj->name, &obj->btf, reterr);
	if (r < 0 || !ext || !ext->data)
		return r;
	r = btf_ext_open(&obj->ext, ext->data, ext->size, obj->btf, obj->name, reterr);
	obj->has_ext = r == 0;
	return r;
}

static int run_phases(struct loader *l, struct skep_error **reterr)
{
	static int (*const phases[])(struct loader *, struct skep_error **) = {
		sections_index,	      read_license,	read_btf,  functions_read,
		data_place_variables, maps_declare,	data_maps, struct_ops_maps,
		externs_read,	      core_relocate,	refs_read, progs_make,
		maps_fill_slots,      struct_ops_progs,
	};
	int r = elf_check_bpf(&l->obj->elf, reterr);

	for (size_t i = 0; r == 0 && i < sizeof(phases) / sizeof(phases[0]); i++)
		r = phases[i](l, reterr);
	return r;
}

int load_open(const void *data, size_t size, const char *name, const struct load_opts *opts,
	      struct load_obj **ret, struct skep_error **reterr)
{
	static const struct load_opts none;
	struct load_obj *obj = calloc(1, sizeof(*obj));
	struct loader l = { .obj = obj, .opts = opts ? opts : &none, .kconfig_map = -1 };
	int r;

	if (!obj)
		return skep_fail_nomem(reterr);
	arena_init(&obj->arena, ARENA_LIMIT);
	obj->name = arena_strdup(&obj->arena, name);
	obj->bytes = malloc(size ? size : 1);
	if (!obj->name || !obj->bytes) {
		load_close(obj);
		return skep_fail_nomem(reterr);
	}
	if (size)
		memcpy(obj->bytes, data, size);
	r = elf_open(&obj->elf, obj->bytes, size, obj->name, reterr);
	if (r < 0) {
		memset(&obj->elf, 0, sizeof(obj->elf));
		load_close(obj);
		return r;
	}
	obj->swapped = obj->elf.swap;
	arena_init(&l.tmp, ARENA_LIMIT);
	r = run_phases(&l, reterr);
	arena_done(&l.tmp);
	if (r < 0) {
		load_close(obj);
		return r;
	}
	*ret = obj;
	return 0;
}

void load_close(struct load_obj *obj)
{
	if (!obj)
		return;
	if (obj->has_ext)
		btf_ext_close(&obj->ext);
	btf_unref(obj->btf);
	if (obj->elf.data)
		elf_close(&obj->elf);
	arena_done(&obj->arena);
	free(obj->bytes);
	free(obj);
}

/* Where the function that holds @insn starts. */
static uint32_t start_of(const struct load_prog *prog, uint32_t insn)
{
	uint32_t low = 0, high = prog->nfuncs;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (prog->funcs[mid].start <= insn)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? prog->funcs[low - 1].start : 0;
}

const struct load_line *load_line_at(const struct load_prog *prog, uint32_t insn)
{
	uint32_t low = 0, high = prog->nlines;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (prog->lines[mid].insn <= insn)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || insn >= prog->ninsns || prog->lines[low - 1].insn < start_of(prog, insn))
		return NULL;
	return &prog->lines[low - 1];
}

const struct load_poison *load_poison_at(const struct load_prog *prog, uint32_t insn)
{
	uint32_t low = 0, high = prog->npoisons;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (prog->poisons[mid].insn == insn)
			return &prog->poisons[mid];
		if (prog->poisons[mid].insn < insn)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}
