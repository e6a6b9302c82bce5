// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of spec/: section names against the list of program_types.rst, helpers against the UAPI's
 * numbers, contexts against linux/bpf.h, the model kernel's BTF against its C structs and the UAPI.
 */
#include <arpa/inet.h>
#include <asm/unistd.h>
#include <linux/bpf.h>
#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <sys/un.h>

#include "check.h"
#include "spec/kfunc.h"
#include "spec/rules.h"

/* Names, and what program_types.rst says of them; "-" no attach type. */
static const struct {
	const char *name, *type, *attach, *extra;
	unsigned int flags;
} names[] = {
	{ "socket", "socket_filter", "-", NULL, 0 },
	{ "tracepoint/syscalls/sys_enter_openat", "tracepoint", "-", "syscalls/sys_enter_openat",
	  0 },
	{ "tp/sched/sched_switch", "tracepoint", "-", "sched/sched_switch", 0 },
	{ "tp", "tracepoint", "-", NULL, 0 },
	{ "raw_tp/sys_enter", "raw_tracepoint", "-", "sys_enter", 0 },
	{ "raw_tracepoint/sys_exit", "raw_tracepoint", "-", "sys_exit", 0 },
	{ "raw_tp.w/x", "raw_tracepoint_writable", "-", "x", 0 },
	{ "raw_tracepoint.w", "raw_tracepoint_writable", "-", NULL, 0 },
	{ "tp_btf/sys_enter", "tracing", "trace_raw_tp", "sys_enter", SECTION_ATTACH_BTF },
	{ "fentry/do_unlinkat", "tracing", "trace_fentry", "do_unlinkat", SECTION_ATTACH_BTF },
	{ "fentry.s/f", "tracing", "trace_fentry", "f", SECTION_ATTACH_BTF | SECTION_SLEEPABLE },
	{ "fexit/f", "tracing", "trace_fexit", "f", SECTION_ATTACH_BTF },
	{ "fexit.s/f", "tracing", "trace_fexit", "f", SECTION_ATTACH_BTF | SECTION_SLEEPABLE },
	{ "fmod_ret/f", "tracing", "modify_return", "f", SECTION_ATTACH_BTF },
	{ "fmod_ret.s/f", "tracing", "modify_return", "f", SECTION_ATTACH_BTF | SECTION_SLEEPABLE },
	{ "freplace/f", "ext", "-", "f", SECTION_ATTACH_BTF },
	{ "lsm/file_open", "lsm", "lsm_mac", "file_open", SECTION_ATTACH_BTF },
	{ "lsm.s/file_open", "lsm", "lsm_mac", "file_open",
	  SECTION_ATTACH_BTF | SECTION_SLEEPABLE },
	{ "lsm_cgroup/socket_bind", "lsm", "lsm_cgroup", "socket_bind", SECTION_ATTACH_BTF },
	{ "iter/task", "tracing", "trace_iter", "task", SECTION_ATTACH_BTF },
	{ "iter.s/task", "tracing", "trace_iter", "task", SECTION_ATTACH_BTF | SECTION_SLEEPABLE },
	{ "syscall", "syscall", "-", NULL, SECTION_SLEEPABLE },
	{ "kprobe/do_sys_open", "kprobe", "-", "do_sys_open", 0 },
	{ "kretprobe/f", "kprobe", "-", "f", 0 },
	{ "kprobe.multi/f*", "kprobe", "trace_kprobe_multi", "f*", 0 },
	{ "kretprobe.multi/f*", "kprobe", "trace_kprobe_multi", "f*", 0 },
	{ "kprobe.session/f*", "kprobe", "trace_kprobe_session", "f*", 0 },
	{ "ksyscall/openat", "kprobe", "-", "openat", 0 },
	{ "kretsyscall/openat", "kprobe", "-", "openat", 0 },
	{ "uprobe//bin/sh:main", "kprobe", "-", "/bin/sh:main", 0 },
	{ "uprobe.s/x", "kprobe", "-", "x", SECTION_SLEEPABLE },
	{ "uretprobe/x", "kprobe", "-", "x", 0 },
	{ "uretprobe.s/x", "kprobe", "-", "x", SECTION_SLEEPABLE },
	{ "uprobe.multi/x", "kprobe", "trace_uprobe_multi", "x", 0 },
	{ "uprobe.multi.s/x", "kprobe", "trace_uprobe_multi", "x", SECTION_SLEEPABLE },
	{ "uretprobe.multi/x", "kprobe", "trace_uprobe_multi", "x", 0 },
	{ "uretprobe.multi.s/x", "kprobe", "trace_uprobe_multi", "x", SECTION_SLEEPABLE },
	{ "uprobe.session/x", "kprobe", "trace_uprobe_session", "x", 0 },
	{ "uprobe.session.s/x", "kprobe", "trace_uprobe_session", "x", SECTION_SLEEPABLE },
	{ "usdt/libc:x:y", "kprobe", "-", "libc:x:y", 0 },
	{ "usdt.s/x", "kprobe", "-", "x", SECTION_SLEEPABLE },
	{ "tc", "sched_cls", "-", NULL, 0 },
	{ "tc/ingress", "sched_cls", "tcx_ingress", NULL, 0 },
	{ "tc/egress", "sched_cls", "tcx_egress", NULL, 0 },
	{ "tcx/ingress", "sched_cls", "tcx_ingress", NULL, 0 },
	{ "tcx/egress", "sched_cls", "tcx_egress", NULL, 0 },
	{ "classifier", "sched_cls", "-", NULL, 0 },
	{ "action", "sched_act", "-", NULL, 0 },
	{ "netkit/primary", "sched_cls", "netkit_primary", NULL, 0 },
	{ "netkit/peer", "sched_cls", "netkit_peer", NULL, 0 },
	{ "xdp", "xdp", "xdp", NULL, 0 },
	{ "xdp.frags", "xdp", "xdp", NULL, SECTION_FRAGS },
	{ "xdp/devmap", "xdp", "xdp_devmap", NULL, 0 },
	{ "xdp.frags/devmap", "xdp", "xdp_devmap", NULL, SECTION_FRAGS },
	{ "xdp/cpumap", "xdp", "xdp_cpumap", NULL, 0 },
	{ "xdp.frags/cpumap", "xdp", "xdp_cpumap", NULL, SECTION_FRAGS },
	{ "perf_event", "perf_event", "-", NULL, 0 },
	{ "lwt_in", "lwt_in", "-", NULL, 0 },
	{ "lwt_out", "lwt_out", "-", NULL, 0 },
	{ "lwt_xmit", "lwt_xmit", "-", NULL, 0 },
	{ "lwt_seg6local", "lwt_seg6local", "-", NULL, 0 },
	{ "sockops", "sock_ops", "cgroup_sock_ops", NULL, 0 },
	{ "sk_skb", "sk_skb", "-", NULL, 0 },
	{ "sk_skb/stream_parser", "sk_skb", "sk_skb_stream_parser", NULL, 0 },
	{ "sk_skb/stream_verdict", "sk_skb", "sk_skb_stream_verdict", NULL, 0 },
	{ "sk_skb/verdict", "sk_skb", "sk_skb_verdict", NULL, 0 },
	{ "sk_msg", "sk_msg", "sk_msg_verdict", NULL, 0 },
	{ "sk_lookup", "sk_lookup", "sk_lookup", NULL, 0 },
	{ "sk_reuseport", "sk_reuseport", "sk_reuseport_select", NULL, 0 },
	{ "sk_reuseport/migrate", "sk_reuseport", "sk_reuseport_select_or_migrate", NULL, 0 },
	{ "lirc_mode2", "lirc_mode2", "lirc_mode2", NULL, 0 },
	{ "flow_dissector", "flow_dissector", "flow_dissector", NULL, 0 },
	{ "netfilter", "netfilter", "netfilter", NULL, 0 },
	{ "struct_ops/init", "struct_ops", "-", "init", 0 },
	{ "struct_ops.s/init", "struct_ops", "-", "init", SECTION_SLEEPABLE },
	{ "cgroup_skb/ingress", "cgroup_skb", "cgroup_inet_ingress", NULL, 0 },
	{ "cgroup_skb/egress", "cgroup_skb", "cgroup_inet_egress", NULL, 0 },
	{ "cgroup/skb", "cgroup_skb", "-", NULL, 0 },
	{ "cgroup/sock", "cgroup_sock", "cgroup_inet_sock_create", NULL, 0 },
	{ "cgroup/sock_create", "cgroup_sock", "cgroup_inet_sock_create", NULL, 0 },
	{ "cgroup/sock_release", "cgroup_sock", "cgroup_inet_sock_release", NULL, 0 },
	{ "cgroup/post_bind4", "cgroup_sock", "cgroup_inet4_post_bind", NULL, 0 },
	{ "cgroup/post_bind6", "cgroup_sock", "cgroup_inet6_post_bind", NULL, 0 },
	{ "cgroup/bind4", "cgroup_sock_addr", "cgroup_inet4_bind", NULL, 0 },
	{ "cgroup/bind6", "cgroup_sock_addr", "cgroup_inet6_bind", NULL, 0 },
	{ "cgroup/connect4", "cgroup_sock_addr", "cgroup_inet4_connect", NULL, 0 },
	{ "cgroup/connect6", "cgroup_sock_addr", "cgroup_inet6_connect", NULL, 0 },
	{ "cgroup/connect_unix", "cgroup_sock_addr", "cgroup_unix_connect", NULL, 0 },
	{ "cgroup/sendmsg4", "cgroup_sock_addr", "cgroup_udp4_sendmsg", NULL, 0 },
	{ "cgroup/sendmsg6", "cgroup_sock_addr", "cgroup_udp6_sendmsg", NULL, 0 },
	{ "cgroup/sendmsg_unix", "cgroup_sock_addr", "cgroup_unix_sendmsg", NULL, 0 },
	{ "cgroup/recvmsg4", "cgroup_sock_addr", "cgroup_udp4_recvmsg", NULL, 0 },
	{ "cgroup/recvmsg6", "cgroup_sock_addr", "cgroup_udp6_recvmsg", NULL, 0 },
	{ "cgroup/recvmsg_unix", "cgroup_sock_addr", "cgroup_unix_recvmsg", NULL, 0 },
	{ "cgroup/getpeername4", "cgroup_sock_addr", "cgroup_inet4_getpeername", NULL, 0 },
	{ "cgroup/getpeername6", "cgroup_sock_addr", "cgroup_inet6_getpeername", NULL, 0 },
	{ "cgroup/getpeername_unix", "cgroup_sock_addr", "cgroup_unix_getpeername", NULL, 0 },
	{ "cgroup/getsockname4", "cgroup_sock_addr", "cgroup_inet4_getsockname", NULL, 0 },
	{ "cgroup/getsockname6", "cgroup_sock_addr", "cgroup_inet6_getsockname", NULL, 0 },
	{ "cgroup/getsockname_unix", "cgroup_sock_addr", "cgroup_unix_getsockname", NULL, 0 },
	{ "cgroup/sysctl", "cgroup_sysctl", "cgroup_sysctl", NULL, 0 },
	{ "cgroup/getsockopt", "cgroup_sockopt", "cgroup_getsockopt", NULL, 0 },
	{ "cgroup/setsockopt", "cgroup_sockopt", "cgroup_setsockopt", NULL, 0 },
	{ "cgroup/dev", "cgroup_device", "cgroup_device", NULL, 0 },
};

