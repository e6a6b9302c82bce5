// SPDX-License-Identifier: Apache-2.0
/*
 * What supervision costs a system call: getppid(2) in a loop, alone, under the filter, with a program at its entry, and
 * with programs at entry and return, all through the public library and on one CPU. Rounds of the four
 * are interleaved, so a busy machine disturbs all alike; the figure is the median of the rounds.
 *
 *	syscall_bench [FILE]		prints; adds one JSON object a line to FILE
 *	syscall_bench --loop N FILE	the measured process: ns of a call, best of parts of N calls
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "skep/object.h"
#include "skep/run.h"

#define ROUNDS 9
#define KINDS 4
#define PARTS 40

static const struct {
	const char *object; /* NULL: not supervised */
	const char *calls;
} kinds[KINDS] = {
	{ NULL, "5000" },
	{ "syscall_other", "5000" },
	{ "syscall_enter", "400" },
	{ "syscall_both", "400" },
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The best of many short loops: what the call costs while nobody else has the CPU. */
static int loop(long n, const char *file)
{
	FILE *f = fopen(file, "w");
	double best = 1e18;

	if (!f)
		return 1;
	for (int part = 0; part < PARTS; part++) {
		double begin = now_ns(), ns;

		for (long i = 0; i < n; i++)
			syscall(SYS_getppid);
		ns = (now_ns() - begin) / (double)n;
		if (ns < best)
			best = ns;
	}
	fprintf(f, "%.3f\n", best);
	return fclose(f) ? 1 : 0;
}

static double read_result(const char *file)
{
	FILE *f = fopen(file, "r");
	double v = -1;

	if (!f || fscanf(f, "%lf", &v) != 1)
		v = -1;
	if (f)
		fclose(f);
	unlink(file);
	return v;
}

static int run_alone(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		sched_setaffinity(0, sizeof(one), &one);
		execv(argv[0], argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int fail(struct skep_error *err)
{
	fprintf(stderr, "syscall_bench: %s\n", skep_error_message(err));
	skep_error_free(err);
	return -1;
}

static struct skep_obj *load(const char *build, const char *name)
{
	struct skep_error *err = NULL;
	struct skep_obj *obj = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/bench/%s.bpf.o", build, name);
	if (skep_obj_open(path, NULL, &obj, &err) < 0 || skep_obj_load(obj, &err) < 0) {
		fail(err);
		skep_obj_close(obj);
		return NULL;
	}
	return obj;
}

static int run_under(struct skep_obj *obj, char **argv)
{
	struct skep_run_opts opts = { .size = sizeof(opts), .argv = argv };
	struct skep_run_stats stats = { .size = sizeof(stats) };
	struct skep_error *err = NULL;

	if (skep_run(obj, &opts, &stats, &err) < 0)
		return fail(err);
	return stats.exited && stats.status == 0 ? 0 : -1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure(const char *build, char *self, double *median)
{
	struct skep_obj *objs[KINDS] = { NULL };
	double ns[KINDS][ROUNDS];
	char file[] = P_tmpdir "/syscall_bench.XXXXXX";
	int fd = mkstemp(file), r = fd < 0 ? -1 : 0;

	for (int k = 0; k < KINDS && r == 0; k++)
		if (kinds[k].object && !(objs[k] = load(build, kinds[k].object)))
			r = -1;
	for (int i = 0; i < ROUNDS && r == 0; i++) {
		for (int k = 0; k < KINDS && r == 0; k++) {
			char *argv[] = { self, (char *)"--loop", (char *)kinds[k].calls, file,
					 NULL };

			r = objs[k] ? run_under(objs[k], argv) : run_alone(argv);
			ns[k][i] = r == 0 ? read_result(file) : -1;
			r = ns[k][i] < 0 ? -1 : r;
		}
	}
	for (int k = 0; k < KINDS; k++) {
		skep_obj_close(objs[k]);
		if (r < 0)
			continue;
		qsort(ns[k], ROUNDS, sizeof(ns[k][0]), compare);
		median[k] = ns[k][ROUNDS / 2];
	}
	if (fd >= 0)
		close(fd);
	unlink(file);
	return r;
}

static void tell(FILE *out, const char *figure, double value, const char *unit, const char *what)
{
	printf("%-20s %8.1f %-3s %s\n", figure, value, unit, what);
	if (out)
		fprintf(out, "{\"figure\": \"%s\", \"value\": %.2f, \"unit\": \"%s\"}\n", figure,
			value, unit);
}

int main(int argc, char **argv)
{
	const char *build = getenv("SKEP_BUILD");
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	double ns[KINDS];
	FILE *out;

	if (argc == 4 && strcmp(argv[1], "--loop") == 0)
		return loop(strtol(argv[2], NULL, 10), argv[3]);
	if (n < 0)
		return 1;
	self[n] = 0;
	if (measure(build ? build : "build", self, ns) < 0)
		return 1;
	out = argc > 1 ? fopen(argv[1], "a") : NULL;
	tell(out, "run.plain_ns", ns[0], "ns", "a system call without skep");
	tell(out, "run.untraced_ns", ns[1] - ns[0], "ns", "added to a call that nobody asked for");
	tell(out, "run.enter_us", ns[2] / 1000, "us", "a call with a program at its entry");
	tell(out, "run.enter_exit_us", ns[3] / 1000, "us",
	     "a call with programs at entry and return");
	return out && fclose(out) ? 1 : 0;
}
