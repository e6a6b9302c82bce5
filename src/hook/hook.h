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
#include "skep/filter.h"

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

/* Packet filters: libpcap's compiler and captures, without programs (net_capture.c) --------------- */

struct hook_filter_opts {
	int linktype; /* DLT_ */
	uint32_t snaplen;
	bool no_optimize;
};

/* Compiles a libpcap expression; *@ret_insns is freed with free(3). */
int hook_filter_compile(const char *expr, const struct hook_filter_opts *opts,
			struct skep_cbpf **ret_insns, size_t *ret_n, struct skep_error **reterr);
const char *hook_linktype_name(int linktype); /* "EN10MB"; "?" */
/* Size of the link type's header, where the network's begins; 0 when it varies. */
uint32_t hook_linktype_header(int linktype);

struct hook_packet {
	const uint8_t *bytes; /* borrowed until the next one */
	uint32_t caplen, len;
};

struct hook_capture;
/* A capture of any link type. */
int hook_capture_open(const char *path, const volatile int *stop, struct hook_capture **ret,
		      struct skep_error **reterr);
/* Opens a file for packets that are kept. */
int hook_capture_write(struct hook_capture *c, const char *path, struct skep_error **reterr);
int hook_capture_linktype(const struct hook_capture *c);
uint32_t hook_capture_snaplen(const struct hook_capture *c);
bool hook_capture_cut(const struct hook_capture *c); /* it ended in mid-packet */
/* 1 and a packet; 0 at the end or when told to stop; -errno. */
int hook_capture_next(struct hook_capture *c, struct hook_packet *ret, struct skep_error **reterr);
/* Writes the packet that came last, its first @keep bytes, if there is a file for it. */
int hook_capture_keep(struct hook_capture *c, uint32_t keep, struct skep_error **reterr);
/* All that was kept is written, or an error. *@ret_written (also then): packets in the file. */
int hook_capture_finish(struct hook_capture *c, uint64_t *ret_written, struct skep_error **reterr);
void hook_capture_close(struct hook_capture *c);

#endif
