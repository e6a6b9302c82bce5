// SPDX-License-Identifier: Apache-2.0
/*
 * What the interpreter refuses, and where it says it happened: programs that cannot be made, every kind
 * of fault with its place, helper arguments, calls, callbacks, tail calls, budget. The
 * meaning of computing instructions is in exec_twin_test.c.
 */
#include "exec_fixture.h"

#define EXIT0 "mov %r0, 0\nexit\n"

#define KEY "stw [%r10-4], 1\n"
#define MAP(reg) "lddw %r" #reg ", map_idx 0\n"
#define VALUE(reg) "lddw %r" #reg ", map_idx_value 0, 0\n"

/* Runs that fault: the program, the id, the instruction, and what the message must contain. */
static const struct {
	const char *text, *id;
	int code, insn;
	const char *message;
} faults[] = {
	{ "ldxw %r0, [%r1+62]\nexit\n", "X0101", -EACCES, 0,
	  "read of 4 bytes at offset 62 of context 'record' (64 bytes)" },
	{ "ldxb %r0, [%r1-1]\nexit\n", "X0101", -EACCES, 0,
	  "read of 1 bytes at offset -1 of context 'record' (64 bytes)" },
	{ "stdw [%r1+64], 1\n" EXIT0, "X0101", -EACCES, 0,
	  "write of 8 bytes at offset 64 of context 'record' (64 bytes)" },
	{ VALUE(1) "ldxdw %r0, [%r1+12]\nexit\n", "X0101", -EACCES, 2,
	  "read of 8 bytes at offset 12 of map value 'counts' (16 bytes)" },
	{ VALUE(1) "ldxdw %r0, [%r1-8]\nexit\n", "X0101", -EACCES, 2,
	  "read of 8 bytes at offset -8 of" },
	{ "lddw %r1, map_idx_value 0, 64\nstw [%r1+0], 1\n" EXIT0, "X0101", -EACCES, 2,
	  "write of 4 bytes at offset 16 of map value 'counts' (16 bytes)" },
	{ "lddw %r1, map_idx_value 1, 0\nstb [%r1+3], 1\n" EXIT0, "X0103", -EACCES, 2,
	  "write of 1 bytes at offset 3 of read-only map value '.rodata' (16 bytes)" },
	{ "stdw [%r10-516], 1\n" EXIT0, "X0101", -EACCES, 0,
	  "write of 8 bytes at r10-516 of the stack frame (512 bytes below r10)" },
	{ "stdw [%r10-4], 1\n" EXIT0, "X0101", -EACCES, 0,
	  "write of 8 bytes at r10-4 of the stack" },
	{ "stb [%r10+0], 1\n" EXIT0, "X0101", -EACCES, 0,
	  "write of 1 bytes at r10+0 of the stack" },
	{ "stb [%r10-520], 1\n" EXIT0, "X0101", -EACCES, 0, "write of 1 bytes at r10-520 of" },
	{ "mov %r1, 0\nldxw %r0, [%r1+8]\nexit\n", "X0102", -EACCES, 1,
	  "read of 4 bytes at address 0x8" },
	{ "mov %r1, 0x5000\nldxb %r0, [%r1+0]\nexit\n", "X0101", -EACCES, 1,
	  "read of 1 bytes at address 0x5000, near no region of this run" },
	{ "lddw %r1, 0xfffffffffffffff8\nldxdw %r0, [%r1+4]\nexit\n", "X0101", -EACCES, 2,
	  "address 0xfffffffffffffffc" },
	{ "call 5\nldxdw %r0, [%r2+0]\nexit\n", "X0101", -EACCES, 1, "read of 8 bytes" },
	/* atomics */
	{ "mov %r2, 1\nlock add [%r1+4], %r2\n" EXIT0, "X0105", -EACCES, 1,
	  "8 bytes at offset 4 of context 'record' (64 bytes)" },
	{ "mov %r2, 1\nlock add32 [%r1+62], %r2\n" EXIT0, "X0101", -EACCES, 1,
	  "atomic access of 4 bytes at offset 62 of" },
	{ "lddw %r1, map_idx_value 1, 0\nlock fetch add [%r1+0], %r2\n" EXIT0, "X0103", -EACCES, 2,
	  "read-only map value '.rodata'" },
	{ "ldacqw %r0, [%r1+2]\nexit\n", "X0105", -EACCES, 0, "not a multiple of 4" },
	{ "streldw [%r1+60], %r0\n" EXIT0, "X0101", -EACCES, 0, "atomic access of 8 bytes" },
	/* helper arguments */
	{ "mov %r1, 7\nmov %r2, %r10\nadd %r2, -4\ncall 1\nexit\n", "X0204", -EACCES, 3,
	  "argument 1 of bpf_map_lookup_elem" },
	{ MAP(1) "mov %r2, %r10\nadd %r2, -3\ncall 1\nexit\n", "X0201", -EACCES, 4,
	  "argument 2 of bpf_map_lookup_elem: 4 readable bytes for the key at r10-3 of the stack" },
	{ KEY MAP(1) "mov %r2, %r10\nadd %r2, -4\nlddw %r3, map_idx_value 0, 8\nmov %r4, 0\ncall 2\nexit\n",
	  "X0201", -EACCES, 8,
	  "argument 3 of bpf_map_update_elem: 16 readable bytes for the value at offset 8 of map value" },
	{ "lddw %r1, map_idx_value 1, 0\nmov %r2, 8\ncall 16\nexit\n", "X0201", -EACCES, 3,
	  "argument 1 of bpf_get_current_comm: 8 writable bytes for the buffer" },
	{ "mov %r1, %r10\nadd %r1, -16\nmov %r2, 0\ncall 16\nexit\n", "X0202", -EACCES, 3,
	  "argument 2 of bpf_get_current_comm is 0x0" },
	{ "mov %r1, %r10\nadd %r1, -16\nmov %r2, -1\ncall 16\nexit\n", "X0201", -EACCES, 3,
	  "18446744073709551615 writable bytes" },
	{ "mov %r1, 0\nmov %r2, 4\nmov %r3, 0\nmov %r4, 0\ncall 165\nexit\n", "X0202", -EACCES, 4,
	  "arguments 1 and 2 of bpf_snprintf: NULL, but 4 bytes" },
	{ "mov %r3, 0\nmov %r4, 0\nmov %r5, 0\nlddw %r2, map_idx 0\nmov %r1, %r10\ncall 25\nexit\n",
	  "X0205", -EACCES, 6, "argument 1 of bpf_perf_event_output" },
	{ "mov %r2, 8\nmov %r1, %r10\nadd %r1, -8\nmov %r3, %r1\nstdw [%r10-8], -1\ncall 182\nexit\n",
	  "X0203", -EACCES, 5, "argument 3 of bpf_strncmp: no end of the string" },
	{ "mov %r2, 8\nmov %r1, %r10\nadd %r1, -8\nmov %r3, 8\ncall 182\nexit\n", "X0203", -EACCES,
	  4, "argument 3 of bpf_strncmp: no readable memory" },
	{ "mov %r1, 1\nmov %r2, %r10\nmov %r3, 0\nmov %r4, 0\ncall 181\nexit\n", "X0206", -EACCES,
	  4, "argument 2 of bpf_loop" },
	{ "mov %r1, %r10\nmov %r2, 0\ncall 132\nexit\n", "X0207", -EACCES, 2,
	  "argument 1 of bpf_ringbuf_submit" },
	{ "mov %r1, %r10\nadd %r1, -8\nmov %r2, 4\nmov %r3, 0\nmov %r4, 4\ncall 105\nexit\n",
	  "X0201", -EACCES, 5,
	  "argument 4 of bpf_strtol: 8 writable bytes for the result at address 0x4" },
	{ "mov %r2, %r10\nlddw %r1, map_idx 0\ncall 88\nexit\n", "X0201", -EACCES, 3,
	  "argument 2 of bpf_map_pop_elem: 16 writable bytes for the value at r10+0" },
	/* helpers and reservations */
	{ "call 14\nexit\n", "T0001", -EPERM, 0, "the helper says no: 42" },
	{ "call 8\nexit\n", "X0206", -EACCES, 0, "the callback is 0x1234" },
	{ MAP(1) "mov %r2, 24\nmov %r3, 0\ncall 131\nmov %r0, 0\nexit\n", "X0109", -EINVAL, 6,
	  "24 bytes of 'events'" },
	{ MAP(1) "mov %r2, 24\nmov %r3, 0\ncall 131\nstdw [%r0+20], 0\nexit\n", "X0101", -EACCES, 5,
	  "offset 20 of ring reservation 'events' (24 bytes)" },
	{ "mov %r3, 0\nlddw %r2, map_idx 0\ncall 12\nexit\n", "X0204", -EACCES, 3,
	  "argument 2 of bpf_tail_call must be a prog array" },
};

