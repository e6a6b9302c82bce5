// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's verdict on programs of one object, each loaded by itself: kernel_verdict OBJECT <LINES. A line names a
 * program, and behind tabs the flags of BPF_PROG_LOAD, the log level, how to run it (0 not, 1 with a packet, 2 without), the
 * programs that are loaded with it (`,` between them, or -), a BTF file (or -), what to prepare ("mtu" drops CAP_PERFMON;
 * "sizes" gives maps that have none a size; a map's name: its element 0 becomes what prog_tests/verifier.c writes; or -). One JSON
 * object a line comes out. Links with the libbpf of the kernel's source, for that of Debian is older than the objects.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOG_SIZE (16u << 20)
#define DATA_SIZE 64
#define MAP_ENTRIES 64
#define STACK_DEPTH 127
#define MAX_FIELD 1024

static char *verifier_log;
static char libbpf_log[4096];
static size_t libbpf_used;

struct job {
	char program[MAX_FIELD], with[MAX_FIELD], btf[MAX_FIELD], prepare[MAX_FIELD];
	unsigned int flags, level, run;
};

static int note(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t room = sizeof(libbpf_log) - libbpf_used;
	int n;

	if (level != LIBBPF_WARN || room < 2)
		return 0;
	n = vsnprintf(libbpf_log + libbpf_used, room, format, args);
	libbpf_used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	return n;
}

static void put_json(const char *key, const char *text, bool last)
{
	printf("\"%s\": \"", key);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	fputs(last ? "\"}\n" : "\", ", stdout);
}

/* The capabilities that the selftests keep; all can be dropped again and again. */
static void set_caps(bool perfmon)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0)
		return;
	data[0].effective &= ~(1u << CAP_SYS_ADMIN);
	data[1].effective |= 1u << (CAP_PERFMON - 32);
	if (!perfmon)
		data[1].effective &= ~(1u << (CAP_PERFMON - 32));
	syscall(SYS_capset, &header, data);
}

static bool is_among(const char *name, const char *list)
{
	size_t n = strlen(name);

	for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
		if ((at == list || at[-1] == ',') && (!at[n] || at[n] == ','))
			return true;
	return false;
}

/* struct test_val of prog_tests/verifier.c: an index, and eleven numbers of which the seventh is not 0. */
static void fill_map(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	uint32_t value[12] = { [0] = 7 * sizeof(int), [7] = 0xabcdef12 }, key = 0;

	if (map)
		bpf_map_update_elem(bpf_map__fd(map), &key, value, 0);
}

static int run(int fd, bool empty, uint32_t *ret)
{
	uint8_t in[DATA_SIZE] = { 0 }, out[DATA_SIZE * 4];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	LIBBPF_OPTS(bpf_test_run_opts, none);
	int r = bpf_prog_test_run_opts(fd, empty ? &none : &opts);

	*ret = empty ? none.retval : opts.retval;
	return r;
}

/* What the tools that objects come from set before they load: the sizes of maps that have none. */
static void size_maps(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		bool stacks = bpf_map__type(map) == BPF_MAP_TYPE_STACK_TRACE;

		if (!bpf_map__max_entries(map) &&
		    bpf_map__type(map) != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			bpf_map__set_max_entries(map, MAP_ENTRIES);
		if (stacks && !bpf_map__value_size(map))
			bpf_map__set_value_size(map, STACK_DEPTH * 8);
	}
}

static void load(const char *path, const struct job *job)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct bpf_program *p, *wanted = NULL;
	struct bpf_object *obj;
	uint32_t ret = 0;
	int r, ran = 0;

	if (strcmp(job->btf, "-") != 0)
		opts.btf_custom_path = job->btf;
	verifier_log[0] = '\0';
	libbpf_used = 0;
	libbpf_log[0] = '\0';
	obj = bpf_object__open_file(path, &opts);
	if (!obj) {
		printf("{\"program\": \"%s\", \"opened\": false, \"errno\": %d, ", job->program,
		       errno);
		put_json("libbpf", libbpf_log, true);
		return;
	}
	bpf_object__for_each_program(p, obj)
	{
		bool it = !strcmp(bpf_program__name(p), job->program);

		bpf_program__set_autoload(p, it || is_among(bpf_program__name(p), job->with));
		if (it)
			wanted = p;
	}
	if (wanted) {
		bpf_program__set_log_buf(wanted, verifier_log, LOG_SIZE);
		bpf_program__set_log_level(wanted, job->level);
		bpf_program__set_flags(wanted, bpf_program__flags(wanted) | job->flags);
	}
	if (strcmp(job->prepare, "sizes") == 0)
		size_maps(obj);
	set_caps(strcmp(job->prepare, "mtu") != 0);
	r = wanted ? bpf_object__load(obj) : -ENOENT;
	printf("{\"program\": \"%s\", \"opened\": true, \"found\": %s, \"errno\": %d, \"type\": %d, "
	       "\"attach\": %d, ",
	       job->program, wanted ? "true" : "false", -r,
	       wanted ? (int)bpf_program__type(wanted) : 0,
	       wanted ? (int)bpf_program__expected_attach_type(wanted) : 0);
	if (r == 0 && job->run) {
		fill_map(obj, job->prepare);
		ran = run(bpf_program__fd(wanted), job->run == 2, &ret);
		printf("\"run_errno\": %d, \"retval\": %u, ", -ran, ret);
	}
	put_json("libbpf", libbpf_log, false);
	put_json("log", verifier_log, true);
	fflush(stdout);
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	struct job job;
	char line[8192];

	verifier_log = calloc(1, LOG_SIZE);
	if (argc != 2 || !verifier_log)
		return 2;
	libbpf_set_print(note);
	while (fgets(line, sizeof(line), stdin))
		if (sscanf(line, "%1023[^\t]\t%u\t%u\t%u\t%1023[^\t]\t%1023[^\t]\t%1023[^\t\n]",
			   job.program, &job.flags, &job.level, &job.run, job.with, job.btf,
			   job.prepare) == 7)
			load(argv[1], &job);
	free(verifier_log);
	return 0;
}
