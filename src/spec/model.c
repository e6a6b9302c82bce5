// SPDX-License-Identifier: Apache-2.0
/*
 * BTF of the model kernel, made from the rows of model.def (whose C structs give the offsets),
 * contexts.def, helpers.def, prog_types.def and map_types.def. Enumerators exist for what the user
 * engine serves and for nothing else, so a program that asks learns the truth.
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "spec/kfunc.h"

/* SCALAR(type of model.def, name, size, encoding) */
#define SCALARS(_)                                         \
	_(u8, "unsigned char", 1, 0)                       \
	_(u16, "short unsigned int", 2, 0)                 \
	_(u32, "unsigned int", 4, 0)                       \
	_(u64, "long long unsigned int", 8, 0)             \
	_(s8, "signed char", 1, BTF_INT_SIGNED)            \
	_(s16, "short int", 2, BTF_INT_SIGNED)             \
	_(s32, "int", 4, BTF_INT_SIGNED)                   \
	_(s64, "long long int", 8, BTF_INT_SIGNED)         \
	_(slong, "long int", sizeof(long), BTF_INT_SIGNED) \
	_(ulong, "long unsigned int", sizeof(long), 0)     \
	_(text, "char", 1, BTF_INT_SIGNED)                 \
	_(flag, "_Bool", 1, BTF_INT_BOOL)

enum scalar {
#define SCALAR(type, ...) SCALAR_##type,
	SCALARS(SCALAR)
#undef SCALAR
		SCALAR_COUNT,
};

static const struct {
	const char *name;
	uint32_t size;
	unsigned int encoding;
} scalars[] = {
#define SCALAR(type, name, size, encoding) { name, size, encoding },
	SCALARS(SCALAR)
#undef SCALAR
};

/* Names that programs know the scalars by. */
static const struct {
	const char *name;
	enum scalar of;
} typedefs[] = {
	{ "__u8", SCALAR_u8 },	    { "u8", SCALAR_u8 },	{ "__u16", SCALAR_u16 },
	{ "u16", SCALAR_u16 },	    { "__u32", SCALAR_u32 },	{ "u32", SCALAR_u32 },
	{ "__u64", SCALAR_u64 },    { "u64", SCALAR_u64 },	{ "__s8", SCALAR_s8 },
	{ "s8", SCALAR_s8 },	    { "__s16", SCALAR_s16 },	{ "s16", SCALAR_s16 },
	{ "__s32", SCALAR_s32 },    { "s32", SCALAR_s32 },	{ "__s64", SCALAR_s64 },
	{ "s64", SCALAR_s64 },	    { "__be16", SCALAR_u16 },	{ "__be32", SCALAR_u32 },
	{ "__be64", SCALAR_u64 },   { "__sum16", SCALAR_u16 },	{ "__wsum", SCALAR_u32 },
	{ "bool", SCALAR_flag },    { "pid_t", SCALAR_s32 },	{ "size_t", SCALAR_ulong },
	{ "uint8_t", SCALAR_u8 },   { "uint16_t", SCALAR_u16 }, { "uint32_t", SCALAR_u32 },
	{ "uint64_t", SCALAR_u64 },
};

enum tag {
#define TAG(tag, ...) TAG_##tag,
#define STRUCT TAG
#define UNION TAG
#define FIELD(...)
#define BITS(...)
#define ARRAY(...)
#define PTR(...)
#define PTR_TO(...)
#define TEXT(...)
#define NEST(...)
#define NESTS(...)
#define END(...)
#define UNION_END(...)
#define OBJECT_END(...)
#define OBJECT_UNION_END(...)
#include "spec/model.def"
#undef STRUCT
#undef UNION
#undef FIELD
#undef BITS
#undef ARRAY
#undef PTR
#undef PTR_TO
#undef TEXT
#undef NEST
#undef NESTS
#undef END
#undef UNION_END
#undef OBJECT_END
#undef OBJECT_UNION_END
	TAG_COUNT,
};

enum row_kind {
	ROW_STRUCT,
	ROW_UNION,
	ROW_SCALAR,
	ROW_ARRAY,
	ROW_PTR,
	ROW_PTR_TO,
	ROW_TEXT,
	ROW_NEST,
	ROW_NESTS,
	ROW_END,
};

struct row {
	enum row_kind kind;
	const char *name;
	int type;	/* enum scalar or enum tag */
	uint32_t count; /* of an array; size of the whole in ROW_END */
	uint32_t bit_off, bit_size;
};

