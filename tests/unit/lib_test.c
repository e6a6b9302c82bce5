// SPDX-License-Identifier: Apache-2.0
/*
 * The public API as an embedder meets it: objects, programs, maps with their errno values, settings before load,
 * options of other versions of the library, runs and what a run refuses. Values by type are value_test's.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib_kit.h"

#define REPORT "tests/bpf/cli/report"
#define SETTINGS "tests/bpf/cli/settings"
#define CAPTURE "examples/captures/mixed.pcap"

static void load(struct skep_obj *obj, const char *id)
{
	struct skep_error *err = NULL;

	skep_obj_load(obj, &err);
	CHECK_ERR(err, id);
	skep_error_free(err);
}

static void opens(void)
{
	static char junk[200] = "\177ELF\2\1\1";
	struct skep_obj *obj = (struct skep_obj *)junk;
	struct skep_error *err = NULL;

	CHECK_CASE("a refusal sets the error and nothing else");
	CHECK_EQ_INT(skep_obj_open("/no/such/file", NULL, &obj, &err), -ENOENT);
	CHECK(obj == (struct skep_obj *)junk);
	CHECK_ERR(err, "B0002");
	CHECK_EQ_INT(skep_error_code(err), -ENOENT);
	skep_error_free(err);
	CHECK_EQ_INT(skep_obj_open("/no/such/file", NULL, &obj, NULL), -ENOENT);
	CHECK_EQ_INT(skep_obj_open_mem("", 0, NULL, &obj, NULL), -ENOEXEC);
	CHECK(skep_obj_open_mem(junk, sizeof(junk), NULL, &obj, NULL) < 0);
	CHECK(obj == (struct skep_obj *)junk);

	CHECK_CASE("a success leaves the error alone");
	err = (struct skep_error *)junk;
	obj = lib_object(REPORT, NULL);
	if (!obj)
		return;
	CHECK_EQ_INT(skep_obj_load(obj, &err), 0);
	CHECK(err == (struct skep_error *)junk);
	skep_obj_close(obj);
	skep_obj_close(NULL);
}

static void names_in_errors(void)
{
	struct skep_obj_opts o = { .size = sizeof(o), .name = "my object" };
	struct skep_error *err = NULL;
	struct skep_obj *obj;

	CHECK(skep_obj_open_mem("abc", 3, &o, &obj, &err) < 0);
	CHECK_EQ_STR(skep_error_place(err)->name, "my object");
	skep_error_free(err);
	obj = lib_object(REPORT, &o);
	if (!obj)
		return;
	CHECK_EQ_STR(skep_obj_name(obj), "my object");
	skep_obj_close(obj);
}

/* Structs of an older or newer library: what lies past `size` is neither read nor written. */
static void option_sizes(void)
{
	struct {
		struct skep_obj_opts known;
		char future[64];
	} newer;
	struct skep_obj_opts older;
	struct skep_run_opts run;
	struct skep_run_stats stats;
	struct skep_obj *obj;

	CHECK_CASE("older: only the name");
	memset(&older, 0xee, sizeof(older));
	older.size = offsetof(struct skep_obj_opts, name) + sizeof(older.name);
	older.name = "old";
	obj = lib_object(REPORT, &older);
	if (!obj)
		return;
	CHECK_EQ_STR(skep_obj_name(obj), "old");
	load(obj, NULL);

	CHECK_CASE("older: a run and its statistics");
	memset(&run, 0xee, sizeof(run));
	run.size = offsetof(struct skep_run_opts, iface) + sizeof(run.iface);
	run.argv = (char *[]){ (char *)"true", NULL };
	run.pcap = run.iface = NULL;
	memset(&stats, 0xee, sizeof(stats));
	stats.size = offsetof(struct skep_run_stats, faults);
	CHECK_EQ_INT(skep_run(obj, &run, &stats, NULL), 0);
	CHECK_EQ_INT(stats.size, offsetof(struct skep_run_stats, faults));
	CHECK_EQ_INT(stats.events, 0);
	CHECK_EQ_INT(stats.faults, 0xeeeeeeeeeeeeeeee);
	skep_obj_close(obj);

	CHECK_CASE("newer: larger than ours");
	memset(&newer, 0xee, sizeof(newer));
	newer.known = (struct skep_obj_opts){ .size = sizeof(newer), .name = "new", .ncpus = 3 };
	obj = lib_object(REPORT, &newer.known);
	if (!obj)
		return;
	CHECK_EQ_STR(skep_obj_name(obj), "new");
	skep_obj_close(obj);
}

