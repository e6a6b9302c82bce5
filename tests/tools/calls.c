// SPDX-License-Identifier: Apache-2.0
/*
 * Scripted workloads for tests of the supervised command: `calls NAME [NUMBER...]`. Each makes known numbers of
 * getppid(2), which nothing in libc calls by itself, in a known process, thread or state. Exit status 0,
 * or as the workload says; 99 means that something went wrong that has nothing to do with being supervised.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *self;
static int numbers[4];

#define MUST(cond)                                                                     \
	do {                                                                           \
		if (!(cond)) {                                                         \
			fprintf(stderr, "%s:%d: %s: %m\n", __FILE__, __LINE__, #cond); \
			_exit(99);                                                     \
		}                                                                      \
	} while (0)

static void call(int n)
{
	for (int i = 0; i < n; i++)
		syscall(SYS_getppid);
}

static void pause_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

static void exec_self(const char *name, const char *number)
{
	execl(self, "calls", name, number, NULL);
	MUST(!"execl");
}

/* Waits for @pid; its status as waitpid gives it. */
static int reap(pid_t pid)
{
	int status;

	MUST(waitpid(pid, &status, 0) == pid);
	return status;
}

/* N calls */
static int calls(void)
{
	call(numbers[0]);
	return 0;
}

static void *thread_calls(void *arg)
{
	call(*(int *)arg);
	return NULL;
}

/* N threads with M calls each */
static int threads(void)
{
	pthread_t ids[256];

	MUST(numbers[0] <= 256);
	for (int i = 0; i < numbers[0]; i++)
		MUST(!pthread_create(&ids[i], NULL, thread_calls, &numbers[1]));
	for (int i = 0; i < numbers[0]; i++)
		pthread_join(ids[i], NULL);
	return 0;
}

