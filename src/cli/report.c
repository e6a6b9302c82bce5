// SPDX-License-Identifier: Apache-2.0
/*
 * Errors and text that comes from files: what a person or a JSON reader sees of them is one line, valid UTF-8 and
 * free of control characters, whatever the file says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/cli.h"

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

char *text_safe(const char *s, size_t len)
{
	struct buf b;

	buf_init(&b);
	utf8_escape(&b, s, len);
	return buf_give(&b);
}

json_t *text_json(const char *s)
{
	json_t *j;
	char *safe;

	if (!s)
		return json_null();
	safe = text_safe(s, strlen(s));
	j = safe ? json_string(safe) : NULL;
	free(safe);
	return j ? j : json_string("?");
}

json_t *data_json(const char *s, size_t len)
{
	json_t *j = utf8_valid(s, len) ? json_stringn(s, len) : NULL;
	char *safe = j ? NULL : text_safe(s, len);

	if (safe)
		j = json_string(safe);
	free(safe);
	return j ? j : json_string("?");
}

void out_text(const struct out *o, const char *s)
{
	char *safe = s ? text_safe(s, strlen(s)) : NULL;

	fputs(safe ? safe : "?", o->f);
	free(safe);
}

static void set_text(json_t *obj, const char *key, const char *text)
{
	if (text)
		json_object_set_new(obj, key, text_json(text));
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
		json_array_append_new(context, text_json(more));
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
