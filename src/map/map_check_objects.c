// SPDX-License-Identifier: Apache-2.0
/* What attributes the maps of objects take (map_check.c has the others, and the rules of both). */
#include "map/internal.h"

#define MAX_STORAGE (UINT16_MAX - 128u) /* of a value that hangs on an object */
#define MAX_KEY 512u			/* of a sockhash: what a program's stack holds */
#define MAX_BUCKETS (1u << 27)
#define FLAGS (MAP_F_NUMA_NODE | MAP_F_RDONLY | MAP_F_WRONLY)

static int check_key(const struct map_attr *attr, struct skep_error **reterr)
{
	if (attr->key_size == 4)
		return 0;
	return map_refuse(reterr, &ERR_KEY_SIZE, attr, "a key of 4 bytes", attr->key_size);
}

static int check_entries(const struct map_attr *attr, struct skep_error **reterr)
{
	return attr->max_entries ? 0 : map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries", 0);
}

/* A descriptor of 4 bytes, or with something beside it, or itself 8. */
static int check_4_or_8(const struct map_attr *attr, struct skep_error **reterr)
{
	if (attr->value_size == 4 || attr->value_size == 8)
		return 0;
	return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value of 4 or 8 bytes",
			  attr->value_size);
}

int map_check_dev(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, FLAGS, reterr);

	if (r == 0)
		r = check_entries(attr, reterr);
	if (r == 0)
		r = check_key(attr, reterr);
	if (r == 0)
		r = check_4_or_8(attr, reterr);
	if (r == 0 && attr->type == MAP_DEVMAP_HASH && attr->max_entries > 1u << 31)
		r = map_refuse(reterr, &ERR_ENTRIES, attr, "at most 2^31 entries",
			       attr->max_entries);
	return r;
}

int map_check_cpu(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, MAP_F_NUMA_NODE, reterr);

	if (r == 0)
		r = check_entries(attr, reterr);
	if (r == 0)
		r = check_key(attr, reterr);
	if (r == 0)
		r = check_4_or_8(attr, reterr);
	if (r == 0 && attr->max_entries > MAP_MAX_CPUS)
		r = skep_fail(reterr, &ERR_TOO_MANY, map_place(attr),
			      "'%s' has %u entries, there are at most %u CPUs", attr->name,
			      attr->max_entries, MAP_MAX_CPUS);
	return r;
}

static int check_sock_key(const struct map_attr *attr, struct skep_error **reterr)
{
	if (attr->type != MAP_SOCKHASH)
		return check_key(attr, reterr);
	if (!attr->key_size)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "a key size", 0);
	if (attr->key_size > MAX_KEY)
		return skep_fail(reterr, &ERR_ELEMENT_LARGE, map_place(attr),
				 "a key of '%s' has %u bytes, at most %u", attr->name,
				 attr->key_size, MAX_KEY);
	if (attr->max_entries > MAX_BUCKETS)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "at most 2^27 entries",
				  attr->max_entries);
	return 0;
}

int map_check_socks(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, FLAGS, reterr);

	if (r == 0)
		r = check_entries(attr, reterr);
	if (r == 0)
		r = check_4_or_8(attr, reterr);
	if (r == 0 && attr->type == MAP_XSKMAP && attr->value_size != 4)
		r = map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value of 4 bytes",
			       attr->value_size);
	return r < 0 ? r : check_sock_key(attr, reterr);
}

int map_check_reuseport(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, MAP_F_NUMA_NODE | MAP_ACCESS_FLAGS, reterr);

	if (r == 0)
		r = check_entries(attr, reterr);
	if (r == 0)
		r = check_key(attr, reterr);
	return r < 0 ? r : check_4_or_8(attr, reterr);
}

int map_check_cgroup_storage(const struct map_attr *attr, struct skep_error **reterr)
{
	uint32_t most = map_is_percpu(attr->type) ? MAP_MAX_PERCPU : MAX_STORAGE;

	if (attr->map_extra)
		return map_check_flags(attr, UINT32_MAX, reterr);
	if (attr->key_size != 8 && attr->key_size != 16)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr,
				  "a key of 8 bytes, or of 16 with the attach type",
				  attr->key_size);
	if (!attr->value_size)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value size", 0);
	if (attr->value_size > most)
		return skep_fail(reterr, &ERR_ELEMENT_LARGE, map_place(attr),
				 "a value of '%s' has %u bytes, at most %u", attr->name,
				 attr->value_size, most);
	if (attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "no max_entries", attr->max_entries);
	return map_check_flags(attr, MAP_F_NUMA_NODE | MAP_ACCESS_FLAGS, reterr);
}

int map_check_storage(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, MAP_F_NO_PREALLOC | MAP_F_CLONE, reterr);

	if (r < 0)
		return r;
	if (!(attr->flags & MAP_F_NO_PREALLOC))
		return skep_fail(reterr, &ERR_FLAGS, map_place(attr),
				 "'%s' of type %s needs BPF_F_NO_PREALLOC", attr->name,
				 spec_map_type_name((int)attr->type));
	if (attr->max_entries)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "no max_entries", attr->max_entries);
	r = check_key(attr, reterr);
	if (r < 0)
		return r;
	if (!attr->value_size)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value size", 0);
	if (!attr->key_type || !attr->value_type)
		return skep_fail(reterr, &ERR_NEEDS_BTF, map_place(attr),
				 "'%s' is of type %s and has none", attr->name,
				 spec_map_type_name((int)attr->type));
	if (attr->value_size > MAX_STORAGE)
		return skep_fail(reterr, &ERR_ELEMENT_LARGE, map_place(attr),
				 "a value of '%s' has %u bytes, at most %u", attr->name,
				 attr->value_size, MAX_STORAGE);
	return 0;
}
