// SPDX-License-Identifier: Apache-2.0
//
// An accepted and a rejected call of each helper that takes or gives an object: sockets, rings, dynptrs, timers, storage, the
// kernel's own structs. The tag is the verdict; tests/unit/verify_rules_test.c asks skep and the kernel.

#include "helpers.h"

#define YES(section, name) SEC(section) tagged("accept") int yes_##name(void *ctx)
#define NO(section, name, words) SEC(section) tagged("reject:" words) int no_##name(void *ctx)
#define core __attribute__((preserve_access_index))

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
} core;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
} core;
struct clocked {
	struct bpf_timer timer;
};

PLAIN_MAP(events, PERF_EVENT_ARRAY, 4, 4, 0);
RING_MAP(ring, RINGBUF);
TYPED_MAP(sk_local, SK_STORAGE, int, long);
TYPED_MAP(inode_local, INODE_STORAGE, int, long);
TYPED_MAP(cgrp_local, CGRP_STORAGE, int, long);
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct clocked);
} clocks SEC(".maps");

extern const int bpf_prog_active __ksym;
struct cgroup {
	int level;
} core;
extern struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgroup) __ksym;

/* Sockets that are looked up --------------------------------------------------------------------- */

#define LOOKED_UP(name, id)                               \
	YES("tc", name)                                   \
	{                                                 \
		ROOM;                                     \
		long sk = RUN(id, ctx, buf, 12, -1, 0);   \
		if (sk)                                   \
			RUN(86, sk, 0, 0, 0, 0);          \
		return 0;                                 \
	}                                                 \
	NO("tc", name, "Unreleased reference")            \
	{                                                 \
		ROOM;                                     \
		return RUN(id, ctx, buf, 12, -1, 0) != 0; \
	}

LOOKED_UP(sk_lookup_tcp, 84)
LOOKED_UP(sk_lookup_udp, 85)
LOOKED_UP(skc_lookup_tcp, 99)

YES("tc", sk_release)
{
	ROOM;
	long sk = RUN(84, ctx, buf, 12, -1, 0);

	if (sk)
		RUN(86, sk, 0, 0, 0, 0);
	return 0;
}

NO("tc", sk_release, "R1 type=ctx expected=")
{
	return RUN(86, ctx, 0, 0, 0, 0);
}

/* The packet's socket ----------------------------------------------------------------------------- */

#define WITH_SOCKET(name, section, words, call, bad)      \
	YES(section, name)                                \
	{                                                 \
		ROOM;                                     \
		void *sk = ((struct __sk_buff *)ctx)->sk; \
		if (sk)                                   \
			call;                             \
		return 0;                                 \
	}                                                 \
	NO(section, name, words)                          \
	{                                                 \
		ROOM;                                     \
		void *sk = ((struct __sk_buff *)ctx)->sk; \
		(void)sk;                                 \
		bad;                                      \
		return 0;                                 \
	}

#define ONE_SOCKET(name, id, section)                                                 \
	WITH_SOCKET(name, section,                                                    \
		    "R1 type=sock_common_or_null expected=", RUN(id, sk, 0, 0, 0, 0), \
		    RUN(id, sk, 0, 0, 0, 0))

ONE_SOCKET(sk_fullsock, 95, "tc")
ONE_SOCKET(tcp_sock, 96, "tc")
ONE_SOCKET(get_listener_sock, 98, "tc")
ONE_SOCKET(sk_cgroup_id, 128, "cgroup_skb/ingress")
ONE_SOCKET(sk_ancestor_cgroup_id, 129, "cgroup_skb/ingress")
ONE_SOCKET(skc_to_tcp6_sock, 136, "tc")
ONE_SOCKET(skc_to_tcp_sock, 137, "tc")
ONE_SOCKET(skc_to_tcp_timewait_sock, 138, "tc")
ONE_SOCKET(skc_to_tcp_request_sock, 139, "tc")
ONE_SOCKET(skc_to_udp6_sock, 140, "tc")
ONE_SOCKET(skc_to_unix_sock, 178, "tc")
ONE_SOCKET(skc_to_mptcp_sock, 196, "tc")
WITH_SOCKET(tcp_check_syncookie, "tc", "R2 type=scalar expected=", RUN(100, sk, buf, 20, buf, 20),
	    if (sk) RUN(100, sk, 1, 20, buf, 20))
