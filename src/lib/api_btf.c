// SPDX-License-Identifier: Apache-2.0
/* Types of an object: by spelling, as C, and which one a record has. */
#include <string.h>

#include "lib/internal.h"

uint32_t skep_obj_ntypes(const struct skep_obj *obj)
{
	return obj->spec->btf ? btf_count(obj->spec->btf) : 0;
}

static const char *after_keyword(const char *s, enum btf_kind *kind)
{
	static const struct {
		const char *word;
		enum btf_kind kind;
	} words[] = { { "struct ", BTF_STRUCT }, { "union ", BTF_UNION }, { "enum ", BTF_ENUM } };

	*kind = BTF_VOID;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].word);

		if (strncmp(s, words[i].word, n) != 0)
			continue;
		*kind = words[i].kind;
		for (s += n; *s == ' '; s++)
			;
		return s;
	}
	return s;
}

uint32_t skep_obj_find_type(const struct skep_obj *obj, const char *spelling)
{
	enum btf_kind kind;
	const char *name = after_keyword(spelling, &kind);
	uint32_t id;

	if (!obj->spec->btf || !*name)
		return 0;
	id = btf_find(obj->spec->btf, name, kind, 0);
	if (!id && kind == BTF_ENUM)
		id = btf_find(obj->spec->btf, name, BTF_ENUM64, 0);
	return id;
}

size_t skep_type_name(const struct skep_obj *obj, uint32_t id, char *buf, size_t size)
{
	struct buf text;
	size_t len;

	buf_init(&text);
	if (obj->spec->btf && id < btf_count(obj->spec->btf))
		btf_print_type(obj->spec->btf, id, &text);
	len = lib_copy_out(buf_str(&text), text.len, buf, size);
	buf_done(&text);
	return len;
}

size_t skep_type_def(const struct skep_obj *obj, uint32_t id, char *buf, size_t size)
{
	struct buf text;
	size_t len;

	buf_init(&text);
	if (obj->spec->btf && id < btf_count(obj->spec->btf))
		btf_print_def(obj->spec->btf, id, &text);
	len = lib_copy_out(buf_str(&text), text.len, buf, size);
	buf_done(&text);
	return len;
}

uint64_t skep_type_size(const struct skep_obj *obj, uint32_t id)
{
	return id && id < skep_obj_ntypes(obj) ? btf_size(obj->spec->btf, id) : 0;
}

const char *skep_type_kind(const struct skep_obj *obj, uint32_t id)
{
	return id && id < skep_obj_ntypes(obj) ? btf_kind_name(btf_kind(obj->spec->btf, id)) :
						 "VOID";
}

/* A struct that is not the program's own kind of record: the kernel's, or a map's key or value. */
static bool is_other(const struct skep_obj *obj, uint32_t id)
{
	const struct btf *btf = obj->spec->btf;

	if (obj->target && btf_find(obj->target, btf_name(btf, id), BTF_STRUCT, 0))
		return true;
	for (uint32_t i = 0; i < obj->spec->nmaps; i++) {
		const struct load_map *m = &obj->spec->maps[i];

		if (m->kind != LOAD_MAP_USER)
			continue;
		if ((m->key_type && btf_strip_all(btf, m->key_type) == id) ||
		    (m->value_type && btf_strip_all(btf, m->value_type) == id))
			return true;
	}
	return false;
}

uint32_t skep_obj_record_type(const struct skep_obj *obj, uint64_t size, size_t *ret_n)
{
	uint32_t any = 0, own = 0;
	size_t nany = 0, nown = 0;
	const struct btf *btf = obj->spec->btf;

	for (uint32_t id = 1; id < skep_obj_ntypes(obj); id++) {
		if (btf_kind(btf, id) != BTF_STRUCT || btf_raw_size(btf, id) != size ||
		    !*btf_name(btf, id))
			continue;
		any = id;
		nany++;
		if (!is_other(obj, id)) {
			own = id;
			nown++;
		}
	}
	*ret_n = nown ? nown : nany;
	if (nown)
		return nown == 1 ? own : 0;
	return nany == 1 ? any : 0;
}
