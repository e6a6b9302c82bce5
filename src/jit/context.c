// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts that are converted field by field. Before SSA is built, a forward analysis over the whole program finds for
 * each register whether it is the context, may be an address in it, or is not. A plain access of the context becomes
 * one of the struct behind it, as the rules of exec/access.c say; one of what may be the context calls exec; all
 * others are checked as anywhere, and a context that they meet against expectation is a fault, never an access.
 *
 * A register's state is two bits, so that joining is OR: not seen, no context, the context, either. Memory is followed
 * only as far as which words of the frames ever took a context: what is loaded from those may be one.
 */
#include <stddef.h>

#include "jit/build.h"

enum {
	NONE = 1,
	IS = 2,
	MAY = 3,
};

#define SLOTS 64
#define ROUNDS 32
#define ALL_MAY ((1u << 2 * ISA_REGS) - 1)
#define ALL_NONE (ALL_MAY / 3)

struct walk {
	struct jit_unit *u;
	uint32_t *state; /* before each instruction */
	uint32_t *ret;	 /* of each function: r0 at its exits */
	uint64_t words;	 /* of frames, which took a context */
	bool wild;	 /* other memory may have one */
	bool calls_back; /* a helper that calls back got one */
	bool changed;
};

static uint32_t get(uint32_t s, int reg)
{
	return s >> 2 * reg & 3;
}

static uint32_t with(uint32_t s, int reg, uint32_t to)
{
	return (s & ~(3u << 2 * reg)) | to << 2 * reg;
}

static bool tainted(uint32_t s, int reg)
{
	return get(s, reg) & IS;
}

static void join(struct walk *w, uint32_t *to, uint32_t s)
{
	w->changed |= (*to | s) != *to;
	*to |= s;
}

/* The word of the frame that an access of 8 bytes is, or -1. */
static int word_of(int base, int32_t off)
{
	return base == ISA_REG_FP && off < 0 && off >= -8 * SLOTS && off % 8 == 0 ? -off / 8 - 1 :
										    -1;
}

static void keep(struct walk *w, int base, int32_t off)
{
	int word = word_of(base, off);
	uint64_t words = w->words | (word < 0 ? 0 : 1ull << word);
	bool wild = w->wild || word < 0;

	w->changed |= words != w->words || wild != w->wild;
	w->words = words;
	w->wild = wild;
}

static uint32_t loaded(const struct walk *w, const struct exec_view *v)
{
	int word = word_of(v->src, v->off);
	bool may = w->wild || (word < 0 ? w->words != 0 : w->words >> word & 1);

	return may && jit_ops[v->op].bytes == 8 ? MAY : NONE;
}

static bool takes_function(const struct exec_view *v)
{
	for (int a = 0; v->call->row && a < 5; a++)
		if (v->call->row->args[a] == ARG_FUNC)
			return true;
	return false;
}

static uint32_t called(struct walk *w, uint32_t i, uint32_t s)
{
	const struct exec_view *v = &w->u->view[i];
	bool any = false;
	uint32_t r0 = NONE, to;

	for (int r = 1; r <= 5; r++)
		any |= tainted(s, r);
	if (v->op == ISA_CALL_LOCAL) {
		uint32_t entry = ALL_NONE;

		to = jit_target_of(w->u, i);
		for (int r = 1; r <= 5; r++)
			entry = with(entry, r, get(s, r));
		join(w, &w->state[to], entry);
		r0 = w->ret[w->u->func_of[to]];
	} else if (v->op != ISA_CALL_HELPER) {
		r0 = any ? MAY : NONE;
	} else if (any && takes_function(v)) {
		w->changed |= !w->calls_back;
		w->calls_back = true;
	}
	s = with(s, 0, r0);
	for (int r = 1; r <= 5 && (!w->u->keeps_args || v->op == ISA_CALL_LOCAL); r++)
		s = with(s, r, NONE);
	return s;
}

