// SPDX-License-Identifier: Apache-2.0
/*
 * Tasks, cgroups, files and keys as counted objects (kernel document bpf/kfuncs.rst). Tasks and cgroups stay as long as the model, so
 * their references only have to balance; files and keys go with the last one.
 */
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "helper/dynptr.h"

static uint64_t acquire(struct exec_run *run, const void *o, uint64_t addr)
{
	if (o)
		model_ref(run->model, o);
	return o ? addr : 0;
}

/* The last reference is the model's own. */
static uint64_t release(struct exec_run *run, const char *name, const void *o)
{
	if (model_refs(run->model, o) < 2)
		return exec_fault(run, &ERR_OBJECT, "%s: nobody acquired it", name);
	model_unref(run->model, o);
	return 0;
}

KBODY(bpf_task_acquire)
{
	return acquire(run, task_of(run, a1), a1);
}

KBODY(bpf_task_release)
{
	struct model_task *t = task_of(run, a1);

	return t ? release(run, "bpf_task_release", t) :
		   no_object(run, "bpf_task_release", "task", a1);
}

static uint64_t task_by(struct exec_run *run, int32_t pid)
{
	struct model *m = world(run);
	struct model_task *t = m && pid > 0 ? model_task(m, pid) : NULL;

	return acquire(run, t, (uintptr_t)t);
}

KBODY(bpf_task_from_pid)
{
	return task_by(run, (int32_t)a1);
}

/* The model's tasks have the numbers of the supervisor's namespace. */
KBODY(bpf_task_from_vpid)
{
	return task_by(run, (int32_t)a1);
}

KBODY(bpf_task_under_cgroup)
{
	struct model_task *t = task_of(run, a1);
	struct model_cgroup_dir *c = cgroup_of(run, a2), *own;

	if (!t || !c)
		return no_object(run, "bpf_task_under_cgroup", t ? "cgroup" : "task", t ? a2 : a1);
	own = cgroup_of(run, (uintptr_t)t->css_set.dfl_cgrp);
	return own && model_cgroup_under(run->model, own, c);
}

/* Hierarchies of cgroup v1 are not modelled: a task is in none. */
KBODY(bpf_task_get_cgroup1)
{
	if (!task_of(run, a1))
		return no_object(run, "bpf_task_get_cgroup1", "task", a1);
	return 0;
}

KBODY(bpf_cgroup_acquire)
{
	return acquire(run, cgroup_of(run, a1), a1);
}

KBODY(bpf_cgroup_release)
{
	struct model_cgroup_dir *c = cgroup_of(run, a1);

	return c ? release(run, "bpf_cgroup_release", c) :
		   no_object(run, "bpf_cgroup_release", "cgroup", a1);
}

KBODY(bpf_cgroup_ancestor)
{
	struct model_cgroup_dir *c = cgroup_of(run, a1);

	if (!c)
		return no_object(run, "bpf_cgroup_ancestor", "cgroup", a1);
	c = model_cgroup_ancestor(run->model, c, (int32_t)a2);
	return acquire(run, c, c ? (uintptr_t)&c->cgroup : 0);
}

KBODY(bpf_cgroup_from_id)
{
	struct model *m = world(run);
	struct model_cgroup_dir *c = m ? model_cgroup_by_id(m, a1) : NULL;

	return acquire(run, c, c ? (uintptr_t)&c->cgroup : 0);
}

/* Files and their attributes --------------------------------------------------------------------------- */

KBODY(bpf_get_task_exe_file)
{
	struct model_task *t = task_of(run, a1);
	struct model_open_file *f = NULL;
	char link[64];

	if (!t)
		return no_object(run, "bpf_get_task_exe_file", "task", a1);
	snprintf(link, sizeof(link), "/proc/%d/exe", t->task.pid);
	if (t->task.mm)
		f = model_file_open(run->model, link);
	return f ? (uintptr_t)&f->file : 0;
}

KBODY(bpf_put_file)
{
	struct model_open_file *f = run->model ? model_object(run->model, a1, MODEL_FILE) : NULL;

	if (!f)
		return no_object(run, "bpf_put_file", "file", a1);
	if (model_unref(run->model, f))
		exec_forget(run);
	return 0;
}

KBODY(bpf_path_d_path)
{
	const char *path = run->model ? model_path_of(run->model, a1) : NULL;
	size_t len = path ? strlen(path) + 1 : 0;

	if (!path)
		return no_object(run, "bpf_path_d_path", "path", a1);
	if (!kfunc_memory(run, "bpf_path_d_path", a2, a3, true))
		return 0;
	if (!a3)
		return (uint32_t)-EINVAL;
	if (len > a3)
		return (uint32_t)-ENAMETOOLONG;
	memcpy(pointer(a2), path, len);
	return len;
}

/* The name of an attribute that programs may use: "user." or "security.bpf.". */
static int attribute(struct exec_run *run, uint64_t addr, bool write, char name[256])
{
	if (mem_read_str(run, MEM_KERNEL, name, 256, addr) < 0)
		return -EFAULT;
	if (!strncmp(name, "security.bpf.", 13) || (!write && !strncmp(name, "user.", 5)))
		return 0;
	return -EPERM;
}

