// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of spec/ against the kernel and libbpf: which program types may call which helpers and
 * touch which context fields, asked of the verifier one by one, and the section names that this
 * machine's libbpf knows. Needs the right to load programs, and the kernel that the tables describe.
 */
#include <bpf/libbpf.h>
#include <sys/utsname.h>

#include "check.h"
#include "isa/isa.h"
#include "oracle.h"
#include "spec/spec.h"

#define KERNEL "6.18."

static char verdict_log[65536];

/* A program type as the kernel wants it loaded. */
static const struct probe {
	int type;
	uint32_t attach;
	bool btf, sleepable; /* btf: on a BTF function: sys_enter, or the iterator of tasks */
} probes[] = {
	{ PROG_SOCKET_FILTER, 0, false, false },
	{ PROG_KPROBE, 0, false, false },
	{ PROG_SCHED_CLS, 0, false, false },
	{ PROG_SCHED_ACT, 0, false, false },
	{ PROG_TRACEPOINT, 0, false, false },
	{ PROG_XDP, 0, false, false },
	{ PROG_PERF_EVENT, 0, false, false },
	{ PROG_CGROUP_SKB, 0, false, false },
	{ PROG_CGROUP_SOCK, ATTACH_CGROUP_INET_SOCK_CREATE, false, false },
	{ PROG_LWT_IN, 0, false, false },
	{ PROG_LWT_OUT, 0, false, false },
	{ PROG_LWT_XMIT, 0, false, false },
	{ PROG_SOCK_OPS, ATTACH_CGROUP_SOCK_OPS, false, false },
	{ PROG_SK_SKB, 0, false, false },
	{ PROG_CGROUP_DEVICE, ATTACH_CGROUP_DEVICE, false, false },
	{ PROG_SK_MSG, ATTACH_SK_MSG_VERDICT, false, false },
	{ PROG_RAW_TRACEPOINT, 0, false, false },
	{ PROG_CGROUP_SOCK_ADDR, ATTACH_CGROUP_INET4_CONNECT, false, false },
	{ PROG_LWT_SEG6LOCAL, 0, false, false },
	{ PROG_SK_REUSEPORT, ATTACH_SK_REUSEPORT_SELECT, false, false },
	{ PROG_FLOW_DISSECTOR, ATTACH_FLOW_DISSECTOR, false, false },
	{ PROG_CGROUP_SYSCTL, ATTACH_CGROUP_SYSCTL, false, false },
	{ PROG_RAW_TRACEPOINT_WRITABLE, 0, false, false },
	{ PROG_CGROUP_SOCKOPT, ATTACH_CGROUP_GETSOCKOPT, false, false },
	{ PROG_TRACING, ATTACH_TRACE_RAW_TP, true, false },
	{ PROG_SK_LOOKUP, ATTACH_SK_LOOKUP, false, false },
	{ PROG_SYSCALL, 0, false, true },
	{ PROG_NETFILTER, ATTACH_NETFILTER, false, false },
};

/* 0 or -errno; the log is in verdict_log, empty when the kernel refused without looking. */
static int load(const struct probe *probe, const struct skep_insn *insns, uint32_t n)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = (uint32_t)probe->type;
	attr.expected_attach_type = probe->attach;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	attr.log_level = 1;
	attr.log_buf = (uintptr_t)verdict_log;
	attr.log_size = sizeof(verdict_log);
	if (probe->btf)
		attr.attach_btf_id = (uint32_t)libbpf_find_vmlinux_btf_id(
			probe->attach == ATTACH_TRACE_ITER ? "task" : "sys_enter",
			(enum bpf_attach_type)probe->attach);
	if (probe->sleepable)
		attr.prog_flags = BPF_F_SLEEPABLE;
	verdict_log[0] = '\0';
	fd = oracle_bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Can the kernel be asked? If not, says why. */
static const char *no_oracle(void)
{
	static const struct skep_insn insns[] = { { .code = 0xb7 }, { .code = 0x95 } };
	static char why[128];
	struct utsname name;
	int r;

	uname(&name);
	if (strncmp(name.release, KERNEL, strlen(KERNEL)) != 0) {
		snprintf(why, sizeof(why), "the tables are those of Linux " KERNEL "x, this is %s",
			 name.release);
		return why;
	}
	r = load(&probes[0], insns, 2);
	if (r < 0) {
		snprintf(why, sizeof(why), "bpf(2) refuses to load a program: %s", strerror(-r));
		return why;
	}
	return NULL;
}

/* 1: yes, 0: no, < 0: the kernel did not look at the program. */
static int ask_helper(const struct probe *probe, int id)
{
	struct skep_insn insns[] = { { .code = 0x85, .imm = id },
				     { .code = 0xb7 },
				     { .code = 0x95 } };
	int r = load(probe, insns, 3);

	if (r < 0 && !verdict_log[0])
		return r;
	return !strstr(verdict_log, "cannot use helper") && !strstr(verdict_log, "unknown func") &&
	       !strstr(verdict_log, "invalid func");
}

