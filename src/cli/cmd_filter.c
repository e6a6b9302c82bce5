// SPDX-License-Identifier: Apache-2.0
/* `skep filter`: a filter expression over a capture, on skep's engine. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"

enum key { KEY_PCAP = 256, KEY_WRITE, KEY_PRINT, KEY_NO_OPTIMIZE, KEY_JSON };

static const struct argp_option options[] = {
	{ "pcap", KEY_PCAP, "FILE", 0, "packets of this capture; '-' is standard input", 1 },
	{ "write", KEY_WRITE, "FILE", 0, "packets that match go there, as they are", 1 },
	{ "count", 'c', "N", 0, "end after N packets that match", 1 },
	{ "print", KEY_PRINT, "FORM", 0,
	  "the program instead: cbpf (as tcpdump -d), ebpf (what it becomes) or asm (what "
	  "'skep asm' takes)",
	  2 },
	{ "no-optimize", KEY_NO_OPTIMIZE, 0, 0, "libpcap's program as it is generated", 2 },
	{ "json", KEY_JSON, 0, 0, "the result as JSON", 2 },
	{ 0 },
};

enum form { FORM_NONE, FORM_CBPF, FORM_EBPF, FORM_ASM };

struct args {
	struct buf expr;
	const char *pcap, *write;
	enum form form;
	uint64_t count;
	bool json, no_optimize;
};

static volatile int stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

static enum form form_of(const char *name)
{
	static const char *const names[] = { "", "cbpf", "ebpf", "asm" };

	for (int i = FORM_CBPF; i <= FORM_ASM; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum form)i;
	return FORM_NONE;
}

static void parse_count(struct args *a, const char *arg, struct argp_state *state)
{
	char *end;

	errno = 0;
	a->count = strtoull(arg, &end, 10);
	if (errno || *end || end == arg || !a->count || *arg == '-')
		argp_error(state, "--count '%s' is not a number of packets", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case KEY_PCAP:
		a->pcap = arg;
		return 0;
	case KEY_WRITE:
		a->write = arg;
		return 0;
	case KEY_PRINT:
		a->form = form_of(arg);
		if (a->form == FORM_NONE)
			argp_error(state, "--print is cbpf, ebpf or asm, not '%s'", arg);
		return 0;
	case KEY_NO_OPTIMIZE:
		a->no_optimize = true;
		return 0;
	case KEY_JSON:
		a->json = true;
		return 0;
	case 'c':
		parse_count(a, arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (a->expr.len)
			buf_addc(&a->expr, ' ');
		buf_adds(&a->expr, arg);
		return 0;
	case ARGP_KEY_END:
		if (!a->pcap && a->form == FORM_NONE)
			argp_error(state, "which packets? --pcap FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[EXPR ...]",
	.doc = "Counts the packets of a capture that match a filter expression (pcap-filter(7)); "
	       "several arguments are joined with blanks, without any every packet matches. libpcap "
	       "compiles it, skep translates it to eBPF and runs it.\v"
	       "example:\n"
	       "  skep filter 'tcp port 443' --pcap examples/captures/mixed.pcap\n\n"
	       "Exit codes: 0 packets matched, 1 none did, or a wrong expression or capture, 2 "
	       "usage, 3 environment.",
};

static int print_program(const struct args *a, struct skep_filter *filter)
{
	struct raw_opts opts = { .style = SKEP_INSN_KERNEL };
	const struct skep_insn *insns;
	const struct skep_cbpf *cbpf;
	struct out o;
	size_t n;
	int code = out_open(&o, NULL, a->json);

	if (code != EXIT_YES)
		return code;
	if (a->form == FORM_CBPF) {
		cbpf = skep_filter_cbpf(filter, &n);
		raw_print_cbpf(&o, cbpf, n);
	} else {
		insns = skep_filter_insns(filter, &n);
		opts.labels = a->form == FORM_ASM;
		if (opts.labels)
			opts.style = SKEP_INSN_CLANG;
		code = raw_print(&o, insns, n, &opts);
	}
	return code == EXIT_YES ? out_close(&o) : code;
}

static int print_stats(const struct args *a, const struct skep_capture_stats *s)
{
	struct out o;
	int code = out_open(&o, NULL, a->json);

	if (code != EXIT_YES)
		return code;
	if (o.json) {
		json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:s, s:b}", "packets",
				      (json_int_t)s->packets, "matched", (json_int_t)s->matched,
				      "bytes", (json_int_t)s->bytes, "cut_packets",
				      (json_int_t)s->cut_packets, "linktype", s->linkname, "cut",
				      s->cut);

		if (j && a->write)
			json_object_set_new(j, "written", json_integer((json_int_t)s->written));
		out_json(&o, j);
	} else {
		fprintf(o.f, "%" PRIu64 " of %" PRIu64 " packets (%s), %" PRIu64 " bytes\n",
			s->matched, s->packets, s->linkname, s->bytes);
		if (a->write)
			fprintf(o.f, "%" PRIu64 " written\n", s->written);
		if (s->cut)
			fputs("the capture ends in the middle of a packet\n", o.f);
	}
	code = out_close(&o);
	return code != EXIT_YES ? code : s->matched ? EXIT_YES : EXIT_NO;
}

static int run_capture(const struct args *a)
{
	const struct skep_capture_opts opts = { .size = sizeof(opts),
						.expr = buf_str(&a->expr),
						.write = a->form == FORM_NONE ? a->write : NULL,
						.max_packets = a->count,
						.no_optimize = a->no_optimize,
						.stop = &stopped };
	struct skep_capture_stats stats;
	struct skep_error *err = NULL;
	struct skep_capture *capture;
	int code, failed;

	if (skep_capture_open(a->pcap, &opts, &capture, &err) < 0)
		return show_error(err, a->json);
	if (a->form != FORM_NONE) {
		code = print_program(a, skep_capture_filter(capture));
	} else {
		failed = skep_capture_run(capture, &err);
		skep_capture_stats(capture, &stats);
		code = print_stats(a, &stats);
		if (failed < 0)
			code = show_error(err, a->json);
	}
	skep_capture_close(capture);
	return code;
}

static int print_alone(const struct args *a)
{
	const struct skep_filter_opts opts = { .size = sizeof(opts),
					       .no_optimize = a->no_optimize };
	struct skep_error *err = NULL;
	struct skep_filter *filter;
	int code;

	if (skep_filter_new_expr(buf_str(&a->expr), &opts, &filter, &err) < 0)
		return show_error(err, a->json);
	code = print_program(a, filter);
	skep_filter_free(filter);
	return code;
}

int cmd_filter(int argc, char **argv)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	struct args a = { 0 };
	int code;

	argv[0] = (char *)"skep filter";
	buf_init(&a.expr);
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	code = a.pcap ? run_capture(&a) : print_alone(&a);
	buf_done(&a.expr);
	return code;
}
