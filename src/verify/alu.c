// SPDX-License-Identifier: Apache-2.0
/*
 * Arithmetic. On numbers it is scalar.h's; a pointer may be moved by a number: a constant goes into its fixed offset, what is
 * not known into its unknown part. Numbers that were copied from one another carry the same id (link), also when a
 * constant was added since: what a comparison tells of one, it tells of all.
 */
#include "isa/alu.h"
#include "verify/summary.h"

int no_value(struct verifier *v, unsigned int regno)
{
	reject(v, &ERR_UNINIT, "R%u !read_ok", regno);
	skep_need(&v->error, "a value in r%u on every path to here", regno);
	skep_hint(&v->error,
		  "registers r1 to r5 hold nothing after a call; set the register on every path");
	return -EACCES;
}

static const struct skep_insn *insn(const struct verifier *v)
{
	return &v->insns[v->at];
}

static bool is_64(const struct skep_insn *in)
{
	return (in->code & 7) == 7;
}

/* Bits 4-7 of the opcode: RFC 9669, section 4.1. */
static const char *sign_of(const struct skep_insn *in)
{
	static const char *const signs[] = { "+=",  "-=",  "*=", "/=", "|=", "&=",   "<<=",
					     ">>=", "neg", "%=", "^=", "=",  "s>>=", "endian" };

	return signs[in->code >> 4 < 14 ? in->code >> 4 : 11];
}

enum {
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_OR,
	OP_AND,
	OP_LSH,
	OP_RSH,
	OP_NEG,
	OP_MOD,
	OP_XOR,
	OP_MOV,
	OP_ARSH,
	OP_END
};

void link_scalars(struct verifier *v, struct reg *src)
{
	if (src->type != T_SCALAR || scalar_is_const(&src->s))
		return;
	if (src->id & ID_ADD) {
		src->id = 0;
		src->off = 0;
	}
	if (!src->id)
		src->id = next_id(v);
}

/* Linked numbers ---------------------------------------------------------------------------------- */

static bool follow(struct reg *r, const struct reg *known)
{
	struct scalar s;

	if (r->type != T_SCALAR || (r->id & ~ID_ADD) != (known->id & ~ID_ADD) || r == known)
		return false;
	if (!((r->id | known->id) & ID_ADD) || r->off == known->off) {
		struct reg was = *r;

		*r = *known;
		r->id = was.id;
		r->off = was.off;
		if (was.origin) {
			r->origin = was.origin;
			r->delta = was.delta;
		}
		return true;
	}
	s = scalar_const((uint64_t)((int64_t)r->off - (int64_t)known->off));
	r->s = scalar_add(&known->s, &s);
	return true;
}

static void note(struct step *step, int8_t what, uint8_t frame, struct reg *r)
{
	if (step->nlinked == ARRAY_SIZE(step->linked)) {
		r->id = 0;
		r->off = 0;
		return;
	}
	step->linked[step->nlinked] = what;
	step->linked_frame[step->nlinked++] = frame;
}

static bool is_linked(const struct reg *r, const struct reg *known)
{
	return r->type == T_SCALAR && (r->id & ~ID_ADD) == (known->id & ~ID_ADD);
}

/* With @step: notes which there are, before they are refined. Without: refines them. */
HOT void sync_linked(struct verifier *v, const struct reg *known, struct step *step)
{
	struct reg copy;

	if (!(known->id & ~ID_ADD) || known->type != T_SCALAR)
		return;
	copy = *known;
	for (uint32_t i = 0; i <= v->st->cur; i++) {
		struct frame *f = frame_own(v, v->st, i);

		for (unsigned int r = 0; r < FP; r++) {
			if (!is_linked(&f->regs[r], &copy))
				continue;
			if (step)
				note(step, (int8_t)r, (uint8_t)i, &f->regs[r]);
			else if (&f->regs[r] != known && follow(&f->regs[r], &copy))
				touch_reg(v, i, r);
		}
		for (uint32_t s = 0; f->stack && s < f->stack->n; s++) {
			struct slot *slot = &f->stack->slots[s];

			if (!slot_is_spill(slot) || !is_linked(&slot->spill, &copy))
				continue;
			slot = &stack_own(v, f, f->stack->n)[s];
			if (step)
				note(step, (int8_t)(-1 - (int)s), (uint8_t)i, &slot->spill);
			else if (follow(&slot->spill, &copy))
				touch_slot(v, i, s);
		}
	}
}

