/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program may ask for, as data: helpers, program, attach and map types, section names, context
 * layouts, and the model kernel's types. One X-macro table each; load, exec, map, helper, core (and
 * later the verifier and the JIT) read the same rows. Facts are from the UAPI header linux/bpf.h, the
 * kernel's bpf/libbpf/program_types.rst and bpf-helpers(7). Everything here is constant data.
 */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "btf/btf.h"

/* PROG_TYPE(id, value, "name", ctx, since, served): names as bpftool spells them */
enum spec_prog_type {
#define PROG_TYPE(id, value, ...) PROG_##id = value,
#include "spec/prog_types.def"
#undef PROG_TYPE
	PROG_TYPE_COUNT,
};

/* ATTACH_TYPE(id, value, "name", since) */
enum spec_attach_type {
#define ATTACH_TYPE(id, value, ...) ATTACH_##id = value,
#include "spec/attach_types.def"
#undef ATTACH_TYPE
	ATTACH_TYPE_COUNT,
	ATTACH_NONE = -1,
};

/* MAP_ROW(id, value, "name", since, served); not MAP_TYPE, which sys/mman.h defines */
enum spec_map_type {
#define MAP_ROW(id, value, ...) MAP_##id = value,
#include "spec/map_types.def"
#undef MAP_ROW
	MAP_TYPE_COUNT,
};

/* Map flags of the UAPI. */
#define MAP_F_NO_PREALLOC (1u << 0)
#define MAP_F_NO_COMMON_LRU (1u << 1)
#define MAP_F_NUMA_NODE (1u << 2)
#define MAP_F_RDONLY (1u << 3)
#define MAP_F_WRONLY (1u << 4)
#define MAP_F_STACK_BUILD_ID (1u << 5)
#define MAP_F_ZERO_SEED (1u << 6)
#define MAP_F_RDONLY_PROG (1u << 7)
#define MAP_F_WRONLY_PROG (1u << 8)
#define MAP_F_CLONE (1u << 9)
#define MAP_F_MMAPABLE (1u << 10)
#define MAP_F_PRESERVE_ELEMS (1u << 11)
#define MAP_F_INNER_MAP (1u << 12)
#define MAP_F_SEGV_ON_FAULT (1u << 17)
#define MAP_F_NO_USER_CONV (1u << 18)

const char *spec_prog_type_name(int type);   /* "xdp", or NULL */
const char *spec_attach_type_name(int type); /* "cgroup_inet_ingress", or NULL */
const char *spec_map_type_name(int type);    /* "hash", or NULL */
int spec_map_type_find(const char *name);    /* value, or -1 */
/* Does the user engine have it? */
bool spec_prog_type_served(int type);
bool spec_map_type_served(int type);

/* Helpers ------------------------------------------------------------------------------------- */

/* What a helper argument must be: exec checks it at run time, the verifier before. */
enum spec_arg {
#define ARG(id, ...) ARG_##id,
#define ARG_OBJECT(id, ...) ARG_##id,
#include "spec/args.def"
#undef ARG
#undef ARG_OBJECT
	ARG_COUNT,
};

enum spec_ret {
	RET_INT,
	RET_VOID,
	RET_MAP_VALUE,
	RET_MAP_VALUE_OR_NULL,
	RET_RING_MEM_OR_NULL,	/* as long as the ALLOC_SIZE argument */
	RET_DYNPTR_MEM_OR_NULL, /* the same, of a dynptr */
	RET_SOCKET_OR_NULL,
	RET_SOCK_COMMON_OR_NULL,
	RET_TCP_SOCK_OR_NULL,
	RET_BTF_TRUSTED, /* an object of spec_helper_ret_btf() */
	RET_BTF_OR_NULL, /* ... or what the slot of a kptr_xchg held */
	RET_MEM_OR_BTF,	 /* what the per-CPU variable is: memory, or an object */
	RET_MEM_OR_BTF_OR_NULL,
};

enum spec_helper_flag {
	HELPER_F_GPL = 1, /* only for programs under a GPL-compatible licence */
	HELPER_F_PKT = 2, /* its memory arguments may be in the packet, whatever the program type */
	HELPER_F_CHANGES = 4,  /* may move the packet: pointers into it are void afterwards */
	HELPER_F_SLEEP = 8,    /* only where the program may sleep */
	HELPER_F_ACQUIRE = 16, /* what it returns (or the dynptr that it makes) must be released */
	HELPER_F_RELEASE_1 = 32, /* argument 1 is released */
	HELPER_F_RELEASE_2 = 64,
};

