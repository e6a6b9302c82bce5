// SPDX-License-Identifier: Apache-2.0
/*
 * What compiled code needs of exec: the decoded program to read, and the instructions whose meaning stays here
 * (packet loads, tail calls). A tail call runs the other program to its end and returns its result, for
 * the caller to return: nothing of the caller runs after it, as if it had been replaced.
 */
#include <string.h>

#include "exec/internal.h"

uint32_t exec_view_count(const struct exec_prog *prog)
{
	return prog->n;
}

bool exec_view_scrubs(const struct exec_prog *prog)
{
	return prog->scrub;
}

int exec_view_type(const struct exec_prog *prog)
{
	return prog->prog_type;
}

struct skep_place exec_view_place(const struct exec_prog *prog, uint32_t insn)
{
	return trap_place(prog, insn);
}

void *exec_view_custom_ctx(const struct exec_prog *prog)
{
	return prog->custom_ctx;
}

static const struct exec_call no_call;

/* What is no instruction of the set. */
static void view_extra(const struct exec_prog *prog, const struct exec_op *op,
		       struct exec_view *ret)
{
	ret->op = ISA_INVALID;
	if (op->code == OP_PROBE) {
		ret->op = (uint8_t)op->imm;
		ret->probe = true;
	}
	if (op->code < OP_HELPER || op->code > OP_TAIL_CALL)
		return;
	ret->op = ISA_CALL_HELPER;
	ret->tail_call = op->code == OP_TAIL_CALL;
	ret->call = &prog->calls[op->imm];
}

uint32_t exec_view_read(const struct exec_prog *prog, struct exec_view *ret)
{
	const struct exec_op *op = prog->ops;
	uint32_t functions = 0, n = prog->n;

	for (uint32_t i = 0; i < n; i++, op++, ret++) {
		uint8_t marks = prog->marks[i];

		functions += marks / MARK_FUNC & 1;
		*ret = (struct exec_view){ .op = (uint8_t)op->code,
					   .dst = op->dst,
					   .src = op->src,
					   .filler = marks & 1,
					   .func = marks >> 1 & 1,
					   .target = marks >> 2 & 1,
					   .reached = marks >> 3 & 1,
					   .in_table = marks >> 4 & 1,
					   .tail_call = false,
					   .probe = false,
					   .off = op->off,
					   .imm = op->imm,
					   .call = &no_call };
		if (op->code >= ISA_COUNT)
			view_extra(prog, op, ret);
	}
	return functions;
}
_Static_assert(MARK_FILLER == 1 && MARK_FUNC == 2 && MARK_JUMP == 4 && MARK_REACHED == 8 &&
		       MARK_TABLE == 16,
	       "as exec_view_read() shifts them");

const struct exec_map *exec_view_map(const struct exec_prog *prog, uint64_t addr)
{
	if (!addr || !prog->space_ops || !prog->space_ops->map)
		return NULL;
	return prog->space_ops->map(prog->space, addr);
}

bool exec_view_form(const struct exec_prog *prog, uint64_t addr, struct map_form *ret)
{
	if (!prog->space_ops || !prog->space_ops->form ||
	    !prog->space_ops->form(prog->space, addr, ret))
		return false;
	/* the CPU is sampled for per-CPU maps that the program names in its instructions */
	return !(ret->cpus || ret->lookup.cpu || ret->update.cpu) || prog->needs & NEED_CPU;
}

bool exec_view_constant(const struct exec_prog *prog, enum isa_op op, uint64_t addr, uint64_t *ret)
{
	return load_constant(prog, op, addr, ret);
}

uint64_t exec_view_table_value(const struct exec_prog *prog, uint32_t insn)
{
	return (uintptr_t)&prog->ops[insn];
}

uint64_t exec_view_kin(const struct exec_prog *prog)
{
	if (!prog->space)
		return 0;
	return (uint64_t)(uintptr_t)prog->space << 8 ^ (uint8_t)prog->prog_type ^
	       (uint64_t)prog->needs << 60;
}

struct exec_pair exec_packet(struct exec_run *run, uint64_t off, uint64_t size)
{
	struct exec_pair ret = { 0 };

	ret.ok = access_packet(run, (int32_t)off, (uint32_t)size, &ret.value);
	if (!ret.ok)
		ret.value = 0;
	return ret;
}

static void shift(struct exec_run *run, uint32_t frames)
{
	run->stack += frames * FRAME_STRIDE;
	run->shift += frames;
}

static void shift_back(struct exec_run *run, uint32_t frames)
{
	run->stack -= frames * FRAME_STRIDE;
	run->shift -= frames;
}

