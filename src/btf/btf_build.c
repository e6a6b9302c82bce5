// SPDX-License-Identifier: Apache-2.0
/*
 * Writing BTF: two growing buffers, types and strings, each string kept once. Nothing is checked but
 * what could not be written; btf_finish() reads the result back through btf_open(), which checks all.
 */
#include <stdlib.h>

#include "base/num.h"
#include "btf/internal.h"

struct btf_builder {
	struct buf types, strings;
	uint32_t *table; /* hashed offsets of strings; 0 is free */
	size_t size, used;
	uint32_t count;
	bool failed;
};

struct btf_builder *btf_builder_new(void)
{
	struct btf_builder *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->count = 1;
	buf_init(&b->types);
	buf_init(&b->strings);
	buf_addc(&b->strings, '\0');
	return b;
}

void btf_builder_free(struct btf_builder *b)
{
	if (!b)
		return;
	buf_done(&b->types);
	buf_done(&b->strings);
	free(b->table);
	free(b);
}

static size_t hash_string(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 1099511628211u;
	return (size_t)(h ^ h >> 32);
}

/* The slot of @s: its own, or the free one where it belongs. */
static uint32_t *find_slot(uint32_t *table, size_t size, const char *strings, const char *s)
{
	size_t i = hash_string(s) & (size - 1);

	while (table[i] && strcmp(strings + table[i], s) != 0)
		i = (i + 1) & (size - 1);
	return &table[i];
}

static bool grow_table(struct btf_builder *b)
{
	size_t size = b->size ? b->size * 2 : 64;
	uint32_t *table = calloc(size, sizeof(*table));

	if (!table)
		return false;
	for (size_t i = 0; i < b->size; i++)
		if (b->table[i])
			*find_slot(table, size, b->strings.data, b->strings.data + b->table[i]) =
				b->table[i];
	free(b->table);
	b->table = table;
	b->size = size;
	return true;
}

static uint32_t add_string(struct btf_builder *b, const char *s)
{
	uint32_t *slot;

	if (!s || !*s || b->failed)
		return 0;
	if (b->strings.failed || (b->used * 2 >= b->size && !grow_table(b)) ||
	    b->strings.len > UINT32_MAX / 2) {
		b->failed = true;
		return 0;
	}
	slot = find_slot(b->table, b->size, b->strings.data, s);
	if (!*slot) {
		*slot = (uint32_t)b->strings.len;
		b->used++;
		buf_add(&b->strings, s, strlen(s) + 1);
	}
	return *slot;
}

static void add_word(struct btf_builder *b, uint32_t w)
{
	buf_add(&b->types, &w, sizeof(w));
}

static void add_header(struct btf_builder *b, enum btf_kind kind, const char *name, uint32_t vlen,
		       bool kflag, uint32_t word)
{
	add_word(b, add_string(b, name));
	add_word(b, (uint32_t)kflag << 31 | (uint32_t)kind << 24 | vlen);
	add_word(b, word);
}

/* The id of the type that was just written. */
static int finish_type(struct btf_builder *b)
{
	if (b->failed || b->types.failed || b->strings.failed || b->count >= INT32_MAX ||
	    b->types.len > UINT32_MAX / 2) {
		b->failed = true;
		return -ENOMEM;
	}
	return (int)b->count++;
}

int btf_add_int(struct btf_builder *b, const char *name, uint32_t size, unsigned int encoding)
{
	if (size > 16 || encoding > 0xf)
		return -EINVAL;
	add_header(b, BTF_INT, name, 0, false, size);
	add_word(b, encoding << 24 | size * 8);
	return finish_type(b);
}

int btf_add_float(struct btf_builder *b, const char *name, uint32_t size)
{
	add_header(b, BTF_FLOAT, name, 0, false, size);
	return finish_type(b);
}

int btf_add_ref(struct btf_builder *b, enum btf_kind kind, const char *name, uint32_t type)
{
	const struct btf_kind_info *k = btf_kind_info(kind);

	if (!k || k->word != BTF_WORD_REF || k->fixed || k->each)
		return -EINVAL;
	add_header(b, kind, name, kind == BTF_FUNC ? BTF_GLOBAL : 0, false, type);
	return finish_type(b);
}

int btf_add_func(struct btf_builder *b, const char *name, uint32_t proto, unsigned int linkage)
{
	if (linkage > BTF_EXTERN)
		return -EINVAL;
	add_header(b, BTF_FUNC, name, linkage, false, proto);
	return finish_type(b);
}