/* What the user engine does with a helper or kernel function: letters of helpers.def and kfuncs.def. */
enum spec_state {
	SPEC_N, /* nothing yet */
	SPEC_Y, /* it has a body in helper/ */
	SPEC_M, /* the same, about objects of the model kernel (model/) */
	SPEC_K, /* it needs a kernel: needs_kernel.def says what for */
};

static inline bool spec_state_served(enum spec_state s)
{
	return s == SPEC_Y || s == SPEC_M;
}

/* HELPER(name, id, since, state, gate, flags, ret, a1, a2, a3, a4, a5): every helper of the kernel. */
enum spec_helper_id {
#define HELPER(name, id, ...) HELPER_##name = id,
#include "spec/helpers.def"
#undef HELPER
	HELPER_COUNT,
};

struct spec_helper {
	const char *name; /* without "bpf_" */
	int id;
	const char *since;
	enum spec_state state;
	bool served;	    /* has a body */
	const char *why;    /* SPEC_K: what it needs a kernel for */
	uint64_t gate;	    /* bit n: program type n may call it */
	unsigned int flags; /* enum spec_helper_flag */
	enum spec_ret ret;
	enum spec_arg args[5];
};

const struct spec_helper *spec_helper(int64_t id); /* NULL: no such helper */
const struct spec_helper *spec_helper_find(const char *name);
bool spec_helper_allowed(const struct spec_helper *h, int prog_type);

/* Contexts -------------------------------------------------------------------------------------- */

enum spec_field_kind {
	FIELD_SCALAR, /* a number; narrower loads are allowed */
	FIELD_PKT,    /* start of the packet: a 4-byte load gives the pointer */
	FIELD_PKT_END,
	FIELD_PKT_META,
	FIELD_ARRAY,  /* bytes, the same in the backing struct (cb[], remote_ip6[]) */
	FIELD_ABSENT, /* the kernel has it, this engine does not serve it */
	FIELD_DENIED, /* programs of this type may not touch it */
};

/* How an access of [off, off + size) of the context is served from its backing struct. */
struct spec_field {
	const char *name;
	uint16_t off, size;	      /* as the program sees it */
	uint16_t back_off, back_size; /* in the backing struct of ctx.h */
	uint8_t kind;		      /* enum spec_field_kind */
	bool writable;
};

struct spec_ctx {
	const char *name; /* "xdp_md" */
	uint32_t size; /* as the program sees it; 0: plain memory of the size that the hook gives */
	const struct spec_field *fields;
	size_t nfields;
};

#define SPEC_XDP_SIZE 24
#define SPEC_SKB_SIZE 192

/* NULL: the context is plain memory (tracepoint records, pt_regs, raw_tp argument arrays). */
const struct spec_ctx *spec_ctx_of(int prog_type);
/* The field that holds the whole access, or NULL (straddling, hole, outside). */
const struct spec_field *spec_ctx_field(const struct spec_ctx *ctx, uint32_t off, uint32_t size);
/* ... or NULL when such an access of it is refused. */
const struct spec_field *spec_ctx_served(const struct spec_ctx *ctx, uint32_t off, uint32_t size,
					 bool write);

/* Backing structs: what the hook fills and helpers change. Pointers are host addresses. */
struct ctx_xdp {
	uint64_t data, data_end, data_meta;
	uint32_t ingress_ifindex, rx_queue_index, egress_ifindex;
	uint64_t hard_start, frame_end; /* room for adjust_head / adjust_tail */
};

struct ctx_skb {
	uint64_t data, data_end, data_meta;
	uint32_t len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto;
	uint32_t priority, ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, napi_id;
	uint32_t family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port,
		local_port;
	uint64_t tstamp, hwtstamp, sk;
	uint32_t wire_len, gso_segs, gso_size;
	uint8_t tstamp_type;
	uint64_t hard_start, frame_end;
};

/* Facts ------------------------------------------------------------------------------------------ */

/*
 * What a verifier knows of one instruction, on every path to it: one struct a slot of the program, in the order of
 * the slots. The verifier makes them, the compiler reads them, neither knows the other. All zero: nothing is known.
 */
