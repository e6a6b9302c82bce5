/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 (Aumasson and Bernstein, 2012) of whole words. */
#ifndef BENCH_SIPHASH_H
#define BENCH_SIPHASH_H

#include "workload.h"

struct sip {
	u64 a, b, c, d;
};

static ALWAYS_INLINE void sip_init(struct sip *s, u64 k0, u64 k1)
{
	s->a = k0 ^ 0x736f6d6570736575ull;
	s->b = k1 ^ 0x646f72616e646f6dull;
	s->c = k0 ^ 0x6c7967656e657261ull;
	s->d = k1 ^ 0x7465646279746573ull;
}

static ALWAYS_INLINE void sip_round(struct sip *s)
{
	s->a += s->b;
	s->b = ROTL(s->b, 13, 64) ^ s->a;
	s->a = ROTL(s->a, 32, 64);
	s->c += s->d;
	s->d = ROTL(s->d, 16, 64) ^ s->c;
	s->a += s->d;
	s->d = ROTL(s->d, 21, 64) ^ s->a;
	s->c += s->b;
	s->b = ROTL(s->b, 17, 64) ^ s->c;
	s->c = ROTL(s->c, 32, 64);
}

static ALWAYS_INLINE void sip_word(struct sip *s, u64 m)
{
	s->d ^= m;
	sip_round(s);
	sip_round(s);
	s->a ^= m;
}

static ALWAYS_INLINE u64 sip_end(struct sip *s, u64 len)
{
	sip_word(s, len << 56);
	s->c ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->a ^ s->b ^ s->c ^ s->d;
}

#endif
