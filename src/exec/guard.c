// SPDX-License-Identifier: Apache-2.0
/*
 * Faults of guarded accesses. This file holds the library's only state of the whole process: what a process does with
 * SIGSEGV and SIGBUS is one thing for all of it, and a handler is given nothing to find other state by.
 *
 * Compiled code is listed in slots that are never moved or freed. A slot is read without a lock, also by a handler that
 * interrupted its writer: an odd or changed `version` says that it is being written, and then it is not the one of
 * the code that faults, which is neither being published nor gone. Only a slot's own code leads to its table.
 *
 * Our handler has SA_ONSTACK, since the application's, which may be called from it, can need its alternative stack (a
 * stack that overflowed). It has no SA_NODEFER: a fault inside of it is a bug, and ends the process instead of
 * recurring. Before the application's handler is called its own mask and SA_NODEFER are put in force; sigreturn takes
 * the thread's mask from the context, so nothing has to be put back.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "exec/guard.h"
#include "exec/internal.h"

#define CHUNK_SLOTS 256

struct exec_guard_code {
	uint64_t version;     /* odd: being written */
	uintptr_t start, end; /* 0: free */
	const struct exec_guard_fix *fixes;
	size_t n;
	struct exec_guard_code *next_free;
};

struct chunk {
	struct exec_guard_code slots[CHUNK_SLOTS];
	struct chunk *next;
};

enum { SEGV, BUS, SIGNALS };
static const int signals[SIGNALS] = { SIGSEGV, SIGBUS };

static struct {
	pthread_mutex_t lock; /* of writers */
	int started;
	struct sigaction before[SIGNALS]; /* constant once ours is in place */
	int spent[SIGNALS];		  /* `before` was to be called once, and was */
	struct chunk first, *last;
	size_t used; /* slots of the last chunk that were ever used */
	struct exec_guard_code *free;
} guard = { .lock = PTHREAD_MUTEX_INITIALIZER };

#define GET(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define PUT(x, value) __atomic_store_n(&(x), (value), __ATOMIC_RELEASE)

/* Contexts ------------------------------------------------------------------------------------------------ */

#if defined(__x86_64__)
/* By the numbers of the CPU. */
static const uint8_t context_regs[] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
					REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
					REG_R12, REG_R13, REG_R14, REG_R15 };

static uintptr_t get_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}

static void set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

static void clear(ucontext_t *uc, uint8_t reg)
{
	uc->uc_mcontext.gregs[context_regs[reg & 15]] = 0;
}
#elif defined(__aarch64__)
static uintptr_t get_pc(const ucontext_t *uc)
{
	return uc->uc_mcontext.pc;
}

static void set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.pc = pc;
}

static void clear(ucontext_t *uc, uint8_t reg)
{
	if (reg < ARRAY_SIZE(uc->uc_mcontext.regs))
		uc->uc_mcontext.regs[reg] = 0;
}
#else
static uintptr_t get_pc(const ucontext_t *uc)
{
	(void)uc;
	return 0;
}

static void set_pc(ucontext_t *uc, uintptr_t pc)
{
	(void)uc, (void)pc;
}

static void clear(ucontext_t *uc, uint8_t reg)
{
	(void)uc, (void)reg;
}
#endif

/* Looking up ---------------------------------------------------------------------------------------------- */

/* The slot as it is for the code that holds @pc; false: it is not that one. */
static bool holds(struct exec_guard_code *slot, uintptr_t pc, struct exec_guard_code *ret)
{
	uint64_t version = GET(slot->version);

	*ret = (struct exec_guard_code){ .start = GET(slot->start),
					 .end = GET(slot->end),
					 .fixes = GET(slot->fixes),
					 .n = GET(slot->n) };
	return !(version & 1) && GET(slot->version) == version && pc >= ret->start && pc < ret->end;
}

