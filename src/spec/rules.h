/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that only a verifier needs, as data like the rest of spec/: helper prototypes by program type and map
 * type. Facts are from the UAPI header linux/bpf.h, bpf-helpers(7), the kernel documents of bpf/, and the answers of Linux
 * 6.18's verifier, which tests/unit/spec_*_oracle_test.c asks again.
 */
#ifndef SPEC_RULES_H
#define SPEC_RULES_H

#include "spec/spec.h"

/* Helpers --------------------------------------------------------------------------------------- */

struct spec_arg_info {
	const char *btf; /* the kernel type that a BTF argument points to, else NULL */
	bool null;	 /* may be NULL */
	const char *what;
};

const struct spec_arg_info *spec_arg_info(enum spec_arg arg);

/* The prototype for programs of a type: @h, or a row of helper_rules.def of the same id. */
const struct spec_helper *spec_helper_for(const struct spec_helper *h, int prog_type);
/* The kernel type that RET_BTF_* is, or NULL. */
const char *spec_helper_ret_btf(const struct spec_helper *h);
/* May its map argument be a map of this type? (Of a helper without one: false.) */
bool spec_helper_takes_map(const struct spec_helper *h, int map_type);

/* Contexts -------------------------------------------------------------------------------------- */

/* What a load gives. Of a pointer "or NULL" the program must ask before it may use it. */
enum spec_yield {
	YIELD_SCALAR,
	YIELD_PKT,
	YIELD_PKT_END,
	YIELD_PKT_META,
	YIELD_SOCKET,
	YIELD_SOCKET_OR_NULL,
	YIELD_SOCK_COMMON_OR_NULL,
	YIELD_FLOW_KEYS, /* SPEC_FLOW_KEYS_SIZE bytes, readable and writable at any offset */
	YIELD_BTF,	 /* a trusted pointer to the kernel type `btf` */
	YIELD_TP_BUFFER, /* the writable memory of a raw tracepoint */
};

#define SPEC_FLOW_KEYS_SIZE 56

struct spec_ctx_rule {
	const char *name; /* the member */
	uint16_t off, size;
	uint8_t reads, reads_at_start, writes; /* sets of access sizes: 1 | 2 | 4 | 8 */
	uint32_t readers, writers;	       /* sets of ctx_rules.c */
	enum spec_yield yields;
	const char *btf;
};

/* Sockets that a program has a pointer to; they are read by the same rules, and never written. */
enum spec_sock { SOCK_COMMON, SOCK_FULL, SOCK_TCP, SOCK_XDP };

/* Is the context an array of arguments, each described by BTF (tracing, LSM, struct_ops), or another program's (EXT)? */
bool spec_ctx_is_btf(int prog_type);
/* The rule that allows the access, NULL when none does. @attach_type may be ATTACH_NONE. Not for a context of BTF arguments. */
const struct spec_ctx_rule *spec_ctx_access(int prog_type, int attach_type, uint32_t off,
					    uint32_t size, bool write);
/* The kernel that first had the member, "5.8"; NULL: older than 4.18. */
const char *spec_ctx_since(const struct spec_ctx_rule *rule);
const struct spec_ctx_rule *spec_sock_access(enum spec_sock sock, uint32_t off, uint32_t size);

/* Kernel functions -------------------------------------------------------------------------------- */

/* What bpf/kfuncs.rst calls KF_...; prototypes are in the kernel's BTF. */
enum spec_kfunc_flag {
	KFUNC_F_ACQUIRE = 1,   /* what it returns must be released */
	KFUNC_F_RELEASE = 2,   /* its referenced argument is released */
	KFUNC_F_RET_NULL = 4,  /* may return NULL */
	KFUNC_F_TRUSTED = 8,   /* its objects must be trusted, and not NULL */
	KFUNC_F_SLEEP = 16,    /* only where the program may sleep */
	KFUNC_F_RCU = 32,      /* its objects must be trusted, or under RCU */
	KFUNC_F_ITER_NEW = 64, /* of an open-coded iterator, its first argument */
	KFUNC_F_ITER_NEXT = 128,
	KFUNC_F_ITER_DESTROY = 256,
	KFUNC_F_RCU_PROTECTED = 512, /* needs, and yields objects under, RCU */
};

struct spec_kfunc_rule {
	const char *name;
	unsigned int flags;
	uint64_t gate; /* bit n: program type n may call it */
};

const struct spec_kfunc_rule *spec_kfunc_rule(const char *name); /* NULL: no program may call it */
bool spec_kfunc_allowed(const struct spec_kfunc_rule *rule, int prog_type);

/* Programs -------------------------------------------------------------------------------------- */

struct spec_return {
	int32_t min, max;
};

/* What a program may return, or NULL for anything; of an LSM hook and a struct_ops member BTF says more. */
const struct spec_return *spec_return_of(int prog_type, int attach_type);
/* May it be loaded with BPF_F_SLEEPABLE? Syscall programs must be. */
bool spec_may_sleep(int prog_type, int attach_type);
/* May a sleepable program use maps of this type? */
bool spec_map_may_sleep(int map_type);

/* Capabilities, numbered as verify/verify.h's. What a type or a helper asks of the loader (caps.def). */
enum spec_cap { SPEC_CAP_BPF = 1, SPEC_CAP_PERFMON = 2, SPEC_CAP_NET_ADMIN = 4 };
uint32_t spec_prog_caps(int prog_type);
uint32_t spec_helper_caps(int id, int prog_type);

#endif
