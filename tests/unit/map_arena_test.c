// SPDX-License-Identifier: Apache-2.0
/*
 * Arenas: which declarations make one (with the kernel's errno, where there is a kernel to ask), and pages against a
 * naive model: a page is free or taken, what is taken is zero.
 */
#include <unistd.h>

#include "check.h"
#include "map/map.h"
#include "oracle.h"

#define MMAPABLE MAP_F_MMAPABLE
#define PAGE 4096u

static const struct {
	const char *name;
	uint32_t key_size, value_size, max_entries, flags;
	uint64_t extra;
	int r;
} decls[] = {
	{ "plain", 0, 0, 10, MMAPABLE, 0, 0 },
	{ "fault", 0, 0, 10, MMAPABLE | MAP_F_SEGV_ON_FAULT, 0, 0 },
	{ "not mmapable", 0, 0, 10, 0, 0, -EINVAL },
	{ "other flag", 0, 0, 10, MMAPABLE | MAP_F_NO_PREALLOC, 0, -EINVAL },
	{ "key", 4, 0, 10, MMAPABLE, 0, -EINVAL },
	{ "value", 0, 8, 10, MMAPABLE, 0, -EINVAL },
	{ "no pages", 0, 0, 0, MMAPABLE, 0, -EINVAL },
	{ "all 4 GiB", 0, 0, 1 << 20, MMAPABLE, 0, 0 },
	{ "more than 4 GiB", 0, 0, (1 << 20) + 1, MMAPABLE, 0, -E2BIG },
	{ "placed", 0, 0, 16, MMAPABLE, 0x200000000000, 0 },
	{ "placed within a page", 0, 0, 16, MMAPABLE, 0x200000000001, -EINVAL },
	{ "placed across a window", 0, 0, 16, MMAPABLE, 0x2000ffff8000, -ERANGE },
};

static struct map *new_arena(uint32_t pages, uint64_t limit)
{
	struct map_attr attr = { .name = "a",
				 .type = MAP_ARENA,
				 .max_entries = pages,
				 .flags = MMAPABLE,
				 .memory_limit = limit };
	struct map *map = NULL;

	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	return map;
}

static void declarations(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(decls); i++) {
		struct map_attr attr = { .name = "a",
					 .type = MAP_ARENA,
					 .key_size = decls[i].key_size,
					 .value_size = decls[i].value_size,
					 .max_entries = decls[i].max_entries,
					 .flags = decls[i].flags,
					 .map_extra = decls[i].extra };
		struct skep_error *err = NULL;
		struct map *map = NULL;

		CHECK_CASE("%s", decls[i].name);
		CHECK_EQ_INT(map_new(&attr, &map, &err), decls[i].r);
		CHECK((decls[i].r == 0) == !err);
		if (map && decls[i].extra)
			CHECK_EQ_INT(map_direct_value(map), decls[i].extra);
		map_unref(map);
		skep_error_free(err);
	}
}

static void declarations_of_the_kernel(void)
{
	if (geteuid() != 0)
		CHECK_SKIP("needs root");
	for (size_t i = 0; i < ARRAY_SIZE(decls); i++) {
		int fd = oracle_map_new(MAP_ARENA, decls[i].key_size, decls[i].value_size,
					decls[i].max_entries, decls[i].flags, decls[i].extra);

		CHECK_CASE("%s", decls[i].name);
		CHECK_EQ_INT(fd < 0 ? fd : 0, decls[i].r);
		if (fd >= 0)
			close(fd);
	}
}

static void one_window(void)
{
	static const uint32_t pages[] = { 1, 1000, (1 << 20) - 32, 1 << 20 };

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct map *map = new_arena(pages[i], 0);
		uint64_t base = map ? map_direct_value(map) : 0, size = 0, from = 0;
		uint64_t last = base + (uint64_t)pages[i] * PAGE - 1;

		CHECK_CASE("%u pages", pages[i]);
		CHECK_EQ_INT(base >> 32, last >> 32);
		CHECK_EQ_INT(base % PAGE, 0);
		if (map)
			map_value_range(map, &from, &size);
		CHECK_EQ_INT(from, base);
		CHECK_EQ_INT(size, (uint64_t)pages[i] * PAGE);
		map_unref(map);
	}
}

#define PAGES 40

static void against_a_model(void)
{
	struct map *map = new_arena(PAGES, 0);
	bool taken[PAGES] = { 0 };
	uint64_t seed = 1, base;
	struct map_stats stats;
	uint32_t count = 0;

	if (!map)
		return;
	base = map_direct_value(map);
	for (int step = 0; step < 20000; step++) {
		uint32_t n, at;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		n = 1 + (uint32_t)(seed >> 33) % 5;
		at = (uint32_t)(seed >> 40) % PAGES;
		if (seed >> 63) {
			map_arena_free(map, base + at * PAGE, n);
			for (uint32_t i = at; i < at + n && i < PAGES; i++)
				taken[i] = false;
		} else {
			bool fits = at + n <= PAGES, fixed = seed >> 62 & 1;
			uint64_t got = map_arena_alloc(map, fixed ? base + at * PAGE : 0, n);

			for (uint32_t i = at; fixed && fits && i < at + n; i++)
				fits = !taken[i];
			if (fixed)
				CHECK_EQ_INT(got, fits ? base + at * PAGE : 0);
			for (uint32_t i = 0; got && i < n; i++) {
				uint64_t *page = (uint64_t *)(uintptr_t)(got + i * PAGE);

				CHECK(!taken[(got - base) / PAGE + i]);
				CHECK_EQ_INT(page[3], 0);
				page[3] = seed;
				taken[(got - base) / PAGE + i] = true;
			}
		}
	}
	for (int i = 0; i < PAGES; i++)
		count += taken[i];
	map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries, count);
	map_arena_free(map, base, PAGES);
	CHECK_EQ_INT(map_arena_alloc(map, 0, PAGES), base);
	map_unref(map);
}

static void limits(void)
{
	struct map *map = new_arena(100, 10 * PAGE);
	struct map_stats stats;

	if (!map)
		return;
	CHECK(map_arena_alloc(map, 0, 10) != 0);
	CHECK_EQ_INT(map_arena_alloc(map, 0, 1), 0);
	map_stats(map, &stats);
	CHECK_EQ_INT(stats.full, 1);
	CHECK_EQ_INT(stats.memory, 10 * PAGE);
	map_arena_free(map, map_direct_value(map) + 1, 10);
	map_arena_free(map, map_direct_value(map) + 1000 * PAGE, 10);
	map_stats(map, &stats);
	CHECK_EQ_INT(stats.entries, 10);
	CHECK_EQ_INT(map_arena_alloc(map, map_direct_value(map) + 99 * PAGE, 2), 0);
	CHECK_EQ_INT(map_arena_alloc(map, map_direct_value(map) + 1, 1), 0);
	map_unref(map);
}

CHECK_MAIN({ "declarations", declarations },
	   { "declarations_of_the_kernel", declarations_of_the_kernel },
	   { "one_window", one_window }, { "against_a_model", against_a_model },
	   { "limits", limits })
