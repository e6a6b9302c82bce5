// SPDX-License-Identifier: Apache-2.0
/*
 * Has each row its cases? Of each helper (helpers.def), program type (prog_types.def), flag of kernel functions, suffix of
 * their arguments, and error (errors.def) there has to be a program that is accepted and one that is rejected, or for errors one that has it: in
 * tests/cases/verify/ or tests/bpf/verify/. What truly cannot have one stands below, with the reason; a case that it has makes that a failure, too.
 */
#include <skep/skep.h>
#include <unistd.h>

#include "base/file.h"
#include "spec/rules.h"
#include "verify_kit.h"

#define VMLINUX "/sys/kernel/btf/vmlinux"

struct seen {
	bool accepted, rejected;
};

static struct seen helpers[HELPER_COUNT], types[PROG_TYPE_COUNT], flags[32];

#define SUFFIXES(S) S(sz) S(szk) S(opt) S(ign) S(str) S(nullable) S(map) S(k) S(uninit) S(irq_flag)
#define SUFFIX(name) "__" #name,
static const char *const suffixes[] = { SUFFIXES(SUFFIX) };
#define NSUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))
static struct seen suffix_seen[NSUFFIXES];

static const struct {
	const char *id, *name;
	bool seen;
} error_rows[] = {
#define ERR(name, id, code, text) { id, #name, false },
#include "verify/errors.def"
#undef ERR
};
#define NERRORS (sizeof(error_rows) / sizeof(error_rows[0]))
static bool error_seen[NERRORS];

/* Why there is none: of what, and the reason. */
static const struct {
	const char *row, *why;
} none[] = {
	{ "type unspec", "no program has it" },
	{ "type ext", "needs the program that it replaces a function of" },
	{ "error BUG", "would be a fault of the verifier" },
};

static bool excused(const char *row)
{
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (strcmp(none[i].row, row) == 0)
			return true;
	return false;
}

static void note(struct seen *s, bool accepted)
{
	s->accepted |= accepted;
	s->rejected |= !accepted;
}

static void note_error(const struct skep_error *err)
{
	for (size_t i = 0; err && i < NERRORS; i++)
		error_seen[i] |= strcmp(error_rows[i].id, skep_error_id(err)) == 0;
}

static bool ends(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n >= m && strcmp(text + n - m, with) == 0;
}

static void note_kfunc(const struct btf *kernel, const char *name, bool accepted)
{
	const struct spec_kfunc_rule *rule = spec_kfunc_rule(name);
	uint32_t id = btf_find(kernel, name, BTF_FUNC, 0),
		 proto = id ? btf_ref_type(kernel, id) : 0;

	for (unsigned int i = 0; rule && i < 32; i++)
		if (rule->flags & 1u << i)
			note(&flags[i], accepted);
	for (uint32_t i = 0; proto && i < btf_vlen(kernel, proto); i++)
		for (size_t k = 0; k < NSUFFIXES; k++)
			if (ends(btf_param(kernel, proto, i).name, suffixes[k]))
				note(&suffix_seen[k], accepted);
}

static void note_insns(const struct skep_insn *in, size_t n, bool accepted)
{
	for (size_t i = 0; i < n; i++) {
		enum isa_op op = isa_decode(&in[i], n - i);

		if (op == ISA_CALL_HELPER && in[i].imm > 0 && in[i].imm < HELPER_COUNT)
			note(&helpers[in[i].imm], accepted);
		i += isa_slots(op) == 2;
	}
}

/* Text cases -------------------------------------------------------------------------------------- */

static void text_case(struct kit_case *c)
{
	struct spec_profile profile;
	const struct verify_opts o = kit_opts(c, 0, &profile);
	struct skep_error *err = NULL;
	struct verify_result r;

	CHECK_EQ_INT(verify_prog(&o, &r, &err) == 0, c->accept);
	note_insns(c->insns, c->n, c->accept);
	note(&types[c->type], c->accept);
	note_error(err);
	skep_error_free(err);
	verify_done(&r);
}

/* Objects ----------------------------------------------------------------------------------------- */

