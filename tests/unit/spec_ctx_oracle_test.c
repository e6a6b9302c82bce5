// SPDX-License-Identifier: Apache-2.0
/*
 * The rules of contexts, sockets, return values and sleeping against the kernel: every offset, size and direction of every
 * context that this kernel loads programs for, what each load gives, and the range that it wants returned.
 */
#include "check.h"
#include "spec_kernel.h"

#define MARGIN 9 /* bytes asked behind the end */

static const struct context {
	struct spec_probe probe;
	uint32_t size;
} contexts[] = {
	{ { PROG_SOCKET_FILTER, ATTACH_NONE, false, false, 2, NULL }, 192 },
	{ { PROG_SCHED_CLS, ATTACH_NONE, false, false, 2, NULL }, 192 },
	{ { PROG_SCHED_ACT, ATTACH_NONE, false, false, 2, NULL }, 192 },
	{ { PROG_CGROUP_SKB, ATTACH_CGROUP_INET_INGRESS, false, false, 2, NULL }, 192 },
	{ { PROG_CGROUP_SKB, ATTACH_CGROUP_INET_EGRESS, false, false, 2, NULL }, 192 },
	{ { PROG_LWT_IN, ATTACH_NONE, false, false, 2, NULL }, 192 },
	{ { PROG_LWT_OUT, ATTACH_NONE, false, false, 2, NULL }, 192 },
	{ { PROG_LWT_XMIT, ATTACH_NONE, false, false, 2, NULL }, 192 },
	{ { PROG_LWT_SEG6LOCAL, ATTACH_NONE, false, false, 2, NULL }, 192 },
	{ { PROG_SK_SKB, ATTACH_NONE, false, false, 2, NULL }, 192 },
	{ { PROG_SK_SKB, ATTACH_SK_SKB_STREAM_PARSER, false, false, 2, NULL }, 192 },
	{ { PROG_FLOW_DISSECTOR, ATTACH_FLOW_DISSECTOR, false, false, 2, NULL }, 192 },
	{ { PROG_XDP, ATTACH_NONE, false, false, 2, NULL }, 24 },
	{ { PROG_XDP, ATTACH_XDP, false, false, 2, NULL }, 24 },
	{ { PROG_XDP, ATTACH_XDP_DEVMAP, false, false, 2, NULL }, 24 },
	{ { PROG_XDP, ATTACH_XDP_CPUMAP, false, false, 2, NULL }, 24 },
	{ { PROG_CGROUP_SOCK, ATTACH_CGROUP_INET_SOCK_CREATE, false, false, 2, NULL }, 80 },
	{ { PROG_CGROUP_SOCK, ATTACH_CGROUP_INET_SOCK_RELEASE, false, false, 2, NULL }, 80 },
	{ { PROG_CGROUP_SOCK, ATTACH_CGROUP_INET4_POST_BIND, false, false, 2, NULL }, 80 },
	{ { PROG_CGROUP_SOCK, ATTACH_CGROUP_INET6_POST_BIND, false, false, 2, NULL }, 80 },
	{ { PROG_SOCK_OPS, ATTACH_CGROUP_SOCK_OPS, false, false, 2, NULL }, 224 },
	{ { PROG_CGROUP_DEVICE, ATTACH_CGROUP_DEVICE, false, false, 2, NULL }, 12 },
	{ { PROG_SK_MSG, ATTACH_SK_MSG_VERDICT, false, false, 2, NULL }, 80 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET4_BIND, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET6_BIND, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET4_CONNECT, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET6_CONNECT, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UDP4_SENDMSG, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UDP6_SENDMSG, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UDP4_RECVMSG, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UDP6_RECVMSG, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET4_GETPEERNAME, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET6_GETPEERNAME, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET4_GETSOCKNAME, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET6_GETSOCKNAME, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UNIX_CONNECT, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UNIX_SENDMSG, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UNIX_RECVMSG, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UNIX_GETPEERNAME, false, false, 2, NULL }, 72 },
	{ { PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UNIX_GETSOCKNAME, false, false, 2, NULL }, 72 },
	{ { PROG_SK_REUSEPORT, ATTACH_SK_REUSEPORT_SELECT, false, false, 2, NULL }, 56 },
	{ { PROG_SK_REUSEPORT, ATTACH_SK_REUSEPORT_SELECT_OR_MIGRATE, false, false, 2, NULL }, 56 },
	{ { PROG_CGROUP_SYSCTL, ATTACH_CGROUP_SYSCTL, false, false, 2, NULL }, 8 },
	{ { PROG_CGROUP_SOCKOPT, ATTACH_CGROUP_GETSOCKOPT, false, false, 2, NULL }, 40 },
	{ { PROG_CGROUP_SOCKOPT, ATTACH_CGROUP_SETSOCKOPT, false, false, 2, NULL }, 40 },
	{ { PROG_SK_LOOKUP, ATTACH_SK_LOOKUP, false, false, 2, NULL }, 72 },
	{ { PROG_NETFILTER, ATTACH_NETFILTER, false, false, 2, NULL }, 16 },
	{ { PROG_PERF_EVENT, ATTACH_NONE, false, false, 2, NULL }, 184 },
	{ { PROG_KPROBE, ATTACH_NONE, false, false, 2, NULL }, 168 },
	{ { PROG_TRACEPOINT, ATTACH_NONE, false, false, 2, NULL }, 200 },
	{ { PROG_RAW_TRACEPOINT, ATTACH_NONE, false, false, 2, NULL }, 96 },
	{ { PROG_RAW_TRACEPOINT_WRITABLE, ATTACH_NONE, false, false, 2, NULL }, 96 },
	{ { PROG_SYSCALL, ATTACH_NONE, false, true, 2, NULL }, 200 },
};

