// SPDX-License-Identifier: Apache-2.0
/* Drains a user ring buffer until control.stop samples were seen; for map_user_ring_oracle_test. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__u64 stop, flags, seen;
} control;

static long see(struct bpf_dynptr *sample, void *ctx)
{
	return ++control.seen == control.stop;
}

SEC("raw_tp")
int drain(void *ctx)
{
	control.seen = 0;
	return bpf_user_ringbuf_drain(&ring, see, NULL, control.flags);
}

char LICENSE[] SEC("license") = "GPL";
