/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars as the kernel's log has them (scalar.h). Observed with bpf(2): a bound is left out where it says nothing
 * for its width, minima of equal value share it and so do maxima, and a number that
 * does not fit in 16 bits is hexadecimal. scalar_oracle_test.c compares.
 */
#include <inttypes.h>

#include "base/num.h"
#include "verify/scalar.h"

struct bound {
	const char *name;
	uint64_t value;
	bool omit, is_signed;
};

void scalar_print_signed(struct buf *out, int64_t x)
{
	if (x >= INT16_MIN && x <= INT16_MAX)
		buf_printf(out, "%" PRId64, x);
	else
		buf_printf(out, "0x%" PRIx64, (uint64_t)x);
}

void scalar_print_unsigned(struct buf *out, uint64_t x)
{
	if (x <= UINT16_MAX)
		buf_printf(out, "%" PRIu64, x);
	else
		buf_printf(out, "0x%" PRIx64, x);
}

/*
 * A 32-bit bound as the number that is compared with the others and printed: sign-extended only where it will be
 * decimal, since in hexadecimal the extended number is another one.
 */
static uint64_t narrow_signed(int32_t x)
{
	return x >= INT16_MIN && x <= INT16_MAX ? (uint64_t)(int64_t)x : (uint32_t)x;
}

static bool shares(const struct bound *a, const struct bound *b)
{
	bool negative_a = a->is_signed && (int64_t)a->value < 0;
	bool negative_b = b->is_signed && (int64_t)b->value < 0;

	return a->value == b->value && negative_a == negative_b;
}

void scalar_print_bounds(struct buf *out, const struct scalar *s, const char *sep)
{
	/* A minimum at every even place. */
	struct bound bounds[] = {
		{ "smin", (uint64_t)s->smin, s->smin == INT64_MIN, true },
		{ "smax", (uint64_t)s->smax, s->smax == INT64_MAX, true },
		{ "umin", s->umin, !s->umin, false },
		{ "umax", s->umax, s->umax == UINT64_MAX, false },
		{ "smin32", narrow_signed(s->s32_min), s->s32_min == INT32_MIN, true },
		{ "smax32", narrow_signed(s->s32_max), s->s32_max == INT32_MAX, true },
		{ "umin32", s->u32_min, !s->u32_min, false },
		{ "umax32", s->u32_max, s->u32_max == UINT32_MAX, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		if (bounds[i].omit)
			continue;
		buf_printf(out, "%s%s=", sep, bounds[i].name);
		sep = ",";
		for (size_t k = i + 2; k < ARRAY_SIZE(bounds); k += 2) {
			if (bounds[k].omit || !shares(&bounds[i], &bounds[k]))
				continue;
			bounds[k].omit = true;
			buf_printf(out, "%s=", bounds[k].name);
		}
		if (bounds[i].is_signed)
			scalar_print_signed(out, (int64_t)bounds[i].value);
		else
			scalar_print_unsigned(out, bounds[i].value);
	}
	if (!tnum_is_unknown(s->t))
		buf_printf(out, "%svar_off=(0x%" PRIx64 "; 0x%" PRIx64 ")", sep, s->t.value,
			   s->t.mask);
}

void scalar_print(struct buf *out, const struct scalar *s)
{
	if (scalar_is_const(s)) {
		scalar_print_signed(out, (int64_t)scalar_value(s));
		return;
	}
	buf_adds(out, "scalar(");
	scalar_print_bounds(out, s, "");
	buf_addc(out, ')');
}
