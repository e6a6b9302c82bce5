// SPDX-License-Identifier: Apache-2.0
/*
 * base/: error values and their text (the only place where wording of a rendering is asserted), arenas with
 * limits, growable buffers, checked numbers, safe text, bounded reading of files.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/num.h"
#include "base/utf8.h"
#include "check.h"

static const struct err_def broken = { "Z0001", EINVAL, "the thing is broken" };

static const struct {
	const char *what;
	struct skep_place at;
	const char *text;
} places[] = {
	{ "none", { .kind = SKEP_PLACE_NONE }, "" },
	{ "file", { .kind = SKEP_PLACE_FILE, .name = "a.o", .at = 64 }, "  --> a.o, offset 64\n" },
	{ "file as a whole", { .kind = SKEP_PLACE_FILE, .name = "a.o" }, "  --> a.o\n" },
	{ "file without a name", { .kind = SKEP_PLACE_FILE, .at = 1 }, "  --> ?, offset 1\n" },
	{ "text",
	  { .kind = SKEP_PLACE_TEXT, .name = "x.c", .line = 3, .col = 9 },
	  "  --> x.c:3:9\n" },
	{ "section",
	  { .kind = SKEP_PLACE_ELF, .name = "a.o", .part = ".maps", .at = 8 },
	  "  --> a.o, section '.maps', offset 8\n" },
	{ "type",
	  { .kind = SKEP_PLACE_BTF, .name = "a.o", .part = "event", .at = 12 },
	  "  --> a.o, BTF type 12 'event'\n" },
	{ "map",
	  { .kind = SKEP_PLACE_MAP, .name = "a.o", .part = "counts" },
	  "  --> a.o, map 'counts'\n" },
	{ "instruction",
	  { .kind = SKEP_PLACE_INSN, .name = "a.o", .part = "go", .at = 17 },
	  "  --> a.o, program 'go', instruction 17\n" },
	{ "instruction with its line",
	  { .kind = SKEP_PLACE_INSN,
	    .name = "a.o",
	    .part = "go",
	    .at = 17,
	    .src = "a.bpf.c",
	    .text = "\t\tx =\ty;",
	    .line = 31,
	    .col = 9 },
	  "  --> a.o, program 'go', instruction 17 (a.bpf.c:31:9)\n   31 | x = y;\n" },
	{ "instruction with a file only",
	  { .kind = SKEP_PLACE_INSN, .name = "a.o", .part = "go", .at = 1, .src = "a.c", .line = 4 },
	  "  --> a.o, program 'go', instruction 1 (a.c:4:0)\n" },
	{ "hostile names",
	  { .kind = SKEP_PLACE_ELF, .name = "a\033[2J.o", .part = "x\ny\xff", .at = 8 },
	  "  --> a\\x1b[2J.o, section 'x\\ny\\xff', offset 8\n" },
	{ "hostile source line",
	  { .kind = SKEP_PLACE_INSN,
	    .name = "a.o",
	    .part = "go",
	    .src = "\x7f.c",
	    .text = "a\rb",
	    .line = 1,
	    .col = 2 },
	  "  --> a.o, program 'go', instruction 0 (\\x7f.c:1:2)\n    1 | a\\rb\n      |  ^\n" },
};

static void renders_places(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct skep_error *err = NULL;
		char text[512], expect[512];

		CHECK_CASE("%s", places[i].what);
		CHECK_EQ_INT(skep_fail(&err, &broken, places[i].at, "%d left", 7), -EINVAL);
		snprintf(expect, sizeof(expect), "error[Z0001]: the thing is broken: 7 left\n%s",
			 places[i].text);
		CHECK_EQ_INT(skep_error_text(err, text, sizeof(text)), strlen(expect));
		CHECK_EQ_STR(text, expect);
		skep_error_free(err);
	}
	/* a kind without a row above would go unseen */
	for (int kind = SKEP_PLACE_NONE; kind <= SKEP_PLACE_MAP; kind++) {
		bool seen = false;

		for (size_t i = 0; i < ARRAY_SIZE(places); i++)
			seen |= (int)places[i].at.kind == kind;
		CHECK_CASE("kind %d has a row", kind);
		CHECK(seen);
	}
}

