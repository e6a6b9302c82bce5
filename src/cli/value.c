// SPDX-License-Identifier: Apache-2.0
/*
 * Values by type: bytes to a tree. Numbers stay numbers (what does not fit a signed 64-bit integer becomes
 * text); char arrays, network-order types (__be16, __be32) and arrays of bytes become text that people read: 6 bytes as
 * a hardware address, 16 as an IPv6 address, other lengths from 4 on in hexadecimal.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define MAX_NEST 32

#define LEAST_BYTES 4 /* an array of fewer stays one of numbers */

/* An array or object that is being filled; it joins its parent when it ends. */
struct level {
	json_t *node;
	char *member;
	bool bytes; /* an array with nothing but unsigned bytes so far */
};

struct builder {
	const struct skep_obj *obj;
	struct level stack[MAX_NEST];
	int depth;
	json_t *root;
};

/* Member names come from the object's types; a key must be valid UTF-8. */
static void put_member(json_t *object, const char *member, json_t *value)
{
	char *safe = member ? text_safe(member, strlen(member)) : NULL;

	json_object_set_new(object, safe ? safe : "?", value);
	free(safe);
}

static void put(struct builder *b, const char *member, json_t *value)
{
	json_t *top = b->depth ? b->stack[b->depth - 1].node : NULL;

	if (!top)
		b->root = value;
	else if (json_is_array(top))
		json_array_append_new(top, value);
	else
		put_member(top, member, value);
}

static json_t *bytes_text(const char *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *out = malloc(2 + len * 2 + 1);
	json_t *text;

	if (!out)
		return json_string("?");
	memcpy(out, "0x", 2);
	for (size_t i = 0; i < len; i++) {
		out[2 + i * 2] = digits[(unsigned char)data[i] >> 4];
		out[3 + i * 2] = digits[(unsigned char)data[i] & 15];
	}
	text = json_stringn(out, 2 + len * 2);
	free(out);
	return text;
}

static int on_begin(void *ctx, const char *member, uint32_t type, bool is_array, size_t n)
{
	struct builder *b = ctx;
	struct level *l = &b->stack[b->depth];

	(void)type;
	(void)n;
	if (b->depth == MAX_NEST)
		return -1;
	if (b->depth)
		b->stack[b->depth - 1].bytes = false;
	*l = (struct level){ .node = is_array ? json_array() : json_object(),
			     .member = member ? strdup(member) : NULL,
			     .bytes = is_array && !hist_named(member) };
	b->depth++;
	return l->node ? 0 : -1;
}

static json_t *address_text(const json_t *array)
{
	size_t n = json_array_size(array), i;
	unsigned char *raw = malloc(n);
	char text[INET6_ADDRSTRLEN];
	json_t *v, *out;

	if (!raw)
		return NULL;
	json_array_foreach((json_t *)array, i, v) raw[i] = (unsigned char)json_integer_value(v);
	if (n == 6) {
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", raw[0], raw[1],
			 raw[2], raw[3], raw[4], raw[5]);
		out = json_string(text);
	} else if (n == 16 && inet_ntop(AF_INET6, raw, text, sizeof(text))) {
		out = json_string(text);
	} else {
		out = bytes_text((const char *)raw, n);
	}
	free(raw);
	return out;
}

static int on_end(void *ctx)
{
	struct builder *b = ctx;
	struct level l = b->stack[--b->depth];
	json_t *text = NULL;

	if (l.bytes && json_array_size(l.node) >= LEAST_BYTES)
		text = address_text(l.node);
	if (text) {
		json_decref(l.node);
		l.node = text;
	}
	put(b, l.member, l.node);
	free(l.member);
	return 0;
}

static json_t *uint_json(uint64_t v)
{
	char text[24];

	if (v <= INT64_MAX)
		return json_integer((json_int_t)v);
	snprintf(text, sizeof(text), "%" PRIu64, v);
	return json_string(text);
}

/* Network order by the name of the type: the compiler keeps typedefs. */
static json_t *network_json(const struct builder *b, const struct skep_value *v)
{
	char name[32], text[INET_ADDRSTRLEN];
	uint32_t addr = (uint32_t)v->u;

	skep_type_name(b->obj, v->type, name, sizeof(name));
	if (strcmp(name, "__be16") == 0)
		return json_integer(ntohs((uint16_t)v->u));
	if (strcmp(name, "__be32") != 0 || !inet_ntop(AF_INET, &addr, text, sizeof(text)))
		return NULL;
	return json_string(text);
}

/* A type of that name says that a number is a system call's. */
static json_t *syscall_json(const struct builder *b, const struct skep_value *v)
{
	const char *call;
	char name[32];

	skep_type_name(b->obj, v->type, name, sizeof(name));
	call = strcmp(name, "syscall_nr") == 0 ? skep_syscall_name((int)v->i) : NULL;
	return call ? json_string(call) : NULL;
}

