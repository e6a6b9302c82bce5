/* SPDX-License-Identifier: Apache-2.0 */
/* What functions take and give: arguments of the program and of global functions, return values, kernel symbols. Inside verify/ only. */
#ifndef VERIFY_CONTRACT_H
#define VERIFY_CONTRACT_H

#include "verify/walk.h"

int explore(struct verifier *v, uint32_t func);
/* Sets the registers that a walk of @func starts with. */
int contract_enter(struct verifier *v, uint32_t func, struct frame *f);
/* Reads the contract of a global function; *ret_known when there is one. */
int contract_read(struct verifier *v, uint32_t func);
/* What may end a function early stands only where that function gives a number. */
int contract_ends(struct verifier *v);
int contract_call(struct verifier *v, uint32_t func);
int contract_ksym(struct verifier *v, struct reg *dst, uint32_t id);
/* What may be in r0 at the end. False: anything. */
bool contract_returns(const struct verifier *v, struct range *ret);

enum func_arg_kind { FA_ANY, FA_CTX, FA_MEM, FA_DYNPTR, FA_BTF, FA_ARENA, FA_BAD };

struct func_arg {
	enum func_arg_kind kind;
	bool nullable, trusted, untrusted;
	uint32_t mem_size, btf_id;
};

#endif
