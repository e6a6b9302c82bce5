// SPDX-License-Identifier: Apache-2.0
/*
 * Precision. A kept state covers another although its numbers differ, where no decision depended on them. When one does (a
 * branch that is decided, a pointer that is moved, a size), the walk is followed backwards from there: the register's value came
 * from these registers and spills, and in every kept state on the way those are marked. What cannot be followed marks
 * everything. The way back is the instructions in reverse, save where a step was noted (struct step).
 */
#include <stdio.h>

#include "verify/walk.h"

struct back {
	struct marks want;
	uint32_t frame;
};

static bool empty(const struct back *b)
{
	for (uint32_t i = 0; i <= b->frame; i++)
		if (b->want.regs[i] || b->want.slots[i])
			return false;
	return true;
}

HOT static bool has(const struct back *b, unsigned int regno)
{
	return b->want.regs[b->frame] & 1u << regno;
}

static void want(struct back *b, unsigned int regno)
{
	if (regno != FP)
		b->want.regs[b->frame] |= (uint16_t)(1u << regno);
}

static void drop(struct back *b, unsigned int regno)
{
	b->want.regs[b->frame] &= (uint16_t) ~(1u << regno);
}

/* Everything that is a number, in every state on the way. */
static void mark_all(struct verifier *v)
{
	say(v, "mark_precise: frame%u: falling back to forcing all scalars precise\n", v->st->cur);
	for (struct state *st = v->st->parent; st; st = st->parent)
		for (uint32_t i = 0; i <= st->cur; i++) {
			const struct frame *f = st->frames[i];

			for (unsigned int r = 0; r < FP; r++)
				if (f->regs[r].type == T_SCALAR)
					st->precise.regs[i] |= (uint16_t)(1u << r);
			for (uint32_t s = 0; f->stack && s < f->stack->n; s++)
				if (slot_is_spill(&f->stack->slots[s]) &&
				    f->stack->slots[s].spill.type == T_SCALAR)
					st->precise.slots[i] |= 1ull << s;
		}
}

/* One wanted member of a set of linked numbers: all of them are. */
static void linked(struct back *b, const struct step *step)
{
	bool any = false;

	for (unsigned int i = 0; step && i < step->nlinked; i++) {
		int8_t what = step->linked[i];
		uint32_t f = step->linked_frame[i];

		any |= what >= 0 ? b->want.regs[f] >> what & 1 :
				   b->want.slots[f] >> (-1 - what) & 1;
	}
	for (unsigned int i = 0; any && i < step->nlinked; i++) {
		int8_t what = step->linked[i];
		uint32_t f = step->linked_frame[i];

		if (what >= 0)
			b->want.regs[f] |= (uint16_t)(1u << what);
		else
			b->want.slots[f] |= 1ull << (-1 - what);
	}
}

static bool back_alu(struct back *b, enum isa_op op, const struct skep_insn *in)
{
	unsigned int reads = isa_reads(op);

	if (!has(b, insn_dst(in)))
		return true;
	if (!(reads & ISA_USE_DST))
		drop(b, insn_dst(in));
	if (reads & ISA_USE_SRC)
		want(b, insn_src(in));
	return true;
}

static bool back_load(struct back *b, unsigned int dst, const struct step *step)
{
	if (!has(b, dst))
		return true;
	drop(b, dst);
	if (step && step->slot >= 0)
		b->want.slots[step->frame] |= 1ull << step->slot;
	return true;
}

static bool back_store(struct back *b, const struct skep_insn *in, bool from_reg,
		       const struct step *step)
{
	if (has(b, insn_dst(in)))
		return false;
	if (!step || step->slot < 0 || !(b->want.slots[step->frame] & 1ull << step->slot))
		return true;
	b->want.slots[step->frame] &= ~(1ull << step->slot);
	if (from_reg)
		want(b, insn_src(in));
	return true;
}

/* What it fetches is what the slot held before; what it stores is not known, so that no one can want it. */
static bool back_atomic(struct back *b, enum isa_op op, const struct skep_insn *in,
			const struct step *step)
{
	if (step && step->slot >= 0 && b->want.slots[step->frame] & 1ull << step->slot)
		return false;
	if (isa_writes(op) & ISA_USE_SRC)
		back_load(b, insn_src(in), step);
	else if (isa_writes(op) & ISA_USE_R0)
		back_load(b, 0, step);
	return !has(b, insn_dst(in));
}

static bool leave_callee(struct back *b)
{
	uint16_t regs = b->want.regs[b->frame];

	if (regs & ~0x3e || b->want.slots[b->frame] || !b->frame)
		return false;
	b->want.regs[b->frame] = 0;
	b->frame--;
	return true;
}

