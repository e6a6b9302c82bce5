/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of hook/proc/ share: the session, its table of threads, and the registers of a stopped
 * thread, the one thing here that depends on the CPU.
 */
#ifndef HOOK_PROC_INTERNAL_H
#define HOOK_PROC_INTERNAL_H

#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <sys/types.h>

#include "base/num.h"
#include "helper/event.h"
#include "hook/hook.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "hook/proc/errors.def"
#undef ERR

/* Registers, laid out as struct pt_regs of the kernel: programs read them. */
#if defined(__x86_64__)
struct proc_regs {
	uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	uint64_t ip, cs, flags, sp, ss;
	uint64_t segments[6]; /* PTRACE_GETREGS adds fs_base, gs_base, ds, es, fs, gs */
};
#define PROC_PT_REGS_SIZE offsetof(struct proc_regs, segments)
#elif defined(__aarch64__)
struct proc_regs {
	uint64_t regs[31], sp, pc, pstate;
	uint64_t orig_x0; /* what PTRACE_GETREGSET does not give */
	int32_t syscallno;
	uint32_t unused;
};
#define PROC_PT_REGS_SIZE sizeof(struct proc_regs)
#else
#error "supervised commands need the registers and the seccomp architecture of this CPU"
#endif

/* 0 or -errno (-ESRCH: it was killed in its stop). */
int proc_regs_get(pid_t tid, struct proc_regs *ret);
long proc_regs_nr(const struct proc_regs *regs);
uint64_t proc_regs_arg(const struct proc_regs *regs, unsigned int i);
long proc_regs_ret(const struct proc_regs *regs);
/* At the return of a call: what the CPU no longer knows about its start. */
void proc_regs_restore(struct proc_regs *regs, int nr, uint64_t arg0);

/* Which moment fires a program, and which record it gets. */
enum proc_when { PROC_ENTER, PROC_RETURN, PROC_EXEC, PROC_FORK, PROC_DEATH };

enum proc_form {
	FORM_CALL,     /* tracepoint/syscalls: arguments as many as the call has */
	FORM_RAW_CALL, /* tracepoint/raw_syscalls: always six */
	FORM_RAW_TP,   /* raw_tp and tp_btf: pointer to the registers, number or result */
	FORM_SCHED,    /* tracepoint/sched: one record each */
};

struct proc_point {
	enum proc_when when;
	enum proc_form form;
	int nr; /* -1: every call, or no call at all */
	unsigned int nargs;
};

/* proc_match.c: where the program attaches, or why it cannot. */
bool proc_match(const struct core_prog *prog, struct proc_point *ret, char *why, size_t size);

struct proc_attach {
	struct core_prog *prog;
	struct proc_point point;
};

/* proc_filter.c: classic BPF for seccomp. Bits of the calls table. */
#define CALL_ENTER 1u
#define CALL_RETURN 2u
#define CALL_CREDS 4u	 /* changes ids: what is cached of them is void */
#define CALL_AFFINITY 8u /* moves a thread to other CPUs */

/* SECCOMP_RET_TRACE for numbers whose table entry is not 0 (@all: for every one). Returns the
 * length, or -E2BIG. @calls may be shorter than the machine's numbers: the rest is not traced. */
int proc_filter(const uint8_t *calls, size_t ncalls, bool all, struct sock_filter *out, size_t max);

#define TASK_RETURN 1u	    /* the stop at the call's return is wanted */
#define TASK_HELD 2u	    /* new and stopped until its parent's event has been told */
#define TASK_EXPECTED 4u    /* its parent's event came, its own first stop did not */
#define TASK_UNANNOUNCED 8u /* runs, and its parent's event never came */
#define TASK_DYING 16u	    /* its end has been told */
#define TASK_MOVED 32u	    /* may run on other CPUs than ours */
#define TASK_UID 64u	    /* uid_gid is known */

#define PROC_NO_FD (-1)

/* A thread under supervision. */
struct proc_task {
	struct proc_task *next; /* of its bucket */
	pid_t tid, tgid;
	unsigned int flags, call_flags;
	int nr;	       /* call under way, with TASK_RETURN */
	uint64_t arg0; /* of it */
	int held_sig;  /* of the first stop, with TASK_HELD */
	uint64_t uid_gid;
	uint64_t cgroup_id;
	char *cgroup; /* path that cgroup_id stands for */
	int comm_fd, cgroup_fd, mem_fd;
};

#define TASK_BUCKETS 1024

