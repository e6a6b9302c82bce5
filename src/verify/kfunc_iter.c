// SPDX-License-Identifier: Apache-2.0
/*
 * Open-coded iterators: an object on the stack that _new makes, _next moves and _destroy ends. A call of _next is two ways:
 * one on which the iterator is drained and gives NULL, one on which it gives an element. Numbers that differ between two rounds
 * and were not needed exactly become unknown, so that rounds converge. Kernel document bpf/kfuncs.rst.
 */
#include "verify/kcall.h"

static const char *short_name(const struct btf *b, uint32_t type)
{
	const char *name = btf_name(b, type);

	return strncmp(name, "bpf_iter_", 9) == 0 ? name + 9 : name;
}

static bool is_iter(const struct verifier *v, const struct kcall *k, uint32_t type)
{
	const struct stack *st = v->st->frames[k->iter_frame]->stack;
	uint32_t slot = k->iter_slot;

	if (!st || slot >= st->n)
		return false;
	for (uint32_t i = 0; i < k->iter_slots; i++) {
		const struct slot *s = &st->slots[slot - i];

		if (s->type[0] != SLOT_ITER || s->spill.btf_id != type ||
		    (i == 0) != (s->spill.ref != 0))
			return false;
	}
	return true;
}

static bool is_free(const struct verifier *v, const struct kcall *k)
{
	const struct stack *st = v->st->frames[k->iter_frame]->stack;

	for (uint32_t i = 0; st && i < k->iter_slots; i++)
		if (k->iter_slot - i < st->n && st->slots[k->iter_slot - i].type[0] >= SLOT_DYNPTR)
			return false;
	return true;
}

int iter_argument(struct verifier *v, struct kcall *k, uint32_t type)
{
	const struct reg *r = reg_at(v, 1);
	uint32_t size = (uint32_t)btf_size(k->btf, type);
	const char *name = short_name(k->btf, type);
	int64_t off;

	if (r->type != T_STACK)
		return reject(v, &ERR_ITER, "arg#0 expected pointer to an iterator on stack");
	if (!scalar_is_const(&r->s))
		return reject(v, &ERR_ITER, "iter has to be at a constant offset");
	off = r->off + (int64_t)scalar_value(&r->s);
	if (off % 8 || off < -ISA_STACK_SIZE || off > -(int64_t)size)
		return reject(v, &ERR_ITER, "cannot pass in iter at an offset=%lld",
			      (long long)off);
	k->iter_frame = r->frame;
	k->iter_slot = (uint32_t)((-off - 1) / 8);
	k->iter_slots = (size + 7) / 8;
	if (k->rule->flags & KFUNC_F_ITER_NEW) {
		if (!is_free(v, k))
			return reject(v, &ERR_ITER, "expected uninitialized iter_%s as arg #0",
				      name);
		return 0;
	}
	if (!is_iter(v, k, type))
		return reject(v, &ERR_ITER, "expected an initialized iter_%s as arg #0", name);
	if (v->st->frames[k->iter_frame]->stack->slots[k->iter_slot].spill.flags & F_UNTRUSTED)
		return reject(v, &ERR_ITER, "expected an RCU CS when using %s", k->name);
	stack_mark_read(v, k->iter_frame, off, off + size);
	k->ref = 0;
	return 0;
}

static int make(struct verifier *v, const struct kcall *k, uint32_t type)
{
	struct ref ref = { .kind = REF_PTR, .id = next_id(v), .insn = v->at };
	struct func *f = &v->funcs[v->st->frames[k->iter_frame]->func];
	struct slot *s = slots_own(v, v->st, k->iter_frame, k->iter_slot + 1);

	if (v->oom)
		return -ENOMEM;
	state_add_ref(v, v->st, ref);
	for (uint32_t i = 0; i < k->iter_slots; i++) {
		struct slot *one = &s[k->iter_slot - i];

		memset(one, 0, sizeof(*one));
		memset(one->type, SLOT_ITER, sizeof(one->type));
		one->spill.type = T_SCALAR;
		one->spill.btf = k->btf;
		one->spill.btf_id = type;
		one->spill.iter_state = ITER_ACTIVE;
		one->spill.ref = i ? 0 : ref.id;
		if (!i && k->rule->flags & KFUNC_F_RCU_PROTECTED)
			one->spill.flags = v->st->rcu ? F_RCU : F_UNTRUSTED;
		else if (!i)
			one->spill.flags = F_TRUSTED;
		touch_slot(v, k->iter_frame, k->iter_slot - i);
	}
	if (8 * (k->iter_slot + 1) > f->depth)
		f->depth = 8 * (k->iter_slot + 1);
	return 0;
}

