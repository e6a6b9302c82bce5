// SPDX-License-Identifier: Apache-2.0
/*
 * Kept states. Where a state is contained in a kept one of the same instruction, whose ways were all walked to their ends, its own
 * ways are covered. Contained: each register and slot that is read later has the same type, and numbers that matter
 * (precise.c) lie within; ids correspond one to one. The same state on its own way again is an endless loop, unless an
 * iterator, a callback or may_goto counts the rounds; those converge when the new round is within an earlier one.
 */
#include "verify/summary.h"

enum mode { COVERS, WITHIN, EXACT };

#define IDS 256

struct idmap {
	uint32_t n, tmp;
	uint32_t old[IDS], now[IDS];
};

HOT static bool same_id(struct idmap *m, uint32_t old, uint32_t now)
{
	if (!old || !now)
		return old == now;
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->old[i] == old)
			return m->now[i] == now;
		if (m->now[i] == now)
			return false;
	}
	if (m->n == IDS)
		return false;
	m->old[m->n] = old;
	m->now[m->n++] = now;
	return true;
}

static bool same_number_id(struct idmap *m, uint32_t old, uint32_t now)
{
	if ((old ^ now) & ID_ADD)
		return false;
	old &= ~ID_ADD;
	now &= ~ID_ADD;
	if (!old)
		old = --m->tmp;
	if (!now)
		now = --m->tmp;
	return same_id(m, old, now);
}

static bool same_object(const struct reg *a, const struct reg *b)
{
	switch ((enum reg_type)a->type) {
	case T_MAP_PTR:
	case T_MAP_VALUE:
	case T_MAP_KEY:
		return a->map == b->map;
	case T_BTF:
		return a->btf == b->btf && a->btf_id == b->btf_id;
	case T_MEM:
	case T_BUF:
	case T_TP_BUFFER:
		return a->mem_size == b->mem_size;
	case T_PKT:
	case T_PKT_META:
	case T_PKT_END:
		return a->range == b->range;
	case T_STACK:
		return a->frame == b->frame;
	case T_FUNC:
		return a->subprog == b->subprog;
	case T_DYNPTR:
		return a->dynptr == b->dynptr;
	case T_NOT_INIT:
	case T_SCALAR:
	case T_CTX:
	case T_FLOW_KEYS:
	case T_SOCKET:
	case T_SOCK_COMMON:
	case T_TCP_SOCK:
	case T_XDP_SOCK:
	case T_ARENA:
	case T_COUNT:
		break;
	}
	return true;
}

static bool exactly(const struct reg *a, const struct reg *b, struct idmap *m)
{
	return a->type == b->type && a->flags == b->flags && a->off == b->off &&
	       same_object(a, b) && memcmp(&a->s, &b->s, sizeof(a->s)) == 0 &&
	       (a->type == T_SCALAR ? same_number_id(m, a->id, b->id) : same_id(m, a->id, b->id)) &&
	       same_id(m, a->ref, b->ref);
}

static bool within(const struct reg *old, const struct reg *now)
{
	return scalar_is_within(&now->s, &old->s);
}

HOT static bool covers(const struct verifier *v, const struct reg *old, const struct reg *now,
		       bool precise, struct idmap *m, enum mode mode)
{
	if (mode == EXACT)
		return exactly(old, now, m);
	if (old->type == T_NOT_INIT)
		return true;
	if (old->type != now->type || old->flags != now->flags)
		return false;
	switch ((enum reg_type)old->type) {
	case T_SCALAR:
		if (v->strict_numbers)
			return memcmp(&old->s, &now->s, sizeof(old->s)) == 0 &&
			       old->off == now->off && same_number_id(m, old->id, now->id);
		if (mode == COVERS && !precise && !v->o->watch)
			return true;
		if ((old->id & ID_ADD) && old->off != now->off)
			return false;
		return within(old, now) && same_number_id(m, old->id, now->id);
	case T_MAP_KEY:
	case T_MAP_VALUE:
	case T_MEM:
	case T_BUF:
	case T_TP_BUFFER:
		return old->off == now->off && same_object(old, now) && within(old, now) &&
		       same_id(m, old->id, now->id) && same_id(m, old->ref, now->ref) &&
		       (old->type != T_MAP_VALUE || old->uid == now->uid ||
			same_id(m, old->uid, now->uid));
	case T_PKT:
	case T_PKT_META:
		return (old->range < 0 || now->range < 0 ? old->range == now->range :
							   old->range <= now->range) &&
		       old->off == now->off && same_id(m, old->id, now->id) && within(old, now);
	case T_ARENA:
		return true;
	case T_NOT_INIT:
	case T_CTX:
	case T_MAP_PTR:
	case T_STACK:
	case T_PKT_END:
	case T_FLOW_KEYS:
	case T_SOCKET:
	case T_SOCK_COMMON:
	case T_TCP_SOCK:
	case T_XDP_SOCK:
	case T_BTF:
	case T_FUNC:
	case T_DYNPTR:
	case T_COUNT:
		break;
	}
	(void)v;
	return exactly(old, now, m);
}

