// SPDX-License-Identifier: Apache-2.0
/*
 * BTF: what the builder writes is read back equal, in both byte orders; each way in which one type
 * or a group of types can be wrong is refused by its id and the type's; deep, long and repeated types
 * take linear time; layout and printing as C.
 */
#include "check.h"

#include <time.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/num.h"
#include "btf/btf.h"

enum { HEADER = 24 };
/* Strings of the hand-made sections: offsets. */
static const char strings[] = "\0int\0a\0b\0c";
enum { N_INT = 1, N_A = 5, N_B = 7, N_C = 9, STRINGS = sizeof(strings) };

#define INFO(kind, vlen) ((uint32_t)(kind) << 24 | (vlen))
#define KFLAG 0x80000000u
#define T_INT N_INT, INFO(BTF_INT, 0), 4, 0x01000020 /* signed, 32 bits */

/* A section of those type words, its header of @header bytes (the further ones zero). */
static void make_raw(struct buf *out, const uint32_t *words, size_t n, uint32_t header)
{
	uint32_t types = (uint32_t)(n * 4);
	uint32_t h[6] = { 0x0001eb9f, header, 0, types, types, STRINGS };

	buf_init(out);
	buf_add(out, h, sizeof(h));
	for (uint32_t i = HEADER; i < header; i++)
		buf_addc(out, 0x55);
	buf_add(out, words, types);
	buf_add(out, strings, STRINGS);
}

/* The same bytes in the other order. */
static void swap_bytes(struct buf *b, size_t strings_len)
{
	for (size_t i = 0; i + 4 <= b->len - strings_len; i += 4) {
		uint32_t w = bytes_u32(b->data + i, true);

		if (i == 0) { /* u16, u8, u8 */
			uint16_t magic = bytes_u16(b->data, true);

			memcpy(b->data, &magic, 2);
			continue;
		}
		memcpy(b->data + i, &w, 4);
	}
}

#define WORDS(...) (const uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4

