// SPDX-License-Identifier: Apache-2.0
/*
 * Operations of the kernel that programs take over (kernel document bpf/prog_struct_ops.rst, struct bpf_struct_ops_value): one value, whose
 * type is a structure that begins with a reference count and a state, then the operations' own structure `data`. User space
 * writes it once, with descriptors of programs where the structure has functions; that registers it. Deleting takes it
 * back, unless a link does (BPF_F_LINK).
 */
#include <stdlib.h>

#include "map/world.h"

#define F_LINK (1u << 13)
#define F_BTF_FD (1u << 15)
#define MAX_MEMBERS 128u

enum state {
	STATE_INIT,
	STATE_INUSE,
	STATE_TOBEFREE,
	STATE_READY,
};

struct head {
	uint32_t refs, state;
};

struct operation {
	uint32_t offset; /* in `data` */
	void *prog;
	uint32_t id;
};

struct struct_ops {
	struct map map;
	uint32_t data_off;
	uint32_t n;
	struct operation *list;
	uint32_t state;
};

int map_check_struct_ops(const struct map_attr *attr, struct skep_error **reterr)
{
	int r = map_check_flags(attr, F_LINK | F_BTF_FD, reterr);

	if (r < 0)
		return r;
	if (attr->key_size != 4)
		return map_refuse(reterr, &ERR_KEY_SIZE, attr, "a key of 4 bytes", attr->key_size);
	if (attr->max_entries != 1)
		return map_refuse(reterr, &ERR_ENTRIES, attr, "max_entries of 1",
				  attr->max_entries);
	if (!attr->btf || !attr->value_type)
		return skep_fail(reterr, &ERR_NEEDS_BTF, map_place(attr),
				 "'%s' is of type struct_ops and has none", attr->name);
	if (attr->value_size < sizeof(struct head) ||
	    btf_size(attr->btf, attr->value_type) != attr->value_size)
		return map_refuse(reterr, &ERR_VALUE_SIZE, attr, "a value of its type's size",
				  attr->value_size);
	return 0;
}

static bool is_function(const struct btf *b, uint32_t type)
{
	uint32_t id = btf_strip_all(b, type);

	return btf_kind(b, id) == BTF_PTR &&
	       btf_kind(b, btf_strip_all(b, btf_ref_type(b, id))) == BTF_FUNC_PROTO;
}

/* The functions of the value's last member, `data`. */
static int find_operations(struct struct_ops *s, struct skep_error **reterr)
{
	const struct btf *b = s->map.attr.btf;
	uint32_t value = btf_strip_all(b, s->map.attr.value_type), data, n;
	struct btf_member m;

	if (btf_kind(b, value) != BTF_STRUCT || !btf_vlen(b, value))
		return map_refuse(reterr, &ERR_VALUE_SIZE, &s->map.attr, "a structure",
				  s->map.attr.value_size);
	m = btf_member(b, value, btf_vlen(b, value) - 1);
	data = btf_strip_all(b, m.type);
	s->data_off = m.bit_off / 8;
	n = btf_kind(b, data) == BTF_STRUCT ? btf_vlen(b, data) : 0;
	s->list = calloc(n ? n : 1, sizeof(*s->list));
	if (!s->list)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < n; i++) {
		m = btf_member(b, data, i);
		if (is_function(b, m.type) && s->n < MAX_MEMBERS &&
		    s->data_off + m.bit_off / 8 + 8 <= s->map.attr.value_size)
			s->list[s->n++].offset = m.bit_off / 8;
	}
	return 0;
}

static int init(struct map *map, struct skep_error **reterr)
{
	int r = find_operations((struct struct_ops *)map, reterr);

	return r < 0 ? r : map_take_values(map, 1, 0, reterr);
}

static void put_progs(struct struct_ops *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->list[i].prog)
			s->map.world->ops.put_prog(s->list[i].prog);
		s->list[i].prog = NULL;
		s->list[i].id = 0;
	}
}

static void done(struct map *map)
{
	struct struct_ops *s = (struct struct_ops *)map;

	if (s->list)
		put_progs(s);
	free(s->list);
}

