// SPDX-License-Identifier: Apache-2.0
/*
 * Opening an ELF64 file: header, section headers, names. Invariant: nothing is read before its
 * offset was checked against the file, and nothing is allocated before the file was seen to hold that
 * many entries, so memory is less than three times the file. A string table must end with NUL;
 * then every offset inside it is a string and no name is ever scanned for. gABI chapter 4, with
 * extended numbering: counts that do not fit the header live in section header 0.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "elf/internal.h"

/* The fields of the header that say where the section headers are. */
struct table {
	uint64_t off, count;
	uint32_t names;
};

static int read_ident(struct elf *elf, struct skep_error **reterr)
{
	const uint8_t *d = elf->data;
	int r;

	if (elf->size < 4 || memcmp(d, "\177ELF", 4)) {
		r = skep_fail(reterr, &ERR_NOT_ELF, SKEP_AT_FILE(elf->name, 0), "it looks like %s",
			      elf_looks_like(d, elf->size));
		skep_need(reterr, "an object file made by clang -target bpf -c");
		return r;
	}
	if (elf->size <= EI_VERSION)
		return skep_fail(reterr, &ERR_HEADER, SKEP_AT_FILE(elf->name, elf->size),
				 "the file ends after %zu bytes", elf->size);
	if (d[EI_CLASS] == 1)
		return skep_fail(reterr, &ERR_CLASS, SKEP_AT_FILE(elf->name, EI_CLASS),
				 "it is a 32-bit one");
	if (d[EI_CLASS] != 2)
		return skep_fail(reterr, &ERR_CLASS, SKEP_AT_FILE(elf->name, EI_CLASS),
				 "its class is %u", d[EI_CLASS]);
	if (d[EI_DATA] != 1 && d[EI_DATA] != 2)
		return skep_fail(reterr, &ERR_HEADER, SKEP_AT_FILE(elf->name, EI_DATA),
				 "byte order %u is unknown", d[EI_DATA]);
	if (d[EI_VERSION] != 1)
		return skep_fail(reterr, &ERR_HEADER, SKEP_AT_FILE(elf->name, EI_VERSION),
				 "version %u is unknown", d[EI_VERSION]);
	if (elf->size < EHDR_SIZE)
		return skep_fail(reterr, &ERR_HEADER, SKEP_AT_FILE(elf->name, elf->size),
				 "the file ends after %zu of its %d bytes", elf->size, EHDR_SIZE);
	elf->big_endian = d[EI_DATA] == 2;
	elf->swap = elf->big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	return 0;
}

/* Where the section headers are, with extended numbering resolved. */
static int find_table(struct elf *elf, struct table *ret, struct skep_error **reterr)
{
	const uint8_t *d = elf->data, *first;
	uint64_t off = bytes_u64(d + EH_SHOFF, elf->swap);
	uint64_t count = bytes_u16(d + EH_SHNUM, elf->swap);
	uint32_t names = bytes_u16(d + EH_SHSTRNDX, elf->swap);
	unsigned int entsize = bytes_u16(d + EH_SHENTSIZE, elf->swap);

	*ret = (struct table){ 0 };
	if (!off) {
		if (count)
			return skep_fail(reterr, &ERR_TABLE, SKEP_AT_FILE(elf->name, EH_SHOFF),
					 "%" PRIu64 " section headers but no table", count);
		return 0;
	}
	if (entsize != SHDR_SIZE)
		return skep_fail(reterr, &ERR_TABLE, SKEP_AT_FILE(elf->name, EH_SHENTSIZE),
				 "its entries have %u bytes instead of %d", entsize, SHDR_SIZE);
	if (!num_inside(off, SHDR_SIZE, elf->size))
		return skep_fail(reterr, &ERR_TABLE, SKEP_AT_FILE(elf->name, EH_SHOFF),
				 "it starts at %" PRIu64 ", the file has %zu bytes", off,
				 elf->size);
	first = d + off;
	if (!count)
		count = bytes_u64(first + 32, elf->swap);
	if (names == SHN_XINDEX)
		names = bytes_u32(first + 40, elf->swap);
	if (!count || count > (elf->size - off) / SHDR_SIZE || count >= ELF_SHN_ABS)
		return skep_fail(reterr, &ERR_TABLE, SKEP_AT_FILE(elf->name, off),
				 "%" PRIu64 " section headers in %" PRIu64 " bytes", count,
				 (uint64_t)elf->size - off);
	if (names >= count)
		return skep_fail(reterr, &ERR_TABLE, SKEP_AT_FILE(elf->name, EH_SHSTRNDX),
				 "section %u should hold the names, there are %" PRIu64, names,
				 count);
	*ret = (struct table){ .off = off, .count = count, .names = names };
	return 0;
}

static void read_section(const struct elf *elf, const uint8_t *p, struct elf_section *s)
{
	bool swap = elf->swap;

	s->name = "";
	s->type = bytes_u32(p + 4, swap);
	s->flags = bytes_u64(p + 8, swap);
	s->offset = bytes_u64(p + 24, swap);
	s->size = bytes_u64(p + 32, swap);
	s->link = bytes_u32(p + 40, swap);
	s->info = bytes_u32(p + 44, swap);
	s->addralign = bytes_u64(p + 48, swap);
	s->entsize = bytes_u64(p + 56, swap);
	if (s->type == ELF_SHT_NULL) /* inactive: the other fields mean nothing */
		*s = (struct elf_section){ .name = "" };
}

