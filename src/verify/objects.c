// SPDX-License-Identifier: Apache-2.0
/* Objects that helpers take by pointer: locks, timers, kptr slots, kernel objects, dynptrs. */
#include "verify/depth.h"
#include "verify/kcall.h"

/* The special field that the register points at. */
int object_field(struct verifier *v, unsigned int regno, uint32_t kind, const struct field **ret)
{
	const struct reg *r = reg_at(v, regno);
	const char *name = field_name(kind & -kind);
	const struct fields *f;
	int64_t off;

	if (!scalar_is_const(&r->s))
		return reject(
			v, &ERR_ARGUMENT,
			"R%u doesn't have constant offset. %s has to be at the constant offset",
			regno, name);
	off = r->off + (int64_t)scalar_value(&r->s);
	if (r->type == T_MAP_VALUE) {
		if (!r->map->btf || !r->map->value_type)
			return reject(v, &ERR_ARGUMENT,
				      "map '%s' has to have BTF in order to use %s",
				      r->map->name ? r->map->name : "", name);
		f = fields_of_map(v, r->map);
	} else {
		f = fields_of(v, r->btf, r->btf_id);
	}
	if (!f || !(f->kinds & kind))
		return reject(v, &ERR_ARGUMENT, "%s '%s' has no valid %s",
			      r->type == T_MAP_VALUE ? "map" : "local",
			      r->type == T_MAP_VALUE && r->map->name ? r->map->name : "kptr", name);
	*ret = off < 0 ? NULL : fields_at(f, (uint32_t)off, kind);
	if (!*ret)
		return reject(v, &ERR_ARGUMENT,
			      "off %lld doesn't point to 'struct %s' that is at %u", (long long)off,
			      name, fields_find(f, kind)->off);
	return 0;
}

static void drop_locked(struct verifier *v, struct reg *r, void *ctx)
{
	(void)v;
	(void)ctx;
	if (r->flags & F_NON_OWN)
		reg_unknown(r);
}

static bool is_lock(const struct ref *r)
{
	return r->kind >= REF_LOCK && r->kind <= REF_RES_LOCK_IRQ;
}

/* The lock that was taken last. */
static void set_active_lock(struct state *st)
{
	st->active_lock_id = 0;
	st->active_lock_ptr = NULL;
	for (uint32_t i = st->nrefs; i--;)
		if (is_lock(&st->refs[i])) {
			st->active_lock_id = st->refs[i].id;
			st->active_lock_ptr = st->refs[i].ptr;
			return;
		}
}

static int take_lock(struct verifier *v, struct ref ref)
{
	for (uint32_t i = 0; i < v->st->nrefs; i++) {
		const struct ref *r = &v->st->refs[i];

		if (ref.kind == REF_LOCK && r->kind == REF_LOCK)
			return reject(v, &ERR_LOCK, "Locking two bpf_spin_locks are not allowed");
		if (ref.kind != REF_LOCK && is_lock(r) && r->kind != REF_LOCK && r->id == ref.id &&
		    r->ptr == ref.ptr)
			return reject(v, &ERR_LOCK,
				      "Acquiring the same lock again, AA deadlock detected");
	}
	v->st->locks++;
	v->st->active_lock_id = ref.id;
	v->st->active_lock_ptr = ref.ptr;
	state_add_ref(v, v->st, ref);
	return 0;
}

static int release_lock(struct verifier *v, struct ref ref)
{
	const char *name = ref.kind == REF_LOCK ? "bpf_spin" : "bpf_res_spin";
	uint32_t i = 0;

	if (!v->st->locks)
		return reject(v, &ERR_LOCK, "%s_unlock without taking a lock", name);
	while (i < v->st->nrefs && (v->st->refs[i].kind != ref.kind ||
				    v->st->refs[i].id != ref.id || v->st->refs[i].ptr != ref.ptr))
		i++;
	if (i == v->st->nrefs)
		return reject(v, &ERR_LOCK, "%s_unlock of different lock", name);
	if (v->st->active_lock_id != ref.id || v->st->active_lock_ptr != ref.ptr)
		return reject(v, &ERR_LOCK, "%s_unlock cannot be out of order", name);
	state_drop_ref(v->st, i);
	v->st->locks--;
	set_active_lock(v->st);
	state_each_reg(v, v->st, drop_locked, NULL);
	return 0;
}

int object_lock(struct verifier *v, unsigned int regno, enum ref_kind kind, bool take)
{
	const struct reg *r = reg_at(v, regno);
	struct ref ref = { .kind = kind, .id = r->id, .insn = v->at };
	const struct field *f;
	int err = object_field(v, regno, kind == REF_LOCK ? FK_SPIN_LOCK : FK_RES_SPIN_LOCK, &f);

	if (err < 0)
		return err;
	ref.ptr = r->type == T_MAP_VALUE ? (const void *)r->map : (const void *)r->btf;
	return take ? take_lock(v, ref) : release_lock(v, ref);
}

