/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checked numbers: sizes and offsets from a file are hostile until they pass through here. All
 * functions are total; the ones that can overflow return false and leave *ret alone.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline bool num_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

static inline bool num_mul(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

/* Does [off, off + len) lie inside [0, size)? An empty range at the end does. */
static inline bool num_inside(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/* Rounds up to a power of two `to`; false on overflow. */
static inline bool num_round_up(uint64_t a, uint64_t to, uint64_t *ret)
{
	uint64_t sum;

	if (!num_add(a, to - 1, &sum))
		return false;
	*ret = sum & ~(to - 1);
	return true;
}

static inline uint64_t num_align(uint64_t a, uint64_t to)
{
	return (a + to - 1) & ~(to - 1);
}

static inline uint64_t num_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t num_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline bool num_is_pow2(uint64_t a)
{
	return a && !(a & (a - 1));
}

#endif
