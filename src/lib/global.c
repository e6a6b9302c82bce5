// SPDX-License-Identifier: Apache-2.0
/*
 * Settings of an object before it is loaded: global variables by name and the sizes of maps. A path like
 * `filter.ports[2]` is followed through the types (BTF) to an offset in a data section; the text is written there as
 * the type says. Invariant: the section's bytes are copied before the first change, for the file's own are shared.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lib/internal.h"

/* A part of a variable, found. */
struct target {
	const struct btf *btf;
	const char *name; /* the path as given */
	struct load_map *map;
	uint32_t type;
	uint64_t off;	   /* bytes from the section's start */
	uint32_t bit_off;  /* of a bit field, from `off` */
	uint32_t bit_size; /* 0: none */
	bool big_endian;   /* __be16, __be32, __be64 */
};

static struct skep_place at(const struct target *t)
{
	return SKEP_AT_ELF(NULL, t->map->section, t->off);
}

static bool settable(const struct load_map *m)
{
	return m->value_type &&
	       (m->kind == LOAD_MAP_DATA || m->kind == LOAD_MAP_RODATA || m->kind == LOAD_MAP_BSS);
}

static int no_such(const struct skep_obj *obj, const char *name, struct skep_error **reterr)
{
	const struct load_obj *spec = obj->spec;
	struct buf known;
	size_t n = 0;
	int r;

	r = skep_fail(reterr, &ERR_NO_GLOBAL, SKEP_AT_FILE(spec->name, 0), "'%s'", name);
	buf_init(&known);
	for (uint32_t i = 0; i < spec->nmaps; i++)
		for (uint32_t k = 0;
		     settable(&spec->maps[i]) && k < btf_vlen(spec->btf, spec->maps[i].value_type);
		     k++, n++) {
			struct btf_secinfo s = btf_secinfo(spec->btf, spec->maps[i].value_type, k);

			if (n < 12)
				buf_printf(&known, "%s%s", n ? ", " : "",
					   btf_name(spec->btf, s.type));
		}
	if (n > 12)
		buf_printf(&known, " and %zu more", n - 12);
	skep_known(reterr, "%s", n ? buf_str(&known) : "it has none that types (BTF) describe");
	for (uint32_t i = 0; i < spec->nexterns; i++)
		if (strcmp(spec->externs[i].name, name) == 0)
			skep_hint(reterr,
				  "'%s' is an extern: give it as a kernel configuration "
				  "value (--kconfig)",
				  name);
	buf_done(&known);
	return r;
}

/* The variable that @len bytes of the path name; .kconfig is not looked at. */
static bool find_variable(struct skep_obj *obj, const char *path, size_t len, struct target *t)
{
	const struct btf *btf = obj->spec->btf;

	for (uint32_t i = 0; btf && i < obj->spec->nmaps; i++) {
		struct load_map *m = &obj->spec->maps[i];

		for (uint32_t k = 0; settable(m) && k < btf_vlen(btf, m->value_type); k++) {
			struct btf_secinfo s = btf_secinfo(btf, m->value_type, k);
			const char *name = btf_name(btf, s.type);

			if (strlen(name) != len || memcmp(name, path, len) != 0)
				continue;
			t->btf = btf;
			t->map = m;
			t->type = btf_ref_type(btf, s.type);
			t->off = s.offset;
			return true;
		}
	}
	return false;
}

/* Through modifiers and typedefs, noting a byte order that only a typedef's name tells. */
static void strip(struct target *t)
{
	for (;;) {
		const char *name = btf_name(t->btf, t->type);
		uint32_t next = btf_strip(t->btf, t->type);

		if (next == t->type && btf_kind(t->btf, t->type) != BTF_TYPEDEF)
			return;
		if (btf_kind(t->btf, t->type) == BTF_TYPEDEF) {
			t->big_endian |= strncmp(name, "__be", 4) == 0;
			next = btf_ref_type(t->btf, t->type);
		}
		t->type = next;
	}
}

