// SPDX-License-Identifier: Apache-2.0
/*
 * Atomics. Those that fetch, and compare-and-exchange, order everything before and after them; those that do not
 * fetch order nothing, as in the kernel. With LSE one instruction each; without, a loop of exclusive accesses that
 * destroys x13 and x14, and a barrier behind it. The address must be a multiple of the size.
 */
#include "jit/arm64/a64.h"

#define OLD X13
#define NEW X14
#define STATUS X15

static bool fetches(const struct ir_ins *in)
{
	return in->y >= RMW_FETCH_ADD;
}

static void with_lse(struct a64_emit *e, uint32_t v)
{
	static const uint32_t ops[] = {
		[RMW_ADD] = A64_LDADD & ~A64_ORDERED,
		[RMW_OR] = A64_LDSET & ~A64_ORDERED,
		[RMW_AND] = A64_LDCLR & ~A64_ORDERED,
		[RMW_XOR] = A64_LDEOR & ~A64_ORDERED,
		[RMW_FETCH_ADD] = A64_LDADD,
		[RMW_FETCH_OR] = A64_LDSET,
		[RMW_FETCH_AND] = A64_LDCLR,
		[RMW_FETCH_XOR] = A64_LDEOR,
		[RMW_XCHG] = A64_SWP,
	};
	const struct ir_ins *in = &e->f->ins[v];
	int base = a64_pointer(e, in), rd = fetches(in) ? a64_target(e, v) : XZR, b;

	if (in->y == RMW_CMPXCHG) {
		a64_copy(e, rd, in->c);
		a64_cas(e->out, rd, a64_use_zero(e, in->b, X15), base, in->x);
		a64_finish(e, v, rd);
		return;
	}
	b = a64_use_zero(e, in->b, X17);
	if (in->y == RMW_AND || in->y == RMW_FETCH_AND) { /* the bits to clear */
		a64_alu(e->out, 1, A64_ORN, X17, XZR, b, 0);
		b = X17;
	}
	a64_rmw(e->out, ops[in->y], b, rd, base, in->x);
	if (fetches(in))
		a64_finish(e, v, rd);
}

static int new_value(struct a64_emit *e, const struct ir_ins *in, int b)
{
	int w = in->x == 8;

	switch ((enum ir_rmw)in->y) {
	case RMW_ADD:
	case RMW_FETCH_ADD:
		a64_alu(e->out, w, A64_ADD, NEW, OLD, b, 0);
		return NEW;
	case RMW_OR:
	case RMW_FETCH_OR:
		a64_alu(e->out, w, A64_ORR, NEW, OLD, b, 0);
		return NEW;
	case RMW_AND:
	case RMW_FETCH_AND:
		a64_alu(e->out, w, A64_AND, NEW, OLD, b, 0);
		return NEW;
	case RMW_XOR:
	case RMW_FETCH_XOR:
		a64_alu(e->out, w, A64_EOR, NEW, OLD, b, 0);
		return NEW;
	case RMW_XCHG:
	case RMW_CMPXCHG:
		return b;
	}
	return b;
}

static void with_loop(struct a64_emit *e, uint32_t v)
{
	const struct ir_ins *in = &e->f->ins[v];
	int base = a64_pointer(e, in), b = a64_use_zero(e, in->b, X17), expected = 0, stored;
	size_t top, leave = 0;

	if (in->y == RMW_CMPXCHG)
		expected = a64_use_zero(e, in->c, NEW);
	top = e->out->len;
	a64_exclusive_load(e->out, OLD, base, in->x, false);
	if (in->y == RMW_CMPXCHG) {
		a64_alu(e->out, in->x == 8, A64_CMP, XZR, OLD, expected, 0);
		leave = e->out->len;
		a64_b_cond(e->out, A64_NE, 0);
	}
	stored = new_value(e, in, b);
	a64_exclusive_store(e->out, STATUS, stored, base, in->x, fetches(in));
	a64_cb(e->out, 0, true, STATUS, (int32_t)(top - e->out->len));
	if (leave && !e->out->failed)
		a64_patch(e->out, (uint32_t)leave, (int64_t)(e->out->len - leave));
	if (fetches(in)) {
		a64_barrier(e->out);
		a64_finish(e, v, OLD);
	}
}

void a64_atomic(struct a64_emit *e, uint32_t v)
{
	if (e->a->features & A64_LSE)
		with_lse(e, v);
	else
		with_loop(e, v);
}
