// SPDX-License-Identifier: Apache-2.0
/*
 * skep's verdict on programs of one object: skep_verdict OBJECT BTF <LINES. Lines and answers are those of kernel_verdict.c, but of
 * a line the programs to load together are not needed. An accepted program that is to be run is run in the checking interpreter. A program
 * may take SECONDS, then the process ends by SIGALRM, and whoever reads goes on with the next.
 */
#include <skep/map.h>
#include <skep/verify.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 20
#define MAX_FIELD 1024
#define PACKET_SIZE 64
#define ETHERNET_SIZE 14
#define BUDGET 100000000
#define LOOPBACK 1

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

struct job {
	char program[MAX_FIELD], with[MAX_FIELD], btf[MAX_FIELD], prepare[MAX_FIELD];
	unsigned int flags, level, run;
};

static bool is(const char *type, const char *const *names)
{
	while (*names && strcmp(type, *names) != 0)
		names++;
	return *names;
}

/*
 * What BPF_PROG_TEST_RUN gives a program that gets a frame of PACKET_SIZE zeros: some types see it behind the Ethernet header. It came by
 * the loopback interface.
 */
static void frame(const struct skep_prog *prog, struct skep_input *in, uint32_t context[48])
{
	static const char *const none[] = { "syscall", "netfilter", NULL };
	static const char *const xdp[] = { "xdp", NULL };
	static const char *const tc[] = { "sched_cls", "sched_act", NULL };
	enum { XDP_IFINDEX = 3, SKB_IFINDEX = 10 };
	struct skep_prog_info info;

	skep_prog_info(prog, &info);
	if (!info.type || is(info.type, none))
		return;
	in->packet_size = PACKET_SIZE;
	in->context = context;
	if (is(info.type, xdp)) {
		in->context_size = (XDP_IFINDEX + 1) * sizeof(*context);
		context[XDP_IFINDEX] = LOOPBACK;
		return;
	}
	if (!is(info.type, tc))
		in->packet_size -= ETHERNET_SIZE;
	in->context_size = (SKB_IFINDEX + 1) * sizeof(*context);
	context[SKB_IFINDEX] = LOOPBACK;
}

/* Runs it, and says what came out. The map's value is struct test_val of prog_tests/verifier.c, as in kernel_verdict.c. */
static void run(struct skep_obj *loaded, const struct job *job)
{
	static const uint8_t packet[PACKET_SIZE];
	static const uint32_t value[12] = { [0] = 7 * sizeof(int), [7] = 0xabcdef12 };
	static const uint32_t key;
	const struct skep_prog *prog = loaded ? skep_obj_find_prog(loaded, job->program) : NULL;
	const struct skep_input_element element = { job->prepare, &key, value, sizeof(key),
						    sizeof(value) };
	struct skep_input in = { .size = sizeof(in), .prandom = 1, .packet = packet };
	struct skep_error *err = NULL;
	uint32_t context[48] = { 0 };
	uint64_t r0 = 0;
	int r = -1;

	if (strncmp(job->prepare, "map_", 4) == 0) {
		in.elements = &element;
		in.nelements = 1;
	}
	if (prog) {
		frame(prog, &in, context);
		r = skep_prog_replay(prog, &in, BUDGET, &r0, &err);
	}
	printf("\"run_errno\": %d, \"retval\": %u, ", -r, (uint32_t)r0);
	put_json("fault", err ? skep_error_message(err) : "", false);
	skep_error_free(err);
}

static void verify(const struct skep_obj *obj, struct skep_obj *loaded, const struct job *job)
{
	const char *name = job->program;
	const struct skep_prog *prog = skep_obj_find_prog(obj, name);
	const uint32_t caps = SKEP_VERIFY_BPF | SKEP_VERIFY_NET_ADMIN;
	const struct skep_verify_opts opts = { .size = sizeof(opts),
					       .caps = strcmp(job->prepare, "mtu") == 0 ?
							       caps :
							       caps | SKEP_VERIFY_PERFMON,
					       .prog_flags = job->flags,
					       .log_level = job->level };
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
	if (r == 0 && job->run) {
		alarm(SECONDS);
		run(loaded, job);
		alarm(0);
	}
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

static struct skep_obj *load_with(const char *path, const char *btf)
{
	struct skep_obj *obj = open_with(path, btf, NULL);

	if (obj && skep_obj_load(obj, NULL) == 0)
		return obj;
	skep_obj_close(obj);
	return NULL;
}

/* Against other types than the kernel's. */
static void verify_with(const char *path, const struct job *job)
{
	struct skep_obj *obj = open_with(path, job->btf, NULL), *loaded = load_with(path, job->btf);

	if (obj)
		verify(obj, loaded, job);
	skep_obj_close(loaded);
	skep_obj_close(obj);
}

int main(int argc, char **argv)
{
	struct skep_obj *obj, *loaded;
	struct skep_error *err = NULL;
	struct job job;
	char line[8192];

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
	loaded = load_with(argv[1], argv[2]);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%1023[^\t]\t%u\t%u\t%u\t%1023[^\t]\t%1023[^\t]\t%1023[^\t\n]",
			   job.program, &job.flags, &job.level, &job.run, job.with, job.btf,
			   job.prepare) != 7)
			continue;
		if (strcmp(job.btf, "-") != 0)
			verify_with(argv[1], &job);
		else
			verify(obj, loaded, &job);
	}
	skep_obj_close(loaded);
	skep_obj_close(obj);
	return 0;
}
