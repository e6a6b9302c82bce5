// SPDX-License-Identifier: Apache-2.0
/*
 * Objects whose programs run compiled, against their twins that are interpreted: the same results, errors with their
 * instructions, counts, and maps. And every access of every context that is converted, by itself.
 */
#include "jit/jit.h"
#include "net_kit.h"
#include "oracle.h"

#include "net_object.h"

#define CAPTURE "examples/captures/mixed.pcap"
#define CTX_BYTES 512
#define RUNS 60

struct twins {
	struct net_object o[2]; /* interpreted, compiled */
};

static bool open_twins(struct twins *t, const char *name)
{
	bool good = true;

	for (int k = 0; k < 2; k++)
		good &= net_object_open_as(&t->o[k], name,
					   &(struct core_opts){ .ncpus = 2, .interpret = k == 0 });
	return good;
}

static void close_twins(struct twins *t)
{
	for (int k = 0; k < 2; k++)
		net_object_close(&t->o[k]);
}

static int add_record(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	buf_printf(ctx, "record of %zu bytes on CPU %u\n", len, cpu);
	buf_add(ctx, data, len);
	return 0;
}

static uint64_t mix(uint64_t h, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ bytes[i]) * 0x100000001b3ull;
	return h;
}

/* All that a map holds: records, and the sum of its entries, whose order is the map's own. */
static void dump(struct buf *b, struct map *map)
{
	uint64_t sum = 0, entries = 0;
	const struct map_attr *a = map_attr(map);
	uint8_t *key = calloc(2, a->key_size + 8), *next = key + a->key_size + 8;
	uint8_t *value = calloc(a->ncpus ? a->ncpus : 1, a->value_size + 16);
	int r = -1;

	if (a->type == MAP_RINGBUF)
		map_ring_drain(map, add_record, b);
	else if (a->key_size)
		r = map_next_key(map, NULL, next);
	for (int n = 0; r == 0 && n < 1 << 17; n++) {
		memcpy(key, next, a->key_size);
		if (map_user_lookup(map, key, value) == 0) {
			sum += mix(mix(0xcbf29ce484222325ull, key, a->key_size), value,
				   a->value_size);
			entries++;
		}
		r = map_next_key(map, key, next);
	}
	buf_printf(b, "%llu entries, %llx\n", (unsigned long long)entries, (unsigned long long)sum);
	free(key);
	free(value);
}

static void compare_maps(struct twins *t, const char *name)
{
	for (size_t i = 0; i < core_nmaps(t->o[0].core); i++) {
		struct map *maps[2] = { core_map(t->o[0].core, i), core_map(t->o[1].core, i) };
		struct buf b[2];

		if (!maps[0] || !CHECK(maps[1] != NULL))
			continue;
		for (int k = 0; k < 2; k++) {
			buf_init(&b[k]);
			dump(&b[k], maps[k]);
		}
		CHECK_MSG(b[0].len == b[1].len && !memcmp(b[0].data, b[1].data, b[0].len),
			  "%s: map '%s' differs", name, t->o[0].spec->maps[i].name);
		buf_done(&b[0]);
		buf_done(&b[1]);
	}
}

static void compare_counts(const struct core_prog *x, const struct core_prog *y)
{
	CHECK_MSG(x->runs == y->runs && x->faults == y->faults, "%s: %llu and %llu faults", x->name,
		  (unsigned long long)x->faults, (unsigned long long)y->faults);
	CHECK_MSG(x->insns == y->insns, "%s: %llu and %llu instructions", x->name,
		  (unsigned long long)x->insns, (unsigned long long)y->insns);
}

static void compare_files(const struct kit *k, const char *name)
{
	struct buf b[2];

	for (int i = 0; i < 2; i++) {
		buf_init(&b[i]);
		CHECK(file_read(k[i].out_path, 1 << 26, &b[i], NULL) == 0);
	}
	CHECK_MSG(b[0].len == b[1].len && !memcmp(b[0].data, b[1].data, b[0].len),
		  "%s: the packets that passed differ", name);
	buf_done(&b[0]);
	buf_done(&b[1]);
}

/* One program over the capture. */
static bool run_packets(const char *object, size_t i)
{
	struct core_prog *progs[2];
	struct kit k[2] = { 0 };
	struct twins t;
	char why[160];
	bool more;

	if (!open_twins(&t, object))
		exit(2);
	more = i < core_nprogs(t.o[0].core);
	for (int e = 0; e < 2 && more; e++)
		progs[e] = core_prog(t.o[e].core, i);
	if (more && progs[0]->exec && hook_net.serves(progs[0], why, sizeof(why))) {
		CHECK(!progs[0]->jit);
		CHECK_MSG(!jit_available() || progs[1]->jit, "%s: '%s' is not compiled", object,
			  progs[1]->name);
		for (int e = 0; e < 2; e++) {
			k[e].opts.pcap = CAPTURE;
			kit_output(&k[e]);
			kit_run_progs(&k[e], &progs[e], 1);
		}
		KIT_FINE(&k[0]);
		KIT_FINE(&k[1]);
		CHECK(k[0].stats.events > 100);
		CHECK_MSG(!memcmp(k[0].verdicts[0].counts, k[1].verdicts[0].counts,
				  sizeof(k[0].verdicts[0].counts)),
			  "%s: verdicts differ", progs[0]->name);
		CHECK_EQ_STR(k[0].fault, k[1].fault);
		compare_counts(progs[0], progs[1]);
		compare_maps(&t, progs[0]->name);
		compare_files(k, progs[0]->name);
		kit_done(&k[0]);
		kit_done(&k[1]);
	}
	close_twins(&t);
	return more;
}

