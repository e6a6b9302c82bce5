// SPDX-License-Identifier: Apache-2.0
/*
 * Operands in memory, for CPUs whose instructions take them: a load with one user moves into it (IR_INSIDE) when nothing
 * in between writes memory; a load, an operation and a store at the same address are one store that operates; bytes are
 * swapped on their way. The last change of the IR: a value inside has no place, and its operands are its user's.
 */
#include "jit/alloc.h"

struct inside {
	const struct jit_alloc *a;
	struct ir_fn *f;
	uint32_t at;	  /* the instruction at hand */
	uint32_t barrier; /* the last instruction that may write memory, or orders accesses */
	bool swaps;
};

/* A plain load, used only by what comes next. */
static bool is_free(const struct inside *s, uint32_t v)
{
	const struct ir_ins *in = &s->f->ins[v];

	return (in->op == IR_LOAD || in->op == IR_INSIDE) && (in->y & 15) == LOAD_ZERO &&
	       v > s->barrier && v < s->at && s->a->uses[v] == 1 && !ir_is(s->f, in->a, IR_CONST);
}

static bool is_whole(const struct ir_ins *load, int w)
{
	return load->x == (w ? 8 : 4);
}

static void enclose(struct inside *s, uint32_t v)
{
	s->f->ins[v].op = IR_INSIDE;
}

static bool constant(const struct ir_fn *f, uint32_t v, uint64_t *ret)
{
	*ret = f->ins[v].imm;
	return ir_is(f, v, IR_CONST);
}

/* A comparison with a constant, of all of the load's bytes or of bits in one of them. */
static void compare(struct inside *s, struct ir_ins *br)
{
	static const uint8_t unsigned_of[] = {
		[CC_SLT] = CC_LT, [CC_SGE] = CC_GE, [CC_SGT] = CC_GT, [CC_SLE] = CC_LE
	};
	const struct ir_ins *load = &s->f->ins[br->a];
	uint64_t c;

	if (!is_free(s, br->a) || (int64_t)load->imm > INT32_MAX - 8 || !constant(s->f, br->b, &c))
		return;
	c = br->w ? c : (uint32_t)c;
	if (br->x >= CC_SET) {
		/* bits above the load's are not there, those of 32 extend */
		if (c && c >> (__builtin_ctzll(c) & 56) <= 0xff && c >> (8 * load->x - 1) <= 1)
			enclose(s, br->a);
	} else if (is_whole(load, br->w)) {
		if (c == (uint64_t)(int64_t)(int32_t)c || !br->w)
			enclose(s, br->a);
	} else if (load->x <= 2 && c <= (load->x == 1 ? 0xff : 0x7f)) {
		if (br->x >= CC_SLT && br->x <= CC_SLE)
			br->x = unsigned_of[br->x];
		enclose(s, br->a);
	}
}

/* As an immediate of an operation on @size bytes: those of 16 bits are slow to decode, and others have 32. */
static bool fits(uint64_t imm, int size)
{
	return size == 8 ? imm == (uint64_t)(int64_t)(int32_t)imm :
			   size != 2 || (int16_t)imm == (int8_t)imm;
}

static bool same_place(const struct ir_ins *load, const struct ir_ins *store)
{
	return load->a == store->a && load->c == store->c && load->imm == store->imm &&
	       load->x == store->x && load->y >> 4 == store->y >> 4;
}

static uint8_t operation(enum ir_op op)
{
	switch ((int)op) { /* those that operate on memory */
	case IR_ADD:
		return STORE_ADD;
	case IR_SUB:
		return STORE_SUB;
	case IR_AND:
		return STORE_AND;
	case IR_OR:
		return STORE_OR;
	case IR_XOR:
		return STORE_XOR;
	default:
		return STORE_PLAIN;
	}
}

static void nothing(struct inside *s, uint32_t v)
{
	s->f->ins[v] = (struct ir_ins){ .op = IR_NOP };
}

static void take_operation(struct inside *s, struct ir_ins *store, struct ir_ins *op, uint8_t kind)
{
	uint32_t load = op->a, other = op->b;

	if (ir_has(op, IR_IS_COMM) && !(is_free(s, load) && same_place(&s->f->ins[load], store))) {
		load = op->b;
		other = op->a;
	}
	if (op->y || load == other || store->x > (op->w ? 8 : 4) || !is_free(s, load) ||
	    !same_place(&s->f->ins[load], store) ||
	    (ir_is(s->f, other, IR_CONST) && !fits(s->f->ins[other].imm, store->x)))
		return;
	store->y |= kind;
	nothing(s, store->b);
	nothing(s, load);
	store->b = other;
}

static void store(struct inside *s, struct ir_ins *in)
{
	struct ir_ins *value = &s->f->ins[in->b];
	uint8_t kind = operation((enum ir_op)value->op);

	if (in->y & 15 || s->a->uses[in->b] != 1 || in->b == in->a || in->b == in->c)
		return;
	if (kind != STORE_PLAIN) {
		take_operation(s, in, value, kind);
	} else if (value->op == IR_BSWAP && s->swaps && value->x == in->x && in->x >= 4 &&
		   !ir_is(s->f, value->a, IR_CONST)) {
		uint32_t from = value->a;

		nothing(s, in->b);
		in->b = from;
		in->y |= STORE_SWAP;
	}
}

static void compute(struct inside *s, struct ir_ins *in)
{
	uint32_t t = in->b;

	if (in->y || in->a == in->b)
		return;
	if (ir_has(in, IR_IS_COMM) && !is_free(s, in->b) && !ir_is(s->f, in->b, IR_CONST)) {
		in->b = in->a;
		in->a = t;
	}
	if (is_free(s, in->b) && is_whole(&s->f->ins[in->b], in->w)) {
		enclose(s, in->b);
	} else {
		in->a = in->b == t ? in->a : in->b;
		in->b = t;
	}
}

static void visit(struct inside *s, uint32_t v)
{
	struct ir_ins *in = &s->f->ins[v];

	s->at = v;
	switch ((int)in->op) { /* those that take operands in memory */
	case IR_BR:
		compare(s, in);
		break;
	case IR_ADD:
	case IR_SUB:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
		compute(s, in);
		break;
	case IR_BSWAP:
		if (s->swaps && in->x >= 4 && is_free(s, in->a) && s->f->ins[in->a].x == in->x)
			enclose(s, in->a);
		break;
	case IR_STORE:
		store(s, in);
		s->barrier = v;
		break;
	case IR_LOAD:
		s->barrier = (in->y & 15) == LOAD_ORDERED ? v : s->barrier;
		break;
	default:
		s->barrier = ir_has(in, IR_IS_EFFECT) ? v : s->barrier;
	}
}

void jit_inside(struct jit_alloc *a, bool swaps)
{
	struct inside s = { .a = a, .f = a->f, .swaps = swaps };

	for (uint32_t k = 0; k < a->f->nblocks; k++) {
		const struct ir_block *b = &a->f->blocks[k];

		s.barrier = b->start ? b->start - 1 : 0;
		for (uint32_t v = b->start; b->reached && v < b->end; v++)
			visit(&s, v);
	}
}
