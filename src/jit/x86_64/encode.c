// SPDX-License-Identifier: Apache-2.0
/*
 * Encodings of the instructions that the back end uses (Intel 64 Software Developer's Manual, volume 2). The shortest
 * form is chosen: no REX without need, immediates and displacements of one byte. Each function writes one
 * instruction.
 */
#include <stdlib.h>
#include <string.h>

#include "jit/x86_64/x86.h"

#define LONGEST 16

static bool room(struct jit_code_buf *out)
{
	uint8_t *bytes;

	if (out->room - out->len >= LONGEST)
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

void x86_byte(struct jit_code_buf *out, uint8_t b)
{
	if (room(out))
		out->bytes[out->len++] = b;
}

void x86_u32(struct jit_code_buf *out, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		x86_byte(out, (uint8_t)(v >> (8 * i)));
}

static bool is8(int64_t v)
{
	return v == (int8_t)v;
}

static void rex(struct jit_code_buf *out, int w, int reg, int index, int base, bool force)
{
	int r = w << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1);

	if (r || force)
		x86_byte(out, (uint8_t)(0x40 | r));
}

static void opcode_bytes(struct jit_code_buf *out, uint32_t opcode)
{
	if (opcode > 0xffff)
		x86_byte(out, (uint8_t)(opcode >> 16));
	if (opcode > 0xff)
		x86_byte(out, (uint8_t)(opcode >> 8));
	x86_byte(out, (uint8_t)opcode);
}

