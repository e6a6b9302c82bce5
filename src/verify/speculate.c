// SPDX-License-Identifier: Apache-2.0
/*
 * Speculative execution, for loaders without CAP_PERFMON: a CPU may run ahead along a way that a comparison rules out, and read
 * what the program never reads (Spectre v1; kernel document admin-guide/hw-vuln/spectre.rst). So the walk goes there, too, with
 * unknown operands; what fails there is no reason to refuse: a barrier is noted at that instruction, and the path ends.
 *
 * Arithmetic on pointers with a register is masked at run time so that it stays inside what the pointer points to. That is possible only
 * for stack and map values, and only when each path that comes to the instruction asks for the same mask: direction and distance.
 */
#include "verify/walk.h"

enum alu_mark {
	ALU_NEGATIVE = 1,
	ALU_CONSTANT = 2,
	ALU_POINTER_LEFT = 4,
	ALU_POINTER_RIGHT = 8,
	ALU_NUMBERS = 16,
};

bool speculates(const struct verifier *v)
{
	return !v->perfmon;
}

/* The way that is not taken. @in: the comparison whose operands the CPU only guesses, or NULL. */
int speculate_branch(struct verifier *v, uint32_t to, const struct skep_insn *in)
{
	struct state *other;
	struct frame *f;

	if (!speculates(v))
		return 0;
	other = push_branch(v, to, v->at);
	if (!other)
		return v->oom ? -ENOMEM : -E2BIG;
	other->speculative = true;
	f = frame_own(v, other, other->cur);
	frame_own(v, v->st, v->st->cur);
	if (in)
		reg_unknown(&f->regs[insn_dst(in)]);
	if (in && in->code & 8)
		reg_unknown(&f->regs[insn_src(in)]);
	return 0;
}

bool speculate_recovers(struct verifier *v, int err)
{
	if (!v->st->speculative || v->oom || (err != -EPERM && err != -EACCES && err != -EINVAL))
		return false;
	v->marks[v->at] |= AT_BARRIER;
	v->masked[v->at].state = 0;
	skep_error_free(v->error);
	v->error = NULL;
	return true;
}

/* Arithmetic -------------------------------------------------------------------------------------- */

static int refuse(struct verifier *v, const char *what, unsigned int regno)
{
	return reject(v, &ERR_ARITHMETIC, "R%u %s, pointer arithmetic with it prohibited for !root",
		      regno, what);
}

static const char *verb(const struct verifier *v, const char *add, const char *sub)
{
	return v->insns[v->at].code >> 4 ? sub : add;
}

static bool masked(const struct verifier *v)
{
	const struct skep_insn *in = &v->insns[v->at];

	return speculates(v) && in->code >> 4 <= 1 && in->code & 8 &&
	       !(v->marks[v->at] & AT_BARRIER);
}

static int note(struct verifier *v, uint8_t state, uint32_t limit)
{
	struct masked *m = &v->masked[v->at];

	if (m->state && (m->state != state || m->limit != limit))
		return refuse(v,
			      verb(v, "tried to add from different maps, paths or scalars",
				   "tried to sub from different maps, paths or scalars"),
			      insn_dst(&v->insns[v->at]));
	m->state = state;
	m->limit = limit;
	return 0;
}

HOT int speculate_numbers(struct verifier *v)
{
	return masked(v) ? note(v, ALU_NUMBERS, 0) : 0;
}

/* How far the pointer may move in the direction of @m. */
static int distance(struct verifier *v, const struct reg *ptr, const struct alu_mask *m,
		    uint32_t *ret)
{
	const struct skep_insn *in = &v->insns[v->at];
	uint32_t max, limit;

	if (ptr->type == T_STACK) {
		max = ISA_STACK_SIZE + m->left;
		limit = (uint32_t) - (ptr->s.t.value + (uint64_t)(int64_t)ptr->off);
	} else if (ptr->type == T_MAP_VALUE) {
		max = ptr->map->value_size;
		limit = (uint32_t)((m->left ? (uint64_t)ptr->s.smin : ptr->s.umax) +
				   (uint64_t)(int64_t)ptr->off);
	} else {
		return refuse(v, "has pointer with unsupported alu operation",
			      m->off_is_dst ? insn_src(in) : insn_dst(in));
	}
	if (limit >= max)
		return refuse(v,
			      verb(v, "tried to add beyond pointer bounds",
				   "tried to sub beyond pointer bounds"),
			      insn_dst(in));
	*ret = limit;
	return 0;
}

HOT int speculate_before(struct verifier *v, const struct reg *ptr, const struct reg *off,
			 bool ptr_is_dst, struct alu_mask *m)
{
	const struct skep_insn *in = &v->insns[v->at];
	bool sub = in->code >> 4, negative = off->s.smin < 0, known = scalar_is_const(&off->s);
	struct reg *dst = &frame_of(v->st)->regs[insn_dst(in)], was;
	int err;

	memset(m, 0, sizeof(*m));
	m->on = masked(v);
	m->off_is_dst = !ptr_is_dst;
	if (!m->on)
		return 0;
	if (!v->st->speculative) {
		if (!known && negative != (off->s.smax < 0))
			return refuse(v, "has unknown scalar with mixed signed bounds",
				      ptr_is_dst ? insn_src(in) : insn_dst(in));
		m->left = sub != negative;
		m->state = (uint8_t)((negative ? ALU_NEGATIVE : 0) | (known ? ALU_CONSTANT : 0) |
				     (ptr_is_dst ? ALU_POINTER_LEFT : ALU_POINTER_RIGHT));
		v->strict_numbers |= !known;
		err = distance(v, ptr, m, &m->limit);
		if (err < 0)
			return err;
	}
	if (known)
		return 0;
	was = *dst;
	*dst = *ptr; /* masked: as if nothing were added */
	err = speculate_branch(v, v->at + 1, NULL);
	frame_of(v->st)->regs[insn_dst(in)] = was;
	return err;
}

/* The result has to lie inside, so that later accesses can be masked. */
HOT static int inside(struct verifier *v, unsigned int regno)
{
	const struct reg *r = &frame_of(v->st)->regs[regno];
	int64_t off = r->off + (int64_t)r->s.t.value;

	if (r->type == T_STACK && !scalar_is_const(&r->s))
		return reject(
			v, &ERR_ARITHMETIC,
			"R%u variable stack access prohibited for !root, var_off=(0x%llx; 0x%llx) off=%lld",
			regno, (unsigned long long)r->s.t.value, (unsigned long long)r->s.t.mask,
			(long long)off);
	if (r->type == T_STACK && (off >= 0 || off < -ISA_STACK_SIZE))
		return reject(
			v, &ERR_ARITHMETIC,
			"R%u stack pointer arithmetic goes out of range, prohibited for !root; off=%lld",
			regno, (long long)off);
	if (r->type == T_MAP_VALUE && mem_map_value(v, regno, r->off, 1, false, true, false) < 0)
		return reject(
			v, &ERR_ARITHMETIC,
			"R%u pointer arithmetic of map value goes out of range, prohibited for !root",
			regno);
	return 0;
}

HOT int speculate_after(struct verifier *v, const struct alu_mask *m)
{
	unsigned int regno = insn_dst(&v->insns[v->at]);
	uint32_t limit;
	int err = speculates(v) ? inside(v, regno) : 0;

	if (err < 0 || !m->on || v->st->speculative)
		return err;
	err = distance(v, &frame_of(v->st)->regs[regno], m, &limit);
	if (err < 0)
		return err;
	return note(v, m->state, m->limit > limit ? m->limit - limit : limit - m->limit);
}
