// SPDX-License-Identifier: Apache-2.0
/*
 * The model kernel of a run. Core gives the one of the loaded object; a run without one gets its own here when a
 * helper first needs it, and takes it along when it ends. The same goes for what is known of the event.
 */
#include <stdlib.h>

#include "helper/internal.h"

bool helper_find_object(void *model, uint64_t addr, struct exec_region *ret)
{
	struct model_info info;

	if (!model_find(model, addr, &info))
		return false;
	*ret = (struct exec_region){ .base = info.base,
				     .size = info.size,
				     .kind = info.writable ? REGION_MEM : REGION_KERNEL,
				     .writable = info.writable,
				     .name = info.name };
	return true;
}

static void free_model(void *model)
{
	model_free(model);
}

struct model *world(struct exec_run *run)
{
	struct model *m = run->model;

	if (m)
		return m;
	if (model_new(&m, NULL) < 0) {
		exec_fault(run, &ERR_NO_MEMORY, "for the model kernel");
		return NULL;
	}
	run->model = m;
	run->model_find = helper_find_object;
	run->model_free = free_model;
	return m;
}

struct helper_event *event_of(struct exec_run *run)
{
	if (!run->event) {
		run->event = calloc(1, sizeof(struct helper_event));
		run->event_free = free;
	}
	if (!run->event)
		exec_fault(run, &ERR_NO_MEMORY, "for the event");
	return run->event;
}

struct model_task *current_task(struct exec_run *run)
{
	const struct exec_host *host = run->host;
	struct model_who who = { 0 };
	struct model *m = world(run);
	uint64_t id;

	if (!m)
		return NULL;
	if (host && host->pid_tgid) {
		id = host->pid_tgid(run->host_ctx);
		who.pid = (int32_t)id;
		who.tgid = (int32_t)(id >> 32);
	}
	if (host && host->comm)
		host->comm(run->host_ctx, who.comm);
	if (host && host->uid_gid) {
		id = host->uid_gid(run->host_ctx);
		who.uid = (uint32_t)id;
		who.gid = (uint32_t)(id >> 32);
		who.known = true;
	}
	return model_task_is(m, &who);
}

struct model_task *task_of(struct exec_run *run, uint64_t addr)
{
	return run->model ? model_object(run->model, addr, MODEL_TASK) : NULL;
}

struct model_cgroup_dir *cgroup_of(struct exec_run *run, uint64_t addr)
{
	return run->model ? model_object(run->model, addr, MODEL_CGROUP) : NULL;
}

struct model_cgroup_dir *current_cgroup(struct exec_run *run)
{
	const struct exec_host *host = run->host;
	struct model_cgroup_dir *c = NULL;
	struct model *m = world(run);
	uint64_t pid;

	if (!m)
		return NULL;
	if (host && host->cgroup_id)
		c = model_cgroup_by_id(m, host->cgroup_id(run->host_ctx));
	if (c)
		return c;
	pid = host && host->pid_tgid ? host->pid_tgid(run->host_ctx) : 0;
	return (uint32_t)pid ? model_cgroup_of(m, (int32_t)pid) : model_cgroup_at(m, "");
}

struct model_end *socket_of(struct exec_run *run, uint64_t addr)
{
	return run->model ? model_socket_of(run->model, addr) : NULL;
}

uint64_t no_object(struct exec_run *run, const char *name, const char *what, uint64_t addr)
{
	return exec_fault(run, &ERR_OBJECT, "%s: 0x%llx is no %s", name, (unsigned long long)addr,
			  what);
}
