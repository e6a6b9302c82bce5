// SPDX-License-Identifier: Apache-2.0
/*
 * .BTF.ext, made by hand and damaged one word at a time; BTF and .BTF.ext of objects that clang makes
 * for both byte orders, cut and flipped; and the running kernel's own BTF, whose layout of structs
 * that the headers show must be the compiler's.
 */
#include "check.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/num.h"
#include "btf/btf.h"
#include "elf/elf.h"

/* The words of a good .BTF.ext for make_btf(): header, then functions, lines, CO-RE records. */
enum { W_LEN = 1, W_FUNC_OFF, W_FUNC_LEN, W_LINE_OFF, W_LINE_LEN, W_CORE_OFF, W_CORE_LEN };
enum { W_FUNCS = 8, W_LINES = W_FUNCS + 5, W_CORES = W_LINES + 15, W_END = W_CORES + 7 };
enum { FUNC_REC, FUNC_SEC, FUNC_N, FUNC_INSN, FUNC_TYPE };

struct names {
	uint32_t sec, sec2, file, text, access, func, proto;
};

static struct btf *make_btf(struct names *n)
{
	struct btf_builder *b = btf_builder_new();
	struct btf *btf = NULL;

	if (!b)
		return NULL;
	n->proto = (uint32_t)btf_add_proto(b, 0, NULL, 0);
	n->func = (uint32_t)btf_add_ref(b, BTF_FUNC, "prog", n->proto);
	/* Strings come in this order: prog=1, xdp=6, ... */
	btf_add_fwd(b, "xdp", false);
	btf_add_fwd(b, ".text", false);
	btf_add_fwd(b, "prog.c", false);
	btf_add_fwd(b, "return 0;", false);
	btf_add_fwd(b, "0:1", false);
	n->sec = 6;
	n->sec2 = 10;
	n->file = 16;
	n->text = 23;
	n->access = 33;
	btf_finish(b, "ext", &btf, NULL);
	btf_builder_free(b);
	return btf;
}

static void make_ext(uint32_t *w, const struct names *n)
{
	const uint32_t words[W_END] = {
		0x0001eb9f, 32, 0, 20, 20, 60, 80, 28,
		/* functions */
		8, n->sec, 1, 0, n->func,
		/* lines: two blocks, the first out of order */
		16, n->sec, 2, 24, n->file, n->text, 12 << 10 | 3, 8, n->file, n->text,
		11 << 10 | 7, n->sec2, 1, 0, n->file,
		/* CO-RE, after the last two words of the line records */
	};
	const uint32_t cores[7] = { 16, n->sec, 1, 8, n->func, n->access, 0 };

	memcpy(w, words, sizeof(words));
	w[W_CORES - 1] = n->file;
	memcpy(w + W_CORES, cores, sizeof(cores));
}

static void good(void)
{
	struct names n;
	struct btf *btf = make_btf(&n);
	struct skep_error *err = NULL;
	const struct btf_ext_sec *s;
	struct btf_ext ext;
	uint32_t w[W_END + 2];

	if (!CHECK(btf))
		return;
	CHECK_EQ_STR(btf_string(btf, n.sec), "xdp");
	CHECK_EQ_STR(btf_string(btf, n.access), "0:1");
	make_ext(w, &n);
	/* Line records: 4 + (8 + 32) + (8 + 16) bytes. */
	w[W_LINE_LEN] = 68;
	w[W_CORE_OFF] = 88;
	memmove(w + W_CORES + 2, w + W_CORES, 28);
	w[W_CORES - 1] = n.file;
	w[W_CORES] = n.text;
	w[W_CORES + 1] = 9 << 10;
	CHECK_EQ_INT(btf_ext_open(&ext, w, sizeof(w), btf, "ext", &err), 0);
	CHECK_ERR(err, NULL);
	s = err ? NULL : btf_ext_find(&ext, "xdp");
	if (CHECK(s)) {
		CHECK_EQ_INT(ext.nsecs, 2);
		CHECK(s->nfuncs == 1 && s->nlines == 2 && s->ncores == 1);
		CHECK_EQ_INT(s->funcs[0].type, n.func);
		CHECK_EQ_INT(s->lines[0].insn_off, 8); /* sorted */
		CHECK_EQ_INT(s->lines[0].line, 11);
		CHECK_EQ_INT(s->lines[0].col, 7);
		CHECK_EQ_STR(s->lines[1].text, "return 0;");
		CHECK_EQ_STR(s->lines[1].file, "prog.c");
		CHECK_EQ_STR(s->cores[0].access, "0:1");
		CHECK_EQ_INT(s->cores[0].insn_off, 8);
		CHECK(!btf_ext_find(&ext, "tc"));
		btf_ext_close(&ext);
	}
	btf_unref(btf);
}

