// SPDX-License-Identifier: Apache-2.0
/*
 * The ELF reader on objects built in memory in both byte orders, on the same objects damaged in one
 * place each, on very many and overlapping sections, and on everything a bit flip or a cut can make.
 */
#include "check.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/num.h"
#include "elf/elf.h"

/* Sections of the object that most tests use, and where its parts lie. */
enum { S_NULL, S_TEXT, S_DATA, S_BSS, S_REL, S_SYMTAB, S_STRTAB, S_SHNDX, S_COUNT };
enum { O_TEXT = 64, O_DATA = O_TEXT + 32, O_REL = O_DATA + 8, O_SYMTAB = O_REL + 32 };
enum { NSYMS = 6, O_STRTAB = O_SYMTAB + NSYMS * 24, STRTAB_SIZE = 64 };
enum { O_SHNDX = O_STRTAB + STRTAB_SIZE, O_SHDRS = O_SHNDX + NSYMS * 4 };
enum { IMAGE_SIZE = O_SHDRS + S_COUNT * 64 };
/* Fields of a section header. */
enum { F_NAME = 0, F_TYPE = 4, F_FLAGS = 8, F_OFF = 24, F_SIZE = 32, F_LINK = 40, F_INFO = 44 };
enum { F_ALIGN = 48, F_ENT = 56 };
#define SH(i, field) (O_SHDRS + (i)*64 + (field))
#define SYM(i, field) (O_SYMTAB + (i)*24 + (field))
#define REL(i, field) (O_REL + (i)*16 + (field))

static const char strtab[STRTAB_SIZE] = "\0.text\0.data\0.bss\0.rel.text\0.symtab\0.strtab\0main\0"
					"count";
enum { N_TEXT = 1, N_DATA = 7, N_BSS = 13, N_REL = 18, N_SYMTAB = 28, N_STRTAB = 36, N_MAIN = 44 };
enum { N_COUNT = 49 };

struct image {
	uint8_t data[IMAGE_SIZE];
	bool swap;
};

static void put(struct image *m, size_t at, unsigned int size, uint64_t v)
{
	if (m->swap && size > 1)
		v = __builtin_bswap64(v) >> (64 - 8 * size);
	bytes_put_uint(m->data + at, size, v);
}

static void put_section(struct image *m, unsigned int i, uint32_t name, uint32_t type,
			uint64_t flags, uint64_t off, uint64_t size)
{
	put(m, SH(i, F_NAME), 4, name);
	put(m, SH(i, F_TYPE), 4, type);
	put(m, SH(i, F_FLAGS), 8, flags);
	put(m, SH(i, F_OFF), 8, off);
	put(m, SH(i, F_SIZE), 8, size);
	put(m, SH(i, F_ALIGN), 8, 8);
}

static void put_symbol(struct image *m, unsigned int i, uint32_t name, unsigned int info,
		       uint32_t section, uint64_t value, uint64_t size)
{
	put(m, SYM(i, 0), 4, name);
	put(m, SYM(i, 4), 1, info);
	put(m, SYM(i, 6), 2, section);
	put(m, SYM(i, 8), 8, value);
	put(m, SYM(i, 16), 8, size);
}

static void put_tables(struct image *m)
{
	put_symbol(m, 1, 0, ELF_SECTION, S_TEXT, 0, 0);
	put_symbol(m, 2, N_MAIN, ELF_GLOBAL << 4 | ELF_FUNC, S_TEXT, 0, 32);
	put_symbol(m, 3, N_COUNT, ELF_WEAK << 4 | ELF_OBJECT, S_DATA, 0, 4);
	put_symbol(m, 4, N_COUNT, ELF_GLOBAL << 4, 0xfff1, 7, 0);
	put_symbol(m, 5, N_DATA, ELF_GLOBAL << 4, 0xffff, 1, 0); /* section: see S_SHNDX */
	put(m, O_SHNDX + 5 * 4, 4, S_BSS);
	put(m, REL(0, 0), 8, 0);
	put(m, REL(0, 8), 8, 3ull << 32 | ELF_R_BPF_64_64);
	put(m, REL(1, 0), 8, 24);
	put(m, REL(1, 8), 8, 2ull << 32 | ELF_R_BPF_64_32);
}

