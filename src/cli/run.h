/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of `skep run`: options (cmd_run.c), what happens (run_show.c), maps at the end (run_maps.c), the summary
 * (run_sum.c).
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"

#define RUN_MAX_PAIRS 64
#define RUN_COLUMNS 64 /* of a record that are kept in line */

/* An option NAME=VALUE that may be repeated. */
struct run_pair {
	const char *name, *value;
};
struct run_pairs {
	struct run_pair at[RUN_MAX_PAIRS];
	size_t n;
};

/* Records that no type was found for: told once a map and size. */
struct run_unknown {
	const struct skep_map *map;
	size_t size;
};

#define RUN_SHOWN_FAULTS 5

/* A fault that was printed: the same one again is only counted. */
struct run_fault {
	const struct skep_prog *prog;
	const char *id;
	uint64_t insn;
};

struct run {
	struct skep_obj *obj;
	struct out out;
	bool quiet, all_maps;
	size_t rows;		 /* of a table, 0: all */
	struct run_pairs events; /* --event MAP=TYPE */
	uint32_t event_types[RUN_MAX_PAIRS];
	struct run_unknown unknown[8];
	size_t nunknown;
	/* the columns that were printed last, so that a header comes only when they change */
	const struct skep_map *last_map;
	uint32_t last_type;
	int widths[RUN_COLUMNS];
	uint64_t undecoded; /* records without a type */
	struct run_fault faults[RUN_SHOWN_FAULTS];
	size_t nfaults;
};

extern const struct skep_run_events run_events;

json_t *run_prog_json(const struct skep_prog *prog); /* its name */
/* Resolves --event options against the object: an exit code, said on standard error when not 0. */
int run_resolve_events(struct run *run);
void run_show_maps(struct run *run);
/* Updates refused because a map was full, over all maps. */
uint64_t run_count_full(const struct run *run);
void run_show_summary(struct run *run, const struct skep_run_opts *opts,
		      const struct skep_run_stats *stats);

#endif
