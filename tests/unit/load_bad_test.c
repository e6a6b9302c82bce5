// SPDX-License-Identifier: Apache-2.0
/*
 * Each way in which the loader refuses an object, by the smallest object that deserves it; and limits:
 * what a hostile file can make it do stays bounded. load/errors.def is checked to be covered.
 */
#include <time.h>

#include "check.h"
#include "elf_kit.h"
#include "load/load.h"

#define MOV 0xb7
#define EXIT 0x95
#define CALL 0x85
#define WIDE 0x18
#define LDX_W 0x61

static const struct skep_insn two[] = { { .code = MOV }, { .code = EXIT } };
static struct btf *target;

/* Takes the types. */
static void add_btf(struct kit *k, struct btf_builder *types, const char *section,
		    const struct kit_record *records, uint32_t n)
{
	kit_btf(k, types, section, records, n);
	btf_builder_free(types);
}

/* Types of most cases: 1 int, 2 struct s { int a; int b[2]; }, 3 enum, and strings as tags. */
static struct btf_builder *some_types(void)
{
	struct btf_builder *b = btf_builder_new();
	uint32_t i32 = (uint32_t)btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	struct btf_member members[] = { { "a", i32, 0, 0 }, { "b", 0, 32, 0 } };
	const struct btf_enumerator values[] = { { "E", 1 } };
	static const char *const strings[] = { "xdp",	"0",  "0:0",	     "0:7", "0:1:9",
					       "0:0:0", "0:", "99999999999", "1",   "3" };
	uint32_t s;

	s = (uint32_t)btf_add_composite(b, BTF_STRUCT, "s", 12, NULL, 0);
	(void)s;
	members[1].type = (uint32_t)btf_add_array(b, i32, i32, 2);
	s = (uint32_t)btf_add_composite(b, BTF_STRUCT, "full", 12, members, 2);
	btf_add_enum(b, BTF_ENUM, "e", 4, false, values, 1);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		btf_add_decl_tag(b, strings[i], s, -1);
	return b;
}
enum { T_INT = 1, T_EMPTY, T_ARRAY, T_FULL, T_ENUM };

static unsigned int base(struct kit *k)
{
	unsigned int s = kit_code(k, "xdp", two, 2);

	kit_symbol(k, "main", s, 0, 16, STT_FUNC, STB_GLOBAL);
	return s;
}

/* Sections and functions. */
static void data_twice(struct kit *k)
{
	base(k);
	kit_section(k, ".data", SHT_PROGBITS, SHF_ALLOC, "abcd", 4);
	kit_section(k, ".data", SHT_PROGBITS, SHF_ALLOC, "abcd", 4);
}
static void long_name(struct kit *k)
{
	char name[600];

	memset(name, 'n', sizeof(name));
	name[599] = 0;
	kit_symbol(k, name, base(k), 0, 16, STT_FUNC, STB_GLOBAL);
}
static void license(struct kit *k)
{
	base(k);
	kit_section(k, "license", SHT_PROGBITS, SHF_ALLOC, "GPL", 3);
}
static void half_insn(struct kit *k)
{
	kit_section(k, "xdp", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, two, 12);
}
static void function_of(struct kit *k, uint64_t value, uint64_t size)
{
	kit_symbol(k, "f", kit_code(k, "xdp", two, 2), value, size, STT_FUNC, STB_GLOBAL);
}
static void function_empty(struct kit *k)
{
	function_of(k, 0, 0);
}
static void function_odd(struct kit *k)
{
	function_of(k, 4, 8);
}
static void function_part(struct kit *k)
{
	function_of(k, 0, 12);
}
static void function_behind(struct kit *k)
{
	function_of(k, 8, 16);
}
static void function_wraps(struct kit *k)
{
	function_of(k, UINT64_MAX - 7, 16);
}
static void overlap(struct kit *k)
{
	kit_symbol(k, "tail", base(k), 8, 8, STT_FUNC, STB_GLOBAL);
}
static void defined_twice(struct kit *k)
{
	unsigned int s = kit_code(k, "tc", two, 2);

	base(k);
	kit_symbol(k, "main", s, 0, 16, STT_FUNC, STB_GLOBAL);
}
static void static_entry(struct kit *k)
{
	kit_symbol(k, "main", kit_code(k, "xdp", two, 2), 0, 16, STT_FUNC, STB_LOCAL);
}
static void legacy(struct kit *k)
{
	base(k);
	kit_section(k, "maps", SHT_PROGBITS, SHF_ALLOC, "0123456789012345", 16);
}