#define AT(tag, member) (uint32_t)(offsetof(struct model_##tag, member) * 8)
static const struct row rows[] = {
#define STRUCT(tag, name) { ROW_STRUCT, name, TAG_##tag, 0, 0, 0 },
#define UNION(tag, name) { ROW_UNION, name, TAG_##tag, 0, 0, 0 },
#define FIELD(tag, type, m) { ROW_SCALAR, #m, SCALAR_##type, 0, AT(tag, m), 0 },
#define BITS(tag, type, m, off, n) { ROW_SCALAR, #m, SCALAR_##type, 0, off, n },
#define ARRAY(tag, type, m, n) { ROW_ARRAY, #m, SCALAR_##type, n, AT(tag, m), 0 },
#define PTR(tag, m) { ROW_PTR, #m, 0, 0, AT(tag, m), 0 },
#define PTR_TO(tag, m, of) { ROW_PTR_TO, #m, TAG_##of, 0, AT(tag, m), 0 },
#define TEXT(tag, m) { ROW_TEXT, #m, 0, 0, AT(tag, m), 0 },
#define NEST(tag, m, of) { ROW_NEST, #m, TAG_##of, 0, AT(tag, m), 0 },
#define NESTS(tag, m, of, n) { ROW_NESTS, #m, TAG_##of, n, AT(tag, m), 0 },
#define END(tag, size) { ROW_END, NULL, TAG_##tag, size, 0, 0 },
#define UNION_END END
#define OBJECT_END(tag) END(tag, sizeof(struct model_##tag))
#define OBJECT_UNION_END OBJECT_END
#include "spec/model.def"
};

/* The contexts, whose layout is in contexts.def. */
struct ctx_row {
	const char *name;
	uint32_t off, size;
	enum spec_field_kind kind;
};
static const struct ctx_row xdp_rows[] = {
#define XDP_FIELD(n, o, s, k, ...) { #n, o, s, FIELD_##k },
#include "spec/contexts.def"
#undef XDP_FIELD
};
static const struct ctx_row skb_rows[] = {
#define SKB_FIELD(n, o, s, k, ...) { #n, o, s, FIELD_##k },
#include "spec/contexts.def"
#undef SKB_FIELD
};

#define MAX_NAME 64
#define MAX_OPAQUE 64

struct opaque {
	char name[MAX_NAME];
	uint32_t type;
};

struct model {
	struct btf_builder *b;
	int scalar[SCALAR_COUNT], tag[TAG_COUNT];
	const int *
		final; /* the tags of an earlier, equal build: pointers may go to types that stand below. NULL: that is this */
	int void_ptr, text_ptr;
	struct opaque
		opaque[MAX_OPAQUE]; /* structures of prototypes, of which only the name is known */
	uint32_t nopaque;
	int failed; /* first negative result */
};

#define MAX_MEMBERS 96
_Static_assert(ARRAY_SIZE(skb_rows) <= MAX_MEMBERS, "members of one structure");

/* Remembers a failure; gives a type id, 0 (void) for a failed one. */
static uint32_t id(struct model *m, int r)
{
	if (r < 0 && !m->failed)
		m->failed = r;
	return r < 0 ? 0 : (uint32_t)r;
}

static void add_scalars(struct model *m)
{
	for (int i = 0; i < SCALAR_COUNT; i++)
		m->scalar[i] = (int)id(m, btf_add_int(m->b, scalars[i].name, scalars[i].size,
						      scalars[i].encoding));
	for (size_t i = 0; i < ARRAY_SIZE(typedefs); i++)
		id(m, btf_add_ref(m->b, BTF_TYPEDEF, typedefs[i].name,
				  (uint32_t)m->scalar[typedefs[i].of]));
	m->void_ptr = (int)id(m, btf_add_ref(m->b, BTF_PTR, NULL, 0));
	m->text_ptr =
		(int)id(m, btf_add_ref(m->b, BTF_PTR, NULL, (uint32_t)m->scalar[SCALAR_text]));
}

static uint32_t array_of(struct model *m, enum scalar type, uint32_t n)
{
	return id(m, btf_add_array(m->b, (uint32_t)m->scalar[type], (uint32_t)m->scalar[SCALAR_u32],
				   n));
}

static uint32_t row_type(struct model *m, const struct row *row)
{
	if (row->kind == ROW_ARRAY)
		return array_of(m, (enum scalar)row->type, row->count);
	if (row->kind == ROW_PTR)
		return (uint32_t)m->void_ptr;
	if (row->kind == ROW_TEXT)
		return (uint32_t)m->text_ptr;
	if (row->kind == ROW_PTR_TO)
		return id(m, btf_add_ref(m->b, BTF_PTR, NULL,
					 m->final ? (uint32_t)m->final[row->type] : 0));
	if (row->kind == ROW_NESTS)
		return id(m, btf_add_array(m->b, (uint32_t)m->tag[row->type],
					   (uint32_t)m->scalar[SCALAR_u32], row->count));
	return (uint32_t)(row->kind == ROW_NEST ? m->tag[row->type] : m->scalar[row->type]);
}