static bool back_call(struct verifier *v, struct back *b, uint32_t at, int64_t later)
{
	const struct skep_insn *in = &v->insns[at];

	if (v->ops[at] == ISA_CALL_LOCAL) {
		uint32_t f = graph_func_at(v, (int64_t)at + 1 + in->imm);
		uint16_t args = b->want.regs[b->frame] & 0x3e;

		if (later != v->funcs[f].start || v->funcs[f].global) {
			drop(b, 0); /* walked by itself */
			return !args;
		}
		if (!leave_callee(b))
			return false;
		b->want.regs[b->frame] |= args;
		return true;
	}
	if (v->marks[at] & AT_CALLBACK && later >= 0 && later != (int64_t)at + 1)
		return leave_callee(b);
	drop(b, 0);
	return !(b->want.regs[b->frame] & 0x3e);
}

static bool back_exit(struct verifier *v, struct back *b, int64_t later)
{
	bool r0 = later >= 1 && v->ops[later - 1] == ISA_CALL_LOCAL && has(b, 0);

	drop(b, 0);
	if (b->frame + 1 >= ISA_MAX_FRAMES)
		return false;
	b->frame++;
	b->want.regs[b->frame] = 0;
	b->want.slots[b->frame] = 0;
	if (r0)
		want(b, 0);
	return true;
}

/* One instruction back. False: cannot be followed. */
static bool back(struct verifier *v, struct back *b, uint32_t at, int64_t later,
		 const struct step *step)
{
	enum isa_op op = v->ops[at];
	const struct skep_insn *in = &v->insns[at];

	if (op == ISA_INVALID)
		return true;
	if (step && step->slot == SEVERAL_SLOTS)
		return false;
	linked(b, step);
	switch (isa_kind(op)) {
	case ISA_KIND_ALU:
	case ISA_KIND_CAST:
		return back_alu(b, op, in);
	case ISA_KIND_LOAD:
		return back_load(b, insn_dst(in), step);
	case ISA_KIND_STORE:
		return back_store(b, in, (in->code & 7) == 3, step);
	case ISA_KIND_ATOMIC:
		return back_atomic(b, op, in, step);
	case ISA_KIND_CALL:
		return back_call(v, b, at, later);
	case ISA_KIND_EXIT:
		return back_exit(v, b, later);
	case ISA_KIND_BRANCH:
		if (in->code & 8 && insn_src(in) != FP &&
		    (has(b, insn_dst(in)) || has(b, insn_src(in)))) {
			want(b, insn_dst(in));
			want(b, insn_src(in));
		}
		linked(b, step);
		return true;
	case ISA_KIND_WIDE_LOAD:
		drop(b, insn_dst(in));
		return true;
	case ISA_KIND_PACKET:
		return false;
	case ISA_KIND_NONE:
	case ISA_KIND_JUMP:
	case ISA_KIND_JUMP_REG:
		break;
	}
	return true;
}

/* Log --------------------------------------------------------------------------------------------- */

static void print_marks(struct verifier *v, const struct back *b, uint32_t frame, const char *of)
{
	const char *sep = "";

	say(v, "mark_precise: frame%u: %sregs=", frame, of);
	for (unsigned int r = 0; r < FP; r++)
		if (b->want.regs[frame] & 1u << r) {
			say(v, "%sr%u", sep, r);
			sep = ",";
		}
	say(v, " stack=");
	sep = "";
	for (unsigned int s = 0; s < SLOTS; s++)
		if (b->want.slots[frame] & 1ull << s) {
			say(v, "%s-%u", sep, 8 * (s + 1));
			sep = ",";
		}
}

static void print_back(struct verifier *v, const struct back *b, uint32_t at)
{
	print_marks(v, b, b->frame, "");
	say(v, " before %u: ", at);
	log_insn_text(v, at, &v->log);
	say(v, "\n");
}

static void print_parent(struct verifier *v, const struct back *b, struct state *st)
{
	for (uint32_t i = b->frame + 1; i--;) {
		struct frame *f = frame_own(v, st, i);

		for (unsigned int r = 0; r < FP; r++)
			f->regs[r].precise = st->precise.regs[i] & 1u << r;
		if (f->stack)
			stack_own(v, f, f->stack->n);
		for (uint32_t s = 0; f->stack && s < f->stack->n; s++)
			f->stack->slots[s].spill.precise = st->precise.slots[i] >> s & 1;
		print_marks(v, b, i, "parent state ");
		say(v, ": ");
		log_state(v, st, i, true);
	}
}

/* Walking back ------------------------------------------------------------------------------------ */

static const struct step *step_at(const struct state *st, uint32_t n, uint32_t at)
{
	return n && st->steps[n - 1].at == at ? &st->steps[n - 1] : NULL;
}

