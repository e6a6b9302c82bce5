// SPDX-License-Identifier: Apache-2.0
/*
 * The one idea, tested: the same object counts the same events for the same workload on the real kernel (libbpf,
 * root) and on the user engine. Every table of the object is compared byte for byte.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "skep/skep.h"

#define MAX_LINKS 64
#define MAX_ELEMENTS 4096

struct pair {
	unsigned char key[64], value[64];
};

struct table {
	char name[64];
	uint32_t key_size, value_size;
	struct pair *pairs;
	size_t n;
};

static char path_obj[512], path_work[512];

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct pair *)0)->key));
}

/* libbpf looks for tracepoints below /sys/kernel/tracing: mount it for this process alone. */
static const char *prepare_kernel(void)
{
	static char why[128];

	int fd;

	if (geteuid() != 0)
		return "needs root";
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 4, 1, NULL);
	if (fd < 0) {
		snprintf(why, sizeof(why), "bpf(2): %s", strerror(errno));
		return why;
	}
	close(fd);
	if (access("/sys/kernel/tracing/events/raw_syscalls", F_OK) == 0)
		return NULL;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0) {
		snprintf(why, sizeof(why), "cannot mount tracefs: %s", strerror(errno));
		return why;
	}
	return NULL;
}

static int run_workload(const char *what)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl(path_work, path_work, what, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void kernel_table(struct bpf_map *map, struct table *t)
{
	int fd = bpf_map__fd(map);
	void *at = NULL;

	snprintf(t->name, sizeof(t->name), "%s", bpf_map__name(map));
	t->key_size = bpf_map__key_size(map);
	t->value_size = bpf_map__value_size(map);
	t->pairs = calloc(MAX_ELEMENTS, sizeof(*t->pairs));
	for (t->n = 0; t->pairs && t->n < MAX_ELEMENTS; t->n++) {
		struct pair *p = &t->pairs[t->n];

		if (bpf_map_get_next_key(fd, at, p->key) < 0)
			break;
		bpf_map_lookup_elem(fd, p->key, p->value);
		at = p->key;
	}
	qsort(t->pairs, t->n, sizeof(*t->pairs), by_key);
}

static size_t kernel_run(const char *what, struct table *tables, size_t max)
{
	struct bpf_object *obj = bpf_object__open_file(path_obj, NULL);
	struct bpf_link *links[MAX_LINKS];
	struct bpf_program *prog;
	struct bpf_map *map;
	size_t n = 0, nlinks = 0;
	int r;

	r = obj ? bpf_object__load(obj) : -errno;
	CHECK_EQ_INT(r, 0);
	bpf_object__for_each_program(prog, obj)
	{
		links[nlinks] = bpf_program__attach(prog);
		CHECK(links[nlinks] != NULL);
		if (links[nlinks] && nlinks + 1 < MAX_LINKS)
			nlinks++;
	}
	CHECK_EQ_INT(run_workload(what), 0);
	while (nlinks > 0)
		bpf_link__destroy(links[--nlinks]);
	bpf_object__for_each_map(map, obj) if (!strchr(bpf_map__name(map), '.') && n < max)
		kernel_table(map, &tables[n++]);
	bpf_object__close(obj);
	return n;
}

static struct skep_obj *user_run(const char *what)
{
	char *argv[] = { path_work, (char *)what, NULL };
	struct skep_run_opts opts = { .size = sizeof(opts), .argv = argv, .strict = true };
	struct skep_run_stats stats = { .size = sizeof(stats) };
	struct skep_error *err = NULL;
	struct skep_obj *obj = NULL;
	int r = skep_obj_open(path_obj, NULL, &obj, &err);

	if (r == 0)
		r = skep_obj_load(obj, &err);
	if (r == 0)
		r = skep_run(obj, &opts, &stats, &err);
	if (err)
		printf("# %s\n", skep_error_message(err));
	skep_error_free(err);
	CHECK_EQ_INT(r, 0);
	CHECK_EQ_INT(stats.status, 0);
	CHECK_EQ_INT(stats.faults, 0);
	CHECK_EQ_INT(stats.events_lost, 0);
	return obj;
}

static void compare(struct skep_obj *obj, const struct table *t)
{
	struct skep_map *map = skep_obj_find_map(obj, t->name);
	struct pair *pairs = calloc(MAX_ELEMENTS, sizeof(*pairs));
	void *at = NULL;
	size_t n = 0;

	CHECK(map != NULL);
	while (map && pairs && n < MAX_ELEMENTS && skep_map_next_key(map, at, pairs[n].key) == 0) {
		skep_map_lookup(map, pairs[n].key, pairs[n].value);
		at = pairs[n++].key;
	}
	qsort(pairs, n, sizeof(*pairs), by_key);
	CHECK_EQ_INT(n, t->n);
	for (size_t i = 0; i < n && i < t->n; i++) {
		CHECK_EQ_MEM(pairs[i].key, t->pairs[i].key, t->key_size);
		CHECK_EQ_MEM(pairs[i].value, t->pairs[i].value, t->value_size);
	}
	free(pairs);
}

static void same_counts(const char *object, const char *what)
{
	const char *build = getenv("SKEP_BUILD"), *why = prepare_kernel();
	struct table tables[32] = { 0 };
	struct skep_obj *obj;
	size_t n;

	if (why)
		CHECK_SKIP(why);
	if (!build)
		build = "build";
	snprintf(path_obj, sizeof(path_obj), "%s/tests/bpf/%s.bpf.o", build, object);
	snprintf(path_work, sizeof(path_work), "%s/tests/tools/workload", build);
	libbpf_set_print(quiet);
	CHECK_CASE("%s, kernel", object);
	n = kernel_run(what, tables, ARRAY_SIZE(tables));
	CHECK(n > 0);
	CHECK_CASE("%s, user engine", object);
	obj = user_run(what);
	for (size_t i = 0; i < n; i++) {
		CHECK_CASE("%s: '%s' is the same on both engines (%zu entries)", object,
			   tables[i].name, tables[i].n);
		compare(obj, &tables[i]);
		free(tables[i].pairs);
	}
	skep_obj_close(obj);
}

static void syscalls(void)
{
	same_counts("syscalls", "calls");
}

static void processes(void)
{
	same_counts("sched", "tree");
}

CHECK_MAIN({ "syscalls", syscalls }, { "processes", processes })
