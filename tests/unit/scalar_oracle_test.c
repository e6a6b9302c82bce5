/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's numbers against the kernel's own: random programs of arithmetic and comparisons are loaded with
 * log_level 2, and the state that the log has after every instruction is compared with what scalar.h makes of the state
 * before it. Ours must be the same or say more. The log's text must be what scalar_print() writes.
 *
 * Each jump goes to an end of its own, so that no path is walked twice or left out; its taken way is logged there.
 */
#include "check.h"
#include "isa/alu.h"
#include "oracle.h"
#include "verify/scalar.h"

#define REGS 10
#define BODY 24

struct machine {
	struct scalar regs[REGS];
	bool known[REGS];
};

struct figures {
	unsigned int programs, refused, ops, equal, better, worse, branches, decided, lost;
};

static struct figures sum;
static uint64_t state = 12345;
static char log_text[1 << 20];

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state * 0x2545f4914f6cdd1dull >> 32);
}

static int32_t immediate(void)
{
	static const int32_t at[] = { 0,   1,  -1,     2,	   8,		16,   64,   255,
				      256, -8, 0xffff, 0x7fffffff, -0x80000000, 1000, 4096, -256 };

	switch (rnd() % 4) {
	case 0:
		return (int32_t)rnd();
	case 1:
		return (int32_t)(rnd() & 0xff) - 64;
	default:
		return at[rnd() % ARRAY_SIZE(at)];
	}
}

static struct bpf_insn alu(void)
{
	static const uint8_t ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD,  BPF_AND,
				       BPF_OR,	BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_NEG,
				       BPF_ADD, BPF_SUB, BPF_AND, BPF_OR,  BPF_END,  BPF_ARSH };
	static const int32_t sizes[] = { 16, 32, 64 };
	uint8_t op = ops[rnd() % ARRAY_SIZE(ops)], class = rnd() & 1 ? BPF_ALU64 : BPF_ALU;
	bool reg = rnd() % 3 == 0, shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	struct bpf_insn in = { .dst_reg = (uint8_t)(2 + rnd() % 5) };

	if (op == BPF_NEG)
		reg = false;
	else if (op == BPF_END)
		in.imm = sizes[rnd() % 3];
	else if (reg)
		in.src_reg = (uint8_t)(2 + rnd() % 5);
	else if (shift)
		in.imm = (int32_t)(rnd() % (class == BPF_ALU ? 32 : 64));
	else
		in.imm = immediate();
	if ((op == BPF_DIV || op == BPF_MOD) && !reg && !in.imm)
		in.imm = 3;
	if (op == BPF_DIV || op == BPF_MOD)
		in.off = rnd() & 1;
	if (op == BPF_END)
		reg = class == BPF_ALU && rnd() & 1;
	in.code = (uint8_t)(class | op | (reg ? BPF_X : BPF_K));
	return in;
}

static struct bpf_insn jump(void)
{
	static const uint8_t ops[] = { BPF_JEQ,	 BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
				       BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET };
	uint8_t op = ops[rnd() % ARRAY_SIZE(ops)], class = rnd() & 1 ? BPF_JMP : BPF_JMP32;
	bool reg = rnd() & 1;

	return (struct bpf_insn){
		.code = (uint8_t)(class | op | (reg ? BPF_X : BPF_K)),
		.dst_reg = (uint8_t)(2 + rnd() % 5),
		.src_reg = reg ? (uint8_t)(2 + rnd() % 5) : 0,
		.imm = reg ? 0 : immediate(),
	};
}

static struct bpf_insn insn(uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	return (struct bpf_insn){ code, dst, src, off, imm };
}

/* r2 to r6 unknown, or of 32 bits; then the body; then the ends of its jumps. */
static uint32_t generate(struct bpf_insn *p)
{
	uint32_t n = 0, body;

	p[n++] = insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_8, BPF_REG_1, 0, 0);
	for (uint8_t r = 2; r <= 6; r++) {
		/* The context's words are of 32 bits; put together they are anything. */
		p[n++] = insn(BPF_LDX | BPF_MEM | BPF_W, r, BPF_REG_8, 4 * (r & 1), 0);
		if (rnd() & 1)
			continue;
		p[n++] = insn(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_7, BPF_REG_8, 8, 0);
		p[n++] = insn(BPF_ALU64 | BPF_LSH, r, 0, 0, 32);
		p[n++] = insn(BPF_ALU64 | BPF_OR | BPF_X, r, BPF_REG_7, 0, 0);
	}
	body = n;
	for (; n < body + BODY; n++)
		p[n] = rnd() % 3 ? alu() : jump();
	p[n++] = insn(BPF_ALU64 | BPF_MOV, BPF_REG_0, 0, 0, 0);
	p[n++] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (uint32_t i = body; i < body + BODY; i++) {
		if (BPF_CLASS(p[i].code) != BPF_JMP && BPF_CLASS(p[i].code) != BPF_JMP32)
			continue;
		p[i].off = (int16_t)(n - i - 1);
		p[n++] = insn(BPF_ALU64 | BPF_MOV, BPF_REG_0, 0, 0, 0);
		p[n++] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	return n;
}

