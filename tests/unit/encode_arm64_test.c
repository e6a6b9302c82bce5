// SPDX-License-Identifier: Apache-2.0
/*
 * The arm64 encoder against an independent decoder (Capstone), on any host: each emitter over registers, immediates and
 * addresses. In the expected text %X %Y %Z are the registers, with 64 bits; %x %y %z with 32; %S is the second as a
 * base; %n and %m are numbers. Then whole programs: every word is an instruction, and branches stay inside.
 */
#include <capstone/capstone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "exec_gen.h"
#include "jit/arm64/a64.h"

struct bench {
	csh decoder;
	struct jit_code_buf out;
	int a, b, c;
	int64_t n, m;
};

static size_t reg_name(char *text, size_t size, int reg, bool wide, bool base)
{
	if (reg == XZR)
		return (size_t)snprintf(text, size, "%s", base ? "sp" : wide ? "xzr" : "wzr");
	return (size_t)snprintf(text, size, "%c%d", wide ? 'x' : 'w', reg);
}

static size_t number(char *text, size_t size, int64_t v)
{
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;

	return (size_t)snprintf(text, size, u > 9 ? "%s0x%" PRIx64 : "%s%" PRIu64, v < 0 ? "-" : "",
				u);
}

static void expand(const struct bench *t, const char *form, char *text, size_t size)
{
	size_t n = 0;

	for (; *form && n + 24 < size; form++) {
		if (*form != '%') {
			text[n++] = *form;
			continue;
		}
		switch (*++form) {
		case 'X':
		case 'x':
			n += reg_name(text + n, size - n, t->a, *form == 'X', false);
			break;
		case 'Y':
		case 'y':
			n += reg_name(text + n, size - n, t->b, *form == 'Y', false);
			break;
		case 'Z':
		case 'z':
			n += reg_name(text + n, size - n, t->c, *form == 'Z', false);
			break;
		case 'S':
			n += reg_name(text + n, size - n, t->b, true, true);
			break;
		case 'u':
			n += (size_t)snprintf(text + n, size - n,
					      t->n >= 0 && t->n <= 9 ? "%" PRIx64 : "0x%" PRIx64,
					      (uint64_t)t->n);
			break;
		default:
			n += number(text + n, size - n, *form == 'n' ? t->n : t->m);
		}
	}
	text[n] = '\0';
}

/* What was emitted is one instruction, this one. */
static void expect(struct bench *t, const char *form)
{
	char want[160], got[256] = "nothing";
	cs_insn *insn = NULL;
	size_t n;

	expand(t, form, want, sizeof(want));
	n = cs_disasm(t->decoder, t->out.bytes, t->out.len, 0, 2, &insn);
	if (n == 1)
		snprintf(got, sizeof(got), "%s%s%s", insn->mnemonic, insn->op_str[0] ? " " : "",
			 insn->op_str);
	if (n)
		cs_free(insn, n);
	CHECK_MSG(n == 1 && t->out.len == 4 && !strcmp(got, want), "'%s', expected '%s', %zu bytes",
		  got, want, t->out.len);
}

#define EMITS(form, call)        \
	do {                     \
		o->len = 0;      \
		(call);          \
		expect(t, form); \
	} while (0)

static bool start(struct bench *t)
{
	memset(t, 0, sizeof(*t));
	return CHECK_EQ_INT(cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &t->decoder), CS_ERR_OK);
}

static void end(struct bench *t)
{
	cs_close(&t->decoder);
	free(t->out.bytes);
}

