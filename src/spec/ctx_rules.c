// SPDX-License-Identifier: Apache-2.0
/*
 * Who may do what with a context, and return what. A program type and its attach type choose a struct of ctx_rules.def
 * and one bit, the user; rules name sets of users. Invariant: the rules of one struct ascend by offset.
 */
#include <string.h>

#include "base/num.h"
#include "spec/rules.h"

/* Users of struct __sk_buff, as in contexts.def. */
enum { T = 1, F = 2, C = 4, L = 8, K = 16, D = 32 };
/* ... of struct xdp_md: only programs of a devmap know where they send. */
enum { X = 1, XD = 2 };
/* ... of struct bpf_sock: contexts by attach type, and pointers. */
enum { CREATE = 1, BIND4 = 2, BIND6 = 4, FULL = 8, COMMON = 16, SK_CTX = CREATE | BIND4 | BIND6 };
/* ... of struct bpf_sock_addr: IPv4 and IPv6 addresses, with S of messages that are sent; AU Unix sockets. */
enum { A4 = 1, A6 = 2, S4 = 4, S6 = 8, AU = 16 };
/* ... of struct bpf_sockopt. */
enum { GET = 1, SET = 2 };
#define ALL UINT32_MAX

enum { B1 = 1, B2 = 2, B4 = 4, B8 = 8 };

enum view {
	VIEW_NONE,
	VIEW_SKB,
	VIEW_XDP,
	VIEW_SOCK,
	VIEW_ADDR,
	VIEW_OPS,
	VIEW_DEV,
	VIEW_MSG,
	VIEW_REUSEPORT,
	VIEW_SYSCTL,
	VIEW_SOCKOPT,
	VIEW_LOOKUP,
	VIEW_NF,
	VIEW_PERF,
	VIEW_REGS,
	VIEW_TCP,
	VIEW_XSK,
	VIEW_RECORD,
	VIEW_RAW,
	VIEW_RAW_W,
	VIEW_SYSCALL,
	VIEW_LIRC,
};

static const struct row {
	enum view view;
	struct spec_ctx_rule rule;
} rows[] = {
#define CTX_RULE(struct_, member, offset, bytes, reads_, start, readers_, writes_, writers_, \
		 gives, type)                                                                \
	{ .view = VIEW_##struct_,                                                            \
	  .rule = { .name = #member,                                                         \
		    .off = (offset),                                                         \
		    .size = (bytes),                                                         \
		    .reads = (reads_),                                                       \
		    .reads_at_start = (start),                                               \
		    .writes = (writes_),                                                     \
		    .readers = (readers_),                                                   \
		    .writers = (writers_),                                                   \
		    .yields = YIELD_##gives,                                                 \
		    .btf = (type) } },
#include "spec/ctx_rules.def"
#undef CTX_RULE
};

static const struct choice {
	enum view view;
	uint32_t user;
} choices[PROG_TYPE_COUNT] = {
	[PROG_SOCKET_FILTER] = { VIEW_SKB, F },
	[PROG_SCHED_CLS] = { VIEW_SKB, T },
	[PROG_SCHED_ACT] = { VIEW_SKB, T },
	[PROG_CGROUP_SKB] = { VIEW_SKB, C },
	[PROG_LWT_IN] = { VIEW_SKB, L },
	[PROG_LWT_OUT] = { VIEW_SKB, L },
	[PROG_LWT_XMIT] = { VIEW_SKB, L },
	[PROG_LWT_SEG6LOCAL] = { VIEW_SKB, L },
	[PROG_SK_SKB] = { VIEW_SKB, K },
	[PROG_FLOW_DISSECTOR] = { VIEW_SKB, D },
	[PROG_XDP] = { VIEW_XDP, X },
	[PROG_CGROUP_SOCK] = { VIEW_SOCK, CREATE },
	[PROG_CGROUP_SOCK_ADDR] = { VIEW_ADDR, A4 },
	[PROG_SOCK_OPS] = { VIEW_OPS, ALL },
	[PROG_CGROUP_DEVICE] = { VIEW_DEV, ALL },
	[PROG_SK_MSG] = { VIEW_MSG, ALL },
	[PROG_SK_REUSEPORT] = { VIEW_REUSEPORT, ALL },
	[PROG_CGROUP_SYSCTL] = { VIEW_SYSCTL, ALL },
	[PROG_CGROUP_SOCKOPT] = { VIEW_SOCKOPT, GET },
	[PROG_SK_LOOKUP] = { VIEW_LOOKUP, ALL },
	[PROG_NETFILTER] = { VIEW_NF, ALL },
	[PROG_PERF_EVENT] = { VIEW_PERF, ALL },
	[PROG_KPROBE] = { VIEW_REGS, ALL },
	[PROG_TRACEPOINT] = { VIEW_RECORD, ALL },
	[PROG_RAW_TRACEPOINT] = { VIEW_RAW, ALL },
	[PROG_RAW_TRACEPOINT_WRITABLE] = { VIEW_RAW_W, ALL },
	[PROG_SYSCALL] = { VIEW_SYSCALL, ALL },
	[PROG_LIRC_MODE2] = { VIEW_LIRC, ALL },
};

