// SPDX-License-Identifier: Apache-2.0
/*
 * The supervised command, without engine: core_run() is this file's, so that each event is recorded as a program would
 * see it, and compared with what the scripted workloads of tests/tools/calls.c are known to do.
 */
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "hook/proc/internal.h"

#define MAX_EVENTS 20000

struct event {
	const char *section;
	uint32_t tgid, tid, uid, gid, cpu;
	uint64_t cgroup, size;
	char comm[16];
	uint8_t record[256]; /* the context's bytes */
	char path[64];	     /* openat: the name that the call points to */
	int path_result;
	struct proc_regs regs;
};

static struct {
	struct event events[MAX_EVENTS];
	size_t n, after;
	bool look; /* ask the host everything */
	bool spread;
	size_t stop_after;
	volatile int stop;
	struct hook_stats stats;
	struct core_prog progs[16];
	size_t nprogs;
	double took;
} seen;

/* Page by page, like the helper for strings. */
static int read_path(struct exec_run *run, uint64_t addr, char *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (run->host->read_user(run->host_ctx, out + i, addr + i, 1) < 0)
			return -1;
		if (!out[i])
			return 0;
	}
	return 1;
}

int core_run(struct core_prog *prog, struct exec_run *run, uint64_t ctx, uint64_t *ret_r0,
	     struct skep_error **reterr)
{
	const struct exec_host *host = run->host;
	const struct exec_region *reg = &run->regions[0];
	struct event *e = &seen.events[seen.n];
	uint64_t id;

	(void)reterr;
	if (seen.n == MAX_EVENTS || reg->base != ctx || reg->kind != REGION_CTX)
		return -1;
	seen.n++;
	memset(e, 0, sizeof(*e));
	e->section = prog->section;
	e->size = reg->size;
	memcpy(e->record, (void *)(uintptr_t)ctx, reg->size < 256 ? reg->size : 256);
	id = host->pid_tgid(run->host_ctx);
	e->tgid = (uint32_t)(id >> 32);
	e->tid = (uint32_t)id;
	if (run->nregions > 1)
		memcpy(&e->regs, (void *)(uintptr_t)run->regions[1].base, run->regions[1].size);
	if (seen.look) {
		id = host->uid_gid(run->host_ctx);
		e->uid = (uint32_t)id;
		e->gid = (uint32_t)(id >> 32);
		e->cpu = host->cpu(run->host_ctx);
		e->cgroup = host->cgroup_id(run->host_ctx);
		host->comm(run->host_ctx, e->comm);
	}
	if (strstr(prog->section, "sys_enter_openat")) {
		uint64_t name;

		memcpy(&name, e->record + 24, 8);
		e->path_result = read_path(run, name, e->path, sizeof(e->path));
	}
	*ret_r0 = 0;
	return 0;
}

static int on_fault(void *ctx, struct core_prog *prog, struct skep_error *err)
{
	(void)ctx, (void)prog;
	skep_error_free(err);
	return 0;
}

static int on_after(void *ctx)
{
	(void)ctx;
	seen.after++;
	if (seen.stop_after && seen.after == seen.stop_after)
		seen.stop = SIGINT;
	return 0;
}

static struct core_prog prog_of(const char *section)
{
	struct core_prog p = { .name = "program", .section = section };

	p.def = spec_section_find(section, &p.target);
	return p;
}

static const char *tool(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *at;

	path[n > 0 ? n : 0] = 0;
	at = strstr(path, "/tests/unit/");
	if (at)
		strcpy(at, "/tests/tools/calls");
	return path;
}

/* Runs a command with programs of these sections (ended by NULL) attached. */
static int session(const struct hook_opts *opts, const char *const *sections,
		   struct skep_error **err)
{
	struct hook_sink sink = { .fault = on_fault, .after = on_after, .stop = &seen.stop };
	struct core_prog *list[16];
	double begin = proc_now();
	void *source;
	char why[256];
	int r;

	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	memset(&seen.stats, 0, sizeof(seen.stats));
	seen.n = seen.after = 0;
	seen.stop = 0;
	for (seen.nprogs = 0; sections[seen.nprogs]; seen.nprogs++) {
		seen.progs[seen.nprogs] = prog_of(sections[seen.nprogs]);
		list[seen.nprogs] = &seen.progs[seen.nprogs];
		CHECK_MSG(hook_proc.serves(list[seen.nprogs], why, sizeof(why)), "%s: %s",
			  sections[seen.nprogs], why);
	}
	r = hook_proc.open(opts, list, seen.nprogs, &sink, &source, err);
	if (r < 0)
		return r;
	r = hook_proc.run(source, err);
	hook_proc.stats(source, &seen.stats);
	hook_proc.close(source);
	seen.took = proc_now() - begin;
	return r;
}

