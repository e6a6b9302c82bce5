/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars of 64 bits: every ALU and branch row of isa.def on random scalars, whose members are computed by
 * isa/alu.h, which the engines use; the lattice; widening; the texts of the log. Small widths, where everything
 * is tried, are domain_test.c.
 */
#include "check.h"
#include "isa/alu.h"
#include "verify/scalar.h"

#define MEMBERS 6

static uint64_t state = 7;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

/* Numbers near where things change. */
static uint64_t edge(void)
{
	static const uint64_t at[] = {
		0,     1,	   2,	       16,	   64,	      127,	   128,
		255,   256,	   0x7fff,     0x8000,	   0xffff,    0x7fffffff,  0x80000000,
		~0ull, 0xffffffff, 1ull << 32, 1ull << 63, INT64_MAX, -1ull << 31, -1ull << 32,
	};
	uint64_t r = rnd();

	switch (r & 3) {
	case 0:
		return rnd() >> (r >> 8 & 63);
	case 1:
		return -(rnd() >> (r >> 8 & 63));
	default:
		return at[(r >> 8) % ARRAY_SIZE(at)] + (r >> 32 & 7) - 3;
	}
}

static struct scalar some(void)
{
	for (;;) {
		struct scalar s = scalar_unknown();
		uint64_t r = rnd(), x = edge(), y = edge();

		if (!(r & 0x700))
			return scalar_const(x);
		if (r & 1) {
			s.t.mask = r & 2 ? edge() : rnd();
			s.t.value = x & ~s.t.mask;
		}
		if (r & 4) {
			s.umin = x < y ? x : y;
			s.umax = x < y ? y : x;
		}
		x = edge();
		y = r & 64 ? edge() : x + (rnd() & 0xff);
		if (r & 8) {
			s.smin = (int64_t)((int64_t)x < (int64_t)y ? x : y);
			s.smax = (int64_t)((int64_t)x < (int64_t)y ? y : x);
		}
		x = (uint32_t)edge();
		y = (uint32_t)edge();
		if (r & 16) {
			s.u32_min = (uint32_t)(x < y ? x : y);
			s.u32_max = (uint32_t)(x < y ? y : x);
		}
		if (r & 32) {
			s.s32_min = (int32_t)x < (int32_t)y ? (int32_t)x : (int32_t)y;
			s.s32_max = (int32_t)x < (int32_t)y ? (int32_t)y : (int32_t)x;
		}
		if (scalar_sync(&s))
			return s;
	}
}

static const char *text(const struct scalar *s)
{
	static struct buf texts[4];
	static unsigned int turn;
	struct buf *b = &texts[turn++ % 4];

	buf_clear(b);
	scalar_print(b, s);
	return buf_str(b);
}

static uint64_t member(const struct scalar *s)
{
	uint64_t r = rnd();

	return scalar_member(s, r & 1 ? r >> 1 & 7 : r);
}

static uint64_t compute(enum isa_op op, uint64_t dst, uint64_t src)
{
#define BINARY(OP, op)                         \
	case ISA_##OP##64_REG:                 \
	case ISA_##OP##64_IMM:                 \
		return alu_##op##64(dst, src); \
	case ISA_##OP##32_REG:                 \
	case ISA_##OP##32_IMM:                 \
		return alu_##op##32(dst, src);
#define UNARY(OP, op)  \
	case ISA_##OP: \
		return alu_##op(dst);
#define MOVSX(OP, op)  \
	case ISA_##OP: \
		return alu_##op(src);
	switch ((int)op) {
		ALU_BINARY(BINARY)
		ALU_UNARY(UNARY)
		ALU_MOVSX(MOVSX)
	default:
		return 0;
	}
#undef BINARY
#undef UNARY
#undef MOVSX
}

static bool holds(enum isa_op op, uint64_t dst, uint64_t src)
{
#define BRANCH(OP, op)                         \
	case ISA_##OP##64_REG:                 \
	case ISA_##OP##64_IMM:                 \
		return alu_##op##64(dst, src); \
	case ISA_##OP##32_REG:                 \
	case ISA_##OP##32_IMM:                 \
		return alu_##op##32(dst, src);
	switch ((int)op) {
		ALU_BRANCH(BRANCH)
	default:
		return false;
	}
#undef BRANCH
}

static unsigned int rounds(void)
{
	return getenv("DOMAIN_ALL") ? 20000 : 400;
}

