// SPDX-License-Identifier: Apache-2.0
//
// A map as objects declared them before BTF, which loaders no longer take.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct old_map {
	unsigned int type, key_size, value_size, max_entries, map_flags;
};

struct old_map SEC("maps") counts = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 16,
};

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	__u32 key = 1;

	return bpf_map_lookup_elem(&counts, &key) != 0;
}

char LICENSE[] SEC("license") = "GPL";
