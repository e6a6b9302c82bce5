// SPDX-License-Identifier: Apache-2.0
/*
 * From a section to a moment of the command: every name that the kernel has for system calls and process events, and
 * why the others cannot be served. System calls go by the names of their tracepoints, which differ from those of
 * syscalls(2) for a few (newfstat, newuname).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hook/proc/internal.h"

struct named_call {
	const char *name, *tracepoint;
};

static const struct named_call calls[] = {
#define SYSCALL(name, tracepoint, ...) { #name, #tracepoint },
#include "spec/syscalls.def"
#undef SYSCALL
};

static const struct {
	const char *tracepoint;
	unsigned int nargs;
} call_args[] = {
#define CALL_ARGS(tracepoint, nargs) { #tracepoint, nargs },
#include "hook/proc/nargs.def"
#undef CALL_ARGS
};

static const struct {
	const char *name; /* category:event, or the event alone as raw tracepoints name it */
	enum proc_when when;
	enum proc_form form;
} events[] = {
	{ "raw_syscalls/sys_enter", PROC_ENTER, FORM_RAW_CALL },
	{ "raw_syscalls/sys_exit", PROC_RETURN, FORM_RAW_CALL },
	{ "sched/sched_process_exec", PROC_EXEC, FORM_SCHED },
	{ "sched/sched_process_fork", PROC_FORK, FORM_SCHED },
	{ "sched/sched_process_exit", PROC_DEATH, FORM_SCHED },
	{ "sys_enter", PROC_ENTER, FORM_RAW_TP },
	{ "sys_exit", PROC_RETURN, FORM_RAW_TP },
};

__attribute__((format(printf, 3, 4))) static bool no(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return false;
}

static bool match_event(const char *name, struct proc_point *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (strcmp(events[i].name, name))
			continue;
		*ret = (struct proc_point){ events[i].when, events[i].form, -1, 0 };
		return true;
	}
	return false;
}

/* @event: sys_enter_NAME or sys_exit_NAME. */
static bool match_call(const char *event, struct proc_point *ret, char *why, size_t size)
{
	bool enter = strncmp(event, "sys_enter_", 10) == 0;
	const char *name = event + (enter ? 10 : 9);
	const struct named_call *call = NULL, *other = NULL;
	int nr;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!strcmp(calls[i].tracepoint, name))
			call = &calls[i];
		if (!strcmp(calls[i].name, name))
			other = &calls[i];
	}
	if (!call && other)
		return no(why, size, "there is no tracepoint '%s': that of %s is '%s%s'", event,
			  name, enter ? "sys_enter_" : "sys_exit_", other->tracepoint);
	if (!call)
		return no(why, size, "there is no system call '%s'", name);
	nr = spec_syscall_find(call->name);
	if (nr < 0)
		return no(why, size, "this CPU has no system call '%s'", name);
	for (size_t i = 0; i < ARRAY_SIZE(call_args); i++) {
		if (strcmp(call_args[i].tracepoint, name))
			continue;
		*ret = (struct proc_point){ enter ? PROC_ENTER : PROC_RETURN, FORM_CALL, nr,
					    call_args[i].nargs };
		return true;
	}
	return no(why, size, "the system call '%s' has no tracepoint: no kernel implements it",
		  name);
}

static bool match_tracepoint(const char *target, struct proc_point *ret, char *why, size_t size)
{
	const char *event = strchr(target, '/');

	if (!event || event == target || !event[1])
		return no(why, size, "'%s' is not CATEGORY/EVENT, which a tracepoint is named by",
			  target);
	if (match_event(target, ret))
		return true;
	event++;
	if (!strncmp(target, "syscalls/", 9) &&
	    (!strncmp(event, "sys_enter_", 10) || !strncmp(event, "sys_exit_", 9)))
		return match_call(event, ret, why, size);
	return no(why, size,
		  "tracepoint '%.*s:%s' is neither a system call nor a process event; it needs the "
		  "kernel engine",
		  (int)(event - 1 - target), target, event);
}

static bool match_raw(const char *target, struct proc_point *ret, char *why, size_t size)
{
	if (!strchr(target, '/') && match_event(target, ret))
		return true;
	if (!strcmp(target, "sched_process_exec") || !strcmp(target, "sched_process_fork") ||
	    !strcmp(target, "sched_process_exit"))
		return no(why, size,
			  "'%s' hands over a task_struct, which the model kernel does not have; "
			  "tracepoint/sched/%s can be served",
			  target, target);
	return no(
		why, size,
		"raw tracepoint '%s' is neither sys_enter nor sys_exit; it needs the kernel engine",
		target);
}

bool proc_match(const struct core_prog *prog, struct proc_point *ret, char *why, size_t size)
{
	const struct spec_section *def = prog->def;

	if (!def)
		return no(why, size, "the section '%s' is not known", prog->section);
	if (def->prog_type == PROG_TRACEPOINT || def->prog_type == PROG_RAW_TRACEPOINT ||
	    (def->prog_type == PROG_TRACING && def->attach_type == ATTACH_TRACE_RAW_TP)) {
		if (!prog->target || !*prog->target)
			return no(why, size, "the section '%s' does not say which tracepoint",
				  prog->section);
		return def->prog_type == PROG_TRACEPOINT ?
			       match_tracepoint(prog->target, ret, why, size) :
			       match_raw(prog->target, ret, why, size);
	}
	if (def->prog_type == PROG_RAW_TRACEPOINT_WRITABLE)
		return no(why, size, "system calls have no writable tracepoint");
	if (def->prog_type == PROG_XDP || def->prog_type == PROG_SCHED_CLS ||
	    def->prog_type == PROG_SCHED_ACT || def->prog_type == PROG_SOCKET_FILTER)
		return no(why, size, "%s programs need packets, not a command",
			  spec_prog_type_name(def->prog_type));
	return no(why, size, "'%s' programs need the kernel engine", def->prefix);
}
