// SPDX-License-Identifier: Apache-2.0
/*
 * Arenas (kernel documents bpf/map_arena in the UAPI header and bpf/kfuncs.rst): pages at one address for programs and
 * their reader, which programs take and give back. All of it lies within one stretch of 4 GiB, for a pointer is its
 * lower half there, and is mapped from the start: memory comes when it is touched, is zero when it is
 * taken, and goes when it is given back. So no access in an arena faults; what is stored in a page that nobody took
 * is lost when it is taken, where the kernel loses it at once. Around it lie GUARD bytes more, for a null
 * pointer that was cast and for offsets that lead out.
 */
#include "map/internal.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOW (1ull << 32)
#define GUARD (1ull << 16)

struct arena_map {
	struct map map;
	struct map_lock lock;
	void *reserved;
	uint64_t reserved_size;
	uint64_t page;
	uint64_t *taken; /* a bit a page */
	uint32_t next;	 /* where the search goes on */
};

int map_check_arena(const struct map_attr *attr, struct skep_error **reterr)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), size = attr->max_entries * page;

	if (!(attr->flags & MAP_F_MMAPABLE) || attr->flags & ~MAP_ARENA_FLAGS)
		return skep_fail(
			reterr, &ERR_FLAGS, map_place(attr),
			"'%s' of type arena has 0x%x, it needs BPF_F_MMAPABLE and may have "
			"BPF_F_SEGV_ON_FAULT and BPF_F_NO_USER_CONV",
			attr->name, attr->flags);
	if (attr->key_size)
		return skep_fail(reterr, &ERR_KEY_SIZE, map_place(attr),
				 "'%s' of type arena needs no key, has %u", attr->name,
				 attr->key_size);
	if (attr->value_size)
		return skep_fail(reterr, &ERR_VALUE_SIZE, map_place(attr),
				 "'%s' of type arena needs no value, has %u", attr->name,
				 attr->value_size);
	if (!attr->max_entries)
		return skep_fail(reterr, &ERR_ENTRIES, map_place(attr),
				 "'%s' of type arena needs max_entries, its pages", attr->name);
	if (attr->map_extra % page)
		return skep_fail(reterr, &ERR_EXTRA, map_place(attr),
				 "'%s' is to lie at 0x%llx, no multiple of a page", attr->name,
				 (unsigned long long)attr->map_extra);
	if (size > WINDOW)
		return skep_fail(reterr, &ERR_TOO_MANY, map_place(attr),
				 "'%s' has %u pages, more than 4 GiB", attr->name,
				 attr->max_entries);
	if (attr->map_extra && attr->map_extra / WINDOW != (attr->map_extra + size - 1) / WINDOW)
		return skep_fail(reterr, &ERR_ARENA_WINDOW, map_place(attr),
				 "'%s' is to lie from 0x%llx on", attr->name,
				 (unsigned long long)attr->map_extra);
	return 0;
}