static uint8_t load_code(uint32_t size)
{
	return size == 1 ? 0x71 : size == 2 ? 0x69 : size == 4 ? 0x61 : 0x79;
}

/* How the kernel's log writes what a load gave. */
static const char *yield_text(const struct spec_ctx_rule *rule)
{
	static char text[64];

	switch (rule->yields) {
	case YIELD_SCALAR:
		return "scalar(";
	case YIELD_PKT:
		return "pkt(";
	case YIELD_PKT_END:
		return "pkt_end(";
	case YIELD_PKT_META:
		return "pkt_meta(";
	case YIELD_SOCKET:
		return "sock(";
	case YIELD_SOCKET_OR_NULL:
		return "sock_or_null(";
	case YIELD_SOCK_COMMON_OR_NULL:
		return "sock_common_or_null(";
	case YIELD_FLOW_KEYS:
		return "flow_keys(";
	case YIELD_TP_BUFFER:
		return "tp_buffer(";
	case YIELD_BTF:
		break;
	}
	snprintf(text, sizeof(text), "trusted_ptr_%s(", rule->btf);
	return text;
}

static void check_access(const struct spec_probe *probe, uint32_t off, uint32_t size, bool write)
{
	const struct spec_ctx_rule *rule =
		spec_ctx_access(probe->type, probe->attach, off, size, write);
	const struct skep_insn insns[] = {
		{ .code = 0xb7, .regs = insn_regs(2, 0) },
		{ .code = write ? (uint8_t)(load_code(size) + 2) : load_code(size),
		  .regs = write ? insn_regs(1, 2) : insn_regs(3, 1),
		  .off = (int16_t)off },
		{ .code = 0xb7, .imm = 1 },
		{ .code = 0x95 },
	};
	int r = spec_load(probe, insns, 4);
	const char *at;

	if (!CHECK_MSG((r == 0) == (rule != NULL), "%s of %u bytes at %u (%s): the kernel says %s",
		       write ? "write" : "read", size, off, rule ? rule->name : "-",
		       r == 0 ? "yes" : spec_log) ||
	    r != 0 || write)
		return;
	at = strstr(spec_log, "R3=");
	if (at && rule->yields == YIELD_SCALAR && at[3] != 's')
		return; /* a scalar of a known value */
	CHECK_MSG(at && !strncmp(at + 3, yield_text(rule), strlen(yield_text(rule))),
		  "read of %u bytes at %u gives %.30s, not %s", size, off, at ? at : "nothing",
		  yield_text(rule));
}

static void accesses(void)
{
	const char *why = spec_kernel_missing();

	if (why)
		CHECK_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++) {
		const struct spec_probe *p = &contexts[i].probe;
		const char *attach = spec_attach_type_name(p->attach);

		CHECK_CASE("%s, %s", spec_prog_type_name(p->type), attach ? attach : "-");
		for (uint32_t size = 1; size <= 8; size *= 2)
			for (uint32_t off = 0; off < contexts[i].size + MARGIN; off += size) {
				check_access(p, off, size, false);
				check_access(p, off, size, true);
			}
	}
}

