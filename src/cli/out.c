// SPDX-License-Identifier: Apache-2.0
/* Where output goes and how it looks; tables. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int out_open(struct out *o, const char *path, bool json)
{
	struct skep_error *err = NULL;
	struct winsize ws;

	*o = (struct out){ .f = stdout, .json = json, .path = path };
	if (path && strcmp(path, "-") != 0) {
		o->f = fopen(path, "we");
		if (!o->f) {
			skep_fail(&err, &ERR_OUTPUT_OPEN, SKEP_AT_FILE(path, 0), "%s",
				  strerror(errno));
			return show_error(err, json);
		}
	}
	if (isatty(fileno(o->f)) && !json) {
		const char *term = getenv("TERM");

		o->colour = !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
		if (ioctl(fileno(o->f), TIOCGWINSZ, &ws) == 0)
			o->width = ws.ws_col;
	}
	return EXIT_YES;
}

int out_close(struct out *o)
{
	bool bad = fflush(o->f) != 0 || ferror(o->f);
	struct skep_error *err = NULL;
	int e = errno;

	if (o->f != stdout && fclose(o->f) != 0 && !bad) {
		bad = true;
		e = errno;
	}
	if (!bad)
		return EXIT_YES;
	if (e == EPIPE) /* whoever read it has seen enough */
		return EXIT_ENV;
	skep_fail(&err, &ERR_OUTPUT,
		  SKEP_AT_FILE(o->path && o->f != stdout ? o->path : "standard output", 0), "%s",
		  strerror(e));
	show_error(err, o->json);
	return EXIT_ENV;
}

void out_json(struct out *o, json_t *value)
{
	if (json_dumpf(value, o->f, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
		fputc('\n', o->f);
	json_decref(value);
}

const char *out_bold(const struct out *o)
{
	return o->colour ? "\033[1m" : "";
}

const char *out_dim(const struct out *o)
{
	return o->colour ? "\033[2m" : "";
}

const char *out_red(const struct out *o)
{
	return o->colour ? "\033[31m" : "";
}

const char *out_plain(const struct out *o)
{
	return o->colour ? "\033[0m" : "";
}

#define MIN_LAST 12 /* columns of the last text that make cutting it worthwhile */

struct table {
	struct libscols_table *t;
	struct libscols_line *line;
	struct out *o;
	size_t cell;
	char *last; /* heading of the last column; NULL when it is one of numbers */
};

struct table *table_new(struct out *o)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->o = o;
	t->t = scols_new_table();
	if (!t->t) {
		free(t);
		return NULL;
	}
	scols_table_set_column_separator(t->t, "  ");
	scols_table_enable_noencoding(t->t, 1); /* cells are safe text already */
	/* all of it, however wide: table_print() fits it to the terminal */
	scols_table_enable_nowrap(t->t, 1);
	scols_table_set_termforce(t->t, SCOLS_TERMFORCE_NEVER);
	return t;
}

void table_column(struct table *t, const char *name, bool right)
{
	if (!t)
		return;
	scols_table_new_column(t->t, name, 0, right ? SCOLS_FL_RIGHT : 0);
	free(t->last);
	t->last = right ? NULL : strdup(name);
}

void table_row(struct table *t)
{
	if (!t)
		return;
	t->line = scols_table_new_line(t->t, NULL);
	t->cell = 0;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (!t || !t->line)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text && scols_line_refer_data(t->line, t->cell, text) < 0)
		free(text);
	t->cell++;
}

/* Bytes of the first @columns characters. */
static size_t prefix(const char *line, size_t columns)
{
	size_t i = 0;

	for (; line[i]; i++)
		if (((unsigned char)line[i] & 0xc0) != 0x80 && columns-- == 0)
			break;
	return i;
}

/*
 * Where lines may be cut so that they fit the terminal: inside the last column, when that is text and begins early
 * enough for some of it to show. Otherwise lines stay whole: a name is worth more than a neat edge.
 */
static size_t edge(const struct table *t, const char *head, const char *indent)
{
	size_t room = (size_t)t->o->width, n = strlen(head), last = t->last ? strlen(t->last) : n;

	if (!room || last >= n || strlen(indent) + n - last + MIN_LAST > room)
		return SIZE_MAX;
	return room - strlen(indent);
}

void table_print(struct table *t, const char *indent)
{
	char *text = NULL, *save = NULL;
	size_t max = 0;

	if (!t)
		return;
	if (scols_print_table_to_string(t->t, &text) < 0)
		text = NULL;
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		size_t n = strlen(line);

		while (n && line[n - 1] == ' ')
			line[--n] = '\0';
		if (!max)
			max = edge(t, line, indent);
		if (prefix(line, max) < n)
			fprintf(t->o->f, "%s%.*s>\n", indent, (int)prefix(line, max - 1), line);
		else
			fprintf(t->o->f, "%s%s\n", indent, line);
	}
	free(text);
	free(t->last);
	scols_unref_table(t->t);
	free(t);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

unsigned char *hex_parse(const char *text, size_t len, size_t *ret_n, size_t *ret_bad)
{
	unsigned char *out = malloc(len / 2 + 1);
	size_t n = 0, i = 0;

	if (!out)
		return NULL;
	while (i < len) {
		if (strchr(" \t\r\n", text[i])) {
			i++;
			continue;
		}
		if (text[i] == '0' && i + 1 < len && text[i + 1] == 'x') {
			i += 2;
			continue;
		}
		if (i + 1 >= len || hex_digit(text[i]) < 0 || hex_digit(text[i + 1]) < 0) {
			*ret_bad = i;
			free(out);
			return NULL;
		}
		out[n++] = (unsigned char)(hex_digit(text[i]) << 4 | hex_digit(text[i + 1]));
		i += 2;
	}
	*ret_n = n;
	return out;
}
