// SPDX-License-Identifier: Apache-2.0
/* One run of a program, counted; what it left reserved in a ring is discarded, so a fault loses no room. */
#include "core/internal.h"
#include "helper/helper.h"
#include "jit/jit.h"

static void discard_open(struct core_obj *obj, struct exec_run *run)
{
	for (uint32_t i = run->nregions; i-- > 0;) {
		struct exec_region reg = run->regions[i];

		if (reg.kind != REGION_RING)
			continue;
		exec_region_remove(run, REGION_RING, reg.base);
		for (size_t k = 0; k < obj->nbuffers; k++) {
			struct map *map = obj->maps[obj->buffers[k]].map;

			if (map_ring_owns(map, reg.base))
				map_ring_discard(map, (void *)(uintptr_t)reg.base, 0);
		}
	}
}

static void set_model(struct exec_run *run, struct model *model)
{
	if (run->model_free)
		run->model_free(run->model);
	run->model = model;
	run->model_find = helper_find_object;
	run->model_free = NULL;
}

int core_run(struct core_prog *prog, struct exec_run *run, uint64_t ctx, uint64_t *ret_r0,
	     struct skep_error **reterr)
{
	int r;

	if (prog->obj && run->model != prog->obj->model)
		set_model(run, prog->obj->model);
	if (prog->jit && !run->watch)
		r = jit_run(prog->jit, run, ctx, ret_r0, reterr);
	else
		r = exec(prog->exec, run, ctx, ret_r0, reterr);

	prog->runs++;
	prog->insns += run->budget_start - run->budget;
	if (r < 0) {
		prog->faults++;
		discard_open(prog->obj, run);
	}
	return r;
}