static void renders_everything(void)
{
	static const char expect[] = "error[Z0001]: the thing is broken\n"
				     "  --> a.o\n"
				     "  needed: 2 bytes\n"
				     "  known:  1 byte\n"
				     "  help:   try 'more'\n"
				     "  while:  reading 'a.o'\n"
				     "  while:  starting\n";
	struct skep_error *err = NULL;
	char text[sizeof(expect) + 16];

	skep_fail(&err, &broken, SKEP_AT_FILE("a.o", 0), NULL);
	skep_need(&err, "%s", "replaced");
	skep_need(&err, "%d bytes", 2);
	skep_known(&err, "%d byte", 1);
	skep_hint(&err, "try '%s'", "more");
	CHECK_EQ_INT(skep_wrap(&err, -EINVAL, "reading '%s'", "a.o"), -EINVAL);
	CHECK_EQ_INT(skep_wrap(&err, -7, "starting"), -7);
	CHECK_EQ_INT(skep_error_code(err), -EINVAL);
	CHECK_EQ_STR(skep_error_message(err), "the thing is broken");
	CHECK_EQ_STR(skep_error_context(err, 1), "starting");
	CHECK(!skep_error_context(err, 2));
	CHECK_EQ_INT(skep_error_text(err, NULL, 0), strlen(expect));
	/* cut anywhere, it stays a string and says how long it would be */
	for (size_t n = 1; n <= sizeof(expect); n++) {
		memset(text, 'Z', sizeof(text));
		CHECK_EQ_INT(skep_error_text(err, text, n), strlen(expect));
		CHECK_EQ_INT(strlen(text), n - 1);
		CHECK(strncmp(text, expect, n - 1) == 0);
		CHECK_EQ_INT(text[n], 'Z');
	}
	skep_error_free(err);
}

static void owns_its_strings(void)
{
	char name[] = "a.o", part[] = "p", src[] = "s.c", line[] = "x = 1;";
	struct skep_error *err = NULL;
	const struct skep_place *at;

	skep_fail(&err, &broken,
		  (struct skep_place){ .kind = SKEP_PLACE_INSN,
				       .name = name,
				       .part = part,
				       .src = src,
				       .text = line,
				       .line = 1 },
		  NULL);
	name[0] = part[0] = src[0] = line[0] = '!';
	at = skep_error_place(err);
	CHECK_EQ_STR(at->name, "a.o");
	CHECK_EQ_STR(at->part, "p");
	CHECK_EQ_STR(at->src, "s.c");
	CHECK_EQ_STR(at->text, "x = 1;");
	skep_relocate(&err, SKEP_AT_MAP("b.o", "m"));
	CHECK_EQ_INT(skep_error_place(err)->kind, SKEP_PLACE_MAP);
	CHECK_EQ_STR(skep_error_place(err)->part, "m");
	skep_error_free(err);
}

static void without_a_taker(void)
{
	struct skep_error *none = NULL;

	CHECK_EQ_INT(skep_fail(NULL, &broken, SKEP_NOWHERE, "x"), -EINVAL);
	CHECK_EQ_INT(skep_fail_nomem(NULL), -ENOMEM);
	CHECK_EQ_INT(skep_wrap(NULL, -5, "x"), -5);
	CHECK_EQ_INT(skep_wrap(&none, -5, "x"), -5);
	CHECK(!none);
	skep_need(NULL, "x");
	skep_known(&none, "x");
	skep_hint(NULL, "x");
	skep_relocate(&none, SKEP_NOWHERE);
	CHECK(!none);
	skep_error_free(NULL);
}

static void out_of_memory(void)
{
	struct skep_error *err = NULL;
	char text[64];

	CHECK_EQ_INT(skep_fail_nomem(&err), -ENOMEM);
	CHECK_ERR(err, "B0001");
	/* it is shared: nothing sticks to it */
	skep_need(&err, "x");
	skep_hint(&err, "x");
	skep_wrap(&err, -1, "x");
	skep_relocate(&err, SKEP_AT_FILE("x", 1));
	CHECK(!skep_error_needed(err));
	CHECK(!skep_error_help(err));
	CHECK(!skep_error_context(err, 0));
	skep_error_text(err, text, sizeof(text));
	CHECK_EQ_STR(text, "error[B0001]: out of memory\n");
	skep_error_free(err);
	skep_error_free(err);
}