/* A good eBPF object with everything in it once. */
static void make(struct image *m, bool swap)
{
	bool big = swap != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);

	*m = (struct image){ .swap = swap };
	memcpy(m->data, "\177ELF\2\1\1", 7);
	m->data[5] = big ? 2 : 1;
	put(m, 16, 2, 1);
	put(m, 18, 2, ELF_EM_BPF);
	put(m, 40, 8, O_SHDRS);
	put(m, 58, 2, 64);
	put(m, 60, 2, S_COUNT);
	put(m, 62, 2, S_STRTAB);
	put_section(m, S_TEXT, N_TEXT, ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, O_TEXT,
		    32);
	put_section(m, S_DATA, N_DATA, ELF_SHT_PROGBITS, ELF_SHF_ALLOC, O_DATA, 8);
	put_section(m, S_BSS, N_BSS, ELF_SHT_NOBITS, ELF_SHF_ALLOC, O_REL, 1ull << 40);
	put_section(m, S_REL, N_REL, ELF_SHT_REL, 0, O_REL, 32);
	put(m, SH(S_REL, F_LINK), 4, S_SYMTAB);
	put(m, SH(S_REL, F_INFO), 4, S_TEXT);
	put(m, SH(S_REL, F_ENT), 8, 16);
	put_section(m, S_SYMTAB, N_SYMTAB, ELF_SHT_SYMTAB, 0, O_SYMTAB, NSYMS * 24);
	put(m, SH(S_SYMTAB, F_LINK), 4, S_STRTAB);
	put(m, SH(S_SYMTAB, F_ENT), 8, 24);
	put_section(m, S_STRTAB, N_STRTAB, ELF_SHT_STRTAB, 0, O_STRTAB, STRTAB_SIZE);
	put_section(m, S_SHNDX, N_SYMTAB, 18, 0, O_SHNDX, NSYMS * 4);
	put(m, SH(S_SHNDX, F_LINK), 4, S_SYMTAB);
	memcpy(m->data + O_STRTAB, strtab, STRTAB_SIZE);
	put_tables(m);
}

/* Reads every relocation; stops at the first error. */
static int read_rels(const struct elf *elf, size_t *ret_n, struct skep_error **reterr)
{
	const struct elf_section *rel;
	struct elf_rel out;
	size_t n = 0;

	for (uint32_t i = 1; i < elf->nsections; i++)
		for (rel = elf_rel_section(elf, i, 0); rel;
		     rel = elf_rel_section(elf, i, rel->index))
			for (size_t k = 0; k < elf_rel_count(rel); k++, n++) {
				int r = elf_rel_get(elf, rel, k, &out, reterr);

				if (r < 0)
					return r;
			}
	*ret_n = n;
	return 0;
}

static void check_good(const struct elf *elf)
{
	const struct elf_section *text = elf_section(elf, ".text"), *rel;
	struct skep_error *err = NULL;
	struct elf_rel r;

	CHECK_EQ_INT(elf->nsections, S_COUNT);
	CHECK_EQ_INT(elf->nsymbols, NSYMS);
	CHECK_EQ_INT(elf_check_bpf(elf, &err), 0);
	if (!CHECK(text))
		return;
	CHECK_EQ_INT(text->index, S_TEXT);
	CHECK_EQ_INT(text->flags, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR);
	CHECK(text->data == elf->data + O_TEXT);
	CHECK(!elf->sections[S_BSS].data);
	CHECK_EQ_INT(elf->sections[S_BSS].size, 1ll << 40);
	CHECK(!elf_section(elf, ".nothing"));
	CHECK_EQ_STR(elf->symbols[0].name, "");
	CHECK_EQ_STR(elf->symbols[1].name, ".text");
	CHECK_EQ_STR(elf->symbols[2].name, "main");
	CHECK_EQ_INT(elf->symbols[2].bind, ELF_GLOBAL);
	CHECK_EQ_INT(elf->symbols[2].type, ELF_FUNC);
	CHECK_EQ_INT(elf->symbols[2].size, 32);
	CHECK_EQ_INT(elf->symbols[3].section, S_DATA);
	CHECK_EQ_INT(elf->symbols[4].section, ELF_SHN_ABS);
	CHECK_EQ_INT(elf->symbols[5].section, S_BSS);
	rel = elf_rel_section(elf, S_TEXT, 0);
	if (!CHECK(rel && rel->index == S_REL))
		return;
	CHECK(!elf_rel_section(elf, S_TEXT, S_REL));
	CHECK(!elf_rel_section(elf, S_DATA, 0));
	CHECK_EQ_INT(elf_rel_count(rel), 2);
	CHECK_EQ_INT(elf_rel_count(text), 0);
	CHECK_EQ_INT(elf_rel_get(elf, rel, 1, &r, &err), 0);
	CHECK_EQ_INT(r.offset, 24);
	CHECK_EQ_INT(r.type, ELF_R_BPF_64_32);
	CHECK_EQ_INT(r.symbol, 2);
	CHECK_EQ_INT(r.addend, 0);
	CHECK_ERR(err, NULL);
}