enum spec_fact_flag {
	FACT_SAFE = 1,	    /* its access or call is within bounds and cannot fault */
	FACT_CONST = 2,	    /* the destination holds `value` after it */
	FACT_TAKEN = 4,	    /* a conditional jump: always taken */
	FACT_NOT_TAKEN = 8, /* never taken */
	FACT_DEAD = 16,	    /* no path comes here */
	FACT_RANGE =
		32, /* the destination is in [umin, umax] after it, as an unsigned 64-bit number */
	FACT_MAP = 64, /* a helper call: the map in r1 is the one whose pointer is `value` */
	FACT_KEY =
		128, /* ... and the key, of at most 8 bytes, is `umin` (host byte order, zero-extended) */
	FACT_PROBE =
		256, /* a load through a pointer that may be bad: it then gives 0, as the kernel's does */
	FACT_BOUNDED =
		512, /* on slot 0: the program ends within the instruction limit, it needs no budget */
};

struct spec_fact {
	uint32_t flags;
	uint64_t value, umin, umax;
};

/* Sections ----------------------------------------------------------------------------------------- */

enum spec_section_flag {
	SECTION_EXACT = 1, /* the whole name must match */
	SECTION_EXTRA = 2, /* "name" alone, or "name/target" */
	SECTION_SLEEPABLE = 4,
	SECTION_ATTACH_BTF = 8, /* the target is a BTF function or type */
	SECTION_FRAGS = 16,	/* packets in several pieces (xdp.frags) */
};

struct spec_section {
	const char
		*prefix; /* the name, or what stands before "/target": "tracepoint", "xdp/devmap" */
	int prog_type;	 /* enum spec_prog_type */
	int attach_type; /* enum spec_attach_type or ATTACH_NONE */
	unsigned int flags;
};

/* Every section name that libbpf documents. @name without a leading '?'. *ret_extra points behind the
 * '/' ("syscalls/sys_enter_openat") or is NULL. NULL: no such section name. */
const struct spec_section *spec_section_find(const char *name, const char **ret_extra);
size_t spec_section_count(void);
const struct spec_section *spec_section_at(size_t i);

/* The model kernel ------------------------------------------------------------------------------------ */

/* The structs of model.def as C: struct model_<tag>. */
typedef uint8_t model_u8;
typedef uint16_t model_u16;
typedef uint32_t model_u32;
typedef uint64_t model_u64;
typedef int32_t model_s32;
typedef int64_t model_s64;
typedef long model_slong;
typedef unsigned long model_ulong;
typedef char model_text;
typedef bool model_flag;
#define STRUCT(tag, name) struct model_##tag {
#define UNION(tag, name)     \
	struct model_##tag { \
		union {
#define FIELD(tag, type, member) model_##type member;
#define BITS(tag, type, member, off, n) model_##type member : n;
#define ARRAY(tag, type, member, n) model_##type member[n];
#define PTR(tag, member) void *member;
#define PTR_TO(tag, member, of) struct model_##of *member;
#define TEXT(tag, member) const char *member;
#define NEST(tag, member, of) struct model_##of member;
#define NESTS(tag, member, of, n) struct model_##of member[n];
#define END(tag, size) \
	}              \
	;              \
	_Static_assert(sizeof(struct model_##tag) == (size), #tag);
#define UNION_END(tag, size) \
	}                    \
	;                    \
	END(tag, size)
#define OBJECT_END(tag) \
	}               \
	;
#define OBJECT_UNION_END(tag) \
	}                     \
	;                     \
	}                     \
	;
/* clang-format off */
#include "spec/model.def"
/* clang-format on */
#undef STRUCT
#undef UNION
#undef FIELD
#undef BITS
#undef ARRAY
#undef PTR
#undef PTR_TO
#undef TEXT
#undef NEST
#undef NESTS
#undef END
#undef UNION_END
#undef OBJECT_END
#undef OBJECT_UNION_END

/*
 * BTF of the structs, enums and functions that the user engine really has: pt_regs, tracepoint records
 * (trace_entry, trace_event_raw_sys_enter, ...), UAPI contexts, enum bpf_func_id with just the served
 * helpers, enum bpf_map_type and bpf_prog_type with just the served types, typedefs btf_trace_*. CO-RE relocates
 * against it. The caller unrefs.
 */
int spec_model_btf(struct btf **ret, struct skep_error **reterr);

/* System calls of the host's CPU by number; NULL / -1 when unknown. */
const char *spec_syscall_name(int nr);
int spec_syscall_find(const char *name);
size_t spec_syscall_limit(void); /* largest number + 1 */

#endif