WITH_SOCKET(tcp_gen_syncookie, "tc",
	    "R1 type=sock_common_or_null expected=", RUN(110, sk, buf, 20, buf, 20),
	    RUN(110, sk, buf, 20, buf, 20))
WITH_SOCKET(sk_storage_get, "tc",
	    "R2 type=sock_common_or_null expected=", RUN(107, &sk_local, sk, 0, 0, 0),
	    RUN(107, &sk_local, sk, 0, 0, 0))
WITH_SOCKET(sk_storage_delete, "tc",
	    "R2 type=sock_common_or_null expected=", RUN(108, &sk_local, sk, 0, 0, 0),
	    RUN(108, &sk_local, sk, 0, 0, 0))
WITH_SOCKET(sk_assign, "tc", "R2 type=sock_common_or_null expected=", RUN(124, ctx, sk, 0, 0, 0),
	    RUN(124, ctx, sk, 0, 0, 0))

/* Rings and dynptrs ------------------------------------------------------------------------------ */

#define RESERVED(name, id, words, bad)                 \
	YES("tc", name)                                \
	{                                              \
		long p = RUN(131, &ring, 16, 0, 0, 0); \
		if (p)                                 \
			RUN(id, p, 0, 0, 0, 0);        \
		return 0;                              \
	}                                              \
	NO("tc", name, words)                          \
	{                                              \
		ROOM;                                  \
		bad;                                   \
		return 0;                              \
	}

RESERVED(ringbuf_reserve, 132, "Unreleased reference", RUN(131, &ring, 16, 0, 0, 0))
RESERVED(ringbuf_submit, 132, "R1 type=fp expected=ringbuf_mem", RUN(132, buf, 0, 0, 0, 0))
RESERVED(ringbuf_discard, 133, "R1 type=fp expected=ringbuf_mem", RUN(133, buf, 0, 0, 0, 0))

#define ON_RING(name, id, words, bad)          \
	YES("tc", name)                        \
	{                                      \
		struct bpf_dynptr d;           \
		RUN(198, &ring, 16, 0, &d, 0); \
		RUN(id, &d, 0, 0, 0, 0);       \
		return 0;                      \
	}                                      \
	NO("tc", name, words)                  \
	{                                      \
		struct bpf_dynptr d;           \
		(void)d;                       \
		bad;                           \
		return 0;                      \
	}

ON_RING(ringbuf_reserve_dynptr, 199, "Unreleased reference", RUN(198, &ring, 16, 0, &d, 0))
ON_RING(ringbuf_submit_dynptr, 199, "Expected an initialized dynptr as arg #0",
	RUN(199, &d, 0, 0, 0, 0))
ON_RING(ringbuf_discard_dynptr, 200, "Expected an initialized dynptr as arg #0",
	RUN(200, &d, 0, 0, 0, 0))

static char bytes[64];

#define ON_MEMORY(name, words, good, bad)      \
	YES("tc", name)                        \
	{                                      \
		struct bpf_dynptr d;           \
		ROOM;                          \
		RUN(197, bytes, 64, 0, &d, 0); \
		good;                          \
		return 0;                      \
	}                                      \
	NO("tc", name, words)                  \
	{                                      \
		struct bpf_dynptr d;           \
		ROOM;                          \
		(void)d;                       \
		bad;                           \
		return 0;                      \
	}

ON_MEMORY(dynptr_from_mem, "Unsupported reg type fp for bpf_dynptr_from_mem data",
	  RUN(201, buf, 16, &d, 0, 0), RUN(197, buf, 64, 0, &d, 0))
