// SPDX-License-Identifier: Apache-2.0
//
// Rules of the verifier for objects: each program has a tag that says whether it is accepted, or with which words rejected.
// tests/unit/verify_rules_test.c asks skep and the kernel.

#include "objects.h"

/* Allocating ------------------------------------------------------------------------------------- */

ACCEPT int drop_accept(void *ctx)
{
	struct plain *p = NEW(struct plain);

	if (!p)
		return 0;
	p->a = 1;
	DROP(p);
	return 0;
}

REJECT("Unreleased reference") int drop_forgotten(void *ctx)
{
	struct plain *p = NEW(struct plain);

	if (p)
		p->a = 1;
	return 0;
}

REJECT("R0 invalid mem access 'ptr_or_null_'") int new_unchecked(void *ctx)
{
	NEW(struct plain)->a = 1;
	return 0;
}

REJECT("invalid mem access 'scalar'") int drop_then_read(void *ctx)
{
	struct plain *p = NEW(struct plain);

	if (!p)
		return 0;
	DROP(p);
	return p->a & 1;
}

REJECT("R1 must have zero offset when passed to release func") int drop_inside(void *ctx)
{
	struct plain *p = NEW(struct plain);

	if (p)
		DROP(&p->b);
	return 0;
}

REJECT("type ID argument must be of a struct") int new_of_number(void *ctx)
{
	void *p = bpf_obj_new_impl(TYPE_ID(int), 0);

	if (p)
		DROP(p);
	return 0;
}

ACCEPT int percpu_accept(void *ctx)
{
	struct plain *p = bpf_percpu_obj_new_impl(TYPE_ID(struct plain), 0);

	if (p)
		bpf_percpu_obj_drop_impl(p, 0);
	return 0;
}

REJECT("expected for bpf_percpu_obj_drop_impl()") int percpu_dropped_as_other(void *ctx)
{
	struct plain *p = bpf_percpu_obj_new_impl(TYPE_ID(struct plain), 0);

	if (p)
		DROP(p);
	return 0;
}

REJECT("must not contain special fields") int percpu_with_lock(void *ctx)
{
	struct locked {
		struct bpf_spin_lock lock;
		int x;
	} *p = bpf_percpu_obj_new_impl(TYPE_ID(struct locked), 0);

	if (p)
		bpf_percpu_obj_drop_impl(p, 0);
	return 0;
}

REJECT("direct access to bpf_list_node is disallowed") int node_read(void *ctx)
{
	struct single *n = NEW(struct single);
	long x;

	if (!n)
		return 0;
	x = *(long *)&n->list;
	DROP(n);
	return x & 1;
}

/* Storing ---------------------------------------------------------------------------------------- */

ACCEPT int stash_accept(void *ctx)
{
	struct value *v = first(&stash);
	struct plain *p, *old;

	if (!v)
		return 0;
	p = NEW(struct plain);
	if (!p)
		return 0;
	old = bpf_kptr_xchg(&v->plain, p);
	if (old)
		DROP(old);
	return 0;
}

REJECT("invalid kptr access, R2 type=ptr_other expected=ptr_plain") int stash_other(void *ctx)
{
	struct value *v = first(&stash);
	struct other *p;

	if (!v)
		return 0;
	p = NEW(struct other);
	if (!p)
		return 0;
	p = bpf_kptr_xchg(&v->plain, (void *)p);
	if (p)
		DROP(p);
	return 0;
}

REJECT("Unreleased reference") int stash_old_kept(void *ctx)
{
	struct value *v = first(&stash);

	if (v)
		bpf_kptr_xchg(&v->plain, 0);
	return 0;
}

ACCEPT int stash_percpu_accept(void *ctx)
{
	struct value *v = first(&stash);
	struct plain *p;

	if (!v || !v->each)
		return 0;
	p = bpf_this_cpu_ptr(v->each);
	p->a = 1;
	return 0;
}

/* Lists and trees -------------------------------------------------------------------------------- */

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct leaf, tree)->key < container_of(b, struct leaf, tree)->key;
}

static _Bool less_shared(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, tree)->key < container_of(b, struct item, tree)->key;
}

static _Bool less_unlocks(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	bpf_spin_unlock(&lock);
	return 0;
}

static _Bool less_removes(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	bpf_rbtree_remove(&tree, a);
	return 0;
}

