// SPDX-License-Identifier: Apache-2.0
/*
 * The stack of a frame: 8-byte slots, each spilled register, number or bytes. A spill keeps what is known of the register;
 * a store through a pointer with an unknown part makes every byte that it may touch unknown.
 */
#include "verify/depth.h"
#include "verify/helpers.h"
#include "verify/old_kernel.h"
#include "verify/summary.h"

static struct reg *pointer(struct verifier *v, const struct access *a)
{
	return reg_at(v, a->regno);
}

/* Slots of [min, max) as bits. */
static uint64_t slot_bits(int64_t min, int64_t max)
{
	uint64_t bits = 0;

	for (int64_t off = min; off < max; off++)
		if (off < 0 && off >= -ISA_STACK_SIZE)
			bits |= 1ull << ((-off - 1) / 8);
	return bits;
}

static uint32_t insn_in(const struct verifier *v, uint32_t frame)
{
	return frame == v->st->cur ? v->at : v->st->frames[frame + 1]->callsite;
}

void stack_mark_read(struct verifier *v, uint32_t frame, int64_t min, int64_t max)
{
	live_read(v, v->st->frames[frame]->inst, insn_in(v, frame), slot_bits(min, max));
}

static void mark_written(struct verifier *v, uint32_t frame, int64_t min, int64_t max, bool exact)
{
	uint64_t bits = 0;

	for (int64_t slot = -ISA_STACK_SIZE; exact && slot < 0; slot += 8)
		if (slot >= min && slot + 8 <= max)
			bits |= 1ull << ((-slot - 1) / 8);
	if (frame == v->st->cur)
		live_write(v, v->st->frames[frame]->inst, v->at, bits);
}

static const char *access_name(const struct access *a)
{
	return a->write ? " write to" : " read from";
}

/* Bounds of the bytes that an access may touch. */
static int bounds(struct verifier *v, const struct access *a, int64_t *ret_min, int64_t *ret_max)
{
	const struct reg *r = pointer(v, a);
	const struct stack *st = v->st->frames[r->frame]->stack;
	int64_t low = a->write || v->privileged ? -ISA_STACK_SIZE : st ? -8 * (int64_t)st->n : 0;
	int64_t min, max;

	if (scalar_is_const(&r->s)) {
		min = r->off + a->off + (int64_t)scalar_value(&r->s);
		max = min + (int64_t)a->size;
		if (min < low || max > 0 || min >= 0)
			return reject(v, &ERR_STACK_ACCESS, "invalid%s stack R%u off=%lld size=%u",
				      access_name(a), a->regno, (long long)min, a->size);
	} else {
		if (r->s.smax >= MAX_OFFSET || r->s.smin <= -MAX_OFFSET)
			return reject(v, &ERR_STACK_ACCESS,
				      "invalid unbounded variable-offset%s stack R%u",
				      access_name(a), a->regno);
		min = r->off + a->off + r->s.smin;
		max = r->off + a->off + r->s.smax + (int64_t)a->size;
		if (min < low || max > 0)
			return reject(
				v, &ERR_STACK_ACCESS,
				"invalid variable-offset%s stack R%u var_off=(0x%llx; 0x%llx) off=%d size=%u",
				access_name(a), a->regno, (unsigned long long)r->s.t.value,
				(unsigned long long)r->s.t.mask, r->off + a->off, a->size);
	}
	depth_touch(v, v->st->frames[r->frame]->func, min);
	*ret_min = min;
	*ret_max = max;
	return 0;
}

static void record(struct verifier *v, uint32_t frame, uint32_t slot)
{
	struct step step = {
		.at = v->at, .from = v->prev, .slot = (int16_t)slot, .frame = (uint8_t)frame
	};

	state_add_step(v, v->st, &step);
}

/* Writes ------------------------------------------------------------------------------------------ */

/* Special slots that a store would break. */
static int disturb_special(struct verifier *v, uint32_t frame, uint32_t i, bool indirect)
{
	struct frame *f = v->st->frames[frame];
	struct slot *s = f->stack && i < f->stack->n ? &f->stack->slots[i] : NULL;
	struct reg *first;

	(void)indirect;
	if (!s || s->type[0] < SLOT_DYNPTR)
		return 0;
	if (s->type[0] == SLOT_ITER || s->type[0] == SLOT_IRQ)
		return 0;
	first = s->spill.first ? &s->spill : &f->stack->slots[i + 1].spill;
	if (first->ref || first->dynptr == DYNPTR_RINGBUF)
		return reject(v, &ERR_DYNPTR, "cannot overwrite referenced dynptr");
	dynptr_forget(v, first->id);
	s = &v->st->frames[frame]->stack->slots[i];
	/* both halves lose their meaning */
	for (int k = 0; k < 2; k++) {
		struct slot *own = slots_own(v, v->st, frame, i + 2);
		uint32_t other = s->spill.first ? i - (uint32_t)k : i + (uint32_t)k;

		memset(&own[other], 0, sizeof(own[other]));
	}
	return 0;
}

