/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tristate numbers against all their members: every pair at 5 bits (6 with DOMAIN_ALL=1), cut to that width. What
 * the papers call optimal must be the best; for multiplication the share is printed.
 */
#include "check.h"
#include "verify/tnum.h"

enum op { ADD, SUB, AND, OR, XOR, MUL, OPS };

static const char *const names[] = { "add", "sub", "and", "or", "xor", "mul" };

static unsigned int width(void)
{
	return getenv("DOMAIN_ALL") ? 6 : 5;
}

/* The @n-th of 3^width tristate numbers. */
static struct tnum nth(unsigned int n)
{
	struct tnum t = { 0, 0 };

	for (unsigned int i = 0; i < width(); i++, n /= 3) {
		t.value |= (uint64_t)(n % 3 == 1) << i;
		t.mask |= (uint64_t)(n % 3 == 2) << i;
	}
	return t;
}

static unsigned int count(void)
{
	unsigned int n = 1;

	for (unsigned int i = 0; i < width(); i++)
		n *= 3;
	return n;
}

static uint64_t naive(enum op op, uint64_t a, uint64_t b)
{
	switch (op) {
	case ADD:
		return a + b;
	case SUB:
		return a - b;
	case AND:
		return a & b;
	case OR:
		return a | b;
	case XOR:
		return a ^ b;
	case MUL:
		return a * b;
	case OPS:
		break;
	}
	return 0;
}

static struct tnum abstract(enum op op, struct tnum a, struct tnum b)
{
	switch (op) {
	case ADD:
		return tnum_add(a, b);
	case SUB:
		return tnum_sub(a, b);
	case AND:
		return tnum_and(a, b);
	case OR:
		return tnum_or(a, b);
	case XOR:
		return tnum_xor(a, b);
	case MUL:
		return tnum_mul(a, b);
	case OPS:
		break;
	}
	return TNUM_UNKNOWN;
}

/* The best tnum of all results of members. */
static struct tnum best(enum op op, struct tnum a, struct tnum b)
{
	uint64_t ones = 0, all = ~0ull, low = (1ull << width()) - 1;

	for (uint64_t x = 0;; x = (x - a.mask) & a.mask) {
		for (uint64_t y = 0;; y = (y - b.mask) & b.mask) {
			uint64_t r = naive(op, a.value | x, b.value | y) & low;

			ones |= r;
			all &= r;
			if (y == b.mask)
				break;
		}
		if (x == a.mask)
			break;
	}
	return (struct tnum){ all, ones & ~all };
}

static void pairs(void)
{
	for (int op = 0; op < OPS; op++) {
		uint64_t good = 0, bits = 0, all = 0;

		CHECK_CASE("%s of %u bits", names[op], width());
		for (unsigned int i = 0; i < count(); i++)
			for (unsigned int k = 0; k < count(); k++) {
				struct tnum a = nth(i), b = nth(k), exact = best((enum op)op, a, b),
					    got = tnum_cast(abstract((enum op)op, a, b), width());

				all++;
				good += tnum_equal(got, exact);
				bits += (uint64_t)__builtin_popcountll(got.mask & ~exact.mask);
				CHECK_MSG(tnum_in(exact, got), "%u and %u lose a result", i, k);
				CHECK(!(got.value & got.mask));
			}
		printf("# %s: %" PRIu64 " pairs, best %.3f %%, excess %.4f bits\n", names[op], all,
		       100.0 * (double)good / (double)all, (double)bits / (double)all);
		if (op != MUL)
			CHECK_EQ_INT(good, all);
		else
			CHECK((double)good > 0.93 * (double)all);
	}
}

static void lattice(void)
{
	for (unsigned int i = 0; i < count(); i++)
		for (unsigned int k = 0; k < count(); k++) {
			struct tnum a = nth(i), b = nth(k), j = tnum_join(a, b), m;
			uint64_t both = 0, ones = 0, all = ~0ull;

			for (uint64_t x = 0; x < 1u << width(); x++) {
				both += tnum_has(a, x) && tnum_has(b, x);
				if (tnum_has(a, x) || tnum_has(b, x)) {
					ones |= x;
					all &= x;
				}
			}
			CHECK_EQ_INT(j.value, all);
			CHECK_EQ_INT(j.mask, ones & ~all);
			CHECK_EQ_INT(tnum_in(a, b), tnum_equal(j, b));
			if (!CHECK_EQ_INT(tnum_meet(a, b, &m), both > 0) || !both)
				continue;
			CHECK_EQ_INT(1ull << __builtin_popcountll(m.mask), both);
			CHECK(tnum_in(m, a) && tnum_in(m, b));
		}
}

