// SPDX-License-Identifier: Apache-2.0
/*
 * The assembler: spellings that conformance files use, labels, numbers at their limits, and each way to
 * refuse with its place in the text. That every instruction can be assembled is isa_test's business.
 */
#include "check.h"
#include "isa/isa.h"

#define SLOTS_MAX 8

/* Words as in a `-- raw` section: code, regs, off, imm from the low byte up. */
static const struct {
	const char *text;
	uint64_t words[SLOTS_MAX];
} good[] = {
	{ "", { 0 } },
	{ "# nothing\n\n  \t\r\n", { 0 } },
	{ "exit", { 0x95 } },
	{ "exit # with a remark\nexit", { 0x95, 0x95 } },
	{ "  add   %r1,0x2  ", { 0x0000000200000107 } },
	{ "add %r9, 0xffffffff", { 0xffffffff00000907 } },
	{ "add %r9, -1", { 0xffffffff00000907 } },
	{ "add %r9, -2147483648", { 0x8000000000000907 } },
	{ "add %r9, 4294967295", { 0xffffffff00000907 } },
	{ "add %r9, +7", { 0x0000000700000907 } },
	{ "ldxb %r1, [%r2+0x80]", { 0x0000000000802171 } },
	{ "ldxb %r1, [%r2 + 0]", { 0x0000000000002171 } },
	{ "ldxb %r1, [%r2-32768]", { 0x0000000080002171 } },
	{ "stb [%r10-4], 0x01", { 0x00000001fffc0a72 } },
	{ "lddw %r1, 0xfffffffffffffff3", { 0xfffffff300000118, 0xffffffff00000000 } },
	{ "lddw %r1, -13", { 0xfffffff300000118, 0xffffffff00000000 } },
	{ "lddw %r1, -9223372036854775808", { 0x0000000000000118, 0x8000000000000000 } },
	{ "lddw %r1, map_value 3, 8", { 0x0000000300002118, 0x0000000800000000 } },
	{ "swap16 %r3\nbswap16 %r3", { 0x00000010000003d7, 0x00000010000003d7 } },
	{ "lock fetch_add32 [%r1+4], %r2\nlock fetch add32 [%r1+4], %r2",
	  { 0x00000001000421c3, 0x00000001000421c3 } },
	{ "call 0x4\ncall 4", { 0x0000000400000085, 0x0000000400000085 } },
	{ "call local +2", { 0x0000000200001085 } },
	{ "a: b: ja a\nja b", { 0x00000000ffff0005, 0x00000000fffe0005 } },
	{ "ja end\nlddw %r1, 1\nend: exit", { 0x0000000000020005, 0x0000000100000118, 0, 0x95 } },
	{ "jeq %r1, 0x33, out\nexit\nout:\nexit", { 0x0000003300010115, 0x95, 0x95 } },
	{ "ja32 out\nout: exit", { 0x0000000000000006, 0x95 } },
	{ "call local f\nexit\nf: exit", { 0x0000000100001085, 0x95, 0x95 } },
	{ "lddw %r1, func f\nexit\nf: exit", { 0x0000000200004118, 0, 0x95, 0x95 } },
	{ "fetch_x: ja fetch_x", { 0x00000000ffff0005 } },
};

static uint64_t word_of(const struct skep_insn *in)
{
	return in->code | (uint64_t)in->regs << 8 | (uint64_t)(uint16_t)in->off << 16 |
	       (uint64_t)(uint32_t)in->imm << 32;
}

static size_t count_words(const uint64_t *words)
{
	size_t n = SLOTS_MAX;

	while (n && !words[n - 1])
		n--;
	return n;
}

static void assembles(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		size_t want = count_words(good[i].words), n = 0;
		struct skep_insn *insns = NULL;
		struct skep_error *err = NULL;

		CHECK_CASE("%s", good[i].text);
		if (CHECK_EQ_INT(skep_insn_assemble(good[i].text, &insns, &n, &err), 0)) {
			CHECK_EQ_INT(n, want);
			for (size_t k = 0; k < n && k < want; k++)
				CHECK_EQ_INT(word_of(&insns[k]), good[i].words[k]);
		} else {
			CHECK_ERR(err, NULL);
		}
		skep_error_free(err);
		free(insns);
	}
}

