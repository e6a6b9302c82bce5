// SPDX-License-Identifier: Apache-2.0
/*
 * The verifier against the kernel's, over programs of bench/workloads in their XDP form: straight code and loops. A round
 * verifies every program on both sides, one after the other; a figure is the median of the rounds, a ratio the ratio of
 * medians. The kernel's time is what it says itself, `verification time N usec` of log level 4; ours is
 * skep_verify_result.time_ns, from the instructions to the verdict.
 *
 *	verify_bench [FILE]	prints; adds one JSON object a line to FILE. ROUNDS=n in the environment
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "skep/skep.h"

#define ROUNDS_MAX 201

static const struct {
	const char *name;
	bool loop;
} programs[] = {
	{ "parse_jhash", false }, { "siphash64_unrl", false }, { "large4k6", false },
	{ "xorshift10k", true },  { "csum1500", true },	       { "switch512", true },
	{ "bpf2bpf1000", true },  { "hash_inc1000", true },
};

#define PROGRAMS ARRAY_SIZE(programs)

static struct {
	struct skep_obj *obj;
	size_t insns, walked;
	uint64_t memory;
	double ours[ROUNDS_MAX], kernel[ROUNDS_MAX];
} cells[PROGRAMS];

static int rounds = 21;
static const char *why_not; /* the kernel is not asked */
static FILE *out;

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level, (void)fmt, (void)args;
	return 0;
}

static const char *path_of(size_t i, char *path, size_t size)
{
	const char *build = getenv("SKEP_BUILD");

	snprintf(path, size, "%s/bench/workloads/%s.xdp.o", build ? build : "build",
		 programs[i].name);
	return path;
}

static int fail(const char *what, int r, struct skep_error *err)
{
	fprintf(stderr, "verify_bench: %s: %s\n", what,
		err ? skep_error_message(err) : strerror(-r));
	skep_error_free(err);
	return r;
}

static int open_all(void)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		struct skep_prog_info info = { 0 };
		struct skep_error *err = NULL;
		char path[4096];
		int r = skep_obj_open(path_of(i, path, sizeof(path)), NULL, &cells[i].obj, &err);

		if (r < 0)
			return fail(path, r, err);
		skep_prog_info(skep_obj_prog(cells[i].obj, 0), &info);
		cells[i].insns = info.ninsns;
	}
	return 0;
}

static int verify_ours(size_t i, int round)
{
	struct skep_verify_result ret = { .size = sizeof(ret) };
	struct skep_error *err = NULL;
	int r = skep_prog_verify(skep_obj_prog(cells[i].obj, 0), NULL, &ret, &err);

	if (r < 0)
		return fail(programs[i].name, r, err);
	cells[i].ours[round] = (double)ret.time_ns / 1000;
	cells[i].walked = ret.insns_processed;
	cells[i].memory = ret.memory;
	skep_verify_result_done(&ret);
	return 0;
}

static int verify_kernel(size_t i, int round)
{
	static char log[4096];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log,
		    .kernel_log_size = sizeof(log), .kernel_log_level = 4);
	char path[4096];
	struct bpf_object *obj = bpf_object__open_file(path_of(i, path, sizeof(path)), &opts);
	const char *at;
	int r;

	if (libbpf_get_error(obj))
		return fail(path, -errno, NULL);
	log[0] = '\0';
	r = bpf_object__load(obj);
	bpf_object__close(obj);
	at = strstr(log, "verification time ");
	if (r == 0 && at) {
		cells[i].kernel[round] = strtod(at + strlen("verification time "), NULL);
		return 0;
	}
	if (r != 0 && r != -EPERM)
		return fail(path, r, NULL);
	why_not = r ? "bpf(2) is refused" : "the kernel tells no verification time";
	return 0;
}

static int measure(void)
{
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < PROGRAMS; i++) {
			int r = verify_ours(i, round);

			if (r == 0 && !why_not)
				r = verify_kernel(i, round);
			if (r < 0)
				return r;
		}
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, (size_t)rounds, sizeof(*v), compare);
	return v[rounds / 2];
}

static void figure(const char *name, double value, const char *unit)
{
	printf("%-26s %10.3f %s\n", name, value, unit);
	if (out)
		fprintf(out, "{\"figure\": \"%s\", \"value\": %.4f, \"unit\": \"%s\"}\n", name,
			value, unit);
}

static void report(void)
{
	double sum[2] = { 0, 0 }, peak = 0;
	unsigned int n[2] = { 0, 0 };

	printf("us to verify, medians of %d rounds\n%-16s %7s %9s %12s %12s %8s %8s\n", rounds, "",
	       "insns", "walked", "ours", "kernel", "ratio", "KiB");
	for (size_t i = 0; i < PROGRAMS; i++) {
		double ours = median(cells[i].ours), kernel = median(cells[i].kernel);

		printf("%-16s %7zu %9zu %12.1f", programs[i].name, cells[i].insns, cells[i].walked,
		       ours);
		if (why_not)
			printf(" %12s %8s", "-", "-");
		else
			printf(" %12.0f %8.4f", kernel, ours / kernel);
		printf(" %8.0f\n", (double)cells[i].memory / 1024);
		sum[programs[i].loop] += log(ours / kernel);
		n[programs[i].loop]++;
		peak = fmax(peak, (double)cells[i].memory);
	}
	putchar('\n');
	if (why_not) {
		printf("verify.vs_kernel is left out: %s\n", why_not);
	} else {
		figure("verify.vs_kernel.straight", exp(sum[0] / n[0]), "x");
		figure("verify.vs_kernel.loops", exp(sum[1] / n[1]), "x");
	}
	figure("verify.peak_mib", peak / (1 << 20), "MiB");
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
	const char *text = getenv("ROUNDS");
	int r;

	if (text)
		rounds = atoi(text);
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "verify_bench: ROUNDS is 1 to %d\n", ROUNDS_MAX);
		return 2;
	}
	pin();
	libbpf_set_print(silent);
	r = open_all();
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
	for (size_t i = 0; i < PROGRAMS; i++)
		skep_obj_close(cells[i].obj);
	return r < 0 ? 1 : 0;
}
