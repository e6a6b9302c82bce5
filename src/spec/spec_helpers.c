// SPDX-License-Identifier: Apache-2.0
/*
 * Helpers by id and by name, and who may call them. A gate is a set of program types, one bit each;
 * the words below are the sets that the rows of helpers.def join.
 */
#include <string.h>

#include "base/num.h"
#include "spec/rules.h"

enum { N = 0, Y = 1 }; /* of args.def */

/* A row that needs a kernel does not build without its reason, nor a reason without its row. */
#define NEEDS_KERNEL(name, why) static const char why_##name[] = why;
#include "spec/needs_kernel.def"
#undef NEEDS_KERNEL
#define WHY_N(name) NULL
#define WHY_Y(name) NULL
#define WHY_M(name) NULL
#define WHY_K(name) why_##name

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

#define GPL HELPER_F_GPL
#define PKT HELPER_F_PKT
#define CHANGES HELPER_F_CHANGES
#define SLEEP HELPER_F_SLEEP
#define ACQUIRE HELPER_F_ACQUIRE
#define RELEASE_1 HELPER_F_RELEASE_1
#define RELEASE_2 HELPER_F_RELEASE_2

static const struct spec_helper helpers[HELPER_COUNT] = {
#define HELPER(n, i, s, y, g, f, r, a1, a2, a3, a4, a5)             \
	[i] = { .name = #n,                                         \
		.id = (i),                                          \
		.since = #s,                                        \
		.state = SPEC_##y,                                  \
		.served = SPEC_##y == SPEC_Y || SPEC_##y == SPEC_M, \
		.why = WHY_##y(n),                                  \
		.gate = (g),                                        \
		.flags = (f),                                       \
		.ret = RET_##r,                                     \
		.args = { ARG_##a1, ARG_##a2, ARG_##a3, ARG_##a4, ARG_##a5 } },
#include "spec/helpers.def"
#undef HELPER
};

/* Only id, gate, flags, ret and args; the rest is the helper's. */
static const struct spec_helper variants[] = {
#define HELPER_VARIANT(n, g, f, r, a1, a2, a3, a4, a5) \
	{ .name = #n,                                  \
	  .id = HELPER_##n,                            \
	  .gate = (g),                                 \
	  .flags = (f),                                \
	  .ret = RET_##r,                              \
	  .args = { ARG_##a1, ARG_##a2, ARG_##a3, ARG_##a4, ARG_##a5 } },
#include "spec/helper_rules.def"
#undef HELPER_VARIANT
};

static const char *const ret_btf[HELPER_COUNT] = {
#define HELPER_RET_BTF(n, type) [HELPER_##n] = (type),
#include "spec/helper_rules.def"
#undef HELPER_RET_BTF
};

/* Sets of map types. */
#define M(type) (1ull << MAP_##type)
#define TABLES                                                                 \
	(M(HASH) | M(ARRAY) | M(PERCPU_HASH) | M(PERCPU_ARRAY) | M(LRU_HASH) | \
	 M(LRU_PERCPU_HASH) | M(LPM_TRIE))
#define NESTED (M(ARRAY_OF_MAPS) | M(HASH_OF_MAPS))
#define DEVMAPS (M(DEVMAP) | M(DEVMAP_HASH))
#define SOCKMAPS (M(SOCKMAP) | M(SOCKHASH))

static const uint64_t helper_maps[HELPER_COUNT] = {
#define HELPER_MAPS(n, types) [HELPER_##n] = (types),
#include "spec/helper_rules.def"
#undef HELPER_MAPS
};

static const struct spec_arg_info args[ARG_COUNT] = {
#define ARG(id, type, may_be_null, words) \
	[ARG_##id] = { .btf = (type), .null = (may_be_null), .what = (words) },
#define ARG_OBJECT ARG
#include "spec/args.def"
#undef ARG
#undef ARG_OBJECT
};

const struct spec_arg_info *spec_arg_info(enum spec_arg arg)
{
	return &args[(unsigned int)arg < ARG_COUNT ? arg : ARG_OTHER];
}

const struct spec_helper *spec_helper_for(const struct spec_helper *h, int prog_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++)
		if (variants[i].id == h->id && spec_helper_allowed(&variants[i], prog_type))
			return &variants[i];
	return h;
}

const char *spec_helper_ret_btf(const struct spec_helper *h)
{
	return ret_btf[h->id];
}

bool spec_helper_takes_map(const struct spec_helper *h, int map_type)
{
	return map_type >= 0 && map_type < MAP_TYPE_COUNT && helper_maps[h->id] >> map_type & 1;
}

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