static void packets(void)
{
	static const char *const objects[] = { "examples/xdp_stats", "examples/xdp_firewall",
					       "examples/tc_rewrite", "tests/bpf/packets" };

	for (size_t o = 0; o < ARRAY_SIZE(objects); o++)
		for (size_t i = 0; run_packets(objects[o], i); i++)
			;
}

struct outcome {
	int r;
	uint64_t r0;
	char id[16];
	uint64_t at;
};

/* A program over plain memory, as a tracepoint's record is. */
static void run_record(struct core_prog *prog, uint8_t *record, uint64_t seed, struct outcome *ret)
{
	static const uint64_t now = 1000;
	struct skep_error *err = NULL;
	struct exec_run run;

	*ret = (struct outcome){ 0 };
	if (!CHECK(exec_run_init(&run, NULL) == 0))
		return;
	exec_run_start(&run, 100000);
	run.prandom = seed + 1;
	run.now = &now;
	exec_region_add(&run, &(struct exec_region){ .base = (uintptr_t)record,
						     .size = CTX_BYTES,
						     .kind = REGION_CTX });
	ret->r = core_run(prog, &run, (uintptr_t)record, &ret->r0, &err);
	if (err) {
		snprintf(ret->id, sizeof(ret->id), "%s", skep_error_id(err));
		ret->at = skep_error_place(err)->at;
	}
	skep_error_free(err);
	exec_run_done(&run);
}

static void compare_records(struct twins *t, size_t i)
{
	struct core_prog *progs[2] = { core_prog(t->o[0].core, i), core_prog(t->o[1].core, i) };
	static uint8_t record[CTX_BYTES];
	struct outcome got[2];
	uint64_t x = 88172645463325252ull;

	for (int n = 0; n < RUNS; n++) {
		for (size_t at = 0; at < CTX_BYTES; at++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			record[at] = n % 3 ? (uint8_t)(x >> 20) & (at % 4 ? 0 : 7) : (uint8_t)x;
		}
		for (int k = 0; k < 2; k++)
			run_record(progs[k], record, (uint64_t)n, &got[k]);
		CHECK_MSG(got[0].r == got[1].r && got[0].r0 == got[1].r0,
			  "%s: %d, r0 0x%llx; compiled %d, r0 0x%llx", progs[0]->name, got[0].r,
			  (unsigned long long)got[0].r0, got[1].r, (unsigned long long)got[1].r0);
		CHECK_EQ_STR(got[0].id, got[1].id);
		CHECK_MSG(got[0].at == got[1].at, "%s: %s at %llu and %llu", progs[0]->name,
			  got[0].id, (unsigned long long)got[0].at, (unsigned long long)got[1].at);
	}
	compare_counts(progs[0], progs[1]);
}

static void records(void)
{
	static const char *const objects[] = { "examples/opensnoop",   "examples/execsnoop",
					       "examples/syscount",    "examples/tcpconnect",
					       "examples/xdp_stats",   "tests/bpf/syscalls",
					       "tests/bpf/sched",      "tests/bpf/fields",
					       "tests/bpf/packets",    "examples/tc_rewrite",
					       "tests/bpf/load/object" };
	unsigned int compiled = 0, all = 0;
	struct twins t;

	for (size_t o = 0; o < ARRAY_SIZE(objects); o++) {
		if (!open_twins(&t, objects[o])) {
			close_twins(&t);
			continue;
		}
		for (size_t i = 0; i < core_nprogs(t.o[0].core); i++) {
			if (!core_prog(t.o[0].core, i)->exec)
				continue;
			all++;
			compiled += core_prog(t.o[1].core, i)->jit != NULL;
			compare_records(&t, i);
		}
		compare_maps(&t, objects[o]);
		close_twins(&t);
	}
	CHECK_MSG(!jit_available() || compiled * 2 > all, "%u of %u programs are compiled",
		  compiled, all);
}

