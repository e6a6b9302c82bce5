// SPDX-License-Identifier: Apache-2.0
/*
 * Summaries of loops: trials, one inside the other where loops are (summary.h; summary_state.c has the state at the head).
 *
 * Why it is sound. Safety: the last trial walked every way from the head's state to where it leaves the loop or comes back, and
 * all that came back lies within that state (Cousot and Cousot, Abstract interpretation, POPL 1977: a post-fixpoint). For a
 * place that is only moved, "within" is said of the round: after k rounds it has moved by dmin * k to dmax * k, and k is at
 * most `rounds`. That bound, and termination, come from one place that each round moves by at least one in one
 * direction, and which, whenever the head is reached, is at most (at least) `bound` (Zuleger, Gulwani, Sinn, Veith: Bound
 * analysis of imperative programs with the size-change abstraction, SAS 2011). What is behind the head was walked in the
 * trial, or is covered by a state that was kept in the same trial and has the same origins, and so moved alike. A state
 * that was kept in a trial covers nothing outside of it; what came to the head is kept like any state, and covers
 * what comes to it later, when everything it is made of counts as precise.
 */
#include "verify/summary.h"

static struct trial *trial_new(struct verifier *v, uint32_t depth)
{
	struct trial *t = v->loops->free_trials;

	if (t) {
		struct place *places[ISA_MAX_FRAMES];

		v->loops->free_trials = t->outer;
		memcpy(places, t->places, sizeof(places));
		memset(t, 0, sizeof(*t));
		memcpy(t->places, places, sizeof(places));
	} else {
		t = ARENA_NEW(&v->arena, struct trial);
	}
	for (uint32_t i = 0; t && i <= depth; i++) {
		if (t->places[i])
			memset(t->places[i], 0, PLACES * sizeof(struct place));
		else
			t->places[i] = ARENA_ARRAY(&v->arena, struct place, PLACES);
		if (!t->places[i])
			t = NULL;
	}
	if (!t)
		v->oom = true;
	return t;
}

/* Kept states ------------------------------------------------------------------------------------- */

void summary_kept(struct verifier *v, struct state *kept)
{
	struct loops *l = v->loops;

	if (l->njournal == l->cjournal) {
		uint32_t cap = l->cjournal ? 2 * l->cjournal : 256;
		struct state **more = ARENA_ARRAY(&v->arena, struct state *, cap);

		if (!more) {
			v->oom = true;
			return;
		}
		if (l->njournal)
			memcpy(more, l->journal, l->njournal * sizeof(*more));
		l->journal = more;
		l->cjournal = cap;
	}
	l->journal[l->njournal++] = kept;
	kept->journal = l->njournal;
	kept->loop_id = v->trial->id;
	kept->in_loop = true;
}

bool summary_is_before(const struct state *old, const struct state *now)
{
	const struct state *p = now->parent;

	while (p && p != old && (p->journal || p->is_head))
		p = p->parent;
	return p == old;
}

void summary_freed(struct verifier *v, struct state *kept)
{
	v->loops->journal[kept->journal - 1] = NULL;
	kept->journal = 0;
}

static void forget_kept(struct verifier *v, uint32_t from)
{
	struct loops *l = v->loops;

	while (l->njournal > from) {
		struct state *st = l->journal[--l->njournal], **link;

		if (!st)
			continue;
		link = &v->kept[st->insn];
		while (*link && *link != st)
			link = &(*link)->next;
		if (*link) {
			*link = st->next;
			v->stats.peak_states--;
		}
		st->journal = 0;
		state_free(v, st);
	}
}

/* No trial is left that could be undone. */
static void forget_journal(struct loops *l)
{
	l->nseen = 0;
	while (l->njournal)
		if (l->journal[--l->njournal])
			l->journal[l->njournal]->journal = 0;
}

void summary_seen(struct verifier *v)
{
	v->loops->seen[v->loops->nseen++] = v->at;
}

static void free_pending(struct verifier *v, struct pending *p)
{
	state_free(v, p->state);
	p->next = v->free_pending;
	v->free_pending = p;
	v->npending--;
}

/* All that the trial walked. */
static void undo(struct verifier *v, struct trial *t)
{
	struct pending *p;

	while (v->pending != t->mark) {
		p = v->pending;
		v->pending = p->next;
		free_pending(v, p);
	}
	while (t->exits) {
		p = t->exits;
		t->exits = p->next;
		free_pending(v, p);
	}
	forget_kept(v, t->journal);
	while (v->loops->nseen > t->seen)
		v->marks[v->loops->seen[--v->loops->nseen]] &= (uint16_t)~AT_SEEN;
	state_free(v, t->head);
	t->head = NULL;
}

/* Trials ------------------------------------------------------------------------------------------ */

static void walk_head(struct verifier *v, struct trial *t)
{
	struct state *head;

	t->first = v->loops->next_origin;
	v->loops->next_origin += PLACES * ISA_MAX_FRAMES;
	t->changed = t->failed = false;
	t->arrivals = 0;
	t->id = ++v->loops->next_id;
	head = head_make(v, t);
	t->head = head;
	v->st = state_copy(v, head, false);
	v->at = t->loop->head;
	v->prev = t->prev;
	if (v->oom)
		return;
	head->is_head = head->kept = head->in_loop = head->evicted = true;
	head->branches = 2; /* the way from here, and the trial */
	head->insn = head->first_insn = head->last_insn = v->at;
	v->st->parent = head;
	v->st->first_insn = v->at;
}

