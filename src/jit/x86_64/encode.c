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

/* Where the next instruction goes: room for a longest one. Without memory it goes nowhere. */
static __attribute__((noinline)) uint8_t *more(struct jit_code_buf *out)
{
	uint8_t *bytes = out->failed ? NULL : realloc(out->bytes, out->room * 2 + 256);

	if (!bytes) {
		out->failed = true;
		return out->spare;
	}
	out->bytes = bytes;
	out->room = out->room * 2 + 256;
	return bytes + out->len;
}

static inline uint8_t *begin(struct jit_code_buf *out)
{
	return out->room - out->len >= LONGEST ? out->bytes + out->len : more(out);
}

static inline void end(struct jit_code_buf *out, const uint8_t *p)
{
	if (!out->failed)
		out->len = (size_t)(p - out->bytes);
}

static inline uint8_t *put1(uint8_t *p, uint32_t b)
{
	*p = (uint8_t)b;
	return p + 1;
}

static inline uint8_t *put4(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
	return p + 4;
}

static inline bool is8(int64_t v)
{
	return v == (int8_t)v;
}

static inline uint8_t *put_imm(uint8_t *p, int32_t imm)
{
	return is8(imm) ? put1(p, (uint32_t)imm) : put4(p, (uint32_t)imm);
}

static inline uint8_t *rex(uint8_t *p, int w, int reg, int index, int base, bool force)
{
	int r = w << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1);

	*p = (uint8_t)(0x40 | r);
	return p + (r || force);
}

static inline uint8_t *opcode_bytes(uint8_t *p, uint32_t opcode)
{
	if (opcode > 0xffff)
		p = put1(p, opcode >> 16);
	if (opcode > 0xff)
		p = put1(p, opcode >> 8);
	return put1(p, opcode);
}

/* @force: a register of 8 bits is 4 to 7, which needs a REX */
static inline uint8_t *rr(uint8_t *p, int w, uint32_t opcode, int reg, int rm, bool force)
{
	p = opcode_bytes(rex(p, w, reg, 0, rm, force), opcode);
	return put1(p, (uint32_t)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

static inline uint8_t *rm_mem(uint8_t *p, int w, uint32_t opcode, int reg, struct x86_mem m,
			      bool force)
{
	bool sib = m.index != NO_INDEX || (m.base & 7) == RSP;
	int mod = !m.disp && (m.base & 7) != RBP ? 0 : is8(m.disp) ? 1 : 2;

	p = rex(p, w, reg, m.index == NO_INDEX ? 0 : m.index, m.base, force);
	p = opcode_bytes(p, opcode);
	p = put1(p, (uint32_t)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : m.base & 7)));
	if (sib)
		p = put1(p, (uint32_t)(m.scale << 6 | (m.index == NO_INDEX ? 4 : m.index & 7) << 3 |
				       (m.base & 7)));
	return mod == 0 ? p : mod == 1 ? put1(p, (uint32_t)m.disp) : put4(p, (uint32_t)m.disp);
}

void x86_byte(struct jit_code_buf *out, uint8_t b)
{
	end(out, put1(begin(out), b));
}

void x86_bytes(struct jit_code_buf *out, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x86_byte(out, (uint8_t)bytes[i]);
}

void x86_u32(struct jit_code_buf *out, uint32_t v)
{
	end(out, put4(begin(out), v));
}

void x86_rr(struct jit_code_buf *out, int w, uint32_t opcode, int reg, int rm)
{
	end(out, rr(begin(out), w, opcode, reg, rm, false));
}

void x86_rm(struct jit_code_buf *out, int w, uint32_t opcode, int reg, struct x86_mem m)
{
	end(out, rm_mem(begin(out), w, opcode, reg, m, false));
}

void x86_mov(struct jit_code_buf *out, int w, int dst, int src)
{
	x86_rr(out, w, 0x8b, dst, src);
}

void x86_mov_imm(struct jit_code_buf *out, int dst, uint64_t imm)
{
	uint8_t *p = begin(out);

	if (!imm) {
		p = rr(p, 0, 0x33, dst, dst, false);
	} else if (imm == (uint32_t)imm) {
		p = put1(rex(p, 0, 0, 0, dst, false), (uint32_t)(0xb8 | (dst & 7)));
		p = put4(p, (uint32_t)imm);
	} else if (imm == (uint64_t)(int64_t)(int32_t)imm) {
		p = put4(rr(p, 1, 0xc7, 0, dst, false), (uint32_t)imm);
	} else {
		p = put1(rex(p, 1, 0, 0, dst, false), (uint32_t)(0xb8 | (dst & 7)));
		p = put4(put4(p, (uint32_t)imm), (uint32_t)(imm >> 32));
	}
	end(out, p);
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
	uint8_t *p = begin(out);

	if (size == 2)
		p = put1(p, 0x66);
	end(out, rm_mem(p, size == 8, size == 1 ? 0x88 : 0x89, src, m, size == 1 && src >= 4));
}

