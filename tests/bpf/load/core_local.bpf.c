// SPDX-License-Identifier: Apache-2.0
// Every CO-RE question, against core_target.bpf.c: moved, resized, retyped and absent fields, bit
// fields, anonymous members, arrays, flavours, enums of 32 and 64 bits, matching types.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define P __attribute__((preserve_access_index))

struct point {
	int x, y;
	int absent;
} P;

enum color { RED, BLUE, PINK, LAST_COLOR = -1 };
enum color___short { RED___short, GREEN___short = 4 };
enum large { LARGE_ONE = 0x200000000ull, LARGE_TWO = 0x300000000ull, LARGE_NONE };
enum narrow { NARROW_A = 5, NARROW_B = 6 };
enum absent_enum { ABSENT_VALUE = 1 };

struct outer {
	long u;
	int a;
	struct point inner;
	struct point points[2];
	int grid[2][5];
	unsigned long shrunk;
	unsigned int grown;
	unsigned char byte;
	int *pointer;
	int small, widened;
	int other_kind;
	unsigned int qualified;
	enum color color;
	int missing;
	struct point tail[];
} P;

struct bits {
	unsigned int three : 3;
	int five : 5;
	unsigned int straddle : 20;
	long long wide : 40;
	unsigned char two : 2;
	enum color hue : 5;
	_Bool flag : 1;
	unsigned long all;
	int now_plain : 6;
	unsigned int now_bits;
	unsigned int missing : 4;
} P;

struct odd {
	short s;
	int one : 1;
} P;

union either {
	int half[2];
	long number;
} P;

typedef struct {
	int second, first;
} P pair_t;

struct point___flavour {
	int y;
} P;

struct point___wrong {
	int z;
} P;

struct nowhere {
	int field;
} P;

struct same {
	int field;
} P;

struct deep {
	int leaf;
} P;

typedef int (*callback_t)(int, struct point *, const char *);
typedef long row_t[6];

/* For matching: parts of the target's, and ones that are not. */
struct links {
	struct point *to;
	struct links *next;
	unsigned int number;
};
struct links___sign {
	int number;
};
struct links___call {
	int (*callback)(int, struct point *);
};
struct links___arity {
	int (*callback)(int);
};
struct links___forward {
	struct gone *to;
};
union links___union {
	struct point *to;
};
struct twice___field {
	int field;
};
typedef int (*callback_t___two)(int, struct point *);
typedef long row_t___five[5];
typedef char *text_t;

__u64 out[64];
int at;

static __always_inline void put(__u64 v)
{
	out[at++ & 63] = v;
}

SEC("socket")
int field_offset(struct __sk_buff *ctx)
{
	put(bpf_core_field_offset(struct outer, a));
	put(bpf_core_field_offset(struct outer, u));
	put(bpf_core_field_offset(struct outer, inner.x));
	put(bpf_core_field_offset(struct outer, points[1].y));
	put(bpf_core_field_offset(struct outer, grid[1][3]));
	put(bpf_core_field_offset(struct outer, tail[9].x));
	put(bpf_core_field_offset(struct deep, leaf));
	put(bpf_core_field_offset(union either, half[1]));
	put(bpf_core_field_offset(pair_t, second));
	put(bpf_core_field_offset(struct point___flavour, y));
	put(bpf_core_field_offset(struct same, field));
	put(bpf_core_field_offset(struct odd, s));
	return 0;
}

SEC("socket")
int field_size(struct __sk_buff *ctx)
{
	put(bpf_core_field_size(struct outer, shrunk));
	put(bpf_core_field_size(struct outer, grown));
	put(bpf_core_field_size(struct outer, points));
	put(bpf_core_field_size(struct outer, points[1]));
	put(bpf_core_field_size(struct outer, inner));
	put(bpf_core_field_size(struct bits, five));
	put(bpf_core_field_size(struct bits, wide));
	put(bpf_core_field_size(pair_t, first));
	return 0;
}

SEC("socket")
int field_exists(struct __sk_buff *ctx)
{
	put(bpf_core_field_exists(struct outer, a));
	put(bpf_core_field_exists(struct outer, missing));
	put(bpf_core_field_exists(struct outer, other_kind));
	put(bpf_core_field_exists(struct point___flavour, y));
	put(bpf_core_field_exists(struct point___wrong, z));
	put(bpf_core_field_exists(struct nowhere, field));
	put(bpf_core_field_exists(struct outer, inner.absent));
	put(bpf_core_field_exists(struct bits, missing));
	put(bpf_core_field_exists(struct outer, points[1].x));
	return 0;
}

SEC("socket")
int signedness(struct __sk_buff *ctx)
{
	struct bits *b = (void *)ctx;
	struct outer *o = (void *)ctx;

	put(__builtin_preserve_field_info(b->three, BPF_FIELD_SIGNED));
	put(__builtin_preserve_field_info(b->five, BPF_FIELD_SIGNED));
	put(__builtin_preserve_field_info(b->hue, BPF_FIELD_SIGNED));
	put(__builtin_preserve_field_info(b->flag, BPF_FIELD_SIGNED));
	put(__builtin_preserve_field_info(o->small, BPF_FIELD_SIGNED));
	put(__builtin_preserve_field_info(o->shrunk, BPF_FIELD_SIGNED));
	put(__builtin_preserve_field_info(o->color, BPF_FIELD_SIGNED));
	return 0;
}

