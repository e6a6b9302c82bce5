/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts for the compiler (struct spec_fact), made after the walk. The walk cannot give them itself: it leaves a
 * path where it meets a state that covers all that matters, so it has not seen every number. This is an analysis of its own,
 * over blocks instead of paths: what flows into a block is joined, loops are widened and then narrowed. What the
 * walk did prove comes in with it: where paths go, which pointers are contexts. Inside verify/ only.
 *
 * A value is a number (any pointer is one, of which nothing is known), an address in the function's own stack
 * frame, or either. Stack slots are followed while they are accessed directly; the program has been accepted, so only
 * an address taken from r10 leads into the frame.
 */
#ifndef VERIFY_FACTS_H
#define VERIFY_FACTS_H

#include "base/arena.h"
#include "verify/scalar.h"
#include "verify/verify.h"

/* What the walk found at a slot. */
enum facts_walk {
	FACTS_SEEN = 1,
	FACTS_ALWAYS = 2, /* a conditional jump: never falls through */
	FACTS_NEVER = 4,
	FACTS_CTX = 8,	 /* a load from a context: its result may be wider than the access */
	FACTS_SAFE = 16, /* the access or call cannot fault */
	FACTS_PROBE = 32,
};

struct facts_in {
	const struct skep_insn *insns;
	uint32_t n;
	const struct verify_map *maps;
	uint32_t nmaps;
	const uint8_t *
		walk; /* enum facts_walk of each slot; NULL: nobody walked, and any load may be a context's */
	size_t memory; /* bytes that it may take; beyond that only the walk's facts are made */
};

/* Fills @ret, n of them. 0 or -ENOMEM. */
int facts_make(const struct facts_in *in, struct spec_fact *ret);

/* facts_step.c ------------------------------------------------------------------------------------ */

#define FLOW_SLOTS 64

enum flow_kind {
	FLOW_NUMBER,
	FLOW_STACK, /* the frame's end + off */
	FLOW_MAP,   /* the pointer of map `off` */
	FLOW_ANY,   /* a number, or somewhere in the frame */
};

struct flow_value {
	enum flow_kind kind;
	int32_t off;
	struct scalar s;
};

enum flow_form { FLOW_EMPTY, FLOW_WHOLE, FLOW_HALVES };

struct flow_slot {
	enum flow_form form;
	struct flow_value v[2]; /* whole: the first; halves: by address, numbers of 32 bits */
};

/* What is known before an instruction. Slot i is the 8 bytes at r10 - 8 * (i + 1). */
struct flow {
	struct flow_value regs[ISA_REGS];
	uint32_t nslots;
	struct flow_slot slots[FLOW_SLOTS];
};

/* What an instruction does to @f; jumps do nothing. */
struct flow_step {
	const struct skep_insn *in;
	enum isa_op op;
	bool ctx;	/* the load may be a context's */
	bool callbacks; /* the program has functions that helpers call */
};

void flow_start(struct flow *f, uint32_t nslots);
void flow_step(struct flow *f, const struct flow_step *step);
void flow_join(struct flow_value *to, const struct flow_value *with);
void flow_join_slot(struct flow_slot *to, const struct flow_slot *with);
/* What a load of @size bytes at @off of the frame gives. */
struct flow_value flow_load(const struct flow *f, int64_t off, unsigned int size);
/* The number of a value, whatever it is. */
struct scalar flow_number(const struct flow_value *v);

#endif
