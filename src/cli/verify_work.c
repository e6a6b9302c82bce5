// SPDX-License-Identifier: Apache-2.0
/*
 * The work of `skep verify`: programs of all objects, in parallel. What is rejected is walked once more for its explanation.
 * On a terminal a bar on standard error shows how far it is, when it takes long.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/verdicts.h"

#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"
#define MAX_THREADS 16
#define BAR 30
#define BAR_AFTER_NS 500000000u

/* Findings ---------------------------------------------------------------------------------------- */

json_t *verify_source_json(const char *text)
{
	char *flat = text ? strdup(text + strspn(text, " \t")) : NULL;
	json_t *j;

	for (char *p = flat; p && *p; p++)
		if (*p == '\t')
			*p = ' ';
	j = text_json(flat);
	free(flat);
	return j;
}

static json_t *cause_json(const struct skep_verify_cause *c)
{
	json_t *j = json_object();

	json_object_set_new(j, "insn", json_integer(c->insn));
	json_object_set_new(j, "code", text_json(c->code));
	json_object_set_new(j, "text", text_json(c->text));
	if (c->branch)
		json_object_set_new(j, "taken", json_boolean(c->taken));
	if (!c->line)
		return j;
	json_object_set_new(j, "file", text_json(c->file));
	json_object_set_new(j, "line", json_integer(c->line));
	json_object_set_new(j, "column", json_integer(c->col));
	json_object_set_new(j, "source", verify_source_json(c->source));
	return j;
}

static void add_finding(void *ctx, const struct skep_verify_finding *f)
{
	json_t *list = ctx, *j = json_object(), *causes = json_array();
	size_t n = skep_error_text(f->error, NULL, 0);
	char *text = malloc(n + 1);

	for (size_t i = 0; i < f->ncauses; i++)
		json_array_append_new(causes, cause_json(&f->causes[i]));
	json_object_set_new(j, "error", error_json(f->error));
	json_object_set_new(j, "path", causes);
	json_object_set_new(j, "walked", json_integer((json_int_t)f->npath));
	if (text) {
		skep_error_text(f->error, text, n + 1);
		json_object_set_new(j, "text", json_string(text));
	}
	free(text);
	json_array_append_new(list, j);
}

static void explain(const struct verify_args *a, struct verdict *d)
{
	const struct skep_verify_opts opts = { .size = sizeof(opts),
					       .caps = a->caps,
					       .prog_flags = a->flags,
					       .max_errors = a->max_errors };

	d->findings = json_array();
	if (d->findings)
		skep_prog_explain(d->prog, &opts, add_finding, d->findings, NULL);
}

/* Threads ----------------------------------------------------------------------------------------- */

