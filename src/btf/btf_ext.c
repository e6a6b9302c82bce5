// SPDX-License-Identifier: Apache-2.0
/*
 * .BTF.ext: three lists (functions, lines, CO-RE relocations), each cut into blocks of records for
 * one ELF section. A first pass checks the blocks and counts the records of each section, a second
 * fills exact arrays, so memory is bounded by a multiple of
 * the bytes. Records may be longer than known, and so
 * may the header. Kernel document bpf/btf.rst, section 4.2 and bpf/llvm_reloc.rst.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/num.h"
#include "btf/internal.h"

#define EXT_HEADER_SIZE 24 /* without the CO-RE fields, which the next 8 bytes hold */
#define EXT_CORE_HEADER_SIZE 32
#define MAX_SECTION_NAME 1024 /* bounds the work of comparing hostile names */
#define INSN_SIZE 8

enum list { FUNCS, LINES, CORES, LISTS };

static const struct {
	const char *name;
	unsigned int field;  /* of the header: offset, length */
	unsigned int header; /* the length of a header that has the field */
	uint32_t record;     /* bytes of the oldest record */
} lists[LISTS] = {
	[FUNCS] = { "function records", 8, EXT_HEADER_SIZE, 8 },
	[LINES] = { "line records", 16, EXT_HEADER_SIZE, 16 },
	[CORES] = { "CO-RE records", 24, EXT_CORE_HEADER_SIZE, 16 },
};

/* Records of one list for one section. */
struct block {
	enum list list;
	uint32_t sec; /* index into ext->secs */
	uint32_t n, record;
	const uint8_t *data;
};

struct reader {
	struct btf_ext *ext;
	const struct btf *btf;
	const uint8_t *data;
	size_t size;
	const char *name;
	bool swap;
	uint32_t header;
	struct block *blocks;
	size_t nblocks, max_blocks;
	uint64_t claimed; /* bytes of all lists */
	uint32_t *table;  /* hashed indices of secs + 1; 0 is free */
	size_t table_size;
	struct arena scratch;
};

#define AT(r, off) SKEP_AT_ELF((r)->name, ".BTF.ext", off)
#define AT_PTR(r, p) AT(r, (uint64_t)((p) - (r)->data))

static uint32_t word(const struct reader *r, const uint8_t *p, unsigned int i)
{
	return bytes_u32(p + (size_t)i * 4, r->swap);
}

static int read_header(struct reader *r, struct skep_error **reterr)
{
	if (r->size < 8)
		return skep_fail(reterr, &ERR_EXT_HEADER, AT(r, r->size),
				 "the section ends after %zu bytes", r->size);
	r->swap = bytes_u16(r->data, false) != BTF_MAGIC;
	if (bytes_u16(r->data, r->swap) != BTF_MAGIC)
		return skep_fail(reterr, &ERR_EXT_HEADER, AT(r, 0), "it starts with 0x%02x%02x",
				 r->data[0], r->data[1]);
	if (r->data[2] != BTF_VERSION)
		return skep_fail(reterr, &ERR_EXT_HEADER, AT(r, 2), "version %u is unknown",
				 r->data[2]);
	r->header = bytes_u32(r->data + 4, r->swap);
	if (r->header < EXT_HEADER_SIZE || r->header > r->size)
		return skep_fail(reterr, &ERR_EXT_HEADER, AT(r, 4),
				 "its length is %u bytes, the section has %zu", r->header, r->size);
	return 0;
}

static uint32_t hash_name(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h ^ h >> 15;
}

/* The section of that name, new if need be. The table has room for every block's. */
static uint32_t intern_section(struct reader *r, const char *name)
{
	size_t i = hash_name(name) & (r->table_size - 1);

	for (; r->table[i]; i = (i + 1) & (r->table_size - 1))
		if (!strcmp(r->ext->secs[r->table[i] - 1].section, name))
			return r->table[i] - 1;
	r->ext->secs[r->ext->nsecs].section = name;
	r->table[i] = ++r->ext->nsecs;
	return r->ext->nsecs - 1;
}

static uint32_t *count_of(struct btf_ext_sec *sec, enum list list)
{
	return list == FUNCS ? &sec->nfuncs : list == LINES ? &sec->nlines : &sec->ncores;
}