static void sections(void)
{
	bool seen[128] = { false };
	const struct spec_section *first = spec_section_at(0);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *extra = "unset";
		const struct spec_section *s = spec_section_find(names[i].name, &extra);

		CHECK_CASE("%s", names[i].name);
		if (!CHECK(s != NULL))
			continue;
		seen[s - first] = true;
		CHECK_EQ_STR(spec_prog_type_name(s->prog_type), names[i].type);
		CHECK_EQ_STR(s->attach_type == ATTACH_NONE ? "-" :
							     spec_attach_type_name(s->attach_type),
			     names[i].attach);
		CHECK_EQ_STR(extra, names[i].extra);
		CHECK_EQ_INT(s->flags & ~(SECTION_EXACT | SECTION_EXTRA), names[i].flags);
	}
	for (size_t i = 0; i < spec_section_count(); i++) {
		CHECK_CASE("row %s has an expectation", spec_section_at(i)->prefix);
		CHECK(seen[i]);
	}
	CHECK(!spec_section_at(spec_section_count()));
}

static void no_sections(void)
{
	static const char *const none[] = { "",	    ".text",   "xdp/x",	  "xdp2",	"tc/x",
					    "tcx",  "kprobes", "license", "maps",	"socket/x",
					    "prog", "cgroup",  "fentrys", "xdp.frags/x" };
	const char *extra;

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK_CASE("'%s'", none[i]);
		CHECK(!spec_section_find(none[i], &extra));
	}
}

