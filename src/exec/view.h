/* SPDX-License-Identifier: Apache-2.0 */
/* A decoded program as a compiler reads it, and what its code calls (view.c). */
#ifndef EXEC_VIEW_H
#define EXEC_VIEW_H

#include "exec/exec.h"

/* A helper call: the body, or the embedder's; @row is its arguments, NULL: an embedder's that has none. */
struct exec_call {
	const struct spec_helper *row;
	exec_helper_fn fn;
	const struct exec_custom *custom;
	const struct helper_form *form; /* NULL: none */
};

/* What a compiler needs to know of one decoded instruction. All are written for each compilation: 24 bytes. */
struct exec_view {
	uint8_t op; /* enum isa_op; ISA_INVALID: the second slot of a wide one, or one that is never run */
	uint8_t dst, src;
	bool filler : 1; /* in the order of enum exec_mark: the second slot */
	bool func : 1, target : 1,
		reached : 1; /* one starts, a jump lands, control can come here */
	bool in_table : 1;   /* a jump table leads here */
	bool tail_call : 1;
	bool probe : 1; /* FACT_PROBE: a load that gives 0 when its address is bad */
	int32_t off; /* of an access; of a jump, call or function pointer: from the next instruction */
	uint64_t imm;		      /* sign-extended; a wide load's value */
	const struct exec_call *call; /* of helpers; others have an empty one */
};

uint32_t exec_view_count(const struct exec_prog *prog);
/* All of them; gives the number of functions. */
uint32_t exec_view_read(const struct exec_prog *prog, struct exec_view *ret);
int exec_view_type(const struct exec_prog *prog);    /* enum spec_prog_type, or -1 */
bool exec_view_scrubs(const struct exec_prog *prog); /* calls destroy r1 to r5 */
struct skep_place exec_view_place(const struct exec_prog *prog, uint32_t insn); /* source line */
void *exec_view_custom_ctx(const struct exec_prog *prog);
/* What jump tables hold for an instruction. */
uint64_t exec_view_table_value(const struct exec_prog *prog, uint32_t insn);
/* The value of a load at a constant address that no one may write any more. */
bool exec_view_constant(const struct exec_prog *prog, enum isa_op op, uint64_t addr, uint64_t *ret);

/* The map whose pointer is @addr and how it is built in; NULL or false: there is none. */
const struct exec_map *exec_view_map(const struct exec_prog *prog, uint64_t addr);
bool exec_view_form(const struct exec_prog *prog, uint64_t addr, struct map_form *ret);

/* Programs with the same number may follow one another by a tail call as they are: of one space, type and needs. 0: none may. */
uint64_t exec_view_kin(const struct exec_prog *prog);

/* What compiled code calls ------------------------------------------------------------------------ */

/* A call of what run->checks.callee says, a function by its address or a helper by its number; 0 after a fault. */
uint64_t exec_callx(struct exec_run *run, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
		    uint64_t a5);
/* LD_ABS and LD_IND: !ok outside the packet. */
struct exec_pair exec_packet(struct exec_run *run, uint64_t off, uint64_t size);
/*
 * bpf_tail_call in stack frame @frame: ok when another program ran to its end (value: its r0), else the
 * helper's return value. When ok the caller returns that value.
 */
struct exec_pair exec_tail(struct exec_run *run, uint64_t ctx, uint64_t map, uint64_t index,
			   uint64_t frame);
/* The same for a caller in the first frame that goes on there itself: ok is the code to call, as (run, ctx, run->ctx_len), or 0. */
struct exec_pair exec_tail_code(struct exec_run *run, uint64_t ctx, uint64_t map, uint64_t index);
/* ... with a map whose form has slots, and EXEC_TAIL_SHAPE of it. */
struct exec_pair exec_tail_quick(struct exec_run *run, uint64_t ctx, uint64_t map, uint64_t index,
				 uint64_t slots, uint64_t shape);
#define EXEC_TAIL_SHAPE(form) \
	((form)->count | (uint64_t)(form)->slot_stride << 32 | (uint64_t)(form)->native_at << 48)

#endif