/* Types by themselves and together: id of the error (NULL: fine) and the type that it names. */
static const struct {
	const char *what;
	const uint32_t *words;
	size_t n;
	const char *id;
	uint32_t type;
} raw[] = {
	{ "no types", NULL, 0, NULL, 0 },
	{ "an int", WORDS(T_INT), NULL, 0 },
	{ "half a header", WORDS(T_INT, N_A, INFO(BTF_PTR, 0)), "T0004", 2 },
	{ "int without its word", WORDS(N_INT, INFO(BTF_INT, 0), 4), "T0004", 1 },
	{ "more members than there are", WORDS(N_A, INFO(BTF_STRUCT, 2), 8, N_A, 0, 0), "T0004",
	  1 },
	{ "65535 enumerators that are not there", WORDS(N_A, INFO(BTF_ENUM, 0xffff), 4), "T0004",
	  1 },
	{ "kind 0", WORDS(0, 0, 0), "T0005", 1 },
	{ "kind 20", WORDS(T_INT, 0, INFO(20, 0), 0), "T0005", 2 },
	{ "kind 31", WORDS(0, INFO(31, 0), 0), "T0005", 1 },
	{ "reserved bits", WORDS(0, INFO(BTF_PTR, 0) | 0x10000, 0), "T0006", 1 },
	{ "a pointer with entries", WORDS(0, INFO(BTF_PTR, 3), 0), "T0006", 1 },
	{ "name behind the strings", WORDS(STRINGS, INFO(BTF_FWD, 0), 0), "T0007", 1 },
	{ "name at the last byte", WORDS(STRINGS - 1, INFO(BTF_FWD, 0), 0), NULL, 0 },
	{ "member name outside", WORDS(0, INFO(BTF_STRUCT, 1), 0, ~0u, 0, 0), "T0007", 1 },
	{ "enumerator name outside", WORDS(0, INFO(BTF_ENUM, 1), 4, STRINGS, 0), "T0007", 1 },
	{ "parameter name outside", WORDS(0, INFO(BTF_FUNC_PROTO, 1), 0, 99, 0), "T0007", 1 },
	{ "pointer to no type", WORDS(0, INFO(BTF_PTR, 0), 2), "T0008", 1 },
	{ "pointer to void", WORDS(0, INFO(BTF_PTR, 0), 0), NULL, 0 },
	{ "member of no type", WORDS(0, INFO(BTF_STRUCT, 1), 4, 0, 7, 0), "T0008", 1 },
	{ "array of no type", WORDS(0, INFO(BTF_ARRAY, 0), 0, 9, 0, 1), "T0008", 1 },
	{ "array indexed by no type", WORDS(0, INFO(BTF_ARRAY, 0), 0, 0, 9, 1), "T0008", 1 },
	{ "parameter of no type", WORDS(0, INFO(BTF_FUNC_PROTO, 1), 0, 0, 5), "T0008", 1 },
	{ "variable of no type", WORDS(N_A, INFO(BTF_VAR, 0), ~0u, 0), "T0008", 1 },
	{ "section of no variable", WORDS(N_A, INFO(BTF_DATASEC, 1), 0, 3, 0, 4), "T0008", 1 },
	{ "tag on no type", WORDS(N_A, INFO(BTF_DECL_TAG, 0), 4, ~0u), "T0008", 1 },
	{ "pointer to a variable", WORDS(N_A, INFO(BTF_VAR, 0), 0, 0, 0, INFO(BTF_PTR, 0), 1),
	  "T0009", 2 },
	{ "function of an int", WORDS(T_INT, N_A, INFO(BTF_FUNC, 0), 1), "T0009", 2 },
	{ "section of an int", WORDS(T_INT, N_A, INFO(BTF_DATASEC, 1), 4, 1, 0, 4), "T0009", 2 },
	{ "tag on void", WORDS(N_A, INFO(BTF_DECL_TAG, 0), 0, ~0u), "T0009", 1 },
	{ "tag on a tag",
	  WORDS(T_INT, N_A, INFO(BTF_DECL_TAG, 0), 1, ~0u, N_A, INFO(BTF_DECL_TAG, 0), 2, ~0u),
	  "T0009", 3 },
	{ "int of 3 bytes", WORDS(N_A, INFO(BTF_INT, 0), 3, 24), "T0010", 1 },
	{ "int of 2^32-1 bytes", WORDS(N_A, INFO(BTF_INT, 0), ~0u, 24), "T0010", 1 },
	{ "int of 33 bits in 4 bytes", WORDS(N_A, INFO(BTF_INT, 0), 4, 33), "T0010", 1 },
	{ "int that starts too late", WORDS(N_A, INFO(BTF_INT, 0), 4, 0x100000 | 20), "T0010", 1 },
	{ "int of no bits", WORDS(N_A, INFO(BTF_INT, 0), 4, 0), "T0010", 1 },
	{ "int of unknown encoding", WORDS(N_A, INFO(BTF_INT, 0), 4, 0x08000020), "T0006", 1 },
	{ "enum of 3 bytes", WORDS(N_A, INFO(BTF_ENUM, 0), 3), "T0010", 1 },
	{ "enum64 of 0 bytes", WORDS(N_A, INFO(BTF_ENUM64, 0), 0), "T0010", 1 },
	{ "float of 10 bytes", WORDS(N_A, INFO(BTF_FLOAT, 0), 10), "T0010", 1 },
	{ "float of 12 bytes", WORDS(N_A, INFO(BTF_FLOAT, 0), 12), NULL, 0 },
	{ "member over the end", WORDS(T_INT, N_A, INFO(BTF_STRUCT, 1), 4, N_B, 1, 8), "T0011", 2 },
	{ "member behind the end", WORDS(T_INT, N_A, INFO(BTF_UNION, 1), 2, N_B, 1, ~0u), "T0011",
	  2 },
	{ "flexible array at the end",
	  WORDS(T_INT, 0, INFO(BTF_ARRAY, 0), 0, 1, 1, 0, N_A, INFO(BTF_STRUCT, 1), 4, N_B, 2, 32),
	  NULL, 0 },
	{ "bit field over the end",
	  WORDS(T_INT, N_A, INFO(BTF_STRUCT, 1) | KFLAG, 4, N_B, 1, 8 << 24 | 25), "T0011", 2 },
	{ "bit field up to the end",
	  WORDS(T_INT, N_A, INFO(BTF_STRUCT, 1) | KFLAG, 4, N_B, 1, 8 << 24 | 24), NULL, 0 },
	{ "bit field wider than its type",
	  WORDS(T_INT, N_A, INFO(BTF_STRUCT, 1) | KFLAG, 99, N_B, 1, 33 << 24), "T0011", 2 },
	{ "bit field of a pointer",
	  WORDS(0, INFO(BTF_PTR, 0), 0, N_A, INFO(BTF_STRUCT, 1) | KFLAG, 8, N_B, 1, 1 << 24),
	  "T0011", 2 },
	{ "member between bytes", WORDS(T_INT, N_A, INFO(BTF_STRUCT, 1), 8, N_B, 1, 3), "T0011",
	  2 },
	{ "variable over its section's end",
	  WORDS(T_INT, N_A, INFO(BTF_VAR, 0), 1, 0, N_B, INFO(BTF_DATASEC, 1), 4, 2, 2, 4), "T0011",
	  3 },
	{ "variable linkage 3", WORDS(N_A, INFO(BTF_VAR, 0), 0, 3), "T0006", 1 },
	{ "function linkage 3", WORDS(0, INFO(BTF_FUNC_PROTO, 0), 0, N_A, INFO(BTF_FUNC, 3), 1),
	  "T0006", 2 },
	{ "typedef of itself", WORDS(N_A, INFO(BTF_TYPEDEF, 0), 1), "T0012", 1 },
	{ "two typedefs of each other",
	  WORDS(N_A, INFO(BTF_TYPEDEF, 0), 2, N_B, INFO(BTF_TYPEDEF, 0), 1), "T0012", 1 },
	{ "const of const", WORDS(0, INFO(BTF_CONST, 0), 2, 0, INFO(BTF_CONST, 0), 1), "T0012", 1 },
	{ "array of itself", WORDS(0, INFO(BTF_ARRAY, 0), 0, 1, 0, 2), "T0012", 1 },
	{ "struct of itself", WORDS(N_A, INFO(BTF_STRUCT, 1), 8, N_B, 1, 0), "T0012", 1 },
	{ "struct of a union of it",
	  WORDS(N_A, INFO(BTF_STRUCT, 1), 8, N_B, 2, 0, 0, INFO(BTF_UNION, 1), 8, N_B, 1, 0),
	  "T0012", 1 },
	{ "struct of pointers to itself",
	  WORDS(N_A, INFO(BTF_STRUCT, 1), 8, N_B, 2, 0, 0, INFO(BTF_PTR, 0), 1), NULL, 0 },
	{ "pointer to itself", WORDS(0, INFO(BTF_PTR, 0), 1), "T0012", 1 },
	{ "function that takes itself", WORDS(0, INFO(BTF_FUNC_PROTO, 1), 0, 0, 1), "T0012", 1 },
	{ "array of 2^96 bytes",
	  WORDS(0, INFO(BTF_ARRAY, 0), 0, 2, 0, ~0u, 0, INFO(BTF_ARRAY, 0), 0, 3, 0, ~0u, N_A,
		INFO(BTF_STRUCT, 0), ~0u),
	  "T0013", 1 },
	{ "array of 2^32-1 ints", WORDS(T_INT, 0, INFO(BTF_ARRAY, 0), 0, 1, 1, ~0u), NULL, 0 },
	{ "tag on a missing member",
	  WORDS(N_A, INFO(BTF_STRUCT, 0), 4, N_B, INFO(BTF_DECL_TAG, 0), 1, 0), "T0014", 2 },
	{ "tag on a missing argument",
	  WORDS(0, INFO(BTF_FUNC_PROTO, 1), 0, 0, 0, N_A, INFO(BTF_FUNC, 1), 1, N_B,
		INFO(BTF_DECL_TAG, 0), 2, 1),
	  "T0014", 3 },
	{ "tag on an argument",
	  WORDS(0, INFO(BTF_FUNC_PROTO, 1), 0, 0, 0, N_A, INFO(BTF_FUNC, 1), 1, N_B,
		INFO(BTF_DECL_TAG, 0), 2, 0),
	  NULL, 0 },
	{ "tag on part -2", WORDS(N_A, INFO(BTF_STRUCT, 0), 4, N_B, INFO(BTF_DECL_TAG, 0), 1, -2),
	  "T0014", 2 },
	{ "two of one name", WORDS(N_A, INFO(BTF_FWD, 0), 0, N_A, INFO(BTF_FWD, 0), 0), NULL, 0 },
};

