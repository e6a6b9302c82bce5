// SPDX-License-Identifier: Apache-2.0
/* 64 calls of a helper, one after the other. */
#include "workload.h"

WORKLOAD(helper64_unrl)
{
	u64 x = p[14];

	UNROLL(64)
	for (u32 i = 0; i < 64; i++)
		x += bench_trivial(i);
	return x;
}
