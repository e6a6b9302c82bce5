/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of registers at calls and accesses before SSA is built (known.c), and the inlined calls (inline.c). */
#ifndef JIT_KNOWN_H
#define JIT_KNOWN_H

#include "jit/ir.h"

enum known_kind {
	KNOWN_UNSEEN,
	KNOWN_OTHER,
	KNOWN_MIXED, /* the address of this function's frame on some paths */
	KNOWN_FRAME, /* r10 + value */
	KNOWN_CONST,
	KNOWN_FUNC, /* the function at instruction `value` */
};

struct known {
	uint32_t kind;
	uint64_t value;
};

/* A call of a helper. */
struct jit_known_call {
	uint32_t insn;
	struct known arg[5];
	uint32_t bytes[5]; /* of the frame that it may touch behind each argument */
	const struct exec_map *map;
	/* what becomes of it, and which arguments point to words (of so many bytes) that it takes by value */
	enum helper_form_kind how;
	uint8_t word[5];
	struct map_form form;
};

#define JIT_NO_FRAME INT16_MIN

int jit_know(struct jit_unit *u);
/* NULL: nothing is known of it. */
static inline const struct jit_known_call *jit_known_call(const struct jit_unit *u, uint32_t insn)
{
	const struct jit_func *fn = &u->funcs[u->func_of[insn]];

	return fn->known && u->call_of[insn] ? &u->calls[u->call_of[insn] - 1] : NULL;
}

/* Offset below r10 of a load or store in the function's own frame, or JIT_NO_FRAME. */
static inline int32_t jit_frame_off(const struct jit_unit *u, uint32_t insn)
{
	const struct exec_view *v = &u->view[insn];
	int base = jit_ops[v->op].kind == ISA_KIND_LOAD ? v->src : v->dst;

	if (u->funcs[u->func_of[insn]].known)
		return u->frame_off[insn];
	return base == ISA_REG_FP && v->off >= -ISA_STACK_SIZE && v->off < 0 ? v->off :
									       JIT_NO_FRAME;
}

/* The function that a call of bpf_loop calls, when the call becomes a loop; else NULL. */
static inline const struct jit_func *jit_loop_callee(const struct jit_unit *u, uint32_t insn)
{
	const struct jit_known_call *call = u->view[insn].op == ISA_CALL_HELPER &&
							    u->view[insn].call->form ?
						    jit_known_call(u, insn) :
						    NULL;

	return call && call->how == HELPER_FORM_LOOP ? &u->funcs[u->func_of[call->arg[1].value]] :
						       NULL;
}
/* Fills how, word and form. */
void jit_inline_decide(const struct jit_unit *u, struct jit_known_call *call);

#endif