/* N children at once with M calls each */
static int forks(void)
{
	pid_t ids[256];

	MUST(numbers[0] <= 256);
	for (int i = 0; i < numbers[0]; i++) {
		ids[i] = fork();
		MUST(ids[i] >= 0);
		if (ids[i] == 0) {
			call(numbers[1]);
			_exit(7);
		}
	}
	for (int i = 0; i < numbers[0]; i++) {
		int status = reap(ids[i]);

		MUST(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
	return 0;
}

/* vfork and exec of `calls 3`, then 1 call */
static int vforks(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(self, "calls", "calls", "3", NULL);
		_exit(99);
	}
	MUST(pid > 0 && reap(pid) == 0);
	call(1);
	return 0;
}

/* exec of `calls 3` after 2 calls */
static int execs(void)
{
	call(2);
	exec_self("calls", "3");
	return 99;
}

static void *thread_pause(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void *thread_exec(void *arg)
{
	(void)arg;
	call(1);
	exec_self("calls", "3");
	return NULL;
}

/* exec of `calls 3` in a thread, beside three others and a leader that wait */
static int exec_thread(void)
{
	pthread_t id;

	for (int i = 0; i < 3; i++)
		MUST(!pthread_create(&id, NULL, thread_pause, NULL));
	MUST(!pthread_create(&id, NULL, thread_exec, NULL));
	for (;;)
		pause();
}

static volatile sig_atomic_t handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
	call(1);
}

static void handle(int sig, int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	MUST(sigaction(sig, &sa, NULL) == 0);
}

/* N signals to itself; each handler makes a call */
static int signals(void)
{
	handle(SIGUSR1, 0);
	for (int i = 0; i < numbers[0]; i++)
		MUST(kill(getpid(), SIGUSR1) == 0);
	return handled == numbers[0] ? 0 : 1;
}

/* A child stops itself N times and is continued each time; its parent sees both. */
static int jobs(void)
{
	pid_t pid = fork();
	int status;

	MUST(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < numbers[0]; i++) {
			raise(i & 1 ? SIGTSTP : SIGSTOP);
			call(1);
		}
		_exit(5);
	}
	for (int i = 0; i < numbers[0]; i++) {
		MUST(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
		MUST(WSTOPSIG(status) == (i & 1 ? SIGTSTP : SIGSTOP));
		pause_ms(5);
		MUST(kill(pid, SIGCONT) == 0);
		MUST(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	}
	status = reap(pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 5 ? 0 : 1;
}

/* N children are killed amid calls without end, N more in a call that blocks. */
static int kills(void)
{
	for (int i = 0; i < 2 * numbers[0]; i++) {
		pid_t pid = fork();
		int status;

		MUST(pid >= 0);
		while (pid == 0) {
			if (i & 1)
				pause();
			else
				call(1);
		}
		pause_ms(2);
		MUST(kill(pid, SIGKILL) == 0);
		status = reap(pid);
		MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	return 0;
}

/* A sleep ended by a handler (EINTR), then a read restarted after one (SA_RESTART). */
static int restarts(void)
{
	struct itimerval soon = { .it_value = { 0, 20000 } };
	struct timespec ts = { 10, 0 };
	int fds[2];
	char byte;
	pid_t pid;

	handle(SIGALRM, 0);
	MUST(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	MUST(nanosleep(&ts, NULL) < 0 && errno == EINTR);
	handle(SIGALRM, SA_RESTART);
	MUST(pipe(fds) == 0 && setitimer(ITIMER_REAL, &soon, NULL) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		pause_ms(80);
		MUST(write(fds[1], "x", 1) == 1);
		_exit(0);
	}
	MUST(read(fds[0], &byte, 1) == 1 && byte == 'x');
	MUST(reap(pid) == 0);
	return handled == 2 ? 0 : 1;
}

/* A sleep across SIGSTOP and SIGCONT without a handler: restart_syscall(2). */
static int sleeps(void)
{
	pid_t pid = fork();
	int status;

	MUST(pid >= 0);
	if (pid == 0) {
		struct timespec ts = { 0, 100000000 };

		_exit(nanosleep(&ts, NULL) == 0 ? 0 : 1);
	}
	pause_ms(20);
	MUST(kill(pid, SIGSTOP) == 0);
	MUST(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	MUST(kill(pid, SIGCONT) == 0);
	return reap(pid) == 0 ? 0 : 1;
}

/* exits with N */
static int status(void)
{
	return numbers[0];
}

/* dies by signal N */
static int dies(void)
{
	signal(numbers[0], SIG_DFL);
	raise(numbers[0]);
	return 99;
}

/* Ends at once; a descendant in a session of its own makes 4 calls later. */
static int daemons(void)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0) {
		setsid();
		pid = fork();
		MUST(pid >= 0);
		if (pid == 0) {
			pause_ms(150);
			call(4);
		}
		_exit(0);
	}
	return reap(pid) == 0 ? 3 : 1;
}

/* A writer whose reader is gone dies by SIGPIPE. */
static int pipes(void)
{
	int fds[2];
	pid_t pid;
	int st;

	MUST(pipe(fds) == 0);
	close(fds[0]);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		MUST(write(fds[1], "x", 1) == 1);
		_exit(0);
	}
	st = reap(pid);
	return WIFSIGNALED(st) && WTERMSIG(st) == SIGPIPE ? 0 : 1;
}

/* A call, then another name, group and user (numbers 0, 1), a call after each; then two more threads do so. */
static int names(void)
{
	call(1);
	MUST(prctl(PR_SET_NAME, "renamed") == 0);
	call(1);
	if (numbers[0]) {
		MUST(setresgid(numbers[1], numbers[1], numbers[1]) == 0);
		call(1);
		MUST(setresuid(numbers[0], numbers[0], numbers[0]) == 0);
		call(1);
	}
	return 0;
}

/* openat(2) of names that cross a page, end at an unmapped one, or are not there at all */
static int paths(void)
{
	char *map =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(map != MAP_FAILED && munmap(map + 8192, 4096) == 0);
	strcpy(map + 4096 - 10, "/nowhere/across-a-page");
	MUST(open(map + 4096 - 10, O_RDONLY) < 0 && errno == ENOENT);
	strcpy(map + 8192 - 8, "/at-end");
	MUST(open(map + 8192 - 8, O_RDONLY) < 0 && errno == ENOENT);
	MUST(syscall(SYS_openat, AT_FDCWD, map + 8192, O_RDONLY) < 0 && errno == EFAULT);
	return 0;
}

/* A call, then one on the last CPU that it may use; N of them there */
static int moves(void)
{
	cpu_set_t one;

	call(1);
	CPU_ZERO(&one);
	CPU_SET(numbers[0], &one);
	MUST(sched_setaffinity(0, sizeof(one), &one) == 0);
	call(1);
	return sched_getcpu() == numbers[0] ? 0 : 1;
}

/* Sleeps N ms between calls, until a signal ends it; ignores SIGTERM when the second number is not 0 */
static int lasts(void)
{
	if (numbers[1])
		signal(SIGTERM, SIG_IGN);
	for (int i = 0; i < 100000; i++) {
		call(1);
		pause_ms(numbers[0]);
	}
	return 99;
}

/* Handles SIGTERM by ending with 42; sleeps till then, 30 s at most */
static void finish(int sig)
{
	(void)sig;
	_exit(42);
}

static int waits(void)
{
	struct sigaction sa = { .sa_handler = finish };

	MUST(sigaction(SIGTERM, &sa, NULL) == 0);
	MUST(write(1, "ready\n", 6) == 6);
	pause_ms(30000);
	return 1;
}

/* Time of one call in ns, best of 5 loops of N, to standard output */
static int timing(void)
{
	double best = 1e18;

	for (int round = 0; round < 5; round++) {
		struct timespec a, b;
		double ns;

		clock_gettime(CLOCK_MONOTONIC, &a);
		call(numbers[0]);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
		if (ns / numbers[0] < best)
			best = ns / numbers[0];
	}
	printf("%.1f\n", best);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} workloads[] = {
	{ "calls", calls },	  { "threads", threads }, { "forks", forks },
	{ "vforks", vforks },	  { "execs", execs },	  { "exec_thread", exec_thread },
	{ "signals", signals },	  { "jobs", jobs },	  { "kills", kills },
	{ "restarts", restarts }, { "sleeps", sleeps },	  { "status", status },
	{ "dies", dies },	  { "daemons", daemons }, { "pipes", pipes },
	{ "names", names },	  { "paths", paths },	  { "moves", moves },
	{ "lasts", lasts },	  { "waits", waits },	  { "timing", timing },
};

int main(int argc, char **argv)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	MUST(n > 0);
	self = path;
	for (int i = 0; i < 4 && i + 2 < argc; i++)
		numbers[i] = (int)strtol(argv[i + 2], NULL, 10);
	for (size_t i = 0; argc > 1 && i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (!strcmp(workloads[i].name, argv[1]))
			return workloads[i].run();
	fprintf(stderr, "usage: calls NAME [NUMBER...]\n");
	return 98;
}
