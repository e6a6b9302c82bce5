// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's spelling, asked of the kernel: a program around each instruction is given to bpf(2) with
 * a log, and the line that the log prints for it must be what isa_print() prints. The verdict does not
 * matter: a line is printed before its instruction is checked. Needs the right to load programs.
 */
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"
#include "isa/isa.h"

#define LOG_SIZE (1 << 20)
/* Room for what stands before and after the instruction. */
#define PROGRAM_MAX 32

static char log_text[LOG_SIZE];

/* Not 0: the errno of a refusal that came before any log. */
static int load(const struct skep_insn *insns, size_t n)
{
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	attr.log_level = 2;
	attr.log_size = sizeof(log_text);
	attr.log_buf = (uint64_t)(uintptr_t)log_text;
	log_text[0] = '\0';
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd >= 0) {
		close((int)fd);
		return 0;
	}
	return log_text[0] ? 0 : errno;
}

/* Is the running kernel as new as "6.12"? */
static bool kernel_has(const char *since)
{
	struct utsname name;
	unsigned int have[2] = { 0 }, want[2] = { 0 };

	uname(&name);
	if (sscanf(name.release, "%u.%u", &have[0], &have[1]) != 2 ||
	    sscanf(since, "%u.%u", &want[0], &want[1]) != 2)
		return false;
	return have[0] != want[0] ? have[0] > want[0] : have[1] >= want[1];
}

/* Never printed as they stand: the kernel puts an address or the name of something real in, or has no
 * such instruction (CALLX). */
static bool is_comparable(enum isa_op op)
{
	if (isa_is_wide_load(op))
		return op == ISA_LD_IMM;
	return op != ISA_CALLX && op != ISA_CALL_KFUNC && op != ISA_JA_REG;
}

/* An instruction of @op whose operands make sense between prologue and epilogue: memory is the stack,
 * jumps stay inside, everything else is as odd as the op allows. */
static bool sample(enum isa_op op, uint8_t code, struct skep_insn *in)
{
	static const int16_t offs[] = { -8, 1, 8, 16, 32, 0, -1 };
	static const int32_t imms[] = { -5,   16,   32,	  64,	0x40, 0x41,  0x50,  0x51, 0xa0,
					0xa1, 0xe1, 0xf1, 0x01, 0x00, 0x100, 0x110, 65536 };
	bool jump = isa_is_jump(op), memory = (code & 7) == 2 || (code & 7) == 3;
	unsigned int dsts[] = { memory ? 10 : 7, 10, 7, 0 };
	unsigned int srcs[] = { (code & 7) == 1 ? 10 : 8, 10, 1, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(offs) * ARRAY_SIZE(imms) * 16; i++) {
		in[0] = (struct skep_insn){ .code = code,
					    .regs = insn_regs(dsts[i % 4], srcs[i / 4 % 4]),
					    .imm = imms[i / 16 % ARRAY_SIZE(imms)],
					    .off = offs[i / 16 / ARRAY_SIZE(imms)] };
		in[1] = (struct skep_insn){ .imm = code == 0x18 ? -2 : 0 };
		if (jump)
			in->off = isa_kind(op) == ISA_KIND_BRANCH;
		if (op == ISA_JA32)
			in->imm = 0;
		if (op == ISA_CALL_LOCAL)
			in->imm = 2;
		if (op == ISA_CALL_HELPER)
			in->imm = BPF_FUNC_ktime_get_ns;
		if (isa_decode(in, 2) == op)
			return true;
	}
	return false;
}

/* Returns the index of the instruction in the program. */
static size_t build(enum isa_op op, const struct skep_insn *in, struct skep_insn *prog,
		    size_t *ret_n)
{
	const struct skep_insn zero_r0 = { .code = 0xb7 }, end = { .code = 0x95 };
	size_t n = 0, at;

	prog[n++] = (struct skep_insn){ .code = 0xbf, .regs = insn_regs(6, 1) };
	for (unsigned int r = 0; r < 10; r++)
		if (r != 6)
			prog[n++] = (struct skep_insn){ 0xb7, (uint8_t)r, 0, 1 };
	at = n;
	for (unsigned int i = 0; i < isa_slots(op); i++)
		prog[n++] = in[i];
	if (op != ISA_EXIT) {
		if (isa_kind(op) == ISA_KIND_BRANCH)
			prog[n++] = zero_r0;
		prog[n++] = zero_r0;
		prog[n++] = end;
	}
	if (op == ISA_CALL_LOCAL) {
		prog[n++] = zero_r0;
		prog[n++] = end;
	}
	*ret_n = n;
	return at;
}

/* The text in the log's line "@at: (@code) text   ; state", cut in place; NULL: there is none. */
static char *find_line(size_t at, uint8_t code)
{
	char start[32], *line = log_text, *end;
	size_t len = (size_t)snprintf(start, sizeof(start), "%zu: (%02x) ", at, code);

	while (line && strncmp(line, start, len)) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	if (!line)
		return NULL;
	line += len;
	end = line + strcspn(line, ";\n");
	while (end > line && end[-1] == ' ')
		end--;
	*end = '\0';
	return line;
}

static const char *name_helper(void *ctx, int32_t id)
{
	(void)ctx;
	return id == BPF_FUNC_ktime_get_ns ? "bpf_ktime_get_ns" : NULL;
}

static void compare(enum isa_op op, uint8_t code)
{
	const struct isa_names names = { .helper = name_helper };
	struct skep_insn in[2], prog[PROGRAM_MAX];
	struct buf ours;
	size_t n, at;
	char *line;

	if (!CHECK(sample(op, code, in)))
		return;
	at = build(op, in, prog, &n);
	if (!CHECK_EQ_INT(load(prog, n), 0))
		return;
	line = find_line(at, code);
	buf_init(&ours);
	isa_print(&ours, in, 2, at, SKEP_INSN_KERNEL, &names);
	if (CHECK_MSG(line, "no line for '%s' in the log: %s", buf_str(&ours), log_text))
		CHECK_EQ_STR(buf_str(&ours), line);
	buf_done(&ours);
}

static void spells_as_the_kernel(void)
{
	static const struct {
		enum isa_op op;
		uint8_t code;
	} rows[] = {
#define INSN(id, code, ...) { ISA_##id, code },
#include "isa/isa.def"
#undef INSN
	};
	const struct skep_insn nothing[] = { { .code = 0xb7 }, { .code = 0x95 } };
	int r = load(nothing, ARRAY_SIZE(nothing));
	char reason[80];

	if (r) {
		snprintf(reason, sizeof(reason), "bpf(2) refuses to load programs: %s",
			 strerror(r));
		CHECK_SKIP(reason);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!is_comparable(rows[i].op) || !kernel_has(isa_since(rows[i].op)))
			continue;
		CHECK_CASE("%s", isa_name(rows[i].op));
		compare(rows[i].op, rows[i].code);
	}
}

CHECK_MAIN({ "spells_as_the_kernel", spells_as_the_kernel })
