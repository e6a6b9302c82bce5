// SPDX-License-Identifier: Apache-2.0
/*
 * The target's types that may be what a local type means (same kind, same name but for flavours), and whether
 * one of them has the field or enumerator that an access names. Members of anonymous structs and
 * unions count as members of what holds them.
 */
#include <string.h>

#include "load/internal.h"

static int find_flavours(struct core *c, struct skep_error **reterr)
{
	uint32_t n = btf_count(c->target), room = 0;

	c->have_flavours = true;
	for (uint32_t id = 1; id < n; id++)
		room += strstr(btf_name(c->target, id), "___") != NULL;
	c->flavours = ARENA_ARRAY(c->tmp, uint32_t, room);
	if (!c->flavours)
		return skep_fail_nomem(reterr);
	for (uint32_t id = 1; id < n && c->nflavours < room; id++) {
		const char *name = btf_name(c->target, id);

		if (strstr(name, "___") && name[core_essential(name)])
			c->flavours[c->nflavours++] = id;
	}
	return 0;
}

/* Counts the candidates, and stores them when @out is not NULL. */
static uint32_t collect(const struct core *c, const char *plain, enum btf_kind kind, uint32_t *out)
{
	size_t len = strlen(plain);
	uint32_t n = 0;

	for (uint32_t id = btf_find(c->target, plain, BTF_VOID, 0); id;
	     id = btf_find(c->target, plain, BTF_VOID, id)) {
		if (!core_kinds_match(kind, btf_kind(c->target, id)))
			continue;
		if (out)
			out[n] = id;
		n++;
	}
	for (uint32_t i = 0; i < c->nflavours; i++) {
		const char *name = btf_name(c->target, c->flavours[i]);

		if (core_essential(name) != len || memcmp(name, plain, len) ||
		    !core_kinds_match(kind, btf_kind(c->target, c->flavours[i])))
			continue;
		if (out)
			out[n] = c->flavours[i];
		n++;
	}
	return n;
}

int core_candidates(struct core *c, uint32_t local, struct core_cands *ret,
		    struct skep_error **reterr)
{
	struct core_cands *known = &c->cands[local];
	const char *name = btf_name(c->local, local);
	size_t n = core_essential(name);
	char plain[MAX_NAME + 1];
	int r;

	if (c->target && !known->known && n <= MAX_NAME) {
		if (!c->have_flavours) {
			r = find_flavours(c, reterr);
			if (r < 0)
				return r;
		}
		memcpy(plain, name, n);
		plain[n] = 0;
		known->n = collect(c, plain, btf_kind(c->local, local), NULL);
		known->ids = ARENA_ARRAY(c->tmp, uint32_t, known->n);
		if (!known->ids)
			return skep_fail_nomem(reterr);
		collect(c, plain, btf_kind(c->local, local), known->ids);
	}
	known->known = true;
	*ret = *known;
	return 0;
}

/* The member that an access names: its name, and its type on the local side. */
struct wanted {
	const char *name;
	uint32_t type;
};

static int find_member(struct core *c, const struct wanted *want, uint32_t target,
		       struct core_spec *spec, uint32_t *ret_type, unsigned int depth)
{
	uint32_t id = btf_strip_all(c->target, target), n;
	int r;

	if (!btf_is_composite(c->target, id) || depth > MAX_DEPTH)
		return 0;
	n = btf_vlen(c->target, id);
	for (uint32_t i = 0; i < n; i++) {
		struct btf_member m = btf_member(c->target, id, i);

		if (core_step(c) < 0)
			return -E2BIG;
		if (!*m.name) {
			spec->bit_off += m.bit_off;
			r = find_member(c, want, m.type, spec, ret_type, depth + 1);
			if (r)
				return r;
			spec->bit_off -= m.bit_off;
			continue;
		}
		if (strcmp(m.name, want->name))
			continue;
		r = core_fields_compatible(c, want->type, m.type);
		if (r <= 0) {
			c->other_kind = true;
			return r;
		}
		*ret_type = m.type;
		return core_add_member(spec, id, i, m);
	}
	return 0;
}

static int match_field(struct core *c, const struct core_spec *local, uint32_t target,
		       struct core_spec *ret)
{
	uint32_t id = btf_strip_all(c->target, target);

	for (uint32_t i = 0; i < local->nparts; i++) {
		const struct core_part *p = &local->part[i];

		if (p->name) {
			struct wanted want = { p->name,
					       btf_member(c->local, p->type, p->idx).type };
			int r = find_member(c, &want, id, ret, &id, 0);

			if (r <= 0)
				return r;
			id = btf_strip_all(c->target, id);
			continue;
		}
		if (i) {
			if (btf_kind(c->target, id) != BTF_ARRAY ||
			    (p->idx >= btf_array_len(c->target, id) &&
			     !core_flexible(c->target, &ret->part[ret->nparts - 1], id)))
				return 0;
			id = btf_strip_all(c->target, btf_array_elem(c->target, id));
		}
		if (!core_add_element(ret, id, p->idx))
			return 0;
	}
	return 1;
}

/* Has the kernel that is asked for it? What no table knows, it has when the target has it. */
static bool of_kernel(const struct core *c, bool known, const struct spec_need *need)
{
	return !known || !c->l->opts->profile || spec_profile_has(c->l->opts->profile, need);
}

static int match_enumerator(struct core *c, const struct core_spec *local, uint32_t target,
			    struct core_spec *ret)
{
	uint32_t id = btf_strip_all(c->target, target);
	enum btf_kind kind = btf_kind(c->target, id);
	struct spec_need need;

	if (kind != BTF_ENUM && kind != BTF_ENUM64)
		return 0;
	for (uint32_t i = 0; i < btf_vlen(c->target, id); i++) {
		const char *name = btf_enumerator(c->target, id, i).name;

		if (core_step(c) < 0)
			return -E2BIG;
		if (!core_names_match(local->part[0].name, name))
			continue;
		if (!of_kernel(c, spec_need_enumerator(name, &need), &need))
			return 0;
		ret->part[ret->nparts++] = (struct core_part){ id, i, name };
		return 1;
	}
	return 0;
}

int core_match(struct core *c, const struct core_spec *local, uint32_t target,
	       struct core_spec *ret)
{
	struct spec_need need;

	ret->btf = c->target;
	ret->root = target;
	ret->kind = local->kind;
	ret->bit_off = 0;
	ret->nparts = 0;
	if (core_step(c) < 0)
		return -E2BIG;
	if (core_is_type(local->kind) &&
	    !of_kernel(c, spec_need_type(btf_name(c->target, target), &need), &need))
		return 0;
	if (local->kind == BTF_CORE_TYPE_MATCHES)
		return core_types_match(c, local->root, target);
	if (core_is_type(local->kind))
		return core_types_compatible(c, local->root, target, 0);
	if (core_is_enum(local->kind))
		return match_enumerator(c, local, target, ret);
	return match_field(c, local, target, ret);
}
