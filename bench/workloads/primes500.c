// SPDX-License-Identifier: Apache-2.0
/* The primes below 500 by trial division. */
#include "workload.h"

WORKLOAD(primes500)
{
	u32 limit = 500 + (p[14] >> 7),
	    count = 0; /* the first byte of an IPv4 header is below 128 */

	for (u32 n = 2; n < limit && n < 600; n++) {
		u32 d = 2;

		while (d * d <= n && n % d)
			d++;
		count += d * d > n;
	}
	return count;
}