static void triple(struct bench *t)
{
	struct jit_code_buf *o = &t->out;
	const int a = t->a, b = t->b, c = t->c;

	EMITS("add %X, %Y, %Z", a64_alu(o, 1, A64_ADD, a, b, c, 0));
	EMITS("add %x, %y, %z", a64_alu(o, 0, A64_ADD, a, b, c, 0));
	EMITS("add %X, %Y, %Z, lsl #3", a64_alu(o, 1, A64_ADD, a, b, c, 3));
	EMITS("sub %X, %Y, %Z", a64_alu(o, 1, A64_SUB, a, b, c, 0));
	EMITS("and %X, %Y, %Z", a64_alu(o, 1, A64_AND, a, b, c, 0));
	EMITS("bic %X, %Y, %Z", a64_alu(o, 1, A64_BIC, a, b, c, 0));
	EMITS("orr %x, %y, %z", a64_alu(o, 0, A64_ORR, a, b, c, 0));
	EMITS("orn %X, %Y, %Z", a64_alu(o, 1, A64_ORN, a, b, c, 0));
	EMITS("eor %X, %Y, %Z", a64_alu(o, 1, A64_EOR, a, b, c, 0));
	EMITS("madd %X, %Y, %Z, %X", a64_madd(o, 1, a, b, c, a));
	EMITS("mul %x, %y, %z", a64_madd(o, 0, a, b, c, XZR));
	EMITS("msub %x, %y, %z, %y", a64_msub(o, 0, a, b, c, b));
	EMITS("umulh %X, %Y, %Z", a64_umulh(o, a, b, c));
	EMITS("umull %X, %y, %z", a64_umull(o, a, b, c));
	EMITS("udiv %X, %Y, %Z", a64_pair_op(o, 1, A64_UDIV, a, b, c));
	EMITS("sdiv %x, %y, %z", a64_pair_op(o, 0, A64_SDIV, a, b, c));
	EMITS("lsl %X, %Y, %Z", a64_pair_op(o, 1, A64_LSLV, a, b, c));
	EMITS("lsr %x, %y, %z", a64_pair_op(o, 0, A64_LSRV, a, b, c));
	EMITS("asr %X, %Y, %Z", a64_pair_op(o, 1, A64_ASRV, a, b, c));
	if (b != c) {
		EMITS("csel %X, %Y, %Z, lo", a64_select(o, 1, A64_CSEL, a, b, c, A64_LO));
		EMITS("csinc %X, %Y, %Z, ge", a64_select(o, 1, A64_CSINC, a, b, c, A64_GE));
		EMITS("csinv %x, %y, %z, hi", a64_select(o, 0, A64_CSINV, a, b, c, A64_HI));
	}
	EMITS("stxr %z, %X, [%S]", a64_exclusive_store(o, c, a, b, 8, false));
	EMITS("stlxr %z, %x, [%S]", a64_exclusive_store(o, c, a, b, 4, true));
}

