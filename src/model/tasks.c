// SPDX-License-Identifier: Apache-2.0
/*
 * Tasks: what proc_pid_stat(5), proc_pid_status(5) and ns(7) say of a thread, as a task_struct. It is read when a program first
 * asks for the task and again when that is longer than STALE ago; what the host says of the current task wins.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "model/internal.h"

#define STALE 10000000ull /* ns */

int proc_read(int32_t pid, const char *name, char *out, size_t size)
{
	char path[96];
	size_t n = 0;
	ssize_t r;
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	else
		snprintf(path, sizeof(path), "/proc/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (n < size - 1 && (r = read(fd, out + n, size - 1 - n)) > 0)
		n += (size_t)r;
	close(fd);
	out[n] = '\0';
	return (int)n;
}

static uint64_t now_ns(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t ns_number(int32_t pid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return stat(path, &st) < 0 ? 0 : (uint32_t)st.st_ino;
}

/* The fields behind the ")" of /proc/PID/stat: [0] is the state's place, [1] the parent ... */
static bool read_stat(int32_t pid, struct model_task *t, long long *fields, int n)
{
	char text[1024], *at, *end;

	if (proc_read(pid, "stat", text, sizeof(text)) <= 0)
		return false;
	at = strchr(text, '(');
	end = strrchr(text, ')');
	if (!at || !end)
		return false;
	memset(t->task.comm, 0, sizeof(t->task.comm));
	memcpy(t->task.comm, at + 1, num_min((uint64_t)(end - at - 1), sizeof(t->task.comm) - 1));
	fields[0] = end[2];
	at = end + 3;
	for (int i = 1; i < n; i++)
		fields[i] = strtoll(at, &at, 10);
	return true;
}

static void read_ids(const char *text, const char *name, struct model_kuid *first, size_t step)
{
	const char *at = strstr(text, name);
	char *next;

	if (!at)
		return;
	at += strlen(name);
	for (int i = 0; i < 4; i++, at = next)
		first[(size_t)i * step].val = (uint32_t)strtoul(at, &next, 10);
}

static void read_status(int32_t pid, struct model_task *t)
{
	struct model_kuid uid[4] = { { 0 } }, gid[4] = { { 0 } };
	char text[4096], *at;

	if (proc_read(pid, "status", text, sizeof(text)) <= 0)
		return;
	at = strstr(text, "\nTgid:");
	if (at)
		t->task.tgid = (int32_t)strtol(at + 6, NULL, 10);
	read_ids(text, "\nUid:", uid, 1);
	read_ids(text, "\nGid:", gid, 1);
	t->cred = (struct model_cred){ uid[0], gid[0], uid[2], gid[2],
				       uid[1], gid[1], uid[3], gid[3] };
	at = strstr(text, "\nCpus_allowed:");
	if (at) {
		unsigned long bits = 0;

		for (at += 14; *at && *at != '\n'; at++)
			if (*at != ',' && *at != '\t')
				bits = bits << 4 |
				       (unsigned long)strtoul((char[]){ *at, 0 }, NULL, 16);
		t->task.cpus_mask.bits[0] = bits;
		t->task.nr_cpus_allowed = __builtin_popcountl(bits);
	}
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	if (at)
		t->task.nvcsw = strtoul(at + 25, NULL, 10);
	at = strstr(text, "\nnonvoluntary_ctxt_switches:");
	if (at)
		t->task.nivcsw = strtoul(at + 28, NULL, 10);
}

static void read_namespaces(struct model *m, struct model_task *t, int32_t pid)
{
	uint32_t pidns = ns_number(pid, "pid"), mnt = ns_number(pid, "mnt");
	struct {
		struct model_mnt_namespace mnt;
		struct model_pid_namespace pid;
	} * ns;

	if (!t->nsproxy.mnt_ns) {
		ns = model_alloc(m, MODEL_NET, sizeof(*ns), 0);
		if (!ns)
			return;
		t->nsproxy.mnt_ns = &ns->mnt;
		t->nsproxy.pid_ns_for_children = &ns->pid;
	}
	t->nsproxy.mnt_ns->ns.inum = mnt;
	t->nsproxy.pid_ns_for_children->ns.inum = pidns;
	t->nsproxy.net_ns = model_netns(m);
}

/* What points into the object itself, or to others. */
static void connect(struct model_task *t)
{
	t->task.real_cred = t->task.cred = &t->cred;
	t->task.thread_pid = &t->pid;
	t->task.nsproxy = &t->nsproxy;
	t->task.cgroups = &t->css_set;
	t->task.cpus_ptr = &t->task.cpus_mask;
	t->pid.numbers[0] = (struct model_upid){ t->task.pid, t->nsproxy.pid_ns_for_children };
}

static bool fill(struct model *m, struct model_task *t, int32_t pid)
{
	long long f[50] = { 0 };
	struct model_cgroup_dir *cg;
	const uint64_t tick = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);

	if (pid && !read_stat(pid, t, f, 50))
		return false;
	t->task.pid = t->task.tgid = pid;
	if (pid) {
		t->task.__state = f[0] == 'R' ? 0 : 1;
		t->task.flags = (uint32_t)f[6];
		t->task.utime = (uint64_t)f[11] * tick;
		t->task.stime = (uint64_t)f[12] * tick;
		t->task.prio = (int32_t)f[15] + 100;
		t->task.static_prio = (int32_t)f[16] + 120;
		t->task.start_time = t->task.start_boottime = (uint64_t)f[19] * tick;
		t->mm.start_code = (unsigned long)f[23];
		t->mm.end_code = (unsigned long)f[24];
		t->mm.start_stack = (unsigned long)f[25];
		t->mm.total_vm = (unsigned long)f[20] / 4096;
		t->task.exit_signal = (int32_t)f[35];
		t->task.policy = (uint32_t)f[38];
		t->mm.arg_start = (unsigned long)f[45];
		t->mm.arg_end = (unsigned long)f[46];
		t->mm.env_start = (unsigned long)f[47];
		t->mm.env_end = (unsigned long)f[48];
		t->task.mm = t->mm.total_vm ? &t->mm : NULL;
		read_status(pid, t);
		read_namespaces(m, t, pid);
	} else {
		memcpy(t->task.comm, "swapper/0", 10);
	}
	connect(t);
	cg = pid ? model_cgroup_of(m, pid) : NULL;
	t->css_set.dfl_cgrp = cg ? &cg->cgroup : NULL;
	t->read_at = now_ns();
	return true;
}

/* Parents and leaders, to the first task, which is its own. */
static void adopt(struct model *m, struct model_task *t, unsigned int depth)
{
	char text[1024], *at;
	struct model_task *parent = NULL, *leader = t;
	int32_t ppid = 0;

	if (t->task.pid && proc_read(t->task.pid, "stat", text, sizeof(text)) > 0) {
		at = strrchr(text, ')');
		ppid = at ? (int32_t)strtol(at + 4, NULL, 10) : 0;
	}
	if (t->task.tgid != t->task.pid && depth)
		leader = model_task(m, t->task.tgid);
	if (depth && ppid != t->task.pid)
		parent = model_task(m, ppid);
	t->task.real_parent = t->task.parent = parent ? &parent->task : &t->task;
	t->task.group_leader = leader ? &leader->task : &t->task;
}

static struct model_task *get(struct model *m, int32_t pid, bool must_exist)
{
	struct model_task *t = index_find(&m->tasks, (uint32_t)pid);
	bool fresh = !t;

	if (t && now_ns() - t->read_at < STALE)
		return t;
	if (fresh)
		t = model_alloc(m, MODEL_TASK, sizeof(*t), 0);
	if (!t)
		return NULL;
	if (!fill(m, t, pid)) {
		if (fresh && must_exist) {
			model_unref(m, t);
			return NULL;
		}
		if (!fresh && must_exist && now_ns() - t->read_at >= STALE)
			return NULL;
		t->task.pid = t->task.tgid = pid;
		connect(t);
	}
	if (fresh) {
		index_add(&m->tasks, (uint32_t)pid, t);
		adopt(m, t, 64);
	}
	return t;
}

struct model_task *model_task(struct model *m, int32_t pid)
{
	struct model_task *t;

	if (pid < 0)
		return NULL;
	model_lock(m);
	t = get(m, pid, true);
	model_unlock(m);
	return t;
}

struct model_task *model_task_is(struct model *m, const struct model_who *who)
{
	struct model_task *t;

	model_lock(m);
	t = get(m, who->pid, false);
	if (t) {
		if (who->tgid)
			t->task.tgid = who->tgid;
		if (who->comm[0])
			memcpy(t->task.comm, who->comm, sizeof(t->task.comm));
		if (who->known) {
			t->cred.uid.val = t->cred.euid.val = who->uid;
			t->cred.gid.val = t->cred.egid.val = who->gid;
		}
	}
	model_unlock(m);
	return t;
}

int32_t model_task_next(struct model *m, int32_t pid, int32_t of)
{
	struct dirent *e;
	int32_t best = 0;
	char path[64];
	DIR *dir;

	(void)m;
	if (of)
		snprintf(path, sizeof(path), "/proc/%d/task", of);
	else
		snprintf(path, sizeof(path), "/proc");
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		int32_t n = (int32_t)strtol(e->d_name, NULL, 10);

		if (n > pid && (!best || n < best))
			best = n;
	}
	if (dir)
		closedir(dir);
	return best;
}
