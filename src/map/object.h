/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of maps that hold the model kernel's objects: sockets, devices, CPUs, cgroups, tasks, inodes, programs.
 *
 * A world knows the objects of one session: each has a kind and a number, and stands for a struct of whoever models it
 * (hook, helper), which programs see. Values of storage maps hang on objects and go with them; socket maps forget an
 * object that goes. User space names objects by descriptors, as with bpf(2); the world's owner says what those mean, and
 * without one they are this process's own.
 *
 * All calls are safe from any thread. What helpers return to programs stays mapped until the map goes.
 */
#ifndef MAP_OBJECT_H
#define MAP_OBJECT_H

#include "map/map.h"

enum map_object_kind {
	MAP_OBJECT_SOCK,   /* number: the socket's cookie */
	MAP_OBJECT_TASK,   /* the thread's id */
	MAP_OBJECT_INODE,  /* of the inode, mixed with its device's */
	MAP_OBJECT_CGROUP, /* its id, which is the inode number of its directory */
	MAP_OBJECT_KINDS,
};

/* What the maps of sockets ask before they take one. Values of the system's headers. */
struct map_sock {
	uint16_t family, type, protocol; /* AF_INET, SOCK_STREAM, IPPROTO_TCP */
	uint8_t state;			 /* TCP_ESTABLISHED ...; of others 0 */
	bool bound;			 /* has a port, listens or is connected: can be found */
	bool reuseport;			 /* in a group of SO_REUSEPORT */
};

struct map_object {
	struct map_world *world;
	enum map_object_kind kind;
	uint64_t id;
	void *model; /* what programs get a pointer to; the maker's. NULL: nobody models it */
	struct map_sock sock;
	/* The world's. */
	struct map_held *held; /* maps that have it, or a value for it */
	struct map_object *next;
	uint32_t refs;
	bool own; /* made by the world because somebody named it */
	bool gone;
};

/* What an unmodelled object is made from. */
struct map_object_desc {
	uint64_t id;
	struct map_sock sock;
};

/* What user space's numbers mean. Each gives 0 or the errno that bpf(2) answers; NULL: this process's own. */
struct map_world_ops {
	int (*object)(void *ctx, enum map_object_kind kind, int fd, struct map_object_desc *ret);
	bool (*device)(void *ctx, uint32_t ifindex);
	/* A program for the entries of a device or CPU map (@map_type); *ret_prog is given back by put_prog(). */
	int (*prog)(void *ctx, uint32_t map_type, int fd, void **ret_prog, uint32_t *ret_id);
	void (*put_prog)(void *prog);
};

/* @ops NULL: all its members are. Maps get it by map_attr.world; one that has none makes its own. -ENOMEM: NULL. */
struct map_world *map_world_new(const struct map_world_ops *ops, void *ctx);
struct map_world *map_world_ref(struct map_world *world);
struct map_world *map_world_unref(struct map_world *world);
struct map_world *map_world_of(const struct map *map); /* NULL: its type holds no objects */

/*
 * Enters @o, storage of the caller's (a member of its model struct), with o->sock filled in for sockets. -EEXIST: the world
 * has one of this number that is modelled; one that it made itself hands its values over.
 */
int map_object_init(struct map_object *o, struct map_world *world, enum map_object_kind kind,
		    uint64_t id, void *model);
/* It is gone: so are its values and its places in maps. Nobody may be using it. */
void map_object_done(struct map_object *o);
/*
 * By number, e.g. the current task's; NULL: there is none. @make: then the world makes one (NULL: no memory), which
 * lasts until map_object_forget() or the world's end.
 */
struct map_object *map_object_find(struct map_world *world, enum map_object_kind kind, uint64_t id,
				   bool make);
/* As map_object_done() for an object that the world made; nothing for others. */
void map_object_forget(struct map_world *world, enum map_object_kind kind, uint64_t id);

/*
 * sk_storage, inode_storage, task_storage, cgrp_storage ---------------------------------------------------
 *
 * As bpf_*_storage_get(): the value of @o, or NULL. MAP_STORAGE_CREATE makes it, from @init or zeroes. Other
 * flags, and objects of another kind, get NULL.
 */
#define MAP_STORAGE_CREATE 1
void *map_storage_get(struct map *map, struct map_object *o, const void *init, uint64_t flags);
/* -ENOENT: it has none. */
int map_storage_delete(struct map *map, struct map_object *o);
/* An accepted socket gets copies of its listener's values in maps with BPF_F_CLONE. 0 or -ENOMEM. */
int map_storage_clone(struct map_object *from, struct map_object *to);

/*
 * cgroup_storage, percpu_cgroup_storage: a value comes when a program that uses the map is first attached to the cgroup (so
 * attach() may come again), and stays until the cgroup or the map goes. get(): this CPU's value, or NULL.
 */
int map_cgroup_storage_attach(struct map *map, struct map_object *cgroup, uint32_t attach_type);
void *map_cgroup_storage_get(struct map *map, struct map_object *cgroup, uint32_t attach_type,
			     uint32_t cpu);

/*
 * devmap, devmap_hash, cpumap, xskmap, sockmap, sockhash, reuseport_sockarray, cgroup_array: what lies under a key, for
 * redirection and selection. -ENOENT: nothing. map_next_key() finds all, for broadcasts.
 */
struct map_target {
	uint32_t number;	   /* device index, or CPU */
	uint32_t qsize;		   /* of a CPU's queue */
	uint32_t prog_id;	   /* 0: no program there */
	void *prog;		   /* of world_ops.prog() */
	struct map_object *object; /* socket, or cgroup */
};
int map_target(struct map *map, const void *key, struct map_target *ret);
/* As bpf_sock_map_update() and bpf_sock_hash_update(), and bpf_map_update_elem() with a socket. */
int map_sock_update(struct map *map, const void *key, struct map_object *sock, uint64_t flags);

/*
 * stack_trace: @n entries from the innermost frame on, map_stack_entry() bytes each: an address (8), or a struct
 * bpf_stack_build_id (32). Flags are bpf_get_stackid()'s. The id, or -EINVAL, -EFAULT, -EEXIST, -ENOMEM.
 */
int64_t map_stack_id(struct map *map, const void *entries, uint32_t n, uint64_t flags);
uint32_t map_stack_entry(const struct map *map);
uint32_t map_stack_depth(const struct map *map); /* entries that a value holds */

/*
 * user_ringbuf: the UAPI's layout; user space produces, a program drains. map_user_ring_drain() calls @fn for each sample
 * until it returns non-zero; the number of samples, or as bpf_user_ringbuf_drain(): -EINVAL, -EBUSY, -E2BIG.
 * reserve(): NULL with errno EINVAL, E2BIG or ENOSPC.
 */
int64_t map_user_ring_drain(struct map *map,
			    int64_t (*fn)(void *ctx, const void *data, uint32_t len), void *ctx,
			    uint64_t flags);
void *map_user_ring_reserve(struct map *map, uint32_t size);
void map_user_ring_submit(struct map *map, void *sample);
void map_user_ring_discard(struct map *map, void *sample);

/* insn_array: where entry @index's instruction came to lie. -EINVAL: there is no such entry. */
int map_insn_set(struct map *map, uint32_t index, uint32_t rewritten, uint32_t compiled);

/*
 * struct_ops: the program that user space registered for the member at byte @offset of the structure, and its data; NULL
 * while it is not registered.
 */
void *map_struct_ops_prog(struct map *map, uint32_t offset);
const void *map_struct_ops_data(const struct map *map);

#endif
