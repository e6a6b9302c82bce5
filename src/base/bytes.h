/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unaligned access to bytes of either order. A file's byte order is a bool `swap` (true: not the
 * host's) that travels with the bytes.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_u16(const void *p, bool swap)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap16(v) : v;
}

static inline uint32_t bytes_u32(const void *p, bool swap)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap32(v) : v;
}

static inline uint64_t bytes_u64(const void *p, bool swap)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap64(v) : v;
}

/* The unsigned value of `size` (1, 2, 4, 8) host-order bytes; 0 for other sizes. */
static inline uint64_t bytes_uint(const void *p, unsigned int size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return bytes_u16(p, false);
	case 4:
		return bytes_u32(p, false);
	case 8:
		return bytes_u64(p, false);
	default:
		return 0;
	}
}

/* Stores the low `size` (1, 2, 4, 8) bytes of @v in host order. */
static inline void bytes_put_uint(void *p, unsigned int size, uint64_t v)
{
	uint8_t b = (uint8_t)v;
	uint16_t h = (uint16_t)v;
	uint32_t w = (uint32_t)v;

	if (size == 1)
		memcpy(p, &b, 1);
	else if (size == 2)
		memcpy(p, &h, 2);
	else if (size == 4)
		memcpy(p, &w, 4);
	else if (size == 8)
		memcpy(p, &v, 8);
}

#endif
