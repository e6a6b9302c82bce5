// SPDX-License-Identifier: Apache-2.0
/*
 * What protects from programs: blinded code holds no constant that its program chose, nor one that follows from them;
 * hardened code has no indirect branch (an independent decoder looks, Capstone); and inaccessible pages lie beside all
 * code. That such code still computes the same is for the twin tests.
 */
#define x86_reg capstone_reg /* both have an enum of this name */
#include <capstone/capstone.h>
#undef x86_reg
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "exec/exec.h"
#include "jit/jit.h"

#define ROUNDS 300
#define MOST 64

struct chosen {
	uint32_t words[MOST]; /* that may not stand in the code */
	size_t n;
};

static uint64_t state;

static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static void chose(struct chosen *c, uint64_t value)
{
	if (c->n + 2 < MOST) {
		c->words[c->n++] = (uint32_t)value;
		if (value != (uint64_t)(int64_t)(int32_t)value && value >> 32 > 255)
			c->words[c->n++] = (uint32_t)(value >> 32);
	}
}

/* Every byte of it tells. */
static int32_t pick(struct chosen *c)
{
	int32_t v = (int32_t)((uint32_t)random64() | 0x01010101);

	chose(c, (uint64_t)(int64_t)v);
	return v;
}

/*
 * More than distances within the code, less than the upper halves of this process's own addresses, and with a lowest byte that
 * is no opcode before a distance.
 */
static int32_t pick_offset(struct chosen *c)
{
	int32_t off = (int32_t)(random64() % 0x30 + 0x24) << 8 | 0x1e;

	chose(c, (uint64_t)off);
	return off;
}

/* Uses of constants by every kind of instruction; @folded: those that only the compiler puts together. */
static void make_text(char *text, size_t size, struct chosen *c, struct chosen *folded)
{
	static const char *const ops[] = { "add", "sub", "and",	  "or",	   "xor",   "mul",  "div",
					   "mod", "mov", "sub32", "xor32", "mov32", "div32" };
	static const char *const jumps[] = { "jeq", "jgt", "jset", "jslt", "jne32", "jge32" };
	static const char *const stores[] = { "stw", "stdw" };
	int n = snprintf(text, size, "mov %%r6, %%r1\nmov %%r0, %%r2\nmov %%r7, %%r2\n");

	for (int i = 0; i < 12; i++) {
		int32_t a = 0;
		uint64_t wide;
		int off;

		switch (random64() % 7) {
		case 0:
			wide = random64() | 0x0101010101010101;
			chose(c, wide);
			n += snprintf(text + n, size - (size_t)n,
				      "lddw %%r3, 0x%" PRIx64 "\nxor %%r0, %%r3\n", wide);
			break;
		case 1:
			n += snprintf(text + n, size - (size_t)n,
				      "%s %%r0, %d, l%d\nadd %%r0, 1\nl%d:\n",
				      jumps[random64() % ARRAY_SIZE(jumps)], pick(c), i, i);
			break;
		case 2:
			off = pick_offset(c);
			n += snprintf(text + n, size - (size_t)n, "%s [%%r6+%d], %d\n",
				      stores[random64() % 2], off, pick(c));
			break;
		case 3:
			n += snprintf(text + n, size - (size_t)n,
				      "ldxw %%r3, [%%r6+%d]\nadd %%r0, %%r3\n", pick_offset(c));
			break;
		case 4: /* two that become one */
			a = (int32_t)((uint32_t)random64() % 0x3fffffff | 0x01010101);
			off = (int32_t)((uint32_t)random64() % 0x3fffffff | 0x01010101);
			chose(folded, (uint64_t)(int64_t)(a + off));
			n += snprintf(text + n, size - (size_t)n,
				      "mov %%r3, %d\nadd %%r3, %d\nxor %%r0, %%r3\n", a, off);
			break;
		case 5: /* where paths join */
			n += snprintf(text + n, size - (size_t)n,
				      "mov %%r3, %d\njeq %%r7, %d, j%d\nmov %%r3, %d\n"
				      "j%d: add %%r0, %%r3\n",
				      pick(c), i, i, pick(c), i);
			break;
		default:
			n += snprintf(text + n, size - (size_t)n, "%s %%r0, %d\n",
				      ops[random64() % ARRAY_SIZE(ops)], pick(c));
		}
	}
	snprintf(text + n, size - (size_t)n, "exit\n");
}

static struct exec_prog *assemble(const char *text, const struct exec_custom *customs, size_t n)
{
	struct exec_prog_opts o = { .object = "p", .name = "p", .prog_type = -1 };
	struct exec_prog *prog = NULL;
	struct skep_error *err = NULL;
	struct skep_insn *insns = NULL;
	char why[512];
	size_t count;

	o.customs = customs;
	o.ncustoms = n;
	o.custom_ctx = (void *)1;
	if (skep_insn_assemble(text, &insns, &count, &err) == 0) {
		o.insns = insns;
		o.ninsns = (uint32_t)count;
		exec_prog_new(&o, &prog, &err);
	}
	free(insns);
	if (err) {
		skep_error_text(err, why, sizeof(why));
		skep_error_free(err);
		CHECK_MSG(false, "%s in\n%s", why, text);
	}
	return prog;
}

