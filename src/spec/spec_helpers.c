// SPDX-License-Identifier: Apache-2.0
/*
 * Helpers by id and by name, and who may call them. A gate is a set of program types, one bit each;
 * the words below are the sets that the rows of helpers.def join.
 */
#include <string.h>

#include "spec/spec.h"

enum { N = 0, Y = 1 };

#define BIT(type) (1ull << PROG_##type)
_Static_assert(PROG_TYPE_COUNT <= 64, "a gate is 64 bits");

#define ANY (~0ull)
#define SOCKET BIT(SOCKET_FILTER)
#define KPROBE BIT(KPROBE)
#define TC (BIT(SCHED_CLS) | BIT(SCHED_ACT))
#define XDP BIT(XDP)
#define PERF BIT(PERF_EVENT)
#define LWT_IN BIT(LWT_IN)
#define LWT_XMIT BIT(LWT_XMIT)
#define LWT_SEG6 BIT(LWT_SEG6LOCAL)
#define LWT (LWT_IN | BIT(LWT_OUT) | LWT_XMIT | LWT_SEG6)
#define SOCK_OPS BIT(SOCK_OPS)
#define SK_SKB BIT(SK_SKB)
#define SK_MSG BIT(SK_MSG)
#define SK_LOOKUP BIT(SK_LOOKUP)
#define CG_SKB BIT(CGROUP_SKB)
#define CG_SOCK BIT(CGROUP_SOCK)
#define CG_ADDR BIT(CGROUP_SOCK_ADDR)
#define CG_SYSCTL BIT(CGROUP_SYSCTL)
#define CG_OPT BIT(CGROUP_SOCKOPT)
#define CGROUP (CG_SOCK | CG_ADDR | CG_SYSCTL | CG_OPT | BIT(CGROUP_DEVICE))
#define REUSEPORT BIT(SK_REUSEPORT)
#define FLOW BIT(FLOW_DISSECTOR)
#define LIRC BIT(LIRC_MODE2)
#define LSM BIT(LSM)
#define STRUCT_OPS BIT(STRUCT_OPS)
#define SYSCALL BIT(SYSCALL)
#define NETFILTER BIT(NETFILTER)
/* Programs on BTF functions; fentry and LSM programs share a set. */
#define BTF (BIT(TRACING) | LSM)
#define TRACING \
	(KPROBE | BIT(TRACEPOINT) | PERF | BIT(RAW_TRACEPOINT) | BIT(RAW_TRACEPOINT_WRITABLE) | BTF)
/* Sets of one helper, or of one family. */
#define OUTPUT (ANY & ~(REUSEPORT | FLOW | NETFILTER))
#define COARSE (ANY & ~(TRACING | SYSCALL | NETFILTER | CG_OPT | BIT(CGROUP_DEVICE)))
#define LOAD_BYTES (TC | LWT | SOCKET | CG_SKB | SK_SKB | REUSEPORT | FLOW)
#define LOOKUP (TC | XDP | CG_SKB | SK_SKB | CG_ADDR)
#define NETNS (TC | SOCKET | CG_SKB | CG_SOCK | SOCK_OPS | SK_MSG | CG_ADDR | CG_OPT)
#define SK_STORE (TC | CG_SKB | SOCK_OPS | SK_MSG | CG_ADDR | CG_OPT | BTF | SYSCALL)
#define COOKIE \
	(TC | SOCKET | CG_SKB | CG_SOCK | SOCK_OPS | SK_SKB | CG_ADDR | REUSEPORT | BTF | SYSCALL)
#define SKC                                                                                     \
	(TC | LWT | SOCKET | XDP | CG_SKB | SOCK_OPS | SK_SKB | SK_MSG | CG_ADDR | FLOW | BTF | \
	 SK_LOOKUP | SYSCALL)

static const struct spec_helper helpers[HELPER_COUNT] = {
#define HELPER(n, i, s, y, g, r, a1, a2, a3, a4, a5) \
	[i] = { .name = #n,                          \
		.id = (i),                           \
		.since = #s,                         \
		.served = (y),                       \
		.gate = (g),                         \
		.ret = RET_##r,                      \
		.args = { ARG_##a1, ARG_##a2, ARG_##a3, ARG_##a4, ARG_##a5 } },
#include "spec/helpers.def"
#undef HELPER
};

const struct spec_helper *spec_helper(int64_t id)
{
	return id > 0 && id < HELPER_COUNT && helpers[id].name ? &helpers[id] : NULL;
}

const struct spec_helper *spec_helper_find(const char *name)
{
	for (int i = 1; i < HELPER_COUNT; i++)
		if (helpers[i].name && !strcmp(helpers[i].name, name))
			return &helpers[i];
	return NULL;
}

bool spec_helper_allowed(const struct spec_helper *h, int prog_type)
{
	return prog_type >= 0 && prog_type < PROG_TYPE_COUNT && h->gate >> prog_type & 1;
}
