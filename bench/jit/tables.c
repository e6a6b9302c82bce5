// SPDX-License-Identifier: Apache-2.0
/*
 * What the workloads call natively, and the same as helpers of our engines: a function that does next to
 * nothing, an array, and a plain hash table (open addressing, linear probing, never full, nothing is removed).
 */
#include "jit/engine.h"

#include <string.h>

#define SLOTS 2048

struct slot {
	uint64_t key, value;
	bool used;
};

static uint64_t array[TABLE_SIZE];
static struct slot slots[SLOTS];

static struct slot *find(uint64_t key)
{
	uint64_t i = key * 0x9e3779b97f4a7c15ull >> 53;

	while (slots[i].used && slots[i].key != key)
		i = (i + 1) % SLOTS;
	return &slots[i];
}

uint64_t bench_trivial(uint64_t a)
{
	return a;
}

uint64_t *bench_array_at(const uint32_t *key)
{
	return *key < TABLE_SIZE ? &array[*key] : NULL;
}

uint64_t *bench_hash_at(const uint64_t *key)
{
	struct slot *s = find(*key);

	return s->used ? &s->value : NULL;
}

uint64_t bench_hash_put(const uint64_t *key, const uint64_t *value)
{
	struct slot *s = find(*key);

	*s = (struct slot){ *key, *value, true };
	return 0;
}

#define UNUSED __attribute__((unused))
#define REST UNUSED uint64_t c, UNUSED uint64_t d, UNUSED uint64_t e

static uint64_t trivial(UNUSED void *ctx, uint64_t a, UNUSED uint64_t b, REST)
{
	return a;
}

static uint64_t array_at(UNUSED void *ctx, uint64_t a, UNUSED uint64_t b, REST)
{
	return (uint64_t)(uintptr_t)bench_array_at((const uint32_t *)(uintptr_t)a);
}

static uint64_t hash_at(UNUSED void *ctx, uint64_t a, UNUSED uint64_t b, REST)
{
	return (uint64_t)(uintptr_t)bench_hash_at((const uint64_t *)(uintptr_t)a);
}

static uint64_t hash_put(UNUSED void *ctx, uint64_t a, uint64_t b, REST)
{
	return bench_hash_put((const uint64_t *)(uintptr_t)a, (const uint64_t *)(uintptr_t)b);
}

const struct exec_custom bench_helpers[BENCH_HELPERS] = {
	{ .id = 1, .name = "trivial", .fn = trivial, .args = { ARG_ANY } },
	{ .id = 2, .name = "array_at", .fn = array_at, .args = { ARG_ANY } },
	{ .id = 3, .name = "hash_at", .fn = hash_at, .args = { ARG_ANY } },
	{ .id = 4, .name = "hash_put", .fn = hash_put, .args = { ARG_ANY, ARG_ANY } },
};

void bench_tables_fill(void)
{
	for (uint64_t key = 0; key < TABLE_SIZE; key++)
		bench_hash_put(&key, &key);
}

int bench_tables_allow(struct exec_run *run)
{
	const struct exec_region regions[] = {
		{ .base = (uint64_t)(uintptr_t)array,
		  .size = sizeof(array),
		  .kind = REGION_MEM,
		  .writable = true,
		  .name = "array" },
		{ .base = (uint64_t)(uintptr_t)slots,
		  .size = sizeof(slots),
		  .kind = REGION_MEM,
		  .writable = true,
		  .name = "hash" },
	};
	int r = exec_region_add(run, &regions[0]);

	return r < 0 ? r : exec_region_add(run, &regions[1]);
}
