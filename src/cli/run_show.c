// SPDX-License-Identifier: Apache-2.0
/*
 * What happens during a run, as it happens: trace lines, records, faults, skipped programs; and the summary,
 * which always says what was lost. Standard output carries the products, standard error the remarks.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

#define MAX_SHOWN_FAULTS 5

static const char *map_name(const struct skep_map *map)
{
	struct skep_map_info info;

	skep_map_info(map, &info);
	return info.name;
}

static const char *prog_name(const struct skep_prog *prog)
{
	struct skep_prog_info info;

	skep_prog_info(prog, &info);
	return info.name;
}

int run_resolve_events(struct run *run)
{
	for (size_t i = 0; i < run->nevents; i++) {
		struct run_event *e = &run->events[i];

		if (!skep_obj_find_map(run->obj, e->map)) {
			fprintf(stderr, "error: --event: the object has no map '%s'\n", e->map);
			return EXIT_NO;
		}
		e->id = skep_obj_find_type(run->obj, e->type);
		if (!e->id) {
			fprintf(stderr, "error: --event: the object has no type '%s'\n", e->type);
			return EXIT_NO;
		}
	}
	return EXIT_YES;
}

static void on_trace(void *ctx, const char *line, size_t len)
{
	struct run *run = ctx;

	if (run->out.json) {
		out_json(&run->out, json_pack("{s:s, s:o?}", "event", "trace", "text",
					      json_stringn(line, len)));
	} else {
		fprintf(run->out.f, "%.*s\n", (int)len, line);
		run->last_map = NULL;
	}
	fflush(run->out.f);
}

static uint32_t record_type(struct run *run, const struct skep_map *map, size_t len)
{
	size_t n;

	for (size_t i = 0; i < run->nevents; i++)
		if (skep_obj_find_map(run->obj, run->events[i].map) == map)
			return run->events[i].id;
	return skep_obj_record_type(run->obj, len, &n);
}

/* Width that a column of this leaf deserves: numbers are right-aligned. */
static int column_width(const char *name, const json_t *leaf)
{
	int n = (int)strlen(name), want = json_is_string(leaf) ? 15 : 7;

	return n > want ? n : want;
}

/* One line of cells; blanks at its end are not printed. */
struct line {
	char *text;
};

static void add_cell(struct line *l, const char *name, const json_t *leaf, const char *cell)
{
	int w = column_width(name, leaf);
	char *grown = NULL;

	if (asprintf(&grown, json_is_string(leaf) ? "%s%-*s " : "%s%*s ", l->text ? l->text : "", w,
		     cell) < 0)
		return;
	free(l->text);
	l->text = grown;
}

static void add_name(void *ctx, const char *name, const json_t *leaf)
{
	add_cell(ctx, name, leaf, name);
}

static void add_leaf(void *ctx, const char *name, const json_t *leaf)
{
	char *text = value_text(leaf);

	add_cell(ctx, name, leaf, text ? text : "?");
	free(text);
}

static void print_cells(struct run *run, const json_t *value, const char *name, value_column_fn fn)
{
	struct line l = { 0 };
	size_t n;

	value_columns(value, name, fn, &l);
	n = l.text ? strlen(l.text) : 0;
	while (n && l.text[n - 1] == ' ')
		n--;
	fprintf(run->out.f, "%.*s", (int)n, l.text ? l.text : "");
	free(l.text);
}

static void show_record(struct run *run, const struct skep_map *map, uint32_t type, json_t *value)
{
	if (run->last_map != map || run->last_type != type) {
		fputs(out_bold(&run->out), run->out.f);
		print_cells(run, value, map_name(map), add_name);
		fprintf(run->out.f, "%s\n", out_plain(&run->out));
		run->last_map = map;
		run->last_type = type;
	}
	print_cells(run, value, map_name(map), add_leaf);
	fputc('\n', run->out.f);
}

