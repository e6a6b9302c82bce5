// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as BTF, and from the second BTF magic on as the .BTF.ext that goes with it. What is taken
 * must keep the promises of btf/btf.h; everything is laid out, found and printed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "btf/btf.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

enum { MAX_PRINTED = 1 << 18 };

static void check_entries(const struct btf *btf, uint32_t id)
{
	uint32_t n = btf_vlen(btf, id), count = btf_count(btf);

	for (uint32_t i = 0; i < n; i++) {
		if (btf_is_composite(btf, id)) {
			struct btf_member m = btf_member(btf, id, i);
			uint64_t bits = m.bit_size ? m.bit_size : btf_size(btf, m.type) * 8;

			MUST(m.name && m.type < count);
			MUST(m.bit_off + bits <= btf_size(btf, id) * 8);
		} else if (btf_kind(btf, id) == BTF_FUNC_PROTO) {
			struct btf_param a = btf_param(btf, id, i);

			MUST(a.name && a.type < count);
		} else if (btf_kind(btf, id) == BTF_ENUM || btf_kind(btf, id) == BTF_ENUM64) {
			MUST(btf_enumerator(btf, id, i).name);
		} else if (btf_kind(btf, id) == BTF_DATASEC) {
			uint32_t var = btf_secinfo(btf, id, i).type;

			MUST(var < count);
			MUST(btf_kind(btf, var) == BTF_VAR || btf_kind(btf, var) == BTF_FUNC);
		}
	}
}

static void check_type(const struct btf *btf, uint32_t id)
{
	uint32_t bare = btf_strip(btf, id), last = btf_strip_all(btf, id),
		 align = btf_align(btf, id);

	MUST(btf_strip(btf, bare) == bare && btf_strip_all(btf, last) == last);
	MUST(btf_strip_all(btf, bare) == last && btf_size(btf, bare) == btf_size(btf, id));
	MUST(align && !(align & (align - 1)) && align <= 16);
	MUST(btf_ref_type(btf, id) < btf_count(btf));
	if (*btf_name(btf, id))
		MUST(btf_find(btf, btf_name(btf, id), btf_kind(btf, id), id - 1) == id);
	if (btf_kind(btf, id) == BTF_ARRAY) {
		MUST(btf_array_elem(btf, id) < btf_count(btf));
		MUST(btf_size(btf, id) ==
		     btf_size(btf, btf_array_elem(btf, id)) * btf_array_len(btf, id));
	}
	check_entries(btf, id);
}

static void print_all(const struct btf *btf)
{
	size_t total = 0;
	struct buf out;

	buf_init(&out);
	for (uint32_t id = 0; id < btf_count(btf) && total < MAX_PRINTED; id++) {
		buf_clear(&out);
		btf_print_def(btf, id, &out);
		btf_print_type(btf, id, &out);
		btf_print_decl(btf, id, "name", &out);
		total += out.len;
	}
	buf_done(&out);
}

static void open_ext(const uint8_t *data, size_t size, const struct btf *btf)
{
	struct skep_error *err = NULL;
	struct btf_ext ext;
	size_t n = 0;

	if (btf_ext_open(&ext, data, size, btf, "fuzz", &err) < 0) {
		MUST(err);
		skep_error_free(err);
		return;
	}
	for (uint32_t i = 0; i < ext.nsecs; i++) {
		const struct btf_ext_sec *s = &ext.secs[i];

		MUST(s->section && (s->nfuncs || s->nlines || s->ncores));
		for (uint32_t k = 0; k < s->nfuncs; k++)
			MUST(btf_kind(btf, s->funcs[k].type) == BTF_FUNC);
		for (uint32_t k = 0; k < s->nlines; k++)
			MUST(s->lines[k].file && s->lines[k].text);
		for (uint32_t k = 0; k < s->ncores; k++)
			MUST(s->cores[k].access && s->cores[k].type < btf_count(btf));
		n += s->nfuncs + s->nlines + s->ncores;
	}
	MUST(n <= size / 8 && ext.arena.used <= size * 10 + 65536);
	btf_ext_close(&ext);
}

/* Where a second BTF header may begin. */
static size_t find_ext(const uint8_t *data, size_t size)
{
	for (size_t i = 24; i + 8 <= size; i += 4)
		if ((data[i] == 0x9f && data[i + 1] == 0xeb) ||
		    (data[i] == 0xeb && data[i + 1] == 0x9f))
			return i;
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skep_error *err = NULL;
	struct btf *btf = NULL;
	size_t cut;
	int r;

	r = btf_open(data, size, "fuzz", &btf, &err);
	if (r < 0) {
		MUST(err && skep_error_code(err) == r && skep_error_id(err)[0] == 'T');
		skep_error_free(err);
		return 0;
	}
	for (uint32_t id = 1; id < btf_count(btf); id++)
		check_type(btf, id);
	print_all(btf);
	cut = find_ext(data, size);
	open_ext(data + cut, size - cut, btf);
	btf_unref(btf);
	return 0;
}