/* Maps and data. */
static void maps_without_btf(struct kit *k)
{
	base(k);
	kit_section(k, ".maps", SHT_PROGBITS, SHF_ALLOC, "0123456789012345", 16);
}

/* A map `m` of one member, of a name and a type made by the caller. */
static void one_member(struct kit *k, const char *member, bool number, uint32_t size_in_btf)
{
	static const uint8_t zeros[16];
	struct btf_builder *b = btf_builder_new();
	uint32_t i32 = (uint32_t)btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	uint32_t array = (uint32_t)btf_add_array(b, i32, i32, 1);
	struct btf_member m = { member, 0, 0, 0 };
	struct btf_secinfo var = { .size = size_in_btf };
	unsigned int s;

	base(k);
	m.type = number ? (uint32_t)btf_add_ref(b, BTF_PTR, NULL, array) : i32;
	var.type = (uint32_t)btf_add_composite(b, BTF_STRUCT, NULL, 8, &m, 1);
	var.type = (uint32_t)btf_add_var(b, "m", var.type, BTF_GLOBAL);
	btf_add_datasec(b, ".maps", 0, &var, 1);
	s = kit_section(k, ".maps", SHT_PROGBITS, SHF_ALLOC, zeros, sizeof(zeros));
	kit_symbol(k, "m", s, 0, 16, STT_OBJECT, STB_GLOBAL);
	add_btf(k, b, NULL, NULL, 0);
}
static void member_no_number(struct kit *k)
{
	one_member(k, "type", false, 8);
}
static void member_no_type(struct kit *k)
{
	one_member(k, "key", false, 8);
}
static void no_map_type(struct kit *k)
{
	one_member(k, "max_entries", true, 8);
}
static void values_no_array(struct kit *k)
{
	one_member(k, "values", true, 8);
}
static void unknown_member(struct kit *k)
{
	one_member(k, "max_entires", true, 8);
}
static void variable_outside(struct kit *k)
{
	one_member(k, "type", true, 17);
}
static void slot_outside(struct kit *k)
{
	unsigned int f;

	one_member(k, "type", true, 8);
	f = kit_symbol(k, "other", 1, 0, 16, STT_FUNC, STB_GLOBAL);
	kit_rel(k, 2, 8, 2, f);
}
static void bss_huge(struct kit *k)
{
	base(k);
	kit_section(k, ".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, NULL, 1ull << 33);
}
static void kconfig_type(struct kit *k)
{
	struct btf_builder *b = btf_builder_new();
	struct btf_secinfo var = { .size = 8 };

	var.type = (uint32_t)btf_add_float(b, "double", 8);
	var.type = (uint32_t)btf_add_var(b, "CONFIG_X", var.type, BTF_EXTERN);
	btf_add_datasec(b, ".kconfig", 0, &var, 1);
	base(k);
	kit_symbol(k, "CONFIG_X", 0, 0, 0, STT_NOTYPE, STB_GLOBAL);
	add_btf(k, b, NULL, NULL, 0);
}

/* Relocations, all at offset @at of `main`, whose first instruction is @code. */
static void relocated(struct kit *k, uint8_t code, int32_t imm, uint64_t at, uint32_t type,
		      unsigned int twice)
{
	struct skep_insn insns[] = { { .code = code, .imm = imm }, { 0 }, { .code = EXIT } };
	unsigned int s, data, symbol;

	if (code == CALL)
		insns[0].regs = 0x10;
	if (code != WIDE)
		insns[1].code = MOV;
	s = kit_code(k, "xdp", insns, 3);
	kit_symbol(k, "main", s, 0, 24, STT_FUNC, STB_GLOBAL);
	data = kit_section(k, ".data", SHT_PROGBITS, SHF_ALLOC, "abcd", 4);
	symbol = kit_symbol(k, "variable", code == CALL ? s : data, 0, 4, STT_OBJECT, STB_GLOBAL);
	for (unsigned int i = 0; i <= twice; i++)
		kit_rel(k, s, at, type, symbol);
}
/* What tests/unit/jump_table_test.c looks at closer. */
static void jump_table(struct kit *k)
{
	static const struct skep_insn insns[] = { { .code = WIDE }, { 0 }, { .code = EXIT } };
	static const uint64_t entries[] = { 16, 24 };
	unsigned int s = kit_code(k, "xdp", insns, 3), tables, symbol;

	kit_symbol(k, "main", s, 0, 24, STT_FUNC, STB_GLOBAL);
	tables = kit_section(k, ".jumptables", SHT_PROGBITS, 0, entries, sizeof(entries));
	symbol = kit_symbol(k, "BPF.JT.0.0", tables, 0, sizeof(entries), STT_OBJECT, STB_GLOBAL);
	kit_rel(k, s, 0, 1, symbol);
}
static void arena_data(struct kit *k)
{
	base(k);
	kit_section(k, ".addr_space.1", SHT_PROGBITS, SHF_ALLOC, "abcd", 4);
}
static void rel_type(struct kit *k)
{
	relocated(k, WIDE, 0, 0, 2, 0);
}
static void rel_unknown(struct kit *k)
{
	relocated(k, WIDE, 0, 0, 77, 0);
}
static void rel_insn(struct kit *k)
{
	relocated(k, LDX_W, 0, 0, 1, 0);
}
static void rel_middle(struct kit *k)
{
	relocated(k, WIDE, 0, 4, 10, 0);
}
static void rel_twice(struct kit *k)
{
	relocated(k, WIDE, 0, 0, 1, 1);
}
static void rel_outside(struct kit *k)
{
	relocated(k, WIDE, 4, 0, 1, 0);
}
static void rel_before(struct kit *k)
{
	relocated(k, WIDE, -1, 0, 1, 0);
}
static void call_middle(struct kit *k)
{
	relocated(k, CALL, 0, 0, 10, 0);
}
static void call_nowhere(struct kit *k)
{
	static const struct skep_insn insns[] = { { .code = CALL, .regs = 0x10, .imm = 1000 },
						  { .code = EXIT } };

	kit_symbol(k, "main", kit_code(k, "xdp", insns, 2), 0, 16, STT_FUNC, STB_GLOBAL);
}

/* Sizes. Programs of a call and an exit, which reach a function of @size slots. */
static void big(struct kit *k, unsigned int nprogs, uint32_t size)
{
	struct skep_insn *insns = calloc(size, sizeof(*insns));
	struct skep_insn caller[] = { { .code = CALL, .regs = 0x10, .imm = -1 }, { .code = EXIT } };
	unsigned int text, callee;

	if (!insns)
		abort();
	for (uint32_t i = 0; i < size; i++)
		insns[i].code = i + 1 < size ? MOV : EXIT;
	text = kit_code(k, ".text", insns, size);
	free(insns);
	callee = kit_symbol(k, "large", text, 0, size * 8ull, STT_FUNC, STB_GLOBAL);
	for (unsigned int i = 0; i < nprogs; i++) {
		static const char names[8][4] = { "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7" };
		unsigned int s = kit_code(k, "xdp", caller, 2);

		kit_symbol(k, names[i], s, 0, 16, STT_FUNC, STB_GLOBAL);
		kit_rel(k, s, 0, 10, callee);
	}
}
static void program_large(struct kit *k)
{
	big(k, 1, 1 << 20);
}
static void object_large(struct kit *k)
{
	big(k, 5, 1000000);
}

/* CO-RE records. */
static void core(struct kit *k, struct kit_record r, unsigned int copies)
{
	static const struct skep_insn insns[] = { { .code = LDX_W, .regs = 0x10 },
						  { .code = EXIT } };
	struct kit_record records[2] = { r, r };

	kit_symbol(k, "main", kit_code(k, "xdp", insns, 2), 0, 16, STT_FUNC, STB_GLOBAL);
	add_btf(k, some_types(), "xdp", records, copies);
}
static void core_far(struct kit *k)
{
	core(k, (struct kit_record){ 16, T_FULL, "0:0", 0 }, 1);
}
static void core_odd(struct kit *k)
{
	core(k, (struct kit_record){ 4, T_FULL, "0:0", 0 }, 1);
}
static void core_type(struct kit *k)
{
	core(k, (struct kit_record){ 0, 4000, "0:0", 0 }, 1);
}
static void core_twice(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "0:0", 0 }, 2);
}
static void core_member(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "0:7", 0 }, 1);
}
static void core_element(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "0:1:9", 0 }, 1);
}
static void core_into_int(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "0:0:0", 0 }, 1);
}
static void core_syntax(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "0:", 0 }, 1);
}
static void core_number(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "99999999999", 0 }, 1);
}
static void core_type_index(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "1", BTF_CORE_TYPE_EXISTS }, 1);
}
static void core_enumerator(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_ENUM, "3", BTF_CORE_ENUMVAL_VALUE }, 1);
}
static void core_no_enum(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "0", BTF_CORE_ENUMVAL_VALUE }, 1);
}
static void core_exit(struct kit *k)
{
	core(k, (struct kit_record){ 8, T_FULL, "0", BTF_CORE_TYPE_EXISTS }, 1);
}
static void core_value(struct kit *k)
{
	core(k, (struct kit_record){ 0, T_FULL, "3", 0 }, 1);
}

