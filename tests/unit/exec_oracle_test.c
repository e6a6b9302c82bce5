// SPDX-License-Identifier: Apache-2.0
/*
 * The interpreter against the kernel: the same seeded programs through BPF_PROG_TEST_RUN, whose JIT runs
 * them, and through exec(). Random computing, branches, stack and atomics; then packet loads at offsets
 * around every edge. Needs the right to load programs.
 */
#include "exec_gen.h"
#include "exec/exec.h"
#include "oracle.h"

static uint8_t frame[64];

static int kernel_load(const struct text *t, char *text, uint32_t size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (uintptr_t)t->in;
	attr.insn_cnt = t->n;
	attr.license = (uintptr_t) "GPL";
	attr.log_level = size ? 1 : 0;
	attr.log_buf = size ? (uintptr_t)text : 0;
	attr.log_size = size;
	return oracle_bpf(BPF_PROG_LOAD, &attr);
}

static int kernel_run(int fd, uint32_t *ret)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.data_in = (uintptr_t)frame;
	attr.test.data_size_in = sizeof(frame);
	attr.test.repeat = 1;
	r = oracle_bpf(BPF_PROG_TEST_RUN, &attr);
	*ret = attr.test.retval;
	return r;
}

static int our_run(const struct text *t, uint64_t *ret)
{
	struct exec_prog_opts o = { .object = "t",
				    .name = "t",
				    .insns = t->in,
				    .ninsns = t->n,
				    .prog_type = PROG_SCHED_CLS };
	struct exec_prog *prog = NULL;
	struct exec_run run;
	int r = exec_prog_new(&o, &prog, NULL);

	if (r == 0)
		r = exec_run_init(&run, NULL);
	if (r < 0)
		return r;
	exec_run_start(&run, 0);
	run.packet = frame;
	run.packet_len = sizeof(frame);
	run.packet_net = 14;
	r = exec(prog, &run, 0, ret, NULL);
	exec_run_done(&run);
	exec_prog_free(prog);
	return r;
}

/* False: they differ, or one of them failed. */
static bool compare(struct text *t)
{
	static char text[65536];
	uint64_t ours = 0;
	uint32_t theirs = 0;
	int fd = kernel_load(t, NULL, 0), r;

	if (fd < 0) {
		fd = kernel_load(t, text, sizeof(text));
		return CHECK_MSG(fd >= 0, "the kernel refuses (%s): ...%s", strerror(-fd),
				 text + (strlen(text) > 300 ? strlen(text) - 300 : 0));
	}
	r = kernel_run(fd, &theirs);
	close(fd);
	return CHECK_EQ_INT(r, 0) && CHECK_EQ_INT(our_run(t, &ours), 0) &&
	       CHECK_EQ_INT((uint32_t)ours, theirs);
}

static const char *no_oracle(void)
{
	struct text t = { .n = 0 };
	static char why[100];
	int fd;

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(0x11 + 7 * i);
	frame[12] = 0x08; /* an Ethernet frame of IPv4 */
	frame[13] = 0x00;
	put(&t, 0xb7, 0, 0, 0, 0);
	put(&t, 0x95, 0, 0, 0, 0);
	fd = kernel_load(&t, NULL, 0);
	if (fd >= 0) {
		close(fd);
		return NULL;
	}
	snprintf(why, sizeof(why), "bpf(2) refuses to load a program: %s", strerror(-fd));
	return why;
}

static void computing(void)
{
	const char *why = no_oracle();
	struct text t;

	if (why)
		CHECK_SKIP(why);
	for (int i = 0; i < 400; i++) {
		gen_program(&t, 0xd1b54a32d192ed03ull * (uint64_t)(i + 1), 150, true);
		t.n--; /* show the upper half too */
		put(&t, 0xbf, 1, 0, 0, 0);
		put(&t, 0x77, 1, 0, 0, 32);
		put(&t, 0xaf, 0, 1, 0, 0);
		put(&t, 0x95, 0, 0, 0, 0);
		CHECK_CASE("seed %d, %u instructions", i, t.n);
		compare(&t);
	}
}

static void packets(void)
{
	static const int32_t offsets[] = { 0,
					   1,
					   12,
					   60,
					   61,
					   62,
					   63,
					   64,
					   65,
					   INT32_MAX,
					   -1,
					   -2,
					   -0x100000,
					   -0x100000 + 4,
					   -0x100000 + 46,
					   -0x100000 + 47,
					   -0x100000 + 50,
					   -0x100001,
					   -0x200000,
					   -0x200000 + 13,
					   -0x200000 + 60,
					   -0x200000 + 61,
					   -0x200001,
					   INT32_MIN };
	static const struct {
		uint8_t abs, ind;
	} codes[] = { { 0x30, 0x50 }, { 0x28, 0x48 }, { 0x20, 0x40 } };
	const char *why = no_oracle();

	if (why)
		CHECK_SKIP(why);
	for (size_t c = 0; c < ARRAY_SIZE(codes); c++) {
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
			struct text t = { .n = 0 };

			CHECK_CASE("%s at %d", isa_name((enum isa_op)(ISA_LD_ABS_B + (int)c)),
				   offsets[i]);
			put(&t, 0xbf, 6, 1, 0, 0);
			put(&t, 0xb7, 7, 0, 0, 3);
			put(&t, codes[c].abs, 0, 0, 0, offsets[i]);
			put(&t, 0x0f, 0, 7, 0, 0); /* not reached outside the packet */
			put(&t, 0x95, 0, 0, 0, 0);
			compare(&t);
			t.n = 1;
			put(&t, 0xb7, 7, 0, 0, offsets[i]);
			put(&t, codes[c].ind, 0, 7, 0, 0);
			put(&t, 0x07, 0, 0, 0, 3);
			put(&t, 0x95, 0, 0, 0, 0);
			compare(&t);
		}
	}
}

CHECK_MAIN({ "computing", computing }, { "packets", packets })
