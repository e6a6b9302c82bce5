// SPDX-License-Identifier: Apache-2.0
/*
 * Objects that programs allocate by a type of their own BTF, and the graphs that they make of them: lists and ordered trees
 * (kernel document bpf/graph_ds_impl.rst). An object is counted; what holds its nodes holds a reference. Nodes are memory
 * that an unverified program may overwrite, so each pointer is checked before it is followed.
 *
 * A tree is a treap (Aragon and Seidel, "Randomized Search Trees", 1989): ordered by the program's comparison, and a heap by
 * a priority that is the hash of the node's address, so that it stays balanced whatever the program inserts.
 */
#include "btf/btf.h"
#include "helper/async.h"

#define MAX_DROPS (1u << 20)
#define MAX_DEPTH 8

struct list_node {
	struct list_node *next, *prev;
	void *owner; /* the head that it is in */
};
struct list_head {
	struct list_node *next, *prev; /* NULL: empty */
};

struct rb_node {
	struct rb_node *left, *right, *up;
	void *owner;
};
struct rb_root {
	struct rb_node *top;
	void *unused;
};
_Static_assert(sizeof(struct list_node) == 24 && sizeof(struct rb_node) == 32,
	       "bpf_list_node, bpf_rb_node");
_Static_assert(sizeof(struct list_head) == 16 && sizeof(struct rb_root) == 16,
	       "bpf_list_head, bpf_rb_root");

static void *local(struct exec_run *run, uint64_t addr)
{
	return run->model ? model_object(run->model, addr, MODEL_LOCAL) : NULL;
}

static bool good(struct exec_run *run, const void *p, uint64_t size)
{
	return p && exec_may_access(run, (uintptr_t)p, size, true);
}

static const struct btf *types_of(const struct exec_run *run)
{
	const struct btf *types = exec_types(run);

	return types || !run->model ? types : model_types(run->model);
}

/* Allocation ---------------------------------------------------------------------------------------- */

static uint64_t new_object(struct exec_run *run, uint64_t type, enum model_kind kind)
{
	const struct btf *types = types_of(run);
	struct model *m = world(run);
	uint64_t size, cpus = kind == MODEL_PERCPU ? map_possible_cpus() : 1;
	void *o;

	if (!m || !types || type >= btf_count(types))
		return exec_fault(run, &ERR_OBJECT, "%llu is no type of the program",
				  (unsigned long long)type);
	size = num_align(btf_size(types, (uint32_t)type), 8);
	if (!size || size > 4096 || size * cpus > MODEL_MAX_OBJECT)
		return 0;
	o = model_alloc(m, kind, (uint32_t)(size * cpus),
			kind == MODEL_PERCPU ? (uint32_t)size : (uint32_t)type);
	return (uintptr_t)o;
}

KBODY(bpf_obj_new_impl)
{
	return new_object(run, a1, MODEL_LOCAL);
}

KBODY(bpf_percpu_obj_new_impl)
{
	return new_object(run, a1, MODEL_PERCPU);
}

static void release_fields(struct exec_run *run, uint32_t type, uint8_t *at, unsigned int depth);

static void drop_object(struct exec_run *run, void *o, unsigned int depth)
{
	struct model_info info;

	if (!o || !model_find(run->model, (uintptr_t)o, &info))
		return;
	if (info.kind == MODEL_LOCAL && model_refs(run->model, o) == 1 && depth < MAX_DEPTH)
		release_fields(run, info.tag, o, depth + 1);
	if (model_unref(run->model, o))
		exec_forget(run);
}

static struct list_node *unlink_first(struct exec_run *run, struct list_head *h);
static struct rb_node *any_leaf(struct exec_run *run, const struct rb_root *root);
static void take_out(struct exec_run *run, struct rb_root *root, struct rb_node *n);

static void drop_tree(struct exec_run *run, struct rb_root *root, unsigned int depth)
{
	struct rb_node *n;

	for (uint32_t i = 0; i < MAX_DROPS && (n = any_leaf(run, root)); i++) {
		take_out(run, root, n);
		drop_object(run, local(run, (uintptr_t)n), depth);
	}
}

