// SPDX-License-Identifier: Apache-2.0
/*
 * Runs: their start and end, callbacks and tail calls. Invariant: between runs run->depth is 0, and
 * the first run->dirty stack frames are all that a program may have written; they are cleared before
 * the next one starts.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "exec/internal.h"

int exec_run_init(struct exec_run *run, struct skep_error **reterr)
{
	memset(run, 0, sizeof(*run));
	run->stack = aligned_alloc(FRAME_STRIDE, STACK_BYTES);
	run->frames = calloc(ISA_MAX_FRAMES, sizeof(*run->frames));
	if (!run->stack || !run->frames) {
		exec_run_done(run);
		return skep_fail_nomem(reterr);
	}
	memset(run->stack, 0, STACK_BYTES);
	if (getrandom(&run->prandom, sizeof(run->prandom), GRND_NONBLOCK) < 0)
		run->prandom = (uint64_t)(uintptr_t)run->stack;
	exec_run_start(run, 0);
	return 0;
}

static void forget_event(struct exec_run *run)
{
	if (!run->event_free)
		return;
	run->event_free(run->event);
	run->event = NULL;
	run->event_free = NULL;
}

void exec_run_done(struct exec_run *run)
{
	free(run->stack);
	free(run->frames);
	skep_error_free(run->fault);
	forget_event(run);
	if (run->model_free)
		run->model_free(run->model);
	run->model = NULL;
	run->model_free = NULL;
	run->stack = NULL;
	run->frames = NULL;
	run->fault = NULL;
}

void exec_run_start(struct exec_run *run, uint64_t budget)
{
	skep_error_free(run->fault);
	run->fault = NULL;
	forget_event(run);
	run->budget_start = num_min(budget ? budget : EXEC_DEFAULT_BUDGET, INT64_MAX);
	run->budget = run->budget_start;
	run->nregions = 0;
	access_close(run);
	run->depth = 0;
	run->callback_depth = 0;
}

void exec_stop(struct exec_run *run, bool stop)
{
	__atomic_store_n(&run->stop, stop, __ATOMIC_RELAXED);
}

static int check_open_rings(struct exec_run *run)
{
	for (uint32_t i = 0; i < run->nregions; i++) {
		const struct exec_region *reg = &run->regions[i];

		if (reg->kind != REGION_RING)
			continue;
		trap(run, &ERR_RING_OPEN, "%llu bytes of '%s'", (unsigned long long)reg->size,
		     reg->name ? reg->name : "a ring");
		return skep_error_code(run->fault);
	}
	return 0;
}

void sample(const struct exec_prog *prog, struct exec_run *run)
{
	const struct exec_host *host = run->host;
	unsigned int wanted = prog->needs & ~run->sampled;

	if (wanted & NEED_CPU)
		run->cpu = host && host->cpu ? host->cpu(run->host_ctx) : 0;
	if (wanted & NEED_TASK)
		run->pid_tgid = host && host->pid_tgid ? host->pid_tgid(run->host_ctx) : 0;
	run->sampled |= wanted;
}

void exec_begin(const struct exec_prog *prog, struct exec_run *run, uint64_t ctx)
{
	for (uint32_t d = 0; d < run->dirty; d++)
		memset(run->stack + d * FRAME_STRIDE, 0, ISA_STACK_SIZE);
	run->dirty = prog->stack;
	run->max_depth = 0;
	run->depth = 0;
	run->tail_calls = 0;
	run->prog = prog;
	run->ctx = ctx;
	run->native = NULL;
	run->sampled = 0;
	run->thrown = false;
	if (prog->needs)
		sample(prog, run);
	access_forget(run);
}

static int check_locks(struct exec_run *run, int r)
{
	if (run->nheld && r == 0) {
		trap(run, &ERR_LOCK_HELD, "at 0x%llx", (unsigned long long)run->held[0]);
		r = skep_error_code(run->fault);
	}
	while (run->nheld)
		__atomic_store_n((uint32_t *)(uintptr_t)run->held[--run->nheld], 0,
				 __ATOMIC_RELEASE);
	return r;
}

/* What was thrown becomes the result; the program's handler runs in the first frame. */
static int catch_thrown(struct exec_run *run)
{
	const struct exec_prog *prog = run->prog;
	const uint64_t args[5] = { run->thrown_value };

	skep_error_free(run->fault);
	run->fault = NULL;
	run->depth = 0;
	run->callback_depth = 0;
	run->native = NULL;
	if (!prog->exception)
		return 0;
	memset(run->stack, 0, ISA_STACK_SIZE);
	return interp(run, &prog->ops[prog->exception - 1], args, &run->thrown_value);
}