static void alu_rows(void)
{
	unsigned int rows = 0;

	for (int op = 1; op < ISA_COUNT; op++) {
		if (isa_kind((enum isa_op)op) != ISA_KIND_ALU)
			continue;
		rows++;
		CHECK_CASE("%s", isa_name((enum isa_op)op));
		for (unsigned int i = 0; i < rounds(); i++) {
			struct scalar a = some(), b = some(), r = a, again;

			if (!CHECK(scalar_alu((enum isa_op)op, &r, &b)))
				break;
			again = r;
			CHECK(scalar_sync(&again) && scalar_equal(&again, &r));
			for (int k = 0; k < MEMBERS; k++) {
				uint64_t x = member(&a), y = member(&b),
					 z = compute((enum isa_op)op, x, y);

				CHECK_MSG(scalar_has(&r, z),
					  "%s of 0x%" PRIx64 " and 0x%" PRIx64 ": 0x%" PRIx64
					  " is not in %s, of %s and %s",
					  isa_name((enum isa_op)op), x, y, z, text(&r), text(&a),
					  text(&b));
			}
		}
	}
	CHECK_EQ_INT(rows, 14 * 4 + 11 + 5);
}

static void branch_rows(void)
{
	unsigned int rows = 0;

	for (int op = 1; op < ISA_COUNT; op++) {
		uint64_t both = 0;

		if (isa_kind((enum isa_op)op) != ISA_KIND_BRANCH)
			continue;
		rows++;
		CHECK_CASE("%s", isa_name((enum isa_op)op));
		for (unsigned int i = 0; i < rounds(); i++) {
			struct scalar a = some(), b = some(), after[2][2] = { { a, b }, { a, b } };
			enum scalar_truth truth = scalar_branch((enum isa_op)op, &a, &b);
			bool way[2];

			for (int taken = 0; taken < 2; taken++)
				way[taken] = scalar_refine((enum isa_op)op, taken, &after[taken][0],
							   &after[taken][1]);
			CHECK(way[0] || way[1]);
			CHECK_EQ_INT(truth, !way[1] ? SCALAR_NEVER :
					    !way[0] ? SCALAR_ALWAYS :
						      SCALAR_UNDECIDED);
			both += way[0] && way[1];
			for (int k = 0; k < MEMBERS; k++) {
				uint64_t x = member(&a), y = member(&b);
				bool t = holds((enum isa_op)op, x, y);

				CHECK_MSG(way[t] && scalar_has(&after[t][0], x) &&
						  scalar_has(&after[t][1], y),
					  "%s (%d) of 0x%" PRIx64 " and 0x%" PRIx64
					  ": lost from %s and %s",
					  isa_name((enum isa_op)op), t, x, y, text(&a), text(&b));
			}
		}
		CHECK(both > rounds() / 20);
	}
	CHECK_EQ_INT(rows, 11 * 4);
}

static void same_register(void)
{
	for (int op = 1; op < ISA_COUNT; op++) {
		if (isa_kind((enum isa_op)op) != ISA_KIND_BRANCH)
			continue;
		CHECK_CASE("%s", isa_name((enum isa_op)op));
		for (unsigned int i = 0; i < 200; i++) {
			struct scalar s = some(), way[2] = { s, s };
			enum scalar_truth truth = scalar_branch((enum isa_op)op, &s, &s);
			uint64_t x = member(&s);
			bool t = holds((enum isa_op)op, x, x);

			CHECK(truth != (t ? SCALAR_NEVER : SCALAR_ALWAYS));
			CHECK(scalar_refine((enum isa_op)op, t, &way[t], &way[t]));
			CHECK(scalar_has(&way[t], x));
		}
	}
	CHECK_EQ_INT(scalar_branch(ISA_JEQ64_REG, &(struct scalar){ 0 }, &(struct scalar){ 0 }),
		     SCALAR_ALWAYS);
}

static void lattice(void)
{
	unsigned int met = 0;

	for (unsigned int i = 0; i < rounds() * 10; i++) {
		struct scalar a = some(), b = some(), j = scalar_join(&a, &b), m = a;
		uint64_t x = member(&a), y = member(&b);

		CHECK(scalar_is_within(&a, &j) && scalar_is_within(&b, &j));
		CHECK(scalar_has(&j, x) && scalar_has(&j, y) && scalar_has(&a, x));
		CHECK_EQ_INT(scalar_is_within(&a, &b), scalar_equal(&j, &b));
		if (scalar_meet(&a, &b, &m)) {
			met++;
			CHECK(scalar_is_within(&m, &a) && scalar_is_within(&m, &b));
			x = member(&m);
			CHECK(scalar_has(&a, x) && scalar_has(&b, x));
		} else {
			CHECK(!scalar_has(&b, x) && !scalar_has(&a, y));
		}
	}
	CHECK(met > rounds() / 2);
}

