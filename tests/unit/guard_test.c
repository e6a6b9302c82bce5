// SPDX-License-Identifier: Apache-2.0
/*
 * Guarded access: bad addresses of every kind fail and nothing else happens, on one thread and on eight at once, with the
 * application's own handlers before and after ours; and a fault that is not ours takes the course it would have taken
 * without us, down to the signal that ends the process.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "exec/guard.h"
#include "skep/vm.h"

#define PAGE 4096
#define THREADS 8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static char *pages; /* readable, inaccessible, readable, a file's page that is no longer there */

static char *map_pages(void)
{
	char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("guard", MFD_CLOEXEC);

	if (at == MAP_FAILED || fd < 0 || ftruncate(fd, PAGE) < 0 ||
	    mmap(at + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED ||
	    ftruncate(fd, 0) < 0 || mprotect(at + PAGE, PAGE, PROT_NONE) < 0)
		abort();
	close(fd);
	for (int i = 0; i < PAGE; i++)
		at[i] = at[2 * PAGE + i] = (char)(i % 251 + 1);
	return at;
}

struct place {
	const char *name;
	uint64_t addr;
	size_t good; /* bytes that are there */
};

/* Those that the eight threads try as well. */
static size_t make_places(struct place out[16])
{
	const uint64_t at = (uintptr_t)pages;
	const struct place all[] = {
		{ "good", at + 8, PAGE - 8 },
		{ "NULL", 0, 0 },
		{ "the first page", 0x18, 0 },
		{ "inaccessible", at + PAGE, 0 },
		{ "inaccessible, its end", at + 2 * PAGE - 1, 0 },
		{ "the last byte", at + PAGE - 1, 1 },
		{ "across the end", at + PAGE - 5, 5 },
		{ "the last word", at + PAGE - 8, 8 },
		{ "a cut file", at + 3 * PAGE, 0 },
		{ "into a cut file", at + 3 * PAGE - 3, 3 },
		{ "no address", 0x0123456789abcdef, 0 },
		{ "a kernel address", 0xffff888000000000, 0 },
		{ "the end of all", ~0ull - 7, 0 },
	};

	memcpy(out, all, sizeof(all));
	return ARRAY_SIZE(all);
}

static struct exec_pair load(size_t size, uint64_t addr)
{
	switch (size) {
	case 1:
		return exec_guard_load1(addr);
	case 2:
		return exec_guard_load2(addr);
	case 4:
		return exec_guard_load4(addr);
	default:
		return exec_guard_load8(addr);
	}
}

/* What is wrong with guarded access at a place; NULL: nothing. */
static const char *try_place(const struct place *p)
{
	static const size_t sizes[] = { 0,  1,	2,  3,	4,  5,	7,   8,	  9,	15,
					16, 17, 31, 32, 33, 63, 255, 512, 1023, 2000 };
	char *bytes = (char *)(uintptr_t)p->addr, got[2048];
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i];
		int want = n <= p->good ? 0 : -EFAULT;

		if (exec_guard_read(got, bytes, n) != want)
			return "exec_guard_read";
		if (!want && n && memcmp(got, bytes, n) != 0)
			return "the bytes read";
		if (exec_guard_write(bytes, got, want ? n : 0) != (want ? want : 0))
			return "exec_guard_write";
	}
	for (size_t n = 1; n <= 8; n *= 2) {
		struct exec_pair pair = load(n, p->addr);

		value = 0;
		if (n <= p->good)
			memcpy(&value, bytes, n);
		if (pair.ok != (n <= p->good) || pair.value != value)
			return "exec_guard_load";
	}
	for (size_t n = 0; n < 300; n += 7) {
		int64_t want = n <= p->good ? (int64_t)n : -EFAULT;
		const char *end = p->good ? memchr(bytes, 0, n < p->good ? n : p->good) : NULL;

		if (end)
			want = end - bytes + 1;
		if (exec_guard_str(got, bytes, n) != want)
			return "exec_guard_str";
	}
	return NULL;
}

static void places(void)
{
	struct place all[16];
	size_t n = make_places(all);

	CHECK_EQ_INT(exec_guard_start(), 0);
	for (size_t i = 0; i < n; i++) {
		const char *bad;

		CHECK_CASE("%s", all[i].name);
		errno = 77;
		bad = try_place(&all[i]);
		CHECK_MSG(!bad, "%s", bad);
		CHECK_EQ_INT(errno, 77);
	}
	CHECK_CASE("writes that fail");
	CHECK_EQ_INT(exec_guard_write(pages + PAGE, "abcdefgh", 8), -EFAULT);
	CHECK_EQ_INT(exec_guard_write(pages + PAGE - 3, "abcdefgh", 3), 0);
	CHECK_EQ_MEM(pages + PAGE - 3, "abc", 3);
	CHECK_EQ_INT(exec_guard_write((void *)8, "abcdefgh", 1), -EFAULT);
}

