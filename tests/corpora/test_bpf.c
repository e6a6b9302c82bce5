// SPDX-License-Identifier: Apache-2.0
/*
 * The tests of the kernel's lib/test_bpf.c on our engines: eBPF as it is, classic programs through our
 * translator, the tail-call tests over a prog array. Built and started by tools/corpora-test-bpf, which brings the
 * tables. Prints a line for each test that does not pass and a summary; adds figures to the file FIGURES.
 *
 * What exists only inside the kernel is given its public form: the marked `w = w` of its verifier, its own code for
 * a tail call. And a program that ends with unreachable instructions gets an exit after them, as every verifier wants.
 *
 *	test_bpf FIGURES [CPU]
 *
 * With CPU only the compiled engines run, and that is added to their names: the emulated CPU of a cross-compiled build.
 */
#include "test_bpf.h"

#include <inttypes.h>

#include "exec/exec.h"
#include "exec/view.h"
#include "helper/helper.h"
#include "jit/jit.h"
#include "skep/filter.h"

#define RUNS 10
#define BUDGET (1ull << 40)

struct engine {
	const char *name;
	bool compiled, watched;
	struct jit_opts opts;
	unsigned int passed, failed;
	unsigned int interpreted; /* left to the interpreter by the compiler */
	char why[160];		  /* the first of them */
	unsigned int refused;	  /* what a verifier refuses, and a checking engine too */
};

static struct engine engines[] = {
	{ .name = "interp" },
	{ .name = "interp_checking", .watched = true },
	{ .name = "jit", .compiled = true, .opts = { .mode = JIT_TRUSTED } },
	{ .name = "jit_plain",
	  .compiled = true,
	  .opts = { .mode = JIT_TRUSTED, .no_optimise = true } },
	{ .name = "checked", .compiled = true, .opts = { .mode = JIT_CHECKED } },
};

static unsigned int tests_ebpf, tests_classic, tests_tail, rejected_well;
static struct exec_run run;
static uint64_t steps; /* that were watched */
static bool compiled_only;

/* A test as an engine sees it. */
struct job {
	const char *name;
	struct skep_insn *insns;
	size_t n;
	struct exec_prog *prog;
	int tail; /* index among the tail tests, or -1 */
};

static bool complain(const struct engine *e, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool complain(const struct engine *e, const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("%-15s %-60s ", e ? e->name : "translator", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return false;
}

/* Payload after Ethernet, IPv4 and ICMP, UDP or TCP; 0 when it is not all there. */
static uint32_t payload_offset(const uint8_t *p, uint32_t len)
{
	uint32_t at;

	if (len < 34 || p[12] != 8 || p[13] != 0)
		return 0;
	at = 14 + (p[14] & 15u) * 4;
	if (p[23] == 17 || p[23] == 1)
		return len >= at + 8 ? at + 8 : 0;
	if (p[23] == 6)
		return len >= at + 20 ? at + (p[at + 12] >> 4) * 4u : 0;
	return 0;
}

/* What a subtest's program runs over. */
struct input {
	uint8_t *mem;
	size_t size;
	uint8_t packet[2 * MAX_DATA];
	uint32_t packet_len;
	struct skep_filter_ctx ctx;
	uint64_t r1;
};

static void fill_input(const struct bpf_test *t, int sub, struct input *in)
{
	size_t size = (size_t)t->test[sub].data_size;

	memset(in, 0, sizeof(*in));
	if ((t->aux & TEST_TYPE_MASK) == INTERNAL) {
		in->size = t->aux & FLAG_LARGE_MEM ? size : 4096;
		in->mem = calloc(1, in->size);
		in->r1 = t->aux & FLAG_NO_DATA ? 0 : (uint64_t)(uintptr_t)in->mem;
		return;
	}
	memcpy(in->packet, t->data, size < MAX_DATA ? size : MAX_DATA);
	in->packet_len = (uint32_t)size;
	if (t->aux & FLAG_SKB_FRAG) {
		memcpy(in->packet + size, t->frag_data, MAX_DATA);
		in->packet_len += MAX_DATA;
	}
	in->ctx = (struct skep_filter_ctx){
		.data = (uint64_t)(uintptr_t)in->packet,
		.len = in->packet_len,
		.wirelen = in->packet_len,
		.net_off = size < ETH_HLEN ? (uint32_t)size : ETH_HLEN,
		.protocol = ETH_P_IP,
		.pkttype = SKB_TYPE,
		.ifindex = SKB_DEV_IFINDEX,
		.mark = SKB_MARK,
		.queue = SKB_QUEUE_MAP,
		.hatype = SKB_DEV_TYPE,
		.rxhash = SKB_HASH,
		.vlan_tci = SKB_VLAN_TCI,
		.vlan_present = 1,
		.vlan_tpid = ETH_P_IP,
		.pay_offset = payload_offset(in->packet, in->packet_len),
	};
	in->mem = (uint8_t *)&in->ctx;
	in->size = sizeof(in->ctx);
	in->r1 = (uint64_t)(uintptr_t)&in->ctx;
}

static void allow(void *p, size_t size, bool writable, const char *name)
{
	exec_region_add(&run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)p,
						     .size = size,
						     .kind = REGION_MEM,
						     .writable = writable,
						     .name = name });
}

