// SPDX-License-Identifier: Apache-2.0
/*
 * Maps of sockets and cgroups: sockmap, sockhash (kernel document bpf/map_sockmap.rst), xskmap (bpf/map_xskmap.rst),
 * reuseport_sockarray, cgroup_array. A slot names an object of the world; the object has a note of the slot, and empties
 * it when it goes. Writers hold the world's lock, programs read slots without one. Slots are an array of pointers, or, for sockhash,
 * the values of a table inside.
 */
#include "map/world.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

struct socks {
	struct map map;
	struct map_object **slot; /* NULL: of the table */
};

static bool is_hash(const struct map *map)
{
	return map->attr.type == MAP_SOCKHASH;
}

static int init(struct map *map, struct skep_error **reterr)
{
	struct socks *s = (struct socks *)map;
	void *mem;
	int r;

	if (is_hash(map))
		return world_table(map, map->attr.key_size, sizeof(struct map_object *),
				   map->attr.max_entries, false, &map->inside, reterr);
	r = map_take(map, map_bytes(0, map->attr.max_entries, sizeof(*s->slot)), &mem, reterr);
	if (r == 0)
		s->slot = mem;
	return r;
}

static struct map_object *find(struct map *map, const void *key)
{
	const struct socks *s = (const struct socks *)map;
	struct map_object *const *at;
	uint32_t index;

	if (is_hash(map)) {
		at = map_lookup(map->inside, key, 0);
		return at ? *at : NULL;
	}
	index = map_index(key);
	return index < map->attr.max_entries ? __atomic_load_n(&s->slot[index], __ATOMIC_ACQUIRE) :
					       NULL;
}

/* Without a look at notes. -E2BIG: a full table. */
static int place(struct map *map, const void *key, struct map_object *now)
{
	struct socks *s = (struct socks *)map;
	int r = 0;

	if (is_hash(map)) {
		r = now ? map_update(map->inside, key, &now, MAP_ANY, 0) :
			  map_delete(map->inside, key);
		map->sh->entries = map->inside->sh->entries;
		map->sh->full = map->inside->sh->full;
	} else {
		map_count(&map->sh->entries, (now != NULL) - (s->slot[map_index(key)] != NULL));
		__atomic_store_n(&s->slot[map_index(key)], now, __ATOMIC_RELEASE);
	}
	return r;
}

static void forget(struct map *map, struct map_object *o, const void *key)
{
	place(map, key, NULL); /* first: the key lies in the note */
	world_drop(o, map, key, map->attr.key_size);
}

static void adopt(struct map *map, const void *key, struct map_object *now)
{
	place(map, key, now);
}

static void done(struct map *map)
{
	struct socks *s = (struct socks *)map;
	struct map_object **at;
	uint8_t key[512];

	if (!s->slot && !map->inside)
		return;
	world_lock(map->world);
	for (uint32_t i = 0; s->slot && map->sh->entries && i < map->attr.max_entries; i++)
		if (s->slot[i]) {
			world_drop(s->slot[i], map, &i, sizeof(i));
			map_count(&map->sh->entries, -1);
		}
	while (map->inside && map_next_key(map->inside, NULL, key) == 0) {
		at = map_lookup(map->inside, key, 0);
		world_drop(*at, map, key, map->attr.key_size);
		map_delete(map->inside, key);
	}
	world_unlock(map->world);
	map_give(map, s->slot, map_bytes(0, map->attr.max_entries, sizeof(*s->slot)));
	map_unref(map->inside);
}

/* Writing, with the world locked ----------------------------------------------------------------------- */

static int put(struct map *map, const void *key, struct map_object *o, uint64_t flags)
{
	struct map_object *old;
	int r;

	if (flags > MAP_EXIST)
		return -EINVAL;
	if (!is_hash(map) && map_index(key) >= map->attr.max_entries)
		return -E2BIG;
	old = find(map, key);
	if (old && flags == MAP_NOEXIST)
		return -EEXIST;
	if (!old && flags == MAP_EXIST)
		return -ENOENT;
	r = world_hold(o, map, key, map->attr.key_size);
	if (r < 0)
		return r;
	r = place(map, key, o);
	if (r < 0)
		world_drop(o, map, key, map->attr.key_size);
	else if (old)
		world_drop(old, map, key, map->attr.key_size);
	return r;
}

