// SPDX-License-Identifier: Apache-2.0
/* Checksums (RFC 1071) and redirection. */
#include "helper/internal.h"

#define XDP_ABORTED 0
#define XDP_REDIRECT 4
#define TC_ACT_SHOT 2
#define TC_ACT_REDIRECT 7
#define F_INGRESS 1u

static uint32_t add(uint32_t a, uint32_t b)
{
	uint32_t sum = a + b;

	return sum + (sum < a);
}

/* Ones' complement sum of 32-bit words, the last one filled up with zeroes. */
static uint32_t sum_words(const uint8_t *at, uint64_t size, uint32_t sum)
{
	for (uint64_t i = 0; i < size; i += 4) {
		uint32_t word = 0;

		memcpy(&word, at + i, num_min(4, size - i));
		sum = add(sum, word);
	}
	return sum;
}

static uint32_t to_16(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return sum;
}

BODY(csum_diff)
{
	uint32_t from_size = (uint32_t)a2, to_size = (uint32_t)a4, seed = (uint32_t)a5, sum = seed;

	if (to_size)
		sum = sum_words(pointer(a3), to_size, seed);
	if (from_size && to_size)
		sum = add(sum, ~sum_words(pointer(a1), from_size, 0));
	else if (from_size)
		sum = ~sum_words(pointer(a1), from_size, ~seed);
	return to_16(sum);
}

BODY(redirect)
{
	const uint8_t *packet;
	uint64_t len;
	bool xdp = packet_of(run, &packet, &len) == PACKET_XDP;

	if (a2 & ~(uint64_t)(xdp ? 0 : F_INGRESS))
		return xdp ? XDP_ABORTED : TC_ACT_SHOT;
	if (run->host && run->host->redirect)
		run->host->redirect(run->host_ctx, (uint32_t)a1, a2);
	return xdp ? XDP_REDIRECT : TC_ACT_REDIRECT;
}
