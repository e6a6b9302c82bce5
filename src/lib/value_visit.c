// SPDX-License-Identifier: Apache-2.0
/*
 * Walking bytes by type. Invariant: nothing outside [data, data + len) is read; a member that does not fit is
 * left out, and depth is bounded, so hostile types and short records are safe.
 */
#include <string.h>

#include "base/bytes.h"
#include "lib/internal.h"

#define MAX_DEPTH 24
#define MIN_STEPS 65536 /* values of one walk: hostile unions could multiply without end */

struct walk {
	const struct btf *btf;
	const struct skep_visitor *v;
	void *ctx;
	const uint8_t *data;
	size_t len;
	size_t *steps; /* left */
};

static int emit(const struct walk *w, const struct skep_value *val)
{
	return w->v->scalar ? w->v->scalar(w->ctx, val) : 0;
}

static int emit_bytes(const struct walk *w, const char *member, uint32_t id, size_t off,
		      size_t size)
{
	struct skep_value v = { .kind = SKEP_VALUE_BYTES, .member = member, .type = id };

	v.text = (const char *)w->data + off;
	v.len = size;
	return emit(w, &v);
}

static int64_t sign_extend(uint64_t v, unsigned int bits)
{
	unsigned int up = 64 - bits;

	return bits && bits < 64 ? (int64_t)(v << up) >> up : (int64_t)v;
}

/* Bits [bit, bit + n) of the data, least significant first (little-endian hosts) or last (big-endian). */
static uint64_t read_bits(const struct walk *w, size_t bit, unsigned int n)
{
	uint64_t out = 0;

	for (unsigned int i = 0; i < n; i++) {
		size_t at = bit + i;
		unsigned int in_byte = (unsigned int)(at % 8), set;

		if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
			set = w->data[at / 8] >> in_byte & 1;
			out |= (uint64_t)set << i;
		} else {
			set = w->data[at / 8] >> (7 - in_byte) & 1;
			out = out << 1 | set;
		}
	}
	return out;
}

static int emit_int(const struct walk *w, const char *member, uint32_t id, uint32_t type,
		    uint64_t raw, unsigned int bits)
{
	unsigned int enc = btf_int_encoding(w->btf, type);
	struct skep_value v = { .kind = SKEP_VALUE_UINT, .member = member, .type = id };

	v.u = raw;
	if (enc & BTF_INT_BOOL) {
		v.kind = SKEP_VALUE_BOOL;
		v.u = raw != 0;
	} else if (enc & BTF_INT_SIGNED) {
		v.kind = SKEP_VALUE_INT;
		v.i = sign_extend(raw, bits);
	}
	return emit(w, &v);
}

static int emit_enum(const struct walk *w, const char *member, uint32_t id, uint32_t type,
		     uint64_t raw, unsigned int bits)
{
	struct skep_value v = { .kind = SKEP_VALUE_ENUM, .member = member, .type = id };

	v.i = btf_enum_signed(w->btf, type) ? sign_extend(raw, bits) : (int64_t)raw;
	for (uint32_t i = 0; i < btf_vlen(w->btf, type); i++) {
		struct btf_enumerator e = btf_enumerator(w->btf, type, i);

		if (e.value == v.i) {
			v.text = e.name;
			break;
		}
	}
	return emit(w, &v);
}

static int emit_float(const struct walk *w, const char *member, uint32_t id, size_t off,
		      size_t size)
{
	struct skep_value v = { .kind = SKEP_VALUE_FLOAT, .member = member, .type = id };
	float f;

	if (size == sizeof(double)) {
		memcpy(&v.f, w->data + off, sizeof(double));
	} else if (size == sizeof(float)) {
		memcpy(&f, w->data + off, sizeof(f));
		v.f = (double)f;
	} else {
		return emit_bytes(w, member, id, off, size);
	}
	return emit(w, &v);
}

bool lib_is_char(const struct btf *btf, uint32_t id)
{
	uint32_t t = btf_strip_all(btf, id);

	return btf_kind(btf, t) == BTF_INT && btf_raw_size(btf, t) == 1 &&
	       (btf_int_encoding(btf, t) & BTF_INT_CHAR || strcmp(btf_name(btf, t), "char") == 0);
}

static int visit(const struct walk *w, const char *member, uint32_t id, size_t off, int depth);

static int visit_array(const struct walk *w, const char *member, uint32_t id, uint32_t t,
		       size_t off, int depth)
{
	uint32_t elem = btf_array_elem(w->btf, t), n = btf_array_len(w->btf, t);
	uint64_t size = btf_size(w->btf, elem);
	size_t fit = size ? (w->len - off) / size : 0;
	int r = 0;

	if (n > fit)
		n = (uint32_t)fit;
	if (lib_is_char(w->btf, elem)) {
		struct skep_value v = { .kind = SKEP_VALUE_STRING, .member = member, .type = id };

		v.text = (const char *)w->data + off;
		v.len = strnlen(v.text, n);
		return emit(w, &v);
	}
	if (w->v->begin)
		r = w->v->begin(w->ctx, member, id, true, n);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = visit(w, NULL, elem, off + i * size, depth + 1);
	if (r == 0 && w->v->end)
		r = w->v->end(w->ctx);
	return r;
}

