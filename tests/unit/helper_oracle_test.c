// SPDX-License-Identifier: Apache-2.0
/* Helpers against the kernel's: the same program on both engines, its results compared byte for byte. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "base/num.h"
#include "both.h"
#include "map_model.h"

static bool need_kernel(void)
{
	const char *missing = oracle_missing();

	if (missing)
		check_skip(missing);
	return !missing;
}

static int read_own(void *ctx, void *out, uint64_t addr, size_t len)
{
	struct iovec to = { out, len }, from = { (void *)(uintptr_t)addr, len };

	(void)ctx;
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

static void own_comm(void *ctx, char out[16])
{
	(void)ctx;
	prctl(PR_GET_NAME, out);
}

static const struct exec_host host = { .read_user = read_own, .comm = own_comm };

static struct both_result ours, kernel;

/* Runs on both; the outputs must be the same. False when there is nothing further to compare. */
static bool run_both(struct both_case *c)
{
	c->host = &host;
	both_kernel(c, &kernel);
	both_ours(c, &ours);
	if (!CHECK_MSG(kernel.loaded == 0, "the kernel gives %d: %s", kernel.loaded, kernel.why) ||
	    !CHECK_MSG(ours.loaded == 0, "we give %d: %s", ours.loaded, ours.why))
		return false;
	CHECK_EQ_INT(ours.retval, kernel.retval);
	return CHECK_EQ_MEM(ours.out, kernel.out, BOTH_OUT);
}

/* Formats ------------------------------------------------------------------------------------------------ */

#define TEXT_AT 256
#define PTR(off) (0x5ea15ea100000000ull + (off)) /* an argument that is the address of in[off] */

struct format_row {
	const char *fmt;
	uint64_t args[12];
	uint32_t nargs, size;
	bool hidden; /* the text is an address that the kernel hides */
};

static void put_args(struct asm_code *a, const uint64_t *args, uint32_t nargs)
{
	for (uint32_t i = 0; i < nargs; i++) {
		if (args[i] >> 32 == PTR(0) >> 32)
			asm_value(a, 1, MAP_IN, (int32_t)(uint32_t)args[i]);
		else
			asm_const(a, 1, args[i]);
		asm_add(a, BPF_STX | BPF_MEM | BPF_DW, 10, 1, -96 + 8 * (int)i, 0);
	}
}

static void fill_in(struct both_case *c, const char *fmt)
{
	static const uint8_t address[16] = { 192, 168, 0, 7, 0x20, 1, 0, 0, 0xfe, 0x80, 9, 1 };

	both_text(c, 0, fmt);
	both_text(c, TEXT_AT, "some text");
	memcpy(c->in + TEXT_AT + 16, address, sizeof(address));
	memset(c->in + TEXT_AT + 100, 'x', 640);
}

static void build_snprintf(struct both_case *c, const struct format_row *row)
{
	struct asm_code *a = &c->code;

	*c = (struct both_case){ .type = PROG_SYSCALL };
	fill_in(c, row->fmt);
	put_args(a, row->args, row->nargs);
	asm_value(a, 1, MAP_OUT, 16);
	asm_mov(a, 2, (int32_t)row->size);
	asm_value(a, 3, MAP_IN, 0);
	asm_stack(a, 4, -96);
	if (!row->nargs)
		asm_mov(a, 4, 0);
	asm_mov(a, 5, (int32_t)row->nargs * 8);
	asm_call(a, BPF_FUNC_snprintf);
	asm_keep(a, 0);
	asm_exit(a, 0);
}

static void build_vprintk(struct both_case *c, const struct format_row *row)
{
	struct asm_code *a = &c->code;

	*c = (struct both_case){ .type = PROG_SYSCALL };
	fill_in(c, row->fmt);
	put_args(a, row->args, row->nargs);
	asm_value(a, 1, MAP_IN, 0);
	asm_mov(a, 2, (int32_t)strlen(row->fmt) + 1);
	asm_stack(a, 3, -96);
	if (!row->nargs)
		asm_mov(a, 3, 0);
	asm_mov(a, 4, (int32_t)row->nargs * 8);
	asm_call(a, BPF_FUNC_trace_vprintk);
	asm_keep(a, 0);
	asm_exit(a, 0);
}

