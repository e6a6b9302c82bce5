// SPDX-License-Identifier: Apache-2.0
/*
 * Values by type: what a walk over bytes says for every kind of type, that it stays inside the bytes and ends soon
 * whatever the types are, and which struct a record has.
 */
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "lib_kit.h"

/* Types of the table below; ids in the order of building. */
static struct {
	int u8, s8, u16, s32, u32, u64, s64, c, uc, boolean, u128, f32, f64, f80;
	int colour, wide, flags, ptr, cint, vcint, name_t, tag, func, fwd;
	int name, list, matrix, none, point, nested, anon, bits, choice, empty, flex, all;
	int var, sec;
} id;

static struct skep_obj *types;

static int add(int result)
{
	if (result < 0)
		abort();
	return result;
}

static void add_scalars(struct btf_builder *b)
{
	static const struct btf_enumerator colours[] = { { "RED", 1 }, { "NEGATIVE", -1 } };
	static const struct btf_enumerator wide[] = { { "HUGE", 1ll << 40 } };
	static const struct btf_enumerator flags[] = { { "TOP", 0x80000000 } };

	id.u8 = add(btf_add_int(b, "__u8", 1, 0));
	id.s8 = add(btf_add_int(b, "__s8", 1, BTF_INT_SIGNED));
	id.u16 = add(btf_add_int(b, "__u16", 2, 0));
	id.s32 = add(btf_add_int(b, "int", 4, BTF_INT_SIGNED));
	id.u32 = add(btf_add_int(b, "__u32", 4, 0));
	id.u64 = add(btf_add_int(b, "__u64", 8, 0));
	id.s64 = add(btf_add_int(b, "__s64", 8, BTF_INT_SIGNED));
	id.c = add(btf_add_int(b, "char", 1, BTF_INT_SIGNED));
	id.uc = add(btf_add_int(b, "letter", 1, BTF_INT_CHAR));
	id.boolean = add(btf_add_int(b, "_Bool", 1, BTF_INT_BOOL));
	id.u128 = add(btf_add_int(b, "__int128", 16, 0));
	id.f32 = add(btf_add_float(b, "float", 4));
	id.f64 = add(btf_add_float(b, "double", 8));
	id.f80 = add(btf_add_float(b, "long double", 16));
	id.colour = add(btf_add_enum(b, BTF_ENUM, "colour", 4, true, colours, 2));
	id.wide = add(btf_add_enum(b, BTF_ENUM64, "wide", 8, false, wide, 1));
	id.flags = add(btf_add_enum(b, BTF_ENUM, "flags", 4, false, flags, 1));
	id.ptr = add(btf_add_ref(b, BTF_PTR, NULL, (uint32_t)id.s32));
	id.cint = add(btf_add_ref(b, BTF_CONST, NULL, (uint32_t)id.s32));
	id.vcint = add(btf_add_ref(b, BTF_VOLATILE, NULL, (uint32_t)id.cint));
	id.name_t = add(btf_add_ref(b, BTF_TYPEDEF, "counter", (uint32_t)id.vcint));
	id.tag = add(btf_add_ref(b, BTF_TYPE_TAG, "user", (uint32_t)id.name_t));
	id.func = add(btf_add_func(b, "f", (uint32_t)add(btf_add_proto(b, 0, NULL, 0)), 1));
	id.fwd = add(btf_add_fwd(b, "unknown", false));
}

#define M(n, t, bytes)                            \
	{                                         \
		(n), (uint32_t)id.t, (bytes)*8, 0 \
	}
#define B(n, t, bit, bits)                         \
	{                                          \
		(n), (uint32_t)id.t, (bit), (bits) \
	}
#define STRUCT(kind, name, size, ...)                                                      \
	({                                                                                 \
		struct btf_member members[] = { __VA_ARGS__ };                             \
		add(btf_add_composite(b, kind, name, size, members, ARRAY_SIZE(members))); \
	})

