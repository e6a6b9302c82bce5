// SPDX-License-Identifier: Apache-2.0
/* Calls of helpers: who may call, the arguments (helper_args.c), what the call does to the state, what r0 holds then. */
#include "verify/fields.h"
#include "verify/helpers.h"
#include "verify/loader.h"
#include "verify/old_kernel.h"

#define KEY_SIZE 4 /* of an array */

static int allowed(struct verifier *v, const struct spec_helper *h, int32_t id)
{
	if (!h)
		return reject(v, &ERR_HELPER, "invalid func unknown#%d", id);
	if (profile_need(v, spec_need_helper(id, v->o->prog_type)) < 0)
		return -ERR_KERNEL.code;
	if (!spec_helper_allowed(h, v->o->prog_type) || !loader_may_call(v, id) ||
	    (v->o->prog_type == PROG_STRUCT_OPS && !struct_ops_helper(v, id)))
		return reject(v, &ERR_HELPER, "program of this type cannot use helper bpf_%s#%d",
			      h->name, id);
	if (spec_helper_for(h, v->o->prog_type)->flags & HELPER_F_GPL && !v->o->gpl)
		return reject(
			v, &ERR_HELPER,
			"cannot call GPL-restricted function from non-GPL compatible program");
	if (id == HELPER_d_path && !attach_has_path(v))
		return reject(v, &ERR_HELPER, "helper call is not allowed in probe");
	if (h->flags & HELPER_F_SLEEP) {
		if (!v->st->sleepable)
			return reject(v, &ERR_HELPER,
				      "helper call might sleep in a non-sleepable prog");
		if (v->st->rcu)
			return reject(v, &ERR_CONTEXT,
				      "sleepable helper bpf_%s#%d in rcu_read_lock region", h->name,
				      id);
		if (v->st->preempt)
			return reject(v, &ERR_CONTEXT,
				      "sleepable helper bpf_%s#%d in non-preemptible region",
				      h->name, id);
		if (v->st->active_irq)
			return reject(v, &ERR_CONTEXT,
				      "sleepable helper bpf_%s#%d in IRQ-disabled region", h->name,
				      id);
	}
	return 0;
}

static int in_lock(struct verifier *v, int32_t id)
{
	if (v->st->locks && id != HELPER_spin_unlock && id != HELPER_kptr_xchg)
		return reject(v, &ERR_CONTEXT,
			      "function calls are not allowed while holding a lock");
	return 0;
}

static int fits_map(struct verifier *v, const struct call *c)
{
	const struct spec_helper *h = c->proto;

	if (!c->map || spec_helper_takes_map(h, (int)c->map->type))
		return 0;
	if (h->id == HELPER_tail_call)
		return reject(v, &ERR_MAP_HELPER, "expected prog array map for tail call");
	return reject(v, &ERR_MAP_HELPER, "cannot pass map_type %u into func bpf_%s#%d",
		      c->map->type, h->name, h->id);
}

static int by_helper(struct verifier *v, struct call *c)
{
	switch (c->proto->id) {
	case HELPER_tail_call:
		if (v->nfuncs > 1 && profile_feature(v, FEATURE_TAIL_CALL_SUBPROGS) < 0)
			return -ERR_KERNEL.code;
		return resource_leak(v, "tail_call", false);
	case HELPER_get_local_storage:
		if (!reg_is_null(reg_at(v, 2)))
			return reject(v, &ERR_ARGUMENT,
				      "get_local_storage() doesn't support non-zero flags");
		return 0;
	case HELPER_map_update_elem:
	case HELPER_map_delete_elem:
		if (c->map && (c->map->type == MAP_SOCKMAP || c->map->type == MAP_SOCKHASH)) {
			int t = v->o->prog_type;

			if (t != PROG_SOCKET_FILTER && t != PROG_SCHED_CLS && t != PROG_SCHED_ACT &&
			    t != PROG_XDP && t != PROG_SK_REUSEPORT && t != PROG_FLOW_DISSECTOR &&
			    t != PROG_SK_LOOKUP &&
			    !(t == PROG_TRACING && v->o->attach_type == ATTACH_TRACE_ITER) &&
			    !(t == PROG_SOCK_OPS && c->proto->id == HELPER_map_delete_elem))
				return reject(v, &ERR_MAP_HELPER,
					      "cannot update sockmap in this context");
		}
		return 0;
	default:
		return 0;
	}
}