static void types(void)
{
	CHECK_EQ_INT(PROG_XDP, BPF_PROG_TYPE_XDP);
	CHECK_EQ_INT(PROG_SYSCALL, BPF_PROG_TYPE_SYSCALL);
	CHECK_EQ_INT(MAP_RINGBUF, BPF_MAP_TYPE_RINGBUF);
	CHECK_EQ_INT(MAP_STACK_MAP, BPF_MAP_TYPE_STACK);
	CHECK_EQ_INT(MAP_USER_RINGBUF, BPF_MAP_TYPE_USER_RINGBUF);
	CHECK_EQ_INT(ATTACH_LSM_CGROUP, BPF_LSM_CGROUP);
	CHECK_EQ_STR(spec_map_type_name(MAP_LPM_TRIE), "lpm_trie");
	CHECK_EQ_INT(spec_map_type_find("lru_hash"), BPF_MAP_TYPE_LRU_HASH);
	CHECK_EQ_INT(spec_map_type_find("no_such"), -1);
	CHECK(!spec_map_type_name(-1) && !spec_map_type_name(MAP_TYPE_COUNT));
	CHECK(!spec_prog_type_name(999) && !spec_attach_type_name(-1));
	CHECK(spec_prog_type_served(PROG_XDP) && !spec_prog_type_served(PROG_LSM));
	CHECK(spec_map_type_served(MAP_HASH) && !spec_map_type_served(MAP_UNSPEC));
}

