// SPDX-License-Identifier: Apache-2.0
/*
 * Moving the ends of an XDP packet (bpf-helpers(7)). The frame reserves its first FRAME_HEAD bytes for the kernel's
 * struct xdp_frame, and a packet keeps at least an Ethernet header. Invariant after each: hard_start + FRAME_HEAD
 * <= data_meta <= data <= data_end <= frame_end, and the packet's region is [data_meta, data_end).
 */
#include "helper/internal.h"

#define FRAME_HEAD 40u
#define ETH_HEADER 14u
#define MAX_META 252u

static const struct exec_region *ctx_region(const struct exec_run *run)
{
	for (uint32_t i = 0; i < run->nregions; i++)
		if (run->regions[i].kind == REGION_CTX && run->regions[i].ctx)
			return &run->regions[i];
	return NULL;
}

enum packet_kind packet_of(struct exec_run *run, const uint8_t **ret_data, uint64_t *ret_len)
{
	const struct exec_region *region = ctx_region(run);

	if (!region || !run->ctx_backing)
		return PACKET_NONE;
	if (region->ctx == spec_ctx_of(PROG_XDP)) {
		const struct ctx_xdp *xdp = run->ctx_backing;

		*ret_data = pointer(xdp->data);
		*ret_len = xdp->data_end - xdp->data;
		return PACKET_XDP;
	}
	if (region->ctx == spec_ctx_of(PROG_SCHED_CLS) ||
	    region->ctx == spec_ctx_of(PROG_SOCKET_FILTER)) {
		const struct ctx_skb *skb = run->ctx_backing;

		*ret_data = pointer(skb->data);
		*ret_len = skb->data_end - skb->data;
		return PACKET_SKB;
	}
	return PACKET_NONE;
}

static struct ctx_xdp *xdp_of(struct exec_run *run)
{
	const uint8_t *data;
	uint64_t len;

	if (packet_of(run, &data, &len) == PACKET_XDP)
		return run->ctx_backing;
	exec_fault(run, &ERR_CONTEXT, "of XDP");
	return NULL;
}

/* The run's view of the packet after its ends moved. */
static void moved(struct exec_run *run, const struct ctx_xdp *xdp)
{
	uint64_t base = num_min(xdp->data_meta, xdp->data);

	exec_region_move(run, REGION_PACKET, base, xdp->data_end - base);
	if (run->packet) {
		run->packet = pointer(xdp->data);
		run->packet_len = (uint32_t)(xdp->data_end - xdp->data);
	}
}

static uint64_t meta_len(const struct ctx_xdp *xdp)
{
	return xdp->data_meta < xdp->data ? xdp->data - xdp->data_meta : 0;
}

BODY(xdp_adjust_head)
{
	struct ctx_xdp *xdp = xdp_of(run);
	int64_t delta = (int32_t)a2, data;
	uint64_t meta;

	if (!xdp)
		return 0;
	meta = meta_len(xdp);
	data = (int64_t)xdp->data + delta;
	if (data < (int64_t)(xdp->hard_start + FRAME_HEAD + meta) ||
	    data > (int64_t)xdp->data_end - ETH_HEADER)
		return fail(EINVAL);
	if (meta)
		memmove(pointer((uint64_t)data - meta), pointer(xdp->data_meta), meta);
	xdp->data = (uint64_t)data;
	xdp->data_meta = xdp->data - meta;
	moved(run, xdp);
	return 0;
}

BODY(xdp_adjust_tail)
{
	struct ctx_xdp *xdp = xdp_of(run);
	int64_t delta = (int32_t)a2, end;

	if (!xdp)
		return 0;
	end = (int64_t)xdp->data_end + delta;
	if (end > (int64_t)xdp->frame_end || end < (int64_t)(xdp->data + ETH_HEADER))
		return fail(EINVAL);
	if (delta > 0)
		memset(pointer(xdp->data_end), 0, (uint64_t)delta);
	xdp->data_end = (uint64_t)end;
	moved(run, xdp);
	return 0;
}

BODY(xdp_adjust_meta)
{
	struct ctx_xdp *xdp = xdp_of(run);
	int64_t delta = (int32_t)a2, meta;
	uint64_t len;

	if (!xdp)
		return 0;
	if (xdp->data_meta > xdp->data)
		return fail(HELPER_ENOTSUPP);
	meta = (int64_t)xdp->data_meta + delta;
	if (meta < (int64_t)(xdp->hard_start + FRAME_HEAD) || meta > (int64_t)xdp->data)
		return fail(EINVAL);
	len = xdp->data - (uint64_t)meta;
	if (len & 3 || len > MAX_META)
		return fail(EACCES);
	xdp->data_meta = (uint64_t)meta;
	moved(run, xdp);
	return 0;
}
