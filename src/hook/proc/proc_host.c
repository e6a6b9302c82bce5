// SPDX-License-Identifier: Apache-2.0
/*
 * What programs ask about the stopped thread. What the thread can change unseen (its name, its cgroup) is read each
 * time from a file that stays open, half a microsecond and three; ids are kept, because the calls that change
 * them are always traced; memory is read with process_vm_readv(2), or /proc/TID/mem where that is forbidden.
 * A thread that was killed meanwhile reads as an empty name, zero ids and -EFAULT. Formats: proc(5).
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"
#include "hook/proc/internal.h"

static int open_proc(pid_t tid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads a file of /proc from its start, NUL-terminated; keeps it open in *fd while there is room. */
static ssize_t read_kept(struct proc *p, pid_t tid, const char *name, int *fd, char *out,
			 size_t size)
{
	int use = *fd != PROC_NO_FD ? *fd : open_proc(tid, name);
	ssize_t n;

	if (use < 0)
		return -errno;
	n = pread(use, out, size - 1, 0);
	if (use != *fd && n >= 0 && p->nfds < p->max_fds) {
		*fd = use;
		p->nfds++;
	} else if (use != *fd) {
		close(use);
	}
	out[n > 0 ? n : 0] = 0;
	return n;
}

static ssize_t read_once(pid_t tid, const char *name, char *out, size_t size)
{
	int fd = open_proc(tid, name);
	ssize_t n;

	out[0] = 0;
	if (fd < 0)
		return -errno;
	n = read(fd, out, size - 1);
	close(fd);
	out[n > 0 ? n : 0] = 0;
	return n;
}

void proc_comm(struct proc *p, struct proc_task *t, char out[16])
{
	char text[64];
	ssize_t n = read_kept(p, t->tid, "comm", &t->comm_fd, text, sizeof(text));

	memset(out, 0, 16);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0)
		memcpy(out, text, num_min((uint64_t)n, 15));
}

