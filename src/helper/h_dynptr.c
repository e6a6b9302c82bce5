// SPDX-License-Identifier: Apache-2.0
/* Dynptrs (helper/dynptr.h): helpers and kernel functions; kernel document bpf/kfuncs.rst, bpf-helpers(7). */
#include "helper/dynptr.h"
#include "helper/packet.h"

struct dynptr *dynptr_of(struct exec_run *run, const char *name, uint64_t addr)
{
	return kfunc_memory(run, name, addr, sizeof(struct dynptr), true) ? pointer(addr) : NULL;
}

void dynptr_set(struct dynptr *p, enum dynptr_kind kind, uint64_t base, uint32_t size, bool rdonly)
{
	*p = (struct dynptr){ base, 0,
			      (size & DYNPTR_MAX) | (uint32_t)kind << 24 | (uint32_t)rdonly << 31 };
}

/* Where its memory starts; *room: how much of it there is now. */
static uint8_t *start_of(struct exec_run *run, const struct dynptr *p, uint64_t *room)
{
	const uint8_t *data = NULL;
	const struct ctx_xdp *xdp = run->ctx_backing;

	*room = dynptr_size(p) + (uint64_t)p->off;
	switch (dynptr_kind(p)) {
	case DYNPTR_LOCAL:
	case DYNPTR_RING:
		return pointer(p->base);
	case DYNPTR_SKB:
		return packet_of(run, &data, room) == PACKET_SKB ? pointer((uintptr_t)data) : NULL;
	case DYNPTR_XDP:
		return packet_of(run, &data, room) == PACKET_XDP ? pointer((uintptr_t)data) : NULL;
	case DYNPTR_META:
		if (packet_of(run, &data, room) != PACKET_SKB)
			return NULL;
		*room = ((const struct ctx_skb *)run->ctx_backing)->data -
			((const struct ctx_skb *)run->ctx_backing)->data_meta;
		return pointer(((const struct ctx_skb *)run->ctx_backing)->data_meta);
	case DYNPTR_NONE:
		break;
	}
	(void)xdp;
	return NULL;
}

uint8_t *dynptr_bytes(struct exec_run *run, const struct dynptr *p, uint64_t off, uint64_t len,
		      bool write, int *why)
{
	uint64_t room;
	uint8_t *start = start_of(run, p, &room);

	*why = -EINVAL;
	if (!start || (write && dynptr_rdonly(p)))
		return NULL;
	*why = -E2BIG;
	if (!num_inside(off, len, dynptr_size(p)) || !num_inside(p->off + off, len, room))
		return NULL;
	start += p->off + off;
	if (len && !exec_may_access(run, (uintptr_t)start, len, write)) {
		exec_fault(run, &ERR_DYNPTR, "%llu bytes at 0x%llx", (unsigned long long)len,
			   (unsigned long long)(uintptr_t)start);
		return NULL;
	}
	return start;
}

BODY(dynptr_from_mem)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_from_mem", a4);
	int r = a3 ? -EINVAL : (uint32_t)a2 > DYNPTR_MAX ? -E2BIG : 0;

	if (!p)
		return 0;
	*p = (struct dynptr){ 0 };
	if (r == 0)
		dynptr_set(p, DYNPTR_LOCAL, a1, (uint32_t)a2, false);
	return result(r);
}

BODY(ringbuf_reserve_dynptr)
{
	struct dynptr *p = dynptr_of(run, "bpf_ringbuf_reserve_dynptr", a4);
	struct map *map = map_of(run, a1);
	uint64_t sample;

	if (!p || !map)
		return 0;
	*p = (struct dynptr){ 0 };
	if (map_attr(map)->type != MAP_RINGBUF)
		return exec_fault(run, &ERR_MAP_TYPE, "'%s' is no ring buffer",
				  map_attr(map)->name);
	if (a3)
		return fail(EINVAL);
	if ((uint32_t)a2 > DYNPTR_MAX)
		return fail(E2BIG);
	sample = ring_reserve(run, map, (uint32_t)a2, 0);
	if (!sample)
		return fail(EINVAL);
	dynptr_set(p, DYNPTR_RING, sample, (uint32_t)a2, false);
	return 0;
}

/* Submits or discards; a null dynptr is fine. */
static void end_ring(struct exec_run *run, const char *name, uint64_t addr, uint64_t flags,
		     bool submit)
{
	struct dynptr *p = dynptr_of(run, name, addr);

	if (!p || !p->base || dynptr_kind(p) != DYNPTR_RING)
		return;
	if (exec_region_remove(run, REGION_RING, p->base) < 0) {
		exec_fault(run, &ERR_NOT_RESERVED, "0x%llx", (unsigned long long)p->base);
		return;
	}
	if (submit)
		map_ring_submit(NULL, pointer(p->base), flags);
	else
		map_ring_discard(NULL, pointer(p->base), flags);
	*p = (struct dynptr){ 0 };
}

