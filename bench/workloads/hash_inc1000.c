// SPDX-License-Identifier: Apache-2.0
/* 1000 look-ups in a hash table, and an increment of what is there. */
#include "workload.h"

WORKLOAD(hash_inc1000)
{
	u32 found = p[14];

	for (u32 i = 0; i < 1000; i++) {
		u64 key = i;
		u64 *value = bench_hash_at(&key);

		if (value) {
			++*value;
			found++;
		}
	}
	return found;
}
