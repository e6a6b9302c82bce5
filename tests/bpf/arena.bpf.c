// SPDX-License-Identifier: Apache-2.0
//
// Programs that keep what they know in an arena: pages taken and given back, and a list in them. `answers` must be
// the same on both engines.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))
#define ANSWERS 64
#define PAGES 100

struct {
	__uint(type, 33); /* BPF_MAP_TYPE_ARENA */
	__uint(map_flags, 1 << 10);
	__uint(max_entries, PAGES);
	__uint(map_extra, 1 << 24);
} arena SEC(".maps");

long answers[ANSWERS];
int used;

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 pages, int node,
					   __u64 flags) __ksym;
extern void bpf_arena_free_pages(void *map, void __arena *addr, __u32 pages) __ksym;

static __always_inline void answer(long value)
{
	int i = used;

	if (i >= 0 && i < ANSWERS)
		answers[i] = value;
	used = i + 1;
}

SEC("syscall")
int pages(void *ctx)
{
	__u64 __arena *one, *two, *again;

	used = 0;
	one = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0);
	two = bpf_arena_alloc_pages(&arena, NULL, 2, -1, 0);
	answer(one && two && one != two);
	if (!one || !two)
		return 1;
	answer(one[0]);
	one[0] = 42;
	two[0] = 43;
	two[1023] = 44;
	answer(one[0] + two[0] + two[1023]);
	answer(!bpf_arena_alloc_pages(&arena, NULL, PAGES, -1, 0));
	answer(!bpf_arena_alloc_pages(&arena, NULL, PAGES + 1, -1, 0));
	answer(!bpf_arena_alloc_pages(&arena, NULL, 0, -1, 0));
	answer(!bpf_arena_alloc_pages(&arena, one, 1, -1, 0));
	answer(!bpf_arena_alloc_pages(&arena, NULL, 1, -1, 1));
	bpf_arena_free_pages(&arena, one, 1);
	again = bpf_arena_alloc_pages(&arena, one, 1, -1, 0);
	answer(again == one);
	if (!again)
		return 2;
	answer(again[0]); /* zero again */
	again = bpf_arena_alloc_pages(&arena, NULL, PAGES - 3, -1, 0);
	answer(!!again);
	answer(!bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0));
	bpf_arena_free_pages(&arena, two, 2);
	answer(!!bpf_arena_alloc_pages(&arena, NULL, 2, -1, 0));
	return 0;
}

struct node {
	struct node __arena *next;
	long value;
};

SEC("syscall")
int list(void *ctx)
{
	struct node __arena *page = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0), *n;
	struct node __arena *head = NULL;
	long sum = 0;
	int i;

	used = 0;
	if (!page)
		return 1;
	for (i = 0; i < 50; i++) {
		n = &page[i];
		n->value = i * i;
		n->next = head;
		head = n;
	}
	for (i = 0; i < 100 && head; i++) {
		sum += head->value;
		head = head->next;
	}
	answer(sum);
	answer(i);
	__sync_fetch_and_add(&page[0].value, 5);
	answer(page[0].value);
	return 0;
}

char _license[] SEC("license") = "GPL";