static const struct err_def broken = { "W0001", EFAULT, "the interpreter has gone astray" };

/* What holds before every instruction that is interpreted, whatever the program did. */
static bool watch(void *ctx, struct exec_run *r, const uint64_t *regs)
{
	uint64_t frame = (uint64_t)(uintptr_t)r->stack + (uint64_t)r->depth * EXEC_FRAME_STRIDE;

	(*(uint64_t *)ctx)++;
	if (r->insn < exec_view_count(r->prog) && r->depth < ISA_MAX_FRAMES &&
	    regs[ISA_REG_FP] == frame + ISA_STACK_SIZE)
		return true;
	exec_fault(r, &broken, "instruction %u in frame %u: r10 is 0x%" PRIx64, r->insn, r->depth,
		   regs[ISA_REG_FP]);
	return false;
}

static int run_once(const struct engine *e, const struct job *job, const struct jit_prog *jit,
		    struct input *in, uint64_t *ret, struct skep_error **err)
{
	exec_run_start(&run, BUDGET);
	allow(in->mem, in->size, true, "memory");
	if (in->packet_len)
		allow(in->packet, in->packet_len, false, "packet");
	run.ctx_len = in->size;
	run.watch = e->watched ? watch : NULL;
	run.watch_ctx = &steps;
	return e->compiled ? jit_run(jit, &run, in->r1, ret, err) :
			     exec(job->prog, &run, in->r1, ret, err);
}

static bool run_subtest(const struct engine *e, const struct job *job, const struct jit_prog *jit,
			const struct bpf_test *t, int sub)
{
	struct input in;
	struct skep_error *err = NULL;
	bool good = true;

	fill_input(t, sub, &in);
	for (int i = 0; i < RUNS && good; i++) {
		uint64_t r0 = 0;

		if (run_once(e, job, jit, &in, &r0, &err) < 0)
			good = complain(e, job->name, "%s", skep_error_message(err));
		else if ((uint32_t)r0 != t->test[sub].result)
			good = complain(e, job->name, "subtest %d: r0 is 0x%x, expected 0x%x", sub,
					(uint32_t)r0, t->test[sub].result);
	}
	if ((t->aux & TEST_TYPE_MASK) == INTERNAL)
		free(in.mem);
	skep_error_free(err);
	return good;
}

static bool runs(const struct engine *e)
{
	return e->compiled || !compiled_only;
}

enum verdict { PASSED, FAILED, REFUSED };