/* The kernel refuses a bad format of snprintf when it loads the program, ours when it is called. */
static void compare_snprintf(const struct format_row *row)
{
	struct both_case c;

	build_snprintf(&c, row);
	c.host = &host;
	both_kernel(&c, &kernel);
	both_ours(&c, &ours);
	if (!CHECK_MSG(ours.loaded == 0, "we give %d: %s", ours.loaded, ours.why))
		return;
	if (kernel.loaded < 0) {
		CHECK_MSG(strstr(kernel.why, "Invalid format string") != NULL,
			  "the kernel gives %d: %s", kernel.loaded, kernel.why);
		CHECK_EQ_INT(both_word(&ours, 0), (uint64_t)-EINVAL);
		return;
	}
	CHECK_EQ_INT(both_word(&ours, 0), both_word(&kernel, 0));
	if (!row->hidden && row->size)
		CHECK_EQ_STR((char *)ours.out + 16, (char *)kernel.out + 16);
	if (!row->hidden)
		CHECK_EQ_MEM(ours.out, kernel.out, BOTH_OUT);
}

static void compare_vprintk(const struct format_row *row)
{
	struct both_case c;

	build_vprintk(&c, row);
	run_both(&c);
}

static const struct format_row format_rows[] = {
	{ "plain", { 0 }, 0, 64, false },
	{ "", { 0 }, 0, 64, false },
	{ "cut here", { 0 }, 0, 4, false },
	{ "cut here", { 0 }, 0, 1, false },
	{ "no room", { 0 }, 0, 0, false },
	{ "100%%", { 0 }, 0, 64, false },
	{ "tab\tand\nline", { 0 }, 0, 64, false },
	{ "bell\a", { 0 }, 0, 64, false },
	{ "high \xc3\xa4", { 0 }, 0, 64, false },
	{ "%d\xc3\xa4", { 5 }, 1, 64, false },
	{ "%s\xc3\xa4", { PTR(TEXT_AT) }, 1, 64, false },
	{ "%s\xa4\xc3", { PTR(TEXT_AT) }, 1, 64, false },
	{ "%p\xd7\xc3", { 0 }, 1, 64, false },
	{ "%s\x80", { PTR(TEXT_AT) }, 1, 64, false },
	{ "%\xc3", { 5 }, 1, 64, false },
	{ "del \x7f", { 0 }, 0, 64, false },
	{ "%pI4\xc3z", { PTR(TEXT_AT + 16) }, 1, 64, false },
	{ "%d %i %u", { (uint64_t)-5, 7, (uint64_t)-1 }, 3, 64, false },
	{ "%ld %lu %lx", { (uint64_t)-5, (uint64_t)-1, 0xdeadbeefcafe }, 3, 64, false },
	{ "%lld %llu %llx %llX", { 1ull << 62, (uint64_t)-1, 0xabc, 0xabc }, 4, 80, false },
	{ "%x %X", { 0xdeadbeefcafe, 0xBEEF }, 2, 64, false },
	{ "[%5d] [%-5d] [%05d]", { 42, 42, 42 }, 3, 64, false },
	{ "[%5d] [%-5d] [%05d]", { (uint64_t)-42, (uint64_t)-42, (uint64_t)-42 }, 3, 64, false },
	{ "[%+d] [% d] [%+ d] [%-+5d]", { 42, 42, 42, 42 }, 4, 64, false },
	{ "[%+u] [% x] [%08x] [%-8x]", { 42, 42, 42, 42 }, 4, 64, false },
	{ "[%-05d] [%0-5d] [%00005d]", { 42, 42, 42 }, 3, 64, false },
	{ "[%300d]", { 42 }, 1, 400, false },
	{ "[%300d]", { 42 }, 1, 100, false },
	{ "%lli %li", { (uint64_t)INT64_MIN, (uint64_t)-1 }, 2, 64, false },
	{ "%c%c%c|", { 'a', 'b' + 256, 0 }, 3, 64, false },
	{ "[%5c] [%-5c] [%05c]", { 'a', 'b', 'c' }, 3, 64, false },
	{ "%s", { PTR(TEXT_AT) }, 1, 64, false },
	{ "[%15s] [%-15s] [%3s] [%015s]",
	  { PTR(TEXT_AT), PTR(TEXT_AT), PTR(TEXT_AT), PTR(TEXT_AT) },
	  4,
	  128,
	  false },
	{ "%s, %pks.", { PTR(TEXT_AT), PTR(TEXT_AT + 5) }, 2, 64, false },
	{ "[%12pks]", { PTR(TEXT_AT) }, 1, 64, false },
	{ "%pks", { 8 }, 1, 64, false },
	{ "%s|%pus", { 8, 8 }, 2, 64, false },
	{ "%s", { PTR(TEXT_AT + 100) }, 1, 1024, false },
	{ "%d%s%d", { 1, PTR(TEXT_AT + 100), 2 }, 3, 1024, false },
	{ "%s%s", { PTR(TEXT_AT + 100), PTR(TEXT_AT) }, 2, 1024, false },
	{ "%s%d", { PTR(TEXT_AT + 100), 5 }, 2, 1024, false },
	{ "%pI4 %pi4", { PTR(TEXT_AT + 16), PTR(TEXT_AT + 16) }, 2, 64, false },
	{ "%pI6 %pi6", { PTR(TEXT_AT + 16), PTR(TEXT_AT + 16) }, 2, 128, false },
	{ "[%20pI4] [%-20pI4]", { PTR(TEXT_AT + 16), PTR(TEXT_AT + 16) }, 2, 64, false },
	{ "%pI4 %pI6", { 8, 8 }, 2, 64, false },
	{ "%pI4abc", { PTR(TEXT_AT + 16) }, 1, 64, false },
	{ "%px %px", { 0x1234, 0xffff888012345678 }, 2, 64, false },
	{ "[%20px] [%-20px] [%020px]", { 0x12, 0x12, 0x12 }, 3, 128, false },
	{ "[%6px] [%06px]", { 0x12, 0x12 }, 2, 128, false },
	{ "[%+px] [% px]", { 0x12, 0x12 }, 2, 128, false },
	{ "%px", { 0 }, 1, 64, false },
	{ "%p", { 0 }, 1, 64, false },
	{ "%p and %pK", { 0xffff888012345678, 0xffff888012345678 }, 2, 64, true },
	{ "[%20p]", { 0xffff888012345678 }, 1, 64, true },
	{ "%ps %pS %pB", { 0x1234, 0x1234, 0x1234 }, 3, 64, false },
	{ "[%10ps] [%-10pS] [%10pB]", { 0x1234, 0x1234, 0x1234 }, 3, 64, false },
	{ "%pxyz", { 0x12 }, 1, 64, false },
	{ "%psyz", { 0x12 }, 1, 64, false },
	{ "%p,%p.", { 0, 0 }, 2, 64, false },
	{ "%d", { 0 }, 0, 64, false },
	{ "%d", { 1, 2 }, 2, 64, false },
	{ "%d%%%d", { 1, 2 }, 2, 64, false },
	{ "%", { 1 }, 1, 64, false },
	{ "%l", { 1 }, 1, 64, false },
	{ "%llld", { 1 }, 1, 64, false },
	{ "%hd", { 1 }, 1, 64, false },
	{ "%#x", { 1 }, 1, 64, false },
	{ "%.3d", { 1 }, 1, 64, false },
	{ "%5", { 1 }, 1, 64, false },
	{ "%e", { 1 }, 1, 64, false },
	{ "%o", { 1 }, 1, 64, false },
	{ "%ls", { 1 }, 1, 64, false },
	{ "%sabc", { PTR(TEXT_AT) }, 1, 64, false },
	{ "%cabc", { 'x' }, 1, 64, false },
	{ "%s-%c-", { PTR(TEXT_AT), 'x' }, 2, 64, false },
	{ "%pi5", { 1 }, 1, 64, false },
	{ "%pk", { 1 }, 1, 64, false },
	{ "%pksx", { PTR(TEXT_AT) }, 1, 64, false },
	{ "%pa", { 1 }, 1, 64, false },
	{ "%5%", { 1 }, 1, 64, false },
	{ "%*d", { 1, 2 }, 2, 64, false },
	{ "%lx%lx%lx%lx%lx%lx%lx%lx%lx%lx%lx%lx",
	  { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
	  12,
	  64,
	  false },
};

/* The format as a name that any terminal takes. */
static const char *plain(const char *fmt)
{
	static char name[128];
	size_t i;

	for (i = 0; fmt[i] && i < sizeof(name) - 1; i++)
		name[i] = (unsigned char)fmt[i] < 0x7f ? fmt[i] : '?';
	name[i] = '\0';
	return name;
}

static void formats(void)
{
	if (!need_kernel())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(format_rows); i++) {
		CHECK_CASE("%s, %u", plain(format_rows[i].fmt), format_rows[i].size);
		compare_snprintf(&format_rows[i]);
		compare_vprintk(&format_rows[i]);
	}
}

