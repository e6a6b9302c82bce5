// SPDX-License-Identifier: Apache-2.0
/*
 * How much stack functions take, and chains of calls. Functions of programs that cannot be entered again while they run may get stacks
 * of their own, when they need much; then they do not count for the chain. Kernel document bpf/bpf_design_QA.rst (stack space).
 *
 * Calls that clobber little (clang's attribute bpf_fastcall): the compiler spills around them what such a call leaves alone where the
 * kernel writes the function in line. Spills and fills come in pairs, at the lowest slots of the frame. Where nothing else touches those
 * slots the kernel drops the pairs, and the slots do not count.
 */
#include "verify/depth.h"

#include "base/num.h"
#include "verify/helpers.h"
#include "verify/walk.h"

#define MAX_STACK 512
#define OWN_STACK_MIN 64
#define TAIL_CALL_STACK 256
#define MAY_GOTO_STACK 16 /* count and time */
#define LOOP_STACK 24	  /* of bpf_loop in line */
#define CALLER_SAVED 0x3fu

/* Fast calls -------------------------------------------------------------------------------------- */

static uint32_t first_args(uint32_t n)
{
	return (2u << n) - 1; /* and r0 */
}

/* Programs of these types get bpf_get_smp_processor_id in line, as Linux 6.18 says; for others it is another function. */
static bool reads_processor(const struct verifier *v)
{
	switch (v->o->prog_type) {
	case PROG_KPROBE:
	case PROG_SCHED_CLS:
	case PROG_SCHED_ACT:
	case PROG_TRACEPOINT:
	case PROG_XDP:
	case PROG_PERF_EVENT:
	case PROG_LWT_IN:
	case PROG_LWT_OUT:
	case PROG_LWT_XMIT:
	case PROG_LWT_SEG6LOCAL:
	case PROG_RAW_TRACEPOINT:
	case PROG_RAW_TRACEPOINT_WRITABLE:
	case PROG_TRACING:
	case PROG_LSM:
	case PROG_SYSCALL:
		return true;
	default:
		return false;
	}
}

/* Registers that the call clobbers, as far as it is known; 0: nothing is. *ret_fast: it is known to the kernel, too. */
static uint32_t clobbers(const struct verifier *v, uint32_t at, bool *ret_fast)
{
	const struct spec_helper *h;
	uint32_t n = 0;

	*ret_fast = false;
	if (v->ops[at] == ISA_CALL_KFUNC) {
		bool cast = graph_is_kfunc(v, at, "bpf_cast_to_kern_ctx");

		*ret_fast = cast || graph_is_kfunc(v, at, "bpf_rdonly_cast");
		return *ret_fast ? first_args(cast ? 1 : 2) : 0;
	}
	h = v->ops[at] == ISA_CALL_HELPER ? spec_helper(v->insns[at].imm) : NULL;
	if (!h)
		return 0;
	while (n < ARRAY_SIZE(h->args) && h->args[n] != ARG_NONE)
		n++;
	*ret_fast = h->id == HELPER_get_smp_processor_id && reads_processor(v);
	return first_args(n);
}

static bool is_pair(const struct verifier *v, uint32_t spill, uint32_t fill, int32_t off)
{
	const struct skep_insn *s = &v->insns[spill], *f = &v->insns[fill];

	return v->ops[spill] == ISA_STX_DW && v->ops[fill] == ISA_LDX_DW && insn_dst(s) == FP &&
	       insn_src(f) == FP && insn_src(s) == insn_dst(f) && s->off == off && f->off == off;
}

static void find_pairs(struct verifier *v, struct func *f, uint32_t at, int32_t lowest)
{
	bool fast;
	uint32_t kept = clobbers(v, at, &fast), n = 0;
	int32_t off = lowest;

	kept = kept ? ~kept & CALLER_SAVED : 0;
	while (at >= f->start + n + 1 && at + n + 1 < f->end &&
	       is_pair(v, at - n - 1, at + n + 1, off) &&
	       kept & 1u << insn_dst(&v->insns[at + n + 1])) {
		kept &= ~(1u << insn_dst(&v->insns[at + n + 1]));
		n++;
		v->marks[at - n] |= AT_PAIR;
		v->marks[at + n] |= AT_PAIR;
		off += 8;
	}
	if (!n)
		return;
	if (fast)
		v->marks[at] |= AT_FAST;
	else
		f->keeps_pairs = true; /* maybe a newer kernel drops them */
	if (off > f->pairs_end || !f->has_pairs)
		f->pairs_end = off;
	f->has_pairs = true;
}

void depth_find_fast(struct verifier *v)
{
	if (!v->has[ISA_STX_DW] || (!v->has[ISA_CALL_HELPER] && !v->has[ISA_CALL_KFUNC]))
		return;
	for (uint32_t k = 0; k < v->nfuncs; k++) {
		struct func *f = &v->funcs[k];
		int32_t lowest = 0;

		for (uint32_t i = f->start; i < f->end; i++)
			if (v->ops[i] == ISA_STX_DW && insn_dst(&v->insns[i]) == FP &&
			    v->insns[i].off < lowest)
				lowest = v->insns[i].off;
		for (uint32_t i = f->start; lowest && i < f->end; i++)
			if (isa_kind(v->ops[i]) == ISA_KIND_CALL)
				find_pairs(v, f, i, lowest);
	}
}

