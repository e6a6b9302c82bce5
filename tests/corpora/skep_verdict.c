// SPDX-License-Identifier: Apache-2.0
/*
 * skep's verdict on programs of one object: skep_verdict OBJECT BTF <LINES. Lines and answers are those of kernel_verdict.c; of
 * a line the program, the flags, the log level, and in the last field "mtu" are read. A program may take SECONDS, then the
 * process ends by SIGALRM, and whoever reads goes on with the next.
 */
#include <skep/verify.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 20
#define MAX_FIELD 1024

static void put_json(const char *key, const char *text, bool last)
{
	printf("\"%s\": \"", key);
	for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p; p++)
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	fputs(last ? "\"}\n" : "\", ", stdout);
}

static void verify(const struct skep_obj *obj, const char *name, unsigned int flags,
		   unsigned int level, bool perfmon)
{
	const struct skep_prog *prog = skep_obj_find_prog(obj, name);
	const uint32_t caps = SKEP_VERIFY_BPF | SKEP_VERIFY_NET_ADMIN;
	const struct skep_verify_opts opts = { .size = sizeof(opts),
					       .caps = perfmon ? caps | SKEP_VERIFY_PERFMON : caps,
					       .prog_flags = flags,
					       .log_level = level };
	struct skep_verify_result v = { .size = sizeof(v) };
	struct skep_error *err = NULL;
	char at[256] = "";
	int r = -1;

	alarm(SECONDS);
	if (prog)
		r = skep_prog_verify(prog, &opts, &v, &err);
	alarm(0);
	if (err && skep_error_place(err))
		snprintf(at, sizeof(at), "%llu", (unsigned long long)skep_error_place(err)->at);
	printf("{\"program\": \"%s\", \"opened\": true, \"found\": %s, \"errno\": %d, \"ns\": %llu, "
	       "\"processed\": %u, \"memory\": %llu, ",
	       name, prog ? "true" : "false", -r, (unsigned long long)v.time_ns, v.insns_processed,
	       (unsigned long long)v.memory);
	put_json("id", err ? skep_error_id(err) : "", false);
	put_json("at", at, false);
	put_json("message", err ? skep_error_message(err) : "", false);
	put_json("needed", err ? skep_error_needed(err) : "", false);
	put_json("log", v.log, true);
	fflush(stdout);
	skep_error_free(err);
	skep_verify_result_done(&v);
}

/* CO-RE against the types that a test names, else against the kernel's. */
static struct skep_obj *open_with(const char *path, const char *btf, struct skep_error **reterr)
{
	const struct skep_obj_opts opts = { .size = sizeof(opts), .btf = btf };
	struct skep_obj *obj = NULL;

	return skep_obj_open(path, &opts, &obj, reterr) < 0 ? NULL : obj;
}

int main(int argc, char **argv)
{
	char line[8192], program[MAX_FIELD], with[MAX_FIELD], btf[MAX_FIELD], prepare[MAX_FIELD];
	struct skep_obj *obj, *other;
	struct skep_error *err = NULL;
	unsigned int flags, level, run;

	if (argc != 3)
		return 2;
	obj = open_with(argv[1], argv[2], &err);
	if (!obj) {
		printf("{\"program\": \"-\", \"opened\": false, \"errno\": %d, ",
		       -skep_error_code(err));
		put_json("message", skep_error_message(err), true);
		skep_error_free(err);
		return 0;
	}
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%1023[^\t]\t%u\t%u\t%u\t%1023[^\t]\t%1023[^\t]\t%1023[^\t\n]",
			   program, &flags, &level, &run, with, btf, prepare) != 7)
			continue;
		other = strcmp(btf, "-") != 0 ? open_with(argv[1], btf, NULL) : NULL;
		verify(other ? other : obj, program, flags, level, strcmp(prepare, "mtu") != 0);
		skep_obj_close(other);
	}
	skep_obj_close(obj);
	return 0;
}
