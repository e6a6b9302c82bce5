// SPDX-License-Identifier: Apache-2.0
// Compiled for both byte orders: what the loader makes of the two must be the same program.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct shape {
	int side;
	unsigned int corners : 5;
} __attribute__((preserve_access_index));

const volatile __u32 step = 0x01020304;

static __noinline __u64 twice(__u64 x)
{
	return x * 2 + step;
}

SEC("socket")
int both(struct __sk_buff *skb)
{
	struct shape *shape = (void *)skb;
	__u32 key = 0x11;
	__u64 *count = bpf_map_lookup_elem(&counts, &key);

	if (count)
		*count += twice(*count) + 0x123456789abcdef0ull + shape->side;
	return __builtin_preserve_field_info(shape->corners, 4) +
	       __builtin_preserve_field_info(shape->corners, 5);
}

char LICENSE[] SEC("license") = "GPL";
