// SPDX-License-Identifier: Apache-2.0
/*
 * struct_ops programs: each is one member of a struct of operations, of whose kernel type the attach id says which, and whose prototype
 * gives arguments and result. The kernel's stub of a member, a function STRUCT__MEMBER, says by its parameters' names which arguments may
 * be NULL. And which fields of the kernel's objects programs may write: those are few, and lists.
 */
#include <stdio.h>

#include "verify/walk.h"

/* Members that no program can be. */
static const struct {
	const char *type, *member;
} unsupported[] = {
	{ "tcp_congestion_ops", "get_info" }, { "tcp_congestion_ops", "key" },
	{ "tcp_congestion_ops", "flags" },    { "tcp_congestion_ops", "name" },
	{ "tcp_congestion_ops", "owner" },
};

/* Structs of whose members only these may sleep. */
static const struct {
	const char *type, *member;
} sleeps[] = {
	{ "bpf_dummy_ops", "test_sleepable" },
};

/* Fields that programs may write: "a.b" is member b of member a, which may be in a member without being named. */
static const struct {
	int prog_type;
	const char *type, *field; /* NULL: all of it */
} writable[] = {
	{ PROG_STRUCT_OPS, "tcp_sock", "sk_pacing_rate" },
	{ PROG_STRUCT_OPS, "tcp_sock", "sk_pacing_status" },
	{ PROG_STRUCT_OPS, "tcp_sock", "icsk_ca_priv" },
	{ PROG_STRUCT_OPS, "tcp_sock", "icsk_ack.pending" },
	{ PROG_STRUCT_OPS, "tcp_sock", "snd_cwnd" },
	{ PROG_STRUCT_OPS, "tcp_sock", "snd_cwnd_cnt" },
	{ PROG_STRUCT_OPS, "tcp_sock", "snd_cwnd_stamp" },
	{ PROG_STRUCT_OPS, "tcp_sock", "snd_ssthresh" },
	{ PROG_STRUCT_OPS, "tcp_sock", "ecn_flags" },
	{ PROG_STRUCT_OPS, "tcp_sock", "app_limited" },
	{ PROG_STRUCT_OPS, "bpf_dummy_ops_state", NULL },
	{ PROG_SCHED_CLS, "nf_conn", "mark" },
	{ PROG_SCHED_CLS, "nf_conn___init", "mark" },
	{ PROG_SCHED_ACT, "nf_conn", "mark" },
	{ PROG_SCHED_ACT, "nf_conn___init", "mark" },
	{ PROG_XDP, "nf_conn", "mark" },
	{ PROG_XDP, "nf_conn___init", "mark" },
};

static bool member(const struct verifier *v, struct btf_member *ret)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t id = v->o->attach_btf_id;

	if (!b || !id || id >= btf_count(b) || btf_kind(b, id) != BTF_STRUCT ||
	    v->o->attach_member >= btf_vlen(b, id))
		return false;
	*ret = btf_member(b, id, v->o->attach_member);
	return ret->name != NULL;
}

uint32_t struct_ops_proto(const struct verifier *v, const char **ret_name)
{
	const struct btf *b = v->o->kernel_btf;
	struct btf_member m;
	uint32_t t;

	if (!member(v, &m))
		return 0;
	*ret_name = m.name;
	t = btf_strip_all(b, m.type);
	t = btf_kind(b, t) == BTF_PTR ? btf_strip_all(b, btf_ref_type(b, t)) : 0;
	return t && btf_kind(b, t) == BTF_FUNC_PROTO ? t : 0;
}

/* Structs of operations have a struct bpf_struct_ops_NAME around them. */
static bool is_ops(const struct btf *b, uint32_t id)
{
	char name[160];

	snprintf(name, sizeof(name), "bpf_struct_ops_%s", btf_name(b, id));
	return btf_kind(b, id) == BTF_STRUCT && btf_find(b, name, BTF_STRUCT, 0);
}

static int refuse_member(struct verifier *v, const char *type, const char *name)
{
	reject(v, &ERR_ATTACH, "attach to unsupported member %s of struct %s", name, type);
	return -EOPNOTSUPP;
}

int struct_ops_check(struct verifier *v)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t id = v->o->attach_btf_id;
	const char *type, *name;
	bool listed = false, may = false;
	struct btf_member m;

	if (!b)
		return reject(v, &ERR_UNSERVED, "no kernel types: operations are not known");
	if (!v->o->gpl)
		return reject(v, &ERR_ATTACH,
			      "struct ops programs must have a GPL compatible license");
	if (!id || id >= btf_count(b) || !is_ops(b, id))
		return reject(v, &ERR_ATTACH, "attach_btf_id %u is not a supported struct", id);
	type = btf_name(b, id);
	if (!member(v, &m))
		return reject(v, &ERR_ATTACH, "attach to invalid member idx %u of struct %s",
			      v->o->attach_member, type);
	if (!struct_ops_proto(v, &name))
		return reject(v, &ERR_ATTACH, "attach to invalid member %s(@idx %u) of struct %s",
			      m.name, v->o->attach_member, type);
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
		if (strcmp(unsupported[i].type, type) == 0 &&
		    strcmp(unsupported[i].member, name) == 0)
			return refuse_member(v, type, name);
	for (size_t i = 0; i < ARRAY_SIZE(sleeps); i++)
		if (strcmp(sleeps[i].type, type) == 0) {
			listed = true;
			may |= strcmp(sleeps[i].member, name) == 0;
		}
	return listed && !may && v->o->prog_flags & VERIFY_F_SLEEPABLE ?
		       refuse_member(v, type, name) :
		       0;
}

