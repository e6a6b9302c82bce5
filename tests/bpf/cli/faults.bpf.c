// SPDX-License-Identifier: Apache-2.0
//
// Programs that no verifier would take. `null`: reads through a look-up's NULL. `outside`: writes behind a map
// value. `endless`: never ends. The number that `which` holds says which one getppid(2) runs.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum which { FINE, NULL_POINTER, OUTSIDE, ENDLESS };

const volatile enum which which = FINE;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	__u32 key = which == NULL_POINTER ? 7 : 1;
	volatile __u64 *v = bpf_map_lookup_elem(&values, &key);

	if (which == NULL_POINTER)
		return *v;
	if (which == OUTSIDE && v)
		v[3] = 1;
	while (which == ENDLESS)
		__asm__ volatile("" ::: "memory");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