/* What an object that goes holds of others. */
static void release_fields(struct exec_run *run, uint32_t type, uint8_t *at, unsigned int depth)
{
	const struct btf *types = types_of(run);
	uint32_t id = types && type < btf_count(types) ? btf_strip_all(types, type) : 0;

	for (uint32_t i = 0; id && btf_is_composite(types, id) && i < btf_vlen(types, id); i++) {
		struct btf_member m = btf_member(types, id, i);
		uint32_t of = btf_strip_all(types, m.type);
		uint8_t *field = at + m.bit_off / 8;
		struct list_node *n;
		uint64_t old;

		if (btf_kind(types, of) == BTF_PTR &&
		    btf_kind(types, btf_ref_type(types, of)) == BTF_TYPE_TAG) {
			old = __atomic_exchange_n((uint64_t *)(void *)field, 0, __ATOMIC_ACQ_REL);
			drop_object(run, old ? (void *)object_start(run, old) : NULL, depth);
		} else if (!strcmp(btf_name(types, of), "bpf_list_head")) {
			for (uint32_t k = 0;
			     k < MAX_DROPS && (n = unlink_first(run, (void *)field)); k++)
				drop_object(run, local(run, (uintptr_t)n), depth);
		} else if (!strcmp(btf_name(types, of), "bpf_rb_root")) {
			drop_tree(run, (void *)field, depth);
		}
	}
}

void *object_start(struct exec_run *run, uint64_t addr)
{
	struct model_info info;

	return run->model && model_find(run->model, addr, &info) ? pointer(info.base) : NULL;
}

KBODY(bpf_obj_drop_impl)
{
	void *o = local(run, a1);

	if (!o)
		return no_object(run, "bpf_obj_drop_impl", "allocated object", a1);
	drop_object(run, o, 0);
	return 0;
}

KBODY(bpf_percpu_obj_drop_impl)
{
	void *o = run->model ? model_object(run->model, a1, MODEL_PERCPU) : NULL;

	if (!o)
		return no_object(run, "bpf_percpu_obj_drop_impl", "per-CPU object", a1);
	drop_object(run, o, 0);
	return 0;
}

KBODY(bpf_refcount_acquire_impl)
{
	void *o = local(run, a1);

	if (!o)
		return no_object(run, "bpf_refcount_acquire_impl", "allocated object", a1);
	model_ref(run->model, o);
	return a1;
}

BODY(kptr_xchg)
{
	if (a1 & 7 || !exec_may_access(run, a1, 8, true))
		return exec_fault(run, &ERR_OBJECT,
				  "bpf_kptr_xchg: 0x%llx is no field of a map or object",
				  (unsigned long long)a1);
	return __atomic_exchange_n((uint64_t *)pointer(a1), a2, __ATOMIC_ACQ_REL);
}

/* The copy of CPU @cpu of a per-CPU object; 0: there is none. */
static uint64_t percpu(struct exec_run *run, const char *name, uint64_t addr, uint32_t cpu)
{
	struct model_info info;

	if (!run->model || !model_find(run->model, addr, &info) || info.kind != MODEL_PERCPU)
		return no_object(run, name, "per-CPU object", addr);
	return (uint64_t)cpu * info.tag < info.size ?
		       info.base + (uint64_t)cpu * info.tag + (addr - info.base) % info.tag :
		       0;
}

BODY(per_cpu_ptr)
{
	return percpu(run, "bpf_per_cpu_ptr", a1, (uint32_t)a2);
}

BODY(this_cpu_ptr)
{
	return percpu(run, "bpf_this_cpu_ptr", a1, cpu_of(run));
}

/* Lists ------------------------------------------------------------------------------------------------ */

static struct list_head *head_of(struct exec_run *run, const char *name, uint64_t addr)
{
	return kfunc_memory(run, name, addr, sizeof(struct list_head), true) ? pointer(addr) : NULL;
}

static int push(struct exec_run *run, const char *name, uint64_t head, uint64_t node, bool front)
{
	struct list_head *h = head_of(run, name, head);
	struct list_node *n = pointer(node), *beside;

	if (!h || !kfunc_memory(run, name, node, sizeof(*n), true))
		return 0;
	if (n->owner) {
		drop_object(run, local(run, node), 0);
		return -EINVAL;
	}
	beside = front ? h->next : h->prev;
	if (beside && !good(run, beside, sizeof(*beside)))
		return -EINVAL;
	*n = (struct list_node){ .next = front ? beside : NULL,
				 .prev = front ? NULL : beside,
				 .owner = h };
	if (!beside)
		h->next = h->prev = n;
	else if (front)
		h->next = beside->prev = n;
	else
		h->prev = beside->next = n;
	return 0;
}

