// SPDX-License-Identifier: Apache-2.0
/*
 * A context that is an array of arguments, 8 bytes each, which BTF describes: of a tracepoint, a function and what it returned,
 * an LSM hook, an iterator, a struct_ops member. Pointers to structs yield objects; numbers, and pointers to numbers or void,
 * yield numbers. Kernel documents bpf/kfuncs.rst (trusted pointers) and bpf/bpf_iterators.rst.
 */
#include <stdio.h>

#include "verify/walk.h"

#define NAME 96

/* The prototype of what the program is attached to; *ret_first is its first argument that programs see. 0: unknown. */
static uint32_t prototype(const struct verifier *v, uint32_t *ret_first, const char **ret_name)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t id = v->o->attach_btf_id, t;

	*ret_first = 0;
	*ret_name = v->o->attach_name ? v->o->attach_name : "";
	if (!b || !id || id >= btf_count(b))
		return 0;
	if (v->o->prog_type == PROG_STRUCT_OPS)
		return struct_ops_proto(v, ret_name);
	if (btf_kind(b, id) == BTF_FUNC) {
		*ret_name = btf_name(b, id);
		return btf_strip_all(b, btf_ref_type(b, id));
	}
	if (btf_kind(b, id) != BTF_TYPEDEF) /* btf_trace_<name>: a pointer to its function */
		return btf_kind(b, id) == BTF_FUNC_PROTO ? id : 0;
	*ret_first = 1;
	t = btf_strip_all(b, id);
	if (btf_kind(b, t) != BTF_PTR)
		return 0;
	t = btf_strip_all(b, btf_ref_type(b, t));
	return btf_kind(b, t) == BTF_FUNC_PROTO ? t : 0;
}

static uint32_t slots_of(const struct btf *b, uint32_t type)
{
	uint64_t size = btf_kind(b, btf_strip_all(b, type)) == BTF_PTR ? 8 : btf_size(b, type);

	return size > 8 ? (uint32_t)((size + 7) / 8) : 1;
}

/* Hooks where the object is not yet or no longer in use. */
static bool is_half_dead(const struct verifier *v)
{
	static const char *const hooks[] = {
		"bpf_map_free",	      "bpf_prog_free",	   "file_alloc_security",
		"file_free_security", "sk_alloc_security", "sk_free_security",
		"task_free"
	};
	const char *name = v->o->attach_name ? v->o->attach_name : "";

	for (size_t i = 0; v->o->prog_type == PROG_LSM && i < ARRAY_SIZE(hooks); i++)
		if (strcmp(hooks[i], name) == 0)
			return true;
	return false;
}

/* Its objects are alive as long as the program runs. */
static bool is_trusted(const struct verifier *v)
{
	switch (v->o->prog_type) {
	case PROG_TRACING:
		return v->o->attach_type == ATTACH_TRACE_RAW_TP ||
		       v->o->attach_type == ATTACH_TRACE_ITER;
	default:
		return v->o->prog_type == PROG_LSM || v->o->prog_type == PROG_STRUCT_OPS;
	}
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

static int load_pointer(struct verifier *v, const struct access *a, uint32_t ptr, const char *param,
			uint32_t number, bool result)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t target = btf_strip_all(b, btf_ref_type(b, ptr));
	struct reg *dst = reg_at(v, (unsigned int)a->value);
	unsigned int flags = is_trusted(v) && !result && !is_half_dead(v) ? F_TRUSTED : 0;

	if (!target && v->o->attach_type == ATTACH_TRACE_ITER &&
	    (strcmp(param, "key") == 0 || strcmp(param, "value") == 0)) {
		reg_pointer(dst, T_BUF, *param == 'k' ? F_NULL | F_RDONLY : F_NULL);
		dst->id = next_id(v);
		return 0;
	}
	if (!btf_is_composite(b, target)) {
		reg_unknown(dst);
		return 0;
	}
	/* an iterator's objects are absent at its end, its first argument is not */
	if ((v->o->attach_type == ATTACH_TRACE_ITER && number > 0) ||
	    ends_with(param, "__nullable") ||
	    (v->o->prog_type == PROG_STRUCT_OPS && struct_ops_may_be_null(v, number)))
		flags |= F_NULL;
	if (v->o->prog_type == PROG_STRUCT_OPS)
		target = struct_ops_object(v, target);
	reg_pointer(dst, T_BTF, flags);
	dst->btf = b;
	dst->btf_id = target;
	if (flags & F_NULL)
		dst->id = next_id(v);
	return 0;
}

HOT static int load(struct verifier *v, const struct access *a, uint32_t off, uint32_t type,
		    const char *param, uint32_t number, bool result)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t t = btf_strip_all(b, type);

	if (btf_kind(b, t) == BTF_PTR) {
		if (a->size != 8 || a->sign)
			return reject(v, &ERR_CTX_ACCESS,
				      "invalid bpf_context access off=%u size=%u", off, a->size);
		return a->value < 0 ? 0 : load_pointer(v, a, t, param, number, result);
	}
	if (a->value >= 0)
		reg_unknown(reg_at(v, (unsigned int)a->value));
	return 0;
}

int ctx_argument(struct verifier *v, const struct access *a, uint32_t off)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t first, at = 0, proto;
	const char *name;
	bool result;

	proto = prototype(v, &first, &name);
	if (!proto) {
		if (a->write || off % 8 || a->size != 8)
			return reject(v, &ERR_CTX_ACCESS,
				      "invalid bpf_context access off=%u size=%u", off, a->size);
		if (a->value >= 0)
			reg_unknown(reg_at(v, (unsigned int)a->value));
		return 0;
	}
	if (a->write)
		return reject(v, &ERR_CTX_ACCESS, "invalid bpf_context access off=%u size=%u", off,
			      a->size);
	if (off % 8)
		return reject(v, &ERR_CTX_ACCESS, "func '%s' offset %u is not multiple of 8", name,
			      off);
	for (uint32_t i = first; i < btf_vlen(b, proto); i++) {
		struct btf_param p = btf_param(b, proto, i);
		uint32_t n = slots_of(b, p.type);

		if (off / 8 < at + n)
			return load(v, a, off, p.type, p.name ? p.name : "", i - first, false);
		at += n;
	}
	result = v->o->attach_type == ATTACH_TRACE_FEXIT ||
		 v->o->attach_type == ATTACH_MODIFY_RETURN ||
		 v->o->attach_type == ATTACH_LSM_CGROUP;
	if (result && off / 8 == at && btf_ref_type(b, proto))
		return load(v, a, off, btf_ref_type(b, proto), "", at, true);
	return reject(v, &ERR_CTX_ACCESS, "func '%s' doesn't have %u-th argument", name,
		      off / 8 + 1);
}
