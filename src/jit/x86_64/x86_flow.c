// SPDX-License-Identifier: Apache-2.0
/*
 * Branches, calls, and the moves that happen at once: those of PHIs along an edge, of arguments before a call and at
 * the start of a function. A move is written when no other one still reads its destination; what is left are cycles,
 * broken through r11 (May 1989).
 */
#include <string.h>

#include "jit/x86_64/x86.h"

#define MAX_MOVES 80

struct move {
	int dst, src; /* register, or SLOT + number, or CONSTANT */
	bool is_small;
	uint64_t imm;
};
#define SLOT 32
#define CONSTANT (-1)

struct moves {
	struct move m[MAX_MOVES];
	uint32_t n;
};

static int place_of(const struct x86_emit *e, uint32_t v)
{
	int reg = x86_reg_of(e, v);

	return reg >= 0 ? reg : SLOT + (int)e->a->slot[v];
}

static struct x86_mem slot(int place)
{
	return (struct x86_mem){ .base = RSP, .index = NO_INDEX, .disp = 8 * (place - SLOT - 1) };
}

static void add_move(const struct x86_emit *e, struct moves *m, int dst, uint32_t v)
{
	struct move *to = &m->m[m->n];

	*to = (struct move){ .dst = dst, .src = CONSTANT, .is_small = x86_is_small(e, v) };
	if (ir_is(e->f, v, IR_UNDEF) || dst == SLOT || m->n == MAX_MOVES)
		return;
	if (!x86_is_const(e, v, &to->imm)) {
		to->src = place_of(e, v);
		if (to->src == dst)
			return;
	}
	m->n++;
}

static void write_move(struct x86_emit *e, const struct move *m)
{
	if (m->src == CONSTANT && m->dst < SLOT) {
		x86_mov_imm(e->out, m->dst, m->imm);
	} else if (m->src == CONSTANT && x86_fits(m->imm, 1)) {
		x86_store_imm(e->out, slot(m->dst), (int32_t)m->imm, 8);
	} else if (m->src == CONSTANT) {
		x86_mov_imm(e->out, R10, m->imm);
		x86_store(e->out, slot(m->dst), R10, 8);
	} else if (m->dst < SLOT && m->src < SLOT) {
		x86_mov(e->out, !m->is_small, m->dst, m->src);
	} else if (m->dst < SLOT) {
		x86_load(e->out, m->dst, slot(m->src), 8, false);
	} else if (m->src < SLOT) {
		x86_store(e->out, slot(m->dst), m->src, 8);
	} else {
		x86_load(e->out, R10, slot(m->src), 8, false);
		x86_store(e->out, slot(m->dst), R10, 8);
	}
}

static bool is_read(const struct moves *m, uint32_t i)
{
	for (uint32_t k = 0; k < m->n; k++)
		if (k != i && m->m[k].src == m->m[i].dst)
			return true;
	return false;
}

static void write_moves(struct x86_emit *e, struct moves *m)
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
		out = (struct move){ .dst = R11, .src = m->m[0].dst };
		write_move(e, &out);
		for (uint32_t k = 0; k < m->n; k++)
			if (m->m[k].src == out.src)
				m->m[k].src = R11;
	}
}

