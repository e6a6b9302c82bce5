// SPDX-License-Identifier: Apache-2.0
/*
 * The program as it is to be run (struct verify_rewrite): what no path comes to is gone, and so are jumps to the next instruction;
 * a conditional jump whose one way no path takes is decided; what leaves a known number is a move of it; accesses to a context
 * with fields go to the struct behind it (spec.h), field by field; maps are addresses where the options give them. Marks say which numbers of 32 bits must be
 * extended, which calls have a known map or need no call, and where a program without CAP_PERFMON needs barriers and masks.
 * What the walk saw decides, as in the kernel, so the number of instructions without contexts is the kernel's.
 */
#include <stdlib.h>

#include "verify/walk.h"

#define JA 0x05
#define MOV64 0xb7
#define MOV32 0xb4
#define SIZE_BITS 0x18

struct rewriter {
	struct verifier *v;
	const struct spec_fact *facts; /* NULL: none */
	struct skep_insn *out;	       /* before it is squeezed */
	uint32_t *from;
	uint32_t *at; /* where each old slot begins in out; n + 1 of them */
	uint8_t *marks;
	uint16_t *need; /* before each old slot: registers whose upper half is read */
	uint32_t n;
};

static bool seen(const struct verifier *v, uint32_t at)
{
	return v->marks[at] & AT_SEEN;
}

/* Upper halves ------------------------------------------------------------------------------------ */

static uint16_t bit(unsigned int r)
{
	return (uint16_t)(1u << r);
}

static uint16_t regs_of(const struct skep_insn *in, unsigned int uses)
{
	uint16_t r = 0;

	if (uses & ISA_USE_DST)
		r |= bit(insn_dst(in));
	if (uses & ISA_USE_SRC)
		r |= bit(insn_src(in));
	if (uses & ISA_USE_R0)
		r |= bit(0);
	if (uses & ISA_USE_R6)
		r |= bit(6);
	if (uses & ISA_USE_ARGS)
		r |= 0x3e;
	if (uses & ISA_USE_CALLER)
		r |= 0x3f;
	return r;
}

/* Works on 32 bits; swaps of 64 are of that class, too. */
static bool is_low(enum isa_op op, const struct skep_insn *in)
{
	return ((in->code & 7) == 4 || (in->code & 7) == 6) && op != ISA_LE64 && op != ISA_BE64;
}

/* Leaves 32 bits or fewer, with the upper half to be cleared. */
static bool leaves_low(const struct verifier *v, uint32_t at)
{
	const struct skep_insn *in = &v->insns[at];
	enum isa_kind kind = isa_kind(v->ops[at]);

	if (kind == ISA_KIND_ALU)
		return is_low(v->ops[at], in);
	if (kind == ISA_KIND_LOAD)
		return isa_access_size(v->ops[at]) < 8 && in->code >> 5 != 4;
	return kind == ISA_KIND_ATOMIC && isa_access_size(v->ops[at]) == 4;
}

static uint16_t before(const struct verifier *v, uint32_t at, uint16_t after)
{
	const struct skep_insn *in = &v->insns[at];
	uint16_t reads = regs_of(in, isa_reads(v->ops[at]));
	uint16_t writes = regs_of(in, isa_writes(v->ops[at]));

	if (is_low(v->ops[at], in))
		reads = 0;
	if (isa_kind(v->ops[at]) == ISA_KIND_STORE && (in->code & 7) == 3 &&
	    isa_access_size(v->ops[at]) < 8)
		reads &= (uint16_t)(insn_src(in) == insn_dst(in) ? 0xffff : ~bit(insn_src(in)));
	return (uint16_t)((after & ~writes) | reads);
}

