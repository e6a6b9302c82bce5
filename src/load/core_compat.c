// SPDX-License-Identifier: Apache-2.0
/*
 * When a local type and one of the target may stand for each other. Two measures, as libbpf documents them:
 * compatible (names count only where enums and forward declarations are fields; used by accesses and
 * type existence) and matching (bpf_core_type_matches: the local type must be part of the target's).
 * Modifiers and typedefs do not count. Recursion is at most MAX_DEPTH deep, and every step is counted.
 */
#include <string.h>

#include "load/internal.h"

int core_step(struct core *c)
{
	return ++c->steps > MAX_CORE_STEPS ? -E2BIG : 0;
}

static bool is_enum(enum btf_kind kind)
{
	return kind == BTF_ENUM || kind == BTF_ENUM64;
}

static bool is_composite(enum btf_kind kind)
{
	return kind == BTF_STRUCT || kind == BTF_UNION;
}

bool core_kinds_match(enum btf_kind a, enum btf_kind b)
{
	return a == b || (is_enum(a) && is_enum(b));
}

/*
 * Length of a name without its flavour: "foo___v2" is a foo. The separator of three underscores stands
 * between characters that are none; the last one counts. More than MAX_NAME: too long to match.
 */
size_t core_essential(const char *name)
{
	size_t n = strnlen(name, MAX_NAME + 1);

	if (n > MAX_NAME)
		return n;
	for (size_t i = n >= 5 ? n - 4 : 0; i-- > 0;)
		if (name[i] != '_' && !memcmp(name + i + 1, "___", 3) && name[i + 4] != '_')
			return i + 1;
	return n;
}

bool core_names_match(const char *a, const char *b)
{
	size_t n = core_essential(a);

	return n <= MAX_NAME && n == core_essential(b) && !memcmp(a, b, n);
}

int core_fields_compatible(struct core *c, uint32_t local, uint32_t target)
{
	for (unsigned int depth = 0; depth <= MAX_DEPTH; depth++) {
		const char *a, *b;
		enum btf_kind kind;

		local = btf_strip_all(c->local, local);
		target = btf_strip_all(c->target, target);
		kind = btf_kind(c->local, local);
		if (core_step(c) < 0)
			return -E2BIG;
		if (is_composite(kind) && is_composite(btf_kind(c->target, target)))
			return 1;
		if (!core_kinds_match(kind, btf_kind(c->target, target)))
			return 0;
		switch ((unsigned int)kind) {
		case BTF_PTR:
		case BTF_FLOAT:
			return 1;
		case BTF_FWD:
		case BTF_ENUM:
		case BTF_ENUM64:
			a = btf_name(c->local, local);
			b = btf_name(c->target, target);
			return !*a || !*b || core_names_match(a, b);
		case BTF_INT:
			return !btf_int_offset(c->local, local) &&
			       !btf_int_offset(c->target, target);
		case BTF_ARRAY:
			local = btf_array_elem(c->local, local);
			target = btf_array_elem(c->target, target);
			break;
		default:
			return 0;
		}
	}
	return 0;
}

static int protos_compatible(struct core *c, uint32_t local, uint32_t target, unsigned int depth)
{
	uint32_t n = btf_vlen(c->local, local);

	if (n != btf_vlen(c->target, target))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		int r = core_types_compatible(c, btf_param(c->local, local, i).type,
					      btf_param(c->target, target, i).type, depth + 1);

		if (r <= 0)
			return r;
	}
	return core_types_compatible(c, btf_ref_type(c->local, local),
				     btf_ref_type(c->target, target), depth + 1);
}

int core_types_compatible(struct core *c, uint32_t local, uint32_t target, unsigned int depth)
{
	for (; depth <= MAX_DEPTH; depth++) {
		enum btf_kind kind;

		local = btf_strip_all(c->local, local);
		target = btf_strip_all(c->target, target);
		kind = btf_kind(c->local, local);
		if (core_step(c) < 0)
			return -E2BIG;
		if (!core_kinds_match(kind, btf_kind(c->target, target)))
			return 0;
		switch ((unsigned int)kind) {
		case BTF_VOID:
		case BTF_STRUCT:
		case BTF_UNION:
		case BTF_ENUM:
		case BTF_ENUM64:
		case BTF_FWD:
		case BTF_FLOAT:
			return 1;
		case BTF_INT:
			return !btf_int_offset(c->local, local) &&
			       !btf_int_offset(c->target, target);
		case BTF_PTR:
			local = btf_ref_type(c->local, local);
			target = btf_ref_type(c->target, target);
			break;
		case BTF_ARRAY:
			local = btf_array_elem(c->local, local);
			target = btf_array_elem(c->target, target);
			break;
		case BTF_FUNC_PROTO:
			return protos_compatible(c, local, target, depth);
		default:
			return 0;
		}
	}
	return 0;
}

