// SPDX-License-Identifier: Apache-2.0
/*
 * Running a witness (witness.h). Maps get back what they held when the stage was made, as far as a witness or a program is
 * likely to have changed it: small arrays as a whole, hash tables by their keys.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "core/inputs.h"
#include "core/internal.h"
#include "core/witness.h"

#define KEEP_MAX 65536 /* bytes of an array that come back */
#define KEYS_MAX 1024
#define PLAIN_SIZE WITNESS_CTX
#define REGS_SIZE 168 /* struct pt_regs; a perf event has two words more */

struct kept {
	uint8_t *data; /* an array's values in order; NULL: not kept */
	uint32_t n, size;
	bool takes;
};

struct stage {
	struct core_prog *prog;
	struct ctx_xdp xdp;
	struct ctx_skb skb;
	uint8_t ctx[WITNESS_CTX] __attribute__((aligned(8)));
	uint8_t packet[WITNESS_PACKET + 6] __attribute__((aligned(8)));
	struct kept *kept; /* of each map */
	uint8_t *value;	   /* room for one value of all CPUs */
	size_t nmaps;
};

static bool is_array(const struct map_attr *a)
{
	return a->type == MAP_ARRAY || a->type == MAP_PERCPU_ARRAY;
}

static bool fits(struct map *map)
{
	const struct map_attr *a = map_attr(map);

	return inputs_fillable(a) && a->key_size <= WITNESS_KEY && a->value_size <= WITNESS_VALUE;
}

static bool keep(struct kept *k, struct map *map)
{
	const struct map_attr *a = map_attr(map);

	k->size = map_user_value_size(map);
	if (!is_array(a) || (uint64_t)a->max_entries * k->size > KEEP_MAX)
		return true;
	k->data = calloc(a->max_entries, k->size);
	k->n = a->max_entries;
	for (uint32_t i = 0; k->data && i < k->n; i++)
		(void)map_user_lookup(map, &i, k->data + (size_t)i * k->size);
	return k->data;
}

struct stage *stage_new(struct core_prog *prog)
{
	struct stage *s = calloc(1, sizeof(*s));
	uint32_t most = 8;

	if (!s)
		return NULL;
	s->prog = prog;
	s->nmaps = core_nmaps(prog->obj);
	s->kept = calloc(s->nmaps + 1, sizeof(*s->kept));
	for (size_t i = 0; s->kept && i < s->nmaps; i++) {
		struct map *map = core_map(prog->obj, i);

		s->kept[i].takes = map && fits(map);
		if (!s->kept[i].takes)
			continue;
		most = (uint32_t)num_max(most, map_user_value_size(map));
		if (!keep(&s->kept[i], map))
			most = 0;
	}
	s->value = most && s->kept ? malloc(most) : NULL;
	if (s->value)
		return s;
	stage_free(s);
	return NULL;
}

void stage_free(struct stage *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->kept && i < s->nmaps; i++)
		free(s->kept[i].data);
	free(s->kept);
	free(s->value);
	free(s);
}

bool stage_takes(const struct stage *s, uint32_t i)
{
	return i < s->nmaps && s->kept[i].takes;
}

bool stage_has_packet(int prog_type)
{
	return spec_ctx_of(prog_type);
}

uint32_t stage_ctx_size(int prog_type)
{
	const struct spec_ctx *ctx = spec_ctx_of(prog_type);

	if (ctx)
		return ctx->size;
	return prog_type == PROG_KPROBE	    ? REGS_SIZE :
	       prog_type == PROG_PERF_EVENT ? REGS_SIZE + 16 :
					      PLAIN_SIZE;
}

/* Maps --------------------------------------------------------------------------------------------- */

static void empty(struct map *map)
{
	uint8_t key[WITNESS_KEY];

	for (unsigned int i = 0; i < KEYS_MAX && map_next_key(map, NULL, key) == 0; i++)
		if (map_user_delete(map, key) < 0)
			return;
}

static void restore(const struct stage *s, size_t i)
{
	struct map *map = core_map(s->prog->obj, i);
	const struct kept *k = &s->kept[i];

	if (!k->takes)
		return;
	if (!is_array(map_attr(map)))
		empty(map);
	for (uint32_t e = 0; k->data && e < k->n; e++)
		(void)map_user_update(map, &e, k->data + (size_t)e * k->size, MAP_ANY);
}

