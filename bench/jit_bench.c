// SPDX-License-Identifier: Apache-2.0
/*
 * The JIT against native code, the kernel's JIT and our interpreter, over the 20 workloads of bench/workloads. One
 * pinned CPU; a sample is SAMPLE_NS of back-to-back runs; a round visits every workload on every engine,
 * the engines in rotating order. Figures are medians over the rounds; a ratio is the median of the rounds'
 * ratios, whose samples are milliseconds apart, so that a drifting clock rate cancels out.
 *
 *	jit_bench [FILE]	prints; adds one JSON object a line to FILE. ROUNDS=n in the environment
 *
 * The kernel's clock holds its test loop, so its column is net of the empty program's time. Ratios to the
 * kernel are of our times over real maps, where there are maps, and net of the same engine's empty program on both
 * sides. That clock counts whole nanoseconds, and the loop hides some: programs of less than KERNEL_LEAST net have no
 * such ratio, and neither has the empty one.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jit/engine.h"

#define SAMPLE_NS 4e6
#define ROUNDS_MAX 201
#define KERNEL_LEAST 10

static const char *const engine_names[ENGINES] = {
	[ENGINE_GCC] = "gcc -O2",     [ENGINE_CLANG] = "clang -O2",
	[ENGINE_JIT] = "jit",	      [ENGINE_MAPS] = "jit, maps",
	[ENGINE_CHECKED] = "checked", [ENGINE_FACTS] = "checked+facts",
	[ENGINE_INTERP] = "interp",   [ENGINE_KERNEL] = "kernel net",
};

/*
 * ns a run of uBPF's interpreter (commit 2a8edd1, with its bounds checks; without them where it has no map memory) and of
 * gcc -O2, measured side by side on a machine of this kind: what counts is their ratio.
 */
static const struct {
	double interp, native;
} ubpf[WORK_COUNT] = {
	[WORK_empty] = { 22.8, 1.82 },		[WORK_xorshift10k] = { 347202, 15725 },
	[WORK_primes500] = { 106936, 2532 },	[WORK_csum1500] = { 31048, 412 },
	[WORK_parse_jhash] = { 520, 4.93 },	[WORK_copy512] = { 1452, 13.9 },
	[WORK_strscan1000] = { 26786, 271 },	[WORK_switch512] = { 31440, 565 },
	[WORK_siphash256] = { 10198, 81.7 },	[WORK_helper1000] = { 16353, 1100 },
	[WORK_bpf2bpf1000] = { 38939, 1561 },	[WORK_atomic1000] = { 15641, 5155 },
	[WORK_array1000] = { 81652, 1707 },	[WORK_hash_inc1000] = { 84308, 2066 },
	[WORK_hash_upd1000] = { 96351, 2046 },	[WORK_large4k6] = { 13301, 432 },
	[WORK_fw_csum] = { 303, 3.99 },		[WORK_helper64_unrl] = { 604, 69.7 },
	[WORK_siphash64_unrl] = { 3440, 24.6 }, [WORK_csum256_unrl] = { 5255, 33.5 },
};

static const char *const labels[WORK_COUNT] = {
#define WORKLOAD(name, label) label,
	WORKLOADS(WORKLOAD)
#undef WORKLOAD
};

static struct cell {
	struct work *work;
	uint64_t times;
	double ns[ROUNDS_MAX];
} cells[WORK_COUNT][ENGINES];

static const char *why_not[ENGINES];
static int rounds = 31;
static uint8_t packet[2048] __attribute__((aligned(64)));

/* Ethernet, IPv4, TCP, then printable bytes; one newline, at 1000. */
static void fill_packet(void)
{
	static const uint8_t head[] = { 2,    0,  0,   0, 0,	1,    2,    0,	  0, 0,
					0,    2,  8,   0, 0x45, 0,    5,    0xce, 1, 2,
					0x40, 0,  64,  6, 0x12, 0x34, 192,  0,	  3, 7,
					198,  51, 100, 9, 0xc0, 1,    0x01, 0xbb };
	uint32_t x = 12345;

	for (int i = 0; i < PACKET_SIZE; i++) {
		x = x * 1103515245 + 12345;
		packet[i] = (uint8_t)(32 + (x >> 16) % 95);
	}
	memcpy(packet, head, sizeof(head));
	packet[1000] = '\n';
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct stat {
	double median, min, max;
};

static struct stat stat_of(const double *v)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, v, (size_t)rounds * sizeof(*v));
	qsort(sorted, (size_t)rounds, sizeof(*v), compare);
	return (struct stat){ sorted[rounds / 2], sorted[0], sorted[rounds - 1] };
}

