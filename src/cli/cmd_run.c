// SPDX-License-Identifier: Apache-2.0
/* `skep run`: options, the run itself, its exit code. */
#include "cli/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum key {
	KEY_PCAP = 256,
	KEY_IFACE,
	KEY_FILTER,
	KEY_WRITE,
	KEY_EVENT,
	KEY_JSON,
	KEY_STATUS,
	KEY_STRICT,
	KEY_SPREAD,
	KEY_BUDGET,
	KEY_SECONDS,
	KEY_ROWS,
	KEY_ALL_MAPS,
	KEY_BTF,
	KEY_KCONFIG,
	KEY_SET,
	KEY_ENTRIES,
	KEY_INTERP,
	KEY_NO_VERIFY,
	KEY_PERF_MAP,
};

static const struct argp_option options[] = {
	{ "pcap", KEY_PCAP, "FILE", 0, "packets from a capture (pcap, pcapng; - is standard input)",
	  1 },
	{ "iface", KEY_IFACE, "NAME", 0, "packets from a network interface (needs CAP_NET_RAW)",
	  1 },
	{ "filter", KEY_FILTER, "EXPR", 0, "only packets that a libpcap expression takes", 1 },
	{ "write", KEY_WRITE, "FILE", 0, "keep the packets that passed, as rewritten", 1 },
	{ "count", 'c', "N", 0, "stop after N packets", 1 },
	{ "seconds", KEY_SECONDS, "S", 0, "stop after S seconds", 2 },
	{ "status", KEY_STATUS, 0, 0, "exit with the command's status", 2 },
	{ "spread", KEY_SPREAD, 0, 0, "do not place command and supervisor on one CPU", 2 },
	{ "strict", KEY_STRICT, 0, 0, "a program that cannot run is an error", 3 },
	{ "budget", KEY_BUDGET, "N", 0, "instructions one program run may take (10000000)", 3 },
	{ "interp", KEY_INTERP, 0, 0, "interpret programs, do not compile them", 3 },
	{ "no-verify", KEY_NO_VERIFY, 0, 0,
	  "check every access as programs run, also what a verifier proves", 3 },
	{ "perf-map", KEY_PERF_MAP, 0, 0, "perf(1) learns of the machine code", 3 },
	{ "btf", KEY_BTF, "FILE", 0, "relocate against these kernel types, not the model kernel's",
	  3 },
	{ "kconfig", KEY_KCONFIG, "NAME=VALUE", 0, "value of a .kconfig extern (CONFIG_HZ=250)",
	  3 },
	{ "set", KEY_SET, "NAME=VALUE", 0,
	  "initial value of a global variable (targ_pid=42, filter.port=80)", 3 },
	{ "entries", KEY_ENTRIES, "MAP=N", 0, "size of a map, in place of the object's", 3 },
	{ "event", KEY_EVENT, "MAP=TYPE", 0, "type of MAP's records (events='struct event')", 4 },
	{ "json", KEY_JSON, 0, 0, "one JSON object a line", 4 },
	{ "output", 'o', "FILE", 0, "write there, not to standard output", 4 },
	{ "quiet", 'q', 0, 0, "no summary and no maps at the end", 4 },
	{ "rows", KEY_ROWS, "N", 0, "rows of a table at the end (20; 0 all)", 4 },
	{ "all-maps", KEY_ALL_MAPS, 0, 0, "show maps that did not change, too", 4 },
	{ 0 },
};

struct args {
	const char *object, *output, *btf;
	bool json, status, interp, no_verify, perf_map;
	struct skep_run_opts run_opts;
	struct run_pairs kconfig, globals, entries;
	struct run run;
};

static volatile int stop_flag;

static void on_signal(int sig)
{
	stop_flag = sig;
}

static uint64_t number(const char *text, const char *what, struct argp_state *state)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || *end || end == text || *text == '-')
		argp_error(state, "%s '%s' is not a number", what, text);
	return v;
}

