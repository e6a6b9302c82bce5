// SPDX-License-Identifier: Apache-2.0
/* SipHash of 256 bytes, in a loop. */
#include "siphash.h"

WORKLOAD(siphash256)
{
	struct sip s;

	sip_init(&s, LOAD(u64, p), LOAD(u64, p + 8));
#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
	for (u32 i = 0; i < 32; i++)
		sip_word(&s, LOAD(u64, p + 64 + i * 8));
	return sip_end(&s, 256);
}
