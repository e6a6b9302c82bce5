// SPDX-License-Identifier: Apache-2.0
// Two types of core_target.bpf.c have this field, at different offsets.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct twice {
	int field;
} __attribute__((preserve_access_index));

SEC("socket")
int unsure(struct __sk_buff *ctx)
{
	return ((struct twice *)ctx)->field;
}

SEC("socket")
int sure(struct __sk_buff *ctx)
{
	return bpf_core_field_exists(struct twice, field);
}

char LICENSE[] SEC("license") = "GPL";
