// SPDX-License-Identifier: Apache-2.0
/*
 * The directory of a space: a fixed table of records. What a record says it took is the only account of the space's
 * memory, so a maker that died leaves nothing behind but a record whose mark is dead, and that is free again when
 * someone looks. A map is gone when its last user closes it or dies, unless its maker said to keep it.
 */
#include "map/space.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void dir_lock(struct map_space *space)
{
	struct map as = { .me = space->me, .space = space };

	map_lock(&as, &space->head->lock);
}

static void dir_unlock(struct map_space *space)
{
	map_unlock(&space->head->lock);
}

/* Under the directory's lock ------------------------------------------------------------------------- */

static void set_user(struct space_record *r, uint32_t slot, bool on)
{
	uint64_t bit = 1ull << slot % 64;

	if (on)
		r->users[slot / 64] |= bit;
	else
		r->users[slot / 64] &= ~bit;
}

static bool slot_alive(const struct map_space *space, uint32_t slot)
{
	uint32_t generation = space->head->slot[slot].generation;

	return generation && space_alive(space, generation * SPACE_SLOTS + slot);
}

static bool has_users(const struct map_space *space, const struct space_record *r)
{
	for (uint32_t slot = 0; slot < SPACE_SLOTS; slot++)
		if (r->users[slot / 64] >> slot % 64 & 1 && slot_alive(space, slot))
			return true;
	return false;
}

/* Its pages go back to the system, and are zero when someone takes them again. */
static void erase(struct map_space *space, struct space_record *r)
{
	uint32_t n = (uint32_t)num_min(r->nblocks, SPACE_MAP_BLOCKS);

	for (uint32_t i = 0; i < n; i++)
		fallocate(space->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)r->block[i].at, (off_t)r->block[i].bytes);
	r->nblocks = 0;
	memset(r->users, 0, sizeof(r->users));
	memset(r->family, 0, sizeof(r->family));
	__atomic_store_n(&r->state, SPACE_FREE, __ATOMIC_RELEASE);
}

static bool is_unused(const struct map_space *space, const struct space_record *r)
{
	if (r->state == SPACE_MAKING)
		return !space_alive(space, r->maker);
	return r->state == SPACE_LIVE && !r->keep && !has_users(space, r);
}

/* The live record of @name; frees those that nobody uses on the way. */
static struct space_record *find(struct map_space *space, const char *name)
{
	struct space_record *found = NULL;

	for (uint32_t i = 0; i < SPACE_MAPS; i++) {
		struct space_record *r = &space->records[i];

		if (r->state == SPACE_FREE)
			continue;
		if (is_unused(space, r))
			erase(space, r);
		else if (r->state == SPACE_LIVE && !strncmp(r->name, name, SPACE_NAME))
			found = r;
	}
	return found;
}

static bool collides(const struct space_block *b, uint64_t at, uint64_t bytes)
{
	return at < b->at + b->bytes && b->at < at + bytes;
}

/* The first gap of @bytes behind the records; 0: there is none. */
static uint64_t find_gap(const struct map_space *space, uint64_t bytes)
{
	uint64_t at = num_align(SPACE_BLOCKS, space->head->page);
	bool moved = true;

	while (moved && at + bytes <= space->head->limit) {
		moved = false;
		for (uint32_t i = 0; i < SPACE_MAPS; i++) {
			const struct space_record *r = &space->records[i];

			for (uint32_t k = 0; r->state != SPACE_FREE && k < r->nblocks; k++)
				if (collides(&r->block[k], at, bytes)) {
					at = r->block[k].at + r->block[k].bytes;
					moved = true;
				}
		}
	}
	return at + bytes <= space->head->limit ? at : 0;
}

