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

/* What people are told of a rejection, and whether an input faults there: of the first error. */
struct told {
	const struct skep_prog *loaded; /* NULL: it cannot be loaded here */
	bool any, whole, value, path;
	const char *counter;
};

static void hear(void *ctx, const struct skep_verify_finding *f)
{
	const struct skep_search_opts opts = { .size = sizeof(opts), .tries = 1000 };
	const char *known = skep_error_known(f->error);
	struct told *t = ctx;
	struct skep_input *input = NULL;
	struct skep_error *fault = NULL;

	if (t->any)
		return;
	t->any = true;
	t->whole = skep_error_place(f->error)->line && skep_error_needed(f->error) && known &&
		   skep_error_help(f->error);
	t->value = known && known[0] == 'r' && known[1] >= '0' && known[1] <= '9';
	t->path = f->ncauses;
	if (!t->loaded)
		return;
	t->counter = "none";
	if (skep_prog_find_fault(t->loaded, f, &opts, &input, &fault, NULL) == 0)
		t->counter = "found";
	else if (fault)
		t->counter = "not served";
	skep_input_free(input);
	skep_error_free(fault);
}

static struct told explain(const struct skep_obj *obj, struct skep_obj *loaded, const char *name,
			   const struct skep_verify_opts *opts)
{
	struct told t = { .counter = "not served" };

	if (loaded)
		t.loaded = skep_obj_find_prog(loaded, name);
	skep_prog_explain(skep_obj_find_prog(obj, name), opts, hear, &t, NULL);
	return t;
}

static void verify(const struct skep_obj *obj, struct skep_obj *loaded, const char *name,
		   unsigned int flags, unsigned int level, bool perfmon)
{
	const struct skep_prog *prog = skep_obj_find_prog(obj, name);
	const uint32_t caps = SKEP_VERIFY_BPF | SKEP_VERIFY_NET_ADMIN;
	const struct skep_verify_opts opts = { .size = sizeof(opts),
					       .caps = perfmon ? caps | SKEP_VERIFY_PERFMON : caps,
					       .prog_flags = flags,
					       .log_level = level };
	struct skep_verify_result v = { .size = sizeof(v) };
	struct skep_error *err = NULL;
	struct told told = { .counter = "" };
	char at[256] = "";
	int r = -1;

	alarm(SECONDS);
	if (prog)
		r = skep_prog_verify(prog, &opts, &v, &err);
	if (prog && r < 0)
		told = explain(obj, loaded, name, &opts);
	alarm(0);
	if (err && skep_error_place(err))
		snprintf(at, sizeof(at), "%llu", (unsigned long long)skep_error_place(err)->at);
	printf("{\"program\": \"%s\", \"opened\": true, \"found\": %s, \"errno\": %d, \"ns\": %llu, "
	       "\"processed\": %u, \"memory\": %llu, ",
	       name, prog ? "true" : "false", -r, (unsigned long long)v.time_ns, v.insns_processed,
	       (unsigned long long)v.memory);
	printf("\"explained\": %s, \"known_value\": %s, \"path\": %s, ",
	       told.whole ? "true" : "false", told.value ? "true" : "false",
	       told.path ? "true" : "false");
	put_json("counterexample", told.counter, false);
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
	struct skep_obj *obj, *other, *loaded;
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
	loaded = open_with(argv[1], argv[2], NULL);
	if (loaded && skep_obj_load(loaded, NULL) < 0) {
		skep_obj_close(loaded);
		loaded = NULL;
	}
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%1023[^\t]\t%u\t%u\t%u\t%1023[^\t]\t%1023[^\t]\t%1023[^\t\n]",
			   program, &flags, &level, &run, with, btf, prepare) != 7)
			continue;
		other = strcmp(btf, "-") != 0 ? open_with(argv[1], btf, NULL) : NULL;
		verify(other ? other : obj, loaded, program, flags, level,
		       strcmp(prepare, "mtu") != 0);
		skep_obj_close(other);
	}
	skep_obj_close(loaded);
	skep_obj_close(obj);
	return 0;
}
