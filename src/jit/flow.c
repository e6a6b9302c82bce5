// SPDX-License-Identifier: Apache-2.0
/*
 * Calls and control flow in SSA, and the order of building: spans in reverse postorder, so that a span's values are
 * those at the end of its predecessor; where several meet, PHIs that are filled in at the end. Blocks of the IR are the
 * spans (same numbers) followed by one block for each instruction that may end the program.
 */
#include <stddef.h>
#include <string.h>

#include "jit/build.h"

#define LOOK 16 /* spans looked at for each, on average */
#define MANY_CALLS 8
#define SCRUBBED 0xbad0c0debad0c0deull

uint32_t build_access(struct build *b, struct ir_ins *in)
{
	return ir_emit(b->f, *in);
}

static uint32_t undef(const struct build *b)
{
	return b->undef;
}

uint32_t build_call_to(struct build *b, uintptr_t fn, const uint32_t *args, uint32_t n, bool moves)
{
	return ir_emit(b->f, (struct ir_ins){ .op = IR_CALL,
					      .w = 1,
					      .y = moves,
					      .a = ir_args(b->f, args, n),
					      .b = n,
					      .imm = fn });
}

/* An argument of a helper of unknown arity: what is undefined on some path is not passed. */
static uint32_t weak(struct build *b, uint32_t v)
{
	const struct ir_ins *in = &b->f->ins[v];

	for (uint32_t k = 0; in->op == IR_PHI && k < in->b; k++)
		if (ir_is(b->f, b->f->args[in->a + k], IR_UNDEF))
			return undef(b);
	return v;
}

void build_clobber(struct build *b, uint32_t r0, bool local)
{
	build_set(b, 0, r0);
	for (int r = 1; r <= 5; r++)
		if (!b->u->checked)
			build_set(b, r, undef(b));
		else if (local || !b->u->keeps_args)
			build_set(b, r, ir_const(b->f, SCRUBBED));
}

void build_at(struct build *b, uint32_t i)
{
	build_set_run(b, offsetof(struct exec_run, insn), ir_const(b->f, i), 4);
}

static bool tail_form(struct build *b, uint32_t map, struct map_form *ret)
{
	return b->f->fold && ir_is(b->f, map, IR_CONST) &&
	       exec_view_form(b->u->prog, b->f->ins[map].imm, ret) && ret->slots && ret->native_at;
}

/* A tail call that does not come back if it goes well. */
static uint32_t jump_on(struct build *b, uint32_t i)
{
	uint32_t args[4] = { b->run, build_get(b, 1), build_get(b, 2),
			     ir_unary(b->f, IR_ZEXT, 1, 4, build_get(b, 3)) };
	struct ir_tail *tail = ARENA_NEW(b->arena, struct ir_tail);

	b->f->failed |= !tail;
	if (!tail)
		return 0;
	tail->insn = i;
	if (tail_form(b, args[2], &tail->form))
		tail->kin = exec_view_kin(b->u->prog);
	return ir_emit(b->f, (struct ir_ins){ .op = IR_CALL,
					      .w = 1,
					      .x = 1,
					      .a = ir_args(b->f, args, 4),
					      .b = 4,
					      .imm = (uintptr_t)tail });
}

