// SPDX-License-Identifier: Apache-2.0
/* 1000 look-ups in an array, and an increment of what is there. */
#include "workload.h"

WORKLOAD(array1000)
{
	u32 found = p[14];

	for (u32 i = 0; i < 1000; i++) {
		u32 key = i;
		u64 *value = bench_array_at(&key);

		if (value) {
			++*value;
			found++;
		}
	}
	return found;
}
