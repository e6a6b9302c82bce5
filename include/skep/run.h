/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running an object's programs on real events, without privileges: the system calls of a command that
 * skep supervises, or packets of a capture or an interface.
 */
#ifndef SKEP_RUN_H
#define SKEP_RUN_H

#include "skep/map.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What happens during a run, on the thread that called skep_run(). Any may be NULL. */
struct skep_run_events {
	/** Opened, attached, about to start. */
	void (*start)(void *ctx);
	/** A trace_printk line, without newline. */
	void (*trace)(void *ctx, const char *line, size_t len);
	/** A ring-buffer or perf record. */
	void (*record)(void *ctx, const struct skep_map *map, uint32_t cpu, const void *data,
		       size_t len);
	/** A perf buffer dropped @n records on a CPU. */
	void (*lost)(void *ctx, const struct skep_map *map, uint32_t cpu, uint64_t n);
	/** A run of a program ended with an error; @err is borrowed. */
	void (*fault)(void *ctx, const struct skep_prog *prog, const struct skep_error *err);
	/** A program that will not run, and why (one line). */
	void (*skipped)(void *ctx, const struct skep_prog *prog, const char *why);
};

/** Options; zero-initialise and set size. Exactly one of argv, pcap, iface. */
struct skep_run_opts {
	size_t size;
	char *const *
		argv; /**< command and arguments, NULL-terminated: supervised with its descendants */
	const char *pcap;   /**< pcap or pcapng file, "-" standard input */
	const char *iface;  /**< network interface (AF_PACKET; needs CAP_NET_RAW there) */
	const char *filter; /**< libpcap filter expression for packets */
	const char *write; /**< file that takes the packets that passed, rewritten bytes included */
	uint64_t max_packets; /**< stop after; 0 no limit */
	double seconds; /**< stop after; 0 no limit. A command goes on without its programs: it cannot do
			     without a supervisor, so skep_run() returns when it has ended */
	uint64_t budget; /**< instructions a program run; 0: 10 million */
	bool strict;	 /**< a program that cannot run is an error */
	bool spread; /**< leave CPU placement of the command alone (stops cost some 50 us across CPUs) */
	const struct skep_run_events *events;
	void *ctx; /**< handed to events */
	const volatile int *
		stop; /**< may be NULL; non-zero ends the run soon (settable in a signal handler). A command has
			   1 s to end by itself, then gets SIGTERM, 2 s later SIGKILL. The number of a
			   signal other than SIGINT and SIGQUIT, which a terminal sends to both, is
			   passed on to the command */
};

struct skep_verdict {
	const struct skep_prog *prog;
	const char *name; /**< "XDP_DROP"; "fault"; "other" */
	uint64_t count;
};

/** Zero-initialise and set size. */
struct skep_run_stats {
	size_t size;
	uint64_t events;	  /**< program runs */
	uint64_t faults, skipped; /**< runs that faulted, programs that did not run */
	uint64_t records, record_bytes, lost;
	uint64_t stops, processes, threads, events_lost; /**< command */
	bool exited;
	int status,
		signal; /**< exit status as a shell gives it (128 + signal), ending signal or 0 */
	uint64_t packets, bytes, written, truncated, dropped; /**< packets */
	bool cut;					      /**< the capture ends in mid-packet */
	double seconds;
};

/**
 * Attaches every loaded program that the source can serve, runs to the end of the command, capture, limit or
 * until *stop, and detaches. Programs' verdicts are read afterwards with skep_run_verdict().
 * Errors: -EINVAL (options), -ENOENT (no program to run, no such file, no such command), -EPERM/-EACCES (interface),
 * -ENOSPC, -EIO (writing). Not reentrant for one object.
 */
SKEP_API int skep_run(struct skep_obj *obj, const struct skep_run_opts *opts,
		      struct skep_run_stats *ret_stats, struct skep_error **reterr);
/** Verdict i of the last run, in order of program and value, counts > 0 only; false past the end. */
SKEP_API bool skep_run_verdict(const struct skep_obj *obj, size_t i, struct skep_verdict *ret);

/** Name of a system call of this machine ("openat"), or NULL. Constant; thread-safe. */
SKEP_API const char *skep_syscall_name(int nr);

#ifdef __cplusplus
}
#endif
#endif
