// SPDX-License-Identifier: Apache-2.0
/*
 * Since when is known what is known of a register? Backwards along the path: the instruction that wrote it, where that had it
 * from, and the branches that compared it or a copy of it, until it came out of nowhere: memory, the context, a call, a
 * constant. Without a register: what the path still holds, and the branches since.
 */
#include "verify/explain.h"

struct want {
	uint16_t regs[ISA_MAX_FRAMES];
	uint64_t slots[ISA_MAX_FRAMES];
	uint32_t ids[8], nids; /* of linked numbers, and of pointers that may be null */
	bool packet;	       /* comparisons with the packet's end matter */
	uint32_t packet_id;
};

static bool wants_none(const struct want *w)
{
	for (unsigned int i = 0; i < ISA_MAX_FRAMES; i++)
		if (w->regs[i] || w->slots[i])
			return false;
	return true;
}

static void want_id(struct want *w, uint32_t id)
{
	id &= ~ID_ADD;
	for (uint32_t i = 0; i < w->nids; i++)
		if (w->ids[i] == id)
			return;
	if (id && w->nids < ARRAY_SIZE(w->ids))
		w->ids[w->nids++] = id;
}

static bool has_id(const struct want *w, uint32_t id)
{
	for (uint32_t i = 0; id && i < w->nids; i++)
		if (w->ids[i] == id)
			return true;
	return false;
}

static bool take_reg(struct want *w, unsigned int frame, unsigned int regno)
{
	bool had = w->regs[frame] >> regno & 1;

	w->regs[frame] &= (uint16_t) ~(1u << regno);
	return had;
}

/* The same instruction in an earlier round says nothing new. */
static void add_cause(struct verifier *v, const struct trail *t, const struct trail *next)
{
	struct explain *e = v->explain;
	struct verify_cause *c;

	for (uint32_t i = 0; i < e->last_causes; i++)
		if (e->causes[i].insn == t->at)
			return;
	if (e->last_causes == MAX_CAUSES)
		return;
	c = &e->causes[e->last_causes++];
	*c = (struct verify_cause){ .insn = t->at };
	c->branch = isa_kind(v->ops[t->at]) == ISA_KIND_BRANCH;
	c->taken = c->branch && next->at != t->at + 1;
	c->result = next->result;
	c->regno = next->regno;
}

/* An instruction wrote a wanted register: where had it that from? */
static void look_behind(struct verifier *v, struct want *w, const struct trail *t,
			const struct trail *next)
{
	const struct skep_insn *in = &v->insns[t->at];
	unsigned int dst = insn_dst(in), src = insn_src(in), f = t->cur;
	enum isa_kind kind = isa_kind(v->ops[t->at]);

	if (next->result)
		want_id(w, next->result->id);
	if (kind == ISA_KIND_ALU || kind == ISA_KIND_CAST) {
		if (in->code >> 4 != 0xb) /* not a move */
			w->regs[f] |= (uint16_t)(1u << dst);
		if (in->code & 8 && in->code >> 4 != 0xd)
			w->regs[f] |= (uint16_t)(1u << src);
	} else if (kind == ISA_KIND_LOAD && t->slot >= 0) {
		w->slots[t->frame] |= 1ull << t->slot;
	} else if (kind == ISA_KIND_LOAD && next->result && next->result->type != T_SCALAR &&
		   src != FP) {
		w->regs[f] |= (uint16_t)(1u << src);
	}
}

static bool branch_matters(const struct verifier *v, const struct want *w, const struct trail *t)
{
	const struct skep_insn *in = &v->insns[t->at];

	if (w->packet && t->packet && t->id == w->packet_id)
		return true;
	if (t->packet)
		return false;
	return w->regs[t->cur] >> insn_dst(in) & 1 ||
	       (in->code & 8 && w->regs[t->cur] >> insn_src(in) & 1) || has_id(w, t->id);
}

static void step_call(struct verifier *v, struct want *w, const struct trail *t,
		      const struct trail *next)
{
	struct explain *e = v->explain;
	uint16_t *regs = w->regs;
	bool cause, took_r0;

	if (next->cur > t->cur) { /* into the callee: its arguments are the caller's */
		regs[t->cur] |= regs[next->cur] & 0x3e;
		regs[next->cur] = 0;
		w->slots[next->cur] = 0;
		return;
	}
	took_r0 = cause = take_reg(w, t->cur, 0);
	for (unsigned int r = 1; r <= 5; r++)
		cause |= take_reg(w, t->cur, r);
	if (!cause)
		return;
	add_cause(v, t, next);
	if (!took_r0 && e->last_causes && e->causes[e->last_causes - 1].insn == t->at)
		e->causes[e->last_causes - 1].regno = NO_REG;
	else if (next->result)
		want_id(w, next->result->id);
}

