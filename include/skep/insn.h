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

/** A notation of instructions. */
enum skep_insn_style {
	SKEP_INSN_KERNEL, /**< the kernel's verifier log: `r1 = *(u32 *)(r2 +8)` */
	SKEP_INSN_ASM,	  /**< conformance files (uBPF): `ldxw %r1, [%r2+8]` */
	SKEP_INSN_CLANG,  /**< clang's assembly and llvm-objdump: `r1 = *(u32 *)(r2 + 8)` */
	SKEP_INSN_STYLES, /**< how many there are */
};

/**
 * Prints the instruction at @insns[0] (looking at @insns[1] when it is wide and @n > 1) into @buf as
 * snprintf(3) would; an invalid one prints as `invalid` and its bytes.
 * Returns the number of slots that it takes (1 or 2), or -EINVAL for an invalid one (text is still
 * printed; treat it as one slot) or no such style, or -ENOMEM. @n counts slots and must be at least 1. Thread-safe.
 */
SKEP_API int skep_insn_print(const struct skep_insn *insns, size_t n, enum skep_insn_style style,
			     char *buf, size_t size);

/**
 * Finds where the program's jumps, local calls and function pointers lead: sets @ret_target[i] to 1 for each slot
 * that one leads to, to 0 for all others. @ret_target has @n elements. Thread-safe.
 */
SKEP_API void skep_insn_targets(const struct skep_insn *insns, size_t n, unsigned char *ret_target);
/**
 * skep_insn_print() of slot @at of a program of @n slots, with `L7` in place of the number of a target at slot 7
 * inside the program. A listing with lines `L7:` before such slots assembles back to the same program.
 */
SKEP_API int skep_insn_print_labels(const struct skep_insn *insns, size_t n, size_t at,
				    enum skep_insn_style style, char *buf, size_t size);

/**
 * Assembles @text in the conformance files' notation (labels `name:` and numeric +n/-n targets)
 * into a fresh array (*@ret_insns, freed with free(3)) of *@ret_n slots. -EINVAL with the line on bad
 * input, -ENOMEM. Thread-safe.
 */
SKEP_API int skep_insn_assemble(const char *text, struct skep_insn **ret_insns, size_t *ret_n,
				struct skep_error **reterr);

/** Style of skep_asm_opts: the notation in which the text is right, tried in the order clang, kernel, conformance. */
#define SKEP_INSN_ANY (-1)

/** Zero-initialise and set size. */
struct skep_asm_opts {
	size_t size;
	int style;	      /**< enum skep_insn_style, or SKEP_INSN_ANY */
	const char *name;     /**< of the file, for errors; may be NULL */
	uint32_t **ret_lines; /**< when not NULL: set to the line of each slot, freed with free(3) */
};

/**
 * The same in any notation. Listings are read, too: indexes (`12:`), opcodes (`(bf)`) and bytes before an instruction
 * (the bytes then count, not the text), `<label>` after a target, `;` before a remark. Thread-safe.
 */
SKEP_API int skep_insn_assemble_as(const char *text, const struct skep_asm_opts *opts,
				   struct skep_insn **ret_insns, size_t *ret_n,
				   struct skep_error **reterr);

/** Zero-initialise and set size. */
struct skep_object_opts {
	size_t size;
	const char *section;  /**< of the code; default ".text" */
	const char *function; /**< symbol over all of it; default "main" */
	const char *license;  /**< for a license section; NULL: none */
};

/** An ELF object, as clang's, of one program without maps: *@ret_data, freed with free(3). -ENOMEM. */
SKEP_API int skep_insn_object(const struct skep_insn *insns, size_t n,
			      const struct skep_object_opts *opts, void **ret_data,
			      size_t *ret_size, struct skep_error **reterr);

#ifdef __cplusplus
}
#endif
#endif
