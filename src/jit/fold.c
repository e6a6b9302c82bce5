// SPDX-License-Identifier: Apache-2.0
/*
 * Folding: an instruction whose result is known, or that a cheaper one replaces. A fact is the set of bits known to be
 * zero, kept for each value when it is made; it is what makes zero extensions and masks redundant. Constants are
 * computed by isa/alu.h, so folding and interpreting cannot differ.
 *
 * A rule gives the name of an older value, or changes *in and says "again"; rules only make instructions simpler, so
 * this ends.
 */
#include "isa/alu.h"
#include "jit/ir.h"

#define MAX_AGAIN 16

static uint64_t width_mask(int w)
{
	return w ? UINT64_MAX : UINT32_MAX;
}

static uint64_t byte_mask(int bytes)
{
	return bytes >= 8 ? UINT64_MAX : (1ull << (8 * bytes)) - 1;
}

static bool constant(const struct ir_fn *f, uint32_t v, uint64_t *ret)
{
	*ret = f->ins[v].imm;
	return v && f->ins[v].op == IR_CONST;
}

uint64_t ir_compute(enum ir_op op, int w, uint64_t a, uint64_t b)
{
#define COMPUTE(id, fn) \
	case IR_##id:   \
		return w ? alu_##fn##64(a, b) : alu_##fn##32(a, b);
	switch ((int)op) { /* binary ones */
		COMPUTE(ADD, add)
		COMPUTE(SUB, sub)
		COMPUTE(MUL, mul)
		COMPUTE(AND, and)
		COMPUTE(OR, or)
		COMPUTE(XOR, xor)
		COMPUTE(SHL, lsh)
		COMPUTE(SHR, rsh)
		COMPUTE(SAR, arsh)
		COMPUTE(UDIV, div)
		COMPUTE(UMOD, mod)
		COMPUTE(SDIV, sdiv)
		COMPUTE(SMOD, smod)
	case IR_ROL:
		return w ? alu_lsh64(a, b) | (b & 63 ? alu_rsh64(a, 0 - b) : 0) :
			   alu_lsh32(a, b) | (b & 31 ? alu_rsh32(a, 0 - b) : 0);
	case IR_MULHU:
		return w ? (uint64_t)((unsigned __int128)a * b >> 64) :
			   (uint64_t)(uint32_t)a * (uint32_t)b >> 32;
	default:
		return 0;
	}
}

bool ir_compare(enum ir_cc cc, int w, uint64_t a, uint64_t b)
{
#define COMPARE(id, fn) \
	case CC_##id:   \
		return w ? alu_##fn##64(a, b) : alu_##fn##32(a, b);
	switch (cc) {
		COMPARE(EQ, jeq)
		COMPARE(NE, jne)
		COMPARE(LT, jlt)
		COMPARE(GE, jge)
		COMPARE(GT, jgt)
		COMPARE(LE, jle)
		COMPARE(SLT, jslt)
		COMPARE(SGE, jsge)
		COMPARE(SGT, jsgt)
		COMPARE(SLE, jsle)
		COMPARE(SET, jset)
	case CC_CLEAR:
		return w ? !alu_jset64(a, b) : !alu_jset32(a, b);
	}
	return false;
}

static uint64_t unary(const struct ir_ins *in, uint64_t a)
{
	switch ((int)in->op) { /* unary ones */
	case IR_NEG:
		return in->w ? alu_neg64(a) : alu_neg32(a);
	case IR_BSWAP:
		return in->x == 2 ? alu_bswap16(a) : in->x == 4 ? alu_bswap32(a) : alu_bswap64(a);
	case IR_ZEXT:
		return a & byte_mask(in->x);
	case IR_SEXT:
		a = in->x == 1 ? alu_movsx64_8(a) :
		    in->x == 2 ? alu_movsx64_16(a) :
				 alu_movsx64_32(a);
		return a & width_mask(in->w);
	default:
		return a;
	}
}

/* Bits above the highest that may be set. */
static uint64_t above(uint64_t maybe)
{
	return maybe ? ~(UINT64_MAX >> __builtin_clzll(maybe)) : UINT64_MAX;
}

static uint64_t zero_of_sum(uint64_t za, uint64_t zb, uint64_t mask)
{
	uint64_t a = ~za & mask, b = ~zb & mask, low = (za & zb);
	uint64_t sum = a + b;

	if (sum < a)
		return ~mask;
	/* no carry comes from below the first bit that either may have */
	low = ~low ? (1ull << __builtin_ctzll(~low)) - 1 : UINT64_MAX;
	return above(sum | (a > b ? a : b)) | low;
}