void build_call(struct build *b, uint32_t i)
{
	const struct exec_view *v = &b->u->view[i];
	uint64_t mask = build_arg_mask(b->u, i);
	uint32_t args[6], value, n = 1;
	const struct jit_func *to;

	if (v->tail_call || build_inline(b, i, &value)) {
		build_clobber(b, v->tail_call ? jump_on(b, i) : value, false);
		return;
	}
	for (int r = 1; r <= 5; r++) {
		if (!(mask >> r & 1))
			args[r] = undef(b);
		else
			args[r] = v->call->row || v->op == ISA_CALL_LOCAL ?
					  build_get(b, r) :
					  weak(b, build_get(b, r));
		n = !ir_is(b->f, args[r], IR_UNDEF) ? (uint32_t)r + 1 : n;
	}
	build_before_call(b, i);
	if (v->op == ISA_CALL_LOCAL) {
		to = &b->u->funcs[b->u->func_of[jit_target_of(b->u, i)]];
		args[0] = to->uses_run ? b->run : undef(b);
		value = ir_emit(b->f, (struct ir_ins){ .op = IR_CALL_LOCAL,
						       .w = 1,
						       .y = b->u->moves,
						       .a = ir_args(b->f, args, n),
						       .b = n,
						       .imm = (uint64_t)(to - b->u->funcs) });
	} else {
		args[0] = b->run;
		if (v->op == ISA_CALLX)
			build_set_run(b, offsetof(struct exec_run, checks.callee),
				      build_get(b, v->dst), 8);
		if (v->call->custom && exec_view_custom_ctx(b->u->prog) &&
		    build_body(b, i) == (uintptr_t)v->call->custom->fn)
			args[0] = b->ctx;
		else
			build_set_run(b, offsetof(struct exec_run, insn), ir_const(b->f, i), 4);
		value = build_call_to(b, build_body(b, i), args, n,
				      b->u->checked && build_moves(v, b->u->prog));
	}
	build_after_call(b, i);
	build_clobber(b, value, v->op == ISA_CALL_LOCAL);
}

static void finish(struct build *b, struct ir_ins in, uint32_t to0, uint32_t to1)
{
	struct ir_block *block = &b->f->blocks[b->f->block];

	block->succ[0] = to0;
	block->succ[1] = to1;
	if (b->f->fold && in.op == IR_BR)
		ir_fold(b->f, &in);
	ir_append(b->f, in);
	block->end = b->f->n;
}

static void jump_to(struct build *b, uint32_t to)
{
	finish(b, (struct ir_ins){ .op = IR_JMP }, to, NO_BLOCK);
}

static enum ir_cc condition(enum isa_op op, bool *wide, bool *imm)
{
#define COND(OP, fn)                                                      \
	case ISA_##OP##64_IMM:                                            \
	case ISA_##OP##64_REG:                                            \
	case ISA_##OP##32_IMM:                                            \
	case ISA_##OP##32_REG:                                            \
		*wide = op == ISA_##OP##64_IMM || op == ISA_##OP##64_REG; \
		*imm = op == ISA_##OP##64_IMM || op == ISA_##OP##32_IMM;  \
		return CC_OF_##OP;
#define CC_OF_JEQ CC_EQ
#define CC_OF_JGT CC_GT
#define CC_OF_JGE CC_GE
#define CC_OF_JSET CC_SET
#define CC_OF_JNE CC_NE
#define CC_OF_JSGT CC_SGT
#define CC_OF_JSGE CC_SGE
#define CC_OF_JLT CC_LT
#define CC_OF_JLE CC_LE
#define CC_OF_JSLT CC_SLT
#define CC_OF_JSLE CC_SLE
	switch ((int)op) { /* branches only */
		ALU_BRANCH(COND)
	default:
		*wide = *imm = false;
		return CC_EQ;
	}
}

static uint32_t tail_call(struct build *b, uint32_t args[6])
{
	struct map_form form;

	args[4] = ir_const(b->f, b->fn->frame);
	if (b->u->checked)
		return build_call_to(b, (uintptr_t)exec_checked_tail, args, 5, true);
	if (b->fn != b->u->funcs)
		return build_call_to(b, (uintptr_t)exec_tail, args, 5, false);
	if (!tail_form(b, args[2], &form))
		return build_call_to(b, (uintptr_t)exec_tail_code, args, 4, false);
	args[4] = ir_const(b->f, form.slots);
	args[5] = ir_const(b->f, EXEC_TAIL_SHAPE(&form));
	return build_call_to(b, (uintptr_t)exec_tail_quick, args, 6, false);
}

