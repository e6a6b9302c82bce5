// SPDX-License-Identifier: Apache-2.0
//
// Counts one process's system calls by every kind of section that sees them, to compare engines.
//
// Whom it counts: see oracle.h. All maps are BPF_MAP_TYPE_HASH, key __u32 call number, value __u64.
//
//	raw_enter, raw_exit   SEC("raw_tp/sys_enter"), SEC("raw_tp/sys_exit"): calls
//	tp_enter, tp_exit     SEC("tracepoint/raw_syscalls/sys_enter|sys_exit"): calls
//	one_enter, one_exit   SEC("tracepoint/syscalls/sys_enter_NAME|sys_exit_NAME") for NAME in
//	                      getppid getuid openat read write close: calls
//	failed                raw_tp/sys_exit: calls that returned -4095 to -1
//	returned              raw_syscalls/sys_exit: the sum of what read and write returned
//	asked                 sys_enter_read and sys_enter_write: the sum of their sizes
//	paths                 sys_enter_openat and sys_exit_openat: key is the FNV-1a hash of the path,
//	                      value calls; read at exit, for at entry the kernel may find its page
//	                      not yet in memory
//	pending               openat under way: key __u32 thread id, value __u64 address; empty after
//
// The numbers of one_* are constants: a record without arguments ends after four bytes of number,
// and the kernel refuses (EACCES) to attach a program that reads the eight bytes of ctx->id there.
// The rows of one call number agree between raw_*, tp_* and one_*, except prctl, which is left out.
// A call that never returns (exit_group) has no *_exit row.

#include "oracle.h"

#define NR_READ 0
#define NR_WRITE 1
#define PATH_MAX_SEEN 128

#define COUNTS(name)                             \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, 1024);       \
		__type(key, __u32);              \
		__type(value, __u64);            \
	} name SEC(".maps")

COUNTS(raw_enter);
COUNTS(raw_exit);
COUNTS(tp_enter);
COUNTS(tp_exit);
COUNTS(one_enter);
COUNTS(one_exit);
COUNTS(failed);
COUNTS(returned);
COUNTS(asked);
COUNTS(paths);
COUNTS(pending);

static __always_inline void count(void *map, __u32 nr)
{
	if (nr != NR_PRCTL && is_counted())
		add(map, &nr, 1);
}

/* args: struct pt_regs *, long id */
SEC("raw_tp/sys_enter")
int on_raw_enter(struct bpf_raw_tracepoint_args *ctx)
{
	count(&raw_enter, ctx->args[1]);
	return 0;
}

/* args: struct pt_regs *, long ret; the number is only in the registers */
SEC("raw_tp/sys_exit")
int on_raw_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
	unsigned long id = 0;
	long ret = ctx->args[1];

	if (bpf_probe_read_kernel(&id, sizeof(id), __builtin_preserve_access_index(&regs->orig_ax)))
		return 0;
	count(&raw_exit, id);
	if (ret < 0 && ret >= -4095)
		count(&failed, id);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int on_tp_enter(struct trace_event_raw_sys_enter *ctx)
{
	count(&tp_enter, ctx->id);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int on_tp_exit(struct trace_event_raw_sys_exit *ctx)
{
	__u32 nr = ctx->id;

	count(&tp_exit, nr);
	if ((nr == NR_READ || nr == NR_WRITE) && ctx->ret > 0 && is_counted())
		add(&returned, &nr, ctx->ret);
	return 0;
}

#define ONE(name, nr)                                           \
	SEC("tracepoint/syscalls/sys_enter_" #name)             \
	int enter_##name(struct trace_event_raw_sys_enter *ctx) \
	{                                                       \
		count(&one_enter, nr);                          \
		at_enter_##name(ctx);                           \
		return 0;                                       \
	}                                                       \
	SEC("tracepoint/syscalls/sys_exit_" #name)              \
	int exit_##name(struct trace_event_raw_sys_exit *ctx)   \
	{                                                       \
		count(&one_exit, nr);                           \
		at_exit_##name();                               \
		return 0;                                       \
	}

static __always_inline void add_size(struct trace_event_raw_sys_enter *ctx)
{
	__u32 nr = ctx->id;

	if (is_counted())
		add(&asked, &nr, ctx->args[2]);
}

static __always_inline void keep_path(struct trace_event_raw_sys_enter *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 path = ctx->args[1];

	if (is_counted())
		bpf_map_update_elem(&pending, &tid, &path, BPF_ANY);
}

static __always_inline void hash_path(void)
{
	__u32 hash = 2166136261u, tid = bpf_get_current_pid_tgid();
	__u64 *address = bpf_map_lookup_elem(&pending, &tid);
	char path[PATH_MAX_SEEN] = {};
	int i;

	if (!address)
		return;
	bpf_probe_read_user_str(path, sizeof(path), (void *)*address);
	for (i = 0; i < PATH_MAX_SEEN && path[i]; i++)
		hash = (hash ^ (__u8)path[i]) * 16777619u;
	add(&paths, &hash, 1);
	bpf_map_delete_elem(&pending, &tid);
}

#define at_enter_getppid(ctx) ((void)0)
#define at_enter_getuid(ctx) ((void)0)
#define at_enter_close(ctx) ((void)0)
#define at_enter_openat(ctx) keep_path(ctx)
#define at_enter_read(ctx) add_size(ctx)
#define at_enter_write(ctx) add_size(ctx)
#define at_exit_getppid() ((void)0)
#define at_exit_getuid() ((void)0)
#define at_exit_close() ((void)0)
#define at_exit_openat() hash_path()
#define at_exit_read() ((void)0)
#define at_exit_write() ((void)0)

ONE(getppid, 110)
ONE(getuid, 102)
ONE(close, 3)
ONE(openat, 257)
ONE(read, NR_READ)
ONE(write, NR_WRITE)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
