// SPDX-License-Identifier: Apache-2.0
/* The sum of 256 bytes without a loop. */
#include "workload.h"

WORKLOAD(csum256_unrl)
{
	u64 sum = 0;

	UNROLL(256)
	for (u32 i = 0; i < 256; i++)
		sum += p[i];
	return sum;
}