/* A block's header: section name, number of records; returns the bytes it takes, or -errno. */
static int64_t read_block(struct reader *r, enum list list, const uint8_t *p, size_t left,
			  uint32_t record, struct skep_error **reterr)
{
	const char *section;
	struct block b = { .list = list, .record = record };

	if (left < 8)
		return skep_fail(reterr, &ERR_EXT_SECTION, AT_PTR(r, p),
				 "%zu bytes are left of the %s", left, lists[list].name);
	section = btf_string(r->btf, word(r, p, 0));
	b.n = word(r, p, 1);
	b.data = p + 8;
	if (!section || strnlen(section, MAX_SECTION_NAME) == MAX_SECTION_NAME)
		return skep_fail(reterr, &ERR_EXT_SECTION, AT_PTR(r, p),
				 "a section with its name at %u", word(r, p, 0));
	if (!b.n || b.n > (left - 8) / record)
		return skep_fail(reterr, &ERR_EXT_SECTION, AT_PTR(r, p),
				 "%u records of %u bytes for '%s', %zu bytes are left", b.n, record,
				 section, left - 8);
	assert(r->nblocks < r->max_blocks);
	b.sec = intern_section(r, section);
	*count_of(&r->ext->secs[b.sec], list) += b.n;
	r->blocks[r->nblocks++] = b;
	return 8 + (int64_t)b.n * record;
}

static int read_list(struct reader *r, enum list list, struct skep_error **reterr)
{
	uint32_t off, len, record;
	const uint8_t *p;

	if (r->header < lists[list].header)
		return 0;
	off = bytes_u32(r->data + lists[list].field, r->swap);
	len = bytes_u32(r->data + lists[list].field + 4, r->swap);
	if (!len)
		return 0;
	if (!num_inside((uint64_t)r->header + off, len, r->size) || len < 4)
		return skep_fail(reterr, &ERR_EXT_SECTION, AT(r, lists[list].field),
				 "%s are %u bytes at %" PRIu64 ", the section has %zu bytes",
				 lists[list].name, len, (uint64_t)r->header + off, r->size);
	r->claimed += len;
	if (r->claimed > r->size)
		return skep_fail(reterr, &ERR_EXT_SECTION, AT(r, lists[list].field),
				 "the %s overlap another list", lists[list].name);
	p = r->data + r->header + off;
	record = word(r, p, 0);
	if (record < lists[list].record || record % 4)
		return skep_fail(reterr, &ERR_EXT_SECTION, AT_PTR(r, p),
				 "%s of %u bytes, at least %u and whole words", lists[list].name,
				 record, lists[list].record);
	for (size_t at = 4; at < len;) {
		int64_t n = read_block(r, list, p + at, len - at, record, reterr);

		if (n < 0)
			return (int)n;
		at += (size_t)n;
	}
	return 0;
}

static int allocate_sections(struct reader *r, struct skep_error **reterr)
{
	r->max_blocks = r->size / 16 + 1; /* a block has at least 16 bytes */
	r->table_size = 1;
	while (r->table_size < r->max_blocks * 2)
		r->table_size *= 2;
	r->blocks = ARENA_ARRAY(&r->scratch, struct block, r->max_blocks);
	r->table = ARENA_ARRAY(&r->scratch, uint32_t, r->table_size);
	r->ext->secs = ARENA_ARRAY(&r->scratch, struct btf_ext_sec, r->max_blocks);
	return r->blocks && r->table && r->ext->secs ? 0 : skep_fail_nomem(reterr);
}

/* Exact arrays in the arena that stays; the counts start again as fill marks. */
static int allocate_records(struct reader *r, struct skep_error **reterr)
{
	struct btf_ext *ext = r->ext;
	struct arena *a = &ext->arena;
	struct btf_ext_sec *secs = ARENA_ARRAY(a, struct btf_ext_sec, ext->nsecs);

	if (!secs)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < ext->nsecs; i++) {
		struct btf_ext_sec *s = &ext->secs[i];

		secs[i].section = s->section;
		if (s->nfuncs)
			secs[i].funcs = ARENA_ARRAY(a, struct btf_func_info, s->nfuncs);
		if (s->nlines)
			secs[i].lines = ARENA_ARRAY(a, struct btf_line_info, s->nlines);
		if (s->ncores)
			secs[i].cores = ARENA_ARRAY(a, struct btf_core_reloc, s->ncores);
		if (!secs[i].funcs != !s->nfuncs || !secs[i].lines != !s->nlines ||
		    !secs[i].cores != !s->ncores)
			return skep_fail_nomem(reterr);
	}
	ext->secs = secs;
	return 0;
}

static int fail_record(const struct reader *r, const uint8_t *p, const char *what, uint32_t value,
		       struct skep_error **reterr)
{
	return skep_fail(reterr, &ERR_EXT_RECORD, AT_PTR(r, p), "%s %u", what, value);
}

static int read_func(const struct reader *r, const uint8_t *p, struct btf_func_info *f,
		     struct skep_error **reterr)
{
	*f = (struct btf_func_info){ .insn_off = word(r, p, 0), .type = word(r, p, 1) };
	if (f->type >= r->btf->count || btf_kind(r->btf, f->type) != BTF_FUNC)
		return fail_record(r, p, "a function of type", f->type, reterr);
	return 0;
}

