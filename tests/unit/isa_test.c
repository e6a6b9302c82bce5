// SPDX-License-Identifier: Apache-2.0
/*
 * The instruction set against a second opinion: naive_op() decodes by the classes and bits of RFC 9669
 * instead of by rows, and every opcode is swept with every register pair and the offsets and
 * immediates that matter. What decodes must print, and assemble to the same bytes again. The meaning
 * of the computing instructions (alu.h) is tested in alu_test.c, the kernel's spelling in isa_oracle_test.c.
 */
#include "check.h"
#include "isa/isa.h"

static const char *const alu_names[] = { "ADD", "SUB", "MUL", "DIV", "OR",  "AND", "LSH",
					 "RSH", "NEG", "MOD", "XOR", "MOV", "ARSH" };
static const char *const jump_names[] = { NULL,	  "JEQ", "JGT", "JGE", "JSET", "JNE",  "JSGT",
					  "JSGE", NULL,	 NULL,	"JLT", "JLE",  "JSLT", "JSLE" };
static const char *const size_names[] = { "W", "H", "B", "DW" };

static bool naive_alu(const struct skep_insn *in, char *name)
{
	bool wide = (in->code & 7) == 7, reg = in->code & 8;
	unsigned int op = in->code >> 4, dst = insn_dst(in), src = insn_src(in);
	const char *width = wide ? "64" : "32";

	if (dst > 9 || src > 10 || (!reg && src))
		return false;
	if (op == 13) {
		sprintf(name, "%s%d", wide ? "BSWAP" : reg ? "BE" : "LE", in->imm);
		return !src && !in->off && (in->imm == 16 || in->imm == 32 || in->imm == 64) &&
		       !(wide && reg);
	}
	if (op > 12)
		return false;
	if (op == 8) {
		sprintf(name, "NEG%s", width);
		return !reg && !in->off && !in->imm;
	}
	sprintf(name, "%s%s%s_%s", (op == 3 || op == 9) && in->off == 1 ? "S" : "", alu_names[op],
		width, reg ? "REG" : "IMM");
	if (op == 11 && reg && wide && in->off == 1 && (in->imm == 1 || in->imm == 65536)) {
		strcpy(name, in->imm == 1 ? "CAST_KERN" : "CAST_USER");
		return true;
	}
	if (reg && in->imm)
		return false;
	if (op == 11 && reg && wide && in->off == -1) {
		strcpy(name, "MOV64_PERCPU");
		return true;
	}
	if (op == 11 && reg && (in->off == 8 || in->off == 16 || (in->off == 32 && wide))) {
		sprintf(name, "MOVSX%s_%d", width, in->off);
		return true;
	}
	return !in->off || (in->off == 1 && (op == 3 || op == 9));
}

static bool naive_call(const struct skep_insn *in, char *name)
{
	bool ok = !insn_dst(in);

	switch (insn_src(in)) {
	case 0:
		strcpy(name, "CALL_HELPER");
		return ok && !in->off;
	case 1:
		strcpy(name, "CALL_LOCAL");
		return ok && !in->off;
	case 2:
		strcpy(name, "CALL_KFUNC");
		return ok;
	default:
		return false;
	}
}

static bool naive_jump(const struct skep_insn *in, char *name)
{
	bool half = (in->code & 7) == 6, reg = in->code & 8;
	unsigned int op = in->code >> 4, dst = insn_dst(in), src = insn_src(in);

	if (in->code == 0x0d) {
		strcpy(name, "JA_REG");
		return dst <= 10 && !src && !in->off && !in->imm;
	}
	if (in->code == 0x8d) {
		strcpy(name, "CALLX");
		return dst <= 10 && !src && !in->off && !in->imm;
	}
	if (in->code == 0x05 || in->code == 0x06 || in->code == 0xe5) {
		strcpy(name, in->code == 0xe5 ? "MAY_GOTO" : half ? "JA32" : "JA");
		return !dst && !src && (half ? !in->off : !in->imm);
	}
	if (in->code == 0x85)
		return naive_call(in, name);
	if (in->code == 0x95) {
		strcpy(name, "EXIT");
		return !dst && !src && !in->off && !in->imm;
	}
	if (op > 13 || !jump_names[op])
		return false;
	sprintf(name, "%s%s_%s", jump_names[op], half ? "32" : "64", reg ? "REG" : "IMM");
	return dst <= 10 && src <= 10 && (reg ? !in->imm : !src);
}