/* What is computed from an address in the context may be one; what has 32 bits is none. */
static uint32_t computed(const struct exec_view *v, uint32_t s)
{
	unsigned int reads = isa_reads(v->op);
	bool from = (reads & ISA_USE_DST && tainted(s, v->dst)) ||
		    (reads & ISA_USE_SRC && tainted(s, v->src));

	if (v->op == ISA_MOV64_REG)
		return get(s, v->src);
	return from ? MAY : NONE;
}

static uint32_t after(struct walk *w, uint32_t i, uint32_t s)
{
	const struct exec_view *v = &w->u->view[i];
	bool whole = jit_ops[v->op].bytes == 8;

	switch ((int)isa_kind(v->op)) {
	case ISA_KIND_LOAD:
		return with(s, v->dst, loaded(w, v));
	case ISA_KIND_STORE:
		if (whole && isa_reads(v->op) & ISA_USE_SRC && tainted(s, v->src))
			keep(w, v->dst, v->off);
		return s;
	case ISA_KIND_ATOMIC:
		if (whole && tainted(s, v->src))
			keep(w, -1, 0);
		if (isa_writes(v->op) & ISA_USE_SRC)
			s = with(s, v->src, w->wild || w->words ? MAY : NONE);
		if (isa_writes(v->op) & ISA_USE_R0)
			s = with(s, 0, w->wild || w->words ? MAY : NONE);
		return s;
	case ISA_KIND_CALL:
		return called(w, i, s);
	case ISA_KIND_PACKET:
		for (int r = 0; r <= 5; r++)
			s = with(s, r, NONE);
		return s;
	default:
		if (isa_writes(v->op) & ISA_USE_DST)
			s = with(s, v->dst, computed(v, s));
		return s;
	}
}

static void spread(struct walk *w, uint32_t i)
{
	const struct jit_unit *u = w->u;
	const struct exec_view *v = &u->view[i];
	uint32_t s = after(w, i, w->state[i]), next = i + isa_slots(v->op);
	const struct jit_func *fn = &u->funcs[u->func_of[i]];

	if (v->op == ISA_EXIT)
		join(w, &w->ret[u->func_of[i]], get(s, 0));
	else if (v->op == ISA_JA_REG)
		for (uint32_t to = fn->start; to < fn->end; to++)
			if (u->view[to].in_table)
				join(w, &w->state[to], s);
	if (isa_is_jump(v->op))
		join(w, &w->state[jit_target_of(u, i)], s);
	if (!jit_ops[v->op].stops && next < u->n)
		join(w, &w->state[next], s);
}

static void entries(struct walk *w)
{
	uint32_t entry = ALL_NONE;

	for (int r = 1; r <= 5 && w->calls_back; r++)
		entry = with(entry, r, MAY);
	for (uint32_t f = 0; f < w->u->nfuncs; f++)
		if (w->u->funcs[f].callback)
			join(w, &w->state[w->u->funcs[f].start], entry);
}

int jit_contexts(struct jit_unit *u)
{
	struct walk w = { .u = u };
	uint32_t round = 0;

	w.state = u->contexts = ARENA_ARRAY(u->arena, uint32_t, u->n);
	w.ret = ARENA_ARRAY(u->arena, uint32_t, u->nfuncs);
	if (!w.state || !w.ret)
		return -ENOMEM;
	w.state[0] = with(ALL_NONE, 1, IS);
	do {
		w.changed = false;
		entries(&w);
		for (uint32_t i = 0; i < u->n; i++)
			if (u->view[i].reached && w.state[i])
				spread(&w, i);
	} while (w.changed && ++round < ROUNDS);
	for (uint32_t i = 0; i < u->n; i++) {
		if (w.changed)
			w.state[i] = ALL_MAY;
		if (jit_ops[u->view[i].op].bytes)
			u->calls_out++;
	}
	return 0;
}

