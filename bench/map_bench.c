// SPDX-License-Identifier: Apache-2.0
/*
 * Maps and helpers in compiled programs against the kernel's: 8-byte keys and values, 10,000 entries. One pinned CPU;
 * a round visits every operation on both engines, in turn; figures are medians over the rounds, in nanoseconds for
 * one operation, net of the empty loop around it (of the empty program for a tail call). A ratio is that of
 * the medians. Rings are read between the runs, which are not timed then.
 *
 *	map_bench [FILE]	prints; adds one JSON object a line to FILE. ROUNDS=n in the environment
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "map/engine.h"

#define ROUNDS_MAX 201
#define SAMPLE_NS 1e6
#define TAILS 33
#define RING_RUNS 9 /* 24 bytes a record in a ring of 256 KiB */
#define API_LOOKUPS 20000

enum { OURS, KERNEL, ENGINES };

const char *const op_programs[OP_COUNT] = {
#define OP(program, ...) [OP_##program] = #program,
	MAP_OPS(OP)
#undef OP
};

static const struct {
	const char *figure, *label;
} ops[OP_COUNT] = {
#define OP(program, figure, label) [OP_##program] = { figure, label },
	MAP_OPS(OP)
#undef OP
};

static const struct map_engine *const engines[ENGINES] = { &map_ours, &map_kernel };
static double samples[ENGINES][OP_COUNT + 1][ROUNDS_MAX]; /* the last one: the API */
static int rounds = 21;

double map_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(int engine, int op)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, samples[engine][op], sizeof(sorted));
	qsort(sorted, (size_t)rounds, sizeof(sorted[0]), compare);
	return sorted[rounds / 2];
}

static int sample(const struct map_engine *e, void *self, enum map_op op, uint64_t *times,
		  double *ret)
{
	uint32_t value = 0;
	double ns = 0;
	int r;

	if (!*times) { /* how many runs make a sample */
		r = e->run(self, op, 5, &ns, &value);
		if (r < 0)
			return r;
		*times = ns < SAMPLE_NS / 1e6 ? 1000000 : (uint64_t)(SAMPLE_NS / ns) + 1;
		if (op == OP_ring_16 && *times > RING_RUNS)
			*times = RING_RUNS;
		if (op != OP_empty && value != STEPS) {
			fprintf(stderr, "%s, %s: %u of %u steps went well\n", e->name,
				ops[op].label, value, STEPS);
			return -EINVAL;
		}
	}
	r = e->run(self, op, *times, &ns, &value);
	*ret = ns;
	return r;
}

static int measure(void *selves[ENGINES])
{
	static uint64_t times[ENGINES][OP_COUNT];

	for (int round = 0; round < rounds; round++)
		for (int op = 0; op <= OP_COUNT; op++)
			for (int turn = 0; turn < ENGINES; turn++) {
				int e = (turn + round) % ENGINES, r;
				double *to = &samples[e][op][round];

				if (!selves[e])
					continue;
				r = op == OP_COUNT ? engines[e]->api(selves[e], API_LOOKUPS, to) :
						     sample(engines[e], selves[e], (enum map_op)op,
							    &times[e][op], to);
				if (r < 0) {
					fprintf(stderr, "%s, %s: %s\n", engines[e]->name,
						op < OP_COUNT ? ops[op].label : "API",
						strerror(-r));
					return r;
				}
			}
	return 0;
}

static double figure(int e, int op)
{
	double least = 0.01, ns;

	if (op == OP_COUNT)
		return median(e, op);
	if (op == OP_tail)
		ns = (median(e, op) - median(e, OP_empty)) / TAILS;
	else
		ns = (median(e, op) - median(e, op == OP_loop ? OP_empty : OP_steps)) / STEPS;
	return ns > least ? ns : least;
}

static void print(FILE *json, const char *name, const char *label, double ours, double kernel)
{
	printf("%-28s %8.2f", label, ours);
	if (kernel > 0)
		printf(" %8.2f %6.2f", kernel, ours / kernel);
	printf("\n");
	if (!json)
		return;
	fprintf(json, "{\"figure\": \"%s.ns\", \"value\": %.3f, \"unit\": \"ns\"}\n", name, ours);
	if (kernel > 0)
		fprintf(json,
			"{\"figure\": \"%s.ns.vs_kernel\", \"value\": %.3f, \"unit\": \"ratio\"}\n",
			name, ours / kernel);
}

static void report(FILE *json, bool kernel)
{
	printf("%-28s %8s %8s %6s\n", "ns an operation", "skep", kernel ? "kernel" : "",
	       kernel ? "ratio" : "");
	for (int op = 0; op < OP_COUNT; op++)
		if (ops[op].figure)
			print(json, ops[op].figure, ops[op].label, figure(OURS, op),
			      kernel ? figure(KERNEL, op) : 0);
	print(json, "api.lookup", "look-up by user space", figure(OURS, OP_COUNT),
	      kernel ? figure(KERNEL, OP_COUNT) : 0);
	if (!kernel)
		printf("no kernel figures: bpf(2) is refused here\n");
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	const char *build = getenv("SKEP_BUILD"), *text = getenv("ROUNDS");
	FILE *json = argc > 1 ? fopen(argv[1], "a") : NULL;
	void *selves[ENGINES] = { NULL };
	int r;

	if (argc > 2 || (argc > 1 && !json))
		return 2;
	if (text && atoi(text) > 0)
		rounds = atoi(text) < ROUNDS_MAX ? atoi(text) : ROUNDS_MAX;
	pin();
	for (int e = 0; e < ENGINES; e++) {
		r = engines[e]->open(build ? build : "build", &selves[e]);
		if (r < 0 && (e != KERNEL || (r != -EPERM && r != -ENOSYS))) {
			fprintf(stderr, "%s: %s\n", engines[e]->name, strerror(-r));
			return 1;
		}
	}
	r = measure(selves);
	if (r == 0)
		report(json, selves[KERNEL] != NULL);
	for (int e = 0; e < ENGINES; e++)
		if (selves[e])
			engines[e]->close(selves[e]);
	if (json)
		fclose(json);
	return r < 0;
}