static bool naive_ld(const struct skep_insn *in, size_t n, char *name)
{
	static const char *const pseudo[] = { "IMM",  "MAP_FD",	 "MAP_VALUE",	 "BTF_ID",
					      "FUNC", "MAP_IDX", "MAP_IDX_VALUE" };
	unsigned int mode = in->code >> 5, dst = insn_dst(in), src = insn_src(in);
	const char *size = size_names[in->code >> 3 & 3];

	if (in->code == 0x18) {
		if (dst > 9 || src > 6 || in->off || n < 2 || in[1].code || in[1].regs || in[1].off)
			return false;
		sprintf(name, "LD_%s", pseudo[src]);
		return !in[1].imm || (src != 1 && src != 4 && src != 5);
	}
	if ((mode != 1 && mode != 2) || !strcmp(size, "DW"))
		return false;
	sprintf(name, "LD_%s_%s", mode == 1 ? "ABS" : "IND", size);
	return !dst && !in->off && (mode == 1 ? !src : src <= 10);
}

static bool naive_atomic(const struct skep_insn *in, const char *size, char *name)
{
	static const char *const names[] = { [0] = "ADD", [4] = "OR", [5] = "AND", [10] = "XOR" };
	bool fetch = in->imm & 1, wide = !strcmp(size, "DW");
	unsigned int op = (uint32_t)in->imm >> 4;
	bool dst_written = false, src_written = fetch;

	if (in->imm == 0x100) {
		sprintf(name, "LOAD_ACQ_%s", size);
		dst_written = true;
	} else if (in->imm == 0x110) {
		sprintf(name, "STORE_REL_%s", size);
	} else if (*size == 'B' || *size == 'H' || (in->imm & 14) || op > 15) {
		return false;
	} else if (in->imm == 0xe1) {
		sprintf(name, "ATOMIC%s_XCHG", wide ? "64" : "32");
	} else if (in->imm == 0xf1) {
		sprintf(name, "ATOMIC%s_CMPXCHG", wide ? "64" : "32");
		src_written = false;
	} else if (op < 11 && names[op]) {
		sprintf(name, "ATOMIC%s_%s%s", wide ? "64" : "32", fetch ? "FETCH_" : "",
			names[op]);
	} else {
		return false;
	}
	return insn_dst(in) <= (dst_written ? 9 : 10) && insn_src(in) <= (src_written ? 9 : 10);
}

static bool naive_memory(const struct skep_insn *in, char *name)
{
	unsigned int class = in->code & 7, mode = in->code >> 5;
	unsigned int dst = insn_dst(in), src = insn_src(in);
	const char *size = size_names[in->code >> 3 & 3];

	if (dst > 10 || src > 10)
		return false;
	if (class == 3 && mode == 6)
		return naive_atomic(in, size, name);
	if (class == 1) {
		sprintf(name, "LDX%s_%s", mode == 4 ? "S" : "", size);
		return dst <= 9 && !in->imm && (mode == 3 || (mode == 4 && strcmp(size, "DW")));
	}
	sprintf(name, "ST%s_%s", class == 3 ? "X" : "", size);
	return mode == 3 && (class == 3 ? !in->imm : !src);
}

/* The name of the op, or NULL. */
static const char *naive_op(const struct skep_insn *in, size_t n, char *name)
{
	bool ok;

	switch (in->code & 7) {
	case 0:
		ok = naive_ld(in, n, name);
		break;
	case 4:
	case 7:
		ok = naive_alu(in, name);
		break;
	case 5:
	case 6:
		ok = naive_jump(in, name);
		break;
	default:
		ok = naive_memory(in, name);
	}
	return ok ? name : NULL;
}

static const int16_t offs[] = { 0, 1, 2, 8, 16, 32, -1, 64, INT16_MIN, INT16_MAX };
static const int32_t imms[] = { 0,    1,     16,    32,	   64,	      0x40, 0x41, 0x50,
				0x51, 0xa0,  0xa1,  0xe0,  0xe1,      0xf0, 0xf1, 0x80,
				2,    0x100, 0x110, 65536, INT32_MIN, -1 };
/* Second slots: what may stand there, and each field in the way. */
static const struct skep_insn seconds[] = { { 0, 0, 0, 0 }, { 0, 0, 0, 7 }, { 0, 0, 0, -1 },
					    { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } };

static void check_same(const struct skep_insn *in, size_t n, bool *seen)
{
	char name[40], why[128];
	const char *want = naive_op(in, n, name);
	enum isa_op op = isa_decode(in, n);

	if (want ? strcmp(isa_name(op), want) : op != ISA_INVALID)
		CHECK_MSG(false, "%02x %02x off %d imm %d (n %zu): decoded %s, expected %s",
			  in->code, in->regs, in->off, in->imm, n, isa_name(op),
			  want ? want : "nothing");
	seen[op] = true;
	if (op == ISA_INVALID) {
		why[0] = '\0';
		isa_why_invalid(in, n, why, sizeof(why));
		if (!why[0])
			CHECK_MSG(false, "%02x %02x: no reason given", in->code, in->regs);
	}
}

static void decodes_what_the_rfc_says(void)
{
	bool seen[ISA_COUNT] = { false };
	struct skep_insn in[2] = { 0 };

	for (unsigned int code = 0; code < 256; code++) {
		CHECK_CASE("opcode 0x%02x", code);
		CHECK_EQ_INT(isa_decode(in, 0), ISA_INVALID);
		in[0].code = (uint8_t)code;
		for (unsigned int regs = 0; regs < 256; regs++)
			for (size_t o = 0; o < ARRAY_SIZE(offs); o++)
				for (size_t i = 0; i < ARRAY_SIZE(imms); i++) {
					in[0].regs = (uint8_t)regs;
					in[0].off = offs[o];
					in[0].imm = imms[i];
					check_same(in, 2, seen);
				}
	}
	CHECK_CASE("every row was met");
	for (unsigned int op = 0; op < ISA_COUNT; op++)
		CHECK_MSG(seen[op], "%s was never decoded", isa_name((enum isa_op)op));
}

static void decodes_two_slots(void)
{
	bool seen[ISA_COUNT];
	struct skep_insn in[2];

	for (unsigned int regs = 0; regs < 256; regs++) {
		CHECK_CASE("registers 0x%02x", regs);
		for (size_t s = 0; s < ARRAY_SIZE(seconds); s++)
			for (size_t n = 1; n <= 2; n++) {
				in[0] = (struct skep_insn){ 0x18, (uint8_t)regs, 0, 5 };
				in[1] = seconds[s];
				check_same(in, n, seen);
			}
	}
}

/* Prints @in, a program of @slots; the text, read as @style (SKEP_INSN_ANY: whatever it is), must give the same bytes. */
static void round_trip(const struct skep_insn *in, enum skep_insn_style print, int style)
{
	const struct skep_asm_opts opts = { .size = sizeof(opts), .style = style };
	struct skep_error *err = NULL;
	struct skep_insn *back;
	char text[160];
	int slots = skep_insn_print(in, 2, print, text, sizeof(text));
	size_t n;

	CHECK_EQ_INT(slots, isa_slots(isa_decode(in, 2)));
	if (!CHECK_MSG(skep_insn_assemble_as(text, &opts, &back, &n, &err) == 0, "'%s': %s", text,
		       err ? skep_error_message(err) : "")) {
		skep_error_free(err);
		return;
	}
	if (CHECK_MSG(n == (size_t)slots, "'%s' became %zu slots", text, n))
		CHECK_MSG(!memcmp(back, in, n * sizeof(*in)), "'%s' became %02x %02x %d %d", text,
			  back->code, back->regs, back->off, back->imm);
	free(back);
}

/* Two notations may share a text: then reading any finds the same instruction, but for `r1 = 0x5`. */
static void round_trips(const struct skep_insn *in)
{
	for (int style = 0; style < SKEP_INSN_STYLES; style++) {
		round_trip(in, (enum skep_insn_style)style, style);
		if (style != SKEP_INSN_KERNEL || isa_decode(in, 2) != ISA_LD_IMM)
			round_trip(in, (enum skep_insn_style)style, SKEP_INSN_ANY);
	}
}