/* The key of a look-up in an array, when it is known and inside: then the value is there. */
static bool known_key(struct verifier *v, const struct call *c)
{
	const struct reg *r = reg_at(v, 2);
	unsigned int first, zeros = 0, spilled = 0;
	const struct stack *st;
	const struct slot *s;
	int64_t off;
	uint64_t key;
	uint32_t i;

	if (c->proto->id != HELPER_map_lookup_elem || !c->map || c->map->inner ||
	    (c->map->type != MAP_ARRAY && c->map->type != MAP_PERCPU_ARRAY) || r->type != T_STACK ||
	    !scalar_is_const(&r->s))
		return false;
	off = r->off + (int64_t)scalar_value(&r->s);
	i = (uint32_t)((-off - 1) / 8);
	first = (unsigned int)(-off - 1) % 8;
	st = v->st->frames[r->frame]->stack;
	if (off >= 0 || !st || i >= st->n)
		return false;
	s = &st->slots[i];
	while (zeros <= first && s->type[first - zeros] == SLOT_ZERO)
		zeros++;
	if (zeros >= KEY_SIZE)
		return c->map->max_entries > 0;
	/* a number that was stored with the key's size, or the upper half of one of twice that */
	while (spilled <= first && s->type[first - spilled] == SLOT_SPILL)
		spilled++;
	if (spilled != KEY_SIZE || !slot_is_spill(s) || s->spill.type != T_SCALAR ||
	    !scalar_is_const(&s->spill.s))
		return false;
	key = scalar_value(&s->spill.s);
	precise_slot(v, r->frame, i);
	return key < c->map->max_entries;
}

static void remember_map(struct verifier *v, const struct call *c)
{
	struct call_map *m = v->call_maps ? &v->call_maps[v->at] : NULL;

	if (!m || !c->map)
		return;
	m->several |= m->map && m->map != c->map;
	m->map = c->map;
}

static void make_ref(struct verifier *v, struct reg *r)
{
	struct ref ref = { .kind = REF_PTR, .id = next_id(v), .insn = v->at };

	state_add_ref(v, v->st, ref);
	r->id = ref.id;
	r->ref = ref.id;
}

static void object(struct verifier *v, struct reg *r, enum reg_type type, unsigned int flags)
{
	reg_pointer(r, type, flags);
	if (flags & F_NULL)
		r->id = next_id(v);
}

/* A number that the prototype bounds: sizes that were asked for, errors. */
static void bound(struct verifier *v, const struct call *c, struct reg *r)
{
	(void)v;
	switch (c->proto->id) {
	case HELPER_get_stack:
	case HELPER_get_task_stack:
	case HELPER_probe_read_str:
	case HELPER_probe_read_kernel_str:
	case HELPER_probe_read_user_str:
		r->s.smax = (int64_t)c->max_size;
		r->s.s32_max = c->max_size < INT32_MAX ? (int32_t)c->max_size : INT32_MAX;
		r->s.smin = -4095;
		r->s.s32_min = -4095;
		scalar_sync(&r->s);
		break;
	default:
		break;
	}
}