/* Conversions put together at random, most of them valid. */
static void random_formats(void)
{
	static const char *const pieces[] = {
		"%", "d", "i", "u", "x", "X",  "l", "ll",  "px", "s ", "c ", "pI4", "pi6",
		"0", "-", "+", " ", "5", "12", ",", "pks", "ps", "z",  "%d", "%lx",
	};
	uint64_t state = 42;

	if (!need_kernel())
		return;
	for (int n = 0; n < 400; n++) {
		struct format_row row = { .nargs = 4, .size = 200 };
		char fmt[64] = "";

		for (uint64_t k = 1 + model_random(&state) % 7; k; k--) {
			size_t len = strlen(fmt);

			snprintf(fmt + len, sizeof(fmt) - len, "%s%s",
				 model_random(&state) % 3 ? "" : "%",
				 pieces[model_random(&state) % ARRAY_SIZE(pieces)]);
		}
		row.fmt = fmt;
		for (uint32_t i = 0; i < row.nargs; i++)
			row.args[i] = PTR(TEXT_AT + 16 * (i % 2));
		/* Addresses differ between engines: they stand only where all are read through. */
		if (strpbrk(fmt, "diuxXlSc") || strstr(fmt, "ps") || strstr(fmt, "%p "))
			for (uint32_t i = 0; i < row.nargs; i++)
				row.args[i] = 0x1234567 * (i + 1);
		CHECK_CASE("%s", fmt);
		compare_snprintf(&row);
	}
}

