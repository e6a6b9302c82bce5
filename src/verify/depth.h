/* SPDX-License-Identifier: Apache-2.0 */
/* How much stack functions and chains of calls take (depth.c). */
#ifndef VERIFY_DEPTH_H
#define VERIFY_DEPTH_H

#include "verify/internal.h"

/* Before the walk: spills and fills around calls that clobber little. */
void depth_find_fast(struct verifier *v);
/* The instruction touches the frame of @func, from @off on. */
void depth_touch(struct verifier *v, uint32_t func, int64_t off);
/* bpf_loop is called: may the kernel write it in line? @simple: without flags. */
void depth_loop(struct verifier *v, uint32_t callback, bool simple);
/* After the walk: the limits. */
int depth_check(struct verifier *v);

#endif
