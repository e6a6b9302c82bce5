// SPDX-License-Identifier: Apache-2.0
/*
 * The seccomp program: a search tree over the runs of numbers that are traced or not, so a call costs at most
 * nine comparisons, and numbers far from any traced one a few. It looks at the architecture and the number alone
 * and only compares and jumps, so the kernel's cache of always-allowed calls (Linux 5.11) can skip it.
 * Calls of another ABI (int 0x80, x32, 32-bit arm) are let through: the kernel's tracepoints of
 * system calls do not see them either. Reference: kernel document userspace-api/seccomp_filter.rst.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "hook/proc/internal.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

#define MAX_RUNS 2048

struct run {
	uint32_t start;
	bool traced;
};

struct tree {
	struct run runs[MAX_RUNS];
	struct sock_filter *out;
	size_t len, max;
	bool full;
};

static void put(struct tree *t, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (t->len >= t->max) {
		t->full = true;
		return;
	}
	t->out[t->len++] = (struct sock_filter){ code, jt, jf, k };
}

static void give(struct tree *t, bool traced)
{
	put(t, BPF_RET | BPF_K, traced ? SECCOMP_RET_TRACE : SECCOMP_RET_ALLOW, 0, 0);
}

/* Decides among runs [lo, hi). The right half lies behind the left, by a long jump. Depth: log2(runs). */
static void emit(struct tree *t, size_t lo, size_t hi)
{
	size_t mid = lo + (hi - lo) / 2, jump;

	if (hi - lo == 1) {
		give(t, t->runs[lo].traced);
		return;
	}
	put(t, BPF_JMP | BPF_JGE | BPF_K, t->runs[mid].start, 0, 1);
	jump = t->len;
	put(t, BPF_JMP | BPF_JA, 0, 0, 0);
	emit(t, lo, mid);
	if (!t->full)
		t->out[jump].k = (uint32_t)(t->len - jump - 1);
	emit(t, mid, hi);
}

static size_t find_runs(struct run *runs, const uint8_t *calls, size_t ncalls, bool all)
{
	size_t n = 0;

	runs[n++] = (struct run){ 0, all || (ncalls && calls[0]) };
	for (size_t i = 1; i < ncalls && !all && n < MAX_RUNS - 2; i++)
		if (!calls[i] != !calls[i - 1])
			runs[n++] = (struct run){ (uint32_t)i, calls[i] != 0 };
	if (!all && runs[n - 1].traced)
		runs[n++] = (struct run){ (uint32_t)ncalls, false };
#ifdef X32_BIT
	if (runs[n - 1].traced)
		runs[n++] = (struct run){ X32_BIT, false };
#endif
	return n;
}

int proc_filter(const uint8_t *calls, size_t ncalls, bool all, struct sock_filter *out, size_t max)
{
	struct tree t = { .out = out, .max = max };
	size_t n;

	if (ncalls >= MAX_RUNS - 2)
		return -E2BIG;
	n = find_runs(t.runs, calls, ncalls, all);
	put(&t, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	put(&t, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
	give(&t, false);
	put(&t, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	emit(&t, 0, n);
	return t.full ? -E2BIG : (int)t.len;
}