static void describes(void)
{
	struct skep_obj *obj = lib_object(REPORT, NULL);
	struct skep_section_info section;
	struct skep_reloc_info reloc;
	struct skep_prog_info info;
	struct skep_place place;
	struct skep_prog *prog;
	char text[64];
	size_t progs = 0;

	if (!obj)
		return;
	CHECK_EQ_STR(skep_obj_license(obj), "GPL");
	CHECK(!skep_obj_swapped(obj));
	for (size_t i = 0; i < skep_obj_nsections(obj); i++) {
		skep_obj_section(obj, i, &section);
		progs += strcmp(section.use, "programs") == 0;
		CHECK(section.name && section.type_name);
	}
	CHECK_EQ_INT(progs, 1);
	CHECK(skep_obj_nrelocs(obj) > 4);
	for (size_t i = 0; i < skep_obj_nrelocs(obj); i++) {
		skep_obj_reloc(obj, i, &reloc);
		CHECK_EQ_STR(reloc.type, "R_BPF_64_64");
		CHECK_EQ_STR(reloc.section, "tracepoint/syscalls/sys_enter_getppid");
	}
	CHECK(skep_obj_find_prog(obj, "on_getppid") == skep_obj_prog(obj, 0));
	CHECK(!skep_obj_find_prog(obj, "nosuch") && !skep_obj_prog(obj, 1));
	CHECK(!skep_obj_find_map(obj, "nosuch") && !skep_obj_map(obj, 1000));
	prog = skep_obj_prog(obj, 0);
	skep_prog_info(prog, &info);
	CHECK_EQ_STR(info.type, "tracepoint");
	CHECK_EQ_STR(info.target, "syscalls/sys_enter_getppid");
	CHECK(info.autoload && !info.unusable && info.ninsns > 50);
	CHECK(!skep_prog_error(prog));
	CHECK_EQ_STR(skep_prog_func(prog, 0), "on_getppid");
	CHECK(!skep_prog_func(prog, 1) && !skep_prog_func(prog, 1 << 30));
	CHECK(skep_prog_line(prog, 0, true, &place));
	CHECK(place.line > 100 && strstr(place.src, "report.bpf.c"));
	CHECK(!skep_prog_line(prog, 1 << 30, true, &place));
	CHECK_EQ_INT(skep_prog_print_insn(prog, info.ninsns - 1, SKEP_INSN_KERNEL, text,
					  sizeof(text)),
		     1);
	CHECK_EQ_STR(text, "exit");
	CHECK_EQ_INT(skep_prog_print_insn(prog, info.ninsns, SKEP_INSN_KERNEL, text, sizeof(text)),
		     -EINVAL);
	skep_obj_close(obj);
}

static void before_loading(void)
{
	struct skep_obj *obj = lib_object(REPORT, NULL);
	struct skep_map_stats stats;
	struct skep_map_info info;
	struct skep_error *err = NULL;
	struct skep_map *map;
	uint64_t key = 0, value[2];

	if (!obj)
		return;
	map = skep_obj_find_map(obj, "totals");
	skep_map_info(map, &info);
	CHECK_EQ_STR(info.type_name, "hash");
	CHECK_EQ_INT(info.key_size, 8);
	CHECK_EQ_INT(info.user_value_size, 16);
	CHECK_EQ_INT(skep_map_lookup(map, &key, value), -EINVAL);
	CHECK_EQ_INT(skep_map_update(map, &key, value, 0), -EINVAL);
	CHECK_EQ_INT(skep_map_delete(map, &key), -EINVAL);
	CHECK_EQ_INT(skep_map_next_key(map, NULL, &key), -EINVAL);
	skep_map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries | stats.full | stats.memory, 0);
	CHECK_EQ_INT(skep_run(obj, NULL, NULL, &err), -EINVAL);
	CHECK_ERR(err, "A0002");
	skep_error_free(err);
	load(obj, NULL);
	load(obj, "A0001");
	skep_obj_close(obj);
}

