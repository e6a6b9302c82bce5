// SPDX-License-Identifier: Apache-2.0
/* Perf buffers. Programs on packets may ask for the packet's first bytes behind the data. */
#include "helper/internal.h"

#define CTXLEN_SHIFT 32
#define CTXLEN_MASK 0xfffffull

BODY(perf_event_output)
{
	struct map *map = map_of(run, a2);
	uint64_t want = a3 >> CTXLEN_SHIFT & CTXLEN_MASK, len = 0;
	const uint8_t *packet = NULL;

	if (!map || map_attr(map)->type != MAP_PERF_EVENT_ARRAY)
		return exec_fault(run, &ERR_MAP_TYPE, "'%s' is no perf event array",
				  map ? map_attr(map)->name : "?");
	if (want) {
		if (packet_of(run, &packet, &len) == PACKET_NONE)
			return fail(EINVAL);
		if (want > len)
			return fail(EFAULT);
	}
	return result(map_perf_output(map, cpu_of(run), a3, pointer(a4), a5, packet, want));
}

/* The same for a packet that a traced function works on: @data to @end are its bytes. */
static uint64_t output_of(struct exec_run *run, const uint64_t a[5], const void *data, uint64_t len)
{
	struct map *map = map_of(run, a[1]);
	uint64_t want = a[2] >> CTXLEN_SHIFT & CTXLEN_MASK;

	if (!map || map_attr(map)->type != MAP_PERF_EVENT_ARRAY)
		return exec_fault(run, &ERR_MAP_TYPE, "'%s' is no perf event array",
				  map ? map_attr(map)->name : "?");
	if (want > len || (want && !exec_may_access(run, (uintptr_t)data, want, false)))
		return fail(EFAULT);
	return result(map_perf_output(map, cpu_of(run), a[2], pointer(a[3]), a[4], data, want));
}

BODY(skb_output)
{
	const struct model_sk_buff *skb = pointer(a1);

	if (!exec_may_access(run, a1, sizeof(*skb), false))
		return no_object(run, "bpf_skb_output", "sk_buff", a1);
	return output_of(run, (uint64_t[]){ a1, a2, a3, a4, a5 }, skb->data, skb->len);
}

BODY(xdp_output)
{
	const struct model_xdp_buff *xdp = pointer(a1);

	if (!exec_may_access(run, a1, sizeof(*xdp), false))
		return no_object(run, "bpf_xdp_output", "xdp_buff", a1);
	return output_of(run, (uint64_t[]){ a1, a2, a3, a4, a5 }, xdp->data,
			 (uint64_t)((uintptr_t)xdp->data_end - (uintptr_t)xdp->data));
}
