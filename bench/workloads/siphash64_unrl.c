// SPDX-License-Identifier: Apache-2.0
/* SipHash of 64 bytes without a loop. */
#include "siphash.h"

WORKLOAD(siphash64_unrl)
{
	struct sip s;

	sip_init(&s, LOAD(u64, p), LOAD(u64, p + 8));
	UNROLL(8)
	for (u32 i = 0; i < 8; i++)
		sip_word(&s, LOAD(u64, p + 64 + i * 8));
	return sip_end(&s, 64);
}