static void prints_and_assembles_back(void)
{
	static const uint8_t dsts[] = { 0, 3, 9, 10 };
	struct skep_insn in[2] = { 0 };
	unsigned int tried = 0;

	for (unsigned int i = 0; i < 256 * 11 * ARRAY_SIZE(dsts); i++) {
		in[0].code = (uint8_t)(i & 255);
		in[0].regs =
			insn_regs(dsts[i / 256 % ARRAY_SIZE(dsts)], i / 256 / ARRAY_SIZE(dsts));
		if (i % 256 == 0)
			CHECK_CASE("dst r%u, src r%u", insn_dst(in), insn_src(in));
		for (size_t o = 0; o < ARRAY_SIZE(offs); o++)
			for (size_t k = 0; k < ARRAY_SIZE(imms); k++) {
				in[0].off = offs[o];
				in[0].imm = imms[k];
				in[1].imm = in->code == 0x18 && k < 2 ? 0x12345678 : 0;
				if (isa_decode(in, 2) == ISA_INVALID || (o + k) % 5)
					continue;
				round_trips(in);
				tried++;
			}
	}
	CHECK_MSG(tried > 5000, "only %u instructions were tried", tried);
}

static const struct {
	struct skep_insn in[2];
	size_t n;
	const char *why;
} reasons[] = {
	{ { { 0xff, 0, 0, 0 } }, 1, "unknown opcode 0xff" },
	{ { { 0x00, 0, 0, 0 } }, 1, "unknown opcode 0x00" },
	{ { { 0x07, 0x0a, 0, 0 } }, 1, "dst is r10, which is read-only" },
	{ { { 0x0f, 0xb1, 0, 0 } }, 1, "src is r11, the last register is r10" },
	{ { { 0x07, 0x21, 0, 0 } }, 1, "field 'src' is 2, must be 0" },
	{ { { 0x0f, 0x21, 4, 0 } }, 1, "field 'off' is 4, must be 0" },
	{ { { 0x3f, 0x21, 4, 0 } }, 1, "field 'off' is 4, must be 0 or 1" },
	{ { { 0xbc, 0x21, 32, 0 } }, 1, "field 'off' is 32, must be 0 or 8 or 16" },
	{ { { 0xdc, 0x01, 0, 8 } }, 1, "field 'imm' is 8, must be 16 or 32 or 64" },
	{ { { 0x95, 0x00, 0, 1 } }, 1, "field 'imm' is 1, must be 0" },
	{ { { 0x85, 0x30, 0, 1 } }, 1, "field 'src' is 3, must be 0 or 1 or 2" },
	{ { { 0x18, 0x01, 0, 1 } }, 1, "the second half of a wide instruction is missing" },
	{ { { 0x18, 0x01, 0, 1 }, { 7, 0, 0, 0 } },
	  2,
	  "opcode of the second half is 0x07, must be 0" },
	{ { { 0x18, 0x01, 0, 1 }, { 0, 7, 0, 0 } },
	  2,
	  "registers of the second half are 0x07, must be 0" },
	{ { { 0x18, 0x01, 0, 1 }, { 0, 0, 7, 0 } },
	  2,
	  "field 'off' of the second half is 7, must be 0" },
	{ { { 0x18, 0x11, 0, 1 }, { 0, 0, 0, 7 } },
	  2,
	  "field 'imm' of the second half is 7, must be 0" },
};

static void says_why_not(void)
{
	size_t len = strlen(reasons[7].why);
	char why[128];

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		CHECK_CASE("%s", reasons[i].why);
		CHECK_EQ_INT(isa_decode(reasons[i].in, reasons[i].n), ISA_INVALID);
		isa_why_invalid(reasons[i].in, reasons[i].n, why, sizeof(why));
		CHECK_EQ_STR(why, reasons[i].why);
	}
	CHECK_CASE("small buffers");
	for (size_t size = 1; size < 60; size++) {
		char small[60];

		memset(small, 'x', sizeof(small));
		isa_why_invalid(reasons[7].in, 1, small, size);
		CHECK_EQ_MEM(small, reasons[7].why, size - 1 < len ? size - 1 : len);
		CHECK_EQ_INT(small[size - 1 < len ? size - 1 : len], 0);
	}
}

static const char *name_helper(void *ctx, int32_t id)
{
	return id == 1 ? ctx : NULL;
}

static const char *name_kfunc(void *ctx, const struct skep_insn *in)
{
	return in->imm == 1 ? ctx : NULL;
}

static const char *name_pseudo(void *ctx, const struct skep_insn *in)
{
	return insn_src(in) == ISA_PSEUDO_MAP_FD ? ctx : NULL;
}

static const char *name_func(void *ctx, int64_t target)
{
	return target == 13 ? ctx : NULL;
}

