// SPDX-License-Identifier: Apache-2.0
/* 1000 updates of what is in a hash table. */
#include "workload.h"

WORKLOAD(hash_upd1000)
{
	u32 failed = p[14];

	for (u32 i = 0; i < 1000; i++) {
		u64 key = i, value = i * 3;

		failed += bench_hash_put(&key, &value) != 0;
	}
	return failed;
}
