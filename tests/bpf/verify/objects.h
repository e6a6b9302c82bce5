/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of objects.bpf.c work with: kernel functions, objects of their own, roots and locks, maps. */
#ifndef TESTS_BPF_OBJECTS_H
#define TESTS_BPF_OBJECTS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define tagged(x) __attribute__((btf_decl_tag(x)))
#define ACCEPT SEC("tc") tagged("accept")
#define REJECT(words) SEC("tc") tagged("reject:" words)
#define contains(type, node) tagged("contains:" #type ":" #node)
#define private(name) SEC(".data." #name) __hidden __attribute__((aligned(8)))
#define kptr __attribute__((btf_type_tag("kptr")))
#define percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define throws_to(f) tagged("exception_callback:" #f)
#define TYPE_ID(type) __builtin_btf_type_id(*(type *)0, 0)

/* Not in the UAPI headers of Debian 12: only the names and sizes count. */
struct bpf_refcount {
	__u32 opaque[1];
} __attribute__((aligned(4)));
struct bpf_list_head {
	__u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_list_node {
	__u64 opaque[3];
} __attribute__((aligned(8)));
struct bpf_rb_root {
	__u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_rb_node {
	__u64 opaque[4];
} __attribute__((aligned(8)));
struct bpf_res_spin_lock {
	__u32 val;
};
struct bpf_wq {
	__u64 opaque[2];
};
struct bpf_task_work {
	__u64 opaque;
} __attribute__((aligned(8)));
struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
struct bpf_map {
	unsigned int id;
} __attribute__((preserve_access_index));

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *p, void *meta) __ksym;
extern void *bpf_percpu_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_percpu_obj_drop_impl(void *p, void *meta) __ksym;
extern void *bpf_refcount_acquire_impl(void *p, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node,
				    void *meta, __u64 off) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
extern struct bpf_list_node *bpf_list_front(struct bpf_list_head *head) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       _Bool(less)(struct bpf_rb_node *, const struct bpf_rb_node *),
			       void *meta, __u64 off) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root,
					     struct bpf_rb_node *node) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_root(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_left(struct bpf_rb_root *root,
					   struct bpf_rb_node *node) __ksym;
extern void bpf_throw(__u64 cookie) __ksym;
extern int bpf_res_spin_lock(struct bpf_res_spin_lock *lock) __ksym;
extern void bpf_res_spin_unlock(struct bpf_res_spin_lock *lock) __ksym;
extern int bpf_res_spin_lock_irqsave(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;
extern void bpf_res_spin_unlock_irqrestore(struct bpf_res_spin_lock *lock,
					   unsigned long *flags) __ksym;
extern void bpf_local_irq_save(unsigned long *flags) __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int(cb)(void *map, int *key, void *value),
				    unsigned int flags, void *aux) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
extern int bpf_task_work_schedule_signal_impl(struct task_struct *task, struct bpf_task_work *tw,
					      void *map,
					      int(cb)(struct bpf_map *map, void *key, void *value),
					      void *aux) __ksym;

struct plain {
	long a, b;
};
struct other {
	long a;
};
struct item {
	long key;
	struct bpf_list_node list;
	struct bpf_rb_node tree;
	struct bpf_refcount count;
};
struct single {
	long key;
	struct bpf_list_node list;
};
struct leaf {
	long key;
	struct bpf_rb_node tree;
};

private(A) struct bpf_spin_lock lock;
private(A) struct bpf_list_head list contains(single, list);
private(A) struct bpf_rb_root tree contains(leaf, tree);
private(B) struct bpf_spin_lock lock2;
private(B) struct bpf_rb_root shared contains(item, tree);
private(C) struct bpf_res_spin_lock res;
private(D) struct bpf_res_spin_lock res2;

struct value {
	struct plain kptr *plain;
	struct plain percpu_kptr *each;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct value);
} stash SEC(".maps");
struct work {
	struct bpf_wq wq;
	struct bpf_task_work tw;
	struct bpf_timer timer;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct work);
} works SEC(".maps"), works2 SEC(".maps");

#define NEW(type) ((type *)bpf_obj_new_impl(TYPE_ID(type), 0))
#define DROP(p) bpf_obj_drop_impl((p), 0)
#define ADD(root, n, less) bpf_rbtree_add_impl(&root, &(n)->tree, less, 0, 0)
#define PUSH(n) bpf_list_push_front_impl(&list, &(n)->list, 0, 0)

static __always_inline void *first(void *map)
{
	int zero = 0;

	return bpf_map_lookup_elem(map, &zero);
}

#endif
