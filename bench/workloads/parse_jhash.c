// SPDX-License-Identifier: Apache-2.0
/* Ethernet, IPv4 and TCP headers down to the five-tuple, and Jenkins' hash of that. */
#include "workload.h"

#define BE16(at) ((u16)__builtin_bswap16(LOAD(u16, at)))

WORKLOAD(parse_jhash)
{
	u32 a, b, c;

	if (BE16(p + 12) != 0x0800)
		return 1;
	p += 14;
	if (p[0] >> 4 != 4 || (p[0] & 15) != 5 || p[9] != 6)
		return 2;
	if (BE16(p + 6) & 0x1fff)
		return 3;
	a = __builtin_bswap32(LOAD(u32, p + 12));
	b = __builtin_bswap32(LOAD(u32, p + 16));
	c = (u32)BE16(p + 20) << 16 | BE16(p + 22);
	a += 0xdeadbeef + 13;
	b += 0xdeadbeef + 13 + p[9];
	c += 0xdeadbeef + 13;
	c = (c ^ b) - ROTL(b, 14, 32);
	a = (a ^ c) - ROTL(c, 11, 32);
	b = (b ^ a) - ROTL(a, 25, 32);
	c = (c ^ b) - ROTL(b, 16, 32);
	a = (a ^ c) - ROTL(c, 4, 32);
	b = (b ^ a) - ROTL(a, 14, 32);
	c = (c ^ b) - ROTL(b, 24, 32);
	return c;
}