/* How many of them stand in the code; -1: it does not compile. */
static int count(const struct exec_prog *prog, const struct jit_opts *opts, const struct chosen *c)
{
	struct jit_prog *jit;
	const uint8_t *code;
	size_t size = 0;
	int found = 0;

	if (jit_new(prog, opts, &jit, NULL) < 0)
		return -1;
	code = jit_bytes(jit, &size);
	for (size_t i = 0; i < c->n; i++) {
		bool here = false;

		for (size_t at = 0; at + 4 <= size && !here; at++)
			here = !memcmp(code + at, &c->words[i], 4);
		found += here;
	}
	jit_free(jit);
	return found;
}

static void constants(void)
{
	static const struct jit_opts plain = { .mode = JIT_TRUSTED };
	static const struct jit_opts blind[] = {
		{ .mode = JIT_TRUSTED, .blind = true },
		{ .mode = JIT_TRUSTED, .blind = true, .no_optimise = true },
		{ .mode = JIT_TRUSTED, .blind = true, .portable = true },
		{ .mode = JIT_CHECKED, .blind = true },
	};
	int seen = 0, seen_folded = 0, chances = 0;
	char text[8192];

	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	for (int i = 0; i < ROUNDS; i++) {
		struct chosen c = { .n = 0 }, folded = { .n = 0 };
		struct exec_prog *prog;

		state = (uint64_t)i + 1;
		make_text(text, sizeof(text), &c, &folded);
		prog = assemble(text, NULL, 0);
		if (!prog)
			return;
		chances += (int)c.n;
		seen += count(prog, &plain, &c);
		seen_folded += count(prog, &plain, &folded);
		for (size_t v = 0; v < ARRAY_SIZE(blind); v++) {
			int bad = 0;

			/* other keys each time: chance does not strike twice */
			for (int again = 0; again < 3 && (again == 0 || bad); again++)
				bad = count(prog, &blind[v], &c) + count(prog, &blind[v], &folded);
			if (!CHECK_MSG(!bad,
				       "seed %d, variant %zu: %d constants stand in the code of\n%s",
				       i, v, bad, text))
				i = ROUNDS;
		}
		exec_prog_free(prog);
	}
	/* the search finds what is there */
#ifdef __x86_64__
	CHECK_MSG(seen > chances / 2, "%d of %d", seen, chances);
	CHECK_MSG(seen_folded > ROUNDS / 2, "%d", seen_folded);
#endif
}

/* Keys differ from one program to the next. */
static void keys_differ(void)
{
	static const struct jit_opts blind = { .mode = JIT_TRUSTED, .blind = true };
	struct exec_prog *prog;
	struct jit_prog *a = NULL, *b = NULL;
	size_t n = 0, m = 0;

	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	prog = assemble("lddw %r0, 0x123456789abcdef0\nexit\n", NULL, 0);
	CHECK_EQ_INT(jit_new(prog, &blind, &a, NULL), 0);
	CHECK_EQ_INT(jit_new(prog, &blind, &b, NULL), 0);
	if (a && b) {
		const void *x = (const void *)(uintptr_t)jit_code(a, &n);
		const void *y = (const void *)(uintptr_t)jit_code(b, &m);

		CHECK(n != m || memcmp(x, y, n) != 0);
	}
	jit_free(a);
	jit_free(b);
	exec_prog_free(prog);
}

/* Indirect branches ------------------------------------------------------------------------------------------------ */

#ifdef __x86_64__
/* Code far from all others: returns its argument and 40. */
static void *far_helper(void)
{
	static const uint8_t code[] = { 0x48, 0x8d, 0x46, 0x28,
					0xc3 }; /* lea 40(%rsi), %rax; ret */
	void *page = mmap((void *)0x10000000000, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		abort();
	memcpy(page, code, sizeof(code));
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	return page;
}

static bool is_indirect(const cs_insn *in)
{
	bool branch = !strncmp(in->mnemonic, "call", 4) || in->mnemonic[0] == 'j' ||
		      !strncmp(in->mnemonic, "notrack", 7) || !strncmp(in->mnemonic, "bnd", 3);

	return branch && strncmp(in->op_str, "0x", 2) != 0;
}

static int unprotected(const struct jit_prog *jit, int *ret_landings)
{
	const uint8_t *code;
	size_t size = 0, n;
	cs_insn *insn = NULL;
	csh decoder;
	int found = 0;

	*ret_landings = 0;
	code = jit_bytes(jit, &size);
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder) != CS_ERR_OK)
		return -1;
	n = cs_disasm(decoder, code, size, (uintptr_t)code, 0, &insn);
	for (size_t i = 0; i < n; i++) {
		bool fenced = i && !strcmp(insn[i - 1].mnemonic, "lfence");

		found += is_indirect(&insn[i]) && !fenced;
		*ret_landings += !strcmp(insn[i].mnemonic, "endbr64");
	}
	if (!n || insn[n - 1].address + insn[n - 1].size != (uintptr_t)code + size)
		found = -1; /* it could not read all of it */
	cs_free(insn, n);
	cs_close(&decoder);
	return found;
}

