// SPDX-License-Identifier: Apache-2.0
/* Strings. */
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
