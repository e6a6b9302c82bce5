// SPDX-License-Identifier: Apache-2.0
//
// Programs that each need a kernel of another version.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define VERSION(a, b) ((a) << 16 | (b) << 8)

extern int LINUX_KERNEL_VERSION __kconfig;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("socket")
int counted(struct __sk_buff *skb)
{
	unsigned int i, n = skb->len & 63;

	for (i = 0; i < n; i++)
		asm volatile("");
	return i;
}

static long step(__u32 i, void *ctx)
{
	return 0;
}

SEC("socket")
int looped(struct __sk_buff *skb)
{
	return bpf_loop(10, step, 0, 0);
}

SEC("socket")
int rings(struct __sk_buff *skb)
{
	__u32 len = skb->len;

	return bpf_ringbuf_output(&events, &len, sizeof(len), 0);
}

// The older kernel answers that it has no such helper.
SEC("socket")
int guarded(struct __sk_buff *skb)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_boot_ns))
		return bpf_ktime_get_boot_ns();
	return bpf_ktime_get_ns();
}

// Wrong about 5.7.
SEC("socket")
int versioned(struct __sk_buff *skb)
{
	if (LINUX_KERNEL_VERSION >= VERSION(5, 7))
		return bpf_ktime_get_boot_ns();
	return bpf_ktime_get_ns();
}

SEC("tcx/egress")
int tcx(struct __sk_buff *skb)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