static void *reserve(void *at, uint64_t size, int flags)
{
	void *mem = mmap(at, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* Where the declaration says, or at the start of a window, behind the null pointer's guard when there is room. */
static bool place(struct arena_map *a, uint64_t size)
{
	uint64_t head = size + 2 * GUARD <= WINDOW ? GUARD : 0, base, start, want;
	uint8_t *mem;

	if (a->map.attr.map_extra) {
		a->reserved = reserve((void *)(uintptr_t)a->map.attr.map_extra, size,
				      MAP_FIXED_NOREPLACE);
		a->reserved_size = size;
		a->map.values = a->reserved;
		return a->reserved;
	}
	want = head + size + GUARD;
	mem = reserve(NULL, want + WINDOW, 0);
	if (!mem)
		return false;
	start = (uint64_t)(uintptr_t)mem;
	base = (start + WINDOW - 1) & ~(WINDOW - 1);
	if (base > start)
		munmap(mem, base - start);
	munmap((void *)(uintptr_t)(base + want), start + WINDOW - base);
	a->reserved = (void *)(uintptr_t)base;
	a->reserved_size = want;
	a->map.values = (uint8_t *)a->reserved + head;
	return true;
}

static int init(struct map *map, struct skep_error **reterr)
{
	struct arena_map *a = (struct arena_map *)map;

	a->page = (uint64_t)sysconf(_SC_PAGESIZE);
	map->values_size = map->attr.max_entries * a->page;
	a->taken = calloc((map->attr.max_entries + 63) / 64, sizeof(*a->taken));
	if (!a->taken)
		return skep_fail_nomem(reterr);
	map->stride = map->values_size;
	if (!place(a, map->values_size))
		return skep_fail(reterr, &ERR_MAPPING, map_place(&map->attr),
				 "'%s' asked for %u pages%s: %s", map->attr.name,
				 map->attr.max_entries,
				 map->attr.map_extra ? " where its declaration says" : "",
				 strerror(errno));
	return 0;
}

static void done(struct map *map)
{
	struct arena_map *a = (struct arena_map *)map;

	if (a->reserved)
		munmap(a->reserved, a->reserved_size);
	map->values = NULL;
	free(a->taken);
}

static bool is_taken(const struct arena_map *a, uint32_t page)
{
	return a->taken[page / 64] >> (page % 64) & 1;
}

static void mark(struct arena_map *a, uint32_t page, bool take)
{
	uint64_t bit = 1ull << (page % 64);

	a->taken[page / 64] = take ? a->taken[page / 64] | bit : a->taken[page / 64] & ~bit;
}

/* The end of the free pages from @at on, @n at most. */
static uint32_t free_until(const struct arena_map *a, uint32_t at, uint32_t n)
{
	uint32_t i = at;

	while (i - at < n && i < a->map.attr.max_entries && !is_taken(a, i))
		i++;
	return i;
}

/* The first of @n free pages in a row within [from, to), or UINT32_MAX. */
static uint32_t search(const struct arena_map *a, uint32_t from, uint32_t to, uint32_t n)
{
	while (from < to) {
		uint32_t end = free_until(a, from, n);

		if (end - from == n)
			return from;
		from = end + 1;
	}
	return UINT32_MAX;
}

static uint64_t take(struct arena_map *a, uint32_t at, uint32_t n)
{
	uint8_t *mem = a->map.values + at * a->page;

	for (uint32_t i = 0; i < n; i++)
		mark(a, at + i, true);
	map_count(&a->map.sh->entries, n);
	a->map.memory += n * a->page;
	/* What was stored there while nobody had taken it. */
	madvise(mem, n * a->page, MADV_DONTNEED);
	return (uintptr_t)mem;
}

uint64_t map_arena_alloc(struct map *map, uint64_t addr, uint32_t pages)
{
	struct arena_map *a = (struct arena_map *)map;
	uint64_t limit = map->attr.memory_limit ? map->attr.memory_limit : MAP_DEFAULT_MEMORY;
	uint64_t off = (uint32_t)(addr - (uintptr_t)map->values), ret = 0;
	uint32_t at = UINT32_MAX;

	if (!pages || pages > map->attr.max_entries)
		return 0;
	map_lock(map, &a->lock);
	if (addr && off % a->page == 0 && off / a->page <= map->attr.max_entries - pages &&
	    free_until(a, (uint32_t)(off / a->page), pages) == off / a->page + pages)
		at = (uint32_t)(off / a->page);
	if (!addr)
		at = search(a, a->next, map->attr.max_entries, pages);
	if (!addr && at == UINT32_MAX)
		at = search(a, 0, a->next, pages);
	if (at != UINT32_MAX && map->memory + pages * a->page <= limit) {
		ret = take(a, at, pages);
		a->next = at + pages;
	}
	map_unlock(&a->lock);
	if (!ret)
		map_count(&map->sh->full, 1);
	return ret;
}

int map_arena_reserve(struct map *map, uint64_t addr, uint32_t pages)
{
	struct arena_map *a = (struct arena_map *)map;
	uint64_t off = (uint32_t)(addr - (uintptr_t)map->values), at = off / a->page;
	int r = 0;

	if (!pages)
		return 0;
	if (off % a->page || pages > map->attr.max_entries || at > map->attr.max_entries - pages)
		return -EINVAL;
	map_lock(map, &a->lock);
	if (free_until(a, (uint32_t)at, pages) != at + pages)
		r = -EBUSY;
	else
		take(a, (uint32_t)at, pages);
	map_unlock(&a->lock);
	return r;
}

void map_arena_free(struct map *map, uint64_t addr, uint32_t pages)
{
	struct arena_map *a = (struct arena_map *)map;
	uint64_t off = (uint32_t)(addr - (uintptr_t)map->values);
	uint32_t first = (uint32_t)(off / a->page);

	if (off % a->page || off >= map->values_size)
		return;
	pages = (uint32_t)num_min(pages, map->attr.max_entries - first);
	map_lock(map, &a->lock);
	for (uint32_t i = first; i < first + pages; i++) {
		if (!is_taken(a, i))
			continue;
		mark(a, i, false);
		map_count(&map->sh->entries, -1);
		map->memory -= a->page;
	}
	madvise(map->values + off, pages * a->page, MADV_DONTNEED);
	a->next = (uint32_t)num_min(a->next, first);
	map_unlock(&a->lock);
}

/* Programs and user space reach it by address alone. */
static void *lookup(struct map *map, const void *key, uint32_t cpu)
{
	(void)map, (void)key, (void)cpu;
	return NULL;
}

static int next_key(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -EOPNOTSUPP;
}

static int refuse_remove(struct map *map, const void *key)
{
	(void)map, (void)key;
	return -EOPNOTSUPP;
}

static int refuse_update(struct map *map, const void *key, const void *value, uint64_t flags,
			 uint32_t cpu)
{
	(void)map, (void)key, (void)value, (void)flags, (void)cpu;
	return -EOPNOTSUPP;
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	(void)map, (void)key, (void)value;
	return -EINVAL;
}

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	return -EOPNOTSUPP;
}

const struct map_ops map_arena_ops = {
	.size = sizeof(struct arena_map),
	.check = map_check_arena,
	.init = init,
	.done = done,
	.lookup = lookup,
	.update = refuse_update,
	.remove = refuse_remove,
	.next_key = next_key,
	.user_lookup = user_lookup,
	.user_update = user_update,
};