void x86_arguments(struct x86_emit *e)
{
	const struct ir_block *b = &e->f->blocks[0];
	struct moves m;

	m.n = 0;
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
static void edge_moves(const struct x86_emit *e, uint32_t k, struct moves *m)
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

bool x86_edge_is_empty(const struct x86_emit *e, uint32_t k)
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

/* @cc negative: always */
static void jump(struct x86_emit *e, int cc, uint32_t block)
{
	x86_gap(e, cc, e->forward[block], cc < 0 ? 5 : 6);
}

static enum x86_cond cond_of(enum ir_cc cc)
{
	static const uint8_t conds[] = { COND_E, COND_NE, COND_B, COND_AE, COND_A,  COND_BE,
					 COND_L, COND_GE, COND_G, COND_LE, COND_NE, COND_E };

	return (enum x86_cond)conds[cc];
}

/* An operand in memory with a constant: inside.c says which. */
static void compare_inside(struct x86_emit *e, enum ir_cc cc, int w, uint32_t x, uint64_t c)
{
	const struct ir_ins *in = &e->f->ins[x];
	struct x86_mem m = x86_slot_of(e, x);
	int byte = 0;

	if (cc >= CC_SET) {
		byte = w || (uint32_t)c ? __builtin_ctzll(c) / 8 : 0;
		m.disp += byte;
		x86_test_mi8(e->out, m, (uint8_t)(c >> 8 * byte));
	} else if (in->x >= 4) {
		x86_alu_mi(e->out, w, ALU_CMP, m, (int32_t)c);
	} else {
		x86_op_mi(e->out, ALU_CMP, m, in->x == 1 ? (int8_t)c : (int32_t)c, in->x);
	}
}

void x86_compare(struct x86_emit *e, enum ir_cc cc, int w, uint32_t x, uint32_t y,
		 enum x86_cond *ret)
{
	int a = x86_reg_of(e, x), b = x86_reg_of(e, y);
	bool bits = cc == CC_SET || cc == CC_CLEAR, constant;
	uint64_t c;

	*ret = cond_of(cc);
	constant = x86_is_const(e, y, &c);
	if (constant && ir_is(e->f, x, IR_INSIDE)) {
		compare_inside(e, cc, w, x, c);
	} else if (constant && bits && c == (uint32_t)c && (c >> 31 == 0 || !w)) {
		x86_test_ri(e->out, w, x86_use(e, x, R10), (int32_t)c);
	} else if (bits) {
		a = x86_use(e, x, R10);
		if (b < 0 && a == R10 && !constant) {
			x86_rm(e->out, w, 0x85, a, x86_slot_of(e, y));
			return;
		}
		if (b < 0 && a == R10) { /* both are constants, or a slot and a wide one */
			x86_mov_imm(e->out, R11, c);
			x86_test_rr(e->out, w, a, R11);
			return;
		}
		x86_test_rr(e->out, w, a, b >= 0 ? b : x86_use(e, y, R10));
	} else if (constant && !(w ? c : (uint32_t)c) && a >= 0) {
		x86_test_rr(e->out, w, a, a);
	} else if (constant && x86_fits(c, w)) {
		if (a < 0 && !ir_is(e->f, x, IR_CONST) && !ir_is(e->f, x, IR_UNDEF))
			x86_alu_mi(e->out, w, ALU_CMP, x86_slot_of(e, x), (int32_t)c);
		else
			x86_alu_ri(e->out, w, ALU_CMP, x86_use(e, x, R10), (int32_t)c);
	} else if (constant && a < 0) {
		x86_mov_imm(e->out, R10, c);
		if (ir_is(e->f, x, IR_CONST) || ir_is(e->f, x, IR_UNDEF)) {
			x86_copy(e, R11, x);
			x86_alu_rr(e->out, w, ALU_CMP, R11, R10);
		} else {
			x86_rm(e->out, w, 0x39, R10, x86_slot_of(e, x));
		}
	} else if (a < 0 && b < 0) {
		a = x86_use(e, x, R10);
		x86_alu_rm(e->out, w, ALU_CMP, a, x86_slot_of(e, y));
	} else if (b < 0 && !constant) {
		x86_alu_rm(e->out, w, ALU_CMP, a, x86_slot_of(e, y));
	} else {
		a = x86_use(e, x, R10);
		x86_alu_rr(e->out, w, ALU_CMP, a, b >= 0 ? b : x86_use(e, y, R10));
	}
}

/* Is it a call of what a value holds, whose result is returned? Then it is jumped to: a tail call. */
static bool is_last(const struct x86_emit *e, uint32_t v)
{
	uint32_t next = v + 1;

	if (!ir_is(e->f, v, IR_CALL) || !e->f->ins[v].c || e->out->harden || e->a->checked)
		return false;
	while (next < e->f->n && (ir_is(e->f, next, IR_NOP) || ir_is(e->f, next, IR_CONST)))
		next++;
	return next < e->f->n && ir_is(e->f, next, IR_RET) && e->f->ins[next].a == v &&
	       e->f->home[next] == e->f->home[v];
}

void x86_control(struct x86_emit *e, uint32_t v, uint32_t block)
{
	const struct ir_ins *in = &e->f->ins[v];
	const struct ir_block *b = &e->f->blocks[block];
	struct moves m;
	enum x86_cond cc;

	if (in->op == IR_RET && is_last(e, in->a)) {
		return;
	} else if (in->op == IR_RET) {
		x86_copy(e, RAX, in->a);
		x86_epilogue(e);
	} else if (in->op == IR_JMP) {
		edge_moves(e, block, &m);
		write_moves(e, &m);
		if (e->forward[b->succ[0]] != e->next)
			jump(e, -1, b->succ[0]);
	} else if (!e->ntables || !x86_jump_table(e, block)) {
		x86_compare(e, (enum ir_cc)in->x, in->w, in->a, in->b, &cc);
		if (e->forward[b->succ[0]] == e->next) {
			if (e->forward[b->succ[1]] != e->next)
				jump(e, cc ^ 1, b->succ[1]);
			return;
		}
		jump(e, cc, b->succ[0]);
		if (e->forward[b->succ[1]] != e->next)
			jump(e, -1, b->succ[1]);
	}
}

void x86_fix_later(struct x86_emit *e, uint8_t opcode, uint32_t to, uint64_t address)
{
	struct jit_code_buf *out = e->out;

	x86_byte(out, opcode);
	if (out->nfixes < out->fixes_room)
		out->fixes[out->nfixes++] =
			(struct jit_call_fix){ (uint32_t)out->len, to, address };
	else
		out->failed = true;
	x86_u32(out, 0);
}

/* Does a near call reach from wherever the code will be? */
static bool is_near(const struct jit_code_buf *out, uint64_t fn)
{
	const int64_t reach = INT32_MAX - (1 << 20);
	int64_t from = (int64_t)(fn - out->lo), to = (int64_t)(fn - out->hi);

	return out->lo && from < reach && to > -reach;
}

void x86_through_rax(struct x86_emit *e, bool call)
{
	if (!e->out->harden)
		x86_rr(e->out, 0, 0xff, call ? 2 : 4, RAX);
	else
		x86_fix_later(e, call ? 0xe8 : 0xe9, FIX_THUNK, 0);
}

/*
 * Padding before a call of so many bytes that follows closely on another one; and in a loop before one that would end in the
 * second half of a fetch window, most of which its return would waste.
 */
static void space_calls(struct x86_emit *e, int bytes)
{
	if (e->after_call && e->out->len + (size_t)bytes - e->after_call < CALL_ALIGN)
		x86_gap(e, bytes, NO_BLOCK, CALL_ALIGN - 1);
	else if (e->f->blocks[e->block].loops)
		x86_gap(e, bytes | CALL_LOOPS, NO_BLOCK, CALL_ALIGN / 2 - 1);
}

static void call_through(struct x86_emit *e)
{
	space_calls(e, e->out->harden ? 5 : 2);
	x86_through_rax(e, true);
}

void x86_call_helper(struct x86_emit *e, uint64_t fn)
{
	if (is_near(e->out, fn)) {
		space_calls(e, 5);
		x86_fix_later(e, 0xe8, FIX_ADDRESS, fn);
		return;
	}
	x86_mov_imm(e->out, RAX, fn);
	call_through(e);
}

/* Results: rax, and rdx of a call whose second result is taken. */
static void results(struct x86_emit *e, uint32_t v)
{
	struct moves m;
	uint32_t next = v + 1;
	int to = place_of(e, v), second;

	m.n = 0;
	while (next < e->f->n && (ir_is(e->f, next, IR_NOP) || ir_is(e->f, next, IR_CONST)))
		next++;
	if (next < e->f->n && ir_is(e->f, next, IR_SECOND)) {
		second = place_of(e, next);
		if (second != SLOT && second != RDX)
			m.m[m.n++] = (struct move){ .dst = second, .src = RDX };
		if (to == second)
			to = SLOT;
	}
	if (to != SLOT && to != RAX)
		m.m[m.n++] = (struct move){ .dst = to, .src = RAX };
	write_moves(e, &m);
}

void x86_pass(struct x86_emit *e, const struct ir_ins *call, uint32_t which)
{
	struct moves m;

	m.n = 0;
	for (uint32_t k = 0; k < call->b; k++)
		if (which >> k & 1)
			add_move(e, &m, e->a->target->args[k], e->f->args[call->a + k]);
	if (call->op == IR_CALL && call->c)
		add_move(e, &m, RAX, call->c);
	write_moves(e, &m);
}

void x86_call(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];

	if (in->op == IR_CALL && in->x) {
		x86_tail_call(e, in);
		results(e, v);
		return;
	}
	x86_pass(e, in, UINT32_MAX);
	if (is_last(e, v)) {
		x86_leave(e);
		x86_rr(e->out, 0, 0xff, 4, RAX); /* jmp rax */
		jit_note(e->out, NOTE_BACK, 0, 0);
		return;
	}
	if (in->op == IR_CALL_LOCAL) {
		space_calls(e, 5);
		x86_fix_later(e, 0xe8, (uint32_t)in->imm, 0);
	} else if (in->c) {
		call_through(e);
	} else {
		x86_call_helper(e, in->imm);
	}
	e->after_call = (uint32_t)e->out->len;
	results(e, v);
}
