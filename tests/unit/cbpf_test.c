// SPDX-License-Identifier: Apache-2.0
/*
 * Classic BPF: what is refused and why, each instruction and extension by example, random programs against the
 * plain interpreter of cbpf_twin.h and against libpcap's bpf_filter(), long programs, and text: libpcap's own
 * printer is asked for every code, and what is printed is read back. What the kernel thinks: cbpf_oracle_test.c.
 */
#include <pcap/pcap.h>

#include "cbpf_twin.h"
#include "isa/cbpf.h"

#define PROGRAMS 20000

static const uint8_t small[16] = { 0x45, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff };

/* As many as are given; unused ones are all zero. */
static const struct {
	const char *name;
	struct skep_cbpf in[6];
	uint32_t want;
} programs[] = {
	{ "ret k", { { 6, 0, 0, 77 } }, 77 },
	{ "A starts at 0", { { 0x16, 0, 0, 0 } }, 0 },
	{ "X starts at 0", { { 0x87, 0, 0, 0 }, { 0x16, 0, 0, 0 } }, 0 },
	{ "ld", { { 0x20, 0, 0, 0 }, { 0x16, 0, 0, 0 } }, 0x45010203 },
	{ "ldh", { { 0x28, 0, 0, 14 }, { 0x16, 0, 0, 0 } }, 0x0eff },
	{ "ldb", { { 0x30, 0, 0, 15 }, { 0x16, 0, 0, 0 } }, 0xff },
	{ "ldb behind the end", { { 0x30, 0, 0, 16 }, { 6, 0, 0, 1 } }, 0 },
	{ "ldh over the end", { { 0x28, 0, 0, 15 }, { 6, 0, 0, 1 } }, 0 },
	{ "ld over the end", { { 0x20, 0, 0, 13 }, { 6, 0, 0, 1 } }, 0 },
	{ "ld at 2^31 - 1", { { 0x20, 0, 0, INT32_MAX }, { 6, 0, 0, 1 } }, 0 },
	{ "ld below the headers", { { 0x20, 0, 0, 0x80000000 }, { 6, 0, 0, 1 } }, 0 },
	{ "ld of the network header",
	  { { 0x20, 0, 0, 0xfff00001 }, { 0x16, 0, 0, 0 } },
	  0x05060708 },
	{ "ldb at the network header's end",
	  { { 0x30, 0, 0, 0xfff0000b }, { 0x16, 0, 0, 0 } },
	  0xff },
	{ "ldb behind it", { { 0x30, 0, 0, 0xfff0000c }, { 6, 0, 0, 1 } }, 0 },
	{ "ldb of the link header", { { 0x30, 0, 0, 0xffe0000f }, { 0x16, 0, 0, 0 } }, 0xff },
	{ "ldxb", { { 0xb1, 0, 0, 0 }, { 0x87, 0, 0, 0 }, { 0x16, 0, 0, 0 } }, 20 },
	{ "ldx and [x + k]", { { 1, 0, 0, 3 }, { 0x48, 0, 0, 2 }, { 0x16, 0, 0, 0 } }, 0x0506 },
	{ "[x + k] wraps", { { 1, 0, 0, 0xffffffff }, { 0x50, 0, 0, 5 }, { 0x16, 0, 0, 0 } }, 4 },
	{ "[x + k] below", { { 1, 0, 0, 0x80000000 }, { 0x50, 0, 0, 0 }, { 6, 0, 0, 1 } }, 0 },
	{ "[x + k] of the network header",
	  { { 1, 0, 0, 2 }, { 0x50, 0, 0, 0xfff00000 }, { 0x16, 0, 0, 0 } },
	  6 },
	{ "ld #pktlen", { { 0x80, 0, 0, 0 }, { 0x16, 0, 0, 0 } }, 1500 },
	{ "ldx #pktlen", { { 0x81, 0, 0, 0 }, { 0x87, 0, 0, 0 }, { 0x16, 0, 0, 0 } }, 1500 },
	{ "scratch memory",
	  { { 0, 0, 0, 9 },
	    { 2, 0, 0, 15 },
	    { 0x61, 0, 0, 15 },
	    { 0x87, 0, 0, 0 },
	    { 0x16, 0, 0, 0 } },
	  9 },
	{ "div by X = 0", { { 0, 0, 0, 9 }, { 0x3c, 0, 0, 0 }, { 6, 0, 0, 1 } }, 0 },
	{ "mod by X = 0", { { 0, 0, 0, 9 }, { 0x9c, 0, 0, 0 }, { 6, 0, 0, 1 } }, 0 },
	{ "lsh by X = 33",
	  { { 0, 0, 0, 1 }, { 1, 0, 0, 33 }, { 0x6c, 0, 0, 0 }, { 0x16, 0, 0, 0 } },
	  2 },
	{ "neg", { { 0, 0, 0, 1 }, { 0x84, 0, 0, 0 }, { 0x16, 0, 0, 0 } }, 0xffffffff },
	{ "div is unsigned",
	  { { 0, 0, 0, 0x80000000 }, { 0x34, 0, 0, 2 }, { 0x16, 0, 0, 0 } },
	  0x40000000 },
	{ "jgt is unsigned",
	  { { 0, 0, 0, 0x80000000 }, { 0x25, 0, 1, 1 }, { 6, 0, 0, 2 }, { 6, 0, 0, 3 } },
	  2 },
	{ "both ways", { { 0x15, 1, 1, 0 }, { 6, 0, 0, 1 }, { 6, 0, 0, 2 } }, 2 },
	{ "ja", { { 5, 0, 0, 1 }, { 6, 0, 0, 1 }, { 6, 0, 0, 2 } }, 2 },
	{ "proto", { { 0x28, 0, 0, 0xfffff000 }, { 0x16, 0, 0, 0 } }, 1 },
	{ "type", { { 0x20, 0, 0, 0xfffff004 }, { 0x16, 0, 0, 0 } }, 2 },
	{ "ifidx", { { 0x20, 0, 0, 0xfffff008 }, { 0x16, 0, 0, 0 } }, 3 },
	{ "mark", { { 0x20, 0, 0, 0xfffff014 }, { 0x16, 0, 0, 0 } }, 4 },
	{ "queue", { { 0x20, 0, 0, 0xfffff018 }, { 0x16, 0, 0, 0 } }, 5 },
	{ "hatype", { { 0x20, 0, 0, 0xfffff01c }, { 0x16, 0, 0, 0 } }, 6 },
	{ "rxhash", { { 0x20, 0, 0, 0xfffff020 }, { 0x16, 0, 0, 0 } }, 7 },
	{ "cpu", { { 0x20, 0, 0, 0xfffff024 }, { 0x16, 0, 0, 0 } }, 8 },
	{ "xor_x",
	  { { 0, 0, 0, 5 }, { 1, 0, 0, 3 }, { 0x20, 0, 0, 0xfffff028 }, { 0x16, 0, 0, 0 } },
	  6 },
	{ "vlan_tci", { { 0x20, 0, 0, 0xfffff02c }, { 0x16, 0, 0, 0 } }, 9 },
	{ "vlanp", { { 0x20, 0, 0, 0xfffff030 }, { 0x16, 0, 0, 0 } }, 10 },
	{ "poff", { { 0x20, 0, 0, 0xfffff034 }, { 0x16, 0, 0, 0 } }, 12 },
	{ "vlan_tpid", { { 0x20, 0, 0, 0xfffff03c }, { 0x16, 0, 0, 0 } }, 11 },
};

