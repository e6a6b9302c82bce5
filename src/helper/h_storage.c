// SPDX-License-Identifier: Apache-2.0
/*
 * Values that hang on objects: storage maps, cgroup arrays, stack traces by number (bpf-helpers(7), map/object.h). The model's objects
 * are known to maps by their numbers.
 */
#include "helper/internal.h"
#include "map/object.h"

struct map_object *object_in(struct exec_run *run, struct map *map, enum map_object_kind kind,
			     uint64_t id, const struct model_end *sk)
{
	struct map_world *world = map_world_of(map);
	struct map_object *o = world ? map_object_find(world, kind, id, true) : NULL;

	(void)run;
	if (o && sk && o->own)
		o->sock = (struct map_sock){ .family = (uint16_t)sk->uapi.family,
					     .type = (uint16_t)sk->uapi.type,
					     .protocol = (uint16_t)sk->uapi.protocol,
					     .state = (uint8_t)sk->uapi.state,
					     .bound = sk->tuple.lport };
	return o;
}

/* The map of a storage helper; NULL: it is of another type, and the run ends. */
static struct map *storage(struct exec_run *run, uint64_t addr, uint32_t type)
{
	struct map *map = map_of(run, addr);

	if (map && map_attr(map)->type == type)
		return map;
	exec_fault(run, &ERR_MAP_TYPE, "'%s' is no %s", map ? map_attr(map)->name : "?",
		   spec_map_type_name((int)type));
	return NULL;
}

static uint64_t get(struct exec_run *run, struct map *map, enum map_object_kind kind, uint64_t id,
		    const uint64_t a[5], const struct model_end *sk)
{
	struct map_object *o;

	if (!map || a[3] & ~(uint64_t)MAP_STORAGE_CREATE)
		return 0;
	o = object_in(run, map, kind, id, sk);
	return o ? (uintptr_t)map_storage_get(map, o, pointer(a[2]), a[3]) : 0;
}

static uint64_t drop(struct exec_run *run, struct map *map, enum map_object_kind kind, uint64_t id)
{
	struct map_object *o = map ? object_in(run, map, kind, id, NULL) : NULL;

	return o ? result(map_storage_delete(map, o)) : map ? fail(ENOMEM) : 0;
}

static const struct model_end *sock_arg(struct exec_run *run, uint64_t addr)
{
	const struct helper_event *e = run->event;

	return addr && addr == run->ctx ? (e ? e->sk : NULL) : socket_of(run, addr);
}

BODY(sk_storage_get)
{
	const struct model_end *s = sock_arg(run, a2);
	struct map *map = storage(run, a1, MAP_SK_STORAGE);

	return s ? get(run, map, MAP_OBJECT_SOCK, s->cookie, (uint64_t[]){ a1, a2, a3, a4, a5 },
		       s) :
		   0;
}

BODY(sk_storage_delete)
{
	const struct model_end *s = sock_arg(run, a2);
	struct map *map = storage(run, a1, MAP_SK_STORAGE);

	return s ? drop(run, map, MAP_OBJECT_SOCK, s->cookie) : fail(EINVAL);
}

BODY(task_storage_get)
{
	const struct model_task *t = task_of(run, a2);
	struct map *map = storage(run, a1, MAP_TASK_STORAGE);

	return t ? get(run, map, MAP_OBJECT_TASK, (uint32_t)t->task.pid,
		       (uint64_t[]){ a1, a2, a3, a4, a5 }, NULL) :
		   0;
}

BODY(task_storage_delete)
{
	const struct model_task *t = task_of(run, a2);
	struct map *map = storage(run, a1, MAP_TASK_STORAGE);

	return t ? drop(run, map, MAP_OBJECT_TASK, (uint32_t)t->task.pid) : fail(EINVAL);
}

BODY(cgrp_storage_get)
{
	const struct model_cgroup_dir *c = cgroup_of(run, a2);
	struct map *map = storage(run, a1, MAP_CGRP_STORAGE);

	return c ? get(run, map, MAP_OBJECT_CGROUP, c->kn.id, (uint64_t[]){ a1, a2, a3, a4, a5 },
		       NULL) :
		   0;
}

