// SPDX-License-Identifier: Apache-2.0
/* What `skep verify` prints, as text and as JSON: a line a program, and every reason to reject it with the way that leads there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verdicts.h"

#define DEAREST 12 /* lines of --stats */

static const char bars[] = "####################";

const char *verify_word(const struct verdict *d)
{
	return d->skipped	   ? "skipped" :
	       d->code == 0	   ? "accepted" :
	       d->code == -ENOEXEC ? "unusable" :
				     "rejected";
}

/* JSON -------------------------------------------------------------------------------------------- */

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

static const char *mark_words(uint32_t marks, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s%s%s%s%s", marks & SKEP_VERIFY_CONTEXT ? "  ; context" : "",
		 marks & SKEP_VERIFY_FOLDED ? "  ; folded" : "",
		 marks & SKEP_VERIFY_ZEXT ? "  ; zero-extended" : "",
		 marks & SKEP_VERIFY_INLINE ? "  ; inline" : "",
		 marks & SKEP_VERIFY_BARRIER ? "  ; barrier before" : "",
		 marks & SKEP_VERIFY_BARRIER_AFTER ? "  ; barrier after" : "",
		 marks & SKEP_VERIFY_MASKED ? "  ; masked" : "");
	return buf;
}

/* As `bpftool prog dump xlated` has it, with the old slot before each and marks behind. */
static json_t *rewritten(const struct out *o, const struct verdict *d)
{
	const struct skep_verify_rewritten *r = d->v.rewritten;
	json_t *list = json_array();
	char text[160], marks[128];
	int slots;

	for (size_t i = 0; i < d->v.nrewritten; i += (size_t)(slots < 1 ? 1 : slots)) {
		const struct skep_insn in[] = { r[i].insn,
						r[i + 1 < d->v.nrewritten ? i + 1 : i].insn };

		slots = skep_insn_print(in, i + 1 < d->v.nrewritten ? 2 : 1, SKEP_INSN_KERNEL, text,
					sizeof(text));
		if (!o->json)
			fprintf(o->f, "%5zu: (%02x) %s%s\n", i, in[0].code, text,
				mark_words(r[i].marks, marks, sizeof(marks)));
		json_array_append_new(list, json_pack("{s:I, s:I, s:s, s:I}", "at", (json_int_t)i,
						      "from", (json_int_t)r[i].from, "text", text,
						      "marks", (json_int_t)r[i].marks));
	}
	return list;
}

static json_t *lines_json(const struct verdict *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->v.nlines; i++) {
		const struct skep_verify_line *l = &d->v.lines[i];
		json_t *j = json_object();

		json_object_set_new(j, "insn", json_integer(l->insn));
		if (l->line) {
			json_object_set_new(j, "file", text_json(l->file));
			json_object_set_new(j, "line", json_integer(l->line));
			json_object_set_new(j, "source", verify_source_json(l->source));
		}
		json_object_set_new(j, "walked", json_integer(l->walked));
		json_object_set_new(j, "kept", json_integer(l->kept));
		json_object_set_new(j, "ns", json_integer((json_int_t)l->time_ns));
		json_array_append_new(list, j);
	}
	return list;
}

static void print_json(struct out *o, const struct verdict *d, const struct verify_args *a)
{
	json_t *j = json_object(), *f;
	size_t i;

	if (a->npaths > 1)
		json_object_set_new(j, "object", text_json(d->object->path));
	json_object_set_new(j, "program", text_json(d->info.name));
	json_object_set_new(j, "section", text_json(d->info.section));
	json_object_set_new(j, "type", text_json(d->info.type));
	json_object_set_new(j, "verdict", json_string(verify_word(d)));
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
	json_array_foreach(d->findings, i, f) json_object_del(f, "text");
	if (d->findings)
		json_object_set(j, "findings", d->findings);
	if (d->v.log)
		json_object_set_new(j, "log", text_json(d->v.log));
	if (d->v.lines)
		json_object_set_new(j, "lines", lines_json(d));
	if (d->v.rewritten)
		json_object_set_new(j, "rewritten", rewritten(o, d));
	if (a->runs && d->code == 0 && !d->skipped)
		json_object_set_new(j, "check", check_json(d));
	out_json(o, j);
}

/* Text -------------------------------------------------------------------------------------------- */

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

