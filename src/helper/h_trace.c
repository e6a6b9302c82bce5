// SPDX-License-Identifier: Apache-2.0
/*
 * The current task and what is traced: tasks as objects, cgroups, registers, arguments, signals, counters (bpf-helpers(7)). What the
 * host does not say is as if it were not there: no registers, no arguments (-EINVAL), no right to send signals (-EPERM).
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "btf/btf.h"
#include "helper/internal.h"

BODY(get_current_task)
{
	struct model_task *t = current_task(run);

	return t ? (uintptr_t)&t->task : 0;
}

BODY(get_current_task_btf)
{
	struct model_task *t = current_task(run);

	return t ? (uintptr_t)&t->task : 0;
}

BODY(task_pt_regs)
{
	struct model_task *t = task_of(run, a1);
	const struct helper_event *e = run->event;

	if (!t)
		return no_object(run, "bpf_task_pt_regs", "task", a1);
	if (e && e->regs && t == current_task(run))
		t->regs = *e->regs;
	return (uintptr_t)&t->regs;
}

BODY(get_ns_current_pid_tgid)
{
	const uint64_t id = h_get_current_pid_tgid(run, 0, 0, 0, 0, 0);
	const struct bpf_pidns_info info = { .pid = (uint32_t)id, .tgid = (uint32_t)(id >> 32) };
	struct stat st;

	if ((uint32_t)a4 == sizeof(info) && stat("/proc/self/ns/pid", &st) == 0 &&
	    st.st_ino == a2 && st.st_dev == a1) {
		memcpy(pointer(a3), &info, sizeof(info));
		return 0;
	}
	memset(pointer(a3), 0, (uint32_t)a4);
	return fail(EINVAL);
}

BODY(get_current_ancestor_cgroup_id)
{
	struct model_cgroup_dir *c = current_cgroup(run);

	c = c ? model_cgroup_ancestor(run->model, c, (int32_t)a1) : NULL;
	return c ? c->kn.id : 0;
}

BODY(get_cgroup_classid)
{
	const struct helper_event *e = run->event;

	return e ? e->classid : 0;
}

BODY(get_numa_node_id)
{
	unsigned int node = 0;

	getcpu(NULL, &node);
	return node;
}

static uint64_t send_signal_to(struct exec_run *run, int32_t pid, bool thread, uint64_t sig,
			       uint64_t value)
{
	if ((uint32_t)sig >= (uint32_t)NSIG)
		return fail(EINVAL);
	if (!pid || !run->host || !run->host->signal)
		return fail(EPERM);
	return result(run->host->signal(run->host_ctx, pid, thread, (int)sig, value));
}

BODY(send_signal)
{
	return send_signal_to(run, (int32_t)(h_get_current_pid_tgid(run, 0, 0, 0, 0, 0) >> 32),
			      false, a1, 0);
}

BODY(send_signal_thread)
{
	return send_signal_to(run, (int32_t)h_get_current_pid_tgid(run, 0, 0, 0, 0, 0), true, a1,
			      0);
}

KBODY(bpf_send_signal_task)
{
	struct model_task *t = task_of(run, a1);

	if (!t)
		return no_object(run, "bpf_send_signal_task", "task", a1);
	if ((uint32_t)a3 > 1) /* PIDTYPE_PID, PIDTYPE_TGID */
		return (uint32_t)-EINVAL;
	return (uint32_t)send_signal_to(run, (uint32_t)a3 ? t->task.tgid : t->task.pid,
					!(uint32_t)a3, (uint32_t)a2, a4);
}

/* What is traced ------------------------------------------------------------------------------------- */

BODY(override_return)
{
	struct helper_event *e = event_of(run);

	if (e) {
		e->overridden = true;
		e->override_value = a2;
	}
	return 0;
}

BODY(get_func_ip)
{
	const struct helper_event *e = run->event;

	return e ? e->func_ip : 0;
}

BODY(get_attach_cookie)
{
	const struct helper_event *e = run->event;

	return e ? e->cookie : 0;
}

BODY(get_func_arg_cnt)
{
	const struct helper_event *e = run->event;

	return e ? e->nargs : 0;
}

BODY(get_func_arg)
{
	const struct helper_event *e = run->event;

	if (!e || (uint32_t)a2 >= e->nargs)
		return fail(EINVAL);
	memcpy(pointer(a3), &e->args[(uint32_t)a2], 8);
	return 0;
}

BODY(get_func_ret)
{
	const struct helper_event *e = run->event;

	if (!e || !e->has_ret)
		return fail(EOPNOTSUPP);
	memcpy(pointer(a2), &e->args[e->nargs], 8);
	return 0;
}

KBODY(bpf_session_is_return)
{
	const struct helper_event *e = run->event;

	return e && e->session_return;
}

KBODY(bpf_session_cookie)
{
	struct helper_event *e = event_of(run);
	struct model *m = world(run);

	if (!e || !m)
		return 0;
	if (!e->session_cookie)
		e->session_cookie = model_alloc(m, MODEL_SLICE, 8, 0);
	return (uintptr_t)e->session_cookie;
}

