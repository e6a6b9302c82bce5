// SPDX-License-Identifier: Apache-2.0
/* Loops through callbacks. */
#include "helper/internal.h"

#define MAX_LOOPS (1u << 23)

BODY(loop)
{
	uint32_t n = (uint32_t)a1;

	if (a4)
		return fail(EINVAL);
	/* The kernel builds this answer into the program, as 32 bits. */
	if (n > MAX_LOOPS)
		return (uint32_t)-E2BIG;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t args[5] = { i, a3 }, ret;

		if (exec_callback(run, a2, args, &ret) < 0)
			return 0;
		if (ret)
			return i + 1;
	}
	return n;
}

/* The engine makes tail calls itself: they do not return to a body. */
BODY(tail_call)
{
	return exec_fault(run, &ERR_TAIL_CALL, NULL);
}
