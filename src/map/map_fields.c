// SPDX-License-Identifier: Apache-2.0
/*
 * Special fields of values (kernel documents bpf/map_*.rst, bpf/kfuncs.rst; BTF tags of libbpf's bpf_helpers.h): structs
 * of the kernel's names, and pointers with a type tag. Copies go around them. Plain bytes are written by words where
 * both sides are aligned, because others may read them meanwhile.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "map/internal.h"

#define MAX_DEPTH 8
#define MAX_REPEATS 16u

static const struct {
	const char *name;
	uint32_t kind, size;
} structs[] = {
	{ "bpf_spin_lock", MAP_FIELD_SPIN_LOCK, 4 },
	{ "bpf_res_spin_lock", MAP_FIELD_RES_SPIN_LOCK, 4 },
	{ "bpf_timer", MAP_FIELD_TIMER, 16 },
	{ "bpf_wq", MAP_FIELD_WORKQUEUE, 16 },
	{ "bpf_task_work", MAP_FIELD_TASK_WORK, 8 },
	{ "bpf_list_head", MAP_FIELD_LIST_HEAD, 16 },
	{ "bpf_list_node", MAP_FIELD_LIST_NODE, 24 },
	{ "bpf_rb_root", MAP_FIELD_RB_ROOT, 16 },
	{ "bpf_rb_node", MAP_FIELD_RB_NODE, 32 },
	{ "bpf_refcount", MAP_FIELD_REFCOUNT, 4 },
};

static const struct {
	const char *tag;
	uint32_t kind;
} pointers[] = {
	{ "kptr_untrusted", MAP_FIELD_KPTR },
	{ "kptr", MAP_FIELD_KPTR_REF },
	{ "percpu_kptr", MAP_FIELD_KPTR_PERCPU },
	{ "uptr", MAP_FIELD_UPTR },
};

/* Finding --------------------------------------------------------------------------------------------- */

struct search {
	const struct btf *btf;
	struct map_fields *out;
	uint32_t depth;
	bool unsound; /* too many, or not what the kernel takes */
};

static struct map_field *add(struct search *s, uint32_t kind, uint32_t off, uint32_t size)
{
	struct map_field *f;

	if (s->out->n == MAP_MAX_FIELDS) {
		s->unsound = true;
		return NULL;
	}
	f = &s->out->list[s->out->n++];
	*f = (struct map_field){ .kind = kind, .off = off, .size = size };
	s->out->kinds |= kind;
	return f;
}

static void find_pointer(struct search *s, uint32_t id, uint32_t off)
{
	uint32_t tag = btf_ref_type(s->btf, id);

	while (tag && (btf_kind(s->btf, tag) == BTF_CONST || btf_kind(s->btf, tag) == BTF_VOLATILE))
		tag = btf_ref_type(s->btf, tag);
	if (!tag || btf_kind(s->btf, tag) != BTF_TYPE_TAG)
		return;
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		struct map_field *f;

		if (strcmp(btf_name(s->btf, tag), pointers[i].tag) != 0)
			continue;
		f = add(s, pointers[i].kind, off, 8);
		if (f)
			f->type = btf_strip_all(s->btf, tag);
		if (f && btf_kind(s->btf, f->type) != BTF_STRUCT)
			s->unsound = true;
	}
}

/* "contains:TYPE:MEMBER": what a list or tree is made of. */
static void read_contains(const struct btf *b, const char *text, struct map_field *f)
{
	const char *sep = strchr(text, ':');
	char type[64];

	if (!sep || (size_t)(sep - text) >= sizeof(type))
		return;
	memcpy(type, text, (size_t)(sep - text));
	type[sep - text] = '\0';
	f->type = btf_find(b, type, BTF_STRUCT, 0);
	for (uint32_t i = 0; f->type && i < btf_vlen(b, f->type); i++) {
		struct btf_member m = btf_member(b, f->type, i);

		if (m.name && strcmp(m.name, sep + 1) == 0)
			f->node_off = m.bit_off / 8;
	}
}

/* Of member @index of @owner, or of the variable @owner. */
static void find_contains(const struct btf *b, uint32_t owner, int32_t index, struct map_field *f)
{
	for (uint32_t id = 1; id < btf_count(b); id++) {
		if (btf_kind(b, id) != BTF_DECL_TAG || btf_ref_type(b, id) != owner ||
		    btf_decl_tag_index(b, id) != index ||
		    strncmp(btf_name(b, id), "contains:", 9) != 0)
			continue;
		read_contains(b, btf_name(b, id) + 9, f);
		return;
	}
}

static void find_inside(struct search *s, uint32_t id, uint32_t off);

struct owner {
	uint32_t type;
	int32_t member; /* -1: a variable */
};

static bool find_struct(struct search *s, uint32_t id, uint32_t off, struct owner owner)
{
	for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
		struct map_field *f;

		if (strcmp(btf_name(s->btf, id), structs[i].name) != 0 ||
		    btf_size(s->btf, id) != structs[i].size)
			continue;
		f = add(s, structs[i].kind, off, structs[i].size);
		if (f && f->kind & (MAP_FIELD_LIST_HEAD | MAP_FIELD_RB_ROOT))
			find_contains(s->btf, owner.type, owner.member, f);
		return true;
	}
	return false;
}

