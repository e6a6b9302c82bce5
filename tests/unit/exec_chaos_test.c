// SPDX-License-Identifier: Apache-2.0
/*
 * An unverified program can do no harm: seeded programs of any instructions with any operands, pointers of
 * all kinds among them, either run or end with an error that has an id and a place. What lies around the
 * memory that they were given stays as it was, and what is read-only too.
 */
#include "exec_fixture.h"
#include "exec_gen.h"

#define PROGRAMS 20000

struct guarded {
	uint8_t before[4096];
	struct fix fix;
	uint8_t after[4096];
};

/* One instruction of any row, its jumps mostly inside the program. */
static void put_any(struct text *t, uint32_t end)
{
	const struct row *row = &rows[1 + random64() % (ISA_COUNT - 1)];
	unsigned int dst = random64() % 10, src = random64() % 11;
	int off = (int)(random64() % 40) - 20;
	int32_t imm = (int32_t)interesting();

	switch (row->kind) {
	case ISA_KIND_BRANCH:
	case ISA_KIND_JUMP:
		off = (int)(random64() % end) - (int)t->n - 1;
		imm = row->imm == WILD && row->kind == ISA_KIND_JUMP ? off : imm;
		break;
	case ISA_KIND_CALL:
		imm = row->src == 1 ? (int32_t)(random64() % end) - (int32_t)t->n - 1 :
				      (int32_t)(random64() % 140);
		break;
	case ISA_KIND_STORE:
	case ISA_KIND_ATOMIC:
		dst = random64() % 11;
		break;
	case ISA_KIND_WIDE_LOAD:
		put(t, 0x18, dst, random64() % 2 ? 5 : 6, 0, (int32_t)(random64() % FIX_MAPS));
		put(t, 0, 0, 0, 0,
		    t->in[t->n - 1].regs >> 4 == 6 ? (int32_t)(random64() % 32) - 8 : 0);
		return;
	case ISA_KIND_NONE:
	case ISA_KIND_EXIT:
		return;
	case ISA_KIND_ALU:
	case ISA_KIND_LOAD:
	case ISA_KIND_PACKET:
	case ISA_KIND_CAST:
	case ISA_KIND_JUMP_REG:
		break;
	}
	put_row(t, row, dst, src, off, imm);
}

static void put_chaos(struct text *t)
{
	uint32_t end;

	t->n = 0;
	put(t, 0xbf, 6, 1, 0, 0);
	put(t, 0xbf, 7, 10, 0, 0);
	put(t, 0x18, 8, 6, 0, FIX_COUNTS);
	put(t, 0, 0, 0, 0, 0);
	put(t, 0x18, 9, 6, 0, FIX_CONFIG);
	put(t, 0, 0, 0, 0, 0);
	end = t->n + 4 + (uint32_t)(random64() % 24);
	while (t->n < end)
		put_any(t, end);
	put(t, 0x95, 0, 0, 0, 0);
}

static bool untouched(const struct guarded *g)
{
	for (size_t i = 0; i < sizeof(g->before); i++)
		if (g->before[i] != 0xa5 || g->after[i] != 0xa5)
			return false;
	return g->fix.config[0] == 7 && !memcmp(g->fix.config + 8, "text", 5);
}

static void chaos(void)
{
	static struct guarded g;
	unsigned int made = 0, ran = 0, faulted = 0;
	struct exec_run run;
	struct text t;

	if (!CHECK_EQ_INT(exec_run_init(&run, NULL), 0))
		return;
	memset(g.before, 0xa5, sizeof(g.before));
	memset(g.after, 0xa5, sizeof(g.after));
	for (unsigned int i = 0; i < PROGRAMS; i++) {
		struct exec_prog_opts o = tracing;
		struct exec_prog *prog = NULL;
		struct skep_error *err = NULL;
		uint64_t r0;
		int r;

		state = 0x853c49e6748fea9bull * (i + 1);
		put_chaos(&t);
		o.insns = t.in;
		o.ninsns = t.n;
		fix_init(&g.fix);
		r = fix_new(&g.fix, NULL, &o, &prog, &err);
		if (r == 0) {
			made++;
			r = fix_exec(&g.fix, &run, prog, 5000, &r0, &err);
			ran += r == 0;
			faulted += r < 0;
		}
		if (!CHECK_MSG((r < 0) == (err != NULL), "program %u: %d", i, r) ||
		    !CHECK_MSG(!err || skep_error_place(err)->kind == SKEP_PLACE_INSN,
			       "program %u: no place", i) ||
		    !CHECK_MSG(untouched(&g), "program %u wrote where it may not", i))
			i = PROGRAMS;
		skep_error_free(err);
		exec_prog_free(prog);
	}
	exec_run_done(&run);
	/* The generator must not degenerate. */
	CHECK_MSG(made > PROGRAMS / 20 && ran > PROGRAMS / 200 && faulted > PROGRAMS / 50,
		  "of %d programs %u were made, %u ran, %u faulted", PROGRAMS, made, ran, faulted);
}

CHECK_MAIN({ "chaos", chaos })