static void pair(struct bench *t)
{
	struct jit_code_buf *o = &t->out;
	const int a = t->a, b = t->b;

	EMITS("mov %X, %Y", a64_mov(o, 1, a, b));
	EMITS("mov %x, %y", a64_mov(o, 0, a, b));
	EMITS("mvn %X, %Y", a64_alu(o, 1, A64_ORN, a, XZR, b, 0));
	EMITS("neg %X, %Y", a64_alu(o, 1, A64_SUB, a, XZR, b, 0));
	EMITS("cmp %X, %Y", a64_alu(o, 1, A64_CMP, XZR, a, b, 0));
	EMITS("cmp %x, %y", a64_alu(o, 0, A64_CMP, XZR, a, b, 0));
	EMITS("cmn %X, %Y", a64_alu(o, 1, A64_CMN, XZR, a, b, 0));
	EMITS("tst %X, %Y", a64_alu(o, 1, A64_TST, XZR, a, b, 0));
	EMITS("rev %X, %Y", a64_rev(o, 1, a, b));
	EMITS("rev %x, %y", a64_rev(o, 0, a, b));
	EMITS("rev16 %x, %y", a64_rev16(o, a, b));
	EMITS("uxtb %x, %y", a64_extract(o, 0, false, a, b, 0, 8));
	EMITS("uxth %x, %y", a64_extract(o, 0, false, a, b, 0, 16));
	EMITS("sxtb %X, %y", a64_extract(o, 1, true, a, b, 0, 8));
	EMITS("sxth %x, %y", a64_extract(o, 0, true, a, b, 0, 16));
	EMITS("sxtw %X, %y", a64_extract(o, 1, true, a, b, 0, 32));
	EMITS("lsr %X, %Y, #0x20", a64_extract(o, 1, false, a, b, 32, 32));
	EMITS("asr %X, %Y, #0x3f", a64_extract(o, 1, true, a, b, 63, 1));
	EMITS("asr %x, %y, #7", a64_extract(o, 0, true, a, b, 7, 25));
	EMITS("ubfx %X, %Y, #8, #8", a64_extract(o, 1, false, a, b, 8, 8));
	EMITS("lsl %X, %Y, #0x3f", a64_lsl(o, 1, a, b, 63));
	EMITS("lsl %x, %y, #1", a64_lsl(o, 0, a, b, 1));
	EMITS("ror %X, %Y, #0x21", a64_ror(o, 1, a, b, 33));
	EMITS("ror %x, %y, #8", a64_ror(o, 0, a, b, 8));
	EMITS("cset %X, eq", a64_select(o, 1, A64_CSINC, a, XZR, XZR, A64_NE));
	EMITS("csetm %x, lt", a64_select(o, 0, A64_CSINV, a, XZR, XZR, A64_GE));
	EMITS("ldr s0, [%S]", a64_vector_load(o, b, 4));
	EMITS("ldr d0, [%S]", a64_vector_load(o, b, 8));
	EMITS("ldr q0, [%S]", a64_vector_load(o, b, 16));
	EMITS("uaddlv h0, v0.8b", a64_vector_sum(o, 8));
	EMITS("uaddlv h0, v0.16b", a64_vector_sum(o, 16));
	EMITS("fmov %x, s0", a64_vector_get(o, a));
	EMITS("ldar %X, [%S]", a64_acquire(o, a, b, 8));
	EMITS("ldar %x, [%S]", a64_acquire(o, a, b, 4));
	EMITS("ldarh %x, [%S]", a64_acquire(o, a, b, 2));
	EMITS("ldarb %x, [%S]", a64_acquire(o, a, b, 1));
	EMITS("stlr %X, [%S]", a64_release(o, a, b, 8));
	EMITS("stlr %x, [%S]", a64_release(o, a, b, 4));
	EMITS("stlrh %x, [%S]", a64_release(o, a, b, 2));
	EMITS("stlrb %x, [%S]", a64_release(o, a, b, 1));
	EMITS("ldxr %X, [%S]", a64_exclusive_load(o, a, b, 8, false));
	EMITS("ldaxr %x, [%S]", a64_exclusive_load(o, a, b, 4, true));
	if (a != b) {
		EMITS("stp %X, %Y, [sp, #-0x1f0]!", a64_stp(o, a, b, 496, true));
		EMITS("stp %X, %Y, [sp, #0x10]", a64_stp(o, a, b, 16, false));
		EMITS("ldp %X, %Y, [sp], #0x1f0", a64_ldp(o, a, b, 496, true));
		EMITS("ldp %X, %Y, [sp, #0x20]", a64_ldp(o, a, b, 32, false));
	}
}

static void single(struct bench *t)
{
	struct jit_code_buf *o = &t->out;
	const int a = t->a;

	EMITS("str %X, [sp, #-0xf0]!", a64_push(o, a, 240));
	EMITS("ldr %X, [sp], #0xf0", a64_pop(o, a, 240));
	EMITS("blr %X", a64_blr(o, a));
	EMITS("cbz %X, #0x7fffc", a64_cb(o, 1, false, a, 0x7fffc));
	EMITS("cbnz %x, #8", a64_cb(o, 0, true, a, 8));
	EMITS("tbz %x, #0x1f, #0x7ffc", a64_tb(o, false, a, 31, 0x7ffc));
	EMITS("tbnz %X, #0x3f, #4", a64_tb(o, true, a, 63, 4));
	EMITS("adrp %X, #0x7f123000", a64_adrp(o, a, 0x7f123));
	EMITS("add %X, sp, #0x10", a64_arith_imm(o, 1, A64_ADD, a, XSP, 16));
}

static void others(struct bench *t)
{
	static const char *const conds[] = { "eq", "ne", "hs", "lo", NULL, NULL, NULL,
					     NULL, "hi", "ls", "ge", "lt", "gt", "le" };
	struct jit_code_buf *o = &t->out;
	char form[32];

	EMITS("ret", a64_ret(o));
	EMITS("dmb ish", a64_barrier(o));
	EMITS("mov x29, sp", a64_arith_imm(o, 1, A64_ADD, X29, XSP, 0));
	EMITS("sub sp, sp, #0x40", a64_arith_imm(o, 1, A64_SUB, XSP, XSP, 64));
	EMITS("add sp, sp, #5, lsl #12", a64_arith_imm(o, 1, A64_ADD, XSP, XSP, 5 << 12));
	EMITS("b #0x7fffffc", a64_b(o, 0x7fffffc));
	EMITS("bl #0x100", a64_bl(o, 0x100));
	for (size_t cc = 0; cc < ARRAY_SIZE(conds); cc++) {
		if (!conds[cc])
			continue;
		snprintf(form, sizeof(form), "b.%s #0xffffc", conds[cc]);
		EMITS(form, a64_b_cond(o, (enum a64_cond)cc, 0xffffc));
	}
}