/* `calls WORD...`, all events of the sections. */
static bool run_calls(const char *words, const char *const *sections)
{
	static char copy[256];
	char *argv[8] = { (char *)tool() };
	struct skep_error *err = NULL;
	size_t n = 1;
	int r;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *save = NULL, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	r = session(&(struct hook_opts){ .argv = argv, .spread = seen.spread }, sections, &err);
	CHECK_ERR(err, NULL);
	skep_error_free(err);
	return CHECK_EQ_INT(r, 0);
}

static size_t count(const char *section)
{
	size_t n = 0;

	for (size_t i = 0; i < seen.n; i++)
		n += !strcmp(seen.events[i].section, section);
	return n;
}

static const struct event *nth(const char *section, size_t k)
{
	static const struct event none;

	for (size_t i = 0; i < seen.n; i++)
		if (!strcmp(seen.events[i].section, section) && k-- == 0)
			return &seen.events[i];
	return &none;
}

static int32_t s32(const struct event *e, size_t off)
{
	int32_t v;

	memcpy(&v, e->record + off, 4);
	return v;
}

static int64_t s64(const struct event *e, size_t off)
{
	int64_t v;

	memcpy(&v, e->record + off, 8);
	return v;
}

#define ENTER_PPID "tp/syscalls/sys_enter_getppid"
#define EXIT_PPID "tracepoint/syscalls/sys_exit_getppid"
#define EXEC "tp/sched/sched_process_exec"
#define FORK "tp/sched/sched_process_fork"
#define DEATH "tp/sched/sched_process_exit"

static const char *const usual[] = { ENTER_PPID, EXIT_PPID, EXEC, FORK, DEATH, NULL };

/* Numbers of events for each workload: enter and exit of getppid, exec, fork, exit; status; processes, threads. */
static void workloads(void)
{
	static const struct {
		const char *words;
		int calls, execs, forks, deaths, status, processes, threads;
	} rows[] = {
		{ "calls 0", 0, 1, 0, 1, 0, 1, 1 },
		{ "calls 1000", 1000, 1, 0, 1, 0, 1, 1 },
		{ "threads 20 50", 1000, 1, 20, 21, 0, 1, 21 },
		{ "forks 50 3", 150, 1, 50, 51, 0, 51, 51 },
		{ "vforks", 4, 2, 1, 2, 0, 2, 2 },
		{ "execs", 5, 2, 0, 1, 0, 1, 1 },
		/* four threads and the leader end by the exec, what was the fourth goes on */
		{ "exec_thread", 4, 2, 4, 5, 0, 1, 5 },
		{ "signals 20", 20, 1, 0, 1, 0, 1, 1 },
		{ "jobs 6", 6, 1, 1, 2, 0, 2, 2 },
		{ "restarts", 2, 1, 1, 2, 0, 2, 2 },
		{ "sleeps", 0, 1, 1, 2, 0, 2, 2 },
		{ "status 77", 0, 1, 0, 1, 77, 1, 1 },
		{ "dies 15", 0, 1, 0, 1, 128 + 15, 1, 1 },
		{ "dies 9", 0, 1, 0, 1, 128 + 9, 1, 1 },
		{ "daemons", 4, 1, 2, 3, 3, 3, 3 },
		{ "pipes", 0, 1, 1, 2, 0, 2, 2 },
	};

	for (size_t k = 0; k < 2 * ARRAY_SIZE(rows); k++) {
		size_t i = k / 2;

		/* On one CPU a child runs after its parent, on two before it as well. */
		seen.spread = k & 1;
		CHECK_CASE("%s%s", rows[i].words, seen.spread ? ", on all CPUs" : "");
		if (!run_calls(rows[i].words, usual))
			continue;
		CHECK_EQ_INT(count(ENTER_PPID), rows[i].calls);
		CHECK_EQ_INT(count(EXIT_PPID), rows[i].calls);
		CHECK_EQ_INT(count(EXEC), rows[i].execs);
		CHECK_EQ_INT(count(FORK), rows[i].forks);
		CHECK_EQ_INT(count(DEATH), rows[i].deaths);
		CHECK(seen.stats.exited);
		CHECK_EQ_INT(seen.stats.status, rows[i].status);
		CHECK_EQ_INT(seen.stats.signal, rows[i].status > 128 ? rows[i].status - 128 : 0);
		CHECK_EQ_INT(seen.stats.processes, rows[i].processes);
		CHECK_EQ_INT(seen.stats.threads, rows[i].threads);
		CHECK_EQ_INT(seen.stats.events, seen.n);
		CHECK_EQ_INT(seen.stats.lost, 0);
		CHECK(seen.after > 0 && seen.after <= seen.n);
	}
	seen.spread = false;
}

