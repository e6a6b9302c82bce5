// SPDX-License-Identifier: Apache-2.0
/*
 * States, frames and stacks: made, shared, copied before a write, given back. All memory is the verifier's arena; what is
 * given back is kept in lists by size. When memory is out, `oom` is set and spare ones are handed out, so that no
 * caller has to look: the walk ends after the instruction.
 */
#include "verify/summary.h"

struct free_block {
	struct free_block *next;
};

HOT static void *take(struct verifier *v, struct free_block **list, size_t size)
{
	void *p = *list;

	if (p)
		*list = (*list)->next;
	else
		p = arena_alloc_raw(&v->arena, 1, size);
	if (!p)
		v->oom = true;
	return p;
}

static void give(struct free_block **list, void *p)
{
	struct free_block *b = p;

	b->next = *list;
	*list = b;
}

static unsigned int class_of(uint32_t n)
{
	return n <= 1 ? 0 : 32u - (unsigned int)__builtin_clz(n - 1);
}

/* For when memory is out. */
struct spares {
	struct frame frame;
	struct state state;
	struct ref ref;
	_Alignas(struct stack) unsigned char stack[sizeof(struct stack) +
						   SLOTS * sizeof(struct slot)];
};

HOT bool state_spares(struct verifier *v)
{
	v->spares = ARENA_RAW(&v->arena, struct spares, 1);
	return v->spares;
}

static struct spares *spare(struct verifier *v)
{
	struct spares *s = v->spares;
	struct stack *stack = (struct stack *)s->stack;

	if (v->spared)
		return s;
	v->spared = true;
	memset(s, 0, sizeof(*s));
	stack->cap = stack->n = SLOTS;
	s->frame.stack = stack;
	s->frame.refs = stack->refs = 1u << 30;
	return s;
}

static struct stack *stack_new(struct verifier *v, uint32_t n)
{
	unsigned int c = class_of(n);
	struct stack *s =
		take(v, &v->free_stacks[c], sizeof(*s) + ((size_t)1 << c) * sizeof(struct slot));

	if (!s)
		return spare(v)->frame.stack;
	s->refs = 1;
	s->cap = 1u << c;
	s->n = 0;
	return s;
}

static void stack_unref(struct verifier *v, struct stack *s)
{
	if (s && !--s->refs)
		give(&v->free_stacks[class_of(s->cap)], s);
}

struct slot *stack_own(struct verifier *v, struct frame *f, uint32_t n)
{
	struct stack *old = f->stack;

	if (old && old->refs == 1 && old->cap >= n) {
		if (old->n < n) {
			memset(&old->slots[old->n], 0, (n - old->n) * sizeof(struct slot));
			old->n = n;
		}
		return old->slots;
	}
	f->stack = stack_new(v, old && old->n > n ? old->n : n);
	if (old) {
		memcpy(f->stack->slots, old->slots, old->n * sizeof(struct slot));
		f->stack->n = old->n;
	}
	if (f->stack->n < n) {
		memset(&f->stack->slots[f->stack->n], 0, (n - f->stack->n) * sizeof(struct slot));
		f->stack->n = n;
	}
	stack_unref(v, old);
	return f->stack->slots;
}

HOT struct frame *frame_new(struct verifier *v, uint32_t func, uint32_t callsite)
{
	struct frame *f = take(v, &v->free_frames, sizeof(*f));

	if (!f)
		return &spare(v)->frame;
	memset(f, 0, sizeof(*f));
	f->refs = 1;
	f->func = func;
	f->callsite = callsite;
	return f;
}

void frame_unref(struct verifier *v, struct frame *f)
{
	if (!f || --f->refs)
		return;
	stack_unref(v, f->stack);
	give(&v->free_frames, f);
}

HOT struct frame *frame_copy(struct verifier *v, struct state *st, uint32_t i)
{
	struct frame *old = st->frames[i], *f;

	f = take(v, &v->free_frames, sizeof(*f));
	if (!f)
		return &spare(v)->frame;
	*f = *old;
	f->refs = 1;
	if (f->stack)
		f->stack->refs++;
	old->refs--;
	st->frames[i] = f;
	return f;
}

