// SPDX-License-Identifier: Apache-2.0
//
// What a packet program reads in its context, field by field, so that both engines can be compared.
// Map `seen` has the last packet's: word n is the 4 bytes at offset 4 * n of struct __sk_buff or struct
// xdp_md; instead of pointers, `length` and `meta` have the distances. `runs` counts packets.

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define WORDS 48

struct seen {
	__u64 runs;
	__u64 length;
	__u64 meta;
	__u32 head[4]; /* bytes 0 to 15 of the data */
	__u32 words[WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

#define KEEP(field) s->words[__builtin_offsetof(struct __sk_buff, field) / 4] = skb->field

static __always_inline struct seen *look(void *data, void *end, void *meta)
{
	__u32 zero = 0;
	struct seen *s = bpf_map_lookup_elem(&seen, &zero);

	if (!s)
		return NULL;
	s->runs++;
	s->length = end - data;
	s->meta = data - meta;
	if (data + sizeof(s->head) <= end)
		__builtin_memcpy(s->head, data, sizeof(s->head));
	return s;
}

SEC("tc")
int tc_fields(struct __sk_buff *skb)
{
	struct seen *s = look((void *)(long)skb->data, (void *)(long)skb->data_end,
			      (void *)(long)skb->data_meta);
	__u64 tstamp = skb->tstamp;

	if (!s)
		return TC_ACT_SHOT;
	KEEP(len);
	KEEP(pkt_type);
	KEEP(mark);
	KEEP(queue_mapping);
	KEEP(protocol);
	KEEP(vlan_present);
	KEEP(vlan_tci);
	KEEP(vlan_proto);
	KEEP(priority);
	KEEP(ingress_ifindex);
	KEEP(ifindex);
	KEEP(tc_index);
	KEEP(cb[0]);
	KEEP(cb[4]);
	KEEP(hash);
	KEEP(tc_classid);
	KEEP(napi_id);
	KEEP(wire_len);
	KEEP(gso_segs);
	KEEP(gso_size);
	s->words[__builtin_offsetof(struct __sk_buff, tstamp) / 4] = tstamp;
	s->words[__builtin_offsetof(struct __sk_buff, tstamp) / 4 + 1] = tstamp >> 32;
	return TC_ACT_OK;
}

SEC("xdp")
int xdp_fields(struct xdp_md *xdp)
{
	struct seen *s = look((void *)(long)xdp->data, (void *)(long)xdp->data_end,
			      (void *)(long)xdp->data_meta);

	if (!s)
		return XDP_ABORTED;
	s->words[__builtin_offsetof(struct xdp_md, ingress_ifindex) / 4] = xdp->ingress_ifindex;
	s->words[__builtin_offsetof(struct xdp_md, rx_queue_index) / 4] = xdp->rx_queue_index;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