/* What bpf(2) answers: 0 any, 1 only new, 2 only existing. */
static void hash_errno(struct skep_obj *obj)
{
	struct skep_map *map = skep_obj_find_map(obj, "totals");
	struct skep_map_stats stats;
	uint64_t key = 1, value[2] = { 5, 6 }, got[2] = { 0 };
	size_t n = 0;

	CHECK_EQ_INT(skep_map_next_key(map, NULL, &key), -ENOENT);
	CHECK_EQ_INT(skep_map_lookup(map, &key, got), -ENOENT);
	CHECK_EQ_INT(skep_map_delete(map, &key), -ENOENT);
	CHECK_EQ_INT(skep_map_update(map, &key, value, 2), -ENOENT);
	CHECK_EQ_INT(skep_map_update(map, &key, value, 3), -EINVAL);
	CHECK_EQ_INT(skep_map_update(map, &key, value, 1), 0);
	CHECK_EQ_INT(skep_map_update(map, &key, value, 1), -EEXIST);
	CHECK_EQ_INT(skep_map_update(map, &key, value, 2), 0);
	CHECK_EQ_INT(skep_map_lookup(map, &key, got), 0);
	CHECK_EQ_MEM(got, value, sizeof(got));
	for (key = 2; key <= 16; key++)
		CHECK_EQ_INT(skep_map_update(map, &key, value, 0), 0);
	CHECK_EQ_INT(skep_map_update(map, &key, value, 0), -E2BIG);
	skep_map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries, 16);
	CHECK_EQ_INT(stats.full, 1);
	for (const void *at = NULL; skep_map_next_key(map, at, &key) == 0 && n < 100; at = &key)
		n++;
	CHECK_EQ_INT(n, 16);
	CHECK_EQ_INT(skep_map_delete(map, &key), 0);
}

static void batches(struct skep_obj *obj)
{
	struct skep_map *map = skep_obj_find_map(obj, "totals");
	uint64_t keys[64], values[128], place, value[2];
	struct skep_map_batch b = {
		.size = sizeof(b), .out = &place, .keys = keys, .values = values, .count = 64
	};
	struct skep_map_stats stats;

	CHECK(skep_map_batch_size(map) <= sizeof(place));
	CHECK_EQ_INT(skep_map_batch(map, SKEP_MAP_LOOKUP_BATCH, &b), -ENOENT);
	CHECK_EQ_INT(b.count, 15);
	CHECK_EQ_INT(values[28], 5);
	CHECK_EQ_INT(skep_map_batch(map, SKEP_MAP_DELETE_BATCH, &b), 0);
	CHECK_EQ_INT(skep_map_batch(map, SKEP_MAP_DELETE_BATCH, &b), -ENOENT);
	CHECK_EQ_INT(b.count, 0);
	b.count = 9;
	CHECK_EQ_INT(skep_map_batch(map, SKEP_MAP_UPDATE_BATCH, &b), 0);
	CHECK_EQ_INT(skep_map_lookup_flags(map, keys, value, SKEP_MAP_LOCK), -EINVAL);
	CHECK_EQ_INT(skep_map_lookup_flags(map, keys, value, 0), 0);
	CHECK_EQ_INT(skep_map_lookup_and_delete(map, keys, value, 0), 0);
	CHECK_EQ_INT(value[1], 6);
	CHECK_EQ_INT(skep_map_lookup_and_delete(map, keys, value, 0), -ENOENT);
	skep_map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries, 8);
	b.size = 8;
	CHECK_EQ_INT(skep_map_batch(map, SKEP_MAP_UPDATE_BATCH, &b), -EINVAL);
	b.size = sizeof(b);
	CHECK_EQ_INT(skep_map_batch(map, (enum skep_map_batch_op)9, &b), -EINVAL);
	CHECK_EQ_INT(skep_map_freeze(map), 0);
	CHECK_EQ_INT(skep_map_batch(map, SKEP_MAP_UPDATE_BATCH, &b), -EPERM);
	CHECK_EQ_INT(skep_map_freeze(map), -EPERM);
}