static int64_t get_xattr(struct exec_run *run, const char *fn, const char *path, uint64_t name_addr,
			 uint64_t value)
{
	struct dynptr *p = dynptr_of(run, fn, value);
	char name[256];
	uint8_t *to;
	int64_t r;
	int why;

	if (!p)
		return 0;
	r = attribute(run, name_addr, false, name);
	if (r < 0)
		return r;
	to = dynptr_bytes(run, p, 0, dynptr_size(p), true, &why);
	if (!to)
		return -EINVAL;
	r = getxattr(path, name, to, dynptr_size(p));
	return r < 0 ? -errno : r;
}

static const char *path_or_end(struct exec_run *run, const char *fn, const char *what,
			       uint64_t addr)
{
	const char *path = run->model ? model_path_of(run->model, addr) : NULL;

	if (!path)
		no_object(run, fn, what, addr);
	return path;
}

KBODY(bpf_get_file_xattr)
{
	const char *path = path_or_end(run, "bpf_get_file_xattr", "file", a1);

	return path ? (uint32_t)get_xattr(run, "bpf_get_file_xattr", path, a2, a3) : 0;
}

KBODY(bpf_get_dentry_xattr)
{
	const char *path = path_or_end(run, "bpf_get_dentry_xattr", "dentry", a1);

	return path ? (uint32_t)get_xattr(run, "bpf_get_dentry_xattr", path, a2, a3) : 0;
}

KBODY(bpf_set_dentry_xattr)
{
	const char *path = path_or_end(run, "bpf_set_dentry_xattr", "dentry", a1);
	struct dynptr *p = path ? dynptr_of(run, "bpf_set_dentry_xattr", a3) : NULL;
	const uint8_t *from;
	char name[256];
	int r, why;

	if (!p)
		return 0;
	r = attribute(run, a2, true, name);
	from = dynptr_bytes(run, p, 0, dynptr_size(p), false, &why);
	if (r == 0 && !from)
		r = -EINVAL;
	if (r == 0 && setxattr(path, name, from, dynptr_size(p), (int32_t)a4) < 0)
		r = -errno;
	return (uint32_t)r;
}

KBODY(bpf_remove_dentry_xattr)
{
	const char *path = path_or_end(run, "bpf_remove_dentry_xattr", "dentry", a1);
	char name[256];
	int r;

	if (!path)
		return 0;
	r = attribute(run, a2, true, name);
	if (r == 0 && removexattr(path, name) < 0)
		r = -errno;
	return (uint32_t)r;
}

KBODY(bpf_cgroup_read_xattr)
{
	struct model_cgroup_dir *c = cgroup_of(run, a1);
	char path[2048], name[256];

	if (!c)
		return no_object(run, "bpf_cgroup_read_xattr", "cgroup", a1);
	if (mem_read_str(run, MEM_KERNEL, name, sizeof(name), a2) < 0)
		return (uint32_t)-EFAULT;
	if (strncmp(name, "user.", 5))
		return (uint32_t)-EPERM;
	if (!model_cgroup_dir_path(run->model, c, path, sizeof(path)))
		return (uint32_t)-ENOENT;
	return (uint32_t)get_xattr(run, "bpf_cgroup_read_xattr", path, a2, a3);
}

/* Keys: of keyctl(2), by number ------------------------------------------------------------------------ */

struct key_object {
	int64_t serial;
	uint64_t system;
};

static uint64_t new_key(struct exec_run *run, int64_t serial, uint64_t system)
{
	struct model *m = world(run);
	struct key_object *k = m ? model_alloc(m, MODEL_KEY, sizeof(*k), 0) : NULL;

	if (k)
		*k = (struct key_object){ serial, system };
	return (uintptr_t)k;
}

KBODY(bpf_lookup_user_key)
{
	long id;

	if (a2 & ~3ull) /* KEY_LOOKUP_CREATE, KEY_LOOKUP_PARTIAL */
		return 0;
	id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, (int32_t)a1, a2 & 1);
	return id < 0 ? 0 : new_key(run, id, 0);
}

KBODY(bpf_lookup_system_key)
{
	return a1 > 2 ? 0 : new_key(run, 0, a1);
}

KBODY(bpf_key_put)
{
	struct key_object *k = run->model ? model_object(run->model, a1, MODEL_KEY) : NULL;

	if (!k)
		return no_object(run, "bpf_key_put", "bpf_key", a1);
	if (model_unref(run->model, k))
		exec_forget(run);
	return 0;
}

/* Casts and the rest ------------------------------------------------------------------------------------ */

KBODY(bpf_rdonly_cast)
{
	return a1;
}

KBODY(bpf_map_sum_elem_count)
{
	struct map *map = map_of(run, a1);
	struct map_stats stats;

	if (!map)
		return no_object(run, "bpf_map_sum_elem_count", "map", a1);
	map_stats(map, &stats);
	return stats.entries;
}

KBODY(bpf_throw)
{
	exec_throw(run, a1);
	return 0;
}

KBODY(bpf_arena_reserve_pages)
{
	struct map *map = map_of(run, a1);

	if (!map || map_attr(map)->type != MAP_ARENA)
		return exec_fault(run, &ERR_KFUNC_MAP,
				  "bpf_arena_reserve_pages: 0x%llx is no arena",
				  (unsigned long long)a1);
	return (uint32_t)map_arena_reserve(map, a2, (uint32_t)a3);
}
