// SPDX-License-Identifier: Apache-2.0
/*
 * Sums of bytes that lie side by side, which programs and unrolled loops add one by one. Of a tree of additions the
 * leaves are taken; those that are loads of adjoining bytes, and see the same memory, become loads of the sum of 16, 8 or 4
 * bytes (LOAD_SUM). What the tree was made of is dead then, if no one else wants it. opt.c asks for it when there are
 * enough such bytes in a function.
 */
#include <string.h>

#include "jit/ir.h"

#define MAX_LEAVES 512
#define NEAR 512     /* bytes on both sides of the first one found */
#define MAX_OTHERS 4 /* leaves that are no such bytes: they live until the end of the sum */

struct sum {
	struct ir_fn *to;
	uint32_t w, value; /* value: the sum so far; 0: nothing */
	uint32_t base, nbytes;
	uint64_t first;
	uint32_t others[MAX_OTHERS], nothers;
	uint32_t load[MAX_LEAVES];     /* of bytes near the first one */
	uint32_t lo, hi, at[2 * NEAR]; /* those by displacement from first - NEAR, in [lo, hi) */
};

static bool is_sum(const struct ir_fn *f, uint32_t v, uint32_t w)
{
	const struct ir_ins *in = &f->ins[v];

	return in->op == IR_ADD && in->w == w && !ir_is(f, in->b, IR_CONST);
}

uint8_t *ir_inner_sums(const struct ir_fn *f, struct arena *arena)
{
	uint8_t *inner = ARENA_ARRAY(arena, uint8_t, f->n);

	for (uint32_t v = 1; inner && v < f->n; v++) {
		const struct ir_ins *in = &f->ins[v];

		if (!is_sum(f, v, in->w))
			continue;
		inner[in->a] |= is_sum(f, in->a, in->w);
		inner[in->b] |= is_sum(f, in->b, in->w);
	}
	return inner;
}

static bool other(struct sum *s, uint32_t v)
{
	if (s->nothers == MAX_OTHERS)
		return false;
	s->others[s->nothers++] = v;
	return true;
}

static uint32_t place_of(const struct sum *s, uint32_t v)
{
	return (uint32_t)(s->to->ins[v].imm - s->first + NEAR);
}

static bool leaf(struct sum *s, uint32_t v)
{
	const struct ir_ins *in = &s->to->ins[v];
	uint32_t at;

	if (in->op != IR_LOAD || in->x != 1 || in->y != LOAD_ZERO || in->c != s->to->epoch)
		return other(s, v);
	if (!s->base) {
		s->base = in->a;
		s->first = in->imm;
	}
	if (in->a != s->base || in->imm - s->first + NEAR >= 2 * NEAR)
		return other(s, v);
	at = place_of(s, v);
	s->lo = at < s->lo ? at : s->lo;
	s->hi = at >= s->hi ? at + 1 : s->hi;
	s->load[s->nbytes++] = v;
	return true;
}

/* Sorts the loads by their place; the second one from a place is like any other leaf. */
static bool sort(struct sum *s)
{
	uint32_t n = s->nbytes;

	memset(&s->at[s->lo], 0, (s->hi - s->lo) * sizeof(s->at[0]));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *at = &s->at[place_of(s, s->load[i])];

		if (*at && !other(s, s->load[i]))
			return false;
		s->nbytes -= *at != 0;
		*at = *at ? *at : s->load[i];
	}
	return s->nbytes >= IR_MANY_BYTES;
}

static bool leaves(struct sum *s, const struct ir_fn *from, const uint32_t *map, uint32_t root)
{
	uint32_t work[MAX_LEAVES], top = 0, seen = 0;

	work[top++] = root;
	while (top) {
		uint32_t v = work[--top];

		if (!is_sum(from, v, s->w) || from->home[v] != from->home[root]) {
			if (!leaf(s, map[v]))
				return false;
			continue;
		}
		if (++seen == MAX_LEAVES || top + 2 > MAX_LEAVES)
			return false;
		work[top++] = from->ins[v].a;
		work[top++] = from->ins[v].b;
	}
	return true;
}

static void add(struct sum *s, uint32_t v)
{
	s->value = s->value ? ir_binary(s->to, IR_ADD, (int)s->w, s->value, v) : v;
}

/* @n bytes side by side. */
static void add_run(struct sum *s, const uint32_t *at, uint32_t n)
{
	for (uint32_t size = 16; n; size = size == 4 ? 1 : size / 2)
		for (; n >= size; n -= size, at += size)
			add(s, size < 4 ? *at :
					  ir_emit(s->to,
						  (struct ir_ins){ .op = IR_LOAD,
								   .w = 1,
								   .x = (uint8_t)size,
								   .y = LOAD_SUM,
								   .a = s->base,
								   .imm = s->to->ins[*at].imm }));
}

static uint32_t run_at(const struct sum *s, uint32_t i)
{
	uint32_t n = 0;

	while (i + n < s->hi && s->at[i + n])
		n++;
	return n;
}

uint32_t ir_sum(const struct ir_fn *from, struct ir_fn *to, const uint32_t *map, uint32_t v)
{
	uint32_t wide = 0, n;
	struct sum s;

	if (!is_sum(from, v, from->ins[v].w))
		return 0;
	s.to = to;
	s.w = from->ins[v].w;
	s.value = s.base = s.nbytes = s.nothers = s.hi = 0;
	s.lo = 2 * NEAR;
	if (!leaves(&s, from, map, v) || s.nbytes < IR_MANY_BYTES || !sort(&s))
		return 0;
	for (uint32_t i = s.lo; i < s.hi; i += n + 1) {
		n = run_at(&s, i);
		wide += n & ~3u;
	}
	if (wide < IR_MANY_BYTES)
		return 0;
	for (uint32_t i = s.lo; i < s.hi; i += n + 1) {
		n = run_at(&s, i);
		add_run(&s, &s.at[i], n);
	}
	for (uint32_t k = 0; k < s.nothers; k++)
		add(&s, s.others[k]);
	return to->failed ? 0 : s.value;
}
