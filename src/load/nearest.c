// SPDX-License-Identifier: Apache-2.0
/*
 * The section name that was probably meant: the one of the table with the smallest edit distance
 * (Levenshtein, two rows of the matrix) to the part of @name before the first '/', if that is small.
 */
#include <string.h>

#include "base/num.h"
#include "load/internal.h"

enum { LONGEST = 48 };

static unsigned int distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned int row[LONGEST + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = (unsigned int)num_min(num_min(row[j], row[j - 1]) + 1, change);
		}
	}
	return row[m];
}

const char *nearest_section(const char *name)
{
	size_t n = strcspn(name, "/");
	unsigned int best = (unsigned int)(n / 3) + 2;
	const char *ret = NULL;

	if (n > LONGEST)
		return NULL;
	for (size_t i = 0; i < spec_section_count(); i++) {
		const char *prefix = spec_section_at(i)->prefix;
		size_t m = strlen(prefix);
		unsigned int d;

		if (m > LONGEST)
			continue;
		d = distance(name, n, prefix, m);
		if (d < best) {
			best = d;
			ret = prefix;
		}
	}
	return ret;
}
