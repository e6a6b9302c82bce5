// SPDX-License-Identifier: Apache-2.0
/*
 * What the loader makes of objects that clang compiled from tests/bpf/load: maps, programs, externs, relocations,
 * lines, CO-RE, both byte orders.
 */
#include "base/file.h"
#include "check.h"
#include "isa/isa.h"
#include "load/load.h"

static const struct load_kconfig kconfig[] = {
	{ "LINUX_KERNEL_VERSION", "395264" },
	{ "LINUX_HAS_BPF_COOKIE", "1" },
	{ "CONFIG_HZ", "250" },
	{ "CONFIG_MODULE", "m" },
	{ "CONFIG_LETTER", "y" },
	{ "CONFIG_TEXT", "\"a longer text\"" },
	{ NULL, NULL },
};

static struct load_obj *open_with(const char *name, const struct load_opts *opts,
				  struct skep_error **reterr)
{
	const char *dir = getenv("SKEP_BUILD");
	struct load_obj *obj = NULL;
	struct buf file;
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/bpf/load/%s.bpf.o", dir ? dir : "build", name);
	buf_init(&file);
	if (CHECK_MSG(file_read(path, 1 << 26, &file, NULL) == 0, "cannot read %s", path))
		load_open(file.data, file.len, name, opts, &obj, reterr);
	buf_done(&file);
	return obj;
}

static struct btf *open_target(const struct load_obj *obj)
{
	return btf_ref(obj->btf);
}

static struct load_obj *open_object(void)
{
	struct load_opts opts = { .kconfig = kconfig };
	struct skep_error *err = NULL;
	struct load_obj *obj = open_with("object", &opts, &err);

	CHECK_ERR(err, NULL);
	skep_error_free(err);
	return obj;
}

static const struct load_map *find_map(const struct load_obj *obj, const char *name)
{
	for (uint32_t i = 0; i < obj->nmaps; i++)
		if (!strcmp(obj->maps[i].name, name))
			return &obj->maps[i];
	CHECK_MSG(false, "no map '%s'", name);
	return NULL;
}

static const struct load_prog *find_prog(const struct load_obj *obj, const char *name)
{
	for (uint32_t i = 0; i < obj->nprogs; i++)
		if (!strcmp(obj->progs[i].name, name))
			return &obj->progs[i];
	CHECK_MSG(false, "no program '%s'", name);
	return NULL;
}

static const struct load_extern *find_extern(const struct load_obj *obj, const char *name)
{
	for (uint32_t i = 0; i < obj->nexterns; i++)
		if (!strcmp(obj->externs[i].name, name))
			return &obj->externs[i];
	CHECK_MSG(false, "no extern '%s'", name);
	return NULL;
}

static const struct {
	const char *name;
	enum load_map_kind kind;
	uint32_t type, key_size, value_size, max_entries, flags;
} map_rows[] = {
	{ "table", LOAD_MAP_USER, MAP_HASH, 8, 24, 1024, MAP_F_NO_PREALLOC },
	{ "sizes", LOAD_MAP_USER, MAP_ARRAY, 4, 24, 3, 0 },
	{ "bloom", LOAD_MAP_USER, MAP_BLOOM_FILTER, 0, 8, 100, 0 },
	{ "inner_one", LOAD_MAP_USER, MAP_ARRAY, 4, 8, 2, 0 },
	{ "outer", LOAD_MAP_USER, MAP_ARRAY_OF_MAPS, 4, 4, 4, 0 },
	{ "jumps", LOAD_MAP_USER, MAP_PROG_ARRAY, 4, 4, 8, 0 },
	{ ".rodata", LOAD_MAP_RODATA, MAP_ARRAY, 4, 12, 1, MAP_F_MMAPABLE | MAP_F_RDONLY_PROG },
	{ ".data", LOAD_MAP_DATA, MAP_ARRAY, 4, 8, 1, MAP_F_MMAPABLE },
	{ ".data.custom", LOAD_MAP_DATA, MAP_ARRAY, 4, 8, 1, MAP_F_MMAPABLE },
	{ ".rodata.fixed", LOAD_MAP_RODATA, MAP_ARRAY, 4, 8, 1,
	  MAP_F_MMAPABLE | MAP_F_RDONLY_PROG },
	{ ".bss", LOAD_MAP_BSS, MAP_ARRAY, 4, 16, 1, MAP_F_MMAPABLE },
	{ ".bss.empty", LOAD_MAP_BSS, MAP_ARRAY, 4, 4, 1, MAP_F_MMAPABLE },
	{ ".kconfig", LOAD_MAP_KCONFIG, MAP_ARRAY, 4, 24, 1, MAP_F_MMAPABLE | MAP_F_RDONLY_PROG },
};

