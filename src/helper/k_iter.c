// SPDX-License-Identifier: Apache-2.0
/*
 * Open-coded iterators (kernel document bpf/bpf_iterators.rst): bits, tasks, cgroups and their tasks, mappings of a task. The
 * program's iterator holds a handle of an object in the model's heap where one is needed; what it yields is an object too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "helper/internal.h"

/* Bits ------------------------------------------------------------------------------------------------ */

#define BITS_WORDS 511u

struct iter_bits {
	uint64_t words; /* the bits themselves when one word does, else the object that holds them */
	uint32_t n;	/* of bits; 0: it ended */
	uint32_t at;	/* 1 + the bit given last */
};
_Static_assert(sizeof(struct iter_bits) == 16, "struct bpf_iter_bits");

struct bits_object {
	int32_t last;
	uint64_t words[];
};

KBODY(bpf_iter_bits_new)
{
	struct iter_bits *it = pointer(a1);
	uint32_t n = (uint32_t)a3;
	struct bits_object *o;
	struct model *m = world(run);

	if (!m || !kfunc_memory(run, "bpf_iter_bits_new", a1, sizeof(*it), true))
		return 0;
	*it = (struct iter_bits){ 0 };
	if (!a2 || !n)
		return (uint32_t)-EINVAL;
	if (n > BITS_WORDS)
		return (uint32_t)-E2BIG;
	o = model_alloc(m, MODEL_ITER, (uint32_t)sizeof(*o) + n * 8, 0);
	if (!o)
		return (uint32_t)-ENOMEM;
	if (mem_read_kernel(run, o->words, a2, n * 8ull) < 0) {
		model_unref(m, o);
		return (uint32_t)-EFAULT;
	}
	*it = (struct iter_bits){ (uintptr_t)o, n * 64, 0 };
	return 0;
}

KBODY(bpf_iter_bits_next)
{
	struct iter_bits *it = pointer(a1);
	struct bits_object *o;
	struct model_info info;

	if (!kfunc_memory(run, "bpf_iter_bits_next", a1, sizeof(*it), true) || !it->n)
		return 0;
	o = run->model ? model_object(run->model, it->words, MODEL_ITER) : NULL;
	if (!o || !model_find(run->model, it->words, &info))
		return 0;
	for (; it->at < it->n && it->at / 64 * 8 + sizeof(*o) < info.size; it->at++)
		if (o->words[it->at / 64] >> it->at % 64 & 1) {
			o->last = (int32_t)it->at++;
			return (uintptr_t)&o->last;
		}
	it->n = 0;
	return 0;
}

static void drop(struct exec_run *run, uint64_t handle)
{
	void *o = run->model ? model_object(run->model, handle, MODEL_ITER) : NULL;

	if (o && model_unref(run->model, o))
		exec_forget(run);
}

KBODY(bpf_iter_bits_destroy)
{
	struct iter_bits *it = pointer(a1);

	if (!kfunc_memory(run, "bpf_iter_bits_destroy", a1, sizeof(*it), true))
		return 0;
	drop(run, it->words);
	*it = (struct iter_bits){ 0 };
	return 0;
}

/* Tasks ----------------------------------------------------------------------------------------------- */

enum { ALL_PROCS, ALL_THREADS, PROC_THREADS };

struct iter_task {
	int32_t of; /* the process whose threads are walked; 0: all */
	int32_t at; /* the number given last; -1: it ended */
	uint32_t flags;
	int32_t thread; /* of process `at`, when all threads are walked */
	uint64_t unused;
};
_Static_assert(sizeof(struct iter_task) == 24, "struct bpf_iter_task");

KBODY(bpf_iter_task_new)
{
	struct iter_task *it = pointer(a1);
	struct model_task *t = task_of(run, a2);

	if (!kfunc_memory(run, "bpf_iter_task_new", a1, sizeof(*it), true))
		return 0;
	*it = (struct iter_task){ .at = -1 };
	if ((uint32_t)a3 > PROC_THREADS || ((uint32_t)a3 == PROC_THREADS && !t))
		return (uint32_t)-EINVAL;
	*it = (struct iter_task){ .flags = (uint32_t)a3,
				  .of = (uint32_t)a3 == PROC_THREADS ? t->task.tgid : 0 };
	return 0;
}