int object_spin_lock(struct verifier *v, struct call *c, unsigned int regno)
{
	if (in_tree_callback(v))
		return reject(v, &ERR_LOCK, "can't spin_{lock,unlock} in rbtree cb");
	return object_lock(v, regno, REF_LOCK, c->proto->id == HELPER_spin_lock);
}

int object_timer(struct verifier *v, struct call *c, unsigned int regno)
{
	const struct reg *r = reg_at(v, regno);
	const struct field *f;
	int err = object_field(v, regno, FK_TIMER, &f);

	if (err < 0)
		return err;
	if (c->proto->id == HELPER_timer_init) {
		c->map_uid_set = true;
		c->map_uid = r->uid;
		if (reg_at(v, 2)->type == T_MAP_PTR && reg_at(v, 2)->map != r->map)
			return reject(v, &ERR_ARGUMENT,
				      "timer pointer in R1 doesn't match map pointer in R2");
	}
	return 0;
}

int object_kptr_slot(struct verifier *v, struct call *c, unsigned int regno)
{
	const struct reg *r = reg_at(v, regno);
	const struct fields *f;
	const struct field *field;
	int64_t off;

	if (!scalar_is_const(&r->s))
		return reject(
			v, &ERR_ARGUMENT,
			"R%u doesn't have constant offset. kptr has to be at the constant offset",
			regno);
	off = r->off + (int64_t)scalar_value(&r->s);
	f = r->type == T_MAP_VALUE ? fields_of_map(v, r->map) : fields_of(v, r->btf, r->btf_id);
	if (!f || !(f->kinds & FK_KPTR))
		return reject(v, &ERR_ARGUMENT, "R%u has no valid kptr", regno);
	field = off < 0 ? NULL : fields_at(f, (uint32_t)off, FK_KPTR);
	if (!field)
		return reject(v, &ERR_ARGUMENT, "off=%lld doesn't point to kptr", (long long)off);
	if (!(field->kind & (FK_KPTR_REF | FK_KPTR_PERCPU)))
		return reject(v, &ERR_ARGUMENT, "off=%lld kptr isn't referenced kptr",
			      (long long)off);
	c->field = field;
	c->ret_btf = field->btf;
	c->ret_btf_id = field->btf_id;
	if (field->btf != v->o->kernel_btf)
		c->ret_flags = F_ALLOC;
	if (field->kind == FK_KPTR_PERCPU)
		c->ret_flags |= F_PERCPU;
	return 0;
}

/* Is a struct the same as, or the first member of, what the pointer points to? */
static bool is_a(const struct btf *b, uint32_t id, uint64_t off, const char *name,
		 unsigned int depth)
{
	id = btf_strip_all(b, id);
	if (!off && strcmp(btf_name(b, id), name) == 0)
		return true;
	if ((btf_kind(b, id) != BTF_STRUCT && btf_kind(b, id) != BTF_UNION) || depth > 8)
		return false;
	for (uint32_t i = 0; i < btf_vlen(b, id); i++) {
		struct btf_member m = btf_member(b, id, i);
		uint64_t start = m.bit_off / 8;

		if (!m.bit_size && off >= start && off < start + btf_size(b, m.type))
			return is_a(b, m.type, off - start, name, depth + 1);
	}
	return false;
}

int object_btf(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg)
{
	const struct spec_arg_info *info = spec_arg_info(arg);
	const struct reg *r = reg_at(v, regno);
	char name[TYPE_NAME];

	if (arg == ARG_KPTR_OR_NULL) {
		if (c->field && (r->btf != c->field->btf || r->btf_id != c->field->btf_id))
			return reject(v, &ERR_ARGUMENT,
				      "invalid kptr access, R%u type=%s%s expected=ptr_%s", regno,
				      type_name(v, r->type, r->flags, name, sizeof(name)),
				      btf_name(r->btf, r->btf_id),
				      btf_name(c->field->btf, c->field->btf_id));
		return 0;
	}
	if (r->type != T_BTF)
		return 0;
	if (!r->btf || !is_a(r->btf, r->btf_id, (uint64_t)(int64_t)r->off, info->btf, 0))
		return reject(v, &ERR_ARGUMENT, "R%u is of type %s but %s is expected", regno,
			      r->btf ? btf_name(r->btf, r->btf_id) : "", info->btf);
	return 0;
}

/* Dynptrs ----------------------------------------------------------------------------------------- */