static void find_needs(struct rewriter *w)
{
	const struct verifier *v = w->v;
	bool again = true;

	while (again) {
		again = false;
		for (uint32_t i = v->n; i-- > 0;) {
			uint32_t next[2];
			uint16_t after = 0, need;
			unsigned int k;

			if (!seen(v, i) || v->marks[i] & AT_SECOND)
				continue;
			k = graph_next(v, i, next);
			while (k--)
				if (next[k] < v->n)
					after |= w->need[next[k]];
			if (leaves_low(v, i) &&
			    after & regs_of(&v->insns[i], isa_writes(v->ops[i])))
				w->marks[i] |= VERIFY_MARK_ZEXT;
			need = before(v, i, after);
			again |= need != w->need[i];
			w->need[i] = need;
		}
	}
}

/* Marks ------------------------------------------------------------------------------------------- */

static bool is_inline(const struct verifier *v, uint32_t at)
{
	const struct call_map *c = &v->call_maps[at];
	int32_t id = v->insns[at].imm;

	if (v->ops[at] != ISA_CALL_HELPER)
		return false;
	if (id == 8 || id == 118) /* get_smp_processor_id, jiffies64 */
		return true;
	return id >= 1 && id <= 3 && c->map && !c->several &&
	       (c->map->type == MAP_ARRAY || c->map->type == MAP_HASH ||
		c->map->type == MAP_PERCPU_ARRAY);
}

static void find_marks(struct rewriter *w)
{
	const struct verifier *v = w->v;

	for (uint32_t i = 0; i < v->n; i++) {
		if (!seen(v, i))
			continue;
		if (is_inline(v, i))
			w->marks[i] |= VERIFY_MARK_INLINE;
		if (v->marks[i] & AT_BARRIER)
			w->marks[i] |= VERIFY_MARK_BARRIER;
		if (speculates(v) && v->marks[i] & AT_BARRIER_AFTER)
			w->marks[i] |= VERIFY_MARK_BARRIER_AFTER;
		if (v->masked && v->masked[i].state)
			w->marks[i] |= VERIFY_MARK_MASKED;
	}
}

/* Writing ----------------------------------------------------------------------------------------- */

static void put(struct rewriter *w, uint32_t from, struct skep_insn in)
{
	w->from[w->n] = from;
	w->out[w->n++] = in;
}

static uint8_t size_code(unsigned int size)
{
	return size == 8 ? 0x18 : size == 4 ? 0x00 : size == 2 ? 0x08 : 0x10;
}

/* A field of a context: the whole one, then what was asked for of it. */
static void put_ctx(struct rewriter *w, uint32_t at, const struct spec_field *f, uint32_t off)
{
	const struct skep_insn *in = &w->v->insns[at];
	bool load = isa_kind(w->v->ops[at]) == ISA_KIND_LOAD;
	unsigned int size = isa_access_size(w->v->ops[at]), dst = insn_dst(in);
	struct skep_insn out = *in;

	if (f->kind == FIELD_ARRAY || f->kind != FIELD_SCALAR || !load || size == f->size) {
		bool part = f->kind == FIELD_ARRAY;

		out.code =
			(uint8_t)((in->code & ~SIZE_BITS) | size_code(part ? size : f->back_size));
		out.off = (int16_t)(f->back_off + (part ? off - f->off : 0));
		put(w, at, out);
		return;
	}
	out.code = (uint8_t)((in->code & ~SIZE_BITS) | size_code(f->back_size));
	out.off = (int16_t)f->back_off;
	put(w, at, out);
	if (off != f->off)
		put(w, at,
		    (struct skep_insn){ 0x77, insn_regs(dst, 0), 0,
					(int32_t)(8 * (off - f->off)) });
	if (size == 4)
		put(w, at, (struct skep_insn){ 0xbc, insn_regs(dst, dst), 0, 0 });
	else
		put(w, at,
		    (struct skep_insn){ 0x57, insn_regs(dst, 0), 0, size == 2 ? 0xffff : 0xff });
}