void x86_store_imm(struct jit_code_buf *out, struct x86_mem m, int32_t imm, int size)
{
	uint8_t *p = begin(out);

	if (size == 2)
		p = put1(p, 0x66);
	p = rm_mem(p, size == 8, size == 1 ? 0xc6 : 0xc7, 0, m, false);
	put4(p, (uint32_t)imm);
	end(out, p + (size > 4 ? 4 : size));
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
	uint8_t *p = begin(out);

	if (dst == RAX && !is8(imm))
		p = put1(rex(p, w, 0, 0, 0, false), (uint32_t)op << 3 | 5);
	else
		p = rr(p, w, is8(imm) ? 0x83 : 0x81, (int)op, dst, false);
	end(out, put_imm(p, imm));
}

void x86_alu_mi(struct jit_code_buf *out, int w, enum x86_alu op, struct x86_mem m, int32_t imm)
{
	end(out, put_imm(rm_mem(begin(out), w, is8(imm) ? 0x83 : 0x81, (int)op, m, false), imm));
}

void x86_op_mr(struct jit_code_buf *out, enum x86_alu op, struct x86_mem m, int src, int size)
{
	uint8_t *p = begin(out);

	if (size == 2)
		p = put1(p, 0x66);
	end(out,
	    rm_mem(p, size == 8, (uint32_t)op << 3 | (size > 1), src, m, size == 1 && src >= 4));
}

void x86_op_mi(struct jit_code_buf *out, enum x86_alu op, struct x86_mem m, int32_t imm, int size)
{
	uint8_t *p = begin(out);

	if (size == 2)
		p = put1(p, 0x66);
	p = rm_mem(p, size == 8, size == 1 ? 0x80 : is8(imm) ? 0x83 : 0x81, (int)op, m, false);
	end(out, size == 1 || is8(imm) ? put1(p, (uint32_t)imm) : put4(p, (uint32_t)imm));
}

void x86_test_mi8(struct jit_code_buf *out, struct x86_mem m, uint8_t imm)
{
	end(out, put1(rm_mem(begin(out), 0, 0xf6, 0, m, false), imm));
}

void x86_movbe_load(struct jit_code_buf *out, int w, int dst, struct x86_mem m)
{
	x86_rm(out, w, 0x0f38f0, dst, m);
}

void x86_movbe_store(struct jit_code_buf *out, int w, struct x86_mem m, int src)
{
	x86_rm(out, w, 0x0f38f1, src, m);
}

void x86_test_rr(struct jit_code_buf *out, int w, int a, int b)
{
	x86_rr(out, w, 0x85, b, a);
}

void x86_test_ri(struct jit_code_buf *out, int w, int a, int32_t imm)
{
	uint8_t *p = begin(out);

	if (imm >= 0 && imm <= 0xff)
		p = put1(rr(p, 0, 0xf6, 0, a, a >= 4), (uint32_t)imm);
	else
		p = put4(rr(p, w && imm < 0, 0xf7, 0, a, false), (uint32_t)imm);
	end(out, p);
}

void x86_lea(struct jit_code_buf *out, int w, int dst, struct x86_mem m)
{
	x86_rm(out, w, 0x8d, dst, m);
}

void x86_shift_i(struct jit_code_buf *out, int w, enum x86_shift op, int dst, int count)
{
	uint8_t *p = rr(begin(out), w, count == 1 ? 0xd1 : 0xc1, (int)op, dst, false);

	*p = (uint8_t)count;
	end(out, p + (count != 1));
}

void x86_shift_cl(struct jit_code_buf *out, int w, enum x86_shift op, int dst)
{
	x86_rr(out, w, 0xd3, (int)op, dst);
}

/* Three-byte VEX, map 2 or 3, no 256 bits. */
static uint8_t *vex(uint8_t *p, int w, int map, int pp, int reg, int rm, int vvvv)
{
	p = put1(p, 0xc4);
	p = put1(p, (uint32_t)((reg < 8) << 7 | 1 << 6 | (rm < 8) << 5 | map));
	return put1(p, (uint32_t)(w << 7 | (~vvvv & 15) << 3 | pp));
}