static void helpers(void)
{
	int served = 0;

	CHECK_EQ_INT(HELPER_ktime_get_tai_ns, BPF_FUNC_ktime_get_tai_ns);
	CHECK_EQ_INT(HELPER_csum_diff, BPF_FUNC_csum_diff);
	for (int i = 1; i < HELPER_COUNT; i++) {
		const struct spec_helper *h = spec_helper(i);
		bool ended = false;

		CHECK_CASE("helper %d", i);
		if (!CHECK(h != NULL))
			continue;
		CHECK_EQ_INT(h->id, i);
		CHECK(spec_helper_find(h->name) == h);
		CHECK(h->gate != 0);
		served += h->served;
		for (int a = 0; a < 5; a++) {
			bool sized = h->args[a] == ARG_MEM || h->args[a] == ARG_MEM_OR_NULL ||
				     h->args[a] == ARG_MEM_OUT ||
				     h->args[a] == ARG_MEM_OUT_OR_NULL ||
				     h->args[a] == ARG_MEM_INOUT;

			CHECK(!ended || h->args[a] == ARG_NONE);
			ended = ended || h->args[a] == ARG_NONE;
			CHECK(!sized || (a < 4 && (h->args[a + 1] == ARG_SIZE ||
						   h->args[a + 1] == ARG_SIZE_OR_ZERO)));
		}
	}
	CHECK_CASE("ends");
	CHECK(served >= 190);
	for (int i = 1; i < HELPER_COUNT; i++) {
		const struct spec_helper *h = spec_helper(i);

		CHECK_CASE("bpf_%s: served, or why not", h->name);
		CHECK((h->state == SPEC_K) == (h->why != NULL) && h->state != SPEC_N);
		CHECK_EQ_INT(h->served, spec_state_served(h->state));
	}
	CHECK(!spec_helper(0) && !spec_helper(-1) && !spec_helper(HELPER_COUNT));
	CHECK(!spec_helper(INT64_MAX) && !spec_helper_find("bpf_map_lookup_elem"));
}

