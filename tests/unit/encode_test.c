// SPDX-License-Identifier: Apache-2.0
/*
 * The encoder against an independent decoder (Capstone): each emitter over all registers and all forms of addresses.
 * In the expected text A and B are the registers, with 64 bits; a and b with 32; h with 16 and l with 8 bits of B; M is
 * the address. REX prefixes, SIB bytes and displacements are where rsp, rbp, r12 and r13 differ from the others.
 */
#define x86_reg capstone_reg /* both have an enum of this name */
#include <capstone/capstone.h>
#undef x86_reg
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "jit/x86_64/x86.h"

static const char *const names[4][16] = {
	{ "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
	  "r13", "r14", "r15" },
	{ "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d",
	  "r12d", "r13d", "r14d", "r15d" },
	{ "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w",
	  "r13w", "r14w", "r15w" },
	{ "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
	  "r13b", "r14b", "r15b" },
};

struct bench {
	csh decoder;
	struct jit_code_buf out;
	int a, b;
	struct x86_mem m;
};

static void address(const struct x86_mem *m, char *text, size_t size)
{
	long long disp = m->disp < 0 ? -(long long)m->disp : m->disp;
	int n = snprintf(text, size, "[%s", names[0][m->base]);

	if (m->index != NO_INDEX)
		n += snprintf(text + n, size - (size_t)n, " + %s", names[0][m->index]);
	if (m->index != NO_INDEX && m->scale)
		n += snprintf(text + n, size - (size_t)n, "*%d", 1 << m->scale);
	if (m->disp)
		n += snprintf(text + n, size - (size_t)n, disp > 9 ? " %c 0x%llx" : " %c %lld",
			      m->disp < 0 ? '-' : '+', disp);
	snprintf(text + n, size - (size_t)n, "]");
}

static void expand(const struct bench *t, const char *form, char *text, size_t size)
{
	char where[64];
	size_t n = 0;

	address(&t->m, where, sizeof(where));
	for (; *form && n + 1 < size; form++) {
		bool word = (form[1] >= 'a' && form[1] <= 'z') || (n && text[n - 1] >= 'a');
		const char *s = NULL;

		if (*form == 'M')
			s = where;
		else if (*form == 'A' || *form == 'B')
			s = names[0][*form == 'A' ? t->a : t->b];
		else if (!word && (*form == 'a' || *form == 'b'))
			s = names[1][*form == 'a' ? t->a : t->b];
		else if (!word && (*form == 'h' || *form == 'l'))
			s = names[*form == 'h' ? 2 : 3][t->b];
		if (s)
			n += (size_t)snprintf(text + n, size - n, "%s", s);
		else
			text[n++] = *form;
	}
	text[n < size ? n : size - 1] = '\0';
}

/* What was emitted is one instruction, this one. */
static void expect(struct bench *t, const char *form)
{
	char want[160], got[256] = "nothing";
	cs_insn *insn = NULL;
	size_t n, length = 0;

	expand(t, form, want, sizeof(want));
	n = cs_disasm(t->decoder, t->out.bytes, t->out.len, 0, 1, &insn);
	if (n == 1) {
		snprintf(got, sizeof(got), "%s%s%s", insn->mnemonic, insn->op_str[0] ? " " : "",
			 insn->op_str);
		length = insn->size;
	}
	if (n)
		cs_free(insn, n);
	CHECK_MSG(length == t->out.len && !strcmp(got, want),
		  "'%s' of %zu bytes, expected '%s', %zu", got, length, want, t->out.len);
}

#define IS(form, call)           \
	do {                     \
		o->len = 0;      \
		(call);          \
		expect(t, form); \
	} while (0)

