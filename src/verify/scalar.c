/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars of 64 bits, and the rows of isa.def: see scalar.h. The algebra is domain.h's.
 */
#include "verify/scalar.h"

#include <string.h>

#include "isa/alu.h"
#include "verify/domain.h"

#define WIDTH 64

/* An ALU row, apart from its width. */
struct row {
	bool known, narrow;
	uint8_t op; /* enum domain_op */
};

HOT struct scalar scalar_unknown(void)
{
	return fast_bits(TNUM_UNKNOWN);
}

HOT struct scalar scalar_const(uint64_t value)
{
	return (struct scalar){
		.t = tnum_const(value),
		.smin = (int64_t)value,
		.smax = (int64_t)value,
		.umin = value,
		.umax = value,
		.s32_min = (int32_t)value,
		.s32_max = (int32_t)value,
		.u32_min = (uint32_t)value,
		.u32_max = (uint32_t)value,
	};
}

struct scalar scalar_urange(uint64_t min, uint64_t max)
{
	struct scalar s = domain_full(WIDTH);

	s.umin = min;
	s.umax = max;
	(void)domain_reduce(&s, WIDTH);
	return s;
}

struct scalar scalar_srange(int64_t min, int64_t max)
{
	struct scalar s = domain_full(WIDTH);

	s.smin = min;
	s.smax = max;
	(void)domain_reduce(&s, WIDTH);
	return s;
}

struct scalar scalar_sized(unsigned int size)
{
	return fast_bits((struct tnum){ 0, width_ones(8 * size) });
}

struct scalar scalar_signed(unsigned int size)
{
	return scalar_srange(width_smin(8 * size), width_smax(8 * size));
}

struct scalar scalar_bits(struct tnum t)
{
	return fast_bits(t);
}

bool scalar_sync(struct scalar *s)
{
	return domain_reduce(s, WIDTH);
}

bool scalar_is_unknown(const struct scalar *s)
{
	return tnum_is_unknown(s->t) && s->umin == 0 && s->umax == UINT64_MAX &&
	       s->smin == INT64_MIN && s->smax == INT64_MAX && s->u32_min == 0 &&
	       s->u32_max == UINT32_MAX && s->s32_min == INT32_MIN && s->s32_max == INT32_MAX;
}

bool scalar_equal(const struct scalar *a, const struct scalar *b)
{
	return tnum_equal(a->t, b->t) && a->umin == b->umin && a->umax == b->umax &&
	       a->smin == b->smin && a->smax == b->smax && a->u32_min == b->u32_min &&
	       a->u32_max == b->u32_max && a->s32_min == b->s32_min && a->s32_max == b->s32_max;
}

bool scalar_has(const struct scalar *s, uint64_t x)
{
	return domain_has(s, x, WIDTH);
}

