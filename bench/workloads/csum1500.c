// SPDX-License-Identifier: Apache-2.0
/* The sum of the packet's bytes. */
#include "workload.h"

WORKLOAD(csum1500)
{
	u64 sum = 0;

	for (u32 i = 0; i < PACKET_SIZE; i++)
		sum += p[i];
	return sum;
}
