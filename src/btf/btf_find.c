// SPDX-License-Identifier: Apache-2.0
/*
 * Types by name. Names may share their tails in the string section, so hashing each by itself could
 * cost types times strings; instead one pass from the section's end hashes every tail at once, each
 * from the one that is a character shorter. Buckets are chained in ascending order of ids.
 */
#include "btf/internal.h"

#define HASH_START 2166136261u

static uint32_t hash_char(uint32_t h, char c)
{
	return (h ^ (uint8_t)c) * 16777619u;
}

static uint32_t hash_end(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x7feb352du;
	return h ^ h >> 15;
}

static uint32_t hash_name(const char *name)
{
	uint32_t h = HASH_START;

	for (size_t i = strlen(name); i > 0; i--)
		h = hash_char(h, name[i - 1]);
	return hash_end(h);
}

/* The hash of the string at every offset. */
static void hash_tails(const struct btf *btf, uint32_t *tails)
{
	uint32_t h = HASH_START;

	for (uint32_t i = btf->strings_size; i > 0; i--) {
		char c = btf->strings[i - 1];

		h = c ? hash_char(h, c) : HASH_START;
		tails[i - 1] = h;
	}
}

int btf_index_names(struct btf *btf, struct skep_error **reterr)
{
	struct arena scratch;
	uint32_t *tails, size = 1;

	while (size < btf->count && size < 1u << 31)
		size *= 2;
	arena_init(&scratch, 0);
	tails = ARENA_ARRAY(&scratch, uint32_t, btf->strings_size);
	btf->heads = ARENA_ARRAY(&btf->arena, uint32_t, size);
	btf->hash = ARENA_ARRAY(&btf->arena, uint32_t, btf->count);
	btf->next = ARENA_ARRAY(&btf->arena, uint32_t, btf->count);
	if (!tails || !btf->heads || !btf->hash || !btf->next) {
		arena_done(&scratch);
		return skep_fail_nomem(reterr);
	}
	btf->mask = size - 1;
	hash_tails(btf, tails);
	for (uint32_t id = btf->count - 1; id > 0; id--) {
		uint32_t off = btf_words(btf, id)[W_NAME];

		btf->hash[id] = hash_end(tails[off]);
		if (!btf->strings[off])
			continue;
		btf->next[id] = btf->heads[btf->hash[id] & btf->mask];
		btf->heads[btf->hash[id] & btf->mask] = id;
	}
	arena_done(&scratch);
	return 0;
}

uint32_t btf_find(const struct btf *btf, const char *name, enum btf_kind kind, uint32_t after)
{
	uint32_t h = hash_name(name), id;

	if (!*name || after >= btf->count)
		return 0;
	/* Going on from a type of the same name needs no walk from the bucket's head. */
	if (after && btf->hash[after] == h && !strcmp(btf_name(btf, after), name))
		id = btf->next[after];
	else
		id = btf->heads[h & btf->mask];
	for (; id; id = btf->next[id])
		if (id > after && btf->hash[id] == h &&
		    (kind == BTF_VOID || btf_kind(btf, id) == kind) &&
		    !strcmp(btf_name(btf, id), name))
			return id;
	return 0;
}
