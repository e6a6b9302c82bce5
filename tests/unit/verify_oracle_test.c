// SPDX-License-Identifier: Apache-2.0
/* The text cases of the verifier (verify_kit.h), loaded into the kernel: it has to give the same verdict, with the same words. */
#include <linux/capability.h>
#include <sys/syscall.h>

#include "oracle.h"
#include "verify_kit.h"

#define LOG_SIZE (1 << 20)

static int fds[KIT_MAPS];

/* Effective capabilities of this process: of those of verify.h only @caps, and all others. */
static bool set_caps(uint32_t caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	static const struct {
		uint32_t ours;
		unsigned int theirs;
	} pairs[] = { { VERIFY_CAP_BPF, CAP_BPF },
		      { VERIFY_CAP_PERFMON, CAP_PERFMON },
		      { VERIFY_CAP_NET_ADMIN, CAP_NET_ADMIN },
		      { VERIFY_CAP_SYS_ADMIN, CAP_SYS_ADMIN } };

	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		uint32_t *word = &data[pairs[i].theirs / 32].effective;
		uint32_t bit = 1u << pairs[i].theirs % 32;

		*word = caps & pairs[i].ours ? *word | bit : *word & ~bit;
	}
	return syscall(SYS_capset, &header, data) == 0;
}

/* The last lines. */
static const char *tail(const char *log)
{
	size_t n = strlen(log);

	return n > 300 ? log + n - 300 : log;
}

static int load(struct kit_case *c, char *log)
{
	union bpf_attr attr;

	for (size_t i = 0; i < c->n; i++) {
		struct skep_insn *in = &c->insns[i];

		if (in->code != 0x18)
			continue;
		if (in->regs >> 4 == ISA_PSEUDO_MAP_IDX ||
		    in->regs >> 4 == ISA_PSEUDO_MAP_IDX_VALUE) {
			in->regs = (uint8_t)((in->regs & 15) |
					     (in->regs >> 4 == ISA_PSEUDO_MAP_IDX ? 1 : 2) << 4);
			in->imm = fds[in->imm];
		}
		i++;
	}
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = (uint32_t)c->type;
	attr.insns = (uintptr_t)c->insns;
	attr.insn_cnt = (uint32_t)c->n;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)log;
	attr.log_size = LOG_SIZE;
	attr.log_level = 2;
	attr.prog_flags = c->flags;
	return oracle_bpf(BPF_PROG_LOAD, &attr);
}

static void ask(struct kit_case *c)
{
	char *log = calloc(1, LOG_SIZE);
	int r;

	/* the kernel lets nobody in here, and with a target or limits it is not asked */
	if (!(c->caps & (VERIFY_CAP_BPF | VERIFY_CAP_SYS_ADMIN)) || c->target[0] || c->limit ||
	    c->memory || c->kernel)
		goto out;
	if (!CHECK(set_caps(c->caps))) /* maps know, too, who made them */
		goto out;
	for (uint32_t i = 0; i < c->nmaps; i++)
		fds[i] = oracle_map_new(c->maps[i].type, c->maps[i].key_size, c->maps[i].value_size,
					c->maps[i].max_entries, c->maps[i].flags, 0);
	r = load(c, log);
	CHECK(set_caps(VERIFY_CAPS_ALL));
	if (c->refuse)
		CHECK_MSG(r < 0 && !log[0], "the kernel says %d: %s", r, tail(log));
	else if (c->accept)
		CHECK_MSG(r >= 0, "the kernel refuses: %s", tail(log));
	else
		CHECK_MSG(r < 0 && strstr(log, c->reject), "the kernel says %d: %s", r, tail(log));
	if (r >= 0)
		close(r);
	for (uint32_t i = 0; i < c->nmaps; i++)
		close(fds[i]);
out:
	free(log);
}

static void text_cases(void)
{
	const char *why = oracle_missing();

	if (why)
		CHECK_SKIP(why);
	kit_each(ask);
}

CHECK_MAIN({ "text_cases", text_cases })
