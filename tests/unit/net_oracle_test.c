// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel and this engine, packet by packet: each frame of the committed capture through
 * BPF_PROG_TEST_RUN (libbpf, root) and through the packets source. Verdict and bytes of each packet
 * must be equal, what programs read in their context, and at the end all maps and ring records.
 *
 * TEST_RUN builds a socket buffer without the receive path, so it leaves VLAN tags where they are;
 * it is given what that path would give, the frame without its outer tag. net_ingress_oracle_test.c
 * compares with the path itself. It runs on the loopback device, for which all unicast is another
 * host's.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>

#include "net_object.h"

#define MAX_FRAMES 1024
#define MAX_OUT 8192
#define VLAN_SIZE 4

struct seen {
	uint64_t runs, length, meta;
	uint32_t head[4], words[48];
};

struct one {
	const uint8_t *bytes;
	uint32_t len;
	uint64_t ns;
	/* ours */
	int verdict;
	struct seen seen;
};

static struct buf capture;
static struct one frames[MAX_FRAMES];
static size_t nframes, done;
static struct hook_verdicts last;
static struct net_map seen_map;

static void read_capture(void)
{
	uint32_t w[4];

	buf_init(&capture);
	kit_read(CAPTURE, &capture);
	nframes = 0;
	for (size_t at = 24; at + 16 <= capture.len && nframes < MAX_FRAMES; at += 16 + w[2]) {
		memcpy(w, capture.data + at, sizeof(w));
		frames[nframes++] = (struct one){ .bytes = (const uint8_t *)capture.data + at + 16,
						  .len = w[2],
						  .ns = w[0] * 1000000000ull + w[1] * 1000ull };
	}
	CHECK_EQ_INT(nframes, 993);
}

static bool has_tag(const struct one *f)
{
	uint16_t type = (uint16_t)(f->bytes[12] << 8 | f->bytes[13]);

	return f->len >= 18 && (type == 0x8100 || type == 0x88a8);
}

/* Which verdict this packet got: the count that is one more than before. */
static void each(struct kit *k)
{
	struct hook_stats st;
	int found = -100;

	hook_net.stats(k->source, &st);
	for (int i = 0; i < HOOK_MAX_VERDICTS; i++)
		if (st.verdicts[0].counts[i] != last.counts[i])
			found = i;
	last = st.verdicts[0];
	if (done < nframes) {
		frames[done].verdict = found;
		if (seen_map.map)
			net_map_get(seen_map, &(uint32_t){ 0 }, &frames[done].seen);
		done++;
	}
}

struct kernel {
	struct bpf_object *obj;
	struct bpf_program *prog;
	bool skb;
	size_t records, record_bytes;
	uint8_t out[MAX_OUT];
	uint32_t out_len;
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static bool kernel_open(struct kernel *kn, const char *name, const char *prog)
{
	struct bpf_program *p;
	char path[512];

	memset(kn, 0, sizeof(*kn));
	libbpf_set_print(quiet);
	net_object_path(path, sizeof(path), name);
	kn->obj = bpf_object__open_file(path, NULL);
	if (!CHECK_MSG(kn->obj != NULL, "libbpf: %s: %s", path, strerror(errno)))
		return false;
	bpf_object__for_each_program(p, kn->obj)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), prog));
	kn->prog = bpf_object__find_program_by_name(kn->obj, prog);
	kn->skb = kn->prog && bpf_program__type(kn->prog) == BPF_PROG_TYPE_SCHED_CLS;
	return CHECK_MSG(kn->prog && bpf_object__load(kn->obj) == 0, "libbpf cannot load %s", prog);
}

/* One frame through the kernel's program; kn->out is as on the wire again. */
static int kernel_run(struct kernel *kn, const struct one *f)
{
	uint8_t untagged[MAX_OUT];
	struct __sk_buff ctx = { .tstamp = f->ns };
	bool tag = kn->skb && has_tag(f);
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = f->len,
		    .data_out = kn->out + (tag ? VLAN_SIZE : 0),
		    .data_size_out = MAX_OUT - VLAN_SIZE);

	if (tag) {
		memcpy(untagged, f->bytes, 12);
		memcpy(untagged + 12, f->bytes + 16, f->len - 16);
		o.data_in = untagged;
		o.data_size_in -= VLAN_SIZE;
	}
	if (kn->skb) {
		o.ctx_in = &ctx;
		o.ctx_size_in = sizeof(ctx);
	}
	if (!CHECK_MSG(bpf_prog_test_run_opts(bpf_program__fd(kn->prog), &o) == 0, "TEST_RUN: %s",
		       strerror(errno)))
		return -200;
	kn->out_len = o.data_size_out;
	if (tag) {
		memmove(kn->out, kn->out + VLAN_SIZE, 12);
		memcpy(kn->out + 12, f->bytes + 12, VLAN_SIZE);
		kn->out_len += VLAN_SIZE;
	}
	return (int)o.retval;
}