struct slot *slots_own(struct verifier *v, struct state *st, uint32_t frame, uint32_t n)
{
	return stack_own(v, frame_own(v, st, frame), n);
}

HOT struct state *state_new(struct verifier *v)
{
	struct state *st = take(v, &v->free_states, sizeof(*st));

	if (!st)
		return &spare(v)->state;
	memset(st, 0, sizeof(*st));
	return st;
}

static struct ref *refs_new(struct verifier *v, uint32_t n, uint32_t *ret_cap)
{
	unsigned int c = class_of(n);
	struct ref *r = c < ARRAY_SIZE(v->free_refs) ? take(v, &v->free_refs[c], sizeof(*r) << c) :
						       NULL;

	if (!r) {
		v->oom = true;
		*ret_cap = 1;
		return &spare(v)->ref;
	}
	*ret_cap = 1u << c;
	return r;
}

void state_add_ref(struct verifier *v, struct state *st, struct ref ref)
{
	if (st->nrefs == st->crefs) {
		uint32_t cap;
		struct ref *r = refs_new(v, st->nrefs + 1, &cap);

		if (v->oom)
			return;
		if (st->nrefs)
			memcpy(r, st->refs, st->nrefs * sizeof(*r));
		if (st->crefs)
			give(&v->free_refs[class_of(st->crefs)], st->refs);
		st->refs = r;
		st->crefs = cap;
	}
	st->refs[st->nrefs++] = ref;
}

void state_drop_ref(struct state *st, uint32_t i)
{
	memmove(&st->refs[i], &st->refs[i + 1], (st->nrefs - i - 1) * sizeof(*st->refs));
	st->nrefs--;
}

/* Room for @n steps; false: out of memory. */
static bool more_steps(struct verifier *v, struct state *st, uint32_t n)
{
	unsigned int c = class_of(n);
	struct step *s =
		c < ARRAY_SIZE(v->free_steps) ? take(v, &v->free_steps[c], sizeof(*s) << c) : NULL;

	if (!s) {
		v->oom = true;
		return false;
	}
	if (st->nsteps)
		memcpy(s, st->steps, st->nsteps * sizeof(*s));
	if (st->csteps)
		give(&v->free_steps[class_of(st->csteps)], st->steps);
	st->steps = s;
	st->csteps = 1u << c;
	return true;
}

static void push_step(struct verifier *v, struct state *st, const struct step *step)
{
	if (st->nsteps == st->csteps && !more_steps(v, st, st->nsteps + 1))
		return;
	st->steps[st->nsteps++] = *step;
}

/* An instruction has one step, whatever is to be told of it. */
void state_add_step(struct verifier *v, struct state *st, const struct step *step)
{
	struct step *last = st->nsteps ? &st->steps[st->nsteps - 1] : NULL, one = *step;

	one.when = v->stats.insns_processed;
	if (!last || last->when != one.when || last->at != one.at) {
		push_step(v, st, &one);
		return;
	}
	if (last->slot == -1) {
		last->slot = one.slot;
		last->frame = one.frame;
	} else if (one.slot != -1 && (one.slot != last->slot || one.frame != last->frame)) {
		last->slot = SEVERAL_SLOTS;
	}
	if (!last->nlinked) {
		last->nlinked = one.nlinked;
		memcpy(last->linked, one.linked, sizeof(one.linked));
		memcpy(last->linked_frame, one.linked_frame, sizeof(one.linked_frame));
	}
}

