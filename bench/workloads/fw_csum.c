// SPDX-License-Identifier: Apache-2.0
/* A small firewall: access rules, MAC addresses swapped, the sum of the IP header. */
#include "workload.h"

static ALWAYS_INLINE u32 denied(u32 from, u32 to, u16 port)
{
	if ((from & 0xff000000) == 0x7f000000 || (to & 0xf0000000) == 0xe0000000)
		return 1;
	if ((from & 0xffff0000) == 0xac100000 && port == 22)
		return 1;
	if ((from & 0xffffff00) == 0xc0000200 && (port < 80 || port > 443))
		return 1;
	return port == 23 || port == 445 || to == 0x08080404;
}

WORKLOAD(fw_csum)
{
	u32 sum = 0, from, to, mac;
	u16 port, half;

	if (LOAD(u16, p + 12) != 0x0008 || p[14] != 0x45)
		return 2;
	from = __builtin_bswap32(LOAD(u32, p + 26));
	to = __builtin_bswap32(LOAD(u32, p + 30));
	port = __builtin_bswap16(LOAD(u16, p + 36));
	if (denied(from, to, port))
		return 1;
	mac = LOAD(u32, p);
	half = LOAD(u16, p + 4);
	STORE(u32, p, LOAD(u32, p + 6));
	STORE(u16, p + 4, LOAD(u16, p + 10));
	STORE(u32, p + 6, mac);
	STORE(u16, p + 10, half);
	UNROLL(10)
	for (u32 i = 0; i < 10; i++)
		sum += LOAD(u16, p + 14 + i * 2);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}