KBODY(bpf_list_push_front_impl)
{
	return (uint32_t)push(run, "bpf_list_push_front_impl", a1, a2, true);
}

KBODY(bpf_list_push_back_impl)
{
	return (uint32_t)push(run, "bpf_list_push_back_impl", a1, a2, false);
}

static struct list_node *take_node(struct exec_run *run, struct list_head *h, bool front)
{
	struct list_node *n = front ? h->next : h->prev, *beside;

	if (!good(run, n, sizeof(*n)) || n->owner != h)
		return NULL;
	beside = front ? n->next : n->prev;
	if (beside && !good(run, beside, sizeof(*beside)))
		return NULL;
	if (!beside)
		h->next = h->prev = NULL;
	else if (front)
		beside->prev = NULL;
	else
		beside->next = NULL;
	if (beside && front)
		h->next = beside;
	else if (beside)
		h->prev = beside;
	*n = (struct list_node){ 0 };
	return n;
}

static struct list_node *unlink_first(struct exec_run *run, struct list_head *h)
{
	return take_node(run, h, true);
}

KBODY(bpf_list_pop_front)
{
	struct list_head *h = head_of(run, "bpf_list_pop_front", a1);

	return h ? (uintptr_t)take_node(run, h, true) : 0;
}

KBODY(bpf_list_pop_back)
{
	struct list_head *h = head_of(run, "bpf_list_pop_back", a1);

	return h ? (uintptr_t)take_node(run, h, false) : 0;
}

KBODY(bpf_list_front)
{
	struct list_head *h = head_of(run, "bpf_list_front", a1);

	return h ? (uintptr_t)h->next : 0;
}

KBODY(bpf_list_back)
{
	struct list_head *h = head_of(run, "bpf_list_back", a1);

	return h ? (uintptr_t)h->prev : 0;
}

/* Trees ------------------------------------------------------------------------------------------------ */

static struct rb_root *root_of(struct exec_run *run, const char *name, uint64_t addr)
{
	return kfunc_memory(run, name, addr, sizeof(struct rb_root), true) ? pointer(addr) : NULL;
}

static uint64_t priority(const struct rb_node *n)
{
	uint64_t h = (uintptr_t)n * 0x9e3779b97f4a7c15ull;

	return h ^ h >> 29;
}

/* Where the tree points to @n from. NULL: what lies above it was overwritten. */
static struct rb_node **link_to(struct exec_run *run, struct rb_root *root, const struct rb_node *n)
{
	if (!n->up)
		return &root->top;
	if (!good(run, n->up, sizeof(*n)))
		return NULL;
	return n->up->left == n ? &n->up->left : &n->up->right;
}

/* @n, below @n->up, changes places with it. */
static bool rotate_up(struct exec_run *run, struct rb_root *root, struct rb_node *n)
{
	struct rb_node *p = n->up, *child;
	struct rb_node **from;

	if (!good(run, p, sizeof(*p)) || !(from = link_to(run, root, p)))
		return false;
	child = p->left == n ? n->right : n->left;
	if (child && !good(run, child, sizeof(*child)))
		return false;
	if (p->left == n) {
		p->left = child;
		n->right = p;
	} else {
		p->right = child;
		n->left = p;
	}
	if (child)
		child->up = p;
	n->up = p->up;
	p->up = n;
	*from = n;
	return true;
}

KBODY(bpf_rbtree_add_impl)
{
	struct rb_root *root = root_of(run, "bpf_rbtree_add_impl", a1);
	struct rb_node *n = pointer(a2), *at, *up = NULL;
	struct rb_node **slot;

	if (!root || !kfunc_memory(run, "bpf_rbtree_add_impl", a2, sizeof(*n), true))
		return 0;
	if (n->owner) {
		drop_object(run, local(run, a2), 0);
		return (uint32_t)-EINVAL;
	}
	slot = &root->top;
	for (uint32_t depth = 0; (at = *slot) && depth < MAX_DROPS; depth++) {
		const uint64_t args[5] = { a2, (uintptr_t)at };
		uint64_t less = 0;

		if (!good(run, at, sizeof(*at)) || exec_callback(run, a3, args, &less) < 0)
			return 0;
		up = at;
		slot = less ? &at->left : &at->right;
	}
	*n = (struct rb_node){ .up = up, .owner = root };
	*slot = n;
	while (n->up && priority(n) > priority(n->up) && rotate_up(run, root, n))
		;
	return 0;
}

