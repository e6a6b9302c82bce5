// SPDX-License-Identifier: Apache-2.0
/*
 * Functions of the program written where they are called, and bodies of bpf_loop callbacks in their loops: small ones, and
 * those with one call. The callee is built on its own, as ever (its frame is its own, too), and its blocks are put between
 * the halves of the caller's block, or only its values when it has no branches. Arguments are the values that were passed; a RET is
 * a jump to the second half, whose PHI is the result. Blocks keep the order in which their code lies. opt.c does the rest.
 *
 * What leaves checked code through a fault leaves the caller, too, which need not ask then. Not for debuggers, which
 * show frames as they were written.
 */
#include <errno.h>
#include <string.h>

#include "jit/known.h"

#define SMALL 24  /* instructions of a function that is written at every call */
#define LARGE 256 /* with one call */
#define MOST_SITES 64

struct site {
	uint32_t call; /* the CALL_LOCAL */
	struct ir_fn f;
	bool straight;	     /* no branches: its values are put into the caller's block */
	uint32_t base, join; /* its first block's number, and that of what follows */
	uint32_t nrets;
};

struct splice {
	struct jit_unit *u;
	struct jit_func *fn;
	struct arena *arena;
	bool once;
	struct ir_fn *from, to;
	struct site *sites;
	uint32_t nsites, room;
	uint32_t *first, *last; /* by block: its new number, and that of its last part */
	uint32_t *map;
};

/* @s->once: the caller, too, is written in one place only. */
static bool is_wanted(const struct splice *s, const struct jit_func *to, uint32_t *growth)
{
	const struct jit_unit *u = s->u;
	uint32_t size = to->end - to->start;

	if (to->sites == 1 && s->once)
		return size <= LARGE;
	if (size > SMALL || *growth + size > JIT_MOST_GROWTH)
		return false;
	*growth += size;
	return to != u->funcs;
}

static bool is_straight(const struct ir_fn *f)
{
	for (uint32_t k = 0; k < f->nblocks; k++)
		if (f->blocks[k].reached &&
		    (f->blocks[k].succ[1] != NO_BLOCK || f->blocks[k].npreds > 1))
			return false;
	return true;
}

static uint32_t count_rets(const struct ir_fn *f)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < f->nblocks; k++)
		n += f->blocks[k].reached && ir_is(f, f->blocks[k].end - 1, IR_RET);
	return n;
}

static int splice(struct jit_unit *u, struct jit_func *fn, struct arena *arena, struct ir_fn *f,
		  uint32_t *growth, bool once);

/* Builds what is called from @f, as far as it is to be spliced. */
static int find_sites(struct splice *s, uint32_t *growth)
{
	const struct ir_fn *f = s->from;

	for (uint32_t k = 0; k < f->nblocks; k++)
		for (uint32_t v = f->blocks[k].start; f->blocks[k].reached && v < f->blocks[k].end;
		     v++) {
			struct jit_func *to;
			struct site *site = &s->sites[s->nsites];
			int r;

			if (!ir_is(f, v, IR_CALL_LOCAL) || s->nsites == s->room)
				continue;
			to = &s->u->funcs[f->ins[v].imm];
			if (!is_wanted(s, to, growth))
				continue;
			r = jit_build(s->u, to, s->arena, &site->f);
			if (r == 0)
				r = splice(s->u, to, s->arena, &site->f, growth,
					   s->once && to->sites == 1);
			if (r < 0)
				return r;
			site->nrets = count_rets(&site->f);
			if (!site->nrets)
				continue;
			site->call = v;
			site->straight = is_straight(&site->f);
			if (to->deepest > s->fn->deepest)
				s->fn->deepest = to->deepest;
			s->nsites++;
		}
	return 0;
}

/* New numbers of blocks, in the order of the code. */
static bool number(struct splice *s)
{
	struct ir_fn *f = s->from;
	uint32_t n = 0, preds = 0, values = f->n;
	struct site *site = s->sites, *end = site + s->nsites;

	s->first = ARENA_RAW(s->arena, uint32_t, f->nblocks);
	s->last = ARENA_RAW(s->arena, uint32_t, f->nblocks);
	if (!s->first || !s->last)
		return false;
	for (uint32_t k = 0; k < f->nblocks; k++) {
		preds += f->blocks[k].npreds;
		s->first[k] = s->last[k] = n++;
		for (; site < end && f->home[site->call] == k; site++) {
			values += site->f.n;
			if (site->straight)
				continue;
			site->base = n;
			n += site->f.nblocks;
			site->join = s->last[k] = n++;
			preds += site->nrets + 1;
			for (uint32_t j = 0; j < site->f.nblocks; j++)
				preds += site->f.blocks[j].npreds;
		}
	}
	ir_init(&s->to, s->arena, values, n, f->fold);
	s->to.preds = ARENA_RAW(s->arena, uint32_t, preds);
	s->map = ARENA_ARRAY(s->arena, uint32_t, f->n);
	if (f->origin && !s->to.failed)
		ir_trace(&s->to, 0);
	return s->to.preds && s->map && !s->to.failed;
}

