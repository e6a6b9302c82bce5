/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containment: is the verifier right? It tells every state that it walks (verify_opts.watch); then the program runs in the
 * checking interpreter, and before each instruction the registers, and the bytes of all stacks, have to lie inside
 * one of the states for that instruction and that chain of calls (exec_run.watch). If they do not, the verifier has
 * overlooked something that can happen, and the run ends with an error that names it.
 */
#ifndef CORE_CONTAIN_H
#define CORE_CONTAIN_H

#include "exec/exec.h"
#include "verify/verify.h"

struct contain;

struct contain_stats {
	uint64_t states, steps; /* that the verifier told; that were looked at */
	bool full;		/* more states than there is memory for: nothing can be checked */
};

/* @insns slots; @memory bytes for states, 0: 256 MiB. NULL: out of memory. */
struct contain *contain_new(uint32_t insns, size_t memory);
void contain_free(struct contain *c);
/* For verify_opts.watch and exec_run.watch; the context is the struct contain. Runs of one program, one at a time. */
void contain_see(void *contain, const struct verify_point *at);
bool contain_look(void *contain, struct exec_run *run, const uint64_t *r);
void contain_stats(const struct contain *c, struct contain_stats *ret);

#endif
