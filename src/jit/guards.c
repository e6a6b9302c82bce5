// SPDX-License-Identifier: Apache-2.0
/*
 * One question instead of many: the checks of the entry function whose addresses are r1 plus a number of known range
 * (constants, masks, counters of loops with constant bounds) are dropped, and the entry asks whether all the bytes
 * they may touch are inside one region. If not, nothing is lost: a twin of the function that kept its checks runs from
 * the start. Only in programs whose calls take no region away.
 *
 * A counter's range: a PHI that starts at a constant and to which a constant is added on the way back, when a
 * comparison with a constant lies on every way back and is passed only below the bound.
 */
#include <string.h>

#include "exec/exec.h"
#include "jit/alloc.h"

#define DEEP 12
#define WIDE (1 << 24) /* ranges beyond are not worth asking for */

/* [lo, hi], of @base (0: a number) */
struct span_of {
	uint32_t base;
	int64_t lo, hi;
};

static bool range_of(const struct ir_fn *f, uint32_t v, int depth, struct span_of *ret);

static bool constant(const struct ir_fn *f, uint32_t v, int64_t *ret)
{
	*ret = (int64_t)f->ins[v].imm;
	return ir_is(f, v, IR_CONST) && *ret > -WIDE && *ret < WIDE;
}

/* The value below a zero extension, which changes nothing in counters. */
static uint32_t bare(const struct ir_fn *f, uint32_t v)
{
	while (ir_is(f, v, IR_ZEXT) && f->ins[v].x == 4)
		v = f->ins[v].a;
	return v;
}

/* The largest value that the way back from @latch to @phi can bring, if the branch of block @x says so. */
static bool bound(const struct ir_fn *f, uint32_t x, uint32_t latch, uint32_t phi, uint32_t next,
		  const struct span_of *counter, int64_t step, int64_t *ret)
{
	const struct ir_block *b = &f->blocks[x];
	const struct ir_ins *br = &f->ins[b->end - 1];
	uint32_t seen = bare(f, br->a);
	int64_t limit;
	int cc;

	if (br->op != IR_BR || !constant(f, br->b, &limit) ||
	    (seen != bare(f, phi) && seen != bare(f, next)))
		return false;
	for (int e = 0; e < 2; e++) {
		uint32_t to = b->succ[e];
		bool here = to != NO_BLOCK &&
			    (x == latch ? to == f->home[phi] :
					  f->blocks[to].npreds == 1 && ir_dominates(f, to, latch));

		if (!here || b->succ[0] == b->succ[1])
			continue;
		cc = br->x ^ e;
		if (seen == bare(f, phi))
			limit += step; /* of what was counted before */
		if (cc == CC_NE && seen == bare(f, next) && limit > counter->lo &&
		    (limit - counter->lo) % step == 0)
			*ret = limit - step;
		else if (cc == CC_LT && limit > 0)
			*ret = limit - 1;
		else if (cc == CC_LE)
			*ret = limit;
		else
			return false;
		return true;
	}
	return false;
}

static bool counter(const struct ir_fn *f, uint32_t phi, int depth, struct span_of *ret,
		    int64_t *ret_step)
{
	const struct ir_ins *in = &f->ins[phi];
	const struct ir_block *b = &f->blocks[f->home[phi]];
	uint32_t back, next, latch, x;
	int64_t step, most;

	if (in->b != 2)
		return false;
	back = ir_dominates(f, f->home[phi], f->preds[b->pred + 1]) ? 1 : 0;
	latch = f->preds[b->pred + back];
	next = f->args[in->a + back];
	if (!ir_dominates(f, f->home[phi], latch) ||
	    !range_of(f, f->args[in->a + 1 - back], depth, ret) || ret->base || ret->lo < 0 ||
	    ret->lo != ret->hi || !ir_is(f, bare(f, next), IR_ADD) ||
	    bare(f, f->ins[bare(f, next)].a) != phi ||
	    !constant(f, f->ins[bare(f, next)].b, &step) || step <= 0)
		return false;
	for (x = latch;; x = f->blocks[x].idom) {
		if (bound(f, x, latch, phi, next, ret, step, &most)) {
			*ret_step = step;
			ret->hi = most > ret->lo ? most : ret->lo;
			return ret->hi < WIDE;
		}
		if (x == f->home[phi] || x == f->blocks[x].idom)
			return false;
	}
}