static void many_contexts(void)
{
	struct skep_error *err = NULL;

	skep_fail(&err, &broken, SKEP_NOWHERE, NULL);
	for (int i = 0; i < 40; i++)
		CHECK_EQ_INT(skep_wrap(&err, -3, "step %d", i), -3);
	CHECK_EQ_STR(skep_error_context(err, 7), "step 7");
	CHECK(!skep_error_context(err, 8));
	skep_error_free(err);
}

static void arenas(void)
{
	struct arena a;
	unsigned char *p, *q;

	CHECK_CASE("zeroed, aligned, apart");
	arena_init(&a, 0);
	for (size_t n = 0; n < 3000; n += 37) {
		p = arena_alloc(&a, n, 1);
		q = arena_alloc(&a, 1, n);
		CHECK(p && q && p != q);
		CHECK_EQ_INT((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < n; i++)
			if (p[i] || q[i])
				CHECK_EQ_INT(p[i] | q[i], 0);
		memset(p, 0xff, n);
		memset(q, 0xff, n);
	}
	CHECK_CASE("larger than any chunk");
	p = arena_alloc(&a, 3 << 20, 1);
	if (CHECK(p))
		memset(p, 1, 3 << 20);
	CHECK(arena_alloc(&a, 8, 8));
	CHECK_CASE("sizes that overflow");
	CHECK(!arena_alloc(&a, SIZE_MAX, 2));
	CHECK(!arena_alloc(&a, SIZE_MAX / 8 + 2, 8));
	CHECK(!arena_alloc(&a, 1, SIZE_MAX - 4));
	CHECK_CASE("strings");
	CHECK_EQ_STR(arena_strdup(&a, "abc"), "abc");
	CHECK_EQ_STR(arena_strndup(&a, "abcdef", 3), "abc");
	CHECK_EQ_STR(arena_printf(&a, "%d-%s", 5, "x"), "5-x");
	CHECK_EQ_MEM(arena_dup(&a, "a\0b", 3), "a\0b", 3);
	arena_done(&a);
	CHECK_EQ_INT(a.used, 0);

	CHECK_CASE("limit");
	arena_init(&a, 100);
	CHECK(arena_alloc(&a, 48, 1));
	CHECK(!arena_alloc(&a, 64, 1));
	CHECK(arena_alloc(&a, 48, 1));
	CHECK(!arena_alloc(&a, 1, 1)); /* rounded up to 16 */
	CHECK(!arena_alloc(&a, 101, 1));
	CHECK(!arena_strdup(&a, "x"));
	CHECK(!arena_printf(&a, "%d", 1));
	CHECK_EQ_INT(a.used, 96);
	arena_done(&a);
}

static void arenas_emptied(void)
{
	struct arena a;

	CHECK_CASE("reset");
	arena_init(&a, 0);
	arena_reset(&a, 100000);
	CHECK(!a.top);
	for (int round = 0; round < 3; round++) {
		unsigned char *small = arena_alloc(&a, 5000, 1);
		unsigned char *raw = arena_alloc_raw(&a, (size_t)(3000 + 500 * round), 1);
		unsigned char *more = arena_alloc(&a, 6000, 1);
		int seen = 0;

		for (int i = 0; CHECK(small && more) && i < 5000; i++)
			seen |= small[i] | more[i];
		CHECK_EQ_INT(seen, 0);
		if (CHECK(raw) && small && more) {
			memset(small, 255, 5000);
			memset(raw, 255, 3000);
			memset(more, 255, 6000);
		}
		arena_reset(&a, 100000);
		CHECK_EQ_INT(a.used, 0);
		CHECK(a.top);
	}
	arena_alloc(&a, 5000, 1);
	arena_reset(&a, 4999);
	CHECK(!a.top);
	arena_done(&a);
}

static void arenas_on_memory(void)
{
	_Alignas(16) unsigned char memory[4096];
	unsigned char *in, *out;
	struct arena a;

	CHECK_CASE("begins on what it is given");
	memset(memory, 255, sizeof(memory));
	arena_init_on(&a, 0, memory, sizeof(memory));
	in = arena_alloc(&a, 1000, 1);
	out = arena_alloc(&a, 5000, 1);
	CHECK(in >= memory && in + 1000 <= memory + sizeof(memory));
	CHECK(out && (out + 5000 <= memory || out >= memory + sizeof(memory)));
	for (int i = 0; in && out && i < 5000; i++)
		if (out[i] || in[i % 1000])
			CHECK_MSG(false, "byte %d is not zero", i);
	arena_done(&a);

	CHECK_CASE("of nothing");
	arena_init_on(&a, 0, NULL, 0);
	CHECK(arena_alloc(&a, 10, 1));
	arena_done(&a);

	CHECK_CASE("room for all");
	arena_init(&a, 0);
	arena_reserve(&a, 300000);
	in = arena_alloc(&a, 100000, 1);
	out = arena_alloc(&a, 200000, 1);
	CHECK(in && out && in + 100000 == out);
	memset(out, 255, 200000);
	arena_reset(&a, 300000);
	in = arena_alloc(&a, 300000, 1);
	CHECK(in);
	for (int i = 0; in && i < 300000; i++)
		if (in[i])
			CHECK_MSG(false, "byte %d is %u", i, in[i]);
	arena_done(&a);
}

static void buffers(void)
{
	struct buf b;
	char *given;

	CHECK_CASE("empty");
	buf_init(&b);
	CHECK_EQ_STR(buf_str(&b), "");
	given = buf_give(&b);
	CHECK_EQ_STR(given, "");
	free(given);

	CHECK_CASE("grows and stays a string");
	for (int i = 0; i < 5000; i++) {
		buf_addc(&b, (char)('a' + i % 26));
		CHECK(b.data[b.len] == 0 && b.len == (size_t)i + 1);
	}
	buf_clear(&b);
	CHECK_EQ_STR(buf_str(&b), "");
	buf_adds(&b, "x");
	buf_printf(&b, "=%d;%*s", 42, 300, "y");
	CHECK_EQ_INT(b.len, 5 + 300);
	buf_add(&b, NULL, 0);
	buf_add(&b, "\0z", 2);
	CHECK_EQ_INT(b.len, 307);
	CHECK_EQ_INT(b.data[306], 'z');
	given = buf_give(&b);
	CHECK(given && strncmp(given, "x=42;", 5) == 0);
	CHECK(!b.data && !b.len);
	free(given);

	CHECK_CASE("failed: writes do nothing, the failure stays");
	buf_adds(&b, "abc");
	buf_add(&b, "x", SIZE_MAX / 2);
	CHECK(b.failed);
	buf_adds(&b, "def");
	CHECK_EQ_STR(buf_str(&b), "abc");
	CHECK(!buf_give(&b));
	CHECK(!b.failed && !b.data);
	buf_add(&b, "x", SIZE_MAX);
	CHECK(b.failed);
	buf_clear(&b);
	buf_adds(&b, "again");
	CHECK_EQ_STR(buf_str(&b), "again");
	buf_done(&b);
}

static void numbers(void)
{
	static const struct {
		uint64_t off, len, size;
		bool inside;
	} rows[] = {
		{ 0, 0, 0, true },
		{ 0, 1, 0, false },
		{ 5, 0, 5, true },
		{ 6, 0, 5, false },
		{ 4, 1, 5, true },
		{ 4, 2, 5, false },
		{ UINT64_MAX, 1, 5, false },
		{ 1, UINT64_MAX, 5, false },
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, false },
		{ 0, UINT64_MAX, UINT64_MAX, true },
	};
	uint64_t v = 77;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("[%" PRIu64 " + %" PRIu64 ") in %" PRIu64, rows[i].off, rows[i].len,
			   rows[i].size);
		CHECK_EQ_INT(num_inside(rows[i].off, rows[i].len, rows[i].size), rows[i].inside);
	}
	CHECK_CASE("sums, products, rounding");
	CHECK(num_add(UINT64_MAX - 1, 1, &v) && v == UINT64_MAX);
	CHECK(!num_add(UINT64_MAX, 1, &v));
	CHECK(num_mul(1ull << 32, (1ull << 32) - 1, &v) && v == 0xffffffff00000000);
	CHECK(!num_mul(1ull << 32, 1ull << 32, &v));
	v = 77;
	CHECK(!num_round_up(UINT64_MAX - 2, 8, &v) && v == 77);
	CHECK(num_round_up(17, 8, &v) && v == 24);
	CHECK(num_round_up(24, 8, &v) && v == 24);
	CHECK_EQ_INT(num_align(1, 4096), 4096);
	CHECK(num_is_pow2(1) && num_is_pow2(1ull << 63) && !num_is_pow2(0) && !num_is_pow2(6));
	CHECK(num_min(3, 4) == 3 && num_max(3, 4) == 4);
}

