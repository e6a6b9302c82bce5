// SPDX-License-Identifier: Apache-2.0
/*
 * Checked code: what stands before accesses and calls, and how the budget is kept. An IR_CHECK is dropped when the
 * bytes lie in the function's stack frame, or when one of the same base that covers them dominates it and no call
 * between could take the region away.
 *
 * The budget is counted where paths meet: until then the number of instructions is known. A function whose every
 * path takes the same number of instructions does not count, its callers charge that number; a program without
 * loops does not count at all, its entry asks once whether the budget is enough for the longest path and goes to the
 * interpreter if not. What is left of a piece of the budget is an SSA value, and in run->checks.left between functions.
 */
#include <stddef.h>
#include <string.h>

#include "jit/build.h"

#define TOO_MANY (1ull << 30)
#define CHARGE (1u << 24) /* is not put off any longer */
#define MAX_CHAIN 16

/* May the helper look at the budget? So may one that calls back. */
static bool sees_budget(const struct exec_view *v, const struct exec_prog *prog)
{
	if (v->op == ISA_MAY_GOTO || v->tail_call || v->op == ISA_CALLX)
		return true;
	if (v->op != ISA_CALL_HELPER)
		return false;
	if (v->call->custom && !exec_view_custom_ctx(prog))
		return true;
	for (int i = 0; v->call->row && i < 5; i++)
		if (v->call->row->args[i] == ARG_FUNC)
			return true;
	return false;
}

/* May the helper take regions away? */
bool build_moves(const struct exec_view *v, const struct exec_prog *prog)
{
	if (v->op != ISA_CALL_HELPER)
		return v->op == ISA_CALLX;
	if (v->call->custom || v->tail_call)
		return v->tail_call || !exec_view_custom_ctx(prog);
	return v->call->row->id < 0 ||
	       v->call->row->flags & (HELPER_F_CHANGES | HELPER_F_RELEASE_1 | HELPER_F_RELEASE_2) ||
	       sees_budget(v, prog);
}

static void measure(struct jit_unit *u, struct jit_func *fn, uint64_t *most, uint64_t *least)
{
	fn->counts = true;
	for (uint32_t i = fn->end; i-- > fn->start;) {
		const struct exec_view *v = &u->view[i];
		uint32_t next = i + isa_slots(v->op), to;
		const struct jit_func *callee;

		most[i] = least[i] = 0;
		if (!v->reached)
			continue;
		if (sees_budget(v, u->prog) || v->op == ISA_JA_REG)
			return;
		if (v->op == ISA_CALL_LOCAL) {
			callee = &u->funcs[u->func_of[jit_target_of(u, i)]];
			if (callee->counts)
				return;
			most[i] = callee->most;
			least[i] = callee->least;
		}
		most[i]++;
		least[i]++;
		if (v->op == ISA_EXIT)
			continue;
		to = isa_is_jump(v->op) ? jit_target_of(u, i) : next;
		if (v->op == ISA_JA || v->op == ISA_JA32 || next >= fn->end)
			next = to;
		if (to <= i)
			return;
		if (!u->view[to].reached)
			to = next;
		if (!u->view[next].reached)
			next = to;
		most[i] += most[to] > most[next] ? most[to] : most[next];
		least[i] += least[to] < least[next] ? least[to] : least[next];
		if (most[i] > TOO_MANY)
			return;
	}
	fn->counts = fn->callback;
	fn->most = most[fn->start];
	fn->least = least[fn->start];
}