/* Behind all blocks while there is room, then in gaps. */
static uint64_t place_block(struct map_space *space, uint64_t bytes)
{
	struct space_head *head = space->head;
	uint64_t at = head->used;

	if (bytes > head->limit - SPACE_BLOCKS)
		return 0;
	if (bytes > head->limit - at)
		return find_gap(space, bytes);
	head->used = at + bytes;
	return at;
}

void space_forget(struct map_space *space, uint32_t slot)
{
	dir_lock(space);
	for (uint32_t i = 0; i < SPACE_MAPS; i++)
		if (space->records[i].state != SPACE_FREE)
			set_user(&space->records[i], slot, false);
	dir_unlock(space);
}

void space_claim_open(struct map_space *space, uint32_t slot)
{
	dir_lock(space);
	for (struct map *map = space->open; map; map = map->next_open)
		set_user(map->record, slot, true);
	dir_unlock(space);
}

/* Blocks ----------------------------------------------------------------------------------------------- */

static int refuse_record(const struct map *map, const char *what, struct skep_error **reterr)
{
	return skep_fail(reterr, &ERR_SPACE_RECORD, map_place(&map->attr), "'%s': %s",
			 map->attr.name, what);
}

static bool map_at(const struct map_space *space, uint64_t at, uint64_t off, uint64_t bytes)
{
	void *want = (void *)(uintptr_t)(space->head->base + at);
	void *mem = mmap(want, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
			 space->fd, (off_t)off);

	if (mem == MAP_FAILED)
		return false;
	if (mem == want)
		return true;
	munmap(mem, bytes);
	return false;
}

static bool map_block(const struct map_space *space, const struct space_block *b)
{
	uint64_t half = (b->bytes - b->head) / 2;

	if (b->head == UINT64_MAX)
		return map_at(space, b->at, b->at, b->bytes);
	if (!map_at(space, b->at, b->at, b->head + half))
		return false;
	if (map_at(space, b->at + b->head + half, b->at + b->head, half))
		return true;
	munmap((void *)(uintptr_t)(space->head->base + b->at), b->head + half);
	return false;
}

/* What the record says of a block that this map is about to use, checked: the record may be anybody's. */
static int joined_block(const struct map *map, uint64_t bytes, uint64_t head,
			struct space_block *ret, struct skep_error **reterr)
{
	const struct space_record *r = map->record;

	if (map->nblocks >= r->nblocks || r->nblocks > SPACE_MAP_BLOCKS)
		return refuse_record(map, "it has too few blocks", reterr);
	*ret = r->block[map->nblocks];
	if (ret->bytes != bytes || ret->head != head || ret->at < SPACE_BLOCKS ||
	    ret->at % map->space->head->page || ret->at > map->space->head->limit - bytes)
		return refuse_record(map, "a block is not as its declaration says", reterr);
	return 0;
}

static int new_block(struct map *map, uint64_t bytes, uint64_t head, struct space_block *ret,
		     struct skep_error **reterr)
{
	struct map_space *space = map->space;
	struct space_record *r = map->record;

	*ret = (struct space_block){ .bytes = bytes, .head = head };
	dir_lock(space);
	if (r->nblocks < SPACE_MAP_BLOCKS)
		ret->at = place_block(space, bytes);
	if (ret->at) {
		r->block[r->nblocks] = *ret;
		__atomic_store_n(&r->nblocks, r->nblocks + 1, __ATOMIC_RELEASE);
	}
	dir_unlock(space);
	if (!ret->at)
		return skep_fail(reterr, &ERR_SPACE_ROOM, map_place(&map->attr),
				 "'%s' asked for %llu bytes, the space has %llu in all",
				 map->attr.name, (unsigned long long)bytes,
				 (unsigned long long)space->head->limit);
	return 0;
}

int space_take(struct map *map, uint64_t bytes, uint64_t head, void **ret,
	       struct skep_error **reterr)
{
	struct space_block block;
	int r;