BODY(ringbuf_submit_dynptr)
{
	end_ring(run, "bpf_ringbuf_submit_dynptr", a1, a2, true);
	return 0;
}

BODY(ringbuf_discard_dynptr)
{
	end_ring(run, "bpf_ringbuf_discard_dynptr", a1, a2, false);
	return 0;
}

BODY(dynptr_read)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_read", a3);
	const uint8_t *from;
	int why;

	if (!p)
		return 0;
	if (a5)
		return fail(EINVAL);
	from = dynptr_bytes(run, p, (uint32_t)a4, (uint32_t)a2, false, &why);
	if (!from)
		return result(why);
	memmove(pointer(a1), from, (uint32_t)a2);
	return 0;
}

BODY(dynptr_write)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_write", a1);
	bool skb = p && dynptr_kind(p) == DYNPTR_SKB;
	uint8_t *to;
	int why;

	if (!p)
		return 0;
	if (a5 & ~(uint64_t)(skb ? BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH : 0))
		return fail(EINVAL);
	to = dynptr_bytes(run, p, (uint32_t)a2, (uint32_t)a4, true, &why);
	if (!to)
		return result(why);
	memmove(to, pointer(a3), (uint32_t)a4);
	if (skb && a5 & BPF_F_INVALIDATE_HASH)
		((struct ctx_skb *)run->ctx_backing)->hash = 0;
	return 0;
}

BODY(dynptr_data)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_data", a1);
	uint8_t *at;
	int why;

	if (!p || (dynptr_kind(p) != DYNPTR_LOCAL && dynptr_kind(p) != DYNPTR_RING))
		return 0;
	at = dynptr_bytes(run, p, (uint32_t)a2, (uint32_t)a3, true, &why);
	return (uintptr_t)at;
}

/* Kernel functions -------------------------------------------------------------------------------------- */

static uint64_t from_packet(struct exec_run *run, const char *name, uint64_t addr, uint64_t flags,
			    enum dynptr_kind kind)
{
	struct dynptr *p = dynptr_of(run, name, addr);
	const uint8_t *data;
	uint64_t len = 0;

	if (!p)
		return 0;
	*p = (struct dynptr){ 0 };
	if (packet_of(run, &data, &len) != (kind == DYNPTR_XDP ? PACKET_XDP : PACKET_SKB))
		return exec_fault(run, &ERR_CONTEXT, "for %s", name);
	if (flags)
		return (uint32_t)-EINVAL;
	if (kind == DYNPTR_META)
		len = ((const struct ctx_skb *)run->ctx_backing)->data -
		      ((const struct ctx_skb *)run->ctx_backing)->data_meta;
	dynptr_set(p, kind, 0, (uint32_t)num_min(len, DYNPTR_MAX),
		   run->prog && kind == DYNPTR_SKB && !skb_writable(run));
	return 0;
}

KBODY(bpf_dynptr_from_skb)
{
	return from_packet(run, "bpf_dynptr_from_skb", a3, a2, DYNPTR_SKB);
}

KBODY(bpf_dynptr_from_skb_meta)
{
	return from_packet(run, "bpf_dynptr_from_skb_meta", a3, a2, DYNPTR_META);
}

KBODY(bpf_dynptr_from_xdp)
{
	return from_packet(run, "bpf_dynptr_from_xdp", a3, a2, DYNPTR_XDP);
}

KBODY(bpf_dynptr_adjust)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_adjust", a1);
	uint32_t start = (uint32_t)a2, end = (uint32_t)a3;

	if (!p)
		return 0;
	if (dynptr_kind(p) == DYNPTR_NONE || start > end)
		return (uint32_t)-EINVAL;
	if (start > dynptr_size(p) || end > dynptr_size(p))
		return (uint32_t)-ERANGE;
	p->off += start;
	p->info = (p->info & ~DYNPTR_MAX) | (end - start);
	return 0;
}

KBODY(bpf_dynptr_is_null)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_is_null", a1);

	return p && dynptr_kind(p) == DYNPTR_NONE;
}

KBODY(bpf_dynptr_is_rdonly)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_is_rdonly", a1);

	return p && dynptr_kind(p) != DYNPTR_NONE && dynptr_rdonly(p);
}

KBODY(bpf_dynptr_size)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_size", a1);

	if (!p)
		return 0;
	return dynptr_kind(p) == DYNPTR_NONE ? (uint32_t)-EINVAL : dynptr_size(p);
}

KBODY(bpf_dynptr_clone)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_clone", a1);
	struct dynptr *to = dynptr_of(run, "bpf_dynptr_clone", a2);

	if (!p || !to)
		return 0;
	*to = *p;
	return dynptr_kind(p) == DYNPTR_NONE ? (uint32_t)-EINVAL : 0;
}

