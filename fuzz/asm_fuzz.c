// SPDX-License-Identifier: Apache-2.0
/*
 * Any text as a program for the assembler: it is refused with a place, or every instruction that
 * comes out is valid.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skep_error *err = NULL;
	struct skep_insn *insns;
	char *text = malloc(size + 1);
	size_t n;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (skep_insn_assemble(text, &insns, &n, &err) == 0) {
		check(!err);
		for (size_t at = 0; at < n;) {
			enum isa_op op = isa_decode(insns + at, n - at);

			check(op != ISA_INVALID);
			at += isa_slots(op);
		}
		free(insns);
	} else {
		check(err && skep_error_place(err)->line > 0);
	}
	skep_error_free(err);
	free(text);
	return 0;
}
