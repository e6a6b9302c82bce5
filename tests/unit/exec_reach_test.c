// SPDX-License-Identifier: Apache-2.0
/*
 * What programs reach and what they do not: converted contexts, the regions of a run, dead code, the
 * helpers of an embedder.
 */
#include "exec_fixture.h"

#define EXIT0 "mov %r0, 0\nexit\n"
#define VALUE(reg) "lddw %r" #reg ", map_idx_value 0, 0\n"

/* One access to a converted context. */
static int ctx_run(const char *text, int type, void *backing, uint64_t *ret_r0,
		   struct skep_error **reterr)
{
	struct exec_prog_opts o = { .prog_type = type,
				    .helpers = bodies,
				    .nhelpers = HELPER_COUNT };
	const struct spec_ctx *ctx = spec_ctx_of(type);
	struct exec_prog *prog = NULL;
	struct exec_run run;
	struct fix f;
	int r;

	fix_init(&f);
	r = fix_new(&f, text, &o, &prog, reterr);
	if (r == 0)
		r = exec_run_init(&run, reterr);
	if (r < 0)
		return r;
	exec_run_start(&run, 0);
	exec_region_add(&run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)backing,
						     .size = ctx->size,
						     .kind = REGION_CTX,
						     .ctx = ctx,
						     .backing = backing });
	exec_region_add(&run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)f.mem,
						     .size = 64,
						     .kind = REGION_PACKET,
						     .writable = true });
	if (type == PROG_XDP) {
		((struct ctx_xdp *)backing)->data = (uint64_t)(uintptr_t)f.mem;
		((struct ctx_xdp *)backing)->data_end = (uint64_t)(uintptr_t)f.mem + 64;
	}
	r = exec(prog, &run, (uint64_t)(uintptr_t)backing, ret_r0, reterr);
	exec_prog_free(prog);
	exec_run_done(&run);
	return r;
}

static const struct {
	const char *text;
	int type;
	uint64_t r0;
	const char *error;
} accesses[] = {
	/* pointers of 64 bits from fields of 32 */
	{ "ldxw %r2, [%r1+0]\nldxw %r3, [%r1+4]\nmov %r0, %r3\nsub %r0, %r2\nexit\n", PROG_XDP, 64,
	  NULL },
	{ "ldxw %r2, [%r1+0]\nldxb %r0, [%r2+63]\nexit\n", PROG_XDP, 64, NULL },
	{ "ldxw %r2, [%r1+0]\nldxb %r0, [%r2+64]\nexit\n", PROG_XDP, 0,
	  "read of 1 bytes at offset 64 of packet (64 bytes)" },
	{ "ldxw %r0, [%r1+12]\nexit\n", PROG_XDP, 5, NULL },
	{ "ldxdw %r0, [%r1+0]\nexit\n", PROG_XDP, 0, "is not inside one field" },
	{ "ldxh %r0, [%r1+0]\nexit\n", PROG_XDP, 0, "field 'data' is accessed whole" },
	{ "ldxw %r0, [%r1+2]\nexit\n", PROG_XDP, 0, "is not inside one field" },
	{ "ldxw %r0, [%r1+24]\nexit\n", PROG_XDP, 0, "offset 24 of context 'xdp_md' (24 bytes)" },
	{ "stw [%r1+12], 1\n" EXIT0, PROG_XDP, 0,
	  "field 'ingress_ifindex' of 'xdp_md' is read-only" },
	{ "ldacqw %r0, [%r1+12]\nexit\n", PROG_XDP, 0, "atomic access of 4 bytes at offset 12" },
	/* narrow loads */
	{ "ldxh %r0, [%r1+8]\nexit\n", PROG_SCHED_CLS, 0x3344, NULL },
	{ "ldxh %r0, [%r1+10]\nexit\n", PROG_SCHED_CLS, 0x1122, NULL },
	{ "ldxb %r0, [%r1+11]\nexit\n", PROG_SCHED_CLS, 0x11, NULL },
	{ "ldxb %r0, [%r1+180]\nexit\n", PROG_SCHED_CLS, 3, NULL },
	/* writes */
	{ "stw [%r1+8], 9\nldxw %r0, [%r1+8]\nexit\n", PROG_SCHED_CLS, 9, NULL },
	{ "sth [%r1+8], 9\n" EXIT0, PROG_SCHED_CLS, 0, "field 'mark' is accessed whole, 4 bytes" },
	{ "lddw %r2, 0x1234567890\nstxdw [%r1+152], %r2\nldxdw %r0, [%r1+152]\nexit\n",
	  PROG_SCHED_CLS, 0x1234567890, NULL },
	{ "stb [%r1+67], 8\nstdw [%r1+56], 7\nldxw %r0, [%r1+64]\nexit\n", PROG_SCHED_CLS,
	  0x08000000, NULL },
	{ "stw [%r1+0], 9\n" EXIT0, PROG_SCHED_CLS, 0, "field 'len' of '__sk_buff' is read-only" },
	{ "stw [%r1+8], 9\n" EXIT0, PROG_SOCKET_FILTER, 0,
	  "field 'mark' of '__sk_buff' is read-only for socket_filter programs" },
	{ "ldxw %r0, [%r1+76]\nexit\n", PROG_SOCKET_FILTER, 0,
	  "field 'data' of '__sk_buff' is not for socket_filter programs" },
	{ "ldxdw %r0, [%r1+168]\nexit\n", PROG_SCHED_CLS, 0, NULL },
	{ "ldxdw %r0, [%r1+144]\nexit\n", PROG_FLOW_DISSECTOR, 0,
	  "this engine does not serve field 'flow_keys' of '__sk_buff'" },
	{ "ldxb %r0, [%r1+181]\nexit\n", PROG_SCHED_CLS, 0, "is not inside one field" },
	/* a converted context is no buffer */
	{ "mov %r3, %r1\nmov %r4, 4\nmov %r1, 0\nmov %r2, 0\nmov %r5, 0\ncall 28\nexit\n", PROG_XDP,
	  0, "argument 3 of bpf_csum_diff" },
};

