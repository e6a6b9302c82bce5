// SPDX-License-Identifier: Apache-2.0
/* Programs that are rejected, for `skep verify`. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64[8]);
} counts SEC(".maps");

/* Three errors that have nothing to do with each other. */
SEC("xdp")
int three(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u32 key = 0, i;
	__u64 *v = bpf_map_lookup_elem(&counts, &key);

	*v += 1;
	if (data + 4 > end)
		return XDP_PASS;
	if (eth->h_proto == 8)
		return XDP_DROP;
	i = eth->h_source[2];
	if (i < 100)
		v[i] = 5;
	return XDP_PASS;
}

SEC("xdp")
int fine(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u32 key = 0, i;
	__u64 *v = bpf_map_lookup_elem(&counts, &key);

	if (!v)
		return XDP_PASS;
	*v += 1;
	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == 8)
		return XDP_DROP;
	i = eth->h_source[2];
	if (i < 8)
		v[i] = 5;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