static void add_structs(struct model *m)
{
	struct btf_member members[MAX_MEMBERS];
	const struct row *open = rows;
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		if (row->kind == ROW_STRUCT || row->kind == ROW_UNION) {
			open = row;
			n = 0;
		} else if (row->kind == ROW_END) {
			m->tag[open->type] =
				(int)id(m, btf_add_composite(m->b,
							     open->kind == ROW_UNION ? BTF_UNION :
										       BTF_STRUCT,
							     open->name, row->count, members, n));
		} else if (n < MAX_MEMBERS) {
			members[n++] = (struct btf_member){ row->name, row_type(m, row),
							    row->bit_off, row->bit_size };
		}
	}
}

static uint32_t add_ctx(struct model *m, const char *name, uint32_t size,
			const struct ctx_row *from, uint32_t n)
{
	struct btf_member members[MAX_MEMBERS];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t type = (uint32_t)m->scalar[from[i].size == 8 ? SCALAR_u64 :
						    from[i].size == 1 ? SCALAR_u8 :
									SCALAR_u32];

		if (from[i].kind == FIELD_ARRAY)
			type = array_of(m, SCALAR_u32, from[i].size / 4);
		if (from[i].kind == FIELD_ABSENT || strcmp(from[i].name, "sk") == 0)
			type = (uint32_t)m->void_ptr;
		members[i] = (struct btf_member){ from[i].name, type, from[i].off * 8, 0 };
	}
	return id(m, btf_add_composite(m->b, BTF_STRUCT, name, size, members, n));
}

struct enum_list {
	struct btf_enumerator values[HELPER_COUNT];
	char names[HELPER_COUNT][MAX_NAME];
	uint32_t n;
};

static void enumerator(struct enum_list *list, const char *prefix, const char *name, bool upper,
		       int64_t value)
{
	char *text = list->names[list->n];
	size_t len = strlen(prefix);

	snprintf(text, MAX_NAME, "%s%s", prefix, name);
	for (; upper && text[len]; len++)
		text[len] = (char)toupper((unsigned char)text[len]);
	list->values[list->n] = (struct btf_enumerator){ text, value };
	list->n++;
}

static void add_enum(struct model *m, struct enum_list *list, const char *name)
{
	id(m, btf_add_enum(m->b, BTF_ENUM, name, 4, false, list->values, list->n));
	list->n = 0;
}

static void add_enums(struct model *m)
{
	struct enum_list list = { .n = 0 };

	for (int i = 1; i < HELPER_COUNT; i++)
		if (spec_helper(i) && spec_helper(i)->served)
			enumerator(&list, "BPF_FUNC_", spec_helper(i)->name, false, i);
	add_enum(m, &list, "bpf_func_id");
	for (int i = 0; i < MAP_TYPE_COUNT; i++)
		if (spec_map_type_served(i))
			enumerator(&list, "BPF_MAP_TYPE_", spec_map_type_name(i), true, i);
	add_enum(m, &list, "bpf_map_type");
	for (int i = 0; i < PROG_TYPE_COUNT; i++)
		if (spec_prog_type_served(i))
			enumerator(&list, "BPF_PROG_TYPE_", spec_prog_type_name(i), true, i);
	add_enum(m, &list, "bpf_prog_type");
}

/* What a tp_btf program attaches to: typedef void (*btf_trace_NAME)(void *, struct pt_regs *, long). */
static void add_tracepoints(struct model *m)
{
	struct btf_param params[3] = { { "__data", (uint32_t)m->void_ptr },
				       { "regs", 0 },
				       { "id", (uint32_t)m->scalar[SCALAR_slong] } };
	static const struct {
		const char *name, *last;
	} points[] = { { "btf_trace_sys_enter", "id" }, { "btf_trace_sys_exit", "ret" } };

	params[1].type = id(m, btf_add_ref(m->b, BTF_PTR, NULL, (uint32_t)m->tag[TAG_pt_regs]));
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		uint32_t proto, ptr;

		params[2].name = points[i].last;
		proto = id(m, btf_add_proto(m->b, 0, params, ARRAY_SIZE(params)));
		ptr = id(m, btf_add_ref(m->b, BTF_PTR, NULL, proto));
		id(m, btf_add_ref(m->b, BTF_TYPEDEF, points[i].name, ptr));
	}
}

/* A structure by name: one of the model's, or one of which no more is known. */
static uint32_t struct_named(struct model *m, const char *name, enum btf_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind <= ROW_UNION && !strcmp(rows[i].name, name))
			return (uint32_t)m->tag[rows[i].type];
	for (uint32_t i = 0; i < m->nopaque; i++)
		if (!strcmp(m->opaque[i].name, name))
			return m->opaque[i].type;
	assert(m->nopaque < MAX_OPAQUE);
	memcpy(m->opaque[m->nopaque].name, name, MAX_NAME);
	m->opaque[m->nopaque].type =
		kind == BTF_ENUM ? id(m, btf_add_enum(m->b, BTF_ENUM, name, 4, false, NULL, 0)) :
				   id(m, btf_add_composite(m->b, kind, name, 0, NULL, 0));
	return m->opaque[m->nopaque++].type;
}

