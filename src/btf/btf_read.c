// SPDX-License-Identifier: Apache-2.0
/*
 * Opening BTF: header, strings, types. All of BTF's types are 32-bit words, so bytes of the other
 * order are converted word by word and the rest of the code knows one order. Types are found by
 * walking the section once; then each is checked by itself (btf_check.c) and together with what it
 * refers to (btf_layout.c). Memory is below ten times the section. Kernel document bpf/btf.rst, 3.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/num.h"
#include "btf/internal.h"

static const struct btf_kind_info kinds[BTF_KIND_END] = {
	[BTF_VOID] = { "VOID", BTF_WORD_NONE, 0, 0 },
#define KIND(id, value, word, fixed, each) \
	[BTF_##id] = { #id, BTF_WORD_##word, (fixed) / 4, (each) / 4 },
#include "btf/kinds.def"
#undef KIND
};

#define KIND(id, value, word, fixed, each) \
	_Static_assert((fixed) % 4 == 0 && (each) % 4 == 0 && (value) < 32, #id);
#include "btf/kinds.def"
#undef KIND

const struct btf_kind_info *btf_kind_info(uint32_t kind)
{
	return kind < BTF_KIND_END && kinds[kind].name ? &kinds[kind] : NULL;
}

/* The bytes being opened. */
struct source {
	const uint8_t *data;
	size_t size;
	const char *name;
	bool swap;
	const uint8_t *types, *strings;
	uint32_t types_size, strings_size;
};

#define AT(src, off) SKEP_AT_ELF((src)->name, ".BTF", off)

/* One part of the section: @field is where its offset and length stand in the header. */
static int read_part(const struct source *src, unsigned int field, uint32_t header,
		     const char *what, const uint8_t **ret, uint32_t *ret_size,
		     struct skep_error **reterr)
{
	uint32_t off = bytes_u32(src->data + field, src->swap);
	uint32_t len = bytes_u32(src->data + field + 4, src->swap);

	if (!num_inside((uint64_t)header + off, len, src->size))
		return skep_fail(reterr, &ERR_SECTION, AT(src, field),
				 "%s are %u bytes at %" PRIu64 ", the section has %zu bytes", what,
				 len, (uint64_t)header + off, src->size);
	*ret = src->data + header + off;
	*ret_size = len;
	return 0;
}

static int read_header(struct source *src, struct skep_error **reterr)
{
	uint32_t len;
	int r;

	if (src->size < HEADER_SIZE)
		return skep_fail(reterr, &ERR_HEADER, AT(src, src->size),
				 "the section ends after %zu of its %d bytes", src->size,
				 HEADER_SIZE);
	src->swap = bytes_u16(src->data, false) != BTF_MAGIC;
	if (bytes_u16(src->data, src->swap) != BTF_MAGIC)
		return skep_fail(reterr, &ERR_HEADER, AT(src, 0), "it starts with 0x%02x%02x",
				 src->data[0], src->data[1]);
	if (src->data[2] != BTF_VERSION)
		return skep_fail(reterr, &ERR_HEADER, AT(src, 2), "version %u is unknown",
				 src->data[2]);
	len = bytes_u32(src->data + 4, src->swap);
	if (len < HEADER_SIZE || len > src->size)
		return skep_fail(reterr, &ERR_HEADER, AT(src, 4),
				 "its length is %u bytes, the section has %zu", len, src->size);
	r = read_part(src, 8, len, "the types", &src->types, &src->types_size, reterr);
	if (r < 0)
		return r;
	r = read_part(src, 16, len, "the strings", &src->strings, &src->strings_size, reterr);
	if (r < 0)
		return r;
	if (!src->strings_size || src->strings[0] || src->strings[src->strings_size - 1])
		return skep_fail(reterr, &ERR_STRINGS, AT(src, 16),
				 "%u bytes that do not start and end with a zero byte",
				 src->strings_size);
	return 0;
}