/* @missing: what an empty slot answers. */
static int clear(struct map *map, const void *key, int missing)
{
	struct map_object *old;

	world_lock(map->world);
	old = find(map, key);
	if (old) {
		place(map, key, NULL);
		world_drop(old, map, key, map->attr.key_size);
	}
	world_unlock(map->world);
	return old ? 0 : missing;
}

/* The descriptor in a value of 4 or 8 bytes. */
static int descriptor(const struct map *map, const void *value, int *ret)
{
	uint64_t fd = map->attr.value_size == 8 ? bytes_u64(value, false) : bytes_u32(value, false);

	if (map->attr.value_size == 8 && fd > INT32_MAX)
		return -EINVAL;
	*ret = (int)(uint32_t)fd;
	return 0;
}

/* Sockmap, sockhash ------------------------------------------------------------------------------------ */

static int check_sock(const struct map_sock *s)
{
	bool inet = s->family == AF_INET || s->family == AF_INET6;
	bool tcp = inet && s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP;
	bool udp = inet && s->type == SOCK_DGRAM &&
		   (s->protocol == IPPROTO_UDP || s->protocol == IPPROTO_UDPLITE);

	if (tcp)
		return s->state == TCP_ESTABLISHED || s->state == TCP_LISTEN ? 0 : -EOPNOTSUPP;
	if (s->family == AF_UNIX && s->type == SOCK_STREAM)
		return s->state == TCP_ESTABLISHED ? 0 : -EOPNOTSUPP;
	if (s->family == AF_VSOCK)
		return s->type == SOCK_DGRAM || s->state == TCP_ESTABLISHED ||
				       s->state == TCP_LISTEN ?
			       0 :
			       -EOPNOTSUPP;
	if (udp)
		return s->bound ? 0 : -EOPNOTSUPP;
	return s->family == AF_UNIX && s->type == SOCK_DGRAM ? 0 : -EOPNOTSUPP;
}

int map_sock_update(struct map *map, const void *key, struct map_object *sock, uint64_t flags)
{
	int r;

	if ((map->attr.type != MAP_SOCKMAP && !is_hash(map)) || sock->world != map->world ||
	    sock->kind != MAP_OBJECT_SOCK)
		return -EOPNOTSUPP;
	world_lock(map->world);
	r = check_sock(&sock->sock);
	if (r == 0 && world_holds(sock, &map_reuseport_ops))
		r = -EBUSY;
	if (r == 0)
		r = put(map, key, sock, flags);
	world_unlock(map->world);
	return r;
}

static int sock_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	struct map_object *o;
	int fd, r = descriptor(map, value, &fd);

	if (r < 0)
		return r;
	world_lock(map->world);
	r = world_object(map->world, MAP_OBJECT_SOCK, fd, true, &o);
	if (r == 0)
		r = map_sock_update(map, key, o, flags);
	world_unlock(map->world);
	return r;
}

/* The cookie; a value of 4 bytes has no room for it. */
static int cookie(struct map *map, const void *key, void *value)
{
	const struct map_object *o;

	if (map->attr.value_size != 8)
		return -ENOSPC;
	world_lock(map->world);
	o = find(map, key);
	if (o)
		memcpy(value, &o->id, sizeof(o->id));
	world_unlock(map->world);
	return o ? 0 : -ENOENT;
}

static int sock_remove(struct map *map, const void *key)
{
	return clear(map, key, is_hash(map) ? -ENOENT : -EINVAL);
}

static int hash_next(struct map *map, const void *key, void *next)
{
	return map_next_key(map->inside, key, next);
}

/* XSK maps ----------------------------------------------------------------------------------------------- */

static int xsk_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	struct map_object *o;
	int r;

	if (flags > MAP_EXIST)
		return -EINVAL;
	if (map_index(key) >= map->attr.max_entries)
		return -E2BIG;
	world_lock(map->world);
	r = world_object(map->world, MAP_OBJECT_SOCK, (int)bytes_u32(value, false), true, &o);
	if (r == 0 && o->sock.family != AF_XDP)
		r = -EOPNOTSUPP;
	if (r == 0 && find(map, key) != o)
		r = put(map, key, o, flags);
	world_unlock(map->world);
	return r;
}

static int xsk_user_lookup(struct map *map, const void *key, void *value)
{
	(void)map, (void)key, (void)value;
	return -EOPNOTSUPP;
}

static int xsk_remove(struct map *map, const void *key)
{
	if (map_index(key) >= map->attr.max_entries)
		return -EINVAL;
	return clear(map, key, 0);
}

