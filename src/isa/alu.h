/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one meaning of every computing and comparing instruction (RFC 9669, sections 4.1 to 4.3). The
 * lists name the rows of isa.def, and each entry has its functions here, so that a reader writes one
 * macro and expands the list:
 *
 *	#define ALU(OP, op)                                                     \
 *		case ISA_##OP##64_REG: r[dst] = alu_##op##64(r[dst], r[src]); break; \
 *		case ISA_##OP##32_IMM: r[dst] = alu_##op##32(r[dst], alu_imm(imm)); break;
 *	ALU_BINARY(ALU)
 *
 * All functions take and return whole registers. Those named 32 look at the low halves only and
 * return a value whose upper half is zero (section 4.1). They are total: no operand is undefined.
 */
#ifndef ISA_ALU_H
#define ISA_ALU_H

#include <stdbool.h>
#include <stdint.h>

/* ISA_<OP>64_IMM, ISA_<OP>64_REG, ISA_<OP>32_IMM, ISA_<OP>32_REG: dst = alu_<op>64|32(dst, src). */
#define ALU_BINARY(_) \
	_(ADD, add)   \
	_(SUB, sub)   \
	_(MUL, mul)   \
	_(DIV, div)   \
	_(SDIV, sdiv) \
	_(OR, or)     \
	_(AND, and)   \
	_(LSH, lsh)   \
	_(RSH, rsh)   \
	_(MOD, mod)   \
	_(SMOD, smod) \
	_(XOR, xor)   \
	_(MOV, mov)   \
	_(ARSH, arsh)

/* ISA_<OP>: dst = alu_<op>(dst). */
#define ALU_UNARY(_)        \
	_(NEG64, neg64)     \
	_(NEG32, neg32)     \
	_(LE16, le16)       \
	_(LE32, le32)       \
	_(LE64, le64)       \
	_(BE16, be16)       \
	_(BE32, be32)       \
	_(BE64, be64)       \
	_(BSWAP16, bswap16) \
	_(BSWAP32, bswap32) \
	_(BSWAP64, bswap64)

/* ISA_<OP>: dst = alu_<op>(src). */
#define ALU_MOVSX(_)              \
	_(MOVSX64_8, movsx64_8)   \
	_(MOVSX64_16, movsx64_16) \
	_(MOVSX64_32, movsx64_32) \
	_(MOVSX32_8, movsx32_8)   \
	_(MOVSX32_16, movsx32_16)

/* ISA_<OP>64_IMM, _REG, 32_IMM, 32_REG: jump if alu_<op>64|32(dst, src). */
#define ALU_BRANCH(_) \
	_(JEQ, jeq)   \
	_(JGT, jgt)   \
	_(JGE, jge)   \
	_(JSET, jset) \
	_(JNE, jne)   \
	_(JSGT, jsgt) \
	_(JSGE, jsge) \
	_(JLT, jlt)   \
	_(JLE, jle)   \
	_(JSLT, jslt) \
	_(JSLE, jsle)

/* ISA_ATOMIC64_<OP>, ISA_ATOMIC64_FETCH_<OP>, and 32: memory = alu_<op>64|32(memory, src). */
#define ALU_ATOMIC(_) \
	_(ADD, add)   \
	_(OR, or)     \
	_(AND, and)   \
	_(XOR, xor)

/* ISA_LDX_<OP>, ISA_ST_<OP>, ISA_STX_<OP>, ISA_LOAD_ACQ_<OP>, ISA_STORE_REL_<OP>: of this many bits. */
#define ALU_SIZES(_) \
	_(B, 8)      \
	_(H, 16)     \
	_(W, 32)     \
	_(DW, 64)

/* An immediate operand: sign-extended (section 4.1); 32-bit operations look at its low half. */
static inline uint64_t alu_imm(int32_t imm)
{
	return (uint64_t)(int64_t)imm;
}

#define ALU_FN(name, expr)                                                      \
	static inline uint64_t alu_##name##64(uint64_t a, uint64_t b)           \
	{                                                                       \
		typedef uint64_t uint __attribute__((unused));                  \
		typedef int64_t sint __attribute__((unused));                   \
		(void)a;                                                        \
		return (expr);                                                  \
	}                                                                       \
	static inline uint64_t alu_##name##32(uint64_t wide_a, uint64_t wide_b) \
	{                                                                       \
		typedef uint32_t uint __attribute__((unused));                  \
		typedef int32_t sint __attribute__((unused));                   \
		uint32_t a = (uint32_t)wide_a, b = (uint32_t)wide_b;            \
		(void)a;                                                        \
		return (uint32_t)(expr);                                        \
	}