static void maps(void)
{
	struct load_obj *obj = open_object();

	if (!obj)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(map_rows); i++) {
		const struct load_map *m;

		CHECK_CASE("%s", map_rows[i].name);
		m = find_map(obj, map_rows[i].name);
		if (!m)
			continue;
		CHECK_EQ_INT(m->kind, map_rows[i].kind);
		CHECK_EQ_INT(m->type, map_rows[i].type);
		CHECK_EQ_INT(m->key_size, map_rows[i].key_size);
		CHECK_EQ_INT(m->value_size, map_rows[i].value_size);
		CHECK_EQ_INT(m->max_entries, map_rows[i].max_entries);
		CHECK_EQ_INT(m->flags, map_rows[i].flags);
		CHECK_EQ_STR(m->unusable, NULL);
	}
	load_close(obj);
}

static void map_details(void)
{
	struct load_obj *obj = open_object();
	const struct load_map *m;

	if (!obj)
		return;
	m = find_map(obj, "table");
	CHECK_EQ_STR(btf_name(obj->btf, m->key_type), "key");
	CHECK_EQ_STR(btf_name(obj->btf, m->value_type), "value");
	CHECK(!m->pin_by_name);
	m = find_map(obj, "sizes");
	CHECK(m->pin_by_name);
	CHECK_EQ_INT(m->numa_node, 1);
	CHECK_EQ_INT(find_map(obj, "bloom")->map_extra, 5);
	m = find_map(obj, "outer");
	if (CHECK(m->inner && m->nslots == 2)) {
		CHECK_EQ_INT(m->inner->type, MAP_ARRAY);
		CHECK_EQ_INT(m->inner->max_entries, 2);
		CHECK_EQ_INT(m->slots[0].index, 0);
		CHECK_EQ_STR(obj->maps[m->slots[0].target].name, "inner_two");
		CHECK_EQ_INT(m->slots[1].index, 3);
		CHECK_EQ_STR(obj->maps[m->slots[1].target].name, "inner_one");
	}
	m = find_map(obj, "jumps");
	if (CHECK(!m->inner && m->nslots == 2)) {
		CHECK_EQ_INT(m->slots[0].index, 1);
		CHECK_EQ_STR(obj->progs[m->slots[0].target].name, "tail_one");
		CHECK_EQ_INT(m->slots[1].index, 7);
		CHECK_EQ_STR(obj->progs[m->slots[1].target].name, "tail_two");
	}
	load_close(obj);
}

/* Where BTF says that a variable lies, and what is there. */
static void check_variable(const struct load_obj *obj, const char *map, const char *name,
			   uint64_t value)
{
	const struct load_map *m = find_map(obj, map);
	uint32_t n = m && m->value_type ? btf_vlen(obj->btf, m->value_type) : 0;

	CHECK_CASE("%s in %s", name, map);
	CHECK_EQ_INT(btf_raw_size(obj->btf, m->value_type), m->value_size);
	for (uint32_t i = 0; i < n; i++) {
		struct btf_secinfo var = btf_secinfo(obj->btf, m->value_type, i);
		uint64_t got = 0;

		if (strcmp(btf_name(obj->btf, var.type), name))
			continue;
		if (CHECK(var.size <= 8 && var.offset + var.size <= m->value_size) && m->data)
			memcpy(&got, m->data + var.offset, var.size);
		CHECK_EQ_INT(got, value);
		return;
	}
	CHECK_MSG(false, "it is not there");
}

