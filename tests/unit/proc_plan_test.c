// SPDX-License-Identifier: Apache-2.0
/*
 * What the supervised command decides before it starts: which sections it serves, the seccomp filter, and that its
 * records are laid out as the model kernel's types say.
 */
#include "check.h"
#include "hook/proc/internal.h"

static struct core_prog prog_of(const char *section)
{
	struct core_prog p = { .name = "program", .section = section };

	p.def = spec_section_find(section, &p.target);
	return p;
}

/* Which sections are served, and why the others are not. */
static void sections(void)
{
	static const struct {
		const char *section, *why; /* NULL: served */
	} rows[] = {
		{ "tp/syscalls/sys_enter_openat", NULL },
		{ "tracepoint/syscalls/sys_exit_newfstat", NULL },
		{ "tracepoint/raw_syscalls/sys_enter", NULL },
		{ "tracepoint/raw_syscalls/sys_exit", NULL },
		{ "raw_tp/sys_enter", NULL },
		{ "raw_tracepoint/sys_exit", NULL },
		{ "tp_btf/sys_enter", NULL },
		{ "tp_btf/sys_exit", NULL },
		{ "tp/sched/sched_process_exec", NULL },
		{ "tp/sched/sched_process_fork", NULL },
		{ "tp/sched/sched_process_exit", NULL },
		{ "tp/syscalls/sys_enter_frobnicate", "there is no system call 'frobnicate'" },
		{ "tp/syscalls/sys_enter_fstat", "that of fstat is 'sys_enter_newfstat'" },
		{ "tp/syscalls/sys_enter_tuxcall", "no kernel implements it" },
		{ "tp/syscalls", "is not CATEGORY/EVENT" },
		{ "tp/sched/sched_switch", "tracepoint 'sched:sched_switch' is neither" },
		{ "tp/foo/bar", "tracepoint 'foo:bar' is neither" },
		{ "raw_tp/sched_switch", "neither sys_enter nor sys_exit" },
		{ "tp_btf/sched_process_exec", "hands over a task_struct" },
		{ "raw_tp.w/sys_enter", "no writable tracepoint" },
		{ "kprobe/do_unlinkat", "'kprobe' programs need the kernel engine" },
		{ "fentry/do_unlinkat", "'fentry' programs need the kernel engine" },
		{ "lsm/file_open", "'lsm' programs need the kernel engine" },
		{ "xdp", "xdp programs need packets" },
		{ "tc", "need packets" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct core_prog p = prog_of(rows[i].section);
		char why[256] = "";
		bool yes;

		CHECK_CASE("%s", rows[i].section);
		yes = hook_proc.serves(&p, why, sizeof(why));
		CHECK_EQ_INT(yes, !rows[i].why);
		if (rows[i].why)
			CHECK_MSG(strstr(why, rows[i].why), "the reason is '%s'", why);
	}
}

/* What the kernel would answer: the filter run by hand. */
static uint32_t judge(const struct sock_filter *f, int len, uint32_t arch, uint32_t nr, int *steps)
{
	uint32_t a = 0;

	for (int pc = 0; pc < len; pc++, ++*steps) {
		switch (f[pc].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = f[pc].k == 0 ? nr : arch;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == f[pc].k ? f[pc].jt : f[pc].jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= f[pc].k ? f[pc].jt : f[pc].jf;
			break;
		case BPF_JMP | BPF_JA:
			pc += (int)f[pc].k;
			break;
		case BPF_RET | BPF_K:
			return f[pc].k;
		default:
			return 1;
		}
	}
	return 2;
}

static void filters(void)
{
	static const char *const shapes[] = { "none",	"first", "last",      "one",
					      "random", "every", "alternate", "all" };
	static struct sock_filter f[4096];
	static uint8_t calls[470];
	const uint32_t trace = 0x7ff00000, allow = 0x7fff0000;
	uint32_t seed = 1;

#if defined(__x86_64__)
	const uint32_t native = 0xc000003e, foreign = 0x40000003;
#else
	const uint32_t native = 0xc00000b7, foreign = 0x40000028;
#endif
	for (size_t s = 0; s < ARRAY_SIZE(shapes); s++) {
		int len, bad = 0, most = 0;

		for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
			seed = seed * 1103515245 + 12345;
			calls[i] = (s == 1 && i == 0) || (s == 2 && i == 469) ||
				   (s == 3 && i == 257) || (s == 4 && seed >> 30 == 1) || s == 5 ||
				   (s == 6 && i & 1);
		}
		CHECK_CASE("%s", shapes[s]);
		len = proc_filter(calls, ARRAY_SIZE(calls), s == 7, f, ARRAY_SIZE(f));
		CHECK(len > 0);
		for (uint32_t nr = 0; nr < 2000; nr++) {
			bool want = s == 7 || (nr < ARRAY_SIZE(calls) && calls[nr]);
			int steps = 0;

			bad += judge(f, len, native, nr, &steps) != (want ? trace : allow);
			bad += judge(f, len, foreign, nr, &steps) != allow;
			most = steps > most ? steps : most;
		}
#if defined(__x86_64__)
		for (uint32_t nr = 0x40000000; nr < 0x40000200; nr++) {
			int steps = 0;

			bad += judge(f, len, native, nr, &steps) != allow;
		}
#endif
		CHECK_EQ_INT(bad, 0);
		CHECK(most < 30);
	}
	CHECK_CASE("no room");
	calls[7] = calls[9] = 1;
	CHECK_EQ_INT(proc_filter(calls, ARRAY_SIZE(calls), false, f, 12), -E2BIG);
}

