// SPDX-License-Identifier: Apache-2.0
//
// A map of 2^32 - 1 entries, the most that a declaration can ask for.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 0xffffffff);
	__type(key, __u32);
	__type(value, __u64);
} everything SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	__u32 key = 1;

	return bpf_map_lookup_elem(&everything, &key) != 0;
}

char LICENSE[] SEC("license") = "GPL";
