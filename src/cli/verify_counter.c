// SPDX-License-Identifier: Apache-2.0
/*
 * Bug or imprecision: for accesses and calls that are refused, an input is searched that faults there. What is found is written as
 * text, read back, and run on a second, freshly loaded object: only what faults there, too, is shown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verdicts.h"

struct hunt {
	const struct verify_args *a;
	struct verdict *d;
	struct skep_obj *fresh;
	size_t at; /* finding */
	FILE *file;
};

/* Errors that a run can show: accesses, arguments, references, loops, frames. */
static bool can_show(const char *id)
{
	return strncmp(id, "V02", 3) == 0 || strcmp(id, "V0302") == 0 || strcmp(id, "V0401") == 0 ||
	       strcmp(id, "V0005") == 0 || strcmp(id, "V0008") == 0;
}

/* The fault of a text on the fresh object; NULL: none. */
static struct skep_error *repeat(const struct hunt *h, const char *text)
{
	const struct skep_prog *prog = skep_obj_find_prog(h->fresh, h->d->info.name);
	struct skep_input *input = NULL;
	struct skep_error *fault = NULL;
	uint64_t r0;

	if (prog && skep_input_read(prog, text, &input, NULL) == 0 &&
	    skep_prog_replay(prog, input, 0, &r0, &fault) == 0)
		fault = NULL;
	skep_input_free(input);
	return fault;
}

static bool same_fault(const struct skep_error *a, const struct skep_error *b)
{
	return a && b && strcmp(skep_error_id(a), skep_error_id(b)) == 0 &&
	       skep_error_place(a)->at == skep_error_place(b)->at;
}

static void write_file(const struct hunt *h, const struct skep_error *error,
		       const struct skep_error *fault, const char *text)
{
	if (!h->file)
		return;
	fprintf(h->file, "# %s, instruction %llu: %s\n# skep verify --replay: %s\n%s",
		skep_error_id(error), (unsigned long long)skep_error_place(error)->at,
		skep_error_message(error), skep_error_message(fault), text);
}

static json_t *found_json(const struct hunt *h, const struct skep_verify_finding *f,
			  const struct skep_input *input, const struct skep_error *fault)
{
	char *text = skep_input_text(h->d->prog, input);
	struct skep_error *again = text ? repeat(h, text) : NULL;
	json_t *j = json_object();

	if (same_fault(fault, again)) {
		json_object_set_new(j, "fault", error_json(again));
		json_object_set_new(j, "input", json_string(text));
		write_file(h, f->error, again, text);
	}
	skep_error_free(again);
	free(text);
	return j;
}

static void hunt_one(void *ctx, const struct skep_verify_finding *f)
{
	struct hunt *h = ctx;
	const struct skep_search_opts opts = { .size = sizeof(opts),
					       .tries = h->a->tries,
					       .seed = h->a->seed };
	json_t *finding = json_array_get(h->d->findings, h->at++), *j = NULL;
	struct skep_input *input = NULL;
	struct skep_error *fault = NULL;
	uint64_t tries = 0;
	int r;

	if (!finding || !f->npath || !can_show(skep_error_id(f->error)))
		return;
	r = skep_prog_find_fault(h->d->prog, f, &opts, &input, &fault, &tries);
	if (r == 0) {
		j = found_json(h, f, input, fault);
	} else {
		j = json_object();
		if (r == -EOPNOTSUPP)
			json_object_set_new(j, "why", text_json(skep_error_message(fault)));
	}
	json_object_set_new(j, "tries", json_integer((json_int_t)tries));
	json_object_set_new(finding, "counterexample", j);
	skep_input_free(input);
	skep_error_free(fault);
}

static bool any_to_show(const struct verdict *d)
{
	const json_t *f;
	size_t i;

	json_array_foreach(d->findings, i, f)
	{
		const char *id =
			json_string_value(json_object_get(json_object_get(f, "error"), "id"));

		if (id && can_show(id))
			return true;
	}
	return false;
}

/* Opens and loads the object once more. */
static struct skep_obj *load(const struct verify_work *w, const struct object *o)
{
	struct skep_obj *obj = verify_open(w->a, o->path, NULL);

	if (obj && skep_obj_load(obj, NULL) < 0) {
		skep_obj_close(obj);
		obj = NULL;
	}
	return obj;
}