static const struct {
	const char *text, *id, *message;
	uint32_t line, col;
} bad[] = {
	{ "exit\nadd %r1, 2 ; no\n", "I0001", "unexpected character: ';'", 2, 12 },
	{ "add %r1, \x80", "I0001", "unexpected character: byte 0x80", 1, 10 },
	{ "add %r1, 0x", "I0002", "not a number: '0x'", 1, 10 },
	{ "add %r1, 12ab", "I0002", "not a number: '12ab'", 1, 10 },
	{ "add %r11, 1", "I0003", "no such register: '%r11' is none of %r0 to %r10", 1, 5 },
	{ "add %x, 1", "I0003", "no such register: '%x' is none of %r0 to %r10", 1, 5 },
	{ "\n\nfrob %r1\n", "I0004", "unknown instruction: 'frob'", 3, 1 },
	{ ", %r1", "I0004", "unknown instruction: ','", 1, 1 },
	{ "add %r1", "I0005", "wrong operands: expected ',', found the end of the line", 1, 8 },
	{ "add %r1, x", "I0005", "wrong operands: expected a number or a register, found 'x'", 1,
	  10 },
	{ "add %r1, 1 2", "I0005", "wrong operands: expected the end of the line, found '2'", 1,
	  12 },
	{ "exit %r0", "I0005", "wrong operands: expected the end of the line, found '%r0'", 1, 6 },
	{ "ldxw %r1, %r2", "I0005", "wrong operands: expected '[', found '%r2'", 1, 11 },
	{ "ldxw %r1, [%r2 8]", "I0005", "wrong operands: expected +n, -n or ']', found '8'", 1,
	  16 },
	{ "ja 3", "I0005", "wrong operands: expected +n, -n or a label, found '3'", 1, 4 },
	{ "call foo", "I0005", "wrong operands: expected a number or 'local', found 'foo'", 1, 6 },
	{ "lock frob [%r1], %r2", "I0005", "wrong operands: expected 'add' or 'or', found 'frob'",
	  1, 6 },
	{ "add %r1, 0x100000000", "I0006",
	  "number out of range: '0x100000000' does not fit its field", 1, 10 },
	{ "add %r1, -2147483649", "I0006",
	  "number out of range: '-2147483649' does not fit its field", 1, 10 },
	{ "ldxb %r1, [%r2+32768]", "I0006", "number out of range: '32768' does not fit its field",
	  1, 15 },
	{ "ja -32769", "I0006", "number out of range: '-32769' does not fit its field", 1, 4 },
	{ "ja32 +2147483648", "I0006", "number out of range: '2147483648' does not fit its field",
	  1, 6 },
	{ "lddw %r1, 0x10000000000000000", "I0006",
	  "number out of range: '0x10000000000000000' has more than 64 bits", 1, 11 },
	{ "mov %r10, 1", "I0007", "read-only register: %r10 cannot be written", 1, 5 },
	{ "lock xchg [%r1], %r10", "I0007", "read-only register: %r10 cannot be written", 1, 18 },
	{ "x: exit\ny: exit\n x: exit", "I0008", "label defined twice: 'x', first in line 1", 3,
	  2 },
	{ "exit\nja nowhere", "I0009", "undefined label: 'nowhere'", 2, 4 },
	{ "call local nowhere", "I0009", "undefined label: 'nowhere'", 1, 12 },
	{ "a:a:a:a:a:a:a:a:a:a:a:a:a:a:a:a:a:a:", "I0011", "line too long: more than 31 words", 1,
	  32 },
};

static void check_refusal(const char *text, const char *id, const char *message, uint32_t line,
			  uint32_t col)
{
	struct skep_insn *insns = (struct skep_insn *)0x1;
	struct skep_error *err = NULL;
	size_t n = 77;

	CHECK_EQ_INT(skep_insn_assemble(text, &insns, &n, &err), -EINVAL);
	CHECK(insns == (struct skep_insn *)0x1 && n == 77);
	CHECK_ERR(err, id);
	if (err) {
		CHECK_EQ_STR(skep_error_message(err), message);
		CHECK_EQ_INT(skep_error_place(err)->kind, SKEP_PLACE_TEXT);
		CHECK_EQ_INT(skep_error_place(err)->line, line);
		CHECK_EQ_INT(skep_error_place(err)->col, col);
	}
	skep_error_free(err);
	CHECK_EQ_INT(skep_insn_assemble(text, &insns, &n, NULL), -EINVAL);
}

