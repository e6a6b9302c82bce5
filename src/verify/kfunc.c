// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of kernel functions: who may call (spec/kfunc_rules.def), the arguments (kfunc_args.c), what the call does, what r0 holds
 * then, by the kernel's BTF. Kernel document bpf/kfuncs.rst.
 */
#include "verify/kcall.h"
#include "verify/old_kernel.h"

static int sleeps(struct verifier *v, const struct kcall *k)
{
	if (!v->st->sleepable)
		return reject(v, &ERR_KFUNC_DENIED,
			      "program must be sleepable to call sleepable kfunc %s", k->name);
	if (v->st->preempt)
		return reject(v, &ERR_CONTEXT,
			      "kernel func %s is sleepable within non-preemptible region", k->name);
	if (v->st->rcu)
		return reject(v, &ERR_CONTEXT,
			      "kernel func %s is sleepable within rcu_read_lock region", k->name);
	if (v->st->active_irq)
		return reject(v, &ERR_CONTEXT,
			      "kernel func %s is sleepable within IRQ-disabled region", k->name);
	return 0;
}

static int allowed(struct verifier *v, struct kcall *k)
{
	k->rule = spec_kfunc_rule(k->name);
	if (!v->o->gpl)
		return reject(v, &ERR_KFUNC,
			      "cannot call kernel function from non-GPL compatible program");
	if (!k->rule || !spec_kfunc_allowed(k->rule, v->o->prog_type) ||
	    (kfunc_is(k, "bpf_sock_destroy") && v->o->attach_type != ATTACH_TRACE_ITER))
		return reject(v, &ERR_KFUNC_DENIED, "calling kernel function %s is not allowed",
			      k->name);
	if (kfunc_is(k, "bpf_iter_css_task_new") && v->o->prog_type != PROG_LSM &&
	    !(v->o->prog_type == PROG_TRACING && v->o->attach_type == ATTACH_TRACE_ITER) &&
	    !v->st->sleepable)
		return reject(
			v, &ERR_KFUNC,
			"css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs");
	if (strncmp(k->name, "bpf_xdp_metadata_", 17) == 0 &&
	    !(v->o->prog_flags & VERIFY_F_XDP_DEV_BOUND_ONLY))
		return reject(v, &ERR_KFUNC, "metadata kfuncs require device-bound program");
	if (v->o->profile && profile_need(v, spec_need_kfunc(k->name, v->o->prog_type)) < 0)
		return -ERR_KERNEL.code;
	return k->rule->flags & KFUNC_F_SLEEP ? sleeps(v, k) : 0;
}

static int release(struct verifier *v, const struct kcall *k)
{
	if (k->ref && release_ref(v, k->ref) == 0)
		return 0;
	return reject(v, &ERR_RELEASE,
		      "release kernel function %s expects refcounted PTR_TO_BTF_ID", k->name);
}

static void pointer_result(struct verifier *v, const struct kcall *k, struct reg *r, uint32_t ptr)
{
	const struct btf *b = k->btf;
	uint32_t target = btf_strip_all(b, btf_ref_type(b, ptr));
	unsigned int null = k->rule->flags & KFUNC_F_RET_NULL ? F_NULL : 0;

	if (btf_is_composite(b, target)) {
		reg_pointer(r, T_BTF, null);
		r->btf = b;
		r->btf_id = target;
	} else {
		reg_pointer(r, T_MEM, kfunc_is(k, "bpf_session_cookie") ? null : F_RDONLY | null);
		r->mem_size = (uint32_t)btf_size(b, target);
	}
	if (null)
		r->id = next_id(v);
}

/* The kernel's own type of a context. */
static const char *kernel_context(int prog_type)
{
	switch (prog_type) {
	case PROG_XDP:
		return "xdp_buff";
	case PROG_CGROUP_SOCK:
		return "sock";
	case PROG_CGROUP_SOCK_ADDR:
		return "bpf_sock_addr_kern";
	case PROG_SOCK_OPS:
		return "bpf_sock_ops_kern";
	case PROG_SK_MSG:
		return "sk_msg";
	case PROG_FLOW_DISSECTOR:
		return "bpf_flow_dissector";
	case PROG_KPROBE:
	case PROG_PERF_EVENT:
		return prog_type == PROG_KPROBE ? "pt_regs" : "bpf_perf_event_data_kern";
	case PROG_SK_REUSEPORT:
		return "sk_reuseport_kern";
	case PROG_SK_LOOKUP:
		return "bpf_sk_lookup_kern";
	case PROG_CGROUP_SYSCTL:
		return "bpf_sysctl_kern";
	case PROG_CGROUP_SOCKOPT:
		return "bpf_sockopt_kern";
	case PROG_NETFILTER:
		return "bpf_nf_ctx";
	default:
		return "sk_buff";
	}
}

