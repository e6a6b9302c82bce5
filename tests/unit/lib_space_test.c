// SPDX-License-Identifier: Apache-2.0
/* Objects whose maps two processes share: one runs the program, the other reads. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib_kit.h"

#define OBJECT "examples/syscount"

static struct skep_obj *load_in(struct skep_space *space)
{
	struct skep_obj_opts opts = { .size = sizeof(opts), .space = space };
	struct skep_obj *obj = lib_object(OBJECT, &opts);
	struct skep_error *err = NULL;

	if (obj && skep_obj_load(obj, &err) < 0) {
		skep_obj_close(obj);
		obj = NULL;
	}
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	return obj;
}

static struct skep_map *counts(struct skep_obj *obj)
{
	return skep_obj_find_map(obj, "counts");
}

static uint64_t entries(struct skep_map *map)
{
	struct skep_map_stats stats;

	skep_map_stats(map, &stats);
	return stats.entries;
}

/* In a process that has no space yet: 0, or the number of the step that failed. */
static int run_there(int from)
{
	struct skep_run_opts run = { .size = sizeof(run),
				     .argv = (char *[]){ (char *)"true", NULL } };
	struct skep_run_stats stats = { .size = sizeof(stats) };
	struct skep_space *space = NULL;
	struct skep_obj *obj;
	char path[64] = { 0 };
	int fd;

	if (read(from, path, sizeof(path) - 1) <= 0)
		return 1;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || skep_space_join(fd, &space, NULL) < 0)
		return 2;
	close(fd);
	obj = load_in(space);
	skep_space_close(space); /* the object keeps it */
	if (!obj || skep_run(obj, &run, &stats, NULL) < 0 || !stats.events)
		return 3;
	skep_obj_close(obj);
	return 0;
}

static void runs_there_reads_here(void)
{
	struct skep_space *space = NULL;
	struct skep_error *err = NULL;
	struct skep_obj *obj;
	int pair[2], status = -1;
	char path[64];
	pid_t pid;

	CHECK_EQ_INT(pipe(pair), 0);
	pid = fork();
	if (pid == 0)
		_exit(run_there(pair[0]));
	skep_space_new(0, &space, &err);
	CHECK_ERR(err, NULL);
	obj = space ? load_in(space) : NULL;
	if (!obj)
		return;
	CHECK_EQ_INT(entries(counts(obj)), 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), skep_space_fd(space));
	CHECK(write(pair[1], path, strlen(path)) > 0);
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK_EQ_INT(status, 0);
	CHECK(entries(counts(obj)) > 0);
	skep_obj_close(obj);
	skep_space_close(space);
	close(pair[0]);
	close(pair[1]);
}

static void refuses_other_declarations(void)
{
	struct skep_space *space = NULL;
	struct skep_error *err = NULL;
	struct skep_obj *first, *second;
	struct skep_obj_opts opts = { .size = sizeof(opts) };

	CHECK_EQ_INT(skep_space_new(0, &space, NULL), 0);
	first = load_in(space);
	opts.space = space;
	second = lib_object(OBJECT, &opts);
	if (!first || !second)
		return;
	CHECK_EQ_INT(skep_map_set_max_entries(counts(second), 7, NULL), 0);
	CHECK_EQ_INT(skep_obj_load(second, &err), -EINVAL);
	CHECK_ERR(err, "M0027");
	skep_error_free(err);
	skep_obj_close(second);
	second = load_in(space); /* the same maps, once more in this process */
	CHECK(second != NULL);
	skep_obj_close(second);
	skep_obj_close(first);
	skep_space_close(space);
	CHECK_EQ_INT(skep_space_join(0, &space, &err), -EBADF);
	CHECK_ERR(err, "M0020");
	skep_error_free(err);
}

CHECK_MAIN({ "runs_there_reads_here", runs_there_reads_here },
	   { "refuses_other_declarations", refuses_other_declarations })