static void registers(void)
{
	struct bench t;

	if (!start(&t))
		return;
	others(&t);
	for (t.a = 0; t.a < 31; t.a++) {
		CHECK_CASE("x%d", t.a);
		single(&t);
		for (t.b = 0; t.b < 31; t.b++) {
			pair(&t);
			for (t.c = t.b % 3; t.c < 31; t.c += 5)
				triple(&t);
		}
	}
	end(&t);
}

static void memory(struct bench *t, const struct a64_mem *m, const char *where, int size)
{
	static const char *const loads[] = { "ldrb", "ldrh", "ldr", "ldr" };
	static const char *const stores[] = { "strb", "strh", "str", "str" };
	static const char *const signed_loads[] = { "ldrsb", "ldrsh", "ldrsw" };
	struct jit_code_buf *o = &t->out;
	int log = __builtin_ctz((unsigned int)size);
	bool unscaled = m->index == NO_INDEX && (m->disp < 0 || m->disp % size);
	const char *r = size == 8 ? "%X" : "%x";
	char form[96];

#define FORM(name, reg)                                                                            \
	(snprintf(form, sizeof(form), "%.2s%s%s %s, %s", name, unscaled ? "u" : "", name + 2, reg, \
		  where),                                                                          \
	 form)
	EMITS(FORM(loads[log], r), a64_load(o, t->a, *m, size, false));
	EMITS(FORM(stores[log], r), a64_store(o, t->a, *m, size));
	if (size < 8)
		EMITS(FORM(signed_loads[log], "%X"), a64_load(o, t->a, *m, size, true));
}

static void addresses(void)
{
	static const int disps[] = { 0, 8, 255, -1, -256, 4088, 4095, 8190, 16380, 32760 };
	struct bench t;
	char where[64];

	if (!start(&t))
		return;
	for (int i = 0; i < 32 * 32 * 4; i++) {
		int size = 1 << i % 4;
		struct a64_mem m = { .base = (uint8_t)(i / 4 % 32), .index = NO_INDEX };

		CHECK_CASE("address %d", i);
		t.b = m.base;
		t.a = i / 128;
		for (size_t d = 0; d < ARRAY_SIZE(disps); d++) {
			m.disp = disps[d];
			t.n = m.disp;
			if (a64_is_offset(m.disp, size))
				memory(&t, &m, m.disp ? "[%S, #%n]" : "[%S]", size);
		}
		m.disp = 0;
		m.index = (uint8_t)(i * 7 % 31);
		t.c = m.index;
		memory(&t, &m, "[%S, %Z]", size);
		m.scale = (uint8_t)(i % 4);
		snprintf(where, sizeof(where), "[%%S, %%Z, lsl #%d]", i % 4);
		if (m.scale)
			memory(&t, &m, where, size);
	}
	end(&t);
}

