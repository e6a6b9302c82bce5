/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of event sources: what fires programs. A source says which programs it can serve and why not
 * the others, opens with its options, runs until it ends or is told to stop, and counts. All of a session happens on
 * the thread that calls run(). Sources: hook_proc (a supervised command), hook_net (packets).
 */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include "base/error.h"
#include "core/core.h"

struct hook_opts {
	/* proc */
	char *const *argv; /* the command, NULL-terminated */
	bool spread;	   /* do not place supervisor and command on one CPU */
	/* net: exactly one of pcap and iface */
	const char *pcap; /* file, "-" is standard input */
	const char *iface;
	const char *filter;   /* libpcap expression, or NULL */
	const char *write;    /* file for packets that passed, or NULL */
	uint64_t max_packets; /* 0: no limit */
	/* both */
	double seconds;	 /* stop after; 0: no limit */
	uint64_t budget; /* instructions a run; 0: default */
};

/* Whom a source reports to; implemented by lib. A non-zero return asks the source to stop. */
struct hook_sink {
	void *ctx;
	int (*fault)(void *ctx, struct core_prog *prog, struct skep_error *err); /* takes err */
	int (*after)(void *ctx); /* after every event: drain buffers */
	void (*trace)(void *ctx, const char *line, size_t len);
	/* Set (from a signal handler, say): end soon. The number of a signal tells hook_proc which one
	 * came: SIGINT and SIGQUIT reached the command too, another is passed on to it. */
	const volatile int *stop;
};

#define HOOK_MAX_VERDICTS 16

/* Verdicts of one program: 0..n-1 by value, the last for all others. */
struct hook_verdicts {
	const struct core_prog *prog;
	const char *names[HOOK_MAX_VERDICTS]; /* "XDP_PASS"; NULL: no such value */
	uint64_t counts[HOOK_MAX_VERDICTS];
	uint64_t other, faulted;
};

struct hook_stats {
	uint64_t events; /* program runs */
	/* proc */
	uint64_t stops, processes, threads; /* a process has at least one thread */
	uint64_t lost; /* events that could not be read (a process killed in a stop) */
	bool exited;   /* the command itself ended */
	int status;    /* its exit code, or 128 + signal */
	int signal;    /* that ended it, 0 none */
	/* net */
	uint64_t packets, bytes, written, truncated, dropped; /* dropped: by the capture device */
	bool cut;					      /* the file ended in mid-packet */
	const struct hook_verdicts *verdicts;		      /* borrowed until close */
	size_t nverdicts;
};

struct hook_ops {
	const char *name; /* "command", "packets" */
	/* Can it serve this program? If not, says why in a few words. */
	bool (*serves)(const struct core_prog *prog, char *why, size_t size);
	/* @progs: those that it serves. */
	int (*open)(const struct hook_opts *opts, struct core_prog **progs, size_t nprogs,
		    const struct hook_sink *sink, void **ret, struct skep_error **reterr);
	int (*run)(void *source, struct skep_error **reterr);
	void (*stats)(void *source, struct hook_stats *ret);
	void (*close)(void *source);
};

extern const struct hook_ops hook_proc; /* hook/proc/ */
extern const struct hook_ops hook_net;	/* hook/net/ */

/*
 * Runs @prog once on @ctx with what the source set in @run (regions, host, ctx_backing) after
 * exec_run_start(); reports a fault to the sink. Returns 0 with *ret_r0, 1 when it faulted and the session
 * goes on, or < 0 to stop.
 */
int hook_fire(const struct hook_sink *sink, struct core_prog *prog, struct exec_run *run,
	      uint64_t ctx, uint64_t *ret_r0);

#endif
