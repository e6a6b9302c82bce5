/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's scalars at small widths, against going through every number (domain_kit.h).
 *
 * The elements of 4 bits (with ranges of the low 2) are the best abstractions of all 65,535 sets. Every operation
 * and every comparison is done on pairs of them: on every pair with DOMAIN_ALL=1, else on every few hundredth.
 * Elements of 6 and 8 bits are made from random bounds. Soundness has no exception; how often a result is the
 * best there is, is printed, and asserted from below so that it does not get worse unseen.
 */
#include "check.h"
#include "domain_kit.h"

#define WIDTH 4

static struct scalar elements[65536];
static struct kit_set sets[65536];
static uint32_t nelements;

static const char *const op_names[] = { "add", "sub", "mul", "div", "sdiv", "mod",  "smod",
					"or",  "and", "xor", "lsh", "rsh",  "arsh", "mov" };
static const char *const cond_names[] = { "==", "!=", "<", "<=", "s<", "s<=", "&", "!&" };

static bool same(const struct scalar *a, const struct scalar *b)
{
	return kit_same_numbers(a, b) && tnum_equal(a->t, b->t);
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct scalar));
}

static void make_elements(void)
{
	uint32_t n = 0;

	if (nelements)
		return;
	memset(elements, 0, sizeof(elements));
	for (uint32_t bits = 1; bits < 65536; bits++) {
		struct kit_set set = { { bits } };

		elements[n++] = kit_best(&set, WIDTH);
	}
	qsort(elements, n, sizeof(elements[0]), order);
	for (uint32_t i = 0; i < n; i++)
		if (!nelements || !same(&elements[nelements - 1], &elements[i]))
			elements[nelements++] = elements[i];
	for (uint32_t i = 0; i < nelements; i++)
		sets[i] = kit_members(&elements[i], WIDTH);
}

/*
 * Tables for 4 bits, where a set is a word: the element that is best for a set, and the set of what an operation
 * makes of one number and the members of a set.
 */
static uint32_t closest[65536];
static uint16_t image[16][65536];

static void make_closest(void)
{
	make_elements();
	if (closest[65535])
		return;
	for (uint32_t bits = 1; bits < 65536; bits++) {
		struct kit_set set = { { bits } };
		struct scalar best = kit_best(&set, WIDTH), *at;

		at = bsearch(&best, elements, nelements, sizeof(best), order);
		closest[bits] = at ? (uint32_t)(at - elements) : 0;
	}
}

static void make_image(enum domain_op op, bool narrow)
{
	unsigned int at = narrow ? WIDTH / 2 : WIDTH, ones = (1u << at) - 1;

	for (unsigned int x = 0; x < 16; x++)
		for (uint32_t bits = 1; bits < 65536; bits++) {
			unsigned int y = (unsigned int)__builtin_ctz(bits);

			image[x][bits] = (uint16_t)(image[x][bits & (bits - 1)] |
						    1u << kit_alu(op, x & ones, y & ones, at));
		}
}

static struct kit_set image_of(const struct kit_set *a, const struct kit_set *b)
{
	struct kit_set ret = { { 0 } };

	for (uint64_t bits = a->word[0]; bits; bits &= bits - 1)
		ret.word[0] |= image[__builtin_ctzll(bits)][b->word[0]];
	return ret;
}

/* kit_judge() of 4 bits: most results are the best, which the table has. */
static bool judge(struct kit_figures *f, const struct scalar *ours, const struct kit_set *exact)
{
	if (!same(ours, &elements[closest[exact->word[0]]]))
		return kit_judge(f, ours, exact, WIDTH);
	f->cases++;
	f->best++;
	return true;
}

static bool everything(void)
{
	return getenv("DOMAIN_ALL") != NULL;
}

static void figures(const char *what, const struct kit_figures *f)
{
	printf("# %-12s %9" PRIu64 " cases  best %5.1f %%  excess %.3f bits\n", what, f->cases,
	       100.0 * (double)f->best / (double)f->cases, f->excess / (double)f->cases);
}

