// SPDX-License-Identifier: Apache-2.0
/*
 * What registers are known to hold before SSA is built: constants, functions, and addresses within the function's
 * own stack frame. It tells which map a call works on and which bytes of the frame it touches, so that the other bytes
 * can be variables although addresses of the frame are taken. A forward analysis over the instructions with a state at
 * each jump target: unseen, one thing on all paths, or something else. When an address of the frame may be
 * where this analysis does not see it, the function's frame has escaped.
 */
#include <string.h>

#include "jit/code_mem.h"
#include "jit/known.h"

#define MAX_ROUNDS 16
#define REGS ISA_REG_FP

struct state {
	struct known reg[REGS];
};

struct walk {
	struct jit_unit *u;
	struct jit_func *fn;
	struct state now;
	struct state *states; /* of jump targets */
	uint32_t *state_of;   /* by instruction of the function: 1 + number */
	bool alive, changed, escaped;
};

static const struct known other = { .kind = KNOWN_OTHER };

static struct known join(struct known a, struct known b)
{
	bool frame = a.kind == KNOWN_FRAME || b.kind == KNOWN_FRAME || a.kind == KNOWN_MIXED ||
		     b.kind == KNOWN_MIXED;

	if (a.kind == KNOWN_UNSEEN)
		return b;
	if (b.kind == KNOWN_UNSEEN || (a.kind == b.kind && a.value == b.value))
		return a;
	return (struct known){ .kind = frame ? KNOWN_MIXED : KNOWN_OTHER };
}

static struct known get(const struct walk *w, int reg)
{
	if (reg == ISA_REG_FP)
		return (struct known){ .kind = KNOWN_FRAME };
	return w->now.reg[reg];
}

static void set(struct walk *w, int reg, struct known value)
{
	w->now.reg[reg] = value;
}

static bool is_frame(struct known k)
{
	return k.kind == KNOWN_FRAME || k.kind == KNOWN_MIXED;
}

static void leave(struct walk *w, int reg)
{
	w->escaped |= is_frame(get(w, reg));
}

static void merge_into(struct walk *w, uint32_t insn)
{
	uint32_t number = w->state_of[insn - w->fn->start];
	struct state *to;

	if (!number)
		return;
	to = &w->states[number - 1];
	for (int r = 0; r < REGS; r++) {
		struct known now = join(to->reg[r], w->now.reg[r]);

		w->changed |= now.kind != to->reg[r].kind || now.value != to->reg[r].value;
		to->reg[r] = now;
	}
}

static void access(struct walk *w, uint32_t i, int base)
{
	struct known k = get(w, base);
	int64_t off = (int64_t)k.value + w->u->view[i].off;

	w->escaped |= k.kind == KNOWN_MIXED;
	w->u->frame_off[i] = JIT_NO_FRAME;
	if (k.kind != KNOWN_FRAME)
		return;
	if (off < -ISA_STACK_SIZE || off >= 0)
		w->escaped = true;
	else
		w->u->frame_off[i] = (int16_t)off;
}

/* Moves, and sums of a frame address or a constant with a constant. */
static struct known computed(struct walk *w, uint32_t i)
{
	const struct exec_view *v = &w->u->view[i];
	struct known dst = get(w, v->dst);

	switch ((int)v->op) {
	case ISA_MOV64_REG:
		return get(w, v->src);
	case ISA_MOV64_IMM:
	case ISA_LD_IMM:
	case ISA_LD_MAP_IDX:
	case ISA_LD_MAP_IDX_VALUE:
		return (struct known){ .kind = KNOWN_CONST, .value = v->imm };
	case ISA_MOV32_IMM:
		return (struct known){ .kind = KNOWN_CONST, .value = (uint32_t)v->imm };
	case ISA_LD_FUNC:
		return (struct known){ .kind = KNOWN_FUNC, .value = jit_target_of(w->u, i) };
	case ISA_ADD64_IMM:
	case ISA_SUB64_IMM:
		if (dst.kind != KNOWN_CONST && dst.kind != KNOWN_FRAME)
			break;
		dst.value += v->op == ISA_ADD64_IMM ? v->imm : 0 - v->imm;
		return dst;
	default:
		break;
	}
	if (jit_ops[v->op].reads & ISA_USE_DST)
		leave(w, v->dst);
	if (jit_ops[v->op].reads & ISA_USE_SRC)
		leave(w, v->src);
	return other;
}

