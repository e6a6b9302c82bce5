/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One C body, several programs. A file of this folder is WORKLOAD(name) and a body over `p`, a packet of
 * PACKET_SIZE bytes; it is compiled
 *
 *	with ENGINE=prefix	natively, as prefix_name()
 *	for BPF			as name(), which takes the packet's address and length
 *	for BPF with MAPS	the same, with the engine's maps; for the files that use the array or the hash
 *	for BPF with XDP	as an XDP program for the kernel, behind a bounds check
 *
 * The low 32 bits of the result are the same everywhere, and however often it ran before. Calls leave the
 * body through the functions declared here: plain C natively, helpers by number for our engines, the kernel's own
 * helpers and maps in the kernel.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <linux/types.h>

#define PACKET_SIZE 1500
#define TABLE_SIZE 1024 /* keys 0 to TABLE_SIZE - 1 are in the array and in the hash */

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline, unused))

#define LOAD(type, at) (*(const type *)(at))
#define STORE(type, at, value) (*(type *)(at) = (value))
#define ROTL(x, n, bits) ((x) << (n) | (x) >> ((bits) - (n)))

#ifdef __clang__
#define UNROLL(n) _Pragma("clang loop unroll(full)")
#else
#define UNROLL_TEXT(x) _Pragma(#x)
#define UNROLL(n) UNROLL_TEXT(GCC unroll n)
#endif

#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)

#if defined(ENGINE)

u64 bench_trivial(u64 a);
u64 *bench_array_at(const u32 *key);
u64 *bench_hash_at(const u64 *key);
u64 bench_hash_put(const u64 *key, const u64 *value);

#define WORKLOAD(name)                           \
	u64 JOIN(ENGINE, name)(u8 * p, u64 len); \
	u64 JOIN(ENGINE, name)(u8 * p, u64 len __attribute__((unused)))

#elif !defined(XDP) && !defined(MAPS)

static u64 (*const bench_trivial)(u64 a) = (u64(*)(u64))1;
static u64 *(*const bench_array_at)(const u32 *key) = (u64 * (*)(const u32 *))2;
static u64 *(*const bench_hash_at)(const u64 *key) = (u64 * (*)(const u64 *))3;
static u64 (*const bench_hash_put)(const u64 *key,
				   const u64 *value) = (u64(*)(const u64 *, const u64 *))4;

#define WORKLOAD(name) u64 name(u8 *p, u64 len __attribute__((unused)))

#else

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TABLE_SIZE);
	__type(key, u32);
	__type(value, u64);
} bench_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TABLE_SIZE);
	__type(key, u64);
	__type(value, u64);
} bench_hash SEC(".maps");

#define bench_trivial(a) ((a) + bpf_get_numa_node_id()) /* node 0 */
#define bench_array_at(key) ((u64 *)bpf_map_lookup_elem(&bench_array, key))
#define bench_hash_at(key) ((u64 *)bpf_map_lookup_elem(&bench_hash, key))
#define bench_hash_put(key, value) ((u64)bpf_map_update_elem(&bench_hash, key, value, BPF_ANY))

#ifdef MAPS
#define WORKLOAD(name) SEC("tracepoint/syscalls/sys_enter_getppid") u64 name(const u8 *p)
#else
#define WORKLOAD(name)                                                               \
	static ALWAYS_INLINE u64 body(u8 *p);                                        \
	SEC("xdp") int name(struct xdp_md *ctx)                                      \
	{                                                                            \
		u8 *start = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end; \
                                                                                     \
		return start + PACKET_SIZE > end ? -1 : (int)body(start);            \
	}                                                                            \
	char _license[] SEC("license") = "GPL";                                      \
	static ALWAYS_INLINE u64 body(u8 *p __attribute__((unused)))

#endif
#endif
#endif