static bool spillable(const struct reg *r)
{
	return r->type != T_NOT_INIT && r->type != T_SCALAR;
}

static void scrub(struct slot *s)
{
	if (slot_is_spill(s)) {
		for (unsigned int i = 0; i < 8; i++)
			if (s->type[i] == SLOT_SPILL)
				s->type[i] = SLOT_MISC;
		reg_clear(&s->spill);
	}
}

static bool fits(const struct scalar *s, uint32_t size)
{
	return size == 8 || !((s->t.value | s->t.mask) >> (8 * size));
}

static int store_bytes(struct verifier *v, const struct access *a, struct slot *s, int64_t off,
		       const struct reg *r)
{
	bool zero = (r && reg_is_null(r)) || (a->is_imm && !a->imm);
	unsigned int first = (unsigned int)(-off - 1) % 8;

	if (s->type[0] >= SLOT_DYNPTR)
		for (unsigned int i = 0; i < 8; i++)
			s->type[i] = SLOT_MISC;
	scrub(s);
	for (unsigned int i = 0; i < a->size; i++)
		s->type[(first - i) % 8] = zero ? SLOT_ZERO : SLOT_MISC;
	return zero && r ? precise_reg(v, (unsigned int)a->value) : 0;
}

/* Would a load that a CPU lets run before this store get what is not the program's to know (Spectre v4)? */
static bool passes_store(const struct slot *s, const struct reg *r, uint32_t size)
{
	bool pointer = r && spillable(r);

	for (uint32_t i = 0; i < size && !pointer; i++)
		pointer = s->type[i] != SLOT_MISC && s->type[i] != SLOT_ZERO;
	return pointer;
}

static int write_fixed(struct verifier *v, const struct access *a, int64_t off)
{
	uint32_t frame = pointer(v, a)->frame, i = (uint32_t)((-off - 1) / 8);
	struct reg *r = a->value >= 0 ? reg_at(v, (unsigned int)a->value) : NULL;
	struct slot *s;
	int err = disturb_special(v, frame, i, false);

	if (err < 0)
		return err;
	s = &slots_own(v, v->st, frame, i + 1)[i];
	r = a->value >= 0 ? reg_at(v, (unsigned int)a->value) : NULL;
	if (!v->allow_leak && slot_is_spill(s) && s->spill.type != T_SCALAR && a->size != 8)
		return reject(v, &ERR_STACK_ACCESS, "attempt to corrupt spilled pointer on stack");
	touch_slot(v, frame, i);
	if (passes_store(s, r, a->size))
		v->marks[v->at] |= AT_BARRIER_AFTER;
	mark_written(v, frame, off, off + a->size, true);
	if (r && r->type == T_SCALAR && off % 8 == 0 && v->bpf_capable) {
		if (fits(&r->s, a->size) && !scalar_is_const(&r->s))
			link_scalars(v, r);
		slot_spill(s, r, a->size);
		if (!fits(&r->s, a->size)) {
			s->spill.id = 0;
			s->spill.off = 0;
			origin_lose(&s->spill);
		}
	} else if (a->is_imm && off % 8 == 0 && v->bpf_capable) {
		struct reg k;

		reg_const(&k, (uint64_t)(int64_t)a->imm);
		slot_spill(s, &k, a->size);
	} else if (r && spillable(r)) {
		if (a->size != 8)
			return reject(v, &ERR_STACK_ACCESS, "invalid size of register spill");
		if (frame != v->st->cur && r->type == T_STACK)
			return reject(
				v, &ERR_STACK_ACCESS,
				"cannot spill pointers to stack into stack frame of the caller");
		slot_spill(s, r, 8);
	} else {
		err = store_bytes(v, a, s, off, r);
	}
	record(v, frame, i);
	return err;
}

