// SPDX-License-Identifier: Apache-2.0
/* Clocks. A source that replays a capture gives the time of the event; then every clock shows it. */
#include "helper/internal.h"

#include <time.h>

static uint64_t read_clock(const struct exec_run *run, clockid_t clock)
{
	struct timespec now;

	if (run->now)
		return *run->now;
	if (clock_gettime(clock, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

BODY(ktime_get_ns)
{
	return read_clock(run, CLOCK_MONOTONIC);
}

BODY(ktime_get_boot_ns)
{
	return read_clock(run, CLOCK_BOOTTIME);
}

BODY(ktime_get_coarse_ns)
{
	return read_clock(run, CLOCK_MONOTONIC_COARSE);
}

BODY(ktime_get_tai_ns)
{
	return read_clock(run, CLOCK_TAI);
}

/* Of the 250 in a second that programs are told by CONFIG_HZ; they start 5 minutes before they wrap around 32 bits. */
#define HZ 250u

BODY(jiffies64)
{
	return read_clock(run, CLOCK_MONOTONIC_COARSE) / (1000000000u / HZ) +
	       (uint32_t)(-300 * (int)HZ);
}