/* From @from to the start of the state's way. False: not followed. */
static bool back_through(struct verifier *v, struct back *b, const struct state *st, uint32_t from,
			 bool skip, int64_t *later)
{
	uint32_t n = st->nsteps, i = from;

	for (;;) {
		const struct step *step = step_at(st, n, i);

		if (!skip) {
			if (v->log_level & VERIFY_LOG_ALL && v->ops[i])
				print_back(v, b, i);
			if (!back(v, b, i, *later, step))
				return false;
		}
		skip = false;
		if (empty(b))
			return true;
		if (v->ops[i] != ISA_INVALID)
			*later = i;
		if (i == st->first_insn && (!n || (n == 1 && step)))
			return true;
		if (step) {
			i = step->from;
			n--;
		} else if (!i) {
			return true;
		} else {
			i--;
		}
	}
}

/* Marks what is wanted in a kept state; drops what is no number or marked already. */
static void mark(struct back *b, struct state *st)
{
	for (uint32_t i = 0; i <= b->frame; i++) {
		const struct frame *f = i <= st->cur ? st->frames[i] : NULL;

		for (unsigned int r = 0; r < FP; r++) {
			uint16_t bit = (uint16_t)(1u << r);

			if (!(b->want.regs[i] & bit))
				continue;
			if (!f || f->regs[r].type != T_SCALAR || st->precise.regs[i] & bit)
				b->want.regs[i] &= (uint16_t)~bit;
			else
				st->precise.regs[i] |= bit;
		}
		for (unsigned int s = 0; s < SLOTS; s++) {
			uint64_t bit = 1ull << s;

			if (!(b->want.slots[i] & bit))
				continue;
			if (!f || !f->stack || s >= f->stack->n ||
			    !slot_is_spill(&f->stack->slots[s]) ||
			    f->stack->slots[s].spill.type != T_SCALAR || st->precise.slots[i] & bit)
				b->want.slots[i] &= ~bit;
			else
				st->precise.slots[i] |= bit;
		}
	}
}

static void walk_back(struct verifier *v, struct back *b, uint32_t from, bool skip)
{
	struct state *st = v->st;
	int64_t later = -1;

	while (!empty(b)) {
		if (v->log_level & VERIFY_LOG_ALL)
			say(v, "mark_precise: frame%u: last_idx %u first_idx %u subseq_idx %lld \n",
			    b->frame, from, st->first_insn, (long long)later);
		if (!back_through(v, b, st, from, skip, &later)) {
			mark_all(v);
			return;
		}
		if (empty(b))
			return;
		skip = false;
		if (!st->parent)
			return;
		later = st->first_insn;
		st = st->parent;
		if (st->is_head) /* what it is made of was marked before it (summary.c) */
			return;
		if (b->frame != st->cur) { /* the frames do not fit: nothing is known */
			mark_all(v);
			return;
		}
		mark(b, st);
		if (v->log_level & VERIFY_LOG_ALL)
			print_parent(v, b, st);
		from = st->last_insn;
	}
}

int precise_reg(struct verifier *v, unsigned int regno)
{
	struct back b = { .frame = v->st->cur };

	if (reg_at(v, regno)->type != T_SCALAR)
		return 0;
	want(&b, regno);
	walk_back(v, &b, v->at, true);
	return 0;
}

int precise_slot(struct verifier *v, uint32_t frame, uint32_t slot)
{
	struct back b = { .frame = v->st->cur };

	b.want.slots[frame] |= 1ull << slot;
	walk_back(v, &b, v->at, true);
	return 0;
}

void precise_marks(struct verifier *v, const struct marks *want)
{
	struct back b = { .frame = v->st->cur, .want = *want };

	walk_back(v, &b, v->at, true);
}

static void print_propagated(struct verifier *v, const struct back *b)
{
	for (uint32_t i = b->frame + 1; i--;) {
		const char *sep = "";

		if (!b->want.regs[i] && !b->want.slots[i])
			continue;
		say(v, "frame %u: propagating ", i);
		for (unsigned int r = 0; r < FP; r++)
			if (b->want.regs[i] & 1u << r) {
				say(v, "%sr%u", sep, r);
				sep = ",";
			}
		for (unsigned int s = 0; s < SLOTS; s++)
			if (b->want.slots[i] & 1ull << s) {
				say(v, "%sfp-%u", sep, 8 * (s + 1));
				sep = ",";
			}
		say(v, "\n");
	}
}

/* The path ends here because @equal covers it: what matters there matters here. */
HOT int precise_from(struct verifier *v, struct state *equal)
{
	struct back b = { .frame = v->st->cur };

	b.want = equal->precise;
	if (v->log_level & VERIFY_LOG_ALL)
		print_propagated(v, &b);
	if (!empty(&b))
		walk_back(v, &b, v->prev, false);
	return 0;
}