static void array_errno(struct skep_obj *obj)
{
	struct skep_map *map = skep_obj_find_map(obj, "idle");
	uint32_t key = 2, value = 7;

	CHECK_EQ_INT(skep_map_lookup(map, &key, &value), -ENOENT);
	CHECK_EQ_INT(skep_map_update(map, &key, &value, 0), -E2BIG);
	key = 1;
	CHECK_EQ_INT(skep_map_update(map, &key, &value, 1), -EEXIST);
	CHECK_EQ_INT(skep_map_update(map, &key, &value, 0), 0);
	CHECK_EQ_INT(skep_map_delete(map, &key), -EINVAL);
	CHECK_EQ_INT(skep_map_next_key(map, &key, &key), -ENOENT);
	CHECK_EQ_INT(skep_map_next_key(map, NULL, &key), 0);
	CHECK_EQ_INT(key, 0);
	map = skep_obj_find_map(obj, "events");
	CHECK(skep_map_lookup(map, NULL, &value) < 0);
	CHECK(skep_map_next_key(map, NULL, &key) < 0);
	map = skep_obj_find_map(obj, ".rodata");
	key = 0;
	CHECK(skep_map_update(map, &key, &value, 0) < 0);
}

static void map_errno(void)
{
	struct skep_obj_opts o = { .size = sizeof(o), .ncpus = 3 };
	struct skep_obj *obj = lib_object(REPORT, &o);
	uint64_t values[3] = { 1, 2, 3 }, got[3] = { 0 };
	struct skep_map_info info;
	struct skep_map *map;
	uint32_t key = 3;

	if (!obj)
		return;
	load(obj, NULL);
	CHECK_CASE("hash");
	hash_errno(obj);
	CHECK_CASE("array, ring, frozen data");
	array_errno(obj);
	batches(obj);
	CHECK_CASE("per CPU: one value each");
	map = skep_obj_find_map(obj, "per_cpu");
	skep_map_info(map, &info);
	CHECK(info.per_cpu);
	CHECK_EQ_INT(info.ncpus, 3);
	CHECK_EQ_INT(info.user_value_size, sizeof(values));
	CHECK_EQ_INT(skep_map_update(map, &key, values, 0), 0);
	CHECK_EQ_INT(skep_map_lookup(map, &key, got), 0);
	CHECK_EQ_MEM(got, values, sizeof(values));
	skep_obj_close(obj);
}

