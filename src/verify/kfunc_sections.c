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

/* Nor may iterators that RCU kept alive go on. */
static void iterators_end(struct verifier *v)
{
	for (uint32_t f = 0; f <= v->st->cur; f++) {
		const struct stack *st = v->st->frames[f]->stack;

		for (uint32_t i = 0; st && i < st->n; i++) {
			struct slot *s;

			if (st->slots[i].type[0] != SLOT_ITER ||
			    !(st->slots[i].spill.flags & F_RCU))
				continue;
			s = &slots_own(v, v->st, f, i + 1)[i];
			s->spill.flags =
				(uint16_t)((s->spill.flags & ~(unsigned)F_RCU) | F_UNTRUSTED);
			st = v->st->frames[f]->stack;
		}
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
	if (!--v->st->rcu) {
		state_each_reg(v, v->st, rcu_ends, NULL);
		iterators_end(v);
	}
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