static struct skep_filter_ctx context(const void *packet, uint32_t len)
{
	return (struct skep_filter_ctx){ .data = (uint64_t)(uintptr_t)packet,
					 .len = len,
					 .wirelen = 1500,
					 .net_off = 4,
					 .protocol = 1,
					 .pkttype = 2,
					 .ifindex = 3,
					 .mark = 4,
					 .queue = 5,
					 .hatype = 6,
					 .rxhash = 7,
					 .cpu = 8,
					 .vlan_tci = 9,
					 .vlan_present = 10,
					 .vlan_tpid = 11,
					 .pay_offset = 12 };
}

static size_t count_insns(const struct skep_cbpf *in, size_t n)
{
	while (n && !in[n - 1].code && !in[n - 1].k)
		n--;
	return n;
}

static void computes(void)
{
	const struct skep_filter_ctx ctx = context(small, sizeof(small));

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		size_t n = count_insns(programs[i].in, ARRAY_SIZE(programs[i].in));
		struct skep_filter *f = NULL;
		struct skep_error *err = NULL;

		CHECK_CASE("%s", programs[i].name);
		skep_filter_new(programs[i].in, n, NULL, &f, &err);
		if (CHECK_ERR(err, NULL)) {
			CHECK_EQ_INT(skep_filter_run_ctx(f, &ctx), programs[i].want);
			CHECK_EQ_INT(twin_run(programs[i].in, &ctx, false), programs[i].want);
		}
		skep_error_free(err);
		skep_filter_free(f);
	}
}