/* Looks for @name among the members, inside unnamed ones too; depth is bounded by the reader's check for loops. */
static bool find_member(struct target *t, uint32_t type, const char *name, size_t len, int depth)
{
	for (uint32_t i = 0; depth < 16 && i < btf_vlen(t->btf, type); i++) {
		struct btf_member m = btf_member(t->btf, type, i);
		uint64_t before = t->off;

		if (!*m.name) {
			uint32_t inner = btf_strip_all(t->btf, m.type);

			t->off += m.bit_off / 8;
			if (btf_is_composite(t->btf, inner) &&
			    find_member(t, inner, name, len, depth + 1))
				return true;
			t->off = before;
			continue;
		}
		if (strlen(m.name) != len || memcmp(m.name, name, len) != 0)
			continue;
		t->type = m.type;
		t->off += m.bit_off / 8;
		t->bit_off = m.bit_size ? m.bit_off % 8 : 0;
		t->bit_size = m.bit_size;
		return true;
	}
	return false;
}

static int step_member(struct target *t, const char **path, struct skep_error **reterr)
{
	const char *name = *path + 1;
	size_t len = strcspn(name, ".[");

	if (!btf_is_composite(t->btf, t->type) || !len || !find_member(t, t->type, name, len, 0))
		return skep_fail(reterr, &ERR_GLOBAL_PATH, at(t), "'%s': no member '%.*s'", t->name,
				 (int)len, name);
	*path = name + len;
	return 0;
}

static int step_index(struct target *t, const char **path, struct skep_error **reterr)
{
	char *end;
	unsigned long long i;

	if (btf_kind(t->btf, t->type) != BTF_ARRAY)
		return skep_fail(reterr, &ERR_GLOBAL_PATH, at(t), "'%s': not an array", t->name);
	errno = 0;
	i = strtoull(*path + 1, &end, 0);
	if (!isdigit((unsigned char)(*path)[1]) || errno || *end != ']')
		return skep_fail(reterr, &ERR_GLOBAL_PATH, at(t), "'%s': no index in '%s'", t->name,
				 *path);
	if (i >= btf_array_len(t->btf, t->type))
		return skep_fail(reterr, &ERR_GLOBAL_PATH, at(t),
				 "'%s': index %llu of an array of %u", t->name, i,
				 btf_array_len(t->btf, t->type));
	t->type = btf_array_elem(t->btf, t->type);
	t->off += i * btf_size(t->btf, t->type);
	*path = end + 1;
	return 0;
}

static int find(struct skep_obj *obj, const char *path, struct target *t,
		struct skep_error **reterr)
{
	size_t len = strcspn(path, "[");
	int r = 0;

	*t = (struct target){ .name = path };
	/* a static variable of a function is called `function.variable`: the longest name wins */
	while (!find_variable(obj, path, len, t)) {
		while (len && path[--len] != '.')
			;
		if (!len)
			return no_such(obj, path, reterr);
	}
	path += len;
	strip(t);
	while (r == 0 && *path) {
		r = *path == '.' ?
			    step_member(t, &path, reterr) :
		    *path == '[' ?
			    step_index(t, &path, reterr) :
			    skep_fail(reterr, &ERR_GLOBAL_PATH, at(t), "'%s': '%s'", t->name, path);
		strip(t);
	}
	return r;
}

static int bad_value(const struct target *t, const char *value, const char *needs,
		     struct skep_error **reterr)
{
	int r = skep_fail(reterr, &ERR_GLOBAL_VALUE, at(t), "'%s' for '%s'", value, t->name);

	skep_need(reterr, "%s", needs);
	return r;
}

static bool parse_bool(const char *s, uint64_t *ret)
{
	static const char *const words[] = { "0", "1", "n", "y", "no", "yes", "false", "true" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(s, words[i]) == 0) {
			*ret = i % 2;
			return true;
		}
	return false;
}

/* A whole number of up to 64 bits, either sign. */
static bool parse_number(const char *s, uint64_t *ret, bool *ret_negative)
{
	bool negative = *s == '-';
	const char *digits = s + (negative || *s == '+');
	char *end;

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*ret = strtoull(digits, &end, 0);
	*ret_negative = negative && *ret;
	return !errno && !*end && !(negative && *ret > 1ull << 63);
}

static bool fits(uint64_t magnitude, bool negative, bool is_signed, unsigned int bits)
{
	uint64_t half = 1ull << (bits - 1);

	if (is_signed)
		return negative ? magnitude <= half : magnitude < half;
	return !negative && (bits == 64 || magnitude >> bits == 0);
}

