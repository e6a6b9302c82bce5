// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatch loop. Labels are made from isa.def, so an instruction without a handler does not
 * compile; what computing and comparing ones mean is in isa/alu.h. Dispatch is by computed goto, each
 * handler with its own indirect jump; so here, and only here, macros contain a goto.
 *
 * Invariants: `op` points into run->prog; run->depth and `limit` belong to the frame in r10;
 * instructions are charged to the budget block by block, [start, op] at each transfer of control, so
 * a run ends at the first block end where it has used more than its budget. The loop takes the budget
 * in pieces (`left`; the rest is run->budget), and looks for a stop before it takes the next. exec_prog_new()
 * has proved that control stays inside the function.
 */
#include "base/bytes.h"
#include "exec/internal.h"
#include "isa/alu.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define PIECE 1000000

static inline int64_t take(struct exec_run *run)
{
	uint64_t n = run->budget < PIECE ? run->budget : PIECE;

	run->budget -= n;
	return (int64_t)n;
}

/* Returns what is left of a piece, or charges what was used beyond it; false: there is not so much. */
static inline bool give_back(struct exec_run *run, int64_t left)
{
	bool good = left >= 0 || (uint64_t)-left <= run->budget;

	run->budget = good ? run->budget + (uint64_t)left : 0;
	return good;
}

static inline bool stopped(const struct exec_run *run)
{
	return __atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}

/* Is [addr, addr + size) inside one live frame, or where the last accesses were? */
static inline __attribute__((always_inline)) bool quick(const struct exec_run *run, uint64_t stack,
							uint64_t limit, uint64_t addr,
							uint32_t size, bool write)
{
	uint64_t off = addr - stack;

	if (off < limit)
		return (off & (FRAME_STRIDE - 1)) <= ISA_STACK_SIZE - size;
	for (unsigned int i = 0; i < ARRAY_SIZE(run->near); i++) {
		const struct exec_near *near = &run->near[i];

		off = addr - near->base;
		if (off < near->size && off + size <= near->size && (!write || near->writable))
			return true;
	}
	return false;
}

static inline void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

#define GO goto *go[op->code]
#define NEXT  \
	op++; \
	GO
#define DST (r[op->dst])
#define SRC (r[op->src])
#define ADDR_DST (DST + (uint64_t)(int64_t)op->off)
#define ADDR_SRC (SRC + (uint64_t)(int64_t)op->off)

/* Charges the block that ends with op, and goes on at `to`. */
#define TRANSFER(to)             \
	left -= op + 1 - start;  \
	op = start = (to);       \
	if (UNLIKELY(left < 0))  \
		goto next_piece; \
	GO

#define ALU(OP, fn)                                        \
	L_##OP##64_IMM : DST = alu_##fn##64(DST, op->imm); \
	NEXT;                                              \
	L_##OP##64_REG : DST = alu_##fn##64(DST, SRC);     \
	NEXT;                                              \
	L_##OP##32_IMM : DST = alu_##fn##32(DST, op->imm); \
	NEXT;                                              \
	L_##OP##32_REG : DST = alu_##fn##32(DST, SRC);     \
	NEXT;

#define UNARY(OP, fn)                 \
	L_##OP : DST = alu_##fn(DST); \
	NEXT;

#define MOVSX(OP, fn)                 \
	L_##OP : DST = alu_##fn(SRC); \
	NEXT;

#define BRANCH_IF(cond)                     \
	if (cond) {                         \
		TRANSFER(op + 1 + op->off); \
	}                                   \
	NEXT;

