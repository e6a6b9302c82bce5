// SPDX-License-Identifier: Apache-2.0
/*
 * alu.h against slow twins that compute another way: in 128 bits, by sign and magnitude, bit by bit or
 * byte by byte. All pairs of the values at the edges, then random ones from a fixed seed.
 */
#include "check.h"
#include "isa/alu.h"

typedef __int128 s128;
typedef unsigned __int128 u128;

static const uint64_t edges[] = {
	0,
	1,
	2,
	3,
	5,
	7,
	8,
	15,
	16,
	31,
	32,
	33,
	63,
	64,
	65,
	0x7f,
	0x80,
	0xff,
	0x100,
	0x7fff,
	0x8000,
	0xffff,
	0x7ffffffe,
	0x7fffffff,
	0x80000000,
	0x80000001,
	0xfffffffe,
	0xffffffff,
	0x100000000,
	0x100000001,
	0x123456789abcdef0,
	0x7fffffff00000000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0x8000000000000001,
	0xffffffff00000000,
	0xffffffff7fffffff,
	0xffffffff80000000,
	0xfffffffffffffffe,
	0xffffffffffffffff,
};

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The low @bits of @v as a signed number. */
static s128 as_signed(u128 v, unsigned int bits)
{
	u128 low = v & (((u128)1 << bits) - 1);

	return low >> (bits - 1) ? (s128)low - ((s128)1 << bits) : (s128)low;
}

static u128 as_unsigned(u128 v, unsigned int bits)
{
	return v & (((u128)1 << bits) - 1);
}

/* Rounds toward zero by working on magnitudes. */
static u128 twin_divide(u128 a, u128 b, unsigned int bits, bool rest)
{
	s128 x = as_signed(a, bits), y = as_signed(b, bits);
	u128 ax = x < 0 ? (u128)-x : (u128)x, ay = y < 0 ? (u128)-y : (u128)y;

	if (rest)
		return x < 0 ? 0 - ax % ay : ax % ay;
	return (x < 0) != (y < 0) ? 0 - ax / ay : ax / ay;
}

/* One bit at a time, bringing in @fill at the top. */
static u128 twin_right(u128 a, unsigned int count, unsigned int bits, bool fill)
{
	a = as_unsigned(a, bits);
	while (count--)
		a = a >> 1 | (u128)fill << (bits - 1);
	return a;
}

static uint64_t twin(const char *op, uint64_t wide_a, uint64_t wide_b, unsigned int bits)
{
	u128 a = as_unsigned(wide_a, bits), b = as_unsigned(wide_b, bits), r = 0;

	if (!strcmp(op, "add"))
		r = a + b;
	else if (!strcmp(op, "sub"))
		r = a + ~b + 1;
	else if (!strcmp(op, "mul"))
		for (unsigned int i = 0; i < bits; i++)
			r += b >> i & 1 ? a << i : 0;
	else if (!strcmp(op, "div"))
		r = b ? a / b : 0;
	else if (!strcmp(op, "mod"))
		r = b ? a - a / b * b : a;
	else if (!strcmp(op, "sdiv"))
		r = b ? twin_divide(a, b, bits, false) : 0;
	else if (!strcmp(op, "smod"))
		r = b ? twin_divide(a, b, bits, true) : a;
	else if (!strcmp(op, "or"))
		r = ~(~a & ~b);
	else if (!strcmp(op, "and"))
		r = ~(~a | ~b);
	else if (!strcmp(op, "xor"))
		r = (a & ~b) | (~a & b);
	else if (!strcmp(op, "mov"))
		r = b;
	else if (!strcmp(op, "lsh"))
		for (r = a, b %= bits; b; b--)
			r = as_unsigned(r + r, bits);
	else if (!strcmp(op, "rsh"))
		r = twin_right(a, (unsigned int)(b % bits), bits, false);
	else if (!strcmp(op, "arsh"))
		r = twin_right(a, (unsigned int)(b % bits), bits, a >> (bits - 1) & 1);
	else
		CHECK_MSG(false, "no twin of '%s'", op);
	return (uint64_t)as_unsigned(r, bits);
}

static bool twin_branch(const char *op, uint64_t wide_a, uint64_t wide_b, unsigned int bits)
{
	bool is_signed = op[1] == 's' && strcmp(op, "jset");
	s128 a = is_signed ? as_signed(wide_a, bits) : (s128)as_unsigned(wide_a, bits);
	s128 b = is_signed ? as_signed(wide_b, bits) : (s128)as_unsigned(wide_b, bits);
	s128 d = a - b;
	const char *test = op + 1 + is_signed;

	if (!strcmp(test, "eq"))
		return !d;
	if (!strcmp(test, "ne"))
		return d;
	if (!strcmp(test, "gt"))
		return d > 0;
	if (!strcmp(test, "ge"))
		return d >= 0;
	if (!strcmp(test, "lt"))
		return d < 0;
	if (!strcmp(test, "le"))
		return d <= 0;
	CHECK_EQ_STR(op, "jset");
	for (unsigned int i = 0; i < bits; i++)
		if ((a >> i & 1) && (b >> i & 1))
			return true;
	return false;
}

/* Bytes in memory order, then read in the other one. */
static uint64_t twin_swap(uint64_t a, unsigned int bits)
{
	uint64_t r = 0;

	for (unsigned int i = 0; i < bits; i += 8)
		r |= (a >> i & 255) << (bits - 8 - i);
	return r;
}