static void hunt_object(struct verify_work *w, struct object *o, FILE *file)
{
	struct hunt h = { .a = w->a, .file = file };
	bool loaded = w->a->runs != 0;

	for (size_t i = 0; i < w->n; i++) {
		struct verdict *d = &w->list[i];
		const struct skep_verify_opts opts = { .size = sizeof(opts),
						       .caps = w->a->caps,
						       .prog_flags = w->a->flags,
						       .max_errors = w->a->max_errors };

		if (d->object != o || !any_to_show(d))
			continue;
		if (!loaded && skep_obj_load(o->obj, NULL) < 0)
			break;
		loaded = true;
		if (!h.fresh)
			h.fresh = load(w, o);
		if (!h.fresh)
			break;
		h.d = d;
		h.at = 0;
		skep_prog_explain(d->prog, &opts, hunt_one, &h, NULL);
	}
	skep_obj_close(h.fresh);
}

int verify_counter(struct verify_work *w)
{
	FILE *file = NULL;
	struct skep_error *err = NULL;
	int e = 0;

	if (w->a->counter) {
		file = fopen(w->a->counter, "we");
		if (!file) {
			skep_fail(&err, &ERR_OUTPUT_OPEN, SKEP_AT_FILE(w->a->counter, 0), "%s",
				  strerror(errno));
			return show_error(err, w->a->json);
		}
	}
	for (size_t i = 0; i < w->a->npaths && w->a->tries; i++)
		if (w->objects[i].obj)
			hunt_object(w, &w->objects[i], file);
	if (file) {
		e = ferror(file) ? EIO : 0;
		if (fclose(file) != 0)
			e = errno;
	}
	if (!e)
		return EXIT_YES;
	skep_fail(&err, &ERR_OUTPUT, SKEP_AT_FILE(w->a->counter, 0), "%s", strerror(e));
	return show_error(err, w->a->json);
}

/* Replay ------------------------------------------------------------------------------------------ */

/* One input; 0: it ran, 1: it faulted, or a negative errno. */
static int replay_one(const struct verify_args *a, struct out *o, const struct skep_obj *obj,
		      const char *text)
{
	char name[256] = "", message[4096];
	struct skep_input *input = NULL;
	const struct skep_prog *prog;
	struct skep_error *err = NULL;
	uint64_t r0;
	int r;

	sscanf(text, "program %255[^\n]", name);
	prog = skep_obj_find_prog(obj, name);
	if (!prog)
		return skep_fail(&err, &ERR_NO_PROGRAM, SKEP_AT_FILE(a->paths[0], 0), "'%s'", name),
		       show_error(err, a->json), -ENOENT;
	r = skep_input_read(prog, text, &input, &err);
	if (r < 0) {
		show_error(err, a->json);
		return r;
	}
	r = skep_prog_replay(prog, input, 0, &r0, &err);
	skep_input_free(input);
	if (r == 0) {
		fprintf(o->f, "%s: no fault, r0 is 0x%llx\n", name, (unsigned long long)r0);
		return 0;
	}
	skep_error_text(err, message, sizeof(message));
	fprintf(o->f, "%s: a fault\n%s", name, message);
	skep_error_free(err);
	return 1;
}

static int replay_text(const struct verify_args *a, struct skep_obj *obj, const char *text)
{
	int code = EXIT_YES, r;
	struct out o;

	r = out_open(&o, a->output, false);
	if (r != EXIT_YES)
		return r;
	for (const char *at = text; at && code != EXIT_ENV; at = strstr(at + 1, "\nprogram ")) {
		at += *at == '\n';
		if (strncmp(at, "program ", 8) != 0)
			continue;
		r = replay_one(a, &o, obj, at);
		if (r)
			code = EXIT_NO;
	}
	r = out_close(&o);
	return r == EXIT_YES ? code : r;
}

int verify_replay(const struct verify_args *a)
{
	struct skep_error *err = NULL;
	struct skep_obj *obj;
	struct buf text;
	int code;

	buf_init(&text);
	if (input_read(a->replay, &text, &err) < 0)
		return show_error(err, a->json);
	obj = verify_open(a, a->paths[0], &err);
	if (!obj || skep_obj_load(obj, &err) < 0)
		code = show_error(err, a->json);
	else
		code = replay_text(a, obj, buf_str(&text));
	skep_obj_close(obj);
	buf_done(&text);
	return code;
}