static void check_fault(struct fix *f, size_t i)
{
	struct skep_error *err = NULL;
	uint64_t r0;
	int r = fix_run(f, faults[i].text, &tracing, 0, &r0, &err);

	CHECK_EQ_INT(r, faults[i].code);
	CHECK_ERR(err, faults[i].id);
	if (err) {
		CHECK_EQ_INT(skep_error_code(err), faults[i].code);
		CHECK_MSG(strstr(skep_error_message(err), faults[i].message) != NULL,
			  "'%s' does not say '%s'", skep_error_message(err), faults[i].message);
		CHECK_EQ_INT(skep_error_place(err)->kind, SKEP_PLACE_INSN);
		CHECK_EQ_INT(skep_error_place(err)->at, faults[i].insn);
		CHECK_EQ_STR(skep_error_place(err)->part, "prog");
	}
	skep_error_free(err);
}

static void faulting(void)
{
	struct fix f;

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		CHECK_CASE("%zu: %s", i, faults[i].text);
		fix_init(&f);
		check_fault(&f, i);
	}
}

/* Programs that cannot be made. */
static void refusals(void)
{
	static const struct {
		const char *text, *id;
		int type, insn;
		const char *message;
	} rows[] = {
		{ "ja +5\nexit\n", "X0004", PROG_XDP, 0, "jump to instruction 6 of 2" },
		{ "ja -2\nexit\n", "X0004", PROG_XDP, 0, "jump to instruction -1 of 2" },
		{ "call local +5\nexit\n", "X0004", PROG_XDP, 0, "call to instruction 6 of 2" },
		{ "ja +1\nlddw %r0, 1\nexit\n", "X0005", PROG_XDP, 0,
		  "jump to instruction 2 of 4" },
		{ "mov %r0, 0\n", "X0007", PROG_XDP, 0, "the one at 0 must end" },
		{ "jeq %r1, 0, -1\n", "X0007", PROG_XDP, 0, "must end with exit" },
		{ "lddw %r0, 1\n", "X0007", PROG_XDP, 1, "must end with exit" },
		{ "call local f\nexit\nf: jeq %r1, 0, -2\nexit\n", "X0006", PROG_XDP, 2,
		  "from the one at 2 to instruction 1" },
		{ "call local f\nf: exit\n", "X0007", PROG_XDP, 0, "the one at 0" },
		{ "callx %r1\nexit\n", "X0008", PROG_XDP, 0, "CALLX: no kernel takes calls" },
		{ "lddw %r1, map_idx 3\nexit\n", "X0009", PROG_XDP, 0, "index 3 of 3 maps" },
		{ "lddw %r1, map_idx_value 2, 0\nexit\n", "X0009", PROG_XDP, 0,
		  "index 2 of 3 maps" },
		{ "call 999\nexit\n", "X0010", PROG_XDP, 0, "999" },
		{ "call 0\nexit\n", "X0010", PROG_XDP, 0, "0" },
		{ "call 35\nexit\n", "X0011", PROG_XDP, 0,
		  "bpf_get_current_task (35), in a program of type xdp" },
		{ "call 4\nexit\n", "X0012", PROG_XDP, 0,
		  "bpf_probe_read (4), in a program of type xdp" },
	};
	struct fix f;

	fix_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct exec_prog_opts o = { .prog_type = rows[i].type,
					    .helpers = bodies,
					    .nhelpers = HELPER_COUNT };
		struct skep_error *err = NULL;
		struct exec_prog *prog;

		CHECK_CASE("%zu: %s", i, rows[i].text);
		CHECK(fix_new(&f, rows[i].text, &o, &prog, &err) < 0);
		CHECK_ERR(err, rows[i].id);
		if (err) {
			CHECK_MSG(strstr(skep_error_message(err), rows[i].message) != NULL,
				  "'%s' does not say '%s'", skep_error_message(err),
				  rows[i].message);
			CHECK_EQ_INT(skep_error_place(err)->at, rows[i].insn);
		}
		skep_error_free(err);
	}
}