/* The next of the walk, or 0. */
static int32_t step(struct model *m, struct iter_task *it)
{
	if (it->flags == PROC_THREADS)
		return it->at = model_task_next(m, it->at, it->of);
	if (it->flags == ALL_THREADS && it->at) {
		it->thread = model_task_next(m, it->thread, it->at);
		if (it->thread)
			return it->thread;
	}
	it->at = model_task_next(m, it->at, 0);
	it->thread = it->flags == ALL_THREADS && it->at ? model_task_next(m, 0, it->at) : 0;
	return it->thread ? it->thread : it->at;
}

KBODY(bpf_iter_task_next)
{
	struct iter_task *it = pointer(a1);
	struct model_task *t = NULL;
	struct model *m = world(run);
	int32_t pid;

	if (!m || !kfunc_memory(run, "bpf_iter_task_next", a1, sizeof(*it), true) || it->at < 0)
		return 0;
	while (!t && (pid = step(m, it)) > 0)
		t = model_task(m, pid);
	if (!t)
		it->at = -1;
	return t ? (uintptr_t)&t->task : 0;
}

KBODY(bpf_iter_task_destroy)
{
	kfunc_memory(run, "bpf_iter_task_destroy", a1, sizeof(struct iter_task), true);
	return 0;
}

/* Mappings: the lines of proc_pid_maps(5) ------------------------------------------------------------ */

struct iter_vma {
	uint64_t at; /* 1 + the task's object; 0: it ended */
};

struct vma_object {
	struct model_vm_area_struct vma;
	struct model_open_file *file;
	uint64_t next; /* mappings from here on */
	int32_t pid;
};

KBODY(bpf_iter_task_vma_new)
{
	struct iter_vma *it = pointer(a1);
	struct model_task *t = task_of(run, a2);
	struct vma_object *o;

	if (!kfunc_memory(run, "bpf_iter_task_vma_new", a1, sizeof(*it), true))
		return 0;
	it->at = 0;
	if (!t)
		return no_object(run, "bpf_iter_task_vma_new", "task", a2);
	if (!t->task.mm)
		return (uint32_t)-ENOENT;
	o = model_alloc(run->model, MODEL_ITER, sizeof(*o), 0);
	if (!o)
		return (uint32_t)-ENOMEM;
	o->vma.vm_mm = t->task.mm;
	o->pid = t->task.pid;
	o->next = a3;
	it->at = (uintptr_t)o;
	return 0;
}

bool vma_read(int32_t pid, uint64_t from, struct model_vm_area_struct *vma, char path[4096])
{
	char name[64], line[4352];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	f = fopen(name, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long start, end, off;
		char perms[8];

		path[0] = '\0';
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %4095[^\n]", &start, &end, perms, &off,
			   path) < 4 ||
		    end <= from)
			continue;
		vma->vm_start = start;
		vma->vm_end = end;
		vma->vm_pgoff = off / 4096;
		vma->vm_flags = (perms[0] == 'r') | (perms[1] == 'w') << 1 |
				(perms[2] == 'x') << 2 | (perms[3] == 's') << 3;
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

KBODY(bpf_iter_task_vma_next)
{
	struct iter_vma *it = pointer(a1);
	struct vma_object *o;
	char path[4096];

	if (!kfunc_memory(run, "bpf_iter_task_vma_next", a1, sizeof(*it), true) || !it->at ||
	    !run->model)
		return 0;
	o = model_object(run->model, it->at, MODEL_ITER);
	if (!o || !vma_read(o->pid, o->next, &o->vma, path))
		return 0;
	o->next = o->vma.vm_end;
	if (o->file)
		model_unref(run->model, o->file);
	o->file = path[0] == '/' ? model_file_open(run->model, path) : NULL;
	o->vma.vm_file = o->file ? &o->file->file : NULL;
	return (uintptr_t)&o->vma;
}

KBODY(bpf_iter_task_vma_destroy)
{
	struct iter_vma *it = pointer(a1);
	struct vma_object *o;

	if (!kfunc_memory(run, "bpf_iter_task_vma_destroy", a1, sizeof(*it), true))
		return 0;
	o = run->model ? model_object(run->model, it->at, MODEL_ITER) : NULL;
	if (o && o->file)
		model_unref(run->model, o->file);
	drop(run, it->at);
	it->at = 0;
	return 0;
}

