// SPDX-License-Identifier: Apache-2.0
/*
 * Histograms of log2 buckets: slot i counts values in [2^i, 2^(i+1)), slot 0 also zero, as BPF programs keep
 * them. Empty slots at both ends are left out.
 */
#include <inttypes.h>
#include <langinfo.h>
#include <string.h>

#include "cli/cli.h"

#define BAR 40

static const char *const words[] = { "slot", "hist", "bucket", "log2" };

bool hist_named(const char *name)
{
	for (size_t i = 0; name && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

bool hist_is(const char *name, const json_t *array)
{
	json_t *v;
	size_t i;

	if (!hist_named(name) || !json_is_array(array) || json_array_size(array) < 4 ||
	    json_array_size(array) > 64)
		return false;
	json_array_foreach((json_t *)array, i,
			   v) if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
	return true;
}

/* 1536 -> "1K": powers of two print exactly. */
static void short_number(uint64_t v, char *out, size_t size)
{
	static const char units[] = " KMGTPE";
	size_t u = 0;

	while (v >= 1024 && v % 1024 == 0 && u < sizeof(units) - 2) {
		v /= 1024;
		u++;
	}
	snprintf(out, size, u ? "%" PRIu64 "%c" : "%" PRIu64, v, units[u]);
}

static bool utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void draw_bar(struct out *o, uint64_t n, uint64_t max, bool blocks)
{
	size_t eighths = max ? (size_t)((double)n * BAR * 8 / (double)max) : 0, i;
	static const char *const parts[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };

	if (n && !eighths)
		eighths = 1;
	for (i = 0; i < eighths / 8; i++)
		fputs(blocks ? "█" : "@", o->f);
	if (blocks && eighths % 8)
		fputs(parts[eighths % 8], o->f);
	else if (n && eighths < 8)
		fputc('.', o->f);
}

void hist_draw(struct out *o, const json_t *array)
{
	size_t first = json_array_size(array), last = 0, i;
	uint64_t max = 0;
	bool blocks = utf8();
	json_t *v;

	json_array_foreach((json_t *)array, i, v)
	{
		uint64_t n = (uint64_t)json_integer_value(v);

		if (!n)
			continue;
		if (first > i)
			first = i;
		last = i;
		if (n > max)
			max = n;
	}
	for (i = first; i <= last && max; i++) {
		uint64_t n = (uint64_t)json_integer_value(json_array_get(array, i));
		char lo[24], hi[24];

		short_number(i ? 1ull << i : 0, lo, sizeof(lo));
		if (i < 63)
			short_number(2ull << i, hi, sizeof(hi));
		else
			snprintf(hi, sizeof(hi), "inf");
		fprintf(o->f, "    [%6s, %6s) %8" PRIu64 " |", lo, hi, n);
		draw_bar(o, n, max, blocks);
		fputc('\n', o->f);
	}
}