static const struct {
	const char *name, *value, *id; /* id NULL: fine */
	const char *show;	       /* the section afterwards holds this */
} settings[] = {
	{ "number", "-2147483648", NULL, "number=-2147483648" },
	{ "number", "2147483647", NULL, "number=2147483647" },
	{ "number", "+5", NULL, "number=5" },
	{ "number", "0x10", NULL, "number=16" },
	{ "number", "2147483648", "A0013", "number=5" },
	{ "number", "-2147483649", "A0013", "number=5" },
	{ "number", "99999999999999999999", "A0012", "number=5" },
	{ "number", "-99999999999999999999", "A0012", "number=5" },
	{ "number", "", "A0012", "number=5" },
	{ "number", "-", "A0012", "number=5" },
	{ "number", "1 ", "A0012", "number=5" },
	{ "number", " 1", "A0012", "number=5" },
	{ "number", "--1", "A0012", "number=5" },
	{ "small", "255", NULL, "small=255u" },
	{ "small", "256", "A0013", "small=0u" },
	{ "small", "-1", "A0013", "small=0u" },
	{ "big", "18446744073709551615", NULL, "big=18446744073709551615u" },
	{ "flag", "Yes", NULL, "flag=true" },
	{ "flag", "0", NULL, "flag=false" },
	{ "flag", "2", "A0012", "flag=false" },
	{ "mode", "AUTO", NULL, "mode=AUTO" },
	{ "mode", "1", NULL, "mode=ON" },
	{ "mode", "5", NULL, "mode=enum 5" },
	{ "mode", "auto", "A0012", "mode=OFF" },
	{ "name", "1234567", NULL, "name=\"1234567\"" },
	{ "name", "", NULL, "name=\"\"" },
	{ "name", "12345678", "A0013", "name=\"none\"" },
	{ "port", "443", NULL, "port=47873u" }, /* big-endian on a little-endian host */
	{ "port", "65536", "A0013", "port=0u" },
	{ "address", "1.2.3.4", NULL, "address=67305985u" },
	{ "address", "1", NULL, "address=16777216u" },
	{ "address", "1.2.3", "A0012", "address=0u" },
	{ "list[2]", "9", NULL, "list=[0u 0u 9u]" },
	{ "list[3]", "9", "A0010", "list=[0u 0u 0u]" },
	{ "list[-1]", "9", "A0010", "list=[0u 0u 0u]" },
	{ "list[1", "9", "A0010", "list=[0u 0u 0u]" },
	{ "list[1]x", "9", "A0010", "list=[0u 0u 0u]" },
	{ "list", "9", "A0011", "list=[0u 0u 0u]" },
	{ "name[1]", "65", NULL, "name=\"nAne\"" },
	{ "limits.high", "7", NULL, "high=7u" },
	{ "limits.nested", "-128", NULL, "nested=-128" },
	{ "limits.nested", "128", "A0013", "nested=0" },
	{ "limits.three", "7", NULL, "three=7u five=0" },
	{ "limits.five", "-16", NULL, "three=0u five=-16" },
	{ "limits.five", "16", "A0013", "three=0u five=0" },
	{ "limits.nosuch", "1", "A0010", "low=1u" },
	{ "limits.", "1", "A0010", "low=1u" },
	{ "limits", "1", "A0011", "low=1u" },
	{ "number.x", "1", "A0010", "number=5" },
	{ "fraction", "-2.25", NULL, "fraction=-2.25" },
	{ "fraction", "1.5x", "A0012", "fraction=0.5" },
	{ "pointer", "1", "A0011", "pointer=0x0" },
	{ "on_getppid.____fmt", "x", NULL, "on_getppid.____fmt=\"x\"" },
	{ "nosuch", "1", "A0009", "number=5" },
	{ "", "1", "A0009", "number=5" },
	{ ".", "1", "A0009", "number=5" },
	{ "[0]", "1", "A0009", "number=5" },
};

static void check_setting(size_t i)
{
	struct skep_obj *obj = lib_object(SETTINGS, NULL);
	struct skep_error *err = NULL;
	struct skep_map_info info;
	struct lib_text t;
	int r;

	if (!obj)
		return;
	r = skep_obj_set_global(obj, settings[i].name, settings[i].value, &err);
	CHECK_ERR(err, settings[i].id);
	CHECK_EQ_INT(r, err ? skep_error_code(err) : 0);
	skep_error_free(err);
	skep_map_info(skep_obj_find_map(obj, ".rodata"), &info);
	lib_show(obj, info.value_type, info.initial, info.value_size, &t);
	CHECK_MSG(strstr(t.buf, settings[i].show), "'%s' is not in %s", settings[i].show, t.buf);
	skep_obj_close(obj);
}

static void globals(void)
{
	struct skep_error *err = NULL;
	struct skep_obj *obj;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		CHECK_CASE("%s = '%s'", settings[i].name, settings[i].value);
		check_setting(i);
	}
	CHECK_CASE("too late");
	obj = lib_object(REPORT, NULL);
	if (!obj)
		return;
	CHECK_EQ_INT(skep_obj_set_global(obj, "start_at", "7", NULL), 0);
	CHECK_EQ_INT(skep_obj_set_global(obj, "start_at", "8", NULL), 0);
	load(obj, NULL);
	CHECK_EQ_INT(skep_obj_set_global(obj, "start_at", "9", &err), -EALREADY);
	CHECK_ERR(err, "A0001");
	skep_error_free(err);
	CHECK_EQ_INT(skep_obj_set_global(obj, "start_at", "9", NULL), -EALREADY);
	skep_obj_close(obj);
}