static void variables(void)
{
	struct load_obj *obj = open_object();

	if (!obj)
		return;
	check_variable(obj, ".rodata", "constant", 42);
	check_variable(obj, ".rodata", "text", 0x74786574);
	check_variable(obj, ".data", "initialised", 7);
	check_variable(obj, ".data", "hidden_initialised", 8);
	check_variable(obj, ".bss", "zero", 0);
	check_variable(obj, ".bss", "hidden_zero", 0);
	check_variable(obj, ".data.custom", "custom", 11);
	check_variable(obj, ".rodata.fixed", "fixed", 12);
	check_variable(obj, ".kconfig", "CONFIG_HZ", 250);
	check_variable(obj, ".kconfig", "CONFIG_MODULE", 2);
	check_variable(obj, ".kconfig", "CONFIG_LETTER", 'y');
	check_variable(obj, ".kconfig", "LINUX_KERNEL_VERSION", 395264);
	check_variable(obj, ".kconfig", "LINUX_HAS_BPF_COOKIE", 1);
	check_variable(obj, ".kconfig", "CONFIG_ABSENT", 0);
	CHECK_CASE("a pointer that nobody fills");
	CHECK_EQ_INT(find_map(obj, ".data.pointer")->unfilled, 1);
	CHECK_EQ_INT(find_map(obj, ".data")->unfilled, 0);
	load_close(obj);
}

static const struct {
	const char *name, *section, *prefix, *target;
	int type;
	bool autoload;
	uint32_t nfuncs;
	const char *unusable;
} prog_rows[] = {
	{ "tail_one", "xdp", "xdp", NULL, PROG_XDP, true, 3, NULL },
	{ "tail_two", "xdp", "xdp", NULL, PROG_XDP, true, 3, NULL },
	{ "optional", "?xdp.frags/devmap", "xdp.frags/devmap", NULL, PROG_XDP, false, 4, NULL },
	{ "with_maps", "tracepoint/syscalls/sys_enter_openat", "tracepoint",
	  "syscalls/sys_enter_openat", PROG_TRACEPOINT, true, 1, NULL },
	{ "with_config", "tracepoint/syscalls/sys_exit_openat", "tracepoint",
	  "syscalls/sys_exit_openat", PROG_TRACEPOINT, true, 1, NULL },
	{ "needs_config", "tracepoint/syscalls/sys_enter_close", "tracepoint",
	  "syscalls/sys_enter_close", PROG_TRACEPOINT, true, 1,
	  "the kernel configuration value 'CONFIG_REQUIRED' is not set" },
	{ "with_weak", "tc", "tc", NULL, PROG_SCHED_CLS, true, 1, NULL },
	{ "with_strong", "tc", "tc", NULL, PROG_SCHED_CLS, true, 1,
	  "the kernel function 'strong_kfunc' does not exist in the kernel (none was given to "
	  "relocate against)" },
	{ "misspelt", "tracepont/syscalls/sys_enter_read", NULL, NULL, 0, true, 1,
	  "no program type has the section name 'tracepont/syscalls/sys_enter_read'; the nearest "
	  "is 'tracepoint'" },
	{ "far_off", "nothing like any section of this world", NULL, NULL, 0, true, 1,
	  "no program type has the section name 'nothing like any section of this world'" },
};

static void programs(void)
{
	struct load_obj *obj = open_object();

	if (!obj)
		return;
	CHECK_EQ_STR(obj->license, "Dual BSD/GPL");
	CHECK_EQ_INT(obj->nprogs, ARRAY_SIZE(prog_rows));
	for (size_t i = 0; i < ARRAY_SIZE(prog_rows); i++) {
		const struct load_prog *p;

		CHECK_CASE("%s", prog_rows[i].name);
		p = find_prog(obj, prog_rows[i].name);
		if (!p)
			continue;
		CHECK_EQ_STR(p->section, prog_rows[i].section);
		CHECK_EQ_STR(p->unusable, prog_rows[i].unusable);
		CHECK_EQ_STR(p->target, prog_rows[i].target);
		CHECK_EQ_INT(p->autoload, prog_rows[i].autoload);
		CHECK_EQ_INT(p->nfuncs, prog_rows[i].nfuncs);
		CHECK_EQ_STR(p->def ? p->def->prefix : NULL, prog_rows[i].prefix);
		if (p->def)
			CHECK_EQ_INT(p->def->prog_type, prog_rows[i].type);
	}
	load_close(obj);
}

