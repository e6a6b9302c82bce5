/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See contain.h. States are kept as they come, cut to the frames and slots that they have, in a list for each
 * instruction; the one that fitted last is tried first. A chain of calls is compared by its call instructions from
 * the innermost on, because a function that is verified by itself has none.
 */
#include "core/contain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "core/internal.h"

#define DEFAULT_MEMORY ((size_t)256 << 20)

struct seen_frame {
	uint32_t callsite, nslots;
	const struct verify_slot *slots;
};

struct seen {
	struct seen *next;
	uint32_t depth;
	struct verify_value regs[ISA_REGS];
	struct seen_frame frames[];
};

struct contain {
	struct arena arena;
	const struct exec_prog *prog; /* that is looked at; not those that it jumps to */
	uint32_t n;
	struct seen **at;		/* of each instruction */
	uint32_t calls[ISA_MAX_FRAMES]; /* of the run: the call that made frame i + 1 */
	uint32_t last, last_depth;
	struct contain_stats stats;
};

struct contain *contain_new(uint32_t insns, size_t memory)
{
	struct contain *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	arena_init(&c->arena, memory ? memory : DEFAULT_MEMORY);
	c->n = insns;
	c->at = calloc(insns ? insns : 1, sizeof(*c->at));
	if (c->at)
		return c;
	contain_free(c);
	return NULL;
}

void contain_free(struct contain *c)
{
	if (!c)
		return;
	arena_done(&c->arena);
	free(c->at);
	free(c);
}

void contain_stats(const struct contain *c, struct contain_stats *ret)
{
	*ret = c->stats;
}

/* Seeing ------------------------------------------------------------------------------------------ */

void contain_see(void *contain, const struct verify_point *at)
{
	struct contain *c = contain;
	struct seen *s;

	if (c->stats.full || at->insn >= c->n)
		return;
	s = arena_alloc(&c->arena, 1, sizeof(*s) + (at->depth + 1) * sizeof(s->frames[0]));
	c->stats.full = !s;
	for (uint32_t i = 0; s && i <= at->depth; i++) {
		uint32_t n = at->frames[i].nslots;
		void *slots = arena_dup(&c->arena, at->frames[i].slots,
					n * sizeof(at->frames[i].slots[0]));

		c->stats.full |= !slots;
		s->frames[i] = (struct seen_frame){ at->frames[i].callsite, n, slots };
	}
	if (c->stats.full)
		return;
	s->depth = at->depth;
	memcpy(s->regs, at->regs, sizeof(s->regs));
	s->next = c->at[at->insn];
	c->at[at->insn] = s;
	c->stats.states++;
}

/* Looking ----------------------------------------------------------------------------------------- */

static uint64_t frame_end(const struct exec_run *run, uint32_t depth)
{
	return (uint64_t)(uintptr_t)run->stack + (uint64_t)depth * EXEC_FRAME_STRIDE +
	       ISA_STACK_SIZE;
}

static bool in_packet(struct exec_run *run, const struct verify_value *v, uint64_t x)
{
	for (uint32_t i = 0; i < run->nregions; i++)
		if (run->regions[i].kind == REGION_PACKET)
			return scalar_has(&v->s,
					  x - run->regions[i].base - (uint64_t)(int64_t)v->off);
	return true;
}

/* A pointer may stand just behind the value, or anywhere beyond, where no region tells whose it is. */
static bool in_map_value(struct exec_run *run, const struct verify_value *v, uint64_t x)
{
	uint64_t off = (uint64_t)(int64_t)v->off;
	struct exec_region reg;

	if (scalar_is_const(&v->s))
		return !exec_region_find(run, x, &reg) || x - reg.base == off + scalar_value(&v->s);
	return !exec_region_find(run, x, &reg) || scalar_has(&v->s, x - reg.base - off);
}

/* @base: depth of the outermost frame that was walked. */
static bool holds(struct exec_run *run, const struct verify_value *v, uint64_t x, uint32_t base)
{
	uint64_t off = (uint64_t)(int64_t)v->off;

	if (v->null && !x)
		return true;
	switch (v->kind) {
	case VERIFY_NUMBER:
		return scalar_has(&v->s, x);
	case VERIFY_CTX:
		return scalar_has(&v->s, x - run->ctx - off);
	case VERIFY_STACK:
		return scalar_has(&v->s, x - frame_end(run, base + v->frame) - off);
	case VERIFY_PACKET:
		return in_packet(run, v, x);
	case VERIFY_MAP_VALUE:
		return in_map_value(run, v, x);
	case VERIFY_NOTHING:
	case VERIFY_POINTER:
		break;
	}
	return true;
}

