// SPDX-License-Identifier: Apache-2.0
/*
 * What is looked at before the walk, and what only where the walk comes to: one instruction behind a branch that is never
 * taken, then the same where it is reached. The kernel's verdicts are the same.
 */
#include "check.h"
#include "oracle.h"
#include "verify/verify.h"

static const struct row {
	const char *name;
	struct skep_insn in;
	bool dead, live; /* accepted */
} rows[] = {
	{ "nothing wrong", { 0xb7, 1, 0, 0 }, true, true },
	{ "mov: src", { 0xb7, 0x21, 0, 0 }, true, false },
	{ "mov: off", { 0xb7, 1, 7, 0 }, true, false },
	{ "add: off", { 0x07, 0, 7, 0 }, true, false },
	{ "store: imm", { 0x7b, 10, -8, 9 }, true, false },
	{ "store of a constant: src", { 0x7a, 0x3a, -8, 9 }, true, false },
	{ "exit: imm", { 0x95, 0, 0, 5 }, true, false },
	{ "goto: imm", { 0x05, 0, 0, 5 }, true, false },
	{ "branch: src", { 0x15, 0x30, 0, 0 }, true, false },
	{ "negation: imm", { 0x87, 0, 0, 3 }, true, false },
	{ "swap: width", { 0xdc, 0, 0, 17 }, true, false },
	{ "atomic: operation", { 0xdb, 10, -8, 0x33 }, true, false },
	{ "call: dst", { 0x85, 1, 0, 5 }, true, false },
	{ "call: no such helper", { 0x85, 0, 0, 9999 }, true, false },
	{ "r10 is written", { 0xb7, 10, 0, 0 }, true, false },
	{ "division by 0", { 0x37, 0, 0, 0 }, true, false },
	{ "load: imm", { 0x61, 0xa1, -4, 9 }, false, false },
	{ "load: mode", { 0xe1, 0xa1, -4, 0 }, false, false },
	{ "no such arithmetic", { 0xe7, 1, 0, 0 }, false, false },
	{ "no such class", { 0xf6, 1, 0, 0 }, false, false },
	{ "no such jump", { 0xf5, 0, 0, 0 }, false, false },
	{ "call through a register", { 0x8d, 1, 0, 0 }, false, false },
	{ "half of a wide load", { 0x18, 1, 0, 0 }, false, false },
};

static void ask(const struct row *r, bool dead)
{
	bool expected = dead ? r->dead : r->live;
	const struct skep_insn p[] = {
		{ 0xb7, 0, 0, 0 }, { 0x15, 0, dead ? 1 : 0, 0 }, r->in, { 0x95, 0, 0, 0 }
	};
	const struct verify_opts o = { .insns = p,
				       .n = ARRAY_SIZE(p),
				       .prog_type = PROG_XDP,
				       .attach_type = ATTACH_NONE,
				       .gpl = true,
				       .want_facts = true,
				       .caps = VERIFY_CAPS_ALL };
	struct verify_result ret;
	int fd;

	CHECK_CASE("%s, %s", r->name, dead ? "dead" : "reached");
	CHECK_EQ_INT(verify_prog(&o, &ret, NULL) == 0, expected);
	verify_done(&ret);
	if (oracle_missing())
		return;
	fd = oracle_load(PROG_XDP, (const struct bpf_insn *)(const void *)p, ARRAY_SIZE(p), NULL,
			 0);
	CHECK_EQ_INT(fd >= 0, expected);
	if (fd >= 0)
		close(fd);
}

static void fields(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ask(&rows[i], true);
		ask(&rows[i], false);
	}
}

CHECK_MAIN({ "fields", fields })
