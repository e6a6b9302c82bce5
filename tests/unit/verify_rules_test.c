// SPDX-License-Identifier: Apache-2.0
/*
 * The verifier's rules in C: the programs of tests/bpf/verify/ (helpers, kernel functions, objects, program types), by what
 * their tags say, with the types of this machine's kernel. That kernel is asked about the same programs, each alone.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <skep/verify.h>
#include <unistd.h>

#include "check.h"
#include "oracle.h"

#define VMLINUX "/sys/kernel/btf/vmlinux"
#define LOG_SIZE (1 << 20)

static char path[512], log_buf[LOG_SIZE];
static bool ask_kernel;
static unsigned int refused_unseen; /* programs that the kernel did not look at */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* "accept" or "reject:WORDS" of a program, NULL: none. */
static const char *expectation(const struct btf *b, const char *prog)
{
	int func = btf__find_by_name_kind(b, prog, BTF_KIND_FUNC);

	for (uint32_t id = 1; id < btf__type_cnt(b); id++) {
		const struct btf_type *t = btf__type_by_id(b, id);
		const char *name = btf__name_by_offset(b, t->name_off);

		if (btf_is_decl_tag(t) && (int)t->type == func &&
		    (strcmp(name, "accept") == 0 || strncmp(name, "reject:", 7) == 0))
			return name;
	}
	return NULL;
}

/* Debian's libbpf does not take the function along that catches what is thrown. */
static bool catches(const struct btf *b, const char *prog)
{
	int func = btf__find_by_name_kind(b, prog, BTF_KIND_FUNC);

	for (uint32_t id = 1; id < btf__type_cnt(b); id++) {
		const struct btf_type *t = btf__type_by_id(b, id);

		if (btf_is_decl_tag(t) && (int)t->type == func &&
		    strncmp(btf__name_by_offset(b, t->name_off), "exception_callback:", 19) == 0)
			return true;
	}
	return false;
}

static void ours(struct skep_obj *obj, const char *name, const char *want)
{
	const struct skep_prog *prog = skep_obj_find_prog(obj, name);
	const struct skep_verify_opts opts = { .size = sizeof(opts), .log_level = 1 };
	struct skep_verify_result v = { .size = sizeof(v) };
	struct skep_error *err = NULL;
	int r;

	if (!CHECK(prog != NULL))
		return;
	r = skep_prog_verify(prog, &opts, &v, &err);
	if (*want == 'a')
		CHECK_MSG(r == 0, "rejected: %s", err ? skep_error_message(err) : "?");
	else
		CHECK_MSG(r < 0 && v.log && strstr(v.log, want + 7), "not '%s' but: %s", want + 7,
			  err ? skep_error_message(err) : "accepted");
	skep_error_free(err);
	skep_verify_result_done(&v);
}

/* What this kernel may have been built or booted without. */
static bool configured(const char *name)
{
	static const char *const optional[] = { "yes_override_return", "yes_probe_write_user" };

	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		if (strcmp(name, optional[i]) == 0)
			return !strstr(log_buf, "cannot use helper");
	return !strstr(log_buf, "failed to find the address for kernel symbol");
}

static void kernels(const char *name, const char *want)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *p;
	struct bpf_map *m;
	int r;

	if (!CHECK(obj != NULL))
		return;
	log_buf[0] = '\0';
	bpf_object__for_each_program(p, obj)
	{
		bool this = strcmp(bpf_program__name(p), name) == 0;

		bpf_program__set_autoload(p, this);
		if (this)
			bpf_program__set_log_buf(p, log_buf, sizeof(log_buf));
	}
	bpf_object__for_each_map(m, obj) if (bpf_map__type(m) == BPF_MAP_TYPE_STRUCT_OPS)
		bpf_map__set_autocreate(m, true);
	r = bpf_object__load(obj);
	if (r < 0 && (!log_buf[0] || !configured(name)))
		refused_unseen++;
	else if (*want == 'a')
		CHECK_MSG(r == 0, "the kernel says %d: %.500s", r, log_buf);
	else
		CHECK_MSG(r < 0 && strstr(log_buf, want + 7),
			  "the kernel does not say '%s' but %d: %.2000s", want + 7, r, log_buf);
	bpf_object__close(obj);
}

static void file(const char *name)
{
	const struct skep_obj_opts opts = { .size = sizeof(opts), .btf = VMLINUX };
	const char *build = getenv("SKEP_BUILD");
	struct bpf_object *list;
	struct skep_obj *obj = NULL;
	struct bpf_program *p;
	unsigned int n = 0;

	refused_unseen = 0;
	snprintf(path, sizeof(path), "%s/tests/bpf/verify/%s.bpf.o", build ? build : "build", name);
	list = bpf_object__open_file(path, NULL);
	if (CHECK(list) && CHECK(skep_obj_open(path, &opts, &obj, NULL) == 0))
		bpf_object__for_each_program(p, list)
		{
			const char *prog = bpf_program__name(p);
			const char *want = expectation(bpf_object__btf(list), prog);

			if (!want)
				continue;
			n++;
			if (ask_kernel && catches(bpf_object__btf(list), prog))
				continue;
			CHECK_CASE("%s", prog);
			if (ask_kernel)
				kernels(prog, want);
			else
				ours(obj, prog, want);
		}
	CHECK_CASE("programs of %s", name);
	CHECK(n > 5);
	if (refused_unseen)
		printf("# %s: %u of %u programs are not for this kernel\n", name, refused_unseen,
		       n);
	CHECK(refused_unseen * 3 <= n);
	skep_obj_close(obj);
	bpf_object__close(list);
}

static void files(void)
{
	static const char *const names[] = { "objects",		"struct_ops", "helpers",
					     "helpers_objects", "kfuncs",     "types" };

	if (access(VMLINUX, R_OK) != 0)
		CHECK_SKIP("no types of a kernel");
	libbpf_set_print(quiet);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		file(names[i]);
}

static void verdicts(void)
{
	files();
}

static void kernels_verdicts(void)
{
	const char *why = oracle_missing();

	if (why)
		CHECK_SKIP(why);
	ask_kernel = true;
	files();
	ask_kernel = false;
}

CHECK_MAIN({ "verdicts", verdicts }, { "kernels_verdicts", kernels_verdicts })
