// SPDX-License-Identifier: Apache-2.0
/*
 * The threads under supervision, by id. Ids are handed out one after the other, so the remainder is the best hash.
 * Each keeps open the files of /proc that programs ask for often: reading again costs half a microsecond
 * instead of three, and a file of a thread that is gone never speaks of another with the same id.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hook/proc/internal.h"

static struct proc_task **slot(struct proc *p, pid_t tid)
{
	struct proc_task **at = &p->buckets[(unsigned int)tid % TASK_BUCKETS];

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

struct proc_task *proc_task_find(struct proc *p, pid_t tid)
{
	return *slot(p, tid);
}

struct proc_task *proc_task_add(struct proc *p, pid_t tid, pid_t tgid)
{
	struct proc_task **at = slot(p, tid);
	struct proc_task *t;

	if (*at)
		return *at;
	t = calloc(1, sizeof(*t));
	if (!t) {
		p->nomem = true;
		return NULL;
	}
	t->tid = tid;
	t->tgid = tgid;
	t->comm_fd = t->cgroup_fd = t->mem_fd = PROC_NO_FD;
	*at = t;
	p->ntasks++;
	return t;
}

static void forget(struct proc *p, int *fd)
{
	if (*fd == PROC_NO_FD)
		return;
	close(*fd);
	*fd = PROC_NO_FD;
	p->nfds--;
}

void proc_task_renew(struct proc *p, struct proc_task *t)
{
	forget(p, &t->comm_fd);
	forget(p, &t->cgroup_fd);
	forget(p, &t->mem_fd);
	t->flags &= ~TASK_UID;
}

static void release(struct proc *p, struct proc_task *t)
{
	proc_task_renew(p, t);
	if (p->current == t)
		p->current = NULL;
	free(t->cgroup);
	free(t);
	p->ntasks--;
}

void proc_task_del(struct proc *p, struct proc_task *t)
{
	*slot(p, t->tid) = t->next;
	release(p, t);
}

size_t proc_task_siblings(const struct proc *p, pid_t tgid)
{
	size_t n = 0;

	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (const struct proc_task *t = p->buckets[i]; t; t = t->next)
			n += t->tgid == tgid && !(t->flags & TASK_DYING);
	return n;
}

struct proc_task *proc_task_held(struct proc *p)
{
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct proc_task *t = p->buckets[i]; t; t = t->next)
			if (t->flags & TASK_HELD)
				return t;
	return NULL;
}

void proc_task_sweep(struct proc *p)
{
	for (size_t i = 0; i < TASK_BUCKETS; i++) {
		struct proc_task **at = &p->buckets[i];

		while (*at) {
			struct proc_task *t = *at;

			if (!(t->flags & TASK_EXPECTED) ||
			    syscall(SYS_tgkill, t->tgid, t->tid, 0) == 0) {
				at = &t->next;
				continue;
			}
			*at = t->next;
			release(p, t);
		}
	}
}

void proc_task_signal(struct proc *p, int sig)
{
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct proc_task *t = p->buckets[i]; t; t = t->next)
			if (t->tid == t->tgid)
				kill(t->tgid, sig);
}

void proc_task_free_all(struct proc *p)
{
	for (size_t i = 0; i < TASK_BUCKETS; i++) {
		while (p->buckets[i]) {
			struct proc_task *t = p->buckets[i];

			p->buckets[i] = t->next;
			release(p, t);
		}
	}
}