void depth_touch(struct verifier *v, uint32_t func, int64_t off)
{
	struct func *f = &v->funcs[func];

	if (-off > f->depth)
		f->depth = (uint32_t)-off;
	if (!f->has_pairs || off >= f->pairs_end || v->marks[v->at] & AT_PAIR)
		return;
	f->has_pairs = false;
	for (uint32_t i = f->start; i < f->end; i++)
		v->marks[i] &= (uint16_t) ~(AT_PAIR | AT_FAST);
}

static void drop_pairs(struct verifier *v)
{
	for (uint32_t k = 0; k < v->nfuncs; k++) {
		struct func *f = &v->funcs[k];
		bool any = false;

		for (uint32_t i = f->start; f->has_pairs && i < f->end; i++)
			any |= v->marks[i] & AT_FAST;
		if (any && !f->keeps_pairs)
			f->depth = (uint32_t)-f->pairs_end;
	}
}

/* Chains of calls --------------------------------------------------------------------------------- */

static bool own_stacks(struct verifier *v)
{
	bool tail_calls = false;

	for (uint32_t i = 0; v->nfuncs > 1 && i < v->n; i++)
		if (v->ops[i] == ISA_CALL_HELPER && v->insns[i].imm == HELPER_tail_call)
			v->funcs[func_at(v, i)].has_tail_call = tail_calls = true;
	if (tail_calls)
		return false;
	switch (v->o->prog_type) {
	case PROG_KPROBE:
	case PROG_TRACEPOINT:
	case PROG_PERF_EVENT:
	case PROG_RAW_TRACEPOINT:
		return true;
	case PROG_TRACING:
		return v->o->attach_type != ATTACH_TRACE_ITER;
	default:
		return false;
	}
}

struct chain {
	uint32_t depth, frames;
	bool own; /* functions may have stacks of their own */
};

static int deepest(struct verifier *v, uint32_t func, struct chain c);

static int callees(struct verifier *v, uint32_t func, struct chain c)
{
	const struct func *f = &v->funcs[func];

	c.frames++;
	for (uint32_t i = f->start; v->nfuncs > 1 && i < f->end; i++) {
		uint32_t callee;
		int err;

		if (v->ops[i] != ISA_CALL_LOCAL && v->ops[i] != ISA_LD_FUNC)
			continue;
		callee = graph_func_at(v, (int64_t)i + 1 + v->insns[i].imm);
		if (callee == UINT32_MAX ||
		    (v->funcs[callee].is_async && v->ops[i] != ISA_CALL_LOCAL))
			continue;
		v->at = i;
		err = deepest(v, callee, c);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Calls do not recurse more than the frames allow. */
HOT static int deepest(struct verifier *v, uint32_t func, struct chain c)
{
	struct func *f = &v->funcs[func];
	uint32_t own = (uint32_t)num_align(f->depth ? f->depth : 1, 16);

	if (func && f->has_tail_call && c.depth >= TAIL_CALL_STACK)
		return reject(
			v, &ERR_STACK_DEPTH,
			"tail_calls are not allowed when call stack of previous frames is %u bytes. Too large",
			c.depth);
	if (c.own && own >= OWN_STACK_MIN && !f->shares_stack) {
		f->own_stack = true;
	} else {
		f->shares_stack = true;
		c.depth += own;
	}
	if ((f->own_stack ? own : c.depth) > MAX_STACK)
		return f->own_stack ?
			       reject(v, &ERR_STACK_DEPTH,
				      "stack size of subprog %u is %u. Too large", func, own) :
			       reject(v, &ERR_STACK_DEPTH,
				      "combined stack size of %u calls is %u. Too large",
				      c.frames + 1, c.depth);
	if (c.frames >= ISA_MAX_FRAMES)
		return reject(v, &ERR_FRAMES, "the call stack of %u frames is too deep !",
			      c.frames);
	if (c.depth > v->stack_depth)
		v->stack_depth = c.depth;
	return callees(v, func, c);
}

void depth_loop(struct verifier *v, uint32_t callback, bool simple)
{
	struct loop_call *c = v->loop_calls;

	while (c && c->at != v->at)
		c = c->next;
	if (c) {
		c->in_line &= simple && c->callback == callback;
		return;
	}
	c = ARENA_NEW(&v->arena, struct loop_call);
	if (!c) {
		v->oom = true;
		return;
	}
	*c = (struct loop_call){ v->at, callback, simple, v->loop_calls };
	v->loop_calls = c;
}

/* What the kernel's code for may_goto and bpf_loop needs. It is not limited. */
static void add_rewrites(struct verifier *v)
{
	for (uint32_t i = 0; v->loop_calls && i < v->nfuncs; i++)
		for (const struct loop_call *c = v->loop_calls; c; c = c->next)
			if (c->in_line && func_at(v, c->at) == i) {
				v->funcs[i].depth =
					(uint32_t)num_align(v->funcs[i].depth, 8) + LOOP_STACK;
				break;
			}
	for (uint32_t i = 0; v->has[ISA_MAY_GOTO] && i < v->nfuncs; i++)
		for (uint32_t k = v->funcs[i].start; k < v->funcs[i].end; k++)
			if (v->ops[k] == ISA_MAY_GOTO) {
				v->funcs[i].depth += MAY_GOTO_STACK;
				break;
			}
}

int depth_check(struct verifier *v)
{
	bool own = own_stacks(v);
	int err = 0;

	drop_pairs(v);
	/* from the last on: what callbacks that run later share is known then */
	for (uint32_t i = v->nfuncs; err == 0 && i--;)
		if (!i || v->funcs[i].is_async)
			err = deepest(v, i, (struct chain){ .own = own && !v->funcs[i].is_async });
	if (err == 0)
		add_rewrites(v);
	return err;
}
