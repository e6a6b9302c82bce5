// SPDX-License-Identifier: Apache-2.0
/*
 * Values: arithmetic, shifts, division, extensions. A result is computed in its own register when no operand that is
 * still to be read lies there, else in r11. Division by zero and of the least number by -1 are decided in front of the
 * instruction, which would trap (RFC 9669 section 4.1).
 */
#include "jit/x86_64/x86.h"

static const struct {
	uint8_t alu, commutes;
} alu_of[IR_COUNT] = {
	[IR_ADD] = { ALU_ADD, 1 }, [IR_SUB] = { ALU_SUB, 0 }, [IR_AND] = { ALU_AND, 1 },
	[IR_OR] = { ALU_OR, 1 },   [IR_XOR] = { ALU_XOR, 1 },
};

static void op_with(struct x86_emit *e, int w, enum x86_alu op, int reg, uint32_t b)
{
	int have = x86_reg_of(e, b);
	uint64_t c;

	if (have >= 0)
		x86_alu_rr(e->out, w, op, reg, have);
	else if (!x86_is_const(e, b, &c))
		x86_alu_rm(e->out, w, op, reg, x86_slot_of(e, b));
	else if (x86_fits(c, w))
		x86_alu_ri(e->out, w, op, reg, (int32_t)c);
	else
		x86_alu_rr(e->out, w, op, reg, x86_use(e, b, R10));
}

/* a + (b << scale) or a + constant by lea, when it saves a move. */
static bool sum(struct x86_emit *e, const struct ir_ins *in, int reg)
{
	int a = x86_reg_of(e, in->a), b = x86_reg_of(e, in->b);
	struct x86_mem m = { .index = NO_INDEX };
	uint64_t c;

	if (in->y) {
		a = x86_use(e, in->a, R11);
		b = x86_use(e, in->b, R10);
		m = (struct x86_mem){ .base = (uint8_t)a, .index = (uint8_t)b, .scale = in->y };
	} else if (a < 0 || a == reg) {
		return false;
	} else if (x86_is_const(e, in->b, &c) && x86_fits(c, in->w)) {
		m.base = (uint8_t)a;
		m.disp = (int32_t)c;
	} else if (b >= 0 && b != reg) {
		m = (struct x86_mem){ .base = (uint8_t)a, .index = (uint8_t)b };
	} else {
		return false;
	}
	x86_lea(e->out, in->w, reg, m);
	return true;
}

static void simple(struct x86_emit *e, uint32_t v)
{
	struct ir_ins in = e->f->ins[v];
	int reg = x86_target(e, v), b = x86_reg_of(e, in.b), w = in.w;
	uint64_t c;

	if (in.op == IR_ADD && sum(e, &in, reg)) {
		x86_finish(e, v, reg);
		return;
	}
	if (in.op == IR_AND && w && x86_is_const(e, in.b, &c) && c == (uint32_t)c)
		w = 0;
	if (x86_addresses(e, in.b, reg) && x86_reg_of(e, in.a) != reg)
		reg = R11;
	if (b == reg && x86_reg_of(e, in.a) != reg) {
		if (alu_of[in.op].commutes) {
			uint32_t t = in.a;

			in.a = in.b;
			in.b = t;
		} else {
			reg = R11;
		}
	}
	if (x86_reg_of(e, in.a) >= 0 && x86_reg_of(e, in.a) != reg)
		x86_mov(e->out, w, reg, x86_reg_of(e, in.a));
	else
		x86_copy(e, reg, in.a);
	op_with(e, w, (enum x86_alu)alu_of[in.op].alu, reg, in.b);
	x86_finish(e, v, reg);
}

static void multiply(struct x86_emit *e, uint32_t v)
{
	struct ir_ins in = e->f->ins[v];
	int reg = x86_target(e, v), a = x86_use(e, in.a, R11), b;
	uint64_t c;

	if (x86_is_const(e, in.b, &c) && x86_fits(c, in.w)) {
		if (c == 3 || c == 5 || c == 9)
			x86_lea(e->out, in.w, reg,
				(struct x86_mem){ .base = (uint8_t)a,
						  .index = (uint8_t)a,
						  .scale = c == 3 ? 1 :
							   c == 5 ? 2 :
								    3 });
		else
			x86_imul_i(e->out, in.w, reg, a, (int32_t)c);
		x86_finish(e, v, reg);
		return;
	}
	b = x86_use(e, in.b, R10);
	if (b == reg && a != reg) {
		b = a;
		a = reg;
	}
	if (a != reg)
		x86_mov(e->out, 1, reg, a);
	x86_imul_rr(e->out, in.w, reg, b);
	x86_finish(e, v, reg);
}