static void good(void)
{
	for (int swap = 0; swap < 2; swap++) {
		struct skep_error *err = NULL;
		struct image m;
		struct elf elf;

		CHECK_CASE("%s byte order", swap ? "the other" : "the host's");
		make(&m, swap);
		CHECK_EQ_INT(elf_open(&elf, m.data, sizeof(m.data), "good.o", &err), 0);
		CHECK_ERR(err, NULL);
		if (err)
			continue;
		CHECK_EQ_INT(elf.swap, swap);
		check_good(&elf);
		elf_close(&elf);
	}
}

/* One field overwritten: what is refused, by which id. NULL: still fine. */
static const struct {
	const char *what;
	size_t at;
	unsigned int size;
	uint64_t value;
	const char *id;
} damages[] = {
	{ "magic", 1, 1, 'X', "E0001" },
	{ "32 bits", 4, 1, 1, "E0002" },
	{ "unknown class", 4, 1, 9, "E0002" },
	{ "unknown byte order", 5, 1, 3, "E0003" },
	{ "unknown version", 6, 1, 0, "E0003" },
	{ "no section table", 40, 8, 0, "E0004" },
	{ "section table behind the end", 40, 8, IMAGE_SIZE, "E0004" },
	{ "section table at the end of numbers", 40, 8, UINT64_MAX, "E0004" },
	{ "small section headers", 58, 2, 40, "E0004" },
	{ "one section too many", 60, 2, S_COUNT + 1, "E0004" },
	{ "no number of sections anywhere", 60, 2, 0, "E0004" },
	{ "names in a section that is none", 62, 2, S_COUNT, "E0004" },
	{ "names by extended numbering", 62, 2, 0xffff, NULL },
	{ "names in a section of code", 62, 2, S_TEXT, "E0007" },
	{ "section behind the end", SH(S_TEXT, F_OFF), 8, IMAGE_SIZE, "E0005" },
	{ "section over the end", SH(S_TEXT, F_SIZE), 8, IMAGE_SIZE - O_TEXT + 1, "E0005" },
	{ "section whose end overflows", SH(S_TEXT, F_SIZE), 8, UINT64_MAX - 8, "E0005" },
	{ "section at an overflowing place", SH(S_DATA, F_OFF), 8, UINT64_MAX - 2, "E0005" },
	{ "alignment of 3 bytes", SH(S_TEXT, F_ALIGN), 8, 3, "E0005" },
	{ "section name outside", SH(S_TEXT, F_NAME), 4, STRTAB_SIZE, "E0008" },
	{ "section name at the last byte", SH(S_TEXT, F_NAME), 4, STRTAB_SIZE - 1, NULL },
	{ "strings without an end", SH(S_STRTAB, F_SIZE), 8, N_COUNT + 2, "E0007" },
	{ "two symbol tables", SH(S_TEXT, F_TYPE), 4, ELF_SHT_SYMTAB, "E0009" },
	{ "symbols of 16 bytes", SH(S_SYMTAB, F_ENT), 8, 16, "E0009" },
	{ "part of a symbol", SH(S_SYMTAB, F_SIZE), 8, NSYMS * 24 - 1, "E0009" },
	{ "symbol strings in no section", SH(S_SYMTAB, F_LINK), 4, 999, "E0007" },
	{ "symbol strings in data", SH(S_SYMTAB, F_LINK), 4, S_DATA, "E0007" },
	{ "too few extended indices", SH(S_SHNDX, F_SIZE), 8, NSYMS * 4 - 4, "E0009" },
	{ "extended index of no section", O_SHNDX + 5 * 4, 4, S_COUNT, "E0010" },
	{ "extended index for another table", SH(S_SHNDX, F_LINK), 4, S_TEXT, "E0010" },
	{ "symbol in no section", SYM(2, 6), 2, S_COUNT, "E0010" },
	{ "symbol in a reserved section", SYM(2, 6), 2, 0xff01, "E0010" },
	{ "common symbol", SYM(2, 6), 2, 0xfff2, NULL },
	{ "symbol name outside", SYM(2, 0), 4, STRTAB_SIZE, "E0008" },
	{ "relocations of 24 bytes", SH(S_REL, F_ENT), 8, 24, "E0011" },
	{ "part of a relocation", SH(S_REL, F_SIZE), 8, 31, "E0011" },
	{ "relocations of no section", SH(S_REL, F_INFO), 4, S_COUNT, "E0011" },
	{ "relocations of relocations", SH(S_REL, F_INFO), 4, S_REL, "E0011" },
	{ "relocations against other symbols", SH(S_REL, F_LINK), 4, S_TEXT, "E0012" },
	{ "relocation of no symbol", REL(0, 12), 4, NSYMS, "E0012" },
	{ "relocation behind the code", REL(0, 0), 8, 32, "E0012" },
	{ "relocation that hangs over", REL(0, 0), 8, 24, "E0012" },
	{ "relocation at the end of numbers", REL(0, 0), 8, UINT64_MAX - 3, "E0012" },
	{ "relocation of unknown type", REL(0, 8), 4, 200, NULL },
	{ "an executable", 16, 2, 2, "E0013" },
	{ "unknown object type", 16, 2, 77, "E0013" },
	{ "x86-64", 18, 2, 62, "E0014" },
	{ "unknown machine", 18, 2, 12345, "E0014" },
	{ "machine 0", 18, 2, 0, NULL },
};