static int on_scalar(void *ctx, const struct skep_value *v)
{
	struct builder *b = ctx;
	json_t *node = NULL;
	char text[24];

	if (b->depth && (v->kind != SKEP_VALUE_UINT || skep_type_size(b->obj, v->type) != 1))
		b->stack[b->depth - 1].bytes = false;
	switch (v->kind) {
	case SKEP_VALUE_INT:
		node = syscall_json(b, v);
		if (!node)
			node = json_integer(v->i);
		break;
	case SKEP_VALUE_UINT:
		node = network_json(b, v);
		if (!node)
			node = uint_json(v->u);
		break;
	case SKEP_VALUE_BOOL:
		node = json_boolean(v->u);
		break;
	case SKEP_VALUE_FLOAT:
		node = json_real(v->f);
		break;
	case SKEP_VALUE_ENUM:
		node = v->text ? text_json(v->text) : json_integer(v->i);
		break;
	case SKEP_VALUE_STRING:
		node = data_json(v->text, v->len);
		break;
	case SKEP_VALUE_POINTER:
		snprintf(text, sizeof(text), "0x%" PRIx64, v->u);
		node = json_string(text);
		break;
	case SKEP_VALUE_BYTES:
		node = bytes_text(v->text, v->len);
		break;
	}
	put(b, v->member, node ? node : json_null());
	return 0;
}

json_t *value_json(const struct skep_obj *obj, uint32_t type, const void *data, size_t len)
{
	static const struct skep_visitor visitor = { on_begin, on_scalar, on_end };
	struct builder b = { .obj = obj };

	if (skep_type_visit(obj, type, data, len, &visitor, &b) == 0 && b.root)
		return b.root;
	while (b.depth) {
		struct level l = b.stack[--b.depth];

		json_decref(l.node);
		free(l.member);
	}
	json_decref(b.root);
	return bytes_text(data, len);
}

static char *dump_text(const json_t *value)
{
	char *raw = json_dumps(value, JSON_COMPACT);
	char *safe = raw ? text_safe(raw, strlen(raw)) : NULL;

	free(raw);
	return safe;
}

char *value_text(const json_t *value)
{
	char *text = NULL;

	switch (json_typeof(value)) {
	case JSON_STRING:
		return text_safe(json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
		return asprintf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) < 0 ?
			       NULL :
			       text;
	case JSON_REAL:
		return asprintf(&text, "%g", json_real_value(value)) < 0 ? NULL : text;
	case JSON_TRUE:
		return strdup("yes");
	case JSON_FALSE:
		return strdup("no");
	case JSON_NULL:
		return strdup("-");
	case JSON_ARRAY:
	case JSON_OBJECT:
		return dump_text(value);
	}
	return NULL;
}

void value_columns(const json_t *value, const char *name, value_column_fn fn, void *ctx)
{
	const char *key;
	json_t *member;
	char *full = NULL;

	if (!json_is_object(value)) {
		fn(ctx, name, value);
		return;
	}
	json_object_foreach((json_t *)value, key, member)
	{
		bool nested = name && *name && json_is_object(member);

		if (nested && asprintf(&full, "%s.%s", name, key) < 0)
			continue;
		value_columns(member, nested ? full : key, fn, ctx);
		if (nested)
			free(full);
	}
}

void value_sum(json_t *a, const json_t *b)
{
	const char *key;
	json_t *x, *y;
	size_t i;

	if (json_is_object(a) && json_is_object(b)) {
		json_object_foreach(a, key, x)
		{
			y = json_object_get(b, key);
			if (y)
				value_sum(x, y);
		}
	} else if (json_is_array(a) && json_is_array(b)) {
		json_array_foreach(a, i, x)
		{
			y = json_array_get(b, i);
			if (y)
				value_sum(x, y);
		}
	} else if (json_is_integer(a) && json_is_integer(b)) {
		json_integer_set(a, (json_int_t)((uint64_t)json_integer_value(a) +
						 (uint64_t)json_integer_value(b)));
	}
}

bool value_is_zero(const json_t *value)
{
	const char *key;
	json_t *v;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		json_object_foreach((json_t *)value, key, v) if (!value_is_zero(v)) return false;
		return true;
	case JSON_ARRAY:
		json_array_foreach((json_t *)value, i, v) if (!value_is_zero(v)) return false;
		return true;
	case JSON_INTEGER:
		return json_integer_value(value) == 0;
	case JSON_REAL:
		return json_real_value(value) == 0.0;
	case JSON_STRING: {
		const char *s = json_string_value(value);

		return s[strspn(s, strncmp(s, "0x", 2) == 0 ? "0x" : "0.:")] == '\0';
	}
	case JSON_TRUE:
		return false;
	case JSON_FALSE:
	case JSON_NULL:
		return true;
	}
	return false;
}

static int compare_members(json_t *a, json_t *b)
{
	void *x = json_object_iter(a), *y = json_object_iter(b);
	int r = 0;

	while (x && y && r == 0) {
		r = value_compare(json_object_iter_value(x), json_object_iter_value(y));
		x = json_object_iter_next(a, x);
		y = json_object_iter_next(b, y);
	}
	return r ? r : !!x - !!y;
}

int value_compare(const json_t *a, const json_t *b)
{
	json_int_t x, y;
	int r = 0;

	if (json_typeof(a) != json_typeof(b))
		return (int)json_typeof(a) - (int)json_typeof(b);
	if (json_is_integer(a)) {
		x = json_integer_value(a);
		y = json_integer_value(b);
		return x < y ? -1 : x > y;
	}
	if (json_is_string(a))
		return strcmp(json_string_value(a), json_string_value(b));
	if (json_is_object(a))
		return compare_members((json_t *)a, (json_t *)b);
	for (size_t i = 0; r == 0 && i < json_array_size(a) && i < json_array_size(b); i++)
		r = value_compare(json_array_get(a, i), json_array_get(b, i));
	return r;
}
