// SPDX-License-Identifier: Apache-2.0
/* 64 words from one half of the packet to the other. */
#include "workload.h"

WORKLOAD(copy512)
{
	const u64 *from = (const u64 *)(p + 64);
	u64 *to = (u64 *)(p + 640);

	for (u32 i = 0; i < 64; i++)
		to[i] = from[i];
	return to[63];
}
