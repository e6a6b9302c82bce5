// SPDX-License-Identifier: Apache-2.0
/* A state machine of 16 states over 512 bytes. */
#include "workload.h"

static ALWAYS_INLINE u32 step(u32 *acc, u32 state, u32 b)
{
	switch (state) {
	case 0:
		*acc += b;
		return b & 15;
	case 1:
		*acc ^= b << 3;
		return b >> 4;
	case 2:
		*acc -= b;
		return (b + 5) & 15;
	case 3:
		*acc = *acc * 5 + 1;
		return (b ^ 9) & 15;
	case 4:
		*acc |= b;
		return b >> 1 & 15;
	case 5:
		*acc += b << 8;
		return b >> 2 & 15;
	case 6:
		*acc ^= *acc >> 5;
		return b >> 3 & 15;
	case 7:
		*acc += *acc << 2;
		return (b * 3) & 15;
	case 8:
		*acc ^= ~b;
		return (b + 11) & 15;
	case 9:
		*acc -= b << 5;
		return (b ^ b >> 4) & 15;
	case 10:
		*acc = ROTL(*acc, 7, 32);
		return (b - 3) & 15;
	case 11:
		*acc += 0x9e3779b9;
		return (b | 4) & 15;
	case 12:
		*acc ^= b * 17;
		return (b & 11) + 1;
	case 13:
		*acc -= 12345;
		return (b * 7) & 15;
	case 14:
		*acc = *acc << 1 ^ b;
		return (b + 1) & 15;
	default:
		*acc += state;
		return (b ^ 5) & 15;
	}
}

WORKLOAD(switch512)
{
	u32 acc = 0, state = 0;

	for (u32 i = 0; i < 512; i++)
		state = step(&acc, state, p[64 + i]);
	return acc + state;
}
