/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What instructions do to the values of facts.h. Whatever is not followed becomes unknown; a call that gets an address in the
 * frame makes what lies above it unknown, and all of it if a function of the program may get hold of it.
 */
#include "verify/facts.h"

#include "isa/alu.h"

static struct flow_value number(struct scalar s)
{
	return (struct flow_value){ .kind = FLOW_NUMBER, .s = s };
}

static struct flow_value unknown(void)
{
	return number(scalar_unknown());
}

static struct flow_value any(void)
{
	return (struct flow_value){ .kind = FLOW_ANY, .s = scalar_unknown() };
}

static struct flow_value address(enum flow_kind kind, int32_t off)
{
	return (struct flow_value){ .kind = kind, .off = off, .s = scalar_unknown() };
}

struct scalar flow_number(const struct flow_value *v)
{
	return v->kind == FLOW_NUMBER ? v->s : scalar_unknown();
}

static bool in_frame(const struct flow_value *v)
{
	return v->kind == FLOW_STACK || v->kind == FLOW_ANY;
}

void flow_start(struct flow *f, uint32_t nslots)
{
	for (unsigned int r = 0; r < ISA_REGS; r++)
		f->regs[r] = unknown();
	f->regs[ISA_REG_FP] = address(FLOW_STACK, 0);
	f->nslots = nslots;
	for (uint32_t i = 0; i < nslots; i++)
		f->slots[i].form = FLOW_EMPTY;
}

void flow_join(struct flow_value *to, const struct flow_value *with)
{
	if (to->kind != with->kind || (to->kind != FLOW_NUMBER && to->off != with->off)) {
		*to = in_frame(to) || in_frame(with) ? any() : unknown();
	} else if (to->kind == FLOW_NUMBER && !scalar_is_within(&with->s, &to->s)) {
		to->s = scalar_join(&to->s, &with->s);
	}
}

void flow_join_slot(struct flow_slot *to, const struct flow_slot *with)
{
	if (to->form != with->form) {
		to->form = FLOW_EMPTY;
		return;
	}
	if (to->form != FLOW_EMPTY)
		flow_join(&to->v[0], &with->v[0]);
	if (to->form == FLOW_HALVES)
		flow_join(&to->v[1], &with->v[1]);
}

/* The frame -------------------------------------------------------------------------------------- */

static void forget_from(struct flow *f, int64_t off)
{
	for (uint32_t i = 0; i < f->nslots; i++)
		if (-8 * (int64_t)i > off)
			f->slots[i].form = FLOW_EMPTY;
}

static void forget_all(struct flow *f)
{
	forget_from(f, INT64_MIN);
}

/* The slot that holds [off, off + size) as a whole, or NULL; *ret_at is where in it. */
static const struct flow_slot *slot_of(const struct flow *f, int64_t off, unsigned int size,
				       unsigned int *ret_at)
{
	int64_t i = (-off + 7) / 8 - 1;

	if (off >= 0 || i >= f->nslots)
		return NULL;
	*ret_at = (unsigned int)(off + 8 * (i + 1));
	return *ret_at + size <= 8 ? &f->slots[i] : NULL;
}

static struct scalar shifted(const struct scalar *s, enum isa_op op, unsigned int bits)
{
	struct scalar ret = *s, by = scalar_const(bits);

	(void)scalar_alu(op, &ret, &by);
	return ret;
}

/* Half @i of a number of 64 bits, in the order of addresses. */
static struct scalar half_of(const struct scalar *s, unsigned int i)
{
	bool low = (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) == (i == 0);

	return low ? scalar_zext(s, 4) : shifted(s, ISA_RSH64_IMM, 32);
}

static struct scalar put_together(const struct flow_slot *slot)
{
	bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	struct scalar ret = shifted(&slot->v[little].s, ISA_LSH64_IMM, 32);

	(void)scalar_alu(ISA_OR64_REG, &ret, &slot->v[!little].s);
	return ret;
}

/* A byte or two of what is a constant. */
static bool part_of(const struct flow_slot *slot, unsigned int at, unsigned int size,
		    struct scalar *ret)
{
	struct scalar s = slot->form == FLOW_WHOLE ? flow_number(&slot->v[0]) : put_together(slot);
	unsigned int shift = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? at : 8 - at - size;

