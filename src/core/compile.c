// SPDX-License-Identifier: Apache-2.0
/*
 * Programs of objects run compiled, in checked mode: nobody has to vouch for them; what the verifier vouches for needs
 * fewer checks. What the compiler does not
 * take, or has no room for, the interpreter runs, with the same answers and the same count of instructions.
 */
#include <stdlib.h>

#include "core/internal.h"
#include "jit/jit.h"

int core_compile(struct core_prog *prog, struct skep_error **reterr)
{
	struct jit_opts opts = { .mode = JIT_CHECKED, .count = true, .facts = prog->facts };
	int r = 0;

	opts.pool = prog->obj->pool;
	opts.perf_map = prog->obj->perf_map;
	if (prog->exec && opts.pool)
		r = jit_new(prog->exec, &opts, &prog->jit, NULL);
	free(prog->facts);
	prog->facts = NULL;
	if (r == -ENOMEM)
		return skep_fail_nomem(reterr);
	if (prog->jit)
		prog->native = jit_native(prog->jit);
	return 0;
}

size_t core_code_size(const struct core_prog *prog)
{
	struct jit_stats stats = { 0 };

	if (prog->jit)
		jit_stats(prog->jit, &stats);
	return stats.code_bytes;
}