static void ranges(void)
{
	for (uint64_t lo = 0; lo < 1u << width(); lo++)
		for (uint64_t hi = lo; hi < 1u << width(); hi++) {
			struct tnum t = tnum_range(lo, hi);
			uint64_t ones = 0, all = ~0ull;

			for (uint64_t x = lo; x <= hi; x++) {
				ones |= x;
				all &= x;
			}
			CHECK_EQ_INT(t.value, all);
			CHECK_EQ_INT(t.mask, ones & ~all);
		}
}

static void neighbours(void)
{
	for (unsigned int i = 0; i < count(); i++)
		for (uint64_t x = 0; x < 1u << width(); x++) {
			struct tnum t = nth(i);
			uint64_t next = x, prev = x + 1, got = 0;

			while (next < 1u << width() && !tnum_has(t, next))
				next++;
			if (CHECK_EQ_INT(tnum_next(t, x, &got), next < 1u << width()) &&
			    next < 1u << width())
				CHECK_EQ_INT(got, next);
			while (prev && !tnum_has(t, prev - 1))
				prev--;
			if (CHECK_EQ_INT(tnum_prev(t, x, &got), prev > 0) && prev)
				CHECK_EQ_INT(got, prev - 1);
		}
}

static void one_operand(void)
{
	uint64_t ones = (1ull << width()) - 1;

	for (unsigned int i = 0; i < count(); i++) {
		struct tnum t = nth(i);

		for (uint64_t x = 0; x <= ones; x++) {
			int64_t sx = (int64_t)(x << (64 - width())) >> (64 - width());

			if (!tnum_has(t, x))
				continue;
			CHECK(tnum_has(tnum_neg(t), -x));
			CHECK(tnum_has(tnum_not(t), ~x));
			CHECK(tnum_has(tnum_sext(t, width(), 64), (uint64_t)sx));
			CHECK(tnum_has(tnum_sext(t, width(), 9), (uint64_t)sx & 511));
			CHECK(tnum_has(tnum_bswap(t, 16), __builtin_bswap16((uint16_t)x)));
			CHECK(tnum_has(tnum_bswap(t, 32), __builtin_bswap32((uint32_t)x)));
			CHECK(tnum_has(tnum_bswap(t, 64), __builtin_bswap64(x)));
			CHECK(tnum_has(tnum_cast(t, 3), x & 7));
			CHECK(tnum_has(tnum_with_low(t, tnum_const(1), 2), (x & ~3ull) | 1));
			for (unsigned int c = 0; c < width(); c++) {
				CHECK(tnum_has(tnum_lsh(t, c), x << c));
				CHECK(tnum_has(tnum_rsh(t, c), x >> c));
				CHECK(tnum_has(tnum_arsh(t, c, width()),
					       (uint64_t)(sx >> c) & ones));
			}
		}
	}
}

static void wide(void)
{
	struct tnum t = tnum_mul((struct tnum){ 0, 0xff }, tnum_const(0x100));
	uint64_t x;

	CHECK(tnum_equal(t, (struct tnum){ 0, 0xff00 }));
	t = tnum_range(0, UINT64_MAX);
	CHECK(tnum_is_unknown(t) && !tnum_is_const(t));
	t = tnum_range(1ull << 63, UINT64_MAX);
	CHECK(tnum_equal(t, (struct tnum){ 1ull << 63, UINT64_MAX >> 1 }));
	CHECK(!tnum_next(tnum_const(5), 6, &x) && !tnum_prev(tnum_const(5), 4, &x));
	CHECK(tnum_next(TNUM_UNKNOWN, UINT64_MAX, &x) && x == UINT64_MAX);
	CHECK(tnum_is_aligned((struct tnum){ 8, 0xf0 }, 8));
	CHECK(!tnum_is_aligned((struct tnum){ 8, 0xf4 }, 8));
	t = tnum_arsh((struct tnum){ 0, 1ull << 63 }, 63, 64);
	CHECK(tnum_is_unknown(t));
}

CHECK_MAIN({ "pairs", pairs }, { "lattice", lattice }, { "ranges", ranges },
	   { "neighbours", neighbours }, { "one_operand", one_operand }, { "wide", wide })
