// SPDX-License-Identifier: Apache-2.0
// One program at the entry of a call.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 seen;

SEC("tracepoint/syscalls/sys_enter_getppid")
int enter(void *ctx)
{
	seen++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
