/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a program that differs smaller: stretches of it become no-ops, as long as it is still a program, ends
 * well, reads no register without a value, and differs; then constants become simple, and the no-ops go. The
 * file that includes this gives compare().
 */
#ifndef TESTS_UNIT_FUZZ_MIN_H
#define TESTS_UNIT_FUZZ_MIN_H

#include "fuzz_gen.h"

#define NOP ((struct skep_insn){ .code = 0x05 }) /* goto +0 */

static inline bool is_nop(const struct skep_insn *in)
{
	return in->code == 0x05 && !in->off;
}

struct defined {
	uint16_t at[512];
	bool seen[512];
	bool changed;
};

static inline void defined_join(struct defined *d, uint32_t to, uint16_t regs)
{
	uint16_t now = d->seen[to] ? d->at[to] & regs : regs;

	if (d->seen[to] && now == d->at[to])
		return;
	d->seen[to] = d->changed = true;
	d->at[to] = now;
}

/* The registers that @op reads, given its fields. */
static inline uint16_t regs_of(unsigned int uses, const struct skep_insn *in)
{
	return (uint16_t)((uses & ISA_USE_DST ? 1u << insn_dst(in) : 0) |
			  (uses & ISA_USE_SRC ? 1u << insn_src(in) : 0) |
			  (uses & ISA_USE_R0 ? 1u : 0) | (uses & ISA_USE_CALLER ? 0x3fu : 0));
}

/* No register is read without a value on the way there. */
static inline bool is_defined(const struct text *t)
{
	static struct defined d;

	memset(&d, 0, sizeof(d));
	defined_join(&d, 0, 0x402);
	do {
		d.changed = false;
		for (uint32_t i = 0; i < t->n; i++) {
			const struct skep_insn *in = &t->in[i];
			enum isa_op op = isa_decode(in, t->n - i);
			uint16_t have = d.at[i], reads = regs_of(isa_reads(op), in);
			uint32_t next = i + isa_slots(op);

			if (!d.seen[i])
				continue;
			if (op == ISA_EXIT)
				reads = 1;
			if (op == ISA_CALL_HELPER || op == ISA_CALLX || op == ISA_CALL_LOCAL)
				reads |= 0x3e;
			if (reads & ~have)
				return false;
			if (op == ISA_CALL_LOCAL)
				defined_join(&d, i + 1 + (uint32_t)in->imm, 0x43e);
			if (isa_is_jump(op))
				defined_join(&d, i + 1 + (uint32_t)isa_jump_delta(op, in), have);
			if (isa_kind(op) == ISA_KIND_CALL || isa_kind(op) == ISA_KIND_PACKET)
				have = (uint16_t)((have & ~0x3eu) | 1);
			else
				have |= regs_of(isa_writes(op), in);
			if (op != ISA_EXIT && op != ISA_JA && op != ISA_JA32 && next < t->n)
				defined_join(&d, next, have);
		}
	} while (d.changed);
	return true;
}

static inline bool still_differs(const struct text *t)
{
	return is_defined(t) && compare(t, soup) == DIFFERS;
}

static inline bool try_nops(struct text *t, uint32_t from, uint32_t n)
{
	struct text old = *t;
	bool changed = false;

	for (uint32_t i = from; i < from + n && i < t->n; i++) {
		if (isa_decode(&t->in[i], t->n - i) == ISA_EXIT && i + 1 == t->n)
			continue;
		changed |= !is_nop(&t->in[i]);
		t->in[i] = NOP;
	}
	if (changed && still_differs(t))
		return true;
	*t = old;
	return false;
}

/* A wide load's two slots, or a constant, made simple. */
static inline void simplify(struct text *t, uint32_t i)
{
	static const int32_t simple[] = { 0, 1, -1, 8 };
	struct text old = *t;
	struct skep_insn *in = &t->in[i];

	if (!in->imm || isa_kind(isa_decode(in, t->n - i)) == ISA_KIND_CALL ||
	    isa_kind(isa_decode(in, t->n - i)) == ISA_KIND_ATOMIC)
		return;
	for (size_t k = 0; k < ARRAY_SIZE(simple) && simple[k] != in->imm; k++) {
		in->imm = simple[k];
		if (still_differs(t))
			return;
		*t = old;
	}
}

/* Takes no-ops out, all or that at @only; jumps and calls are adjusted. */
static inline bool squeeze(struct text *t, uint32_t only)
{
	struct text out = { .n = 0 };
	uint32_t place[513];

	for (uint32_t i = 0, slots; i < t->n; i += slots) {
		enum isa_op op = isa_decode(&t->in[i], t->n - i);

		slots = isa_slots(op) ? isa_slots(op) : 1;
		for (uint32_t k = 0; k < slots; k++)
			place[i + k] = out.n + k;
		if (is_nop(&t->in[i]) && (only == UINT32_MAX || only == i))
			continue;
		memcpy(&out.in[out.n], &t->in[i], slots * sizeof(out.in[0]));
		out.n += slots;
	}
	for (uint32_t i = 0; i < t->n; i++) {
		enum isa_op op = isa_decode(&t->in[i], t->n - i);
		uint32_t to = i + 1 + (uint32_t)isa_jump_delta(op, &t->in[i]);

		if (is_nop(&t->in[i]) || (!isa_is_jump(op) && op != ISA_CALL_LOCAL) || to >= t->n)
			continue;
		if (op == ISA_CALL_LOCAL || op == ISA_JA32)
			out.in[place[i]].imm = (int32_t)(place[to] - place[i] - 1);
		else
			out.in[place[i]].off = (int16_t)(place[to] - place[i] - 1);
	}
	if (!still_differs(&out))
		return false;
	*t = out;
	return true;
}

static inline void minimise(struct text *t)
{
	bool again = true;

	if (!still_differs(t))
		return;
	for (int round = 0; again && round < 8; round++) {
		again = false;
		for (uint32_t n = 64; n; n /= 2)
			for (uint32_t i = 0; i < t->n; i += n)
				again |= try_nops(t, i, n);
		/* wide loads, which lose both slots at once */
		for (uint32_t i = 0; i + 1 < t->n; i++)
			again |= isa_slots(isa_decode(&t->in[i], t->n - i)) == 2 &&
				 try_nops(t, i, 2);
	}
	for (uint32_t i = 0; i < t->n; i++)
		simplify(t, i);
	if (!squeeze(t, UINT32_MAX))
		for (uint32_t i = t->n; i-- > 0;)
			if (is_nop(&t->in[i]))
				squeeze(t, i);
	still_differs(t); /* for `why` */
}

#endif
