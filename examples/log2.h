/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms by powers of two: slot n counts the values v with 2^n <= v < 2^(n+1), slot 0 also
 * the zeros, and the last slot everything that is larger.
 */
#ifndef EXAMPLES_LOG2_H
#define EXAMPLES_LOG2_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#define LOG2_SLOTS 32

/* Halve the distance: five comparisons, no loop, no table. */
static __always_inline __u32 log2_of(__u64 v)
{
	__u32 slot = 0;

	if (v >> 32)
		return LOG2_SLOTS - 1;
	if (v >> 16) {
		slot += 16;
		v >>= 16;
	}
	if (v >> 8) {
		slot += 8;
		v >>= 8;
	}
	if (v >> 4) {
		slot += 4;
		v >>= 4;
	}
	if (v >> 2) {
		slot += 2;
		v >>= 2;
	}
	return slot + (v >> 1 & 1);
}

static __always_inline void log2_count(__u64 *slots, __u64 v)
{
	__sync_fetch_and_add(&slots[log2_of(v) & (LOG2_SLOTS - 1)], 1);
}

#endif
