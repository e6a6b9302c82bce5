// SPDX-License-Identifier: Apache-2.0
/*
 * Any text as a program for the assembler, in each notation: it is refused with a place, or every
 * instruction that comes out is valid, and prints and assembles again to the same one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "isa/isa.h"

static void check(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_back(const struct skep_insn *in, unsigned int slots)
{
	for (int style = 0; style < SKEP_INSN_STYLES; style++) {
		const struct skep_asm_opts o = { .size = sizeof(o), .style = style };
		struct skep_insn *back;
		char text[160];
		size_t n;

		skep_insn_print(in, slots, (enum skep_insn_style)style, text, sizeof(text));
		check(skep_insn_assemble_as(text, &o, &back, &n, NULL) == 0);
		check(n == slots && !memcmp(back, in, n * sizeof(*in)));
		free(back);
	}
}

static void read_as(const char *text, int style)
{
	const struct skep_asm_opts o = { .size = sizeof(o), .style = style };
	struct skep_error *err = NULL;
	struct skep_insn *insns;
	size_t n;

	if (skep_insn_assemble_as(text, &o, &insns, &n, &err) == 0) {
		check(!err);
		for (size_t at = 0; at < n;) {
			enum isa_op op = isa_decode(insns + at, n - at);

			check(op != ISA_INVALID);
			if (at < 16)
				check_back(insns + at, isa_slots(op));
			at += isa_slots(op);
		}
		free(insns);
	} else {
		check(err && skep_error_place(err)->line > 0);
	}
	skep_error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (int style = SKEP_INSN_ANY; style < SKEP_INSN_STYLES; style++)
		read_as(text, style);
	free(text);
	return 0;
}