static uint64_t zero_of_shift(const struct ir_fn *f, const struct ir_ins *in, uint64_t za)
{
	uint64_t n, mask = width_mask(in->w);

	if (!constant(f, in->b, &n))
		return in->op == IR_SHR ? above(~za & mask) : 0;
	n &= in->w ? 63 : 31;
	if (in->op == IR_SHL)
		return za << n | ((1ull << n) - 1);
	return ~((~za & mask) >> n);
}

/* At most the dividend; a rest is below a constant divisor. */
static uint64_t zero_of_division(const struct ir_fn *f, const struct ir_ins *in, uint64_t maybe)
{
	uint64_t d, z = above(maybe);

	if (in->op == IR_UMOD && constant(f, in->b, &d) && (d & width_mask(in->w)))
		z |= above((d & width_mask(in->w)) - 1);
	return z;
}

uint64_t ir_known_zero(const struct ir_fn *f, const struct ir_ins *in)
{
	const uint64_t *zero = f->zero, mask = width_mask(in->w);
	uint64_t z = 0;

	switch ((int)in->op) { /* values */
	case IR_CONST:
		return ~in->imm;
	case IR_ADD:
		z = zero_of_sum(zero[in->a] | ~mask, zero[in->b] | ~mask, mask);
		break;
	case IR_AND:
		z = zero[in->a] | zero[in->b];
		break;
	case IR_OR:
	case IR_XOR:
		z = zero[in->a] & zero[in->b];
		break;
	case IR_SHL:
	case IR_SHR:
		z = zero_of_shift(f, in, zero[in->a]);
		break;
	case IR_UDIV:
	case IR_UMOD:
		z = zero_of_division(f, in, ~zero[in->a] & mask);
		break;
	case IR_BSWAP:
		return ~byte_mask(in->x);
	case IR_ZEXT:
		return zero[in->a] | ~byte_mask(in->x);
	case IR_LOAD:
		if (in->y == LOAD_SUM)
			return ~0xfffull;
		return ir_load_signs(in->y) ? 0 : ~byte_mask(in->x);
	case IR_ATOMIC:
		return in->w ? 0 : ~mask;
	case IR_SELECT:
		return zero[f->args[in->a + 2]] & zero[f->args[in->a + 3]];
	case IR_GUARD:
		return ~1ull;
	case IR_SUB:
	case IR_MUL:
	case IR_SAR:
	case IR_ROL:
	case IR_SDIV:
	case IR_SMOD:
	case IR_NEG:
	case IR_SEXT:
	case IR_MULHU:
		break;
	default: /* results that nothing is known of, or none */
		return 0;
	}
	return z | ~mask;
}

/* @v as the low half of a 32-bit operation sees it: what only changes the upper half is skipped. */
static uint32_t low_half(const struct ir_fn *f, uint32_t v)
{
	const struct ir_ins *in = &f->ins[v];

	while ((in->op == IR_ZEXT || in->op == IR_SEXT) && in->x == 4) {
		v = in->a;
		in = &f->ins[v];
	}
	return v;
}

static uint32_t copy_of(struct ir_fn *f, const struct ir_ins *in, uint32_t v)
{
	return in->w ? v : ir_unary(f, IR_ZEXT, 1, 4, v);
}

/* a op c where the same operation with a constant made a. */
static bool reassociate(struct ir_fn *f, struct ir_ins *in, uint64_t c)
{
	const struct ir_ins *a = &f->ins[in->a];
	uint64_t inner;

	if (a->op != in->op || a->w != in->w || !constant(f, a->b, &inner))
		return false;
	in->a = a->a;
	in->b = ir_const(f, ir_compute((enum ir_op)in->op, in->w, inner, c));
	return true;
}

static uint32_t fold_and(struct ir_fn *f, struct ir_ins *in, uint64_t c)
{
	uint64_t maybe = ~f->zero[in->a] & width_mask(in->w);

	if (!(maybe & ~c))
		return copy_of(f, in, in->a);
	if (!(maybe & c))
		return ir_const(f, 0);
	if (c == 0xff || c == 0xffff || c == UINT32_MAX)
		return ir_unary(f, IR_ZEXT, 1, c == 0xff ? 1 : c == 0xffff ? 2 : 4, in->a);
	return 0;
}