/* Bytes that a helper may touch behind its argument @a; 0: it cannot be told. */
static uint32_t touched(const struct walk *w, const struct jit_known_call *call, int a)
{
	const struct exec_view *v = &w->u->view[call->insn];
	struct known size = { .kind = KNOWN_OTHER };

	if (a < 4)
		size = call->arg[a + 1];
	switch ((int)v->call->row->args[a]) {
	case ARG_MAP_KEY:
		return call->map ? call->map->key_size : 0;
	case ARG_MAP_VALUE:
	case ARG_MAP_VALUE_OUT:
		return call->map ? call->map->value_size : 0;
	case ARG_LONG_OUT:
		return 8;
	case ARG_INT_OUT:
		return 4;
	case ARG_MEM:
	case ARG_MEM_OR_NULL:
	case ARG_MEM_OUT:
	case ARG_MEM_OUT_OR_NULL:
		return size.kind == KNOWN_CONST && size.value <= ISA_STACK_SIZE ?
			       (uint32_t)size.value :
			       0;
	default: /* kept, or of unknown size */
		return 0;
	}
}

static void find_map(struct walk *w, struct jit_known_call *call)
{
	const struct exec_view *v = &w->u->view[call->insn];

	for (int a = 0; a < 5 && !call->map; a++)
		if (v->call->row->args[a] == ARG_MAP && call->arg[a].kind == KNOWN_CONST)
			call->map = exec_view_map(w->u->prog, call->arg[a].value);
}

static void helper(struct walk *w, uint32_t i)
{
	const struct exec_view *v = &w->u->view[i];
	struct jit_known_call *call = &w->u->calls[w->u->call_of[i] - 1];

	*call = (struct jit_known_call){ .insn = i };
	for (int a = 0; a < 5; a++)
		call->arg[a] = get(w, a + 1);
	if (v->call->row && !v->call->custom)
		find_map(w, call);
	for (int a = 0; a < 5; a++) {
		struct known k = call->arg[a];

		if ((v->call->row && v->call->row->args[a] == ARG_NONE) || !is_frame(k))
			continue;
		call->bytes[a] = v->call->row ? touched(w, call, a) : 0;
		w->escaped |= k.kind == KNOWN_MIXED || !call->bytes[a] ||
			      (int64_t)k.value < -ISA_STACK_SIZE ||
			      (int64_t)k.value + call->bytes[a] > 0;
	}
}

static void call(struct walk *w, uint32_t i)
{
	if (w->u->call_of[i])
		helper(w, i);
	else
		for (int r = 1; r <= 5; r++)
			leave(w, r);
	for (int r = 0; r <= 5; r++)
		set(w, r, other);
}

static void step(struct walk *w, uint32_t i)
{
	const struct exec_view *v = &w->u->view[i];
	bool plain = !jit_ops[v->op].newer;

	switch ((int)jit_ops[v->op].kind) {
	case ISA_KIND_LOAD:
		access(w, i, v->src);
		w->escaped |= !plain && is_frame(get(w, v->src));
		set(w, v->dst, other);
		break;
	case ISA_KIND_STORE:
		access(w, i, v->dst);
		if (jit_ops[v->op].reads & ISA_USE_SRC)
			leave(w, v->src);
		w->escaped |= !plain && is_frame(get(w, v->dst));
		break;
	case ISA_KIND_ATOMIC:
		leave(w, v->dst);
		leave(w, v->src);
		if (jit_ops[v->op].writes & ISA_USE_SRC)
			set(w, v->src, other);
		if (jit_ops[v->op].writes & ISA_USE_R0)
			set(w, 0, other);
		break;
	case ISA_KIND_CALL:
		call(w, i);
		break;
	case ISA_KIND_PACKET:
		for (int r = 0; r <= 5; r++)
			set(w, r, other);
		break;
	case ISA_KIND_JUMP:
	case ISA_KIND_BRANCH:
	case ISA_KIND_EXIT:
		break;
	default:
		if (jit_ops[v->op].writes & ISA_USE_DST)
			set(w, v->dst, computed(w, i));
		break;
	}
}

