/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of btf/ share. A struct btf holds the type section as host-order words behind a
 * three-word header for void, so that id 0 needs no special case, and one answer per type to every
 * question whose answer would be a walk: after btf_open() nothing recurses and nothing is lazy.
 */
#ifndef BTF_INTERNAL_H
#define BTF_INTERNAL_H

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "btf/btf.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "btf/errors.def"
#undef ERR

#define BTF_MAGIC 0xeb9f
#define BTF_VERSION 1
#define HEADER_SIZE 24	   /* of the oldest header; longer ones begin with it */
#define TYPE_WORDS 3	   /* name, info, size or type */
#define MAX_TYPE_NAME 4096 /* bytes */
#define MAX_VLEN 0xffff

/* Words of a type's header, and of what follows it. */
enum { W_NAME, W_INFO, W_WORD, W_REST };
/* Words of one entry. */
enum { MEMBER_NAME, MEMBER_TYPE, MEMBER_OFF, MEMBER_WORDS };
enum { ENUM_NAME, ENUM_VAL, ENUM_WORDS, ENUM64_HIGH = ENUM_WORDS, ENUM64_WORDS };
enum { PARAM_NAME, PARAM_TYPE, PARAM_WORDS };
enum { SECINFO_TYPE, SECINFO_OFF, SECINFO_SIZE, SECINFO_WORDS };
/* Words after the header of an ARRAY. */
enum { ARRAY_ELEM, ARRAY_INDEX, ARRAY_LEN };

#define INFO_VLEN(info) ((info)&0xffff)
#define INFO_KIND(info) (((info) >> 24) & 0x1f)
#define INFO_KFLAG(info) ((info) >> 31)
#define INFO_RESERVED 0x60ff0000u

/* What the third word of a type's header is. */
enum btf_word { BTF_WORD_NONE, BTF_WORD_SIZE, BTF_WORD_REF };

struct btf_kind_info {
	const char *name;
	enum btf_word word;
	uint32_t fixed, each; /* words after the header, words of each entry */
};

struct btf {
	unsigned int refs;
	const char *name;
	const uint32_t *words;
	size_t nwords;
	const char *strings;
	uint32_t strings_size;
	uint32_t count;
	/* By type id. */
	uint32_t *offs;		     /* where its words begin */
	uint32_t *strip, *strip_all; /* the first type that is no modifier (nor typedef) */
	uint64_t *size;
	uint8_t *align;
	uint32_t *hash, *next; /* of its name; next of the same bucket, ids ascending */
	uint32_t *heads, mask; /* buckets; their number - 1 */
	struct arena arena;
};

/* NULL for kinds that do not exist. */
const struct btf_kind_info *btf_kind_info(uint32_t kind);
/* btf_layout.c: finds loops, then fills strip, strip_all, size and align. */
int btf_lay_out(struct btf *btf, struct skep_error **reterr);
/* btf_check.c: everything that one type says, without following it further. */
int btf_check_types(const struct btf *btf, struct skep_error **reterr);
/* btf_find.c: fills hash, next, heads. */
int btf_index_names(struct btf *btf, struct skep_error **reterr);

static inline const uint32_t *btf_words(const struct btf *btf, uint32_t id)
{
	assert(id < btf->count);
	return btf->words + btf->offs[id];
}

/* The words of entry @i of a type whose entries have @size words. */
static inline const uint32_t *btf_entry(const struct btf *btf, uint32_t id, uint32_t i,
					uint32_t size)
{
	const uint32_t *w = btf_words(btf, id);

	assert(i < INFO_VLEN(w[W_INFO]));
	return w + W_REST + (size_t)i * size;
}

/* CONST, VOLATILE, RESTRICT, TYPE_TAG. */
static inline bool btf_kind_is_modifier(enum btf_kind kind)
{
	return kind == BTF_CONST || kind == BTF_VOLATILE || kind == BTF_RESTRICT ||
	       kind == BTF_TYPE_TAG;
}

#define AT_TYPE(btf, id) SKEP_AT_BTF((btf)->name, btf_name((btf), (id)), (id))

#endif