/* All values of 64 bits that one logical instruction holds: runs in elements, rotated. */
static void bitmasks(void)
{
	struct bench bench, *t = &bench;
	struct jit_code_buf *o = &t->out;
	uint64_t others = 0;
	uint32_t mask;
	int count = 0;

	if (!start(t))
		return;
	t->a = 3;
	t->b = 4;
	for (int size = 2; size <= 64; size *= 2)
		for (int ones = 1; ones < size; ones++)
			for (int rotate = 0; rotate < size; rotate++) {
				uint64_t v = UINT64_MAX >> (64 - ones);

				CHECK_CASE("%d of %d bits, rotated by %d", ones, size, rotate);
				if (rotate)
					v = v >> rotate | v << (size - rotate);
				v &= UINT64_MAX >> (64 - size);
				for (int s = size; s < 64; s *= 2)
					v |= v << s;
				t->n = (int64_t)v;
				if (!CHECK(a64_bitmask(1, v, &mask)))
					continue;
				count++;
				o->len = 0;
				a64_logic_imm(o, 1, A64_AND, t->a, t->b, mask);
				expect(t, "and %X, %Y, #%u");
				if (size < 64 && CHECK(a64_bitmask(0, (uint32_t)v, &mask))) {
					t->n = (uint32_t)v;
					EMITS("eor %x, %y, #%u",
					      a64_logic_imm(o, 0, A64_EOR, t->a, t->b, mask));
					EMITS("tst %y, #%u",
					      a64_logic_imm(o, 0, A64_TST, XZR, t->b, mask));
				}
			}
	CHECK_EQ_INT(count, 5334);
	for (int i = 0; i < 100000; i++) /* a random number is none, with all likelihood */
		others += a64_bitmask(1, random64(), &mask);
	CHECK(others < 3 && !a64_bitmask(1, 0, &mask) && !a64_bitmask(0, UINT32_MAX, &mask));
	end(t);
}

/* Runs MOVZ, MOVN, MOVK and ORR by their definition. */
static uint64_t moved(const struct jit_code_buf *o, csh decoder, int *ret_count)
{
	cs_insn *insn = NULL;
	size_t n = cs_disasm(decoder, o->bytes, o->len, 0, 0, &insn);
	uint64_t v = 0xdeadbeefdeadbeef;

	*ret_count = (int)n;
	for (size_t i = 0; i < n; i++) {
		const cs_arm64 *d = &insn[i].detail->arm64;
		const cs_arm64_op *imm = &d->operands[d->op_count - 1];
		int shift = imm->shift.type == ARM64_SFT_LSL ? (int)imm->shift.value : 0;
		uint64_t c = (uint64_t)imm->imm << shift;

		switch (insn[i].id) {
		case ARM64_INS_MOVZ:
		case ARM64_INS_MOV:
		case ARM64_INS_ORR:
			v = c;
			break;
		case ARM64_INS_MOVN:
			v = ~c;
			break;
		case ARM64_INS_MOVK:
			v = (v & ~(0xffffull << shift)) | c;
			break;
		default:
			v = 0xbad;
		}
		if (insn[i].op_str[0] == 'w')
			v = (uint32_t)v;
	}
	if (n)
		cs_free(insn, n);
	return v;
}

static void constants(void)
{
	struct bench bench, *t = &bench;
	struct jit_code_buf *o = &t->out;
	int count;

	if (!start(t))
		return;
	cs_option(t->decoder, CS_OPT_DETAIL, CS_OPT_ON);
	for (int i = 0; i < 200000; i++) {
		uint64_t v = i < 65536 ? (uint64_t)i << 16 * (i % 4) : interesting(), got;

		if (i % 7 == 0) /* halves of zeros and ones */
			v = (random64() & 0xffff) | (random64() % 2 ? 0xffffull << 16 : 0) |
			    (random64() % 2 ? 0xffffull << 32 : 0) |
			    (random64() % 2 ? 0xffffull << 48 : 0);
		else if (i % 7 == 1)
			v = ~v;
		else if (i % 7 == 2)
			v = (uint32_t)v;
		o->len = 0;
		a64_mov_imm(o, i % 31, v);
		got = moved(o, t->decoder, &count);
		if (!CHECK_MSG(got == v && count >= 1 && count <= 4 && (size_t)count * 4 == o->len,
			       "0x%" PRIx64 " becomes 0x%" PRIx64 " by %d instructions", v, got,
			       count))
			break;
	}
	end(t);
}

