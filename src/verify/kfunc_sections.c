// SPDX-License-Identifier: Apache-2.0
/* Sections that kernel functions open and close: RCU read side, no preemption, no interrupts. Kernel document bpf/kfuncs.rst. */
#include "verify/kcall.h"

/* Objects that RCU kept alive are not to be trusted behind its section. */
static void rcu_ends(struct verifier *v, struct reg *r, void *ctx)
{
	(void)v;
	(void)ctx;
	if (r->type == T_BTF && r->flags & F_RCU) {
		r->flags &= (uint16_t) ~(F_RCU | F_NULL);
		r->flags |= F_UNTRUSTED;
	}
}

static int rcu(struct verifier *v, const struct kcall *k, bool lock)
{
	if (lock) {
		if (v->st->rcu)
			return reject(v, &ERR_CONTEXT, "nested rcu read lock (kernel function %s)",
				      k->name);
		v->st->rcu++;
		return 1;
	}
	if (!v->st->rcu)
		return reject(v, &ERR_CONTEXT, "unmatched rcu read unlock (kernel function %s)",
			      k->name);
	if (!--v->st->rcu)
		state_each_reg(v, v->st, rcu_ends, NULL);
	return 1;
}

static int preempt(struct verifier *v, const struct kcall *k, bool disable)
{
	if (disable) {
		v->st->preempt++;
		return 1;
	}
	if (!v->st->preempt)
		return reject(v, &ERR_CONTEXT,
			      "unmatched attempt to enable preemption (kernel function %s)",
			      k->name);
	v->st->preempt--;
	return 1;
}

int section_call(struct verifier *v, const struct kcall *k)
{
	if (kfunc_is(k, "bpf_rcu_read_lock"))
		return rcu(v, k, true);
	if (kfunc_is(k, "bpf_rcu_read_unlock"))
		return rcu(v, k, false);
	if (kfunc_is(k, "bpf_preempt_disable"))
		return preempt(v, k, true);
	if (kfunc_is(k, "bpf_preempt_enable"))
		return preempt(v, k, false);
	return 0;
}
