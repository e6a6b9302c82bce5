// SPDX-License-Identifier: Apache-2.0
// Each connect(2) to an IPv4 or IPv6 address: who, where to, what came back, how long it took.
// Run: skep run build/examples/tcpconnect.bpf.o -- curl http://127.0.0.1:8000/
// Look at: ret -111 (refused), -115 (in progress, does not block); `ports`, the sum by port.

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "log2.h"
#include "model.h"

enum family {
	IPV4 = 2,
	IPV6 = 10,
};

struct event {
	__u32 pid;
	__u32 uid;
	enum family family;
	__s32 ret;
	__u32 port;
	__u32 fd;
	__u64 latency_ns;
	char comm[16];
	char address[48];
};

/* the larger of sockaddr_in and sockaddr_in6, whose port lies at the same place */
struct address {
	__u16 family;
	__be16 port;
	__u8 v4[4]; /* sin_addr, or sin6_flowinfo */
	__u8 v6[16];
	__u32 scope;
};

struct call {
	__u64 start_ns;
	__u64 fd;
	struct address address;
	__u32 pad;
};

struct port {
	__u64 connects;
	__u64 failures;
	__u64 slots[LOG2_SLOTS]; /* latency in ns */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u64);
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct port);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

__u64 lost;

static const struct port no_port;
/* keeps the record's type in BTF, where a reader of the ring finds it by its size */
const struct event *const event_type;

SEC("tracepoint/syscalls/sys_enter_connect")
int enter_connect(struct trace_event_raw_sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 len = ctx->args[2];
	struct call call = { .fd = ctx->args[0] };

	/* 16 and 28 bytes; what the caller did not pass stays zero */
	if (len >= sizeof(call.address))
		len = sizeof(call.address);
	else if (len >= 16)
		len = 16;
	else
		return 0;
	if (bpf_probe_read_user(&call.address, len, (void *)ctx->args[1]))
		return 0;
	if (call.address.family != IPV4 && call.address.family != IPV6)
		return 0;
	call.start_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&calls, &id, &call, BPF_ANY);
	return 0;
}

static __always_inline void count(__u32 number, long ret, __u64 ns)
{
	struct port *p = bpf_map_lookup_elem(&ports, &number);

	if (!p) {
		bpf_map_update_elem(&ports, &number, &no_port, BPF_NOEXIST);
		p = bpf_map_lookup_elem(&ports, &number);
		if (!p)
			return;
	}
	__sync_fetch_and_add(&p->connects, 1);
	if (ret < 0 && ret != -115)
		__sync_fetch_and_add(&p->failures, 1);
	log2_count(p->slots, ns);
}

static __always_inline void tell(const struct call *call, long ret, __u64 ns)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	__u64 where;

	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->uid = bpf_get_current_uid_gid();
	e->family = call->address.family;
	e->ret = ret;
	e->port = bpf_ntohs(call->address.port);
	e->fd = call->fd;
	e->latency_ns = ns;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	__builtin_memset(e->address, 0, sizeof(e->address));
	if (call->address.family == IPV4) {
		static const char v4[] = "%pI4";

		where = (__u64)call->address.v4;
		bpf_snprintf(e->address, sizeof(e->address), v4, &where, sizeof(where));
	} else {
		static const char v6[] = "%pI6";

		where = (__u64)call->address.v6;
		bpf_snprintf(e->address, sizeof(e->address), v6, &where, sizeof(where));
	}
	bpf_ringbuf_submit(e, 0);
}

SEC("tracepoint/syscalls/sys_exit_connect")
int exit_connect(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &id);
	__u64 ns;

	if (!call)
		return 0;
	ns = bpf_ktime_get_ns() - call->start_ns;
	count(bpf_ntohs(call->address.port), ctx->ret, ns);
	tell(call, ctx->ret, ns);
	bpf_map_delete_elem(&calls, &id);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
