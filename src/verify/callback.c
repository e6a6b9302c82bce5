// SPDX-License-Identifier: Apache-2.0
/*
 * Callbacks of helpers. One that runs before the helper returns is walked in a frame of its own, from any number of rounds before it
 * (the call instruction is met again after each); one that runs later starts with nothing of the caller.
 */
#include "verify/depth.h"
#include "verify/kcall.h"

static void context(struct reg *r, const struct reg *from)
{
	*r = *from;
}

static void element(struct verifier *v, struct frame *f, unsigned int regno, enum reg_type type,
		    const struct verify_map *map)
{
	(void)v;
	reg_pointer(&f->regs[regno], type, 0);
	f->regs[regno].map = map;
}

/* What runs later gets the map, the key and the value that it was set up in. */
static void later(struct verifier *v, struct frame *callee, const struct verify_map *map,
		  struct range ret)
{
	reg_pointer(&callee->regs[1], T_MAP_PTR, 0);
	callee->regs[1].map = map;
	element(v, callee, 2, T_MAP_KEY, map);
	element(v, callee, 3, T_MAP_VALUE, map);
	callee->in_async = true;
	callee->callback_ret = ret;
	callee->async_entry = ++v->async_entries;
}

static int enter_kfunc(struct verifier *v, const struct kcall *k, struct frame *callee)
{
	bool task = strncmp(k->name, "bpf_task_work_", 14) == 0;

	if (kfunc_is(k, "bpf_rbtree_add_impl"))
		graph_less_arguments(v, k, callee);
	else if (k->work)
		later(v, callee, k->work->map,
		      task ? (struct range){ INT32_MIN, INT32_MAX } : (struct range){ 0, 0 });
	else
		return reject(v, &ERR_UNSERVED, "callbacks of kernel function %s are not known",
			      k->name);
	return 0;
}

/* Registers of the callback, by who calls it. */
static int enter(struct verifier *v, const struct call *c, struct frame *callee,
		 const struct frame *caller)
{
	uint32_t id;

	for (unsigned int i = 0; i <= 5; i++)
		reg_clear(&callee->regs[i]);
	callee->callback_ret = (struct range){ 0, 1 };
	if (c->kfunc)
		return enter_kfunc(v, c->kfunc, callee);
	switch (c->proto->id) {
	case HELPER_loop:
		reg_unknown(&callee->regs[1]);
		context(&callee->regs[2], &caller->regs[3]);
		return 0;
	case HELPER_for_each_map_elem:
		reg_pointer(&callee->regs[1], T_MAP_PTR, 0);
		callee->regs[1].map = c->map;
		element(v, callee, 2, T_MAP_KEY, c->map);
		element(v, callee, 3, T_MAP_VALUE, c->map);
		callee->regs[3].uid = c->map_reg.uid;
		if (c->map)
			callee->regs[3].id = next_id(v);
		context(&callee->regs[4], &caller->regs[3]);
		return 0;
	case HELPER_timer_set_callback:
		later(v, callee, caller->regs[1].map, (struct range){ 0, 0 });
		return 0;
	case HELPER_find_vma:
		context(&callee->regs[1], &caller->regs[1]);
		id = v->o->kernel_btf ?
			     btf_find(v->o->kernel_btf, "vm_area_struct", BTF_STRUCT, 0) :
			     0;
		if (!id)
			return reject(v, &ERR_UNSERVED,
				      "no kernel types: struct vm_area_struct is not known");
		reg_pointer(&callee->regs[2], T_BTF, F_TRUSTED);
		callee->regs[2].btf = v->o->kernel_btf;
		callee->regs[2].btf_id = id;
		context(&callee->regs[3], &caller->regs[4]);
		return 0;
	case HELPER_user_ringbuf_drain:
		reg_pointer(&callee->regs[1], T_DYNPTR, 0);
		callee->regs[1].dynptr = DYNPTR_LOCAL;
		callee->regs[1].id = next_id(v);
		context(&callee->regs[2], &caller->regs[3]);
		return 0;
	default:
		return reject(v, &ERR_UNSERVED, "callbacks of helper %s are not known",
			      c->proto->name);
	}
}

/* A path of its own, from nothing: it does not come back to the call. */
static int asynchronous(struct verifier *v, struct call *c, bool sleepable)
{
	struct state *st = push_branch(v, v->funcs[c->func].start, v->at);
	struct frame *caller, *f;
	int err;

	if (!st)
		return v->oom ? -ENOMEM : -E2BIG;
	v->funcs[c->func].is_async = true;
	caller = frame_of(v->st);
	f = frame_new(v, c->func, v->at);
	f->inst = live_instance(v, UINT32_MAX, v->at, c->func);
	reg_pointer(&f->regs[FP], T_STACK, 0);
	err = enter(v, c, f, caller);
	for (uint32_t i = 0; i <= st->cur; i++) {
		frame_unref(v, st->frames[i]);
		st->frames[i] = NULL;
	}
	st->cur = 0;
	st->frames[0] = f;
	st->nrefs = 0;
	st->locks = st->rcu = st->preempt = st->active_irq = 0;
	st->active_lock_id = 0;
	st->active_lock_ptr = NULL;
	st->sleepable = sleepable;
	st->nsteps = 0;
	st->first_insn = v->funcs[c->func].start;
	if (st->parent)
		st->parent->branches--;
	st->parent = NULL;
	return err;
}

int callback_call(struct verifier *v, struct call *c)
{
	struct frame *caller = frame_of(v->st), *callee;
	struct state *st;

	v->funcs[c->func].is_callback = true;
	if (c->kfunc && c->kfunc->work)
		return asynchronous(v, c, true);
	if (c->proto->id == HELPER_timer_set_callback)
		return asynchronous(v, c, false);
	if (v->funcs[c->func].global)
		return reject(v, &ERR_CALLBACK, "function of a callback must be static");
	if (v->st->cur + 1 >= ISA_MAX_FRAMES)
		return reject(v, &ERR_FRAMES, "the call stack of %u frames is too deep",
			      v->st->cur + 2);
	if (c->proto->id == HELPER_loop) {
		uint64_t rounds = reg_at(v, 1)->s.umax;
		bool simple = reg_is_null(reg_at(v, 4));

		if (simple)
			precise_reg(v, 4);
		depth_loop(v, c->func, simple);
		precise_reg(v, 1);
		if (caller->callback_depth >= rounds) {
			caller->callback_depth = 0;
			return 0;
		}
	}
	st = push_branch(v, v->funcs[c->func].start, v->at);
	if (!st)
		return -E2BIG;
	frame_own(v, st, st->cur)->callback_depth++;
	callee = call_enter(v, st, c->func);
	callee->in_callback = true;
	st->callback_depth++;
	frame_of(v->st)->callback_depth = 0;
	return enter(v, c, callee, st->frames[st->cur - 1]);
}
