// SPDX-License-Identifier: Apache-2.0
/* The place of the first newline: 1000 bytes into the packet. */
#include "workload.h"

WORKLOAD(strscan1000)
{
	u32 i = 0;

	while (i < 1400 && p[i] != '\n')
		i++;
	return i;
}