/* What a reader sees; the rest of the kernel's spelling is compared with the kernel itself. */
static const struct {
	struct skep_insn in[2];
	const char *kernel, *text, *clang;
} texts[] = {
	{ { { 0x61, 0x21, 8, 0 } },
	  "r1 = *(u32 *)(r2 +8)",
	  "ldxw %r1, [%r2+8]",
	  "r1 = *(u32 *)(r2 + 8)" },
	{ { { 0x61, 0x21, 0, 0 } },
	  "r1 = *(u32 *)(r2 +0)",
	  "ldxw %r1, [%r2]",
	  "r1 = *(u32 *)(r2 + 0)" },
	{ { { 0x15, 0x01, -2, -1 } },
	  "if r1 == 0xffffffff goto pc-2",
	  "jeq %r1, -1, -2",
	  "if r1 == -1 goto -2" },
	{ { { 0x97, 0x01, 1, -3 } }, "r1 s%= -3", "smod %r1, -3", "r1 s%= -3" },
	{ { { 0xbf, 0x21, -1, 0 } },
	  "r1 = &(void __percpu *)(r2)",
	  "mov_percpu %r1, %r2",
	  "r1 = &(void __percpu *)(r2)" },
	{ { { 0x18, 0x01, 0, 1 }, { 0, 0, 0, 2 } },
	  "r1 = 0x200000001",
	  "lddw %r1, 0x200000001",
	  "r1 = 8589934593 ll" },
	{ { { 0x18, 0x11, 0, 4 } }, "r1 = NAME", "lddw %r1, map_fd 4", "r1 = map[fd:4] ll" },
	{ { { 0x18, 0x51, 0, 4 } }, "r1 = map[idx:4]", "lddw %r1, map_idx 4", "r1 = map[idx:4] ll" },
	{ { { 0x18, 0x41, 0, 2 } }, "r1 = NAME", "lddw %r1, func +2", "r1 = subprog[+2] ll" },
	{ { { 0x18, 0x41, 0, 3 } }, "r1 = subprog[+3]", "lddw %r1, func +3", "r1 = subprog[+3] ll" },
	{ { { 0x85, 0x00, 0, 1 } }, "call NAME#1", "call 0x1", "call 1" },
	{ { { 0x85, 0x00, 0, 2 } }, "call unknown#2", "call 0x2", "call 2" },
	{ { { 0x85, 0x10, 0, 2 } }, "call pc+2#NAME", "call local +2", "call +2" },
	{ { { 0x85, 0x10, 0, -2 } }, "call pc-2", "call local -2", "call -2" },
	{ { { 0x85, 0x20, 3, 1 } }, "call NAME#1", "call kfunc 1, 3", "call kfunc 1, 3" },
	{ { { 0x85, 0x20, 0, 2 } }, "call kernel-function#2", "call kfunc 2, 0", "call kfunc 2, 0" },
	{ { { 0x85, 0x20, 3, 2 } },
	  "call kernel-function#2, 3",
	  "call kfunc 2, 3",
	  "call kfunc 2, 3" },
};

static void prints_names(void)
{
	char name[] = "NAME";
	const struct isa_names names = { .helper = name_helper,
					 .pseudo = name_pseudo,
					 .func = name_func,
					 .kfunc = name_kfunc,
					 .ctx = name };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct buf out;

		CHECK_CASE("%s", texts[i].text);
		buf_init(&out);
		isa_print(&out, texts[i].in, 2, 10, SKEP_INSN_KERNEL, &names);
		CHECK_EQ_STR(buf_str(&out), texts[i].kernel);
		buf_clear(&out);
		isa_print(&out, texts[i].in, 2, 10, SKEP_INSN_ASM, &names);
		CHECK_EQ_STR(buf_str(&out), texts[i].text);
		buf_clear(&out);
		isa_print(&out, texts[i].in, 2, 10, SKEP_INSN_CLANG, &names);
		CHECK_EQ_STR(buf_str(&out), texts[i].clang);
		buf_done(&out);
	}
}

static void prints_the_invalid(void)
{
	const struct skep_insn in = { 0xff, 0x12, -2, 0x12345678 };
	char text[64], small[4];

	CHECK_EQ_INT(skep_insn_print(&in, 1, SKEP_INSN_KERNEL, text, sizeof(text)), -EINVAL);
	CHECK_EQ_STR(text, "invalid ff 12 fe ff 78 56 34 12");
	CHECK_EQ_INT(skep_insn_print(&in, 1, SKEP_INSN_ASM, small, sizeof(small)), -EINVAL);
	CHECK_EQ_STR(small, "inv");
	CHECK_EQ_INT(skep_insn_print(&in, 1, SKEP_INSN_ASM, NULL, 0), -EINVAL);
}