static int match(struct core *c, uint32_t local, uint32_t target, bool behind, unsigned int depth);

static int enums_match(struct core *c, uint32_t local, uint32_t target)
{
	uint32_t n = btf_vlen(c->local, local), m = btf_vlen(c->target, target);

	if (!is_enum(btf_kind(c->target, target)) ||
	    btf_raw_size(c->local, local) != btf_raw_size(c->target, target) || n > m)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		const char *name = btf_enumerator(c->local, local, i).name;
		uint32_t k = 0;

		for (; k < m; k++) {
			if (core_step(c) < 0)
				return -E2BIG;
			if (core_names_match(name, btf_enumerator(c->target, target, k).name))
				break;
		}
		if (k == m)
			return 0;
	}
	return 1;
}

static int member_matches(struct core *c, struct btf_member have, uint32_t target, bool behind,
			  unsigned int depth)
{
	uint32_t m = btf_vlen(c->target, target);

	for (uint32_t k = 0; k < m; k++) {
		struct btf_member other = btf_member(c->target, target, k);
		int r;

		if (core_step(c) < 0)
			return -E2BIG;
		if (!core_names_match(have.name, other.name))
			continue;
		r = match(c, have.type, other.type, behind, depth + 1);
		if (r)
			return r;
	}
	return 0;
}

static int composites_match(struct core *c, uint32_t local, uint32_t target, bool behind,
			    unsigned int depth)
{
	uint32_t n = btf_vlen(c->local, local);

	if (n > btf_vlen(c->target, target))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		int r = member_matches(c, btf_member(c->local, local, i), target, behind, depth);

		if (r <= 0)
			return r;
	}
	return 1;
}

/* A struct, union or forward declaration of one. Behind a pointer the kind is all that counts. */
static int records_match(struct core *c, uint32_t local, uint32_t target, bool behind,
			 unsigned int depth)
{
	enum btf_kind a = btf_kind(c->local, local), b = btf_kind(c->target, target);
	bool a_union = a == BTF_UNION || (a == BTF_FWD && btf_kflag(c->local, local));
	bool b_union = b == BTF_UNION || (b == BTF_FWD && btf_kflag(c->target, target));

	if ((!is_composite(b) && b != BTF_FWD) || a_union != b_union)
		return 0;
	if (behind)
		return 1;
	if (a != b)
		return 0;
	return a == BTF_FWD ? 1 : composites_match(c, local, target, behind, depth);
}

static int protos_match(struct core *c, uint32_t local, uint32_t target, bool behind,
			unsigned int depth)
{
	uint32_t n = btf_vlen(c->local, local);

	if (n != btf_vlen(c->target, target))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		int r = match(c, btf_param(c->local, local, i).type,
			      btf_param(c->target, target, i).type, behind, depth + 1);

		if (r <= 0)
			return r;
	}
	return match(c, btf_ref_type(c->local, local), btf_ref_type(c->target, target), behind,
		     depth + 1);
}

static bool ints_match(const struct core *c, uint32_t local, uint32_t target)
{
	unsigned int a = btf_int_encoding(c->local, local), b = btf_int_encoding(c->target, target);

	return btf_int_bits(c->local, local) == btf_int_bits(c->target, target) &&
	       (a & BTF_INT_SIGNED) == (b & BTF_INT_SIGNED);
}

static int match(struct core *c, uint32_t local, uint32_t target, bool behind, unsigned int depth)
{
	for (; depth <= MAX_DEPTH; depth++) {
		enum btf_kind kind, other;

		local = btf_strip_all(c->local, local);
		target = btf_strip_all(c->target, target);
		kind = btf_kind(c->local, local);
		other = btf_kind(c->target, target);
		if (core_step(c) < 0)
			return -E2BIG;
		if (!core_names_match(btf_name(c->local, local), btf_name(c->target, target)))
			return 0;
		if (is_enum(kind))
			return enums_match(c, local, target);
		if (is_composite(kind) || kind == BTF_FWD)
			return records_match(c, local, target, behind, depth);
		if (kind != other)
			return 0;
		switch ((unsigned int)kind) {
		case BTF_VOID:
			return 1;
		case BTF_INT:
			return ints_match(c, local, target);
		case BTF_PTR:
			behind = true;
			local = btf_ref_type(c->local, local);
			target = btf_ref_type(c->target, target);
			break;
		case BTF_ARRAY:
			if (btf_array_len(c->local, local) != btf_array_len(c->target, target))
				return 0;
			local = btf_array_elem(c->local, local);
			target = btf_array_elem(c->target, target);
			break;
		case BTF_FUNC_PROTO:
			return protos_match(c, local, target, behind, depth);
		default:
			return 0;
		}
	}
	return 0;
}

int core_types_match(struct core *c, uint32_t local, uint32_t target)
{
	return match(c, local, target, false, 0);
}
