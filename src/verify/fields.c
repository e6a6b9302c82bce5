// SPDX-License-Identifier: Apache-2.0
/*
 * Special fields: what a map value's or an allocated object's BTF type says is not plain memory. Found by the name of the field's
 * struct, or, for kptrs, by the type tag on a pointer.
 */
#include "verify/fields.h"

static const struct {
	const char *name;
	uint32_t kind;
} specials[] = {
	{ "bpf_spin_lock", FK_SPIN_LOCK }, { "bpf_res_spin_lock", FK_RES_SPIN_LOCK },
	{ "bpf_timer", FK_TIMER },	   { "bpf_wq", FK_WORKQUEUE },
	{ "bpf_task_work", FK_TASK_WORK }, { "bpf_list_head", FK_LIST_HEAD },
	{ "bpf_list_node", FK_LIST_NODE }, { "bpf_rb_root", FK_RB_ROOT },
	{ "bpf_rb_node", FK_RB_NODE },	   { "bpf_refcount", FK_REFCOUNT },
};

const char *field_name(uint32_t kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
		if (specials[i].kind == kind)
			return specials[i].name;
	return kind == FK_UPTR ? "uptr" : kind == FK_KPTR_PERCPU ? "percpu_kptr" : "kptr";
}

struct collect {
	struct verifier *v;
	const struct btf *btf;
	struct fields *out;
	uint32_t depth;
};

static void put(struct collect *c, uint32_t kind, uint32_t off, uint32_t size)
{
	struct field *f;

	if (c->out->n == ARRAY_SIZE(c->out->list))
		return;
	f = &c->out->list[c->out->n++];
	*f = (struct field){ .kind = kind, .off = off, .size = size };
	c->out->kinds |= kind;
}

/* A pointer with a tag: what it may point to. */
static void pointer_field(struct collect *c, uint32_t id, uint32_t off)
{
	const struct btf *b = c->btf;
	uint32_t tag = btf_ref_type(b, id), kind = 0, target;
	struct field *f;

	while (tag && (btf_kind(b, tag) == BTF_CONST || btf_kind(b, tag) == BTF_VOLATILE))
		tag = btf_ref_type(b, tag);
	if (!tag || btf_kind(b, tag) != BTF_TYPE_TAG)
		return;
	if (strcmp(btf_name(b, tag), "kptr_untrusted") == 0)
		kind = FK_KPTR_UNREF;
	else if (strcmp(btf_name(b, tag), "kptr") == 0)
		kind = FK_KPTR_REF;
	else if (strcmp(btf_name(b, tag), "percpu_kptr") == 0)
		kind = FK_KPTR_PERCPU;
	else if (strcmp(btf_name(b, tag), "uptr") == 0)
		kind = FK_UPTR;
	if (!kind)
		return;
	target = btf_strip_all(b, tag);
	put(c, kind, off, 8);
	f = &c->out->list[c->out->n - 1];
	f->btf = b;
	f->btf_id = target;
	if (c->v->o->kernel_btf && kind != FK_UPTR) {
		uint32_t k = btf_find(
			c->v->o->kernel_btf, btf_name(b, target),
			btf_kind(b, target) == BTF_FWD ? BTF_STRUCT : btf_kind(b, target), 0);

		if (k) {
			f->btf = c->v->o->kernel_btf;
			f->btf_id = k;
		}
	}
}

static void collect(struct collect *c, uint32_t id, uint32_t off);

static void one_type(struct collect *c, uint32_t type, uint32_t off)
{
	const struct btf *b = c->btf;
	uint32_t id = btf_strip_all(b, type);

	if (btf_kind(b, id) == BTF_PTR) {
		pointer_field(c, id, off);
	} else if (btf_kind(b, id) == BTF_STRUCT || btf_kind(b, id) == BTF_DATASEC) {
		for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
			if (strcmp(btf_name(b, id), specials[i].name) == 0) {
				put(c, specials[i].kind, off, (uint32_t)btf_size(b, id));
				return;
			}
		collect(c, id, off);
	} else if (btf_kind(b, id) == BTF_ARRAY) {
		uint32_t elem = btf_array_elem(b, id), n = btf_array_len(b, id);
		uint64_t size = btf_size(b, elem);

		for (uint32_t i = 0; i < n && i < 16 && size; i++)
			one_type(c, elem, off + (uint32_t)(i * size));
	}
}

