// SPDX-License-Identifier: Apache-2.0
/*
 * The context and sockets: what a program's type and attach type let it read and write there, and what a load yields. The
 * rules are the rows of spec/ctx_rules.def; contexts of BTF arguments are those of ctx_args.c.
 */
#include "spec/rules.h"
#include "verify/loader.h"
#include "verify/old_kernel.h"
#include "verify/walk.h"

static int refuse(struct verifier *v, const struct access *a, int64_t off)
{
	reject(v, &ERR_CTX_ACCESS, "invalid bpf_context access off=%lld size=%u", (long long)off,
	       a->size);
	skep_need(&v->error, "a field of this program type's context, of its size, that may be %s",
		  a->write ? "written" : "read");
	return -EACCES;
}

/* A pointer that may be null has an id, by which all its copies are known not to be. */
static void pointer(struct verifier *v, struct reg *dst, enum reg_type type, unsigned int flags)
{
	reg_pointer(dst, type, flags);
	if (flags & F_NULL)
		dst->id = next_id(v);
}

static void yield(struct verifier *v, struct reg *dst, const struct spec_ctx_rule *rule)
{
	switch (rule->yields) {
	case YIELD_SCALAR:
		reg_unknown(dst);
		return;
	case YIELD_PKT:
		pointer(v, dst, T_PKT, 0);
		return;
	case YIELD_PKT_END:
		pointer(v, dst, T_PKT_END, 0);
		return;
	case YIELD_PKT_META:
		pointer(v, dst, T_PKT_META, 0);
		return;
	case YIELD_SOCKET:
		pointer(v, dst, T_SOCKET, 0);
		return;
	case YIELD_SOCKET_OR_NULL:
		pointer(v, dst, T_SOCKET, F_NULL);
		return;
	case YIELD_SOCK_COMMON_OR_NULL:
		pointer(v, dst, T_SOCK_COMMON, F_NULL);
		return;
	case YIELD_FLOW_KEYS:
		pointer(v, dst, T_FLOW_KEYS, 0);
		return;
	case YIELD_TP_BUFFER:
		pointer(v, dst, T_TP_BUFFER, 0);
		return;
	case YIELD_BTF:
		break;
	}
	pointer(v, dst, T_BTF, F_TRUSTED);
	dst->btf = v->o->kernel_btf;
	dst->btf_id = dst->btf ? btf_find(dst->btf, rule->btf, BTF_STRUCT, 0) : 0;
	if (!dst->btf_id)
		reg_unknown(dst);
}

HOT int ctx_access(struct verifier *v, const struct access *a)
{
	const struct reg *r = reg_at(v, a->regno);
	int64_t off = (int64_t)r->off + a->off + (int64_t)scalar_value(&r->s);
	const struct spec_ctx_rule *rule;
	int err;

	if (a->write && a->value >= 0 && !v->allow_leak &&
	    reg_is_pointer(reg_at(v, (unsigned int)a->value)))
		return reject(v, &ERR_LEAK, "R%d leaks addr into ctx", a->value);
	err = v->o->prog_type == PROG_SYSCALL && scalar_is_const(&r->s) ?
		      0 :
		      mem_fixed(v, a->regno, false);
	if (err < 0)
		return err;
	if (a->write && a->is_imm && profile_feature(v, FEATURE_CTX_STORE_NUMBER) < 0)
		return -ERR_KERNEL.code;
	if (off < 0 || off > UINT16_MAX)
		return refuse(v, a, off);
	if (spec_ctx_is_btf(v->o->prog_type))
		return ctx_argument(v, a, (uint32_t)off);
	rule = spec_ctx_access(v->o->prog_type, v->o->attach_type, (uint32_t)off, a->size,
			       a->write);
	if (!rule || !loader_may_read(v, (uint32_t)off, a->write) ||
	    (a->sign && rule->yields != YIELD_SCALAR))
		return refuse(v, a, off);
	if (v->o->profile && profile_need(v, spec_need_ctx(rule)) < 0)
		return -ERR_KERNEL.code;
	if (!a->write && a->value >= 0)
		yield(v, reg_at(v, (unsigned int)a->value), rule);
	return 0;
}

int sock_access(struct verifier *v, const struct access *a)
{
	const struct reg *r = reg_at(v, a->regno);
	int64_t off = (int64_t)r->off + a->off;
	enum spec_sock sock = r->type == T_SOCK_COMMON ? SOCK_COMMON :
			      r->type == T_SOCKET      ? SOCK_FULL :
			      r->type == T_TCP_SOCK    ? SOCK_TCP :
							 SOCK_XDP;
	const struct spec_ctx_rule *rule = NULL;
	char name[TYPE_NAME];

	if (r->s.smin < 0)
		return reject(
			v, &ERR_ACCESS,
			"R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			a->regno);
	if (off >= 0 && off <= UINT16_MAX)
		rule = spec_sock_access(sock, (uint32_t)off, a->size);
	if (!rule)
		return reject(v, &ERR_ACCESS, "R%u invalid %s access off=%lld size=%u", a->regno,
			      type_name(v, r->type, 0, name, sizeof(name)), (long long)off,
			      a->size);
	if (v->o->profile && profile_need(v, spec_need_ctx(rule)) < 0)
		return -ERR_KERNEL.code;
	if (a->value >= 0)
		reg_unknown(reg_at(v, (unsigned int)a->value));
	return 0;
}
