// SPDX-License-Identifier: Apache-2.0
/*
 * What one type says by itself: reserved bits, names, ids that exist and have a kind that makes sense
 * there, sizes. What needs the types below it, loops and whether members fit, is btf_layout.c. Where
 * compilers and the kernel differ in strictness, what can do no harm is let through.
 */
#include "base/num.h"
#include "btf/internal.h"

static int check_name(const struct btf *btf, uint32_t id, uint32_t off, const char *of,
		      struct skep_error **reterr)
{
	if (off < btf->strings_size)
		return 0;
	return skep_fail(reterr, &ERR_NAME, AT_TYPE(btf, id), "%s at %u of %u bytes", of, off,
			 btf->strings_size);
}

/* Functions, variables and sections are declared; they are not types of anything. */
static bool is_declaration(enum btf_kind kind)
{
	return kind == BTF_FUNC || kind == BTF_VAR || kind == BTF_DATASEC || kind == BTF_DECL_TAG;
}

static int check_exists(const struct btf *btf, uint32_t id, uint32_t to, const char *as,
			struct skep_error **reterr)
{
	if (to < btf->count)
		return 0;
	return skep_fail(reterr, &ERR_REF, AT_TYPE(btf, id), "%s %u, the last type is %u", as, to,
			 btf->count - 1);
}

/* A reference to something that can be the type of a value. */
static int check_type(const struct btf *btf, uint32_t id, uint32_t to, const char *as,
		      struct skep_error **reterr)
{
	int r = check_exists(btf, id, to, as, reterr);

	if (r < 0 || !is_declaration(btf_kind(btf, to)))
		return r;
	return skep_fail(reterr, &ERR_REF_KIND, AT_TYPE(btf, id), "%s %u, a %s", as, to,
			 btf_kind_name(btf_kind(btf, to)));
}

static int check_size(const struct btf *btf, uint32_t id, uint32_t allowed,
		      struct skep_error **reterr)
{
	uint32_t size = btf_raw_size(btf, id);

	if (size < 32 && (allowed >> size & 1))
		return 0;
	return skep_fail(reterr, &ERR_SIZE, AT_TYPE(btf, id), "a %s of %u bytes",
			 btf_kind_name(btf_kind(btf, id)), size);
}

#define BYTES(n) (1u << (n))

static int check_int(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	unsigned int bits = btf_int_bits(btf, id), off = btf_int_offset(btf, id);
	int r = check_size(btf, id, BYTES(1) | BYTES(2) | BYTES(4) | BYTES(8) | BYTES(16), reterr);

	if (r < 0)
		return r;
	if (!bits || bits + off > btf_raw_size(btf, id) * 8)
		return skep_fail(reterr, &ERR_SIZE, AT_TYPE(btf, id),
				 "%u bits from bit %u on in %u bytes", bits, off,
				 btf_raw_size(btf, id));
	if (btf_words(btf, id)[W_REST] >> 27)
		return skep_fail(reterr, &ERR_INFO, AT_TYPE(btf, id), "integer encoding 0x%x",
				 btf_words(btf, id)[W_REST] >> 24);
	return 0;
}

static int check_array(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	int r = check_type(btf, id, btf_array_elem(btf, id), "array element type", reterr);

	return r < 0 ? r :
		       check_type(btf, id, btf_array_index(btf, id), "array index type", reterr);
}

static int check_members(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < btf_vlen(btf, id); i++) {
		const uint32_t *w = btf_entry(btf, id, i, MEMBER_WORDS);

		r = check_name(btf, id, w[MEMBER_NAME], "member name", reterr);
		if (r == 0)
			r = check_type(btf, id, w[MEMBER_TYPE], "member type", reterr);
	}
	return r;
}

static int check_enum(const struct btf *btf, uint32_t id, uint32_t words,
		      struct skep_error **reterr)
{
	int r = check_size(btf, id, BYTES(1) | BYTES(2) | BYTES(4) | BYTES(8), reterr);

	for (uint32_t i = 0; r == 0 && i < btf_vlen(btf, id); i++)
		r = check_name(btf, id, btf_entry(btf, id, i, words)[ENUM_NAME], "enumerator name",
			       reterr);
	return r;
}

static int check_proto(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	int r = check_type(btf, id, btf_ref_type(btf, id), "return type", reterr);

	for (uint32_t i = 0; r == 0 && i < btf_vlen(btf, id); i++) {
		const uint32_t *w = btf_entry(btf, id, i, PARAM_WORDS);

		r = check_name(btf, id, w[PARAM_NAME], "parameter name", reterr);
		if (r == 0)
			r = check_type(btf, id, w[PARAM_TYPE], "parameter type", reterr);
	}
	return r;
}

static int check_func(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	uint32_t proto = btf_ref_type(btf, id);
	int r = check_exists(btf, id, proto, "function type", reterr);

	if (r < 0)
		return r;
	if (btf_kind(btf, proto) != BTF_FUNC_PROTO)
		return skep_fail(reterr, &ERR_REF_KIND, AT_TYPE(btf, id), "function type %u, a %s",
				 proto, btf_kind_name(btf_kind(btf, proto)));
	if (btf_linkage(btf, id) > BTF_EXTERN)
		return skep_fail(reterr, &ERR_INFO, AT_TYPE(btf, id), "function linkage %u",
				 btf_linkage(btf, id));
	return 0;
}

static int check_var(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	int r = check_type(btf, id, btf_ref_type(btf, id), "variable type", reterr);

	if (r == 0 && btf_linkage(btf, id) > BTF_EXTERN)
		r = skep_fail(reterr, &ERR_INFO, AT_TYPE(btf, id), "variable linkage %u",
			      btf_linkage(btf, id));
	return r;
}

