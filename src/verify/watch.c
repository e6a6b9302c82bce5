// SPDX-License-Identifier: Apache-2.0
/*
 * Tells verify_opts.watch each state before it is walked on. What a slot has lost to a smaller write is told as nothing
 * or as bytes that are zero.
 */
#include "verify/walk.h"

static enum verify_kind kind_of(enum reg_type type)
{
	switch (type) {
	case T_NOT_INIT:
		return VERIFY_NOTHING;
	case T_SCALAR:
		return VERIFY_NUMBER;
	case T_CTX:
		return VERIFY_CTX;
	case T_STACK:
		return VERIFY_STACK;
	case T_PKT:
		return VERIFY_PACKET;
	case T_MAP_VALUE:
		return VERIFY_MAP_VALUE;
	case T_MAP_PTR:
	case T_MAP_KEY:
	case T_PKT_META:
	case T_PKT_END:
	case T_FLOW_KEYS:
	case T_SOCKET:
	case T_SOCK_COMMON:
	case T_TCP_SOCK:
	case T_XDP_SOCK:
	case T_TP_BUFFER:
	case T_BTF:
	case T_MEM:
	case T_ARENA:
	case T_BUF:
	case T_FUNC:
	case T_DYNPTR:
	case T_COUNT:
		break;
	}
	return VERIFY_POINTER;
}

static struct verify_value value_of(const struct reg *r)
{
	return (struct verify_value){
		.kind = kind_of(r->type),
		.null = r->flags & F_NULL,
		.frame = r->type == T_STACK ? r->frame : 0,
		.off = r->type == T_SCALAR ? 0 : r->off,
		.s = r->s,
	};
}

static struct verify_slot slot_of(const struct slot *s)
{
	struct verify_slot ret = { .size = 0 };

	for (unsigned int i = 0; i < 8; i++) {
		if (s->type[7 - i] == SLOT_ZERO)
			ret.zero |= (uint8_t)(1u << i);
		if (s->type[7 - i] == SLOT_SPILL && ret.size == i)
			ret.size++;
	}
	/* A pointer is whole, or it is none. */
	if (ret.size && (ret.size & (ret.size - 1) || (ret.size < 8 && s->spill.type != T_SCALAR)))
		ret.size = 0;
	if (ret.size)
		ret.value = value_of(&s->spill);
	if (ret.size < 8)
		ret.value.s = scalar_zext(&ret.value.s, ret.size ? ret.size : 8);
	return ret;
}

void watch_state(struct verifier *v)
{
	const struct state *st = v->st;
	struct verify_point *p = v->point;

	p->insn = v->at;
	p->depth = st->cur;
	for (unsigned int r = 0; r < ISA_REGS; r++)
		p->regs[r] = value_of(&st->frames[st->cur]->regs[r]);
	for (uint32_t i = 0; i <= st->cur; i++) {
		const struct frame *f = st->frames[i];

		p->frames[i].callsite = f->callsite;
		p->frames[i].nslots = f->stack ? f->stack->n : 0;
		for (uint32_t s = 0; s < p->frames[i].nslots; s++)
			p->frames[i].slots[s] = slot_of(&f->stack->slots[s]);
	}
	v->o->watch(v->o->watch_ctx, p);
}
