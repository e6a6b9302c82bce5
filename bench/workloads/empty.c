// SPDX-License-Identifier: Apache-2.0
/* What a call costs. */
#include "workload.h"

WORKLOAD(empty)
{
	(void)p;
	return 0;
}