/* Of the register that the access at hand goes through; @base is its value. */
static uint32_t kind_of(const struct build *b, int reg, uint32_t base)
{
	uint32_t kind = b->u->contexts ? get(b->u->contexts[b->at], reg) : NONE;
	const struct ir_ins *in = &b->f->ins[base];

	if (reg == ISA_REG_FP || !(kind & IS))
		return NONE;
	return b->fn == b->u->funcs && in->op == IR_ARG && in->imm == 1 ? IS : kind;
}

static uint32_t place_of(const struct build *b, uint32_t size)
{
	return ir_const(b->f, b->at | (uint64_t)size << EXEC_PLACE_BYTES);
}

static uint32_t address_of(const struct build *b, const struct exec_view *v, uint32_t base)
{
	return ir_binary(b->f, IR_ADD, 1, base, ir_const(b->f, (uint64_t)(int64_t)v->off));
}

static struct ir_ins behind(const struct build *b, enum ir_op op, uint32_t at, uint32_t size)
{
	uint32_t backing =
		ir_emit(b->f, (struct ir_ins){ .op = IR_LOAD,
					       .w = 1,
					       .x = 8,
					       .a = b->run,
					       .imm = offsetof(struct exec_run, ctx_backing) });

	return (struct ir_ins){ .op = (uint8_t)op,
				.w = op == IR_LOAD || size == 8,
				.x = (uint8_t)size,
				.a = backing,
				.imm = at };
}

/* @size bytes, @skip bytes into the field as the program sees it. */
static uint32_t field(struct build *b, const struct spec_field *f, uint32_t skip, uint32_t size)
{
	uint32_t value;

	if (f->kind == FIELD_ARRAY || (f->kind == FIELD_SCALAR && skip + size <= f->back_size))
		return ir_emit(b->f, behind(b, IR_LOAD, f->back_off + skip, size));
	value = ir_emit(b->f, behind(b, IR_LOAD, f->back_off, f->back_size));
	if (f->kind != FIELD_SCALAR)
		return value;
	value = ir_binary(b->f, IR_SHR, 1, value, ir_const(b->f, 8 * skip));
	return size == 8 ? value : ir_unary(b->f, IR_ZEXT, 1, (int)size, value);
}

bool build_context_load(struct build *b, const struct exec_view *v, uint32_t base, uint32_t size,
			uint32_t *ret)
{
	uint32_t kind = kind_of(b, v->src, base), args[4] = { b->run }, off = (uint32_t)v->off;
	const struct spec_field *f = NULL;

	if (kind == NONE)
		return false;
	if (kind == IS)
		f = spec_ctx_served(b->u->ctx, off, size, false);
	if (f) {
		*ret = field(b, f, off - f->off, size);
		return true;
	}
	args[1] = address_of(b, v, base);
	args[2] = place_of(b, size);
	args[3] = ir_const(b->f, b->fn->frame);
	*ret = build_call_to(b, (uintptr_t)exec_context_load, args, 4, false);
	build_faulted(b);
	return true;
}

bool build_context_store(struct build *b, const struct exec_view *v, uint32_t base, uint32_t size,
			 uint32_t value)
{
	uint32_t kind = kind_of(b, v->dst, base), args[5] = { b->run }, off = (uint32_t)v->off;
	const struct spec_field *f = NULL;
	struct ir_ins in;

	if (kind == NONE)
		return false;
	if (size < 8)
		value = ir_unary(b->f, IR_ZEXT, 1, (int)size, value);
	if (kind == IS)
		f = spec_ctx_served(b->u->ctx, off, size, true);
	if (f) {
		bool array = f->kind == FIELD_ARRAY;

		in = behind(b, IR_STORE, f->back_off + (array ? off - f->off : 0),
			    array ? size : f->back_size);
		in.b = value;
		ir_emit(b->f, in);
		return true;
	}
	args[1] = address_of(b, v, base);
	args[2] = place_of(b, size);
	args[3] = ir_const(b->f, b->fn->frame);
	args[4] = value;
	build_call_to(b, (uintptr_t)exec_context_store, args, 5, false);
	build_faulted(b);
	return true;
}
