// SPDX-License-Identifier: Apache-2.0
/*
 * Reads JSON as `--json` promises it: each line one object (strictly parsed, no duplicate keys, valid UTF-8).
 *
 *	json_lines			prints how many lines each "event" has
 *	json_lines EVENT PATH...	prints the values at the paths (a.b.0) of each line of that event
 *
 * EVENT `-` takes lines without "event". Exit 1 with the line's number for anything else.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *at_path(const json_t *v, const char *path)
{
	char part[256];

	while (v && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(part))
			return NULL;
		memcpy(part, path, n);
		part[n] = '\0';
		v = json_is_array(v) ? json_array_get(v, strtoul(part, NULL, 10)) :
				       json_object_get(v, part);
		path += n + (path[n] == '.');
	}
	return v;
}

static void print_paths(const json_t *line, char **paths)
{
	for (char **p = paths; *p; p++) {
		const json_t *v = at_path(line, *p);

		if (p != paths)
			putchar(' ');
		if (!v)
			fputs("(none)", stdout);
		else
			json_dumpf(v, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	json_t *counts = json_object();
	char *line = NULL;
	size_t cap = 0, number = 0;
	const char *event;
	ssize_t len;
	json_t *n;

	while ((len = getline(&line, &cap, stdin)) > 0) {
		json_error_t err;
		json_t *v = line[len - 1] == '\n' ?
				    json_loadb(line, (size_t)len, JSON_REJECT_DUPLICATES, &err) :
				    NULL;

		number++;
		if (!json_is_object(v)) {
			printf("line %zu is not one JSON object: %s", number, line);
			return 1;
		}
		event = json_string_value(json_object_get(v, "event"));
		event = event ? event : "-";
		json_object_set_new(
			counts, event,
			json_integer(1 + json_integer_value(json_object_get(counts, event))));
		if (argc > 1 && strcmp(event, argv[1]) == 0)
			print_paths(v, argv + 2);
		json_decref(v);
	}
	free(line);
	if (argc < 2)
		json_object_foreach(counts, event, n)
			printf("%s %" JSON_INTEGER_FORMAT "\n", event, json_integer_value(n));
	json_decref(counts);
	return 0;
}