/* Every kernel function that has a rule has a row, whose prototype is in the model kernel's types. */
static void kfuncs(void)
{
	struct btf *btf = NULL;
	int served = 0;

	if (!CHECK_EQ_INT(spec_model_btf(&btf, NULL), 0))
		return;
	for (int i = 0; i < KFUNC_COUNT; i++) {
		const struct spec_kfunc *k = spec_kfunc(i);
		uint32_t id = btf_find(btf, k->name, BTF_FUNC, 0);

		CHECK_CASE("%s", k->name);
		CHECK(k->state != SPEC_N && (k->state == SPEC_K) == (k->why != NULL));
		CHECK(k->served == (id != 0) && spec_kfunc_rule(k->name));
		served += k->served;
		if (id)
			CHECK_EQ_INT(btf_vlen(btf, btf_ref_type(btf, id)), spec_kfunc_nargs(k));
	}
	CHECK_CASE("all");
	CHECK(served >= 150);
	CHECK_EQ_INT(spec_kfunc_callbacks(spec_kfunc_find("bpf_rbtree_add_impl")), 4);
	CHECK_EQ_INT(spec_kfunc_callbacks(spec_kfunc_find("bpf_strlen")), 0);
	btf_unref(btf);
}

static void gates(void)
{
	static const struct {
		const char *helper;
		int type;
		bool may;
	} rows[] = {
		{ "map_lookup_elem", PROG_LSM, true },
		{ "probe_read", PROG_XDP, false },
		{ "probe_read", PROG_TRACEPOINT, true },
		{ "probe_read_kernel", PROG_XDP, true },
		{ "xdp_adjust_head", PROG_XDP, true },
		{ "xdp_adjust_head", PROG_SCHED_CLS, false },
		{ "redirect", PROG_SCHED_CLS, true },
		{ "redirect", PROG_TRACEPOINT, false },
		{ "skb_load_bytes", PROG_XDP, false },
		{ "skb_load_bytes", PROG_SOCKET_FILTER, true },
		{ "perf_event_output", PROG_XDP, true },
		{ "csum_diff", PROG_RAW_TRACEPOINT, false },
		{ "ktime_get_coarse_ns", PROG_XDP, true },
		{ "d_path", PROG_TRACING, true },
		{ "map_lookup_elem", -1, false },
		{ "map_lookup_elem", PROG_TYPE_COUNT, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("%s by %d", rows[i].helper, rows[i].type);
		CHECK_EQ_INT(spec_helper_allowed(spec_helper_find(rows[i].helper), rows[i].type),
			     rows[i].may);
	}
}

#define SKB(member, k)                                             \
	{                                                          \
#member, offsetof(struct __sk_buff, member),       \
			sizeof(((struct __sk_buff *)0)->member), k \
	}
#define XDP(member, k)                                                                            \
	{                                                                                         \
#member, offsetof(struct xdp_md, member), sizeof(((struct xdp_md *)0)->member), k \
	}

struct expected_field {
	const char *name;
	uint32_t off, size;
	enum spec_field_kind kind;
};

static void check_fields(const struct spec_ctx *ctx, const struct expected_field *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct spec_field *got = spec_ctx_field(ctx, f[i].off, f[i].size);

		CHECK_CASE("%s of %s", f[i].name, ctx->name);
		if (!CHECK(got != NULL))
			continue;
		CHECK_EQ_STR(got->name, f[i].name);
		CHECK_EQ_INT(got->size, f[i].size);
		CHECK_EQ_INT(got->kind, f[i].kind);
		/* the last byte too, but nothing beyond it */
		CHECK(spec_ctx_field(ctx, f[i].off + f[i].size - 1, 1) == got);
		CHECK(!spec_ctx_field(ctx, f[i].off, f[i].size + 1));
	}
	CHECK_EQ_INT(ctx->nfields, n);
}