static void malformed(void)
{
	struct skep_insn bad = { .code = 0xff }, many = { .code = 0x95 };
	struct exec_prog_opts o = { .insns = &bad, .ninsns = 1 };
	struct skep_error *err = NULL;
	struct exec_prog *prog;

	CHECK_CASE("not an instruction");
	CHECK_EQ_INT(exec_prog_new(&o, &prog, &err), -EINVAL);
	CHECK_ERR(err, "X0003");
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("empty");
	o.ninsns = 0;
	CHECK_EQ_INT(exec_prog_new(&o, &prog, &err), -EINVAL);
	CHECK_ERR(err, "X0001");
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("too long");
	o.insns = &many; /* is not looked at */
	o.ninsns = 1000001;
	CHECK_EQ_INT(exec_prog_new(&o, &prog, &err), -E2BIG);
	CHECK_ERR(err, "X0002");
	skep_error_free(err);
	CHECK_CASE("no error wanted");
	CHECK_EQ_INT(exec_prog_new(&o, &prog, NULL), -E2BIG);
	exec_prog_free(NULL);
}

/* Programs that end well, and with what. */
static const struct {
	const char *text;
	uint64_t r0;
} good[] = {
	{ "ldxw %r0, [%r1+4]\nexit\n", 0x08070605 },
	{ "ldxw %r0, [%r1+60]\nexit\n", 0x403f3e3d },
	{ "ldxdw %r0, [%r1+5]\nexit\n", 0x0d0c0b0a09080706 },
	{ "stdw [%r10-512], 9\nldxdw %r0, [%r10-512]\nexit\n", 9 },
	{ "ldxdw %r0, [%r10-256]\nexit\n", 0 },
	{ "lddw %r1, map_idx_value 1, 0\nldxb %r0, [%r1+0]\nexit\n", 7 },
	/* map lookup, use of the value */
	{ KEY MAP(1) "mov %r2, %r10\nadd %r2, -4\ncall 1\njeq %r0, 0, out\nstdw [%r0+8], 5\n"
		     "lddw %r1, map_idx_value 0, 24\nldxdw %r0, [%r1+0]\nout: exit\n",
	  5 },
	{ "stw [%r10-4], 9\n" MAP(1) "mov %r2, %r10\nadd %r2, -4\ncall 1\nexit\n", 0 },
	/* NULL with size 0 */
	{ "mov %r1, 0\nmov %r2, 0\nlddw %r3, map_idx_value 1, 8\nmov %r4, 0\nmov %r5, 0\ncall 165\nexit\n",
	  0 },
	{ "mov %r2, 4\nmov %r1, %r10\nadd %r1, -8\nlddw %r3, map_idx_value 1, 8\ncall 182\nexit\n",
	  0 },
	/* a caller's frame through a pointer; r6-r9 survive, r10 is restored */
	{ "mov %r6, 6\nmov %r9, 90\nstdw [%r10-8], 0\nmov %r1, %r10\nadd %r1, -8\ncall local f\n"
	  "ldxdw %r0, [%r10-8]\nadd %r0, %r6\nadd %r0, %r9\nexit\n"
	  "f: mov %r6, 1\nmov %r9, 1\nstdw [%r10-8], 77\nstdw [%r1+0], 500\nexit\n",
	  596 },
	/* the value of a local call */
	{ "mov %r1, 20\nmov %r2, 22\ncall local f\nexit\nf: mov %r0, %r1\nadd %r0, %r2\nexit\n",
	  42 },
	/* callbacks: 10 turns add 0..9 to a slot of the caller */
	{ "stdw [%r10-8], 0\nmov %r1, 10\nlddw %r2, func f\nmov %r3, %r10\nadd %r3, -8\nmov %r4, 0\n"
	  "call 181\nldxdw %r1, [%r10-8]\nadd %r0, %r1\nexit\n"
	  "f: ldxdw %r3, [%r2+0]\nadd %r3, %r1\nstxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  55 },
	{ "mov %r1, 10\nlddw %r2, func f\nmov %r3, 0\nmov %r4, 0\ncall 181\nexit\n"
	  "f: mov %r0, 0\njne %r1, 3, out\nmov %r0, 1\nout: exit\n",
	  4 },
	/* a reservation, submitted */
	{ MAP(1) "mov %r2, 24\nmov %r3, 0\ncall 131\nstdw [%r0+16], 3\nmov %r1, %r0\nmov %r2, 0\n"
		 "call 132\nmov %r0, 1\nexit\n",
	  1 },
	/* packet access: outside it, the program ends with 0 */
	{ "mov %r6, %r1\nldabsh 2\nexit\n", 0x0304 },
	{ "mov %r6, %r1\nmov %r2, 60\nldindw %r2, 0\nexit\n", 0x3d3e3f40 },
	{ "mov %r6, %r1\nmov %r0, 5\nldabsb 64\nmov %r0, 6\nexit\n", 0 },
	{ "mov %r6, %r1\nldabsb -1\nmov %r0, 6\nexit\n", 0 },
	{ "mov %r6, %r1\nldabsb -0x200000\nexit\n", 1 },
	{ "mov %r6, %r1\nldabsb -0x100000\nmov %r0, 6\nexit\n", 0 },
	/* may_goto lets a loop end by itself */
	{ "mov %r0, 1\nagain: may_goto out\nja again\nout: exit\n", 1 },
	/* dead code may hold what this engine does not run */
	{ "mov %r1, 1\njne %r1, 0, out\ncall 35\nout: mov %r0, 3\nexit\n", 3 },
	{ "lddw %r1, map_idx_value 1, 0\nldxb %r2, [%r1+0]\njeq %r2, 7, out\ncall 35\nout: mov %r0, 4\nexit\n",
	  4 },
	{ "mov %r1, 5\nrsh %r1, 2\nja32 +1\ncallx %r1\njset32 %r1, 1, out\ncall 999\nout: mov %r0, 5\nexit\n",
	  5 },
};

static void results(void)
{
	struct fix f;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct skep_error *err = NULL;
		uint64_t r0 = ~0ull;
		char text[600];

		CHECK_CASE("%zu: %s", i, good[i].text);
		fix_init(&f);
		if (fix_run(&f, good[i].text, &tracing, 0, &r0, &err) < 0) {
			skep_error_text(err, text, sizeof(text));
			CHECK_MSG(false, "%s", text);
		}
		CHECK_EQ_INT(r0, good[i].r0);
		skep_error_free(err);
	}
}