BODY(cgrp_storage_delete)
{
	const struct model_cgroup_dir *c = cgroup_of(run, a2);
	struct map *map = storage(run, a1, MAP_CGRP_STORAGE);

	return c ? drop(run, map, MAP_OBJECT_CGROUP, c->kn.id) : fail(EINVAL);
}

/* As maps mix it. */
static uint64_t inode_id(const struct model_open_file *f)
{
	return f->inode.i_ino ^ f->dev << 32 ^ f->dev >> 32;
}

BODY(inode_storage_get)
{
	const struct model_open_file *f = run->model ? model_object(run->model, a2, MODEL_FILE) :
						       NULL;
	struct map *map = storage(run, a1, MAP_INODE_STORAGE);

	return f ? get(run, map, MAP_OBJECT_INODE, inode_id(f), (uint64_t[]){ a1, a2, a3, a4, a5 },
		       NULL) :
		   0;
}

BODY(inode_storage_delete)
{
	const struct model_open_file *f = run->model ? model_object(run->model, a2, MODEL_FILE) :
						       NULL;
	struct map *map = storage(run, a1, MAP_INODE_STORAGE);

	return f ? drop(run, map, MAP_OBJECT_INODE, inode_id(f)) : fail(EINVAL);
}

/* Never NULL in the kernel: the program is attached to the cgroup, and so are its maps. */
BODY(get_local_storage)
{
	const struct helper_event *e = run->event;
	struct model_cgroup_dir *c = current_cgroup(run);
	struct map *map = map_of(run, a1);
	struct map_object *o;
	void *value;

	if (!c || !map ||
	    (map_attr(map)->type != MAP_CGROUP_STORAGE &&
	     map_attr(map)->type != MAP_PERCPU_CGROUP_STORAGE))
		return exec_fault(run, &ERR_MAP_TYPE, "'%s' is no storage of a cgroup",
				  map ? map_attr(map)->name : "?");
	o = object_in(run, map, MAP_OBJECT_CGROUP, c->kn.id, NULL);
	value = o ? map_cgroup_storage_get(map, o, e ? e->attach_type : 0, cpu_of(run)) : NULL;
	if (!value && o && map_cgroup_storage_attach(map, o, e ? e->attach_type : 0) == 0)
		value = map_cgroup_storage_get(map, o, e ? e->attach_type : 0, cpu_of(run));
	if (!value)
		return exec_fault(run, &ERR_NO_MEMORY, "for the storage of a cgroup");
	return (uintptr_t)value;
}

/* Cgroup arrays ------------------------------------------------------------------------------------------- */

static uint64_t is_under(struct exec_run *run, uint64_t map_addr, uint64_t index,
			 struct model_cgroup_dir *c, uint64_t without)
{
	struct map *map = storage(run, map_addr, MAP_CGROUP_ARRAY);
	const uint32_t key = (uint32_t)index;
	const struct model_cgroup_dir *top;
	struct map_target t;

	if (!map)
		return 0;
	if (!c)
		return without;
	if (key >= map_attr(map)->max_entries)
		return fail(E2BIG);
	if (map_target(map, &key, &t) < 0 || !t.object)
		return fail(EAGAIN);
	top = model_cgroup_by_id(run->model, t.object->id);
	return top && model_cgroup_under(run->model, c, top);
}

BODY(current_task_under_cgroup)
{
	return is_under(run, a1, a2, current_cgroup(run), fail(EINVAL));
}

BODY(skb_under_cgroup)
{
	const struct helper_event *e = run->event;
	struct model_cgroup_dir *c = NULL;

	if (e && e->sk && e->sk->cgroup_id && world(run))
		c = model_cgroup_by_id(run->model, e->sk->cgroup_id);
	return is_under(run, a2, a3, c, fail(ENOENT));
}
