// SPDX-License-Identifier: Apache-2.0
/*
 * Error values. An error owns copies of every string it carries, so it may outlive what it speaks
 * of. Invariant: out-of-memory never loses the code; it is one static, immutable error.
 */
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONTEXT 8

struct skep_error {
	const char *id;
	int code;
	char *message, *needed, *known, *help;
	struct skep_place place;
	char *context[MAX_CONTEXT];
	size_t ncontext;
};

static const struct skep_error nomem = {
	.id = "B0001",
	.code = -ENOMEM,
	.message = (char *)"out of memory",
};

static bool is_static(const struct skep_error *err)
{
	return err == &nomem;
}

static char *dup_or_null(const char *s)
{
	return s ? strdup(s) : NULL;
}

static void place_done(struct skep_place *at)
{
	free((char *)at->name);
	free((char *)at->part);
	free((char *)at->src);
	free((char *)at->text);
}

static struct skep_place place_dup(struct skep_place at)
{
	at.name = dup_or_null(at.name);
	at.part = dup_or_null(at.part);
	at.src = dup_or_null(at.src);
	at.text = dup_or_null(at.text);
	return at;
}

static char *vformat(const char *prefix, const char *fmt, va_list ap)
{
	char *body = NULL, *out = NULL;

	if (!fmt || !*fmt)
		return dup_or_null(prefix);
	if (vasprintf(&body, fmt, ap) < 0)
		return NULL;
	if (!prefix)
		return body;
	if (asprintf(&out, "%s: %s", prefix, body) < 0)
		out = NULL;
	free(body);
	return out;
}

int skep_fail_nomem(struct skep_error **reterr)
{
	if (reterr)
		*reterr = (struct skep_error *)&nomem;
	return -ENOMEM;
}

int skep_fail(struct skep_error **reterr, const struct err_def *def, struct skep_place at,
	      const char *fmt, ...)
{
	struct skep_error *err;
	va_list ap;

	if (!reterr)
		return -def->code;
	err = calloc(1, sizeof(*err));
	if (!err) {
		skep_fail_nomem(reterr);
		return -def->code;
	}
	err->id = def->id;
	err->code = -def->code;
	va_start(ap, fmt);
	err->message = vformat(def->problem, fmt, ap);
	va_end(ap);
	err->place = place_dup(at);
	*reterr = err;
	return -def->code;
}

int skep_wrap(struct skep_error **reterr, int code, const char *fmt, ...)
{
	struct skep_error *err = reterr ? *reterr : NULL;
	va_list ap;

	if (!err || is_static(err) || err->ncontext == MAX_CONTEXT)
		return code;
	va_start(ap, fmt);
	err->context[err->ncontext] = vformat(NULL, fmt, ap);
	va_end(ap);
	if (err->context[err->ncontext])
		err->ncontext++;
	return code;
}

#define SETTER(fn, field)                                         \
	void fn(struct skep_error **reterr, const char *fmt, ...) \
	{                                                         \
		struct skep_error *err = reterr ? *reterr : NULL; \
		va_list ap;                                       \
                                                                  \
		if (!err || is_static(err))                       \
			return;                                   \
		va_start(ap, fmt);                                \
		free(err->field);                                 \
		err->field = vformat(NULL, fmt, ap);              \
		va_end(ap);                                       \
	}

SETTER(skep_need, needed)
SETTER(skep_known, known)
SETTER(skep_hint, help)

void skep_relocate(struct skep_error **reterr, struct skep_place at)
{
	struct skep_error *err = reterr ? *reterr : NULL;
	struct skep_place copy;

	if (!err || is_static(err))
		return;
	copy = place_dup(at);
	place_done(&err->place);
	err->place = copy;
}

const char *skep_error_id(const struct skep_error *err)
{
	return err->id;
}

int skep_error_code(const struct skep_error *err)
{
	return err->code;
}

const char *skep_error_message(const struct skep_error *err)
{
	return err->message ? err->message : "out of memory";
}

const char *skep_error_needed(const struct skep_error *err)
{
	return err->needed;
}

const char *skep_error_known(const struct skep_error *err)
{
	return err->known;
}

const char *skep_error_help(const struct skep_error *err)
{
	return err->help;
}

const struct skep_place *skep_error_place(const struct skep_error *err)
{
	return &err->place;
}

const char *skep_error_context(const struct skep_error *err, size_t i)
{
	return i < err->ncontext ? err->context[i] : NULL;
}

void skep_error_free(struct skep_error *err)
{
	if (!err || is_static(err))
		return;
	free(err->message);
	free(err->needed);
	free(err->known);
	free(err->help);
	place_done(&err->place);
	for (size_t i = 0; i < err->ncontext; i++)
		free(err->context[i]);
	free(err);
}