/* Calls the code of another program, whose result is ours. */
static uint32_t go_on_at(struct build *b, uint32_t code, uint32_t ctx)
{
	const struct ir_ins length = { .op = IR_LOAD,
				       .w = 1,
				       .x = 8,
				       .a = b->run,
				       .imm = offsetof(struct exec_run, ctx_len) };
	uint32_t args[3] = { b->run, ctx };

	ir_forget(b->f);
	args[2] = ir_emit(b->f, length);
	return ir_emit(
		b->f,
		(struct ir_ins){
			.op = IR_CALL, .w = 1, .a = ir_args(b->f, args, 3), .b = 3, .c = code });
}

/* Packet loads and tail calls: the leaving block returns a value, the next span goes on. */
static void leave_or_go_on(struct build *b, const struct span *s, uint32_t leaf)
{
	const struct exec_view *v = &b->u->view[s->last];
	uint32_t args[6] = { b->run }, value, second, zero = ir_const(b->f, 0);
	bool tail = v->tail_call;

	build_spend(b);
	if (tail) {
		build_give_back(b);
		build_set_run(b, offsetof(struct exec_run, insn), ir_const(b->f, s->last), 4);
		for (int r = 1; r <= 3; r++)
			args[r] = build_get(b, r);
		value = tail_call(b, args);
	} else {
		args[1] = ir_const(b->f, v->imm);
		if (jit_ops[v->op].reads & ISA_USE_SRC)
			args[1] = ir_binary(b->f, IR_ADD, 1, build_get(b, v->src), args[1]);
		args[2] = ir_const(b->f, jit_ops[v->op].bytes);
		value = build_call_to(b, (uintptr_t)exec_packet, args, 3, false);
	}
	second = ir_append(b->f, (struct ir_ins){ .op = IR_SECOND, .w = 1 });
	if (tail) {
		build_faulted(b);
		build_take(b);
	}
	build_clobber(b, value, false);
	finish(b,
	       (struct ir_ins){
		       .op = IR_BR, .w = 1, .x = tail ? CC_NE : CC_EQ, .a = second, .b = zero },
	       leaf, s->succ[0]);
	b->f->block = leaf;
	b->f->blocks[leaf].start = b->f->n;
	build_budget_out(b);
	if (tail && !b->u->checked && b->fn == b->u->funcs)
		value = go_on_at(b, second, args[1]);
	finish(b, (struct ir_ins){ .op = IR_RET, .w = 1, .a = value }, NO_BLOCK, NO_BLOCK);
}

/* may_goto: counts on the budget; the loop goes on until a quarter of it is left. */
static void may_goto(struct build *b, const struct span *s)
{
	struct ir_ins load = {
		.op = IR_LOAD, .w = 1, .x = 8, .a = b->run, .imm = offsetof(struct exec_run, budget)
	};
	struct ir_ins store = load;
	uint32_t left = ir_emit(b->f, load), quarter;

	if (b->left >= 0) {
		build_spend(b);
		left = ir_binary(b->f, IR_ADD, 1, left, build_get(b, b->left));
	} else {
		left = ir_binary(b->f, IR_SUB, 1, left, ir_const(b->f, 1));
		store.op = IR_STORE;
		store.b = left;
		ir_emit(b->f, store);
	}
	load.imm = offsetof(struct exec_run, budget_start);
	quarter = ir_binary(b->f, IR_SHR, 1, ir_emit(b->f, load), ir_const(b->f, 2));
	finish(b, (struct ir_ins){ .op = IR_BR, .w = 1, .x = CC_SLT, .a = left, .b = quarter },
	       s->succ[0], s->succ[1]);
}