static bool enumerator(const struct target *t, const char *name, uint64_t *ret)
{
	for (uint32_t i = 0; i < btf_vlen(t->btf, t->type); i++) {
		struct btf_enumerator e = btf_enumerator(t->btf, t->type, i);

		if (strcmp(e.name, name) == 0) {
			*ret = (uint64_t)e.value;
			return true;
		}
	}
	return false;
}

static int parse_integer(const struct target *t, const char *value, unsigned int bits,
			 uint64_t *ret, struct skep_error **reterr)
{
	enum btf_kind kind = btf_kind(t->btf, t->type);
	unsigned int enc = kind == BTF_INT		    ? btf_int_encoding(t->btf, t->type) :
			   btf_enum_signed(t->btf, t->type) ? BTF_INT_SIGNED :
							      0;
	bool negative = false, is_signed = enc & BTF_INT_SIGNED;
	struct in_addr ip;

	if (enc & BTF_INT_BOOL)
		return parse_bool(value, ret) ? 0 : bad_value(t, value, "true or false", reterr);
	if (kind != BTF_INT && enumerator(t, value, ret))
		return 0;
	if (t->big_endian && bits == 32 && inet_pton(AF_INET, value, &ip) == 1) {
		*ret = ntohl(ip.s_addr);
		return 0;
	}
	if (!parse_number(value, ret, &negative))
		return bad_value(t, value,
				 kind == BTF_INT ? "a number of at most 64 bits" :
						   "the name of an enumerator, or a number",
				 reterr);
	if (!fits(*ret, negative, is_signed, bits))
		return skep_fail(reterr, &ERR_GLOBAL_RANGE, at(t),
				 "'%s' for '%s', which has %u %s bits", value, t->name, bits,
				 is_signed ? "signed" : "unsigned");
	if (negative)
		*ret = -*ret;
	return 0;
}

/* The section's bytes, ours to change. */
static uint8_t *own_bytes(struct skep_obj *obj, struct load_map *m, struct skep_error **reterr)
{
	uint32_t i = (uint32_t)(m - obj->spec->maps);

	if (!obj->own_data) {
		obj->own_data = ARENA_ARRAY(&obj->arena, uint8_t *, obj->spec->nmaps);
		if (!obj->own_data) {
			skep_fail_nomem(reterr);
			return NULL;
		}
	}
	if (!obj->own_data[i]) {
		uint8_t *copy = arena_alloc(&obj->arena, m->value_size, 1);

		if (!copy) {
			skep_fail_nomem(reterr);
			return NULL;
		}
		if (m->data)
			memcpy(copy, m->data, m->value_size);
		obj->own_data[i] = copy;
		m->data = copy;
	}
	return obj->own_data[i];
}

static void put_bits(uint8_t *p, uint32_t bit_off, uint32_t n, uint64_t v)
{
	for (uint32_t i = 0; i < n; i++) {
		bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
		uint32_t at_bit = bit_off + i;
		uint32_t in_byte = little ? at_bit % 8 : 7 - at_bit % 8;
		uint64_t bit = v >> (little ? i : n - 1 - i) & 1;

		p[at_bit / 8] = (uint8_t)((p[at_bit / 8] & ~(1u << in_byte)) | bit << in_byte);
	}
}

static int write_integer(struct skep_obj *obj, const struct target *t, const char *value,
			 struct skep_error **reterr)
{
	unsigned int size = (unsigned int)btf_size(t->btf, t->type);
	unsigned int bits = t->bit_size ? t->bit_size : size * 8;
	uint64_t v = 0;
	uint8_t *data;
	int r;

	if (!size || size > 8 || (size & (size - 1)) || bits > 64)
		return skep_fail(reterr, &ERR_GLOBAL_TYPE, at(t), "'%s' has %u bytes", t->name,
				 size);
	r = parse_integer(t, value, bits, &v, reterr);
	if (r < 0)
		return r;
	data = own_bytes(obj, t->map, reterr);
	if (!data)
		return -ENOMEM;
	if (t->bit_size) {
		put_bits(data + t->off, t->bit_off, t->bit_size, v);
		return 0;
	}
	if (t->big_endian && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		v = __builtin_bswap64(v) >> (64 - bits);
	bytes_put_uint(data + t->off, size, v);
	return 0;
}

static int write_float(struct skep_obj *obj, const struct target *t, const char *value,
		       struct skep_error **reterr)
{
	uint64_t size = btf_size(t->btf, t->type);
	uint8_t *data;
	double d;
	float f;
	char *end;

