/* SPDX-License-Identifier: Apache-2.0 */
/* The short ways of scalar_fast.c say what the algebra says, on numbers of bits, ranges and both. */
#include "check.h"
#include "verify/domain.h"

#define WIDTH 64

static uint64_t state = 11;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static uint64_t edge(void)
{
	static const uint64_t at[] = { 0,	   1,	       8,	   31,	       32,
				       63,	   64,	       255,	   65535,      0x7fffffff,
				       0x80000000, 0xffffffff, 1ull << 32, 1ull << 63, ~0ull,
				       INT64_MAX,  -256ull };
	uint64_t r = rnd();

	return r & 1 ? at[(r >> 8) % ARRAY_SIZE(at)] : rnd() >> (r >> 8 & 63);
}

static struct tnum bits(void)
{
	uint64_t mask = rnd() & 1 ? edge() : ~edge(), value = edge();

	if (!(rnd() & 3))
		mask = ~0ull;
	if (!(rnd() & 3))
		mask = (uint32_t)mask, value = (uint32_t)value;
	return (struct tnum){ value & ~mask, mask };
}

static struct scalar some(void)
{
	struct scalar s = fast_bits(bits());
	uint64_t r = rnd(), x = edge(), y = r & 2 ? x + (rnd() & 63) : edge();

	if (!(r & 28))
		return scalar_const(x);
	if (r & 1)
		return s;
	if (r & 4) {
		s.umin = x < y ? x : y;
		s.umax = x < y ? y : x;
	}
	if (r & 8) {
		s.smin = (int64_t)x < (int64_t)y ? (int64_t)x : (int64_t)y;
		s.smax = (int64_t)x < (int64_t)y ? (int64_t)y : (int64_t)x;
	}
	if (r & 16 && (uint32_t)x <= (uint32_t)y) {
		s.u32_min = (uint32_t)x;
		s.u32_max = (uint32_t)y;
	}
	return scalar_sync(&s) ? s : scalar_const(y);
}

static void of_bits(void)
{
	for (int i = 0; i < 200000; i++) {
		struct tnum t = bits();
		struct scalar a = fast_bits(t), b = domain_full(WIDTH);

		b.t = t;
		CHECK(domain_reduce(&b, WIDTH));
		CHECK(scalar_equal(&a, &b));
	}
}

static void arithmetic(void)
{
	unsigned int known[DOMAIN_OP_COUNT] = { 0 };

	for (int i = 0; i < 400000; i++) {
		enum domain_op op = (enum domain_op)(rnd() % DOMAIN_OP_COUNT);
		bool narrow = rnd() & 1;
		struct scalar a = some(), b = some(), slow, fast;

		if (op == DOMAIN_LSH || op == DOMAIN_RSH || op == DOMAIN_ARSH)
			b = scalar_const(rnd() % (narrow ? 32 : 64));
		fast = a;
		if (!fast_alu(op, narrow, &fast, &b))
			continue;
		slow = domain_alu(op, narrow, &a, &b, WIDTH);
		known[op]++;
		CHECK_MSG(scalar_equal(&fast, &slow), "op %d, narrow %d", op, narrow);
	}
	CHECK(known[DOMAIN_ADD] > 100 && known[DOMAIN_SUB] > 100 && known[DOMAIN_AND] > 100 &&
	      known[DOMAIN_OR] > 100 && known[DOMAIN_XOR] > 100 && known[DOMAIN_LSH] > 100 &&
	      known[DOMAIN_RSH] > 100 && known[DOMAIN_ARSH] > 100 && known[DOMAIN_MOV] > 100);
}

static void widths(void)
{
	unsigned int known = 0;

	for (int i = 0; i < 200000; i++) {
		unsigned int size = 8u << rnd() % 3;
		struct scalar a = some(), slow = domain_zext(&a, size, WIDTH), fast;

		if (!fast_zext(&a, size, &fast))
			continue;
		known++;
		CHECK_MSG(scalar_equal(&fast, &slow), "%u bits", size);
	}
	CHECK(known > 1000);
}

static void comparisons(void)
{
	unsigned int told[2] = { 0, 0 }, refined = 0;

	for (int i = 0; i < 600000; i++) {
		enum domain_cond cond = (enum domain_cond)(rnd() % DOMAIN_COND_COUNT);
		bool narrow = rnd() & 1, may, slow;
		struct scalar a = some(), b = rnd() & 1 ? scalar_const(edge()) : some();
		struct scalar x, y, z;

		if (!(rnd() & 3))
			a = fast_bits((struct tnum){ 0, (uint32_t)edge() >> 1 });
		if (!(rnd() & 3))
			b = scalar_const(rnd() & 1 ? a.umin : a.umax);
		x = z = a;
		y = b;

		slow = domain_refine(cond, narrow, &x, &y, WIDTH);
		if (fast_feasible(cond, narrow, &a, &b, &may)) {
			CHECK_MSG(may == slow, "cond %d, narrow %d, may %d", cond, narrow, may);
			told[may]++;
		}
		if (!slow || !fast_refine(cond, narrow, &z, &b))
			continue;
		refined++;
		CHECK_MSG(scalar_equal(&z, &x) && scalar_equal(&b, &y), "cond %d, narrow %d", cond,
			  narrow);
	}
	CHECK(told[0] > 1000 && told[1] > 1000 && refined > 1000);
}

CHECK_MAIN({ "of_bits", of_bits }, { "arithmetic", arithmetic }, { "widths", widths },
	   { "comparisons", comparisons })
