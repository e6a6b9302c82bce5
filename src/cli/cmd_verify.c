// SPDX-License-Identifier: Apache-2.0
/* skep verify: would the kernel load these programs? In parallel, one line a program; a rejection is explained. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

struct args {
	const char *object, *prog, *btf, *output;
	int log_level;
	bool json, stats, model, all;
	uint32_t caps, flags;
	uint64_t runs, seed; /* of --check; 0: none */
};

enum {
	OPT_BTF = 256,
	OPT_JSON,
	OPT_STATS,
	OPT_LOG,
	OPT_MODEL,
	OPT_UNPRIV,
	OPT_STRICT,
	OPT_FREQ,
	OPT_ALL,
	OPT_CHECK,
	OPT_SEED
};

static const struct argp_option options[] = {
	{ "all", OPT_ALL, NULL, 0, "also programs of sections that start with '?'", 0 },
	{ "btf", OPT_BTF, "FILE", 0, "kernel types (" KERNEL_TYPES ", if it can be read)", 0 },
	{ "check", OPT_CHECK, "N", 0,
	  "run what is accepted N times on random inputs: does all stay inside what the verifier foresaw?",
	  0 },
	{ "json", OPT_JSON, NULL, 0, "one JSON object a program", 0 },
	{ "log-level", OPT_LOG, "N", 0,
	  "the verifier's log: 1 the path that fails, 2 every path, 4 statistics", 0 },
	{ "model", OPT_MODEL, NULL, 0, "the types of the model kernel", 0 },
	{ "output", 'o', "FILE", 0, "write there, not to standard output", 0 },
	{ "seed", OPT_SEED, "N", 0, "of the inputs of --check (1)", 0 },
	{ "state-freq", OPT_FREQ, NULL, 0,
	  "keep a state wherever one may be kept (BPF_F_TEST_STATE_FREQ)", 0 },
	{ "stats", OPT_STATS, NULL, 0, "instructions, states, time and memory", 0 },
	{ "strict-alignment", OPT_STRICT, NULL, 0, "BPF_F_STRICT_ALIGNMENT", 0 },
	{ "unprivileged", OPT_UNPRIV, NULL, 0, "as for a loader without capabilities", 0 },
	{ 0 },
};

static uint64_t count_of(const char *arg, const char *what, struct argp_state *state)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (arg[0] < '0' || arg[0] > '9' || *end || errno || !n)
		argp_error(state, "bad %s '%s'", what, arg);
	return n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case OPT_ALL:
		a->all = true;
		break;
	case OPT_BTF:
		a->btf = arg;
		break;
	case OPT_MODEL:
		a->model = true;
		break;
	case OPT_JSON:
		a->json = true;
		break;
	case OPT_STATS:
		a->stats = true;
		break;
	case OPT_LOG:
		if (arg[0] < '0' || arg[0] > '7' || arg[1])
			argp_error(state, "no such log level '%s'", arg);
		a->log_level = arg[0] - '0';
		break;
	case OPT_UNPRIV:
		a->caps = SKEP_VERIFY_NOBODY;
		break;
	case OPT_STRICT:
		a->flags |= 1;
		break;
	case OPT_FREQ:
		a->flags |= 8;
		break;
	case OPT_CHECK:
		a->runs = count_of(arg, "number of runs", state);
		break;
	case OPT_SEED:
		a->seed = count_of(arg, "seed", state);
		break;
	case 'o':
		a->output = arg;
		break;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			a->object = arg;
		else if (state->arg_num == 1)
			a->prog = arg;
		else
			argp_usage(state);
		break;
	case ARGP_KEY_END:
		if (!a->object)
			argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options,
	parse,
	"OBJECT [PROGRAM]",
	"Verifies the programs of an eBPF object (or one of them) as the kernel does before it loads them. "
	"Needs no privilege and no kernel.\v"
	"example:\n"
	"  skep verify xdp_stats.bpf.o\n\n"
	"Exit codes: 0 all accepted, 1 one is rejected or cannot be read, 2 usage, 3 environment.",
	NULL,
	NULL,
	NULL,
};

struct verdict {
	const struct skep_prog *prog;
	struct skep_prog_info info;
	struct skep_verify_result v;
	struct skep_error *err;
	int code;
	bool skipped;
	struct skep_check_result check;
	struct skep_error *breach; /* or why it was not checked */
	int checked;
};

struct work {
	const struct args *a;
	struct verdict *list;
	size_t n, next;
	pthread_mutex_t lock;
};