static void bytes(void)
{
	static const unsigned char raw[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	unsigned char out[8];

	CHECK_EQ_INT(bytes_u16(raw + 1, false), 0x0201);
	CHECK_EQ_INT(bytes_u16(raw + 1, true), 0x0102);
	CHECK_EQ_INT(bytes_u32(raw + 1, true), 0x01020304);
	CHECK_EQ_INT(bytes_u64(raw + 1, false), 0x0807060504030201);
	CHECK_EQ_INT(bytes_uint(raw + 1, 1), 1);
	CHECK_EQ_INT(bytes_uint(raw + 1, 8), 0x0807060504030201);
	CHECK_EQ_INT(bytes_uint(raw + 1, 3), 0);
	for (unsigned int n = 1; n <= 8; n *= 2) {
		memset(out, 0xee, sizeof(out));
		bytes_put_uint(out, n, 0x0807060504030201);
		CHECK_EQ_MEM(out, raw + 1, n);
		if (n < 8)
			CHECK_EQ_INT(out[n], 0xee);
	}
}

static void safe_text(void)
{
	static const struct {
		const char *raw, *safe;
		bool valid;
	} rows[] = {
		{ "plain_name.0", "plain_name.0", true },
		{ "Zürich 蜂 🐝", "Zürich 蜂 🐝", true },
		{ "a\tb\nc\rd", "a\\tb\\nc\\rd", true },
		{ "\033[31m\x7f\x01", "\\x1b[31m\\x7f\\x01", true },
		{ "\xc2\x9b"
		  "2J",
		  "\\xc2\\x9b2J", true }, /* CSI as one C1 character */
		{ "\xc2\xa0", "\xc2\xa0", true },
		{ "a\xe2\x80\xae"
		  "b",
		  "a\\xe2\\x80\\xaeb", true }, /* right-to-left override */
		{ "\xff\xfe", "\\xff\\xfe", false },
		{ "\xc0\xaf", "\\xc0\\xaf", false },		       /* overlong */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf", false },	       /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", false },	       /* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", false }, /* past U+10FFFF */
		{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80", false },
		{ "x\xe8\x9c", "x\\xe8\\x9c", false }, /* cut */
		{ "\x80x", "\\x80x", false },
		{ "\xc3(", "\\xc3(", false },
	};
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("%s", rows[i].safe);
		buf_clear(&b);
		utf8_escape(&b, rows[i].raw, strlen(rows[i].raw));
		CHECK_EQ_STR(buf_str(&b), rows[i].safe);
		CHECK_EQ_INT(utf8_valid(rows[i].raw, strlen(rows[i].raw)), rows[i].valid);
		CHECK(utf8_valid(buf_str(&b), b.len));
	}
	CHECK_CASE("a NUL inside, the end of the bytes");
	buf_clear(&b);
	utf8_escape(&b, "a\0b", 3);
	CHECK_EQ_STR(buf_str(&b), "a\\x00b");
	CHECK_EQ_INT(utf8_char("", 0), 0);
	CHECK(utf8_valid("", 0));
	buf_done(&b);
}

