// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel objects, by their BTF: a load at an offset ends at a member; a number yields a number, a pointer to a struct an object,
 * whose trust follows from that of the one it was read from and from the member's tags (__rcu, __user, __percpu).
 */
#include "verify/fields.h"

struct found {
	uint32_t type; /* of a pointer's target; 0: a number */
	unsigned int flags;
	const char *member, *parent;
};

static unsigned int tag_flags(const struct btf *b, uint32_t ptr)
{
	uint32_t t = btf_ref_type(b, ptr);
	unsigned int flags = 0;

	for (unsigned int i = 0; t && i < 8; i++, t = btf_ref_type(b, t)) {
		enum btf_kind k = btf_kind(b, t);

		if (k == BTF_TYPE_TAG) {
			if (strcmp(btf_name(b, t), "user") == 0)
				flags |= F_USER;
			else if (strcmp(btf_name(b, t), "percpu") == 0)
				flags |= F_PERCPU;
			else if (strcmp(btf_name(b, t), "rcu") == 0)
				flags |= F_RCU;
		} else if (k != BTF_CONST && k != BTF_VOLATILE && k != BTF_RESTRICT &&
			   k != BTF_TYPEDEF) {
			break;
		}
	}
	return flags;
}

static int leaf(struct verifier *v, const struct btf *b, uint32_t id, uint64_t off, uint32_t size,
		struct found *ret)
{
	uint32_t target;

	if (btf_kind(b, id) == BTF_PTR) {
		if (off || size != 8)
			return reject(
				v, &ERR_BTF_ACCESS,
				"cannot access ptr member %s with moff %u in struct %s with off %llu size %u",
				ret->member, 0, ret->parent, (unsigned long long)off, size);
		target = btf_strip_all(b, id);
		target = btf_strip_all(b, btf_ref_type(b, target));
		ret->flags |= tag_flags(b, id);
		if (btf_kind(b, target) == BTF_STRUCT || btf_kind(b, target) == BTF_UNION)
			ret->type = target;
		return 0;
	}
	if (off + size > btf_size(b, id))
		return reject(
			v, &ERR_BTF_ACCESS,
			"access beyond the end of member %s (mend:%llu) in struct %s with off %llu size %u",
			ret->member, (unsigned long long)btf_size(b, id), ret->parent,
			(unsigned long long)off, size);
	return 0;
}

static int find_member(struct verifier *v, const struct btf *b, uint32_t id, uint64_t *off,
		       uint32_t size, uint32_t *ret_id, struct found *ret)
{
	uint32_t n = btf_vlen(b, id);
	struct btf_member m;

	if (*btf_name(b, id)) /* what has no name counts as part of what it is in */
		ret->parent = btf_name(b, id);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t start, end;

		m = btf_member(b, id, i);
		if (m.bit_size) {
			start = m.bit_off / 8;
			end = (m.bit_off + m.bit_size + 7) / 8;
			if (*off >= start && *off < end + 8 && *off < end && *off + size >= end) {
				*ret_id = 0;
				return 0;
			}
			continue;
		}
		start = m.bit_off / 8;
		end = start + btf_size(b, m.type);
		if (*off < start || *off >= end)
			continue;
		ret->member = m.name ? m.name : "";
		*off -= start;
		*ret_id = m.type;
		return 0;
	}
	return reject(v, &ERR_BTF_ACCESS, "access beyond struct %s at off %llu size %u",
		      ret->parent, (unsigned long long)*off, size);
}

