// SPDX-License-Identifier: Apache-2.0
/*
 * Rejections as SARIF 2.1.0 (OASIS), which editors and code scanners read: an error id is a rule, a finding a result, the causal path its
 * code flow, and where the refused value came from a related location.
 */
#include <string.h>

#include "cli/verdicts.h"

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

static const char *member(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static json_t *text_object(const char *text)
{
	json_t *j = json_object();

	json_object_set_new(j, "text", json_string(text));
	return j;
}

/* A path as a URI reference (RFC 3986): what is not unreserved or '/' is a percent code. */
static json_t *uri(const char *path)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	struct buf b;
	json_t *j;

	buf_init(&b);
	if (path[0] == '/')
		buf_adds(&b, "file://");
	for (; *path; path++)
		if (strchr(plain, *path))
			buf_addc(&b, *path);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*path);
	j = json_string(buf_str(&b));
	buf_done(&b);
	return j ? j : json_string("?");
}

struct spot {
	const char *object, *program, *file, *source;
	json_int_t insn, line, column;
};

static json_t *location(const struct spot *s, const char *message)
{
	json_t *j = json_object(), *physical = json_object(), *artifact = json_object();
	json_t *region = json_object(), *logical = json_object(), *list = json_array();
	char name[512];

	snprintf(name, sizeof(name), "%s:%lld", s->program, (long long)s->insn);
	json_object_set_new(artifact, "uri", uri(s->line ? s->file : s->object));
	json_object_set_new(physical, "artifactLocation", artifact);
	if (s->line) {
		json_object_set_new(region, "startLine", json_integer(s->line));
		if (s->column)
			json_object_set_new(region, "startColumn", json_integer(s->column));
		json_object_set_new(region, "snippet", text_object(s->source));
		json_object_set(physical, "region", region);
	}
	json_decref(region);
	json_object_set_new(j, "physicalLocation", physical);
	json_object_set_new(logical, "name", json_string(s->program));
	json_object_set_new(logical, "fullyQualifiedName", json_string(name));
	json_object_set_new(logical, "kind", json_string("function"));
	json_array_append_new(list, logical);
	json_object_set_new(j, "logicalLocations", list);
	if (message)
		json_object_set_new(j, "message", text_object(message));
	return j;
}

static struct spot spot_of_cause(const struct verdict *d, const json_t *c)
{
	return (struct spot){ .object = d->object->path,
			      .program = d->info.name,
			      .file = member(c, "file"),
			      .source = member(c, "source"),
			      .insn = json_integer_value(json_object_get(c, "insn")),
			      .line = json_integer_value(json_object_get(c, "line")),
			      .column = json_integer_value(json_object_get(c, "column")) };
}

static struct spot spot_of_place(const struct verdict *d, const json_t *place)
{
	return (struct spot){ .object = d->object->path,
			      .program = d->info.name,
			      .file = member(place, "source"),
			      .source = member(place, "text"),
			      .insn = json_integer_value(json_object_get(place, "at")),
			      .line = json_integer_value(json_object_get(place, "line")),
			      .column = json_integer_value(json_object_get(place, "column")) };
}

static json_t *code_flows(const struct verdict *d, const json_t *path)
{
	json_t *locations = json_array(), *flow = json_object(), *threads = json_array();
	json_t *flows = json_array(), *thread = json_object();
	const json_t *c;
	size_t i;

	json_array_foreach(path, i, c)
	{
		struct spot s = spot_of_cause(d, c);
		json_t *step = json_object();
		char text[512];

		snprintf(text, sizeof(text), "instruction %lld: %s; %s", (long long)s.insn,
			 member(c, "code"), member(c, "text"));
		json_object_set_new(step, "location", location(&s, text));
		json_object_set_new(step, "executionOrder", json_integer((json_int_t)i + 1));
		json_array_append_new(locations, step);
	}
	json_object_set_new(thread, "locations", locations);
	json_array_append_new(threads, thread);
	json_object_set_new(flow, "threadFlows", threads);
	json_array_append_new(flows, flow);
	return flows;
}

