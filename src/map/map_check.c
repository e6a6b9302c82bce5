// SPDX-License-Identifier: Apache-2.0
/*
 * What attributes each type of map takes, with the errno that the kernel answers (bpf(2), bpf/map_*.rst;
 * compared with the kernel by tests/unit/map_oracle_test.c). Refusals happen in the kernel's order where two
 * of them differ in errno.
 */
#include "map/internal.h"

int map_refuse(struct skep_error **reterr, const struct err_def *def, const struct map_attr *attr,
	       const char *needs, uint32_t has)
{
	return skep_fail(reterr, def, map_place(attr), "'%s' of type %s needs %s, has %u",
			 attr->name, spec_map_type_name((int)attr->type), needs, has);
}

int map_check_flags(const struct map_attr *attr, uint32_t allowed, struct skep_error **reterr)
{
	uint32_t both = MAP_F_RDONLY | MAP_F_WRONLY;
	uint32_t prog = MAP_F_RDONLY_PROG | MAP_F_WRONLY_PROG;
	uint32_t flags = attr->flags;
	const char *type = spec_map_type_name((int)attr->type);

	if (flags & ~allowed)
		return skep_fail(reterr, &ERR_FLAGS, map_place(attr),
				 "'%s' of type %s cannot have flag bits 0x%x", attr->name, type,
				 flags & ~allowed);
	if ((flags & both) == both || (flags & prog) == prog)
		return skep_fail(reterr, &ERR_FLAGS, map_place(attr),
				 "'%s' is declared both read-only and write-only", attr->name);
	if (attr->map_extra && attr->type != MAP_BLOOM_FILTER)
		return skep_fail(reterr, &ERR_EXTRA, map_place(attr),
				 "'%s' of type %s cannot have map_extra", attr->name, type);
	return 0;
}

/* Per-CPU memory follows the CPUs, not a node. */
static int check_node(const struct map_attr *attr, bool percpu, struct skep_error **reterr)
{
	if (percpu && attr->flags & MAP_F_NUMA_NODE)
		return skep_fail(reterr, &ERR_FLAGS, map_place(attr),
				 "'%s' is per CPU and cannot have a NUMA node", attr->name);
	return 0;
}

static int check_percpu_size(const struct map_attr *attr, struct skep_error **reterr)
{
	if (num_align(attr->value_size, 8) > MAP_MAX_PERCPU)
		return skep_fail(reterr, &ERR_ELEMENT_LARGE, map_place(attr),
				 "a value of '%s' has %u bytes, per CPU at most %u", attr->name,
				 attr->value_size, MAP_MAX_PERCPU);
	return 0;
}

static int check_any_array(const struct map_attr *attr, uint32_t extra, bool percpu,
			   struct skep_error **reterr)
{
	int r = map_check_flags(attr, MAP_F_NUMA_NODE | MAP_ACCESS_FLAGS | extra, reterr);

	if (r < 0)
		return r;
	if (attr->key_size != 4)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "a key of 4 bytes", attr->key_size);
	if (!attr->value_size)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value size", 0);
	if (!attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries", 0);
	r = check_node(attr, percpu, reterr);
	if (r < 0)
		return r;
	if (attr->value_size > INT32_MAX)
		return skep_fail(reterr, &ERR_ELEMENT_LARGE, map_place(attr),
				 "a value of '%s' has %u bytes", attr->name, attr->value_size);
	return percpu ? check_percpu_size(attr, reterr) : 0;
}

int map_check_array(const struct map_attr *attr, struct skep_error **reterr)
{
	return check_any_array(attr, MAP_F_MMAPABLE | MAP_F_INNER_MAP, false, reterr);
}

int map_check_percpu_array(const struct map_attr *attr, struct skep_error **reterr)
{
	return check_any_array(attr, 0, true, reterr);
}

static int check_fd_value(const struct map_attr *attr, struct skep_error **reterr)
{
	if (attr->value_size != 4)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value of 4 bytes",
				  attr->value_size);
	return 0;
}

int map_check_fds(const struct map_attr *attr, struct skep_error **reterr)
{
	uint32_t prog = MAP_F_RDONLY_PROG | MAP_F_WRONLY_PROG;
	int r = check_fd_value(attr, reterr);

	if (r < 0)
		return r;
	if (attr->flags & prog)
		return skep_fail(reterr, &ERR_FLAGS, map_place(attr),
				 "'%s' of type %s cannot have flag bits 0x%x", attr->name,
				 spec_map_type_name((int)attr->type), attr->flags & prog);
	return check_any_array(attr, attr->type == MAP_PERF_EVENT_ARRAY ? MAP_F_PRESERVE_ELEMS : 0,
			       false, reterr);
}

static int check_element(const struct map_attr *attr, uint64_t head, struct skep_error **reterr)
{
	uint64_t size = (uint64_t)attr->key_size + attr->value_size;

	if (size < MAP_MAX_ELEMENT - head)
		return 0;
	return skep_fail(reterr, &ERR_ELEMENT_LARGE, map_place(attr),
			 "'%s' has keys of %u and values of %u bytes, together at most %llu",
			 attr->name, attr->key_size, attr->value_size,
			 (unsigned long long)(MAP_MAX_ELEMENT - head - 1));
}