static void on_record(void *ctx, const struct skep_map *map, uint32_t cpu, const void *data,
		      size_t len)
{
	struct run *run = ctx;
	uint32_t type = record_type(run, map, len);
	json_t *value = value_json(run->obj, type, data, len);
	char name[128] = "";

	if (!type)
		run->undecoded++;
	else
		skep_type_name(run->obj, type, name, sizeof(name));
	if (run->out.json) {
		json_t *line = json_pack("{s:s, s:s, s:i, s:I}", "event", "record", "map",
					 map_name(map), "cpu", (int)cpu, "size", (json_int_t)len);

		if (type)
			json_object_set_new(line, "type", json_string(name));
		json_object_set(line, "data", value);
		out_json(&run->out, line);
	} else {
		show_record(run, map, type, value);
	}
	json_decref(value);
	fflush(run->out.f);
}

static void on_lost(void *ctx, const struct skep_map *map, uint32_t cpu, uint64_t n)
{
	struct run *run = ctx;

	if (run->out.json)
		out_json(&run->out,
			 json_pack("{s:s, s:s, s:i, s:I}", "event", "lost", "map", map_name(map),
				   "cpu", (int)cpu, "records", (json_int_t)n));
	else
		fprintf(stderr, "%s: %" PRIu64 " records lost on CPU %u\n", map_name(map), n, cpu);
}

static void on_fault(void *ctx, const struct skep_prog *prog, const struct skep_error *err)
{
	struct run *run = ctx;
	size_t n = skep_error_text(err, NULL, 0);
	char *text;

	run->shown_faults++;
	if (run->out.json) {
		out_json(&run->out, json_pack("{s:s, s:s, s:o}", "event", "fault", "program",
					      prog_name(prog), "error", error_json(err)));
		fflush(run->out.f);
		return;
	}
	if (run->shown_faults > MAX_SHOWN_FAULTS)
		return;
	text = malloc(n + 1);
	if (!text)
		return;
	skep_error_text(err, text, n + 1);
	fflush(run->out.f);
	fprintf(stderr, "%s%s", text,
		run->shown_faults == MAX_SHOWN_FAULTS ?
			"further faults are counted, not printed\n" :
			"");
	free(text);
}

static void on_skipped(void *ctx, const struct skep_prog *prog, const char *why)
{
	struct run *run = ctx;
	struct skep_prog_info info;

	skep_prog_info(prog, &info);
	if (run->out.json)
		out_json(&run->out, json_pack("{s:s, s:s, s:s, s:s}", "event", "skipped", "program",
					      info.name, "section", info.section, "reason", why));
	else
		fprintf(stderr, "skipped: program '%s' (%s): %s\n", info.name, info.section, why);
}

const struct skep_run_events run_events = {
	.trace = on_trace,
	.record = on_record,
	.lost = on_lost,
	.fault = on_fault,
	.skipped = on_skipped,
};

static void json_programs(struct run *run)
{
	json_t *list = json_array();

	for (size_t i = 0; i < skep_obj_nprogs(run->obj); i++) {
		struct skep_prog_info p;

		skep_prog_info(skep_obj_prog(run->obj, i), &p);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", p.name,
						"section", p.section, "runs", (json_int_t)p.runs,
						"faults", (json_int_t)p.faults, "instructions",
						(json_int_t)p.executed));
	}
	out_json(&run->out, json_pack("{s:s, s:o}", "event", "programs", "programs", list));
}

