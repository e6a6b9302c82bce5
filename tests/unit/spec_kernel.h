/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the kernel's verifier, for the tests of spec/'s tables: one short program at a time, for any program type. The tables
 * are those of one kernel version; spec_kernel_missing() says why another, or none, cannot be asked.
 */
#ifndef TESTS_UNIT_SPEC_KERNEL_H
#define TESTS_UNIT_SPEC_KERNEL_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <sys/utsname.h>

#include "isa/isa.h"
#include "oracle.h"
#include "spec/rules.h"

#define SPEC_KERNEL "6.18."

/* A program type as the kernel wants it loaded. btf: on a BTF function, sys_enter or the iterator of tasks. */
struct spec_probe {
	int type, attach; /* attach: ATTACH_NONE for none */
	bool btf, sleepable;
	uint32_t log_level;
	const char *license; /* NULL: GPL */
};

static char spec_log[1 << 16];

/* 0 or -errno; the log is in spec_log, empty when the kernel refused without looking. */
static inline int spec_load(const struct spec_probe *p, const struct skep_insn *insns, uint32_t n)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = (uint32_t)p->type;
	attr.expected_attach_type = p->attach == ATTACH_NONE ? 0 : (uint32_t)p->attach;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t)(p->license ? p->license : "GPL");
	attr.log_level = p->log_level ? p->log_level : 1;
	attr.log_buf = (uintptr_t)spec_log;
	attr.log_size = sizeof(spec_log);
	if (p->btf)
		attr.attach_btf_id = (uint32_t)libbpf_find_vmlinux_btf_id(
			p->attach == ATTACH_TRACE_ITER ? "task" : "sys_enter",
			(enum bpf_attach_type)p->attach);
	if (p->sleepable)
		attr.prog_flags = BPF_F_SLEEPABLE;
	spec_log[0] = '\0';
	fd = oracle_bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Can the kernel be asked? If not, says why. */
static inline const char *spec_kernel_missing(void)
{
	static const struct skep_insn insns[] = { { .code = 0xb7 }, { .code = 0x95 } };
	static const struct spec_probe probe = {
		PROG_SOCKET_FILTER, ATTACH_NONE, false, false, 1, NULL
	};
	static char why[128];
	struct utsname name;
	int r;

	uname(&name);
	if (strncmp(name.release, SPEC_KERNEL, strlen(SPEC_KERNEL)) != 0) {
		snprintf(why, sizeof(why),
			 "the tables are those of Linux " SPEC_KERNEL "x, this is %.60s",
			 name.release);
		return why;
	}
	r = spec_load(&probe, insns, 2);
	if (r < 0) {
		snprintf(why, sizeof(why), "bpf(2) refuses to load a program: %s", strerror(-r));
		return why;
	}
	return NULL;
}

#endif