/* Operations that a constant 0, 1 or all ones on the right decides. */
static uint32_t fold_identity(struct ir_fn *f, struct ir_ins *in, uint64_t c)
{
	uint64_t ones = width_mask(in->w);

	switch ((int)in->op) { /* with a constant */
	case IR_ADD:
	case IR_SUB:
	case IR_XOR:
		return c ? 0 : copy_of(f, in, in->a);
	case IR_OR:
		return !c ? copy_of(f, in, in->a) : c == ones ? ir_const(f, ones) : 0;
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL:
		return c & (in->w ? 63 : 31) ? 0 : copy_of(f, in, in->a);
	case IR_AND:
		return c ? fold_and(f, in, c) : ir_const(f, 0);
	case IR_MUL:
		return !c ? ir_const(f, 0) : c == 1 ? copy_of(f, in, in->a) : 0;
	case IR_UDIV:
	case IR_SDIV:
		return !c ? ir_const(f, 0) : c == 1 ? copy_of(f, in, in->a) : 0;
	case IR_UMOD:
	case IR_SMOD:
		return !c ? copy_of(f, in, in->a) : c == 1 ? ir_const(f, 0) : 0;
	default:
		return 0;
	}
}

/* Shift of a shift by constants. */
static uint32_t fold_shifts(struct ir_fn *f, struct ir_ins *in, uint64_t n)
{
	const struct ir_ins a = f->ins[in->a];
	uint64_t m, width = in->w ? 64 : 32;

	n &= width - 1;
	if (!constant(f, a.b, &m) || a.w != in->w || ir_operands[a.op] != 2)
		return 0;
	m &= width - 1;
	if (a.op == IR_SHL && in->op == IR_SHR && m == n)
		return ir_binary(f, IR_AND, in->w, a.a, ir_const(f, width_mask(in->w) >> n));
	if (a.op == IR_SHR && in->op == IR_SHL && m == n)
		return ir_binary(f, IR_AND, in->w, a.a, ir_const(f, width_mask(in->w) >> n << n));
	if (a.op == IR_SHL && in->op == IR_SAR && m == n &&
	    (width - n == 8 || width - n == 16 || width - n == 32))
		return ir_unary(f, IR_SEXT, in->w, (int)(width - n) / 8, a.a);
	if (in->w && a.op == IR_SHL && in->op == IR_SHR && m == 32 && n > 32)
		return ir_binary(f, IR_SHR, 0, a.a, ir_const(f, n - 32));
	if (a.op == in->op && in->op != IR_ROL) {
		if (m + n < width)
			return ir_binary(f, (enum ir_op)in->op, in->w, a.a, ir_const(f, m + n));
		if (in->op != IR_SAR)
			return ir_const(f, 0);
	}
	return 0;
}

static int log2_of(uint64_t c)
{
	return c && !(c & (c - 1)) ? __builtin_ctzll(c) : -1;
}

/* True: *in was changed into something simpler. */
static bool reduce(struct ir_fn *f, struct ir_ins *in, uint64_t c)
{
	uint64_t mask = width_mask(in->w);
	int log = log2_of(c & mask);

	if (in->op == IR_SUB) {
		in->op = IR_ADD;
		in->b = ir_const(f, (0 - c) & mask);
		return true;
	}
	if (in->op == IR_MUL && log > 0) {
		in->op = IR_SHL;
		in->b = ir_const(f, (uint64_t)log);
		return true;
	}
	if (in->op == IR_UDIV && log > 0) {
		in->op = IR_SHR;
		in->b = ir_const(f, (uint64_t)log);
		return true;
	}
	if (in->op == IR_UMOD && log > 0) {
		in->op = IR_AND;
		in->b = ir_const(f, (c & mask) - 1);
		return true;
	}
	if (in->op == IR_ADD || in->op == IR_MUL || in->op == IR_AND || in->op == IR_OR ||
	    in->op == IR_XOR)
		return reassociate(f, in, c);
	return false;
}

/* 64-bit operations whose operands and result fit 32 bits have shorter forms. */
static bool narrow(struct ir_fn *f, struct ir_ins *in)
{
	bool small = f->zero[in->a] >> 32 == UINT32_MAX,
	     both = small && f->zero[in->b] >> 32 == UINT32_MAX;
	uint64_t n;

	if (!in->w)
		return false;
	if (((in->op == IR_OR || in->op == IR_XOR || in->op == IR_UDIV || in->op == IR_UMOD) &&
	     both) ||
	    (in->op == IR_AND && (small || f->zero[in->b] >> 32 == UINT32_MAX)) ||
	    (in->op == IR_SHR && small && constant(f, in->b, &n) && n < 32)) {
		in->w = 0;
		return true;
	}
	return false;
}

