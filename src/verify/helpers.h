/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a helper, and the objects that helpers and kfuncs take: inside verify/ only. */
#ifndef VERIFY_HELPERS_H
#define VERIFY_HELPERS_H

#include "spec/rules.h"
#include "verify/walk.h"

struct kcall;

struct call {
	const struct spec_helper *proto;
	const struct verify_map *map;
	struct reg map_reg;
	bool map_uid_set;
	uint32_t map_uid;
	uint64_t max_size, alloc_size;
	uint32_t func; /* callback */
	uint32_t ref;  /* of the argument that has one */
	uint32_t dynptr_id, dynptr_ref;
	enum dynptr_type dynptr;
	const struct field *field; /* kptr slot */
	const struct kcall *kfunc; /* that calls back; NULL: a helper does */
	const struct btf *ret_btf;
	uint32_t ret_btf_id;
	uint16_t ret_flags;
};

int helper_argument(struct verifier *v, struct call *c, unsigned int regno);
int helper_memory(struct verifier *v, unsigned int regno, uint64_t size, bool write, bool is_raw,
		  bool zero_ok);
/* A string that does not change, in a map. */
int helper_string(struct verifier *v, unsigned int regno);
/* Sets c->... or refuses. */
/* The special field that the register points at. */
int object_field(struct verifier *v, unsigned int regno, uint32_t kind, const struct field **ret);
int object_lock(struct verifier *v, unsigned int regno, enum ref_kind kind, bool take);
int object_spin_lock(struct verifier *v, struct call *c, unsigned int regno);
int object_timer(struct verifier *v, struct call *c, unsigned int regno);
int object_kptr_slot(struct verifier *v, struct call *c, unsigned int regno);
int object_btf(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg);
int dynptr_argument(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg);
void dynptr_forget(struct verifier *v, uint32_t id);
void dynptr_packet_moved(struct verifier *v);
/* A new dynptr on the stack, where the register points. */
/* @ref: the reference that it shares with what it is a copy of; 0: none. */
int dynptr_copy(struct verifier *v, unsigned int regno, enum dynptr_type type, uint32_t ref);
int dynptr_make(struct verifier *v, unsigned int regno, enum dynptr_type type);
/* callback.c */
int callback_call(struct verifier *v, struct call *c);
/* exceptions.c: throwing; no callback may throw. */
int exception_find(struct verifier *v);
int exception_callbacks(struct verifier *v);
struct frame *call_enter(struct verifier *v, struct state *st, uint32_t func);

#endif
