// SPDX-License-Identifier: Apache-2.0
/*
 * Locks in values and objects: bpf_spin_lock, whose holder may hold no other, and bpf_res_spin_lock, which gives up instead of
 * waiting for ever (kernel document bpf/graph_ds_impl.rst). A lock holds the number of the process that took it, so that
 * one whose holder died is taken over. What a run still holds when it ends is given back by exec.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "helper/internal.h"

#define PAUSES 100u
#define PATIENCE 1000u	     /* yields before the holder is looked at */
#define TIMEOUT 250000000ull /* ns, of resilient locks */

static uint64_t now_ns(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool is_held(const struct exec_run *run, uint64_t addr)
{
	for (uint32_t i = 0; i < run->nheld; i++)
		if (run->held[i] == addr)
			return true;
	return false;
}

static bool take(uint32_t *word, uint32_t me)
{
	uint32_t none = 0;

	return __atomic_compare_exchange_n(word, &none, me, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* 0, -ETIMEDOUT after @limit, -ECANCELED when the run is to stop. */
static int wait_for(struct exec_run *run, uint32_t *word, uint64_t limit)
{
	uint32_t me = (uint32_t)getpid();
	uint64_t start = 0;

	for (uint64_t n = 0; !take(word, me); n++) {
		uint32_t holder = __atomic_load_n(word, __ATOMIC_RELAXED);

		if (n < PAUSES)
			continue;
		if (__atomic_load_n(&run->stop, __ATOMIC_RELAXED))
			return -ECANCELED;
		sched_yield();
		if (n % PATIENCE == 0 && holder && holder != me && kill((pid_t)holder, 0) < 0 &&
		    errno == ESRCH &&
		    __atomic_compare_exchange_n(word, &holder, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return 0;
		if (!start)
			start = now_ns();
		if (limit && now_ns() - start > limit)
			return -ETIMEDOUT;
	}
	return 0;
}

static int lock(struct exec_run *run, const char *name, uint64_t addr, uint64_t limit)
{
	int r;

	if (addr & 3 || !kfunc_memory(run, name, addr, 4, true))
		return -EINVAL;
	if (is_held(run, addr))
		return -EDEADLK;
	if (run->nheld == EXEC_MAX_HELD) {
		exec_fault(run, &ERR_LOCK, "%s: %d are held", name, EXEC_MAX_HELD);
		return -EDEADLK;
	}
	r = wait_for(run, pointer(addr), limit);
	if (r == 0)
		run->held[run->nheld++] = addr;
	return r;
}

static void unlock(struct exec_run *run, const char *name, uint64_t addr)
{
	for (uint32_t i = 0; i < run->nheld; i++) {
		if (run->held[i] != addr)
			continue;
		run->held[i] = run->held[--run->nheld];
		__atomic_store_n((uint32_t *)pointer(addr), 0, __ATOMIC_RELEASE);
		return;
	}
	exec_fault(run, &ERR_LOCK, "%s: 0x%llx is not held", name, (unsigned long long)addr);
}

BODY(spin_lock)
{
	int r = lock(run, "bpf_spin_lock", a1, 0);

	if (r < 0 && !run->fault)
		exec_fault(run, &ERR_LOCK, "bpf_spin_lock: 0x%llx is held already",
			   (unsigned long long)a1);
	return 0;
}

BODY(spin_unlock)
{
	unlock(run, "bpf_spin_unlock", a1);
	return 0;
}

KBODY(bpf_res_spin_lock)
{
	return (uint32_t)lock(run, "bpf_res_spin_lock", a1, TIMEOUT);
}

KBODY(bpf_res_spin_unlock)
{
	unlock(run, "bpf_res_spin_unlock", a1);
	return 0;
}

KBODY(bpf_res_spin_lock_irqsave)
{
	if (!kfunc_memory(run, "bpf_res_spin_lock_irqsave", a2, 8, true))
		return 0;
	return (uint32_t)lock(run, "bpf_res_spin_lock_irqsave", a1, TIMEOUT);
}

KBODY(bpf_res_spin_unlock_irqrestore)
{
	unlock(run, "bpf_res_spin_unlock_irqrestore", a1);
	return 0;
}