#define BITS(p, f)                                                                 \
	do {                                                                       \
		put(__builtin_preserve_field_info((p)->f, BPF_FIELD_LSHIFT_U64));  \
		put(__builtin_preserve_field_info((p)->f, BPF_FIELD_RSHIFT_U64));  \
		put(__builtin_preserve_field_info((p)->f, BPF_FIELD_BYTE_SIZE));   \
		put(__builtin_preserve_field_info((p)->f, BPF_FIELD_BYTE_OFFSET)); \
	} while (0)

SEC("socket")
int shifts(struct __sk_buff *ctx)
{
	struct bits *b = (void *)ctx;
	struct odd *d = (void *)ctx;

	BITS(b, three);
	BITS(b, five);
	BITS(b, straddle);
	BITS(b, wide);
	BITS(b, two);
	BITS(b, hue);
	BITS(b, flag);
	BITS(b, all);
	BITS(b, now_plain);
	BITS(b, now_bits);
	BITS(d, one);
	return 0;
}

SEC("socket")
int read_bits(struct __sk_buff *ctx)
{
	struct bits *b = (void *)ctx;

	put(BPF_CORE_READ_BITFIELD(b, three));
	put(BPF_CORE_READ_BITFIELD(b, five));
	put(BPF_CORE_READ_BITFIELD(b, wide));
	put(BPF_CORE_READ_BITFIELD_PROBED(b, straddle));
	return 0;
}

SEC("socket")
int loads(struct __sk_buff *ctx)
{
	struct outer *o = (void *)ctx;

	put(o->a);
	put(o->shrunk);
	put(o->grown);
	put(o->byte);
	put((__u64)o->pointer);
	put(o->inner.y);
	put(o->points[1].x);
	put(o->grid[1][2]);
	put(o->qualified);
	put(o->tail[1].y);
	return 0;
}

SEC("socket")
int stores(struct __sk_buff *ctx)
{
	struct outer *o = (void *)ctx;

	o->a = 5;
	o->shrunk = 6;
	o->grown = at;
	o->byte = (unsigned char)at;
	__sync_fetch_and_add(&o->u, 1);
	return 0;
}

/* Poisoned: gone, of another kind, resized though signed. */
SEC("socket")
int poisoned(struct __sk_buff *ctx)
{
	struct outer *o = (void *)ctx;
	struct nowhere *n = (void *)ctx;

	put(o->missing);
	put(o->other_kind);
	put(o->small);
	put(o->widened);
	put(n->field);
	o->missing = 1;
	put(bpf_core_field_size(struct nowhere, field));
	put(bpf_core_enum_value(enum color, PINK));
	put(bpf_core_enum_value(enum absent_enum, ABSENT_VALUE));
	return 0;
}

SEC("socket")
int types(struct __sk_buff *ctx)
{
	put(bpf_core_type_id_local(struct outer));
	put(bpf_core_type_id_local(struct { int anonymous; }));
	put(bpf_core_type_id_kernel(struct outer));
	put(bpf_core_type_id_kernel(struct nowhere));
	put(bpf_core_type_exists(struct outer));
	put(bpf_core_type_exists(struct nowhere));
	put(bpf_core_type_exists(union either));
	put(bpf_core_type_exists(callback_t));
	put(bpf_core_type_exists(callback_t___two));
	put(bpf_core_type_exists(row_t));
	put(bpf_core_type_exists(text_t));
	put(bpf_core_type_exists(enum narrow));
	put(bpf_core_type_size(struct outer));
	put(bpf_core_type_size(struct nowhere));
	put(bpf_core_type_size(row_t));
	put(bpf_core_type_size(pair_t));
	return 0;
}

SEC("socket")
int matches(struct __sk_buff *ctx)
{
	put(bpf_core_type_matches(struct links));
	put(bpf_core_type_matches(struct links___sign));
	put(bpf_core_type_matches(struct links___call));
	put(bpf_core_type_matches(struct links___arity));
	put(bpf_core_type_matches(struct links___forward));
	put(bpf_core_type_matches(union links___union));
	put(bpf_core_type_matches(struct point___flavour));
	put(bpf_core_type_matches(struct point));
	put(bpf_core_type_matches(struct nowhere));
	put(bpf_core_type_matches(enum color));
	put(bpf_core_type_matches(enum color___short));
	put(bpf_core_type_matches(enum narrow));
	put(bpf_core_type_matches(enum large));
	put(bpf_core_type_matches(callback_t));
	put(bpf_core_type_matches(callback_t___two));
	put(bpf_core_type_matches(row_t));
	put(bpf_core_type_matches(row_t___five));
	put(bpf_core_type_matches(pair_t));
	put(bpf_core_type_matches(struct twice___field));
	return 0;
}

SEC("socket")
int enums(struct __sk_buff *ctx)
{
	put(bpf_core_enum_value_exists(enum color, RED));
	put(bpf_core_enum_value_exists(enum color, PINK));
	put(bpf_core_enum_value_exists(enum color___short, GREEN___short));
	put(bpf_core_enum_value_exists(enum absent_enum, ABSENT_VALUE));
	put(bpf_core_enum_value_exists(enum large, LARGE_NONE));
	put(bpf_core_enum_value(enum color, RED));
	put(bpf_core_enum_value(enum color, BLUE));
	put(bpf_core_enum_value(enum color, LAST_COLOR));
	put(bpf_core_enum_value(enum color___short, GREEN___short));
	put(bpf_core_enum_value(enum large, LARGE_ONE));
	put(bpf_core_enum_value(enum large, LARGE_TWO));
	put(bpf_core_enum_value(enum narrow, NARROW_B));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
