// SPDX-License-Identifier: Apache-2.0
//
// Counts what a marked process and its descendants start, exec and end, to compare engines.
//
// The process that calls prctl(ORACLE_MARK, 1) (oracle.h) is the root of the tree; whatever is
// forked within the tree joins it and stays in it to its end, also after prctl(ORACLE_MARK, 0).
//
//	tree    BPF_MAP_TYPE_HASH, key __u32 thread id, value __u64 1: who is in the tree now
//	counts  BPF_MAP_TYPE_ARRAY, key __u32, value __u64:
//	        0 threads and processes forked  1 execs  2 threads ended  3 processes ended
//	        4 forks whose parent_pid is the running thread
//	        5 execs whose pid is the running process
//	names   BPF_MAP_TYPE_HASH, key char[16] comm after exec, value __u64 execs

#include "oracle.h"

enum {
	FORKED,
	EXECED,
	THREADS_ENDED,
	PROCESSES_ENDED,
	FORKED_BY_CURRENT,
	EXECED_BY_CURRENT,
	COUNTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} tree SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct name {
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct name);
	__type(value, __u64);
} names SEC(".maps");

static __always_inline void count(__u32 what)
{
	add(&counts, &what, 1);
}

static __always_inline int in_tree(__u32 tid)
{
	return is_counted() || bpf_map_lookup_elem(&tree, &tid);
}

SEC("tracepoint/sched/sched_process_fork")
int on_fork(struct trace_event_raw_sched_process_fork *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), child = ctx->child_pid;

	if (!in_tree(tid))
		return 0;
	add(&tree, &child, 1);
	count(FORKED);
	if ((__u32)ctx->parent_pid == tid)
		count(FORKED_BY_CURRENT);
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 old = ctx->old_pid, pid = ctx->pid;
	struct name name = {};

	if (!in_tree(old))
		return 0;
	count(EXECED);
	if (pid == id >> 32)
		count(EXECED_BY_CURRENT);
	bpf_get_current_comm(name.comm, sizeof(name.comm));
	add(&names, &name, 1);
	return 0;
}

SEC("tracepoint/sched/sched_process_exit")
int on_exit(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32, tid = id;

	if (!in_tree(tid))
		return 0;
	count(THREADS_ENDED);
	if (pid == tid)
		count(PROCESSES_ENDED);
	bpf_map_delete_elem(&tree, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
