// SPDX-License-Identifier: Apache-2.0
/*
 * The path so far, for explanations: a tree of instructions that shares its beginnings, because a branch that waits keeps
 * the end of its path in its state.
 */
#include "verify/explain.h"

#define MAX_NOTES 400000 /* with a value each */

int trail_result(const struct verifier *v, uint32_t at)
{
	const struct skep_insn *in = &v->insns[at];
	unsigned int writes = isa_writes(v->ops[at]);

	switch (isa_kind(v->ops[at])) {
	case ISA_KIND_ALU:
	case ISA_KIND_CAST:
	case ISA_KIND_LOAD:
	case ISA_KIND_WIDE_LOAD:
	case ISA_KIND_BRANCH:
		return (int)insn_dst(in);
	case ISA_KIND_ATOMIC:
		return writes & ISA_USE_SRC ? (int)insn_src(in) : writes & ISA_USE_R0 ? 0 : NO_REG;
	case ISA_KIND_CALL:
	case ISA_KIND_EXIT:
	case ISA_KIND_PACKET:
		return 0;
	case ISA_KIND_STORE:
	case ISA_KIND_JUMP:
	case ISA_KIND_JUMP_REG:
	case ISA_KIND_NONE:
		break;
	}
	return NO_REG;
}

/* A load or store of the stack at a place that is known. */
static void note_slot(struct verifier *v, struct trail *t)
{
	const struct skep_insn *in = &v->insns[v->at];
	enum isa_kind kind = isa_kind(v->ops[v->at]);
	const struct reg *r;
	int64_t off;

	t->slot = -1;
	if (kind != ISA_KIND_LOAD && kind != ISA_KIND_STORE)
		return;
	r = reg_at(v, kind == ISA_KIND_LOAD ? insn_src(in) : insn_dst(in));
	if (r->type != T_STACK || !scalar_is_const(&r->s))
		return;
	off = r->off + in->off + (int64_t)scalar_value(&r->s);
	if (off >= 0 || off < -ISA_STACK_SIZE)
		return;
	t->slot = (int16_t)((-off - 1) / 8);
	t->frame = (uint8_t)r->frame;
}

static void note_branch(struct verifier *v, struct trail *t)
{
	const struct skep_insn *in = &v->insns[v->at];
	const struct reg *d, *s;

	if (isa_kind(v->ops[v->at]) != ISA_KIND_BRANCH)
		return;
	d = reg_at(v, insn_dst(in));
	s = in->code & 8 ? reg_at(v, insn_src(in)) : d;
	t->id = d->id & ~ID_ADD;
	if (d->type == T_PKT && s->type == T_PKT_END)
		t->packet = true;
	if (s->type == T_PKT && d->type == T_PKT_END) {
		t->packet = true;
		t->id = s->id;
	}
}

void trail_note(struct verifier *v)
{
	struct trail *t = ARENA_NEW(&v->arena, struct trail), *prev = v->st->trail;

	if (!t) {
		v->oom = true;
		return;
	}
	t->prev = prev;
	t->at = v->at;
	t->cur = (uint8_t)v->st->cur;
	t->regno = (int8_t)(prev ? trail_result(v, prev->at) : NO_REG);
	if (v->explain->again) /* without what was granted */
		t->result = v->explain->again->result;
	else if (t->regno >= 0 && v->explain->nnotes++ < MAX_NOTES)
		t->result =
			arena_dup(&v->arena, reg_at(v, (unsigned int)t->regno), sizeof(struct reg));
	if (prev)
		t->state = prev->state;
	note_slot(v, t);
	note_branch(v, t);
	v->explain->again = NULL;
	v->st->trail = t;
}