static void json_summary(struct run *run, const struct skep_run_opts *opts,
			 const struct skep_run_stats *s)
{
	json_t *o = json_pack("{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "summary",
			      "seconds", s->seconds, "runs", (json_int_t)s->events, "faults",
			      (json_int_t)s->faults, "skipped", (json_int_t)s->skipped, "records",
			      (json_int_t)s->records, "lost", (json_int_t)s->lost, "undecoded",
			      (json_int_t)run->undecoded);
	struct skep_verdict v;
	json_t *list = json_array();

	if (opts->argv) {
		json_object_set_new(o, "stops", json_integer((json_int_t)s->stops));
		json_object_set_new(o, "processes", json_integer((json_int_t)s->processes));
		json_object_set_new(o, "threads", json_integer((json_int_t)s->threads));
		json_object_set_new(o, "events_lost", json_integer((json_int_t)s->events_lost));
		json_object_set_new(o, "exited", json_boolean(s->exited));
		json_object_set_new(o, "status", json_integer(s->status));
		json_object_set_new(o, "signal", json_integer(s->signal));
	} else {
		json_object_set_new(o, "packets", json_integer((json_int_t)s->packets));
		json_object_set_new(o, "bytes", json_integer((json_int_t)s->bytes));
		json_object_set_new(o, "written", json_integer((json_int_t)s->written));
		json_object_set_new(o, "truncated", json_integer((json_int_t)s->truncated));
		json_object_set_new(o, "dropped", json_integer((json_int_t)s->dropped));
		json_object_set_new(o, "cut", json_boolean(s->cut));
	}
	for (size_t i = 0; skep_run_verdict(run->obj, i, &v); i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:I}", "program", prog_name(v.prog),
						"verdict", v.name, "count", (json_int_t)v.count));
	json_object_set_new(o, "verdicts", list);
	out_json(&run->out, o);
}

static void text_verdicts(struct run *run)
{
	const struct skep_prog *last = NULL;
	struct skep_verdict v;

	for (size_t i = 0; skep_run_verdict(run->obj, i, &v); i++) {
		if (v.prog != last)
			fprintf(run->out.f, "%s%s: ", last ? "\n" : "", prog_name(v.prog));
		else
			fputs(", ", run->out.f);
		fprintf(run->out.f, "%s %" PRIu64, v.name, v.count);
		last = v.prog;
	}
	if (last)
		fputc('\n', run->out.f);
}

static void count(FILE *f, uint64_t n, const char *what)
{
	if (n)
		fprintf(f, ", %" PRIu64 " %s", n, what);
}

static void text_losses(struct run *run, const struct skep_run_stats *s)
{
	FILE *f = run->out.f;

	fprintf(f, "%" PRIu64 " program runs, %" PRIu64 " records, %" PRIu64 " lost", s->events,
		s->records, s->lost);
	count(f, s->faults, "faults");
	count(f, s->skipped, s->skipped == 1 ? "program skipped" : "programs skipped");
	count(f, s->events_lost, "events lost with their process");
	count(f, s->truncated, "packets cut short by the capture");
	count(f, s->dropped, "packets dropped by the interface");
	count(f, run->undecoded, "records without a type (--event MAP=TYPE says which)");
	fputc('\n', f);
}

void run_show_summary(struct run *run, const struct skep_run_opts *opts,
		      const struct skep_run_stats *s)
{
	FILE *f = run->out.f;

	if (run->out.json) {
		json_programs(run);
		json_summary(run, opts, s);
		return;
	}
	if (run->quiet) {
		if (s->lost || s->faults)
			fprintf(stderr, "skep: %" PRIu64 " records lost, %" PRIu64 " faults\n",
				s->lost, s->faults);
		return;
	}
	fputs(out_dim(&run->out), f);
	text_verdicts(run);
	if (opts->argv) {
		fprintf(f, "%s: ", opts->argv[0]);
		if (s->signal)
			fprintf(f, "ended by signal %d", s->signal);
		else if (s->exited)
			fprintf(f, "exit %d", s->status);
		else
			fprintf(f, "still running");
		fprintf(f, ", %.2f s, %" PRIu64 " %s, %" PRIu64 " stops; ", s->seconds,
			s->processes, s->processes == 1 ? "process" : "processes", s->stops);
	} else {
		fprintf(f, "%" PRIu64 " packets, %" PRIu64 " bytes, %.3f s", s->packets, s->bytes,
			s->seconds);
		if (opts->write)
			fprintf(f, ", %" PRIu64 " written to %s", s->written, opts->write);
		if (s->cut)
			fputs(", the capture ends in mid-packet", f);
		fputs("; ", f);
	}
	text_losses(run, s);
	fputs(out_plain(&run->out), f);
}