/* One engine; counts. */
static void run_engine(struct engine *e, const struct job *job,
		       enum verdict (*check)(const struct engine *, const struct job *,
					     const struct jit_prog *, const void *),
		       const void *arg)
{
	struct jit_prog *jit = NULL;
	struct skep_error *err = NULL;
	int r = e->compiled ? jit_new(job->prog, &e->opts, &jit, &err) : 0;

	if (r < 0) {
		if (r == -EOPNOTSUPP && e->interpreted++ == 0)
			snprintf(e->why, sizeof(e->why), "'%s': %s", job->name,
				 skep_error_message(err));
		if (r != -EOPNOTSUPP && ++e->failed)
			complain(e, job->name, "%s", skep_error_message(err));
		skep_error_free(err);
		return;
	}
	switch (check(e, job, jit, arg)) {
	case PASSED:
		e->passed++;
		break;
	case FAILED:
		e->failed++;
		break;
	case REFUSED:
		e->refused++;
	}
	if (jit)
		jit_free(jit);
}

static enum verdict check_test(const struct engine *e, const struct job *job,
			       const struct jit_prog *jit, const void *arg)
{
	const struct bpf_test *t = arg;

	for (int i = 0; i < MAX_SUBTESTS; i++) {
		if (i > 0 && t->test[i].data_size == 0 && t->test[i].result == 0)
			break;
		if (!run_subtest(e, job, jit, t, i))
			return FAILED;
	}
	return PASSED;
}

/* The public form of what only the kernel's inside has. */
static void publish(struct bpf_insn *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (in[i].code == (BPF_ALU | BPF_MOV | BPF_X) && in[i].imm == 1 &&
		    in[i].src_reg == in[i].dst_reg)
			in[i].imm = 0;
		if (in[i].code == (BPF_JMP | BPF_TAIL_CALL))
			in[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL,
						   .imm = BPF_FUNC_tail_call };
		if (in[i].code == (BPF_LD | BPF_DW | BPF_IMM))
			i++;
	}
}

static size_t length_of(const struct bpf_test *t)
{
	size_t len = MAX_INSNS - 1;

	if (t->fill_helper)
		return t->u.ptr.len;
	while (len > 0 && !t->u.insns[len].code && !t->u.insns[len].k)
		len--;
	return len + 1;
}

/* -errno: what exec or the translator refuses, with *err. */
static int make_job(const struct bpf_test *t, struct job *job, struct skep_error **err)
{
	struct exec_prog_opts o = { .object = "test_bpf", .name = t->descr, .prog_type = -1 };
	const void *insns = t->fill_helper ? t->u.ptr.insns : t->u.insns;
	size_t n = length_of(t);
	int r = 0;

	if ((t->aux & TEST_TYPE_MASK) == CLASSIC) {
		r = skep_cbpf_translate(insns, n, &job->insns, &job->n, err);
	} else {
		job->insns = calloc(n + 1, sizeof(*job->insns));
		memcpy(job->insns, insns, n * sizeof(*job->insns));
		publish((struct bpf_insn *)(void *)job->insns, n);
		if (job->insns[n - 1].code != (BPF_JMP | BPF_EXIT))
			job->insns[n++].code = BPF_JMP | BPF_EXIT;
		job->n = n;
	}
	if (r < 0)
		return r;
	o.insns = job->insns;
	o.ninsns = (uint32_t)job->n;
	o.helpers = helper_table(&o.nhelpers);
	return exec_prog_new(&o, &job->prog, err);
}

static void run_test(struct bpf_test *t)
{
	bool classic = (t->aux & TEST_TYPE_MASK) == CLASSIC;
	struct job job = { .name = t->descr, .tail = -1 };
	struct skep_error *err = NULL;
	int r;

	tests_classic += classic;
	tests_ebpf += !classic;
	if (t->fill_helper && t->fill_helper(t) < 0) {
		complain(NULL, t->descr, "not made");
		return;
	}
	r = make_job(t, &job, &err);
	if (t->aux & FLAG_EXPECTED_FAIL) {
		if (r == t->expected_errcode)
			rejected_well++;
		else if (r == 0) /* the kernel's translation is too long for its jumps */
			complain(NULL, t->descr, "accepted; the kernel gives %d",
				 t->expected_errcode);
		else
			complain(NULL, t->descr, "gives %d, the kernel %d", r, t->expected_errcode);
	} else if (r < 0) {
		complain(NULL, t->descr, "refused: %s", skep_error_message(err));
		for (size_t e = 0; e < ARRAY_SIZE(engines); e++)
			engines[e].failed++;
	} else {
		for (size_t e = 0; e < ARRAY_SIZE(engines); e++)
			if (runs(&engines[e]))
				run_engine(&engines[e], &job, check_test, t);
	}
	skep_error_free(err);
	exec_prog_free(job.prog);
	free(job.insns);
	if (t->fill_helper)
		free(t->u.ptr.insns);
}