static int walk(struct verifier *v, const struct btf *b, uint32_t id, uint64_t off, uint32_t size,
		struct found *ret)
{
	*ret = (struct found){ .member = "", .parent = btf_name(b, id) };
	for (unsigned int depth = 0; depth < 32; depth++) {
		int err;

		id = btf_strip_all(b, id);
		switch ((int)btf_kind(b, id)) {
		case BTF_STRUCT:
		case BTF_UNION:
			if (btf_kind(b, id) == BTF_UNION && btf_vlen(b, id) != 1)
				ret->flags |= F_UNTRUSTED; /* who knows which member it is */
			if (off + size > btf_size(b, id) && btf_vlen(b, id)) {
				struct btf_member last = btf_member(b, id, btf_vlen(b, id) - 1);
				uint32_t t = btf_strip_all(b, last.type);

				/* a flexible array goes on behind the end */
				if (btf_kind(b, t) != BTF_ARRAY || btf_array_len(b, t))
					return reject(v, &ERR_BTF_ACCESS,
						      "access beyond struct %s at off %llu size %u",
						      btf_name(b, id), (unsigned long long)off,
						      size);
				off = (off - last.bit_off / 8) %
				      (btf_size(b, btf_array_elem(b, t)) ?
					       btf_size(b, btf_array_elem(b, t)) :
					       1);
				id = btf_array_elem(b, t);
				continue;
			}
			err = find_member(v, b, id, &off, size, &id, ret);
			if (err < 0 || !id)
				return err;
			continue;
		case BTF_ARRAY: {
			uint64_t elem = btf_size(b, btf_array_elem(b, id));

			if (off + size > btf_size(b, id))
				return leaf(v, b, id, off, size, ret);
			if (elem)
				off %= elem;
			id = btf_array_elem(b, id);
			if (elem && off + size > elem) /* several elements at once */
				return 0;
			continue;
		}
		default:
			return leaf(v, b, id, off, size, ret);
		}
	}
	return reject(v, &ERR_BTF_ACCESS, "types nest too deeply");
}

/* Members that live as long as what they are in, without a tag that says so (bpf/kfuncs.rst, BTF_TYPE_SAFE_*). */
static const struct {
	const char *parent, *member;
	unsigned int flags;
} safe[] = {
	{ "bpf_iter_meta", "seq", F_TRUSTED },
	{ "bpf_iter__task", "meta", F_TRUSTED },
	{ "linux_binprm", "file", F_TRUSTED },
	{ "file", "f_inode", F_TRUSTED },
	{ "socket", "sk", F_TRUSTED | F_NULL },
	{ "dentry", "d_inode", F_TRUSTED | F_NULL },
	{ "task_struct", "cpus_ptr", F_RCU },
	{ "task_struct", "real_parent", F_RCU },
	{ "task_struct", "group_leader", F_RCU },
	{ "cgroup", "kn", F_RCU },
	{ "css_set", "dfl_cgrp", F_RCU },
	{ "cgroup_subsys_state", "cgroup", F_RCU },
	{ "mm_struct", "exe_file", F_RCU | F_NULL },
	{ "sk_buff", "sk", F_RCU | F_NULL },
	{ "request_sock", "sk", F_RCU | F_NULL },
};

static unsigned int safe_flags(const struct found *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(safe); i++)
		if (strcmp(f->parent, safe[i].parent) == 0 &&
		    strcmp(f->member, safe[i].member) == 0)
			return safe[i].flags;
	return 0;
}

static unsigned int trust(struct verifier *v, const struct reg *r, const struct found *found)
{
	unsigned int flags = found->flags, keep = safe_flags(found);
	bool trusted = r->flags & F_TRUSTED || r->ref, rcu = v->st->rcu || !v->st->sleepable;

	if (r->flags & F_UNTRUSTED)
		return F_UNTRUSTED;
	if (!trusted && !(r->flags & F_RCU))
		return flags & (F_USER | F_PERCPU | F_UNTRUSTED);
	if (keep & F_TRUSTED && trusted)
		return keep;
	if (rcu && !(r->flags & F_NULL)) {
		if (keep & F_RCU)
			return keep | (flags & (keep & F_NULL ? F_PERCPU : F_PERCPU | F_UNTRUSTED));
		if (flags & F_RCU)
			return F_RCU | F_NULL | (flags & (F_PERCPU | F_UNTRUSTED));
		return flags & (F_USER | F_PERCPU | F_UNTRUSTED);
	}
	return F_UNTRUSTED | (flags & (F_USER | F_PERCPU));
}

static int alloc_write(struct verifier *v, const struct access *a, const struct reg *r, int64_t off)
{
	const struct fields *f = fields_of(v, r->btf, r->btf_id);

	if (!r->ref && !(r->flags & (F_NON_OWN | F_RCU)))
		return reject(
			v, &ERR_BTF_ACCESS,
			"verifier internal error: ref_obj_id for allocated object must be non-zero");
	for (uint32_t i = 0; f && i < f->n; i++)
		if (off < (int64_t)(f->list[i].off + f->list[i].size) &&
		    off + a->size > (int64_t)f->list[i].off)
			return reject(v, &ERR_FIELD_ACCESS, "direct access to %s is disallowed",
				      field_name(f->list[i].kind));
	return 0;
}

