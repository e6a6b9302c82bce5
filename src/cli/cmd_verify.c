// SPDX-License-Identifier: Apache-2.0
/* skep verify: would the kernel load these programs? In parallel, one line a program; a rejection is explained. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/verdicts.h"

#define DEFAULT_TRIES 1000

enum {
	OPT_BTF = 256,
	OPT_JSON,
	OPT_STATS,
	OPT_LOG,
	OPT_MODEL,
	OPT_UNPRIV,
	OPT_STRICT,
	OPT_FREQ,
	OPT_ALL,
	OPT_CHECK,
	OPT_SEED,
	OPT_SARIF,
	OPT_ERRORS,
	OPT_WATCH,
	OPT_COUNTER,
	OPT_TRIES,
	OPT_REPLAY,
	OPT_KERNEL,
	OPT_REWRITTEN
};

static const struct argp_option options[] = {
	{ "all", OPT_ALL, NULL, 0, "also programs of sections that start with '?'", 0 },
	{ "btf", OPT_BTF, "FILE", 0, "kernel types (/sys/kernel/btf/vmlinux, if it can be read)",
	  0 },
	{ "check", OPT_CHECK, "N", 0,
	  "run what is accepted N times on random inputs: does all stay inside what the verifier foresaw?",
	  0 },
	{ "counterexample", OPT_COUNTER, "FILE", 0,
	  "write the inputs that fault where the verifier refuses", 0 },
	{ "json", OPT_JSON, NULL, 0, "one JSON object a program", 0 },
	{ "kernel", OPT_KERNEL, "K", 0,
	  "as Linux K: a version (5.10), all (with the minimum), live (this machine's), or a file with a kernel's BTF",
	  0 },
	{ "log-level", OPT_LOG, "N", 0,
	  "the verifier's log: 1 the path that fails, 2 every path, 4 statistics", 0 },
	{ "max-errors", OPT_ERRORS, "N", 0, "errors of a program that are told (20)", 0 },
	{ "model", OPT_MODEL, NULL, 0, "the types of the model kernel", 0 },
	{ "output", 'o', "FILE", 0, "write there, not to standard output", 0 },
	{ "replay", OPT_REPLAY, "FILE", 0, "run the inputs of such a file, and tell the faults",
	  0 },
	{ "rewritten", OPT_REWRITTEN, NULL, 0,
	  "the program as it is to be run: without dead code, contexts converted, with marks", 0 },
	{ "sarif", OPT_SARIF, NULL, 0, "one SARIF 2.1.0 document", 0 },
	{ "seed", OPT_SEED, "N", 0, "of the inputs of --check (1)", 0 },
	{ "state-freq", OPT_FREQ, NULL, 0,
	  "keep a state wherever one may be kept (BPF_F_TEST_STATE_FREQ)", 0 },
	{ "stats", OPT_STATS, NULL, 0, "instructions, states, time and memory, by source line", 0 },
	{ "strict-alignment", OPT_STRICT, NULL, 0, "BPF_F_STRICT_ALIGNMENT", 0 },
	{ "tries", OPT_TRIES, "N", 0,
	  "runs that search an input that faults where the verifier refuses (1000, 0: none)", 0 },
	{ "unprivileged", OPT_UNPRIV, NULL, 0, "as for a loader without capabilities", 0 },
	{ "watch", OPT_WATCH, NULL, 0, "again whenever an object changes, until interrupted", 0 },
	{ 0 },
};

static uint64_t count_of(const char *arg, const char *what, struct argp_state *state)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (arg[0] < '0' || arg[0] > '9' || *end || errno || !n)
		argp_error(state, "bad %s '%s'", what, arg);
	return n;
}

static uint64_t limit_of(const char *arg, struct argp_state *state)
{
	uint64_t n = count_of(arg, "number of errors", state);

	if (n > 1000)
		argp_error(state, "at most 1000 errors, not '%s'", arg);
	return n;
}

/* Options without a value. */
static bool set_flag(int key, struct verify_args *a)
{
	switch (key) {
	case OPT_ALL:
		a->all = true;
		break;
	case OPT_MODEL:
		a->model = true;
		break;
	case OPT_JSON:
		a->json = true;
		break;
	case OPT_REWRITTEN:
		a->rewritten = true;
		break;
	case OPT_SARIF:
		a->sarif = true;
		break;
	case OPT_STATS:
		a->stats = true;
		break;
	case OPT_WATCH:
		a->watch = true;
		break;
	case OPT_UNPRIV:
		a->caps = SKEP_VERIFY_NOBODY;
		break;
	case OPT_STRICT:
		a->flags |= 1;
		break;
	case OPT_FREQ:
		a->flags |= 8;
		break;
	default:
		return false;
	}
	return true;
}

