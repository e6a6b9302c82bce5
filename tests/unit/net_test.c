// SPDX-License-Identifier: Apache-2.0
/*
 * Packets and programs: who is served, in which order programs run, what each verdict does to the
 * packet, and what a program sees of it: bytes, fields of the context, the room around it, the
 * time.
 */
#include "net_kit.h"

#define FRAME 64

static uint8_t frame[FRAME];

/* An Ethernet frame to 02:00:00:00:00:01 with bytes that count up. */
static void make_frame(uint16_t ethertype)
{
	static const uint8_t addrs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	memcpy(frame, addrs, sizeof(addrs));
	frame[12] = (uint8_t)(ethertype >> 8);
	frame[13] = (uint8_t)ethertype;
	for (unsigned int i = 14; i < FRAME; i++)
		frame[i] = (uint8_t)i;
}

/* A capture of @n copies of the frame, at 1000 s and i us. */
static void give_frames(struct kit *k, unsigned int n)
{
	struct buf b;

	buf_init(&b);
	kit_header(&b, KIT_MICRO, 1);
	for (unsigned int i = 0; i < n; i++)
		kit_record(&b, 1000, i, frame, FRAME, FRAME);
	kit_input(k, &b);
	buf_done(&b);
}

#define RETURN(v) "mov %r0, " #v "\nexit"

static void serves(void)
{
	static const struct {
		const char *section, *why;
	} rows[] = {
		{ "xdp", NULL },
		{ "xdp.frags", NULL },
		{ "tc", NULL },
		{ "classifier", NULL },
		{ "action", NULL },
		{ "tcx/ingress", NULL },
		{ "tcx/egress", NULL },
		{ "tc/ingress", NULL },
		{ "tc/egress", NULL },
		{ "netkit/primary", NULL },
		{ "netkit/peer", NULL },
		{ "socket", NULL },
		{ "xdp/devmap", "redirected to an entry of a devmap" },
		{ "xdp.frags/devmap", "redirected to an entry of a devmap" },
		{ "xdp/cpumap", "redirected to another CPU" },
		{ "cgroup_skb/ingress", "control group" },
		{ "lwt_in", "route" },
		{ "sk_skb/stream_verdict", "map of sockets" },
		{ "flow_dissector", "flow dissector" },
		{ "sk_lookup", "chooses among sockets" },
		{ "netfilter", "netfilter hook" },
		{ "kprobe/do_exit", "type 'kprobe': packets do not fire it" },
		{ "tracepoint/syscalls/sys_enter_openat", "type 'tracepoint'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct core_prog prog = { .name = "p", .section = rows[i].section };
		char why[256] = "";

		CHECK_CASE("%s", rows[i].section);
		prog.def = spec_section_find(rows[i].section, &prog.target);
		if (!CHECK(prog.def != NULL))
			continue;
		CHECK_EQ_INT(hook_net.serves(&prog, why, sizeof(why)), rows[i].why == NULL);
		if (rows[i].why)
			CHECK_MSG(strstr(why, rows[i].why), "'%s'", why);
	}
}

static void xdp_verdicts(void)
{
	static const struct {
		const char *text, *name;
		unsigned int written;
	} rows[] = {
		{ RETURN(0), "XDP_ABORTED", 0 },
		{ RETURN(1), "XDP_DROP", 0 },
		{ RETURN(2), "XDP_PASS", 3 },
		{ RETURN(3), "XDP_TX", 3 },
		{ RETURN(4), "XDP_REDIRECT", 0 }, /* to nowhere */
		{ "mov %r1, 7\nmov %r2, 0\ncall 23\nexit", "XDP_REDIRECT", 3 },
		{ "mov %r1, 7\nmov %r2, 1\ncall 23\nexit", "XDP_ABORTED", 0 }, /* bad flags */
		{ RETURN(5), NULL, 0 },
		{ RETURN(-1), NULL, 0 },
		{ "lddw %r0, 0x100000002\nexit", "XDP_PASS", 3 }, /* 32 bits count */
	};

	make_frame(0x88b5);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		uint64_t all = 0;

		CHECK_CASE("%s", rows[i].text);
		kit_add(&k, "xdp", rows[i].text);
		give_frames(&k, 3);
		kit_output(&k);
		kit_run(&k);
		KIT_FINE(&k);
		CHECK_EQ_INT(k.stats.packets, 3);
		CHECK_EQ_INT(k.stats.events, 3);
		CHECK_EQ_INT(k.stats.bytes, 3 * FRAME);
		CHECK_EQ_INT(k.stats.written, rows[i].written);
		CHECK_EQ_INT(k.after, 3);
		if (rows[i].name)
			CHECK_EQ_INT(kit_count(&k, 0, rows[i].name), 3);
		else
			CHECK_EQ_INT(k.verdicts[0].other, 3);
		for (size_t v = 0; v < HOOK_MAX_VERDICTS; v++)
			all += k.verdicts[0].counts[v];
		CHECK_EQ_INT(all + k.verdicts[0].other, 3);
		kit_done(&k);
	}
}

