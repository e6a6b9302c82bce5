// SPDX-License-Identifier: Apache-2.0
/*
 * Arguments of kernel functions, by their BTF and the suffixes of their names: __k a constant, __sz and __szk the size of the memory
 * before it, __opt and __nullable may be NULL, __str a constant string, __map a map, __ign anything, __uninit a new dynptr. A pointer
 * to a struct is an object of that type, or, where the struct holds only numbers, memory. Kernel document bpf/kfuncs.rst.
 */
#include <stdio.h>

#include "verify/kcall.h"

static bool suffix(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

static const char *param_name(const struct kcall *k, uint32_t i)
{
	const char *name = i < k->nargs ? btf_param(k->btf, k->proto, i).name : NULL;

	return name ? name : "";
}

static bool is_size_of(const struct kcall *k, uint32_t i)
{
	return suffix(param_name(k, i), "__sz") || suffix(param_name(k, i), "__szk");
}

static int number(struct verifier *v, struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);
	const char *name = param_name(k, i);
	bool size = suffix(name, "__szk");

	if (r->type != T_SCALAR)
		return reject(v, &ERR_ARGUMENT, "R%u is not a scalar", i + 1);
	if (!size && !suffix(name, "__k") && strcmp(name, "rdonly_buf_size") != 0 &&
	    strcmp(name, "rdwr_buf_size") != 0)
		return 0;
	if (!scalar_is_const(&r->s))
		return reject(v, &ERR_ARGUMENT, "R%u must be a known constant", i + 1);
	*(size ? &k->size : &k->konst) = scalar_value(&r->s);
	return precise_reg(v, i + 1);
}

/* A struct that holds nothing but numbers may be memory of the program. */
static bool plain(const struct btf *b, uint32_t id, unsigned int depth)
{
	id = btf_strip_all(b, id);
	switch ((int)btf_kind(b, id)) {
	case BTF_INT:
	case BTF_ENUM:
	case BTF_ENUM64:
	case BTF_FLOAT:
		return true;
	case BTF_ARRAY:
		return plain(b, btf_array_elem(b, id), depth);
	case BTF_STRUCT:
	case BTF_UNION:
		break;
	default:
		return false;
	}
	for (uint32_t i = 0; i < btf_vlen(b, id); i++)
		if (depth >= 4 || !plain(b, btf_member(b, id, i).type, depth + 1))
			return false;
	return true;
}

/* Is there a @want at this offset of the type: itself, or a member, or a member's? */
static bool holds(const struct btf *b, uint32_t id, uint64_t off, uint32_t want)
{
	for (unsigned int depth = 0; depth < 16; depth++) {
		uint64_t size;
		uint32_t n, i = 0;

		id = btf_strip_all(b, id);
		if (!off && id == want)
			return true;
		if (btf_kind(b, id) == BTF_ARRAY) {
			id = btf_array_elem(b, id);
			size = btf_size(b, id);
			off = size ? off % size : 0;
			continue;
		}
		if (btf_kind(b, id) != BTF_STRUCT && btf_kind(b, id) != BTF_UNION)
			return false;
		for (n = btf_vlen(b, id); i < n; i++) {
			struct btf_member m = btf_member(b, id, i);

			size = btf_size(b, m.type);
			if (m.bit_size || off < m.bit_off / 8 || off >= m.bit_off / 8 + size)
				continue;
			off -= m.bit_off / 8;
			id = m.type;
			break;
		}
		if (i == n)
			return false;
	}
	return false;
}

/* One of two names is the other's with "___init": an object that is not in use yet. */
static bool only_alias(const char *a, const char *b)
{
	return suffix(a, "___init") != suffix(b, "___init") &&
	       strncmp(a, b, strlen(a) < strlen(b) ? strlen(a) : strlen(b)) == 0;
}

static const char *socket_type(const struct reg *r)
{
	return r->type == T_SOCKET	? "sock" :
	       r->type == T_SOCK_COMMON ? "sock_common" :
	       r->type == T_TCP_SOCK	? "tcp_sock" :
					  NULL;
}

static bool fits(const struct kcall *k, const struct reg *r, uint32_t want)
{
	const char *name = btf_name(k->btf, want), *sock = socket_type(r), *have;
	uint32_t id = sock ? btf_find(k->btf, sock, BTF_STRUCT, 0) : r->btf_id;

	if (!sock && r->btf != k->btf)
		return false;
	have = btf_name(k->btf, id);
	/* the kernel's own type of a context stands for what programs see of it */
	if ((strcmp(name, "__sk_buff") == 0 && strcmp(have, "sk_buff") == 0) ||
	    (strcmp(name, "xdp_md") == 0 && strcmp(have, "xdp_buff") == 0))
		return true;
	if (k->rule->flags & KFUNC_F_ACQUIRE || (k->rule->flags & KFUNC_F_RELEASE && r->ref) ||
	    only_alias(name, have))
		return !r->off && id == want;
	return r->off >= 0 && holds(k->btf, id, (uint64_t)r->off, want);
}