#define PROLOGUE 12

/* Instructions that leave a socket of a kind in r6, for a program of TC; their number. */
static uint32_t make_sock(enum spec_sock sock, struct skep_insn *insns)
{
	const struct skep_insn common[] = {
		{ .code = 0xb7 },				       /* r0 = 0 */
		{ .code = 0x79, .regs = insn_regs(6, 1), .off = 168 }, /* r6 = skb->sk */
		{ .code = 0x55, .regs = insn_regs(6, 0), .off = 1 },   /* if r6 != 0 goto +1 */
		{ .code = 0x95 },
	};
	const struct skep_insn convert[] = {
		{ .code = 0xbf, .regs = insn_regs(1, 6) },	     { .code = 0x85 },
		{ .code = 0xbf, .regs = insn_regs(6, 0) },	     { .code = 0xb7 },
		{ .code = 0x55, .regs = insn_regs(6, 0), .off = 1 }, { .code = 0x95 },
	};
	uint32_t n = ARRAY_SIZE(common);

	memcpy(insns, common, sizeof(common));
	if (sock == SOCK_COMMON)
		return n;
	memcpy(insns + n, convert, sizeof(convert));
	insns[n + 1].imm = sock == SOCK_FULL ? HELPER_sk_fullsock : HELPER_tcp_sock;
	return n + ARRAY_SIZE(convert);
}

static void sockets(void)
{
	static const struct spec_probe probe = {
		PROG_SCHED_CLS, ATTACH_NONE, false, false, 1, NULL
	};
	static const enum spec_sock socks[] = { SOCK_COMMON, SOCK_FULL, SOCK_TCP };
	struct skep_insn insns[PROLOGUE + 3];
	const char *why = spec_kernel_missing();

	if (why)
		CHECK_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(socks); i++) {
		uint32_t n = make_sock(socks[i], insns);

		CHECK_CASE("socket kind %zu", i);
		insns[n + 1] = (struct skep_insn){ .code = 0xb7 };
		insns[n + 2] = (struct skep_insn){ .code = 0x95 };
		for (uint32_t size = 1; size <= 8; size *= 2)
			for (uint32_t off = 0; off < 112 + MARGIN; off += size) {
				int r;

				insns[n] = (struct skep_insn){ .code = load_code(size),
							       .regs = insn_regs(3, 6),
							       .off = (int16_t)off };
				r = spec_load(&probe, insns, n + 3);
				CHECK_MSG((r == 0) ==
						  (spec_sock_access(socks[i], off, size) != NULL),
					  "%u bytes at %u: the kernel says %s", size, off,
					  r ? spec_log : "yes");
			}
	}
}

static void returns(void)
{
	static const struct skep_insn insns[] = { { .code = 0x85, .imm = HELPER_ktime_get_ns },
						  { .code = 0x95 } };
	static const struct context more[] = {
		{ { PROG_TRACING, ATTACH_TRACE_RAW_TP, true, false, 1, NULL }, 0 },
		{ { PROG_TRACING, ATTACH_TRACE_ITER, true, false, 1, NULL }, 0 },
	};
	const char *why = spec_kernel_missing();

	if (why)
		CHECK_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(contexts) + ARRAY_SIZE(more); i++) {
		struct spec_probe p = i < ARRAY_SIZE(contexts) ?
					      contexts[i].probe :
					      more[i - ARRAY_SIZE(contexts)].probe;
		const struct spec_return *want = spec_return_of(p.type, p.attach);
		const char *attach = spec_attach_type_name(p.attach);
		int r = spec_load(&p, insns, 2);
		char text[64] = "";

		CHECK_CASE("%s, %s", spec_prog_type_name(p.type), attach ? attach : "-");
		if (want)
			snprintf(text, sizeof(text), "should have been in [%d, %d]", want->min,
				 want->max);
		CHECK_MSG((r == 0) == !want, "the kernel says %s", r ? spec_log : "yes");
		CHECK_MSG(strstr(spec_log, text) != NULL, "'%s' is not in %s", text, spec_log);
		p.sleepable = true;
		spec_load(&p, insns, 2);
		CHECK_EQ_INT(!strstr(spec_log, "programs can be sleepable"),
			     spec_may_sleep(p.type, p.attach));
	}
}

CHECK_MAIN({ "accesses", accesses }, { "sockets", sockets }, { "returns", returns })
