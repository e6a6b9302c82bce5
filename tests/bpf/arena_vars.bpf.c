// SPDX-License-Identifier: Apache-2.0
//
// Variables that lie in an arena: the loader puts them at its start, the program takes pages behind them.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, 33); /* BPF_MAP_TYPE_ARENA */
	__uint(map_flags, 1 << 10);
	__uint(max_entries, 10);
} arena SEC(".maps");

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 pages, int node,
					   __u64 flags) __ksym;

int __arena start = 7;
int __arena numbers[2000];
int __arena *__arena where;
int answers[6];

SEC("raw_tp/sys_enter")
int variables(void *ctx)
{
	int __arena *page = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0);

	answers[0] = start;
	numbers[1999] = 5;
	answers[1] = numbers[1999] + numbers[0];
	if (!page)
		return 1;
	*page = 9;
	where = page;
	answers[2] = *where;
	answers[3] = ((__u64)page - (__u64)&start) % 4096;
	return 0;
}

char _license[] SEC("license") = "GPL";