/* Facts of rows, derived once more from the opcode's class and from the name. */
static void check_facts(enum isa_op op, unsigned int code)
{
	const char *name = isa_name(op);
	unsigned int class = code & 7, size = "\4\2\1\10"[code >> 3 & 3];
	enum isa_kind kind = isa_kind(op);
	bool memory = (class >= 1 && class <= 3) || (class == 0 && code != 0x18);
	bool acquire = strstr(name, "LOAD_ACQ");

	CHECK_EQ_INT(isa_slots(op), code == 0x18 ? 2 : 1);
	CHECK_EQ_INT(isa_is_wide_load(op), code == 0x18);
	CHECK_EQ_INT(isa_access_size(op), memory ? size : 0);
	CHECK_EQ_INT(kind == ISA_KIND_ALU || kind == ISA_KIND_CAST, class == 4 || class == 7);
	CHECK_EQ_INT(isa_is_jump(op), (class == 5 || class == 6) && code != 0x85 && code != 0x8d &&
					      code != 0x95 && code != 0x0d);
	CHECK_EQ_INT(kind == ISA_KIND_CALL, code == 0x85 || code == 0x8d);
	CHECK_EQ_INT(isa_writes_dst(op),
		     class == 4 || class == 7 || class == 1 || code == 0x18 || acquire);
	CHECK_EQ_INT(isa_is_local_call(op), !strcmp(name, "CALL_LOCAL"));
	CHECK_EQ_INT(isa_is_helper_call(op), !strcmp(name, "CALL_HELPER"));
	CHECK_EQ_INT(isa_group(op) == ISA_GROUP_ATOMIC32 || isa_group(op) == ISA_GROUP_ATOMIC64,
		     !strncmp(name, "ATOMIC", 6));
	CHECK_EQ_INT(isa_group(op) == ISA_GROUP_DIVMUL32 || isa_group(op) == ISA_GROUP_DIVMUL64,
		     strstr(name, "DIV") || strstr(name, "MOD") || strstr(name, "MUL"));
	CHECK(!strcmp(isa_since(op), "none") == (op == ISA_CALLX));
	CHECK(!(isa_writes(op) & ISA_USE_SRC) || (isa_reads(op) & ISA_USE_SRC));
}

static void states_facts(void)
{
	const struct {
		enum isa_op op;
		uint8_t code;
	} rows[] = {
#define INSN(id, code, ...) { ISA_##id, code },
#include "isa/isa.def"
#undef INSN
	};

	CHECK_EQ_INT(ARRAY_SIZE(rows), ISA_COUNT - 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("%s", isa_name(rows[i].op));
		CHECK_EQ_INT(rows[i].op, i + 1);
		check_facts(rows[i].op, rows[i].code);
	}
	CHECK_CASE("no op");
	CHECK_EQ_STR(isa_name(ISA_INVALID), "INVALID");
	CHECK_EQ_STR(isa_name(ISA_COUNT), "INVALID");
	CHECK_EQ_INT(isa_kind(ISA_INVALID), ISA_KIND_NONE);
	CHECK_EQ_INT(isa_slots(ISA_INVALID), 1);
}

static void finds_targets(void)
{
	const struct {
		enum isa_op op;
		int32_t delta;
	} rows[] = { { ISA_JA, 7 },	  { ISA_JEQ32_REG, 7 },	     { ISA_MAY_GOTO, 7 },
		     { ISA_JA32, 70000 }, { ISA_CALL_LOCAL, 70000 }, { ISA_LD_FUNC, 70000 },
		     { ISA_EXIT, 0 },	  { ISA_CALL_HELPER, 0 },    { ISA_JA_REG, 0 } };
	const struct skep_insn in = { 0, 0, 7, 70000 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("%s", isa_name(rows[i].op));
		CHECK_EQ_INT(isa_jump_delta(rows[i].op, &in), rows[i].delta);
	}
}

CHECK_MAIN({ "decodes_what_the_rfc_says", decodes_what_the_rfc_says },
	   { "decodes_two_slots", decodes_two_slots },
	   { "prints_and_assembles_back", prints_and_assembles_back },
	   { "says_why_not", says_why_not }, { "prints_names", prints_names },
	   { "prints_the_invalid", prints_the_invalid }, { "states_facts", states_facts },
	   { "finds_targets", finds_targets })
