/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel of the profile has (verify_opts.profile): inside verify/ only. Without a profile it has all. */
#ifndef VERIFY_OLD_KERNEL_H
#define VERIFY_OLD_KERNEL_H

#include "spec/profile.h"
#include "verify/internal.h"

struct spec_ctx_rule;

/* -errno after a rejection: the program needs what this kernel has not. */
int profile_need(struct verifier *v, struct spec_need need) __attribute__((cold));
int profile_feature(struct verifier *v, enum spec_feature feature) __attribute__((cold));
/* Does this kernel judge by the newer rule? */
bool profile_knows(struct verifier *v, enum spec_feature feature);

/* Size, type, attach type and flags of the program. */
int profile_prog(struct verifier *v);
/* A phase: instructions and kernel functions that are refused wherever they stand. */
int profile_insns(struct verifier *v);
/* The instruction that the walk came to. */
int profile_step(struct verifier *v);
int profile_map(struct verifier *v, const struct verify_map *map);
/* The arguments of a global function. */
int profile_args(struct verifier *v, const struct func *f);

#endif