#define BRANCH(OP, fn)                                                        \
	L_##OP##64_IMM : BRANCH_IF(alu_##fn##64(DST, op->imm)) L_##OP##64_REG \
		: BRANCH_IF(alu_##fn##64(DST, SRC)) L_##OP##32_IMM            \
		: BRANCH_IF(alu_##fn##32(DST, op->imm)) L_##OP##32_REG        \
		: BRANCH_IF(alu_##fn##32(DST, SRC))

#define LOAD_AS(addr, bits, cast)                                                     \
	if (quick(run, stack, limit, addr, (bits) / 8, false)) {                      \
		uint##bits##_t loaded;                                                \
		memcpy(&loaded, pointer(addr), sizeof(loaded));                       \
		DST = (uint64_t)(cast)loaded;                                         \
	} else {                                                                      \
		run->insn = (uint32_t)(op - run->prog->ops);                          \
		if (!access_load(run, addr, (bits) / 8, &value))                      \
			goto faulted;                                                 \
		DST = (uint64_t)(cast)value; /* a packet pointer keeps its 64 bits */ \
	}                                                                             \
	NEXT;

#define STORE_AS(addr, bits, what)                                                \
	if (quick(run, stack, limit, addr, (bits) / 8, true)) {                   \
		uint##bits##_t stored = (uint##bits##_t)(what);                   \
		memcpy(pointer(addr), &stored, sizeof(stored));                   \
	} else {                                                                  \
		run->insn = (uint32_t)(op - run->prog->ops);                      \
		if (!access_store(run, addr, (bits) / 8, (uint##bits##_t)(what))) \
			goto faulted;                                             \
	}                                                                         \
	NEXT;

/* Sets `mem` to the checked, aligned memory of an atomic access. */
#define ATOMIC_AT(addr, bits, write)                                        \
	mem = pointer(addr);                                                \
	if (UNLIKELY((addr) % ((bits) / 8) ||                               \
		     !quick(run, stack, limit, addr, (bits) / 8, write))) { \
		run->insn = (uint32_t)(op - run->prog->ops);                \
		mem = access_atomic(run, addr, (bits) / 8, write);          \
		if (!mem)                                                   \
			goto faulted;                                       \
	}

#define SIZED(OP, bits)                                                                           \
	L_LDX_##OP : LOAD_AS(ADDR_SRC, bits, uint64_t) L_ST_##OP                                  \
		: STORE_AS(ADDR_DST, bits, op->imm) L_STX_##OP : STORE_AS(ADDR_DST, bits, SRC)    \
									 L_LOAD_ACQ_##OP          \
		: ATOMIC_AT(ADDR_SRC, bits, false)                                                \
			  DST = __atomic_load_n((uint##bits##_t *)mem, __ATOMIC_ACQUIRE);         \
	NEXT;                                                                                     \
	L_STORE_REL_##OP : ATOMIC_AT(ADDR_DST, bits, true) __atomic_store_n(                      \
				   (uint##bits##_t *)mem, (uint##bits##_t)SRC, __ATOMIC_RELEASE); \
	NEXT;

#define FETCH(bits, fn) \
	__atomic_fetch_##fn((uint##bits##_t *)mem, (uint##bits##_t)SRC, __ATOMIC_SEQ_CST)
#define ATOMIC(OP, fn)                                                             \
	L_ATOMIC64_##OP : ATOMIC_AT(ADDR_DST, 64, true) FETCH(64, fn);             \
	NEXT;                                                                      \
	L_ATOMIC32_##OP : ATOMIC_AT(ADDR_DST, 32, true) FETCH(32, fn);             \
	NEXT;                                                                      \
	L_ATOMIC64_FETCH_##OP : ATOMIC_AT(ADDR_DST, 64, true) SRC = FETCH(64, fn); \
	NEXT;                                                                      \
	L_ATOMIC32_FETCH_##OP : ATOMIC_AT(ADDR_DST, 32, true) SRC = FETCH(32, fn); \
	NEXT;

#define ATOMIC_SWAP(bits)                                                                       \
	L_ATOMIC##bits##_XCHG                                                                   \
		: ATOMIC_AT(ADDR_DST, bits, true)                                               \
			  SRC = __atomic_exchange_n((uint##bits##_t *)mem, (uint##bits##_t)SRC, \
						    __ATOMIC_SEQ_CST);                          \
	NEXT;                                                                                   \
	L_ATOMIC##bits##_CMPXCHG : ATOMIC_AT(ADDR_DST, bits, true)                              \
	{                                                                                       \
		uint##bits##_t old = (uint##bits##_t)r[0];                                      \
                                                                                                \
		__atomic_compare_exchange_n((uint##bits##_t *)mem, &old, (uint##bits##_t)SRC,   \
					    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);         \
		r[0] = old;                                                                     \
	}                                                                                       \
	NEXT;

/* Outside the packet the function ends with 0, as in the kernel. */
#define PACKET_AT(off, bits)                                          \
	if (!access_packet(run, (int32_t)(off), (bits) / 8, &r[0])) { \
		r[0] = 0;                                             \
		goto L_EXIT;                                          \
	}                                                             \
	if (run->prog->scrub)                                         \
		scrub(r);                                             \
	NEXT;
#define PACKET(OP, bits) \
	L_LD_ABS_##OP : PACKET_AT(op->imm, bits) L_LD_IND_##OP : PACKET_AT(op->imm + SRC, bits)

static inline void scrub(uint64_t *r)
{
	for (int i = 1; i <= 5; i++)
		r[i] = SCRUBBED;
}

/* What a helper may look at or change: the place, and the budget (through callbacks). */
#define HELPER_ENTER            \
	left -= op + 1 - start; \
	start = op + 1;         \
	give_back(run, left);   \
	left = 0;               \
	run->insn = (uint32_t)(op - run->prog->ops);
#define HELPER_LEAVE                      \
	left = take(run);                 \
	if (UNLIKELY(run->fault != NULL)) \
		goto faulted;             \
	if (UNLIKELY(stopped(run)))       \
		goto stop;                \
	if (run->prog->scrub)             \
		scrub(r);                 \
	NEXT;

int interp(struct exec_run *run, const struct exec_op *entry, const uint64_t args[5],
	   uint64_t *ret_r0)
{
	static const void *const labels[OP_COUNT] = {
		[ISA_INVALID] = &&L_INVALID,
#define INSN(id, ...) [ISA_##id] = &&L_##id,
#include "isa/isa.def"
#undef INSN
		[OP_HELPER] = &&helper,	      [OP_HELPER_PLAIN] = &&helper_plain,
		[OP_CUSTOM] = &&custom,	      [OP_CUSTOM_CHECKED] = &&custom_checked,
		[OP_TAIL_CALL] = &&tail_call, [OP_POISON] = &&poison,
		[OP_REFUSED] = &&refused,     [OP_PROBE] = &&probe,
	};
	static const void *const watched[OP_COUNT] = { [0 ... OP_COUNT - 1] = &&watch };
	const void *const *go = run->watch ? watched : labels;
	const uint64_t stack = (uint64_t)(uintptr_t)run->stack;
	const uint32_t base = run->depth;
	uint64_t r[16], value; /* 16: indexes are four bits */
	uint64_t limit = (base + 1ull) * FRAME_STRIDE;
	int64_t left = take(run), to;
	const struct exec_op *op = entry, *start = entry, *next_op;
	const struct exec_call *call;
	const struct exec_custom *fn;
	const struct exec_prog *next;
	void *mem;

	memcpy(&r[1], args, 5 * sizeof(r[1]));
	r[0] = r[6] = r[7] = r[8] = r[9] = 0;
	r[ISA_REG_FP] = stack + base * FRAME_STRIDE + ISA_STACK_SIZE;
	GO;

watch:
	run->insn = (uint32_t)(op - run->prog->ops);
	if (!run->watch(run->watch_ctx, run, r))
		goto faulted;
	goto *labels[op->code];

	ALU_BINARY(ALU)
	ALU_UNARY(UNARY)
	ALU_MOVSX(MOVSX)
	ALU_BRANCH(BRANCH)
	ALU_SIZES(SIZED)
	ALU_ATOMIC(ATOMIC)
	ATOMIC_SWAP(64)
	ATOMIC_SWAP(32)
	PACKET(B, 8)
	PACKET(H, 16)
	PACKET(W, 32)

L_LDXS_B:
	LOAD_AS(ADDR_SRC, 8, int8_t)
L_LDXS_H:
	LOAD_AS(ADDR_SRC, 16, int16_t)
L_LDXS_W:
	LOAD_AS(ADDR_SRC, 32, int32_t)

L_LD_IMM:
L_LD_FUNC:
L_LD_MAP_IDX:
L_LD_MAP_IDX_VALUE:
	DST = op->imm;
	op += 2;
	start++; /* two slots are one instruction */
	GO;

L_CAST_KERN:
	DST = op->imm | (uint32_t)SRC;
	NEXT;
L_CAST_USER:
	DST = (uint32_t)SRC ? op->imm | (uint32_t)SRC : 0;
	NEXT;

L_JA:
L_JA32:
	TRANSFER(op + 1 + op->off);
L_JA_REG:
	to = table_target(run, (uint32_t)(op - run->prog->ops), DST);
	if (UNLIKELY(to < 0))
		goto faulted;
	TRANSFER(run->prog->ops + to);
L_MAY_GOTO:
	/* The machine decides: the loop goes on until a quarter of the budget is left. */
	BRANCH_IF((int64_t)run->budget + left - (op + 1 - start) < (int64_t)(run->budget_start / 4))

L_CALL_LOCAL:
	next_op = op + 1 + op->off;
call_local:
	if (UNLIKELY(run->depth + 1 >= ISA_MAX_FRAMES))
		goto too_deep;
	run->frames[run->depth] =
		(struct exec_frame){ run->prog, op + 1, { r[6], r[7], r[8], r[9] } };
	if (++run->depth > run->max_depth)
		run->max_depth = run->depth;
	limit += FRAME_STRIDE;
	r[ISA_REG_FP] += FRAME_STRIDE;
	TRANSFER(next_op);

L_EXIT:
	if (run->depth == base)
		goto ended;
	limit -= FRAME_STRIDE;
	r[ISA_REG_FP] -= FRAME_STRIDE;
	run->depth--;
	memcpy(&r[6], run->frames[run->depth].saved, sizeof(run->frames[0].saved));
	if (UNLIKELY(run->frames[run->depth].prog != run->prog)) {
		/* the callee was left by a tail call */
		left -= op + 1 - start;
		start = op + 1;
		run->prog = run->frames[run->depth].prog;
		access_forget(run);
		op = start = run->frames[run->depth].ret;
		GO;
	}
	TRANSFER(run->frames[run->depth].ret);

helper:
	HELPER_ENTER
	call = &run->prog->calls[op->imm];
	if (!call_check(run, call, r))
		goto faulted;
	r[0] = call->fn(run, r[1], r[2], r[3], r[4], r[5]);
	HELPER_LEAVE
helper_plain:
	HELPER_ENTER
	r[0] = run->prog->calls[op->imm].fn(run, r[1], r[2], r[3], r[4], r[5]);
	HELPER_LEAVE
custom:
	HELPER_ENTER
	fn = run->prog->calls[op->imm].custom;
	r[0] = fn->fn(custom_self(run), r[1], r[2], r[3], r[4], r[5]);
	HELPER_LEAVE
custom_checked:
	HELPER_ENTER
	call = &run->prog->calls[op->imm];
	if (!call_check(run, call, r))
		goto faulted;
	r[0] = call->custom->fn(custom_self(run), r[1], r[2], r[3], r[4], r[5]);
	HELPER_LEAVE
L_CALLX: /* a function of the program by its address, or a helper by its id */
	if (func_is_valid(run->prog, DST)) {
		next_op = pointer(DST);
		goto call_local;
	}
	HELPER_ENTER
	if (!call_by_id(run, DST, r))
		goto faulted;
	HELPER_LEAVE

tail_call:
	HELPER_ENTER
	if (!call_check(run, &run->prog->calls[op->imm], r))
		goto faulted;
	next = tail_target(run, r, &r[0]);
	if (!next) {
		HELPER_LEAVE
	}
	left = take(run);
	run->prog = next;
	op = start = next->ops;
	memset(pointer(r[ISA_REG_FP] - ISA_STACK_SIZE), 0, ISA_STACK_SIZE);
	GO;

probe:
	DST = access_probe((enum isa_op)op->imm, ADDR_SRC);
	NEXT;

L_INVALID:
L_MOV64_PERCPU:
L_CALL_HELPER:
L_CALL_KFUNC:
L_LD_MAP_FD:
L_LD_MAP_VALUE:
L_LD_BTF_ID:
refused:
	run->insn = (uint32_t)(op - run->prog->ops);
	trap_refused(run);
	goto faulted;
poison:
	run->insn = (uint32_t)(op - run->prog->ops);
	trap(run, &ERR_POISON, "%s", run->prog->poisons[op->imm].reason);
	goto faulted;
too_deep:
	run->insn = (uint32_t)(op - run->prog->ops);
	trap(run, &ERR_DEPTH, "%u frames are in use", ISA_MAX_FRAMES);
	goto faulted;
stop:
	run->insn = (uint32_t)(op - run->prog->ops);
	trap_stopped(run);
	goto faulted;
next_piece:
	if (stopped(run)) {
		give_back(run, left);
		run->insn = (uint32_t)(op - run->prog->ops);
		trap_stopped(run);
		return skep_error_code(run->fault);
	}
	if (run->budget) {
		left += take(run);
		if (left >= 0)
			GO;
		goto next_piece;
	}
out_of_budget:
	run->insn = (uint32_t)(op - run->prog->ops);
	trap_budget(run);
	return skep_error_code(run->fault);
ended:
	left -= op + 1 - start;
	run->insn = (uint32_t)(op - run->prog->ops);
	if (!give_back(run, left))
		goto out_of_budget;
	*ret_r0 = r[0];
	return 0;
faulted:
	left -= op + 1 - start;
	give_back(run, left);
	return skep_error_code(run->fault);
}
