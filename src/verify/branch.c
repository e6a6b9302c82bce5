// SPDX-License-Identifier: Apache-2.0
/*
 * Conditional jumps: which way is possible, and what is known on each. Numbers are refined by scalar.h; a comparison with null
 * decides a pointer that may be null, with all its copies (same id); a comparison of a packet pointer with the packet's end
 * tells how many bytes from its base are there.
 */
#include "verify/fields.h"
#include "verify/summary.h"

enum { J_EQ = 1, J_GT, J_GE, J_SET, J_NE, J_SGT, J_SGE, J_LT = 10, J_LE, J_SLT, J_SLE };

static const struct skep_insn *insn(const struct verifier *v)
{
	return &v->insns[v->at];
}

static bool is_64(const struct skep_insn *in)
{
	return (in->code & 7) == 5;
}

/* Null -------------------------------------------------------------------------------------------- */

static bool never_null(const struct reg *r)
{
	if (r->flags & F_NULL)
		return false;
	switch ((enum reg_type)r->type) {
	case T_SOCKET:
	case T_TCP_SOCK:
	case T_MAP_VALUE:
	case T_MAP_KEY:
	case T_SOCK_COMMON:
	case T_MAP_PTR:
	case T_MEM:
		return !(r->flags & F_UNTRUSTED);
	case T_BTF:
		return (r->flags & (F_TRUSTED | F_ALLOC) || r->ref) && !(r->flags & F_UNTRUSTED);
	case T_NOT_INIT:
	case T_SCALAR:
	case T_PKT:
	case T_PKT_META:
	case T_PKT_END:
	case T_CTX:
	case T_FUNC:
	case T_STACK:
	case T_FLOW_KEYS:
	case T_XDP_SOCK:
	case T_TP_BUFFER:
	case T_ARENA:
	case T_BUF:
	case T_DYNPTR:
	case T_COUNT:
		break;
	}
	return false;
}

struct null_mark {
	uint32_t id;
	bool null;
};

static void not_null(struct verifier *v, struct reg *r)
{
	const struct verify_map *map = r->map;

	r->flags &= (uint16_t)~F_NULL;
	if (r->type != T_MAP_VALUE)
		return;
	if (map->inner) {
		uint32_t id = r->id;

		r->type = T_MAP_PTR;
		r->map = map->inner;
		r->uid = fields_of_map(v, map->inner) ? id : 0;
	} else if (map->type == MAP_XSKMAP) {
		r->type = T_XDP_SOCK;
		r->map = NULL;
	} else if (map->type == MAP_SOCKMAP || map->type == MAP_SOCKHASH) {
		r->type = T_SOCKET;
		r->map = NULL;
	}
}

static bool has_lock(struct verifier *v, const struct reg *r)
{
	const struct fields *f = NULL;

	if (r->type == T_MAP_VALUE)
		f = fields_of_map(v, r->map);
	else if (r->type == T_BTF && r->flags & F_ALLOC && r->btf)
		f = fields_of(v, r->btf, r->btf_id);
	return f && f->kinds & (FK_SPIN_LOCK | FK_RES_SPIN_LOCK);
}

static void mark_null(struct verifier *v, struct reg *r, void *ctx)
{
	const struct null_mark *m = ctx;
	uint32_t ref = r->ref;

	if (!(r->flags & F_NULL) || r->id != m->id || r->type == T_SCALAR)
		return;
	if (m->null) {
		bool precise = r->precise;

		reg_const(r, 0);
		r->precise = precise;
		return;
	}
	not_null(v, r);
	if (r->type != T_MAP_PTR && !has_lock(v, r))
		r->id = 0;
	if (r->type == T_MAP_PTR)
		r->id = 0;
	r->ref = ref;
}

void null_decide(struct verifier *v, struct state *st, uint32_t id, uint32_t ref, bool null)
{
	struct null_mark m = { id, null };

	if (null && ref && ref == id)
		for (uint32_t i = 0; i < st->nrefs; i++)
			if (st->refs[i].kind == REF_PTR && st->refs[i].id == id) {
				state_drop_ref(st, i);
				break;
			}
	state_each_reg(v, st, mark_null, &m);
}