ACCEPT int list_accept(void *ctx)
{
	struct single *n = NEW(struct single);
	struct bpf_list_node *l;

	if (!n)
		return 0;
	bpf_spin_lock(&lock);
	PUSH(n);
	n->key = 3; /* still there, though the list's */
	l = bpf_list_front(&list);
	if (l)
		container_of(l, struct single, list)->key++;
	l = bpf_list_pop_front(&list);
	bpf_spin_unlock(&lock);
	if (l)
		DROP(container_of(l, struct single, list));
	return 0;
}

REJECT("must be held for bpf_list_head") int list_unlocked(void *ctx)
{
	struct single *n = NEW(struct single);

	if (n)
		PUSH(n);
	return 0;
}

REJECT("held lock and object are not in the same allocation") int list_other_lock(void *ctx)
{
	struct single *n = NEW(struct single);

	if (!n)
		return 0;
	bpf_spin_lock(&lock2);
	PUSH(n);
	bpf_spin_unlock(&lock2);
	return 0;
}

REJECT("expected pointer to allocated object") int list_twice(void *ctx)
{
	struct single *n = NEW(struct single);

	if (!n)
		return 0;
	bpf_spin_lock(&lock);
	PUSH(n);
	PUSH(n);
	bpf_spin_unlock(&lock);
	return 0;
}

REJECT("invalid mem access 'scalar'") int list_used_unlocked(void *ctx)
{
	struct single *n = NEW(struct single);

	if (!n)
		return 0;
	bpf_spin_lock(&lock);
	PUSH(n);
	bpf_spin_unlock(&lock);
	return n->key & 1;
}

REJECT("bpf_list_node at offset=8 in struct single") int list_of_other(void *ctx)
{
	struct item *n = NEW(struct item);

	if (!n)
		return 0;
	bpf_spin_lock(&lock);
	PUSH(n);
	bpf_spin_unlock(&lock);
	return 0;
}

REJECT("function calls are not allowed while holding a lock") int new_locked(void *ctx)
{
	struct single *n;

	bpf_spin_lock(&lock);
	n = NEW(struct single);
	bpf_spin_unlock(&lock);
	if (n)
		DROP(n);
	return 0;
}

ACCEPT int tree_accept(void *ctx)
{
	struct leaf *n = NEW(struct leaf);
	struct bpf_rb_node *r;

	if (!n)
		return 0;
	bpf_spin_lock(&lock);
	ADD(tree, n, less);
	r = bpf_rbtree_first(&tree);
	if (r)
		r = bpf_rbtree_remove(&tree, r);
	bpf_spin_unlock(&lock);
	if (r)
		DROP(container_of(r, struct leaf, tree));
	return 0;
}

ACCEPT int tree_walk_accept(void *ctx)
{
	struct bpf_rb_node *r;
	long key = 0;

	bpf_spin_lock(&lock);
	r = bpf_rbtree_root(&tree);
	if (r)
		r = bpf_rbtree_left(&tree, r);
	if (r)
		key = container_of(r, struct leaf, tree)->key;
	bpf_spin_unlock(&lock);
	return key & 1;
}

REJECT("can only take non-owning or refcounted bpf_rb_node pointer") int tree_escaped(void *ctx)
{
	struct bpf_rb_node *r;

	bpf_spin_lock(&lock);
	r = bpf_rbtree_first(&tree);
	bpf_spin_unlock(&lock);
	if (!r)
		return 0;
	bpf_spin_lock(&lock);
	r = bpf_rbtree_remove(&tree, r);
	bpf_spin_unlock(&lock);
	if (r)
		DROP(container_of(r, struct leaf, tree));
	return 0;
}

REJECT("Unreleased reference") int tree_removed_kept(void *ctx)
{
	struct bpf_rb_node *r;

	bpf_spin_lock(&lock);
	r = bpf_rbtree_first(&tree);
	if (r)
		bpf_rbtree_remove(&tree, r);
	bpf_spin_unlock(&lock);
	return 0;
}

REJECT("can't spin_{lock,unlock} in rbtree cb") int tree_less_unlocks(void *ctx)
{
	struct leaf *n = NEW(struct leaf);

	if (!n)
		return 0;
	bpf_spin_lock(&lock);
	ADD(tree, n, less_unlocks);
	bpf_spin_unlock(&lock);
	return 0;
}

