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