#define ALU_COND(name, expr)                                                \
	static inline bool alu_##name##64(uint64_t a, uint64_t b)           \
	{                                                                   \
		typedef int64_t sint __attribute__((unused));               \
		return (expr);                                              \
	}                                                                   \
	static inline bool alu_##name##32(uint64_t wide_a, uint64_t wide_b) \
	{                                                                   \
		typedef int32_t sint __attribute__((unused));               \
		uint32_t a = (uint32_t)wide_a, b = (uint32_t)wide_b;        \
		return (expr);                                              \
	}

ALU_FN(add, a + b)
ALU_FN(sub, a - b)
ALU_FN(mul, a *b)
ALU_FN(or, a | b)
ALU_FN(and, a &b)
ALU_FN(xor, a ^ b)
ALU_FN(mov, b)
/* Section 4.1: division by zero gives 0, modulo by zero leaves dst; 32 bits clear its upper half. */
ALU_FN(div, b ? a / b : 0)
ALU_FN(mod, b ? a % b : a)
/* The signed ones truncate toward zero; the least number over -1 is itself, with rest 0. */
ALU_FN(sdiv, b == 0 ? 0 : b == (uint)-1 ? 0 - a : (uint)((sint)a / (sint)b))
ALU_FN(smod, b == 0 ? a : b == (uint)-1 ? 0 : (uint)((sint)a % (sint)b))
/* Section 4.1: shift counts are taken modulo the width. */
ALU_FN(lsh, a << (b & (sizeof(a) * 8 - 1)))
ALU_FN(rsh, a >> (b & (sizeof(a) * 8 - 1)))
ALU_FN(arsh, (uint)((sint)a >> (b & (sizeof(a) * 8 - 1))))

/* Section 4.3. */
ALU_COND(jeq, a == b)
ALU_COND(jne, a != b)
ALU_COND(jset, (a & b) != 0)
ALU_COND(jgt, a > b)
ALU_COND(jge, a >= b)
ALU_COND(jlt, a < b)
ALU_COND(jle, a <= b)
ALU_COND(jsgt, (sint)a > (sint)b)
ALU_COND(jsge, (sint)a >= (sint)b)
ALU_COND(jslt, (sint)a < (sint)b)
ALU_COND(jsle, (sint)a <= (sint)b)

#define ALU_UN(name, expr)                            \
	static inline uint64_t alu_##name(uint64_t a) \
	{                                             \
		return (expr);                        \
	}

ALU_UN(neg64, 0 - a)
ALU_UN(neg32, (uint32_t)(0 - a))

/* Section 4.1, sign-extending moves. */
ALU_UN(movsx64_8, (uint64_t)(int8_t)a)
ALU_UN(movsx64_16, (uint64_t)(int16_t)a)
ALU_UN(movsx64_32, (uint64_t)(int32_t)a)
ALU_UN(movsx32_8, (uint32_t)(int8_t)a)
ALU_UN(movsx32_16, (uint32_t)(int16_t)a)

/* Section 4.2: always swap; or convert to an order, which swaps on hosts of the other one. What is
 * above the named width becomes zero either way. */
ALU_UN(bswap16, __builtin_bswap16((uint16_t)a))
ALU_UN(bswap32, __builtin_bswap32((uint32_t)a))
ALU_UN(bswap64, __builtin_bswap64(a))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
ALU_UN(le16, (uint16_t)a)
ALU_UN(le32, (uint32_t)a)
ALU_UN(le64, a)
ALU_UN(be16, alu_bswap16(a))
ALU_UN(be32, alu_bswap32(a))
ALU_UN(be64, alu_bswap64(a))
#else
ALU_UN(le16, alu_bswap16(a))
ALU_UN(le32, alu_bswap32(a))
ALU_UN(le64, alu_bswap64(a))
ALU_UN(be16, (uint16_t)a)
ALU_UN(be32, (uint32_t)a)
ALU_UN(be64, a)
#endif

#undef ALU_FN
#undef ALU_COND
#undef ALU_UN

#endif
