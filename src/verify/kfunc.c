// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of kernel functions: who may call (spec/kfunc_rules.def), the arguments (kfunc_args.c), what the call does, what r0 holds
 * then, by the kernel's BTF. Kernel document bpf/kfuncs.rst.
 */
#include "verify/kcall.h"

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
	if (!k->rule || !spec_kfunc_allowed(k->rule, v->o->prog_type))
		return reject(v, &ERR_KFUNC_DENIED, "calling kernel function %s is not allowed",
			      k->name);
	return k->rule->flags & KFUNC_F_SLEEP ? sleeps(v, k) : 0;
}

/* Those that need more than flags and BTF say, and are not served. */
static int served(struct verifier *v, const struct kcall *k)
{
	static const char *const not [] = {
		"bpf_obj_new_impl",  "bpf_percpu_obj_new_impl",
		"bpf_obj_drop_impl", "bpf_percpu_obj_drop_impl",
		"bpf_list_",	     "bpf_rbtree_",
		"bpf_refcount_",     "bpf_throw",
		"bpf_res_spin_",     "bpf_local_irq_",
		"bpf_wq_",	     "bpf_task_work_",
		"bpf_dynptr_slice",  "bpf_arena_",
		"bpf_rdonly_cast",   "bpf_cast_to_kern_ctx",
	};

	for (size_t i = 0; i < ARRAY_SIZE(not ); i++)
		if (strncmp(k->name, not [i], strlen(not [i])) == 0)
			return reject(v, &ERR_UNSERVED,
				      "calls of kernel functions are not verified: %s", k->name);
	return 0;
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
		unsigned int flags = k->rule->flags & KFUNC_F_ACQUIRE ? F_TRUSTED : 0;

		reg_pointer(r, T_BTF, flags | null);
		r->btf = b;
		r->btf_id = target;
	} else {
		reg_pointer(r, T_MEM, F_RDONLY | null);
		r->mem_size = (uint32_t)btf_size(b, target);
	}
	if (null)
		r->id = next_id(v);
}

static void result(struct verifier *v, const struct kcall *k)
{
	const struct btf *b = k->btf;
	uint32_t type = btf_strip_all(b, btf_ref_type(b, k->proto));
	struct reg *r = reg_at(v, 0);

	if (!type) {
		reg_clear(r);
		return;
	}
	if (btf_kind(b, type) != BTF_PTR) {
		reg_unknown(r);
		return;
	}
	pointer_result(v, k, r, type);
	if (k->rule->flags & KFUNC_F_ACQUIRE) {
		struct ref ref = { .kind = REF_PTR, .id = next_id(v), .insn = v->at };

		state_add_ref(v, v->st, ref);
		r->ref = ref.id;
		r->id = ref.id;
	}
}

int call_kfunc(struct verifier *v)
{
	const struct btf *b = v->o->kernel_btf;
	int32_t id = v->insns[v->at].imm;
	struct kcall k = { .btf = b };
	int err;

	if (id <= 0 || !b || (uint32_t)id >= btf_count(b) || btf_kind(b, (uint32_t)id) != BTF_FUNC)
		return reject(v, &ERR_KFUNC,
			      "invalid kernel function call not eliminated in verifier pass");
	k.name = btf_name(b, (uint32_t)id);
	k.proto = btf_strip_all(b, btf_ref_type(b, (uint32_t)id));
	k.nargs = btf_vlen(b, k.proto);
	err = allowed(v, &k);
	if (err == 0 && v->st->locks)
		err = reject(v, &ERR_CONTEXT,
			     "function calls are not allowed while holding a lock");
	if (err == 0)
		err = served(v, &k);
	if (err == 0)
		err = kfunc_arguments(v, &k);
	if (err == 0)
		err = section_call(v, &k);
	if (err < 0)
		return err;
	if (k.rule->flags & KFUNC_F_RCU_PROTECTED && k.rule->flags & KFUNC_F_ITER_NEW &&
	    !v->st->rcu && v->st->sleepable)
		return reject(v, &ERR_CONTEXT,
			      "kernel func %s requires RCU critical section protection", k.name);
	if (k.rule->flags & (KFUNC_F_ITER_NEW | KFUNC_F_ITER_NEXT | KFUNC_F_ITER_DESTROY))
		return iter_effect(v, &k);
	if (k.rule->flags & KFUNC_F_RELEASE) {
		err = release(v, &k);
		if (err < 0)
			return err;
	}
	clobber_caller_regs(v);
	result(v, &k);
	return v->oom ? -ENOMEM : 0;
}