	bytes = num_align(bytes ? bytes : 1, map->space->head->page);
	r = map->joined ? joined_block(map, bytes, head, &block, reterr) :
			  new_block(map, bytes, head, &block, reterr);
	if (r < 0)
		return r;
	if (!map_block(map->space, &block))
		return skep_fail(reterr, &ERR_SPACE_ADDRESS, map_place(&map->attr),
				 "'%s' at 0x%llx", map->attr.name,
				 (unsigned long long)(map->space->head->base + block.at));
	map->nblocks++;
	*ret = (void *)(uintptr_t)(map->space->head->base + block.at);
	return 0;
}

/* Maps ------------------------------------------------------------------------------------------------- */

static struct space_record *make_record(struct map_space *space, const struct map_attr *attr)
{
	for (uint32_t i = 0; i < SPACE_MAPS; i++) {
		struct space_record *r = &space->records[i];

		if (r->state != SPACE_FREE)
			continue;
		r->maker = *space->me;
		__atomic_store_n(&r->state, SPACE_MAKING, __ATOMIC_RELEASE);
		memset(r->name, 0, sizeof(r->name));
		memcpy(r->name, attr->name, strlen(attr->name));
		return r;
	}
	return NULL;
}

int space_enter(struct map *map, struct skep_error **reterr)
{
	struct map_space *space = map->space;
	const char *name = map->attr.name;
	bool there;

	if (strlen(name) >= SPACE_NAME)
		return skep_fail(reterr, &ERR_SPACE_ROOM, map_place(&map->attr),
				 "'%s' is a name of %zu bytes, at most %u", name, strlen(name),
				 SPACE_NAME - 1);
	dir_lock(space);
	there = find(space, name) != NULL;
	map->record = there ? NULL : make_record(space, &map->attr);
	dir_unlock(space);
	if (there)
		return skep_fail(reterr, &ERR_SPACE_NAME, map_place(&map->attr), "'%s'", name);
	if (!map->record)
		return skep_fail(reterr, &ERR_SPACE_ROOM, map_place(&map->attr),
				 "'%s' is one map more than the %u that fit", name, SPACE_MAPS);
	return 0;
}

static void list_open(struct map *map)
{
	map->next_open = map->space->open;
	map->space->open = map;
}

void space_publish(struct map *map)
{
	struct space_record *r = map->record;
	const struct map_attr *attr = &map->attr;

	r->type = attr->type;
	r->key_size = attr->key_size;
	r->value_size = attr->value_size;
	r->max_entries = attr->max_entries;
	r->flags = attr->flags;
	r->numa_node = attr->numa_node;
	r->ncpus = attr->ncpus;
	r->map_extra = attr->map_extra;
	r->memory_limit = attr->memory_limit;
	r->keep = attr->keep;
	pthread_mutex_lock(&map->space->lock);
	dir_lock(map->space);
	set_user(r, space_slot_of(*map->me), true);
	__atomic_store_n(&r->state, SPACE_LIVE, __ATOMIC_RELEASE);
	list_open(map);
	dir_unlock(map->space);
	pthread_mutex_unlock(&map->space->lock);
}

/* The space is locked. The declaration is the record's, so that init() asks for the same blocks again. */
static int open_record(struct map_space *space, struct space_record *r, const struct map_attr *like,
		       struct map **ret, struct skep_error **reterr)
{
	char name[SPACE_NAME];
	struct map_attr attr = { .type = r->type,
				 .key_size = r->key_size,
				 .value_size = r->value_size,
				 .max_entries = r->max_entries,
				 .flags = r->flags,
				 .numa_node = r->numa_node,
				 .ncpus = r->ncpus,
				 .map_extra = r->map_extra,
				 .memory_limit = r->memory_limit,
				 .space = space,
				 .keep = r->keep };
	int e;

	if (like) {
		attr.btf = like->btf;
		attr.key_type = like->key_type;
		attr.value_type = like->value_type;
	}
	memcpy(name, r->name, sizeof(name));
	name[sizeof(name) - 1] = 0;
	attr.name = name;
	e = map_join(&attr, r, ret, reterr);
	if (e == 0)
		list_open(*ret);
	return e;
}