/* Results that BTF does not describe; 1 when it was one. */
static int special_result(struct verifier *v, const struct kcall *k)
{
	struct reg *r = reg_at(v, 0);
	uint32_t id = (uint32_t)k->konst;

	if (kfunc_is(k, "bpf_cast_to_kern_ctx"))
		id = btf_find(k->btf, kernel_context(v->o->prog_type), BTF_STRUCT, 0);
	else if (kfunc_is(k, "bpf_rdonly_cast"))
		id = id < btf_count(k->btf) ? btf_strip_all(k->btf, id) : 0;
	else if (strncmp(k->name, "bpf_dynptr_slice", 16) != 0)
		return 0;
	if (strncmp(k->name, "bpf_dynptr_slice", 16) == 0) {
		if (kfunc_is(k, "bpf_dynptr_slice_rdwr") && k->dynptr == DYNPTR_SKB &&
		    !mem_packet_writable(v, true))
			return reject(v, &ERR_DYNPTR,
				      "the prog does not allow writes to packet data");
		reg_pointer(r, T_MEM, kfunc_is(k, "bpf_dynptr_slice") ? F_NULL | F_RDONLY : F_NULL);
		r->mem_size = (uint32_t)k->size;
		r->dynptr_id = k->dynptr_id;
		r->ref = k->dynptr_ref;
		r->id = next_id(v);
		return 1;
	}
	if (btf_kind(k->btf, id) != BTF_STRUCT)
		return reject(v, &ERR_ARGUMENT,
			      "kfunc bpf_rdonly_cast type ID argument must be of a struct or void");
	reg_pointer(r, T_BTF, kfunc_is(k, "bpf_rdonly_cast") ? F_UNTRUSTED : F_TRUSTED);
	r->btf = k->btf;
	r->btf_id = id;
	return 1;
}

static int plain_result(struct verifier *v, const struct kcall *k, struct reg *r)
{
	const struct btf *b = k->btf;
	uint32_t type = btf_strip_all(b, btf_ref_type(b, k->proto));

	/* a void pointer is as good as a number */
	if (!type)
		reg_clear(r);
	else if (btf_kind(b, type) != BTF_PTR || !btf_strip_all(b, btf_ref_type(b, type)))
		reg_unknown(r);
	else
		pointer_result(v, k, r, type);
	if (kfunc_is(k, "bpf_res_spin_lock") || kfunc_is(k, "bpf_res_spin_lock_irqsave"))
		reg_const(r, 0); /* lock_fails() is the other way */
	return 0;
}

static int result(struct verifier *v, const struct kcall *k)
{
	struct reg *r = reg_at(v, 0);
	int done = special_result(v, k);

	if (!done)
		done = alloc_result(v, k, r);
	if (!done)
		done = graph_result(v, k, r);
	if (!done)
		done = plain_result(v, k, r);
	if (done >= 0 && k->rule->flags & KFUNC_F_ACQUIRE && reg_is_pointer(r)) {
		struct ref ref = { .kind = REF_PTR, .id = next_id(v), .insn = v->at };

		state_add_ref(v, v->st, ref);
		r->ref = ref.id;
		r->id = ref.id;
	}
	return done < 0 ? done : 0;
}

static int calls_back(struct verifier *v, const struct kcall *k)
{
	static const struct spec_helper none;
	struct call c = { .proto = &none, .func = k->callback, .kfunc = k };

	return k->calls_back ? callback_call(v, &c) : 0;
}

/* What the call does besides its result. 1: the path ends here. */
static int effect(struct verifier *v, struct kcall *k)
{
	int err = calls_back(v, k);

	if (err == 0)
		err = section_call(v, k);
	if (err < 0)
		return err;
	if (k->rule->flags & KFUNC_F_RCU_PROTECTED && k->rule->flags & KFUNC_F_ITER_NEW &&
	    !v->st->rcu && v->st->sleepable)
		return reject(v, &ERR_CONTEXT,
			      "kernel func %s requires RCU critical section protection", k->name);
	if (kfunc_is(k, "bpf_throw"))
		return exception_throw(v);
	err = graph_effect(v, k);
	return err == 0 && k->rule->flags & KFUNC_F_RELEASE ? release(v, k) : err;
}

int call_kfunc(struct verifier *v)
{
	const struct btf *b = v->o->kernel_btf;
	int32_t id = v->insns[v->at].imm;
	struct kcall k = { .btf = b };
	int err;

	if (!id) /* one that was not found; refused behind the walk, when it was not dead */
		return 0;
	if (id < 0 || !b || (uint32_t)id >= btf_count(b) || btf_kind(b, (uint32_t)id) != BTF_FUNC)
		return reject(v, &ERR_KFUNC,
			      "invalid kernel function call not eliminated in verifier pass");
	k.name = btf_name(b, (uint32_t)id);
	k.proto = btf_strip_all(b, btf_ref_type(b, (uint32_t)id));
	k.nargs = btf_vlen(b, k.proto);
	err = allowed(v, &k);
	if (err == 0 && v->st->locks && !kfunc_may_hold_lock(&k))
		err = reject(v, &ERR_CONTEXT,
			     "function calls are not allowed while holding a lock");
	if (err == 0)
		err = lock_fails(v, &k);
	if (err == 0)
		err = kfunc_arguments(v, &k);
	if (err == 0)
		err = effect(v, &k);
	if (err)
		return err;
	if (k.rule->flags & (KFUNC_F_ITER_NEW | KFUNC_F_ITER_NEXT | KFUNC_F_ITER_DESTROY))
		return iter_effect(v, &k);
	clobber_caller_regs(v);
	err = result(v, &k);
	return v->oom ? -ENOMEM : err;
}