static int write_variable(struct verifier *v, const struct access *a, int64_t min, int64_t max)
{
	const struct reg *r = a->value >= 0 ? reg_at(v, (unsigned int)a->value) : NULL;
	uint32_t frame = pointer(v, a)->frame;
	bool zero = (r && reg_is_null(r)) || (a->is_imm && !a->imm), kept_zero = false;
	struct slot *slots;

	for (int64_t off = min; off < max; off++) {
		int err = disturb_special(v, frame, (uint32_t)((-off - 1) / 8), false);

		if (err < 0)
			return err;
	}
	slots = slots_own(v, v->st, frame, (uint32_t)((-min + 7) / 8));
	for (int64_t off = min; off < max; off++) {
		struct slot *s = &slots[(-off - 1) / 8];
		uint8_t *type = &s->type[(-off - 1) % 8];

		if (!v->allow_leak && *type != SLOT_MISC && *type != SLOT_ZERO && slot_is_spill(s))
			return reject(
				v, &ERR_STACK_ACCESS,
				"spilled ptr in range of var-offset stack write; insn %u, ptr off: %lld",
				v->at, (long long)off);
		if (zero && *type == SLOT_SPILL && s->spill.type == T_SCALAR &&
		    reg_is_null(&s->spill)) {
			kept_zero = true;
			continue;
		}
		scrub(s);
		if (zero && *type == SLOT_ZERO) {
			kept_zero = true;
			continue;
		}
		if (*type == SLOT_INVALID && !v->allow_leak)
			return reject(
				v, &ERR_STACK_ACCESS,
				"uninit stack in range of var-offset write prohibited for !root; insn %u, off: %lld",
				v->at, (long long)off);
		*type = SLOT_MISC;
		touch_slot(v, frame, (uint32_t)((-off - 1) / 8));
	}
	mark_written(v, frame, min, max, false);
	return kept_zero && r ? precise_reg(v, (unsigned int)a->value) : 0;
}

/* Reads ------------------------------------------------------------------------------------------- */

static int read_bytes(struct verifier *v, const struct access *a, const struct slot *slots,
		      uint32_t n, int64_t min, int64_t max)
{
	bool zero = true;
	struct reg *dst = a->value >= 0 ? reg_at(v, (unsigned int)a->value) : NULL;

	for (int64_t off = min; off < max; off++) {
		uint32_t i = (uint32_t)((-off - 1) / 8);
		uint8_t type = i < n ? slots[i].type[(-off - 1) % 8] : SLOT_INVALID;

		if (type == SLOT_ZERO)
			continue;
		if (type == SLOT_SPILL && slots[i].spill.type == T_SCALAR &&
		    reg_is_null(&slots[i].spill))
			continue;
		zero = false;
		if (type == SLOT_INVALID && v->privileged &&
		    profile_feature(v, FEATURE_STACK_UNWRITTEN) < 0)
			return -ERR_KERNEL.code;
		if (type == SLOT_MISC || (type == SLOT_INVALID && v->privileged))
			continue;
		if (type == SLOT_SPILL && (slots[i].spill.type == T_SCALAR || v->allow_leak))
			continue;
		return reject(v, &ERR_STACK_ACCESS, "invalid read from stack off %lld+%lld size %u",
			      (long long)min, (long long)(off - min), a->size);
	}
	if (!dst)
		return 0;
	if (zero)
		reg_const(dst, 0);
	else
		reg_unknown(dst);
	return 0;
}

static unsigned int spill_size(const struct slot *s)
{
	unsigned int n = 0;

	while (n < 8 && s->type[7 - n] == SLOT_SPILL)
		n++;
	return n;
}

static int read_fixed(struct verifier *v, const struct access *a, int64_t off)
{
	uint32_t frame = pointer(v, a)->frame, i = (uint32_t)((-off - 1) / 8);
	const struct stack *st = v->st->frames[frame]->stack;
	const struct slot *s = st && i < st->n ? &st->slots[i] : NULL;
	struct reg *dst = a->value >= 0 ? reg_at(v, (unsigned int)a->value) : NULL;
	unsigned int spilled;
	bool whole;

	stack_mark_read(v, frame, off, off + a->size);
	record(v, frame, i);
	touch_slot(v, frame, i);
	if (!s || !slot_is_spill(s))
		return read_bytes(v, a, st ? st->slots : NULL, st ? st->n : 0, off, off + a->size);
	spilled = spill_size(s);
	whole = a->size == 8 && spilled == 8;
	if (!whole && s->spill.type != T_SCALAR)
		return reject(v, &ERR_STACK_ACCESS, "invalid size of register fill");
	if (!whole && (off % 8 != 0 || a->size > spilled)) {
		uint32_t n = st->n;

		/* constants stay known when the bytes of a wider one are read */
		return read_bytes(v, a, st->slots, n, off, off + a->size);
	}
	if (!dst) {
		if (s->spill.type != T_SCALAR && !v->allow_leak)
			return reject(v, &ERR_LEAK, "leaking pointer from stack off %lld",
				      (long long)off);
		return 0;
	}
	*dst = s->spill;
	dst->precise = false;
	if (dst->type == T_SCALAR && a->size < 8) {
		if (!fits(&dst->s, a->size)) {
			dst->id = 0;
			dst->off = 0;
			origin_lose(dst);
		}
		dst->s = scalar_zext(&dst->s, a->size);
	}
	return 0;
}

