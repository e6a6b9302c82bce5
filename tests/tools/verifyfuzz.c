// SPDX-License-Identifier: Apache-2.0
/*
 * Is the verifier right? Random programs (tests/unit/fuzz_gen.h) over a packet and a map. What it accepts runs in the
 * checking interpreter on random and boundary packets: no access may fault, and before each instruction the registers and
 * stacks must lie inside a state that the verifier walked (core/contain.h), and its facts must hold. Every
 * KERNELth program is also given to the kernel: what that accepts must be accepted here; what it rejects and this accepts
 * is counted by why: the kernel came to what is dead here, as numbers are known better (docs/verifier-domains.md); its limits; or
 * another reason, which is told.
 *
 *	verifyfuzz [-n PROGRAMS] [-t SECONDS] [-s SEED] [-k KERNEL] [-r RUNS] [-m] [-v] [-l]
 *
 * Each program runs RUNS times (4). -m changes a few instructions of each program, so that many are rejected; -v tells each verdict, -l the log of
 * level 2. Without -n and -t: 2,000 programs. Exit status 1 after a breach or a different verdict; it prints seed and program.
 */
#include "skep/insn.h"

#include <time.h>
#include <unistd.h>

#include "../unit/exec_fixture.h"
#include "../unit/fuzz_gen.h"
#include "../unit/oracle.h"
#include "core/contain.h"

#define BUDGET 1000000
#define WATCHED_INSNS 60000

struct args {
	uint64_t programs, seed, kernel, seconds, runs;
	bool verbose, mutate;
};

static struct {
	uint64_t made, accepted, rejected, too_large, steps, states, asked, agreed, ours_only, dead,
		limits, summaries, endless, broken;
} sum;

static bool log_all;
static struct fix fix;
static uint8_t packet[FUZZ_MEM] __attribute__((aligned(16)));
static uint8_t ctx_mem[64] __attribute__((aligned(16)));

static const struct verify_map maps[FIX_MAPS] = {
	{ .name = "counts", .type = MAP_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 4 },
	{ .name = ".rodata", .type = MAP_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 1 },
	{ .name = "jumps",
	  .type = MAP_PROG_ARRAY,
	  .key_size = 4,
	  .value_size = 4,
	  .max_entries = 4 },
};

static void print_program(const struct text *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		printf("%4u: %02x %u %u %d 0x%x\n", i, t->in[i].code, t->in[i].regs & 15,
		       t->in[i].regs >> 4, t->in[i].off, (uint32_t)t->in[i].imm);
}

static void report(uint64_t seed, const struct text *t, const char *what, struct skep_error *err)
{
	sum.broken++;
	printf("seed %" PRIu64 ": %s%s%s\n", seed, what, err ? ": " : "",
	       err ? skep_error_message(err) : "");
	if (err)
		printf("  at %llu\n", (unsigned long long)skep_error_place(err)->at);
	print_program(t);
}

static int verify(const struct text *t, struct contain *c, struct verify_result *ret,
		  struct skep_error **reterr)
{
	return verify_prog(&(struct verify_opts){ .prog = "fuzz",
						  .insns = t->in,
						  .n = t->n,
						  .prog_type = PROG_XDP,
						  .attach_type = ATTACH_NONE,
						  .gpl = true,
						  .caps = VERIFY_CAPS_ALL,
						  .maps = maps,
						  .nmaps = FIX_MAPS,
						  .want_facts = !c,
						  .log_level = log_all && !c ? VERIFY_LOG_ALL : 0,
						  .watch = c ? contain_see : NULL,
						  .watch_ctx = c,
						  .insn_limit = c ? WATCHED_INSNS : 0 },
			   ret, reterr);
}

/* Watching -------------------------------------------------------------------------------------- */

struct watcher {
	struct contain *contain;
	const struct text *t;
	const struct spec_fact *facts;
	uint32_t before, depth;
};

static const struct err_def ERR_FACT = { "T0003", EPERM, "a fact does not hold" };

