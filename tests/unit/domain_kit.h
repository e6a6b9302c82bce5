/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of numbers of up to 8 bits, and what the verifier's domains should make of them: the naive twins of the
 * algebra. Everything here goes through all numbers; nothing is shared with src/verify.
 */
#ifndef TESTS_UNIT_DOMAIN_KIT_H
#define TESTS_UNIT_DOMAIN_KIT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "verify/domain.h"

struct kit_set {
	uint64_t word[4];
};

static inline uint64_t kit_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dull;
}

static inline void kit_add(struct kit_set *s, unsigned int x)
{
	s->word[x / 64] |= 1ull << x % 64;
}

static inline bool kit_has(const struct kit_set *s, unsigned int x)
{
	return s->word[x / 64] >> x % 64 & 1;
}

static inline unsigned int kit_count(const struct kit_set *s)
{
	unsigned int n = 0;

	for (int i = 0; i < 4; i++)
		n += (unsigned int)__builtin_popcountll(s->word[i]);
	return n;
}

static inline bool kit_same(const struct kit_set *a, const struct kit_set *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static inline bool kit_within(const struct kit_set *a, const struct kit_set *b)
{
	for (int i = 0; i < 4; i++)
		if (a->word[i] & ~b->word[i])
			return false;
	return true;
}

static inline int kit_signed(unsigned int x, unsigned int width)
{
	return x >> (width - 1) ? (int)x - (1 << width) : (int)x;
}

/* The numbers between all bounds of @s whose bits agree. */
static inline struct kit_set kit_members(const struct scalar *s, unsigned int width)
{
	struct kit_set ret = { { 0 } };

	for (unsigned int x = 0; x < 1u << width; x++) {
		unsigned int low = x & ((1u << width / 2) - 1);
		int sx = kit_signed(x, width), slow = kit_signed(low, width / 2);

		if ((x & ~s->t.mask) == s->t.value && x >= s->umin && x <= s->umax &&
		    sx >= s->smin && sx <= s->smax && low >= s->u32_min && low <= s->u32_max &&
		    slow >= s->s32_min && slow <= s->s32_max)
			kit_add(&ret, x);
	}
	return ret;
}

/* The best scalar for a set that is not empty. */
static inline struct scalar kit_best(const struct kit_set *set, unsigned int width)
{
	struct scalar b = { .t = { 0, 0 } };
	uint64_t ones = 0, all = ~0ull;
	bool any = false;

	for (unsigned int x = 0; x < 1u << width; x++) {
		unsigned int low = x & ((1u << width / 2) - 1);
		int sx = kit_signed(x, width), slow = kit_signed(low, width / 2);

		if (!kit_has(set, x))
			continue;
		ones |= x;
		all &= x;
		if (!any) {
			b = (struct scalar){ .smin = sx,
					     .smax = sx,
					     .umin = x,
					     .s32_min = slow,
					     .s32_max = slow,
					     .u32_min = low,
					     .u32_max = low };
			any = true;
		}
		b.smin = sx < b.smin ? sx : b.smin;
		b.smax = sx > b.smax ? sx : b.smax;
		b.umax = x;
		b.s32_min = slow < b.s32_min ? slow : b.s32_min;
		b.s32_max = slow > b.s32_max ? slow : b.s32_max;
		b.u32_min = low < b.u32_min ? low : b.u32_min;
		b.u32_max = low > b.u32_max ? low : b.u32_max;
	}
	b.t = (struct tnum){ all, ones & ~all };
	return b;
}

static inline bool kit_same_numbers(const struct scalar *a, const struct scalar *b)
{
	return a->smin == b->smin && a->smax == b->smax && a->umin == b->umin &&
	       a->umax == b->umax && a->s32_min == b->s32_min && a->s32_max == b->s32_max &&
	       a->u32_min == b->u32_min && a->u32_max == b->u32_max;
}

/* The meaning of an operation on numbers of @width bits. */
static inline unsigned int kit_alu(enum domain_op op, unsigned int a, unsigned int b,
				   unsigned int width)
{
	unsigned int ones = (1u << width) - 1, count = b & (width - 1), r = 0;
	int sa = kit_signed(a, width), sb = kit_signed(b, width);

	switch (op) {
	case DOMAIN_ADD:
		r = a + b;
		break;
	case DOMAIN_SUB:
		r = a - b;
		break;
	case DOMAIN_MUL:
		r = a * b;
		break;
	case DOMAIN_DIV:
		r = b ? a / b : 0;
		break;
	case DOMAIN_SDIV:
		r = b ? (unsigned int)(sa / sb) : 0;
		break;
	case DOMAIN_MOD:
		r = b ? a % b : a;
		break;
	case DOMAIN_SMOD:
		r = b ? (unsigned int)(sa % sb) : a;
		break;
	case DOMAIN_OR:
		r = a | b;
		break;
	case DOMAIN_AND:
		r = a & b;
		break;
	case DOMAIN_XOR:
		r = a ^ b;
		break;
	case DOMAIN_LSH:
		r = a << count;
		break;
	case DOMAIN_RSH:
		r = a >> count;
		break;
	case DOMAIN_ARSH:
		r = (unsigned int)(sa >> count);
		break;
	case DOMAIN_MOV:
		r = b;
		break;
	case DOMAIN_OP_COUNT:
		break;
	}
	return r & ones;
}

static inline bool kit_holds(enum domain_cond cond, unsigned int a, unsigned int b,
			     unsigned int width)
{
	int sa = kit_signed(a, width), sb = kit_signed(b, width);

	switch (cond) {
	case DOMAIN_JEQ:
		return a == b;
	case DOMAIN_JNE:
		return a != b;
	case DOMAIN_JLT:
		return a < b;
	case DOMAIN_JLE:
		return a <= b;
	case DOMAIN_JSLT:
		return sa < sb;
	case DOMAIN_JSLE:
		return sa <= sb;
	case DOMAIN_JSET:
		return a & b;
	case DOMAIN_JCLEAR:
		return !(a & b);
	case DOMAIN_COND_COUNT:
		break;
	}
	return false;
}

/* Figures of one operation. */
struct kit_figures {
	uint64_t cases, unsound, best;
	double excess; /* sum of log2(members of ours / members of the best) */
};

/* Compares a result with the set of what can come out. */
static inline bool kit_judge(struct kit_figures *f, const struct scalar *ours,
			     const struct kit_set *exact, unsigned int width)
{
	struct kit_set got = kit_members(ours, width), all;
	struct scalar best = kit_best(exact, width);

	f->cases++;
	if (!kit_within(exact, &got)) {
		f->unsound++;
		return false;
	}
	all = kit_members(&best, width);
	if (kit_same(&got, &all))
		f->best++;
	else
		f->excess += log2((double)kit_count(&got) / kit_count(&all));
	return true;
}

#endif