/* One word of make_ext()'s, shortened to one line block so that all offsets are whole. */
static void make_small(uint32_t *w, const struct names *n, size_t *ret_n)
{
	const uint32_t words[] = {
		0x0001eb9f, 32,	      0,  20,	   20, 28,     48,	28,	   8,
		n->sec,	    1,	      0,  n->func, 16, n->sec, 1,	8,	   n->file,
		n->text,    11 << 10, 16, n->sec,  1,  8,      n->func, n->access, 99,
	};

	memcpy(w, words, sizeof(words));
	*ret_n = ARRAY_SIZE(words);
}

static const struct {
	const char *what;
	size_t word;
	uint32_t value;
	const char *id;
} damages[] = {
	{ "nothing", 0, 0x0001eb9f, NULL },
	{ "magic", 0, 0x00011111, "T0015" },
	{ "version", 0, 0x0003eb9f, "T0015" },
	{ "short header", W_LEN, 16, "T0015" },
	{ "long header", W_LEN, 4096, "T0015" },
	{ "functions outside", W_FUNC_OFF, 4096, "T0016" },
	{ "functions that wrap around", W_FUNC_OFF, ~0u, "T0016" },
	{ "too many functions", W_FUNC_LEN, ~0u, "T0016" },
	{ "functions in 3 bytes", W_FUNC_LEN, 3, "T0016" },
	{ "no functions", W_FUNC_LEN, 0, NULL },
	{ "functions cut short", W_FUNC_LEN, 16, "T0016" },
	{ "functions with half a block more", W_FUNC_LEN, 24, "T0016" },
	{ "lists that overlap", W_FUNC_LEN, 76, "T0016" },
	{ "CO-RE records outside", W_CORE_OFF, 52, "T0016" },
	{ "function records of 4 bytes", 8, 4, "T0016" },
	{ "function records of 2^32-4 bytes", 8, ~3u, "T0016" },
	{ "function records of 10 bytes", 8, 10, "T0016" },
	{ "section name outside", 9, ~0u, "T0016" },
	{ "no records", 10, 0, "T0016" },
	{ "2^32-1 records", 10, ~0u, "T0016" },
	{ "function inside an instruction", 11, 4, "T0017" },
	{ "function that is a prototype", 12, 1, "T0017" },
	{ "function that is not there", 12, 99, "T0017" },
	{ "line records of 8 bytes", 13, 8, "T0016" },
	{ "file outside", 17, ~0u, "T0017" },
	{ "text outside", 18, 4096, "T0017" },
	{ "CO-RE of no type", 24, 99, "T0017" },
	{ "CO-RE access outside", 25, 4096, "T0017" },
	{ "CO-RE of unknown kind", 26, 12345, NULL },
};

static void damaged(void)
{
	struct names n;
	struct btf *btf = make_btf(&n);

	for (size_t i = 0; btf && i < ARRAY_SIZE(damages) * 2; i++) {
		struct skep_error *err = NULL;
		struct btf_ext ext;
		uint32_t w[64];
		size_t count;

		CHECK_CASE("%s%s", damages[i / 2].what, i % 2 ? ", swapped" : "");
		make_small(w, &n, &count);
		w[damages[i / 2].word] = damages[i / 2].value;
		for (size_t k = 0; i % 2 && k < count; k++)
			w[k] = k ? __builtin_bswap32(w[k]) :
				   (w[0] & 0xffff0000) | __builtin_bswap16((uint16_t)w[0]);
		if (btf_ext_open(&ext, w, count * 4, btf, "ext", &err) == 0)
			btf_ext_close(&ext);
		CHECK_ERR(err, damages[i / 2].id);
		skep_error_free(err);
	}
	btf_unref(btf);
}

