// SPDX-License-Identifier: Apache-2.0
/* 1000 calls of a function of the program. */
#include "workload.h"

static NOINLINE u64 mix(u64 x, u64 i)
{
	return (x ^ i) + (x >> 3);
}

WORKLOAD(bpf2bpf1000)
{
	u64 x = p[14];

	for (u32 i = 0; i < 1000; i++)
		x = mix(x, i);
	return x;
}
