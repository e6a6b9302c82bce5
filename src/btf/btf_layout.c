// SPDX-License-Identifier: Apache-2.0
/*
 * Sizes, alignments and what typedefs and modifiers stand for, for all types at once, by a
 * depth-first walk with its own stack: each type after all that it contains, each edge once. A type
 * met again while it is still on the stack contains itself, which is refused.
 *
 * Two graphs must be free of loops. By value: what a type contains. By declarator: how a type is spelt
 * without naming a struct, where pointers and functions count too; in C, every loop of types goes
 * through the tag of a struct or union.
 */
#include "base/num.h"
#include "btf/internal.h"

enum graph { BY_VALUE, BY_DECLARATOR };
enum { NEW, OPEN, DONE };

struct frame {
	uint32_t id, edge;
};

struct walk {
	struct btf *btf;
	enum graph graph;
	uint8_t *state;
	struct frame *stack;
	size_t depth;
};

/* Number of types that type @id leads to in the graph. */
static uint32_t edge_count(const struct btf *btf, enum graph graph, uint32_t id)
{
	switch (btf_kind(btf, id)) {
	case BTF_TYPEDEF:
	case BTF_VOLATILE:
	case BTF_CONST:
	case BTF_RESTRICT:
	case BTF_TYPE_TAG:
	case BTF_ARRAY:
		return 1;
	case BTF_PTR:
		return graph == BY_DECLARATOR;
	case BTF_FUNC_PROTO:
		return graph == BY_DECLARATOR ? btf_vlen(btf, id) + 1 : 0;
	case BTF_VAR:
		return graph == BY_VALUE;
	case BTF_STRUCT:
	case BTF_UNION:
	case BTF_DATASEC:
		return graph == BY_VALUE ? btf_vlen(btf, id) : 0;
	case BTF_VOID:
	case BTF_INT:
	case BTF_ENUM:
	case BTF_FWD:
	case BTF_FUNC:
	case BTF_FLOAT:
	case BTF_DECL_TAG:
	case BTF_ENUM64:
	case BTF_KIND_END:
		return 0;
	}
	return 0;
}

static uint32_t edge_to(const struct btf *btf, uint32_t id, uint32_t i)
{
	enum btf_kind kind = btf_kind(btf, id);

	if (kind == BTF_ARRAY)
		return btf_array_elem(btf, id);
	if (kind == BTF_STRUCT || kind == BTF_UNION)
		return btf_entry(btf, id, i, MEMBER_WORDS)[MEMBER_TYPE];
	if (kind == BTF_DATASEC)
		return btf_secinfo(btf, id, i).type;
	if (kind == BTF_FUNC_PROTO && i > 0)
		return btf_param(btf, id, i - 1).type;
	return btf_ref_type(btf, id);
}

/* The loop that closes at @id: everything on the stack from there on. */
static int fail_loop(const struct walk *w, uint32_t id, struct skep_error **reterr)
{
	const struct btf *btf = w->btf;
	size_t from = w->depth;
	uint32_t via;
	int r;

	while (w->stack[from - 1].id != id)
		from--;
	via = w->stack[w->depth - 1].id;
	if (from == w->depth)
		return skep_fail(reterr, &ERR_LOOP, AT_TYPE(btf, id), "%s %u refers to itself",
				 btf_kind_name(btf_kind(btf, id)), id);
	r = skep_fail(reterr, &ERR_LOOP, AT_TYPE(btf, id),
		      "%s %u, through %zu more, the last of them %s %u",
		      btf_kind_name(btf_kind(btf, id)), id, w->depth - from,
		      btf_kind_name(btf_kind(btf, via)), via);
	return r;
}

/* Does the member's place lie inside its struct? */
static int check_member(const struct btf *btf, uint32_t id, uint32_t i, struct skep_error **reterr)
{
	struct btf_member m = btf_member(btf, id, i);
	enum btf_kind base = btf_kind(btf, btf->strip_all[m.type]);
	uint64_t bits = m.bit_size, room = (uint64_t)btf_raw_size(btf, id) * 8;

	if (m.bit_size && base != BTF_INT && base != BTF_ENUM && base != BTF_ENUM64)
		return skep_fail(reterr, &ERR_MEMBER, AT_TYPE(btf, id),
				 "member %u '%s' is a bit field but a %s", i, m.name,
				 btf_kind_name(base));
	if (m.bit_size > btf->size[m.type] * 8 || (!m.bit_size && m.bit_off % 8))
		return skep_fail(reterr, &ERR_MEMBER, AT_TYPE(btf, id),
				 "member %u '%s' has %u bits at bit %u", i, m.name, m.bit_size,
				 m.bit_off);
	if (!bits && !num_mul(btf->size[m.type], 8, &bits))
		bits = UINT64_MAX;
	if (!num_inside(m.bit_off, bits, room))
		return skep_fail(reterr, &ERR_MEMBER, AT_TYPE(btf, id),
				 "member %u '%s' is %" PRIu64 " bits at bit %u of %" PRIu64, i,
				 m.name, bits, m.bit_off, room);
	return 0;
}

/*
 * The alignment that the members give; 1 when the layout contradicts it, so that it must be packed.
 * BTF does not tell more.
 */