KBODY(bpf_dynptr_copy)
{
	struct dynptr *to = dynptr_of(run, "bpf_dynptr_copy", a1);
	struct dynptr *from = dynptr_of(run, "bpf_dynptr_copy", a3);
	const uint8_t *src;
	uint8_t *dst;
	int why;

	if (!to || !from)
		return 0;
	src = dynptr_bytes(run, from, (uint32_t)a4, (uint32_t)a5, false, &why);
	dst = src ? dynptr_bytes(run, to, (uint32_t)a2, (uint32_t)a5, true, &why) : NULL;
	if (!dst)
		return (uint32_t)why;
	memmove(dst, src, (uint32_t)a5);
	return 0;
}

KBODY(bpf_dynptr_memset)
{
	struct dynptr *p = dynptr_of(run, "bpf_dynptr_memset", a1);
	uint8_t *at;
	int why;

	if (!p)
		return 0;
	at = dynptr_bytes(run, p, (uint32_t)a2, (uint32_t)a3, true, &why);
	if (!at)
		return (uint32_t)why;
	memset(at, (uint8_t)a4, (uint32_t)a3);
	return 0;
}

/* Packets here lie in one piece, so the program's buffer is never needed. */
static uint64_t slice(struct exec_run *run, const char *name, const uint64_t a[4], bool write)
{
	struct dynptr *p = dynptr_of(run, name, a[0]);
	int why;

	return p ? (uintptr_t)dynptr_bytes(run, p, (uint32_t)a[1], (uint32_t)a[3], write, &why) : 0;
}

KBODY(bpf_dynptr_slice)
{
	const uint64_t a[4] = { a1, a2, a3, a4 };

	return slice(run, "bpf_dynptr_slice", a, false);
}

KBODY(bpf_dynptr_slice_rdwr)
{
	const uint64_t a[4] = { a1, a2, a3, a4 };

	return slice(run, "bpf_dynptr_slice_rdwr", a, true);
}

/* Reads of memory into a dynptr ----------------------------------------------------------------------- */

enum reading { READ_KERNEL, READ_USER, READ_KERNEL_STR, READ_USER_STR };

static uint64_t read_into(struct exec_run *run, const char *name, const uint64_t a[4],
			  enum reading how, struct model_task *task)
{
	struct dynptr *p = dynptr_of(run, name, a[0]);
	uint32_t len = (uint32_t)a[2];
	int64_t r;
	uint8_t *to;
	int why;

	if (!p)
		return 0;
	to = dynptr_bytes(run, p, (uint32_t)a[1], len, true, &why);
	if (!to)
		return (uint32_t)why;
	if (how == READ_USER)
		r = mem_read_task(run, task, to, a[3], len);
	else if (how == READ_KERNEL)
		r = mem_read_kernel(run, to, a[3], len);
	else
		r = mem_read_str(run, how == READ_USER_STR ? MEM_USER : MEM_KERNEL, (char *)to, len,
				 a[3]);
	if (r < 0)
		memset(to, 0, len);
	return (uint32_t)r;
}

#define READ_BODY(name, how)                                \
	KBODY(name)                                         \
	{                                                   \
		const uint64_t a[4] = { a1, a2, a3, a4 };   \
                                                            \
		return read_into(run, #name, a, how, NULL); \
	}
READ_BODY(bpf_probe_read_user_dynptr, READ_USER)
READ_BODY(bpf_probe_read_kernel_dynptr, READ_KERNEL)
READ_BODY(bpf_probe_read_user_str_dynptr, READ_USER_STR)
READ_BODY(bpf_probe_read_kernel_str_dynptr, READ_KERNEL_STR)
READ_BODY(bpf_copy_from_user_dynptr, READ_USER)
READ_BODY(bpf_copy_from_user_str_dynptr, READ_USER_STR)

static uint64_t read_task(struct exec_run *run, const char *name, const uint64_t a[5],
			  enum reading how)
{
	struct model_task *task = task_of(run, a[4]);

	return task ? read_into(run, name, a, how, task) : no_object(run, name, "task", a[4]);
}

KBODY(bpf_copy_from_user_task_dynptr)
{
	const uint64_t a[5] = { a1, a2, a3, a4, a5 };

	return read_task(run, "bpf_copy_from_user_task_dynptr", a, READ_USER);
}

KBODY(bpf_copy_from_user_task_str_dynptr)
{
	struct model_task *task = task_of(run, a5);
	struct dynptr *p = dynptr_of(run, "bpf_copy_from_user_task_str_dynptr", a1);
	uint8_t *to;
	int64_t r;
	int why;

	if (!p)
		return 0;
	if (!task)
		return no_object(run, "bpf_copy_from_user_task_str_dynptr", "task", a5);
	to = dynptr_bytes(run, p, (uint32_t)a2, (uint32_t)a3, true, &why);
	if (!to)
		return (uint32_t)why;
	r = mem_read_task_str(run, task, (char *)to, (uint32_t)a3, a4);
	return (uint32_t)r;
}
