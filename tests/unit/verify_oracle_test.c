// SPDX-License-Identifier: Apache-2.0
/* The text cases of the verifier (verify_kit.h), loaded into the kernel: it has to give the same verdict, with the same words. */
#include "oracle.h"
#include "verify_kit.h"

#define LOG_SIZE (1 << 20)

static int fds[KIT_MAPS];

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

	if (!c->caps) /* the kernel lets nobody in here */
		goto out;
	for (uint32_t i = 0; i < c->nmaps; i++)
		fds[i] = oracle_map_new(c->maps[i].type, c->maps[i].key_size, c->maps[i].value_size,
					c->maps[i].max_entries, c->maps[i].flags, 0);
	r = load(c, log);
	if (c->accept)
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
