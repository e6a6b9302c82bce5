/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of the model kernel: the objects that helpers give to programs, as C structs (spec/model_objects.def) with BTF of their
 * own. Objects lie in one heap, so the object that holds an address is found by arithmetic, and a bad pointer is told from a
 * good one. An object is counted; what the model itself refers to (a task's parent) stays as long as the model.
 *
 * Invariant: an address that model_find() knows is readable for as long as the model lives, also after the object was
 * freed. Everything may be called from any thread.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <linux/bpf.h>

#include "base/error.h"
#include "spec/spec.h"

struct model;

enum model_kind {
#define KIND(id, name, writable) MODEL_##id,
#include "model/model_kinds.def"
#undef KIND
	MODEL_KINDS,
};

int model_new(struct model **ret, struct skep_error **reterr);
void model_free(struct model *m);
void model_lock(struct model *m);
void model_unlock(struct model *m);

/* The heap ----------------------------------------------------------------------------------------- */

#define MODEL_MAX_OBJECT 32000u

struct model_info {
	uint64_t base;
	uint32_t size, tag;
	enum model_kind kind;
	bool writable;
	const char *name;
};

/* Zeroed, with one reference; NULL: there is no room. @tag is the caller's. */
void *model_alloc(struct model *m, enum model_kind kind, uint32_t size, uint32_t tag);
/* The live object that holds @addr; false: there is none. */
bool model_find(const struct model *m, uint64_t addr, struct model_info *ret);
/* Its start, if it is of this kind; else NULL. */
void *model_object(const struct model *m, uint64_t addr, enum model_kind kind);
void model_ref(const struct model *m, const void *object);
/* Freed with the last one: true. */
bool model_unref(struct model *m, const void *object);
uint32_t model_refs(const struct model *m, const void *object);

/* A thread that works on the model: @stop is called when it goes, before anything else does. */
void *model_service(const struct model *m);
void model_set_service(struct model *m, void *service, void (*stop)(void *service));
/* The types that tags of objects are numbers of: the program's. Borrowed. */
const struct btf *model_types(const struct model *m);
void model_set_types(struct model *m, const struct btf *types);

/* Tasks and cgroups ---------------------------------------------------------------------------------- */

/* One object, so that a program reaches its parts by the pointers in task. */
struct model_task {
	struct model_task_struct task;
	struct model_cred cred;
	struct model_pid pid;
	struct model_nsproxy nsproxy;
	struct model_css_set css_set;
	struct model_mm_struct mm;
	struct model_pt_regs regs; /* of the event, when a program asked for them */
	uint64_t read_at;	   /* when /proc was */
};

struct model_cgroup_dir {
	struct model_cgroup cgroup;
	struct model_kernfs_node kn;
	char name[256];	 /* of the directory */
	char path[1024]; /* from the root of the hierarchy: "/a/b" */
};

/* What the host says of the task, when it does; fields of 0 and "" come from /proc. */
struct model_who {
	int32_t pid, tgid;
	uint32_t uid, gid;
	char comm[16];
	bool known; /* uid and gid are */
};

/* Borrowed: tasks stay as long as the model. NULL: no such task. */
struct model_task *model_task(struct model *m, int32_t pid);
struct model_task *model_task_is(struct model *m, const struct model_who *who);
/* The next task (or thread) of the machine with a higher number than @pid; 0: none. @of: only threads of this process. */
int32_t model_task_next(struct model *m, int32_t pid, int32_t of);
/* The cgroup v2 of a task, of a number, of a path ("/a/b"); NULL: none. */
struct model_cgroup_dir *model_cgroup_of(struct model *m, int32_t pid);
struct model_cgroup_dir *model_cgroup_by_id(struct model *m, uint64_t id);
struct model_cgroup_dir *model_cgroup_at(struct model *m, const char *path);
struct model_cgroup_dir *model_cgroup_parent(struct model *m, const struct model_cgroup_dir *c);
struct model_cgroup_dir *model_cgroup_ancestor(struct model *m, struct model_cgroup_dir *c,
					       int level);
bool model_cgroup_under(struct model *m, struct model_cgroup_dir *c,
			const struct model_cgroup_dir *ancestor);
/* The @n-th of the walk below it, itself included; parents first, or last. NULL: there are fewer. */
struct model_cgroup_dir *model_cgroup_walk(struct model *m, const struct model_cgroup_dir *from,
					   uint32_t n, bool post);
/* Its processes or threads; how many of them, at most @room. */
uint32_t model_cgroup_tasks(struct model *m, const struct model_cgroup_dir *c, bool threads,
			    int32_t *pids, uint32_t room);
/* Its directory in the host's file system; false: it has none. */
bool model_cgroup_dir_path(struct model *m, const struct model_cgroup_dir *c, char *out,
			   size_t size);

/* Files ---------------------------------------------------------------------------------------------- */

struct model_open_file {
	struct model_file file;
	struct model_vfsmount mnt;
	struct model_dentry dentry;
	struct model_inode inode;
	struct model_super_block sb;
	uint64_t dev;	 /* as stat(2) has it */
	char path[1024]; /* as the host's file system knows it */
};

/* With a reference; NULL: it cannot be opened. */
struct model_open_file *model_file_open(struct model *m, const char *path);
/* The path of a file, a path, a dentry or an inode in an open file's object; NULL: it is none. */
const char *model_path_of(const struct model *m, uint64_t addr);

/* BTF of what programs see; borrowed. NULL: no memory. */
const struct btf *model_btf(struct model *m);

#include "model/network.h"

#endif