int map_check_hash(const struct map_attr *attr, struct skep_error **reterr)
{
	bool lru = attr->type == MAP_LRU_HASH || attr->type == MAP_LRU_PERCPU_HASH;
	bool percpu = map_is_percpu(attr->type);
	bool own_lists = attr->flags & MAP_F_NO_COMMON_LRU;
	uint32_t allowed = MAP_F_NO_PREALLOC | MAP_F_NUMA_NODE | MAP_ACCESS_FLAGS |
			   MAP_F_ZERO_SEED | (lru ? MAP_F_NO_COMMON_LRU : 0);
	int r = map_check_flags(attr, allowed, reterr);

	if (r < 0)
		return r;
	if (lru && attr->flags & MAP_F_NO_PREALLOC)
		return skep_fail(reterr, &ERR_LRU_PREALLOC, map_place(attr), "'%s'", attr->name);
	r = check_node(attr, percpu || own_lists, reterr);
	if (r < 0)
		return r;
	if (!attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries", 0);
	if (!attr->key_size)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "a key size", 0);
	if (!attr->value_size)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value size", 0);
	r = check_element(attr, 48, reterr);
	if (r < 0)
		return r;
	if (attr->max_entries > 1u << 31)
		return skep_fail(reterr, &ERR_TOO_MANY, map_place(attr),
				 "'%s' has %u entries, at most 2^31", attr->name,
				 attr->max_entries);
	return percpu ? check_percpu_size(attr, reterr) : 0;
}

static int check_inner(const struct map_attr *attr, struct skep_error **reterr)
{
	const struct map_attr *inner = attr->inner;

	if (!inner)
		return skep_fail(reterr, &ERR_INNER, map_place(attr), "'%s'", attr->name);
	if (inner->type == MAP_ARRAY_OF_MAPS || inner->type == MAP_HASH_OF_MAPS)
		return skep_fail(reterr, &ERR_INNER_TYPE, map_place(attr),
				 "'%s' holds maps of maps", attr->name);
	return 0;
}

int map_check_inner_array(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_fds(attr, reterr);

	return r < 0 ? r : check_inner(attr, reterr);
}

int map_check_inner_hash(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = check_fd_value(attr, reterr);

	if (r == 0)
		r = map_check_hash(attr, reterr);
	return r < 0 ? r : check_inner(attr, reterr);
}

int map_check_lpm(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, MAP_F_NO_PREALLOC | MAP_F_NUMA_NODE | MAP_ACCESS_FLAGS,
				reterr);

	if (r < 0)
		return r;
	if (!(attr->flags & MAP_F_NO_PREALLOC))
		return skep_fail(reterr, &ERR_FLAGS, map_place(attr),
				 "'%s' of type lpm_trie needs BPF_F_NO_PREALLOC", attr->name);
	if (!attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries", 0);
	if (attr->key_size < 5 || attr->key_size > 4 + 256)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr,
				  "a key of 4 bytes of length and 1 to 256 of data",
				  attr->key_size);
	if (!attr->value_size || attr->value_size > MAP_MAX_ELEMENT - 256 - 40)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value of 1 byte to 4 MiB",
				  attr->value_size);
	return 0;
}

int map_check_ring(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, MAP_F_NUMA_NODE, reterr);

	if (r < 0)
		return r;
	if (attr->key_size)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "no key", attr->key_size);
	if (attr->value_size)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "no value", attr->value_size);
	if (!num_is_pow2(attr->max_entries) || attr->max_entries & 4095)
		return map_refuse(reterr, &ERR_ENTRIES, attr,
				  "max_entries, its bytes, a power of two and whole pages",
				  attr->max_entries);
	return 0;
}

int map_check_queue(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, MAP_F_NUMA_NODE | MAP_ACCESS_FLAGS, reterr);

	if (r < 0)
		return r;
	if (attr->key_size)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "no key", attr->key_size);
	if (!attr->value_size)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value size", 0);
	if (!attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries", 0);
	if (attr->value_size > MAP_MAX_ELEMENT)
		return skep_fail(reterr, &ERR_ELEMENT_LARGE, map_place(attr),
				 "a value of '%s' has %u bytes, at most %u", attr->name,
				 attr->value_size, MAP_MAX_ELEMENT);
	return 0;
}

int map_check_bloom(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, MAP_F_NUMA_NODE | MAP_F_ZERO_SEED | MAP_ACCESS_FLAGS, reterr);

	if (r < 0)
		return r;
	if (attr->map_extra & ~15ull)
		return skep_fail(reterr, &ERR_EXTRA, map_place(attr),
				 "'%s' asks for %llu hash functions, at most 15", attr->name,
				 (unsigned long long)attr->map_extra);
	if (attr->key_size)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "no key", attr->key_size);
	if (!attr->value_size)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value size", 0);
	if (!attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries", 0);
	return 0;
}
