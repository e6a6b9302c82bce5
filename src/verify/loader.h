/* SPDX-License-Identifier: Apache-2.0 */
/* What depends on who loads the program and with which flags. */
#ifndef VERIFY_LOADER_H
#define VERIFY_LOADER_H

#include "spec/rules.h"
#include "verify/internal.h"

int loader_check(struct verifier *v);
/* An instruction refers to a function, of the program or of the kernel. */
int loader_function(struct verifier *v);
bool loader_may_call(const struct verifier *v, int id);
/* The field of a socket buffer at @off, which is not for everybody. */
bool loader_may_read(const struct verifier *v, uint32_t off, bool write);
/* attach.c */
int attach_check(struct verifier *v);
/* May it call bpf_d_path()? */
bool attach_has_path(const struct verifier *v);
/* Calls that were left open where they were met: of functions that the kernel does not have. */
int loader_left(struct verifier *v);
int loader_tail_calls(struct verifier *v);

#endif