/* Pointers ---------------------------------------------------------------------------------------- */

static const char *named(const struct verifier *v, const struct reg *r, char *buf)
{
	return type_name(v, r->type, r->flags, buf, TYPE_NAME);
}

HOT static int sane(struct verifier *v, const struct reg *r, const struct reg *ptr)
{
	char name[TYPE_NAME];

	if (scalar_is_const(&r->s)) {
		int64_t x = (int64_t)scalar_value(&r->s);

		if (x >= MAX_OFFSET || x <= -MAX_OFFSET)
			return reject(v, &ERR_BOUNDS,
				      "math between %s pointer and %lld is not allowed",
				      named(v, ptr, name), (long long)x);
	}
	if (r->type != T_SCALAR && (r->off >= MAX_OFFSET || r->off <= -MAX_OFFSET))
		return reject(v, &ERR_BOUNDS, "%s pointer offset %d is not allowed",
			      named(v, ptr, name), r->off);
	if (r->s.smin == INT64_MIN)
		return reject(
			v, &ERR_BOUNDS,
			"math between %s pointer and register with unbounded min value is not allowed",
			named(v, ptr, name));
	if (r->s.smin >= MAX_OFFSET || r->s.smin <= -MAX_OFFSET)
		return reject(v, &ERR_BOUNDS, "value %lld makes %s pointer be out of bounds",
			      (long long)r->s.smin, named(v, ptr, name));
	return 0;
}

/* May this kind of pointer be moved? */
static bool movable(const struct reg *ptr, const struct reg *off, unsigned int op)
{
	bool known = scalar_is_const(&off->s);

	switch ((enum reg_type)ptr->type) {
	case T_CTX:
	case T_MAP_VALUE:
	case T_MAP_KEY:
	case T_STACK:
	case T_PKT:
	case T_PKT_META:
	case T_TP_BUFFER:
	case T_BTF:
	case T_MEM:
	case T_BUF:
	case T_FUNC:
	case T_DYNPTR:
		return true;
	case T_FLOW_KEYS:
		return known;
	case T_MAP_PTR:
		return known && !scalar_value(&off->s) && op == OP_ADD;
	case T_NOT_INIT:
	case T_SCALAR:
	case T_PKT_END:
	case T_SOCKET:
	case T_SOCK_COMMON:
	case T_TCP_SOCK:
	case T_XDP_SOCK:
	case T_ARENA:
	case T_COUNT:
		break;
	}
	return false;
}

static int check_move(struct verifier *v, const struct reg *ptr, const struct reg *off)
{
	const struct skep_insn *in = insn(v);
	unsigned int dst = insn_dst(in), op = in->code >> 4;
	char name[TYPE_NAME];
	int err;

	if (!is_64(in)) {
		reject(v, &ERR_ARITHMETIC, "R%u 32-bit pointer arithmetic prohibited", dst);
		return -EACCES;
	}
	if (ptr->flags & F_NULL)
		return reject(v, &ERR_ARITHMETIC,
			      "R%u pointer arithmetic on %s prohibited, null-check it first", dst,
			      named(v, ptr, name));
	if (!movable(ptr, off, op))
		return reject(v, &ERR_ARITHMETIC, "R%u pointer arithmetic on %s prohibited", dst,
			      named(v, ptr, name));
	err = sane(v, off, ptr);
	if (err == 0)
		err = sane(v, ptr, ptr);
	if (err < 0)
		return err;
	if (op == OP_AND || op == OP_OR || op == OP_XOR)
		return reject(v, &ERR_ARITHMETIC, "R%u bitwise operator %s on pointer prohibited",
			      dst, sign_of(in));
	if (op != OP_ADD && op != OP_SUB)
		return reject(v, &ERR_ARITHMETIC,
			      "R%u pointer arithmetic with %s operator prohibited", dst,
			      sign_of(in));
	return 0;
}

