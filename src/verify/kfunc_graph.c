// SPDX-License-Identifier: Apache-2.0
/*
 * Lists and trees of allocated objects. A root (list head, tree root) lies beside its lock, in a map value or in an object, and may be
 * touched only while that lock is held. A node that is added changes hands: what pointed to it as its owner is from then on a non-owning
 * reference, good until the lock is released. What is removed has an owner again. Kernel document bpf/graph_ds_impl.rst.
 */
#include "verify/kcall.h"

#define LOCKS (FK_SPIN_LOCK | FK_RES_SPIN_LOCK)

enum graph_role { GRAPH_NONE, GRAPH_ADD, GRAPH_REMOVE, GRAPH_LOOK };

static const struct {
	const char *name;
	enum graph_role role;
} graph_calls[] = {
	{ "bpf_list_push_front_impl", GRAPH_ADD }, { "bpf_list_push_back_impl", GRAPH_ADD },
	{ "bpf_rbtree_add_impl", GRAPH_ADD },	   { "bpf_list_pop_front", GRAPH_REMOVE },
	{ "bpf_list_pop_back", GRAPH_REMOVE },	   { "bpf_rbtree_remove", GRAPH_REMOVE },
	{ "bpf_list_front", GRAPH_LOOK },	   { "bpf_list_back", GRAPH_LOOK },
	{ "bpf_rbtree_first", GRAPH_LOOK },	   { "bpf_rbtree_root", GRAPH_LOOK },
	{ "bpf_rbtree_left", GRAPH_LOOK },	   { "bpf_rbtree_right", GRAPH_LOOK },
};

static enum graph_role role(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(graph_calls); i++)
		if (strcmp(graph_calls[i].name, name) == 0)
			return graph_calls[i].role;
	return GRAPH_NONE;
}

bool kfunc_may_hold_lock(const struct kcall *k)
{
	return role(k->name) != GRAPH_NONE || kfunc_is(k, "bpf_refcount_acquire_impl") ||
	       strncmp(k->name, "bpf_iter_num_", 13) == 0 ||
	       strncmp(k->name, "bpf_res_spin_", 13) == 0;
}

bool in_tree_callback(const struct verifier *v)
{
	for (uint32_t i = 0; i <= v->st->cur; i++)
		if (v->st->frames[i]->in_tree)
			return true;
	return false;
}

/* The lock beside a field must be the one that is held. */
static int locked(struct verifier *v, const struct reg *r, const struct fields *f, const char *what)
{
	const void *ptr = r->type == T_MAP_VALUE ? (const void *)r->map : (const void *)r->btf;
	const struct field *lock = fields_find(f, LOCKS);

	for (uint32_t i = 0; i < v->st->nrefs; i++) {
		const struct ref *ref = &v->st->refs[i];

		if (ref->kind >= REF_LOCK && ref->kind <= REF_RES_LOCK_IRQ && ref->id == r->id &&
		    ref->ptr == ptr)
			return 0;
	}
	if (v->st->locks)
		reject(v, &ERR_LOCK, "held lock and object are not in the same allocation");
	reject(v, &ERR_LOCK, "bpf_spin_lock at off=%u must be held for %s", lock ? lock->off : 0,
	       what);
	skep_hint(&v->error,
		  "call bpf_spin_lock() on the lock of the same map value or object first");
	return -EINVAL;
}

static int root(struct verifier *v, struct kcall *k, uint32_t i, uint32_t kind)
{
	const struct reg *r = reg_at(v, i + 1);
	const char *name = field_name(kind);
	const struct fields *f;
	int64_t off;

	if ((r->type != T_MAP_VALUE || r->flags) && (r->type != T_BTF || r->flags != F_ALLOC))
		return reject(v, &ERR_OBJECT,
			      "arg#%u expected pointer to map value or allocated object", i);
	if (r->type == T_BTF && !r->ref)
		return reject(v, &ERR_OBJECT, "allocated object must be referenced");
	if (!scalar_is_const(&r->s))
		return reject(
			v, &ERR_OBJECT,
			"R%u doesn't have constant offset. %s has to be at the constant offset",
			i + 1, name);
	off = r->off + (int64_t)scalar_value(&r->s);
	f = r->type == T_BTF ? fields_of(v, r->btf, r->btf_id) : fields_of_map(v, r->map);
	k->head = off < 0 ? NULL : fields_at(f, (uint32_t)off, kind);
	if (!k->head || !k->head->node)
		return reject(v, &ERR_OBJECT, "%s not found at offset=%lld", name, (long long)off);
	return locked(v, r, f, name);
}

