// SPDX-License-Identifier: Apache-2.0
//
// Programs that a supervised command cannot fire, one that nobody asks for, and one that runs.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tracepoint/syscalls/sys_enter_getppid")
int runs(void *ctx)
{
	bpf_printk("it runs");
	return 0;
}

SEC("kprobe/do_unlinkat")
int kernel_function(void *ctx)
{
	return 0;
}

SEC("xdp")
int packets(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("no_such_section/at_all")
int unknown_section(void *ctx)
{
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpid")
int needs_helper(void *ctx)
{
	char records[24];

	bpf_get_branch_snapshot(records, sizeof(records), 0);
	return 0;
}

SEC("?tracepoint/syscalls/sys_enter_getpid")
int not_asked_for(void *ctx)
{
	bpf_printk("never");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
