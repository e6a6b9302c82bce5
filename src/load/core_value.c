// SPDX-License-Identifier: Apache-2.0
/*
 * The answer to each CO-RE question, for one side. A bit field is read by loading the smallest aligned unit
 * of 1 to 8 bytes, of at least its declared type's size, that holds all its bits; shifting it left so
 * that its top bit is bit 63; and shifting it right again (kernel document bpf/llvm_reloc.rst).
 */
#include "base/num.h"
#include "load/internal.h"

/* The unit in which a field lies. */
struct unit {
	uint64_t byte_off, byte_size, bit_off, bits;
	bool bit_field;
	uint32_t type;
};

static const char *find_unit(const struct core_spec *spec, const struct core_part *last,
			     struct unit *u)
{
	const struct btf *btf = spec->btf;
	struct btf_member m = btf_member(btf, last->type, last->idx);

	u->type = btf_strip_all(btf, m.type);
	u->byte_size = btf_size(btf, u->type);
	u->bit_off = spec->bit_off;
	u->bits = m.bit_size;
	u->bit_field = m.bit_size != 0;
	u->byte_off = spec->bit_off / 8;
	if (!u->bit_field) {
		u->bits = u->byte_size * 8;
		return NULL;
	}
	if (!num_is_pow2(u->byte_size) || u->byte_size > 8 || u->bits > 64)
		return "is a bit field of a type that has none";
	u->byte_off = u->byte_off / u->byte_size * u->byte_size;
	while (u->bit_off + u->bits - u->byte_off * 8 > u->byte_size * 8) {
		if (u->byte_size >= 8)
			return "is a bit field that no aligned load of 8 bytes holds";
		u->byte_size *= 2;
		u->byte_off = u->bit_off / 8 / u->byte_size * u->byte_size;
	}
	return NULL;
}

static bool is_signed(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = btf_kind(btf, id);

	if (kind == BTF_ENUM || kind == BTF_ENUM64)
		return btf_enum_signed(btf, id);
	return kind == BTF_INT && (btf_int_encoding(btf, id) & BTF_INT_SIGNED);
}

static const char *element_value(const struct core_spec *spec, const struct core_part *last,
				 uint32_t kind, struct core_value *ret)
{
	uint64_t size = btf_size(spec->btf, last->type);

	ret->check = true;
	if (kind == BTF_CORE_FIELD_BYTE_OFFSET) {
		ret->value = spec->bit_off / 8;
		ret->size = size;
		ret->type = last->type;
		return NULL;
	}
	if (kind == BTF_CORE_FIELD_BYTE_SIZE) {
		ret->value = size;
		return NULL;
	}
	return "is an element of an array, which has neither sign nor shift";
}

static const char *field_value(const struct core_spec *spec, uint32_t kind, bool big_endian,
			       struct core_value *ret)
{
	const struct core_part *last = &spec->part[spec->nparts - 1];
	const char *why;
	struct unit u;

	if (kind == BTF_CORE_FIELD_EXISTS) {
		ret->value = 1;
		ret->check = true;
		return NULL;
	}
	if (!last->name)
		return element_value(spec, last, kind, ret);
	why = find_unit(spec, last, &u);
	if (why)
		return why;
	ret->check = !u.bit_field;
	switch (kind) {
	case BTF_CORE_FIELD_BYTE_OFFSET:
		ret->value = u.byte_off;
		if (!u.bit_field) {
			ret->size = u.byte_size;
			ret->type = u.type;
		}
		return NULL;
	case BTF_CORE_FIELD_BYTE_SIZE:
		ret->value = u.byte_size;
		return NULL;
	case BTF_CORE_FIELD_SIGNED:
		ret->value = is_signed(spec->btf, u.type);
		ret->check = true;
		return NULL;
	case BTF_CORE_FIELD_LSHIFT_U64:
		if (big_endian)
			ret->value = (8 - u.byte_size) * 8 + (u.bit_off - u.byte_off * 8);
		else
			ret->value = 64 - (u.bit_off + u.bits - u.byte_off * 8);
		return NULL;
	default:
		ret->value = 64 - u.bits;
		ret->check = true;
		return NULL;
	}
}

static const char *type_value(const struct core_spec *spec, uint32_t kind, struct core_value *ret)
{
	ret->check = kind != BTF_CORE_TYPE_ID_LOCAL && kind != BTF_CORE_TYPE_ID_TARGET;
	if (!ret->check)
		ret->value = spec->root;
	else if (kind == BTF_CORE_TYPE_SIZE)
		ret->value = btf_size(spec->btf, spec->root);
	else
		ret->value = 1;
	return NULL;
}

const char *core_value(const struct core_spec *spec, uint32_t kind, bool big_endian,
		       struct core_value *ret)
{
	*ret = (struct core_value){ 0 };
	if (!spec) {
		bool zero = kind == BTF_CORE_FIELD_EXISTS || kind == BTF_CORE_ENUMVAL_EXISTS ||
			    core_is_type(kind);

		return zero ? NULL : "does not exist";
	}
	if (core_is_field(kind))
		return field_value(spec, kind, big_endian, ret);
	if (core_is_type(kind))
		return type_value(spec, kind, ret);
	ret->check = true;
	ret->value = 1;
	if (kind == BTF_CORE_ENUMVAL_VALUE)
		ret->value =
			(uint64_t)btf_enumerator(spec->btf, spec->part[0].type, spec->part[0].idx)
				.value;
	return NULL;
}