static uint32_t base_type(struct model *m, const char *word)
{
	char name[MAX_NAME] = "";
	enum btf_kind kind = BTF_STRUCT;

	if (!strncmp(word, "enum ", 5) || !strncmp(word, "union ", 6)) {
		kind = *word == 'e' ? BTF_ENUM : BTF_UNION;
		word = strchr(word, ' ') + 1;
	}
#define SCALAR(type, ...)         \
	if (!strcmp(word, #type)) \
		return (uint32_t)m->scalar[SCALAR_##type];
	SCALARS(SCALAR)
#undef SCALAR
	if (!strcmp(word, "void"))
		return 0;
	snprintf(name, sizeof(name), "%s", word);
	return struct_named(m, name, kind);
}

static uint32_t parse_proto(struct model *m, const char **at, unsigned int depth);

/* A type of a prototype of kfuncs.def; moves *at behind it. */
static uint32_t parse_type(struct model *m, const char **at, unsigned int depth)
{
	size_t n = strncmp(*at, "enum ", 5) && strncmp(*at, "union ", 6) ? 0 :
									   strcspn(*at, " ") + 1;
	char word[MAX_NAME];
	uint32_t type;

	assert(depth < 4);
	if (!strncmp(*at, "fn{", 3)) {
		*at += 3;
		type = parse_proto(m, at, depth + 1);
		++*at;
	} else {
		n += strcspn(*at + n, " *(");
		assert(n < MAX_NAME);
		snprintf(word, sizeof(word), "%.*s", (int)n, *at);
		*at += n;
		type = base_type(m, word);
	}
	for (; **at == '*'; ++*at)
		type = id(m, btf_add_ref(m->b, BTF_PTR, NULL, type));
	return type;
}

static uint32_t parse_proto(struct model *m, const char **at, unsigned int depth)
{
	char names[5][MAX_NAME];
	struct btf_param params[5];
	uint32_t ret = parse_type(m, at, depth), n = 0;

	assert(**at == '(');
	for (++*at; **at != ')'; n++) {
		size_t len;

		assert(n < ARRAY_SIZE(params));
		params[n].type = parse_type(m, at, depth);
		params[n].name = names[n];
		len = strcspn(++*at, ",)");
		snprintf(names[n], MAX_NAME, "%.*s", (int)len, *at);
		*at += len;
		*at += strspn(*at, ", ");
	}
	++*at;
	return id(m, btf_add_proto(m->b, ret, params, n));
}

/* The kernel functions that have a body here. */
static void add_kfuncs(struct model *m)
{
	for (int i = 0; i < KFUNC_COUNT; i++) {
		const struct spec_kfunc *k = spec_kfunc(i);
		const char *at = k->proto;
		uint32_t proto;

		if (!k->served)
			continue;
		proto = parse_proto(m, &at, 0);
		assert(!*at);
		id(m, btf_add_func(m->b, k->name, proto, BTF_STATIC));
	}
}

static void remember(struct model *m, const char *name, uint32_t type)
{
	snprintf(m->opaque[m->nopaque].name, MAX_NAME, "%s", name);
	m->opaque[m->nopaque++].type = type;
}

static void add_all(struct model *m)
{
	add_scalars(m);
	add_structs(m);
	remember(m, "xdp_md", add_ctx(m, "xdp_md", SPEC_XDP_SIZE, xdp_rows, ARRAY_SIZE(xdp_rows)));
	remember(m, "__sk_buff",
		 add_ctx(m, "__sk_buff", SPEC_SKB_SIZE, skb_rows, ARRAY_SIZE(skb_rows)));
	add_enums(m);
	add_tracepoints(m);
	add_kfuncs(m);
	assert(!m->failed || m->failed == -ENOMEM); /* the rows are good: spec_test */
}

int spec_model_btf(struct btf **ret, struct skep_error **reterr)
{
	struct model *first = calloc(1, sizeof(*first)), *m = calloc(1, sizeof(*m));
	int r = -ENOMEM;

	if (first && m) {
		first->b = btf_builder_new();
		m->b = btf_builder_new();
		m->final = first->tag;
	}
	if (first && m && first->b && m->b) {
		add_all(first);
		add_all(m);
		r = first->failed ? first->failed : m->failed;
	}
	r = r < 0 ? skep_fail_nomem(reterr) : btf_finish(m->b, "the model kernel", ret, reterr);
	btf_builder_free(first ? first->b : NULL);
	btf_builder_free(m ? m->b : NULL);
	free(first);
	free(m);
	return r;
}
