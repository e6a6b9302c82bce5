// SPDX-License-Identifier: Apache-2.0
/*
 * See inputs.h. Bytes come in one of three moods a run: random, 0 and -1, or numbers at the edges of their widths.
 * A packet is short or long, and ends where its memory ends. Numbers: xorshift64*, Vigna, ACM TOMS 2016.
 */
#include "core/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "core/internal.h"

#define PACKET_MAX 1514
#define PLAIN_SIZE 8192 /* the longest record of a tracepoint */
#define REGS_SIZE 168	/* struct pt_regs; a perf event has two words more */
#define KEYS 4		/* elements of a map that change before a run */
#define VALUE_MAX 4096
#define TYPE_DEPTH 8

struct inputs {
	uint64_t state, turn;
	struct ctx_xdp xdp;
	struct ctx_skb skb;
	uint8_t *value; /* VALUE_MAX */
	uint8_t packet[PACKET_MAX + 2] __attribute__((aligned(8)));
	uint8_t ctx[PLAIN_SIZE] __attribute__((aligned(8)));
};

struct inputs *inputs_new(uint64_t seed)
{
	struct inputs *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->state = seed ? seed : 1;
	in->value = malloc(VALUE_MAX);
	if (in->value)
		return in;
	free(in);
	return NULL;
}

void inputs_free(struct inputs *in)
{
	if (!in)
		return;
	free(in->value);
	free(in);
}

const char *inputs_missing(int prog_type)
{
	if (spec_ctx_of(prog_type))
		return NULL;
	switch (prog_type) {
	case PROG_KPROBE:
	case PROG_TRACEPOINT:
	case PROG_RAW_TRACEPOINT:
	case PROG_PERF_EVENT:
	case PROG_SYSCALL:
		return NULL;
	default:
		return "there are no inputs for contexts of this program type";
	}
}

/* Numbers ------------------------------------------------------------------------------------------ */

static uint64_t number(struct inputs *in)
{
	in->state ^= in->state >> 12;
	in->state ^= in->state << 25;
	in->state ^= in->state >> 27;
	return in->state * 0x2545f4914f6cdd1dull;
}

static uint64_t edge(struct inputs *in)
{
	uint64_t x = number(in), top = 1ull << (x >> 8 & 63);

	return top + (x >> 16) % 3 - 1;
}

static void fill(struct inputs *in, void *data, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t x = number(in);

		if (in->turn % 3 == 1)
			x = x >> 32 & 1 ? UINT64_MAX : 0;
		else if (in->turn % 3 == 2)
			x = edge(in);
		memcpy((uint8_t *)data + i, &x, num_min(8, n - i));
	}
}

/* Contexts ----------------------------------------------------------------------------------------- */

static uint64_t add(struct exec_run *run, const void *at, uint64_t size, enum exec_region_kind kind,
		    bool writable, const char *name)
{
	exec_region_add(run, &(struct exec_region){ .base = (uint64_t)(uintptr_t)at,
						    .size = size,
						    .kind = kind,
						    .writable = writable,
						    .name = name });
	return (uint64_t)(uintptr_t)at;
}

static uint32_t packet_length(struct inputs *in)
{
	static const uint16_t lengths[] = { 14, 34, 42, 54, 60, 64, 128, PACKET_MAX };

	if (in->turn % 4 == 3)
		return (uint32_t)(14 + number(in) % 100);
	return lengths[in->turn % (sizeof(lengths) / sizeof(lengths[0]))];
}

/* Often a packet of a known protocol, so that more than the first test of a program is passed. */
static void protocols(struct inputs *in, uint8_t *p, uint32_t len)
{
	bool six = number(in) >> 40 & 1;

	if (in->turn % 2 || len < 34)
		return;
	memcpy(p + 12, six ? "\x86\xdd" : "\x08\x00", 2);
	p[14] = six ? 0x60 : 0x45;
	p[six ? 20 : 23] = number(in) >> 40 & 1 ? 6 : 17;
}

static void packet_context(struct inputs *in, const struct core_prog *prog, struct exec_run *run,
			   const struct spec_ctx *ctx)
{
	bool xdp = prog->def->prog_type == PROG_XDP;
	uint32_t len = packet_length(in);
	uint8_t *data = in->packet + (PACKET_MAX - len) / 8 * 8 + 2;
	uint64_t start = (uint64_t)(uintptr_t)data;

	fill(in, in->packet, sizeof(in->packet));
	protocols(in, data, len);
	fill(in, &in->skb, sizeof(in->skb));
	fill(in, &in->xdp, sizeof(in->xdp));
	in->xdp.data = in->xdp.data_meta = in->xdp.hard_start = start;
	in->xdp.data_end = in->xdp.frame_end = start + len;
	in->skb.data = in->skb.data_meta = in->skb.hard_start = start;
	in->skb.data_end = in->skb.frame_end = start + len;
	in->skb.len = in->skb.wire_len = len;
	in->skb.sk = 0;
	in->skb.protocol = (uint32_t)data[12] | (uint32_t)data[13] << 8;
	run->ctx_backing = xdp ? (void *)&in->xdp : (void *)&in->skb;
	run->packet = xdp ? NULL : data;
	run->packet_len = xdp ? 0 : len;
	run->ctx = (uint64_t)(uintptr_t)in->ctx;
	exec_region_add(run, &(struct exec_region){ .base = run->ctx,
						    .size = ctx->size,
						    .kind = REGION_CTX,
						    .writable = true,
						    .name = ctx->name,
						    .ctx = ctx,
						    .backing = run->ctx_backing });
	add(run, data, len, REGION_PACKET, prog->def->prog_type != PROG_SOCKET_FILTER, NULL);
}