static void pair(struct bench *t)
{
	struct jit_code_buf *o = &t->out;
	const int a = t->a, b = t->b;

	IS("mov A, B", x86_mov(o, 1, a, b));
	IS("mov a, b", x86_mov(o, 0, a, b));
	IS("add A, B", x86_alu_rr(o, 1, ALU_ADD, a, b));
	IS("or a, b", x86_alu_rr(o, 0, ALU_OR, a, b));
	IS("and A, B", x86_alu_rr(o, 1, ALU_AND, a, b));
	IS("sub a, b", x86_alu_rr(o, 0, ALU_SUB, a, b));
	IS("xor A, B", x86_alu_rr(o, 1, ALU_XOR, a, b));
	IS("cmp A, B", x86_alu_rr(o, 1, ALU_CMP, a, b));
	IS("imul A, B", x86_imul_rr(o, 1, a, b));
	IS("imul a, b", x86_imul_rr(o, 0, a, b));
	IS("imul A, B, 0x12345", x86_imul_i(o, 1, a, b, 0x12345));
	IS("imul a, b, 0x11", x86_imul_i(o, 0, a, b, 17));
	IS("cmovb A, B", x86_cmov(o, 1, COND_B, a, b));
	IS("cmovge a, b", x86_cmov(o, 0, COND_GE, a, b));
	IS("movzx a, l", x86_extend(o, 0, a, b, 1, false));
	IS("movzx a, h", x86_extend(o, 0, a, b, 2, false));
	IS("movsx A, l", x86_extend(o, 1, a, b, 1, true));
	IS("movsx A, h", x86_extend(o, 1, a, b, 2, true));
	IS("movsxd A, b", x86_extend(o, 1, a, b, 4, true));
	IS("rorx A, B, 0x1f", x86_rorx(o, 1, a, b, 31));
	IS("shlx A, B, A", x86_shift_v(o, 1, SHIFT_SHL, a, b, a));
	IS("shrx a, b, b", x86_shift_v(o, 0, SHIFT_SHR, a, b, b));
	IS("sarx A, A, B", x86_shift_v(o, 1, SHIFT_SAR, a, a, b));
	IS("test A, B", x86_test_rr(o, 1, a, b));
}

static void single(struct bench *t)
{
	struct jit_code_buf *o = &t->out;
	const int a = t->a;

	IS("add A, 0x11", x86_alu_ri(o, 1, ALU_ADD, a, 17));
	IS("sub A, 0x12345", x86_alu_ri(o, 1, ALU_SUB, a, 0x12345));
	IS("cmp a, 0x7f", x86_alu_ri(o, 0, ALU_CMP, a, 127));
	IS("shl A, 0x3f", x86_shift_i(o, 1, SHIFT_SHL, a, 63));
	IS("shr a, 0x1f", x86_shift_i(o, 0, SHIFT_SHR, a, 31));
	IS("sar A, 0x20", x86_shift_i(o, 1, SHIFT_SAR, a, 32));
	IS("rol a, 0x10", x86_shift_i(o, 0, SHIFT_ROL, a, 16));
	IS("shl A, cl", x86_shift_cl(o, 1, SHIFT_SHL, a));
	IS("sar a, cl", x86_shift_cl(o, 0, SHIFT_SAR, a));
	IS("neg A", x86_group3(o, 1, 3, a));
	IS("mul A", x86_group3(o, 1, 4, a));
	IS("div a", x86_group3(o, 0, 6, a));
	IS("idiv A", x86_group3(o, 1, 7, a));
	IS("movd a, xmm0", x86_xmm_get(o, a, 0));
	IS("bswap A", x86_bswap(o, 1, a));
	IS("bswap a", x86_bswap(o, 0, a));
	IS("call A", x86_call_reg(o, a));
	IS("push A", x86_push(o, a));
	IS("pop A", x86_pop(o, a));
	IS("xor a, a", x86_mov_imm(o, a, 0));
	IS("mov a, 0x89abcdef", x86_mov_imm(o, a, 0x89abcdef));
	IS("mov A, -0x76543211", x86_mov_imm(o, a, 0xffffffff89abcdef));
	IS("movabs A, 0x123456789abcdef0", x86_mov_imm(o, a, 0x123456789abcdef0));
}

