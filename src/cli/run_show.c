// SPDX-License-Identifier: Apache-2.0
/*
 * What happens during a run, as it happens: trace lines, records, faults, skipped programs. Standard output carries
 * the products, standard error the remarks.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

#define RAW_SHOWN (2 + 64 * 2) /* characters */
/* Columns of records: what each gets at least, and how far a wide value widens it for those that follow. */
#define LEAST_NUMBER 7
#define LEAST_TEXT 15
#define WIDEST 24

static const char *map_name(const struct skep_map *map)
{
	struct skep_map_info info;

	skep_map_info(map, &info);
	return info.name;
}

json_t *run_prog_json(const struct skep_prog *prog)
{
	struct skep_prog_info info;

	skep_prog_info(prog, &info);
	return text_json(info.name);
}

/* A line on standard error, whatever is in the names. */
__attribute__((format(printf, 1, 2))) static void remark(const char *fmt, ...)
{
	char *line = NULL, *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) >= 0)
		safe = text_safe(line, strlen(line));
	va_end(ap);
	fprintf(stderr, "%s\n", safe ? safe : "out of memory");
	free(safe);
	free(line);
}

int run_resolve_events(struct run *run)
{
	const char *name = skep_obj_name(run->obj);
	struct skep_error *err = NULL;

	for (size_t i = 0; i < run->events.n; i++) {
		const struct run_pair *e = &run->events.at[i];

		if (!skep_obj_find_map(run->obj, e->name)) {
			skep_fail(&err, &ERR_NO_MAP, SKEP_AT_FILE(name, 0), "'%s'", e->name);
			return show_error(err, run->out.json);
		}
		run->event_types[i] = skep_obj_find_type(run->obj, e->value);
		if (!run->event_types[i]) {
			skep_fail(&err, &ERR_NO_TYPE, SKEP_AT_FILE(name, 0), "'%s'", e->value);
			return show_error(err, run->out.json);
		}
	}
	return EXIT_YES;
}

/* A program may print several lines at once, with tabs; what else steers a terminal is spelt out. */
static void print_trace(struct out *o, const char *text, size_t len)
{
	for (size_t i = 0, n; i <= len; i += n + 1) {
		char *safe;

		for (n = 0; i + n < len && text[i + n] != '\n' && text[i + n] != '\t'; n++)
			;
		safe = text_safe(text + i, n);
		fputs(safe ? safe : "?", o->f);
		fputc(i + n < len ? text[i + n] : '\n', o->f);
		free(safe);
	}
}

static void on_trace(void *ctx, const char *line, size_t len)
{
	struct run *run = ctx;

	if (run->out.json) {
		out_json(&run->out,
			 json_pack("{s:s, s:o}", "event", "trace", "text", data_json(line, len)));
	} else {
		print_trace(&run->out, line, len);
	}
	fflush(run->out.f);
}

/* The structs that a record of this size could be, as `--event` takes them. */
static json_t *candidates(const struct run *run, size_t size)
{
	json_t *list = json_array();
	char name[128];

	for (uint32_t id = 1; id < skep_obj_ntypes(run->obj) && json_array_size(list) < 8; id++) {
		if (strcmp(skep_type_kind(run->obj, id), "STRUCT") != 0 ||
		    skep_type_size(run->obj, id) != size)
			continue;
		skep_type_name(run->obj, id, name, sizeof(name));
		if (skep_obj_find_type(run->obj, name) == id)
			json_array_append_new(list, text_json(name));
	}
	return list;
}

static char *options_of(const char *map, const json_t *types)
{
	char *text = NULL;
	size_t size, i;
	FILE *f = open_memstream(&text, &size);
	json_t *type;

	if (!f)
		return NULL;
	json_array_foreach((json_t *)types, i, type)
		fprintf(f, "%s --event %s='%s'", i ? " or" : "", map, json_string_value(type));
	fclose(f);
	return text;
}

/* Says once a map and size why a record is printed as hex, and which option to use. */
static void tell_unknown(struct run *run, const struct skep_map *map, size_t size, size_t fit)
{
	const char *name = map_name(map);
	json_t *list;
	char *options;

	for (size_t i = 0; i < run->nunknown; i++)
		if (run->unknown[i].map == map && run->unknown[i].size == size)
			return;
	if (run->nunknown == sizeof(run->unknown) / sizeof(run->unknown[0]))
		return;
	run->unknown[run->nunknown++] = (struct run_unknown){ map, size };
	list = candidates(run, size);
	options = options_of(name, list);
	if (run->out.json)
		out_json(&run->out,
			 json_pack("{s:s, s:o, s:I, s:O}", "event", "undecoded", "map",
				   text_json(name), "size", (json_int_t)size, "candidates", list));
	else if (fit > 1)
		remark("remark: %zu structs have %zu bytes:%s", fit, size, options ? options : "");
	else
		remark("remark: no struct has %zu bytes: --event %s=TYPE says what the records are",
		       size, name);
	json_decref(list);
	free(options);
}

static uint32_t record_type(struct run *run, const struct skep_map *map, size_t len)
{
	uint32_t type;
	size_t n;

	for (size_t i = 0; i < run->events.n; i++)
		if (skep_obj_find_map(run->obj, run->events.at[i].name) == map)
			return run->event_types[i];
	type = skep_obj_record_type(run->obj, len, &n);
	if (!type)
		tell_unknown(run, map, len, n);
	return type;
}

/* Numbers past 63 bits are text, but look like the others. */
static bool is_text(const json_t *leaf)
{
	const char *s = json_string_value(leaf);

	return s && (!*s || s[strspn(s, "0123456789")]);
}

