// SPDX-License-Identifier: Apache-2.0
/*
 * skep_obj_opts.verify: what the verifier accepts is compiled with fewer checks, what it refuses with all of them. Objects are
 * loaded both ways; the size of their code tells. That results are the same is seen by every test of `skep run`, which verifies.
 */
#include <unistd.h>

#include "lib_kit.h"

struct row {
	const char *object;
	uint32_t verified, refused;
	uint32_t least; /* percent of the code that goes at least */
};

static const struct row rows[] = {
	{ "examples/xdp_firewall", 1, 0, 5 },  { "examples/xdp_stats", 1, 0, 5 },
	{ "examples/tc_rewrite", 1, 0, 5 },    { "examples/opensnoop", 6, 0, 5 },
	{ "examples/syscount", 3, 0, 5 },      { "tests/bpf/cli/faults", 1, 0, 0 },
	{ "tests/bpf/cli/rejected", 1, 1, 0 },
};

static struct skep_obj *loaded(const char *name, bool verify)
{
	const struct skep_obj_opts opts = { .size = sizeof(opts), .verify = verify };
	struct skep_obj *obj = lib_object(name, &opts);
	struct skep_error *err = NULL;

	if (obj)
		CHECK_EQ_INT(skep_obj_load(obj, &err), 0);
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	return obj;
}

static void fewer_checks(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct skep_obj *plain = loaded(r->object, false), *fast = loaded(r->object, true);
		size_t before = 0, after = 0;
		uint32_t verified = 0, refused = 0;

		CHECK_CASE("%s", r->object);
		for (size_t k = 0; plain && fast && k < skep_obj_nprogs(plain); k++) {
			struct skep_prog_info a, b;

			skep_prog_info(skep_obj_prog(plain, k), &a);
			skep_prog_info(skep_obj_prog(fast, k), &b);
			CHECK(!a.verified);
			if (!a.compiled || !CHECK(b.compiled))
				continue;
			verified += b.verified;
			refused += !b.verified;
			if (!b.verified)
				CHECK_EQ_INT(b.code_size, a.code_size);
			else
				CHECK_MSG(b.code_size <= a.code_size, "%s: %zu, then %zu bytes",
					  a.name, a.code_size, b.code_size);
			before += b.verified ? a.code_size : 0;
			after += b.verified ? b.code_size : 0;
		}
		printf("# %s: %zu, then %zu bytes\n", r->object, before, after);
		CHECK_EQ_INT(verified, r->verified);
		CHECK_EQ_INT(refused, r->refused);
		CHECK(after * 100 <= before * (100 - r->least));
		skep_obj_close(plain);
		skep_obj_close(fast);
	}
}

/* The verdict is of constants as they were when the object was loaded, and of the model's types only. */
static void conditions(void)
{
	const struct skep_obj_opts opts = { .size = sizeof(opts),
					    .verify = true,
					    .btf = "/sys/kernel/btf/vmlinux" };
	struct skep_obj *obj;
	struct skep_prog_info info;

	if (access(opts.btf, R_OK) != 0)
		CHECK_SKIP("no types of a kernel");
	obj = lib_object("examples/xdp_stats", &opts);
	if (!CHECK(obj && skep_obj_load(obj, NULL) == 0))
		return;
	skep_prog_info(skep_obj_prog(obj, 0), &info);
	CHECK(info.compiled && !info.verified);
	skep_obj_close(obj);
}

CHECK_MAIN({ "fewer_checks", fewer_checks }, { "conditions", conditions })