/* N frames deep: f calls itself r1 times. */
static void depth(void)
{
	static const char text[] =
		"mov %r1, [N]\ncall local f\nexit\n"
		"f: mov %r0, 1\njeq %r1, 1, out\nadd %r1, -1\ncall local f\nadd %r0, 1\nout: exit\n";
	struct fix f;

	fix_init(&f);
	for (int n = 1; n <= 9; n++) {
		struct skep_error *err = NULL;
		char full[256];
		uint64_t r0 = 0;
		int r;

		CHECK_CASE("%d frames", n + 1);
		snprintf(full, sizeof(full), "mov %%r1, %d%s", n, strchr(text, '\n'));
		r = fix_run(&f, full, &tracing, 0, &r0, &err);
		if (n + 1 <= ISA_MAX_FRAMES) {
			CHECK_EQ_INT(r, 0);
			CHECK_EQ_INT(r0, n);
		} else {
			CHECK_EQ_INT(r, -E2BIG);
			CHECK_ERR(err, "X0107");
			CHECK_EQ_INT(err ? skep_error_place(err)->at : 0, 6);
		}
		skep_error_free(err);
	}
	CHECK_CASE("callbacks are frames");
	{
		struct skep_error *err = NULL;
		uint64_t r0;

		CHECK_EQ_INT(
			fix_run(&f,
				"call local f\nexit\nf: mov %r1, 1\nlddw %r2, func f\nmov %r3, 0\n"
				"mov %r4, 0\ncall 181\nexit\n",
				&tracing, 0, &r0, &err),
			-E2BIG);
		CHECK_ERR(err, "X0107");
		skep_error_free(err);
	}
}

