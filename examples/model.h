/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few kernel structures that the examples look into, instead of a vmlinux.h of megabytes.
 *
 * Only names matter here: preserve_access_index makes clang record each access by name, and the
 * loader puts in the offset that the running kernel (or skep's model of it) really has. So a struct
 * lists the members that are read and no others. What has a stable layout comes from linux/bpf.h.
 * Reference: "BPF CO-RE reference guide", and clang's documentation of the attribute.
 */
#ifndef EXAMPLES_MODEL_H
#define EXAMPLES_MODEL_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct trace_entry {
	unsigned short type;
	unsigned char flags;
	unsigned char preempt_count;
	int pid;
};

/* tracepoint/raw_syscalls/sys_enter, tracepoint/syscalls/sys_enter_NAME */
struct trace_event_raw_sys_enter {
	struct trace_entry ent;
	long id;
	unsigned long args[6];
};

/* tracepoint/raw_syscalls/sys_exit, tracepoint/syscalls/sys_exit_NAME */
struct trace_event_raw_sys_exit {
	struct trace_entry ent;
	long id;
	long ret;
};

/* A __data_loc member says where its string lies: the low half is the offset from the record. */
struct trace_event_raw_sched_process_exec {
	struct trace_entry ent;
	__u32 __data_loc_filename;
	int pid;
	int old_pid;
};

struct trace_event_raw_sched_process_fork {
	struct trace_entry ent;
	int parent_pid;
	int child_pid;
};

/* sched_process_exit before Linux 6.16; its comm, pid and prio are also what later kernels have */
struct trace_event_raw_sched_process_template {
	struct trace_entry ent;
	int pid;
	int prio;
};

/* x86-64: what raw_tp/sys_enter and raw_tp/sys_exit point to */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};

#pragma clang attribute pop

#endif