static void old_header(void)
{
	struct names n;
	struct btf *btf = make_btf(&n);
	const uint32_t w[] = { 0x0001eb9f, 24, 0, 20, 20, 0, 8, n.sec, 1, 0, n.func };
	const uint32_t longer[] = { 0x0001eb9f, 40,  0,	 24,	24, 0, 24,     0,
				    ~0u,	~0u, 12, n.sec, 1,  0, n.func, 0xdead };
	struct btf_ext ext;

	CHECK_CASE("without CO-RE fields");
	if (CHECK(btf && btf_ext_open(&ext, w, sizeof(w), btf, "ext", NULL) == 0)) {
		CHECK_EQ_INT(ext.nsecs, 1);
		CHECK_EQ_INT(ext.secs[0].nfuncs, 1);
		btf_ext_close(&ext);
	}
	CHECK_CASE("with fields and record parts that are not known");
	if (CHECK(btf && btf_ext_open(&ext, longer, sizeof(longer), btf, "ext", NULL) == 0)) {
		CHECK_EQ_INT(ext.nsecs, 1);
		CHECK_EQ_INT(ext.secs[0].funcs[0].type, n.func);
		btf_ext_close(&ext);
	}
	btf_unref(btf);
}

static void core_kinds(void)
{
	CHECK_EQ_STR(btf_core_kind_name(BTF_CORE_FIELD_BYTE_OFFSET), "field offset");
	CHECK_EQ_INT(BTF_CORE_TYPE_MATCHES, 12);
	for (uint32_t i = 0; i <= 12; i++)
		CHECK(btf_core_kind_name(i));
	CHECK(!btf_core_kind_name(13));
}

static const char source[] =
	"#define CORE __attribute__((preserve_access_index))\n"
	"struct inner { int a; unsigned b : 5, c : 11; } CORE;\n"
	"struct task { char name[16]; struct inner in[3]; struct task *next; } CORE;\n"
	"enum kind { ONE = 1, MANY = 1000 };\n"
	"enum wide { BIG = 0x123456789abcdef };\n"
	"struct { int (*type)[2]; enum kind *key; enum wide *value; } table\n"
	"	__attribute__((section(\".maps\"), used));\n"
	"const volatile int limit = 3;\n"
	"static __attribute__((noinline)) int add(struct task *t) { return t->in[1].a + limit; }\n"
	"__attribute__((section(\"xdp\"), used))\n"
	"int prog(struct task *t) { return add(t->next) + t->in[2].c +\n"
	"	__builtin_preserve_field_info(t->in[0].b, 0) +\n"
	"	__builtin_preserve_type_info(*(struct task *)0, 1) +\n"
	"	__builtin_preserve_enum_value(*(enum kind *)MANY, 1); }\n";

/* Compiles @source; false when there is no compiler. */
static bool compile(const char *target, struct buf *out)
{
	const char *clang = getenv("CLANG");
	char c[] = "/tmp/skep-btf-XXXXXX.c", o[sizeof(c) + 2], cmd[256];
	int fd = mkstemps(c, 2);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, source, sizeof(source) - 1) == (ssize_t)sizeof(source) - 1;
	close(fd);
	snprintf(o, sizeof(o), "%s.o", c);
	snprintf(cmd, sizeof(cmd), "%s -target %s -O2 -g -c -o %s %s 2>/dev/null",
		 clang && *clang ? clang : "clang-19", target, o, c);
	ok = ok && system(cmd) == 0 && file_read(o, 1 << 20, out, NULL) == 0;
	unlink(c);
	unlink(o);
	return ok;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Opens both sections, prints and finds every type. */
