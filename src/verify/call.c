// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of the program's own functions, and returns. A static function is walked in the caller's context, a frame more; a global one
 * is checked once against its contract, so a call only checks the arguments. A callback is walked from the helper that takes
 * it, any number of times: it returns to the call instruction, which is then met again.
 */
#include "verify/contract.h"
#include "verify/old_kernel.h"
#include "verify/helpers.h"

void clobber_caller_regs(struct verifier *v)
{
	struct frame *f = frame_own(v, v->st, v->st->cur);

	for (unsigned int i = 0; i <= 5; i++) {
		reg_clear(&f->regs[i]);
		touch_reg(v, v->st->cur, i);
	}
}

static int too_deep(struct verifier *v)
{
	if (v->st->cur + 1 < ISA_MAX_FRAMES)
		return 0;
	return reject(v, &ERR_FRAMES, "the call stack of %u frames is too deep", v->st->cur + 2);
}

/* A frame more, for @func, in @st; its registers are those of the caller that it may see. */
struct frame *call_enter(struct verifier *v, struct state *st, uint32_t func)
{
	struct frame *callee = frame_new(v, func, v->at), *caller = st->frames[st->cur];

	if (v->oom)
		return callee;
	for (unsigned int i = 1; i <= 5; i++)
		callee->regs[i] = caller->regs[i];
	reg_pointer(&callee->regs[FP], T_STACK, 0);
	callee->regs[FP].frame = st->cur + 1;
	callee->inst = live_instance(v, caller->inst, v->at, func);
	live_write(v, caller->inst, v->at, 0);
	st->frames[++st->cur] = callee;
	v->printed_regs[st->cur] = 0;
	v->printed_slots[st->cur] = 0;
	return callee;
}

static int call_global(struct verifier *v, uint32_t func)
{
	const struct func *f = &v->funcs[func];
	int err = contract_call(v, func);

	if (err < 0) {
		if ((err == -EINVAL || err == -EACCES) && !v->has_obstacle)
			err = reject(v, &ERR_CALL_ARGS,
				     "Caller passes invalid args into func#%u ('%s')", func,
				     f->name ? f->name : "");
		return err;
	}
	if (v->st->locks)
		return reject(
			v, &ERR_CONTEXT,
			"global function calls are not allowed while holding a lock,\nuse static function instead");
	if (f->might_sleep &&
	    (v->st->rcu || v->st->preempt || v->st->active_irq || !v->st->sleepable))
		return reject(
			v, &ERR_CONTEXT,
			"global functions that may sleep are not allowed in non-sleepable context,\ni.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable program context");
	say(v, "Func#%u ('%s') is global and assumed valid.\n", func, f->name ? f->name : "");
	if (f->changes_data)
		invalidate_packets(v);
	v->funcs[func].called = true;
	clobber_caller_regs(v);
	live_write(v, frame_of(v->st)->inst, v->at, 0);
	if (!f->ret_void)
		reg_unknown(reg_at(v, 0));
	return 0;
}

int call_local(struct verifier *v)
{
	uint32_t func = graph_func_at(v, (int64_t)v->at + 1 + v->insns[v->at].imm);
	int err;

	if (func == UINT32_MAX)
		return reject(v, &ERR_BUG, "no function starts at the target");
	if (v->funcs[func].is_exception)
		return reject(v, &ERR_CALL_ARGS, "cannot call exception cb directly");
	if (v->funcs[func].global)
		return call_global(v, func);
	err = too_deep(v);
	if (err == 0 && v->st->locks)
		err = profile_feature(v, FEATURE_LOCKED_CALLS);
	if (err < 0)
		return err;
	v->funcs[func].is_static_called = true;
	frame_own(v, v->st, v->st->cur);
	call_enter(v, v->st, func);
	for (unsigned int i = 0; i <= 5; i++)
		reg_clear(&v->st->frames[v->st->cur - 1]->regs[i]);
	v->next = v->funcs[func].start;
	if (logging(v)) {
		say(v, "caller:\n");
		log_state(v, v->st, v->st->cur - 1, true);
		say(v, "callee:\n");
		log_state(v, v->st, v->st->cur, true);
		v->log_from = true;
	}
	return 0;
}

