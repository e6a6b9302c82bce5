/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs later: timers, work queues and task work, on one thread for each model. Each is known by the address of its field in a
 * map's value, and holds its map. Stopped, and its thread joined, before the model goes.
 */
#ifndef HELPER_ASYNC_H
#define HELPER_ASYNC_H

#include "helper/internal.h"

enum async_kind { ASYNC_TIMER, ASYNC_WORK, ASYNC_TASK_WORK };

/* -EBUSY: there is one at this address. */
int async_init(struct model *m, enum async_kind kind, uint64_t addr, struct map *map,
	       uint64_t map_addr, int clock);
/* -EINVAL: there is none. */
int async_callback(struct model *m, enum async_kind kind, uint64_t addr,
		   const struct exec_prog *prog, uint64_t func);
/* At @when (ns of its clock; @absolute), or after @when. -EINVAL: none, or no callback. -EBUSY of task work that waits. */
int async_start(struct model *m, enum async_kind kind, uint64_t addr, uint64_t when, bool absolute);
/* 1: it waited. -EDEADLK inside its own callback, -EINVAL: there is none. Waits for a callback that is under way. */
int async_cancel(struct model *m, enum async_kind kind, uint64_t addr);
/* Its field goes: no more callbacks, and it is forgotten. Waits for nothing. */
void async_forget(struct model *m, uint64_t addr);
/* Waits until nothing is due now; for tests. */
void async_settle(struct model *m);

#endif