static void add_argument(struct verify_args *a, const char *arg, struct argp_state *state)
{
	if (!a->npaths || access(arg, F_OK) == 0)
		a->paths[a->npaths++] = arg;
	else if (!a->prog)
		a->prog = arg;
	else
		argp_error(state, "no such file '%s'", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct verify_args *a = state->input;

	if (set_flag(key, a))
		return 0;
	switch (key) {
	case OPT_BTF:
		a->btf = arg;
		break;
	case OPT_KERNEL:
		a->kernel = arg;
		break;
	case OPT_LOG:
		if (arg[0] < '0' || arg[0] > '7' || arg[1])
			argp_error(state, "no such log level '%s'", arg);
		a->log_level = arg[0] - '0';
		break;
	case OPT_CHECK:
		a->runs = count_of(arg, "number of runs", state);
		break;
	case OPT_SEED:
		a->seed = count_of(arg, "seed", state);
		break;
	case OPT_COUNTER:
		a->counter = arg;
		break;
	case OPT_REPLAY:
		a->replay = arg;
		break;
	case OPT_TRIES:
		a->tries = strcmp(arg, "0") == 0 ? 0 : count_of(arg, "number of tries", state);
		break;
	case OPT_ERRORS:
		a->max_errors = (uint32_t)limit_of(arg, state);
		break;
	case 'o':
		a->output = arg;
		break;
	case ARGP_KEY_ARG:
		add_argument(a, arg, state);
		break;
	case ARGP_KEY_END:
		if (!a->npaths || (a->json && a->sarif) ||
		    (a->kernel && (a->sarif || a->watch || a->runs)))
			argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options,
	parse,
	"OBJECT... [PROGRAM]",
	"Verifies the programs of eBPF objects (or one of them) as the kernel does before it loads them, and explains what is rejected. "
	"Needs no privilege and no kernel.\v"
	"examples:\n"
	"  skep verify xdp_stats.bpf.o\n"
	"  skep verify --sarif -o verify.sarif *.bpf.o\n"
	"  skep verify --stats big.bpf.o entry\n"
	"  skep verify --counterexample bad.txt xdp_stats.bpf.o; skep verify --replay bad.txt xdp_stats.bpf.o\n"
	"  skep verify --watch xdp_stats.bpf.o\n"
	"  skep verify --kernel 5.10 xdp_stats.bpf.o\n"
	"  skep verify --kernel all *.bpf.o\n\n"
	"Exit codes: 0 all accepted, 1 one is rejected or cannot be read, 2 usage, 3 environment.",
	NULL,
	NULL,
	NULL,
};

static int once(const struct verify_args *a)
{
	struct verify_work w;
	int code = verify_work_do(&w, a);

	if (code == EXIT_YES)
		code = verify_show(&w);
	verify_work_done(&w);
	return code;
}

int cmd_verify(int argc, char **argv)
{
	struct verify_args a = { .paths = calloc((size_t)argc, sizeof(*a.paths)),
				 .tries = DEFAULT_TRIES };
	int code;

	if (!a.paths)
		return EXIT_ENV;
	argv[0] = (char *)"skep verify";
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	if (a.kernel)
		code = verify_kernels(&a);
	else
		code = a.replay ? verify_replay(&a) : a.watch ? verify_watch(&a, once) : once(&a);
	free(a.paths);
	return code;
}