void jit_plan(struct jit_unit *u)
{
	uint64_t *most = ARENA_ARRAY(u->arena, uint64_t, u->n);
	uint64_t *least = ARENA_ARRAY(u->arena, uint64_t, u->n);

	u->keeps_args = !exec_view_scrubs(u->prog);
	for (uint32_t i = 0; i < u->n; i++)
		u->moves |= u->view[i].reached && !jit_loop_callee(u, i) &&
			    build_moves(&u->view[i], u->prog);
	if (jit_fact(u, 0, FACT_BOUNDED) && !u->opts->count)
		return;
	for (uint32_t f = 0; f < u->nfuncs; f++)
		u->funcs[f].counts = true;
	/* callees before callers: theirs are the higher frames */
	for (uint32_t frame = ISA_MAX_FRAMES; most && least && frame-- > 0;)
		for (uint32_t f = 0; f < u->nfuncs; f++)
			if (u->funcs[f].reached && u->funcs[f].frame == frame)
				measure(u, &u->funcs[f], most, least);
	u->funcs[0].counts |= u->opts->count;
	for (uint32_t f = 0; f < u->nfuncs; f++) {
		struct jit_func *fn = &u->funcs[f];

		if (!u->funcs[0].counts)
			fn->counts = false; /* the entry asks for all */
		else if (fn->least != fn->most || fn->most > CHARGE || (u->opts->count && !f))
			fn->counts = true;
		fn->uses_run |= fn->counts;
	}
}

/* Sums with constants become offsets. */
static void fold_offset(struct ir_fn *f, struct ir_ins *in)
{
	while (ir_is(f, in->a, IR_ADD) && f->ins[in->a].w && ir_is(f, f->ins[in->a].b, IR_CONST)) {
		int64_t sum = (int64_t)((uint64_t)(int64_t)ir_check_off(in) +
					f->ins[f->ins[in->a].b].imm); /* addresses wrap */

		if (sum != (int32_t)sum)
			return;
		in->imm = (uint64_t)ir_check_place(in) << 32 | (uint32_t)sum;
		in->a = f->ins[in->a].a;
	}
}

static bool in_frame(const struct ir_fn *f, const struct ir_ins *in)
{
	const struct ir_ins *base = &f->ins[in->a];
	int64_t at = ir_check_off(in) - (int64_t)f->checks.frame * EXEC_FRAME_STRIDE;

	return base->op == IR_LOAD && base->imm == offsetof(struct exec_run, stack) &&
	       ir_is(f, base->a, IR_ARG) && f->ins[base->a].imm == RUN_ARG && at >= 0 &&
	       at + in->x <= ISA_STACK_SIZE &&
	       (!(ir_check_place(in) & EXEC_PLACE_ATOMIC) || at % in->x == 0);
}

/* The value that an address comes from: sums lead back to what looks like a pointer. */
static uint32_t root(const struct ir_fn *f, uint32_t v)
{
	for (int i = 0; i < 8 && (ir_is(f, v, IR_ADD) || ir_is(f, v, IR_SUB)); i++) {
		const struct ir_ins *in = &f->ins[v];

		v = ir_is(f, v, IR_ADD) && f->zero[in->a] >> 48 && !ir_is(f, in->b, IR_CONST) ?
			    in->b :
			    in->a;
	}
	return v;
}

uint32_t ir_check_window(const struct ir_fn *f, uint32_t v)
{
	v = root(f, v);
	return ir_is(f, v, IR_ARG) ? 0 : 1 + v % (EXEC_WINDOWS - 1);
}

static uint32_t *chain_of(const struct ir_fn *f, const struct ir_ins *in)
{
	return &f->hash[(in->a * 0x9e3779b1u >> 7) & f->hash_mask];
}

/* Does what @old asked answer what @in asks? */
static bool covers(const struct ir_fn *f, const struct ir_ins *old, const struct ir_ins *in)
{
	uint32_t had = ir_check_place(old), asks = ir_check_place(in);
	int64_t from = ir_check_off(old), off = ir_check_off(in);

	if (old->op != IR_CHECK || old->a != in->a || old->c != f->checks.epoch ||
	    asks & ~had & EXEC_PLACE_WRITE)
		return false;
	if (asks & EXEC_PLACE_ATOMIC)
		return had & EXEC_PLACE_ATOMIC && from == off && old->x == in->x;
	return from <= off && off + in->x <= from + old->x;
}

