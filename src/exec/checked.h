/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compiled code that checks needs of a run, and calls (checked.c): accesses that its windows do not decide, the
 * next piece of the budget, helpers whose arguments are looked at. A place is insn | bytes << EXEC_PLACE_BYTES | flags;
 * that of a plain access also says which stack frame its function has.
 */
#ifndef EXEC_CHECKED_H
#define EXEC_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

struct exec_pair;
struct exec_run;
struct spec_ctx;

/*
 * Where checked code's accesses of one kind of pointer last fell: n bytes at base + t are inside if
 * t < room[write][log2 n]. The code compares inline; exec_check_access() fills it.
 */
struct exec_window {
	uint64_t base, size[2], room[2][4];
};
#define EXEC_WINDOWS 4

struct exec_checks {
	uint64_t left; /* of a piece of the budget, between functions */
	bool open;     /* a window is */
	struct exec_window windows[EXEC_WINDOWS];
	uint64_t callee; /* what exec_callx() is to call */
};

#define EXEC_PLACE_INSN 0xfffffu
#define EXEC_PLACE_BYTES 20
#define EXEC_PLACE_FRAME 25
#define EXEC_PLACE_WRITE (1u << 28)
#define EXEC_PLACE_ATOMIC (1u << 29)
#define EXEC_PLACE_WINDOW 30
#define EXEC_PIECE 65536 /* of the budget: how much checked code runs before it looks for a stop */
uint64_t exec_check_access(struct exec_run *run, uint64_t addr, uint32_t place, uint32_t frame);
uint64_t exec_check_range(struct exec_run *run, uint64_t addr, uint32_t place, uint32_t frame);
uint64_t exec_check_budget(struct exec_run *run, uint64_t left, uint32_t place, uint32_t frame);
uint64_t exec_checked_call(struct exec_run *run, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			   uint64_t a5);
/* Accesses at addresses that may be of a context that is converted: the whole access, and 0 with the fault set. */
uint64_t exec_context_load(struct exec_run *run, uint64_t addr, uint32_t place, uint32_t frame);
uint64_t exec_context_store(struct exec_run *run, uint64_t addr, uint32_t place, uint32_t frame,
			    uint64_t value);
/* Is r1 the context that compiled code takes run->ctx_backing for? */
bool exec_context_is(const struct exec_run *run, uint64_t addr, const struct spec_ctx *ctx);
uint64_t exec_checked_table(struct exec_run *run, uint64_t insn, uint64_t value);
struct exec_pair exec_checked_tail(struct exec_run *run, uint64_t ctx, uint64_t map, uint64_t index,
				   uint64_t frame);
uint64_t exec_interpret(struct exec_run *run, uint64_t r1, uint64_t r2);

#endif