	if (!scalar_is_const(&s))
		return false;
	s = shifted(&s, ISA_RSH64_IMM, 8 * shift);
	*ret = scalar_zext(&s, size);
	return true;
}

struct flow_value flow_load(const struct flow *f, int64_t off, unsigned int size)
{
	struct flow_value ret = size == 8 ? any() : number(scalar_sized(size));
	const struct flow_slot *slot;
	unsigned int at = 0;

	slot = slot_of(f, off, size, &at);
	if (!slot || slot->form == FLOW_EMPTY)
		return ret;
	if (size == 8)
		return slot->form == FLOW_WHOLE ? slot->v[0] : number(put_together(slot));
	if (size == 4 && at % 4 == 0 && slot->form == FLOW_HALVES)
		return slot->v[at / 4];
	if (size == 4 && at % 4 == 0 && slot->v[0].kind == FLOW_NUMBER)
		return number(half_of(&slot->v[0].s, at / 4));
	(void)part_of(slot, at, size, &ret.s);
	return ret;
}

static void put_half(struct flow_slot *slot, unsigned int i, const struct flow_value *v)
{
	struct scalar was = flow_number(&slot->v[0]), now = flow_number(v);

	if (slot->form == FLOW_WHOLE)
		slot->v[!i] = number(half_of(&was, !i));
	else if (slot->form == FLOW_EMPTY)
		slot->v[!i] = number(scalar_sized(4));
	slot->v[i] = number(scalar_zext(&now, 4));
	slot->form = FLOW_HALVES;
}

static void store_at(struct flow *f, int64_t off, unsigned int size, const struct flow_value *v)
{
	for (uint32_t i = 0; i < f->nslots; i++) {
		int64_t base = -8 * ((int64_t)i + 1);

		if (off >= base + 8 || off + size <= base)
			continue;
		if (v && size == 8 && off == base) {
			f->slots[i].form = FLOW_WHOLE;
			f->slots[i].v[0] = *v;
		} else if (v && size == 4 && (off - base) % 4 == 0) {
			put_half(&f->slots[i], (unsigned int)(off - base) / 4, v);
		} else {
			f->slots[i].form = FLOW_EMPTY;
		}
	}
}

/* Writes @v (NULL: something) through @base. */
static void store(struct flow *f, const struct flow_value *base, int32_t off, unsigned int size,
		  const struct flow_value *v)
{
	if (base->kind == FLOW_STACK)
		store_at(f, (int64_t)base->off + off, size, v);
	else if (base->kind == FLOW_ANY)
		forget_all(f);
}

/* Instructions ------------------------------------------------------------------------------------ */

static void alu(struct flow *f, const struct flow_step *step)
{
	const struct skep_insn *in = step->in;
	struct flow_value *dst = &f->regs[insn_dst(in)];
	bool reg = isa_reads(step->op) & ISA_USE_SRC;
	struct flow_value src = reg ? f->regs[insn_src(in)] :
				      number(scalar_const(alu_imm(in->imm)));
	bool adds = step->op == ISA_ADD64_IMM || step->op == ISA_ADD64_REG ||
		    step->op == ISA_SUB64_IMM || step->op == ISA_SUB64_REG;
	struct scalar s = flow_number(dst), by = flow_number(&src);

	if (step->op == ISA_MOV64_REG) {
		*dst = src;
		return;
	}
	if (adds && dst->kind == FLOW_STACK && src.kind == FLOW_NUMBER && scalar_is_const(&by)) {
		int64_t x = (int64_t)scalar_value(&by);

		if (x > -(1 << 20) && x < 1 << 20) {
			x = step->op == ISA_ADD64_IMM || step->op == ISA_ADD64_REG ? x : -x;
			if (dst->off + x > -(1 << 20) && dst->off + x < 1 << 20) {
				dst->off += (int32_t)x;
				return;
			}
		}
	}
	if (adds && (in_frame(dst) || in_frame(&src))) {
		*dst = any();
		return;
	}
	(void)scalar_alu(step->op, &s, &by);
	*dst = number(s);
}