static void plain_context(struct inputs *in, const struct core_prog *prog, struct exec_run *run)
{
	int type = prog->def->prog_type;
	uint64_t size = type == PROG_KPROBE	? REGS_SIZE :
			type == PROG_PERF_EVENT ? REGS_SIZE + 16 :
						  PLAIN_SIZE;

	fill(in, in->ctx, size);
	run->ctx_len = size;
	add(run, in->ctx, size, REGION_CTX, type == PROG_SYSCALL, "context");
}

/* Maps --------------------------------------------------------------------------------------------- */

static bool plain_type(const struct btf *btf, uint32_t id, unsigned int depth);

static bool plain_members(const struct btf *btf, uint32_t id, unsigned int depth)
{
	bool section = btf_kind(btf, id) == BTF_DATASEC;

	for (uint32_t i = 0; i < btf_vlen(btf, id); i++)
		if (!plain_type(btf,
				section ? btf_secinfo(btf, id, i).type :
					  btf_member(btf, id, i).type,
				depth))
			return false;
	return true;
}

/* Nothing but data: no lock, timer, list, kptr. @depth bounds the nesting. */
static bool plain_type(const struct btf *btf, uint32_t id, unsigned int depth)
{
	enum btf_kind kind;

	id = btf_strip_all(btf, id);
	kind = btf_kind(btf, id);
	if (!depth)
		return false;
	if (kind == BTF_PTR)
		return btf_kind(btf, btf_ref_type(btf, id)) != BTF_TYPE_TAG;
	if (kind == BTF_ARRAY)
		return plain_type(btf, btf_array_elem(btf, id), depth - 1);
	if (kind == BTF_VAR)
		return plain_type(btf, btf_ref_type(btf, id), depth - 1);
	if (btf_is_composite(btf, id) && strncmp(btf_name(btf, id), "bpf_", 4) == 0)
		return false;
	if (btf_is_composite(btf, id) || kind == BTF_DATASEC)
		return plain_members(btf, id, depth - 1);
	return true;
}

bool inputs_fillable(const struct map_attr *a)
{
	switch (a->type) {
	case MAP_HASH:
	case MAP_ARRAY:
	case MAP_PERCPU_HASH:
	case MAP_PERCPU_ARRAY:
	case MAP_LRU_HASH:
	case MAP_LRU_PERCPU_HASH:
		break;
	default:
		return false;
	}
	return a->key_size <= 64 &&
	       (!a->btf || !a->value_type || plain_type(a->btf, a->value_type, TYPE_DEPTH));
}

/* What cannot be changed (frozen, full) stays. */
static void fill_map(struct inputs *in, struct map *map)
{
	const struct map_attr *a = map_attr(map);
	uint8_t key[64];

	if (!inputs_fillable(a) || map_user_value_size(map) > VALUE_MAX)
		return;
	for (unsigned int i = 0; i < KEYS; i++) {
		bool array = a->type == MAP_ARRAY || a->type == MAP_PERCPU_ARRAY;
		uint32_t index = (uint32_t)(number(in) >> 32);

		fill(in, key, sizeof(key));
		if (array) {
			index %= a->max_entries;
			memcpy(key, &index, sizeof(index));
		}
		fill(in, in->value, map_user_value_size(map));
		(void)map_user_update(map, key, in->value, MAP_ANY);
		if (!array && number(in) >> 40 & 1)
			(void)map_user_delete(map, key);
	}
}

void inputs_next(struct inputs *in, struct core_prog *prog, struct exec_run *run, uint64_t budget)
{
	const struct spec_ctx *ctx = spec_ctx_of(prog->def->prog_type);

	exec_run_start(run, budget);
	run->ctx = (uint64_t)(uintptr_t)in->ctx;
	run->prandom = number(in) | 1;
	run->host = NULL;
	if (ctx)
		packet_context(in, prog, run, ctx);
	else
		plain_context(in, prog, run);
	for (size_t i = 0; i < core_nmaps(prog->obj); i++)
		if (core_map(prog->obj, i))
			fill_map(in, core_map(prog->obj, i));
	in->turn++;
}