static void put_entry(struct stage *s, const struct witness_entry *e)
{
	struct map *map = core_map(s->prog->obj, e->map);
	uint32_t size = map_user_value_size(map), step = size;

	if (size != e->value_size)
		step = (uint32_t)num_align(e->value_size, 8);
	memset(s->value, 0, size);
	for (uint32_t at = 0; step && at + e->value_size <= size; at += step)
		memcpy(s->value + at, e->value, e->value_size);
	(void)map_user_update(map, e->key, s->value, MAP_ANY);
}

/* Contexts ----------------------------------------------------------------------------------------- */

static void put_fields(const struct spec_ctx *ctx, const uint8_t *seen, uint8_t *backing)
{
	for (size_t i = 0; i < ctx->nfields; i++) {
		const struct spec_field *f = &ctx->fields[i];

		if (f->kind == FIELD_ARRAY || (f->kind == FIELD_SCALAR && f->size == f->back_size))
			memcpy(backing + f->back_off, seen + f->off, f->size);
	}
}

static void set_packet(struct stage *s, const struct witness *w, struct exec_run *run,
		       const struct spec_ctx *ctx)
{
	bool xdp = s->prog->def->prog_type == PROG_XDP;
	uint8_t *data = s->packet + (WITNESS_PACKET - w->packet_len) / 8 * 8 + 2;
	uint64_t start = (uint64_t)(uintptr_t)data;

	memcpy(data, w->packet, w->packet_len);
	put_fields(ctx, w->ctx, xdp ? (uint8_t *)&s->xdp : (uint8_t *)&s->skb);
	s->xdp.data = s->xdp.data_meta = s->xdp.hard_start = start;
	s->xdp.data_end = s->xdp.frame_end = start + w->packet_len;
	s->skb.data = s->skb.data_meta = s->skb.hard_start = start;
	s->skb.data_end = s->skb.frame_end = start + w->packet_len;
	s->skb.len = s->skb.wire_len = w->packet_len;
	s->skb.sk = 0;
	run->ctx_backing = xdp ? (void *)&s->xdp : (void *)&s->skb;
	run->packet = xdp ? NULL : data;
	run->packet_len = xdp ? 0 : w->packet_len;
	exec_region_add(run, &(struct exec_region){ .base = run->ctx,
						    .size = ctx->size,
						    .kind = REGION_CTX,
						    .writable = true,
						    .name = ctx->name,
						    .ctx = ctx,
						    .backing = run->ctx_backing });
	exec_region_add(run, &(struct exec_region){ .base = start,
						    .size = w->packet_len,
						    .kind = REGION_PACKET,
						    .writable = s->prog->def->prog_type !=
								PROG_SOCKET_FILTER });
}

static void set_plain(struct stage *s, const struct witness *w, struct exec_run *run)
{
	memcpy(s->ctx, w->ctx, w->ctx_len);
	run->ctx_len = w->ctx_len;
	exec_region_add(run,
			&(struct exec_region){ .base = run->ctx,
					       .size = w->ctx_len,
					       .kind = REGION_CTX,
					       .writable = s->prog->def->prog_type == PROG_SYSCALL,
					       .name = "context" });
}

void stage_set(struct stage *s, const struct witness *w, struct exec_run *run, uint64_t budget)
{
	const struct spec_ctx *ctx = spec_ctx_of(s->prog->def->prog_type);

	exec_run_start(run, budget);
	run->ctx = (uint64_t)(uintptr_t)s->ctx;
	run->prandom = w->prandom | 1;
	run->host = NULL;
	for (size_t i = 0; i < s->nmaps; i++)
		restore(s, i);
	for (uint32_t i = 0; i < w->nentries; i++)
		put_entry(s, &w->entries[i]);
	if (ctx)
		set_packet(s, w, run, ctx);
	else
		set_plain(s, w, run);
}

uint64_t stage_packet(const struct stage *s)
{
	return stage_has_packet(s->prog->def->prog_type) ? s->xdp.data : 0;
}

uint64_t stage_ctx(const struct stage *s)
{
	return (uint64_t)(uintptr_t)s->ctx;
}

uint64_t stage_value(const struct stage *s, const struct witness *w, uint32_t entry)
{
	return (uint64_t)(uintptr_t)map_lookup(core_map(s->prog->obj, w->entries[entry].map),
					       w->entries[entry].key, 0);
}
