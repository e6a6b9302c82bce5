// SPDX-License-Identifier: Apache-2.0
/*
 * What the inputs share: when to end, and errors of the system. A wait is cut into slices, so that
 * a stop that came just before it is seen in time.
 */
#include <poll.h>
#include <string.h>
#include <time.h>

#include "hook/net/internal.h"

#define SLICE_MS 100

int net_fail_errno(struct skep_error **reterr, const struct err_def *def, const char *name, int e,
		   const char *what)
{
	struct err_def own = *def;

	own.code = e ? e : def->code;
	return skep_fail(reterr, &own, SKEP_AT_FILE(name, 0), "%s%s%s", what ? what : "",
			 what ? ": " : "", strerror(own.code));
}

bool net_limit_stopped(const struct net_limit *limit)
{
	return limit->stop && *limit->stop;
}

bool net_limit_over(const struct net_limit *limit)
{
	struct timespec ts;

	if (net_limit_stopped(limit))
		return true;
	if (!limit->deadline)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec >= limit->deadline;
}

int net_limit_wait(const struct net_limit *limit, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (!net_limit_over(limit)) {
		int n = poll(&p, 1, SLICE_MS);

		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
	return 0;
}
