/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as the oracle: bpf(2) without a library, for tests that compare. Everything made here is a
 * descriptor of this process and goes with it. Functions return a descriptor, 0, or -errno.
 */
#ifndef TESTS_UNIT_ORACLE_H
#define TESTS_UNIT_ORACLE_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int oracle_bpf(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static inline int oracle_map_new(uint32_t type, uint32_t key_size, uint32_t value_size,
				 uint32_t max_entries, uint32_t flags, uint64_t extra)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key_size;
	attr.value_size = value_size;
	attr.max_entries = max_entries;
	attr.map_flags = flags;
	attr.map_extra = extra;
	return oracle_bpf(BPF_MAP_CREATE, &attr);
}

static inline int oracle_elem(int command, int fd, const void *key, const void *value,
			      uint64_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	attr.flags = flags;
	return oracle_bpf(command, &attr);
}

static inline int oracle_lookup(int fd, const void *key, void *value)
{
	return oracle_elem(BPF_MAP_LOOKUP_ELEM, fd, key, value, 0);
}

static inline int oracle_update(int fd, const void *key, const void *value, uint64_t flags)
{
	return oracle_elem(BPF_MAP_UPDATE_ELEM, fd, key, value, flags);
}

static inline int oracle_delete(int fd, const void *key)
{
	return oracle_elem(BPF_MAP_DELETE_ELEM, fd, key, NULL, 0);
}

static inline int oracle_pop(int fd, void *value)
{
	return oracle_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, NULL, value, 0);
}

static inline int oracle_next(int fd, const void *key, void *next)
{
	return oracle_elem(BPF_MAP_GET_NEXT_KEY, fd, key, next, 0);
}

static inline int oracle_freeze(int fd)
{
	return oracle_elem(BPF_MAP_FREEZE, fd, NULL, NULL, 0);
}

/* Loads @n instructions as a GPL program; @log may be NULL. */
static inline int oracle_load(int type, const struct bpf_insn *insns, uint32_t n, char *log,
			      uint32_t log_size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = (uint32_t)type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	if (log) {
		attr.log_buf = (uintptr_t)log;
		attr.log_size = log_size;
		attr.log_level = 1;
	}
	return oracle_bpf(BPF_PROG_LOAD, &attr);
}

/* Why the kernel cannot be asked, or NULL. */
static inline const char *oracle_missing(void)
{
	static char why[96];
	int fd = oracle_map_new(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0, 0);

	if (fd >= 0) {
		close(fd);
		return NULL;
	}
	snprintf(why, sizeof(why), "bpf(2) gives errno %d (%s)", -fd, strerror(-fd));
	return why;
}

#endif
