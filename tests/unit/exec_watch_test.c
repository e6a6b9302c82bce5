/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody who looks at each instruction before it is interpreted. */
#include "exec_fixture.h"

struct seen {
	uint32_t insns[64], n, stop_at;
	uint64_t r0[64], fp[64];
	uint32_t depth[64];
};

static bool look(void *ctx, struct exec_run *run, const uint64_t *r)
{
	static const struct err_def own = { "T0002", EPERM, "seen enough" };
	struct seen *s = ctx;

	if (s->n < 64) {
		s->insns[s->n] = run->insn;
		s->r0[s->n] = r[0];
		s->fp[s->n] = r[10];
		s->depth[s->n] = run->depth;
	}
	s->n++;
	if (!s->stop_at || run->insn != s->stop_at)
		return true;
	exec_fault(run, &own, "at %u", run->insn);
	return false;
}

static int watch(const char *text, struct seen *s, uint64_t *ret_r0, struct skep_error **reterr)
{
	struct exec_prog *prog = NULL;
	struct exec_run run;
	struct fix f;
	int r;

	fix_init(&f);
	if (!CHECK(fix_new(&f, text, &tracing, &prog, reterr) == 0) ||
	    !CHECK(exec_run_init(&run, reterr) == 0))
		return -1;
	run.watch = look;
	run.watch_ctx = s;
	r = fix_exec(&f, &run, prog, 0, ret_r0, reterr);
	exec_run_done(&run);
	exec_prog_free(prog);
	return r;
}

static void every_instruction(void)
{
	static const uint32_t order[] = { 0, 1, 3, 5, 6, 4 };
	struct seen s = { .n = 0 };
	struct skep_error *err = NULL;
	uint64_t r0 = 0;

	CHECK_EQ_INT(watch("mov %r0, 1\nlddw %r1, 5\ncall local f\nexit\nf:\nadd %r0, %r1\nexit\n",
			   &s, &r0, &err),
		     0);
	CHECK_ERR(err, NULL);
	CHECK_EQ_INT(r0, 6);
	if (!CHECK_EQ_INT(s.n, ARRAY_SIZE(order)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		CHECK_EQ_INT(s.insns[i], order[i]);
		CHECK_EQ_INT(s.depth[i], i == 3 || i == 4);
	}
	CHECK_EQ_INT(s.r0[5], 6);
	CHECK_EQ_INT(s.fp[3] - s.fp[0], EXEC_FRAME_STRIDE);
}

static void it_may_end_the_run(void)
{
	struct seen s = { .stop_at = 2 };
	struct skep_error *err = NULL;
	uint64_t r0 = 0;

	CHECK_EQ_INT(watch("mov %r0, 1\nadd %r0, 1\nadd %r0, 1\nexit\n", &s, &r0, &err), -EPERM);
	CHECK_ERR(err, "T0002");
	CHECK_EQ_INT(s.n, 3);
	skep_error_free(err);
}

CHECK_MAIN({ "every_instruction", every_instruction }, { "it_may_end_the_run", it_may_end_the_run })
