// SPDX-License-Identifier: Apache-2.0
/*
 * Strings (kernel document bpf/kfuncs.rst): reads that fail instead of faulting, -EFAULT or -ERANGE for memory that is
 * not the kernel's, -E2BIG for a string that does not end within LIMIT bytes. Positions are numbers, -ENOENT says
 * that there is none. The answers are those of Linux 6.18 (tests/unit/kfunc_oracle_test.c).
 */
#include <ctype.h>

#include "helper/internal.h"

#define LIMIT 65536u

/* A string that is read from front to back, or from a position on. */
struct text {
	struct exec_run *run;
	uint64_t base, from, left; /* [from, from + left) can be read */
};

/* The byte at @i, or a negative errno. */
static int at(struct text *t, uint64_t i)
{
	uint64_t addr = t->base + i;
	struct exec_region region;
	uint8_t byte;
	int r;

	if (addr - t->from < t->left)
		return *(const uint8_t *)pointer(addr);
	if (exec_region_find(t->run, addr, &region) && !region.ctx) {
		t->from = region.base;
		t->left = region.size;
		return *(const uint8_t *)pointer(addr);
	}
	r = mem_read_kernel(t->run, &byte, addr, 1);
	return r < 0 ? r : byte;
}

#define TEXT(addr) ((struct text){ .run = run, .base = (addr) })

static int64_t length(struct text s, uint64_t max)
{
	for (uint64_t i = 0; i < LIMIT; i++) {
		int c;

		if (i == max)
			return (int64_t)i;
		c = at(&s, i);
		if (c <= 0)
			return c < 0 ? c : (int64_t)i;
	}
	return -E2BIG;
}

static int64_t compare(struct text a, struct text b, bool fold)
{
	for (uint64_t i = 0; i < LIMIT; i++) {
		int x = at(&a, i), y = at(&b, i);

		if (x < 0 || y < 0)
			return x < 0 ? x : y;
		if (fold) {
			x = tolower(x);
			y = tolower(y);
		}
		if (x != y)
			return x < y ? -1 : 1;
		if (!x)
			return 0;
	}
	return -E2BIG;
}

/* The first @c within @max bytes; the NUL is one of the bytes. */
static int64_t find_char(struct text s, uint64_t max, uint8_t c, bool or_end)
{
	for (uint64_t i = 0; i < LIMIT; i++) {
		int x;

		if (i == max)
			return -ENOENT;
		x = at(&s, i);
		if (x < 0)
			return x;
		if (x == c || (!x && or_end))
			return (int64_t)i;
		if (!x)
			return -ENOENT;
	}
	return -E2BIG;
}

static int64_t find_last(struct text s, uint8_t c)
{
	int64_t last = -ENOENT;

	for (uint64_t i = 0; i < LIMIT; i++) {
		int x = at(&s, i);

		if (x < 0)
			return x;
		if (x == c)
			last = (int64_t)i;
		if (!x)
			return last;
	}
	return -E2BIG;
}

/* How many bytes at the start of @s are in @set, or are not. */
static int64_t span(struct text s, struct text set, bool in)
{
	for (uint64_t i = 0; i < LIMIT; i++) {
		int x = at(&s, i);
		int64_t there;

		if (x <= 0)
			return x < 0 ? x : (int64_t)i;
		there = find_char(set, UINT64_MAX, (uint8_t)x, false);
		if (there < 0 && there != -ENOENT)
			return there;
		if ((there >= 0) != in)
			return (int64_t)i;
	}
	return -E2BIG;
}

/* 1: @part stands at @i of @s; 0: not; 2: @s ends before @part does; or a negative errno. */
static int stands_at(struct text *s, uint64_t i, uint64_t max, struct text *part)
{
	for (uint64_t k = 0; k < LIMIT; k++) {
		int y = at(part, k), x;

		if (y <= 0)
			return y < 0 ? y : 1;
		if (i + k >= max)
			return 2;
		x = at(s, i + k);
		if (x < 0)
			return x;
		if (!x)
			return 2;
		if (x != y)
			return 0;
	}
	return -E2BIG;
}

static int64_t find_text(struct text s, struct text part, uint64_t max)
{
	for (uint64_t i = 0; i < LIMIT; i++) {
		int r = stands_at(&s, i, max, &part);

		if (r)
			return r == 1 ? (int64_t)i : r == 2 ? -ENOENT : r;
	}
	return -E2BIG;
}

KBODY(bpf_strlen)
{
	return (uint32_t)length(TEXT(a1), UINT64_MAX);
}

KBODY(bpf_strnlen)
{
	return (uint32_t)length(TEXT(a1), a2);
}

KBODY(bpf_strcmp)
{
	return (uint32_t)compare(TEXT(a1), TEXT(a2), false);
}

KBODY(bpf_strcasecmp)
{
	return (uint32_t)compare(TEXT(a1), TEXT(a2), true);
}

KBODY(bpf_strchr)
{
	return (uint32_t)find_char(TEXT(a1), UINT64_MAX, (uint8_t)a2, false);
}

KBODY(bpf_strchrnul)
{
	return (uint32_t)find_char(TEXT(a1), UINT64_MAX, (uint8_t)a2, true);
}

KBODY(bpf_strnchr)
{
	return (uint32_t)find_char(TEXT(a1), a2, (uint8_t)a3, false);
}

KBODY(bpf_strrchr)
{
	return (uint32_t)find_last(TEXT(a1), (uint8_t)a2);
}

KBODY(bpf_strspn)
{
	return (uint32_t)span(TEXT(a1), TEXT(a2), true);
}

KBODY(bpf_strcspn)
{
	return (uint32_t)span(TEXT(a1), TEXT(a2), false);
}

KBODY(bpf_strstr)
{
	return (uint32_t)find_text(TEXT(a1), TEXT(a2), UINT64_MAX);
}

KBODY(bpf_strnstr)
{
	return (uint32_t)find_text(TEXT(a1), TEXT(a2), a3);
}
