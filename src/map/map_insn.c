// SPDX-License-Identifier: Apache-2.0
/*
 * Instruction arrays, for indirect jumps (struct bpf_insn_array_value of the UAPI since 6.19): user space writes which instruction of
 * a program an entry means, and freezes the map; loading the program says where that instruction came to lie. Entries always
 * exist, the other words are the engine's.
 */
#include "map/internal.h"

#include "map/object.h"

struct insn_value {
	uint32_t original, rewritten, compiled, hole;
};

int map_check_insns(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, 0, reterr);

	if (r < 0)
		return r;
	if (attr->key_size != 4)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "a key of 4 bytes", attr->key_size);
	if (attr->value_size != sizeof(struct insn_value))
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value of 16 bytes",
				  attr->value_size);
	if (!attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries", 0);
	return 0;
}

static int init(struct map *map, struct skep_error **reterr)
{
	int r = map_take_values(map, map->attr.max_entries, 0, reterr);

	if (r == 0)
		map->sh->entries = map->attr.max_entries;
	return r;
}

static struct insn_value *at(struct map *map, uint32_t index)
{
	return index < map->attr.max_entries ?
		       (struct insn_value *)(void *)(map->values + index * map->stride) :
		       NULL;
}

static int user_lookup(struct map *map, const void *key, void *value)
{
	const struct insn_value *v = at(map, map_index(key));

	if (!v)
		return -ENOENT;
	memcpy(value, v, sizeof(*v));
	return 0;
}

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	struct insn_value *v = at(map, map_index(key)), now;

	if (flags > MAP_EXIST)
		return -EINVAL;
	if (!v)
		return -E2BIG;
	if (flags == MAP_NOEXIST)
		return -EEXIST;
	memcpy(&now, value, sizeof(now));
	if (now.rewritten || now.compiled)
		return -EINVAL;
	__atomic_store_n(&v->original, now.original, __ATOMIC_RELAXED);
	return 0;
}

int map_insn_set(struct map *map, uint32_t index, uint32_t rewritten, uint32_t compiled)
{
	struct insn_value *v = map->attr.type == MAP_INSN_ARRAY ? at(map, index) : NULL;

	if (!v)
		return -EINVAL;
	__atomic_store_n(&v->rewritten, rewritten, __ATOMIC_RELAXED);
	__atomic_store_n(&v->compiled, compiled, __ATOMIC_RELAXED);
	return 0;
}

const struct map_ops map_insn_ops = {
	.size = sizeof(struct map),
	.check = map_check_insns,
	.untyped = true,
	.init = init,
	.lookup = map_refuse_lookup,
	.update = map_refuse_update,
	.remove = map_refuse_remove,
	.next_key = map_index_next,
	.user_lookup = user_lookup,
	.user_update = user_update,
};