static void refuses(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_CASE("%s", bad[i].text);
		check_refusal(bad[i].text, bad[i].id, bad[i].message, bad[i].line, bad[i].col);
	}
}

/* The other two notations, and what listings have around instructions. */
static const struct {
	int style;
	const char *text;
	uint64_t words[SLOTS_MAX];
} styled[] = {
	{ SKEP_INSN_CLANG, "r1 = *(u32 *)(r2 + 8)", { 0x0000000000082161 } },
	{ SKEP_INSN_CLANG, "w1=*(u32*)(r2-0x8)//x", { 0x00000000fff82161 } },
	{ SKEP_INSN_CLANG, "*(u16 *)(r1 + 0) = w2", { 0x000000000000216b } },
	{ SKEP_INSN_CLANG, "w0 += 1 ; one\n# two\nexit", { 0x0000000100000004, 0x95 } },
	{ SKEP_INSN_CLANG, "r1 = 0x5\nr1 = 5 ll", { 0x00000005000001b7, 0x0000000500000118, 0 } },
	{ SKEP_INSN_CLANG, "r1 = -5 ll", { 0xfffffffb00000118, 0xffffffff00000000 } },
	{ SKEP_INSN_CLANG, "if r1 == 0 goto +2 <main+0x20>", { 0x0000000000020115 } },
	{ SKEP_INSN_CLANG,
	  "if w1 s> -1 goto out\nexit\nout: exit",
	  { 0xffffffff00010166, 0x95, 0x95 } },
	{ SKEP_INSN_CLANG,
	  "call 1\ncall +1\ncall f\nf: exit",
	  { 0x0000000100000085, 0x0000000100001085, 0x1085, 0x95 } },
	{ SKEP_INSN_CLANG, "r0 = atomic_fetch_add((u64 *)(r1 + 0), r0)", { 0x00000001000001db } },
	{ SKEP_INSN_CLANG, "lock *(u64 *)(r1 + 0) += r2", { 0x00000000000021db } },
	{ SKEP_INSN_CLANG, "w2 = xchg32_32(r1 + 8, w2)", { 0x000000e1000821c3 } },
	{ SKEP_INSN_CLANG,
	  "       5:\t07 01 00 00 05 00 00 00\tr1 += 0x5\n       6:\t95 00 00 00 00 00 00 00\texit\n",
	  { 0x0000000500000107, 0x95 } },
	{ SKEP_INSN_CLANG,
	  "0: 18 01 00 00 05 00 00 00 00 00 00 00 00 00 00 00\tr1 = 5 ll\n2: exit",
	  { 0x0000000500000118, 0, 0x95 } },
	{ SKEP_INSN_KERNEL, "r1 = 5\nr1 = 0x5", { 0x00000005000001b7, 0x0000000500000118, 0 } },
	{ SKEP_INSN_KERNEL,
	  "0: (b7) r1 = 5\n1: (18) r1 = 0x5   ; R1_w=5\n3: (95) exit",
	  { 0x00000005000001b7, 0x0000000500000118, 0, 0x95 } },
	{ SKEP_INSN_KERNEL, "if r1 != 0xffffffff goto pc-1", { 0xffffffffffff0155 } },
	{ SKEP_INSN_KERNEL, "a: goto a\nb: goto pc+1", { 0x00000000ffff0005, 0x0000000000010005 } },
	{ SKEP_INSN_KERNEL,
	  "call bpf_ktime_get_ns#5\ncall pc+1#f",
	  { 0x0000000500000085, 0x0000000100001085 } },
	{ SKEP_INSN_KERNEL,
	  "call kernel-function#7\ncall unknown#-1",
	  { 0x0000000700002085, 0xffffffff00000085 } },
	{ SKEP_INSN_KERNEL, "r2 = atomic64_fetch_or((u64 *)(r1 +0), r2)", { 0x00000041000021db } },
	{ SKEP_INSN_KERNEL, "r1 = map[fd:3][0]+8", { 0x0000000300002118, 0x0000000800000000 } },
	{ SKEP_INSN_ANY,
	  "r1 = *(u8 *)(r2 +0)\ngoto pc+1",
	  { 0x0000000000002171, 0x0000000000010005 } },
	{ SKEP_INSN_ANY, "r1 = 5 ll", { 0x0000000500000118, 0 } },
	{ SKEP_INSN_ANY, "mov %r1, 5", { 0x00000005000001b7 } },
};

