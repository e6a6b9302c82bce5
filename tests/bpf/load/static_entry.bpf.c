// SPDX-License-Identifier: Apache-2.0
// A program that is static: nothing outside the object could name it.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
static int entry(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
