// SPDX-License-Identifier: Apache-2.0
/* Timers, work queues and task work in map values (bpf-helpers(7), kernel document bpf/kfuncs.rst); helper/async.h runs them. */
#include <time.h>

#include "helper/async.h"

#define START_ABS 1ull
#define START_PIN 2ull

/* The map of the value that holds the field; NULL: the run ends. */
static struct map *holder(struct exec_run *run, const char *name, uint64_t field, uint64_t size,
			  uint64_t map_addr)
{
	struct map *map = map_of(run, map_addr);
	uint64_t base;
	uint32_t len;

	if (!map || field & 7 || !map_value_at(map, field, &base, &len) ||
	    !num_inside(field - base, size, len)) {
		exec_fault(run, &ERR_OBJECT, "%s: 0x%llx lies in no value of the map", name,
			   (unsigned long long)field);
		return NULL;
	}
	return map;
}

BODY(timer_init)
{
	struct map *map = holder(run, "bpf_timer_init", a1, 16, a2);
	struct model *m = map ? world(run) : NULL;

	if (!m)
		return 0;
	if (a3 != CLOCK_REALTIME && a3 != CLOCK_MONOTONIC && a3 != CLOCK_BOOTTIME)
		return fail(EINVAL);
	return result(async_init(m, ASYNC_TIMER, a1, map, a2, (int)a3));
}

BODY(timer_set_callback)
{
	struct model *m = world(run);

	return m ? result(async_callback(m, ASYNC_TIMER, a1, run->prog, a2)) : 0;
}

BODY(timer_start)
{
	struct model *m = world(run);

	if (!m)
		return 0;
	if (a3 & ~(START_ABS | START_PIN))
		return fail(EINVAL);
	return result(async_start(m, ASYNC_TIMER, a1, a2, a3 & START_ABS));
}

BODY(timer_cancel)
{
	struct model *m = world(run);

	return m ? result(async_cancel(m, ASYNC_TIMER, a1)) : 0;
}

KBODY(bpf_wq_init)
{
	struct map *map = holder(run, "bpf_wq_init", a1, 16, a2);
	struct model *m = map ? world(run) : NULL;

	if (!m)
		return 0;
	if (a3)
		return (uint32_t)-EINVAL;
	return (uint32_t)async_init(m, ASYNC_WORK, a1, map, a2, CLOCK_MONOTONIC);
}

KBODY(bpf_wq_set_callback_impl)
{
	struct model *m = world(run);

	if (!m)
		return 0;
	if (a3)
		return (uint32_t)-EINVAL;
	return (uint32_t)async_callback(m, ASYNC_WORK, a1, run->prog, a2);
}

KBODY(bpf_wq_start)
{
	struct model *m = world(run);

	if (!m)
		return 0;
	if (a2)
		return (uint32_t)-EINVAL;
	return (uint32_t)async_start(m, ASYNC_WORK, a1, 0, false);
}

/* The callback runs soon, outside of this run. */
static uint64_t task_work(struct exec_run *run, const char *name, const uint64_t a[4])
{
	struct model *m = world(run);
	struct map *map = m ? holder(run, name, a[1], 8, a[2]) : NULL;
	int r;

	if (!map)
		return 0;
	if (!task_of(run, a[0]))
		return no_object(run, name, "task", a[0]);
	r = async_init(m, ASYNC_TASK_WORK, a[1], map, a[2], CLOCK_MONOTONIC);
	if (r == 0 || r == -EBUSY)
		r = async_callback(m, ASYNC_TASK_WORK, a[1], run->prog, a[3]);
	if (r == 0)
		r = async_start(m, ASYNC_TASK_WORK, a[1], 0, false);
	return (uint32_t)r;
}

KBODY(bpf_task_work_schedule_signal_impl)
{
	return task_work(run, "bpf_task_work_schedule_signal_impl", (uint64_t[]){ a1, a2, a3, a4 });
}

KBODY(bpf_task_work_schedule_resume_impl)
{
	return task_work(run, "bpf_task_work_schedule_resume_impl", (uint64_t[]){ a1, a2, a3, a4 });
}
