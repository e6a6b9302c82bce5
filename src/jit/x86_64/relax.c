// SPDX-License-Identifier: Apache-2.0
/*
 * Short jumps. A function is written once, with room for the long form of each jump and for the most padding before each
 * loop. Then every jump that reaches with one byte becomes short, which may bring others within reach; then the
 * pieces between them move together. Code only gets shorter, and padding is counted as all of it until the
 * end, so what was found to reach still does.
 */
#include <string.h>

#include "jit/x86_64/x86.h"

#define ROUNDS 6

void x86_gap(struct x86_emit *e, int cc, uint32_t block, uint32_t room)
{
	x86_skip(e->out, room / 2);
	x86_skip(e->out, room - room / 2);
	e->gaps[e->ngaps++] = (struct x86_gap){
		.at = (uint32_t)e->out->len, .block = block, .room = (uint8_t)room, .cc = (int8_t)cc
	};
}

/* Bytes that the gaps before each give up. */
static void total_saved(struct x86_emit *e)
{
	uint32_t saved = 0;

	for (uint32_t i = 0; i < e->ngaps; i++) {
		e->gaps[i].saved = saved;
		if (e->gaps[i].is_short)
			saved += e->gaps[i].cc < 0 ? 3 : 4;
	}
	e->gaps[e->ngaps].saved = saved;
}

/* True: another jump became short. */
static bool shorten(struct x86_emit *e)
{
	bool changed = false;

	for (uint32_t i = 0; i < e->ngaps; i++) {
		struct x86_gap *g = &e->gaps[i];
		int64_t delta;

		if (g->block == NO_BLOCK || g->is_short)
			continue;
		delta = (int64_t)e->offset[g->block] - g->at;
		delta -= (int64_t)e->gaps[e->first_gap[g->block]].saved - g->saved;
		if (delta < 0)
			delta += g->cc < 0 ? 3 : 4; /* a jump back lies itself in between */
		if (delta < -128 || delta > 127)
			continue;
		g->is_short = changed = true;
	}
	return changed;
}

static uint32_t write_gap(struct x86_emit *e, const struct x86_gap *g, uint32_t to)
{
	uint8_t *p = &e->out->bytes[to];

	if (g->block == NO_BLOCK) {
		uint32_t call = (uint32_t)g->cc & (CALL_LOOPS - 1);
		uint32_t n = call ? -(to + call) % CALL_ALIGN : -to % LOOP_ALIGN;

		if (n > g->room)
			n = 0;
		x86_nop_at(p, n);
		return n;
	}
	if (g->is_short) {
		p[0] = (uint8_t)(g->cc < 0 ? 0xeb : 0x70 | g->cc);
		return 2;
	}
	if (g->cc < 0) {
		p[0] = 0xe9;
		return 5;
	}
	p[0] = 0x0f;
	p[1] = (uint8_t)(0x80 | g->cc);
	return 6;
}

/* Moves [from, end) and the records of places in it to @to; gives the end there. */
static uint32_t move_piece(struct x86_emit *e, uint32_t from, uint32_t end, uint32_t to,
			   struct x86_records *done)
{
	struct jit_code_buf *out = e->out;

	for (; done->fix < out->nfixes && out->fixes[done->fix].at < end; done->fix++)
		out->fixes[done->fix].at -= from - to;
	for (; done->probe < out->nprobes && out->probes[done->probe].at < end; done->probe++) {
		out->probes[done->probe].at -= from - to;
		out->probes[done->probe].next -= from - to;
	}
	/* at the end: of the jump that follows */
	for (; done->note < out->nnotes && out->notes[done->note].at <= end; done->note++)
		out->notes[done->note].at -= from - to;
	for (; done->slow < e->nslow && e->slow[done->slow].at <= end; done->slow++) {
		e->slow[done->slow].at -= from - to;
		e->slow[done->slow].back -= from - to;
	}
	if (from != to)
		memmove(&out->bytes[to], &out->bytes[from], end - from);
	return to + (end - from);
}

static void move_together(struct x86_emit *e, size_t start, struct x86_records done)
{
	uint32_t from = (uint32_t)start, to = from, block = 0;
	const struct jit_alloc *a = e->a;

	for (uint32_t i = 0; i <= e->ngaps; i++) {
		struct x86_gap *g = &e->gaps[i];
		uint32_t end = i < e->ngaps ? g->at - g->room : (uint32_t)e->out->len;

		for (; block < a->nlayout && e->first_gap[a->layout[block]] <= i; block++)
			e->offset[a->layout[block]] -= from - to;
		to = move_piece(e, from, end, to, &done);
		if (i == e->ngaps)
			break;
		from = g->at;
		to += write_gap(e, g, to);
		g->at = to;
	}
	e->out->len = to;
}

void x86_relax(struct x86_emit *e, size_t start, struct x86_records first)
{
	bool changed = true;

	for (int round = 0; changed && round < ROUNDS; round++) {
		total_saved(e);
		changed = shorten(e);
	}
	move_together(e, start, first);
	for (uint32_t i = 0; i < e->ngaps; i++) {
		const struct x86_gap *g = &e->gaps[i];
		uint32_t delta;

		if (g->block == NO_BLOCK)
			continue;
		delta = e->offset[g->block] - g->at;
		if (g->is_short)
			e->out->bytes[g->at - 1] = (uint8_t)delta;
		else
			memcpy(&e->out->bytes[g->at - 4], &delta, 4);
	}
}