static const char *map_struct_name(const struct verify_map *map)
{
	switch (map->type) {
	case MAP_ARRAY:
	case MAP_PERCPU_ARRAY:
	case MAP_PROG_ARRAY:
	case MAP_PERF_EVENT_ARRAY:
	case MAP_ARRAY_OF_MAPS:
	case MAP_CGROUP_ARRAY:
		return "bpf_array";
	case MAP_HASH:
	case MAP_PERCPU_HASH:
	case MAP_LRU_HASH:
	case MAP_LRU_PERCPU_HASH:
	case MAP_HASH_OF_MAPS:
		return "bpf_htab";
	default:
		return "bpf_map";
	}
}

static int map_struct(struct verifier *v, const struct access *a, int64_t off)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t id = b ? btf_find(b, "bpf_map", BTF_STRUCT, 0) : 0;
	struct found found;
	struct reg *dst;
	int err;

	if (a->write)
		return reject(v, &ERR_BTF_ACCESS, "only read from %s is supported", "bpf_array");
	if (off < 0)
		return reject(v, &ERR_BTF_ACCESS, "R%u is %s invalid negative access: off=%lld",
			      a->regno, "bpf_array", (long long)off);
	if (!id)
		return reject(v, &ERR_UNSERVED, "no kernel types to read a map's fields by");
	err = walk(v, b, id, (uint64_t)off, a->size, &found);
	if (err < 0 || a->value < 0)
		return err;
	dst = reg_at(v, (unsigned int)a->value);
	reg_unknown(dst);
	if (found.type) {
		reg_pointer(dst, T_BTF, F_UNTRUSTED);
		dst->btf = b;
		dst->btf_id = found.type;
	}
	return 0;
}

int btf_object_access(struct verifier *v, const struct access *a)
{
	const struct reg *r = reg_at(v, a->regno);
	int64_t off = (int64_t)r->off + a->off + (int64_t)scalar_value(&r->s);
	struct found found;
	unsigned int flags;
	struct reg *dst;
	int err;

	if (r->type == T_MAP_PTR)
		return v->perfmon ?
			       map_struct(v, a, off) :
			       reject(v, &ERR_CAPABILITY,
				      "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
				      map_struct_name(r->map));
	if (!v->perfmon)
		return reject(v, &ERR_CAPABILITY,
			      "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
			      btf_name(r->btf, r->btf_id));
	if (off < 0)
		return reject(v, &ERR_BTF_ACCESS, "R%u is ptr_%s invalid negative access: off=%lld",
			      a->regno, btf_name(r->btf, r->btf_id), (long long)off);
	if (!scalar_is_const(&r->s))
		return reject(
			v, &ERR_BTF_ACCESS,
			"R%u is ptr_%s invalid variable offset: off=%lld, var_off=(0x%llx; 0x%llx)",
			a->regno, btf_name(r->btf, r->btf_id), (long long)off,
			(unsigned long long)r->s.t.value, (unsigned long long)r->s.t.mask);
	if (r->flags & F_USER)
		return reject(v, &ERR_BTF_ACCESS, "R%u is ptr_%s access user memory: off=%lld",
			      a->regno, btf_name(r->btf, r->btf_id), (long long)off);
	if (r->flags & F_PERCPU)
		return reject(v, &ERR_BTF_ACCESS, "R%u is ptr_%s access percpu memory: off=%lld",
			      a->regno, btf_name(r->btf, r->btf_id), (long long)off);
	if (a->write && !(r->flags & F_ALLOC))
		return kernel_write(v, a, off);
	if (r->flags & F_ALLOC) {
		err = alloc_write(v, a, r, off);
		if (err < 0)
			return err;
	}
	err = walk(v, r->btf, r->btf_id, (uint64_t)off, a->size, &found);
	if (err < 0 || a->write || a->value < 0)
		return err;
	flags = trust(v, r, &found);
	dst = reg_at(v, (unsigned int)a->value);
	if (found.type && !(r->flags & F_ALLOC)) {
		const struct btf *b = r->btf;

		reg_pointer(dst, T_BTF, flags);
		dst->btf = b;
		dst->btf_id = found.type;
		if (flags & F_NULL)
			dst->id = next_id(v);
	} else {
		reg_unknown(dst);
	}
	return 0;
}