long proc_stat_field(pid_t tid, unsigned int field, long fallback)
{
	char text[1024], *at;

	if (read_once(tid, "stat", text, sizeof(text)) <= 0)
		return fallback;
	/* The name is in parentheses and may hold any byte; behind the last one is field 3. */
	at = strrchr(text, ')');
	for (unsigned int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	return at ? strtol(at + 1, NULL, 10) : fallback;
}

static unsigned long status_number(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

pid_t proc_tgid_of(pid_t tid)
{
	char status[4096];
	pid_t tgid = 0;

	if (read_once(tid, "status", status, sizeof(status)) > 0)
		tgid = (pid_t)status_number(status, "\nTgid:");
	return tgid ? tgid : tid;
}

static uint64_t host_pid_tgid(void *ctx)
{
	const struct proc_task *t = ((struct proc *)ctx)->current;

	return t ? (uint64_t)t->tgid << 32 | (uint32_t)t->tid : 0;
}

static uint64_t host_uid_gid(void *ctx)
{
	struct proc_task *t = ((struct proc *)ctx)->current;
	char status[4096];

	if (!t || (t->flags & TASK_UID))
		return t ? t->uid_gid : 0;
	if (read_once(t->tid, "status", status, sizeof(status)) <= 0)
		return 0;
	t->uid_gid = (uint64_t)status_number(status, "\nGid:") << 32 |
		     (uint32_t)status_number(status, "\nUid:");
	t->flags |= TASK_UID;
	return t->uid_gid;
}

static void host_comm(void *ctx, char out[16])
{
	struct proc *p = ctx;

	memset(out, 0, 16);
	if (p->current)
		proc_comm(p, p->current, out);
}

/* The cgroup2 line of mountinfo: `ID PARENT DEV ROOT MOUNTPOINT OPTIONS [FIELDS] - cgroup2 ...`. */
static void find_cgroup_mount(struct proc *p)
{
	struct buf text;
	char *save = NULL;

	p->cgroup_looked = true;
	buf_init(&text);
	if (file_read("/proc/self/mountinfo", 1 << 24, &text, NULL) < 0 || !text.data)
		goto out;
	for (char *line = strtok_r(text.data, "\n", &save); line && !p->cgroup_mount;
	     line = strtok_r(NULL, "\n", &save)) {
		int root = 0, root_end = 0, mount = 0, end = 0;

		if (!strstr(line, " - cgroup2 "))
			continue;
		if (sscanf(line, "%*d %*d %*s %n%*s%n %n%*s%n", &root, &root_end, &mount, &end) <
			    0 ||
		    !end)
			continue;
		p->cgroup_root = strndup(line + root, (size_t)(root_end - root));
		p->cgroup_mount = strndup(line + mount, (size_t)(end - mount));
	}
out:
	buf_done(&text);
}

/* Its id is the inode number of its directory (kernfs). 0: it cannot be seen from here. */
static uint64_t cgroup_inode(const struct proc *p, const char *path)
{
	char full[2 * PATH_MAX];
	struct stat st;
	size_t root = strlen(p->cgroup_root);

	if (root == 1)
		root = 0;
	else if (strncmp(path, p->cgroup_root, root))
		return 0;
	if (snprintf(full, sizeof(full), "%s%s", p->cgroup_mount, path + root) >=
		    (int)sizeof(full) ||
	    stat(full, &st) < 0)
		return 0;
	return st.st_ino;
}

static uint64_t host_cgroup_id(void *ctx)
{
	struct proc *p = ctx;
	struct proc_task *t = p->current;
	char text[8192], *at, *end;

	if (!p->cgroup_looked)
		find_cgroup_mount(p);
	if (!t || !p->cgroup_mount || !p->cgroup_root ||
	    read_kept(p, t->tid, "cgroup", &t->cgroup_fd, text, sizeof(text)) <= 0)
		return 0;
	at = strncmp(text, "0::/", 4) ? strstr(text, "\n0::/") : text;
	if (!at)
		return 0;
	at = strchr(at, '/');
	end = strchr(at, '\n');
	if (end)
		*end = 0;
	if (t->cgroup && !strcmp(t->cgroup, at))
		return t->cgroup_id;
	free(t->cgroup);
	t->cgroup = strdup(at);
	t->cgroup_id = cgroup_inode(p, at);
	return t->cgroup_id;
}

static uint32_t host_cpu(void *ctx)
{
	struct proc *p = ctx;
	long cpu = p->cpu < 0 ? 0 : p->cpu;

	if (p->current && (p->cpu < 0 || (p->current->flags & TASK_MOVED)))
		cpu = proc_stat_field(p->current->tid, 39, cpu);
	return cpu < 0 ? 0 : (uint32_t)cpu;
}

static int read_mem_file(struct proc *p, struct proc_task *t, void *out, uint64_t addr, size_t len)
{
	int use = t->mem_fd != PROC_NO_FD ? t->mem_fd : open_proc(t->tid, "mem");
	ssize_t n;

	if (use < 0)
		return -EFAULT;
	n = addr > INT64_MAX ? -1 : pread(use, out, len, (off_t)addr);
	if (use != t->mem_fd && p->nfds < p->max_fds) {
		t->mem_fd = use;
		p->nfds++;
	} else if (use != t->mem_fd) {
		close(use);
	}
	return n == (ssize_t)len ? 0 : -EFAULT;
}

static int host_read_user(void *ctx, void *out, uint64_t addr, size_t len)
{
	struct proc *p = ctx;
	struct iovec local = { out, len }, remote = { (void *)(uintptr_t)addr, len };
	ssize_t n;

	if (!p->current)
		return -EFAULT;
	if (!len)
		return 0;
	if (!p->no_vm_readv) {
		n = process_vm_readv(p->current->tid, &local, 1, &remote, 1, 0);
		if (n == (ssize_t)len)
			return 0;
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return -EFAULT;
		p->no_vm_readv = errno == ENOSYS;
	}
	return read_mem_file(p, p->current, out, addr, len);
}

static int host_write_user(void *ctx, uint64_t addr, const void *data, size_t len)
{
	const struct proc *p = ctx;
	struct iovec local = { (void *)(uintptr_t)data, len },
		     remote = { (void *)(uintptr_t)addr, len };

	if (!p->current)
		return -EFAULT;
	return process_vm_writev(p->current->tid, &local, 1, &remote, 1, 0) == (ssize_t)len ?
		       0 :
		       -EFAULT;
}

/* Only to what is supervised. */
static int host_signal(void *ctx, int32_t pid, bool thread, int sig, uint64_t value)
{
	struct proc *p = ctx;
	const struct proc_task *t = proc_task_find(p, pid);

	(void)value;
	if (!t)
		return -EPERM;
	return tgkill(t->tgid, thread ? t->tid : t->tgid, sig) < 0 ? -errno : 0;
}

static void host_trace(void *ctx, const char *line, size_t len)
{
	const struct proc *p = ctx;

	if (p->sink->trace)
		p->sink->trace(p->sink->ctx, line, len);
}

const struct exec_host proc_host = {
	.pid_tgid = host_pid_tgid,
	.uid_gid = host_uid_gid,
	.comm = host_comm,
	.cgroup_id = host_cgroup_id,
	.cpu = host_cpu,
	.read_user = host_read_user,
	.write_user = host_write_user,
	.signal = host_signal,
	.trace = host_trace,
};

/* A string of the stopped thread, read page by page; its length with the NUL, 0 if there is none. */
static size_t read_string(struct proc *p, uint64_t addr, char *out, size_t size)
{
	size_t have = 0;

	while (have < size) {
		uint64_t at = addr + have;
		size_t part = (size_t)num_min(size - have, 256 - at % 256);
		const char *nul;

		if (host_read_user(p, out + have, at, part) < 0)
			return 0;
		nul = memchr(out + have, 0, part);
		if (nul)
			return (size_t)(nul - out) + 1;
		have += part;
	}
	return 0;
}

size_t proc_exec_name(struct proc *p, struct proc_task *t, char *out, size_t size)
{
	uint64_t auxv[128];
	ssize_t n = 0;
	int fd = open_proc(t->tid, "auxv");

	if (fd >= 0) {
		n = read(fd, auxv, sizeof(auxv));
		close(fd);
	}
	p->current = t;
	for (ssize_t i = 0; i + 2 <= n / 8; i += 2)
		if (auxv[i] == AT_EXECFN)
			return read_string(p, auxv[i + 1], out, size);
	return 0;
}