static void add_composites(struct btf_builder *b)
{
	id.name = add(btf_add_array(b, (uint32_t)id.c, (uint32_t)id.u32, 8));
	id.list = add(btf_add_array(b, (uint32_t)id.u16, (uint32_t)id.u32, 3));
	id.matrix = add(btf_add_array(b, (uint32_t)id.list, (uint32_t)id.u32, 2));
	id.none = add(btf_add_array(b, (uint32_t)id.u32, (uint32_t)id.u32, 0));
	id.point = STRUCT(BTF_STRUCT, "point", 4, M("x", u8, 0), M("y", s8, 1), M("z", u16, 2));
	id.nested = STRUCT(BTF_STRUCT, "nested", 8, M("p", point, 0), M("n", u32, 4));
	id.choice = STRUCT(BTF_UNION, NULL, 4, M("number", u32, 0), M("point", point, 0));
	id.anon = STRUCT(BTF_STRUCT, "anon", 8, M("", choice, 0), M("last", u32, 4));
	id.bits = STRUCT(BTF_STRUCT, "bits", 8, B("a", u32, 0, 3), B("b", s32, 3, 5),
			 B("c", colour, 8, 2), B("", u32, 10, 6), B("d", boolean, 16, 1),
			 B("e", u64, 20, 40));
	id.empty = add(btf_add_composite(b, BTF_STRUCT, "empty", 0, NULL, 0));
	id.flex = STRUCT(BTF_STRUCT, "flex", 4, M("n", u32, 0), M("rest", none, 4));
	id.all = STRUCT(BTF_STRUCT, "all", 40, M("u", u64, 0), M("s", s64, 8), M("name", name, 16),
			M("p", ptr, 24), M("colour", colour, 32), M("yes", boolean, 36),
			M("f", fwd, 40));
	id.var = add(btf_add_var(b, "counter", (uint32_t)id.s32, BTF_GLOBAL));
	{
		struct btf_secinfo vars[] = {
			{ (uint32_t)id.var, 4, 4 },
			{ (uint32_t)add(btf_add_var(b, "where", (uint32_t)id.point, BTF_STATIC)), 0,
			  4 },
		};

		id.sec = add(btf_add_datasec(b, ".data.own", 8, vars, 2));
	}
}

static bool build(void)
{
	struct btf_builder *b;

	if (types)
		return true;
	b = btf_builder_new();
	add_scalars(b);
	add_composites(b);
	types = lib_types(b);
	return CHECK(types);
}

static void shows(void)
{
	struct {
		int type;
		const char *data;
		size_t len;
		const char *text;
	} rows[] = {
		{ id.u8, "\xff", 1, "255u" },
		{ id.s8, "\xff", 1, "-1" },
		{ id.u16, "\x02\x01", 2, "258u" },
		{ id.s32, "\xfe\xff\xff\xff", 4, "-2" },
		{ id.u64, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "18446744073709551615u" },
		{ id.s64, "\0\0\0\0\0\0\0\x80", 8, "-9223372036854775808" },
		{ id.boolean, "\x02", 1, "true" },
		{ id.boolean, "\0", 1, "false" },
		{ id.c, "A", 1, "65" },
		{ id.u128, "0123456789abcdef", 16, "<30313233343536373839616263646566>" },
		{ id.f32, "\0\0\xc0\x3f", 4, "1.5" },
		{ id.f64, "\0\0\0\0\0\0\x04\xc0", 8, "-2.5" },
		{ id.f80, "0123456789abcdef", 16, "<30313233343536373839616263646566>" },
		{ id.colour, "\x01\0\0\0", 4, "RED" },
		{ id.colour, "\xff\xff\xff\xff", 4, "NEGATIVE" },
		{ id.colour, "\x05\0\0\0", 4, "enum 5" },
		{ id.flags, "\0\0\0\x80", 4, "TOP" },
		{ id.wide, "\0\0\0\0\0\x01\0\0", 8, "HUGE" },
		{ id.ptr, "\x10\0\0\0\0\0\0\xff", 8, "0xff00000000000010" },
		{ id.cint, "\x07\0\0\0", 4, "7" },
		{ id.tag, "\x07\0\0\0", 4, "7" },
		{ id.name, "skep\0xyz", 8, "\"skep\"" },
		{ id.name, "12345678", 8, "\"12345678\"" },
		{ id.list, "\x01\0\x02\0\x03\0", 6, "[1u 2u 3u]" },
		{ id.matrix, "\x01\0\x02\0\x03\0\x04\0\x05\0\x06\0", 12,
		  "[[1u 2u 3u] [4u 5u 6u]]" },
		{ id.none, "", 0, "[]" },
		{ id.point, "\x01\xff\x03\0", 4, "{x=1u y=-1 z=3u}" },
		{ id.nested, "\x01\xff\x03\0\x05\0\0\0", 8, "{p={x=1u y=-1 z=3u} n=5u}" },
		{ id.anon, "\x01\0\0\0\x02\0\0\0", 8, "{number=1u point={x=1u y=0 z=0u} last=2u}" },
		/* a=5, b=-1, c=1, d=1, e=0xffffffffff */
		{ id.bits, "\xfd\x01\xf1\xff\xff\xff\xff\x0f", 8,
		  "{a=5u b=-1 c=RED d=true e=1099511627775u}" },
		{ id.empty, "", 0, "{}" },
		{ id.flex, "\x01\0\0\0\x02\0\0\0", 8, "{n=1u rest=[]}" },
		{ id.all,
		  "\x01\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
		  "bee\0zzzz\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0",
		  40, "{u=1u s=-1 name=\"bee\" p=0x0 colour=RED yes=true}" },
		{ id.var, "\x07\0\0\0", 4, "7" },
		{ id.sec, "\x01\x02\x03\0\x09\0\0\0", 8, "{counter=9 where={x=1u y=2 z=3u}}" },
		{ 0, "abc", 3, "<616263>" },
		{ 100000, "abc", 3, "<616263>" },
		{ id.func, "abc", 3, "error -22" },
		{ id.fwd, "abc", 3, "error -22" },
	};
	struct lib_text t;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("row %zu: %s", i, rows[i].text);
		CHECK_EQ_STR(lib_show(types, (uint32_t)rows[i].type, rows[i].data, rows[i].len, &t),
			     rows[i].text);
	}
}