/* Packets ----------------------------------------------------------------------------------------- */

struct range_mark {
	uint32_t id;
	uint8_t type;
	int32_t range;
};

HOT static void raise_range(struct verifier *v, struct reg *r, void *ctx)
{
	const struct range_mark *m = ctx;

	(void)v;
	if (r->type == m->type && r->id == m->id && r->range < m->range)
		r->range = m->range;
}

/* On this way the packet reaches as far as the pointer, or one byte more. */
static void reaches(struct verifier *v, struct state *st, const struct reg *ptr, bool open)
{
	struct range_mark m = { ptr->id, ptr->type, ptr->off + open };

	if (ptr->off < 0 || (!ptr->off && open) || ptr->s.umax > MAX_PACKET ||
	    ptr->s.umax + (uint64_t)ptr->off > MAX_PACKET)
		return;
	state_each_reg(v, st, raise_range, &m);
}

static void at_end(struct verifier *v, struct state *st, unsigned int regno, bool beyond)
{
	struct reg *r = &frame_own(v, st, st->cur)->regs[regno];

	if (r->type == T_PKT)
		r->range = beyond ? PKT_BEYOND_END : PKT_AT_END;
}

/* Is (a, b) a pointer and the end that it may be compared with? */
static bool is_pair(const struct reg *a, const struct reg *b)
{
	return (a->type == T_PKT && b->type == T_PKT_END) ||
	       (a->type == T_PKT_META && b->type == T_PKT && !b->off && scalar_is_const(&b->s) &&
		!scalar_value(&b->s));
}

/* `taken` and `other` are the states of the two ways; true when it was such a comparison. */
static bool match_packet(struct verifier *v, struct state *taken, struct state *stays)
{
	const struct skep_insn *in = insn(v);
	unsigned int op = in->code >> 4, d = insn_dst(in), s = insn_src(in), regno;
	struct state *inside, *outside;
	struct reg dst, src, *ptr;
	bool left, right, open;

	if (!is_64(in) || !(in->code & 8) || (op != J_GT && op != J_GE && op != J_LT && op != J_LE))
		return false;
	dst = frame_of(stays)->regs[d];
	src = frame_of(stays)->regs[s];
	left = is_pair(&dst, &src);
	right = is_pair(&src, &dst);
	if (!left && !right)
		return false;
	regno = left ? d : s;
	ptr = left ? &dst : &src;
	if (right) /* end op pointer: turn it round */
		op = op == J_GT ? J_LT : op == J_LT ? J_GT : op == J_GE ? J_LE : J_GE;
	/* pointer > end, pointer >= end: the packet goes on where the jump is not taken */
	inside = op == J_GT || op == J_GE ? stays : taken;
	outside = inside == stays ? taken : stays;
	open = op == J_GE || op == J_LT;
	reaches(v, inside, ptr, open);
	at_end(v, outside, regno, !open);
	return true;
}

static enum scalar_truth packet_truth(const struct skep_insn *in, const struct reg *dst,
				      const struct reg *src)
{
	unsigned int op = in->code >> 4;
	const struct reg *pkt = dst;

	if (src->type == T_PKT_END && dst->type == T_PKT) {
		pkt = dst;
	} else if (dst->type == T_PKT_END && src->type == T_PKT) {
		pkt = src;
		op = op == J_GT ? J_LT :
		     op == J_LT ? J_GT :
		     op == J_GE ? J_LE :
		     op == J_LE ? J_GE :
				  op;
	} else {
		return SCALAR_UNDECIDED;
	}
	if (pkt->range >= 0)
		return SCALAR_UNDECIDED;
	if ((op == J_GT || op == J_LE) && pkt->range == PKT_BEYOND_END)
		return op == J_GT ? SCALAR_ALWAYS : SCALAR_NEVER;
	if (op == J_GE || op == J_LT)
		return op == J_GE ? SCALAR_ALWAYS : SCALAR_NEVER;
	return SCALAR_UNDECIDED;
}