int exec_end(struct exec_run *run, int r, struct skep_error **reterr)
{
	if (run->thrown)
		r = catch_thrown(run);
	if (r == 0)
		r = check_open_rings(run);
	r = check_locks(run, r);
	run->depth = 0;
	if (run->dirty && run->max_depth >= run->dirty)
		run->dirty = run->max_depth + 1;
	if (r == 0)
		return 0;
	if (reterr)
		*reterr = run->fault;
	else
		skep_error_free(run->fault);
	run->fault = NULL;
	return r;
}

int exec(const struct exec_prog *prog, struct exec_run *run, uint64_t ctx, uint64_t *ret_r0,
	 struct skep_error **reterr)
{
	const uint64_t args[5] = { ctx, run->ctx_len };
	uint64_t r0 = 0;
	int r;

	exec_begin(prog, run, ctx);
	r = exec_end(run, interp(run, prog->ops, args, &r0), reterr);
	if (r == 0)
		*ret_r0 = run->thrown ? run->thrown_value : r0;
	return r;
}

void exec_throw(struct exec_run *run, uint64_t value)
{
	if (run->fault)
		return;
	run->thrown = true;
	run->thrown_value = value;
	trap(run, &ERR_THROWN, "%llu", (unsigned long long)value);
}

int exec_async(const struct exec_prog *prog, struct exec_run *run, uint64_t func,
	       const uint64_t args[5], uint64_t *ret, struct skep_error **reterr)
{
	uint64_t r0 = 0;
	int r;

	exec_begin(prog, run, 0);
	run->dirty = 1;
	if (!func_is_valid(prog, func))
		trap(run, &ERR_ARG_FUNC, "the callback is 0x%llx", (unsigned long long)func);
	r = run->fault ? skep_error_code(run->fault) :
			 interp(run, (const struct exec_op *)(uintptr_t)func, args, &r0);
	r = exec_end(run, r, reterr);
	if (r == 0)
		*ret = run->thrown ? run->thrown_value : r0;
	return r;
}

const struct btf *exec_types(const struct exec_run *run)
{
	const struct exec_prog *prog = run->prog;

	return prog && prog->space_ops && prog->space_ops->types ?
		       prog->space_ops->types(prog->space) :
		       NULL;
}

const struct exec_custom *custom_find(struct exec_run *run, uint64_t id)
{
	const struct exec_prog *prog = run->prog;

	for (size_t i = 0; i < prog->ncustoms; i++)
		if (prog->customs[i].id == id)
			return &prog->customs[i];
	trap(run, &ERR_CALLX, "the register holds %llu", (unsigned long long)id);
	return NULL;
}

bool call_by_id(struct exec_run *run, uint64_t id, uint64_t *r)
{
	const struct exec_prog *prog = run->prog;
	struct exec_call call = { .row = id <= INT32_MAX ? spec_helper((int32_t)id) : NULL };

	if (!prog->ncustoms && call.row && id < prog->nhelpers && id != HELPER_tail_call)
		call.fn = prog->helpers[id];
	if (!call.fn) {
		call.custom = custom_find(run, id);
		if (!call.custom)
			return false;
		call.row = &prog->custom_rows[call.custom - prog->customs];
	}
	if (call.row->name && !call_check(run, &call, r))
		return false;
	if (call.fn)
		r[0] = call.fn(run, r[1], r[2], r[3], r[4], r[5]);
	else
		r[0] = call.custom->fn(custom_self(run), r[1], r[2], r[3], r[4], r[5]);
	return run->fault == NULL;
}

int64_t table_target(struct exec_run *run, uint32_t insn, uint64_t value)
{
	const struct exec_prog *prog = run->prog;
	uint64_t off = value - (uint64_t)(uintptr_t)prog->ops, to = off / sizeof(*prog->ops);

	if (off % sizeof(*prog->ops) == 0 && to < prog->n && prog->marks[to] & MARK_TABLE &&
	    prog->func[to] == prog->func[insn])
		return (int64_t)to;
	run->insn = insn;
	trap(run, &ERR_TABLE, "0x%llx", (unsigned long long)value);
	return -1;
}