static void all_kinds(void)
{
	if (build())
		shows();
}

/* Any bit field against the slow way: one bit at a time out of a number. */
static void bit_fields(void)
{
	uint8_t data[16];
	unsigned int seed = 1;
	struct lib_text t;

	for (unsigned int round = 0; round < 400; round++) {
		struct btf_builder *b = btf_builder_new();
		unsigned int size = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 64;
		unsigned int bit = (seed = seed * 1103515245 + 12345) / 65536 % (128 - size);
		uint32_t base =
			(uint32_t)add(btf_add_int(b, "n", 8, round % 2 ? BTF_INT_SIGNED : 0));
		struct btf_member m = { "f", base, bit, size };
		char expect[64];
		uint64_t v = 0;
		int type = btf_add_composite(b, BTF_STRUCT, "s", 16, &m, 1);
		struct skep_obj *obj;

		CHECK_CASE("%u bits at %u", size, bit);
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
		for (unsigned int i = size; i-- > 0;)
			v = v << 1 | (data[(bit + i) / 8] >> (bit + i) % 8 & 1);
		if (round % 2 && v >> (size - 1))
			snprintf(expect, sizeof(expect), "{f=%" PRId64 "}",
				 (int64_t)(size == 64 ? v : v | ~0ull << size));
		else
			snprintf(expect, sizeof(expect),
				 round % 2 ? "{f=%" PRIu64 "}" : "{f=%" PRIu64 "u}", v);
		if (type < 0) {
			/* a field that BTF cannot express */
			btf_builder_free(b);
			CHECK(size > 64);
			continue;
		}
		obj = lib_types(b);
		if (!obj)
			return;
		CHECK_EQ_STR(lib_show(obj, (uint32_t)type, data, sizeof(data), &t), expect);
		skep_obj_close(obj);
	}
}

/* Bytes that end anywhere, right before a page that cannot be read. */
static void cut_short(void)
{
	const int ids[] = { id.u64,  id.name, id.matrix, id.nested, id.anon,
			    id.bits, id.all,  id.sec,	 id.var,    id.colour,
			    id.f64,  id.ptr,  id.u128,	 id.flex,   id.boolean };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct lib_text t;

	if (!CHECK(map != MAP_FAILED) || !CHECK(mprotect(map + page, page, 0) == 0))
		return;
	memset(map, 0x41, page);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t size = skep_type_size(types, (uint32_t)ids[i]);
		size_t before = 0;

		CHECK_CASE("type %d", ids[i]);
		for (size_t n = 0; n <= size; n++) {
			lib_show(types, (uint32_t)ids[i], map + page - n, n, &t);
			CHECK(t.scalars >= before);
			before = t.scalars;
		}
		CHECK(before > 0);
	}
	CHECK_CASE("what is left out");
	CHECK_EQ_STR(lib_show(types, (uint32_t)id.nested, "\x01\x02\x03", 3, &t), "{p={x=1u y=2}}");
	CHECK_EQ_STR(lib_show(types, (uint32_t)id.matrix, "\x01\0\x02\0\x03\0\x04", 7, &t),
		     "[[1u 2u 3u]]");
	CHECK_EQ_STR(lib_show(types, (uint32_t)id.name, "abc", 3, &t), "\"abc\"");
	CHECK_EQ_STR(lib_show(types, (uint32_t)id.u32, "abc", 3, &t), "");
	munmap(map, 2 * page);
}