static void one(const struct verify_args *a, struct verdict *d)
{
	const struct skep_verify_opts opts = { .size = sizeof(opts),
					       .caps = a->caps,
					       .prog_flags = a->flags,
					       .log_level = (uint32_t)a->log_level,
					       .want_lines = a->stats,
					       .want_rewritten = a->rewritten };

	d->v.size = sizeof(d->v);
	if (d->skipped)
		return;
	d->code = skep_prog_verify(d->prog, &opts, &d->v, &d->err);
	if (d->code < 0 && d->code != -ENOEXEC && d->code != -ENOMEM)
		explain(a, d);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void bar(const struct verify_work *w)
{
	int full = (int)(w->ended * BAR / w->n);

	fprintf(stderr, "\r%.*s%.*s %zu of %zu programs", full, "##############################",
		BAR - full, "..............................", w->ended, w->n);
	if (w->ended == w->n)
		fprintf(stderr, "\r\033[K");
}

static void *worker(void *ctx)
{
	struct verify_work *w = ctx;
	bool terminal = isatty(STDERR_FILENO) && !w->a->watch;
	uint64_t start = now_ns();

	for (;;) {
		size_t i;

		pthread_mutex_lock(&w->lock);
		i = w->next++;
		pthread_mutex_unlock(&w->lock);
		if (i >= w->n)
			return NULL;
		one(w->a, &w->list[i]);
		pthread_mutex_lock(&w->lock);
		w->ended++;
		if (terminal && now_ns() - start > BAR_AFTER_NS)
			bar(w);
		pthread_mutex_unlock(&w->lock);
	}
}

static void verify_all(struct verify_work *w)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[MAX_THREADS];
	size_t n = 0;

	pthread_mutex_init(&w->lock, NULL);
	while (n + 1 < w->n && n + 1 < (size_t)cpus && n < MAX_THREADS) {
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
static void check_all(struct verify_work *w)
{
	const struct skep_check_opts opts = { .size = sizeof(opts),
					      .runs = w->a->runs,
					      .seed = w->a->seed,
					      .caps = w->a->caps,
					      .prog_flags = w->a->flags };

	for (size_t i = 0; i < w->n && w->a->runs; i++) {
		struct verdict *d = &w->list[i];

		d->check.size = sizeof(d->check);
		if (!d->skipped && d->code == 0)
			d->checked = skep_prog_check(d->prog, &opts, &d->check, &d->breach);
	}
}

/* Objects ----------------------------------------------------------------------------------------- */

struct skep_obj *verify_open(const struct verify_args *a, const char *path, struct skep_error **err)
{
	struct skep_obj_opts oo = { .size = sizeof(oo), .btf = a->btf };
	struct skep_obj *obj;

	if (!a->btf && !a->model && access(KERNEL_TYPES, R_OK) == 0)
		oo.btf = KERNEL_TYPES;
	return skep_obj_open(path, &oo, &obj, err) < 0 ? NULL : obj;
}

static void open_object(const struct verify_args *a, struct object *o)
{
	o->obj = verify_open(a, o->path, &o->err);
	if (o->obj && a->runs && skep_obj_load(o->obj, &o->err) < 0) {
		skep_obj_close(o->obj);
		o->obj = NULL;
	}
}

static bool add_programs(struct verify_work *w, struct object *o)
{
	size_t n = o->obj ? skep_obj_nprogs(o->obj) : 0;
	struct verdict *list = realloc(w->list, (w->n + n + 1) * sizeof(*list));

	if (!list)
		return false;
	w->list = list;
	for (size_t i = 0; i < n; i++) {
		struct verdict *d = &list[w->n];

		memset(d, 0, sizeof(*d));
		d->object = o;
		d->prog = skep_obj_prog(o->obj, i);
		skep_prog_info(d->prog, &d->info);
		d->skipped = !d->info.autoload && !w->a->all && !w->a->prog;
		if (!w->a->prog || strcmp(w->a->prog, d->info.name) == 0)
			w->n++;
	}
	return true;
}

int verify_work_do(struct verify_work *w, const struct verify_args *a)
{
	struct skep_error *err = NULL;
	bool any = false;

	*w = (struct verify_work){ .a = a };
	w->objects = calloc(a->npaths, sizeof(*w->objects));
	if (!w->objects)
		return EXIT_ENV;
	for (size_t i = 0; i < a->npaths; i++) {
		w->objects[i].path = a->paths[i];
		open_object(a, &w->objects[i]);
		any |= w->objects[i].err != NULL;
		if (!add_programs(w, &w->objects[i]))
			return EXIT_ENV;
	}
	if (!w->n && !any) {
		skep_fail(&err, &ERR_NO_PROGRAM, SKEP_AT_FILE(a->paths[0], 0), "'%s'",
			  a->prog ? a->prog : "any");
		return show_error(err, a->json);
	}
	if (w->n)
		verify_all(w);
	check_all(w);
	return verify_counter(w);
}

void verify_work_done(struct verify_work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		skep_error_free(w->list[i].err);
		skep_error_free(w->list[i].breach);
		skep_verify_result_done(&w->list[i].v);
		json_decref(w->list[i].findings);
	}
	for (size_t i = 0; w->objects && i < w->a->npaths; i++) {
		skep_error_free(w->objects[i].err);
		skep_obj_close(w->objects[i].obj);
	}
	free(w->list);
	free(w->objects);
}
