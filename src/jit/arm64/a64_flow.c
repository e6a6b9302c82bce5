// SPDX-License-Identifier: Apache-2.0
/*
 * Branches and calls. A comparison with 0 and a test of one bit are part of the branch (CBZ, TBZ). Each kind of branch
 * has its reach; one whose target is farther becomes the opposite branch around a B, which reaches 128 MiB.
 */
#include "jit/arm64/a64.h"

#define CALL_REACH ((int64_t)128 << 20)
#define PAGE_REACH ((int64_t)4 << 30)
#define SLACK 8192

static enum a64_cond cond_of(enum ir_cc cc)
{
	static const uint8_t conds[] = { A64_EQ, A64_NE, A64_LO, A64_HS, A64_HI, A64_LS,
					 A64_LT, A64_GE, A64_GT, A64_LE, A64_NE, A64_EQ };

	return (enum a64_cond)conds[cc];
}

static void test_bits(struct a64_emit *e, int w, uint32_t x, uint32_t y)
{
	int a = a64_use_zero(e, x, X16);
	uint32_t mask;
	uint64_t c;

	if (a64_is_const(e, y, &c) && a64_bitmask(w, c, &mask))
		a64_logic_imm(e->out, w, A64_TST, XZR, a, mask);
	else
		a64_alu(e->out, w, A64_TST, XZR, a, a64_use_zero(e, y, X17), 0);
}

struct a64_test a64_compare(struct a64_emit *e, enum ir_cc cc, int w, uint32_t x, uint32_t y,
			    bool flags)
{
	struct a64_test t = { .kind = TEST_COND, .cc = (uint8_t)cond_of(cc), .w = (uint8_t)w };
	uint64_t c;
	bool constant = a64_is_const(e, y, &c), minus;

	c = w ? c : (uint32_t)c;
	if (cc == CC_SET || cc == CC_CLEAR) {
		if (!flags && constant && c && !(c & (c - 1))) {
			t = (struct a64_test){ .kind = TEST_BIT,
					       .set = cc == CC_SET,
					       .reg = (uint8_t)a64_use(e, x, X16),
					       .bit = (uint8_t)__builtin_ctzll(c) };
			return t;
		}
		test_bits(e, w, x, y);
		return t;
	}
	if (!flags && constant && !c && (cc == CC_EQ || cc == CC_NE)) {
		t.kind = TEST_ZERO;
		t.set = cc == CC_NE;
		t.reg = (uint8_t)a64_use(e, x, X16);
	} else if (!flags && constant && !c && (cc == CC_SLT || cc == CC_SGE)) {
		t.kind = TEST_BIT;
		t.set = cc == CC_SLT;
		t.reg = (uint8_t)a64_use(e, x, X16);
		t.bit = w ? 63 : 31;
	} else if (constant && a64_is_arith(w, c, &minus)) {
		a64_arith_imm(e->out, w, A64_CMP, XZR, a64_use(e, x, X16), c);
	} else {
		int a = a64_use_zero(e, x, X16);

		a64_alu(e->out, w, A64_CMP, XZR, a, a64_use_zero(e, y, X17), 0);
	}
	return t;
}

void a64_branch(struct jit_code_buf *out, const struct a64_test *t, bool opposite, int32_t delta)
{
	switch (t->kind) {
	case TEST_ALWAYS:
		a64_b(out, delta);
		break;
	case TEST_COND:
		a64_b_cond(out, (enum a64_cond)(t->cc ^ opposite), delta);
		break;
	case TEST_ZERO:
		a64_cb(out, t->w, t->set != opposite, t->reg, delta);
		break;
	case TEST_BIT:
		a64_tb(out, t->set != opposite, t->reg, t->bit, delta);
		break;
	}
}

static void jump(struct a64_emit *e, const struct a64_test *t, bool opposite, uint32_t block)
{
	static const struct a64_test always = { .kind = TEST_ALWAYS };
	struct a64_jump *j = &e->jumps[e->njumps++];

	j->block = e->forward[block];
	j->kind = (uint8_t)t->kind;
	if (e->second && j->is_long && t->kind != TEST_ALWAYS) {
		a64_branch(e->out, t, !opposite, 8);
		t = &always;
		opposite = false;
	}
	j->at = (uint32_t)e->out->len;
	a64_branch(e->out, t, opposite, 0);
}

void a64_control(struct a64_emit *e, uint32_t v, uint32_t block)
{
	static const struct a64_test always = { .kind = TEST_ALWAYS };
	const struct ir_ins *in = &e->f->ins[v];
	const struct ir_block *b = &e->f->blocks[block];
	struct a64_test t;

	if (in->op == IR_RET) {
		a64_copy(e, X0, in->a);
		a64_epilogue(e);
	} else if (in->op == IR_JMP) {
		a64_edge(e, block);
		if (e->forward[b->succ[0]] != e->next)
			jump(e, &always, false, b->succ[0]);
	} else {
		t = a64_compare(e, (enum ir_cc)in->x, in->w, in->a, in->b, false);
		if (e->forward[b->succ[0]] == e->next) {
			if (e->forward[b->succ[1]] != e->next)
				jump(e, &t, true, b->succ[1]);
			return;
		}
		jump(e, &t, false, b->succ[0]);
		if (e->forward[b->succ[1]] != e->next)
			jump(e, &always, false, b->succ[1]);
	}
}

static void fix_later(struct jit_code_buf *out, uint32_t to, uint64_t address)
{
	if (out->nfixes < out->fixes_room)
		out->fixes[out->nfixes++] =
			(struct jit_call_fix){ (uint32_t)out->len, to, address };
	else
		out->failed = true;
}

/* Is the function less than @reach away from wherever the code will be? */
static bool is_near(const struct jit_code_buf *out, uint64_t fn, int64_t reach)
{
	int64_t from = (int64_t)(fn - out->lo), to = (int64_t)(fn - out->hi);

	return out->lo && from < reach - SLACK && to > SLACK - reach;
}

static void call_helper(struct a64_emit *e, uint64_t fn)
{
	if (is_near(e->out, fn, CALL_REACH)) {
		fix_later(e->out, FIX_ADDRESS, fn);
		a64_bl(e->out, 0);
		return;
	}
	if (is_near(e->out, fn, PAGE_REACH)) {
		fix_later(e->out, FIX_ADDRESS, fn);
		a64_adrp(e->out, X16, 0);
		a64_arith_imm(e->out, 1, A64_ADD, X16, X16, fn & 4095);
	} else {
		a64_mov_imm(e->out, X16, fn);
	}
	a64_blr(e->out, X16);
}

void a64_call(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];

	a64_call_moves(e, in);
	if (in->op == IR_CALL_LOCAL) {
		fix_later(e->out, (uint32_t)in->imm, 0);
		a64_bl(e->out, 0);
	} else if (in->c) {
		a64_blr(e->out, X16);
	} else {
		call_helper(e, in->imm);
	}
	a64_results(e, v);
}

/* BL, or ADRP of the function's page. */
void a64_link(struct jit_code_buf *out, uint32_t at, uint64_t start, uint64_t to)
{
	uint64_t from = start + at;
	size_t len = out->len;

	if ((out->bytes[at + 3] & 0x7f) >> 2 == 0x14 >> 2) { /* b, bl */
		out->failed |= !a64_patch(out, at, (int64_t)(to - from));
		return;
	}
	out->len = at;
	a64_adrp(out, X16, (int32_t)((int64_t)(to >> 12) - (int64_t)(from >> 12)));
	out->len = len;
}