static int dynptr_slot(struct verifier *v, unsigned int regno, uint32_t *ret_frame,
		       uint32_t *ret_slot)
{
	const struct reg *r = reg_at(v, regno);
	int64_t off;

	if (!scalar_is_const(&r->s))
		return reject(v, &ERR_DYNPTR, "dynptr has to be at a constant offset");
	off = r->off + (int64_t)scalar_value(&r->s);
	if (off % 8)
		return reject(v, &ERR_DYNPTR, "cannot pass in dynptr at an offset=%lld",
			      (long long)off);
	if (off < -ISA_STACK_SIZE || off > -16)
		return reject(v, &ERR_DYNPTR, "cannot pass in dynptr at an offset=%lld",
			      (long long)off);
	*ret_frame = r->frame;
	*ret_slot = (uint32_t)((-off - 1) / 8);
	return 0;
}

static bool is_dynptr(const struct verifier *v, uint32_t frame, uint32_t slot)
{
	const struct stack *st = v->st->frames[frame]->stack;

	return st && slot < st->n && slot >= 1 && st->slots[slot].type[0] == SLOT_DYNPTR &&
	       st->slots[slot - 1].type[0] == SLOT_DYNPTR && st->slots[slot].spill.first;
}

static void forget_slice(struct verifier *v, struct reg *r, void *ctx)
{
	const uint32_t *id = ctx;

	(void)v;
	if (r->type == T_MEM && r->dynptr_id == *id && *id)
		reg_unknown(r);
}

/* What was read of a dynptr is void when the dynptr is. */
void dynptr_forget(struct verifier *v, uint32_t id)
{
	state_each_reg(v, v->st, forget_slice, &id);
}

/* The packet may lie elsewhere: so do the slices of its dynptrs. */
void dynptr_packet_moved(struct verifier *v)
{
	for (uint32_t f = 0; f <= v->st->cur; f++)
		for (uint32_t i = 0; v->st->frames[f]->stack && i < v->st->frames[f]->stack->n;
		     i++) {
			const struct slot *s = &v->st->frames[f]->stack->slots[i];

			if (s->type[0] == SLOT_DYNPTR && s->spill.first &&
			    (s->spill.dynptr == DYNPTR_SKB || s->spill.dynptr == DYNPTR_XDP ||
			     s->spill.dynptr == DYNPTR_SKB_META))
				dynptr_forget(v, s->spill.id);
		}
}

/* @ref: the reference that it shares with the dynptr that it is a copy of, or 0. */
static int make_dynptr(struct verifier *v, unsigned int regno, enum dynptr_type type, uint32_t ref)
{
	uint32_t frame, slot, id;
	struct slot *s;
	int err = reg_at(v, regno)->type == T_STACK ?
			  dynptr_slot(v, regno, &frame, &slot) :
			  reject(v, &ERR_DYNPTR, "Dynptr has to be an uninitialized dynptr");

	if (err < 0)
		return err;
	for (uint32_t i = slot - 1; i <= slot; i++) {
		const struct stack *st = v->st->frames[frame]->stack;

		if (!st || i >= st->n || st->slots[i].type[0] != SLOT_DYNPTR)
			continue;
		if (st->slots[i].spill.ref)
			return reject(v, &ERR_DYNPTR, "cannot overwrite referenced dynptr");
		dynptr_forget(v, st->slots[i].spill.id);
		s = slots_own(v, v->st, frame, i + 2);
		if (s[i].spill.first)
			memset(&s[i - 1], 0, sizeof(*s));
		else
			memset(&s[i + 1], 0, sizeof(*s));
		memset(&s[i], 0, sizeof(*s));
	}
	depth_touch(v, v->st->frames[frame]->func, -8 * ((int64_t)slot + 1));
	id = next_id(v);
	if (type == DYNPTR_RINGBUF && !ref) {
		struct ref r = { .kind = REF_PTR, .id = next_id(v), .insn = v->at };

		state_add_ref(v, v->st, r);
		ref = r.id;
	}
	s = slots_own(v, v->st, frame, slot + 1);
	for (uint32_t i = slot - 1; i <= slot; i++) {
		reg_clear(&s[i].spill);
		s[i].spill.type = T_DYNPTR;
		s[i].spill.dynptr = (uint8_t)type;
		s[i].spill.first = i == slot;
		s[i].spill.id = id;
		s[i].spill.ref = ref;
		memset(s[i].type, SLOT_DYNPTR, 8);
		touch_slot(v, frame, i);
	}
	return 0;
}

