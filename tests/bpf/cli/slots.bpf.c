// SPDX-License-Identifier: Apache-2.0
//
// Maps that hold programs and maps from the start.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int tail(void *ctx);

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &first, &second } };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__array(values, int(void *));
} progs SEC(".maps") = { .values = { [1] = tail } };

SEC("tracepoint/syscalls/sys_enter_getppid")
int tail(void *ctx)
{
	bpf_printk("tail");
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	__u32 key = 1;
	void *map = bpf_map_lookup_elem(&outer, &key);
	__u32 zero = 0, *v = map ? bpf_map_lookup_elem(map, &zero) : NULL;

	bpf_printk("inner %d", v ? (*v)++ : 99);
	bpf_tail_call(ctx, &progs, 1);
	bpf_printk("not reached");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