#define SAFE_FLAGS (F_TRUSTED | F_ALLOC | F_NON_OWN)

static int trusted(struct verifier *v, const struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);
	unsigned int flags = k->rule->flags;

	if (r->ref || socket_type(r) ||
	    (r->flags & (F_TRUSTED | F_ALLOC | F_NON_OWN) && !(r->flags & ~SAFE_FLAGS)))
		return 0;
	if (!(flags & (KFUNC_F_TRUSTED | KFUNC_F_RCU | KFUNC_F_RELEASE | KFUNC_F_ITER_NEW)))
		return 0;
	if (flags & KFUNC_F_RCU || (flags & KFUNC_F_ITER_NEW && r->flags & F_RCU)) {
		if (r->flags & F_RCU)
			return 0;
		return reject(v, &ERR_ARGUMENT, "R%u must be a rcu pointer", i + 1);
	}
	if (flags & KFUNC_F_ITER_NEW && !(flags & KFUNC_F_TRUSTED))
		return 0;
	return reject(v, &ERR_ARGUMENT, "R%u must be referenced or trusted", i + 1);
}

static int object(struct verifier *v, struct kcall *k, uint32_t i, uint32_t target)
{
	const struct reg *r = reg_at(v, i + 1);
	char name[TYPE_NAME];
	int err = trusted(v, k, i);

	if (err < 0)
		return err;
	if (r->type == T_BTF && r->flags & ~SAFE_FLAGS && !(r->flags & F_RCU))
		return reject(v, &ERR_ARGUMENT, "arg#%u is %s expected ptr_ or socket", i,
			      type_name(v, r->type, r->flags, name, sizeof(name)));
	if (!fits(k, r, target))
		return reject(
			v, &ERR_ARGUMENT,
			"kernel function %s args#%u expected pointer to STRUCT %s but R%u has a pointer to STRUCT %s",
			k->name, i, btf_name(k->btf, target), i + 1,
			socket_type(r) ? socket_type(r) :
			r->btf	       ? btf_name(r->btf, r->btf_id) :
					 "");
	if (!k->has_object) {
		k->object = *r;
		k->has_object = true;
	}
	return 0;
}

/* Memory of a size, that the function may read and write. */
static int memory(struct verifier *v, uint32_t i, uint64_t size, bool rdonly, bool zero_ok)
{
	int err = helper_memory(v, i + 1, size, false, false, zero_ok);

	return err < 0 || rdonly ? err : helper_memory(v, i + 1, size, true, false, zero_ok);
}

static bool is_const(const struct btf *b, uint32_t ptr)
{
	uint32_t t = btf_ref_type(b, ptr);

	for (unsigned int n = 0; t && n < 8; n++, t = btf_ref_type(b, t)) {
		if (btf_kind(b, t) == BTF_CONST)
			return true;
		if (btf_kind(b, t) != BTF_VOLATILE && btf_kind(b, t) != BTF_TYPEDEF &&
		    btf_kind(b, t) != BTF_RESTRICT && btf_kind(b, t) != BTF_TYPE_TAG)
			return false;
	}
	return false;
}

static int sized(struct verifier *v, struct kcall *k, uint32_t i, uint32_t ptr)
{
	const struct reg *size = reg_at(v, i + 2);
	int err = use_reg(v, i + 2);

	if (err < 0)
		return err;
	if (size->type != T_SCALAR)
		return reject(v, &ERR_ARGUMENT, "R%u is not a scalar", i + 2);
	if (reg_is_null(reg_at(v, i + 1)) && suffix(param_name(k, i), "__opt"))
		return 0;
	if (size->s.smin < 0)
		return reject(v, &ERR_ARGUMENT,
			      "R%u min value is negative, either use unsigned or 'var &= const'",
			      i + 2);
	if (size->s.umax >= 1u << 29)
		return reject(
			v, &ERR_ARGUMENT,
			"R%u unbounded memory access, use 'var &= const' or 'if (var < const)'",
			i + 2);
	err = memory(v, i, size->s.umax, is_const(k->btf, ptr), true);
	if (err < 0) {
		say_always(v, "arg#%u arg#%u memory, len pair leads to invalid memory access\n", i,
			   i + 1);
		return err;
	}
	return precise_reg(v, i + 2);
}