static void branches(void)
{
	static const char text[] =
		"stxdw [%r10-8], %r2\nldxdw %r3, [%r1]\nmov %r6, %r2\nmov %r1, 2\ncall 1\nmov %r7, %r0\n"
		"mov %r1, %r7\ncall local f\nadd %r0, %r7\nexit\n"
		"f: mov %r0, %r1\nmul %r0, 1000\nexit\n";
	const struct exec_custom customs[] = {
		{ .id = 1,
		  .name = "far",
		  .fn = (uint64_t(*)(void *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t))(
			  uintptr_t)far_helper() }
	};
	struct exec_prog *prog = assemble(text, customs, 1);

	for (int i = 0; prog && i < 16; i++) {
		struct jit_opts opts = { .mode = i & 4 ? JIT_CHECKED : JIT_TRUSTED,
					 .harden = i & 1,
					 .blind = i >> 1 & 1,
					 .no_optimise = i >> 3 & 1 };
		struct jit_prog *jit = NULL;
		struct exec_run run;
		uint64_t r0 = 0, word = 5;
		struct exec_region region = { .base = (uintptr_t)&word,
					      .size = 8,
					      .kind = REGION_MEM };
		int landings, found;

		CHECK_CASE("%s%s%s%s", i & 8 ? "straight, " : "", i & 4 ? "checked, " : "",
			   opts.harden ? "hardened" : "plain", opts.blind ? ", blinded" : "");
		CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
		exec_run_start(&run, 0);
		exec_region_add(&run, &region);
		CHECK_EQ_INT(jit_new(prog, &opts, &jit, NULL), 0);
		if (!jit)
			break;
		found = unprotected(jit, &landings);
		CHECK_MSG(opts.harden ? found == 0 : found > 0, "%d unprotected branches", found);
		/* optimised, f is written where it is called */
		CHECK_EQ_INT(landings, !opts.harden ? 0 : i & 8 ? 2 : 1);
		CHECK_EQ_INT(jit_run(jit, &run, (uintptr_t)&word, &r0, NULL), 0);
		CHECK_EQ_INT(r0, 42042);
		jit_free(jit);
		exec_run_done(&run);
	}
	exec_prog_free(prog);
}
#else
static void branches(void)
{
	static const struct jit_opts opts = { .mode = JIT_TRUSTED, .harden = true };
	struct exec_prog *prog = assemble("mov %r0, 1\nexit\n", NULL, 0);
	struct skep_error *err = NULL;
	struct jit_prog *jit;

	if (!jit_available()) {
		exec_prog_free(prog);
		CHECK_SKIP("there is no compiler for this CPU");
	}
	CHECK_EQ_INT(jit_new(prog, &opts, &jit, &err), -EOPNOTSUPP);
	CHECK_ERR(err, "J0002");
	skep_error_free(err);
	exec_prog_free(prog);
}
#endif

/* Pages ------------------------------------------------------------------------------------------------------------- */

/* The permissions of what lies at an address; "" if nothing does. */
static void permissions(uintptr_t addr, char out[8])
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	out[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long start, end;
		char how[8];

		if (sscanf(line, "%lx-%lx %7s", &start, &end, how) == 3 && addr >= start &&
		    addr < end)
			memcpy(out, how, 8);
	}
	if (f)
		fclose(f);
}

static void pages(void)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct exec_prog *prog;

	if (!jit_available())
		CHECK_SKIP("there is no compiler for this CPU");
	prog = assemble("mov %r0, 1\nexit\n", NULL, 0);
	for (int with_pool = 0; with_pool < 2; with_pool++) {
		struct jit_opts opts = { .mode = JIT_TRUSTED };
		struct jit_prog *jit = NULL;
		uintptr_t at, end;
		char how[8];
		size_t size = 0;

		CHECK_CASE("%s", with_pool ? "in a pool" : "pages of its own");
		if (with_pool)
			CHECK_EQ_INT(jit_pool_new(&opts.pool, NULL), 0);
		CHECK_EQ_INT(jit_new(prog, &opts, &jit, NULL), 0);
		at = end = (uintptr_t)jit_code(jit, &size);
		permissions(at, how);
		CHECK_EQ_MEM(how, "r-x", 3);
		do {
			end = (end / page + 1) * page;
			permissions(end, how);
		} while (!memcmp(how, "r-x", 3) && end - at < (64u << 20) + page);
		CHECK_EQ_MEM(how, "---", 3);
		if (with_pool) { /* the first program lies at its start */
			permissions(at / page * page - 1, how);
			CHECK_EQ_MEM(how, "---", 3);
		}
		jit_free(jit);
		jit_pool_unref(opts.pool);
	}
	exec_prog_free(prog);
}

CHECK_MAIN({ "constants", constants }, { "keys_differ", keys_differ }, { "branches", branches },
	   { "pages", pages })
