// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of kernel versions against what is here: numbers of the UAPI were given in the order of the versions, the headers
 * of linux-libc-dev have what their version has and no more, and so has the running kernel by its types.
 */
#include <linux/bpf.h>
#include <linux/version.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/num.h"
#include "check.h"
#include "spec/kfunc.h"
#include "spec/profile.h"
#include "spec/rules.h"

#define LIVE "/sys/kernel/btf/vmlinux"

static struct spec_need helper(int i)
{
	return spec_need_helper(i, -1);
}

static const struct table {
	const char *name;
	struct spec_need (*need)(int);
	int count, header; /* header: numbers below that linux/bpf.h has; 0: it does not tell */
} tables[] = {
	{ "helpers", helper, HELPER_COUNT, __BPF_FUNC_MAX_ID },
	{ "map types", spec_need_map_type, MAP_TYPE_COUNT, 0 },
	{ "program types", spec_need_prog_type, PROG_TYPE_COUNT, 0 },
	{ "attach types", spec_need_attach_type, ATTACH_TYPE_COUNT, __MAX_BPF_ATTACH_TYPE },
};

static void ascending(void)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		uint32_t last = 0;

		for (int i = 1; i < tables[t].count; i++) {
			struct spec_need n = tables[t].need(i);

			CHECK_CASE("%s: %s", tables[t].name, n.name);
			CHECK(n.since >= last && n.since != SPEC_NEVER);
			last = n.since;
		}
	}
	for (size_t i = 1; i < spec_version_count(); i++)
		CHECK(spec_version_at(i) > spec_version_at(i - 1));
}

static void headers(void)
{
	uint32_t version = LINUX_VERSION_CODE & ~0xffu;

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (int i = 1; tables[t].header && i < tables[t].count; i++) {
			struct spec_need n = tables[t].need(i);

			CHECK_CASE("%s: %s", tables[t].name, n.name);
			CHECK_EQ_INT(n.since <= version, i < tables[t].header);
		}
}

/* Every kernel function with a rule has a version. */
static void kfuncs(void)
{
#define KFUNC_RULE(function, bits, types)    \
	CHECK_CASE("rule of %s", #function); \
	CHECK(spec_need_kfunc(#function, -1).since != SPEC_NEVER);
#include "spec/kfunc_rules.def"
#undef KFUNC_RULE
}

static struct btf *live_types(void)
{
	struct skep_error *err = NULL;
	struct btf *btf = NULL;
	struct buf bytes;

	buf_init(&bytes);
	if (file_read(LIVE, (size_t)256 << 20, &bytes, &err) == 0)
		btf_open(bytes.data, bytes.len, LIVE, &btf, &err);
	buf_done(&bytes);
	skep_error_free(err);
	return btf;
}

static void running_kernel(void)
{
	struct btf *btf = live_types();
	struct spec_kernel_has has;
	struct spec_profile profile;
	struct utsname u;
	uint32_t version;

	if (!btf)
		CHECK_SKIP(LIVE " cannot be read");
	uname(&u);
	version = spec_version_parse(u.release);
	CHECK_CASE("version");
	CHECK(spec_kernel_read(btf, &has) <= version);
	profile = spec_profile_of(version, &has);
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (int i = 1; i < tables[t].count; i++) {
			struct spec_need n = tables[t].need(i);

			CHECK_CASE("%s: %s", tables[t].name, n.name);
			CHECK_EQ_INT(spec_profile_has(&profile, &n), n.since <= version);
		}
	btf_unref(btf);
}

static void ranges(void)
{
	struct spec_need loop = spec_need_helper(HELPER_loop, -1), ring = spec_need_map_type(27);
	struct spec_profile p = spec_profile_of(SPEC_VERSION(5, 10), NULL);

	CHECK(!spec_profile_has(&p, &loop));
	CHECK(spec_profile_has(&p, &ring));
	CHECK(p.from == SPEC_VERSION(5, 8) && p.until == SPEC_VERSION(5, 17));
	CHECK(spec_version_parse("6.1.0-56-amd64") == SPEC_VERSION(6, 1));
	CHECK(spec_version_parse("5") == 0 && spec_version_parse("v5.10") == 0 &&
	      spec_version_parse("5.10x") == 0 && spec_version_parse("5.") == 0);
}

CHECK_MAIN({ "ascending", ascending }, { "headers", headers }, { "kfuncs", kfuncs },
	   { "running_kernel", running_kernel }, { "ranges", ranges })