static void sizes(void)
{
	struct skep_obj *obj = lib_object(SETTINGS, NULL);
	struct skep_error *err = NULL;
	struct skep_map_info info;
	struct skep_map *table, *ring;

	if (!obj)
		return;
	table = skep_obj_find_map(obj, "table");
	ring = skep_obj_find_map(obj, "ring");
	CHECK_CASE("what the loader must say");
	load(obj, "M0005");
	CHECK_CASE("sizes");
	CHECK_EQ_INT(skep_map_set_max_entries(table, 7, &err), 0);
	CHECK_EQ_INT(skep_map_set_max_entries(ring, 5000, &err), 0);
	CHECK_EQ_INT(skep_map_set_max_entries(skep_obj_find_map(obj, ".rodata"), 2, &err), -EINVAL);
	CHECK_ERR(err, "A0014");
	skep_error_free(err);
	err = NULL;
	load(obj, NULL);
	skep_map_info(table, &info);
	CHECK_EQ_INT(info.max_entries, 7);
	skep_map_info(ring, &info);
	CHECK_EQ_INT(info.max_entries, 8192); /* whole pages, a power of two */
	CHECK_EQ_INT(skep_map_set_max_entries(table, 8, &err), -EALREADY);
	CHECK_ERR(err, "A0001");
	skep_error_free(err);
	skep_obj_close(obj);

	CHECK_CASE("memory limit");
	{
		struct skep_obj_opts o = { .size = sizeof(o), .memory_limit = 1 << 16 };

		obj = lib_object(SETTINGS, &o);
		if (!obj)
			return;
		skep_map_set_max_entries(skep_obj_find_map(obj, "ring"), 4096, NULL);
		skep_map_set_max_entries(skep_obj_find_map(obj, "table"), 1 << 20, NULL);
		load(obj, "M0011");
		skep_obj_close(obj);
	}
}

struct seen {
	int starts, traces, records, lost, faults, skipped;
	char last[64];
};

static void on_start(void *ctx)
{
	((struct seen *)ctx)->starts++;
}

static void on_trace(void *ctx, const char *line, size_t len)
{
	struct seen *s = ctx;

	s->traces++;
	snprintf(s->last, sizeof(s->last), "%.*s", (int)len, line);
}

static void on_record(void *ctx, const struct skep_map *map, uint32_t cpu, const void *data,
		      size_t len)
{
	(void)map;
	(void)cpu;
	(void)data;
	((struct seen *)ctx)->records += len == 112 || len == 16;
}

static void on_skipped(void *ctx, const struct skep_prog *prog, const char *why)
{
	(void)prog;
	((struct seen *)ctx)->skipped += *why != '\0';
}

static void on_fault(void *ctx, const struct skep_prog *prog, const struct skep_error *err)
{
	(void)prog;
	((struct seen *)ctx)->faults += strcmp(skep_error_id(err), "X0106") == 0;
}

static const struct skep_run_events events = { .start = on_start,
					       .trace = on_trace,
					       .record = on_record,
					       .skipped = on_skipped,
					       .fault = on_fault };

static int run(struct skep_obj *obj, struct skep_run_opts *o, struct skep_run_stats *stats,
	       const char *id)
{
	struct skep_error *err = NULL;
	int r;

	o->size = sizeof(*o);
	*stats = (struct skep_run_stats){ .size = sizeof(*stats) };
	r = skep_run(obj, o, stats, &err);
	CHECK_ERR(err, id);
	CHECK_EQ_INT(r, err ? skep_error_code(err) : 0);
	skep_error_free(err);
	return r;
}

