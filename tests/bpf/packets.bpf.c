// SPDX-License-Identifier: Apache-2.0
//
// Packet programs whose counts, verdicts and bytes must be equal on both engines.
//
//	SEC("xdp") count_xdp      passes all; counts into the maps below
//	SEC("xdp") judge          ABORTED, DROP, PASS or TX for each frame, by its length and first bytes
//	SEC("xdp") pop_vlan       takes off the outer VLAN tag with xdp_adjust_head
//	SEC("xdp") push_vlan      puts on the tag 802.1Q, number 1234, with xdp_adjust_head
//	SEC("xdp") truncate       cuts frames to 96 bytes with xdp_adjust_tail
//	SEC("xdp") grow           makes frames of less than 128 bytes 16 bytes longer, new bytes 0xa5
//	SEC("tc") count_tc        as count_xdp, TC_ACT_OK; and sum number 5
//
//	ethertypes  BPF_MAP_TYPE_HASH, key __u32 EtherType as read from the frame, value struct traffic
//	lengths     BPF_MAP_TYPE_PERCPU_ARRAY, key __u32 length / 64 (31: more), value __u64 frames
//	sums        BPF_MAP_TYPE_ARRAY, key __u32, value __u64: 0 frames, 1 bytes, 2 sum of folded
//	            bpf_csum_diff over the first 32 bytes, 3 sum of FNV-1a over the first 64 bytes,
//	            4 frames that a helper refused to change, 5 sum of __sk_buff.protocol (network order)
//	verdicts    BPF_MAP_TYPE_ARRAY, key __u32 XDP_*, value __u64 frames judged so

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LENGTHS 32
#define HASHED 64
#define SUMMED 32

enum {
	FRAMES,
	BYTES,
	CHECKSUMS,
	HASHES,
	REFUSED,
	PROTOCOLS,
	SUMS,
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct tag {
	__be16 tci;
	__be16 proto;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct traffic);
} ethertypes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LENGTHS);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SUMS);
	__type(key, __u32);
	__type(value, __u64);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

static __always_inline void add(void *map, __u32 key, __u64 n)
{
	__u64 *old = bpf_map_lookup_elem(map, &key);

	if (old)
		__sync_fetch_and_add(old, n);
}

static __always_inline void count_ethertype(__u32 type, __u64 bytes)
{
	struct traffic first = { .packets = 1, .bytes = bytes };
	struct traffic *t = bpf_map_lookup_elem(&ethertypes, &type);

	if (!t) {
		bpf_map_update_elem(&ethertypes, &type, &first, BPF_NOEXIST);
		return;
	}
	__sync_fetch_and_add(&t->packets, 1);
	__sync_fetch_and_add(&t->bytes, bytes);
}

static __always_inline __u32 hash_frame(__u8 *data, __u8 *end)
{
	__u32 hash = 2166136261u;
	int i;

	for (i = 0; i < HASHED; i++) {
		if (data + i + 1 > end)
			break;
		hash = (hash ^ data[i]) * 16777619u;
	}
	return hash;
}

/* Linux 6.18 returns 16 bits, earlier ones 32 that fold to the same. */
static __always_inline __u32 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline void count_frame(void *data, void *end)
{
	struct ethhdr *eth = data;
	__u64 bytes = end - data;

	add(&sums, FRAMES, 1);
	add(&sums, BYTES, bytes);
	add(&lengths, bytes / 64 < LENGTHS ? bytes / 64 : LENGTHS - 1, 1);
	add(&sums, HASHES, hash_frame(data, end));
	if (data + SUMMED <= end)
		add(&sums, CHECKSUMS, folded(bpf_csum_diff(NULL, 0, data, SUMMED, 0)));
	if ((void *)(eth + 1) <= end)
		count_ethertype(bpf_ntohs(eth->h_proto), bytes);
}

SEC("xdp")
int count_xdp(struct xdp_md *ctx)
{
	count_frame((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	return XDP_PASS;
}

/* XDP_REDIRECT needs a target, and is not among them. */
SEC("xdp")
int judge(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 verdict = (hash_frame(data, end) + (__u32)(end - data)) % 4;

	add(&verdicts, verdict, 1);
	return verdict;
}

SEC("xdp")
int pop_vlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data, saved;

	if ((void *)(eth + 1) + sizeof(struct tag) > end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_8021Q) && eth->h_proto != bpf_htons(ETH_P_8021AD))
		return XDP_PASS;
	saved = *eth;
	saved.h_proto = ((struct tag *)(eth + 1))->proto;
	if (bpf_xdp_adjust_head(ctx, sizeof(struct tag))) {
		add(&sums, REFUSED, 1);
		return XDP_PASS;
	}
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	*eth = saved;
	return XDP_PASS;
}

SEC("xdp")
int push_vlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data, saved;
	struct tag *tag;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	saved = *eth;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct tag))) {
		add(&sums, REFUSED, 1);
		return XDP_PASS;
	}
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	tag = data + sizeof(*eth);
	if ((void *)(tag + 1) > end)
		return XDP_ABORTED;
	*eth = saved;
	tag->tci = bpf_htons(1234);
	tag->proto = saved.h_proto;
	eth->h_proto = bpf_htons(ETH_P_8021Q);
	return XDP_PASS;
}

SEC("xdp")
int truncate(struct xdp_md *ctx)
{
	long bytes = ctx->data_end - ctx->data;

	if (bytes > 96 && bpf_xdp_adjust_tail(ctx, 96 - bytes))
		add(&sums, REFUSED, 1);
	return XDP_PASS;
}

SEC("xdp")
int grow(struct xdp_md *ctx)
{
	long bytes = ctx->data_end - ctx->data;
	__u8 *data, *end;
	int i;

	if (bytes >= 128)
		return XDP_PASS;
	if (bpf_xdp_adjust_tail(ctx, 16)) {
		add(&sums, REFUSED, 1);
		return XDP_PASS;
	}
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	/* known to clang, not to the verifier */
	barrier_var(bytes);
	bytes &= 127;
	if (data + bytes + 16 > end)
		return XDP_ABORTED;
	for (i = 0; i < 16; i++)
		data[bytes + i] = 0xa5;
	return XDP_PASS;
}

SEC("tc")
int count_tc(struct __sk_buff *skb)
{
	count_frame((void *)(long)skb->data, (void *)(long)skb->data_end);
	add(&sums, PROTOCOLS, skb->protocol);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
