// SPDX-License-Identifier: Apache-2.0
/* The verifier on the text cases of tests/cases/verify (verify_kit.h), and on input that is no program. */
#include "verify_kit.h"

static int run(const struct kit_case *c, uint32_t level, struct verify_result *ret,
	       struct skep_error **err)
{
	struct spec_profile profile;
	const struct verify_opts o = kit_opts(c, level, &profile);

	return verify_prog(&o, ret, err);
}

static void check(struct kit_case *c)
{
	struct skep_error *err = NULL;
	struct verify_result r;
	int code = run(c, 2, &r, &err);

	if (c->accept) {
		CHECK_MSG(code == 0, "rejected: %s", err ? skep_error_message(err) : "?");
	} else {
		CHECK_MSG(code < 0 && r.log && strstr(r.log, c->reject), "said: %s",
			  err ? skep_error_message(err) : "accepted");
		CHECK(!err || skep_error_id(err)[0] == 'V');
	}
	skep_error_free(err);
	verify_done(&r);
}

static void text_cases(void)
{
	kit_each(check);
}

/* The log changes no verdict. */
static void same_without_log(struct kit_case *c)
{
	struct skep_error *err = NULL;
	struct verify_result r;

	CHECK_EQ_INT(run(c, 0, &r, &err) == 0, c->accept);
	CHECK(!r.log);
	skep_error_free(err);
	verify_done(&r);
}

static void without_log(void)
{
	kit_each(same_without_log);
}

/* Limits end every walk with an error. */
static void limits(void)
{
	static const struct skep_insn exits[] = { { 0xb7, 0, 0, 0 }, { 0x95, 0, 0, 0 } };
	struct verify_opts o = { .insns = exits,
				 .n = 2,
				 .prog_type = PROG_XDP,
				 .attach_type = ATTACH_NONE,
				 .caps = VERIFY_CAPS_ALL };
	struct skep_error *err = NULL;

	CHECK_CASE("two instructions");
	CHECK_EQ_INT(verify_prog(&o, NULL, NULL), 0);
	CHECK_CASE("one instruction may be walked");
	o.insn_limit = 1;
	CHECK_EQ_INT(verify_prog(&o, NULL, &err), -E2BIG);
	CHECK_ERR(err, "V0006");
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("no instruction");
	o.n = 0;
	CHECK_EQ_INT(verify_prog(&o, NULL, &err), -E2BIG);
	CHECK_ERR(err, "V0010");
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("too little memory");
	o.n = 2;
	o.memory_limit = 64;
	CHECK_EQ_INT(verify_prog(&o, NULL, &err), -ENOMEM);
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("no such program type");
	o.memory_limit = 0;
	o.prog_type = 999;
	CHECK_EQ_INT(verify_prog(&o, NULL, &err), -EINVAL);
	CHECK_ERR(err, "V0011");
	skep_error_free(err);
}

CHECK_MAIN({ "text_cases", text_cases }, { "without_log", without_log }, { "limits", limits })