HOT struct state *state_copy(struct verifier *v, const struct state *src, bool with_steps)
{
	struct state *st = state_new(v);

	if (v->oom)
		return st;
	*st = *src;
	for (uint32_t i = 0; i <= st->cur; i++)
		st->frames[i]->refs++;
	st->refs = NULL;
	st->crefs = st->nrefs = 0;
	for (uint32_t i = 0; i < src->nrefs; i++)
		state_add_ref(v, st, src->refs[i]);
	st->steps = NULL;
	st->csteps = st->nsteps = 0;
	if (with_steps && src->nsteps && more_steps(v, st, src->nsteps)) {
		memcpy(st->steps, src->steps, src->nsteps * sizeof(*st->steps));
		st->nsteps = src->nsteps;
	}
	st->next = NULL;
	st->hits = st->misses = 0;
	st->kept = st->cleaned = st->evicted = st->in_loop = st->is_head = false;
	st->loop_id = st->journal = 0;
	memset(&st->precise, 0, sizeof(st->precise));
	return st;
}

HOT void state_free(struct verifier *v, struct state *st)
{
	if (v->spared && st == &v->spares->state)
		return;
	for (uint32_t i = 0; i <= st->cur; i++)
		frame_unref(v, st->frames[i]);
	if (st->crefs)
		give(&v->free_refs[class_of(st->crefs)], st->refs);
	if (st->csteps)
		give(&v->free_steps[class_of(st->csteps)], st->steps);
	if (st->journal)
		summary_freed(v, st);
	give(&v->free_states, st);
}

/* Registers --------------------------------------------------------------------------------------- */

/* What it pointed to is no more. */
void reg_invalidate(const struct verifier *v, struct reg *r)
{
	if (v->allow_leak)
		reg_unknown(r);
	else
		reg_clear(r);
}

HOT void reg_unknown(struct reg *r)
{
	reg_clear(r);
	r->type = T_SCALAR;
	r->s = scalar_unknown();
}

void reg_scalar(struct reg *r, struct scalar s)
{
	reg_clear(r);
	r->type = T_SCALAR;
	r->s = s;
}

HOT void reg_const(struct reg *r, uint64_t value)
{
	reg_scalar(r, scalar_const(value));
}

HOT void reg_pointer(struct reg *r, enum reg_type type, unsigned int flags)
{
	reg_clear(r);
	r->type = (uint8_t)type;
	r->flags = (uint16_t)flags;
	r->s = scalar_const(0);
}

HOT bool reg_is_null(const struct reg *r)
{
	return r->type == T_SCALAR && scalar_is_const(&r->s) && !scalar_value(&r->s);
}

HOT bool reg_is_packet(const struct reg *r)
{
	return r->type == T_PKT || r->type == T_PKT_META;
}

/* All registers and spilled ones of a state, of frames that it owns. */
HOT void state_each_reg(struct verifier *v, struct state *st,
			void (*fn)(struct verifier *v, struct reg *r, void *ctx), void *ctx)
{
	for (uint32_t i = 0; i <= st->cur; i++) {
		struct frame *f = frame_own(v, st, i);

		for (unsigned int r = 0; r < ISA_REGS; r++)
			fn(v, &f->regs[r], ctx);
		if (!f->stack)
			continue;
		stack_own(v, f, f->stack->n);
		for (uint32_t s = 0; s < f->stack->n; s++)
			if (f->stack->slots[s].type[7] == SLOT_SPILL)
				fn(v, &f->stack->slots[s].spill, ctx);
	}
}

void slot_spill(struct slot *s, const struct reg *r, unsigned int size)
{
	s->spill = *r;
	for (unsigned int i = 8; i > 8 - size; i--)
		s->type[i - 1] = SLOT_SPILL;
	for (unsigned int i = 8 - size; i > 0; i--)
		if (s->type[i - 1] == SLOT_SPILL)
			s->type[i - 1] = SLOT_MISC;
}

bool slot_is_spill(const struct slot *s)
{
	return s->type[7] == SLOT_SPILL;
}

/* A whole number of 8 bytes? */
bool slot_is_scalar(const struct slot *s)
{
	return s->type[0] == SLOT_SPILL && s->spill.type == T_SCALAR;
}

struct ref *state_find_ref(struct state *st, enum ref_kind kind, uint32_t id)
{
	for (uint32_t i = 0; i < st->nrefs; i++)
		if (st->refs[i].kind == kind && st->refs[i].id == id)
			return &st->refs[i];
	return NULL;
}
