// SPDX-License-Identifier: Apache-2.0
/* Marsaglia's 64-bit xorshift, 10,000 dependent steps. */
#include "workload.h"

WORKLOAD(xorshift10k)
{
	u64 x = LOAD(u64, p + 64) | 1;

	for (u32 i = 0; i < 10000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x ^ x >> 32;
}