static void contexts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		struct ctx_xdp xdp = { .ingress_ifindex = 5 };
		struct ctx_skb skb = { .mark = 0x11223344, .tstamp_type = 3 };
		struct skep_error *err = NULL;
		uint64_t r0 = 0;
		int r;

		CHECK_CASE("%zu: %s", i, accesses[i].text);
		r = ctx_run(accesses[i].text, accesses[i].type,
			    accesses[i].type == PROG_XDP ? (void *)&xdp : &skb, &r0, &err);
		if (!accesses[i].error) {
			CHECK_EQ_INT(r, 0);
			CHECK_EQ_INT(r0, accesses[i].r0);
		} else if (CHECK_EQ_INT(r, -EACCES)) {
			CHECK(strstr("X0101 X0104 X0201", skep_error_id(err)) != NULL);
			CHECK_MSG(strstr(skep_error_message(err), accesses[i].error) != NULL,
				  "'%s' does not say '%s'", skep_error_message(err),
				  accesses[i].error);
		}
		skep_error_free(err);
	}
}

/* What may be reached after all is refused or ends the run. */
static void dead_code(void)
{
	struct exec_prog_opts o = tracing;
	struct skep_error *err = NULL;
	struct exec_prog *prog = NULL;
	struct fix f;

	fix_init(&f);
	CHECK_CASE("two paths, two constants");
	CHECK(fix_new(&f,
		      "ldxb %r2, [%r1+0]\nmov %r3, 0\njeq %r2, 1, +1\nmov %r3, 1\n"
		      "jne %r3, 0, +1\ncall 35\nmov %r0, 0\nexit\n",
		      &o, &prog, &err) < 0);
	CHECK_ERR(err, "X0011");
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("a loop forgets");
	CHECK(fix_new(&f,
		      "mov %r3, 0\nagain: jeq %r3, 1, bad\nadd %r3, 1\nja again\n"
		      "bad: call 35\nexit\n",
		      &o, &prog, &err) < 0);
	CHECK_ERR(err, "X0011");
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("writable memory is no constant");
	CHECK(fix_new(&f, VALUE(1) "ldxb %r2, [%r1+0]\njeq %r2, 0, +1\ncall 35\nmov %r0, 0\nexit\n",
		      &o, &prog, &err) < 0);
	CHECK_ERR(err, "X0011");
	skep_error_free(err);
}