static void contexts(void)
{
	static const struct expected_field xdp[] = {
		XDP(data, FIELD_PKT),
		XDP(data_end, FIELD_PKT_END),
		XDP(data_meta, FIELD_PKT_META),
		XDP(ingress_ifindex, FIELD_SCALAR),
		XDP(rx_queue_index, FIELD_SCALAR),
		XDP(egress_ifindex, FIELD_SCALAR),
	};
	static const struct expected_field tc[] = {
		SKB(len, FIELD_SCALAR),		SKB(pkt_type, FIELD_SCALAR),
		SKB(mark, FIELD_SCALAR),	SKB(queue_mapping, FIELD_SCALAR),
		SKB(protocol, FIELD_SCALAR),	SKB(vlan_present, FIELD_SCALAR),
		SKB(vlan_tci, FIELD_SCALAR),	SKB(vlan_proto, FIELD_SCALAR),
		SKB(priority, FIELD_SCALAR),	SKB(ingress_ifindex, FIELD_SCALAR),
		SKB(ifindex, FIELD_SCALAR),	SKB(tc_index, FIELD_SCALAR),
		SKB(cb, FIELD_ARRAY),		SKB(hash, FIELD_SCALAR),
		SKB(tc_classid, FIELD_SCALAR),	SKB(data, FIELD_PKT),
		SKB(data_end, FIELD_PKT_END),	SKB(napi_id, FIELD_SCALAR),
		SKB(family, FIELD_DENIED),	SKB(remote_ip4, FIELD_DENIED),
		SKB(local_ip4, FIELD_DENIED),	SKB(remote_ip6, FIELD_DENIED),
		SKB(local_ip6, FIELD_DENIED),	SKB(remote_port, FIELD_DENIED),
		SKB(local_port, FIELD_DENIED),	SKB(data_meta, FIELD_PKT_META),
		SKB(flow_keys, FIELD_DENIED),	SKB(tstamp, FIELD_SCALAR),
		SKB(wire_len, FIELD_SCALAR),	SKB(gso_segs, FIELD_SCALAR),
		SKB(sk, FIELD_SCALAR),		SKB(gso_size, FIELD_SCALAR),
		SKB(tstamp_type, FIELD_SCALAR), SKB(hwtstamp, FIELD_SCALAR),
	};

	check_fields(spec_ctx_of(PROG_XDP), xdp, ARRAY_SIZE(xdp));
	check_fields(spec_ctx_of(PROG_SCHED_CLS), tc, ARRAY_SIZE(tc));
	CHECK_CASE("holes and ends");
	CHECK_EQ_INT(SPEC_SKB_SIZE, sizeof(struct __sk_buff));
	CHECK_EQ_INT(SPEC_XDP_SIZE, sizeof(struct xdp_md));
	CHECK(!spec_ctx_field(spec_ctx_of(PROG_SCHED_CLS), 181, 1)); /* padding */
	CHECK(!spec_ctx_field(spec_ctx_of(PROG_XDP), 24, 4));
	CHECK(!spec_ctx_field(spec_ctx_of(PROG_XDP), UINT32_MAX, 4));
	CHECK(!spec_ctx_field(spec_ctx_of(PROG_XDP), 0, UINT32_MAX));
	CHECK(!spec_ctx_of(PROG_TRACEPOINT) && !spec_ctx_of(-1) && !spec_ctx_of(99));
}

/* offset in bits of struct.member in the BTF, or -1 */
static int64_t bit_off(const struct btf *btf, const char *type, const char *member,
		       uint32_t *ret_bits)
{
	uint32_t id = btf_find(btf, type, BTF_STRUCT, 0);

	for (uint32_t i = 0; id && i < btf_vlen(btf, id); i++) {
		struct btf_member m = btf_member(btf, id, i);

		if (strcmp(m.name, member) != 0)
			continue;
		*ret_bits = m.bit_size ? m.bit_size : (uint32_t)btf_size(btf, m.type) * 8;
		return m.bit_off;
	}
	return -1;
}