static bool extends_sign(enum isa_op op)
{
	return op == ISA_LDXS_B || op == ISA_LDXS_H || op == ISA_LDXS_W;
}

HOT static void load(struct flow *f, const struct flow_step *step)
{
	const struct flow_value *base = &f->regs[insn_src(step->in)];
	struct flow_value *dst = &f->regs[insn_dst(step->in)], v;
	unsigned int size = isa_access_size(step->op);

	if (base->kind == FLOW_STACK)
		v = flow_load(f, (int64_t)base->off + step->in->off, size);
	else if (size == 8)
		v = base->kind == FLOW_ANY ? any() : unknown();
	else
		v = number(step->ctx ? scalar_unknown() : scalar_sized(size));
	if (extends_sign(step->op))
		v = number(step->ctx && base->kind != FLOW_STACK ? scalar_unknown() :
								   scalar_sext(&v.s, size));
	*dst = v;
}

static void atomic(struct flow *f, const struct flow_step *step)
{
	const struct skep_insn *in = step->in;
	unsigned int size = isa_access_size(step->op), writes = isa_writes(step->op);
	const struct flow_value *base = &f->regs[insn_dst(in)];
	struct flow_value was = size == 8 ? (in_frame(base) ? any() : unknown()) :
					    number(scalar_sized(4));

	store(f, base, in->off, size, NULL);
	if (writes & ISA_USE_SRC)
		f->regs[insn_src(in)] = was;
	if (writes & ISA_USE_R0)
		f->regs[0] = was;
}

static void wide_load(struct flow *f, const struct flow_step *step)
{
	const struct skep_insn *in = step->in;
	struct flow_value *dst = &f->regs[insn_dst(in)];

	if (step->op == ISA_LD_IMM)
		*dst = number(
			scalar_const((uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32));
	else if (step->op == ISA_LD_MAP_IDX || step->op == ISA_LD_MAP_FD)
		*dst = address(FLOW_MAP, in->imm);
	else
		*dst = unknown();
}

static void call(struct flow *f, const struct flow_step *step)
{
	bool ours = step->op == ISA_CALL_LOCAL || step->op == ISA_CALLX, lent = false;

	for (unsigned int r = 1; r <= 5; r++) {
		if (!in_frame(&f->regs[r]))
			continue;
		lent = true;
		if (f->regs[r].kind == FLOW_ANY || ours || step->callbacks)
			forget_all(f);
		else
			forget_from(f, f->regs[r].off);
	}
	for (unsigned int r = 1; r <= 5; r++)
		f->regs[r] = unknown();
	/* No helper gives an address in the frame back; kernel functions may, of a buffer that they got. */
	f->regs[0] = lent && step->op != ISA_CALL_HELPER ? any() : unknown();
}

void flow_step(struct flow *f, const struct flow_step *step)
{
	const struct skep_insn *in = step->in;
	struct flow_value v;

	switch (isa_kind(step->op)) {
	case ISA_KIND_ALU:
		alu(f, step);
		break;
	case ISA_KIND_CAST:
		f->regs[insn_dst(in)] = unknown();
		break;
	case ISA_KIND_LOAD:
		load(f, step);
		break;
	case ISA_KIND_STORE:
		v = isa_reads(step->op) & ISA_USE_SRC ? f->regs[insn_src(in)] :
							number(scalar_const(alu_imm(in->imm)));
		store(f, &f->regs[insn_dst(in)], in->off, isa_access_size(step->op), &v);
		break;
	case ISA_KIND_ATOMIC:
		atomic(f, step);
		break;
	case ISA_KIND_WIDE_LOAD:
		wide_load(f, step);
		break;
	case ISA_KIND_CALL:
		call(f, step);
		break;
	case ISA_KIND_PACKET:
		for (unsigned int r = 1; r <= 5; r++)
			f->regs[r] = unknown();
		f->regs[0] = unknown();
		break;
	case ISA_KIND_NONE:
	case ISA_KIND_JUMP:
	case ISA_KIND_JUMP_REG:
	case ISA_KIND_BRANCH:
	case ISA_KIND_EXIT:
		break;
	}
}
