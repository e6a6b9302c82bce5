// SPDX-License-Identifier: Apache-2.0
/* 1000 atomic additions on the stack. */
#include "workload.h"

WORKLOAD(atomic1000)
{
	u64 x = p[14];

	for (u32 i = 0; i < 1000; i++)
		__sync_fetch_and_add(&x, i);
	return x;
}