/* Every reference of every program leads to something that exists. */
static void check_insns(const struct load_obj *obj, const struct load_prog *p)
{
	for (uint32_t i = 0; i < p->ninsns; i++) {
		const struct skep_insn *in = &p->insns[i];
		enum isa_op op = isa_decode(in, p->ninsns - i);
		uint32_t at = (uint32_t)(i + 1 + in->imm), func = 0;

		CHECK_MSG(op != ISA_INVALID, "'%s' at %u is no instruction", p->name, i);
		for (uint32_t k = 0; k < p->nfuncs; k++)
			func += p->funcs[k].start == at;
		if (isa_is_local_call(op) || op == ISA_LD_FUNC)
			CHECK_MSG(func == 1, "'%s' at %u calls %u", p->name, i, at);
		if (op == ISA_LD_MAP_IDX || op == ISA_LD_MAP_IDX_VALUE)
			CHECK((uint32_t)in->imm < obj->nmaps);
		if (op == ISA_LD_MAP_IDX_VALUE)
			CHECK((uint32_t)in[1].imm < obj->maps[in->imm].value_size);
		if (op == ISA_CALL_KFUNC)
			CHECK((uint32_t)in->imm < obj->nexterns);
		i += isa_is_wide_load(op);
	}
}

static void references(void)
{
	struct load_obj *obj = open_object();
	const struct load_prog *p;

	if (!obj)
		return;
	for (uint32_t i = 0; i < obj->nprogs; i++) {
		CHECK_CASE("%s", obj->progs[i].name);
		check_insns(obj, &obj->progs[i]);
	}
	CHECK_CASE("order of functions");
	p = find_prog(obj, "tail_one");
	CHECK_EQ_STR(p->funcs[0].name, "tail_one");
	CHECK_EQ_STR(p->funcs[1].name, "hidden_function");
	CHECK_EQ_STR(p->funcs[2].name, "weak_function");
	CHECK(p->funcs[0].global && !p->funcs[1].global && p->funcs[2].global);
	for (uint32_t i = 0; i < p->nfuncs; i++)
		CHECK_EQ_STR(btf_name(obj->btf, p->funcs[i].btf_id), p->funcs[i].name);
	CHECK_CASE("a callback");
	p = find_prog(obj, "optional");
	CHECK_EQ_STR(p->funcs[1].name, "callback");
	CHECK_CASE("a map and a value of one");
	p = find_prog(obj, "with_maps");
	CHECK_EQ_INT(isa_decode(&p->insns[5], 2), ISA_LD_MAP_IDX);
	CHECK_EQ_STR(obj->maps[p->insns[5].imm].name, "table");
	CHECK_CASE("a weak function of the kernel");
	p = find_prog(obj, "with_weak");
	CHECK_EQ_INT(p->npoisons, 1);
	CHECK(load_poison_at(p, p->poisons[0].insn) == &p->poisons[0]);
	CHECK(!load_poison_at(p, p->poisons[0].insn + 1));
	CHECK_EQ_INT(p->insns[0].imm, 0);
	load_close(obj);
}