/* Columns on a terminal, near enough: characters. */
static int text_width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* One line of cells; blanks at its end are not printed. */
struct line {
	char *text;
	int *widths; /* of the columns, grown by wide cells within reason */
	size_t column;
	bool names, measure;
};

static char *cell_text(const struct line *l, const char *name, const json_t *leaf)
{
	char *text = l->names ? strdup(name) : value_text(leaf);
	size_t n = text ? strlen(text) : 0;

	/* "0x" and 64 bytes of raw data tell as much as all of it */
	if (!l->names && n > RAW_SHOWN + 40 && strncmp(text, "0x", 2) == 0 &&
	    strspn(text + 2, "0123456789abcdef") == n - 2)
		snprintf(text + RAW_SHOWN, 40, "... (%zu bytes)", (n - 2) / 2);
	return text;
}

static void add_cell(void *ctx, const char *name, const json_t *leaf)
{
	struct line *l = ctx;
	bool left = is_text(leaf);
	char *cell = cell_text(l, name, leaf), *grown = NULL;
	int have = cell ? text_width(cell) : 0, least = left ? LEAST_TEXT : LEAST_NUMBER, none = 0,
	    pad;
	int *w = l->column < RUN_COLUMNS ? &l->widths[l->column] : &none;

	l->column++;
	if (*w < least)
		*w = least;
	if (have > *w && (l->names || have <= WIDEST))
		*w = have;
	pad = have < *w ? *w - have : 0;
	if (!l->measure && asprintf(&grown, "%s%*s%s%*s ", l->text ? l->text : "", left ? 0 : pad,
				    "", cell ? cell : "?", left ? pad : 0, "") >= 0) {
		free(l->text);
		l->text = grown;
	}
	free(cell);
}

static void print_cells(struct run *run, const json_t *value, const char *name, bool names)
{
	struct line l = { .widths = run->widths, .names = names };
	size_t n;

	value_columns(value, name, add_cell, &l);
	n = l.text ? strlen(l.text) : 0;
	while (n && l.text[n - 1] == ' ')
		n--;
	fprintf(run->out.f, "%.*s", (int)n, l.text ? l.text : "");
	free(l.text);
}

static void show_record(struct run *run, const struct skep_map *map, uint32_t type, json_t *value)
{
	char *name = text_safe(map_name(map), strlen(map_name(map)));

	if (run->last_map != map || run->last_type != type) {
		struct line first = { .widths = run->widths, .measure = true };

		memset(run->widths, 0, sizeof(run->widths));
		value_columns(value, name ? name : "?", add_cell, &first);
		fputs(out_bold(&run->out), run->out.f);
		print_cells(run, value, name ? name : "?", true);
		fprintf(run->out.f, "%s\n", out_plain(&run->out));
		run->last_map = map;
		run->last_type = type;
	}
	print_cells(run, value, name ? name : "?", false);
	fputc('\n', run->out.f);
	free(name);
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
		json_t *line = json_pack("{s:s, s:o, s:I, s:I}", "event", "record", "map",
					 text_json(map_name(map)), "cpu", (json_int_t)cpu, "size",
					 (json_int_t)len);

		if (type)
			json_object_set_new(line, "type", text_json(name));
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
		out_json(&run->out, json_pack("{s:s, s:o, s:I, s:I}", "event", "lost", "map",
					      text_json(map_name(map)), "cpu", (json_int_t)cpu,
					      "records", (json_int_t)n));
	else
		remark("lost: %" PRIu64 " records of '%s' on CPU %u", n, map_name(map), cpu);
}

/* Is this fault to be printed? The first of each kind and place, a few in all. */
static bool fault_is_news(struct run *run, const struct skep_prog *prog,
			  const struct skep_error *err)
{
	struct run_fault f = { prog, skep_error_id(err), skep_error_place(err)->at };

	for (size_t i = 0; i < run->nfaults; i++)
		if (run->faults[i].prog == prog && run->faults[i].insn == f.insn &&
		    strcmp(run->faults[i].id, f.id) == 0)
			return false;
	if (run->nfaults == RUN_SHOWN_FAULTS)
		return false;
	run->faults[run->nfaults++] = f;
	return true;
}

static void on_fault(void *ctx, const struct skep_prog *prog, const struct skep_error *err)
{
	struct run *run = ctx;
	size_t n = skep_error_text(err, NULL, 0);
	char *text;

	if (run->out.json) {
		out_json(&run->out, json_pack("{s:s, s:o, s:o}", "event", "fault", "program",
					      run_prog_json(prog), "error", error_json(err)));
		fflush(run->out.f);
		return;
	}
	if (!fault_is_news(run, prog, err))
		return;
	text = malloc(n + 1);
	if (!text)
		return;
	skep_error_text(err, text, n + 1);
	fflush(run->out.f);
	fputs(text, stderr);
	if (run->nfaults == RUN_SHOWN_FAULTS)
		fputs("further faults are counted, not printed\n", stderr);
	free(text);
}

static void on_skipped(void *ctx, const struct skep_prog *prog, const char *why)
{
	struct run *run = ctx;
	struct skep_prog_info info;

	skep_prog_info(prog, &info);
	if (run->out.json)
		out_json(&run->out, json_pack("{s:s, s:o, s:o, s:o}", "event", "skipped", "program",
					      text_json(info.name), "section",
					      text_json(info.section), "reason", text_json(why)));
	else
		remark("skipped: program '%s' (%s): %s", info.name, info.section, why);
}

const struct skep_run_events run_events = {
	.trace = on_trace,
	.record = on_record,
	.lost = on_lost,
	.fault = on_fault,
	.skipped = on_skipped,
};