/* The field that a seen access goes to, when it is one of a context with a struct behind it. */
static const struct spec_field *field_of(const struct verifier *v, uint32_t at, uint32_t *ret_off)
{
	const struct spec_ctx *ctx = spec_ctx_of(v->o->prog_type);
	enum isa_kind kind = isa_kind(v->ops[at]);
	const struct skep_insn *in = &v->insns[at];

	if (!ctx || (kind != ISA_KIND_LOAD && kind != ISA_KIND_STORE) || in->off < 0 ||
	    v->ptr_types[at] != T_CTX)
		return NULL;
	*ret_off = (uint32_t)in->off;
	return spec_ctx_served(ctx, *ret_off, isa_access_size(v->ops[at]), kind == ISA_KIND_STORE);
}

static void put_wide(struct rewriter *w, uint32_t at)
{
	const struct skep_insn *in = &w->v->insns[at];
	struct skep_insn one = in[0], two = in[1];
	unsigned int src = insn_src(in);
	const struct verify_map *map = NULL;

	if (src == ISA_PSEUDO_MAP_IDX && (uint32_t)in->imm < w->v->o->nmaps)
		map = &w->v->o->maps[in->imm];
	if (map && map->address) {
		one.regs = insn_regs(insn_dst(in), ISA_PSEUDO_IMM);
		one.imm = (int32_t)(uint32_t)map->address;
		two.imm = (int32_t)(uint32_t)(map->address >> 32);
	}
	put(w, at, one);
	put(w, at, two);
}

static bool is_jump_to_next(const struct verifier *v, uint32_t at)
{
	if (isa_kind(v->ops[at]) != ISA_KIND_JUMP || v->ops[at] == ISA_MAY_GOTO)
		return false;
	return isa_jump_delta(v->ops[at], &v->insns[at]) == 0;
}

/* A branch whose one way nobody goes: a jump, or nothing. */
static bool put_decided(struct rewriter *w, uint32_t at)
{
	const struct verifier *v = w->v;
	const struct skep_insn *in = &v->insns[at];
	uint32_t to = (uint32_t)((int64_t)at + 1 + in->off);

	if (isa_kind(v->ops[at]) != ISA_KIND_BRANCH)
		return false;
	if (!seen(v, at + 1)) {
		if (in->off)
			put(w, at, (struct skep_insn){ JA, 0, in->off, 0 });
		return true;
	}
	return !seen(v, to);
}

/* What leaves a known number: a move of it, when that has a form of one slot. */
static bool put_folded(struct rewriter *w, uint32_t at)
{
	const struct verifier *v = w->v;
	const struct spec_fact *fact = w->facts ? &w->facts[at] : NULL;
	enum isa_kind kind = isa_kind(v->ops[at]);
	struct skep_insn mov = { MOV64, insn_regs(insn_dst(&v->insns[at]), 0), 0, 0 };
	bool low = leaves_low(v, at);

	if (!fact || !(fact->flags & FACT_CONST) || isa_reads(v->ops[at]) == ISA_USE_NONE ||
	    (kind != ISA_KIND_ALU && (kind != ISA_KIND_LOAD || v->ptr_types[at] != T_STACK)))
		return false;
	mov.imm = (int32_t)fact->value;
	if ((uint64_t)(int64_t)mov.imm != fact->value) {
		if (!low)
			return false;
		mov.code = MOV32;
	}
	w->marks[at] |= VERIFY_MARK_FOLDED;
	put(w, at, mov);
	return true;
}

static void put_one(struct rewriter *w, uint32_t at)
{
	const struct verifier *v = w->v;
	const struct spec_field *f;
	uint32_t off;

	if (v->marks[at] & AT_SECOND || !seen(v, at) || is_jump_to_next(v, at) ||
	    put_decided(w, at) || put_folded(w, at))
		return;
	f = field_of(v, at, &off);
	if (f)
		put_ctx(w, at, f, off);
	else if (isa_slots(v->ops[at]) == 2)
		put_wide(w, at);
	else
		put(w, at, v->insns[at]);
}

/* Targets ----------------------------------------------------------------------------------------- */

