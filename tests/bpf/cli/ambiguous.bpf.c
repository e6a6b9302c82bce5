// SPDX-License-Identifier: Apache-2.0
//
// Records whose type no size tells: two structs have 24 bytes, none has 5, and one of 40 is a map's value.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct first {
	__u64 a, b, c;
};

struct second {
	__u32 x[6];
};

struct only {
	__u32 a, b, c;
};

struct value {
	__u64 v[5];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} others SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

const struct first *const keep_first;
const struct second *const keep_second;
const struct only *const keep_only;

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	struct first f = { 1, 2, 3 };
	struct only o = { 7, 8, 9 };
	struct value v = { { 1, 2, 3, 4, 5 } };

	bpf_ringbuf_output(&events, &f, sizeof(f), 0);
	bpf_ringbuf_output(&events, "abcd", 5, 0);
	bpf_ringbuf_output(&others, &o, sizeof(o), 0);
	bpf_ringbuf_output(&others, &v, sizeof(v), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