static void skb_verdicts(void)
{
	static const struct {
		const char *section, *text, *name;
		unsigned int written;
	} rows[] = {
		{ "tc", RETURN(-1), "TC_ACT_UNSPEC", 1 },
		{ "tc", RETURN(0), "TC_ACT_OK", 1 },
		{ "tc", RETURN(1), "TC_ACT_RECLASSIFY", 1 },
		{ "tc", RETURN(2), "TC_ACT_SHOT", 0 },
		{ "tc", RETURN(3), "TC_ACT_PIPE", 1 },
		{ "tc", RETURN(4), "TC_ACT_STOLEN", 0 },
		{ "tc", RETURN(5), "TC_ACT_QUEUED", 1 },
		{ "tc", RETURN(6), "TC_ACT_REPEAT", 1 },
		{ "tc", RETURN(7), "TC_ACT_REDIRECT", 0 },
		{ "tc", "mov %r1, 7\nmov %r2, 1\ncall 23\nexit", "TC_ACT_REDIRECT", 1 },
		{ "tc", "mov %r1, 7\nmov %r2, 2\ncall 23\nexit", "TC_ACT_SHOT", 0 },
		{ "tc", RETURN(8), "TC_ACT_TRAP", 0 },
		{ "tc", RETURN(9), NULL, 1 },
		{ "tc", RETURN(-2), NULL, 1 },
		{ "action", RETURN(4), "TC_ACT_STOLEN", 1 },
		{ "tcx/ingress", RETURN(4), "TC_ACT_STOLEN", 1 },
		{ "tcx/ingress", RETURN(2), "TC_ACT_SHOT", 0 },
		{ "netkit/peer", RETURN(-1), "TC_ACT_UNSPEC", 1 },
		{ "netkit/peer", RETURN(3), "TC_ACT_PIPE", 0 },
		{ "netkit/peer", RETURN(99), NULL, 0 },
		{ "socket", RETURN(0), "dropped", 0 },
		{ "socket", RETURN(1), "kept", 1 },
		{ "socket", RETURN(-1), "kept", 1 },
		{ "socket", "lddw %r0, 0x100000000\nexit", "dropped", 0 },
	};

	make_frame(0x88b5);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };

		CHECK_CASE("%s: %s", rows[i].section, rows[i].text);
		kit_add(&k, rows[i].section, rows[i].text);
		give_frames(&k, 1);
		kit_output(&k);
		kit_run(&k);
		KIT_FINE(&k);
		CHECK_EQ_INT(k.stats.events, 1);
		CHECK_EQ_INT(k.stats.written, rows[i].written);
		if (rows[i].name)
			CHECK_EQ_INT(kit_count(&k, 0, rows[i].name), 1);
		else
			CHECK_EQ_INT(k.verdicts[0].other, 1);
		kit_done(&k);
	}
}