/* Tail calls: every test may go to any other, by its place in the table. */
#define TAILS ARRAY_SIZE(tail_call_tests)
static struct job tails[TAILS];
static struct exec_map progs = { .map = tails, .name = "progs", .type = MAP_PROG_ARRAY, 4, 4 };

static const struct exec_map *find_map(void *space, uint64_t addr)
{
	(void)space;
	return addr == (uint64_t)(uintptr_t)&progs ? &progs : NULL;
}

static const struct exec_prog *find_tail(void *space, void *map, uint32_t index)
{
	(void)space, (void)map;
	return index < TAILS ? tails[index].prog : NULL;
}

static const struct exec_space_ops space_ops = { .map = find_map, .tail = find_tail };

static uint64_t test_func(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	char buf[64];

	(void)ctx, (void)b, (void)c, (void)d, (void)e;
	return (uint64_t)snprintf(buf, sizeof(buf), "%d", (int)a);
}

static uint64_t nothing(struct exec_run *r, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
			uint64_t e)
{
	(void)r, (void)b, (void)c, (void)d, (void)e;
	return test_func(NULL, a, 0, 0, 0, 0);
}

static int make_tail(size_t i, struct skep_error **err)
{
	static exec_helper_fn bodies[HELPER_COUNT];
	const struct tail_call_test *t = &tail_call_tests[i];
	struct exec_prog_opts o = { .object = "test_bpf",
				    .name = t->descr,
				    .prog_type = -1,
				    .helpers = bodies,
				    .nhelpers = HELPER_COUNT,
				    .space_ops = &space_ops };
	struct bpf_insn insns[MAX_INSNS];
	size_t n = MAX_INSNS;

	for (size_t k = 0; k < HELPER_COUNT; k++)
		bodies[k] = nothing;
	memcpy(insns, t->insns, sizeof(insns));
	while (n > 1 && !insns[n - 1].code)
		n--;
	for (size_t k = 0; k < n; k++) {
		struct bpf_insn *in = &insns[k];

		if (in->code == (BPF_LD | BPF_DW | BPF_IMM) && in->imm == TAIL_CALL_MARKER) {
			in[0].imm = (int32_t)(uintptr_t)&progs;
			in[1].imm = (int32_t)((uint64_t)(uintptr_t)&progs >> 32);
			k++;
		} else if (in->imm == TAIL_CALL_MARKER) {
			in->imm = in->off == TAIL_CALL_NULL    ? (int32_t)TAILS :
				  in->off == TAIL_CALL_INVALID ? (int32_t)TAILS + 1 :
								 (int32_t)i + in->off;
			in->off = 0;
		} else if (in->code == (BPF_JMP | BPF_CALL)) {
			in->src_reg = 0; /* any served helper: their results are not looked at */
			in->imm = in->imm == BPF_FUNC_test_func ? BPF_FUNC_ktime_get_ns : in->imm;
		}
	}
	publish(insns, n);
	o.insns = (const struct skep_insn *)(const void *)insns;
	o.ninsns = (uint32_t)n;
	tails[i] = (struct job){ .name = t->descr, .tail = (int)i };
	return exec_prog_new(&o, &tails[i].prog, err);
}

