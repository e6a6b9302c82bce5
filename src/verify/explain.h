/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explanations (verify_opts.found): inside verify/ only. The walk notes each instruction of each path (trail.c). A rejection
 * becomes a finding: whose fault it is, what was needed and known, and since when, which is read backwards from the path
 * (causes.c, words.c). Then the walk goes on behind it (explain.c): with what was missing taken for granted, with an unknown
 * result, or with other paths. What follows from an earlier finding is none of its own.
 */
#ifndef VERIFY_EXPLAIN_H
#define VERIFY_EXPLAIN_H

#include "verify/walk.h"

#define MAX_CAUSES 24
#define NO_REG (-1)

/* An instruction of a path, and what the one before it left in the register that it wrote or compared. */
struct trail {
	struct trail *prev;
	const struct reg *result; /* of prev; NULL: it left none, or there is no memory for it */
	uint32_t at;
	uint32_t id;  /* a branch: of its first operand */
	uint8_t cur;  /* the frame it runs in */
	int8_t regno; /* of result */
	uint8_t frame;
	int16_t slot; /* of the frame's stack that it loads or stores at a known place; -1 */
	bool packet;  /* compares a packet pointer, id, with the packet's end */
	bool bad;     /* an error was found here, its result is made up */
	bool state;   /* ... and so is what the path holds: references, locks */
};

struct explain {
	struct state *snap; /* before the instruction under way; NULL: none is */
	struct {
		uint32_t insn;
		const char *id;
		const struct verify_line *line;
	} * found;
	uint32_t nfound, cfound, max;
	uint32_t nnotes;
	const struct trail *again; /* of the instruction that is walked once more */
	int first;		   /* the first rejection */
	uint32_t last_causes;	   /* of the finding that is being made */
	struct verify_cause causes[MAX_CAUSES];
	bool consequence;
};

/* explain.c */
int explain_init(struct verifier *v);
/* Before an instruction is walked. */
void explain_before(struct verifier *v);
/* After it was, with success. */
void explain_after(struct verifier *v);
/* @code: of the rejection. 0: go on at v->at, 1: the path has ended, 2: again the same instruction, or the walk ends. */
int explain_reject(struct verifier *v, int code);
/* At the end; a rejection outside the walk is a finding, too. The code of the first. */
int explain_end(struct verifier *v, int code);

/* trail.c */
void trail_note(struct verifier *v);
/* The register that an instruction leaves something in, or NO_REG. */
int trail_result(const struct verifier *v, uint32_t at);

/* causes.c: fills v->explain->causes and says whether they go back to an earlier finding. */
void causes_find(struct verifier *v, int culprit);

/* words.c */
void words_reg(const struct reg *r, struct buf *out);
void words_number(const struct scalar *s, struct buf *out);
/* The source line of an instruction; NULL: unknown. */
const struct verify_line *words_line(const struct verifier *v, uint32_t at);
/* The register that the message or the instruction names, or NO_REG. */
int words_culprit(struct verifier *v, const char *message);
/* Fills in what the error lacks of needed, known and help. @r: the culprit before the instruction; may be NULL. */
void words_advise(struct verifier *v, int culprit, const struct reg *r);

#endif
