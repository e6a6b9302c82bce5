// SPDX-License-Identifier: Apache-2.0
//
// The cases of helpers.def as programs: yes_<helper> and no_<helper>, with the verdict as a tag.

#include "helpers.h"

PLAIN_MAP(programs, PROG_ARRAY, 4, 4, 0);
PLAIN_MAP(table, HASH, 8, 8, 0);
PLAIN_MAP(percpu, PERCPU_HASH, 8, 8, 0);
PLAIN_MAP(events, PERF_EVENT_ARRAY, 4, 4, 0);
PLAIN_MAP(stacks, STACK_TRACE, 4, 64, 0);
PLAIN_MAP(cgroups, CGROUP_ARRAY, 4, 4, 0);
PLAIN_MAP(sockets, SOCKMAP, 4, 4, 0);
PLAIN_MAP(sockhash, SOCKHASH, 8, 4, 0);
PLAIN_MAP(reuseports, REUSEPORT_SOCKARRAY, 4, 4, 0);
PLAIN_MAP(queue, QUEUE, 0, 8, 0);
PLAIN_MAP(devices, DEVMAP, 4, 4, 0);
RING_MAP(ring, RINGBUF);
RING_MAP(user_ring, USER_RINGBUF);
TYPED_MAP(task_local, TASK_STORAGE, int, long);
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, long);
} cgroup_local SEC(".maps");

static const char text[] = "%d";

static long called_back(void *a, void *b)
{
	return 0;
}

#define bpf_get_current_task_btf() RUN(158, 0, 0, 0, 0, 0)
#define BAD(which, n, x) ((which) == (n) ? (const void *)1 : (const void *)(x))
#define CALL(name, id, section, a, b, c, d, e, which, words)                           \
	SEC(section) tagged("accept") int yes_##name(void *ctx)                        \
	{                                                                              \
		ROOM;                                                                  \
		RUN(id, a, b, c, d, e);                                                \
		return 0;                                                              \
	}                                                                              \
	SEC(section) tagged("reject:" words) int no_##name(void *ctx)                  \
	{                                                                              \
		ROOM;                                                                  \
		long r = RUN(id, BAD(which, 1, a), BAD(which, 2, b), BAD(which, 3, c), \
			     BAD(which, 4, d), BAD(which, 5, e));                      \
		if (which == 0)                                                        \
			return *(volatile int *)r;                                     \
		return 0;                                                              \
	}
#include "helpers.def"

char LICENSE[] SEC("license") = "GPL";