static void damaged(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(damages) * 2; i++) {
		size_t row = i / 2, at = damages[row].at, n;
		struct skep_error *err = NULL;
		struct image m;
		struct elf elf;
		int r;

		CHECK_CASE("%s%s", damages[row].what, i % 2 ? ", swapped" : "");
		make(&m, i % 2);
		/* The low half of r_info is the type, the high half the symbol. */
		if (m.swap && (at == REL(0, 8) || at == REL(0, 12)) && damages[row].size == 4)
			at ^= 4;
		if (damages[row].value == 0xffff && at == 62)
			put(&m, SH(S_NULL, F_LINK), 4, S_STRTAB);
		put(&m, at, damages[row].size, damages[row].value);
		r = elf_open(&elf, m.data, sizeof(m.data), "bad.o", &err);
		if (r == 0) {
			r = elf_check_bpf(&elf, &err);
			if (r == 0)
				r = read_rels(&elf, &n, &err);
			elf_close(&elf);
		}
		CHECK_EQ_INT(r, err ? skep_error_code(err) : 0);
		CHECK_ERR(err, damages[row].id);
		skep_error_free(err);
	}
}

static const struct {
	const char *bytes;
	size_t size;
	const char *text;
} strangers[] = {
#define STRANGER(bytes, text)                  \
	{                                      \
		bytes, sizeof(bytes) - 1, text \
	}
	STRANGER("", "an empty file"),
	STRANGER("\x1f\x8b\x08\0\0\0\0\0", "gzip data"),
	STRANGER("\0\0\0\0\0\0\0\0\0\0", "zeros"),
	STRANGER("#include <linux/bpf.h>\n", "text"),
	STRANGER("#!/bin/sh\n", "a script"),
	STRANGER("BC\xc0\xde 1234", "LLVM bitcode"),
	STRANGER("\x7f"
		 "EL",
		 "unknown data"),
	STRANGER("\xd4\xc3\xb2\xa1\x02\0\x04\0", "a packet capture"),
	STRANGER("\x9f\xeb\x01\0\x18\0\0\0", "raw BTF"),
	STRANGER("!<arch>\nfoo.o/", "an ar archive"),
#undef STRANGER
};

