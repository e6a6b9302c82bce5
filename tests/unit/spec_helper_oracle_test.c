// SPDX-License-Identifier: Apache-2.0
/*
 * Helpers' flags and maps against the kernel: which want a GPL-compatible licence, which may sleep, and which map types each
 * takes, for those whose other arguments a few instructions can make.
 */
#include "check.h"
#include "spec_kernel.h"

static const struct spec_probe types[] = {
	{ PROG_SCHED_CLS, ATTACH_NONE, false, false, 1, NULL },
	{ PROG_XDP, ATTACH_NONE, false, false, 1, NULL },
	{ PROG_KPROBE, ATTACH_NONE, false, false, 1, NULL },
	{ PROG_PERF_EVENT, ATTACH_NONE, false, false, 1, NULL },
	{ PROG_SOCK_OPS, ATTACH_CGROUP_SOCK_OPS, false, false, 1, NULL },
	{ PROG_SK_SKB, ATTACH_NONE, false, false, 1, NULL },
	{ PROG_SK_MSG, ATTACH_SK_MSG_VERDICT, false, false, 1, NULL },
	{ PROG_SK_REUSEPORT, ATTACH_SK_REUSEPORT_SELECT, false, false, 1, NULL },
	{ PROG_CGROUP_SKB, ATTACH_CGROUP_INET_INGRESS, false, false, 1, NULL },
	{ PROG_SYSCALL, ATTACH_NONE, false, true, 1, NULL },
};

static bool refused(const char *why)
{
	return strstr(spec_log, why) != NULL;
}

static void flags(void)
{
	const char *why = spec_kernel_missing();

	if (why)
		CHECK_SKIP(why);
	for (int id = 1; id < HELPER_COUNT; id++) {
		const struct spec_helper *h = spec_helper(id);
		const struct skep_insn insns[] = { { .code = 0x85, .imm = id },
						   { .code = 0xb7 },
						   { .code = 0x95 } };

		CHECK_CASE("%s", h->name);
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			struct spec_probe p = types[i];

			spec_load(&p, insns, 3);
			if (refused("cannot use helper") || refused("unknown func") ||
			    refused("invalid func"))
				continue;
			CHECK_EQ_INT(refused("might sleep"),
				     h->flags & HELPER_F_SLEEP && !p.sleepable);
			p.license = "BSD";
			spec_load(&p, insns, 3);
			CHECK_EQ_INT(refused("GPL-restricted"),
				     (spec_helper_for(h, p.type)->flags & HELPER_F_GPL) != 0);
		}
	}
}

/* A map of the type, of sizes that it accepts; < 0: this kernel makes none so. */
static int make_map(uint32_t type)
{
	static const struct {
		uint32_t key, value, entries, flags;
	} sizes[] = { { 4, 4, 4096, 0 }, { 4, 4, 4096, 1 }, { 4, 8, 128, 0 },
		      { 0, 4, 8, 0 },	 { 0, 0, 4096, 0 }, { 16, 8, 0, 0 },
		      { 8, 8, 4, 0 },	 { 8, 4, 1, 0 },    { 4, 8, 4, 1 } };
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < ARRAY_SIZE(sizes); i++)
		fd = oracle_map_new(type, sizes[i].key, sizes[i].value, sizes[i].entries,
				    sizes[i].flags, 0);
	return fd;
}

#define MAX_PROGRAM 64

/* A call of the helper with a map; 0: an argument is of a kind that this test does not make. */
static uint32_t make_call(const struct spec_helper *h, int fd, struct skep_insn *out)
{
	uint32_t n = 0;

	out[n++] = (struct skep_insn){ .code = 0xbf, .regs = insn_regs(6, 1) };
	for (int16_t off = 8; off <= 64; off = (int16_t)(off + 8))
		out[n++] = (struct skep_insn){ .code = 0x7a,
					       .regs = insn_regs(10, 0),
					       .off = (int16_t)-off };
	for (uint8_t a = 0; a < 5; a++) {
		uint8_t reg = (uint8_t)(a + 1);

		switch ((int)h->args[a]) {
		case ARG_NONE:
			break;
		case ARG_CTX:
			out[n++] = (struct skep_insn){ .code = 0xbf, .regs = insn_regs(reg, 6) };
			break;
		case ARG_MAP:
			out[n++] = (struct skep_insn){ .code = 0x18,
						       .regs = insn_regs(reg, 1),
						       .imm = fd };
			out[n++] = (struct skep_insn){ 0 };
			break;
		case ARG_MAP_KEY:
		case ARG_MAP_VALUE:
		case ARG_MAP_VALUE_OUT:
		case ARG_MEM:
		case ARG_MEM_OUT:
			out[n++] = (struct skep_insn){ .code = 0xbf, .regs = insn_regs(reg, 10) };
			out[n++] = (struct skep_insn){ .code = 0x07,
						       .regs = insn_regs(reg, 0),
						       .imm = -64 };
			break;
		case ARG_ANY:
		case ARG_SIZE:
		case ARG_SIZE_OR_ZERO:
		case ARG_ALLOC_SIZE:
			out[n++] = (struct skep_insn){ .code = 0xb7,
						       .regs = insn_regs(reg, 0),
						       .imm = h->args[a] == ARG_ANY ? 0 : 8 };
			break;
		default:
			return 0;
		}
	}
	out[n++] = (struct skep_insn){ .code = 0x85, .imm = h->id };
	out[n++] = (struct skep_insn){ .code = 0xb7 };
	out[n++] = (struct skep_insn){ .code = 0x95 };
	return n;
}

/* 1 it takes the map, 0 not, -1 the kernel refused for another reason, or does not know it. */
static int ask(const struct spec_helper *h, int fd)
{
	struct skep_insn insns[MAX_PROGRAM];
	uint32_t n = make_call(h, fd, insns);

	for (size_t i = 0; n && i < ARRAY_SIZE(types); i++) {
		int r;

		if (!spec_helper_allowed(h, types[i].type) || types[i].sleepable)
			continue;
		r = spec_load(&types[i], insns, n);
		if (refused("cannot pass map_type"))
			return 0;
		return r == 0 || refused("Unreleased reference") ? 1 : -1;
	}
	return -1;
}

static void maps(void)
{
	const char *why = spec_kernel_missing();
	unsigned int asked = 0;

	if (why)
		CHECK_SKIP(why);
	for (int type = 1; type < MAP_TYPE_COUNT; type++) {
		int fd = make_map((uint32_t)type);

		CHECK_CASE("%s", spec_map_type_name(type));
		for (int id = 1; fd >= 0 && id < HELPER_COUNT; id++) {
			const struct spec_helper *h = spec_helper(id);
			int takes;

			if (h->args[0] != ARG_MAP && h->args[1] != ARG_MAP)
				continue;
			takes = id == HELPER_tail_call ? -1 : ask(h, fd);
			if (takes < 0)
				continue;
			asked++;
			CHECK_MSG(takes == spec_helper_takes_map(h, type), "%s: the kernel says %s",
				  h->name, takes ? "yes" : "no");
		}
		if (fd >= 0)
			close(fd);
	}
	CHECK_CASE("pairs");
	CHECK_MSG(asked > 400, "%u asked", asked);
}

CHECK_MAIN({ "flags", flags }, { "maps", maps })