/* Reading the log ----------------------------------------------------------------------------------- */

static bool bound(const char *name, size_t len, struct scalar *s, uint64_t value)
{
#define BOUND(text, field, type)                               \
	if (len == strlen(text) && !memcmp(name, text, len)) { \
		s->field = (type)value;                        \
		return true;                                   \
	}
	BOUND("smin", smin, int64_t)
	BOUND("smax", smax, int64_t)
	BOUND("umin", umin, uint64_t)
	BOUND("umax", umax, uint64_t)
	BOUND("smin32", s32_min, int32_t)
	BOUND("smax32", s32_max, int32_t)
	BOUND("umin32", u32_min, uint32_t)
	BOUND("umax32", u32_max, uint32_t)
#undef BOUND
	return false;
}

static uint64_t number(const char *text, char **end)
{
	return *text == '-' ? (uint64_t)strtoll(text, end, 0) : strtoull(text, end, 0);
}

/* "smin=smin32=0,..." up to the parenthesis; the text without what scalar_print() does not know to @plain. */
static const char *read_bounds(const char *p, struct scalar *s, struct buf *plain)
{
	const char *sep = "";

	while (*p && *p != ')') {
		const char *start = p, *names[8];
		size_t lens[8], n = 0;
		uint64_t value;
		char *end;

		while (n < 8) {
			size_t len = strcspn(p, "=");

			names[n] = p;
			lens[n++] = len;
			p += len + 1;
			if (*p == '-' || *p == '(' || (*p >= '0' && *p <= '9'))
				break;
		}
		if (*p == '(') {
			s->t.value = strtoull(p + 1, &end, 0);
			s->t.mask = strtoull(end + 1, &end, 0);
			p = end + 1;
		} else {
			value = number(p, &end);
			p = end;
			for (size_t i = 0; i < n; i++)
				if (!bound(names[i], lens[i], s, value) && lens[i] == 2)
					start = NULL; /* id */
		}
		if (start) {
			buf_printf(plain, "%s%.*s", sep, (int)(p - start), start);
			sep = ",";
		}
		p += *p == ',';
	}
	return p;
}

/* "R2=..." of one register that is a number. */
static void read_reg(const char *p, struct machine *m)
{
	static struct buf plain, ours;
	uint32_t r = (uint32_t)(p[1] - '0');
	struct scalar s = scalar_unknown();
	char *end;

	if (r >= REGS || p[2] != '=')
		return;
	m->known[r] = false;
	p += 3;
	p += *p == 'P';
	buf_clear(&plain);
	buf_clear(&ours);
	if (!strncmp(p, "scalar(", 7)) {
		buf_adds(&plain, "scalar(");
		read_bounds(p + 7, &s, &plain);
		buf_addc(&plain, ')');
	} else if (*p == '-' || (*p >= '0' && *p <= '9')) {
		s = scalar_const(number(p, &end));
		buf_printf(&plain, "%.*s", (int)(end - p), p);
	} else {
		return;
	}
	scalar_print(&ours, &s);
	CHECK_EQ_STR(buf_str(&ours), buf_str(&plain));
	m->regs[r] = s;
	m->known[r] = true;
}

static void read_regs(const char *line, struct machine *m)
{
	for (const char *p = line; (p = strstr(p, " R")); p++)
		read_reg(p + 1, m);
}

/* Comparing ----------------------------------------------------------------------------------------- */

static const char *text(const struct scalar *s)
{
	static struct buf texts[4];
	static unsigned int turn;
	struct buf *b = &texts[turn++ % 4];

	buf_clear(b);
	scalar_print(b, s);
	return buf_str(b);
}

static void compare(const struct scalar *ours, const struct scalar *theirs, const char *what,
		    const char *line)
{
	sum.ops++;
	if (scalar_equal(ours, theirs)) {
		sum.equal++;
		return;
	}
	if (scalar_is_within(ours, theirs)) {
		sum.better++;
		return;
	}
	sum.worse++;
	CHECK_MSG(sum.worse > 20, "%s: ours is %s, the kernel's %s: %.*s", what, text(ours),
		  text(theirs), (int)strcspn(line, "\n"), line);
}

/* Does @line tell register @r? It does not where nothing came after it. */
static bool tells(const char *line, uint32_t r)
{
	char name[8];

	snprintf(name, sizeof(name), " R%u=", r);
	return strstr(line, name);
}

static struct scalar operand(const struct bpf_insn *in, const struct machine *m)
{
	struct scalar s = BPF_SRC(in->code) == BPF_X ? m->regs[in->src_reg] :
						       scalar_const(alu_imm(in->imm));

	(void)scalar_sync(&s);
	return s;
}