static void *worker(void *ctx)
{
	struct work *w = ctx;
	const struct skep_verify_opts opts = { .size = sizeof(opts),
					       .caps = w->a->caps,
					       .prog_flags = w->a->flags,
					       .log_level = (uint32_t)w->a->log_level };

	for (;;) {
		size_t i;

		pthread_mutex_lock(&w->lock);
		i = w->next++;
		pthread_mutex_unlock(&w->lock);
		if (i >= w->n)
			return NULL;
		w->list[i].v.size = sizeof(w->list[i].v);
		if (!w->list[i].skipped)
			w->list[i].code = skep_prog_verify(w->list[i].prog, &opts, &w->list[i].v,
							   &w->list[i].err);
	}
}

static void verify_all(struct work *w)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[16];
	size_t n = 0;

	pthread_mutex_init(&w->lock, NULL);
	while (n + 1 < w->n && n + 1 < (size_t)cpus && n < 16) {
		if (pthread_create(&threads[n], NULL, worker, w) != 0)
			break;
		n++;
	}
	worker(w);
	while (n)
		pthread_join(threads[--n], NULL);
	pthread_mutex_destroy(&w->lock);
}

/* One after the other: they share the maps. */
static int check_all(struct work *w, struct skep_obj *obj)
{
	const struct skep_check_opts opts = { .size = sizeof(opts),
					      .runs = w->a->runs,
					      .seed = w->a->seed,
					      .caps = w->a->caps,
					      .prog_flags = w->a->flags };
	struct skep_error *err = NULL;

	if (!w->a->runs)
		return EXIT_YES;
	if (skep_obj_load(obj, &err) < 0)
		return show_error(err, w->a->json);
	for (size_t i = 0; i < w->n; i++) {
		struct verdict *d = &w->list[i];

		d->check.size = sizeof(d->check);
		if (!d->skipped && d->code == 0)
			d->checked = skep_prog_check(d->prog, &opts, &d->check, &d->breach);
	}
	return EXIT_YES;
}

static json_t *check_json(const struct verdict *d)
{
	json_t *j = json_object();

	json_object_set_new(j, "runs", json_integer((json_int_t)d->check.runs));
	json_object_set_new(j, "ended", json_integer((json_int_t)d->check.ended));
	json_object_set_new(j, "steps", json_integer((json_int_t)d->check.steps));
	json_object_set_new(j, "states", json_integer((json_int_t)d->check.states));
	json_object_set_new(j, "breaches", json_integer((json_int_t)d->check.breaches));
	json_object_set_new(j, "unwatched", json_boolean(d->check.unwatched));
	if (d->breach)
		json_object_set_new(j, "error", error_json(d->breach));
	return j;
}

static void check_text(struct out *o, const struct verdict *d)
{
	char text[4096];

	if (d->checked == -EOPNOTSUPP) {
		fprintf(o->f, "  not checked: %s\n", skep_error_message(d->breach));
		return;
	}
	fprintf(o->f, "  checked: %llu runs, %llu steps inside %llu states, %llu breaches",
		(unsigned long long)d->check.runs, (unsigned long long)d->check.steps,
		(unsigned long long)d->check.states, (unsigned long long)d->check.breaches);
	if (d->check.ended)
		fprintf(o->f, "; %llu runs ended early", (unsigned long long)d->check.ended);
	fputs(d->check.unwatched ? "; too many states, only accesses were checked\n" : "\n", o->f);
	if (d->breach) {
		skep_error_text(d->breach, text, sizeof(text));
		fputs(text, o->f);
	}
}

static void print_json(struct out *o, const struct verdict *d, const struct args *a)
{
	json_t *j = json_object();

	json_object_set_new(j, "program", text_json(d->info.name));
	json_object_set_new(j, "section", text_json(d->info.section));
	json_object_set_new(j, "type", text_json(d->info.type));
	json_object_set_new(j, "verdict",
			    json_string(d->skipped	    ? "skipped" :
					d->code == 0	    ? "accepted" :
					d->code == -ENOEXEC ? "unusable" :
							      "rejected"));
	json_object_set_new(j, "code", json_integer(d->code));
	if (d->err)
		json_object_set_new(j, "error", error_json(d->err));
	json_object_set_new(j, "insns", json_integer(d->info.ninsns));
	json_object_set_new(j, "processed", json_integer(d->v.insns_processed));
	json_object_set_new(j, "states", json_integer(d->v.total_states));
	json_object_set_new(j, "peak_states", json_integer(d->v.peak_states));
	json_object_set_new(j, "stack", json_integer(d->v.stack_depth));
	json_object_set_new(j, "ns", json_integer((json_int_t)d->v.time_ns));
	json_object_set_new(j, "memory", json_integer((json_int_t)d->v.memory));
	if (d->v.log)
		json_object_set_new(j, "log", text_json(d->v.log));
	if (a->runs && d->code == 0 && !d->skipped)
		json_object_set_new(j, "check", check_json(d));
	out_json(o, j);
}

