// SPDX-License-Identifier: Apache-2.0
/*
 * Helpers and kernel functions about the model kernel and the event: bodies called directly, with a model and an event that the test
 * made. What they answer without them is what the kernel answers when there is no such thing.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "btf/btf.h"
#include "check.h"
#include "helper/async.h"
#include "helper/event.h"
#include "helper/helper.h"
#include "map/object.h"

static uint8_t mem[8192] __attribute__((aligned(16)));
static struct helper_event event;
static struct exec_run run;
static struct model *model;
static struct exec_prog *prog; /* for the places of faults */
static int signalled;

static uint64_t host_pid(void *ctx)
{
	(void)ctx;
	return (uint64_t)getpid() << 32 | (uint32_t)getpid();
}

static int host_signal(void *ctx, int32_t pid, bool thread, int sig, uint64_t value)
{
	(void)ctx, (void)value;
	CHECK_EQ_INT(pid, getpid());
	signalled = sig + (thread ? 100 : 0);
	return 0;
}

static int host_read(void *ctx, void *out, uint64_t addr, size_t len)
{
	(void)ctx;
	if (addr - (uintptr_t)mem > sizeof(mem) - len)
		return -EFAULT;
	memcpy(out, (void *)(uintptr_t)addr, len);
	return 0;
}

static int host_write(void *ctx, uint64_t addr, const void *data, size_t len)
{
	(void)ctx;
	if (addr - (uintptr_t)mem > sizeof(mem) - len)
		return -EFAULT;
	memcpy((void *)(uintptr_t)addr, data, len);
	return 0;
}

static const struct exec_host host = { .pid_tgid = host_pid,
				       .signal = host_signal,
				       .read_user = host_read,
				       .write_user = host_write };

static void begin(void)
{
	const struct exec_region region = {
		.base = (uintptr_t)mem, .size = sizeof(mem), .kind = REGION_MEM, .writable = true
	};

	static const struct skep_insn code[] = { { .code = 0xb7 }, { .code = 0x95 } };
	const struct exec_prog_opts opts = { .insns = code, .ninsns = 2, .prog_type = -1 };

	memset(mem, 0, sizeof(mem));
	memset(&event, 0, sizeof(event));
	signalled = 0;
	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	CHECK_EQ_INT(model_new(&model, NULL), 0);
	CHECK_EQ_INT(exec_prog_new(&opts, &prog, NULL), 0);
	exec_run_start(&run, 0);
	exec_region_add(&run, &region);
	run.prog = prog;
	run.model = model;
	run.model_find = helper_find_object;
	run.event = &event;
	run.host = &host;
	run.ctx = 0x1234;
}

static void end(void)
{
	CHECK_MSG(!run.fault, "%s", run.fault ? skep_error_message(run.fault) : "");
	exec_run_done(&run);
	exec_prog_free(prog);
	model_free(model);
}

/* The misuse under test ended the run. */
static void faulted(const char *id)
{
	CHECK(run.fault != NULL);
	if (run.fault)
		CHECK_ERR(run.fault, id);
	skep_error_free(run.fault);
	run.fault = NULL;
}

static int64_t call(int helper, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	size_t n;
	const exec_helper_fn *table = helper_table(&n);

	return (int64_t)table[helper](&run, a1, a2, a3, a4, a5);
}

static uint64_t kcall(const char *name, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
		      uint64_t a5)
{
	exec_helper_fn fn = helper_kfunc(name);

	CHECK_MSG(fn != NULL, "%s", name);
	return fn ? fn(&run, a1, a2, a3, a4, a5) : 0;
}

#define AT(off) ((uint64_t)(uintptr_t)(mem + (off)))

