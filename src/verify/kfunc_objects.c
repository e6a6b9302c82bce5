// SPDX-License-Identifier: Apache-2.0
/*
 * Objects that a program allocates: of a struct of its own types, by the type's id, and each has one owner who must drop it, store it or
 * pass it on; those with a bpf_refcount may have several. Kernel document bpf/kfuncs.rst and the kernel's answers.
 */
#include "verify/kcall.h"

#define PERCPU_MAX 512 /* bytes of an object for each CPU */

static bool suffix(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

static int drop_argument(struct verifier *v, struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);
	bool percpu = kfunc_is(k, "bpf_percpu_obj_drop_impl");

	if (r->type == T_BTF && r->flags == F_ALLOC) {
		if (percpu)
			return reject(v, &ERR_OBJECT, "arg#%u expected for bpf_obj_drop_impl()", i);
	} else if (r->type == T_BTF && r->flags == (F_ALLOC | F_PERCPU)) {
		if (!percpu)
			return reject(v, &ERR_OBJECT,
				      "arg#%u expected for bpf_percpu_obj_drop_impl()", i);
	} else {
		return reject(v, &ERR_OBJECT, "arg#%u expected pointer to allocated object", i);
	}
	if (!r->ref)
		return reject(v, &ERR_OBJECT, "allocated object must be referenced");
	return 1;
}

static int counted_argument(struct verifier *v, struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1);
	const struct fields *f;

	if (r->type != T_BTF || !(r->flags & F_ALLOC))
		return reject(v, &ERR_OBJECT, "arg#%u is neither owning or non-owning ref", i);
	f = fields_of(v, r->btf, r->btf_id);
	if (!f || !(f->kinds & FK_REFCOUNT))
		return reject(v, &ERR_OBJECT,
			      "arg#%u doesn't point to a type with bpf_refcount field", i);
	k->object = *r;
	k->has_object = true;
	return 1;
}

int alloc_argument(struct verifier *v, struct kcall *k, uint32_t i, const char *name)
{
	if (suffix(name, "__alloc"))
		return drop_argument(v, k, i);
	if (suffix(name, "__refcounted_kptr"))
		return counted_argument(v, k, i);
	return 0;
}

/* Nothing but numbers in it. */
static bool scalars(const struct btf *b, uint32_t id, unsigned int depth)
{
	id = btf_strip_all(b, id);
	switch ((int)btf_kind(b, id)) {
	case BTF_INT:
	case BTF_ENUM:
	case BTF_ENUM64:
	case BTF_FLOAT:
		return true;
	case BTF_ARRAY:
		return scalars(b, btf_array_elem(b, id), depth + 1);
	case BTF_STRUCT:
		break;
	default:
		return false;
	}
	for (uint32_t i = 0; i < btf_vlen(b, id); i++)
		if (depth >= 4 || !scalars(b, btf_member(b, id, i).type, depth + 1))
			return false;
	return true;
}

static int new_percpu(struct verifier *v, const struct btf *b, uint32_t id)
{
	const struct fields *f = fields_of(v, b, id);

	if (btf_size(b, id) > PERCPU_MAX)
		return reject(v, &ERR_OBJECT,
			      "bpf_percpu_obj_new type size (%llu) is greater than %d",
			      (unsigned long long)btf_size(b, id), PERCPU_MAX);
	if (!scalars(b, id, 0))
		return reject(v, &ERR_OBJECT,
			      "bpf_percpu_obj_new type ID argument must be of a struct of scalars");
	if (f && f->n)
		return reject(
			v, &ERR_OBJECT,
			"bpf_percpu_obj_new type ID argument must not contain special fields");
	return 0;
}

static int new_object(struct verifier *v, const struct kcall *k, struct reg *r, bool percpu)
{
	const struct btf *b = v->o->btf;
	uint32_t id = (uint32_t)k->konst;
	int err;

	if (k->konst > UINT32_MAX)
		return reject(v, &ERR_OBJECT,
			      "local type ID argument must be in range [0, U32_MAX]");
	if (!b)
		return reject(v, &ERR_OBJECT, "bpf_obj_new/bpf_percpu_obj_new requires prog BTF");
	if (id >= btf_count(b) || btf_kind(b, id) != BTF_STRUCT)
		return reject(
			v, &ERR_OBJECT,
			"bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct");
	err = percpu ? new_percpu(v, b, id) : 0;
	if (err < 0)
		return err;
	reg_pointer(r, T_BTF, F_NULL | F_ALLOC | (percpu ? F_PERCPU : 0u));
	r->btf = b;
	r->btf_id = id;
	r->id = next_id(v);
	return 1;
}

/* 1: it was one of those, and r0 is what it gives. */
int alloc_result(struct verifier *v, const struct kcall *k, struct reg *r)
{
	if (kfunc_is(k, "bpf_obj_new_impl"))
		return new_object(v, k, r, false);
	if (kfunc_is(k, "bpf_percpu_obj_new_impl"))
		return new_object(v, k, r, true);
	if (!kfunc_is(k, "bpf_refcount_acquire_impl"))
		return 0;
	/* only who does not own may find the object dying */
	reg_pointer(r, T_BTF, F_ALLOC | (k->object.ref ? 0u : F_NULL));
	r->btf = k->object.btf;
	r->btf_id = k->object.btf_id;
	if (r->flags & F_NULL)
		r->id = next_id(v);
	return 1;
}
