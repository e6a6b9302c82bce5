// SPDX-License-Identifier: Apache-2.0
/*
 * The helpers that conformance vectors call by number: a handful of functions that uBPF's tests
 * brought along, written anew. Addresses are checked like the program's own accesses.
 */
#include "cli/cli.h"

#define UNUSED __attribute__((unused))

/* Five bytes side by side, so that a vector sees each argument. */
static uint64_t gather_bytes(void *ctx UNUSED, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
			     uint64_t e)
{
	return (a & 255) << 32 | (b & 255) << 24 | (c & 255) << 16 | (d & 255) << 8 | (e & 255);
}

/* As memfrob(3): every byte exclusive-or 42. */
static uint64_t frob(void *state, uint64_t addr, uint64_t len, uint64_t c UNUSED, uint64_t d UNUSED,
		     uint64_t e UNUSED)
{
	unsigned char *p = skep_vm_memory(state, addr, len, 1);

	for (uint64_t i = 0; p && i < len; i++)
		p[i] ^= 42;
	return addr;
}

/* For vectors about the registers that a call may spoil. */
static uint64_t nothing(void *ctx UNUSED, uint64_t a UNUSED, uint64_t b UNUSED, uint64_t c UNUSED,
			uint64_t d UNUSED, uint64_t e UNUSED)
{
	return 0;
}

static uint64_t root(void *ctx UNUSED, uint64_t a, uint64_t b UNUSED, uint64_t c UNUSED,
		     uint64_t d UNUSED, uint64_t e UNUSED)
{
	uint32_t value = (uint32_t)a, r = 0;

	for (uint32_t bit = 1u << 15; bit; bit >>= 1)
		if ((uint64_t)(r | bit) * (r | bit) <= value)
			r |= bit;
	return r;
}

/* As strcmp(3), with its sign in all 64 bits. */
static uint64_t compare(void *state, uint64_t a, uint64_t b, uint64_t c UNUSED, uint64_t d UNUSED,
			uint64_t e UNUSED)
{
	const unsigned char *p, *q;

	do {
		p = skep_vm_memory(state, a++, 1, 0);
		q = p ? skep_vm_memory(state, b++, 1, 0) : NULL;
		if (!q)
			return 0;
	} while (*p && *p == *q);
	return (uint64_t)((int64_t)*p - *q);
}

/* Its result is its argument; 0 also ends the program. */
static uint64_t unwind(void *state, uint64_t a, uint64_t b UNUSED, uint64_t c UNUSED,
		       uint64_t d UNUSED, uint64_t e UNUSED)
{
	if (!a)
		skep_vm_end(state, 0);
	return a;
}

const struct skep_vm_helper exec_helpers[] = {
	{ .id = 0, .name = "gather_bytes", .fn = gather_bytes },
	{ .id = 1, .name = "memfrob", .fn = frob },
	{ .id = 2, .name = "no_op", .fn = nothing },
	{ .id = 3, .name = "sqrti", .fn = root },
	{ .id = 4, .name = "strcmp_ext", .fn = compare },
	{ .id = 5, .name = "unwind", .fn = unwind },
	{ 0 },
};