static char **calls(const char *n)
{
	static char path[512];
	static char *argv[4];
	const char *dir = getenv("SKEP_BUILD");

	snprintf(path, sizeof(path), "%s/tests/tools/calls", dir ? dir : "build");
	argv[0] = path;
	argv[1] = (char *)"calls";
	argv[2] = (char *)n;
	return argv;
}

static void runs_a_command(void)
{
	struct skep_obj *obj = lib_object(REPORT, NULL);
	struct skep_run_opts o = { .argv = calls("5"), .events = &events };
	struct skep_run_stats stats;
	struct skep_prog_info info;
	struct seen seen = { 0 };
	uint64_t value = 0;

	if (!obj)
		return;
	o.ctx = &seen;
	load(obj, NULL);
	CHECK_CASE("once");
	run(obj, &o, &stats, NULL);
	CHECK_EQ_INT(seen.starts, 1);
	CHECK_EQ_INT(seen.traces, 5);
	CHECK_EQ_STR(seen.last, "call 5 of getppid");
	CHECK_EQ_INT(seen.records, 10);
	CHECK_EQ_INT(stats.events, 5);
	CHECK_EQ_INT(stats.records, 10);
	CHECK_EQ_INT(stats.record_bytes, 5 * (112 + 16));
	CHECK_EQ_INT(stats.lost | stats.faults | stats.skipped | stats.events_lost, 0);
	CHECK(stats.exited && stats.status == 0 && stats.signal == 0);
	CHECK_EQ_INT(stats.processes, 1);
	CHECK_CASE("again: maps go on, statistics start anew");
	run(obj, &o, &stats, NULL);
	CHECK_EQ_STR(seen.last, "call 10 of getppid");
	CHECK_EQ_INT(stats.events, 5);
	skep_prog_info(skep_obj_prog(obj, 0), &info);
	CHECK_EQ_INT(info.runs, 10);
	CHECK_EQ_INT(info.faults, 0);
	CHECK(info.executed > 10 * 50);
	CHECK_EQ_INT(skep_map_lookup(skep_obj_find_map(obj, ".bss"), &(uint32_t){ 0 }, &value), 0);
	CHECK_EQ_INT(value, 10);
	CHECK_CASE("nobody listens");
	o.events = NULL;
	run(obj, &o, &stats, NULL);
	CHECK_EQ_INT(stats.records, 10);
	CHECK_CASE("no statistics wanted");
	CHECK_EQ_INT(skep_run(obj, &o, NULL, NULL), 0);
	CHECK_CASE("budget");
	o.events = &events;
	o.budget = 20;
	run(obj, &o, &stats, NULL);
	CHECK_EQ_INT(stats.faults, 5);
	CHECK_EQ_INT(seen.faults, 5);
	skep_prog_info(skep_obj_prog(obj, 0), &info);
	CHECK_EQ_INT(info.faults, 5);
	skep_obj_close(obj);
}

static void runs_packets(void)
{
	struct skep_obj *obj = lib_object("examples/xdp_stats", NULL);
	struct skep_run_opts o = { .pcap = CAPTURE };
	struct skep_run_stats stats;
	struct skep_verdict v;

	if (!obj)
		return;
	load(obj, NULL);
	CHECK(!skep_run_verdict(obj, 0, &v));
	for (int round = 0; round < 2; round++) {
		CHECK_CASE("round %d", round);
		run(obj, &o, &stats, NULL);
		CHECK_EQ_INT(stats.packets, 993);
		CHECK_EQ_INT(stats.events, 993);
		CHECK(skep_run_verdict(obj, 0, &v));
		CHECK_EQ_STR(v.name, "XDP_PASS");
		CHECK_EQ_INT(v.count, 993);
		CHECK(v.prog == skep_obj_prog(obj, 0));
		CHECK(!skep_run_verdict(obj, 1, &v));
	}
	CHECK_CASE("at most 10");
	o.max_packets = 10;
	run(obj, &o, &stats, NULL);
	CHECK_EQ_INT(stats.packets, 10);
	CHECK_CASE("filter");
	o = (struct skep_run_opts){ .pcap = CAPTURE, .filter = "arp" };
	run(obj, &o, &stats, NULL);
	CHECK(stats.packets > 0 && stats.packets < 20);
	CHECK_CASE("stopped before it began");
	o = (struct skep_run_opts){ .pcap = CAPTURE, .stop = &(volatile int){ 1 } };
	run(obj, &o, &stats, NULL);
	CHECK_EQ_INT(stats.packets, 0);
	skep_obj_close(obj);
}