static void lines(void)
{
	/* What the first line of each function is about; it may be one of its body. */
	static const char *const words[] = { "bpf_loop", "hidden_zero", "global_function",
					     "constant" };
	struct load_obj *obj = open_object();
	const struct load_prog *p;

	if (!obj)
		return;
	p = find_prog(obj, "optional");
	for (uint32_t i = 0; i < ARRAY_SIZE(words) && i < p->nfuncs; i++) {
		const struct load_line *line = load_line_at(p, p->funcs[i].start);

		CHECK_CASE("%s", p->funcs[i].name);
		if (!CHECK(line))
			continue;
		CHECK_EQ_INT(line->insn, p->funcs[i].start);
		CHECK(strstr(line->file, "object.bpf.c"));
		CHECK_MSG(strstr(line->text, words[i]), "the line is '%s'", line->text);
		CHECK(line->line);
	}
	CHECK_CASE("sorted");
	for (uint32_t i = 1; i < p->nlines; i++)
		CHECK(p->lines[i - 1].insn < p->lines[i].insn);
	CHECK(!load_line_at(p, p->ninsns));
	load_close(obj);
}

/* Functions of the target: right type, wrong type. */
static struct btf *kernel_with(bool two_parameters)
{
	struct btf_builder *b = btf_builder_new();
	uint32_t i32 = (uint32_t)btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	const struct btf_param params[] = { { "a", i32 }, { "b", i32 } };
	uint32_t proto = (uint32_t)btf_add_proto(b, i32, params, two_parameters ? 2 : 1);
	struct btf *btf = NULL;

	btf_add_ref(b, BTF_FUNC, "strong_kfunc", proto);
	CHECK(btf_finish(b, "kernel", &btf, NULL) == 0);
	btf_builder_free(b);
	return btf;
}

static void kfuncs(void)
{
	for (int i = 0; i < 2; i++) {
		struct load_opts opts = { .target = kernel_with(i), .target_name = "the test" };
		struct load_obj *obj = open_with("object", &opts, NULL);
		const struct load_extern *x;
		const struct load_prog *p;

		CHECK_CASE(i ? "of another type" : "of the same type");
		if (!CHECK(obj))
			return;
		x = find_extern(obj, "strong_kfunc");
		p = find_prog(obj, "with_strong");
		CHECK_EQ_INT(x->kind, LOAD_EXTERN_KFUNC);
		CHECK_EQ_INT(x->resolved, !i);
		CHECK_EQ_STR(x->problem, i ? "'strong_kfunc' has another type in the test" : NULL);
		CHECK_EQ_STR(p->unusable, x->problem);
		CHECK_EQ_INT(isa_decode(&p->insns[1], 1), ISA_CALL_KFUNC);
		CHECK(&obj->externs[p->insns[1].imm] == x);
		load_close(obj);
		btf_unref((struct btf *)opts.target);
	}
}

static const struct {
	const char *name, *value, *problem;
	uint64_t number;
} kconfig_rows[] = {
	{ "CONFIG_HZ", "-1", NULL, UINT64_MAX },
	{ "CONFIG_HZ", "0x7fffffff", NULL, 0x7fffffff },
	{ "CONFIG_HZ", "0x80000000", "'CONFIG_HZ': its value does not fit into the type", 0 },
	{ "CONFIG_HZ", "-2147483648", NULL, (uint64_t)INT32_MIN },
	{ "CONFIG_HZ", "-2147483649", "'CONFIG_HZ': its value does not fit into the type", 0 },
	{ "CONFIG_HZ", "12 monkeys", "'CONFIG_HZ': its value is no number", 0 },
	{ "CONFIG_HZ", "", "'CONFIG_HZ': its value is no number", 0 },
	{ "CONFIG_HZ", "y",
	  "'CONFIG_HZ': its value is y, n or m, which needs a bool, a char or an enum "
	  "libbpf_tristate",
	  0 },
	{ "CONFIG_HZ", "\"x\"", "'CONFIG_HZ': its value is text, which needs an array of char", 0 },
	{ "CONFIG_MODULE", "y", NULL, 1 },
	{ "CONFIG_MODULE", "n", NULL, 0 },
	{ "CONFIG_MODULE", "7", "'CONFIG_MODULE': its value is a number, which needs an integer",
	  0 },
	{ "CONFIG_REQUIRED", "y", NULL, 1 },
	{ "CONFIG_REQUIRED", "m", "'CONFIG_REQUIRED': its value is m, which a bool cannot hold",
	  0 },
	{ "CONFIG_REQUIRED", "2", "'CONFIG_REQUIRED': its value does not fit into the type", 0 },
	{ "CONFIG_LETTER", "m", NULL, 'm' },
	{ "CONFIG_LETTER", "-128", NULL, (uint64_t)-128 },
	{ "CONFIG_LETTER", "128", "'CONFIG_LETTER': its value does not fit into the type", 0 },
	{ "CONFIG_TEXT", "\"open", "'CONFIG_TEXT': its value is text without a closing quote", 0 },
};