static double seconds(const char *text, struct argp_state *state)
{
	char *end;
	double v = strtod(text, &end);

	if (*end || end == text || !(v > 0))
		argp_error(state, "--seconds '%s' is not a positive number", text);
	return v;
}

/* Takes NAME=VALUE, cut in place; a value may be empty. */
static void add_pair(struct run_pairs *pairs, const char *what, char *text,
		     struct argp_state *state)
{
	char *eq = strchr(text, '=');

	if (!eq || eq == text)
		argp_error(state, "%s '%s' is not of the form NAME=VALUE", what, text);
	if (pairs->n == RUN_MAX_PAIRS)
		argp_error(state, "more than %d %s options", RUN_MAX_PAIRS, what);
	*eq = '\0';
	pairs->at[pairs->n++] = (struct run_pair){ text, eq + 1 };
}

static void add_entries(struct args *a, char *text, struct argp_state *state)
{
	add_pair(&a->entries, "--entries", text, state);
	if (number(a->entries.at[a->entries.n - 1].value, "--entries", state) > UINT32_MAX)
		argp_error(state, "--entries of '%s' is more than 32 bits", text);
}

/* Where an option that is just kept goes, or NULL. */
static const char **text_option(struct args *a, int key)
{
	switch (key) {
	case KEY_PCAP:
		return &a->run_opts.pcap;
	case KEY_IFACE:
		return &a->run_opts.iface;
	case KEY_FILTER:
		return &a->run_opts.filter;
	case KEY_WRITE:
		return &a->run_opts.write;
	case KEY_BTF:
		return &a->btf;
	case 'o':
		return &a->output;
	default:
		return NULL;
	}
}

static bool *flag_option(struct args *a, int key)
{
	switch (key) {
	case KEY_STATUS:
		return &a->status;
	case KEY_INTERP:
		return &a->interp;
	case KEY_NO_VERIFY:
		return &a->no_verify;
	case KEY_PERF_MAP:
		return &a->perf_map;
	case KEY_SPREAD:
		return &a->run_opts.spread;
	case KEY_STRICT:
		return &a->run_opts.strict;
	case KEY_JSON:
		return &a->json;
	case KEY_ALL_MAPS:
		return &a->run.all_maps;
	case 'q':
		return &a->run.quiet;
	default:
		return NULL;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	struct skep_run_opts *r = &a->run_opts;
	const char **text = text_option(a, key);
	bool *flag = flag_option(a, key);

	if (text)
		*text = arg;
	if (flag)
		*flag = true;
	if (text || flag)
		return 0;
	switch (key) {
	case 'c':
		r->max_packets = number(arg, "--count", state);
		return 0;
	case KEY_SECONDS:
		r->seconds = seconds(arg, state);
		return 0;
	case KEY_BUDGET:
		r->budget = number(arg, "--budget", state);
		return 0;
	case KEY_KCONFIG:
		add_pair(&a->kconfig, "--kconfig", arg, state);
		return 0;
	case KEY_SET:
		add_pair(&a->globals, "--set", arg, state);
		return 0;
	case KEY_ENTRIES:
		add_entries(a, arg, state);
		return 0;
	case KEY_EVENT:
		add_pair(&a->run.events, "--event", arg, state);
		return 0;
	case KEY_ROWS:
		a->run.rows = number(arg, "--rows", state);
		return 0;
	case ARGP_KEY_ARG:
		if (!a->object && state->quoted)
			argp_error(state, "no object before '--'");
		if (!a->object) {
			a->object = arg;
			return 0;
		}
		r->argv = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!a->object)
			argp_error(state, "which object?");
		if (!r->argv && !r->pcap && !r->iface)
			argp_error(state,
				   "no source of events: give '-- COMMAND', --pcap or --iface");
		if ((r->argv != NULL) + (r->pcap != NULL) + (r->iface != NULL) > 1)
			argp_error(state, "more than one source of events");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "OBJECT -- COMMAND [ARGS]\nOBJECT --pcap FILE\nOBJECT --iface NAME",
	.doc = "Runs the programs of an eBPF object on real events, without root: the system calls "
	       "of a command and its descendants, or packets.\v"
	       "Prints what the programs print and record, and at the end the maps that changed.\n\n"
	       "examples:\n"
	       "  skep run opensnoop.bpf.o -- cc -c hello.c\n"
	       "  skep run xdp_firewall.bpf.o --pcap traffic.pcap --write passed.pcap\n\n"
	       "Exit codes: 0 done (with --status: the command's), 1 the object or a program was "
	       "refused, 2 usage, 3 environment.",
};

/*
 * Ctrl-C goes to the whole foreground group: the command decides, skep stays to print. What was ignored before
 * (nohup, a shell's background job) stays so, for the command too.
 */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_signal }, was;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
}