static const char *member(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

/* The causal path: each source line once, below it the instructions. */
static void path_text(const struct out *o, const json_t *path)
{
	json_int_t last = 0;
	const json_t *c;
	size_t i;

	if (json_array_size(path))
		fputs("  path:\n", o->f);
	json_array_foreach(path, i, c)
	{
		json_int_t line = json_integer_value(json_object_get(c, "line"));
		const char *source = member(c, "source");

		if (line && line != last)
			fprintf(o->f, "%s%9lld | %s%s\n", out_dim(o), (long long)line,
				source + strspn(source, " \t"), out_plain(o));
		last = line;
		fprintf(o->f, "    %5lld: %s; %s\n",
			(long long)json_integer_value(json_object_get(c, "insn")),
			member(c, "code"), member(c, "text"));
	}
}

static void indented(const struct out *o, const char *text)
{
	for (size_t n; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		fprintf(o->f, "    %.*s\n", (int)n, text);
	}
}

static void counter_text(const struct out *o, const json_t *c)
{
	long long tries = json_integer_value(json_object_get(c, "tries"));

	if (!c)
		return;
	fputs("  counterexample: ", o->f);
	if (json_object_get(c, "input")) {
		fprintf(o->f, "found in run %lld: %s\n", tries,
			member(json_object_get(c, "fault"), "message"));
		indented(o, member(c, "input"));
	} else if (*member(c, "why")) {
		fprintf(o->f, "not searched: %s\n", member(c, "why"));
	} else {
		fprintf(o->f, "none found within %lld tries\n", tries);
	}
}

static void error_text(const struct out *o, const char *text)
{
	size_t head = strcspn(text, ":");

	fprintf(o->f, "%s%.*s%s%s", out_red(o), (int)head, text, out_plain(o), text + head);
}

static void findings_text(const struct out *o, const struct verdict *d)
{
	char text[4096];
	const json_t *f;
	size_t i;

	if (d->err && !json_array_size(d->findings)) {
		skep_error_text(d->err, text, sizeof(text));
		error_text(o, text);
	}
	json_array_foreach(d->findings, i, f)
	{
		error_text(o, member(f, "text"));
		path_text(o, json_object_get(f, "path"));
		counter_text(o, json_object_get(f, "counterexample"));
	}
}

/* The dearest lines, with bars of the instructions walked there. */
static void lines_text(struct out *o, const struct verdict *d)
{
	struct table *t = table_new(o);
	uint64_t most = d->v.nlines ? d->v.lines[0].walked : 1;

	table_column(t, "LINE", true);
	table_column(t, "WALKED", true);
	table_column(t, "STATES", true);
	table_column(t, "MS", true);
	table_column(t, "", false);
	table_column(t, "SOURCE", false);
	for (size_t i = 0; i < d->v.nlines && i < DEAREST; i++) {
		const struct skep_verify_line *l = &d->v.lines[i];
		json_t *source = verify_source_json(l->source);

		table_row(t);
		table_cell(t, l->line ? "%u" : "insn %u", l->line ? l->line : l->insn);
		table_cell(t, "%u", l->walked);
		table_cell(t, "%u", l->kept);
		table_cell(t, "%.3f", (double)l->time_ns / 1e6);
		table_cell(t, "%.*s", (int)((uint64_t)l->walked * (sizeof(bars) - 1) / most), bars);
		table_cell(t, "%s", json_string_value(source) ? json_string_value(source) : "");
		json_decref(source);
	}
	table_print(t, "  ");
	if (d->v.nlines > DEAREST)
		fprintf(o->f, "  and %zu more lines\n", d->v.nlines - DEAREST);
}

static void print_text(struct out *o, const struct verdict *d, const struct verify_args *a)
{
	if (d->skipped)
		return;
	if (a->npaths > 1)
		fprintf(o->f, "%s: ", d->object->path);
	fprintf(o->f, "%s%s%s: %s", out_bold(o), d->info.name, out_plain(o), verify_word(d));
	if (json_array_size(d->findings) > 1)
		fprintf(o->f, ", %zu errors", json_array_size(d->findings));
	if (a->stats)
		fprintf(o->f,
			", %u instructions walked of %zu, %u states kept (%u at most), stack %u bytes, %.3f ms, %.2f MiB",
			d->v.insns_processed, (size_t)d->info.ninsns, d->v.total_states,
			d->v.peak_states, d->v.stack_depth, (double)d->v.time_ns / 1e6,
			(double)d->v.memory / 1048576);
	fputc('\n', o->f);
	if (d->v.lines)
		lines_text(o, d);
	json_decref(rewritten(o, d));
	findings_text(o, d);
	if (d->v.log)
		print_log(o, d->v.log);
	if (a->runs && d->code == 0)
		check_text(o, d);
}

/* All --------------------------------------------------------------------------------------------- */

static int worst(int a, int b)
{
	return a == EXIT_ENV || b == EXIT_ENV ? EXIT_ENV :
	       a == EXIT_NO || b == EXIT_NO   ? EXIT_NO :
						a;
}

static int code_of(const struct verdict *d)
{
	if (d->code == -ENOMEM || d->checked == -ENOMEM)
		return EXIT_ENV;
	return d->code < 0 || (d->checked < 0 && d->checked != -EOPNOTSUPP) ? EXIT_NO : EXIT_YES;
}

int verify_show(struct verify_work *w)
{
	const struct verify_args *a = w->a;
	int code = EXIT_YES, r;
	struct out o;

	r = out_open(&o, a->output, a->json || a->sarif);
	if (r != EXIT_YES)
		return r;
	for (size_t i = 0; i < a->npaths; i++) {
		if (!w->objects[i].err)
			continue;
		code = worst(code, show_error(w->objects[i].err, a->json));
		w->objects[i].err = NULL;
	}
	for (size_t i = 0; i < w->n; i++) {
		code = worst(code, code_of(&w->list[i]));
		if (a->json)
			print_json(&o, &w->list[i], a);
		else if (!a->sarif)
			print_text(&o, &w->list[i], a);
	}
	if (a->sarif)
		verify_sarif(&o, w);
	r = out_close(&o);
	return r == EXIT_YES ? code : r;
}