/* Checksums, strings, loops -------------------------------------------------------------------------------- */

static void checksums(void)
{
	static const int32_t sizes[] = { 0, 4, 8, 20, 64, 128, 3, 6 };
	uint8_t packet[64] = { 0 };
	uint64_t state = 7;

	if (!need_kernel())
		return;
	for (int n = 0; n < 150; n++) {
		struct both_case c = { .type = n % 2 ? PROG_XDP : PROG_SCHED_CLS,
				       .packet = packet,
				       .packet_len = sizeof(packet) };
		int32_t from = sizes[model_random(&state) % ARRAY_SIZE(sizes)];
		int32_t to = sizes[model_random(&state) % ARRAY_SIZE(sizes)];
		uint64_t seed = model_random(&state);
		struct asm_code *a = &c.code;

		if (n % 5 == 0)
			seed = n % 10 ? 0 : UINT32_MAX;
		CHECK_CASE("%d -> %d, seed 0x%x", from, to, (uint32_t)seed);
		for (int i = 0; i < 256; i++)
			c.in[i] = (uint8_t)(n % 7 == 0 ? 0 :
					    n % 7 == 1 ? 0xff :
							 model_random(&state));
		asm_value(a, 1, MAP_IN, 0);
		asm_mov(a, 2, from);
		asm_value(a, 3, MAP_IN, 128);
		asm_mov(a, 4, to);
		asm_const(a, 5, seed);
		asm_call(a, BPF_FUNC_csum_diff);
		asm_keep(a, 0);
		asm_exit(a, 0);
		run_both(&c);
	}
}