static int kernel_object(struct verifier *v, const struct call *c, struct reg *r)
{
	const struct spec_helper *h = c->proto;
	const char *name = spec_helper_ret_btf(h);
	bool null = h->ret == RET_BTF_OR_NULL || h->ret == RET_MEM_OR_BTF_OR_NULL;
	bool percpu = h->ret == RET_MEM_OR_BTF || h->ret == RET_MEM_OR_BTF_OR_NULL;
	const struct btf *b = c->ret_btf ? c->ret_btf : v->o->kernel_btf;
	uint32_t id = c->ret_btf ? c->ret_btf_id : name && b ? btf_find(b, name, BTF_STRUCT, 0) : 0;

	if (!id)
		return reject(v, &ERR_UNSERVED,
			      "the kernel type that helper %s returns is not known", h->name);
	if (percpu && !btf_is_composite(b, btf_strip_all(b, id))) {
		object(v, r, T_MEM, null ? F_RDONLY | F_NULL : F_RDONLY);
		r->mem_size = (uint32_t)btf_size(b, id);
		return 0;
	}
	object(v, r, T_BTF,
	       (null ? F_NULL : 0u) | (h->ret == RET_BTF_TRUSTED ? F_TRUSTED : 0u) | c->ret_flags);
	r->btf = b;
	r->btf_id = id;
	return 0;
}

static int result(struct verifier *v, const struct call *c, bool known)
{
	const struct spec_helper *h = c->proto;
	struct reg *r = reg_at(v, 0);

	switch (h->ret) {
	case RET_INT:
		reg_unknown(r);
		bound(v, c, r);
		return 0;
	case RET_VOID:
		reg_clear(r);
		return 0;
	case RET_MAP_VALUE:
	case RET_MAP_VALUE_OR_NULL:
		if (!c->map)
			return reject(v, &ERR_BUG, "kernel subsystem misconfigured verifier");
		object(v, r, T_MAP_VALUE, h->ret == RET_MAP_VALUE || known ? 0 : F_NULL);
		r->map = c->map;
		r->uid = c->map_reg.uid;
		if (!r->id && fields_of_map(v, c->map) &&
		    fields_of_map(v, c->map)->kinds & (FK_SPIN_LOCK | FK_RES_SPIN_LOCK))
			r->id = next_id(v);
		return 0;
	case RET_RING_MEM_OR_NULL:
		object(v, r, T_MEM, F_RINGBUF | F_NULL);
		r->mem_size = (uint32_t)c->alloc_size;
		return 0;
	case RET_DYNPTR_MEM_OR_NULL:
		object(v, r, T_MEM, F_NULL);
		r->mem_size = (uint32_t)c->alloc_size;
		r->dynptr_id = c->dynptr_id;
		return 0;
	case RET_SOCKET_OR_NULL:
		object(v, r, T_SOCKET, F_NULL);
		return 0;
	case RET_SOCK_COMMON_OR_NULL:
		object(v, r, T_SOCK_COMMON, F_NULL);
		return 0;
	case RET_TCP_SOCK_OR_NULL:
		object(v, r, T_TCP_SOCK, F_NULL);
		return 0;
	case RET_BTF_TRUSTED:
	case RET_BTF_OR_NULL:
	case RET_MEM_OR_BTF:
	case RET_MEM_OR_BTF_OR_NULL:
		return kernel_object(v, c, r);
	}
	return reject(v, &ERR_UNSERVED, "what helper %s returns is not known", h->name);
}

struct forget {
	uint32_t ref;
};

static void forget_ref(struct verifier *v, struct reg *r, void *ctx)
{
	const struct forget *f = ctx;

	if (r->ref == f->ref && r->ref)
		reg_invalidate(v, r);
}

int release_ref(struct verifier *v, uint32_t id)
{
	struct forget f = { id };

	for (uint32_t i = 0; i < v->st->nrefs; i++)
		if (v->st->refs[i].kind == REF_PTR && v->st->refs[i].id == id) {
			state_drop_ref(v->st, i);
			state_each_reg(v, v->st, forget_ref, &f);
			return 0;
		}
	return -EINVAL;
}

/* Objects of each CPU that were stored can still be used until RCU's section ends. */
static void keep_under_rcu(struct verifier *v, struct reg *r, void *ctx)
{
	const uint32_t *ref = ctx;

	(void)v;
	if (!*ref || r->ref != *ref || (r->flags & (F_ALLOC | F_PERCPU)) != (F_ALLOC | F_PERCPU))
		return;
	r->ref = 0;
	r->flags = (uint16_t)((r->flags & ~(unsigned)F_ALLOC) | F_RCU);
}

