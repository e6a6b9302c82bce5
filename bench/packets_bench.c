// SPDX-License-Identifier: Apache-2.0
/*
 * Packets a second through the public library: the committed capture, as many times over as makes a
 * run long enough to measure, through the examples. Rounds of the kinds are interleaved; the figure
 * is the median of the rounds.
 *
 *	packets_bench [FILE]	prints; adds one JSON object a line to FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "skep/object.h"
#include "skep/run.h"

#define CAPTURE "examples/captures/mixed.pcap"
#define CAPTURE_HEADER 24
#define TIMES 50
#define ROUNDS 5

static const struct {
	const char *object, *figure, *what;
	bool write;
} kinds[] = {
	{ "bench/packets_empty", "run.xdp_empty_mpps", "an XDP program that does nothing", false },
	{ "examples/xdp_stats", "run.xdp_mpps", "xdp_stats", false },
	{ "examples/xdp_firewall", "run.xdp_firewall_mpps", "xdp_firewall", false },
	{ "examples/tc_rewrite", "run.tc_mpps", "tc_rewrite", false },
	{ "examples/tc_rewrite", "run.tc_write_mpps", "tc_rewrite, with --write", true },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int fail(struct skep_error *err)
{
	fprintf(stderr, "packets_bench: %s\n", skep_error_message(err));
	skep_error_free(err);
	return -1;
}

static struct skep_obj *load(const char *build, const char *name)
{
	struct skep_error *err = NULL;
	struct skep_obj *obj = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.bpf.o", build, name);
	if (skep_obj_open(path, NULL, &obj, &err) < 0 || skep_obj_load(obj, &err) < 0) {
		fail(err);
		skep_obj_close(obj);
		return NULL;
	}
	return obj;
}

/* The capture TIMES over: its header once, its records again and again. */
static int enlarge(int fd)
{
	static char bytes[1 << 20];
	FILE *f = fopen(CAPTURE, "rb");
	size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;
	int r = n > CAPTURE_HEADER && n < sizeof(bytes) ? 0 : -1;

	if (f)
		fclose(f);
	if (r == 0 && write(fd, bytes, CAPTURE_HEADER) != CAPTURE_HEADER)
		r = -1;
	for (int i = 0; i < TIMES && r == 0; i++)
		if (write(fd, bytes + CAPTURE_HEADER, n - CAPTURE_HEADER) !=
		    (ssize_t)(n - CAPTURE_HEADER))
			r = -1;
	if (r < 0)
		perror("packets_bench: " CAPTURE);
	return r;
}

/* Millions of packets a second, or -1. */
static double once(struct skep_obj *obj, const char *capture, const char *out)
{
	struct skep_run_opts opts = { .size = sizeof(opts), .pcap = capture, .write = out };
	struct skep_run_stats stats = { .size = sizeof(stats) };
	struct skep_error *err = NULL;

	if (skep_run(obj, &opts, &stats, &err) < 0)
		return fail(err);
	if (stats.faults || !stats.packets || stats.seconds <= 0) {
		fprintf(stderr, "packets_bench: the programs did not run as they should\n");
		return -1;
	}
	return (double)stats.packets / stats.seconds / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure(const char *build, const char *capture, const char *out, double *median)
{
	struct skep_obj *objs[KINDS] = { NULL };
	double mpps[KINDS][ROUNDS];
	int r = 0;

	for (size_t k = 0; k < KINDS && r == 0; k++)
		r = (objs[k] = load(build, kinds[k].object)) ? 0 : -1;
	for (int i = 0; i < ROUNDS && r == 0; i++) {
		for (size_t k = 0; k < KINDS && r == 0; k++) {
			mpps[k][i] = once(objs[k], capture, kinds[k].write ? out : NULL);
			r = mpps[k][i] < 0 ? -1 : 0;
		}
	}
	for (size_t k = 0; k < KINDS; k++) {
		skep_obj_close(objs[k]);
		if (r < 0)
			continue;
		qsort(mpps[k], ROUNDS, sizeof(mpps[k][0]), compare);
		median[k] = mpps[k][ROUNDS / 2];
	}
	return r;
}

static int report(const char *file, const double *mpps)
{
	FILE *out = file ? fopen(file, "a") : NULL;

	if (file && !out) {
		perror(file);
		return 1;
	}
	for (size_t k = 0; k < KINDS; k++) {
		printf("%-22s %6.2f Mpps %s\n", kinds[k].figure, mpps[k], kinds[k].what);
		if (out)
			fprintf(out, "{\"figure\": \"%s\", \"value\": %.3f, \"unit\": \"Mpps\"}\n",
				kinds[k].figure, mpps[k]);
	}
	return out && fclose(out) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *build = getenv("SKEP_BUILD");
	char capture[] = P_tmpdir "/packets_bench.in.XXXXXX";
	char passed[] = P_tmpdir "/packets_bench.out.XXXXXX";
	int in = mkstemp(capture), out = mkstemp(passed), r;
	double mpps[KINDS];

	r = in < 0 || out < 0 ? -1 : enlarge(in);
	if (r == 0)
		r = measure(build ? build : "build", capture, passed, mpps);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	unlink(capture);
	unlink(passed);
	return r < 0 ? 1 : report(argc > 1 ? argv[1] : NULL, mpps);
}