static void strings(void)
{
	char out[32];

	CHECK_CASE("up to the inaccessible byte");
	memcpy(pages + PAGE - 4, "abc", 4);
	CHECK_EQ_INT(exec_guard_str(out, pages + PAGE - 4, 32), 4);
	CHECK_EQ_STR(out, "abc");
	CHECK_CASE("cut before it");
	memcpy(pages + PAGE - 4, "abcd", 4);
	CHECK_EQ_INT(exec_guard_str(out, pages + PAGE - 4, 4), 4);
	CHECK_EQ_MEM(out, "abcd", 4);
	CHECK_CASE("into it");
	CHECK_EQ_INT(exec_guard_str(out, pages + PAGE - 4, 5), -EFAULT);
	CHECK_CASE("nothing");
	CHECK_EQ_INT(exec_guard_str(out, NULL, 0), 0);
}

/* Threads ----------------------------------------------------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	bool alternative;
	const char *bad;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct place all[16];
	size_t n = make_places(all);
	stack_t stack = { .ss_size = 65536 }, none = { .ss_flags = SS_DISABLE };

	stack.ss_sp = w->alternative ? malloc(stack.ss_size) : NULL;
	if (stack.ss_sp)
		sigaltstack(&stack, NULL);
	for (int round = 0; round < (SANITIZED ? 5 : 50) && !w->bad; round++)
		for (size_t i = 1; i < n && !w->bad; i++) /* the good one is written to */
			if (!all[i].good)
				w->bad = try_place(&all[i]);
	if (stack.ss_sp) {
		sigaltstack(&none, NULL);
		free(stack.ss_sp);
	}
	return NULL;
}

static void threads(void)
{
	struct worker w[THREADS] = { 0 };

	for (int i = 0; i < THREADS; i++) {
		w[i].alternative = i % 2;
		CHECK_EQ_INT(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		CHECK_MSG(!w[i].bad, "thread %d: %s", i, w[i].bad);
	}
}

/* The application's handlers, each story in a process of its own ---------------------------------------------------- */

static sigjmp_buf out_of;
static volatile sig_atomic_t plain_calls, info_calls, masked;
static void *volatile fault_at;

static void plain(int sig)
{
	(void)sig;
	plain_calls++;
	siglongjmp(out_of, 1);
}

static void with_info(int sig, siginfo_t *info, void *uc)
{
	sigset_t now;

	(void)sig, (void)uc;
	info_calls++;
	fault_at = info->si_addr;
	sigprocmask(SIG_BLOCK, NULL, &now);
	masked = sigismember(&now, SIGUSR1) * 2 + sigismember(&now, SIGSEGV);
	siglongjmp(out_of, 1);
}

static void counts(int sig)
{
	(void)sig;
	plain_calls++;
}

/* One that knows of us, as include/skep/vm.h tells it to. */
static void asks_first(int sig, siginfo_t *info, void *uc)
{
	if (!skep_fault_handle(sig, info, uc))
		with_info(sig, info, uc);
}

static void handle(int sig, void *handler, int flags)
{
	struct sigaction a = { .sa_flags = flags };

	if (flags & SA_SIGINFO)
		a.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler;
	else
		a.sa_handler = (void (*)(int))handler;
	sigemptyset(&a.sa_mask);
	sigaddset(&a.sa_mask, SIGUSR1);
	sigaction(sig, &a, NULL);
}

static int touch(const volatile char *at)
{
	return *at;
}

static bool guards_work(void)
{
	char c;

	return exec_guard_read(&c, pages + PAGE, 1) == -EFAULT &&
	       exec_guard_read(&c, pages + 3 * PAGE, 1) == -EFAULT &&
	       exec_guard_read(&c, pages, 1) == 0;
}

/* Stories end by _exit(0) if all is well, in the fifties if not, or by the signal that they are to end by. */
static void plain_before(void)
{
	handle(SIGSEGV, plain, 0);
	if (!guards_work() || plain_calls)
		_exit(51);
	if (!sigsetjmp(out_of, 1))
		touch(pages + PAGE);
	if (plain_calls != 1 || !guards_work())
		_exit(52);
	if (!sigsetjmp(out_of, 1))
		touch(pages + PAGE);
	_exit(plain_calls == 2 ? 0 : 53);
}

static void info_before(void)
{
	handle(SIGSEGV, with_info, SA_SIGINFO);
	if (!guards_work())
		_exit(51);
	if (!sigsetjmp(out_of, 1))
		touch(pages + PAGE + 5);
	_exit(info_calls == 1 && fault_at == pages + PAGE + 5 && masked == 3 ? 0 : 52);
}

static void info_before_nodefer(void)
{
	handle(SIGSEGV, with_info, SA_SIGINFO | SA_NODEFER);
	if (!guards_work())
		_exit(51);
	if (!sigsetjmp(out_of, 1))
		touch(pages + PAGE + 5);
	_exit(info_calls == 1 && masked == 2 ? 0 : 52);
}

static void bus_before(void)
{
	handle(SIGBUS, with_info, SA_SIGINFO);
	if (!guards_work())
		_exit(51);
	if (!sigsetjmp(out_of, 1))
		touch(pages + 3 * PAGE + 9);
	_exit(info_calls == 1 && fault_at == pages + 3 * PAGE + 9 ? 0 : 52);
}

static void once_before(void)
{
	handle(SIGSEGV, plain, (int)SA_RESETHAND);
	if (!guards_work())
		_exit(51);
	if (!sigsetjmp(out_of, 1))
		touch(pages + PAGE);
	touch(pages + PAGE);
	_exit(52);
}

static void overflow_before(void)
{
	static char room[65536];
	stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };

	sigaltstack(&stack, NULL);
	handle(SIGSEGV, plain, SA_ONSTACK);
	if (!guards_work())
		_exit(51);
	if (!sigsetjmp(out_of, 1)) {
		/* as an overflow of the stack looks to the handler: there is none to run on */
#if defined(__x86_64__)
		__asm__ volatile("xor %%esp, %%esp\n push %%rax" ::: "memory");
#else
		touch(NULL);
#endif
	}
	_exit(plain_calls == 1 ? 0 : 52);
}

