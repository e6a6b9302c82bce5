/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random and boundary inputs for the programs of an object: the context with its packet, the contents of the maps, the
 * state of get_prandom_u32. The same seed gives the same inputs. Used where every input has to be good: containment.
 */
#ifndef CORE_INPUTS_H
#define CORE_INPUTS_H

#include "core/core.h"

struct inputs;

/* NULL: out of memory. */
struct inputs *inputs_new(uint64_t seed);
void inputs_free(struct inputs *in);
/* Why programs of this type get no inputs (their contexts hold pointers into a kernel), or NULL. */
const char *inputs_missing(int prog_type);
/* A table of plain data: no lock, timer or pointer of the kernel's in its values. */
bool inputs_fillable(const struct map_attr *a);
/* Starts the run over the next input. Maps whose values hold more than data (locks, timers, kptrs) stay as they are. */
void inputs_next(struct inputs *in, struct core_prog *prog, struct exec_run *run, uint64_t budget);

#endif