BODY(bprm_opts_set)
{
	struct helper_event *e = event_of(run);

	if (a2 & ~1ull)
		return fail(EINVAL);
	if (e)
		e->bprm_flags = (uint32_t)a2;
	return 0;
}

/* Counters --------------------------------------------------------------------------------------------- */

static int64_t read_counter(struct exec_run *run, uint64_t map_addr, uint64_t flags,
			    uint64_t out[3])
{
	struct map *map = map_of(run, map_addr);
	uint32_t index = (uint32_t)flags;

	if (!map || flags >> 32)
		return -EINVAL;
	if (index == UINT32_MAX) /* BPF_F_CURRENT_CPU */
		index = cpu_of(run);
	if (index >= map_attr(map)->max_entries)
		return -E2BIG;
	if (!run->host || !run->host->counter)
		return -ENOENT;
	return run->host->counter(run->host_ctx, map, index, out);
}

BODY(perf_event_read)
{
	uint64_t v[3] = { 0 };
	int64_t r = read_counter(run, a1, a2, v);

	return r < 0 ? result(r) : v[0];
}

BODY(perf_event_read_value)
{
	uint64_t v[3] = { 0 };
	int64_t r = (uint32_t)a4 != sizeof(v) ? -EINVAL : read_counter(run, a1, a2, v);

	memset(pointer(a3), 0, (uint32_t)a4);
	if (r == 0)
		memcpy(pointer(a3), v, sizeof(v));
	return result(r);
}

BODY(perf_prog_read_value)
{
	const struct helper_event *e = run->event;
	const uint64_t v[3] = { e ? e->counter : 0, e ? e->enabled : 0, e ? e->running : 0 };

	memset(pointer(a2), 0, (uint32_t)a3);
	if ((uint32_t)a3 != sizeof(v) || !e)
		return fail(EINVAL);
	memcpy(pointer(a2), v, sizeof(v));
	return 0;
}

/* Names ------------------------------------------------------------------------------------------------ */

static bool named(uint64_t addr, uint32_t size)
{
	return size > 1 && ((const char *)pointer(addr))[size - 1] == '\0';
}

/* Addresses are shown to who may see them, as proc_kallsyms(5). */
BODY(kallsyms_lookup_name)
{
	FILE *f;
	char line[512], name[256];
	unsigned long addr;
	int64_t r = -ENOENT;

	memset(pointer(a4), 0, 8);
	if (a3 || !named(a1, (uint32_t)a2))
		return fail(EINVAL);
	f = fopen("/proc/kallsyms", "re");
	if (!f)
		return fail(EPERM);
	while (r == -ENOENT && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %*c %255s", &addr, name) == 2 && !strcmp(name, pointer(a1)))
			r = addr ? 0 : -EPERM;
	if (r == 0)
		memcpy(pointer(a4), &addr, 8);
	fclose(f);
	return result(r);
}

/* In the model kernel's types. */
BODY(btf_find_by_name_kind)
{
	struct model *m = world(run);
	const struct btf *btf = m ? model_btf(m) : NULL;
	uint32_t id;

	if ((uint32_t)a4 || !named(a1, (uint32_t)a2))
		return fail(EINVAL);
	id = btf ? btf_find(btf, pointer(a1), (enum btf_kind)(uint32_t)a3, 0) : 0;
	return id ? id : fail(ENOENT);
}

BODY(d_path)
{
	const char *path = run->model ? model_path_of(run->model, a1) : NULL;
	size_t len;

	if (!path)
		return no_object(run, "bpf_d_path", "path", a1);
	if (!(uint32_t)a3)
		return 0;
	len = strlen(path) + 1;
	if (len > (uint32_t)a3)
		return fail(ENAMETOOLONG);
	memcpy(pointer(a2), path, len);
	return len;
}

/* Mappings --------------------------------------------------------------------------------------------- */

BODY(find_vma)
{
	struct model_task *t = task_of(run, a1);
	struct model_vm_area_struct *vma;
	struct model_open_file *file;
	uint64_t args[5] = { a1, 0, a4 }, ret;
	char path[4096];

	if (!t)
		return no_object(run, "bpf_find_vma", "task", a1);
	if (a5)
		return fail(EINVAL);
	if (!t->task.mm)
		return fail(ENOENT);
	vma = model_alloc(run->model, MODEL_VMA, sizeof(*vma), 0);
	if (!vma)
		return fail(ENOMEM);
	if (!vma_read(t->task.pid, a2, vma, path) || vma->vm_start > a2) {
		model_unref(run->model, vma);
		return fail(ENOENT);
	}
	file = path[0] == '/' ? model_file_open(run->model, path) : NULL;
	vma->vm_file = file ? &file->file : NULL;
	vma->vm_mm = t->task.mm;
	args[1] = (uintptr_t)vma;
	exec_callback(run, a3, args, &ret);
	if (file)
		model_unref(run->model, file);
	model_unref(run->model, vma);
	exec_forget(run);
	return 0;
}