/* An indirect jump compares its way down a tree of targets; checked code first asks whether it is one. */
static void indirect(struct build *b, const struct span *s)
{
	const struct exec_view *v = &b->u->view[s->last];
	uint32_t args[3] = { b->run, ir_const(b->f, s->last), build_get(b, v->dst) };
	struct ir_ins in = { .op = IR_BR, .w = 1, .x = CC_LT, .a = args[2] };

	if (b->u->checked && !s->inner) {
		in.a = build_call_to(b, (uintptr_t)exec_checked_table, args, 3, false);
		build_faulted(b);
		build_set(b, v->dst, in.a);
	}
	in.b = ir_const(b->f, exec_view_table_value(b->u->prog, s->pivot));
	if (s->succ[1] != NO_BLOCK)
		finish(b, in, s->succ[0], s->succ[1]);
	else if (s->succ[0] != NO_BLOCK)
		jump_to(b, s->succ[0]);
	else /* nothing that it may lead to */
		finish(b, (struct ir_ins){ .op = IR_RET, .w = 1, .a = ir_const(b->f, 0) }, NO_BLOCK,
		       NO_BLOCK);
}

static void end_span(struct build *b, struct span *s, uint32_t *leaf)
{
	const struct exec_view *v = &b->u->view[s->last];
	struct ir_ins in = { .op = IR_BR };
	bool wide, imm;

	if (v->op == ISA_EXIT) {
		build_spend(b);
		build_budget_out(b);
		finish(b, (struct ir_ins){ .op = IR_RET, .w = 1, .a = build_get(b, 0) }, NO_BLOCK,
		       NO_BLOCK);
	} else if (s->leaves) {
		leave_or_go_on(b, s, (*leaf)++);
	} else if (s->loop) {
		finish(b, build_loop_turn(b, s->last, s), s->succ[0], s->succ[1]);
	} else if (jit_loop_callee(b->u, s->last)) {
		finish(b, build_loop_start(b, s->last, s + 1), s->succ[0], s->succ[1]);
	} else if (v->op == ISA_JA_REG) {
		indirect(b, s);
	} else if (s->succ[1] == NO_BLOCK) {
		jump_to(b, s->succ[0]);
	} else if (v->op == ISA_MAY_GOTO) {
		may_goto(b, s);
	} else {
		in.x = (uint8_t)condition(v->op, &wide, &imm);
		in.w = wide;
		in.a = build_get(b, v->dst);
		in.b = imm ? ir_const(b->f, wide ? v->imm : (uint32_t)v->imm) :
			     build_get(b, v->src);
		finish(b, in, s->succ[0], s->succ[1]);
	}
}

/* What embedder's helpers get: for many calls in a register, as it is a constant of ten bytes. */
static void start_ctx(struct build *b)
{
	uintptr_t ctx = (uintptr_t)exec_view_custom_ctx(b->u->prog);

	b->ctx = ctx ? ir_const(b->f, ctx) : 0;
	if (ctx > UINT32_MAX && b->u->calls_out >= MANY_CALLS && b->f->fold)
		b->ctx = ir_append(
			b->f, (struct ir_ins){
				      .op = IR_OR, .w = 1, .a = b->ctx, .b = ir_const(b->f, 0) });
}

static void start_entry(struct build *b)
{
	struct ir_fn *f = b->f;
	const struct jit_func *fn = b->fn;
	bool entry = fn == b->u->funcs;

	f->blocks[0].start = f->n;
	b->undef = ir_append(f, (struct ir_ins){ .op = IR_UNDEF });
	start_ctx(b);
	if (fn->uses_run)
		b->run = ir_append(f, (struct ir_ins){ .op = IR_ARG, .w = 1, .imm = RUN_ARG });
	for (uint32_t r = 0; r < b->nvars; r++) {
		bool live = b->spans[0].live >> r & 1;
		bool given = r >= 1 && r <= (entry && !fn->callback ? 2u : 5u);

		if (live && given)
			b->var[r] = ir_append(f, (struct ir_ins){ .op = IR_ARG, .w = 1, .imm = r });
		else
			b->var[r] = live && r >= 1 && r <= 5 && !b->u->checked ? undef(b) :
										 ir_const(f, 0);
	}
	if (fn->uses_stack) {
		b->fp = ir_append(f, (struct ir_ins){ .op = IR_LOAD,
						      .w = 1,
						      .x = 8,
						      .y = LOAD_ZERO,
						      .a = b->run,
						      .c = UINT32_MAX,
						      .imm = offsetof(struct exec_run, stack) });
		b->fp = ir_binary(f, IR_ADD, 1, b->fp,
				  ir_const(f, fn->frame * EXEC_FRAME_STRIDE + ISA_STACK_SIZE));
	}
	if (entry && b->u->has_callbacks)
		build_set_run(b, offsetof(struct exec_run, native),
			      ir_const(f, (uintptr_t)b->u->native), 8);
	if (b->u->checked)
		build_budget_in(b);
	jump_to(b, 1);
}

