// SPDX-License-Identifier: Apache-2.0
/*
 * The clang notation, asked of LLVM: every row of isa.def with many operands goes into an object, and each line of
 * `llvm-objdump -d --no-print-imm-hex` must be what skep_insn_print() says; what that cannot read is asked
 * again of the newest CPU. The text that LLVM prints, without its bytes, must assemble to the same instruction
 * (in the form of its own default, hexadecimal, too). That also tests the writer of objects.
 */
#include <unistd.h>

#include "check.h"
#include "elf/elf.h"
#include "isa/isa.h"

#define OBJDUMP "llvm-objdump-19"
#define MAX_SLOTS 8192

static struct skep_insn program[MAX_SLOTS];
static enum isa_op ops[MAX_SLOTS];
static char plain[MAX_SLOTS][96], newest[MAX_SLOTS][96], hex[MAX_SLOTS][96];
static size_t count;
static char object[128];

/* What LLVM 19 does not have, or has in another sense: read by isa_test alone. */
static bool is_ours(enum isa_op op, const struct skep_insn *in)
{
	if (isa_group(op) == ISA_GROUP_LINUX)
		return op != ISA_CAST_KERN && op != ISA_CAST_USER && op != ISA_MAY_GOTO;
	/* the immediate of an indirect packet load, pseudo sources and kernel functions are not printed */
	return ((isa_reads(op) & ISA_USE_SRC) && isa_kind(op) == ISA_KIND_PACKET && in->imm) ||
	       (isa_is_wide_load(op) && op != ISA_LD_IMM) || op == ISA_CALL_KFUNC ||
	       (op == ISA_CALL_HELPER && in->imm < 0);
}

static void add_samples(uint8_t code)
{
	static const int16_t offs[] = { 0, 1, 8, 16, 32, -8, 300, INT16_MIN };
	static const int32_t imms[] = { 0,    1,    16,	  32,	 64,	    0x40,
					0x41, 0x50, 0x51, 0xa0,	 0xa1,	    0xe1,
					0xf1, 7000, -5,	  65536, INT32_MIN, INT32_MAX };
	static const uint8_t regs[] = { 0x00, 0x21, 0x13, 0xa9, 0x9a, 0x01, 0x09, 0x10, 0x30 };

	for (size_t i = 0; i < ARRAY_SIZE(offs) * ARRAY_SIZE(imms) * ARRAY_SIZE(regs); i++) {
		struct skep_insn in[2] = { { .code = code,
					     .regs = regs[i % ARRAY_SIZE(regs)],
					     .off = offs[i / ARRAY_SIZE(regs) % ARRAY_SIZE(offs)],
					     .imm = imms[i / ARRAY_SIZE(regs) / ARRAY_SIZE(offs)] },
					   { .imm = i % 3 ? -1 : 0x1234 } };
		enum isa_op op = isa_decode(in, 2);

		if (op == ISA_INVALID || is_ours(op, in) || i % 5 > 1 || count + 2 > MAX_SLOTS)
			continue;
		for (unsigned int k = 0; k < isa_slots(op); k++) {
			ops[count] = k ? ISA_INVALID : op;
			program[count++] = in[k];
		}
	}
}

static bool write_object(void)
{
	const struct elf_program p = { ".text", "main", "GPL", program, count * 8 };
	const char *dir = getenv("TMPDIR");
	struct buf out;
	bool good;
	int fd;

	snprintf(object, sizeof(object), "%s/skep-clang-XXXXXX", dir ? dir : P_tmpdir);
	fd = mkstemp(object);

	buf_init(&out);
	good = fd >= 0 && elf_write_program(&out, &p, NULL) == 0 &&
	       write(fd, out.data, out.len) == (ssize_t)out.len;
	buf_done(&out);
	if (fd >= 0)
		close(fd);
	return good;
}

/* Reads the listing into @lines, by index. Returns how many lines were instructions. */
static size_t list(const char *options, char (*lines)[96])
{
	char command[256], line[256];
	size_t n = 0;
	FILE *f;

	snprintf(command, sizeof(command), OBJDUMP " -d --no-show-raw-insn %s %s", options, object);
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f)) {
		char *text, *end;
		size_t at = strtoul(line, &text, 10);

		if (text == line || *text != ':' || at >= count)
			continue;
		text += 1 + strspn(text + 1, " \t");
		end = text + strcspn(text, "\n");
		if (end > text && end[-1] == '>' && *text != '<') /* not <unknown> */
			while (*end != '<')
				end--;
		while (end > text && end[-1] == ' ')
			end--;
		*end = '\0';
		snprintf(lines[at], sizeof(lines[at]), "%s", text);
		n++;
	}
	return f && pclose(f) == 0 ? n : 0;
}

/* LLVM writes a local call as a helper's: without the sign. */
static const char *their_text(size_t at, char *copy, size_t size)
{
	const char *text = plain[at];

	/* its default CPU takes each atomic addition of 32 bits for one that does not fetch */
	if (!strncmp(text, "<unknown>", 9) || ops[at] == ISA_ATOMIC32_FETCH_ADD)
		text = newest[at];
	if (ops[at] != ISA_CALL_LOCAL || strchr(text, '-'))
		return text;
	snprintf(copy, size, "call +%s", text + 5);
	return copy;
}

static void check_back(size_t at, const char *text)
{
	const struct skep_asm_opts o = { .size = sizeof(o), .style = SKEP_INSN_CLANG };
	struct skep_error *err = NULL;
	struct skep_insn *back;
	size_t n;

	if (skep_insn_assemble_as(text, &o, &back, &n, &err) == 0) {
		CHECK_MSG(n == isa_slots(ops[at]) && !memcmp(back, &program[at], n * 8),
			  "'%s' became another instruction", text);
		free(back);
	} else {
		CHECK_MSG(false, "'%s': %s", text, skep_error_message(err));
		skep_error_free(err);
	}
}

static void spells_as_llvm(void)
{
	bool seen[ISA_COUNT] = { false };

	if (system(OBJDUMP " --version >/dev/null 2>&1"))
		CHECK_SKIP(OBJDUMP " is not there");
	for (unsigned int code = 0; code < 256; code++)
		add_samples((uint8_t)code);
	if (!CHECK(write_object()) || !CHECK(list("--no-print-imm-hex", plain) > 1000) ||
	    !CHECK(list("--no-print-imm-hex --mcpu=v4", newest) > 1000) ||
	    !CHECK(list("--mcpu=v4", hex) > 1000))
		return;
	for (size_t at = 0; at < count; at++) {
		char text[96], copy[96];
		const char *theirs = their_text(at, copy, sizeof(copy));

		if (ops[at] == ISA_INVALID)
			continue;
		if (!seen[ops[at]])
			CHECK_CASE("%s: %s", isa_name(ops[at]), theirs);
		seen[ops[at]] = true;
		skep_insn_print(&program[at], 2, SKEP_INSN_CLANG, text, sizeof(text));
		CHECK_EQ_STR(text, theirs);
		if (ops[at] == ISA_CALL_LOCAL)
			continue;
		check_back(at, theirs);
		check_back(at, hex[at]);
	}
	unlink(object);
	for (unsigned int op = 1; op < ISA_COUNT; op++) {
		struct skep_insn in = { 0 };

		CHECK_CASE("%s was asked", isa_name((enum isa_op)op));
		CHECK(seen[op] || is_ours((enum isa_op)op, &in));
	}
}

CHECK_MAIN({ "spells_as_llvm", spells_as_llvm })