static bool passes(const struct kernel *kn, int verdict)
{
	return kn->skb ? verdict == 0 : verdict == 2 || verdict == 3;
}

/* Every entry of the kernel's map is in ours with the same value, and there are as many. */
static void compare_map(struct net_map ours, struct net_map theirs, const char *name)
{
	static uint8_t a[65536], b[65536];
	uint8_t key[256], next[256];
	size_t n = 0, m = 0, size = map_user_value_size(ours.map);

	if (!CHECK(size <= sizeof(a) && map_attr(ours.map)->key_size <= sizeof(key)))
		return;
	for (void *at = NULL; net_map_next(theirs, at, next) == 0; at = key, n++) {
		memcpy(key, next, sizeof(key));
		memset(a, 0, size);
		memset(b, 0, size);
		CHECK(net_map_get(theirs, key, a) == 0);
		if (CHECK_MSG(net_map_get(ours, key, b) == 0, "%s: entry %zu is missing", name, n))
			CHECK_MSG(!memcmp(a, b, size), "%s: entry %zu differs", name, n);
	}
	for (void *at = NULL; net_map_next(ours, at, next) == 0; at = key, m++)
		memcpy(key, next, sizeof(key));
	CHECK_MSG(n == m, "%s: %zu entries, the kernel has %zu", name, m, n);
}

static struct buf ring[2];

static int ring_ours(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	(void)ctx;
	(void)cpu;
	buf_add(&ring[0], data, len);
	return 0;
}

static int ring_theirs(void *ctx, void *data, size_t len)
{
	(void)ctx;
	buf_add(&ring[1], data, len);
	return 0;
}

static void compare_ring(struct net_map ours, struct net_map theirs)
{
	struct ring_buffer *rb = ring_buffer__new(theirs.fd, ring_theirs, NULL, NULL);

	if (!CHECK(rb != NULL))
		return;
	buf_init(&ring[0]);
	buf_init(&ring[1]);
	CHECK(ring_buffer__consume(rb) >= 0);
	CHECK(map_ring_drain(ours.map, ring_ours, NULL) >= 0);
	if (CHECK_MSG(ring[0].len == ring[1].len, "%zu bytes of records, the kernel has %zu",
		      ring[0].len, ring[1].len))
		CHECK_EQ_MEM(ring[0].data, ring[1].data, ring[0].len);
	buf_done(&ring[0]);
	buf_done(&ring[1]);
	ring_buffer__free(rb);
}

static void compare_maps(struct net_object *o, struct kernel *kn)
{
	struct bpf_map *m;
	size_t compared = 0;

	bpf_object__for_each_map(m, kn->obj)
	{
		const char *name = bpf_map__name(m), *dot = strchr(name, '.');
		struct net_map ours, theirs = { NULL, bpf_map__fd(m) };

		ours = net_object_map(o, dot ? dot : name);
		if (!CHECK_MSG(ours.map != NULL, "no map '%s'", name))
			continue;
		if (bpf_map__type(m) == BPF_MAP_TYPE_RINGBUF)
			compare_ring(ours, theirs);
		else
			compare_map(ours, theirs, name);
		compared++;
	}
	CHECK(compared > 0);
}