/* ptr +- off into the destination register. */
HOT static int move_pointer(struct verifier *v, struct reg ptr, struct reg off, bool ptr_is_dst)
{
	const struct skep_insn *in = insn(v);
	struct reg *dst = reg_at(v, insn_dst(in));
	bool add = in->code >> 4 == OP_ADD, known = scalar_is_const(&off.s);
	int64_t x = (int64_t)scalar_value(&off.s);
	struct alu_mask mask;
	int err;

	if (!is_64(in) && in->code >> 4 == OP_SUB && v->allow_leak) {
		reg_unknown(dst);
		dst->s = scalar_zext(&dst->s, 4);
		return 0;
	}
	err = check_move(v, &ptr, &off);
	if (err == 0)
		err = speculate_before(v, &ptr, &off, ptr_is_dst, &mask);
	if (err < 0)
		return err;
	dst = reg_at(v, insn_dst(in));
	if (!add && !ptr_is_dst)
		return reject(v, &ERR_ARITHMETIC, "R%u tried to subtract pointer from scalar",
			      insn_dst(in));
	if (!add && ptr.type == T_STACK)
		return reject(v, &ERR_ARITHMETIC, "R%u subtraction from stack pointer prohibited",
			      insn_dst(in));
	*dst = ptr;
	if (!add)
		x = -x;
	if (known && ptr.off + x == (int32_t)(ptr.off + x)) {
		dst->off = (int32_t)(ptr.off + x);
		origin_add(dst, x);
	} else {
		dst->s = add ? scalar_add(&ptr.s, &off.s) : scalar_sub(&ptr.s, &off.s);
		origin_lose(dst);
		if (reg_is_packet(dst)) {
			dst->id = next_id(v);
			if (add || off.s.smin < 0)
				dst->range = summary_range(&ptr, &off, add);
		}
		dst->by_rounds = off.by_rounds && (ptr.by_rounds || scalar_is_const(&ptr.s));
	}
	err = sane(v, dst, &ptr);
	return err < 0 ? err : speculate_after(v, &mask);
}

static int both_pointers(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	struct reg *dst = reg_at(v, insn_dst(in));

	if (in->code >> 4 == OP_SUB && v->allow_leak) {
		reg_unknown(dst);
		if (!is_64(in))
			dst->s = scalar_zext(&dst->s, 4);
		return 0;
	}
	return reject(v, &ERR_ARITHMETIC, "R%u pointer %s pointer prohibited", insn_dst(in),
		      sign_of(in));
}

/* Numbers ----------------------------------------------------------------------------------------- */

/* The kernel computes these on known counts only, and never divides. */
static bool is_given_up(const struct skep_insn *in, const struct scalar *src)
{
	switch (in->code >> 4) {
	case OP_DIV:
	case OP_MOD:
		return true;
	case OP_LSH:
	case OP_RSH:
	case OP_ARSH:
		return !scalar_is_const(src) || src->umax >= (is_64(in) ? 64u : 32u);
	default:
		return false;
	}
}

/* @from: the register that @src is of; NULL: an immediate */
static void number(struct verifier *v, struct reg *dst, const struct scalar *src,
		   const struct reg *from)
{
	const struct skep_insn *in = insn(v);
	enum isa_op op = v->ops[v->at];
	uint32_t id = dst->id;
	int64_t x = (int64_t)scalar_value(src);

	dst->precise = false;
	dst->id = 0;
	dst->off = 0;
	if (dst->origin || dst->by_rounds || (from && (from->origin || from->by_rounds))) {
		struct reg imm;

		if (!from)
			reg_scalar(&imm, *src);
		origin_alu(op, dst, from ? from : &imm);
	}
	if (is_given_up(in, src)) {
		origin_lose(dst);
		dst->by_rounds = false;
		dst->s = is_64(in) ? scalar_unknown() : scalar_sized(4);
		return;
	}
	if (id && (op == ISA_ADD64_IMM || op == ISA_ADD64_REG) && v->bpf_capable &&
	    scalar_is_const(src) && !(id & ID_ADD) && x == (int32_t)x) {
		dst->id = id | ID_ADD;
		dst->off = (int32_t)x;
	}
	scalar_alu(op, &dst->s, src);
}