static uint8_t composite_align(const struct btf *btf, uint32_t id)
{
	uint8_t max = 1;

	for (uint32_t i = 0; i < btf_vlen(btf, id); i++) {
		struct btf_member m = btf_member(btf, id, i);
		uint8_t align = btf->align[m.type];

		if (!m.bit_size && m.bit_off / 8 % align)
			return 1;
		if (align > max)
			max = align;
	}
	return btf_raw_size(btf, id) % max ? 1 : max;
}

static uint8_t datasec_align(const struct btf *btf, uint32_t id)
{
	uint8_t max = 1;

	for (uint32_t i = 0; i < btf_vlen(btf, id); i++)
		if (btf->align[btf_secinfo(btf, id, i).type] > max)
			max = btf->align[btf_secinfo(btf, id, i).type];
	return max;
}

static void set(struct btf *btf, uint32_t id, uint64_t size, uint8_t align)
{
	btf->size[id] = size;
	btf->align[id] = align ? align : 1;
}

/* Everything that @id contains is done. */
static int lay_out_type(struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	uint32_t raw = btf_raw_size(btf, id), to = btf_ref_type(btf, id);
	uint64_t size;
	int r = 0;

	btf->strip[id] = btf->strip_all[id] = id;
	switch (btf_kind(btf, id)) {
	case BTF_INT:
	case BTF_ENUM:
	case BTF_ENUM64:
	case BTF_FLOAT:
		set(btf, id, raw, num_is_pow2(raw) ? (uint8_t)raw : 4);
		break;
	case BTF_PTR:
		set(btf, id, 8, 8);
		break;
	case BTF_ARRAY:
		to = btf_array_elem(btf, id);
		if (!num_mul(btf->size[to], btf_array_len(btf, id), &size))
			return skep_fail(reterr, &ERR_ARRAY, AT_TYPE(btf, id),
					 "%u elements of %" PRIu64 " bytes", btf_array_len(btf, id),
					 btf->size[to]);
		set(btf, id, size, btf->align[to]);
		break;
	case BTF_STRUCT:
	case BTF_UNION:
		for (uint32_t i = 0; r == 0 && i < btf_vlen(btf, id); i++)
			r = check_member(btf, id, i, reterr);
		set(btf, id, raw, composite_align(btf, id));
		break;
	case BTF_DATASEC:
		set(btf, id, raw, datasec_align(btf, id));
		break;
	case BTF_VOLATILE:
	case BTF_CONST:
	case BTF_RESTRICT:
	case BTF_TYPE_TAG:
		btf->strip[id] = btf->strip[to];
		/* fall through */
	case BTF_TYPEDEF:
		btf->strip_all[id] = btf->strip_all[to];
		/* fall through */
	case BTF_VAR:
		set(btf, id, btf->size[to], btf->align[to]);
		break;
	case BTF_VOID:
	case BTF_FWD:
	case BTF_FUNC:
	case BTF_FUNC_PROTO:
	case BTF_DECL_TAG:
	case BTF_KIND_END:
		set(btf, id, 0, 1);
		break;
	}
	return r;
}

static void push(struct walk *w, uint32_t id)
{
	w->state[id] = OPEN;
	w->stack[w->depth++] = (struct frame){ .id = id };
}

/* Visits @root and everything below it that is new. */
static int walk_from(struct walk *w, uint32_t root, struct skep_error **reterr)
{
	push(w, root);
	while (w->depth) {
		struct frame *f = &w->stack[w->depth - 1];
		uint32_t to;
		int r = 0;

		if (f->edge == edge_count(w->btf, w->graph, f->id)) {
			if (w->graph == BY_VALUE)
				r = lay_out_type(w->btf, f->id, reterr);
			if (r < 0)
				return r;
			w->state[f->id] = DONE;
			w->depth--;
			continue;
		}
		to = edge_to(w->btf, f->id, f->edge++);
		if (w->state[to] == OPEN)
			return fail_loop(w, to, reterr);
		if (w->state[to] == NEW)
			push(w, to);
	}
	return 0;
}

static int walk_all(struct walk *w, enum graph graph, struct skep_error **reterr)
{
	int r = 0;

	w->graph = graph;
	memset(w->state, NEW, w->btf->count);
	for (uint32_t id = 0; r == 0 && id < w->btf->count; id++)
		if (w->state[id] == NEW)
			r = walk_from(w, id, reterr);
	return r;
}

int btf_lay_out(struct btf *btf, struct skep_error **reterr)
{
	struct walk w = { .btf = btf };
	struct arena scratch;
	int r;

	arena_init(&scratch, 0);
	w.state = ARENA_ARRAY(&scratch, uint8_t, btf->count);
	w.stack = ARENA_ARRAY(&scratch, struct frame, btf->count);
	btf->strip = ARENA_ARRAY(&btf->arena, uint32_t, btf->count);
	btf->strip_all = ARENA_ARRAY(&btf->arena, uint32_t, btf->count);
	btf->size = ARENA_ARRAY(&btf->arena, uint64_t, btf->count);
	btf->align = ARENA_ARRAY(&btf->arena, uint8_t, btf->count);
	if (!w.state || !w.stack || !btf->strip || !btf->strip_all || !btf->size || !btf->align)
		r = skep_fail_nomem(reterr);
	else
		r = walk_all(&w, BY_VALUE, reterr);
	if (r == 0)
		r = walk_all(&w, BY_DECLARATOR, reterr);
	arena_done(&scratch);
	return r;
}