static void high_product(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int b = x86_use(e, in->b, R11);

	if (b == RAX || b == RDX) {
		x86_mov(e->out, 1, R11, b);
		b = R11;
	}
	x86_copy(e, RAX, in->a);
	x86_group3(e->out, in->w, 4, b);
	x86_finish(e, v, RDX);
}

static void shift_variable(struct x86_emit *e, uint32_t v, enum x86_shift op)
{
	const struct ir_ins *in = &e->f->ins[v];
	int reg = x86_target(e, v);

	if (e->a->features & X86_BMI2) {
		x86_shift_v(e->out, in->w, op, reg, x86_use(e, in->a, R11), x86_use(e, in->b, R10));
		x86_finish(e, v, reg);
		return;
	}
	x86_copy(e, R11, in->a);
	x86_copy(e, RCX, in->b);
	x86_shift_cl(e->out, in->w, op, R11);
	x86_finish(e, v, R11);
}

static void shift(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int reg = x86_target(e, v), a = x86_reg_of(e, in->a);
	enum x86_shift op = in->op == IR_SHL ? SHIFT_SHL :
			    in->op == IR_SHR ? SHIFT_SHR :
			    in->op == IR_SAR ? SHIFT_SAR :
					       SHIFT_ROL;
	int width = in->w ? 64 : 32, count;
	uint64_t c;

	if (!x86_is_const(e, in->b, &c)) {
		shift_variable(e, v, op);
		return;
	}
	count = (int)(c & (uint64_t)(width - 1));
	if (op == SHIFT_ROL && a >= 0 && a != reg && e->a->features & X86_BMI2) {
		x86_rorx(e->out, in->w, reg, a, width - count);
	} else if (op == SHIFT_SHL && count >= 1 && count <= 3 && a >= 0 && a != reg) {
		if (count == 1)
			x86_lea(e->out, in->w, reg,
				(struct x86_mem){ .base = (uint8_t)a, .index = (uint8_t)a });
		else {
			x86_mov(e->out, in->w, reg, a);
			x86_shift_i(e->out, in->w, op, reg, count);
		}
	} else {
		if (a >= 0 && a != reg)
			x86_mov(e->out, in->w, reg, a);
		else
			x86_copy(e, reg, in->a);
		if (count)
			x86_shift_i(e->out, in->w, op, reg, count);
		else if (!in->w)
			x86_mov(e->out, 0, reg, reg);
	}
	x86_finish(e, v, reg);
}

/*
 * By zero, 0 and the dividend are what remains. Gives the jump to the end of the division; what is usual falls through.
 */
static uint32_t zero_divisor(struct x86_emit *e, int w, int b, bool rest)
{
	if (rest)
		x86_mov(e->out, w, RDX, RAX);
	x86_test_rr(e->out, w, b, b);
	if (!rest)
		x86_cmov(e->out, w, COND_E, RAX, b);
	return x86_jcc8(e->out, COND_E);
}

/*
 * What remains of a division by a power of two is in its low bits, and for 0, from which one is taken too, that is all of
 * them: both take a tenth of the time. The jump as above.
 */
static uint32_t power_of_two(struct x86_emit *e, int w, int b)
{
	uint32_t other, end;

	x86_lea(e->out, w, RDX,
		(struct x86_mem){ .base = (uint8_t)b, .index = NO_INDEX, .disp = -1 });
	x86_test_rr(e->out, w, RDX, b);
	other = x86_jcc8(e->out, COND_NE);
	x86_alu_rr(e->out, w, ALU_AND, RDX, RAX);
	end = x86_jmp8(e->out);
	x86_here(e->out, other);
	return end;
}