/*
 * A sign that was shifted down is 0 or all ones, and and-ed or or-ed it selects: walked on twice, as the kernel
 * does. The way with 0 is put off.
 */
static int split(struct verifier *v, unsigned int d, const struct scalar *src)
{
	const struct scalar *s = &reg_at(v, d)->s;
	bool all = s->smin == -1 && s->smax == 0;
	bool half = !s->umin && s->umax == UINT32_MAX && s->s32_min == -1 && s->s32_max == 0;
	struct scalar zero;
	struct state *other;

	if (!all && !half)
		return 0;
	other = push_branch(v, v->at + 1, v->at);
	if (!other)
		return v->oom ? -ENOMEM : -E2BIG;
	zero = scalar_const(0);
	(void)scalar_alu(v->ops[v->at], &zero, src);
	reg_scalar(&frame_own(v, other, other->cur)->regs[d], zero);
	frame_own(v, v->st, v->st->cur);
	reg_scalar(reg_at(v, d), scalar_const(all ? UINT64_MAX : UINT32_MAX));
	return 0;
}

static int check_imm(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	unsigned int op = in->code >> 4;

	if ((op == OP_DIV || op == OP_MOD) && !in->imm)
		return reject(v, &ERR_SHIFT, "div by zero");
	if ((op == OP_LSH || op == OP_RSH || op == OP_ARSH) &&
	    (in->imm < 0 || in->imm >= (is_64(in) ? 64 : 32)))
		return reject(v, &ERR_SHIFT, "invalid shift %d", in->imm);
	return 0;
}

static int numbers(struct verifier *v, unsigned int d, const struct reg *from)
{
	const struct skep_insn *in = insn(v);
	unsigned int op = in->code >> 4;
	struct scalar imm;
	const struct scalar *src = &imm;
	int err = 0;

	if (from)
		src = &from->s;
	else
		imm = scalar_const((uint64_t)(int64_t)in->imm);
	if ((op == OP_AND || op == OP_OR) && scalar_is_const(src))
		err = split(v, d, src);
	if (err == 0)
		err = speculate_numbers(v);
	if (err == 0)
		number(v, reg_at(v, d), src, from);
	return err;
}

/* One operand is a pointer. */
HOT static int pointers(struct verifier *v, struct reg *dst, struct reg *src)
{
	const struct skep_insn *in = insn(v);
	struct reg imm;
	int err;

	if (!src) {
		reg_const(&imm, (uint64_t)(int64_t)in->imm);
		src = &imm;
	}
	if (dst->type == T_ARENA || src->type == T_ARENA) {
		if (is_64(in) && (in->code >> 4 == OP_ADD || in->code >> 4 == OP_SUB)) {
			reg_pointer(dst, T_ARENA, 0);
			return 0;
		}
		reg_unknown(dst);
		if (!is_64(in))
			dst->s = scalar_zext(&dst->s, 4);
		return 0;
	}
	if (reg_is_pointer(dst) && reg_is_pointer(src))
		return both_pointers(v);
	if (reg_is_pointer(src)) {
		struct reg ptr = *src, off = *dst;

		err = precise_reg(v, insn_dst(in));
		return err < 0 ? err : move_pointer(v, ptr, off, false);
	}
	err = src != &imm ? precise_reg(v, insn_src(in)) : 0;
	return err < 0 ? err : move_pointer(v, *dst, *src, true);
}

static int binary(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	unsigned int d = insn_dst(in), s = insn_src(in);
	bool is_reg = in->code & 8;
	struct reg *dst = reg_at(v, d), *src = is_reg ? reg_at(v, s) : NULL;
	int err = is_reg ? use_reg(v, s) : check_imm(v);

	if (err == 0)
		err = use_reg(v, d);
	if (err < 0)
		return err;
	if (dst->type == T_SCALAR && (!src || src->type == T_SCALAR))
		return numbers(v, d, src);
	return pointers(v, dst, src);
}