static bool facts_hold(const struct watcher *w, const struct exec_run *run, const uint64_t *r)
{
	const struct skep_insn *in;
	const struct spec_fact *f;
	enum isa_op op;

	if (w->facts[run->insn].flags & FACT_DEAD)
		return false;
	if (w->before == UINT32_MAX || w->depth != run->depth)
		return true;
	in = &w->t->in[w->before];
	f = &w->facts[w->before];
	op = isa_decode(in, 2);
	if (isa_kind(op) == ISA_KIND_BRANCH && in->off)
		return !(f->flags & (run->insn == w->before + 1 ? FACT_TAKEN : FACT_NOT_TAKEN));
	if (!(isa_writes(op) & ISA_USE_DST))
		return true;
	if (f->flags & FACT_CONST && r[insn_dst(in)] != f->value)
		return false;
	return !(f->flags & FACT_RANGE) ||
	       (r[insn_dst(in)] >= f->umin && r[insn_dst(in)] <= f->umax);
}

static bool look(void *ctx, struct exec_run *run, const uint64_t *r)
{
	struct watcher *w = ctx;
	enum isa_kind kind = isa_kind(isa_decode(&w->t->in[run->insn], 2));

	if (!facts_hold(w, run, r)) {
		exec_fault(run, &ERR_FACT, "of instruction %u, or %u is dead", w->before,
			   run->insn);
		return false;
	}
	w->depth = run->depth;
	w->before = kind == ISA_KIND_CALL || kind == ISA_KIND_EXIT ? UINT32_MAX : run->insn;
	return !w->contain || contain_look(w->contain, run, r);
}

static int run_once(struct exec_run *run, const struct exec_prog *prog, struct watcher *w,
		    unsigned int turn, struct skep_error **reterr)
{
	struct ctx_xdp backing = { .data = (uint64_t)(uintptr_t)packet,
				   .data_end =
					   (uint64_t)(uintptr_t)packet + FUZZ_MEM - (turn % 8 == 3),
				   .data_meta = (uint64_t)(uintptr_t)packet };
	const struct spec_ctx *ctx = spec_ctx_of(PROG_XDP);
	uint64_t r0;

	for (unsigned int i = 0; i < FUZZ_MEM; i++)
		packet[i] = turn % 3 == 0 ? (uint8_t)(random64() >> 30) :
			    turn % 3 == 1 ? (uint8_t) - (random64() >> 40 & 1) :
					    (uint8_t)interesting();
	memcpy(fix.counts, packet, sizeof(fix.counts));
	exec_run_start(run, BUDGET);
	run->ctx_backing = &backing;
	run->watch = look;
	run->watch_ctx = w;
	w->before = UINT32_MAX;
	exec_region_add(run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)ctx_mem,
						    .size = ctx->size,
						    .kind = REGION_CTX,
						    .writable = true,
						    .name = ctx->name,
						    .ctx = ctx,
						    .backing = &backing });
	exec_region_add(run, &(struct exec_region){ .base = backing.data,
						    .size = backing.data_end - backing.data,
						    .kind = REGION_PACKET,
						    .writable = true });
	return exec(prog, run, (uint64_t)(uintptr_t)ctx_mem, &r0, reterr);
}

/* The interpreter looks at all code, also at what no run comes to. */
static void refused(uint64_t seed, const struct text *t, const struct spec_fact *facts,
		    struct skep_error **err)
{
	if (!(facts[skep_error_place(*err)->at].flags & FACT_DEAD))
		report(seed, t, "accepted, but exec refuses it", *err);
	skep_error_free(*err);
	*err = NULL;
}