/* kill -9 at any moment: what was started is told, nothing hangs. */
static void kills(void)
{
	size_t enters, exits;

	if (!run_calls("kills 10", usual))
		return;
	enters = count(ENTER_PPID);
	exits = count(EXIT_PPID);
	CHECK_EQ_INT(seen.stats.status, 0);
	CHECK_EQ_INT(count(FORK), 20);
	/* A thread killed in the very stop that tells of its end is counted as lost. */
	CHECK_EQ_INT(count(DEATH) + seen.stats.lost >= 21, true);
	CHECK(count(DEATH) <= 21);
	CHECK(enters >= 10 && exits <= enters && exits + 20 >= enters);
}

/* The records of one call, byte for byte. */
static void records(void)
{
	static const char *const all[] = { "tp/syscalls/sys_enter_openat",
					   "tp/syscalls/sys_exit_openat",
					   "tp/raw_syscalls/sys_enter",
					   "tp/raw_syscalls/sys_exit",
					   "raw_tp/sys_enter",
					   "tp_btf/sys_exit",
					   NULL };
	size_t i;

	if (!run_calls("paths", all))
		return;
	CHECK_CASE("names");
	for (i = 0; i < seen.n && !strstr(seen.events[i].path, "nowhere"); i++)
		;
	if (!CHECK(i + 5 < seen.n))
		return;
	CHECK_EQ_STR(seen.events[i].path, "/nowhere/across-a-page");
	CHECK_CASE("sys_enter_openat");
	CHECK_EQ_INT(seen.events[i].size, 16 + 4 * 8);
	CHECK_EQ_INT(s32(&seen.events[i], 4), seen.events[i].tid);
	CHECK_EQ_INT(s32(&seen.events[i], 8), SYS_openat);
	CHECK_EQ_INT(s32(&seen.events[i], 16), -100); /* AT_FDCWD */
	CHECK_CASE("raw_syscalls/sys_enter");
	CHECK_EQ_STR(seen.events[i + 1].section, "tp/raw_syscalls/sys_enter");
	CHECK_EQ_INT(seen.events[i + 1].size, 64);
	CHECK_EQ_INT(s64(&seen.events[i + 1], 8), SYS_openat);
	CHECK_EQ_MEM(seen.events[i + 1].record + 16, seen.events[i].record + 16, 32);
	CHECK_CASE("raw_tp/sys_enter");
	CHECK_EQ_STR(seen.events[i + 2].section, "raw_tp/sys_enter");
	CHECK_EQ_INT(seen.events[i + 2].size, 16);
	CHECK_EQ_INT(s64(&seen.events[i + 2], 8), SYS_openat);
	CHECK_EQ_INT(proc_regs_nr(&seen.events[i + 2].regs), SYS_openat);
	CHECK_EQ_INT(proc_regs_arg(&seen.events[i + 2].regs, 1), s64(&seen.events[i], 24));
#if defined(__x86_64__)
	CHECK_EQ_INT(seen.events[i + 2].regs.ax, -ENOSYS);
#endif
	CHECK_CASE("sys_exit_openat");
	CHECK_EQ_STR(seen.events[i + 3].section, "tp/syscalls/sys_exit_openat");
	CHECK_EQ_INT(seen.events[i + 3].size, 24);
	CHECK_EQ_INT(s32(&seen.events[i + 3], 8), SYS_openat);
	CHECK_EQ_INT(s64(&seen.events[i + 3], 16), -ENOENT);
	CHECK_CASE("raw_syscalls/sys_exit");
	CHECK_EQ_INT(s64(&seen.events[i + 4], 8), SYS_openat);
	CHECK_EQ_INT(s64(&seen.events[i + 4], 16), -ENOENT);
	CHECK_CASE("tp_btf/sys_exit");
	CHECK_EQ_STR(seen.events[i + 5].section, "tp_btf/sys_exit");
	CHECK_EQ_INT(s64(&seen.events[i + 5], 8), -ENOENT);
	CHECK_EQ_INT(proc_regs_ret(&seen.events[i + 5].regs), -ENOENT);
	CHECK_EQ_INT(proc_regs_nr(&seen.events[i + 5].regs), SYS_openat);
	CHECK_CASE("memory at its end");
	for (; i < seen.n && strcmp(seen.events[i].path, "/at-end"); i++)
		;
	CHECK(i < seen.n && seen.events[i].path_result == 0);
	CHECK_CASE("unmapped memory");
	for (i++; i < seen.n && strcmp(seen.events[i].section, all[0]); i++)
		;
	CHECK(i < seen.n && seen.events[i].path_result < 0);
}