/* Stacks ------------------------------------------------------------------------------------------ */

static bool all_misc(const struct verifier *v, const struct slot *s)
{
	for (unsigned int i = 0; i < 8; i++)
		if (s->type[i] != SLOT_MISC && !(s->type[i] == SLOT_INVALID && v->privileged))
			return false;
	return true;
}

static bool special(const struct slot *old, const struct slot *now, struct idmap *m)
{
	const struct reg *a = &old->spill, *b = &now->spill;

	if (old->type[0] != now->type[0])
		return false;
	switch (old->type[0]) {
	case SLOT_DYNPTR:
		return a->dynptr == b->dynptr && a->first == b->first && same_id(m, a->id, b->id) &&
		       same_id(m, a->ref, b->ref);
	case SLOT_ITER:
		return a->btf_id == b->btf_id && a->iter_state == b->iter_state &&
		       a->flags == b->flags && same_id(m, a->ref, b->ref);
	default:
		return a->irq_class == b->irq_class && same_id(m, a->ref, b->ref);
	}
}

static bool bytes_cover(const struct verifier *v, const struct slot *old, const struct slot *now,
			enum mode mode, bool *ret_compare)
{
	*ret_compare = false;
	for (unsigned int i = 8; i--;) {
		uint8_t a = old->type[i], b = now->type[i];

		if (mode == EXACT && a != b)
			return false;
		if (a == SLOT_INVALID || (a == SLOT_MISC && v->privileged && mode != EXACT))
			continue;
		if (a == SLOT_MISC && b == SLOT_ZERO)
			continue;
		if (a != b)
			return false;
		if (a == SLOT_SPILL)
			*ret_compare = true;
	}
	return true;
}

static bool slot_covers(const struct verifier *v, const struct slot *old, const struct slot *now,
			bool precise, struct idmap *m, enum mode mode)
{
	static const struct reg misc = {
		.type = T_SCALAR,
		.s = { .t = { 0, ~0ull },
		       .smin = INT64_MIN,
		       .smax = INT64_MAX,
		       .umax = UINT64_MAX,
		       .s32_min = INT32_MIN,
		       .s32_max = INT32_MAX,
		       .u32_max = UINT32_MAX },
	};
	bool compare;

	if (old->type[0] >= SLOT_DYNPTR || now->type[0] >= SLOT_DYNPTR) {
		if (old->type[0] == SLOT_INVALID && old->type[7] == SLOT_INVALID)
			return mode != EXACT;
		return special(old, now, m);
	}
	if (mode != EXACT && slot_is_scalar(old) && all_misc(v, now))
		return covers(v, &old->spill, &misc, precise, m, mode);
	if (mode != EXACT && all_misc(v, old) && old->type[0] == SLOT_MISC && slot_is_scalar(now))
		return true;
	if (!bytes_cover(v, old, now, mode, &compare))
		return false;
	return !compare || covers(v, &old->spill, &now->spill, precise, m, mode);
}

static bool stack_covers(const struct verifier *v, const struct state *old, const struct state *now,
			 uint32_t frame, struct idmap *m, enum mode mode)
{
	static const struct slot none;
	const struct stack *a = old->frames[frame]->stack, *b = now->frames[frame]->stack;
	uint32_t n = a ? a->n : 0;

	if (a == b && mode != WITHIN && a == NULL)
		return true;
	for (uint32_t i = 0; i < n; i++)
		if (!slot_covers(v, &a->slots[i], b && i < b->n ? &b->slots[i] : &none,
				 old->precise.slots[frame] >> i & 1, m, mode))
			return false;
	for (uint32_t i = n; mode == EXACT && b && i < b->n; i++)
		if (!slot_covers(v, &none, &b->slots[i], false, m, mode))
			return false;
	return true;
}