static void contained(uint64_t seed, const struct text *t, const struct spec_fact *facts,
		      uint64_t runs)
{
	struct exec_prog_opts o = { .prog_type = PROG_XDP,
				    .helpers = bodies,
				    .nhelpers = HELPER_COUNT,
				    .insns = t->in,
				    .ninsns = t->n };
	struct contain *c = contain_new(t->n, 0);
	struct watcher w = { .contain = c, .t = t, .facts = facts };
	struct exec_prog *prog = NULL;
	struct skep_error *err = NULL;
	struct contain_stats stats;
	static struct exec_run run;
	int r = verify(t, c, NULL, &err);

	if (r == -E2BIG) {
		sum.too_large++;
		w.contain = NULL;
	} else if (r < 0) {
		report(seed, t, "accepted, but not when watched", err);
	}
	skep_error_free(err);
	err = NULL;
	if (!run.stack && exec_run_init(&run, &err) < 0)
		exit(3);
	if (fix_new(&fix, NULL, &o, &prog, &err) < 0)
		refused(seed, t, facts, &err);
	for (unsigned int turn = 0; prog && turn < runs; turn++) {
		if (run_once(&run, prog, &w, turn, &err) < 0) {
			/* a summary proves an end, perhaps after 2^32 rounds */
			if (!(facts[0].flags & FACT_BOUNDED) && skep_error_code(err) == -ELOOP) {
				sum.endless++;
				break;
			}
			report(seed, t, "accepted, but", err);
			break;
		}
	}
	skep_error_free(err);
	contain_stats(c, &stats);
	sum.steps += stats.steps;
	sum.states += stats.states;
	exec_prog_free(prog);
	contain_free(c);
}

/* The kernel ---------------------------------------------------------------------------------------- */

static int map_fd = -1;

/* The reason of a rejection: the line before the statistics. */
static const char *last_line(char *log)
{
	char *end = strstr(log, "\nprocessed "), *start = end;

	if (!end)
		return log;
	*end = 0;
	while (start > log && start[-1] != '\n')
		start--;
	return start;
}

/* Why the kernel refuses what is accepted here: the last instruction of its log is dead, or it gave up. */
static void ours_only(uint64_t seed, const struct spec_fact *facts, uint32_t n, char *log)
{
	static const char *const limits[] = { "too complex", "too large", "infinite loop" };
	const char *line = log, *why;
	uint32_t at, last = 0;

	sum.ours_only++;
	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%u: (", &at) == 1 && at < n)
			last = at;
	}
	why = last_line(log);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (strstr(why, limits[i])) {
			sum.limits++;
			return;
		}
	if (facts && facts[last].flags & FACT_DEAD)
		sum.dead++;
	else
		printf("seed %" PRIu64 ": accepted here only; the kernel at %u: %s\n", seed, last,
		       why);
}

static void ask_kernel(uint64_t seed, const struct text *t, int ours, const struct spec_fact *facts,
		       struct skep_error *err)
{
	static char log[1 << 20];
	struct text theirs = *t;
	int fd;

	if (map_fd < 0)
		map_fd = oracle_map_new(BPF_MAP_TYPE_ARRAY, 4, 16, 4, 0, 0);
	for (uint32_t i = 0; i < theirs.n; i++) {
		if (theirs.in[i].code != 0x18)
			continue;
		if (insn_src(&theirs.in[i]) == ISA_PSEUDO_MAP_IDX) {
			theirs.in[i].regs = insn_regs(insn_dst(&theirs.in[i]), ISA_PSEUDO_MAP_FD);
			theirs.in[i].imm = map_fd;
		}
		i++;
	}
	fd = oracle_load(BPF_PROG_TYPE_XDP, (const struct bpf_insn *)(const void *)theirs.in,
			 theirs.n, NULL, 0);
	sum.asked++;
	if ((fd < 0) == (ours < 0)) {
		sum.agreed++;
	} else if (fd < 0) {
		(void)oracle_load(BPF_PROG_TYPE_XDP,
				  (const struct bpf_insn *)(const void *)theirs.in, theirs.n, log,
				  sizeof(log));
		ours_only(seed, facts, t->n, log);
	} else {
		report(seed, t, "accepted by the kernel, not here", err);
	}
	if (fd >= 0)
		close(fd);
}

/* A few changes, of kinds that may leave a program as good as it was. */
static void mutate(struct text *t)
{
	for (uint32_t n = 1 + below(3); n; n--) {
		struct skep_insn *in = &t->in[below(t->n)], *other = &t->in[below(t->n)];

		if (!in->code || in->code == 0x18) /* a map is a descriptor in the kernel */
			continue;
		switch (below(8)) {
		case 0:
			in->imm = (int32_t)interesting();
			break;
		case 1:
			in->imm += (int32_t)below(9) - 4;
			break;
		case 2:
			in->off = (int16_t)(in->off + (int)below(9) - 4);
			break;
		case 3:
			in->regs = insn_regs(below(11), insn_src(in));
			break;
		case 4:
			in->regs = insn_regs(insn_dst(in), below(11));
			break;
		case 5:
			in->code = other->code;
			break;
		case 6:
			*in = *other;
			break;
		default:
			in->code ^= (uint8_t)(1u << below(8));
			break;
		}
	}
}

