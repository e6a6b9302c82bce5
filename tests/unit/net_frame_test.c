// SPDX-License-Identifier: Apache-2.0
/*
 * Frames: VLAN tags that tc finds beside the data and the written packet has again, captures
 * without Ethernet headers, room around the packet, packets cut short by the capture, long ones.
 */
#include "net_kit.h"

#define RETURN(v) "mov %r0, " #v "\nexit"
/* Copies a field of __sk_buff to the first bytes of the packet. */
#define FIELD(off) "ldxw %r2, [%r1+76]\nldxw %r3, [%r1+" #off "]\nstxw [%r2], %r3\n" RETURN(0)

static uint16_t be16(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

/* One packet in; the first that was written out (in *out), or NULL. */
static const uint8_t *through(struct kit *k, uint32_t linktype, const void *bytes, uint32_t caplen,
			      uint32_t len, struct buf *out, uint32_t *ret_caplen,
			      uint32_t *ret_len)
{
	struct buf b;

	buf_init(&b);
	kit_header(&b, KIT_MICRO, linktype);
	kit_record(&b, 7, 8, bytes, caplen, len);
	kit_input(k, &b);
	buf_done(&b);
	kit_output(k);
	kit_run(k);
	KIT_FINE(k);
	kit_read(k->out_path, out);
	return kit_written(out, 0, ret_caplen, ret_len);
}

/* 802.1Q number 0x0123, then IPv4, then 10 bytes; and with an 802.1ad tag outside. */
static const uint8_t tagged[] = { 2, 0,	   0, 0, 0,    1,    2,	   0,	 0, 0, 0, 2, 0x81, 0,
				  1, 0x23, 8, 0, 0x45, 0x46, 0x47, 0x48, 0, 0, 0, 0, 0,	   0 };
static const uint8_t twice[] = { 2,    0,    0,	   0, 0, 1,    2, 0, 0,	   0, 0, 2, 0x88, 0xa8,
				 0x20, 0x64, 0x81, 0, 1, 0x23, 8, 0, 0x45, 0, 0, 0, 0,	  0 };

static void vlan(void)
{
	const struct {
		const char *name, *text;
		const uint8_t *bytes;
		uint32_t size, expect;
	} rows[] = {
		{ "len", FIELD(0), tagged, sizeof(tagged), sizeof(tagged) - 4 },
		{ "wire_len", FIELD(160), tagged, sizeof(tagged), sizeof(tagged) - 4 },
		{ "protocol", FIELD(16), tagged, sizeof(tagged), be16(0x0800) },
		{ "vlan_present", FIELD(20), tagged, sizeof(tagged), 1 },
		{ "vlan_tci", FIELD(24), tagged, sizeof(tagged), 0x0123 },
		{ "vlan_proto", FIELD(28), tagged, sizeof(tagged), be16(0x8100) },
		{ "inner protocol", FIELD(16), twice, sizeof(twice), be16(0x8100) },
		{ "outer vlan_tci", FIELD(24), twice, sizeof(twice), 0x2064 },
		{ "outer vlan_proto", FIELD(28), twice, sizeof(twice), be16(0x88a8) },
		/* the data itself: bytes 12 to 15 */
		{ "data", "ldxw %r2, [%r1+76]\nldxw %r3, [%r2+12]\nstxw [%r2], %r3\n" RETURN(0),
		  tagged, sizeof(tagged), 0x46450008 },
		{ "inner data",
		  "ldxw %r2, [%r1+76]\nldxw %r3, [%r2+12]\nstxw [%r2], %r3\n" RETURN(0), twice,
		  sizeof(twice), 0x23010081 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf out;
		uint32_t n, len, got;
		const uint8_t *p;

		CHECK_CASE("%s", rows[i].name);
		buf_init(&out);
		kit_add(&k, "tc", rows[i].text);
		p = through(&k, 1, rows[i].bytes, rows[i].size, rows[i].size, &out, &n, &len);
		CHECK_MSG(!k.faults, "%s", k.fault);
		if (CHECK(p != NULL)) {
			memcpy(&got, p, 4);
			CHECK_EQ_INT(got, rows[i].expect);
			/* but for the four bytes, what went in: the tag is back */
			CHECK_EQ_INT(n, rows[i].size);
			CHECK_EQ_INT(len, rows[i].size);
			CHECK_EQ_MEM(p + 4, rows[i].bytes + 4, rows[i].size - 4);
		}
		CHECK_EQ_INT(k.stats.bytes, rows[i].size);
		buf_done(&out);
		kit_done(&k);
	}
}

static void vlan_edges(void)
{
	struct kit k = { 0 };
	struct buf out;
	uint32_t n, len;
	const uint8_t *p;

	buf_init(&out);
	CHECK_CASE("XDP sees the tag");
	kit_add(&k, "xdp",
		"ldxw %r2, [%r1]\nldxh %r3, [%r2+12]\njeq %r3, 0x81, yes\n" RETURN(
			1) "\nyes:\n" RETURN(2));
	p = through(&k, 1, tagged, sizeof(tagged), sizeof(tagged), &out, &n, &len);
	if (CHECK(p && n == sizeof(tagged)))
		CHECK_EQ_MEM(p, tagged, n);
	kit_done(&k);

	CHECK_CASE("a frame that ends in its tag stays as it is");
	kit_add(&k, "tc", "ldxw %r3, [%r1]\njeq %r3, 16, yes\n" RETURN(2) "\nyes:\n" RETURN(0));
	p = through(&k, 1, tagged, 16, 16, &out, &n, &len);
	if (CHECK(p && n == 16))
		CHECK_EQ_MEM(p, tagged, n);
	kit_done(&k);

	CHECK_CASE("after XDP took the tag off, tc sees none");
	/* addresses four bytes on, then adjust_head(4) */
	kit_add(&k, "xdp",
		"mov %r6, %r1\nldxw %r2, [%r1]\nldxdw %r3, [%r2]\nldxw %r4, [%r2+8]\n"
		"stxdw [%r2+4], %r3\nstxw [%r2+12], %r4\nmov %r2, 4\ncall 44\n" RETURN(2));
	kit_add(&k, "tc", FIELD(20));
	p = through(&k, 1, tagged, sizeof(tagged), sizeof(tagged), &out, &n, &len);
	CHECK_MSG(!k.faults, "%s", k.fault);
	if (CHECK(p && n == sizeof(tagged) - 4)) {
		CHECK_EQ_MEM(p, "\0\0\0\0", 4);
		CHECK_EQ_MEM(p + 4, tagged + 4, 8);
		CHECK_EQ_MEM(p + 12, tagged + 16, n - 12);
		CHECK_EQ_INT(len, n);
	}
	kit_done(&k);

	buf_done(&out);
}

static void vlan_kept(void)
{
	static const char pass[] = RETURN(0);
	struct kit k = { 0 };
	struct buf out;
	uint32_t n, len;
	const uint8_t *p;

	buf_init(&out);
	CHECK_CASE("a socket keeps 20 bytes of what it sees");
	kit_add(&k, "socket", RETURN(20));
	p = through(&k, 1, tagged, sizeof(tagged), sizeof(tagged), &out, &n, &len);
	if (CHECK(p && n == 24))
		CHECK_EQ_MEM(p, tagged, n);
	kit_done(&k);

	CHECK_CASE("a socket keeps less than the addresses");
	kit_add(&k, "socket", RETURN(5));
	p = through(&k, 1, tagged, sizeof(tagged), sizeof(tagged), &out, &n, &len);
	if (CHECK(p && n == 5))
		CHECK_EQ_MEM(p, tagged, n);
	kit_done(&k);

	CHECK_CASE("two packets, the tag of one is not the other's");
	{
		struct buf b;

		buf_init(&b);
		kit_header(&b, KIT_MICRO, 1);
		kit_record(&b, 1, 1, tagged, sizeof(tagged), sizeof(tagged));
		kit_record(&b, 1, 2, tagged + 4, 20, 20);
		kit_add(&k, "tc", pass);
		kit_input(&k, &b);
		kit_output(&k);
		kit_run(&k);
		kit_read(k.out_path, &out);
		p = kit_written(&out, 1, &n, &len);
		if (CHECK(p && n == 20))
			CHECK_EQ_MEM(p, tagged + 4, n);
		buf_done(&b);
		kit_done(&k);
	}
	buf_done(&out);
}

/* XDP metadata lies before the data and goes with it to tc, over a VLAN tag too. */
static void metadata(void)
{
	struct kit k = { 0 };
	struct buf out;
	uint32_t n, len;
	const uint8_t *p;

	buf_init(&out);
	kit_add(&k, "xdp",
		"mov %r6, %r1\nmov %r2, -4\ncall 54\nldxw %r2, [%r6+8]\nmov %r3, 0x1234\n"
		"stxw [%r2], %r3\n" RETURN(2));
	kit_add(&k, "tc",
		"ldxw %r2, [%r1+140]\nldxw %r4, [%r1+76]\nmov %r5, %r4\nsub %r5, %r2\n"
		"jne %r5, 4, bad\nldxw %r3, [%r2]\nstxw [%r4], %r3\n" RETURN(0) "\nbad:\n" RETURN(
			2));
	p = through(&k, 1, tagged, sizeof(tagged), sizeof(tagged), &out, &n, &len);
	CHECK_MSG(!k.faults, "%s", k.fault);
	if (CHECK(p && n == sizeof(tagged))) {
		CHECK_EQ_MEM(p, "\x34\x12\0\0", 4);
		CHECK_EQ_MEM(p + 4, tagged + 4, n - 4);
	}
	buf_done(&out);
	kit_done(&k);
}

static void link_types(void)
{
	static const struct {
		const char *name;
		uint32_t linktype;
		const char *bytes;
		uint32_t size, header;
		uint16_t ethertype;
	} rows[] = {
		{ "raw IPv4", 101, "\x45payload", 8, 0, 0x0800 },
		{ "raw IPv6", 101, "\x60payload", 8, 0, 0x86dd },
		{ "raw, neither", 101, "\x15payload", 8, 0, 0 },
		{ "raw, empty", 101, "", 0, 0, 0 },
		{ "IPv4", 228, "\x45payload", 8, 0, 0x0800 },
		{ "IPv6", 229, "\x60payload", 8, 0, 0x86dd },
		{ "null IPv4, this order", 0, "\2\0\0\0payload", 11, 4, 0x0800 },
		{ "null IPv4, other order", 0, "\0\0\0\2payload", 11, 4, 0x0800 },
		{ "null IPv6 of Linux", 0, "\x0a\0\0\0payload", 11, 4, 0x86dd },
		{ "null IPv6 of OpenBSD", 0, "\x18\0\0\0payload", 11, 4, 0x86dd },
		{ "null IPv6 of FreeBSD", 0, "\x1c\0\0\0payload", 11, 4, 0x86dd },
		{ "null IPv6 of Darwin", 0, "\0\0\0\x1epayload", 11, 4, 0x86dd },
		{ "null, unknown family", 0, "\x63\0\0\0payload", 11, 4, 0 },
		{ "loop IPv4", 108, "\0\0\0\2payload", 11, 4, 0x0800 },
		{ "cooked IPv4", 113, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x08\0payload", 23, 16, 0x0800 },
		{ "cooked ARP", 113, "\0\1\0\1\0\6\0\0\0\0\0\0\0\0\x08\6payload", 23, 16, 0x0806 },
		{ "cooked 802.2", 113, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\0\4payload", 23, 16, 17 },
		{ "cooked v2 IPv6", 276, "\x86\xdd\0\0\0\0\0\5\0\1\0\6\0\0\0\0\0\0\0\0payload", 27,
		  20, 0x86dd },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf out;
		uint32_t n, len, payload = rows[i].size - rows[i].header;
		uint8_t head[14] = { 0 };
		const uint8_t *p;

		CHECK_CASE("%s", rows[i].name);
		head[12] = (uint8_t)(rows[i].ethertype >> 8);
		head[13] = (uint8_t)rows[i].ethertype;
		buf_init(&out);
		kit_add(&k, "xdp", RETURN(2));
		/* 10 bytes were not captured */
		p = through(&k, rows[i].linktype, rows[i].bytes, rows[i].size, rows[i].size + 10,
			    &out, &n, &len);
		if (CHECK(p != NULL)) {
			CHECK_EQ_INT(n, payload + 14);
			CHECK_EQ_INT(len, payload + 24);
			CHECK_EQ_MEM(p, head, 14);
			CHECK_EQ_MEM(p + 14, rows[i].bytes + rows[i].header, payload);
		}
		CHECK_EQ_INT(k.stats.truncated, 1);
		buf_done(&out);
		kit_done(&k);
	}
}

/* A record that ends within its link header is counted and not shown to programs. */
static void short_links(void)
{
	static const struct {
		uint32_t linktype, size;
	} rows[] = { { 0, 3 }, { 108, 0 }, { 113, 15 }, { 276, 19 } };
	static const uint8_t zeros[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf out;
		uint32_t n, len;

		CHECK_CASE("link type %u, %u bytes", rows[i].linktype, rows[i].size);
		buf_init(&out);
		kit_add(&k, "xdp", RETURN(2));
		CHECK(!through(&k, rows[i].linktype, zeros, rows[i].size, rows[i].size, &out, &n,
			       &len));
		CHECK_EQ_INT(k.stats.packets, 1);
		CHECK_EQ_INT(k.stats.truncated, 1);
		CHECK_EQ_INT(k.stats.events, 0);
		buf_done(&out);
		kit_done(&k);
	}
}

/* A cooked capture knows which way a packet went, whose it was, and (v2) which interface's. */
static void directions(void)
{
	static const struct {
		uint32_t type;
		const char *ran; /* ingress, egress */
	} rows[] = { { 0, "yn" }, { 1, "yn" }, { 2, "yn" }, { 3, "yn" }, { 4, "ny" }, { 9, "yy" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[22] = { 0x08, 0, 0, 0, 0, 0, 0, 77, 0, 1, (uint8_t)rows[i].type, 6 };
		struct kit k = { 0 };
		struct buf out;
		uint32_t n, len, got = 0;
		char ran[3] = "";
		const uint8_t *p;

		CHECK_CASE("packet type %u", rows[i].type);
		buf_init(&out);
		kit_add(&k, "tcx/ingress", FIELD(4));
		kit_add(&k, "tcx/egress", FIELD(40));
		p = through(&k, 276, bytes, sizeof(bytes), sizeof(bytes), &out, &n, &len);
		for (size_t j = 0; j < 2; j++)
			ran[j] = k.progs[j].core.runs ? 'y' : 'n';
		CHECK_EQ_STR(ran, rows[i].ran);
		if (CHECK(p != NULL)) {
			memcpy(&got, p, 4);
			CHECK_EQ_INT(got, ran[1] == 'y' ? 77 : rows[i].type);
		}
		buf_done(&out);
		kit_done(&k);
	}
}

/* xdp_adjust_head and _tail: as far as the kernel's frame has room, to the byte. */
static void room(void)
{
	static const struct {
		const char *what, *text;
		uint32_t size, written;
	} rows[] = {
		{ "216 bytes before", "mov %r2, -216\ncall 44\njne %r0, 0, no\n", 100, 316 },
		{ "217 bytes before", "mov %r2, -217\ncall 44\njne %r0, 0, no\n", 100, 0 },
		{ "down to 14 bytes", "mov %r2, 86\ncall 44\njne %r0, 0, no\n", 100, 14 },
		{ "down to 13 bytes", "mov %r2, 87\ncall 44\njne %r0, 0, no\n", 100, 0 },
		{ "3520 bytes in all", "mov %r2, 3420\ncall 65\njne %r0, 0, no\n", 100, 3520 },
		{ "3521 bytes in all", "mov %r2, 3421\ncall 65\njne %r0, 0, no\n", 100, 0 },
		{ "tail cut to 14", "mov %r2, -86\ncall 65\njne %r0, 0, no\n", 100, 14 },
		{ "tail cut to 13", "mov %r2, -87\ncall 65\njne %r0, 0, no\n", 100, 0 },
		{ "long, no tail", "mov %r2, 1\ncall 65\njne %r0, 0, no\n", 3521, 0 },
		{ "long, shorter", "mov %r2, -1\ncall 65\njne %r0, 0, no\n", 3521, 3520 },
		{ "9000 bytes", "", 9000, 9000 },
		{ "65535 bytes", "", 65535, 65535 },
		{ "262144 bytes", "", 262144, 262144 },
	};
	uint8_t *bytes = malloc(262144);

	if (!CHECK(bytes != NULL))
		return;
	for (size_t i = 0; i < 262144; i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf out;
		uint32_t n = 0, len = 0;
		char text[256];
		const uint8_t *p;

		CHECK_CASE("%s", rows[i].what);
		buf_init(&out);
		snprintf(text, sizeof(text), "%s%s", rows[i].text, RETURN(2) "\nno:\n" RETURN(1));
		kit_add(&k, "xdp", text);
		p = through(&k, 1, bytes, rows[i].size, rows[i].size, &out, &n, &len);
		CHECK_MSG(!k.faults, "%s", k.fault);
		CHECK_EQ_INT(p ? n : 0, rows[i].written);
		CHECK_EQ_INT(len, rows[i].written);
		buf_done(&out);
		kit_done(&k);
	}
	free(bytes);
}

/* The room before a packet holds nothing of packets that were there earlier. */
static void clean_room(void)
{
	uint8_t bytes[200];
	struct kit k = { 0 };
	struct buf b;
	uint32_t n, len;
	const uint8_t *p;

	memset(bytes, 0xee, sizeof(bytes));
	buf_init(&b);
	kit_header(&b, KIT_MICRO, 1);
	for (int i = 0; i < 2; i++)
		kit_record(&b, 1, 1, bytes, sizeof(bytes), sizeof(bytes));
	kit_input(&k, &b);
	kit_output(&k);
	/* 64 bytes before, the last word of them set */
	kit_add(&k, "xdp",
		"mov %r6, %r1\nmov %r2, -64\ncall 44\nldxw %r2, [%r6]\nldxw %r3, [%r2+60]\n"
		"mov %r4, 77\nstxw [%r2+60], %r4\nstxw [%r2], %r3\n" RETURN(2));
	kit_run(&k);
	CHECK_MSG(!k.faults, "%s", k.fault);
	kit_read(k.out_path, &b);
	p = kit_written(&b, 1, &n, &len);
	if (CHECK(p && n == 264))
		CHECK_EQ_MEM(p, "\0\0\0\0", 4);
	buf_done(&b);
	kit_done(&k);
}

/*
 * A capture with a snap length: programs see what is there, wire_len and the written header know
 * the rest.
 */
static void cut_packets(void)
{
	struct kit k = { 0 };
	struct buf out;
	uint32_t n, len, got = 0;
	const uint8_t *p;

	buf_init(&out);
	CHECK_CASE("len");
	kit_add(&k, "tc", FIELD(0));
	p = through(&k, 1, tagged, 24, 1500, &out, &n, &len);
	if (CHECK(p && n == 24)) {
		memcpy(&got, p, 4);
		CHECK_EQ_INT(got, 20);
		CHECK_EQ_INT(len, 1500);
	}
	CHECK_EQ_INT(k.stats.truncated, 1);
	CHECK_EQ_INT(k.stats.bytes, 24);
	kit_done(&k);

	CHECK_CASE("wire_len");
	kit_add(&k, "tc", FIELD(160));
	p = through(&k, 1, tagged, 24, 1500, &out, &n, &len);
	if (CHECK(p && n == 24)) {
		memcpy(&got, p, 4);
		CHECK_EQ_INT(got, 1496);
	}
	kit_done(&k);

	CHECK_CASE("less than an Ethernet header");
	kit_add(&k, "xdp",
		"ldxw %r2, [%r1]\nldxw %r3, [%r1+4]\nsub %r3, %r2\njeq %r3, 9, yes\n" RETURN(
			1) "\nyes:\n" RETURN(2));
	kit_add(&k, "tc", "ldxw %r0, [%r1]\njeq %r0, 9, yes\n" RETURN(2) "\nyes:\n" RETURN(0));
	p = through(&k, 1, tagged, 9, 9, &out, &n, &len);
	CHECK(p && n == 9);
	kit_done(&k);

	CHECK_CASE("nothing at all");
	kit_add(&k, "xdp", "ldxw %r2, [%r1]\nldxb %r0, [%r2]\n" RETURN(2));
	p = through(&k, 1, tagged, 0, 0, &out, &n, &len);
	CHECK_EQ_INT(k.faults, 1);
	CHECK(!p);
	kit_done(&k);

	CHECK_CASE("len smaller than caplen");
	kit_add(&k, "xdp", RETURN(2));
	p = through(&k, 1, tagged, 24, 3, &out, &n, &len);
	CHECK(p && n == 24 && len == 24);
	CHECK_EQ_INT(k.stats.truncated, 0);
	kit_done(&k);
	buf_done(&out);
}

CHECK_MAIN({ "vlan", vlan }, { "vlan_edges", vlan_edges }, { "vlan_kept", vlan_kept },
	   { "metadata", metadata }, { "link_types", link_types }, { "short_links", short_links },
	   { "directions", directions }, { "room", room }, { "clean_room", clean_room },
	   { "cut_packets", cut_packets })