/* Several programs: which of them see the packet. `ran` has a letter for each that must run. */
static void order(void)
{
	static const struct {
		const char *sections[4], *texts[4], *ran;
		unsigned int written;
	} rows[] = {
		{ { "xdp", "xdp" }, { RETURN(2), RETURN(1) }, "yy", 0 },
		{ { "xdp", "xdp" }, { RETURN(1), RETURN(2) }, "yn", 0 },
		{ { "xdp", "xdp" }, { RETURN(3), RETURN(1) }, "yn", 1 },
		/* xdp goes first wherever it stands in the object */
		{ { "tc", "xdp" }, { RETURN(0), RETURN(1) }, "ny", 0 },
		{ { "tc", "xdp" }, { RETURN(0), RETURN(3) }, "ny", 1 },
		{ { "tc", "xdp", "socket" }, { RETURN(0), RETURN(2), RETURN(9) }, "yyy", 1 },
		/* classic tc: OK and SHOT end, UNSPEC and PIPE go on */
		{ { "tc", "tc" }, { RETURN(0), RETURN(2) }, "yn", 1 },
		{ { "tc", "tc" }, { RETURN(2), RETURN(0) }, "yn", 0 },
		{ { "tc", "tc", "tc" }, { RETURN(-1), RETURN(3), RETURN(2) }, "yyy", 0 },
		/*
		 * tcx before classic tc; NEXT goes on, PASS ends both, other values leave it to tc
		 */
		{ { "tc", "tcx/ingress" }, { RETURN(2), RETURN(-1) }, "yy", 0 },
		{ { "tc", "tcx/ingress" }, { RETURN(2), RETURN(0) }, "ny", 1 },
		{ { "tcx/ingress", "tcx/ingress", "tc" },
		  { RETURN(3), RETURN(2), RETURN(0) },
		  "yny",
		  1 },
		/* ingress and egress are different attach points */
		{ { "tcx/egress", "tcx/ingress" }, { RETURN(2), RETURN(0) }, "yy", 0 },
		{ { "tc/egress", "tc/ingress" }, { RETURN(0), RETURN(2) }, "ny", 0 },
		/* each socket has its own copy */
		{ { "socket", "socket" }, { RETURN(0), RETURN(20) }, "yy", 1 },
		{ { "socket", "socket" }, { RETURN(0), RETURN(0) }, "yy", 0 },
		{ { "socket", "tc" }, { RETURN(1), RETURN(2) }, "ny", 0 },
	};

	make_frame(0x88b5);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		char ran[5] = "";

		CHECK_CASE("row %zu, %s first", i, rows[i].sections[0]);
		for (size_t p = 0; p < 4 && rows[i].sections[p]; p++)
			kit_add(&k, rows[i].sections[p], rows[i].texts[p]);
		give_frames(&k, 1);
		kit_output(&k);
		kit_run(&k);
		KIT_FINE(&k);
		for (size_t p = 0; p < k.nprogs; p++)
			ran[p] = k.progs[p].core.runs ? 'y' : 'n';
		CHECK_EQ_STR(ran, rows[i].ran);
		CHECK_EQ_INT(k.stats.nverdicts, k.nprogs);
		for (size_t p = 0; p < k.nprogs; p++)
			CHECK(k.verdicts[p].prog == &k.progs[p].core);
		CHECK_EQ_INT(k.stats.written, rows[i].written);
		kit_done(&k);
	}
}

/* A run that faults is counted, told, and drops the packet as XDP_ABORTED or TC_ACT_SHOT would. */
static void faults(void)
{
	static const char *const sections[] = { "xdp", "tc", "socket" };
	static const char *const bad = "mov %r2, 64\nldxw %r0, [%r2]\nexit";

	make_frame(0x88b5);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		struct kit k = { 0 };

		CHECK_CASE("%s", sections[i]);
		kit_add(&k, sections[i], bad);
		give_frames(&k, 2);
		kit_output(&k);
		kit_run(&k);
		KIT_FINE(&k);
		CHECK_EQ_INT(k.faults, 2);
		CHECK_EQ_INT(k.verdicts[0].faulted, 2);
		CHECK_EQ_INT(k.stats.events, 2);
		CHECK_EQ_INT(k.stats.written, 0);
		kit_done(&k);
	}
	{
		struct kit k = { .opts.budget = 100 };

		CHECK_CASE("budget");
		kit_add(&k, "xdp", "loop:\nmov %r0, 2\nja loop\nexit");
		give_frames(&k, 1);
		kit_run(&k);
		CHECK_EQ_INT(k.verdicts[0].faulted, 1);
		kit_done(&k);
	}
}

/* The packet ends where data_end says, to the byte, on both sides. */
static void bounds(void)
{
	static const struct {
		const char *what, *section, *text;
		bool fault;
	} rows[] = {
		{ "first byte", "xdp", "ldxw %r2, [%r1]\nldxb %r0, [%r2]\n" RETURN(2), false },
		{ "last byte", "xdp", "ldxw %r2, [%r1]\nldxb %r0, [%r2+63]\n" RETURN(2), false },
		{ "past the end", "xdp", "ldxw %r2, [%r1]\nldxb %r0, [%r2+64]\n" RETURN(2), true },
		{ "across the end", "xdp", "ldxw %r2, [%r1]\nldxw %r0, [%r2+61]\n" RETURN(2),
		  true },
		{ "before it", "xdp", "ldxw %r2, [%r1]\nldxb %r0, [%r2-1]\n" RETURN(2), true },
		{ "data_end - 1", "xdp", "ldxw %r2, [%r1+4]\nldxb %r0, [%r2-1]\n" RETURN(2),
		  false },
		{ "data_end", "xdp", "ldxw %r2, [%r1+4]\nldxb %r0, [%r2]\n" RETURN(2), true },
		{ "write", "xdp", "ldxw %r2, [%r1]\nstb [%r2], 1\n" RETURN(2), false },
		{ "tc write", "tc", "ldxw %r2, [%r1+76]\nstb [%r2+63], 1\n" RETURN(0), false },
		{ "tc past the end", "tc", "ldxw %r2, [%r1+76]\nstb [%r2+64], 1\n" RETURN(0),
		  true },
		{ "data of a socket filter", "socket", "ldxw %r2, [%r1+76]\n" RETURN(1), true },
		{ "write of ifindex", "tc", "mov %r2, 1\nstxw [%r1+40], %r2\n" RETURN(0), true },
		{ "write of mark", "tc", "mov %r2, 1\nstxw [%r1+8], %r2\n" RETURN(0), false },
		{ "context past its end", "xdp", "ldxw %r2, [%r1+24]\n" RETURN(2), true },
	};

	make_frame(0x88b5);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };

		CHECK_CASE("%s", rows[i].what);
		kit_add(&k, rows[i].section, rows[i].text);
		give_frames(&k, 1);
		kit_run(&k);
		CHECK_MSG((k.faults == 1) == rows[i].fault, "%" PRIu64 " faults: %s", k.faults,
			  k.fault);
		kit_done(&k);
	}
}

