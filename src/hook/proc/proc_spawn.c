// SPDX-License-Identifier: Apache-2.0
/*
 * Starting the command: the child waits, is seized, gets a byte, installs the filter and executes; what fails
 * on the way comes back through a pipe that the exec closes. Between fork and exec the child only
 * calls what is safe there (signal-safety(7)): the caller may have threads.
 *
 * The search of PATH happens before, without trying to execute, so that programs see one execve of the
 * command and not the failed ones of the search; execvp(3)'s rule for files without a format is kept.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hook/proc/internal.h"

#define FILTER_MAX 4096
#define OPTIONS                                                                                   \
	(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)

enum stage { STAGE_FILTER, STAGE_EXEC };

struct failure {
	int stage, code;
};

/* 0, or why the file cannot be executed. */
static int check_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* The first executable NAME in the directories of @dirs; *ret_why is EACCES when one was there but closed. */
static char *search(const char *dirs, const char *name, int *ret_why)
{
	*ret_why = ENOENT;
	for (const char *at = dirs; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		int len = (int)strcspn(at, ":");
		char path[PATH_MAX];
		int n = len ? snprintf(path, sizeof(path), "%.*s/%s", len, at, name) :
			      snprintf(path, sizeof(path), "./%s", name);
		int why = n < (int)sizeof(path) ? check_file(path) : ENAMETOOLONG;

		if (!why) {
			*ret_why = 0;
			return strdup(path);
		}
		/* It is there, but closed. A directory that may not be looked into is passed over. */
		if (why == EACCES && faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0)
			*ret_why = EACCES;
	}
	return NULL;
}

static int resolve(struct proc *p, struct skep_error **reterr)
{
	const char *name = p->opts.argv[0], *dirs = getenv("PATH");
	int why;

	if (strchr(name, '/')) {
		why = check_file(name);
		p->path = why ? NULL : strdup(name);
	} else {
		p->path = search(dirs ? dirs : "/bin:/usr/bin", name, &why);
	}
	if (p->path)
		return 0;
	if (!why || (why == ENOENT && !*name))
		return why ? skep_fail(reterr, &ERR_NO_COMMAND, SKEP_NOWHERE, "its name is empty") :
			     skep_fail_nomem(reterr);
	if (why == ENOENT || why == ENOTDIR)
		return skep_fail(reterr, &ERR_NO_COMMAND, SKEP_NOWHERE,
				 strchr(name, '/') ? "'%s' does not exist" :
						     "'%s' is in no directory of PATH",
				 name);
	if (why == EACCES)
		return skep_fail(reterr, &ERR_ACCESS, SKEP_NOWHERE,
				 "'%s' is no executable file, or not for this user", name);
	return skep_fail(reterr, &ERR_ACCESS, SKEP_NOWHERE, "'%s': %s", name, strerror(why));
}

/* argv for /bin/sh, made beforehand: the child cannot allocate. */
static int prepare_script(struct proc *p, struct skep_error **reterr)
{
	size_t n = 0;

	while (p->opts.argv[n])
		n++;
	p->script = calloc(n + 2, sizeof(char *));
	if (!p->script)
		return skep_fail_nomem(reterr);
	p->script[0] = (char *)"/bin/sh";
	p->script[1] = p->path;
	for (size_t i = 1; i < n; i++)
		p->script[i + 1] = p->opts.argv[i];
	return 0;
}

/* One CPU for both: waking a process on another costs ten times a stop. */
static void place(struct proc *p)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	p->cpu = -1;
	if (p->opts.spread || cpu < 0 || sched_getaffinity(0, sizeof(p->affinity), &p->affinity))
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) == 0)
		p->cpu = cpu;
}

/* An ignored SIGCHLD would let the kernel throw away the exit status that is waited for. */
static void watch_children(struct proc *p)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	if (sigaction(SIGCHLD, NULL, &p->sigchld) < 0)
		return;
	if (p->sigchld.sa_handler != SIG_IGN && !(p->sigchld.sa_flags & SA_NOCLDWAIT))
		return;
	p->sigchld_changed = sigaction(SIGCHLD, &dfl, NULL) == 0;
}

static int install(const struct sock_fprog *filter)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) == 0)
		return 0;
	/* Without CAP_SYS_ADMIN a filter asks for the promise that an exec gives no new privileges. */
	if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) == 0 ? 0 : errno;
}

