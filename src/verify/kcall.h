/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a kernel function: inside verify/ only. */
#ifndef VERIFY_KCALL_H
#define VERIFY_KCALL_H

#include "spec/rules.h"
#include "verify/fields.h"
#include "verify/helpers.h"

struct kcall {
	const struct spec_kfunc_rule *rule;
	const char *name;
	const struct btf *btf; /* the kernel's */
	uint32_t proto, nargs;
	uint32_t ref;	  /* of the argument that has one */
	uint32_t ref_arg; /* its register */
	uint64_t konst;	  /* of a __k argument */
	uint64_t size;	  /* of a __szk argument */
	uint32_t iter_frame, iter_slot, iter_slots;
	uint32_t dynptr_id, dynptr_ref;
	enum dynptr_type dynptr;
	struct reg object; /* the first object among the arguments */
	bool has_object;
	const struct field *head; /* list head, tree root */
	struct reg head_of;	  /* what it is in */
	uint32_t node_ref;	  /* of the node that is added */
	uint32_t callback;	  /* a function's index */
	bool calls_back;
	const struct reg *work; /* the work queue or task work among the arguments */
};

static inline bool kfunc_is(const struct kcall *k, const char *name)
{
	return strcmp(k->name, name) == 0;
}

/* kfunc_args.c */
int kfunc_arguments(struct verifier *v, struct kcall *k);
/* kfunc_iter.c */
int iter_argument(struct verifier *v, struct kcall *k, uint32_t type);
int iter_effect(struct verifier *v, const struct kcall *k);
/* kfunc_sections.c: RCU, preemption, interrupts; 1 when it was one of those */
int section_call(struct verifier *v, const struct kcall *k);
/* kfunc_objects.c; arguments and results: 1 when it was one of those */
int alloc_argument(struct verifier *v, struct kcall *k, uint32_t i, const char *name);
int alloc_result(struct verifier *v, const struct kcall *k, struct reg *r);
/* kfunc_graph.c */
bool kfunc_may_hold_lock(const struct kcall *k);
bool in_tree_callback(const struct verifier *v);
int graph_argument(struct verifier *v, struct kcall *k, uint32_t i, const char *type);
int graph_effect(struct verifier *v, const struct kcall *k);
int graph_result(struct verifier *v, const struct kcall *k, struct reg *r);
void graph_node(struct verifier *v, const struct field *head, struct reg *r);
void graph_less_arguments(struct verifier *v, const struct kcall *k, struct frame *callee);
/* kfunc_locks.c */
int lock_fails(struct verifier *v, const struct kcall *k);
int lock_argument(struct verifier *v, struct kcall *k, uint32_t i, const char *type);
int irq_argument(struct verifier *v, struct kcall *k, uint32_t i);
/* kfunc_work.c: what runs later */
int work_argument(struct verifier *v, struct kcall *k, uint32_t i, const char *type);
int work_map(struct verifier *v, const struct kcall *k, uint32_t i);
/* exceptions.c: ends the path */
int exception_throw(struct verifier *v);

#endif