static void try_sections(const uint8_t *btf_data, size_t btf_size, const uint8_t *ext_data,
			 size_t ext_size)
{
	struct skep_error *err = NULL;
	struct btf_ext ext;
	struct btf *btf;
	struct buf out;

	if (btf_open(btf_data, btf_size, "any", &btf, &err) < 0) {
		CHECK(err && skep_error_id(err)[0] == 'T');
		skep_error_free(err);
		return;
	}
	buf_init(&out);
	for (uint32_t id = 0; id < btf_count(btf); id++) {
		buf_clear(&out);
		btf_print_def(btf, id, &out);
		btf_find(btf, btf_name(btf, id), BTF_VOID, 0);
	}
	if (btf_ext_open(&ext, ext_data, ext_size, btf, "any", &err) == 0)
		btf_ext_close(&ext);
	else
		CHECK(err && skep_error_id(err)[0] == 'T');
	skep_error_free(err);
	buf_done(&out);
	btf_unref(btf);
}

/* Each in a block of its own, so that a sanitizer sees the first byte past it. */
static void mutate(const struct elf_section *b, const struct elf_section *e)
{
	uint64_t seed = 0x736b6570;
	uint8_t *x, *y;

	for (size_t n = 0; n < b->size; n++) {
		x = malloc(n ? n : 1);
		if (!x)
			return;
		memcpy(x, b->data, n);
		try_sections(x, n, e->data, e->size);
		free(x);
	}
	for (size_t n = 0; n < e->size; n++)
		try_sections(b->data, b->size, e->data, n);
	x = malloc(b->size);
	y = malloc(e->size);
	for (unsigned int i = 0; x && y && i < 5000; i++) {
		memcpy(x, b->data, b->size);
		memcpy(y, e->data, e->size);
		if (i % 2)
			x[next_random(&seed) % b->size] ^= (uint8_t)(1u << next_random(&seed) % 8);
		else
			y[next_random(&seed) % e->size] ^= (uint8_t)(1u << next_random(&seed) % 8);
		try_sections(x, b->size, y, e->size);
	}
	free(x);
	free(y);
}

static void check_compiled(const struct elf *elf, const struct elf_section *b,
			   const struct elf_section *e)
{
	struct skep_error *err = NULL;
	const struct btf_ext_sec *s;
	struct btf_ext ext;
	struct btf *btf = NULL;
	uint32_t id, kinds = 0;

	CHECK_EQ_INT(btf_open(b->data, b->size, elf->name, &btf, &err), 0);
	CHECK_ERR(err, NULL);
	if (!btf)
		return;
	id = btf_find(btf, "task", BTF_STRUCT, 0);
	CHECK_EQ_INT(btf_size(btf, id), 48);
	CHECK_EQ_INT(btf_align(btf, id), 8);
	id = btf_find(btf, "inner", BTF_STRUCT, 0);
	if (CHECK(id && btf_vlen(btf, id) == 3)) {
		struct btf_member c = btf_member(btf, id, 2);

		CHECK_EQ_INT(c.bit_off, 37);
		CHECK_EQ_INT(c.bit_size, 11);
	}
	CHECK(btf_find(btf, "wide", BTF_ENUM64, 0));
	CHECK(btf_find(btf, ".maps", BTF_DATASEC, 0));
	CHECK_EQ_INT(btf_ext_open(&ext, e->data, e->size, btf, elf->name, &err), 0);
	CHECK_ERR(err, NULL);
	s = err ? NULL : btf_ext_find(&ext, "xdp");
	if (CHECK(s && s->nfuncs == 1 && s->nlines && s->ncores >= 4)) {
		CHECK_EQ_STR(btf_name(btf, s->funcs[0].type), "prog");
		for (uint32_t i = 0; i < s->ncores; i++)
			kinds |= 1u << s->cores[i].kind;
		CHECK_EQ_INT(kinds & (1u << BTF_CORE_TYPE_SIZE | 1u << BTF_CORE_ENUMVAL_VALUE |
				      1u << BTF_CORE_FIELD_BYTE_OFFSET),
			     1u << BTF_CORE_TYPE_SIZE | 1u << BTF_CORE_ENUMVAL_VALUE |
				     1u << BTF_CORE_FIELD_BYTE_OFFSET);
		CHECK(strstr(s->lines[0].text, "prog"));
	}
	if (!err)
		btf_ext_close(&ext);
	skep_error_free(err);
	btf_unref(btf);
}