static void budget(void)
{
	struct skep_error *err = NULL;
	struct exec_prog *prog = NULL;
	struct exec_run run;
	struct fix f;
	uint64_t r0 = 0;

	fix_init(&f);
	if (!CHECK_EQ_INT(exec_run_init(&run, NULL), 0))
		return;
	CHECK_CASE("an endless loop");
	CHECK_EQ_INT(fix_new(&f, "ja -1\nexit\n", &tracing, &prog, NULL), 0);
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 1000, &r0, &err), -ELOOP);
	CHECK_ERR(err, "X0106");
	CHECK(err && strstr(skep_error_message(err), "ended after 1000 instructions"));
	CHECK_EQ_INT(run.budget, 0);
	skep_error_free(err);
	err = NULL;
	exec_prog_free(prog);
	CHECK_CASE("exact: 3 + 2 * 5 + 1 instructions, a wide one counts once");
	CHECK_EQ_INT(
		fix_new(&f,
			"lddw %r1, 5\nmov %r0, 0\nmov %r2, 0\nadd %r1, -1\njne %r1, 0, -2\nexit\n",
			&tracing, &prog, NULL),
		0);
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 14, &r0, &err), 0);
	CHECK_EQ_INT(run.budget, 0);
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 100, &r0, &err), 0);
	CHECK_EQ_INT(run.budget_start - run.budget, 14);
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 13, &r0, &err), -ELOOP);
	skep_error_free(err);
	err = NULL;
	exec_prog_free(prog);
	CHECK_CASE("callbacks are charged too");
	CHECK_EQ_INT(
		fix_new(&f,
			"mov %r1, 1000000000\nlddw %r2, func f\nmov %r3, 0\nmov %r4, 0\ncall 181\n"
			"exit\nf: mov %r0, 0\nexit\n",
			&tracing, &prog, NULL),
		0);
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 10000, &r0, &err), -ELOOP);
	CHECK_ERR(err, "X0106");
	skep_error_free(err);
	exec_prog_free(prog);
	CHECK_CASE("the largest budget");
	CHECK_EQ_INT(fix_new(&f, EXIT0, &tracing, &prog, NULL), 0);
	CHECK_EQ_INT(fix_exec(&f, &run, prog, UINT64_MAX, &r0, NULL), 0);
	CHECK_EQ_INT(run.budget_start - run.budget, 2);
	exec_prog_free(prog);
	exec_run_done(&run);
}