static int read_line(const struct reader *r, const uint8_t *p, struct btf_line_info *l,
		     struct skep_error **reterr)
{
	uint32_t place = word(r, p, 3);

	*l = (struct btf_line_info){
		.insn_off = word(r, p, 0),
		.file = btf_string(r->btf, word(r, p, 1)),
		.text = btf_string(r->btf, word(r, p, 2)),
		.line = place >> 10,
		.col = place & 0x3ff,
	};
	if (!l->file)
		return fail_record(r, p, "a file with its name at", word(r, p, 1), reterr);
	if (!l->text)
		return fail_record(r, p, "a line with its text at", word(r, p, 2), reterr);
	return 0;
}

static int read_core(const struct reader *r, const uint8_t *p, struct btf_core_reloc *c,
		     struct skep_error **reterr)
{
	*c = (struct btf_core_reloc){
		.insn_off = word(r, p, 0),
		.type = word(r, p, 1),
		.access = btf_string(r->btf, word(r, p, 2)),
		.kind = word(r, p, 3),
	};
	if (c->type >= r->btf->count)
		return fail_record(r, p, "a CO-RE relocation of type", c->type, reterr);
	if (!c->access)
		return fail_record(r, p, "a CO-RE relocation with its access at", word(r, p, 2),
				   reterr);
	return 0;
}

static int fill_block(const struct reader *r, const struct block *b, struct skep_error **reterr)
{
	struct btf_ext_sec *s = &r->ext->secs[b->sec];
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < b->n; i++) {
		const uint8_t *p = b->data + (size_t)i * b->record;

		if (word(r, p, 0) % INSN_SIZE)
			return fail_record(r, p, "inside an instruction: offset", word(r, p, 0),
					   reterr);
		if (b->list == FUNCS)
			result = read_func(r, p, &s->funcs[s->nfuncs++], reterr);
		else if (b->list == LINES)
			result = read_line(r, p, &s->lines[s->nlines++], reterr);
		else
			result = read_core(r, p, &s->cores[s->ncores++], reterr);
	}
	return result;
}

/* All three kinds of record begin with the instruction's offset. */
static int by_offset(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

_Static_assert(!offsetof(struct btf_func_info, insn_off) &&
		       !offsetof(struct btf_line_info, insn_off) &&
		       !offsetof(struct btf_core_reloc, insn_off),
	       "by_offset() reads the first member");

/* Compilers write them in order, so that records of one instruction keep theirs. */
static void sort_records(void *base, size_t n, size_t size)
{
	const char *p = base;

	for (size_t i = 1; i < n; i++)
		if (by_offset(p + (i - 1) * size, p + i * size) > 0) {
			qsort(base, n, size, by_offset);
			return;
		}
}

static int read_all(struct reader *r, struct skep_error **reterr)
{
	int result = read_header(r, reterr);

	if (result == 0)
		result = allocate_sections(r, reterr);
	for (int i = 0; result == 0 && i < LISTS; i++)
		result = read_list(r, (enum list)i, reterr);
	if (result == 0)
		result = allocate_records(r, reterr);
	for (size_t i = 0; result == 0 && i < r->nblocks; i++)
		result = fill_block(r, &r->blocks[i], reterr);
	for (uint32_t i = 0; result == 0 && i < r->ext->nsecs; i++) {
		struct btf_ext_sec *s = &r->ext->secs[i];

		sort_records(s->funcs, s->nfuncs, sizeof(*s->funcs));
		sort_records(s->lines, s->nlines, sizeof(*s->lines));
		sort_records(s->cores, s->ncores, sizeof(*s->cores));
	}
	return result;
}

int btf_ext_open(struct btf_ext *ext, const void *data, size_t size, const struct btf *btf,
		 const char *name, struct skep_error **reterr)
{
	struct reader r = { .ext = ext, .btf = btf, .data = data, .size = size, .name = name };
	int result;

	*ext = (struct btf_ext){ 0 };
	arena_init(&ext->arena, size > SIZE_MAX / 16 ? 0 : size * 10 + 65536);
	arena_init(&r.scratch, 0);
	result = read_all(&r, reterr);
	arena_done(&r.scratch);
	if (result < 0)
		btf_ext_close(ext);
	return result;
}

void btf_ext_close(struct btf_ext *ext)
{
	arena_done(&ext->arena);
	ext->secs = NULL;
	ext->nsecs = 0;
}

const struct btf_ext_sec *btf_ext_find(const struct btf_ext *ext, const char *section)
{
	for (uint32_t i = 0; i < ext->nsecs; i++)
		if (!strcmp(ext->secs[i].section, section))
			return &ext->secs[i];
	return NULL;
}

const char *btf_core_kind_name(uint32_t kind)
{
	switch (kind) {
#define CORE(id, value, name) \
	case value:           \
		return name;
#include "btf/core_kinds.def"
#undef CORE
	default:
		return NULL;
	}
}