static void find_type(struct search *s, uint32_t type, uint32_t off, struct owner owner)
{
	const struct btf *b = s->btf;
	uint32_t id = btf_strip_all(b, type);

	if (btf_kind(b, id) == BTF_PTR) {
		find_pointer(s, id, off);
	} else if (btf_kind(b, id) == BTF_STRUCT || btf_kind(b, id) == BTF_DATASEC) {
		if (!find_struct(s, id, off, owner))
			find_inside(s, id, off);
	} else if (btf_kind(b, id) == BTF_ARRAY) {
		uint64_t size = btf_size(b, btf_array_elem(b, id));
		uint32_t n = (uint32_t)num_min(btf_array_len(b, id), MAX_REPEATS);

		for (uint32_t i = 0; i < n && size && !s->unsound; i++)
			find_type(s, btf_array_elem(b, id), off + (uint32_t)(i * size), owner);
	}
}

static void find_inside(struct search *s, uint32_t id, uint32_t off)
{
	const struct btf *b = s->btf;
	bool section = btf_kind(b, id) == BTF_DATASEC;

	if (s->depth == MAX_DEPTH)
		return;
	s->depth++;
	for (uint32_t i = 0; i < btf_vlen(b, id) && !s->unsound; i++) {
		if (section) {
			struct btf_secinfo v = btf_secinfo(b, id, i);

			find_type(s, btf_ref_type(b, v.type), off + v.offset,
				  (struct owner){ v.type, -1 });
		} else {
			struct btf_member m = btf_member(b, id, i);

			if (!m.bit_size && m.bit_off % 8 == 0)
				find_type(s, m.type, off + m.bit_off / 8,
					  (struct owner){ id, (int32_t)i });
		}
	}
	s->depth--;
}

static int by_offset(const void *a, const void *b)
{
	const struct map_field *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

bool map_fields_find(const struct btf *btf, uint32_t type, struct map_fields *ret)
{
	struct search s = { .btf = btf, .out = ret };

	*ret = (struct map_fields){ 0 };
	if (!btf || !type || type >= btf_count(btf))
		return true;
	find_type(&s, type, 0, (struct owner){ 0, -1 });
	qsort(ret->list, ret->n, sizeof(ret->list[0]), by_offset);
	return !s.unsound;
}

/* Which maps may have which ----------------------------------------------------------------------------- */

/* Else the kernel takes all for plain bytes, and refuses the program that uses it for something else. */
static bool is_sound(const struct map_fields *f)
{
	const uint32_t single = MAP_FIELD_SPIN_LOCK | MAP_FIELD_RES_SPIN_LOCK | MAP_FIELD_TIMER |
				MAP_FIELD_WORKQUEUE | MAP_FIELD_TASK_WORK | MAP_FIELD_REFCOUNT;
	uint32_t seen = 0;

	for (uint32_t i = 0; i < f->n; i++) {
		if (f->list[i].kind & seen & single)
			return false;
		seen |= f->list[i].kind;
	}
	return !(seen & (MAP_FIELD_LIST_HEAD | MAP_FIELD_RB_ROOT)) ||
	       seen & (MAP_FIELD_SPIN_LOCK | MAP_FIELD_RES_SPIN_LOCK);
}

static int check(const struct map *map, const struct map_fields *f, struct skep_error **reterr)
{
	const struct map_attr *attr = &map->attr;

	if (attr->flags & (MAP_F_RDONLY_PROG | MAP_F_WRONLY_PROG))
		return skep_fail(reterr, &ERR_FIELD_ACCESS, map_place(attr), "'%s'", attr->name);
	if (f->kinds & ~map->ops->fields)
		return skep_fail(reterr, &ERR_FIELD_TYPE, map_place(attr),
				 "'%s' is of type %s, its values have fields of kinds 0x%x",
				 attr->name, spec_map_type_name((int)attr->type),
				 f->kinds & ~map->ops->fields);
	return 0;
}

int map_take_fields(struct map *map, struct skep_error **reterr)
{
	const struct map_attr *attr = &map->attr;
	struct map_fields found;
	int r;

	if (!attr->btf || !attr->value_type || !attr->key_size || map->ops->untyped ||
	    !map_fields_find(attr->btf, attr->value_type, &found) || !found.n || !is_sound(&found))
		return 0;
	if (found.list[found.n - 1].off + found.list[found.n - 1].size > attr->value_size)
		return 0; /* they are those of something else */
	r = check(map, &found, reterr);
	if (r < 0)
		return r;
	map->fields = malloc(sizeof(found));
	if (!map->fields)
		return skep_fail_nomem(reterr);
	*map->fields = found;
	return 0;
}

const struct map_fields *map_fields(const struct map *map)
{
	return map->fields;
}

/* Copying ------------------------------------------------------------------------------------------------ */

static void put_bytes(uint8_t *to, const uint8_t *from, uint32_t size)
{
	for (; size && (uintptr_t)to % 8; size--)
		__atomic_store_n(to++, from ? *from++ : 0, __ATOMIC_RELAXED);
	for (; size >= 8; size -= 8, to += 8, from += from ? 8 : 0)
		__atomic_store_n((uint64_t *)(void *)to, from ? bytes_u64(from, false) : 0,
				 __ATOMIC_RELAXED);
	for (; size; size--)
		__atomic_store_n(to++, from ? *from++ : 0, __ATOMIC_RELAXED);
}

static void get_bytes(uint8_t *to, const uint8_t *from, uint32_t size)
{
	for (; size && (uintptr_t)from % 8; size--)
		*to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
	for (; size >= 8; size -= 8, to += 8, from += 8) {
		uint64_t word =
			__atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);

		memcpy(to, &word, 8);
	}
	for (; size; size--)
		*to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
}