/* 400 questions for a member that the target's struct of 65,535 members does not have. */
static void core_work(struct kit *k)
{
	enum { N = 400 };
	struct skep_insn insns[N + 1];
	struct kit_record records[N];

	for (unsigned int i = 0; i < N; i++) {
		insns[i] = (struct skep_insn){ .code = LDX_W, .regs = 0x10 };
		records[i] = (struct kit_record){ i * 8, T_FULL, "0:0", 0 };
	}
	insns[N] = (struct skep_insn){ .code = EXIT };
	kit_symbol(k, "main", kit_code(k, "xdp", insns, N + 1), 0, sizeof(insns), STT_FUNC,
		   STB_GLOBAL);
	add_btf(k, some_types(), "xdp", records, N);
}

static const struct {
	const char *name;
	void (*make)(struct kit *k);
	const char *id;
} rows[] = {
	{ "maps of the old kind", legacy, "L0001" },
	{ "a jump table that leads out", jump_table, "L0028" },
	{ "variables of an arena without one", arena_data, "L0014" },
	{ "two .data", data_twice, "L0002" },
	{ "a long name", long_name, "L0003" },
	{ "a license without an end", license, "L0004" },
	{ "half an instruction", half_insn, "L0005" },
	{ "an empty function", function_empty, "L0006" },
	{ "a function between instructions", function_odd, "L0006" },
	{ "a function of half an instruction", function_part, "L0006" },
	{ "a function that ends behind its section", function_behind, "L0006" },
	{ "a function that wraps", function_wraps, "L0006" },
	{ "overlapping functions", overlap, "L0007" },
	{ "a function twice", defined_twice, "L0008" },
	{ "a static program", static_entry, "L0009" },
	{ "maps without BTF", maps_without_btf, "L0010" },
	{ "a map's type that is no number", member_no_number, "L0011" },
	{ "a map's key that is no type", member_no_type, "L0011" },
	{ "a map without a type", no_map_type, "L0011" },
	{ "values that are no array", values_no_array, "L0011" },
	{ "a misspelt member", unknown_member, "L0012" },
	{ "a slot in no values", slot_outside, "L0013" },
	{ "8 GiB of .bss", bss_huge, "L0014" },
	{ "a variable outside its section", variable_outside, "L0015" },
	{ "a kconfig value of type double", kconfig_type, "L0016" },
	{ "a relocation of data in code", rel_type, "L0017" },
	{ "an unknown relocation", rel_unknown, "L0017" },
	{ "a relocation of a load", rel_insn, "L0018" },
	{ "a relocation between instructions", rel_middle, "L0018" },
	{ "two relocations", rel_twice, "L0019" },
	{ "an address behind the data", rel_outside, "L0020" },
	{ "an address before the data", rel_before, "L0020" },
	{ "a call into a function", call_middle, "L0021" },
	{ "a call out of the section", call_nowhere, "L0021" },
	{ "a program of a million instructions", program_large, "L0022" },
	{ "five programs of a million", object_large, "L0023" },
	{ "a record behind the code", core_far, "L0024" },
	{ "a record between instructions", core_odd, "T0017" },
	{ "a record of no type", core_type, "T0017" },
	{ "two records", core_twice, "L0024" },
	{ "no such member", core_member, "L0025" },
	{ "no such element", core_element, "L0025" },
	{ "a member of an int", core_into_int, "L0025" },
	{ "an open access string", core_syntax, "L0025" },
	{ "a large number", core_number, "L0025" },
	{ "an index of a type", core_type_index, "L0025" },
	{ "no such enumerator", core_enumerator, "L0025" },
	{ "an enumerator of a struct", core_no_enum, "L0025" },
	{ "a record of exit", core_exit, "L0026" },
	{ "another value than the compiler's", core_value, "L0026" },
	{ "too much work", core_work, "L0027" },
};