static void raw_types(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(raw) * 2; i++) {
		size_t row = i / 2;
		struct skep_error *err = NULL;
		struct btf *btf = NULL;
		struct buf b;

		CHECK_CASE("%s%s", raw[row].what, i % 2 ? ", swapped" : "");
		make_raw(&b, raw[row].words, raw[row].n, HEADER);
		if (i % 2)
			swap_bytes(&b, STRINGS);
		CHECK_EQ_INT(btf_open(b.data, b.len, "raw", &btf, &err),
			     err ? skep_error_code(err) : 0);
		CHECK_ERR(err, raw[row].id);
		if (err && raw[row].id) {
			CHECK_EQ_INT(skep_error_place(err)->kind, SKEP_PLACE_BTF);
			CHECK_EQ_INT(skep_error_place(err)->at, raw[row].type);
		}
		skep_error_free(err);
		btf_unref(btf);
		buf_done(&b);
	}
}

/* One word of the header overwritten. */
static const struct {
	const char *what;
	size_t at;
	uint32_t value;
	const char *id;
} headers[] = {
	{ "another magic", 0, 0x00011234, "T0001" },
	{ "version 2", 0, 0x0002eb9f, "T0001" },
	{ "short header", 4, 23, "T0001" },
	{ "header longer than the section", 4, 4096, "T0001" },
	{ "header of 2^32-1 bytes", 4, ~0u, "T0001" },
	{ "types behind the end", 8, 4096, "T0002" },
	{ "types that wrap around", 8, ~0u, "T0002" },
	{ "too many types", 12, ~0u, "T0002" },
	{ "types in no whole words", 12, 15, "T0004" },
	{ "strings behind the end", 16, 4096, "T0002" },
	{ "too many strings", 20, STRINGS + 1, "T0002" },
	{ "no strings", 20, 0, "T0003" },
	{ "strings without an end", 20, STRINGS - 1, "T0003" },
	{ "strings without a start", 16, 17, "T0002" },
};

static void bad_headers(void)
{
	static const uint32_t words[] = { T_INT };

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		struct skep_error *err = NULL;
		struct btf *btf = NULL;
		struct buf b;

		CHECK_CASE("%s", headers[i].what);
		make_raw(&b, words, 4, HEADER);
		memcpy(b.data + headers[i].at, &headers[i].value, 4);
		btf_open(b.data, b.len, "raw", &btf, &err);
		CHECK_ERR(err, headers[i].id);
		skep_error_free(err);
		btf_unref(btf);
		buf_done(&b);
	}
	for (size_t n = 0; n < HEADER; n++) {
		struct skep_error *err = NULL;
		struct btf *btf = NULL;
		struct buf b;

		CHECK_CASE("%zu bytes", n);
		make_raw(&b, words, 4, HEADER);
		CHECK_EQ_INT(btf_open(b.data, n, "raw", &btf, &err), -EINVAL);
		CHECK_ERR(err, "T0001");
		skep_error_free(err);
		buf_done(&b);
	}
}