/* Process events hold the right ids and names. */
static void processes(void)
{
	static const char *const all[] = { EXEC,
					   FORK,
					   DEATH,
					   "tp/syscalls/sys_exit_vfork",
					   "tp/syscalls/sys_enter_execve",
					   "tp/syscalls/sys_exit_execve",
					   NULL };
	const struct event *e, *f;
	uint32_t loc;

	seen.look = true;
	if (!run_calls("vforks", all))
		return;
	CHECK_CASE("exec");
	e = nth(EXEC, 0);
	loc = (uint32_t)s32(e, 8);
	CHECK_EQ_INT(loc & 0xffff, 20);
	CHECK_EQ_INT(loc >> 16, strlen(tool()) + 1);
	CHECK_EQ_STR((const char *)e->record + 20, tool());
	CHECK_EQ_INT(s32(e, 12), e->tid);
	CHECK_EQ_INT(s32(e, 16), e->tid);
	CHECK_EQ_INT(e->size, (20 + strlen(tool()) + 1 + 7) / 8 * 8);
	CHECK_EQ_STR(e->comm, "calls");
	CHECK_EQ_INT(count("tp/syscalls/sys_enter_execve"), 2);
	CHECK_EQ_INT(count("tp/syscalls/sys_exit_execve"), 2);
	CHECK_EQ_INT(s64(nth("tp/syscalls/sys_exit_execve", 1), 16), 0);
	CHECK_CASE("fork");
	f = nth(FORK, 0);
	CHECK_EQ_STR((const char *)f->record + 8, "calls");
	CHECK_EQ_STR((const char *)f->record + 28, "calls");
	CHECK_EQ_INT(s32(f, 24), e->tid);
	CHECK_EQ_INT(s32(f, 44), nth(EXEC, 1)->tid);
	CHECK_EQ_INT(f->tid, e->tid);
	CHECK_EQ_INT(f->size, 48);
	CHECK_CASE("both return from vfork");
	CHECK_EQ_INT(count("tp/syscalls/sys_exit_vfork"), 2);
	CHECK_EQ_INT(s64(nth("tp/syscalls/sys_exit_vfork", 0), 16), 0);
	CHECK_EQ_INT(nth("tp/syscalls/sys_exit_vfork", 0)->tid, s32(f, 44));
	CHECK_EQ_INT(s64(nth("tp/syscalls/sys_exit_vfork", 1), 16), s32(f, 44));
	CHECK_EQ_INT(nth("tp/syscalls/sys_exit_vfork", 1)->tid, e->tid);
	CHECK_CASE("exit");
	e = nth(DEATH, 0);
	CHECK_EQ_STR((const char *)e->record + 8, "calls");
	CHECK_EQ_INT(s32(e, 24), s32(f, 44));
	CHECK_EQ_INT(s32(e, 28), 120 + getpriority(PRIO_PROCESS, 0));
	CHECK_EQ_INT(e->record[32], 1);
	CHECK_EQ_INT(e->size, 40);
	seen.look = false;
}

static void thread_exec(void)
{
	static const char *const all[] = { EXEC, FORK, "tp/syscalls/sys_enter_execve",
					   "tp/syscalls/sys_exit_execve", NULL };
	const struct event *e;

	if (!run_calls("exec_thread", all))
		return;
	e = nth(EXEC, 1);
	CHECK_EQ_INT(e->tid, nth(EXEC, 0)->tid);
	CHECK_EQ_INT(e->tgid, e->tid);
	CHECK_EQ_INT(s32(e, 12), e->tid);
	CHECK(s32(e, 16) != (int)e->tid);
	CHECK_EQ_INT(s32(e, 16), s32(nth(FORK, 3), 44));
	CHECK_EQ_INT(nth(FORK, 0)->tgid, e->tgid);
	/* its call began under the old id and ends under the new one */
	CHECK_EQ_INT(nth("tp/syscalls/sys_enter_execve", 1)->tid, s32(e, 16));
	CHECK_EQ_INT(nth("tp/syscalls/sys_exit_execve", 1)->tid, e->tid);
}