/* Constants that change after the program was made: what was dead is reached, and faults by name. */
static void revived(void)
{
	struct skep_error *err = NULL;
	struct exec_prog *prog = NULL;
	struct exec_run run;
	struct fix f;
	uint64_t r0;

	fix_init(&f);
	if (!CHECK_EQ_INT(exec_run_init(&run, NULL), 0))
		return;
	CHECK_EQ_INT(
		fix_new(&f,
			"lddw %r1, map_idx_value 1, 0\nldxb %r2, [%r1+0]\njeq %r2, 7, out\ncall 35\n"
			"out: mov %r0, 4\nexit\n",
			&tracing, &prog, NULL),
		0);
	f.config[0] = 8;
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 0, &r0, &err), -EOPNOTSUPP);
	CHECK_ERR(err, "X0110");
	CHECK(err && strstr(skep_error_message(err), "bpf_get_current_task (35)"));
	skep_error_free(err);
	exec_prog_free(prog);
	exec_run_done(&run);
}

static void regions(void)
{
	struct exec_region reg = { .base = 0x1000, .size = 16, .kind = REGION_MEM }, got;
	struct exec_run run;

	if (!CHECK_EQ_INT(exec_run_init(&run, NULL), 0))
		return;
	for (int i = 0; i < EXEC_MAX_REGIONS; i++, reg.base += 0x1000)
		CHECK_EQ_INT(exec_region_add(&run, &reg), 0);
	CHECK_EQ_INT(exec_region_add(&run, &reg), -ENOSPC);
	CHECK(exec_may_access(&run, 0x2000, 16, false));
	CHECK(!exec_may_access(&run, 0x2000, 17, false));
	CHECK(!exec_may_access(&run, 0x2000, UINT64_MAX, false));
	CHECK(!exec_may_access(&run, 0x2000, 1, true));
	CHECK(exec_may_access(&run, 0xdead, 0, true));
	CHECK(exec_region_find(&run, 0x200f, &got) && got.base == 0x2000);
	CHECK_EQ_INT(exec_region_remove(&run, REGION_MEM, 0x2000), 0);
	CHECK(!exec_may_access(&run, 0x2000, 16, false));
	CHECK_EQ_INT(exec_region_remove(&run, REGION_MEM, 0x2000), -ENOENT);
	CHECK_EQ_INT(exec_region_remove(&run, REGION_RING, 0x3000), -ENOENT);
	exec_region_move(&run, REGION_MEM, 0x900000, 4);
	CHECK(exec_may_access(&run, 0x900000, 4, false) &&
	      !exec_may_access(&run, 0x1000, 1, false));
	exec_run_done(&run);
}

static uint64_t double_it(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)b, (void)c, (void)d, (void)e;
	return *(uint64_t *)ctx += 2 * a;
}

/* Embedders' helpers replace the kernel's, and leave r1 to r5 alone. */
static void customs(void)
{
	const struct exec_custom own[] = { { .id = 0, .name = "double", .fn = double_it } };
	uint64_t total = 1, r0 = 0;
	struct exec_prog_opts o = {
		.prog_type = -1, .customs = own, .ncustoms = 1, .custom_ctx = &total
	};
	struct skep_error *err = NULL;
	struct exec_prog *prog;
	struct fix f;

	fix_init(&f);
	CHECK_EQ_INT(fix_run(&f, "mov %r1, 21\ncall 0\nadd %r0, %r1\nexit\n", &o, 0, &r0, NULL), 0);
	CHECK_EQ_INT(r0, 64);
	/* callx: the id is in a register */
	CHECK_EQ_INT(fix_run(&f, "mov %r1, 3\nmov %r6, 0\ncallx %r6\nexit\n", &o, 0, &r0, NULL), 0);
	CHECK_EQ_INT(r0, 49);
	CHECK_EQ_INT(fix_run(&f, "mov %r6, 9\ncallx %r6\nexit\n", &o, 0, &r0, &err), -EINVAL);
	CHECK_ERR(err, "X0111");
	skep_error_free(err);
	err = NULL;
	CHECK(fix_new(&f, "call 1\nexit\n", &o, &prog, &err) < 0);
	CHECK_ERR(err, "X0010");
	skep_error_free(err);
}

CHECK_MAIN({ "contexts", contexts }, { "dead_code", dead_code }, { "revived", revived },
	   { "regions", regions }, { "customs", customs })
