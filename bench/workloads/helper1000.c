// SPDX-License-Identifier: Apache-2.0
/* 1000 calls of a helper that does next to nothing. */
#include "workload.h"

WORKLOAD(helper1000)
{
	u64 x = p[14];

	for (u32 i = 0; i < 1000; i++)
		x += bench_trivial(i);
	return x;
}