/* States ------------------------------------------------------------------------------------------ */

static bool refs_cover(const struct state *old, const struct state *now, struct idmap *m)
{
	if (old->nrefs != now->nrefs || old->locks != now->locks || old->preempt != now->preempt ||
	    old->rcu != now->rcu || !same_id(m, old->active_irq, now->active_irq) ||
	    !same_id(m, old->active_lock_id, now->active_lock_id) ||
	    old->active_lock_ptr != now->active_lock_ptr)
		return false;
	for (uint32_t i = 0; i < old->nrefs; i++)
		if (old->refs[i].kind != now->refs[i].kind ||
		    old->refs[i].ptr != now->refs[i].ptr ||
		    !same_id(m, old->refs[i].id, now->refs[i].id))
			return false;
	return true;
}

static uint32_t place(const struct state *st, uint32_t frame, uint32_t at)
{
	return frame == st->cur ? at : st->frames[frame + 1]->callsite;
}

static bool frame_covers(struct verifier *v, const struct state *old, const struct state *now,
			 uint32_t frame, struct idmap *m, enum mode mode)
{
	const struct frame *a = old->frames[frame], *b = now->frames[frame];
	uint16_t live = live_regs(v, place(old, frame, v->at));

	if (a->callback_depth > b->callback_depth || a->func != b->func)
		return false;
	for (unsigned int i = 0; i < FP; i++)
		if ((live & 1u << i || mode == EXACT || v->o->watch) &&
		    !covers(v, &a->regs[i], &b->regs[i], old->precise.regs[frame] >> i & 1, m,
			    mode))
			return false;
	return stack_covers(v, old, now, frame, m, mode);
}

HOT static bool state_covers(struct verifier *v, const struct state *old, const struct state *now,
			     enum mode mode)
{
	struct idmap m;

	m.n = 0;
	m.tmp = 0;
	if (old->cur != now->cur || old->sleepable != now->sleepable ||
	    (old->speculative && !now->speculative))
		return false;
	for (uint32_t i = 0; i <= old->cur; i++)
		if (i && old->frames[i]->callsite != now->frames[i]->callsite)
			return false;
	if (!refs_cover(old, now, &m))
		return false;
	for (uint32_t i = old->cur + 1; i--;)
		if (!frame_covers(v, old, now, i, &m, mode))
			return false;
	return true;
}

/* Slots that nobody reads any more. */
static void clean(struct verifier *v, struct state *st)
{
	if (st->cleaned || st->in_loop || v->o->watch)
		return;
	st->cleaned = true;
	for (uint32_t i = 0; i <= st->cur; i++) {
		const struct frame *f = st->frames[i];
		struct slot *slots;
		uint64_t live;

		if (!f->stack || !f->stack->n)
			continue;
		live = live_slots(v, f->inst, place(st, i, st->insn));
		if (f->stack->n < SLOTS && live & ((1ull << f->stack->n) - 1) &&
		    (live & ((1ull << f->stack->n) - 1)) == (1ull << f->stack->n) - 1)
			continue;
		slots = slots_own(v, st, i, f->stack->n);
		for (uint32_t s = 0; s < st->frames[i]->stack->n; s++)
			if (!(live & 1ull << s) && slots[s].type[0] < SLOT_DYNPTR)
				memset(&slots[s], 0, sizeof(slots[s]));
	}
}

/* All that @now may be is in @old, numbers of which nobody asked included. */
bool prune_within(struct verifier *v, const struct state *old, const struct state *now)
{
	return state_covers(v, old, now, WITHIN);
}

bool prune_reg_within(struct verifier *v, const struct reg *old, const struct reg *now)
{
	struct idmap m = { .n = 0 };

	return covers(v, old, now, false, &m, WITHIN);
}

bool prune_slot_within(struct verifier *v, const struct slot *old, const struct slot *now)
{
	struct idmap m = { .n = 0 };

	return slot_covers(v, old, now, false, &m, WITHIN);
}