/* Both engines over the whole capture; the kernel's `seen` after each frame is handed to @look. */
static void compare(const char *object, const char *prog,
		    void (*look)(const struct one *f, const struct seen *theirs, size_t i))
{
	struct kit k = { .opts.pcap = CAPTURE, .each = each };
	struct net_object o = { 0 };
	struct kernel kn = { 0 };
	struct core_prog *p;
	struct buf out;
	size_t passed = 0, different = 0;

	buf_init(&out);
	if (!net_object_open(&o, object) || !kernel_open(&kn, object, prog))
		goto end;
	p = net_object_prog(&o, prog);
	if (!p)
		goto end;
	done = 0;
	memset(&last, 0, sizeof(last));
	seen_map = look ? net_object_map(&o, "seen") : (struct net_map){ 0 };
	kit_output(&k);
	kit_run_progs(&k, &p, 1);
	KIT_FINE(&k);
	CHECK_EQ_INT(done, nframes);
	kit_read(k.out_path, &out);
	for (size_t i = 0; i < nframes && different < 5; i++) {
		int ours = frames[i].verdict - (kn.skb ? 1 : 0),
		    theirs = kernel_run(&kn, &frames[i]);
		uint32_t n = 0, len;
		const uint8_t *bytes;
		struct seen seen;

		different += !CHECK_MSG(ours == theirs, "frame %zu: verdict %d, the kernel's is %d",
					i, ours, theirs);
		if (look) {
			struct bpf_map *m = bpf_object__find_map_by_name(kn.obj, "seen");

			oracle_lookup(bpf_map__fd(m), &(uint32_t){ 0 }, &seen);
			look(&frames[i], &seen, i);
		}
		if (!passes(&kn, theirs))
			continue;
		bytes = kit_written(&out, passed++, &n, &len);
		different += !CHECK_MSG(bytes && n == kn.out_len && !memcmp(bytes, kn.out, n),
					"frame %zu: %u bytes differ from the kernel's %u", i, n,
					kn.out_len);
	}
	CHECK_EQ_INT(k.stats.written, passed);
	if (!look)
		compare_maps(&o, &kn);
end:
	bpf_object__close(kn.obj);
	net_object_close(&o);
	buf_done(&out);
	kit_done(&k);
}

/* Values of per-CPU maps lie with the CPU that ran: stay on the first, which ours says it is. */
static bool stay(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static void programs(void)
{
	static const struct {
		const char *object, *prog;
	} rows[] = {
		{ "tests/bpf/packets", "count_xdp" },
		{ "tests/bpf/packets", "judge" },
		{ "tests/bpf/packets", "pop_vlan" },
		{ "tests/bpf/packets", "push_vlan" },
		{ "tests/bpf/packets", "truncate" },
		{ "tests/bpf/packets", "grow" },
		{ "tests/bpf/packets", "count_tc" },
		{ "examples/xdp_stats", "xdp_stats" },
		{ "examples/tc_rewrite", "tc_rewrite" },
		{ "examples/xdp_firewall", "xdp_firewall" },
	};
	const char *missing = oracle_missing();

	if (missing)
		CHECK_SKIP(missing);
	if (!stay())
		CHECK_SKIP("cannot stay on one CPU");
	read_capture();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("%s", rows[i].prog);
		compare(rows[i].object, rows[i].prog, NULL);
	}
	buf_done(&capture);
}

#define WORD(field) (offsetof(struct __sk_buff, field) / 4)

static void look_skb(const struct one *f, const struct seen *theirs, size_t i)
{
	const uint32_t *a = f->seen.words, *b = theirs->words;

	CHECK_EQ_INT(f->seen.length, theirs->length);
	CHECK_EQ_INT(f->seen.meta, theirs->meta);
	CHECK_EQ_MEM(f->seen.head, theirs->head, sizeof(theirs->head));
	for (size_t w = 0; w < ARRAY_SIZE(f->seen.words); w++) {
		/* the tag is not there for TEST_RUN */
		if (w == WORD(vlan_present) || w == WORD(vlan_tci) || w == WORD(vlan_proto))
			continue;
		/* no interface received it */
		if (w == WORD(ingress_ifindex) && b[w] == 0)
			continue;
		/* all unicast is another host's, and the broadcast address of lo is zero */
		if (w == WORD(pkt_type) && ((b[w] == 3 && a[w] == 0) || (b[w] == 2 && a[w] == 1)))
			continue;
		CHECK_MSG(a[w] == b[w], "frame %zu, offset %zu: 0x%x, the kernel's is 0x%x", i,
			  w * 4, a[w], b[w]);
	}
}

static void look_xdp(const struct one *f, const struct seen *theirs, size_t i)
{
	CHECK_MSG(!memcmp(&f->seen, theirs, sizeof(*theirs)),
		  "frame %zu: ifindex %u, queue %u; the kernel's are %u, %u", i, f->seen.words[3],
		  f->seen.words[4], theirs->words[3], theirs->words[4]);
}

static void contexts(void)
{
	const char *missing = oracle_missing();

	if (missing)
		CHECK_SKIP(missing);
	if (!stay())
		CHECK_SKIP("cannot stay on one CPU");
	read_capture();
	CHECK_CASE("__sk_buff");
	compare("tests/bpf/fields", "tc_fields", look_skb);
	CHECK_CASE("xdp_md");
	compare("tests/bpf/fields", "xdp_fields", look_xdp);
	buf_done(&capture);
}

CHECK_MAIN({ "programs", programs }, { "contexts", contexts })