static bool has(enum engine e)
{
	return cells[0][e].work;
}

/* Ours to compare with the kernel's: over real maps where the workload has them. */
static enum engine peer_of_kernel(int w, enum engine a)
{
	return a == ENGINE_JIT && cells[w][ENGINE_MAPS].work ? ENGINE_MAPS : a;
}

/* What the engine took in a round: the kernel net of its loop. */
static double net(int w, enum engine e, int round)
{
	double ns = cells[w][e].ns[round];

	return e == ENGINE_KERNEL ? ns - cells[WORK_empty][e].ns[round] : ns;
}

static struct stat net_stat(int w, enum engine e)
{
	double v[ROUNDS_MAX];

	for (int i = 0; i < rounds; i++)
		v[i] = net(w, e, i);
	return stat_of(v);
}

/* Median of the rounds' ratios of @a to @b. */
static double ratio(int w, enum engine a, enum engine b)
{
	double v[ROUNDS_MAX];
	enum engine base = a;

	if (b == ENGINE_KERNEL)
		a = peer_of_kernel(w, a);
	for (int i = 0; i < rounds; i++) {
		double empty = b == ENGINE_KERNEL ? cells[WORK_empty][base].ns[i] : 0;

		v[i] = fmax(net(w, a, i) - empty, 0.5) / fmax(net(w, b, i), 0.5);
	}
	return stat_of(v).median;
}

struct summary {
	double geomean, worst;
	int worst_at;
};

static bool comparable(int w, enum engine to)
{
	return to != ENGINE_KERNEL || net_stat(w, to).median >= KERNEL_LEAST;
}

/* Over all workloads that can be compared. */
static struct summary summarise(enum engine a, enum engine b)
{
	struct summary s = { 0, 0, 0 };
	int n = 0;

	for (int w = 0; w < WORK_COUNT; w++) {
		double x;

		if (!comparable(w, b))
			continue;
		x = ratio(w, a, b);
		s.geomean += log(x);
		n++;
		if (x > s.worst) {
			s.worst = x;
			s.worst_at = w;
		}
	}
	s.geomean = exp(s.geomean / n);
	return s;
}

static int open_all(const char *build)
{
	for (int e = 0; e < ENGINES; e++)
		for (int w = 0; w < WORK_COUNT; w++) {
			const char *why = NULL;
			int r;

			if (e == ENGINE_MAPS && w != WORK_array1000 && w != WORK_hash_inc1000 &&
			    w != WORK_hash_upd1000)
				continue;
			r = work_open((enum engine)e, (enum workload)w, build, &cells[w][e].work,
				      &why);

			if ((r == -EOPNOTSUPP || r == -EPERM) && !has((enum engine)e)) {
				why_not[e] = why;
				break;
			}
			if (r < 0) {
				fprintf(stderr, "jit_bench: %s on %s: %s\n", labels[w],
					engine_names[e], why ? why : strerror(-r));
				return r;
			}
		}
	return 0;
}

/* All engines compute the same from the same packet, and leave the same packet. */
static int check_all(void)
{
	uint8_t left[PACKET_SIZE];
	uint32_t value, expected = 0;
	double ns;

	for (int w = 0; w < WORK_COUNT; w++)
		for (int e = 0; e < ENGINES; e++) {
			if (!cells[w][e].work)
				continue;
			fill_packet();
			if (work_run(cells[w][e].work, packet, 1, &ns, &value) < 0)
				return -1;
			if (e == ENGINE_GCC) {
				expected = value;
				memcpy(left, packet, sizeof(left));
			}
			if (value == expected &&
			    (e == ENGINE_KERNEL || !memcmp(left, packet, sizeof(left))))
				continue;
			fprintf(stderr, "jit_bench: %s on %s gives %u, %s gives %u%s\n", labels[w],
				engine_names[e], value, engine_names[ENGINE_GCC], expected,
				value == expected ? " but another packet" : "");
			return -1;
		}
	return 0;
}