HOT void prune_done(struct verifier *v, struct state *st)
{
	if (!st->evicted)
		return;
	v->stats.peak_states -= !st->is_head;
	state_free(v, st);
}

static bool same_way(const struct state *old, const struct state *now)
{
	const struct frame *a = old->frames[old->cur], *b = now->frames[now->cur];

	if (old->cur != now->cur)
		return false;
	for (unsigned int i = 0; i < FP; i++)
		if (a->regs[i].type != b->regs[i].type || a->regs[i].off != b->regs[i].off ||
		    memcmp(&a->regs[i].s, &b->regs[i].s, sizeof(a->regs[i].s)) != 0)
			return false;
	return true;
}

static bool depths_differ(const struct state *old, const struct state *now)
{
	for (uint32_t f = 0; f <= old->cur; f++) {
		const struct stack *a = old->frames[f]->stack, *b = now->frames[f]->stack;

		for (uint32_t i = 0; a && i < a->n; i++) {
			if (a->slots[i].type[0] != SLOT_ITER || !b || i >= b->n ||
			    b->slots[i].type[0] != SLOT_ITER)
				continue;
			if (a->slots[i].spill.iter_depth != b->slots[i].spill.iter_depth)
				return true;
		}
	}
	return false;
}

/* Does the iterator that is asked at this instruction go on? */
static bool iterating(struct verifier *v, const struct state *now)
{
	const struct reg *r = &now->frames[now->cur]->regs[1];
	int64_t off = r->off + (int64_t)scalar_value(&r->s);
	uint32_t slot = (uint32_t)((-off - 1) / 8);
	const struct stack *st;

	(void)v;
	if (r->type != T_STACK || off >= 0 || off < -ISA_STACK_SIZE)
		return false;
	st = now->frames[r->frame]->stack;
	return st && slot < st->n && st->slots[slot].type[0] == SLOT_ITER &&
	       st->slots[slot].spill.iter_state == ITER_ACTIVE;
}

/* @old is not walked to its end: a loop? 1: its rounds converge here, 0: go on. */
static int on_the_way(struct verifier *v, struct state *old, bool *keep, bool force)
{
	struct state *now = v->st;
	unsigned int marks = v->marks[v->at];

	if (marks & AT_ITER && state_covers(v, old, now, WITHIN) && iterating(v, now))
		return 1;
	if (v->ops[v->at] == ISA_MAY_GOTO && old->may_goto_depth != now->may_goto_depth &&
	    state_covers(v, old, now, WITHIN))
		return 1;
	if (marks & AT_CALLBACK && state_covers(v, old, now, WITHIN))
		return 1;
	/* another entry into the same callback that runs later: no loop, and nothing is known of the first yet */
	if (old->frames[0]->async_entry != now->frames[0]->async_entry)
		return 0;
	if (!(marks & (AT_ITER | AT_CALLBACK)) && same_way(old, now) && !depths_differ(old, now) &&
	    old->may_goto_depth == now->may_goto_depth &&
	    old->callback_depth == now->callback_depth && state_covers(v, old, now, EXACT)) {
		int r;

		say(v, "cur state:");
		log_state(v, now, now->cur, true);
		say(v, "old state:");
		log_state(v, old, old->cur, true);
		r = reject(v, &ERR_LOOP, "infinite loop detected at insn %u", v->at);
		skep_hint(
			&v->error,
			"nothing changes from one round to the next; count the rounds, or use may_goto or bpf_loop");
		return r;
	}
	if (!force && v->jumps - v->kept_jumps < 20 &&
	    v->stats.insns_processed - v->kept_insns < 100)
		*keep = false;
	return 0;
}

HOT void prune_keep(struct verifier *v)
{
	struct state *st = v->st, *kept = state_copy(v, st, false);

	if (v->oom)
		return;
	v->kept_jumps = v->jumps;
	v->kept_insns = v->stats.insns_processed;
	kept->steps = st->steps;
	kept->nsteps = st->nsteps;
	kept->csteps = st->csteps;
	st->steps = NULL;
	st->nsteps = st->csteps = 0;
	kept->insn = v->at;
	kept->last_insn = v->prev;
	kept->first_insn = st->first_insn;
	kept->parent = st->parent;
	kept->branches = 1;
	kept->kept = true;
	kept->in_loop = v->marks[v->at] & AT_LOOP;
	for (uint32_t i = 1; i <= st->cur; i++)
		kept->in_loop |= v->marks[st->frames[i]->callsite] & AT_LOOP;
	if (v->trial)
		summary_kept(v, kept);
	kept->next = v->kept[v->at];
	v->kept[v->at] = kept;
	st->parent = kept;
	st->first_insn = v->at;
	st->depth++;
	v->stats.total_states++;
	if (v->costs)
		v->costs[v->at].kept++;
	v->stats.peak_states++;
}

