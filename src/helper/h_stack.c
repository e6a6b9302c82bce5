// SPDX-License-Identifier: Apache-2.0
/*
 * User stacks by frame pointers: each frame starts with the caller's frame pointer and the return address, and callers lie higher.
 * The registers are the event's; an event without them has no stack (-EFAULT). There is no kernel stack here.
 */
#include "helper/internal.h"

#define SKIP 0xffull
#define USER_STACK (1ull << 8)
#define FAST_STACK_CMP (1ull << 9)
#define REUSE_STACKID (1ull << 10)
#define BUILD_ID (1ull << 11)
#define MAX_FRAMES 127u

struct build_id_entry { /* struct bpf_stack_build_id of linux/bpf.h */
	int32_t status;
	uint8_t id[20];
	uint64_t ip;
};
#define STATUS_IP 2

static const struct model_pt_regs *regs_of(struct exec_run *run)
{
	const struct helper_event *e = run->event;

	return e ? e->regs : NULL;
}

#if defined(__x86_64__)
#define REG_IP(r) ((r)->ip)
#define REG_FP(r) ((r)->bp)
#else
#define REG_IP(r) ((r)->pc)
#define REG_FP(r) ((r)->regs[29])
#endif

static uint32_t unwind(struct exec_run *run, const struct model_pt_regs *regs,
		       uint64_t ips[MAX_FRAMES])
{
	uint64_t frame[2], fp = REG_FP(regs);
	uint32_t n = 0;

	ips[n++] = REG_IP(regs);
	while (n < MAX_FRAMES && fp && !(fp & 7) &&
	       mem_read_user(run, frame, fp, sizeof(frame)) == 0 && frame[1]) {
		ips[n++] = frame[1];
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
	return n;
}

/* Bytes of stack in [out, out + size), or -errno. */
static int64_t stack(struct exec_run *run, const struct model_pt_regs *regs, void *out,
		     uint64_t size, uint64_t flags)
{
	const uint64_t width = flags & BUILD_ID ? sizeof(struct build_id_entry) : 8;
	uint64_t ips[MAX_FRAMES], skip = flags & SKIP;
	uint32_t n;

	if (flags & ~(SKIP | USER_STACK | BUILD_ID) || size % width ||
	    (flags & BUILD_ID && !(flags & USER_STACK)))
		return -EINVAL;
	if (!(flags & USER_STACK) || !regs)
		return -EFAULT;
	n = unwind(run, regs, ips);
	if (skip >= n)
		return -EFAULT;
	n = (uint32_t)num_min(n - skip, size / width);
	for (uint32_t i = 0; i < n; i++) {
		struct build_id_entry e = { .status = STATUS_IP, .ip = ips[skip + i] };

		memcpy((uint8_t *)out + i * width, flags & BUILD_ID ? (void *)&e : (void *)&e.ip,
		       width);
	}
	return (int64_t)(n * width);
}

static uint64_t stack_into(struct exec_run *run, const struct model_pt_regs *regs, uint64_t buf,
			   uint32_t size, uint64_t flags)
{
	int64_t n = stack(run, regs, pointer(buf), size, flags);

	memset((uint8_t *)pointer(buf) + (n > 0 ? n : 0), 0, size - (n > 0 ? (uint64_t)n : 0));
	return result(n);
}

BODY(get_stack)
{
	return stack_into(run, regs_of(run), a2, (uint32_t)a3, a4);
}

BODY(get_task_stack)
{
	struct model_task *t = task_of(run, a1);

	if (!t)
		return no_object(run, "bpf_get_task_stack", "task", a1);
	return stack_into(run, t == current_task(run) ? regs_of(run) : NULL, a2, (uint32_t)a3, a4);
}

BODY(get_stackid)
{
	struct map *map = map_of(run, a2);
	const struct model_pt_regs *regs = regs_of(run);
	uint64_t ips[MAX_FRAMES];
	struct build_id_entry entries[MAX_FRAMES] = { { 0 } };
	uint32_t n;

	if (!map || map_attr(map)->type != MAP_STACK_TRACE)
		return exec_fault(run, &ERR_MAP_TYPE, "'%s' is no stack trace map",
				  map ? map_attr(map)->name : "?");
	if (a3 & ~(SKIP | USER_STACK | FAST_STACK_CMP | REUSE_STACKID))
		return fail(EINVAL);
	if (!(a3 & USER_STACK) || !regs)
		return fail(EFAULT);
	n = unwind(run, regs, ips);
	for (uint32_t i = 0; i < n; i++)
		entries[i] = (struct build_id_entry){ .status = STATUS_IP, .ip = ips[i] };
	return result(map_stack_id(map, map_stack_entry(map) == 8 ? (void *)ips : (void *)entries,
				   n, a3));
}
