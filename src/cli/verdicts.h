/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `skep verify` share: its arguments, and programs with their verdicts. A finding is a JSON tree from the start. */
#ifndef CLI_VERDICTS_H
#define CLI_VERDICTS_H

#include <pthread.h>

#include "cli/cli.h"
#include "skep/skep.h"

struct verify_args {
	const char **paths; /* objects */
	size_t npaths;
	const char *prog, *btf, *output, *counter, *replay, *kernel;
	int log_level;
	bool rewritten, json, sarif, stats, model, all, watch;
	uint32_t caps, flags, max_errors;
	uint64_t runs, seed; /* of --check; 0: none */
	uint64_t tries;	     /* of the search for counterexamples; 0: none */
};

struct object {
	const char *path;
	struct skep_obj *obj;
	struct skep_error *err; /* why it could not be opened or loaded */
};

struct verdict {
	struct object *object;
	const struct skep_prog *prog;
	struct skep_prog_info info;
	struct skep_verify_result v;
	struct skep_error *err;
	int code;
	bool skipped;
	json_t *findings; /* array, of what is rejected; NULL: out of memory */
	struct skep_check_result check;
	struct skep_error *breach; /* or why it was not checked */
	int checked;
};

struct verify_work {
	const struct verify_args *a;
	struct object *objects;
	struct verdict *list;
	size_t n, next, ended;
	pthread_mutex_t lock;
};

/* verify_work.c: opens the objects, verifies in parallel, explains, checks. An exit code. */
int verify_work_do(struct verify_work *w, const struct verify_args *a);
void verify_work_done(struct verify_work *w);
/* A source line without its indentation, tabs as blanks. */
json_t *verify_source_json(const char *text);
/* Opens an object with the types that @a names; NULL and the error. */
struct skep_obj *verify_open(const struct verify_args *a, const char *path,
			     struct skep_error **err);

/* verify_counter.c: searches counterexamples of all findings; runs those of a file. Exit codes. */
int verify_counter(struct verify_work *w);
int verify_replay(const struct verify_args *a);

/* verify_show.c, verify_sarif.c: print all verdicts; an exit code. */
int verify_show(struct verify_work *w);
void verify_sarif(struct out *o, const struct verify_work *w);
const char *verify_word(const struct verdict *d); /* "accepted" ... */

/* verify_kernel.c: the verdicts of another kernel, or of all; an exit code. */
int verify_kernels(const struct verify_args *a);

/* verify_watch.c: again and again, whenever a file of @a changes, until SIGINT. */
int verify_watch(const struct verify_args *a, int (*once)(const struct verify_args *a));

#endif
