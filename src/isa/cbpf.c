// SPDX-License-Identifier: Apache-2.0
/*
 * Classic BPF: its rows, and what the kernel demands of a program before it takes it. Jumps only go
 * forward, so one pass over the program sees every instruction after all that can come before it; the scratch words
 * written on all ways to an instruction are a mask that starts full and is cut down by each way. As in the kernel,
 * a return counts as a way to the instruction behind it (Documentation/networking/filter.rst).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "isa/cbpf.h"
#include "isa/internal.h"

const struct cbpf_row cbpf_rows[] = {
#define CBPF(code, kind, ebpf, mnemonic, operand) \
	{ code, CBPF_##kind, ISA_##ebpf, mnemonic, operand },
#include "isa/cbpf.def"
#undef CBPF
	{ 0 },
};

#define FIELD_OF(name) offsetof(struct skep_filter_ctx, name)
#define OFFSET_FIELD(name) FIELD_OF(name)
#define OFFSET_NLATTR(name) 0
#define OFFSET_NLATTR_NEST(name) 0
#define OFFSET_XOR_X(name) 0
#define OFFSET_RANDOM(name) 0

const struct cbpf_ext cbpf_exts[] = {
#define EXT(name, offset, how, text) { offset, CBPF_EXT_##how, OFFSET_##how(name), text },
#include "isa/cbpf_ext.def"
#undef EXT
	{ 0 },
};

const struct cbpf_row *cbpf_row(uint16_t code)
{
	for (const struct cbpf_row *row = cbpf_rows; row->mnemonic; row++)
		if (row->code == code)
			return row;
	return NULL;
}

const struct cbpf_ext *cbpf_ext(uint32_t k)
{
	uint32_t offset = k - (uint32_t)CBPF_AD_OFF;

	for (const struct cbpf_ext *e = cbpf_exts; e->text; e++)
		if (e->offset == offset)
			return e;
	return NULL;
}

struct checker {
	const struct skep_cbpf *insns;
	size_t n, at;
	uint16_t *written; /* by instruction: scratch words that every way to it has written */
	struct skep_error **reterr;
};

static struct skep_place here(const struct checker *c)
{
	return SKEP_AT_INSN(NULL, "filter", c->at);
}

static int check_word(const struct checker *c, uint32_t k)
{
	if (k < CBPF_MEM)
		return 0;
	return skep_fail(c->reterr, &ERR_CBPF_WORD, here(c), "M[%u], the last is M[%d]", k,
			 CBPF_MEM - 1);
}

static int check_read(const struct checker *c, uint32_t k)
{
	int r = check_word(c, k);

	if (r < 0 || c->written[c->at] & 1u << k)
		return r;
	return skep_fail(c->reterr, &ERR_CBPF_UNWRITTEN, here(c), "M[%u]", k);
}

/* The way on to @target: forward, inside. */
static int check_jump(struct checker *c, uint32_t delta, uint16_t written)
{
	uint64_t target = (uint64_t)c->at + 1 + delta;

	if (target >= c->n)
		return skep_fail(c->reterr, &ERR_CBPF_JUMP, here(c),
				 "to instruction %" PRIu64 " of %zu", target, c->n);
	c->written[target] &= written;
	return 0;
}

static int check_operand(struct checker *c, const struct cbpf_row *row, const struct skep_cbpf *in)
{
	switch (row->kind) {
	case CBPF_LD_ABS:
		if (in->k < (uint32_t)CBPF_AD_OFF || cbpf_ext(in->k))
			return 0;
		return skep_fail(c->reterr, &ERR_CBPF_EXT, here(c), "address %d", (int32_t)in->k);
	case CBPF_LD_MEM:
	case CBPF_LDX_MEM:
		return check_read(c, in->k);
	case CBPF_ST:
	case CBPF_STX:
		return check_word(c, in->k);
	case CBPF_DIV_K:
		return in->k ? 0 : skep_fail(c->reterr, &ERR_CBPF_DIVISION, here(c), NULL);
	case CBPF_SHIFT_K:
		return in->k < 32 ? 0 :
				    skep_fail(c->reterr, &ERR_CBPF_SHIFT, here(c),
					      "by %u bits, a register has 32", in->k);
	case CBPF_UNKNOWN:
	case CBPF_LD_IND:
	case CBPF_LD_IMM:
	case CBPF_LD_LEN:
	case CBPF_LDX_IMM:
	case CBPF_LDX_LEN:
	case CBPF_LDX_MSH:
	case CBPF_ALU_K:
	case CBPF_ALU_X:
	case CBPF_DIV_X:
	case CBPF_NEG:
	case CBPF_JA:
	case CBPF_JUMP_K:
	case CBPF_JUMP_X:
	case CBPF_RET_K:
	case CBPF_RET_A:
	case CBPF_TAX:
	case CBPF_TXA:
		return 0;
	}
	return 0;
}

static int check_insn(struct checker *c)
{
	const struct skep_cbpf *in = &c->insns[c->at];
	const struct cbpf_row *row = cbpf_row(in->code);
	uint16_t written = c->written[c->at];
	int r;

	if (!row)
		return skep_fail(c->reterr, &ERR_CBPF_CODE, here(c), "0x%x", in->code);
	r = check_operand(c, row, in);
	if (r < 0)
		return r;
	if (row->kind == CBPF_ST || row->kind == CBPF_STX)
		written |= (uint16_t)(1u << in->k);
	if (row->kind == CBPF_RET_K || row->kind == CBPF_RET_A)
		return c->at + 1 < c->n ? check_jump(c, 0, written) : 0;
	if (row->kind == CBPF_JA)
		return check_jump(c, in->k, written);
	if (row->kind != CBPF_JUMP_K && row->kind != CBPF_JUMP_X) {
		if (c->at + 1 == c->n)
			return skep_fail(c->reterr, &ERR_CBPF_END, here(c), NULL);
		return check_jump(c, 0, written);
	}
	r = check_jump(c, in->jt, written);
	return r < 0 ? r : check_jump(c, in->jf, written);
}

/* The kernel wants the last instruction to return even where nothing leads to it. */
static int check_last(struct checker *c)
{
	const struct cbpf_row *row = cbpf_row(c->insns[c->n - 1].code);

	if (row && (row->kind == CBPF_RET_K || row->kind == CBPF_RET_A))
		return 0;
	c->at = c->n - 1;
	return skep_fail(c->reterr, &ERR_CBPF_END, here(c), NULL);
}

int skep_cbpf_check(const struct skep_cbpf *insns, size_t n, struct skep_error **reterr)
{
	struct checker c = { .insns = insns, .n = n, .reterr = reterr };
	int r = 0;

	if (!n || n > SKEP_CBPF_MAX)
		return skep_fail(reterr, &ERR_CBPF_LENGTH, SKEP_NOWHERE,
				 "%zu instructions, 1 to %d are allowed", n, SKEP_CBPF_MAX);
	c.written = malloc(n * sizeof(*c.written));
	if (!c.written)
		return skep_fail_nomem(reterr);
	memset(c.written, 0xff, n * sizeof(*c.written));
	c.written[0] = 0;
	for (c.at = 0; r == 0 && c.at < n; c.at++)
		r = check_insn(&c);
	if (r == 0)
		r = check_last(&c);
	free(c.written);
	return r;
}