static void kconfig_values(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kconfig_rows); i++) {
		const struct load_kconfig list[] = {
			{ kconfig_rows[i].name, kconfig_rows[i].value }, { NULL, NULL }
		};
		struct load_opts opts = { .kconfig = list };
		struct load_obj *obj = open_with("object", &opts, NULL);
		const struct load_extern *x;

		CHECK_CASE("%s=%s", kconfig_rows[i].name, kconfig_rows[i].value);
		if (!CHECK(obj))
			return;
		x = find_extern(obj, kconfig_rows[i].name);
		CHECK_EQ_STR(x->problem, kconfig_rows[i].problem);
		CHECK_EQ_INT(x->resolved, !kconfig_rows[i].problem);
		CHECK_EQ_INT(x->value, kconfig_rows[i].number);
		load_close(obj);
	}
}

static void text_is_cut(void)
{
	struct load_obj *obj = open_object();
	const struct load_extern *x;

	if (!obj)
		return;
	x = find_extern(obj, "CONFIG_TEXT");
	CHECK_EQ_MEM(find_map(obj, ".kconfig")->data + x->offset, "a longe", 8);
	load_close(obj);
}

static struct load_obj *open_against(const char *name, const char *target)
{
	struct load_obj *kernel = open_with(target, NULL, NULL), *obj = NULL;
	struct load_opts opts = { .target_name = "the target" };
	struct skep_error *err = NULL;

	if (CHECK(kernel)) {
		opts.target = open_target(kernel);
		load_close(kernel);
		obj = open_with(name, &opts, &err);
		btf_unref((struct btf *)opts.target);
	}
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	return obj;
}

static const struct {
	const char *prog, *reason;
} poison_rows[] = {
	{ "poisoned", "field 'struct outer.missing' does not exist in the target" },
	{ "poisoned", "field 'struct outer.other_kind' has a type of another kind in the target" },
	{ "poisoned",
	  "'struct outer.small' has another size, and is neither unsigned nor a pointer in the target" },
	{ "poisoned",
	  "field 'struct nowhere.field': 'struct nowhere' does not exist in the target" },
	{ "poisoned", "enumerator 'enum color: PINK' does not exist in the target" },
	{ "poisoned",
	  "enumerator 'enum absent_enum: ABSENT_VALUE': 'enum absent_enum' does not exist in the target" },
};

static bool has_reason(const struct load_prog *p, const char *reason)
{
	for (uint32_t i = 0; i < p->npoisons; i++)
		if (!strcmp(p->poisons[i].reason, reason))
			return true;
	return false;
}

static void poisons(void)
{
	struct load_obj *obj = open_against("core_local", "core_target");

	if (!obj)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(poison_rows); i++) {
		const struct load_prog *p = find_prog(obj, poison_rows[i].prog);

		CHECK_CASE("%s", poison_rows[i].reason);
		CHECK(p && has_reason(p, poison_rows[i].reason));
	}
	load_close(obj);
}

static void ambiguous(void)
{
	struct load_obj *obj = open_against("core_unsure", "core_target");
	const struct load_prog *p;

	if (!obj)
		return;
	p = find_prog(obj, "unsure");
	if (CHECK_EQ_INT(p->npoisons, 1)) {
		CHECK(strstr(p->poisons[0].reason, "'twice' (type "));
		CHECK(strstr(p->poisons[0].reason, "'twice___old' (type "));
		CHECK(strstr(p->poisons[0].reason, "says 4"));
		CHECK(strstr(p->poisons[0].reason, "says 0"));
	}
	load_close(obj);
}