/* Points every section at its bytes. */
static int place_sections(struct elf *elf, struct skep_error **reterr)
{
	uint64_t sum = 0;

	for (size_t i = 1; i < elf->nsections; i++) {
		struct elf_section *s = &elf->sections[i];

		if (s->addralign && !num_is_pow2(s->addralign))
			return skep_fail(reterr, &ERR_SECTION, SKEP_AT_FILE(elf->name, s->offset),
					 "section %zu is aligned to %" PRIu64 " bytes", i,
					 s->addralign);
		if (s->type == ELF_SHT_NOBITS || !s->size)
			continue;
		if (!num_inside(s->offset, s->size, elf->size))
			return skep_fail(reterr, &ERR_SECTION, SKEP_AT_FILE(elf->name, s->offset),
					 "section %zu is %" PRIu64 " bytes at %" PRIu64
					 ", the file has %zu bytes",
					 i, s->size, s->offset, elf->size);
		s->data = elf->data + s->offset;
		sum += s->size; /* less than 2^32 sections, each inside the file */
		if (sum / MAX_OVERLAP > elf->size)
			return skep_fail(reterr, &ERR_OVERLAP, SKEP_AT_FILE(elf->name, s->offset),
					 "%zu sections claim %" PRIu64 " bytes of a file of %zu", i,
					 sum, elf->size);
	}
	return 0;
}

const char *elf_string(const struct elf_section *strtab, uint64_t off)
{
	if (off >= strtab->size)
		return off ? NULL : "";
	return (const char *)strtab->data + off;
}

int elf_check_strtab(const struct elf *elf, const struct elf_section *user, uint32_t index,
		     struct skep_error **reterr)
{
	const struct elf_section *s;

	if (index >= elf->nsections)
		return skep_fail(reterr, &ERR_STRTAB, SKEP_AT_ELF(elf->name, user->name, 0),
				 "section %u should be it, there are %zu", index, elf->nsections);
	s = &elf->sections[index];
	if (s->type != ELF_SHT_STRTAB)
		return skep_fail(reterr, &ERR_STRTAB, SKEP_AT_ELF(elf->name, s->name, 0),
				 "section %u should be it, but has type %u", index, s->type);
	if (s->size && s->data[s->size - 1])
		return skep_fail(reterr, &ERR_STRTAB, SKEP_AT_ELF(elf->name, s->name, s->size - 1),
				 "section %u does not end with a zero byte", index);
	return 0;
}

static int name_sections(struct elf *elf, const struct table *t, struct skep_error **reterr)
{
	const struct elf_section *strtab = &elf->sections[t->names];
	int r;

	if (!t->names)
		return 0;
	r = elf_check_strtab(elf, &elf->sections[0], t->names, reterr);
	if (r < 0)
		return r;
	for (size_t i = 1; i < elf->nsections; i++) {
		uint64_t at = t->off + i * SHDR_SIZE;
		uint32_t off = bytes_u32(elf->data + at, elf->swap);

		elf->sections[i].name = elf_string(strtab, off);
		if (!elf->sections[i].name)
			return skep_fail(reterr, &ERR_NAME, SKEP_AT_FILE(elf->name, at),
					 "section %zu has its name at %u of %" PRIu64 " bytes", i,
					 off, strtab->size);
	}
	return 0;
}

static int read_sections(struct elf *elf, struct skep_error **reterr)
{
	struct table t;
	int r;

	r = find_table(elf, &t, reterr);
	if (r < 0)
		return r;
	elf->nsections = t.count ? (size_t)t.count : 1;
	elf->sections = ARENA_ARRAY(&elf->arena, struct elf_section, elf->nsections);
	if (!elf->sections)
		return skep_fail_nomem(reterr);
	elf->sections[0].name = "";
	for (uint32_t i = 1; i < elf->nsections; i++) {
		read_section(elf, elf->data + t.off + (uint64_t)i * SHDR_SIZE, &elf->sections[i]);
		elf->sections[i].index = i;
	}
	r = place_sections(elf, reterr);
	return r < 0 ? r : name_sections(elf, &t, reterr);
}

int elf_open(struct elf *elf, const void *data, size_t size, const char *name,
	     struct skep_error **reterr)
{
	int r;

	*elf = (struct elf){ .name = name, .data = data, .size = size };
	arena_init(&elf->arena, size > SIZE_MAX / 8 ? 0 : size * 4 + 65536);
	r = read_ident(elf, reterr);
	if (r < 0)
		return r;
	elf->type = bytes_u16(elf->data + EH_TYPE, elf->swap);
	elf->machine = bytes_u16(elf->data + EH_MACHINE, elf->swap);
	elf->flags = bytes_u32(elf->data + EH_FLAGS, elf->swap);
	r = read_sections(elf, reterr);
	if (r == 0)
		r = elf_read_symbols(elf, reterr);
	if (r == 0)
		r = elf_index_rels(elf, reterr);
	if (r < 0)
		elf_close(elf);
	return r;
}

void elf_close(struct elf *elf)
{
	arena_done(&elf->arena);
	elf->sections = NULL;
	elf->symbols = NULL;
	elf->rel_first = elf->rel_next = NULL;
	elf->nsections = elf->nsymbols = 0;
}

const struct elf_section *elf_section(const struct elf *elf, const char *name)
{
	for (size_t i = 1; i < elf->nsections; i++)
		if (!strcmp(elf->sections[i].name, name))
			return &elf->sections[i];
	return NULL;
}