static void walk_once(struct walk *w)
{
	w->changed = w->escaped = false;
	for (int r = 0; r < REGS; r++)
		w->now.reg[r] = other;
	w->alive = true;
	for (uint32_t i = w->fn->start; i < w->fn->end; i++) {
		const struct exec_view *v = &w->u->view[i];
		uint32_t number = w->state_of[i - w->fn->start];

		if (!v->reached)
			continue;
		if (number) {
			if (w->alive)
				merge_into(w, i);
			w->now = w->states[number - 1];
			w->alive = true;
		}
		step(w, i);
		if (jit_ops[v->op].jumps) {
			uint32_t to = jit_target_of(w->u, i);

			if (w->u->view[to].reached)
				merge_into(w, to);
		}
		if (v->op == ISA_EXIT || v->op == ISA_JA || v->op == ISA_JA32)
			w->alive = false;
	}
}

/* Is there anything to find out? */
static bool is_worthwhile(const struct jit_func *fn)
{
	return fn->reached && (fn->calls || fn->names_frame);
}

static int walk_function(struct jit_unit *u, struct jit_func *fn)
{
	struct walk w = { .u = u, .fn = fn };
	uint32_t number = 0, round = 0;

	arena_reset(u->scratch, JIT_KEPT_SCRATCH);
	w.states = ARENA_ARRAY(u->scratch, struct state, fn->targets + 1);
	w.state_of = ARENA_ARRAY(u->scratch, uint32_t, fn->end - fn->start);
	if (!w.states || !w.state_of)
		return -ENOMEM;
	for (uint32_t i = fn->start; i < fn->end; i++)
		if (u->view[i].reached && u->view[i].target)
			w.state_of[i - fn->start] = ++number;
	do {
		walk_once(&w);
	} while (w.changed && ++round < MAX_ROUNDS);
	fn->known = !w.changed;
	fn->escaped = w.escaped;
	for (uint32_t i = fn->start; fn->known && !u->opts->no_optimise && i < fn->end; i++)
		if (u->view[i].reached && u->call_of[i])
			jit_inline_decide(u, &u->calls[u->call_of[i] - 1]);
	return 0;
}

int jit_know(struct jit_unit *u)
{
	uint32_t ncalls = 0;
	bool any = false;
	int r = 0;

	for (uint32_t f = 0; f < u->nfuncs; f++)
		any |= is_worthwhile(&u->funcs[f]);
	if (!any || (u->opts->no_optimise && !u->has_callbacks)) /* they tell frames apart */
		return 0;
	u->call_of = ARENA_ARRAY(u->arena, uint32_t, u->n);
	u->frame_off = ARENA_ARRAY(u->arena, int16_t, u->n);
	if (!u->call_of || !u->frame_off)
		return -ENOMEM;
	for (uint32_t i = 0; i < u->n; i++) {
		const struct exec_view *v = &u->view[i];

		if (v->reached && v->op == ISA_CALL_HELPER && !v->tail_call)
			u->call_of[i] = ++ncalls;
	}
	u->calls = ARENA_ARRAY(u->arena, struct jit_known_call, ncalls);
	if (!u->calls)
		return -ENOMEM;
	for (uint32_t f = 0; f < u->nfuncs && r == 0; f++)
		if (is_worthwhile(&u->funcs[f]))
			r = walk_function(u, &u->funcs[f]);
	return r;
}
