// SPDX-License-Identifier: Apache-2.0
/*
 * Every instruction of isa.def runs, and gives what the naive twin gives: one small program for each row
 * and operand pair, then seeded random programs of all of them. A new row without a twin, or that the
 * engine neither runs nor refuses by name, fails here.
 */
#include "check.h"
#include "exec/exec.h"
#include "exec_twin.h"
#include "isa/isa.h"

/* Fields of a row: what is written there, or WILD. */
enum { WILD = 1 << 30, ZERO = 0, ANY = WILD, REG = WILD, WREG = WILD, WIDE = WILD, LOW = WILD };
#define IS(n) (n)

static const struct row {
	const char *name;
	uint8_t code;
	int src, off, imm;
	enum isa_kind kind;
} rows[ISA_COUNT] = {
#define INSN(id, code, src, off, imm, kind, ...) \
	[ISA_##id] = { #id, code, src, off, imm, ISA_KIND_##kind },
#include "isa/isa.def"
#undef INSN
};

static uint64_t state;

static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static uint64_t interesting(void)
{
	static const uint64_t edge[] = { 0,	    1,		2,	    0x7f,	0x80,
					 0xff,	    0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32,
					 INT64_MAX, 1ull << 63, UINT64_MAX, 31,		32,
					 63,	    64 };

	return random64() % 3 ? edge[random64() % ARRAY_SIZE(edge)] : random64() >> random64() % 64;
}

struct text {
	struct skep_insn in[512];
	uint32_t n;
};

static void put(struct text *t, uint8_t code, unsigned int dst, unsigned int src, int off,
		int32_t imm)
{
	t->in[t->n++] = (struct skep_insn){ code, insn_regs(dst, src), (int16_t)off, imm };
}

static void put_lddw(struct text *t, unsigned int dst, uint64_t v)
{
	put(t, 0x18, dst, 0, 0, (int32_t)v);
	put(t, 0, 0, 0, 0, (int32_t)(v >> 32));
}

static void put_row(struct text *t, const struct row *row, unsigned int dst, unsigned int src,
		    int off, int32_t imm)
{
	enum isa_op op = (enum isa_op)(row - rows);

	if (!((isa_reads(op) | isa_writes(op)) & ISA_USE_DST))
		dst = 0;
	put(t, row->code, dst, row->src == WILD ? src : (unsigned int)row->src,
	    row->off == WILD ? off : row->off, row->imm == WILD ? imm : row->imm);
}

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
	static const int run_elsewhere[] = { ISA_CALL_HELPER, ISA_CALL_LOCAL, ISA_LD_FUNC,
					     ISA_LD_MAP_IDX, ISA_LD_MAP_IDX_VALUE };
	static const int never[] = { ISA_JA_REG, ISA_CAST_KERN, ISA_CAST_USER,	  ISA_CALL_KFUNC,
				     ISA_CALLX,	 ISA_LD_MAP_FD, ISA_LD_MAP_VALUE, ISA_LD_BTF_ID };
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

/* Appends one random instruction of a kind that the twin knows; memory is 8 slots below r10. */
static void put_random(struct text *t, uint32_t end)
{
	const struct row *row = &rows[1 + random64() % (ISA_COUNT - 1)];
	unsigned int dst = random64() % 10, src = random64() % 10;
	int slot = -8 * (int)(1 + random64() % 8);
	int ahead = (int)(random64() % 6);

	switch (row->kind) {
	case ISA_KIND_ALU:
		put_row(t, row, dst, src, 0, (int32_t)interesting());
		break;
	case ISA_KIND_BRANCH:
		if (t->n + 1 + (uint32_t)ahead <= end)
			put_row(t, row, dst, src, ahead, (int32_t)interesting());
		break;
	case ISA_KIND_LOAD:
		put_row(t, row, dst, 10, slot, 0);
		break;
	case ISA_KIND_STORE:
	case ISA_KIND_ATOMIC:
		put_row(t, row, 10, src, slot, (int32_t)interesting());
		break;
	case ISA_KIND_JUMP:
	case ISA_KIND_JUMP_REG:
	case ISA_KIND_CAST:
	case ISA_KIND_CALL:
	case ISA_KIND_EXIT:
	case ISA_KIND_WIDE_LOAD:
	case ISA_KIND_PACKET:
	case ISA_KIND_NONE:
		break;
	}
}

static void random_programs(void)
{
	struct text t;

	for (int i = 0; i < 3000; i++) {
		uint32_t end;

		state = 0x9e3779b97f4a7c15ull + (uint64_t)i;
		t.n = 0;
		for (unsigned int r = 0; r < 10; r++)
			put_lddw(&t, r, interesting());
		for (unsigned int s = 1; s <= 8; s++)
			put(&t, 0x7b, 10, s, -8 * (int)s, 0);
		end = t.n + 20 + (uint32_t)(random64() % 200);
		while (t.n < end)
			put_random(&t, end);
		for (unsigned int r = 1; r < 10; r++) {
			put(&t, 0x27, 0, 0, 0, 31);
			put(&t, 0xaf, 0, r, 0, 0);
		}
		put(&t, 0x95, 0, 0, 0, 0);
		CHECK_CASE("seed %d, %u instructions", i, t.n);
		compare(&t);
	}
}

CHECK_MAIN({ "every_op", every_op }, { "refused", refused }, { "random_programs", random_programs })
