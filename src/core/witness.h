/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness: one concrete input of a program (context, packet, map elements, random numbers) that makes the checking interpreter
 * fault at an instruction that the verifier refuses. The search (search.c) looks for one along the path that the
 * verifier walked. It claims nothing that did not happen: the interpreter has faulted there.
 */
#ifndef CORE_WITNESS_H
#define CORE_WITNESS_H

#include "core/core.h"

#define WITNESS_PACKET 1514
#define WITNESS_CTX 8192
#define WITNESS_ENTRIES 16
#define WITNESS_KEY 64
#define WITNESS_VALUE 4096

struct witness_entry {
	uint32_t map, key_size, value_size; /* of one CPU; all get the same */
	uint8_t key[WITNESS_KEY], value[WITNESS_VALUE];
};

/* The context is as the program sees it; what points to the packet or depends on it is filled in when it is run. */
struct witness {
	uint64_t prandom;
	uint32_t ctx_len, packet_len, nentries;
	uint8_t ctx[WITNESS_CTX] __attribute__((aligned(8)));
	uint8_t packet[WITNESS_PACKET + 6];
	struct witness_entry entries[WITNESS_ENTRIES];
};

/* Where a witness is run: the memory that a program sees, and what its maps held before. */
struct stage;

/* NULL: out of memory. */
struct stage *stage_new(struct core_prog *prog);
void stage_free(struct stage *s);
/* Maps, context and packet of @w; starts the run. */
void stage_set(struct stage *s, const struct witness *w, struct exec_run *run, uint64_t budget);
/* May elements of the object's map @i be set? */
bool stage_takes(const struct stage *s, uint32_t i);
/* The size of the context that programs of this type see. */
uint32_t stage_ctx_size(int prog_type);
bool stage_has_packet(int prog_type);
/* The start of the packet, of the program's context, of the value of an element; 0: it has none. */
uint64_t stage_packet(const struct stage *s);
uint64_t stage_ctx(const struct stage *s);
uint64_t stage_value(const struct stage *s, const struct witness *w, uint32_t entry);

/* What is wanted: a fault of program @prog at @insn. */
struct search_goal {
	const char *id; /* of the verifier's error */
	uint32_t insn;
	const uint32_t *path; /* instructions from the start to it */
	uint32_t npath;
	uint64_t tries, seed, budget;
};

/*
 * 0: *ret is an input that faults there, *ret_fault how. -ENOENT: none was found in goal->tries runs. -ENOMEM.
 * *ret_tries says how many runs were made.
 */
int search_witness(struct core_prog *prog, const struct search_goal *goal, struct witness *ret,
		   struct skep_error **ret_fault, uint64_t *ret_tries);
/* Is @fault at @insn what the verifier's error @id foretold, not a lack of this engine? */
bool search_fits(const struct skep_error *fault, const char *id, uint32_t insn);

#endif