static void collect(struct collect *c, uint32_t id, uint32_t off)
{
	const struct btf *b = c->btf;
	uint32_t n = btf_vlen(b, id);

	if (++c->depth > 8) {
		c->depth--;
		return;
	}
	if (btf_kind(b, id) == BTF_DATASEC)
		for (uint32_t i = 0; i < n; i++) {
			struct btf_secinfo s = btf_secinfo(b, id, i);

			one_type(c, btf_ref_type(b, s.type), off + s.offset);
		}
	else if (btf_kind(b, id) == BTF_STRUCT)
		for (uint32_t i = 0; i < n; i++) {
			struct btf_member m = btf_member(b, id, i);

			if (!m.bit_size && m.bit_off % 8 == 0)
				one_type(c, m.type, off + m.bit_off / 8);
		}
	c->depth--;
}

/* What a list head or tree root contains: "contains:TYPE:MEMBER" on its member. */
static void find_nodes(struct verifier *v, const struct btf *b, uint32_t type, struct fields *f)
{
	for (uint32_t id = 1; id < btf_count(b); id++) {
		const char *name, *sep;
		uint32_t of, node;
		struct btf_member m;
		char tag[64];

		if (btf_kind(b, id) != BTF_DECL_TAG ||
		    strncmp(btf_name(b, id), "contains:", 9) != 0)
			continue;
		name = btf_name(b, id) + 9;
		sep = strchr(name, ':');
		of = btf_ref_type(b, id);
		if (!sep || (size_t)(sep - name) >= sizeof(tag))
			continue;
		memcpy(tag, name, (size_t)(sep - name));
		tag[sep - name] = '\0';
		node = btf_find(b, tag, BTF_STRUCT, 0);
		for (uint32_t i = 0; node && i < f->n; i++) {
			if (!(f->list[i].kind & (FK_LIST_HEAD | FK_RB_ROOT)))
				continue;
			if (btf_kind(b, of) == BTF_STRUCT && of == type) {
				m = btf_member(b, of, (uint32_t)btf_decl_tag_index(b, id));
				if (m.bit_off / 8 != f->list[i].off)
					continue;
			} else if (btf_kind(b, of) == BTF_VAR && btf_kind(b, type) == BTF_DATASEC) {
				bool here = false;

				for (uint32_t s = 0; s < btf_vlen(b, type); s++)
					here |= btf_secinfo(b, type, s).type == of &&
						btf_secinfo(b, type, s).offset <= f->list[i].off &&
						f->list[i].off <
							btf_secinfo(b, type, s).offset +
								btf_secinfo(b, type, s).size;
				if (!here)
					continue;
			} else {
				continue;
			}
			f->list[i].btf = b;
			f->list[i].btf_id = node;
			f->list[i].node = sep + 1;
			for (uint32_t k = 0; k < btf_vlen(b, node); k++)
				if (strcmp(btf_member(b, node, k).name, sep + 1) == 0)
					f->list[i].node_off = btf_member(b, node, k).bit_off / 8;
		}
	}
	(void)v;
}

struct fields_cache {
	const struct btf *btf;
	uint32_t type;
	struct fields *f;
	struct fields_cache *next;
};

const struct fields *fields_of(struct verifier *v, const struct btf *btf, uint32_t type)
{
	struct collect c = { .v = v, .btf = btf };
	struct fields_cache *k;

	if (!btf || !type || type >= btf_count(btf))
		return NULL;
	type = btf_strip_all(btf, type);
	for (k = v->fields; k; k = k->next)
		if (k->btf == btf && k->type == type)
			return k->f;
	k = ARENA_NEW(&v->arena, struct fields_cache);
	c.out = ARENA_NEW(&v->arena, struct fields);
	if (!k || !c.out) {
		v->oom = true;
		return NULL;
	}
	*k = (struct fields_cache){ btf, type, NULL, v->fields };
	v->fields = k;
	one_type(&c, type, 0);
	if (c.out->kinds & (FK_LIST_HEAD | FK_RB_ROOT))
		find_nodes(v, btf, type, c.out);
	if (c.out->n)
		k->f = c.out;
	return k->f;
}

const struct fields *fields_of_map(struct verifier *v, const struct verify_map *map)
{
	return map->value_type ? fields_of(v, map->btf, map->value_type) : NULL;
}

const struct field *fields_at(const struct fields *f, uint32_t off, uint32_t kinds)
{
	for (uint32_t i = 0; f && i < f->n; i++)
		if (f->list[i].off == off && f->list[i].kind & kinds)
			return &f->list[i];
	return NULL;
}

