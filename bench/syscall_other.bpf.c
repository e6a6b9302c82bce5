// SPDX-License-Identifier: Apache-2.0
// Attached to a call that the measured process never makes: leaves the filter's cost.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 seen;

SEC("tracepoint/syscalls/sys_enter_acct")
int enter(void *ctx)
{
	seen++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