	d = strtod(value, &end);
	if (end == value || *end)
		return bad_value(t, value, "a number", reterr);
	if (size != sizeof(d) && size != sizeof(f))
		return skep_fail(reterr, &ERR_GLOBAL_TYPE, at(t), "'%s' has %" PRIu64 " bytes",
				 t->name, size);
	data = own_bytes(obj, t->map, reterr);
	if (!data)
		return -ENOMEM;
	f = (float)d;
	memcpy(data + t->off, size == sizeof(d) ? (void *)&d : (void *)&f, size);
	return 0;
}

static int write_text(struct skep_obj *obj, const struct target *t, const char *value,
		      struct skep_error **reterr)
{
	uint32_t room = btf_array_len(t->btf, t->type);
	uint8_t *data;

	if (strlen(value) >= room)
		return skep_fail(reterr, &ERR_GLOBAL_RANGE, at(t),
				 "%zu bytes and a NUL for '%s', which has %u", strlen(value),
				 t->name, room);
	data = own_bytes(obj, t->map, reterr);
	if (!data)
		return -ENOMEM;
	memset(data + t->off, 0, room);
	memcpy(data + t->off, value, strlen(value));
	return 0;
}

static int write_value(struct skep_obj *obj, const struct target *t, const char *value,
		       struct skep_error **reterr)
{
	enum btf_kind kind = btf_kind(t->btf, t->type);
	uint64_t size = btf_size(t->btf, t->type);
	struct buf name;
	int r;

	if (size > t->map->value_size || t->off > t->map->value_size - size ||
	    (t->bit_size && t->off * 8 + t->bit_off + t->bit_size > t->map->value_size * 8ull))
		return skep_fail(reterr, &ERR_GLOBAL_PATH, at(t), "'%s' lies outside '%s'", t->name,
				 t->map->section);
	if (kind == BTF_INT || kind == BTF_ENUM || kind == BTF_ENUM64)
		return write_integer(obj, t, value, reterr);
	if (kind == BTF_FLOAT)
		return write_float(obj, t, value, reterr);
	if (kind == BTF_ARRAY && lib_is_char(t->btf, btf_array_elem(t->btf, t->type)))
		return write_text(obj, t, value, reterr);
	buf_init(&name);
	btf_print_type(t->btf, t->type, &name);
	r = skep_fail(reterr, &ERR_GLOBAL_TYPE, at(t), "'%s' is %s", t->name, buf_str(&name));
	buf_done(&name);
	if (kind == BTF_ARRAY)
		skep_hint(reterr, "set its elements: '%s[0]'", t->name);
	else if (btf_is_composite(t->btf, t->type))
		skep_hint(reterr, "set its members: '%s.member'", t->name);
	return r;
}

int skep_obj_set_global(struct skep_obj *obj, const char *name, const char *value,
			struct skep_error **reterr)
{
	struct target t;
	int r;

	if (obj->core)
		return skep_fail(reterr, &ERR_LOADED, SKEP_AT_FILE(obj->spec->name, 0),
				 "'%s' can no longer be set", name);
	r = find(obj, name, &t, reterr);
	if (r == 0)
		r = write_value(obj, &t, value, reterr);
	if (r < 0 && t.map)
		skep_relocate(reterr, SKEP_AT_ELF(obj->spec->name, t.map->section, t.off));
	return r;
}

int skep_map_set_max_entries(struct skep_map *map, uint32_t n, struct skep_error **reterr)
{
	struct load_obj *spec = map->obj->spec;
	struct load_map *m = &spec->maps[map->index];

	if (map->obj->core)
		return skep_fail(reterr, &ERR_LOADED, SKEP_AT_MAP(spec->name, m->name),
				 "its size can no longer be set");
	if (m->kind != LOAD_MAP_USER)
		return skep_fail(reterr, &ERR_MAP_SIZED, SKEP_AT_MAP(spec->name, m->name), NULL);
	m->max_entries = n;
	return 0;
}
