// SPDX-License-Identifier: Apache-2.0
/*
 * Moves that happen at once: those of PHIs along an edge, of arguments before a call and at the start of a function, of
 * results. A move is written when no other one still reads its destination; what is left are cycles, broken
 * through x17 (May 1989).
 */
#include "jit/arm64/a64.h"

#define MAX_MOVES 80

struct move {
	int dst, src; /* register, or SLOT + number, or CONSTANT */
	uint64_t imm;
};
#define SLOT 32
#define CONSTANT (-1)

struct moves {
	struct move m[MAX_MOVES];
	uint32_t n;
};

static int place_of(const struct a64_emit *e, uint32_t v)
{
	int reg = a64_reg_of(e, v);

	return reg >= 0 ? reg : SLOT + (int)e->a->slot[v];
}

static void add_move(const struct a64_emit *e, struct moves *m, int dst, uint32_t v)
{
	struct move *to = &m->m[m->n];

	if (ir_is(e->f, v, IR_UNDEF) || dst == SLOT || m->n == MAX_MOVES)
		return;
	*to = (struct move){ .dst = dst, .src = CONSTANT };
	if (!a64_is_const(e, v, &to->imm)) {
		to->src = place_of(e, v);
		if (to->src == dst)
			return;
	}
	m->n++;
}

static void write_move(struct a64_emit *e, const struct move *m)
{
	int reg = m->dst < SLOT ? m->dst : X16;

	if (m->src == CONSTANT && m->dst >= SLOT && !m->imm)
		reg = XZR;
	else if (m->src == CONSTANT)
		a64_mov_imm(e->out, reg, m->imm);
	else if (m->src >= SLOT)
		a64_load_slot(e, reg, (uint32_t)(m->src - SLOT), 8, false);
	else if (m->dst < SLOT)
		a64_mov(e->out, 1, reg, m->src);
	else
		reg = m->src;
	if (m->dst >= SLOT)
		a64_store_slot(e, (uint32_t)(m->dst - SLOT), reg);
}

static bool is_read(const struct moves *m, uint32_t i)
{
	for (uint32_t k = 0; k < m->n; k++)
		if (k != i && m->m[k].src == m->m[i].dst)
			return true;
	return false;
}

static void write_moves(struct a64_emit *e, struct moves *m)
{
	while (m->n) {
		struct move out;
		uint32_t i = 0;

		while (i < m->n && is_read(m, i))
			i++;
		if (i < m->n) {
			write_move(e, &m->m[i]);
			m->m[i] = m->m[--m->n];
			continue;
		}
		/* all that is left are cycles: free the destination of the first one */
		out = (struct move){ .dst = X17, .src = m->m[0].dst };
		write_move(e, &out);
		for (uint32_t k = 0; k < m->n; k++)
			if (m->m[k].src == out.src)
				m->m[k].src = X17;
	}
}

void a64_arguments(struct a64_emit *e)
{
	const struct ir_block *b = &e->f->blocks[0];
	struct moves m = { .n = 0 };

	for (uint32_t v = b->start; v < b->end; v++) {
		int from, to;

		if (!ir_is(e->f, v, IR_ARG))
			continue;
		from = e->a->target->args[e->f->ins[v].imm];
		to = place_of(e, v);
		if (to != SLOT && to != from)
			m.m[m.n++] = (struct move){ .dst = to, .src = from };
	}
	write_moves(e, &m);
}

/* The moves of PHIs along the edge from block @k. */
static void edge_moves(const struct a64_emit *e, uint32_t k, struct moves *m)
{
	const struct ir_block *to = &e->f->blocks[e->f->blocks[k].succ[0]];
	uint32_t which = 0;

	m->n = 0;
	while (which < to->npreds && e->f->preds[to->pred + which] != k)
		which++;
	for (uint32_t v = to->start; v < to->end && ir_in_head(e->f, v); v++)
		if (ir_is(e->f, v, IR_PHI) && place_of(e, v) != SLOT)
			add_move(e, m, place_of(e, v), e->f->args[e->f->ins[v].a + which]);
}

void a64_edge(struct a64_emit *e, uint32_t block)
{
	struct moves m;

	edge_moves(e, block, &m);
	write_moves(e, &m);
}

bool a64_edge_is_empty(const struct a64_emit *e, uint32_t k)
{
	const struct ir_block *b = &e->f->blocks[k];
	struct moves m;

	for (uint32_t v = b->start; v < b->end; v++) {
		enum ir_op op = (enum ir_op)e->f->ins[v].op;

		if (op == IR_JMP && k) {
			edge_moves(e, k, &m);
			return !m.n;
		}
		if (op != IR_NOP && op != IR_CONST && op != IR_UNDEF && op != IR_PHI)
			return false;
	}
	return false;
}

void a64_call_moves(struct a64_emit *e, const struct ir_ins *in)
{
	struct moves m = { .n = 0 };

	for (uint32_t k = 0; k < in->b; k++)
		add_move(e, &m, e->a->target->args[k], e->f->args[in->a + k]);
	if (in->op == IR_CALL && in->c)
		add_move(e, &m, X16, in->c);
	write_moves(e, &m);
}

/* x0, and x1 of a call whose second result is taken. */
void a64_results(struct a64_emit *e, uint32_t v)
{
	struct moves m = { .n = 0 };
	uint32_t next = v + 1;
	int to = place_of(e, v), second;

	while (next < e->f->n && (ir_is(e->f, next, IR_NOP) || ir_is(e->f, next, IR_CONST)))
		next++;
	if (next < e->f->n && ir_is(e->f, next, IR_SECOND)) {
		second = place_of(e, next);
		if (second != SLOT && second != X1)
			m.m[m.n++] = (struct move){ .dst = second, .src = X1 };
		if (to == second)
			to = SLOT;
	}
	if (to != SLOT && to != X0)
		m.m[m.n++] = (struct move){ .dst = to, .src = X0 };
	write_moves(e, &m);
}