static int visit_bitfield(const struct walk *w, const struct btf_member *m, size_t off)
{
	uint32_t t = btf_strip_all(w->btf, m->type);
	size_t first = off * 8 + m->bit_off;
	uint64_t raw;

	if (m->bit_size > 64 || first + m->bit_size > w->len * 8)
		return 0;
	raw = read_bits(w, first, m->bit_size);
	if (btf_kind(w->btf, t) == BTF_ENUM || btf_kind(w->btf, t) == BTF_ENUM64)
		return emit_enum(w, m->name, m->type, t, raw, m->bit_size);
	return emit_int(w, m->name, m->type, t, raw, m->bit_size);
}

static int visit_members(const struct walk *w, uint32_t t, size_t off, int depth)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < btf_vlen(w->btf, t); i++) {
		struct btf_member m = btf_member(w->btf, t, i);
		uint32_t mt = btf_strip_all(w->btf, m.type);

		if (m.bit_size) /* one without a name is padding */
			r = *m.name ? visit_bitfield(w, &m, off) : 0;
		else if (!*m.name && btf_is_composite(w->btf, mt) && depth < MAX_DEPTH)
			r = visit_members(w, mt, off + m.bit_off / 8, depth + 1);
		else if (*m.name)
			r = visit(w, m.name, m.type, off + m.bit_off / 8, depth + 1);
	}
	return r;
}

static int visit_composite(const struct walk *w, const char *member, uint32_t id, uint32_t t,
			   size_t off, int depth)
{
	int r = w->v->begin ? w->v->begin(w->ctx, member, id, false, btf_vlen(w->btf, t)) : 0;

	if (r == 0)
		r = visit_members(w, t, off, depth);
	if (r == 0 && w->v->end)
		r = w->v->end(w->ctx);
	return r;
}

static int visit_datasec(const struct walk *w, const char *member, uint32_t id, uint32_t t,
			 size_t off, int depth)
{
	uint32_t n = btf_vlen(w->btf, t);
	int r = w->v->begin ? w->v->begin(w->ctx, member, id, false, n) : 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		struct btf_secinfo s = btf_secinfo(w->btf, t, i);

		r = visit(w, btf_name(w->btf, s.type), btf_ref_type(w->btf, s.type), off + s.offset,
			  depth + 1);
	}
	if (r == 0 && w->v->end)
		r = w->v->end(w->ctx);
	return r;
}

static int visit_number(const struct walk *w, const char *member, uint32_t id, uint32_t t,
			size_t off, size_t size)
{
	struct skep_value p = { .kind = SKEP_VALUE_POINTER, .member = member, .type = id };
	enum btf_kind kind = btf_kind(w->btf, t);
	uint64_t raw;

	if (size != 1 && size != 2 && size != 4 && size != 8)
		return emit_bytes(w, member, id, off, size);
	if (kind == BTF_FLOAT)
		return emit_float(w, member, id, off, size);
	raw = bytes_uint(w->data + off, (unsigned int)size);
	if (kind == BTF_INT)
		return emit_int(w, member, id, t, raw, (unsigned int)size * 8);
	if (kind == BTF_ENUM || kind == BTF_ENUM64)
		return emit_enum(w, member, id, t, raw, (unsigned int)size * 8);
	p.u = raw;
	return emit(w, &p);
}

static int visit(const struct walk *w, const char *member, uint32_t id, size_t off, int depth)
{
	uint32_t t = btf_strip_all(w->btf, id);
	uint64_t size = btf_size(w->btf, t);
	enum btf_kind kind = btf_kind(w->btf, t);

	if (depth > MAX_DEPTH || off > w->len || !*w->steps)
		return 0;
	--*w->steps;
	if (kind == BTF_ARRAY)
		return visit_array(w, member, id, t, off, depth);
	if (btf_is_composite(w->btf, t))
		return visit_composite(w, member, id, t, off, depth);
	if (kind == BTF_DATASEC)
		return visit_datasec(w, member, id, t, off, depth);
	if (kind == BTF_VAR)
		return visit(w, member, btf_ref_type(w->btf, t), off, depth + 1);
	if (kind != BTF_INT && kind != BTF_ENUM && kind != BTF_ENUM64 && kind != BTF_FLOAT &&
	    kind != BTF_PTR)
		return depth ? 0 : -EINVAL;
	if (size > w->len - off)
		return 0;
	return visit_number(w, member, id, t, off, (size_t)size);
}

int skep_type_visit(const struct skep_obj *obj, uint32_t id, const void *data, size_t len,
		    const struct skep_visitor *visitor, void *ctx)
{
	size_t steps = MIN_STEPS + 2 * len;
	struct walk w = { obj->spec->btf, visitor, ctx, data, len, &steps };

	if (!id || id >= skep_obj_ntypes(obj))
		return emit_bytes(&w, NULL, 0, 0, len);
	return visit(&w, NULL, id, 0, 0);
}