static void memory(struct bench *t)
{
	struct jit_code_buf *o = &t->out;
	const int b = t->b;
	const struct x86_mem m = t->m;

	IS("mov B, qword ptr M", x86_load(o, b, m, 8, false));
	IS("mov b, dword ptr M", x86_load(o, b, m, 4, false));
	IS("movzx b, word ptr M", x86_load(o, b, m, 2, false));
	IS("movzx b, byte ptr M", x86_load(o, b, m, 1, false));
	IS("movsxd B, dword ptr M", x86_load(o, b, m, 4, true));
	IS("movsx B, word ptr M", x86_load(o, b, m, 2, true));
	IS("movsx B, byte ptr M", x86_load(o, b, m, 1, true));
	IS("mov qword ptr M, B", x86_store(o, m, b, 8));
	IS("mov dword ptr M, b", x86_store(o, m, b, 4));
	IS("mov word ptr M, h", x86_store(o, m, b, 2));
	IS("mov byte ptr M, l", x86_store(o, m, b, 1));
	IS("mov dword ptr M, 0x12345678", x86_store_imm(o, m, 0x12345678, 4));
	IS("mov qword ptr M, 0x12345678", x86_store_imm(o, m, 0x12345678, 8));
	IS("mov word ptr M, 0x1234", x86_store_imm(o, m, 0x1234, 2));
	IS("mov byte ptr M, 0x12", x86_store_imm(o, m, 0x12, 1));
	IS("movd xmm0, dword ptr M", x86_xmm_load(o, 0, m, 4));
	IS("movq xmm0, qword ptr M", x86_xmm_load(o, 0, m, 8));
	IS("movdqu xmm0, xmmword ptr M", x86_xmm_load(o, 0, m, 16));
	IS("lea B, M", x86_lea(o, 1, b, m));
	IS("add B, qword ptr M", x86_alu_rm(o, 1, ALU_ADD, b, m));
	IS("xor dword ptr M, b", x86_alu_mr(o, 0, ALU_XOR, m, b));
	IS("and qword ptr M, 0x7f", x86_alu_mi(o, 1, ALU_AND, m, 127));
	IS("add qword ptr M, B", x86_op_mr(o, ALU_ADD, m, b, 8));
	IS("sub dword ptr M, b", x86_op_mr(o, ALU_SUB, m, b, 4));
	IS("or word ptr M, h", x86_op_mr(o, ALU_OR, m, b, 2));
	IS("xor byte ptr M, l", x86_op_mr(o, ALU_XOR, m, b, 1));
	IS("add qword ptr M, 0x12345", x86_op_mi(o, ALU_ADD, m, 0x12345, 8));
	IS("sub dword ptr M, 0x7f", x86_op_mi(o, ALU_SUB, m, 127, 4));
	IS("and word ptr M, 0x12", x86_op_mi(o, ALU_AND, m, 0x12, 2));
	IS("cmp byte ptr M, 0x12", x86_op_mi(o, ALU_CMP, m, 0x12, 1));
	IS("test byte ptr M, 0x40", x86_test_mi8(o, m, 0x40));
	IS("movbe B, qword ptr M", x86_movbe_load(o, 1, b, m));
	IS("movbe b, dword ptr M", x86_movbe_load(o, 0, b, m));
	IS("movbe qword ptr M, B", x86_movbe_store(o, 1, m, b));
	IS("movbe dword ptr M, b", x86_movbe_store(o, 0, m, b));
	IS("lock xadd qword ptr M, B", x86_xadd(o, 1, m, b));
	IS("lock cmpxchg dword ptr M, b", x86_cmpxchg(o, 0, m, b));
	IS("xchg qword ptr M, B", x86_xchg(o, 1, m, b));
}

static void others(struct bench *t)
{
	struct jit_code_buf *o = &t->out;

	IS("pxor xmm1, xmm1", x86_xmm(o, XMM_XOR, 1, 1));
	IS("psadbw xmm0, xmm1", x86_xmm(o, XMM_SUM_BYTES, 0, 1));
	IS("paddd xmm0, xmm1", x86_xmm(o, XMM_ADD, 0, 1));
	IS("movhlps xmm1, xmm0", x86_xmm_upper(o, 1, 0));
	IS("cdq", x86_cdq(o, 0));
	IS("cqo", x86_cdq(o, 1));
	IS("ret", x86_ret(o));
}

static bool start(struct bench *t)
{
	memset(t, 0, sizeof(*t));
	t->m.index = NO_INDEX;
	return CHECK_EQ_INT(cs_open(CS_ARCH_X86, CS_MODE_64, &t->decoder), CS_ERR_OK);
}

static void end(struct bench *t)
{
	cs_close(&t->decoder);
	free(t->out.bytes);
}

static void registers(void)
{
	struct bench t;

	if (!start(&t))
		return;
	others(&t);
	for (t.a = 0; t.a < 16; t.a++) {
		CHECK_CASE("%s", names[0][t.a]);
		single(&t);
		for (t.b = 0; t.b < 16; t.b++)
			pair(&t);
		t.b = 0;
	}
	end(&t);
}

static void addresses(void)
{
	static const int32_t disps[] = { 0, 8, -8, 127, -128, 128, -129, INT32_MAX };
	struct bench t;

	if (!start(&t))
		return;
	for (int i = 0; i < 16 * 17 * (int)ARRAY_SIZE(disps); i++) {
		int index = i / 16 % 17;

		if (index == RSP)
			continue; /* means none */
		t.m = (struct x86_mem){ .base = (uint8_t)(i % 16),
					.index = index == 16 ? NO_INDEX : (uint8_t)index,
					.scale = index == 16 ? 0 : (uint8_t)(i % 4),
					.disp = disps[i / (16 * 17)] };
		CHECK_CASE("address %d", i);
		for (t.b = 0; t.b < 16; t.b += i % 3 + 1)
			memory(&t);
	}
	end(&t);
}

CHECK_MAIN({ "registers", registers }, { "addresses", addresses })
