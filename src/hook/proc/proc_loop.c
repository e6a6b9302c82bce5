// SPDX-License-Identifier: Apache-2.0
/*
 * The wait loop: one report of waitpid() after the other, each answered with exactly one of PTRACE_CONT,
 * PTRACE_SYSCALL (until the return of the call under way) and PTRACE_LISTEN (a stop of job control, which
 * lasts). Invariant: every thread in the table is running, listening or held.
 *
 * A new thread may report before its parent has told of it. It is held until then, so that programs see the
 * fork before what the child does; when somebody dies it is let go, for the parent may be the one. Any ptrace
 * request may find its thread killed (ESRCH): then the end of the thread is reported next and nothing
 * else is to be done. Reference: ptrace(2), "Stopped states".
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hook/proc/internal.h"

/* Seconds that a command gets to end by itself, and after SIGTERM. */
#define GRACE 1.0
#define TERM_GRACE 2.0

double proc_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void resume(const struct proc_task *t, int sig)
{
	ptrace(t->flags & TASK_RETURN ? PTRACE_SYSCALL : PTRACE_CONT, t->tid, NULL,
	       (void *)(long)sig);
}

static bool is_job_stop(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static void on_trap(const struct proc_task *t, int sig)
{
	if (is_job_stop(sig))
		ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
	else
		resume(t, 0);
}

/* The kernel lets a child return from its parent's call, and its tracepoint tells of that. */
static void tell_birth(struct proc *p, struct proc_task *t)
{
	long nr;

	if (p->quiet || !p->when_used[PROC_RETURN] || proc_regs_get(t->tid, &p->regs) < 0)
		return;
	nr = proc_regs_nr(&p->regs);
	if (proc_call_flags(p, nr) & CALL_RETURN)
		proc_fire_return(p, t, (int)nr, proc_regs_ret(&p->regs));
}

static void count_new(struct proc *p, const struct proc_task *t)
{
	p->stats.threads++;
	p->stats.processes += t->tid == t->tgid;
}

/* First step of a new thread whose process is known. */
static void let_go(struct proc *p, struct proc_task *t, int sig)
{
	t->flags &= ~(TASK_HELD | TASK_EXPECTED);
	tell_birth(p, t);
	on_trap(t, sig);
}

static void let_go_held(struct proc *p)
{
	struct proc_task *t;

	while ((t = proc_task_held(p))) {
		t->tgid = proc_tgid_of(t->tid);
		t->flags |= TASK_UNANNOUNCED;
		count_new(p, t);
		let_go(p, t, t->held_sig);
	}
}

static void on_fork(struct proc *p, struct proc_task *t, int event)
{
	unsigned long message;
	struct proc_task *new;
	pid_t child, tgid;

	if (ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &message) < 0)
		return; /* killed: its child is let go when the end is reported */
	child = (pid_t)message;
	/* Only clone makes threads: is there such a thread in this process? */
	tgid = event == PTRACE_EVENT_CLONE && syscall(SYS_tgkill, t->tgid, child, 0) == 0 ?
		       t->tgid :
		       child;
	proc_fire_fork(p, t, child);
	new = proc_task_find(p, child);
	if (new && (new->flags &TASK_UNANNOUNCED)) {
		new->flags &= ~TASK_UNANNOUNCED;
	} else {
		bool held = new && (new->flags &TASK_HELD);

		if (!new)
			new = proc_task_add(p, child, tgid);
		if (new) {
			new->tgid = tgid;
			new->flags |= t->flags &(TASK_MOVED | TASK_UID);
			new->uid_gid = t->uid_gid;
			count_new(p, new);
		}
		if (new &&held)
			let_go(p, new, new->held_sig);
		else if (new)
			new->flags |= TASK_EXPECTED;
	}
	resume(t, 0);
}

/* An exec in a thread gives it the id of its process; the other threads are gone. */
static void on_exec(struct proc *p, struct proc_task *t)
{
	unsigned long message;
	pid_t old = t->tid;

	if (ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &message) == 0)
		old = (pid_t)message;
	if (old != t->tid) {
		struct proc_task *former = proc_task_find(p, old);

		if (former) {
			t->flags = former->flags;
			t->call_flags = former->call_flags;
			t->nr = former->nr;
			t->arg0 = former->arg0;
			proc_task_del(p, former);
		}
	}
	t->tgid = t->tid;
	t->flags &= ~(TASK_HELD | TASK_EXPECTED | TASK_UNANNOUNCED | TASK_DYING);
	proc_task_renew(p, t);
	if (t->tid == p->command)
		p->begun = true;
	proc_fire_exec(p, t, old);
	resume(t, 0);
}

static void on_call(struct proc *p, struct proc_task *t)
{
	unsigned int flags;
	long nr;

	t->flags &= ~TASK_RETURN;
	if (p->quiet)
		goto out;
	if (proc_regs_get(t->tid, &p->regs) < 0) {
		p->stats.lost++;
		return;
	}
	nr = proc_regs_nr(&p->regs);
	flags = proc_call_flags(p, nr);
	t->nr = (int)nr;
	t->call_flags = flags;
	t->arg0 = proc_regs_arg(&p->regs, 0);
	if (flags & CALL_ENTER)
		proc_fire_call(p, t, t->nr);
	if (flags & (CALL_RETURN | CALL_CREDS | CALL_AFFINITY))
		t->flags |= TASK_RETURN;
out:
	resume(t, 0);
}

static void note_change(struct proc *p, struct proc_task *t)
{
	if (t->call_flags & CALL_CREDS)
		t->flags &= ~TASK_UID;
	if (t->call_flags & CALL_AFFINITY) {
		struct proc_task *moved = t->arg0 ? proc_task_find(p, (pid_t)t->arg0) : t;

		if (moved)
			moved->flags |= TASK_MOVED;
	}
}