/* a + (b + c), c a constant, is (a + b) + c: accesses take constants as their displacement. */
static bool constant_last(struct ir_fn *f, struct ir_ins *in)
{
	uint32_t inner = in->b, other = in->a;
	const struct ir_ins *sum = &f->ins[inner];
	uint64_t c;

	if (ir_is(f, in->b, IR_CONST))
		return false;
	if (sum->op != IR_ADD || !sum->w || !constant(f, sum->b, &c)) {
		inner = in->a;
		other = in->b;
		sum = &f->ins[inner];
		if (sum->op != IR_ADD || !sum->w || !constant(f, sum->b, &c))
			return false;
	}
	in->b = sum->b;
	in->a = ir_binary(f, IR_ADD, 1, other, sum->a);
	return true;
}

static uint32_t fold_binary(struct ir_fn *f, struct ir_ins *in, bool *again)
{
	uint64_t ca, cb;
	uint32_t v, t;

	if (!in->w && in->op != IR_MULHU) {
		in->a = low_half(f, in->a);
		in->b = low_half(f, in->b);
	}
	if (constant(f, in->a, &ca) && constant(f, in->b, &cb))
		return ir_const(f, ir_compute((enum ir_op)in->op, in->w, ca, cb));
	if (ir_has(in, IR_IS_COMM) &&
	    (ir_is(f, in->a, IR_CONST) || (!ir_is(f, in->b, IR_CONST) && in->a > in->b))) {
		t = in->a;
		in->a = in->b;
		in->b = t;
	}
	if (in->a == in->b) {
		if (in->op == IR_XOR || in->op == IR_SUB)
			return ir_const(f, 0);
		if (in->op == IR_AND || in->op == IR_OR)
			return copy_of(f, in, in->a);
	}
	if (narrow(f, in) || (in->op == IR_ADD && in->w && constant_last(f, in))) {
		*again = true;
		return 0;
	}
	if (in->op == IR_SUB && constant(f, in->a, &ca) && !(ca & width_mask(in->w)))
		return ir_unary(f, IR_NEG, in->w, 0, in->b);
	if (!constant(f, in->b, &cb))
		return 0;
	if (!in->w && cb >> 32) {
		in->b = ir_const(f, (uint32_t)cb);
		cb = (uint32_t)cb;
	}
	v = fold_identity(f, in, cb);
	if (!v && (in->op == IR_SHL || in->op == IR_SHR || in->op == IR_SAR))
		v = fold_shifts(f, in, cb);
	if (!v)
		*again = reduce(f, in, cb);
	return v;
}

/* ZEXT of 4 over an operation whose low half depends on low halves only: the 32-bit operation. */
static uint32_t narrow_result(struct ir_fn *f, const struct ir_ins *a)
{
	uint64_t n;

	switch ((int)a->op) { /* those only */
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
		return ir_binary(f, (enum ir_op)a->op, 0, a->a, a->b);
	case IR_SHL:
		return constant(f, a->b, &n) && (n & 63) < 32 ?
			       ir_binary(f, IR_SHL, 0, a->a, a->b) :
			       0;
	default:
		return 0;
	}
}

static uint32_t fold_unary(struct ir_fn *f, struct ir_ins *in)
{
	struct ir_ins a = f->ins[in->a];
	uint64_t c, keep = byte_mask(in->x);

	if (constant(f, in->a, &c))
		return ir_const(f, unary(in, c));
	if (in->op == IR_ZEXT) {
		if ((f->zero[in->a] | keep) == UINT64_MAX)
			return in->a;
		if ((a.op == IR_ZEXT || a.op == IR_SEXT) && a.x >= in->x)
			return ir_unary(f, IR_ZEXT, 1, in->x, a.a);
		if (in->x == 4 && a.w)
			return narrow_result(f, &a);
	} else if (in->op == IR_SEXT) {
		if ((f->zero[in->a] | keep >> 1) == UINT64_MAX)
			return in->a;
		if ((a.op == IR_ZEXT || a.op == IR_SEXT) && a.x >= in->x)
			return ir_unary(f, IR_SEXT, in->w, in->x, a.a);
		if (a.op == IR_LOAD && a.y == LOAD_ZERO && a.x == in->x && a.c == f->epoch &&
		    in->w && f->home[in->a] == f->block)
			return ir_emit(f, (struct ir_ins){ .op = IR_LOAD,
							   .w = 1,
							   .x = a.x,
							   .y = LOAD_SIGN,
							   .a = a.a,
							   .imm = a.imm });
	} else if (in->op == IR_BSWAP && a.op == IR_BSWAP && a.x == in->x) {
		return ir_unary(f, IR_ZEXT, 1, in->x, a.a);
	} else if (in->op == IR_NEG && a.op == IR_NEG && a.w == in->w) {
		return copy_of(f, in, a.a);
	}
	return 0;
}