static void compares(void)
{
	static const struct {
		const char *a, *b;
		int32_t n;
	} rows[] = { { "abc", "abc", 4 },   { "abc", "abd", 4 }, { "abd", "abc", 3 },
		     { "ab", "abc", 3 },    { "abc", "ab", 3 },	 { "abcd", "abce", 3 },
		     { "\xff", "\x01", 2 }, { "", "", 1 },	 { "", "x", 1 },
		     { "x", "", 8 } };

	if (!need_kernel())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_case c = { .type = PROG_SYSCALL };
		struct asm_code *a = &c.code;

		CHECK_CASE("row %zu", i);
		both_text(&c, 0, rows[i].a);
		both_text(&c, 64, rows[i].b);
		asm_value(a, 1, MAP_IN, 0);
		asm_mov(a, 2, rows[i].n);
		asm_value(a, 3, MAP_IN, 64);
		asm_call(a, BPF_FUNC_strncmp);
		asm_keep(a, 0);
		asm_exit(a, 0);
		run_both(&c);
	}
}

/* The BTF that the kernel wants of callbacks: int main(void), int body(int, int). */
static size_t make_btf(uint8_t *out)
{
	static const char strings[] = "\0int\0main\0body\0a\0b";
	static const uint32_t types[] = {
		1,  0x01000000, 4, 0x01000020,		 /* INT int */
		0,  0x0d000000, 1,			 /* FUNC_PROTO int (void) */
		0,  0x0d000002, 1, 15,	       1, 17, 1, /* FUNC_PROTO int (int a, int b) */
		5,  0x0c000000, 2,			 /* FUNC main */
		10, 0x0c000000, 3,			 /* FUNC body */
	};
	const uint32_t header[] = {
		0x0001eb9f, 24, 0, sizeof(types), sizeof(types), sizeof(strings)
	};

	memcpy(out, header, 24);
	memcpy(out + 24, types, sizeof(types));
	memcpy(out + 24 + sizeof(types), strings, sizeof(strings));
	return 24 + sizeof(types) + sizeof(strings);
}

static void loops(void)
{
	static const struct {
		int32_t n, stop, flags;
	} rows[] = { { 0, -1, 0 },  { 1, -1, 0 },	 { 5, -1, 0 },
		     { 10, 3, 0 },  { 10, 0, 0 },	 { 10, 9, 0 },
		     { 10, -1, 1 }, { 1 << 23, 100, 0 }, { (1 << 23) + 1, 0, 0 },
		     { -1, 0, 0 } };
	uint8_t btf[256];
	size_t btf_len = make_btf(btf);

	if (!need_kernel())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_case c = {
			.type = PROG_SYSCALL, .btf = btf, .btf_len = (uint32_t)btf_len, .nfuncs = 2
		};
		struct asm_code *a = &c.code;
		uint32_t func_info[4] = { 0, 4, 0, 5 };
		uint32_t at;

		CHECK_CASE("%d times, stop at %d, flags %d", rows[i].n, rows[i].stop,
			   rows[i].flags);
		asm_mov(a, 1, rows[i].n);
		at = a->n;
		asm_add(a, BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_FUNC, 0, 0);
		asm_add(a, 0, 0, 0, 0, 0);
		asm_mov(a, 3, 0);
		asm_mov(a, 4, rows[i].flags);
		asm_call(a, BPF_FUNC_loop);
		asm_keep(a, 0);
		asm_exit(a, 0);
		a->in[at].imm = (int32_t)(a->n - at - 1);
		func_info[2] = a->n;
		/* body: *(u64 *)(out + 8) = index; return index == stop; */
		asm_value(a, 3, MAP_OUT, 8);
		asm_add(a, BPF_STX | BPF_MEM | BPF_DW, 3, 1, 0, 0);
		asm_mov(a, 0, 1);
		asm_add(a, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1, rows[i].stop);
		asm_mov(a, 0, 0);
		asm_add(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		c.func_info = func_info;
		run_both(&c);
	}
}

/* Memory ------------------------------------------------------------------------------------------------------ */