/* Compiled out of the kernel, locked, or for fentry programs, which this kernel does not load. */
static bool hidden(int id)
{
	static const int ids[] = { HELPER_probe_write_user, HELPER_override_return,
				   HELPER_get_func_arg, HELPER_get_func_ret,
				   HELPER_get_func_arg_cnt };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i] == id)
			return true;
	return false;
}

static void helper_gates(void)
{
	static const struct probe iter = { PROG_TRACING, ATTACH_TRACE_ITER, true, false };
	const char *why = no_oracle();

	if (why)
		CHECK_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		CHECK_CASE("%s", spec_prog_type_name(probes[i].type));
		for (int id = 1; id < HELPER_COUNT; id++) {
			int may = ask_helper(&probes[i], id);

			if (may == 0 && probes[i].type == PROG_TRACING)
				may = ask_helper(&iter, id);
			if (!CHECK_MSG(may >= 0, "refused unseen: %s", strerror(-may)))
				break;
			CHECK_MSG(hidden(id) || may == spec_helper_allowed(spec_helper(id),
									   probes[i].type),
				  "bpf_%s: the kernel says %s", spec_helper(id)->name,
				  may ? "yes" : "no");
		}
	}
}

static uint8_t load_code(uint32_t size)
{
	return size == 1 ? 0x71 : size == 2 ? 0x69 : size == 4 ? 0x61 : 0x79;
}

/* Would an access of @size bytes pass exec? Pointers to objects are not served, so not asked. */
static void check_field(const struct probe *probe, const struct spec_field *f, uint32_t off,
			uint32_t size, bool write)
{
	struct skep_insn insns[] = {
		{ .code = 0xb7, .regs = insn_regs(2, 0) },
		{ .code = write ? (uint8_t)(load_code(size) + 2) : load_code(size),
		  .regs = write ? insn_regs(1, 2) : insn_regs(3, 1),
		  .off = (int16_t)off },
		{ .code = 0xb7 },
		{ .code = 0x95 },
	};
	bool ours = write ? f->writable : f->kind != FIELD_DENIED;
	int r = load(probe, insns, 4);

	CHECK_MSG((r == 0) == ours, "%s of %u bytes at %u (%s): the kernel says %s",
		  write ? "write" : "read", size, off, f->name, r == 0 ? "yes" : verdict_log);
}

static void context_fields(void)
{
	const char *why = no_oracle();

	if (why)
		CHECK_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		const struct spec_ctx *ctx = spec_ctx_of(probes[i].type);
		struct probe probe = probes[i];

		if (!ctx)
			continue;
		if (probe.type == PROG_XDP)
			probe.attach = ATTACH_XDP_DEVMAP; /* which have an egress_ifindex */
		CHECK_CASE("%s: %s", spec_prog_type_name(probes[i].type), ctx->name);
		for (size_t k = 0; k < ctx->nfields; k++) {
			const struct spec_field *f = &ctx->fields[k];
			uint32_t size = f->kind == FIELD_ARRAY || f->size > 8 ? 4 : f->size;

			if (!strcmp(f->name, "sk") || !strcmp(f->name, "flow_keys"))
				continue;
			for (uint32_t off = f->off; off < f->off + f->size; off += size) {
				check_field(&probe, f, off, size, false);
				check_field(&probe, f, off, size, true);
			}
		}
	}
}

/* Names that this libbpf does not know are newer than it. */
static void section_names(void)
{
	unsigned int known = 0;

	libbpf_set_print(NULL);
	for (size_t i = 0; i < spec_section_count(); i++) {
		const struct spec_section *s = spec_section_at(i);
		enum bpf_prog_type type;
		enum bpf_attach_type attach;
		char name[64];

		snprintf(name, sizeof(name), "%s%s", s->prefix,
			 s->flags & SECTION_EXTRA ? "/x" : "");
		if (libbpf_prog_type_by_name(name, &type, &attach) < 0)
			continue;
		known++;
		CHECK_CASE("%s", name);
		CHECK_EQ_INT(type, s->prog_type);
		if (s->attach_type != ATTACH_NONE && strncmp(name, "tc/", 3) != 0)
			CHECK_EQ_INT(attach, s->attach_type);
	}
	CHECK_CASE("libbpf %s", libbpf_version_string());
	CHECK_MSG(known > 60, "it knows %u of %zu names", known, spec_section_count());
}

CHECK_MAIN({ "helper_gates", helper_gates }, { "context_fields", context_fields },
	   { "section_names", section_names })
