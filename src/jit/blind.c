// SPDX-License-Identifier: Apache-2.0
/*
 * Constant blinding: bytes that a program chooses do not appear in its code, where a jump into the middle of an
 * instruction would run them. Each constant and each displacement of more than 8 bits becomes the XOR of two
 * constants, of which one is random and the other the first one's XOR with it; a back end sees nothing but that XOR. This
 * is the last change before places are given, as everything earlier would compute the constant again.
 *
 * A constant of a PHI is made at the end of the block it comes from, the others just before they are used.
 */
#include <string.h>
#include <sys/random.h>

#include "jit/ir.h"

struct blind {
	const struct ir_fn *from;
	struct ir_fn to;
	uint32_t *map;	/* values of `to` by those of `from` */
	uint32_t *phis; /* by place in from->args: what a PHI takes instead; 0: map */
	uint64_t *state;
};

/* splitmix64 (Steele, Lea and Flood 2014) */
static uint64_t random64(struct blind *b)
{
	uint64_t z = *b->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* What is written with one byte, or with three more that are all its sign. */
static bool is_small(uint64_t c)
{
	int64_t narrow = (int32_t)(uint32_t)c;

	return (int64_t)c == (int8_t)c || (c <= UINT32_MAX && narrow == (int8_t)narrow);
}

static uint32_t hidden(struct blind *b, uint64_t c)
{
	struct ir_ins in = { .op = IR_XOR, .w = 1 };
	uint64_t key = random64(b);

	if (c == (uint64_t)(int64_t)(int32_t)(uint32_t)c) {
		key = (uint64_t)(int64_t)(int32_t)(uint32_t)key;
	} else if (c <= UINT32_MAX) {
		key = (uint32_t)key;
		in.w = 0;
	}
	in.a = ir_const(&b->to, c ^ key);
	in.b = ir_const(&b->to, key);
	return ir_append(&b->to, in);
}

static uint32_t operand(struct blind *b, uint32_t v)
{
	if (!ir_is(b->from, v, IR_CONST))
		return b->map[v];
	return is_small(b->from->ins[v].imm) ? ir_const(&b->to, b->from->ins[v].imm) :
					       hidden(b, b->from->ins[v].imm);
}

static void hide_list(struct blind *b, struct ir_ins *in, uint32_t n)
{
	uint32_t old = in->a;

	in->a = ir_args(&b->to, NULL, n);
	for (uint32_t k = 0; k < n && in->op != IR_PHI; k++) {
		uint32_t v = operand(b, b->from->args[old + k]);

		if (!b->to.failed)
			b->to.args[in->a + k] = v;
	}
}

/* The displacement of an access; the run's own fields are not the program's choice. */
static void hide_displacement(struct blind *b, struct ir_ins *in)
{
	const struct ir_ins *base = &b->from->ins[in->a];
	uint64_t disp = in->imm;

	if (base->op == IR_CONST) {
		in->imm = 0;
		in->a = is_small(base->imm + disp) ? ir_const(&b->to, base->imm + disp) :
						     hidden(b, base->imm + disp);
		return;
	}
	in->a = b->map[in->a];
	if (is_small(disp) || (base->op == IR_ARG && base->imm == RUN_ARG))
		return;
	in->imm = 0;
	in->a = ir_append(
		&b->to, (struct ir_ins){ .op = IR_ADD, .w = 1, .a = in->a, .b = hidden(b, disp) });
}

/* What a check asks about lies at a + offset, too. */
static void hide_offset(struct blind *b, struct ir_ins *in)
{
	int32_t off = ir_check_off(in);

	in->a = operand(b, in->a);
	if (is_small((uint64_t)(int64_t)off))
		return;
	in->imm = (uint64_t)ir_check_place(in) << 32;
	in->a = ir_append(&b->to, (struct ir_ins){ .op = IR_ADD,
						   .w = 1,
						   .a = in->a,
						   .b = hidden(b, (uint64_t)(int64_t)off) });
}

/* The constants that PHIs take from block @k. */
static void hide_phis(struct blind *b, uint32_t k)
{
	const struct ir_fn *f = b->from;

	for (int s = 0; s < 2; s++) {
		uint32_t to = f->blocks[k].succ[s];

		if (to == NO_BLOCK)
			continue;
		for (uint32_t p = 0; p < f->blocks[to].npreds; p++) {
			if (f->preds[f->blocks[to].pred + p] != k)
				continue;
			for (uint32_t v = f->blocks[to].start;
			     v < f->blocks[to].end && ir_in_head(f, v); v++) {
				uint32_t at = f->ins[v].a + p;

				if (ir_is(f, v, IR_PHI) && ir_is(f, f->args[at], IR_CONST) &&
				    !b->phis[at])
					b->phis[at] = operand(b, f->args[at]);
			}
		}
	}
}

static void copy_value(struct blind *b, uint32_t v, uint32_t block)
{
	struct ir_ins in = b->from->ins[v];
	uint32_t n = ir_operands[in.op];

	if (in.op == IR_NOP || in.op == IR_CONST)
		return;
	b->to.at = b->from->origin ? b->from->origin[v] : 0;
	if (ir_has(&in, IR_IS_END))
		hide_phis(b, block);
	if (in.op == IR_LOAD)
		in.c = 0;
	else if (ir_has(&in, IR_IS_THIRD) || in.op == IR_CALL)
		in.c = in.c ? operand(b, in.c) : 0;
	if (in.op == IR_PHI || ir_has(&in, IR_IS_LIST)) {
		hide_list(b, &in, in.op == IR_SELECT ? 4 : in.b);
	} else {
		if (n >= 2)
			in.b = operand(b, in.b);
		if (in.op == IR_LOAD || in.op == IR_STORE || in.op == IR_ATOMIC)
			hide_displacement(b, &in);
		else if (in.op == IR_CHECK || in.op == IR_GUARD)
			hide_offset(b, &in);
		else if (n >= 1)
			in.a = operand(b, in.a);
	}
	b->map[v] = ir_append(&b->to, in);
}

static void fill_phis(struct blind *b)
{
	for (uint32_t v = 1; v < b->from->n; v++) {
		const struct ir_ins *in = &b->from->ins[v];

		if (in->op != IR_PHI || !b->map[v])
			continue;
		for (uint32_t k = 0; k < in->b; k++) {
			uint32_t at = in->a + k, value = b->phis[at];

			b->to.args[b->to.ins[b->map[v]].a + k] = value ? value :
									 b->map[b->from->args[at]];
		}
	}
}

int jit_blind(struct ir_fn *f, struct arena *arena, uint64_t *state)
{
	struct blind b = { .from = f, .state = state };

	b.map = ARENA_ARRAY(arena, uint32_t, f->n);
	b.phis = ARENA_ARRAY(arena, uint32_t, f->nargs + 1);
	if (!b.map || !b.phis)
		return -ENOMEM;
	ir_init(&b.to, arena, 2 * f->n, f->nblocks, false);
	if (!b.to.failed && f->origin)
		ir_trace(&b.to, 0);
	if (b.to.failed)
		return -ENOMEM;
	memcpy(b.to.blocks, f->blocks, f->nblocks * sizeof(*f->blocks));
	b.to.preds = f->preds;
	b.to.npreds = f->npreds;
	b.to.checks = f->checks;
	b.to.order = f->order;
	for (uint32_t at = 0; at < f->nblocks && !b.to.failed; at++) {
		uint32_t k = f->order[at];

		if (k == NO_BLOCK)
			continue;
		b.to.block = k;
		b.to.blocks[k].start = b.to.n;
		for (uint32_t v = f->blocks[k].start; v < f->blocks[k].end; v++)
			copy_value(&b, v, k);
		b.to.blocks[k].end = b.to.n;
	}
	if (b.to.failed)
		return -ENOMEM;
	fill_phis(&b);
	b.to.fold = f->fold;
	*f = b.to;
	return ir_drop_dead(f, arena) ? 0 : -ENOMEM;
}

bool jit_blind_seed(uint64_t *ret)
{
	return getrandom(ret, sizeof(*ret), 0) == sizeof(*ret);
}