/*
 * tc and socket filters: fields of __sk_buff; what is asked for comes back in the first four bytes.
 */
#define FIELD(off) "ldxw %r2, [%r1+76]\nldxw %r3, [%r1+" #off "]\nstxw [%r2], %r3\n" RETURN(0)

static uint16_t be16(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

static void fields(void)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 }, many[6] = { 1, 0, 0x5e },
			     one[6] = { 2 };
	const struct {
		const char *name, *text;
		uint16_t type;
		const uint8_t *dest;
		uint32_t expect;
	} rows[] = {
		{ "len", FIELD(0), 0x0800, one, FRAME },
		{ "pkt_type host", FIELD(4), 0x0800, one, 0 },
		{ "pkt_type broadcast", FIELD(4), 0x0800, all, 1 },
		{ "pkt_type multicast", FIELD(4), 0x0800, many, 2 },
		{ "mark", FIELD(8), 0x0800, one, 0 },
		{ "queue_mapping", FIELD(12), 0x0800, one, 0 },
		{ "protocol IPv4", FIELD(16), 0x0800, one, be16(0x0800) },
		{ "protocol IPv6", FIELD(16), 0x86dd, one, be16(0x86dd) },
		{ "protocol at 0x600", FIELD(16), 0x600, one, be16(0x600) },
		{ "protocol 802.2", FIELD(16), 50, one, be16(4) },
		{ "vlan_present", FIELD(20), 0x0800, one, 0 },
		{ "vlan_tci", FIELD(24), 0x0800, one, 0 },
		{ "vlan_proto", FIELD(28), 0x0800, one, 0 },
		{ "priority", FIELD(32), 0x0800, one, 0 },
		{ "ingress_ifindex", FIELD(36), 0x0800, one, 1 },
		{ "ifindex", FIELD(40), 0x0800, one, 1 },
		{ "hash", FIELD(68), 0x0800, one, 0 },
		{ "wire_len", FIELD(160), 0x0800, one, FRAME },
		{ "gso_segs", FIELD(164), 0x0800, one, 0 },
		{ "gso_size", FIELD(176), 0x0800, one, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf b;
		uint32_t n, len, got = 0;
		const uint8_t *p;

		CHECK_CASE("%s", rows[i].name);
		make_frame(rows[i].type);
		memcpy(frame, rows[i].dest, 6);
		kit_add(&k, "tc", rows[i].text);
		give_frames(&k, 1);
		kit_output(&k);
		kit_run(&k);
		KIT_FINE(&k);
		CHECK_MSG(!k.faults, "%s", k.fault);
		buf_init(&b);
		kit_read(k.out_path, &b);
		p = kit_written(&b, 0, &n, &len);
		if (CHECK(p && n == FRAME)) {
			memcpy(&got, p, 4);
			CHECK_EQ_INT(got, rows[i].expect);
		}
		buf_done(&b);
		kit_done(&k);
	}
}

/* A frame whose length field says 802.3 and whose payload begins with ff ff is Novell's. */
static void novell(void)
{
	struct kit k = { 0 };
	struct buf b;
	uint32_t n, len, got = 0;
	const uint8_t *p;

	make_frame(50);
	frame[14] = frame[15] = 0xff;
	kit_add(&k, "tc", FIELD(16));
	give_frames(&k, 1);
	kit_output(&k);
	kit_run(&k);
	buf_init(&b);
	kit_read(k.out_path, &b);
	p = kit_written(&b, 0, &n, &len);
	if (CHECK(p != NULL)) {
		memcpy(&got, p, 4);
		CHECK_EQ_INT(got, be16(1));
	}
	buf_done(&b);
	kit_done(&k);
}

