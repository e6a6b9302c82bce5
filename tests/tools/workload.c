// SPDX-License-Identifier: Apache-2.0
/*
 * The scripted workload that both engines count: marks itself (tests/bpf/oracle.h), makes known system
 * calls from two threads, forks, execs, ends. `workload calls` or `workload tree`; the same calls every time.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORACLE_MARK 0x736b6570

static void mark(int on)
{
	syscall(SYS_prctl, ORACLE_MARK, on, 0, 0, 0);
}

static void files(int rounds)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < rounds; i++) {
		int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
		int none = open("/no/such/file", O_RDONLY);

		if (zero < 0 || null < 0 || none >= 0)
			_exit(1);
		if (read(zero, block, (size_t)(i + 1) * 7) < 0 ||
		    write(null, block, (size_t)(i + 1) * 5) < 0)
			_exit(1);
		if (read(-1, block, 1) >= 0)
			_exit(1);
		close(zero);
		close(null);
	}
}

static atomic_int done, go;

/* Signs off without a system call: how many a futex wait or a thread's end makes depends on timing. */
static void *thread(void *arg)
{
	for (int i = 0; i < 40; i++)
		syscall(SYS_getuid);
	atomic_store(&done, 1);
	while (!atomic_load(&go))
		;
	return arg;
}

/* Starts a thread and stops counting when it has made its calls. */
static int in_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread, NULL))
		return 1;
	while (!atomic_load(&done))
		;
	mark(0);
	atomic_store(&go, 1);
	return pthread_join(t, NULL);
}

static int calls(void)
{
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	files(20);
	return in_thread();
}

static int child(const char *program)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status);
}

static int tree(void)
{
	for (int i = 0; i < 5; i++)
		if (child("/bin/true"))
			return 1;
	if (child("/no/such/program") || child("/bin/false"))
		return 1;
	return in_thread();
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	mark(1);
	return strcmp(argv[1], "tree") == 0 ? tree() : calls();
}
