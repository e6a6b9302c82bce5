// SPDX-License-Identifier: Apache-2.0
/*
 * The budget of loops that count by constants to a constant is not kept round by round: how many rounds there were is
 * known from the counter, so whoever charges next behind the loop pays for them. What is put off is bounded (PUT_OFF), so
 * that a stop and the end of the budget come soon enough.
 *
 * Such a loop's charges are a chain: the PHI of the budget, its SPENDs one after the other, back to the PHI. Behind
 * the loop each of them stands for what was left before, less the rounds, less what its round had cost until then;
 * where several ways out meet, a PHI of those costs tells which. opt.c writes the sums (ir_debt).
 */
#include <string.h>

#include "jit/alloc.h"

#define PUT_OFF (1 << 18)
#define MAX_CHAIN 16

struct loop {
	uint32_t left;	       /* PHI */
	uint32_t before, back; /* its operands */
	uint32_t counter;
	struct jit_count count;
	uint32_t cost; /* of a round */
	bool spoiled;  /* someone else looks at what is left */
};

struct put_off {
	struct ir_fn *f;
	struct loop *loops;
	uint32_t nloops;
	uint32_t *owner; /* by value: 1 + number of the loop that it is of */
	uint32_t *cost;	 /* by value: of the round until then */
	uint32_t *met;	 /* by PHI where ways out meet: that of the counters; 0: not yet */
	uint32_t ndebts;
};

static uint32_t charge_of(const struct ir_ins *in)
{
	return (uint32_t)ir_check_off(in);
}

/* The cost of a round when @v leads back to PHI @left through SPENDs only; 0: it does not. */
static uint32_t chain(const struct put_off *p, uint32_t v, uint32_t left)
{
	uint64_t cost = 0;

	for (int i = 0; i < MAX_CHAIN && ir_is(p->f, v, IR_SPEND) && !p->owner[v]; i++) {
		cost += charge_of(&p->f->ins[v]);
		v = p->f->ins[v].a;
		if (v == left)
			return cost < PUT_OFF ? (uint32_t)cost : 0;
	}
	return 0;
}

static bool find_counter(const struct ir_fn *f, const struct ir_block *b, struct loop *l)
{
	for (uint32_t v = b->start; v < b->end && ir_in_head(f, v); v++) {
		l->counter = v;
		if (ir_is(f, v, IR_PHI) && jit_counter(f, v, &l->count) &&
		    ((l->count.most - l->count.from) / l->count.step + 1) * l->cost <= PUT_OFF)
			return true;
	}
	return false;
}

static void find_loop(struct put_off *p, uint32_t k)
{
	struct ir_fn *f = p->f;
	const struct ir_block *b = &f->blocks[k];
	uint32_t back = ir_dominates(f, k, f->preds[b->pred + 1]);

	if (!ir_dominates(f, k, f->preds[b->pred + back]))
		return;
	for (uint32_t v = b->start; v < b->end && ir_in_head(f, v); v++) {
		struct loop l = { .left = v };
		uint32_t cost;

		if (!ir_is(f, v, IR_PHI))
			continue;
		l.back = f->args[f->ins[v].a + back];
		l.before = f->args[f->ins[v].a + !back];
		l.cost = cost = chain(p, l.back, v);
		if (!cost || !find_counter(f, b, &l))
			continue;
		p->loops[p->nloops++] = l;
		p->owner[v] = p->nloops;
		for (uint32_t s = l.back; s != v; s = f->ins[s].a) {
			p->owner[s] = p->nloops;
			p->cost[s] = cost;
			cost -= charge_of(&f->ins[s]);
		}
		return;
	}
}

/* A PHI where ways out of one loop meet. */
static void find_meeting(struct put_off *p, uint32_t v)
{
	const struct ir_ins *in = &p->f->ins[v];
	uint32_t owner = p->owner[p->f->args[in->a]];

	for (uint32_t k = 0; k < in->b; k++) {
		uint32_t from = p->f->args[in->a + k];

		if (p->owner[from] != owner ||
		    (ir_is(p->f, from, IR_PHI) && (!owner || from != p->loops[owner - 1].left)))
			return;
	}
	p->owner[v] = owner;
}

static void spoil(struct put_off *p, uint32_t v, uint32_t but)
{
	if (p->owner[v] && p->owner[v] != but)
		p->loops[p->owner[v] - 1].spoiled = true;
}

/* What is left may be asked for by charges and by the PHIs of the loop, no one else. */
static void look_at_use(struct put_off *p, uint32_t v)
{
	const struct ir_ins *in = &p->f->ins[v];
	uint32_t n = ir_operands[in->op];

	if (in->op == IR_PHI) {
		for (uint32_t k = 0; k < in->b; k++)
			spoil(p, p->f->args[in->a + k], p->owner[v]);
		return;
	}
	if (in->op == IR_SPEND) {
		p->ndebts++;
		return;
	}
	/* as ir_drop_dead(): c of accesses is no operand yet */
	if (in->op == IR_ATOMIC || in->op == IR_CALL)
		spoil(p, in->c, 0);
	if (ir_has(in, IR_IS_LIST)) {
		n = in->op == IR_SELECT ? 4 : in->b;
		for (uint32_t k = 0; k < n; k++)
			spoil(p, p->f->args[in->a + k], 0);
		return;
	}
	if (n)
		spoil(p, in->a, 0);
	if (n > 1)
		spoil(p, in->b, 0);
}

