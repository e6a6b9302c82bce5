// SPDX-License-Identifier: Apache-2.0
/*
 * Before compiling: where functions start, which are reached, what they read, and the stack frame of each. Frames are
 * given at compile time: a function's frame is one above the highest of its callers', so calls keep no count at run
 * time. That needs a call graph without cycles; a recursive program is left to the interpreter.
 */
#include <string.h>

#include "jit/known.h"

/* Words of isa.def. */
enum {
	NONE = ISA_USE_NONE,
	DST = ISA_USE_DST,
	SRC = ISA_USE_SRC,
	R0 = ISA_USE_R0,
	R6 = ISA_USE_R6,
	ARGS = ISA_USE_ARGS,
	CALLER = ISA_USE_CALLER,
};

#define TOUCHES(kind)                                                                        \
	((kind) == ISA_KIND_LOAD || (kind) == ISA_KIND_STORE || (kind) == ISA_KIND_ATOMIC || \
	 (kind) == ISA_KIND_PACKET)
#define BYTES(code) \
	(((code) >> 3 & 3) == 0 ? 4 : ((code) >> 3 & 3) == 1 ? 2 : ((code) >> 3 & 3) == 2 ? 1 : 8)
#define VARIABLES ((1ull << ISA_REG_FP) - 1) /* r10 is none */
#define SET(reads, writes, regs) (((reads) ? (regs) : 0) | ((writes) ? (uint64_t)(regs) << 32 : 0))
const struct jit_op jit_ops[ISA_COUNT] = {
#define INSN(id, code, src, off, imm, kind, reads, writes, group, ...)                           \
	[ISA_##id] = { ISA_KIND_##kind,                                                          \
		       reads,                                                                    \
		       writes,                                                                   \
		       TOUCHES(ISA_KIND_##kind) ? BYTES(code) : 0,                               \
		       ISA_KIND_##kind == ISA_KIND_ALU ||                                        \
			       (TOUCHES(ISA_KIND_##kind) && ISA_KIND_##kind != ISA_KIND_PACKET), \
		       ISA_KIND_##kind == ISA_KIND_JUMP || ISA_KIND_##kind == ISA_KIND_BRANCH,   \
		       ISA_##id == ISA_EXIT || ISA_##id == ISA_JA || ISA_##id == ISA_JA32 ||     \
			       ISA_##id == ISA_JA_REG,                                           \
		       ISA_GROUP_##group == ISA_GROUP_LINUX,                                     \
		       SET((reads)&DST, (writes)&DST, VARIABLES),                                \
		       SET((reads)&SRC, (writes)&SRC, VARIABLES),                                \
		       SET((reads)&R0, (writes)&R0, 1) },
#include "isa/isa.def"
#undef INSN
};

static int refuse(struct jit_unit *u, uint32_t insn, const char *why)
{
	u->why = why;
	u->why_insn = insn;
	return -EOPNOTSUPP;
}

uint32_t jit_target_of(const struct jit_unit *u, uint32_t insn)
{
	return (uint32_t)((int64_t)insn + 1 + u->view[insn].off);
}

static bool is_throw(const struct exec_view *v)
{
	return v->op == ISA_CALL_HELPER && v->call && v->call->row && v->call->row->id < 0 &&
	       !strcmp(v->call->row->name, "bpf_throw");
}

static const char *unsupported(const struct jit_unit *u, uint32_t i)
{
	if (u->view[i].op == ISA_INVALID)
		return "an instruction that is never run is reached";
	if (!u->checked && is_throw(&u->view[i]))
		return "an exception, which only checked code looks for";
	return u->view[i].op == ISA_CALL_KFUNC ? "a kernel function is called" : NULL;
}

static int find_functions(struct jit_unit *u, uint32_t count)
{
	u->func_of = ARENA_ARRAY(u->arena, uint32_t, u->n);
	u->funcs = ARENA_ARRAY(u->arena, struct jit_func, count + 1); /* and a twin */
	if (!u->func_of || !u->funcs)
		return -ENOMEM;
	u->nfuncs = 1;
	for (uint32_t i = 1; i < u->n && count > 1; i++) {
		if (u->view[i].func) {
			u->funcs[u->nfuncs - 1].end = i;
			u->funcs[u->nfuncs++].start = i;
		}
		u->func_of[i] = u->nfuncs - 1;
	}
	u->funcs[u->nfuncs - 1].end = u->n;
	for (uint32_t f = 0; f < u->nfuncs; f++)
		u->funcs[f].reached = u->view[u->funcs[f].start].reached;
	return 0;
}

static bool needs_run(const struct jit_unit *u, const struct exec_view *v)
{
	switch ((int)jit_ops[v->op].kind) {
	case ISA_KIND_PACKET:
		return true;
	case ISA_KIND_CALL:
		return v->op != ISA_CALL_LOCAL &&
		       (u->checked || !v->call->custom || !exec_view_custom_ctx(u->prog));
	case ISA_KIND_JUMP_REG:
		return u->checked;
	case ISA_KIND_JUMP:
		return v->op == ISA_MAY_GOTO;
	default:
		return false;
	}
}

/* Is r10 only the base of a plain access in its frame? */
static bool is_plain_use(const struct exec_view *v)
{
	unsigned int reads = jit_ops[v->op].reads, kind = jit_ops[v->op].kind;
	bool src = v->src == ISA_REG_FP && reads & ISA_USE_SRC;
	bool dst = v->dst == ISA_REG_FP && reads & ISA_USE_DST;

	if (v->off < -ISA_STACK_SIZE || v->off + jit_ops[v->op].bytes > 0)
		return false;
	if (src && (kind != ISA_KIND_LOAD || jit_ops[v->op].newer))
		return false;
	return !dst || (kind == ISA_KIND_STORE && !jit_ops[v->op].newer);
}

static void note_stack(struct jit_func *fn, const struct exec_view *v)
{
	unsigned int reads = jit_ops[v->op].reads;

	if ((v->dst == ISA_REG_FP && reads & ISA_USE_DST) ||
	    (v->src == ISA_REG_FP && reads & ISA_USE_SRC)) {
		fn->uses_stack = fn->uses_run = true;
		fn->names_frame |= !is_plain_use(v);
	}
}

static void note_insn(struct jit_unit *u, struct jit_func *fn, uint32_t i)
{
	const struct exec_view *v = &u->view[i];

	fn->uses_run |= needs_run(u, v);
	fn->others++;
	fn->indirect |= v->op == ISA_JA_REG;
	fn->calls |= v->op == ISA_CALL_HELPER && !v->tail_call;
	u->calls_out += jit_ops[v->op].kind == ISA_KIND_CALL ||
			jit_ops[v->op].kind == ISA_KIND_PACKET ||
			jit_ops[v->op].kind == ISA_KIND_JUMP_REG;
	u->has_tails |= v->tail_call;
	u->has_locals |= v->op == ISA_CALL_LOCAL; /* perhaps of the entry itself */
	if (v->op == ISA_CALL_LOCAL)
		u->funcs[u->func_of[jit_target_of(u, i)]].sites++;
	if (v->op == ISA_LD_FUNC) {
		u->has_callbacks = true;
		u->funcs[u->func_of[jit_target_of(u, i)]].callback = true;
		u->funcs[0].uses_run = true;
	}
}

/* May the helper call back? So may an embedder's that gets the run and does not say what it takes. */
static bool takes_function(const struct jit_unit *u, const struct exec_view *v)
{
	if (v->call->custom && !v->call->row)
		return !exec_view_custom_ctx(u->prog);
	if (v->op == ISA_CALLX)
		return true;
	for (int i = 0; v->op == ISA_CALL_HELPER && v->call->row && i < 5; i++)
		if (v->call->row->args[i] == ARG_FUNC)
			return true;
	return false;
}

/* Calls of bpf_loop that become loops are places of what they call. */
static void count_turns(struct jit_unit *u)
{
	for (uint32_t i = 0; u->has_callbacks && i < u->n; i++) {
		const struct jit_func *loop = u->view[i].reached ? jit_loop_callee(u, i) : NULL;

		if (loop)
			u->funcs[loop - u->funcs].sites++;
	}
}

static bool raise_frame(struct jit_func *fn, uint32_t frame)
{
	if (fn->frame >= frame)
		return false;
	fn->frame = frame;
	return true;
}

/* The functions that the call may call lie above @frame: the one that it is known to get, or all callbacks. */
static bool raise_callbacks(struct jit_unit *u, uint32_t insn, uint32_t frame)
{
	const struct exec_view *v = &u->view[insn];
	const struct jit_known_call *call = jit_known_call(u, insn);
	bool changed = false;

	for (int a = 0; call && v->call->row && a < 5; a++)
		if (v->call->row->args[a] == ARG_FUNC && call->arg[a].kind == KNOWN_FUNC)
			return raise_frame(&u->funcs[u->func_of[call->arg[a].value]], frame);
	for (uint32_t f = 0; f < u->nfuncs; f++)
		if (u->funcs[f].callback)
			changed |= raise_frame(&u->funcs[f], frame);
	return changed;
}

/* Calls from @fn raise the frames of what it calls; true if something changed. */
static bool spread(struct jit_unit *u, uint32_t number)
{
	struct jit_func *fn = &u->funcs[number];
	bool changed = false;

	for (uint32_t i = fn->start; i < fn->end; i++) {
		const struct exec_view *v = &u->view[i];
		const struct jit_func *callee;
		struct jit_func *to;

		callee = v->reached ? jit_loop_callee(u, i) : NULL;
		if (callee && callee->uses_run && !fn->uses_run)
			fn->uses_run = changed = true;
		if (v->reached && !callee && takes_function(u, v))
			changed |= raise_callbacks(u, i, fn->frame + 1);
		if (!v->reached || (v->op != ISA_CALL_LOCAL && v->op != ISA_LD_FUNC))
			continue;
		to = &u->funcs[u->func_of[jit_target_of(u, i)]];
		if (to->uses_run && v->op == ISA_CALL_LOCAL && !fn->uses_run)
			fn->uses_run = changed = true;
		changed |= raise_frame(to, fn->frame + 1);
	}
	return changed;
}

static int assign_frames(struct jit_unit *u)
{
	bool changed = true, callees = u->has_callbacks || u->has_locals;

	for (uint32_t round = 0; callees && changed; round++) {
		changed = false;
		for (uint32_t f = 0; f < u->nfuncs; f++)
			if (u->funcs[f].reached)
				changed |= spread(u, f);
		if (round > 2 * ISA_MAX_FRAMES + 2)
			return refuse(u, 0, "calls nest too deeply, or a function calls itself");
	}
	for (uint32_t f = 0; f < u->nfuncs; f++) {
		if (!u->funcs[f].reached)
			continue;
		if (u->funcs[f].frame >= ISA_MAX_FRAMES)
			return refuse(u, u->funcs[f].start,
				      "calls nest too deeply, or a function calls itself");
		if (u->funcs[f].frame + 1 > u->frames)
			u->frames = u->funcs[f].frame + 1;
	}
	return 0;
}

static int scan_function(struct jit_unit *u, struct jit_func *fn)
{
	const struct exec_view *v = &u->view[fn->start];
	uint32_t targets = 0;
	const char *why;

	for (uint32_t i = fn->start; i < fn->end; i++, v++) {
		const struct jit_op *op = &jit_ops[v->op];

		if (!v->reached)
			continue;
		targets += v->target;
		if (v->dst == ISA_REG_FP || v->src == ISA_REG_FP)
			note_stack(fn, v);
		if (op->bytes && u->checked) {
			fn->uses_run = true;
			u->vouched &= jit_fact(u, i, FACT_SAFE | FACT_PROBE);
		}
		if (op->plain)
			continue;
		why = unsupported(u, i);
		if (why)
			return refuse(u, i, why);
		note_insn(u, fn, i);
	}
	fn->targets = targets;
	return 0;
}

int jit_scan(struct jit_unit *u)
{
	uint32_t count;
	int r;

	u->n = exec_view_count(u->prog);
	u->view = ARENA_RAW(u->arena, struct exec_view, u->n);
	if (!u->view)
		return -ENOMEM;
	count = exec_view_read(u->prog, u->view);
	for (uint32_t i = 0; u->opts->facts && i < u->n; i++)
		if (u->opts->facts[i].flags & FACT_PROBE)
			u->view[i].probe = true;
	u->vouched = true;
	r = find_functions(u, count);
	for (uint32_t f = 0; f < u->nfuncs && r == 0; f++)
		if (u->funcs[f].reached)
			r = scan_function(u, &u->funcs[f]);
	for (uint32_t f = 0; f < u->nfuncs && r == 0; f++)
		if (u->funcs[f].callback)
			u->funcs[f].live_in = 0x3e;
	if (r < 0)
		return r;
	r = jit_know(u);
	count_turns(u);
	return r < 0 ? r : assign_frames(u);
}
