// SPDX-License-Identifier: Apache-2.0
/*
 * Every instruction of isa.def runs, and gives what the naive twin gives: one small program for each row
 * and operand pair, then seeded random programs of all of them. A new row without a twin, or that the
 * engine neither runs nor refuses by name, fails here.
 */
#include "check.h"
#include "exec/exec.h"
#include "exec_gen.h"
#include "exec_twin.h"
#include "isa/isa.h"

static const uint8_t packet[] = { 1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0xa0, 0xb0, 0xc0 };

/* Both ways; the results must agree. False: they do not. */
static bool compare(struct text *t)
{
	struct exec_prog_opts o = {
		.object = "t", .name = "t", .insns = t->in, .ninsns = t->n, .prog_type = -1
	};
	struct twin twin = { .packet = packet, .packet_len = sizeof(packet) };
	struct exec_prog *prog = NULL;
	struct skep_error *err = NULL;
	struct exec_run run;
	uint64_t r0 = 0;
	char text[512];
	int r;

	if (!CHECK_EQ_INT(twin_run(&twin, t->in, t->n), 0))
		return false;
	r = exec_prog_new(&o, &prog, &err);
	if (r == 0)
		r = exec_run_init(&run, &err);
	if (r == 0) {
		exec_run_start(&run, 0);
		run.packet = packet;
		run.packet_len = sizeof(packet);
		r = exec(prog, &run, 0, &r0, &err);
		exec_run_done(&run);
	}
	if (err)
		skep_error_text(err, text, sizeof(text));
	CHECK_MSG(r == 0, "%s", err ? text : "failed");
	skep_error_free(err);
	exec_prog_free(prog);
	return r == 0 && CHECK_EQ_INT(r0, twin.r[0]);
}

/* A program whose result depends on all that the row's instruction does. */
static bool program_of(struct text *t, const struct row *row)
{
	uint64_t a = interesting(), b = interesting(), c = random64() % 2 ? a : interesting();
	int32_t imm = (int32_t)interesting();

	t->n = 0;
	put_lddw(t, 0, c);
	put_lddw(t, 3, a);
	put_lddw(t, 4, b);
	put(t, 0x7b, 10, 3, -16, 0);
	switch (row->kind) {
	case ISA_KIND_ALU:
		put_row(t, row, 3, 4, 0, imm);
		break;
	case ISA_KIND_BRANCH:
	case ISA_KIND_JUMP:
		put_row(t, row, 3, 4, 1, row->kind == ISA_KIND_JUMP ? 1 : imm);
		put(t, 0x07, 4, 0, 0, 77);
		break;
	case ISA_KIND_LOAD:
		put_row(t, row, 3, 10, -16, 0);
		break;
	case ISA_KIND_STORE:
	case ISA_KIND_ATOMIC:
		put_row(t, row, 10, 4, -16, imm);
		break;
	case ISA_KIND_PACKET:
		put_lddw(t, 4, random64() % 6);
		put_row(t, row, 0, 4, 0, (int32_t)(random64() % 10) - 1);
		put(t, 0xb7, 3, 0, 0, 0); /* r1-r5 do not survive it */
		put(t, 0xb7, 4, 0, 0, 0);
		break;
	case ISA_KIND_WIDE_LOAD:
	case ISA_KIND_EXIT:
		break; /* are in every program */
	case ISA_KIND_CALL:
	case ISA_KIND_CAST:
	case ISA_KIND_JUMP_REG:
	case ISA_KIND_NONE:
		return false;
	}
	put(t, 0x79, 5, 10, -16, 0);
	put(t, 0xaf, 0, 5, 0, 0);
	put(t, 0x27, 0, 0, 0, 31);
	put(t, 0x0f, 0, 3, 0, 0);
	put(t, 0x27, 0, 0, 0, 31);
	put(t, 0x0f, 0, 4, 0, 0);
	put(t, 0x95, 0, 0, 0, 0);
	return true;
}

static void every_op(void)
{
	struct text t;

	state = 1;
	for (int op = 1; op < ISA_COUNT; op++) {
		if (!program_of(&t, &rows[op]))
			continue; /* `calls` and `refused` */
		CHECK_CASE("%s", rows[op].name);
		for (int i = 0; i < 40; i++)
			if (!program_of(&t, &rows[op]) || !compare(&t))
				break;
	}
}

/* What every_op() leaves out is refused by name, or run by exec_test.c: listed, so that none is missed. */
static void refused(void)
{
	static const int run_elsewhere[] = { ISA_CALL_HELPER, ISA_CALL_LOCAL, ISA_CALLX,
					     ISA_LD_FUNC,     ISA_LD_MAP_IDX, ISA_LD_MAP_IDX_VALUE };
	static const int never[] = { ISA_JA_REG,       ISA_CAST_KERN,  ISA_CAST_USER,
				     ISA_MOV64_PERCPU, ISA_CALL_KFUNC, ISA_LD_MAP_FD,
				     ISA_LD_MAP_VALUE, ISA_LD_BTF_ID };
	bool known[ISA_COUNT] = { false };
	struct text t;

	for (size_t i = 0; i < ARRAY_SIZE(run_elsewhere); i++)
		known[run_elsewhere[i]] = true;
	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		struct exec_prog_opts o = { .insns = t.in, .prog_type = -1 };
		struct skep_error *err = NULL;
		struct exec_prog *prog;

		t.n = 0;
		put_row(&t, &rows[never[i]], 1, 1, 0, 0);
		if (rows[never[i]].code == 0x18)
			put(&t, 0, 0, 0, 0, 0);
		put(&t, 0x95, 0, 0, 0, 0);
		o.ninsns = t.n;
		CHECK_CASE("%s", rows[never[i]].name);
		known[never[i]] = true;
		CHECK_EQ_INT(exec_prog_new(&o, &prog, &err), -EOPNOTSUPP);
		CHECK_ERR(err, "X0008");
		CHECK(err && strstr(skep_error_message(err), rows[never[i]].name));
		skep_error_free(err);
	}
	for (int op = 1; op < ISA_COUNT; op++) {
		CHECK_CASE("%s is run or refused", rows[op].name);
		CHECK(known[op] ||
		      (program_of(&t, &rows[op]) && rows[op].kind != ISA_KIND_WIDE_LOAD) ||
		      op == ISA_LD_IMM);
	}
}

static void random_programs(void)
{
	struct text t;

	for (int i = 0; i < 3000; i++) {
		gen_program(&t, 0x9e3779b97f4a7c15ull + (uint64_t)i, 200, false);
		CHECK_CASE("seed %d, %u instructions", i, t.n);
		compare(&t);
	}
}

CHECK_MAIN({ "every_op", every_op }, { "refused", refused }, { "random_programs", random_programs })