static long member_offset(const struct btf *btf, uint32_t type, const char *name)
{
	for (uint32_t i = 0; i < btf_vlen(btf, type); i++)
		if (!strcmp(btf_member(btf, type, i).name, name))
			return btf_member(btf, type, i).bit_off / 8;
	return -1;
}

/* CO-RE relocates against the model kernel's types: they must say what the records are. */
static void layouts(void)
{
	static const struct {
		const char *type, *member;
		long offset;
	} rows[] = {
		{ "trace_entry", "pid", 4 },
		{ "trace_event_raw_sys_enter", "id", 8 },
		{ "trace_event_raw_sys_enter", "args", 16 },
		{ "trace_event_raw_sys_exit", "id", 8 },
		{ "trace_event_raw_sys_exit", "ret", 16 },
		{ "trace_event_raw_sched_process_exec", "__data_loc_filename", 8 },
		{ "trace_event_raw_sched_process_exec", "pid", 12 },
		{ "trace_event_raw_sched_process_exec", "old_pid", 16 },
		{ "trace_event_raw_sched_process_fork", "parent_comm", 8 },
		{ "trace_event_raw_sched_process_fork", "parent_pid", 24 },
		{ "trace_event_raw_sched_process_fork", "child_comm", 28 },
		{ "trace_event_raw_sched_process_fork", "child_pid", 44 },
		{ "trace_event_raw_sched_process_template", "comm", 8 },
		{ "trace_event_raw_sched_process_template", "pid", 24 },
		{ "trace_event_raw_sched_process_template", "prio", 28 },
		{ "trace_event_raw_sched_process_exit", "group_dead", 32 },
#if defined(__x86_64__)
		{ "pt_regs", "di", offsetof(struct proc_regs, di) },
		{ "pt_regs", "r8", offsetof(struct proc_regs, r8) },
		{ "pt_regs", "ax", offsetof(struct proc_regs, ax) },
		{ "pt_regs", "orig_ax", offsetof(struct proc_regs, orig_ax) },
		{ "pt_regs", "ss", offsetof(struct proc_regs, ss) },
#else
		{ "pt_regs", "regs", 0 },
		{ "pt_regs", "orig_x0", offsetof(struct proc_regs, orig_x0) },
		{ "pt_regs", "syscallno", offsetof(struct proc_regs, syscallno) },
#endif
	};
	struct btf *btf = NULL;

	if (!CHECK_EQ_INT(spec_model_btf(&btf, NULL), 0))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t type = btf_find(btf, rows[i].type, BTF_STRUCT, 0);

		CHECK_CASE("%s.%s", rows[i].type, rows[i].member);
		if (CHECK(type != 0))
			CHECK_EQ_INT(member_offset(btf, type, rows[i].member), rows[i].offset);
	}
	btf_unref(btf);
}

CHECK_MAIN({ "sections", sections }, { "filters", filters }, { "layouts", layouts })
