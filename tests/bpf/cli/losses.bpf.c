// SPDX-License-Identifier: Apache-2.0
//
// Writes more than its buffers and tables hold: of each call 100 records of 64 bytes into a ring of 4096,
// 200 perf records of 4000 bytes, 10 keys into a table of 4, 10 into an LRU table of 4.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} perf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} recent SEC(".maps");

static char block[4000];

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	__u32 i;

	for (i = 0; i < 100; i++)
		bpf_ringbuf_output(&ring, block, 64, 0);
	for (i = 0; i < 200; i++)
		bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, block, sizeof(block));
	for (i = 0; i < 10; i++) {
		bpf_map_update_elem(&table, &i, &i, BPF_ANY);
		bpf_map_update_elem(&recent, &i, &i, BPF_ANY);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
