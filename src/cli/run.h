/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `skep run`: options (cmd_run.c), what happens (run_show.c), maps at the end (run_maps.c). */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"

#define RUN_MAX_EVENTS 32

/* --event MAP=TYPE */
struct run_event {
	const char *map, *type;
	uint32_t id;
};

struct run {
	struct skep_obj *obj;
	struct out out;
	bool quiet, all_maps;
	size_t rows; /* of a table, 0: all */
	struct run_event events[RUN_MAX_EVENTS];
	size_t nevents;
	/* the columns that were printed last, so that a header comes only when they change */
	const struct skep_map *last_map;
	uint32_t last_type;
	uint64_t undecoded; /* records without a type */
	uint64_t shown_faults;
};

extern const struct skep_run_events run_events;

/* Resolves --event options against the object: an exit code, said on standard error when not 0. */
int run_resolve_events(struct run *run);
void run_show_maps(struct run *run);
void run_show_summary(struct run *run, const struct skep_run_opts *opts,
		      const struct skep_run_stats *stats);

#endif
