// SPDX-License-Identifier: Apache-2.0
// Each program started by a command: its arguments, whether it failed, how long it lived.
// Run: skep run build/examples/execsnoop.bpf.o -- make   (or any command that starts others)
// Look at: FAILED with ret -2, a shell's walk through PATH; lifetime_ns of the EXITED records.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "model.h"

#define ARG_SIZE 64
#define ARGS_SIZE 512
#define MAX_ARGS 24

enum what {
	STARTED,
	FAILED,
	EXITED,
};

struct event {
	enum what what;
	__u32 pid;
	__u32 ppid; /* 0: the fork was before our time */
	__u32 uid;
	__s32 ret;	   /* of execve: 0, or -errno for FAILED */
	__u32 argc;	   /* arguments seen, at most MAX_ARGS */
	__u64 lifetime_ns; /* EXITED: since the last exec or fork */
	char comm[16];
	char filename[128];
	char args[ARGS_SIZE]; /* joined by blanks, each cut at ARG_SIZE */
};

/* an exec under way, by thread */
struct attempt {
	__u32 argc;
	char filename[128];
	char args[ARGS_SIZE];
};

/* a process, by id */
struct life {
	__u64 start_ns;
	__u32 ppid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct attempt);
} attempts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct life);
} lives SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

__u64 lost;

static const struct attempt no_attempt;
/* keeps the record's type in BTF, where a reader of the ring finds it by its size */
const struct event *const event_type;

static __always_inline void read_args(struct attempt *a, const char *const *argv)
{
	__u32 at = 0, i;

	for (i = 0; i < MAX_ARGS; i++) {
		const char *arg = NULL;
		long n;

		if (at > ARGS_SIZE - ARG_SIZE)
			break;
		if (bpf_probe_read_user(&arg, sizeof(arg), &argv[i]) || !arg)
			break;
		n = bpf_probe_read_user_str(&a->args[at], ARG_SIZE, arg);
		if (n <= 0 || n > ARG_SIZE)
			break;
		at += n;
		/* the NUL becomes a blank; the one after the last argument goes below */
		a->args[(at - 1) & (ARGS_SIZE - 1)] = ' ';
	}
	a->argc = i;
	if (at)
		a->args[(at - 1) & (ARGS_SIZE - 1)] = 0;
}

/* Read at entry, for after a success they are gone; the kernel skips what is not in memory. */
static __always_inline int enter(unsigned long name, unsigned long argv)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct attempt *a;

	bpf_map_update_elem(&attempts, &tid, &no_attempt, BPF_ANY);
	a = bpf_map_lookup_elem(&attempts, &tid);
	if (!a)
		return 0;
	if (bpf_probe_read_user_str(a->filename, sizeof(a->filename), (void *)name) < 0)
		a->filename[0] = 0;
	read_args(a, (const char *const *)argv);
	return 0;
}

/* What every record has; the rest is zero, for the ring's memory is not. */
static __always_inline struct event *new_event(enum what what, __u32 pid)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	struct life *life;

	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	life = bpf_map_lookup_elem(&lives, &pid);
	e->what = what;
	e->pid = pid;
	e->ppid = life ? life->ppid : 0;
	e->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	return e;
}

static __always_inline void copy_attempt(struct event *e, const struct attempt *a)
{
	e->argc = a->argc;
	__builtin_memcpy(e->filename, a->filename, sizeof(e->filename));
	__builtin_memcpy(e->args, a->args, sizeof(e->args));
}

static __always_inline int leave(long ret)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct attempt *a = bpf_map_lookup_elem(&attempts, &tid);
	struct event *e;

	if (!a)
		return 0; /* it succeeded, and sched_process_exec has told */
	e = new_event(FAILED, id >> 32);
	if (e) {
		copy_attempt(e, a);
		e->ret = ret;
		bpf_ringbuf_submit(e, 0);
	}
	bpf_map_delete_elem(&attempts, &tid);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int enter_execve(struct trace_event_raw_sys_enter *ctx)
{
	return enter(ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_execveat")
int enter_execveat(struct trace_event_raw_sys_enter *ctx)
{
	return enter(ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_execve")
int exit_execve(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_execveat")
int exit_execveat(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/sched/sched_process_fork")
int process_fork(struct trace_event_raw_sched_process_fork *ctx)
{
	__u32 child = ctx->child_pid;
	struct life life = {
		.start_ns = bpf_ktime_get_ns(),
		.ppid = bpf_get_current_pid_tgid() >> 32,
	};

	bpf_map_update_elem(&lives, &child, &life, BPF_ANY);
	return 0;
}

/* A thread that execs takes over its leader's id, so the attempt is under the old one. */
SEC("tracepoint/sched/sched_process_exec")
int process_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	__u32 pid = ctx->pid, old = ctx->old_pid;
	struct attempt *a = bpf_map_lookup_elem(&attempts, &old);
	struct event *e = new_event(STARTED, pid);
	struct life fresh = { .start_ns = bpf_ktime_get_ns() };

	if (e) {
		__u32 name = ctx->__data_loc_filename & 0xffff;

		fresh.ppid = e->ppid;
		if (a)
			copy_attempt(e, a);
		bpf_probe_read_kernel_str(e->filename, sizeof(e->filename), (char *)ctx + name);
		bpf_ringbuf_submit(e, 0);
	}
	bpf_map_delete_elem(&attempts, &old);
	bpf_map_update_elem(&lives, &pid, &fresh, BPF_ANY);
	return 0;
}

/* Fires for each thread; a process ends with its leader. */
SEC("tracepoint/sched/sched_process_exit")
int process_exit(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32, tid = id;
	struct event *e;
	struct life *life;

	bpf_map_delete_elem(&attempts, &tid);
	if (pid == tid) {
		e = new_event(EXITED, pid);
		life = bpf_map_lookup_elem(&lives, &pid);
		if (e) {
			if (life)
				e->lifetime_ns = bpf_ktime_get_ns() - life->start_ns;
			bpf_ringbuf_submit(e, 0);
		}
	}
	bpf_map_delete_elem(&lives, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
