/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of the kernel's lib/test_bpf.c need to expand in user space. The tables themselves and the macros
 * that they use are taken from Debian's package when they are measured (tools/corpora-test-bpf), into tables.inc.
 */
#ifndef TESTS_CORPORA_TEST_BPF_H
#define TESTS_CORPORA_TEST_BPF_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define BIT(n) (1u << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define S16_MAX INT16_MAX
#define S32_MAX INT32_MAX
#define S32_MIN INT32_MIN
#define U32_MAX UINT32_MAX
#define S64_MAX INT64_MAX
#define BPF_ADDR_SPACE_CAST 1
#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80 /* RFC 9669 section 5.2 */
#endif
#define MAX_TAIL_CALL_CNT 33
#define GFP_KERNEL 0
#define kmalloc_array(n, size, flags) calloc(n, size)
#define kmalloc(size, flags) calloc(1, size)
#define kfree(p) free(p)
#define pr_info(...) ((void)0)
#define BUG_ON(cond) ((cond) ? abort() : (void)0)
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define swab16(x) __builtin_bswap16(x)
#define swab32(x) __builtin_bswap32(x)
#define swab64(x) __builtin_bswap64(x)
#define cpu_to_le16(x) ((u16)(x))
#define cpu_to_le32(x) ((u32)(x))
#define cpu_to_le64(x) ((u64)(x))
#define cpu_to_be16(x) swab16(x)
#define cpu_to_be32(x) swab32(x)
#define cpu_to_be64(x) swab64(x)
#define do_div(n, base) ((n) /= (base))

static inline u64 div64_u64_rem(u64 a, u64 b, u64 *ret_rem)
{
	*ret_rem = a % b;
	return a / b;
}

static inline u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}

static inline s64 div64_s64(s64 a, s64 b)
{
	return a / b;
}

/* Tausworthe generator of four components (L'Ecuyer, Tables of maximally-equidistributed combined LFSR generators,
 * 1999), seeded so that each component is valid. */
struct rnd_state {
	u32 s[4];
};

static inline u32 rnd_seed(u32 x, u32 least)
{
	return x < least ? x + least : x;
}

static inline void prandom_seed_state(struct rnd_state *r, u64 seed)
{
	u32 x = (u32)(seed >> 32 ^ seed << 10 ^ seed);

	r->s[0] = rnd_seed(x, 2);
	r->s[1] = rnd_seed(x, 8);
	r->s[2] = rnd_seed(x, 16);
	r->s[3] = rnd_seed(x, 128);
}

static inline u32 rnd_step(u32 s, int a, int b, u32 mask, int c)
{
	return (s & mask) << c ^ ((s << a ^ s) >> b);
}

static inline u32 prandom_u32_state(struct rnd_state *r)
{
	r->s[0] = rnd_step(r->s[0], 6, 13, ~1u, 18);
	r->s[1] = rnd_step(r->s[1], 2, 27, ~7u, 2);
	r->s[2] = rnd_step(r->s[2], 13, 21, ~15u, 7);
	r->s[3] = rnd_step(r->s[3], 3, 12, ~127u, 13);
	return r->s[0] ^ r->s[1] ^ r->s[2] ^ r->s[3];
}

/* In the kernel only that of the host is defined. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#undef __BIG_ENDIAN
#else
#undef __LITTLE_ENDIAN
#endif

#include "tables.inc"

#endif
