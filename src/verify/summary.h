/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops that are decided once instead of round by round (summary.c). Inside verify/ only.
 *
 * A trial walks the body of a loop from a state at its head that is meant to hold in every round, until each way has come
 * back to the head or left the loop. What comes back and does not fit makes the next trial's state wider. When all fits,
 * and a number that grows or falls in each round is bounded, the ways that left the loop are walked on; otherwise what
 * the trial did is undone and the loop is walked as it is. So a summary can accept, and never refuse.
 *
 * The state at the head gives each register and slot an origin; copies keep it, and additions of constants are added up
 * (reg.delta). So a round tells by how much a place moved, whatever else happened to it.
 */
#ifndef VERIFY_SUMMARY_H
#define VERIFY_SUMMARY_H

#include "verify/walk.h"

#define TRIAL_ROUNDS 12
#define TRIAL_INSNS 65536 /* walked in one loop */
#define LOOP_FAILURES 3	  /* then its rounds are walked */
#define PLACES (10 + SLOTS)
#define HINTS 8

struct loop {
	uint32_t head;
	struct loop *outer;
	uint32_t failures; /* trials that came to nothing */
};

enum place_kind {
	PLACE_SAME,    /* what comes back is, or lies within, what was there before */
	PLACE_LINEAR,  /* moved by dmin to dmax in each round */
	PLACE_WIDENED, /* a number: joined and widened */
	PLACE_BYTES,   /* a slot of which only kinds of bytes are left */
	PLACE_NOTHING, /* not to be used */
};

struct hint {
	int64_t min, max; /* of what it was compared with */
	int64_t delta;	  /* of it, then */
};

struct place {
	uint8_t kind, level, nhints;
	bool assigned; /* SAME, but of another origin in some round */
	int64_t dmin, dmax, dbits;
	int64_t lo, hi; /* of what came back in this trial */
	bool back;	/* something did */
	bool guessed, open;
	int64_t bound;	 /* guess: as far as it goes */
	struct scalar s; /* WIDENED */
	uint8_t bytes[8];
	struct hint hints[HINTS];
};

struct trial {
	struct trial *outer;
	struct loop *loop;
	uint32_t id, first, depth, round, start;
	uint32_t prev;
	struct pending *mark, *exits;
	uint32_t journal, seen;
	struct state *base; /* what came to the head */
	struct state *head; /* what is tried, kept */
	struct place *places[ISA_MAX_FRAMES];
	uint32_t arrivals;
	bool changed, failed, no_links, announced;
	/* the number that ends the loop */
	struct place *rank;
	bool falls;
	int64_t rank_min, rank_max, bound;
	uint64_t rounds; /* that the loop goes back at most */
	bool bounded;
};

struct loops {
	struct loop **of; /* the innermost of each instruction */
	uint32_t next_id, next_origin;
	struct state **journal;
	uint32_t njournal, cjournal;
	uint32_t *seen, nseen; /* instructions that trials came to first */
	struct trial *free_trials;
	uint32_t tried, decided;
};

/* Which loops a try leaves to be walked, as one before it was refused with them. */
#define MAX_BAD_LOOPS 16

struct tries {
	bool summaries; /* of all but `bad` */
	bool tried;	/* they have been */
	uint32_t bad[MAX_BAD_LOOPS], nbad;
	void *memory; /* for the next to begin with; NULL: it is in use */
	size_t size;
	struct arena *kept; /* verify_opts.memory */
};

/* loop.c: finds the heads. v->loops stays NULL when there are none. -ENOMEM or 0. */
int loops_find(struct verifier *v);
/* The loop that has its head at an instruction and may be summarised, or NULL. */
struct loop *loop_at(struct verifier *v, uint32_t at);
static inline bool loop_has(const struct verifier *v, const struct loop *l, uint32_t at)
{
	const struct loop *in = v->loops->of[at];

	while (in && in != l)
		in = in->outer;
	return in;
}

/* summary.c */
int summary_begin(struct verifier *v);
/* Before each instruction in a trial. 0: go on, 1: the path has come back, 2: it has left, or a negative errno. */
int summary_step(struct verifier *v);
bool summary_walked(const struct verifier *v);
/* All ways of the trial are walked. True: v->st is to be walked on. */
bool summary_end(struct verifier *v);
void summary_abort(struct verifier *v);
/* The walk comes to v->at for the first time. */
void summary_seen(struct verifier *v);
bool summary_silent(const struct verifier *v);
void summary_kept(struct verifier *v, struct state *kept);
/* In a trial: is @old on the way to @now? What is not, and not walked to its end, waits only for what left the loop. */
bool summary_is_before(const struct state *old, const struct state *now);
void summary_freed(struct verifier *v, struct state *kept);
/* Heads on the way to v->st: what is refused behind them may be so for their sake. */
uint32_t summary_blame(const struct verifier *v, uint32_t *heads, uint32_t n);
static inline uint32_t summary_id(const struct verifier *v)
{
	return v->trial ? v->trial->id : 0;
}

/* summary_state.c */
struct state *head_make(struct verifier *v, struct trial *t);
/* v->st has come back to the head. */
void head_meet(struct verifier *v, struct trial *t);
/* The next guess at how far the places go. */
void head_guess(struct verifier *v, struct trial *t);
/* Outside the loop its origins say nothing, those of the loop around it do. */
void head_leave(struct verifier *v, struct trial *t, struct state *st);
/* What of v->st the head is made of, exactly. */
void head_marks(struct verifier *v, const struct trial *t, struct marks *ret);
void summary_hint(struct verifier *v, const struct reg *a, const struct reg *b);
bool summary_same_origins(struct verifier *v, const struct state *old, const struct state *now);

/* origin.c */
static inline void origin_lose(struct reg *r)
{
	r->origin = 0;
	r->delta = 0;
}
void origin_add(struct reg *r, int64_t x);
void origin_alu(enum isa_op op, struct reg *dst, const struct reg *src);
/* Bytes of the packet that are there behind @ptr moved by @off. */
int32_t summary_range(const struct reg *ptr, const struct reg *off, bool add);

#endif
