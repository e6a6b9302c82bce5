/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cases of helpers (helpers.def, helpers_objects.bpf.c) are made of: maps of every kind that a helper asks for, and
 * RUN(), a call by number with whatever arguments.
 */
#ifndef TESTS_BPF_VERIFY_HELPERS_H
#define TESTS_BPF_VERIFY_HELPERS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define BPF_MAP_TYPE_CGRP_STORAGE 32 /* since 6.2 */

#define tagged(x) __attribute__((btf_decl_tag(x)))
#define RUN(id, a, b, c, d, e)                                                                     \
	((long (*)(long, long, long, long, long))(id))((long)(a), (long)(b), (long)(c), (long)(d), \
						       (long)(e))
#define ROOM                      \
	long key = 0, number = 0; \
	int small = 0;            \
	char buf[64] = {};        \
	(void)key, (void)number, (void)small, (void)buf

#define PLAIN_MAP(n, kind, k, v, flags)            \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__uint(max_entries, 4);            \
		__uint(key_size, k);               \
		__uint(value_size, v);             \
		__uint(map_flags, flags);          \
	} n SEC(".maps")
#define TYPED_MAP(n, kind, k, v)                      \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_##kind);    \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, k);                       \
		__type(value, v);                     \
	} n SEC(".maps")
#define RING_MAP(n, kind)                          \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__uint(max_entries, 4096);         \
	} n SEC(".maps")

#endif
