// SPDX-License-Identifier: Apache-2.0
/*
 * Passes over a built function. PHIs that choose nothing go first; if that, or the operands of loops' PHIs, tells
 * something new, the function is appended anew, block by block in reverse postorder, so that folding, numbering and
 * load elimination see final operands and better facts; branches that became constant lose their edge. Then dead
 * code goes. Each is linear.
 */
#include <string.h>

#include "jit/ir.h"

#define MAX_ROUNDS 12
#define WORTHWHILE 32
#define MAX_STEPS 16 /* up the dominator tree, for one operand */
#define MAX_LOOP_PHIS 16

struct pass {
	struct ir_fn *from, *to;
	uint32_t *map; /* value of `from` to value of `to` (or of itself, for PHIs) */
	uint32_t found;
	bool cut;	/* an edge */
	uint8_t *inner; /* by value: of another sum; NULL: sums stay as they are */
	struct ir_slots slots;
};

static bool decided(const struct ir_fn *f, const struct ir_ins *in, bool *taken)
{
	const struct ir_ins *a = &f->ins[in->a], *b = &f->ins[in->b];

	if (in->op != IR_BR || a->op != IR_CONST || b->op != IR_CONST)
		return false;
	*taken = ir_compare((enum ir_cc)in->x, in->w, a->imm, b->imm);
	return true;
}

static uint32_t find(uint32_t *map, uint32_t v)
{
	while (map[v] != v) {
		map[v] = map[map[v]];
		v = map[v];
	}
	return v;
}

/* What a PHI stands for: one value, or itself. An undefined operand does not count if the other one is there. */
static uint32_t phi_value(const struct ir_fn *f, uint32_t *map, uint32_t phi, uint32_t block)
{
	const struct ir_ins *in = &f->ins[phi];
	uint32_t one = 0, undef = 0;

	for (uint32_t k = 0; k < in->b; k++) {
		uint32_t v = f->args[in->a + k];

		if (map)
			v = find(map, v);

		if (v == phi || v == one)
			continue;
		if (ir_is(f, v, IR_UNDEF)) {
			undef = v;
			continue;
		}
		if (one)
			return phi;
		one = v;
	}
	if (!one)
		return undef ? undef : phi;
	if (undef && !ir_is(f, one, IR_CONST) &&
	    !(f->home[one] != block && ir_dominates(f, f->home[one], block)))
		return phi;
	return one;
}

/* One look at all PHIs. True: some PHI stands for another value now, or would if there were a map. */
static bool look_at_phis(struct ir_fn *f, uint32_t *map)
{
	bool changed = false;

	for (uint32_t at = 0; at < f->nblocks; at++) {
		uint32_t k = f->order[at], end;

		if (k == NO_BLOCK)
			continue;
		end = f->blocks[k].end;
		for (uint32_t v = f->blocks[k].start; v < end && ir_in_head(f, v); v++) {
			uint32_t value;

			if (!ir_is(f, v, IR_PHI) || (map && map[v] != v))
				continue;
			value = phi_value(f, map, v, k);
			changed |= value != v;
			if (map)
				map[v] = value;
		}
	}
	return changed;
}

static bool drop_phis(struct ir_fn *f, struct arena *arena)
{
	uint32_t *map;
	int round = 0;

	if (!look_at_phis(f, NULL))
		return false;
	map = ARENA_RAW(arena, uint32_t, f->n);
	f->failed |= !map;
	if (f->failed)
		return false;
	for (uint32_t v = 0; v < f->n; v++)
		map[v] = v;
	while (round < MAX_ROUNDS && look_at_phis(f, map))
		round++;
	for (uint32_t v = 1; v < f->n; v++) {
		struct ir_ins *in = &f->ins[v];

		in->a = ir_operands[in->op] >= 1 && in->op != IR_SELECT ? find(map, in->a) : in->a;
		in->b = ir_operands[in->op] == 2 ? find(map, in->b) : in->b;
		if (in->op == IR_ATOMIC || in->op == IR_CALL)
			in->c = find(map, in->c);
	}
	for (uint32_t i = 0; i < f->nargs; i++)
		f->args[i] = find(map, f->args[i]);
	for (uint32_t i = 0; f->checks.debts && i < f->checks.ndebts; i++) {
		f->checks.debts[i].counter = find(map, f->checks.debts[i].counter);
		f->checks.debts[i].within = find(map, f->checks.debts[i].within);
	}
	return true;
}

