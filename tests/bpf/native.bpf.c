// SPDX-License-Identifier: Apache-2.0
/* For `skep disasm --jit`: a program without maps, with a loop and a function that stays one. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

static __noinline __u64 weigh(__u64 value, __u64 by)
{
	return value * by ^ value >> 7;
}

SEC("raw_tracepoint/sys_enter")
int native(__u64 *ctx)
{
	__u64 sum = 0;

	for (__u64 i = 0; i < ctx[1]; i++)
		sum += weigh(ctx[0], i);
	return (int)sum;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
