// SPDX-License-Identifier: Apache-2.0
// Programs at the entry and at the return of a call, which keep when it began by thread, as latency tools do.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} began SEC(".maps");

__u64 seen, total_ns;

SEC("tracepoint/syscalls/sys_enter_getppid")
int enter(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&began, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_getppid")
int leave(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *then = bpf_map_lookup_elem(&began, &tid);

	if (then) {
		total_ns += bpf_ktime_get_ns() - *then;
		seen++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