static int release(struct verifier *v, struct call *c)
{
	unsigned int regno = c->proto->flags & HELPER_F_RELEASE_1 ? 1 : 2;
	const struct reg *r = reg_at(v, regno);

	if (c->dynptr_ref)
		return release_ref(v, c->dynptr_ref);
	if (reg_is_null(r))
		return 0;
	if (c->proto->id == HELPER_kptr_xchg && r->type == T_BTF &&
	    (v->st->rcu || v->st->locks || !v->st->sleepable)) {
		uint32_t ref = r->ref;

		state_each_reg(v, v->st, keep_under_rcu, &ref);
		if (ref && release_ref(v, ref) == 0)
			return 0;
	}
	if (!r->ref || release_ref(v, r->ref) < 0)
		return reject(v, &ERR_RELEASE,
			      "R%u must be referenced when passed to release function", regno);
	return 0;
}

static int arguments(struct verifier *v, struct call *c)
{
	for (unsigned int i = 1; i <= 5; i++) {
		int err = helper_argument(v, c, i);

		if (err < 0)
			return err;
	}
	return 0;
}

/* For the facts: whoever hands out kernel objects has to check what comes back. */
static void note_foreign(struct verifier *v)
{
	for (unsigned int i = 1; i <= 5; i++) {
		unsigned int type = reg_at(v, i)->type;

		v->call_maps[v->at].foreign |= type >= T_FLOW_KEYS && type != T_MEM &&
					       type != T_FUNC && type != T_DYNPTR;
	}
}

int call_helper(struct verifier *v)
{
	int32_t id = v->insns[v->at].imm;
	const struct spec_helper *h = spec_helper(id);
	struct call c = { .func = UINT32_MAX };
	bool known, made;
	int err = allowed(v, h, id);

	if (err == 0)
		err = in_lock(v, id);
	if (err < 0)
		return err;
	c.proto = spec_helper_for(h, v->o->prog_type);
	if (v->call_maps)
		note_foreign(v);
	err = arguments(v, &c);
	if (err == 0)
		err = fits_map(v, &c);
	if (err == 0)
		err = by_helper(v, &c);
	if (err < 0)
		return err;
	remember_map(v, &c);
	if (c.func != UINT32_MAX) {
		err = callback_call(v, &c);
		if (err < 0)
			return err;
	}
	known = known_key(v, &c) && profile_knows(v, FEATURE_LOOKUP_KNOWN);
	if (c.proto->flags & (HELPER_F_RELEASE_1 | HELPER_F_RELEASE_2)) {
		err = release(v, &c);
		if (err < 0)
			return err;
	}
	clobber_caller_regs(v);
	err = result(v, &c, known);
	if (err < 0)
		return err;
	made = c.proto->flags & HELPER_F_ACQUIRE && reg_is_pointer(reg_at(v, 0));
	if (made && !(id == HELPER_map_lookup_elem && c.map && c.map->type != MAP_SOCKMAP &&
		      c.map->type != MAP_SOCKHASH))
		make_ref(v, reg_at(v, 0));
	else if (id == HELPER_map_lookup_elem && c.map &&
		 (c.map->type == MAP_SOCKMAP || c.map->type == MAP_SOCKHASH))
		make_ref(v, reg_at(v, 0));
	else if ((c.proto->ret == RET_TCP_SOCK_OR_NULL || id == HELPER_sk_fullsock ||
		  id == HELPER_get_listener_sock || id == HELPER_dynptr_data ||
		  (id >= HELPER_skc_to_tcp6_sock && id <= HELPER_skc_to_udp6_sock) ||
		  id == HELPER_skc_to_unix_sock || id == HELPER_skc_to_mptcp_sock) &&
		 id != HELPER_get_listener_sock)
		reg_at(v, 0)->ref = id == HELPER_dynptr_data ? c.dynptr_ref : c.ref;
	if (c.proto->flags & HELPER_F_CHANGES ||
	    (id == HELPER_dynptr_write && (c.dynptr == DYNPTR_SKB || c.dynptr == DYNPTR_SKB_META)))
		invalidate_packets(v);
	return 0;
}
