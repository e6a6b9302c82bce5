// SPDX-License-Identifier: Apache-2.0
//
// Objects that programs allocate, in lists and trees, counted, in map values; locks. `answers` must be the same on both engines.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define ANSWERS 256
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define __kptr __attribute__((btf_type_tag("kptr")))

struct bpf_map;

long answers[ANSWERS];
int used;

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
struct bpf_refcount {
	__u32 opaque[1];
} __attribute__((aligned(4)));

extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *p, void *meta) __ksym;
extern void *bpf_refcount_acquire_impl(void *p, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *h, struct bpf_list_node *n, void *meta,
				    __u64 off) __ksym;
extern int bpf_list_push_back_impl(struct bpf_list_head *h, struct bpf_list_node *n, void *meta,
				   __u64 off) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *h) __ksym;
extern struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *h) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *r, struct bpf_rb_node *n) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *r, struct bpf_rb_node *n,
			       _Bool(less)(struct bpf_rb_node *a, const struct bpf_rb_node *b),
			       void *meta, __u64 off) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *r) __ksym;

struct item {
	struct bpf_list_node list;
	struct bpf_rb_node node;
	struct bpf_refcount ref;
	int key;
};

struct holder {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __contains(item, list);
	struct bpf_rb_root root __contains(item, node);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct holder);
} holders SEC(".maps");

struct plain {
	long a, b;
};

struct slot {
	struct plain __kptr *p;
	int n;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, struct slot);
} slots SEC(".maps");

static __always_inline void answer(long value)
{
	int i = used;

	if (i >= 0 && i < ANSWERS)
		answers[i] = value;
	used = i + 1;
}

#define NEW(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), 0))

SEC("syscall")
int lists(void *ctx)
{
	int zero = 0, i;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);
	struct bpf_list_node *n;

	if (!h)
		return 1;
	for (i = 0; i < 6; i++) {
		struct item *it = NEW(struct item);

		if (!it)
			return 1;
		it->key = i;
		bpf_spin_lock(&h->lock);
		if (i & 1)
			bpf_list_push_front_impl(&h->head, &it->list, 0, 0);
		else
			bpf_list_push_back_impl(&h->head, &it->list, 0, 0);
		bpf_spin_unlock(&h->lock);
	}
	for (i = 0; i < 8; i++) {
		bpf_spin_lock(&h->lock);
		n = i & 1 ? bpf_list_pop_back(&h->head) : bpf_list_pop_front(&h->head);
		bpf_spin_unlock(&h->lock);
		answer(n ? container_of(n, struct item, list)->key : -1);
		if (n)
			bpf_obj_drop_impl(container_of(n, struct item, list), 0);
	}
	return 0;
}

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, node)->key < container_of(b, struct item, node)->key;
}

SEC("syscall")
int trees(void *ctx)
{
	int zero = 0, i;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);
	struct bpf_rb_node *n;

	if (!h)
		return 1;
	for (i = 0; i < 20; i++) {
		struct item *it = NEW(struct item);

		if (!it)
			return 1;
		it->key = i * 7 % 20;
		bpf_spin_lock(&h->lock);
		bpf_rbtree_add_impl(&h->root, &it->node, less, 0, 0);
		bpf_spin_unlock(&h->lock);
	}
	for (i = 0; i < 22; i++) {
		bpf_spin_lock(&h->lock);
		n = bpf_rbtree_first(&h->root);
		if (n)
			n = bpf_rbtree_remove(&h->root, n);
		bpf_spin_unlock(&h->lock);
		answer(n ? container_of(n, struct item, node)->key : -1);
		if (n)
			bpf_obj_drop_impl(container_of(n, struct item, node), 0);
	}
	return 0;
}

SEC("syscall")
int counted(void *ctx)
{
	int zero = 0;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);
	struct item *it, *twin;
	struct bpf_list_node *n;
	int r;

	if (!h)
		return 1;
	it = NEW(struct item);
	if (!it)
		return 1;
	it->key = 11;
	twin = bpf_refcount_acquire_impl(it, 0);
	if (!twin) {
		bpf_obj_drop_impl(it, 0);
		return 1;
	}
	bpf_spin_lock(&h->lock);
	r = bpf_list_push_front_impl(&h->head, &it->list, 0, 0);
	bpf_spin_unlock(&h->lock);
	answer(r);
	bpf_spin_lock(&h->lock);
	r = bpf_rbtree_add_impl(&h->root, &twin->node, less, 0, 0);
	bpf_spin_unlock(&h->lock);
	answer(r);
	bpf_spin_lock(&h->lock);
	n = bpf_list_pop_front(&h->head);
	bpf_spin_unlock(&h->lock);
	if (n) {
		answer(container_of(n, struct item, list)->key);
		bpf_obj_drop_impl(container_of(n, struct item, list), 0);
	}
	return 0;
}

SEC("syscall")
int exchanged(void *ctx)
{
	struct slot empty = {}, *s;
	struct plain *p, *old;
	int key = 3;

	answer(bpf_map_update_elem(&slots, &key, &empty, BPF_ANY));
	s = bpf_map_lookup_elem(&slots, &key);
	if (!s)
		return 1;
	p = NEW(struct plain);
	if (!p)
		return 1;
	p->a = 5;
	p->b = 6;
	old = bpf_kptr_xchg(&s->p, p);
	answer(old != 0);
	if (old)
		bpf_obj_drop_impl(old, 0);
	old = bpf_kptr_xchg(&s->p, 0);
	answer(old ? old->a * 10 + old->b : -1);
	if (old)
		bpf_obj_drop_impl(old, 0);
	p = NEW(struct plain);
	if (!p)
		return 1;
	old = bpf_kptr_xchg(&s->p, p);
	if (old)
		bpf_obj_drop_impl(old, 0);
	answer(bpf_map_delete_elem(&slots, &key));
	return 0;
}

struct counter {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, long);
} counters SEC(".maps");

static long sum_up(struct bpf_map *map, const int *key, long *value, long *sum)
{
	sum[0] += *key;
	sum[1] += *value;
	return *value == 1000;
}

static long delete_it(struct bpf_map *map, const int *key, long *value, long *sum)
{
	bpf_map_delete_elem(map, key);
	return 0;
}

SEC("syscall")
int each(void *ctx)
{
	long sum[2] = { 0 };
	int i;

	for (i = 0; i < 10; i++) {
		int key = i;
		long value = i * i;

		bpf_map_update_elem(&counters, &key, &value, BPF_ANY);
	}
	answer(bpf_for_each_map_elem(&counters, sum_up, sum, 0));
	answer(sum[0]);
	answer(sum[1]);
	answer(bpf_for_each_map_elem(&counters, sum_up, sum, 1));
	answer(bpf_for_each_map_elem(&counters, delete_it, sum, 0));
	answer(bpf_for_each_map_elem(&counters, sum_up, sum, 0));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