static const struct exec_guard_fix *find_fix(const struct exec_guard_code *code, uintptr_t pc)
{
	uint64_t at = pc - code->start;
	size_t lo = 0, hi = code->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (code->fixes[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < code->n && code->fixes[lo].at == at ? &code->fixes[lo] : NULL;
}

static bool fix_code(ucontext_t *uc, uintptr_t pc)
{
	const struct exec_guard_fix *fix = NULL;
	struct exec_guard_code code;

	for (struct chunk *c = &guard.first; c; c = GET(c->next))
		for (size_t i = 0; i < CHUNK_SLOTS; i++) {
			if (!GET(c->slots[i].start) || !holds(&c->slots[i], pc, &code))
				continue;
			fix = find_fix(&code, pc);
			if (!fix)
				return false;
			clear(uc, fix->reg);
			set_pc(uc, code.start + fix->next);
			return true;
		}
	return false;
}

bool exec_guard_handle(int sig, const siginfo_t *info, void *ucontext)
{
	ucontext_t *uc = ucontext;
	uintptr_t pc = get_pc(uc), next;

	if ((sig != SIGSEGV && sig != SIGBUS) || info->si_code <= 0) /* sent by someone */
		return false;
	if (!guard_find(pc, &next))
		return fix_code(uc, pc);
	set_pc(uc, next);
	return true;
}

/* The application's turn ---------------------------------------------------------------------------------------- */

/*
 * The default, and a fault that is ignored, which the kernel does not let pass either: the instruction faults again
 * with the default in place, so that the core shows it. What was sent is sent again; it arrives on our return.
 */
static void die(int sig, const siginfo_t *info)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	sigaction(sig, &action, NULL);
	if (info->si_code <= 0)
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
}

static void pass_on(int which, int sig, siginfo_t *info, void *uc)
{
	const struct sigaction *to = &guard.before[which];
	bool once = to->sa_flags & (int)SA_RESETHAND;
	bool plain = !(to->sa_flags & SA_SIGINFO);
	sigset_t mask;

	if ((once && __atomic_exchange_n(&guard.spent[which], 1, __ATOMIC_ACQ_REL)) ||
	    (plain && to->sa_handler == SIG_DFL)) {
		die(sig, info);
		return;
	}
	if (plain && to->sa_handler == SIG_IGN) {
		if (info->si_code > 0)
			die(sig, info);
		return;
	}
	sigprocmask(SIG_BLOCK, &to->sa_mask, NULL);
	if (to->sa_flags & SA_NODEFER && !sigismember(&to->sa_mask, sig)) {
		sigemptyset(&mask);
		sigaddset(&mask, sig);
		sigprocmask(SIG_UNBLOCK, &mask, NULL);
	}
	if (plain)
		to->sa_handler(sig);
	else
		to->sa_sigaction(sig, info, uc);
}

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	int error = errno;

	if (!exec_guard_handle(sig, info, uc))
		pass_on(sig == SIGBUS ? BUS : SEGV, sig, info, uc);
	errno = error;
}

static int start(void)
{
	struct sigaction ours = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	int r = 0;

	sigemptyset(&ours.sa_mask);
	pthread_mutex_lock(&guard.lock);
	for (int i = 0; i < SIGNALS && r == 0 && !GET(guard.started); i++) {
		struct sigaction *before = &guard.before[i];

		/* asked first: a signal may come as soon as ours is in place */
		if (sigaction(signals[i], NULL, before) < 0 ||
		    sigaction(signals[i], &ours, NULL) < 0)
			r = -errno;
	}
	if (r == 0)
		PUT(guard.started, 1);
	pthread_mutex_unlock(&guard.lock);
	return r;
}

int exec_guard_start(void)
{
	return __builtin_expect(GET(guard.started), 1) ? 0 : start();
}

/* Access -------------------------------------------------------------------------------------------------- */

int exec_guard_read(void *dst, const void *src, size_t n)
{
	return exec_guard_start() < 0 ? -EFAULT : guard_copy(dst, src, n);
}

int exec_guard_write(void *dst, const void *src, size_t n)
{
	return exec_guard_start() < 0 ? -EFAULT : guard_copy(dst, src, n);
}

int64_t exec_guard_str(char *dst, const void *src, size_t n)
{
	return exec_guard_start() < 0 ? -EFAULT : guard_str(dst, src, n);
}

/* Compiled code --------------------------------------------------------------------------------------------- */

static struct exec_guard_code *free_slot(void)
{
	struct exec_guard_code *slot = guard.free;
	struct chunk *last = guard.last ? guard.last : &guard.first, *more;

	if (slot) {
		guard.free = slot->next_free;
		return slot;
	}
	if (guard.used == CHUNK_SLOTS) {
		more = calloc(1, sizeof(*more));
		if (!more)
			return NULL;
		PUT(last->next, more);
		guard.used = 0;
		last = more;
	}
	guard.last = last;
	return &last->slots[guard.used++];
}

static void write_slot(struct exec_guard_code *slot, const struct exec_guard_code *value)
{
	PUT(slot->version, slot->version + 1);
	PUT(slot->start, value->start);
	PUT(slot->end, value->end);
	PUT(slot->fixes, value->fixes);
	PUT(slot->n, value->n);
	PUT(slot->version, slot->version + 1);
}

int exec_guard_add(const void *code, size_t size, const struct exec_guard_fix *fixes, size_t n,
		   struct exec_guard_code **ret)
{
	struct exec_guard_code value = {
		.start = (uintptr_t)code, .end = (uintptr_t)code + size, .fixes = fixes, .n = n
	};
	struct exec_guard_code *slot;
	int r = exec_guard_start();

	if (r < 0)
		return r;
	pthread_mutex_lock(&guard.lock);
	slot = free_slot();
	if (slot)
		write_slot(slot, &value);
	pthread_mutex_unlock(&guard.lock);
	if (!slot)
		return -ENOMEM;
	*ret = slot;
	return 0;
}

void exec_guard_remove(struct exec_guard_code *code)
{
	static const struct exec_guard_code none;

	if (!code)
		return;
	pthread_mutex_lock(&guard.lock);
	write_slot(code, &none);
	code->next_free = guard.free;
	guard.free = code;
	pthread_mutex_unlock(&guard.lock);
}
