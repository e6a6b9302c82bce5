/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the oracle's programs count, the same on both engines.
 *
 * The kernel's tracepoints fire for every process of the machine, skep's only for the command it
 * runs; and neither starts or ends exactly with the workload. So the workload marks itself: it
 * calls prctl(ORACLE_MARK, 1) where counting shall start and prctl(ORACLE_MARK, 0) where it stops.
 * The process that calls is the one that is counted. prctl itself is never counted, whatever its
 * arguments, because programs at one tracepoint run in no promised order.
 *
 *	.rodata target_tgid    0: whoever marks; else only this process
 *	.rodata need_mark      1: count between the marks; 0: count all of target_tgid from the start
 *	.bss    marked_tgid    who is being counted
 */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "model.h"

#define ORACLE_MARK 0x736b6570 /* "skep" */
#define NR_PRCTL 157	       /* x86-64 */

const volatile __u32 target_tgid = 0;
const volatile __u32 need_mark = 1;
volatile __u32 marked_tgid;

static __always_inline int is_counted(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (target_tgid && tgid != target_tgid)
		return 0;
	return !need_mark || tgid == marked_tgid;
}

/* The one program of each object that follows the marks. */
SEC("tracepoint/syscalls/sys_enter_prctl")
int follow_marks(struct trace_event_raw_sys_enter *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (ctx->args[0] != ORACLE_MARK || (target_tgid && tgid != target_tgid))
		return 0;
	marked_tgid = ctx->args[1] ? tgid : 0;
	return 0;
}

static __always_inline void add(void *map, const void *key, __u64 n)
{
	__u64 *old = bpf_map_lookup_elem(map, key);

	if (old)
		__sync_fetch_and_add(old, n);
	else
		bpf_map_update_elem(map, key, &n, BPF_NOEXIST);
}

#endif