static void after_asks(void)
{
	if (!guards_work())
		_exit(51);
	handle(SIGSEGV, asks_first, SA_SIGINFO);
	handle(SIGBUS, asks_first, SA_SIGINFO);
	if (!guards_work() || info_calls)
		_exit(52);
	if (!sigsetjmp(out_of, 1))
		touch(pages + PAGE + 1);
	_exit(info_calls == 1 && guards_work() ? 0 : 53);
}

static void after_chains_to_us(void)
{
	struct sigaction ours;

	if (!guards_work())
		_exit(51);
	sigaction(SIGSEGV, NULL, &ours);
	handle(SIGSEGV, plain, 0);
	sigaction(SIGSEGV, &ours, NULL);
	_exit(guards_work() ? 0 : 52);
}

static void dies_by_default(void)
{
	if (!guards_work())
		_exit(51);
	touch(pages + PAGE);
	_exit(52);
}

static void dies_of_bus(void)
{
	if (!guards_work())
		_exit(51);
	touch(pages + 3 * PAGE);
	_exit(52);
}

static void dies_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	if (!guards_work())
		_exit(51);
	touch(pages + PAGE);
	_exit(52);
}

static void sent_and_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	if (!guards_work())
		_exit(51);
	kill(getpid(), SIGSEGV);
	_exit(guards_work() ? 0 : 52);
}

static void sent_and_dies(void)
{
	if (!guards_work())
		_exit(51);
	kill(getpid(), SIGSEGV);
	_exit(52);
}

static void sent_and_handled(void)
{
	handle(SIGSEGV, counts, 0);
	if (!guards_work())
		_exit(51);
	for (int i = 0; i < 3; i++)
		kill(getpid(), SIGSEGV);
	_exit(plain_calls == 3 && guards_work() ? 0 : 52);
}

static const struct {
	const char *name;
	void (*run)(void);
	int signal; /* that ends it; 0: it exits well */
	bool unsanitized;
} stories[] = {
	{ "a handler before ours", plain_before, 0, false },
	{ "one with information before ours", info_before, 0, false },
	{ "one that is not deferred before ours", info_before_nodefer, 0, false },
	{ "one for SIGBUS before ours", bus_before, 0, false },
	{ "one to be called once before ours", once_before, SIGSEGV, true },
	{ "one on an alternative stack", overflow_before, 0, false },
	{ "one after ours that asks", after_asks, 0, false },
	{ "one after ours for a while", after_chains_to_us, 0, false },
	{ "none: SIGSEGV", dies_by_default, SIGSEGV, true },
	{ "none: SIGBUS", dies_of_bus, SIGBUS, true },
	{ "ignored, a fault", dies_ignored, SIGSEGV, true },
	{ "ignored, sent", sent_and_ignored, 0, false },
	{ "none, sent", sent_and_dies, SIGSEGV, true },
	{ "one before ours, sent", sent_and_handled, 0, false },
};

static void handlers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		int status = 0;
		pid_t pid;

		CHECK_CASE("%s", stories[i].name);
		/* a sanitizer's own handler, not the default, is what such a fault goes on to */
		fflush(stdout);
		pid = fork();
		if (!pid) {
			struct rlimit no_core = { 0, 0 };

			setrlimit(RLIMIT_CORE, &no_core);
			alarm(20);
			if (SANITIZED && stories[i].unsanitized)
				close(2);
			stories[i].run();
		}
		if (!CHECK(pid > 0))
			continue;
		waitpid(pid, &status, 0);
		if (SANITIZED && stories[i].unsanitized)
			CHECK_MSG(status != 0 &&
					  !(WIFEXITED(status) && WEXITSTATUS(status) / 10 == 5),
				  "ended well, status 0x%x", status);
		else
			CHECK_MSG(stories[i].signal ?
					  WIFSIGNALED(status) &&
						  WTERMSIG(status) == stories[i].signal :
					  status == 0,
				  "status 0x%x", status);
	}
}

/* Before any guarded access, so that each story installs our handler itself. */
static void prepare(void)
{
	pages = map_pages();
	CHECK(pages != NULL);
}

CHECK_MAIN({ "prepare", prepare }, { "handlers", handlers }, { "places", places },
	   { "strings", strings }, { "threads", threads })