/* Without a target everything that asks is told no, and everything that insists is poisoned. */
static void no_target(void)
{
	struct skep_error *err = NULL;
	struct load_obj *obj = open_with("core_local", NULL, &err);

	CHECK_ERR(err, NULL);
	if (!CHECK(obj))
		return;
	for (uint32_t i = 0; i < obj->nprogs; i++) {
		const struct load_prog *p = &obj->progs[i];

		for (uint32_t k = 0; k < p->ncores; k++) {
			const struct load_core *c = &p->cores[k];

			CHECK_EQ_INT(c->resolved, c->kind == BTF_CORE_TYPE_ID_LOCAL);
			if (!c->resolved)
				CHECK_EQ_INT(c->new_value, 0);
		}
	}
	CHECK(find_prog(obj, "loads")->npoisons > 0);
	CHECK_EQ_INT(find_prog(obj, "field_exists")->npoisons, 0);
	load_close(obj);
}

/* What depends on the byte order is only the answer to one question. */
static bool may_differ(const struct load_prog *p, uint32_t insn)
{
	for (uint32_t i = 0; i < p->ncores; i++)
		if (p->cores[i].insn == insn && p->cores[i].kind == BTF_CORE_FIELD_LSHIFT_U64)
			return true;
	return false;
}

static void byte_orders(void)
{
	struct load_obj *little = open_against("byte_order", "byte_order");
	struct load_obj *big = open_against("byte_order.be", "byte_order");
	const struct load_prog *a, *b;

	if (!little || !big)
		return;
	CHECK_EQ_INT(little->swapped, __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__);
	CHECK_EQ_INT(big->swapped, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	a = find_prog(little, "both");
	b = find_prog(big, "both");
	CHECK_EQ_INT(big->nmaps, little->nmaps);
	CHECK_EQ_INT(find_map(big, "counts")->max_entries, 4);
	CHECK_EQ_INT(find_map(big, "counts")->value_size, 8);
	CHECK_EQ_MEM(find_map(big, ".rodata")->data, "\1\2\3\4", 4);
	CHECK_EQ_INT(b->ninsns, a->ninsns);
	CHECK_EQ_INT(b->nlines, a->nlines);
	CHECK_EQ_INT(b->npoisons, 0);
	for (uint32_t i = 0; i < a->ninsns && i < b->ninsns; i++)
		if (!may_differ(a, i))
			CHECK_EQ_MEM(&a->insns[i], &b->insns[i], sizeof(a->insns[i]));
	for (uint32_t i = 0; i < a->ncores; i++)
		if (a->cores[i].kind == BTF_CORE_FIELD_LSHIFT_U64) {
			CHECK_EQ_INT(a->cores[i].new_value, 59);
			CHECK_EQ_INT(b->cores[i].new_value, 32);
		}
	load_close(little);
	load_close(big);
}

static const struct {
	const char *name, *id, *text;
} refused_rows[] = {
	{ "legacy_maps", "L0001", "SEC(\".maps\");" },
	{ "static_entry", "L0009", "'entry' is static" },
	{ "map_member", "L0012", "'max_entires'" },
};

static void refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused_rows); i++) {
		struct skep_error *err = NULL;
		char text[2048];

		CHECK_CASE("%s", refused_rows[i].name);
		CHECK(!open_with(refused_rows[i].name, NULL, &err));
		CHECK_ERR(err, refused_rows[i].id);
		skep_error_text(err, text, sizeof(text));
		CHECK_MSG(strstr(text, refused_rows[i].text), "the error says:\n%s", text);
		skep_error_free(err);
	}
}

CHECK_MAIN({ "maps", maps }, { "map_details", map_details }, { "variables", variables },
	   { "programs", programs }, { "references", references }, { "lines", lines },
	   { "kfuncs", kfuncs }, { "kconfig_values", kconfig_values },
	   { "text_is_cut", text_is_cut }, { "poisons", poisons }, { "ambiguous", ambiguous },
	   { "no_target", no_target }, { "byte_orders", byte_orders }, { "refused", refused })
