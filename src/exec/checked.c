// SPDX-License-Identifier: Apache-2.0
/*
 * What checked code does not decide inline. A window remembers the region where the accesses of one kind of pointer
 * last fell, so code comes here when a pointer wanders to another region, and to fault. Contexts that are
 * converted never get a window, and of the stack only the first frame does: it is always live. Faults are the
 * interpreter's; compiled functions then return 0, one after the other, since each looks at run->fault.
 */
#include <string.h>

#include "exec/internal.h"

static void open_window(struct exec_run *run, const struct exec_region *reg, uint32_t window)
{
	struct exec_window *w = &run->checks.windows[window];
	uint64_t first = (uint64_t)(uintptr_t)run->stack;

	if (reg->ctx || (reg->kind == REGION_STACK && reg->base != first))
		return;
	*w = (struct exec_window){ .base = reg->base,
				   .size = { reg->size, reg->writable ? reg->size : 0 } };
	for (int write = 0; write < 2; write++)
		for (uint32_t log = 0; log < 4; log++) {
			uint64_t size = w->size[write], n = 1ull << log;

			w->room[write][log] = size < n ? 0 : size - n + 1;
		}
	run->checks.open = true;
}

static bool permit(struct exec_run *run, uint64_t addr, uint64_t size, bool write, uint32_t window)
{
	struct exec_region reg;

	if (!access_find(run, addr, &reg) || reg.ctx || (write && !reg.writable) ||
	    !num_inside(addr - reg.base, size, reg.size))
		return false;
	open_window(run, &reg, window);
	return true;
}

/* May the function in the place's stack frame do the access? Else 0 and the interpreter's fault. */
uint64_t exec_check_access(struct exec_run *run, uint64_t addr, uint32_t place, uint32_t frame)
{
	uint32_t size = place >> EXEC_PLACE_BYTES & 0x1f;
	bool write = place & EXEC_PLACE_WRITE, atomic = place & EXEC_PLACE_ATOMIC;
	uint32_t depth = run->depth;

	(void)frame; /* of the function that the access was spliced into */
	run->depth = place >> EXEC_PLACE_FRAME & (ISA_MAX_FRAMES - 1);
	if (!(atomic && addr % size) &&
	    permit(run, addr, size, write, place >> EXEC_PLACE_WINDOW)) {
		run->depth = depth;
		return 1;
	}
	run->insn = place & EXEC_PLACE_INSN;
	if (!atomic)
		trap_access(run, write ? "write" : "read", addr, size);
	else if (access_atomic(run, addr, size, write))
		trap_access(run, "atomic access", addr, size);
	run->depth = depth;
	return 0;
}

/* Are place & (EXEC_PLACE_WRITE - 1) bytes at @addr inside one region? Else 0, and no fault. */
uint64_t exec_check_range(struct exec_run *run, uint64_t addr, uint32_t place, uint32_t frame)
{
	uint32_t depth = run->depth;
	bool good;

	run->depth = frame;
	good = permit(run, addr, place & (EXEC_PLACE_WRITE - 1), place & EXEC_PLACE_WRITE,
		      place >> EXEC_PLACE_WINDOW);
	run->depth = depth;
	return good;
}

uint64_t exec_context_load(struct exec_run *run, uint64_t addr, uint32_t place, uint32_t frame)
{
	uint32_t depth = run->depth;
	uint64_t value = 0;

	run->depth = frame;
	run->insn = place & EXEC_PLACE_INSN;
	if (!access_load(run, addr, place >> EXEC_PLACE_BYTES & 0xff, &value))
		value = 0;
	run->depth = depth;
	return value;
}

uint64_t exec_context_store(struct exec_run *run, uint64_t addr, uint32_t place, uint32_t frame,
			    uint64_t value)
{
	uint32_t depth = run->depth;

	run->depth = frame;
	run->insn = place & EXEC_PLACE_INSN;
	access_store(run, addr, place >> EXEC_PLACE_BYTES & 0xff, value);
	run->depth = depth;
	return 0;
}

bool exec_context_is(const struct exec_run *run, uint64_t addr, const struct spec_ctx *ctx)
{
	for (uint32_t i = 0; i < run->nregions; i++) {
		const struct exec_region *reg = &run->regions[i];

		if (addr - reg->base < reg->size)
			return reg->base == addr && reg->ctx == ctx && ctx->size <= reg->size &&
			       reg->backing && reg->backing == run->ctx_backing;
	}
	return false;
}

/* A piece came to @left, below 0: 1 + what is left with the next ones; 0: none, or stopped, and the fault is set. */
uint64_t exec_check_budget(struct exec_run *run, uint64_t left, uint32_t place, uint32_t frame)
{
	(void)frame;
	while ((int64_t)left < 0) {
		uint64_t piece = num_min(run->budget, EXEC_PIECE);

		run->insn = place & EXEC_PLACE_INSN;
		if (__atomic_load_n(&run->stop, __ATOMIC_RELAXED)) {
			trap_stopped(run);
			return 0;
		}
		if (!piece) {
			trap_budget(run);
			return 0;
		}
		run->budget -= piece;
		left += piece;
	}
	return left + 1;
}

static bool checked(struct exec_run *run, const struct exec_call **ret, const uint64_t r[6])
{
	const struct exec_prog *prog = run->prog;

	*ret = &prog->calls[prog->ops[run->insn].imm];
	return !(*ret)->row || call_check(run, *ret, r);
}

/* The helper call at run->insn. */
uint64_t exec_checked_call(struct exec_run *run, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			   uint64_t a5)
{
	const uint64_t r[6] = { 0, a1, a2, a3, a4, a5 };
	const struct exec_call *call;

	if (!checked(run, &call, r))
		return 0;
	if (call->custom)
		return call->custom->fn(custom_self(run), a1, a2, a3, a4, a5);
	return call->fn(run, a1, a2, a3, a4, a5);
}

/* What an indirect jump takes, if a jump table of its function says so; else the fault is set. */
uint64_t exec_checked_table(struct exec_run *run, uint64_t insn, uint64_t value)
{
	return table_target(run, (uint32_t)insn, value) < 0 ? 0 : value;
}

struct exec_pair exec_checked_tail(struct exec_run *run, uint64_t ctx, uint64_t map, uint64_t index,
				   uint64_t frame)
{
	const uint64_t r[6] = { 0, ctx, map, index, 0, 0 };
	const struct exec_call *call;

	if (!checked(run, &call, r))
		return (struct exec_pair){ 0 };
	return exec_tail(run, ctx, map, index, frame);
}

/* Runs the program, of which nothing was done yet, in the interpreter, which counts its instructions. */
uint64_t exec_interpret(struct exec_run *run, uint64_t r1, uint64_t r2)
{
	const uint64_t args[5] = { r1, r2 };
	const struct exec_native *native = run->native;
	const uint32_t depth = run->depth;
	uint64_t r0 = interpret_at(run, run->prog->ops, args, 0);

	run->native = native;
	run->depth = depth;
	return r0;
}