static void short_data(void)
{
	if (build())
		cut_short();
}

static int counting(void *ctx, const struct skep_value *v)
{
	(void)v;
	return ++*(size_t *)ctx >= 1u << 30;
}

static double seconds_of(const struct skep_obj *obj, uint32_t type, size_t len, size_t *count)
{
	const struct skep_visitor v = { .scalar = counting };
	uint8_t *data = calloc(1, len + 1);
	struct timespec a, b;

	*count = 0;
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK_EQ_INT(skep_type_visit(obj, type, data, len, &v, count), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	free(data);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* Types that a file of some kilobytes can hold, and whose values nobody could count. */
static void hostile_types(void)
{
	struct btf_builder *b = btf_builder_new();
	struct btf_member same[64];
	uint32_t u8 = (uint32_t)add(btf_add_int(b, "u8", 1, 0)), t = u8, deep = u8;
	int endless, none;
	struct skep_obj *obj;
	size_t count;

	for (int level = 0; level < 10; level++) {
		char names[64][8];

		for (uint32_t i = 0; i < ARRAY_SIZE(same); i++) {
			snprintf(names[i], sizeof(names[i]), "m%u", i);
			same[i] = (struct btf_member){ names[i], t, 0, 0 };
		}
		t = (uint32_t)add(btf_add_composite(b, BTF_UNION, "u", 1, same, ARRAY_SIZE(same)));
	}
	for (int level = 0; level < 60; level++) {
		struct btf_member m = { level % 2 ? "m" : "", deep, 0, 0 };

		deep = (uint32_t)add(btf_add_composite(b, BTF_STRUCT, NULL, 1, &m, 1));
	}
	none = add(btf_add_composite(b, BTF_STRUCT, "none", 0, NULL, 0));
	endless = add(btf_add_array(b, (uint32_t)none, u8, 0xffffffff));
	obj = lib_types(b);
	if (!obj)
		return;
	CHECK_CASE("64 ways on each of 10 levels");
	CHECK(seconds_of(obj, t, 1, &count) < 1.0);
	CHECK(count < 100000);
	CHECK_CASE("60 levels");
	CHECK(seconds_of(obj, deep, 1, &count) < 1.0);
	CHECK(count <= 1);
	CHECK_CASE("2^32 - 1 times nothing");
	CHECK(seconds_of(obj, (uint32_t)endless, 1, &count) < 1.0);
	CHECK_EQ_INT(count, 0);
	skep_obj_close(obj);

	CHECK_CASE("large data is walked whole");
	b = btf_builder_new();
	u8 = (uint32_t)add(btf_add_int(b, "u8", 1, 0));
	t = (uint32_t)add(btf_add_array(b, u8, u8, 1 << 20));
	obj = lib_types(b);
	if (!obj)
		return;
	seconds_of(obj, t, 1 << 20, &count);
	CHECK_EQ_INT(count, 1 << 20);
	skep_obj_close(obj);
}

static int stop_at(void *ctx, const struct skep_value *v)
{
	(void)v;
	return --*(int *)ctx ? 0 : 42;
}

static int stop_begin(void *ctx, const char *member, uint32_t type, bool is_array, size_t n)
{
	(void)ctx;
	(void)member;
	(void)is_array;
	return type == (uint32_t)id.point ? (int)n : 0;
}

static int stop_end(void *ctx)
{
	(void)ctx;
	return -7;
}

static void callbacks(void)
{
	const struct skep_visitor none = { 0 }, scalar = { .scalar = stop_at },
				  begin = { .begin = stop_begin }, end = { .end = stop_end };
	char data[8] = { 1, 2, 3 };
	int left = 2;

	if (!build())
		return;
	CHECK_EQ_INT(skep_type_visit(types, (uint32_t)id.nested, data, 8, &none, NULL), 0);
	CHECK_EQ_INT(skep_type_visit(types, (uint32_t)id.nested, data, 8, &scalar, &left), 42);
	CHECK_EQ_INT(left, 0);
	CHECK_EQ_INT(skep_type_visit(types, (uint32_t)id.nested, data, 8, &begin, NULL), 3);
	CHECK_EQ_INT(skep_type_visit(types, (uint32_t)id.matrix, data, 8, &end, NULL), -7);
	CHECK_EQ_INT(skep_type_visit(types, 0, NULL, 0, &none, NULL), 0);
}

static const struct {
	const char *object;
	uint64_t size;
	const char *type; /* "" none */
	size_t fit;
} records[] = {
	{ "tests/bpf/cli/report", 112, "struct everything", 1 },
	{ "tests/bpf/cli/report", 16, "struct sample", 1 }, /* total is a map's value */
	{ "tests/bpf/cli/report", 8, "struct key", 1 },	    /* a map's key, but nothing else fits */
	{ "tests/bpf/cli/report", 111, "", 0 },
	{ "tests/bpf/cli/ambiguous", 24, "", 2 },
	{ "tests/bpf/cli/ambiguous", 12, "struct only", 1 },
	{ "tests/bpf/cli/ambiguous", 40, "struct value", 1 },
	{ "tests/bpf/cli/ambiguous", 5, "", 0 },
	{ "tests/bpf/cli/ambiguous", 1ull << 32 | 24, "", 0 },
	{ "examples/opensnoop", 0, "", 0 },
};

static void record_types(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		struct skep_obj *obj;
		char name[64] = "";
		uint32_t type;
		size_t n = 99;

		CHECK_CASE("%s: %" PRIu64 " bytes", records[i].object, records[i].size);
		obj = lib_object(records[i].object, NULL);
		if (!obj)
			continue;
		type = skep_obj_record_type(obj, records[i].size, &n);
		if (type)
			skep_type_name(obj, type, name, sizeof(name));
		CHECK_EQ_STR(name, records[i].type);
		CHECK_EQ_INT(n, records[i].fit);
		skep_obj_close(obj);
	}
}

static void names_of_types(void)
{
	char text[16];

	if (!build())
		return;
	CHECK_EQ_INT(skep_obj_find_type(types, "struct point"), id.point);
	CHECK_EQ_INT(skep_obj_find_type(types, "struct   point"), id.point);
	CHECK_EQ_INT(skep_obj_find_type(types, "point"), id.point);
	CHECK_EQ_INT(skep_obj_find_type(types, "union point"), 0);
	CHECK_EQ_INT(skep_obj_find_type(types, "enum colour"), id.colour);
	CHECK_EQ_INT(skep_obj_find_type(types, "enum wide"), id.wide);
	CHECK_EQ_INT(skep_obj_find_type(types, "counter"), id.name_t);
	CHECK_EQ_INT(skep_obj_find_type(types, "struct "), 0);
	CHECK_EQ_INT(skep_obj_find_type(types, ""), 0);
	CHECK_EQ_INT(skep_type_name(types, (uint32_t)id.name, text, sizeof(text)), 7);
	CHECK_EQ_STR(text, "char[8]");
	CHECK_EQ_INT(skep_type_name(types, (uint32_t)id.point, text, 4), 12);
	CHECK_EQ_STR(text, "str");
	CHECK_EQ_INT(skep_type_name(types, 100000, text, sizeof(text)), 0);
	CHECK_EQ_STR(text, "");
	CHECK_EQ_INT(skep_type_name(types, (uint32_t)id.point, NULL, 0), 12);
	CHECK_EQ_STR(skep_type_kind(types, (uint32_t)id.wide), "ENUM64");
	CHECK_EQ_STR(skep_type_kind(types, 100000), "VOID");
	CHECK_EQ_INT(skep_type_size(types, (uint32_t)id.all), 40);
	CHECK_EQ_INT(skep_type_size(types, (uint32_t)id.func), 0);
	CHECK_EQ_INT(skep_type_size(types, 100000), 0);
	CHECK(skep_type_def(types, (uint32_t)id.point, NULL, 0) > 20);
}

CHECK_MAIN({ "all_kinds", all_kinds }, { "bit_fields", bit_fields }, { "short_data", short_data },
	   { "hostile_types", hostile_types }, { "callbacks", callbacks },
	   { "record_types", record_types }, { "names_of_types", names_of_types })