enum proc_ending { END_NONE, END_ASKED, END_TERM, END_KILL };

struct proc {
	struct hook_opts opts;
	const struct hook_sink *sink;
	struct hook_stats stats;
	struct proc_attach *attaches;
	size_t nattaches;
	bool when_used[PROC_DEATH + 1];
	uint8_t *calls; /* CALL_ bits by number */
	size_t ncalls;
	uint8_t all; /* CALL_ bits of every number */

	struct exec_run run;
	bool run_ready;
	struct proc_task *buckets[TASK_BUCKETS];
	size_t ntasks;
	struct proc_task *current; /* that programs run for */
	bool begun;		   /* the command's own exec succeeded */
	bool quiet;		   /* programs no longer run */
	bool nomem;
	enum proc_ending ending;
	double ending_since, deadline; /* CLOCK_MONOTONIC seconds */

	/* proc_spawn.c */
	char *path;    /* of the executable */
	char **script; /* argv of a shell when the file has no format, else NULL */
	pid_t command, ticker;
	int go_fd;	    /* a byte lets the command exec; -1 */
	int fail_fd;	    /* it tells why it could not */
	int cpu;	    /* that both are on, or -1 */
	cpu_set_t affinity; /* before */
	struct sigaction sigchld;
	bool sigchld_changed;

	/* proc_host.c */
	char *cgroup_mount; /* of cgroup2; NULL: none or not looked for */
	char *cgroup_root;  /* the part of the hierarchy that is mounted there */
	bool cgroup_looked;
	bool no_vm_readv;
	size_t nfds, max_fds; /* descriptors kept for threads */

	/* memory of the event */
	struct helper_event known; /* what helpers may ask beyond the context */
	struct proc_regs regs;
	uint64_t args[2];
	uint64_t record[544]; /* the largest: sched_process_exec with a path of 4,096 bytes */
};

/* proc_task.c */
struct proc_task *proc_task_find(struct proc *p, pid_t tid);
/* NULL: out of memory. */
struct proc_task *proc_task_add(struct proc *p, pid_t tid, pid_t tgid);
void proc_task_del(struct proc *p, struct proc_task *t);
/* After an exec: the files and ids of the old program. */
void proc_task_renew(struct proc *p, struct proc_task *t);
size_t proc_task_siblings(const struct proc *p, pid_t tgid); /* threads of a process */
/* Any thread that is held, or NULL. */
struct proc_task *proc_task_held(struct proc *p);
/* Forgets those that died before their first stop. */
void proc_task_sweep(struct proc *p);
/* Sends a signal to every process. */
void proc_task_signal(struct proc *p, int sig);
void proc_task_free_all(struct proc *p);

/* proc_event.c: run the programs of a moment. The thread is stopped. */
void proc_fire_call(struct proc *p, struct proc_task *t, int nr);
void proc_fire_return(struct proc *p, struct proc_task *t, int nr, long ret);
void proc_fire_exec(struct proc *p, struct proc_task *t, pid_t old);
void proc_fire_fork(struct proc *p, struct proc_task *t, pid_t child);
void proc_fire_death(struct proc *p, struct proc_task *t);
/* CALL_ bits of a call. */
unsigned int proc_call_flags(const struct proc *p, long nr);

/* proc_host.c: what programs ask about the stopped thread. host_ctx is the struct proc. */
extern const struct exec_host proc_host;
void proc_comm(struct proc *p, struct proc_task *t, char out[16]);
/* Numbers of /proc/TID/stat: field as in proc(5), >= 3; fallback when it cannot be read. */
long proc_stat_field(pid_t tid, unsigned int field, long fallback);
/* From /proc/TID/status; the thread itself when it cannot be read. */
pid_t proc_tgid_of(pid_t tid);
/* AT_EXECFN: the path given to execve. Returns its length with the NUL, 0 when it cannot be read. */
size_t proc_exec_name(struct proc *p, struct proc_task *t, char *out, size_t size);

/* proc_spawn.c */
int proc_spawn(struct proc *p, struct skep_error **reterr);
int proc_go(struct proc *p, struct skep_error **reterr);
/* Why it ended before its exec. */
int proc_spawn_failure(struct proc *p, struct skep_error **reterr);
void proc_spawn_done(struct proc *p);

/* proc_loop.c */
int proc_loop(struct proc *p, struct skep_error **reterr);
/* Kills what is left and waits for it, 5 s at most. */
void proc_end(struct proc *p);
double proc_now(void);

#endif