static struct kit_set results(enum domain_op op, bool narrow, const struct kit_set *a,
			      const struct kit_set *b, unsigned int width)
{
	unsigned int at = narrow ? width / 2 : width, ones = (1u << at) - 1;
	struct kit_set ret = { { 0 } };

	for (unsigned int x = 0; x < 1u << width; x++)
		for (unsigned int y = 0; kit_has(a, x) && y < 1u << width; y++)
			if (kit_has(b, y))
				kit_add(&ret, kit_alu(op, x & ones, y & ones, at));
	return ret;
}

static void elements_are_reduced(void)
{
	uint32_t bad = 0;

	make_elements();
	for (uint32_t i = 0; i < nelements; i++) {
		struct scalar s = elements[i];

		bad += !domain_reduce(&s, WIDTH) || !same(&s, &elements[i]);
	}
	CHECK_EQ_INT(bad, 0);
	printf("# %u elements of %d bits\n", nelements, WIDTH);
	CHECK(nelements > 1000);
}

static void judge_pair(enum domain_op op, bool narrow, uint32_t i, uint32_t k,
		       struct kit_figures *f)
{
	struct scalar got = domain_alu(op, narrow, &elements[i], &elements[k], WIDTH);
	struct kit_set exact = image_of(&sets[i], &sets[k]);

	CHECK_MSG(judge(f, &got, &exact), "%s%s of elements %u and %u loses a result", op_names[op],
		  narrow ? "32" : "64", i, k);
}

static void alu_of_pairs(void)
{
	uint64_t step = everything() ? 1 : 1009, last;

	make_closest();
	last = (uint64_t)nelements * nelements;
	for (int narrow = 0; narrow < 2; narrow++)
		for (int op = 0; op < DOMAIN_OP_COUNT; op++) {
			struct kit_figures f = { 0 };

			CHECK_CASE("%s%s", op_names[op], narrow ? "32" : "64");
			make_image((enum domain_op)op, narrow);
			for (uint64_t at = (uint64_t)op % step; at < last; at += step)
				judge_pair((enum domain_op)op, narrow, (uint32_t)(at / nelements),
					   (uint32_t)(at % nelements), &f);
			CHECK(f.cases > 1000);
			figures(check_state.name, &f);
		}
}

static void alu_by_constants(void)
{
	uint32_t step = everything() ? 1 : 29;

	make_elements();
	for (int op = 0; op < DOMAIN_OP_COUNT; op++) {
		struct kit_figures f = { 0 };

		CHECK_CASE("%s", op_names[op]);
		for (unsigned int c = 0; c < 1u << WIDTH; c++) {
			struct kit_set one = { { 1ull << c } };
			struct scalar by = kit_best(&one, WIDTH);

			for (uint32_t i = (uint32_t)op; i < nelements; i += step) {
				struct scalar got = domain_alu((enum domain_op)op, false,
							       &elements[i], &by, WIDTH);
				struct kit_set exact =
					results((enum domain_op)op, false, &sets[i], &one, WIDTH);

				CHECK_MSG(kit_judge(&f, &got, &exact, WIDTH),
					  "element %u %s %u loses a result", i, op_names[op], c);
			}
		}
		figures(check_state.name, &f);
	}
}

/* For each number, the numbers that may stand on its right so that the comparison holds; and on its left. */
static uint16_t partners[2][16];

static void make_partners(enum domain_cond cond, bool narrow)
{
	unsigned int at = narrow ? WIDTH / 2 : WIDTH, ones = (1u << at) - 1;

	memset(partners, 0, sizeof(partners));
	for (unsigned int x = 0; x < 16; x++)
		for (unsigned int y = 0; y < 16; y++)
			if (kit_holds(cond, x & ones, y & ones, at)) {
				partners[0][x] |= (uint16_t)(1u << y);
				partners[1][y] |= (uint16_t)(1u << x);
			}
}

static struct kit_set left(const struct kit_set *a, const struct kit_set *b, bool flip)
{
	struct kit_set ret = { { 0 } };

	for (unsigned int x = 0; x < 16; x++)
		if (kit_has(a, x) && partners[flip][x] & b->word[0])
			kit_add(&ret, x);
	return ret;
}

/* Figures of f[0]: both operands; f[1]: impossible ways, of which `best` were seen. */
static void judge_branch(enum domain_cond cond, bool narrow, uint32_t i, uint32_t k,
			 struct kit_figures f[2])
{
	struct kit_set of_a = left(&sets[i], &sets[k], false);
	struct kit_set of_b = left(&sets[k], &sets[i], true);
	struct scalar a = elements[i], b = elements[k];
	bool possible = domain_refine(cond, narrow, &a, &b, WIDTH);