static bool slot_holds(struct exec_run *run, const struct verify_slot *slot, const uint8_t *bytes,
		       uint32_t base)
{
	struct verify_value v = slot->value;
	uint64_t x = 0;

	for (unsigned int i = 0; i < 8; i++)
		if (slot->zero >> i & 1 && bytes[i])
			return false;
	if (!slot->size)
		return true;
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		memcpy(&x, bytes, slot->size);
	else
		memcpy((uint8_t *)&x + 8 - slot->size, bytes, slot->size);
	return holds(run, &v, x, base);
}

static void print_value(struct buf *out, const struct verify_value *v)
{
	static const char *const names[] = { "?", "", "ctx", "fp", "pkt", "map_value", "pointer" };

	if (v->kind != VERIFY_NUMBER)
		buf_printf(out, "%s%s%+d ", names[v->kind], v->null ? "_or_null" : "", v->off);
	scalar_print(out, &v->s);
}

static void describe_slot(const struct verify_slot *slot, const uint8_t *bytes, uint32_t off,
			  uint32_t frame, char *text, size_t size)
{
	struct buf known;
	uint64_t x;

	memcpy(&x, bytes, sizeof(x));
	buf_init(&known);
	buf_printf(&known, "8 bytes at fp-%u of frame %u are 0x%" PRIx64 ", not ", off, frame, x);
	if (slot->zero)
		buf_printf(&known, "zero in bytes 0x%x, ", slot->zero);
	if (slot->size) {
		buf_printf(&known, "%u bytes ", slot->size);
		print_value(&known, &slot->value);
	}
	snprintf(text, size, "%s", buf_str(&known));
	buf_done(&known);
}

/* NULL, or what does not fit. */
static const char *misfit(struct contain *c, struct exec_run *run, const struct seen *s,
			  const uint64_t *r, char *text, size_t size)
{
	uint32_t base = run->depth - s->depth;

	for (uint32_t i = 1; i <= s->depth; i++)
		if (s->frames[i].callsite != c->calls[base + i - 1])
			return "another chain of calls";
	for (unsigned int i = 0; i < ISA_REGS; i++) {
		if (holds(run, &s->regs[i], r[i], base))
			continue;
		snprintf(text, size, "r%u is 0x%" PRIx64, i, r[i]);
		return text;
	}
	for (uint32_t i = 0; i <= s->depth; i++)
		for (uint32_t k = 0; k < s->frames[i].nslots; k++) {
			const uint8_t *at = (const uint8_t *)(uintptr_t)(frame_end(run, base + i) -
									 8 * (k + 1ull));

			if (slot_holds(run, &s->frames[i].slots[k], at, base))
				continue;
			describe_slot(&s->frames[i].slots[k], at, 8 * (k + 1), i, text, size);
			return text;
		}
	return NULL;
}

static void breach(struct exec_run *run, const struct seen *s, const char *what)
{
	struct buf known;

	buf_init(&known);
	for (unsigned int i = 0; s && i < ISA_REGS; i++) {
		if (s->regs[i].kind == VERIFY_NOTHING)
			continue;
		buf_printf(&known, "%sr%u=", known.len ? ", " : "", i);
		print_value(&known, &s->regs[i]);
	}
	exec_fault(run, &ERR_CONTAIN, "%s; %s%s", what,
		   s ? "the state that is nearest has " : "the verifier saw no state here",
		   buf_str(&known));
	buf_done(&known);
}

static void follow_calls(struct contain *c, struct exec_run *run)
{
	if (run->depth > c->last_depth && run->depth < ISA_MAX_FRAMES)
		c->calls[run->depth - 1] = c->last;
	c->last_depth = run->depth;
	c->last = run->insn;
}

bool contain_look(void *contain, struct exec_run *run, const uint64_t *r)
{
	struct contain *c = contain;
	const struct seen *nearest = NULL;
	const char *what = NULL, *why = "the instruction is reached";
	char text[256], kept[256];

	if (!c->prog)
		c->prog = run->prog;
	if (run->prog != c->prog)
		return true;
	follow_calls(c, run);
	c->stats.steps++;
	if (c->stats.full || run->insn >= c->n)
		return true;
	for (struct seen **p = &c->at[run->insn]; *p; p = &(*p)->next) {
		struct seen *s = *p;

		if (s->depth > run->depth)
			continue;
		what = misfit(c, run, s, r, text, sizeof(text));
		if (!what) {
			*p = s->next;
			s->next = c->at[run->insn];
			c->at[run->insn] = s;
			return true;
		}
		if (!nearest || what == text) {
			nearest = s;
			snprintf(kept, sizeof(kept), "%s", what);
			why = kept;
		}
	}
	breach(run, nearest, why);
	return false;
}