/* What a division by @b gives without dividing: in rax and rdx as the instruction would leave it. */
static void divide(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	bool is_signed = in->op == IR_SDIV || in->op == IR_SMOD;
	bool rest = in->op == IR_UMOD || in->op == IR_SMOD;
	int b = x86_use(e, in->b, R11), w = in->w;
	uint32_t end = 0, minus = 0, end2 = 0;
	uint64_t c;
	bool known = x86_is_const(e, in->b, &c) && (w ? c : (uint32_t)c) != 0;

	if (b == RAX || b == RDX) {
		x86_mov(e->out, 1, R11, b);
		b = R11;
	}
	x86_copy(e, RAX, in->a);
	if (!known)
		end = in->op == IR_UMOD ? power_of_two(e, w, b) : zero_divisor(e, w, b, rest);
	if (is_signed) {
		x86_alu_ri(e->out, w, ALU_CMP, b, -1);
		minus = x86_jcc8(e->out, COND_NE);
		if (rest)
			x86_mov_imm(e->out, RDX, 0);
		else
			x86_group3(e->out, w, 3, RAX);
		end2 = x86_jmp8(e->out);
		x86_here(e->out, minus);
		x86_cdq(e->out, w);
	} else {
		x86_rr(e->out, 0, 0x33, RDX, RDX);
	}
	x86_group3(e->out, w, is_signed ? 7 : 6, b);
	if (!known)
		x86_here(e->out, end);
	if (is_signed)
		x86_here(e->out, end2);
	x86_finish(e, v, rest ? RDX : RAX);
}

static void extend(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int reg = x86_target(e, v), a = x86_reg_of(e, in->a), size = in->x;
	bool sign = in->op == IR_SEXT;
	uint64_t c;

	if (size == 8)
		x86_copy(e, reg, in->a);
	else if (a < 0 && !x86_is_const(e, in->a, &c) && (!sign || in->w))
		x86_load(e->out, reg, x86_slot_of(e, in->a), size, sign);
	else
		x86_extend(e->out, sign && in->w, reg, x86_use(e, in->a, R11), size, sign);
	x86_finish(e, v, reg);
}

static void swap(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int reg = x86_target(e, v);

	if (ir_is(e->f, in->a, IR_INSIDE)) {
		x86_movbe_load(e->out, in->x == 8, reg, x86_slot_of(e, in->a));
	} else if (in->x == 2) {
		x86_extend(e->out, 0, reg, x86_use(e, in->a, R11), 2, false);
		x86_rol16(e->out, reg, 8);
	} else {
		x86_copy(e, reg, in->a);
		x86_bswap(e->out, in->x == 8, reg);
	}
	x86_finish(e, v, reg);
}

static void negate(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int reg = x86_target(e, v);

	x86_copy(e, reg, in->a);
	x86_group3(e->out, in->w, 3, reg);
	x86_finish(e, v, reg);
}

/* reg = v, and the flags stay. */
static void settle(struct x86_emit *e, int reg, uint32_t v)
{
	uint64_t c;

	if (x86_is_const(e, v, &c) && !c) {
		x86_rr(e->out, 0, 0xc7, 0, reg);
		x86_u32(e->out, 0);
	} else {
		x86_copy(e, reg, v);
	}
}

static void choose(struct x86_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	const uint32_t *args = &e->f->args[in->a];
	uint32_t yes = args[2], no = args[3], t;
	int reg = x86_target(e, v), other;
	enum x86_cond cc;

	x86_compare(e, (enum ir_cc)in->x, in->y, args[0], args[1], &cc);
	if (reg == x86_reg_of(e, yes)) {
		t = yes;
		yes = no;
		no = t;
		cc ^= 1;
	}
	settle(e, reg, no);
	other = x86_reg_of(e, yes);
	if (other < 0) {
		other = reg == R11 ? R10 : R11;
		settle(e, other, yes);
	}
	x86_cmov(e->out, 1, cc, reg, other);
	x86_finish(e, v, reg);
}

void (*const x86_values[IR_COUNT])(struct x86_emit *, uint32_t) = {
	[IR_ADD] = simple,  [IR_SUB] = simple,	 [IR_AND] = simple,	    [IR_OR] = simple,
	[IR_XOR] = simple,  [IR_MUL] = multiply, [IR_MULHU] = high_product, [IR_SHL] = shift,
	[IR_SHR] = shift,   [IR_SAR] = shift,	 [IR_ROL] = shift,	    [IR_UDIV] = divide,
	[IR_UMOD] = divide, [IR_SDIV] = divide,	 [IR_SMOD] = divide,	    [IR_ZEXT] = extend,
	[IR_SEXT] = extend, [IR_BSWAP] = swap,	 [IR_NEG] = negate,	    [IR_SELECT] = choose,
};