/* @bytes: of those two registers, which are of 8 bits, so that 4 to 7 need a REX */
static void rr(struct jit_code_buf *out, int w, uint32_t opcode, int reg, int rm, bool byte_reg,
	       bool byte_rm)
{
	rex(out, w, reg, 0, rm, (byte_reg && reg >= 4) || (byte_rm && rm >= 4));
	opcode_bytes(out, opcode);
	x86_byte(out, (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

void x86_rr(struct jit_code_buf *out, int w, uint32_t opcode, int reg, int rm)
{
	rr(out, w, opcode, reg, rm, false, false);
}

static void modrm_mem(struct jit_code_buf *out, int reg, struct x86_mem m)
{
	bool sib = m.index != NO_INDEX || (m.base & 7) == RSP;
	int mod = !m.disp && (m.base & 7) != RBP ? 0 : is8(m.disp) ? 1 : 2;

	x86_byte(out, (uint8_t)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : m.base & 7)));
	if (sib)
		x86_byte(out,
			 (uint8_t)(m.scale << 6 | (m.index == NO_INDEX ? 4 : m.index & 7) << 3 |
				   (m.base & 7)));
	if (mod == 1)
		x86_byte(out, (uint8_t)m.disp);
	if (mod == 2)
		x86_u32(out, (uint32_t)m.disp);
}

static void rm_mem(struct jit_code_buf *out, int w, uint32_t opcode, int reg, struct x86_mem m,
		   bool byte_reg)
{
	rex(out, w, reg, m.index == NO_INDEX ? 0 : m.index, m.base, byte_reg && reg >= 4);
	opcode_bytes(out, opcode);
	modrm_mem(out, reg, m);
}

void x86_rm(struct jit_code_buf *out, int w, uint32_t opcode, int reg, struct x86_mem m)
{
	rm_mem(out, w, opcode, reg, m, false);
}

void x86_mov(struct jit_code_buf *out, int w, int dst, int src)
{
	x86_rr(out, w, 0x8b, dst, src);
}

void x86_mov_imm(struct jit_code_buf *out, int dst, uint64_t imm)
{
	if (!imm) {
		x86_rr(out, 0, 0x33, dst, dst);
	} else if (imm == (uint32_t)imm) {
		rex(out, 0, 0, 0, dst, false);
		x86_byte(out, (uint8_t)(0xb8 | (dst & 7)));
		x86_u32(out, (uint32_t)imm);
	} else if (imm == (uint64_t)(int64_t)(int32_t)imm) {
		x86_rr(out, 1, 0xc7, 0, dst);
		x86_u32(out, (uint32_t)imm);
	} else {
		rex(out, 1, 0, 0, dst, false);
		x86_byte(out, (uint8_t)(0xb8 | (dst & 7)));
		x86_u32(out, (uint32_t)imm);
		x86_u32(out, (uint32_t)(imm >> 32));
	}
}

void x86_load(struct jit_code_buf *out, int dst, struct x86_mem m, int size, bool sign)
{
	switch (size) {
	case 1:
		x86_rm(out, sign, sign ? 0x0fbe : 0x0fb6, dst, m);
		break;
	case 2:
		x86_rm(out, sign, sign ? 0x0fbf : 0x0fb7, dst, m);
		break;
	case 4:
		x86_rm(out, sign, sign ? 0x63 : 0x8b, dst, m);
		break;
	default:
		x86_rm(out, 1, 0x8b, dst, m);
	}
}

void x86_store(struct jit_code_buf *out, struct x86_mem m, int src, int size)
{
	if (size == 2)
		x86_byte(out, 0x66);
	rm_mem(out, size == 8, size == 1 ? 0x88 : 0x89, src, m, size == 1);
}

void x86_store_imm(struct jit_code_buf *out, struct x86_mem m, int32_t imm, int size)
{
	if (size == 2)
		x86_byte(out, 0x66);
	x86_rm(out, size == 8, size == 1 ? 0xc6 : 0xc7, 0, m);
	x86_byte(out, (uint8_t)imm);
	if (size >= 2)
		x86_byte(out, (uint8_t)(imm >> 8));
	if (size >= 4) {
		x86_byte(out, (uint8_t)(imm >> 16));
		x86_byte(out, (uint8_t)(imm >> 24));
	}
}

void x86_alu_rr(struct jit_code_buf *out, int w, enum x86_alu op, int dst, int src)
{
	x86_rr(out, w, (uint32_t)op << 3 | 3, dst, src);
}

void x86_alu_rm(struct jit_code_buf *out, int w, enum x86_alu op, int dst, struct x86_mem m)
{
	x86_rm(out, w, (uint32_t)op << 3 | 3, dst, m);
}

void x86_alu_mr(struct jit_code_buf *out, int w, enum x86_alu op, struct x86_mem m, int src)
{
	x86_rm(out, w, (uint32_t)op << 3 | 1, src, m);
}

void x86_alu_ri(struct jit_code_buf *out, int w, enum x86_alu op, int dst, int32_t imm)
{
	if (is8(imm)) {
		x86_rr(out, w, 0x83, (int)op, dst);
		x86_byte(out, (uint8_t)imm);
		return;
	}
	if (dst == RAX) {
		rex(out, w, 0, 0, 0, false);
		x86_byte(out, (uint8_t)(op << 3 | 5));
	} else {
		x86_rr(out, w, 0x81, (int)op, dst);
	}
	x86_u32(out, (uint32_t)imm);
}

void x86_alu_mi(struct jit_code_buf *out, int w, enum x86_alu op, struct x86_mem m, int32_t imm)
{
	x86_rm(out, w, is8(imm) ? 0x83 : 0x81, (int)op, m);
	if (is8(imm))
		x86_byte(out, (uint8_t)imm);
	else
		x86_u32(out, (uint32_t)imm);
}

void x86_test_rr(struct jit_code_buf *out, int w, int a, int b)
{
	x86_rr(out, w, 0x85, b, a);
}

void x86_test_ri(struct jit_code_buf *out, int w, int a, int32_t imm)
{
	if (imm >= 0 && imm <= 0xff) {
		rr(out, 0, 0xf6, 0, a, false, true);
		x86_byte(out, (uint8_t)imm);
		return;
	}
	x86_rr(out, w && imm < 0, 0xf7, 0, a);
	x86_u32(out, (uint32_t)imm);
}

void x86_lea(struct jit_code_buf *out, int w, int dst, struct x86_mem m)
{
	x86_rm(out, w, 0x8d, dst, m);
}

void x86_shift_i(struct jit_code_buf *out, int w, enum x86_shift op, int dst, int count)
{
	x86_rr(out, w, count == 1 ? 0xd1 : 0xc1, (int)op, dst);
	if (count != 1)
		x86_byte(out, (uint8_t)count);
}

void x86_shift_cl(struct jit_code_buf *out, int w, enum x86_shift op, int dst)
{
	x86_rr(out, w, 0xd3, (int)op, dst);
}

/* Three-byte VEX, map 2 or 3, no 256 bits. */
static void vex(struct jit_code_buf *out, int w, int map, int pp, int reg, int rm, int vvvv)
{
	x86_byte(out, 0xc4);
	x86_byte(out, (uint8_t)((reg < 8) << 7 | 1 << 6 | (rm < 8) << 5 | map));
	x86_byte(out, (uint8_t)(w << 7 | (~vvvv & 15) << 3 | pp));
}

void x86_shift_v(struct jit_code_buf *out, int w, enum x86_shift op, int dst, int src, int count)
{
	vex(out, w, 2, op == SHIFT_SHL ? 1 : op == SHIFT_SAR ? 2 : 3, dst, src, count);
	x86_byte(out, 0xf7);
	x86_byte(out, (uint8_t)(0xc0 | (dst & 7) << 3 | (src & 7)));
}

void x86_rorx(struct jit_code_buf *out, int w, int dst, int src, int count)
{
	vex(out, w, 3, 3, dst, src, 0);
	x86_byte(out, 0xf0);
	x86_byte(out, (uint8_t)(0xc0 | (dst & 7) << 3 | (src & 7)));
	x86_byte(out, (uint8_t)count);
}

void x86_imul_rr(struct jit_code_buf *out, int w, int dst, int src)
{
	x86_rr(out, w, 0x0faf, dst, src);
}

void x86_imul_i(struct jit_code_buf *out, int w, int dst, int src, int32_t imm)
{
	x86_rr(out, w, is8(imm) ? 0x6b : 0x69, dst, src);
	if (is8(imm))
		x86_byte(out, (uint8_t)imm);
	else
		x86_u32(out, (uint32_t)imm);
}

void x86_group3(struct jit_code_buf *out, int w, int ext, int rm)
{
	x86_rr(out, w, 0xf7, ext, rm);
}

void x86_bswap(struct jit_code_buf *out, int w, int reg)
{
	rex(out, w, 0, 0, reg, false);
	x86_byte(out, 0x0f);
	x86_byte(out, (uint8_t)(0xc8 | (reg & 7)));
}

void x86_rol16(struct jit_code_buf *out, int reg, int count)
{
	x86_byte(out, 0x66);
	x86_shift_i(out, 0, SHIFT_ROL, reg, count);
}

void x86_extend(struct jit_code_buf *out, int w, int dst, int src, int size, bool sign)
{
	if (size == 1)
		rr(out, w && sign, sign ? 0x0fbe : 0x0fb6, dst, src, false, true);
	else if (size == 2)
		x86_rr(out, w && sign, sign ? 0x0fbf : 0x0fb7, dst, src);
	else
		x86_rr(out, w && sign, sign && w ? 0x63 : 0x8b, dst, src);
}

void x86_cdq(struct jit_code_buf *out, int w)
{
	rex(out, w, 0, 0, 0, false);
	x86_byte(out, 0x99);
}

void x86_cmov(struct jit_code_buf *out, int w, enum x86_cond cc, int dst, int src)
{
	x86_rr(out, w, 0x0f40 | (uint32_t)cc, dst, src);
}

void x86_xadd(struct jit_code_buf *out, int w, struct x86_mem m, int src)
{
	x86_lock(out);
	x86_rm(out, w, 0x0fc1, src, m);
}

void x86_xchg(struct jit_code_buf *out, int w, struct x86_mem m, int src)
{
	x86_rm(out, w, 0x87, src, m);
}

void x86_cmpxchg(struct jit_code_buf *out, int w, struct x86_mem m, int src)
{
	x86_lock(out);
	x86_rm(out, w, 0x0fb1, src, m);
}

void x86_lock(struct jit_code_buf *out)
{
	x86_byte(out, 0xf0);
}

void x86_push(struct jit_code_buf *out, int reg)
{
	rex(out, 0, 0, 0, reg, false);
	x86_byte(out, (uint8_t)(0x50 | (reg & 7)));
}

void x86_pop(struct jit_code_buf *out, int reg)
{
	rex(out, 0, 0, 0, reg, false);
	x86_byte(out, (uint8_t)(0x58 | (reg & 7)));
}

void x86_nop(struct jit_code_buf *out, uint32_t n)
{
	/* by length */
	static const uint8_t forms[][8] = {
		{ 0 },
		{ 0x90 },
		{ 0x66, 0x90 },
		{ 0x0f, 0x1f, 0x00 },
		{ 0x0f, 0x1f, 0x40, 0 },
		{ 0x0f, 0x1f, 0x44, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0, 0 },
		{ 0x0f, 0x1f, 0x80, 0, 0, 0, 0 },
		{ 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
	};

	while (n) {
		uint32_t len = n < 8 ? n : 8;

		for (uint32_t i = 0; i < len; i++)
			x86_byte(out, forms[len][i]);
		n -= len;
	}
}

void x86_ret(struct jit_code_buf *out)
{
	x86_byte(out, 0xc3);
}

void x86_call_reg(struct jit_code_buf *out, int reg)
{
	x86_rr(out, 0, 0xff, 2, reg);
}

uint32_t x86_jcc8(struct jit_code_buf *out, enum x86_cond cc)
{
	x86_byte(out, (uint8_t)(0x70 | cc));
	x86_byte(out, 0);
	return (uint32_t)out->len;
}

uint32_t x86_jmp8(struct jit_code_buf *out)
{
	x86_byte(out, 0xeb);
	x86_byte(out, 0);
	return (uint32_t)out->len;
}

void x86_here(struct jit_code_buf *out, uint32_t jump)
{
	if (!out->failed)
		out->bytes[jump - 1] = (uint8_t)(out->len - jump);
}