static void longer_header(void)
{
	static const uint32_t words[] = { T_INT };

	for (uint32_t extra = 0; extra <= 64; extra += 8) {
		struct skep_error *err = NULL;
		struct btf *btf = NULL;
		struct buf b;

		CHECK_CASE("%u more bytes", extra);
		make_raw(&b, words, 4, HEADER + extra);
		buf_adds(&b, "a section that only later kernels know");
		CHECK_EQ_INT(btf_open(b.data, b.len, "raw", &btf, &err), 0);
		CHECK_ERR(err, NULL);
		if (btf)
			CHECK_EQ_STR(btf_name(btf, 1), "int");
		btf_unref(btf);
		buf_done(&b);
	}
}

/* Types for the tests of reading and printing; ids by name. */
struct zoo {
	int int_, char_, uchar, u32, bool_, double_, ptr_void, const_char, ptr_char, name, node,
		ptr_node, list, color, big, proto, ptr_proto, func, var, sec, tag, type_tag,
		ptr_user, anon, outer, typedef_, fwd, bits, small, matrix, table, packed,
		volatile_ptr, variadic, user, old_bits, int5;
};

static void add_composites(struct btf_builder *b, struct zoo *z)
{
	struct btf_member node[] = { { "value", (uint32_t)z->int_, 0, 0 },
				     { "next", (uint32_t)z->ptr_node, 64, 0 } };
	struct btf_member anon[] = { { "i", (uint32_t)z->int_, 0, 0 },
				     { "f", (uint32_t)z->double_, 0, 0 } };
	struct btf_member outer[4], bits[4], packed[2];

	z->node = btf_add_composite(b, BTF_STRUCT, "node", 16, node, 2);
	z->anon = btf_add_composite(b, BTF_UNION, NULL, 8, anon, 2);
	outer[0] = (struct btf_member){ "name", (uint32_t)z->name, 0, 0 };
	outer[1] = (struct btf_member){ "", (uint32_t)z->anon, 128, 0 };
	outer[2] = (struct btf_member){ "cb", (uint32_t)z->ptr_proto, 192, 0 };
	outer[3] = (struct btf_member){ "tail", (uint32_t)z->small, 256, 0 };
	z->outer = btf_add_composite(b, BTF_STRUCT, "outer", 32, outer, 4);
	bits[0] = (struct btf_member){ "low", (uint32_t)z->u32, 0, 3 };
	bits[1] = (struct btf_member){ "high", (uint32_t)z->int_, 3, 13 };
	bits[2] = (struct btf_member){ "whole", (uint32_t)z->u32, 32, 0 };
	bits[3] = (struct btf_member){ "", (uint32_t)z->u32, 64, 1 };
	z->bits = btf_add_composite(b, BTF_STRUCT, "bits", 12, bits, 4);
	packed[0] = (struct btf_member){ "c", (uint32_t)z->char_, 0, 0 };
	packed[1] = (struct btf_member){ "i", (uint32_t)z->int_, 8, 0 };
	z->packed = btf_add_composite(b, BTF_STRUCT, "packed", 5, packed, 2);
}

static void add_declarations(struct btf_builder *b, struct zoo *z)
{
	struct btf_enumerator color[] = { { "RED", -1 }, { "GREEN", 7 } };
	struct btf_enumerator big[] = { { "HUGE_ONE", (int64_t)0xfedcba9876543210u },
					{ "ZERO", 0 } };
	struct btf_param params[] = { { "n", (uint32_t)z->node + 0 }, { "", 0 } };
	struct btf_secinfo info = { 0, 16, 4 };

	z->color = btf_add_enum(b, BTF_ENUM, "color", 4, true, color, 2);
	z->big = btf_add_enum(b, BTF_ENUM64, "big", 8, false, big, 2);
	params[0].type = (uint32_t)z->ptr_char;
	z->variadic = btf_add_proto(b, (uint32_t)z->int_, params, 2);
	z->func = btf_add_func(b, "say", (uint32_t)z->variadic, BTF_STATIC);
	z->var = btf_add_var(b, "counter", (uint32_t)z->u32, BTF_GLOBAL);
	info.type = (uint32_t)z->var;
	z->sec = btf_add_datasec(b, ".data", 24, &info, 1);
	z->tag = btf_add_decl_tag(b, "exported", (uint32_t)z->func, 0);
	z->fwd = btf_add_fwd(b, "later", true);
}

