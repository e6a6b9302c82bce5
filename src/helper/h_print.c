// SPDX-License-Identifier: Apache-2.0
/* Text for people: trace_printk, trace_vprintk, snprintf. A trace line is one call; its newline is not part of it. */
#include "helper/internal.h"

#define LINE_SIZE 1024

static uint64_t trace(struct exec_run *run, const char *fmt, uint64_t fmt_size,
		      const uint64_t *args, uint32_t nargs)
{
	char line[LINE_SIZE];
	int64_t r = format_text(run, line, sizeof(line), fmt, fmt_size, args, nargs);
	size_t len;

	if (r < 0)
		return result(r);
	len = strlen(line);
	if (len && line[len - 1] == '\n')
		len--;
	if (run->host && run->host->trace)
		run->host->trace(run->host_ctx, line, len);
	return result(r);
}

/* Do @bytes hold whole arguments, and not too many? */
static bool args_fit(const void *args, uint64_t bytes)
{
	return !(bytes & 7) && bytes <= FORMAT_MAX_ARGS * 8 && (args || !bytes);
}

BODY(trace_printk)
{
	const uint64_t args[3] = { a3, a4, a5 };

	return trace(run, pointer(a1), (uint32_t)a2, args, 3);
}

BODY(trace_vprintk)
{
	uint64_t args[FORMAT_MAX_ARGS];

	if (!args_fit(pointer(a3), (uint32_t)a4))
		return fail(EINVAL);
	if (a3)
		memcpy(args, pointer(a3), (uint32_t)a4);
	return trace(run, pointer(a1), (uint32_t)a2, args, (uint32_t)a4 / 8);
}

BODY(snprintf)
{
	uint64_t args[FORMAT_MAX_ARGS];
	const char *fmt = pointer(a3);
	int64_t r;

	if (!args_fit(pointer(a4), (uint32_t)a5))
		return fail(EINVAL);
	if (a4)
		memcpy(args, pointer(a4), (uint32_t)a5);
	r = format_text(run, pointer(a1), (uint32_t)a2, fmt, strlen(fmt) + 1, args,
			(uint32_t)a5 / 8);
	return result(r < 0 ? r : r + 1);
}