static json_t *related(const struct verdict *d, const json_t *path)
{
	json_t *list = json_array();
	const json_t *c;
	size_t i;

	json_array_foreach(path, i, c)
	{
		struct spot s = spot_of_cause(d, c);
		json_t *j = location(&s, member(c, "text"));

		json_object_set_new(j, "id", json_integer((json_int_t)i + 1));
		json_array_append_new(list, j);
	}
	return list;
}

/* Its index; the rule is added when it is new. */
static size_t rule(json_t *rules, const json_t *error)
{
	const char *id = member(error, "id"), *message = member(error, "message");
	char problem[128];
	const json_t *r;
	json_t *j;
	size_t i;

	json_array_foreach(rules, i, r) if (strcmp(member(r, "id"), id) == 0) return i;
	j = json_object();
	snprintf(problem, sizeof(problem), "%.*s", (int)strcspn(message, ":"), message);
	json_object_set_new(j, "id", json_string(id));
	json_object_set_new(j, "shortDescription", text_object(problem));
	if (*member(error, "help"))
		json_object_set_new(j, "help", text_object(member(error, "help")));
	json_array_append_new(rules, j);
	return i;
}

static void add_result(json_t *results, json_t *rules, const struct verdict *d, const json_t *error,
		       const json_t *path)
{
	struct spot s = spot_of_place(d, json_object_get(error, "place"));
	json_t *j = json_object(), *locations = json_array();
	struct buf text;

	buf_init(&text);
	buf_adds(&text, member(error, "message"));
	if (*member(error, "needed"))
		buf_printf(&text, "\nneeded: %s", member(error, "needed"));
	if (*member(error, "known"))
		buf_printf(&text, "\nknown: %s", member(error, "known"));
	if (*member(error, "help"))
		buf_printf(&text, "\nhelp: %s", member(error, "help"));
	json_object_set_new(j, "ruleId", json_string(member(error, "id")));
	json_object_set_new(j, "ruleIndex", json_integer((json_int_t)rule(rules, error)));
	json_object_set_new(j, "level", json_string("error"));
	json_object_set_new(j, "kind", json_string("fail"));
	json_object_set_new(j, "message", text_object(buf_str(&text)));
	json_array_append_new(locations, location(&s, NULL));
	json_object_set_new(j, "locations", locations);
	if (json_array_size(path)) {
		json_object_set_new(j, "codeFlows", code_flows(d, path));
		json_object_set_new(j, "relatedLocations", related(d, path));
	}
	buf_done(&text);
	json_array_append_new(results, j);
}

static void add_results(json_t *results, json_t *rules, const struct verdict *d)
{
	const json_t *f;
	json_t *error;
	size_t i;

	json_array_foreach(d->findings, i, f) add_result(
		results, rules, d, json_object_get(f, "error"), json_object_get(f, "path"));
	if (json_array_size(d->findings) || !d->err)
		return;
	error = error_json(d->err);
	add_result(results, rules, d, error, NULL);
	json_decref(error);
}

void verify_sarif(struct out *o, const struct verify_work *w)
{
	json_t *results = json_array(), *rules = json_array(), *driver = json_object();
	json_t *run = json_object(), *tool = json_object(), *runs = json_array(),
	       *top = json_object();

	for (size_t i = 0; i < w->n; i++)
		add_results(results, rules, &w->list[i]);
	json_object_set_new(driver, "name", json_string("skep verify"));
	json_object_set_new(driver, "version", json_string(skep_version()));
	json_object_set_new(driver, "rules", rules);
	json_object_set_new(tool, "driver", driver);
	json_object_set_new(run, "tool", tool);
	json_object_set_new(run, "columnKind", json_string("unicodeCodePoints"));
	json_object_set_new(run, "results", results);
	json_array_append_new(runs, run);
	json_object_set_new(top, "$schema", json_string(SCHEMA));
	json_object_set_new(top, "version", json_string("2.1.0"));
	json_object_set_new(top, "runs", runs);
	out_json(o, top);
}