int btf_add_fwd(struct btf_builder *b, const char *name, bool is_union)
{
	add_header(b, BTF_FWD, name, 0, is_union, 0);
	return finish_type(b);
}

int btf_add_array(struct btf_builder *b, uint32_t elem, uint32_t index, uint32_t len)
{
	add_header(b, BTF_ARRAY, NULL, 0, false, 0);
	add_word(b, elem);
	add_word(b, index);
	add_word(b, len);
	return finish_type(b);
}

int btf_add_composite(struct btf_builder *b, enum btf_kind kind, const char *name, uint32_t size,
		      const struct btf_member *members, uint32_t n)
{
	bool kflag = false;

	if (n > MAX_VLEN || (kind != BTF_STRUCT && kind != BTF_UNION))
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++)
		kflag = kflag || members[i].bit_size;
	for (uint32_t i = 0; kflag && i < n; i++)
		if (members[i].bit_size > 0xff || members[i].bit_off > 0xffffff)
			return -ERANGE;
	add_header(b, kind, name, n, kflag, size);
	for (uint32_t i = 0; i < n; i++) {
		add_word(b, add_string(b, members[i].name));
		add_word(b, members[i].type);
		add_word(b, members[i].bit_size << 24 | members[i].bit_off);
	}
	return finish_type(b);
}

int btf_add_enum(struct btf_builder *b, enum btf_kind kind, const char *name, uint32_t size,
		 bool is_signed, const struct btf_enumerator *values, uint32_t n)
{
	if (n > MAX_VLEN || (kind != BTF_ENUM && kind != BTF_ENUM64))
		return -EINVAL;
	add_header(b, kind, name, n, is_signed, size);
	for (uint32_t i = 0; i < n; i++) {
		add_word(b, add_string(b, values[i].name));
		add_word(b, (uint32_t)values[i].value);
		if (kind == BTF_ENUM64)
			add_word(b, (uint32_t)((uint64_t)values[i].value >> 32));
	}
	return finish_type(b);
}

int btf_add_proto(struct btf_builder *b, uint32_t ret, const struct btf_param *params, uint32_t n)
{
	if (n > MAX_VLEN)
		return -EINVAL;
	add_header(b, BTF_FUNC_PROTO, NULL, n, false, ret);
	for (uint32_t i = 0; i < n; i++) {
		add_word(b, add_string(b, params[i].name));
		add_word(b, params[i].type);
	}
	return finish_type(b);
}

int btf_add_var(struct btf_builder *b, const char *name, uint32_t type, unsigned int linkage)
{
	add_header(b, BTF_VAR, name, 0, false, type);
	add_word(b, linkage);
	return finish_type(b);
}

int btf_add_datasec(struct btf_builder *b, const char *name, uint32_t size,
		    const struct btf_secinfo *vars, uint32_t n)
{
	if (n > MAX_VLEN)
		return -EINVAL;
	add_header(b, BTF_DATASEC, name, n, false, size);
	for (uint32_t i = 0; i < n; i++) {
		add_word(b, vars[i].type);
		add_word(b, vars[i].offset);
		add_word(b, vars[i].size);
	}
	return finish_type(b);
}

int btf_add_decl_tag(struct btf_builder *b, const char *name, uint32_t type, int32_t index)
{
	add_header(b, BTF_DECL_TAG, name, 0, false, type);
	add_word(b, (uint32_t)index);
	return finish_type(b);
}

int btf_builder_bytes(struct btf_builder *b, struct buf *out)
{
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t len, type_off, type_len, str_off, str_len;
	} header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.len = HEADER_SIZE,
		.type_len = (uint32_t)b->types.len,
		.str_off = (uint32_t)b->types.len,
		.str_len = (uint32_t)b->strings.len,
	};

	_Static_assert(sizeof(header) == HEADER_SIZE, "the header as it is in the file");
	if (b->failed || b->types.failed || b->strings.failed)
		return -ENOMEM;
	buf_add(out, &header, sizeof(header));
	buf_add(out, b->types.data, b->types.len);
	buf_add(out, b->strings.data, b->strings.len);
	return out->failed ? -ENOMEM : 0;
}

int btf_finish(struct btf_builder *b, const char *name, struct btf **ret,
	       struct skep_error **reterr)
{
	struct buf bytes;
	int r;

	buf_init(&bytes);
	r = btf_builder_bytes(b, &bytes);
	r = r < 0 ? skep_fail_nomem(reterr) : btf_open(bytes.data, bytes.len, name, ret, reterr);
	buf_done(&bytes);
	return r;
}
