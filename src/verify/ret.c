// SPDX-License-Identifier: Apache-2.0
/* The end of a program: what r0 may hold, and that nothing is left open. */
#include "spec/rules.h"
#include "verify/contract.h"
#include "verify/walk.h"

HOT int resource_leak(struct verifier *v, const char *what, bool leaving_inner)
{
	const struct state *st = v->st;
	bool any = false;

	if (leaving_inner && !frame_of(v->st)->in_callback)
		return 0;
	if (leaving_inner)
		return 0;
	if (st->locks)
		return reject(v, &ERR_LOCK, "%s cannot be used inside bpf_spin_lock-ed region",
			      what);
	for (uint32_t i = 0; i < st->nrefs; i++) {
		if (st->refs[i].kind != REF_PTR)
			continue;
		reject(v, &ERR_REFERENCE, "Unreleased reference id=%u alloc_insn=%u",
		       st->refs[i].id, st->refs[i].insn);
		skep_need(&v->error, "release what instruction %u acquired on every path",
			  st->refs[i].insn);
		any = true;
	}
	if (any) {
		say_always(v, "%s would lead to reference leak\n", what);
		return -EINVAL;
	}
	if (st->active_irq)
		return reject(v, &ERR_CONTEXT,
			      "%s cannot be used inside bpf_local_irq_save-ed region", what);
	if (st->rcu)
		return reject(v, &ERR_CONTEXT,
			      "%s cannot be used inside bpf_rcu_read_lock-ed region", what);
	if (st->preempt)
		return reject(v, &ERR_CONTEXT,
			      "%s cannot be used inside bpf_preempt_disable-ed region", what);
	return 0;
}

/* What an LSM hook returns by its type: nothing, a yes or no, or 0 or an error. */
static bool hook_returns(const struct verifier *v, struct range *ret)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t id = v->o->attach_btf_id;
	uint32_t type = 0;

	*ret = (struct range){ -4095, 0 };
	if (!b || !id || id >= btf_count(b) || btf_kind(b, id) != BTF_FUNC)
		return true;
	type = btf_strip_all(b, btf_ref_type(b, btf_ref_type(b, id)));
	if (!type)
		return false;
	if (strcmp(v->o->attach_name ? v->o->attach_name : "", "audit_rule_known") == 0 ||
	    strcmp(v->o->attach_name ? v->o->attach_name : "", "inode_xattr_skipcap") == 0)
		*ret = (struct range){ 0, 1 };
	return true;
}

HOT bool contract_returns(const struct verifier *v, struct range *ret)
{
	const struct spec_return *r = spec_return_of(v->o->prog_type, v->o->attach_type);

	if (v->o->prog_type == PROG_LSM && v->o->attach_type == ATTACH_LSM_MAC)
		return hook_returns(v, ret);
	if (!r)
		return false;
	*ret = (struct range){ r->min, r->max };
	return true;
}

int out_of_range(struct verifier *v, const char *what, const struct reg *r, struct range range)
{
	bool any = r->s.smin == INT64_MIN && r->s.smax == INT64_MAX;

	if (any)
		reject(v, &ERR_RETURN,
		       "%s has unknown scalar value should have been in [%lld, %lld]", what,
		       (long long)range.min, (long long)range.max);
	else if (r->s.smin == INT64_MIN)
		reject(v, &ERR_RETURN, "%s has smax=%lld should have been in [%lld, %lld]", what,
		       (long long)r->s.smax, (long long)range.min, (long long)range.max);
	else if (r->s.smax == INT64_MAX)
		reject(v, &ERR_RETURN, "%s has smin=%lld should have been in [%lld, %lld]", what,
		       (long long)r->s.smin, (long long)range.min, (long long)range.max);
	else
		reject(v, &ERR_RETURN,
		       "%s has smin=%lld smax=%lld should have been in [%lld, %lld]", what,
		       (long long)r->s.smin, (long long)r->s.smax, (long long)range.min,
		       (long long)range.max);
	skep_need(&v->error, "r0 between %lld and %lld at the end of this type of program",
		  (long long)range.min, (long long)range.max);
	return -EINVAL;
}

/* Of a callback that runs later: who calls it looks at what it returns. */
static int async_result(struct verifier *v, const struct reg *r)
{
	struct range range = frame_of(v->st)->callback_ret;
	char name[TYPE_NAME];
	int err;

	if (r->type != T_SCALAR)
		return reject(v, &ERR_RETURN,
			      "At async callback return the register R0 is not a known value (%s)",
			      type_name(v, r->type, r->flags, name, sizeof(name)));
	err = precise_reg(v, 0);
	if (err < 0 || (r->s.smin >= range.min && r->s.smax <= range.max))
		return err;
	return out_of_range(v, "At async callback return the register R0", r, range);
}

HOT int check_return(struct verifier *v, const char *what)
{
	const struct func *f = &v->funcs[v->func];
	struct range range;
	const struct reg *r;
	int err;

	if (v->o->prog_type == PROG_STRUCT_OPS && !v->func && !frame_of(v->st)->in_async) {
		bool done;

		err = struct_ops_result(v, &done);
		if (err < 0 || done)
			return err;
	}
	if (v->func && f->ret_void && !frame_of(v->st)->in_async)
		return 0;
	err = use_reg(v, 0);
	if (err < 0)
		return err;
	r = reg_at(v, 0);
	if (reg_is_pointer(r) && !v->allow_leak)
		return reject(v, &ERR_LEAK, "R0 leaks addr as return value");
	if (frame_of(v->st)->in_async)
		return async_result(v, r);
	if (v->func && !f->is_exception) {
		char name[TYPE_NAME];

		if (r->type != T_SCALAR)
			return reject(
				v, &ERR_RETURN,
				"At subprogram exit the register R0 is not a scalar value (%s)",
				type_name(v, r->type, r->flags, name, sizeof(name)));
		return 0;
	}
	if (!contract_returns(v, &range))
		return 0;
	if (r->type != T_SCALAR) {
		char name[TYPE_NAME];

		return reject(v, &ERR_RETURN, "%s is not a known value (%s)", what,
			      type_name(v, r->type, r->flags, name, sizeof(name)));
	}
	err = precise_reg(v, 0);
	if (err < 0)
		return err;
	if (r->s.smin >= range.min && r->s.smax <= range.max)
		return 0;
	if (r->s.s32_min >= range.min && r->s.s32_max <= range.max && range.min < 0)
		return 0;
	return out_of_range(v, what, r, range);
}
