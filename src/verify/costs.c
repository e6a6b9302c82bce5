// SPDX-License-Identifier: Apache-2.0
/* Where the complexity is (verify_opts.want_costs): what passes between two instructions is the first one's. */
#include <time.h>

#include "verify/walk.h"

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void costs_note(struct verifier *v)
{
	costs_end(v);
	v->costs[v->at].walked++;
	v->cost_at = v->at;
	v->cost_time = clock_ns();
}

void costs_end(struct verifier *v)
{
	if (v->cost_time)
		v->costs[v->cost_at].time_ns += clock_ns() - v->cost_time;
	v->cost_time = 0;
}