bool jit_counter(const struct ir_fn *f, uint32_t phi, struct jit_count *ret)
{
	const uint32_t *pred = &f->preds[f->blocks[f->home[phi]].pred];
	struct span_of s;

	if (!counter(f, phi, 0, &s, &ret->step))
		return false;
	ret->next = f->args[f->ins[phi].a + ir_dominates(f, f->home[phi], pred[1])];
	ret->from = s.lo;
	ret->most = s.hi;
	return true;
}

static bool sum(const struct ir_fn *f, const struct ir_ins *in, int depth, struct span_of *ret)
{
	struct span_of x, y;

	if (!range_of(f, in->a, depth, &x) || !range_of(f, in->b, depth, &y) || (x.base && y.base))
		return false;
	ret->base = x.base | y.base;
	ret->lo = x.lo + y.lo;
	ret->hi = x.hi + y.hi;
	return in->w || (!ret->base && ret->lo >= 0);
}

static bool range_of(const struct ir_fn *f, uint32_t v, int depth, struct span_of *ret)
{
	const struct ir_ins *in = &f->ins[v];
	uint64_t most = ~f->zero[v];
	int64_t by;
	bool good = false;

	*ret = (struct span_of){ 0 };
	if (++depth > DEEP)
		return false;
	switch ((int)in->op) { /* what addresses are made of */
	case IR_ARG:
		ret->base = v;
		return in->imm == 1;
	case IR_CONST:
		good = constant(f, v, &ret->lo);
		ret->hi = ret->lo;
		break;
	case IR_ADD:
		good = sum(f, in, depth, ret);
		break;
	case IR_ZEXT:
		good = in->x == 4 && range_of(f, in->a, depth, ret) && !ret->base && ret->lo >= 0;
		break;
	case IR_SHL:
		good = constant(f, in->b, &by) && by >= 0 && by < 16 &&
		       range_of(f, in->a, depth, ret) && !ret->base && ret->lo >= 0;
		ret->lo <<= good ? by : 0;
		ret->hi <<= good ? by : 0;
		break;
	case IR_PHI:
		good = counter(f, v, depth, ret, &by);
		break;
	default:
		break;
	}
	if (!good && most < WIDE) {
		*ret = (struct span_of){ 0, 0, (int64_t)most };
		good = true;
	}
	return good && ret->lo > -WIDE && ret->hi < WIDE;
}

static bool coverable(const struct ir_fn *f, uint32_t v, struct span_of *ret)
{
	const struct ir_ins *in = &f->ins[v];

	if (in->op != IR_CHECK || ir_check_place(in) & EXEC_PLACE_ATOMIC ||
	    !range_of(f, in->a, 0, ret) || !ret->base)
		return false;
	ret->lo += ir_check_off(in);
	ret->hi += (int64_t)ir_check_off(in) + in->x;
	return ret->lo > -WIDE && ret->hi < WIDE;
}

bool jit_guards(struct ir_fn *f, struct jit_guard ret[2])
{
	uint32_t worth = 0;
	struct span_of s;

	memset(ret, 0, 2 * sizeof(*ret));
	for (uint32_t k = 0; k < f->nblocks; k++)
		for (uint32_t v = f->blocks[k].start; f->blocks[k].reached && v < f->blocks[k].end;
		     v++) {
			struct jit_guard *g;

			if (!coverable(f, v, &s))
				continue;
			g = &ret[!!(ir_check_place(&f->ins[v]) & EXEC_PLACE_WRITE)];
			if (!g->asked || s.lo < g->start)
				g->start = (int32_t)s.lo;
			if (!g->asked || s.hi > g->end)
				g->end = (int32_t)s.hi;
			g->asked = true;
			worth += s.hi - s.lo > f->ins[v].x ? 2 : 1;
		}
	if (worth < 2)
		return false;
	for (uint32_t v = 1; v < f->n; v++)
		if (coverable(f, v, &s))
			f->ins[v] = (struct ir_ins){ .op = IR_NOP };
	return true;
}