static void link_blocks(struct build *b)
{
	struct ir_fn *f = b->f;
	uint32_t leaf = b->nspans, edges = 0;

	for (uint32_t k = 0; k < b->nspans; k++) {
		struct span *s = &b->spans[k];

		f->blocks[k].succ[0] = s->leaves ? leaf++ : s->succ[0];
		f->blocks[k].succ[1] = s->leaves ? s->succ[0] : s->succ[1];
		for (int e = 0; e < 2; e++)
			if (f->blocks[k].succ[e] != NO_BLOCK)
				f->blocks[f->blocks[k].succ[e]].npreds++;
	}
	for (; b->nspans + b->nleaves > leaf; leaf++)
		f->blocks[leaf].succ[0] = f->blocks[leaf].succ[1] = NO_BLOCK;
	for (uint32_t k = 0; k < f->nblocks; k++) {
		struct ir_block *block = &f->blocks[k];

		if (k >= b->nspans)
			block->succ[0] = block->succ[1] = NO_BLOCK;
		block->pred = edges;
		edges += block->npreds;
		block->npreds = 0;
	}
	f->preds = ARENA_ARRAY(f->arena, uint32_t, edges);
	f->failed |= !f->preds;
	for (uint32_t k = 0; !f->failed && k < f->nblocks; k++)
		for (int e = 0; e < 2; e++) {
			uint32_t to = f->blocks[k].succ[e];

			if (to != NO_BLOCK)
				f->preds[f->blocks[to].pred + f->blocks[to].npreds++] = k;
		}
}

static bool is_done(const struct build *b, uint32_t k)
{
	return b->f->blocks[k].end;
}

/*
 * Variables that no span writes between this one and the last that leads back to it. In a graph without structure
 * others may; check_assumed() finds out.
 */
static var_set assume(struct build *b, uint32_t k)
{
	const struct ir_block *block = &b->f->blocks[k];
	uint32_t from = b->place[k], to = from;
	var_set written = 0;

	for (uint32_t p = 0; p < block->npreds; p++) {
		uint32_t pred = b->f->preds[block->pred + p];

		if (!is_done(b, pred) && b->place[pred] > to)
			to = b->place[pred];
	}
	b->looked += to - from + 1;
	if (b->naive || b->looked > LOOK * b->nspans)
		return 0;
	for (uint32_t at = from; at <= to; at++)
		if (b->order[at] < b->nspans)
			written |= b->spans[b->order[at]].writes;
	return ~written;
}

/* The value that a variable has at the end of all predecessors that are built, or 0; *ret_done: those may be all. */
static uint32_t common(const struct build *b, const struct ir_block *block, uint32_t r,
		       bool *ret_done)
{
	uint32_t one = 0;
	bool differ = false;

	*ret_done = true;
	for (uint32_t p = 0; p < block->npreds; p++) {
		uint32_t from = b->f->preds[block->pred + p], v;

		if (!is_done(b, from)) {
			*ret_done = false;
			continue;
		}
		v = b->exit[(size_t)from * b->nvars + r];
		differ |= !v || (one && one != v &&
				 (!ir_is(b->f, one, IR_UNDEF) || !ir_is(b->f, v, IR_UNDEF)));
		one = v;
	}
	return differ ? 0 : one;
}

