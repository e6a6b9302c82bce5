// SPDX-License-Identifier: Apache-2.0
/*
 * Registers of a stopped thread. Layouts: ptrace(2), and struct pt_regs of the kernel, whose first part
 * PTRACE_GETREGS (x86-64) and NT_PRSTATUS (arm64) give unchanged. System call ABI: syscall(2).
 */
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "hook/proc/internal.h"

#if defined(__x86_64__)

int proc_regs_get(pid_t tid, struct proc_regs *ret)
{
	return ptrace(PTRACE_GETREGS, tid, NULL, ret) < 0 ? -errno : 0;
}

long proc_regs_nr(const struct proc_regs *regs)
{
	return (long)regs->orig_ax;
}

uint64_t proc_regs_arg(const struct proc_regs *regs, unsigned int i)
{
	const uint64_t args[6] = { regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9 };

	return args[i];
}

long proc_regs_ret(const struct proc_regs *regs)
{
	return (long)regs->ax;
}

void proc_regs_restore(struct proc_regs *regs, int nr, uint64_t arg0)
{
	/* All of it is still there. */
	(void)regs, (void)nr, (void)arg0;
}

#elif defined(__aarch64__)

int proc_regs_get(pid_t tid, struct proc_regs *ret)
{
	struct iovec iov = { ret, offsetof(struct proc_regs, orig_x0) };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &iov) < 0)
		return -errno;
	ret->orig_x0 = ret->regs[0];
	ret->syscallno = (int32_t)ret->regs[8];
	ret->unused = 0;
	return 0;
}

long proc_regs_nr(const struct proc_regs *regs)
{
	return regs->syscallno;
}

uint64_t proc_regs_arg(const struct proc_regs *regs, unsigned int i)
{
	return i ? regs->regs[i] : regs->orig_x0;
}

long proc_regs_ret(const struct proc_regs *regs)
{
	return (long)regs->regs[0];
}

void proc_regs_restore(struct proc_regs *regs, int nr, uint64_t arg0)
{
	regs->syscallno = nr;
	regs->orig_x0 = arg0;
}

#endif