static void run_refusals(void)
{
	struct skep_obj *obj = lib_object("tests/bpf/cli/skipped", NULL);
	struct skep_run_stats stats;
	struct seen seen = { 0 };
	struct skep_run_opts both = { .argv = calls("1"), .pcap = CAPTURE }, none = { 0 },
			     o = { .argv = calls("1"), .events = &events, .ctx = &seen };
	struct skep_error *err = NULL;

	if (!obj)
		return;
	load(obj, NULL);
	CHECK_CASE("no source");
	run(obj, &none, &stats, "A0003");
	CHECK_EQ_INT(skep_run(obj, NULL, NULL, &err), -EINVAL);
	CHECK_ERR(err, "A0003");
	skep_error_free(err);
	CHECK_EQ_INT(skep_run(obj, NULL, NULL, NULL), -EINVAL);
	CHECK_CASE("two sources");
	run(obj, &both, &stats, "A0003");
	CHECK_CASE("skipped programs are told and counted");
	run(obj, &o, &stats, NULL);
	CHECK_EQ_INT(stats.skipped, 4);
	CHECK_EQ_INT(seen.skipped, 4);
	CHECK_EQ_STR(seen.last, "it runs");
	CHECK_CASE("strict");
	o.strict = true;
	CHECK_EQ_INT(run(obj, &o, &stats, "A0004"), -EOPNOTSUPP);
	CHECK_CASE("no such command");
	o = (struct skep_run_opts){ .argv = (char *[]){ (char *)"/no/such/command", NULL } };
	run(obj, &o, &stats, "P0001");
	CHECK_CASE("no arguments at all");
	o = (struct skep_run_opts){ .argv = (char *[]){ NULL } };
	run(obj, &o, &stats, "P0007");
	CHECK(skep_prog_error(skep_obj_find_prog(obj, "needs_helper")));
	CHECK_ERR(skep_prog_error(skep_obj_find_prog(obj, "needs_helper")), "X0011");
	CHECK(!skep_prog_error(skep_obj_find_prog(obj, "runs")));
	skep_obj_close(obj);

	CHECK_CASE("nothing to run");
	obj = lib_object(REPORT, NULL);
	if (!obj)
		return;
	load(obj, NULL);
	o = (struct skep_run_opts){ .pcap = CAPTURE };
	run(obj, &o, &stats, "A0005");
	skep_obj_close(obj);
}

static void other_byte_order(void)
{
	const char *dir = getenv("SKEP_BUILD");
	struct skep_obj *obj = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/bpf/load/byte_order.be.bpf.o", dir ? dir : "build");
	CHECK_EQ_INT(skep_obj_open(path, NULL, &obj, NULL), 0);
	if (!obj)
		return;
	CHECK(skep_obj_swapped(obj));
	load(obj, "C0001");
	skep_obj_close(obj);
}

static void constants(void)
{
	CHECK_EQ_STR(skep_version(), SKEP_VERSION);
	CHECK_EQ_STR(skep_syscall_name(SYS_openat), "openat");
	CHECK(!skep_syscall_name(-1) && !skep_syscall_name(1 << 20));
}

CHECK_MAIN({ "opens", opens }, { "names_in_errors", names_in_errors },
	   { "option_sizes", option_sizes }, { "describes", describes },
	   { "before_loading", before_loading }, { "map_errno", map_errno }, { "globals", globals },
	   { "sizes", sizes }, { "runs_a_command", runs_a_command },
	   { "runs_packets", runs_packets }, { "run_refusals", run_refusals },
	   { "other_byte_order", other_byte_order }, { "constants", constants })
