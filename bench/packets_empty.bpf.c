// SPDX-License-Identifier: Apache-2.0
// Does nothing with a packet: what is left is the cost of the source.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