static uint32_t phi(struct build *b, const struct ir_block *block, uint32_t r, bool done)
{
	struct ir_fn *f = b->f;
	uint32_t args = ir_args(f, NULL, block->npreds), v;
	uint64_t zero = UINT64_MAX;

	v = ir_append(
		f, (struct ir_ins){
			   .op = IR_PHI, .w = 1, .x = (uint8_t)r, .a = args, .b = block->npreds });
	for (uint32_t p = 0; done && !f->failed && p < block->npreds; p++) {
		uint32_t from = f->preds[block->pred + p];

		/* the values may have differed before all were looked at */
		zero &= is_done(b, from) ? f->zero[b->exit[(size_t)from * b->nvars + r]] : 0;
	}
	if (done && !f->failed)
		f->zero[v] = zero;
	return v;
}

/* The variables at the start of a span whose predecessors meet here, or of its only one. */
static void enter_span(struct build *b, uint32_t k)
{
	const struct ir_block *block = &b->f->blocks[k];
	struct span *s = &b->spans[k];
	const uint32_t *from = &b->exit[(size_t)b->f->preds[block->pred] * b->nvars];
	var_set kept = ~(var_set)0, live;
	bool done;

	b->charge = 0;
	b->var = &b->exit[(size_t)k * b->nvars];
	if (block->npreds == 1) {
		memcpy(b->var, from, b->nvars * sizeof(*b->var));
		b->charge = b->pending[b->f->preds[block->pred]];
		return;
	}
	memset(b->var, 0, b->nvars * sizeof(*b->var));
	for (uint32_t p = 0; p < block->npreds; p++)
		if (!is_done(b, b->f->preds[block->pred + p])) {
			kept = assume(b, k);
			break;
		}
	for (live = s->live; live; live = build_rest(live)) {
		uint32_t r = build_first(live), one = common(b, block, r, &done);

		if (one && (done || kept >> r & 1)) {
			b->var[r] = one;
			s->assumed |= done ? 0 : VAR(r);
		} else {
			b->var[r] = phi(b, block, r, done);
		}
	}
}

/* Are the values that loops were assumed to keep those that come back? */
static bool check_assumed(const struct build *b)
{
	for (uint32_t k = 1; k < b->nspans; k++) {
		const struct ir_block *block = &b->f->blocks[k];

		for (var_set set = b->spans[k].assumed; set; set = build_rest(set)) {
			uint32_t r = build_first(set);
			bool done;

			if (!common(b, block, r, &done))
				return false;
		}
	}
	return true;
}

static void fill_phis(struct build *b)
{
	struct ir_fn *f = b->f;

	for (uint32_t k = 1; k < b->nspans; k++) {
		const struct ir_block *block = &f->blocks[k];

		for (uint32_t v = block->start; v < block->end && ir_is(f, v, IR_PHI); v++) {
			for (uint32_t p = 0; p < block->npreds; p++)
				f->args[f->ins[v].a + p] =
					b->exit[(size_t)f->preds[block->pred + p] * b->nvars +
						f->ins[v].x];
			f->ins[v].x = 0;
		}
	}
}

/* Is the end of the span where paths meet? Until then what is to be charged is known. */
static bool joins(const struct build *b, const struct span *s)
{
	for (int e = 0; e < 2; e++)
		if (s->succ[e] != NO_BLOCK && b->f->blocks[s->succ[e]].npreds != 1)
			return true;
	return s->last < b->u->n && b->u->view[s->last].op == ISA_JA_REG;
}

static void build_span(struct build *b, struct span *s, uint32_t *leaf)
{
	const struct exec_view *v = &b->u->view[s->start];
	const uint32_t end = s->end;

	for (uint32_t i = s->start; i < end; i++, v++) {
		if (!v->reached)
			continue;
		b->at = b->f->at = i;
		b->charge++;
		if (v->op == ISA_MOV64_REG)
			build_set(b, v->dst, build_get(b, v->src));
		else if (!v->tail_call || build_jumps_on(b))
			build_insn(b, i);
	}
	b->f->at = s->last;
	if (joins(b, s))
		build_spend(b);
	end_span(b, s, leaf);
}