/* Interprets on the stack from @frame on; 0 after a fault. The interpreter counts frames from the first one. */
uint64_t interpret_at(struct exec_run *run, const struct exec_op *entry, const uint64_t args[5],
		      uint32_t frame)
{
	const uint32_t before = run->shift;
	uint64_t r0 = 0;
	int r;

	run->native = NULL;
	run->depth = before + frame;
	shift_back(run, before);
	r = interp(run, entry, args, &r0);
	shift(run, before);
	return r < 0 ? 0 : r0;
}

/* Compiled code of @next, if the stack from @frame on is enough for it. */
static const struct exec_native *native_of(const struct exec_run *run, const struct exec_prog *next,
					   uint32_t frame)
{
	const struct exec_space_ops *ops = run->prog->space_ops;
	const struct exec_native *native = ops->native ? ops->native(run->prog->space, next) : NULL;

	frame += run->shift;
	if (!native || frame + native->frames > ISA_MAX_FRAMES || (frame && native->jumps))
		return NULL;
	return native;
}

/* Runs @next on the stack from @frame on. */
static uint64_t run_next(struct exec_run *run, const struct exec_prog *next, uint64_t ctx,
			 uint32_t frame)
{
	const struct exec_native *native = native_of(run, next, frame);
	const uint64_t args[5] = { ctx, run->ctx_len };
	uint64_t r0;

	run->prog = next;
	memset(run->stack + frame * FRAME_STRIDE, 0, ISA_STACK_SIZE);
	if (!native)
		return interpret_at(run, next->ops, args, frame);
	run->native = native;
	run->depth = native->frames ? native->frames - 1 : 0;
	shift(run, frame);
	r0 = native->call(native, run, 0, args);
	shift_back(run, frame);
	return r0;
}

struct exec_pair exec_tail(struct exec_run *run, uint64_t ctx, uint64_t map, uint64_t index,
			   uint64_t frame)
{
	const uint64_t r[6] = { 0, ctx, map, index };
	const struct exec_prog *prog = run->prog;
	const struct exec_native *native = run->native;
	const uint32_t depth = run->depth;
	struct exec_pair ret = { 0 };
	const struct exec_prog *next = tail_target(run, r, &ret.value);

	if (!next)
		return ret;
	run->dirty = ISA_MAX_FRAMES;
	ret.value = run_next(run, next, ctx, (uint32_t)frame);
	ret.ok = true;
	run->depth = depth;
	run->prog = prog;
	run->native = native;
	access_forget(run);
	return ret;
}

static uint64_t call_entry(struct exec_run *run, uint64_t r1, uint64_t r2)
{
	const uint64_t args[5] = { r1, r2 };

	return run->native->call(run->native, run, 0, args);
}

struct exec_pair exec_tail_code(struct exec_run *run, uint64_t ctx, uint64_t map, uint64_t index)
{
	const uint64_t r[6] = { 0, ctx, map, index };
	struct exec_pair ret = { 0 };
	const struct exec_prog *next = tail_target(run, r, &ret.value);
	const struct exec_native *native;

	if (!next)
		return ret;
	native = native_of(run, next, 0);
	run->prog = next;
	run->native = native;
	if (!native || native->dirty) {
		memset(run->stack, 0, ISA_STACK_SIZE);
		run->dirty = ISA_MAX_FRAMES;
	}
	run->depth = native && native->frames ? native->frames - 1 : 0;
	if (!native)
		ret.ok = (uintptr_t)exec_interpret;
	else
		ret.ok = native->entry ? native->entry : (uintptr_t)call_entry;
	return ret;
}

struct exec_pair exec_tail_quick(struct exec_run *run, uint64_t ctx, uint64_t map, uint64_t index,
				 uint64_t slots, uint64_t shape)
{
	const uint64_t at = slots + (uint32_t)index * (shape >> 32 & 0xffff);
	const struct exec_prog *prog = run->prog, *next;
	const struct exec_native *native;
	uint64_t object;

	if ((uint32_t)index >= (uint32_t)shape || run->tail_calls >= ISA_MAX_TAIL_CALLS ||
	    run->shift)
		return exec_tail_code(run, ctx, map, index);
	object = __atomic_load_n((const uint64_t *)(uintptr_t)at, __ATOMIC_ACQUIRE);
	if (!object)
		return (struct exec_pair){ .value = (uint64_t)-ENOENT };
	native = *(const struct exec_native *const *)(uintptr_t)(object + (shape >> 48));
	if (!native || !native->entry || native->dirty)
		return exec_tail_code(run, ctx, map, index);
	next = native->prog;
	if (next->space != prog->space || next->prog_type != prog->prog_type ||
	    next->needs & ~run->sampled)
		return exec_tail_code(run, ctx, map, index);
	run->tail_calls++;
	run->prog = next;
	run->native = native;
	run->depth = native->frames ? native->frames - 1 : 0;
	return (struct exec_pair){ .ok = native->entry };
}