static void reads_each_notation(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(styled); i++) {
		struct skep_asm_opts o = { .size = sizeof(o), .style = styled[i].style };
		size_t want = count_words(styled[i].words), n = 0;
		struct skep_insn *insns = NULL;
		struct skep_error *err = NULL;

		CHECK_CASE("%s", styled[i].text);
		skep_insn_assemble_as(styled[i].text, &o, &insns, &n, &err);
		CHECK_ERR(err, NULL);
		/* trailing slots of 0 are not counted */
		CHECK(n >= want && n <= want + 1);
		for (size_t k = 0; k < n && k < want; k++)
			CHECK_EQ_INT(word_of(&insns[k]), styled[i].words[k]);
		skep_error_free(err);
		free(insns);
	}
}

static const struct {
	int style;
	const char *text, *id, *message;
	uint32_t line, col;
} styled_bad[] = {
	{ SKEP_INSN_CLANG, "exit\nr1 = w2", "I0005", NULL, 2, 6 },
	{ SKEP_INSN_CLANG, "w1 += r2", "I0005", NULL, 1, 7 },
	{ SKEP_INSN_CLANG, "r1 = -r2", "I0005",
	  "wrong operands: expected the same register again, found 'r2'", 1, 7 },
	{ SKEP_INSN_CLANG, "r12 = 1", "I0003", "no such register: 'r12' is none of r0 to r10", 1,
	  1 },
	{ SKEP_INSN_CLANG, "r10 = 1", "I0007", "read-only register: r10 cannot be written", 1, 1 },
	{ SKEP_INSN_CLANG, "frob r1", "I0004", "unknown instruction: 'frob'", 1, 1 },
	{ SKEP_INSN_CLANG, "r1 += 0x1ffffffff", "I0006", NULL, 1, 7 },
	{ SKEP_INSN_CLANG, "r1 @ 2", "I0001", "unexpected character: '@'", 1, 4 },
	{ SKEP_INSN_CLANG, "0: exit\n5: exit", "I0013",
	  "the listing has a gap: instruction 5 where 1 should follow", 2, 1 },
	{ SKEP_INSN_CLANG, "0: ff 00 00 00 00 00 00 00 ?", "I0001", NULL, 1, 28 },
	{ SKEP_INSN_CLANG, "0: ff 00 00 00 00 00 00 00", "I0014",
	  "the bytes of the listing are no instruction: unknown opcode 0xff", 1, 1 },
	{ SKEP_INSN_KERNEL, "0: (07) r1 = 5", "I0005", NULL, 1, 12 },
	{ SKEP_INSN_KERNEL, "call foo#x", "I0005", NULL, 1, 10 },
	{ SKEP_INSN_KERNEL, "goto nowhere", "I0009", "undefined label: 'nowhere'", 1, 6 },
	{ SKEP_INSN_ANY, "add %r1, 1\nfrob %r2", "I0004", "unknown instruction: 'frob'", 2, 1 },
	{ SKEP_INSN_ANY, "r1 += 1\nr2 frob 1", "I0005", NULL, 2, 4 },
	{ 7, "exit", "I0015", "no such notation: 7", 0, 0 },
};

static void refuses_in_each_notation(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(styled_bad); i++) {
		struct skep_asm_opts o = { .size = sizeof(o),
					   .style = styled_bad[i].style,
					   .name = "file.s" };
		struct skep_insn *insns = NULL;
		struct skep_error *err = NULL;
		size_t n;

		CHECK_CASE("%s", styled_bad[i].text);
		CHECK_EQ_INT(skep_insn_assemble_as(styled_bad[i].text, &o, &insns, &n, &err),
			     -EINVAL);
		CHECK_ERR(err, styled_bad[i].id);
		if (err && styled_bad[i].message)
			CHECK_EQ_STR(skep_error_message(err), styled_bad[i].message);
		if (err && styled_bad[i].line) {
			CHECK_EQ_INT(skep_error_place(err)->line, styled_bad[i].line);
			CHECK_EQ_INT(skep_error_place(err)->col, styled_bad[i].col);
			CHECK_EQ_STR(skep_error_place(err)->name, "file.s");
		}
		skep_error_free(err);
		CHECK_EQ_INT(skep_insn_assemble_as(styled_bad[i].text, &o, &insns, &n, NULL),
			     -EINVAL);
	}
}