ON_MEMORY(dynptr_read, "Expected an initialized dynptr as arg #2", RUN(201, buf, 16, &d, 0, 0),
	  RUN(201, buf, 16, &d, 0, 0))
ON_MEMORY(dynptr_write, "Expected an initialized dynptr as arg #0", RUN(202, &d, 0, buf, 16, 0),
	  RUN(202, &d, 0, buf, 16, 0))
ON_MEMORY(dynptr_data, "Expected an initialized dynptr as arg #0", RUN(203, &d, 0, 16, 0, 0),
	  RUN(203, &d, 0, 16, 0, 0))

/* Timers ------------------------------------------------------------------------------------------ */

static int fires(void *map, int *k, struct clocked *c)
{
	return 0;
}

#define TIMER(name, words, good, bad)                                        \
	YES("tc", name)                                                      \
	{                                                                    \
		int zero = 0;                                                \
		struct clocked *c = (void *)RUN(1, &clocks, &zero, 0, 0, 0); \
		if (c)                                                       \
			good;                                                \
		return 0;                                                    \
	}                                                                    \
	NO("tc", name, words)                                                \
	{                                                                    \
		int zero = 0;                                                \
		struct clocked *c = (void *)RUN(1, &clocks, &zero, 0, 0, 0); \
		(void)c;                                                     \
		bad;                                                         \
		return 0;                                                    \
	}

TIMER(timer_init, "R1 type=scalar expected=map_value", RUN(169, c, &clocks, 1, 0, 0),
      RUN(169, 1, &clocks, 1, 0, 0))
TIMER(timer_set_callback, "R1 type=scalar expected=map_value", RUN(170, c, fires, 0, 0, 0),
      RUN(170, 1, fires, 0, 0, 0))
TIMER(timer_start, "R1 type=scalar expected=map_value", RUN(171, c, 0, 0, 0, 0),
      RUN(171, 1, 0, 0, 0, 0))
TIMER(timer_cancel, "R1 type=scalar expected=map_value", RUN(172, c, 0, 0, 0, 0),
      RUN(172, 1, 0, 0, 0, 0))

/* The kernel's structs ---------------------------------------------------------------------------- */

#define KERNEL(name, section, object, words, good, bad)  \
	YES(section, name)                               \
	{                                                \
		ROOM;                                    \
		void *o = (void *)((long *)ctx)[object]; \
		good;                                    \
		return 0;                                \
	}                                                \
	NO(section, name, words)                         \
	{                                                \
		ROOM;                                    \
		void *o = (void *)((long *)ctx)[object]; \
		(void)o;                                 \
		bad;                                     \
		return 0;                                \
	}
#define SEQ(name, words, good, bad)                                  \
	YES("iter/task", name)                                       \
	{                                                            \
		ROOM;                                                \
		void *o = ((struct bpf_iter__task *)ctx)->meta->seq; \
		good;                                                \
		return 0;                                            \
	}                                                            \
	NO("iter/task", name, words)                                 \
	{                                                            \
		ROOM;                                                \
		void *o = ((struct bpf_iter__task *)ctx)->meta->seq; \
		(void)o;                                             \
		bad;                                                 \
		return 0;                                            \
	}

KERNEL(skb_output, "tp_btf/kfree_skb", 0, "R1 type=scalar expected=ptr_",
       RUN(111, o, &events, 0, buf, 16), RUN(111, 1, &events, 0, buf, 16))
KERNEL(xdp_output, "fentry/xdp_do_redirect", 1, "R1 type=scalar expected=ptr_",
       RUN(121, o, &events, 0, buf, 16), RUN(121, 1, &events, 0, buf, 16))
KERNEL(inode_storage_get, "lsm/inode_unlink", 0, "R2 type=scalar expected=ptr_",
       RUN(145, &inode_local, o, 0, 0, 0), RUN(145, &inode_local, 1, 0, 0, 0))