static void build_blocks(struct build *b)
{
	struct ir_fn *f = b->f;
	uint32_t leaf = b->nspans, before = NO_BLOCK;
	uint32_t *leaves = ARENA_ARRAY(b->arena, uint32_t, b->nspans);

	f->failed |= !leaves;
	for (uint32_t k = 0; !f->failed && k < b->nspans; k++)
		if (b->spans[k].leaves)
			leaves[k] = leaf++;
	for (uint32_t at = 0; at < f->nblocks && !f->failed; at++) {
		uint32_t k = b->order[at];
		const struct ir_block *block = &f->blocks[k];
		struct span *s = &b->spans[k];

		if (k == NO_BLOCK || k >= b->nspans)
			continue;
		f->block = k;
		if (k == 0) {
			b->var = b->exit;
			start_entry(b);
		} else {
			/* a span that one other leads to sees the memory as that one left it */
			if (block->npreds != 1 || f->preds[block->pred] != before)
				ir_forget(f);
			f->checks.epoch += f->checks.moves;
			f->blocks[k].start = f->n;
			enter_span(b, k);
			build_span(b, s, &leaves[k]);
			b->pending[k] = b->charge;
		}
		before = s->leaves ? NO_BLOCK : k;
	}
}

static int build_once(struct build *b)
{
	struct ir_fn *f = b->f;

	ir_init(f, b->arena, b->fn->end - b->fn->start, b->nspans + b->nleaves,
		!b->u->opts->no_optimise);
	if (!f->failed && b->u->noting)
		ir_trace(f, b->fn->start);
	f->checks = (struct ir_checks){ .moves = b->u->moves, .frame = b->fn->frame };
	if (f->failed)
		return -ENOMEM;
	link_blocks(b);
	ir_dominators(f);
	if (f->failed)
		return -ENOMEM;
	b->order = f->order;
	for (uint32_t k = 0; k < b->nspans; k++)
		if (!f->blocks[k].reached) /* has no values at its end */
			memset(&b->exit[(size_t)k * b->nvars], 0, b->nvars * sizeof(*b->exit));
	for (uint32_t at = 0; at < f->nblocks; at++)
		if (b->order[at] < b->nspans)
			b->place[b->order[at]] = at;
	build_blocks(b);
	return f->failed ? -ENOMEM : 0;
}

int jit_build(struct jit_unit *u, const struct jit_func *fn, struct arena *scratch,
	      struct ir_fn *ret)
{
	struct build b = { .u = u, .fn = fn, .f = ret, .arena = scratch, .left = -1 };
	int r = build_find_slots(&b);

	if (fn->counts)
		b.left = (int)b.nvars++;
	if (u->has_callbacks)
		b.turn = (int)b.nvars++;
	if (r == 0)
		r = build_spans(&b);
	if (r == 0)
		r = build_liveness(&b);
	if (r < 0)
		return r;
	b.exit = ARENA_RAW(scratch, uint32_t, (size_t)b.nspans * b.nvars);
	b.place = ARENA_ARRAY(scratch, uint32_t, b.nspans);
	b.pending = ARENA_ARRAY(scratch, uint32_t, b.nspans);
	if (!b.exit || !b.place || !b.pending)
		return -ENOMEM;
	r = build_once(&b);
	if (r == 0 && !check_assumed(&b)) {
		b.naive = true;
		r = build_once(&b);
	}
	if (r == 0)
		fill_phis(&b);
	return r;
}

/* The registers that a function reads before it writes them. */
int jit_live_in(struct jit_unit *u, struct jit_func *fn, struct arena *scratch)
{
	struct build b = { .u = u, .fn = fn, .arena = scratch, .left = -1, .turn = MAX_VARS - 1 };
	int r = build_spans(&b);

	if (r < 0)
		return r;
	r = build_liveness(&b);
	fn->live_in |= (uint16_t)(b.spans[0].live & 0x3e);
	return r;
}
