/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the public API: an object out of built types, the compiled ones of tests/bpf and examples, and a
 * visitor that writes a value as one line of text: {n=1 colour=RED list=[1 2] name="x" p=0x10 raw=<0102>}.
 */
#ifndef TESTS_UNIT_LIB_KIT_H
#define TESTS_UNIT_LIB_KIT_H

#include "btf/btf.h"
#include "check.h"
#include "elf_kit.h"
#include "skep/skep.h"

/* An object with nothing but these types; frees the builder. */
static inline struct skep_obj *lib_types(struct btf_builder *types)
{
	struct skep_error *err = NULL;
	struct skep_obj *obj = NULL;
	struct kit k;
	uint8_t *bytes;
	size_t size;

	kit_init(&k);
	kit_btf(&k, types, "", NULL, 0);
	btf_builder_free(types);
	bytes = kit_bytes(&k, &size);
	skep_obj_open_mem(bytes, size, NULL, &obj, &err);
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	free(bytes);
	kit_done(&k);
	return obj;
}

/* "tests/bpf/cli/report" as built; NULL is a failed check. */
static inline struct skep_obj *lib_object(const char *name, const struct skep_obj_opts *opts)
{
	const char *dir = getenv("SKEP_BUILD");
	struct skep_error *err = NULL;
	struct skep_obj *obj = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.bpf.o", dir ? dir : "build", name);
	skep_obj_open(path, opts, &obj, &err);
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	return obj;
}

struct lib_text {
	char buf[4096];
	size_t len, scalars;
	bool gap;
};

__attribute__((format(printf, 2, 3))) static inline void lib_put(struct lib_text *t,
								 const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
	if (t->len >= sizeof(t->buf))
		t->len = sizeof(t->buf) - 1;
}

static inline void lib_name(struct lib_text *t, const char *member)
{
	if (t->gap)
		lib_put(t, " ");
	if (member)
		lib_put(t, "%s=", member);
}

static inline int lib_begin(void *ctx, const char *member, uint32_t type, bool is_array, size_t n)
{
	struct lib_text *t = ctx;

	(void)type;
	(void)n;
	lib_name(t, member);
	lib_put(t, is_array ? "[" : "{");
	t->gap = false;
	return 0;
}

static inline int lib_end(void *ctx)
{
	struct lib_text *t = ctx;
	int depth = 0;
	size_t i = t->len;

	/* the bracket that is still open */
	while (i-- > 0 && depth >= 0) {
		if (t->buf[i] == ']' || t->buf[i] == '}')
			depth++;
		else if (t->buf[i] == '[' || t->buf[i] == '{')
			depth--;
	}
	lib_put(t, t->buf[i + 1] == '[' ? "]" : "}");
	t->gap = true;
	return 0;
}

static inline int lib_scalar(void *ctx, const struct skep_value *v)
{
	struct lib_text *t = ctx;

	t->scalars++;
	lib_name(t, v->member);
	t->gap = true;
	switch (v->kind) {
	case SKEP_VALUE_INT:
		lib_put(t, "%" PRId64, v->i);
		break;
	case SKEP_VALUE_UINT:
		lib_put(t, "%" PRIu64 "u", v->u);
		break;
	case SKEP_VALUE_BOOL:
		lib_put(t, v->u == 1 ? "true" : v->u ? "?" : "false");
		break;
	case SKEP_VALUE_FLOAT:
		lib_put(t, "%g", v->f);
		break;
	case SKEP_VALUE_ENUM:
		if (v->text)
			lib_put(t, "%s", v->text);
		else
			lib_put(t, "enum %" PRId64, v->i);
		break;
	case SKEP_VALUE_STRING:
		lib_put(t, "\"%.*s\"", (int)v->len, v->text);
		break;
	case SKEP_VALUE_POINTER:
		lib_put(t, "0x%" PRIx64, v->u);
		break;
	case SKEP_VALUE_BYTES:
		lib_put(t, "<");
		for (size_t i = 0; i < v->len; i++)
			lib_put(t, "%02x", (unsigned char)v->text[i]);
		lib_put(t, ">");
		break;
	}
	return 0;
}

static const struct skep_visitor lib_visitor = { lib_begin, lib_scalar, lib_end };

static inline const char *lib_show(const struct skep_obj *obj, uint32_t type, const void *data,
				   size_t len, struct lib_text *t)
{
	int r;

	memset(t, 0, sizeof(*t));
	r = skep_type_visit(obj, type, data, len, &lib_visitor, t);
	if (r < 0)
		snprintf(t->buf, sizeof(t->buf), "error %d", r);
	return t->buf;
}

#endif
