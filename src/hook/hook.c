// SPDX-License-Identifier: Apache-2.0
/* What all sources share: firing one program and reporting how it went. */
#include "hook/hook.h"

int hook_fire(const struct hook_sink *sink, struct core_prog *prog, struct exec_run *run,
	      uint64_t ctx, uint64_t *ret_r0)
{
	struct skep_error *err = NULL;

	if (core_run(prog, run, ctx, ret_r0, &err) == 0)
		return 0;
	return sink->fault(sink->ctx, prog, err) ? -ECANCELED : 1;
}