static uint64_t zero_of_phi(const struct ir_fn *f, uint32_t v)
{
	const struct ir_ins *in = &f->ins[v];
	uint64_t zero = UINT64_MAX;

	for (uint32_t p = 0; p < in->b; p++)
		zero &= f->zero[f->args[in->a + p]];
	return zero;
}

/* Facts again, now that PHIs have their operands. */
static void renew_facts(struct ir_fn *f)
{
	for (uint32_t at = 0; at < f->nblocks; at++) {
		uint32_t k = f->order[at];

		if (k == NO_BLOCK)
			continue;
		for (uint32_t v = f->blocks[k].start; v < f->blocks[k].end; v++)
			f->zero[v] |= ir_is(f, v, IR_PHI) ? zero_of_phi(f, v) :
							    ir_known_zero(f, &f->ins[v]);
	}
}

static bool adds_bytes(const struct ir_fn *f)
{
	return f->bytes >= IR_MANY_BYTES && !f->summed;
}

/*
 * Is there something that the builder could not know: about the PHIs of loops, pointers checked for NULL, a branch
 * that is decided, a loop to unroll?
 */
static bool is_news(const struct ir_fn *f)
{
	if (f->maybe_null || f->spliced || f->checks.debts || adds_bytes(f))
		return true;
	for (uint32_t k = 0; k < f->nblocks; k++) {
		const struct ir_block *b = &f->blocks[k];
		uint32_t back;
		bool taken;

		if (!b->reached)
			continue;
		for (uint32_t v = b->start; v < b->end && ir_in_head(f, v); v++)
			if (ir_is(f, v, IR_PHI) && zero_of_phi(f, v) & ~f->zero[v])
				return true;
		if (decided(f, &f->ins[b->end - 1], &taken))
			return true;
		if (f->loops && ir_unroll(f, k, &back) > 1)
			return true;
	}
	return false;
}

/* What the branch at the end of @pred says about a pointer or NULL when it goes to @to; 0: nothing. */
static uint32_t decided_by(struct pass *p, uint32_t v, uint32_t pred, uint32_t to)
{
	const struct ir_fn *f = p->from;
	const struct ir_block *block = &f->blocks[pred];
	const struct ir_ins *br = &f->ins[block->end - 1];
	const uint32_t *choice = &f->args[f->ins[v].a + 2];
	bool null, first;

	if (block->end == block->start || br->op != IR_BR || br->a != v ||
	    (br->x != CC_EQ && br->x != CC_NE) || !ir_is(f, br->b, IR_CONST) || f->ins[br->b].imm ||
	    block->succ[0] == block->succ[1])
		return 0;
	null = (br->x == CC_EQ) == (block->succ[0] == to);
	first = ir_is(f, choice[0], IR_CONST) && !f->ins[choice[0]].imm;
	return null == first ? choice[0] : choice[1];
}

/* The name of an operand in block @k: behind the check for NULL a pointer is one of two things. */
static uint32_t use(struct pass *p, uint32_t v, uint32_t k)
{
	const struct ir_fn *f = p->from;
	uint32_t found;

	if (f->ins[v].op != IR_SELECT || !f->ins[v].imm)
		return p->map[v];
	for (int step = 0; step < MAX_STEPS && k != f->home[v] && k; step++) {
		const struct ir_block *block = &f->blocks[k];

		found = block->npreds == 1 ? decided_by(p, v, f->preds[block->pred], k) : 0;
		if (found)
			return p->map[found];
		k = block->idom;
	}
	return p->map[v];
}

static uint32_t copy_args(struct pass *p, const struct ir_ins *in, uint32_t k)
{
	uint32_t at = ir_args(p->to, NULL, in->b);

	for (uint32_t i = 0; !p->to->failed && i < in->b; i++)
		p->to->args[at + i] = use(p, p->from->args[in->a + i], k);
	return at;
}

/* What was put off until this SPEND. */
static void pay(struct pass *p, struct ir_ins *in, uint32_t k)
{
	const struct ir_debt *debt = &p->from->checks.debts[in->c - 1];
	struct ir_fn *to = p->to;
	uint32_t sum = ir_binary(to, IR_SUB, 1, use(p, debt->counter, k),
				 ir_const(to, (uint64_t)debt->from));

	if (debt->step > 1)
		sum = ir_binary(to, IR_UDIV, 1, sum, ir_const(to, (uint64_t)debt->step));
	sum = ir_binary(to, IR_MUL, 1, sum, ir_const(to, debt->cost));
	if (debt->within)
		sum = ir_binary(to, IR_ADD, 1, sum, use(p, debt->within, k));
	in->a = ir_binary(to, IR_SUB, 1, in->a, sum);
	in->c = 0;
}