static void not_elf(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		struct skep_error *err = NULL;
		struct elf elf;

		CHECK_CASE("%s", strangers[i].text);
		CHECK_EQ_INT(elf_open(&elf, strangers[i].bytes, strangers[i].size, "x", &err),
			     -ENOEXEC);
		CHECK_ERR(err, "E0001");
		CHECK_MSG(err && strstr(skep_error_message(err), strangers[i].text), "message: %s",
			  err ? skep_error_message(err) : "none");
		skep_error_free(err);
	}
}

/* @n sections after a first one that holds the numbers which the header has no room for. */
static uint8_t *make_many(uint32_t n, uint64_t size_of_each, size_t *ret_size)
{
	size_t size = 64 + (size_t)n * 64 + 8;
	uint8_t *p = calloc(1, size);
	struct image m;

	if (!p)
		return NULL;
	make(&m, false);
	memcpy(p, m.data, 64);
	bytes_put_uint(p + 40, 8, 64);
	bytes_put_uint(p + 60, 2, 0);
	bytes_put_uint(p + 62, 2, 0xffff);
	bytes_put_uint(p + 64 + F_SIZE, 8, n);
	bytes_put_uint(p + 64 + F_LINK, 4, n - 1);
	for (uint32_t i = 1; i < n; i++) {
		uint8_t *s = p + 64 + (size_t)i * 64;

		bytes_put_uint(s + F_TYPE, 4, ELF_SHT_PROGBITS);
		bytes_put_uint(s + F_SIZE, 8, size_of_each);
	}
	bytes_put_uint(p + 64 + (size_t)(n - 1) * 64 + F_TYPE, 4, ELF_SHT_STRTAB);
	bytes_put_uint(p + 64 + (size_t)(n - 1) * 64 + F_OFF, 8, size - 8);
	bytes_put_uint(p + 64 + (size_t)(n - 1) * 64 + F_SIZE, 8, 8);
	*ret_size = size;
	return p;
}