static void tasks(void)
{
	const struct model_task_struct *t;
	uint64_t cg;

	begin();
	t = (const void *)(uintptr_t)call(HELPER_get_current_task_btf, 0, 0, 0, 0, 0);
	CHECK(t && t->pid == getpid() && t->real_parent->pid == getppid());
	CHECK_EQ_INT(call(HELPER_get_current_task, 0, 0, 0, 0, 0), (uintptr_t)t);
	CHECK_EQ_INT(kcall("bpf_task_acquire", (uintptr_t)t, 0, 0, 0, 0), (uintptr_t)t);
	kcall("bpf_task_release", (uintptr_t)t, 0, 0, 0, 0);
	kcall("bpf_task_release", (uintptr_t)t, 0, 0, 0, 0);
	faulted("H0011");
	CHECK_EQ_INT(kcall("bpf_task_from_pid", (uint32_t)getpid(), 0, 0, 0, 0), (uintptr_t)t);
	CHECK_EQ_INT(kcall("bpf_task_from_pid", 0x3ffffff, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(kcall("bpf_task_from_pid", 0, 0, 0, 0, 0), 0);
	cg = (uintptr_t)t->cgroups->dfl_cgrp;
	CHECK(cg && kcall("bpf_task_under_cgroup", (uintptr_t)t, cg, 0, 0, 0) == 1);
	CHECK_EQ_INT(call(HELPER_get_current_ancestor_cgroup_id, 0, 0, 0, 0, 0),
		     model_cgroup_at(model, "/")->kn.id);
	CHECK_EQ_INT(call(HELPER_get_current_ancestor_cgroup_id, 99, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_send_signal, SIGUSR1, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(signalled, SIGUSR1);
	CHECK_EQ_INT(call(HELPER_send_signal_thread, SIGUSR2, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(signalled, SIGUSR2 + 100);
	CHECK_EQ_INT(call(HELPER_send_signal, 65, 0, 0, 0, 0), -EINVAL);
	run.host = NULL;
	CHECK_EQ_INT(call(HELPER_send_signal, SIGUSR1, 0, 0, 0, 0), -EPERM);
	call(HELPER_task_pt_regs, AT(0), 0, 0, 0, 0);
	faulted("H0011");
	end();
}

static void paths(void)
{
	uint64_t file, task;
	char want[4096];
	ssize_t n;

	begin();
	task = (uint64_t)call(HELPER_get_current_task_btf, 0, 0, 0, 0, 0);
	file = kcall("bpf_get_task_exe_file", task, 0, 0, 0, 0);
	n = readlink("/proc/self/exe", want, sizeof(want) - 1);
	CHECK(n > 0 && file);
	want[n > 0 ? n : 0] = '\0';
	CHECK_EQ_INT(call(HELPER_d_path, file + offsetof(struct model_file, f_path), AT(0), 4096, 0,
			  0),
		     n + 1);
	CHECK_EQ_STR((char *)mem, want);
	CHECK_EQ_INT(call(HELPER_d_path, file, AT(0), 4, 0, 0), -ENAMETOOLONG);
	CHECK_EQ_INT((int32_t)kcall("bpf_path_d_path", file, AT(0), 4096, 0, 0), n + 1);
	memcpy(mem, "security.ima", 13);
	CHECK_EQ_INT((int32_t)kcall("bpf_get_file_xattr", file, AT(0), AT(512), 0, 0), -EPERM);
	kcall("bpf_put_file", file, 0, 0, 0, 0);
	kcall("bpf_put_file", file, 0, 0, 0, 0);
	faulted("H0011");
	end();
}

static struct model_tuple tuple(const char *local, const char *remote, uint16_t lport,
				uint16_t rport)
{
	struct model_tuple t = { .local.family = AF_INET,
				 .remote.family = AF_INET,
				 .lport = htons(lport),
				 .rport = htons(rport),
				 .protocol = IPPROTO_TCP };

	inet_pton(AF_INET, local, t.local.bytes);
	inet_pton(AF_INET, remote, t.remote.bytes);
	return t;
}

static void sockets(void)
{
	const struct model_tuple t = tuple("10.0.0.1", "10.0.0.2", 80, 5000),
				 l = tuple("10.0.0.1", "0.0.0.0", 80, 0);
	struct bpf_sock_tuple ask = { .ipv4 = { .sport = htons(5000), .dport = htons(80) } };
	struct model_end *s, *listener;
	const struct bpf_sock *got;

	begin();
	s = model_socket_add(model, &t, 1);
	listener = model_socket_add(model, &l, 10);
	inet_pton(AF_INET, "10.0.0.2", &ask.ipv4.saddr);
	inet_pton(AF_INET, "10.0.0.1", &ask.ipv4.daddr);
	memcpy(mem, &ask, sizeof(ask));
	got = (const void *)(uintptr_t)call(HELPER_sk_lookup_tcp, run.ctx, AT(0), 12, (uint64_t)-1,
					    0);
	CHECK(got == &s->uapi && got->state == 1 && got->src_port == 80);
	CHECK_EQ_INT(call(HELPER_sk_lookup_udp, run.ctx, AT(0), 12, (uint64_t)-1, 0), 0);
	CHECK_EQ_INT(call(HELPER_sk_lookup_tcp, run.ctx, AT(0), 13, (uint64_t)-1, 0), 0);
	CHECK_EQ_INT(call(HELPER_sk_lookup_tcp, run.ctx, AT(0), 12, (uint64_t)-1, 1), 0);
	CHECK_EQ_INT(call(HELPER_sk_fullsock, (uintptr_t)got, 0, 0, 0, 0), (uintptr_t)got);
	CHECK_EQ_INT(call(HELPER_tcp_sock, (uintptr_t)got, 0, 0, 0, 0), (uintptr_t)&s->tcp);
	CHECK_EQ_INT(call(HELPER_skc_to_tcp_sock, (uintptr_t)got, 0, 0, 0, 0), (uintptr_t)&s->sk);
	CHECK_EQ_INT(call(HELPER_skc_to_tcp6_sock, (uintptr_t)got, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_skc_to_udp6_sock, (uintptr_t)got, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_skc_to_tcp_timewait_sock, (uintptr_t)got, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_get_listener_sock, (uintptr_t)got, 0, 0, 0, 0),
		     (uintptr_t)&listener->uapi);
	CHECK_EQ_INT(call(HELPER_sk_release, (uintptr_t)got, 0, 0, 0, 0), 0);
	call(HELPER_sk_release, AT(0), 0, 0, 0, 0);
	faulted("H0011");
	CHECK_EQ_INT(call(HELPER_get_socket_cookie, run.ctx, 0, 0, 0, 0), 0);
	event.sk = s;
	CHECK_EQ_INT(call(HELPER_get_socket_cookie, run.ctx, 0, 0, 0, 0), s->cookie);
	CHECK_EQ_INT(call(HELPER_sk_assign, run.ctx, (uintptr_t)&s->uapi, 0, 0, 0), 0);
	CHECK(event.assigned == s);
	CHECK_EQ_INT(call(HELPER_sk_assign, run.ctx, (uintptr_t)&s->uapi, 8, 0, 0), -EINVAL);
	CHECK_EQ_INT((int32_t)kcall("bpf_sock_destroy", (uintptr_t)&s->sk, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(s->uapi.state, 7);
	end();
}

static void options(void)
{
	const struct model_tuple t = tuple("10.0.0.1", "10.0.0.2", 80, 5000);
	int32_t value = 7;

	begin();
	event.sk = model_socket_add(model, &t, 1);
	memcpy(mem, &value, 4);
	CHECK_EQ_INT(call(HELPER_setsockopt, run.ctx, SOL_SOCKET, SO_MARK, AT(0), 4), 0);
	CHECK_EQ_INT(event.sk->uapi.mark, 7);
	CHECK_EQ_INT(call(HELPER_getsockopt, run.ctx, SOL_SOCKET, SO_MARK, AT(16), 4), 0);
	CHECK_EQ_INT(mem[16], 7);
	CHECK_EQ_INT(call(HELPER_setsockopt, run.ctx, SOL_SOCKET, SO_SNDBUF, AT(0), 4), 0);
	CHECK_EQ_INT(event.sk->sk.sk_sndbuf, 14);
	CHECK_EQ_INT(call(HELPER_setsockopt, run.ctx, SOL_SOCKET, 9999, AT(0), 4), -ENOPROTOOPT);
	CHECK_EQ_INT(call(HELPER_setsockopt, run.ctx, SOL_SOCKET, SO_MARK, AT(0), 3), -EINVAL);
	CHECK_EQ_INT(call(HELPER_sock_ops_cb_flags_set, run.ctx, 0x183, 0, 0, 0), 0x180);
	CHECK_EQ_INT(event.sk->cb_flags, 3);
	CHECK_EQ_INT(call(HELPER_set_retval, (uint64_t)-EACCES, 0, 0, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_get_retval, 0, 0, 0, 0, 0), -EACCES);
	end();
}

static void sysctls(void)
{
	begin();
	CHECK_EQ_INT(call(HELPER_sysctl_get_name, run.ctx, AT(0), 64, 0, 0), -EINVAL);
	event.sysctl_name = "net/ipv4/ip_forward";
	event.sysctl_value = "1\n";
	CHECK_EQ_INT(call(HELPER_sysctl_get_name, run.ctx, AT(0), 64, 0, 0), 19);
	CHECK_EQ_STR((char *)mem, "net/ipv4/ip_forward");
	CHECK_EQ_INT(call(HELPER_sysctl_get_name, run.ctx, AT(0), 64, 1, 0), 10);
	CHECK_EQ_STR((char *)mem, "ip_forward");
	CHECK_EQ_INT(call(HELPER_sysctl_get_name, run.ctx, AT(0), 5, 1, 0), -E2BIG);
	CHECK_EQ_STR((char *)mem, "ip_f");
	CHECK_EQ_INT(call(HELPER_sysctl_get_current_value, run.ctx, AT(0), 8, 0, 0), 2);
	CHECK_EQ_INT(call(HELPER_sysctl_get_new_value, run.ctx, AT(0), 8, 0, 0), -EINVAL);
	event.sysctl_writes = true;
	memcpy(event.sysctl_new, "0", 2);
	CHECK_EQ_INT(call(HELPER_sysctl_get_new_value, run.ctx, AT(0), 8, 0, 0), 1);
	memcpy(mem, "600", 4);
	CHECK_EQ_INT(call(HELPER_sysctl_set_new_value, run.ctx, AT(0), 3, 0, 0), 0);
	CHECK(event.sysctl_changed && !strcmp(event.sysctl_new, "600"));
	CHECK_EQ_INT(call(HELPER_sysctl_set_new_value, run.ctx, AT(0), 4096, 0, 0), -E2BIG);
	end();
}

static void header_options(void)
{
	static const uint8_t packet[] = { 1, 1, 2, 4, 5, 0xb4, 253, 6, 0xab, 0xcd, 1, 2, 0 };

	begin();
	event.hdr_opts = packet;
	event.hdr_opts_len = sizeof(packet);
	mem[0] = 2;
	CHECK_EQ_INT(call(HELPER_load_hdr_opt, run.ctx, AT(0), 4, 0, 0), 4);
	CHECK_EQ_INT(mem[2] << 8 | mem[3], 1460);
	memcpy(mem, (uint8_t[]){ 253, 4, 0xab, 0xcd, 0, 0 }, 6);
	CHECK_EQ_INT(call(HELPER_load_hdr_opt, run.ctx, AT(0), 6, 0, 0), 6);
	CHECK_EQ_INT(mem[5], 2);
	memcpy(mem, (uint8_t[]){ 8, 0 }, 2);
	CHECK_EQ_INT(call(HELPER_load_hdr_opt, run.ctx, AT(0), 10, 0, 0), -ENOMSG);
	CHECK_EQ_INT(call(HELPER_load_hdr_opt, run.ctx, AT(0), 1, 0, 0), -EINVAL);
	memcpy(mem, (uint8_t[]){ 254, 4, 1, 2 }, 4);
	CHECK_EQ_INT(call(HELPER_store_hdr_opt, run.ctx, AT(0), 4, 0, 0), -ENOSPC);
	CHECK_EQ_INT(call(HELPER_reserve_hdr_opt, run.ctx, 4, 0, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_store_hdr_opt, run.ctx, AT(0), 4, 0, 0), 0);
	CHECK(event.hdr_written == 4 && event.hdr_out[0] == 254);
	CHECK_EQ_INT(call(HELPER_store_hdr_opt, run.ctx, AT(0), 4, 0, 0), -ENOSPC);
	CHECK_EQ_INT(call(HELPER_reserve_hdr_opt, run.ctx, 37, 0, 0, 0), -ENOSPC);
	end();
}

static void messages(void)
{
	uint8_t msg[64] = "0123456789";

	begin();
	call(HELPER_msg_apply_bytes, run.ctx, 5, 0, 0, 0);
	faulted("H0006");
	event.msg = msg;
	event.msg_len = 10;
	event.msg_room = sizeof(msg);
	CHECK_EQ_INT(call(HELPER_msg_apply_bytes, run.ctx, 5, 0, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_msg_cork_bytes, run.ctx, 6, 0, 0, 0), 0);
	CHECK(event.msg_apply == 5 && event.msg_cork == 6);
	CHECK_EQ_INT(call(HELPER_msg_push_data, run.ctx, 3, 2, 0, 0), 0);
	CHECK_EQ_MEM(msg,
		     "012\0\0"
		     "3456789",
		     12);
	CHECK_EQ_INT(call(HELPER_msg_pop_data, run.ctx, 1, 4, 0, 0), 0);
	CHECK_EQ_MEM(msg, "03456789", 8);
	CHECK_EQ_INT(call(HELPER_msg_pop_data, run.ctx, 5, 4, 0, 0), -EINVAL);
	CHECK_EQ_INT(call(HELPER_msg_push_data, run.ctx, 0, 60, 0, 0), -ENOMEM);
	CHECK_EQ_INT(call(HELPER_msg_pull_data, run.ctx, 0, 8, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_msg_pull_data, run.ctx, 0, 9, 0, 0), -EINVAL);
	end();
}

static void fib(void)
{
	const struct model_route r = { .to = { AF_INET, { 10 } },
				       .prefix = 8,
				       .ifindex = 2,
				       .gateway = { AF_INET, { 192, 168, 0, 1 } } };
	const struct model_neigh n = { .addr = { AF_INET, { 192, 168, 0, 1 } },
				       .ifindex = 2,
				       .mac = { 1, 2, 3, 4, 5, 6 } };
	struct bpf_fib_lookup p = { .family = AF_INET, .ifindex = 1 };
	struct bpf_fib_lookup *q = (void *)mem;

	begin();
	model_dev_add(model, "in", 1, 1500, (uint8_t[6]){ 9 }, true);
	model_dev_add(model, "out", 2, 1400, (uint8_t[6]){ 8 }, false);
	model_route_add(model, &r);
	memcpy(&p.ipv4_dst, (uint8_t[]){ 10, 1, 1, 1 }, 4);
	*q = p;
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p), 0, 0),
		     BPF_FIB_LKUP_RET_NO_NEIGH);
	model_neigh_add(model, &n);
	*q = p;
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p), 0, 0), 0);
	CHECK(q->ifindex == 2 && q->dmac[5] == 6 && q->smac[0] == 8);
	CHECK_EQ_MEM(&q->ipv4_dst, n.addr.bytes, 4);
	*q = p;
	q->tot_len = 1401;
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p), 0, 0),
		     BPF_FIB_LKUP_RET_FRAG_NEEDED);
	*q = p;
	q->ipv4_dst = 0x01010101;
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p), 0, 0),
		     BPF_FIB_LKUP_RET_NOT_FWDED);
	*q = p;
	q->ifindex = 2;
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p), 0, 0),
		     BPF_FIB_LKUP_RET_FWD_DISABLED);
	q->ifindex = 7;
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p), 0, 0), -ENODEV);
	q->family = 99;
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p), 0, 0), -EAFNOSUPPORT);
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p) - 1, 0, 0), -EINVAL);
	CHECK_EQ_INT(call(HELPER_fib_lookup, run.ctx, AT(0), sizeof(p), 0x1000, 0), -EINVAL);
	CHECK_EQ_INT(call(HELPER_redirect_peer, 2, 0, 0, 0, 0), 7);
	CHECK(event.target == TARGET_PEER && event.ifindex == 2);
	CHECK_EQ_INT(call(HELPER_redirect_peer, 2, 1, 0, 0, 0), 2);
	CHECK_EQ_INT(call(HELPER_redirect_neigh, 2, 0, 0, 0, 0), 7);
	end();
}