static void probe_reads(void)
{
	static const int helpers[] = { BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read_kernel_str,
				       BPF_FUNC_probe_read_user, BPF_FUNC_probe_read_user_str,
				       BPF_FUNC_copy_from_user };
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *pages;

	if (!need_kernel())
		return;
	pages = mmap(NULL, (size_t)page * 3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	if (!CHECK(pages != MAP_FAILED))
		return;
	mprotect(pages + 2 * page, (size_t)page, PROT_NONE);
	memset(pages, 'a', (size_t)page * 2);
	memcpy(pages + 2 * page - 6, "hello", 6);
	memcpy(pages + page - 3, "across", 7);
	for (size_t h = 0; h < ARRAY_SIZE(helpers); h++) {
		bool user = h >= 2;
		const struct {
			uint64_t addr;
			int32_t size;
		} rows[] = {
			{ user ? (uintptr_t)pages + 2 * (uint64_t)page - 6 : PTR(TEXT_AT), 32 },
			{ user ? (uintptr_t)pages + 2 * (uint64_t)page - 6 : PTR(TEXT_AT), 6 },
			{ user ? (uintptr_t)pages + 2 * (uint64_t)page - 6 : PTR(TEXT_AT), 5 },
			{ user ? (uintptr_t)pages + 2 * (uint64_t)page - 6 : PTR(TEXT_AT), 1 },
			{ user ? (uintptr_t)pages + 2 * (uint64_t)page - 6 : PTR(TEXT_AT), 0 },
			{ user ? (uintptr_t)pages + (uint64_t)page - 3 : PTR(TEXT_AT), 64 },
			{ user ? (uintptr_t)pages + (uint64_t)page - 3 : PTR(TEXT_AT), 4 },
			{ 8, 16 },
			{ 0, 16 },
			{ 0xffff800000000008, 8 },
			{ 0x0123456789abcdef, 8 },
			{ 0xfedcba9876543210, 8 },
			{ 0xfffffffffffffff8, 8 },
			{ user ? (uintptr_t)pages + 2 * (uint64_t)page : 64, 8 },
		};

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct both_case c = { .type = PROG_SYSCALL };
			struct asm_code *a = &c.code;

			CHECK_CASE("helper %d, row %zu", helpers[h], i);
			fill_in(&c, "");
			put_args(a, &rows[i].addr, 1);
			asm_add(a, BPF_LDX | BPF_MEM | BPF_DW, 3, 10, -96, 0);
			asm_value(a, 1, MAP_OUT, 16);
			asm_mov(a, 2, rows[i].size);
			asm_call(a, helpers[h]);
			asm_keep(a, 0);
			asm_exit(a, 0);
			run_both(&c);
		}
	}
	munmap(pages, (size_t)page * 3);
}

static void comms(void)
{
	static const int32_t sizes[] = { 1, 4, 15, 16, 20 };

	if (!need_kernel())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct both_case c = { .type = PROG_SYSCALL };
		struct asm_code *a = &c.code;

		CHECK_CASE("%d bytes", sizes[i]);
		asm_value(a, 1, MAP_OUT, 16);
		asm_mov(a, 2, sizes[i]);
		asm_call(a, BPF_FUNC_get_current_comm);
		asm_keep(a, 0);
		asm_exit(a, 0);
		run_both(&c);
	}
}

/* Packets ------------------------------------------------------------------------------------------------------- */

/* Programs of several moves of the packet's ends; after each the result is kept, at the end the bytes compared. */
static void xdp_moves(void)
{
	static const int helpers[] = { BPF_FUNC_xdp_adjust_head, BPF_FUNC_xdp_adjust_tail,
				       BPF_FUNC_xdp_adjust_meta };
	static const int32_t deltas[] = { 0,	1,    -1,  4,	 -4,   -8,   14,   50,	51,  -16,
					  -32,	-36,  -40, -200, -215, -216, -217, 64,	100, 3000,
					  3456, 3457, -64, -250, -252, -255, -256, 248, -2,  60 };
	uint8_t packet[64];
	uint64_t state = 11;

	if (!need_kernel())
		return;
	for (uint32_t i = 0; i < sizeof(packet); i++)
		packet[i] = (uint8_t)(i + 1);
	for (int n = 0; n < 250; n++) {
		struct both_case c = { .type = PROG_XDP,
				       .packet = packet,
				       .packet_len = sizeof(packet) };
		struct asm_code *a = &c.code;
		uint32_t kind = (uint32_t)n, steps = n < 90 ? 1 : 5;

		CHECK_CASE("program %d", n);
		asm_move(a, 6, 1);
		for (uint32_t i = 0; i < steps; i++) {
			uint32_t pick = n < 90 ? kind : (uint32_t)model_random(&state) % 9000;

			asm_move(a, 1, 6);
			asm_mov(a, 2, deltas[pick / 3 % ARRAY_SIZE(deltas)]);
			asm_call(a, helpers[pick % 3]);
			asm_keep(a, (int)i * 8);
		}
		asm_exit(a, 2);
		if (!run_both(&c))
			continue;
		CHECK_EQ_INT(ours.packet_len, kernel.packet_len);
		if (ours.packet_len == kernel.packet_len)
			CHECK_EQ_MEM(ours.packet, kernel.packet, ours.packet_len);
	}
}