static void step_store(struct verifier *v, struct want *w, const struct trail *t,
		       const struct trail *next)
{
	if (t->slot < 0 || !(w->slots[t->frame] >> t->slot & 1))
		return;
	w->slots[t->frame] &= ~(1ull << t->slot);
	if ((v->insns[t->at].code & 7) == 3)
		w->regs[t->cur] |= (uint16_t)(1u << insn_src(&v->insns[t->at]));
	add_cause(v, t, next);
}

/* From @next back over @t. */
static void step_back(struct verifier *v, struct want *w, const struct trail *t,
		      const struct trail *next)
{
	enum isa_kind kind = isa_kind(v->ops[t->at]);
	int r = trail_result(v, t->at);

	if (kind == ISA_KIND_BRANCH) {
		if (branch_matters(v, w, t))
			add_cause(v, t, next);
	} else if (kind == ISA_KIND_CALL) {
		step_call(v, w, t, next);
	} else if (kind == ISA_KIND_EXIT) {
		if (next->cur < t->cur && take_reg(w, next->cur, 0))
			w->regs[t->cur] |= 1;
	} else if (kind == ISA_KIND_STORE) {
		step_store(v, w, t, next);
	} else if (r >= 0 && take_reg(w, t->cur, (unsigned int)r)) {
		add_cause(v, t, next);
		look_behind(v, w, t, next);
	}
}

/* Is a made-up value wanted? */
static bool made_up(const struct verifier *v, const struct want *w, const struct trail *t)
{
	int r = trail_result(v, t->at);

	if (!t->bad)
		return false;
	if (t->slot >= 0 && w->slots[t->frame] >> t->slot & 1)
		return true;
	return r >= 0 && w->regs[t->cur] >> r & 1;
}

static void back_from(struct verifier *v, struct want *w, const struct trail *end)
{
	for (const struct trail *next = end, *t = end->prev; t; next = t, t = t->prev) {
		if (made_up(v, w, t)) {
			v->explain->consequence = true;
			return;
		}
		step_back(v, w, t, next);
		if (wants_none(w) && !w->packet)
			return;
	}
}

/* What is still held, by the instruction that took it, and the last ways since. */
static void held(struct verifier *v, const struct trail *end, const struct state *st)
{
	uint32_t branches = 0;

	for (const struct trail *next = end, *t = end->prev; t; next = t, t = t->prev) {
		bool took = false;

		for (uint32_t i = 0; i < st->nrefs; i++)
			took |= st->refs[i].insn == t->at;
		if (took)
			add_cause(v, t, next);
		if (isa_kind(v->ops[t->at]) == ISA_KIND_BRANCH && branches++ < 6)
			add_cause(v, t, next);
	}
}

static void turn(struct verifier *v)
{
	struct verify_cause *c = v->explain->causes;
	uint32_t n = v->explain->last_causes;

	for (uint32_t i = 0; i < n / 2; i++) {
		struct verify_cause x = c[i];

		c[i] = c[n - 1 - i];
		c[n - 1 - i] = x;
	}
}

void causes_find(struct verifier *v, int culprit)
{
	struct explain *e = v->explain;
	const struct state *st = e->snap ? e->snap : v->st;
	const struct trail *end = st->trail;
	struct want w = { .nids = 0 };

	e->last_causes = 0;
	e->consequence = false;
	if (!end)
		return;
	if (culprit >= 0) {
		const struct reg *r = &st->frames[st->cur]->regs[culprit];

		w.regs[st->cur] = (uint16_t)(1u << culprit);
		want_id(&w, r->id);
		w.packet = r->type == T_PKT;
		w.packet_id = r->id;
	}
	if (end->slot >= 0 && isa_kind(v->ops[end->at]) == ISA_KIND_LOAD)
		w.slots[end->frame] |= 1ull << end->slot;
	back_from(v, &w, end);
	if (!e->last_causes && !e->consequence)
		held(v, end, st);
	turn(v);
}