/* Does a dynptr with a reference lie where the register points to? */
static bool holds_reference(const struct verifier *v, const struct reg *r)
{
	const struct stack *st = v->st->frames[r->frame]->stack;
	int64_t off = r->off + (int64_t)scalar_value(&r->s);
	uint32_t slot = (uint32_t)((-off - 1) / 8);

	return scalar_is_const(&r->s) && off % 8 == 0 && off < 0 && off >= -ISA_STACK_SIZE && st &&
	       slot < st->n && st->slots[slot].type[0] == SLOT_DYNPTR && st->slots[slot].spill.ref;
}

static void end_dynptr(struct verifier *v, uint32_t ref)
{
	for (uint32_t f = 0; f <= v->st->cur; f++) {
		struct stack *st = v->st->frames[f]->stack;

		for (uint32_t i = 0; st && i < st->n; i++) {
			if (st->slots[i].type[0] != SLOT_DYNPTR || st->slots[i].spill.ref != ref)
				continue;
			uint32_t id = st->slots[i].spill.id;

			memset(&slots_own(v, v->st, f, i + 1)[i], 0, sizeof(struct slot));
			st = v->st->frames[f]->stack;
			state_each_reg(v, v->st, forget_slice, &id);
			st = v->st->frames[f]->stack;
		}
	}
}

static int use_dynptr(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg)
{
	const struct reg *r = reg_at(v, regno), *d = r;
	uint32_t frame, slot;
	int err;

	if (r->type == T_STACK) {
		if (arg == ARG_DYNPTR_RING && !holds_reference(v, r))
			return reject(v, &ERR_RELEASE, "arg %u is an unacquired reference", regno);
		err = dynptr_slot(v, regno, &frame, &slot);
		if (err < 0)
			return err;
		if (!is_dynptr(v, frame, slot))
			return reject(v, &ERR_DYNPTR, "Expected an initialized dynptr as arg #%u",
				      regno - 1);
		d = &v->st->frames[frame]->stack->slots[slot].spill;
		stack_mark_read(v, frame, -8 * (int64_t)(slot + 1), -8 * (int64_t)(slot + 1) + 16);
	} else {
		err = mem_fixed(v, regno, false);
		if (err < 0)
			return err;
		if (arg == ARG_DYNPTR_RING)
			return reject(v, &ERR_RELEASE, "cannot release unowned const bpf_dynptr");
	}
	if (arg == ARG_DYNPTR_RING && d->dynptr != DYNPTR_RINGBUF)
		return reject(v, &ERR_DYNPTR, "Expected a dynptr of type ringbuf as arg #%u",
			      regno - 1);
	c->dynptr = d->dynptr;
	c->dynptr_id = d->id;
	c->dynptr_ref = d->ref;
	if (arg == ARG_DYNPTR_RING)
		end_dynptr(v, d->ref);
	if (c->proto->id == HELPER_dynptr_data &&
	    (d->dynptr == DYNPTR_SKB || d->dynptr == DYNPTR_XDP)) {
		c->dynptr_ref = d->ref;
	}
	return 0;
}

int dynptr_argument(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg)
{
	if (arg == ARG_DYNPTR_NEW) {
		const struct reg *data = reg_at(v, 1);
		char name[TYPE_NAME];

		if (data->type != T_MAP_VALUE)
			return reject(v, &ERR_DYNPTR,
				      "Unsupported reg type %s for bpf_dynptr_from_mem data",
				      type_name(v, data->type, data->flags, name, sizeof(name)));
		return make_dynptr(v, regno, DYNPTR_LOCAL, 0);
	}
	if (arg == ARG_DYNPTR_NEW_RING)
		return make_dynptr(v, regno, DYNPTR_RINGBUF, 0);
	return use_dynptr(v, c, regno, arg);
}

int dynptr_make(struct verifier *v, unsigned int regno, enum dynptr_type type)
{
	return make_dynptr(v, regno, type, 0);
}

int dynptr_copy(struct verifier *v, unsigned int regno, enum dynptr_type type, uint32_t ref)
{
	return make_dynptr(v, regno, type, ref);
}

/* The kernel function that is called there. */
const char *graph_called(const struct verifier *v, uint32_t at)
{
	const struct btf *b = v->o->kernel_btf;
	int32_t id = v->insns[at].imm;

	return b && id > 0 && (uint32_t)id < btf_count(b) ? btf_name(b, (uint32_t)id) : "";
}

bool graph_is_kfunc(const struct verifier *v, uint32_t at, const char *name)
{
	return v->ops[at] == ISA_CALL_KFUNC && strcmp(graph_called(v, at), name) == 0;
}

bool graph_is_iter_next(const struct verifier *v, uint32_t at)
{
	const char *name = graph_called(v, at);
	size_t n = strlen(name);

	return strncmp(name, "bpf_iter_", 9) == 0 && n > 5 && strcmp(name + n - 5, "_next") == 0;
}