static void redirects(void)
{
	static const struct {
		int type;
		int32_t flags;
	} rows[] = { { PROG_XDP, 0 },	    { PROG_XDP, 1 },	   { PROG_SCHED_CLS, 0 },
		     { PROG_SCHED_CLS, 1 }, { PROG_SCHED_CLS, 2 }, { PROG_SCHED_CLS, 256 } };
	uint8_t packet[64] = { 0 };

	if (!need_kernel())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_case c = { .type = rows[i].type,
				       .packet = packet,
				       .packet_len = sizeof(packet) };
		struct asm_code *a = &c.code;

		CHECK_CASE("type %d, flags %d", rows[i].type, rows[i].flags);
		asm_mov(a, 1, 1);
		asm_mov(a, 2, rows[i].flags);
		asm_call(a, BPF_FUNC_redirect);
		asm_keep(a, 0);
		asm_exit(a, 0);
		run_both(&c);
	}
}

/* Buffers ---------------------------------------------------------------------------------------------------------- */

static void ring_buffers(void)
{
	uint64_t state = 13;

	if (!need_kernel())
		return;
	for (int n = 0; n < 40; n++) {
		struct both_case c = { .type = PROG_SYSCALL,
				       .own_type = MAP_RINGBUF,
				       .own_entries = 4096 };
		struct asm_code *a = &c.code;
		int at = 0;

		CHECK_CASE("program %d", n);
		for (int i = 0; i < 12; i++) {
			asm_map(a, 1, MAP_OWN);
			asm_value(a, 2, MAP_IN, 0);
			asm_mov(a, 3, (int32_t)(model_random(&state) % 1000));
			asm_mov(a, 4, model_random(&state) % 9 ? 0 : (int32_t)(1 << i % 4));
			asm_call(a, BPF_FUNC_ringbuf_output);
			asm_keep(a, 8 * at++);
			for (int q = 0; q < 5 && i % 4 == 3; q++) {
				asm_map(a, 1, MAP_OWN);
				asm_mov(a, 2, q);
				asm_call(a, BPF_FUNC_ringbuf_query);
				asm_keep(a, 8 * at++);
			}
		}
		asm_exit(a, 0);
		run_both(&c);
	}
}

/* Reservations of a size; what came of them shows in the positions. */
static void ring_reservations(void)
{
	static const int32_t sizes[] = { 0, 1, 8, 9, 4080, 4081, 4088, 4089, 8192 };

	if (!need_kernel())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * 2; i++) {
		struct both_case c = { .type = PROG_SYSCALL,
				       .own_type = MAP_RINGBUF,
				       .own_entries = 4096 };
		struct asm_code *a = &c.code;

		CHECK_CASE("%d bytes, %s", sizes[i / 2], i % 2 ? "discarded" : "submitted");
		for (int round = 0; round < 2; round++) {
			asm_map(a, 1, MAP_OWN);
			asm_mov(a, 2, sizes[i / 2]);
			asm_mov(a, 3, 0);
			asm_call(a, BPF_FUNC_ringbuf_reserve);
			asm_move(a, 6, 0);
			asm_mov(a, 7, 0);
			asm_add(a, BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 4, 0);
			asm_mov(a, 7, 1);
			asm_move(a, 1, 6);
			asm_mov(a, 2, 0);
			asm_call(a, i % 2 ? BPF_FUNC_ringbuf_discard : BPF_FUNC_ringbuf_submit);
			asm_move(a, 0, 7);
			asm_keep(a, 16 * round);
			asm_map(a, 1, MAP_OWN);
			asm_mov(a, 2, 3);
			asm_call(a, BPF_FUNC_ringbuf_query);
			asm_keep(a, 16 * round + 8);
		}
		asm_exit(a, 0);
		run_both(&c);
	}
}