KERNEL(inode_storage_delete, "lsm/inode_unlink", 0, "R2 type=scalar expected=ptr_",
       RUN(146, &inode_local, o, 0, 0, 0), RUN(146, &inode_local, 1, 0, 0, 0))
KERNEL(d_path, "fentry/vfs_truncate", 0, "R1 type=fp expected=ptr_", RUN(147, o, buf, 64, 0, 0),
       RUN(147, buf, buf, 64, 0, 0))
KERNEL(bprm_opts_set, "lsm/bprm_creds_for_exec", 0, "R1 type=fp expected=ptr_",
       RUN(159, o, 1, 0, 0, 0), RUN(159, buf, 1, 0, 0, 0))
KERNEL(ima_inode_hash, "lsm.s/inode_unlink", 0, "R1 type=fp expected=ptr_",
       RUN(161, o, buf, 16, 0, 0), RUN(161, buf, buf, 16, 0, 0))
KERNEL(sock_from_file, "lsm/file_open", 0, "R1 type=fp expected=ptr_", RUN(162, o, 0, 0, 0, 0),
       RUN(162, buf, 0, 0, 0, 0))
KERNEL(ima_file_hash, "lsm.s/file_open", 0, "R1 type=fp expected=ptr_", RUN(193, o, buf, 16, 0, 0),
       RUN(193, buf, buf, 16, 0, 0))
SEQ(seq_printf, "R1 type=fp expected=ptr_", RUN(126, o, buf, 16, buf, 16),
    RUN(126, buf, buf, 16, buf, 16))
SEQ(seq_write, "R1 type=fp expected=ptr_", RUN(127, o, buf, 16, 0, 0), RUN(127, buf, buf, 16, 0, 0))
SEQ(seq_printf_btf, "R1 type=fp expected=ptr_", RUN(150, o, buf, 16, 0, 0),
    RUN(150, buf, buf, 16, 0, 0))

YES("tc", per_cpu_ptr)
{
	volatile int *p = (void *)RUN(153, &bpf_prog_active, 0, 0, 0, 0);

	return p ? *p & 1 : 0;
}

NO("tc", per_cpu_ptr, "invalid mem access 'rdonly_mem_or_null'")
{
	volatile int *p = (void *)RUN(153, &bpf_prog_active, 0, 0, 0, 0);

	return *p;
}

YES("tc", this_cpu_ptr)
{
	volatile int *p = (void *)RUN(154, &bpf_prog_active, 0, 0, 0, 0);

	return *p & 1;
}

NO("tc", this_cpu_ptr, "R1 type=fp expected=")
{
	ROOM;
	return RUN(154, buf, 0, 0, 0, 0);
}

YES("kprobe/do_nanosleep", get_current_task_btf)
{
	return *(volatile int *)RUN(158, 0, 0, 0, 0, 0) & 1;
}

NO("kprobe/do_nanosleep", get_current_task_btf, "only read is supported")
{
	*(volatile int *)RUN(158, 0, 0, 0, 0, 0) = 1;
	return 0;
}

#define CGROUP(name, words, good, bad)                    \
	YES("syscall", name)                              \
	{                                                 \
		struct cgroup *c = bpf_cgroup_from_id(1); \
		if (!c)                                   \
			return 0;                         \
		good;                                     \
		bpf_cgroup_release(c);                    \
		return 0;                                 \
	}                                                 \
	NO("syscall", name, words)                        \
	{                                                 \
		bad;                                      \
		return 0;                                 \
	}

CGROUP(cgrp_storage_get, "R2 type=scalar expected=ptr_", RUN(210, &cgrp_local, c, 0, 0, 0),
       RUN(210, &cgrp_local, 1, 0, 0, 0))
CGROUP(cgrp_storage_delete, "R2 type=scalar expected=ptr_", RUN(211, &cgrp_local, c, 0, 0, 0),
       RUN(211, &cgrp_local, 1, 0, 0, 0))

char LICENSE[] SEC("license") = "GPL";