/* A struct of very many members, none of which is asked for. */
static struct btf *make_target(void)
{
	enum { N = 65535 };
	struct btf_builder *b = btf_builder_new();
	uint32_t i32 = (uint32_t)btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	struct btf_member *members = calloc(N, sizeof(*members));
	struct btf *btf = NULL;

	for (uint32_t i = 0; members && i < N; i++)
		members[i] = (struct btf_member){ "other", i32, 0, 0 };
	btf_add_composite(b, BTF_UNION, "full___large", 4, members, N);
	for (uint32_t i = 0; members && i < N; i++)
		members[i].bit_off = i * 32;
	btf_add_composite(b, BTF_STRUCT, "full", N * 4, members, N);
	free(members);
	if (btf_finish(b, "target", &btf, NULL) < 0)
		abort();
	btf_builder_free(b);
	return btf;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void refused(void)
{
	struct load_opts opts = { .target_name = "the target" };

	target = make_target();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct skep_error *err = NULL;
		struct load_obj *obj = NULL;
		struct kit k;
		size_t size;
		uint8_t *bytes;
		double begin;

		CHECK_CASE("%s", rows[i].name);
		kit_init(&k);
		rows[i].make(&k);
		bytes = kit_bytes(&k, &size);
		opts.target = target;
		begin = now();
		CHECK(load_open(bytes, size, "bad.bpf.o", &opts, &obj, &err) < 0);
		CHECK_ERR(err, rows[i].id);
		CHECK_MSG(now() - begin < 2, "took %f s", now() - begin);
		CHECK(err && skep_error_place(err)->kind != SKEP_PLACE_NONE);
		if (obj)
			load_close(obj);
		skep_error_free(err);
		free(bytes);
		kit_done(&k);
	}
	btf_unref(target);
}