/* The kernel walks on twice after `and` and `or` of 0 or -1 with a constant: with the one and with the other. */
static bool forks(enum isa_op op, const struct scalar *dst, const struct scalar *src)
{
	bool bits = op == ISA_AND64_IMM || op == ISA_AND32_IMM || op == ISA_OR64_IMM ||
		    op == ISA_OR32_IMM || op == ISA_AND64_REG || op == ISA_AND32_REG ||
		    op == ISA_OR64_REG || op == ISA_OR32_REG;

	return bits && scalar_is_const(src) &&
	       ((dst->smin == -1 && dst->smax == 0) || (dst->s32_min == -1 && dst->s32_max == 0));
}

static void step_alu(enum isa_op op, const struct bpf_insn *in, const struct machine *before,
		     const struct machine *after, const char *line)
{
	struct scalar dst = before->regs[in->dst_reg], src = operand(in, before);

	if (!before->known[in->dst_reg] || !after->known[in->dst_reg] || !tells(line, in->dst_reg))
		return;
	(void)scalar_sync(&dst);
	if (forks(op, &dst, &src))
		return;
	if (CHECK(scalar_alu(op, &dst, &src)))
		compare(&dst, &after->regs[in->dst_reg], isa_name(op), line);
}

static void step_jump(enum isa_op op, const struct bpf_insn *in, bool taken,
		      const struct machine *before, const struct machine *after, const char *line)
{
	struct scalar dst = before->regs[in->dst_reg], src = operand(in, before);
	bool reg = BPF_SRC(in->code) == BPF_X, self = reg && in->src_reg == in->dst_reg;

	if (!before->known[in->dst_reg] || (reg && !before->known[in->src_reg]))
		return;
	(void)scalar_sync(&dst);
	sum.branches++;
	if (!scalar_refine(op, taken, &dst, self ? &dst : &src)) {
		sum.decided++; /* the kernel walks on a way that nobody goes */
		return;
	}
	if (tells(line, in->dst_reg))
		compare(&dst, &after->regs[in->dst_reg], isa_name(op), line);
	if (reg && !self && tells(line, in->src_reg))
		compare(&src, &after->regs[in->src_reg], isa_name(op), line);
}

/*
 * The log in its order: "I: (op) text ; R2=..." after each instruction of the first way; then, for each jump that was
 * put off, "from I to END: R0=... R2=...".
 */
static void replay(const struct bpf_insn *p, uint32_t n)
{
	struct machine m = { .known = { false } }, at[BODY * 3 + 40];
	char *line = log_text, *next;

	for (; line && *line; line = next) {
		uint32_t i, to;
		enum isa_op op;

		if (!strncmp(line, "verifier bug: REG INVARIANTS", 28)) {
			sum.lost++; /* the kernel made a number without values and starts it anew */
			return;
		}
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (sscanf(line, "from %u to %u: ", &i, &to) == 2 && i < n && strchr(line, '=')) {
			struct machine after = { .known = { false } };

			op = isa_decode((const struct skep_insn *)&p[i], 1);
			read_regs(line, &after);
			if (isa_kind(op) == ISA_KIND_BRANCH)
				step_jump(op, &p[i], true, &at[i], &after, line);
			else
				m = after; /* the other half of a number that was forked */
			continue;
		}
		if (sscanf(line, "%u: (", &i) != 1 || i >= n || !strstr(line, ": ("))
			continue;
		at[i] = m;
		read_regs(strchr(line, ';') ? strchr(line, ';') : "", &m);
		op = isa_decode((const struct skep_insn *)&p[i], 1);
		if (isa_kind(op) == ISA_KIND_ALU)
			step_alu(op, &p[i], &at[i], &m, line);
		else if (isa_kind(op) == ISA_KIND_BRANCH && next &&
			 strtoul(next, NULL, 10) == i + 1)
			step_jump(op, &p[i], false, &at[i], &m, line);
	}
}

static int load(const struct bpf_insn *p, uint32_t n)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)p;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)log_text;
	attr.log_size = sizeof(log_text);
	attr.log_level = 2;
	log_text[0] = 0;
	return oracle_bpf(BPF_PROG_LOAD, &attr);
}

static void random_programs(void)
{
	unsigned int rounds = getenv("DOMAIN_ALL") ? 100000 : 1500;
	struct bpf_insn p[BODY * 3 + 40];

	if (oracle_missing())
		CHECK_SKIP(oracle_missing());
	for (unsigned int i = 0; i < rounds; i++) {
		uint32_t n = generate(p);
		int fd = load(p, n);

		sum.programs++;
		if (fd < 0) {
			if (!sum.refused++)
				printf("# refused: %s\n", log_text);
			continue;
		}
		close(fd);
		replay(p, n);
	}
	printf("# %u programs (%u refused), %u states: %u equal, %u ours say more, %u ours say less; "
	       "%u branches, %u ways that only the kernel walks, %u programs left at a contradiction of "
	       "the kernel's own\n",
	       sum.programs, sum.refused, sum.ops, sum.equal, sum.better, sum.worse, sum.branches,
	       sum.decided, sum.lost);
	CHECK_EQ_INT(sum.worse, 0);
	CHECK(sum.refused < rounds / 20 && sum.ops > rounds * 10);
}

CHECK_MAIN({ "random_programs", random_programs })