static void add_pred(struct splice *s, uint32_t block, uint32_t pred)
{
	struct ir_block *b = &s->to.blocks[block];

	if (!b->npreds)
		b->pred = s->to.npreds;
	s->to.preds[s->to.npreds++] = pred;
	b->npreds++;
}

static void start_block(struct splice *s, uint32_t k)
{
	s->to.block = k;
	s->to.blocks[k].start = s->to.n;
	s->to.blocks[k].succ[0] = s->to.blocks[k].succ[1] = NO_BLOCK;
}

static void end_block(struct splice *s, uint32_t succ0, uint32_t succ1)
{
	struct ir_block *b = &s->to.blocks[s->to.block];

	b->end = s->to.n;
	b->succ[0] = succ0;
	b->succ[1] = succ1;
}

static void copy_list(struct splice *s, const struct ir_fn *from, const uint32_t *map,
		      struct ir_ins *in, uint32_t n)
{
	uint32_t old = in->a;

	in->a = ir_args(&s->to, NULL, n);
	for (uint32_t k = 0; k < n && !s->to.failed && in->op != IR_PHI; k++)
		s->to.args[in->a + k] = map[from->args[old + k]];
}

static void copy(struct splice *s, const struct ir_fn *from, uint32_t *map, uint32_t v)
{
	struct ir_ins in = from->ins[v];

	if (in.op == IR_NOP)
		return;
	if (in.op == IR_CONST) {
		map[v] = ir_const(&s->to, in.imm);
		return;
	}
	s->to.at = from->origin ? from->origin[v] : 0;
	if (in.op == IR_ATOMIC || in.op == IR_CALL)
		in.c = map[in.c];
	if (in.op == IR_PHI || ir_has(&in, IR_IS_LIST)) {
		copy_list(s, from, map, &in, in.op == IR_SELECT ? 4 : in.b);
	} else {
		in.a = ir_operands[in.op] >= 1 ? map[in.a] : in.a;
		in.b = ir_operands[in.op] >= 2 ? map[in.b] : in.b;
	}
	map[v] = ir_append(&s->to, in);
	if (!s->to.failed)
		s->to.zero[map[v]] = from->zero[v];
}

static void fill_phis(struct splice *s, const struct ir_fn *from, const uint32_t *map)
{
	for (uint32_t v = 1; v < from->n; v++) {
		const struct ir_ins *in = &from->ins[v];

		if (in->op != IR_PHI || !map[v] || s->to.failed)
			continue;
		for (uint32_t k = 0; k < in->b; k++)
			s->to.args[s->to.ins[map[v]].a + k] = map[from->args[in->a + k]];
	}
}

static void constants(struct splice *s, const struct ir_fn *from, uint32_t *map)
{
	for (uint32_t v = 1; v < from->n; v++)
		if (ir_is(from, v, IR_CONST))
			map[v] = ir_const(&s->to, from->ins[v].imm);
}

/* An argument of the callee. */
static uint32_t argument(struct splice *s, const struct site *site, uint32_t which)
{
	const struct ir_ins *call = &s->from->ins[site->call];

	if (which < call->b)
		return s->map[s->from->args[call->a + which]];
	return ir_append(&s->to, (struct ir_ins){ .op = IR_UNDEF });
}

/* A block of the callee, but for its end: what it returns, if it does. */
static uint32_t copy_callee_block(struct splice *s, const struct site *site, uint32_t *map,
				  uint32_t k)
{
	const struct ir_fn *f = &site->f;
	const struct ir_block *b = &f->blocks[k];

	for (uint32_t v = b->start; v + 1 < b->end; v++)
		if (ir_is(f, v, IR_ARG))
			map[v] = argument(s, site, (uint32_t)f->ins[v].imm);
		else
			copy(s, f, map, v);
	return ir_is(f, b->end - 1, IR_RET) ? map[f->ins[b->end - 1].a] : 0;
}

static void copy_blocks(struct splice *s, const struct site *site, uint32_t *map, uint32_t *rets)
{
	const struct ir_fn *f = &site->f;
	uint32_t from = s->to.block, n = 0;

	ir_append(&s->to, (struct ir_ins){ .op = IR_JMP });
	end_block(s, site->base, NO_BLOCK);
	for (uint32_t j = 0; j < f->nblocks; j++)
		for (uint32_t p = 0; p < f->blocks[j].npreds; p++)
			add_pred(s, site->base + j, site->base + f->preds[f->blocks[j].pred + p]);
	add_pred(s, site->base, from);
	for (uint32_t at = 0; at < f->nblocks && !s->to.failed; at++) {
		uint32_t k = f->order[at];
		const uint32_t *succ;

		if (k == NO_BLOCK)
			continue;
		succ = f->blocks[k].succ;
		start_block(s, site->base + k);
		rets[n] = copy_callee_block(s, site, map, k);
		if (ir_is(f, f->blocks[k].end - 1, IR_RET)) {
			n++;
			add_pred(s, site->join, site->base + k);
			ir_append(&s->to, (struct ir_ins){ .op = IR_JMP });
			end_block(s, site->join, NO_BLOCK);
			continue;
		}
		copy(s, f, map, f->blocks[k].end - 1);
		end_block(s, succ[0] == NO_BLOCK ? NO_BLOCK : site->base + succ[0],
			  succ[1] == NO_BLOCK ? NO_BLOCK : site->base + succ[1]);
	}
	start_block(s, site->join);
}

