// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as instructions: what decodes must print in both notations, and the assembler must make the
 * same bytes of it; what does not decode must have a reason.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "isa/isa.h"

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_invalid(const struct skep_insn *in, size_t n)
{
	char why[100] = "";

	isa_why_invalid(in, n, why, sizeof(why));
	check(why[0]);
	check(skep_insn_print(in, n, SKEP_INSN_KERNEL, why, sizeof(why)) == -EINVAL);
	check(strncmp(why, "invalid ", 8) == 0);
}

static void check_valid(const struct skep_insn *in, size_t n, enum isa_op op)
{
	struct skep_insn *back;
	struct buf text;
	size_t slots;

	buf_init(&text);
	check(isa_print(&text, in, n, 0, SKEP_INSN_KERNEL, NULL) == (int)isa_slots(op));
	buf_clear(&text);
	check(isa_print(&text, in, n, 0, SKEP_INSN_ASM, NULL) == (int)isa_slots(op));
	check(skep_insn_assemble(buf_str(&text), &back, &slots, NULL) == 0);
	check(slots == isa_slots(op));
	check(!memcmp(back, in, slots * sizeof(*in)));
	free(back);
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size / sizeof(struct skep_insn);
	struct skep_insn *insns = malloc(n * sizeof(*insns) + 1);

	if (!insns)
		return 0;
	memcpy(insns, data, n * sizeof(*insns));
	for (size_t at = 0; at < n;) {
		enum isa_op op = isa_decode(insns + at, n - at);

		if (op == ISA_INVALID)
			check_invalid(insns + at, n - at);
		else
			check_valid(insns + at, n - at, op);
		at += isa_slots(op);
	}
	free(insns);
	return 0;
}
