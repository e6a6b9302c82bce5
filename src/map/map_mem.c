// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of maps. It comes straight from the system, is zero, and is not committed before it is touched, so a
 * large map with few entries costs what the entries cost. The limit counts what the map declares, so that it
 * holds whatever programs write later.
 */
#include "map/space.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t map_bytes(uint64_t base, uint64_t n, uint64_t size)
{
	uint64_t product, sum;

	if (!num_mul(n, size, &product) || !num_add(base, product, &sum))
		return UINT64_MAX;
	return sum;
}

int map_over_limit(const struct map *map, uint64_t bytes, struct skep_error **reterr)
{
	const struct map_attr *attr = &map->attr;
	uint64_t limit = attr->memory_limit ? attr->memory_limit : MAP_DEFAULT_MEMORY;

	if (bytes <= limit)
		return 0;
	if (bytes == UINT64_MAX)
		skep_fail(reterr, &ERR_MEMORY, map_place(attr),
			  "'%s' with %u entries would take more than 2^64 bytes, the limit is %llu",
			  attr->name, attr->max_entries, (unsigned long long)limit);
	else
		skep_fail(reterr, &ERR_MEMORY, map_place(attr),
			  "'%s' with %u entries would take %llu bytes, the limit is %llu",
			  attr->name, attr->max_entries, (unsigned long long)bytes,
			  (unsigned long long)limit);
	skep_known(reterr, "key %u bytes, value %u bytes, %u value%s an entry", attr->key_size,
		   attr->value_size, map->ncpus, map->ncpus == 1 ? "" : "s");
	skep_hint(reterr, "lower max_entries, or raise the memory limit");
	return -ERR_MEMORY.code;
}

int map_take(struct map *map, uint64_t bytes, void **ret, struct skep_error **reterr)
{
	uint64_t total;
	void *mem;
	int r;

	if (!num_add(map->memory, bytes, &total))
		total = UINT64_MAX;
	r = map_over_limit(map, total, reterr);
	if (r < 0)
		return r;
	if (map->space) {
		r = space_take(map, bytes, UINT64_MAX, ret, reterr);
		map->memory += r < 0 ? 0 : bytes;
		return r;
	}
	if (!bytes)
		bytes = 1;
	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (mem == MAP_FAILED)
		return skep_fail(reterr, &ERR_MAPPING, map_place(&map->attr),
				 "'%s' asked for %llu bytes: %s", map->attr.name,
				 (unsigned long long)bytes, strerror(errno));
	map->memory = total;
	*ret = mem;
	return 0;
}

void map_give(const struct map *map, void *mem, uint64_t bytes)
{
	if (mem && !map->space) /* a space takes all back at once */
		munmap(mem, bytes ? bytes : 1);
}

int map_take_values(struct map *map, uint64_t count, uint32_t head, struct skep_error **reterr)
{
	uint64_t vstride = num_align(map->attr.value_size, 8);
	void *mem;
	int r;

	if (vstride > UINT32_MAX)
		return map_over_limit(map, UINT64_MAX, reterr);
	map->vstride = (uint32_t)vstride;
	map->value_off = head;
	map->stride = head + vstride * map->ncpus;
	map->values_size = map_bytes(0, count, map->stride);
	r = map_take(map, map->values_size, &mem, reterr);
	if (r < 0) {
		map->values_size = 0;
		return r;
	}
	map->values = mem;
	return 0;
}

uint64_t map_random_seed(const struct map *map)
{
	struct timespec now;
	uint64_t seed;

	if (map->attr.flags & MAP_F_ZERO_SEED)
		return 0;
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
		return seed;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15ull ^ (uintptr_t)map;
}
