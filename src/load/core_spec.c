// SPDX-License-Identifier: Apache-2.0
/*
 * CO-RE access strings. For fields "0:1:2" says: element 0 behind the pointer, its member 1, of that
 * member 2 (or element 2 of an array); for enumerators the one number is an index; for types it is 0.
 * Kernel document bpf/llvm_reloc.rst, "CO-RE Relocations".
 */
#include <string.h>

#include "base/num.h"
#include "load/internal.h"

bool core_is_field(uint32_t kind)
{
	return kind <= BTF_CORE_FIELD_RSHIFT_U64;
}

bool core_is_type(uint32_t kind)
{
	return (kind >= BTF_CORE_TYPE_ID_LOCAL && kind <= BTF_CORE_TYPE_SIZE) ||
	       kind == BTF_CORE_TYPE_MATCHES;
}

bool core_is_enum(uint32_t kind)
{
	return kind == BTF_CORE_ENUMVAL_EXISTS || kind == BTF_CORE_ENUMVAL_VALUE;
}

/* Numbers between colons. Returns how many, or -1. */
static int read_numbers(const char *s, uint32_t *out)
{
	int n = 0;

	for (;;) {
		uint64_t v = 0;

		if (*s < '0' || *s > '9' || n == MAX_ACCESS)
			return -1;
		for (; *s >= '0' && *s <= '9'; s++) {
			v = v * 10 + (uint64_t)(*s - '0');
			if (v > INT32_MAX)
				return -1;
		}
		out[n++] = (uint32_t)v;
		if (!*s)
			return n;
		if (*s++ != ':')
			return -1;
	}
}

static bool add_part(struct core_spec *spec, struct core_part part, uint64_t bits)
{
	if (spec->nparts == MAX_ACCESS || !num_add(spec->bit_off, bits, &spec->bit_off) ||
	    spec->bit_off > (uint64_t)UINT32_MAX * 8)
		return false;
	spec->part[spec->nparts++] = part;
	return true;
}

bool core_add_element(struct core_spec *spec, uint32_t type, uint32_t idx)
{
	uint64_t bits;

	if (!num_mul(btf_size(spec->btf, type), (uint64_t)idx * 8, &bits))
		return false;
	return add_part(spec, (struct core_part){ .type = type, .idx = idx }, bits);
}

bool core_add_member(struct core_spec *spec, uint32_t type, uint32_t idx, struct btf_member m)
{
	return add_part(spec, (struct core_part){ .type = type, .idx = idx, .name = m.name },
			m.bit_off);
}

bool core_flexible(const struct btf *btf, const struct core_part *before, uint32_t array)
{
	return before->name && !btf_array_len(btf, array) &&
	       before->idx + 1 == btf_vlen(btf, before->type);
}

static const char *parse_field(struct core_spec *spec, const uint32_t *number, int n)
{
	const struct btf *btf = spec->btf;
	uint32_t id = btf_strip_all(btf, spec->root);

	if (!core_add_element(spec, id, number[0]))
		return "its offset is too large";
	for (int i = 1; i < n; i++) {
		enum btf_kind kind = btf_kind(btf, id);
		uint32_t idx = number[i];

		if (kind == BTF_STRUCT || kind == BTF_UNION) {
			struct btf_member m;

			if (idx >= btf_vlen(btf, id))
				return "it names a member that the type does not have";
			m = btf_member(btf, id, idx);
			if (*m.name) {
				if (!core_add_member(spec, id, idx, m))
					return "its offset is too large";
			} else {
				spec->bit_off += m.bit_off;
			}
			id = btf_strip_all(btf, m.type);
		} else if (kind == BTF_ARRAY) {
			const struct core_part *before = &spec->part[spec->nparts - 1];

			if (idx >= btf_array_len(btf, id) && !core_flexible(btf, before, id))
				return "it names an element that the array does not have";
			id = btf_strip_all(btf, btf_array_elem(btf, id));
			if (!core_add_element(spec, id, idx))
				return "its offset is too large";
		} else {
			return "it goes into a type that has no members";
		}
	}
	return NULL;
}

static const char *parse_enum(struct core_spec *spec, uint32_t idx)
{
	const struct btf *btf = spec->btf;
	uint32_t id = btf_strip_all(btf, spec->root);
	enum btf_kind kind = btf_kind(btf, id);

	if (kind != BTF_ENUM && kind != BTF_ENUM64)
		return "its type is no enum";
	if (idx >= btf_vlen(btf, id))
		return "it names an enumerator that the enum does not have";
	spec->part[spec->nparts++] = (struct core_part){
		.type = id, .idx = idx, .name = btf_enumerator(btf, id, idx).name
	};
	return NULL;
}

const char *core_parse(const struct btf *btf, const struct btf_core_reloc *rel,
		       struct core_spec *ret)
{
	uint32_t number[MAX_ACCESS];
	int n = read_numbers(rel->access, number);

	ret->btf = btf;
	ret->root = rel->type;
	ret->kind = rel->kind;
	ret->bit_off = 0;
	ret->nparts = 0;
	if (n < 0)
		return "it is no list of numbers";
	if (core_is_field(rel->kind))
		return parse_field(ret, number, n);
	if (n != 1)
		return "it has several numbers and names no field";
	if (core_is_enum(rel->kind))
		return parse_enum(ret, number[0]);
	return number[0] ? "it has an index and names a type" : NULL;
}

static const char *keyword(const struct btf *btf, uint32_t id)
{
	switch ((unsigned int)btf_kind(btf, id)) {
	case BTF_STRUCT:
		return "struct ";
	case BTF_UNION:
		return "union ";
	case BTF_ENUM:
	case BTF_ENUM64:
		return "enum ";
	default:
		return "";
	}
}

const char *core_describe(struct arena *a, const struct core_spec *spec)
{
	const char *root = btf_name(spec->btf, spec->root);
	struct buf b;
	const char *ret;

	buf_init(&b);
	buf_printf(&b, "%s%.100s", keyword(spec->btf, spec->root), *root ? root : "(anonymous)");
	for (uint32_t i = 0; i < spec->nparts && b.len < 256; i++) {
		const struct core_part *p = &spec->part[i];

		if (core_is_enum(spec->kind))
			buf_printf(&b, ": %.100s", p->name);
		else if (p->name)
			buf_printf(&b, ".%.100s", p->name);
		else if (i || p->idx)
			buf_printf(&b, "[%u]", p->idx);
	}
	ret = b.failed ? NULL : arena_strndup(a, buf_str(&b), num_min(b.len, 256));
	buf_done(&b);
	return ret;
}