static int calibrate(struct cell *c)
{
	uint32_t value;
	double ns = 0;

	for (c->times = 1; c->times < 1u << 30; c->times *= 4) {
		if (work_run(c->work, packet, c->times, &ns, &value) < 0)
			return -1;
		if (ns * (double)c->times > SAMPLE_NS / 8)
			break;
	}
	c->times = (uint64_t)fmax(1, SAMPLE_NS / fmax(ns, 0.5));
	return 0;
}

static int measure(void)
{
	uint32_t value;

	fill_packet();
	for (int w = 0; w < WORK_COUNT; w++)
		for (int e = 0; e < ENGINES; e++)
			if (cells[w][e].work && calibrate(&cells[w][e]) < 0)
				return -1;
	for (int i = 0; i < rounds; i++)
		for (int w = 0; w < WORK_COUNT; w++)
			for (int k = 0; k < ENGINES; k++) {
				struct cell *c = &cells[w][(i + k) % ENGINES];

				if (c->work &&
				    work_run(c->work, packet, c->times, &c->ns[i], &value) < 0)
					return -1;
			}
	return 0;
}

static void print_cell(int w, int e)
{
	struct stat s;
	char text[64];

	if (!cells[w][e].work) {
		printf(" %24s", "-");
		return;
	}
	s = net_stat(w, (enum engine)e);
	snprintf(text, sizeof(text), "%.*f [%.*f-%.*f]", s.median < 100 ? 2 : 0, s.median,
		 s.median < 100 ? 2 : 0, s.min, s.median < 100 ? 2 : 0, s.max);
	printf(" %24s", text);
}

static void print_ratio(int w, enum engine a, enum engine b)
{
	if (has(a) && has(b) && comparable(w, b))
		printf(" %7.2f", ratio(w, a, b));
	else
		printf(" %7s", "-");
}

static void print_table(void)
{
	printf("ns a run: median [min-max] of %d rounds; ratios of the same round, medians\n",
	       rounds);
	printf("%-16s", "");
	for (int e = 0; e < ENGINES; e++)
		printf(" %24s", engine_names[e]);
	printf(" %7s %7s %7s %7s\n", "jit/gcc", "jit/krn", "chk/jit", "int/jit");
	for (int w = 0; w < WORK_COUNT; w++) {
		printf("%-16s", labels[w]);
		for (int e = 0; e < ENGINES; e++)
			print_cell(w, e);
		print_ratio(w, ENGINE_JIT, ENGINE_GCC);
		print_ratio(w, ENGINE_JIT, ENGINE_KERNEL);
		print_ratio(w, ENGINE_CHECKED, ENGINE_JIT);
		print_ratio(w, ENGINE_INTERP, ENGINE_JIT);
		putchar('\n');
	}
	for (int e = 0; e < ENGINES; e++)
		if (why_not[e])
			printf("no %s: %s\n", engine_names[e], why_not[e]);
}

static void print_code(void)
{
	printf("\n%-16s %7s %10s %10s %10s %12s %12s\n", "", "insns", "jit bytes", "checked",
	       "kernel", "compile ns", "ns an insn");
	for (int w = 0; w < WORK_COUNT; w++) {
		const struct work_info *jit = work_info(cells[w][ENGINE_JIT].work);
		size_t checked = has(ENGINE_CHECKED) ?
					 work_info(cells[w][ENGINE_CHECKED].work)->code_bytes :
					 0;

		printf("%-16s %7u %10zu %10zu %10zu %12.0f %12.1f\n", labels[w], jit->insns,
		       jit->code_bytes, checked,
		       has(ENGINE_KERNEL) ? work_info(cells[w][ENGINE_KERNEL].work)->code_bytes : 0,
		       jit->compile_ns, jit->compile_ns / jit->insns);
	}
}

static FILE *out;

static void figure(const char *name, double value, const char *unit)
{
	printf("%-26s %10.3f %s\n", name, value, unit);
	if (out)
		fprintf(out, "{\"figure\": \"%s\", \"value\": %.4f, \"unit\": \"%s\"}\n", name,
			value, unit);
}

