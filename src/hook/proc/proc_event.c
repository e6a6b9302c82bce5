// SPDX-License-Identifier: Apache-2.0
/*
 * Events of the stopped thread, as the kernel would lay them out, and the programs that they fire, in the order of
 * their attachment. Records of tracepoints: tracefs, events/CATEGORY/EVENT/format; sched_process_fork has the fixed
 * layout of kernels before 6.16, like the model kernel's BTF. The `type` of the common header is 0: numbers
 * of tracepoints exist only in a running kernel, and the kernel hides these 8 bytes from programs.
 */
#include <string.h>

#include "hook/proc/internal.h"

#define ENTRY_SIZE 8
#define FORK_SIZE 48
#define EXIT_SIZE 40
#define EXEC_FIXED 20
/* What the kernel's priorities have before those of proc(5). */
#define PRIO_BASE 100

unsigned int proc_call_flags(const struct proc *p, long nr)
{
	return p->all | (nr >= 0 && (size_t)nr < p->ncalls ? p->calls[nr] : 0u);
}

static void put32(struct proc *p, size_t off, uint32_t v)
{
	memcpy((char *)p->record + off, &v, sizeof(v));
}

static void start_record(struct proc *p, const struct proc_task *t, size_t size)
{
	memset(p->record, 0, size);
	put32(p, 4, (uint32_t)t->tid);
}

static void add(struct proc *p, const void *base, size_t size, enum exec_region_kind kind,
		const char *name)
{
	exec_region_add(&p->run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)base,
							.size = size,
							.kind = kind,
							.name = name });
}

/* A record of @size bytes is ready in p->record, the arguments of a raw tracepoint in p->args. */
static void run_one(struct proc *p, const struct proc_attach *a, size_t size)
{
	uint64_t r0;
	const void *ctx;
	int r;

	exec_run_start(&p->run, p->opts.budget);
	p->known.regs = a->point.when == PROC_ENTER || a->point.when == PROC_RETURN ?
				(const struct model_pt_regs *)&p->regs :
				NULL;
	p->run.event = &p->known;
	if (a->point.form == FORM_RAW_TP) {
		ctx = p->args;
		add(p, ctx, sizeof(p->args), REGION_CTX, "arguments of the raw tracepoint");
		add(p, &p->regs, PROC_PT_REGS_SIZE, REGION_KERNEL, "struct pt_regs");
	} else {
		ctx = p->record;
		if (a->point.form == FORM_CALL && a->point.when == PROC_ENTER)
			size = ENTRY_SIZE + 8 + 8 * a->point.nargs;
		add(p, ctx, size, REGION_CTX, a->prog->target);
	}
	p->stats.events++;
	r = hook_fire(p->sink, a->prog, &p->run, (uint64_t)(uintptr_t)ctx, &r0);
	if (r < 0)
		p->quiet = true;
}

static void fire(struct proc *p, struct proc_task *t, enum proc_when when, int nr, size_t size)
{
	bool any = false;

	if (p->quiet)
		return;
	p->current = t;
	for (size_t i = 0; i < p->nattaches && !p->quiet; i++) {
		const struct proc_attach *a = &p->attaches[i];

		if (a->point.when != when || (a->point.nr >= 0 && a->point.nr != nr))
			continue;
		run_one(p, a, size);
		any = true;
	}
	if (any && p->sink->after && p->sink->after(p->sink->ctx))
		p->quiet = true;
	if (p->quiet && p->ending == END_NONE) {
		p->ending = END_ASKED;
		p->ending_since = proc_now();
	}
}

/* The number as `int nr` of one call's tracepoint or `long id` of raw_syscalls: the same bytes. */
static void start_call(struct proc *p, const struct proc_task *t, int nr)
{
	start_record(p, t, ENTRY_SIZE + 8 + 8 * 6);
	put32(p, ENTRY_SIZE, (uint32_t)nr);
	p->args[0] = (uint64_t)(uintptr_t)&p->regs;
}

void proc_fire_call(struct proc *p, struct proc_task *t, int nr)
{
	start_call(p, t, nr);
	for (unsigned int i = 0; i < 6; i++)
		p->record[2 + i] = proc_regs_arg(&p->regs, i);
	p->args[1] = (uint64_t)(int64_t)nr;
	fire(p, t, PROC_ENTER, nr, ENTRY_SIZE + 8 + 8 * 6);
}

void proc_fire_return(struct proc *p, struct proc_task *t, int nr, long ret)
{
	start_call(p, t, nr);
	p->record[2] = (uint64_t)ret;
	p->args[1] = (uint64_t)ret;
	fire(p, t, PROC_RETURN, nr, ENTRY_SIZE + 16);
}

void proc_fire_exec(struct proc *p, struct proc_task *t, pid_t old)
{
	size_t room = sizeof(p->record) - EXEC_FIXED, len;
	char *name = (char *)p->record + EXEC_FIXED;

	if (!p->when_used[PROC_EXEC] || p->quiet)
		return;
	start_record(p, t, EXEC_FIXED);
	len = proc_exec_name(p, t, name, room - 8);
	if (!len) {
		p->stats.lost++;
		return;
	}
	memset(name + len, 0, 8); /* the kernel rounds records up */
	put32(p, ENTRY_SIZE, (uint32_t)(len << 16 | EXEC_FIXED));
	put32(p, ENTRY_SIZE + 4, (uint32_t)t->tid);
	put32(p, ENTRY_SIZE + 8, (uint32_t)old);
	fire(p, t, PROC_EXEC, -1, num_align(EXEC_FIXED + len, 8));
}

void proc_fire_fork(struct proc *p, struct proc_task *t, pid_t child)
{
	char comm[16];

	if (!p->when_used[PROC_FORK] || p->quiet)
		return;
	proc_comm(p, t, comm);
	start_record(p, t, FORK_SIZE);
	/* The child is a copy, and has not run. */
	memcpy((char *)p->record + 8, comm, sizeof(comm));
	put32(p, 24, (uint32_t)t->tid);
	memcpy((char *)p->record + 28, comm, sizeof(comm));
	put32(p, 44, (uint32_t)child);
	fire(p, t, PROC_FORK, -1, FORK_SIZE);
}

void proc_fire_death(struct proc *p, struct proc_task *t)
{
	char comm[16];

	if (!p->when_used[PROC_DEATH] || p->quiet)
		return;
	proc_comm(p, t, comm);
	start_record(p, t, EXIT_SIZE);
	memcpy((char *)p->record + 8, comm, sizeof(comm));
	put32(p, 24, (uint32_t)t->tid);
	put32(p, 28, (uint32_t)(proc_stat_field(t->tid, 18, 20) + PRIO_BASE));
	/* bool group_dead, which kernels since 6.16 have */
	put32(p, 32, proc_task_siblings(p, t->tgid) <= 1);
	fire(p, t, PROC_DEATH, -1, EXIT_SIZE);
}