static int callback_result(struct verifier *v, const struct frame *callee)
{
	const struct reg *r0 = &callee->regs[0];
	const struct range *range = &callee->callback_ret;
	int err;

	if (r0->type != T_SCALAR)
		return reject(v, &ERR_RETURN, "R0 not a scalar value");
	err = precise_reg(v, 0);
	if (err < 0)
		return err;
	if (r0->s.smin >= range->min && r0->s.smax <= range->max)
		return 0;
	return out_of_range(v, "At callback return the register R0", r0, *range);
}

int call_return(struct verifier *v)
{
	struct state *st = v->st;
	struct frame *callee = frame_own(v, st, st->cur), *caller;
	bool in_callback = callee->in_callback;
	uint32_t site = callee->callsite;
	int err = 0;

	if (st->locks && profile_feature(v, FEATURE_LOCKED_CALLS) < 0)
		return -ERR_KERNEL.code;
	if (callee->regs[0].type == T_STACK)
		return reject(v, &ERR_RETURN, "cannot return stack pointer to the caller");
	if (in_callback) {
		err = callback_result(v, callee);
		if (err < 0)
			return err;
	}
	caller = frame_own(v, st, st->cur - 1);
	if (!in_callback) {
		caller->regs[0] = callee->regs[0];
		for (unsigned int i = 1; i <= 5; i++)
			reg_clear(&caller->regs[i]);
	}
	if (logging(v)) {
		say(v, "returning from callee:\n");
		log_state(v, st, st->cur, true);
		say(v, "to caller at %u:\n", in_callback ? site : site + 1);
		log_state(v, st, st->cur - 1, true);
	}
	v->next = in_callback ? site : site + 1;
	st->frames[st->cur] = NULL;
	st->cur--;
	frame_unref(v, callee);
	if (in_callback)
		widen_round(v, st, site);
	v->popped = true;
	return 0;
}

int do_call(struct verifier *v)
{
	enum isa_op op = v->ops[v->at];

	live_write(v, frame_of(v->st)->inst, v->at, 0);
	if (op == ISA_CALL_LOCAL)
		return call_local(v);
	if (op == ISA_CALL_KFUNC)
		return call_kfunc(v);
	return call_helper(v);
}

HOT int do_exit(struct verifier *v, bool *ret_returned)
{
	bool inner = v->st->cur > 0;
	int err = resource_leak(v, "BPF_EXIT instruction in main prog", inner);

	*ret_returned = false;
	if (err < 0)
		return err;
	if (inner)
		return call_return(v);
	*ret_returned = true;
	return check_return(v, "At program exit the register R0");
}

/* Legacy packet loads ----------------------------------------------------------------------------- */

/* What is outside the packet ends the function, which then gives 0. */
static int early_end(struct verifier *v)
{
	const struct frame *f = frame_of(v->st);
	struct frame *caller, *callee;
	struct state *st;

	if (f->in_callback)
		return 0;
	st = push_branch(v, f->callsite + 1, v->at);
	if (!st)
		return -E2BIG;
	callee = st->frames[st->cur];
	st->frames[st->cur--] = NULL;
	frame_unref(v, callee);
	caller = frame_own(v, st, st->cur);
	for (unsigned int i = 1; i <= 5; i++)
		reg_clear(&caller->regs[i]);
	reg_const(&caller->regs[0], 0);
	return 0;
}

int do_packet_load(struct verifier *v)
{
	const struct skep_insn *in = &v->insns[v->at];
	int type = v->o->prog_type, err;

	if (type != PROG_SOCKET_FILTER && type != PROG_SCHED_CLS && type != PROG_SCHED_ACT)
		return reject(v, &ERR_INSN,
			      "BPF_LD_[ABS|IND] instructions not allowed for this program type");
	err = use_reg(v, 6);
	if (err == 0)
		err = resource_leak(v, "BPF_LD_[ABS|IND]", false);
	if (err < 0)
		return err;
	if (reg_at(v, 6)->type != T_CTX)
		return reject(v, &ERR_ARGUMENT,
			      "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
	if (in->code >> 5 == 2)
		err = use_reg(v, insn_src(in));
	if (err == 0)
		err = mem_fixed(v, 6, false);
	if (err < 0)
		return err;
	if (v->st->cur) {
		err = early_end(v);
		if (err < 0)
			return err;
	}
	clobber_caller_regs(v);
	reg_unknown(reg_at(v, 0));
	return 0;
}