uint32_t ir_check(struct ir_fn *f, struct ir_ins *in)
{
	uint32_t v;
	int chain = 0;

	fold_offset(f, in);
	if (in_frame(f, in))
		return in->a;
	for (v = *chain_of(f, in); v && chain < MAX_CHAIN; v = f->next[v], chain++)
		if (covers(f, &f->ins[v], in) && ir_dominates(f, f->home[v], f->block))
			return v;
	return 0;
}

uint32_t ir_check_add(struct ir_fn *f, struct ir_ins in)
{
	uint32_t *head = chain_of(f, &in), v;

	in.c = f->checks.epoch;
	v = ir_append(f, in);
	if (!v)
		return 0;
	f->next[v] = *head;
	*head = v;
	return v;
}

void build_check(struct build *b, const struct ir_ins *access, int32_t off)
{
	struct ir_ins in = { .op = IR_CHECK, .x = access->x, .a = access->a, .b = b->run };
	uint32_t place = b->at | (uint32_t)access->x << EXEC_PLACE_BYTES |
			 b->fn->frame << EXEC_PLACE_FRAME;
	int64_t at = (int64_t)off + ISA_STACK_SIZE;

	if (jit_fact(b->u, b->at, FACT_SAFE | FACT_PROBE))
		return;
	if (access->op != IR_LOAD)
		place |= EXEC_PLACE_WRITE;
	if (access->op == IR_ATOMIC || access->y == (access->op == IR_LOAD ? LOAD_ORDERED : 1))
		place |= EXEC_PLACE_ATOMIC;
	if (access->a == b->fp && at >= 0 && at + access->x <= ISA_STACK_SIZE &&
	    (!(place & EXEC_PLACE_ATOMIC) || at % access->x == 0))
		return;
	in.imm = (uint64_t)place << 32 | (uint32_t)off;
	ir_emit(b->f, in);
}

void build_set_run(struct build *b, size_t field, uint32_t value, int size)
{
	ir_emit(b->f, (struct ir_ins){ .op = IR_STORE,
				       .w = size == 8,
				       .x = (uint8_t)size,
				       .a = b->run,
				       .b = value,
				       .imm = field });
}

uint32_t build_get_run(struct build *b, size_t field, int size)
{
	return ir_emit(b->f, (struct ir_ins){ .op = IR_LOAD,
					      .w = 1,
					      .x = (uint8_t)size,
					      .y = LOAD_ORDERED,
					      .a = b->run,
					      .imm = field });
}

void build_spend(struct build *b)
{
	struct ir_ins in = { .op = IR_SPEND, .w = 1, .b = b->run };

	if (b->left < 0 || !b->charge)
		return;
	in.a = build_get(b, b->left);
	in.imm = (uint64_t)b->at << 32 | b->charge;
	build_set(b, b->left, ir_emit(b->f, in));
	b->charge = 0;
}

void build_give_back(struct build *b)
{
	uint32_t have;

	if (b->left < 0)
		return;
	have = build_get_run(b, offsetof(struct exec_run, budget), 8);
	build_set_run(b, offsetof(struct exec_run, budget),
		      ir_binary(b->f, IR_ADD, 1, have, build_get(b, b->left)), 8);
}

/* cc(a, b) ? yes : no */
static uint32_t choose(struct build *b, enum ir_cc cc, uint32_t x, uint32_t y, uint32_t yes,
		       uint32_t no)
{
	const uint32_t args[4] = { x, y, yes, no };

	return ir_emit(b->f, (struct ir_ins){ .op = IR_SELECT,
					      .w = 1,
					      .x = (uint8_t)cc,
					      .y = 1,
					      .a = ir_args(b->f, args, 4) });
}