/* Ways to an address in the context; the access is through r2 at offset 0 or %d. */
static const char *const ways[] = {
	"mov %%r2, %%r1\n%s",
	"mov %%r2, %%r1\nadd %%r2, 0\n%s",
	"stxdw [%%r10-8], %%r1\nmov %%r3, %%r10\nadd %%r3, -8\nldxdw %%r2, [%%r3]\n%s",
	"mov %%r6, 7\ncall local f\nexit\nf:\nmov %%r2, %%r1\n%s",
	"mov %%r2, %%r1\nldxw %%r3, [%%r1+16]\njeq %%r3, 77, l\nmov %%r2, %%r10\nadd %%r2, -300\nl:\n%s",
};

static const char *const accesses[] = { "ldx%s %%r0, [%%r2%+d]\nexit",
					"ldxs%s %%r0, [%%r2%+d]\nexit",
					"mov %%r3, -77\nstx%s [%%r2%+d], %%r3\nmov %%r0, 1\nexit" };

struct field_run {
	int r;
	uint64_t r0;
	char text[512];
	uint8_t backing[sizeof(struct ctx_skb)];
};

static void run_field(struct exec_prog *prog, const struct jit_prog *jit, int type,
		      struct field_run *ret)
{
	static uint8_t memory[256];
	const struct spec_ctx *ctx = spec_ctx_of(type);
	struct skep_error *err = NULL;
	struct exec_run run;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < sizeof(ret->backing); i++)
		ret->backing[i] = (uint8_t)(i * 37 + 129);
	if (!CHECK(exec_run_init(&run, NULL) == 0))
		return;
	exec_run_start(&run, 1000);
	run.ctx_backing = ret->backing;
	exec_region_add(&run, &(struct exec_region){ .base = (uintptr_t)memory,
						     .size = ctx->size,
						     .kind = REGION_CTX,
						     .writable = true,
						     .name = ctx->name,
						     .ctx = ctx,
						     .backing = ret->backing });
	ret->r = jit ? jit_run(jit, &run, (uintptr_t)memory, &ret->r0, &err) :
		       exec(prog, &run, (uintptr_t)memory, &ret->r0, &err);
	if (err)
		skep_error_text(err, ret->text, sizeof(ret->text));
	skep_error_free(err);
	exec_run_done(&run);
}

static void compare_field(int type, const char *text)
{
	struct exec_prog_opts o = { .object = "fields", .name = "access", .prog_type = type };
	struct jit_opts jo = { .mode = JIT_CHECKED };
	struct skep_insn *insns = NULL;
	struct exec_prog *prog = NULL;
	struct jit_prog *jit = NULL;
	struct field_run got[2];
	size_t n = 0;

	if (!CHECK_MSG(skep_insn_assemble(text, &insns, &n, NULL) == 0, "%s", text))
		return;
	o.insns = insns;
	o.ninsns = (uint32_t)n;
	o.helpers = helper_table(&o.nhelpers);
	for (int plain = 0; plain < 2; plain++) {
		jo.no_optimise = plain;
		if (exec_prog_new(&o, &prog, NULL) < 0)
			break; /* the assembler has it, this type has not */
		if (CHECK_MSG(jit_new(prog, &jo, &jit, NULL) == 0, "%s", text)) {
			run_field(prog, NULL, type, &got[0]);
			run_field(prog, jit, type, &got[1]);
			CHECK_MSG(got[0].r == got[1].r && got[0].r0 == got[1].r0,
				  "%d, 0x%llx; compiled %d, 0x%llx:\n%s", got[0].r,
				  (unsigned long long)got[0].r0, got[1].r,
				  (unsigned long long)got[1].r0, text);
			CHECK_EQ_STR(got[0].text, got[1].text);
			CHECK_MSG(!memcmp(got[0].backing, got[1].backing, sizeof(got[0].backing)),
				  "the context differs:\n%s", text);
			jit_free(jit);
			jit = NULL;
		}
		exec_prog_free(prog);
		prog = NULL;
	}
	free(insns);
}

static void fields(void)
{
	static const int types[] = { PROG_XDP, PROG_SCHED_CLS, PROG_SOCKET_FILTER };
	static const char sizes[][3] = { "b", "h", "w", "dw" };
	char access[160], text[400];

	if (!jit_available())
		return;
	for (size_t t = 0; t < ARRAY_SIZE(types); t++)
		for (int off = -4; off < (int)spec_ctx_of(types[t])->size + 8; off++)
			for (size_t a = 0; a < ARRAY_SIZE(accesses) * ARRAY_SIZE(sizes); a++) {
				size_t how = a / ARRAY_SIZE(sizes), way;

				if (how == 1 && a % ARRAY_SIZE(sizes) == 3)
					continue; /* there is no such load */
				snprintf(access, sizeof(access), accesses[how],
					 sizes[a % ARRAY_SIZE(sizes)], off);
				for (way = off % 4 ? 4 : 0; way < ARRAY_SIZE(ways); way++) {
					snprintf(text, sizeof(text), ways[way], access);
					compare_field(types[t], text);
				}
			}
}

CHECK_MAIN({ "packets", packets }, { "records", records }, { "fields", fields })