static void connections(void)
{
	struct bpf_sock_tuple t = { .ipv4 = { .saddr = 1, .daddr = 2, .sport = 3, .dport = 4 } };
	struct bpf_sock_tuple back = { .ipv4 = { .saddr = 2, .daddr = 1, .sport = 4, .dport = 3 } };
	struct {
		int32_t netns, error;
		uint8_t proto, dir, reserved[2];
	} o = { .netns = -1, .proto = IPPROTO_TCP }, *opts = (void *)(mem + 64);
	uint64_t c, again;

	begin();
	memcpy(mem, &t, sizeof(t));
	*(__typeof__(&o))opts = o;
	CHECK_EQ_INT(kcall("bpf_xdp_ct_lookup", run.ctx, AT(0), 12, AT(64), 12), 0);
	CHECK_EQ_INT(opts->error, -ENOENT);
	c = kcall("bpf_xdp_ct_alloc", run.ctx, AT(0), 12, AT(64), 12);
	CHECK(c != 0);
	kcall("bpf_ct_set_timeout", c, 10000, 0, 0, 0);
	CHECK_EQ_INT((int32_t)kcall("bpf_ct_set_status", c, 4, 0, 0, 0), 0);
	CHECK_EQ_INT(kcall("bpf_ct_insert_entry", c, 0, 0, 0, 0), c);
	kcall("bpf_ct_release", c, 0, 0, 0, 0);
	memcpy(mem, &back, sizeof(back));
	again = kcall("bpf_skb_ct_lookup", run.ctx, AT(0), 12, AT(64), 12);
	CHECK(again == c && opts->dir == 1 &&
	      ((struct model_nf_conn *)(uintptr_t)c)->timeout == 10000);
	CHECK_EQ_INT((int32_t)kcall("bpf_ct_change_status", c, 0, 0, 0, 0), -EBUSY);
	kcall("bpf_ct_release", again, 0, 0, 0, 0);
	opts->proto = 1;
	CHECK_EQ_INT(kcall("bpf_xdp_ct_lookup", run.ctx, AT(0), 12, AT(64), 12), 0);
	CHECK_EQ_INT(opts->error, -EPROTO);
	kcall("bpf_ct_release", AT(0), 0, 0, 0, 0);
	faulted("H0011");
	end();
}