	if (!kit_count(&of_a)) {
		f[1].cases++;
		f[1].best += !possible;
		return;
	}
	if (!CHECK_MSG(possible, "elements %u %s %u: a way that exists is lost", i,
		       cond_names[cond], k))
		return;
	CHECK_MSG(judge(&f[0], &a, &of_a), "elements %u %s %u: the left loses a number", i,
		  cond_names[cond], k);
	CHECK_MSG(judge(&f[0], &b, &of_b), "elements %u %s %u: the right loses a number", i,
		  cond_names[cond], k);
}

static void branches_of_pairs(void)
{
	uint64_t step = everything() ? 1 : 1009, last;

	make_closest();
	last = (uint64_t)nelements * nelements;
	for (int narrow = 0; narrow < 2; narrow++)
		for (int cond = 0; cond < DOMAIN_COND_COUNT; cond++) {
			struct kit_figures f[2] = { { 0 }, { 0 } };

			CHECK_CASE("%s%s", cond_names[cond], narrow ? " of halves" : "");
			make_partners((enum domain_cond)cond, narrow);
			for (uint64_t at = (uint64_t)cond % step; at < last; at += step)
				judge_branch((enum domain_cond)cond, narrow,
					     (uint32_t)(at / nelements), (uint32_t)(at % nelements),
					     f);
			CHECK(f[0].cases > 1000);
			figures(check_state.name, &f[0]);
			printf("#   %" PRIu64 " of %" PRIu64 " impossible ones seen\n", f[1].best,
			       f[1].cases);
		}
}

static void lattice_of_pairs(void)
{
	uint64_t step = everything() ? 1 : 997, last;
	struct kit_figures join = { 0 }, meet = { 0 };

	make_elements();
	last = (uint64_t)nelements * nelements;
	for (uint64_t at = 0; at < last; at += step) {
		uint32_t i = (uint32_t)(at / nelements), k = (uint32_t)(at % nelements);
		struct scalar s = domain_join(&elements[i], &elements[k], WIDTH);
		struct kit_set either = sets[i], both = sets[i];

		either.word[0] |= sets[k].word[0];
		both.word[0] &= sets[k].word[0];
		CHECK_MSG(kit_judge(&join, &s, &either, WIDTH), "join of %u and %u", i, k);
		if (domain_meet(&elements[i], &elements[k], WIDTH, &s))
			CHECK_MSG(kit_count(&both) && kit_judge(&meet, &s, &both, WIDTH),
				  "meet of %u and %u", i, k);
		else
			CHECK_MSG(!kit_count(&both), "meet of %u and %u is not empty", i, k);
	}
	CHECK_EQ_INT(join.best, join.cases);
	CHECK_EQ_INT(meet.best, meet.cases);
}

/* Bounds that nobody has made fit together. */
static struct scalar raw(uint64_t *state, unsigned int width)
{
	uint64_t ones = width_ones(width), low = width_ones(width / 2), r = kit_random(state);
	struct scalar s = domain_full(width);

	if (r & 1) {
		s.t.mask = kit_random(state) & ones;
		s.t.value = kit_random(state) & ones & ~s.t.mask;
	}
	if (r & 2) {
		s.umin = kit_random(state) & ones;
		s.umax = s.umin + kit_random(state) % (ones - s.umin + 1);
	}
	if (r & 4) {
		s.smin = width_sext(kit_random(state) & ones, width);
		s.smax = s.smin +
			 (int64_t)(kit_random(state) % (uint64_t)(width_smax(width) - s.smin + 1));
	}
	if (r & 8) {
		s.u32_min = (uint32_t)(kit_random(state) & low);
		s.u32_max = s.u32_min + (uint32_t)(kit_random(state) % (low - s.u32_min + 1));
	}
	if (r & 16) {
		s.s32_min = (int32_t)width_sext(kit_random(state) & low, width / 2);
		s.s32_max =
			s.s32_min + (int32_t)(kit_random(state) %
					      (uint64_t)(width_smax(width / 2) - s.s32_min + 1));
	}
	return s;
}

