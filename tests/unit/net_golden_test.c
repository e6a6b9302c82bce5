// SPDX-License-Identifier: Apache-2.0
/*
 * The committed capture through the examples and through programs made for comparing: counts,
 * verdicts and bytes are those that tests/captures/ holds, taken from Linux. No privilege is
 * needed.
 */
#include "net_object.h"

static struct net_map drops;
static uint64_t records;

static int on_record(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	(void)ctx;
	(void)cpu;
	(void)data;
	(void)len;
	records++;
	return 0;
}

/* Verdicts that were given, in the order of their values. */
static void lines_verdicts(struct buf *b, const struct kit *k)
{
	for (size_t i = 0; i < HOOK_MAX_VERDICTS; i++)
		if (k->verdicts[0].counts[i])
			buf_printf(b, "verdict %s %" PRIu64 "\n", k->verdicts[0].names[i],
				   k->verdicts[0].counts[i]);
}

static bool run(struct kit *k, struct net_object *o, const char *prog, const char *capture)
{
	struct core_prog *p = net_object_prog(o, prog);

	if (!p)
		return false;
	k->opts.pcap = capture;
	kit_output(k);
	kit_run_progs(k, &p, 1);
	KIT_FINE(k);
	CHECK_MSG(!k->faults, "%" PRIu64 " faults: %s", k->faults, k->fault);
	return true;
}

static void packets(void)
{
	static const char *const progs[] = { "count_xdp", "judge",    "pop_vlan",
					     "push_vlan", "truncate", "grow" };

	for (size_t i = 0; i < ARRAY_SIZE(progs); i++) {
		struct kit k = { 0 };
		struct net_object o;
		struct buf lines;
		char hex[65];
		size_t n, bytes;

		CHECK_CASE("%s", progs[i]);
		buf_init(&lines);
		if (net_object_open(&o, "tests/bpf/packets") && run(&k, &o, progs[i], CAPTURE)) {
			net_digest(k.out_path, &n, &bytes, hex);
			CHECK_EQ_INT(n, k.stats.written);
			buf_printf(&lines, "frames %s %zu %zu %s\n", progs[i], n, bytes, hex);
			net_lines_packets(&lines, progs[i], net_object_map(&o, "sums"),
					  net_object_map(&o, "verdicts"),
					  net_object_map(&o, "ethertypes"),
					  net_object_map(&o, "lengths"), 2);
			net_compare("tests/captures/mixed.packets", progs[i], &lines);
		}
		buf_done(&lines);
		net_object_close(&o);
		kit_done(&k);
	}
}

/*
 * At a real ingress the outer tag is beside the data, which mixed.ingress has from a veth pair. The
 * frames that leave are those that came, as in mixed.packets.
 */
static void ingress(void)
{
	struct kit k = { 0 };
	struct net_object o;
	struct buf lines, frames;
	char hex[65], line[128];
	size_t n, bytes;

	buf_init(&lines);
	buf_init(&frames);
	if (net_object_open(&o, "tests/bpf/packets") && run(&k, &o, "count_tc", CAPTURE)) {
		net_digest(k.out_path, &n, &bytes, hex);
		net_lines_packets(&lines, "count_tc", net_object_map(&o, "sums"),
				  net_object_map(&o, "verdicts"), net_object_map(&o, "ethertypes"),
				  net_object_map(&o, "lengths"), 2);
		net_compare("tests/captures/mixed.ingress", "count_tc", &lines);
		snprintf(line, sizeof(line), "\nframes count_tc %zu %zu %s\n", n, bytes, hex);
		kit_read("tests/captures/mixed.packets", &frames);
		CHECK_MSG(strstr(buf_str(&frames), line), "mixed.packets has no%s", line);
		CHECK_EQ_INT(kit_count(&k, 0, "TC_ACT_OK"), 993);
	}
	buf_done(&lines);
	buf_done(&frames);
	net_object_close(&o);
	kit_done(&k);
}

static void layers(void)
{
	static const char *const names[] = {
		"ALL",	"VLAN", "ARP", "IPV4",	 "IPV6",	   "OTHER_ETHERTYPE", "FRAGMENT",
		"ICMP", "TCP",	"UDP", "ICMPV6", "OTHER_PROTOCOL", "CUT_SHORT"
	};
	static const struct {
		const char *capture, *golden;
		bool zeros; /* layers without packets are listed */
	} rows[] = { { CAPTURE, "tests/captures/mixed.layers", false },
		     { "examples/captures/small.pcapng", "tests/captures/small.layers", true } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct net_object o;
		struct buf lines;

		CHECK_CASE("%s", rows[i].capture);
		buf_init(&lines);
		if (net_object_open(&o, "examples/xdp_stats") &&
		    run(&k, &o, "xdp_stats", rows[i].capture)) {
			for (uint32_t l = 0; l < ARRAY_SIZE(names); l++) {
				uint64_t v[2];

				if (net_map_sum(net_object_map(&o, "layers"), &l, v, 2, 2) ||
				    (rows[i].zeros && !strcmp(names[l], "ARP")))
					buf_printf(&lines, "%s %" PRIu64 " %" PRIu64 "\n", names[l],
						   v[0], v[1]);
			}
			net_compare(rows[i].golden, NULL, &lines);
		}
		buf_done(&lines);
		net_object_close(&o);
		kit_done(&k);
	}
}

