// SPDX-License-Identifier: Apache-2.0
/* A long program: 300 branches that depend on the packet, each with some arithmetic. */
#include "workload.h"

#define BLOCK(n)                                    \
	b = p[64 + (n)*4 % 1400];                   \
	if (b & 1 << (n) % 7) {                     \
		x ^= x << 5;                        \
		y += x ^ ((n)*0x12345u & 0xffffff); \
	} else {                                    \
		y ^= y >> 3;                        \
		x += (n) % 5 < 2 ? y : 0;           \
	}
#define BLOCKS4(n) BLOCK(n) BLOCK(n + 1) BLOCK(n + 2) BLOCK(n + 3)
#define BLOCKS20(n) BLOCKS4(n) BLOCKS4(n + 4) BLOCKS4(n + 8) BLOCKS4(n + 12) BLOCKS4(n + 16)
#define BLOCKS100(n) BLOCKS20(n) BLOCKS20(n + 20) BLOCKS20(n + 40) BLOCKS20(n + 60) BLOCKS20(n + 80)

WORKLOAD(large4k6)
{
	u64 x = p[14], y = 1, b;

	BLOCKS100(0)
	BLOCKS100(100)
	BLOCKS100(200)
	return x ^ y ^ (x ^ y) >> 32;
}