/* On the way from block @from the next round's counter is known, so it is the one that lives on, and not this round's. */
static bool is_stepped(const struct put_off *p, const struct loop *l, uint32_t from)
{
	return ir_dominates(p->f, p->f->home[l->count.next], from);
}

/*
 * A PHI of the counters where ways out meet in PHI @meet. It lies in no block: opt.c writes it with those of the
 * block that is its home.
 */
static uint32_t meet_counters(struct put_off *p, const struct loop *l, uint32_t meet)
{
	struct ir_fn *f = p->f;
	const struct ir_ins *in = &f->ins[meet];
	uint32_t n = in->b, args = ir_args(f, NULL, n), block = f->home[meet], v;

	if (p->met[meet])
		return p->met[meet];
	for (uint32_t k = 0; k < n && !f->failed; k++)
		f->args[args + k] = is_stepped(p, l, f->preds[f->blocks[block].pred + k]) ?
					    l->count.next :
					    l->counter;
	v = ir_append(f, (struct ir_ins){ .op = IR_PHI, .w = 1, .a = args, .b = n });
	if (f->failed)
		return l->counter;
	f->home[v] = block;
	p->met[meet] = v;
	return v;
}

/* The charge @v behind the loop pays for it. */
static void owe(struct put_off *p, uint32_t v)
{
	uint32_t left = p->f->ins[v].a;
	const struct loop *l = &p->loops[p->owner[left] - 1];
	struct ir_debt *debt = &p->f->checks.debts[p->ndebts++];
	struct ir_ins *in;

	*debt = (struct ir_debt){
		.counter = l->counter, .from = l->count.from, .step = l->count.step, .cost = l->cost
	};
	if (ir_is(p->f, left, IR_PHI) && left != l->left) {
		debt->within = left;
		debt->counter = meet_counters(p, l, left);
	} else if (is_stepped(p, l, p->f->home[v])) {
		debt->counter = l->count.next;
		debt->from += debt->step;
	}
	in = &p->f->ins[v]; /* they may have moved */
	if (!debt->within)
		in->imm += p->cost[left];
	in->a = l->before;
	in->c = p->ndebts;
}

static bool owned(const struct put_off *p, uint32_t v)
{
	return p->owner[v] && !p->loops[p->owner[v] - 1].spoiled;
}

/* What operand @k of PHI @v, where ways out meet, costs besides its counter's rounds. */
static uint64_t cost_along(const struct put_off *p, const struct loop *l, uint32_t v, uint32_t k)
{
	const struct ir_fn *f = p->f;
	uint64_t cost = p->cost[f->args[f->ins[v].a + k]];
	bool stepped = p->met[v] && is_stepped(p, l, f->preds[f->blocks[f->home[v]].pred + k]);

	return stepped ? cost - l->cost : cost;
}

static void change(struct put_off *p, uint32_t n)
{
	struct ir_fn *f = p->f;

	for (uint32_t v = 1; v < n; v++)
		if (ir_is(f, v, IR_SPEND) && f->blocks[f->home[v]].reached && !owned(p, v) &&
		    owned(p, f->ins[v].a))
			owe(p, v);
	for (uint32_t v = 1; v < n; v++) {
		struct ir_ins *in = &f->ins[v];
		const struct loop *l;

		if (!owned(p, v))
			continue;
		l = &p->loops[p->owner[v] - 1];
		if (in->op == IR_SPEND) {
			*in = (struct ir_ins){ .op = IR_NOP };
			continue;
		}
		for (uint32_t k = 0; k < in->b; k++) {
			uint32_t *arg = &f->args[in->a + k];

			if (v == l->left)
				*arg = l->before;
			else
				*arg = ir_const(f, cost_along(p, l, v, k));
			in = &f->ins[v]; /* they may have moved */
		}
		f->zero[v] = 0;
	}
}

bool jit_put_off(struct ir_fn *f, struct arena *arena)
{
	struct put_off p = { .f = f, .loops = ARENA_ARRAY(arena, struct loop, f->nblocks) };
	uint32_t n = f->n;

	p.owner = ARENA_ARRAY(arena, uint32_t, n);
	p.cost = ARENA_ARRAY(arena, uint32_t, n);
	p.met = ARENA_ARRAY(arena, uint32_t, n);
	if (!p.loops || !p.owner || !p.cost || !p.met)
		return false;
	for (uint32_t k = 1; k < f->nblocks; k++)
		if (f->blocks[k].reached && f->blocks[k].npreds == 2)
			find_loop(&p, k);
	if (!p.nloops)
		return false;
	for (uint32_t v = 1; v < n; v++)
		if (ir_is(f, v, IR_PHI) && f->blocks[f->home[v]].reached && f->ins[v].b &&
		    !p.owner[v])
			find_meeting(&p, v);
	for (uint32_t v = 1; v < n; v++)
		if (jit_placed(f, v) && f->blocks[f->home[v]].reached)
			look_at_use(&p, v);
	f->checks.debts = ARENA_ARRAY(arena, struct ir_debt, p.ndebts + 1);
	p.ndebts = 0;
	if (f->checks.debts)
		change(&p, n);
	f->checks.ndebts = p.ndebts;
	return f->checks.debts != NULL;
}