static void random_numbers_differ(void)
{
	const struct skep_cbpf in[] = { { 0x20, 0, 0, 0xfffff038 },
					{ 7, 0, 0, 0 },
					{ 0x20, 0, 0, 0xfffff038 },
					{ 0xac, 0, 0, 0 },
					{ 0x16, 0, 0, 0 } };
	struct skep_filter *f = NULL;
	unsigned int same = 0;

	if (!CHECK_EQ_INT(skep_filter_new(in, ARRAY_SIZE(in), NULL, &f, NULL), 0))
		return;
	for (int i = 0; i < 20; i++)
		same += skep_filter_run(f, NULL, 0, 0) == 0;
	CHECK(same < 3);
	skep_filter_free(f);
}

static const struct {
	const char *id;
	struct skep_cbpf in[4];
} refused[] = {
	{ "I0016", { { 0, 0, 0, 0 } } },
	{ "I0017", { { 0x26, 0, 0, 0 }, { 6, 0, 0, 0 } } },
	{ "I0017", { { 0x120, 0, 0, 0 }, { 6, 0, 0, 0 } } },
	{ "I0017", { { 0x0e, 0, 0, 0 }, { 6, 0, 0, 0 } } },
	{ "I0018", { { 0x05, 0, 0, 1 }, { 6, 0, 0, 1 } } },
	{ "I0018", { { 0x05, 0, 0, 0xffffffff }, { 6, 0, 0, 1 } } },
	{ "I0018", { { 0x15, 1, 0, 1 }, { 6, 0, 0, 1 } } },
	{ "I0018", { { 0x15, 0, 1, 1 }, { 6, 0, 0, 1 } } },
	{ "I0019", { { 0x07, 0, 0, 0 } } },
	{ "I0019", { { 6, 0, 0, 1 }, { 0x87, 0, 0, 0 } } },
	{ "I0020", { { 0x34, 0, 0, 0 }, { 6, 0, 0, 1 } } },
	{ "I0020", { { 0x94, 0, 0, 0 }, { 6, 0, 0, 1 } } },
	{ "I0021", { { 0x64, 0, 0, 32 }, { 6, 0, 0, 1 } } },
	{ "I0021", { { 0x74, 0, 0, 0xffffffff }, { 6, 0, 0, 1 } } },
	{ "I0022", { { 0x02, 0, 0, 16 }, { 6, 0, 0, 1 } } },
	{ "I0022", { { 0x60, 0, 0, 0xffffffff }, { 6, 0, 0, 1 } } },
	{ "I0023", { { 0x60, 0, 0, 3 }, { 6, 0, 0, 1 } } },
	{ "I0023", { { 0x15, 0, 1, 3 }, { 2, 0, 0, 3 }, { 0x61, 0, 0, 3 }, { 6, 0, 0, 1 } } },
	{ "I0024", { { 0x20, 0, 0, 0xfffff040 }, { 6, 0, 0, 1 } } },
	{ "I0024", { { 0x30, 0, 0, 0xfffff001 }, { 6, 0, 0, 1 } } },
};