/* Which way --------------------------------------------------------------------------------------- */

static enum scalar_truth truth(struct verifier *v, struct reg *dst, struct reg *src)
{
	const struct skep_insn *in = insn(v);
	unsigned int op = in->code >> 4;
	bool zero = src->type == T_SCALAR && scalar_is_const(&src->s) && !scalar_value(&src->s);

	if (reg_is_pointer(src) && reg_is_pointer(dst) && in->code & 8 && is_64(in))
		return packet_truth(in, dst, src);
	if (reg_is_pointer(dst) || reg_is_pointer(src)) {
		const struct reg *ptr = reg_is_pointer(dst) ? dst : src;

		if (ptr == src) {
			zero = dst->type == T_SCALAR && scalar_is_const(&dst->s) &&
			       !scalar_value(&dst->s);
		}
		if (!is_64(in) || !zero || !never_null(ptr))
			return SCALAR_UNDECIDED;
		if (op == J_EQ)
			return SCALAR_NEVER;
		return op == J_NE ? SCALAR_ALWAYS : SCALAR_UNDECIDED;
	}
	return scalar_branch(v->ops[v->at], &dst->s, &src->s);
}

static int decided(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	int err = 0;

	if (!reg_is_pointer(reg_at(v, insn_dst(in))))
		err = precise_reg(v, insn_dst(in));
	if (err == 0 && in->code & 8 && !reg_is_pointer(reg_at(v, insn_src(in))))
		err = precise_reg(v, insn_src(in));
	return err;
}

/* Refines in the state that is v->st now. */
HOT static void refine(struct verifier *v, bool taken)
{
	const struct skep_insn *in = insn(v);
	struct frame *f = frame_own(v, v->st, v->st->cur);
	struct reg *dst = &f->regs[insn_dst(in)], *src = &f->regs[insn_src(in)];
	struct scalar imm;

	if (dst->type != T_SCALAR || (in->code & 8 && src->type != T_SCALAR))
		return;
	imm = scalar_const((uint64_t)(int64_t)in->imm);
	scalar_refine(v->ops[v->at], taken, &dst->s, in->code & 8 ? &src->s : &imm);
	if (in->code & 8 && src != dst)
		sync_linked(v, src, NULL);
	sync_linked(v, dst, NULL);
}

/* The same for the way that waits, where one number is all there is to tell: then its frame stays shared. */
static bool refine_late(struct verifier *v, struct state *taken)
{
	const struct skep_insn *in = insn(v);
	const struct reg *dst = &frame_of(taken)->regs[insn_dst(in)];
	struct pending *p = v->pending;
	struct scalar imm;

	if (v->trial || in->code & 8 || dst->type != T_SCALAR || dst->id & ~ID_ADD ||
	    p->state != taken)
		return false;
	imm = scalar_const((uint64_t)(int64_t)in->imm);
	p->late = true;
	p->regno = (uint8_t)insn_dst(in);
	p->s = dst->s;
	scalar_refine(v->ops[v->at], true, &p->s, &imm);
	return true;
}

/* Two pointers are equal and one of them is not null: then neither is the other. */
static void equal_pointers(struct verifier *v, struct state *taken, struct state *stays)
{
	const struct skep_insn *in = insn(v);
	unsigned int op = in->code >> 4;
	struct state *eq = op == J_EQ ? taken : stays;
	struct reg dst, src;

	if (!(in->code & 8) || !is_64(in) || (op != J_EQ && op != J_NE))
		return;
	dst = frame_of(eq)->regs[insn_dst(in)];
	src = frame_of(eq)->regs[insn_src(in)];
	if (!reg_is_pointer(&dst) || !reg_is_pointer(&src) || dst.type == T_BTF ||
	    src.type == T_BTF)
		return;
	if (dst.flags & F_NULL && !(src.flags & F_NULL))
		null_decide(v, eq, dst.id, 0, false);
	else if (src.flags & F_NULL && !(dst.flags & F_NULL))
		null_decide(v, eq, src.id, 0, false);
}