/* An address whose base is a sum with a constant takes it as its displacement. */
static void fold_address(struct ir_fn *f, struct ir_ins *in)
{
	uint64_t c;

	while (ir_is(f, in->a, IR_ADD) && f->ins[in->a].w && constant(f, f->ins[in->a].b, &c)) {
		int64_t sum = (int64_t)(in->imm + c);

		if (sum != (int32_t)sum)
			return;
		in->imm = (uint64_t)sum;
		in->a = f->ins[in->a].a;
	}
}

/* A pointer or NULL: what decides which of them it is. */
static void fold_null_check(const struct ir_fn *f, struct ir_ins *in)
{
	const struct ir_ins *s = &f->ins[in->a];
	const uint32_t *v = &f->args[s->a];
	uint64_t c;
	bool null_first = constant(f, v[2], &c) && !c;

	/* true when it is NULL, and NULL when the condition holds: or neither */
	in->x = (in->x == CC_EQ) == null_first ? s->x : s->x ^ 1;
	in->w = s->y;
	in->a = v[0];
	in->b = v[1];
}

static void fold_branch(struct ir_fn *f, struct ir_ins *in)
{
	static const uint8_t swapped[] = { CC_EQ,  CC_NE,  CC_GT,  CC_LE,  CC_LT,  CC_GE,
					   CC_SGT, CC_SLE, CC_SLT, CC_SGE, CC_SET, CC_CLEAR };
	uint64_t c;
	uint32_t t;

	if (ir_is(f, in->a, IR_CONST) && !ir_is(f, in->b, IR_CONST)) {
		t = in->a;
		in->a = in->b;
		in->b = t;
		in->x = swapped[in->x];
	}
	if (ir_is(f, in->a, IR_SELECT) && f->ins[in->a].imm && (in->x == CC_EQ || in->x == CC_NE) &&
	    constant(f, in->b, &c) && !c)
		fold_null_check(f, in);
	if (in->w && f->zero[in->a] >> 32 == UINT32_MAX && f->zero[in->b] >> 32 == UINT32_MAX &&
	    (in->x < CC_SLT || in->x > CC_SLE))
		in->w = 0;
	if (!in->w) {
		in->a = low_half(f, in->a);
		in->b = low_half(f, in->b);
	}
	if (!constant(f, in->b, &c) || ir_is(f, in->a, IR_CONST))
		return;
	/* x < 1, x > 0 and the like are comparisons with 0 */
	if (in->x == CC_LT && c == 1) {
		in->x = CC_EQ;
		in->b = ir_const(f, 0);
	} else if (in->x == CC_GE && c == 1) {
		in->x = CC_NE;
		in->b = ir_const(f, 0);
	} else if (in->x == CC_GT && c == 0) {
		in->x = CC_NE;
	} else if (in->x == CC_LE && c == 0) {
		in->x = CC_EQ;
	}
}

/* A choice that is made already, or between one thing and the same. */
static uint32_t fold_choice(const struct ir_fn *f, const struct ir_ins *in)
{
	const uint32_t *args = &f->args[in->a];
	uint64_t a, b;

	if (args[2] == args[3])
		return args[2];
	if (!constant(f, args[0], &a) || !constant(f, args[1], &b))
		return 0;
	return args[ir_compare((enum ir_cc)in->x, in->y, a, b) ? 2 : 3];
}

static uint32_t fold_pure(struct ir_fn *f, struct ir_ins *in)
{
	uint32_t v = 0;
	bool again = true;

	for (int i = 0; again && !v && i < MAX_AGAIN; i++) {
		again = false;
		if (ir_operands[in->op] == 2)
			v = fold_binary(f, in, &again);
		else if (ir_operands[in->op] == 1)
			v = fold_unary(f, in);
		else
			v = fold_choice(f, in);
	}
	return v;
}

uint32_t ir_fold(struct ir_fn *f, struct ir_ins *in)
{
	if (ir_has(in, IR_IS_PURE))
		return fold_pure(f, in);
	if (in->op == IR_LOAD || in->op == IR_STORE || in->op == IR_ATOMIC)
		fold_address(f, in);
	else if (in->op == IR_BR)
		fold_branch(f, in);
	if (in->op == IR_STORE && ir_is(f, in->b, IR_ZEXT) && f->ins[in->b].x >= in->x)
		in->b = f->ins[in->b].a;
	return 0;
}
