// SPDX-License-Identifier: Apache-2.0
/*
 * Values: arithmetic, shifts, division, extensions. Instructions have three operands and read all before they write, so
 * a result is always computed in its own register. UDIV and SDIV give 0 for a division by zero and the dividend
 * for the least number by -1, and MSUB makes of that the dividend and 0: what RFC 9669 section 4.1 asks for.
 */
#include "jit/arm64/a64.h"

static void sum(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	enum a64_alu op = in->op == IR_ADD ? A64_ADD : A64_SUB;
	int rd = a64_target(e, v), a;
	uint64_t c;
	bool minus;

	if (!in->y && a64_is_const(e, in->b, &c) && a64_is_arith(in->w, c, &minus)) {
		a64_arith_imm(e->out, in->w, op, rd, a64_use(e, in->a, X16), c);
	} else {
		a = a64_use_zero(e, in->a, X16);
		a64_alu(e->out, in->w, op, rd, a, a64_use_zero(e, in->b, X17),
			in->op == IR_ADD ? in->y : 0);
	}
	a64_finish(e, v, rd);
}

static void logic(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	enum a64_alu op = in->op == IR_AND ? A64_AND : in->op == IR_OR ? A64_ORR : A64_EOR;
	int rd = a64_target(e, v), a = a64_use_zero(e, in->a, X16), w = in->w;
	uint32_t mask;
	uint64_t c;
	bool constant = a64_is_const(e, in->b, &c);

	if (in->op == IR_AND && constant && c == (uint32_t)c)
		w = 0;
	if (constant && a64_bitmask(w, c, &mask))
		a64_logic_imm(e->out, w, op, rd, a, mask);
	else if (constant && op == A64_EOR && (w ? c : c | UINT64_MAX << 32) == UINT64_MAX)
		a64_alu(e->out, w, A64_ORN, rd, XZR, a, 0);
	else
		a64_alu(e->out, w, op, rd, a, a64_use_zero(e, in->b, X17), 0);
	a64_finish(e, v, rd);
}

static void multiply(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int rd = a64_target(e, v), a = a64_use_zero(e, in->a, X16), b;
	uint64_t c;

	if (a64_is_const(e, in->b, &c) && c > 2 && !((c - 1) & (c - 2)) && c <= 1u << 31) {
		a64_alu(e->out, in->w, A64_ADD, rd, a, a, __builtin_ctzll(c - 1)); /* 2^n + 1 */
	} else {
		b = a64_use_zero(e, in->b, X17);
		a64_madd(e->out, in->w, rd, a, b, XZR);
	}
	a64_finish(e, v, rd);
}

static void high_product(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int rd = a64_target(e, v), a = a64_use_zero(e, in->a, X16);
	int b = a64_use_zero(e, in->b, X17);

	if (in->w) {
		a64_umulh(e->out, rd, a, b);
	} else {
		a64_umull(e->out, rd, a, b);
		a64_extract(e->out, 1, false, rd, rd, 32, 32);
	}
	a64_finish(e, v, rd);
}

static void shift(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int rd = a64_target(e, v), a = a64_use_zero(e, in->a, X16);
	int width = in->w ? 64 : 32, count;
	uint64_t c;

	if (!a64_is_const(e, in->b, &c)) {
		a64_pair_op(e->out, in->w,
			    in->op == IR_SHL ? A64_LSLV :
			    in->op == IR_SHR ? A64_LSRV :
					       A64_ASRV,
			    rd, a, a64_use(e, in->b, X17));
		a64_finish(e, v, rd);
		return;
	}
	count = (int)(c & (uint64_t)(width - 1));
	if (in->op == IR_SHL)
		a64_lsl(e->out, in->w, rd, a, count);
	else if (in->op == IR_ROL)
		a64_ror(e->out, in->w, rd, a, -count & (width - 1));
	else
		a64_extract(e->out, in->w, in->op == IR_SAR, rd, a, count, width - count);
	a64_finish(e, v, rd);
}