static bool has_target(enum isa_op op)
{
	return isa_is_jump(op) || isa_is_local_call(op) || op == ISA_LD_FUNC;
}

/* Jumps and calls lead to where their old targets went; what has become too far is refused. */
static bool set_targets(struct rewriter *w)
{
	const struct verifier *v = w->v;

	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t from = w->from[i];
		enum isa_op op = v->ops[from];
		bool jump = w->out[i].code == JA && isa_kind(op) == ISA_KIND_BRANCH;
		int64_t old = (int64_t)from + 1 + isa_jump_delta(op, &v->insns[from]);
		int64_t delta;

		if ((!has_target(op) && !jump) || (i && w->from[i - 1] == from))
			continue;
		delta = (int64_t)w->at[old] - i - 1;
		if (op == ISA_JA32 || isa_is_local_call(op) || op == ISA_LD_FUNC)
			w->out[i].imm = (int32_t)delta;
		else if (delta == (int16_t)delta)
			w->out[i].off = (int16_t)delta;
		else
			return false;
	}
	return true;
}

/* Takes jumps to the next instruction out, once, as the kernel does: what that makes a jump to the next one stays. */
static void squeeze(struct rewriter *w)
{
	uint32_t *moved = w->at, n = 0, old = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		const struct skep_insn *in = &w->out[i];
		bool nop = in->code == JA && !in->off && !(i && w->from[i - 1] == w->from[i]);

		while (old <= w->v->n && moved[old] <= i)
			moved[old++] = n;
		if (nop)
			continue;
		w->out[n] = w->out[i];
		w->from[n++] = w->from[i];
	}
	while (old <= w->v->n)
		moved[old++] = n;
	w->n = n;
}

static bool write_out(struct rewriter *w)
{
	for (uint32_t i = 0; i < w->v->n; i++) {
		w->at[i] = w->n;
		put_one(w, i);
	}
	w->at[w->v->n] = w->n;
	if (!set_targets(w))
		return false;
	squeeze(w);
	return set_targets(w);
}

static void give(struct rewriter *w, struct verify_rewrite *ret)
{
	uint8_t *marks = calloc(w->n + 1, 1);

	for (uint32_t i = 0; marks && i < w->n; i++)
		if (i + 1 == w->n || w->from[i + 1] != w->from[i])
			marks[i] = w->marks[w->from[i]];
	for (uint32_t i = 0; marks && i < w->n; i++) {
		uint32_t off;

		if (marks[i] & VERIFY_MARK_FOLDED && w->out[i].code == MOV64)
			marks[i] &= (uint8_t)~VERIFY_MARK_ZEXT;
		if (!field_of(w->v, w->from[i], &off))
			continue;
		marks[i] |= VERIFY_MARK_CONTEXT;
		if ((w->out[i].code & SIZE_BITS) == size_code(8)) /* a whole pointer */
			marks[i] &= (uint8_t)~VERIFY_MARK_ZEXT;
	}
	*ret = (struct verify_rewrite){ w->out, w->from, marks, w->n };
	w->out = NULL;
	w->from = NULL;
}

int rewrite_make(struct verifier *v, const struct spec_fact *facts, struct verify_rewrite *ret)
{
	struct rewriter w = { .v = v, .facts = facts };
	size_t cap = (size_t)v->n * 3 + 1;
	bool ok;

	w.out = calloc(cap, sizeof(*w.out));
	w.from = calloc(cap, sizeof(*w.from));
	w.at = calloc((size_t)v->n + 1, sizeof(*w.at));
	w.marks = calloc((size_t)v->n + 1, 1);
	w.need = calloc((size_t)v->n + 1, sizeof(*w.need));
	ok = w.out && w.from && w.at && w.marks && w.need;
	if (ok) {
		find_needs(&w);
		find_marks(&w);
		if (write_out(&w))
			give(&w, ret);
	}
	free(w.out);
	free(w.from);
	free(w.at);
	free(w.marks);
	free(w.need);
	return ok ? 0 : -ENOMEM;
}