/* The value that @bits of @a, stored in the named order, have as host integer. */
static uint64_t twin_order(uint64_t a, unsigned int bits, bool big)
{
	unsigned char bytes[8] = { 0 };
	uint64_t r = 0;

	for (unsigned int i = 0; i < bits / 8; i++)
		bytes[big ? bits / 8 - 1 - i : i] = (unsigned char)(a >> i * 8);
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		memcpy((unsigned char *)&r + 8 - bits / 8, bytes, bits / 8);
	else
		memcpy(&r, bytes, bits / 8);
	return r;
}

static void check_pair(uint64_t a, uint64_t b)
{
#define ALU(OP, op)                                                                                \
	if (alu_##op##64(a, b) != twin(#op, a, b, 64) ||                                           \
	    alu_##op##32(a, b) != twin(#op, a, b, 32))                                             \
		CHECK_MSG(false,                                                                   \
			  #op " of 0x%" PRIx64 " and 0x%" PRIx64 ": 0x%" PRIx64 ", 0x%" PRIx64, a, \
			  b, alu_##op##64(a, b), alu_##op##32(a, b));
	ALU_BINARY(ALU)
#undef ALU
#define ALU(OP, op)                                                                       \
	if (alu_##op##64(a, b) != twin_branch(#op, a, b, 64) ||                           \
	    alu_##op##32(a, b) != twin_branch(#op, a, b, 32))                             \
		CHECK_MSG(false, #op " of 0x%" PRIx64 " and 0x%" PRIx64 ": %d, %d", a, b, \
			  alu_##op##64(a, b), alu_##op##32(a, b));
	ALU_BRANCH(ALU)
#undef ALU
}

static uint64_t twin_unary(const char *op, uint64_t a)
{
	unsigned int bits = (unsigned int)atoi(op + strcspn(op, "0123456789"));

	if (!strncmp(op, "neg", 3))
		return (uint64_t)as_unsigned(~(u128)a + 1, bits);
	if (!strncmp(op, "bswap", 5))
		return twin_swap(a, bits);
	return twin_order(a, bits, op[0] == 'b');
}

/* "movsx64_8": from 8 to 64 bits. */
static uint64_t twin_movsx(const char *op, uint64_t a)
{
	unsigned int to = (unsigned int)atoi(op + 5), from = (unsigned int)atoi(op + 8);

	return (uint64_t)as_unsigned((u128)as_signed(a, from), to);
}

static void check_one(uint64_t a)
{
#define ALU(OP, op)                                                                              \
	if (alu_##op(a) != twin_unary(#op, a))                                                   \
		CHECK_MSG(false, #op " of 0x%" PRIx64 ": 0x%" PRIx64 ", expected 0x%" PRIx64, a, \
			  alu_##op(a), twin_unary(#op, a));
	ALU_UNARY(ALU)
#undef ALU
#define ALU(OP, op)                                                                              \
	if (alu_##op(a) != twin_movsx(#op, a))                                                   \
		CHECK_MSG(false, #op " of 0x%" PRIx64 ": 0x%" PRIx64 ", expected 0x%" PRIx64, a, \
			  alu_##op(a), twin_movsx(#op, a));
	ALU_MOVSX(ALU)
#undef ALU
	if (alu_imm((int32_t)a) != (uint64_t)as_signed(a, 32))
		CHECK_MSG(false, "immediate 0x%" PRIx64, a);
}

static void edges_of_every_operation(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		CHECK_CASE("0x%" PRIx64, edges[i]);
		check_one(edges[i]);
		for (size_t j = 0; j < ARRAY_SIZE(edges); j++)
			check_pair(edges[i], edges[j]);
	}
}

/* Of every size, so that quotients and shift counts are not all alike. */
static void random_operands(void)
{
	uint64_t state = 0x9e3779b97f4a7c15;

	CHECK_CASE("20000 pairs, seed 0x%" PRIx64, state);
	for (int i = 0; i < 20000; i++) {
		uint64_t a = random_next(&state), b = random_next(&state);
		uint64_t sizes = random_next(&state);

		a >>= sizes & 63;
		b >>= sizes >> 8 & 63;
		check_one(sizes & 0x10000 ? ~a : a);
		check_pair(sizes & 0x10000 ? ~a : a, sizes & 0x20000 ? ~b : b);
	}
}

/* What RFC 9669 states in words, as numbers. */
static void stated_by_the_rfc(void)
{
	CHECK_EQ_INT(alu_div64(7, 0), 0);
	CHECK_EQ_INT(alu_mod64(0xf00000007, 0), 0xf00000007);
	CHECK_EQ_INT(alu_mod32(0xf00000007, 0), 7);
	CHECK_EQ_INT(alu_sdiv64(1ULL << 63, UINT64_MAX), 1ULL << 63);
	CHECK_EQ_INT(alu_sdiv32(0x80000000, 0xffffffff), 0x80000000);
	CHECK_EQ_INT(alu_smod64(1ULL << 63, UINT64_MAX), 0);
	CHECK_EQ_INT(alu_smod64((uint64_t)-13, 3), -1);
	CHECK_EQ_INT(alu_lsh32(1, 33), 2);
	CHECK_EQ_INT(alu_arsh64(1ULL << 63, 127), -1);
	CHECK_EQ_INT(alu_movsx32_8(0x80), 0xffffff80);
	CHECK_EQ_INT(alu_div64(UINT64_MAX, alu_imm(-1)), 1);
}

CHECK_MAIN({ "edges_of_every_operation", edges_of_every_operation },
	   { "random_operands", random_operands }, { "stated_by_the_rfc", stated_by_the_rfc })
