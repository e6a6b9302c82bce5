// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel functions against the kernel: the programs of tests/bpf/kfuncs.bpf.c, kobjects.bpf.c, kgraphs.bpf.c, shown.bpf.c and arena.bpf.c leave the same answers
 * in their variables on both engines, interpreted and compiled.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "core/core.h"
#include "jit/jit.h"
#include "load/load.h"

static char path[512];
static uint8_t theirs[1 << 17], ours[1 << 17];

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* Runs @prog in the kernel; 0 and the object's variables, or -errno: it was not loaded. */
static int kernel_run(const char *prog, size_t *ret_size)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	uint64_t args[2] = { 0 };
	uint8_t packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	struct bpf_program *p;
	struct bpf_map *map;
	uint32_t zero = 0;
	int r;

	CHECK(obj != NULL);
	if (!obj)
		return -errno;
	bpf_object__for_each_program(p, obj)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), prog));
	r = bpf_object__load(obj);
	p = bpf_object__find_program_by_name(obj, prog);
	map = bpf_object__find_map_by_name(obj, ".bss");
	CHECK(p && map);
	if (p && bpf_program__type(p) == BPF_PROG_TYPE_SCHED_CLS) {
		opts.ctx_in = NULL;
		opts.ctx_size_in = 0;
		opts.data_in = packet;
		opts.data_size_in = sizeof(packet);
	}
	if (r == 0 && p && map) {
		CHECK_EQ_INT(bpf_prog_test_run_opts(bpf_program__fd(p), &opts), 0);
		CHECK_EQ_INT(opts.retval, 0);
		*ret_size = bpf_map__value_size(map);
		CHECK_EQ_INT(bpf_map_lookup_elem(bpf_map__fd(map), &zero, theirs), 0);
	}
	bpf_object__close(obj);
	return r;
}

static struct core_prog *find_prog(struct core_obj *obj, const char *name)
{
	for (size_t i = 0; i < core_nprogs(obj); i++)
		if (!strcmp(core_prog(obj, i)->name, name))
			return core_prog(obj, i);
	return NULL;
}

static void copy_variables(struct core_obj *obj, uint8_t *to, size_t size)
{
	uint32_t zero = 0;

	for (size_t i = 0; i < core_nmaps(obj); i++)
		if (!strcmp(map_attr(core_map(obj, i))->name, ".bss")) {
			CHECK_EQ_INT(map_attr(core_map(obj, i))->value_size, size);
			CHECK_EQ_INT(map_user_lookup(core_map(obj, i), &zero, to), 0);
		}
}

static void run_prog(struct core_prog *prog, bool compiled)
{
	static uint64_t args[2];
	struct exec_region region = { .base = (uintptr_t)args,
				      .size = sizeof(args),
				      .kind = REGION_CTX };
	struct skep_error *err = NULL;
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct jit_prog *jit = NULL;
	struct exec_run run;
	uint64_t r0 = 99;
	int r;

	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	exec_run_start(&run, 1ull << 40);
	exec_region_add(&run, &region);
	if (compiled) {
		r = jit_new(prog->exec, &opts, &jit, &err);
		if (r == 0)
			r = jit_run(jit, &run, (uintptr_t)args, &r0, &err);
	} else {
		r = core_run(prog, &run, (uintptr_t)args, &r0, &err);
	}
	CHECK_MSG(r == 0, "%s", err ? skep_error_message(err) : "no error");
	CHECK_EQ_INT(r0, 0);
	skep_error_free(err);
	jit_free(jit);
	exec_run_done(&run);
}

static void user_run(const char *name, bool compiled, size_t size)
{
	struct load_opts opts = { 0 };
	struct skep_error *err = NULL;
	struct load_obj *spec = NULL;
	struct core_obj *obj = NULL;
	struct core_prog *prog;
	struct btf *model = NULL;
	struct buf bytes;
	int r;

	buf_init(&bytes);
	r = spec_model_btf(&model, &err);
	opts.target = model;
	opts.target_name = "the model kernel";
	if (r == 0)
		r = file_read(path, 1 << 24, &bytes, &err);
	if (r == 0)
		r = load_open(bytes.data, bytes.len, "kfuncs", &opts, &spec, &err);
	if (r == 0)
		r = core_new(spec, NULL, &obj, &err);
	CHECK_MSG(r == 0, "%s", err ? skep_error_message(err) : "no error");
	skep_error_free(err);
	prog = r == 0 ? find_prog(obj, name) : NULL;
	CHECK(prog && prog->exec);
	if (prog && prog->refused)
		printf("# %s\n", skep_error_message(prog->refused));
	if (prog && prog->exec) {
		run_prog(prog, compiled);
		copy_variables(obj, ours, size);
	}
	core_free(obj);
	load_close(spec);
	btf_unref(model);
	buf_done(&bytes);
}

static void same(const char *object, const char *const *progs)
{
	const char *build = getenv("SKEP_BUILD");

	if (geteuid() != 0)
		CHECK_SKIP("needs root");
	snprintf(path, sizeof(path), "%s/tests/bpf/%s.bpf.o", build ? build : "build", object);
	libbpf_set_print(quiet);
	for (; *progs; progs++) {
		size_t size = 0;
		int r = kernel_run(*progs, &size);

		if (r == -EPERM || r == -EINVAL)
			CHECK_SKIP("this kernel does not load the object");
		CHECK_EQ_INT(r, 0);
		for (int compiled = 0; compiled <= jit_available() && size; compiled++) {
			CHECK_CASE("%s, %s", *progs, compiled ? "compiled" : "interpreted");
			memset(ours, 0, sizeof(ours));
			user_run(*progs, compiled, size);
			CHECK_EQ_MEM(ours, theirs, size);
		}
	}
}

static void kfuncs(void)
{
	static const char *const progs[] = { "iterate",	      "sections",
					     "strings",	      "strings_in_strings",
					     "string_limits", NULL };

	same("kfuncs", progs);
}

static void objects(void)
{
	static const char *const progs[] = { "cpumasks", "bits", "dynptrs", "numbers", NULL };

	same("kobjects", progs);
}

static void values(void)
{
	static const char *const progs[] = { "values", NULL };

	same("shown", progs);
}

static void graphs(void)
{
	static const char *const progs[] = {
		"lists", "trees", "counted", "exchanged", "each", NULL
	};

	same("kgraphs", progs);
}

static void arenas(void)
{
	static const char *const progs[] = { "pages", "list", NULL };

	same("arena", progs);
}

/* libbpf 1.1 does not know of them. */
static void arena_variables(void)
{
	static const int32_t want[6] = { 7, 5, 9, 0 };
	const char *build = getenv("SKEP_BUILD");

	snprintf(path, sizeof(path), "%s/tests/bpf/arena_vars.bpf.o", build ? build : "build");
	for (int compiled = 0; compiled <= jit_available(); compiled++) {
		CHECK_CASE("%s", compiled ? "compiled" : "interpreted");
		user_run("variables", compiled, sizeof(want));
		CHECK_EQ_MEM(ours, want, sizeof(want));
	}
}

CHECK_MAIN({ "kfuncs", kfuncs }, { "objects", objects }, { "graphs", graphs }, { "values", values },
	   { "arenas", arenas }, { "arena_variables", arena_variables })