/* A call that a signal ends or restarts returns what the kernel's tracepoint says. */
static void restarts(void)
{
	static const char *const all[] = { "tp/syscalls/sys_enter_read",
					   "tp/syscalls/sys_exit_read",
					   "tp/syscalls/sys_enter_clock_nanosleep",
					   "tp/syscalls/sys_exit_clock_nanosleep",
					   "tp/syscalls/sys_enter_restart_syscall",
					   "tp/syscalls/sys_exit_restart_syscall",
					   NULL };
	int interrupted = 0, restarted = 0;

	if (!run_calls("restarts", all))
		return;
	CHECK_CASE("by a handler");
	CHECK_EQ_INT(seen.stats.status, 0);
	CHECK_EQ_INT(count(all[0]), count(all[1]));
	CHECK_EQ_INT(count(all[2]), count(all[3]));
	for (size_t i = 0; i < seen.n; i++) {
		interrupted += seen.events[i].section == all[3] &&
			       s64(&seen.events[i], 16) == -516; /* ERESTART_RESTARTBLOCK */
		restarted += seen.events[i].section == all[1] &&
			     s64(&seen.events[i], 16) == -512; /* ERESTARTSYS */
	}
	CHECK_EQ_INT(interrupted, 1);
	CHECK_EQ_INT(restarted, 1);
	CHECK_CASE("by job control");
	if (!run_calls("sleeps", all))
		return;
	CHECK_EQ_INT(seen.stats.status, 0);
	CHECK_EQ_INT(count(all[4]), 1);
	CHECK_EQ_INT(count(all[5]), 1);
	CHECK_EQ_INT(s64(nth(all[5], 0), 16), 0);
}

/* Names, ids, CPU and cgroup are those of the moment. */
static void identity(void)
{
	char words[64];
	struct stat st;
	int last = 0;
	cpu_set_t set;

	seen.look = true;
	CHECK_CASE("name");
	if (!run_calls("names 0", usual))
		goto out;
	CHECK_EQ_STR(nth(ENTER_PPID, 0)->comm, "calls");
	CHECK_EQ_STR(nth(ENTER_PPID, 1)->comm, "renamed");
	CHECK_EQ_INT(nth(ENTER_PPID, 0)->uid, getuid());
	CHECK_EQ_INT(nth(ENTER_PPID, 0)->gid, getgid());
	CHECK_EQ_STR((const char *)nth(DEATH, 0)->record + 8, "renamed");
	if (stat("/sys/fs/cgroup/cgroup.controllers", &st) == 0 ||
	    stat("/sys/fs/cgroup/unified/cgroup.controllers", &st) == 0)
		CHECK(nth(ENTER_PPID, 0)->cgroup > 0);
	CHECK_CASE("CPU");
	CHECK_EQ_INT(sched_getaffinity(0, sizeof(set), &set), 0);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			last = i;
	snprintf(words, sizeof(words), "moves %d", last);
	if (!run_calls(words, usual))
		goto out;
	CHECK_EQ_INT(seen.stats.status, 0);
	CHECK(CPU_ISSET(nth(ENTER_PPID, 0)->cpu, &set));
	CHECK_EQ_INT(nth(ENTER_PPID, 1)->cpu, last);
	CHECK_CASE("affinity is given back");
	CHECK_EQ_INT(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_ISSET(last, &set));
	if (getuid() == 0) {
		CHECK_CASE("ids");
		if (!run_calls("names 12345 23456", usual))
			goto out;
		CHECK_EQ_INT(nth(ENTER_PPID, 1)->gid, 0);
		CHECK_EQ_INT(nth(ENTER_PPID, 2)->gid, 23456);
		CHECK_EQ_INT(nth(ENTER_PPID, 2)->uid, 0);
		CHECK_EQ_INT(nth(ENTER_PPID, 3)->uid, 12345);
	}
out:
	seen.look = false;
}

