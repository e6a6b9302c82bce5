// SPDX-License-Identifier: Apache-2.0
// Each file that a command opens: who, name, flags, and what came back (descriptor or -errno).
// Run: skep run build/examples/opensnoop.bpf.o -- CMD ARGS   (without root)
// Look at: ret -2 (ENOENT), the search paths that a program tries before it finds its file.

#include <linux/bpf.h>
#include <linux/openat2.h>
#include <bpf/bpf_helpers.h>
#include "model.h"

struct event {
	__u32 pid;
	__u32 uid;
	__s32 ret;
	__u32 flags;
	__u64 duration_ns;
	char comm[16];
	char filename[256];
};

/* what is known at entry; the name is read at exit, when its page is certainly there */
struct call {
	__u64 start_ns;
	__u64 name;
	__u64 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u64);
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* records that found no room in the ring */
__u64 lost;

/* keeps the record's type in BTF, where a reader of the ring finds it by its size */
const struct event *const event_type;

static __always_inline int enter(unsigned long name, __u64 flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call call = {
		.start_ns = bpf_ktime_get_ns(),
		.name = name,
		.flags = flags,
	};

	bpf_map_update_elem(&calls, &id, &call, BPF_ANY);
	return 0;
}

static __always_inline int leave(long ret)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &id);
	struct event *e;

	if (!call)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (e) {
		e->pid = id >> 32;
		e->uid = bpf_get_current_uid_gid();
		e->ret = ret;
		e->flags = call->flags;
		e->duration_ns = bpf_ktime_get_ns() - call->start_ns;
		bpf_get_current_comm(e->comm, sizeof(e->comm));
		if (bpf_probe_read_user_str(e->filename, sizeof(e->filename), (void *)call->name) <
		    0)
			e->filename[0] = 0;
		bpf_ringbuf_submit(e, 0);
	} else {
		__sync_fetch_and_add(&lost, 1);
	}
	bpf_map_delete_elem(&calls, &id);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_open")
int enter_open(struct trace_event_raw_sys_enter *ctx)
{
	return enter(ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx)
{
	return enter(ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_openat2")
int enter_openat2(struct trace_event_raw_sys_enter *ctx)
{
	struct open_how how = {};

	bpf_probe_read_user(&how, sizeof(how), (void *)ctx->args[2]);
	return enter(ctx->args[1], how.flags);
}

SEC("tracepoint/syscalls/sys_exit_open")
int exit_open(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int exit_openat2(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