/* Builds the zoo; false when out of memory. */
static bool make_zoo(struct btf_builder *b, struct zoo *z)
{
	struct btf_param param;
	uint32_t u32;

	*z = (struct zoo){ 0 };
	z->int_ = btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	z->char_ = btf_add_int(b, "char", 1, BTF_INT_SIGNED | BTF_INT_CHAR);
	z->bool_ = btf_add_int(b, "_Bool", 1, BTF_INT_BOOL);
	u32 = (uint32_t)btf_add_int(b, "unsigned int", 4, 0);
	z->u32 = btf_add_ref(b, BTF_TYPEDEF, "__u32", u32);
	z->double_ = btf_add_float(b, "double", 8);
	z->ptr_void = btf_add_ref(b, BTF_PTR, NULL, 0);
	z->const_char = btf_add_ref(b, BTF_CONST, NULL, (uint32_t)z->char_);
	z->ptr_char = btf_add_ref(b, BTF_PTR, NULL, (uint32_t)z->const_char);
	z->volatile_ptr = btf_add_ref(b, BTF_VOLATILE, NULL, (uint32_t)z->ptr_char);
	z->name = btf_add_array(b, (uint32_t)z->char_, (uint32_t)z->int_, 16);
	z->small = btf_add_array(b, (uint32_t)z->char_, (uint32_t)z->int_, 0);
	z->matrix = btf_add_array(b, (uint32_t)z->name, (uint32_t)z->int_, 3);
	param = (struct btf_param){ "flags", (uint32_t)z->u32 };
	z->proto = btf_add_proto(b, (uint32_t)z->ptr_char, &param, 1);
	z->ptr_proto = btf_add_ref(b, BTF_PTR, NULL, (uint32_t)z->proto);
	z->table = btf_add_array(b, (uint32_t)z->ptr_proto, (uint32_t)z->int_, 4);
	z->type_tag = btf_add_ref(b, BTF_TYPE_TAG, "user", (uint32_t)z->int_);
	z->ptr_user = btf_add_ref(b, BTF_PTR, NULL, (uint32_t)z->type_tag);
	z->ptr_node = btf_add_ref(b, BTF_PTR, NULL, (uint32_t)z->ptr_user + 2);
	add_composites(b, z);
	add_declarations(b, z);
	z->typedef_ = btf_add_ref(b, BTF_TYPEDEF, "node_t", (uint32_t)z->node);
	return z->typedef_ > 0;
}

static void check_facts(const struct btf *btf, const struct zoo *z)
{
	struct btf_member m;

	CHECK_EQ_INT(btf_count(btf), z->typedef_ + 1);
	CHECK_EQ_INT(btf_kind(btf, 0), BTF_VOID);
	CHECK_EQ_INT(btf_size(btf, 0), 0);
	CHECK_EQ_INT(btf_int_encoding(btf, (uint32_t)z->char_), BTF_INT_SIGNED | BTF_INT_CHAR);
	CHECK_EQ_INT(btf_int_bits(btf, (uint32_t)z->bool_), 8);
	CHECK_EQ_INT(btf_array_len(btf, (uint32_t)z->name), 16);
	CHECK_EQ_INT(btf_array_elem(btf, (uint32_t)z->name), z->char_);
	CHECK_EQ_INT(btf_array_index(btf, (uint32_t)z->name), z->int_);
	CHECK_EQ_INT(btf_enumerator(btf, (uint32_t)z->color, 0).value, -1);
	CHECK_EQ_INT(btf_enumerator(btf, (uint32_t)z->big, 0).value, 0xfedcba9876543210u);
	CHECK_EQ_STR(btf_enumerator(btf, (uint32_t)z->big, 1).name, "ZERO");
	CHECK(btf_enum_signed(btf, (uint32_t)z->color) && !btf_enum_signed(btf, (uint32_t)z->big));
	CHECK_EQ_INT(btf_linkage(btf, (uint32_t)z->func), BTF_STATIC);
	CHECK_EQ_INT(btf_linkage(btf, (uint32_t)z->var), BTF_GLOBAL);
	CHECK_EQ_INT(btf_secinfo(btf, (uint32_t)z->sec, 0).offset, 16);
	CHECK_EQ_INT(btf_decl_tag_index(btf, (uint32_t)z->tag), 0);
	CHECK_EQ_INT(btf_ref_type(btf, (uint32_t)z->variadic), z->int_);
	CHECK_EQ_INT(btf_param(btf, (uint32_t)z->variadic, 1).type, 0);
	CHECK(btf_kflag(btf, (uint32_t)z->fwd));
	m = btf_member(btf, (uint32_t)z->bits, 1);
	CHECK_EQ_STR(m.name, "high");
	CHECK_EQ_INT(m.bit_off, 3);
	CHECK_EQ_INT(m.bit_size, 13);
	m = btf_member(btf, (uint32_t)z->node, 1);
	CHECK_EQ_INT(m.bit_off, 64);
	CHECK_EQ_INT(m.bit_size, 0);
	CHECK(!btf_string(btf, UINT32_MAX) && btf_string(btf, 0));
}

static void round_trip(void)
{
	for (int swap = 0; swap < 2; swap++) {
		struct btf_builder *b = btf_builder_new();
		struct skep_error *err = NULL;
		struct btf *btf = NULL;
		struct buf bytes;
		struct zoo z;

		CHECK_CASE("%s byte order", swap ? "the other" : "the host's");
		buf_init(&bytes);
		if (!CHECK(b && make_zoo(b, &z) && btf_builder_bytes(b, &bytes) == 0))
			return;
		if (swap)
			swap_bytes(&bytes, bytes.len - HEADER - bytes_u32(bytes.data + 12, false));
		CHECK_EQ_INT(btf_open(bytes.data, bytes.len, "zoo", &btf, &err), 0);
		CHECK_ERR(err, NULL);
		if (btf)
			check_facts(btf, &z);
		skep_error_free(err);
		btf_unref(btf);
		buf_done(&bytes);
		btf_builder_free(b);
	}
}

