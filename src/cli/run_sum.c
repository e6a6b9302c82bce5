// SPDX-License-Identifier: Apache-2.0
/* The end of a run in a few lines: verdicts, how the source ended, and always what was lost, whatever was asked. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/run.h"

static void json_programs(struct run *run)
{
	json_t *list = json_array();

	for (size_t i = 0; i < skep_obj_nprogs(run->obj); i++) {
		struct skep_prog_info p;

		skep_prog_info(skep_obj_prog(run->obj, i), &p);
		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:I, s:I, s:I}", "name", text_json(p.name), "section",
				  text_json(p.section), "runs", (json_int_t)p.runs, "faults",
				  (json_int_t)p.faults, "instructions", (json_int_t)p.executed));
	}
	out_json(&run->out, json_pack("{s:s, s:o}", "event", "programs", "programs", list));
}

static void json_summary(struct run *run, const struct skep_run_opts *opts,
			 const struct skep_run_stats *s)
{
	json_t *o = json_pack("{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "summary",
			      "seconds", s->seconds, "runs", (json_int_t)s->events, "faults",
			      (json_int_t)s->faults, "skipped", (json_int_t)s->skipped, "records",
			      (json_int_t)s->records, "lost", (json_int_t)s->lost, "full",
			      (json_int_t)run_count_full(run), "undecoded",
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
				      json_pack("{s:o, s:s, s:I}", "program", run_prog_json(v.prog),
						"verdict", v.name, "count", (json_int_t)v.count));
	json_object_set_new(o, "verdicts", list);
	out_json(&run->out, o);
}

static void text_verdicts(struct run *run)
{
	const struct skep_prog *last = NULL;
	struct skep_prog_info info;
	struct skep_verdict v;

	for (size_t i = 0; skep_run_verdict(run->obj, i, &v); i++) {
		if (v.prog != last) {
			skep_prog_info(v.prog, &info);
			fputs(last ? "\n" : "", run->out.f);
			out_text(&run->out, info.name);
		}
		fprintf(run->out.f, "%s %s %" PRIu64, v.prog != last ? ":" : ",", v.name, v.count);
		last = v.prog;
	}
	if (last)
		fputc('\n', run->out.f);
}

/* "1 record", "2 records" */
static void number(FILE *f, const char *before, uint64_t n, const char *one, const char *many)
{
	fprintf(f, "%s%" PRIu64 " %s", before, n, n == 1 ? one : many);
}

static void count(FILE *f, uint64_t n, const char *one, const char *many)
{
	if (n)
		number(f, ", ", n, one, many);
}

static void text_losses(const struct run *run, FILE *f, const struct skep_run_stats *s)
{
	number(f, "", s->events, "program run", "program runs");
	number(f, ", ", s->records, "record", "records");
	fprintf(f, ", %" PRIu64 " lost", s->lost);
	count(f, s->faults, "fault", "faults");
	count(f, s->skipped, "program skipped", "programs skipped");
	count(f, run_count_full(run), "update refused by a full map",
	      "updates refused by full maps");
	count(f, s->events_lost, "event lost with its process", "events lost with their process");
	count(f, s->truncated, "packet cut short by the capture",
	      "packets cut short by the capture");
	count(f, s->dropped, "packet dropped by the interface", "packets dropped by the interface");
	count(f, run->undecoded, "record without a type", "records without a type");
	fputc('\n', f);
}

static void text_command(struct out *o, const char *name, const struct skep_run_stats *s)
{
	out_text(o, name);
	if (s->signal)
		fprintf(o->f, ": ended by signal %d", s->signal);
	else if (s->exited)
		fprintf(o->f, ": exit %d", s->status);
	else
		fprintf(o->f, ": still running");
	fprintf(o->f, ", %.2f s", s->seconds);
	number(o->f, ", ", s->processes, "process", "processes");
	number(o->f, ", ", s->stops, "stop; ", "stops; ");
}

static void text_packets(struct out *o, const char *write, const struct skep_run_stats *s)
{
	number(o->f, "", s->packets, "packet", "packets");
	number(o->f, ", ", s->bytes, "byte", "bytes");
	fprintf(o->f, ", %.3f s", s->seconds);
	if (write) {
		fprintf(o->f, ", %" PRIu64 " written to ", s->written);
		out_text(o, write);
	}
	if (s->cut)
		fputs(", the capture ends in mid-packet", o->f);
	fputs("; ", o->f);
}

void run_show_summary(struct run *run, const struct skep_run_opts *opts,
		      const struct skep_run_stats *s)
{
	bool bad = s->lost || s->faults || s->events_lost || s->dropped || s->cut ||
		   run->undecoded || run_count_full(run);

	if (run->quiet && !bad)
		return;
	if (run->out.json) {
		if (!run->quiet)
			json_programs(run);
		json_summary(run, opts, s);
	} else if (run->quiet) {
		fputs("skep: ", stderr);
		text_losses(run, stderr, s);
	} else {
		fputs(out_dim(&run->out), run->out.f);
		text_verdicts(run);
		if (opts->argv)
			text_command(&run->out, opts->argv[0], s);
		else
			text_packets(&run->out, opts->write, s);
		text_losses(run, run->out.f, s);
		fputs(out_plain(&run->out), run->out.f);
	}
}