static void copy_value(struct pass *p, uint32_t v, uint32_t k)
{
	const struct ir_ins *old = &p->from->ins[v];
	struct ir_ins in = *old;
	uint32_t next;

	p->to->at = p->from->origin ? p->from->origin[v] : 0;
	if (p->slots.n && p->slots.of[v]) {
		p->map[v] = ir_slot_access(&p->slots, p->to, old, p->slots.of[v] - 1u,
					   use(p, old->b, k));
		p->found++;
		return;
	}
	switch ((int)in.op) { /* those that differ from the rest */
	case IR_NOP:
		return;
	case IR_CONST:
		p->map[v] = ir_const(p->to, in.imm);
		return;
	case IR_PHI:
		in.a = ir_args(p->to, NULL, in.b);
		in.c = v; /* until its operands are there */
		p->map[v] = ir_append(p->to, in);
		if (!p->to->failed)
			p->to->zero[p->map[v]] = p->from->zero[v];
		return;
	case IR_SELECT:
		in.b = 4;
		in.a = copy_args(p, &in, k);
		in.b = 0;
		break;
	case IR_CALL:
		in.c = use(p, in.c, k);
		in.a = copy_args(p, &in, k);
		break;
	case IR_CALL_LOCAL:
		in.a = copy_args(p, &in, k);
		break;
	case IR_ATOMIC:
		in.c = use(p, in.c, k);
		/* fall through */
	default:
		in.a = ir_operands[in.op] >= 1 ? use(p, in.a, k) : in.a;
		in.b = ir_operands[in.op] >= 2 ? use(p, in.b, k) : in.b;
		if (in.op == IR_SPEND && in.c)
			pay(p, &in, k);
	}
	if (in.op == IR_LOAD && in.y != LOAD_ORDERED)
		in.c = 0;
	next = p->to->n;
	p->map[v] = 0;
	if (p->inner && in.op == IR_ADD && !p->inner[v])
		p->map[v] = ir_sum(p->from, p->to, p->map, v);
	if (!p->map[v])
		p->map[v] = ir_emit(p->to, in);
	p->found += p->map[v] != next || p->to->ins[next].op != in.op;
}

/* The PHIs of a loop's block as the next round sees them: what comes along the edge back. */
static void next_round(struct pass *p, const struct ir_block *old, uint32_t back)
{
	uint32_t now[MAX_LOOP_PHIS], n = 0;

	for (uint32_t v = old->start; v < old->end; v++)
		if (ir_is(p->from, v, IR_PHI))
			now[n++] = p->map[p->from->args[p->from->ins[v].a + back]];
	n = 0;
	for (uint32_t v = old->start; v < old->end; v++)
		if (ir_is(p->from, v, IR_PHI))
			p->map[v] = now[n++];
}

/* Writes the block once more, but for its PHIs and its end. */
static void copy_again(struct pass *p, uint32_t k, uint32_t times, uint32_t back)
{
	const struct ir_block *old = &p->from->blocks[k];
	uint32_t phis = 0;

	for (uint32_t v = old->start; v < old->end; v++)
		phis += ir_is(p->from, v, IR_PHI);
	for (; times > 1 && phis <= MAX_LOOP_PHIS; times--) {
		next_round(p, old, back);
		for (uint32_t v = old->start; v + 1 < old->end; v++)
			if (!ir_is(p->from, v, IR_PHI))
				copy_value(p, v, k);
	}
}

/* The PHIs of counters that charges.c made for this block lie behind all blocks. */
static void copy_met(struct pass *p, uint32_t k)
{
	const struct ir_fn *f = p->from;

	for (uint32_t i = 0; f->checks.debts && i < f->checks.ndebts; i++) {
		uint32_t v = f->checks.debts[i].counter;

		if (ir_is(f, v, IR_PHI) && f->home[v] == k && v >= f->blocks[k].end && !p->map[v])
			copy_value(p, v, k);
	}
}

