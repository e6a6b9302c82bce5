// SPDX-License-Identifier: Apache-2.0
/*
 * Moving the ends of an XDP packet (bpf-helpers(7)). The frame reserves its first FRAME_HEAD bytes for the kernel's
 * struct xdp_frame, and a packet keeps at least an Ethernet header. Invariant after each: hard_start + FRAME_HEAD
 * <= data_meta <= data <= data_end <= frame_end, and the packet's region is [data_meta, data_end).
 */
#include "helper/packet.h"

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
	if (!strcmp(region->ctx->name, "__sk_buff")) {
		const struct ctx_skb *skb = run->ctx_backing;

		*ret_data = pointer(skb->data);
		*ret_len = skb->data_end - skb->data;
		return PACKET_SKB;
	}
	return PACKET_NONE;
}

struct ctx_xdp *xdp_of(struct exec_run *run)
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

BODY(xdp_get_buff_len)
{
	const struct ctx_xdp *xdp = xdp_of(run);

	return xdp ? xdp->data_end - xdp->data : 0;
}

/* [off, off + len) of the packet, or NULL and why. */
static uint8_t *xdp_bytes(const struct ctx_xdp *xdp, uint32_t off, uint32_t len, uint64_t *why)
{
	*why = off > 0xffff || len > 0xffff ? fail(EFAULT) : fail(EINVAL);
	if (off > 0xffff || len > 0xffff || off + len > xdp->data_end - xdp->data)
		return NULL;
	return pointer(xdp->data + off);
}

BODY(xdp_load_bytes)
{
	const struct ctx_xdp *xdp = xdp_of(run);
	uint64_t why = 0;
	const uint8_t *from = xdp ? xdp_bytes(xdp, (uint32_t)a2, (uint32_t)a4, &why) : NULL;

	if (from)
		memmove(pointer(a3), from, (uint32_t)a4);
	return from ? 0 : why;
}

BODY(xdp_store_bytes)
{
	const struct ctx_xdp *xdp = xdp_of(run);
	uint64_t why = 0;
	uint8_t *to = xdp ? xdp_bytes(xdp, (uint32_t)a2, (uint32_t)a4, &why) : NULL;

	if (to)
		memmove(to, pointer(a3), (uint32_t)a4);
	return to ? 0 : why;
}

/* What the device says of the packet, when it does (kernel document networking/xdp-rx-metadata.rst). */
KBODY(bpf_xdp_metadata_rx_timestamp)
{
	const struct helper_event *e = run->event;

	if (!kfunc_memory(run, "bpf_xdp_metadata_rx_timestamp", a2, 8, true))
		return 0;
	if (!e || !e->has_rx_time)
		return fail(EOPNOTSUPP);
	memcpy(pointer(a2), &e->rx_time, 8);
	return 0;
}

KBODY(bpf_xdp_metadata_rx_hash)
{
	const struct helper_event *e = run->event;

	if (!kfunc_memory(run, "bpf_xdp_metadata_rx_hash", a2, 4, true) ||
	    !kfunc_memory(run, "bpf_xdp_metadata_rx_hash", a3, 4, true))
		return 0;
	if (!e || !e->has_rx_hash)
		return fail(EOPNOTSUPP);
	memcpy(pointer(a2), &e->rx_hash, 4);
	memcpy(pointer(a3), &e->rx_hash_type, 4);
	return 0;
}

KBODY(bpf_xdp_metadata_rx_vlan_tag)
{
	const struct helper_event *e = run->event;

	if (!kfunc_memory(run, "bpf_xdp_metadata_rx_vlan_tag", a2, 2, true) ||
	    !kfunc_memory(run, "bpf_xdp_metadata_rx_vlan_tag", a3, 2, true))
		return 0;
	if (!e || !e->has_rx_vlan)
		return fail(e ? ENODATA : EOPNOTSUPP);
	memcpy(pointer(a2), &e->rx_vlan_proto, 2);
	memcpy(pointer(a3), &e->rx_vlan_tci, 2);
	return 0;
}

KBODY(bpf_xdp_pull_data)
{
	const struct ctx_xdp *xdp = xdp_of(run);

	return !xdp || (uint32_t)a2 <= xdp->data_end - xdp->data ? 0 : (uint32_t)-EINVAL;
}