static enum verdict check_tail(const struct engine *e, const struct job *job,
			       const struct jit_prog *jit, const void *arg)
{
	const struct tail_call_test *t = arg;
	uint32_t state[2] = { 0 };
	struct input in = { .mem = (uint8_t *)state, .size = sizeof(state) };
	struct skep_error *err = NULL;
	bool good = true, refused;
	uint64_t r0 = 0;

	if (t->flags & FLAG_NEED_STATE)
		in.r1 = (uint64_t)(uintptr_t)state;
	for (int i = 0; i < MAX_TESTRUNS && good; i++)
		if (run_once(e, job, jit, &in, &r0, &err) < 0)
			good = complain(e, job->name, "%s", skep_error_message(err));
	if (t->flags & FLAG_RESULT_IN_STATE)
		r0 = state[0];
	if (good && (int)r0 != t->result)
		good = complain(e, job->name, "result %d, expected %d", (int)r0, t->result);
	refused = err && !strcmp(skep_error_id(err), "X0205"); /* r1 is not the context */
	skep_error_free(err);
	return good ? PASSED : refused ? REFUSED : FAILED;
}

static void run_tails(void)
{
	struct skep_error *err = NULL;

	for (size_t i = 0; i < TAILS; i++) {
		tests_tail++;
		if (make_tail(i, &err) < 0) {
			complain(NULL, tail_call_tests[i].descr, "refused: %s",
				 skep_error_message(err));
			skep_error_free(err);
			err = NULL;
		}
	}
	for (size_t i = 0; i < TAILS; i++)
		for (size_t e = 0; e < ARRAY_SIZE(engines) && tails[i].prog; e++)
			if (runs(&engines[e]))
				run_engine(&engines[e], &tails[i], check_tail, &tail_call_tests[i]);
	for (size_t i = 0; i < TAILS; i++)
		exec_prog_free(tails[i].prog);
}

static void add_figure(FILE *out, const char *engine, const char *cpu, const char *what,
		       unsigned int value)
{
	fprintf(out, "{\"figure\": \"test_bpf.%s%s%s.%s\", \"value\": %u, \"unit\": \"count\"}\n",
		engine, *cpu ? "_" : "", cpu, what, value);
}

static void report(const struct engine *e, const char *cpu, FILE *out)
{
	char name[40];

	snprintf(name, sizeof(name), "%s%s%s", e->name, *cpu ? "_" : "", cpu);
	printf("%-15s %u passed, %u failed, %u interpreted only, %u refused as by a verifier\n",
	       name, e->passed, e->failed, e->interpreted, e->refused);
	if (e->interpreted)
		printf("                interpreted only, the first one: %s\n", e->why);
	if (!out)
		return;
	add_figure(out, e->name, cpu, "passed", e->passed);
	add_figure(out, e->name, cpu, "failed", e->failed);
	add_figure(out, e->name, cpu, "interpreted", e->interpreted);
	add_figure(out, e->name, cpu, "refused", e->refused);
}

int main(int argc, char **argv)
{
	FILE *out = argc > 1 ? fopen(argv[1], "a") : NULL;
	const char *cpu = argc > 2 ? argv[2] : "";
	unsigned int failed = 0;

	compiled_only = *cpu;
	if ((argc > 1 && !out) || exec_run_init(&run, NULL) < 0)
		return 3;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		run_test(&tests[i]);
	run_tails();
	exec_run_done(&run);
	if (!compiled_only)
		printf("test_bpf: %u eBPF, %u classic, %u of tail calls; %u classic ones rejected as they should be; %" PRIu64
		       " steps watched\n",
		       tests_ebpf, tests_classic, tests_tail, rejected_well, steps);
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		if (!runs(&engines[e]))
			continue;
		report(&engines[e], cpu, out);
		failed += engines[e].failed;
	}
	if (out && !compiled_only)
		fprintf(out,
			"{\"figure\": \"test_bpf.tests\", \"value\": %u, \"unit\": \"count\"}\n"
			"{\"figure\": \"test_bpf.rejected\", \"value\": %u, \"unit\": \"count\"}\n",
			tests_ebpf + tests_classic + tests_tail, rejected_well);
	return (out && fclose(out)) || failed ? 1 : 0;
}
