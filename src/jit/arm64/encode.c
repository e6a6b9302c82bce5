// SPDX-License-Identifier: Apache-2.0
/*
 * Encodings of the instructions that the back end uses (Arm Architecture Reference Manual, DDI 0487, chapter C4). Each
 * function writes one instruction, a word of 32 bits in little-endian order on any host.
 */
#include <stdlib.h>
#include <string.h>

#include "jit/arm64/a64.h"

static bool room(struct jit_code_buf *out)
{
	uint8_t *bytes;

	if (out->room - out->len >= 4)
		return true;
	if (out->failed)
		return false;
	bytes = realloc(out->bytes, out->room * 2 + 256);
	if (!bytes) {
		out->failed = true;
		return false;
	}
	out->bytes = bytes;
	out->room = out->room * 2 + 256;
	return true;
}

static void put_word(uint8_t *at, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(word >> (8 * i));
}

static uint32_t get_word(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

void a64_word(struct jit_code_buf *out, uint32_t word)
{
	if (!room(out))
		return;
	put_word(&out->bytes[out->len], word);
	out->len += 4;
}

/* rd, rn and rm where most instructions have them */
static uint32_t regs(int rd, int rn, int rm)
{
	return (uint32_t)rd | (uint32_t)rn << 5 | (uint32_t)rm << 16;
}

static uint32_t wide(int w)
{
	return (uint32_t)(w != 0) << 31;
}

void a64_alu(struct jit_code_buf *out, int w, enum a64_alu op, int rd, int rn, int rm, int lsl)
{
	a64_word(out, wide(w) | op | regs(rd, rn, rm) | (uint32_t)lsl << 10);
}

void a64_arith_imm(struct jit_code_buf *out, int w, enum a64_alu op, int rd, int rn, uint64_t value)
{
	bool minus;
	uint32_t imm;

	a64_is_arith(w, value, &minus);
	if (minus)
		value = -value;
	imm = (uint32_t)value;
	imm = imm < 4096 ? imm << 10 : 1u << 22 | (imm >> 12) << 10;
	a64_word(out, wide(w) | 0x11000000 | ((op & 0x60000000) ^ (minus ? 0x40000000 : 0)) | imm |
			      regs(rd, rn, 0));
}

void a64_logic_imm(struct jit_code_buf *out, int w, enum a64_alu op, int rd, int rn, uint32_t mask)
{
	a64_word(out, wide(w) | 0x12000000 | (op & 0x60000000) | mask << 10 | regs(rd, rn, 0));
}

void a64_move_wide(struct jit_code_buf *out, int w, enum a64_move op, int rd, uint32_t imm,
		   int half)
{
	a64_word(out, wide(w) | op | (uint32_t)half << 21 | imm << 5 | (uint32_t)rd);
}

void a64_mov(struct jit_code_buf *out, int w, int rd, int rm)
{
	a64_alu(out, w, A64_ORR, rd, XZR, rm, 0);
}

void a64_pair_op(struct jit_code_buf *out, int w, enum a64_pair op, int rd, int rn, int rm)
{
	a64_word(out, wide(w) | op | regs(rd, rn, rm));
}

void a64_madd(struct jit_code_buf *out, int w, int rd, int rn, int rm, int ra)
{
	a64_word(out, wide(w) | 0x1b000000 | regs(rd, rn, rm) | (uint32_t)ra << 10);
}

void a64_msub(struct jit_code_buf *out, int w, int rd, int rn, int rm, int ra)
{
	a64_word(out, wide(w) | 0x1b008000 | regs(rd, rn, rm) | (uint32_t)ra << 10);
}

void a64_umulh(struct jit_code_buf *out, int rd, int rn, int rm)
{
	a64_word(out, 0x9bc07c00 | regs(rd, rn, rm));
}

void a64_umull(struct jit_code_buf *out, int rd, int rn, int rm)
{
	a64_word(out, 0x9ba07c00 | regs(rd, rn, rm));
}

static void bitfield(struct jit_code_buf *out, int w, uint32_t op, int rd, int rn, int immr,
		     int imms)
{
	a64_word(out, wide(w) | (uint32_t)(w != 0) << 22 | op | (uint32_t)imms << 10 |
			      regs(rd, rn, immr));
}

void a64_extract(struct jit_code_buf *out, int w, bool sign, int rd, int rn, int lo, int width)
{
	bitfield(out, w, sign ? 0x13000000 : 0x53000000, rd, rn, lo, lo + width - 1);
}

void a64_lsl(struct jit_code_buf *out, int w, int rd, int rn, int count)
{
	int top = w ? 63 : 31;

	bitfield(out, w, 0x53000000, rd, rn, -count & top, top - count);
}

void a64_ror(struct jit_code_buf *out, int w, int rd, int rn, int count)
{
	bitfield(out, w, 0x13800000, rd, rn, rn, count);
}

void a64_rev(struct jit_code_buf *out, int w, int rd, int rn)
{
	a64_word(out, (w ? 0xdac00c00 : 0x5ac00800) | regs(rd, rn, 0));
}

void a64_rev16(struct jit_code_buf *out, int rd, int rn)
{
	a64_word(out, 0x5ac00400 | regs(rd, rn, 0));
}

void a64_select(struct jit_code_buf *out, int w, enum a64_select op, int rd, int rn, int rm,
		enum a64_cond cc)
{
	a64_word(out, wide(w) | op | (uint32_t)cc << 12 | regs(rd, rn, rm));
}

static uint32_t log2_of(int size)
{
	return (uint32_t)__builtin_ctz((unsigned int)size);
}

static void transfer(struct jit_code_buf *out, uint32_t opc, int rt, struct a64_mem m, int size)
{
	uint32_t word = log2_of(size) << 30 | opc << 22;

	if (m.index != NO_INDEX)
		word |= 0x38206800 | regs(rt, m.base, m.index) | (uint32_t)(m.scale != 0) << 12;
	else if (m.disp >= 0 && m.disp % size == 0 && m.disp / size < 4096)
		word |= 0x39000000 | regs(rt, m.base, 0) | (uint32_t)(m.disp / size) << 10;
	else
		word |= 0x38000000 | regs(rt, m.base, 0) | ((uint32_t)m.disp & 0x1ff) << 12;
	a64_word(out, word);
}

void a64_load(struct jit_code_buf *out, int rt, struct a64_mem m, int size, bool sign)
{
	transfer(out, sign && size < 8 ? 2 : 1, rt, m, size);
}

void a64_store(struct jit_code_buf *out, int rt, struct a64_mem m, int size)
{
	transfer(out, 0, rt, m, size);
}

void a64_acquire(struct jit_code_buf *out, int rt, int rn, int size)
{
	a64_word(out, log2_of(size) << 30 | 0x08dffc00 | regs(rt, rn, 0));
}

void a64_vector_load(struct jit_code_buf *out, int rn, int size)
{
	a64_word(out, (size == 4 ? 0xbd400000 :
		       size == 8 ? 0xfd400000 :
				   0x3dc00000) |
			      regs(0, rn, 0));
}

void a64_vector_sum(struct jit_code_buf *out, int size)
{
	a64_word(out, size == 16 ? 0x6e303800 : 0x2e303800);
}

void a64_vector_get(struct jit_code_buf *out, int rd)
{
	a64_word(out, 0x1e260000 | regs(rd, 0, 0));
}

void a64_release(struct jit_code_buf *out, int rt, int rn, int size)
{
	a64_word(out, log2_of(size) << 30 | 0x089ffc00 | regs(rt, rn, 0));
}

void a64_exclusive_load(struct jit_code_buf *out, int rt, int rn, int size, bool ordered)
{
	a64_word(out, log2_of(size) << 30 | (ordered ? 0x085ffc00 : 0x085f7c00) | regs(rt, rn, 0));
}

void a64_exclusive_store(struct jit_code_buf *out, int status, int rt, int rn, int size,
			 bool ordered)
{
	a64_word(out,
		 log2_of(size) << 30 | (ordered ? 0x0800fc00 : 0x08007c00) | regs(rt, rn, status));
}

void a64_rmw(struct jit_code_buf *out, uint32_t op, int rs, int rt, int rn, int size)
{
	a64_word(out, log2_of(size) << 30 | op | regs(rt, rn, rs));
}

void a64_cas(struct jit_code_buf *out, int rs, int rt, int rn, int size)
{
	a64_word(out, log2_of(size) << 30 | 0x08e0fc00 | regs(rt, rn, rs));
}

void a64_barrier(struct jit_code_buf *out)
{
	a64_word(out, 0xd5033bbf);
}

static void pair(struct jit_code_buf *out, uint32_t op, int rt, int rt2, int off)
{
	a64_word(out,
		 op | ((uint32_t)(off / 8) & 0x7f) << 15 | (uint32_t)rt2 << 10 | regs(rt, XSP, 0));
}

void a64_stp(struct jit_code_buf *out, int rt, int rt2, int off, bool pre)
{
	pair(out, pre ? 0xa9800000 : 0xa9000000, rt, rt2, pre ? -off : off);
}

void a64_ldp(struct jit_code_buf *out, int rt, int rt2, int off, bool post)
{
	pair(out, post ? 0xa8c00000 : 0xa9400000, rt, rt2, off);
}

void a64_push(struct jit_code_buf *out, int rt, int size)
{
	a64_word(out, 0xf8000c00 | ((uint32_t)-size & 0x1ff) << 12 | regs(rt, XSP, 0));
}

void a64_pop(struct jit_code_buf *out, int rt, int size)
{
	a64_word(out, 0xf8400400 | ((uint32_t)size & 0x1ff) << 12 | regs(rt, XSP, 0));
}

/* A distance in words at its place in the instruction. */
static uint32_t distance(int64_t delta, int bits, int at)
{
	return ((uint32_t)(delta / 4) & ((1u << bits) - 1)) << at;
}

void a64_b(struct jit_code_buf *out, int32_t delta)
{
	a64_word(out, 0x14000000 | distance(delta, 26, 0));
}

void a64_bl(struct jit_code_buf *out, int32_t delta)
{
	a64_word(out, 0x94000000 | distance(delta, 26, 0));
}

void a64_b_cond(struct jit_code_buf *out, enum a64_cond cc, int32_t delta)
{
	a64_word(out, 0x54000000 | distance(delta, 19, 5) | (uint32_t)cc);
}

void a64_cb(struct jit_code_buf *out, int w, bool nonzero, int rt, int32_t delta)
{
	a64_word(out, wide(w) | (nonzero ? 0x35000000 : 0x34000000) | distance(delta, 19, 5) |
			      (uint32_t)rt);
}

void a64_tb(struct jit_code_buf *out, bool set, int rt, int bit, int32_t delta)
{
	a64_word(out, (set ? 0x37000000 : 0x36000000) | wide(bit >> 5) |
			      ((uint32_t)bit & 31) << 19 | distance(delta, 14, 5) | (uint32_t)rt);
}

void a64_blr(struct jit_code_buf *out, int rn)
{
	a64_word(out, 0xd63f0000 | regs(0, rn, 0));
}

void a64_br(struct jit_code_buf *out, int rn)
{
	a64_word(out, 0xd61f0000 | regs(0, rn, 0));
}

void a64_ret(struct jit_code_buf *out)
{
	a64_word(out, 0xd65f03c0);
}

void a64_adrp(struct jit_code_buf *out, int rd, int32_t pages)
{
	a64_word(out, 0x90000000 | ((uint32_t)pages & 3) << 29 |
			      ((uint32_t)(pages >> 2) & 0x7ffff) << 5 | (uint32_t)rd);
}

bool a64_patch(struct jit_code_buf *out, uint32_t at, int64_t delta)
{
	uint32_t word = get_word(&out->bytes[at]);
	int bits = 19, place = 5;
	int64_t most;

	if ((word & 0x7c000000) == 0x14000000) {
		bits = 26;
		place = 0;
	} else if ((word & 0x7e000000) == 0x36000000) {
		bits = 14;
	}
	most = (int64_t)4 << (bits - 1);
	if (delta < -most || delta >= most)
		return false;
	word &= ~(((1u << bits) - 1) << place);
	put_word(&out->bytes[at], word | distance(delta, bits, place));
	return true;
}