static void take_out(struct exec_run *run, struct rb_root *root, struct rb_node *n)
{
	struct rb_node **from;

	for (uint32_t i = 0; i < MAX_DROPS && (n->left || n->right); i++) {
		struct rb_node *l = n->left, *r = n->right;
		struct rb_node *rises = !l ? r : !r ? l : priority(l) > priority(r) ? l : r;

		if (!good(run, rises, sizeof(*rises)) || !rotate_up(run, root, rises))
			break;
	}
	from = link_to(run, root, n);
	if (from)
		*from = NULL;
	*n = (struct rb_node){ 0 };
}

static struct rb_node *any_leaf(struct exec_run *run, const struct rb_root *root)
{
	return good(run, root->top, sizeof(struct rb_node)) ? root->top : NULL;
}

KBODY(bpf_rbtree_remove)
{
	struct rb_root *root = root_of(run, "bpf_rbtree_remove", a1);
	struct rb_node *n = pointer(a2);

	if (!root || !kfunc_memory(run, "bpf_rbtree_remove", a2, sizeof(*n), true) ||
	    n->owner != root)
		return 0;
	take_out(run, root, n);
	return a2;
}

KBODY(bpf_rbtree_first)
{
	struct rb_root *root = root_of(run, "bpf_rbtree_first", a1);
	struct rb_node *n = root ? root->top : NULL;

	for (uint32_t i = 0; i < MAX_DROPS && good(run, n, sizeof(*n)) && n->left; i++)
		n = n->left;
	return (uintptr_t)n;
}

KBODY(bpf_rbtree_root)
{
	struct rb_root *root = root_of(run, "bpf_rbtree_root", a1);

	return root ? (uintptr_t)root->top : 0;
}

static uint64_t child(struct exec_run *run, const char *name, uint64_t root, uint64_t node,
		      bool left)
{
	const struct rb_node *n = pointer(node);

	if (!root_of(run, name, root) || !kfunc_memory(run, name, node, sizeof(*n), true) ||
	    n->owner != pointer(root))
		return 0;
	return (uintptr_t)(left ? n->left : n->right);
}

KBODY(bpf_rbtree_left)
{
	return child(run, "bpf_rbtree_left", a1, a2, true);
}

KBODY(bpf_rbtree_right)
{
	return child(run, "bpf_rbtree_right", a1, a2, false);
}

/* Of a value of a map that goes, when no program runs. */
void helper_release_field(void *model, struct map *map, const struct map_field *field, void *at)
{
	struct exec_run run = { .model = model, .model_find = helper_find_object };
	struct list_node *n;
	uint64_t old;

	(void)map;
	switch ((enum map_field_kind)field->kind) {
	case MAP_FIELD_TIMER:
	case MAP_FIELD_WORKQUEUE:
	case MAP_FIELD_TASK_WORK:
		async_forget(model, (uintptr_t)at);
		memset(at, 0, field->size);
		break;
	case MAP_FIELD_KPTR:
	case MAP_FIELD_KPTR_REF:
	case MAP_FIELD_KPTR_PERCPU:
	case MAP_FIELD_UPTR:
		old = __atomic_exchange_n((uint64_t *)at, 0, __ATOMIC_ACQ_REL);
		if (old && field->kind != MAP_FIELD_KPTR && field->kind != MAP_FIELD_UPTR)
			drop_object(&run, object_start(&run, old), 0);
		break;
	case MAP_FIELD_LIST_HEAD:
		for (uint32_t i = 0; i < MAX_DROPS && (n = unlink_first(&run, at)); i++)
			drop_object(&run, local(&run, (uintptr_t)n), 0);
		memset(at, 0, field->size);
		break;
	case MAP_FIELD_RB_ROOT:
		drop_tree(&run, at, 0);
		memset(at, 0, field->size);
		break;
	case MAP_FIELD_SPIN_LOCK:
	case MAP_FIELD_RES_SPIN_LOCK:
	case MAP_FIELD_LIST_NODE:
	case MAP_FIELD_RB_NODE:
	case MAP_FIELD_REFCOUNT:
		break;
	}
}