static void refuses(void)
{
	static struct skep_cbpf many[SKEP_CBPF_MAX + 1];
	struct skep_error *err = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct skep_filter *f = NULL;

		CHECK_CASE("%s, code 0x%x k 0x%x", refused[i].id, refused[i].in[0].code,
			   refused[i].in[0].k);
		CHECK_EQ_INT(skep_filter_new(refused[i].in, count_insns(refused[i].in, 4), NULL, &f,
					     &err),
			     -EINVAL);
		CHECK_ERR(err, refused[i].id);
		CHECK(!f);
		skep_error_free(err);
		err = NULL;
		CHECK_EQ_INT(skep_cbpf_check(refused[i].in, count_insns(refused[i].in, 4), NULL),
			     -EINVAL);
	}
	CHECK_CASE("4097 instructions");
	for (size_t i = 0; i <= SKEP_CBPF_MAX; i++)
		many[i].code = 6;
	CHECK_EQ_INT(skep_cbpf_check(many, SKEP_CBPF_MAX, NULL), 0);
	CHECK_EQ_INT(skep_cbpf_check(many, SKEP_CBPF_MAX + 1, &err), -EINVAL);
	CHECK_ERR(err, "I0016");
	skep_error_free(err);
}

static void dump(const struct skep_cbpf *in, size_t n)
{
	char text[96];

	for (size_t i = 0; i < n; i++) {
		skep_cbpf_print(in, i, text, sizeof(text));
		printf("#   %s\n", text);
	}
}

/* One random program over a few packets; the number of results that were not 0. */
static unsigned int compare(unsigned int flags, unsigned int *ret_refused)
{
	struct skep_cbpf in[TWIN_PROGRAM];
	size_t n = twin_program(in, flags);
	struct skep_filter *f = NULL;
	uint8_t packet[TWIN_PACKET];
	unsigned int useful = 0;
	bool good = true;

	if (skep_filter_new(in, n, NULL, &f, NULL) < 0) {
		++*ret_refused;
		return 0;
	}
	for (int i = 0; i < 4; i++) {
		uint32_t len = twin_packet(packet, flags & TWIN_SEARCH);
		struct skep_filter_ctx ctx = context(packet, len);
		uint32_t got, want = twin_run(in, &ctx, false);

		got = skep_filter_run_ctx(f, &ctx);
		useful += want != 0;
		good &= CHECK_MSG(got == want, "got 0x%x, the twin 0x%x", got, want);
		if (flags)
			continue;
		want = bpf_filter((const struct bpf_insn *)in, packet, ctx.wirelen, len);
		got = twin_run(in, &ctx, true);
		good &= CHECK_MSG(got == want, "libpcap 0x%x, the twin 0x%x", want, got);
	}
	if (!good)
		dump(in, n);
	skep_filter_free(f);
	return useful;
}

static void agrees_with_the_twins(void)
{
	static const unsigned int kinds[] = { 0, TWIN_HEADERS, TWIN_HEADERS | TWIN_FIELDS,
					      TWIN_SEARCH };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		unsigned int useful = 0, none = 0;

		CHECK_CASE("kind %u", kinds[k]);
		twin_state = 20261121 + k;
		for (int i = 0; i < PROGRAMS / 4; i++)
			useful += compare(kinds[k], &none);
		CHECK_MSG(useful > PROGRAMS / 10 && none < PROGRAMS / 8,
			  "%u results were not 0, %u programs were refused", useful, none);
	}
}