void x86_shift_v(struct jit_code_buf *out, int w, enum x86_shift op, int dst, int src, int count)
{
	int pp = op == SHIFT_SHL ? 1 : op == SHIFT_SAR ? 2 : 3;
	uint8_t *p = put1(vex(begin(out), w, 2, pp, dst, src, count), 0xf7);

	end(out, put1(p, (uint32_t)(0xc0 | (dst & 7) << 3 | (src & 7))));
}

void x86_rorx(struct jit_code_buf *out, int w, int dst, int src, int count)
{
	uint8_t *p = put1(vex(begin(out), w, 3, 3, dst, src, 0), 0xf0);

	p = put1(p, (uint32_t)(0xc0 | (dst & 7) << 3 | (src & 7)));
	end(out, put1(p, (uint32_t)count));
}

void x86_imul_rr(struct jit_code_buf *out, int w, int dst, int src)
{
	x86_rr(out, w, 0x0faf, dst, src);
}

void x86_imul_i(struct jit_code_buf *out, int w, int dst, int src, int32_t imm)
{
	end(out, put_imm(rr(begin(out), w, is8(imm) ? 0x6b : 0x69, dst, src, false), imm));
}

void x86_group3(struct jit_code_buf *out, int w, int ext, int rm)
{
	x86_rr(out, w, 0xf7, ext, rm);
}

void x86_bswap(struct jit_code_buf *out, int w, int reg)
{
	uint8_t *p = put1(rex(begin(out), w, 0, 0, reg, false), 0x0f);

	end(out, put1(p, (uint32_t)(0xc8 | (reg & 7))));
}

void x86_rol16(struct jit_code_buf *out, int reg, int count)
{
	x86_byte(out, 0x66);
	x86_shift_i(out, 0, SHIFT_ROL, reg, count);
}

void x86_extend(struct jit_code_buf *out, int w, int dst, int src, int size, bool sign)
{
	if (size == 1)
		end(out, rr(begin(out), w && sign, sign ? 0x0fbe : 0x0fb6, dst, src, src >= 4));
	else if (size == 2)
		x86_rr(out, w && sign, sign ? 0x0fbf : 0x0fb7, dst, src);
	else
		x86_rr(out, w && sign, sign && w ? 0x63 : 0x8b, dst, src);
}

void x86_cdq(struct jit_code_buf *out, int w)
{
	end(out, put1(rex(begin(out), w, 0, 0, 0, false), 0x99));
}

void x86_cmov(struct jit_code_buf *out, int w, enum x86_cond cc, int dst, int src)
{
	x86_rr(out, w, 0x0f40 | (uint32_t)cc, dst, src);
}

void x86_xmm_load(struct jit_code_buf *out, int xmm, struct x86_mem m, int size)
{
	uint8_t *p = put1(begin(out), size == 4 ? 0x66 : 0xf3);

	end(out, rm_mem(p, 0, size == 4 ? 0x0f6e : size == 8 ? 0x0f7e : 0x0f6f, xmm, m, false));
}

void x86_xmm(struct jit_code_buf *out, enum x86_xmm op, int dst, int src)
{
	end(out, rr(put1(begin(out), 0x66), 0, op, dst, src, false));
}

void x86_xmm_upper(struct jit_code_buf *out, int dst, int src)
{
	x86_rr(out, 0, 0x0f12, dst, src);
}

void x86_xmm_get(struct jit_code_buf *out, int dst, int xmm)
{
	end(out, rr(put1(begin(out), 0x66), 0, 0x0f7e, xmm, dst, false));
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
	end(out, put1(rex(begin(out), 0, 0, 0, reg, false), (uint32_t)(0x50 | (reg & 7))));
}

void x86_pop(struct jit_code_buf *out, int reg)
{
	end(out, put1(rex(begin(out), 0, 0, 0, reg, false), (uint32_t)(0x58 | (reg & 7))));
}

void x86_skip(struct jit_code_buf *out, uint32_t n)
{
	end(out, begin(out) + n);
}

void x86_nop_at(uint8_t *p, uint32_t n)
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

		memcpy(p, forms[len], len);
		p += len;
		n -= len;
	}
}

void x86_nop(struct jit_code_buf *out, uint32_t n)
{
	uint8_t *p = begin(out);

	x86_nop_at(p, n);
	end(out, p + n);
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
	end(out, put1(put1(begin(out), (uint32_t)(0x70 | cc)), 0));
	return (uint32_t)out->len;
}

uint32_t x86_jmp8(struct jit_code_buf *out)
{
	end(out, put1(put1(begin(out), 0xeb), 0));
	return (uint32_t)out->len;
}

void x86_here(struct jit_code_buf *out, uint32_t jump)
{
	if (!out->failed)
		out->bytes[jump - 1] = (uint8_t)(out->len - jump);
}