bool scalar_is_within(const struct scalar *a, const struct scalar *b)
{
	return a->umin >= b->umin && a->umax <= b->umax && a->smin >= b->smin &&
	       a->smax <= b->smax && a->u32_min >= b->u32_min && a->u32_max <= b->u32_max &&
	       a->s32_min >= b->s32_min && a->s32_max <= b->s32_max && tnum_in(a->t, b->t);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* A member whose low half is @low. */
static uint64_t member_of_low(const struct scalar *s, uint32_t low)
{
	struct scalar cut = *s;

	cut.u32_min = cut.u32_max = low;
	return domain_reduce(&cut, WIDTH) ? cut.umin : s->umin;
}

uint64_t scalar_member(const struct scalar *s, uint64_t seed)
{
	uint64_t x = mix(seed + 1), span = s->umax - s->umin, ret = s->umin;

	switch (seed) {
	case 0:
		return s->umin;
	case 1:
		return s->umax;
	case 2:
		return (uint64_t)s->smin;
	case 3:
		return (uint64_t)s->smax;
	case 4:
		return member_of_low(s, s->u32_min);
	case 5:
		return member_of_low(s, s->u32_max);
	case 6:
		return member_of_low(s, (uint32_t)s->s32_min);
	case 7:
		return member_of_low(s, (uint32_t)s->s32_max);
	default:
		break;
	}
	/* Evenly in the range, or within the unknown bits: either may be a thin part of the other. */
	if (seed & 1 && span != UINT64_MAX)
		x = s->umin + x % (span + 1);
	else
		x = (x & s->t.mask) | s->t.value;
	(void)domain_next(s, x, WIDTH, &ret);
	return ret;
}

/* Rows ---------------------------------------------------------------------------------------------- */

static const struct row rows[ISA_COUNT] = {
#define ROW(OP, name)                                      \
	[ISA_##OP##64_IMM] = { true, false, DOMAIN_##OP }, \
	[ISA_##OP##64_REG] = { true, false, DOMAIN_##OP }, \
	[ISA_##OP##32_IMM] = { true, true, DOMAIN_##OP },  \
	[ISA_##OP##32_REG] = { true, true, DOMAIN_##OP },
	ALU_BINARY(ROW)
#undef ROW
};

HOT static struct scalar swapped(const struct scalar *s, unsigned int bits)
{
	struct scalar cut = scalar_zext(s, bits / 8);

	return scalar_bits(tnum_bswap(cut.t, bits));
}

static struct scalar little(const struct scalar *s, unsigned int bits)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? scalar_zext(s, bits / 8) :
							   swapped(s, bits);
}

static struct scalar big(const struct scalar *s, unsigned int bits)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? swapped(s, bits) :
							   domain_zext(s, bits, WIDTH);
}

HOT static bool alu_unary(enum isa_op op, struct scalar *dst, const struct scalar *src)
{
	const struct scalar zero = scalar_const(0);

#define ROW(id, name)  \
	case ISA_##id: \
		return name, true;
#define NEG(half) *dst = domain_alu(DOMAIN_SUB, half, &zero, dst, WIDTH)
#define ORDER(how, bits) *dst = how(dst, bits)
#define MOVSX(bits, half) *dst = domain_sext(src, bits, half, WIDTH)
	switch ((int)op) {
		ROW(NEG64, NEG(false))
		ROW(NEG32, NEG(true))
		ROW(LE16, ORDER(little, 16))
		ROW(LE32, ORDER(little, 32))
		ROW(LE64, ORDER(little, 64))
		ROW(BE16, ORDER(big, 16))
		ROW(BE32, ORDER(big, 32))
		ROW(BE64, ORDER(big, 64))
		ROW(BSWAP16, ORDER(swapped, 16))
		ROW(BSWAP32, ORDER(swapped, 32))
		ROW(BSWAP64, ORDER(swapped, 64))
		ROW(MOVSX64_8, MOVSX(8, false))
		ROW(MOVSX64_16, MOVSX(16, false))
		ROW(MOVSX64_32, MOVSX(32, false))
		ROW(MOVSX32_8, MOVSX(8, true))
		ROW(MOVSX32_16, MOVSX(16, true))
	default:
		return false;
	}
#undef ROW
#undef NEG
#undef ORDER
#undef MOVSX
}

/* What the engines compute; false: no such row. */
static bool fold(enum isa_op op, uint64_t dst, uint64_t src, uint64_t *ret)
{
#define BINARY(OP, name)                         \
	case ISA_##OP##64_IMM:                   \
	case ISA_##OP##64_REG:                   \
		*ret = alu_##name##64(dst, src); \
		return true;                     \
	case ISA_##OP##32_IMM:                   \
	case ISA_##OP##32_REG:                   \
		*ret = alu_##name##32(dst, src); \
		return true;
#define UNARY(OP, name)                 \
	case ISA_##OP:                  \
		*ret = alu_##name(dst); \
		return true;
#define MOVSX(OP, name)                 \
	case ISA_##OP:                  \
		*ret = alu_##name(src); \
		return true;
	switch ((int)op) {
		ALU_BINARY(BINARY)
		ALU_UNARY(UNARY)
		ALU_MOVSX(MOVSX)
	default:
		return false;
	}
#undef BINARY
#undef UNARY
#undef MOVSX
}

static bool fold_consts(enum isa_op op, struct scalar *dst, const struct scalar *src)
{
	bool reads = isa_reads(op) & ISA_USE_DST;
	uint64_t x;

	if ((reads && !scalar_is_const(dst)) || (src && !scalar_is_const(src)))
		return false;
	if (!fold(op, reads ? scalar_value(dst) : 0, src ? scalar_value(src) : 0, &x))
		return false;
	*dst = scalar_const(x);
	return true;
}

HOT bool scalar_alu(enum isa_op op, struct scalar *dst, const struct scalar *src)
{
	const struct row *row = &rows[op];

	if (fold_consts(op, dst, src))
		return true;
	if (!row->known)
		return alu_unary(op, dst, src);
	if (!fast_alu((enum domain_op)row->op, row->narrow, dst, src))
		*dst = domain_alu((enum domain_op)row->op, row->narrow, dst, src, WIDTH);
	return true;
}

HOT struct scalar scalar_zext(const struct scalar *s, unsigned int size)
{
	struct scalar ret;

	return fast_zext(s, 8 * size, &ret) ? ret : domain_zext(s, 8 * size, WIDTH);
}

struct scalar scalar_sext(const struct scalar *s, unsigned int size)
{
	return domain_sext(s, 8 * size, false, WIDTH);
}

struct scalar scalar_add(const struct scalar *a, const struct scalar *b)
{
	return domain_alu(DOMAIN_ADD, false, a, b, WIDTH);
}

struct scalar scalar_sub(const struct scalar *a, const struct scalar *b)
{
	return domain_alu(DOMAIN_SUB, false, a, b, WIDTH);
}

/* Branches ------------------------------------------------------------------------------------------ */

/* The row as a comparison that holds when taken, one when not; @swap: of src with dst. */
struct branch {
	bool known, narrow, swap[2];
	uint8_t cond[2]; /* enum domain_cond */
};

static const struct branch branches[ISA_COUNT] = {
/* Not a < b: b <= a. */
#define ONE(OP, narrow, not_swap, not_cond, yes_swap, yes_cond)                                \
	[ISA_##OP] = {                                                                         \
		true, narrow, { not_swap, yes_swap }, { DOMAIN_##not_cond, DOMAIN_##yes_cond } \
	},
#define ROW(OP, ...)                        \
	ONE(OP##64_IMM, false, __VA_ARGS__) \
	ONE(OP##64_REG, false, __VA_ARGS__) \
	ONE(OP##32_IMM, true, __VA_ARGS__)  \
	ONE(OP##32_REG, true, __VA_ARGS__)
	ROW(JEQ, false, JNE, false, JEQ) ROW(JNE, false, JEQ, false, JNE)
		ROW(JSET, false, JCLEAR, false, JSET) ROW(JLT, true, JLE, false, JLT)
			ROW(JLE, true, JLT, false, JLE) ROW(JGT, false, JLE, true, JLT)
				ROW(JGE, false, JLT, true, JLE) ROW(JSLT, true, JSLE, false, JSLT)
					ROW(JSLE, true, JSLT, false, JSLE)
						ROW(JSGT, false, JSLE, true, JSLT)
							ROW(JSGE, false, JSLT, true, JSLE)
#undef ROW
#undef ONE
};

/* A number compared with itself. */
static bool refine_self(const struct branch *b, bool taken, struct scalar *s)
{
	struct scalar zero = scalar_const(0);

	switch ((enum domain_cond)b->cond[taken]) {
	case DOMAIN_JEQ:
	case DOMAIN_JLE:
	case DOMAIN_JSLE:
		return true;
	case DOMAIN_JNE:
	case DOMAIN_JLT:
	case DOMAIN_JSLT:
		return false;
	case DOMAIN_JSET:
		return domain_refine(DOMAIN_JNE, b->narrow, s, &zero, WIDTH);
	case DOMAIN_JCLEAR:
		return domain_refine(DOMAIN_JEQ, b->narrow, s, &zero, WIDTH);
	case DOMAIN_COND_COUNT:
		break;
	}
	return true;
}

HOT bool scalar_refine(enum isa_op op, bool taken, struct scalar *dst, struct scalar *src)
{
	const struct branch *b = &branches[op];
	enum domain_cond cond = (enum domain_cond)b->cond[taken];
	struct scalar *x = b->swap[taken] ? src : dst, *y = b->swap[taken] ? dst : src;

	if (!b->known)
		return true;
	if (dst == src)
		return refine_self(b, taken, dst);
	return fast_refine(cond, b->narrow, x, y) || domain_refine(cond, b->narrow, x, y, WIDTH);
}

HOT enum scalar_truth scalar_branch(enum isa_op op, const struct scalar *dst,
				    const struct scalar *src)
{
	const struct branch *b = &branches[op];

	for (int taken = 0; taken < 2; taken++) {
		enum domain_cond cond = (enum domain_cond)b->cond[taken];
		const struct scalar *x = b->swap[taken] ? src : dst,
				    *y = b->swap[taken] ? dst : src;
		bool may;

		if (dst == src || !b->known || !fast_feasible(cond, b->narrow, x, y, &may)) {
			struct scalar one = *dst, other = *src;

			may = scalar_refine(op, taken, &one, dst == src ? &one : &other);
		}
		if (!may)
			return taken ? SCALAR_NEVER : SCALAR_ALWAYS;
	}
	return SCALAR_UNDECIDED;
}
