// SPDX-License-Identifier: Apache-2.0
// Maps as they were written before BTF: refused, with the words to write instead.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct old_definition {
	unsigned int type, key_size, value_size, max_entries, map_flags;
};

struct old_definition counts SEC("maps") = { BPF_MAP_TYPE_HASH, 4, 8, 10, 0 };

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&counts, &key) != 0;
}

char LICENSE[] SEC("license") = "GPL";