static void object(const char *name, const struct btf *kernel)
{
	const struct skep_obj_opts opts = { .size = sizeof(opts), .btf = VMLINUX };
	const char *build = getenv("SKEP_BUILD");
	struct skep_obj *obj = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/bpf/verify/%s.bpf.o", build ? build : "build", name);
	CHECK_CASE("%s", name);
	if (!CHECK(skep_obj_open(path, &opts, &obj, NULL) == 0))
		return;
	for (size_t i = 0; i < skep_obj_nprogs(obj); i++) {
		const struct skep_prog *prog = skep_obj_prog(obj, i);
		struct skep_error *err = NULL;
		struct skep_prog_info info;
		bool accepted = skep_prog_verify(prog, NULL, NULL, &err) == 0;

		skep_prog_info(prog, &info);
		note_insns(info.insns, info.ninsns, accepted);
		note(&types[kit_prog_type(info.type)], accepted);
		note_error(err);
		skep_error_free(err);
		for (size_t k = 0; k < info.ninsns; k++) {
			enum isa_op op = isa_decode(&info.insns[k], info.ninsns - k);
			struct skep_extern_info e;

			if (op == ISA_CALL_KFUNC &&
			    (size_t)info.insns[k].imm < skep_obj_nexterns(obj)) {
				skep_obj_extern(obj, (size_t)info.insns[k].imm, &e);
				note_kfunc(kernel, e.name, accepted);
			}
			k += isa_slots(op) == 2;
		}
	}
	skep_obj_close(obj);
}

/* Programs of no size, and of too many instructions. */
static void sizes(void)
{
	struct verify_opts o = { .prog_type = PROG_XDP,
				 .attach_type = ATTACH_NONE,
				 .caps = VERIFY_CAPS_ALL };
	struct skep_insn *many = calloc(1000001, sizeof(*many));

	for (uint32_t i = 0; many && i < 1000001; i++)
		many[i] = (struct skep_insn){ i < 1000000 ? 0xb7 : 0x95, 0, 0, 0 };
	for (uint32_t n = 0; many && n <= 1000001; n += 1000001) {
		struct skep_error *err = NULL;
		struct verify_result r;

		o.insns = many;
		o.n = n;
		CHECK_CASE("%u instructions", n);
		CHECK(verify_prog(&o, &r, &err) < 0);
		CHECK_ERR(err, "V0010");
		note_error(err);
		skep_error_free(err);
		verify_done(&r);
	}
	free(many);
}

static void has(const struct seen *s, const char *kind, const char *name)
{
	char row[128];

	snprintf(row, sizeof(row), "%s %s", kind, name);
	CHECK_CASE("%s", row);
	if (excused(row)) {
		CHECK(!s->accepted || !s->rejected);
		return;
	}
	CHECK_MSG(s->accepted, "no case is accepted");
	CHECK_MSG(s->rejected, "no case is rejected");
}

static void rows(void)
{
	static const char *const objects[] = { "objects",	  "struct_ops", "helpers",
					       "helpers_objects", "kfuncs",	"types" };
	struct btf *kernel;
	struct buf bytes;
	char bit[16], row[128];

	if (access(VMLINUX, R_OK) != 0)
		CHECK_SKIP("no types of a kernel");
	buf_init(&bytes);
	if (!CHECK_EQ_INT(file_read(VMLINUX, 256 << 20, &bytes, NULL), 0) ||
	    !CHECK_EQ_INT(btf_open(bytes.data, bytes.len, VMLINUX, &kernel, NULL), 0))
		return;
	buf_done(&bytes);
	kit_each(text_case);
	sizes();
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		object(objects[i], kernel);
	for (int i = 1; i < HELPER_COUNT; i++)
		has(&helpers[i], "helper", spec_helper(i)->name);
	for (int i = 0; i < PROG_TYPE_COUNT; i++)
		has(&types[i], "type", spec_prog_type_name(i));
	for (unsigned int i = 0; 1u << i <= KFUNC_F_RCU_PROTECTED; i++) {
		snprintf(bit, sizeof(bit), "%u", 1u << i);
		has(&flags[i], "flag", bit);
	}
	for (size_t i = 0; i < NSUFFIXES; i++)
		has(&suffix_seen[i], "suffix", suffixes[i]);
	for (size_t i = 0; i < NERRORS; i++) {
		snprintf(row, sizeof(row), "error %s", error_rows[i].name);
		CHECK_CASE("%s", row);
		CHECK_MSG(error_seen[i] != excused(row), "no case has it, or it is excused");
	}
	btf_unref(kernel);
}

CHECK_MAIN({ "rows", rows })
