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
	bool full; /* more than the kernel counts: then it takes none for special */
};

static void put(struct collect *c, uint32_t kind, uint32_t off, uint32_t size)
{
	struct field *f;

	c->full |= c->out->n == ARRAY_SIZE(c->out->list);
	if (c->full)
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

/* Who a field belongs to, for decl tags: a struct's member, or a variable. */
struct owner {
	uint32_t type;
	int32_t member; /* -1: the variable itself */
};

/* What a list head or tree root contains: its member has the tag "contains:TYPE:MEMBER". */
static void find_node(const struct btf *b, struct owner owner, struct field *f)
{
	for (uint32_t id = 1; id < btf_count(b); id++) {
		const char *name, *sep;
		char type[64];

		if (btf_kind(b, id) != BTF_DECL_TAG || btf_ref_type(b, id) != owner.type ||
		    btf_decl_tag_index(b, id) != owner.member ||
		    strncmp(btf_name(b, id), "contains:", 9) != 0)
			continue;
		name = btf_name(b, id) + 9;
		sep = strchr(name, ':');
		if (!sep || (size_t)(sep - name) >= sizeof(type))
			return;
		memcpy(type, name, (size_t)(sep - name));
		type[sep - name] = '\0';
		f->btf = b;
		f->btf_id = btf_find(b, type, BTF_STRUCT, 0);
		for (uint32_t i = 0; f->btf_id && i < btf_vlen(b, f->btf_id); i++) {
			struct btf_member m = btf_member(b, f->btf_id, i);

			if (!m.name || strcmp(m.name, sep + 1) != 0)
				continue;
			f->node = sep + 1;
			f->node_off = m.bit_off / 8;
		}
		return;
	}
}

static void collect(struct collect *c, uint32_t id, uint32_t off);

/* A special field by its struct's name. */
static bool named_field(struct collect *c, uint32_t id, uint32_t off, struct owner owner)
{
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++) {
		uint32_t n = c->out->n;

		if (strcmp(btf_name(c->btf, id), specials[i].name) != 0)
			continue;
		put(c, specials[i].kind, off, (uint32_t)btf_size(c->btf, id));
		if (specials[i].kind & (FK_LIST_HEAD | FK_RB_ROOT) && c->out->n > n)
			find_node(c->btf, owner, &c->out->list[n]);
		return true;
	}
	return false;
}

static void one_type(struct collect *c, uint32_t type, uint32_t off, struct owner owner)
{
	const struct btf *b = c->btf;
	uint32_t id = btf_strip_all(b, type);

	if (btf_kind(b, id) == BTF_PTR) {
		pointer_field(c, id, off);
	} else if (btf_kind(b, id) == BTF_STRUCT || btf_kind(b, id) == BTF_DATASEC) {
		if (!named_field(c, id, off, owner))
			collect(c, id, off);
	} else if (btf_kind(b, id) == BTF_ARRAY) {
		uint32_t elem = btf_array_elem(b, id), n = btf_array_len(b, id);
		uint64_t size = btf_size(b, elem);

		for (uint32_t i = 0; i < n && i < 16 && size; i++)
			one_type(c, elem, off + (uint32_t)(i * size), owner);
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

			one_type(c, btf_ref_type(b, s.type), off + s.offset,
				 (struct owner){ s.type, -1 });
		}
	else if (btf_kind(b, id) == BTF_STRUCT)
		for (uint32_t i = 0; i < n; i++) {
			struct btf_member m = btf_member(b, id, i);

			if (!m.bit_size && m.bit_off % 8 == 0)
				one_type(c, m.type, off + m.bit_off / 8,
					 (struct owner){ id, (int32_t)i });
		}
	c->depth--;
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
	one_type(&c, type, 0, (struct owner){ 0, -1 });
	if (c.out->n && !c.full)
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
	if (r->type == T_BTF && mem_fixed(v, (unsigned int)a->value, true) < 0)
		return -EACCES;
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

/* Is what a kptr points to kept alive by RCU? The program's own objects are, and these. */
static bool is_rcu_safe(const struct verifier *v, const struct field *f)
{
	static const char *const kernel[] = { "task_struct", "cgroup", "bpf_cpumask",
					      "bpf_crypto_ctx", "prog_test_ref_kfunc" };

	if (f->kind == FK_KPTR_PERCPU)
		return true;
	if (f->kind != FK_KPTR_REF)
		return false;
	if (f->btf != v->o->kernel_btf)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kernel); i++)
		if (strcmp(btf_name(f->btf, f->btf_id), kernel[i]) == 0)
			return true;
	return false;
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
		bool rcu = is_rcu_safe(v, f) && (v->st->rcu || v->st->locks || !v->st->sleepable);

		reg_pointer(r, T_BTF,
			    !rcu		       ? F_NULL | F_UNTRUSTED :
			    f->kind == FK_KPTR_PERCPU  ? F_NULL | F_RCU | F_PERCPU :
			    f->btf != v->o->kernel_btf ? F_NULL | F_RCU | F_ALLOC :
							 F_NULL | F_RCU);
		r->btf = f->btf;
		r->btf_id = f->btf_id;
	}
	r->id = next_id(v);
	return 0;
}