bool struct_ops_may_be_null(const struct verifier *v, uint32_t arg)
{
	const struct btf *b = v->o->kernel_btf;
	struct btf_member m;
	char stub[256];
	const char *name;
	uint32_t id;
	size_t n;

	if (!member(v, &m))
		return false;
	snprintf(stub, sizeof(stub), "%s__%s", btf_name(b, v->o->attach_btf_id), m.name);
	id = btf_find(b, stub, BTF_FUNC, 0);
	id = id ? btf_strip_all(b, btf_ref_type(b, id)) : 0;
	name = id && arg < btf_vlen(b, id) ? btf_param(b, id, arg).name : NULL;
	n = name ? strlen(name) : 0;
	return n > 10 && strcmp(name + n - 10, "__nullable") == 0;
}

/* A congestion control's sockets are TCP's. */
uint32_t struct_ops_object(const struct verifier *v, uint32_t type)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t tcp;

	if (strcmp(btf_name(b, v->o->attach_btf_id), "tcp_congestion_ops") != 0 ||
	    strcmp(btf_name(b, type), "sock") != 0)
		return type;
	tcp = btf_find(b, "tcp_sock", BTF_STRUCT, 0);
	return tcp ? tcp : type;
}

int struct_ops_result(struct verifier *v, bool *ret_done)
{
	const struct btf *b = v->o->kernel_btf;
	const char *name;
	uint32_t proto = struct_ops_proto(v, &name), type;
	const struct reg *r = reg_at(v, 0);

	type = proto ? btf_strip_all(b, btf_ref_type(b, proto)) : 0;
	*ret_done = !type;
	if (!type || btf_kind(b, type) != BTF_PTR)
		return 0;
	/* an object that the program owns becomes the caller's, or there is none */
	*ret_done = true;
	if (use_reg(v, 0) < 0)
		return -EACCES;
	type = btf_strip_all(b, btf_ref_type(b, type));
	if (r->type == T_BTF && r->btf == b && r->btf_id == type && r->ref)
		return mem_fixed(v, 0, false);
	if (reg_is_null(r))
		return precise_reg(v, 0);
	if (r->type == T_SCALAR)
		return out_of_range(v, "At program exit the register R0", r,
				    (struct range){ 0, 0 });
	return reject(v, &ERR_RETURN,
		      "At program exit the register R0 is not a known value (ptr_)");
}

/* Helpers that are a congestion control's only. */
bool struct_ops_helper(const struct verifier *v, int32_t id)
{
	const char *type = btf_name(v->o->kernel_btf, v->o->attach_btf_id);

	switch (id) {
	case HELPER_tcp_send_ack:
	case HELPER_sk_storage_get:
	case HELPER_sk_storage_delete:
	case HELPER_setsockopt:
	case HELPER_getsockopt:
		return strcmp(type, "tcp_congestion_ops") == 0;
	default:
		return true;
	}
}

/* Writes ------------------------------------------------------------------------------------------ */

/* Member @name, @n bytes, of a struct or of what it holds. */
HOT static bool find(const struct btf *b, uint32_t id, const char *name, size_t n,
		     unsigned int depth, uint64_t *off, uint32_t *ret_type)
{
	id = btf_strip_all(b, id);
	if (depth > 8 || (btf_kind(b, id) != BTF_STRUCT && btf_kind(b, id) != BTF_UNION))
		return false;
	for (uint32_t i = 0; i < btf_vlen(b, id); i++) {
		struct btf_member m = btf_member(b, id, i);

		if (m.name && strlen(m.name) == n && memcmp(m.name, name, n) == 0) {
			*off += m.bit_off / 8;
			*ret_type = m.type;
			return true;
		}
	}
	for (uint32_t i = 0; i < btf_vlen(b, id); i++) {
		struct btf_member m = btf_member(b, id, i);
		uint64_t inner = *off + m.bit_off / 8;

		if (!m.bit_size && find(b, m.type, name, n, depth + 1, &inner, ret_type)) {
			*off = inner;
			return true;
		}
	}
	return false;
}

static bool field(const struct btf *b, uint32_t id, const char *path, uint64_t *off, uint64_t *size)
{
	uint32_t type = id;

	*off = 0;
	while (path) {
		const char *dot = strchr(path, '.');

		if (!find(b, type, path, dot ? (size_t)(dot - path) : strlen(path), 0, off, &type))
			return false;
		path = dot ? dot + 1 : NULL;
	}
	*size = btf_size(b, type);
	return true;
}

int kernel_write(struct verifier *v, const struct access *a, int64_t off)
{
	const struct reg *r = reg_at(v, a->regno);
	const struct btf *b = r->btf;
	const char *type = btf_name(b, r->btf_id);
	bool some = false;

	for (size_t i = 0; i < ARRAY_SIZE(writable); i++) {
		uint64_t start = 0, size = btf_size(b, r->btf_id);

		if (writable[i].prog_type != v->o->prog_type || b != v->o->kernel_btf ||
		    r->flags & F_UNTRUSTED || strcmp(writable[i].type, type) != 0 ||
		    (writable[i].field && !field(b, r->btf_id, writable[i].field, &start, &size)))
			continue;
		some = true;
		if (off < 0 || (uint64_t)off < start || (uint64_t)off >= start + size)
			continue;
		if ((uint64_t)off + a->size <= start + size)
			return 0;
		return reject(
			v, &ERR_BTF_ACCESS,
			"write access at off %lld with size %u beyond the member of %s ended at %llu",
			(long long)off, a->size, type, (unsigned long long)(start + size));
	}
	if (!some)
		return reject(v, &ERR_BTF_ACCESS, "only read is supported");
	return reject(v, &ERR_BTF_ACCESS, "no write support to %s at off %lld", type,
		      (long long)off);
}
