// SPDX-License-Identifier: Apache-2.0
/*
 * Resilient spin locks and saved interrupt flags. Taking such a lock may fail: then the call's result is an error and nothing is held,
 * so the call is two ways. Locks are released in the reverse of the order in which they were taken, interrupt flags are restored in the
 * reverse of the order in which they were saved, and each by the family of functions that took or saved them.
 */
#include "verify/kcall.h"

#define MAX_ERRNO 4095

enum { IRQ_NATIVE, IRQ_LOCK };

static bool takes(const struct kcall *k)
{
	return kfunc_is(k, "bpf_res_spin_lock") || kfunc_is(k, "bpf_res_spin_lock_irqsave");
}

/* The way on which the lock was not had. */
int lock_fails(struct verifier *v, const struct kcall *k)
{
	struct state *st;
	struct frame *f;
	struct reg *r;

	if (!takes(k))
		return 0;
	st = push_branch(v, v->at + 1, v->at);
	if (!st)
		return v->oom ? -ENOMEM : -E2BIG;
	f = frame_own(v, st, st->cur);
	for (unsigned int i = 0; i <= 5; i++)
		reg_clear(&f->regs[i]);
	r = &f->regs[0];
	reg_unknown(r);
	r->s.smin = -MAX_ERRNO;
	r->s.smax = -1;
	r->s.s32_min = -MAX_ERRNO;
	r->s.s32_max = -1;
	scalar_sync(&r->s);
	return v->oom ? -ENOMEM : 0;
}

int lock_argument(struct verifier *v, struct kcall *k, uint32_t i, const char *type)
{
	const struct reg *r = reg_at(v, i + 1);
	bool irq = kfunc_is(k, "bpf_res_spin_lock_irqsave") ||
		   kfunc_is(k, "bpf_res_spin_unlock_irqrestore");
	int err;

	if (strcmp(type, "bpf_res_spin_lock") != 0 || strncmp(k->name, "bpf_res_spin_", 13) != 0)
		return 0;
	if ((r->type != T_MAP_VALUE || r->flags) && (r->type != T_BTF || r->flags != F_ALLOC))
		return reject(v, &ERR_LOCK, "arg#%u doesn't point to map value or allocated object",
			      i);
	err = object_lock(v, i + 1, irq ? REF_RES_LOCK_IRQ : REF_RES_LOCK, takes(k));
	return err < 0 ? err : 1;
}

/* Interrupts -------------------------------------------------------------------------------------- */

static int flag_slot(struct verifier *v, uint32_t i, uint32_t *ret)
{
	const struct reg *r = reg_at(v, i + 1);
	int64_t off;

	if (r->type != T_STACK)
		return reject(v, &ERR_CONTEXT, "arg#%u doesn't point to an irq flag on stack", i);
	if (!scalar_is_const(&r->s))
		return reject(v, &ERR_CONTEXT, "irq_flag has to be at a constant offset");
	off = r->off + (int64_t)scalar_value(&r->s);
	if (off % 8 || off < -ISA_STACK_SIZE || off > -8)
		return reject(v, &ERR_CONTEXT, "cannot pass in irq_flag at an offset=%lld",
			      (long long)off);
	*ret = (uint32_t)((-off - 1) / 8);
	return 0;
}

static int save(struct verifier *v, uint32_t i, uint32_t slot, unsigned int class)
{
	uint32_t frame = reg_at(v, i + 1)->frame;
	const struct stack *st = v->st->frames[frame]->stack;
	struct ref ref = { .kind = REF_IRQ, .insn = v->at };
	struct slot *s;
	int err;

	if (st && slot < st->n && st->slots[slot].type[0] >= SLOT_DYNPTR)
		return reject(v, &ERR_CONTEXT, "expected uninitialized irq flag as arg#%u", i);
	err = stack_helper(v, i + 1, 0, 8, true, true);
	if (err < 0)
		return err;
	ref.id = next_id(v);
	state_add_ref(v, v->st, ref);
	s = slots_own(v, v->st, frame, slot + 1);
	if (v->oom)
		return -ENOMEM;
	s = &s[slot];
	reg_clear(&s->spill);
	s->spill.type = T_SCALAR;
	s->spill.irq_class = (uint8_t) class;
	s->spill.ref = ref.id;
	memset(s->type, SLOT_IRQ, sizeof(s->type));
	touch_slot(v, frame, slot);
	v->st->active_irq = ref.id;
	return 0;
}

/* The flag that was saved last. */
static void set_active(struct state *st)
{
	st->active_irq = 0;
	for (uint32_t i = 0; i < st->nrefs; i++)
		if (st->refs[i].kind == REF_IRQ)
			st->active_irq = st->refs[i].id;
}

static int restore(struct verifier *v, uint32_t i, uint32_t slot, unsigned int class)
{
	static const char *const names[] = { "native", "lock" };
	uint32_t frame = reg_at(v, i + 1)->frame;
	const struct stack *st = v->st->frames[frame]->stack;
	const struct ref *active;
	struct slot *s;
	uint32_t id;

	if (!st || slot >= st->n || st->slots[slot].type[0] != SLOT_IRQ)
		return reject(v, &ERR_CONTEXT, "expected an initialized irq flag as arg#%u", i);
	if (st->slots[slot].spill.irq_class != class)
		return reject(v, &ERR_CONTEXT,
			      "irq flag acquired by %s kfuncs cannot be restored with %s kfuncs",
			      names[st->slots[slot].spill.irq_class], names[class]);
	id = st->slots[slot].spill.ref;
	if (id != v->st->active_irq) {
		active = state_find_ref(v->st, REF_IRQ, v->st->active_irq);
		return reject(
			v, &ERR_CONTEXT,
			"cannot restore irq state out of order, expected id=%u acquired at insn_idx=%u",
			v->st->active_irq, active ? active->insn : 0);
	}
	for (uint32_t n = 0; n < v->st->nrefs; n++)
		if (v->st->refs[n].kind == REF_IRQ && v->st->refs[n].id == id) {
			state_drop_ref(v->st, n);
			break;
		}
	stack_mark_read(v, frame, -8 * (int64_t)(slot + 1), -8 * (int64_t)slot);
	s = slots_own(v, v->st, frame, slot + 1);
	if (v->oom)
		return -ENOMEM;
	memset(&s[slot], 0, sizeof(*s));
	touch_slot(v, frame, slot);
	set_active(v->st);
	return 0;
}

int irq_argument(struct verifier *v, struct kcall *k, uint32_t i)
{
	bool lock = strncmp(k->name, "bpf_res_spin_", 13) == 0;
	uint32_t slot = 0;
	int err = flag_slot(v, i, &slot);

	if (err < 0)
		return err;
	if (takes(k) || kfunc_is(k, "bpf_local_irq_save"))
		return save(v, i, slot, lock ? IRQ_LOCK : IRQ_NATIVE);
	return restore(v, i, slot, lock ? IRQ_LOCK : IRQ_NATIVE);
}
