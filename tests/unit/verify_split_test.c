/* SPDX-License-Identifier: Apache-2.0 */
/* A sign that selects by `and` or `or` is walked on as 0 and as all ones; the kernel's verdict is the same. */
#include "check.h"
#include "oracle.h"
#include "verify/verify.h"

/* r2 is 0 or all ones (of 64 or 32 bits), then selects; a value that it cannot have leads to a bad access. */
static const struct row {
	const char *name;
	uint8_t shift, select;
	int32_t by, with, not ;
	bool accepted;
} rows[] = {
	{ "and, 64 bits", 0xc7, 0x57, 63, 6, 2, true },
	{ "or, 64 bits", 0xc7, 0x47, 63, 6, 14, true },
	{ "and, 32 bits", 0xc4, 0x57, 31, 6, 2, true },
	{ "or, 32 bits", 0xc4, 0x44, 31, 6, 14, true },
	{ "what it can be", 0xc7, 0x57, 63, 6, 6, false },
	{ "no sign", 0xc7, 0x57, 62, 6, 2, false },
};

static struct skep_insn in(uint8_t code, unsigned int dst, unsigned int src, int16_t off,
			   int32_t imm)
{
	return (struct skep_insn){ code, insn_regs(dst, src), off, imm };
}

static void signs_select(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		const struct skep_insn p[] = {
			in(0x61, 2, 1, 16, 0),	      in(0x67, 2, 0, 0, r->shift == 0xc7 ? 32 : 0),
			in(r->shift, 2, 0, 0, r->by), in(r->select, 2, 0, 0, r->with),
			in(0xb7, 0, 0, 0, 0),	      in(0x55, 2, 0, 1, r->not ),
			in(0x79, 0, 2, 0, 0),	      in(0x95, 0, 0, 0, 0),
		};
		const struct verify_opts o = { .insns = p,
					       .n = ARRAY_SIZE(p),
					       .prog_type = PROG_XDP,
					       .attach_type = ATTACH_NONE,
					       .gpl = true,
					       .caps = VERIFY_CAPS_ALL };
		int fd;

		CHECK_CASE("%s", r->name);
		CHECK_EQ_INT(verify_prog(&o, NULL, NULL) == 0, r->accepted);
		if (oracle_missing())
			continue;
		fd = oracle_load(PROG_XDP, (const struct bpf_insn *)(const void *)p, ARRAY_SIZE(p),
				 NULL, 0);
		CHECK_EQ_INT(fd >= 0, r->accepted);
		if (fd >= 0)
			close(fd);
	}
}

CHECK_MAIN({ "signs_select", signs_select })