static int destroy(struct verifier *v, const struct kcall *k)
{
	struct slot *s = slots_own(v, v->st, k->iter_frame, k->iter_slot + 1);
	uint32_t ref;

	if (v->oom)
		return -ENOMEM;
	ref = s[k->iter_slot].spill.ref;
	for (uint32_t i = 0; i < k->iter_slots; i++) {
		memset(&s[k->iter_slot - i], 0, sizeof(*s));
		touch_slot(v, k->iter_frame, k->iter_slot - i);
	}
	release_ref(v, ref);
	return 0;
}

static void widen_reg(const struct reg *old, struct reg *now, bool precise)
{
	if (old->type != T_SCALAR || now->type != T_SCALAR || precise ||
	    memcmp(&old->s, &now->s, sizeof(old->s)) == 0)
		return;
	reg_unknown(now);
}

/* Numbers of @now that are others than in @old, the round before, and that nobody needs exactly. */
static void widen(struct verifier *v, const struct state *old, struct state *now)
{
	for (uint32_t f = 0; f <= old->cur && f <= now->cur; f++) {
		const struct frame *a = old->frames[f];
		struct frame *b = frame_own(v, now, f);

		if (v->oom)
			return;
		for (unsigned int i = 0; i < FP; i++)
			widen_reg(&a->regs[i], &b->regs[i], old->precise.regs[f] >> i & 1);
		for (uint32_t i = 0; a->stack && b->stack && i < a->stack->n && i < b->stack->n;
		     i++) {
			if (!slot_is_spill(&a->stack->slots[i]) ||
			    !slot_is_spill(&b->stack->slots[i]))
				continue;
			widen_reg(&a->stack->slots[i].spill, &slots_own(v, now, f, i + 1)[i].spill,
				  old->precise.slots[f] >> i & 1);
			b = now->frames[f];
		}
	}
}

/* The kept state of the round before, at this call of the same frames. */
static const struct state *round_before(const struct verifier *v)
{
	for (const struct state *st = v->st->parent; st; st = st->parent) {
		bool same = st->insn == v->at && st->cur == v->st->cur;

		for (uint32_t f = 0; same && f <= st->cur; f++)
			same = st->frames[f]->callsite == v->st->frames[f]->callsite &&
			       st->frames[f]->func == v->st->frames[f]->func;
		if (same && st != v->st->parent)
			return st;
	}
	return NULL;
}

/* What an element is. */
static void element(struct verifier *v, const struct kcall *k, struct reg *r, unsigned int trust)
{
	const struct btf *b = k->btf;
	uint32_t ptr = btf_strip_all(b, btf_ref_type(b, k->proto));
	uint32_t target = btf_strip_all(b, btf_ref_type(b, ptr));

	if (btf_is_composite(b, target)) {
		reg_pointer(r, T_BTF, trust);
		r->btf = b;
		r->btf_id = target;
	} else {
		reg_pointer(r, T_MEM, F_RDONLY);
		r->mem_size = (uint32_t)btf_size(b, target);
	}
	r->id = next_id(v);
	r->ref = 0;
	(void)k;
}

static int next(struct verifier *v, const struct kcall *k)
{
	const struct state *before = round_before(v);
	struct slot *s;
	struct state *goes_on;
	unsigned int trust;
	bool drained;

	s = slots_own(v, v->st, k->iter_frame, k->iter_slot + 1);
	if (v->oom)
		return -ENOMEM;
	drained = s[k->iter_slot].spill.iter_state == ITER_DRAINED;
	trust = s[k->iter_slot].spill.flags & (F_TRUSTED | F_RCU | F_UNTRUSTED);
	clobber_caller_regs(v);
	if (!drained) {
		goes_on = push_branch(v, v->at + 1, v->at);
		if (!goes_on)
			return v->oom ? -ENOMEM : -E2BIG;
		s = slots_own(v, goes_on, k->iter_frame, k->iter_slot + 1);
		if (v->oom)
			return -ENOMEM;
		s[k->iter_slot].spill.iter_depth++;
		if (before)
			widen(v, before, goes_on);
		element(v, k, &frame_own(v, goes_on, goes_on->cur)->regs[0], trust);
		s = slots_own(v, v->st, k->iter_frame, k->iter_slot + 1);
		s[k->iter_slot].spill.iter_state = ITER_DRAINED;
		touch_slot(v, k->iter_frame, k->iter_slot);
	}
	reg_const(reg_at(v, 0), 0);
	return v->oom ? -ENOMEM : 0;
}

int iter_effect(struct verifier *v, const struct kcall *k)
{
	uint32_t type = btf_strip_all(k->btf, btf_param(k->btf, k->proto, 0).type);
	int err = 0;

	type = btf_strip_all(k->btf, btf_ref_type(k->btf, type));
	if (k->rule->flags & KFUNC_F_ITER_NEXT)
		return next(v, k);
	if (k->rule->flags & KFUNC_F_ITER_NEW)
		err = make(v, k, type);
	else
		err = destroy(v, k);
	clobber_caller_regs(v);
	if (err == 0 && k->rule->flags & KFUNC_F_ITER_NEW)
		reg_unknown(reg_at(v, 0));
	return err;
}