static void tells_lines(void)
{
	uint32_t *lines = NULL;
	struct skep_asm_opts o = { .size = sizeof(o), .style = SKEP_INSN_ANY, .ret_lines = &lines };
	struct skep_insn *insns = NULL;
	size_t n = 0;

	CHECK_EQ_INT(skep_insn_assemble_as("\nr1 = 5 ll\n\na:\nexit", &o, &insns, &n, NULL), 0);
	if (CHECK_EQ_INT(n, 3))
		CHECK(lines[0] == 2 && lines[1] == 2 && lines[2] == 5);
	free(insns);
	free(lines);
}

/* Labels where jumps lead, in each notation, and back. */
static void labels_round_trip(void)
{
	static const char source[] = "a: ja b\nlddw %r1, func a\njeq %r1, 2, c\nb: call local a\n"
				     "ja32 c\nmay_goto a\nja +40\nc: exit";
	struct skep_insn *insns = NULL, *back = NULL;
	unsigned char target[16];
	size_t n = 0, m = 0;
	char text[160];

	if (!CHECK_EQ_INT(skep_insn_assemble(source, &insns, &n, NULL), 0))
		return;
	skep_insn_targets(insns, n, target);
	for (int style = 0; style < SKEP_INSN_STYLES; style++) {
		struct skep_asm_opts o = { .size = sizeof(o), .style = style };
		struct skep_error *err = NULL;
		struct buf b;
		int slots;

		CHECK_CASE("style %d", style);
		buf_init(&b);
		for (size_t at = 0; at < n; at += (size_t)slots) {
			slots = skep_insn_print_labels(insns, n, at, (enum skep_insn_style)style,
						       text, sizeof(text));
			if (target[at])
				buf_printf(&b, "L%zu:\n", at);
			buf_printf(&b, "\t%s\n", text);
			if (slots < 1)
				break;
		}
		CHECK(strstr(buf_str(&b), "L4") && !strstr(buf_str(&b), "pc-"));
		skep_insn_assemble_as(buf_str(&b), &o, &back, &m, &err);
		if (CHECK_ERR(err, NULL) && CHECK_EQ_INT(m, n))
			CHECK_EQ_MEM(back, insns, n * sizeof(*insns));
		skep_error_free(err);
		free(back);
		back = NULL;
		buf_done(&b);
	}
	free(insns);
}

/* @before, then @count times "exit", then @after. */
static char *long_text(const char *before, size_t count, const char *after)
{
	struct buf b;

	buf_init(&b);
	buf_adds(&b, before);
	for (size_t i = 0; i < count; i++)
		buf_adds(&b, "exit\n");
	buf_adds(&b, after);
	return buf_give(&b);
}

static void long_jumps(void)
{
	char *fits = long_text("ja end\n", 32767, "end: exit\n");
	char *far = long_text("ja end\n", 32768, "end: exit\n");
	char *back = long_text("top: exit\n", 32767, "ja top\n");
	char *wide = long_text("ja32 end\n", 100000, "end: exit\n");
	struct skep_insn *insns;
	size_t n;

	CHECK_EQ_INT(skep_insn_assemble(fits, &insns, &n, NULL), 0);
	CHECK_EQ_INT(insns[0].off, 32767);
	free(insns);
	check_refusal(
		far, "I0010",
		"jump too far: 'end' is 32768 instructions away, the field holds -32768 to 32767",
		1, 4);
	check_refusal(
		back, "I0010",
		"jump too far: 'top' is -32769 instructions away, the field holds -32768 to 32767",
		32769, 4);
	CHECK_EQ_INT(skep_insn_assemble(wide, &insns, &n, NULL), 0);
	CHECK_EQ_INT(insns[0].imm, 100000);
	free(insns);
	free(fits);
	free(far);
	free(back);
	free(wide);
}

static void long_programs(void)
{
	char *text = long_text("", 1000000, "exit\n");

	check_refusal(text, "I0012", "program too long: at most 1000000 instructions", 1000001, 1);
	free(text);
}

CHECK_MAIN({ "assembles", assembles }, { "refuses", refuses }, { "long_jumps", long_jumps },
	   { "long_programs", long_programs }, { "reads_each_notation", reads_each_notation },
	   { "refuses_in_each_notation", refuses_in_each_notation }, { "tells_lines", tells_lines },
	   { "labels_round_trip", labels_round_trip })