/* Longer than short jumps reach, once translated. */
static void long_programs(void)
{
	static struct skep_cbpf in[SKEP_CBPF_MAX];
	const struct skep_filter_ctx ctx = context(small, sizeof(small));
	const struct skep_filter_ctx shorter = context(small, 2);
	struct skep_filter *f = NULL;
	size_t n = SKEP_CBPF_MAX;

	in[0] = (struct skep_cbpf){ 0x15, 1, 0, 1 };
	in[1] = (struct skep_cbpf){ 0x05, 0, 0, 1 };
	in[2] = (struct skep_cbpf){ 0x05, 0, 0, (uint32_t)n - 4 };
	for (size_t i = 3; i < n - 1; i++)
		in[i] = i % 3 ? (struct skep_cbpf){ 0x40, 0, 0, 3 } :
				(struct skep_cbpf){ 0x35, 255, 0, 0x7fffffff };
	for (size_t i = n - 300; i < n - 1; i++)
		in[i] = (struct skep_cbpf){ 0x04, 0, 0, 1 };
	in[n - 1] = (struct skep_cbpf){ 0x16, 0, 0, 0 };
	if (!CHECK_EQ_INT(skep_filter_new(in, n, NULL, &f, NULL), 0))
		return;
	CHECK_EQ_INT(skep_filter_run_ctx(f, &ctx), twin_run(in, &ctx, false));
	CHECK(skep_filter_run_ctx(f, &ctx) != 0);
	CHECK_EQ_INT(skep_filter_run_ctx(f, &shorter), 0);
	skep_filter_free(f);
}

static void prints_as_tcpdump(void)
{
	static const uint32_t ks[] = { 0,	   7,	       0x1fff,	   0xffffffff,
				       0xfffff000, 0xfffff034, 0xfffff044, 0xfff00000 };

	for (unsigned int code = 0; code < 256; code++) {
		if (!cbpf_row((uint16_t)code) || code == 0x81)
			continue; /* libpcap has no `ldx #pktlen` */
		CHECK_CASE("code 0x%02x", code);
		for (size_t i = 0; i < ARRAY_SIZE(ks); i++) {
			const struct skep_cbpf in[3] = { [2] = { (uint16_t)code, 1, 2, ks[i] } };
			char text[96], theirs[256];

			if (code == 0x05 && ks[i] > 100)
				continue; /* a jump that wraps */
			snprintf(theirs, sizeof(theirs), "%s",
				 bpf_image((const struct bpf_insn *)&in[2], 2));
			CHECK_EQ_INT(skep_cbpf_print(in, 2, text, sizeof(text)), 0);
			CHECK_EQ_STR(text, theirs);
		}
	}
	CHECK_CASE("an unknown code");
	CHECK_EQ_INT(skep_cbpf_print(&(struct skep_cbpf){ 0xff, 1, 2, 3 }, 0, NULL, 0), -EINVAL);
}

static char *text_of(const struct skep_cbpf *in, size_t n, int form)
{
	char *text = malloc(n * 96 + 16), *p = text, line[96];

	if (form == 2)
		p += sprintf(p, "%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		skep_cbpf_print(in, i, line, sizeof(line));
		if (form == 0)
			p += sprintf(p, "%s\n", line);
		else if (form == 1)
			p += sprintf(p, "{ 0x%x, %u, %u, 0x%08x },\n", in[i].code, in[i].jt,
				     in[i].jf, in[i].k);
		else
			p += sprintf(p, "%u %u %u %u\n", in[i].code, in[i].jt, in[i].jf, in[i].k);
	}
	return text;
}

static void reads_back(void)
{
	twin_state = 7;
	for (int i = 0; i < 600; i++) {
		struct skep_cbpf in[TWIN_PROGRAM], *back = NULL;
		size_t n = twin_program(in, i % 8), m = 0;
		char *text = text_of(in, n, i % 3);
		struct skep_error *err = NULL;

		if (i % 100 == 0)
			CHECK_CASE("from program %d", i);
		skep_cbpf_parse(text, "x", &back, &m, &err);
		if (CHECK_ERR(err, NULL) && CHECK_EQ_INT(m, n))
			for (size_t k = 0; k < n; k++)
				CHECK(back[k].code == in[k].code && back[k].jt == in[k].jt &&
				      back[k].jf == in[k].jf &&
				      (i % 3 || in[k].code == 0x16 || in[k].code == 0x84 ||
				       (in[k].code & 15) > 8 || (in[k].code & 7) == 7 ||
				       in[k].code == 0x80 || in[k].code == 0x81 ||
				       back[k].k == in[k].k));
		skep_error_free(err);
		free(back);
		free(text);
	}
}