static void many_sections(void)
{
	static const struct {
		const char *what;
		uint32_t n;
		bool whole;
		const char *id;
	} rows[] = {
		{ "10,000 empty", 10000, false, NULL },
		{ "70,000, more than 16 bits hold", 70000, false, NULL },
		{ "10 that are the whole file", 10, true, NULL },
		{ "10,000 that are the whole file", 10000, true, "E0006" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct skep_error *err = NULL;
		size_t size = 72 + (size_t)rows[i].n * 64, n;
		uint8_t *p = make_many(rows[i].n, rows[i].whole ? size : 0, &size);
		struct elf elf;

		CHECK_CASE("%s", rows[i].what);
		if (CHECK(p) && elf_open(&elf, p, size, "many.o", &err) == 0) {
			CHECK_EQ_INT(elf.nsections, rows[i].n);
			CHECK_MSG(elf.arena.used < 4 * size + 65536, "%zu bytes of memory for %zu",
				  elf.arena.used, size);
			CHECK_EQ_INT(read_rels(&elf, &n, &err), 0);
			elf_close(&elf);
		}
		CHECK_ERR(err, rows[i].id);
		skep_error_free(err);
		free(p);
	}
}

/* Opens what may be anything; true if it was taken. Errors must be whole. */
static bool try_bytes(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct skep_error *err = NULL;
	struct elf elf;
	size_t n = 0;
	int r;

	if (!copy)
		return false;
	if (size)
		memcpy(copy, data, size);
	r = elf_open(&elf, copy, size, "any.o", &err);
	if (r == 0) {
		if (read_rels(&elf, &n, &err) < 0)
			CHECK(err);
		for (size_t i = 0; i < elf.nsymbols; i++)
			n += strlen(elf.symbols[i].name);
		for (size_t i = 0; i < elf.nsections; i++)
			n += strlen(elf.sections[i].name) +
			     (elf.sections[i].data ?
				      elf.sections[i].data[elf.sections[i].size - 1] :
				      0);
		elf_close(&elf);
	} else {
		CHECK(err && skep_error_code(err) == r && skep_error_id(err)[0] == 'E');
	}
	skep_error_free(err);
	free(copy);
	return r == 0;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Every cut, and @flips objects with one to four bytes turned over. */
static void mutate(const uint8_t *data, size_t size, unsigned int flips)
{
	uint64_t seed = 0x736b6570;
	uint8_t *copy = malloc(size);

	CHECK(try_bytes(data, size));
	for (size_t n = 0; n < size; n++)
		try_bytes(data, n);
	CHECK(!try_bytes(data, size - 1 < 64 ? 0 : 63));
	for (unsigned int i = 0; copy && i < flips; i++) {
		memcpy(copy, data, size);
		for (uint64_t k = next_random(&seed) % 4 + 1; k > 0; k--)
			copy[next_random(&seed) % size] ^= (uint8_t)(1u << next_random(&seed) % 8);
		try_bytes(copy, size);
	}
	free(copy);
}

static void cut_and_flipped(void)
{
	for (int swap = 0; swap < 2; swap++) {
		struct image m;

		CHECK_CASE("built, %s byte order", swap ? "other" : "host");
		make(&m, swap);
		mutate(m.data, sizeof(m.data), 8000);
	}
}

static const char source[] = "int counter = 3;\n"
			     "static int add(int a) __attribute__((noinline));\n"
			     "static int add(int a) { return a + counter; }\n"
			     "__attribute__((section(\"xdp\"), used))\n"
			     "int prog(int *ctx) { return add(*ctx); }\n";

/* Compiles @source; false when there is no compiler. */
static bool compile(const char *target, struct buf *out)
{
	const char *clang = getenv("CLANG");
	char c[] = "/tmp/skep-elf-XXXXXX.c", o[sizeof(c) + 2], cmd[256];
	int fd = mkstemps(c, 2);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, source, sizeof(source) - 1) == (ssize_t)sizeof(source) - 1;
	close(fd);
	snprintf(o, sizeof(o), "%s.o", c);
	snprintf(cmd, sizeof(cmd), "%s -target %s -O1 -g -c -o %s %s 2>/dev/null",
		 clang && *clang ? clang : "clang-19", target, o, c);
	ok = ok && system(cmd) == 0 && file_read(o, 1 << 20, out, NULL) == 0;
	unlink(c);
	unlink(o);
	return ok;
}

static void compiled(void)
{
	static const char *const targets[] = { "bpfel", "bpfeb" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct skep_error *err = NULL;
		const struct elf_section *xdp;
		struct buf b;
		struct elf elf;
		size_t n = 0;

		buf_init(&b);
		if (!compile(targets[i], &b)) {
			buf_done(&b);
			CHECK_SKIP("no clang that compiles for BPF");
		}
		CHECK_CASE("%s", targets[i]);
		if (elf_open(&elf, b.data, b.len, "compiled.o", &err) == 0) {
			CHECK_EQ_INT(elf.big_endian, i == 1);
			CHECK_EQ_INT(elf_check_bpf(&elf, &err), 0);
			CHECK_EQ_INT(read_rels(&elf, &n, &err), 0);
			CHECK(n > 0);
			xdp = elf_section(&elf, "xdp");
			CHECK(xdp && xdp->flags & ELF_SHF_EXECINSTR && xdp->size % 8 == 0);
			CHECK(elf_section(&elf, ".BTF") && elf_section(&elf, ".BTF.ext"));
			elf_close(&elf);
		}
		CHECK_ERR(err, NULL);
		skep_error_free(err);
		mutate((const uint8_t *)b.data, b.len, 3000);
		buf_done(&b);
	}
}

static void names(void)
{
	CHECK_EQ_STR(elf_machine_name(62), "x86-64");
	CHECK_EQ_STR(elf_machine_name(ELF_EM_BPF), "eBPF");
	CHECK(!elf_machine_name(9999));
	CHECK_EQ_STR(elf_rel_name(ELF_R_BPF_64_64), "R_BPF_64_64");
	CHECK_EQ_STR(elf_rel_name(ELF_R_BPF_64_32), "R_BPF_64_32");
	CHECK_EQ_STR(elf_rel_name(ELF_R_BPF_64_NODYLD32), "R_BPF_64_NODYLD32");
	CHECK(!elf_rel_name(9));
}

CHECK_MAIN({ "good", good }, { "damaged", damaged }, { "not-elf", not_elf },
	   { "many-sections", many_sections }, { "cut-and-flipped", cut_and_flipped },
	   { "compiled", compiled }, { "names", names })