static void tail_calls(void)
{
	static const char again[] = "lddw %r2, map_idx_value 0, 0\nldxdw %r3, [%r2+0]\nadd %r3, 1\n"
				    "stxdw [%r2+0], %r3\nlddw %r2, map_idx 2\nmov %r3, 0\ncall 12\n"
				    "mov %r0, 7\nexit\n";
	struct exec_prog *prog = NULL, *sub = NULL, *other = NULL;
	struct exec_prog_opts xdp = tracing;
	struct exec_run run;
	struct fix f;
	uint64_t r0 = 0;

	fix_init(&f);
	if (!CHECK_EQ_INT(exec_run_init(&run, NULL), 0))
		return;
	CHECK_CASE("33, then it falls through");
	CHECK_EQ_INT(fix_new(&f, again, &tracing, &prog, NULL), 0);
	f.slots[0] = prog;
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 0, &r0, NULL), 0);
	CHECK_EQ_INT(r0, 7);
	CHECK_EQ_INT(f.counts[0], 34);
	CHECK_CASE("an empty slot, and one beyond the map");
	f.slots[0] = NULL;
	f.counts[0] = 0;
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 0, &r0, NULL), 0);
	CHECK_EQ_INT(r0, 7);
	CHECK_EQ_INT(f.counts[0], 1);
	exec_prog_free(prog);
	CHECK_EQ_INT(fix_new(&f, "lddw %r2, map_idx 2\nmov %r3, 77\ncall 12\nexit\n", &tracing,
			     &prog, NULL),
		     0);
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 0, &r0, NULL), 0);
	CHECK((int64_t)r0 < 0);
	exec_prog_free(prog);
	CHECK_CASE("from a subprogram: the target returns to its caller");
	CHECK_EQ_INT(fix_new(&f, "ldxb %r0, [%r1+0]\nldxdw %r2, [%r10-8]\nadd %r0, %r2\nexit\n",
			     &tracing, &sub, NULL),
		     0);
	CHECK_EQ_INT(
		fix_new(&f,
			"mov %r6, 1000\ncall local f\nadd %r0, %r6\nexit\n"
			"f: stdw [%r10-8], 9\nlddw %r2, map_idx 2\nmov %r3, 1\ncall 12\nmov %r0, 50\nexit\n",
			&tracing, &prog, NULL),
		0);
	f.slots[1] = sub;
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 0, &r0, NULL), 0);
	CHECK_EQ_INT(r0, 1001); /* and it sees nothing of the old frame */
	CHECK_CASE("a program of another type is not called");
	xdp.prog_type = PROG_XDP;
	CHECK_EQ_INT(fix_new(&f, EXIT0, &xdp, &other, NULL), 0);
	f.slots[1] = other;
	CHECK_EQ_INT(fix_exec(&f, &run, prog, 0, &r0, NULL), 0);
	CHECK_EQ_INT(r0, 1050);
	exec_prog_free(prog);
	exec_prog_free(sub);
	exec_prog_free(other);
	exec_run_done(&run);
}