#define MEMBER(btf_name, c_type, member)                                                   \
	{                                                                                  \
		btf_name, #member, offsetof(c_type, member), sizeof(((c_type *)0)->member) \
	}

static const struct {
	const char *type, *member;
	size_t off, size;
} model_members[] = {
	MEMBER("trace_entry", struct model_trace_entry, pid),
	MEMBER("trace_event_raw_sys_enter", struct model_sys_enter, id),
	MEMBER("trace_event_raw_sys_enter", struct model_sys_enter, args),
	MEMBER("trace_event_raw_sys_exit", struct model_sys_exit, ret),
	MEMBER("syscall_trace_exit", struct model_call_exit, ret),
	MEMBER("trace_event_raw_sched_process_exec", struct model_sched_exec, __data_loc_filename),
	MEMBER("trace_event_raw_sched_process_exec", struct model_sched_exec, old_pid),
	MEMBER("trace_event_raw_sched_process_fork", struct model_sched_fork, child_comm),
	MEMBER("trace_event_raw_sched_process_fork", struct model_sched_fork, child_pid),
	MEMBER("trace_event_raw_sched_process_template", struct model_sched_template, prio),
	MEMBER("trace_event_raw_sched_process_exit", struct model_sched_exit, group_dead),
	MEMBER("ethhdr", struct ethhdr, h_proto),
	MEMBER("iphdr", struct iphdr, protocol),
	MEMBER("iphdr", struct iphdr, check),
	MEMBER("iphdr", struct iphdr, daddr),
	MEMBER("ipv6hdr", struct ipv6hdr, nexthdr),
	MEMBER("ipv6hdr", struct ipv6hdr, daddr),
	MEMBER("tcphdr", struct tcphdr, ack_seq),
	MEMBER("tcphdr", struct tcphdr, window),
	MEMBER("tcphdr", struct tcphdr, urg_ptr),
	MEMBER("udphdr", struct udphdr, check),
	MEMBER("icmphdr", struct icmphdr, un),
	MEMBER("sockaddr_in", struct sockaddr_in, sin_addr),
	MEMBER("sockaddr_in6", struct sockaddr_in6, sin6_addr),
	MEMBER("sockaddr_in6", struct sockaddr_in6, sin6_scope_id),
	MEMBER("sockaddr_un", struct sockaddr_un, sun_path),
	MEMBER("xdp_md", struct xdp_md, egress_ifindex),
	MEMBER("__sk_buff", struct __sk_buff, cb),
	MEMBER("__sk_buff", struct __sk_buff, remote_ip6),
	MEMBER("__sk_buff", struct __sk_buff, sk),
	MEMBER("__sk_buff", struct __sk_buff, hwtstamp),
#if defined(__x86_64__)
	MEMBER("pt_regs", struct model_pt_regs, orig_ax),
	MEMBER("pt_regs", struct model_pt_regs, ss),
#endif
};

static void model(void)
{
	struct skep_error *err = NULL;
	struct btf *btf = NULL;
	uint32_t bits = 0;

	if (!CHECK_EQ_INT(spec_model_btf(&btf, &err), 0)) {
		skep_error_free(err);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(model_members); i++) {
		CHECK_CASE("%s.%s", model_members[i].type, model_members[i].member);
		CHECK_EQ_INT(bit_off(btf, model_members[i].type, model_members[i].member, &bits),
			     model_members[i].off * 8);
		CHECK_EQ_INT(bits, model_members[i].size * 8);
	}
	CHECK_CASE("bit fields, as the compiler lays them out");
	{
		struct iphdr ip = { .ihl = 15 };
		struct tcphdr tcp = { .syn = 1, .doff = 5 };

		CHECK_EQ_INT(((uint8_t *)&ip)[0], 0x0f << bit_off(btf, "iphdr", "ihl", &bits));
		CHECK_EQ_INT(bits, 4);
		CHECK_EQ_INT(((uint8_t *)&tcp)[13],
			     1 << (bit_off(btf, "tcphdr", "syn", &bits) - 13 * 8));
		CHECK_EQ_INT(((uint8_t *)&tcp)[12],
			     5 << (bit_off(btf, "tcphdr", "doff", &bits) - 12 * 8));
	}
	btf_unref(btf);
}

