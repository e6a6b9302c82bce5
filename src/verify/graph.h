/* SPDX-License-Identifier: Apache-2.0 */
/* The program as a graph (graph.c), and what is read from where on (liveness.c): inside verify/ only. */
#ifndef VERIFY_GRAPH_H
#define VERIFY_GRAPH_H

#include "verify/internal.h"

int graph_decode(struct verifier *v);
/* Refuses what does not decode. */
int graph_bad_insn(struct verifier *v, uint32_t i) __attribute__((cold));
int graph_functions(struct verifier *v);
int graph_jumps(struct verifier *v);
int graph_reach(struct verifier *v);
int graph_cycles(struct verifier *v);
static inline uint32_t func_at(const struct verifier *v, uint32_t at)
{
	return v->func_of ? v->func_of[at] : 0;
}

/* The instructions after @at in the same function; their number. A call's is what it returns to. */
static inline unsigned int graph_next(const struct verifier *v, uint32_t at, uint32_t next[2])
{
	enum isa_op op = v->ops[at];
	unsigned int n = 0;

	if (op == ISA_EXIT)
		return 0;
	if (isa_is_jump(op))
		next[n++] = (uint32_t)((int64_t)at + 1 + isa_jump_delta(op, &v->insns[at]));
	if (op != ISA_JA && op != ISA_JA32)
		next[n++] = at + isa_slots(op);
	return n;
}

/* The function that starts at a slot, or UINT32_MAX. */
uint32_t graph_func_at(const struct verifier *v, int64_t start);
bool graph_calls_back(const struct verifier *v, uint32_t at); /* before it returns */
/* The kernel function that is called there, or "". */
const char *graph_called(const struct verifier *v, uint32_t at);
bool graph_is_kfunc(const struct verifier *v, uint32_t at, const char *name);
bool graph_is_iter_next(const struct verifier *v, uint32_t at);

/* Fills v->live, when it is first asked; all are live when memory is out. */
void live_registers(struct verifier *v);
/* Registers that are read from an instruction on, before they are overwritten. */
static inline uint16_t live_regs(struct verifier *v, uint32_t at)
{
	if (!v->live)
		live_registers(v);
	return v->live ? v->live[at] : 0x3ff;
}
int live_log(struct verifier *v);
/* Stack slots: one set of tables for each chain of calls that leads to a function. */
uint32_t live_instance(struct verifier *v, uint32_t parent, uint32_t callsite, uint32_t func);
/* The instruction at @at of the instance reads, or has written as a whole, these slots. */
void live_read(struct verifier *v, uint32_t instance, uint32_t at, uint64_t slots);
void live_write(struct verifier *v, uint32_t instance, uint32_t at, uint64_t slots);
/* Fills v->preds; false: out of memory. */
bool live_preds(struct verifier *v);
/* Slots that may be read from @at on. */
uint64_t live_slots(struct verifier *v, uint32_t instance, uint32_t at);

#endif