/* Every row of errors.def has its object above. */
static void covered(void)
{
	static const char *const ids[] = {
#define ERR(name, id, ...) id,
#include "../../src/load/errors.def"
#undef ERR
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		bool found = false;

		for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
			found |= !strcmp(rows[k].id, ids[i]);
		CHECK_MSG(found, "nothing triggers %s", ids[i]);
	}
}

/* The base of all rows is a good object: what is refused is what was changed. */
static void good(void)
{
	struct skep_error *err = NULL;
	struct load_obj *obj = NULL;
	struct kit k;
	size_t size;
	uint8_t *bytes;

	kit_init(&k);
	base(&k);
	bytes = kit_bytes(&k, &size);
	if (CHECK(load_open(bytes, size, "good.bpf.o", NULL, &obj, &err) == 0)) {
		CHECK_EQ_INT(obj->nprogs, 1);
		CHECK_EQ_STR(obj->progs[0].name, "main");
		CHECK_EQ_STR(obj->license, "");
		load_close(obj);
	}
	CHECK_ERR(err, NULL);
	free(bytes);
	kit_done(&k);
}

/* A weak function gives way to a strong one, also where the call names no symbol; the calls that the
 * compiler resolved itself are followed, and a recursive one ends. */
static void overridden(void)
{
	static const struct skep_insn caller[] = { { .code = CALL, .regs = 0x10, .imm = -1 },
						   { .code = CALL, .regs = 0x10, .imm = 1 },
						   { .code = EXIT },
						   { .code = CALL, .regs = 0x10, .imm = -1 },
						   { .code = EXIT } };
	struct skep_insn weak[] = { { .code = MOV, .imm = 1 }, { .code = EXIT } };
	struct skep_insn strong[] = { { .code = MOV, .imm = 2 }, { .code = EXIT } };
	struct skep_error *err = NULL;
	struct load_obj *obj = NULL;
	unsigned int s, text, other, symbol;
	struct kit k;
	size_t size;
	uint8_t *bytes;

	kit_init(&k);
	text = kit_code(&k, ".text", weak, 2);
	other = kit_code(&k, ".text.other", strong, 2);
	s = kit_code(&k, "xdp", caller, 5);
	symbol = kit_symbol(&k, "", text, 0, 0, STT_SECTION, STB_LOCAL);
	kit_symbol(&k, "f", text, 0, 16, STT_FUNC, STB_WEAK);
	kit_symbol(&k, "f", other, 0, 16, STT_FUNC, STB_GLOBAL);
	kit_symbol(&k, "main", s, 0, 24, STT_FUNC, STB_GLOBAL);
	kit_symbol(&k, "again", s, 24, 16, STT_FUNC, STB_GLOBAL);
	kit_rel(&k, s, 0, 10, symbol);
	bytes = kit_bytes(&k, &size);
	if (CHECK(load_open(bytes, size, "good.bpf.o", NULL, &obj, &err) == 0)) {
		const struct load_prog *p = &obj->progs[0];

		CHECK_EQ_INT(obj->nprogs, 2);
		CHECK_EQ_INT(p->nfuncs, 3);
		CHECK_EQ_STR(p->funcs[1].name, "f");
		CHECK_EQ_INT(p->insns[p->funcs[1].start].imm, 2);
		CHECK_EQ_INT(p->insns[0].imm, p->funcs[1].start - 1);
		CHECK_EQ_STR(p->funcs[2].name, "again");
		CHECK_EQ_INT(p->insns[1].imm, p->funcs[2].start - 2);
		CHECK_EQ_INT(p->insns[p->funcs[2].start].imm, -1);
		load_close(obj);
	}
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	free(bytes);
	kit_done(&k);
}

CHECK_MAIN({ "good", good }, { "overridden", overridden }, { "refused", refused },
	   { "covered", covered })
