/* SPDX-License-Identifier: Apache-2.0 */
/* Making, sharing and changing of states (state.c): inside verify/ only. */
#ifndef VERIFY_STATE_H
#define VERIFY_STATE_H

#include "verify/internal.h"

bool state_spares(struct verifier *v);
struct state *state_new(struct verifier *v);
/* Shares frames and stacks. */
struct state *state_copy(struct verifier *v, const struct state *src, bool with_steps);
void state_free(struct verifier *v, struct state *st);
struct frame *frame_new(struct verifier *v, uint32_t func, uint32_t callsite);
void frame_unref(struct verifier *v, struct frame *f);
struct frame *frame_copy(struct verifier *v, struct state *st, uint32_t i);
/* The frame, to be written: copied if it is shared. */
static inline struct frame *frame_own(struct verifier *v, struct state *st, uint32_t i)
{
	return st->frames[i]->refs == 1 ? st->frames[i] : frame_copy(v, st, i);
}

/* At least @n slots of a frame's stack, to be written. */
struct slot *stack_own(struct verifier *v, struct frame *f, uint32_t n);
struct slot *slots_own(struct verifier *v, struct state *st, uint32_t frame, uint32_t n);
void state_add_ref(struct verifier *v, struct state *st, struct ref ref);
void state_drop_ref(struct state *st, uint32_t i);
struct ref *state_find_ref(struct state *st, enum ref_kind kind, uint32_t id);
void state_add_step(struct verifier *v, struct state *st, const struct step *step);
void state_each_reg(struct verifier *v, struct state *st,
		    void (*fn)(struct verifier *v, struct reg *r, void *ctx), void *ctx);

static inline void reg_clear(struct reg *r)
{
	memset(r, 0, sizeof(*r));
}

void reg_unknown(struct reg *r);
void reg_invalidate(const struct verifier *v, struct reg *r);
void reg_scalar(struct reg *r, struct scalar s);
void reg_const(struct reg *r, uint64_t value);
void reg_pointer(struct reg *r, enum reg_type type, unsigned int flags);
static inline bool reg_is_pointer(const struct reg *r)
{
	return r->type != T_NOT_INIT && r->type != T_SCALAR;
}

bool reg_is_null(const struct reg *r);
bool reg_is_packet(const struct reg *r);

void slot_spill(struct slot *s, const struct reg *r, unsigned int size);
bool slot_is_spill(const struct slot *s);
bool slot_is_scalar(const struct slot *s);

#endif