/* The path is covered by @old: hand down what matters. */
static int covered(struct verifier *v, struct state *old, bool in_progress)
{
	old->hits++;
	/*
	 * What matters in @old is not all known yet: so everything on the way here counts as if it mattered, from
	 * now on, and nothing of it as unread.
	 */
	for (struct state *p = v->st->parent; in_progress && p && !p->in_loop; p = p->parent)
		p->in_loop = true;
	return precise_from(v, old);
}

/* 1: covered, 0: not, or a negative errno. */
static int compare(struct verifier *v, struct state *old, bool *keep, bool force)
{
	if (old->loop_id != summary_id(v))
		return 0;
	if (old->branches && (!old->loop_id || summary_is_before(old, v->st)))
		return on_the_way(v, old, keep, force);
	clean(v, old);
	if (old->loop_id && !summary_same_origins(v, old, v->st))
		return 0;
	return state_covers(v, old, v->st, old->in_loop ? WITHIN : COVERS);
}

HOT int prune_visit(struct verifier *v, bool *ret_known)
{
	bool head = v->loops && loop_at(v, v->at);
	bool force = v->marks[v->at] & AT_FORCE || v->st->nsteps > 40 || head, keep;
	struct state **link = &v->kept[v->at], *old;
	uint32_t n = 0, patience = force ? 64 : 3;

	*ret_known = false;
	keep = force || v->test_state_freq ||
	       (v->jumps - v->kept_jumps >= 2 && v->stats.insns_processed - v->kept_insns >= 8);
	while ((old = *link)) {
		int r = compare(v, old, &keep, force);

		if (r) {
			*ret_known = r > 0;
			return r < 0 ? r : covered(v, old, old->branches || old->in_loop);
		}
		n++;
		old->misses +=
			keep; /* one that is not kept anyway says nothing about the old one */
		if (old->misses <= old->hits * patience + patience) {
			link = &old->next;
			continue;
		}
		*link = old->next;
		old->evicted = true;
		if (old->branches)
			continue;
		v->stats.peak_states--;
		state_free(v, old);
	}
	if (n > v->stats.max_states_per_insn)
		v->stats.max_states_per_insn = n;
	if (keep)
		prune_keep(v);
	return 0;
}

/* Widening ---------------------------------------------------------------------------------------- */

static void widen(struct reg *r, const struct reg *before, bool precise)
{
	if (r->type != T_SCALAR || before->type != T_SCALAR || precise ||
	    (memcmp(&r->s, &before->s, sizeof(r->s)) == 0 && r->id == before->id))
		return;
	reg_unknown(r);
}

void widen_round(struct verifier *v, struct state *st, uint32_t at)
{
	const struct state *p;

	p = st->parent;
	if (p && v->at == at && p->insn == at) /* this round's own */
		p = p->parent;
	for (; p; p = p->parent) {
		bool same = p->insn == at && p->cur == st->cur;

		for (uint32_t i = 1; same && i <= p->cur; i++)
			same = p->frames[i]->callsite == st->frames[i]->callsite;
		if (same)
			break;
	}
	for (uint32_t i = 0; p && i <= st->cur; i++) {
		struct frame *f = frame_own(v, st, i);
		const struct frame *g = p->frames[i];

		for (unsigned int r = 0; r < FP; r++)
			widen(&f->regs[r], &g->regs[r], p->precise.regs[i] >> r & 1);
		if (!f->stack || !g->stack)
			continue;
		stack_own(v, f, f->stack->n);
		for (uint32_t s = 0; s < f->stack->n && s < g->stack->n; s++)
			if (slot_is_scalar(&f->stack->slots[s]) &&
			    slot_is_scalar(&g->stack->slots[s]))
				widen(&f->stack->slots[s].spill, &g->stack->slots[s].spill,
				      p->precise.slots[i] >> s & 1);
	}
}
