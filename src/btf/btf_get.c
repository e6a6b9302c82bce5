// SPDX-License-Identifier: Apache-2.0
/* Reading single facts of a type. Everything was checked by btf_open(), so nothing here can fail. */
#include "btf/internal.h"

uint32_t btf_count(const struct btf *btf)
{
	return btf->count;
}

enum btf_kind btf_kind(const struct btf *btf, uint32_t id)
{
	return (enum btf_kind)INFO_KIND(btf_words(btf, id)[W_INFO]);
}

const char *btf_name(const struct btf *btf, uint32_t id)
{
	const char *name = btf_string(btf, btf_words(btf, id)[W_NAME]);

	return name ? name : ""; /* NULL only while btf_check_types() has not seen it yet */
}

uint32_t btf_vlen(const struct btf *btf, uint32_t id)
{
	return INFO_VLEN(btf_words(btf, id)[W_INFO]);
}

bool btf_kflag(const struct btf *btf, uint32_t id)
{
	return INFO_KFLAG(btf_words(btf, id)[W_INFO]);
}

uint32_t btf_ref_type(const struct btf *btf, uint32_t id)
{
	const uint32_t *w = btf_words(btf, id);

	return btf_kind_info(INFO_KIND(w[W_INFO]))->word == BTF_WORD_REF ? w[W_WORD] : 0;
}

uint32_t btf_raw_size(const struct btf *btf, uint32_t id)
{
	const uint32_t *w = btf_words(btf, id);

	return btf_kind_info(INFO_KIND(w[W_INFO]))->word == BTF_WORD_SIZE ? w[W_WORD] : 0;
}

static uint32_t int_word(const struct btf *btf, uint32_t id)
{
	assert(btf_kind(btf, id) == BTF_INT);
	return btf_words(btf, id)[W_REST];
}

unsigned int btf_int_encoding(const struct btf *btf, uint32_t id)
{
	return int_word(btf, id) >> 24 & 0xf;
}

unsigned int btf_int_bits(const struct btf *btf, uint32_t id)
{
	return int_word(btf, id) & 0xff;
}

unsigned int btf_int_offset(const struct btf *btf, uint32_t id)
{
	return int_word(btf, id) >> 16 & 0xff;
}

uint32_t btf_array_elem(const struct btf *btf, uint32_t id)
{
	assert(btf_kind(btf, id) == BTF_ARRAY);
	return btf_words(btf, id)[W_REST + ARRAY_ELEM];
}

uint32_t btf_array_index(const struct btf *btf, uint32_t id)
{
	assert(btf_kind(btf, id) == BTF_ARRAY);
	return btf_words(btf, id)[W_REST + ARRAY_INDEX];
}

uint32_t btf_array_len(const struct btf *btf, uint32_t id)
{
	assert(btf_kind(btf, id) == BTF_ARRAY);
	return btf_words(btf, id)[W_REST + ARRAY_LEN];
}

/*
 * A bit field is told in one of two ways: the member says its width (kind_flag), or its type is an
 * INT of fewer bits than its bytes hold. Both come out as bit_off and bit_size.
 */
struct btf_member btf_member(const struct btf *btf, uint32_t id, uint32_t i)
{
	const uint32_t *w = btf_entry(btf, id, i, MEMBER_WORDS);
	struct btf_member m = { .name = btf_string(btf, w[MEMBER_NAME]), .type = w[MEMBER_TYPE] };
	uint32_t base;

	assert(btf_is_composite(btf, id));
	if (btf_kflag(btf, id)) {
		m.bit_off = w[MEMBER_OFF] & 0xffffff;
		m.bit_size = w[MEMBER_OFF] >> 24;
		return m;
	}
	m.bit_off = w[MEMBER_OFF];
	base = btf->strip_all[m.type];
	if (btf_kind(btf, base) == BTF_INT &&
	    btf_int_bits(btf, base) != btf_raw_size(btf, base) * 8) {
		m.bit_off += btf_int_offset(btf, base);
		m.bit_size = btf_int_bits(btf, base);
	}
	return m;
}

struct btf_param btf_param(const struct btf *btf, uint32_t id, uint32_t i)
{
	const uint32_t *w = btf_entry(btf, id, i, PARAM_WORDS);

	assert(btf_kind(btf, id) == BTF_FUNC_PROTO);
	return (struct btf_param){ .name = btf_string(btf, w[PARAM_NAME]), .type = w[PARAM_TYPE] };
}

struct btf_enumerator btf_enumerator(const struct btf *btf, uint32_t id, uint32_t i)
{
	bool wide = btf_kind(btf, id) == BTF_ENUM64;
	const uint32_t *w = btf_entry(btf, id, i, wide ? ENUM64_WORDS : ENUM_WORDS);
	struct btf_enumerator e = { .name = btf_string(btf, w[ENUM_NAME]) };

	assert(wide || btf_kind(btf, id) == BTF_ENUM);
	if (wide)
		e.value = (int64_t)((uint64_t)w[ENUM64_HIGH] << 32 | w[ENUM_VAL]);
	else
		e.value = btf_kflag(btf, id) ? (int64_t)(int32_t)w[ENUM_VAL] : (int64_t)w[ENUM_VAL];
	return e;
}

bool btf_enum_signed(const struct btf *btf, uint32_t id)
{
	return btf_kflag(btf, id);
}

struct btf_secinfo btf_secinfo(const struct btf *btf, uint32_t id, uint32_t i)
{
	const uint32_t *w = btf_entry(btf, id, i, SECINFO_WORDS);

	assert(btf_kind(btf, id) == BTF_DATASEC);
	return (struct btf_secinfo){ .type = w[SECINFO_TYPE],
				     .offset = w[SECINFO_OFF],
				     .size = w[SECINFO_SIZE] };
}

unsigned int btf_linkage(const struct btf *btf, uint32_t id)
{
	const uint32_t *w = btf_words(btf, id);

	assert(btf_kind(btf, id) == BTF_VAR || btf_kind(btf, id) == BTF_FUNC);
	return btf_kind(btf, id) == BTF_VAR ? w[W_REST] : INFO_VLEN(w[W_INFO]);
}

int32_t btf_decl_tag_index(const struct btf *btf, uint32_t id)
{
	assert(btf_kind(btf, id) == BTF_DECL_TAG);
	return (int32_t)btf_words(btf, id)[W_REST];
}

const char *btf_string(const struct btf *btf, uint32_t off)
{
	return off < btf->strings_size ? btf->strings + off : NULL;
}

unsigned int btf_pointer_size(const struct btf *btf)
{
	(void)btf;
	return 8;
}

const char *btf_kind_name(enum btf_kind kind)
{
	const struct btf_kind_info *k = btf_kind_info(kind);

	return k ? k->name : "UNKNOWN";
}

uint64_t btf_size(const struct btf *btf, uint32_t id)
{
	assert(id < btf->count);
	return btf->size[id];
}

uint32_t btf_align(const struct btf *btf, uint32_t id)
{
	assert(id < btf->count);
	return btf->align[id];
}

uint32_t btf_strip(const struct btf *btf, uint32_t id)
{
	assert(id < btf->count);
	return btf->strip[id];
}

uint32_t btf_strip_all(const struct btf *btf, uint32_t id)
{
	assert(id < btf->count);
	return btf->strip_all[id];
}

bool btf_is_composite(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = btf_kind(btf, id);

	return kind == BTF_STRUCT || kind == BTF_UNION;
}
