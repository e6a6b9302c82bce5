/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of classic BPF beside eBPF: its rows (cbpf.def) and extensions (cbpf_ext.def). The public part, with the
 * context that translated programs run over, is skep/filter.h.
 */
#ifndef ISA_CBPF_H
#define ISA_CBPF_H

#include "isa/isa.h"
#include "skep/filter.h"

#define CBPF_MEM 16 /* words of scratch memory */

/* Absolute addresses with a meaning of their own (linux/filter.h). */
#define CBPF_AD_OFF (-0x1000)
#define CBPF_NET_OFF (-0x100000)
#define CBPF_LL_OFF (-0x200000)

enum cbpf_kind {
	CBPF_UNKNOWN,
	CBPF_LD_ABS,
	CBPF_LD_IND,
	CBPF_LD_IMM,
	CBPF_LD_MEM,
	CBPF_LD_LEN,
	CBPF_LDX_IMM,
	CBPF_LDX_MEM,
	CBPF_LDX_LEN,
	CBPF_LDX_MSH,
	CBPF_ST,
	CBPF_STX,
	CBPF_ALU_K,
	CBPF_DIV_K,
	CBPF_SHIFT_K,
	CBPF_ALU_X,
	CBPF_DIV_X,
	CBPF_NEG,
	CBPF_JA,
	CBPF_JUMP_K,
	CBPF_JUMP_X,
	CBPF_RET_K,
	CBPF_RET_A,
	CBPF_TAX,
	CBPF_TXA,
};

enum cbpf_ext_how {
	CBPF_EXT_FIELD,
	CBPF_EXT_NLATTR,
	CBPF_EXT_NLATTR_NEST,
	CBPF_EXT_XOR_X,
	CBPF_EXT_RANDOM,
};

struct cbpf_row {
	uint16_t code;
	enum cbpf_kind kind;
	enum isa_op op;
	const char *mnemonic, *operand;
};

struct cbpf_ext {
	uint32_t offset; /* from CBPF_AD_OFF */
	enum cbpf_ext_how how;
	uint16_t field; /* offset in struct skep_filter_ctx */
	const char *text;
};

/* The row of a code, or NULL. */
const struct cbpf_row *cbpf_row(uint16_t code);
/* All rows; ended by a NULL mnemonic. */
extern const struct cbpf_row cbpf_rows[];
/* The extension that an absolute load of address @k means, or NULL. */
const struct cbpf_ext *cbpf_ext(uint32_t k);
extern const struct cbpf_ext cbpf_exts[]; /* ended by a NULL text */

#endif
