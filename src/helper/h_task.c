// SPDX-License-Identifier: Apache-2.0
/* The current task as the host knows it; without a host the answers are those of the idle task, 0. */
#include "helper/internal.h"

BODY(get_current_pid_tgid)
{
	if (run->sampled & NEED_TASK)
		return run->pid_tgid;
	return run->host && run->host->pid_tgid ? run->host->pid_tgid(run->host_ctx) : 0;
}

BODY(get_current_uid_gid)
{
	return run->host && run->host->uid_gid ? run->host->uid_gid(run->host_ctx) : 0;
}

BODY(get_current_cgroup_id)
{
	return run->host && run->host->cgroup_id ? run->host->cgroup_id(run->host_ctx) : 0;
}

BODY(get_smp_processor_id)
{
	return cpu_of(run);
}

BODY(get_current_comm)
{
	char comm[16] = { 0 };
	uint32_t size = (uint32_t)a2;
	char *out = pointer(a1);

	memset(out, 0, size);
	if (!run->host || !run->host->comm)
		return fail(EINVAL);
	run->host->comm(run->host_ctx, comm);
	comm[sizeof(comm) - 1] = '\0';
	if (size)
		memcpy(out, comm, num_min(strlen(comm), size - 1));
	return 0;
}

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016). */
BODY(get_prandom_u32)
{
	uint64_t x = run->prandom ? run->prandom : 0x9e3779b97f4a7c15ull;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	run->prandom = x;
	return x * 0x2545f4914f6cdd1dull >> 32;
}