static const char *temp_dir(void)
{
	static char dir[] = P_tmpdir "/skep-base-XXXXXX";

	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		abort();
	return dir;
}

static void write_file(const char *path, size_t n)
{
	FILE *f = fopen(path, "w");

	for (size_t i = 0; f && i < n; i++)
		fputc((int)(i % 251), f);
	if (!f || fclose(f) != 0)
		abort();
}

static int read_of(const char *path, size_t limit, struct buf *out, const char *id)
{
	struct skep_error *err = NULL;
	int r;

	buf_init(out);
	r = file_read(path, limit, out, &err);
	CHECK_ERR(err, id);
	if (err) {
		CHECK_EQ_INT(skep_error_code(err), r);
		CHECK_EQ_INT(skep_error_place(err)->kind, SKEP_PLACE_FILE);
		CHECK_EQ_STR(skep_error_place(err)->name, path);
	}
	skep_error_free(err);
	buf_done(out);
	return r;
}

static void *feed(void *path)
{
	FILE *f;

	usleep(100000);
	f = fopen(path, "w");
	if (f) {
		fputs("fed", f);
		fclose(f);
	}
	return NULL;
}

static void files(void)
{
	const char *dir = temp_dir();
	char path[128], fifo[128];
	pthread_t feeder;
	struct buf b;

	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	write_file(path, 200000);

	CHECK_CASE("whole, at the limit and over it");
	CHECK_EQ_INT(read_of(path, 200000, &b, NULL), 0);
	CHECK_EQ_INT(read_of(path, 199999, &b, "B0004"), -EFBIG);
	CHECK_EQ_INT(read_of(path, 0, &b, "B0004"), -EFBIG);
	CHECK_CASE("content");
	buf_init(&b);
	CHECK_EQ_INT(file_read(path, 200000, &b, NULL), 0);
	CHECK_EQ_INT(b.len, 200000);
	CHECK_EQ_INT((unsigned char)b.data[199999], 199999 % 251);
	buf_done(&b);
	CHECK_CASE("empty");
	write_file(path, 0);
	CHECK_EQ_INT(read_of(path, 10, &b, NULL), 0);
	CHECK_CASE("missing");
	CHECK_EQ_INT(read_of("/no/such/file", 10, &b, "B0002"), -ENOENT);
	CHECK_CASE("directory");
	CHECK_EQ_INT(read_of(dir, 10, &b, "B0005"), -EISDIR);
	CHECK_CASE("endless device");
	CHECK_EQ_INT(read_of("/dev/zero", 1 << 20, &b, "B0004"), -EFBIG);
	CHECK_CASE("no permission");
	chmod(path, 0);
	if (geteuid() == 0)
		CHECK_EQ_INT(seteuid(65534), 0);
	CHECK_EQ_INT(read_of(path, 10, &b, "B0002"), -EACCES);
	if (getuid() == 0)
		CHECK_EQ_INT(seteuid(0), 0);
	CHECK_CASE("a link to itself");
	unlink(path);
	CHECK_EQ_INT(symlink(path, path), 0);
	CHECK_EQ_INT(read_of(path, 10, &b, "B0002"), -ELOOP);
	CHECK_CASE("a FIFO that nobody writes to");
	CHECK_EQ_INT(mkfifo(fifo, 0600), 0);
	CHECK_EQ_INT(read_of(fifo, 10, &b, "B0003"), -ETIMEDOUT);
	CHECK_CASE("a FIFO whose writer comes late");
	buf_init(&b);
	CHECK_EQ_INT(pthread_create(&feeder, NULL, feed, fifo), 0);
	CHECK_EQ_INT(file_read(fifo, 10, &b, NULL), 0);
	CHECK_EQ_STR(buf_str(&b), "fed");
	buf_done(&b);
	pthread_join(feeder, NULL);
	unlink(path);
	unlink(fifo);
	rmdir(dir);
}

CHECK_MAIN({ "renders_places", renders_places }, { "renders_everything", renders_everything },
	   { "owns_its_strings", owns_its_strings }, { "without_a_taker", without_a_taker },
	   { "out_of_memory", out_of_memory }, { "many_contexts", many_contexts },
	   { "arenas", arenas }, { "arenas emptied", arenas_emptied },
	   { "arenas on memory", arenas_on_memory }, { "buffers", buffers }, { "numbers", numbers },
	   { "bytes", bytes }, { "safe_text", safe_text }, { "files", files })
