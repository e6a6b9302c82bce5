// SPDX-License-Identifier: Apache-2.0
/*
 * Event source "a supervised command": runs CMD with all its descendants and threads, unprivileged, and fires programs
 * on their system calls and process events.
 *
 * How: the command runs under a seccomp filter that stops just the calls that attached programs ask for
 * (SECCOMP_RET_TRACE) and under ptrace, which reports those stops and every fork, exec and exit. Other
 * calls cost the filter alone, some 30 ns. A stop costs about 4 us, a call whose return is wanted too stops twice.
 * Reference: ptrace(2), seccomp(2), kernel document userspace-api/seccomp_filter.rst.
 *
 * Facts for who uses it:
 * - Placement. Supervisor and command share one CPU, that of the caller at open, because waking another
 *   one costs ten times a stop; so a parallel command does not run in parallel. `spread` lifts it. The
 *   caller's affinity is restored at close.
 * - Privileges. Without CAP_SYS_ADMIN the filter needs no_new_privs: set-uid and file-capability programs that
 *   the command starts get no privileges. With it they do.
 * - The filter cannot be taken off, and without a supervisor its calls fail (ENOSYS): so the command dies
 *   with the supervisor (PTRACE_O_EXITKILL), and after the time limit it goes on supervised, its programs silent.
 * - The session ends when the command and all its descendants, daemons included, have ended.
 * - When asked to stop: SIGINT and SIGQUIT have come from the terminal to the command too, another
 *   signal number in *stop is sent to it; what is left after 1 s gets SIGTERM, after 2 s more SIGKILL.
 * - The command may not trace its own children (strace, gdb): a thread has one tracer.
 * - A child made with CLONE_UNTRACED is not seen, and its filtered calls fail (ENOSYS); no libc makes one. What the
 *   command asks others to start (a service manager, a container engine) is not its descendant.
 * - Calls of another ABI (int 0x80, x32) are not seen; those that the command's own seccomp filter denies neither.
 * - Waits with __WNOTHREAD for any child of the calling thread: other children of that thread are reaped too.
 *   Open, run and close are for one thread: it is the tracer.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "hook/proc/internal.h"

/* Descriptors kept for threads, at most, and those left to the rest of the process. */
#define KEPT_FDS 512
#define OTHER_FDS 128

static bool serves(const struct core_prog *prog, char *why, size_t size)
{
	struct proc_point point;

	return proc_match(prog, &point, why, size);
}

static const struct {
	const char *name;
	unsigned int flag;
} watched[] = {
	{ "setuid", CALL_CREDS },
	{ "setgid", CALL_CREDS },
	{ "setreuid", CALL_CREDS },
	{ "setregid", CALL_CREDS },
	{ "setresuid", CALL_CREDS },
	{ "setresgid", CALL_CREDS },
	{ "sched_setaffinity", CALL_AFFINITY },
};

static int plan_calls(struct proc *p)
{
	p->ncalls = spec_syscall_limit();
	p->calls = calloc(p->ncalls + 1, 1);
	if (!p->calls)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(watched); i++) {
		int nr = spec_syscall_find(watched[i].name);

		if (nr >= 0 && (size_t)nr < p->ncalls)
			p->calls[nr] |= (uint8_t)watched[i].flag;
	}
	for (size_t i = 0; i < p->nattaches; i++) {
		const struct proc_point *at = &p->attaches[i].point;
		uint8_t flag = at->when == PROC_ENTER  ? CALL_ENTER :
			       at->when == PROC_RETURN ? CALL_RETURN :
							 0;

		p->when_used[at->when] = true;
		if (at->nr < 0)
			p->all |= flag;
		else if ((size_t)at->nr < p->ncalls)
			p->calls[at->nr] |= flag;
	}
	return 0;
}

static int plan(struct proc *p, struct core_prog **progs, size_t nprogs, struct skep_error **reterr)
{
	struct rlimit files;
	char why[256];
	int r;

	p->attaches = calloc(nprogs + 1, sizeof(*p->attaches));
	if (!p->attaches)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < nprogs; i++) {
		struct proc_attach *a = &p->attaches[p->nattaches];

		a->prog = progs[i];
		p->nattaches += proc_match(progs[i], &a->point, why, sizeof(why));
	}
	if (plan_calls(p) < 0)
		return skep_fail_nomem(reterr);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > OTHER_FDS)
		p->max_fds = (size_t)num_min(files.rlim_cur - OTHER_FDS, KEPT_FDS);
	r = exec_run_init(&p->run, reterr);
	if (r < 0)
		return r;
	p->run_ready = true;
	p->run.host = &proc_host;
	p->run.host_ctx = p;
	return 0;
}

static void close_proc(void *source)
{
	struct proc *p = source;

	if (!p)
		return;
	proc_end(p);
	proc_spawn_done(p);
	proc_task_free_all(p);
	if (p->run_ready)
		exec_run_done(&p->run);
	free(p->cgroup_mount);
	free(p->cgroup_root);
	free(p->attaches);
	free(p->calls);
	free(p);
}

static int open_proc(const struct hook_opts *opts, struct core_prog **progs, size_t nprogs,
		     const struct hook_sink *sink, void **ret, struct skep_error **reterr)
{
	struct proc *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return skep_fail_nomem(reterr);
	p->opts = *opts;
	p->sink = sink;
	p->cpu = p->go_fd = p->fail_fd = -1;
	r = plan(p, progs, nprogs, reterr);
	if (r == 0)
		r = proc_spawn(p, reterr);
	if (r < 0) {
		close_proc(p);
		return r;
	}
	*ret = p;
	return 0;
}

static int run(void *source, struct skep_error **reterr)
{
	struct proc *p = source;
	int r;

	if (p->opts.seconds > 0)
		p->deadline = proc_now() + p->opts.seconds;
	r = proc_go(p, reterr);
	return r < 0 ? r : proc_loop(p, reterr);
}

static void stats(void *source, struct hook_stats *ret)
{
	*ret = ((struct proc *)source)->stats;
}

const struct hook_ops hook_proc = {
	.name = "command",
	.serves = serves,
	.open = open_proc,
	.run = run,
	.stats = stats,
	.close = close_proc,
};
