/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eBPF instructions as they lie in memory (RFC 9669, section 3), and their text.
 */
#ifndef SKEP_INSN_H
#define SKEP_INSN_H

#include <stddef.h>
#include <stdint.h>

#include "skep/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One basic 64-bit instruction in host byte order. A wide instruction (64-bit immediate) takes two,
 * the second with code 0 and the upper half in imm.
 */
struct skep_insn {
	uint8_t code;
	uint8_t regs; /**< dst in the low four bits, src in the high four, on every host */
	int16_t off;
	int32_t imm;
};

/** The notation of skep_insn_print(). */
enum skep_insn_style {
	SKEP_INSN_KERNEL, /**< the kernel's verifier log: `r1 = *(u32 *)(r2 +8)` */
	SKEP_INSN_ASM,	  /**< conformance files (uBPF): `ldxw %r1, [%r2+8]` */
};

/**
 * Prints the instruction at @insns[0] (looking at @insns[1] when it is wide and @n > 1) into @buf as
 * snprintf(3) would; an invalid one prints as `invalid` and its bytes.
 * Returns the number of slots that it takes (1 or 2), or -EINVAL for an invalid one (text is still
 * printed; treat it as one slot), or -ENOMEM. @n counts slots and must be at least 1. Thread-safe.
 */
SKEP_API int skep_insn_print(const struct skep_insn *insns, size_t n, enum skep_insn_style style,
			     char *buf, size_t size);

/**
 * Assembles @text in the conformance files' notation (labels `name:` and numeric +n/-n targets)
 * into a fresh array (*@ret_insns, freed with free(3)) of *@ret_n slots. -EINVAL with the line on bad
 * input, -ENOMEM. Thread-safe.
 */
SKEP_API int skep_insn_assemble(const char *text, struct skep_insn **ret_insns, size_t *ret_n,
				struct skep_error **reterr);

#ifdef __cplusplus
}
#endif
#endif