static const struct {
	const char *text;
	uint32_t line, col;
} wrong[] = {
	{ "3\n40 0 0 12\n6 0 0 0\n", 1, 1 },
	{ "5000\n", 1, 1 },
	{ "1\n40 0 0\n", 3, 1 },
	{ "1\n65536 0 0 0", 2, 1 },
	{ "1\n40 256 0 0", 2, 4 },
	{ "1\n40 0 0 4294967296", 2, 8 },
	{ "1,40 0 0 x", 1, 10 },
	{ "{ 0x28, 0, 0, 12 }\n{ 6 }", 2, 6 },
	{ "(000) ldh [12]\n(002) ret #0", 2, 5 },
	{ "ldh [12]\nfrob #1", 2, 1 },
	{ "ldh [12", 1, 8 },
	{ "ldh [12] x", 1, 10 },
	{ "jeq #1 jt 1", 1, 12 },
	{ "jeq #1 jt 0 jf 1", 1, 12 },
	{ "jeq #1 jt 1 jf 257", 1, 19 },
	{ "ja 0\nret #0", 1, 4 },
	{ "ret #99999999999", 1, 6 },
};

static void refuses_text(void)
{
	static char long_text[SKEP_CBPF_MAX * 4 + 16];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct skep_error *err = NULL;
		struct skep_cbpf *in = NULL;
		size_t n;

		CHECK_CASE("%s", wrong[i].text);
		CHECK_EQ_INT(skep_cbpf_parse(wrong[i].text, "x", &in, &n, &err), -EINVAL);
		if (CHECK_ERR(err, "I0025")) {
			CHECK_EQ_INT(skep_error_place(err)->line, wrong[i].line);
			CHECK_EQ_INT(skep_error_place(err)->col, wrong[i].col);
		}
		CHECK(!in);
		skep_error_free(err);
	}
	CHECK_CASE("too many lines");
	for (int i = 0; i <= SKEP_CBPF_MAX; i++)
		memcpy(long_text + 4 * i, "tax\n", 4);
	{
		struct skep_error *err = NULL;
		struct skep_cbpf *in;
		size_t n;

		CHECK_EQ_INT(skep_cbpf_parse(long_text, NULL, &in, &n, &err), -EINVAL);
		CHECK_ERR(err, "I0016");
		skep_error_free(err);
	}
}

static void expressions(void)
{
	static const uint8_t arp[60] = { [12] = 8, [13] = 6 };
	struct skep_filter_opts o = { .size = sizeof(o), .snaplen = 96 };
	struct skep_filter *f = NULL;
	struct skep_error *err = NULL;
	size_t n;

	if (CHECK_EQ_INT(skep_filter_new_expr("arp", &o, &f, NULL), 0)) {
		CHECK_EQ_INT(skep_filter_run(f, arp, sizeof(arp), sizeof(arp)), 96);
		CHECK_EQ_INT(skep_filter_run(f, arp, 13, sizeof(arp)), 0);
		CHECK(skep_filter_cbpf(f, &n) && n == 4);
		CHECK(skep_filter_insns(f, &n) && n > 8);
	}
	skep_filter_free(f);
	f = NULL;
	CHECK_CASE("a wrong expression");
	CHECK_EQ_INT(skep_filter_new_expr("tcp port", NULL, &f, &err), -EINVAL);
	CHECK_ERR(err, "N0006");
	CHECK(!f);
	skep_error_free(err);
}

CHECK_MAIN({ "computes", computes }, { "random_numbers_differ", random_numbers_differ },
	   { "refuses", refuses }, { "agrees_with_the_twins", agrees_with_the_twins },
	   { "long_programs", long_programs }, { "prints_as_tcpdump", prints_as_tcpdump },
	   { "reads_back", reads_back }, { "refuses_text", refuses_text },
	   { "expressions", expressions })