bool func_is_valid(const struct exec_prog *prog, uint64_t func)
{
	uint64_t off = func - (uint64_t)(uintptr_t)prog->ops;

	return off % sizeof(prog->ops[0]) == 0 && off / sizeof(prog->ops[0]) < prog->n &&
	       prog->marks[off / sizeof(prog->ops[0])] & MARK_FUNC;
}

static uint32_t func_insn(const struct exec_prog *prog, uint64_t func)
{
	return (uint32_t)((const struct exec_op *)(uintptr_t)func - prog->ops);
}

static int interpret_callback(struct exec_run *run, uint64_t func, const uint64_t args[5],
			      uint64_t *ret)
{
	const struct exec_native *native = run->native;
	const uint32_t depth = run->depth, frame = run->shift + depth + 1;

	if (frame > run->max_depth)
		run->max_depth = frame;
	*ret = interpret_at(run, (const struct exec_op *)(uintptr_t)func, args, depth + 1);
	run->native = native;
	run->depth = depth;
	return run->fault ? skep_error_code(run->fault) : 0;
}

static bool is_compiled(const struct exec_run *run, uint64_t func)
{
	return run->native && run->native->prog == run->prog &&
	       run->native->has(run->native, func_insn(run->prog, func));
}

int exec_callback(struct exec_run *run, uint64_t func, const uint64_t args[5], uint64_t *ret)
{
	const struct exec_prog *prog = run->prog;
	/* compiled functions have their frames from the compiler, and run->depth is the highest of them */
	const bool valid = func_is_valid(prog, func), native = valid && is_compiled(run, func);
	const uint64_t above = native ? run->callback_depth : run->shift + run->depth;
	uint32_t insn = run->insn;
	int r;

	if (!valid)
		trap(run, &ERR_ARG_FUNC, "the callback is 0x%llx", (unsigned long long)func);
	else if (above + 1 >= ISA_MAX_FRAMES)
		trap(run, &ERR_DEPTH, "%u frames are in use", ISA_MAX_FRAMES);
	else if (__atomic_load_n(&run->stop, __ATOMIC_RELAXED))
		trap_stopped(run);
	if (run->fault)
		return skep_error_code(run->fault);
	run->callback_depth++;
	if (native) {
		*ret = run->native->call(run->native, run, func_insn(prog, func), args);
		r = run->fault ? skep_error_code(run->fault) : 0;
	} else {
		r = interpret_callback(run, func, args, ret);
	}
	if (r < 0)
		return r;
	run->callback_depth--;
	if (run->prog != prog)
		access_forget(run);
	run->prog = prog;
	run->insn = insn;
	return 0;
}

uint64_t exec_callx(struct exec_run *run, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
		    uint64_t a5)
{
	uint64_t r[6] = { 0, a1, a2, a3, a4, a5 };
	const uint64_t callee = run->checks.callee;

	if (!func_is_valid(run->prog, callee))
		return call_by_id(run, callee, r) ? r[0] : 0;
	return exec_callback(run, callee, &r[1], &r[0]) < 0 ? 0 : r[0];
}

const struct exec_prog *tail_target(struct exec_run *run, const uint64_t *r, uint64_t *ret_r0)
{
	const struct exec_prog *prog = run->prog, *next = NULL;
	const struct exec_map *map = exec_map_of(run, r[2]);

	if (!map || map->type != MAP_PROG_ARRAY) {
		trap(run, &ERR_ARG_MAP, "argument 2 of bpf_tail_call must be a prog array");
		return NULL;
	}
	if (run->tail_calls >= ISA_MAX_TAIL_CALLS) {
		*ret_r0 = (uint64_t)-ELOOP;
		return NULL;
	}
	if (prog->space_ops->tail)
		next = prog->space_ops->tail(prog->space, map->map, (uint32_t)r[3]);
	if (!next || next->prog_type != prog->prog_type) {
		*ret_r0 = (uint64_t)-ENOENT;
		return NULL;
	}
	run->tail_calls++;
	if (next->needs & ~run->sampled)
		sample(next, run);
	if (!run->dirty)
		run->dirty = next->stack;
	access_forget(run);
	return next;
}