static int copy_parts(struct btf *btf, const struct source *src, struct skep_error **reterr)
{
	size_t n = src->types_size / 4;
	uint32_t *words = ARENA_ARRAY(&btf->arena, uint32_t, TYPE_WORDS + n);

	btf->name = arena_strdup(&btf->arena, src->name);
	btf->strings = arena_dup(&btf->arena, src->strings, src->strings_size);
	if (!words || !btf->name || !btf->strings)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < n; i++)
		words[TYPE_WORDS + i] = bytes_u32(src->types + i * 4, src->swap);
	btf->words = words;
	btf->nwords = TYPE_WORDS + n;
	btf->strings_size = src->strings_size;
	return 0;
}

/* Words of the type at word @at, or 0 when it is damaged. */
static size_t type_words(const struct btf *btf, size_t at, uint32_t id, struct skep_error **reterr)
{
	struct skep_place place = SKEP_AT_BTF(btf->name, "", id);
	const struct btf_kind_info *k;
	uint32_t info;
	size_t need;

	if (btf->nwords - at < TYPE_WORDS) {
		skep_fail(reterr, &ERR_CUT, place, "%zu bytes are left for its header of %d",
			  (btf->nwords - at) * 4, TYPE_WORDS * 4);
		return 0;
	}
	info = btf->words[at + W_INFO];
	k = btf_kind_info(INFO_KIND(info));
	if (!k || INFO_KIND(info) == BTF_VOID) {
		skep_fail(reterr, &ERR_KIND, place, "kind %u", INFO_KIND(info));
		return 0;
	}
	need = TYPE_WORDS + k->fixed + (size_t)INFO_VLEN(info) * k->each;
	if (need > btf->nwords - at) {
		skep_fail(reterr, &ERR_CUT, place,
			  "a %s with %u entries has %zu bytes, %zu are left", k->name,
			  INFO_VLEN(info), need * 4, (btf->nwords - at) * 4);
		return 0;
	}
	return need;
}

/* Counts the types, then notes where each begins. */
static int find_types(struct btf *btf, struct skep_error **reterr)
{
	uint32_t id = 1;
	size_t n;

	for (size_t at = TYPE_WORDS; at < btf->nwords; at += n, id++) {
		n = type_words(btf, at, id, reterr);
		if (!n)
			return -EINVAL;
	}
	btf->count = id;
	btf->offs = ARENA_ARRAY(&btf->arena, uint32_t, btf->count);
	if (!btf->offs)
		return skep_fail_nomem(reterr);
	id = 1;
	for (size_t at = TYPE_WORDS; at < btf->nwords; at += n, id++) {
		btf->offs[id] = (uint32_t)at;
		n = type_words(btf, at, id, NULL);
	}
	return 0;
}

static int open_all(struct btf *btf, struct source *src, struct skep_error **reterr)
{
	int r = copy_parts(btf, src, reterr);

	if (r == 0 && src->types_size % 4)
		r = skep_fail(reterr, &ERR_CUT, AT(src, 12),
			      "the types are %u bytes, no whole words", src->types_size);
	if (r == 0)
		r = find_types(btf, reterr);
	if (r == 0)
		r = btf_check_types(btf, reterr);
	if (r == 0)
		r = btf_lay_out(btf, reterr);
	if (r == 0)
		r = btf_index_names(btf, reterr);
	return r;
}

int btf_open(const void *data, size_t size, const char *name, struct btf **ret,
	     struct skep_error **reterr)
{
	struct source src = { .data = data, .size = size, .name = name };
	struct btf *btf;
	int r;

	r = read_header(&src, reterr);
	if (r < 0)
		return r;
	btf = calloc(1, sizeof(*btf));
	if (!btf)
		return skep_fail_nomem(reterr);
	btf->refs = 1;
	arena_init(&btf->arena, 8 * ((size_t)src.types_size + src.strings_size) + 65536);
	r = open_all(btf, &src, reterr);
	if (r < 0) {
		btf_unref(btf);
		return r;
	}
	*ret = btf;
	return 0;
}

struct btf *btf_ref(struct btf *btf)
{
	__atomic_fetch_add(&btf->refs, 1, __ATOMIC_RELAXED);
	return btf;
}

struct btf *btf_unref(struct btf *btf)
{
	if (btf && __atomic_sub_fetch(&btf->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		arena_done(&btf->arena);
		free(btf);
	}
	return NULL;
}