/* What perf_event_output refuses before there is a buffer. */
static void perf_refusals(void)
{
	static const uint64_t flags[] = { 0,	      1,	  3,	       4,
					  0xffffffff, 1ull << 32, 64ull << 32, 65ull << 32,
					  1ull << 52, 1ull << 63 };
	uint8_t packet[64] = { 0 };

	if (!need_kernel())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(flags) * 2; i++) {
		struct both_case c = { .type = i % 2 ? PROG_XDP : PROG_SCHED_CLS,
				       .packet = packet,
				       .packet_len = sizeof(packet),
				       .own_type = MAP_PERF_EVENT_ARRAY,
				       .own_key = 4,
				       .own_value = 4,
				       .own_entries = 4 };
		struct asm_code *a = &c.code;

		CHECK_CASE("type %d, flags 0x%" PRIx64, c.type, flags[i / 2]);
		asm_map(a, 2, MAP_OWN);
		asm_const(a, 3, flags[i / 2]);
		asm_value(a, 4, MAP_IN, 0);
		asm_mov(a, 5, 8);
		asm_call(a, BPF_FUNC_perf_event_output);
		asm_keep(a, 0);
		asm_exit(a, 0);
		run_both(&c);
	}
}

/* Maps through helpers: each step's result, and what a look-up finds. */
static void map_steps(void)
{
	static const struct {
		uint32_t type, key, value, max;
	} rows[] = { { MAP_HASH, 4, 8, 3 }, { MAP_ARRAY, 4, 8, 3 }, { MAP_LRU_HASH, 4, 8, 64 } };
	uint64_t state = 17;

	if (!need_kernel())
		return;
	for (size_t r = 0; r < ARRAY_SIZE(rows) * 10; r++) {
		uint32_t kind = (uint32_t)(r % ARRAY_SIZE(rows));
		struct both_case c = { .type = PROG_SCHED_CLS,
				       .packet = "01234567890123456789",
				       .packet_len = 20,
				       .own_type = rows[kind].type,
				       .own_key = rows[kind].key,
				       .own_value = rows[kind].value,
				       .own_entries = rows[kind].max };
		struct asm_code *a = &c.code;

		CHECK_CASE("%s, program %zu", spec_map_type_name((int)rows[kind].type), r);
		for (int i = 0; i < 18; i++) {
			int key = (int)(model_random(&state) % (kind == 2 ? 20 : 5));
			int op = (int)(model_random(&state) % 4);

			asm_add(a, BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, key);
			asm_add(a, BPF_ST | BPF_MEM | BPF_DW, 10, 0, -16, i + 100);
			asm_map(a, 1, MAP_OWN);
			asm_stack(a, 2, -4);
			asm_stack(a, 3, -16);
			asm_mov(a, 4, (int)(model_random(&state) % 5 % 4));
			asm_call(a, op < 2 ? BPF_FUNC_map_update_elem :
				    op < 3 ? BPF_FUNC_map_delete_elem :
					     BPF_FUNC_map_lookup_elem);
			if (op == 3) {
				asm_add(a, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, 0);
				asm_add(a, BPF_LDX | BPF_MEM | BPF_DW, 0, 0, 0, 0);
			}
			asm_keep(a, i * 8);
		}
		asm_exit(a, 0);
		run_both(&c);
	}
}

CHECK_MAIN({ "formats", formats }, { "random_formats", random_formats }, { "checksums", checksums },
	   { "compares", compares }, { "loops", loops }, { "probe_reads", probe_reads },
	   { "comms", comms }, { "xdp_moves", xdp_moves }, { "redirects", redirects },
	   { "ring_buffers", ring_buffers }, { "ring_reservations", ring_reservations },
	   { "perf_refusals", perf_refusals }, { "map_steps", map_steps })