static void copy_block(struct pass *p, uint32_t k, uint32_t before)
{
	const struct ir_block *old = &p->from->blocks[k];
	struct ir_block *block = &p->to->blocks[k];
	uint32_t back = 0, times;
	bool taken;

	p->to->block = k;
	p->to->checks.epoch += p->to->checks.moves;
	/* a block that one other leads to sees the memory as that one left it */
	if (block->npreds != 1 || p->to->preds[block->pred] != before)
		ir_forget(p->to);
	block->start = p->to->n;
	copy_met(p, k);
	if (p->slots.n)
		ir_enter_slots(&p->slots, p->to, k);
	for (uint32_t v = old->start; v + 1 < old->end; v++)
		copy_value(p, v, k);
	times = p->from->loops ? ir_unroll(p->from, k, &back) : 1;
	if (times > 1)
		copy_again(p, k, times, back);
	copy_value(p, old->end - 1, k);
	if (p->slots.n)
		ir_leave_slots(&p->slots, k);
	block->end = p->to->n;
	if (!p->to->failed && decided(p->to, &p->to->ins[block->end - 1], &taken)) {
		p->found += WORTHWHILE;
		p->cut = true;
		p->to->ins[block->end - 1] = (struct ir_ins){ .op = IR_JMP };
		block->succ[0] = block->succ[taken ? 0 : 1];
		block->succ[1] = NO_BLOCK;
	}
}

/* The operand of a PHI of block @k along its @p-th edge. */
static uint32_t along(struct pass *p, uint32_t v, uint32_t k, uint32_t pred)
{
	uint32_t found = 0;

	if (p->from->ins[v].op == IR_SELECT && p->from->ins[v].imm)
		found = decided_by(p, v, pred, k);
	return found ? p->map[found] : use(p, v, pred);
}

static void fill_phi(struct pass *p, struct ir_ins *in, uint32_t k)
{
	const uint32_t *preds = &p->from->preds[p->from->blocks[k].pred];
	uint32_t *args = &p->to->args[in->a];
	int slot = ir_slot_of(in);

	for (uint32_t i = 0; i < in->b && slot >= 0; i++)
		args[i] = p->slots.end[(size_t)preds[i] * p->slots.n + (uint32_t)slot];
	for (uint32_t i = 0; i < in->b && slot < 0; i++)
		args[i] = along(p, p->from->args[p->from->ins[in->c].a + i], k, preds[i]);
	in->c = 0;
}

static void fill_phis(struct pass *p)
{
	struct ir_fn *to = p->to;

	for (uint32_t at = 0; at < to->nblocks; at++) {
		const uint32_t k = to->order[at];

		if (k == NO_BLOCK)
			continue;
		for (uint32_t v = to->blocks[k].start; v < to->blocks[k].end && ir_in_head(to, v);
		     v++)
			if (ir_is(to, v, IR_PHI))
				fill_phi(p, &to->ins[v], k);
	}
}

/* Forgets edges that are no more, and PHI operands along them. */
static void prune_edges(struct ir_fn *f)
{
	for (uint32_t k = 0; k < f->nblocks; k++) {
		struct ir_block *block = &f->blocks[k];
		uint32_t kept = 0;

		for (uint32_t p = 0; p < block->npreds; p++) {
			uint32_t from = f->preds[block->pred + p];
			const struct ir_block *pred = &f->blocks[from];

			if (!pred->reached || (pred->succ[0] != k && pred->succ[1] != k))
				continue;
			for (uint32_t v = block->start;
			     kept != p && v < block->end && ir_in_head(f, v); v++)
				if (ir_is(f, v, IR_PHI))
					f->args[f->ins[v].a + kept] = f->args[f->ins[v].a + p];
			f->preds[block->pred + kept++] = from;
		}
		for (uint32_t v = block->start; v < block->end && kept != block->npreds; v++)
			if (ir_is(f, v, IR_PHI))
				f->ins[v].b = kept;
		block->npreds = kept;
	}
}