static bool is_context(const struct verifier *v, const char *name)
{
	switch (v->o->prog_type) {
	case PROG_XDP:
		return strcmp(name, "xdp_md") == 0 || strcmp(name, "xdp_buff") == 0;
	case PROG_SK_SKB:
	case PROG_SCHED_CLS:
	case PROG_SCHED_ACT:
	case PROG_SOCKET_FILTER:
	case PROG_CGROUP_SKB:
	case PROG_LWT_IN:
	case PROG_LWT_OUT:
	case PROG_LWT_XMIT:
	case PROG_LWT_SEG6LOCAL:
		return strcmp(name, "__sk_buff") == 0 || strcmp(name, "sk_buff") == 0;
	default:
		return false;
	}
}

static int context(struct verifier *v, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);

	if (r->type != T_CTX)
		return reject(v, &ERR_ARGUMENT, "arg#%u expected pointer to ctx, but got %s", i,
			      r->type == T_STACK ? "fp" : "another");
	return mem_fixed(v, i + 1, false);
}

static int map(struct verifier *v, const struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);
	bool object = r->type == T_BTF && r->btf == v->o->kernel_btf &&
		      strcmp(btf_name(r->btf, r->btf_id), "bpf_map") == 0;

	if (r->type == T_BTF && !object)
		return reject(
			v, &ERR_ARGUMENT,
			"kernel function %s args#%u expected pointer to STRUCT bpf_map but R%u has a pointer to STRUCT %s",
			k->name, i, i + 1, btf_name(r->btf, r->btf_id));
	if (r->type != T_MAP_PTR && !(object && r->flags & F_TRUSTED && !(r->flags & F_NULL)))
		return reject(v, &ERR_ARGUMENT, "pointer in R%u isn't map pointer", i + 1);
	return work_map(v, k, i);
}

static int new_dynptr(struct verifier *v, const struct kcall *k, uint32_t i)
{
	if (reg_at(v, i + 1)->type != T_STACK)
		return reject(v, &ERR_DYNPTR,
			      "arg#%u expected pointer to stack or const struct bpf_dynptr", i);
	if (kfunc_is(k, "bpf_dynptr_from_skb"))
		return dynptr_make(v, i + 1, DYNPTR_SKB);
	if (kfunc_is(k, "bpf_dynptr_from_xdp"))
		return dynptr_make(v, i + 1, DYNPTR_XDP);
	if (kfunc_is(k, "bpf_dynptr_from_skb_meta"))
		return dynptr_make(v, i + 1, DYNPTR_SKB_META);
	if (kfunc_is(k, "bpf_dynptr_clone"))
		return dynptr_copy(v, i + 1, k->dynptr, k->dynptr_ref);
	return reject(v, &ERR_UNSERVED, "dynptrs made by kernel function %s", k->name);
}

static int to_struct(struct verifier *v, struct kcall *k, uint32_t i, uint32_t ptr, uint32_t target)
{
	struct reg *r = reg_at(v, i + 1);
	const char *name = btf_name(k->btf, target);
	struct call c = { .func = UINT32_MAX };
	static const struct spec_helper none;
	int err;

	if (!i && k->rule->flags & (KFUNC_F_ITER_NEW | KFUNC_F_ITER_NEXT | KFUNC_F_ITER_DESTROY))
		return iter_argument(v, k, target);
	if (strcmp(name, "bpf_dynptr") == 0 || strcmp(name, "bpf_dynptr_kern") == 0) {
		if (suffix(param_name(k, i), "__uninit"))
			return new_dynptr(v, k, i);
		if (r->type != T_STACK && r->type != T_DYNPTR)
			return reject(v, &ERR_DYNPTR,
				      "arg#%u expected pointer to stack or const struct bpf_dynptr",
				      i);
		c.proto = &none;
		err = dynptr_argument(v, &c, i + 1, ARG_DYNPTR);
		k->dynptr_id = c.dynptr_id;
		k->dynptr_ref = c.dynptr_ref;
		k->dynptr = c.dynptr;
		return err;
	}
	if (is_context(v, name))
		return context(v, i);
	err = graph_argument(v, k, i, name);
	if (!err)
		err = lock_argument(v, k, i, name);
	if (!err)
		err = work_argument(v, k, i, name);
	if (err)
		return err < 0 ? err : 0;
	if (r->type == T_BTF || socket_type(r))
		return object(v, k, i, target);
	if (!plain(k->btf, target, 0))
		return reject(
			v, &ERR_ARGUMENT,
			"arg#%u pointer type STRUCT %s must point to scalar, or struct with scalar",
			i, name);
	return memory(v, i, btf_size(k->btf, target), is_const(k->btf, ptr), false);
}