/* Attach types whose programs see something else than the choice of their type. */
static const uint32_t users[ATTACH_TYPE_COUNT] = {
	[ATTACH_XDP_DEVMAP] = XD,
	[ATTACH_CGROUP_INET4_POST_BIND] = BIND4,
	[ATTACH_CGROUP_INET6_POST_BIND] = BIND6,
	[ATTACH_CGROUP_INET6_BIND] = A6,
	[ATTACH_CGROUP_INET6_CONNECT] = A6,
	[ATTACH_CGROUP_UDP4_SENDMSG] = S4,
	[ATTACH_CGROUP_UDP6_SENDMSG] = S6,
	[ATTACH_CGROUP_UDP6_RECVMSG] = A6,
	[ATTACH_CGROUP_INET6_GETPEERNAME] = A6,
	[ATTACH_CGROUP_INET6_GETSOCKNAME] = A6,
	[ATTACH_CGROUP_UNIX_CONNECT] = AU,
	[ATTACH_CGROUP_UNIX_SENDMSG] = AU,
	[ATTACH_CGROUP_UNIX_RECVMSG] = AU,
	[ATTACH_CGROUP_UNIX_GETPEERNAME] = AU,
	[ATTACH_CGROUP_UNIX_GETSOCKNAME] = AU,
	[ATTACH_CGROUP_SETSOCKOPT] = SET,
};

static bool allows(const struct spec_ctx_rule *r, uint32_t user, uint32_t off, uint32_t size,
		   bool write)
{
	bool inside = num_inside(off - r->off, size, r->size);

	if (write)
		return r->writers & user && r->writes & size && inside;
	return r->readers & user &&
	       ((r->reads & size && inside) || (r->reads_at_start & size && off == r->off));
}

static const struct spec_ctx_rule *find(struct choice who, uint32_t off, uint32_t size, bool write)
{
	if (size == 0 || size > 8 || (size & (size - 1)) != 0 || off % size != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct spec_ctx_rule *r = &rows[i].rule;

		if (rows[i].view == who.view && r->off <= off && off - r->off < r->size)
			return allows(r, who.user, off, size, write) ? r : NULL;
	}
	return NULL;
}

bool spec_ctx_is_btf(int prog_type)
{
	return prog_type == PROG_TRACING || prog_type == PROG_LSM || prog_type == PROG_STRUCT_OPS ||
	       prog_type == PROG_EXT;
}

const struct spec_ctx_rule *spec_ctx_access(int prog_type, int attach_type, uint32_t off,
					    uint32_t size, bool write)
{
	struct choice who = { VIEW_NONE, 0 };

	if (prog_type >= 0 && prog_type < PROG_TYPE_COUNT)
		who = choices[prog_type];
	if (attach_type >= 0 && attach_type < ATTACH_TYPE_COUNT && users[attach_type])
		who.user = users[attach_type];
	return find(who, off, size, write);
}

const struct spec_ctx_rule *spec_sock_access(enum spec_sock sock, uint32_t off, uint32_t size)
{
	static const struct choice socks[] = {
		[SOCK_COMMON] = { VIEW_SOCK, COMMON },
		[SOCK_FULL] = { VIEW_SOCK, FULL },
		[SOCK_TCP] = { VIEW_TCP, ALL },
		[SOCK_XDP] = { VIEW_XSK, ALL },
	};

	return find(socks[sock], off, size, false);
}

/* @rule is one of rows[]. */
const char *spec_ctx_since(const struct spec_ctx_rule *rule)
{
	static const struct {
		enum view view;
		const char *name, *since;
	} newer[] = {
#define CTX_SINCE(view, member, since) { VIEW_##view, #member, #since },
#include "spec/versions.def"
#undef CTX_SINCE
	};
	const struct row *row =
		(const struct row *)((const char *)rule - offsetof(struct row, rule));

	for (size_t i = 0; i < ARRAY_SIZE(newer); i++)
		if (newer[i].view == row->view && strcmp(newer[i].name, rule->name) == 0)
			return newer[i].since;
	return NULL;
}

static const struct return_row {
	int prog_type, attach_type;
	struct spec_return range;
} returns[] = {
#define RETURN_RULE(prog, attach, lo, hi) { PROG_##prog, ATTACH_##attach, { (lo), (hi) } },
#include "spec/ret_rules.def"
#undef RETURN_RULE
};

const struct spec_return *spec_return_of(int prog_type, int attach_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(returns); i++)
		if (returns[i].prog_type == prog_type && (returns[i].attach_type == ATTACH_NONE ||
							  returns[i].attach_type == attach_type))
			return &returns[i].range;
	return NULL;
}

bool spec_may_sleep(int prog_type, int attach_type)
{
	if (prog_type == PROG_TRACING)
		return attach_type == ATTACH_TRACE_FENTRY || attach_type == ATTACH_TRACE_FEXIT ||
		       attach_type == ATTACH_MODIFY_RETURN || attach_type == ATTACH_TRACE_ITER;
	return prog_type == PROG_KPROBE || prog_type == PROG_SYSCALL || prog_type == PROG_LSM ||
	       prog_type == PROG_STRUCT_OPS;
}

bool spec_map_may_sleep(int map_type)
{
	static const uint64_t set =
		1ull << MAP_HASH | 1ull << MAP_ARRAY | 1ull << MAP_PERCPU_HASH |
		1ull << MAP_PERCPU_ARRAY | 1ull << MAP_LRU_HASH | 1ull << MAP_LRU_PERCPU_HASH |
		1ull << MAP_ARRAY_OF_MAPS | 1ull << MAP_HASH_OF_MAPS | 1ull << MAP_QUEUE |
		1ull << MAP_STACK_MAP | 1ull << MAP_SK_STORAGE | 1ull << MAP_RINGBUF |
		1ull << MAP_INODE_STORAGE | 1ull << MAP_TASK_STORAGE | 1ull << MAP_USER_RINGBUF |
		1ull << MAP_CGRP_STORAGE | 1ull << MAP_ARENA;

	return map_type >= 0 && map_type < MAP_TYPE_COUNT && set >> map_type & 1;
}