static struct btf *finish_zoo(struct zoo *z)
{
	struct btf_builder *b = btf_builder_new();
	struct skep_error *err = NULL;
	struct btf *btf = NULL;

	if (CHECK(b && make_zoo(b, z)))
		btf_finish(b, "zoo", &btf, &err);
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	btf_builder_free(b);
	return btf;
}

static void layout(void)
{
	struct zoo z;
	struct btf *btf = finish_zoo(&z);
	const struct {
		const char *what;
		int id;
		uint64_t size;
		uint32_t align;
	} rows[] = {
		{ "int", z.int_, 4, 4 },
		{ "typedef", z.u32, 4, 4 },
		{ "pointer", z.ptr_void, 8, 8 },
		{ "const char", z.const_char, 1, 1 },
		{ "array", z.name, 16, 1 },
		{ "array of nothing", z.small, 0, 1 },
		{ "array of arrays", z.matrix, 48, 1 },
		{ "array of pointers", z.table, 32, 8 },
		{ "function type", z.proto, 0, 1 },
		{ "function", z.func, 0, 1 },
		{ "struct", z.node, 16, 8 },
		{ "union", z.anon, 8, 8 },
		{ "struct with bit fields", z.bits, 12, 4 },
		{ "packed struct", z.packed, 5, 1 },
		{ "enum", z.color, 4, 4 },
		{ "enum64", z.big, 8, 8 },
		{ "variable", z.var, 4, 4 },
		{ "section", z.sec, 24, 4 },
		{ "forward", z.fwd, 0, 1 },
		{ "typedef of a struct", z.typedef_, 16, 8 },
	};

	if (!btf)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("%s", rows[i].what);
		CHECK_EQ_INT(btf_size(btf, (uint32_t)rows[i].id), rows[i].size);
		CHECK_EQ_INT(btf_align(btf, (uint32_t)rows[i].id), rows[i].align);
	}
	CHECK_CASE("strip");
	CHECK_EQ_INT(btf_strip(btf, (uint32_t)z.const_char), z.char_);
	CHECK_EQ_INT(btf_strip(btf, (uint32_t)z.type_tag), z.int_);
	CHECK_EQ_INT(btf_strip(btf, (uint32_t)z.typedef_), z.typedef_);
	CHECK_EQ_INT(btf_strip_all(btf, (uint32_t)z.typedef_), z.node);
	CHECK(btf_is_composite(btf, (uint32_t)z.anon) && !btf_is_composite(btf, (uint32_t)z.int_));
	btf_unref(btf);
}

static void print(void)
{
	struct zoo z;
	struct btf *btf = finish_zoo(&z);
	enum { TYPE, DECL, DEF };
	const struct {
		int how, id;
		const char *text;
	} rows[] = {
		{ TYPE, 0, "void" },
		{ TYPE, z.u32, "__u32" },
		{ TYPE, z.ptr_char, "const char *" },
		{ TYPE, z.volatile_ptr, "const char *volatile" },
		{ TYPE, z.ptr_node, "struct node *" },
		{ TYPE, z.name, "char[16]" },
		{ TYPE, z.matrix, "char[3][16]" },
		{ TYPE, z.proto, "const char *(__u32 flags)" },
		{ TYPE, z.ptr_proto, "const char *(*)(__u32 flags)" },
		{ TYPE, z.anon, "union {...}" },
		{ TYPE, z.ptr_user, "int __attribute__((btf_type_tag(\"user\"))) *" },
		{ TYPE, z.fwd, "union later" },
		{ TYPE, z.big, "enum big" },
		{ DECL, z.int_, "int x" },
		{ DECL, z.ptr_char, "const char *x" },
		{ DECL, z.volatile_ptr, "const char *volatile x" },
		{ DECL, z.matrix, "char x[3][16]" },
		{ DECL, z.table, "const char *(*x[4])(__u32 flags)" },
		{ DECL, z.variadic, "int x(const char *n, ...)" },
		{ DEF, z.node, "struct node {\n\tint value;\n\tstruct node *next;\n};" },
		{ DEF, z.outer,
		  "struct outer {\n\tchar name[16];\n\tunion {\n\t\tint i;\n\t\tdouble f;\n\t};\n"
		  "\tconst char *(*cb)(__u32 flags);\n\tchar tail[0];\n};" },
		{ DEF, z.bits,
		  "struct bits {\n\t__u32 low : 3;\n\tint high : 13;\n\t__u32 whole;\n\t__u32 : 1;\n};" },
		{ DEF, z.packed,
		  "struct packed {\n\tchar c;\n\tint i;\n} __attribute__((packed));" },
		{ DEF, z.color, "enum color {\n\tRED = -1,\n\tGREEN = 7,\n};" },
		{ DEF, z.big, "enum big {\n\tHUGE_ONE = 18364758544493064720,\n\tZERO = 0,\n};" },
		{ DEF, z.typedef_, "typedef struct node node_t;" },
		{ DEF, z.func, "static int say(const char *n, ...);" },
		{ DEF, z.var, "__u32 counter;" },
		{ DEF, z.fwd, "union later;" },
		{ DEF, z.tag, "__attribute__((btf_decl_tag(\"exported\")))" },
		{ DEF, z.sec,
		  "/* section .data, 24 bytes */\n__u32 counter; /* offset 16, 4 bytes */" },
	};

	for (size_t i = 0; btf && i < ARRAY_SIZE(rows); i++) {
		struct buf out;

		CHECK_CASE("%s", rows[i].text);
		buf_init(&out);
		if (rows[i].how == TYPE)
			btf_print_type(btf, (uint32_t)rows[i].id, &out);
		else if (rows[i].how == DECL)
			btf_print_decl(btf, (uint32_t)rows[i].id, "x", &out);
		else
			btf_print_def(btf, (uint32_t)rows[i].id, &out);
		CHECK_EQ_STR(buf_str(&out), rows[i].text);
		buf_done(&out);
	}
	btf_unref(btf);
}

