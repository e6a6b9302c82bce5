// SPDX-License-Identifier: Apache-2.0
/* Where output goes and how it looks; errors and tables. */
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
	struct winsize ws;

	*o = (struct out){ .f = stdout, .json = json };
	if (path && strcmp(path, "-") != 0) {
		o->f = fopen(path, "we");
		if (!o->f) {
			fprintf(stderr, "error: cannot write '%s': %s\n", path, strerror(errno));
			return EXIT_ENV;
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
	int e = errno;

	if (o->f != stdout && fclose(o->f) != 0 && !bad) {
		bad = true;
		e = errno;
	}
	if (!bad)
		return EXIT_YES;
	if (e != EPIPE)
		fprintf(stderr, "error: cannot write the output: %s\n", strerror(e));
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

int exit_code_of(int code)
{
	switch (-code) {
	case EPERM:
	case EACCES:
	case ENOMEM:
	case ENOSPC:
	case EIO:
	case EMFILE:
	case ENFILE:
	case EROFS:
	case ENODEV:
	case ENETDOWN:
	case EAGAIN:
	case EPIPE:
	case EDQUOT:
		return EXIT_ENV;
	default:
		return EXIT_NO;
	}
}

static void set_text(json_t *obj, const char *key, const char *text)
{
	if (text)
		json_object_set_new(obj, key, json_string(text));
}

static json_t *place_json(const struct skep_place *at)
{
	static const char *const kinds[] = {
		[SKEP_PLACE_NONE] = "none", [SKEP_PLACE_FILE] = "file", [SKEP_PLACE_TEXT] = "text",
		[SKEP_PLACE_ELF] = "elf",   [SKEP_PLACE_BTF] = "btf",	[SKEP_PLACE_INSN] = "insn",
		[SKEP_PLACE_MAP] = "map",
	};
	json_t *o = json_object();

	set_text(o, "kind", kinds[at->kind]);
	set_text(o, "name", at->name);
	set_text(o, "part", at->part);
	json_object_set_new(o, "at", json_integer((json_int_t)at->at));
	set_text(o, "source", at->src);
	if (at->line)
		json_object_set_new(o, "line", json_integer(at->line));
	if (at->col)
		json_object_set_new(o, "column", json_integer(at->col));
	set_text(o, "text", at->text);
	return o;
}

json_t *error_json(const struct skep_error *err)
{
	json_t *o = json_object(), *context = json_array();
	const char *more;

	set_text(o, "id", skep_error_id(err));
	json_object_set_new(o, "code", json_integer(skep_error_code(err)));
	set_text(o, "message", skep_error_message(err));
	json_object_set_new(o, "place", place_json(skep_error_place(err)));
	set_text(o, "needed", skep_error_needed(err));
	set_text(o, "known", skep_error_known(err));
	set_text(o, "help", skep_error_help(err));
	for (size_t i = 0; (more = skep_error_context(err, i)); i++)
		json_array_append_new(context, json_string(more));
	json_object_set_new(o, "context", context);
	return o;
}

int show_error(struct skep_error *err, bool json)
{
	int code = exit_code_of(skep_error_code(err));
	size_t n = skep_error_text(err, NULL, 0);
	char *text = malloc(n + 1);

	if (json) {
		json_t *line = json_pack("{s:s, s:o}", "event", "error", "error", error_json(err));

		json_dumpf(line, stderr, JSON_COMPACT);
		fputc('\n', stderr);
		json_decref(line);
	} else if (text) {
		skep_error_text(err, text, n + 1);
		fputs(text, stderr);
	} else {
		fputs("error[B0001]: out of memory\n", stderr);
	}
	free(text);
	skep_error_free(err);
	return code;
}

struct table {
	struct libscols_table *t;
	struct libscols_line *line;
	struct out *o;
	size_t cell;
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
	if (!o->width)
		scols_table_enable_nowrap(t->t, 1);
	return t;
}

void table_column(struct table *t, const char *name, bool right)
{
	if (t)
		scols_table_new_column(t->t, name, 0, right ? SCOLS_FL_RIGHT : SCOLS_FL_TRUNC);
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

void table_print(struct table *t, const char *indent)
{
	char *text = NULL, *save = NULL;

	if (!t)
		return;
	if (scols_print_table_to_string(t->t, &text) == 0 && text)
		for (char *line = strtok_r(text, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			size_t n = strlen(line);

			while (n && line[n - 1] == ' ')
				line[--n] = '\0';
			fprintf(t->o->f, "%s%s\n", indent, line);
		}
	free(text);
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