REJECT("bpf_rbtree_remove not allowed in rbtree cb") int tree_less_removes(void *ctx)
{
	struct leaf *n = NEW(struct leaf);

	if (!n)
		return 0;
	bpf_spin_lock(&lock);
	ADD(tree, n, less_removes);
	bpf_spin_unlock(&lock);
	return 0;
}

ACCEPT int counted_accept(void *ctx)
{
	struct item *n = NEW(struct item), *m;

	if (!n)
		return 0;
	m = bpf_refcount_acquire_impl(n, 0); /* an owner's: never NULL */
	m->key = 1;
	bpf_spin_lock(&lock2);
	ADD(shared, n, less_shared);
	bpf_spin_unlock(&lock2);
	DROP(m);
	return 0;
}

REJECT("Unreleased reference") int counted_kept(void *ctx)
{
	struct item *n = NEW(struct item), *m;

	if (!n)
		return 0;
	m = bpf_refcount_acquire_impl(n, 0);
	m->key = 1;
	DROP(n);
	return 0;
}

REJECT("doesn't point to a type with bpf_refcount field") int counted_without(void *ctx)
{
	struct single *n = NEW(struct single), *m;

	if (!n)
		return 0;
	m = bpf_refcount_acquire_impl(n, 0);
	DROP(n);
	if (m)
		DROP(m);
	return 0;
}

REJECT("Possibly NULL pointer passed to trusted arg0") int counted_maybe(void *ctx)
{
	struct item *n = NEW(struct item), *m;

	m = bpf_refcount_acquire_impl(n, 0);
	if (m)
		DROP(m);
	if (n)
		DROP(n);
	return 0;
}

/* Resilient locks, interrupts -------------------------------------------------------------------- */

ACCEPT int res_accept(void *ctx)
{
	if (bpf_res_spin_lock(&res))
		return 0;
	if (!bpf_res_spin_lock(&res2))
		bpf_res_spin_unlock(&res2);
	bpf_res_spin_unlock(&res);
	return 0;
}

REJECT("bpf_res_spin_unlock without taking a lock") int res_unchecked(void *ctx)
{
	bpf_res_spin_lock(&res);
	bpf_res_spin_unlock(&res);
	return 0;
}

REJECT("AA deadlock detected") int res_twice(void *ctx)
{
	if (bpf_res_spin_lock(&res))
		return 0;
	if (!bpf_res_spin_lock(&res))
		bpf_res_spin_unlock(&res);
	bpf_res_spin_unlock(&res);
	return 0;
}

REJECT("bpf_res_spin_unlock cannot be out of order") int res_out_of_order(void *ctx)
{
	if (bpf_res_spin_lock(&res))
		return 0;
	if (bpf_res_spin_lock(&res2)) {
		bpf_res_spin_unlock(&res);
		return 0;
	}
	bpf_res_spin_unlock(&res);
	bpf_res_spin_unlock(&res2);
	return 0;
}

ACCEPT int res_irq_accept(void *ctx)
{
	unsigned long flags;

	if (bpf_res_spin_lock_irqsave(&res, &flags))
		return 0;
	bpf_res_spin_unlock_irqrestore(&res, &flags);
	return 0;
}

REJECT("irq flag acquired by native kfuncs cannot be restored with lock kfuncs")
int res_irq_mixed(void *ctx)
{
	unsigned long flags, native;

	bpf_local_irq_save(&native);
	if (bpf_res_spin_lock_irqsave(&res, &flags)) {
		bpf_local_irq_restore(&native);
		return 0;
	}
	bpf_res_spin_unlock_irqrestore(&res, &native);
	return 0;
}

ACCEPT int irq_accept(void *ctx)
{
	unsigned long a, b;

	bpf_local_irq_save(&a);
	bpf_local_irq_save(&b);
	bpf_local_irq_restore(&b);
	bpf_local_irq_restore(&a);
	return 0;
}

REJECT("cannot restore irq state out of order") int irq_out_of_order(void *ctx)
{
	unsigned long a, b;

	bpf_local_irq_save(&a);
	bpf_local_irq_save(&b);
	bpf_local_irq_restore(&a);
	bpf_local_irq_restore(&b);
	return 0;
}