/* Registers beyond r10 are refused everywhere, by the kernel only where it comes to (docs/verifier-differences.md). */
static bool has_registers(const struct text *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		enum isa_op op = isa_decode(&t->in[i], t->n - i);

		if ((t->in[i].regs & 15) > 10 || t->in[i].regs >> 4 > 10 ||
		    op == ISA_MOV64_PERCPU || (t->in[i].code == 0x95 && t->in[i].off))
			return false;
	}
	return true;
}

static void one(uint64_t seed, const struct args *a)
{
	struct fuzz f = { .strict = true, .maps = seed % 4 != 0 };
	struct skep_error *err = NULL;
	struct verify_result ret;
	struct text t;
	int r;

	if (!fuzz_body(&f, seed, seed % 16 ? 60 : 200))
		return;
	fuzz_kernel(&f, &t);
	if (a->mutate)
		mutate(&t);
	if (!has_registers(&t))
		return;
	sum.made++;
	r = verify(&t, NULL, &ret, &err);
	if (a->verbose)
		printf("%" PRIu64 ": %s\n", seed, r < 0 ? skep_error_message(err) : "accepted");
	if (ret.log)
		fputs(ret.log, stdout);
	if (a->kernel && seed % a->kernel == 0)
		ask_kernel(seed, &t, r, ret.facts, err);
	if (r < 0) {
		sum.rejected++;
	} else if (ret.facts) {
		sum.accepted++;
		sum.summaries += ret.stats.summaries;
		contained(seed, &t, ret.facts, a->runs);
	}
	skep_error_free(err);
	verify_done(&ret);
}

static void parse(int argc, char **argv, struct args *a)
{
	int c;

	while ((c = getopt(argc, argv, "n:t:s:k:r:mvl")) != -1) {
		uint64_t x = optarg ? strtoull(optarg, NULL, 0) : 0;

		if (c == 'n')
			a->programs = x;
		else if (c == 't')
			a->seconds = x;
		else if (c == 's')
			a->seed = x;
		else if (c == 'k')
			a->kernel = x;
		else if (c == 'r')
			a->runs = x;
		else if (c == 'v')
			a->verbose = true;
		else if (c == 'm')
			a->mutate = true;
		else if (c == 'l')
			log_all = true;
		else
			exit(2);
	}
	if (!a->programs)
		a->programs = a->seconds ? UINT64_MAX : 2000;
}

int main(int argc, char **argv)
{
	struct args a = { .seed = 1, .runs = 4 };
	time_t start = time(NULL);

	parse(argc, argv, &a);
	if (a.kernel && oracle_missing()) {
		printf("the kernel is not asked: %s\n", oracle_missing());
		a.kernel = 0;
	}
	fix_init(&fix);
	for (uint64_t i = 0; i < a.programs && sum.broken < 5; i++) {
		if (a.seconds && time(NULL) - start >= (time_t)a.seconds)
			break;
		one(a.seed + i, &a);
	}
	printf("%" PRIu64 " programs: %" PRIu64 " accepted, %" PRIu64 " rejected; %" PRIu64
	       " steps inside %" PRIu64 " states (%" PRIu64 " programs too large to watch, %" PRIu64
	       " loops summarised); %" PRIu64 " of %" PRIu64 " verdicts as the kernel's, %" PRIu64
	       " accepted here only (%" PRIu64 " dead here, %" PRIu64 " limits); %" PRIu64
	       " ran to the budget; %" PRIu64 " breaches\n",
	       sum.made, sum.accepted, sum.rejected, sum.steps, sum.states, sum.too_large,
	       sum.summaries, sum.agreed, sum.asked, sum.ours_only, sum.dead, sum.limits,
	       sum.endless, sum.broken);
	return sum.broken ? 1 : 0;
}
