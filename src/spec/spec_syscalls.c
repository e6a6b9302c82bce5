// SPDX-License-Identifier: Apache-2.0
/*
 * System calls of the host's CPU by number and by name. Tracepoints name some calls after the kernel
 * function (sys_enter_newstat is stat); both names are found.
 */
#include <string.h>

#include "base/num.h"
#include "spec/spec.h"

#if defined(__x86_64__)
#define NUMBER(x86, generic) x86
#else
#define NUMBER(x86, generic) generic
#endif

struct call {
	const char *name, *tracepoint;
	int number;
};

static const struct call calls[] = {
#define SYSCALL(name, tracepoint, x86, generic) { #name, #tracepoint, NUMBER(x86, generic) },
#include "spec/syscalls.def"
#undef SYSCALL
};

enum {
#define SYSCALL(name, ...) CALL_##name,
#include "spec/syscalls.def"
#undef SYSCALL
};

/* Numbers lie below this; a call that the CPU has not got gets a slot above. */
#define NUMBERS 600

static const char *const names[] = {
#define SYSCALL(name, tracepoint, x86, generic) \
	[NUMBER(x86, generic) >= 0 ? NUMBER(x86, generic) : NUMBERS + CALL_##name] = #name,
#include "spec/syscalls.def"
#undef SYSCALL
};

#define SYSCALL(name, tracepoint, x86, generic) \
	_Static_assert((x86) < NUMBERS && (generic) < NUMBERS, #name);
#include "spec/syscalls.def"
#undef SYSCALL

const char *spec_syscall_name(int nr)
{
	return nr >= 0 && nr < NUMBERS && (size_t)nr < ARRAY_SIZE(names) ? names[nr] : NULL;
}

int spec_syscall_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!strcmp(calls[i].name, name) || !strcmp(calls[i].tracepoint, name))
			return calls[i].number;
	return -1;
}

size_t spec_syscall_limit(void)
{
	size_t limit = 0;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].number >= 0 && (size_t)calls[i].number >= limit)
			limit = (size_t)calls[i].number + 1;
	return limit;
}
