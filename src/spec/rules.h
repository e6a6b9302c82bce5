/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that only a verifier needs, as data like the rest of spec/: helper prototypes by program type and map
 * type. Facts are from the UAPI header linux/bpf.h, bpf-helpers(7), the kernel documents of bpf/, and the answers of Linux
 * 6.18's verifier, which tests/unit/spec_*_oracle_test.c asks again.
 */
#ifndef SPEC_RULES_H
#define SPEC_RULES_H

#include "spec/spec.h"

/* Helpers --------------------------------------------------------------------------------------- */

struct spec_arg_info {
	const char *btf; /* the kernel type that a BTF argument points to, else NULL */
	bool null;	 /* may be NULL */
	const char *what;
};

const struct spec_arg_info *spec_arg_info(enum spec_arg arg);

/* The prototype for programs of a type: @h, or a row of helper_rules.def of the same id. */
const struct spec_helper *spec_helper_for(const struct spec_helper *h, int prog_type);
/* The kernel type that RET_BTF_* is, or NULL. */
const char *spec_helper_ret_btf(const struct spec_helper *h);
/* May its map argument be a map of this type? (Of a helper without one: false.) */
bool spec_helper_takes_map(const struct spec_helper *h, int map_type);

#endif