/* What a pointer argument may have been moved by. */
static int offset(struct verifier *v, const struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);

	if (k->rule->flags & KFUNC_F_RELEASE && r->ref) {
		if (r->off)
			return reject(
				v, &ERR_RELEASE,
				"R%u must have zero offset when passed to release func or trusted arg to kfunc",
				i + 1);
		return mem_fixed(v, i + 1, false);
	}
	switch ((int)r->type) {
	case T_BTF:
		return mem_fixed(v, i + 1,
				 !(r->flags & (F_NULL | F_UNTRUSTED | F_PERCPU | F_USER)));
	case T_SOCKET:
	case T_SOCK_COMMON:
	case T_TCP_SOCK:
	case T_XDP_SOCK:
	case T_CTX:
	case T_MAP_PTR:
	case T_DYNPTR:
		return v->o->prog_type == PROG_SYSCALL && r->type == T_CTX ?
			       0 :
			       mem_fixed(v, i + 1, false);
	default:
		return 0;
	}
}

static int callback(struct verifier *v, struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);

	if (r->type != T_FUNC)
		return reject(v, &ERR_ARGUMENT, "arg%u expected pointer to func", i);
	k->callback = r->subprog;
	k->calls_back = true;
	return 0;
}

/* Arguments that their name's end tells. 1: none of those. */
static int by_suffix(struct verifier *v, struct kcall *k, uint32_t i, const char *name)
{
	int err = alloc_argument(v, k, i, name);

	if (err)
		return err < 0 ? err : 0;
	if (suffix(name, "__map"))
		return map(v, k, i);
	if (suffix(name, "__irq_flag"))
		return irq_argument(v, k, i);
	if (!suffix(name, "__str"))
		return 1;
	if (reg_at(v, i + 1)->type != T_MAP_VALUE)
		return reject(v, &ERR_ARGUMENT, "arg#%u doesn't point to a const string", i);
	return helper_string(v, i + 1);
}

static int may_be_null(struct verifier *v, const struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);

	if (!reg_is_null(r) && !(r->flags & F_NULL))
		return 0;
	if (!(k->rule->flags & (KFUNC_F_TRUSTED | KFUNC_F_RCU | KFUNC_F_RELEASE)) ||
	    suffix(param_name(k, i), "__nullable"))
		return 0;
	return reject(v, &ERR_ARGUMENT, "Possibly NULL pointer passed to trusted arg%u", i);
}

static int by_type(struct verifier *v, struct kcall *k, uint32_t i, uint32_t ptr)
{
	uint32_t target = btf_strip_all(k->btf, btf_ref_type(k->btf, ptr));

	if (i + 1 < k->nargs && is_size_of(k, i + 1))
		return sized(v, k, i, ptr);
	if (kfunc_is(k, "bpf_cast_to_kern_ctx"))
		return context(v, i);
	if (btf_is_composite(k->btf, target))
		return to_struct(v, k, i, ptr, target);
	if (btf_kind(k->btf, target) == BTF_FUNC_PROTO)
		return callback(v, k, i);
	if (target && plain(k->btf, target, 0))
		return memory(v, i, btf_size(k->btf, target), is_const(k->btf, ptr), false);
	return reject(v, &ERR_ARGUMENT,
		      "arg#%u pointer type UNKNOWN  must point to scalar, or struct with scalar",
		      i);
}

static int by_pointer(struct verifier *v, struct kcall *k, uint32_t i, uint32_t ptr)
{
	struct reg *r = reg_at(v, i + 1);
	const char *name = param_name(k, i);
	bool pair = i + 1 < k->nargs && is_size_of(k, i + 1);
	int err;

	if (reg_is_null(r) && (suffix(name, "__nullable") || suffix(name, "__opt")))
		return pair ? sized(v, k, i, ptr) : 0;
	err = may_be_null(v, k, i);
	if (err < 0)
		return err;
	if (r->ref && r->type != T_STACK) {
		if (k->ref && k->rule->flags & KFUNC_F_RELEASE)
			return reject(v, &ERR_BUG, "more than one arg with ref_obj_id R%u %u %u",
				      i + 1, r->ref, k->ref);
		k->ref = r->ref;
		k->ref_arg = i + 1;
	}
	err = offset(v, k, i);
	if (err == 0)
		err = by_suffix(v, k, i, name);
	return err > 0 ? by_type(v, k, i, ptr) : err;
}

int kfunc_arguments(struct verifier *v, struct kcall *k)
{
	for (uint32_t i = 0; i < k->nargs && i < 5; i++) {
		uint32_t type = btf_strip_all(k->btf, btf_param(k->btf, k->proto, i).type);
		const char *name = param_name(k, i);
		int err;

		if (suffix(name, "__ign") || suffix(name, "__prog"))
			continue;
		err = use_reg(v, i + 1);
		if (err < 0)
			return err;
		if (btf_kind(k->btf, type) != BTF_PTR)
			err = number(v, k, i);
		else
			err = by_pointer(v, k, i, type);
		if (err < 0)
			return err;
	}
	return 0;
}