__attribute__((noreturn)) static void child(const struct proc *p, const struct sock_fprog *filter,
					    int go, int fail)
{
	struct failure f = { STAGE_FILTER, 0 };
	char byte;
	ssize_t n;

	do
		n = read(go, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(127);
	if (p->sigchld_changed)
		sigaction(SIGCHLD, &p->sigchld, NULL);
	f.code = install(filter);
	if (!f.code) {
		f.stage = STAGE_EXEC;
		execve(p->path, p->opts.argv, environ);
		if (errno == ENOEXEC)
			execve(p->script[0], p->script, environ);
		f.code = errno;
	}
	do
		n = write(fail, &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	_exit(127);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int start(struct proc *p, const struct sock_fprog *filter, struct skep_error **reterr)
{
	int go[2], fail[2];
	int r;

	if (pipe2(go, O_CLOEXEC) < 0)
		return skep_fail(reterr, &ERR_SPAWN, SKEP_NOWHERE, "pipe: %s", strerror(errno));
	if (pipe2(fail, O_CLOEXEC) < 0) {
		r = skep_fail(reterr, &ERR_SPAWN, SKEP_NOWHERE, "pipe: %s", strerror(errno));
		close(go[0]);
		close(go[1]);
		return r;
	}
	p->command = fork();
	if (p->command == 0) {
		close(go[1]);
		child(p, filter, go[0], fail[1]);
	}
	r = errno;
	close(go[0]);
	close(fail[1]);
	p->go_fd = go[1];
	p->fail_fd = fail[0];
	if (p->command < 0) {
		p->command = 0;
		return skep_fail(reterr, &ERR_SPAWN, SKEP_NOWHERE, "fork: %s", strerror(r));
	}
	if (ptrace(PTRACE_SEIZE, p->command, NULL, OPTIONS) < 0) {
		r = skep_fail(reterr, &ERR_TRACE, SKEP_NOWHERE, "ptrace: %s", strerror(errno));
		skep_hint(reterr, "a container may forbid ptrace, and what is traced already (by "
				  "strace, gdb or another skep) cannot be traced twice");
		kill(p->command, SIGKILL);
		while (waitpid(p->command, NULL, __WALL) < 0 && errno == EINTR)
			;
		p->command = 0;
		return r;
	}
	if (!proc_task_add(p, p->command, p->command))
		return skep_fail_nomem(reterr);
	p->stats.processes = p->stats.threads = 1;
	return 0;
}

int proc_spawn(struct proc *p, struct skep_error **reterr)
{
	struct sock_filter *insns;
	struct sock_fprog filter;
	int r, n;

	if (!p->opts.argv || !p->opts.argv[0])
		return skep_fail(reterr, &ERR_ARGS, SKEP_NOWHERE, NULL);
	r = resolve(p, reterr);
	if (r == 0)
		r = prepare_script(p, reterr);
	if (r < 0)
		return r;
	insns = calloc(FILTER_MAX, sizeof(*insns));
	if (!insns)
		return skep_fail_nomem(reterr);
	n = proc_filter(p->calls, p->ncalls, p->all != 0, insns, FILTER_MAX);
	if (n < 0) {
		r = skep_fail(reterr, &ERR_FILTER, SKEP_NOWHERE,
			      "the filter has over %d instructions", FILTER_MAX);
	} else {
		filter = (struct sock_fprog){ (unsigned short)n, insns };
		place(p);
		watch_children(p);
		r = start(p, &filter, reterr);
	}
	free(insns);
	return r;
}

/*
 * A child that stops itself ten times a second, and at the deadline: waitpid() has no time limit, and a signal that
 * sets *stop just before it blocks would not be noticed. It needs no handler in the caller's process.
 */
__attribute__((noreturn)) static void tick(pid_t parent, double deadline)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	setsid();
	syscall(SYS_close_range, 0u, ~0u, 0u);
	while (getppid() == parent) {
		double left = deadline - proc_now();
		struct timespec ts = { 0, 100000000 };

		if (deadline > 0 && left > 0 && left < 0.1)
			ts.tv_nsec = (long)(left * 1e9) + 1;
		nanosleep(&ts, NULL);
		kill(getpid(), SIGSTOP);
	}
	_exit(0);
}

int proc_go(struct proc *p, struct skep_error **reterr)
{
	pid_t self = getpid();

	p->ticker = fork();
	if (p->ticker == 0)
		tick(self, p->deadline);
	if (p->ticker < 0) {
		p->ticker = 0;
		return skep_fail(reterr, &ERR_SPAWN, SKEP_NOWHERE, "fork: %s", strerror(errno));
	}
	/* It may have been killed: then its end comes next. */
	(void)!write(p->go_fd, "", 1);
	close_fd(&p->go_fd);
	return 0;
}

int proc_spawn_failure(struct proc *p, struct skep_error **reterr)
{
	const char *name = p->opts.argv[0];
	struct pollfd ready = { p->fail_fd, POLLIN, 0 };
	struct failure f;

	if (poll(&ready, 1, 0) <= 0 || read(p->fail_fd, &f, sizeof(f)) != (ssize_t)sizeof(f))
		return skep_fail(reterr, &ERR_DIED, SKEP_NOWHERE, "'%s', by signal %d", name,
				 p->stats.signal);
	if (f.stage == STAGE_FILTER)
		return skep_fail(reterr, &ERR_FILTER, SKEP_NOWHERE, "seccomp: %s",
				 strerror(f.code));
	if (f.code == ENOENT)
		return skep_fail(reterr, &ERR_NO_COMMAND, SKEP_NOWHERE,
				 "'%s', or the interpreter that it names, does not exist", name);
	if (f.code == EACCES || f.code == EPERM)
		return skep_fail(reterr, &ERR_ACCESS, SKEP_NOWHERE, "'%s': %s", name,
				 strerror(f.code));
	return skep_fail(reterr, &ERR_EXEC, SKEP_NOWHERE, "'%s': %s", name, strerror(f.code));
}

void proc_spawn_done(struct proc *p)
{
	close_fd(&p->go_fd);
	close_fd(&p->fail_fd);
	if (p->ticker > 0) {
		kill(p->ticker, SIGKILL);
		while (waitpid(p->ticker, NULL, __WALL) < 0 && errno == EINTR)
			;
	}
	if (p->cpu >= 0)
		sched_setaffinity(0, sizeof(p->affinity), &p->affinity);
	if (p->sigchld_changed)
		sigaction(SIGCHLD, &p->sigchld, NULL);
	free(p->path);
	free(p->script);
}
