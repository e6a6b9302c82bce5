// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel functions around loops and sections (kernel document bpf/kfuncs.rst). An iterator lies in the program's
 * stack. The sections that keep the kernel from switching tasks or freeing memory need nothing here: a
 * run has its thread to itself, and what programs can reach is freed after them.
 */
#include "helper/internal.h"

#define MAX_RANGE (1u << 23)

/* struct bpf_iter_num of linux/bpf.h, 8 bytes. */
struct iter_num {
	int32_t now, end; /* the number given last; the first one that is not given */
};

KBODY(bpf_iter_num_new)
{
	struct iter_num *it = pointer(a1);
	int32_t start = (int32_t)a2, end = (int32_t)a3;

	if (!kfunc_memory(run, "bpf_iter_num_new", a1, sizeof(*it), true))
		return 0;
	*it = (struct iter_num){ 0 };
	if (start > end)
		return (uint32_t)-EINVAL;
	if ((int64_t)end - start > MAX_RANGE)
		return (uint32_t)-E2BIG;
	*it = (struct iter_num){ (int32_t)((uint32_t)start - 1), end };
	return 0;
}

KBODY(bpf_iter_num_next)
{
	struct iter_num *it = pointer(a1);

	if (!kfunc_memory(run, "bpf_iter_num_next", a1, sizeof(*it), true))
		return 0;
	if ((int32_t)((uint32_t)it->now + 1) >= it->end) {
		*it = (struct iter_num){ 0 };
		return 0;
	}
	it->now = (int32_t)((uint32_t)it->now + 1);
	return (uintptr_t)&it->now;
}

KBODY(bpf_iter_num_destroy)
{
	struct iter_num *it = pointer(a1);

	if (kfunc_memory(run, "bpf_iter_num_destroy", a1, sizeof(*it), true))
		*it = (struct iter_num){ 0 };
	return 0;
}

KBODY(bpf_rcu_read_lock)
{
	return 0;
}

KBODY(bpf_rcu_read_unlock)
{
	return 0;
}

KBODY(bpf_preempt_disable)
{
	return 0;
}

KBODY(bpf_preempt_enable)
{
	return 0;
}

KBODY(bpf_local_irq_save)
{
	uint64_t *flags = pointer(a1);

	if (kfunc_memory(run, "bpf_local_irq_save", a1, sizeof(*flags), true))
		*flags = 0;
	return 0;
}

KBODY(bpf_local_irq_restore)
{
	kfunc_memory(run, "bpf_local_irq_restore", a1, sizeof(uint64_t), false);
	return 0;
}