static bool fresh(const struct verifier *v)
{
	const struct state *p = v->st->parent;

	return p && p == v->kept[v->at] && p->insn == v->at && !v->st->nsteps &&
	       v->st->first_insn == v->at && p->loop_id == summary_id(v);
}

/* At a head, when what is kept there does not cover v->st. 0: v->st goes on, maybe as a trial's. */
int summary_begin(struct verifier *v)
{
	struct loop *l = loop_at(v, v->at);
	struct trial *t;

	if (!l || v->oom)
		return v->oom ? -ENOMEM : 0;
	if (!fresh(v))
		prune_keep(v);
	t = v->oom ? NULL : trial_new(v, v->st->cur);
	if (!t)
		return -ENOMEM;
	t->loop = l;
	t->depth = v->st->cur;
	t->prev = v->prev;
	t->mark = v->pending;
	t->journal = v->loops->njournal;
	t->seen = v->loops->nseen;
	t->base = v->st;
	t->start = v->stats.insns_processed;
	t->outer = v->trial;
	v->trial = t;
	v->loops->tried++;
	walk_head(v, t);
	return v->oom ? -ENOMEM : 0;
}

static void put_off(struct verifier *v, struct trial *t)
{
	struct pending *p = v->free_pending;

	if (p)
		v->free_pending = p->next;
	else
		p = ARENA_NEW(&v->arena, struct pending);
	if (!p) {
		v->oom = true;
		return;
	}
	p->state = v->st;
	p->insn = v->at;
	p->prev = v->prev;
	p->late = false;
	p->log_pos = 0;
	p->next = t->exits;
	t->exits = p;
	v->npending++;
	v->st = NULL;
}

int summary_step(struct verifier *v)
{
	struct trial *t = v->trial;

	if (v->stats.insns_processed - t->start > TRIAL_INSNS || v->npending >= MAX_PENDING)
		return -E2BIG;
	if (v->st->cur < t->depth || (v->st->cur == t->depth && !loop_has(v, t->loop, v->at))) {
		put_off(v, t);
		return v->oom ? -ENOMEM : 2;
	}
	if (v->at != t->loop->head || v->st->cur != t->depth)
		return 0;
	t->arrivals++;
	head_meet(v, t);
	if (v->oom)
		return -ENOMEM;
	return t->failed ? -ELOOP : 1;
}

bool summary_walked(const struct verifier *v)
{
	return v->pending == v->trial->mark;
}

bool summary_silent(const struct verifier *v)
{
	return !v->trial->announced; /* what is around it is announced first */
}

static void trial_free(struct verifier *v, struct trial *t)
{
	v->trial = t->outer;
	t->outer = v->loops->free_trials;
	v->loops->free_trials = t;
}

/* The loop is walked on as it came, from what is kept at its head. */
static void give_up(struct verifier *v, struct trial *t)
{
	undo(v, t);
	t->loop->failures++;
	v->st = t->base;
	v->at = t->loop->head;
	v->prev = t->prev;
	v->resumed = true;
	trial_free(v, t);
}

void summary_abort(struct verifier *v)
{
	skep_error_free(v->error);
	v->error = NULL;
	if (v->st)
		state_free(v, v->st);
	v->st = NULL;
	give_up(v, v->trial);
}

static void confirm(struct verifier *v, struct trial *t)
{
	struct marks want;

	v->loops->decided++;
	v->st = t->base;
	v->at = t->loop->head;
	head_marks(v, t, &want);
	precise_marks(v, &want);
	v->st = NULL;
	while (t->exits) {
		struct pending *p = t->exits;

		t->exits = p->next;
		head_leave(v, t, p->state);
		p->next = v->pending;
		v->pending = p;
	}
	state_free(v, t->base);
	trial_free(v, t);
	if (!v->trial)
		forget_journal(v->loops); /* what was seen was seen */
	path_ended(v, t->head);
}

bool summary_end(struct verifier *v)
{
	struct trial *t = v->trial;
	bool silent = v->o->watch && !t->announced && !(t->outer && !t->outer->announced);

	if (!t->changed && (!t->arrivals || t->bounded)) {
		if (!silent) {
			confirm(v, t);
			return false;
		}
		t->announced = true; /* once more, for who watches */
	} else if (!t->changed || ++t->round > TRIAL_ROUNDS || t->announced) {
		give_up(v, t);
		return true;
	} else {
		head_guess(v, t);
	}
	undo(v, t);
	walk_head(v, t);
	v->resumed = true;
	return true;
}

uint32_t summary_blame(const struct verifier *v, uint32_t *heads, uint32_t n)
{
	uint32_t found = 0;

	for (const struct state *st = v->st; st && found < n; st = st->parent)
		if (st->is_head)
			heads[found++] = st->insn;
	return found;
}
