// SPDX-License-Identifier: Apache-2.0
//
// A program of each type that is accepted, and one that is rejected for what it does with its context or returns.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define tagged(x) __attribute__((btf_decl_tag(x)))
#define TYPE(name, section, good, words, bad)                         \
	SEC(section) tagged("accept") int yes_##name(void *ctx)       \
	{                                                             \
		return good;                                          \
	}                                                             \
	SEC(section) tagged("reject:" words) int no_##name(void *ctx) \
	{                                                             \
		return bad;                                           \
	}
#define AT(type, off) (*(volatile type *)((char *)ctx + (off)))
#define FAR "invalid bpf_context access off=16000 size=4"
#include "types.def"

char LICENSE[] SEC("license") = "GPL";
