// SPDX-License-Identifier: Apache-2.0
// System calls by process and number, how many failed, and a histogram of how long each took.
// Run: skep run build/examples/syscount.bpf.o -- CMD ARGS
// Look at: `counts`, who calls what; `latency`, where slot n holds 2^n to 2^(n+1) nanoseconds.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "log2.h"
#include "model.h"

/* skep prints numbers of this type as names */
typedef __s32 syscall_nr;

struct who {
	__u32 pid;
	syscall_nr call;
	char comm[16];
};

struct count {
	__u64 calls;
	__u64 errors;
};

struct started {
	__u64 ns;
	__s64 nr;
};

struct latency {
	__u64 calls;
	__u64 total_ns;
	__u64 slots[LOG2_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct who);
	__type(value, struct count);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, syscall_nr);
	__type(value, struct latency);
} latency SEC(".maps");

/* calls under way, by thread */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct started);
} running SEC(".maps");

/* calls that found their table full */
__u64 lost;

static const struct count no_count;
static const struct latency no_latency;

static __always_inline struct count *count_of(__s32 nr)
{
	struct who who = {
		.pid = bpf_get_current_pid_tgid() >> 32,
		.call = nr,
	};
	struct count *c;

	bpf_get_current_comm(who.comm, sizeof(who.comm));
	c = bpf_map_lookup_elem(&counts, &who);
	if (c)
		return c;
	bpf_map_update_elem(&counts, &who, &no_count, BPF_NOEXIST);
	return bpf_map_lookup_elem(&counts, &who);
}

static __always_inline struct latency *latency_of(__s32 nr)
{
	struct latency *l = bpf_map_lookup_elem(&latency, &nr);

	if (l)
		return l;
	bpf_map_update_elem(&latency, &nr, &no_latency, BPF_NOEXIST);
	return bpf_map_lookup_elem(&latency, &nr);
}

/* Counted at entry, because exit_group never comes back. */
SEC("tracepoint/raw_syscalls/sys_enter")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct started started = { .nr = ctx->id };
	struct count *c = count_of(ctx->id);

	if (c)
		__sync_fetch_and_add(&c->calls, 1);
	else
		__sync_fetch_and_add(&lost, 1);
	started.ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&running, &tid, &started, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int leave(struct trace_event_raw_sys_exit *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = bpf_get_current_pid_tgid();
	struct started *s = bpf_map_lookup_elem(&running, &tid);
	struct latency *l;
	struct count *c;

	/* a return without its call: a new thread's first, or one from before our time */
	if (!s || s->nr != ctx->id)
		return 0;
	l = latency_of(ctx->id);
	if (l) {
		__sync_fetch_and_add(&l->calls, 1);
		__sync_fetch_and_add(&l->total_ns, now - s->ns);
		log2_count(l->slots, now - s->ns);
	}
	if (ctx->ret < 0 && ctx->ret >= -4095) {
		c = count_of(ctx->id);
		if (c)
			__sync_fetch_and_add(&c->errors, 1);
	}
	bpf_map_delete_elem(&running, &tid);
	return 0;
}

SEC("tracepoint/sched/sched_process_exit")
int thread_exit(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&running, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