/* Moves ------------------------------------------------------------------------------------------- */

static unsigned int sext_bytes(enum isa_op op)
{
	switch ((unsigned int)op) {
	case ISA_MOVSX64_8:
	case ISA_MOVSX32_8:
		return 1;
	case ISA_MOVSX64_16:
	case ISA_MOVSX32_16:
		return 2;
	case ISA_MOVSX64_32:
		return 4;
	default:
		return 0;
	}
}

static int move_part(struct verifier *v, struct reg *dst, struct reg *src, unsigned int sx)
{
	const struct skep_insn *in = insn(v);
	bool same;

	if (reg_is_pointer(src)) {
		if (!v->allow_leak)
			return reject(v, &ERR_LEAK, "R%u %s", insn_src(in),
				      sx && is_64(in) ? "sign-extension part of pointer" :
							"partial copy of pointer");
		reg_unknown(dst);
		if (sx || !is_64(in))
			scalar_alu(v->ops[v->at], &dst->s, &dst->s);
		return 0;
	}
	if (sx)
		same = src->s.umax < 1ull << (8 * sx - 1);
	else
		same = src->s.umax <= UINT32_MAX;
	if (same)
		link_scalars(v, src);
	*dst = *src;
	dst->precise = false;
	if (!same) {
		dst->id = 0;
		dst->off = 0;
		origin_lose(dst);
	}
	scalar_alu(v->ops[v->at], &dst->s, &src->s);
	return 0;
}

static int move(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	struct reg *dst = reg_at(v, insn_dst(in)), *src = reg_at(v, insn_src(in));
	unsigned int sx = in->off ? sext_bytes(v->ops[v->at]) : 0;
	int err;

	if (!(in->code & 8)) {
		reg_const(dst, is_64(in) ? (uint64_t)(int64_t)in->imm : (uint32_t)in->imm);
		return 0;
	}
	err = use_reg(v, insn_src(in));
	if (err < 0)
		return err;
	if (!is_64(in) || sx)
		return move_part(v, dst, src, sx);
	link_scalars(v, src);
	*dst = *src;
	dst->precise = false;
	return 0;
}

static int unary(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	struct reg *dst = reg_at(v, insn_dst(in));
	int err = use_reg(v, insn_dst(in));

	if (err < 0)
		return err;
	if (reg_is_pointer(dst)) {
		if (!v->allow_leak)
			return reject(v, &ERR_LEAK, "R%u pointer arithmetic prohibited",
				      insn_dst(in));
		reg_unknown(dst);
	}
	dst->id = 0;
	dst->off = 0;
	dst->precise = false;
	origin_lose(dst);
	scalar_alu(v->ops[v->at], &dst->s, NULL);
	return 0;
}

HOT int do_alu(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	unsigned int op = in->code >> 4;
	int err;

	if (op == OP_MOV)
		err = move(v);
	else if (op == OP_NEG || op == OP_END)
		err = unary(v);
	else
		err = binary(v);
	if (err == 0)
		def_reg(v, insn_dst(in));
	return err;
}

int do_cast(struct verifier *v)
{
	const struct skep_insn *in = insn(v);
	struct reg *dst = reg_at(v, insn_dst(in));
	int err = use_reg(v, insn_src(in));
	bool arena = false;

	if (err < 0)
		return err;
	for (uint32_t i = 0; i < v->o->nmaps; i++)
		arena |= v->o->maps[i].type == MAP_ARENA;
	if (!arena)
		return reject(
			v, &ERR_INSN,
			"addr_space_cast insn can only be used in a program that has an associated arena");
	if (in->imm == 1) {
		reg_pointer(dst, T_ARENA, 0);
	} else {
		*dst = *reg_at(v, insn_src(in));
		if (dst->type == T_ARENA || dst->type == T_SCALAR)
			reg_unknown(dst);
	}
	def_reg(v, insn_dst(in));
	return 0;
}