static void arithmetic(void)
{
	static const uint64_t values[] = { 0,	     1,	       4095,	  4096,	    0xfff000,
					   0xabc000, 0xabc001, 0x1000000, 1u << 31, UINT32_MAX };
	struct bench bench, *t = &bench;
	struct jit_code_buf *o = &t->out;
	bool minus;

	if (!start(t))
		return;
	t->a = 5;
	t->b = 6;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(values); i++) {
		uint64_t v = i % 2 ? -values[i / 2] : values[i / 2], u = i % 2 ? -v : v;
		bool fits = u < 4096 || (u < 1u << 24 && !(u & 4095));

		CHECK_CASE("%" PRId64, (int64_t)v);
		if (!CHECK(a64_is_arith(1, v, &minus) == fits) || !fits)
			continue;
		t->n = (int64_t)(u < 4096 ? u : u >> 12);
		minus &= u != 0;
		CHECK(minus == (i % 2 && u));
		o->len = 0;
		a64_arith_imm(o, 1, A64_ADD, 5, 6, v);
		expect(t, minus	   ? u < 4096 ? "sub %X, %Y, #%n" : "sub %X, %Y, #%n, lsl #12" :
			  u < 4096 ? "add %X, %Y, #%n" :
				     "add %X, %Y, #%n, lsl #12");
		CHECK(a64_is_arith(0, (uint32_t)v, &minus));
		EMITS(i % 2 && u ? u < 4096 ? "cmn %x, #%n" : "cmn %x, #%n, lsl #12" :
		      u < 4096	 ? "cmp %x, #%n" :
				   "cmp %x, #%n, lsl #12",
		      a64_arith_imm(o, 0, A64_CMP, XZR, 5, (uint32_t)v));
	}
	end(t);
}

/* A branch patched to go farther than its kind reaches says so. */
static void reach(void)
{
	static const struct {
		int64_t most;
		int kind;
	} kinds[] = {
		{ 1 << 15, 0 }, { 1 << 20, 1 }, { 1 << 20, 2 }, { 1 << 27, 3 }, { 1 << 27, 4 }
	};
	struct bench bench, *t = &bench;
	struct jit_code_buf *o = &t->out;

	if (!start(t))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CHECK_CASE("branch %zu", i);
		o->len = 0;
		a64_tb(o, true, 1, 40, 0);
		a64_cb(o, 1, true, 1, 0);
		a64_b_cond(o, A64_LT, 0);
		a64_b(o, 0);
		a64_bl(o, 0);
		memmove(o->bytes, o->bytes + 4 * kinds[i].kind, 4);
		o->len = 4;
		CHECK(a64_patch(o, 0, kinds[i].most - 4));
		CHECK(a64_patch(o, 0, -kinds[i].most));
		CHECK(!a64_patch(o, 0, kinds[i].most));
		CHECK(!a64_patch(o, 0, -kinds[i].most - 4));
		CHECK(a64_patch(o, 0, 8));
		expect(t, i == 0 ? "tbnz x1, #0x28, #8" :
			  i == 1 ? "cbnz x1, #8" :
			  i == 2 ? "b.lt #8" :
			  i == 3 ? "b #8" :
				   "bl #8");
	}
	end(t);
}

static uint64_t target_of(const cs_insn *insn)
{
	const cs_arm64 *d = &insn->detail->arm64;

	return (uint64_t)d->operands[d->op_count - 1].imm;
}

/* Calls are linked from any place to any place: as BL, or by a page and what is added to it. */
static void links(void)
{
	static const uint64_t starts[] = { 0x400000, 0x555555554000, 0x7ffff7ff0ff4 };
	static const int64_t near[] = { -(1 << 27), -4096, -4, 0, 4, 0x123456c, (1 << 27) - 4 };
	static const int64_t far[] = { -0xfffffff0ll, -(1 << 27), -4095,       -1, 1,
				       4095,	      0x7654321,  0xffffeff0ll };
	struct bench bench, *t = &bench;
	struct jit_code_buf *o = &t->out;
	cs_insn *insn;

	if (!start(t))
		return;
	cs_option(t->decoder, CS_OPT_DETAIL, CS_OPT_ON);
	a64_ret(o);
	a64_bl(o, 0);
	a64_adrp(o, X16, 0);
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		for (size_t i = 0; i < ARRAY_SIZE(near); i++) {
			uint64_t to = starts[s] + 4 + (uint64_t)near[i];

			a64_link(o, 4, starts[s], to);
			if (CHECK(!o->failed && cs_disasm(t->decoder, o->bytes + 4, 4,
							  starts[s] + 4, 1, &insn) == 1)) {
				CHECK_EQ_INT((int64_t)target_of(insn), (int64_t)to);
				cs_free(insn, 1);
			}
		}
		for (size_t i = 0; i < ARRAY_SIZE(far); i++) {
			uint64_t to = starts[s] + 8 + (uint64_t)far[i];

			a64_link(o, 8, starts[s], to);
			if (CHECK(!o->failed && cs_disasm(t->decoder, o->bytes + 8, 4,
							  starts[s] + 8, 1, &insn) == 1)) {
				CHECK_EQ_INT((int64_t)target_of(insn), (int64_t)(to & ~4095ull));
				cs_free(insn, 1);
			}
		}
	}
	CHECK_EQ_INT((long)o->len, 12);
	a64_link(o, 4, 0, (1 << 27) + 4);
	CHECK(o->failed);
	end(t);
}