/* Sockets of a SO_REUSEPORT group ------------------------------------------------------------------------- */

static int check_reuseport(struct map *map, const void *key, const struct map_object *o,
			   uint64_t flags)
{
	const struct map_sock *s = &o->sock;
	bool there = find(map, key) != NULL, udp = s->protocol == IPPROTO_UDP;

	if (there && flags == MAP_NOEXIST)
		return -EEXIST;
	if (!there && flags == MAP_EXIST)
		return -ENOENT;
	if ((!udp && s->protocol != IPPROTO_TCP) ||
	    (s->family != AF_INET && s->family != AF_INET6) ||
	    (s->type != SOCK_STREAM && s->type != SOCK_DGRAM))
		return -MAP_ENOTSUPP;
	if (!s->reuseport || !(udp ? s->bound : s->state == TCP_LISTEN))
		return -EINVAL;
	return world_holds(o, &map_reuseport_ops) || world_holds(o, &map_sock_ops) ||
			       world_holds(o, &map_sock_hash_ops) ?
		       -EBUSY :
		       0;
}

static int reuseport_user_update(struct map *map, const void *key, const void *value,
				 uint64_t flags)
{
	struct map_object *o;
	int fd, r;

	if (flags > MAP_EXIST)
		return -EINVAL;
	if (map_index(key) >= map->attr.max_entries)
		return -E2BIG;
	r = descriptor(map, value, &fd);
	if (r < 0)
		return r;
	world_lock(map->world);
	r = world_object(map->world, MAP_OBJECT_SOCK, fd, true, &o);
	if (r == 0)
		r = check_reuseport(map, key, o, flags);
	if (r == 0)
		r = put(map, key, o, flags);
	world_unlock(map->world);
	return r;
}

/* Also of cgroup arrays. */
static int reuseport_remove(struct map *map, const void *key)
{
	if (map_index(key) >= map->attr.max_entries)
		return -E2BIG;
	return clear(map, key, -ENOENT);
}

/* Cgroups -------------------------------------------------------------------------------------------------- */

static int cgroup_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	struct map_object *o;
	int r;

	if (flags != MAP_ANY)
		return -EINVAL;
	if (map_index(key) >= map->attr.max_entries)
		return -E2BIG;
	world_lock(map->world);
	r = world_object(map->world, MAP_OBJECT_CGROUP, (int)bytes_u32(value, false), true, &o);
	if (r == 0)
		r = put(map, key, o, flags);
	world_unlock(map->world);
	return r;
}

/* All ------------------------------------------------------------------------------------------------------ */

static int target(struct map *map, const void *key, struct map_target *ret)
{
	struct map_object *o = find(map, key);

	if (!o)
		return -ENOENT;
	*ret = (struct map_target){ .object = o };
	return 0;
}

/* What programs see of a socket or cgroup is its model's. */
static void *lookup(struct map *map, const void *key, uint32_t cpu)
{
	const struct map_object *o = find(map, key);

	(void)cpu;
	return o ? o->model : NULL;
}

#define SOCK_OPS(check_fn, update_fn, lookup_fn, remove_fn, next_fn)                         \
	{                                                                                    \
		.size = sizeof(struct socks), .check = check_fn, .init = init, .done = done, \
		.lookup = lookup, .update = map_refuse_update, .remove = remove_fn,          \
		.next_key = next_fn, .user_lookup = lookup_fn, .user_update = update_fn,     \
		.worldly = true, .untyped = true, .forget = forget, .adopt = adopt,          \
		.target = target,                                                            \
	}

const struct map_ops map_sock_ops =
	SOCK_OPS(map_check_socks, sock_user_update, cookie, sock_remove, map_index_next);
const struct map_ops map_sock_hash_ops =
	SOCK_OPS(map_check_socks, sock_user_update, cookie, sock_remove, hash_next);
const struct map_ops map_xsk_ops =
	SOCK_OPS(map_check_socks, xsk_user_update, xsk_user_lookup, xsk_remove, map_index_next);
const struct map_ops map_reuseport_ops = SOCK_OPS(map_check_reuseport, reuseport_user_update,
						  cookie, reuseport_remove, map_index_next);
const struct map_ops map_cgroup_array_ops = SOCK_OPS(map_check_fds, cgroup_user_update,
						     map_refuse_user_lookup, reuseport_remove,
						     map_index_next);
