// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel profiles by name: a version, a kernel's BTF, or this machine's kernel. Of the latter bpf(2) tells more than its types,
 * where it is allowed: which program and map types were left out when it was built.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "lib/internal.h"

#define BTF_LIMIT ((size_t)256 << 20)
#define LIVE_TYPES "/sys/kernel/btf/vmlinux"

static int sys_bpf(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* 1: it is made, 0: it is not known, < 0: nobody can tell. */
static int answer(int r)
{
	if (r >= 0) {
		close(r);
		return 1;
	}
	return r == -EINVAL ? 0 : r;
}

/* Types that can be loaded without anything to attach to. */
static int probe_prog(int type)
{
	static const int attach[PROG_TYPE_COUNT] = {
		[PROG_CGROUP_SOCK] = ATTACH_CGROUP_INET_SOCK_CREATE,
		[PROG_CGROUP_SOCK_ADDR] = ATTACH_CGROUP_INET4_CONNECT,
		[PROG_CGROUP_SOCKOPT] = ATTACH_CGROUP_GETSOCKOPT,
		[PROG_SK_LOOKUP] = ATTACH_SK_LOOKUP,
		[PROG_SK_REUSEPORT] = ATTACH_SK_REUSEPORT_SELECT,
		[PROG_NETFILTER] = ATTACH_NETFILTER,
	};
	struct skep_insn *insns;
	union bpf_attr attr;
	size_t n;
	int r;

	if (type == PROG_TRACING || type == PROG_EXT || type == PROG_LSM || type == PROG_STRUCT_OPS)
		return -EOPNOTSUPP;
	r = skep_insn_assemble("mov r0, 0\nexit\n", &insns, &n, NULL);
	if (r < 0)
		return r;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = (uint32_t)type;
	attr.expected_attach_type = (uint32_t)attach[type];
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uintptr_t) "GPL";
	attr.prog_flags = type == PROG_SYSCALL ? BPF_F_SLEEPABLE : 0;
	r = answer(sys_bpf(BPF_PROG_LOAD, &attr));
	free(insns);
	return r;
}

static int probe_map(int type)
{
	static const struct {
		int type;
		uint32_t key, value, entries, flags;
	} sizes[] = {
		{ MAP_HASH, 4, 4, 1, 0 },	  { MAP_ARRAY, 4, 4, 1, 0 },
		{ MAP_PROG_ARRAY, 4, 4, 1, 0 },	  { MAP_PERF_EVENT_ARRAY, 4, 4, 1, 0 },
		{ MAP_PERCPU_HASH, 4, 4, 1, 0 },  { MAP_PERCPU_ARRAY, 4, 4, 1, 0 },
		{ MAP_STACK_TRACE, 4, 8, 1, 0 },  { MAP_CGROUP_ARRAY, 4, 4, 1, 0 },
		{ MAP_LRU_HASH, 4, 4, 1, 0 },	  { MAP_LRU_PERCPU_HASH, 4, 4, 1, 0 },
		{ MAP_LPM_TRIE, 8, 4, 1, 1 },	  { MAP_DEVMAP, 4, 4, 1, 0 },
		{ MAP_SOCKMAP, 4, 4, 1, 0 },	  { MAP_CPUMAP, 4, 4, 1, 0 },
		{ MAP_XSKMAP, 4, 4, 1, 0 },	  { MAP_SOCKHASH, 4, 4, 1, 0 },
		{ MAP_QUEUE, 0, 4, 1, 0 },	  { MAP_STACK_MAP, 0, 4, 1, 0 },
		{ MAP_DEVMAP_HASH, 4, 4, 1, 0 },  { MAP_RINGBUF, 0, 0, 65536, 0 },
		{ MAP_BLOOM_FILTER, 0, 4, 1, 0 }, { MAP_USER_RINGBUF, 0, 0, 65536, 0 },
	};
	union bpf_attr attr;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i].type != type)
			continue;
		memset(&attr, 0, sizeof(attr));
		attr.map_type = (uint32_t)type;
		attr.key_size = sizes[i].key;
		attr.value_size = sizes[i].value;
		attr.max_entries = sizes[i].entries;
		attr.map_flags = sizes[i].flags;
		return answer(sys_bpf(BPF_MAP_CREATE, &attr));
	}
	return -EOPNOTSUPP;
}

static void probe(struct skep_profile *p)
{
	for (int i = 1; i < PROG_TYPE_COUNT; i++) {
		int r = probe_prog(i);

		p->probed += r >= 0;
		if (r == 0)
			p->has.progs &= ~(1ull << i);
		else if (r > 0)
			p->has.progs |= 1ull << i;
	}
	for (int i = 1; i < MAP_TYPE_COUNT; i++) {
		int r = probe_map(i);

		p->probed += r >= 0;
		if (r == 0)
			p->has.maps &= ~(1ull << i);
		else if (r > 0)
			p->has.maps |= 1ull << i;
	}
}

static int read_types(struct skep_profile *p, const char *path, struct skep_error **reterr)
{
	struct buf bytes;
	uint32_t version;
	int r;

	buf_init(&bytes);
	r = file_read(path, BTF_LIMIT, &bytes, reterr);
	if (r == 0)
		r = btf_open(bytes.data, bytes.len, path, &p->btf, reterr);
	buf_done(&bytes);
	if (r < 0)
		return r;
	version = spec_kernel_read(p->btf, &p->has);
	if (!version)
		return skep_fail(reterr, &ERR_KERNEL, SKEP_AT_FILE(path, 0),
				 "enum bpf_func_id is not among its types");
	p->profile = spec_profile_of(version, &p->has);
	return 0;
}

static int live(struct skep_profile *p, struct skep_error **reterr)
{
	struct utsname u;
	uint32_t version;
	int r = read_types(p, LIVE_TYPES, reterr);

	if (r < 0)
		return r;
	version = uname(&u) == 0 ? spec_version_parse(u.release) : 0;
	if (version)
		p->profile.version = version;
	probe(p);
	return 0;
}

int skep_profile_open(const char *kernel, struct skep_profile **ret, struct skep_error **reterr)
{
	struct skep_profile *p = calloc(1, sizeof(*p));
	uint32_t version = spec_version_parse(kernel);
	int r = 0;

	if (!p)
		return skep_fail_nomem(reterr);
	if (strcmp(kernel, "live") == 0)
		r = live(p, reterr);
	else if (version && access(kernel, F_OK) != 0)
		p->profile = spec_profile_of(version, NULL);
	else
		r = read_types(p, kernel, reterr);
	if (r == 0 && p->profile.version < spec_version_at(0)) {
		r = skep_fail(reterr, &ERR_KERNEL, SKEP_NOWHERE, "'%s' is older than Linux 4.18",
			      kernel);
	}
	if (r < 0) {
		skep_profile_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

void skep_profile_close(struct skep_profile *profile)
{
	if (!profile)
		return;
	btf_unref(profile->btf);
	free(profile);
}

uint32_t skep_profile_version(const struct skep_profile *profile)
{
	return profile->profile.version;
}

size_t skep_profile_probed(const struct skep_profile *profile)
{
	return profile->probed;
}

size_t skep_kernel_count(void)
{
	return spec_version_count();
}

uint32_t skep_kernel_at(size_t i)
{
	return spec_version_at(i);
}