/* Cgroups: below one, in order; its tasks --------------------------------------------------------------- */

struct iter_css {
	uint64_t start, at;
	uint32_t order, count;
};
_Static_assert(sizeof(struct iter_css) == 24, "struct bpf_iter_css");

enum { DESCENDANTS_PRE = 1, DESCENDANTS_POST = 2, ANCESTORS_UP = 3, SELF_ONLY = 4 };

KBODY(bpf_iter_css_new)
{
	struct iter_css *it = pointer(a1);
	struct model_cgroup_dir *c = cgroup_of(run, a2);

	if (!kfunc_memory(run, "bpf_iter_css_new", a1, sizeof(*it), true))
		return 0;
	*it = (struct iter_css){ 0 };
	if (!c)
		return no_object(run, "bpf_iter_css_new", "cgroup_subsys_state", a2);
	if ((uint32_t)a3 < DESCENDANTS_PRE || (uint32_t)a3 > ANCESTORS_UP)
		return (uint32_t)-EINVAL;
	*it = (struct iter_css){ (uintptr_t)c, 0, (uint32_t)a3, 0 };
	return 0;
}

KBODY(bpf_iter_css_next)
{
	struct iter_css *it = pointer(a1);
	struct model_cgroup_dir *c, *start;

	if (!kfunc_memory(run, "bpf_iter_css_next", a1, sizeof(*it), true) || !it->start)
		return 0;
	start = cgroup_of(run, it->start);
	if (!start)
		return 0;
	if (it->order == ANCESTORS_UP) {
		c = it->at ? cgroup_of(run, it->at) : NULL;
		c = it->at ? (c ? model_cgroup_parent(run->model, c) : NULL) : start;
	} else {
		c = model_cgroup_walk(run->model, start, it->count++,
				      it->order == DESCENDANTS_POST);
	}
	it->at = (uintptr_t)c;
	if (!c)
		it->start = 0;
	return c ? (uintptr_t)&c->cgroup.self : 0;
}

KBODY(bpf_iter_css_destroy)
{
	kfunc_memory(run, "bpf_iter_css_destroy", a1, sizeof(struct iter_css), true);
	return 0;
}

struct iter_css_task {
	uint64_t cgroup; /* 0: it ended */
};

/* The numbers are read once, when the walk begins. */
struct css_tasks {
	uint32_t n, at;
	int32_t pids[2000];
};

KBODY(bpf_iter_css_task_new)
{
	struct iter_css_task *it = pointer(a1);
	struct model_cgroup_dir *c = cgroup_of(run, a2);
	struct css_tasks *o;

	if (!kfunc_memory(run, "bpf_iter_css_task_new", a1, sizeof(*it), true))
		return 0;
	it->cgroup = 0;
	if (!c)
		return no_object(run, "bpf_iter_css_task_new", "cgroup_subsys_state", a2);
	if ((uint32_t)a3 > 3)
		return (uint32_t)-EINVAL;
	o = model_alloc(run->model, MODEL_ITER, sizeof(*o), 0);
	if (!o)
		return (uint32_t)-ENOMEM;
	o->n = model_cgroup_tasks(run->model, c, !((uint32_t)a3 & 1), o->pids, ARRAY_SIZE(o->pids));
	it->cgroup = (uintptr_t)o;
	return 0;
}

KBODY(bpf_iter_css_task_next)
{
	struct iter_css_task *it = pointer(a1);
	struct model_task *t = NULL;
	struct css_tasks *o;

	if (!kfunc_memory(run, "bpf_iter_css_task_next", a1, sizeof(*it), true) || !run->model)
		return 0;
	o = model_object(run->model, it->cgroup, MODEL_ITER);
	while (o && !t && o->at < o->n)
		t = model_task(run->model, o->pids[o->at++]);
	return t ? (uintptr_t)&t->task : 0;
}

KBODY(bpf_iter_css_task_destroy)
{
	struct iter_css_task *it = pointer(a1);

	if (kfunc_memory(run, "bpf_iter_css_task_destroy", a1, sizeof(*it), true))
		drop(run, it->cgroup);
	return 0;
}