static void find(void)
{
	struct zoo z;
	struct btf *btf = finish_zoo(&z);

	if (!btf)
		return;
	CHECK_EQ_INT(btf_find(btf, "node", BTF_VOID, 0), z.node);
	CHECK_EQ_INT(btf_find(btf, "node", BTF_STRUCT, 0), z.node);
	CHECK_EQ_INT(btf_find(btf, "node", BTF_UNION, 0), 0);
	CHECK_EQ_INT(btf_find(btf, "node", BTF_VOID, (uint32_t)z.node), 0);
	CHECK_EQ_INT(btf_find(btf, "nod", BTF_VOID, 0), 0);
	CHECK_EQ_INT(btf_find(btf, "", BTF_VOID, 0), 0);
	CHECK_EQ_INT(btf_find(btf, "say", BTF_FUNC, 0), z.func);
	CHECK_EQ_INT(btf_find(btf, "int", BTF_INT, UINT32_MAX), 0);
	btf_unref(btf);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum { DEEP = 100000 };

/* A chain of @kind of @DEEP types down to an int. */
static struct btf *make_chain(enum btf_kind kind, struct skep_error **reterr)
{
	struct btf_builder *b = btf_builder_new();
	struct btf *btf = NULL;
	uint32_t id;

	if (!b)
		return NULL;
	id = (uint32_t)btf_add_int(b, "int", 4, 0);
	for (int i = 0; i < DEEP; i++) {
		/* Down to the int at the end of the ids, so that the first walk is the deepest. */
		struct btf_member m = { "m", i + 1 < DEEP ? id + 1 : 1, 0, 0 };

		if (kind == BTF_STRUCT)
			id = (uint32_t)btf_add_composite(b, kind, "s", 4, &m, 1);
		else if (kind == BTF_ARRAY)
			id = (uint32_t)btf_add_array(b, m.type + (i + 1 < DEEP), 1, 1);
		else
			id = (uint32_t)btf_add_ref(b, kind, kind == BTF_TYPEDEF ? "t" : NULL,
						   m.type + (i + 1 < DEEP));
	}
	btf_finish(b, "chain", &btf, reterr);
	btf_builder_free(b);
	return btf;
}

static void deep(void)
{
	static const enum btf_kind rows[] = { BTF_TYPEDEF, BTF_CONST, BTF_PTR, BTF_ARRAY };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct skep_error *err = NULL;
		double start = now();
		struct btf *btf;
		struct buf out;
		uint32_t n = 0;

		CHECK_CASE("%d times %s", DEEP, btf_kind_name(rows[i]));
		btf = make_chain(rows[i], &err);
		CHECK_ERR(err, NULL);
		if (!CHECK(btf))
			continue;
		CHECK_EQ_INT(btf_size(btf, 2), rows[i] == BTF_PTR ? 8 : 4);
		CHECK_EQ_INT(btf_strip_all(btf, 2),
			     rows[i] == BTF_PTR || rows[i] == BTF_ARRAY ? 2 : 1);
		buf_init(&out);
		for (uint32_t id = 1; id < btf_count(btf); id += 97) {
			buf_clear(&out);
			btf_print_type(btf, id, &out);
			CHECK(out.len < 4096);
		}
		for (uint32_t id = 0; (id = btf_find(btf, "t", BTF_VOID, id)) != 0;)
			n++;
		CHECK_EQ_INT(n, rows[i] == BTF_TYPEDEF ? DEEP : 0);
		CHECK_MSG(now() - start < 5, "took %.1f s", now() - start);
		buf_done(&out);
		btf_unref(btf);
	}
}

/* Each level has two members of the level below: 2^30 members if all were written out. */
static void exponential_print(void)
{
	struct btf_builder *b = btf_builder_new();
	struct skep_error *err = NULL;
	struct btf *btf = NULL;
	uint32_t id;
	struct buf out;

	if (!CHECK(b))
		return;
	id = (uint32_t)btf_add_int(b, "int", 4, 0);
	for (int i = 0; i < 30; i++) {
		struct btf_param p[] = { { "x", id }, { "y", id } };
		struct btf_member m[] = { { "x", id, 0, 0 }, { "y", id, 0, 0 } };

		id = (uint32_t)(i < 15 ? btf_add_composite(b, BTF_UNION, NULL, 4, m, 2) :
					 btf_add_proto(b, 0, p, 2));
	}
	btf_finish(b, "wide", &btf, &err);
	CHECK_ERR(err, NULL);
	buf_init(&out);
	for (uint32_t i = 1; btf && i < btf_count(btf); i++) {
		buf_clear(&out);
		btf_print_def(btf, i, &out);
		CHECK(out.len < 2u << 20);
	}
	buf_done(&out);
	btf_unref(btf);
	btf_builder_free(b);
}