REJECT("BPF_EXIT instruction in main prog cannot be used inside bpf_local_irq_save-ed region")
int irq_forgotten(void *ctx)
{
	unsigned long a;

	bpf_local_irq_save(&a);
	return 0;
}

REJECT("expected an initialized irq flag as arg#0") int irq_not_saved(void *ctx)
{
	unsigned long a = 0;

	bpf_local_irq_restore(&a);
	return 0;
}

REJECT("expected uninitialized irq flag as arg#0") int irq_saved_twice(void *ctx)
{
	unsigned long a;

	bpf_local_irq_save(&a);
	bpf_local_irq_save(&a);
	bpf_local_irq_restore(&a);
	return 0;
}

/* Exceptions ------------------------------------------------------------------------------------- */

__attribute__((noinline)) int caught(__u64 cookie)
{
	return cookie & 1;
}

__attribute__((noinline)) int caught_two(int a, int b)
{
	return a + b;
}

ACCEPT int throw_accept(void *ctx)
{
	bpf_throw(0);
	return 0;
}

ACCEPT throws_to(caught)
int throw_caught_accept(void *ctx)
{
	bpf_throw(77);
	return 0;
}

REJECT("exception cb only supports single integer argument")
throws_to(caught_two) int throw_caught_badly(void *ctx)
{
	bpf_throw(77);
	return 0;
}

REJECT("bpf_throw would lead to reference leak") int throw_leaks(void *ctx)
{
	struct plain *p = NEW(struct plain);

	if (!p)
		return 0;
	bpf_throw(0);
	DROP(p);
	return 0;
}

REJECT("bpf_throw cannot be used inside bpf_rcu_read_lock-ed region") int throw_in_rcu(void *ctx)
{
	bpf_rcu_read_lock();
	bpf_throw(0);
	bpf_rcu_read_unlock();
	return 0;
}

static long round_throws(__u32 i, void *ctx)
{
	bpf_throw(i);
	return 0;
}

REJECT("cannot be called from callback subprog") int throw_in_callback(void *ctx)
{
	bpf_loop(3, round_throws, 0, 0);
	return 0;
}

/* What runs later -------------------------------------------------------------------------------- */

static int later(void *map, int *key, void *value)
{
	return 0;
}

static int later_one(void *map, int *key, void *value)
{
	return 1;
}

static int later_any(struct bpf_map *map, void *key, void *value)
{
	return 5;
}

ACCEPT int wq_accept(void *ctx)
{
	struct work *w = first(&works);

	if (!w || bpf_wq_init(&w->wq, &works, 0) || bpf_wq_set_callback_impl(&w->wq, later, 0, 0))
		return 0;
	bpf_wq_start(&w->wq, 0);
	return 0;
}

REJECT("doesn't match map pointer in R") int wq_other_map(void *ctx)
{
	struct work *w = first(&works);

	if (w)
		bpf_wq_init(&w->wq, &works2, 0);
	return 0;
}

REJECT("At async callback return the register R0 has") int wq_bad_return(void *ctx)
{
	struct work *w = first(&works);

	if (w)
		bpf_wq_set_callback_impl(&w->wq, later_one, 0, 0);
	return 0;
}

REJECT("doesn't point to a map value") int wq_on_stack(void *ctx)
{
	struct bpf_wq wq = {};

	bpf_wq_start(&wq, 0);
	return 0;
}

ACCEPT int timer_accept(void *ctx)
{
	struct work *w = first(&works);

	if (w)
		bpf_timer_set_callback(&w->timer, later);
	return 0;
}

REJECT("At async callback return the register R0 has") int timer_bad_return(void *ctx)
{
	struct work *w = first(&works);

	if (w)
		bpf_timer_set_callback(&w->timer, later_one);
	return 0;
}

ACCEPT int task_work_accept(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task_btf();
	struct work *w = first(&works);

	if (w)
		bpf_task_work_schedule_signal_impl(t, &w->tw, &works, later_any, 0);
	return 0;
}

REJECT("bpf_task_work pointer in R2 map_uid=0 doesn't match map pointer in R3 map_uid=0")
int task_work_other_map(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task_btf();
	struct work *w = first(&works);

	if (w)
		bpf_task_work_schedule_signal_impl(t, &w->tw, &works2, later_any, 0);
	return 0;
}

char gpl[] SEC("license") = "GPL";
