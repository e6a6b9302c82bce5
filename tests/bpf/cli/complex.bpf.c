// SPDX-License-Identifier: Apache-2.0
/* More paths than the verifier walks: each step doubles the states, none is like another. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int many(struct xdp_md *ctx)
{
	unsigned long long sum = 0;

#pragma unroll
	for (int i = 0; i < 40; i++) {
		if (bpf_get_prandom_u32() & 1)
			sum = sum * 3 + i;
		asm volatile("" : "+r"(sum));
	}
	return sum == 17 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