static int split(struct verifier *v, struct state *taken)
{
	const struct skep_insn *in = insn(v);
	unsigned int op = in->code >> 4;
	struct state *stays = v->st;
	struct reg *dst = reg_at(v, insn_dst(in)), *src = reg_at(v, insn_src(in));
	uint32_t id = dst->id, ref = dst->ref;
	bool zero = in->code & 8 ? reg_is_null(src) : !in->imm;

	refine(v, false);
	if (refine_late(v, taken))
		return 0;
	v->st = taken;
	refine(v, true);
	v->st = stays;
	equal_pointers(v, taken, stays);
	dst = reg_at(v, insn_dst(in));
	if (is_64(in) && zero && dst->flags & F_NULL && reg_is_pointer(dst) &&
	    (op == J_EQ || op == J_NE)) {
		null_decide(v, stays, id, ref, op == J_NE);
		null_decide(v, taken, id, ref, op == J_EQ);
		return 0;
	}
	if (match_packet(v, taken, stays))
		return 0;
	if (reg_is_pointer(reg_at(v, insn_dst(in))) && !v->allow_leak)
		return reject(v, &ERR_COMPARE, "R%u pointer comparison prohibited", insn_dst(in));
	return 0;
}

static int operands(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	int err = 0;

	if (in->code & 8) {
		const struct reg *d = reg_at(v, insn_dst(in)), *s = reg_at(v, insn_src(in));

		err = use_reg(v, insn_src(in));
		if (err == 0 && reg_is_pointer(s) && !v->allow_leak && !is_pair(d, s) &&
		    !is_pair(s, d) && !(reg_is_packet(d) && reg_is_packet(s)))
			err = reject(v, &ERR_COMPARE, "R%u pointer comparison prohibited",
				     insn_src(in));
	}
	return err < 0 ? err : use_reg(v, insn_dst(in));
}

/* Numbers linked to the operands, for who looks back. */
static void record(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	struct step step = { .at = v->at, .from = v->prev, .slot = -1 };

	if (in->code & 8)
		sync_linked(v, reg_at(v, insn_src(in)), &step);
	if (!(in->code & 8) ||
	    (reg_at(v, insn_src(in))->id & ~ID_ADD) != (reg_at(v, insn_dst(in))->id & ~ID_ADD))
		sync_linked(v, reg_at(v, insn_dst(in)), &step);
	if (step.nlinked > 1)
		state_add_step(v, v->st, &step);
}

static void fact(struct verifier *v, bool taken)
{
	v->marks[v->at] |= taken ? AT_ALWAYS : AT_NEVER;
}

HOT int do_branch(struct verifier *v, bool *ret_both, uint32_t *ret_next)
{
	const struct skep_insn *in = insn(v);
	uint32_t to = (uint32_t)((int64_t)v->at + 1 + in->off);
	struct reg *dst, *src, imm;
	struct state *taken;
	enum scalar_truth t;
	int err = operands(v);

	*ret_both = false;
	if (err < 0)
		return err;
	dst = reg_at(v, insn_dst(in));
	src = reg_at(v, insn_src(in));
	if (!(in->code & 8)) {
		reg_const(&imm, (uint64_t)(int64_t)in->imm);
		src = &imm;
	}
	if (v->trial)
		summary_hint(v, dst, src);
	t = truth(v, dst, src);
	if (t != SCALAR_UNDECIDED) {
		*ret_next = t == SCALAR_ALWAYS ? to : v->at + 1;
		if (!v->st->speculative)
			fact(v, t == SCALAR_ALWAYS);
		err = speculate_branch(v, t == SCALAR_ALWAYS ? v->at + 1 : to, in);
		return err < 0 ? err : decided(v);
	}
	*ret_both = true;
	if (!v->st->speculative) {
		fact(v, true);
		fact(v, false);
	}
	record(v);
	taken = push_branch(v, to, v->at);
	if (!taken)
		return -E2BIG;
	*ret_next = v->at + 1;
	return split(v, taken);
}