static bool has_enumerator(const struct btf *btf, const char *type, const char *name, int64_t value)
{
	uint32_t id = btf_find(btf, type, BTF_ENUM, 0);

	for (uint32_t i = 0; id && i < btf_vlen(btf, id); i++) {
		struct btf_enumerator e = btf_enumerator(btf, id, i);

		if (!strcmp(e.name, name) && e.value == value)
			return true;
	}
	return false;
}

static void model_types(void)
{
	struct btf *btf = NULL;
	uint32_t id, proto;

	if (!CHECK_EQ_INT(spec_model_btf(&btf, NULL), 0))
		return;
	CHECK(has_enumerator(btf, "bpf_func_id", "BPF_FUNC_map_lookup_elem", 1));
	CHECK(has_enumerator(btf, "bpf_func_id", "BPF_FUNC_ringbuf_reserve", 131));
	CHECK(!has_enumerator(btf, "bpf_func_id", "BPF_FUNC_get_branch_snapshot", 176));
	CHECK(has_enumerator(btf, "bpf_map_type", "BPF_MAP_TYPE_RINGBUF", 27));
	CHECK(has_enumerator(btf, "bpf_map_type", "BPF_MAP_TYPE_XSKMAP", 17));
	CHECK(has_enumerator(btf, "bpf_prog_type", "BPF_PROG_TYPE_XDP", 6));
	CHECK(!has_enumerator(btf, "bpf_prog_type", "BPF_PROG_TYPE_LSM", 29));
	CHECK(btf_find(btf, "bpf_ringbuf", BTF_STRUCT, 0));
	id = btf_find(btf, "btf_trace_sys_exit", BTF_TYPEDEF, 0);
	if (CHECK(id && btf_kind(btf, btf_ref_type(btf, id)) == BTF_PTR)) {
		proto = btf_ref_type(btf, btf_ref_type(btf, id));
		CHECK_EQ_INT(btf_kind(btf, proto), BTF_FUNC_PROTO);
		CHECK_EQ_INT(btf_vlen(btf, proto), 3);
		CHECK_EQ_STR(btf_param(btf, proto, 2).name, "ret");
	}
	btf_unref(btf);
}

static void syscalls(void)
{
	CHECK_EQ_INT(spec_syscall_find("openat"), __NR_openat);
	CHECK_EQ_INT(spec_syscall_find("execve"), __NR_execve);
	CHECK_EQ_INT(spec_syscall_find("uname"), __NR_uname);
	CHECK_EQ_INT(spec_syscall_find("newuname"), __NR_uname); /* its tracepoint */
	CHECK_EQ_INT(spec_syscall_find("futex_waitv"), __NR_futex_waitv);
	CHECK_EQ_INT(spec_syscall_find("cachestat"), 451);
	CHECK_EQ_INT(spec_syscall_find("no_such_call"), -1);
	CHECK_EQ_STR(spec_syscall_name(__NR_read), "read");
	CHECK(!spec_syscall_name(-1) && !spec_syscall_name(INT32_MAX));
	CHECK(spec_syscall_limit() > 460 && spec_syscall_limit() < 1024);
	for (int i = 0; i < (int)spec_syscall_limit(); i++)
		if (spec_syscall_name(i))
			CHECK_EQ_INT(spec_syscall_find(spec_syscall_name(i)), i);
}

CHECK_MAIN({ "sections", sections }, { "no_sections", no_sections }, { "types", types },
	   { "helpers", helpers }, { "kfuncs", kfuncs }, { "gates", gates },
	   { "contexts", contexts }, { "model", model }, { "model_types", model_types },
	   { "syscalls", syscalls })