const struct field *fields_find(const struct fields *f, uint32_t kinds)
{
	for (uint32_t i = 0; f && i < f->n; i++)
		if (f->list[i].kind & kinds)
			return &f->list[i];
	return NULL;
}

int fields_overlap(struct verifier *v, unsigned int regno, const struct verify_map *map,
		   int64_t min, int64_t max, uint64_t size, bool indirect, bool write)
{
	const struct fields *f = fields_of_map(v, map);
	const struct reg *r = reg_at(v, regno);

	(void)write;
	for (uint32_t i = 0; f && i < f->n; i++) {
		const struct field *x = &f->list[i];

		if (max <= (int64_t)x->off || min >= (int64_t)(x->off + x->size))
			continue;
		if (!(x->kind & FK_KPTR))
			return reject(v, &ERR_FIELD_ACCESS,
				      "%s cannot be accessed directly by load/store",
				      field_name(x->kind));
		if (indirect)
			return reject(v, &ERR_FIELD_ACCESS,
				      "%s cannot be accessed indirectly by helper",
				      x->kind == FK_UPTR ? "uptr" : "kptr");
		if (!scalar_is_const(&r->s))
			return reject(v, &ERR_FIELD_ACCESS,
				      "kptr access cannot have variable offset");
		if (min != (int64_t)x->off)
			return reject(v, &ERR_FIELD_ACCESS,
				      "kptr access misaligned expected=%u off=%lld", x->off,
				      (long long)min);
		if (size != 8)
			return reject(v, &ERR_FIELD_ACCESS, "kptr access size must be BPF_DW");
	}
	return 0;
}

static int store_kptr(struct verifier *v, const struct access *a, const struct field *f)
{
	struct reg *r;
	char name[TYPE_NAME];

	if (f->kind != FK_KPTR_UNREF)
		return reject(v, &ERR_FIELD_ACCESS, "store to referenced kptr disallowed");
	if (a->value < 0) {
		if (!a->is_imm || a->imm)
			return reject(v, &ERR_FIELD_ACCESS,
				      "BPF_ST imm must be 0 when storing to kptr at off=%u",
				      f->off);
		return 0;
	}
	r = reg_at(v, (unsigned int)a->value);
	if (reg_is_null(r))
		return 0;
	if (r->type != T_BTF || !r->btf || r->btf_id != f->btf_id || r->btf != f->btf || r->off ||
	    r->flags & (F_PERCPU | F_ALLOC)) {
		bool object = r->type == T_BTF && r->btf;

		return reject(
			v, &ERR_FIELD_ACCESS, "invalid kptr access, R%d type=%s%s expected=ptr_%s",
			a->value,
			type_name(v, r->type, r->flags & (unsigned)~F_NULL, name, sizeof(name)),
			object ? btf_name(r->btf, r->btf_id) : "", btf_name(f->btf, f->btf_id));
	}
	return 0;
}

int fields_kptr(struct verifier *v, const struct access *a, const struct verify_map *map,
		int64_t off, bool *ret_is)
{
	const struct field *f;
	struct reg *r;

	*ret_is = false;
	if (off < 0)
		return 0;
	f = fields_at(fields_of_map(v, map), (uint32_t)off, FK_KPTR);
	if (!f || !scalar_is_const(&reg_at(v, a->regno)->s))
		return 0;
	*ret_is = true;
	if (v->insns[v->at].code >> 5 != 3)
		return reject(v, &ERR_FIELD_ACCESS,
			      "kptr in map can only be accessed using BPF_MEM instruction mode");
	if (a->write)
		return store_kptr(v, a, f);
	if (a->value < 0)
		return 0;
	r = reg_at(v, (unsigned int)a->value);
	if (f->kind == FK_UPTR) {
		reg_pointer(r, T_MEM, F_NULL);
		r->mem_size = (uint32_t)btf_size(f->btf, f->btf_id);
	} else {
		bool rcu = f->kind != FK_KPTR_UNREF && !v->st->sleepable;

		reg_pointer(r, T_BTF,
			    F_NULL | (rcu ? F_RCU : F_UNTRUSTED) |
				    (f->kind == FK_KPTR_PERCPU ? F_PERCPU : 0u) |
				    (f->btf != v->o->kernel_btf ? F_ALLOC : 0u));
		r->btf = f->btf;
		r->btf_id = f->btf_id;
	}
	r->id = next_id(v);
	return 0;
}