static void figure_pair(const char *name, enum engine a, enum engine b, bool worst)
{
	struct summary s;
	char text[64];

	if (!has(a) || !has(b))
		return;
	s = summarise(a, b);
	snprintf(text, sizeof(text), "%s%s", name, worst ? ".geomean" : "");
	figure(text, s.geomean, "x");
	if (!worst)
		return;
	snprintf(text, sizeof(text), "%s.worst", name);
	figure(text, s.worst, "x");
	printf("%-26s %s\n", "", labels[s.worst_at]);
}

/* Beyond the empty program's, over all instructions of the set. */
static void figure_compile(void)
{
	double base = work_info(cells[WORK_empty][ENGINE_JIT].work)->compile_ns, ns = 0, insns = 0;
	double bytes = 0;

	for (int w = 1; w < WORK_COUNT; w++) {
		const struct work_info *jit = work_info(cells[w][ENGINE_JIT].work);

		ns += jit->compile_ns - base;
		insns += jit->insns;
		if (has(ENGINE_KERNEL))
			bytes += log((double)work_info(cells[w][peer_of_kernel(w, ENGINE_JIT)].work)
					     ->code_bytes /
				     (double)work_info(cells[w][ENGINE_KERNEL].work)->code_bytes);
	}
	figure("jit.compile_empty_ns", base, "ns");
	figure("jit.compile_ns_per_insn", ns / insns, "ns");
	if (has(ENGINE_KERNEL))
		figure("jit.code_vs_kernel", exp(bytes / (WORK_COUNT - 1)), "x");
}

/* Our interpreter against native code, divided by what uBPF's is against native code. */
static void figure_ubpf(void)
{
	double sum = 0, worst = 0;
	int worst_at = 0;

	if (!has(ENGINE_INTERP) || !has(ENGINE_GCC))
		return;
	for (int w = 0; w < WORK_COUNT; w++) {
		double x = ratio(w, ENGINE_INTERP, ENGINE_GCC) * ubpf[w].native / ubpf[w].interp;

		sum += log(x);
		if (x > worst) {
			worst = x;
			worst_at = w;
		}
	}
	figure("interp.vs_ubpf.geomean", exp(sum / WORK_COUNT), "x");
	figure("interp.vs_ubpf.worst", worst, "x");
	printf("%-26s %s\n", "", labels[worst_at]);
}

static void report(void)
{
	print_table();
	if (has(ENGINE_JIT))
		print_code();
	putchar('\n');
	figure_pair("jit.vs_gcc", ENGINE_JIT, ENGINE_GCC, true);
	figure_pair("jit.vs_kernel", ENGINE_JIT, ENGINE_KERNEL, true);
	figure_pair("interp.vs_gcc.geomean", ENGINE_INTERP, ENGINE_GCC, false);
	figure_ubpf();
	if (has(ENGINE_JIT)) {
		figure("jit.empty_ns", net_stat(WORK_empty, ENGINE_JIT).median, "ns");
		figure("jit.helper_ns", net_stat(WORK_helper1000, ENGINE_JIT).median / 1000, "ns");
		figure_compile();
		figure_pair("interp.vs_jit.geomean", ENGINE_INTERP, ENGINE_JIT, false);
		figure_pair("checked.vs_jit.plain", ENGINE_CHECKED, ENGINE_JIT, false);
		figure_pair("checked.vs_jit.facts", ENGINE_FACTS, ENGINE_JIT, false);
		puts("facts: all accesses safe, and bounded, as the workloads are by construction");
	}
	if (!has(ENGINE_KERNEL))
		puts("jit.vs_kernel and jit.code_vs_kernel are left out: bpf(2) is refused");
}

static void pin(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	const char *build = getenv("SKEP_BUILD"), *text = getenv("ROUNDS");
	int r;

	if (text)
		rounds = atoi(text);
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "jit_bench: ROUNDS is 1 to %d\n", ROUNDS_MAX);
		return 2;
	}
	pin();
	bench_tables_fill();
	r = open_all(build ? build : "build");
	if (r == 0)
		r = check_all();
	if (r == 0)
		r = measure();
	if (r == 0 && argc > 1 && !(out = fopen(argv[1], "a"))) {
		perror(argv[1]);
		r = -1;
	}
	if (r == 0)
		report();
	if (out && fclose(out))
		r = -1;
	for (int w = 0; w < WORK_COUNT; w++)
		for (int e = 0; e < ENGINES; e++)
			work_close(cells[w][e].work);
	return r < 0 ? 1 : 0;
}
