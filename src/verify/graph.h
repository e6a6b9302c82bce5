/* SPDX-License-Identifier: Apache-2.0 */
/* The program as a graph (graph.c), and what is read from where on (liveness.c): inside verify/ only. */
#ifndef VERIFY_GRAPH_H
#define VERIFY_GRAPH_H

#include "verify/internal.h"

int graph_decode(struct verifier *v);
/* Refuses what does not decode. */
int graph_bad_insn(struct verifier *v, uint32_t i);
int graph_functions(struct verifier *v);
int graph_jumps(struct verifier *v);
int graph_reach(struct verifier *v);
int graph_cycles(struct verifier *v);
/* The instructions after @at in the same function; their number. A call's is what it returns to. */
unsigned int graph_next(const struct verifier *v, uint32_t at, uint32_t next[2]);
/* The function that starts at a slot, or UINT32_MAX. */
uint32_t graph_func_at(const struct verifier *v, int64_t start);
bool graph_calls_back(const struct verifier *v, uint32_t at); /* before it returns */
/* The kernel function that is called there, or "". */
const char *graph_called(const struct verifier *v, uint32_t at);
bool graph_is_kfunc(const struct verifier *v, uint32_t at, const char *name);
bool graph_is_iter_next(const struct verifier *v, uint32_t at);

/* Registers that are read from each instruction on, before it is overwritten. */
int live_registers(struct verifier *v);
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
