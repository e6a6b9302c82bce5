// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts: one constant table for each kind of user, made from contexts.def. A field that the
 * program type may not read is FIELD_DENIED in its table. Invariant: fields ascend by offset and do
 * not overlap, so the field of an access is found by bisection.
 */
#include "base/num.h"
#include "spec/spec.h"

enum { T = 1, F = 2, C = 4, L = 8, K = 16, D = 32 };

#define MEMBER_SIZE(type, member) sizeof(((struct type *)NULL)->member)

static const struct spec_field xdp_fields[] = {
#define XDP_FIELD(n, o, s, k, member)                   \
	{ .name = #n,                                   \
	  .off = (o),                                   \
	  .size = (s),                                  \
	  .back_off = offsetof(struct ctx_xdp, member), \
	  .back_size = MEMBER_SIZE(ctx_xdp, member),    \
	  .kind = FIELD_##k,                            \
	  .writable = false },
#include "spec/contexts.def"
#undef XDP_FIELD
};

#define SKB_FIELD(n, o, s, k, member, readers, writers)      \
	{ .name = #n,                                        \
	  .off = (o),                                        \
	  .size = (s),                                       \
	  .back_off = offsetof(struct ctx_skb, member),      \
	  .back_size = MEMBER_SIZE(ctx_skb, member),         \
	  .kind = (readers)&USER ? FIELD_##k : FIELD_DENIED, \
	  .writable = ((writers)&USER) != 0 },

#define USER T
static const struct spec_field tc_fields[] = {
#include "spec/contexts.def"
};
#undef USER
#define USER F
static const struct spec_field filter_fields[] = {
#include "spec/contexts.def"
};
#undef USER
#define USER C
static const struct spec_field cgroup_fields[] = {
#include "spec/contexts.def"
};
#undef USER
#define USER L
static const struct spec_field lwt_fields[] = {
#include "spec/contexts.def"
};
#undef USER
#define USER K
static const struct spec_field sk_skb_fields[] = {
#include "spec/contexts.def"
};
#undef USER
#define USER D
static const struct spec_field flow_fields[] = {
#include "spec/contexts.def"
};
#undef USER
#undef SKB_FIELD

/* Array fields are plain bytes on both sides. */
#define SKB_FIELD(n, o, s, k, member, readers, writers)                                      \
	_Static_assert(FIELD_##k != FIELD_ARRAY || MEMBER_SIZE(ctx_skb, member) == (s), #n); \
	_Static_assert((o) + (s) <= SPEC_SKB_SIZE, #n);
#include "spec/contexts.def"
#undef SKB_FIELD

static const struct spec_ctx xdp_ctx = {
	.name = "xdp_md", .size = SPEC_XDP_SIZE, xdp_fields, ARRAY_SIZE(xdp_fields)
};

#define SKB_CTX(var, table)                                                          \
	static const struct spec_ctx var = {                                         \
		.name = "__sk_buff", .size = SPEC_SKB_SIZE, table, ARRAY_SIZE(table) \
	};
SKB_CTX(tc_ctx, tc_fields)
SKB_CTX(filter_ctx, filter_fields)
SKB_CTX(cgroup_ctx, cgroup_fields)
SKB_CTX(lwt_ctx, lwt_fields)
SKB_CTX(sk_skb_ctx, sk_skb_fields)
SKB_CTX(flow_ctx, flow_fields)

/* What the ctx column of prog_types.def names. */
#define CTX_MEM NULL
#define CTX_XDP &xdp_ctx
#define CTX_TC &tc_ctx
#define CTX_FILTER &filter_ctx
#define CTX_CGROUP &cgroup_ctx
#define CTX_LWT &lwt_ctx
#define CTX_SK_SKB &sk_skb_ctx
#define CTX_FLOW &flow_ctx

static const struct spec_ctx *const contexts[PROG_TYPE_COUNT] = {
#define PROG_TYPE(id, value, name, ctx, ...) [value] = CTX_##ctx,
#include "spec/prog_types.def"
#undef PROG_TYPE
};

const struct spec_ctx *spec_ctx_of(int prog_type)
{
	return prog_type >= 0 && prog_type < PROG_TYPE_COUNT ? contexts[prog_type] : NULL;
}

const struct spec_field *spec_ctx_field(const struct spec_ctx *ctx, uint32_t off, uint32_t size)
{
	size_t lo = 0, hi = ctx->nfields;

	while (lo + 1 < hi) {
		size_t mid = (lo + hi) / 2;

		if (ctx->fields[mid].off <= off)
			lo = mid;
		else
			hi = mid;
	}
	if (hi == 0 || off < ctx->fields[lo].off)
		return NULL;
	return num_inside(off - ctx->fields[lo].off, size, ctx->fields[lo].size) ?
		       &ctx->fields[lo] :
		       NULL;
}

const struct spec_field *spec_ctx_served(const struct spec_ctx *ctx, uint32_t off, uint32_t size,
					 bool write)
{
	const struct spec_field *f = spec_ctx_field(ctx, off, size);
	bool whole = f && off == f->off && size == f->size;

	if (!f || f->kind == FIELD_ABSENT || f->kind == FIELD_DENIED || (write && !f->writable) ||
	    ((write || f->kind != FIELD_SCALAR) && f->kind != FIELD_ARRAY && !whole))
		return NULL;
	return f;
}
