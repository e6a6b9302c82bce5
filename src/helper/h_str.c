// SPDX-License-Identifier: Apache-2.0
/* Strings. */
#include <ctype.h>
#include <stdio.h>

#include "helper/internal.h"

BODY(strncmp)
{
	const unsigned char *s = pointer(a1), *t = pointer(a3);

	for (uint32_t i = 0; i < (uint32_t)a2; i++) {
		if (s[i] != t[i])
			return result(s[i] < t[i] ? -1 : 1);
		if (!s[i])
			break;
	}
	return 0;
}

/* Numbers in text: blanks, a sign, a prefix when the base is open; the bytes that they took. ---------------- */

#define BASE_MASK 31u
#define LONGEST 63u

static int digit(unsigned char c, unsigned int base)
{
	int v = isdigit(c) ? c - '0' : isalpha(c) ? tolower(c) - 'a' + 10 : 99;

	return v < (int)base ? v : -1;
}

static unsigned int find_base(const char **at, unsigned int base)
{
	const char *p = *at;

	if (base == 0)
		base = p[0] != '0'							    ? 10 :
		       tolower((unsigned char)p[1]) == 'x' && isxdigit((unsigned char)p[2]) ? 16 :
											      8;
	if (base == 16 && p[0] == '0' && tolower((unsigned char)p[1]) == 'x')
		*at += 2;
	return base;
}

static int64_t parse_number(const char *text, uint32_t size, uint64_t flags, uint64_t *ret,
			    bool *ret_minus)
{
	unsigned int base = flags & BASE_MASK;
	char copy[LONGEST + 1];
	const char *at = copy;
	uint32_t skipped = 0, n = 0;
	uint64_t v = 0;
	bool over = false;
	int d;

	if ((base != 0 && base != 8 && base != 10 && base != 16) || flags & ~(uint64_t)BASE_MASK)
		return -EINVAL;
	while (skipped < size && isspace((unsigned char)text[skipped]))
		skipped++;
	*ret_minus = skipped < size && text[skipped] == '-';
	skipped += *ret_minus;
	if (skipped >= size)
		return -EINVAL;
	snprintf(copy, sizeof(copy), "%.*s", (int)num_min(size - skipped, LONGEST), text + skipped);
	base = find_base(&at, base);
	for (; (d = digit((unsigned char)at[n], base)) >= 0; n++)
		over |= __builtin_mul_overflow(v, (uint64_t)base, &v) ||
			__builtin_add_overflow(v, (uint64_t)d, &v);
	if (over)
		return -ERANGE;
	if (!n)
		return -EINVAL;
	*ret = v;
	return skipped + (at - copy) + n;
}

BODY(strtol)
{
	uint64_t v = 0;
	bool minus = false;
	int64_t r = parse_number(pointer(a1), (uint32_t)a2, a3, &v, &minus);

	if (r >= 0 && v > (uint64_t)INT64_MAX + minus)
		r = -ERANGE;
	v = r < 0 ? 0 : minus ? -v : v;
	memcpy(pointer(a4), &v, sizeof(v));
	return result(r);
}

BODY(strtoul)
{
	uint64_t v = 0;
	bool minus = false;
	int64_t r = parse_number(pointer(a1), (uint32_t)a2, a3, &v, &minus);

	if (r >= 0 && minus)
		r = -EINVAL;
	v = r < 0 ? 0 : v;
	memcpy(pointer(a4), &v, sizeof(v));
	return result(r);
}
