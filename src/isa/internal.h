/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of isa/ share: the rows of isa.def as two const tables (shape for the decoder and
 * the assembler, texts and facts for the rest), and the assembler's tokens.
 */
#ifndef ISA_INTERNAL_H
#define ISA_INTERNAL_H

#include "base/error.h"
#include "base/num.h"
#include "isa/isa.h"

/* Words of isa.def's reads and writes. */
enum {
	NONE = ISA_USE_NONE,
	DST = ISA_USE_DST,
	SRC = ISA_USE_SRC,
	R0 = ISA_USE_R0,
	R6 = ISA_USE_R6,
	ARGS = ISA_USE_ARGS,
	CALLER = ISA_USE_CALLER,
};

/* The fields of an instruction that a row constrains, in the order of isa_why_invalid(). */
enum isa_field {
	ISA_FIELD_DST,
	ISA_FIELD_SRC,
	ISA_FIELD_OFF,
	ISA_FIELD_IMM,
	ISA_FIELD_NEXT, /* imm of the second slot */
	ISA_FIELDS,
};

struct isa_range {
	int32_t lo, hi;
};

/* What an op looks like in memory. */
struct isa_shape {
	uint8_t code, slots;
	struct isa_range field[ISA_FIELDS];
};

extern const struct isa_shape isa_shapes[ISA_COUNT];

/* The texts of isa.def, by style (enum skep_insn_style). */
const char *isa_text(enum isa_op op, enum skep_insn_style style);

#define ERR(name, id, code, problem) \
	static const struct err_def ERR_##name __attribute__((unused)) = { id, code, problem };
#include "isa/errors.def"
#undef ERR

/* Tokens of one line. */
enum asm_kind {
	ASM_END, /* of the line */
	ASM_WORD,
	ASM_REG,    /* value: its number; half: of 32 bits (w0) */
	ASM_NUMBER, /* value: magnitude; signs are tokens of their own */
	ASM_PUNCT,  /* text[0] */
};

struct asm_token {
	enum asm_kind kind;
	bool half, hex;	  /* hex: of a number */
	const char *text; /* into the source */
	size_t len;
	uint64_t value;
	uint32_t col;
};

#define ASM_LINE_TOKENS 32

struct asm_line {
	uint32_t number;
	size_t count;				      /* without the end token */
	struct asm_token tokens[ASM_LINE_TOKENS + 1]; /* the last one in use is ASM_END */
	/* What a listing has before an instruction; not in the conformance files' notation. */
	bool has_index, has_code;
	uint64_t index;	     /* "12:" */
	uint8_t bytes[16];   /* of an object's listing */
	unsigned int nbytes; /* 0, 8 or 16 */
	uint8_t code;	     /* "(bf)" of the kernel's log */
};

/* Reads the line at *@text into @line and moves *@text behind it. 1: a line, 0: end of the text, or
 * a negative errno. line->number is counted up from its former value. */
int asm_lex_line(const char **text, enum skep_insn_style style, struct asm_line *line,
		 struct skep_error **reterr);

/* How far the match of a row got, and what it wanted there. */
struct asm_match {
	const struct asm_token *t; /* the next token */
	struct skep_insn in[2];
	const struct asm_token *label; /* the jump's target, if it is one */
	bool label_in_imm;
	bool have_dst, have_src;
	enum skep_insn_style style;
	const char *wanted; /* for ASM_OPERANDS */
	int wanted_len;
	bool literal;		   /* wanted as it stands, so shown in quotes */
	const struct err_def *why; /* what is wrong with *t; NULL while it matches */
};

/*
 * Matches the tokens from @first on with the rows (all with line->code, if the line has it): the op and @m->in,
 * or ISA_INVALID and the error of the row that got furthest.
 */
enum isa_op asm_match_line(const struct asm_line *line, const struct asm_token *first,
			   enum skep_insn_style style, struct asm_match *m,
			   struct skep_error **reterr);
/* How many characters of a token an error shows. */
static inline int asm_shown(const struct asm_token *t)
{
	return t->len < 40 ? (int)t->len : 40;
}

static inline bool asm_is_punct(const struct asm_token *t, char c)
{
	return t->kind == ASM_PUNCT && t->text[0] == c;
}

#endif