/* Commands that cannot be started, and ones that end at once. */
static void failures(void)
{
	char dir[] = P_tmpdir "/proc_test.XXXXXX", empty[64], blind[64], script[64];
	static const struct {
		const char *id;
		int code;
	} want[] = { { "P0001", -ENOENT }, { "P0001", -ENOENT }, { "P0002", -EACCES },
		     { "P0002", -EACCES }, { "P0001", -ENOENT }, { "P0001", -ENOENT },
		     { "P0007", -EINVAL }, { NULL, 0 } };
	const char *names[] = {
		"no-such-command-here", "/no/such/file", "/etc/passwd", "/etc", "", NULL, NULL, NULL
	};
	FILE *f;

	if (!CHECK(mkdtemp(dir) != NULL))
		return;
	snprintf(blind, sizeof(blind), "%s/blind", dir);
	snprintf(script, sizeof(script), "%s/script", dir);
	snprintf(empty, sizeof(empty), "%s/empty", dir);
	f = fopen(blind, "w");
	if (CHECK(f != NULL)) {
		fputs("#!/no/such/interpreter\n", f);
		fclose(f);
		chmod(blind, 0755);
	}
	f = fopen(script, "w");
	if (CHECK(f != NULL)) {
		fputs("exit 9\n", f); /* no #! line: the shell's, as execvp(3) has it */
		fclose(f);
		chmod(script, 0755);
	}
	names[5] = blind;
	names[7] = script;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		char *argv[] = { (char *)names[i], NULL };
		struct skep_error *err = NULL;

		CHECK_CASE("%s", names[i] ? names[i] : "nothing");
		CHECK_EQ_INT(session(&(struct hook_opts){ .argv = argv }, usual, &err),
			     want[i].code);
		CHECK_ERR(err, want[i].id);
		skep_error_free(err);
	}
	CHECK_EQ_INT(seen.stats.status, 9);
	CHECK_EQ_INT(count(EXEC), 1);
	unlink(blind);
	unlink(script);
	rmdir(dir);
}

/* A stop request: the command ends by itself, by SIGTERM or by SIGKILL; a limit leaves it running. */
static void stopping(void)
{
	struct skep_error *err = NULL;
	struct hook_opts limit = { .argv = (char *[]){ (char *)tool(), (char *)"sleeps", NULL },
				   .seconds = 0.03 };

	CHECK_CASE("asked, the command goes on: SIGTERM after a second");
	seen.stop_after = 5;
	CHECK(run_calls("lasts 10 0", usual));
	CHECK_EQ_INT(seen.stats.signal, SIGTERM);
	CHECK(seen.took > 0.9 && seen.took < 2.5);
	CHECK_CASE("asked, the command is deaf: SIGKILL after three seconds");
	CHECK(run_calls("lasts 10 1", usual));
	CHECK_EQ_INT(seen.stats.signal, SIGKILL);
	CHECK(seen.took > 2.9 && seen.took < 5);
	CHECK_CASE("a limit silences the programs, the command ends by itself");
	seen.stop_after = 0;
	CHECK_EQ_INT(session(&limit, usual, &err), 0);
	CHECK_ERR(err, NULL);
	CHECK_EQ_INT(seen.stats.status, 0);
	CHECK(seen.stats.exited);
	CHECK_EQ_INT(count(DEATH), 0);
	CHECK(seen.took > 0.09);
}

/* What is left of a session that was never run, or is closed amid. */
static void abandoned(void)
{
	struct hook_sink sink = { .fault = on_fault, .after = on_after };
	struct core_prog prog = prog_of(ENTER_PPID), *list[] = { &prog };
	struct hook_opts opts = { .argv = (char *[]){ (char *)tool(), (char *)"lasts", (char *)"10",
						      NULL } };
	double begin = proc_now();
	void *source;

	if (!CHECK_EQ_INT(hook_proc.open(&opts, list, 1, &sink, &source, NULL), 0))
		return;
	hook_proc.close(source);
	CHECK(proc_now() - begin < 2);
	CHECK_EQ_INT(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	CHECK_EQ_INT(errno, ECHILD);
}

/* A caller that ignores SIGCHLD gets the status all the same, and its disposition back. */
static void ignored_children(void)
{
	struct sigaction now;

	signal(SIGCHLD, SIG_IGN);
	CHECK(run_calls("status 5", usual));
	CHECK_EQ_INT(seen.stats.status, 5);
	CHECK_EQ_INT(sigaction(SIGCHLD, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

CHECK_MAIN({ "workloads", workloads }, { "kills", kills }, { "records", records },
	   { "processes", processes }, { "thread_exec", thread_exec }, { "restarts", restarts },
	   { "identity", identity }, { "failures", failures }, { "stopping", stopping },
	   { "abandoned", abandoned }, { "ignored_children", ignored_children })