static void cookies(void)
{
	uint8_t *ip = mem, *tcp = mem + 64;
	int64_t r;
	uint32_t seq, ack;

	begin();
	ip[0] = 0x45;
	memcpy(ip + 12, (uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	memcpy(tcp, (uint8_t[]){ 1, 2, 3, 4, 0, 0, 0, 9, 0, 0, 0, 0, 0x60, 2 }, 14);
	memcpy(tcp + 20, (uint8_t[]){ 2, 4, 5, 0xb4 }, 4);
	r = call(HELPER_tcp_raw_gen_syncookie_ipv4, AT(0), AT(64), 24, 0, 0);
	CHECK(r > 0 && r >> 32 == 1460);
	seq = htonl(10);
	ack = htonl((uint32_t)r + 1);
	memcpy(tcp + 4, &seq, 4);
	memcpy(tcp + 8, &ack, 4);
	tcp[13] = 16;
	CHECK_EQ_INT(call(HELPER_tcp_raw_check_syncookie_ipv4, AT(0), AT(64), 0, 0, 0), 0);
	tcp[11] ^= 1;
	CHECK_EQ_INT(call(HELPER_tcp_raw_check_syncookie_ipv4, AT(0), AT(64), 0, 0, 0), -EACCES);
	CHECK_EQ_INT(call(HELPER_tcp_raw_gen_syncookie_ipv4, AT(0), AT(64), 20, 0, 0), -EINVAL);
	end();
}

/* FIPS 197, appendix C. */
static void ciphers(void)
{
	static const uint8_t want[] = { 0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
					0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a };
	uint8_t *params = mem, plain[16];
	uint32_t len = 16;
	uint64_t c;

	begin();
	memcpy(params, "skcipher", 9);
	memcpy(params + 16, "ecb(aes)", 9);
	for (int i = 0; i < 16; i++) {
		params[144 + i] = (uint8_t)i;
		mem[1024 + i] = plain[i] = (uint8_t)(i * 0x11);
	}
	memcpy(params + 400, &len, 4);
	c = kcall("bpf_crypto_ctx_create", AT(0), 408, AT(512), 0, 0);
	CHECK(c != 0 && !mem[512]);
	CHECK_EQ_INT(call(HELPER_dynptr_from_mem, AT(1024), 16, 0, AT(2048), 0), 0);
	CHECK_EQ_INT(call(HELPER_dynptr_from_mem, AT(1056), 16, 0, AT(2064), 0), 0);
	CHECK_EQ_INT((int32_t)kcall("bpf_crypto_encrypt", c, AT(2048), AT(2064), 0, 0), 0);
	CHECK_EQ_MEM(mem + 1056, want, 16);
	CHECK_EQ_INT((int32_t)kcall("bpf_crypto_decrypt", c, AT(2064), AT(2048), 0, 0), 0);
	CHECK_EQ_MEM(mem + 1024, plain, 16);
	CHECK_EQ_INT((int32_t)kcall("bpf_crypto_encrypt", c, AT(2048), AT(2064), AT(2048), 0),
		     -EINVAL);
	kcall("bpf_crypto_ctx_release", c, 0, 0, 0, 0);
	kcall("bpf_crypto_encrypt", c, AT(2048), AT(2064), 0, 0);
	faulted("H0011");
	params[16] = 'x';
	CHECK_EQ_INT(kcall("bpf_crypto_ctx_create", AT(0), 408, AT(512), 0, 0), 0);
	CHECK(mem[512] != 0);
	end();
}

static void locks(void)
{
	uint32_t dead;
	pid_t pid;

	begin();
	CHECK_EQ_INT(call(HELPER_spin_lock, AT(0), 0, 0, 0, 0), 0);
	CHECK(mem[0] || mem[1] || mem[2]);
	call(HELPER_spin_lock, AT(0), 0, 0, 0, 0);
	faulted("H0012");
	CHECK_EQ_INT(call(HELPER_spin_unlock, AT(0), 0, 0, 0, 0), 0);
	CHECK(!mem[0] && !mem[1] && !mem[2]);
	call(HELPER_spin_unlock, AT(0), 0, 0, 0, 0);
	faulted("H0012");
	CHECK_EQ_INT(kcall("bpf_res_spin_lock", AT(8), 0, 0, 0, 0), 0);
	CHECK_EQ_INT((int32_t)kcall("bpf_res_spin_lock", AT(8), 0, 0, 0, 0), -EDEADLK);
	kcall("bpf_res_spin_unlock", AT(8), 0, 0, 0, 0);
	CHECK_CASE("its holder lives");
	mem[16] = 1;
	CHECK_EQ_INT((int32_t)kcall("bpf_res_spin_lock", AT(16), 0, 0, 0, 0), -ETIMEDOUT);
	CHECK_CASE("its holder died");
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	dead = (uint32_t)pid;
	memcpy(mem + 16, &dead, 4);
	CHECK_EQ_INT(call(HELPER_spin_lock, AT(16), 0, 0, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_spin_unlock, AT(16), 0, 0, 0, 0), 0);
	end();
}

static void user_memory(void)
{
	begin();
	memcpy(mem, "hello", 6);
	memset(mem + 100, 0xaa, 16);
	CHECK_EQ_INT((int32_t)kcall("bpf_copy_from_user_str", AT(100), 16, AT(0), 0, 0), 6);
	CHECK(mem[106] == 0xaa && !memcmp(mem + 100, "hello", 6));
	CHECK_EQ_INT((int32_t)kcall("bpf_copy_from_user_str", AT(100), 16, AT(0), 1, 0), 6);
	CHECK(!mem[106] && !mem[115]);
	CHECK_EQ_INT((int32_t)kcall("bpf_copy_from_user_str", AT(100), 16, AT(0), 2, 0), -EINVAL);
	CHECK_EQ_INT((int32_t)kcall("bpf_copy_from_user_str", AT(100), 16, 8, 0, 0), -EFAULT);
	CHECK_EQ_INT(call(HELPER_probe_write_user, AT(200), AT(0), 6, 0, 0), 0);
	CHECK_EQ_STR((char *)mem + 200, "hello");
	CHECK_EQ_INT(call(HELPER_probe_write_user, 8, AT(0), 6, 0, 0), -EFAULT);
	CHECK_EQ_INT(call(HELPER_probe_write_user, UINT64_MAX, AT(0), 6, 0, 0), -EPERM);
	end();
}

static void stacks(void)
{
	struct model_pt_regs regs = { 0 };
	uint64_t frames[4] = { 0 }, got[4];

	begin();
	CHECK_EQ_INT(call(HELPER_get_stack, run.ctx, AT(1024), 64, 256, 0), -EFAULT);
	frames[0] = AT(16);
	frames[1] = 0x401000;
	frames[2] = 0;
	frames[3] = 0x402000;
	memcpy(mem, frames, sizeof(frames));
#if defined(__x86_64__)
	regs.ip = 0x400000;
	regs.bp = AT(0);
#else
	regs.pc = 0x400000;
	regs.regs[29] = AT(0);
#endif
	event.regs = &regs;
	CHECK_EQ_INT(call(HELPER_get_stack, run.ctx, AT(1024), 64, 256, 0), 24);
	memcpy(got, mem + 1024, 32);
	CHECK(got[0] == 0x400000 && got[1] == 0x401000 && got[2] == 0x402000 && !got[3]);
	CHECK_EQ_INT(call(HELPER_get_stack, run.ctx, AT(1024), 8, 257, 0), 8);
	CHECK_EQ_INT(call(HELPER_get_stack, run.ctx, AT(1024), 8, 259, 0), -EFAULT);
	CHECK_EQ_INT(call(HELPER_get_stack, run.ctx, AT(1024), 7, 256, 0), -EINVAL);
	CHECK_EQ_INT(call(HELPER_get_stack, run.ctx, AT(1024), 8, 0x1000, 0), -EINVAL);
	end();
}

static void traced(void)
{
	const uint64_t args[3] = { 11, 12, 99 };

	begin();
	CHECK_EQ_INT(call(HELPER_get_func_arg, run.ctx, 0, AT(0), 0, 0), -EINVAL);
	CHECK_EQ_INT(call(HELPER_get_func_ret, run.ctx, AT(0), 0, 0, 0), -EOPNOTSUPP);
	event.args = args;
	event.nargs = 2;
	event.has_ret = true;
	event.func_ip = 0x55;
	event.cookie = 0x66;
	CHECK_EQ_INT(call(HELPER_get_func_arg_cnt, run.ctx, 0, 0, 0, 0), 2);
	CHECK_EQ_INT(call(HELPER_get_func_arg, run.ctx, 1, AT(0), 0, 0), 0);
	CHECK_EQ_INT(mem[0], 12);
	CHECK_EQ_INT(call(HELPER_get_func_arg, run.ctx, 2, AT(0), 0, 0), -EINVAL);
	CHECK_EQ_INT(call(HELPER_get_func_ret, run.ctx, AT(0), 0, 0, 0), 0);
	CHECK_EQ_INT(mem[0], 99);
	CHECK_EQ_INT(call(HELPER_get_func_ip, run.ctx, 0, 0, 0, 0), 0x55);
	CHECK_EQ_INT(call(HELPER_get_attach_cookie, run.ctx, 0, 0, 0, 0), 0x66);
	CHECK_EQ_INT(call(HELPER_override_return, run.ctx, 5, 0, 0, 0), 0);
	CHECK(event.overridden && event.override_value == 5);
	end();
}

static void output(void)
{
	char bytes[16];
	struct model_seq seq = { .bytes = bytes, .room = sizeof(bytes) };

	begin();
	call(HELPER_seq_write, AT(0), AT(0), 3, 0, 0);
	faulted("H0011");
	event.seq = &seq;
	memcpy(mem, "abc %d\n", 8);
	mem[64] = 42;
	CHECK_EQ_INT(call(HELPER_seq_write, (uintptr_t)&seq.file, AT(0), 3, 0, 0), 0);
	CHECK_EQ_INT(call(HELPER_seq_printf, (uintptr_t)&seq.file, AT(0), 8, AT(64), 8), 0);
	CHECK_EQ_MEM(bytes, "abcabc 42\n", 10);
	CHECK_EQ_INT(call(HELPER_seq_write, (uintptr_t)&seq.file, AT(0), 7, 0, 0), -EOVERFLOW);
	CHECK(seq.len == 10 && seq.lost == 7 && seq.file.count == 10);
	end();
}

static void tunnels(void)
{
	struct ctx_skb skb = { 0 };
	const struct exec_region ctx = { .base = 0x1234,
					 .size = SPEC_SKB_SIZE,
					 .kind = REGION_CTX,
					 .ctx = spec_ctx_of(PROG_SCHED_CLS),
					 .backing = &skb };
	struct bpf_tunnel_key key = { .tunnel_id = 77 };

	begin();
	exec_region_add(&run, &ctx);
	run.ctx_backing = &skb;
	CHECK_EQ_INT(call(HELPER_skb_get_tunnel_key, run.ctx, AT(0), sizeof(key), 0, 0), -EINVAL);
	event.has_rx_tunnel = true;
	event.rx_tunnel = key;
	CHECK_EQ_INT(call(HELPER_skb_get_tunnel_key, run.ctx, AT(0), sizeof(key), 0, 0), 0);
	CHECK_EQ_INT(mem[0], 77);
	CHECK_EQ_INT(call(HELPER_skb_get_tunnel_key, run.ctx, AT(0), sizeof(key), 1, 0), -EPROTO);
	CHECK_EQ_INT(call(HELPER_skb_get_tunnel_opt, run.ctx, AT(0), 8, 0, 0), -ENOENT);
	CHECK_EQ_INT(call(HELPER_skb_set_tunnel_opt, run.ctx, AT(0), 8, 0, 0), -EINVAL);
	memcpy(mem, &key, sizeof(key));
	CHECK_EQ_INT(call(HELPER_skb_set_tunnel_key, run.ctx, AT(0), sizeof(key), 0, 0), 0);
	CHECK_EQ_INT(event.tx_tunnel.tunnel_id, 77);
	CHECK_EQ_INT(call(HELPER_skb_set_tunnel_opt, run.ctx, AT(0), 8, 0, 0), 0);
	CHECK_EQ_INT(event.tx_opt_len, 8);
	CHECK_EQ_INT(call(HELPER_skb_set_tunnel_opt, run.ctx, AT(0), 7, 0, 0), -EINVAL);
	end();
}

CHECK_MAIN({ "tasks", tasks }, { "paths", paths }, { "sockets", sockets }, { "options", options },
	   { "sysctls", sysctls }, { "header_options", header_options }, { "messages", messages },
	   { "fib", fib }, { "connections", connections }, { "cookies", cookies },
	   { "ciphers", ciphers }, { "locks", locks }, { "user_memory", user_memory },
	   { "stacks", stacks }, { "traced", traced }, { "output", output }, { "tunnels", tunnels })