/* A program must not see what another left on the stack. */
static void no_leaks(void)
{
	struct exec_prog *writer = NULL, *reader = NULL;
	struct exec_run run;
	struct fix f;
	uint64_t r0 = 1;

	fix_init(&f);
	if (!CHECK_EQ_INT(exec_run_init(&run, NULL), 0))
		return;
	CHECK_EQ_INT(
		fix_new(&f,
			"stdw [%r10-8], 1\ncall local f\nexit\nf: stdw [%r10-16], 2\nmov %r0, 0\nexit\n",
			&tracing, &writer, NULL),
		0);
	CHECK_EQ_INT(fix_new(&f,
			     "ldxdw %r6, [%r10-8]\ncall local f\nadd %r0, %r6\nexit\n"
			     "f: ldxdw %r0, [%r10-16]\nexit\n",
			     &tracing, &reader, NULL),
		     0);
	CHECK_EQ_INT(fix_exec(&f, &run, writer, 0, &r0, NULL), 0);
	CHECK_EQ_INT(fix_exec(&f, &run, reader, 0, &r0, NULL), 0);
	CHECK_EQ_INT(r0, 0);
	exec_prog_free(writer);
	exec_prog_free(reader);
	exec_run_done(&run);
}

static void places(void)
{
	static const struct exec_line lines[] = { { 0, "a.bpf.c", "int x = f();", 10, 3 },
						  { 2, "a.bpf.c", "return *p;", 12, 9 } };
	static const struct exec_poison poisons[] = {
		{ 1, "field 'nope' of struct 'x' does not exist" }
	};
	struct exec_prog_opts o = tracing;
	struct skep_error *err = NULL;
	struct fix f;
	uint64_t r0;

	fix_init(&f);
	o.lines = lines;
	o.nlines = 2;
	CHECK_CASE("source line");
	CHECK_EQ_INT(fix_run(&f, "mov %r2, 0\nmov %r3, 1\nmov %r0, 0\nldxb %r0, [%r2+0]\nexit\n",
			     &o, 0, &r0, &err),
		     -EACCES);
	if (err) {
		const struct skep_place *at = skep_error_place(err);

		CHECK_EQ_INT(at->at, 3);
		CHECK_EQ_STR(at->src, "a.bpf.c");
		CHECK_EQ_STR(at->text, "return *p;");
		CHECK_EQ_INT(at->line, 12);
		CHECK_EQ_INT(at->col, 9);
		CHECK_EQ_STR(at->name, "test.bpf.o");
		CHECK(skep_error_help(err) && strstr(skep_error_help(err), "NULL"));
		CHECK(skep_error_known(err) &&
		      strstr(skep_error_known(err), "r0 = *(u8 *)(r2 +0)"));
	}
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("clobbered registers are recognised");
	CHECK_EQ_INT(fix_run(&f, "call 5\nldxb %r0, [%r1+8]\nexit\n", &tracing, 0, &r0, &err),
		     -EACCES);
	CHECK(err && skep_error_help(err) && strstr(skep_error_help(err), "r1 to r5"));
	skep_error_free(err);
	err = NULL;
	CHECK_CASE("poison, reached");
	o.poisons = poisons;
	o.npoisons = 1;
	CHECK_EQ_INT(fix_run(&f, "mov %r0, 0\nmov %r3, 1\nexit\n", &o, 0, &r0, &err), -EINVAL);
	CHECK_ERR(err, "X0108");
	CHECK(err && strstr(skep_error_message(err), "field 'nope' of struct 'x'"));
	CHECK_EQ_INT(err ? skep_error_place(err)->line : 0, 10);
	skep_error_free(err);
	CHECK_CASE("poison, not reached");
	CHECK_EQ_INT(fix_run(&f, "ja +1\nmov %r3, 1\nmov %r0, 2\nexit\n", &o, 0, &r0, NULL), 0);
	CHECK_EQ_INT(r0, 2);
}

CHECK_MAIN({ "faulting", faulting }, { "refusals", refusals }, { "malformed", malformed },
	   { "results", results }, { "depth", depth }, { "budget", budget },
	   { "tail_calls", tail_calls }, { "no_leaks", no_leaks }, { "places", places })