/* @ret_found: how many values it found something simpler for. */
static bool rebuild(struct ir_fn *f, struct arena *arena, uint32_t *ret_found)
{
	struct ir_fn to;
	/* what no edge leads to is forgotten, too */
	struct pass p = { .from = f, .to = &to, .cut = f->order[0] == NO_BLOCK };
	uint32_t before = NO_BLOCK;

	p.map = ARENA_ARRAY(arena, uint32_t, f->n);
	if (!p.map)
		return false;
	renew_facts(f);
	ir_init(&to, arena, f->n, f->nblocks, true);
	if (!to.failed && f->origin)
		ir_trace(&to, 0);
	if (to.failed)
		return false;
	memcpy(to.blocks, f->blocks, f->nblocks * sizeof(*to.blocks));
	to.preds = f->preds;
	to.order = f->order;
	to.checks = f->checks;
	to.spliced = f->spliced;
	to.summed = f->summed || adds_bytes(f);
	if (adds_bytes(f))
		p.inner = ir_inner_sums(f, arena);
	to.checks.debts = NULL;
	if (f->promotes && !ir_find_slots(f, arena, &p.slots))
		p.slots.n = 0;
	for (uint32_t v = 1; v < f->n; v++)
		if (ir_is(f, v, IR_CONST))
			p.map[v] = ir_const(&to, f->ins[v].imm);
	for (uint32_t at = 0; at < f->nblocks && !to.failed; at++) {
		if (to.order[at] == NO_BLOCK)
			continue;
		copy_block(&p, to.order[at], before);
		before = to.order[at];
	}
	if (to.failed)
		return false;
	to.loops = f->loops;
	fill_phis(&p);
	*f = to;
	if (p.cut) {
		ir_dominators(f);
		prune_edges(f);
	}
	*ret_found = p.found;
	return !f->failed;
}

/*
 * A walk back over the function: what is needed is known before it is reached, but along edges back. Each use of what
 * stays is counted.
 */
struct marks {
	struct ir_fn *f;
	uint32_t *uses, *work, top, at, nuses;
};

/* What stays although no one needs its result. */
static inline bool is_kept(const struct ir_fn *f, uint32_t v)
{
	return ir_has(&f->ins[v], IR_IS_EFFECT) && !ir_is(f, v, IR_ARG) &&
	       f->blocks[f->home[v]].reached;
}

static inline void need(struct marks *m, uint32_t v)
{
	if (!m->uses[v]++ && v > m->at && !is_kept(m->f, v))
		m->work[m->top++] = v;
}

static inline void need_operands(struct marks *m, uint32_t v)
{
	struct ir_fn *f = m->f;
	struct ir_ins *in = &f->ins[v];
	uint32_t n = ir_operands[in->op], list;

	if (in->op == IR_PHI || ir_has(in, IR_IS_LIST)) {
		list = in->op == IR_SELECT ? 4 : in->b;
		for (uint32_t k = 0; k < list; k++)
			need(m, f->args[in->a + k]);
		m->nuses += list;
	} else if (n) {
		need(m, in->a);
		if (n >= 2)
			need(m, in->b);
	}
	m->nuses += n + 1;
	if (in->op == IR_ADD) {
		f->scaled |= ir_is(f, in->a, IR_SHL) || ir_is(f, in->b, IR_SHL);
	} else if (in->op == IR_LOAD || in->op == IR_STORE) {
		f->sums |= ir_is(f, in->a, IR_ADD);
		in->c = in->op == IR_LOAD ? 0 : in->c; /* an operand from here on */
	} else if (in->op == IR_ATOMIC || in->op == IR_CALL) {
		need(m, in->c);
	}
}

bool ir_drop_dead(struct ir_fn *f, struct arena *arena)
{
	uint32_t *work = ARENA_RAW(arena, uint32_t, 2 * (size_t)f->n), *idle = work + f->n;
	struct marks m = { .f = f, .work = work };
	uint32_t nidle = 0;

	/* layout.c adds a jump for each edge that it splits */
	f->uses = m.uses = ARENA_ARRAY(arena, uint32_t, f->n + 2 * (size_t)f->nblocks);
	f->sums = f->scaled = false;
	if (!work || !m.uses)
		return false;
	m.uses[0] = 1;
	for (m.at = f->n; --m.at;) {
		if (!m.uses[m.at] && !is_kept(f, m.at)) {
			idle[nidle++] = m.at;
			continue;
		}
		need_operands(&m, m.at);
		while (m.top)
			need_operands(&m, m.work[--m.top]);
	}
	while (nidle)
		if (!m.uses[idle[--nidle]])
			f->ins[idle[nidle]] = (struct ir_ins){ .op = IR_NOP };
	m.uses[0] = 0;
	f->nuses = m.nuses;
	return true;
}

int jit_optimise(struct ir_fn *f, struct arena *scratch)
{
	uint32_t found = UINT32_MAX;
	bool again = drop_phis(f, scratch);

	again = f->fold && (is_news(f) || again);
	/* a second time if the first one found much for the size of the function */
	for (int round = 0; again && round < 2; round++) {
		if (!rebuild(f, scratch, &found))
			return -ENOMEM;
		drop_phis(f, scratch);
		again = found > f->n / WORTHWHILE || adds_bytes(f);
	}
	return !f->failed && ir_drop_dead(f, scratch) ? 0 : -ENOMEM;
}