static int node_type(struct verifier *v, const struct kcall *k, const struct reg *r, int64_t off,
		     uint32_t kind)
{
	const struct field *head = k->head;

	if (r->btf != head->btf || r->btf_id != head->btf_id)
		return reject(
			v, &ERR_OBJECT,
			"operation on %s expects arg#1 %s at offset=%u in struct %s, but arg is at offset=%lld in struct %s",
			field_name(head->kind), field_name(kind), head->node_off,
			btf_name(head->btf, head->btf_id), (long long)off,
			btf_name(r->btf, r->btf_id));
	if (off != head->node_off)
		return reject(v, &ERR_OBJECT,
			      "arg#1 offset=%lld, but expected %s at offset=%u in struct %s",
			      (long long)off, field_name(kind), head->node_off,
			      btf_name(head->btf, head->btf_id));
	return 0;
}

static int node(struct verifier *v, struct kcall *k, uint32_t i, uint32_t kind)
{
	const struct reg *r = reg_at(v, i + 1);
	const struct fields *f;
	int64_t off;

	if (role(k->name) == GRAPH_ADD) {
		if (r->type != T_BTF || r->flags != F_ALLOC)
			return reject(v, &ERR_OBJECT, "arg#%u expected pointer to allocated object",
				      i);
		if (!r->ref)
			return reject(v, &ERR_OBJECT, "allocated object must be referenced");
	} else {
		if (r->type != T_BTF || (!(r->flags & F_NON_OWN) && !r->ref))
			return reject(
				v, &ERR_OBJECT,
				"%s can only take non-owning or refcounted bpf_rb_node pointer",
				k->name);
		if (in_tree_callback(v))
			return reject(v, &ERR_OBJECT, "%s not allowed in rbtree cb", k->name);
	}
	off = r->off + (int64_t)scalar_value(&r->s);
	f = fields_of(v, r->btf, r->btf_id);
	if (off < 0 || !fields_at(f, (uint32_t)off, kind))
		return reject(v, &ERR_OBJECT, "%s not found at offset=%lld", field_name(kind),
			      (long long)off);
	if (!k->head)
		return reject(v, &ERR_BUG, "a node without its root");
	k->node_ref = r->ref;
	return node_type(v, k, r, off, kind);
}

int graph_argument(struct verifier *v, struct kcall *k, uint32_t i, const char *type)
{
	if (role(k->name) == GRAPH_NONE)
		return 0;
	if (strcmp(type, "bpf_list_head") == 0)
		return root(v, k, i, FK_LIST_HEAD) < 0 ? -EINVAL : 1;
	if (strcmp(type, "bpf_rb_root") == 0)
		return root(v, k, i, FK_RB_ROOT) < 0 ? -EINVAL : 1;
	if (strcmp(type, "bpf_list_node") == 0)
		return node(v, k, i, FK_LIST_NODE) < 0 ? -EINVAL : 1;
	if (strcmp(type, "bpf_rb_node") == 0)
		return node(v, k, i, FK_RB_NODE) < 0 ? -EINVAL : 1;
	return 0;
}

/* Not an owner: valid until the lock is released, or RCU's section ends when nodes are counted. */
static void set_non_owning(struct verifier *v, struct reg *r)
{
	const struct fields *f = fields_of(v, r->btf, r->btf_id);

	r->flags |= F_NON_OWN;
	if (f && f->kinds & FK_REFCOUNT)
		r->flags |= F_RCU;
	r->ref = 0;
}

static void give_up(struct verifier *v, struct reg *r, void *ctx)
{
	const uint32_t *ref = ctx;

	if (r->ref == *ref && r->type == T_BTF)
		set_non_owning(v, r);
}

void graph_node(struct verifier *v, const struct field *head, struct reg *r)
{
	(void)v;
	reg_pointer(r, T_BTF, F_ALLOC);
	r->btf = head->btf;
	r->btf_id = head->btf_id;
	r->off = (int32_t)head->node_off;
}

/* Arguments of the comparison that a tree asks for: two nodes of the tree. */
void graph_less_arguments(struct verifier *v, const struct kcall *k, struct frame *callee)
{
	for (unsigned int i = 1; i <= 2; i++) {
		graph_node(v, k->head, &callee->regs[i]);
		set_non_owning(v, &callee->regs[i]);
		callee->regs[i].id = next_id(v);
	}
	callee->in_tree = true;
}

/* The node belongs to the list or tree now. */
int graph_effect(struct verifier *v, const struct kcall *k)
{
	uint32_t ref = k->node_ref;

	if (role(k->name) != GRAPH_ADD)
		return 0;
	state_each_reg(v, v->st, give_up, &ref);
	if (release_ref(v, ref) < 0)
		return reject(v, &ERR_RELEASE, "kfunc %s#%d reference has not been acquired before",
			      k->name, v->insns[v->at].imm);
	return 0;
}

/* A node, an owner's when it was removed. 1: done. */
int graph_result(struct verifier *v, const struct kcall *k, struct reg *r)
{
	enum graph_role what = role(k->name);

	if (what != GRAPH_REMOVE && what != GRAPH_LOOK)
		return 0;
	graph_node(v, k->head, r);
	r->flags |= F_NULL;
	r->id = next_id(v);
	if (what == GRAPH_LOOK)
		set_non_owning(v, r);
	return 1;
}