static void widening_rests(void)
{
	static const int64_t steps[] = { 10, 1000, 4096 };
	unsigned int longest = 0;

	for (unsigned int i = 0; i < rounds(); i++) {
		struct scalar s = some();
		unsigned int moved = 0;

		for (unsigned int k = 0; k < 200; k++) {
			struct scalar x = some(), to;

			/* Something just beyond, most times. */
			if (k & 3)
				x = scalar_const((k & 4 ? s.umax : (uint64_t)s.smin) +
						 (k & 8 ? 1 : -4));
			to = scalar_widen(&s, &x, i & 1 ? steps : NULL, ARRAY_SIZE(steps));
			CHECK_MSG(scalar_is_within(&s, &to) && scalar_is_within(&x, &to),
				  "%s and %s widen to %s", text(&s), text(&x), text(&to));
			moved += !scalar_equal(&s, &to);
			s = to;
		}
		longest = moved > longest ? moved : longest;
	}
	printf("# the longest chain moved %u times\n", longest);
	CHECK(longest < 120);
}

static void a_counter_widens_to_its_bound(void)
{
	static const int64_t steps[] = { 100 };
	struct scalar i = scalar_const(0), four = scalar_const(4), bound = scalar_const(100);
	unsigned int n = 0;

	for (;;) {
		struct scalar in = i, next, b = bound;

		CHECK(scalar_refine(ISA_JLT64_IMM, true, &in, &b));
		next = scalar_add(&in, &four);
		if (scalar_is_within(&next, &i) || ++n > 10)
			break;
		i = scalar_widen(&i, &next, steps, 1);
	}
	CHECK(n <= 3);
	CHECK_EQ_STR(text(&i), "scalar(smin=smin32=0,smax=umax=smax32=umax32=100,"
			       "var_off=(0x0; 0x7c))");
}

static void texts(void)
{
	struct scalar s = scalar_unknown();

	CHECK_EQ_STR(text(&s), "scalar()");
	s = scalar_const(70000);
	CHECK_EQ_STR(text(&s), "0x11170");
	s = scalar_const((uint64_t)-5);
	CHECK_EQ_STR(text(&s), "-5");
	s = scalar_const(32768);
	CHECK_EQ_STR(text(&s), "0x8000");
	s = scalar_sized(1);
	CHECK_EQ_STR(text(&s),
		     "scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))");
	s = scalar_sized(4);
	CHECK_EQ_STR(text(&s), "scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))");
	s = scalar_signed(1);
	CHECK_EQ_STR(text(&s), "scalar(smin=smin32=-128,smax=smax32=127)");
	s = scalar_urange(0xffffffffffff63c0, 0xffffffffffff63c7);
	CHECK_EQ_STR(text(&s), "scalar(smin=0xffffffffffff63c0,smax=0xffffffffffff63c7,"
			       "umin=0xffffffffffff63c0,umax=0xffffffffffff63c7,"
			       "smin32=umin32=0xffff63c0,smax32=umax32=0xffff63c7,"
			       "var_off=(0xffffffffffff63c0; 0x7))");
	s = scalar_srange(INT64_MIN, 100);
	CHECK_EQ_STR(text(&s), "scalar(smax=100)");
}

static void makers(void)
{
	struct scalar s = scalar_urange(5, 5);

	CHECK(scalar_is_const(&s) && scalar_value(&s) == 5 && scalar_is_const32(&s));
	s = scalar_const(7ull << 32 | 9);
	CHECK(!scalar_fits32(&s) && !scalar_is_zero(&s));
	s = scalar_zext(&s, 4);
	CHECK_EQ_INT(scalar_value(&s), 9);
	s = scalar_const(0x80);
	s = scalar_sext(&s, 1);
	CHECK_EQ_INT(s.smin, -128);
	s = scalar_bits((struct tnum){ 0, 0xf0 });
	CHECK_EQ_INT(s.umax, 0xf0);
	CHECK(scalar_has(&s, 0x50) && !scalar_has(&s, 0x51));
	s.umin = 0x51;
	CHECK(scalar_sync(&s));
	CHECK_EQ_INT(s.umin, 0x60);
	s.umax = 0x5f;
	CHECK(!scalar_sync(&s));
	s = scalar_unknown();
	CHECK(scalar_is_unknown(&s) && !scalar_alu(ISA_EXIT, &s, &s));
}

CHECK_MAIN({ "makers", makers }, { "texts", texts }, { "alu_rows", alu_rows },
	   { "branch_rows", branch_rows }, { "same_register", same_register },
	   { "lattice", lattice }, { "widening_rests", widening_rests },
	   { "a_counter_widens_to_its_bound", a_counter_widens_to_its_bound })