static int finish(struct args *a, const struct skep_run_stats *stats)
{
	if (!a->run.quiet)
		run_show_maps(&a->run);
	run_show_summary(&a->run, &a->run_opts, stats);
	if (a->status && a->run_opts.argv && stats->exited)
		return stats->status;
	return EXIT_YES;
}

/* What a loader of the object would set before loading it. */
static int apply_settings(struct args *a)
{
	struct skep_obj *obj = a->run.obj;
	struct skep_error *err = NULL;

	for (size_t i = 0; i < a->globals.n; i++)
		if (skep_obj_set_global(obj, a->globals.at[i].name, a->globals.at[i].value, &err) <
		    0)
			return show_error(err, a->json);
	for (size_t i = 0; i < a->entries.n; i++) {
		const struct run_pair *p = &a->entries.at[i];
		struct skep_map *map = skep_obj_find_map(obj, p->name);
		int r;

		if (map)
			r = skep_map_set_max_entries(map, (uint32_t)strtoull(p->value, NULL, 0),
						     &err);
		else
			r = skep_fail(&err, &ERR_NO_MAP, SKEP_AT_FILE(skep_obj_name(obj), 0),
				      "'%s'", p->name);
		if (r < 0)
			return show_error(err, a->json);
	}
	return EXIT_YES;
}

static int run_object(struct args *a)
{
	struct skep_run_stats stats = { .size = sizeof(stats) };
	struct skep_error *err = NULL;
	int code;

	code = apply_settings(a);
	if (code == EXIT_YES)
		code = run_resolve_events(&a->run);
	if (code != EXIT_YES)
		return code;
	if (skep_obj_load(a->run.obj, &err) < 0)
		return show_error(err, a->json);
	a->run_opts.events = &run_events;
	a->run_opts.ctx = &a->run;
	a->run_opts.stop = &stop_flag;
	catch_signals();
	if (skep_run(a->run.obj, &a->run_opts, &stats, &err) < 0) {
		if (stats.events && !a->run.quiet)
			run_show_summary(&a->run, &a->run_opts, &stats);
		fflush(a->run.out.f);
		return show_error(err, a->json);
	}
	return finish(a, &stats);
}

int cmd_run(int argc, char **argv)
{
	struct args a = { .run_opts = { .size = sizeof(a.run_opts) }, .run = { .rows = 20 } };
	struct skep_kconfig kconfig[RUN_MAX_PAIRS + 1] = { 0 };
	struct skep_obj_opts oo = { .size = sizeof(oo), .kconfig = kconfig };
	struct skep_error *err = NULL;
	int code, closed;

	argv[0] = (char *)"skep run";
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &a);
	oo.btf = a.btf;
	oo.interpret = a.interp;
	oo.verify = !a.no_verify;
	oo.perf_map = a.perf_map;
	for (size_t i = 0; i < a.kconfig.n; i++)
		kconfig[i] = (struct skep_kconfig){ a.kconfig.at[i].name, a.kconfig.at[i].value };
	if (skep_obj_open(a.object, &oo, &a.run.obj, &err) < 0)
		return show_error(err, a.json);
	code = out_open(&a.run.out, a.output, a.json);
	if (code == EXIT_YES) {
		code = run_object(&a);
		closed = out_close(&a.run.out);
		if (code == EXIT_YES)
			code = closed;
	}
	skep_obj_close(a.run.obj);
	return code;
}
