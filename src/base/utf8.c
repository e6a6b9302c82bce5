// SPDX-License-Identifier: Apache-2.0
/* Safe text; see utf8.h. Invariant: the output is valid UTF-8 of one line, without control characters. */
#include "base/utf8.h"

#include <stdint.h>

/* The code point of a lead byte's class, how many bytes follow, and the least value that needs them. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	size_t more = s[0] < 0x80	    ? 0 :
		      (s[0] & 0xe0) == 0xc0 ? 1 :
		      (s[0] & 0xf0) == 0xe0 ? 2 :
		      (s[0] & 0xf8) == 0xf0 ? 3 :
					      4;
	uint32_t c;

	if (more == 4 || more >= len)
		return 0;
	c = more ? s[0] & (0x3fu >> more) : s[0];
	for (size_t i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return more + 1;
}

size_t utf8_char(const char *s, size_t len)
{
	uint32_t c;

	return len ? decode((const unsigned char *)s, len, &c) : 0;
}

bool utf8_valid(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n)
		if (!(n = utf8_char(s + i, len - i)))
			return false;
	return true;
}

static bool shows(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

void utf8_escape(struct buf *out, const char *s, size_t len)
{
	static const char named[] = "\nn\rr\tt";

	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c = 0;
		size_t k;

		n = decode((const unsigned char *)s + i, len - i, &c);
		if (n && shows(c)) {
			buf_add(out, s + i, n);
			continue;
		}
		for (k = 0; n == 1 && k < sizeof(named) - 1 && named[k] != s[i]; k += 2)
			;
		if (n == 1 && k < sizeof(named) - 1) {
			buf_printf(out, "\\%c", named[k + 1]);
			continue;
		}
		n = n ? n : 1;
		for (k = 0; k < n; k++)
			buf_printf(out, "\\x%02x", (unsigned char)s[i + k]);
	}
}