static void compiled(void)
{
	static const char *const targets[] = { "bpfel", "bpfeb" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		const struct elf_section *b, *e;
		struct elf elf;
		struct buf file;

		buf_init(&file);
		if (!compile(targets[i], &file)) {
			buf_done(&file);
			CHECK_SKIP("no clang that compiles for BPF");
		}
		CHECK_CASE("%s", targets[i]);
		if (CHECK(elf_open(&elf, file.data, file.len, "compiled.o", NULL) == 0)) {
			b = elf_section(&elf, ".BTF");
			e = elf_section(&elf, ".BTF.ext");
			if (CHECK(b && e)) {
				check_compiled(&elf, b, e);
				mutate(b, e);
			}
			elf_close(&elf);
		}
		buf_done(&file);
	}
}

#define VMLINUX "/sys/kernel/btf/vmlinux"

#define LAYOUT(type, member)                                                                 \
	{                                                                                    \
#type, #member, sizeof(struct type), _Alignof(struct type),                  \
			offsetof(struct type, member), sizeof(((struct type *)NULL)->member) \
	}

/* Structs whose layout no kernel may change. */
static const struct {
	const char *type, *member;
	uint64_t size;
	uint32_t align;
	uint64_t offset, member_size;
} layouts[] = {
	LAYOUT(bpf_insn, imm),
	LAYOUT(ethhdr, h_proto),
	LAYOUT(iphdr, check),
	LAYOUT(ipv6hdr, hop_limit),
	LAYOUT(tcphdr, window),
	LAYOUT(udphdr, check),
	LAYOUT(in6_addr, in6_u),
	LAYOUT(sockaddr_in6, sin6_addr),
	LAYOUT(bpf_func_info, type_id),
	LAYOUT(bpf_line_info, line_col),
	LAYOUT(bpf_perf_event_value, running),
};

static void check_layouts(const struct btf *btf)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		uint32_t id = btf_find(btf, layouts[i].type, BTF_STRUCT, 0), k = 0;

		CHECK_CASE("struct %s", layouts[i].type);
		if (!CHECK(id))
			continue;
		CHECK_EQ_INT(btf_size(btf, id), layouts[i].size);
		/* Declared packed without an effect that BTF could show. */
		if (strcmp(layouts[i].type, "ethhdr") != 0)
			CHECK_EQ_INT(btf_align(btf, id), layouts[i].align);
		while (k < btf_vlen(btf, id) &&
		       strcmp(btf_member(btf, id, k).name, layouts[i].member) != 0)
			k++;
		if (!CHECK(k < btf_vlen(btf, id)))
			continue;
		CHECK_EQ_INT(btf_member(btf, id, k).bit_off, layouts[i].offset * 8);
		CHECK_EQ_INT(btf_size(btf, btf_member(btf, id, k).type), layouts[i].member_size);
	}
}

static void vmlinux(void)
{
	struct skep_error *err = NULL;
	struct timespec t0, t1;
	struct btf *btf = NULL;
	struct buf file;
	uint32_t bad = 0;
	double took;

	buf_init(&file);
	if (access(VMLINUX, R_OK) != 0 || file_read(VMLINUX, 1 << 28, &file, NULL) < 0) {
		buf_done(&file);
		CHECK_SKIP("this kernel shows no BTF");
	}
	CHECK_CASE("open");
	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_EQ_INT(btf_open(file.data, file.len, VMLINUX, &btf, &err), 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	took = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	CHECK_ERR(err, NULL);
	CHECK_MSG(took < 3, "opening took %.2f s", took); /* 0.03 s without sanitizers */
	if (btf) {
		CHECK_CASE("every name is found");
		for (uint32_t id = 1; id < btf_count(btf); id++)
			if (*btf_name(btf, id) &&
			    btf_find(btf, btf_name(btf, id), btf_kind(btf, id), id - 1) != id)
				bad++;
		CHECK_EQ_INT(bad, 0);
		check_layouts(btf);
	}
	btf_unref(btf);
	buf_done(&file);
}

CHECK_MAIN({ "good", good }, { "damaged", damaged }, { "old-header", old_header },
	   { "core-kinds", core_kinds }, { "compiled", compiled }, { "vmlinux", vmlinux })