/* Names that are tails of one string of @len characters: hashing each by itself would be too much. */
static void tails(uint32_t len, uint32_t n, const char *id)
{
	uint32_t types = n * 12, h[6] = { 0x0001eb9f, HEADER, 0, types, types, len + 2 };
	struct skep_error *err = NULL;
	struct btf *btf = NULL;
	double start = now();
	struct buf b;

	CHECK_CASE("%u tails of %u characters", n, len);
	buf_init(&b);
	buf_add(&b, h, sizeof(h));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t w[3] = { i % len + 1, INFO(BTF_FWD, 0), 0 };

		buf_add(&b, w, sizeof(w));
	}
	buf_addc(&b, 0);
	for (uint32_t i = 0; i < len; i++)
		buf_addc(&b, 'a');
	buf_addc(&b, 0);
	btf_open(b.data, b.len, "tails", &btf, &err);
	CHECK_ERR(err, id);
	if (btf) {
		CHECK_EQ_INT(btf_find(btf, "aaa", BTF_VOID, 0), len - 2);
		CHECK_EQ_INT(btf_find(btf, "aaab", BTF_VOID, 0), 0);
	}
	CHECK_MSG(now() - start < 2, "took %.1f s", now() - start);
	skep_error_free(err);
	btf_unref(btf);
	buf_done(&b);
}

static void tail_names(void)
{
	tails(4096, 100000, NULL);
	tails(4097, 10, "T0018");
	tails(1000000, 200000, "T0018");
}

static void hostile_names(void)
{
	struct btf_builder *b = btf_builder_new();
	struct btf *btf = NULL;
	struct buf out;
	char *name = malloc(4097);

	buf_init(&out);
	if (CHECK(b && name)) {
		memset(name, 'x', 4096);
		name[4096] = '\0';
		btf_add_fwd(b, "a\x1b[2J\n", false);
		btf_add_fwd(b, name, false);
		CHECK_EQ_INT(btf_finish(b, "names", &btf, NULL), 0);
	}
	if (btf) {
		btf_print_def(btf, 1, &out);
		CHECK_EQ_STR(buf_str(&out), "struct a?[2J?;");
		buf_clear(&out);
		btf_print_def(btf, 2, &out);
		CHECK(out.len < 2048);
	}
	buf_done(&out);
	btf_unref(btf);
	btf_builder_free(b);
	free(name);
}

/* A bit field told by an INT of few bits, as old compilers did. */
static void old_bit_fields(void)
{
	static const uint32_t words[] = {
		N_INT, INFO(BTF_INT, 0),    4, 0x00020005, /* 5 bits from 2 */
		N_A,   INFO(BTF_STRUCT, 1), 4, N_B,	   1, 8
	};
	struct btf *btf = NULL;
	struct btf_member m;
	struct buf b;

	make_raw(&b, words, ARRAY_SIZE(words), HEADER);
	CHECK_EQ_INT(btf_open(b.data, b.len, "old", &btf, NULL), 0);
	if (btf) {
		m = btf_member(btf, 2, 0);
		CHECK_EQ_INT(m.bit_off, 10);
		CHECK_EQ_INT(m.bit_size, 5);
	}
	btf_unref(btf);
	buf_done(&b);
}

static void builder_refuses(void)
{
	struct btf_builder *b = btf_builder_new();
	struct btf_member m = { "m", 1, 1 << 24, 3 };

	if (!CHECK(b))
		return;
	CHECK_EQ_INT(btf_add_ref(b, BTF_STRUCT, "x", 1), -EINVAL);
	CHECK_EQ_INT(btf_add_ref(b, BTF_FUNC_PROTO, "x", 1), -EINVAL);
	CHECK_EQ_INT(btf_add_composite(b, BTF_ENUM, "x", 4, NULL, 0), -EINVAL);
	CHECK_EQ_INT(btf_add_composite(b, BTF_STRUCT, "x", 4, &m, 0x10000), -EINVAL);
	CHECK_EQ_INT(btf_add_composite(b, BTF_STRUCT, "x", 4, &m, 1), -ERANGE);
	CHECK_EQ_INT(btf_add_int(b, "x", 32, 0), -EINVAL);
	CHECK_EQ_INT(btf_add_func(b, "x", 1, 3), -EINVAL);
	CHECK_EQ_INT(btf_add_fwd(b, "x", false), 1);
	btf_builder_free(b);
}

CHECK_MAIN({ "raw-types", raw_types }, { "bad-headers", bad_headers },
	   { "longer-header", longer_header }, { "round-trip", round_trip }, { "layout", layout },
	   { "print", print }, { "find", find }, { "deep", deep },
	   { "exponential-print", exponential_print }, { "tail-names", tail_names },
	   { "hostile-names", hostile_names }, { "old-bit-fields", old_bit_fields },
	   { "builder-refuses", builder_refuses })