static void print_log(const struct out *o, char *log)
{
	for (char *line = log, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			end = line + strlen(line) - 1;
		else
			*end = '\0';
		out_text(o, line);
		fputc('\n', o->f);
	}
}

static void print_text(struct out *o, const struct verdict *d, const struct args *a)
{
	if (d->skipped)
		return;
	fprintf(o->f, "%s%s%s: ", out_bold(o), d->info.name, out_plain(o));
	fprintf(o->f, "%s",
		d->code == 0	    ? "accepted" :
		d->code == -ENOEXEC ? "unusable" :
				      "rejected");
	if (a->stats)
		fprintf(o->f,
			", %u instructions walked of %zu, %u states kept (%u at most), stack %u bytes, %.3f ms, %.2f MiB",
			d->v.insns_processed, (size_t)d->info.ninsns, d->v.total_states,
			d->v.peak_states, d->v.stack_depth, (double)d->v.time_ns / 1e6,
			(double)d->v.memory / 1048576);
	fputc('\n', o->f);
	if (d->err) {
		char text[4096];

		skep_error_text(d->err, text, sizeof(text));
		fputs(text, o->f);
	}
	if (d->v.log)
		print_log(o, d->v.log);
	if (a->runs && d->code == 0)
		check_text(o, d);
}

static int report(const struct args *a, struct work *w)
{
	int code = EXIT_YES, r;
	struct out o;

	r = out_open(&o, a->output, a->json);
	if (r != EXIT_YES)
		return r;
	for (size_t i = 0; i < w->n; i++) {
		struct verdict *d = &w->list[i];

		if (a->json)
			print_json(&o, d, a);
		else
			print_text(&o, d, a);
		if (d->code == -ENOMEM || d->checked == -ENOMEM)
			code = EXIT_ENV;
		else if ((d->code < 0 || (d->checked < 0 && d->checked != -EOPNOTSUPP)) &&
			 code == EXIT_YES)
			code = EXIT_NO;
		skep_error_free(d->err);
		skep_error_free(d->breach);
		skep_verify_result_done(&d->v);
	}
	r = out_close(&o);
	return r == EXIT_YES ? code : r;
}

static int verify(const struct args *a, struct skep_obj *obj)
{
	struct work w = { .a = a };
	struct skep_error *err = NULL;
	int code;

	w.list = calloc(skep_obj_nprogs(obj) + 1, sizeof(*w.list));
	if (!w.list)
		return EXIT_ENV;
	for (size_t i = 0; i < skep_obj_nprogs(obj); i++) {
		struct verdict *d = &w.list[w.n];

		d->prog = skep_obj_prog(obj, i);
		skep_prog_info(d->prog, &d->info);
		d->skipped = !d->info.autoload && !a->all && !a->prog;
		if (!a->prog || strcmp(a->prog, d->info.name) == 0)
			w.n++;
	}
	if (!w.n) {
		free(w.list);
		skep_fail(&err, &ERR_NO_PROGRAM, SKEP_AT_FILE(a->object, 0), "'%s'",
			  a->prog ? a->prog : "any");
		return show_error(err, a->json);
	}
	verify_all(&w);
	code = check_all(&w, obj);
	if (code == EXIT_YES)
		code = report(a, &w);
	free(w.list);
	return code;
}

int cmd_verify(int argc, char **argv)
{
	struct skep_obj_opts oo = { .size = sizeof(oo) };
	struct skep_error *err = NULL;
	struct skep_obj *obj;
	struct args a = { 0 };
	int code;

	argv[0] = (char *)"skep verify";
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	oo.btf = a.btf;
	if (!a.btf && !a.model && access(KERNEL_TYPES, R_OK) == 0)
		oo.btf = KERNEL_TYPES;
	if (skep_obj_open(a.object, &oo, &obj, &err) < 0)
		return show_error(err, a.json);
	code = verify(&a, obj);
	skep_obj_close(obj);
	return code;
}
