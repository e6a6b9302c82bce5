/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soundness of every operation at 6 and at 8 bits, exhaustively for plain elements: each unsigned range, each signed range that
 * crosses zero, each set of known bits. 6 bits: every pair. 8 bits: each with every constant, on either side. With DOMAIN_ALL=1 all of that, else
 * every few thousandth case. domain_test does all elements of 4 bits, and says how far from the best results are.
 */
#include <stdlib.h>

#include "check.h"
#include "domain_kit.h"

#define MOST 60000

static struct scalar elements[MOST];
static struct kit_set sets[MOST];
static uint32_t nelements;
static uint8_t results[256][256];

static const char *const op_names[] = { "add", "sub", "mul", "div", "sdiv", "mod",  "smod",
					"or",  "and", "xor", "lsh", "rsh",  "arsh", "mov" };

static void element(struct scalar s, unsigned int width)
{
	if (nelements == MOST || !CHECK(domain_reduce(&s, width)))
		return;
	sets[nelements] = kit_members(&s, width);
	elements[nelements++] = s;
}

static void make_elements(unsigned int width)
{
	unsigned int n = 1u << width;
	struct scalar s;

	nelements = 0;
	for (unsigned int lo = 0; lo < n; lo++)
		for (unsigned int hi = lo; hi < n; hi++) {
			s = domain_full(width);
			s.umin = lo;
			s.umax = hi;
			element(s, width);
		}
	for (int lo = -(int)n / 2; lo < 0; lo++)
		for (int hi = 0; hi < (int)n / 2; hi++) {
			s = domain_full(width);
			s.smin = lo;
			s.smax = hi;
			element(s, width);
		}
	for (unsigned int mask = 0; mask < n; mask++)
		for (unsigned int value = 0; value < n; value++) {
			if (value & mask)
				continue;
			s = domain_full(width);
			s.t = (struct tnum){ value, mask };
			element(s, width);
		}
}

static void make_results(enum domain_op op, unsigned int width)
{
	for (unsigned int a = 0; a < 1u << width; a++)
		for (unsigned int b = 0; b < 1u << width; b++)
			results[a][b] = (uint8_t)kit_alu(op, a, b, width);
}

static unsigned int list(const struct kit_set *set, uint8_t *ret)
{
	unsigned int n = 0;

	for (unsigned int w = 0; w < 4; w++)
		for (uint64_t m = set->word[w]; m; m &= m - 1)
			ret[n++] = (uint8_t)(64 * w + (unsigned int)__builtin_ctzll(m));
	return n;
}

static bool in(const struct scalar *s, unsigned int x, unsigned int width)
{
	unsigned int low = x & ((1u << width / 2) - 1);
	int sx = kit_signed(x, width), slow = kit_signed(low, width / 2);

	return (x & ~s->t.mask) == s->t.value && x >= s->umin && x <= s->umax && sx >= s->smin &&
	       sx <= s->smax && low >= s->u32_min && low <= s->u32_max && slow >= s->s32_min &&
	       slow <= s->s32_max;
}

/* Is every result of members a member of the result? */
static bool sound(enum domain_op op, uint32_t i, uint32_t k, unsigned int width)
{
	struct scalar got = domain_alu(op, false, &elements[i], &elements[k], width);
	struct kit_set exact = { { 0 } };
	unsigned int na, nb;
	uint8_t a[256], b[256];

	na = list(&sets[i], a);
	nb = list(&sets[k], b);
	for (unsigned int x = 0; x < na; x++)
		for (unsigned int y = 0; y < nb; y++)
			kit_add(&exact, results[a[x]][b[y]]);
	na = list(&exact, a);
	for (unsigned int x = 0; x < na; x++)
		if (!in(&got, a[x], width))
			return false;
	return true;
}

static bool everything(void)
{
	return getenv("DOMAIN_ALL") != NULL;
}

static bool shifts(int op)
{
	return op == DOMAIN_LSH || op == DOMAIN_RSH || op == DOMAIN_ARSH;
}

static void pairs(void)
{
	uint64_t step = everything() ? 1 : 20011, last, cases;

	make_elements(6);
	last = (uint64_t)nelements * nelements;
	for (int op = 0; op < DOMAIN_OP_COUNT; op++) {
		if (shifts(op))
			continue; /* counts are taken modulo a power of two */
		CHECK_CASE("%s of 6 bits", op_names[op]);
		make_results((enum domain_op)op, 6);
		cases = 0;
		for (uint64_t at = (uint64_t)op; at < last; at += step, cases++)
			CHECK_MSG(sound((enum domain_op)op, (uint32_t)(at / nelements),
					(uint32_t)(at % nelements), 6),
				  "pair %llu loses a result", (unsigned long long)at);
		printf("# %s: %llu pairs of %u elements of 6 bits\n", op_names[op],
		       (unsigned long long)cases, nelements);
	}
}

static void constants(void)
{
	uint64_t step = everything() ? 1 : 20011, cases;

	make_elements(8);
	for (int op = 0; op < DOMAIN_OP_COUNT; op++) {
		CHECK_CASE("%s of 8 bits", op_names[op]);
		make_results((enum domain_op)op, 8);
		cases = 0;
		for (uint64_t at = (uint64_t)op; at < (uint64_t)nelements * 256;
		     at += step, cases++) {
			uint32_t i = (uint32_t)(at / 256), c = (uint32_t)(at % 256);

			/* [c, c] is the first range that begins at c */
			c = c * 256 - c * (c - 1) / 2;
			CHECK_MSG(sound((enum domain_op)op, i, c, 8) &&
					  sound((enum domain_op)op, c, i, 8),
				  "element %u, constant %u lose a result", i, c);
		}
		printf("# %s: %llu cases of 8 bits\n", op_names[op], (unsigned long long)cases);
	}
}

CHECK_MAIN({ "pairs", pairs }, { "constants", constants })