static int read_variable(struct verifier *v, const struct access *a, int64_t min, int64_t max)
{
	uint32_t frame = pointer(v, a)->frame;
	const struct stack *st = v->st->frames[frame]->stack;

	stack_mark_read(v, frame, min, max);
	return read_bytes(v, a, st ? st->slots : NULL, st ? st->n : 0, min, max);
}

int stack_access(struct verifier *v, const struct access *a)
{
	const struct reg *r = pointer(v, a);
	bool fixed = scalar_is_const(&r->s);
	int64_t min, max;
	int err;

	if (!fixed && !v->allow_leak)
		return reject(
			v, &ERR_STACK_ACCESS,
			"R%u variable stack access prohibited for !root, var_off=(0x%llx; 0x%llx) off=%d",
			a->regno, (unsigned long long)r->s.t.value, (unsigned long long)r->s.t.mask,
			r->off + a->off);
	if (!fixed && profile_feature(v, FEATURE_STACK_UNKNOWN) < 0)
		return -ERR_KERNEL.code;
	err = bounds(v, a, &min, &max);
	if (err < 0)
		return err;
	if (a->write)
		return fixed ? write_fixed(v, a, min) : write_variable(v, a, min, max);
	return fixed ? read_fixed(v, a, min) : read_variable(v, a, min, max);
}

/* Helpers ----------------------------------------------------------------------------------------- */

static int helper_range(struct verifier *v, const struct access *a, int64_t min, int64_t max,
			bool raw)
{
	uint32_t frame = pointer(v, a)->frame;
	bool fixed = scalar_is_const(&pointer(v, a)->s);
	struct slot *slots = slots_own(v, v->st, frame, (uint32_t)((-min + 7) / 8));

	for (int64_t off = min; off < max; off++) {
		uint32_t i = (uint32_t)((-off - 1) / 8);
		struct slot *s = &slots[i];
		uint8_t *type = &s->type[(-off - 1) % 8];

		if (*type == SLOT_DYNPTR && a->write)
			return reject(v, &ERR_DYNPTR,
				      "potential write to dynptr at off=%lld disallowed",
				      (long long)off);
		if (raw && fixed && *type == SLOT_SPILL && s->spill.type != T_SCALAR &&
		    !v->allow_leak)
			return reject(v, &ERR_STACK_ACCESS,
				      "attempt to corrupt spilled pointer on stack");
		if (raw && fixed) {
			scrub(s);
			*type = SLOT_MISC;
			touch_slot(v, frame, i);
			continue;
		}
		if (*type == SLOT_INVALID && v->privileged &&
		    profile_feature(v, FEATURE_STACK_UNWRITTEN) < 0)
			return -ERR_KERNEL.code;
		if (*type == SLOT_MISC || (*type == SLOT_INVALID && v->privileged)) {
			if (a->write)
				*type = SLOT_MISC;
			continue;
		}
		if (*type == SLOT_ZERO) {
			if (a->write)
				*type = SLOT_MISC;
			continue;
		}
		if (slot_is_spill(s) && (s->spill.type == T_SCALAR || v->allow_leak)) {
			if (a->write) {
				scrub(s);
				for (unsigned int b = 0; b < 8; b++)
					s->type[b] = SLOT_MISC;
				touch_slot(v, frame, i);
			}
			continue;
		}
		if (fixed)
			return reject(v, &ERR_STACK_ACCESS,
				      "invalid read from stack R%u off %lld+%lld size %u", a->regno,
				      (long long)min, (long long)(off - min), a->size);
		return reject(v, &ERR_STACK_ACCESS,
			      "invalid read from stack R%u var_off (0x%llx; 0x%llx)+%lld size %u",
			      a->regno, (unsigned long long)pointer(v, a)->s.t.value,
			      (unsigned long long)pointer(v, a)->s.t.mask, (long long)(off - min),
			      a->size);
	}
	if (!raw || !fixed)
		stack_mark_read(v, frame, min, max);
	return 0;
}

int stack_helper(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, bool write,
		 bool raw)
{
	struct access a = { .regno = regno,
			    .off = (int32_t)off,
			    .size = (uint32_t)size,
			    .write = write,
			    .indirect = true,
			    .value = -1 };
	const struct reg *r = reg_at(v, regno);
	int64_t min, max;
	int err;

	if (!scalar_is_const(&r->s) && !v->allow_leak)
		return reject(
			v, &ERR_STACK_ACCESS,
			"R%u variable offset stack access prohibited for !root, var_off=(0x%llx; 0x%llx)",
			regno, (unsigned long long)r->s.t.value, (unsigned long long)r->s.t.mask);
	err = bounds(v, &a, &min, &max);
	if (err < 0)
		return err;
	if (raw)
		for (int64_t o = min; o < max; o += 8) {
			err = 0;
			(void)o;
		}
	return helper_range(v, &a, min, max, raw);
}
