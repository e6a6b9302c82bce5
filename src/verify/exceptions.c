// SPDX-License-Identifier: Apache-2.0
/*
 * Exceptions: bpf_throw() ends the program, whatever functions it is in, with nothing left open. The function that a decl tag
 * "exception_callback:NAME" of the program names makes the result of what was thrown; without one it is the result. What the kernel calls
 * back may not throw: there is no program to end.
 */
#include "verify/contract.h"
#include "verify/helpers.h"
#include "verify/kcall.h"

#define TAG "exception_callback:"

static int named(struct verifier *v, const char *name)
{
	for (uint32_t i = 1; i < v->nfuncs; i++) {
		struct func *f = &v->funcs[i];

		if (!f->name || strcmp(f->name, name) != 0)
			continue;
		if (!f->global)
			return reject(v, &ERR_FUNCTION,
				      "exception cb '%s' must be a global function", name);
		f->is_exception = true;
		f->called = true;
		return 0;
	}
	return reject(v, &ERR_FUNCTION, "exception callback '%s' could not be found in BTF", name);
}

HOT int exception_find(struct verifier *v)
{
	const struct btf *b = v->o->btf;
	const char *found = NULL;

	for (uint32_t id = 1; b && v->funcs[0].btf_id && id < btf_count(b); id++) {
		if (btf_kind(b, id) != BTF_DECL_TAG || btf_ref_type(b, id) != v->funcs[0].btf_id ||
		    btf_decl_tag_index(b, id) != -1 ||
		    strncmp(btf_name(b, id), TAG, strlen(TAG)) != 0)
			continue;
		if (found)
			return reject(v, &ERR_FUNCTION,
				      "multiple exception callback tags for main subprog");
		found = btf_name(b, id) + strlen(TAG);
	}
	return found ? named(v, found) : 0;
}

static bool has_callback(const struct verifier *v)
{
	for (uint32_t i = 1; i < v->nfuncs; i++)
		if (v->funcs[i].is_exception)
			return true;
	return false;
}

int exception_throw(struct verifier *v)
{
	const struct reg *r = reg_at(v, 1);
	struct range range;
	int err = resource_leak(v, "bpf_throw", false);

	if (err < 0)
		return err;
	if (has_callback(v) || frame_of(v->st)->func || !contract_returns(v, &range))
		return 1;
	err = precise_reg(v, 1);
	if (err < 0)
		return err;
	if (r->s.smin >= range.min && r->s.smax <= range.max)
		return 1;
	return out_of_range(v, "At program exit the register R1", r, range);
}

/* A function that is called by a callback runs in one. */
static void spread(const struct verifier *v, uint8_t *in)
{
	bool more = v->has[ISA_CALL_LOCAL];

	while (more) {
		more = false;
		for (uint32_t i = 0; i < v->n; i++) {
			uint32_t to;

			if (v->ops[i] != ISA_CALL_LOCAL || !in[func_at(v, i)])
				continue;
			to = graph_func_at(v, (int64_t)i + 1 + v->insns[i].imm);
			if (to != UINT32_MAX && !in[to])
				in[to] = more = true;
		}
	}
}

HOT int exception_callbacks(struct verifier *v)
{
	uint8_t *in;

	if (!v->has[ISA_CALL_KFUNC])
		return 0;
	in = arena_alloc(&v->arena, v->nfuncs + 1, 1);
	if (!in)
		return out_of_memory(v);
	memset(in, 0, v->nfuncs + 1);
	for (uint32_t i = 0; i < v->nfuncs; i++)
		in[i] = v->funcs[i].is_callback || v->funcs[i].is_async || v->funcs[i].is_exception;
	spread(v, in);
	for (uint32_t i = 0; i < v->n; i++)
		if (graph_is_kfunc(v, i, "bpf_throw") && in[func_at(v, i)]) {
			v->at = i;
			return reject(
				v, &ERR_CALLBACK,
				"bpf_throw kfunc (insn %u) cannot be called from callback subprog %u",
				i, func_at(v, i));
		}
	return 0;
}