/* One that this process has open. */
static struct map *find_open(struct map_space *space, const char *name)
{
	for (struct map *map = space->open; map; map = map->next_open)
		if (!strcmp(map->attr.name, name))
			return map_ref(map);
	return NULL;
}

static int open_there(struct map_space *space, const char *name, const struct map_attr *like,
		      struct map **ret, struct skep_error **reterr)
{
	struct space_record *record;
	int r;

	dir_lock(space);
	record = find(space, name);
	if (record)
		set_user(record, space_slot_of(*space->me), true);
	dir_unlock(space);
	if (!record)
		return skep_fail(reterr, &ERR_SPACE_NO_MAP, SKEP_AT_MAP(NULL, name), "'%s'", name);
	r = open_record(space, record, like, ret, reterr);
	if (r < 0) {
		dir_lock(space);
		set_user(record, space_slot_of(*space->me), false);
		dir_unlock(space);
	}
	return r;
}

/* An LRU map may have rounded its max_entries up. */
static int check_like(const struct map *map, const struct map_attr *like,
		      struct skep_error **reterr)
{
	const struct map_attr *has = &map->attr;

	if (has->type == like->type && has->key_size == like->key_size &&
	    has->value_size == like->value_size && has->flags == like->flags &&
	    (has->max_entries == like->max_entries || has->flags & MAP_F_NO_COMMON_LRU))
		return 0;
	skep_fail(reterr, &ERR_SPACE_DIFFERS, map_place(has),
		  "'%s' is of type %s, key %u, value %u, max_entries %u, flags 0x%x", has->name,
		  spec_map_type_name((int)has->type), has->key_size, has->value_size,
		  has->max_entries, has->flags);
	skep_known(reterr, "asked for: type %s, key %u, value %u, max_entries %u, flags 0x%x",
		   spec_map_type_name((int)like->type), like->key_size, like->value_size,
		   like->max_entries, like->flags);
	return -ERR_SPACE_DIFFERS.code;
}

int map_open(struct map_space *space, const char *name, const struct map_attr *like,
	     struct map **ret, struct skep_error **reterr)
{
	struct map *map;
	int r = 0;

	pthread_mutex_lock(&space->lock);
	map = find_open(space, name);
	if (!map)
		r = open_there(space, name, like, &map, reterr);
	pthread_mutex_unlock(&space->lock);
	if (r == 0 && like)
		r = check_like(map, like, reterr);
	if (r == 0)
		*ret = map;
	else
		map_unref(map);
	return r;
}

void space_leave(struct map *map)
{
	struct map_space *space = map->space;
	struct space_record *r = map->record;

	for (uint32_t i = 0; r && i < map->nblocks; i++)
		munmap((void *)(uintptr_t)(space->head->base + r->block[i].at), r->block[i].bytes);
	if (!r)
		return;
	for (struct map **at = &space->open; *at; at = &(*at)->next_open)
		if (*at == map) {
			*at = map->next_open;
			break;
		}
	dir_lock(space);
	set_user(r, space_slot_of(*space->me), false);
	if (r->state == SPACE_MAKING ? !map->joined : !r->keep && !has_users(space, r))
		erase(space, r);
	dir_unlock(space);
}

int map_space_next(struct map_space *space, uint32_t *at, char *ret_name, size_t size)
{
	int r = -ENOENT;

	dir_lock(space);
	for (; r < 0 && *at < SPACE_MAPS; ++*at) {
		const struct space_record *record = &space->records[*at];

		if (record->state != SPACE_LIVE || is_unused(space, record))
			continue;
		snprintf(ret_name, size, "%.*s", (int)SPACE_NAME, record->name);
		r = 0;
	}
	dir_unlock(space);
	return r;
}