/* A stopped run gets nothing, so that its next charge looks why. */
void build_take(struct build *b)
{
	uint32_t have, stop, piece = ir_const(b->f, EXEC_PIECE), zero = ir_const(b->f, 0);

	if (b->left < 0)
		return;
	have = build_get_run(b, offsetof(struct exec_run, budget), 8);
	stop = build_get_run(b, offsetof(struct exec_run, stop), 4);
	piece = choose(b, CC_LT, have, piece, have, piece);
	piece = choose(b, CC_EQ, stop, zero, piece, zero);
	build_set_run(b, offsetof(struct exec_run, budget), ir_binary(b->f, IR_SUB, 1, have, piece),
		      8);
	build_set(b, b->left, piece);
}

/* Only calls of functions change it between two of these: a load like any other. */
static uint32_t get_left(struct build *b)
{
	return ir_emit(b->f, (struct ir_ins){ .op = IR_LOAD,
					      .w = 1,
					      .x = 8,
					      .a = b->run,
					      .imm = offsetof(struct exec_run, checks.left) });
}

void build_budget_in(struct build *b)
{
	if (b->left < 0)
		return;
	if (b->fn == b->u->funcs)
		build_take(b);
	else
		build_set(b, b->left, get_left(b));
}

void build_budget_out(struct build *b)
{
	if (b->left < 0)
		return;
	if (b->fn == b->u->funcs)
		build_give_back(b);
	else
		build_set_run(b, offsetof(struct exec_run, checks.left), build_get(b, b->left), 8);
}

void build_faulted(struct build *b)
{
	if (b->u->checked)
		ir_append(b->f, (struct ir_ins){ .op = IR_FAULTED, .a = b->run });
}

void build_before_local(struct build *b, const struct jit_func *to)
{
	if (!b->u->checked)
		return;
	if (to->counts) {
		build_spend(b);
		build_set_run(b, offsetof(struct exec_run, checks.left), build_get(b, b->left), 8);
		return;
	}
	b->charge += (uint32_t)to->most;
	if (b->charge > CHARGE)
		build_spend(b);
}

void build_after_local(struct build *b, const struct jit_func *to)
{
	if (to->uses_run)
		build_faulted(b);
	if (to->counts)
		build_set(b, b->left, get_left(b));
}

void build_before_call(struct build *b, uint32_t insn)
{
	const struct exec_view *v = &b->u->view[insn];

	if (!b->u->checked)
		return;
	if (v->op == ISA_CALL_LOCAL) {
		build_before_local(b, &b->u->funcs[b->u->func_of[jit_target_of(b->u, insn)]]);
		return;
	}
	if (b->u->frames > 1)
		build_set_run(b, offsetof(struct exec_run, depth), ir_const(b->f, b->fn->frame), 4);
	if (sees_budget(v, b->u->prog)) {
		build_spend(b);
		build_give_back(b);
	}
}

void build_after_call(struct build *b, uint32_t insn)
{
	const struct exec_view *v = &b->u->view[insn];

	if (!b->u->checked)
		return;
	if (v->op == ISA_CALL_LOCAL) {
		build_after_local(b, &b->u->funcs[b->u->func_of[jit_target_of(b->u, insn)]]);
		return;
	}
	build_faulted(b);
	if (sees_budget(v, b->u->prog))
		build_take(b);
}

static bool has_checks(const struct spec_helper *row)
{
	for (int i = 0; row && i < 5; i++)
		switch ((int)row->args[i]) { /* what call_check() takes as it is */
		case ARG_NONE:
		case ARG_ANY:
		case ARG_STACK_OR_NULL:
		case ARG_SIZE_OR_ZERO:
			break;
		default:
			return true;
		}
	return false;
}

uintptr_t build_body(const struct build *b, uint32_t insn)
{
	const struct exec_view *v = &b->u->view[insn];

	if (v->op == ISA_CALLX)
		return (uintptr_t)exec_callx;
	if (b->u->checked && has_checks(v->call->row) && !jit_fact(b->u, insn, FACT_SAFE))
		return (uintptr_t)exec_checked_call;
	return v->call->custom ? (uintptr_t)v->call->custom->fn : (uintptr_t)v->call->fn;
}