/* What one tc program leaves in the socket buffer the next one finds; a packet begins clean. */
static void shared(void)
{
	struct kit k = { 0 };

	make_frame(0x0800);
	kit_add(&k, "tc",
		"ldxw %r0, [%r1+8]\njne %r0, 0, bad\nmov %r2, 5\nstxw [%r1+8], %r2\n"
		"stxw [%r1+48], %r2\nmov %r0, -1\nexit\nbad:\n" RETURN(8));
	kit_add(&k, "tc",
		"ldxw %r0, [%r1+8]\njne %r0, 5, bad\nldxw %r0, [%r1+48]\njne %r0, 5, bad\n" RETURN(
			0) "\nbad:\n" RETURN(8));
	kit_add(&k, "socket",
		"ldxw %r0, [%r1+48]\njne %r0, 0, bad\nldxw %r0, [%r1+8]\nexit\nbad:\n" RETURN(0));
	give_frames(&k, 2);
	kit_run(&k);
	CHECK_EQ_INT(kit_count(&k, 0, "TC_ACT_UNSPEC"), 2);
	CHECK_EQ_INT(kit_count(&k, 1, "TC_ACT_OK"), 2);
	CHECK_EQ_INT(kit_count(&k, 2, "kept"), 2);
	kit_done(&k);
}

/* Legacy packet loads of socket filters count from the Ethernet header, as on a packet socket. */
static void legacy_loads(void)
{
	struct kit k = { 0 };

	make_frame(0x0806);
	kit_add(&k, "socket",
		"mov %r6, %r1\nldabsh 12\njeq %r0, 0x806, yes\n" RETURN(0) "\nyes:\n" RETURN(1));
	kit_add(&k, "socket", "mov %r6, %r1\nldabsb 64\n" RETURN(1)); /* outside: ends with 0 */
	give_frames(&k, 1);
	kit_run(&k);
	CHECK_EQ_INT(kit_count(&k, 0, "kept"), 1);
	CHECK_EQ_INT(kit_count(&k, 1, "dropped"), 1);
	kit_done(&k);
}

/* bpf_ktime_get_ns() is the packet's time; a program compares it with what it should be. */
static void replayed_time(void)
{
	struct kit k = { 0 };

	make_frame(0x0800);
	kit_add(&k, "xdp",
		"call 5\nlddw %r1, 1000000002000\nja check\ncheck:\n"
		"jeq %r0, %r1, yes\n" RETURN(1) "\nyes:\n" RETURN(2));
	give_frames(&k, 4); /* at 1000 s + 0, 1, 2, 3 us */
	kit_run(&k);
	CHECK_EQ_INT(kit_count(&k, 0, "XDP_PASS"), 1);
	CHECK_EQ_INT(kit_count(&k, 0, "XDP_DROP"), 3);
	kit_done(&k);
}

static void traces(void)
{
	struct kit k = { 0 };

	make_frame(0x0800);
	/* "hi\0" on the stack, bpf_trace_printk */
	kit_add(&k, "xdp",
		"mov %r1, 0x6968\nstxw [%r10-8], %r1\nmov %r1, %r10\nadd %r1, -8\n"
		"mov %r2, 3\ncall 6\n" RETURN(2));
	give_frames(&k, 2);
	kit_run(&k);
	CHECK_EQ_INT(k.traces, 2);
	CHECK_MSG(strstr(k.trace, "hi"), "'%s'", k.trace);
	kit_done(&k);
}

static void no_programs(void)
{
	struct kit k = { 0 };

	make_frame(0x0800);
	give_frames(&k, 3);
	kit_output(&k);
	kit_run(&k);
	KIT_FINE(&k);
	CHECK_EQ_INT(k.stats.packets, 3);
	CHECK_EQ_INT(k.stats.events, 0);
	CHECK_EQ_INT(k.stats.written, 3);
	kit_done(&k);
}

CHECK_MAIN({ "serves", serves }, { "xdp_verdicts", xdp_verdicts }, { "skb_verdicts", skb_verdicts },
	   { "order", order }, { "faults", faults }, { "bounds", bounds }, { "fields", fields },
	   { "novell", novell }, { "shared", shared }, { "legacy_loads", legacy_loads },
	   { "replayed_time", replayed_time }, { "traces", traces }, { "no_programs", no_programs })