static int take_progs(struct struct_ops *s, const uint8_t *data)
{
	struct map_world *w = s->map.world;

	for (uint32_t i = 0; i < s->n; i++) {
		struct operation *op = &s->list[i];
		int fd = (int)bytes_u64(data + op->offset, false), r;

		if (!fd)
			continue;
		r = w->ops.prog(w->ctx, MAP_STRUCT_OPS, fd, &op->prog, &op->id);
		if (r < 0)
			return r;
	}
	return 0;
}

/* With the world locked. */
static int install(struct struct_ops *s, const void *value)
{
	uint8_t *to = s->map.values;
	int r = take_progs(s, (const uint8_t *)value + s->data_off);

	if (r < 0) {
		put_progs(s);
		return r;
	}
	memcpy(to, value, s->map.attr.value_size);
	for (uint32_t i = 0; i < s->n; i++) {
		uint64_t id = s->list[i].id;

		memcpy(to + s->data_off + s->list[i].offset, &id, sizeof(id));
	}
	s->map.sh->entries = 1;
	__atomic_store_n(&s->state, s->map.attr.flags & F_LINK ? STATE_READY : STATE_INUSE,
			 __ATOMIC_RELEASE);
	return 0;
}

static int user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	struct struct_ops *s = (struct struct_ops *)map;
	struct head head;
	int r;

	if (flags)
		return -EINVAL;
	if (map_index(key))
		return -E2BIG;
	memcpy(&head, value, sizeof(head));
	if (head.refs || head.state)
		return -EINVAL;
	world_lock(map->world);
	r = s->state == STATE_INIT ? install(s, value) : -EBUSY;
	world_unlock(map->world);
	return r;
}

/* Before it is registered all is zero. */
static int user_lookup(struct map *map, const void *key, void *value)
{
	struct struct_ops *s = (struct struct_ops *)map;
	struct head head = { 0 };

	if (map_index(key))
		return -ENOENT;
	world_lock(map->world);
	head.state = s->state;
	if (s->state == STATE_INIT)
		memset(value, 0, map->attr.value_size);
	else
		memcpy(value, map->values, map->attr.value_size);
	memcpy(value, &head, sizeof(head));
	world_unlock(map->world);
	return 0;
}

static int user_remove(struct map *map, const void *key)
{
	struct struct_ops *s = (struct struct_ops *)map;
	int r = 0;

	(void)key;
	if (map->attr.flags & F_LINK)
		return -EOPNOTSUPP;
	world_lock(map->world);
	if (s->state == STATE_INUSE) {
		__atomic_store_n(&s->state, STATE_TOBEFREE, __ATOMIC_RELEASE);
		map->sh->entries = 0;
	} else {
		r = s->state == STATE_TOBEFREE ? -EINPROGRESS : -ENOENT;
	}
	world_unlock(map->world);
	return r;
}

static int next_key(struct map *map, const void *key, void *next)
{
	uint32_t zero = 0;

	(void)map;
	if (key && !map_index(key))
		return -ENOENT;
	memcpy(next, &zero, sizeof(zero));
	return 0;
}

static bool is_registered(const struct map *map)
{
	uint32_t state;

	if (map->attr.type != MAP_STRUCT_OPS)
		return false;
	state = __atomic_load_n(&((const struct struct_ops *)map)->state, __ATOMIC_ACQUIRE);
	return state == STATE_INUSE || state == STATE_READY;
}

void *map_struct_ops_prog(struct map *map, uint32_t offset)
{
	const struct struct_ops *s = (const struct struct_ops *)map;

	for (uint32_t i = 0; is_registered(map) && i < s->n; i++)
		if (s->list[i].offset == offset)
			return s->list[i].prog;
	return NULL;
}

const void *map_struct_ops_data(const struct map *map)
{
	return is_registered(map) ? map->values + ((const struct struct_ops *)map)->data_off : NULL;
}

const struct map_ops map_struct_ops_ops = {
	.size = sizeof(struct struct_ops),
	.check = map_check_struct_ops,
	.untyped = true,
	.init = init,
	.done = done,
	.lookup = map_refuse_lookup,
	.update = map_refuse_update,
	.remove = user_remove,
	.next_key = next_key,
	.user_lookup = user_lookup,
	.user_update = user_update,
	.worldly = true,
};