/* Capstone does not know the instructions of LSE; llvm-mc does. */
static const struct {
	const char *form;
	uint32_t op; /* 0: cas */
	int size;
} lse_forms[] = {
	{ "stadd\t%Z, [%S]", A64_LDADD & ~A64_ORDERED, 8 },
	{ "stset\t%z, [%S]", A64_LDSET & ~A64_ORDERED, 4 },
	{ "stclr\t%Z, [%S]", A64_LDCLR & ~A64_ORDERED, 8 },
	{ "steor\t%z, [%S]", A64_LDEOR & ~A64_ORDERED, 4 },
	{ "ldaddal\t%Z, %X, [%S]", A64_LDADD, 8 },
	{ "ldsetal\t%z, %x, [%S]", A64_LDSET, 4 },
	{ "ldclral\t%Z, %X, [%S]", A64_LDCLR, 8 },
	{ "ldeoral\t%z, %x, [%S]", A64_LDEOR, 4 },
	{ "swpal\t%Z, %X, [%S]", A64_SWP, 8 },
	{ "casal\t%Z, %X, [%S]", 0, 8 },
	{ "casal\t%z, %x, [%S]", 0, 4 },
};

static void write_lse(struct bench *t, size_t i, FILE *in)
{
	const uint8_t *b = t->out.bytes;
	bool fetches = lse_forms[i].op & A64_ORDERED;

	t->out.len = 0;
	if (lse_forms[i].op)
		a64_rmw(&t->out, lse_forms[i].op, t->c, fetches ? t->a : XZR, t->b,
			lse_forms[i].size);
	else
		a64_cas(&t->out, t->c, t->a, t->b, lse_forms[i].size);
	b = t->out.bytes;
	fprintf(in, "0x%02x 0x%02x 0x%02x 0x%02x\n", b[0], b[1], b[2], b[3]);
}

static bool next_lse(struct bench *t, size_t *i)
{
	if (++*i < ARRAY_SIZE(lse_forms))
		return true;
	*i = 0;
	t->c = (t->c + 1) % 31;
	t->b = (t->b + 7) % 32;
	t->a = (t->a + (t->c ? 0 : 1)) % 31;
	return t->a || t->c;
}

static void lse(void)
{
	struct bench t;
	char path[] = "/tmp/skep-lse.XXXXXX", command[128], line[128], want[160];
	int fd;
	size_t i = 0, lines = 0;
	FILE *in, *got;
	bool good = true;

	if (system("command -v llvm-mc-19 >/dev/null"))
		CHECK_SKIP("there is no llvm-mc-19");
	fd = mkstemp(path);
	if (fd < 0 || !start(&t))
		return;
	in = fdopen(fd, "w");
	do
		write_lse(&t, i, in);
	while (next_lse(&t, &i));
	fclose(in);
	snprintf(command, sizeof(command), "llvm-mc-19 -disassemble -triple=aarch64 -mattr=+lse %s",
		 path);
	got = popen(command, "r");
	t.a = t.b = t.c = 0;
	while (got && good && fgets(line, sizeof(line), got)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\t' || line[1] == '.')
			continue;
		expand(&t, lse_forms[i].form, want, sizeof(want));
		good = CHECK_MSG(!strcmp(line + 1, want), "'%s', expected '%s'", line + 1, want);
		lines++;
		next_lse(&t, &i);
	}
	CHECK(got && pclose(got) == 0);
	CHECK_EQ_INT((long)lines, 31 * 31 * (long)ARRAY_SIZE(lse_forms));
	unlink(path);
	end(&t);
}

CHECK_MAIN({ "registers", registers }, { "addresses", addresses }, { "bitmasks", bitmasks },
	   { "constants", constants }, { "arithmetic", arithmetic }, { "reach", reach },
	   { "links", links }, { "lse", lse })