/* Compilers leave the section's size and the offsets 0: the ELF file says them. */
static int check_datasec(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	uint32_t size = btf_raw_size(btf, id);

	for (uint32_t i = 0; i < btf_vlen(btf, id); i++) {
		struct btf_secinfo s = btf_secinfo(btf, id, i);
		int r = check_exists(btf, id, s.type, "variable", reterr);

		if (r < 0)
			return r;
		if (btf_kind(btf, s.type) != BTF_VAR && btf_kind(btf, s.type) != BTF_FUNC)
			return skep_fail(reterr, &ERR_REF_KIND, AT_TYPE(btf, id),
					 "variable %u, a %s", s.type,
					 btf_kind_name(btf_kind(btf, s.type)));
		if ((uint64_t)s.offset + s.size > (size ? size : UINT32_MAX))
			return skep_fail(reterr, &ERR_MEMBER, AT_TYPE(btf, id),
					 "variable %u is %u bytes at %u of %u bytes", i, s.size,
					 s.offset, size);
	}
	return 0;
}

static int check_decl_tag(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	uint32_t to = btf_ref_type(btf, id), parts = 0;
	int32_t index = btf_decl_tag_index(btf, id);
	int r = check_exists(btf, id, to, "tagged type", reterr);

	if (r < 0)
		return r;
	if (!to || btf_kind(btf, to) == BTF_DECL_TAG)
		return skep_fail(reterr, &ERR_REF_KIND, AT_TYPE(btf, id), "tagged type %u, a %s",
				 to, btf_kind_name(btf_kind(btf, to)));
	if (btf_is_composite(btf, to))
		parts = btf_vlen(btf, to);
	else if (btf_kind(btf, to) == BTF_FUNC && btf_ref_type(btf, to) < btf->count &&
		 btf_kind(btf, btf_ref_type(btf, to)) == BTF_FUNC_PROTO)
		parts = btf_vlen(btf, btf_ref_type(btf, to));
	if (index < -1 || (index >= 0 && (uint32_t)index >= parts))
		return skep_fail(reterr, &ERR_TAG, AT_TYPE(btf, id),
				 "part %d of type %u, which has %u", index, to, parts);
	return 0;
}

/*
 * Names that types are looked up by have a limit far above the kernel's, so that tails of one long
 * string cannot make looking up every name cost the square of the file. Tags are texts.
 */
static int check_type_name(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	enum btf_kind kind = btf_kind(btf, id);
	int r = check_name(btf, id, btf_words(btf, id)[W_NAME], "its name", reterr);

	if (r < 0 || kind == BTF_DECL_TAG || kind == BTF_TYPE_TAG)
		return r;
	if (strnlen(btf_name(btf, id), MAX_TYPE_NAME + 1) > MAX_TYPE_NAME)
		return skep_fail(reterr, &ERR_LONG_NAME, SKEP_AT_BTF(btf->name, "", id),
				 "more than %d bytes", MAX_TYPE_NAME);
	return 0;
}

static int check_header(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	uint32_t info = btf_words(btf, id)[W_INFO];
	const struct btf_kind_info *k = btf_kind_info(INFO_KIND(info));

	if (info & INFO_RESERVED)
		return skep_fail(reterr, &ERR_INFO, AT_TYPE(btf, id), "reserved bits 0x%x are set",
				 info & INFO_RESERVED);
	if (INFO_VLEN(info) && !k->each && INFO_KIND(info) != BTF_FUNC)
		return skep_fail(reterr, &ERR_INFO, AT_TYPE(btf, id), "a %s with %u entries",
				 k->name, INFO_VLEN(info));
	return check_type_name(btf, id, reterr);
}

static int check_kind(const struct btf *btf, uint32_t id, struct skep_error **reterr)
{
	switch (btf_kind(btf, id)) {
	case BTF_INT:
		return check_int(btf, id, reterr);
	case BTF_FLOAT:
		return check_size(btf, id, BYTES(2) | BYTES(4) | BYTES(8) | BYTES(12) | BYTES(16),
				  reterr);
	case BTF_ARRAY:
		return check_array(btf, id, reterr);
	case BTF_STRUCT:
	case BTF_UNION:
		return check_members(btf, id, reterr);
	case BTF_ENUM:
		return check_enum(btf, id, ENUM_WORDS, reterr);
	case BTF_ENUM64:
		return check_enum(btf, id, ENUM64_WORDS, reterr);
	case BTF_FUNC_PROTO:
		return check_proto(btf, id, reterr);
	case BTF_FUNC:
		return check_func(btf, id, reterr);
	case BTF_VAR:
		return check_var(btf, id, reterr);
	case BTF_DATASEC:
		return check_datasec(btf, id, reterr);
	case BTF_DECL_TAG:
		return check_decl_tag(btf, id, reterr);
	case BTF_PTR:
	case BTF_TYPEDEF:
	case BTF_VOLATILE:
	case BTF_CONST:
	case BTF_RESTRICT:
	case BTF_TYPE_TAG:
		return check_type(btf, id, btf_ref_type(btf, id), "type", reterr);
	case BTF_FWD:
	case BTF_VOID:
	case BTF_KIND_END:
		return 0;
	}
	return 0;
}

int btf_check_types(const struct btf *btf, struct skep_error **reterr)
{
	int r = 0;

	for (uint32_t id = 1; r == 0 && id < btf->count; id++) {
		r = check_header(btf, id, reterr);
		if (r == 0)
			r = check_kind(btf, id, reterr);
	}
	return r;
}
