/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of guarded access: memory that may not be there is read and written without the process dying of it. The
 * instructions that may fault are listed, with the place where to go on after a fault; a handler of SIGSEGV and
 * SIGBUS finds the faulting one by its address, on whatever thread it was. Compiled programs list their probing loads
 * in the same way. A signal that belongs to no such instruction goes on to the application, as if we were not there.
 *
 * What no handler can mend: a thread that blocks SIGSEGV or SIGBUS dies of a fault, as the kernel has it; and so does
 * a process whose application installed a handler after ours that does not ask exec_guard_handle().
 */
#ifndef EXEC_GUARD_H
#define EXEC_GUARD_H

#include <signal.h>

#include "exec/exec.h"

/*
 * Installs the handlers, once for the process. What takes whole buffers below does it by itself; exec_guard_load*(), and
 * compiled code with probing loads, need it to have been called. 0 or -errno.
 */
int exec_guard_start(void);

/* @n bytes from @src to @dst, either of which may be bad: 0, or -EFAULT when some of @dst may have been written. */
int exec_guard_read(void *dst, const void *src, size_t n);
int exec_guard_write(void *dst, const void *src, size_t n);
/*
 * Up to @n bytes, ending behind the first NUL; nothing behind it is read. How many were copied (the last one is no NUL if
 * there was none), or -EFAULT.
 */
int64_t exec_guard_str(char *dst, const void *src, size_t n);

/* One value, zero-extended; !ok and 0 from a bad address. In two registers, for compiled code. */
struct exec_pair exec_guard_load1(uint64_t addr);
struct exec_pair exec_guard_load2(uint64_t addr);
struct exec_pair exec_guard_load4(uint64_t addr);
struct exec_pair exec_guard_load8(uint64_t addr);

/* Compiled code: the load at `at` writes register `reg` (as the CPU numbers them), which a fault clears; then `next`. */
struct exec_guard_fix {
	uint32_t at, next; /* offsets in the code */
	uint8_t reg;
};
struct exec_guard_code;

/*
 * From now on faults in [start, start + size) are looked up in @fixes (ascending by `at`; read until
 * exec_guard_remove()). Before remove() nothing may run in that code any more. Thread-safe. 0 or -ENOMEM.
 */
int exec_guard_add(const void *start, size_t size, const struct exec_guard_fix *fixes, size_t n,
		   struct exec_guard_code **ret);
void exec_guard_remove(struct exec_guard_code *code); /* NULL is fine */

/*
 * For a handler: was this a guarded access? Then the context goes on behind it. Async-signal-safe. @ucontext is the third
 * argument of the handler.
 */
bool exec_guard_handle(int sig, const siginfo_t *info, void *ucontext);

#endif