static void on_return(struct proc *p, struct proc_task *t)
{
	bool wanted = t->flags & TASK_RETURN;

	t->flags &= ~TASK_RETURN;
	if (!wanted)
		goto out;
	note_change(p, t);
	if (!(t->call_flags & CALL_RETURN) || p->quiet)
		goto out;
	if (proc_regs_get(t->tid, &p->regs) < 0) {
		p->stats.lost++;
		return;
	}
	proc_regs_restore(&p->regs, t->nr, t->arg0);
	proc_fire_return(p, t, t->nr, proc_regs_ret(&p->regs));
out:
	resume(t, 0);
}

static void on_death(struct proc *p, struct proc_task *t)
{
	t->flags &= ~TASK_RETURN;
	if (!(t->flags & TASK_DYING))
		proc_fire_death(p, t);
	t->flags |= TASK_DYING;
	resume(t, 0);
}

static void on_stop(struct proc *p, pid_t tid, int status)
{
	struct proc_task *t = proc_task_find(p, tid);
	int event = status >> 16, sig = WSTOPSIG(status);

	p->stats.stops++;
	if (!t) {
		t = proc_task_add(p, tid, tid);
		if (!t) {
			ptrace(PTRACE_CONT, tid, NULL, NULL);
			return;
		}
		if (event == PTRACE_EVENT_STOP) {
			t->flags |= TASK_HELD;
			t->held_sig = sig;
			return;
		}
		t->tgid = proc_tgid_of(tid);
		t->flags |= TASK_UNANNOUNCED;
		count_new(p, t);
	}
	if (event == PTRACE_EVENT_SECCOMP)
		on_call(p, t);
	else if (event == 0 && sig == (SIGTRAP | 0x80))
		on_return(p, t);
	else if (event == 0)
		resume(t, sig);
	else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		 event == PTRACE_EVENT_CLONE)
		on_fork(p, t, event);
	else if (event == PTRACE_EVENT_EXEC)
		on_exec(p, t);
	else if (event == PTRACE_EVENT_EXIT)
		on_death(p, t);
	else if (event == PTRACE_EVENT_STOP && (t->flags & TASK_EXPECTED))
		let_go(p, t, sig);
	else if (event == PTRACE_EVENT_STOP)
		on_trap(t, sig);
	else
		resume(t, 0);
}

static void on_end(struct proc *p, pid_t tid, int status)
{
	struct proc_task *t = proc_task_find(p, tid);

	if (tid == p->command) {
		p->stats.exited = true;
		p->stats.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		p->stats.status = p->stats.signal ? 128 + p->stats.signal : WEXITSTATUS(status);
	}
	if (t) {
		p->stats.lost += (t->flags & TASK_UNANNOUNCED) && p->when_used[PROC_FORK];
		p->stats.lost += !(t->flags & TASK_DYING) && p->when_used[PROC_DEATH] && p->begun &&
				 !p->quiet;
		proc_task_del(p, t);
	}
	let_go_held(p);
}

/* A request to stop, and how long ago it was. */
static void check_stop(struct proc *p)
{
	double now = proc_now();
	int asked = p->sink->stop ? *p->sink->stop : 0;

	if (p->deadline > 0 && now >= p->deadline)
		p->quiet = true;
	if (asked && p->ending == END_NONE) {
		p->ending = END_ASKED;
		p->ending_since = now;
		/* The terminal sends these two to the command as well, other signals came to us alone. */
		if (asked > 1 && asked < NSIG && asked != SIGINT && asked != SIGQUIT)
			kill(p->command, asked);
	}
	if (p->ending == END_ASKED && now - p->ending_since > GRACE) {
		p->ending = END_TERM;
		proc_task_signal(p, SIGTERM);
		proc_task_signal(p, SIGCONT);
	} else if (p->ending == END_TERM && now - p->ending_since > GRACE + TERM_GRACE) {
		p->ending = END_KILL;
		proc_task_signal(p, SIGKILL);
	}
}

static void on_tick(struct proc *p, int status)
{
	if (!WIFSTOPPED(status)) {
		p->ticker = 0;
		return;
	}
	proc_task_sweep(p);
	check_stop(p);
	kill(p->ticker, SIGCONT);
}

/* One report; false when there is nothing to wait for. */
static bool step(struct proc *p, int flags)
{
	int status;
	pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD | WUNTRACED | flags);

	if (tid < 0 && errno == EINTR)
		check_stop(p);
	if (tid <= 0)
		return tid < 0 && errno == EINTR;
	if (p->deadline > 0 && !p->quiet)
		check_stop(p);
	if (tid == p->ticker)
		on_tick(p, status);
	else if (WIFSTOPPED(status))
		on_stop(p, tid, status);
	else
		on_end(p, tid, status);
	return true;
}

int proc_loop(struct proc *p, struct skep_error **reterr)
{
	while (p->ntasks && !p->nomem && step(p, 0))
		if (p->sink->stop && *p->sink->stop && p->ending == END_NONE)
			check_stop(p);
	if (p->nomem)
		return skep_fail_nomem(reterr);
	if (!p->begun)
		return proc_spawn_failure(p, reterr);
	return 0;
}

void proc_end(struct proc *p)
{
	double begin = proc_now();

	p->quiet = true;
	while (p->ntasks && proc_now() - begin < 5) {
		proc_task_signal(p, SIGKILL);
		let_go_held(p);
		if (!step(p, WNOHANG))
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		proc_task_sweep(p);
	}
}