/* What the call gives. */
static uint32_t copy_callee(struct splice *s, const struct site *site)
{
	const struct ir_fn *f = &site->f;
	uint32_t *map = ARENA_ARRAY(s->arena, uint32_t, f->n), value = 0;
	uint32_t *rets = ARENA_ARRAY(s->arena, uint32_t, site->nrets + 1);

	s->to.failed |= !map || !rets;
	if (s->to.failed)
		return 0;
	constants(s, f, map);
	for (uint32_t at = 0; at < f->nblocks && site->straight; at++)
		if (f->order[at] != NO_BLOCK)
			value = copy_callee_block(s, site, map, f->order[at]);
	if (!site->straight) {
		copy_blocks(s, site, map, rets);
		fill_phis(s, f, map);
		value = rets[0];
	}
	if (site->nrets > 1)
		value = ir_append(&s->to, (struct ir_ins){ .op = IR_PHI,
							   .w = 1,
							   .a = ir_args(&s->to, rets, site->nrets),
							   .b = site->nrets });
	s->to.bytes += f->bytes;
	s->to.maybe_null |= f->maybe_null;
	return value;
}

static const struct site *site_of(const struct splice *s, uint32_t v)
{
	for (uint32_t i = 0; i < s->nsites && ir_is(s->from, v, IR_CALL_LOCAL); i++)
		if (s->sites[i].call == v)
			return &s->sites[i];
	return NULL;
}

static void copy_caller_block(struct splice *s, uint32_t k)
{
	const struct ir_fn *f = s->from;
	const struct ir_block *b = &f->blocks[k];

	start_block(s, s->first[k]);
	for (uint32_t v = b->start; v < b->end; v++) {
		const struct site *site = site_of(s, v);

		if (site) {
			s->map[v] = copy_callee(s, site);
			v += ir_is(f, v + 1, IR_FAULTED);
		} else
			copy(s, f, s->map, v);
	}
	end_block(s, b->succ[0] == NO_BLOCK ? NO_BLOCK : s->first[b->succ[0]],
		  b->succ[1] == NO_BLOCK ? NO_BLOCK : s->first[b->succ[1]]);
}

static void copy_caller(struct splice *s)
{
	const struct ir_fn *f = s->from;

	for (uint32_t k = 0; k < s->to.nblocks; k++)
		s->to.blocks[k].succ[0] = s->to.blocks[k].succ[1] = NO_BLOCK;
	for (uint32_t k = 0; k < f->nblocks; k++)
		for (uint32_t p = 0; p < f->blocks[k].npreds; p++)
			add_pred(s, s->first[k], s->last[f->preds[f->blocks[k].pred + p]]);
	constants(s, f, s->map);
	for (uint32_t at = 0; at < f->nblocks && !s->to.failed; at++)
		if (f->order[at] != NO_BLOCK)
			copy_caller_block(s, f->order[at]);
	fill_phis(s, f, s->map);
}

static int splice(struct jit_unit *u, struct jit_func *fn, struct arena *arena, struct ir_fn *f,
		  uint32_t *growth, bool once)
{
	struct splice s = { .once = once, .u = u, .fn = fn, .arena = arena, .from = f };
	int r;

	fn->deepest = fn->deepest > fn->frame ? fn->deepest : fn->frame;
	for (uint32_t v = 1; v < f->n && s.room < MOST_SITES; v++)
		s.room += ir_is(f, v, IR_CALL_LOCAL);
	if (!s.room)
		return 0;
	s.sites = ARENA_ARRAY(arena, struct site, s.room + 1);
	if (!s.sites)
		return -ENOMEM;
	r = find_sites(&s, growth);
	if (r < 0 || !s.nsites)
		return r;
	if (!number(&s))
		return -ENOMEM;
	s.to.checks = f->checks;
	s.to.bytes = f->bytes;
	s.to.maybe_null = f->maybe_null;
	s.to.spliced = true;
	s.to.promotes = !u->checked || !fn->frame;
	copy_caller(&s);
	if (s.to.failed)
		return -ENOMEM;
	*f = s.to;
	ir_dominators(f);
	return f->failed ? -ENOMEM : 0;
}

int jit_splice(struct jit_unit *u, struct jit_func *fn, struct arena *arena, struct ir_fn *f)
{
	uint32_t growth = 0;

	fn->deepest = fn->frame;
	if (u->opts->debugger || !f->fold || !(u->has_locals || u->has_callbacks))
		return 0;
	return splice(u, fn, arena, f, &growth, true);
}