struct port {
	uint16_t number, protocol;
};

/* struct scan of examples/xdp_firewall.bpf.c */
struct scan {
	uint64_t syns;
	uint32_t ports, dropped;
	uint64_t seen[4];
};

static void lines_prefixes(struct buf *b, const char *name, struct net_map m, int family)
{
	uint8_t key[20], next[20];
	uint64_t v[2];
	uint32_t len;
	char text[64];

	for (void *at = NULL; net_map_next(m, at, next) == 0; at = key) {
		memcpy(key, next, sizeof(key));
		memcpy(&len, key, 4);
		CHECK(net_map_get(m, key, v) == 0);
		inet_ntop(family, key + 4, text, sizeof(text));
		buf_printf(b, "%s %s/%u %" PRIu64 " %" PRIu64 "\n", name, text, len, v[0], v[1]);
	}
}

static void lines_firewall(struct buf *b, struct net_object *o)
{
	static const char *const reasons[] = { "PASSED",	   "PASSED_NOT_IP", "PASSED_PORT",
					       "DROPPED_SOURCE",   "DROPPED_PORT",  "DROPPED_SCAN",
					       "DROPPED_CUT_SHORT" };
	struct net_map ports = net_object_map(o, "ports"), scans = net_object_map(o, "scans");
	uint8_t key[16], next[16];
	struct port port;
	struct scan scan;
	uint64_t v[2];

	for (uint32_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (net_map_sum(net_object_map(o, "verdicts"), &i, v, 2, 2))
			buf_printf(b, "verdicts %s %" PRIu64 " %" PRIu64 "\n", reasons[i], v[0],
				   v[1]);
	lines_prefixes(b, "sources4", net_object_map(o, "sources4"), AF_INET);
	lines_prefixes(b, "sources6", net_object_map(o, "sources6"), AF_INET6);
	for (void *at = NULL; net_map_next(ports, at, &port) == 0; at = &port) {
		CHECK(net_map_get(ports, &port, v) == 0);
		buf_printf(b, "ports %s/%u %" PRIu64 "\n", port.protocol == 6 ? "tcp" : "udp",
			   port.number, v[1]);
	}
	for (void *at = NULL; net_map_next(scans, at, next) == 0; at = key) {
		memcpy(key, next, sizeof(key));
		CHECK(net_map_get(scans, key, &scan) == 0);
		if (scan.dropped)
			buf_printf(b, "scans %u.%u.%u.%u syns %" PRIu64 " ports %u dropped %u\n",
				   key[12], key[13], key[14], key[15], scan.syns, scan.ports,
				   scan.dropped);
	}
}

static void firewall(void)
{
	struct kit k = { 0 };
	struct net_object o;
	struct buf lines;

	records = 0;
	buf_init(&lines);
	if (net_object_open(&o, "examples/xdp_firewall")) {
		drops = net_object_map(&o, "drops");
		if (run(&k, &o, "xdp_firewall", CAPTURE)) {
			map_ring_drain(drops.map, on_record, NULL);
			lines_verdicts(&lines, &k);
			buf_printf(&lines, "drops records %" PRIu64 "\n", records);
			lines_firewall(&lines, &o);
			net_compare("tests/captures/mixed.firewall", NULL, &lines);
			CHECK_EQ_INT(k.stats.written, 774);
		}
	}
	buf_done(&lines);
	net_object_close(&o);
	kit_done(&k);
}

static void rewrite(void)
{
	static const char *const names[] = { "TTL", "DESTINATION_PORT", "SOURCE_PORT",
					     "TTL_EXPIRED" };
	struct kit k = { 0 };
	struct net_object o;
	struct buf lines;
	char hex[65];
	size_t n, bytes;
	uint64_t v;

	buf_init(&lines);
	if (net_object_open(&o, "examples/tc_rewrite") && run(&k, &o, "tc_rewrite", CAPTURE)) {
		net_digest(k.out_path, &n, &bytes, hex);
		lines_verdicts(&lines, &k);
		for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
			if (net_map_get(net_object_map(&o, "rewrites"), &i, &v) == 0)
				buf_printf(&lines, "rewrites %s %" PRIu64 "\n", names[i], v);
		buf_printf(&lines, "frames %s\n", hex);
		net_compare("tests/captures/mixed.rewrite", NULL, &lines);
	}
	buf_done(&lines);
	net_object_close(&o);
	kit_done(&k);
}

CHECK_MAIN({ "packets", packets }, { "ingress", ingress }, { "layers", layers },
	   { "firewall", firewall }, { "rewrite", rewrite })