void map_put_value(const struct map *map, void *to, const void *from, bool fresh)
{
	const struct map_fields *f = map->fields;
	uint8_t *out = to;
	const uint8_t *in = from;
	uint32_t at = 0;

	for (uint32_t i = 0; f && i < f->n; i++) {
		const struct map_field *x = &f->list[i];

		put_bytes(out + at, in + at, x->off - at);
		at = x->off + x->size;
		if (fresh)
			put_bytes(out + x->off, NULL, x->size);
	}
	put_bytes(out + at, in + at, map->attr.value_size - at);
}

static uint32_t *lock_of(const struct map *map, const void *value)
{
	for (uint32_t i = 0; i < map->fields->n; i++)
		if (map->fields->list[i].kind == MAP_FIELD_SPIN_LOCK)
			return (uint32_t *)((uintptr_t)value + map->fields->list[i].off);
	return NULL;
}

void map_put_locked(const struct map *map, void *to, const void *from)
{
	uint32_t *lock = lock_of(map, to);

	map_spin_lock(lock);
	map_put_value(map, to, from, false);
	map_spin_unlock(lock);
}

void map_get_value(const struct map *map, void *to, const void *from, bool locked)
{
	const struct map_fields *f = map->fields;
	uint32_t *lock = locked ? lock_of(map, from) : NULL;

	if (lock)
		map_spin_lock(lock);
	get_bytes(to, from, map->attr.value_size);
	if (lock)
		map_spin_unlock(lock);
	for (uint32_t i = 0; f && i < f->n; i++)
		memset((uint8_t *)to + f->list[i].off, 0, f->list[i].size);
}

/* Releasing ---------------------------------------------------------------------------------------------- */

/* Nodes belong to the lists that they are in; locks and counts hold nothing. */
#define HOLDERS                                                                              \
	(MAP_FIELD_TIMER | MAP_FIELD_WORKQUEUE | MAP_FIELD_TASK_WORK | MAP_FIELD_KPTR |      \
	 MAP_FIELD_KPTR_REF | MAP_FIELD_KPTR_PERCPU | MAP_FIELD_UPTR | MAP_FIELD_LIST_HEAD | \
	 MAP_FIELD_RB_ROOT)

void map_on_release(struct map *map, map_release_fn fn, void *ctx)
{
	map->release = fn;
	map->release_ctx = ctx;
	if (map->inside)
		map_on_release(map->inside, fn, ctx);
}

static bool is_zero(const uint8_t *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (__atomic_load_n(&bytes[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

void map_release_value(struct map *map, void *value)
{
	const struct map_fields *f = map->fields;

	for (uint32_t i = 0; f && i < f->n; i++) {
		uint8_t *at = (uint8_t *)value + f->list[i].off;

		if (!(f->list[i].kind & HOLDERS) || is_zero(at, f->list[i].size))
			continue;
		if (map->release && f->list[i].kind != MAP_FIELD_KPTR)
			map->release(map->release_ctx, map, &f->list[i], at);
		else
			put_bytes(at, NULL, f->list[i].size);
	}
}

void map_release_cpus(struct map *map, void *values, uint32_t ncpus)
{
	for (uint32_t cpu = 0; cpu < ncpus; cpu++)
		map_release_value(map, (uint8_t *)values + (uint64_t)cpu * map->vstride);
}

/* Locks of programs: the number of the process that holds it, so that one whose holder died is taken over. --- */

#define PATIENCE 1000u

void map_spin_lock(uint32_t *lock)
{
	uint32_t me = (uint32_t)getpid(), holder;

	for (unsigned int tries = 1;; tries++) {
		holder = 0;
		if (__atomic_compare_exchange_n(lock, &holder, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		if (tries % PATIENCE == 0 && holder && holder != me && kill((pid_t)holder, 0) < 0 &&
		    errno == ESRCH &&
		    __atomic_compare_exchange_n(lock, &holder, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		if (tries % 64 == 0)
			sched_yield();
	}
}

void map_spin_unlock(uint32_t *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}
