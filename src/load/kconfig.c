// SPDX-License-Identifier: Apache-2.0
/*
 * Values of .kconfig variables. Which C types may hold which values is libbpf's documented contract: y and
 * n for bool, y, n and m for char and enum libbpf_tristate (TRI_NO 0, TRI_YES 1, TRI_MODULE 2), numbers
 * that fit for integers (0 and 1 for bool), quoted text for arrays of char.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "load/internal.h"

static struct kconfig_type int_type(const struct btf *btf, uint32_t id)
{
	struct kconfig_type t = { .size = btf_raw_size(btf, id), .align = btf_align(btf, id) };
	unsigned int encoding = btf_int_encoding(btf, id);

	if (t.size != 1 && t.size != 2 && t.size != 4 && t.size != 8)
		return t;
	t.is_signed = (encoding & BTF_INT_SIGNED) != 0;
	if (encoding & BTF_INT_BOOL)
		t.kind = t.size == 1 ? KCONFIG_BOOL : KCONFIG_UNKNOWN;
	else
		t.kind = t.size == 1 ? KCONFIG_CHAR : KCONFIG_INT;
	return t;
}

struct kconfig_type kconfig_type(const struct btf *btf, uint32_t type)
{
	uint32_t id = btf_strip_all(btf, type), elem;
	struct kconfig_type t = { .kind = KCONFIG_UNKNOWN };

	switch ((unsigned int)btf_kind(btf, id)) {
	case BTF_INT:
		return int_type(btf, id);
	case BTF_ENUM:
		if (btf_raw_size(btf, id) == 4 && !strcmp(btf_name(btf, id), "libbpf_tristate"))
			t = (struct kconfig_type){ KCONFIG_TRISTATE, 4, 4, false };
		return t;
	case BTF_ARRAY:
		elem = btf_strip_all(btf, btf_array_elem(btf, id));
		if (btf_array_len(btf, id) && btf_kind(btf, elem) == BTF_INT &&
		    int_type(btf, elem).kind == KCONFIG_CHAR)
			t = (struct kconfig_type){ KCONFIG_STRING, btf_array_len(btf, id), 1,
						   false };
		return t;
	default:
		return t;
	}
}

static const char *set_letter(struct kconfig_type type, char letter, void *to, uint64_t *ret_value)
{
	uint64_t value;

	if (type.kind == KCONFIG_CHAR)
		value = (uint8_t)letter;
	else if (type.kind == KCONFIG_TRISTATE)
		value = letter == 'n' ? 0 : letter == 'y' ? 1 : 2;
	else if (type.kind != KCONFIG_BOOL)
		return "its value is y, n or m, which needs a bool, a char or an enum libbpf_tristate";
	else if (letter == 'm')
		return "its value is m, which a bool cannot hold";
	else
		value = letter == 'y';
	bytes_put_uint(to, type.size, value);
	*ret_value = value;
	return NULL;
}

static const char *set_string(struct kconfig_type type, const char *text, void *to)
{
	size_t n = strlen(text);

	if (type.kind != KCONFIG_STRING)
		return "its value is text, which needs an array of char";
	if (n < 2 || text[n - 1] != '"')
		return "its value is text without a closing quote";
	n -= 2;
	if (n > type.size - 1)
		n = type.size - 1; /* cut, as libbpf does */
	memcpy(to, text + 1, n);
	return NULL;
}

static const char *set_number(struct kconfig_type type, const char *text, void *to,
			      uint64_t *ret_value)
{
	unsigned int bits = type.size * 8;
	bool negative = *text == '-';
	uint64_t value, limit;
	char *end;

	if (type.kind != KCONFIG_INT && type.kind != KCONFIG_CHAR && type.kind != KCONFIG_BOOL)
		return "its value is a number, which needs an integer";
	errno = 0;
	value = strtoull(text + negative, &end, 0);
	if (errno || end == text + negative || *end || text[negative] == '-')
		return "its value is no number";
	if (type.kind == KCONFIG_BOOL)
		limit = 1;
	else if (type.is_signed)
		limit = (1ull << (bits - 1)) - !negative;
	else
		limit = UINT64_MAX >> (64 - bits);
	if (value > limit || (negative && value && !type.is_signed))
		return "its value does not fit into the type";
	if (negative)
		value = -value;
	bytes_put_uint(to, type.size, value);
	*ret_value = value;
	return NULL;
}

const char *kconfig_set(struct kconfig_type type, const char *text, void *to, uint64_t *ret_value)
{
	if ((*text == 'y' || *text == 'n' || *text == 'm') && !text[1])
		return set_letter(type, *text, to, ret_value);
	if (*text == '"')
		return set_string(type, text, to);
	return set_number(type, text, to, ret_value);
}