static void divide(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	bool is_signed = in->op == IR_SDIV || in->op == IR_SMOD;
	bool rest = in->op == IR_UMOD || in->op == IR_SMOD;
	int rd = a64_target(e, v), a = a64_use_zero(e, in->a, X16);
	int b = a64_use_zero(e, in->b, X17);

	a64_pair_op(e->out, in->w, is_signed ? A64_SDIV : A64_UDIV, rest ? X15 : rd, a, b);
	if (rest)
		a64_msub(e->out, in->w, rd, X15, b, a);
	a64_finish(e, v, rd);
}

static void extend(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int rd = a64_target(e, v), size = in->x;
	bool sign = in->op == IR_SEXT;
	uint64_t c;

	if (size == 8)
		a64_copy(e, rd, in->a);
	else if (a64_reg_of(e, in->a) < 0 && !a64_is_const(e, in->a, &c) && (!sign || in->w))
		a64_load_slot(e, rd, e->a->slot[in->a], size, sign);
	else if (size == 4 && (!sign || !in->w))
		a64_mov(e->out, 0, rd, a64_use_zero(e, in->a, X16));
	else
		a64_extract(e->out, sign && in->w, sign, rd, a64_use_zero(e, in->a, X16), 0,
			    8 * size);
	a64_finish(e, v, rd);
}

static void swap(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int rd = a64_target(e, v), a = a64_use_zero(e, in->a, X16);

	if (in->x == 2) {
		a64_rev16(e->out, rd, a);
		a64_extract(e->out, 0, false, rd, rd, 0, 16);
	} else {
		a64_rev(e->out, in->x == 8, rd, a);
	}
	a64_finish(e, v, rd);
}

static void negate(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int rd = a64_target(e, v);

	a64_alu(e->out, in->w, A64_SUB, rd, XZR, a64_use_zero(e, in->a, X16), 0);
	a64_finish(e, v, rd);
}

static void choose(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	const uint32_t *args = &e->f->args[in->a];
	struct a64_test t = a64_compare(e, (enum ir_cc)in->x, in->y, args[0], args[1], true);
	int rd = a64_target(e, v), yes;
	enum a64_cond cc = (enum a64_cond)t.cc;
	uint64_t c, d;
	bool known = a64_is_const(e, args[3], &d);

	if (a64_is_const(e, args[2], &c) && (c == 1 || c == UINT64_MAX) && !(known && d == c)) {
		/* the other way round: if the condition does not hold, 1 or -1 is made of ZR */
		a64_select(e->out, 1, c == 1 ? A64_CSINC : A64_CSINV, rd,
			   a64_use_zero(e, args[3], X16), XZR, (enum a64_cond)(cc ^ 1));
	} else if (known && (d == 1 || d == UINT64_MAX)) {
		a64_select(e->out, 1, d == 1 ? A64_CSINC : A64_CSINV, rd,
			   a64_use_zero(e, args[2], X16), XZR, cc);
	} else {
		yes = a64_use_zero(e, args[2], X16);
		a64_select(e->out, 1, A64_CSEL, rd, yes, a64_use_zero(e, args[3], X17), cc);
	}
	a64_finish(e, v, rd);
}

void a64_value(struct a64_emit *e, uint32_t v)
{
	switch ((int)e->f->ins[v].op) { /* values */
	case IR_ADD:
	case IR_SUB:
		sum(e, v);
		break;
	case IR_AND:
	case IR_OR:
	case IR_XOR:
		logic(e, v);
		break;
	case IR_MUL:
		multiply(e, v);
		break;
	case IR_MULHU:
		high_product(e, v);
		break;
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL:
		shift(e, v);
		break;
	case IR_UDIV:
	case IR_UMOD:
	case IR_SDIV:
	case IR_SMOD:
		divide(e, v);
		break;
	case IR_ZEXT:
	case IR_SEXT:
		extend(e, v);
		break;
	case IR_BSWAP:
		swap(e, v);
		break;
	case IR_NEG:
		negate(e, v);
		break;
	default:
		choose(e, v);
	}
}
