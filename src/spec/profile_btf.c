// SPDX-License-Identifier: Apache-2.0
/*
 * A profile from a kernel's BTF: the enumerators of bpf_func_id, bpf_map_type, bpf_prog_type and bpf_attach_type are what it has,
 * and its functions are what programs may call. The newest of them tells the version, for what BTF does not show.
 */
#include <string.h>

#include "base/num.h"
#include "spec/kfunc.h"
#include "spec/profile.h"

static const char *const kfuncs[] = {
#define KFUNC(name, ...) #name,
#include "spec/kfuncs.def"
#undef KFUNC
};

/* The names of the UAPI, in the order of their values. */
#define NAMED(value, text)    \
	{                     \
		(value), text \
	}
struct named {
	int value;
	const char *name;
};
static const struct named map_names[] = {
#define MAP_ROW(id, value, name, ...) NAMED(value, name),
#include "spec/map_types.def"
#undef MAP_ROW
};
static const struct named prog_names[] = {
#define PROG_TYPE(id, value, name, ...) NAMED(value, name),
#include "spec/prog_types.def"
#undef PROG_TYPE
};
static const struct named attach_names[] = {
#define ATTACH_TYPE(id, value, name, since) NAMED(value, name),
#include "spec/attach_types.def"
#undef ATTACH_TYPE
};

/* "BPF_MAP_TYPE_RINGBUF" behind @prefix is "ringbuf". */
static bool same(const char *upper, const char *name)
{
	for (; *upper && *name; upper++, name++) {
		char c = *upper >= 'A' && *upper <= 'Z' ? (char)(*upper - 'A' + 'a') : *upper;

		if (c != *name)
			return false;
	}
	return !*upper && !*name;
}

static const struct named *named(const struct named *rows, size_t n, const char *upper)
{
	for (size_t i = 0; i < n; i++)
		if (same(upper, rows[i].name))
			return &rows[i];
	return NULL;
}

static const char *after(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

bool spec_need_enumerator(const char *name, struct spec_need *ret)
{
	const struct spec_helper *h;
	const struct named *row;
	const char *rest;

	rest = after(name, "BPF_FUNC_");
	if (rest) {
		h = spec_helper_find(rest);
		if (h)
			*ret = spec_need_helper(h->id, -1);
		return h;
	}
	rest = after(name, "BPF_MAP_TYPE_");
	if (rest) {
		row = named(map_names, ARRAY_SIZE(map_names), rest);
		if (row)
			*ret = spec_need_map_type(row->value);
		return row;
	}
	rest = after(name, "BPF_PROG_TYPE_");
	if (rest) {
		row = named(prog_names, ARRAY_SIZE(prog_names), rest);
		if (row)
			*ret = spec_need_prog_type(row->value);
		return row;
	}
	rest = after(name, "BPF_");
	row = rest ? named(attach_names, ARRAY_SIZE(attach_names), rest) : NULL;
	if (row)
		*ret = spec_need_attach_type(row->value);
	return row;
}

static void newest(uint32_t *version, struct spec_need need)
{
	if (need.since != SPEC_NEVER && need.since > *version)
		*version = need.since;
}

/* The values of an enum, as bits; those that the tables do not know are newer than they. */
static void read_enum(const struct btf *btf, const char *name, int count, uint64_t *set)
{
	for (uint32_t id = btf_find(btf, name, BTF_ENUM, 0); id;
	     id = btf_find(btf, name, BTF_ENUM, id))
		for (uint32_t i = 0; i < btf_vlen(btf, id); i++) {
			int64_t value = btf_enumerator(btf, id, i).value;

			if (value >= 0 && value < count &&
			    !strstr(btf_enumerator(btf, id, i).name, "MAX"))
				set[value / 64] |= 1ull << (value % 64);
		}
}

uint32_t spec_kernel_read(const struct btf *btf, struct spec_kernel_has *ret)
{
	uint32_t version = 0;

	*ret = (struct spec_kernel_has){ .btf = btf };
	read_enum(btf, "bpf_func_id", HELPER_COUNT, ret->helpers);
	read_enum(btf, "bpf_map_type", MAP_TYPE_COUNT, &ret->maps);
	read_enum(btf, "bpf_prog_type", PROG_TYPE_COUNT, &ret->progs);
	read_enum(btf, "bpf_attach_type", ATTACH_TYPE_COUNT, &ret->attaches);
	for (int i = 1; i < HELPER_COUNT; i++)
		if (ret->helpers[i / 64] >> (i % 64) & 1)
			newest(&version, spec_need_helper(i, -1));
	for (int i = 1; i < MAP_TYPE_COUNT; i++)
		if (ret->maps >> i & 1)
			newest(&version, spec_need_map_type(i));
	for (int i = 1; i < PROG_TYPE_COUNT; i++)
		if (ret->progs >> i & 1)
			newest(&version, spec_need_prog_type(i));
	for (int i = 0; i < ATTACH_TYPE_COUNT; i++)
		if (ret->attaches >> i & 1)
			newest(&version, spec_need_attach_type(i));
	for (size_t i = 0; i < ARRAY_SIZE(kfuncs); i++)
		if (strncmp(kfuncs[i], "bpf_", 4) == 0 && btf_find(btf, kfuncs[i], BTF_FUNC, 0))
			newest(&version, spec_need_kfunc(kfuncs[i], -1));
	return version;
}