static void reduction_is_exact(void)
{
	static const unsigned int widths[] = { 2, 4, 6, 8 };
	uint32_t rounds = everything() ? 3000000 : 30000;

	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		unsigned int width = widths[w];
		uint32_t empty = 0, bits = 0, full = 0;
		uint64_t state = 42 + w;

		CHECK_CASE("%u bits", width);
		for (uint32_t i = 0; i < rounds; i++) {
			struct scalar s = raw(&state, width), best;
			struct kit_set set = kit_members(&s, width);

			if (!kit_count(&set)) {
				empty++;
				CHECK(!domain_reduce(&s, width));
				continue;
			}
			best = kit_best(&set, width);
			full++;
			CHECK(domain_reduce(&s, width));
			CHECK_MSG(kit_same_numbers(&s, &best), "round %u: the bounds are not best",
				  i);
			CHECK_MSG(tnum_in(best.t, s.t), "round %u: the bits lose a number", i);
			bits += tnum_equal(best.t, s.t);
		}
		printf("# %u bits: %u empty, bits best in %.2f %% of %u\n", width, empty,
		       100.0 * bits / full, full);
		CHECK(bits > full * 0.95);
	}
}

/* Wider elements: random ones, with random partners. */
static void random_pairs(void)
{
	static const unsigned int widths[] = { 6, 8 };
	uint32_t rounds = everything() ? 40000 : 150;

	for (size_t w = 0; w < ARRAY_SIZE(widths); w++)
		for (int op = 0; op < DOMAIN_OP_COUNT; op++) {
			unsigned int width = widths[w];
			struct kit_figures f = { 0 };
			uint64_t state = 1000 * w + (uint64_t)op + 1;

			if (width == 6 &&
			    (op == DOMAIN_LSH || op == DOMAIN_RSH || op == DOMAIN_ARSH))
				continue; /* counts are taken modulo a power of two */
			CHECK_CASE("%s of %u bits", op_names[op], width);
			for (uint32_t i = 0; i < rounds; i++) {
				struct scalar a = raw(&state, width), b = raw(&state, width), s;
				struct kit_set sa, sb;
				bool narrow = i & 1;

				if (!domain_reduce(&a, width) || !domain_reduce(&b, width))
					continue;
				sa = kit_members(&a, width);
				sb = kit_members(&b, width);
				sa = results((enum domain_op)op, narrow, &sa, &sb, width);
				s = domain_alu((enum domain_op)op, narrow, &a, &b, width);
				CHECK_MSG(kit_judge(&f, &s, &sa, width), "round %u loses a result",
					  i);
			}
			figures(check_state.name, &f);
		}
}

static void extensions(void)
{
	make_elements();
	for (unsigned int bits = 1; bits <= WIDTH; bits++)
		for (int how = 0; how < 3; how++) {
			unsigned int to = how == 2 ? WIDTH / 2 : WIDTH;
			struct kit_figures f = { 0 };

			if (bits > to || (bits > WIDTH / 2 && bits < WIDTH))
				continue;
			CHECK_CASE("%s of %u bits to %u", how ? "sign" : "zero", bits, to);
			for (uint32_t i = 0; i < nelements; i++) {
				struct scalar got =
					how ? domain_sext(&elements[i], bits, how == 2, WIDTH) :
					      domain_zext(&elements[i], bits, WIDTH);
				struct kit_set exact = { { 0 } };

				for (unsigned int x = 0; x < 1u << WIDTH; x++) {
					unsigned int low = x & ((1u << bits) - 1);

					if (!kit_has(&sets[i], x))
						continue;
					if (how)
						low = (unsigned int)kit_signed(low, bits) &
						      ((1u << to) - 1);
					kit_add(&exact, low);
				}
				CHECK_MSG(kit_judge(&f, &got, &exact, WIDTH),
					  "element %u loses a result", i);
			}
			figures(check_state.name, &f);
		}
}

CHECK_MAIN({ "elements_are_reduced", elements_are_reduced },
	   { "reduction_is_exact", reduction_is_exact }, { "alu_of_pairs", alu_of_pairs },
	   { "alu_by_constants", alu_by_constants }, { "branches_of_pairs", branches_of_pairs },
	   { "lattice_of_pairs", lattice_of_pairs }, { "random_pairs", random_pairs },
	   { "extensions", extensions })
