// SPDX-License-Identifier: Apache-2.0
/*
 * Programs of objects run compiled, in checked mode: nobody has to vouch for them. What the compiler does not
 * take, or has no room for, the interpreter runs, with the same answers and the same count of instructions.
 */
#include "core/internal.h"
#include "jit/jit.h"

int core_compile(struct core_prog *prog, struct skep_error **reterr)
{
	struct jit_opts opts = { .mode = JIT_CHECKED, .count = true };
	int r;

	if (!prog->exec || !prog->obj->pool)
		return 0;
	opts.pool = prog->obj->pool;
	opts.perf_map = prog->obj->perf_map;
	r = jit_new(prog->exec, &opts, &prog->jit, NULL);
	if (r == -ENOMEM)
		return skep_fail_nomem(reterr);
	if (r == 0)
		prog->native = jit_native(prog->jit);
	return 0;
}
